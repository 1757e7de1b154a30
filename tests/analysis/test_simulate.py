from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import uproot
from scipy.stats import kstest

from nuem.analysis.background import time_factor
from nuem.analysis.exposure import Exposure, measured_exposures, stated_exposure
from nuem.analysis.prediction import Prediction
from nuem.analysis.simulate import (
    Events,
    check_truth,
    guard_events,
    simulate,
    write_events,
)
from nuem.analysis.stages import histogram_events
from nuem.inputs.catalogue import channels, load_experiment
from nuem.inputs.errors import InferenceError, InputError
from nuem.inputs.schema import Experiment

from .conftest import FREE_BINS, Array, Load, background_counts


def accepted(events: Events, on: bool | None = None) -> Array:
    """Return the energies that pass the cut of the small experiment."""
    keep = events.events["score"] > 0.2
    if on is not None:
        keep &= events.events["reactor_on"] == on
    return np.asarray(events.events["energy"][keep])


def between(energy: Array, low: float, high: float) -> int:
    return int(np.sum((energy >= low) & (energy < high)))


def compatible(count: int, expected: float) -> bool:
    """Whether a Poisson count is within four standard deviations."""
    return abs(count - expected) < 4 * np.sqrt(expected)


@pytest.fixture(scope="module")
def drawn(small: Experiment) -> Events:
    return simulate(small, seed=5, exposure_scale=4)


def test_same_seed_same_arrays(small: Experiment) -> None:
    a, b, c = (simulate(small, seed=seed) for seed in (3, 3, 4))
    for one, two in ((a.events, b.events), (a.runs, b.runs)):
        assert list(one) == list(two)
        for name in one:
            np.testing.assert_array_equal(one[name], two[name])
    assert len(a.events["energy"]) != len(c.events["energy"]) or not np.array_equal(
        a.events["energy"], c.events["energy"]
    )


@pytest.mark.parametrize("name", ["on", "off"])
def test_accepted_rates_are_those_of_the_file(
    small: Experiment, drawn: Events, name: str
) -> None:
    """Per component: beside the lines the constant, in their windows the lines."""
    energy = accepted(drawn, on=name == "on")
    channel = next(c for c in channels(small) if c.name == name)
    # four times the exposure: OFF begins when ON has ended
    start = 0.0 if name == "on" else drawn.runs["start"][~drawn.runs["reactor_on"]][0]
    live = 4 * channel.live_time_d
    exposure = Exposure(channel.mass_kg, ((start / 86400, live),))
    per_kev = 20 * exposure.kg_day
    assert compatible(between(energy, 0.4, 0.8), 0.4 * per_kev)
    assert compatible(between(energy, 2.4, 2.9), 0.5 * per_kev)
    factor = time_factor(small.backgrounds[1], exposure, channel, small)
    # four sigma on each side of the lines: 1.65 to 2.35, 0.88 to 1.37
    rate = 12 * exposure.kg_day * factor
    assert compatible(between(energy, 1.65, 2.35), 0.7 * per_kev + rate)
    assert compatible(between(energy, 0.88, 1.37), 0.49 * per_kev + 0.25 * rate)


def test_cosmogenic_lines_keep_their_ratio() -> None:
    """K and L of one isotope decay together; the default experiment, lines alone."""
    settings = [
        "simulation.populations=[]",
        "backgrounds.flat.rate.value=1e-6",
        "backgrounds.rise.rate.value=1e-6",
        "backgrounds.ge68.rate.value=200",
        "backgrounds.zn65.rate.value=1e-6",
    ]
    experiment = load_experiment("texono-pcge", settings)
    events = simulate(experiment, seed=2).events
    for on, kg_day in ((True, 124.2), (False, 70.3)):
        energy = events["energy"][events["reactor_on"] == on]
        k, l_ = between(energy, 9.5, 11.3), between(energy, 1.0, 1.6)
        start, live = (0.0, 248.4) if on else (250.0, 140.6)
        decay = np.log(2) / 270.9
        factor = np.exp(-decay * start) * -np.expm1(-decay * live) / (decay * live)
        assert compatible(k, 200 * kg_day * factor / 0.965)
        assert compatible(l_, 0.133 * 200 * kg_day * factor / 0.965)


@pytest.mark.parametrize("small_one", [True, False], ids=["small", "texono-pcge"])
def test_cuts_keep_the_declared_part_of_genuine_events(
    load: Load, small_one: bool
) -> None:
    experiment = (
        load("simulation.populations=[]") if small_one
        else load_experiment("texono-pcge", ["simulation.populations=[]"])
    )  # fmt: skip
    events = simulate(experiment, seed=8).events
    if small_one:
        keep = events["score"] > 0.2
    else:
        keep = events["veto_time_us"] > 200
        keep &= events["compton_kev"] < 20
        keep &= np.abs(events["rise_time_us"] - 0.8) < 0.36
    curve = experiment.detectors[0].response.cut_efficiency
    declared = float(curve(1.0))
    error = np.sqrt(declared * (1 - declared) / keep.size)
    # the declared number of texono-pcge has three digits
    assert keep.mean() == pytest.approx(declared, abs=4 * error + 5e-4)


