from __future__ import annotations

import copy
import json
from dataclasses import replace
from typing import Any

import numpy as np
import pyhf
import pytest

from nuem.analysis.background import component_counts, time_factor
from nuem.analysis.exchange.workspace import (
    Workspace,
    observed_counts,
    read_workspace,
    write_workspace,
)
from nuem.analysis.exposure import Exposure, stated_exposure
from nuem.analysis.inference.backend import build_model
from nuem.analysis.inference.fit import best_fit
from nuem.analysis.inference.limits import upper_limit
from nuem.analysis.modelling import POI, SHAPE_SIGMAS, build_workspace
from nuem.analysis.prediction import Prediction, predict
from nuem.analysis.processes import with_process
from nuem.inputs.catalogue import bin_edges, channels
from nuem.inputs.errors import InferenceError, InputError
from nuem.inputs.schema import Experiment

from .conftest import FREE_BINS, Array, Load, background_counts, stated_exposures

TRANSITION = "electron-millicharge-transition"
RISE = """{name: rise, time_law: {kind: constant}, shape: {kind: exponential,
 reference_energy: {value: 0.5, unit: keV, status: assumed, source: test},
 decay_energy: {value: 0.3, unit: keV, free: true, status: assumed, source: test}},
 rate: {value: %g, unit: /(kg keV d), status: assumed, source: test}}"""
FLAT = """{name: flat, shape: {kind: constant}, time_law: {kind: constant},
 rate: {value: 20, unit: /(kg keV d), status: assumed, source: test}}"""


def built(
    experiment: Experiment,
    prediction: Prediction | None = None,
    observed: dict[str, Array] | None = None,
) -> Workspace:
    """Return the workspace at the rates of the file, without signal."""
    return build_workspace(
        experiment,
        background_counts(experiment) if observed is None else observed,
        stated_exposures(experiment),
        predict(experiment) if prediction is None else prediction,
    )


@pytest.fixture(scope="module")
def workspace(small: Experiment, prediction: Prediction) -> Workspace:
    return built(small, prediction)


class Expected:
    """Expected counts of a workspace as pyhf calculates them."""

    def __init__(self, workspace: Workspace) -> None:
        self.model, self.data = build_model(workspace.spec)
        self.config = self.model.config

    def __call__(self, **values: float) -> dict[str, Array]:
        """Counts by channel with some parameters away from where they start."""
        parameters = np.array(self.config.suggested_init())
        for name, value in values.items():
            parameters[self.config.par_slice(name.replace("__", "-"))] = value
        counts = np.asarray(self.model.expected_data(parameters, include_auxdata=False))
        return {c: counts[self.config.channel_slices[c]] for c in self.config.channels}

    def sample(self, channel: str, name: str) -> Array:
        counts = self.model.main_model.expected_data(
            np.array(self.config.suggested_init()), return_by_sample=True
        )
        row = np.asarray(counts)[self.config.samples.index(name)]
        return np.asarray(row[self.config.channel_slices[channel]])


def test_pyhf_takes_the_workspace(workspace: Workspace) -> None:
    spec = json.loads(json.dumps(workspace.spec, allow_nan=False))
    pyhf.schema.validate(spec, "workspace.json")
    model = pyhf.Workspace(spec).model()
    assert sorted(model.config.channels) == ["off", "on"]
    assert model.config.poi_name == POI
    assert set(model.config.parameters) == {
        "mu", "norm_flat", "norm_line", "reactor-flux", "gain_on", "gain_off",
        "width_pcge", "efficiency_on", "efficiency_off",
    }  # fmt: skip


def test_the_measurement_says_what_mu_is(workspace: Workspace) -> None:
    (measurement,) = workspace.spec["measurements"]
    assert measurement["name"] == f"{TRANSITION}@g_ref=2e-12"
    assert measurement["config"]["poi"] == "mu"


def test_the_name_keeps_all_digits_of_the_reference(load: Load) -> None:
    spec = built(load("coupling.reference.value=1.23456789e-12")).spec
    value = spec["measurements"][0]["name"].partition("@g_ref=")[2]
    assert float(value) == 1.23456789e-12


