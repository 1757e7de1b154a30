"""Regions of two parameters: minima, failures, coarse points, kept toys, commands."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from scipy.interpolate import RegularGridInterpolator

from nuem.analysis.cli.main import cli
from nuem.analysis.exchange.provenance import digest
from nuem.analysis.exchange.workspace import Workspace, write_workspace
from nuem.analysis.inference import regions
from nuem.analysis.inference.likelihood import Likelihood
from nuem.analysis.inference.profile import profile
from nuem.analysis.inference.regions import Region, region, region_spans
from nuem.inputs.errors import InferenceError, InputError

LINKS = {
    f"{name}_{end}": {"parameter": name, "power": power}
    for name in ("a", "b")
    for end, power in (("lin", 1), ("quad", 2))
}


def two_couplings(a: float = 1.2, b: float = -0.8, bins: int = 6) -> dict[str, Any]:
    """Return a model of two couplings with interference, and data at some values."""
    shape = {"a": 40.0 / np.arange(1, bins + 1), "b": 10.0 * np.arange(1, bins + 1)}
    base = np.full(bins, 60.0)
    flux = {"name": "flux", "type": "normsys", "data": {"hi": 1.05, "lo": 0.95}}
    samples = [{"name": "sm", "data": base.tolist(), "modifiers": [flux]}]
    mean = base.copy()
    for name, value in (("a", a), ("b", b)):
        for end, scale, power in (("lin", -0.5, 1), ("quad", 1.0, 2)):
            data = scale * shape[name]
            mean += data * value**power
            factor = {"name": f"{name}_{end}", "type": "normfactor", "data": None}
            samples.append(
                {
                    "name": f"{name}-{end}",
                    "data": data.tolist(),
                    "modifiers": [factor, flux],
                }
            )
    bounds = [
        {"name": f"{n}_lin", "bounds": [[-5.0, 5.0]], "inits": [0.0]} for n in "ab"
    ]
    config = {"poi": "a_lin", "parameters": bounds}
    return {
        "version": "1.0.0",
        "channels": [{"name": "c", "samples": samples}],
        "observations": [{"name": "c", "data": np.round(mean).tolist()}],
        "measurements": [{"name": "m", "config": config}],
    }


@pytest.fixture
def likelihood() -> Likelihood:
    return Likelihood(two_couplings(), links=LINKS)


X, Y = np.linspace(-1.6, 2.0, 13), np.linspace(-1.6, 2.0, 10)


def test_no_point_is_below_the_best_fit(
    likelihood: Likelihood, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Four minima, of which the one beside the start is not the deepest."""
    start = likelihood.fit()
    found = region(likelihood, ["a", "b"], X, Y, count=0)
    assert found.rise.min() >= 0
    assert found.rise.min() < 0.5
    # the starts of the free fit find nothing: then the points themselves do
    monkeypatch.setattr(regions, "_coarse", lambda *_: np.array([[0.0, 0.0]]))
    again = region(likelihood, ["a", "b"], X, Y, count=0)
    np.testing.assert_allclose(again.rise, found.rise, atol=1e-6)
    # -g/2 + g^2 is the same at g and 1/2 - g
    folded = [np.abs(np.array(f.best_fit) - 0.25) for f in (again, found)]
    np.testing.assert_allclose(*folded, atol=1e-4)
    values = [likelihood.index(n) for n in "ab"]
    best = likelihood.fit(
        fixed=dict(zip(values, found.best_fit, strict=True)), start=start.values
    )
    assert best.deviance <= start.deviance + 1e-9


def test_the_range_holds_every_valley(likelihood: Likelihood) -> None:
    (x0, x1), (y0, y1) = region_spans(likelihood, ["a", "b"], 4.6)
    wide = np.linspace(-3, 3, 61)
    everything = region(likelihood, ["a", "b"], wide, wide, count=0)
    inside = everything.rise <= 4.6
    assert x0 < wide[inside.any(axis=1)].min()
    assert wide[inside.any(axis=1)].max() < x1
    assert y0 < wide[inside.any(axis=0)].min()
    assert wide[inside.any(axis=0)].max() < y1


def test_a_scan_of_one_follows_the_minima_of_the_other(likelihood: Likelihood) -> None:
    """Profiled over b on a grid by brute force."""
    values = np.linspace(-1.0, 1.6, 9)
    found = profile(likelihood, parameter="a", values=values)
    a, b = likelihood.index("a"), likelihood.index("b")

    def lowest(value: float) -> float:
        heights = []
        for place in np.linspace(-2, 2, 9):
            start = likelihood.init.copy()
            start[b] = place
            heights.append(likelihood.fit(fixed={a: value}, start=start).deviance)
        return min(heights)

    brute = [lowest(float(value)) for value in values]
    np.testing.assert_allclose(
        found.rise - found.rise.min(), np.array(brute) - min(brute), atol=1e-5
    )


