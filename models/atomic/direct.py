"""The charge cross section of one neutrino energy, integrated up to q = 2E - T.

Tables take the neutrino energy out of the integral, which needs responses that have
died out at q = 2E - T. Where they have not (low energies, near the largest recoil of a
free electron), this integrates directly. It needs the compiler, and seconds.
"""

from __future__ import annotations

import math

import numpy as np

from nuem.inputs.errors import ModelError
from nuem.models.atomic.build import thresholds
from nuem.models.atomic.moments import subshell_moments
from nuem.models.atomic.scf import Atom
from nuem.models.atomic.units import HARTREE_KEV, MOMENTUM_KEV
from nuem.models.constants import (
    ALPHA,
    HBARC2_KEV2_CM2,
    KEV_PER_MEV,
    REGULATOR_MASS_EV,
)

__all__ = ["charge_cross_section"]


def charge_cross_section(
    atom: Atom,
    energy_mev: float,
    recoil_kev: float,
    *,
    shells: tuple[str, ...] | None = None,
    count: int = 60,
) -> float:
    """Cross section of a millicharge of 1 e, independent electrons, neutrino mass.

    Parameters
    ----------
    atom : Atom
        In its self-consistent field.
    energy_mev, recoil_kev : float
        Neutrino energy and energy transfer.
    shells : tuple of str, optional
        X-ray names of the subshells to count; all by default.
    count : int
        Nodes in the momentum transfer.

    Returns
    -------
    float
        cm^2/keV per atom.

    Raises
    ------
    ModelError
        If the neutrino has not that much energy.

    Notes
    -----
    Subshells beyond the multipole limit count as free electrons, without the cut.

    Examples
    --------
    >>> from nuem.models.atomic.scf import solve_atom
    >>> value = charge_cross_section(solve_atom("Ge"), 1.0, 3.0, shells=("L1",))
    >>> f"{value:.2e}"
    '7.71e-22'
    """
    energy = energy_mev * KEV_PER_MEV
    if not 0.0 < recoil_kev < energy:
        raise ModelError(
            "the energy transfer is not below the neutrino energy",
            field="recoil_kev",
            found=f"{recoil_kev:g} keV",
            expected=f"above 0 and below {energy:g} keV",
        )
    total = np.zeros(10)
    for orbital, binding in zip(atom.orbitals, thresholds(atom), strict=True):
        if shells is None or orbital.shell.name in shells:
            total += subshell_moments(
                atom, orbital, recoil_kev / HARTREE_KEV, float(binding) / HARTREE_KEV,
                count=count, largest=(2.0 * energy - recoil_kev) / MOMENTUM_KEV,
            )[0]  # fmt: skip
    k = (2.0 * energy - recoil_kev) ** 2
    log = math.log(energy * (energy - recoil_kev) / (REGULATOR_MASS_EV * 1e-3) ** 2)
    near_a = total[8] + total[7] / recoil_kev**2 * log
    near_b = total[9] + total[7] * log
    whole = k * (total[0] + 0.5 * near_a) + 0.5 * near_b - total[1]
    return float(math.pi * ALPHA**2 / energy**2 * whole * HBARC2_KEV2_CM2)
