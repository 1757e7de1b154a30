"""Antineutrinos of the spent fuel beside a reactor core."""

from __future__ import annotations

import numpy as np

from nuem.inputs.errors import InputError
from nuem.models.flux.reactor import ISOTOPES, Corrected
from nuem.models.flux.spectrum import Continuum, Flux
from nuem.models.flux.uncertainty import Band, Polyline
from nuem.models.tables import table

__all__ = ["spent_fuel_flux"]


def spent_fuel_flux(core: Flux, scale: float = 1.0) -> Flux:
    """Antineutrinos of the spent fuel beside a core, which shine in OFF as well.

    Parameters
    ----------
    core : Flux
        The running core, at the same distance.
    scale : float
        Amount of fuel relative to that beside a core of Daya Bay.

    Returns
    -------
    Flux
        Electron antineutrinos per cm^2 s, from 1.75 to 3.75 MeV: nothing is tabulated
        below.

    Raises
    ------
    InputError
        For a scale below 0, or a flux without fission.

    Examples
    --------
    >>> from nuem.models.flux import reactor_flux
    >>> core = reactor_flux(flux=1e13)
    >>> f"{spent_fuel_flux(core).integrate() / core.integrate():.1e}"
    '2.0e-03'
    """
    if not np.isfinite(scale) or scale < 0.0:
        raise InputError("out of range", field="scale", found=scale)
    fuel = table("reactor-spectra")["corrections"]["spent-fuel"]
    grid = tuple(float(x) for x in fuel["energy_mev"])
    ratio = Polyline(grid, tuple(float(x) for x in fuel["ratio"]))
    # the table is relative to the core, but what shines are few long-lived products:
    # their uncertainty is their own, and covers that of the core
    known = {"spent-fuel": Band(float(fuel["uncertainty"]))}
    parts = []
    for part in core.components:
        if isinstance(part, Continuum) and part.name.partition(" ")[0] in ISOTOPES:
            low = max(grid[0], part.breakpoints_mev[0])
            high = min(grid[-1], part.breakpoints_mev[-1])
            if low < high:
                inner = {x for x in (*grid, *part.breakpoints_mev) if low < x < high}
                parts.append(
                    Continuum(
                        f"spent fuel, {part.name}",
                        part.flavour,
                        Corrected(part.density, ratio, 0.0),
                        (low, *sorted(inner), high),
                        scale * part.weight,
                        part.source,
                        known,
                    )
                )
    if not parts:
        raise InputError("a flux without fission", field="core")
    made = {"scale": scale, "core": dict(core.metadata)}
    return Flux(tuple(parts), "spent fuel", made)