def test_bounds_leave_room(workspace: Workspace) -> None:
    parameters = {
        entry["name"]: entry
        for entry in workspace.spec["measurements"][0]["config"]["parameters"]
    }
    assert parameters["mu"]["bounds"] == [[0.0, 1000.0]]
    for name in ("norm_flat", "norm_line"):
        ((low, high),) = parameters[name]["bounds"]
        assert low == 0
        assert high >= 10
        assert parameters[name]["inits"] == pytest.approx([1.0], rel=1e-3)


def test_expected_counts_are_the_prediction(
    small: Experiment, prediction: Prediction, workspace: Workspace
) -> None:
    expected = Expected(workspace)
    background = background_counts(small)
    signal = 200 * prediction.signals["on"][0].nominal.evaluate(2e-12)
    for mu, g in ((0.0, 0.0), (1.0, 2e-12), (2.25, 3e-12)):
        counts = expected(mu=mu)
        np.testing.assert_allclose(counts["off"], background["off"], rtol=1e-4)
        np.testing.assert_allclose(
            counts["on"] - expected(mu=0.0)["on"],
            200 * prediction.signals["on"][0].nominal.evaluate(g),
            rtol=1e-9, atol=1e-9,
        )  # fmt: skip
    np.testing.assert_allclose(expected.sample("on", TRANSITION), signal)
    assert not any(
        sample["name"] == TRANSITION
        for channel in workspace.spec["channels"] if channel["name"] == "off"
        for sample in channel["samples"]
    )  # fmt: skip


def test_decaying_lines_carry_no_free_ratio(
    small: Experiment, workspace: Workspace
) -> None:
    expected = Expected(workspace)
    on, off = (expected.sample(name, "line").sum() for name in ("on", "off"))
    factors = [
        time_factor(small.backgrounds[1], stated_exposure(c), c, small)
        for c in channels(small)
    ]
    assert off / on == pytest.approx(0.5 * factors[1] / factors[0])
    doubled = expected(norm_line=2.0, mu=0.0)
    once = expected(norm_line=1.0, mu=0.0)
    for name in ("on", "off"):
        np.testing.assert_allclose(
            doubled[name] - once[name], expected.sample(name, "line"), atol=1e-9
        )


@pytest.mark.parametrize("side", [1, -1], ids=["up", "down"])
@pytest.mark.parametrize(
    ("nuisance", "moved"),
    [
        ("gain_on", {"energy_scale": 0.005}),
        ("width_pcge", {"resolution_scale": 0.05}),
    ],
)
def test_one_sigma_is_the_shifted_prediction(
    small: Experiment, prediction: Prediction, workspace: Workspace,
    nuisance: str, moved: dict[str, float], side: int,
) -> None:  # fmt: skip
    shifted = Expected(workspace)(mu=1.0, **{nuisance: side})
    channel = channels(small)[0]
    (signal,) = prediction.signals["on"]
    pair = signal.variations[nuisance]
    exact = 200 * pair[0 if side > 0 else 1].evaluate(2e-12)
    exposure = stated_exposure(channel)
    for background in small.backgrounds:
        counts = component_counts(
            background, channel, bin_edges(small.observables[0]),
            **{name: 1 + side * size for name, size in moved.items()},
        )  # fmt: skip
        exact += 200 * time_factor(background, exposure, channel, small) * counts
    np.testing.assert_allclose(shifted["on"], exact, rtol=1e-4)
    if nuisance == "gain_on":
        np.testing.assert_array_equal(
            shifted["off"], Expected(workspace)(mu=1.0)["off"]
        )


