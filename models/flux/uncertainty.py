"""Relative uncertainties of a part of a flux against the energy.

Each is one standard deviation of one nuisance parameter: all energies move together.
Outside the range of its table an uncertainty is 0, never the last value held: where
nothing is published, a parameter of its own says so (``below-1.8-mev`` for reactors).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np

from nuem.models.arrays import FloatArray

__all__ = ["Band", "OfCorrection", "Polyline", "Tabulated", "Uncertainty"]


@dataclass(frozen=True)
class Polyline:
    """Straight lines between points, and 0 outside of them.

    Parameters
    ----------
    energies_mev : tuple of float
        Rising energies.
    values : tuple of float
        Value at each.

    Examples
    --------
    >>> Polyline((1.0, 2.0), (4.0, 6.0))(np.array([0.9, 1.5, 2.1]))
    array([0., 5., 0.])
    """

    energies_mev: tuple[float, ...]
    values: tuple[float, ...]

    def __call__(self, energy_mev: FloatArray) -> FloatArray:
        """Value at energies, MeV, of the same shape."""
        return np.interp(
            energy_mev, self.energies_mev, self.values, left=0.0, right=0.0
        )


class Uncertainty(Protocol):
    """What a part of a flux knows about one of its parameters."""

    @property
    def points_mev(self) -> tuple[float, ...]:
        """Energies where it jumps or has a kink, MeV."""
        ...

    def __call__(self, energy_mev: FloatArray) -> FloatArray:
        """One standard deviation relative to the flux, at energies in MeV."""
        ...

    def resized(self, size: float) -> Uncertainty:
        """The same parameter with a size of one's own."""
        ...


@dataclass(frozen=True)
class Band:
    """The same size between two energies (lower included), 0 elsewhere.

    Examples
    --------
    >>> Band(0.1, 0.0, 1.8)(np.array([1.0, 1.8]))
    array([0.1, 0. ])
    """

    size: float
    low_mev: float = 0.0
    high_mev: float = np.inf

    @property
    def points_mev(self) -> tuple[float, ...]:
        """Ends of the band that are energies above 0."""
        return tuple(x for x in (self.low_mev, self.high_mev) if 0.0 < x < np.inf)

    def __call__(self, energy_mev: FloatArray) -> FloatArray:
        """Size inside the band."""
        inside = (energy_mev >= self.low_mev) & (energy_mev < self.high_mev)
        return np.where(inside, self.size, 0.0)

    def resized(self, size: float) -> Band:
        """The same band with another size."""
        return replace(self, size=float(size))


@dataclass(frozen=True)
class Tabulated:
    """A published table; resized, it becomes one size at all energies.

    Examples
    --------
    >>> Tabulated(Polyline((2.0, 8.0), (0.02, 0.04))).resized(0.1)
    Band(size=0.1, low_mev=0.0, high_mev=inf)
    """

    table: Polyline

    @property
    def points_mev(self) -> tuple[float, ...]:
        """Energies of the table."""
        return self.table.energies_mev

    def __call__(self, energy_mev: FloatArray) -> FloatArray:
        """Straight lines between the points, 0 outside."""
        return self.table(energy_mev)

    def resized(self, size: float) -> Band:
        """The same size at all energies."""
        return Band(float(size))


@dataclass(frozen=True)
class OfCorrection:
    """The relative size of a correction c that is part of a density (1 + c).

    Examples
    --------
    >>> OfCorrection(Polyline((2.0, 3.0), (0.25, 0.0)), 0.3)(np.array([2.0, 4.0]))
    array([0.06, 0.  ])
    """

    correction: Polyline
    size: float

    @property
    def points_mev(self) -> tuple[float, ...]:
        """Energies of the table of the correction."""
        return self.correction.energies_mev

    def __call__(self, energy_mev: FloatArray) -> FloatArray:
        """Size of the part that the correction has in the whole."""
        correction = self.correction(energy_mev)
        return self.size * correction / (1.0 + correction)

    def resized(self, size: float) -> OfCorrection:
        """Another size of the same correction."""
        return replace(self, size=float(size))
