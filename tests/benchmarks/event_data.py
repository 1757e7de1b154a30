"""Files of simulated events for the measurements of reading, and the plan for them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import uproot

from nuem.analysis.events import ChannelSpec, Cut, EventPlan, Observable
from nuem.inputs.expressions import parse

EDGES = np.linspace(0.2, 12.2, 121)
COLUMNS = ("run", "energy", "veto_time_us", "compton_kev", "rise_time_us")
RUNS = 100
_BLOCK = 1_000_000
_COMPRESSION = {"zstd": uproot.ZSTD(3), "lz4": uproot.LZ4(3)}


def block(rng: np.random.Generator, size: int) -> dict[str, np.ndarray[Any, Any]]:
    """Seven columns, of which the plan reads five."""
    return {
        "run": np.sort(rng.integers(1, RUNS + 1, size)).astype("i4"),
        "energy": rng.exponential(2.0, size).astype("f4"),
        "veto_time_us": rng.exponential(10_000.0, size).astype("f4"),
        "compton_kev": rng.exponential(4.62, size).astype("f4"),
        "rise_time_us": rng.normal(0.8, 0.12, size).astype("f4"),
        "channel": rng.integers(0, 16, size).astype("i2"),
        "time": np.sort(rng.random(size)) * 1e7,
    }


def write(folder: Path, kind: str, events: int) -> str:
    """Write ``zstd``, ``lz4`` or ``rntuple`` once, and return the path."""
    path = folder / f"{kind}-{events}.root"
    if path.exists():
        return str(path)
    rng = np.random.default_rng(1)
    unfinished = path.with_suffix(".tmp")
    compression = _COMPRESSION.get(kind, _COMPRESSION["zstd"])
    with uproot.recreate(unfinished, compression=compression) as file:
        columns = block(rng, 1)
        types = {name: column.dtype for name, column in columns.items()}
        make = file.mkrntuple if kind == "rntuple" else file.mktree
        tree = make("events", types)
        for first in range(0, events, _BLOCK):
            tree.extend(block(rng, min(_BLOCK, events - first)))
        number = np.arange(1, RUNS + 1)
        runs = {
            "run": number.astype("i4"),
            "reactor_on": number <= 60,
            "start": 1e5 * number,
            "live_time_s": np.full(RUNS, 8e4),
        }
        make = file.mkrntuple if kind == "rntuple" else file.mktree
        tree = make("runs", {name: column.dtype for name, column in runs.items()})
        tree.extend(runs)
    unfinished.rename(path)
    return str(path)


def plan() -> EventPlan:
    """Two periods, three cuts, 120 bins."""
    return EventPlan(
        channels=(
            ChannelSpec("on", select=parse("reactor_on")),
            ChannelSpec("off", select=parse("not reactor_on")),
        ),
        observables=(
            Observable("energy", parse("energy"), tuple(EDGES.tolist()), "keVee"),
        ),
        cuts=(
            Cut("veto", parse("veto_time_us > 200")),
            Cut("compton", parse("compton_kev < 20")),
            Cut("rise", parse("abs(rise_time_us - 0.8) < 0.36")),
        ),
    )