def test_flux_and_efficiency_are_factors(workspace: Workspace) -> None:
    expected = Expected(workspace)
    nominal, empty = expected(mu=1.0), expected(mu=0.0)
    flux = expected(mu=1.0, **{"reactor-flux": 1.0})
    np.testing.assert_allclose(
        flux["on"] - empty["on"], 1.03 * (nominal["on"] - empty["on"])
    )
    np.testing.assert_array_equal(flux["off"], nominal["off"])
    efficiency = expected(mu=1.0, efficiency_on=-1.0)
    np.testing.assert_allclose(efficiency["on"], 0.99 * nominal["on"])
    np.testing.assert_array_equal(efficiency["off"], nominal["off"])


def test_the_meta_document(small: Experiment, workspace: Workspace) -> None:
    meta = json.loads(json.dumps(workspace.meta, allow_nan=False))
    definition = meta["definition"]
    assert definition["processes"] == [TRANSITION]
    assert (definition["symbol"], definition["unit"]) == ("q", "e")
    assert (definition["reference"], definition["power"]) == (2e-12, 2)
    for name in ("flavours", "definition", "sign", "zero", "convention", "methods"):
        assert definition[name], name
    assert "regulator" in definition
    assert meta["channels"]["off"] == {
        "detector": "pcge", "period": "off", "region": "all",
        "exposure_kg_day": 100.0, "unit": "keVee",
        "edges": bin_edges(small.observables[0]).tolist(),
    }  # fmt: skip
    assert meta["background_fit"]["norms"]["norm_flat"] == pytest.approx(1, rel=1e-3)
    assert meta["closure"] == {}
    assert any("below 0.2 keV are not modelled" in note for note in meta["notes"])


def test_files_and_back(workspace: Workspace, tmp_path: Any) -> None:
    paths = write_workspace(tmp_path / "w.json", workspace)
    assert [path.name for path in paths] == ["w.json", "w.meta.json"]
    assert read_workspace(paths[0]) == Workspace(
        json.loads(json.dumps(workspace.spec)), json.loads(json.dumps(workspace.meta))
    )
    with pytest.raises(InputError, match=r"w\.txt.*NAME\.json"):
        write_workspace(tmp_path / "w.txt", workspace)


def test_exposures_scale_the_channels(
    small: Experiment, prediction: Prediction
) -> None:
    twice = {
        "on": Exposure(2.0, ((0.0, 40.0), (45.0, 60.0))),
        "off": Exposure(2.0, ((120.0, 25.0),)),
    }
    observed = background_counts(small)
    meta = build_workspace(small, observed, twice, prediction).meta
    assert meta is not None
    assert meta["channels"]["on"]["exposure_kg_day"] == 200.0
    assert meta["channels"]["off"]["exposure_kg_day"] == 50.0
    # as many events in half the live time: the flat rate fits neither period
    norms = meta["background_fit"]["norms"]
    assert 1.02 < norms["norm_flat"] < 2.0


def test_a_free_slope_is_linearised_where_it_fits(load: Load) -> None:
    experiment = load(f"backgrounds=[{FLAT}, {RISE % 60}]")
    workspace = built(experiment)
    assert workspace.meta is not None
    fit, closure = workspace.meta["background_fit"], workspace.meta["closure"]
    assert fit["shapes"] == pytest.approx({"rise_decay-energy": 0.3}, rel=1e-3)
    assert 0 <= closure["rise_decay-energy"] < 0.1
    expected = Expected(workspace)
    (channel, _), rise = channels(experiment), experiment.backgrounds[1]
    width = fit["shape_errors"]["rise_decay-energy"]
    nominal = expected(mu=0.0)["on"]
    for side in (1, -1):
        moved = expected(mu=0.0, **{"rise_decay-energy": float(side)})["on"]
        change = [
            200 * component_counts(
                rise, channel, bin_edges(experiment.observables[0]), parameter=value
            )
            for value in (0.3 + side * SHAPE_SIGMAS * width, 0.3)
        ]  # fmt: skip
        np.testing.assert_allclose(
            moved - nominal, change[0] - change[1], rtol=5e-3, atol=1e-2
        )


