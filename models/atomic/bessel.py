"""Spherical Bessel functions of many orders at many arguments.

Downward recursion (Miller), started as far above the largest order as rounding asks
for and normalised at the lowest orders; a power series where the argument is small.
"""

from __future__ import annotations

import math

import numpy as np

from nuem.models.arrays import FloatArray
from nuem.models.atomic.compiled import compiled

__all__ = ["spherical_bessel"]


@compiled
def spherical_bessel(x: FloatArray, last: int) -> FloatArray:
    """Spherical Bessel functions of orders 0 to ``last``.

    Parameters
    ----------
    x : ndarray, shape (n,)
        Arguments above 0.
    last : int
        Largest order.

    Returns
    -------
    ndarray, shape (last + 1, n)

    Examples
    --------
    >>> table = spherical_bessel(np.array([1e-3, 2.0, 60.0]), 40)
    >>> [f"{value:.8e}" for value in table[2]]
    ['6.66666619e-08', '1.98447949e-01', '5.86962102e-03']
    """
    result = np.zeros((last + 1, x.size))
    for i in range(x.size):
        z = x[i]
        if z < 0.05:
            front = 1.0
            for order in range(last + 1):
                if order > 0:
                    front *= z / (2.0 * order + 1.0)
                if front < 1e-280:
                    break
                y = 0.5 * z * z
                a, b, d = 2.0 * order + 3.0, 2.0 * order + 5.0, 2.0 * order + 7.0
                result[order, i] = front * (
                    1.0 - y / a * (1.0 - y / (2.0 * b) * (1.0 - y / (3.0 * d)))
                )
            continue
        # above this order the functions are below rounding of anything they add to
        top = min(last, int(z + 12.0 * z ** (1.0 / 3.0)) + 30)
        start = max(top, int(z)) + 20 + int(math.sqrt(40.0 * max(top, int(z))))
        upper, here = 0.0, 1e-250
        for order in range(start, -1, -1):
            if order <= top:
                result[order, i] = here
            lower = (2.0 * order + 1.0) / z * here - upper
            upper, here = here, lower
            if abs(here) > 1e250:
                here *= 1e-250
                upper *= 1e-250
                for other in range(order, top + 1):
                    result[other, i] *= 1e-250
        sine, cosine = math.sin(z), math.cos(z)
        zeroth = sine / z
        first = (zeroth - cosine) / z
        if abs(zeroth) > abs(first) or top == 0:
            scale = zeroth / result[0, i]
        else:
            scale = first / result[1, i]
        for order in range(top + 1):
            result[order, i] *= scale
    return result
