"""Toy experiments: reproducible, in threads, in shards that can be kept and merged.

The random numbers of a toy follow from (seed, what it is for, number of the toy), so
that the result does not depend on the number of threads or shards. A fit that does not
converge is counted and shown.
"""

from __future__ import annotations

import hashlib
import os
import zlib
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nuem.analysis.inference.arrays import Arrays
from nuem.analysis.inference.likelihood import Likelihood
from nuem.inputs.errors import InferenceError, InputError
from nuem.inputs.files import atomic_path

__all__ = [
    "DIGITS", "Toys", "load_toys", "merge_toys", "save_toys", "shard_range", "throw",
]  # fmt: skip

_Array = NDArray[np.float64]
_BLOCK = 256
#: What the fits of toys leave open of a statistic (1e-5 with three events, less with
#: more). With few counts many toys are the same outcome as the data: as close as this
#: they count as equal, or digits would decide on which side of the data they are.
DIGITS = 1e-4


@dataclass(frozen=True)
class Toys:
    """Results of toys of one truth.

    Attributes
    ----------
    statistic : ndarray, shape (t,)
        -2 ln of the ratio of likelihoods, tested point to best fit; or the deviance.
    best_fit : ndarray, shape (t, k)
        Best fit of the tested parameters.
    status : ndarray of int, shape (t,)
        0 where the fits converged.
    first, total : int
        Number of the first toy here; and of all, of which this may be a shard.
    seed : int
    key : str
        Digest of model, truth and test: shards of different ones are not merged.
    """

    statistic: _Array
    best_fit: _Array
    status: NDArray[np.int64]
    first: int
    total: int
    seed: int
    key: str

    @property
    def failed(self) -> int:
        """Number of toys whose fits did not converge."""
        return int(np.count_nonzero(self.status))


def shard_range(total: int, shard: tuple[int, int] | None) -> tuple[int, int]:
    """First toy of a shard, and the one after its last.

    Parameters
    ----------
    total : int
        Number of all toys.
    shard : tuple of int, optional
        (i, N): the i-th of N, counted from 1; all by default.

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
    return total * (i - 1) // n, total * i // n


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
        Draw auxiliary data too (unconditional); else they stay at the truth.
    tolerance : float
        Of the fits; see the kernel.
    threads : int, optional
        Number of threads; that of the cores by default.
    shard : tuple of int, optional
        (i, N): only the i-th of N parts.
    keep : str or Path, optional
        Folder in which finished toys are kept, and looked for before they are thrown.
    progress : callable, optional
        Told how many toys of how many are done.

    Returns
    -------
    Toys

    Raises
    ------
    InferenceError
        If an expectation is not finite.
    """
    from nuem.analysis.inference import ensemble, kernels

    chosen = [likelihood.poi] if parameters is None else list(parameters)
    outer = list(likelihood.arrays.outer)
    slots = np.array([outer.index(i) for i in chosen], dtype=np.int64)
    grid = np.zeros((0, slots.size)) if starts is None else np.asarray(starts, float)
    truth = np.ascontiguousarray(truth, dtype=float)
    means = likelihood.expected(truth)
    aux_means = likelihood.expected_aux(truth)
    if not (np.isfinite(means).all() and (means > -1e-9).all()):
        raise InferenceError(
            "toys from a negative expectation", file=likelihood.name,
            found=f"{means.min():g}",
        )  # fmt: skip
    point = np.zeros(slots.size) if test is None else np.asarray(test, dtype=float)
    begin, end = shard_range(count, shard)
    key = _key(likelihood, truth, point, purpose, fluctuate_aux)
    kept = None if keep is None else _find(Path(keep), key, seed, count, begin, end)
    if kept is not None:
        return kept
    size = end - begin
    statistic, best = np.empty(size), np.empty((size, slots.size))
    status = np.zeros(size, dtype=np.int64)
    stream = zlib.crc32(purpose.encode())

    def block(start: int) -> int:
        stop = min(start + _BLOCK, size)
        # each thread counts references to arrays of its own: a shared count is slow
        arrays = Arrays._make(a.copy() for a in likelihood.arrays)
        ensemble.run_toys(
            arrays, truth, point, test is not None, means, aux_means,
            fluctuate_aux, likelihood.outer_free, slots, grid, tolerance, seed, stream,
            begin + start, kernels.scratch(arrays), statistic[start:stop],
            best[start:stop], status[start:stop],
        )  # fmt: skip
        return stop - start

    starts_of = range(0, size, _BLOCK)
    workers = threads or os.cpu_count() or 1
    if workers > 1:
        block(size)  # no toys, but compiled: two threads that compile at once may fail
    done = 0
    for made in _mapped(block, starts_of, workers):
        done += made
        if progress is not None:
            progress(done, size)
    thrown = Toys(
        statistic=statistic, best_fit=best, status=status, first=begin, total=count,
        seed=seed, key=key,
    )  # fmt: skip
    if keep is not None:
        save_toys(Path(keep) / f"{_stem(key, seed, count)}-{begin}-{end}.npz", thrown)
    return thrown


