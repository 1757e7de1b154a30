"""Workspaces that other programs are asked about."""

from __future__ import annotations

from typing import Any

import numpy as np

from nuem.analysis.exchange.combination import combine
from nuem.analysis.exchange.workspace import Workspace
from nuem.inputs.correlations import Correlations

LINKS = {
    "g_lin": {"parameter": "g", "power": 1},
    "g_quad": {"parameter": "g", "power": 2},
}


def single(name: str, seed: int) -> Workspace:
    """Return a workspace with a signal, two backgrounds and four nuisance parameters."""
    rng = np.random.default_rng(seed)
    bins = 6
    signal = rng.uniform(10, 25, bins)
    flat, rise = rng.uniform(80, 120, bins), np.geomspace(90, 5, bins)

    def sample(own: str, data: Any, *modifiers: dict[str, Any]) -> dict[str, Any]:
        return {
            "name": own,
            "data": list(map(float, data)),
            "modifiers": list(modifiers),
        }

    def size(own: str, up: float, low: float) -> dict[str, Any]:
        return {"name": own, "type": "normsys", "data": {"hi": 1 + up, "lo": 1 - low}}

    def shape(own: str, data: Any, up: float) -> dict[str, Any]:
        tilt = 1 + up * np.linspace(-1, 1, bins)
        return {"name": own, "type": "histosys", "data": {
            "hi_data": list(map(float, data * tilt)), "lo_data": list(map(float, data / tilt))}}  # fmt: skip

    mu = {"name": "mu", "type": "normfactor", "data": None}
    norm = {"name": "norm", "type": "normfactor", "data": None}
    samples = [
        sample(
            "em", signal, mu, size("flux", 0.05, 0.045), shape("gain", signal, 0.04)
        ),
        sample("flat", flat, norm, shape("gain", flat, 0.01)),
        sample("rise", rise, size("rise", 0.2, 0.15), shape("slope", rise, 0.1)),
    ]
    counts = rng.poisson(flat + rise + 0.4 * signal).astype(float)
    return Workspace(
        {
            "version": "1.0.0",
            "channels": [{"name": name, "samples": samples}],
            "observations": [{"name": name, "data": counts.tolist()}],
            "measurements": [{"name": "m", "config": {"poi": "mu", "parameters": [
                {"name": "mu", "bounds": [[0.0, 10.0]], "inits": [1.0]}]}}],
        },
        name=f"{name}.json",
    )  # fmt: skip


def with_lumi(workspace: Workspace) -> Workspace:
    """Return it with a lumi on signal and flat background."""
    (channel,) = workspace.spec["channels"]
    for sample in channel["samples"][:2]:
        sample["modifiers"].append({"name": "lumi", "type": "lumi", "data": None})
    workspace.spec["measurements"][0]["config"]["parameters"].append(
        {"name": "lumi", "auxdata": [1.0], "sigmas": [0.03], "inits": [1.0],
         "bounds": [[0.5, 1.5]]}
    )  # fmt: skip
    return workspace


def both(*, lumi: bool = False) -> Workspace:
    """Return two of them combined, half of the variance of the flux in common."""
    parts = [single("a", 1), single("b", 2)]
    correlated = [{"name": "flux", "parameters": ["*:flux"], "rho": 0.5}]
    if lumi:
        parts = [with_lumi(part) for part in parts]
        correlated.append({"name": "lumi", "parameters": ["*:lumi"]})
    told = Correlations.model_validate(
        {
            "default": "independent",
            "correlate": correlated,
        }
    )
    return combine(parts, told).workspace


def interfering(seed: int) -> dict[str, Any]:
    """Return samples em and int of one channel: the coupling and its square."""
    rng = np.random.default_rng(seed)
    bins = int(rng.integers(2, 8))
    background = rng.uniform(40, 200, bins)
    signal = rng.uniform(5, 30, bins)
    tilt = rng.uniform(-0.1, 0.1, bins) * background
    up, down = rng.uniform(0.02, 0.2, 2)
    flux = {"name": "flux", "type": "normsys", "data": {"hi": 1 + up, "lo": 1 - down}}
    shape = {
        "hi_data": (background + tilt).tolist(),
        "lo_data": (background - 1.3 * tilt).tolist(),
    }
    return {
        "version": "1.0.0",
        "channels": [
            {
                "name": "c",
                "samples": [
                    {
                        "name": name,
                        "data": data.tolist(),
                        "modifiers": [
                            {"name": factor, "type": "normfactor", "data": None},
                            flux,
                        ],
                    }
                    for name, factor, data in (
                        ("em", "g_quad", signal),
                        ("int", "g_lin", -0.4 * signal),
                    )
                ]
                + [
                    {
                        "name": "b",
                        "data": background.tolist(),
                        "modifiers": [
                            {"name": "tilt", "type": "histosys", "data": shape}
                        ],
                    }
                ],
            }
        ],
        "observations": [
            {"name": "c", "data": rng.poisson(background).astype(float).tolist()}
        ],
        "measurements": [
            {
                "name": "m",
                "config": {
                    "poi": "g_lin",
                    "parameters": [{"name": "g_lin", "bounds": [[-10.0, 10.0]]}],
                },
            }
        ],
    }
