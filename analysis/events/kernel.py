"""What surrounds the compiled loop: tables that it looks things up in, and its counts."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt

from nuem.analysis.events.codegen import Value
from nuem.analysis.events.cutflow import ChannelFlow, CutCount
from nuem.analysis.events.loading import Loaded
from nuem.analysis.events.observable import Observable
from nuem.analysis.events.runs import Runs
from nuem.analysis.events.selection import Cut

__all__ = ["HEADER", "as_float", "bin_table", "compiled", "flow_of", "run_table"]

#: A table of all run numbers between the first and the last is used up to this size.
_TABLE = 1_000_000
#: Cells of the table of bins, for each bin.
_CELLS = 4


def flow_of(
    cuts: Sequence[Cut], fate: npt.NDArray[np.int64], nan: npt.NDArray[np.int64]
) -> ChannelFlow:
    """Return the cut flow of a channel, of the number of events that ended where."""
    assigned = entering = int(fate.sum())
    rows = []
    for number, cut in enumerate(cuts):
        passing = entering - int(fate[number])
        rows.append(CutCount(cut.name, entering, passing, int(nan[number])))
        entering = passing
    broken, negative, accepted = map(int, fate[len(cuts) :])
    return ChannelFlow(assigned, tuple(rows), broken, negative, accepted)


def as_float(value: Value) -> str:
    """Write a value as a double."""
    return value.text if value.kind == "f" else f"float({value.text})"


def run_table(
    loaded: Loaded, runs: Runs | None
) -> tuple[Any, npt.NDArray[np.int64] | None, int, npt.NDArray[np.bool_]]:
    """Return the run of each event, and a table from run number to row."""
    if loaded.run is None or runs is None:
        return None, None, 0, np.ones(0, bool)
    if not len(runs.number):
        return loaded.run, np.zeros(0, np.int64), 0, runs.good
    low, high = int(runs.number[0]), int(runs.number[-1])
    if high - low > _TABLE:
        return loaded.run, None, 0, runs.good
    table = np.full(high - low + 1, -1, np.int64)
    table[runs.number - low] = np.arange(len(runs.number))
    return loaded.run, table, low, runs.good


def bin_table(
    observable: Observable,
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.int64], float]:
    """Return edges with infinities around them, and a first guess for each cell."""
    edges = np.asarray(observable.edges, dtype=np.float64)
    padded = np.concatenate(([-np.inf], edges, [np.inf]))
    cells = _CELLS * (len(edges) - 1)
    left = np.linspace(edges[0], edges[-1], cells + 1)
    guess = np.searchsorted(edges, left, side="right")
    return padded, guess.astype(np.int64), cells / (edges[-1] - edges[0])


#: First lines of the loop.
HEADER = """
def loop(
    size, columns, run, table, low, run_columns, good, half, bins,
    fate, nan, hists, tally, overlap, by_run,
):
    for i in range(size):"""


@lru_cache(maxsize=64)
def compiled(source: str) -> Any:
    """Compile the loop; types of the columns are found out when it is called."""
    import math

    import numba

    def find(x: float, padded: Any, guess: Any, per_unit: float) -> int:
        last = padded.size - 2
        if x < padded[1]:
            return 0
        if x >= padded[last]:
            return int(last)
        # rounding puts the guess at most a few bins off
        k = guess[min(int((x - padded[1]) * per_unit), guess.size - 1)]
        while x < padded[k]:
            k -= 1
        while x >= padded[k + 1]:
            k += 1
        return int(k)

    names: dict[str, Any] = {
        "math": math,
        "find": numba.njit(inline="always", nogil=True)(find),
    }
    # the text was written by this file, of numbers and of names that it made up
    exec(compile(source, "<selection of events>", "exec"), names)  # noqa: S102
    return numba.njit(nogil=True, error_model="numpy")(names["loop"])
