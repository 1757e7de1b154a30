from __future__ import annotations

import copy
import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pyhf
import pytest
from pyhf.infer.intervals.upper_limits import toms748_scan
from scipy.stats import norm

from nuem.analysis.exchange.provenance import digest
from nuem.analysis.exchange.workspace import (
    Workspace,
    definition_of,
    measurement_name,
    read_workspace,
    write_workspace,
)
from nuem.analysis.inference.fit import best_fit
from nuem.analysis.inference.limits import BANDS, Limit, upper_limit
from nuem.analysis.stages import set_limit
from nuem.inputs.errors import InferenceError, InputError

Spec = dict[str, Any]
TRANSITION = "electron-millicharge-transition"


def spec(
    signal: list[float], background: list[float], observed: list[float],
    *, size: float | None = None, name: str = "m", **config: Any,
) -> Spec:  # fmt: skip
    """Return a workspace of one channel, its background known exactly or to a size."""
    known = {"hi": 1 + (size or 0), "lo": 1 - (size or 0)}
    modifiers = [{"name": "bkg", "type": "normsys", "data": known}] if size else []
    return {
        "version": "1.0.0",
        "channels": [
            {
                "name": "c",
                "samples": [
                    {
                        "name": "s",
                        "data": signal,
                        "modifiers": [
                            {"name": "mu", "type": "normfactor", "data": None}
                        ],
                    },
                    {"name": "b", "data": background, "modifiers": modifiers},
                ],
            }
        ],
        "observations": [{"name": "c", "data": observed}],
        "measurements": [
            {"name": name, "config": {"poi": "mu", "parameters": [], **config}}
        ],
    }


@pytest.fixture(scope="module")
def two_bins() -> Spec:
    return spec([10.0, 4.0], [50.0, 60.0], [56.0, 58.0], size=0.05)


@pytest.fixture(scope="module")
def limits(two_bins: Spec) -> dict[float, Limit]:
    return {cl: upper_limit(two_bins, cl=cl) for cl in (0.9, 0.95)}


@pytest.mark.parametrize("cl", [0.9, 0.95])
def test_the_limit_is_that_of_pyhf_with_its_level(
    two_bins: Spec, limits: dict[float, Limit], cl: float
) -> None:
    workspace = pyhf.Workspace(two_bins)
    model = workspace.model()
    observed, expected = toms748_scan(
        workspace.data(model), model, 0.0, 10.0, level=1 - cl, rtol=1e-6
    )
    assert limits[cl].poi.upper_limit == pytest.approx(float(observed), rel=1e-4)
    ours = [limits[cl].expected_poi[band] for band in BANDS]
    np.testing.assert_allclose(ours, [float(x) for x in expected], rtol=1e-4)


def test_the_levels_differ(limits: dict[float, Limit]) -> None:
    assert limits[0.95].cl == 0.95
    assert limits[0.95].poi.upper_limit > 1.1 * limits[0.9].poi.upper_limit
    for band in BANDS:
        assert limits[0.95].expected_poi[band] > 1.1 * limits[0.9].expected_poi[band]


def test_the_level_is_reached_at_the_limit(
    two_bins: Spec, limits: dict[float, Limit]
) -> None:
    workspace = pyhf.Workspace(two_bins)
    model = workspace.model()
    tested = limits[0.9].poi.upper_limit
    value = pyhf.infer.hypotest(
        tested, workspace.data(model), model, test_stat="qtilde"
    )
    assert float(value) == pytest.approx(0.1, abs=1e-4)


def test_the_expected_band_ascends(limits: dict[float, Limit]) -> None:
    for limit in limits.values():
        band = [limit.expected_poi[key] for key in ("-2", "-1", "0", "1", "2")]
        assert band == sorted(band)
        assert band[0] > 0


def test_median_in_the_limit_of_many_events() -> None:
    """Cowan et al.: sigma Phi^-1(1 - alpha/2) for CLs; band (N + Phi^-1) sigma."""
    limit = upper_limit(spec([1e3], [1e6], [1e6]), cl=0.9)
    sigma = math.sqrt(1e6) / 1e3
    for n in (-2, -1, 0, 1, 2):
        exact = sigma * (norm.ppf(1 - 0.1 * norm.cdf(n)) + n)
        assert limit.expected_poi[str(n)] == pytest.approx(exact, rel=2e-3)
    assert limit.poi.upper_limit == pytest.approx(limit.expected_poi["0"], rel=1e-4)


