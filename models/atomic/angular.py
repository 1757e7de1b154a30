"""Angular factors of transitions between orbitals of good j."""

from __future__ import annotations

import math
from functools import lru_cache

__all__ = ["angular_l", "strength"]


def angular_l(kappa: int) -> int:
    """Orbital angular momentum of the large component.

    Examples
    --------
    >>> [angular_l(kappa) for kappa in (-1, 1, -2, 2, -3)]
    [0, 1, 1, 2, 2]
    """
    return kappa if kappa > 0 else -kappa - 1


@lru_cache(maxsize=200_000)
def _three_j_squared(twice_a: int, rank: int, twice_b: int) -> float:
    """Square of the 3j symbol (a J b; 1/2 0 -1/2), by Racah's formula."""
    a, b = 0.5 * twice_a, 0.5 * twice_b
    if not abs(a - b) <= rank <= a + b:
        return 0.0

    def log_factorial(value: float) -> float:
        return math.lgamma(value + 1.0)

    front = 0.5 * (
        log_factorial(a + rank - b)
        + log_factorial(a - rank + b)
        + log_factorial(-a + rank + b)
        - log_factorial(a + rank + b + 1.0)
        + log_factorial(a + 0.5)
        + log_factorial(a - 0.5)
        + 2.0 * log_factorial(rank)
        + log_factorial(b - 0.5)
        + log_factorial(b + 0.5)
    )
    total = 0.0
    # the terms of Racah's sum for m1 = 1/2, m2 = 0, m3 = -1/2
    for k in range(round(min(a + rank - b, a - 0.5, rank)) + 1):
        parts = (
            k,
            a + rank - b - k,
            a - 0.5 - k,
            rank - k,
            b - rank + 0.5 + k,
            b - a + k,
        )
        if min(parts) < -1e-9:
            continue
        total += (-1) ** k * math.exp(front - sum(log_factorial(p) for p in parts))
    return total * total


def strength(kappa_to: int, rank: int, kappa_from: int) -> float:
    """Square of the reduced element <kappa'||C^J||kappa>, 0 if parity forbids it.

    Parameters
    ----------
    kappa_to, kappa_from : int
        Relativistic angular quantum numbers.
    rank : int
        Multipole J.

    Returns
    -------
    float
        (2j + 1)(2j' + 1) times the square of (j' J j; 1/2 0 -1/2).

    Examples
    --------
    >>> round(strength(1, 1, -1), 12), round(strength(-2, 1, -1), 12)
    (0.666666666667, 1.333333333333)
    """
    if (angular_l(kappa_to) + angular_l(kappa_from) + rank) % 2:
        return 0.0
    twice_to, twice_from = 2 * abs(kappa_to) - 1, 2 * abs(kappa_from) - 1
    squared = _three_j_squared(twice_to, rank, twice_from)
    return (twice_to + 1) * (twice_from + 1) * squared
