"""The logarithm of the equivalent photons, and what cuts it off.

A charge emits photons down to zero momentum transfer, and the integral over dQ^2/Q^2
has to end somewhere. Three ends are offered, and the choice is a discrete systematic
uncertainty without a probability: one result for each, recorded with it.

``neutrino-mass``
    ln(E/m): a neutrino of mass m, as in Chen et al. (2014), m = 0.29 eV.
``momentum-cut``
    ln(T/m): momentum transfers above 0.29 eV, the inverse of the Debye length of
    0.68 um that these authors start from.
``medium``
    -1/2 ln|1 - eps(T)|: the photon in a medium of dielectric function eps, which is
    what limits the field of a relativistic charge in matter (density effect). In
    the X-ray region eps = 1 - r_e lambda^2 n (f1 + i f2)/pi.

All three are ln(T/Q_min) with a sharp end, Q_min = T sqrt|1 - eps| for the medium: the
leading logarithm, as far as equivalent photons go. The atomic responses are integrated
over Q^2 with the propagator 1/(Q^2 + T^2 (1 - eps)) of the medium itself, which gives
:func:`propagator_logarithm`: twice that, since it counts ln Q^2, and a constant between
-1 (a transparent medium) and 0 (f1 = 0) that does not depend on the density.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from math import log, pi

import numpy as np
import numpy.typing as npt

from nuem.inputs.errors import InputError, ModelError
from nuem.inputs.vocabulary import Photoabsorption, Regulator
from nuem.models.arrays import FloatArray, positive, read_only
from nuem.models.constants import (
    AVOGADRO,
    ELECTRON_RADIUS_CM,
    HC_KEV_CM,
    KEV_PER_MEV,
    REGULATOR_MASS_EV,
)
from nuem.models.isotopes import Target
from nuem.models.photon import chantler_energies, henke_factors
from nuem.models.tables import table

__all__ = [
    "Logarithm",
    "density",
    "one_minus_epsilon",
    "propagator_logarithm",
    "scattering_factor_range",
    "scattering_factors",
]


@lru_cache(maxsize=64)
def _henke(symbol: str) -> tuple[FloatArray, FloatArray, FloatArray]:
    energy, f1, f2 = henke_factors(symbol)
    good = np.isfinite(f1)
    return read_only(energy[good]), read_only(f1[good]), read_only(f2[good])


@lru_cache(maxsize=64)
def _chantler(symbol: str) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Energies (keV), f1 with the atomic number, and f2 of Chantler's table."""
    import xraydb

    energy = chantler_energies(symbol)
    points = np.asarray(xraydb.chantler_energies(symbol), dtype=np.float64)
    f1 = np.asarray(xraydb.f1_chantler(symbol, points)) + xraydb.atomic_number(symbol)
    f2 = np.asarray(xraydb.f2_chantler(symbol, points), dtype=np.float64)
    return energy, read_only(f1), read_only(f2)


def scattering_factors(
    symbol: str, energy_kev: FloatArray, source: Photoabsorption | str = "henke"
) -> tuple[FloatArray, FloatArray]:
    """Atomic scattering factors f1 and f2.

    Parameters
    ----------
    symbol : str
        Element.
    energy_kev : ndarray
        Photon energies, keV.
    source : Photoabsorption or str
        ``henke`` to its end at 30 keV and Chantler above; else Chantler (there is
        no f1 of Elam's).

    Returns
    -------
    (ndarray, ndarray)
        f1 and f2, of the same shape.

    Raises
    ------
    ModelError
        If an energy is outside the tables.

    Examples
    --------
    >>> f1, f2 = scattering_factors("Ge", np.array([1.0, 20.0]))
    >>> f1.round(1)
    array([21.1, 32.3])
    """
    energy = positive(energy_kev, "recoil_kev")
    f1, f2 = np.empty_like(energy), np.empty_like(energy)
    use_henke = Photoabsorption(source) is Photoabsorption.HENKE
    low = 0.0
    above = np.ones(energy.shape, dtype=bool)
    if use_henke:
        grid, one, two = _henke(symbol)
        low = float(grid[0])
        above = energy > grid[-1]
        f1[~above] = np.interp(energy[~above], grid, one)
        f2[~above] = np.interp(energy[~above], grid, two)
    if np.any(above):
        points, one, two = _chantler(symbol)
        if not use_henke:
            low = float(points[0])
        high = energy[above]
        if high.max() > points[-1]:
            raise _outside(symbol, float(high.max()), source)
        f1[above] = np.interp(high, points, one)
        f2[above] = np.exp(np.interp(np.log(high), np.log(points), np.log(two)))
    if energy.size and energy.min() < low:
        raise _outside(symbol, float(energy.min()), source)
    return f1, f2


