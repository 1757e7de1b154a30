"""Fluxes with one systematic parameter moved.

A variation multiplies components by ``1 + size * shift(E)``: a constant for a
component of the Sun, the published uncertainty of an isotope against the energy for a
reactor, one number below 1.8 MeV, where no inverse beta decay is seen. All energies
move together: one variation is one nuisance parameter.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from nuem.inputs.errors import InputError
from nuem.models.arrays import FloatArray
from nuem.models.flux.spectrum import Continuum, Flux, Line
from nuem.models.tables import table

__all__ = ["REACTOR_VARIATIONS", "component_names", "vary"]

#: Named variations of reactors besides those of single isotopes.
REACTOR_VARIATIONS = ("correlated", "below-1.8-mev", "capture")
_ISOTOPES = ("235U", "238U", "239Pu", "241Pu")
_THRESHOLD_MEV = 1.8

Shift = Callable[[FloatArray], FloatArray]


@dataclass(frozen=True)
class _Shifted:
    """A density times 1 + size * shift."""

    density: Shift
    shift: Shift
    size: float

    def __call__(self, energy: FloatArray) -> FloatArray:
        return self.density(energy) * (1.0 + self.size * self.shift(energy))


@dataclass(frozen=True)
class _Table:
    energies: tuple[float, ...]
    values: tuple[float, ...]

    def __call__(self, energy: FloatArray) -> FloatArray:
        return np.interp(energy, self.energies, self.values)


@dataclass(frozen=True)
class _Below:
    limit: float
    value: float

    def __call__(self, energy: FloatArray) -> FloatArray:
        return np.where(energy < self.limit, self.value, 0.0)


@dataclass(frozen=True)
class _Constant:
    value: float

    def __call__(self, energy: FloatArray) -> FloatArray:
        return np.full_like(energy, self.value)


def component_names(flux: Flux) -> tuple[str, ...]:
    """First words of the names of components: isotopes, reactions of the Sun.

    Examples
    --------
    >>> from nuem.models.flux import solar_flux
    >>> component_names(solar_flux(["pp", "8B"]))
    ('pp', '8B')
    """
    return tuple(dict.fromkeys(_word(part.name) for part in flux.components))


def vary(flux: Flux, name: str, sigmas: float, size: float | None = None) -> Flux:
    """Flux with one parameter moved.

    Parameters
    ----------
    flux : Flux
        What to vary.
    name : str
        A component (``8B``, ``235U``, ``239Np``), or for reactors ``correlated``
        (all isotopes together), ``below-1.8-mev`` or ``capture``.
    sigmas : float
        Standard deviations to move by, with its sign.
    size : float, optional
        Relative standard deviation; by default the published one, which for
        isotopes depends on the energy.

    Returns
    -------
    Flux

    Raises
    ------
    InputError
        If the flux has no such component, or no uncertainty is known for it.

    Examples
    --------
    >>> from nuem.models.flux import reactor_flux, solar_flux
    >>> vary(solar_flux(["8B"]), "8B", -1.0).integrate() / 5.46e6
    0.88...
    >>> core = reactor_flux(flux=1.0)
    >>> round(vary(core, "238U", 1.0).integrate(4.0) / core.integrate(4.0), 3)
    1.035
    """
    if not np.isfinite(sigmas):
        raise InputError("not a number", field="sigmas", found=sigmas)
    shifts = _shifts(flux, name, size)
    parts: list[Continuum | Line] = []
    for part in flux.components:
        shift = shifts(part)
        if shift is None:
            parts.append(part)
        elif isinstance(part, Line):
            at = float(shift(np.array([part.energy_mev]))[0])
            parts.append(replace(part, weight=part.weight * (1.0 + sigmas * at)))
        else:
            points = set(part.breakpoints_mev)
            low, high = part.breakpoints_mev[0], part.breakpoints_mev[-1]
            points |= {x for x in _points(shift) if low < x < high}
            moved = _Shifted(part.density, shift, sigmas)
            parts.append(
                replace(part, density=moved, breakpoints_mev=tuple(sorted(points)))
            )
    return Flux(
        tuple(parts),
        flux.description,
        {**flux.metadata, f"varied {name}": sigmas},
    )


def _shifts(
    flux: Flux, name: str, size: float | None
) -> Callable[[Continuum | Line], Shift | None]:
    if size is not None and not np.isfinite(size):
        raise InputError("not a number", field="size", found=size)
    there = component_names(flux)
    known = table("reactor-spectra")["uncertainties"]
    reactor = any(isotope in there for isotope in _ISOTOPES)
    if name == "below-1.8-mev" and reactor:
        value = known[name]["value"] if size is None else size
        return lambda _: _Below(_THRESHOLD_MEV, float(value))
    if name == "capture" and ("239U" in there or "239Np" in there):
        value = known[name]["value"] if size is None else size
        constant = _Constant(float(value))
        return lambda part: constant if _word(part.name) in ("239U", "239Np") else None
    if name == "correlated" and reactor:
        tables = {
            isotope: _isotope(known, "correlated", isotope, size)
            for isotope in _ISOTOPES
        }
        return lambda part: tables.get(_word(part.name))
    if name not in there:
        raise InputError(
            "the flux has no such component",
            field="component",
            found=name,
            expected="one of " + ", ".join((*there, *REACTOR_VARIATIONS)),
        )
    chosen: Shift
    if reactor and name in _ISOTOPES:
        chosen = _isotope(known, "isotope", name, size)
    elif size is not None:
        chosen = _Constant(float(size))
    else:
        chosen = _Constant(_solar(flux, name))
    return lambda part: chosen if _word(part.name) == name else None


def _word(name: str) -> str:
    return name.partition(" ")[0].rstrip(",")


def _points(shift: Shift) -> tuple[float, ...]:
    if isinstance(shift, _Below):
        return (shift.limit,)
    return shift.energies if isinstance(shift, _Table) else ()


def _isotope(
    known: Mapping[str, Any],
    kind: str,
    isotope: str,
    size: float | None,
) -> Shift:
    if size is not None:
        return _Constant(float(size))
    return _Table(tuple(known["energy_mev"]), tuple(known[kind][isotope]))


def _solar(flux: Flux, name: str) -> float:
    uncertainties = flux.metadata.get("uncertainties")
    if isinstance(uncertainties, Mapping) and name in uncertainties:
        return float(uncertainties[name])
    raise InputError("no uncertainty is known", field="component", found=name)
