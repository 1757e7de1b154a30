"""Composite Gauss-Legendre quadrature between breakpoints.

Everything that is integrated here is smooth between known points (absorption
edges, points of tables, bin edges, end points of spectra) and steep, like 1/T^2.
Panels that end at these points and grow in proportion to the energy give more
digits than are needed, without an adaptive search.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from nuem.models.arrays import FloatArray, read_only

__all__ = ["legendre", "nodes", "panels"]


@lru_cache(maxsize=16)
def legendre(order: int) -> tuple[FloatArray, FloatArray]:
    """Nodes and weights on [-1, 1]."""
    x, w = np.polynomial.legendre.leggauss(order)
    return read_only(x), read_only(w)


def panels(
    low: float,
    high: float,
    breakpoints: FloatArray,
    *,
    ratio: float,
    width: FloatArray | float = np.inf,
) -> FloatArray:
    """Edges of panels that split a range at breakpoints.

    Parameters
    ----------
    low, high : float
        Range; low may be 0, where the first panel is then not divided by ratio.
    breakpoints : ndarray
        Points to split at, any order; those outside the range are ignored.
    ratio : float
        Largest ratio of the ends of a panel.
    width : float or ndarray
        Largest width of a panel; an array holds one value for each breakpoint and is
        interpolated between them.

    Returns
    -------
    ndarray
        Rising edges from low to high.

    Examples
    --------
    >>> panels(1.0, 4.0, np.array([1.5]), ratio=2.0)
    array([1.        , 1.5       , 2.44948974, 4.        ])
    """
    inside = (breakpoints > low) & (breakpoints < high)
    edges = np.unique(np.concatenate([[low], breakpoints[inside], [high]]))
    # points closer than rounding are one: a panel of no width is only a cost
    keep = np.diff(edges, prepend=-np.inf) > 1e-12 * max(abs(high), 1e-300)
    edges = edges[keep]
    edges[-1] = high
    # first in proportion to the energy, then evenly down to the width
    start = np.maximum(edges[:-1], 1e-300)
    logs = np.where(edges[:-1] > 0.0, np.log(edges[1:] / start), 0.0)
    edges = _split(edges, logs / np.log(ratio), geometric=True)
    if np.ndim(width) == 0:
        local = np.full(edges.size - 1, float(width))
    else:
        order = np.argsort(breakpoints)
        middle = 0.5 * (edges[1:] + edges[:-1])
        local = np.interp(middle, breakpoints[order], np.asarray(width)[order])
    return _split(edges, np.diff(edges) / local, geometric=False)


def _split(edges: FloatArray, parts: FloatArray, *, geometric: bool) -> FloatArray:
    """Split each panel into so many parts, rounded up."""
    count = np.maximum(np.ceil(parts), 1.0).astype(int)
    index = np.repeat(np.arange(count.size), count)
    step = np.arange(index.size) - np.repeat(np.cumsum(count) - count, count)
    part = step / count[index]
    start, end = edges[index], edges[index + 1]
    if geometric:
        growth = np.where(start > 0.0, end / np.maximum(start, 1e-300), 1.0)
        return np.append(start * growth**part, edges[-1])
    return np.append(start + (end - start) * part, edges[-1])


def nodes(edges: FloatArray, order: int) -> tuple[FloatArray, FloatArray]:
    """Nodes and weights of a composite rule, each of shape (panels * order,).

    Examples
    --------
    >>> x, w = nodes(np.array([0.0, 1.0, 2.0]), 3)
    >>> float(round((w * x**2).sum(), 12))
    2.666666666667
    """
    x, w = legendre(order)
    half = 0.5 * np.diff(edges)[:, None]
    middle = 0.5 * (edges[1:] + edges[:-1])[:, None]
    return (middle + half * x).ravel(), (half * w).ravel()
