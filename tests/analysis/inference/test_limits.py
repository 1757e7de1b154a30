"""Limits against pyhf at the same points, toys, unified intervals, errors."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyhf
import pytest

from nuem.analysis.exchange.workspace import read_workspace
from nuem.analysis.inference.asymptotic import CLsCurve, asymptotic_cls
from nuem.analysis.inference.diagnostics import goodness_of_fit, impacts
from nuem.analysis.inference.exact import poisson_interval
from nuem.analysis.inference.feldman_cousins import (
    Belt,
    calibrate,
    region,
    scan_for_belt,
)
from nuem.analysis.inference.fit import best_fit
from nuem.analysis.inference.likelihood import Likelihood
from nuem.analysis.inference.limits import upper_limit
from nuem.analysis.inference.profile import global_fit, profile
from nuem.analysis.inference.toys import (
    load_toys,
    merge_toys,
    save_toys,
    shard_range,
    throw,
)
from nuem.analysis.stages import set_limit
from nuem.inputs.errors import InferenceError, InputError

LINKS = {
    "g_lin": {"parameter": "g", "power": 1},
    "g_quad": {"parameter": "g", "power": 2},
}
SIGNED = {"reference": 1e-12, "power": 1, "unit": "e", "symbol": "q", "links": LINKS}


def on_off(counts: float = 100.0, bins: int = 8) -> dict[str, Any]:
    """Return an ON/OFF model with two nuisance parameters and Asimov data."""
    base = np.linspace(1.2, 0.8, bins) * counts
    signal = 0.5 * counts / np.arange(1, bins + 1)
    free = {"name": "free", "type": "shapefactor", "data": None}
    modifiers = [
        {"name": "mu", "type": "normfactor", "data": None},
        {"name": "flux", "type": "normsys", "data": {"hi": 1.05, "lo": 0.95}},
        {
            "name": "gain",
            "type": "histosys",
            "data": {
                "hi_data": (signal * 1.04).tolist(),
                "lo_data": (signal * 0.96).tolist(),
            },
        },
    ]
    background = {"name": "b", "data": base.tolist(), "modifiers": [free]}
    return {
        "version": "1.0.0",
        "channels": [
            {
                "name": "on",
                "samples": [
                    {"name": "s", "data": signal.tolist(), "modifiers": modifiers},
                    background,
                ],
            },
            {"name": "off", "samples": [background]},
        ],
        "observations": [
            {"name": "on", "data": np.round(base).tolist()},
            {"name": "off", "data": np.round(base).tolist()},
        ],
        "measurements": [{"name": "m", "config": {"poi": "mu", "parameters": []}}],
    }


def interfering() -> dict[str, Any]:
    spec = on_off()
    signal, background = spec["channels"][0]["samples"]
    em = {**signal, "name": "em"}
    em["modifiers"] = [
        {"name": "g_quad", "type": "normfactor", "data": None},
        signal["modifiers"][1],
    ]
    linear = {**em, "name": "int", "data": [-0.4 * x for x in signal["data"]]}
    linear["modifiers"] = [
        {"name": "g_lin", "type": "normfactor", "data": None},
        signal["modifiers"][1],
    ]
    spec["channels"][0]["samples"] = [em, linear, background]
    spec["measurements"][0]["config"] = {
        "poi": "g_lin",
        "parameters": [{"name": "g_lin", "bounds": [[-10.0, 10.0]], "inits": [0.0]}],
    }
    return spec


def test_cls_is_that_of_pyhf_at_our_optimum() -> None:
    spec = on_off()
    likelihood = Likelihood(spec)
    found = asymptotic_cls(likelihood, cl=0.9, points=0)
    curve = CLsCurve(likelihood)
    model = pyhf.Workspace(spec).model()
    data = np.array(pyhf.Workspace(spec).data(model))
    mu = found.observed
    held = likelihood.fit(fixed={likelihood.poi: mu}).values
    free = likelihood.fit().values

    def deviance(point: Any, counts: Any) -> float:
        return -2 * float(model.logpdf(point, counts)[0])

    # the Asimov data of pyhf, from our background-only fit
    null = likelihood.fit(fixed={likelihood.poi: 0.0}).values
    asimov = np.asarray(model.expected_data(null))
    n = likelihood.expected(null)
    np.testing.assert_allclose(asimov[: n.size], n)
    aux = likelihood.expected_aux(null)
    at_mu = likelihood.fit(fixed={likelihood.poi: mu}, observed=n, aux=aux).values
    q = deviance(held, data) - deviance(free, data)
    q_asimov = deviance(at_mu, asimov) - deviance(null, asimov)
    root, root_asimov = np.sqrt(max(q, 0)), np.sqrt(q_asimov)
    shifted = (
        root - root_asimov
        if root <= root_asimov
        else (q - q_asimov) / (2 * root_asimov)
    )
    from scipy.stats import norm

    theirs = norm.sf(shifted + root_asimov) / norm.sf(shifted)
    assert curve.observed(mu) == pytest.approx(theirs, abs=1e-6)
    assert curve.observed(mu) == pytest.approx(0.1, abs=1e-8)
    for band, value in zip(range(5), found.expected, strict=True):
        assert curve.expected(value)[band] == pytest.approx(0.1, abs=1e-8)
    # and pyhf with its own minima, which are less exact
    pyhf.set_backend("numpy", pyhf.optimize.minuit_optimizer(strategy=1))
    try:
        observed, expected = pyhf.infer.hypotest(
            mu, data, model, test_stat="qtilde", return_expected_set=True
        )
    finally:
        pyhf.set_backend("numpy", pyhf.optimize.scipy_optimizer())
    assert float(observed) == pytest.approx(0.1, abs=1e-3)
    np.testing.assert_allclose(curve.expected(mu), np.ravel(expected), atol=1e-3)


def test_every_level_has_its_limit_and_a_bound_is_an_error() -> None:
    limits = [
        upper_limit(on_off(), cl=cl).poi.upper_limit for cl in (0.68, 0.9, 0.95, 0.99)
    ]
    assert limits == sorted(limits)
    spec = on_off()
    spec["measurements"][0]["config"]["parameters"] = [
        {"name": "mu", "bounds": [[0.0, 0.01]], "inits": [0.005]}
    ]
    with pytest.raises(InferenceError, match="no upper limit in range"):
        upper_limit(spec)
    with pytest.raises(InputError, match="confidence level"):
        upper_limit(on_off(), cl=1.0)
    with pytest.raises(InputError, match="signed coupling"):
        upper_limit(interfering(), method="cls", definition=SIGNED)


def test_pyhf_remains_an_engine() -> None:
    spec = on_off(bins=2)
    ours, theirs = upper_limit(spec), upper_limit(spec, engine="pyhf")
    assert (ours.engine, theirs.engine) == ("nuem", "pyhf")
    assert ours.poi.upper_limit == pytest.approx(theirs.poi.upper_limit, rel=2e-3)


def test_pyhf_profiles_as_well() -> None:
    spec = on_off(bins=2)
    ours = upper_limit(spec, method="profile")
    theirs = upper_limit(spec, method="profile", engine="pyhf")
    assert (theirs.engine, theirs.method) == ("pyhf", "profile")
    assert ours.poi.upper_limit == pytest.approx(theirs.poi.upper_limit, rel=5e-3)
    assert ours.poi.intervals[0] == pytest.approx(theirs.poi.intervals[0], abs=2e-3)
    # expected: toys here, Asimov data there
    assert ours.expected_poi["0"] == pytest.approx(theirs.expected_poi["0"], rel=0.15)
    with pytest.raises(InputError, match="not an engine of this method"):
        upper_limit(spec, method="toys", engine="pyhf")
    with pytest.raises(InputError, match="square of another"):
        upper_limit(interfering(), method="profile", engine="pyhf", definition=SIGNED)


def test_a_modifier_that_is_not_compiled_goes_to_pyhf(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As if normsys were one that only pyhf knows."""
    from nuem.analysis.inference import compiled

    known = tuple(k for k in compiled.KNOWN if k != "normsys")
    monkeypatch.setattr(compiled, "KNOWN", known)
    for method in ("cls", "profile"):
        found = upper_limit(on_off(bins=1), method=method)
        assert found.engine == "pyhf"
        assert "handed over to pyhf" in found.warnings[0]
    with pytest.raises(InputError, match="no method feldman-cousins"):
        upper_limit(on_off(bins=1), method="feldman-cousins")


