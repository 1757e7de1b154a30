"""Solar neutrinos at the Earth, with flavour conversion.

The flux is an incoherent mixture: what arrives as electron neutrino and as muon or
tau neutrino are components of their own, each with its cross section. Conversion
is the two-flavour adiabatic one in matter at the mean electron density where each
component is made; regeneration in the Earth is left out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from nuem.inputs.errors import InputError
from nuem.inputs.vocabulary import Flavour
from nuem.models.arrays import ArrayLike, FloatArray, not_negative, positive
from nuem.models.flux.beta import AllowedSpectrum
from nuem.models.flux.spectrum import Continuum, Flux, Line
from nuem.models.flux.uncertainty import Band
from nuem.models.quadrature import nodes
from nuem.models.tables import table

__all__ = ["Oscillation", "SplineSpectrum", "solar_flux"]

#: 2 sqrt2 G_F N_A (hbar c)^3 per cm^3 times 1 MeV, in eV^2, to the four digits in
#: which the literature of solar neutrinos uses it. CODATA gives 1.526493e-7: 3e-4 more,
#: 1e-4 of P_ee, far below what the effective electron densities are known to.
_MATTER_EV2 = 1.526e-7


@dataclass(frozen=True)
class Oscillation:
    """Mixing parameters and the conversion that follows from them.

    Parameters
    ----------
    sin2_theta12, sin2_theta13, sin2_theta23 : float
        Squared sines of the mixing angles.
    delta_m2_21_ev2 : float
        Difference of the squared masses, eV^2, above 0.

    Raises
    ------
    InputError
        For a squared sine outside 0 to 1, or a difference that is not above 0.

    Examples
    --------
    >>> mixing = Oscillation(0.303, 0.02225, 0.572, 7.41e-5)
    >>> round(float(mixing.survival(10.0, 92.5)), 4)
    0.3189
    """

    sin2_theta12: float
    sin2_theta13: float
    sin2_theta23: float
    delta_m2_21_ev2: float

    def __post_init__(self) -> None:
        """Check the numbers."""
        positive(self.delta_m2_21_ev2, "delta_m2_21_ev2")
        for name in ("sin2_theta12", "sin2_theta13", "sin2_theta23"):
            value = getattr(self, name)
            if not 0.0 <= value <= 1.0:
                raise InputError(
                    "out of range",
                    field=name,
                    found=value,
                    expected="a number from 0 to 1",
                )

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

        Raises
        ------
        InputError
            For an energy or a density below 0.

        Notes
        -----
        Parke, PRL 57 1275 (1986), adiabatic limit, with the third flavour averaged:
        P = c13^4 (1 + cos 2 theta12 cos 2 theta12m)/2 + s13^4.
        """
        energy = not_negative(energy_mev, "energy_mev")
        electrons = float(not_negative(electron_density, "electron_density"))
        cos2_13 = 1.0 - self.sin2_theta13
        ratio = _MATTER_EV2 * cos2_13 * electrons * energy / self.delta_m2_21_ev2
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

    spectrum: Callable[[FloatArray], FloatArray]
    oscillation: Oscillation
    electron_density: float
    flavour: Flavour

    def __call__(self, energy: FloatArray) -> FloatArray:
        shares = self.oscillation.shares(energy, self.electron_density)
        density: FloatArray = self.spectrum(energy) * shares[self.flavour]
        return density


@dataclass(frozen=True)
class SplineSpectrum:
    """A tabulated spectrum, by a cubic spline of ln(f/E^2), normalised to 1.

    Parameters
    ----------
    energies_mev : tuple of float
        Rising energies.
    values : tuple of float
        Density at each, per MeV.
    """

    energies_mev: tuple[float, ...]
    values: tuple[float, ...]

    @cached_property
    def _spline(self) -> Any:
        from scipy.interpolate import CubicSpline

        energy = np.asarray(self.energies_mev)
        return CubicSpline(energy, np.log(np.asarray(self.values) / energy**2))

    def __post_init__(self) -> None:
        """Check the table."""
        energies = positive(self.energies_mev, "energies_mev")
        values = positive(self.values, "values")
        if energies.size < 2 or energies.shape != values.shape:
            raise InputError("a value for each energy is needed", field="values")
        if np.any(np.diff(energies) <= 0.0):
            raise InputError("the energies do not rise", field="energies_mev")

    def _shape(self, energy: FloatArray) -> FloatArray:
        # below the first point f goes on as E^2
        inside = np.maximum(energy, self.energies_mev[0])
        return np.asarray(energy**2 * np.exp(self._spline(inside)))

    @cached_property
    def _norm(self) -> float:
        x, w = nodes(np.append(0.0, self.energies_mev), 12)
        return float((w * self._shape(x)).sum())

    def __call__(self, energy_mev: ArrayLike) -> FloatArray:
        """Density per MeV: as E^2 below the table, 0 above it."""
        energy = not_negative(energy_mev, "energy_mev")
        end = self.energies_mev[-1]
        inside = self._shape(np.minimum(energy, end)) / self._norm
        return np.where(energy <= end, inside, 0.0)


