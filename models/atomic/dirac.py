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

__all__ = ["bound_state", "inward", "origin_ratio", "outward"]


@compiled
def origin_ratio(kappa: int, number: float, c: float) -> float:
    """Q/P of the regular solution at a point nucleus."""
    gamma = math.sqrt(kappa * kappa - (number / c) ** 2)
    if kappa < 0:
        return -(number / c) / (gamma - kappa)
    return (gamma + kappa) * c / number


@compiled
def _exponent(
    i: int,
    kappa: int,
    energy: float,
    c: float,
    step: float,
    r: FloatArray,
    rate: FloatArray,
    v: FloatArray,
    r_half: FloatArray,
    rate_half: FloatArray,
    v_half: FloatArray,
) -> tuple[float, float, float]:
    """Magnus exponent of the step from point i to i + 1: rows (a, b), (d, -a)."""
    k0 = (energy - v[i]) / c
    k1 = (energy - v_half[i]) / c
    k2 = (energy - v[i + 1]) / c
    g0, g1, g2 = rate[i], rate_half[i], rate[i + 1]
    a0, a1, a2 = -kappa * g0 / r[i], -kappa * g1 / r_half[i], -kappa * g2 / r[i + 1]
    b0, b1, b2 = g0 * (2.0 * c + k0), g1 * (2.0 * c + k1), g2 * (2.0 * c + k2)
    d0, d1, d2 = -g0 * k0, -g1 * k1, -g2 * k2
    w, x = step / 6.0, step * step / 12.0
    a = w * (a0 + 4.0 * a1 + a2) - x * (b0 * d2 - b2 * d0)
    b = w * (b0 + 4.0 * b1 + b2) - x * 2.0 * (a0 * b2 - a2 * b0)
    d = w * (d0 + 4.0 * d1 + d2) - x * 2.0 * (d0 * a2 - d2 * a0)
    return a, b, d


@compiled
def _factors(square: float) -> tuple[float, float]:
    """Cosh(s) and sinh(s)/s for s^2 of either sign."""
    if square > 1e-8:
        s = math.sqrt(square)
        return math.cosh(s), math.sinh(s) / s
    if square < -1e-8:
        s = math.sqrt(-square)
        return math.cos(s), math.sin(s) / s
    return 1.0 + square / 2.0, 1.0 + square / 6.0


@compiled
def outward(
    p: FloatArray,
    q: FloatArray,
    first: int,
    last: int,
    kappa: int,
    energy: float,
    c: float,
    step: float,
    r: FloatArray,
    rate: FloatArray,
    v: FloatArray,
    r_half: FloatArray,
    rate_half: FloatArray,
    v_half: FloatArray,
) -> int:
    """Continue p, q in place from point ``first`` to ``last``; nodes of p on the way."""
    nodes = 0
    for i in range(first, last):
        a, b, d = _exponent(
            i, kappa, energy, c, step, r, rate, v, r_half, rate_half, v_half
        )
        even, odd = _factors(a * a + b * d)
        p[i + 1] = even * p[i] + odd * (a * p[i] + b * q[i])
        q[i + 1] = even * q[i] + odd * (d * p[i] - a * q[i])
        if p[i + 1] * p[i] < 0.0:
            nodes += 1
    return nodes


@compiled
def inward(
    p: FloatArray,
    q: FloatArray,
    first: int,
    last: int,
    kappa: int,
    energy: float,
    c: float,
    step: float,
    r: FloatArray,
    rate: FloatArray,
    v: FloatArray,
    r_half: FloatArray,
    rate_half: FloatArray,
    v_half: FloatArray,
) -> None:
    """Continue p, q in place from point ``last`` down to ``first``."""
    for i in range(last - 1, first - 1, -1):
        a, b, d = _exponent(
            i, kappa, energy, c, step, r, rate, v, r_half, rate_half, v_half
        )
        even, odd = _factors(a * a + b * d)
        p[i] = even * p[i + 1] - odd * (a * p[i + 1] + b * q[i + 1])
        q[i] = even * q[i + 1] - odd * (d * p[i + 1] - a * q[i + 1])


@compiled
def bound_state(
    p: FloatArray,
    q: FloatArray,
    nodes: int,
    kappa: int,
    guess: float,
    number: float,
    c: float,
    step: float,
    r: FloatArray,
    rate: FloatArray,
    v: FloatArray,
    r_half: FloatArray,
    rate_half: FloatArray,
    v_half: FloatArray,
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
    size = r.size
    angular = kappa if kappa > 0 else -kappa - 1
    barrier = (angular + 0.5) ** 2
    low, high = -(number**2) * 0.75 - 10.0, -1e-7
    energy = guess
    change = 1.0
    for _ in range(300):
        match = 0
        for i in range(size - 1, -1, -1):
            if 2.0 * (energy - v[i]) > barrier / (r[i] * r[i]):
                match = i
                break
        if match < 10:
            low = energy
            energy = 0.5 * (low + high)
            continue
        match = min(match, size - 20)
        # far enough into the forbidden region that what is cut off is lost in rounding
        end = match + 1
        depth = 0.0
        while end < size - 1 and depth < 42.0:
            local = barrier / (r[end] * r[end]) - 2.0 * (energy - v[end])
            depth += math.sqrt(max(local, 0.0)) * rate[end] * step
            end += 1
        p[:] = 0.0
        q[:] = 0.0
        p[0] = 1e-20
        q[0] = p[0] * origin_ratio(kappa, number, c)
        found = outward(
            p, q, 0, match, kappa, energy, c, step,
            r, rate, v, r_half, rate_half, v_half,
        )  # fmt: skip
        if found != nodes:
            if found > nodes:
                high = energy
            else:
                low = energy
            energy = 0.5 * (low + high)
            continue
        p_out, q_out = p[match], q[match]
        decay = math.sqrt(max(-2.0 * (energy - v[end]) + barrier / r[end] ** 2, 1e-10))
        p[end] = 1e-12
        q[end] = p[end] * (kappa / r[end] - decay) / (2.0 * c)
        inward(
            p, q, match, end, kappa, energy, c, step,
            r, rate, v, r_half, rate_half, v_half,
        )  # fmt: skip
        scale = p_out / p[match]
        for i in range(match, end + 1):
            p[i] *= scale
            q[i] *= scale
        norm = 0.0
        for i in range(end + 1):
            norm += weight[i] * (p[i] * p[i] + q[i] * q[i])
        # what lies inside the first point, where P^2 goes like r^(2 gamma)
        change = c * p_out * (q[match] - q_out) / norm
        # sign: Q_out above Q_in at the match means too low an energy
        change = -change
        if change > 0.0:
            low = energy
        else:
            high = energy
        if abs(change) < 2e-14 * abs(energy) + 1e-14:
            factor = 1.0 / math.sqrt(norm)
            for i in range(end + 1):
                p[i] *= factor
                q[i] *= factor
            return energy
        trial = energy + change
        if not (low < trial < high):
            trial = 0.5 * (low + high)
        if trial == energy:
            factor = 1.0 / math.sqrt(norm)
            for i in range(end + 1):
                p[i] *= factor
                q[i] *= factor
            return energy
        energy = trial
    return 1.0
