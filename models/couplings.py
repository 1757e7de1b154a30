"""Weak couplings of the electron and of the nucleons to each neutrino flavour.

The amplitude is written with the neutrino current left-handed, as
``G_F/sqrt2 [nu gamma (1 - gamma5) nu] [e gamma (g_V - g_A gamma5) e]``. An
electron neutrino has the charged current besides the neutral one, which after a
Fierz transformation adds 1 to both couplings. An antineutrino of the same flavour
has the opposite sign of g_A.
"""

from __future__ import annotations

from typing import NamedTuple

from nuem.inputs.errors import InputError
from nuem.inputs.vocabulary import Flavour, WeakCouplings
from nuem.models.constants import SIN2_THETA_W
from nuem.models.options import word
from nuem.models.tables import table

__all__ = [
    "ElectronCouplings",
    "NucleonCouplings",
    "electron_couplings",
    "flavour_symbol",
    "nucleon_couplings",
]


class ElectronCouplings(NamedTuple):
    """Vector and axial coupling of the electron, as one flavour sees it."""

    vector: float
    axial: float

    @property
    def left(self) -> float:
        """g_V + g_A, the part without the factor (1 - T/E)^2."""
        return self.vector + self.axial

    @property
    def right(self) -> float:
        """g_V - g_A, the part with the factor (1 - T/E)^2."""
        return self.vector - self.axial


def as_flavour(flavour: str) -> Flavour:
    """Flavour of that name, or an InputError that lists the names."""
    try:
        return Flavour(flavour)
    except ValueError:
        raise InputError(
            "unknown flavour",
            field="flavour",
            found=flavour,
            expected="one of " + ", ".join(Flavour),
        ) from None


def electron_couplings(
    flavour: Flavour | str = Flavour.ANTI_NU_E, sin2_theta_w: float = SIN2_THETA_W
) -> ElectronCouplings:
    """Couplings g_V, g_A of neutrino-electron scattering at tree level.

    Parameters
    ----------
    flavour : Flavour or str
        Neutrino at the detector.
    sin2_theta_w : float
        Weak mixing angle; the default is the value at zero momentum transfer.

    Returns
    -------
    ElectronCouplings
        ``(vector, axial)``, dimensionless.

    Raises
    ------
    InputError
        If there is no such flavour, or the mixing angle is outside 0 to 1.

    Notes
    -----
    't Hooft, PLB 37 195 (1971); Vogel and Engel, PRD 39 3378 (1989).

    Examples
    --------
    >>> electron_couplings("anti-nu-e")
    ElectronCouplings(vector=0.97726, axial=-0.5)
    >>> electron_couplings("nu-mu").axial
    -0.5
    """
    if not 0.0 < sin2_theta_w < 1.0:
        raise InputError(
            "out of range",
            field="sin2_theta_w",
            found=sin2_theta_w,
            expected="a number between 0 and 1",
        )
    name = as_flavour(flavour)
    charged_current = 1.0 if flavour_symbol(name) == "e" else 0.0
    vector = -0.5 + 2.0 * sin2_theta_w + charged_current
    axial = -0.5 + charged_current
    return ElectronCouplings(vector, -axial if name.is_antineutrino else axial)


def flavour_symbol(flavour: Flavour | str) -> str:
    """Letter of a flavour in the name of a coupling: e, mu or tau.

    Examples
    --------
    >>> flavour_symbol("anti-nu-mu")
    'mu'
    """
    return as_flavour(flavour).value.rsplit("-", 1)[-1]


class NucleonCouplings(NamedTuple):
    """Vector couplings of proton and neutron."""

    proton: float
    neutron: float

    def charge(self, protons: int, neutrons: int) -> float:
        """Weak charge of a nucleus, Z g_Vp + N g_Vn.

        Examples
        --------
        >>> round(NucleonCouplings(0.0227, -0.5).charge(32, 40), 4)
        -19.2736
        """
        return protons * self.proton + neutrons * self.neutron


def nucleon_couplings(
    couplings: WeakCouplings | str = WeakCouplings.RADIATIVE,
    flavour: Flavour | str = Flavour.ANTI_NU_E,
    sin2_theta_w: float = SIN2_THETA_W,
) -> NucleonCouplings:
    """Vector couplings of the nucleons, the same for antineutrinos.

    Parameters
    ----------
    couplings : WeakCouplings or str
        ``tree``: 1/2 - 2 sin^2 and -1/2; ``radiative``: corrected, as used for
        reactors since 2005; ``flavoured``: modern values, which differ by flavour
        through the charge radius of the Standard Model.
    flavour : Flavour or str
        Neutrino at the detector; only ``flavoured`` depends on it.
    sin2_theta_w : float
        Weak mixing angle; only ``tree`` depends on it.

    Returns
    -------
    NucleonCouplings
        ``(proton, neutron)``.

    Raises
    ------
    InputError
        For an unknown word, or a mixing angle outside 0 to 1.

    Notes
    -----
    The numbers and their sources are in ``inputs/tables/weak-couplings.yaml``, where
    those not verified are marked.

    Examples
    --------
    >>> [round(c, 7) for c in nucleon_couplings("radiative")]
    [0.0303994, -0.5122125]
    """
    name = word(WeakCouplings, couplings, "couplings")
    letter = flavour_symbol(flavour)
    if name is WeakCouplings.TREE:
        electron_couplings(flavour, sin2_theta_w)
        return NucleonCouplings(0.5 - 2.0 * sin2_theta_w, -0.5)
    values = table("weak-couplings")[name.value]
    if name is WeakCouplings.FLAVOURED:
        return NucleonCouplings(
            float(values["proton"][letter]), float(values["neutron"])
        )
    rho, kappa, angle = values["rho"], values["kappa"], values["sin2_theta_z"]
    up_left, up_right = values["lambda_ul"], values["lambda_ur"]
    down_left, down_right = values["lambda_dl"], values["lambda_dr"]
    up, down = up_left + up_right, down_left + down_right
    proton = rho * (0.5 - 2.0 * kappa * angle) + 2.0 * up + down
    return NucleonCouplings(proton, -0.5 * rho + up + 2.0 * down)
