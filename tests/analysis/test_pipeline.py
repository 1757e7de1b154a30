from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nuem.analysis.blinding import blinded_counts
from nuem.analysis.events.store import Histograms
from nuem.analysis.exchange.provenance import digest
from nuem.analysis.exchange.workspace import observed_counts, read_workspace
from nuem.analysis.exposure import measured_exposures
from nuem.analysis.pipeline import RunResult, run
from nuem.analysis.prediction import predict
from nuem.analysis.simulate import simulate, write_events
from nuem.analysis.stages import histogram_events, make_workspace, set_limit
from nuem.inputs.errors import InferenceError, InputError
from nuem.inputs.files import sha256_file
from nuem.inputs.schema import Experiment

from .conftest import FREE_BINS, QUICK, Array, Load, Nuem, background_counts

CONTRACT = {
    "cl", "method", "statistic", "sided", "calibration", "engine", "definition",
    "observed", "expected", "toys", "gof", "warnings", "provenance",
}  # fmt: skip


@pytest.fixture(scope="module")
def result(small_yaml: Path, tmp_path_factory: pytest.TempPathFactory) -> RunResult:
    folder = tmp_path_factory.mktemp("run") / "toy"
    return run(small_yaml, output=folder, settings=QUICK, seed=11, cl=0.9)


@pytest.fixture(scope="module")
def document(result: RunResult) -> dict[str, Any]:
    loaded = json.loads(result.paths["limit"].read_text())
    assert isinstance(loaded, dict)
    return loaded


def test_every_file_is_there(result: RunResult) -> None:
    stages = {
        "events", "histograms", "template", "workspace", "meta", "fit", "limit",
    }  # fmt: skip
    figures = {
        f"figures/{name}.{kind}"
        for name in (
            "spectra",
            "residual",
            "rates",
            "cls-scan",
            "pulls",
            "impacts",
            "cut-flow",
            "rate-against-time",
            "live-time",
        )
        for kind in ("pdf", "png")
    }
    assert set(result.paths) == stages | figures
    folder = result.paths["limit"].parent
    there = {path for path in folder.rglob("*") if path.is_file()}
    assert there == set(result.paths.values())  # and nothing half-written
    for path in there:
        assert path.stat().st_size > 500, path


def test_figures_are_figures(result: RunResult) -> None:
    for path in result.paths.values():
        magic = {".png": b"\x89PNG", ".pdf": b"%PDF"}.get(path.suffix, b"")
        assert path.read_bytes().startswith(magic), path


def test_a_perfect_resolution_needs_no_floor(small_yaml: Path, tmp_path: Path) -> None:
    perfect = ("detectors.pcge.response.resolution=null", "detectors.pcge.response.floor.value=0")  # fmt: skip
    made = run(
        small_yaml, output=tmp_path / "toy", settings=[*QUICK, *perfect], seed=11
    )
    assert made.paths["figures/rates.png"].read_bytes().startswith(b"\x89PNG")


def test_the_document_is_the_contract(document: dict[str, Any]) -> None:
    assert CONTRACT | {"paths"} <= set(document)
    more = set(document) - CONTRACT
    assert more <= {
        "paths", "parameter", "scan", "published", "channels", "band",
        "power_constrained",
    }  # fmt: skip
    assert document["cl"] == 0.9
    assert document["method"] == "cls"
    assert document["sided"] == "one"
    assert document["calibration"] == "asymptotic"
    assert set(document["observed"]) == {
        "poi", "coupling", "p0", "p0_calibration", "p0_sided",
    }  # fmt: skip
    assert document["observed"]["p0_calibration"] == "asymptotic"
    assert document["observed"]["p0_sided"] == "one"
    assert set(document["expected"]) == {"poi", "coupling"}
    for kind in ("poi", "coupling"):
        values = document["observed"][kind]
        assert set(values) == {"best_fit", "upper_limit", "intervals"}
        assert values["intervals"] == [[0.0, values["upper_limit"]]]
        band = document["expected"][kind]
        assert set(band) == {"-2", "-1", "0", "1", "2"}
        ordered = [band[key] for key in ("-2", "-1", "0", "1", "2")]
        assert ordered == sorted(ordered)
        assert ordered[0] > 0
    assert 0 < document["observed"]["p0"] <= 1
    for place in ("observed", "expected"):
        key = {"observed": "upper_limit", "expected": "0"}[place]
        mu, g = (document[place][kind][key] for kind in ("poi", "coupling"))
        assert g == pytest.approx(2e-12 * np.sqrt(mu))
    assert document["toys"] is None
    assert 0 <= document["gof"]["p_asymptotic"] <= 1
    assert set(document["paths"]) > {"workspace", "limit", "figures/spectra.pdf"}


