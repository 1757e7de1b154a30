"""Atomic units, from the constants of the package.

Inside the atom everything is in Hartree units (energies in E_h, lengths in Bohr radii,
momenta in their inverse); outside energies and momenta are in keV.
"""

from __future__ import annotations

from typing import Final

from nuem.models.constants import ALPHA, ELECTRON_MASS_KEV

__all__ = ["BOHR_CM2", "HARTREE_KEV", "LIGHT", "MOMENTUM_KEV"]

#: Speed of light in atomic units, 1/alpha.
LIGHT: Final = 1.0 / ALPHA
#: Hartree energy alpha^2 m_e, keV.
HARTREE_KEV: Final = ALPHA**2 * ELECTRON_MASS_KEV
#: Atomic unit of momentum alpha m_e, keV.
MOMENTUM_KEV: Final = ALPHA * ELECTRON_MASS_KEV
#: Square of the Bohr radius (CODATA 2018: 5.29177210903e-9 cm), cm^2.
BOHR_CM2: Final = 5.29177210903e-9**2
