"""Closed forms for parameters of single bins (MC statistics, free bins).

R. Barlow, C. Beeston, Comput. Phys. Communications 77 (1993) 219, treat MC statistics alike.
"""

from __future__ import annotations

import math

from nuem.analysis.inference.compiling import inlined

__all__ = [
    "bin_slope", "constraint", "free_leaf", "leaf", "normal_leaf", "pair",
    "poisson_leaf",
]  # fmt: skip


@inlined
def constraint(kind, value, aux, width):
    """Half the deviance of a constraint, its slope and curvature."""
    if kind == 1:
        pull = (value - aux) / width
        return 0.5 * pull * pull, pull / width, 1.0 / (width * width)
    if kind == 2:
        mean = width * value
        if aux > 0.0:
            if mean <= 0.0:
                return math.inf, 0.0, 0.0
            ratio = (mean - aux) / aux
            return (
                aux * (ratio - math.log1p(ratio)),
                width - aux / value,
                aux / (value * value),
            )
        return mean, width, 0.0
    return 0.0, 0.0, 0.0


@inlined
def bin_slope(count, mean):
    """Half the deviance of a count, its slope and curvature in the mean.

    Without events a negative mean is as good as in pyhf, where it is not refused.
    """
    if count <= 0.0:
        return mean, 1.0, 0.0
    if not mean > 0.0:
        return math.inf, 0.0, 0.0
    ratio = (mean - count) / count
    return (
        count * (ratio - math.log1p(ratio)),
        1.0 - count / mean,
        count / (mean * mean),
    )


@inlined
def normal_leaf(a, b, count, aux, width):
    """Best x where the mean is a + b x and x has a normal constraint.

    The mean is the root of a quadratic, written so that nothing cancels.
    """
    variance = width * width
    shift = b * b * variance
    half = 0.5 * (a + b * aux - shift)
    root = math.sqrt(half * half + shift * count)
    outside, inside = half + root, shift * count / (root - half)
    ratio = count / (outside if half > 0.0 else inside)
    ratio = ratio if count > 0.0 else 0.0
    return aux - b * variance * (1.0 - ratio) if b != 0.0 else aux


@inlined
def poisson_leaf(a, b, count, aux, width):
    """Best x where the mean is a + b x and x has a Poisson constraint: a quadratic."""
    two = (b + width) * b
    one = a * (b + width) - b * (count + aux)
    square = one * one + 4.0 * two * aux * a
    root = math.sqrt(max(0.0, square))
    outside, inside = 2.0 * aux * a / (one + root), (root - one) / (2.0 * two)
    x = outside if one > 0.0 else inside
    return x if b != 0.0 else aux / width


@inlined
def free_leaf(a, b, count, start):
    """Best x where the mean is a + b x; the start where x does nothing."""
    x = (count - a) / b
    return x if b != 0.0 else start


@inlined
def leaf(a, b, count, kind, aux, width, low, high, start):
    """Best x of one of the three kinds, inside its bounds."""
    if kind == 1:
        x = normal_leaf(a, b, count, aux, width)
    elif kind == 2:
        x = poisson_leaf(a, b, count, aux, width)
    else:
        x = free_leaf(a, b, count, start)
    return min(max(x, low), high)


@inlined
def pair(a0, b0, n0, a1, b1, n1):
    """Best free content of two bins with means a + b x: the larger root.

    Returns nan where the closed form does not apply.
    """
    total = b0 + b1
    two = total * b0 * b1
    half = 0.5 * (total * (a0 * b1 + a1 * b0) - b0 * b1 * (n0 + n1))
    zero = total * a0 * a1 - n0 * b0 * a1 - n1 * b1 * a0
    root = math.sqrt(half * half - two * zero)  # nan below 0
    outside, inside = -zero / (half + root), (root - half) / two
    found = outside if half > 0.0 else inside
    return found if b0 > 0.0 and b1 > 0.0 else math.nan