def test_fits_that_fail_are_named(
    likelihood: Likelihood, monkeypatch: pytest.MonkeyPatch
) -> None:
    fit = Likelihood.fit

    def bad(self: Likelihood, **kw: Any) -> Any:
        found = fit(self, **kw)
        fixed = kw.get("fixed") or {}
        if list(fixed.values()) == [X[3], Y[4]]:
            return replace(found, converged=False)
        return found

    with monkeypatch.context() as patch:
        patch.setattr(Likelihood, "fit", bad)
        with pytest.raises(
            InferenceError, match=r"a and b: the fit did not converge: found -0\.7, 0"
        ):
            region(likelihood, ["a", "b"], X, Y, count=0)

    throw = regions.throw

    def none(*args: Any, **kw: Any) -> Any:
        toys = throw(*args, **kw)
        return replace(toys, status=np.ones_like(toys.status))

    monkeypatch.setattr(regions, "throw", none)
    with pytest.raises(InferenceError, match="no toy could be fitted"):
        region(likelihood, ["a", "b"], X, Y, count=20)


def test_what_is_no_region(likelihood: Likelihood) -> None:
    for names, x, message in (
        (["a", "a"], X, "two different ones"),
        (["a"], X, "two different ones"),
        (["a", "c"], X, "no such parameter"),
        (["a", "b"], X[::-1], "values of a region"),
    ):
        with pytest.raises(InputError, match=message):
            region(likelihood, names, x, Y, count=0)
    spec = two_couplings()
    config = spec["measurements"][0]["config"]
    config["parameters"].append({"name": "flux", "fixed": True})
    with pytest.raises(InferenceError, match="flux: the parameter is fixed"):
        region(Likelihood(spec, links=LINKS), ["a", "flux"], X, Y, count=0)


def thrown(likelihood: Likelihood, **kw: Any) -> Region:
    x, y = X[::2], Y[::3]
    return region(likelihood, ["a", "b"], x, y, **{"count": 200, **kw})


def test_toys_at_some_points_and_kept_ones(
    likelihood: Likelihood, tmp_path: Path
) -> None:
    whole = thrown(likelihood)
    assert whole.calibration == "toys (unconditional)"
    assert (whole.error > 0).all()
    told: list[str] = []
    some = thrown(likelihood, toy_points=3, keep=tmp_path, progress=told.append)
    assert some.calibration == "toys (unconditional, at 3 x 3 points, interpolated)"
    assert (some.read, some.thrown) == (0, 9 * 200)
    assert "of 200 toys" in told[-1]
    rows, columns = [0, 3, 6], [0, 2, 3]
    at = np.ix_(rows, columns)
    np.testing.assert_array_equal(some.critical[at], whole.critical[at])
    rule = RegularGridInterpolator((some.x[rows], some.y[columns]), whole.critical[at])
    between = np.stack(np.meshgrid(some.x, some.y, indexing="ij"), axis=-1)
    np.testing.assert_allclose(some.critical, rule(between))
    again = thrown(likelihood, toy_points=3, keep=tmp_path)
    assert (again.read, again.thrown) == (9 * 200, 0)
    np.testing.assert_array_equal(again.critical, some.critical)
    # the rest only: a finer look uses what is there
    assert thrown(likelihood, keep=tmp_path).read == 9 * 200
    part = thrown(likelihood, toy_points=3, shard=(1, 4), keep=tmp_path / "part")
    assert part.thrown == 9 * 50
    conditional = thrown(likelihood, toy_points=2, fluctuate_aux=False)
    assert conditional.calibration.startswith("toys (conditional")


def test_the_error_of_critical_values_is_the_scatter_of_seeds(
    likelihood: Likelihood,
) -> None:
    found = [
        region(likelihood, ["a", "b"], [-0.5, 1.2], [-0.8, 0.3], count=300, seed=seed)
        for seed in range(20)
    ]
    scatter = np.std([f.critical for f in found], axis=0, ddof=1)
    stated = np.mean([f.error for f in found], axis=0)
    assert 0.7 < np.mean(stated) / np.mean(scatter) < 1.4


@pytest.fixture
def workspace(tmp_path: Path) -> str:
    path = tmp_path / "w.json"
    spec = two_couplings()
    spec["measurements"][0]["name"] = "nucleus-millicharge@g_ref=1e-07"
    definition = {
        "processes": ["nucleus-millicharge"], "symbol": "q", "reference": 1e-7,
        "unit": "e", "power": 1, "links": LINKS,
    }  # fmt: skip
    meta = {
        "definition": definition, "measurement": spec["measurements"][0]["name"],
        "workspace_sha256": digest(spec),
    }  # fmt: skip
    write_workspace(path, Workspace(spec, meta, str(path)))
    return str(path)


