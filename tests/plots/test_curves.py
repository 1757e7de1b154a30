"""What the figures of predictions and limits draw is what they were given."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from nuem.inputs.errors import InputError
from nuem.plots.cross_sections import cross_sections, mixing_angles, rates
from nuem.plots.limits import cls_scan

if TYPE_CHECKING:
    from types import SimpleNamespace


def legend(ax: Any) -> list[str]:
    """Entries of the legend."""
    return [text.get_text() for text in ax.get_legend().get_texts()]


def test_rates_draw_the_curves(examples: SimpleNamespace) -> None:
    given = examples.rates
    ax = rates(**given).axes[0]
    assert (ax.get_xscale(), ax.get_yscale()) == ("log", "log")
    assert ax.get_ylabel() == "Event rate [counts/(kg keV day)]"
    for line, values in zip(ax.lines[:4], given["curves"].values(), strict=True):
        np.testing.assert_array_equal(line.get_xdata(), given["recoil_kev"])
        drawn = np.nan_to_num(line.get_ydata())
        np.testing.assert_array_equal(drawn, values)
    assert legend(ax) == [*given["curves"], "threshold 0.3 keV"]


def test_cross_sections_of_different_grids_in_their_unit() -> None:
    ax = cross_sections(
        recoil_kev={"a": [0.1, 1.0], "b": [1.0, 2.0, 5.0]},
        curves={"a": [1e-42, 1e-44], "b": [1e-44, 1e-45, 0.0]},
        unit="cm2/keV/nucleus",
        recoil_unit="keVnr",
    ).axes[0]
    assert ax.get_ylabel() == r"d$\sigma$/d$T$ [cm$^2$/keV/nucleus]"
    assert ax.get_xlabel() == "Recoil energy $T$ [keVnr]"
    assert ax.get_xlim() == (0.1, 5.0)


def test_mixing_angles_on_a_linear_axis() -> None:
    curves = {"SM": [0.239, 0.239], "charge": [0.0, 0.2]}
    ax = mixing_angles(recoil_kev=[0.1, 1.0], curves=curves, y_range=(0.0, 0.5)).axes[0]
    assert (ax.get_xscale(), ax.get_yscale()) == ("log", "linear")
    assert ax.get_ylim() == (0.0, 0.5)
    assert ax.get_ylabel() == r"Effective $\sin^2\theta_W$"
    for line, values in zip(ax.lines, curves.values(), strict=False):
        np.testing.assert_array_equal(np.nan_to_num(line.get_ydata()), values)
    free = mixing_angles(recoil_kev=[0.1, 1.0], curves=curves).axes[0]
    assert free.get_ylim()[0] == 0.0
    assert free.get_ylim()[1] > 0.239
    with pytest.raises(InputError, match=r"curves\.a"):
        mixing_angles(recoil_kev=[0.1, 1.0], curves={"a": [0.1, -0.2]})
    with pytest.raises(InputError, match="y_range"):
        mixing_angles(recoil_kev=[0.1, 1.0], curves=curves, y_range=(-0.1, 0.5))
    with pytest.raises(InputError, match="y_range"):
        rates(recoil_kev=[0.1, 1.0], curves={"a": [1.0, 2.0]}, y_range=(0.0, 0.5))


def test_ranges_are_kept(examples: SimpleNamespace) -> None:
    ax = rates(**examples.rates, x_range=(0.1, 20.0), y_range=(1e-2, 1e3)).axes[0]
    assert ax.get_xlim() == (0.1, 20.0)
    assert ax.get_ylim() == (1e-2, 1e3)


def test_a_curve_that_plunges_does_not_set_the_scale() -> None:
    ax = rates(recoil_kev=[1.0, 2.0, 3.0], curves={"a": [1.0, 0.5, 1e-200]}).axes[0]
    assert ax.get_ylim()[0] == pytest.approx(1e-10)


def test_curves_that_are_zero_everywhere() -> None:
    ax = rates(recoil_kev=[1.0, 2.0], curves={"a": [0.0, 0.0]}).axes[0]
    assert ax.get_ylim()[0] < ax.get_ylim()[1]


@pytest.mark.parametrize("function", [rates, cross_sections])
@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"curves": {}}, "curves: no curve"),
        ({"recoil_kev": [0.0, 1.0]}, "above 0"),
        ({"recoil_kev": [2.0, 1.0]}, "rising"),
        ({"recoil_kev": {"b": [1.0, 2.0]}}, "names do not match"),
        ({"curves": {"a": [1.0, -1.0]}}, "curves.a: value too small"),
        ({"curves": {"a": [1.0]}}, "curves.a: wrong shape"),
        ({"x_range": (0.0, 1.0)}, "x_range: not a range"),
        ({"y_range": (2.0, 1.0)}, "y_range: not a range"),
    ],
)
def test_curves_refuse(function: Any, change: dict[str, Any], words: str) -> None:
    good = {"recoil_kev": [1.0, 2.0], "curves": {"a": [1.0, 1.0]}}
    with pytest.raises(InputError, match=words):
        function(**{**good, **change})


def test_cls_scan_draws_what_it_was_given(examples: SimpleNamespace) -> None:
    given = examples.cls_scan
    ax = cls_scan(**given).axes[0]
    observed, median = ax.lines[:2]
    np.testing.assert_array_equal(observed.get_xdata(), given["tested"])
    np.testing.assert_array_equal(observed.get_ydata(), given["observed"])
    np.testing.assert_array_equal(median.get_ydata(), given["expected"][:, 2])
    for fill, columns in zip(ax.collections[:2], ((1, 3), (0, 4)), strict=True):
        drawn = fill.get_paths()[0].vertices
        for column in columns:
            ends = np.column_stack([given["tested"], given["expected"][:, column]])
            distance = np.abs(drawn[None] - ends[:, None]).sum(axis=2).min(axis=1)
            assert distance.max() < 1e-12
    level = [line for line in ax.lines if np.allclose(line.get_ydata(), 0.1)]
    assert len(level) == 3
    assert legend(ax)[-2] == r"observed limit $2.1\times10^{-12}$ $e$"


def test_coupling_axis_stands_at_the_squares(examples: SimpleNamespace) -> None:
    ax = cls_scan(**examples.cls_scan).axes[0]
    (top,) = ax.child_axes
    assert top.get_xlabel() == r"$|\delta_\mathrm{Q}|$ [$10^{-12}$ $e$]"
    couplings = np.array([float(text.get_text()) for text in top.get_xticklabels()])
    np.testing.assert_allclose(top.get_xticks(), couplings**2, atol=1e-12)


def test_scan_in_the_coupling_has_its_power_in_the_label() -> None:
    fig = cls_scan(
        tested=[0.0, 1e-12, 3e-12],
        observed=[1.0, 0.4, 0.01],
        observed_limit=2e-12,
        parameter="q",
        unit="e",
        cl=0.95,
        log=True,
    )
    ax = fig.axes[0]
    assert ax.get_xlabel() == "q [$10^{-12}$ $e$]"
    assert legend(ax) == ["observed", r"observed limit $2\times10^{-12}$ $e$"]
    assert "95% CL" in [text.get_text() for text in ax.texts]
    assert max(ax.get_yticks()) <= 1


def test_a_limit_beyond_the_scan_is_told_but_not_drawn() -> None:
    ax = cls_scan(tested=[0.0, 1.0], observed=[1.0, 0.4], observed_limit=3.0).axes[0]
    assert legend(ax)[1] == "observed limit 3 (beyond the axis)"
    assert ax.get_xlim() == (0.0, 1.0)
    (marker,) = [line for line in ax.lines if line.get_marker() == "o"]
    assert marker.get_clip_on()


def test_blind_scan_shows_expected_only(examples: SimpleNamespace) -> None:
    given = {**examples.cls_scan, "observed": None, "observed_limit": None}
    ax = cls_scan(**given).axes[0]
    assert not [name for name in legend(ax) if "observed" in name]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"tested": [1.0, 0.0]}, "tested: not rising"),
        ({"observed": [1.0]}, "observed: wrong shape"),
        ({"observed": np.full(41, 1.5)}, "observed: not CLs"),
        ({"expected": np.zeros((5, 41))}, r"expected \(41, 5\)"),
        ({"observed": None, "expected": None}, "nothing to draw"),
        ({"cl": 90.0}, "cl: not a level"),
        ({"coupling_reference": 0.0}, "coupling_reference"),
        ({"tested": np.linspace(-1, 1, 41)}, "a squared coupling below 0"),
        ({"observed_limit": -1.0}, "observed_limit: a squared coupling below 0"),
        ({"observed_limit": float("nan")}, "observed_limit: not finite"),
    ],
)
def test_cls_scan_refuses(
    change: dict[str, Any], words: str, examples: SimpleNamespace
) -> None:
    with pytest.raises(InputError, match=words):
        cls_scan(**{**examples.cls_scan, **change})
