"""Toy experiments: reproducible, in threads, in shards that can be kept and merged.

The random numbers of a toy follow from (seed, what it is for, number of the toy), so
that the result does not depend on the number of threads or shards. A fit that does not
converge is counted and shown.
"""

from __future__ import annotations

import hashlib
import json
import os
import time
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from nuem.analysis.inference.arrays import Arrays
from nuem.analysis.inference.kept_toys import (
    Store,
    Toys,
    load_toys,
    merge_toys,
    save_toys,
)
from nuem.analysis.inference.likelihood import Likelihood
from nuem.inputs.errors import InferenceError, InputError

__all__ = [
    "DIGITS", "Countdown", "Toys", "auxiliary", "load_toys", "merge_toys", "save_toys",
    "shard_range", "throw", "tidy",
]  # fmt: skip

_Array = NDArray[np.float64]
_BLOCK = 256
#: How toys are drawn and fitted; another number when that changes, so that kept ones of
#: two ways are not put together.
_SEARCH = 2
#: Seconds of work that an interruption may lose where toys are kept.
_CHECKPOINT = 10.0
#: What the fits of toys leave open of a statistic (1e-5 with three events, less with
#: more). With few counts many toys are the same outcome as the data: as close as this
#: they count as equal, or digits would decide on which side of the data they are.
DIGITS = 1e-4


def shard_range(total: int, shard: tuple[int, int] | None) -> tuple[int, int]:
    """First toy of a shard, and the one after its last.

    Parameters
    ----------
    total : int
        Number of all toys.
    shard : tuple of int, optional
        (i, N): the i-th of N, counted from 1; all by default.

    Raises
    ------
    InputError
        If there is no such shard, or it would be empty.

    Examples
    --------
    >>> [shard_range(10, (i, 3)) for i in (1, 2, 3)]
    [(0, 3), (3, 6), (6, 10)]
    """
    if shard is None:
        return 0, total
    i, n = shard
    if not 1 <= i <= n:
        raise InputError("shard", found=f"{i}/{n}", expected="i/N with 1 <= i <= N")
    if n > total:
        raise InputError(
            "more shards than toys", field="shard", found=f"{i}/{n}",
            expected=f"at most {total} shards of {total} toys",
        )  # fmt: skip
    return total * (i - 1) // n, total * i // n


def auxiliary(fluctuate_aux: bool) -> str:
    """Name of what toys do with auxiliary data, for a result."""
    return "unconditional" if fluctuate_aux else "conditional"


def tidy(values: _Array, digits: int = 4) -> _Array:
    """Values where toys are thrown, without the digits that differ between machines.

    Parameters
    ----------
    values : ndarray
    digits : int
        How many are kept of the largest difference between them.

    Examples
    --------
    >>> tidy(np.array([0.0, 1.23456789, 2.46913578]))
    array([0.   , 1.235, 2.469])
    """
    values = np.asarray(values, dtype=float)
    span = float(np.ptp(values)) or float(np.abs(values).max())
    if span == 0.0:
        return values
    return np.round(values, digits - 1 - int(np.floor(np.log10(span))))


class Countdown:
    """Says how far the toys of several truths are, and how long they will take.

    Parameters
    ----------
    say : callable, optional
        Told in a few words.
    steps : int
        Number of truths.
    """

    def __init__(self, say: Callable[[str], None] | None, steps: int) -> None:
        self._say, self.steps = say, steps
        self._begin = time.monotonic()

    def at(self, step: int, what: str) -> Callable[[int, int], None]:
        """What `throw` tells of its progress at one of the truths, counted from 0."""

        def told(done: int, of: int) -> None:
            if self._say is None:
                return
            share = (step + done / max(of, 1)) / max(self.steps, step + 1)
            left = ""
            if 0 < share < 1:
                spent = time.monotonic() - self._begin
                left = f", {spent * (1 - share) / share:.0f} s left"
            self._say(
                f"{what} ({step + 1} of {max(self.steps, step + 1)}):"
                f" {done} of {of} toys{left}"
            )

        return told


