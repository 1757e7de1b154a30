"""The work on one file: what is in it, its chunks, and their counts."""

from __future__ import annotations

import gc
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from nuem.analysis.events.chunks import MEMORY_BUDGET, chunk_edges
from nuem.analysis.events.fill import fill
from nuem.analysis.events.inspection import FileInfo, inspect_file
from nuem.analysis.events.livetime import check_cuts, runs_of
from nuem.analysis.events.localfile import Stamp, file_digest
from nuem.analysis.events.partial import PairwiseSum, Partial
from nuem.analysis.events.plan import EventPlan
from nuem.analysis.events.rootfile import open_file
from nuem.analysis.events.runlist import PowerHistory
from nuem.analysis.events.store import RunRecord
from nuem.analysis.events.stored import Memory
from nuem.inputs.errors import InputError

__all__ = ["Chunking", "Survey", "Task", "count_task", "digest_task", "survey"]


class _OfThread(threading.local):
    """What a thread keeps from one chunk to the next."""

    def __init__(self) -> None:
        self.memory = Memory()


_of_thread = _OfThread()


class Task(NamedTuple):
    """A chunk: one range of entries of one tree of one file."""

    file: str
    tree: str
    first: int
    last: int


@dataclass(frozen=True)
class Chunking:
    """How files are cut, and how their chunks are filled.

    Parameters
    ----------
    memory : int
        Uncompressed bytes of the branches of one chunk.
    entries : int, optional
        Entries of one chunk, in place of what fits in `memory`.
    fused : bool
        Whether to compile the selection.
    """

    memory: int = MEMORY_BUDGET
    entries: int | None = None
    fused: bool = False

    def __post_init__(self) -> None:
        """Check the sizes."""
        if self.memory < 1 or (self.entries is not None and self.entries < 1):
            raise InputError("memory and chunk entries must be above 0")


@dataclass(frozen=True, eq=False)
class Survey:
    """What was found out about a file.

    Parameters
    ----------
    info : FileInfo
        Entries, branches and runs.
    runs : tuple of RunRecord, or None
        The runs that are used, with the channels that they belong to.
    tasks : tuple of Task
        The chunks that are still to be read.
    part : Partial, optional
        The counts of a small file, which was read in the same go.
    digests : mapping of str to str, optional
        The sha256 of a small file and of its friends, as `digest_task` returns them.
    error : InputError, optional
        What is wrong with the events of a small file.
    """

    info: FileInfo
    runs: tuple[RunRecord, ...] | None
    tasks: tuple[Task, ...]
    part: Partial | None = None
    digests: Mapping[str, str] | None = None
    error: InputError | None = None


def survey(
    plan: EventPlan,
    file: str,
    chunking: Chunking,
    listed: Sequence[Mapping[str, Any]] | None = None,
    power: PowerHistory | None = None,
    digest: bool = True,
) -> Survey:
    """Look at a file; read it as well if it is one chunk, since it is open.

    Raises
    ------
    InputError
        If the file does not hold what the plan needs.
    """
    with open_file(file) as opened:
        info = inspect_file(plan, opened, listed=listed, power=power)
        tasks = []
        for tree in plan.trees:
            edges = chunk_edges(
                opened, tree, info.branches[tree],
                memory=chunking.memory, entries=chunking.entries,
            )  # fmt: skip
            # an empty tree is one empty chunk: its expressions are still checked
            ends = edges[1:] or (0,)
            tasks += [
                Task(file, tree, first, last)
                for first, last in zip(edges, ends, strict=False)
            ]
        runs = _run_records(plan, info)
        if len(tasks) > len(plan.trees):
            return Survey(info, runs, tuple(tasks))
        try:
            total = PairwiseSum()
            for task in tasks:
                part = fill(
                    plan, opened, task.first, task.last, task.tree,
                    info=info, fused=chunking.fused,
                )  # fmt: skip
                total = total.plus(part)
        except InputError as error:  # what is known of it is reported nevertheless
            return Survey(info, runs, (), error=error)
    del opened
    gc.collect(0)  # the objects of a file refer to each other
    try:
        digests = digest_task(info.stamps) if digest else {}
    except InputError as error:
        return Survey(info, runs, (), error=error)
    return Survey(info, runs, (), total.total(), digests)


def digest_task(files: Mapping[str, Stamp]) -> dict[str, str]:
    """Return the sha256 of files that were opened before."""
    return {file: file_digest(file, stamp) for file, stamp in files.items()}


def count_task(
    plan: EventPlan, task: Task, info: FileInfo, chunking: Chunking
) -> Partial:
    """Fill the histograms of one chunk."""
    return fill(
        plan, task.file, task.first, task.last, task.tree,
        info=info, fused=chunking.fused, memory=_of_thread.memory,
    )  # fmt: skip


def _run_records(plan: EventPlan, info: FileInfo) -> tuple[RunRecord, ...] | None:
    """Return the good runs, each with its channels."""
    runs = info.runs
    if runs is None:
        return None
    check_cuts(plan, runs, frozenset().union(*info.branches.values()))
    masks = {c.name: runs_of(plan, c, runs).tolist() for c in plan.channels}
    power = [None] * len(runs.number)
    if plan.power is not None:
        if plan.power not in runs.columns:
            raise InputError(
                "no power of the source", file=runs.file, field=plan.power,
                expected="a column of the runs, or a power history",
            )  # fmt: skip
        power = runs.columns[plan.power].astype(float).tolist()
    table = zip(
        runs.number.tolist(), runs.start_s.tolist(), runs.live_time_s.tolist(),
        runs.stream.tolist(), power, runs.good.tolist(),
        [None] * len(power) if runs.real_time_s is None else runs.real_time_s.tolist(),
        strict=True,
    )  # fmt: skip
    return tuple(
        RunRecord(
            number, start, live,
            tuple(name for name, mask in masks.items() if mask[i]), stream, at,
            real_time_s=real,
        )
        for i, (number, start, live, stream, at, good, real) in enumerate(table)
        if good
    )  # fmt: skip