def scattering_factor_range(
    symbol: str, source: Photoabsorption | str = "henke"
) -> tuple[float, float]:
    """Photon energies that :func:`scattering_factors` covers, keV.

    Examples
    --------
    >>> low, high = scattering_factor_range("Ge")
    >>> round(low, 4), round(high, 1)
    (0.0293, 966.3)
    """
    points = chantler_energies(symbol)
    use_henke = Photoabsorption(source) is Photoabsorption.HENKE
    low = _henke(symbol)[0][0] if use_henke else points[0]
    return float(low), float(points[-1])


def _outside(symbol: str, found: float, source: Photoabsorption | str) -> ModelError:
    low, high = scattering_factor_range(symbol, source)
    return ModelError(
        f"outside the scattering factors of {symbol}",
        field="recoil_kev",
        found=f"{found:g} keV",
        expected=f"{low:g} to {high:g} keV",
    )


def density(target: Target) -> float:
    """Density of a target, g/cm^3: of the element, or of a compound in the table.

    Raises
    ------
    InputError
        If none is known.

    Examples
    --------
    >>> from nuem.models.isotopes import target
    >>> density(target("Ge")), density(target("CsI"))
    (5.323, 4.51)
    """
    import periodictable

    known = table("densities")["values"]
    if target.name in known:
        return float(known[target.name])
    if not target.is_compound:
        element = periodictable.elements.symbol(target.components[0].element.symbol)
        if element.density is not None:
            return float(element.density)
    raise InputError(
        "no density is known for this target, and the regulator needs one",
        field="density_g_cm3",
        found=target.name,
        expected="a density in g/cm3",
    )


def one_minus_epsilon(
    target: Target,
    energy_kev: FloatArray,
    density_g_cm3: float | None = None,
    source: Photoabsorption | str = "henke",
) -> npt.NDArray[np.complex128]:
    """1 - epsilon of a target at photon energies, absorption as its imaginary part.

    Parameters
    ----------
    target : Target
        Element or compound.
    energy_kev : ndarray
        Photon energies, keV.
    density_g_cm3 : float, optional
        By default that of :func:`density`.
    source : Photoabsorption or str
        As in :func:`scattering_factors`.

    Returns
    -------
    ndarray of complex
        r_e lambda^2/pi times the sum of n_i (f1 + i f2)_i.

    Raises
    ------
    ModelError
        If an energy is outside the tables.
    InputError
        If no density is known.

    Examples
    --------
    >>> from nuem.models.isotopes import target
    >>> cut = np.sqrt(abs(one_minus_epsilon(target("Ge"), np.array([1.0, 20.0]))))
    >>> (cut * [1000.0, 20000.0]).round(1)  # T sqrt|1 - eps|, eV
    array([36. , 44.4])
    """
    energy = positive(energy_kev, "recoil_kev")
    if density_g_cm3 is None:
        density_g_cm3 = density(target)
    total = np.zeros(energy.shape, dtype=np.complex128)
    for part in target.components:
        f1, f2 = scattering_factors(part.element.symbol, energy, source)
        total += part.count * (f1 + 1j * f2)
    mass_density = float(positive(density_g_cm3, "density_g_cm3"))
    units = mass_density * AVOGADRO / target.mass_u
    wavelength = HC_KEV_CM / energy
    return np.asarray(ELECTRON_RADIUS_CM * wavelength**2 * units / pi * total)


