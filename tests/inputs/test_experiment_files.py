"""Experiment files: what they may say, and one line for what they may not."""

from __future__ import annotations

import itertools
import json
from pathlib import Path

import numpy as np
import pytest
import yaml as pyyaml

from nuem.inputs.catalogue import (
    bin_edges,
    channels,
    experiment_names,
    experiment_schema,
    load_experiment,
)
from nuem.inputs.errors import InputError
from nuem.inputs.quantities import statuses


@pytest.mark.parametrize("name", experiment_names())
def test_shipped_experiments_are_valid(name: str) -> None:
    experiment = load_experiment(name)
    assert experiment.name == name
    assert channels(experiment)
    assert all(number.source for _, number in statuses(experiment))


def test_published_inputs_of_the_default_experiment() -> None:
    on, off = channels(load_experiment("texono-pcge"))
    assert on.mass_kg * on.live_time_d == pytest.approx(124.2)
    assert off.mass_kg * off.live_time_d == pytest.approx(70.3)
    edges = bin_edges(load_experiment("texono-pcge").observables[0])
    assert edges[0] == 0.3
    assert np.all(np.diff(edges) > 0)


def test_a_constant_curve_is_a_number() -> None:
    changed = load_experiment(
        "texono-pcge", ["detectors.pcge.response.cut_efficiency.expression=0.5"]
    )
    assert changed.detectors[0].response.cut_efficiency(3.0) == 0.5


