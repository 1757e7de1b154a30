"""From the moments of an atom to cross sections, with the regulator of the photon.

The neutrino has one helicity. With P = k + k', its tensor is P^mu P^nu - q^mu q^nu
- g^(mu nu) Q^2, and the contraction with a conserved current of the atom gives, with
K = (2E - T)^2 and Q^2 = q^2 - T^2::

    dsigma/dT (charge) = pi alpha^2 q_nu^2/E^2 int dQ^2/Q^4 X,
    X = (Q^2/q^2)^2 (K - q^2) R_L + (Q^2/2q^2) (K + q^2) R_T,
    dsigma/dT (moment) = pi alpha^2 mu^2/(4 m^2 E^2) int dQ^2/Q^2
                         {(Q^2/q^2)^2 K R_L + (Q^2/2) (K/q^2 - 1) R_T},
    dsigma/dT (weak)   = G_F^2/(8 pi E^2) int dQ^2 {g_V^2 X + g_A^2 Y},
    interference       = -sqrt2 alpha G_F q_nu g_V/(2 E^2) int dQ^2/Q^2 X.

Y = (K + 2Q^2 - q^2) R_L 2m/(2m + T) takes the axial response of closed subshells from
their charge response (spin without spin-orbit coupling, corrections of the order of
(Z alpha)^2 in the K shell) and is exact for free electrons up to (T/E)^2. The product
g_V g_A, smaller by T/E, is that of free electrons bound by less than T.

The integral of the charge over R_T diverges at small Q^2; what stands for
ln(T^2/Q^2_min) is the choice of a regulator:

``neutrino-mass``
    Q^2_min = m^2 T^2/(E E'), the lower end for a neutrino of mass m = 0.29 eV:
    ln(E E'/m^2), the logarithm of Chen et al. (2014);
``momentum-cut``
    Q_min = 0.29 eV: 2 ln(T/m);
``medium``
    the photon propagator in the medium: -ln|1 - eps| - theta cot theta.
"""

from __future__ import annotations

import math

import numpy as np

from nuem.inputs.errors import ModelError
from nuem.inputs.vocabulary import Regulator
from nuem.models.arrays import FloatArray
from nuem.models.constants import (
    ALPHA,
    ELECTRON_MASS_KEV,
    FERMI_KEV,
    HBARC2_KEV2_CM2,
    KEV_PER_MEV,
    REGULATOR_MASS_EV,
)
from nuem.models.isotopes import Target
from nuem.models.regulators import one_minus_epsilon, propagator_logarithm

__all__ = [
    "axial_expansion",
    "charge_expansion",
    "interference_expansion",
    "magnetic_expansion",
    "regulator_logarithm",
    "vector_expansion",
]

_CHARGE = math.pi * ALPHA**2 * HBARC2_KEV2_CM2
_MAGNETIC = math.pi * ALPHA**2 / (4.0 * ELECTRON_MASS_KEV**2) * HBARC2_KEV2_CM2
_WEAK = FERMI_KEV**2 / (8.0 * math.pi) * HBARC2_KEV2_CM2
_MIXED = -math.sqrt(2.0) * ALPHA * FERMI_KEV / 2.0 * HBARC2_KEV2_CM2


def _over_energy(recoil: FloatArray, a: FloatArray, b: FloatArray) -> FloatArray:
    """Expansion of (K a + b)/E^2; T and the integrals in keV, E in MeV."""
    t = recoil / KEV_PER_MEV
    zero = np.zeros_like(recoil)
    last = a * t * t + b / KEV_PER_MEV**2
    return np.stack([4.0 * a, -4.0 * a * t, last, zero, zero, zero])


def regulator_logarithm(
    recoil: FloatArray,
    regulator: Regulator | str,
    *,
    medium: Target | None = None,
    density_g_cm3: float | None = None,
) -> FloatArray:
    """What stands for ln(T^2/Q^2_min), where it does not depend on E.

    Parameters
    ----------
    recoil : ndarray
        Energy transfer, keV.
    regulator : Regulator or str
        ``momentum-cut`` or ``medium``.
    medium : Target, optional
        Element or compound that the atom is part of, for ``medium``.
    density_g_cm3 : float, optional
        Its density, if it is not the usual one.

    Returns
    -------
    ndarray
        Of the shape of the recoil.

    Raises
    ------
    ModelError
        For ``neutrino-mass``, without a medium, and outside the optical constants.

    Examples
    --------
    >>> from nuem.models.isotopes import target
    >>> float(regulator_logarithm(np.array([1.0]), "momentum-cut")[0].round(3))
    16.291
    >>> log = regulator_logarithm(np.array([1.0]), "medium", medium=target("Ge"))
    >>> float(log[0].round(2))
    5.66
    """
    name = Regulator(regulator)
    if name is Regulator.MOMENTUM_CUT:
        return np.asarray(2.0 * np.log(recoil * 1e3 / REGULATOR_MASS_EV))
    if name is Regulator.MEDIUM and medium is not None:
        return propagator_logarithm(one_minus_epsilon(medium, recoil, density_g_cm3))
    if name is Regulator.MEDIUM:
        raise ModelError("this regulator needs a medium", field="medium", found=name)
    raise ModelError("this regulator depends on the neutrino energy", found=name)


