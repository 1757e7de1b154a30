"""Ejected electrons: continuum orbitals, normalised per unit of energy.

The regular solution starts inside the innermost barrier and is stepped to the end of
the grid, where the potential is -1/r. There Milne's amplitude, from the wave number of
the second-order equation for u = P / sqrt(B/2c) and its first correction, gives the
amplitude of the wave; no distance of many wavelengths is needed.
"""

from __future__ import annotations

import math

import numpy as np

from nuem.models.arrays import FloatArray
from nuem.models.atomic.compiled import compiled
from nuem.models.atomic.dirac import origin_ratio, outward
from nuem.models.atomic.field import (
    Field,
    barrier,
    forbidden,
    slope_ratio,
    square_of_wave,
)
from nuem.models.atomic.scf import Atom

__all__ = ["continuum_orbital", "continuum_orbitals", "milne", "regular"]

#: e-folds inside the barrier at which the regular solution starts.
_DEPTH = 36.0


@compiled
def _wave(r: float, energy: float, kappa: int, c: float) -> float:
    """Square of the wave number of u at a radius where V = -1/r."""
    v = -1.0 / r
    b = (energy - v + 2.0 * c * c) / c
    b1 = -1.0 / (r * r) / c
    b2 = 2.0 / (r * r * r) / c
    return (
        b * (energy - v) / c
        - kappa * (kappa + 1.0) / (r * r)
        - kappa * b1 / (b * r)
        + 0.5 * b2 / b
        - 0.75 * (b1 / b) ** 2
    )


@compiled
def milne(r: float, energy: float, kappa: int, c: float) -> tuple[float, float, float]:
    """Amplitude function zeta, its derivative and B/2c at a radius where V = -1/r.

    Returns
    -------
    tuple of float
        zeta is -1.0 where the wave is not free (the turning point is too near).
    """
    # five points are enough for the derivatives of a smooth function of r
    step = 0.02 * r
    zeroth = np.empty(7)
    for i in range(7):
        w = _wave(r + (i - 3) * step, energy, kappa, c)
        if w * r * r < 4.0:
            return -1.0, 0.0, 1.0
        zeroth[i] = w**-0.25
    zeta = np.empty(5)
    for i in range(5):
        second = (zeroth[i] - 2.0 * zeroth[i + 1] + zeroth[i + 2]) / step**2
        w = _wave(r + (i - 2) * step, energy, kappa, c)
        zeta[i] = (w + second / zeroth[i + 1]) ** -0.25
    slope = (8.0 * (zeta[3] - zeta[1]) - (zeta[4] - zeta[0])) / (12.0 * step)
    return zeta[2], slope, (energy + 1.0 / r + 2.0 * c * c) / (2.0 * c * c)


@compiled
def regular(
    p: FloatArray, q: FloatArray, field: Field, kappa: int, energy: float
) -> bool:
    """Regular solution at a positive energy, normalised per Hartree, into p and q.

    Returns
    -------
    bool
        Whether the wave is free before the end of the grid; else p, q are 0.
    """
    last = field.r.size - 1
    c, end = field.c, field.r[last]
    p[:] = 0.0
    q[:] = 0.0
    zeta, zeta_slope, ratio = milne(end, energy, kappa, c)
    if zeta < 0.0:
        return False
    wall = barrier(kappa)
    turn = 0
    while turn < last and square_of_wave(field, turn, energy, wall) <= 0.0:
        turn += 1
    first = forbidden(field, turn, -1, energy, wall, _DEPTH)
    p[first] = 1e-30
    if first == 0:
        q[0] = p[0] * origin_ratio(kappa, field.number, c)
    else:
        q[first] = p[first] * slope_ratio(field, first, kappa, energy, wall, 1)
    outward(p, q, first, last, field, kappa, energy)
    # u = P / sqrt(ratio), with its derivative from the Dirac equation
    slope = -kappa / end * p[last] + 2.0 * c * ratio * q[last]
    u = p[last] / math.sqrt(ratio)
    ratio_slope = -1.0 / (end * end) / (2.0 * c * c)
    u_slope = slope / math.sqrt(ratio) - 0.5 * u * ratio_slope / ratio
    amplitude = math.sqrt((u / zeta) ** 2 + (zeta * u_slope - zeta_slope * u) ** 2)
    factor = math.sqrt(2.0 / math.pi) / amplitude
    for i in range(first, last + 1):
        p[i] *= factor
        q[i] *= factor
    return True


@compiled
def continuum_orbitals(
    kappas: FloatArray, energy: float, keep: int, field: Field
) -> tuple[FloatArray, FloatArray]:
    """Large and small components of many kappas at the first ``keep`` points."""
    p, q = np.empty(field.r.size), np.empty(field.r.size)
    large = np.zeros((kappas.size, keep))
    small = np.zeros((kappas.size, keep))
    for i in range(kappas.size):
        regular(p, q, field, int(kappas[i]), energy)
        large[i] = p[:keep]
        small[i] = q[:keep]
    return large, small


def continuum_orbital(
    atom: Atom, kappa: int, energy: float
) -> tuple[FloatArray, FloatArray]:
    """Continuum orbital of an atom.

    Parameters
    ----------
    atom : Atom
        In its self-consistent field.
    kappa : int
        Relativistic angular quantum number.
    energy : float
        Kinetic energy far away, Hartree.

    Returns
    -------
    tuple of ndarray
        P and Q on the grid of the atom, normalised to a delta function of the energy
        in Hartree; 0 if the electron does not come inside the grid.

    Examples
    --------
    >>> from nuem.models.atomic.scf import solve_atom
    >>> atom = solve_atom("Ge")
    >>> p, q = continuum_orbital(atom, -1, 10.0)
    >>> bound = atom.orbitals[0]
    >>> bool(abs(atom.grid.weight @ (p * bound.p + q * bound.q)) < 1e-8)
    True
    """
    p, q = np.empty(atom.grid.r.size), np.empty(atom.grid.r.size)
    regular(p, q, atom.field, kappa, energy)
    return p, q