def test_a_negative_expectation_in_an_empty_bin_is_named() -> None:
    """It would be as good as in pyhf, and better than no signal."""
    spec = on_off(bins=2)
    signal = spec["channels"][0]["samples"][0]
    signal["data"] = [30.0, -2.0]
    signal["modifiers"] = signal["modifiers"][:1]
    for channel in spec["channels"]:
        channel["samples"][-1]["modifiers"] = []
        channel["samples"][-1]["data"] = [50.0, 4.0]
    spec["observations"] = [
        {"name": "on", "data": [170.0, 0.0]},
        {"name": "off", "data": [50.0, 4.0]},
    ]
    for method in ("cls", "profile", "feldman-cousins"):
        with pytest.raises(InferenceError, match=r"on\[1\]: negative expectation"):
            upper_limit(spec, method=method, toys=100)
    with pytest.raises(InferenceError, match="negative expectation"):
        best_fit(spec)


def test_the_power_constraint_stands_in_both_units() -> None:
    definition = {"reference": 1e-12, "power": 2, "unit": "e", "symbol": "q"}
    spec = on_off()
    spec["observations"][0]["data"] = [n - 15 for n in spec["observations"][0]["data"]]
    found = upper_limit(spec, definition=definition)
    assert found.power_constrained is not None
    assert found.expected_coupling is not None
    assert found.power_constrained["poi"] == found.expected_poi["-1"]
    assert found.power_constrained["coupling"] == found.expected_coupling["-1"]
    assert found.poi.upper_limit < found.power_constrained["poi"]


