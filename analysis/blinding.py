"""Blinding: the source-on counts stay unseen until the analysis is frozen.

In a blind analysis the counts of every channel that the source shines on are replaced
by what is expected there without the coupling. Where source-off channels exist, their
counts fix the backgrounds; elsewhere the rates, and the histograms, of the experiment
file stand in.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from nuem.analysis.background import norm_name, present
from nuem.analysis.background_fit import fit_backgrounds
from nuem.analysis.expectation import background_expectation, signal_expectation
from nuem.analysis.exposure import Exposure
from nuem.analysis.grid import Given, Grid
from nuem.analysis.prediction import Prediction
from nuem.inputs.backgrounds import FreePerBin
from nuem.inputs.catalogue import Channel, channels
from nuem.inputs.errors import InferenceError
from nuem.inputs.schema import Experiment

if TYPE_CHECKING:
    from nuem.analysis.events.cutflow import CutFlow
    from nuem.analysis.events.store import Histograms

__all__ = ["BLIND_NOTE", "blinded_counts", "is_dark", "visible_cut_flow"]

_Array = NDArray[np.float64]

#: What a result says of blinded counts.
BLIND_NOTE = "blind: source-on counts are the expectation without signal"


def is_dark(experiment: Experiment, channel: Channel) -> bool:
    """Whether no source shines on a channel."""
    return not any(
        s.weights.values[channel.period.name] > 0 for s in experiment.sources
    )


def visible_cut_flow(experiment: Experiment, histograms: Histograms) -> CutFlow:
    """The part of the cut flow that a blind analysis may look at."""
    flows = histograms.cut_flow.channels
    return replace(
        histograms.cut_flow,
        channels={
            c.name: flows[c.name]
            for c in channels(experiment)
            if is_dark(experiment, c)
        },
    )


def blinded_counts(
    experiment: Experiment,
    counts: Mapping[str, _Array],
    exposures: Mapping[str, Exposure],
    prediction: Prediction,
    *,
    given: Mapping[str, Given] | None = None,
) -> dict[str, _Array]:
    """Counts with those of the source-on channels replaced by what no coupling gives.

    Parameters
    ----------
    experiment : Experiment
        Its sources say which channels these are.
    counts : mapping of str to ndarray
        Channel -> measured counts, of several axes in one row, the last one fastest.
    exposures : mapping of str to Exposure
        What the channels collected.
    prediction : Prediction
        Of the signal: what it has of the Standard Model is expected too.
    given : mapping, optional
        Histograms that the experiment file refers to.

    Returns
    -------
    dict of str to ndarray
        Source-off channels as they were; the others are expectations, and no whole
        numbers.

    Raises
    ------
    InferenceError
        If the backgrounds cannot be fitted, or free bins have no source-off data.
    """
    parts = channels(experiment)
    grid = Grid.of(experiment, given)
    off = [c for c in parts if is_dark(experiment, c)]
    result = {c.name: counts[c.name] for c in off}
    free = any(isinstance(b.shape, FreePerBin) for b in experiment.backgrounds)
    norms: dict[str, float] = {}
    shapes: dict[str, float] = {}
    if off and not free:
        nothing = {c.name: np.zeros(grid.size) for c in off}
        fit = fit_backgrounds(experiment, off, exposures, result, nothing, grid)
        norms, shapes = fit.norms, fit.shapes
    for channel in parts:
        if channel in off:
            continue
        exposure = exposures[channel.name]
        expected = exposure.offset + signal_expectation(
            prediction, channel, exposure, grid, 0.0
        )
        for background in experiment.backgrounds:
            if not present(background, channel):
                continue
            if free:
                expected = expected + _as_in_the_dark(
                    experiment, channel, off, counts, exposures
                )
                continue
            shape = [
                v for k, v in shapes.items() if k.startswith(f"{background.name}_")
            ]
            norm = norms.get(norm_name(background, channel), 1.0)
            expected = expected + norm * background_expectation(
                experiment, background, channel, exposure, grid,
                parameter=shape[0] if shape else None,
            )  # fmt: skip
        result[channel.name] = expected
    return {c.name: result[c.name] for c in parts}


def _as_in_the_dark(
    experiment: Experiment,
    channel: Channel,
    off: Sequence[Channel],
    counts: Mapping[str, _Array],
    exposures: Mapping[str, Exposure],
) -> _Array:
    """The source-off counts of the same detector and region, by exposure."""
    mates = [
        c for c in off if (c.detector, c.region) == (channel.detector, channel.region)
    ]
    if not mates:
        raise InferenceError(
            "blind, and no source-off data to take the background from",
            file=experiment.name, field=f"channels.{channel.name}",
        )  # fmt: skip
    seen = sum(exposures[c.name].kg_day for c in mates)
    total = np.sum([counts[c.name] for c in mates], axis=0)
    return np.asarray(total * exposures[channel.name].kg_day / seen)
