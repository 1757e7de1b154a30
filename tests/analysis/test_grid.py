"""Bins of several axes, histograms that are given for them, and signals spread over them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import hist
import numpy as np
import pytest
import uhi.io.json

from nuem.analysis.blinding import BLIND_NOTE
from nuem.analysis.exchange.workspace import Workspace
from nuem.analysis.flavours import join_charges
from nuem.analysis.grid import Given, Grid, read_given
from nuem.analysis.inference.fit import best_fit
from nuem.analysis.inference.likelihood import Likelihood
from nuem.analysis.modelling import LINKS, build_workspace
from nuem.analysis.prediction import predict
from nuem.analysis.publishing_model import bin_columns
from nuem.analysis.simulate_bins import (
    read_shapes,
    simulate_bins,
    write_simulated_spectra,
)
from nuem.analysis.spectra import read_spectra
from nuem.analysis.stages import (
    make_spectra_workspace,
    make_template,
    stage_provenance,
)
from nuem.analysis.standard_model import free_standard_model
from nuem.analysis.variations import alternatives
from nuem.inputs.backgrounds import HistogramFactor
from nuem.inputs.catalogue import load_experiment
from nuem.inputs.errors import InputError
from nuem.inputs.quantities import TimeCurve
from nuem.inputs.schema import Experiment
from nuem.inputs.variations import HistogramVariation
from nuem.models.flux.sns import BeamTime

ENERGY = np.array([0.0, 20.0, 60.0, 120.0])
TIME = np.array([0.0, 1.0, 3.0, 6.0])


def given(values: np.ndarray, **edges: np.ndarray) -> Given:
    return Given(edges, np.asarray(values, dtype=float), "test")


@pytest.fixture
def grid() -> Grid:
    fine = np.linspace(0, 120, 13)
    flat = np.ones((12, 6))
    return Grid(
        ("energy", "time"), ("keVee", "us"), (ENERGY, TIME),
        {
            "flat": given(flat, energy=fine, time=np.linspace(0, 6, 7)),
            "turned": given(flat.T, time=np.linspace(0, 6, 7), energy=fine),
            "slope": given(np.arange(12.0), energy=fine),
            "late": given([0, 1, 2, 3, 4, 5, 6, 7], time=np.linspace(-1, 7, 9)),
            "short": given([1, 1], time=np.array([0.0, 1.0, 2.0])),
            "empty": given(np.zeros(12), energy=fine),
        },
    )  # fmt: skip


def test_a_given_histogram_is_brought_to_the_bins(grid: Grid) -> None:
    np.testing.assert_allclose(
        grid.histogram("flat"), np.outer([2, 4, 6], [1, 2, 3]), rtol=1e-12
    )
    np.testing.assert_allclose(
        grid.histogram("turned", ["energy", "time"]), grid.histogram("flat"), rtol=1e-12
    )
    np.testing.assert_allclose(grid.histogram("flat", ["time"]), [12, 24, 36])
    np.testing.assert_allclose(grid.histogram("slope"), [1, 14, 51])
    # cells beyond the range do not count
    np.testing.assert_allclose(grid.histogram("late"), [1, 5, 15])


def test_cells_across_an_edge_are_shared() -> None:
    odd = Grid(
        ("time",), ("us",), (np.array([0.0, 0.25, 1.0]),),
        {"h": given([1, 3], time=np.array([0.0, 0.5, 1.0]))},
    )  # fmt: skip
    np.testing.assert_allclose(odd.histogram("h"), [0.5, 3.5])


def test_a_product_has_each_axis_once(grid: Grid) -> None:
    product = grid.product(
        [HistogramFactor(histogram="late"), HistogramFactor(histogram="slope")]
    )
    assert product.sum() == pytest.approx(21)  # that of the first
    np.testing.assert_allclose(
        product.reshape(3, 3), 21 * np.outer([1, 14, 51], [1, 5, 15]) / (66 * 21)
    )
    with pytest.raises(
        InputError, match=r"each axis once.*found late, late|time, time"
    ):
        grid.product([HistogramFactor(histogram="late")] * 2)
    with pytest.raises(InputError, match="an empty histogram"):
        grid.product([HistogramFactor(histogram="empty")])


def test_an_efficiency_that_a_histogram_is_without(grid: Grid) -> None:
    half = TimeCurve(expression="where(t > 3, 0.5, 1)", status="assumed", source="test")
    row = grid.product(
        [
            HistogramFactor(histogram="late", efficiency=half),
            HistogramFactor(histogram="slope"),
        ]
    )
    np.testing.assert_allclose(grid.project(row, 1), [1, 5, 7.5])
    with pytest.raises(InputError, match="that of one axis"):
        grid.product([HistogramFactor(histogram="flat", efficiency=half)])


@pytest.mark.parametrize(
    ("name", "axes", "message"),
    [
        ("none", None, "no such histogram.*there are: empty, flat"),
        ("slope", ["time"], "no such axis: found time, expected energy"),
        ("short", None, "does not cover the bins.*found 0 to 2, expected 0 to 6"),
    ],
)
def test_histograms_that_do_not_fit(
    grid: Grid, name: str, axes: list[str] | None, message: str
) -> None:
    with pytest.raises(InputError, match=message):
        grid.histogram(name, axes)


def test_what_is_given_on_one_side_is_mirrored(grid: Grid) -> None:
    both = dict(grid.given)
    both["up"] = given(
        np.outer([3.0, 1, 1] * 4, np.ones(6)), **grid.given["flat"].edges
    )
    wider = Grid(grid.names, grid.units, grid.edges, both)
    variation = HistogramVariation(
        kind="histogram", name="x", sample="signal", nominal="flat", up="up"
    )
    nominal, up, down = alternatives(variation, wider)
    np.testing.assert_allclose(down, np.maximum(2 * nominal - up, 0))
    assert (down >= 0).all()


def test_files_of_histograms(tmp_path: Path) -> None:
    h = hist.Hist(hist.axis.Variable([0.0, 1.0, 3.0], name="energy"))
    h[...] = [1.0, 2.0]
    path = tmp_path / "a.json"
    path.write_text(json.dumps({"h": h}, default=uhi.io.json.default))
    found, files = read_given([path])
    assert list(found) == ["h"]
    np.testing.assert_allclose(found["h"].edges["energy"], [0, 1, 3])
    assert files[0]["file"] == str(path)
    with pytest.raises(InputError, match="there twice"):
        read_given([path, path])
    path.write_text('{"h": {"axes": 3}}')
    with pytest.raises(InputError, match="not a UHI histogram"):
        read_given([path])
    path.write_text("[]")
    with pytest.raises(InputError, match="not a file of histograms"):
        read_given([path])


# --- a small experiment of three axes


@pytest.fixture(scope="module")
def argon() -> Experiment:
    return load_experiment(
        "coherent-lar",
        [
            "observables.energy.binning=[{start: 0, stop: 120, width: 40}]",
            "observables.f90.binning=[{start: 0.5, stop: 0.9, width: 0.2}]",
            "observables.time.binning=[{start: -0.1, stop: 4.9, width: 2.5}]",
        ],
    )


NAMES = (
    "data", "steady-state", "brn", "delayed-brn", "cevns", "brn-energy-up",
    "brn-energy-down", "brn-timing-mean-up", "brn-timing-mean-down",
    "brn-timing-width", "cevns-f90-up", "cevns-f90-down", "cevns-timing-mean",
)  # fmt: skip


@pytest.fixture
def release(tmp_path: Path, argon: Experiment) -> Path:
    """Histograms of three axes, made up."""
    generator = np.random.default_rng(1)
    grid = Grid.of(argon)
    document = {}
    for name in NAMES:
        axes = [
            hist.axis.Variable(edges, name=axis, flow=False)
            for axis, edges in zip(grid.names, grid.edges, strict=True)
        ]
        h = hist.Hist(*axes, storage=hist.storage.Double())
        h[...] = generator.integers(5, 50, grid.shape).astype(float)
        document[name] = h
    path = tmp_path / "release.json"
    path.write_text(json.dumps(document, default=uhi.io.json.default))
    return path


def test_a_signal_on_three_axes(argon: Experiment, release: Path) -> None:
    """Energy, pulse shape of the release at each energy, time of the beam."""
    spectra = read_spectra(argon, [release])
    prediction = predict(argon, given=spectra.given)
    (signal,) = prediction.signals["beam"]
    assert signal.nominal.coefficients["1"].shape == (3, 2, 2)
    f90 = spectra.given["cevns"].values.sum(axis=2)
    ours = signal.nominal.coefficients["1"].sum(axis=2)
    np.testing.assert_allclose(
        ours / ours.sum(axis=1, keepdims=True), f90 / f90.sum(axis=1, keepdims=True)
    )
    # the interference of nu_mu is prompt, that of anti-nu_mu delayed: between the two
    pulse = BeamTime(0.44, 0.15)
    early = [pulse.fractions(k, [-0.1, 2.4])[0] for k in ("prompt", "delayed")]
    share = signal.nominal.coefficients["q"].sum(axis=(0, 1))
    whole = [pulse.fractions(k, [-0.1, 4.9])[0] for k in ("prompt", "delayed")]
    assert early[1] / whole[1] < share[0] / share.sum() < early[0] / whole[0]
    assert set(signal.variations) == {"lar-f90", "lar-timing"}
    ratio = spectra.given["cevns-f90-up"].values / spectra.given["cevns"].values
    np.testing.assert_allclose(
        signal.variations["lar-f90"][0].coefficients["q"],
        signal.nominal.coefficients["q"] * ratio,
    )


def test_the_workspace_of_three_axes(argon: Experiment, release: Path) -> None:
    spectra = read_spectra(argon, [release])
    workspace = build_workspace(
        argon, spectra.counts, spectra.exposures(argon),
        predict(argon, given=spectra.given), given=spectra.given,
    )  # fmt: skip
    (channel,) = workspace.spec["channels"]
    samples = {sample["name"]: sample for sample in channel["samples"]}
    assert list(samples) == ["sm", "int", "em", "steady-state", "brn", "delayed-brn"]
    np.testing.assert_allclose(
        samples["brn"]["data"], spectra.given["brn"].values.ravel()
    )
    moves = {m["name"]: m for m in samples["brn"]["modifiers"]}
    np.testing.assert_allclose(
        moves["lar-brn-energy"]["data"]["hi_data"],
        spectra.given["brn-energy-up"].values.ravel(),
    )
    assert workspace.spec["observations"][0]["data"] == (
        spectra.given["data"].values.ravel().tolist()
    )
    assert workspace.meta is not None
    axes = workspace.meta["channels"]["beam"]["axes"]
    assert list(axes) == ["energy", "f90", "time"]
    assert workspace.meta["definition"]["neutral"] == ["nu-e"]


def test_bins_of_a_release_that_differ(argon: Experiment, release: Path) -> None:
    document = json.loads(release.read_text())
    document["data"] = document.pop("brn") | {}
    document["data"]["axes"][0]["edges"][0] = 1.0
    release.write_text(json.dumps(document))
    with pytest.raises(
        InputError, match=r"bins do not fit.*energy 3 bins from 1 to 120"
    ):
        read_spectra(argon, [release])


def test_a_charge_of_one_flavour_leaves_the_others_as_they_are(
    argon: Experiment, release: Path
) -> None:
    spectra = read_spectra(argon, [release])
    other = load_experiment(
        "coherent-lar",
        ["coupling.flavours=[nu-e]", "coupling.neutral=[nu-mu, anti-nu-mu]",
         *(f"observables.{n}.binning={b}" for n, b in (
             ("energy", "[{start: 0, stop: 120, width: 40}]"),
             ("f90", "[{start: 0.5, stop: 0.9, width: 0.2}]"),
             ("time", "[{start: -0.1, stop: 4.9, width: 2.5}]"),
         ))],
    )  # fmt: skip
    mu = predict(argon, given=spectra.given).signals["beam"][0].nominal.coefficients
    e = predict(other, given=spectra.given).signals["beam"][0].nominal.coefficients
    np.testing.assert_allclose(mu["1"], e["1"])
    assert set(mu) == set(e) == {"1", "q", "q^2"}
    # nu_mu and anti-nu_mu against nu_e; Q_W is negative, so a charge lowers the rate
    assert mu["q^2"].sum() > 1.5 * e["q^2"].sum()
    assert (mu["q"] < 0).all()


def workspace_of(experiment: Experiment, release: Path) -> Workspace:
    spectra = read_spectra(experiment, [release])
    return build_workspace(
        experiment, spectra.counts, spectra.exposures(experiment),
        predict(experiment, given=spectra.given), given=spectra.given,
    )  # fmt: skip


def test_two_couplings_in_one_workspace(argon: Experiment, release: Path) -> None:
    """With one of them 0 the likelihood is that of the other alone."""
    coupling = argon.coupling.model_copy(
        update={"flavours": argon.coupling.neutral, "neutral": argon.coupling.flavours}
    )
    other = argon.model_copy(update={"coupling": coupling})
    alone = {"q_mu": workspace_of(argon, release), "q_e": workspace_of(other, release)}
    both = join_charges({name: alone[name] for name in ("q_e", "q_mu")})
    assert both.meta is not None
    definition = both.meta["definition"]
    assert definition["flavours"] == ["anti-nu-mu", "nu-e", "nu-mu"]
    joint = Likelihood(both.spec, links=definition["links"])
    for name, workspace in alone.items():
        single = Likelihood(workspace.spec, links=LINKS)
        silent = next(n for n in alone if n != name)
        for value in (-1.0, 0.5, 2.0):
            expected = single.fit(fixed={single.index("g"): value}).twice_nll
            found = joint.fit(
                fixed={joint.index(name): value, joint.index(silent): 0.0}
            ).twice_nll
            assert found == pytest.approx(expected, abs=1e-5)
    spec = json.loads(json.dumps(alone["q_e"].spec))
    spec["channels"][0]["samples"][-1]["data"][0] += 1.0
    changed = Workspace(spec, alone["q_e"].meta)
    with pytest.raises(InputError, match="a sample without charge that differs"):
        join_charges({"q_e": changed, "q_mu": alone["q_mu"]})
    meta = json.loads(json.dumps(alone["q_e"].meta))
    del meta["definition"]["links"]
    silent_one = Workspace(alone["q_e"].spec, meta)
    with pytest.raises(InputError, match="not a workspace of one charge"):
        join_charges({"q_e": silent_one, "q_mu": alone["q_mu"]})


def test_the_standard_model_times_a_free_factor(
    argon: Experiment, release: Path
) -> None:
    workspace = workspace_of(argon, release)
    free = free_standard_model(workspace, without=("flux",))
    samples = {s["name"]: s for s in free.spec["channels"][0]["samples"]}
    assert list(samples) == ["sm", "steady-state", "brn", "delayed-brn"]
    assert {m["name"] for m in samples["sm"]["modifiers"]} == {
        "mu", "lar-f90", "lar-timing",
    }  # fmt: skip
    assert "flux" in {
        m["name"] for m in workspace.spec["channels"][0]["samples"][0]["modifiers"]
    }
    assert best_fit(free.spec).poi == "mu"
    with pytest.raises(InputError, match="no Standard Model"):
        free_standard_model(
            Workspace({"channels": [], "measurements": [], "observations": []})
        )


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("observables.time.signal=null", "further axis is in us or 1, with 'signal'"),
        ("observables.energy.unit=us", "first axis is an energy"),
        ("coupling.neutral=[nu-e, anti-nu-mu]", "share their coupling: mu"),
        ("variations.lar-f90.sample=none", "no 'none'.*brn"),
        ("backgrounds.brn.shape={kind: constant}", "needs a 'rate'"),
        ("observables.energy.unit=PE", "photoelectrons"),
        ("spectrum.per=keV", "a density has one axis"),
        ("spectrum.unbinned=true", "several axes"),
    ],
)
def test_axes_that_make_no_sense(setting: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        load_experiment("coherent-lar", [setting])


def test_published_templates_have_a_column_for_each_axis() -> None:
    energy, time = np.array([0.0, 1.0, 2.0]), np.array([0.0, 0.5, 1.0, 3.0])
    axes = {"energy": {"unit": "keVee"}, "time": {"unit": "us"}}
    columns = bin_columns([energy, time], {"axes": axes})
    assert [c.name for c in columns] == ["energy", "time"]
    assert columns[0].values[2:4] == [
        {"low": 0.0, "high": 1.0},
        {"low": 1.0, "high": 2.0},
    ]
    assert columns[1].values[2] == columns[1].values[5] == {"low": 1.0, "high": 3.0}
    (single,) = bin_columns([energy], {"unit": "keVee"})
    assert single.name == "measured energy"


# --- simulated and blind


def test_simulated_counts_of_three_axes(argon: Experiment, release: Path) -> None:
    """Each bin is Poisson around the expectation of the workspace; same seed, same."""
    given, _ = read_shapes(argon, [release])
    one, two = (simulate_bins(argon, seed=s, given=given) for s in (1, 1))
    np.testing.assert_array_equal(one.channels["beam"], two.channels["beam"])
    samples = workspace_of(argon, release).spec["channels"][0]["samples"]
    fixed = [s for s in samples if s["name"] not in ("int", "em")]
    expected = np.sum([s["data"] for s in fixed], axis=0)
    many = [
        simulate_bins(argon, seed=s, given=given).channels["beam"] for s in range(60)
    ]
    pull = (np.mean(many, axis=0) - expected) / np.sqrt(expected / 60)
    assert np.abs(pull).max() < 4.0
    assert 0.5 < np.var(many, axis=0).sum() / expected.sum() < 1.5
    # a charge of nu_mu of either sign: the interference has it
    up, down = (
        simulate_bins(argon, seed=1, coupling=q, given=given).channels["beam"].sum()
        for q in (5e-8, -5e-8)
    )
    assert up < one.channels["beam"].sum() < down


def test_simulated_spectra_are_analysed(
    argon: Experiment, release: Path, tmp_path: Path
) -> None:
    given, inputs = read_shapes(argon, [release])
    drawn = simulate_bins(argon, seed=2, given=given)
    made = stage_provenance(argon, {"stage": "simulate", "seed": 2}, inputs)
    path = write_simulated_spectra(
        tmp_path / "s.json", argon, drawn, [release], made
    )  # fmt: skip
    spectra = read_spectra(argon, [path])
    np.testing.assert_array_equal(spectra.counts["beam"], drawn.channels["beam"])
    assert set(spectra.given) == set(NAMES)
    # the same again, and not in place of another
    write_simulated_spectra(path, argon, drawn, [release], made)
    other = stage_provenance(argon, {"stage": "simulate", "seed": 3}, inputs)
    with pytest.raises(InputError, match="output exists: found configuration"):
        write_simulated_spectra(path, argon, drawn, [release], other)
    write_simulated_spectra(path, argon, drawn, [release], other, force=True)


@pytest.mark.parametrize(
    ("settings", "options", "message"),
    [
        ([], {"seed": -1}, "seed: found -1"),
        ([], {"coupling": float("nan")}, "coupling: found nan"),
        ([], {"given": {}}, "cevns: no such histogram"),
        (["spectrum.exposure={value: 1, unit: kg day, status: assumed, source: x}"],
         {}, "of the whole exposure"),
        (["observation=gaussian"], {}, "only counts can be simulated: found gaussian"),
    ],
)  # fmt: skip
def test_what_cannot_be_simulated_in_bins(
    settings: list[str], options: dict[str, Any], message: str
) -> None:
    experiment = load_experiment("coherent-lar", settings)
    with pytest.raises(InputError, match=message):
        simulate_bins(experiment, **{"seed": 1, **options})


def test_a_blind_experiment_of_three_axes(argon: Experiment, release: Path) -> None:
    """What is expected without charge stands in for the counts, which are nowhere."""
    blind = argon.model_copy(update={"blind": True})
    spectra = read_spectra(blind, [release])
    prediction = make_template(blind, given=spectra.given)
    workspace = make_spectra_workspace(blind, spectra, prediction)
    (seen,) = workspace.spec["observations"]
    samples = workspace.spec["channels"][0]["samples"]
    fixed = [s["data"] for s in samples if s["name"] not in ("int", "em")]
    np.testing.assert_allclose(seen["data"], np.sum(fixed, axis=0), rtol=1e-6)
    assert not np.allclose(seen["data"], spectra.counts["beam"])
    assert workspace.meta is not None
    assert workspace.meta["blind"] is True
    assert workspace.meta["spectra"] == {}
    assert BLIND_NOTE in workspace.meta["warnings"]
    free = make_spectra_workspace(blind, spectra, prediction, unblind=True)
    np.testing.assert_array_equal(
        free.spec["observations"][0]["data"], spectra.counts["beam"]
    )
