"""Numbers with a unit, a status and a source, as experiment files write them.

No number enters an analysis naked: the unit is checked against the dimension of
the field, the status says whether it was published, and the source says where.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Iterator, Mapping
from typing import Annotated, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from nuem.inputs.errors import InputError
from nuem.inputs.expressions import parse
from nuem.inputs.vocabulary import UNITS

__all__ = [
    "Count",
    "CouplingValue",
    "Curve",
    "Duration",
    "Energy",
    "Exposure",
    "FissionCrossSection",
    "Fraction",
    "FreeNumber",
    "InverseEnergy",
    "Length",
    "LightYield",
    "Mass",
    "NeutrinoRange",
    "NumberTable",
    "ParticleFlux",
    "ParticleRate",
    "Power",
    "Quantity",
    "Rate",
    "RecoilEnergy",
    "SpectralRate",
    "Status",
    "Time",
    "TimeCurve",
    "statuses",
]

#: ``published``: read in the cited document. ``unconfirmed``: attributed to it, not
#: verified. ``assumed``: our choice. ``fitted``: tuned to some other number.
Status = Literal["published", "unconfirmed", "assumed", "fitted"]

_Finite = Annotated[float, Field(allow_inf_nan=False)]
_Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
_NotNegative = Annotated[float, Field(ge=0, allow_inf_nan=False)]


class Strict(BaseModel):
    """Base of all parts of an experiment file: frozen, no unknown keys."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Attributed(Strict):
    """Something that has a status and a source."""

    status: Status
    source: str = Field(min_length=1)


class Quantity(Attributed):
    """A number with its unit.

    Attributes
    ----------
    value : float
        The number, in ``unit``.
    unit : str
        One of the units of the dimension.
    status, source : str
        Where the number comes from.
    """

    dimension: ClassVar[str]
    value: _Finite
    unit: str

    @property
    def canonical(self) -> float:
        """The value in the first unit of its dimension (keV, kg, d, kg day, ...)."""
        return self.value * UNITS[self.dimension][self.unit]


class Energy(Quantity):
    """An energy, canonically in keV."""

    dimension: ClassVar[str] = "energy"
    value: _NotNegative
    unit: Literal["keV", "eV", "MeV", "keVee", "eVee"]


class RecoilEnergy(Quantity):
    """The energy of a recoiling nucleus, canonically in keVnr."""

    dimension: ClassVar[str] = "energy"
    value: _NotNegative
    unit: Literal["keVnr", "eVnr"]


class ParticleRate(Quantity):
    """Particles per second, such as protons on a target."""

    dimension: ClassVar[str] = "particle rate"
    value: _Positive
    unit: Literal["/s"]


class Mass(Quantity):
    """A target mass, canonically in kg."""

    dimension: ClassVar[str] = "mass"
    value: _Positive
    unit: Literal["kg", "g", "t"]


class Time(Quantity):
    """A time, canonically in days."""

    dimension: ClassVar[str] = "time"
    value: _NotNegative
    unit: Literal["d", "s", "h", "yr"]


class Exposure(Quantity):
    """Mass times live time, canonically in kg day."""

    dimension: ClassVar[str] = "exposure"
    value: _Positive
    unit: Literal["kg day", "t yr"]


class ParticleFlux(Quantity):
    """A total neutrino flux, in cm^-2 s^-1."""

    dimension: ClassVar[str] = "flux"
    value: _Positive
    unit: Literal["/cm2/s"]


class NeutrinoRange(Attributed):
    """The range of neutrino energies that a number refers to, in MeV.

    ``high`` may be left out: all energies from ``low`` on.

    Examples
    --------
    >>> NeutrinoRange(low=2, unit="MeV", status="published", source="table 1").low
    2.0
    """

    low: _NotNegative
    high: _Positive | None = None
    unit: Literal["MeV"]

    @model_validator(mode="after")
    def _rises(self) -> NeutrinoRange:
        if self.high is not None and not self.low < self.high:
            msg = f"no range of energies: {self.low:g} to {self.high:g} MeV"
            raise ValueError(msg)
        return self


class Power(Quantity):
    """A thermal power, canonically in GW."""

    dimension: ClassVar[str] = "power"
    value: _Positive
    unit: Literal["GW", "MW"]


class Length(Quantity):
    """A distance, canonically in m."""

    dimension: ClassVar[str] = "length"
    value: _Positive
    unit: Literal["m", "cm"]


class SpectralRate(Quantity):
    """A rate per energy, canonically in counts/(kg keV day)."""

    dimension: ClassVar[str] = "spectral rate"
    value: _NotNegative
    unit: Literal["/(kg keV d)", "/(t keV yr)"]


class Rate(Quantity):
    """A rate, canonically in counts/(kg day)."""

    dimension: ClassVar[str] = "rate"
    value: _NotNegative
    unit: Literal["/(kg d)", "/(t yr)"]


class Fraction(Quantity):
    """A relative size, canonically as a plain number."""

    dimension: ClassVar[str] = "fraction"
    value: _NotNegative
    unit: Literal["1", "%"]


class Count(Quantity):
    """A number of events."""

    dimension: ClassVar[str] = "count"
    value: _Positive
    unit: Literal["events"]


class FissionCrossSection(Quantity):
    """A cross section of one electron, folded with the antineutrinos of a fission."""

    dimension: ClassVar[str] = "fission cross section"
    value: _Positive
    unit: Literal["cm2/fission"]