def _default_oscillation() -> Oscillation:
    values = table("solar-fluxes")["oscillation"]
    return Oscillation(
        values["sin2_theta12"],
        values["sin2_theta13"],
        values["sin2_theta23"],
        values["delta_m2_21_ev2"],
    )


def solar_flux(
    components: Iterable[str] | None = None,
    *,
    model: str = "B16-GS98",
    oscillation: Oscillation | None = None,
    fluxes: Mapping[str, float] | None = None,
) -> Flux:
    """Solar neutrinos of a standard model at the Earth.

    Parameters
    ----------
    components : iterable of str, optional
        Names of reactions: ``pp``, ``7Be``, ``pep``, ``8B``, ``hep``, ``13N``,
        ``15O``, ``17F``; all by default.
    model : str
        ``B16-GS98`` (high metallicity) or ``B16-AGSS09`` (low).
    oscillation : Oscillation, optional
        Mixing parameters; by default those of the table.
    fluxes : mapping, optional
        Fluxes that replace those of the table, per cm^2 s.

    Returns
    -------
    Flux
        Electron, muon and tau neutrinos, per cm^2 s. The metadata hold the relative
        uncertainty of each component.

    Raises
    ------
    InputError
        For an unknown component or model.

    Notes
    -----
    Fluxes: Vinyoles et al., ApJ 835 202 (2017). Allowed shapes, for 8B a table; the
    lines are taken as sharp (thermal widths are about 1 keV).

    Examples
    --------
    >>> sun = solar_flux(["pp", "7Be"])
    >>> f"{sun.integrate():.3e}", [str(f) for f in sun.flavours]
    ('6.473e+10', ['nu-e', 'nu-mu', 'nu-tau'])
    """
    tables = table("solar-fluxes")
    mixing = _default_oscillation() if oscillation is None else oscillation
    if model not in tables["models"]:
        raise InputError(
            "unknown solar model",
            field="model",
            found=model,
            expected="one of " + ", ".join(tables["models"]),
        )
    known = tables["models"][model]
    parts: list[Continuum | Line] = []
    used: dict[str, float] = {}
    uncertainties: dict[str, float] = {}
    for name in tables["components"] if components is None else components:
        entry: dict[str, Any] | None = tables["components"].get(name)
        if entry is None:
            raise InputError(
                "unknown solar component",
                field="components",
                found=name,
                expected="one of " + ", ".join(tables["components"]),
            )
        if name in used:
            raise InputError(
                "a component is named twice", field="components", found=name
            )
        total = float((fluxes or {}).get(name, known[name][0]))
        used[name] = float(positive(total, f"fluxes.{name}"))
        uncertainties[name] = float(known[name][1])
        size = Band(uncertainties[name])
        parts += _component(name, entry, used[name], mixing, size)
    unknown = sorted(set(fluxes or {}) - set(used))
    if unknown:
        raise InputError(
            "a flux for a component that is not asked for",
            field="fluxes",
            found=", ".join(unknown),
        )
    return Flux(
        tuple(parts),
        f"solar, {model}: " + ", ".join(used),
        {
            "model": model,
            "fluxes": used,
            "uncertainties": uncertainties,
            "oscillation": vars(mixing).copy(),
        },
    )


def _component(
    name: str,
    entry: dict[str, Any],
    total: float,
    mixing: Oscillation,
    uncertainty: Band,
) -> list[Continuum | Line]:
    known = {name: uncertainty}
    density = float(entry["electron_density"]["value"])
    flavours = (Flavour.NU_E, Flavour.NU_MU, Flavour.NU_TAU)
    parts: list[Continuum | Line] = []
    if entry["shape"] == "lines":
        for energy, fraction in zip(
            entry["energy_mev"], entry["fraction"], strict=True
        ):
            for flavour, share in mixing.shares(energy, density).items():
                weight = total * fraction * float(share)
                parts.append(
                    Line(name, flavour, float(energy), weight, uncertainties=known)
                )
        return parts
    spectrum: Callable[[FloatArray], FloatArray]
    if entry["shape"] == "allowed":
        end = float(entry["endpoint_mev"])
        # the Sun emits positrons: the daughter repels them
        spectrum = AllowedSpectrum(end, -int(entry["daughter_z"]))
        # one point close to the end, where the positron is held back
        ends: tuple[float, ...] = (0.0, 0.99 * end, end)
    else:
        points = tuple(float(x) for x in entry["energy_mev"])
        spectrum = SplineSpectrum(points, tuple(float(y) for y in entry["per_mev"]))
        ends = (0.0, *points)
    for flavour in flavours:
        shape = _Converted(spectrum, mixing, density, flavour)
        parts.append(Continuum(name, flavour, shape, ends, total, uncertainties=known))
    return parts
