"""Counts of a part of the events: what chunks, files and shards are added up from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from nuem.analysis.events.cutflow import CutFlow
from nuem.analysis.events.exact import ExactSum
from nuem.analysis.events.plan import EventPlan, Key

if TYPE_CHECKING:
    import hist

__all__ = ["PairwiseSum", "Partial", "empty_hist"]

#: Exact sums of the weights and of their squares, over all bins with the flow.
Sums = tuple[ExactSum, ExactSum]


@dataclass(frozen=True)
class Partial:
    """Counts of a part of the events; parts add up, in any order.

    Parameters
    ----------
    hists : mapping of (str, str) to hist.Hist
        By variation ("" for none) and channel, with Int64 storage.
    cut_flow : CutFlow
        By channel, without variation.
    events : int
        Events that were read.
    unassigned : int
        Events that belong to no channel.
    bad_runs, other_half : int
        Events of runs that are not used, and of the half that is not asked for.
    overlaps : mapping of (str, str) to int
        Events in two channels that must not overlap.
    unknown_runs : mapping of int to int
        Events by run number that is not among the runs of their file.
    sums : mapping of (str, str) to tuple of ExactSum
        Sums of the weights and of their squares, where events have weights.
    by_run : mapping of (str, int) to int
        Events in the histogram by channel and run, where runs are known.
    """

    hists: Mapping[Key, hist.Hist[Any]] = field(default_factory=dict)
    cut_flow: CutFlow = field(default_factory=CutFlow)
    events: int = 0
    unassigned: int = 0
    bad_runs: int = 0
    other_half: int = 0
    overlaps: Mapping[tuple[str, str], int] = field(default_factory=dict)
    unknown_runs: Mapping[int, int] = field(default_factory=dict)
    sums: Mapping[Key, Sums] = field(default_factory=dict)
    by_run: Mapping[tuple[str, int], int] = field(default_factory=dict)

    def __add__(self, other: Partial) -> Partial:
        """Add the counts of two parts."""
        hists = dict(self.hists)
        for key, histogram in other.hists.items():
            hists[key] = hists[key] + histogram if key in hists else histogram
        sums = dict(self.sums)
        for key, (one, two) in other.sums.items():
            first = sums.get(key)
            sums[key] = (
                (one, two) if first is None else (first[0] + one, first[1] + two)
            )
        return Partial(
            hists,
            self.cut_flow + other.cut_flow,
            self.events + other.events,
            self.unassigned + other.unassigned,
            self.bad_runs + other.bad_runs,
            self.other_half + other.other_half,
            _add(self.overlaps, other.overlaps),
            _add(self.unknown_runs, other.unknown_runs),
            sums,
            _add(self.by_run, other.by_run),
        )


@dataclass(frozen=True)
class PairwiseSum:
    """Parts that are added up as a tree: two and two, then four and four, and so on.

    Parameters
    ----------
    count : int
        Parts that were added.
    levels : tuple of Partial
        Sums of as many parts as the bits of `count` stand for, the largest first.

    Examples
    --------
    >>> total = PairwiseSum()
    >>> for events in (1, 2, 3, 4, 5):
    ...     total = total.plus(Partial(events=events))
    >>> [level.events for level in total.levels], total.total().events
    ([10, 5], 15)
    """

    count: int = 0
    levels: tuple[Partial, ...] = ()

    def plus(self, part: Partial) -> PairwiseSum:
        """Add one part."""
        levels, left = list(self.levels), self.count
        while left & 1:
            part = levels.pop() + part
            left >>= 1
        return PairwiseSum(self.count + 1, (*levels, part))

    def total(self) -> Partial:
        """Return the sum."""
        if not self.levels:
            return Partial()
        *rest, total = self.levels
        for level in reversed(rest):
            total = level + total
        return total


def empty_hist(plan: EventPlan, channel: str) -> hist.Hist[Any]:
    """Return the empty histogram of a channel."""
    import hist

    axes = [observable.axis() for observable in plan.observables]
    return hist.Hist(*axes, storage=hist.storage.Int64(), name=channel)


def _add(one: Mapping[Any, int], two: Mapping[Any, int]) -> dict[Any, int]:
    return {key: one.get(key, 0) + two.get(key, 0) for key in {**one, **two}}
