"""The OFF spectrum of a germanium detector as a function, fitted to toys.

Two exponentials and three Gaussians, as the poster of nuGeN (2025) names them; energies
and widths of the lines are held, the rest is free: two amplitudes, two slopes and three
contents.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nuem.inputs.errors import InferenceError

__all__ = ["OffModel", "fit_off"]

_Array = NDArray[np.float64]
#: Bounds of the slopes, 1/keV: a plateau, and a rise towards the threshold.
_SLOPES = ((0.0, 0.2), (1.0, 25.0))


@dataclass(frozen=True)
class OffModel:
    """Shapes of the OFF spectrum in bins.

    Attributes
    ----------
    edges : ndarray, shape (bins + 1,)
    lines : ndarray, shape (3, bins)
        Content of each bin of a line of one count.
    """

    edges: _Array
    lines: _Array

    def counts(self, parameters: _Array) -> _Array:
        """Expected counts by bin.

        Parameters
        ----------
        parameters : ndarray, shape (7,)
            Counts/keV of plateau and rise at the first edge, their slopes (1/keV),
            contents of the lines.
        """
        return self._parts(np.asarray(parameters, dtype=float))[0]

    def _parts(self, p: _Array) -> tuple[_Array, _Array]:
        """Counts, and their derivatives by the parameters, shape (7, bins)."""
        x = 0.5 * (self.edges[1:] + self.edges[:-1]) - self.edges[0]
        width = np.diff(self.edges)
        rows = []
        # the mean of an exponential over a bin is its middle times sinh(h)/h
        for slope in p[2:4]:
            half = 0.5 * slope * width
            small = half < 1e-4
            safe = np.where(small, 1.0, half)
            shape = np.where(small, 1.0 + half**2 / 6.0, np.sinh(safe) / safe)
            grow = np.where(
                small, half / 3.0, np.cosh(safe) / safe - np.sinh(safe) / safe**2
            )
            base = np.exp(-slope * x) * width
            rows.append((base * shape, base * (0.5 * width * grow - x * shape)))
        derivative = np.vstack(
            [rows[0][0], rows[1][0], p[0] * rows[0][1], p[1] * rows[1][1], self.lines]
        )
        total = p[0] * rows[0][0] + p[1] * rows[1][0] + p[4:] @ self.lines
        return total, derivative


def fit_off(model: OffModel, counts: _Array, start: _Array) -> tuple[_Array, bool]:
    """Fit the function to an OFF spectrum by maximum likelihood (iminuit).

    Parameters
    ----------
    model : OffModel
    counts : ndarray, shape (bins,)
    start : ndarray, shape (7,)
        Where to start.

    Returns
    -------
    parameters : ndarray, shape (7,)
    converged : bool

    Raises
    ------
    InferenceError
        If the start gives no positive expectation.
    """
    from iminuit import Minuit

    if not (model.counts(start) > 0).all():
        raise InferenceError("no counts are expected at the start", field="start")
    floor = 1e-9

    def cost(p: _Array) -> float:
        mean = np.maximum(model.counts(p), floor)
        return float(2.0 * np.sum(mean - counts * np.log(mean)))

    def gradient(p: _Array) -> _Array:
        mean, derivative = model._parts(np.asarray(p, dtype=float))
        return np.asarray(
            2.0 * derivative @ (1.0 - counts / np.maximum(mean, floor)), dtype=float
        )

    minuit = Minuit(cost, np.asarray(start, dtype=float), grad=gradient)
    minuit.errordef = Minuit.LEAST_SQUARES  # the cost is twice the -ln L
    minuit.strategy = 0
    minuit.limits = [(0.0, None), (0.0, None), *_SLOPES, *[(0.0, None)] * 3]
    minuit.migrad()
    return np.array(minuit.values), bool(minuit.valid)
