"""Best fits of a workspace: parameters, uncertainties, expected counts by sample."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nuem.analysis.inference.backend import build_model, pyhf_numpy
from nuem.inputs.errors import InferenceError

__all__ = ["Fit", "best_fit"]

_Array = NDArray[np.float64]


@dataclass(frozen=True)
class Fit:
    """A best fit.

    Attributes
    ----------
    poi : str
        Name of the parameter of interest.
    values, errors : dict
        By parameter (``name`` or ``name[bin]``): best fit and its uncertainty from the
        second derivative; 0 for fixed ones.
    twice_nll : float
        -2 ln L at the best fit, as pyhf defines it.
    expected : dict
        Channel -> sample -> expected counts by bin, in the order of the workspace.
    """

    poi: str
    values: dict[str, float]
    errors: dict[str, float]
    twice_nll: float
    expected: dict[str, dict[str, _Array]]

    def to_dict(self) -> dict[str, Any]:
        """As a JSON object."""
        return {
            "poi": self.poi,
            "values": self.values,
            "errors": self.errors,
            "twice_nll": self.twice_nll,
            "expected": {
                channel: {name: data.tolist() for name, data in samples.items()}
                for channel, samples in self.expected.items()
            },
        }


def best_fit(
    spec: Mapping[str, Any],
    *,
    measurement: str | None = None,
    poi_bounds: tuple[float, float] | None = None,
    poi_value: float | None = None,
    observed: Mapping[str, _Array] | None = None,
    name: str = "workspace",
) -> Fit:
    """Fit a workspace.

    Parameters
    ----------
    spec : mapping
        A pyhf workspace document.
    measurement : str, optional
        Name of the measurement; needed where there are several.
    poi_bounds : tuple of float, optional
        Bounds of the parameter of interest in place of those of the workspace. A lower
        bound below 0 is raised to where the expectation would turn negative.
    poi_value : float, optional
        Hold the parameter of interest at this value.
    observed : mapping, optional
        Channel -> counts by bin, in place of those of the workspace.
    name : str
        Where the workspace came from, for messages.

    Returns
    -------
    Fit

    Raises
    ------
    InputError
        If the workspace is wrong.
    InferenceError
        If the fit does not converge.
    """
    import pyhf

    with pyhf_numpy():
        model, data = build_model(spec, name=name, measurement=measurement)
        config = model.config
        if observed is not None:
            for channel, counts in observed.items():
                data[: config.nmaindata][config.channel_slices[channel]] = counts
        bounds = [tuple(map(float, b)) for b in config.suggested_bounds()]
        init = [float(x) for x in config.suggested_init()]
        fixed = list(config.suggested_fixed())
        if poi_bounds is not None:
            low = max(poi_bounds[0], _lowest_poi(model, init))
            bounds[config.poi_index] = (low, poi_bounds[1])
        if poi_value is not None:
            init[config.poi_index], fixed[config.poi_index] = poi_value, True
        try:
            result, twice_nll = pyhf.infer.mle.fit(
                data, model, init_pars=init, par_bounds=bounds, fixed_params=fixed,
                return_uncertainties=True, return_fitted_val=True,
            )  # fmt: skip
        except pyhf.exceptions.FailedMinimization as error:
            line = " ".join(str(error).split())[:200]
            raise InferenceError(
                f"the fit did not converge ({line})", file=name
            ) from None
        values, errors = np.asarray(result, dtype=float).T
        by_sample = np.asarray(
            model.main_model.expected_data(values, return_by_sample=True)
        )
    if not np.isfinite(values).all() or not np.isfinite(twice_nll):
        raise InferenceError("the fit ended at a value that is not finite", file=name)
    expected = {
        channel["name"]: {
            sample["name"]: by_sample[
                config.samples.index(sample["name"]),
                config.channel_slices[channel["name"]],
            ]
            for sample in channel["samples"]
        }
        for channel in spec["channels"]
    }
    return Fit(
        poi=config.poi_name,
        values=dict(zip(config.par_names, map(float, values), strict=True)),
        errors=dict(zip(config.par_names, map(float, errors), strict=True)),
        twice_nll=float(twice_nll),
        expected=expected,
    )


def _lowest_poi(model: Any, init: list[float]) -> float:
    """Where, half-way to a negative expectation, a fit should stop."""
    at_zero, at_one = list(init), list(init)
    at_zero[model.config.poi_index], at_one[model.config.poi_index] = 0.0, 1.0
    zero = np.asarray(model.expected_data(at_zero, include_auxdata=False))
    slope = np.asarray(model.expected_data(at_one, include_auxdata=False)) - zero
    rising = slope > 0
    if not rising.any():
        return -np.inf
    return float(np.max(-0.5 * zero[rising] / slope[rising]))
