"""Fits, limits and toys beside pyhf and ROOT, in one run.

Toys and fits are counted in seconds of processor time, so that other work on the machine
matters less; the speed on two threads is in seconds of the clock, and needs a quiet one.
"""

from __future__ import annotations

import importlib.util
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyhf
import pytest

from nuem.analysis.inference.asymptotic import asymptotic_cls
from nuem.analysis.inference.likelihood import Likelihood
from nuem.analysis.inference.toys import throw


def fifty_bins() -> dict[str, Any]:
    """Return signal, and background with norm, shape and MC statistics."""
    x = np.linspace(0, 1, 50)
    background = 200 * np.exp(-2 * x) + 20
    signal = 30 * np.exp(-(((x - 0.4) / 0.08) ** 2))
    tilt = background * 0.1 * (x - 0.5)
    modifiers = [
        {"name": "norm", "type": "normsys", "data": {"hi": 1.05, "lo": 0.95}},
        {
            "name": "shape",
            "type": "histosys",
            "data": {
                "hi_data": (background + tilt).tolist(),
                "lo_data": (background - tilt).tolist(),
            },
        },
        {"name": "stat", "type": "staterror", "data": (0.05 * background).tolist()},
    ]
    samples = [
        {
            "name": "s",
            "data": signal.tolist(),
            "modifiers": [{"name": "mu", "type": "normfactor", "data": None}],
        },
        {"name": "b", "data": background.tolist(), "modifiers": modifiers},
    ]
    counts = np.random.default_rng(1).poisson(background).astype(float)
    return {
        "version": "1.0.0",
        "channels": [{"name": "c", "samples": samples}],
        "observations": [{"name": "c", "data": counts.tolist()}],
        "measurements": [{"name": "m", "config": {"poi": "mu", "parameters": []}}],
    }


def on_off(mc_statistics: bool, bins: int = 100) -> dict[str, Any]:
    """Return a free background in each bin, a signal with two nuisance parameters."""
    signal = 40 / np.linspace(0.3, 8, bins) ** 1.5
    background = np.full(bins, 400.0)

    def sample(period: str) -> dict[str, Any]:
        modifiers: list[Any] = [{"name": "free", "type": "shapefactor", "data": None}]
        if mc_statistics:
            error = (0.03 * background).tolist()
            modifiers.append(
                {"name": f"st_{period}", "type": "staterror", "data": error}
            )
        return {"name": "b", "data": background.tolist(), "modifiers": modifiers}

    shape = {"hi_data": (1.03 * signal).tolist(), "lo_data": (0.97 * signal).tolist()}
    modifiers = [
        {"name": "mu", "type": "normfactor", "data": None},
        {"name": "flux", "type": "normsys", "data": {"hi": 1.05, "lo": 0.95}},
        {"name": "gain", "type": "histosys", "data": shape},
    ]
    rng = np.random.default_rng(2)
    return {
        "version": "1.0.0",
        "channels": [
            {
                "name": "on",
                "samples": [
                    {"name": "s", "data": signal.tolist(), "modifiers": modifiers},
                    sample("on"),
                ],
            },
            {"name": "off", "samples": [sample("off")]},
        ],
        "observations": [
            {"name": name, "data": rng.poisson(background).astype(float).tolist()}
            for name in ("on", "off")
        ],
        "measurements": [
            {
                "name": "m",
                "config": {
                    "poi": "mu",
                    "parameters": [{"name": "mu", "bounds": [[-20.0, 100.0]]}],
                },
            }
        ],
    }


def median_ms(call: Callable[[], Any], times: int) -> float:
    """Return the median of processor times."""
    call()
    taken = []
    for _ in range(times):
        start = time.process_time()
        call()
        taken.append(1e3 * (time.process_time() - start))
    return statistics.median(taken)


