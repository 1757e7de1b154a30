"""Random numbers that belong to an event: the same in any chunk, file and order.

They are made of columns that tell the events apart and of a key, by the finaliser of
SplitMix64 (Steele, Lea and Flood, OOPSLA 2014, section 4.3).
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from nuem.inputs.errors import InputError

__all__ = ["NORMAL", "Identity"]

#: Name under which expressions find a standard normal number of each event.
NORMAL = "normal_deviate"

_Hash = npt.NDArray[np.uint64]


@dataclass(frozen=True)
class Identity:
    """What tells one event from all others.

    Parameters
    ----------
    columns : tuple of str
        Branches, such as run and time. Events that agree in all of them share
        their random numbers.
    key : str
        Another key gives other random numbers.
    half : {"first", "second"}, optional
        Take this half of the events; all of them by default.

    Examples
    --------
    >>> columns = [np.arange(1000), np.arange(1000) * 0.5]
    >>> first = Identity(("run", "time"), "a", "first").chosen(columns)
    >>> second = Identity(("run", "time"), "a", "second").chosen(columns)
    >>> bool(np.all(first ^ second)), 450 < int(first.sum()) < 550
    (True, True)
    """

    columns: tuple[str, ...]
    key: str
    half: Literal["first", "second"] | None = None

    def chosen(
        self, columns: Sequence[npt.NDArray[np.generic]]
    ) -> npt.NDArray[np.bool_]:
        """Return which events are in the half.

        Parameters
        ----------
        columns : sequence of ndarray, shape (events,)
            The columns of the identity.

        Returns
        -------
        ndarray of bool, shape (events,)
        """
        second = (self._hash(columns, "half") >> np.uint64(63)).astype(np.bool_)
        return second if self.half == "second" else ~second

    def normal(
        self, columns: Sequence[npt.NDArray[np.generic]]
    ) -> npt.NDArray[np.float64]:
        """Return a standard normal number for each event, shape (events,)."""
        from scipy.special import ndtri

        bits = self._hash(columns, "normal") >> np.uint64(11)
        return np.asarray(ndtri((bits.astype(np.float64) + 0.5) * 2.0**-53))

    def _hash(self, columns: Sequence[npt.NDArray[np.generic]], purpose: str) -> _Hash:
        digest = hashlib.sha256(f"{purpose}\n{self.key}".encode()).digest()
        state = np.full(
            len(columns[0]), int.from_bytes(digest[:8], "little"), np.uint64
        )
        for name, column in zip(self.columns, columns, strict=True):
            state = _mix(state ^ _bits(column, name))
        return state


def _bits(column: npt.NDArray[np.generic], name: str) -> _Hash:
    """Return the bits of a column, the same for all widths that hold its values."""
    if column.ndim != 1 or column.dtype.kind not in "biuf":
        raise InputError(
            "an event cannot be told apart by it", field=f"identity: {name}",
            expected="one number per event",
        )  # fmt: skip
    if column.dtype.kind != "f":
        return column.astype(np.int64).view(np.uint64)
    # zero has two signs
    return (column.astype(np.float64) + 0.0).view(np.uint64)


def _mix(state: _Hash) -> _Hash:
    with np.errstate(over="ignore"):
        state = state + np.uint64(0x9E3779B97F4A7C15)
        state = (state ^ (state >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        state = (state ^ (state >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        return state ^ (state >> np.uint64(31))
