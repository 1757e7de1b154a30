"""Antineutrinos of a reactor core.

Above 2 MeV the converted beta spectra (Huber; Mueller for 238U), below the
calculation of Vogel and Engel with straight lines between its points, and the
decays after neutron capture in 238U. By default the part below 2 MeV is scaled by
one factor so that the total is the sum of the antineutrino yields of the isotopes
and of capture, 7.24 per fission for a core like TEXONO's: the tables as they stand
fall short by 6 per cent.

A flux quoted by an experiment is the total, capture included. The spectrum is
normalised once, over the range that the quoted flux refers to. Conversions end at
8 MeV; their polynomials are used up to 12 MeV, where the spectrum is cut. What
lies above 8 MeV is 6e-5 of the flux.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import pi

import numpy as np

from nuem.inputs.errors import InputError
from nuem.inputs.vocabulary import Flavour
from nuem.models.arrays import FloatArray, positive
from nuem.models.constants import ELECTRON_CHARGE_C
from nuem.models.flux.beta import AllowedSpectrum
from nuem.models.flux.spectrum import Continuum, Flux
from nuem.models.flux.uncertainty import (
    Band,
    OfCorrection,
    Polyline,
    Tabulated,
    Uncertainty,
)
from nuem.models.tables import table

__all__ = ["END_MEV", "ISOTOPES", "fission_fractions", "per_fission"]
__all__ += ["reactor_flux"]

#: The four isotopes that fission in a power reactor.
ISOTOPES = ("235U", "238U", "239Pu", "241Pu")
#: Where the spectrum is cut, MeV.
END_MEV = 12.0
_JOIN_MEV = 2.0
#: Inverse beta decay sees nothing below.
_THRESHOLD_MEV = 1.8


@dataclass(frozen=True)
class _Exponential:
    """exp of a polynomial, per MeV and fission."""

    coefficients: tuple[float, ...]

    def __call__(self, energy: FloatArray) -> FloatArray:
        return np.exp(np.polynomial.polynomial.polyval(energy, self.coefficients))


@dataclass(frozen=True)
class Corrected:
    """A density times an offset plus a tabulated ratio, which is 0 off its table."""

    density: Callable[[FloatArray], FloatArray]
    ratio: Polyline
    offset: float

    def __call__(self, energy: FloatArray) -> FloatArray:
        return self.density(energy) * (self.offset + self.ratio(energy))


def fission_fractions(fractions: str | Mapping[str, float]) -> dict[str, float]:
    """Fission fractions by name, or those given, checked.

    Parameters
    ----------
    fractions : str or mapping
        ``texono``, ``typical``, ``daya-bay``, or isotope to fraction.

    Returns
    -------
    dict
        Fraction of each of the four isotopes; they sum to 1.

    Raises
    ------
    InputError
        For an unknown name or isotope, a negative fraction, or a sum that is not 1.

    Examples
    --------
    >>> fission_fractions("daya-bay")["235U"]
    0.564
    """
    named = table("reactor-spectra")["fractions"]
    if isinstance(fractions, str):
        if fractions not in named:
            raise InputError(
                "unknown fission fractions",
                field="fractions",
                found=fractions,
                expected="one of " + ", ".join(named),
            )
        given: Mapping[str, float] = named[fractions]["values"]
    else:
        given = fractions
    unknown = sorted(set(given) - set(ISOTOPES))
    if unknown:
        raise InputError(
            "unknown isotope",
            field="fractions",
            found=", ".join(unknown),
            expected="only " + ", ".join(ISOTOPES),
        )
    values = {name: float(given.get(name, 0.0)) for name in ISOTOPES}
    if min(values.values()) < 0.0 or abs(sum(values.values()) - 1.0) > 1e-6:
        raise InputError(
            "fission fractions do not sum to 1",
            field="fractions",
            found=f"{sum(values.values()):g}",
            expected="numbers from 0 on with the sum 1",
        )
    return values


def per_fission(
    fractions: str | Mapping[str, float] = "texono",
    *,
    scaling: str = "yields",
    conversion: str = "huber-mueller",
    captures: float | None = None,
    non_equilibrium: float = 0.0,
) -> Flux:
    """Antineutrinos of one fission, per MeV.

    Parameters
    ----------
    fractions : str or mapping
        Fission fractions, see :func:`fission_fractions`.
    scaling : str
        ``yields`` scales the part below 2 MeV to the total yield of the isotopes;
        ``tabulated`` leaves the tables as they are.
    conversion : str
        Spectra above 2 MeV: ``huber-mueller``, or ``mueller`` for all isotopes.
    captures : float, optional
        Neutron captures in 238U per fission, each with two antineutrinos; by
        default 0.60.
    non_equilibrium : float
        Part of the correction for long-lived fission products to apply above 2 MeV:
        0 for none, 1 for all of it.

    Returns
    -------
    Flux
        With "per cm^2 s" read as "per fission".

    Raises
    ------
    InputError
        For unknown words or impossible fractions.

    Examples
    --------
    >>> round(per_fission(scaling="tabulated").integrate(), 2)
    6.8
    >>> round(per_fission().integrate(), 3)
    7.243
    """
    tables = table("reactor-spectra")
    values = fission_fractions(fractions)
    above, below = tables["fission_above_2_mev"], tables["fission_below_2_mev"]
    _choice("conversion", conversion, ("huber-mueller", "mueller"))
    _choice("scaling", scaling, ("yields", "tabulated"))
    if captures is None:
        captures = float(tables["capture"]["captures_per_fission"])
    if not np.isfinite(captures) or captures < 0.0:
        raise InputError("not a number of captures", field="captures", found=captures)
    if not np.isfinite(non_equilibrium) or non_equilibrium < 0.0:
        raise InputError("out of range", field="non_equilibrium", found=non_equilibrium)
    late = tables["corrections"]["non-equilibrium"]
    flavour = Flavour.ANTI_NU_E
    high: list[Continuum] = []
    low: list[Continuum] = []
    points = tuple(float(x) for x in below["energy_mev"])
    for name, fraction in values.items():
        upper: Callable[[FloatArray], FloatArray]
        upper = _Exponential(tuple(above[conversion][name]))
        lower = Polyline(points, tuple(below[name]))
        ends: tuple[float, ...] = (_JOIN_MEV, END_MEV)
        known = _fission_uncertainties(name)
        above_known: dict[str, Uncertainty | None] = dict(known)
        if non_equilibrium and name in late:
            grid = tuple(float(x) for x in late["energy_mev"])
            ratio = Polyline(
                grid, tuple(non_equilibrium * float(x) for x in late[name])
            )
            upper = Corrected(upper, ratio, 1.0)
            ends = (_JOIN_MEV, *(x for x in grid if x > _JOIN_MEV), END_MEV)
            size = float(late["uncertainty"])
            above_known["non-equilibrium"] = OfCorrection(ratio, size)
        high.append(
            Continuum(
                f"{name} above 2 MeV", flavour, upper, ends, fraction,
                uncertainties=above_known,
            )
        )  # fmt: skip
        low.append(
            Continuum(
                f"{name} below 2 MeV", flavour, lower, points, fraction,
                uncertainties=known,
            )
        )  # fmt: skip
    factor = 1.0
    if scaling == "yields":
        yields = tables["fission_yields"]
        wanted = sum(values[name] * yields[name] for name in ISOTOPES)
        there = Flux(tuple(high)).integrate()
        factor = (wanted - there) / Flux(tuple(low)).integrate()
    parts = high + list(Flux(tuple(low)).scale(factor).components)
    if captures > 0.0:
        parts += _capture(captures)
    return Flux(
        tuple(parts),
        f"reactor, {conversion} above and Vogel-Engel below 2 MeV, 238U capture",
        {
            "fission fractions": values,
            "conversion": conversion,
            "scaling": scaling,
            "factor below 2 MeV": factor,
            "captures per fission": captures,
            "non-equilibrium": non_equilibrium,
            "end of the spectrum in MeV": END_MEV,
        },
    )


def reactor_flux(
    *,
    flux: float | None = None,
    power_gw: float | None = None,
    distance_m: float | None = None,
    normalisation_mev: tuple[float, float] = (0.0, np.inf),
    fractions: str | Mapping[str, float] = "texono",
    scaling: str = "yields",
    conversion: str = "huber-mueller",
    captures: float | None = None,
    energy_per_fission_mev: float | None = None,
    non_equilibrium: float = 0.0,
) -> Flux:
    """Flux of a core, from a quoted flux or from power and distance.

    Parameters
    ----------
    flux : float, optional
        Quoted flux, per cm^2 s.
    power_gw, distance_m : float, optional
        Thermal power (GW) and distance (m), instead of a flux.
    normalisation_mev : (float, float)
        Range of energies that the quoted flux refers to; by default all.
    fractions, scaling, conversion, captures, non_equilibrium
        See :func:`per_fission`.
    energy_per_fission_mev : float, optional
        By default 206 MeV.

    Returns
    -------
    Flux
        Electron antineutrinos per cm^2 s.

    Raises
    ------
    InputError
        If neither or both ways to fix the flux are given.

    Examples
    --------
    >>> core = reactor_flux(power_gw=2.9, distance_m=28.0)
    >>> f"{core.integrate():.2e}"
    '6.46e+12'
    """
    unit = per_fission(
        fractions,
        scaling=scaling,
        conversion=conversion,
        captures=captures,
        non_equilibrium=non_equilibrium,
    )
    made: dict[str, object] = dict(unit.metadata)
    if flux is not None and power_gw is None and distance_m is None:
        result = unit.normalise(flux, *normalisation_mev)
        low, high = normalisation_mev
        # the range that counts ends with the spectrum; JSON has no infinity
        made |= {"quoted flux": flux, "range in MeV": (low, min(high, END_MEV))}
    elif flux is None and power_gw is not None and distance_m is not None:
        if energy_per_fission_mev is None:
            energy_per_fission_mev = float(
                table("reactor-spectra")["energy_per_fission_mev"]
            )
        watt = float(positive(power_gw, "power_gw")) * 1e9
        distance = float(positive(distance_m, "distance_m")) * 100.0
        joule = float(positive(energy_per_fission_mev, "energy_per_fission_mev"))
        rate = watt / (joule * 1e6 * ELECTRON_CHARGE_C)
        result = unit.scale(rate / (4.0 * pi * distance**2))
        made |= {
            "power in GW": power_gw,
            "distance in m": distance_m,
            "energy per fission in MeV": energy_per_fission_mev,
        }
    else:
        raise InputError(
            "the flux of a reactor is not fixed",
            field="flux",
            expected="either flux, or power_gw and distance_m",
        )
    return Flux(result.components, result.description, made)


def _fission_uncertainties(isotope: str) -> dict[str, Uncertainty | None]:
    """Uncertainties of one isotope, the same above and below the join at 2 MeV."""
    known = table("reactor-spectra")["uncertainties"]
    grid = tuple(float(x) for x in known["energy_mev"])
    tables = {
        name: Tabulated(Polyline(grid, tuple(known[kind][isotope])))
        for name, kind in ((isotope, "isotope"), ("correlated", "correlated"))
    }
    return {**tables, "below-1.8-mev": _below_threshold()}


def _below_threshold() -> Band:
    value = table("reactor-spectra")["uncertainties"]["below-1.8-mev"]["value"]
    return Band(float(value), high_mev=_THRESHOLD_MEV)


def _capture(captures: float) -> list[Continuum]:
    chain = table("reactor-spectra")["capture"]
    size = float(table("reactor-spectra")["uncertainties"]["capture"]["value"])
    parts = []
    for name in ("239U", "239Np"):
        known: dict[str, Uncertainty | None] = {
            "capture": Band(size),
            "below-1.8-mev": _below_threshold(),
            name: None,
        }
        decay = chain[name]
        total = sum(decay["intensity"])
        for endpoint, intensity in zip(
            decay["endpoint_mev"], decay["intensity"], strict=True
        ):
            # branches that are left out share the shape of those that are kept, so
            # that each capture gives two antineutrinos
            parts.append(
                Continuum(
                    f"{name}, end point {endpoint:g} MeV",
                    Flavour.ANTI_NU_E,
                    AllowedSpectrum(endpoint, int(decay["daughter_z"])),
                    (0.0, float(endpoint)),
                    captures * intensity / total,
                    uncertainties=known,
                )
            )
    return parts


def _choice(field: str, found: str, words: tuple[str, ...]) -> None:
    if found not in words:
        raise InputError(
            "unknown word", field=field, found=found, expected=" or ".join(words)
        )