BAD = {
    "negative mass": ("detectors.pcge.mass.value=-1", "detectors.pcge.mass.value"),
    "zero mass": ("detectors.pcge.mass.value=0", "detectors.pcge.mass.value"),
    "unknown key": ("detectors.pcge.colour=red", "detectors.pcge.colour: unknown key"),
    "missing unit": (
        "detectors.pcge.mass={value: 1, status: assumed, source: x}",
        "detectors.pcge.mass.unit",
    ),
    "wrong unit": ("detectors.pcge.mass.unit=keV", "detectors.pcge.mass.unit"),
    "no status": (
        "detectors.pcge.mass={value: 1, unit: kg, source: x}",
        "detectors.pcge.mass.status",
    ),
    "nan": ("sources.core.total_flux.value=.nan", "sources.core.total_flux.value"),
    "infinite": ("sources.core.total_flux.value=1e999", "total_flux.value"),
    "unknown background": ("backgrounds.rise.shape.kind=foo", "backgrounds.rise.shape"),
    "rate of a line per keV": (
        "backgrounds.ge68.rate.unit=/(kg keV d)", "backgrounds.ge68",
    ),
    "two exposures": (
        "periods.on.live_time={value: 3, unit: d, status: assumed, source: x}",
        "periods.on",
    ),
    "process of another coupling": ("signals.0.process=electron-magnetic", "signals"),
    "unit of another coupling": ("coupling.reference.unit=mu_B", "coupling"),
    "weights of a missing period": ("sources.core.weights.values={on: 1}", "'off'"),
    "time law of a missing source": (
        "backgrounds.flat.time_law={kind: follows-power, source: sun}", "'sun'",
    ),
    "broken binning": ("observables.energy.binning.0.width=0.17", "binning.0"),
    "gap in the binning": ("observables.energy.binning.1.start=1.9", "binning"),
    "call in a cut": ("events.cuts.0.expression=system(1)", "events.cuts.cosmic-veto"),
    "resolution of another variable": (
        "detectors.pcge.response.resolution.expression=0.1*T", "resolution",
    ),
    "curve of two forms": (
        "detectors.pcge.response.resolution.points=[[0, 1], [9, 1]]", "resolution",
    ),
    "override of nothing": ("overrides=[{detector: pcge}]", "overrides.0"),
    "override of a missing detector": (
        "overrides=[{detector: other, exclude: true}]", "'other'",
    ),
    "twice the same name": ("backgrounds.rise.name=flat", "'flat' is there twice"),
    "systematic above 100 %": ("systematics.gain.size.value=120", "systematics.gain"),
    "fission fractions": (
        "sources.core.fission_fractions.values={235U: 1}", "fission_fractions",
    ),
    "free bins with another background": (
        ("backgrounds.flat={name: flat, shape: {kind: free-per-bin}, "
        "time_law: {kind: constant}}"),
        "free-per-bin",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("setting", "needle"), BAD.values(), ids=BAD.keys())
def test_wrong_entries_name_file_and_field_in_one_line(
    setting: str, needle: str
) -> None:
    with pytest.raises(InputError) as caught:
        load_experiment("texono-pcge", [setting])
    line = str(caught.value)
    assert "texono-pcge.yaml" in line
    assert needle in line
    assert "\n" not in line


@pytest.mark.parametrize(
    ("setting", "needle"),
    [
        ("detectors.other.mass=1", "expected pcge"),
        ("nothing.there=1", "nothing"),
        ("detectors", "dotted.key=value"),
        ("=3", "dotted.key=value"),
        ("name.deeper=1", "name.deeper"),
    ],
)
def test_wrong_settings(setting: str, needle: str) -> None:
    with pytest.raises(InputError, match=needle):
        load_experiment("texono-pcge", [setting])


def test_unknown_experiment_lists_those_there_are() -> None:
    with pytest.raises(InputError, match="texono-pcge"):
        load_experiment("texono")


@pytest.mark.parametrize(
    ("text", "needle"),
    [
        ("name: [", "line 1"),
        ("name: a\nname: b\n", "'name' is there twice"),
        ("- a\n", "a mapping"),
        ("", "a mapping"),
        ("? [a]\n: b\n", "plain word"),
        ("a: !!python/object/apply:os.system [ls]", "could not determine"),
    ],
)
def test_broken_yaml(tmp_path: Path, text: str, needle: str) -> None:
    path = tmp_path / "broken.yaml"
    path.write_text(text)
    with pytest.raises(InputError, match=needle) as caught:
        load_experiment(path)
    assert "broken.yaml" in str(caught.value)


def test_missing_and_binary_file(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such file"):
        load_experiment(tmp_path / "none.yaml")
    (tmp_path / "binary.yaml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(InputError, match="read as text"):
        load_experiment(tmp_path / "binary.yaml")


def _several(tmp_path: Path, **changes: object) -> Path:
    """The default experiment with two detectors and live times."""
    document = load_experiment("texono-pcge").model_dump(mode="json")
    second = json.loads(json.dumps(document["detectors"][0]))
    second["name"] = "second"
    second["mass"]["value"] = 2.0
    document["detectors"].append(second)
    for period, days in zip(document["periods"], (10.0, 5.0), strict=True):
        period["exposure"] = None
        period["live_time"] = {
            "value": days, "unit": "d", "status": "assumed", "source": "test",
        }  # fmt: skip
    document |= changes
    path = tmp_path / "several.yaml"
    path.write_text(pyyaml.safe_dump(document))
    return path


def test_channels_are_detectors_times_periods(tmp_path: Path) -> None:
    found = channels(load_experiment(_several(tmp_path)))
    names = ["_".join(p) for p in itertools.product(("pcge", "second"), ("on", "off"))]
    assert [c.name for c in found] == names
    assert [c.mass_kg * c.live_time_d for c in found] == [5, 2.5, 20, 10]


def test_later_overrides_win(tmp_path: Path) -> None:
    days = {"unit": "d", "status": "assumed", "source": "test"}
    overrides = [
        {"detector": "second", "live_time": {"value": 7, **days}},
        {"detector": "second", "period": "off", "live_time": {"value": 3, **days}},
        {"detector": "pcge", "period": "off", "exclude": True},
    ]
    found = channels(load_experiment(_several(tmp_path, overrides=overrides)))
    assert [(c.name, c.live_time_d) for c in found] == [
        ("pcge_on", 10), ("second_on", 7), ("second_off", 3),
    ]  # fmt: skip


def test_no_channel_left(tmp_path: Path) -> None:
    overrides = [{"period": p, "exclude": True} for p in ("on", "off")]
    with pytest.raises(InputError, match="no channel is left"):
        channels(load_experiment(_several(tmp_path, overrides=overrides)))


def test_exposure_needs_one_detector(tmp_path: Path) -> None:
    document = load_experiment("texono-pcge").model_dump(mode="json")
    with pytest.raises(InputError, match="several detectors"):
        load_experiment(_several(tmp_path, periods=document["periods"]))


def test_file_survives_a_round_trip(tmp_path: Path) -> None:
    experiment = load_experiment("texono-pcge")
    path = tmp_path / "copy.yaml"
    path.write_text(pyyaml.safe_dump(experiment.model_dump(mode="json")))
    assert load_experiment(path) == experiment


def test_schema_is_json_and_closed() -> None:
    schema = json.loads(json.dumps(experiment_schema()))
    assert schema["additionalProperties"] is False
    assert set(schema["$defs"]["Mass"]["required"]) == {
        "value", "unit", "status", "source",
    }  # fmt: skip


TOTAL = {
    "events beside a total": ("conus", "events={}", "has no 'events'"),
    "a total beside events": (
        "texono-pcge",
        "total={kind: ratio, error: {value: 20, unit: '%', status: assumed, source: x}}",
        "has no 'total'",
    ),
    "no total": ("conus", "total=null", "needs 'total'"),
    "no backgrounds": ("texono-pcge", "backgrounds=[]", "needs 'backgrounds'"),
    "several bins of a total": (
        "conus", "observables.0.binning.0.width=10", "one bin",
    ),
    "nuclei in a cross section per fission": (
        "conus",
        ("total={kind: cross-section, error: {value: 1e-44, unit: cm2/fission, "
        "status: assumed, source: x}}"),
        "that of electrons",
    ),
    "an error of zero": (
        "munu",
        "total={kind: ratio, error: {value: 0, unit: '1', status: assumed, source: x}}",
        "above 0",
    ),
    "lines without a resolution": (
        "texono-pcge", "detectors.pcge.response.resolution=null", "lines need",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", TOTAL)
def test_totals_and_counts_are_not_mixed(name: str) -> None:
    experiment, setting, message = TOTAL[name]
    with pytest.raises(InputError, match=message):
        load_experiment(experiment, [setting])


def test_a_total_has_no_events_to_select() -> None:
    from nuem.analysis.stages import event_plan

    with pytest.raises(InputError, match="a published number stands for them"):
        event_plan(load_experiment("conus"))


def test_a_calibration_measures_a_cut_that_there_is() -> None:
    with pytest.raises(InputError, match=r"no 'other', there are: s1-range, er-band"):
        load_experiment("xenon1t-sr1", ["calibration.cut=other"])