def test_a_power_law_may_be_flat(load: Load) -> None:
    """An index within three uncertainties of 0 is as good as any other."""
    tail = """backgrounds=[{name: tail, time_law: {kind: constant}, shape: {
        kind: power-law, index: {value: 0.02, free: true, status: assumed, source: t},
        reference_energy: {value: 1, unit: keV, status: assumed, source: test}},
        rate: {value: 20, unit: /(kg keV d), status: assumed, source: test}}]"""
    meta = built(load(tail)).meta
    assert meta is not None
    assert meta["background_fit"]["shapes"]["tail_index"] == pytest.approx(0.02)
    assert meta["closure"]["tail_index"] < 0.1


def test_a_process_is_there_once(load: Load) -> None:
    with pytest.raises(InputError, match="a process is there twice"):
        load(
            f"signals=[{{process: {TRANSITION}, method: free}}, "
            f"{{process: {TRANSITION}, method: stepped}}]"
        )


def test_a_slope_that_the_data_leave_open(load: Load) -> None:
    experiment = load(f"backgrounds=[{FLAT}, {RISE % 0.05}]")
    with pytest.raises(InferenceError, match="rise_decay-energy"):
        built(experiment)


def test_free_bins_from_counts_to_limit(load: Load, small: Experiment) -> None:
    experiment = load(
        FREE_BINS,
        "systematics=[{name: gain, effect: energy-scale, scope: period, "
        "size: {value: 0.5, unit: '%', status: assumed, source: test}}]",
        "observables.energy.binning=[{start: 0.5, stop: 2.5, width: 0.5}]",
    )
    flat = load("observables.energy.binning=[{start: 0.5, stop: 2.5, width: 0.5}]")
    predicted = predict(experiment)
    one = 200 * predicted.signals["on"][0].nominal.evaluate(2e-12)
    plain = background_counts(flat)["off"]
    observed = {"on": 2 * plain + 6 * one, "off": plain}
    workspace = built(experiment, predicted, observed)
    expected = Expected(workspace)
    samples = [s for c in workspace.spec["channels"] for s in c["samples"]]
    modifiers = [m for sample in samples for m in sample["modifiers"]]
    assert {m["type"] for m in modifiers if m["name"] == "bins_any"} == {"shapefactor"}
    on, off = (expected.sample(name, "any") for name in ("on", "off"))
    np.testing.assert_allclose(on, 2 * off)  # the ratio of the exposures
    np.testing.assert_allclose(on + off, observed["on"] + observed["off"])
    # the gain stretches the histogram: the sum moves by what passes the ends only
    for side in (1.0, -1.0):
        moved = expected(mu=0.0, gain_on=side)
        assert not np.array_equal(moved["on"], on)
        np.testing.assert_array_equal(moved["off"], off)
        inner = (moved["on"] - on)[1:-1]
        assert np.all(np.abs(inner) < 0.02 * on[1:-1])
    fit = best_fit(workspace.spec, poi_bounds=(-100, 100))
    assert fit.values["mu"] == pytest.approx(6.0, abs=0.02)
    limit = upper_limit(workspace.spec, cl=0.9)
    assert limit.poi.best_fit == pytest.approx(6.0, abs=0.02)
    assert limit.poi.upper_limit > 6.0
    assert limit.p0 < 0.5


def test_free_bins_with_the_signal_alone(load: Load) -> None:
    """The uncertainty of ON less OFF, bin by bin, without nuisance parameters."""
    experiment = load(FREE_BINS, "systematics=[]")
    predicted = predict(experiment)
    observed = {"on": np.full(8, 4000.0), "off": np.full(8, 2000.0)}
    workspace = built(experiment, predicted, observed)
    fit = best_fit(workspace.spec, poi_bounds=(-100, 100))
    signal = 200 * predicted.signals["on"][0].nominal.evaluate(2e-12)
    variance = observed["on"] + 4 * observed["off"]
    assert fit.values["mu"] == pytest.approx(0.0, abs=0.01)
    assert fit.errors["mu"] == pytest.approx(
        1 / np.sqrt(np.sum(signal**2 / variance)), rel=0.01
    )