def test_populations_to_be_cut_away(small: Experiment, drawn: Events) -> None:
    junk = drawn.events["score"] == np.float32(0.1)
    assert compatible(int(junk.sum()), 10 * 4 * 300 * 2.75)
    flat = kstest(drawn.events["energy"][junk], "uniform", args=(0.25, 2.75))
    assert flat.pvalue > 1e-4


def test_injected_coupling_appears_with_its_rate(
    small: Experiment, prediction: Prediction
) -> None:
    coupling = 3e-11
    energy = accepted(simulate(small, seed=6, coupling=coupling), on=True)
    dark = accepted(simulate(small, seed=6, coupling=coupling), on=False)
    counts = np.histogram(energy, np.linspace(0.5, 2.5, 9))[0]
    (signal,) = prediction.signals["on"]
    expected = background_counts(small)["on"] + 200 * signal.nominal.evaluate(coupling)
    assert expected.sum() > 1.3 * background_counts(small)["on"].sum()
    assert np.all(np.abs(counts - expected) < 4 * np.sqrt(expected))
    assert compatible(int(counts.sum()), float(expected.sum()))
    assert compatible(
        between(dark, 0.5, 2.5), float(background_counts(small)["off"].sum())
    )


def test_lines_decay_within_their_runs(load: Load) -> None:
    experiment = load("simulation.populations=[]", "backgrounds.flat.rate.value=1e-6")
    events = simulate(experiment, seed=9, exposure_scale=1).events
    days = events["time"][events["reactor_on"]] / 86400
    decay = np.log(2) / 60
    assert days.size > 1000
    result = kstest(days, lambda t: np.expm1(-decay * t) / np.expm1(-decay * 100))
    assert result.pvalue > 1e-4
    # and within one run of eight days
    first = days[days < 8]
    result = kstest(first, lambda t: np.expm1(-decay * t) / np.expm1(-decay * 8))
    assert result.pvalue > 1e-4


def test_constant_backgrounds_do_not_decay(load: Load) -> None:
    events = simulate(load("backgrounds.line.rate.value=1e-6"), seed=9).events
    days = events["time"][events["reactor_on"]] / 86400
    assert kstest(days, "uniform", args=(0, 100)).pvalue > 1e-4


def test_gain_of_a_period(load: Load) -> None:
    settings = ["simulation.populations=[]", "backgrounds.flat.rate.value=1e-6"]
    drift = simulate(load(*settings, "simulation.gain={off: 1.02}"), seed=4).events
    plain = simulate(load(*settings), seed=4).events
    on = plain["reactor_on"]
    np.testing.assert_array_equal(drift["reactor_on"], on)
    np.testing.assert_array_equal(drift["energy"][on], plain["energy"][on])
    np.testing.assert_allclose(drift["energy"][~on], 1.02 * plain["energy"][~on])


def test_a_number_of_events_scales_the_exposure(load: Load) -> None:
    small = load("backgrounds.line.time_law={kind: constant}")
    events = simulate(small, seed=7, events=5000)
    assert compatible(len(events.events["energy"]), 5000)
    live = {
        on: events.runs["live_time_s"][events.runs["reactor_on"] == on].sum()
        for on in (True, False)
    }
    assert live[True] / live[False] == pytest.approx(2.0)
    full = len(simulate(small, seed=7).events["energy"])
    assert live[True] == pytest.approx(8.64e6 * 5000 / full, rel=0.05)


def test_runs(small: Experiment) -> None:
    drawn = simulate(small, seed=1)
    runs, events = drawn.runs, drawn.events
    assert runs["run"].tolist() == list(range(1, 21))  # 13 and 7, of 8 days at most
    assert runs["reactor_on"].tolist() == [True] * 13 + [False] * 7
    np.testing.assert_allclose(runs["start"][[0, 1, 13]], [0, 8 * 86400, 120 * 86400])
    live = runs["live_time_s"] / 86400
    np.testing.assert_allclose(live[[0, 12, 13, 19]], [8, 4, 8, 2])
    assert live[:13].sum() == pytest.approx(100)
    assert np.all(np.diff(events["time"]) >= 0)
    row = events["run"] - 1
    np.testing.assert_array_equal(runs["reactor_on"][row], events["reactor_on"])
    since = events["time"] - runs["start"][row]
    assert np.all((since >= 0) & (since <= runs["live_time_s"][row]))


