"""Neutrino fluxes: what they are made of, reactors, the Sun."""

from __future__ import annotations

from nuem.models.flux.reactor import fission_fractions, per_fission, reactor_flux
from nuem.models.flux.solar import Oscillation, solar_flux
from nuem.models.flux.spectrum import Continuum, Flux, Line

__all__ = [
    "Continuum",
    "Flux",
    "Line",
    "Oscillation",
    "fission_fractions",
    "per_fission",
    "reactor_flux",
    "solar_flux",
]
