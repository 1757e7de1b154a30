"""Polarisation of the atom: time-dependent local density approximation.

All electrons answer the field of the probe and the field of the charge that they move
themselves. For the multipole L and the frequency w the independent response is::

    chi0(r, r') = sum_i N_i/(2j_i+1) sum_k' C/(2L+1) [P_i P_i' G_k'(e_i + w) + ...]
                  + the same at -w,

with the radial Green function G of the Dirac equation: regular solution at the smaller
radius times outgoing solution at the larger one, over their Wronskian. All occupied
subshells are kept, and transitions into an occupied orbital are taken out, as far as it
is occupied: with the energies e_i of the potential they would cancel each other, with
measured ionisation energies in their place they would not quite. The field in the
atom solves V = V_ext + K chi0 V with::

    K(r, r') = r_<^L / r_>^(L+1) + (2L+1) f_xc(r) delta(r - r') / (4 pi r^2),

and R_L = -(2L+1)^2/pi Im int j_L chi0 V. One factorisation serves all momenta.
"""

from __future__ import annotations

import math

import numpy as np

from nuem.inputs.errors import ModelError
from nuem.models.arrays import ArrayLike, FloatArray
from nuem.models.atomic.angular import angular_l, strength
from nuem.models.atomic.bessel import spherical_bessel
from nuem.models.atomic.green import add_response
from nuem.models.atomic.response import tail_radius
from nuem.models.atomic.scf import Atom
from nuem.models.atomic.units import HARTREE_KEV

__all__ = ["polarisation_factors", "polarised_response"]

#: Points of the mesh on which the field is solved for: every third point of the grid
#: between these radii (in units of 1/Z, and of the radius that holds all charge).
_FIRST = 2e-3
_STRIDE = 3


class _Mesh:
    """The points on which the induced field of an atom is solved for."""

    def __init__(self, atom: Atom, stride: int) -> None:
        grid = atom.grid
        radius = max(tail_radius(atom, orbital, 1e-7) for orbital in atom.orbitals)
        first = int(np.searchsorted(grid.r, _FIRST / atom.number))
        last = int(np.searchsorted(grid.r, radius))
        self.index = np.arange(first, last, stride)
        self.r = grid.r[self.index]
        self.weight = stride * grid.step * grid.rate[self.index]
        density = atom.density[self.index] / (4.0 * math.pi * self.r**2)
        slope = np.cbrt(3.0 / math.pi) * np.power(np.maximum(density, 1e-30), -2.0 / 3)
        #: adiabatic local exchange: the derivative of the atom's own potential
        self.exchange = -0.5 * atom.exchange * slope

    def kernel(self, rank: int) -> FloatArray:
        """Interaction K with the weights of the integral over its second argument."""
        ratio = np.minimum.outer(self.r, self.r) / np.maximum.outer(self.r, self.r)
        kernel = ratio**rank / np.maximum.outer(self.r, self.r) * self.weight
        local = (2 * rank + 1) * self.exchange / (4.0 * math.pi * self.r**2)
        kernel[np.diag_indices_from(kernel)] += local
        return kernel


