"""A simplified likelihood: what a phenomenologist needs, in a page of numbers.

Around the best fit without signal the expected background of each bin is expanded to
second order in the nuisance parameters; their constraints stay as they are, and the
counts stay Poisson. The data enter once: the covariance is there to be read, and is
not a second constraint. (The idea of a quadratic expansion: A. Buckley, M. Citron,
S. Fichet, S. Kraml, W. Waltenberger, N. Wardle, JHEP 04 (2019) 064.)
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nuem.analysis.exchange.formats import signal_powers
from nuem.analysis.exchange.provenance import digest
from nuem.analysis.exchange.workspace import Workspace, definition_of
from nuem.analysis.inference.fit import covariance
from nuem.analysis.inference.likelihood import Likelihood
from nuem.inputs.errors import InferenceError, InputError

__all__ = ["Simplified", "simplify"]

_Array = NDArray[np.float64]
_SCHEMA = "nuem-simplified-likelihood-1"
#: More parameters than this, and the quadratic terms are no simplification.
_MOST = 200


@dataclass(frozen=True)
class Simplified:
    """A simplified likelihood of n bins, p nuisance parameters and one coupling.

    Attributes
    ----------
    parameters : tuple of str
        Names of the nuisance parameters.
    bins : tuple of (str, int)
        Channel and number in it.
    observed, background : ndarray, shape (n,)
        Counts; and expectation without signal at the best fit.
    signal : dict of int to ndarray, shape (n,)
        Coefficient of each power of the parameter, at the best fit.
    best_fit, step : ndarray, shape (p,)
        Best fit without signal; and the unit in which the expansion is written, the
        error of the fit.
    linear, quadratic : ndarray, shapes (n, p) and (n, p, p)
        Derivatives of the background, in units of `step`; half of the second ones.
    signal_linear : dict of int to ndarray, shape (n, p)
        The same of the signal.
    centre, precision : ndarray, shape (p,)
        Where the constraint of a parameter is centred, in steps from the best fit, and
        1/variance in these units; 0 for a free one.
    covariance : ndarray, shape (p, p)
        Of the fit, in units of `step`.
    definition : dict or None
    """

    parameters: tuple[str, ...]
    bins: tuple[tuple[str, int], ...]
    observed: _Array
    background: _Array
    signal: dict[int, _Array]
    best_fit: _Array
    step: _Array
    linear: _Array
    quadratic: _Array
    signal_linear: dict[int, _Array]
    centre: _Array
    precision: _Array
    covariance: _Array
    definition: dict[str, Any] | None

    def expected(self, poi: float, shift: _Array) -> _Array:
        """Expected counts; ``shift`` in units of `step` from the best fit, shape (n,)."""
        total = (
            self.background
            + self.linear @ shift
            + np.einsum("ijk,j,k", self.quadratic, shift, shift)
        )
        for power, values in self.signal.items():
            total = total + poi**power * (values + self.signal_linear[power] @ shift)
        return np.asarray(total)

    def twice_nll(self, poi: float, shift: _Array) -> float:
        """-2 ln L, up to a constant; infinite where a bin would be empty."""
        mean = self.expected(poi, shift)
        if not (mean > 0).all():
            return float("inf")
        n = self.observed
        pull = self.precision @ (shift - self.centre) ** 2
        return float(2 * np.sum(mean - n * np.log(mean)) + pull)

    def profile(self, poi: float) -> float:
        """Smallest -2 ln L at a value of the parameter of interest.

        Raises
        ------
        InferenceError
            If the minimum is not found.
        """
        from scipy.optimize import minimize

        if not self.parameters:
            return self.twice_nll(poi, np.zeros(0))

        def value(x: _Array) -> float:
            return min(self.twice_nll(poi, x), 1e12)

        def slope(x: _Array) -> _Array:
            return self._gradient(poi, x)

        found = minimize(
            value, np.zeros(len(self.parameters)), jac=slope, method="BFGS",
            options={"gtol": 1e-5},
        )  # fmt: skip
        if not np.isfinite(found.fun) or np.max(np.abs(found.jac)) > 1e-2:
            raise InferenceError("the fit did not converge", field="simplified")
        return float(found.fun)

    def _gradient(self, poi: float, shift: _Array) -> _Array:
        mean = self.expected(poi, shift)
        slope = self.linear + np.einsum(
            "ijk,k->ij", self.quadratic + self.quadratic.transpose(0, 2, 1), shift
        )
        for power, values in self.signal_linear.items():
            slope = slope + poi**power * values
        weight = 1 - self.observed / np.maximum(mean, 1e-12)
        return np.asarray(
            2 * weight @ slope + 2 * self.precision * (shift - self.centre)
        )

    def to_dict(self) -> dict[str, Any]:
        """As a JSON object; the quadratic terms as a list of [bin, j, k, value]."""
        entries = np.argwhere(np.abs(self.quadratic) > 0)
        return {
            "schema": _SCHEMA,
            "about": (
                "background_i + sum_j linear_ij x_j + sum_jk quadratic_ijk x_j x_k + "
                "sum_p mu^p (signal_i^p + sum_j signal_linear_ij^p x_j), Poisson in each "
                "bin; x = (parameter - best_fit)/step with normal constraints at centre "
                "with 1/variance precision (0: free); covariance of x for information"
            ),
            "parameters": list(self.parameters),
            "bins": [list(b) for b in self.bins],
            "observed": self.observed.tolist(),
            "background": self.background.tolist(),
            "signal": {str(k): v.tolist() for k, v in self.signal.items()},
            "best_fit": self.best_fit.tolist(),
            "step": self.step.tolist(),
            "linear": self.linear.tolist(),
            "quadratic": [
                [*map(int, e), float(self.quadratic[tuple(e)])] for e in entries
            ],
            "signal_linear": {
                str(k): v.tolist() for k, v in self.signal_linear.items()
            },
            "centre": self.centre.tolist(),
            "precision": self.precision.tolist(),
            "covariance": self.covariance.tolist(),
            "definition": self.definition,
        }

    @classmethod
    def from_dict(cls, document: Mapping[str, Any], file: object = None) -> Simplified:
        """Read the document of `to_dict`.

        Raises
        ------
        InputError
            If it is something else.
        """
        if document.get("schema") != _SCHEMA:
            raise InputError("not a simplified likelihood", file=file, expected=_SCHEMA)
        try:
            linear = np.array(document["linear"], float)
            n, p = len(document["observed"]), len(document["parameters"])
            quadratic = np.zeros((n, p, p))
            for i, j, k, value in document["quadratic"]:
                quadratic[i, j, k] = value
            return cls(
                parameters=tuple(document["parameters"]),
                bins=tuple((str(c), int(i)) for c, i in document["bins"]),
                signal={int(k): np.array(v, float) for k, v in document["signal"].items()},
                signal_linear={
                    int(k): np.array(v, float).reshape(n, p)
                    for k, v in document["signal_linear"].items()
                },
                linear=linear.reshape(n, p), quadratic=quadratic,
                definition=document["definition"],
                **{
                    key: np.array(document[key], float)
                    for key in ("observed", "background", "best_fit", "step", "centre",
                                "precision", "covariance")
                },
            )  # fmt: skip
        except (KeyError, TypeError, ValueError, IndexError) as error:
            raise InputError(
                f"damaged simplified likelihood ({error})", file=file
            ) from None


def simplify(workspace: Workspace, measurement: str | None = None) -> Simplified:
    """Expand a workspace about its best fit without signal.

    Parameters
    ----------
    workspace : Workspace
    measurement : str, optional
        Name of the measurement; needed where there are several.

    Returns
    -------
    Simplified

    Raises
    ------
    InputError
        If there are too many parameters for a simplification.
    InferenceError
        If the fit does not converge.
    """
    definition = definition_of(workspace, measurement)
    powers = signal_powers(workspace, measurement)
    links = (definition or {}).get("links")
    likelihood = Likelihood(
        workspace.spec, measurement=measurement, links=links, name=workspace.name
    )
    likelihood.check_signal()
    poi = likelihood.poi
    low, high = likelihood.poi_bounds
    start = min(max(low, 0.0), high)
    if start != 0.0:
        raise InferenceError(
            "the bounds of the parameter of interest leave no background alone",
            file=workspace.name, field=likelihood.poi_name,
        )  # fmt: skip
    null = likelihood.fit(fixed={poi: 0.0})
    if not null.converged:
        raise InferenceError("the fit did not converge", file=workspace.name)
    matrix = covariance(likelihood, null, likelihood.observed, {poi})
    error = np.sqrt(np.maximum(np.diag(matrix), 0.0))
    dependent = {likelihood.index(n) for n in powers if n in likelihood.names} | {poi}
    moving = [i for i in range(len(error)) if error[i] > 0 and i not in dependent]
    if len(moving) > _MOST:
        raise InputError(
            "too many parameters for a simplified likelihood", file=workspace.name,
            found=len(moving), expected=f"at most {_MOST}; share the workspace itself",
        )  # fmt: skip
    step = error[moving]
    terms = _Expansion(likelihood, null.values, moving, step)
    arrays = likelihood.arrays
    width = np.where(arrays.kind == 2, 1 / np.sqrt(arrays.width), arrays.width)
    middle = np.where(arrays.kind == 2, likelihood.aux / arrays.width, likelihood.aux)
    constrained = arrays.kind[moving] > 0
    signal, signal_linear = terms.signal()
    if not links:  # the parameter itself multiplies the signal, whatever it means
        signal, signal_linear = {1: signal[1]}, {1: signal_linear[1]}
    scale = np.outer(step, step)
    return Simplified(
        parameters=tuple(likelihood.names[i] for i in moving),
        bins=tuple(
            (channel, k)
            for channel, where in likelihood.model.layout.channels.items()
            for k in range(where.stop - where.start)
        ),
        observed=likelihood.observed.copy(), background=terms.at({}),
        signal=signal, signal_linear=signal_linear,
        best_fit=null.values[moving], step=step,
        linear=terms.linear(), quadratic=terms.quadratic(),
        centre=np.where(constrained, (middle[moving] - null.values[moving]) / step, 0.0),
        precision=np.where(constrained, (step / width[moving]) ** 2, 0.0),
        covariance=matrix[np.ix_(moving, moving)] / scale,
        definition=None if definition is None else {
            **{k: v for k, v in definition.items() if k != "links"},
            "workspace_sha256": digest(workspace.spec),
        },
    )  # fmt: skip


class _Expansion:
    """Differences of the expected counts about a point, in steps of the errors."""

    def __init__(
        self, likelihood: Likelihood, centre: _Array, moving: list[int], step: _Array
    ) -> None:
        self.likelihood = likelihood
        self.centre = centre
        self.moving = moving
        self.step = step

    def at(self, moves: Mapping[int, float], poi: float = 0.0) -> _Array:
        values = self.centre.copy()
        values[self.likelihood.poi] = poi
        for j, size in moves.items():
            values[self.moving[j]] += size * self.step[j]
        return self.likelihood.expected(values)

    def linear(self, poi: float = 0.0) -> _Array:
        columns = [
            (self.at({j: 1.0}, poi) - self.at({j: -1.0}, poi)) / 2
            for j in range(len(self.moving))
        ]
        bins = self.likelihood.observed.size
        return np.array(columns, float).reshape(len(columns), bins).T

    def quadratic(self) -> _Array:
        p, bins = len(self.moving), self.likelihood.observed.size
        base = self.at({})
        plus = [self.at({j: 1.0}) for j in range(p)]
        minus = [self.at({j: -1.0}) for j in range(p)]
        result = np.zeros((bins, p, p))
        for j in range(p):
            result[:, j, j] = (plus[j] + minus[j]) / 2 - base
            for k in range(j):
                mixed = (
                    self.at({j: 1.0, k: 1.0}) - self.at({j: 1.0, k: -1.0})
                    - self.at({j: -1.0, k: 1.0}) + self.at({j: -1.0, k: -1.0})
                ) / 4  # fmt: skip
                result[:, j, k] = result[:, k, j] = mixed / 2
        # what is rounding only is no term
        result[np.abs(result) < 1e-10 * np.maximum(base, 1e-300)[:, None, None]] = 0.0
        return result

    def signal(self) -> tuple[dict[int, _Array], dict[int, _Array]]:
        """Coefficients of the first and second power of the parameter: exact."""
        values: dict[int, _Array] = {}
        slopes: dict[int, _Array] = {}
        one = {v: self.at({}, v) for v in (-1.0, 0.0, 1.0)}
        lines = {v: self.linear(v) for v in (-1.0, 0.0, 1.0)}
        for own, result in ((one, values), (lines, slopes)):
            result[1] = (own[1.0] - own[-1.0]) / 2
            result[2] = (own[1.0] + own[-1.0]) / 2 - own[0.0]
        return values, slopes
