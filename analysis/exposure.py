"""What the channels collected, and when."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from nuem.inputs.catalogue import Channel, channels
from nuem.inputs.errors import InferenceError
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
    """

    mass_kg: float
    spans: tuple[tuple[float, float], ...]

    @property
    def live_time_d(self) -> float:
        """Live time in days."""
        return float(np.sum([live for _, live in self.spans]))

    @property
    def kg_day(self) -> float:
        """Mass times live time."""
        return self.mass_kg * self.live_time_d


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
            )
        if not exposure.kg_day > 0:
            raise InferenceError("no live time", field=f"channels.{channel.name}")
        result[channel.name] = exposure
    return result
