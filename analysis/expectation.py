"""What an experiment expects in its bins: signal at a coupling, and each background."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from nuem.analysis.background import grid_counts, time_factor
from nuem.analysis.exposure import Exposure
from nuem.analysis.grid import Grid
from nuem.analysis.prediction import Prediction
from nuem.inputs.backgrounds import Background
from nuem.inputs.catalogue import Channel
from nuem.inputs.schema import Experiment

__all__ = ["background_expectation", "signal_expectation"]

_Array = NDArray[np.float64]


def signal_expectation(
    prediction: Prediction,
    channel: Channel,
    exposure: Exposure,
    grid: Grid,
    coupling: float,
) -> _Array:
    """Counts of all signals at a coupling, the Standard Model of theirs included.

    Parameters
    ----------
    prediction : Prediction
    channel : Channel
    exposure : Exposure
        What the channel collected.
    grid : Grid
    coupling : float
        In its unit; 0 leaves what does not depend on it.

    Returns
    -------
    ndarray, shape (bins,)
        In one row, the last axis fastest.
    """
    total = np.zeros(grid.size)
    for signal in prediction.signals[channel.name]:
        total += np.asarray(signal.nominal.evaluate(coupling)).ravel()
    return np.asarray(total * exposure.scale * exposure.power)


def background_expectation(
    experiment: Experiment,
    background: Background,
    channel: Channel,
    exposure: Exposure,
    grid: Grid,
    *,
    parameter: float | None = None,
) -> _Array:
    """Counts of a background at the rate of the file.

    Parameters
    ----------
    experiment : Experiment
    background : Background
    channel : Channel
    exposure : Exposure
        What the channel collected, and when.
    grid : Grid
    parameter : float, optional
        Value of the free parameter of the shape in place of that of the file.

    Returns
    -------
    ndarray, shape (bins,)
        In one row, the last axis fastest.
    """
    factor = time_factor(background, exposure, channel, experiment)
    counts = grid_counts(background, channel, grid, parameter=parameter)
    return np.asarray(factor * exposure.scale * counts)
