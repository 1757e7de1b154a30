"""Best fits of a workspace: parameters, uncertainties, correlations, expected counts."""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nuem.analysis.inference.compiled import compile_workspace
from nuem.analysis.inference.likelihood import Likelihood, Minimum
from nuem.analysis.inference.profile import global_fit
from nuem.inputs.errors import InferenceError

__all__ = ["Fit", "best_fit", "covariance", "expected_by_sample"]

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
    pulls : dict
        Constrained parameter -> (best fit - auxiliary datum) / width of its constraint.
    constraints : dict
        Constrained parameter -> uncertainty over the width of its constraint.
    correlation : ndarray, shape (p, p)
        Of the parameters in the order of `values`; 0 with fixed ones.
    at_bound : tuple of str
        Parameters that ended at a bound.
    """

    poi: str
    values: dict[str, float]
    errors: dict[str, float]
    twice_nll: float
    expected: dict[str, dict[str, _Array]]
    pulls: dict[str, float] = field(default_factory=dict)
    constraints: dict[str, float] = field(default_factory=dict)
    correlation: _Array = field(default_factory=lambda: np.zeros((0, 0)))
    at_bound: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """As a JSON object."""
        return {
            "poi": self.poi,
            "values": self.values,
            "errors": self.errors,
            "twice_nll": self.twice_nll,
            "pulls": self.pulls,
            "constraints": self.constraints,
            "correlation": self.correlation.tolist(),
            "at_bound": list(self.at_bound),
            "expected": {
                channel: {name: data.tolist() for name, data in samples.items()}
                for channel, samples in self.expected.items()
            },
        }


def best_fit(
    spec: Mapping[str, Any],
    *,
    measurement: str | None = None,
    links: Mapping[str, Mapping[str, Any]] | None = None,
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
    links : mapping, optional
        Normfactor -> ``{"parameter": name, "power": k}``.
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
    likelihood = Likelihood(spec, measurement=measurement, links=links, name=name)
    likelihood.check_signal()
    poi = likelihood.poi
    if poi_bounds is not None and not links:
        low = max(poi_bounds[0], _lowest_poi(likelihood))
        likelihood = Likelihood(
            spec, measurement=measurement, name=name,
            bounds={likelihood.poi_name: (low, poi_bounds[1])},
        )  # fmt: skip
    counts = likelihood.observed.copy()
    for channel, own in (observed or {}).items():
        counts[likelihood.model.layout.channels[channel]] = own
    held = {} if poi_value is None else {poi: poi_value}
    found = (
        global_fit(likelihood, observed=counts)[0]
        if (links or likelihood.several_minima) and not held
        else likelihood.fit(observed=counts, fixed=held)
    )
    if not found.converged:
        raise InferenceError("the fit did not converge", file=name)
    likelihood.check_expectation(found.values, "the best fit")
    matrix = covariance(likelihood, found, counts, set(held))
    errors = np.sqrt(np.maximum(np.diag(matrix), 0.0))
    scale = np.where(errors > 0, errors, 1.0)
    arrays, names = likelihood.arrays, likelihood.names
    width = np.where(arrays.kind == 2, 1 / np.sqrt(arrays.width), arrays.width)
    centre = np.where(arrays.kind == 2, likelihood.aux / arrays.width, likelihood.aux)
    bound = [i for i in constrained_by(arrays) if not likelihood.model.fixed[i]]
    at = (found.values <= arrays.low) | (found.values >= arrays.high)
    return Fit(
        poi=likelihood.poi_name,
        values=dict(zip(names, map(float, found.values), strict=True)),
        errors=dict(zip(names, map(float, errors), strict=True)),
        twice_nll=found.twice_nll,
        expected=expected_by_sample(spec, likelihood, found.values, measurement, links),
        pulls={names[i]: float((found.values[i] - centre[i]) / width[i]) for i in bound},
        constraints={names[i]: float(errors[i] / width[i]) for i in bound},
        correlation=matrix / scale[:, None] / scale[None, :],
        at_bound=tuple(
            names[i] for i in np.flatnonzero(at & (arrays.low < arrays.high)) if i not in held
        ),
    )  # fmt: skip


def constrained_by(arrays: Any) -> list[int]:
    """Indices of the parameters with a constraint."""
    return list(map(int, np.flatnonzero(arrays.kind > 0)))


def covariance(
    likelihood: Likelihood, found: Minimum, observed: _Array, held: set[int]
) -> _Array:
    """Inverse of the second derivatives, shape (p, p); 0 for what does not move.

    Parameters at a bound are left in as long as the matrix stays positive definite.
    """
    hessian = likelihood.hessian(found.values, observed)
    fixed = (likelihood.arrays.low == likelihood.arrays.high) | likelihood.model.fixed
    fixed[list(held)] = True
    at_bound = (found.values <= likelihood.arrays.low) | (
        found.values >= likelihood.arrays.high
    )
    result = np.zeros_like(hessian)
    for free in (np.flatnonzero(~fixed), np.flatnonzero(~fixed & ~at_bound)):
        block = hessian[np.ix_(free, free)]
        try:
            np.linalg.cholesky(block)
        except np.linalg.LinAlgError:
            continue
        result[np.ix_(free, free)] = np.linalg.inv(block)
        break
    return result


def expected_by_sample(
    spec: Mapping[str, Any],
    likelihood: Likelihood,
    values: _Array,
    measurement: str | None = None,
    links: Mapping[str, Mapping[str, Any]] | None = None,
) -> dict[str, dict[str, _Array]]:
    """Expected counts by channel and sample: each sample with the others emptied."""
    from nuem.analysis.inference import kernels

    names = {s["name"] for c in spec["channels"] for s in c["samples"]}
    result: dict[str, dict[str, _Array]] = {c["name"]: {} for c in spec["channels"]}
    for name in sorted(names):
        alone = deepcopy(
            {key: spec[key] for key in ("channels", "observations", "measurements")}
        )
        there = []
        for channel in alone["channels"]:
            for sample in channel["samples"]:
                if sample["name"] == name:
                    there.append(channel["name"])
                    continue
                empty = [0.0] * len(sample["data"])
                sample["data"] = empty
                for modifier in sample["modifiers"]:
                    if modifier["type"] == "histosys":
                        modifier["data"] = {"hi_data": empty, "lo_data": empty}
        arrays = compile_workspace(alone, measurement=measurement, links=links).arrays
        room = kernels.scratch(arrays)
        kernels.expectation(arrays, np.ascontiguousarray(values), room)
        for channel in there:
            where = likelihood.model.layout.channels[channel]
            result[channel][name] = room.means[where].copy()
    return {
        channel["name"]: {
            s["name"]: result[channel["name"]][s["name"]] for s in channel["samples"]
        }
        for channel in spec["channels"]
    }


def _lowest_poi(likelihood: Likelihood) -> float:
    """Where, half-way to a negative expectation, a fit should stop."""
    points = [likelihood.init.copy(), likelihood.init.copy()]
    points[0][likelihood.poi], points[1][likelihood.poi] = 0.0, 1.0
    zero, one = (likelihood.expected(p) for p in points)
    slope = one - zero
    rising = slope > 0
    if not rising.any():
        return -np.inf
    return float(np.max(-0.5 * zero[rising] / slope[rising]))