def test_the_definition_says_what_was_limited(document: dict[str, Any]) -> None:
    definition = document["definition"]
    assert definition["processes"] == ["electron-millicharge-transition"]
    assert definition["methods"] == ["free"]
    assert (definition["symbol"], definition["unit"]) == ("q", "e")
    assert definition["flavours"] == ["anti-nu-e"]
    assert definition["convention"] == "physical"
    assert {"regulator", "sign", "zero", "definition"} <= set(definition)


def test_the_provenance_leads_back_to_the_events(
    result: RunResult, document: dict[str, Any]
) -> None:
    provenance = document["provenance"]
    configuration = provenance["configuration"]
    assert configuration["seed"] == 11
    assert configuration["cl"] == 0.9
    assert configuration["experiment"] == "toy-ge"
    assert configuration["file"]["observables"][0]["binning"][0]["width"] == 0.5
    sums = {entry["file"]: entry["sha256"] for entry in provenance["inputs"]}
    path = result.paths["events"]
    assert sums[str(path)] == sha256_file(path)
    assert provenance["seed"] == 11
    assert {"convention", "regulator"} <= set(provenance)
    assert {"nuem", "pyhf", "numpy", "iminuit", "uproot"} <= set(provenance["versions"])
    assert len(provenance["configuration_sha256"]) == 64
    assert provenance["numbers"]["assumed"] > 10


def test_the_stages_come_to_the_same(result: RunResult, load: Load) -> None:
    experiment = load(*QUICK)
    histograms = histogram_events(experiment, [result.paths["events"]])
    workspace = make_workspace(experiment, histograms, predict(experiment))
    written = read_workspace(result.paths["workspace"])
    assert written.spec == json.loads(json.dumps(workspace.spec))
    limit = set_limit(written)
    assert limit.poi.upper_limit == pytest.approx(
        result.limit.poi.upper_limit, rel=1e-9
    )


def test_channels_and_fit(result: RunResult, load: Load) -> None:
    expected = background_counts(load(*QUICK))
    fit = json.loads(result.paths["fit"].read_text())
    for name, counts in observed_counts(
        read_workspace(result.paths["workspace"])
    ).items():
        assert abs(counts.sum() - expected[name].sum()) < 4 * counts.sum() ** 0.5
        total = np.sum(list(fit["expected"][name].values()), axis=0)
        assert total.sum() == pytest.approx(counts.sum(), rel=0.02)
    # no signal was injected: the unbounded fit agrees with zero
    assert abs(fit["values"]["mu"]) < 4 * fit["errors"]["mu"]
    assert "quality" in result.cut_flow


@pytest.mark.parametrize(
    "change", ["seed", "cl", "process", "settings", "unblind", "files"]
)
def test_another_configuration_does_not_replace_the_output(
    result: RunResult, small_yaml: Path, change: str
) -> None:
    before = result.paths["limit"].stat().st_mtime_ns
    options: dict[str, Any] = {"settings": QUICK, "seed": 11, "cl": 0.9}
    changes: dict[str, Any] = {
        "seed": 12, "cl": 0.95, "process": "electron-magnetic", "unblind": True,
        "settings": (*QUICK, "detectors.pcge.mass.value=3"),
        "files": [result.paths["events"]],
    }  # fmt: skip
    options[change] = changes[change]
    with pytest.raises(InputError, match=r"json: output exists.*--force"):
        run(small_yaml, output=result.paths["limit"].parent, **options)
    assert result.paths["limit"].stat().st_mtime_ns == before


def test_the_command_repeats_it_and_prints_one_document(
    nuem: Nuem, result: RunResult, small_yaml: Path
) -> None:
    """The same configuration may replace its own output."""
    folder = result.paths["limit"].parent
    before = result.paths["events"].stat().st_mtime_ns
    settings = [part for setting in QUICK for part in ("--set", setting)]
    answer = nuem("run", small_yaml, "-o", folder, *settings, "--seed", 11, "--json")
    assert answer.code == 0, answer.err
    document = json.loads(answer.out)
    assert document["observed"] == result.to_dict()["observed"]
    assert document["paths"]["limit"] == str(result.paths["limit"])
    assert all(line.startswith("nuem: ") for line in answer.err.splitlines())
    assert result.paths["events"].stat().st_mtime_ns > before
    # what is printed is what is written
    assert document == json.loads(result.paths["limit"].read_text())


