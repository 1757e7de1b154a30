"""A cut Gaussian in bins, with a weight that depends on the measured energy."""

from __future__ import annotations

import numpy as np

from nuem.models.arrays import FloatArray
from nuem.models.curves import Pieces

__all__ = ["smear"]

#: Recoils that are smeared at once.
_BLOCK = 128
#: Half width of a cell, in sigma, below which the Gaussian is a straight line there:
#: higher moments would be differences of equal numbers.
_NARROW = 5e-3


def smear(
    edges: FloatArray,
    mean: FloatArray,
    width: FloatArray,
    cut: float,
    efficiency: Pieces | None = None,
) -> FloatArray:
    """Content of bins of Gaussians that end at ``cut`` widths, not normalised again.

    Parameters
    ----------
    edges : ndarray, shape (n + 1,)
        Bins.
    mean, width : ndarray, shape (m,)
        Of the Gaussians; neighbours should be near each other, for speed alone.
    cut : float
        Where the Gaussians end, in widths.
    efficiency : Pieces, optional
        Weight in the bins, on cells that respect their edges; 1 by default.

    Returns
    -------
    ndarray, shape (n, m)
        Exact, for a weight that is what the pieces say.

    Examples
    --------
    >>> smear(np.array([0.0, 1.0, 2.0]), np.array([1.0]), np.array([0.5]), 5.0).round(6)
    array([[0.47725],
           [0.47725]])
    """
    result = np.zeros((edges.size - 1, mean.size))
    cells = edges if efficiency is None else efficiency.edges
    starts = np.searchsorted(cells, edges[:-1])
    reach = cut * width
    # a block of neighbouring recoils reaches a few bins only
    for begin in range(0, mean.size, _BLOCK):
        block = slice(begin, begin + _BLOCK)
        low = np.min(mean[block] - reach[block])
        high = np.max(mean[block] + reach[block])
        first = max(int(np.searchsorted(edges, low, side="right")) - 1, 0)
        last = min(int(np.searchsorted(edges, high)), edges.size - 1)
        if first >= last:
            continue
        if efficiency is None:
            z = _reduced(edges[first : last + 1], mean[block], width[block], cut)
            result[first:last, block] = np.diff(_cumulative(z), axis=0)
            continue
        begin_cell = int(starts[first])
        end_cell = int(starts[last]) if last < starts.size else cells.size - 1
        inner = slice(begin_cell, end_cell + 1)
        kept = _weighted(
            cells[inner],
            efficiency.coefficients[:, begin_cell:end_cell],
            mean[block],
            width[block],
            cut,
        )
        result[first:last, block] = np.add.reduceat(
            kept, starts[first:last] - begin_cell, axis=0
        )
    return result


def _reduced(
    edges: FloatArray, mean: FloatArray, width: FloatArray, cut: float
) -> FloatArray:
    return np.clip((edges[:, None] - mean) / width, -cut, cut)


def _cumulative(z: FloatArray) -> FloatArray:
    from scipy.special import ndtr

    return np.asarray(ndtr(z))


def _weighted(
    cells: FloatArray,
    factors: FloatArray,
    mean: FloatArray,
    width: FloatArray,
    cut: float,
) -> FloatArray:
    """Integrals of Gaussian times polynomial in cells, (cells, recoils)."""
    z = _reduced(cells, mean, width, cut)
    density = np.exp(-0.5 * z**2) / np.sqrt(2.0 * np.pi)
    content = np.diff(_cumulative(z), axis=0)
    fall = -np.diff(density, axis=0)
    half = 0.5 * np.diff(cells)[:, None] / width
    middle = (0.5 * (cells[1:] + cells[:-1])[:, None] - mean) / width
    # moments of u = (z - middle)/half, from those of z
    u1 = (fall - middle * content) / half
    result = factors[0][:, None] * content + factors[1][:, None] * u1
    if not np.any(factors[2:]):
        return np.asarray(result)
    second = content - np.diff(z * density, axis=0)
    third = 2.0 * fall - np.diff(z**2 * density, axis=0)
    u2 = (second - 2.0 * middle * fall + middle**2 * content) / half**2
    u3 = (
        third - 3.0 * middle * second + 3.0 * middle**2 * fall - middle**3 * content
    ) / half**3
    curved = factors[2][:, None] * (1.5 * u2 - 0.5 * content)
    curved += factors[3][:, None] * (2.5 * u3 - 1.5 * u1)
    return np.asarray(result + np.where(half < _NARROW, 0.0, curved))
