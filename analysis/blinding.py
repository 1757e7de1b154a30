"""Blinding: the source-on counts stay unseen until the analysis is frozen.

In a blind analysis the counts of every channel that the source shines on are replaced
by what is expected there without signal. Where source-off channels exist, their counts
fix the backgrounds; elsewhere the rates of the experiment file stand in.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from nuem.analysis.background import component_counts, norm_name, present, time_factor
from nuem.analysis.background_fit import fit_backgrounds
from nuem.analysis.exposure import measured_exposures
from nuem.analysis.grid import Grid
from nuem.inputs.backgrounds import FreePerBin
from nuem.inputs.catalogue import Channel, bin_edges, channels
from nuem.inputs.errors import InferenceError
from nuem.inputs.schema import Experiment

if TYPE_CHECKING:
    from nuem.analysis.events.cutflow import CutFlow
    from nuem.analysis.events.store import Histograms

__all__ = ["blinded_counts", "is_dark", "visible_cut_flow"]


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


def blinded_counts(experiment: Experiment, histograms: Histograms) -> Histograms:
    """Histograms with the source-on counts replaced by the expectation without signal.

    Parameters
    ----------
    experiment : Experiment
        Its sources say which channels these are.
    histograms : Histograms
        The measured ones.

    Returns
    -------
    Histograms
        With a warning that says so. Counts are rounded to whole events.

    Raises
    ------
    InferenceError
        If the backgrounds cannot be fitted, or free bins have no source-off data.
    """
    parts = channels(experiment)
    edges = bin_edges(experiment.observables[0])
    exposure = measured_exposures(experiment, histograms)
    off = [c for c in parts if is_dark(experiment, c)]
    counts = {
        c.name: np.asarray(histograms.hists[c.name].values(), dtype=float) for c in off
    }
    free = any(isinstance(b.shape, FreePerBin) for b in experiment.backgrounds)
    norms: dict[str, float] = {}
    shapes: dict[str, float] = {}
    if off and not free:
        nothing = {c.name: np.zeros(edges.size - 1) for c in off}
        fit = fit_backgrounds(
            experiment, off, exposure, counts, nothing, Grid.of(experiment)
        )
        norms, shapes = fit.norms, fit.shapes
    hists = dict(histograms.hists)
    for channel in parts:
        if channel in off:
            continue
        expected = np.zeros(edges.size - 1)
        for background in experiment.backgrounds:
            if not present(background, channel):
                continue
            if free:
                mates = [
                    c for c in off
                    if (c.detector, c.region) == (channel.detector, channel.region)
                ]  # fmt: skip
                if not mates:
                    raise InferenceError(
                        "blind, and no source-off data to take the background from",
                        file=experiment.name, field=f"channels.{channel.name}",
                    )  # fmt: skip
                seen = sum(exposure[c.name].kg_day for c in mates)
                expected += (
                    np.sum([counts[c.name] for c in mates], axis=0)
                    * exposure[channel.name].kg_day / seen
                )  # fmt: skip
                continue
            shape = [
                v for k, v in shapes.items() if k.startswith(f"{background.name}_")
            ]
            expected += (
                norms.get(norm_name(background, channel), 1.0)
                * exposure[channel.name].kg_day
                * time_factor(background, exposure[channel.name], channel, experiment)
                * component_counts(
                    background, channel, edges, parameter=shape[0] if shape else None
                )
            )
        blinded = hists[channel.name].copy()
        blinded.reset()
        blinded.view(flow=False)[...] = np.rint(expected).astype(int)
        hists[channel.name] = blinded
    return replace(
        histograms, hists=hists,
        warnings=(
            *histograms.warnings,
            "blind: source-on counts are the expectation without signal",
        ),
    )  # fmt: skip
