"""A row: a published number, ours by its formula and by the correct one, a verdict."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

__all__ = ["KINDS", "VERDICTS", "Interval", "Row", "agree", "verdict"]

#: Low and high end; None for an open one. A number is an interval without length.
Interval = tuple[float | None, float | None]

#: What a comparison can come to.
VERDICTS = (
    "reproduced",
    "reproduced as printed",
    "matched with fitted inputs",
    "not reproduced",
)
#: Rows that compare, and those that cannot: only published, or only ours.
KINDS = ("compared", "quoted", "computed")


@dataclass(frozen=True)
class Row:
    """One published number beside ours.

    Attributes
    ----------
    id, group : str
        Name of the row, ``GROUP/...``, and its group.
    system, quantity, unit : str
        What the number is.
    document, citation, place : str
        Kind of the document (journal, preprint, slides, poster), the document, and
        where in it the number stands.
    published, as_printed, physical : tuple of (float or None, float or None)
        Intervals: as published, by the formula as printed, by the correct one.
    published_statistic, statistic : str
        How they were set, sidedness included: there, and here.
    inputs : str
        ``nominal``; ``fitted`` where a number was fitted to a published one;
        ``assumed`` where one that decides is not in the document.
    tolerance : float
        Largest relative difference that the verdict calls agreement.
    verdict : str or None
        One of `VERDICTS`; None for a row that compares nothing.
    assumptions : tuple of str
    note : str
    steps : dict
        Numbers on the way, by variant.
    """

    id: str
    group: str
    system: str
    quantity: str
    unit: str
    document: str
    citation: str
    place: str
    published: tuple[Interval, ...]
    as_printed: tuple[Interval, ...]
    physical: tuple[Interval, ...]
    published_statistic: str
    statistic: str
    inputs: str
    tolerance: float
    verdict: str | None
    assumptions: tuple[str, ...] = ()
    note: str = ""
    steps: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    @property
    def kind(self) -> str:
        """``compared``, ``quoted`` (published alone) or ``computed`` (ours alone)."""
        if self.verdict is not None:
            return "compared"
        return "quoted" if self.published else "computed"

    def to_dict(self) -> dict[str, Any]:
        """As a JSON object of ``nuem reproduce``."""
        return {
            "id": self.id,
            "group": self.group,
            "system": self.system,
            "quantity": self.quantity,
            "unit": self.unit,
            "document": self.document,
            "citation": self.citation,
            "place": self.place,
            "published": [list(interval) for interval in self.published],
            "as_printed": [list(interval) for interval in self.as_printed],
            "physical": [list(interval) for interval in self.physical],
            "published_statistic": self.published_statistic,
            "statistic": self.statistic,
            "inputs": self.inputs,
            "tolerance": self.tolerance,
            "kind": self.kind,
            "verdict": self.verdict,
            "assumptions": list(self.assumptions),
            "note": self.note,
        }


def agree(
    published: Sequence[Interval], ours: Sequence[Interval], tolerance: float
) -> bool:
    """Whether each published interval has one of ours within a relative tolerance.

    Open ends are not compared; islands of ours that the document does not have are no
    disagreement, as plots and tables end somewhere.

    Examples
    --------
    >>> agree([(None, 2.1)], [(None, 2.0)], 0.06), agree([(-1.0, 1.0)], [], 0.06)
    (True, False)
    """

    def close(a: float | None, b: float | None) -> bool:
        if a is None:
            return True
        return b is not None and abs(b - a) <= tolerance * abs(a) * (1 + 1e-9)

    return bool(published) and all(
        any(close(low, a) and close(high, b) for a, b in ours)
        for low, high in published
    )


def verdict(
    published: Sequence[Interval],
    as_printed: Sequence[Interval],
    physical: Sequence[Interval],
    *,
    tolerance: float,
    inputs: str,
) -> str | None:
    """What the comparison comes to; None where there is nothing to compare.

    A number that needs a fitted input is never called reproduced, nor is one that needs
    an input that the document does not give; and one that needs the formula as printed
    only as printed.

    Examples
    --------
    >>> verdict([(None, 1.0)], [(None, 1.01)], [(None, 137.0)], tolerance=0.05,
    ...         inputs="nominal")
    'reproduced as printed'
    >>> verdict([(None, 1.0)], [], [(None, 1.01)], tolerance=0.05, inputs="assumed")
    'matched with fitted inputs'
    """
    if not published or not (as_printed or physical):
        return None
    right = agree(published, physical, tolerance)
    literal = agree(published, as_printed, tolerance)
    if not (right or literal):
        return "not reproduced"
    if inputs != "nominal":
        return "matched with fitted inputs"
    return "reproduced" if right else "reproduced as printed"
