"""The whole way on real events: the second science run of XENON1T, as released."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import uproot
from scipy.optimize import brentq, minimize, minimize_scalar
from scipy.special import erf
from scipy.stats import norm

from nuem.analysis.pipeline import RunResult, run
from nuem.inputs.catalogue import load_experiment

from ..oracles.band import quantile_parabola  # noqa: TID252 - tests are no package

pytestmark = pytest.mark.data
MASSES = {"egg": 646.157, "u-volume": 360.478, "wall": 238.908}


@pytest.fixture(scope="module")
def result(data_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> RunResult:
    release = data_folder / "xenon1t_sr1"
    (search,) = release.glob("xephyr_none_*.root")
    (calibration,) = release.glob("xephyr_Rn220_*.root")
    return run(
        "xenon1t-sr1", [search], calibration=[calibration],
        output=tmp_path_factory.mktemp("xenon1t"),
    )  # fmt: skip


@pytest.fixture(scope="module")
def rn220(data_folder: Path) -> dict[str, npt.NDArray[np.float64]]:
    """The calibration events of all volumes, cS1 from 3 to 70 PE."""
    (path,) = (data_folder / "xenon1t_sr1").glob("xephyr_Rn220_*.root")
    with uproot.open(path) as file:
        trees = [
            file[f"tree_{k}"].arrays(["cs1", "cs2"], library="np") for k in range(3)
        ]
    cs1, cs2 = (
        np.concatenate([tree[name] for tree in trees]).astype(float)
        for name in ("cs1", "cs2")
    )
    chosen = (cs1 > 3) & (cs1 < 70)
    return {"cs1": cs1[chosen], "cs2": cs2[chosen]}


def test_the_band_is_that_of_the_calibration(
    rn220: dict[str, npt.NDArray[np.float64]],
) -> None:
    layout = load_experiment("xenon1t-sr1").events
    assert layout is not None
    (cut,) = (cut for cut in layout.cuts if cut.name == "er-band")
    low, high = cut.expression.split("and")
    for level, text in ((0.0025, low), (0.9975, high)):
        # "a + b*log(cs1) + c*log(cs1)**2"
        found = re.findall(r"([+-]? ?[0-9.]{6})(?=[ *])", text)
        stated = [float(number.replace(" ", "")) for number in found]
        fitted = quantile_parabola(np.log(rn220["cs1"]), rn220["cs2"], level)
        np.testing.assert_allclose(stated, fitted, atol=2e-3)


def test_the_threshold_is_that_of_the_calibration(
    rn220: dict[str, npt.NDArray[np.float64]],
) -> None:
    """Edge of a flat spectrum below 10 keV: 1.447 +- 0.028 and 0.447 +- 0.034 keV."""
    energy = 13.7e-3 * (rn220["cs1"] / 0.142 + 10 ** rn220["cs2"] / 11.4)
    chosen = energy[(energy > 0.3) & (energy < 10)]
    grid = np.linspace(0.3, 10, 4000)

    def edge(x: npt.NDArray[np.float64], p: npt.NDArray[np.float64]) -> npt.ArrayLike:
        return np.maximum(0.5 * (1 + erf((x - p[0]) / p[1])), 1e-12)

    def height(p: npt.NDArray[np.float64]) -> float:
        area = np.trapezoid(edge(grid, p), grid)
        return float(chosen.size * np.log(area) - np.log(edge(chosen, p)).sum())

    found = minimize(height, [1.3, 0.4], method="Nelder-Mead").x
    np.testing.assert_allclose(found, [1.447, 0.447], atol=2e-3)
    (detector,) = load_experiment("xenon1t-sr1").detectors
    text = str(detector.response.cut_efficiency.expression)
    assert text == "0.9*0.9954*0.5*(1 + erf((E - 1.447)/0.447))"
    # flat above: the mean from 2 to 6 keV is that from 6 to 10 keV
    lower, upper = (
        np.sum((energy > 2) & (energy < 6)),
        np.sum((energy > 6) & (energy < 10)),
    )
    assert abs(lower - upper) < 3 * np.sqrt(lower + upper)


def test_the_calibration_measures_the_cut(result: RunResult) -> None:
    assert result.band is not None
    acceptance = result.band["acceptance"]
    assert list(acceptance) == list(MASSES)
    accepted = sum(entry["accepted"] for entry in acceptance.values())
    of = sum(entry["of"] for entry in acceptance.values())
    assert (accepted, of) == (6319, 6348)
    for entry in acceptance.values():
        share = entry["accepted"] / entry["of"]
        assert abs(share - 0.9954) < 4 * np.sqrt(0.0046 / entry["of"])
    # nothing of the band that is drawn is cut away before it is measured
    assert result.band["calibration_events"] == of


def test_all_branches_of_the_sun() -> None:
    (sun,) = load_experiment("xenon1t-sr1").sources
    assert set(sun.branches) == {"pp", "7Be", "pep", "8B", "hep", "13N", "15O", "17F"}


def test_three_trees_are_three_regions_with_their_masses(result: RunResult) -> None:
    meta = json.loads(result.paths["meta"].read_text())
    assert list(meta["channels"]) == list(MASSES)
    for name, mass in MASSES.items():
        channel = meta["channels"][name]
        assert channel["region"] == name
        assert channel["exposure_kg_day"] == pytest.approx(246.7 * mass)
    workspace = json.loads(result.paths["workspace"].read_text())
    assert [entry["name"] for entry in workspace["observations"]] == list(MASSES)
    norms = {
        entry["name"] for entry in workspace["measurements"][0]["config"]["parameters"]
    }
    assert norms == {"mu", *(f"norm_flat_{name}" for name in MASSES)}


def test_the_rate_of_electronic_recoils(result: RunResult) -> None:
    """Between 75 and 82 /(t keV yr) from 2 to 8 keV, all volumes together."""
    workspace = json.loads(result.paths["workspace"].read_text())
    counts = sum(sum(entry["data"]) for entry in workspace["observations"])
    tonne_years = 246.7 * sum(MASSES.values()) / 365250
    assert 75 < counts / tonne_years / 6.0 < 82
    assert sum(channel["counts"] for channel in result.channels.values()) == counts


def test_a_small_excess_at_the_lower_end(result: RunResult) -> None:
    workspace = json.loads(result.paths["workspace"].read_text())
    bins = [sum(column) for column in zip(
        *(entry["data"] for entry in workspace["observations"]), strict=True
    )]  # fmt: skip
    flat = sum(bins[2:]) / len(bins[2:])
    assert 1.0 < sum(bins[:2]) / (2 * flat) < 1.6
    assert 0.001 < result.limit.p0 < 0.5


def test_the_limit(result: RunResult) -> None:
    limit = result.limit
    assert limit.cl == 0.9
    assert limit.coupling is not None
    assert limit.expected_coupling is not None
    assert 0.5e-12 < limit.coupling.upper_limit < 1.5e-12
    assert 0.3e-12 < limit.expected_coupling["0"] < limit.coupling.upper_limit
    assert limit.definition is not None
    assert limit.definition["methods"] == ["atomic"]
    assert limit.definition["flavours"] == ["nu-e", "nu-mu", "nu-tau"]


def test_the_band_of_the_calibration(result: RunResult) -> None:
    assert result.band is not None
    assert result.paths["figures/band.pdf"].stat().st_size > 1000
    assert result.paths["figures/band.png"].stat().st_size > 1000
    events = sum(result.band[key] for key in ("on", "above", "below", "beyond"))
    assert result.band["on"] > 0.9 * events
    # nuclear recoils, surface events and leakage lie below, 1 % of the band
    assert result.band["below"] > 0.01 * events
    assert result.band["calibration_events"] > 5000


def test_the_files_of_the_release_are_on_record(result: RunResult) -> None:
    meta = json.loads(result.paths["meta"].read_text())
    (entry,) = meta["provenance"]["inputs"]
    assert len(entry["sha256"]) == 64
    assert result.band is not None
    assert [len(entry["sha256"]) for entry in result.band["inputs"]] == [64]


def test_the_limit_against_a_simple_likelihood(result: RunResult) -> None:
    """All volumes together, one free flat rate, no other nuisance: within 1.5 in q.

    -2 ln L of Poisson counts, minimised over the rate for each strength of the signal,
    gives best fit and width; CLs follows from a Gaussian with these.
    """
    workspace = json.loads(result.paths["workspace"].read_text())
    counts = np.sum([entry["data"] for entry in workspace["observations"]], axis=0)
    signal = np.sum(
        [
            sample["data"]
            for channel in workspace["channels"]
            for sample in channel["samples"]
            if sample["name"].startswith("electron-")
        ],
        axis=0,
    )

    def height(mu: float) -> float:
        def deviance(rate: float) -> float:
            expected = rate + mu * signal
            return float(2 * np.sum(expected - counts * np.log(expected)))

        return float(
            minimize_scalar(deviance, bounds=(1.0, 200.0), method="bounded").fun
        )

    best = minimize_scalar(height, bounds=(0.0, 5.0), method="bounded")
    sigma = brentq(lambda mu: height(mu) - best.fun - 1, best.x, 20.0) - best.x
    # CLs = P(fit below the observed one, at x) / P(the same, without signal)
    observed = best.x / sigma
    edge = brentq(
        lambda x: norm.cdf(observed - x) / norm.cdf(observed) - 0.1,
        observed,
        observed + 10,
    )
    simple = np.sqrt(edge * sigma) * 1e-12
    assert result.limit.coupling is not None
    assert 1 / 1.5 < result.limit.coupling.upper_limit / simple < 1.5
