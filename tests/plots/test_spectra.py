"""What the figures of events draw is what they were given."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from matplotlib.container import ErrorbarContainer
from matplotlib.patches import StepPatch

from nuem.inputs.errors import InputError
from nuem.plots.points import rate
from nuem.plots.spectra import band, cut_flow, residual, spectra

if TYPE_CHECKING:
    from types import SimpleNamespace

    from matplotlib.axes import Axes


def points(ax: Axes) -> list[ErrorbarContainer]:
    """Sets of points with errors, in the order of drawing."""
    return [one for one in ax.containers if isinstance(one, ErrorbarContainer)]


def steps(ax: Axes) -> list[StepPatch]:
    """Step curves in the order of drawing."""
    return [one for one in ax.patches if isinstance(one, StepPatch)]


def legend(ax: Axes) -> list[str]:
    """Entries of the legend."""
    found = ax.get_legend()
    assert found is not None
    return [text.get_text() for text in found.get_texts()]


def bars(container: ErrorbarContainer, direction: int) -> np.ndarray:
    """Ends of the error bars: 0 for horizontal ones, 1 for vertical ones."""
    segments = np.asarray(container.lines[2][direction].get_segments())
    return segments[:, :, direction]


def test_spectra_draws_rates_and_errors(examples: SimpleNamespace) -> None:
    given = examples.spectra
    ax = spectra(**given).axes[0]
    for name, drawn in zip(("ON", "OFF"), points(ax), strict=True):
        value, error = rate(
            counts=given["counts"][name],
            edges=given["edges"],
            exposure=given["exposures"][name],
        )
        np.testing.assert_allclose(drawn.lines[0].get_ydata(), value)
        ends = np.stack([value - error[0], value + error[1]], axis=1)
        np.testing.assert_allclose(bars(drawn, 1), ends)
        widths = np.stack([given["edges"][:-1], given["edges"][1:]], axis=1)
        np.testing.assert_allclose(bars(drawn, 0), widths)
    (model,) = steps(ax)
    background = np.asarray(given["models"]["OFF"]["background"])
    values, edges, _ = model.get_data()
    np.testing.assert_allclose(edges, given["edges"])
    np.testing.assert_allclose(values, background / np.diff(edges) / 70.3)
    assert legend(ax) == ["ON", "OFF", "OFF: background"]


def test_spectra_labels_carry_units(examples: SimpleNamespace) -> None:
    ax = spectra(**examples.spectra, energy_unit="keVnr").axes[0]
    assert ax.get_xlabel() == "Measured energy [keVnr]"
    assert ax.get_ylabel() == "Rate [counts/(kg keVnr day)]"
    said = [text.get_text() for text in ax.texts]
    assert {"nuem", "TEXONO-PCGe", "simulated", "Ge-68 K"} <= set(said)


def test_spectra_show_all_points(examples: SimpleNamespace) -> None:
    for log in (False, True):
        ax = spectra(**examples.spectra, log=log).axes[0]
        bottom, top = ax.get_ylim()
        for drawn in points(ax):
            assert bars(drawn, 1).max() < top
            assert drawn.lines[0].get_ydata().min() > bottom
        assert ax.get_xlim() == (0.3, 12.0)


def test_a_long_note_keeps_clear_of_the_experiment(examples: SimpleNamespace) -> None:
    note = "0.65 t yr, science run 1, S1 above 3 PE, fiducial volume of 2018"
    fig = spectra(**{**examples.spectra, "note": note})
    said = {" ".join(text.get_text().split()): text for text in fig.axes[0].texts}
    gap = said[note].get_window_extent().x0 - said["simulated"].get_window_extent().x1
    assert gap > 0
    assert said[note].get_window_extent().y1 < fig.bbox.height


def test_line_marks_stand_at_their_energies(examples: SimpleNamespace) -> None:
    given = examples.spectra
    given["lines"]["far away"] = 50.0
    ax = spectra(**given).axes[0]
    marked = {
        line.get_xdata()[0]
        for line in ax.lines
        if len(set(line.get_xdata())) == 1 and len(line.get_xdata()) == 2
    }
    assert {1.10, 1.30, 8.98, 10.37} <= marked
    assert "far away" not in [text.get_text() for text in ax.texts]


def test_regions_of_one_period_have_their_own_bins() -> None:
    fig = spectra(
        edges={"inner": [1.0, 2.0, 3.0], "outer": [1.0, 3.0]},
        counts={"inner": [4, 0], "outer": [9]},
        exposures=2.0,
        models={"inner": {"fit": [3.0, 1.0]}},
        log=True,
    )
    inner, outer = points(fig.axes[0])
    np.testing.assert_allclose(inner.lines[0].get_ydata(), [2.0, 0.0])
    np.testing.assert_allclose(outer.lines[0].get_ydata(), [2.25])


def test_spectra_of_empty_bins_only() -> None:
    for log in (False, True):
        fig = spectra(edges=[1.0, 2.0], counts={"ON": [0]}, exposures=1.0, log=log)
        bottom, top = fig.axes[0].get_ylim()
        assert bottom < top


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"counts": {}}, "counts: no spectrum"),
        ({"counts": {"ON": [1, 2]}}, "names do not match"),
        ({"exposures": {"ON": 1.0, "OFF": -1.0}}, "not a fitting number"),
        ({"edges": [1.0, 0.5]}, "not bin edges"),
        ({"edges": [1.0, 2.0]}, "counts: wrong shape"),
        ({"models": {"on": {}}}, "models: model of an unknown spectrum"),
        ({"models": {"ON": {"fit": [1.0]}}}, "wrong shape"),
        ({"lines": {"Ge": float("nan")}}, "lines.Ge: not finite"),
    ],
)
def test_spectra_refuse(
    change: dict[str, Any], words: str, examples: SimpleNamespace
) -> None:
    with pytest.raises(InputError, match=words) as caught:
        spectra(**{**examples.spectra, **change})
    assert "\n" not in str(caught.value)


def test_logarithmic_energy_needs_positive_edges() -> None:
    with pytest.raises(InputError, match="positive edges"):
        spectra(edges=[0, 1], counts={"ON": [1]}, exposures=1.0, log_energy=True)
    with pytest.raises(InputError, match="positive edges"):
        residual(edges=[0, 1], values=[1], value_errors=[1], log_energy=True)


def test_residual_draws_what_it_was_given(examples: SimpleNamespace) -> None:
    given = examples.residual
    ax = residual(**given).axes[0]
    (drawn,) = points(ax)
    np.testing.assert_allclose(drawn.lines[0].get_ydata(), given["values"])
    down, up = given["value_errors"]
    ends = np.stack([given["values"] - down, given["values"] + up], axis=1)
    np.testing.assert_allclose(bars(drawn, 1), ends)
    filled, best, excluded = steps(ax)
    np.testing.assert_allclose(filled.get_data().values, given["best_fit_band"][1])
    np.testing.assert_allclose(filled.get_data().baseline, given["best_fit_band"][0])
    np.testing.assert_allclose(best.get_data().values, given["best_fit"])
    np.testing.assert_allclose(excluded.get_data().values, given["excluded"])
    assert legend(ax)[1:] == ["best fit", r"$\pm2\sigma$", "excluded at 90% CL"]
    bottom, top = ax.get_ylim()
    assert bottom < ends.min()
    assert ends.max() < top


def test_residual_of_one_period_says_so() -> None:
    ax = residual(
        edges=[1.0, 2.0],
        values=[-3.0],
        value_errors=[1.0],
        quantity="Data \u2212 background",
        values_name="data \u2212 background",
    ).axes[0]
    assert ax.get_ylabel() == "Data \u2212 background [counts/(kg keVee day)]"
    assert legend(ax) == ["data \u2212 background"]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"values": [1.0]}, "values: wrong shape"),
        ({"value_errors": [[1.0]]}, "value_errors: wrong shape"),
        ({"best_fit": [1.0]}, "best_fit: wrong shape"),
        ({"excluded": "x"}, "excluded: not numbers"),
        ({"best_fit_band": [[1.0], [2.0]]}, "best_fit_band: not a band"),
    ],
)
def test_residual_refuses(
    change: dict[str, Any], words: str, examples: SimpleNamespace
) -> None:
    with pytest.raises(InputError, match=words):
        residual(**{**examples.residual, **change})


def test_band_upside_down(examples: SimpleNamespace) -> None:
    examples.residual["best_fit_band"] = examples.residual["best_fit_band"][::-1]
    with pytest.raises(InputError, match="not a band"):
        residual(**examples.residual)


def test_band_sorts_events() -> None:
    ax = band(
        x=[1.0, 5.0, 5.0, 5.0, 5.0],
        y=[0.0, 0.0, 1.0, 1.1, -2.0],
        band_x=[2.0, 8.0],
        quantiles={0.1: [-1.0, -1.0], 0.5: [0.0, 0.0], 0.9: [1.0, 1.0]},
        x_quantity="S1",
        y_quantity="S2",
        x_unit="PE",
        y_unit="PE",
    ).axes[0]
    assert legend(ax) == [
        "on the band: 2",
        "off the band: 2",
        "beyond the calibration: 1",
        "calibration median",
        "calibration 10\u201390%",
    ]
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("S1 [PE]", "S2 [PE]")
    drawn = {line.get_marker(): line for line in ax.lines}
    np.testing.assert_allclose(drawn["."].get_ydata(), [0.0, 1.0])
    np.testing.assert_allclose(drawn["D"].get_ydata(), [1.1, -2.0])
    np.testing.assert_allclose(drawn["x"].get_xdata(), [1.0])


def test_band_without_events_and_with_many() -> None:
    known = {"band_x": [0.0, 1.0], "quantiles": {0.1: [0.0, 0.0], 0.9: [1.0, 1.0]}}
    words = {"x_quantity": "S1", "y_quantity": "S2"}
    empty = band(x=[], y=[], **known, **words)
    assert legend(empty.axes[0])[0] == "on the band: 0"
    many = np.linspace(0, 1, 6000)
    full = band(x=many, y=many, **known, **words)
    (dots,) = [line for line in full.axes[0].lines if line.get_marker() == "."]
    assert dots.get_rasterized()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"y": [1.0]}, "y: wrong shape"),
        ({"band_x": [1.0, 1.0]}, "band_x: not rising"),
        ({"quantiles": {}}, "not quantiles of a band"),
        ({"quantiles": {0.5: np.ones(30)}}, "not quantiles of a band"),
        ({"quantiles": {0.1: [0.0], 0.8: [1.0]}}, "add up to 1"),
        ({"quantiles": {0.1: [0.0], 0.9: [1.0]}}, "wrong shape"),
        ({"quantiles": {0.1: np.ones(30), 0.9: np.zeros(30)}}, "cross"),
    ],
)
def test_band_refuses(
    change: dict[str, Any], words: str, examples: SimpleNamespace
) -> None:
    with pytest.raises(InputError, match=words):
        band(**{**examples.band, **change})


def test_cut_flow_draws_and_writes_the_counts(examples: SimpleNamespace) -> None:
    ax = cut_flow(**examples.cut_flow).axes[0]
    counts = examples.cut_flow["counts"]
    for container, name in zip(ax.containers, ("ON", "OFF"), strict=True):
        assert [bar.get_width() for bar in container] == counts[name]
    written = [text.get_text() for text in ax.texts]
    assert "410\u2009223 (34.1%)" in written
    assert "1\u2009203\u2009388 (>99.9%)" in written
    assert ax.get_xlabel() == "Number of events left"


@pytest.mark.parametrize("counts", [[0, 0], [5, 0], [1, 1], [2.5, 1.25]])
def test_cut_flow_of_few_events(counts: list[float]) -> None:
    ax = cut_flow(cuts=["all", "cut"], counts={"ON": counts}).axes[0]
    low, high = ax.get_xlim()
    assert 0 < low < high


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"cuts": []}, "empty cut flow"),
        ({"counts": {}}, "empty cut flow"),
        ({"counts": {"ON": [1]}}, "counts.ON: wrong shape"),
        ({"counts": {"ON": [1, -1, 0, 0]}}, "counts.ON: value too small"),
    ],
)
def test_cut_flow_refuses(
    change: dict[str, Any], words: str, examples: SimpleNamespace
) -> None:
    with pytest.raises(InputError, match=words):
        cut_flow(**{**examples.cut_flow, **change})
