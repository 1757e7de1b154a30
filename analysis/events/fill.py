"""From a range of entries of one file to counts: plain functions that add up."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from itertools import combinations
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from nuem.analysis.events.cutflow import CutFlow
from nuem.analysis.events.plan import ChannelSpec, EventPlan
from nuem.analysis.events.runs import Runs, read_runs, run_numbers
from nuem.analysis.events.selection import Chunk, Mask, select_events
from nuem.analysis.events.source import describe_tree, read
from nuem.inputs.errors import InputError

if TYPE_CHECKING:
    import hist

__all__ = ["FileInfo", "Partial", "accepted_values", "fill", "inspect_file"]


@dataclass(frozen=True, eq=False)
class FileInfo:
    """What a plan meets in a file.

    Parameters
    ----------
    entries : mapping of str to int
        Entries of each tree of events.
    branches : mapping of str to frozenset of str
        Branches that the plan reads of each tree.
    runs : Runs or None
        The runs, if the layout has a tree for them.
    """

    entries: Mapping[str, int]
    branches: Mapping[str, frozenset[str]]
    runs: Runs | None


@dataclass(frozen=True)
class Partial:
    """Counts of a part of the events; parts add up, in any order.

    Parameters
    ----------
    hists : mapping of str to hist.Hist
        By channel, with Int64 storage.
    cut_flow : CutFlow
        By channel.
    events : int
        Events that were read.
    unassigned : int
        Events that belong to no channel.
    overlaps : mapping of (str, str) to int
        Events in two channels that must not overlap.
    unknown_runs : mapping of int to int
        Events by run number that is not among the runs of their file.
    """

    hists: Mapping[str, hist.Hist[Any]]
    cut_flow: CutFlow = field(default_factory=CutFlow)
    events: int = 0
    unassigned: int = 0
    overlaps: Mapping[tuple[str, str], int] = field(default_factory=dict)
    unknown_runs: Mapping[int, int] = field(default_factory=dict)

    def __add__(self, other: Partial) -> Partial:
        """Add the counts of two parts."""
        hists = dict(self.hists)
        for name, histogram in other.hists.items():
            hists[name] = hists[name] + histogram if name in hists else histogram
        return Partial(
            hists,
            self.cut_flow + other.cut_flow,
            self.events + other.events,
            self.unassigned + other.unassigned,
            _add(self.overlaps, other.overlaps),
            _add(self.unknown_runs, other.unknown_runs),
        )


def inspect_file(plan: EventPlan, file: str | Path) -> FileInfo:
    """Find out which branches a plan needs of a file, and read its runs.

    Raises
    ------
    InputError
        If the file, a tree or a branch is missing, a name is neither a branch
        nor a column of the runs, or a derived quantity has the name of a branch.
    """
    runs = None
    if plan.layout.runs is not None:
        runs = read_runs(file, plan.layout, plan.run_columns())
    inherited = set() if runs is None else set(runs.columns) - {plan.layout.run}
    entries, branches = {}, {}
    for tree in plan.trees:
        info = describe_tree(file, tree)
        needed = plan.branches(tree)
        hidden = sorted({quantity.name for quantity in plan.derived} & info.branches)
        if hidden:
            raise InputError(
                "a derived quantity has the name of a branch",
                file=file,
                field=f"derived.{hidden[0]}",
            )
        if missing := sorted(needed - info.branches - inherited):
            raise InputError(
                "no such branch or derived quantity",
                file=file,
                field=tree,
                found=", ".join(missing),
                expected="one of "
                + ", ".join(
                    sorted(info.branches | inherited | {d.name for d in plan.derived})
                ),
            )
        entries[tree], branches[tree] = info.entries, needed & info.branches
    return FileInfo(entries, branches, runs)


def fill(
    plan: EventPlan,
    file: str | Path,
    first: int,
    last: int,
    tree: str,
    *,
    info: FileInfo | None = None,
) -> Partial:
    """Fill the histograms of a range of entries of a tree.

    Parameters
    ----------
    plan : EventPlan
        Channels, cuts and observables.
    file : str or Path
        ROOT file.
    first, last : int
        The entries ``first <= i < last``.
    tree : str
        Tree of events; the channels of other trees are left out.
    info : FileInfo, optional
        What `inspect_file` returned, to read the runs once per file only.

    Returns
    -------
    Partial

    Raises
    ------
    InputError
        If the file does not hold what the plan needs. Overlaps of channels and
        unknown runs are counted here, and judged when all counts are known.
    """
    info = inspect_file(plan, file) if info is None else info
    accepted, part = accepted_values(plan, file, first, last, tree, info)
    hists = {}
    for name, values in accepted.items():
        hists[name] = empty_hist(plan, name)
        _count(hists[name], plan, values)
    return replace(part, hists=hists)


def accepted_values(
    plan: EventPlan,
    file: str | Path,
    first: int,
    last: int,
    tree: str,
    info: FileInfo,
) -> tuple[dict[str, tuple[npt.NDArray[np.float64], ...]], Partial]:
    """Return the observables of the accepted events of a range, event by event.

    Parameters
    ----------
    plan, file, first, last, tree, info
        As for `fill`.

    Returns
    -------
    accepted : dict of str to tuple of ndarray, shape (accepted,)
        By channel of the tree, one array for each observable. Empty if a run is
        unknown.
    part : Partial
        All counts but the histograms.

    Raises
    ------
    InputError
        If the file does not hold what the plan needs.
    """
    size = last - first
    arrays = read(file, tree, info.branches[tree], first, last)
    run = None
    if plan.needs_run(tree):
        field = f"{tree}: {plan.layout.run}"
        run = run_numbers(arrays[plan.layout.run], file, field)
    if run is not None and info.runs is not None:
        rows, known = info.runs.rows(run)
        if not known.all():  # what their runs say of them is lacking: no counts at all
            numbers, counts = np.unique(run[~known], return_counts=True)
            unknown = dict(zip(numbers.tolist(), counts.tolist(), strict=True))
            return {}, Partial({}, events=size, unknown_runs=unknown)
        for name in (plan.branches(tree) - set(arrays)) & set(info.runs.columns):
            arrays[name] = info.runs.columns[name][rows]
    chunk = Chunk(arrays, size, plan.derived)
    channels = plan.of_tree(tree)
    try:
        members = {c.name: _member(c, chunk, run) for c in channels}
        accepted, flow = select_events(chunk, members, plan.cuts, plan.observables)
    except InputError as error:  # the expressions do not know the file
        raise InputError(str(error), file=file) from error
    overlaps, unassigned = _overlaps(channels, members, size)
    return accepted, Partial({}, flow, size, unassigned, overlaps)


def empty_hist(plan: EventPlan, channel: str) -> hist.Hist[Any]:
    """Return the empty histogram of a channel."""
    import hist

    axes = [observable.axis() for observable in plan.observables]
    return hist.Hist(*axes, storage=hist.storage.Int64(), name=channel)


def _count(
    histogram: hist.Hist[Any],
    plan: EventPlan,
    values: tuple[npt.NDArray[np.float64], ...],
) -> None:
    """Add events to a histogram, with exactly the edges of the observables."""
    view = histogram.view(flow=True)
    index = np.zeros(len(values[0]), np.int64)
    for observable, value in zip(plan.observables, values, strict=True):
        index = index * (len(observable.edges) + 1) + observable.index(value)
    view += np.bincount(index, minlength=view.size).reshape(view.shape)


def _member(
    channel: ChannelSpec, chunk: Chunk, run: npt.NDArray[np.int64] | None
) -> Mask:
    """Return which events belong to a channel."""
    mask = np.ones(chunk.size, bool)
    if channel.select is not None:
        mask = chunk.holds(channel.select, f"channels.{channel.name}.select")[0]
    if channel.runs is not None and run is not None:
        mask = mask & np.isin(run, sorted(channel.runs))
    return mask


def _overlaps(
    channels: tuple[ChannelSpec, ...], members: Mapping[str, Mask], size: int
) -> tuple[dict[tuple[str, str], int], int]:
    """Count events in two channels that must not overlap, and in none."""
    times = np.zeros(size, np.int32)
    for mask in members.values():
        times += mask
    found: dict[tuple[str, str], int] = {}
    shared = times > 1
    if shared.any():
        inside = {name: mask[shared] for name, mask in members.items()}
        for a, b in combinations(channels, 2):
            count = int(np.count_nonzero(inside[a.name] & inside[b.name]))
            if count and not a.may_overlap(b):
                found[a.name, b.name] = count
    return found, int(np.count_nonzero(times == 0))


def _add(one: Mapping[Any, int], two: Mapping[Any, int]) -> dict[Any, int]:
    return {key: one.get(key, 0) + two.get(key, 0) for key in {**one, **two}}
