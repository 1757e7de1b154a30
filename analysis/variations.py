"""Given alternatives of a sample, in the bins of the analysis."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from nuem.analysis.grid import Grid
from nuem.inputs.catalogue import Channel
from nuem.inputs.variations import HistogramVariation, Variation

__all__ = ["alternatives", "applies"]

_Array = NDArray[np.float64]


def applies(variation: Variation, channel: Channel) -> bool:
    """Whether a variation is there in a channel."""
    return variation.detectors is None or channel.detector.name in variation.detectors


def alternatives(
    variation: HistogramVariation, grid: Grid
) -> tuple[_Array, _Array, _Array]:
    """The histograms of a variation, in the bins of all axes.

    Returns
    -------
    nominal, up, down : ndarray, shape of the grid
        What is given on one side only is mirrored, and nothing where that is negative.
    """
    nominal, up = (
        grid.histogram(name, grid.names) for name in (variation.nominal, variation.up)
    )
    if variation.down is not None:
        return nominal, up, grid.histogram(variation.down, grid.names)
    return nominal, up, np.maximum(2.0 * nominal - up, 0.0)
