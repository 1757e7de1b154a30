"""Optical constants of a medium, for the propagation of virtual photons.

A photon of energy T in matter has Q^2 + T^2 (1 - epsilon) in the denominator of its
propagator, with 1 - epsilon = r_e lambda^2/pi sum_i n_i (f1 + i f2)_i from the atomic
scattering factors: those of Henke, Gullikson and Davis (1993) up to 30 keV, above it
those of Chantler (1995, 2000).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from nuem.inputs.errors import ModelError
from nuem.models.arrays import ArrayLike, FloatArray, positive
from nuem.models.constants import AVOGADRO, ELECTRON_RADIUS_CM, HC_KEV_CM
from nuem.models.targets import element

__all__ = ["DETECTOR_DENSITY", "Medium", "detector_medium"]

#: Density in g/cm^3 and atoms of a formula unit of the detectors that an element is
#: used in: Ge, Si crystals; liquid Ar (1.396 at 87 K), liquid Xe (2.95 at 165 K);
#: NaI and CsI crystals. (CRC Handbook of Chemistry and Physics; to two or more digits.)
DETECTOR_DENSITY: dict[str, tuple[float, dict[str, int]]] = {
    "Si": (2.329, {"Si": 1}),
    "Ge": (5.323, {"Ge": 1}),
    "Ar": (1.396, {"Ar": 1}),
    "Xe": (2.95, {"Xe": 1}),
    "Na": (3.67, {"Na": 1, "I": 1}),
    "I": (3.67, {"Na": 1, "I": 1}),
    "Cs": (4.51, {"Cs": 1, "I": 1}),
}


@dataclass(frozen=True)
class Medium:
    """Atoms per cubic centimetre of each element.

    Examples
    --------
    >>> ge = detector_medium("Ge")
    >>> f"{ge.atoms['Ge']:.3e}", f"{abs(ge.one_minus_epsilon(1.0)):.2e}"
    ('4.414e+22', '1.30e-03')
    """

    atoms: Mapping[str, float]

    @classmethod
    def compound(cls, formula: Mapping[str, int], density: float) -> Medium:
        """Medium of a formula unit and a density in g/cm^3."""
        mass = sum(count * element(name).mass_u for name, count in formula.items())
        units = density * AVOGADRO / mass
        return cls({name: count * units for name, count in formula.items()})

    def one_minus_epsilon(self, energy_kev: ArrayLike) -> npt.NDArray[np.complex128]:
        """1 - epsilon, complex with the absorption as a positive imaginary part.

        Raises
        ------
        ModelError
            If an energy is outside the optical constants of an element.
        """
        energy = positive(energy_kev, "recoil_kev")
        wavelength = HC_KEV_CM / energy
        total = np.zeros(energy.shape, dtype=np.complex128)
        for name, number in self.atoms.items():
            f1, f2 = _scattering_factors(name, energy)
            total += number * (f1 + 1j * f2)
        return np.asarray(ELECTRON_RADIUS_CM * wavelength**2 / math.pi * total)

    def logarithm(self, energy_kev: ArrayLike) -> FloatArray:
        """What stands for ln(T^2/Q^2_min): -ln|1 - eps| - theta cot theta.

        theta is the phase of 1 - epsilon; the integral of Q^2 dQ^2 over
        abs(Q^2 + T^2 (1 - epsilon))^2 up to T^2.
        """
        value = self.one_minus_epsilon(energy_kev)
        theta = np.angle(value)
        small = np.abs(theta) < 1e-6
        safe = np.where(small, 1.0, theta)
        turn = np.where(small, 1.0, safe / np.tan(safe))
        return np.asarray(-np.log(np.abs(value)) - turn)


def _scattering_factors(
    symbol: str, energy: FloatArray
) -> tuple[FloatArray, FloatArray]:
    import periodictable
    import xraydb

    number = element(symbol).number
    grid, f1, f2 = (
        np.asarray(column, dtype=np.float64)
        for column in periodictable.elements.symbol(symbol).xray.sftable
    )
    good = np.isfinite(f1) & np.isfinite(f2) & (f2 > 0.0)
    grid, f1, f2 = grid[good], f1[good], f2[good]
    chantler = np.asarray(xraydb.chantler_energies(symbol)) / 1e3
    outside = (energy < grid[0]) | (energy > chantler[-1])
    if np.any(outside):
        raise ModelError(
            f"outside the optical constants of {symbol}",
            field="recoil_kev",
            found=f"{energy[outside].flat[0]:g} keV",
            expected=f"{grid[0]:g} to {chantler[-1]:g} keV",
        )
    logs = np.log(energy)
    real = np.interp(logs, np.log(grid), f1)
    imaginary = np.exp(np.interp(logs, np.log(grid), np.log(f2)))
    above = energy > grid[-1]
    if np.any(above):
        high = energy[above] * 1e3
        real[above] = number + np.asarray(xraydb.f1_chantler(symbol, high))
        imaginary[above] = np.asarray(xraydb.f2_chantler(symbol, high))
    return real, imaginary


def detector_medium(symbol: str) -> Medium:
    """The medium that an element is usually part of in a detector.

    Raises
    ------
    ModelError
        If none is known; make a :class:`Medium` then.

    Examples
    --------
    >>> sorted(detector_medium("I").atoms)
    ['I', 'Na']
    """
    if symbol not in DETECTOR_DENSITY:
        raise ModelError(
            "no density is known for a detector of this element",
            field="medium",
            found=symbol,
            expected="one of " + ", ".join(DETECTOR_DENSITY) + ", or a Medium",
        )
    density, formula = DETECTOR_DENSITY[symbol]
    return Medium.compound(formula, density)
