"""Coherent elastic scattering on one nucleus, in cm^2/keV, as expansions.

Each term has the kinematics ``K = 1 - M T/(2 E^2)`` and the square of the form
factor; q is the charge of the *neutrino* in e, for antineutrinos too. With
``eps = sqrt2 pi alpha/(G_F M T)`` the whole cross section is
``G_F^2 M/pi F^2 K [Q_W + Z eps q]^2``, Q_W the weak charge, which is negative. Only
the flavour-diagonal charge interferes.

References
----------
Freedman, PRD 9 1389 (1974); Vogel and Engel, PRD 39 3378 (1989) for the magnetic
term; Cadeddu et al., PRD 101 033004 (2020) for charge and charge radius.
"""

from __future__ import annotations

from math import pi, sqrt

import numpy as np

from nuem.models.arrays import FloatArray, positive
from nuem.models.constants import (
    ALPHA,
    ELECTRON_MASS_KEV,
    FERMI_KEV,
    HBARC2_KEV2_CM2,
    KEV_PER_MEV,
)
from nuem.models.free_electron import charge_radius_shift
from nuem.models.isotopes import Isotope

__all__ = [
    "charge_radius_expansion",
    "charge_squared_expansion",
    "interference_expansion",
    "kinematics",
    "magnetic_expansion",
    "mixing_angle_expansion",
    "sm_expansion",
]

_WEAK = FERMI_KEV**2 / pi * HBARC2_KEV2_CM2
_MIXED = 2.0 * sqrt(2.0) * FERMI_KEV * ALPHA * HBARC2_KEV2_CM2
_CHARGE = 2.0 * pi * ALPHA**2 * HBARC2_KEV2_CM2
_MAGNETIC = pi * ALPHA**2 / ELECTRON_MASS_KEV**2 * HBARC2_KEV2_CM2


def kinematics(
    recoil: FloatArray, nucleus: Isotope, *, helicity: bool = False
) -> FloatArray:
    """Expansion (4, ...) of 1 - M T/(2 E^2), with -T/E too if asked for.

    Examples
    --------
    >>> from nuem.models.isotopes import target
    >>> ge72 = target("Ge72").nuclei[0][0]
    >>> kinematics(np.array([0.3]), ge72)[:, 0].round(4)
    array([  1.    ,   0.    , -10.0468,   0.    ])
    """
    return _kinematics(positive(recoil, "recoil_kev"), nucleus, helicity=helicity)


def _kinematics(
    recoil: FloatArray, nucleus: Isotope, *, helicity: bool = False
) -> FloatArray:
    zero = np.zeros_like(recoil)
    first = -recoil / KEV_PER_MEV if helicity else zero
    second = -0.5 * nucleus.mass_kev * recoil / KEV_PER_MEV**2
    return np.stack([np.ones_like(recoil), first, second, zero])


def sm_expansion(
    recoil: FloatArray, nucleus: Isotope, charge: float, square: FloatArray
) -> FloatArray:
    """Standard Model term; charge is Q_W, square the square of the form factor."""
    recoil = positive(recoil, "recoil_kev")
    factor = _WEAK * nucleus.mass_kev * charge**2 * square
    return factor * _kinematics(recoil, nucleus)


def interference_expansion(
    recoil: FloatArray, nucleus: Isotope, charge: float, square: FloatArray
) -> FloatArray:
    """Term linear in the neutrino charge, for 1 e."""
    recoil = positive(recoil, "recoil_kev")
    factor = _MIXED * charge * nucleus.number / recoil * square
    return factor * _kinematics(recoil, nucleus)


def charge_squared_expansion(
    recoil: FloatArray,
    nucleus: Isotope,
    square: FloatArray,
    *,
    helicity: bool = False,
) -> FloatArray:
    """Term quadratic in the neutrino charge, for 1 e."""
    recoil = positive(recoil, "recoil_kev")
    factor = _CHARGE * nucleus.number**2 / (nucleus.mass_kev * recoil**2) * square
    return factor * _kinematics(recoil, nucleus, helicity=helicity)


def magnetic_expansion(
    recoil: FloatArray, nucleus: Isotope, square: FloatArray
) -> FloatArray:
    """Magnetic term for 1 mu_B."""
    recoil = positive(recoil, "recoil_kev")
    factor = _MAGNETIC * nucleus.number**2 * square
    zero = np.zeros_like(recoil)
    inverse = np.full_like(recoil, -1.0 / KEV_PER_MEV)
    return factor * np.stack([1.0 / recoil, inverse, zero, zero])


def charge_radius_expansion(
    recoil: FloatArray, nucleus: Isotope, charge: float, square: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Terms linear and quadratic in the charge radius squared, for 1 cm^2.

    The radius shifts g_Vp by ``-sqrt2 pi alpha/(3 G_F) <r^2>``.
    """
    return _proton_shift(recoil, nucleus, charge, square, -charge_radius_shift())


def mixing_angle_expansion(
    recoil: FloatArray, nucleus: Isotope, charge: float, square: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Terms linear and quadratic in a shift of sin^2 theta_W, for a shift of 1.

    It shifts g_Vp, which is 1/2 - 2 sin^2 theta_W at tree level, by -2; the
    neutron's coupling does not contain the angle.
    """
    return _proton_shift(recoil, nucleus, charge, square, -2.0)


def _proton_shift(
    recoil: FloatArray,
    nucleus: Isotope,
    charge: float,
    square: FloatArray,
    shift: float,
) -> tuple[FloatArray, FloatArray]:
    """Terms linear and quadratic in what shifts g_Vp, `shift` being that of 1."""
    recoil = positive(recoil, "recoil_kev")
    weak = shift * nucleus.number
    factor = _WEAK * nucleus.mass_kev * weak * square
    common = factor * _kinematics(recoil, nucleus)
    return 2.0 * charge * common, weak * common
