"""What the channels collected, and when."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from nuem.inputs.catalogue import Channel, channels
from nuem.inputs.errors import InferenceError, InputError
from nuem.inputs.schema import Experiment

if TYPE_CHECKING:
    from nuem.analysis.events.store import Histograms

__all__ = ["Exposure", "measured_exposures", "stated_exposure"]

_SECONDS_PER_DAY = 86400.0


@dataclass(frozen=True)
class Exposure:
    """Mass, and the runs in which it was exposed.

    Attributes
    ----------
    mass_kg : float
    spans : tuple of (float, float)
        Start and live time of each run in days, counted from the first start of the
        data taking of the experiment.
    lengths : tuple of float, optional
        From begin to end of each run in days: longer than the live time by what was
        dead or was not used. By default the live time.
    power : float
        Mean power of the source over the live time, relative to the one that its
        weights stand for.
    factors : tuple of float, optional
        Counts in each bin for one expected there: values that were corrected for an
        efficiency, or refer to another exposure, stand for so many counts.
    pedestal : tuple of float, optional
        Counts in each bin that are expected whatever the model says.
    """

    mass_kg: float
    spans: tuple[tuple[float, float], ...]
    power: float = 1.0
    factors: tuple[float, ...] | None = None
    pedestal: tuple[float, ...] | None = None
    lengths: tuple[float, ...] | None = None

    @property
    def live_time_d(self) -> float:
        """Live time in days."""
        return float(np.sum([live for _, live in self.spans]))

    def mean_decay(self, rate_per_d: float) -> float:
        """Mean of exp(-rate time) over the live time, which is spread over each run.

        Parameters
        ----------
        rate_per_d : float
            Decay constant.

        Examples
        --------
        >>> whole, half = Exposure(1.0, ((0.0, 4.0),)), Exposure(1.0, ((0.0, 2.0),))
        >>> round(whole.mean_decay(0.5), 4), round(half.mean_decay(0.5), 4)
        (0.4323, 0.6321)
        >>> # live for half of a run of four days
        >>> round(Exposure(1.0, ((0.0, 2.0),), lengths=(4.0,)).mean_decay(0.5), 4)
        0.4323
        """
        start, live = np.array(self.spans).T
        length = live if self.lengths is None else np.array(self.lengths)
        lived = rate_per_d * np.where(length > 0, length, 1.0)
        # the mean over a run without length is its value at the begin
        within = np.where(length > 0, -np.expm1(-lived) / lived, 1.0)
        mean = np.exp(-rate_per_d * start) * within
        return float(np.sum(mean * live) / np.sum(live))

    @property
    def kg_day(self) -> float:
        """Mass times live time."""
        return self.mass_kg * self.live_time_d

    @property
    def scale(self) -> NDArray[np.float64]:
        """Counts by bin for one per kg and day; one number where there are no factors."""
        return self.kg_day * np.asarray(1.0 if self.factors is None else self.factors)

    @property
    def offset(self) -> NDArray[np.float64]:
        """Counts by bin of the pedestal; one number, 0, where there is none."""
        return np.asarray(0.0 if self.pedestal is None else self.pedestal)


def stated_exposure(channel: Channel) -> Exposure:
    """The exposure that the experiment file states for a channel."""
    return Exposure(
        channel.mass_kg,
        ((channel.period.start.canonical, channel.live_time_d),),
    )


def measured_exposures(
    experiment: Experiment, histograms: Histograms
) -> dict[str, Exposure]:
    """Exposure of each channel: from its files, or where these are silent, as stated.

    Parameters
    ----------
    experiment : Experiment
        Masses; and live times for files without a tree of runs.
    histograms : Histograms
        With the runs that were read.

    Returns
    -------
    dict
        Channel -> exposure. The first run of the files starts at the earliest start
        of a period of the experiment file.

    Raises
    ------
    InferenceError
        If a channel has no live time.
    InputError
        If the power of one of several sources of a channel is known.
    """
    read = [spans for spans in histograms.runs.values() if spans is not None]
    origin = min((start for spans in read for start, _ in spans), default=0.0)
    first = min(p.start.canonical for p in experiment.periods)
    result = {}
    for channel in channels(experiment):
        spans = histograms.runs.get(channel.name)
        if spans is None:
            exposure = stated_exposure(channel)
        else:
            exposure = Exposure(
                channel.mass_kg,
                tuple(
                    (
                        first + (start - origin) / _SECONDS_PER_DAY,
                        live / _SECONDS_PER_DAY,
                    )
                    for start, live in spans
                ),
                _power(experiment, histograms, channel),
                lengths=_lengths(histograms, channel.name),
            )
        if not exposure.kg_day > 0:
            raise InferenceError("no live time", field=f"channels.{channel.name}")
        result[channel.name] = exposure
    return result


def _lengths(histograms: Histograms, channel: str) -> tuple[float, ...]:
    """Length of each run of a channel in days, in the order of its live times."""
    runs = sorted(
        (run.start_s, run.live_time_s, run.length_s)
        for file in histograms.files
        for run in file.runs or ()
        if channel in run.channels
    )
    return tuple(length / _SECONDS_PER_DAY for *_, length in runs)


def _power(experiment: Experiment, histograms: Histograms, channel: Channel) -> float:
    """Mean power of the one source that shines on a channel."""
    known = None if experiment.events is None else experiment.events.power
    if known is None or channel.name not in histograms.power:
        return 1.0
    shining = [
        s.name for s in experiment.sources if s.weights.values[channel.period.name] > 0
    ]
    if not shining:
        return 1.0
    if shining != [known.source]:
        raise InputError(
            "the power of one of several sources", file=experiment.name,
            field="events.power.source", found=known.source,
            expected=f"the only source of {channel.name}, where there is"
            f" {', '.join(shining)}",
        )  # fmt: skip
    return histograms.power[channel.name]
