"""The radial Dirac equation, stepped by the exact exponential of 2 x 2 matrices.

For large and small components P, Q and an energy E without the rest mass::

    P' = -kappa/r P + (2c + (E - V)/c) Q,     Q' = -(E - V)/c P + kappa/r Q.

A step of the even coordinate t multiplies by exp(Omega), where Omega is the Magnus
expansion of fourth order of the matrix at both ends and in the middle of the step; it
has no trace, so that its exponential is elementary. Where the potential varies little
in a step the result is exact for any wave number: one grid serves from the K shell to
the electrons of 100 keV.
"""

from __future__ import annotations

import math

from nuem.models.arrays import FloatArray
from nuem.models.atomic.compiled import compiled
from nuem.models.atomic.field import (
    Field,
    barrier,
    forbidden,
    slope_ratio,
    square_of_wave,
)

__all__ = ["bound_state", "inward", "origin_ratio", "outward"]


@compiled
def origin_ratio(kappa: int, number: float, c: float) -> float:
    """Q/P of the regular solution at a point nucleus."""
    gamma = math.sqrt(kappa * kappa - (number / c) ** 2)
    if kappa < 0:
        return -(number / c) / (gamma - kappa)
    return (gamma + kappa) * c / number


@compiled
def _step(
    field: Field, i: int, kappa: int, energy: float
) -> tuple[float, float, float, float]:
    """Exponential of the Magnus exponent from point i to i + 1.

    Rows (even + a, b), (d, even - a); the step back has -a, -b, -d.
    """
    c = field.c
    k0 = (energy - field.v[i]) / c
    k1 = (energy - field.v_half[i]) / c
    k2 = (energy - field.v[i + 1]) / c
    g0, g1, g2 = field.rate[i], field.rate_half[i], field.rate[i + 1]
    a0 = -kappa * g0 / field.r[i]
    a1 = -kappa * g1 / field.r_half[i]
    a2 = -kappa * g2 / field.r[i + 1]
    b0, b1, b2 = g0 * (2.0 * c + k0), g1 * (2.0 * c + k1), g2 * (2.0 * c + k2)
    d0, d1, d2 = -g0 * k0, -g1 * k1, -g2 * k2
    w, x = field.step / 6.0, field.step * field.step / 12.0
    a = w * (a0 + 4.0 * a1 + a2) - x * (b0 * d2 - b2 * d0)
    b = w * (b0 + 4.0 * b1 + b2) - x * 2.0 * (a0 * b2 - a2 * b0)
    d = w * (d0 + 4.0 * d1 + d2) - x * 2.0 * (d0 * a2 - d2 * a0)
    # cosh(s) and sinh(s)/s for s^2 of either sign
    square = a * a + b * d
    if square > 1e-8:
        s = math.sqrt(square)
        even, odd = math.cosh(s), math.sinh(s) / s
    elif square < -1e-8:
        s = math.sqrt(-square)
        even, odd = math.cos(s), math.sin(s) / s
    else:
        even, odd = 1.0 + square / 2.0, 1.0 + square / 6.0
    return even, odd * a, odd * b, odd * d


@compiled
def outward(
    p: FloatArray,
    q: FloatArray,
    first: int,
    last: int,
    field: Field,
    kappa: int,
    energy: float,
) -> int:
    """Continue p, q in place from point ``first`` to ``last``; nodes of p on the way."""
    nodes = 0
    for i in range(first, last):
        even, a, b, d = _step(field, i, kappa, energy)
        p[i + 1] = even * p[i] + (a * p[i] + b * q[i])
        q[i + 1] = even * q[i] + (d * p[i] - a * q[i])
        if p[i + 1] * p[i] < 0.0:
            nodes += 1
    return nodes


@compiled
def inward(
    p: FloatArray,
    q: FloatArray,
    first: int,
    last: int,
    field: Field,
    kappa: int,
    energy: float,
) -> None:
    """Continue p, q in place from point ``last`` down to ``first``."""
    for i in range(last - 1, first - 1, -1):
        even, a, b, d = _step(field, i, kappa, energy)
        p[i] = even * p[i + 1] - (a * p[i + 1] + b * q[i + 1])
        q[i] = even * q[i + 1] - (d * p[i + 1] - a * q[i + 1])


@compiled
def _shoot(
    p: FloatArray,
    q: FloatArray,
    nodes: int,
    match: int,
    field: Field,
    kappa: int,
    energy: float,
    weight: FloatArray,
) -> tuple[int, float, int, float]:
    """Shoot from both ends to the point ``match``.

    Returns
    -------
    tuple
        How many nodes there are too many (then nothing else is calculated), the
        correction of the energy to second order, the last point and the norm.
    """
    p[:] = 0.0
    q[:] = 0.0
    p[0] = 1e-20
    q[0] = p[0] * origin_ratio(kappa, field.number, field.c)
    found = outward(p, q, 0, match, field, kappa, energy)
    if found != nodes:
        return found - nodes, 0.0, 0, 1.0
    p_out, q_out = p[match], q[match]
    # far enough into the forbidden region that what is cut off is lost in rounding
    wall = barrier(kappa)
    end = forbidden(field, match, 1, energy, wall, 42.0)
    p[end] = 1e-12
    q[end] = p[end] * slope_ratio(field, end, kappa, energy, wall, -1)
    inward(p, q, match, end, field, kappa, energy)
    scale = p_out / p[match]
    norm = 0.0
    for i in range(end + 1):
        if i >= match:
            p[i] *= scale
            q[i] *= scale
        norm += weight[i] * (p[i] * p[i] + q[i] * q[i])
    # Q from the left above Q from the right at the match means too low an energy
    return 0, field.c * p_out * (q_out - q[match]) / norm, end, norm


@compiled
def bound_state(
    p: FloatArray,
    q: FloatArray,
    nodes: int,
    kappa: int,
    guess: float,
    field: Field,
    weight: FloatArray,
) -> float:
    """Bound state with so many nodes, normalised, into p and q.

    Shooting from both ends; the jump of Q at the outer turning point corrects the
    energy to second order, and the count of nodes brackets it.

    Returns
    -------
    float
        Energy; 1.0 if it was not found.
    """
    size = field.r.size
    wall = barrier(kappa)
    low, high = -(field.number**2) * 0.75 - 10.0, -1e-7
    energy = guess
    for _ in range(300):
        match = 0
        for i in range(size - 1, -1, -1):
            if square_of_wave(field, i, energy, wall) > 0.0:
                match = i
                break
        if match < 10:
            low = energy
            energy = 0.5 * (low + high)
            continue
        match = min(match, size - 20)
        excess, change, end, norm = _shoot(
            p, q, nodes, match, field, kappa, energy, weight
        )
        if excess != 0:
            if excess > 0:
                high = energy
            else:
                low = energy
            energy = 0.5 * (low + high)
            continue
        if change > 0.0:
            low = energy
        else:
            high = energy
        trial = energy + change
        if not (low < trial < high):
            trial = 0.5 * (low + high)
        if abs(change) < 2e-14 * abs(energy) + 1e-14 or trial == energy:
            factor = 1.0 / math.sqrt(norm)
            for i in range(end + 1):
                p[i] *= factor
                q[i] *= factor
            return energy
        energy = trial
    return 1.0