def test_toys_do_not_depend_on_threads_or_shards(tmp_path: Path) -> None:
    likelihood = Likelihood(on_off())
    truth = likelihood.fit(fixed={likelihood.poi: 0.1}).values
    kw: dict[str, Any] = {"test": [0.1], "count": 700, "seed": 3}
    one = throw(likelihood, truth, threads=1, **kw)
    two = throw(likelihood, truth, threads=2, **kw)
    np.testing.assert_array_equal(one.statistic, two.statistic)
    parts = [throw(likelihood, truth, shard=(i, 3), **kw) for i in (1, 2, 3)]
    for k, part in enumerate(parts):
        save_toys(tmp_path / f"{k}.npz", part)
    merged = merge_toys(load_toys(tmp_path / f"{k}.npz") for k in (2, 0, 1))
    np.testing.assert_array_equal(merged.statistic, one.statistic)
    assert merged.failed == 0
    with pytest.raises(InputError, match="shard missing"):
        merge_toys(parts[:2])
    with pytest.raises(InputError, match="different toys"):
        merge_toys(
            [
                parts[0],
                throw(likelihood, truth, shard=(2, 3), test=[0.2], count=700, seed=3),
            ]
        )
    damaged = (tmp_path / "0.npz").read_bytes()
    (tmp_path / "0.npz").write_bytes(damaged[:-200])
    with pytest.raises(InputError, match="damaged toys"):
        load_toys(tmp_path / "0.npz")
    kept = throw(likelihood, truth, keep=tmp_path / "kept", **kw)
    again = throw(likelihood, truth, keep=tmp_path / "kept", **kw)
    np.testing.assert_array_equal(kept.statistic, again.statistic)
    assert shard_range(5, None) == (0, 5)


def test_toys_follow_the_distribution_at_high_counts() -> None:
    likelihood = Likelihood(on_off(counts=3000.0))
    likelihood.arrays.low[likelihood.poi] = -5.0
    truth = likelihood.fit(fixed={likelihood.poi: 0.2}).values
    toys = throw(likelihood, truth, test=[0.2], count=4000, seed=1)
    assert toys.failed == 0
    share = np.mean(toys.statistic < 2.7055)
    assert share == pytest.approx(0.9, abs=0.02)


