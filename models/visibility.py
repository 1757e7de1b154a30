"""Which true energies can be seen in the bins of a measured energy.

A true energy E is seen from ``s E - reach(E)`` to ``s E + reach(E)``. The energies at
which one of these ends meets an edge are solved for, whatever the width is; it may
be as large as the energy itself, so that the largest energy of all still reaches the
last bin.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from nuem.inputs.errors import ModelError
from nuem.models.arrays import FloatArray

__all__ = ["crossings", "search_grid", "visible_range"]

_POINTS = 1500
_STEPS = 12
_DOUBLINGS = 60

Reach = Callable[[FloatArray], FloatArray]


def search_grid(
    edges: FloatArray, scale: float, reach: Reach, floor: float, highest: float
) -> FloatArray:
    """Energies from the floor to where nothing above can be seen.

    Parameters
    ----------
    edges : ndarray
        Bin edges in the measured energy.
    scale : float
        Measured over true energy.
    reach : callable
        Half width of the kernel at true energies.
    floor, highest : float
        Range of the true energies that occur; the highest may be inf.

    Returns
    -------
    ndarray
        Rising from the floor; at most one and a half octaves go on above the last
        energy that can be seen.

    Raises
    ------
    ModelError
        If every energy can be seen in the bins and there is no highest one.
    """
    top = max(2.0 * edges[-1] / scale, 2.0 * floor)
    for _ in range(_DOUBLINGS):
        if top >= highest:
            break
        above = np.array([top, 1.4 * top])
        if np.all(scale * above - reach(above) >= edges[-1]):
            break
        top *= 2.0
    else:
        raise ModelError(
            "the resolution is so wide that every energy is seen in the bins",
            field="resolution",
            found=f"{float(reach(np.array([top]))[0]) / top:.3g} of the energy",
            expected="a kernel that ends below the energy, or a largest recoil",
        )
    return np.geomspace(floor, max(min(top, highest), floor), _POINTS)


def visible_range(
    edges: FloatArray, scale: float, reach: Reach, grid: FloatArray
) -> tuple[float, float]:
    """Lowest and highest energy of a grid that can be seen, equal if there is none.

    Examples
    --------
    >>> edges, reach = np.array([0.5, 1.0]), lambda e: 0.2 + 0.0 * e
    >>> grid = search_grid(edges, 1.0, reach, 0.1, np.inf)
    >>> low, high = visible_range(edges, 1.0, reach, grid)
    >>> round(low, 6), round(high, 6)
    (0.3, 1.2)
    """

    def outside(energy: FloatArray) -> FloatArray:
        seen, far = scale * energy, reach(energy)
        return np.asarray(np.maximum(edges[0] - (seen + far), (seen - far) - edges[-1]))

    value = outside(grid)
    visible = np.flatnonzero(value < 0.0)
    if visible.size == 0:
        return float(grid[0]), float(grid[0])
    first, last = int(visible[0]), int(visible[-1])
    low, high = float(grid[first]), float(grid[last])
    if first > 0:
        low = float(_solve(outside, grid[[first - 1]], grid[[first]])[0])
    if last + 1 < grid.size:
        high = float(_solve(outside, grid[[last]], grid[[last + 1]])[0])
    return low, high


def crossings(
    levels: FloatArray, scale: float, reach: Reach, grid: FloatArray
) -> FloatArray:
    """Energies at which an end of the kernel meets one of the levels, rising."""
    far = reach(grid)
    found = []
    for sign in (-1.0, 1.0):
        end = scale * grid + sign * far
        above = end[None, :] > levels[:, None]
        row, column = np.nonzero(above[:, 1:] != above[:, :-1])
        if row.size:
            level = levels[row]

            def miss(
                energy: FloatArray, level: FloatArray = level, sign: float = sign
            ) -> FloatArray:
                return np.asarray(scale * energy + sign * reach(energy) - level)

            found.append(_solve(miss, grid[column], grid[column + 1]))
    return np.unique(np.concatenate(found)) if found else np.array([])


def _solve(
    function: Callable[[FloatArray], FloatArray], low: FloatArray, high: FloatArray
) -> FloatArray:
    """Zeros between ends of opposite sign: regula falsi with Illinois' halving."""
    low, high = np.array(low, dtype=float), np.array(high, dtype=float)
    at_low, at_high = function(low), function(high)
    middle = 0.5 * (low + high)
    for _ in range(_STEPS):
        span = at_high - at_low
        part = np.divide(-at_low, span, out=np.full_like(span, 0.5), where=span != 0.0)
        middle = low + np.clip(part, 0.0, 1.0) * (high - low)
        value = function(middle)
        if np.all(np.abs(value) <= 1e-13 * np.abs(middle)):
            break
        left = np.sign(value) == np.sign(at_low)
        low, high = np.where(left, middle, low), np.where(left, high, middle)
        at_low = np.where(left, value, 0.5 * at_low)
        at_high = np.where(left, 0.5 * at_high, value)
    return middle