def test_fit_and_limit_beside_pyhf() -> None:
    spec = fifty_bins()
    likelihood = Likelihood(spec)
    fit = median_ms(likelihood.fit, 200)
    limit = median_ms(lambda: asymptotic_cls(Likelihood(spec), cl=0.9, points=0), 20)
    pyhf.set_backend("numpy", pyhf.optimize.minuit_optimizer(strategy=1))
    try:
        workspace = pyhf.Workspace(spec)
        model = workspace.model()
        data = workspace.data(model)
        start = time.process_time()
        pyhf.infer.mle.fit(data, model)
        theirs = 1e3 * (time.process_time() - start)
        start = time.process_time()
        pyhf.infer.intervals.upper_limits.toms748_scan(
            data, model, 0.0, 2.0, level=0.1, rtol=1e-4
        )
        their_limit = 1e3 * (time.process_time() - start)
    finally:
        pyhf.set_backend("numpy", pyhf.optimize.scipy_optimizer())
    print(
        f"\n50 bins, fit     nuem {fit:.3f} ms   pyhf {theirs:.0f} ms   1 : {theirs / fit:.0f}"
    )
    print(
        f"50 bins, limit   nuem {limit:.2f} ms   pyhf {their_limit:.0f} ms   "
        f"1 : {their_limit / limit:.0f}"
    )
    assert fit <= 0.3
    assert limit <= 20
    assert their_limit / limit >= 1000


def test_limit_beside_root(tmp_path: Path) -> None:
    pytest.importorskip("ROOT")
    path = Path(__file__).parents[1] / "oracles" / "test_root.py"
    found = importlib.util.spec_from_file_location("root_limits", path)
    assert found is not None
    assert found.loader is not None
    root = importlib.util.module_from_spec(found)
    found.loader.exec_module(root)
    root.make_quiet()
    spec = fifty_bins()
    limit = median_ms(lambda: asymptotic_cls(Likelihood(spec), cl=0.9, points=0), 20)
    taken = []
    for k in range(3):
        start = time.process_time()
        root.root_limit(spec, tmp_path / f"{k}.json", 8, 0.1, 0.8)
        taken.append(1e3 * (time.process_time() - start))
    theirs = statistics.median(taken)
    print(
        f"\n50 bins, limit   nuem {limit:.2f} ms   ROOT (AsymptoticCalculator, eight "
        f"values tested) {theirs:.0f} ms   1 : {theirs / limit:.0f}"
    )
    assert theirs / limit >= 25


@pytest.mark.parametrize(("mc_statistics", "wanted"), [(False, 20_000), (True, 8_000)])
def test_toys_on_off(mc_statistics: bool, wanted: int) -> None:
    likelihood = Likelihood(on_off(mc_statistics))
    fit = median_ms(likelihood.fit, 200)
    truth = likelihood.fit(fixed={likelihood.poi: 0.5}).values
    kw: dict[str, Any] = {"test": [0.5], "seed": 1}
    throw(likelihood, truth, count=100, threads=2, **kw)
    by_core, by_clock = [], {1: [], 2: []}
    for _ in range(5):
        for threads, taken in by_clock.items():
            start, used = time.perf_counter(), time.process_time()
            throw(likelihood, truth, count=8000, threads=threads, **kw)
            taken.append(8000 / (time.perf_counter() - start))
            if threads == 1:
                by_core.append(8000 / (time.process_time() - used))
    core = statistics.median(by_core)
    one, two = (statistics.median(taken) for taken in by_clock.values())
    print(
        f"\nON/OFF 100 bins{', MC statistics' if mc_statistics else ''}: fit {fit:.3f} ms "
        f"(wanted 0.2), {core:.0f} toys in a second of a core (wanted {wanted}: "
        f"{core / wanted:.2f}); by the clock {one:.0f} on one thread, {two:.0f} on two: "
        f"{two / one:.2f} (wanted 1.7)"
    )
    assert fit <= 0.2
    assert core >= wanted
