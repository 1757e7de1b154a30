"""Fluxes with one systematic parameter moved.

Every part of a flux carries the names of the parameters that move it, with their
published sizes; sums keep them. A parameter multiplies these parts by
``1 + sigmas * size(E)``, all energies together, and leaves the others alone: one
parameter is one nuisance parameter. The same name in several sources of a sum is the
same parameter (the spectrum of 235U is one, whichever core it shines from);
``SOURCE:NAME`` moves it in one source alone.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from nuem.inputs.errors import InputError
from nuem.models.arrays import FloatArray
from nuem.models.flux.spectrum import Continuum, Flux, Line
from nuem.models.flux.uncertainty import Band, Uncertainty

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["variation_names", "vary"]


@dataclass(frozen=True)
class _Moved:
    """A density times 1 + sigmas * uncertainty."""

    density: Callable[[FloatArray], FloatArray]
    uncertainty: Uncertainty
    sigmas: float

    def __call__(self, energy: FloatArray) -> FloatArray:
        return self.density(energy) * (1.0 + self.sigmas * self.uncertainty(energy))


def variation_names(flux: Flux) -> tuple[str, ...]:
    """Parameters that move a flux, then the same by source where sources have names.

    Examples
    --------
    >>> from nuem.models.flux import sns_flux, solar_flux
    >>> sun = solar_flux(["pp", "8B"])
    >>> variation_names(sun)
    ('pp', '8B')
    >>> variation_names(sun.named("sun") + sns_flux(neutrinos_per_flavour=1.0))
    ('pp', '8B', 'prompt', 'delayed', 'sun:pp', 'sun:8B')
    """
    plain = [name for part in flux.components for name in part.uncertainties]
    named = [
        f"{part.source}:{name}"
        for part in flux.components
        if part.source
        for name in part.uncertainties
    ]
    return tuple(dict.fromkeys([*plain, *named]))


def vary(flux: Flux, name: str, sigmas: float, size: float | None = None) -> Flux:
    """Flux with one parameter moved.

    Parameters
    ----------
    flux : Flux
        What to vary, of one source or a sum.
    name : str
        One of :func:`variation_names`. The Sun: a reaction (``8B``). Reactors: an
        isotope (``235U``, ``239Np``), ``correlated`` (all isotopes together),
        ``below-1.8-mev``, ``capture``, ``non-equilibrium``, ``spent-fuel``. With ``SOURCE:`` in front, in that source alone.
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
        If the flux has no such parameter, no uncertainty is known for it, or the step
        would make the flux negative somewhere.

    Examples
    --------
    >>> from nuem.models.flux import reactor_flux, solar_flux
    >>> round(vary(solar_flux(["8B"]), "8B", -1.0).integrate() / 5.46e6, 3)
    0.88
    >>> core = reactor_flux(flux=1.0)
    >>> round(vary(core, "238U", 1.0).integrate(4.0) / core.integrate(4.0), 3)
    1.035
    """
    if not np.isfinite(sigmas):
        raise InputError("not a number", field="sigmas", found=sigmas)
    if size is not None and not (np.isfinite(size) and size >= 0.0):
        # a direction belongs to `sigmas`
        raise InputError(
            "out of range", field="size", found=size, expected="a number from 0 on"
        )
    there = variation_names(flux)
    if name not in there:
        raise InputError(
            "the flux has no such component",
            field="component",
            found=name,
            expected="one of " + ", ".join(there),
        )
    source, _, parameter = name.rpartition(":")
    parts: list[Continuum | Line] = []
    for part in flux.components:
        if parameter in part.uncertainties and source in ("", part.source):
            uncertainty = _sized(part.uncertainties[parameter], name, size)
            parts.append(_moved(part, uncertainty, name, sigmas))
        else:
            parts.append(part)
    return replace(
        flux,
        components=tuple(parts),
        metadata={**flux.metadata, f"varied {name}": sigmas},
    )


def _sized(
    uncertainty: Uncertainty | None, name: str, size: float | None
) -> Uncertainty:
    if size is not None:
        return Band(float(size)) if uncertainty is None else uncertainty.resized(size)
    if uncertainty is None:
        raise InputError(
            "no uncertainty is known", field="component", found=name, expected="a size"
        )
    return uncertainty


def _moved(
    part: Continuum | Line, uncertainty: Uncertainty, name: str, sigmas: float
) -> Continuum | Line:
    if isinstance(part, Line):
        at = uncertainty(np.array([part.energy_mev]))
        _check_sign(sigmas * at, name, part.name)
        return replace(part, weight=part.weight * float(1.0 + sigmas * at[0]))
    low, high = part.breakpoints_mev[0], part.breakpoints_mev[-1]
    points = {x for x in uncertainty.points_mev if low < x < high}
    ends = np.array(sorted({*part.breakpoints_mev, *points}))
    # between these points it is monotonic: the extremes lie at one side of one
    sides = np.concatenate([ends[:-1], np.nextafter(ends[1:], 0.0)])
    _check_sign(sigmas * uncertainty(sides), name, part.name)
    return replace(
        part,
        density=_Moved(part.density, uncertainty, sigmas),
        breakpoints_mev=tuple(float(x) for x in ends),
    )


def _check_sign(change: FloatArray, name: str, part: str) -> None:
    lowest = float(np.min(change))
    if lowest < -1.0:
        raise InputError(
            f"the variation makes the flux of {part} negative",
            field=name,
            found=f"{100.0 * lowest:g} %",
            expected="at least -100 % at every energy",
        )
