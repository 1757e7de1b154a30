"""What to do with the events: channels, cuts and observables."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from nuem.analysis.events.identity import NORMAL, Identity
from nuem.analysis.events.observable import Observable
from nuem.analysis.events.runs import Layout
from nuem.analysis.events.selection import Cut, Derived, branches_of, check_derived
from nuem.inputs.errors import InputError
from nuem.inputs.expressions import Expression

__all__ = ["ChannelSpec", "EventPlan", "Friend", "Key", "Variation"]

#: Variation and channel of a histogram; the variation is "" for the nominal one.
Key = tuple[str, str]


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
class Friend:
    """A tree with one entry for each event, in the same order.

    Parameters
    ----------
    name : str
        Its columns are called ``name.column`` in expressions.
    tree : str
        Name of the tree.
    file : str, optional
        Path of its file beside that of the events, with ``{stem}`` for the name of
        that one without ending; the same file by default.
    """

    name: str
    tree: str
    file: str | None = None

    def path(self, file: str | Path) -> str:
        """Return the file of the friend of a file of events."""
        if self.file is None:
            return str(file)
        path = Path(file)
        return str(path.parent / self.file.replace("{stem}", path.stem))


@dataclass(frozen=True)
class Variation:
    """A systematic variation: other quantities and cuts in some of the channels.

    Parameters
    ----------
    name : str
        Name of the variation.
    channels : frozenset of str
        Where it is filled.
    quantities : tuple of Derived
        Branches or derived quantities, and what takes their place: ``energy`` and
        ``1.01 * energy``, with the nominal value on the right. Everything that is made
        of them follows.
    cuts : tuple of Cut
        In place of the cuts of the same names.
    """

    name: str
    channels: frozenset[str]
    quantities: tuple[Derived, ...] = ()
    cuts: tuple[Cut, ...] = ()


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
    variations : tuple of Variation
        Filled in the same pass, each in its channels.
    weight : Expression, optional
        Weight of an event; counts are filled beside the sums of weights.
    friends : tuple of Friend
        Trees that are joined to the events entry by entry.
    identity : Identity, optional
        What tells the events apart: for halves, and for `normal_deviate`.
    power : str, optional
        Column of the runs with the power of the source.

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
    variations: tuple[Variation, ...] = ()
    weight: Expression | None = None
    friends: tuple[Friend, ...] = ()
    identity: Identity | None = None
    power: str | None = None

    def __post_init__(self) -> None:
        """Check the names."""
        check_derived(self.derived)
        names = {
            "channels": [channel.name for channel in self.channels],
            "observables": [observable.name for observable in self.observables],
            "cuts": [cut.name for cut in self.cuts],
            "variations": [variation.name for variation in self.variations],
            "friends": [friend.name for friend in self.friends],
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

        for variation in self.variations:
            for kind, used in (
                ("channels", set(variation.channels)),
                ("cuts", {cut.name for cut in variation.cuts}),
            ):
                if absent := sorted(used - set(names[kind])):
                    raise InputError(
                        f"a variation of {kind} that are not there",
                        field=f"variations.{variation.name}",
                        found=", ".join(absent),
                        expected="some of " + ", ".join(names[kind]),
                    )
        if self.identity is None and self.smears:
            raise InputError(
                f"{NORMAL} needs to know what tells the events apart",
                field="events.identity", expected="columns and a key",
            )  # fmt: skip

    @property
    def smears(self) -> bool:
        """Whether an expression has a random number for each event."""
        made = [quantity.expression for quantity in self.derived]
        every = (*self._expressions(), *self.selects(), *made)
        return any(NORMAL in expression.names for expression in every)

    @property
    def fraction(self) -> float:
        """Part of the live time that the events stand for: half of them, half of it."""
        halved = self.identity is not None and self.identity.half is not None
        return 0.5 if halved else 1.0

    @property
    def keys(self) -> tuple[Key, ...]:
        """Variation and channel of each histogram, the nominal ones first."""
        nominal = [("", channel.name) for channel in self.channels]
        varied = [
            (variation.name, channel.name)
            for variation in self.variations
            for channel in self.channels
            if channel.name in variation.channels
        ]
        return (*nominal, *varied)

    def cuts_of(self, variation: Variation) -> tuple[Cut, ...]:
        """Return the cuts of a variation, in the order of the nominal ones."""
        other = {cut.name: cut for cut in variation.cuts}
        return tuple(other.get(cut.name, cut) for cut in self.cuts)

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
        expressions = self._expressions()
        expressions += [c.select for c in self.of_tree(tree) if c.select is not None]
        names = branches_of(_names(expressions), self.derived) - {NORMAL}
        if self.identity is not None:
            names |= set(self.identity.columns)
        return names | {self.layout.run} if self.needs_run(tree) else names

    def _expressions(self) -> list[Expression]:
        """Return all expressions but the conditions of the channels."""
        expressions = [cut.expression for cut in self.cuts]
        expressions += [observable.expression for observable in self.observables]
        for variation in self.variations:
            expressions += [quantity.expression for quantity in variation.quantities]
            expressions += [cut.expression for cut in variation.cuts]
        return expressions + ([] if self.weight is None else [self.weight])

    def run_columns(self) -> frozenset[str]:
        """Return the names that could be columns of the runs."""
        power = frozenset() if self.power is None else frozenset({self.power})
        return power.union(*(self.branches(tree) for tree in self.trees))


def _names(expressions: Iterable[Expression]) -> frozenset[str]:
    return frozenset().union(*(expression.names for expression in expressions))
