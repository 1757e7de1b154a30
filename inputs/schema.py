"""What an experiment file may say: the pydantic models behind the YAML.

One file describes one experiment. A channel is a detector in a period in a
region. Every number carries unit, status and source (`nuem.inputs.quantities`);
a key that nothing acts on is refused.
"""

from __future__ import annotations

import itertools
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, field_validator, model_validator

from nuem.inputs.backgrounds import Background, FreePerBin, HalfLife, Name
from nuem.inputs.errors import InputError
from nuem.inputs.expressions import parse
from nuem.inputs.quantities import (
    CouplingValue,
    Curve,
    Energy,
    Exposure,
    Fraction,
    Length,
    Mass,
    NumberTable,
    ParticleFlux,
    Power,
    Strict,
    Time,
)
from nuem.inputs.simulation import Simulation
from nuem.inputs.vocabulary import (
    COUPLING_SYMBOL,
    COUPLING_UNIT,
    Flavour,
    Method,
    Photoabsorption,
    Process,
    Regulator,
)

__all__ = [
    "Calibration",
    "Coupling",
    "Cut",
    "Detector",
    "Document",
    "EventLayout",
    "Experiment",
    "Observable",
    "Override",
    "Period",
    "Published",
    "ReactorSource",
    "Region",
    "Response",
    "RunsLayout",
    "Segment",
    "Signal",
    "SolarSource",
    "Systematic",
]

_Text = Annotated[str, Field(min_length=1)]


def _is_expression(text: str) -> str:
    try:
        parse(text)
    except InputError as error:
        raise ValueError(str(error)) from error
    return text


_ExpressionText = Annotated[str, Field(min_length=1), AfterValidator(_is_expression)]
_Names = Annotated[list[Name], Field(min_length=1)]


class Document(Strict):
    """Where the experiment is described."""

    kind: Literal["journal", "preprint", "slides", "poster"]
    citation: _Text
    doi: str | None = None
    arxiv: str | None = None


class Coupling(Strict):
    """The definition of the coupling that a limit is set on.

    Results with unequal definitions are not combined.
    """

    symbol: Literal["q", "mu", "r2"]
    reference: CouplingValue
    definition: _Text
    flavours: list[Flavour] = Field(min_length=1)
    sign: _Text
    zero: _Text

    @model_validator(mode="after")
    def _unit_fits(self) -> Coupling:
        if self.reference.unit != COUPLING_UNIT[self.symbol]:
            msg = (
                f"coupling {self.symbol!r} is in {COUPLING_UNIT[self.symbol]}, "
                f"not in {self.reference.unit}"
            )
            raise ValueError(msg)
        return self


class Signal(Strict):
    """A process that the coupling drives, and how it is calculated."""

    process: Process
    method: Method
    photoabsorption: Photoabsorption = Photoabsorption.HENKE
    regulator: Regulator = Regulator.NEUTRINO_MASS


class ReactorSource(Strict):
    """A reactor core, from its quoted total flux or from power and distance."""

    kind: Literal["reactor"]
    name: Name
    total_flux: ParticleFlux | None = None
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
    branches: list[Literal["pp", "7Be"]] = Field(min_length=1)
    model: Literal["B16-GS98"]
    weights: NumberTable


Source = Annotated[ReactorSource | SolarSource, Field(discriminator="kind")]


class Response(Strict):
    """From true recoil to measured energy.

    Attributes
    ----------
    resolution : Curve
        Gaussian sigma in keV as a function of the true energy E in keV.
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
        Of the measured energy.
    """

    resolution: Curve
    kernel_width: Annotated[float, Field(gt=0, le=10)]
    floor: Energy
    max_below_floor: Annotated[float, Field(ge=0, le=1)] = 0.1
    trigger_efficiency: Curve
    cut_efficiency: Curve


