"""From a range of entries of one file to counts: plain functions that add up."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from nuem.analysis.events.exact import ExactSum
from nuem.analysis.events.inspection import FileInfo, inspect_file
from nuem.analysis.events.loading import Loaded, load, whole_chunk
from nuem.analysis.events.observable import Observable
from nuem.analysis.events.partial import Partial, Sums, empty_hist
from nuem.analysis.events.plan import ChannelSpec, EventPlan, Key
from nuem.analysis.events.rootfile import OpenFile
from nuem.analysis.events.runs import Runs
from nuem.analysis.events.selection import Chunk, Cut, Mask, select_events
from nuem.analysis.events.stored import Memory
from nuem.inputs.errors import InputError
from nuem.inputs.expressions import Expression
from nuem.inputs.grammar import Step

__all__ = ["accepted_values", "fill"]


def fill(
    plan: EventPlan,
    file: str | Path | OpenFile,
    first: int,
    last: int,
    tree: str,
    *,
    info: FileInfo | None = None,
    fused: bool = False,
    memory: Memory | None = None,
) -> Partial:
    """Fill the histograms of a range of entries of a tree.

    Parameters
    ----------
    plan : EventPlan
        Channels, cuts and observables.
    file : str, Path or OpenFile
        ROOT file.
    first, last : int
        The entries ``first <= i < last``.
    tree : str
        Tree of events; the channels of other trees are left out.
    info : FileInfo, optional
        What `inspect_file` returned, to read the runs once per file only.
    fused : bool
        Select and count in one compiled loop where the plan allows it: the same
        counts, after about a second for compiling it.
    memory : Memory, optional
        For the arrays, if more ranges are read one after the other.

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
    loaded = load(plan, file, first, last, tree, info, memory)
    try:
        if fused and plan.weight is None:
            from nuem.analysis.events.fused import count

            return count(plan, tree, loaded, info.runs)
        return _fill(plan, tree, loaded, info.runs)
    except InputError as error:  # the expressions do not know the file
        raise InputError(str(error), file=file) from error


def _fill(plan: EventPlan, tree: str, loaded: Loaded, runs: Runs | None) -> Partial:
    chunk, used, part = whole_chunk(plan, tree, loaded, runs)
    if part.unknown_runs:  # what their runs say of them is lacking: no counts at all
        return part
    channels = plan.of_tree(tree)
    names = {channel.name for channel in channels}
    total, accepted = _select(plan, chunk, loaded, used, channels, plan.cuts)
    part += total
    values: dict[Key, tuple[npt.NDArray[np.float64], ...]] = {
        ("", name): columns for name, columns in accepted.items()
    }
    for variation in plan.variations:
        if not variation.channels & names:
            continue
        _, accepted = _select(
            plan, chunk.varied(variation.quantities), loaded, used,
            tuple(c for c in channels if c.name in variation.channels),
            plan.cuts_of(variation),
        )  # fmt: skip
        values |= {(variation.name, name): x for name, x in accepted.items()}
    hists, sums = {}, {}
    by_run: dict[tuple[str, int], int] = {}
    for key, columns in values.items():
        if key[0] == "" and runs is not None:
            numbers, counts = np.unique(columns[-1], return_counts=True)
            pairs = zip(numbers.tolist(), counts.tolist(), strict=True)
            by_run |= {(key[1], int(run)): n for run, n in pairs}
        histogram = empty_hist(plan, key[1])
        view = histogram.view(flow=True)
        index = bin_index(plan, columns)
        view += np.bincount(index, minlength=view.size).reshape(view.shape)
        hists[key] = histogram
        if plan.weight is not None:
            sums[key] = _weigh(index, columns[len(plan.observables)], view.size)
    return part + Partial(hists, sums=sums, by_run=by_run)


def accepted_values(
    plan: EventPlan,
    file: str | Path,
    first: int,
    last: int,
    tree: str,
    info: FileInfo,
) -> dict[str, tuple[npt.NDArray[np.float64], ...]]:
    """Return the observables of the accepted events of a range, event by event.

    Parameters
    ----------
    plan, file, first, last, tree, info
        As for `fill`.

    Returns
    -------
    dict of str to tuple of ndarray, shape (accepted,)
        By channel of the tree, one array for each observable.

    Raises
    ------
    InputError
        If the file does not hold what the plan needs, or a run is unknown.
    """
    loaded = load(plan, file, first, last, tree, info)
    try:
        chunk, used, part = whole_chunk(plan, tree, loaded, info.runs)
        if part.unknown_runs:
            raise InputError(
                "events of runs that are not in the tree of runs",
                found=f"run {min(part.unknown_runs)}",
            )
        found = _select(plan, chunk, loaded, used, plan.of_tree(tree), plan.cuts)[1]
        return {name: x[: len(plan.observables)] for name, x in found.items()}
    except InputError as error:
        raise InputError(str(error), file=file) from error


def _select(
    plan: EventPlan,
    chunk: Chunk,
    loaded: Loaded,
    used: Mask,
    channels: Sequence[ChannelSpec],
    cuts: Sequence[Cut],
) -> tuple[Partial, dict[str, tuple[npt.NDArray[np.float64], ...]]]:
    """Return cut flow and accepted values; weights and runs follow the observables."""
    members = {c.name: member(c, chunk, loaded.run) & used for c in channels}
    observables = list(plan.observables)
    if plan.weight is not None:
        # any range will do; what is not finite counts as NaN
        observables.append(Observable("weight", plan.weight, (0.0, 1.0)))
    if loaded.run is not None:
        run = Expression((Step("name", plan.layout.run),))
        observables.append(Observable("run", run, (0.0, 1.0)))
    accepted, flow = select_events(chunk, members, cuts, observables)
    overlaps, unassigned = _overlaps(channels, members, used)
    return Partial(cut_flow=flow, unassigned=unassigned, overlaps=overlaps), accepted


def bin_index(
    plan: EventPlan, values: Sequence[npt.NDArray[np.float64]]
) -> npt.NDArray[np.int64]:
    """Return the bin of each event in the flattened histogram, flow included."""
    index = np.zeros(len(values[0]), np.int64)
    # weights and runs may follow the observables
    for observable, value in zip(plan.observables, values, strict=False):
        index = index * (len(observable.edges) + 1) + observable.index(value)
    return index


def _weigh(
    index: npt.NDArray[np.int64], weights: npt.NDArray[np.float64], bins: int
) -> Sums:
    squares = weights * weights
    if not np.isfinite(squares).all():
        raise InputError("bad weight", found=weights[~np.isfinite(squares)][0])
    sums = ExactSum(bins), ExactSum(bins)
    sums[0].add(index, weights)
    sums[1].add(index, squares)
    return sums


def member(
    channel: ChannelSpec,
    chunk: Chunk,
    run: npt.NDArray[np.signedinteger[Any]] | None,
) -> Mask:
    """Return which events belong to a channel."""
    mask = np.ones(chunk.size, bool)
    if channel.select is not None:
        mask = chunk.holds(channel.select, f"channels.{channel.name}.select")[0]
    if channel.runs is not None and run is not None:
        mask = mask & np.isin(run, sorted(channel.runs))
    return mask


def _overlaps(
    channels: Sequence[ChannelSpec], members: Mapping[str, Mask], used: Mask
) -> tuple[dict[tuple[str, str], int], int]:
    """Count events in two channels that must not overlap, and in none."""
    times = np.zeros(len(used), np.int32)
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
    return found, int(np.count_nonzero(used & (times == 0)))
