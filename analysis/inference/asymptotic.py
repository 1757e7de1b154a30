"""CLs with the asymptotic q-tilde statistic, observed and expected.

Formulae: G. Cowan, K. Cranmer, E. Gross, O. Vitells, Eur. Phys. J. C 71 (2011) 1554;
CLs: A. L. Read, J. Phys. G 28 (2002) 2693. The expected values follow from the Asimov
data without signal alone, so that their limits need no scan.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nuem.analysis.inference.likelihood import Likelihood, Minimum
from nuem.analysis.inference.profile import global_fit
from nuem.inputs.errors import InferenceError

__all__ = ["Asymptotic", "CLsCurve", "asymptotic_cls"]

_Array = NDArray[np.float64]
_SIGMAS = (2.0, 1.0, 0.0, -1.0, -2.0)


@dataclass(frozen=True)
class Asymptotic:
    """CLs limits.

    Attributes
    ----------
    best_fit, p0 : float
    low : float
        Smallest value that is looked at: 0, or the lower bound of the parameter above it.
    observed : float
        Upper limit.
    expected : tuple of float
        Expected ones at -2, -1, 0, 1, 2 standard deviations.
    scan : dict
        ``poi``, ``observed`` and ``expected`` CLs.
    sparse, bins : int
        Bins with fewer than five events, and all.
    """

    best_fit: float
    p0: float
    low: float
    observed: float
    expected: tuple[float, ...]
    scan: dict[str, Any]
    sparse: int
    bins: int


class CLsCurve:
    """q-tilde and CLs of a likelihood against the parameter of interest.

    Parameters
    ----------
    likelihood : Likelihood

    Raises
    ------
    InferenceError
        If a fit does not converge.
    """

    def __init__(self, likelihood: Likelihood) -> None:
        self.likelihood = likelihood
        low, high = likelihood.poi_bounds
        self.low, self.high = max(low, 0.0), high
        found = global_fit(likelihood)[0] if likelihood.several_minima else None
        free = _converged(found or likelihood.fit(), likelihood)
        if free.values[likelihood.poi] < 0:
            free = self._held(self.low, free.values)
        self.best = free
        self.best_fit = float(free.values[likelihood.poi])
        self.background = self._held(self.low, free.values)
        likelihood.check_expectation(self.best.values, "the best fit")
        likelihood.check_expectation(self.background.values, "the fit without signal")
        self._n = likelihood.expected(self.background.values)
        self._aux = likelihood.expected_aux(self.background.values)
        self._start = self.background.values.copy()
        self._asimov = self.background.values.copy()
        # of a model with several minima: a curve without jumps has to know all of them
        ends = [self.best.values, self.background.values]
        self._others = np.array(ends if likelihood.several_minima else ends[:0])
        self._null = _converged(
            likelihood.fit(observed=self._n, aux=self._aux, start=self._asimov,
                           fixed={likelihood.poi: self.low}),
            likelihood,
        ).deviance  # fmt: skip

    @property
    def q0(self) -> float:
        """Discovery statistic: 0 where the best fit is."""
        return max(self.background.deviance - self.best.deviance, 0.0)

    def _held(self, mu: float, start: _Array) -> Minimum:
        return _converged(
            self.likelihood.fit(fixed={self.likelihood.poi: mu}, start=start),
            self.likelihood,
        )

    def _begins(self, last: _Array) -> _Array:
        """Where a fit begins: at the last one, and at what else is known."""
        return np.vstack([last, *self._others])

    def q(self, mu: float) -> float:
        """Observed q-tilde."""
        if mu <= self.best_fit:
            return 0.0
        found = self._held(mu, self._begins(self._start))
        self._start = found.values
        return max(found.deviance - self.best.deviance, 0.0)

    def root_asimov(self, mu: float) -> float:
        """Square root of q-tilde of the Asimov data without signal."""
        found = _converged(
            self.likelihood.fit(
                fixed={self.likelihood.poi: mu}, start=self._begins(self._asimov),
                observed=self._n, aux=self._aux,
            ),
            self.likelihood,
        )  # fmt: skip
        self._asimov = found.values
        return math.sqrt(max(found.deviance - self._null, 0.0))

    def observed(self, mu: float) -> float:
        """Observed CLs."""
        from scipy.special import log_ndtr

        root = self.root_asimov(mu)
        q = self.q(mu)
        if root == 0.0:
            return 1.0
        if math.sqrt(q) <= root:
            shifted = math.sqrt(q) - root
        else:
            shifted = (q - root * root) / (2 * root)
        # both shares can be below the smallest number; their ratio is not
        return math.exp(float(log_ndtr(-(shifted + root)) - log_ndtr(-shifted)))

    def expected(self, mu: float) -> _Array:
        """Expected CLs at -2, -1, 0, 1 and 2 standard deviations, shape (5,)."""
        from scipy.special import ndtr

        root = self.root_asimov(mu)
        n = np.array(_SIGMAS)
        return np.asarray(ndtr(-(n + root)) / ndtr(-n))


def asymptotic_cls(
    likelihood: Likelihood,
    *,
    cl: float,
    points: int = 41,
    progress: Callable[[str], None] | None = None,
) -> Asymptotic:
    """CLs upper limits, observed and expected.

    Parameters
    ----------
    likelihood : Likelihood
    cl : float
        Confidence level.
    points : int
        Number of values in the scan that is kept for figures; 0 for none.
    progress : callable, optional
        Told in a few words what is being calculated.

    Returns
    -------
    Asymptotic

    Raises
    ------
    InferenceError
        If a fit does not converge or there is no limit within the bounds.
    """
    from scipy.special import ndtr, ndtri

    (progress or (lambda _: None))("CLs")
    curve = CLsCurve(likelihood)
    alpha = 1 - cl
    # (1 - Phi(n + r)) = alpha (1 - Phi(n)) gives the root of q wanted for each band
    wanted = [float(-ndtri(alpha * ndtr(-n)) - n) for n in _SIGMAS]
    expected = []
    guess = curve.low + 1.0
    for root, n in zip(wanted, _SIGMAS, strict=True):
        found = _solve(
            lambda mu, r=root: curve.root_asimov(mu) - r, guess, curve,  # type: ignore[misc]
            cl, f"expected at {-n:+g} sigma",
        )  # fmt: skip
        expected.append(found)
        guess = found
    observed = _solve(
        lambda mu: (
            float(ndtri(1 - curve.observed(mu)) - ndtri(cl)) if mu > curve.low else -9.0
        ),
        max(expected[2], curve.best_fit * 1.05), curve, cl, "observed",
    )  # fmt: skip
    limit = likelihood.fit(fixed={likelihood.poi: observed}, start=curve.best.values)
    likelihood.check_expectation(limit.values, "the limit")
    scan: dict[str, Any] = {"poi": [], "observed": [], "expected": []}
    if points:
        top = min(1.35 * max(observed, *expected), curve.high)
        grid = np.linspace(curve.low, top, points)[1:]
        scan = {
            "poi": [curve.low, *grid.tolist()],
            "observed": [1.0, *(curve.observed(mu) for mu in grid)],
            "expected": [[1.0] * 5, *(curve.expected(mu).tolist() for mu in grid)],
        }
    counts = likelihood.observed
    return Asymptotic(
        best_fit=curve.best_fit, p0=float(ndtr(-math.sqrt(curve.q0))), low=curve.low,
        observed=observed, expected=tuple(expected), scan=scan,
        sparse=int((counts < 5).sum()), bins=counts.size,
    )  # fmt: skip


def _solve(
    function: Callable[[float], float],
    guess: float,
    curve: CLsCurve,
    cl: float,
    which: str,
) -> float:
    """Where a rising function that is below 0 at the lowest value crosses 0."""
    from functools import cache

    from scipy.optimize import brentq

    # fits that start elsewhere differ in the last digits: near a root a second look
    # at the same point could have another sign
    function = cache(function)
    start, high = curve.low, curve.high
    low, top = start, min(max(guess, start + 1e-300), high)
    value = function(top)
    while not value >= 0:
        if top >= high:
            raise InferenceError(
                f"no upper limit in range ({which})", file=curve.likelihood.name,
                field=curve.likelihood.poi_name,
                found=f"{top:g} not excluded, where the signal is "
                f"{curve.likelihood.signal_counts():.3g} events",
                expected=f"wider bounds of the parameter for a level of {cl}",
            )  # fmt: skip
        low, top = top, min(start + 1.6 * (top - start), high)
        value = function(top)
    while low == start and top - start > max(1e-250, 1e-12 * start):
        below = start + (top - start) / 1.6
        if function(below) < 0:
            low = below
        else:
            top = below
    try:
        return float(brentq(function, low, top, xtol=1e-10 * top, rtol=1e-10))
    except ValueError:  # of numbers that are none
        raise InferenceError(
            f"no upper limit can be worked out ({which})", file=curve.likelihood.name,
            field=curve.likelihood.poi_name,
            found=f"no CLs between {low:g} and {top:g}", expected="a model that fits",
        ) from None  # fmt: skip


def _converged(found: Minimum, likelihood: Likelihood) -> Minimum:
    if not found.converged or not np.isfinite(found.deviance):
        raise InferenceError("the fit did not converge", file=likelihood.name)
    return found