@pytest.mark.parametrize("observed", [70.0, 56.0, 40.0])
def test_p_value_of_no_signal(observed: float) -> None:
    limit = upper_limit(spec([10.0], [50.0], [observed]))
    q0 = 2 * (observed * math.log(observed / 50) - (observed - 50))
    exact = norm.sf(math.sqrt(q0)) if observed > 50 else 0.5
    assert limit.p0 == pytest.approx(exact, rel=1e-3)
    assert limit.poi.best_fit == pytest.approx(max(observed - 50, 0) / 10, abs=1e-3)


def test_the_coupling_is_the_root(two_bins: Spec) -> None:
    definition = {"symbol": "q", "reference": 2e-12, "unit": "e", "power": 2}
    limit = upper_limit(two_bins, definition=definition)
    assert limit.coupling is not None
    assert limit.expected_coupling is not None
    for mu, g in (
        (limit.poi.upper_limit, limit.coupling.upper_limit),
        (limit.poi.best_fit, limit.coupling.best_fit),
        *((limit.expected_poi[b], limit.expected_coupling[b]) for b in BANDS),
    ):
        assert g == pytest.approx(2e-12 * math.sqrt(mu))
    assert limit.coupling.intervals == ((0.0, limit.coupling.upper_limit),)


def test_the_document_is_the_contract(limits: dict[float, Limit]) -> None:
    document = json.loads(json.dumps(limits[0.9].to_dict(), allow_nan=False))
    assert set(document) == {
        "cl", "parameter", "method", "statistic", "sided", "calibration", "engine",
        "definition", "observed", "expected", "toys", "gof", "scan", "warnings", "provenance",
        "power_constrained",
    }  # fmt: skip
    assert set(document["observed"]) == {
        "poi", "coupling", "p0", "p0_calibration", "p0_sided",
    }  # fmt: skip
    assert set(document["observed"]["poi"]) == {"best_fit", "upper_limit", "intervals"}
    assert set(document["expected"]) == {"poi", "coupling"}
    assert set(document["expected"]["poi"]) == {"-2", "-1", "0", "1", "2"}
    assert document["observed"]["coupling"] is None
    assert document["expected"]["coupling"] is None
    assert (document["toys"], document["gof"]) == (None, None)
    assert document["cl"] == 0.9
    scan = document["scan"]
    assert scan["poi"] == sorted(scan["poi"])
    assert np.shape(scan["expected"]) == (len(scan["poi"]), 5)
    assert len(scan["observed"]) == len(scan["poi"])


@pytest.mark.parametrize("cl", [0.0, 1.0, -0.1, 90.0, math.nan, math.inf])
def test_levels_that_are_none(two_bins: Spec, cl: float) -> None:
    with pytest.raises(InputError, match=r"confidence level.*expected 0 to 1"):
        upper_limit(two_bins, cl=cl)


def test_no_limit_in_range(two_bins: Spec) -> None:
    narrow = copy.deepcopy(two_bins)
    narrow["measurements"][0]["config"]["parameters"] = [
        {"name": "mu", "bounds": [[0, 0.5]], "inits": [0.1]}
    ]
    with pytest.raises(InferenceError, match=r"w\.json: mu: no upper limit in range"):
        upper_limit(narrow, name="w.json")


def test_a_limit_far_from_one() -> None:
    """The search for a bracket goes in both directions."""
    once = upper_limit(spec([10.0], [50.0], [50.0])).poi.upper_limit
    for factor in (1e-3, 1e3):
        config = {"parameters": [{"name": "mu", "bounds": [[0, 1e5]], "inits": [1]}]}
        limit = upper_limit(spec([10 * factor], [50.0], [50.0], **config))
        assert limit.poi.upper_limit * factor == pytest.approx(once, rel=1e-4)


@pytest.mark.parametrize("observed", [40.0, 60.0])
def test_a_negative_bound_does_not_sharpen_the_limit(observed: float) -> None:
    """Workspaces of others often let the parameter of interest be negative."""
    limits = []
    for low in (0, -5):
        config = {"parameters": [{"name": "mu", "bounds": [[low, 10]], "inits": [1]}]}
        document = spec([10.0], [50.0], [observed], size=0.05, **config)
        limits.append(upper_limit(document))
    assert limits[1].poi.upper_limit == pytest.approx(
        limits[0].poi.upper_limit, rel=1e-3
    )
    assert limits[1].p0 == pytest.approx(limits[0].p0, rel=1e-3)


def test_the_parameter_may_start_below_its_bound() -> None:
    config = {"parameters": [{"name": "mu", "bounds": [[-5, 10]], "inits": [-1]}]}
    limit = upper_limit(spec([10.0], [50.0], [50.0], **config))
    plain = upper_limit(spec([10.0], [50.0], [50.0]))
    assert limit.poi.upper_limit == pytest.approx(plain.poi.upper_limit, rel=1e-3)


