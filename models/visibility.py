"""Which true energies can be seen in the bins of a measured energy.

A true energy E is seen from ``s E - reach(E)`` to ``s E + reach(E)``. The energies at
which one of these ends meets an edge are found on a fine grid, with straight lines
between its points (1e-5 of the energy), whatever the width is; it may be as large as the energy itself, so that the largest energy of all still reaches the
last bin.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from nuem.inputs.errors import ModelError
from nuem.models.arrays import FloatArray

__all__ = ["crossings", "search_grid", "visible_range"]

_POINTS = 1500
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

    seen, far = scale * grid, reach(grid)
    outside = np.maximum(edges[0] - (seen + far), (seen - far) - edges[-1])
    visible = np.flatnonzero(outside < 0.0)
    if visible.size == 0:
        return float(grid[0]), float(grid[0])
    ends = []
    for inner, outer in ((visible[0], -1), (visible[-1], 1)):
        other = min(max(int(inner) + outer, 0), grid.size - 1)
        here, there = float(outside[inner]), float(outside[other])
        part = here / (here - there) if there >= 0.0 else 0.0
        ends.append(float(grid[inner] + part * (grid[other] - grid[inner])))
    return ends[0], ends[1]


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
        step = end[column + 1] - end[column]
        part = (levels[row] - end[column]) / step
        found.append(grid[column] + part * (grid[column + 1] - grid[column]))
    return np.unique(np.concatenate(found))
