"""A central potential on its grid, and where a wave is free or forbidden in it."""

from __future__ import annotations

import math
from typing import NamedTuple

from nuem.models.arrays import FloatArray
from nuem.models.atomic.compiled import compiled
from nuem.models.atomic.grid import RadialGrid

__all__ = [
    "Field",
    "barrier",
    "field_of",
    "forbidden",
    "slope_ratio",
    "square_of_wave",
]


class Field(NamedTuple):
    """A central potential on its grid, in the form that compiled loops take.

    Attributes
    ----------
    number : float
        Charge of the nucleus, for the behaviour at the origin.
    c : float
        Speed of light.
    step : float
        Step of the even coordinate t.
    r, rate, v : ndarray, shape (n,)
        Radii, dr/dt and potential energy at the points.
    r_half, rate_half, v_half : ndarray, shape (n - 1,)
        The same in the middle of the steps.
    """

    number: float
    c: float
    step: float
    r: FloatArray
    rate: FloatArray
    v: FloatArray
    r_half: FloatArray
    rate_half: FloatArray
    v_half: FloatArray


def field_of(
    number: float, c: float, grid: RadialGrid, v: FloatArray, v_half: FloatArray
) -> Field:
    """Potential energies at the points of a grid and between them as a field."""
    return Field(
        float(number), c, grid.step, grid.r, grid.rate, v, grid.r_half,
        grid.rate_half, v_half,
    )  # fmt: skip


@compiled
def barrier(kappa: int) -> float:
    """Square of l + 1/2: the centrifugal barrier times r^2, in Langer's form."""
    angular = kappa if kappa > 0 else -kappa - 1
    return (angular + 0.5) ** 2


@compiled
def square_of_wave(field: Field, i: int, energy: float, wall: float) -> float:
    """Square of the local wave number at point i, negative where it is forbidden."""
    kinetic: float = energy - field.v[i]
    centrifugal: float = wall / (field.r[i] * field.r[i])
    return 2.0 * kinetic + (kinetic / field.c) ** 2 - centrifugal


@compiled
def forbidden(
    field: Field, start: int, sign: int, energy: float, wall: float, depth: float
) -> int:
    """Point that is so many e-folds away from ``start``, or the end of the grid.

    Outwards for the sign 1, inwards for -1.
    """
    i, folds = start, 0.0
    last = field.r.size - 1 if sign > 0 else 0
    while i != last and folds < depth:
        i += sign
        local = square_of_wave(field, i, energy, wall)
        folds += math.sqrt(max(-local, 0.0)) * field.rate[i] * field.step
    return i


@compiled
def slope_ratio(
    field: Field, i: int, kappa: int, energy: float, wall: float, sign: int
) -> float:
    """Q/P of the solution that grows (1) or falls (-1) outwards at a forbidden point."""
    fall = sign * math.sqrt(max(-square_of_wave(field, i, energy, wall), 1e-12))
    kinetic: float = energy - field.v[i]
    radius: float = field.r[i]
    return (fall + kappa / radius) / (2.0 * field.c + kinetic / field.c)