def several(two_bins: Spec) -> Spec:
    document = copy.deepcopy(two_bins)
    document["measurements"].append({**document["measurements"][0], "name": "other"})
    return document


def test_several_measurements_have_to_be_told_apart(two_bins: Spec) -> None:
    both = several(two_bins)
    with pytest.raises(InputError, match=r"several measurements.*one of m, other"):
        upper_limit(both)
    with pytest.raises(InputError, match="no such measurement: found 'x'"):
        upper_limit(both, measurement="x")
    chosen = upper_limit(both, measurement="other").poi
    assert chosen.upper_limit == pytest.approx(upper_limit(two_bins).poi.upper_limit)


def _negative(document: Spec) -> None:
    document["channels"][0]["samples"][1]["data"] = [-50.0, 60.0]


def _missing(document: Spec) -> None:
    document["channels"][0]["samples"][1]["data"] = [0.0, 60.0]
    document["channels"][0]["samples"][0]["data"] = [0.0, 4.0]


def _lost(document: Spec) -> None:
    document["observations"][0]["data"] = [-1.0, 3.0]


def _idle(document: Spec) -> None:
    document["channels"][0]["samples"][0]["data"] = [0.0, 0.0]


def _other_length(document: Spec) -> None:
    document["channels"][0]["samples"][1]["data"] = [1.0]


def _no_poi(document: Spec) -> None:
    document["measurements"][0]["config"]["poi"] = ""


def _outside(document: Spec) -> None:
    document["measurements"][0]["config"]["parameters"] = [
        {"name": "mu", "bounds": [[0, 0.5]]}
    ]


def _unknown_poi(document: Spec) -> None:
    document["measurements"][0]["config"]["poi"] = "nu"


@pytest.mark.parametrize(
    ("damage", "error", "message"),
    [
        (_negative, InputError, r"channels\.c: negative expectation"),
        (_missing, InputError, r"channels\.c: events where none are expected"),
        (_lost, InputError, "observations.*count that is negative"),
        (_idle, InferenceError, "mu: the parameter of interest acts on no"),
        (_other_length, InputError, "samples of different length"),
        (_no_poi, InputError, "no parameter of interest"),
        (_outside, InputError, r"w\.json: mu: a parameter starts outside its bounds"),
        (_unknown_poi, InputError, "nu: the parameter of interest acts on nothing"),
    ],
    ids=lambda part: getattr(part, "__name__", "").strip("_"),
)
def test_workspaces_that_make_no_sense(
    two_bins: Spec, damage: Any, error: type[Exception], message: str
) -> None:
    document = copy.deepcopy(two_bins)
    damage(document)
    with pytest.raises(error, match=message):
        upper_limit(document, name="w.json")


def test_few_events_are_warned_of() -> None:
    limit = upper_limit(spec([2.0], [3.0], [2.0]), toys=200)
    assert any("toys in place of" in warning for warning in limit.warnings)
    assert limit.calibration != "asymptotic"
    by_pyhf = upper_limit(spec([2.0], [3.0], [2.0]), engine="pyhf")
    assert any("fewer than 5 events" in warning for warning in by_pyhf.warnings)
    many = upper_limit(spec([10.0], [50.0], [50.0]))
    assert many.warnings == ()


def test_the_backend_of_the_caller_stays(two_bins: Spec) -> None:
    before = pyhf.get_backend()
    upper_limit(two_bins)
    assert pyhf.get_backend() == before


def test_what_is_calculated_is_told(two_bins: Spec) -> None:
    told: list[str] = []
    upper_limit(two_bins, progress=told.append)
    assert told[0] == "CLs"
    upper_limit(two_bins, engine="pyhf", progress=told.append)
    assert any(text.startswith("CLs at ") for text in told)


# what the parameter means


@pytest.mark.parametrize(
    ("name", "symbol", "unit"),
    [
        (TRANSITION, "q", "e"),
        ("electron-magnetic", "mu", "mu_B"),
    ],
    ids=["millicharge", "magnetic"],
)
def test_the_measurement_is_enough_for_the_coupling(
    name: str, symbol: str, unit: str
) -> None:
    document = spec([10.0], [50.0], [50.0], name=f"{name}@g_ref=2e-12")
    limit = set_limit(Workspace(document))
    assert limit.definition == {
        "processes": [name], "symbol": symbol, "reference": 2e-12, "unit": unit,
        "power": 2,
    }  # fmt: skip
    assert limit.coupling is not None
    assert limit.coupling.upper_limit == pytest.approx(
        2e-12 * math.sqrt(limit.poi.upper_limit)
    )


