"""Workspaces with all kinds of modifiers, shared between channels in all ways."""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from typing import Any

import numpy as np
import pyhf

Document = dict[str, Any]


def random_workspace(seed: int) -> Document:
    """Return a workspace of some channels, as other groups might publish it."""
    rng = np.random.default_rng(seed)
    channels, observations = [], []
    shared = int(rng.integers(2, 5))
    for c in range(int(rng.integers(2, 6))):
        bins = shared if c < 2 else int(rng.integers(1, 6))
        samples = []
        for name, level in (("signal", 8.0), ("top", 60.0), ("fakes", 30.0)):
            data = rng.uniform(0.5, 1.5, bins) * level
            modifiers: list[Document] = [
                {"name": "lumi", "type": "lumi", "data": None},
            ]
            if name == "signal":
                modifiers.append({"name": "mu", "type": "normfactor", "data": None})
            else:
                up, low = rng.uniform(0.02, 0.2, 2)
                modifiers.append(
                    {
                        "name": f"xsec_{name}", "type": "normsys",
                        "data": {"hi": 1 + up, "lo": 1 - low},
                    }
                )  # fmt: skip
                modifiers.append(
                    {
                        "name": "jes", "type": "histosys",
                        "data": {
                            "hi_data": (data * rng.uniform(1.0, 1.1, bins)).tolist(),
                            "lo_data": (data * rng.uniform(0.9, 1.0, bins)).tolist(),
                        },
                    }
                )  # fmt: skip
                # one name on two types is one parameter
                modifiers.append(
                    {"name": "jes", "type": "normsys", "data": {"hi": 1.02, "lo": 0.97}}
                )
                modifiers.append(
                    {
                        "name": f"staterror_{c}" if seed % 2 else "staterror",
                        "type": "staterror",
                        "data": (0.05 * data * rng.uniform(0.5, 1.5, bins)).tolist(),
                    }
                )
            if name == "fakes":
                modifiers.append(
                    {
                        "name": f"fake_rate_{c}", "type": "shapesys",
                        "data": (0.1 * data).tolist(),
                    }
                )  # fmt: skip
            if name == "top" and c < 2:
                modifiers.append(
                    {"name": "top_by_bin", "type": "shapefactor", "data": None}
                )
            if name == "top" and c >= 2:
                modifiers.append({"name": "top", "type": "normfactor", "data": None})
            samples.append(
                {"name": name, "data": data.tolist(), "modifiers": modifiers}
            )
        channels.append({"name": f"region_{c}", "samples": samples})
        total = np.sum([s["data"] for s in samples], axis=0)
        observations.append(
            {"name": f"region_{c}", "data": rng.poisson(total).astype(float).tolist()}
        )
    lumi = {
        "name": "lumi", "auxdata": [1.0], "sigmas": [0.02], "bounds": [[0.5, 1.5]],
        "inits": [1.0],
    }  # fmt: skip
    free = {"name": "mu", "bounds": [[-5.0, 20.0]], "inits": [1.0]}
    return {
        "version": "1.0.0",
        "channels": channels,
        "observations": observations,
        "measurements": [
            {"name": "first", "config": {"poi": "mu", "parameters": [lumi, free]}},
            {
                "name": "second",
                "config": {
                    "poi": "mu",
                    "parameters": [lumi | {"fixed": True}, {"name": "jes", "fixed": True}],
                },
            },
        ],
    }  # fmt: skip


def same_likelihood(
    one: Document, other: Document, names: Mapping[str, str], channels: Mapping[str, str],
    seed: int = 0, points: int = 4,
) -> float:  # fmt: skip
    """Return the largest difference of -2 ln L by pyhf, at random points.

    ``names`` and ``channels`` say what a name of the first is in the second.
    """
    rng = np.random.default_rng(seed)
    worst = 0.0
    for measurement in [m["name"] for m in one["measurements"]]:
        first, second = (_model(w, measurement) for w in (one, other))
        back = {}
        for _ in range(points):
            values = {}
            for name in first.config.par_order:
                spread = 0.3 if first.config.param_set(name).constrained else 0.1
                begin = np.array(first.config.param_set(name).suggested_init)
                values[name] = begin + spread * rng.uniform(-0.3, 0.3, begin.size)
            for name, value in values.items():
                if name in names:
                    back[names[name]] = value
                else:  # an error by bin: its channels, in the order of the first
                    back |= _by_bin(first, second, name, value, channels)
            a = _twice_nll(first, one, values)
            b = _twice_nll(second, other, back)
            worst = max(worst, abs(a - b))
    return worst


def _model(spec: Document, measurement: str) -> Any:
    return pyhf.Workspace(deepcopy(spec)).model(
        measurement_name=measurement, poi_name="mu"
    )


def _twice_nll(model: Any, spec: Document, values: Mapping[str, Any]) -> float:
    data = pyhf.Workspace(deepcopy(spec)).data(model)
    vector = np.zeros(model.config.npars)
    for name in model.config.par_order:
        vector[model.config.par_slice(name)] = values[name]
    return float(-2 * model.logpdf(vector, data)[0])


def _by_bin(
    first: Any, second: Any, name: str, value: Any, channels: Mapping[str, str]
) -> dict[str, Any]:
    result: dict[str, Any] = {}
    start = 0
    for channel in _users(first, name):
        bins = first.config.channel_nbins[channel]
        target = next(
            m["name"]
            for c in second.spec["channels"]
            for s in c["samples"]
            for m in s["modifiers"]
            if c["name"] == channels.get(channel, channel)
            and (m["name"] == name or m["name"].endswith(f"_{name}"))
        )
        result.setdefault(target, {})[channels.get(channel, channel)] = value[
            start : start + bins
        ]
        start += bins
    return {
        target: np.concatenate([pieces[c] for c in sorted(pieces)])
        for target, pieces in result.items()
    }


def _users(model: Any, name: str) -> list[str]:
    return sorted(
        {
            c["name"]
            for c in model.spec["channels"]
            for s in c["samples"]
            for m in s["modifiers"]
            if m["name"] == name
        }
    )