def test_what_someone_else_wrote_stays(small_yaml: Path, tmp_path: Path) -> None:
    (tmp_path / "limit.json").write_text("a diary")
    with pytest.raises(InputError, match="that nuem did not write"):
        run(small_yaml, output=tmp_path, settings=QUICK)
    assert [path.name for path in tmp_path.iterdir()] == ["limit.json"]


def test_an_output_that_is_a_file(small_yaml: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="cannot be written"):
        run(small_yaml, output=tmp_path / "file")


def test_calibration_needs_a_block(small_yaml: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="toy-ge: calibration"):
        run(small_yaml, output=tmp_path, settings=QUICK, calibration=["c.root"])


@pytest.fixture(scope="module")
def bright(load: Load, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a file of events with a signal that no eye could miss."""
    events = simulate(load(*QUICK), seed=1, coupling=5e-11)
    return write_events(tmp_path_factory.mktemp("bright") / "e.root", events, {})


def test_a_blind_experiment_hides_the_source(load: Load, bright: Path) -> None:
    experiment = load(*QUICK, "blind=true")
    histograms = histogram_events(experiment, [bright])
    workspace = make_workspace(experiment, histograms, predict(experiment))
    seen = observed_counts(workspace)
    off = histograms.hists["off"].values()
    np.testing.assert_array_equal(seen["off"], off)
    # the OFF rate over the ON live time
    flat = np.full(4, off.sum() / 4 * 2)
    np.testing.assert_allclose(seen["on"], flat, rtol=1e-4)
    assert histograms.hists["on"].values().sum() > 1.2 * flat.sum()
    assert workspace.meta is not None
    assert workspace.meta["blind"] is True
    assert "unblinded" not in workspace.meta
    limit = set_limit(workspace)
    assert any(warning.startswith("blind: ") for warning in limit.warnings)
    assert limit.p0 > 0.3


def test_unblinding_is_recorded(load: Load, bright: Path) -> None:
    experiment = load(*QUICK, "blind=true")
    histograms = histogram_events(experiment, [bright])
    workspace = make_workspace(
        experiment, histograms, predict(experiment), unblind=True,
        configuration={"unblind": True},
    )  # fmt: skip
    meta = workspace.meta
    assert meta is not None
    assert meta["blind"] is False
    assert meta["unblinded"] == digest(experiment.model_dump(mode="json"))
    assert meta["provenance"]["configuration"]["unblind"] is True
    assert meta["provenance"]["inputs"] == [
        {"file": str(bright), "sha256": sha256_file(bright)}
    ]
    assert not any("blind" in warning for warning in meta["warnings"])
    np.testing.assert_array_equal(
        observed_counts(workspace)["on"], histograms.hists["on"].values()
    )


def blinded(experiment: Experiment, histograms: Histograms) -> dict[str, Array]:
    """What a blind analysis has in place of these histograms."""
    return blinded_counts(
        experiment, {c: h.values() for c, h in histograms.hists.items()},
        measured_exposures(experiment, histograms), predict(experiment),
    )  # fmt: skip


@pytest.mark.parametrize("free_bins", [False, True], ids=["components", "free-bins"])
def test_blind_counts_come_from_the_source_off_data(
    load: Load, bright: Path, free_bins: bool
) -> None:
    experiment = load(*QUICK, *([FREE_BINS] if free_bins else []))
    histograms = histogram_events(experiment, [bright])
    hidden = blinded(experiment, histograms)
    off = histograms.hists["off"].values()
    wanted = 2.0 * off if free_bins else np.full(4, off.sum() / 2)
    np.testing.assert_allclose(hidden["on"], wanted, rtol=1e-4)
    np.testing.assert_array_equal(hidden["off"], off)
    # what was measured is not changed
    assert histograms.hists["on"].values().sum() > wanted.sum() * 1.2


def test_free_bins_cannot_be_blind_without_a_dark_period(
    load: Load, bright: Path
) -> None:
    weights = "sources.core.weights.values={on: 1, off: 0.5}"
    experiment = load(*QUICK, FREE_BINS, weights)
    with pytest.raises(InferenceError, match=r"channels\.on: blind"):
        blinded(experiment, histogram_events(experiment, [bright]))


def test_blind_counts_without_a_dark_period(load: Load, bright: Path) -> None:
    experiment = load(*QUICK, "sources.core.weights.values={on: 1, off: 1}")
    hidden = blinded(experiment, histogram_events(experiment, [bright]))
    for name, counts in background_counts(load(*QUICK)).items():
        np.testing.assert_allclose(hidden[name], counts, rtol=1e-9)