def call(*arguments: str) -> Any:
    result = CliRunner().invoke(cli, [*arguments], catch_exceptions=False)
    assert result.exit_code == 0
    return result.stdout


def test_the_command(workspace: str, tmp_path: Path) -> None:
    keep = str(tmp_path / "keep")
    asked = ["scan", workspace, "--against", "b", "--points", "7", "--toys", "100"]
    asked += ["--toy-points", "3", "--keep", keep]
    for i in (1, 2):
        assert "450 toys of shard" in call(*asked, "--shard", f"{i}/2")
    figure = str(tmp_path / "figure")
    found = json.loads(call(*asked, "--json", "--figure", figure))
    assert found["toys"] == {"n": 100, "failed": 0, "seed": 1, "read": 900, "thrown": 0}
    assert found["units"] == [{"reference": 1e-7, "unit": "e"}] * 2
    assert found["calibration"] == "toys (unconditional, at 3 x 3 points, interpolated)"
    assert np.shape(found["toys_error"]) == np.shape(found["critical"]) == (7, 7)
    assert Path(f"{figure}.png").exists()
    text = call(*asked, "--conditional")
    assert "toys (conditional, at 3 x 3 points, interpolated)" in text
    assert "900 thrown" in text
    for arguments, message in (
        (["--shard", "1/101"], "more shards than toys"),
        (["--shard", "3/2"], "I/N with"),
        (["--toys", "0", "--shard", "1/2"], "a shard of no toys"),
    ):
        with pytest.raises(InputError, match=message):
            call(*asked, *arguments)
    with pytest.raises(InputError, match="--toys: toys are thrown for a region"):
        call("scan", workspace, "--toys", "100")


def two_strengths() -> dict[str, Any]:
    """Return a model of two strengths that may be negative, over a background."""

    def sample(name: str, data: list[float]) -> dict[str, Any]:
        factor = {"name": name, "type": "normfactor", "data": None}
        return {"name": name, "data": data, "modifiers": [factor]}

    samples = [sample("mu", [10.0, 5.0, 1.0]), sample("nu", [1.0, 5.0, 10.0])]
    samples.append({"name": "b", "data": [8.0, 8.0, 8.0], "modifiers": []})
    bounds = [{"name": name, "bounds": [[-5.0, 5.0]]} for name in ("mu", "nu")]
    return {
        "version": "1.0.0",
        "channels": [{"name": "c", "samples": samples}],
        "observations": [{"name": "c", "data": [7.0, 12.0, 9.0]}],
        "measurements": [{"name": "m", "config": {"poi": "mu", "parameters": bounds}}],
    }


@pytest.mark.parametrize("count", [0, 100])
def test_points_where_bins_expect_less_than_nothing_are_outside(count: int) -> None:
    likelihood = Likelihood(two_strengths())
    x, y = np.linspace(-1.2, 1.5, 7), np.linspace(-1.2, 1.8, 6)
    found = region(likelihood, ("mu", "nu"), x, y, count=count)
    signal = x[:, None, None] * np.array([10.0, 5.0, 1.0]) + y[:, None] * np.array(
        [1.0, 5.0, 10.0]
    )
    impossible = (8.0 + signal < 0).any(axis=-1)
    assert 0 < impossible.sum() < impossible.size
    np.testing.assert_array_equal(np.isinf(found.rise), impossible)
    assert np.isfinite(found.critical).all()
    assert found.accepted.any()
    assert not found.accepted[impossible].any()


def test_a_region_with_such_a_corner_by_command(tmp_path: Path) -> None:
    spec = two_strengths()
    spec["observations"][0]["data"] = [1.0, 6.0, 3.0]
    path = tmp_path / "ws.json"
    path.write_text(json.dumps(spec))
    call = ["scan", str(path), "--against", "nu", "--points", "9"]
    result = CliRunner().invoke(
        cli, [*call, "--figure", str(tmp_path / "r"), "--json"], catch_exceptions=False
    )
    document = json.loads(
        result.stdout, parse_constant=lambda text: pytest.fail(f"{text} in JSON")
    )
    rises = [r for row in document["rise"] for r in row]
    assert None in rises
    assert min(r for r in rises if r is not None) >= 0.0
    assert (tmp_path / "r.png").stat().st_size > 5000
    text = CliRunner().invoke(cli, call, catch_exceptions=False).stdout
    assert "bins expect less than nothing: these are outside" in text
