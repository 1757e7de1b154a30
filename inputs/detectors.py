"""Detectors, periods and regions, whose product are the channels."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, field_validator, model_validator

from nuem.inputs.backgrounds import Name
from nuem.inputs.fields import ExpressionText, Text
from nuem.inputs.quantities import (
    Curve,
    Energy,
    Exposure,
    InverseEnergy,
    LightYield,
    Mass,
    Strict,
    Time,
)
from nuem.inputs.quenching import Quenching

__all__ = ["Detector", "Override", "Period", "Photoelectrons", "Region", "Response"]


class Photoelectrons(Strict):
    """A scintillator whose events are counted photoelectrons.

    Attributes
    ----------
    light_yield : LightYield
        Of the ionisation.
    shape : InverseEnergy
        Factor s of the gamma distribution of what is seen, with the shape parameter
        ``1 + s E``, in place of a resolution.
    """

    light_yield: LightYield
    shape: InverseEnergy


class Response(Strict):
    """From true recoil to measured energy.

    Attributes
    ----------
    resolution : Curve or None
        Gaussian sigma in keV as a function of the true energy E in keV; null says
        that none is modelled.
    kernel_width : float
        The kernel is cut at this many sigma.
    floor : Energy
        Recoils below are not modelled.
    max_below_floor : float
        Largest fraction of the leading signal term in a bin that may come from below
        the floor before the analysis stops.
    trigger_efficiency : Curve
        Of the true energy, before noise.
    cut_efficiency : Curve
        Of the measured energy; E is the number of photoelectrons where these are
        measured.
    quenching : Quenching
        From recoils of nuclei to ionisation; all of the above acts on the latter.
    photoelectrons : Photoelectrons
        For an observable in photoelectrons (``PE``); there is no resolution then.
    """

    resolution: Curve | None
    kernel_width: Annotated[float, Field(gt=0, le=10)]
    floor: Energy
    max_below_floor: Annotated[float, Field(ge=0, le=1)] = 0.1
    trigger_efficiency: Curve
    cut_efficiency: Curve
    quenching: Quenching | None = None
    photoelectrons: Photoelectrons | None = None

    @field_validator("trigger_efficiency", "cut_efficiency")
    @classmethod
    def _is_a_share(cls, curve: Curve) -> Curve:
        """All points, beyond the bins too: what is no share there is a wrong column."""
        for energy, value in curve.points or ():
            if not 0 <= value <= 1:
                msg = f"an efficiency of {value:g} at {energy:g}, expected 0 to 1"
                raise ValueError(msg)
        return curve

    @model_validator(mode="after")
    def _has_one_resolution(self) -> Response:
        if self.photoelectrons is not None and self.resolution is not None:
            msg = (
                "photoelectrons have a distribution of their own: 'resolution' is null"
            )
            raise ValueError(msg)
        return self


class Detector(Strict):
    """A target that sees the source; ``select`` picks its events.

    ``target`` is an element (``Ge``), one isotope (``Ge72``) or a formula (``CsI``).
    """

    name: Name
    title: Text
    target: Annotated[str, Field(pattern=r"^[A-Z][A-Za-z0-9.()\[\]]*$")]
    mass: Mass
    response: Response
    select: ExpressionText | None = None


class Period(Strict):
    """A time in which the source has one state.

    Attributes
    ----------
    exposure, live_time : Exposure or Time, one of them
        What was collected: the size of a simulation, and the exposure of data whose
        files carry no live time.
    start : Time
        Begin, counted from the first start of data taking; time laws need it.
    select, runs : str, list of int
        The events and runs of the period: an expression, or a run list.
    """

    name: Name
    title: Text
    exposure: Exposure | None = None
    live_time: Time | None = None
    start: Time
    select: ExpressionText | None = None
    runs: list[int] | None = Field(None, min_length=1)

    @model_validator(mode="after")
    def _has_one_exposure(self) -> Period:
        if (self.exposure is None) == (self.live_time is None):
            msg = "give either 'exposure' or 'live_time'"
            raise ValueError(msg)
        if self.select is not None and self.runs is not None:
            msg = "give either 'select' or 'runs'"
            raise ValueError(msg)
        return self


class Region(Strict):
    """A part of the detector or a class of events; may have a tree of its own."""

    name: Name
    title: Text
    tree: str | None = None
    mass: Mass | None = None
    select: ExpressionText | None = None


class Override(Strict):
    """What differs in some channels; later entries win over earlier ones."""

    detector: Name | None = None
    period: Name | None = None
    region: Name | None = None
    mass: Mass | None = None
    live_time: Time | None = None
    response: Response | None = None
    exclude: bool = False

    @model_validator(mode="after")
    def _does_something(self) -> Override:
        if self.detector is None and self.period is None and self.region is None:
            msg = "name a detector, period or region"
            raise ValueError(msg)
        if not (self.mass or self.live_time or self.response or self.exclude):
            msg = "override changes nothing"
            raise ValueError(msg)
        return self
