"""Two-body kinematics, and cross sections as expansions in the neutrino energy.

At a fixed recoil every cross section here is a short sum over functions of the
neutrino energy: 1, 1/E, 1/E^2, and the same times ln E. An *expansion* holds the factors, with
E in MeV; those that are 0 at the end may be left out. The fold with a flux then needs
six integrals of the flux for each recoil and no more, which is both fast and free of a grid in the energy.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from nuem.models.arrays import ArrayLike, FloatArray, positive
from nuem.models.constants import ELECTRON_MASS_KEV, KEV_PER_MEV

__all__ = [
    "BASIS",
    "basis",
    "evaluate_expansion",
    "maximum_recoil",
    "minimum_energy",
]

#: The functions of the neutrino energy (in MeV) that an expansion multiplies.
BASIS: Final = ("1", "1/E", "1/E^2", "ln E", "ln E/E", "ln E/E^2")


def maximum_recoil(
    energy_mev: ArrayLike, mass_kev: float | FloatArray = ELECTRON_MASS_KEV
) -> FloatArray:
    """Largest recoil of a particle at rest, 2E^2/(2E + M).

    Parameters
    ----------
    energy_mev : array_like
        Neutrino energy, MeV.
    mass_kev : float or ndarray
        Mass of the struck particle, keV, broadcast against the other argument.

    Returns
    -------
    ndarray
        Recoil, keV, of the broadcast shape.

    Examples
    --------
    >>> round(float(maximum_recoil(1.0)), 3)
    796.496
    """
    energy = positive(energy_mev, "energy_mev") * KEV_PER_MEV
    return 2.0 * energy**2 / (2.0 * energy + mass_kev)


def minimum_energy(
    recoil_kev: ArrayLike, mass_kev: float | FloatArray = ELECTRON_MASS_KEV
) -> FloatArray:
    """Smallest neutrino energy that can give a recoil, the inverse of the above.

    Parameters
    ----------
    recoil_kev : array_like
        Recoil, keV.
    mass_kev : float or ndarray
        Mass of the struck particle, keV, broadcast against the other argument.

    Returns
    -------
    ndarray
        Neutrino energy, MeV, of the broadcast shape.

    Examples
    --------
    >>> bool(abs(minimum_energy(maximum_recoil(2.5)) - 2.5) < 1e-12)
    True
    """
    recoil = positive(recoil_kev, "recoil_kev")
    return 0.5 * (recoil + np.sqrt(recoil**2 + 2.0 * mass_kev * recoil)) / KEV_PER_MEV


def basis(energy_mev: ArrayLike) -> FloatArray:
    """Values of the basis functions, shape (6, ...).

    Examples
    --------
    >>> basis(2.0)[:3]
    array([1.  , 0.5 , 0.25])
    """
    energy = positive(energy_mev, "energy_mev")
    inverse, log = 1.0 / energy, np.log(energy)
    powers = [np.ones_like(energy), inverse, inverse**2]
    return np.stack([*powers, *(log * power for power in powers)])


def evaluate_expansion(expansion: FloatArray, energy_mev: ArrayLike) -> FloatArray:
    """Cross section of an expansion at given energies, without the limit T_max.

    Parameters
    ----------
    expansion : ndarray
        Shape (k, ...), factors of the first k basis functions.
    energy_mev : array_like
        Neutrino energy, MeV, broadcast against the trailing shape.

    Returns
    -------
    ndarray
        Sum over the basis.

    Examples
    --------
    >>> float(evaluate_expansion(np.array([1.0, 4.0, 0.0, 0.0]), 2.0))
    3.0
    """
    values = basis(energy_mev)
    result = expansion[0] * values[0]
    for factor, value in zip(expansion[1:], values[1:], strict=False):
        result = result + factor * value
    return np.asarray(result, dtype=np.float64)
