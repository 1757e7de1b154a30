"""Toys: bands in order, errors by their number, conditional ones, kept ones, p0."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.optimize import brentq
from scipy.stats import norm, poisson

from nuem.analysis.inference import toys as toys_module
from nuem.analysis.inference.kept_toys import (
    Store,
    load_toys,
    merge_toys,
    save_toys,
)
from nuem.analysis.inference.likelihood import Likelihood
from nuem.analysis.inference.limits import throw_shard, upper_limit
from nuem.analysis.inference.toys import Toys, shard_range, throw, tidy
from nuem.inputs.errors import InferenceError, InputError

BANDS = ("-2", "-1", "0", "1", "2")


def counting(
    background: float, count: float, signal: float = 1.0, *modifiers: dict[str, Any]
) -> dict[str, Any]:
    """Return a model of one bin."""
    mu = {"name": "mu", "type": "normfactor", "data": None}
    samples = [
        {"name": "s", "data": [signal], "modifiers": [mu]},
        {"name": "b", "data": [background], "modifiers": list(modifiers)},
    ]
    config = {"poi": "mu", "parameters": [{"name": "mu", "bounds": [[0.0, 60.0]]}]}
    return {
        "version": "1.0.0",
        "channels": [{"name": "c", "samples": samples}],
        "observations": [{"name": "c", "data": [count]}],
        "measurements": [{"name": "m", "config": config}],
    }


def uncertain(background: float, count: float, size: float = 0.3) -> dict[str, Any]:
    data = {"hi": 1 + size, "lo": 1 - size}
    return counting(
        background, count, 1.0, {"name": "norm", "type": "normsys", "data": data}
    )


def exact_limit(n: int, background: float, cl: float = 0.9) -> float:
    """CLs limit of a count with a known background."""

    def cls(mu: float) -> float:
        return float(poisson.cdf(n, mu + background) / poisson.cdf(n, background))

    return float(brentq(lambda mu: cls(mu) - (1 - cl), 1e-9, 60.0))


@pytest.mark.parametrize("background", [0.1, 0.5, 1.0, 3.0])
def test_the_band_of_few_counts_is_that_of_the_exact_sums(background: float) -> None:
    found = upper_limit(counting(background, round(background)), toys=4000)
    assert found.calibration == "toys (unconditional)"
    band = [found.expected_poi[key] for key in BANDS]
    assert band == sorted(band)
    assert np.all(np.diff(found.scan["expected"], axis=1) >= 0)
    assert found.poi.upper_limit == pytest.approx(
        exact_limit(round(background), background), rel=0.06
    )
    assert found.expected_poi_error is not None
    for key, limit in found.expected_poi.items():
        share = norm.cdf(float(key))
        # a share that is within the number of toys of a step may be on either side
        spread = 3 * np.sqrt(share * (1 - share) / 4000)
        counts = {int(poisson.ppf(p, background)) for p in (share - spread, share, share + spread) if 0 < p < 1}  # fmt: skip
        near = min(abs(limit / exact_limit(n, background) - 1) for n in counts)
        assert near < 0.06, (key, limit)


@pytest.mark.parametrize("seed", [1, 2, 3])
@pytest.mark.parametrize("make", [counting, uncertain])
def test_bands_are_in_order(make: Callable[..., dict[str, Any]], seed: int) -> None:
    """With few toys too, where noise would put them in any order."""
    for background, count in ((0.1, 0), (0.5, 2), (1.0, 0), (3.0, 3)):
        found = upper_limit(make(background, count), method="toys", toys=150, seed=seed)
        band = [found.expected_poi[key] for key in BANDS]
        assert band == sorted(band)


def spread(limits: list[Any], value: Callable[[Any], float]) -> float:
    return float(np.std([value(limit) for limit in limits], ddof=1))


@pytest.mark.parametrize("method", ["toys", "feldman-cousins"])
def test_errors_by_the_number_of_toys_are_the_scatter_of_seeds(method: str) -> None:
    """Twenty seeds: their standard deviation is known to 16 per cent."""
    spec = uncertain(50.0, 55.0, 0.05)
    limits = [
        upper_limit(spec, method=method, toys=400, seed=seed) for seed in range(20)
    ]
    stated = float(np.mean([limit.poi.upper_error for limit in limits]))
    scatter = spread(limits, lambda limit: limit.poi.upper_limit)
    assert 0.6 < stated / scatter < 1.6
    for key in ("-1", "0", "1"):
        errors = [(limit.expected_poi_error or {})[key] for limit in limits]
        scatter = spread(limits, lambda limit, key=key: limit.expected_poi[key])
        assert 0.5 < float(np.mean(errors)) / scatter < 2.0
    document = limits[0].to_dict()
    errors = document["observed"]["poi"]["toys_error"]
    assert errors["upper_limit"] == limits[0].poi.upper_error
    assert errors["intervals"][0][0] == 0.0
    assert set(document["expected"]["toys_error"]["poi"]) == set(BANDS)
    without = upper_limit(counting(500.0, 500.0, 10.0)).to_dict()
    assert "toys_error" not in without["observed"]["poi"]
    assert "toys_error" not in without["expected"]
    assert "p0_toys_error" not in without["observed"]


def test_errors_in_the_unit_of_a_coupling() -> None:
    definition = {"reference": 2.0, "power": 2, "unit": "e", "symbol": "q"}
    found = upper_limit(
        counting(3.0, 3.0), method="toys", toys=500, definition=definition
    )
    assert found.coupling is not None
    assert found.coupling.upper_error is not None
    assert found.poi.upper_error is not None
    # g = 2 sqrt(mu)
    slope = 1 / np.sqrt(found.poi.upper_limit)
    assert found.coupling.upper_error == pytest.approx(
        slope * found.poi.upper_error, rel=1e-2
    )
    assert set(found.expected_coupling_error or {}) == set(BANDS)


def test_conditional_toys_keep_the_auxiliary_data() -> None:
    """The auxiliary datum is 0 and the background is pulled up by the count."""
    likelihood = Likelihood(uncertain(50.0, 80.0, 0.1), bounds={"mu": (0.0, 1e-9)})
    truth = likelihood.fit().values
    norm_at = likelihood.index("norm")
    assert truth[norm_at] > 1.0
    kw: dict[str, Any] = {"test": [0.0], "count": 4000, "seed": 1}
    kw["parameters"] = [norm_at]
    both = {
        aux: throw(likelihood, truth, fluctuate_aux=aux, **kw) for aux in (True, False)
    }
    size = both[True].expectation.size - likelihood.aux.size
    np.testing.assert_array_equal(both[False].expectation[size:], likelihood.aux)
    assert both[True].expectation[size + norm_at] == pytest.approx(truth[norm_at])
    # with the datum held at 0, toys are pulled back towards it; else about their truth
    assert np.mean(both[True].best_fit) == pytest.approx(truth[norm_at], abs=0.15)
    held = likelihood.fit(observed=likelihood.expected(truth)).values[norm_at]
    assert held < 0.85 * truth[norm_at]
    assert np.mean(both[False].best_fit) == pytest.approx(held, abs=0.1)


@pytest.mark.parametrize("method", ["toys", "feldman-cousins", "profile"])
def test_a_result_says_that_its_toys_are_conditional(method: str) -> None:
    spec = uncertain(20.0, 30.0)
    plain, conditional = (
        upper_limit(spec, method=method, toys=300, conditional=c) for c in (False, True)
    )
    assert "conditional" in conditional.calibration
    assert "(conditional" in conditional.calibration.replace(": ", "(")
    assert "unconditional" in plain.calibration or method == "profile"
    assert conditional.expected_poi != plain.expected_poi


def test_p0_says_how_it_was_found() -> None:
    few = counting(1.0, 4.0)
    exact = float(poisson.sf(3, 1.0))
    for method in ("toys", "feldman-cousins"):
        found = upper_limit(few, method=method, toys=4000)
        assert (found.p0_calibration, found.p0_sided) == ("toys (unconditional)", "one")
        assert found.p0_error is not None
        assert found.p0 == pytest.approx(exact, abs=4 * found.p0_error)
    asymptotic = upper_limit(few, method="profile")
    assert (asymptotic.p0_calibration, asymptotic.p0_sided) == ("asymptotic", "one")
    assert asymptotic.p0_error is None
    # Phi(-sqrt(q0)) is not that of a Poisson count
    assert abs(asymptotic.p0 - exact) > 0.005
    signed = uncertain(60.0, 40.0, 0.01)
    signed["measurements"][0]["config"]["parameters"] = [
        {"name": "mu", "bounds": [[-30.0, 60.0]]}
    ]
    for method in ("profile", "feldman-cousins"):
        found = upper_limit(signed, method=method, toys=1000)
        assert found.p0_sided == "two"
        # a deficit counts: two-sided
        assert found.p0 == pytest.approx(2 * poisson.cdf(40, 60.0), abs=0.015)
        document = found.to_dict()["observed"]
        assert document["p0_sided"] == "two"
        assert document["p0_calibration"] == found.p0_calibration
    assert upper_limit(signed, method="cls").p0_sided == "one"


def test_profile_says_that_its_formulae_do_not_hold() -> None:
    said = upper_limit(counting(1.0, 1.0), method="profile").warnings
    assert any("1 events are expected under the signal" in line for line in said)
    said = upper_limit(counting(500.0, 500.0, 10.0), method="profile").warnings
    assert not any("under the signal" in line for line in said)
    said = upper_limit(uncertain(1.0, 1.0), method="profile", engine="pyhf").warnings
    assert any("fewer than 5 events" in line for line in said)


def kept_files(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.npz"))


def test_only_missing_toys_are_thrown(tmp_path: Path) -> None:
    likelihood = Likelihood(uncertain(50.0, 55.0))
    truth = likelihood.fit(fixed={likelihood.poi: 1.0}).values
    kw: dict[str, Any] = {"test": [1.0], "count": 900, "seed": 3, "keep": tmp_path}
    for i in (1, 3):
        throw(likelihood, truth, shard=(i, 3), **kw)
    told: list[tuple[int, int]] = []
    whole = throw(
        likelihood, truth, progress=lambda done, of: told.append((done, of)), **kw
    )
    assert whole.read == 600
    assert told[0] == (600, 900)
    assert told[-1] == (900, 900)
    assert len(kept_files(tmp_path)) == 3
    again = throw(likelihood, truth, **kw)
    assert again.read == 900
    fresh = throw(likelihood, truth, **{**kw, "keep": None})
    for toys in (whole, again):
        np.testing.assert_array_equal(toys.statistic, fresh.statistic)
    # toys of another cut into shards are found too
    assert throw(likelihood, truth, shard=(2, 2), **kw).read == 450


def test_an_interrupted_throw_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(toys_module, "_CHECKPOINT", 0.0)
    likelihood = Likelihood(uncertain(50.0, 55.0))
    truth = likelihood.fit(fixed={likelihood.poi: 1.0}).values
    kw: dict[str, Any] = {"test": [1.0], "count": 2000, "seed": 3, "threads": 1}

    def stop(done: int, of: int) -> None:
        if done > of // 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        throw(likelihood, truth, keep=tmp_path, progress=stop, **kw)
    assert len(kept_files(tmp_path)) > 1
    resumed = throw(likelihood, truth, keep=tmp_path, **kw)
    assert 700 < resumed.read < 2000
    fresh = throw(likelihood, truth, **kw)
    np.testing.assert_array_equal(resumed.statistic, fresh.statistic)
    np.testing.assert_array_equal(resumed.best_fit, fresh.best_fit)


def test_kept_toys_do_not_depend_on_last_digits(tmp_path: Path) -> None:
    """Another machine finds another best fit in the last digits."""
    likelihood = Likelihood(uncertain(50.0, 55.0))
    truth = likelihood.fit(fixed={likelihood.poi: 1.0}).values
    kw: dict[str, Any] = {"test": [1.0], "count": 400, "seed": 3, "keep": tmp_path}
    throw(likelihood, truth, **kw)
    elsewhere = truth * (1 + 3e-9)
    assert throw(Likelihood(uncertain(50.0, 55.0)), elsewhere, **kw).read == 400
    other = truth.copy()
    other[likelihood.index("norm")] += 0.3
    with pytest.raises(InputError, match="drawn at another fit"):
        throw(likelihood, other, **kw)
    # another model, seed, number or test is another set
    assert throw(Likelihood(uncertain(50.0, 56.0)), truth, **kw).read == 0
    for change in ({"seed": 4}, {"count": 401}, {"test": [1.1]}, {"purpose": "x"}):
        assert throw(likelihood, truth, **{**kw, **change}).read == 0
    values = tidy(np.linspace(0.0, np.pi, 5))
    np.testing.assert_array_equal(
        values, tidy(np.linspace(0.0, np.pi * (1 + 1e-12), 5))
    )


def test_damaged_shards_are_named(tmp_path: Path) -> None:
    """Every kind of damage: missing bytes, changed bytes, other content, other name."""
    likelihood = Likelihood(counting(5.0, 5.0))
    truth = likelihood.fit(fixed={likelihood.poi: 1.0}).values
    kw: dict[str, Any] = {"test": [1.0], "count": 60, "seed": 3, "keep": tmp_path}
    toys = throw(likelihood, truth, **kw)
    (path,) = kept_files(tmp_path)
    good = path.read_bytes()
    rng = np.random.default_rng(1)
    broken = [b"", b"toys", good[:-1], good[: len(good) // 2], b"\x93NUMPY" + good[6:]]
    for _ in range(300):
        bad = bytearray(good)
        bad[rng.integers(len(bad))] ^= 1 << int(rng.integers(8))
        broken.append(bytes(bad))
    messages = []
    for content in broken:
        path.write_bytes(content)
        # some bytes are read by nothing, as dates: then all is as it was written
        with contextlib.suppress(InputError):
            try:
                np.testing.assert_array_equal(load_toys(path).statistic, toys.statistic)
            except InputError as error:
                messages.append(str(error))
                raise
    assert len(messages) > 200
    assert all(path.name in message for message in messages)
    path.write_bytes(good[:-7])
    with pytest.raises(InputError, match=rf"{path.name}: damaged toys"):
        throw(likelihood, truth, **kw)
    path.write_bytes(good)
    path.rename(path.with_name(path.name.replace("-0-60", "-1-61")))
    with pytest.raises(InputError, match="something else than the name"):
        throw(likelihood, truth, **kw)


def test_more_shards_than_toys() -> None:
    with pytest.raises(InputError, match="more shards than toys: found 4/11, expected at most 10 shards of 10 toys"):  # fmt: skip
        shard_range(10, (4, 11))


@pytest.mark.parametrize(
    ("method", "background"),
    [("toys", 20.0), ("feldman-cousins", 20.0), ("feldman-cousins", 2.0)],
)
def test_shards_of_a_limit(method: str, background: float, tmp_path: Path) -> None:
    spec = uncertain(background, background + 2.0)
    kw: dict[str, Any] = {"method": method, "toys": 300}
    plain = upper_limit(spec, **kw)
    assert "read" not in (plain.toys or {})
    made = [throw_shard(spec, (i, 3), tmp_path, **kw) for i in (1, 3)]
    found = upper_limit(spec, keep=tmp_path, **kw)
    assert found.toys is not None
    assert found.toys["read"] == sum(made)
    # values around ends where critical values jump follow from all toys of the others
    more = found.toys["thrown"] - sum(made) // 2
    assert more % 300 == 0
    assert (more > 0) == (background < 10)
    again = upper_limit(spec, keep=tmp_path, **kw)
    assert again.poi == found.poi
    assert (again.toys or {})["thrown"] == 0
    assert found.poi == plain.poi
    assert found.expected_poi == plain.expected_poi
    with pytest.raises(InputError, match="more shards than toys"):
        throw_shard(spec, (1, 301), tmp_path, **kw)


def test_shards_where_there_are_no_toys(tmp_path: Path) -> None:
    many = uncertain(500.0, 500.0)
    with pytest.raises(InputError, match="no toys are thrown: the asymptotic formulae"):
        throw_shard(many, (1, 2), tmp_path)
    with pytest.raises(InputError, match="no toys of this method can be kept"):
        throw_shard(many, (1, 2), tmp_path, method="profile")
    with pytest.raises(InputError, match="engine pyhf"):
        throw_shard(many, (1, 2), tmp_path, engine="pyhf")
    assert not kept_files(tmp_path)


def test_shards_that_do_not_fit_together(tmp_path: Path) -> None:
    likelihood = Likelihood(counting(5.0, 5.0))
    truth = likelihood.fit(fixed={likelihood.poi: 1.0}).values
    kw: dict[str, Any] = {"test": [1.0], "count": 60, "seed": 3}
    one, two = (throw(likelihood, truth, shard=(i, 2), **kw) for i in (1, 2))
    elsewhere = Toys(**{**vars(two), "expectation": two.expectation * 1.01})
    with pytest.raises(InputError, match="drawn at different fits"):
        merge_toys([one, elsewhere])
    save_toys(tmp_path / one.file_name, one)
    store = Store(tmp_path, one.key, 3, 60, one.expectation)
    assert [toys.read for toys in store.parts(0, 60)] == [30]
    assert not list(store.parts(30, 60))


def test_toys_of_a_parameter_of_single_bins() -> None:
    spec = counting(
        5.0, 5.0, 1.0, {"name": "free", "type": "shapefactor", "data": None}
    )
    spec["channels"].append(
        {"name": "off", "samples": [spec["channels"][0]["samples"][1]]}
    )
    spec["observations"].append({"name": "off", "data": [5.0]})
    likelihood = Likelihood(spec)
    with pytest.raises(InputError, match="parameter of single bins: it is solved"):
        throw(
            likelihood, likelihood.init, test=[1.0], count=10, seed=1,
            parameters=[likelihood.index("free[0]")],
        )  # fmt: skip


def test_a_limit_beyond_the_bounds_by_toys() -> None:
    spec = counting(5.0, 5.0)
    spec["measurements"][0]["config"]["parameters"] = [
        {"name": "mu", "bounds": [[0.0, 3.0]]}
    ]
    with pytest.raises(InferenceError, match="no upper limit in range"):
        upper_limit(spec, method="toys", toys=200)


def test_few_toys_in_place_of_formulae() -> None:
    """`cls` throws toys by itself where few events are expected: not five of them."""
    spec = uncertain(0.5, 1.0)
    with pytest.raises(InputError, match=r"too few toys .* found 5, .* least 100"):
        upper_limit(spec, toys=5)
    without = upper_limit(spec, toys=0)
    assert without.calibration == "asymptotic"
    assert any("formulae do not hold" in note for note in without.warnings)


def test_what_is_asked_of_toys_where_there_are_none(tmp_path: Path) -> None:
    many = counting(500.0, 500.0, 10.0)
    options: list[dict[str, Any]] = [{"keep": tmp_path / "toys"}, {"conditional": True}]
    for asked in options:
        found = upper_limit(many, **asked)
        assert any("no toys were thrown" in note for note in found.warnings)
    assert not any("no toys" in note for note in upper_limit(many).warnings)
    assert not (tmp_path / "toys").exists()


def test_a_belt_of_a_method_without_one(tmp_path: Path) -> None:
    belt = tmp_path / "belt.json"
    with pytest.raises(InputError, match=r"belt: .* found method cls"):
        upper_limit(counting(50.0, 50.0, 10.0), belt=belt)
    assert not belt.exists()


def bounded(spec: dict[str, Any], low: float, high: float) -> dict[str, Any]:
    """Return the model with other bounds of its signal."""
    config = spec["measurements"][0]["config"]
    config["parameters"] = [{"name": "mu", "bounds": [[low, high]]}]
    return spec


@pytest.mark.parametrize("method", ["feldman-cousins", "profile"])
def test_bounds_within_which_a_bin_expects_nothing(method: str) -> None:
    """Where a bin with events would expect none is excluded, in data and in toys."""
    found, least = (
        upper_limit(bounded(counting(10.0, 9.0), bound, 20.0), method=method, toys=500)
        for bound in (-20.0, -10.0)
    )
    # Feldman and Cousins, 9 events without background: 4.36 to 15.30; the critical value
    # of few counts is a sawtooth, of which the belt has 17 points
    ((low, high),) = least.poi.intervals
    assert (low, high) == pytest.approx((-5.64, 5.30), abs=0.9)
    assert found.poi.intervals[-1][1] == pytest.approx(high, abs=0.5)
    # no toy is lost: expected limits are those of all, not of those with many events
    for limit in (found, least):
        assert limit.toys is not None
        assert limit.toys["failed"] == 0
    assert found.expected_poi["0"] == pytest.approx(least.expected_poi["0"], abs=0.8)
    assert any("expect less than nothing" in note for note in found.warnings)
    assert not any("expect less than nothing" in note for note in least.warnings)


def test_toys_look_for_valleys_that_are_narrow_beside_the_bounds() -> None:
    """A charge of either sign fits nearly as well: toys have both as their best fits."""
    from nuem.analysis.inference.feldman_cousins import scan_for_belt, toy_starts

    signal = np.array([3000.0, 1500.0, 800.0])
    factors = [{"name": f"g_{end}", "type": "normfactor", "data": None} for end in ("lin", "quad")]  # fmt: skip
    data = ((-3.0 * signal / 1000).tolist(), signal.tolist())
    samples: list[dict[str, Any]] = [
        {"name": factor["name"], "data": counts, "modifiers": [factor]}
        for factor, counts in zip(factors, data, strict=True)
    ]
    samples.append({"name": "b", "data": [1000.0] * 3, "modifiers": []})
    spec = {
        "channels": [{"name": "c", "samples": samples}],
        "observations": [{"name": "c", "data": [1000.0] * 3}],
        "measurements": [
            {
                "name": "m",
                "config": {
                    "poi": "g_lin",
                    "parameters": [{"name": "g_lin", "bounds": [[-30.0, 30.0]]}],
                },
            }
        ],
    }
    links = {
        "g_lin": {"parameter": "g", "power": 1},
        "g_quad": {"parameter": "g", "power": 2},
    }
    likelihood = Likelihood(spec, links=links)
    scan = scan_for_belt(likelihood)
    starts = toy_starts(likelihood, scan)
    assert starts is not None
    own = starts[(starts > scan.values[0]) & (starts < scan.values[-1])]
    assert own.size > 15
    assert np.diff(own).max() < 0.06 * np.ptp(scan.values)
    assert starts[[0, -1], 0] == pytest.approx([-30.0, 30.0])
    truth = likelihood.fit(fixed={likelihood.poi: 0.13}).values
    toys = throw(
        likelihood, truth, test=[0.13], count=300, seed=3, starts=starts, tolerance=1e-9
    )
    for sign in (-1, 1):  # of either sign
        assert np.mean(sign * toys.best_fit[:, 0] > 0.05) > 0.2
