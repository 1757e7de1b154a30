"""chi^2 of binned values: pulls solved exactly, errors that may depend on the coupling.

The prediction and the pulls are polynomials of a coupling g, bin by bin; for each g the
pulls enter linearly and are solved for. Where the variance depends on g as well, the
statistic is the plain chi^2, without the logarithm of the variance. What it allows is
found by `nuem.analysis.inference.islands`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from nuem.inputs.errors import InferenceError, InputError

__all__ = ["ChiSquare", "Pull"]

_Array = NDArray[np.float64]


@dataclass(frozen=True)
class Pull:
    """A nuisance parameter: what one unit of it adds, and its uncertainty.

    Attributes
    ----------
    name : str
    effect : ndarray, shape (k, b)
        Coefficients of 1, g, g^2, ... in each bin.
    sigma : float
        Uncertainty; infinite for a free parameter.
    """

    name: str
    effect: _Array
    sigma: float = 1.0


@dataclass(frozen=True)
class ChiSquare:
    """chi^2 of measured values against a coupling.

    Attributes
    ----------
    values : ndarray, shape (b,)
        What was measured; may be negative.
    variance : ndarray, shape (k, b)
        Coefficients of 1, g, g^2, ... of the variance; one row where it is constant.
    prediction : ndarray, shape (k, b)
        Coefficients of 1, g, g^2, ... of the prediction.
    pulls : sequence of Pull

    Examples
    --------
    >>> model = ChiSquare(np.array([1.0, 3.0]), np.ones((1, 2)),
    ...                   np.array([[0.0, 0.0], [1.0, 1.0]]))
    >>> model.at([2.0])
    array([2.])
    """

    values: _Array
    variance: _Array
    prediction: _Array
    pulls: Sequence[Pull] = field(default=())

    def __post_init__(self) -> None:
        """Check the shapes."""
        bins = np.shape(self.values)[-1]
        for name, array in (
            ("variance", self.variance), ("prediction", self.prediction),
            *((p.name, p.effect) for p in self.pulls),
        ):  # fmt: skip
            if np.ndim(array) != 2 or np.shape(array)[1] != bins:
                raise InputError(
                    "wrong shape", field=name, found=np.shape(array),
                    expected=f"(coefficients, {bins})",
                )  # fmt: skip
        if not all(p.sigma > 0 for p in self.pulls):
            raise InputError("uncertainty of a pull that is not above 0")

    def solve(self, coupling: Sequence[float] | _Array) -> tuple[_Array, _Array]:
        """chi^2 at couplings, shape (n,), and the pulls that give it, shape (n, p).

        Raises
        ------
        InferenceError
            If a variance is not above 0.
        """
        g = np.atleast_1d(np.asarray(coupling, dtype=float))
        variance = _polynomial(self.variance, g)
        if not (variance > 0).all():
            raise InferenceError("a variance that is not above 0", field="variance")
        weight = 1 / variance
        rest = np.asarray(self.values, dtype=float) - _polynomial(self.prediction, g)
        plain = np.einsum("nb,nb,nb->n", rest, weight, rest)
        if not self.pulls:
            return plain, np.zeros((g.size, 0))
        effect = np.stack([_polynomial(p.effect, g) for p in self.pulls], axis=1)
        prior = np.diag([p.sigma**-2 for p in self.pulls])
        normal = np.einsum("npb,nb,nqb->npq", effect, weight, effect) + prior
        right = np.einsum("npb,nb,nb->np", effect, weight, rest)
        pulls = np.linalg.solve(normal, right[..., None])[..., 0]
        return plain - np.einsum("np,np->n", right, pulls), pulls

    def at(self, coupling: Sequence[float] | _Array) -> _Array:
        """chi^2 at couplings, shape (n,)."""
        return self.solve(coupling)[0]


def _polynomial(coefficients: _Array, g: _Array) -> _Array:
    """Values at each coupling, shape (n, b)."""
    powers = g[:, None] ** np.arange(len(coefficients))
    return np.asarray(powers @ np.asarray(coefficients, dtype=float))
