"""Scattering on one free electron at rest, in cm^2/keV.

Each term is a bracket ``a + b (1 - T/E)^2 + c m_e T/E^2`` with a factor that
depends on the recoil alone, and vanishes at and above T_max. The charge is that of
the *neutrino*, for antineutrinos too: under charge conjugation the vector current
of the neutrino changes sign in the weak and in the electromagnetic amplitude
alike, so that only g_A (against g_V) changes sign, and the shift of g_V is the
same for both.

References
----------
Vogel and Engel, PRD 39 3378 (1989); Kouzakov and Studenikin, PRD 95 055013 (2017);
Chen et al., PRD 90 011301 (2014).
"""

from __future__ import annotations

import math

import numpy as np

from nuem.inputs.vocabulary import Flavour, Process
from nuem.models.arrays import ArrayLike, FloatArray, finite, positive
from nuem.models.constants import (
    ALPHA,
    ELECTRON_MASS_KEV,
    FERMI_KEV,
    HBARC2_KEV2_CM2,
    KEV_PER_MEV,
    SIN2_THETA_W,
)
from nuem.models.couplings import ElectronCouplings, electron_couplings
from nuem.models.kinematics import evaluate_expansion, maximum_recoil

__all__ = ["charge_radius", "charge_radius_shift", "diagonal", "fea", "interference"]
__all__ += ["magnetic", "millicharge_shift", "sm", "transition"]

#: G_F^2 m_e / 2 pi, in cm^2/keV.
_WEAK = FERMI_KEV**2 * ELECTRON_MASS_KEV / (2.0 * math.pi) * HBARC2_KEV2_CM2
#: pi alpha^2 / m_e^2, in cm^2.
_MAGNETIC = math.pi * ALPHA**2 / ELECTRON_MASS_KEV**2 * HBARC2_KEV2_CM2
#: pi alpha^2 / m_e, in cm^2 keV.
_CHARGE = math.pi * ALPHA**2 / ELECTRON_MASS_KEV * HBARC2_KEV2_CM2


def bracket(recoil: FloatArray, a: float, b: float, c: float) -> FloatArray:
    """Expansion of a + b (1 - T/E)^2 + c m_e T/E^2; recoil in keV, E in MeV."""
    first = np.full_like(recoil, a + b)
    second = -2.0 * b * recoil / KEV_PER_MEV
    third = (b * recoil + c * ELECTRON_MASS_KEV) * recoil / KEV_PER_MEV**2
    return np.stack([first, second, third, np.zeros_like(recoil)])


def millicharge_shift(recoil_kev: ArrayLike) -> FloatArray:
    """Shift of g_V for a neutrino charge of 1 e: -sqrt2 pi alpha/(G_F m_e T).

    Examples
    --------
    >>> f"{float(millicharge_shift(1.0)) * 1e-12:.4f}"
    '-5.4396'
    """
    recoil = positive(recoil_kev, "recoil_kev")
    return -math.sqrt(2.0) * math.pi * ALPHA / (FERMI_KEV * ELECTRON_MASS_KEV * recoil)


def charge_radius_shift() -> float:
    """Shift of g_V for a charge radius squared of 1 cm^2: sqrt2 pi alpha/(3 G_F).

    Examples
    --------
    >>> f"{charge_radius_shift() * 1e-32:.8f}"
    '0.02379559'
    """
    natural = math.sqrt(2.0) * math.pi * ALPHA / (3.0 * FERMI_KEV)
    return natural / HBARC2_KEV2_CM2


#: Couplings that shift g_V by the same at all recoils: process -> symbol of the coupling
#: and shift for a coupling of 1. g_V is -1/2 + 2 sin^2 theta_W (+ 1).
VECTOR_SHIFT: dict[Process, tuple[str, float]] = {
    Process.ELECTRON_CHARGE_RADIUS: ("r2", charge_radius_shift()),
    Process.ELECTRON_MIXING_ANGLE: ("ds2", 2.0),
}


def sm_expansion(recoil: FloatArray, g: ElectronCouplings) -> FloatArray:
    """Expansion of the Standard Model term, cm^2/keV, shape (4, ...)."""
    mass_term = g.axial**2 - g.vector**2
    return _WEAK * bracket(recoil, g.left**2, g.right**2, mass_term)