def throw(
    likelihood: Likelihood,
    truth: _Array,
    *,
    test: Sequence[float] | None,
    count: int,
    seed: int,
    purpose: str = "",
    parameters: Sequence[int] | None = None,
    starts: _Array | None = None,
    fluctuate_aux: bool = True,
    tolerance: float = 1e-3,
    threads: int | None = None,
    shard: tuple[int, int] | None = None,
    keep: str | Path | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Toys:
    """Draw toys at a point and fit them.

    Parameters
    ----------
    likelihood : Likelihood
    truth : ndarray, shape (p,)
        Values of all parameters at which the toys are drawn.
    test : sequence of float or None
        Values of the tested parameters; None for the deviance of the free fit.
    count : int
        Number of toys, all shards together.
    seed : int
        From 0 to 2^63 - 1.
    purpose : str
        Name of the stream: different purposes have independent toys.
    parameters : sequence of int, optional
        Tested parameters; the parameter of interest by default.
    starts : ndarray, shape (m, k), optional
        Points of a coarse scan from whose valleys the free fit starts as well; for
        parameters that can have several minima.
    fluctuate_aux : bool
        Draw auxiliary data about the truth too (unconditional toys); else every toy has
        the auxiliary data that were observed (conditional ones).
    tolerance : float
        Of the fits; see the kernel.
    threads : int, optional
        Number of threads; that of the cores by default.
    shard : tuple of int, optional
        (i, N): only the i-th of N parts.
    keep : str or Path, optional
        Folder in which toys are kept. Those that are there already, of whatever shard
        or interrupted call, are not thrown again.
    progress : callable, optional
        Told how many toys of how many are there.

    Returns
    -------
    Toys

    Raises
    ------
    InputError
        If there is no such shard, a tested parameter is one of single bins, or a file
        of kept toys is damaged.
    InferenceError
        If an expectation is not finite.
    """
    from nuem.analysis.inference import ensemble, kernels

    chosen = [likelihood.poi] if parameters is None else list(parameters)
    slots = likelihood.outer_slots(chosen)
    grid = np.zeros((0, slots.size)) if starts is None else np.asarray(starts, float)
    truth = np.ascontiguousarray(truth, dtype=float)
    means = likelihood.expected(truth)
    aux_means = likelihood.expected_aux(truth) if fluctuate_aux else likelihood.aux
    if not (np.isfinite(means).all() and (means > -1e-9).all()):
        raise InferenceError(
            "toys from a negative expectation", file=likelihood.name,
            found=f"{means.min():g}",
        )  # fmt: skip
    point = np.zeros(slots.size) if test is None else np.asarray(test, dtype=float)
    begin, end = shard_range(count, shard)
    size = end - begin
    statistic, best = np.empty(size), np.empty((size, slots.size))
    status = np.zeros(size, dtype=np.int64)
    there = np.zeros(size, dtype=bool)
    stream = zlib.crc32(purpose.encode())
    key = _key(
        likelihood, chosen, None if test is None else point, purpose, fluctuate_aux,
        tolerance, grid.shape,
    )  # fmt: skip
    expectation = np.concatenate([means, aux_means])

    def part(first: int, last: int, read: int = 0) -> Toys:
        return Toys(
            statistic=statistic[first:last], best_fit=best[first:last],
            status=status[first:last], expectation=expectation, first=begin + first,
            total=count, seed=seed, key=key, read=read,
        )  # fmt: skip

    store = None if keep is None else Store(keep, key, seed, count, expectation)
    if store is not None:
        for kept in store.parts(begin, end):
            low, high = max(kept.first, begin), min(kept.first + kept.status.size, end)
            own, here = (
                slice(low - kept.first, high - kept.first),
                slice(low - begin, high - begin),
            )
            statistic[here], best[here] = kept.statistic[own], kept.best_fit[own]
            status[here], there[here] = kept.status[own], True
    read = int(np.count_nonzero(there))

    def block(start: int, stop: int) -> int:
        # each thread counts references to arrays of its own: a shared count is slow
        arrays = Arrays._make(a.copy() for a in likelihood.arrays)
        ensemble.run_toys(
            arrays, truth, point, test is not None, means, aux_means,
            fluctuate_aux, likelihood.outer_free, slots, grid, tolerance, seed, stream,
            begin + start, kernels.scratch(arrays), statistic[start:stop],
            best[start:stop], status[start:stop],
        )  # fmt: skip
        return stop - start

    workers = threads or os.cpu_count() or 1
    if workers > 1:
        block(0, 0)  # no toys, but compiled: two threads that compile at once may fail
    done = read
    if progress is not None:
        progress(done, size)
    for low, high in _gaps(there):
        pieces = []
        for first, last in _stretches(low, high, workers, store is not None):
            spans = [(a, min(a + _BLOCK, last)) for a in range(first, last, _BLOCK)]
            for made in _mapped(block, spans, workers):
                done += made
                if progress is not None:
                    progress(done, size)
            if store is not None and last < high:
                pieces.append(store.save(part(first, last)))
        if store is not None:
            store.save(part(low, high))
            for piece in pieces:
                piece.unlink()
    return part(0, size, read)


def _gaps(there: NDArray[np.bool_]) -> list[tuple[int, int]]:
    """Ranges of the toys that are not there."""
    edges = np.flatnonzero(np.diff(np.concatenate([[True], there, [True]])))
    return [(int(a), int(b)) for a, b in edges.reshape(-1, 2)]


def _stretches(
    low: int, high: int, workers: int, kept: bool
) -> Iterator[tuple[int, int]]:
    """Ranges of toys after each of which what is done is kept: some seconds of work."""
    step = workers * _BLOCK if kept else high - low
    while low < high:
        begin = time.monotonic()
        last = min(low + step, high)
        yield low, last
        took = max(time.monotonic() - begin, 1e-3)
        longer = min(_CHECKPOINT / took, 8.0)
        step = max(int(step * longer) // _BLOCK, workers) * _BLOCK
        low = last


def _mapped(
    function: Callable[[int, int], int], spans: Sequence[tuple[int, int]], workers: int
) -> Iterable[int]:
    if workers == 1:
        yield from (function(*span) for span in spans)
        return
    with ThreadPoolExecutor(workers) as pool:
        yield from pool.map(lambda span: function(*span), spans)


def _key(
    likelihood: Likelihood,
    parameters: Sequence[int],
    test: _Array | None,
    purpose: str,
    fluctuate_aux: bool,
    tolerance: float,
    starts: tuple[int, ...],
) -> str:
    """Of nothing that a fit has found: that has other last digits elsewhere."""
    asked = [
        _SEARCH,
        likelihood.digest,
        [likelihood.names[i] for i in parameters],
        None if test is None else [f"{x:.9g}" for x in test],
        purpose, auxiliary(fluctuate_aux), tolerance, starts,
    ]  # fmt: skip
    digest = hashlib.sha256(json.dumps(asked).encode())
    arrays = likelihood.arrays
    for array in (arrays.low, arrays.high, likelihood.outer_free, likelihood.observed):
        digest.update(array.tobytes())
    return digest.hexdigest()
