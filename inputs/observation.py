"""What is counted: files, cuts, observables and bins; or one number in place of them."""

from __future__ import annotations

import itertools
from typing import Annotated, Literal

from pydantic import Field, field_validator, model_validator

from nuem.inputs.axes import SignalShares
from nuem.inputs.backgrounds import Name
from nuem.inputs.fields import ExpressionText, Text
from nuem.inputs.quantities import (
    Attributed,
    Count,
    Energy,
    Exposure,
    FissionCrossSection,
    Fraction,
    Strict,
)

__all__ = [
    "Calibration",
    "Cut",
    "EventIdentity",
    "EventLayout",
    "EventTotal",
    "EventVariation",
    "FissionTotal",
    "FriendTree",
    "Masked",
    "Observable",
    "PowerColumn",
    "RatioTotal",
    "RunsLayout",
    "Segment",
    "Sideband",
    "SpectrumColumns",
    "SpectrumLayout",
    "Total",
]


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


class Masked(Attributed):
    """A range of the observable that no fit uses; both ends are edges of bins."""

    start: float
    stop: float

    @model_validator(mode="after")
    def _ascends(self) -> Masked:
        if not self.start < self.stop:
            msg = f"{self.start:g} to {self.stop:g} is empty"
            raise ValueError(msg)
        return self


class Observable(Strict):
    """An axis of what is histogrammed: an expression of branches, and its bins.

    The first axis is the energy, in keV or photoelectrons (``PE``). Further axes are a
    time after the beam's trigger (``us``) or a number (``1``), and say how the
    `signal` is distributed in them.

    Attributes
    ----------
    binning : list of Segment
        One after the other, without gaps.
    mask : list of Masked
        What is filled and drawn, but left out of fits and workspaces.
    """

    name: Name
    title: Text
    expression: ExpressionText
    unit: Literal["keVee", "keVnr", "keV", "PE", "us", "1"]
    binning: list[Segment] = Field(min_length=1)
    mask: list[Masked] = Field(default_factory=list)
    signal: SignalShares | None = None

    @property
    def is_energy(self) -> bool:
        """Whether it can be the first axis."""
        return self.unit not in ("us", "1")

    @field_validator("binning")
    @classmethod
    def _joins(cls, segments: list[Segment]) -> list[Segment]:
        for a, b in itertools.pairwise(segments):
            if abs(a.stop - b.start) > 1e-9:
                msg = f"segment ends at {a.stop:g}, the next begins at {b.start:g}"
                raise ValueError(msg)
        return segments

    @model_validator(mode="after")
    def _begins_where_it_can(self) -> Observable:
        if self.is_energy and self.binning[0].start < 0:
            msg = "bins below 0"
            raise ValueError(msg)
        return self


class RunsLayout(Strict):
    """Names in the tree that has one entry a run.

    Attributes
    ----------
    live_time : str
        Expression of the columns of the runs, in seconds: ``live_time_s``, or with
        corrections for dead time and pile-up ``(real_s - dead_s)*exp(-2e-5*rate_hz)``.
    parallel : str
        Column with the number of a detector that takes runs of its own.
    real_time : str
        Expression of the columns of the runs: seconds from begin to end
        (``stop - start``), in which runs must not overlap and the power is averaged.
        Without it the live time is taken, which is shorter by the dead time.
    """

    tree: Text = "runs"
    run: Text = "run"
    start: Text = "start"
    live_time: ExpressionText = "live_time_s"
    parallel: Text | None = None
    real_time: ExpressionText | None = None


class Cut(Strict):
    """A named cut; events that fulfil the expression stay."""

    name: Name
    title: Text
    expression: ExpressionText


class FriendTree(Strict):
    """A tree with one entry for each event, whose columns are ```name.column```.

    Attributes
    ----------
    file : str
        Its file beside that of the events, ``{stem}`` standing for the name of that
        one without ending; the same file by default.
    """

    name: Name
    tree: Text
    file: Text | None = None


class EventVariation(Strict):
    """A systematic variation that is filled in the same pass.

    Attributes
    ----------
    quantities : dict of str to str
        Branch or derived quantity -> expression that takes its place, with the nominal
        value on the right: ``energy: 1.005*energy`` (scale),
        ``energy: energy + 0.02*normal_deviate`` (resolution).
    cuts : dict of str to str
        Cut -> expression in place of its own (a threshold).
    detectors, periods, regions : list of str
        Where it applies; everywhere by default.
    """

    name: Name
    quantities: dict[str, ExpressionText] = Field(default_factory=dict)
    cuts: dict[str, ExpressionText] = Field(default_factory=dict)
    detectors: list[Name] | None = None
    periods: list[Name] | None = None
    regions: list[Name] | None = None

    @model_validator(mode="after")
    def _does_something(self) -> EventVariation:
        if not (self.quantities or self.cuts):
            msg = "a variation of nothing: give 'quantities' or 'cuts'"
            raise ValueError(msg)
        return self


class EventIdentity(Strict):
    """What tells events apart, for halves and random numbers of their own.

    Attributes
    ----------
    columns : list of str
        Branches, such as run and time.
    key : str
        Another key gives other halves.
    half : str
        Take this half alone, with half of the live time.
    """

    columns: list[Text] = Field(min_length=1)
    key: Text
    half: Literal["first", "second"] | None = None


