"""ROOT files that the tests write themselves, and the plan that reads them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import awkward as ak
import numpy as np
import pytest
import uproot

from nuem.analysis.events import ChannelSpec, Cut, Derived, EventPlan, Observable
from nuem.inputs.expressions import parse

EDGES = (0.0, 0.5, 1.0, 1.5, 2.0)


def events(size: int = 1000, seed: int = 7, first_run: int = 1) -> dict[str, Any]:
    """Return columns of events in runs `first_run` to `first_run` + 4."""
    rng = np.random.default_rng(seed)
    return {
        "run": rng.integers(first_run, first_run + 5, size).astype("i4"),
        "detector": rng.integers(0, 3, size).astype("i2"),
        "adc": rng.exponential(400.0, size).astype("f4"),
        "veto": rng.random(size) < 0.2,
        "hits": ak.unflatten(
            rng.random(3 * size), rng.multinomial(3 * size, [1 / size] * size)
        ),
    }


def runs(first_run: int = 1) -> dict[str, Any]:
    """Return the table of five runs: odd ones with the reactor on."""
    number = np.arange(first_run, first_run + 5)
    return {
        "run": number.astype("i4"),
        "reactor_on": number % 2 == 1,
        "start": 1.7e9 + 3600.0 * (number - 1),
        "live_time_s": 1000.0 + number,
    }


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., str]:
    """Return a function that writes trees to a ROOT file and returns its path."""

    def writer(
        name: str,
        trees: dict[str, dict[str, Any]],
        *,
        rntuple: bool = False,
        compression: Any = None,
        basket: int = 10**9,
    ) -> str:
        path = tmp_path / name
        with uproot.recreate(path, compression=compression) as file:
            for tree, columns in trees.items():
                make = file.mkrntuple if rntuple else file.mktree
                if basket == 10**9:
                    make(tree, columns)
                    continue
                size = len(next(iter(columns.values())))
                opened = make(tree, {k: v[:basket] for k, v in columns.items()})
                for i in range(basket, size, basket):
                    opened.extend({k: v[i : i + basket] for k, v in columns.items()})
        return str(path)

    return writer


@pytest.fixture
def plan() -> EventPlan:
    """Return a plan of two detectors with the reactor on and off."""
    return EventPlan(
        channels=tuple(
            ChannelSpec(
                f"d{detector}_{period}",
                select=parse(f"detector == {detector} and {on}"),
            )
            for detector in (0, 1)
            for period, on in (("on", "reactor_on"), ("off", "not reactor_on"))
        ),
        observables=(Observable("energy", parse("E"), EDGES, "keV"),),
        derived=(Derived("E", parse("adc / 500")),),
        cuts=(
            Cut("veto", parse("not veto")),
            Cut("any hit above 0.5", parse("any(hits > 0.5)")),
        ),
    )
