"""What to do with the events: channels, cuts and observables."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from nuem.analysis.events.observable import Observable
from nuem.analysis.events.runs import Layout
from nuem.analysis.events.selection import Cut, Derived, branches_of, check_derived
from nuem.inputs.errors import InputError
from nuem.inputs.expressions import Expression

__all__ = ["ChannelSpec", "EventPlan"]


@dataclass(frozen=True)
class ChannelSpec:
    """A channel: events of one detector, period and region.

    Parameters
    ----------
    name : str
        Name of the channel.
    tree : str
        Tree of its events.
    select : Expression, optional
        Condition on the event (``detector == 2 and not reactor_on``): of
        branches, derived quantities, and columns of the runs, which an event
        inherits from its run.
    runs : frozenset of int, optional
        Run numbers; None for all.
    overlaps : frozenset of str
        Channels that may hold the same events; with any other it is an error.
    """

    name: str
    tree: str = "events"
    select: Expression | None = None
    runs: frozenset[int] | None = None
    overlaps: frozenset[str] = frozenset()

    def may_overlap(self, other: ChannelSpec) -> bool:
        """Whether an event may be in both channels."""
        return other.name in self.overlaps or self.name in other.overlaps


@dataclass(frozen=True)
class EventPlan:
    """All that is needed to make histograms of files of events.

    Parameters
    ----------
    channels : tuple of ChannelSpec
        One histogram each.
    observables : tuple of Observable
        One axis each.
    derived : tuple of Derived
        Quantities of branches and of earlier derived quantities.
    cuts : tuple of Cut
        In the order in which they are applied, in all channels.
    layout : Layout
        Names of the tree of runs and of its columns.

    Raises
    ------
    InputError
        If there is nothing to fill, a name is there twice, or a derived
        quantity uses a later one.

    Examples
    --------
    >>> from nuem.inputs.expressions import parse
    >>> plan = EventPlan(
    ...     channels=(ChannelSpec("on", select=parse("reactor_on")),),
    ...     observables=(Observable("E", parse("E"), (0.0, 1.0), "keV"),),
    ...     cuts=(Cut("muon veto", parse("not veto")),),
    ... )
    >>> sorted(plan.branches("events"))
    ['E', 'reactor_on', 'run', 'veto']
    """

    channels: tuple[ChannelSpec, ...]
    observables: tuple[Observable, ...]
    derived: tuple[Derived, ...] = ()
    cuts: tuple[Cut, ...] = ()
    layout: Layout = field(default_factory=Layout)

    def __post_init__(self) -> None:
        """Check the names."""
        check_derived(self.derived)
        names = {
            "channels": [channel.name for channel in self.channels],
            "observables": [observable.name for observable in self.observables],
            "cuts": [cut.name for cut in self.cuts],
        }
        for kind, found in names.items():
            twice = [name for name, times in Counter(found).items() if times > 1]
            if twice:
                raise InputError("named twice", field=kind, found=", ".join(twice))
        for kind in ("channels", "observables"):
            if not names[kind]:
                raise InputError("there are none", field=kind, expected="at least one")
        for channel in self.channels:
            if unknown := channel.overlaps - set(names["channels"]):
                raise InputError(
                    "no such channel",
                    field=f"channels.{channel.name}.overlaps",
                    found=", ".join(sorted(unknown)),
                    expected="one of " + ", ".join(names["channels"]),
                )

    @property
    def trees(self) -> tuple[str, ...]:
        """Trees of the events, each once."""
        return tuple(dict.fromkeys(channel.tree for channel in self.channels))

    def of_tree(self, tree: str) -> tuple[ChannelSpec, ...]:
        """Return the channels of a tree."""
        return tuple(channel for channel in self.channels if channel.tree == tree)

    def selects(self) -> tuple[Expression, ...]:
        """Return the conditions of the channels that have one."""
        return tuple(c.select for c in self.channels if c.select is not None)

    def needs_run(self, tree: str) -> bool:
        """Whether the events of a tree must have a run number."""
        by_list = any(channel.runs is not None for channel in self.of_tree(tree))
        return by_list or self.layout.runs is not None

    def branches(self, tree: str) -> frozenset[str]:
        """Return the names that the events of a tree need.

        Some may be columns of the runs in place of branches.
        """
        expressions: list[Expression] = [cut.expression for cut in self.cuts]
        expressions += [observable.expression for observable in self.observables]
        expressions += [c.select for c in self.of_tree(tree) if c.select is not None]
        names = branches_of(_names(expressions), self.derived)
        return names | {self.layout.run} if self.needs_run(tree) else names

    def run_columns(self) -> frozenset[str]:
        """Return the names that could be columns of the runs."""
        trees: list[str] = [*self.trees]
        return frozenset().union(*(self.branches(tree) for tree in trees))


def _names(expressions: Iterable[Expression]) -> frozenset[str]:
    return frozenset().union(*(expression.names for expression in expressions))