def charge_expansion(
    recoil: FloatArray,
    moments: FloatArray,
    regulator: Regulator | str = Regulator.NEUTRINO_MASS,
    *,
    medium: Target | None = None,
    density_g_cm3: float | None = None,
) -> FloatArray:
    """Expansion of the electromagnetic millicharge term for q = 1 e.

    Parameters
    ----------
    recoil : ndarray
        Energy transfer, keV.
    moments : ndarray, shape (10, ...)
        From :meth:`nuem.models.atomic.table.AtomicTable.at`.
    regulator, medium, density_g_cm3
        See :func:`regulator_logarithm`.

    Returns
    -------
    ndarray, shape (6, ...)
        Factors of the functions of E, cm^2/keV/atom. ln(1 - T/E) is taken to its
        second order, which leaves (T/E)^3/3 of a sum of 4 times the logarithm.
    """
    t = recoil / KEV_PER_MEV
    real = moments[7]
    result = _over_energy(
        recoil, moments[0] + 0.5 * moments[8], 0.5 * moments[9] - moments[1]
    )
    # (K/T^2 + 1) real/2 = real/2T^2 (4 - 4x + 2x^2) E^2, x = T/E
    near = 0.5 * real / recoil**2 * np.stack([4.0 + 0.0 * t, -4.0 * t, 2.0 * t * t])
    if Regulator(regulator) is Regulator.NEUTRINO_MASS:
        constant = -2.0 * math.log(REGULATOR_MASS_EV * 1e-6)
        result[:3] += near * constant
        result[3:] += 2.0 * near
        # times ln(1 - x) = -x - x^2/2: the terms up to x^2
        result[1] += 0.5 * real / recoil**2 * (-4.0 * t)
        result[2] += 0.5 * real / recoil**2 * (2.0 * t * t)
    else:
        result[:3] += near * regulator_logarithm(
            recoil, regulator, medium=medium, density_g_cm3=density_g_cm3
        )
    return _CHARGE * result


def magnetic_expansion(recoil: FloatArray, moments: FloatArray) -> FloatArray:
    """Expansion of the magnetic term for mu = 1 mu_B; arguments as above."""
    square = recoil**2
    a = moments[1] - square * moments[0] + 0.5 * moments[4]
    return _MAGNETIC * _over_energy(recoil, a, -0.5 * moments[5])


def interference_expansion(recoil: FloatArray, moments: FloatArray) -> FloatArray:
    """Expansion of the term linear in q (1 e) and in g_V, for g_V = 1."""
    square = recoil**2
    a = moments[1] - square * moments[0] + 0.5 * moments[4]
    b = -(moments[2] - square * moments[1]) + 0.5 * moments[5]
    return _MIXED * _over_energy(recoil, a, b)


def vector_expansion(recoil: FloatArray, moments: FloatArray) -> FloatArray:
    """Expansion of the weak vector term, for g_V = 1."""
    s = recoil**2
    l0, l1, l2, l3, t1, t2, t3 = moments[:7]
    a = l2 - 2.0 * s * l1 + s * s * l0 + 0.5 * (t2 - s * t1)
    b = -(l3 - 2.0 * s * l2 + s * s * l1) + 0.5 * (t3 - s * t2)
    return _WEAK * _over_energy(recoil, a, b)


def axial_expansion(recoil: FloatArray, moments: FloatArray) -> FloatArray:
    """Expansion of the weak axial term, for g_A = 1."""
    spin = 2.0 * ELECTRON_MASS_KEV / (2.0 * ELECTRON_MASS_KEV + recoil)
    b = moments[3] - 2.0 * recoil**2 * moments[2]
    return _WEAK * _over_energy(recoil, spin * moments[2], spin * b)