class PowerColumn(Strict):
    """The column of the runs with the power of a source, relative to the nominal one.

    The signal of a channel is multiplied by the mean over its live time.
    """

    source: Name
    column: Text = "power"


class Sideband(Strict):
    """Events that are no part of the measurement and show the shape of a background.

    They pass the same cuts and are filled into the same bins; the histogram has the name
    of the sideband.
    """

    tree: Text
    select: ExpressionText | None = None


class EventLayout(Strict):
    """How the ROOT files are laid out; ``runs: null`` for files without live time."""

    tree: Text = "events"
    run: Text = "run"
    runs: RunsLayout | None = RunsLayout()
    derived: dict[str, ExpressionText] = Field(default_factory=dict)
    cuts: list[Cut] = Field(default_factory=list)
    friends: list[FriendTree] = Field(default_factory=list)
    weight: ExpressionText | None = None
    variations: list[EventVariation] = Field(default_factory=list)
    identity: EventIdentity | None = None
    power: PowerColumn | None = None
    sidebands: dict[Name, Sideband] = Field(default_factory=dict)


class Calibration(Strict):
    """The band of calibration events that the search events are drawn over.

    Attributes
    ----------
    cut : str, optional
        Name of the cut that the calibration is the measure of: the band is that of the
        events before it, and its acceptance is the share of them that it keeps.
    """

    title: Text
    x: ExpressionText
    y: ExpressionText
    x_title: Text
    y_title: Text
    x_binning: Segment
    quantiles: tuple[float, float]
    cut: Text | None = None

    @field_validator("quantiles")
    @classmethod
    def _ascend(cls, value: tuple[float, float]) -> tuple[float, float]:
        if not 0 < value[0] < 0.5 < value[1] < 1:
            msg = "expected a quantile below and one above 0.5"
            raise ValueError(msg)
        return value


class EventTotal(Strict):
    """Events that the Standard Model gives; the prediction is scaled to them.

    The error is that of counting.
    """

    kind: Literal["events"]
    expected: Count


class FissionTotal(Strict):
    """A cross section of one electron per fission, with the error of its measurement."""

    kind: Literal["cross-section"]
    error: FissionCrossSection


class RatioTotal(Strict):
    """A rate over that of the Standard Model, with the error of its measurement."""

    kind: Literal["ratio"]
    error: Fraction

    @field_validator("error")
    @classmethod
    def _is_above_zero(cls, error: Fraction) -> Fraction:
        if error.value == 0:
            msg = "error must be above 0"
            raise ValueError(msg)
        return error


#: One number that stands for all events of an experiment, told apart by its ``kind``.
Total = Annotated[EventTotal | FissionTotal | RatioTotal, Field(discriminator="kind")]


#: A column of a text file: its number, from 1, or its name in the header.
Column = Annotated[int, Field(ge=1)] | Annotated[str, Field(min_length=1)]


class SpectrumColumns(Strict):
    """Where a channel stands in a file of binned values, or of single events.

    Attributes
    ----------
    value : Column
        Of the value; of the energy where each line is one event; in a UHI file the
        name of the histogram.
    error : Column
        Of the error; a UHI histogram has its own.
    file : str
        Name of the file, without folder, where channels have files of their own.
    """

    value: Column
    error: Column | None = None
    file: Text | None = None


class SpectrumLayout(Strict):
    """A text file (columns apart by blanks or commas), or a UHI JSON file.

    A JSON file holds one histogram for each channel, and nothing but ``channels``,
    ``exposure`` and ``per`` is needed to read it.

    Attributes
    ----------
    centre, width : Column, Energy
        Column of bin centres, and the width of all bins; or instead
    low, high : Column
        the columns of the lower and upper edges. In the unit of the observable.
    unbinned : bool
        Each line is one event, which is counted in the bins of the analysis.
    channels : dict
        Channel -> columns of value and error.
    exposure : Exposure or None
        What a value refers to, such as 1 kg day for a rate; absent, the value is that
        of the whole exposure.
    per : "bin" or "keV"
        Whether a value is that of a bin, or a density.
    """

    centre: Column | None = None
    width: Energy | None = None
    low: Column | None = None
    high: Column | None = None
    unbinned: bool = False
    channels: dict[str, SpectrumColumns] = Field(min_length=1)
    exposure: Exposure | None = None
    per: Literal["bin", "keV"] = "bin"

    @model_validator(mode="after")
    def _has_one_kind_of_bins(self) -> SpectrumLayout:
        centres = self.centre is not None and self.width is not None
        edges = self.low is not None and self.high is not None
        given = sum(
            x is not None for x in (self.centre, self.width, self.low, self.high)
        )
        if given and (self.unbinned or centres == edges or given != 2):
            msg = (
                "give either 'centre' and 'width', or 'low' and 'high', or 'unbinned'; "
                "none of them for UHI histograms"
            )
            raise ValueError(msg)
        if self.unbinned and self.per != "bin":
            msg = "single events have no density: per: bin"
            raise ValueError(msg)
        if self.width is not None and self.width.value == 0:
            msg = "width must be above 0"
            raise ValueError(msg)
        return self
