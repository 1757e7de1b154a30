"""Small loops over arrays, a few at a time: the compiler makes vector code of them.

It does not where it cannot rule out that many arrays overlap, hence one short loop for
each step of a calculation.
"""

from __future__ import annotations

import math

from nuem.analysis.inference.compiling import kernel, summing
from nuem.analysis.inference.inner import free_leaf, normal_leaf, pair, poisson_leaf

__all__ = [
    "add_products", "clip", "free_leaves", "half_squares", "inverses",
    "linear", "normal_leaves", "pairs", "poisson_leaves", "products",
    "rise_of_deviance", "slopes", "total", "total_2", "total_3",
]  # fmt: skip


@summing
def total(x):
    """Sum of an array."""
    result = 0.0
    for t in range(x.size):
        result += x[t]
    return result


@summing
def total_2(x, y):
    """Sum of the products of two arrays."""
    result = 0.0
    for t in range(x.size):
        result += x[t] * y[t]
    return result


@summing
def total_3(x, y, z):
    """Sum of the products of three arrays."""
    result = 0.0
    for t in range(x.size):
        result += x[t] * y[t] * z[t]
    return result


@summing
def half_squares(x, centre, width):
    """Sum of the halves of squared distances, in widths."""
    result = 0.0
    for t in range(x.size):
        pull = (x[t] - centre[t]) / width[t]
        result += 0.5 * pull * pull
    return result


@kernel
def linear(out, a, b, x):
    """Set to a + b x."""
    for t in range(out.size):
        out[t] = a[t] + b[t] * x[t]


@kernel
def add_products(out, x, y):
    """Add x y."""
    for t in range(out.size):
        out[t] += x[t] * y[t]


@kernel
def products(out, x, y):
    """Set to x y."""
    for t in range(out.size):
        out[t] = x[t] * y[t]


@kernel
def inverses(out, x):
    """Set to 1/x where x is above 0, else to 0."""
    for t in range(out.size):
        out[t] = 1.0 / x[t] if x[t] > 0.0 else 0.0


@kernel
def clip(x, low, high):
    """Keep inside bounds."""
    for t in range(x.size):
        y = max(low[t], x[t])
        x[t] = min(high[t], y)


@kernel
def slopes(count, mean, u, w):
    """Slope and curvature of half the deviance in the mean; nan where it is infinite."""
    for t in range(count.size):
        ratio = count[t] / mean[t]
        ratio = ratio if count[t] > 0.0 else 0.0
        ratio = ratio if count[t] <= 0.0 or mean[t] > 0.0 else math.nan
        u[t] = 1.0 - ratio
        w[t] = ratio / mean[t] if count[t] > 0.0 else 0.0


@kernel
def rise_of_deviance(count, mean, out):
    """Half the deviance of counts from their means.

    With r = mean/count - 1 and s = r/(2 + r), log(1 + r) is twice artanh(s): a series
    where r is small.
    """
    for t in range(count.size):
        r = (mean[t] - count[t]) / count[t]
        s = r / (2.0 + r)
        z = s * s
        tail = 2.0 / 13.0 + z * (2.0 / 15.0 + z * (2.0 / 17.0))
        tail = 2.0 / 7.0 + z * (2.0 / 9.0 + z * (2.0 / 11.0 + z * tail))
        tail = z * (2.0 / 3.0 + z * (2.0 / 5.0 + z * tail))
        out[t] = count[t] * s * (r - tail)
    for t in range(count.size):
        if not count[t] > 0.0:
            out[t] = mean[t]
        elif abs(mean[t] - count[t]) > 0.2 * count[t]:
            r = (mean[t] - count[t]) / count[t]
            out[t] = count[t] * (r - math.log1p(r))


@kernel
def normal_leaves(out, a, b, count, aux, width):
    """Best parameters of single bins with normal constraints."""
    for t in range(out.size):
        out[t] = normal_leaf(a[t], b[t], count[t], aux[t], width[t])


@kernel
def poisson_leaves(out, a, b, count, aux, width):
    """Best parameters of single bins with Poisson constraints."""
    for t in range(out.size):
        out[t] = poisson_leaf(a[t], b[t], count[t], aux[t], width[t])


@kernel
def free_leaves(out, a, b, count):
    """Best parameters of single bins without constraint; unchanged where they do nothing."""
    for t in range(out.size):
        out[t] = free_leaf(a[t], b[t], count[t], out[t])


@kernel
def pairs(out, a0, b0, n0, a1, b1, n1):
    """Best free contents of two bins each."""
    for q in range(out.size):
        out[q] = pair(a0[q], b0[q], n0[q], a1[q], b1[q], n1[q])
