"""Random workspaces of every kind of modifier."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

Workspace = dict[str, Any]


def random_workspace(seed: int) -> Workspace:
    """Make a workspace with a signal, backgrounds and a random choice of modifiers.

    In one of three, half of the variations go the same way on both sides, to one side
    only, or the other way on the signal.
    """
    spec = _random_workspace(seed)
    if seed % 3 == 2:
        _turn(spec, np.random.default_rng([seed, 3]), 0.5)
    return spec


def hard_workspace(seed: int) -> Workspace:
    """Make a workspace whose -2 ln L is likely to have several minima.

    Almost no variation is to both sides, one acts on the signal and on a background, and
    the counts are away from what is expected by more than their errors.
    """
    spec = _random_workspace(seed)
    rng = np.random.default_rng([seed, 7])
    _turn(spec, rng, 0.9)
    for channel in spec["channels"]:
        lead = {(m["name"], m["type"]): m for m in channel["samples"][0]["modifiers"]}
        own = [("alpha_0", "normsys"), ("alpha_1", "normsys")]
        for (name, kind), sample in zip(own, channel["samples"][1:], strict=False):
            sign = rng.choice([-1.0, 1.0])
            for part, way in ((lead, sign), (None, -sign)):
                up, down = way * rng.uniform(0.02, 0.25, 2)
                turn = rng.random() < 0.5
                made = {
                    "name": name,
                    "type": kind,
                    "data": {"hi": 1 + up, "lo": 1 + (down if turn else -down)},
                }
                if part is not None:
                    part[name, kind] = made
                else:
                    sample["modifiers"] = [
                        m
                        for m in sample["modifiers"]
                        if (m["name"], m["type"]) != (name, kind)
                    ] + [made]
        channel["samples"][0]["modifiers"] = list(lead.values())
    for entry in spec["observations"]:
        counts = np.array(entry["data"])
        counts *= np.exp(rng.normal(0.0, 0.15) + rng.normal(0.0, 0.05, counts.size))
        entry["data"] = np.round(counts).tolist()
    return spec


def _turn(spec: Workspace, rng: np.random.Generator, share: float) -> None:
    """Turn one side of some variations round, take it away, or exchange the sides."""
    for channel in spec["channels"]:
        for s, sample in enumerate(channel["samples"]):
            for modifier in sample["modifiers"]:
                if modifier["type"] not in {"normsys", "histosys"}:
                    continue
                if rng.random() > share:
                    continue
                data, nominal = modifier["data"], np.array(sample["data"])
                sides = list(data)
                if modifier["type"] == "normsys":
                    nominal = np.array(1.0)
                one, other = (np.array(data[side]) - nominal for side in sides)
                what = rng.choice(["same", "one", "against"], p=[0.6, 0.2, 0.2])
                if what == "same":
                    other = np.sign(one) * np.abs(other)
                elif what == "one":
                    other = 0.0 * other
                if rng.random() < 0.5 or (what == "against" and s == 0):
                    one, other = other, one
                for side, shift in zip(sides, (one, other), strict=True):
                    data[side] = (nominal + shift).tolist()


def _random_workspace(seed: int) -> Workspace:
    rng = np.random.default_rng(seed)
    n_channels = int(rng.integers(1, 4))
    same = int(rng.integers(2, 7))
    lumi = rng.random() < 0.3
    shared_shape = rng.random() < 0.25
    parameters: list[dict[str, Any]] = []
    channels, observations = [], []
    factors: set[str] = set()
    for c in range(n_channels):
        bins = same if shared_shape else int(rng.integers(1, 7))
        scale = 10 ** rng.uniform(0.7, 3.2)
        stat = rng.random() < 0.5
        samples = []
        for s in range(int(rng.integers(2, 5))):
            size = scale * (0.2 if s == 0 else 1.0)
            data = size * rng.uniform(0.5, 1.5, bins)
            if rng.random() < 0.1:
                data[rng.integers(bins)] = 0.0 if s == 0 else size
            modifiers: list[dict[str, Any]] = []
            if s == 0 and (c == 0 or rng.random() < 0.7):
                modifiers.append({"name": "mu", "type": "normfactor", "data": None})
            if s == 1 and shared_shape:
                modifiers.append({"name": "free", "type": "shapefactor", "data": None})
            elif s == 1 and rng.random() < 0.15:
                modifiers.append(
                    {"name": f"free_{c}", "type": "shapefactor", "data": None}
                )
            elif s > 0 and rng.random() < 0.25:
                name = f"norm_{rng.integers(3)}"
                factors.add(name)
                modifiers.append({"name": name, "type": "normfactor", "data": None})
            if lumi and rng.random() < 0.7:
                modifiers.append({"name": "lumi", "type": "lumi", "data": None})
            for k in range(4):
                if rng.random() < 0.3:
                    up, down = rng.uniform(0.01, 0.3, 2)
                    flip = rng.random() < 0.2
                    data_ = {"hi": 1 + up, "lo": 1 - down}
                    if flip:
                        data_ = {"hi": 1 - down, "lo": 1 + up}
                    modifiers.append(
                        {"name": f"alpha_{k}", "type": "normsys", "data": data_}
                    )
                if rng.random() < 0.2:
                    tilt = rng.uniform(-0.15, 0.15, bins)
                    high = data * (1 + tilt)
                    low = data * (1 - tilt * rng.uniform(0.5, 1.5))
                    modifiers.append(
                        {
                            "name": f"alpha_{k}",
                            "type": "histosys",
                            "data": {"hi_data": high.tolist(), "lo_data": low.tolist()},
                        }
                    )
            if stat and rng.random() < 0.8:
                error = data * rng.uniform(0.02, 0.2, bins)
                if rng.random() < 0.1:
                    error[0] = 0.0
                modifiers.append(
                    {
                        "name": f"stat_{c}",
                        "type": "staterror",
                        "data": error.tolist(),
                    }
                )
            if rng.random() < 0.15:
                error = data * rng.uniform(0.05, 0.3, bins)
                modifiers.append(
                    {
                        "name": f"shape_{c}_{s}",
                        "type": "shapesys",
                        "data": error.tolist(),
                    }
                )
            samples.append(
                {"name": f"s{s}", "data": data.tolist(), "modifiers": modifiers}
            )
        total = np.sum([s["data"] for s in samples[1:]], axis=0)
        strength = rng.choice([0.0, 0.0, 1.0])
        mean = total + strength * np.array(samples[0]["data"])
        channels.append({"name": f"c{rng.integers(100)}_{c}", "samples": samples})
        counts = rng.poisson(mean).astype(float)
        if rng.random() < 0.05:
            counts[0] = 0.0
        observations.append({"name": channels[-1]["name"], "data": counts.tolist()})
    if lumi and any(
        m["name"] == "lumi"
        for c in channels
        for s in c["samples"]
        for m in s["modifiers"]
    ):
        parameters.append(
            {
                "name": "lumi",
                "auxdata": [1.0],
                "sigmas": [0.02],
                "bounds": [[0.8, 1.2]],
                "inits": [1.0],
            }
        )
    if rng.random() < 0.3:
        parameters.append({"name": "mu", "bounds": [[0.0, 30.0]], "inits": [0.5]})
    parameters += [
        {"name": name, "fixed": True, "inits": [1.0]}
        for name in sorted(factors)
        if rng.random() < 0.2
    ]
    names = {m["name"] for c in channels for s in c["samples"] for m in s["modifiers"]}
    if rng.random() < 0.2 and "alpha_0" in names:
        parameters.append(
            {"name": "alpha_0", "auxdata": [0.3], "bounds": [[-3.0, 3.0]]}
        )
    return {
        "version": "1.0.0",
        "channels": channels,
        "observations": observations,
        "measurements": [
            {"name": "m", "config": {"poi": "mu", "parameters": parameters}}
        ],
    }


@pytest.fixture(scope="session")
def make_workspace() -> Callable[[int], Workspace]:
    """Return the maker of random workspaces."""
    return random_workspace


@pytest.fixture(scope="session")
def make_hard_workspace() -> Callable[[int], Workspace]:
    """Return the maker of random workspaces with several minima."""
    return hard_workspace
