"""How an experiment file describes simulated events beyond its own backgrounds."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from nuem.inputs.backgrounds import Constant, Exponential, Name, PowerLaw
from nuem.inputs.quantities import Attributed, Energy, SpectralRate, Strict, Time

__all__ = [
    "Distribution",
    "ExponentialBranch",
    "FixedBranch",
    "NormalBranch",
    "Population",
    "Simulation",
    "UniformBranch",
]


class FixedBranch(Attributed):
    """Always the same value."""

    kind: Literal["fixed"]
    value: float


class UniformBranch(Attributed):
    """Uniform between two values."""

    kind: Literal["uniform"]
    low: float
    high: float


class NormalBranch(Attributed):
    """Normal with a mean and a standard deviation."""

    kind: Literal["normal"]
    mean: float
    sigma: Annotated[float, Field(gt=0)]


class ExponentialBranch(Attributed):
    """Exponential with a mean."""

    kind: Literal["exponential"]
    mean: Annotated[float, Field(gt=0)]


#: Any distribution, told apart by its ``kind``.
Distribution = Annotated[
    FixedBranch | UniformBranch | NormalBranch | ExponentialBranch,
    Field(discriminator="kind"),
]


class Population(Strict):
    """Events that the selection is there to remove."""

    name: Name
    shape: Annotated[Constant | Exponential | PowerLaw, Field(discriminator="kind")]
    rate: SpectralRate
    branches: dict[str, Distribution] = Field(default_factory=dict)


class Simulation(Strict):
    """What a simulated ROOT file holds besides energy, time, run and reactor flag.

    Attributes
    ----------
    run_length : Time
        Live time of one run.
    low, high : Energy
        Range in which events are generated.
    branches : dict
        Branch -> its distribution for genuine single-site events.
    populations : list of Population
        Events to be cut away; each overrides some of ``branches``.
    gain : dict
        Period -> factor on the measured energy (1 where nothing is said): a drift
        that the analysis may or may not know of.
    """

    run_length: Time
    low: Energy
    high: Energy
    branches: dict[str, Distribution] = Field(default_factory=dict)
    populations: list[Population] = Field(default_factory=list)
    gain: dict[str, Annotated[float, Field(gt=0.5, lt=2)]] = Field(default_factory=dict)