@pytest.mark.parametrize(
    "name",
    [
        "search", "search@g_ref=1e-12", f"{TRANSITION}@g_ref=", "@g_ref=1",
        f"{TRANSITION}@g_ref=-1e-12", f"{TRANSITION}@g_ref=nan",
        f"{TRANSITION}+electron-magnetic@g_ref=1e-12", "electron-sm@g_ref=1",
    ],
)  # fmt: skip
def test_a_workspace_that_does_not_say_has_no_coupling(name: str) -> None:
    assert definition_of(Workspace(spec([1.0], [5.0], [5.0], name=name))) is None


def test_a_limit_without_meaning_has_no_coupling() -> None:
    limit = set_limit(Workspace(spec([10.0], [50.0], [50.0])))
    assert (limit.definition, limit.coupling, limit.expected_coupling) == (
        None, None, None,
    )  # fmt: skip
    assert limit.provenance["configuration"]["cl"] == 0.9


def test_the_meta_document_comes_first() -> None:
    definition = {"symbol": "q", "reference": 3e-12, "unit": "e", "power": 2}
    document = spec([10.0], [50.0], [50.0], name=f"{TRANSITION}@g_ref=3e-12")
    name = document["measurements"][0]["name"]
    meta = {"definition": definition, "measurement": name}
    assert definition_of(Workspace(document, meta)) == definition
    of_another = {"definition": definition, "measurement": "another"}
    assert definition_of(Workspace(document, of_another)) != definition


def test_a_meta_document_of_another_workspace_is_refused(tmp_path: Path) -> None:
    document = spec([10.0], [50.0], [50.0])
    path = tmp_path / "w.json"
    write_workspace(path, Workspace(document, {"workspace_sha256": digest(document)}))
    assert read_workspace(path).meta is not None
    path.write_text(json.dumps(spec([10.0], [50.0], [51.0])))
    with pytest.raises(InputError, match=r"w\.meta\.json: .* belongs to another"):
        read_workspace(path)


def test_names_of_measurements_go_back_and_forth() -> None:
    name = measurement_name(TRANSITION, 1.23456789e-12)
    found = definition_of(Workspace(spec([1.0], [5.0], [5.0], name=name)))
    assert found is not None
    assert found["reference"] == 1.23456789e-12


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{}", "not a pyhf workspace"),
        ("[]", "not a pyhf workspace.*a JSON object"),
        ("{", "not JSON"),
        ('{"a": NaN}', "not finite"),
    ],
    ids=["empty", "list", "broken", "nan"],
)
def test_files_that_are_no_workspace(tmp_path: Any, text: str, message: str) -> None:
    path = tmp_path / "w.json"
    path.write_text(text)
    with pytest.raises(InputError, match=message) as caught:
        read_workspace(path)
    assert str(path) in str(caught.value)


def test_observations_of_other_channels(two_bins: Spec, tmp_path: Any) -> None:
    document = copy.deepcopy(two_bins)
    document["observations"][0]["name"] = "d"
    path = tmp_path / "w.json"
    path.write_text(json.dumps(document))
    with pytest.raises(
        InputError, match=r"observations do not fit.*found d, expected c"
    ):
        read_workspace(path)


# fits


def test_best_fit_below_zero() -> None:
    document = spec([10.0], [100.0], [80.0])
    fit = best_fit(document, poi_bounds=(-100, 100))
    assert fit.poi == "mu"
    assert fit.values["mu"] == pytest.approx(-2.0, abs=1e-3)
    assert fit.errors["mu"] == pytest.approx(math.sqrt(80) / 10, rel=1e-2)
    np.testing.assert_allclose(fit.expected["c"]["s"], [-20.0], rtol=1e-3)
    np.testing.assert_allclose(fit.expected["c"]["b"], [100.0])


def test_best_fit_stops_before_the_expectation_turns_negative() -> None:
    document = spec([10.0], [10.0], [1.0])
    fit = best_fit(document, poi_bounds=(-100, 100))
    assert fit.values["mu"] == pytest.approx(-0.5, abs=1e-3)


def test_a_parameter_of_interest_can_be_held(two_bins: Spec) -> None:
    fit = best_fit(two_bins, poi_value=1.5)
    assert fit.values["mu"] == 1.5
    assert fit.errors["mu"] == 0.0
    free = best_fit(two_bins)
    assert fit.twice_nll > free.twice_nll


def test_other_counts_can_be_fitted(two_bins: Spec) -> None:
    observed = {"c": np.array([80.0, 72.0])}
    fit = best_fit(two_bins, observed=observed)
    assert fit.values["mu"] == pytest.approx(3.0, abs=1e-3)
    assert two_bins["observations"][0]["data"] == [56.0, 58.0]