class CouplingValue(Quantity):
    """A coupling: e, mu_B, cm^2 (squared radius) or 1 (shift of a mixing angle)."""

    dimension: ClassVar[str] = "coupling"
    value: _Positive
    unit: Literal["e", "mu_B", "cm^2", "1"]


class LightYield(Quantity):
    """Photoelectrons for each keV of ionisation."""

    dimension: ClassVar[str] = "light yield"
    value: _Positive
    unit: Literal["PE/keVee"]


class InverseEnergy(Quantity):
    """A number for each keV of ionisation."""

    dimension: ClassVar[str] = "inverse energy"
    value: _Positive
    unit: Literal["/keVee"]


class Duration(Quantity):
    """A time within a pulse of the beam, in us; before the trigger it is negative."""

    dimension: ClassVar[str] = "duration"
    unit: Literal["us"]


class FreeNumber(Attributed):
    """A pure number that a fit may set free, such as a spectral index."""

    value: _Finite
    free: bool = False


class NumberTable(Attributed):
    """Several plain numbers that share one status and source.

    Examples
    --------
    >>> NumberTable(values={"on": 1.0, "off": 0.0}, status="assumed",
    ...             source="one reactor, no neighbour").values["on"]
    1.0
    """

    values: dict[str, _NotNegative] = Field(min_length=1)


# a curve is asked hundreds of times while a template is integrated
_parsed = functools.lru_cache(maxsize=256)(parse)


class Curve(Attributed):
    """A function of energy E in keV: an expression, or points joined by lines.

    Points may stand in a text file; see `nuem.inputs.catalogue.load_experiment`.

    Of a measured value that is counted in something else (photoelectrons), E stands for
    that value.

    Examples
    --------
    >>> sigma = Curve(expression="0.31*sqrt(E) + 0.0037*E", status="unconfirmed",
    ...               source="XENON1T")
    >>> round(float(sigma(4.0)), 4)
    0.6348
    """

    variable: ClassVar[str] = "E"
    meaning: ClassVar[str] = "E (keV)"
    expression: str | None = None
    points: list[tuple[_NotNegative, _Finite]] | None = Field(None, min_length=2)

    @field_validator("expression", mode="before")
    @classmethod
    def _takes_numbers(cls, value: object) -> object:
        """A constant need not be quoted in YAML."""
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        return repr(value) if is_number else value

    @field_validator("expression")
    @classmethod
    def _is_function_of_energy(cls, text: str | None) -> str | None:
        if text is None:
            return None
        try:
            unknown = parse(text).names - {cls.variable}
        except InputError as error:
            raise ValueError(str(error)) from error
        if unknown:
            msg = f"unknown name {min(unknown)!r}, expected a function of {cls.meaning}"
            raise ValueError(msg)
        return text

    @field_validator("points")
    @classmethod
    def _ascends(
        cls, points: list[tuple[float, float]] | None
    ) -> list[tuple[float, float]] | None:
        if points and any(b[0] <= a[0] for a, b in itertools.pairwise(points)):
            msg = "energies must ascend"
            raise ValueError(msg)
        return points

    @model_validator(mode="after")
    def _has_one_form(self) -> Curve:
        if (self.expression is None) == (self.points is None):
            msg = "give either 'expression' or 'points'"
            raise ValueError(msg)
        return self

    def __call__(self, energy_kev: NDArray[np.float64] | float) -> NDArray[np.float64]:
        """Evaluate at energies in keV.

        Raises
        ------
        InputError
            If an energy is outside the tabulated points, or the result not finite.
        """
        energy = np.asarray(energy_kev, dtype=float)
        if self.points is not None:
            x, y = np.array(self.points).T
            if energy.size and (energy.min() < x[0] or energy.max() > x[-1]):
                raise InputError(
                    "energy outside the tabulated curve",
                    found=f"{energy.min():g} to {energy.max():g} keV",
                    expected=f"{x[0]:g} to {x[-1]:g} keV ({self.source})",
                )
            return np.asarray(np.interp(energy, x, y))
        assert self.expression is not None
        value = np.asarray(
            _parsed(self.expression)({self.variable: energy}), dtype=float
        )
        value = np.broadcast_to(value, energy.shape).copy()
        if not np.isfinite(value).all():
            raise InputError(
                "curve is not finite", field=self.expression, found=str(value.min())
            )
        return value


class TimeCurve(Curve):
    """A function of the time t after the trigger, in us.

    Examples
    --------
    >>> late = TimeCurve(expression="exp(-t/20)", status="assumed", source="example")
    >>> round(float(late(2.0)), 4)
    0.9048
    """

    variable: ClassVar[str] = "t"
    meaning: ClassVar[str] = "t (us)"


def statuses(node: object, path: str = "") -> Iterator[tuple[str, Attributed]]:
    """Walk a model and yield every attributed number with its dotted path.

    Parameters
    ----------
    node : object
        A model, a list or a mapping of models.
    path : str
        Dotted path of ``node`` itself.

    Yields
    ------
    tuple of str and Attributed
    """
    if isinstance(node, Attributed):
        yield path, node
    if isinstance(node, BaseModel):
        node = {name: getattr(node, name) for name in type(node).model_fields}
    if isinstance(node, Mapping):
        for key, value in node.items():
            yield from statuses(value, f"{path}.{key}" if path else str(key))
    elif isinstance(node, list | tuple):
        for index, value in enumerate(node):
            key = getattr(value, "name", index)
            yield from statuses(value, f"{path}.{key}" if path else str(key))
