"""Radial Green functions of the Dirac equation, and the response that they make up.

The regular solution at the smaller radius times the outgoing one at the larger, over
their Wronskian. Above the ionisation threshold the outgoing solution starts from Milne's
amplitude at the end of the grid; below it, it decays.
"""

from __future__ import annotations

import math

import numpy as np

from nuem.models.arrays import FloatArray
from nuem.models.atomic.compiled import compiled
from nuem.models.atomic.continuum import milne
from nuem.models.atomic.dirac import inward, origin_ratio, outward

__all__ = ["add_response"]


@compiled
def _green(
    inner: FloatArray,
    inner_small: FloatArray,
    outer: FloatArray,
    outer_small: FloatArray,
    twin: FloatArray,
    twin_small: FloatArray,
    keep: int,
    kappa: int,
    energy: float,
    number: float,
    c: float,
    step: float,
    r: FloatArray,
    rate: FloatArray,
    v: FloatArray,
    r_half: FloatArray,
    rate_half: FloatArray,
    v_half: FloatArray,
) -> tuple[float, float]:
    """Regular and outgoing solutions up to point ``keep``, and their Wronskian.

    The outgoing solution is outer + i twin; below the ionisation threshold twin is 0
    and outer decays.

    Returns
    -------
    tuple of float
        Real and imaginary part of the Wronskian c (P_reg Q_out - Q_reg P_out).
    """
    size = r.size
    twin[:] = 0.0
    twin_small[:] = 0.0
    angular = kappa if kappa > 0 else -kappa - 1
    barrier = (angular + 0.5) ** 2
    zeta = -1.0
    if energy > 0.0:
        zeta, slope, ratio = milne(r[size - 1], energy, kappa, c)
    if zeta > 0.0:
        last = size - 1
        # u and u' at the end for the two phases, and P, Q from them
        end = r[last]
        root = math.sqrt(ratio)
        bend = -1.0 / (end * end) / (2.0 * c * c) / (2.0 * ratio)
        outer[last] = root * zeta
        outer_small[last] = (
            root * (slope + bend * zeta) + kappa / end * outer[last]
        ) / (2.0 * c * ratio)
        twin[last] = 0.0
        twin_small[last] = root / zeta / (2.0 * c * ratio)
        inward(
            twin, twin_small, keep // 2, last, kappa, energy, c, step,
            r, rate, v, r_half, rate_half, v_half,
        )  # fmt: skip
    else:
        last = keep
        depth = 0.0
        while last < size - 1 and depth < 25.0:
            kinetic = energy - v[last]
            local = barrier / r[last] ** 2 - 2.0 * kinetic - (kinetic / c) ** 2
            depth += math.sqrt(max(local, 0.0)) * rate[last] * step
            last += 1
        kinetic = energy - v[last]
        local = barrier / r[last] ** 2 - 2.0 * kinetic - (kinetic / c) ** 2
        decay = math.sqrt(max(local, 1e-12))
        outer[last] = 1e-30
        outer_small[last] = (
            outer[last] * (kappa / r[last] - decay) / (2.0 * c + kinetic / c)
        )
    inward(
        outer, outer_small, 0, last, kappa, energy, c, step,
        r, rate, v, r_half, rate_half, v_half,
    )  # fmt: skip
    if zeta > 0.0:
        inward(
            twin, twin_small, 0, keep // 2, kappa, energy, c, step,
            r, rate, v, r_half, rate_half, v_half,
        )  # fmt: skip
    inner[:] = 0.0
    inner_small[:] = 0.0
    inner[0] = 1e-30 * (r[0] * number) ** abs(kappa)
    inner[0] = max(inner[0], 1e-200)
    inner_small[0] = inner[0] * origin_ratio(kappa, number, c)
    outward(
        inner, inner_small, 0, keep, kappa, energy, c, step,
        r, rate, v, r_half, rate_half, v_half,
    )  # fmt: skip
    middle = keep // 2
    return (
        c * (inner[middle] * outer_small[middle] - inner_small[middle] * outer[middle]),
        c * (inner[middle] * twin_small[middle] - inner_small[middle] * twin[middle]),
    )


@compiled
def add_response(
    chi: FloatArray,
    chi_imaginary: FloatArray,
    strengths: FloatArray,
    kappas: FloatArray,
    large: FloatArray,
    small: FloatArray,
    keep: int,
    mesh: FloatArray,
    energy: float,
    imaginary: bool,
    number: float,
    c: float,
    step: float,
    r: FloatArray,
    rate: FloatArray,
    v: FloatArray,
    r_half: FloatArray,
    rate_half: FloatArray,
    v_half: FloatArray,
) -> None:
    """Add one orbital's transitions at one energy to chi0 on the mesh."""
    size = r.size
    inner, inner_small = np.zeros(size), np.zeros(size)
    outer, outer_small = np.zeros(size), np.zeros(size)
    twin, twin_small = np.zeros(size), np.zeros(size)
    count = 0
    while count < mesh.size and mesh[count] <= keep:
        count += 1
    a, b, d = np.empty(count), np.empty(count), np.empty(count)
    for n in range(kappas.size):
        real, imag = _green(
            inner, inner_small, outer, outer_small, twin, twin_small, keep,
            int(kappas[n]), energy, number, c, step,
            r, rate, v, r_half, rate_half, v_half,
        )  # fmt: skip
        # 1/W as a complex number, with the sign of (E - H)^-1
        square = real * real + imag * imag
        w_real, w_imag = real / square, -imag / square
        for m in range(count):
            i = int(mesh[m])
            a[m] = large[i] * inner[i] + small[i] * inner_small[i]
            first = large[i] * outer[i] + small[i] * outer_small[i]
            second = large[i] * twin[i] + small[i] * twin_small[i]
            b[m] = strengths[n] * (first * w_real - second * w_imag)
            d[m] = strengths[n] * (first * w_imag + second * w_real)
        for m in range(count):
            for k in range(m, count):
                chi[m, k] += a[m] * b[k]
        if imaginary and imag != 0.0:
            for m in range(count):
                for k in range(m, count):
                    chi_imaginary[m, k] += a[m] * d[k]
