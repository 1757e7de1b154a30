"""How many events each cut of each channel lets pass."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from nuem.inputs.errors import InputError

__all__ = ["ChannelFlow", "CutCount", "CutFlow"]


@dataclass(frozen=True)
class CutCount:
    """Events at one cut.

    Parameters
    ----------
    name : str
        Name of the cut.
    entering, passing : int
        Events before and after it.
    nan : int
        Entering events with a NaN in a variable of the cut; none of them passes.
    """

    name: str
    entering: int
    passing: int
    nan: int = 0


@dataclass(frozen=True)
class ChannelFlow:
    """Events of one channel.

    Parameters
    ----------
    assigned : int
        Events that belong to the channel.
    cuts : tuple of CutCount
        In the order in which they are applied.
    nan, negative : int
        Events that pass all cuts and are left out because an observable is NaN,
        or because an observable energy is below zero.
    accepted : int
        Events in the histogram, under- and overflow included.
    """

    assigned: int
    cuts: tuple[CutCount, ...]
    nan: int
    negative: int
    accepted: int

    def __add__(self, other: ChannelFlow) -> ChannelFlow:
        """Add the counts of two chunks."""
        if [c.name for c in self.cuts] != [c.name for c in other.cuts]:
            raise InputError("cut flows of different cuts cannot be added")
        return ChannelFlow(
            self.assigned + other.assigned,
            tuple(
                CutCount(
                    a.name,
                    a.entering + b.entering,
                    a.passing + b.passing,
                    a.nan + b.nan,
                )
                for a, b in zip(self.cuts, other.cuts, strict=True)
            ),
            self.nan + other.nan,
            self.negative + other.negative,
            self.accepted + other.accepted,
        )


@dataclass(frozen=True)
class CutFlow:
    """Events of all channels.

    Parameters
    ----------
    channels : mapping of str to ChannelFlow
        By name of the channel.

    Examples
    --------
    >>> one = ChannelFlow(9, (CutCount("muon veto", 9, 7, 1),), 2, 1, 4)
    >>> flow = CutFlow({"on": one}) + CutFlow({"on": one})
    >>> flow == CutFlow.from_dict(flow.to_dict())
    True
    >>> print(flow.table())
    channel  step                entering  passing  NaN
    on       muon veto                 18       14    2
    on       NaN observable            14       10    4
    on       negative energy           10        8    0
    """

    channels: Mapping[str, ChannelFlow] = field(default_factory=dict)

    def __add__(self, other: CutFlow) -> CutFlow:
        """Add two cut flows, channel by channel."""
        total = dict(self.channels)
        for name, flow in other.channels.items():
            total[name] = total[name] + flow if name in total else flow
        return CutFlow(total)

    def to_dict(self) -> dict[str, Any]:
        """Return plain dicts and lists, for JSON."""
        return {
            name: {**asdict(flow), "cuts": [asdict(cut) for cut in flow.cuts]}
            for name, flow in self.channels.items()
        }

    @classmethod
    def from_dict(cls, document: Mapping[str, Any]) -> CutFlow:
        """Make a cut flow of what `to_dict` returned.

        Raises
        ------
        InputError
            If the document is not of that form.
        """
        try:
            flow = cls(
                {
                    name: ChannelFlow(
                        **{**entry, "cuts": tuple(CutCount(**c) for c in entry["cuts"])}
                    )
                    for name, entry in document.items()
                }
            )
        except (AttributeError, KeyError, TypeError) as error:
            raise InputError("not a cut flow", found=error) from error
        if not all(
            type(count) is int and count >= 0
            for one in flow.channels.values()
            for count in (
                *(one.assigned, one.nan, one.negative, one.accepted),
                *(n for c in one.cuts for n in (c.entering, c.passing, c.nan)),
            )
        ):
            raise InputError("not a cut flow", expected="counts >= 0")
        return flow

    def table(self) -> str:
        """Return the counts as a table in plain text."""
        rows: list[tuple[str, ...]] = [
            ("channel", "step", "entering", "passing", "NaN")
        ]
        for name, flow in self.channels.items():
            for cut in flow.cuts:
                counts = (cut.entering, cut.passing, cut.nan)
                rows.append((name, cut.name, *map(str, counts)))
            left = flow.accepted + flow.negative
            counts = (left + flow.nan, left, flow.nan)
            rows.append((name, "NaN observable", *map(str, counts)))
            rows.append((name, "negative energy", str(left), str(flow.accepted), "0"))
        width = [max(len(row[i]) for row in rows) for i in range(5)]
        return "\n".join(
            "  ".join(
                cell.ljust(w) if i < 2 else cell.rjust(max(w, 3))
                for i, (cell, w) in enumerate(zip(row, width, strict=True))
            )
            for row in rows
        )
