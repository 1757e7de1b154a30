"""Models with several minima: they are known, and every fit finds the lowest one."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from nuem.analysis.inference.asymptotic import CLsCurve
from nuem.analysis.inference.likelihood import Likelihood
from nuem.analysis.inference.profile import profile
from nuem.analysis.inference.streams import fluctuate, seed_stream
from nuem.analysis.inference.toys import throw

Maker = Callable[[int], dict[str, Any]]


def spec(
    signal: dict[str, float] | None = None,
    background: dict[str, float] | None = None,
    shape: tuple[list[float], list[float]] | None = None,
) -> dict[str, Any]:
    """Return two bins with variations of signal and background by one parameter."""

    def sample(name: str, data: list[float], *modifiers: Any) -> dict[str, Any]:
        there = [
            {"name": key, "type": kind, "data": value}
            for key, kind, value in modifiers
            if value is not None or kind == "normfactor"
        ]
        return {"name": name, "data": data, "modifiers": there}

    sides = None if shape is None else {"hi_data": shape[0], "lo_data": shape[1]}
    samples = [
        sample("s", [30.0, 95.0], ("mu", "normfactor", None), ("a", "normsys", signal)),
        sample("b", [100.0, 150.0], ("a", "normsys", background), ("a", "histosys", sides)),
    ]  # fmt: skip
    return {
        "version": "1.0.0",
        "channels": [{"name": "c", "samples": samples}],
        "observations": [{"name": "c", "data": [120.0, 180.0]}],
        "measurements": [{"name": "m", "config": {"poi": "mu", "parameters": []}}],
    }


SAME_SIDE = spec(shape=([115.0, 160.0], [112.0, 145.0]))


@pytest.mark.parametrize(
    ("made", "several"),
    [
        (spec(), False),
        (spec(background={"hi": 1.05, "lo": 0.95}), False),
        (spec({"hi": 1.2, "lo": 0.8}, {"hi": 1.1, "lo": 0.9}), False),
        (spec(shape=([110.0, 140.0], [90.0, 160.0])), False),
        (spec(background={"hi": 1.2, "lo": 1.1}), True),
        (spec(background={"hi": 0.8, "lo": 1.0}), True),
        (spec({"hi": 1.3, "lo": 0.7}, {"hi": 0.7, "lo": 1.3}), True),
        (SAME_SIDE, True),
        (spec(shape=([110.0, 140.0], [100.0, 150.0])), True),
    ],
    ids=["none", "both sides", "together", "tilt", "same side", "one side", "against",
         "shape to the same side", "shape to one side"],
)  # fmt: skip
def test_models_that_can_have_several_minima_are_known(
    made: dict[str, Any], several: bool
) -> None:
    assert Likelihood(made).several_minima == several


def lowest_of_many(
    likelihood: Likelihood, fixed: dict[int, float], rng: Any, times: int, **data: Any
) -> float:
    """Return the lowest deviance that fits from random starts find."""
    arrays = likelihood.arrays
    constrained = arrays.outer[arrays.kind[arrays.outer] == 1]
    found = []
    for _ in range(times):
        start = likelihood.init.copy()
        start[constrained] = np.clip(
            start[constrained] + rng.normal(0.0, 2.0, constrained.size),
            arrays.low[constrained],
            arrays.high[constrained],
        )
        fit = likelihood.fit(fixed=fixed, start=start, local=True, **data)
        if fit.converged:
            found.append(fit.deviance)
    return min(found)


def test_no_random_start_leads_lower(make_hard_workspace: Maker) -> None:
    rng = np.random.default_rng(8)
    caught = compared = 0
    for seed in range(20):
        likelihood = Likelihood(make_hard_workspace(seed))
        for fixed in ({}, {likelihood.poi: 0.0}, {likelihood.poi: 2.0}):
            start = likelihood.init
            here = likelihood.fit(fixed=fixed, start=start)
            assert here.converged
            assert here.deviance <= lowest_of_many(likelihood, fixed, rng, 10) + 1e-6
            stuck = likelihood.fit(fixed=fixed, start=start, local=True)
            caught += stuck.deviance > here.deviance + 1e-6
            compared += 1
    assert compared == 60
    assert caught > 0  # or this would be no test


def test_the_curve_is_the_same_from_both_ends() -> None:
    likelihood = Likelihood(SAME_SIDE)
    places = np.linspace(0.0, 3.0, 31)
    up, down = CLsCurve(likelihood), CLsCurve(likelihood)
    for name in ("q", "root_asimov"):
        rising = [getattr(up, name)(mu) for mu in places]
        falling = [getattr(down, name)(mu) for mu in places[::-1]][::-1]
        np.testing.assert_allclose(rising, falling, atol=1e-6)
    scan = profile(likelihood, values=places)
    rng = np.random.default_rng(3)
    for at, rise in zip(places, scan.rise, strict=True):
        lowest = lowest_of_many(likelihood, {likelihood.poi: float(at)}, rng, 10)
        assert rise <= lowest - scan.best.deviance + 1e-6


def in_toys(likelihood: Likelihood, at: float, count: int) -> tuple[int, int]:
    """Toys whose statistic is not that of the whole search, and not that of single fits."""
    truth = likelihood.fit(fixed={likelihood.poi: at}).values
    seed = 4
    toys = throw(
        likelihood, truth, test=[at], count=count, seed=seed, purpose="x", threads=1
    )
    assert toys.failed == 0
    means, aux_means = likelihood.expected(truth), likelihood.expected_aux(truth)
    state = np.empty(4, dtype=np.uint64)
    off = stuck = 0
    for t in range(count):
        n, aux = np.empty(means.size), np.empty(aux_means.size)
        arrays = likelihood.arrays
        seed_stream(state, seed, zlib.crc32(b"x"), t)
        fluctuate(state, arrays.kind, arrays.width, means, aux_means, n, aux, True)
        ways: dict[bool, float] = {}
        for local in (False, True):
            held, free = (
                likelihood.fit(
                    fixed=fixed, observed=n, aux=aux, start=truth, local=local
                )
                for fixed in ({likelihood.poi: at}, {})
            )
            ways[local] = held.deviance - free.deviance
        off += abs(toys.statistic[t] - ways[False]) > 1e-3
        stuck += abs(ways[True] - ways[False]) > 1e-2
    return off, stuck


def test_toys_find_the_lowest_minimum_too() -> None:
    off, stuck = in_toys(Likelihood(SAME_SIDE), 0.5, 60)
    assert off == 0
    assert stuck > 0  # or this would be no test


def test_the_short_search_of_toys_is_enough(make_hard_workspace: Maker) -> None:
    """Of 1600 toys of 40 workspaces it leaves one above, and single fits leave 108."""
    found = [
        in_toys(Likelihood(make_hard_workspace(s)), 1.0, 40) for s in (0, 5, 9, 24)
    ]
    off, stuck = np.sum(found, axis=0)
    assert off <= 1
    assert stuck > 10