class Detector(Strict):
    """A target that sees the source; ``select`` picks its events."""

    name: Name
    title: _Text
    target: Annotated[str, Field(pattern=r"^[A-Z][a-z]?$")]
    mass: Mass
    response: Response
    select: _ExpressionText | None = None


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
    title: _Text
    exposure: Exposure | None = None
    live_time: Time | None = None
    start: Time
    select: _ExpressionText | None = None
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
    title: _Text
    tree: str | None = None
    mass: Mass | None = None
    select: _ExpressionText | None = None


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


class Segment(Strict):
    """Equal bins from ``start`` to ``stop``, in the unit of the observable."""

    start: float
    stop: float
    width: Annotated[float, Field(gt=0)]

    @model_validator(mode="after")
    def _divides(self) -> Segment:
        bins = (self.stop - self.start) / self.width
        if bins < 0.5 or abs(bins - round(bins)) > 1e-6:
            msg = f"{self.start:g} to {self.stop:g} is not a multiple of {self.width:g}"
            raise ValueError(msg)
        return self


class Observable(Strict):
    """What is histogrammed: an expression of branches, and its bins."""

    name: Name
    title: _Text
    expression: _ExpressionText
    unit: Literal["keVee", "keVnr", "keV"]
    binning: list[Segment] = Field(min_length=1)

    @field_validator("binning")
    @classmethod
    def _joins(cls, segments: list[Segment]) -> list[Segment]:
        for a, b in itertools.pairwise(segments):
            if abs(a.stop - b.start) > 1e-9:
                msg = f"segment ends at {a.stop:g}, the next begins at {b.start:g}"
                raise ValueError(msg)
        if segments[0].start < 0:
            msg = "bins below 0"
            raise ValueError(msg)
        return segments


class RunsLayout(Strict):
    """Names in the tree that has one entry a run."""

    tree: _Text = "runs"
    run: _Text = "run"
    start: _Text = "start"
    live_time: _Text = "live_time_s"


class Cut(Strict):
    """A named cut; events that fulfil the expression stay."""

    name: Name
    title: _Text
    expression: _ExpressionText


class EventLayout(Strict):
    """How the ROOT files are laid out; ``runs: null`` for files without live time."""

    tree: _Text = "events"
    run: _Text = "run"
    runs: RunsLayout | None = RunsLayout()
    derived: dict[str, _ExpressionText] = Field(default_factory=dict)
    cuts: list[Cut] = Field(default_factory=list)


class Calibration(Strict):
    """The band of calibration events that the search events are drawn over."""

    title: _Text
    x: _ExpressionText
    y: _ExpressionText
    x_title: _Text
    y_title: _Text
    x_binning: Segment
    quantiles: tuple[float, float]

    @field_validator("quantiles")
    @classmethod
    def _ascend(cls, value: tuple[float, float]) -> tuple[float, float]:
        if not 0 < value[0] < 0.5 < value[1] < 1:
            msg = "expected a quantile below and one above 0.5"
            raise ValueError(msg)
        return value


class Systematic(Strict):
    """A nuisance parameter: effect, size at one sigma, and who shares it.

    ``flux`` scales the signal; ``energy-scale``, ``resolution`` and ``efficiency``
    move every sample of the channels in one scope.
    """

    name: Name
    effect: Literal["flux", "energy-scale", "resolution", "efficiency"]
    size: Fraction
    scope: Literal["all", "detector", "period", "region", "channel"]

    @model_validator(mode="after")
    def _is_not_empty(self) -> Systematic:
        if not 0 < self.size.canonical < 1:
            msg = (
                f"size {self.size.value:g} {self.size.unit} is not between 0 and 100 %"
            )
            raise ValueError(msg)
        return self


class Published(Strict):
    """A published interval on a coupling, for comparison."""

    process: Process
    interval: tuple[float | None, float | None]
    unit: Literal["e", "mu_B", "cm^2"]
    cl: Annotated[float, Field(gt=0, lt=1)]
    statistic: _Text
    sided: Literal["one", "two", "unstated"]
    place: _Text


