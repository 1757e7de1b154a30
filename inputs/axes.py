"""How a signal is distributed in the axes beyond the energy."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, field_validator

from nuem.inputs.backgrounds import Name
from nuem.inputs.quantities import Duration, Strict, TimeCurve

__all__ = ["BeamShares", "HistogramShares", "SignalShares"]


class BeamShares(Strict):
    """Arrival times of prompt and delayed neutrinos after a Gaussian pulse of protons.

    For sources of pions and muons at rest, whose prompt and delayed neutrinos are told
    apart.

    Attributes
    ----------
    mean, width : Duration
        Of the pulse.
    efficiency : TimeCurve
        Against the measured time.
    """

    kind: Literal["beam"]
    mean: Duration
    width: Duration
    efficiency: TimeCurve | None = None

    @field_validator("width")
    @classmethod
    def _is_above_zero(cls, width: Duration) -> Duration:
        if width.value <= 0:
            msg = "width must be above 0"
            raise ValueError(msg)
        return width


class HistogramShares(Strict):
    """The distribution of a given histogram at each energy.

    Attributes
    ----------
    histogram : str
        Its name in a UHI file beside the data; axes other than the energy and this one
        are summed over.
    """

    kind: Literal["histogram"]
    histogram: Name


#: Either, told apart by its ``kind``.
SignalShares = Annotated[BeamShares | HistogramShares, Field(discriminator="kind")]
