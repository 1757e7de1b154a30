"""Curves as polynomials on cells that are as narrow as the curve asks for.

An efficiency is a function that nobody has differentiated: a turn-on, a step, a table,
a product of such. It is approximated by a cubic in each cell, and a cell in which the
cubic is not good enough is halved. A smooth turn-on takes a few cells, a step ends in
a ladder of cells down to a width that no longer counts.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from nuem.models.arrays import FloatArray
from nuem.models.quadrature import legendre

__all__ = ["DEGREE", "Pieces", "approximate"]

Curve = Callable[[FloatArray], FloatArray]

#: Degree of the polynomial in a cell.
DEGREE = 3
#: Deviation allowed, relative to the curve in the cell.
_LOCAL = 1e-6
#: Deviation times width of the cell allowed, relative to the first cell and the curve
#: there: what a cell as narrow as this adds to the content of a bin does not count.
_WHOLE = 1e-7
#: Part of the largest value below which the curve is as good as 0.
_NOTHING = 1e-8
_SAMPLES = 16
_HALVINGS = 40


@dataclass(frozen=True, eq=False)
class Pieces:
    """Polynomials in cells that join without gaps.

    Attributes
    ----------
    edges : ndarray, shape (n + 1,)
        Cells.
    coefficients : ndarray, shape (DEGREE + 1, n)
        Factors of the Legendre polynomials of (E - middle)/(half the width).
    sharp : ndarray
        Energies where the curve has a step or a kink, as far as it was found.
    """

    edges: FloatArray
    coefficients: FloatArray
    sharp: FloatArray

    @property
    def is_constant(self) -> bool:
        """Whether the curve is the same number everywhere."""
        first = self.coefficients[0]
        return bool(np.all(first == first[0]) and not np.any(self.coefficients[1:]))


def approximate(
    curve: Curve, edges: FloatArray, points: FloatArray | None = None
) -> Pieces:
    """Pieces of a curve in bins, with an error of about 1e-6 of the content of a bin.

    Parameters
    ----------
    curve : callable
        Vectorised, finite in the bins.
    edges : ndarray, shape (n + 1,)
        Rising edges; each is an edge of a cell too.
    points : ndarray, optional
        Energies where steps or kinks are known to be.

    Returns
    -------
    Pieces

    Notes
    -----
    A cell is sampled at the 16 points of a Gauss-Legendre rule and at its ends. A
    feature that goes up and down again between two samples is not seen.

    Examples
    --------
    >>> approximate(lambda e: np.exp(-e), np.array([0.0, 1.0])).edges.size
    9
    >>> step = approximate(lambda e: np.where(e < 0.3, 0.0, 1.0), np.array([0.0, 1.0]))
    >>> step.sharp.round(6)
    array([0.3])
    """
    start = edges
    if points is not None:
        known = points[(points > edges[0]) & (points < edges[-1])]
        start = np.unique(np.concatenate([edges, known]))
    x, weight = legendre(_SAMPLES)
    polynomials = np.polynomial.legendre.legvander(x, DEGREE)
    # the projection keeps the mean of a cell, which is what counts in a bin
    project = polynomials * weight[:, None] * (np.arange(DEGREE + 1) + 0.5)
    ends = 1.0 - 1e-7
    samples = np.concatenate([[-ends], x, [ends]])
    values_of = np.polynomial.legendre.legvander(samples, DEGREE).T
    low, high, first = start[:-1], start[1:], np.diff(start)
    done: list[tuple[FloatArray, FloatArray, FloatArray]] = []
    largest = 0.0
    for level in range(_HALVINGS + 1):
        half = 0.5 * (high - low)
        at = (0.5 * (low + high))[:, None] + half[:, None] * samples
        value = np.broadcast_to(np.asarray(curve(at.ravel()), dtype=float), at.size)
        value = value.reshape(at.shape)
        found = value[:, 1:-1] @ project
        flat = np.ptp(value, axis=1) == 0.0
        found[flat] = 0.0  # a constant is one exactly
        found[flat, 0] = value[flat, 0]
        size = np.max(np.abs(value), axis=1)
        largest = max(largest, float(size.max()))
        off = np.max(np.abs(found @ values_of - value), axis=1)
        allowed = np.maximum(size, _NOTHING * largest)
        allowed = allowed * (_LOCAL + _WHOLE * first / (2.0 * half))
        good = off <= allowed
        if level == _HALVINGS:
            good[:] = True
        done.append((low[good], first[good] / (2.0 * half[good]), found[good]))
        low, high, first = low[~good], high[~good], first[~good]
        if low.size == 0:
            break
        middle = 0.5 * (low + high)
        low, high = np.append(low, middle), np.append(middle, high)
        first = np.append(first, first)
    left = np.concatenate([part[0] for part in done])
    order = np.argsort(left)
    depth = np.concatenate([part[1] for part in done])[order]
    coefficients = np.concatenate([part[2] for part in done])[order]
    cells = np.append(left[order], edges[-1])
    return Pieces(cells, np.ascontiguousarray(coefficients.T), _sharp(cells, depth))


def _sharp(cells: FloatArray, depth: FloatArray) -> FloatArray:
    """Where ladders of halved cells end: the narrowest of each run of narrow cells."""
    narrow = depth > 500.0
    found = []
    starts = np.flatnonzero(narrow & ~np.append(False, narrow[:-1]))
    stops = np.flatnonzero(narrow & ~np.append(narrow[1:], False))
    for start, stop in zip(starts, stops, strict=True):
        deepest = start + int(np.argmax(depth[start : stop + 1]))
        found.append(0.5 * (cells[deepest] + cells[deepest + 1]))
    return np.array(found)
