"""What a sample would be at plus and minus one sigma, where that is stated outright.

The systematics of an experiment file have a size; what is here has two alternatives in
place of one: two curves, two quenchings or two histograms.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from nuem.inputs.backgrounds import Name
from nuem.inputs.quantities import Curve, Strict
from nuem.inputs.quenching import Quenching

__all__ = [
    "CurveVariation",
    "HistogramVariation",
    "QuenchingVariation",
    "Variation",
]


class QuenchingVariation(Strict):
    """Two quenchings in place of that of the signals on nuclei."""

    kind: Literal["quenching"]
    name: Name
    up: Quenching
    down: Quenching
    detectors: list[Name] | None = None


class CurveVariation(Strict):
    """Two efficiencies in place of that of the cuts, for signals."""

    kind: Literal["cut-efficiency"]
    name: Name
    up: Curve
    down: Curve
    detectors: list[Name] | None = None


class HistogramVariation(Strict):
    """Two histograms in place of one, for the signals or one background.

    A signal is multiplied bin by bin by what the alternatives are relative to `nominal`;
    a background of the shape ``histogram`` gets the difference between them.

    Attributes
    ----------
    sample : str
        ``signal``, or the name of a background.
    nominal, up, down : str
        Names of given histograms. Without ``down`` it is mirrored: ``2 nominal - up``,
        and nothing where that is negative.
    """

    kind: Literal["histogram"]
    name: Name
    sample: Name
    nominal: Name
    up: Name
    down: Name | None = None
    detectors: list[Name] | None = None


#: Any of the three, told apart by its ``kind``.
Variation = Annotated[
    QuenchingVariation | CurveVariation | HistogramVariation,
    Field(discriminator="kind"),
]
