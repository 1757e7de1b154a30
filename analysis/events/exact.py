"""Sums of weights without rounding, so that their order does not matter.

Floating-point addition rounds, and its result depends on the order of the terms: the
size of the chunks and the number of threads would show in the last digits. Here each
bin is an integer in units of the smallest double, in limbs of 32 bits (Kulisch,
"Computer Arithmetic and Validity", 2013, chapter 8); it is rounded once, at the end.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

__all__ = ["ExactSum", "to_float"]

_LIMB = 32
_MASK = np.uint64(2**_LIMB - 1)
#: The bit of lowest value stands for 2**-1126: below the last bit of any double.
_SCALE = 1126
_LIMBS = (2 * 1074 + 53) // _LIMB + 3
#: Pieces below 2**32 add up exactly in doubles up to this many.
_BLOCK = 2**20


class ExactSum:
    """Exact sum of weights in each bin.

    Parameters
    ----------
    bins : int
        Number of bins.

    Examples
    --------
    >>> total = ExactSum(1)
    >>> total.add(np.zeros(4, int), np.array([1e100, 1.0, -1e100, 2.0**-60]))
    >>> to_float(total.integers()[0]) == 1 + 2.0**-60, to_float(total.integers()[0])
    (True, 1.0)
    """

    def __init__(self, bins: int) -> None:
        self._limbs = np.zeros((bins, _LIMBS), np.int64)

    def add(
        self, index: npt.NDArray[np.int64], weights: npt.NDArray[np.float64]
    ) -> None:
        """Add weights to bins.

        Parameters
        ----------
        index : ndarray of int64, shape (n,)
            Bin of each weight.
        weights : ndarray, shape (n,)
            Finite numbers.
        """
        for first in range(0, len(weights), _BLOCK):
            part = slice(first, first + _BLOCK)
            self._add_block(index[part], weights[part])
            self._carry()

    def _add_block(
        self, index: npt.NDArray[np.int64], weights: npt.NDArray[np.float64]
    ) -> None:
        mantissa, exponent = np.frexp(np.abs(weights))
        digits = np.ldexp(mantissa, 53).astype(np.uint64)
        place = exponent.astype(np.int64) - 53 + _SCALE
        shift = (place % _LIMB).astype(np.uint64)
        back = np.uint64(_LIMB) - shift
        pieces = (
            (digits << shift) & _MASK,
            (digits >> back) & _MASK,
            (digits >> np.uint64(_LIMB)) >> back,
        )
        target = index * _LIMBS + place // _LIMB
        sign = np.sign(weights)
        for step, piece in enumerate(pieces):
            sums = np.bincount(target + step, sign * piece, minlength=self._limbs.size)
            self._limbs += sums.astype(np.int64).reshape(self._limbs.shape)

    def _carry(self) -> None:
        """Bring all limbs but the last, which has the sign, into 0 to 2**32 - 1."""
        for limb in range(_LIMBS - 1):
            carry = self._limbs[:, limb] >> _LIMB
            self._limbs[:, limb] -= carry << _LIMB
            self._limbs[:, limb + 1] += carry

    def __add__(self, other: ExactSum) -> ExactSum:
        """Add two sums, bin by bin."""
        total = ExactSum(len(self._limbs))
        total._limbs = self._limbs + other._limbs
        total._carry()
        return total

    def __eq__(self, other: object) -> bool:
        """Whether all bins are the same to the last bit."""
        return isinstance(other, ExactSum) and bool(
            np.array_equal(self._limbs, other._limbs)
        )

    __hash__ = None  # type: ignore[assignment]  # it can be added to

    def integers(self) -> tuple[int, ...]:
        """Return the sums as integers, for `to_float`."""
        return tuple(
            sum(limb << (_LIMB * place) for place, limb in enumerate(row))
            for row in self._limbs.tolist()
        )


def to_float(integer: int) -> float:
    """Round an exact sum to the nearest double.

    Parameters
    ----------
    integer : int
        One of `ExactSum.integers`, or a sum of them.

    Returns
    -------
    float
    """
    return integer / (1 << _SCALE)  # the quotient of integers is rounded correctly