def test_cls_by_toys_is_near_the_formulae_at_high_counts() -> None:
    spec = on_off(counts=400.0)
    exact = upper_limit(spec)
    toys = upper_limit(spec, method="toys", toys=1500)
    assert toys.poi.upper_limit == pytest.approx(exact.poi.upper_limit, rel=0.1)
    assert toys.toys == {"n": 1500, "failed": 0, "seed": 1}


def test_toys_replace_formulae_that_fail() -> None:
    spec = on_off(bins=1)
    spec["channels"] = [
        {
            "name": "on",
            "samples": [
                {
                    "name": "s",
                    "data": [1.0],
                    "modifiers": [{"name": "mu", "type": "normfactor", "data": None}],
                },
                {"name": "b", "data": [1.0], "modifiers": []},
            ],
        }
    ]
    spec["observations"] = [{"name": "on", "data": [1.0]}]
    spec["measurements"][0]["config"]["parameters"] = [
        {"name": "mu", "bounds": [[0.0, 50.0]]}
    ]
    found = upper_limit(spec, toys=1000)
    assert found.calibration.startswith("toys")
    assert any("in place of" in text for text in found.warnings)
    # P(n <= 1 | mu + 1) / P(n <= 1 | 1) = 0.1
    assert found.poi.upper_limit == pytest.approx(3.27, abs=0.35)


def test_two_minima_are_found_and_reported() -> None:
    spec = interfering()
    likelihood = Likelihood(spec, links=LINKS)
    point = likelihood.init.copy()
    point[likelihood.index("g")] = 1.5
    data = likelihood.expected(point)
    minima = global_fit(likelihood, observed=data)
    places = sorted(m.values[likelihood.index("g")] for m in minima[:2])
    # c g^2 - 0.4 c g is the same at g and 0.4 - g
    np.testing.assert_allclose(places, [-1.1, 1.5], atol=1e-4)
    for channel in spec["observations"]:
        where = likelihood.model.layout.channels[channel["name"]]
        channel["data"] = data[where].tolist()
    islands = profile(Likelihood(spec, links=LINKS)).intervals(2.7)
    assert len(islands) == 2
    found = upper_limit(spec, definition=SIGNED, toys=300)
    assert found.method == "feldman-cousins"
    assert len(found.poi.intervals) == 2
    assert found.coupling is not None
    assert found.coupling.intervals[0][0] < 0
    assert set(found.expected_poi) == {"-2", "-1", "0", "1", "2"}


def test_belts_are_kept(tmp_path: Path) -> None:
    likelihood = Likelihood(on_off())
    scan = scan_for_belt(likelihood)
    belt = calibrate(likelihood, scan, count=300, points=7)
    belt.save(tmp_path / "belt.json")
    assert Belt.load(tmp_path / "belt.json").invert(scan) == belt.invert(scan)
    (tmp_path / "belt.json").write_text("{}")
    with pytest.raises(InputError, match="not a belt"):
        Belt.load(tmp_path / "belt.json")
    with pytest.raises(InputError, match="values with toys: found 1, expected 2"):
        calibrate(likelihood, scan, points=1)


@pytest.mark.parametrize(("count", "background"), [(0, 3.0), (5, 3.0), (5, 0.5)])
def test_ends_of_few_counts_are_those_of_exact_sums(
    count: int, background: float
) -> None:
    """Critical values jump there: what lies between two of them is not interpolated."""
    signal = {"name": "s", "data": [1.0], "modifiers": [{"name": "mu", "type": "normfactor", "data": None}]}  # fmt: skip
    found = upper_limit(
        {
            "channels": [
                {"name": "c", "samples": [signal, {"name": "b", "data": [background], "modifiers": []}]}
            ],
            "observations": [{"name": "c", "data": [float(count)]}],
            "measurements": [
                {"name": "m", "config": {"poi": "mu", "parameters": [{"name": "mu", "bounds": [[0.0, 40.0]]}]}}
            ],
        },
        method="feldman-cousins",
    )  # fmt: skip
    exact = poisson_interval(count, background)
    assert found.poi.intervals == (pytest.approx(exact, abs=0.005),)
    assert found.poi.upper_error is not None
    assert found.poi.upper_error < 0.02