class Experiment(Strict):
    """One experiment: all that an analysis needs to know besides its events."""

    name: Name
    title: _Text
    document: Document
    blind: bool
    coupling: Coupling
    signals: list[Signal] = Field(min_length=1)
    sources: list[Source] = Field(min_length=1)
    detectors: list[Detector] = Field(min_length=1)
    periods: list[Period] = Field(min_length=1)
    regions: list[Region] = Field(min_length=1)
    overrides: list[Override] = Field(default_factory=list)
    observation: Literal["counts"]
    observables: list[Observable] = Field(min_length=1, max_length=1)
    events: EventLayout
    calibration: Calibration | None = None
    backgrounds: list[Background] = Field(min_length=1)
    systematics: list[Systematic] = Field(default_factory=list)
    simulation: Simulation | None = None
    published: list[Published] = Field(default_factory=list)

    @model_validator(mode="after")
    def _names_are_unique(self) -> Experiment:
        for field in (
            "sources", "detectors", "periods", "regions", "observables",
            "backgrounds", "systematics",
        ):  # fmt: skip
            names = [part.name for part in getattr(self, field)]
            for name in names:
                if names.count(name) > 1:
                    msg = f"{field}: {name!r} is there twice"
                    raise ValueError(msg)
        return self

    @model_validator(mode="after")
    def _references_exist(self) -> Experiment:
        detectors = {d.name for d in self.detectors}
        periods = {p.name for p in self.periods}
        regions = {r.name for r in self.regions}
        sources = {s.name for s in self.sources}

        def known(field: str, names: set[str], there: set[str]) -> None:
            for name in sorted(names - there):
                msg = f"{field}: no {name!r}, there are: {', '.join(sorted(there))}"
                raise ValueError(msg)

        for source in self.sources:
            field = f"sources.{source.name}.weights"
            known(field, set(source.weights.values), periods)
            known(field, periods, set(source.weights.values))
        for background in self.backgrounds:
            field = f"backgrounds.{background.name}"
            known(f"{field}.detectors", set(background.detectors or ()), detectors)
            known(f"{field}.regions", set(background.regions or ()), regions)
            if background.time_law.kind == "follows-power":
                known(f"{field}.time_law", {background.time_law.source}, sources)
        for number, override in enumerate(self.overrides):
            field = f"overrides.{number}"
            known(f"{field}.detector", {override.detector or ""} - {""}, detectors)
            known(f"{field}.period", {override.period or ""} - {""}, periods)
            known(f"{field}.region", {override.region or ""} - {""}, regions)
        if self.simulation is not None:
            known("simulation.gain", set(self.simulation.gain), periods)
        return self

    @model_validator(mode="after")
    def _signals_fit_coupling(self) -> Experiment:
        for signal in self.signals:
            if COUPLING_SYMBOL[signal.process] != self.coupling.symbol:
                msg = (
                    f"signals: {signal.process} is not driven by "
                    f"the coupling {self.coupling.symbol!r}"
                )
                raise ValueError(msg)
        return self

    @model_validator(mode="after")
    def _exposures_are_clear(self) -> Experiment:
        if any(p.exposure for p in self.periods) and (
            len(self.detectors) > 1 or len(self.regions) > 1
        ):
            msg = "periods: with several detectors or regions give 'live_time'"
            raise ValueError(msg)
        return self

    @model_validator(mode="after")
    def _backgrounds_are_determined(self) -> Experiment:
        for background in self.backgrounds:
            if isinstance(background.shape, FreePerBin) and (
                len(self.periods) < 2 or len(self.backgrounds) > 1
            ):
                msg = (
                    f"backgrounds.{background.name}: free-per-bin needs two periods "
                    "and no other background"
                )
                raise ValueError(msg)
            law = background.time_law
            if isinstance(law, HalfLife) and law.half_life.value == 0:
                msg = f"backgrounds.{background.name}: half-life must be above 0"
                raise ValueError(msg)
        return self
