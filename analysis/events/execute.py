"""Running a plan over files, in threads, with memory that stays bounded.

Counts are integers and add up exactly, so that the result does not depend on
the size of the chunks, their order or the number of threads.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from nuem.analysis.events.chunks import MEMORY_BUDGET, chunk_edges
from nuem.analysis.events.cutflow import CutFlow
from nuem.analysis.events.fill import (
    FileInfo,
    Partial,
    empty_hist,
    fill,
    inspect_file,
)
from nuem.analysis.events.livetime import runs_of
from nuem.analysis.events.plan import EventPlan
from nuem.analysis.events.store import FileRecord, Histograms, Spans
from nuem.inputs.errors import InferenceError, InputError
from nuem.inputs.files import sha256_file
from nuem.inputs.grammar import shorten

__all__ = ["histogram"]


class _Task(NamedTuple):
    """A chunk: one range of entries of one tree of one file."""

    file: str
    tree: str
    first: int
    last: int
    info: FileInfo


def histogram(
    plan: EventPlan,
    files: Sequence[str | Path],
    *,
    threads: int = 2,
    memory: int = MEMORY_BUDGET,
    chunk_entries: int | None = None,
    strict: bool = False,
    progress: Callable[[int, int], None] | None = None,
    provenance: Mapping[str, Any] | None = None,
) -> Histograms:
    """Make the histograms of all channels from files of events.

    Parameters
    ----------
    plan : EventPlan
        Channels, cuts and observables.
    files : sequence of str or Path
        ROOT files.
    threads : int
        Chunks that are worked on at the same time.
    memory : int
        Uncompressed bytes of the branches of one chunk.
    chunk_entries : int, optional
        Entries of one chunk, in place of what fits in `memory`.
    strict : bool
        Whether NaN and negative energies are an error, not a warning.
    progress : callable, optional
        Called in this thread as ``progress(entries done, entries in all)``.
    provenance : mapping, optional
        Kept with the result.

    Returns
    -------
    Histograms

    Raises
    ------
    InputError
        If a file is there twice or does not hold what the plan needs, an event
        is in two channels that must not overlap, a run is in two files, an
        event's run is not among the runs of its file; in strict mode also for
        NaN and negative energies.
    InferenceError
        If the live time is zero, or no event is selected.
    """
    if not files:
        raise InputError("no files of events", expected="at least one")
    if threads < 1 or (chunk_entries is not None and chunk_entries < 1) or memory < 1:
        raise InputError("threads, memory and chunk entries must be above 0")
    names = [str(file) for file in files]
    cut = partial(_survey, plan, memory=memory, entries=chunk_entries)
    with ThreadPoolExecutor(threads) as pool:
        try:
            surveys = list(pool.map(cut, names))
            infos = [info for info, _ in surveys]
            _check_runs(infos)
            spans = _spans(plan, infos)
            live = _live_times(spans)
            # beside the events, or the disk would be waited for twice
            digests = pool.map(sha256_file, names)
            tasks = [task for _, tasks in surveys for task in tasks]
            total = _run(plan, pool, tasks, progress)
            records = tuple(
                FileRecord(name, digest, dict(info.entries))
                for name, digest, info in zip(names, digests, infos, strict=True)
            )
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)  # do not read on in vain
            raise
    _check_files(records)
    _check_counts(total, plan)
    warnings = _warnings(plan, total, infos, live)
    if strict and (broken := _excluded(plan, total.cut_flow)):
        raise InputError("; ".join(broken), expected="none in strict mode")
    if not any(flow.accepted for flow in total.cut_flow.channels.values()):
        raise InferenceError(
            "no event is selected", found=f"{total.events} events, none passes"
        )
    hists = {channel.name: total.hists[channel.name] for channel in plan.channels}
    flows = {c.name: total.cut_flow.channels[c.name] for c in plan.channels}
    return Histograms(
        hists, live, CutFlow(flows), spans, records, warnings, dict(provenance or {})
    )


def _survey(
    plan: EventPlan, file: str, *, memory: int, entries: int | None
) -> tuple[FileInfo, list[_Task]]:
    """Look at a file before its events are read."""
    info = inspect_file(plan, file)
    tasks = []
    for tree in plan.trees:
        edges = chunk_edges(
            file, tree, info.branches[tree], memory=memory, entries=entries
        )
        # an empty tree is one empty chunk: its expressions are still checked
        ends = edges[1:] or (0,)
        tasks += [
            _Task(file, tree, first, last, info)
            for first, last in zip(edges, ends, strict=False)
        ]
    return info, tasks


def _run(
    plan: EventPlan,
    pool: ThreadPoolExecutor,
    tasks: Sequence[_Task],
    progress: Callable[[int, int], None] | None,
) -> Partial:
    """Add up the chunks; the first error in the order of the chunks is raised."""
    total = Partial({c.name: empty_hist(plan, c.name) for c in plan.channels})
    everything = sum(task.last - task.first for task in tasks)
    futures = deque(
        pool.submit(fill, plan, t.file, t.first, t.last, t.tree, info=t.info)
        for t in tasks
    )
    while futures:  # popped, so that the counts of a chunk do not outlive their sum
        total += futures.popleft().result()
        if progress is not None:
            progress(total.events, everything)
    return total


def _check_files(records: Sequence[FileRecord]) -> None:
    seen: dict[str, str] = {}
    for record in records:
        if record.sha256 in seen:
            raise InputError(
                "the same file is there twice",
                file=record.path,
                found=f"the bytes of {seen[record.sha256]}",
            )
        seen[record.sha256] = record.path


def _check_runs(infos: Sequence[FileInfo]) -> None:
    seen: dict[int, str] = {}
    for info in infos:
        if info.runs is None:
            continue
        for number in info.runs.number.tolist():
            if number in seen:
                raise InputError(
                    "a run is in two files",
                    file=info.runs.file,
                    found=f"run {number}, which is also in {seen[number]}",
                    expected="each run in one file",
                )
            seen[number] = info.runs.file


def _spans(plan: EventPlan, infos: Sequence[FileInfo]) -> dict[str, Spans | None]:
    """Return (start, live time) of the runs of each channel, in order of time."""
    tables = [info.runs for info in infos if info.runs is not None]
    if not tables:
        return {channel.name: None for channel in plan.channels}
    spans: dict[str, Spans | None] = {}
    for channel in plan.channels:
        rows: list[tuple[float, float]] = []
        for runs in tables:
            mask = runs_of(plan, channel, runs)
            columns = runs.start_s[mask].tolist(), runs.live_time_s[mask].tolist()
            rows += zip(*columns, strict=True)
        spans[channel.name] = tuple(sorted(rows))
    return spans


def _live_times(spans: Mapping[str, Spans | None]) -> dict[str, float | None]:
    live = {
        # fsum: the same to the last bit whatever the order of the runs
        name: None if rows is None else math.fsum(seconds for _, seconds in rows)
        for name, rows in spans.items()
    }
    if not any(seconds is None or seconds > 0 for seconds in live.values()):
        raise InferenceError("the live time is zero", found="0 s in all channels")
    return live


def _check_counts(total: Partial, plan: EventPlan) -> None:
    if total.unknown_runs:
        runs = sorted(total.unknown_runs)
        raise InputError(
            "events of runs that are not in the tree of runs",
            field=plan.layout.runs,
            found=f"{sum(total.unknown_runs.values())} events of run "
            + shorten(", ".join(map(str, runs))),
        )
    for (a, b), count in sorted(total.overlaps.items()):
        raise InputError(
            "channels overlap",
            field=f"channels.{a}, channels.{b}",
            found=f"{count} events in both",
            expected="none, or the overlap declared",
        )


def _excluded(plan: EventPlan, flow: CutFlow) -> list[str]:
    """Describe the events that are left out because of a value."""
    lines = []
    for channel in plan.channels:
        counts = flow.channels[channel.name]
        steps = [(cut.nan, f"NaN in the cut {cut.name!r}") for cut in counts.cuts]
        steps += [
            (counts.nan, "NaN in an observable"),
            (counts.negative, "a negative energy"),
        ]
        lines += [f"{channel.name}: {n} events with {what}" for n, what in steps if n]
    return lines


def _warnings(
    plan: EventPlan,
    total: Partial,
    infos: Sequence[FileInfo],
    live: Mapping[str, float | None],
) -> tuple[str, ...]:
    lines = _excluded(plan, total.cut_flow)
    if total.unassigned:
        lines.append(f"{total.unassigned} of {total.events} events are in no channel")
    known = {n for i in infos if i.runs is not None for n in i.runs.number.tolist()}
    for channel in plan.channels:
        if live[channel.name] is None:
            continue
        if missing := sorted((channel.runs or frozenset()) - known):
            numbers = shorten(", ".join(map(str, missing)))
            lines.append(f"{channel.name}: no file has its run {numbers}")
        if live[channel.name] == 0:
            lines.append(f"{channel.name}: the live time is zero")
    return tuple(lines)