def test_belts_reach_as_far_as_experiments_without_signal() -> None:
    """Data two deviations too low allow less than most of these do."""
    spec = on_off()
    spec["observations"][0]["data"] = [x - 12 for x in spec["observations"][0]["data"]]
    likelihood = Likelihood(spec)
    scan = scan_for_belt(likelihood)
    belt = calibrate(likelihood, scan, count=200, points=7)
    assert belt.values[-1] > scan.values[-1]
    assert np.all(np.diff(belt.values) > 0)
    found = upper_limit(spec, method="feldman-cousins", toys=200)
    expected = [found.expected_poi[key] for key in ("-2", "-1", "0", "1", "2")]
    assert np.all(np.diff(expected) > 0)
    assert scan.values[-1] < expected[-1] < belt.values[-1]
    assert not any("belt ends" in warning for warning in found.warnings)


def test_a_region_of_two_parameters() -> None:
    likelihood = Likelihood(on_off())
    found = region(
        likelihood,
        ["mu", "flux"],
        np.linspace(0, 0.6, 5),
        np.linspace(-2, 2, 3),
        count=50,
    )
    assert found.accepted[0, 1]
    assert not found.accepted[-1].any()
    assert found.failed == 0


def test_fit_with_pulls_correlations_and_impacts() -> None:
    spec = on_off()
    spec["observations"][0]["data"][0] += 40
    found = best_fit(spec)
    names = list(found.values)
    pyhf.set_backend("numpy", pyhf.optimize.minuit_optimizer(strategy=1))
    try:
        model = pyhf.Workspace(spec).model()
        result = pyhf.infer.mle.fit(
            pyhf.Workspace(spec).data(model), model, return_uncertainties=True
        )
    finally:
        pyhf.set_backend("numpy", pyhf.optimize.scipy_optimizer())
    for name, (value, error) in zip(names, np.asarray(result), strict=True):
        assert found.values[name] == pytest.approx(value, abs=1e-2 * error)
        assert found.errors[name] == pytest.approx(error, rel=2e-2)
    assert set(found.pulls) == {"flux", "gain"}
    np.testing.assert_allclose(np.diag(found.correlation), 1.0)
    ranking = impacts(Likelihood(spec))
    assert ranking[0].size >= ranking[-1].size
    assert {i.name for i in ranking if i.pull is not None} == {"flux", "gain"}


def test_goodness_of_fit() -> None:
    good = goodness_of_fit(Likelihood(on_off()), toys=500)
    assert good.p_toys is not None
    assert good.p_toys > 0.5
    spec = on_off()
    spec["observations"][0]["data"][3] += 80
    bad = goodness_of_fit(Likelihood(spec), toys=500)
    assert bad.p_toys is not None
    assert bad.p_toys < 0.01
    assert bad.ndf == 16 - 8 - 1


def test_exact_expectation_as_data() -> None:
    """Observed and expected limit are one: no digit may decide that there is none."""
    rng = np.random.default_rng(1)
    for _ in range(150):
        bins = int(rng.integers(3, 40))
        background = rng.uniform(5, 200, bins)
        falling = np.exp(-np.arange(bins) / 5)
        signal = rng.uniform(0.1, 1, bins) * falling * 20
        tilt = np.linspace(0.9, 1.1, bins)
        shape = {
            "hi_data": (background * tilt).tolist(),
            "lo_data": (background * tilt[::-1]).tolist(),
        }
        modifiers = [
            {"name": "n", "type": "normsys", "data": {"hi": 1.1, "lo": 0.9}},
            {"name": "h", "type": "histosys", "data": shape},
        ]
        mu = {"name": "mu", "type": "normfactor", "data": None}
        samples = [
            {"name": "s", "data": signal.tolist(), "modifiers": [mu]},
            {"name": "b", "data": background.tolist(), "modifiers": modifiers},
        ]
        spec = on_off() | {
            "channels": [{"name": "c", "samples": samples}],
            "observations": [{"name": "c", "data": background.tolist()}],
        }
        limit = upper_limit(spec)
        assert limit.poi.upper_limit == pytest.approx(limit.expected_poi["0"], rel=1e-6)


