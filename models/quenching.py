"""Quenching: from the recoil of a nucleus (keVnr) to its ionisation (keVee) and back.

``ionisation`` is E = Y(T) T in keVee, ``recoil`` its inverse, ``derivative`` dE/dT in
keVee/keVnr, which a rate per keVnr is divided by to become one per keVee. Nothing is
extrapolated: outside its range a quenching raises.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from nuem.inputs.errors import InputError, ModelError
from nuem.models.arrays import ArrayLike, FloatArray, finite, positive
from nuem.models.isotopes import Target, as_target

__all__ = ["Lindhard", "Polynomial", "Quenching", "Tabulated"]

_STEPS = 60


class Quenching(ABC):
    """What all forms of quenching share; they bring ``_ionisation`` and ``_slope``."""

    #: Recoils that are covered, keVnr.
    range_kevnr: tuple[float, float] = (0.0, np.inf)
    #: Recoils where the derivative jumps, keVnr.
    breakpoints_kevnr: tuple[float, ...] = ()

    @abstractmethod
    def _ionisation(self, recoil: FloatArray) -> FloatArray: ...

    @abstractmethod
    def _slope(self, recoil: FloatArray) -> FloatArray: ...

    @property
    @abstractmethod
    def description(self) -> str:
        """One line for the record."""

    def _checked(self, recoil_kevnr: ArrayLike) -> FloatArray:
        recoil = positive(recoil_kevnr, "recoil_kevnr")
        low, high = self.range_kevnr
        outside = (recoil < low * (1 - 1e-12)) | (recoil > high * (1 + 1e-12))
        if np.any(outside):
            raise ModelError(
                "outside the range of the quenching",
                field="recoil_kevnr",
                found=f"{recoil[outside].flat[0]:g} keVnr",
                expected=f"{low:g} to {high:g} keVnr ({self.description})",
            )
        return recoil

    def ionisation(self, recoil_kevnr: ArrayLike) -> FloatArray:
        """Ionisation of a recoil, keVee; the argument in keVnr."""
        return self._ionisation(self._checked(recoil_kevnr))

    def factor(self, recoil_kevnr: ArrayLike) -> FloatArray:
        """Quenching factor Y(T), keVee/keVnr."""
        recoil = self._checked(recoil_kevnr)
        return self._ionisation(recoil) / recoil

    def derivative(self, recoil_kevnr: ArrayLike) -> FloatArray:
        """dE/dT = Y + T dY/dT, keVee/keVnr."""
        return self._slope(self._checked(recoil_kevnr))

    @cached_property
    def range_kevee(self) -> tuple[float, float]:
        """Ionisations that are covered, keVee."""
        low, high = self.range_kevnr
        ends = [0.0 if low == 0.0 else float(self.ionisation(low)), np.inf]
        if np.isfinite(high):
            ends[1] = float(self.ionisation(high))
        return ends[0], ends[1]

    def recoil(self, ionisation_kevee: ArrayLike) -> FloatArray:
        """Recoil of an ionisation, keVnr; the argument in keVee.

        Raises
        ------
        ModelError
            If no recoil in the range has this ionisation.
        """
        energy = positive(ionisation_kevee, "ionisation_kevee")
        low, high = self.range_kevee
        outside = (energy < low * (1 - 1e-12)) | (energy > high * (1 + 1e-12))
        if np.any(outside):
            raise ModelError(
                "outside the range of the quenching",
                field="ionisation_kevee",
                found=f"{energy[outside].flat[0]:g} keVee",
                expected=f"{low:g} to {high:g} keVee ({self.description})",
            )
        return self._inverse(energy)

    def _inverse(self, energy: FloatArray) -> FloatArray:
        # bisection in the logarithm brackets, a few steps of Newton finish
        low, high = self.range_kevnr
        bottom = np.full(energy.shape, np.log(max(low, 1e-12)))
        top = np.full(energy.shape, np.log(high if np.isfinite(high) else 1e9))
        for _ in range(_STEPS):
            middle = 0.5 * (bottom + top)
            below = self._ionisation(np.exp(middle)) < energy
            bottom = np.where(below, middle, bottom)
            top = np.where(below, top, middle)
        return np.asarray(np.exp(0.5 * (bottom + top)))

    @abstractmethod
    def opened(self) -> Quenching:
        """The same without its lower end, to estimate what lies below it."""

    @abstractmethod
    def vary(self, factor: float) -> Quenching:
        """Quenching with its strength times a factor, for a nuisance parameter."""


@dataclass(frozen=True)
class Lindhard(Quenching):
    """Lindhard's quenching ``k g/(1 + k g)``.

    Parameters
    ----------
    number : float
        Atomic number (a mean for compounds).
    k : float
        Strength of the electronic stopping.
    floor_kevnr : float
        Recoils below are not modelled.

    Raises
    ------
    InputError
        If a number is out of range.

    Notes
    -----
    J. Lindhard et al., Mat. Fys. Medd. Dan. Vid. Selsk. 33, 10 (1963):
    g = 3 e^0.15 + 0.7 e^0.6 + e with e = 11.5 Z^(-7/3) T/keV.

    Examples
    --------
    >>> germanium = Lindhard(32, 0.157)
    >>> germanium.factor([0.1, 1.0]).round(6)
    array([0.125863, 0.170991])
    >>> round(float(germanium.recoil(0.16)), 3)
    0.943
    """

    number: float
    k: float
    floor_kevnr: float = 0.0

    def __post_init__(self) -> None:
        """Check the numbers."""
        positive(self.number, "number")
        positive(self.k, "k")
        if not (np.isfinite(self.floor_kevnr) and self.floor_kevnr >= 0.0):
            raise InputError(
                "out of range", field="floor_kevnr", found=self.floor_kevnr
            )
        object.__setattr__(self, "range_kevnr", (float(self.floor_kevnr), np.inf))

    @classmethod
    def of(
        cls, target: Target | str, k: float | None = None, floor_kevnr: float = 0.0
    ) -> Lindhard:
        """Quenching of a target, with k = 0.133 Z^(2/3) A^(-1/2) unless it is given.

        Examples
        --------
        >>> round(Lindhard.of("Ge").k, 4)
        0.1573
        """
        material = as_target(target)
        number = material.electrons / material.atoms
        mass = material.mass_u / material.atoms
        strength = 0.133 * number ** (2 / 3) / mass**0.5 if k is None else k
        return cls(number, strength, floor_kevnr)

    @property
    def description(self) -> str:
        """One line for the record."""
        return f"Lindhard, Z = {self.number:g}, k = {self.k:g}"

    @property
    def _scale(self) -> float:
        return float(11.5 * self.number ** (-7.0 / 3.0))

    def _ionisation(self, recoil: FloatArray) -> FloatArray:
        reduced = self._scale * recoil
        g = self.k * (3.0 * reduced**0.15 + 0.7 * reduced**0.6 + reduced)
        return recoil * g / (1.0 + g)

    def _slope(self, recoil: FloatArray) -> FloatArray:
        reduced = self._scale * recoil
        g = self.k * (3.0 * reduced**0.15 + 0.7 * reduced**0.6 + reduced)
        rise = self.k * (0.45 * reduced**0.15 + 0.42 * reduced**0.6 + reduced)
        return g / (1.0 + g) + rise / (1.0 + g) ** 2

    def opened(self) -> Lindhard:
        """The same without a floor."""
        return replace(self, floor_kevnr=0.0)

    def vary(self, factor: float) -> Lindhard:
        """The same with k times a factor."""
        return replace(self, k=self.k * float(positive(factor, "factor")))


@dataclass(frozen=True)
class Tabulated(Quenching):
    """Straight lines between measured quenching factors.

    Parameters
    ----------
    recoils_kevnr : sequence of float
        Rising recoils, at least two.
    factors : sequence of float
        Quenching factor at each, above 0; the ionisation has to rise.

    Raises
    ------
    InputError
        If this is no table.

    Examples
    --------
    >>> table = Tabulated((1.0, 2.0, 5.0), (0.1, 0.2, 0.2))
    >>> table.ionisation([1.5, 4.0]), table.recoil([0.225, 0.8]).round(9)
    (array([0.225, 0.8  ]), array([1.5, 4. ]))
    """

    recoils_kevnr: Sequence[float]
    factors: Sequence[float]

    def __post_init__(self) -> None:
        """Check the table."""
        x = positive(self.recoils_kevnr, "recoils_kevnr")
        y = positive(self.factors, "factors")
        if x.ndim != 1 or x.size < 2 or x.shape != y.shape or np.any(np.diff(x) <= 0):
            raise InputError(
                "no table of quenching factors",
                field="recoils_kevnr",
                expected="at least two rising recoils, and a factor for each",
            )
        object.__setattr__(self, "recoils_kevnr", tuple(x.tolist()))
        object.__setattr__(self, "factors", tuple(y.tolist()))
        object.__setattr__(self, "range_kevnr", (float(x[0]), float(x[-1])))
        object.__setattr__(self, "breakpoints_kevnr", tuple(x.tolist()))
        slope = np.diff(y) / np.diff(x)
        ends = np.concatenate([y[:-1] + x[:-1] * slope, y[1:] + x[1:] * slope])
        if np.any(ends <= 0.0):
            raise InputError(
                "the ionisation falls while the recoil rises", field="factors"
            )

    @property
    def description(self) -> str:
        """One line for the record."""
        return f"table of {len(self.factors)} quenching factors"

    def _lines(self, recoil: FloatArray) -> tuple[FloatArray, FloatArray]:
        x, y = np.asarray(self.recoils_kevnr), np.asarray(self.factors)
        index = np.clip(np.searchsorted(x, recoil, side="right") - 1, 0, x.size - 2)
        slope = (np.diff(y) / np.diff(x))[index]
        return y[index] + slope * (recoil - x[index]), slope

    def _ionisation(self, recoil: FloatArray) -> FloatArray:
        return self._lines(recoil)[0] * recoil

    def _slope(self, recoil: FloatArray) -> FloatArray:
        factor, slope = self._lines(recoil)
        return factor + recoil * slope

    def opened(self) -> Tabulated:
        """The first factor goes on down to 1 eVnr."""
        start = min(1e-3, 0.5 * self.range_kevnr[0])
        return Tabulated((start, *self.recoils_kevnr), (self.factors[0], *self.factors))

    def vary(self, factor: float) -> Tabulated:
        """The same with all factors times one."""
        scale = float(positive(factor, "factor"))
        return replace(self, factors=tuple(y * scale for y in self.factors))


@dataclass(frozen=True)
class Polynomial(Quenching):
    """The ionisation as a polynomial of the recoil, without constant term.

    Parameters
    ----------
    coefficients : sequence of float
        Factors of T, T^2, ... with T in keVnr and the result in keVee.
    range_kevnr : (float, float)
        Recoils that are covered; the polynomial has to rise there.

    Raises
    ------
    InputError
        For an empty range, or a polynomial that does not rise in it.

    Examples
    --------
    >>> argon = Polynomial((0.246, 0.00078), (5.0, 150.0))
    >>> float(argon.ionisation(20.0).round(3))
    5.232
    """

    coefficients: Sequence[float]
    range_kevnr: tuple[float, float] = (0.0, np.inf)

    def __post_init__(self) -> None:
        """Check the polynomial."""
        low, high = (float(x) for x in self.range_kevnr)
        if not (0.0 <= low < high < np.inf) or not self.coefficients:
            raise InputError(
                "no range for a polynomial",
                field="range_kevnr",
                found=f"{low:g} to {high:g}",
            )
        object.__setattr__(self, "range_kevnr", (low, high))
        factors = finite(self.coefficients, "coefficients")
        object.__setattr__(self, "coefficients", tuple(factors.tolist()))
        if np.any(self._slope(np.linspace(low, high, 1001)) <= 0.0):
            raise InputError("the ionisation does not rise", field="coefficients")

    @property
    def description(self) -> str:
        """One line for the record."""
        return f"polynomial of degree {len(self.coefficients)}"

    def _ionisation(self, recoil: FloatArray) -> FloatArray:
        polynomial = (0.0, *self.coefficients)
        return np.asarray(np.polynomial.polynomial.polyval(recoil, polynomial))

    def _slope(self, recoil: FloatArray) -> FloatArray:
        rising = [n * c for n, c in enumerate(self.coefficients, start=1)]
        return np.asarray(np.polynomial.polynomial.polyval(recoil, rising))

    def opened(self) -> Quenching:
        """The factor of the lower end goes on down to 1 eVnr."""
        low, high = self.range_kevnr
        if low == 0.0:
            return self
        grid = np.geomspace(low, high, 200)
        start = min(1e-3, 0.5 * low)
        factors = self._ionisation(grid) / grid
        return Tabulated((start, *grid), (factors[0], *factors))

    def vary(self, factor: float) -> Polynomial:
        """The same with all coefficients times one."""
        scale = float(positive(factor, "factor"))
        return replace(self, coefficients=tuple(c * scale for c in self.coefficients))
