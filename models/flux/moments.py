"""Integrals of a flux above a limit, weighted with functions of the energy.

A recoil T needs the flux above E_min(T), weighted with 1, 1/E, 1/E^2, and with the
same times ln E (:mod:`nuem.models.kinematics`). On each panel the weighted density is expanded in
Legendre polynomials, whose integrals from any point to the end of the panel are
known; whole panels above are summed once. So thousands of recoils cost a table
look-up each, and the density is called at a thousand points in all.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from nuem.models.arrays import ArrayLike, FloatArray
from nuem.models.kinematics import BASIS, basis
from nuem.models.quadrature import legendre, nodes, panels

__all__ = ["MomentTable"]

_ORDER = 12
_RATIO = 1.5
_WIDTH_MEV = 0.5


class MomentTable:
    """Moments of a density and of lines above a lower limit.

    Parameters
    ----------
    density : callable
        Density in the energy (MeV), vectorised.
    breakpoints : sequence of float
        Ends of the support, and all points where the density or its derivative
        jumps, MeV. Empty if there are only lines.
    lines : sequence of (float, float)
        Energy (MeV) and intensity of monochromatic lines.

    Examples
    --------
    >>> flat = MomentTable(lambda e: np.ones_like(e), [1.0, 3.0], [(2.0, 10.0)])
    >>> flat([0.5, 2.5])[0]
    array([12. ,  0.5])
    """

    def __init__(
        self,
        density: Callable[[FloatArray], FloatArray],
        breakpoints: Sequence[float],
        lines: Sequence[tuple[float, float]] = (),
    ) -> None:
        points = np.unique(np.asarray(breakpoints, dtype=np.float64))
        if points.size > 1:
            low, high = float(points[0]), float(points[-1])
            # a spectrum that starts at 0 does so like E^2: below 1 eV is nothing
            if low == 0.0:
                points = np.append(points, 1e-6)
            self._edges = panels(low, high, points, ratio=_RATIO, width=_WIDTH_MEV)
        else:
            self._edges = np.array([0.0, 0.0])
        x, w = legendre(_ORDER)
        half = 0.5 * np.diff(self._edges)
        if points.size > 1:
            energy, _ = nodes(self._edges, _ORDER)
            weighted = (basis(energy) * density(energy)).reshape(
                len(BASIS), half.size, _ORDER
            )
        else:
            weighted = np.zeros((len(BASIS), half.size, _ORDER))
        polynomials = np.polynomial.legendre.legvander(x, _ORDER - 1)
        norm = np.arange(_ORDER) + 0.5
        #: Legendre coefficients, times half the width: shape (6, panels, order)
        self._series = (weighted * w) @ polynomials * norm * half[:, None]
        whole = 2.0 * self._series[:, :, 0]
        above = np.cumsum(whole[:, ::-1], axis=1)[:, ::-1]
        self._above = np.concatenate([above[:, 1:], np.zeros((len(BASIS), 1))], axis=1)
        self._lines = [
            (energy, intensity * basis(energy)) for energy, intensity in lines
        ]

    def __call__(self, lower_mev: ArrayLike) -> FloatArray:
        """Moments above each limit.

        Parameters
        ----------
        lower_mev : array_like
            Lower limits, MeV, any shape.

        Returns
        -------
        ndarray
            Shape (6, ...): weights 1, 1/E, 1/E^2, and these times ln E, E in MeV.
        """
        lower = np.asarray(lower_mev, dtype=np.float64)
        flat = lower.ravel()
        edges = self._edges
        clipped = np.clip(flat, edges[0], edges[-1])
        index = np.clip(
            np.searchsorted(edges, clipped, side="right") - 1, 0, edges.size - 2
        )
        width = edges[index + 1] - edges[index]
        width = np.where(width > 0.0, width, 1.0)
        x = np.clip(2.0 * (clipped - edges[index]) / width - 1.0, -1.0, 1.0)
        if edges[-1] == edges[0]:
            x = np.ones_like(x)
        partial = _integrals_to_end(x)
        result = np.einsum("kio,io->ki", self._series[:, index], partial)
        result += self._above[:, index]
        for energy, moments in self._lines:
            result += np.where(flat < energy, moments[:, None], 0.0)
        return np.asarray(result.reshape(len(BASIS), *lower.shape), dtype=np.float64)


def _integrals_to_end(x: FloatArray) -> FloatArray:
    """Integrals of the Legendre polynomials from x to 1, shape (n, order)."""
    p = np.polynomial.legendre.legvander(x, _ORDER)
    result = np.empty((x.size, _ORDER))
    result[:, 0] = 1.0 - x
    degree = np.arange(1, _ORDER)
    result[:, 1:] = (p[:, :-2] - p[:, 2:]) / (2.0 * degree + 1.0)
    return result
