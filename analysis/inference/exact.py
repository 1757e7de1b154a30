"""Unified intervals of one observable by exact sums: Poisson counts, a bounded Gaussian.

G. J. Feldman, R. D. Cousins, Phys. Rev. D 57 (1998) 3873, sections IV A and IV B.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from nuem.inputs.errors import InputError

__all__ = ["gaussian_interval", "poisson_acceptance", "poisson_interval"]

_Array = NDArray[np.float64]


def gaussian_interval(x: float, cl: float = 0.9) -> tuple[float, float]:
    """Interval of a mean that is not negative, measured as `x` with unit deviation.

    Examples
    --------
    >>> [tuple(round(e, 2) for e in gaussian_interval(x)) for x in (-1.0, 0.0, 1.0, 2.0)]
    [(0.0, 0.81), (0.0, 1.64), (0.0, 2.64), (0.58, 3.64)]
    """
    from scipy.optimize import brentq

    _check(cl)

    def upper_gap(mu: float) -> float:  # above 0 where x is below the acceptance
        return _gaussian_acceptance(mu, cl)[0] - x

    def lower_gap(mu: float) -> float:  # above 0 where x is inside or below
        return _gaussian_acceptance(mu, cl)[1] - x

    high = float(brentq(upper_gap, 1e-12, max(x, 0.0) + 12.0, xtol=1e-10))
    if lower_gap(1e-12) >= 0:
        return 0.0, high
    return float(brentq(lower_gap, 1e-12, max(x, 0.0) + 12.0, xtol=1e-10)), high


def _gaussian_acceptance(mu: float, cl: float) -> tuple[float, float]:
    """Values of x that are accepted: equal ratio at both ends."""
    from scipy.optimize import brentq
    from scipy.special import ndtr

    def left(d: float) -> float:
        return mu - d if d <= mu else (mu * mu - d * d) / (2 * mu)

    d = float(
        brentq(lambda d: ndtr(d) - ndtr(left(d) - mu) - cl, 0.0, 40.0, xtol=1e-12)
    )
    return left(d), mu + d


def poisson_acceptance(
    mu: float, background: float, cl: float = 0.9
) -> tuple[int, int]:
    """Smallest and largest count that are accepted for a signal `mu`.

    Examples
    --------
    >>> poisson_acceptance(0.5, 3.0)
    (0, 6)
    """
    _check(cl)
    mean = mu + background
    n = np.arange(int(mean + 12 * math.sqrt(mean + 1) + 30))
    order, probability = _ranked(mean, background, n)
    covered = np.cumsum(probability[order])
    taken = order[: int(np.searchsorted(covered, cl - 1e-12)) + 1]
    return int(n[taken].min()), int(n[taken].max())


def poisson_interval(
    count: int, background: float, cl: float = 0.9, *, monotonic: bool = False
) -> tuple[float, float]:
    """Interval of a signal from a count with a known background.

    Parameters
    ----------
    count : int
    background : float
        Expected, not negative.
    cl : float
    monotonic : bool
        Take the largest upper end among equal and larger backgrounds, so that less
        background never gives a better limit: the published tables do.

    Returns
    -------
    tuple of float

    Raises
    ------
    InputError
        If an argument is out of range.

    Examples
    --------
    >>> [tuple(round(e, 2) for e in poisson_interval(n, 3.0)) for n in (0, 1, 5)]
    [(0.0, 0.95), (0.0, 1.88), (0.0, 6.99)]

    The published end for n = 0 and b = 3, 1.08, is that of a background of 3.47 in
    place of the 0.95 of a background of 3.
    """
    _check(cl)
    if count < 0 or background < 0:
        raise InputError(
            "negative count or background", found=f"{count}, {background:g}"
        )
    low, high = _poisson_edges(count, background, cl)
    if monotonic:
        high = _largest_edge(count, background, cl)
    return low, high


def _largest_edge(count: int, background: float, cl: float) -> float:
    """Largest upper end among larger backgrounds: it falls, but jumps up in between."""
    grid = background + np.arange(0.0, 1.5, 0.05)
    edges = [_poisson_edges(count, float(b), cl)[1] for b in grid]
    largest = edges[0]
    for k in np.flatnonzero(np.diff(edges) > 0):
        low, high = float(grid[k]), float(grid[k + 1])
        for _ in range(14):
            middle = 0.5 * (low + high)
            edge = _poisson_edges(count, middle, cl)[1]
            largest = max(largest, edge)
            low, high = (low, middle) if edge > edges[k] else (middle, high)
    return largest


def _poisson_edges(count: int, background: float, cl: float) -> tuple[float, float]:
    top = max(count - background, 0.0) + 5.0 * math.sqrt(count + 1.0) + 6.0
    grid = np.linspace(0.0, top, int(top / 0.02) + 2)

    def inside(mu: float) -> bool:
        low, high = poisson_acceptance(mu, background, cl)
        return low <= count <= high

    flags = np.array([inside(float(mu)) for mu in grid])
    where = np.flatnonzero(flags)
    low = 0.0 if where[0] == 0 else _edge(inside, grid[where[0]], grid[where[0] - 1])
    high = _edge(inside, grid[where[-1]], grid[where[-1] + 1])
    return low, high


def _edge(inside: Callable[[float], bool], good: float, bad: float) -> float:
    """Bisect between an accepted and a refused value."""
    for _ in range(40):
        middle = 0.5 * (good + bad)
        if inside(middle):
            good = middle
        else:
            bad = middle
    return float(good)


def _ranked(
    mean: float, background: float, n: NDArray[np.int64]
) -> tuple[NDArray[np.int64], _Array]:
    """Counts by their ratio of likelihoods, the best first; and their probabilities."""
    from scipy.special import gammaln, xlogy

    best = np.maximum(n, background)
    log = xlogy(n, mean) - mean - gammaln(n + 1)
    log_best = xlogy(n, best) - best - gammaln(n + 1)
    order = np.argsort(-(log - log_best), kind="stable")
    return order, np.exp(log)


def _check(cl: float) -> None:
    if not 0 < cl < 1:
        raise InputError("confidence level", found=f"{cl:g}", expected="0 to 1")