def propagator_logarithm(deviation: npt.NDArray[np.complex128]) -> FloatArray:
    """What the photon propagator in a medium makes of ln(T^2/Q^2_min).

    Parameters
    ----------
    deviation : ndarray of complex
        1 - epsilon.

    Returns
    -------
    ndarray
        -ln|1 - eps| - theta cot theta, theta the phase of 1 - eps: the integral of
        Q^2 dQ^2 over the square of Q^2 + T^2 (1 - eps) up to Q^2 = T^2, for a small
        1 - eps.

    Examples
    --------
    >>> propagator_logarithm(np.array([1e-4, 1e-4j])).round(2)
    array([8.21, 9.21])
    """
    theta = np.angle(deviation)
    small = np.abs(theta) < 1e-6
    safe = np.where(small, 1.0, theta)
    turn = np.where(small, 1.0, safe / np.tan(safe))
    return np.asarray(-np.log(np.abs(deviation)) - turn)


@dataclass(frozen=True)
class Logarithm:
    """The logarithm with one end of the three."""

    regulator: Regulator
    target: Target
    density_g_cm3: float | None = None

    @property
    def _density(self) -> float:
        if self.density_g_cm3 is not None:
            return float(positive(self.density_g_cm3, "density_g_cm3"))
        return density(self.target)

    @property
    def description(self) -> str:
        """For the record."""
        if self.regulator is Regulator.NEUTRINO_MASS:
            return f"neutrino-mass: ln(E/{REGULATOR_MASS_EV:g} eV)"
        if self.regulator is Regulator.MOMENTUM_CUT:
            return f"momentum-cut: ln(T/{REGULATOR_MASS_EV:g} eV)"
        return f"medium: -1/2 ln|1 - eps(T)|, {self._density:g} g/cm3"

    def breakpoints(
        self, source: Photoabsorption, low_kev: float, high_kev: float
    ) -> FloatArray:
        """Points of the tables of scattering factors inside a range, keV."""
        if self.regulator is not Regulator.MEDIUM:
            return np.empty(0)
        found: list[FloatArray] = [np.empty(0)]
        for part in self.target.components:
            symbol = part.element.symbol
            points = chantler_energies(symbol)
            if source is Photoabsorption.HENKE:
                grid = _henke(symbol)[0]
                points = np.concatenate([grid, points[points > grid[-1]]])
            found.append(points)
        every = np.unique(np.concatenate(found))
        return every[(every > low_kev) & (every < high_kev)]

    def lowest_kev(self, source: Photoabsorption | str = "henke") -> float:
        """Where the tables of scattering factors begin, keV; 0 if none is needed."""
        if self.regulator is not Regulator.MEDIUM:
            return 0.0
        return max(
            scattering_factor_range(part.element.symbol, source)[0]
            for part in self.target.components
        )

    def expansion(self, recoil: FloatArray, source: Photoabsorption) -> FloatArray:
        """Expansion (4, ...) of the logarithm in the neutrino energy.

        Raises
        ------
        ModelError
            Where the medium leaves no room for equivalent photons (abs(1 - eps) > 1),
            or its tables end.
        """
        zero = np.zeros_like(recoil)
        if self.regulator is Regulator.NEUTRINO_MASS:
            start = np.full_like(recoil, log(KEV_PER_MEV * 1e3 / REGULATOR_MASS_EV))
            return np.stack([start, zero, zero, np.ones_like(recoil)])
        if self.regulator is Regulator.MOMENTUM_CUT:
            value = np.log(recoil * 1e3 / REGULATOR_MASS_EV)
        else:
            deviation = one_minus_epsilon(self.target, recoil, self._density, source)
            value = -0.5 * np.log(np.abs(deviation))
        if np.any(value <= 0.0):
            raise ModelError(
                "no room for equivalent photons below the cut-off",
                field="recoil_kev",
                found=f"{float(recoil[value <= 0.0].flat[0]):g} keV",
                expected=f"a logarithm above 0 ({self.regulator})",
            )
        return np.stack([value, zero, zero, zero])
