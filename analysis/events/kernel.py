"""What surrounds the compiled loop: tables that it looks things up in, and its counts."""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from nuem.analysis.events.codegen import Value
from nuem.analysis.events.cutflow import ChannelFlow, CutCount
from nuem.analysis.events.loading import Loaded
from nuem.analysis.events.observable import Observable
from nuem.analysis.events.runs import Runs
from nuem.analysis.events.selection import Cut
from nuem.inputs.errors import InputError
from nuem.inputs.files import atomic_path, cache_folder

__all__ = [
    "HEADER",
    "as_float",
    "bin_table",
    "compiled",
    "flow_of",
    "one_edge_near",
    "run_table",
]

#: A table of all run numbers between the first and the last is used up to this size.
_TABLE = 1_000_000
#: Compiled loops that are kept on disk.
_KEPT = 100
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
    if value.kind == "f":
        return value.text
    # numba makes no double of a truth value
    return f"float(int({value.text}))" if value.kind == "b" else f"float({value.text})"


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


def one_edge_near(observable: Observable) -> bool:
    """Whether the first guess of a bin is at most one bin off, rounding included."""
    edges = np.asarray(observable.edges, dtype=np.float64)
    left = np.linspace(edges[0], edges[-1], _CELLS * (len(edges) - 1) + 1)
    begin = np.searchsorted(edges, left[:-2], side="left")
    return bool((np.searchsorted(edges, left[2:], side="right") - begin).max() <= 1)


#: First lines of the loop, and what it calls.
HEADER = """
import math

import numba
import numpy as np


# Places in tables are unsigned: those of numba with a sign may count from the end.
@numba.njit(inline="always", nogil=True)
def first_guess(x, padded, guess, per_unit):
    place = (x - padded[1]) * per_unit
    top = guess.size - 2.0
    place = place if place < top else top
    place = place if place > 0.0 else 0.0
    return guess[np.uint64(np.int64(place))]


@numba.njit(inline="always", nogil=True)
def step(x, padded, guess, per_unit):
    # without branches, which no processor could foresee
    k = first_guess(x, padded, guess, per_unit)
    return k + int(x >= padded[np.uint64(k + 1)]) - int(x < padded[np.uint64(k)])


@numba.njit(inline="always", nogil=True)
def search(x, padded, guess, per_unit):
    k = first_guess(x, padded, guess, per_unit)
    while x < padded[np.uint64(k)]:
        k -= 1
    while k < padded.size - 2 and x >= padded[np.uint64(k + 1)]:
        k += 1
    return k


def loop(
    size, columns, run, table, low, run_columns, good, half, bins,
    fate, nan, hists, tally, overlap, by_run,
):
    for i in range(size):"""


@lru_cache(maxsize=64)
def compiled(source: str) -> Any:
    """Compile the loop; types of the columns are found out when it is called.

    The source is kept as a file in the user's cache, where numba puts the machine code
    beside it: another process need not compile it again.
    """
    import numba

    options: dict[str, Any] = {"nogil": True, "error_model": "numpy"}
    path = _kept(source)
    # numba looks for the name when it takes the machine code from its file
    names: dict[str, Any] = {"__name__": __name__}
    # the text was written by this package, of numbers and of names that it made up
    exec(compile(source, str(path or "<selection of events>"), "exec"), names)  # noqa: S102
    if path is not None:
        with contextlib.suppress(RuntimeError):  # no folder that numba could write to
            return numba.njit(cache=True, **options)(names["loop"])
    return numba.njit(**options)(names["loop"])


def _kept(source: str) -> Path | None:
    """Return the file with the source, or None where none can be written."""
    digest = hashlib.sha256(source.encode()).hexdigest()[:24]
    path = cache_folder() / "kernels" / f"loop_{digest}.py"
    try:
        if not path.exists():
            with atomic_path(path) as temporary:
                temporary.write_text(source, encoding="utf-8")
            _tidy(path.parent)
        elif path.read_text(encoding="utf-8") != source:
            return None
    except (OSError, InputError):
        return None
    return path


def _tidy(folder: Path) -> None:
    """Remove all but the newest sources, and their machine code."""
    sources = sorted(folder.glob("loop_*.py"), key=lambda p: p.stat().st_mtime)
    for old in sources[:-_KEPT]:
        for file in (old, *folder.glob(f"__pycache__/{old.stem}.*")):
            file.unlink(missing_ok=True)