def linear_expansion(
    recoil: FloatArray, g: ElectronCouplings, shift: FloatArray | float
) -> FloatArray:
    """Expansion of the term linear in a shift of g_V."""
    return 2.0 * _WEAK * shift * bracket(recoil, g.left, g.right, -g.vector)


def quadratic_expansion(recoil: FloatArray, shift: FloatArray | float) -> FloatArray:
    """Expansion of the term quadratic in a shift of g_V."""
    return _WEAK * np.square(shift) * bracket(recoil, 1.0, 1.0, -1.0)


def magnetic_expansion(recoil: FloatArray) -> FloatArray:
    """Expansion of the magnetic term for mu = 1 mu_B."""
    zero = np.zeros_like(recoil)
    inverse = np.full_like(recoil, -1.0 / KEV_PER_MEV)
    return _MAGNETIC * np.stack([1.0 / recoil, inverse, zero, zero])


def transition_expansion(recoil: FloatArray) -> FloatArray:
    """Expansion of the electromagnetic millicharge term for q = 1 e."""
    return _CHARGE / recoil**2 * bracket(recoil, 1.0, 1.0, -1.0)


def fea_expansion(recoil: FloatArray) -> FloatArray:
    """Expansion of :func:`fea` for q = 1 e."""
    return 2.0 * _CHARGE / recoil**2 * bracket(recoil, 1.0, 0.0, 0.0)


def parada_interference_expansion(recoil: FloatArray) -> FloatArray:
    """Expansion of the interference as printed by Parada (2020), for q = 1 e."""
    factor = 2.0 * math.sqrt(2.0) * ALPHA * FERMI_KEV * HBARC2_KEV2_CM2
    return factor / recoil * bracket(recoil, 1.0, 0.0, 0.0)


def _evaluate(
    expansion: FloatArray, energy_mev: ArrayLike, recoil: FloatArray
) -> FloatArray:
    allowed = recoil < maximum_recoil(energy_mev)
    return np.where(allowed, evaluate_expansion(expansion, energy_mev), 0.0)


def sm(
    energy_mev: ArrayLike,
    recoil_kev: ArrayLike,
    *,
    flavour: Flavour | str = Flavour.ANTI_NU_E,
    sin2_theta_w: float = SIN2_THETA_W,
) -> FloatArray:
    """Standard Model cross section of one free electron.

    Parameters
    ----------
    energy_mev, recoil_kev : array_like
        Neutrino energy (MeV) and electron recoil (keV), broadcast together.
    flavour : Flavour or str
        Neutrino at the detector.
    sin2_theta_w : float
        Weak mixing angle.

    Returns
    -------
    ndarray
        cm^2/keV, 0 at and above the largest recoil.

    Raises
    ------
    InputError
        For energies that are not above zero, a coupling that is not finite, or an
        unknown flavour.

    Notes
    -----
    Vogel and Engel, PRD 39 3378 (1989), eq. 3, with G_F^2 m_e / 2 pi in front.

    Examples
    --------
    >>> f"{float(sm(1.0, 10.0)):.6e}"
    '1.018038e-47'
    """
    recoil = positive(recoil_kev, "recoil_kev")
    g = electron_couplings(flavour, sin2_theta_w)
    return _evaluate(sm_expansion(recoil, g), energy_mev, recoil)


def magnetic(
    energy_mev: ArrayLike, recoil_kev: ArrayLike, moment: float = 1.0
) -> FloatArray:
    """Magnetic term for a moment in Bohr magnetons, cm^2/keV.

    Same arguments, shapes and errors as :func:`sm`; Vogel and Engel (1989), eq. 4.

    Examples
    --------
    >>> f"{float(magnetic(1.0, 1.0, 1e-11)):.6e}"
    '2.492177e-47'
    """
    recoil = positive(recoil_kev, "recoil_kev")
    return finite(moment, "moment") ** 2 * _evaluate(
        magnetic_expansion(recoil), energy_mev, recoil
    )


def transition(
    energy_mev: ArrayLike, recoil_kev: ArrayLike, charge: float = 1.0
) -> FloatArray:
    """Electromagnetic millicharge term alone, charge in e, cm^2/keV.

    Same arguments, shapes and errors as :func:`sm`.

    Examples
    --------
    >>> f"{float(transition(1.0, 1.0, 1e-12)):.6e}"
    '2.546350e-46'
    """
    recoil = positive(recoil_kev, "recoil_kev")
    return finite(charge, "charge") ** 2 * _evaluate(
        transition_expansion(recoil), energy_mev, recoil
    )


