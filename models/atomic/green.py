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
from nuem.models.atomic.field import Field, barrier, forbidden, slope_ratio

__all__ = ["add_response"]


#: e-folds beyond the orbital at which a decaying solution starts.
_DEPTH = 25.0


@compiled
def _outgoing(
    outer: FloatArray,
    outer_small: FloatArray,
    twin: FloatArray,
    twin_small: FloatArray,
    keep: int,
    field: Field,
    kappa: int,
    energy: float,
) -> None:
    """Outgoing solution outer + i twin up to point ``keep``.

    Below the ionisation threshold twin is 0 and outer decays.
    """
    last = field.r.size - 1
    twin[:] = 0.0
    twin_small[:] = 0.0
    zeta = -1.0
    if energy > 0.0:
        zeta, slope, ratio = milne(field.r[last], energy, kappa, field.c)
    if zeta > 0.0:
        # u and u' at the end for the two phases, and P, Q from them
        c, end = field.c, field.r[last]
        root = math.sqrt(ratio)
        bend = -1.0 / (end * end) / (2.0 * c * c) / (2.0 * ratio)
        outer[last] = root * zeta
        outer_small[last] = (
            root * (slope + bend * zeta) + kappa / end * outer[last]
        ) / (2.0 * c * ratio)
        twin_small[last] = root / zeta / (2.0 * c * ratio)
        inward(twin, twin_small, 0, last, field, kappa, energy)
    else:
        wall = barrier(kappa)
        last = forbidden(field, keep, 1, energy, wall, _DEPTH)
        outer[last] = 1e-30
        outer_small[last] = outer[last] * slope_ratio(
            field, last, kappa, energy, wall, -1
        )
    inward(outer, outer_small, 0, last, field, kappa, energy)


@compiled
def _regular(
    inner: FloatArray,
    inner_small: FloatArray,
    keep: int,
    field: Field,
    kappa: int,
    energy: float,
) -> None:
    """Regular solution up to point ``keep``, of any norm."""
    inner[:] = 0.0
    inner_small[:] = 0.0
    inner[0] = max(1e-30 * (field.r[0] * field.number) ** abs(kappa), 1e-200)
    inner_small[0] = inner[0] * origin_ratio(kappa, field.number, field.c)
    outward(inner, inner_small, 0, keep, field, kappa, energy)


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
    field: Field,
) -> None:
    """Add one orbital's transitions at one energy to chi0 on the mesh."""
    size = field.r.size
    inner, inner_small = np.zeros(size), np.zeros(size)
    outer, outer_small = np.zeros(size), np.zeros(size)
    twin, twin_small = np.zeros(size), np.zeros(size)
    count = 0
    while count < mesh.size and mesh[count] <= keep:
        count += 1
    a, b, d = np.empty(count), np.empty(count), np.empty(count)
    middle = keep // 2
    for n in range(kappas.size):
        kappa = int(kappas[n])
        _outgoing(outer, outer_small, twin, twin_small, keep, field, kappa, energy)
        _regular(inner, inner_small, keep, field, kappa, energy)
        # the Wronskian c (P_reg Q_out - Q_reg P_out), and its inverse
        p, q = field.c * inner[middle], field.c * inner_small[middle]
        real = p * outer_small[middle] - q * outer[middle]
        imag = p * twin_small[middle] - q * twin[middle]
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
