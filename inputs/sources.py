"""Neutrino sources: reactor cores, the Sun, a spallation source."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, field_validator, model_validator

from nuem.inputs.backgrounds import Name
from nuem.inputs.quantities import (
    Fraction,
    Length,
    NeutrinoRange,
    NumberTable,
    ParticleFlux,
    ParticleRate,
    Power,
    Strict,
)

__all__ = ["ReactorSource", "SnsSource", "SolarSource", "Source"]


class ReactorSource(Strict):
    """A reactor core, from its quoted flux or from power and distance.

    ``total_flux`` is that of all energies, decays after neutron capture included. Where
    a quoted flux counts only some energies (those above 2 MeV, or above the threshold
    of inverse beta decay), ``flux_range`` says which: the whole is then about four times
    larger.

    The spectrum of a fission is that of ``conversion`` above 2 MeV. Below, ``scaling:
    yields`` makes up the total yield of the isotopes, and ``tabulated`` leaves the
    published tables as they are. ``captures`` of neutrons in 238U per fission, two
    antineutrinos each, are 0.60 unless the file says otherwise.

    ``component: spent-fuel`` stands for the spent fuel beside such a core, which has
    weights of its own: it shines in OFF.
    """

    kind: Literal["reactor"]
    name: Name
    component: Literal["core", "spent-fuel"] = "core"
    conversion: Literal["huber-mueller", "mueller"] = "huber-mueller"
    scaling: Literal["yields", "tabulated"] = "yields"
    captures: Fraction | None = None
    non_equilibrium: bool = False
    total_flux: ParticleFlux | None = None
    flux_range: NeutrinoRange | None = None
    power: Power | None = None
    distance: Length | None = None
    fission_fractions: NumberTable
    weights: NumberTable

    @model_validator(mode="after")
    def _has_one_normalisation(self) -> ReactorSource:
        by_power = self.power is not None and self.distance is not None
        if (self.total_flux is not None) == by_power or (
            (self.power is None) != (self.distance is None)
        ):
            msg = "give either 'total_flux' or both 'power' and 'distance'"
            raise ValueError(msg)
        if self.flux_range is not None and self.total_flux is None:
            msg = "'flux_range' belongs to 'total_flux', which is not there"
            raise ValueError(msg)
        return self

    @field_validator("fission_fractions")
    @classmethod
    def _sums_to_one(cls, table: NumberTable) -> NumberTable:
        wanted = {"235U", "238U", "239Pu", "241Pu"}
        if set(table.values) != wanted:
            msg = f"needs exactly {', '.join(sorted(wanted))}"
            raise ValueError(msg)
        if abs(sum(table.values.values()) - 1) > 1e-6:
            msg = f"fission fractions sum to {sum(table.values.values()):g}, not 1"
            raise ValueError(msg)
        return table


class SolarSource(Strict):
    """The Sun: branches of the standard solar model, with flavour conversion."""

    kind: Literal["solar"]
    name: Name
    branches: list[Literal["pp", "7Be", "pep", "8B", "hep", "13N", "15O", "17F"]] = (
        Field(min_length=1)
    )
    model: Literal["B16-GS98", "B16-AGSS09"]
    weights: NumberTable


class SnsSource(Strict):
    """Pions and muons at rest, from a flux or from protons, yield and distance."""

    kind: Literal["sns"]
    name: Name
    flux_per_flavour: ParticleFlux | None = None
    protons: ParticleRate | None = None
    yield_per_proton: Fraction | None = None
    distance: Length | None = None
    weights: NumberTable

    @model_validator(mode="after")
    def _has_one_normalisation(self) -> SnsSource:
        parts = (self.protons, self.yield_per_proton, self.distance)
        there = [part for part in parts if part is not None]
        if len(there) != (3 if self.flux_per_flavour is None else 0):
            msg = (
                "give either 'flux_per_flavour' or all of 'protons', "
                "'yield_per_proton' and 'distance'"
            )
            raise ValueError(msg)
        return self


#: Any source, told apart by its ``kind``.
Source = Annotated[ReactorSource | SolarSource | SnsSource, Field(discriminator="kind")]