def _independent(
    atom: Atom, mesh: _Mesh, rank: int, frequency: float, bindings: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Real and imaginary part of chi0 on the mesh."""
    size = mesh.index.size
    real, imaginary = np.zeros((size, size)), np.zeros((size, size))
    points = mesh.index.astype(np.float64)
    for orbital, binding in zip(atom.orbitals, bindings, strict=True):
        kappa = orbital.shell.kappa
        others = [
            other
            for absolute in range(1, rank + abs(kappa) + 1)
            for other in (absolute, -absolute)
            if (angular_l(other) + angular_l(kappa) + rank) % 2 == 0
            and strength(other, rank, kappa) > 0.0
        ]
        each = orbital.shell.electrons / (orbital.shell.twice_j + 1.0)
        strengths = np.array(
            [each * strength(other, rank, kappa) / (2 * rank + 1) for other in others]
        )
        keep = int(np.searchsorted(atom.grid.r, tail_radius(atom, orbital, 1e-12)))
        for sign in (1.0, -1.0):
            energy = sign * frequency - binding
            add_response(
                real, imaginary, strengths, np.array(others, dtype=np.float64),
                orbital.p, orbital.q, keep, points, energy, sign > 0.0, atom.field,
            )  # fmt: skip
            for final in atom.orbitals:
                if final.shell.kappa in others:
                    # no place in an occupied orbital, as far as it is occupied
                    taken = final.shell.electrons / (final.shell.twice_j + 1.0)
                    weight = taken * strengths[others.index(final.shell.kappa)]
                    product = (orbital.p * final.p + orbital.q * final.q)[mesh.index]
                    real -= np.outer(
                        weight / (energy - final.energy) * product, product
                    )
    upper = np.triu(real, 1)
    upper_imaginary = np.triu(imaginary, 1)
    return (
        np.triu(real) + upper.T,
        imaginary + upper_imaginary.T,
    )


def polarised_response(
    atom: Atom,
    rank: int,
    frequency: float,
    momenta: ArrayLike,
    *,
    bindings: FloatArray | None = None,
    stride: int = _STRIDE,
) -> tuple[FloatArray, FloatArray]:
    """R_L of one multipole, for independent electrons and with polarisation.

    Parameters
    ----------
    atom : Atom
        In its self-consistent field.
    rank : int
        Multipole.
    frequency : float
        Energy transfer, Hartree.
    momenta : array_like, shape (nq,)
        Momentum transfers, atomic units.
    bindings : ndarray, optional
        Ionisation energies of the orbitals, Hartree; by default those of the potential.
    stride : int
        The mesh takes every such point of the grid.

    Returns
    -------
    tuple of ndarray, shape (nq,)
        Per Hartree.

    Raises
    ------
    ModelError
        If a response comes out negative or is not a number.

    Examples
    --------
    >>> from nuem.models.atomic.scf import solve_atom
    >>> alone, together = polarised_response(solve_atom("Ar"), 1, 20.0, [0.5], stride=8)
    >>> bool(0.8 < together[0] / alone[0] < 1.5)
    True
    """
    mesh = _Mesh(atom, stride)
    if bindings is None:
        bindings = np.array([-orbital.energy for orbital in atom.orbitals])
    real, imaginary = _independent(atom, mesh, rank, frequency, bindings)
    if not (np.all(np.isfinite(real)) and np.all(np.isfinite(imaginary))):
        raise ModelError(
            "the Green functions of the deepest holes overflow",
            field=f"{atom.symbol}, multipole {rank}",
            found=f"T = {frequency * HARTREE_KEV:g} keV",
            expected="a lower energy: independent electrons do here",
        )
    chi = real + 1j * imaginary
    q = np.atleast_1d(np.asarray(momenta, dtype=np.float64))
    outside = np.array([spherical_bessel(k * mesh.r, rank)[rank] for k in q])
    if rank == 0:
        outside = outside - 1.0
    weighted = chi * mesh.weight
    # the kernel is real: two real products are half the work of a complex one
    kernel = mesh.kernel(rank)
    matrix = -(kernel @ (real * mesh.weight)) - 1j * (
        kernel @ (imaginary * mesh.weight)
    )
    matrix[np.diag_indices_from(matrix)] += 1.0
    inside = np.linalg.solve(matrix, outside.T.astype(np.complex128))
    probe = outside * mesh.weight
    front = -((2 * rank + 1) ** 2) / math.pi
    alone = front * np.einsum("qi,ij,qj->q", probe, imaginary, probe, optimize=True)
    together = front * np.einsum("qi,iq->q", probe, weighted @ inside).imag
    for name, values in (("independent", alone), ("polarised", together)):
        if not np.all(np.isfinite(values)) or np.any(values < 0.0):
            raise ModelError(
                f"the {name} response is negative or not a number",
                field=f"{atom.symbol}, multipole {rank}",
                found=f"T = {frequency:g} Hartree",
                expected="a finer mesh: a smaller `stride`",
            )
    return alone, together


def polarisation_factors(
    atom: Atom,
    frequency: float,
    momenta: ArrayLike,
    last: int,
    *,
    bindings: FloatArray | None = None,
    stride: int = _STRIDE,
) -> FloatArray:
    """Ratios of the polarised to the independent R_L by multipole.

    Parameters
    ----------
    atom, frequency, momenta, bindings, stride
        As in :func:`polarised_response`.
    last : int
        Largest multipole; above it polarisation is neglected.

    Returns
    -------
    ndarray, shape (last + 1, nq)
        1 where a multipole does not contribute.
    """
    rows = []
    for rank in range(last + 1):
        alone, together = polarised_response(
            atom, rank, frequency, momenta, bindings=bindings, stride=stride
        )
        safe = np.where(alone > 0.0, alone, 1.0)
        rows.append(np.where(alone > 0.0, together / safe, 1.0))
    return np.stack(rows)
