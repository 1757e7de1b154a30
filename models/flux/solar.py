"""Solar neutrinos at the Earth, with flavour conversion.

The flux is an incoherent mixture: what arrives as electron neutrino and as muon or
tau neutrino are components of their own, each with its cross section. Conversion
is the two-flavour adiabatic one in matter at the mean electron density where each
component is made; regeneration in the Earth is left out.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from math import sqrt
from typing import Any

import numpy as np

from nuem.inputs.errors import InputError
from nuem.inputs.vocabulary import Flavour
from nuem.models.arrays import ArrayLike, FloatArray, positive
from nuem.models.constants import (
    AVOGADRO,
    FERMI_KEV,
    HBARC2_KEV2_CM2,
    KEV_PER_MEV,
)
from nuem.models.flux.beta import AllowedSpectrum
from nuem.models.flux.spectrum import Continuum, Flux, Line
from nuem.models.flux.tables import table

__all__ = ["Oscillation", "solar_flux"]

#: 2 sqrt2 G_F times one mol of electrons per cm^3 times 1 MeV, in eV^2: 1.5265e-7.
_MATTER_EV2 = (
    2.0 * sqrt(2.0) * FERMI_KEV * AVOGADRO * HBARC2_KEV2_CM2**1.5 * KEV_PER_MEV * 1e6
)


@dataclass(frozen=True)
class Oscillation:
    """Mixing parameters and the conversion that follows from them.

    Parameters
    ----------
    sin2_theta12, sin2_theta13, sin2_theta23 : float
        Squared sines of the mixing angles.
    delta_m2_21_ev2 : float
        Difference of the squared masses, eV^2.

    Examples
    --------
    >>> mixing = Oscillation(0.303, 0.02225, 0.572, 7.41e-5)
    >>> round(float(mixing.survival(10.0, 92.5)), 4)
    0.3188
    """

    sin2_theta12: float
    sin2_theta13: float
    sin2_theta23: float
    delta_m2_21_ev2: float

    def survival(self, energy_mev: ArrayLike, electron_density: float) -> FloatArray:
        """Probability that an electron neutrino of the Sun arrives as one.

        Parameters
        ----------
        energy_mev : array_like
            Energy, MeV, any shape.
        electron_density : float
            Electrons where the neutrino is made, mol/cm^3.

        Returns
        -------
        ndarray
            Probability, of the same shape.

        Notes
        -----
        Parke, PRL 57 1275 (1986), adiabatic limit, with the third flavour averaged:
        P = c13^4 (1 + cos 2 theta12 cos 2 theta12m)/2 + s13^4.
        """
        energy = positive(energy_mev, "energy_mev")
        cos2_13 = 1.0 - self.sin2_theta13
        ratio = _MATTER_EV2 * cos2_13 * electron_density * energy / self.delta_m2_21_ev2
        cosine = 1.0 - 2.0 * self.sin2_theta12
        sine2 = 1.0 - cosine**2
        matter = (cosine - ratio) / np.sqrt((cosine - ratio) ** 2 + sine2)
        two_flavour = 0.5 * (1.0 + cosine * matter)
        stays: FloatArray = cos2_13**2 * two_flavour + self.sin2_theta13**2
        return stays

    def shares(
        self, energy_mev: ArrayLike, electron_density: float
    ) -> dict[Flavour, FloatArray]:
        """Share of each flavour at the Earth; the three sum to 1.

        The part that is not electron neutrino is divided between muon and tau
        neutrino as cos^2 and sin^2 of theta23.
        """
        stays = self.survival(energy_mev, electron_density)
        return {
            Flavour.NU_E: stays,
            Flavour.NU_MU: (1.0 - stays) * (1.0 - self.sin2_theta23),
            Flavour.NU_TAU: (1.0 - stays) * self.sin2_theta23,
        }


@dataclass(frozen=True)
class _Converted:
    """Density of one flavour: the spectrum at the source times its share."""

    spectrum: AllowedSpectrum
    oscillation: Oscillation
    electron_density: float
    flavour: Flavour

    def __call__(self, energy: FloatArray) -> FloatArray:
        shares = self.oscillation.shares(energy, self.electron_density)
        density: FloatArray = self.spectrum(energy) * shares[self.flavour]
        return density


def _default_oscillation() -> Oscillation:
    values = table("solar-fluxes")["oscillation"]
    return Oscillation(
        values["sin2_theta12"],
        values["sin2_theta13"],
        values["sin2_theta23"],
        values["delta_m2_21_ev2"],
    )


def solar_flux(
    components: Iterable[str] = ("pp", "7Be"),
    *,
    oscillation: Oscillation | None = None,
    fluxes: Mapping[str, float] | None = None,
) -> Flux:
    """Solar neutrinos of the standard model B16-GS98 at the Earth.

    Parameters
    ----------
    components : iterable of str
        Names of reactions: ``pp``, ``7Be``.
    oscillation : Oscillation, optional
        Mixing parameters; by default those of the table.
    fluxes : mapping, optional
        Fluxes that replace those of the table, per cm^2 s.

    Returns
    -------
    Flux
        Electron, muon and tau neutrinos, per cm^2 s.

    Raises
    ------
    InputError
        For an unknown component.

    Notes
    -----
    Fluxes: Vinyoles et al., ApJ 835 202 (2017). Allowed shape for pp; the 7Be lines
    are taken as sharp (thermal widths are about 1 keV).

    Examples
    --------
    >>> sun = solar_flux()
    >>> f"{sun.integrate():.3e}", [str(f) for f in sun.flavours]
    ('6.473e+10', ['nu-e', 'nu-mu', 'nu-tau'])
    """
    tables = table("solar-fluxes")
    mixing = _default_oscillation() if oscillation is None else oscillation
    parts: list[Continuum | Line] = []
    used: dict[str, float] = {}
    for name in components:
        entry: dict[str, Any] | None = tables["components"].get(name)
        if entry is None:
            raise InputError(
                "unknown solar component",
                field="components",
                found=name,
                expected="one of " + ", ".join(tables["components"]),
            )
        total = float((fluxes or {}).get(name, entry["flux"]))
        used[name] = float(positive(total, f"fluxes.{name}"))
        parts += _component(name, entry, used[name], mixing)
    unknown = sorted(set(fluxes or {}) - set(used))
    if unknown:
        raise InputError(
            "a flux for a component that is not asked for",
            field="fluxes",
            found=", ".join(unknown),
        )
    return Flux(
        tuple(parts),
        "solar, B16-GS98: " + ", ".join(used),
        {"fluxes": used, "oscillation": vars(mixing).copy()},
    )


def _component(
    name: str, entry: dict[str, Any], total: float, mixing: Oscillation
) -> list[Continuum | Line]:
    density = float(entry["electron_density"]["value"])
    flavours = (Flavour.NU_E, Flavour.NU_MU, Flavour.NU_TAU)
    parts: list[Continuum | Line] = []
    if entry["shape"] == "allowed":
        end = float(entry["endpoint_mev"])
        # the Sun emits positrons: the daughter repels them
        spectrum = AllowedSpectrum(end, -int(entry["daughter_z"]))
        for flavour in flavours:
            shape = _Converted(spectrum, mixing, density, flavour)
            # one point close to the end, where the positron is held back
            ends = (0.0, 0.99 * end, end)
            parts.append(Continuum(name, flavour, shape, ends, total))
        return parts
    for energy, fraction in zip(entry["energy_mev"], entry["fraction"], strict=True):
        for flavour, share in mixing.shares(energy, density).items():
            weight = total * fraction * float(share)
            parts.append(Line(name, flavour, float(energy), weight))
    return parts
