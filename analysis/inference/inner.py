"""Closed forms for parameters of single bins (MC statistics, free bins).

R. Barlow, C. Beeston, Comput. Phys. Communications 77 (1993) 219, treat MC statistics alike.
"""

from __future__ import annotations

import math

from nuem.analysis.inference.compiling import inlined

__all__ = ["bin_slope", "constraint", "leaf", "pair"]


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
def leaf(a, b, count, kind, aux, width, low, high, start):
    """Best value of x where the mean is a + b x, with the constraint of x.

    The roots are those of a quadratic in the mean (normal) or in x (Poisson), written
    so that nothing cancels.
    """
    if low == high:
        return low
    if kind == 0:
        if b == 0.0:
            return min(max(start, low), high)
        x = (count - a) / b
    elif kind == 1:
        if b == 0.0:
            x = aux
        elif count <= 0.0:
            x = aux - b * width * width
        else:
            shift = b * b * width * width
            half = 0.5 * (a + b * aux - shift)
            root = math.sqrt(half * half + shift * count)
            mean = half + root if half > 0.0 else shift * count / (root - half)
            x = aux - b * width * width * (1.0 - count / mean)
    elif b == 0.0:
        x = aux / width
    elif a == 0.0:
        x = (count + aux) / (b + width)
    else:
        two = (b + width) * b
        one = a * (b + width) - b * (count + aux)
        root = math.sqrt(max(one * one + 4.0 * two * aux * a, 0.0))
        if two > 0.0:
            x = (
                2.0 * aux * a / (one + root)
                if one > 0.0
                else (root - one) / (2.0 * two)
            )
        else:
            x = (root - one) / (2.0 * two) if two != 0.0 else aux * a / one
    return min(max(x, low), high)


@inlined
def pair(a0, b0, n0, a1, b1, n1):
    """Best free content of two bins with means a + b x: the larger root.

    Returns nan where the closed form does not apply.
    """
    if not (b0 > 0.0 and b1 > 0.0):
        return math.nan
    total = b0 + b1
    two = total * b0 * b1
    half = 0.5 * (total * (a0 * b1 + a1 * b0) - b0 * b1 * (n0 + n1))
    zero = total * a0 * a1 - n0 * b0 * a1 - n1 * b1 * a0
    square = half * half - two * zero
    if square < 0.0:
        return math.nan
    root = math.sqrt(square)
    if half > 0.0:
        return -zero / (half + root)
    return (root - half) / two
