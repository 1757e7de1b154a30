"""Neutrino fluxes: what they are made of, reactors, the Sun, decay at rest."""

from __future__ import annotations

from nuem.models.flux.reactor import (
    fission_fractions,
    per_fission,
    reactor_flux,
)
from nuem.models.flux.sns import BeamTime, sns_flux
from nuem.models.flux.solar import Oscillation, solar_flux
from nuem.models.flux.spectrum import Continuum, Flux, Line
from nuem.models.flux.spent_fuel import spent_fuel_flux
from nuem.models.flux.variations import variation_names, vary

__all__ = [
    "BeamTime",
    "Continuum",
    "Flux",
    "Line",
    "Oscillation",
    "fission_fractions",
    "per_fission",
    "reactor_flux",
    "sns_flux",
    "solar_flux",
    "spent_fuel_flux",
    "variation_names",
    "vary",
]
