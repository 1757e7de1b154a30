"""Unified intervals by exact sums: Poisson counts, one or two, and a bounded Gaussian.

G. J. Feldman, R. D. Cousins, Phys. Rev. D 57 (1998) 3873, sections IV A and IV B.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from nuem.inputs.errors import InputError

__all__ = [
    "gaussian_interval",
    "poisson_acceptance",
    "poisson_interval",
    "poisson_pair_interval",
]

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


def poisson_pair_interval(
    counts: tuple[int, int],
    signal: tuple[float, float],
    background: tuple[float, float],
    cl: float = 0.9,
) -> tuple[float, float]:
    """Interval of a signal strength from two counts with known backgrounds.

    Parameters
    ----------
    counts : (int, int)
        Two periods, detectors or regions.
    signal : (float, float)
        Expected for a strength of 1, not negative and not both 0.
    background : (float, float)
        Expected, not negative; above 0 where there is no signal.
    cl : float

    Returns
    -------
    tuple of float
        Ends of the accepted strengths, from 0 on. All pairs of counts with the same
        ratio of likelihoods are accepted together.

    Raises
    ------
    InputError
        If an argument is out of range.

    Examples
    --------
    Equal shares of signal and background tell no more than their sum:

    >>> [round(e, 2) for e in poisson_pair_interval((2, 3), (0.5, 0.5), (1.5, 1.5))]
    [0.0, 6.99]
    >>> [round(e, 2) for e in poisson_pair_interval((5, 0), (0.9, 0.1), (1.5, 1.5))]
    [0.9, 8.06]
    """
    _check(cl)
    n, s, b = (np.asarray(value, dtype=float) for value in (counts, signal, background))
    good = all(v.shape == (2,) and np.isfinite(v).all() and (v >= 0).all() for v in (n, s, b))  # fmt: skip
    if not good or np.any(n != np.floor(n)) or np.any(s + b <= 0) or s.sum() <= 0:
        raise InputError(
            "not two counts, signals and backgrounds",
            found=f"{counts}, {signal}, {background}",
            expected="whole counts, and expectations of 0 or more that are not both 0",
        )

    top = float(np.maximum(_strongest(n, s, b), 0.0))
    top += (5 * math.sqrt(n.sum() + 1) + 6) / float(s.sum())
    better = _better(n, s, b, top)
    while better(top) < cl:
        top *= 1.5
        better = _better(n, s, b, top)

    def inside(strength: float) -> bool:
        return better(strength) < cl - 1e-12

    grid = np.linspace(0.0, top, 400)
    where = np.flatnonzero([inside(float(strength)) for strength in grid])
    low = 0.0 if where[0] == 0 else _edge(inside, grid[where[0]], grid[where[0] - 1])
    return low, _edge(inside, grid[where[-1]], grid[where[-1] + 1])


def _better(n: _Array, s: _Array, b: _Array, top: float) -> Callable[[float], float]:
    """Probability of the pairs of counts that fit a strength up to `top` better."""
    from scipy.special import gammaln, xlogy

    mean = top * s + b
    one, two = (
        np.arange(int(m + 12 * math.sqrt(m + 1) + 30), dtype=float) for m in mean
    )
    first, second = one[:, None], two[None, :]

    def log(k: _Array, m: _Array, at: _Array) -> _Array:
        return np.asarray(xlogy(k, at[0]) - at[0] + xlogy(m, at[1]) - at[1])

    def log_best(k: _Array, m: _Array) -> _Array:
        pairs = np.stack(np.broadcast_arrays(k, m))
        best = np.maximum(_strongest(pairs, s, b), 0.0)
        return log(
            pairs[0], pairs[1], np.stack([best * s[0] + b[0], best * s[1] + b[1]])
        )

    count = gammaln(first + 1) + gammaln(second + 1)
    every, own = log_best(first, second), float(log_best(n[0], n[1]))

    def probability(strength: float) -> float:
        at = strength * s + b
        logs = log(first, second, at)
        ratio = float(log(n[0], n[1], at)) - own
        return float(np.exp((logs - count)[logs - every > ratio + 1e-10]).sum())

    return probability


def _strongest(n: _Array, s: _Array, b: _Array) -> _Array:
    """Strength with the largest likelihood, of either sign; n of shape (2, ...)."""
    total = s.sum()
    square = total * s[0] * s[1]
    linear = total * (s[0] * b[1] + s[1] * b[0]) - s[0] * s[1] * n.sum(axis=0)
    constant = total * b[0] * b[1] - n[0] * s[0] * b[1] - n[1] * s[1] * b[0]
    if square == 0.0:  # one of the two sees no signal
        return np.asarray(-constant / linear)
    root = np.sqrt(np.maximum(linear**2 - 4 * square * constant, 0.0))
    return np.asarray((root - linear) / (2 * square))


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
