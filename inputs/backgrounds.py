"""How an experiment file describes a background: shape, normalisation, time law."""

from __future__ import annotations

import itertools
from typing import Annotated, Literal

from pydantic import Field, field_validator, model_validator

from nuem.inputs.quantities import (
    Attributed,
    Count,
    Energy,
    Fraction,
    FreeNumber,
    Quantity,
    Rate,
    SpectralRate,
    Strict,
    Time,
    TimeCurve,
)

__all__ = [
    "Background",
    "Constant",
    "ConstantInTime",
    "Exponential",
    "FollowsPower",
    "FreeInTime",
    "FreePerBin",
    "HalfLife",
    "Histogram",
    "HistogramFactor",
    "Line",
    "Lines",
    "PowerLaw",
    "Shape",
    "Tabulated",
    "TimeLaw",
]

Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]*$")]


class Constant(Strict):
    """The same rate at every energy."""

    kind: Literal["constant"]


class FreeEnergy(Energy):
    """An energy that a fit may set free."""

    free: bool = False


class Exponential(Strict):
    """exp(-(E - reference_energy)/decay_energy)."""

    kind: Literal["exponential"]
    reference_energy: Energy
    decay_energy: FreeEnergy

    @field_validator("decay_energy")
    @classmethod
    def _falls(cls, energy: FreeEnergy) -> FreeEnergy:
        if energy.value == 0:
            msg = "decay energy must be above 0"
            raise ValueError(msg)
        return energy


class PowerLaw(Strict):
    """(E/reference_energy)^(-index)."""

    kind: Literal["power-law"]
    reference_energy: Energy
    index: FreeNumber

    @field_validator("reference_energy")
    @classmethod
    def _is_above_zero(cls, energy: Energy) -> Energy:
        if energy.value == 0:
            msg = "reference energy must be above 0"
            raise ValueError(msg)
        return energy


class Line(Strict):
    """One line of a group: energy, intensity relative to the group's rate."""

    label: str
    energy: Energy
    intensity: Fraction


class Lines(Strict):
    """Gaussian lines with the detector's resolution and fixed ratios."""

    kind: Literal["lines"]
    lines: list[Line] = Field(min_length=1)


class Tabulated(Attributed):
    """A relative density at given energies (keV), joined by straight lines."""

    kind: Literal["tabulated"]
    points: list[
        tuple[Annotated[float, Field(ge=0)], Annotated[float, Field(ge=0)]]
    ] = Field(min_length=2)

    @field_validator("points")
    @classmethod
    def _ascends(cls, points: list[tuple[float, float]]) -> list[tuple[float, float]]:
        if any(b[0] <= a[0] for a, b in itertools.pairwise(points)):
            msg = "energies must ascend"
            raise ValueError(msg)
        return points


class FreePerBin(Strict):
    """No shape: each bin has a free content, shared by the periods."""

    kind: Literal["free-per-bin"]


class HistogramFactor(Strict):
    """A histogram beside the data, summed over the axes that are not named.

    Attributes
    ----------
    histogram : str
        Its name in a UHI file, or the name of a sideband.
    axes : list of str
        Axes that it stands for; all that it has by default.
    efficiency : TimeCurve
        That the histogram is without; for one axis, a time.
    """

    histogram: Name
    axes: list[Name] | None = Field(None, min_length=1)
    efficiency: TimeCurve | None = None


class Histogram(Strict):
    """The product of given histograms, which have each axis once between them."""

    kind: Literal["histogram"]
    factors: list[HistogramFactor] = Field(min_length=1)


#: Any shape, told apart by its ``kind``.
Shape = Annotated[
    Constant | Exponential | PowerLaw | Lines | Tabulated | FreePerBin | Histogram,
    Field(discriminator="kind"),
]


class ConstantInTime(Strict):
    """The same rate in all periods."""

    kind: Literal["constant"]


class HalfLife(Strict):
    """The rate decays; what the file states is the rate at the first start."""

    kind: Literal["half-life"]
    half_life: Time


class FollowsPower(Strict):
    """The rate follows a source: it is multiplied by the weight of the period."""

    kind: Literal["follows-power"]
    source: Name


class FreeInTime(Strict):
    """The rate is free in each period."""

    kind: Literal["free"]


#: Any time law, told apart by its ``kind``.
TimeLaw = Annotated[
    ConstantInTime | HalfLife | FollowsPower | FreeInTime, Field(discriminator="kind")
]


class Background(Strict):
    """A background component.

    Attributes
    ----------
    rate : Quantity or None
        Expected rate where the file was written: per keV at the reference energy
        for continuous shapes, per line of intensity 1 for ``lines``, absent for
        ``free-per-bin`` and ``histogram``.
    events : Count or None
        For ``histogram``: expected number in the bins; without it the contents of the
        histogram are taken as they are.
    constraint : "free" or Fraction
        Relative uncertainty of the rate; ``free`` leaves it to the data.
    independent_by : tuple of str
        The normalisation is one nuisance parameter for each detector or region.
    detectors, regions : tuple of str or None
        Where the component is present; None means everywhere.
    """

    name: Name
    shape: Shape
    rate: SpectralRate | Rate | None = None
    events: Count | None = None
    constraint: Literal["free"] | Fraction = "free"
    time_law: TimeLaw
    independent_by: tuple[Literal["detector", "region"], ...] = ()
    detectors: tuple[Name, ...] | None = None
    regions: tuple[Name, ...] | None = None

    @model_validator(mode="after")
    def _rate_fits_shape(self) -> Background:
        given = isinstance(self.shape, Histogram)
        if given and self.rate is not None:
            msg = "a histogram takes no rate: give 'events', or nothing"
            raise ValueError(msg)
        if self.events is not None and not given:
            msg = f"shape {self.shape.kind!r} has no 'events'"
            raise ValueError(msg)
        wanted: type[Quantity] | None = SpectralRate
        if isinstance(self.shape, FreePerBin):
            wanted = None
        elif isinstance(self.shape, Lines):
            wanted = Rate
        if given:
            pass
        elif wanted is None:
            if self.rate is not None or self.constraint != "free":
                msg = "a free-per-bin background takes no rate and no constraint"
                raise ValueError(msg)
            if not isinstance(self.time_law, ConstantInTime):
                msg = "a free-per-bin background needs a constant time law"
                raise ValueError(msg)
        elif not isinstance(self.rate, wanted):
            units = "/(kg keV d)" if wanted is SpectralRate else "/(kg d)"
            msg = f"shape {self.shape.kind!r} needs a 'rate' in {units}"
            raise ValueError(msg)
        elif self.rate.value == 0:
            msg = "rate must be above 0 (leave the component out instead)"
            raise ValueError(msg)
        if self.constraint != "free" and not 0 < self.constraint.canonical < 1:
            msg = "constraint must be between 0 and 100 %"
            raise ValueError(msg)
        return self