def fea(recoil_kev: ArrayLike, charge: float = 1.0) -> FloatArray:
    """Limit of :func:`transition` for recoils far below the energy, cm^2/keV.

    Chen et al., PRD 90 011301 (2014), eq. 5. It has no largest recoil.

    Examples
    --------
    >>> f"{float(fea(1.0, 1e-12)):.6e}"
    '2.549550e-46'
    """
    recoil = positive(recoil_kev, "recoil_kev")
    return 2.0 * _CHARGE * finite(charge, "charge") ** 2 / recoil**2


def interference(
    energy_mev: ArrayLike,
    recoil_kev: ArrayLike,
    charge: float = 1.0,
    *,
    flavour: Flavour | str = Flavour.ANTI_NU_E,
    sin2_theta_w: float = SIN2_THETA_W,
) -> FloatArray:
    """Interference of the millicharge with the weak amplitude, cm^2/keV.

    Linear in the charge and, for electron (anti)neutrinos, negative where it is
    positive; same arguments, shapes and errors as :func:`sm`.

    Examples
    --------
    >>> bool(interference(1.0, 1.0, 1e-12) < 0)
    True
    """
    recoil = positive(recoil_kev, "recoil_kev")
    g = electron_couplings(flavour, sin2_theta_w)
    shift = finite(charge, "charge") * millicharge_shift(recoil)
    expansion = linear_expansion(recoil, g, shift)
    return _evaluate(expansion, energy_mev, recoil)


def _shifted(
    energy_mev: ArrayLike,
    recoil: FloatArray,
    shift: FloatArray | float,
    g: ElectronCouplings,
) -> FloatArray:
    # Written as a square of couplings, not as the sum of the three terms, so that
    # it cannot come out negative, and so that the sum is a test.
    energy, recoil, delta = np.broadcast_arrays(
        positive(energy_mev, "energy_mev") * KEV_PER_MEV, recoil, shift
    )
    vector = g.vector + delta
    rest = 1.0 - recoil / energy
    mass = ELECTRON_MASS_KEV * recoil / energy**2
    value = (
        (vector + g.axial) ** 2
        + (vector - g.axial) ** 2 * rest**2
        + (g.axial**2 - vector**2) * mass
    )
    # of the energy as given: a round trip through keV moves the end by a rounding
    allowed = recoil < maximum_recoil(energy_mev)
    return np.where(allowed, _WEAK * value, 0.0)


def diagonal(
    energy_mev: ArrayLike,
    recoil_kev: ArrayLike,
    charge: float,
    *,
    flavour: Flavour | str = Flavour.ANTI_NU_E,
    sin2_theta_w: float = SIN2_THETA_W,
) -> FloatArray:
    """Whole cross section with a flavour-diagonal charge in e, cm^2/keV.

    The Standard Model with g_V shifted; equal to the sum of :func:`sm`,
    :func:`transition` and :func:`interference`. Arguments as there.

    Examples
    --------
    >>> f"{float(diagonal(1.0, 1.0, 1e-12)):.6e}"
    '1.735515e-46'
    """
    recoil = positive(recoil_kev, "recoil_kev")
    shift = finite(charge, "charge") * millicharge_shift(recoil)
    return _shifted(
        energy_mev, recoil, shift, electron_couplings(flavour, sin2_theta_w)
    )


def charge_radius(
    energy_mev: ArrayLike,
    recoil_kev: ArrayLike,
    radius_squared: float,
    *,
    flavour: Flavour | str = Flavour.ANTI_NU_E,
    sin2_theta_w: float = SIN2_THETA_W,
) -> FloatArray:
    """Whole cross section with a charge radius squared in cm^2, cm^2/keV.

    The radius is the deviation from its Standard Model value, which the couplings
    contain already. Arguments as in :func:`sm`.

    Examples
    --------
    >>> f"{float(charge_radius(1.0, 1.0, 1e-32)):.6e}"
    '1.076755e-47'
    """
    recoil = positive(recoil_kev, "recoil_kev")
    shift = finite(radius_squared, "radius_squared") * charge_radius_shift()
    return _shifted(
        energy_mev, recoil, shift, electron_couplings(flavour, sin2_theta_w)
    )