def test_bounds_that_end_an_interval_are_named() -> None:
    """A signal that the data cannot exclude within the bounds of the parameter."""
    spec = on_off()
    parameter = {"name": "mu", "bounds": [[0.0, 0.05]], "inits": [0.01]}
    spec["measurements"][0]["config"]["parameters"] = [parameter]
    limit = upper_limit(spec, method="profile")
    assert limit.poi.upper_limit == pytest.approx(0.05)
    assert "the upper end is the bound of the parameter, 0.05" in limit.warnings
    assert "expected limits end at the bound of the parameter, 0.05" in limit.warnings
    with pytest.raises(InferenceError, match="no upper limit in range"):
        upper_limit(spec)
    wide = upper_limit(on_off(), method="profile")
    assert not [line for line in wide.warnings if "bound" in line]


def test_a_modifier_that_only_pyhf_knows(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A program may register modifiers with pyhf, beyond its schema."""
    spec = on_off(bins=1)
    spec["channels"][0]["samples"][0]["modifiers"][1]["type"] = "twin"
    with pytest.raises(
        InputError, match=r"on\.s\.flux: modifier that neither nuem nor"
    ):
        upper_limit(spec)
    path = tmp_path / "w.json"
    path.write_text(json.dumps(spec))
    with pytest.raises(
        InputError, match=r"w\.json: on\.s\.flux: modifier that neither"
    ):
        read_workspace(path)
    known = pyhf.modifiers.histfactory_set
    monkeypatch.setitem(known, "twin", known["normsys"])
    found = set_limit(read_workspace(path))
    assert found.engine == "pyhf"
    assert any("handed over to pyhf" in line for line in found.warnings)
    as_usual = upper_limit(on_off(bins=1), engine="pyhf")
    # another interpolation between one sigma: pyhf sets that of its own by their names
    assert found.poi.upper_limit == pytest.approx(as_usual.poi.upper_limit, rel=0.02)
    with pytest.raises(InputError, match="no method toys that works"):
        upper_limit(spec, method="toys")


def configured(**parameter: Any) -> dict[str, Any]:
    spec = on_off()
    spec["measurements"][0]["config"]["parameters"] = [{"name": "mu", **parameter}]
    return spec


def scaled(factor: float) -> dict[str, Any]:
    spec = on_off()
    signal = spec["channels"][0]["samples"][0]
    signal["data"] = [factor * x for x in signal["data"]]
    signal["modifiers"] = signal["modifiers"][:1]
    return spec


def test_what_is_wrong_with_a_parameter_is_said() -> None:
    for engine in ("nuem", "pyhf"):
        with pytest.raises(
            InferenceError, match="mu: the parameter of interest is fix"
        ):
            upper_limit(configured(fixed=True), engine=engine)
    with pytest.raises(
        InferenceError,
        match=r"expected at -2 sigma\): found 10 not excl.*0\.00\d+ events",
    ):
        upper_limit(scaled(1e-6))
    with pytest.raises(InferenceError, match=r"too small beside the background.*e-\d+"):
        upper_limit(scaled(1e-18))
    with pytest.raises(InferenceError, match="acts on no expected event"):
        upper_limit(scaled(0.0))
    negative = on_off()
    negative["channels"][0]["samples"].append(
        {"name": "hole", "data": [-130.0] + [0.0] * 7, "modifiers": []}
    )
    with pytest.raises(InputError, match=r"on: negative expectation without signal"):
        upper_limit(negative)


def test_unusual_parameters_of_interest_are_noted() -> None:
    for method in ("cls", "toys", "feldman-cousins", "profile"):
        found = upper_limit(
            configured(bounds=[[0.02, 10.0]], inits=[0.1]), method=method, toys=200
        )
        assert any("0.02 to 10, exclude 0" in line for line in found.warnings)
        assert found.poi.intervals[0][0] >= 0.02
        assert found.parameter == "mu"
    spec = on_off()
    spec["measurements"][0]["config"]["poi"] = "flux"
    found = upper_limit(spec, method="profile")
    assert "flux has a normal constraint" in found.warnings[0]
    assert found.parameter == "flux"


def test_a_lower_bound_of_one() -> None:
    spec = configured(bounds=[[1.0, 10.0]], inits=[1.0])
    assert upper_limit(spec).poi.upper_limit > 1.0


def test_best_fit_above_a_lower_bound_is_kept() -> None:
    spec = configured(bounds=[[0.02, 10.0]], inits=[0.1])
    spec["observations"][0]["data"] = [
        n + 20 / (k + 1) for k, n in enumerate(spec["observations"][0]["data"])
    ]
    found = upper_limit(spec)
    assert found.poi.best_fit == pytest.approx(0.4, abs=0.01)
    free = upper_limit(configured() | {"observations": spec["observations"]})
    assert found.poi.best_fit == pytest.approx(free.poi.best_fit, rel=1e-6)


def test_a_channel_without_yields_is_an_error() -> None:
    spec = on_off()
    zero = {"name": "b", "data": [0.0, 0.0], "modifiers": []}
    spec["channels"].append({"name": "nothing", "samples": [zero]})
    spec["observations"].append({"name": "nothing", "data": [0.0, 0.0]})
    for engine in ("nuem", "pyhf"):
        with pytest.raises(
            InputError, match=r"channels\.nothing: no sample has a yield"
        ):
            upper_limit(spec, engine=engine)
    # a shape alone is a yield
    data = {"hi_data": [1.0, 1.0], "lo_data": [1.0, 1.0]}
    zero["modifiers"] = [{"name": "flux", "type": "histosys", "data": data}]
    assert upper_limit(spec).poi.upper_limit > 0


def test_levels_and_numbers_of_toys() -> None:
    with pytest.raises(InputError, match=r"found 1\.0000000001, expected 0 to 1"):
        upper_limit(on_off(), cl=1.0000000001)
    with pytest.raises(InputError, match="found 99, expected at least 100"):
        upper_limit(on_off(), method="toys", toys=99)
    with pytest.raises(InputError, match="cl: an upper limit of a profile"):
        upper_limit(on_off(), method="profile", cl=0.4)
    with pytest.raises(InferenceError, match=r"for a level of 0\.9999999$"):
        upper_limit(configured(bounds=[[0.0, 0.3]], inits=[0.1]), cl=0.9999999)


def test_digits_do_not_decide_where_outcomes_are_equal() -> None:
    """Few counts: the critical value is the statistic of many toys, and of the data."""
    spec = on_off(bins=1)
    spec["channels"] = [
        {"name": "off", "samples": [spec["channels"][1]["samples"][0]]},
        {"name": "on", "samples": spec["channels"][0]["samples"]},
    ]
    signal, background = spec["channels"][1]["samples"]
    signal["data"], signal["modifiers"] = [1.8], signal["modifiers"][:1]
    background["data"] = spec["channels"][0]["samples"][0]["data"] = [3.0]
    spec["observations"] = [{"name": name, "data": [3.0]} for name in ("off", "on")]
    likelihood = Likelihood(spec)
    scan = profile(likelihood, values=np.array([0.0]))
    belt = calibrate(likelihood, scan, values=np.array([0.0]), count=4000)
    truth = likelihood.fit(fixed={likelihood.poi: 0.0}).values
    n = np.random.default_rng(1).poisson(likelihood.expected(truth), (4000, 2))
    outcomes, times = np.unique(n, axis=0, return_counts=True)
    inside = 0
    for data, share in zip(outcomes.astype(float), times, strict=True):
        held = likelihood.fit(fixed={likelihood.poi: 0.0}, observed=data)
        rise = held.deviance - likelihood.fit(observed=data).deviance
        inside += share * (rise <= belt.critical[0])
    assert inside / 4000 >= 0.895
