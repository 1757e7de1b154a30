"""Combination of three workspaces, and of the parts of a large one."""

from __future__ import annotations

import time

import numpy as np

from nuem.analysis.exchange.combination import combine
from nuem.analysis.exchange.workspace import Workspace
from nuem.inputs.correlations import Correlations


def workspace(name: str, channels: int, samples: int, effects: int) -> Workspace:
    """Return a workspace of forty bins a channel."""
    rng = np.random.default_rng(len(name) + channels)
    made, observed = [], []
    for c in range(channels):
        own = []
        for s in range(samples):
            data = rng.uniform(20, 80, 40)
            effect = [
                {"name": f"effect_{i}", "type": "histosys", "data": {
                    "hi_data": (data * 1.02).tolist(), "lo_data": (data * 0.97).tolist()}}
                for i in range(effects)
            ]  # fmt: skip
            if not s:
                effect.append({"name": "mu", "type": "normfactor", "data": None})
            own.append({"name": f"s{s}", "data": data.tolist(), "modifiers": effect})
        made.append({"name": f"{name}_{c}", "samples": own})
        counts = rng.poisson(np.sum([s["data"] for s in own], axis=0))
        observed.append({"name": f"{name}_{c}", "data": counts.astype(float).tolist()})
    config = {"poi": "mu", "parameters": []}
    spec = {"version": "1.0.0", "channels": made, "observations": observed,
            "measurements": [{"name": "m", "config": config}]}  # fmt: skip
    return Workspace(spec, name=f"{name}.json")


def test_three_of_the_usual_size() -> None:
    parts = [workspace(name, 2, 5, 4) for name in ("a", "bb", "ccc")]
    told = Correlations.model_validate(
        {"correlate": [{"name": "flux", "parameters": ["*:effect_0"], "rho": 0.5}]}
    )
    combine(parts, told)  # what is imported is not combined
    start = time.perf_counter()
    combine(parts, told)
    took = time.perf_counter() - start
    print(f"\nthree workspaces of two channels: {took:.2f} s")
    assert took < 5


def test_a_large_one() -> None:
    parts = [workspace("x" * k, 10, 6, 40) for k in (1, 2, 3)]
    start = time.perf_counter()
    combine(parts)
    took = time.perf_counter() - start
    print(f"\nthirty channels with 240 effects each: {took:.1f} s")
    assert took < 120
