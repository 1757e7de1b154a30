"""Closure of the linearised shapes: the workspace against the shapes themselves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nuem.analysis.background import (
    grid_counts,
    norm_name,
    present,
    shape_parameters,
    time_factor,
)
from nuem.analysis.background_fit import BackgroundFit
from nuem.analysis.exposure import Exposure
from nuem.analysis.grid import Grid
from nuem.analysis.inference.backend import build_model, pyhf_numpy
from nuem.inputs.catalogue import Channel
from nuem.inputs.errors import InferenceError
from nuem.inputs.schema import Experiment

__all__ = ["MAX_CLOSURE_CHI2", "closure_of_shapes"]

#: Largest chi^2 between linearised and exact shape at one uncertainty: a bias of at
#: most 0.3 standard deviations on anything that is fitted.
MAX_CLOSURE_CHI2 = 0.1

_Array = NDArray[np.float64]


def closure_of_shapes(
    experiment: Experiment,
    channels: Sequence[Channel],
    exposures: Mapping[str, Exposure],
    fit: BackgroundFit,
    spec: Mapping[str, Any],
    grid: Grid,
    sigmas: float,
) -> dict[str, float]:
    """Compare what the workspace expects with the exact shapes.

    Parameters
    ----------
    experiment, channels, exposures, fit, grid
        What the workspace was built from.
    spec : mapping
        The workspace.
    sigmas : float
        Number of uncertainties that a unit of a shape's nuisance parameter stands for.

    Returns
    -------
    dict
        Parameter of a shape -> larger chi^2 of the differences at plus and minus one
        uncertainty, with the expected counts as variance.

    Raises
    ------
    InferenceError
        If one is above `MAX_CLOSURE_CHI2`.
    """
    parameters = shape_parameters(experiment.backgrounds)
    if not parameters:
        return {}
    with pyhf_numpy():
        model, _ = build_model(spec, name=experiment.name)
        start = np.asarray(model.config.suggested_init(), dtype=float)
        start[model.config.poi_index] = 0.0

        def linearised(name: str, value: float) -> dict[str, _Array]:
            pars = start.copy()
            pars[model.config.par_slice(name)] = value
            counts = np.asarray(model.expected_data(pars, include_auxdata=False))
            return {
                c.name: counts[model.config.channel_slices[c.name]] for c in channels
            }

        nominal = linearised(parameters[0].name, 0.0)
        result = {}
        for parameter in parameters:
            worst = 0.0
            for side in (-1, 1):
                shifted = linearised(parameter.name, side / sigmas)
                exact = _exact(
                    experiment, channels, exposures, fit, grid,
                    parameter.background, side * fit.shape_errors[parameter.name],
                )  # fmt: skip
                chi2 = sum(
                    float(
                        np.sum(
                            (shifted[c.name] - nominal[c.name] - exact[c.name]) ** 2
                            / np.maximum(nominal[c.name], 1e-9)
                        )
                    )
                    for c in channels
                )
                worst = max(worst, chi2)
            result[parameter.name] = worst
            if worst > MAX_CLOSURE_CHI2:
                raise InferenceError(
                    "a shape cannot be linearised over its uncertainty",
                    file=experiment.name, field=parameter.name,
                    found=f"chi^2 {worst:.2g} between the workspace and the shape",
                    expected=f"at most {MAX_CLOSURE_CHI2:g}; fix the parameter",
                )  # fmt: skip
    return result


def _exact(
    experiment: Experiment,
    channels: Sequence[Channel],
    exposures: Mapping[str, Exposure],
    fit: BackgroundFit,
    grid: Grid,
    name: str,
    shift: float,
) -> dict[str, _Array]:
    """Change of the expected counts when the shape's parameter moves by ``shift``."""
    background = next(b for b in experiment.backgrounds if b.name == name)
    (parameter,) = shape_parameters([background])
    value = fit.shapes[parameter.name]
    change = {}
    for channel in channels:
        change[channel.name] = np.zeros(grid.size)
        if not present(background, channel):
            continue
        exposure = exposures[channel.name]
        scale = exposure.scale * time_factor(background, exposure, channel, experiment)
        if background.constraint == "free":
            # as in the workspace, whose factor starts at no less than a hundredth of
            # the larger of value and uncertainty
            norm = norm_name(background, channel)
            least = 0.01 * max(fit.norms[norm], fit.norm_errors[norm])
            scale = scale * max(fit.norms[norm], least)
        change[channel.name] = scale * (
            grid_counts(background, channel, grid, parameter=value + shift)
            - grid_counts(background, channel, grid, parameter=value)
        )
    used = Grid.of(experiment).used
    return {name: counts[used] for name, counts in change.items()}
