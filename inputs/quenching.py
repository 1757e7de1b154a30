"""How an experiment file says what ionisation a recoiling nucleus leaves."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from nuem.inputs.quantities import Attributed, Fraction, RecoilEnergy, Strict

__all__ = [
    "LindhardQuenching",
    "PolynomialQuenching",
    "Quenching",
    "TabulatedQuenching",
]


class LindhardQuenching(Strict):
    """Lindhard's form with its parameter k; recoils below ``floor`` are left out."""

    kind: Literal["lindhard"]
    k: Fraction
    floor: RecoilEnergy | None = None


class TabulatedQuenching(Attributed):
    """Straight lines between points (recoil in keVnr, quenching factor)."""

    kind: Literal["tabulated"]
    points: list[tuple[float, float]] = Field(min_length=2)


class PolynomialQuenching(Attributed):
    """Ionisation (keVee) as c1 T + c2 T^2 + ... of the recoil T (keVnr) in a range."""

    kind: Literal["polynomial"]
    coefficients: list[float] = Field(min_length=1)
    range_kevnr: tuple[float, float]

    @model_validator(mode="after")
    def _has_a_range(self) -> PolynomialQuenching:
        if not 0 <= self.range_kevnr[0] < self.range_kevnr[1]:
            msg = "range_kevnr: expected 0 <= low < high"
            raise ValueError(msg)
        return self


#: Any of the three forms, told apart by ``kind``.
Quenching = Annotated[
    LindhardQuenching | TabulatedQuenching | PolynomialQuenching,
    Field(discriminator="kind"),
]
