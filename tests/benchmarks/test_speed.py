"""Fits, limits and toys beside pyhf, in one run."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
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
    call()
    taken = []
    for _ in range(times):
        start = time.perf_counter()
        call()
        taken.append(1e3 * (time.perf_counter() - start))
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
        start = time.perf_counter()
        pyhf.infer.mle.fit(data, model)
        theirs = 1e3 * (time.perf_counter() - start)
        start = time.perf_counter()
        pyhf.infer.intervals.upper_limits.toms748_scan(
            data, model, 0.0, 2.0, level=0.1, rtol=1e-4
        )
        their_limit = 1e3 * (time.perf_counter() - start)
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


@pytest.mark.parametrize(("mc_statistics", "wanted"), [(False, 20_000), (True, 8_000)])
def test_toys_on_off(mc_statistics: bool, wanted: int) -> None:
    likelihood = Likelihood(on_off(mc_statistics))
    fit = median_ms(likelihood.fit, 200)
    truth = likelihood.fit(fixed={likelihood.poi: 0.5}).values
    speed = {}
    for threads in (1, 2):
        throw(likelihood, truth, test=[0.5], count=100, seed=1, threads=threads)
        start = time.perf_counter()
        throw(likelihood, truth, test=[0.5], count=8000, seed=1, threads=threads)
        speed[threads] = 8000 / (time.perf_counter() - start)
    print(
        f"\nON/OFF 100 bins{', MC statistics' if mc_statistics else ''}: fit {fit:.3f} ms, "
        f"{speed[1]:.0f} toys/s on one core (wanted {wanted}), {speed[2]:.0f} on two"
    )
    assert speed[1] > 0.1 * wanted
