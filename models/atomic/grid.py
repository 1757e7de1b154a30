"""The radial grid: logarithmic at the nucleus, linear far out."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from nuem.models.arrays import FloatArray, read_only

__all__ = ["RadialGrid", "radial_grid"]


@dataclass(frozen=True, eq=False)
class RadialGrid:
    """Points at equal steps of t = ln(r/r0) + (r - r0)/b, and the points between.

    Attributes
    ----------
    step : float
        Step of t.
    r, rate : ndarray, shape (n,)
        Radii and dr/dt, atomic units.
    r_half, rate_half : ndarray, shape (n - 1,)
        The same in the middle of the steps.
    weight : ndarray, shape (n,)
        Weights of an integral over r: the trapezoidal rule in t, which is exact for
        integrands that are smooth and vanish at both ends.

    Examples
    --------
    >>> grid = radial_grid(32)
    >>> grid.r.size, bool(abs(grid.r[-1] - 40.0) < 0.02)
    (5050, True)
    >>> float(round(grid.weight @ (grid.r**2 * np.exp(-grid.r)), 10))
    2.0
    """

    step: float
    r: FloatArray
    rate: FloatArray
    r_half: FloatArray
    rate_half: FloatArray
    weight: FloatArray

    @property
    def t(self) -> FloatArray:
        """The even coordinate."""
        return self.step * np.arange(self.r.size, dtype=np.float64)


def radial_grid(
    number: int,
    *,
    step: float = 0.02,
    bend: float = 0.5,
    first: float = 1e-6,
    last: float = 40.0,
) -> RadialGrid:
    """Radial grid of an atom.

    Parameters
    ----------
    number : int
        Atomic number; the first point is ``first / number``.
    step : float
        Step of t.
    bend : float
        Radius b where the grid turns from logarithmic to linear, Bohr radii.
    first, last : float
        Ends of the grid, Bohr radii.

    Returns
    -------
    RadialGrid
    """
    start = first / number
    length = np.log(last / start) + (last - start) / bend
    t = 0.5 * step * np.arange(2 * int(np.ceil(length / step)) + 1)
    # Newton's method for r(t), from below: t is concave in ln r, so that it converges
    log_r = np.minimum(np.log(start) + t, np.log(start + bend * (t + 1.0)))
    for _ in range(60):
        r = np.exp(log_r)
        value = log_r - np.log(start) + (r - start) / bend - t
        change = value / (1.0 + r / bend)
        log_r = log_r - change
        if np.max(np.abs(change)) < 1e-15:
            break
    r = np.exp(log_r)
    rate = r * bend / (r + bend)
    weight = step * rate[::2]
    weight[0] *= 0.5
    weight[-1] *= 0.5
    return RadialGrid(
        step,
        read_only(r[::2]),
        read_only(rate[::2]),
        read_only(r[1::2]),
        read_only(rate[1::2]),
        read_only(weight),
    )