def test_detectors_and_regions_are_told_apart(load: Load) -> None:
    small = load().model_dump(mode="json")
    detectors, regions = (
        [{**part, "select": f"{key} == {n + 1}", "name": f"{key}-{n + 1}"}
         for n in range(2)]
        for key, part in (
            ("detector", small["detectors"][0]), ("region", small["regions"][0])
        )
    )  # fmt: skip
    regions[1]["mass"] = {**detectors[0]["mass"], "value": 0.5}
    experiment = load(
        f"detectors={json.dumps(detectors)}", f"regions={json.dumps(regions)}"
    )
    events = simulate(experiment, seed=1).events
    for detector in (1, 2):
        for region, mass in ((1, 2.0), (2, 0.5)):
            here = (events["detector"] == detector) & (events["region"] == region)
            energy = events["energy"][here & (events["score"] > 0.2)]
            assert compatible(between(energy, 2.4, 2.9), 20 * mass * 150 * 0.5)


def test_files_come_back_as_they_were_drawn(small: Experiment, tmp_path: Path) -> None:
    drawn = simulate(small, seed=1)
    path = write_events(tmp_path / "e.root", drawn, {"made": "by a test"})
    with uproot.open(path) as file:
        assert file.classnames(cycle=False)["events"] == "TTree"
        for name, branches in (("events", drawn.events), ("runs", drawn.runs)):
            there = file[name].arrays(library="np")
            assert set(there) == set(branches)
            for key, values in branches.items():
                assert there[key].dtype == values.dtype
                np.testing.assert_array_equal(there[key], values)
        assert json.loads(str(file["provenance"])) == {"made": "by a test"}
    assert [p.name for p in tmp_path.iterdir()] == ["e.root"]


def test_what_is_read_back_is_what_was_stated(
    small: Experiment, tmp_path: Path
) -> None:
    drawn = simulate(small, seed=1)
    path = write_events(tmp_path / "e.root", drawn, {})
    histograms = histogram_events(small, [path])
    assert histograms.warnings == ()
    for name, exposure in measured_exposures(small, histograms).items():
        counts = np.histogram(
            accepted(drawn, on=name == "on"), np.linspace(0.5, 2.5, 9)
        )[0]
        np.testing.assert_array_equal(histograms.hists[name].values(), counts)
        channel = next(c for c in channels(small) if c.name == name)
        stated = stated_exposure(channel)
        assert exposure.kg_day == pytest.approx(stated.kg_day)
        line = small.backgrounds[1]
        assert time_factor(line, exposure, channel, small) == pytest.approx(
            time_factor(line, stated, channel, small), rel=1e-9
        )


@pytest.mark.parametrize(
    ("settings", "options", "message"),
    [
        (["simulation=null"], {}, "cannot be simulated"),
        ([], {"events": 5, "exposure_scale": 1.0}, "either"),
        ([], {"events": 0}, "events: found 0"),
        ([], {"exposure_scale": -1.0}, "exposure scale: found -1"),
        ([], {"exposure_scale": float("nan")}, "exposure scale: found nan"),
        ([], {"seed": -1}, "seed: found -1"),
        ([], {"coupling": -1e-12}, "coupling: found -1e-12"),
        ([FREE_BINS], {}, "free-per-bin background cannot be simulated"),
        (["regions.all.tree=other"], {}, "trees of their own"),
        (["simulation.low.value=3"], {}, "empty range"),
    ],
    ids=[
        "no-block", "both", "no-events", "negative-scale", "nan-scale", "seed",
        "coupling", "free-bins", "trees", "range",
    ],
)  # fmt: skip
def test_what_cannot_be_simulated(
    load: Load, settings: list[str], options: dict[str, Any], message: str
) -> None:
    with pytest.raises(InputError, match=message):
        simulate(load(*settings), **{"seed": 1, **options})


def test_no_events_where_the_efficiency_is_zero(load: Load) -> None:
    experiment = load("detectors.pcge.response.cut_efficiency.expression='0'")
    with pytest.raises(InferenceError, match="cut_efficiency"):
        simulate(experiment, seed=1)


def test_the_truth_has_the_same_channels(load: Load, small: Experiment) -> None:
    check_truth(small, load("backgrounds.flat.rate.value=3"))
    other = load_experiment("xenon1t-sr1")
    with pytest.raises(InputError, match=r"xenon1t-sr1: .*other channels.*on, off"):
        check_truth(small, other)


def test_files_of_another_configuration_stay(small: Experiment, tmp_path: Path) -> None:
    path = tmp_path / "e.root"
    guard_events(path, {"configuration_sha256": "a" * 64}, force=False)
    write_events(path, simulate(small, seed=1), {"configuration_sha256": "a" * 64})
    guard_events(path, {"configuration_sha256": "a" * 64}, force=False)
    guard_events(path, {"configuration_sha256": "b" * 64}, force=True)
    with pytest.raises(InputError, match=r"found configuration aaaa.*or --force"):
        guard_events(path, {"configuration_sha256": "b" * 64}, force=False)
    path.write_text("a diary")
    with pytest.raises(InputError, match="that nuem did not write"):
        guard_events(path, {"configuration_sha256": "b" * 64}, force=False)
