"""Derived quantities and cuts, applied to one chunk of events."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from nuem.analysis.events.cutflow import ChannelFlow, CutCount, CutFlow
from nuem.analysis.events.observable import Observable
from nuem.inputs.errors import InputError
from nuem.inputs.expressions import Expression
from nuem.inputs.grammar import shorten

__all__ = ["Chunk", "Cut", "Derived", "branches_of", "check_derived", "select_events"]

Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Cut:
    """A named condition that an event must fulfil."""

    name: str
    expression: Expression


@dataclass(frozen=True)
class Derived:
    """A named quantity made of branches and of those derived before it."""

    name: str
    expression: Expression


def check_derived(derived: Sequence[Derived]) -> None:
    """Check that each derived quantity uses only earlier ones.

    Raises
    ------
    InputError
        If a name is there twice, or a quantity uses itself or a later one.
    """
    later = [quantity.name for quantity in derived]
    for quantity in derived:
        if quantity.name in later[1:]:
            raise InputError("derived twice", field=f"derived.{quantity.name}")
        if circular := sorted(quantity.expression.names & set(later)):
            raise InputError(
                "a derived quantity uses itself or one that is defined after it",
                field=f"derived.{quantity.name}",
                found=f"{', '.join(circular)} in {shorten(str(quantity.expression))!r}",
                expected="branches, or quantities derived before it",
            )
        later.pop(0)


def branches_of(names: Iterable[str], derived: Sequence[Derived]) -> frozenset[str]:
    """Return the branches that are needed to compute the named quantities.

    Examples
    --------
    >>> from nuem.inputs.expressions import parse
    >>> steps = [Derived("E", parse("2*adc")), Derived("T", parse("E + t"))]
    >>> sorted(branches_of(["T"], steps))
    ['adc', 't']
    """
    needed = set(names)
    for quantity in reversed(derived):
        if quantity.name in needed:
            needed.remove(quantity.name)
            needed |= quantity.expression.names
    return frozenset(needed)


class Chunk:
    """The arrays of a range of events, and what was derived of them.

    Parameters
    ----------
    arrays : mapping of str to array, shape (events,) or (events, var)
        Branches.
    size : int
        Number of events.
    derived : sequence of Derived
        Quantities to compute when they are needed.
    """

    def __init__(
        self, arrays: Mapping[str, Any], size: int, derived: Sequence[Derived] = ()
    ) -> None:
        self.size = size
        self._arrays = dict(arrays)
        self._values = dict(arrays)
        self._derived = {quantity.name: quantity.expression for quantity in derived}
        self._nan: dict[str, Mask | None] = {}

    def varied(self, quantities: Sequence[Derived]) -> Chunk:
        """Return the same events with other values of some quantities.

        Parameters
        ----------
        quantities : sequence of Derived
            Their expressions mean the values of this chunk.
        """
        arrays = {q.name: self.values(q.expression) for q in quantities}
        derived = [
            Derived(name, expression)
            for name, expression in self._derived.items()
            if name not in arrays
        ]
        return Chunk({**self._arrays, **arrays}, self.size, derived)

    def values(self, expression: Expression) -> Any:
        """Evaluate an expression: shape (events,) or (events, var), or a scalar."""
        for name in expression.names:
            if name not in self._values and name in self._derived:
                self._values[name] = self.values(self._derived[name])
        return expression(self._values)

    def numbers(self, expression: Expression, field: str) -> npt.NDArray[np.generic]:
        """Evaluate an expression that must give one value per event.

        Raises
        ------
        InputError
            If it gives a list per event.
        """
        result = self.values(expression)
        if result.ndim == 0:  # of constants alone
            return np.full(self.size, result)
        if not isinstance(result, np.ndarray) or result.shape != (self.size,):
            raise InputError(
                "not one value per event",
                field=field,
                found=shorten(str(expression)),
                expected="one number per event; sum, any, all, count reduce lists",
            )
        return result

    def holds(self, expression: Expression, field: str) -> tuple[Mask, Mask | None]:
        """Evaluate a condition.

        Returns
        -------
        mask : ndarray of bool, shape (events,)
            Whether it holds; False where a variable is NaN.
        nan : ndarray of bool, shape (events,), or None
            Where a variable is NaN; None if none is.
        """
        mask: Mask = self.numbers(expression, field).astype(bool, copy=False)
        nan: Mask | None = None
        for name in expression.names:
            if (bad := self._where_nan(name)) is not None:
                nan = bad if nan is None else nan | bad
        return (mask if nan is None else mask & ~nan), nan

    def _where_nan(self, name: str) -> Mask | None:
        if name not in self._nan:
            array = self._values[name]
            bad: Any = None
            if hasattr(array, "layout"):
                import awkward as ak

                bad = np.isnan(array)
                while bad.ndim > 1:
                    bad = ak.any(bad, axis=-1)
                bad = np.asarray(bad, dtype=bool)
            elif array.dtype.kind == "f":
                bad = np.isnan(np.broadcast_to(array, self.size))
            self._nan[name] = bad if bad is not None and bad.any() else None
        return self._nan[name]


def select_events(
    chunk: Chunk,
    members: Mapping[str, Mask],
    cuts: Sequence[Cut],
    observables: Sequence[Observable],
) -> tuple[dict[str, tuple[npt.NDArray[np.float64], ...]], CutFlow]:
    """Apply the cuts in their order, channel by channel.

    Parameters
    ----------
    chunk : Chunk
        Events.
    members : mapping of str to ndarray of bool, shape (events,)
        Which events belong to each channel.
    cuts : sequence of Cut
        Conditions. A NaN in a variable of a cut fails it.
    observables : sequence of Observable
        NaN in any, and negative values of an energy, are left out and counted.

    Returns
    -------
    accepted : dict of str to tuple of ndarray, shape (accepted,)
        By channel, the values of the observables of the accepted events.
    flow : CutFlow
        What became of the events.

    Raises
    ------
    InputError
        If a cut or an observable is not one value per event.

    Examples
    --------
    >>> from nuem.inputs.expressions import parse
    >>> chunk = Chunk({"E": np.array([0.5, 1.5, np.nan])}, 3)
    >>> everything = {"all": np.ones(3, bool)}
    >>> energy = Observable("E", parse("E"), (0.0, 2.0), "keV")
    >>> cut = Cut("threshold", parse("E > 1"))
    >>> accepted, flow = select_events(chunk, everything, [cut], [energy])
    >>> accepted["all"], flow.channels["all"].cuts
    ((array([1.5]),), (CutCount(name='threshold', entering=3, passing=1, nan=1),))
    """
    passing = dict(members)
    counts = {name: int(np.count_nonzero(mask)) for name, mask in members.items()}
    assigned = dict(counts)
    rows: dict[str, list[CutCount]] = {name: [] for name in members}
    for cut in cuts:
        mask, nan = chunk.holds(cut.expression, f"cuts.{cut.name}")
        for name, before in passing.items():
            missing = 0 if nan is None else int(np.count_nonzero(before & nan))
            passing[name] = before & mask
            left = int(np.count_nonzero(passing[name]))
            rows[name].append(CutCount(cut.name, counts[name], left, missing))
            counts[name] = left
    columns = [
        chunk.numbers(o.expression, f"observables.{o.name}").astype(
            np.float64, copy=False
        )
        for o in observables
    ]
    accepted = {}
    flows = {}
    for name, mask in passing.items():
        values = [column[mask] for column in columns]
        size = counts[name]
        nan_rows, negative = np.zeros(size, bool), np.zeros(size, bool)
        for observable, value in zip(observables, values, strict=True):
            nan_rows |= np.isnan(value)
            if observable.is_energy:
                negative |= value < 0
        negative &= ~nan_rows
        bad = nan_rows | negative
        if bad.any():
            values = [value[~bad] for value in values]
        accepted[name] = tuple(values)
        excluded = int(nan_rows.sum()), int(negative.sum())
        flows[name] = ChannelFlow(
            assigned[name], tuple(rows[name]), *excluded, size - sum(excluded)
        )
    return accepted, CutFlow(flows)
