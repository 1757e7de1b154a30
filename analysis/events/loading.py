"""The arrays of a range of events: branches, friends, columns of their runs."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from nuem.analysis.events.identity import NORMAL
from nuem.analysis.events.inspection import FileInfo
from nuem.analysis.events.partial import Partial
from nuem.analysis.events.plan import EventPlan
from nuem.analysis.events.rootfile import OpenFile, open_bytes, open_file
from nuem.analysis.events.runs import Runs, run_numbers
from nuem.analysis.events.selection import Chunk, Mask
from nuem.analysis.events.source import read
from nuem.analysis.events.stored import Memory, read_stored
from nuem.inputs.errors import InputError

__all__ = ["Loaded", "load", "whole_chunk"]


@dataclass(frozen=True, eq=False)
class Loaded:
    """The arrays of a range of events.

    Parameters
    ----------
    arrays : dict of str to array, shape (events,) or (events, var)
        Branches, and columns of friends.
    size : int
        Number of events.
    run : ndarray of integers, shape (events,), or None
        Run numbers.
    half : ndarray of bool, shape (events,), or None
        Which events are in the half that is asked for; None for all.
    """

    arrays: dict[str, Any]
    size: int
    run: npt.NDArray[np.signedinteger[Any]] | None
    half: Mask | None


def load(
    plan: EventPlan,
    file: str | Path | OpenFile,
    first: int,
    last: int,
    tree: str,
    info: FileInfo,
    memory: Memory | None = None,
) -> Loaded:
    """Read the arrays that a plan needs of a range of entries.

    Parameters
    ----------
    plan, first, last, tree, info
        As for `fill`.
    file : str, Path or OpenFile
        ROOT file; opened by uproot only if one of the columns needs it.
    memory : Memory, optional
        Where the arrays are made: they hold until it is used again.

    Raises
    ------
    InputError
        If the file does not hold what the plan needs.
    """
    path = file.path if isinstance(file, OpenFile) else file
    with _descriptor(file, info) as descriptor:
        arrays: dict[str, Any] = dict(
            read_stored(
                descriptor, info.stored.get(tree, {}), first, last, path, memory
            )
        )
    others = info.branches[tree] - set(arrays)
    if others or any(info.friends.values()):
        with open_file(file, info.stamps.get(str(path))) as opened:
            arrays |= _by_uproot(plan, opened, others, first, last, tree, info)
    run, half = None, None
    if plan.needs_run(tree) or info.runs is not None:
        field = f"{tree}: {plan.layout.run}"
        run = run_numbers(arrays[plan.layout.run], path, field)
    identity = plan.identity
    if identity is not None and not set(identity.columns) <= set(arrays):
        raise InputError(
            "an event is told apart by branches alone", file=path,
            field="events.identity",
            found=", ".join(sorted(set(identity.columns) - set(arrays))),
        )  # fmt: skip
    if identity is not None:
        values = [arrays[name] for name in identity.columns]
        if plan.smears:
            arrays[NORMAL] = identity.normal(values)
        if identity.half is not None:
            half = identity.chosen(values)
    return Loaded(arrays, last - first, run, half)


@contextmanager
def _descriptor(file: str | Path | OpenFile, info: FileInfo) -> Iterator[int]:
    if isinstance(file, OpenFile):
        yield file.descriptor
        return
    with open_bytes(file, info.stamps.get(str(file))) as (descriptor, _):
        yield descriptor


def _by_uproot(
    plan: EventPlan,
    file: OpenFile,
    branches: Collection[str],
    first: int,
    last: int,
    tree: str,
    info: FileInfo,
) -> dict[str, Any]:
    """Read branches and the columns of friends."""
    arrays = read(file, tree, branches, first, last)
    for friend in plan.friends:
        if columns := info.friends[friend.name]:
            source = file if friend.file is None else friend.path(file.path)
            before = None if friend.file is None else info.stamps[str(source)]
            with open_file(source, before) as opened:
                joined = read(opened, friend.tree, columns, first, last)
            arrays |= {f"{friend.name}.{name}": x for name, x in joined.items()}
    return arrays


def whole_chunk(
    plan: EventPlan, tree: str, loaded: Loaded, runs: Runs | None
) -> tuple[Chunk, Mask, Partial]:
    """Give the events the columns of their runs.

    Returns
    -------
    chunk : Chunk
    used : ndarray of bool, shape (events,)
        Events of good runs and of the half that is asked for.
    part : Partial
        What is not used; ``unknown_runs`` is not empty if a run is not in the table.
    """
    arrays, size, run = loaded.arrays, loaded.size, loaded.run
    used = np.ones(size, bool)
    bad = 0
    if run is not None and runs is not None:
        rows, known = runs.rows(run)
        if not known.all():
            numbers, counts = np.unique(run[~known], return_counts=True)
            unknown = dict(zip(numbers.tolist(), counts.tolist(), strict=True))
            part = Partial(events=size, unknown_runs=unknown)
            return Chunk(arrays, size, plan.derived), ~used, part
        names = plan.branches(tree) & set(runs.columns) - {plan.layout.run}
        for name in names - set(arrays):
            arrays[name] = runs.columns[name][rows]
        if not runs.good.all():
            used &= runs.good[rows]
            bad = size - int(np.count_nonzero(used))
    other = 0
    if loaded.half is not None:
        other = int(np.count_nonzero(used & ~loaded.half))
        used &= loaded.half
    part = Partial(events=size, bad_runs=bad, other_half=other)
    return Chunk(arrays, size, plan.derived), used, part
