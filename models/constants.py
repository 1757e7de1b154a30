"""Physical constants, each with its source.

The unit of a name is its suffix. Cross sections are worked out in natural units
(keV^-3) and brought to cm^2/keV with :data:`HBARC2_KEV2_CM2`.

Examples
--------
>>> round(THOMSON_CM2 * 1e24, 4)  # barn, from the classical radius below
0.6652
"""

from __future__ import annotations

import math
from typing import Final

__all__ = [
    "ALPHA",
    "ATOMIC_MASS_UNIT_KEV",
    "AVOGADRO",
    "ELECTRON_CHARGE_C",
    "ELECTRON_MASS_KEV",
    "ELECTRON_MASS_MEV",
    "ELECTRON_RADIUS_CM",
    "FERMI_KEV",
    "HBARC2_KEV2_CM2",
    "HBARC_MEV_FM",
    "HC_KEV_CM",
    "KEV_PER_MEV",
    "MUON_LIFETIME_US",
    "MUON_MASS_MEV",
    "PION_LIFETIME_US",
    "PION_MASS_MEV",
    "REGULATOR_MASS_EV",
    "SECONDS_PER_DAY",
    "SIN2_THETA_W",
    "THOMSON_CM2",
]

#: Fermi constant in keV^-2; 1.1663788e-5 GeV^-2 from the muon lifetime
#: (MuLan, PRD 87 052003; PDG 2022).
FERMI_KEV: Final = 1.1663788e-17

#: Fine-structure constant at zero momentum transfer (CODATA 2018).
ALPHA: Final = 1.0 / 137.035999

#: Electron mass (CODATA 2018).
ELECTRON_MASS_KEV: Final = 510.99895
ELECTRON_MASS_MEV: Final = 0.51099895

#: (hbar c)^2: turns keV^-2 into cm^2 (CODATA 2018, exact since 2019 up to
#: rounding).
HBARC2_KEV2_CM2: Final = 3.89379372e-16

#: hbar c: momentum transfer times radius (CODATA 2018, exact since 2019).
HBARC_MEV_FM: Final = 197.3269804

#: sin^2 of the weak mixing angle at zero momentum transfer, MS-bar (PDG 2022).
SIN2_THETA_W: Final = 0.23863

#: Avogadro constant, per mol (SI, exact).
AVOGADRO: Final = 6.02214076e23

#: Elementary charge in coulomb (SI, exact): joule per electronvolt.
ELECTRON_CHARGE_C: Final = 1.602176634e-19

#: Atomic mass unit (CODATA 2018).
ATOMIC_MASS_UNIT_KEV: Final = 931494.10242

#: Classical electron radius (CODATA 2018).
ELECTRON_RADIUS_CM: Final = 2.8179403262e-13

#: Planck constant times speed of light: wavelength = HC_KEV_CM / energy (SI, exact).
HC_KEV_CM: Final = 1.2398419843320026e-7

#: Mass that cuts off the logarithm of the equivalent photons: 0.68 um, the Debye
#: length taken in Chen et al., PRD 90 011301 (2014), written as an energy.
REGULATOR_MASS_EV: Final = 0.29

#: Thomson cross section, a check on the radius.
THOMSON_CM2: Final = 8.0 * math.pi / 3.0 * ELECTRON_RADIUS_CM**2

#: Masses and lifetimes of the charged pion and the muon (PDG 2022).
PION_MASS_MEV: Final = 139.57039
MUON_MASS_MEV: Final = 105.6583755
PION_LIFETIME_US: Final = 0.026033
MUON_LIFETIME_US: Final = 2.1969811

#: Seconds in a day of exposure.
SECONDS_PER_DAY: Final = 86400.0
#: Energies of neutrinos are in MeV, of recoils in keV.
KEV_PER_MEV: Final = 1000.0
