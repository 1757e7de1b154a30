"""Shapes of backgrounds in bins of the measured energy.

Continuous shapes come per unit rate: 1 count/(kg keV d) at their reference energy
(for a constant, everywhere). Lines come per 1 count/(kg d) in the first line.
All integrals over bins are closed forms.

``energy_scale`` s stretches a shape: what was at E is seen at s E, and the number
of events stays. ``resolution_scale`` widens lines; continuous shapes are taken as
measured and do not change with it. Efficiencies are not applied: a shape is what
the detector has recorded.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from nuem.inputs.errors import InputError
from nuem.models.arrays import ArrayLike, FloatArray, bin_edges, not_negative, positive

__all__ = ["Constant", "Exponential", "Lines", "PowerLaw", "Shape", "Tabulated"]


class Shape(Protocol):
    """Anything that fills bins."""

    def counts(
        self,
        edges_kev: ArrayLike,
        *,
        energy_scale: float = 1.0,
        resolution_scale: float = 1.0,
    ) -> FloatArray:
        """Counts per kg day in bins at unit normalisation."""
        ...


class _Continuous(ABC):
    """A shape that is stretched with the energy scale, and does not widen."""

    def counts(
        self,
        edges_kev: ArrayLike,
        *,
        energy_scale: float = 1.0,
        resolution_scale: float = 1.0,
    ) -> FloatArray:
        """Counts per kg day in each bin, for 1 count/(kg keV d) at the reference."""
        positive(resolution_scale, "resolution_scale")
        factor = float(positive(energy_scale, "energy_scale"))
        return self._integrals(bin_edges(edges_kev), factor)

    @abstractmethod
    def _integrals(self, bins: FloatArray, scale: float) -> FloatArray: ...


@dataclass(frozen=True)
class Constant(_Continuous):
    """The same rate at all energies.

    Examples
    --------
    >>> Constant().counts([0.0, 1.0, 3.0])
    array([1., 2.])
    """

    def _integrals(self, bins: FloatArray, scale: float) -> FloatArray:
        return np.diff(bins) / scale


@dataclass(frozen=True)
class Exponential(_Continuous):
    """exp(-(E - reference)/slope); a negative slope rises with the energy.

    Parameters
    ----------
    reference_kev : float
        Energy where the rate is 1.
    slope_kev : float
        Energy over which it falls by e.

    Examples
    --------
    >>> Exponential(0.3, 0.1).counts([0.3, 0.4]).round(6)
    array([0.063212])
    """

    reference_kev: float
    slope_kev: float

    def __post_init__(self) -> None:
        """Check the numbers."""
        if not np.isfinite(self.reference_kev):
            raise InputError("not a finite number", field="reference_kev")
        if not np.isfinite(self.slope_kev) or self.slope_kev == 0.0:
            raise InputError("out of range", field="slope_kev", found=self.slope_kev)

    def _integrals(self, bins: FloatArray, scale: float) -> FloatArray:
        edges = bins / scale
        start = np.exp(-(edges[:-1] - self.reference_kev) / self.slope_kev)
        # expm1 keeps the digits of bins much narrower than the slope
        return -self.slope_kev * start * np.expm1(-np.diff(edges) / self.slope_kev)


@dataclass(frozen=True)
class PowerLaw(_Continuous):
    """(E/reference)^(-index), for bins above 0 keV.

    Parameters
    ----------
    reference_kev : float
        Energy where the rate is 1.
    index : float
        Positive for a falling rate.

    Examples
    --------
    >>> PowerLaw(1.0, 2.0).counts([1.0, 2.0])
    array([0.5])
    """

    reference_kev: float
    index: float

    def __post_init__(self) -> None:
        """Check the numbers."""
        positive(self.reference_kev, "reference_kev")
        if not np.isfinite(self.index):
            raise InputError("not a finite number", field="index")

    def _integrals(self, bins: FloatArray, scale: float) -> FloatArray:
        edges = bins / scale
        if edges[0] <= 0.0:
            raise InputError(
                "a power law has no integral from 0 keV",
                field="edges_kev",
                expected="edges above 0 keV",
            )
        reference, power = self.reference_kev, 1.0 - self.index
        step = np.log(edges[1:] / edges[:-1])
        start = (edges[:-1] / reference) ** power * reference
        # (e^(p x) - 1)/p tends to x: no case apart for an index near 1
        grown = step if power == 0.0 else np.expm1(power * step) / power
        return start * grown


@dataclass(frozen=True)
class Lines:
    """Gaussian lines with fixed ratios.

    Parameters
    ----------
    energies_kev : sequence of float
        Energies of the lines.
    ratios : sequence of float
        Rate of each in units of the first; the first is 1.
    resolution : callable
        Width (one sigma, keV) at energies (keV), vectorised.

    Examples
    --------
    >>> lines = Lines((1.3, 10.37), (1.0, 2.0), lambda e: 0.05 + 0.0 * e)
    >>> lines.counts([1.0, 1.3, 2.0, 20.0]).round(6)
    array([0.5, 0.5, 2. ])
    """

    energies_kev: Sequence[float]
    ratios: Sequence[float]
    resolution: Callable[[FloatArray], FloatArray]

    def __post_init__(self) -> None:
        """Check the numbers."""
        energies = positive(self.energies_kev, "energies_kev")
        if energies.ndim != 1 or len(self.ratios) != energies.size:
            raise InputError(
                "one ratio for each line is needed",
                field="ratios",
                found=len(self.ratios),
                expected=energies.size,
            )
        not_negative(self.ratios, "ratios")
        if self.ratios[0] != 1.0:
            raise InputError(
                "ratios are relative to the first line",
                field="ratios",
                found=list(self.ratios),
                expected="1 first, none below 0",
            )

    def counts(
        self,
        edges_kev: ArrayLike,
        *,
        energy_scale: float = 1.0,
        resolution_scale: float = 1.0,
    ) -> FloatArray:
        """Counts per kg day in each bin, for 1 count/(kg d) in the first line."""
        from scipy.special import ndtr

        edges = bin_edges(edges_kev)
        energies = np.asarray(self.energies_kev, dtype=np.float64)
        width = np.broadcast_to(self.resolution(energies), energies.shape)
        width = positive(width, "resolution") * positive(
            resolution_scale, "resolution_scale"
        )
        centre = energies * positive(energy_scale, "energy_scale")
        content = np.diff(ndtr((edges[:, None] - centre) / width), axis=0)
        return np.asarray(content @ np.asarray(self.ratios, dtype=np.float64))


@dataclass(frozen=True)
class Tabulated(_Continuous):
    """Straight lines between points of a table.

    Parameters
    ----------
    energies_kev : sequence of float
        Rising energies.
    values : sequence of float
        Rate at each, in any unit; divided by the value at the reference.
    reference_kev : float, optional
        Energy where the rate is 1; without it the values are used as they are.

    Examples
    --------
    >>> Tabulated((0.0, 1.0, 2.0), (2.0, 2.0, 0.0), 0.5).counts([0.0, 1.0, 2.0])
    array([1. , 0.5])
    """

    energies_kev: Sequence[float]
    values: Sequence[float]
    reference_kev: float | None = None

    def __post_init__(self) -> None:
        """Check the table."""
        energies = bin_edges(self.energies_kev, "energies_kev")
        values = np.asarray(self.values, dtype=np.float64)
        if values.shape != energies.shape or not np.all(np.isfinite(values)):
            raise InputError(
                "one finite value for each energy is needed", field="values"
            )
        if self.reference_kev is not None and not self._height() > 0.0:
            raise InputError(
                "no rate at the reference energy",
                field="reference_kev",
                found=self.reference_kev,
            )

    def _height(self) -> float:
        if self.reference_kev is None:
            return 1.0
        ends = {"left": 0.0, "right": 0.0}
        return float(
            np.interp(self.reference_kev, self.energies_kev, self.values, **ends)
        )

    def _integrals(self, bins: FloatArray, scale: float) -> FloatArray:
        edges = bins / scale
        x = np.asarray(self.energies_kev, dtype=np.float64)
        y = np.asarray(self.values, dtype=np.float64) / self._height()
        if bins[0] < x[0] or bins[-1] > x[-1]:
            raise InputError(
                "bins outside the table of a background",
                field="edges_kev",
                found=f"{bins[0]:g} to {bins[-1]:g} keV",
                expected=f"{x[0]:g} to {x[-1]:g} keV",
            )
        # a variation of the scale may reach beyond the ends: there the last value
        # goes on
        x = np.concatenate([[min(x[0], edges[0])], x, [max(x[-1], edges[-1])]])
        y = np.concatenate([y[:1], y, y[-1:]])
        area = np.append(0.0, np.cumsum(0.5 * (y[1:] + y[:-1]) * np.diff(x)))
        left = np.clip(np.searchsorted(x, edges, side="right") - 1, 0, x.size - 2)
        here = np.interp(edges, x, y)
        return np.diff(area[left] + 0.5 * (here + y[left]) * (edges - x[left]))