def test_the_reference_only_moves_the_scale(load: Load) -> None:
    one, four = (
        built(load(f"coupling.reference.value={value}")) for value in (1e-12, 2e-12)
    )
    counts = [Expected(w).sample("on", TRANSITION) for w in (one, four)]
    np.testing.assert_allclose(counts[1], 4 * counts[0])
    fits = [best_fit(w.spec, poi_value=mu) for w, mu in ((one, 4.0), (four, 1.0))]
    assert fits[0].twice_nll == pytest.approx(fits[1].twice_nll, abs=1e-5)


@pytest.mark.parametrize(
    ("part", "message"),
    [
        ("observed", "toy-ge: histograms: channels do not fit"),
        ("exposures", "toy-ge: exposures: channels do not fit"),
        ("signals", "toy-ge: template: channels do not fit"),
    ],
)
def test_a_channel_is_missing(
    small: Experiment, prediction: Prediction, part: str, message: str
) -> None:
    parts: dict[str, dict[str, Any]] = {
        "observed": dict(background_counts(small)),
        "exposures": dict(stated_exposures(small)),
        "signals": dict(prediction.signals),
    }
    del parts[part]["off"]
    with pytest.raises(InputError, match=f"{message}.*expected on, off"):
        build_workspace(
            small, parts["observed"], parts["exposures"],
            replace(prediction, signals=parts["signals"]),
        )  # fmt: skip


def test_wrong_bins(load: Load, small: Experiment, prediction: Prediction) -> None:
    coarse = load("observables.energy.binning=[{start: 0.5, stop: 2.5, width: 0.5}]")
    with pytest.raises(InputError, match=r"histograms\.on: .*found \(4,\)"):
        built(small, prediction, background_counts(coarse))
    with pytest.raises(InputError, match=r"template\.on"):
        built(coarse, prediction)


@pytest.mark.parametrize("what", ["experiment", "process"])
def test_a_template_of_something_else(
    small: Experiment, prediction: Prediction, what: str
) -> None:
    if what == "experiment":
        other = replace(prediction, experiment="another")
    else:
        other = predict(with_process(small, "electron-magnetic"))
    with pytest.raises(InputError, match="template"):
        built(small, other)


def test_a_template_without_the_variations(load: Load, small: Experiment) -> None:
    with pytest.raises(InputError, match="lacks a variation"):
        built(small, predict(load("systematics=[]")))


def test_no_live_time(small: Experiment, prediction: Prediction) -> None:
    exposures = {**stated_exposures(small), "off": Exposure(2.0, ((0.0, 0.0),))}
    with pytest.raises(InferenceError, match=r"channels\.off: no live time"):
        build_workspace(small, background_counts(small), exposures, prediction)


def test_no_source(load: Load) -> None:
    dark = load("sources.core.weights.values={on: 0, off: 0}")
    with pytest.raises(InferenceError, match="no source shines"):
        built(dark)


def test_a_line_without_events_keeps_a_scale(small: Experiment, load: Load) -> None:
    """A component that fits to nothing starts at its uncertainty, not at zero."""
    flat = load(f"backgrounds=[{FLAT}]")
    workspace = built(small, predict(small), background_counts(flat))
    assert workspace.meta is not None
    fit = workspace.meta["background_fit"]
    assert fit["norms"]["norm_line"] == pytest.approx(0.0, abs=0.01)
    assert Expected(workspace).sample("on", "line").sum() > 0
    model, _ = build_model(workspace.spec)
    assert np.isfinite(model.expected_data(model.config.suggested_init())).all()


def test_observed_counts_are_kept(small: Experiment, workspace: Workspace) -> None:
    counts = observed_counts(workspace)
    for name, expected in background_counts(small).items():
        np.testing.assert_array_equal(counts[name], expected)


def test_building_changes_nothing_that_is_passed_in(
    small: Experiment, prediction: Prediction
) -> None:
    observed = background_counts(small)
    before = copy.deepcopy(observed)
    built(small, prediction, observed)
    for name in observed:
        np.testing.assert_array_equal(observed[name], before[name])