def _stem(key: str, seed: int, total: int) -> str:
    return f"toys-{key[:20]}-{seed}-{total}"


def _find(
    folder: Path, key: str, seed: int, total: int, begin: int, end: int
) -> Toys | None:
    """Kept toys of a range: one file, or shards that make up all of them."""
    stem = _stem(key, seed, total)
    whole = folder / f"{stem}-{begin}-{end}.npz"
    if whole.exists():
        found = load_toys(whole)
        if found.key != key:
            raise InputError("toys of something else", file=whole)
        return found
    parts = (
        sorted(folder.glob(f"{stem}-*-*.npz")) if begin == 0 and end == total else []
    )
    if not parts:
        return None
    loaded = sorted((load_toys(part) for part in parts), key=lambda toys: toys.first)
    at = 0
    for toys in loaded:
        if toys.first != at:
            return None
        at += toys.statistic.size
    return merge_toys(loaded) if at == total else None


def _mapped(
    function: Callable[[int], int], values: Iterable[int], workers: int
) -> Iterable[int]:
    if workers == 1:
        yield from map(function, values)
        return
    with ThreadPoolExecutor(workers) as pool:
        yield from pool.map(function, values)


def _key(likelihood: Likelihood, *parts: Any) -> str:
    digest = hashlib.sha256()
    for array in likelihood.arrays:
        digest.update(array.tobytes())
    for part in parts:
        digest.update(
            part.tobytes() if isinstance(part, np.ndarray) else str(part).encode()
        )
    return digest.hexdigest()


def save_toys(path: str | Path, toys: Toys) -> Path:
    """Write toys (npz), whole or not at all.

    Raises
    ------
    InputError
        If the file cannot be written.
    """
    with atomic_path(path) as temporary, temporary.open("wb") as stream:
        np.savez_compressed(
            stream, statistic=toys.statistic, best_fit=toys.best_fit,
            status=toys.status,
            about=np.array([toys.first, toys.total, toys.seed], dtype=np.int64),
            key=np.array(toys.key), sha256=np.array(_content(toys)),
        )  # fmt: skip
    return Path(path)


def load_toys(path: str | Path) -> Toys:
    """Read toys and check them.

    Raises
    ------
    InputError
        If the file is missing, no toys, or damaged.
    """
    try:
        with Path(path).open("rb") as stream, np.load(stream) as there:
            first, total, seed = map(int, there["about"])
            toys = Toys(
                statistic=there["statistic"], best_fit=there["best_fit"],
                status=there["status"], first=first, total=total, seed=seed,
                key=str(there["key"]),
            )  # fmt: skip
            digest = str(there["sha256"])
    except OSError as error:
        reason = (error.strerror or "not a file of toys").lower()
        raise InputError(f"cannot be read ({reason})", file=path) from None
    except (ValueError, KeyError, zlib.error, EOFError, TypeError) as error:
        raise InputError(f"damaged toys ({type(error).__name__})", file=path) from None
    except Exception as error:  # zipfile raises classes of its own
        if type(error).__name__ == "BadZipFile":
            raise InputError("damaged toys (not a zip file)", file=path) from None
        raise
    if digest != _content(toys):
        raise InputError("damaged toys (wrong checksum)", file=path)
    return toys


def merge_toys(shards: Iterable[Toys]) -> Toys:
    """Put shards together; all have to be there.

    Raises
    ------
    InputError
        If one is missing, there twice, or belongs to something else.
    """
    ordered = sorted(shards, key=lambda toys: toys.first)
    if not ordered:
        raise InputError("no shards")
    lead = ordered[0]
    at = 0
    for toys in ordered:
        if (toys.key, toys.seed, toys.total) != (lead.key, lead.seed, lead.total):
            raise InputError("shards of different toys")
        if toys.first != at:
            raise InputError(
                "shard missing or there twice", found=f"toy {toys.first}",
                expected=f"toy {at}",
            )  # fmt: skip
        at += toys.statistic.size
    if at != lead.total:
        raise InputError("shard missing", found=f"{at} toys", expected=lead.total)
    return Toys(
        statistic=np.concatenate([t.statistic for t in ordered]),
        best_fit=np.concatenate([t.best_fit for t in ordered]),
        status=np.concatenate([t.status for t in ordered]),
        first=0, total=lead.total, seed=lead.seed, key=lead.key,
    )  # fmt: skip


def _content(toys: Toys) -> str:
    digest = hashlib.sha256(
        f"{toys.first} {toys.total} {toys.seed} {toys.key}".encode()
    )
    for array in (toys.statistic, toys.best_fit, toys.status):
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()
