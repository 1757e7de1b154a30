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

from nuem.models.arrays import ArrayLike, FloatArray, positive
from nuem.models.constants import AVOGADRO, ELECTRON_RADIUS_CM, HC_KEV_CM
from nuem.models.isotopes import target
from nuem.models.regulators import density, scattering_factors
from nuem.models.targets import element

__all__ = ["DETECTOR_FORMULA", "Medium", "detector_medium"]

#: What a detector of an element usually is, where it is not the element itself.
DETECTOR_FORMULA: dict[str, str] = {"Na": "NaI", "I": "NaI", "Cs": "CsI"}


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
            f1, f2 = scattering_factors(name, energy)
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


def detector_medium(symbol: str) -> Medium:
    """The medium that an element is usually part of in a detector.

    Raises
    ------
    InputError
        If no density is known; make a :class:`Medium` then.

    Examples
    --------
    >>> sorted(detector_medium("I").atoms)
    ['I', 'Na']
    """
    matter = target(DETECTOR_FORMULA.get(symbol, symbol))
    formula = {part.element.symbol: int(part.count) for part in matter.components}
    return Medium.compound(formula, density(matter))
