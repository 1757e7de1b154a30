"""Charge and current responses of independent electrons, by subshell and multipole.

With rho(q) and J(q) the Fourier components of charge and current of the atom, and q
along z::

    R_L = sum_f |<f|rho|i>|^2 delta(E_f - E_i - T),
    R_T = sum_f (|<f|J_x|i>|^2 + |<f|J_y|i>|^2) delta(E_f - E_i - T).

For a subshell with N electrons, and the energy-normalised continuum kappa'::

    R_L = N/(2j+1) sum (2J+1) C [int j_J (P'P + Q'Q)]^2,
    R_T = N/(2j+1) sum (2J+1)(J+1)/J {C t_E^2 + C(-kappa', kappa) t_M^2},
    t_E = int {(kappa - kappa')/(J+1) [j_(J-1) - J j_J/x] (P'Q + Q'P) + J j_J/x (P'Q - Q'P)},
    t_M = (kappa' + kappa)/(J+1) int j_J (P'Q + Q'P),    x = q r,

with C = <kappa'||C^J||kappa>^2; at J = 0, j_0 - 1 stands for j_0 (orthogonality). The
velocity form of the transverse multipoles is the one that keeps its meaning when the
threshold is the measured one.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from nuem.inputs.errors import ModelError
from nuem.models.arrays import ArrayLike, FloatArray
from nuem.models.atomic.angular import strength
from nuem.models.atomic.bessel import spherical_bessel
from nuem.models.atomic.compiled import compiled_sums
from nuem.models.atomic.continuum import continuum_orbitals
from nuem.models.atomic.scf import Atom, Orbital
from nuem.models.atomic.units import BOHR_CM2, LIGHT

__all__ = [
    "Response",
    "multipoles_needed",
    "own_momenta",
    "photoabsorption_cm2",
    "subshell_response",
    "tail_radius",
]

#: Multipoles kept apart, for the polarisation of the atom: J = 0 to this one.
KEPT = 5


@dataclass(frozen=True, eq=False)
class Response:
    """Response of one subshell at one energy transfer.

    Attributes
    ----------
    longitudinal, transverse : ndarray, shape (m + 1, nq)
        R_L and R_T per Hartree by multipole J = 0 to m.
    """

    longitudinal: FloatArray
    transverse: FloatArray

    @property
    def total_longitudinal(self) -> FloatArray:
        """R_L, all multipoles."""
        return np.asarray(np.sum(self.longitudinal, axis=0))

    @property
    def total_transverse(self) -> FloatArray:
        """R_T, all multipoles."""
        return np.asarray(np.sum(self.transverse, axis=0))


def tail_radius(atom: Atom, orbital: Orbital, share: float) -> float:
    """Radius outside of which so small a share of the orbital is left, Bohr radii."""
    outside = np.cumsum((atom.grid.weight * (orbital.p**2 + orbital.q**2))[::-1])[::-1]
    return float(atom.grid.r[int(np.argmax(outside < share))])


def own_momenta(atom: Atom, orbital: Orbital) -> tuple[float, float]:
    """Momentum of an orbital at its tail, and its root mean square, atomic units."""
    weight = atom.grid.weight * (orbital.p**2 + orbital.q**2)
    kinetic = float(weight @ (orbital.energy - atom.potential))
    return math.sqrt(-2.0 * orbital.energy), math.sqrt(2.0 * kinetic)


def multipoles_needed(atom: Atom, orbital: Orbital, transfer: float) -> int:
    """Multipole at which the response has converged to about 1e-4.

    Proportional to the momentum of a free electron of that energy, and of the bound
    one, times the radius of the orbital's tail.
    """
    ridge = math.sqrt(2.0 * transfer + (transfer / LIGHT) ** 2)
    own, _ = own_momenta(atom, orbital)
    return int(0.7 * (ridge + own) * tail_radius(atom, orbital, 1e-4)) + 8


@compiled_sums
def _integrate(
    momenta: FloatArray,
    r: FloatArray,
    last: int,
    charge: FloatArray,
    plus: FloatArray,
    minus: FloatArray,
    kappa: int,
    pair_kappa: npt.NDArray[np.int64],
    pair_index: npt.NDArray[np.int64],
    pair_rank: npt.NDArray[np.int64],
    pair_even: FloatArray,
    pair_odd: FloatArray,
    longitudinal: FloatArray,
    transverse: FloatArray,
) -> None:
    """Sum all pairs of ejected kappa' and multipole J into the two responses."""
    size = r.size
    for k in range(momenta.size):
        x = momenta[k] * r
        bessel = spherical_bessel(x, last)
        for i in range(size):
            x[i] = 1.0 / x[i]
        monopole = bessel[0] - 1.0
        for n in range(pair_rank.size):
            rank, index = pair_rank[n], pair_index[n]
            j = monopole if rank == 0 else bessel[rank]
            both = plus[index]
            if pair_even[n] > 0.0:
                rho = charge[index]
                direct = 0.0
                if rank == 0:
                    for i in range(size):
                        direct += j[i] * rho[i]
                    longitudinal[0, k] += pair_even[n] * direct * direct
                    continue
                one, two = 0.0, 0.0
                below = bessel[rank - 1]
                odd = minus[index]
                for i in range(size):
                    direct += j[i] * rho[i]
                    over = rank * j[i] * x[i]
                    one += (below[i] - over) * both[i]
                    two += over * odd[i]
                longitudinal[rank, k] += (2 * rank + 1) * pair_even[n] * direct * direct
                t = (kappa - pair_kappa[n]) / (rank + 1.0) * one + two
                weight = (2 * rank + 1) * (rank + 1.0) / rank
                transverse[rank, k] += weight * pair_even[n] * t * t
            else:
                one = 0.0
                for i in range(size):
                    one += j[i] * both[i]
                t = (pair_kappa[n] + kappa) / (rank + 1.0) * one
                weight = (2 * rank + 1) * (rank + 1.0) / rank
                transverse[rank, k] += weight * pair_odd[n] * t * t


@lru_cache(maxsize=512)
def _pairs(kappa: int, last: int) -> tuple[FloatArray, ...]:
    """Ejected kappas, and all pairs with multipoles up to ``last``."""
    kappas: list[int] = []
    rows: list[tuple[float, ...]] = []
    twice_j = 2 * abs(kappa) - 1
    for size in range(1, last + abs(kappa) + 1):
        for other in (size, -size):
            twice_other = 2 * size - 1
            low, high = abs(twice_j - twice_other) // 2, (twice_j + twice_other) // 2
            ranks = range(low, min(high, last) + 1)
            if not ranks:
                continue
            kappas.append(other)
            for rank in ranks:
                even = strength(other, rank, kappa)
                odd = strength(-other, rank, kappa) if rank > 0 else 0.0
                if even > 0.0 or odd > 0.0:
                    rows.append((other, len(kappas) - 1, rank, even, odd))
    columns = np.array(rows, dtype=np.float64).T
    return (np.array(kappas, dtype=np.float64), *columns)


def subshell_response(
    atom: Atom,
    orbital: Orbital,
    energy: float,
    momenta: ArrayLike,
    last: int,
) -> Response:
    """Responses of one subshell when the electron leaves with a given energy.

    Parameters
    ----------
    atom : Atom
        In its self-consistent field.
    orbital : Orbital
        One of its orbitals.
    energy : float
        Kinetic energy of the ejected electron, Hartree.
    momenta : array_like, shape (nq,)
        Momentum transfers, atomic units.
    last : int
        Largest multipole, see :func:`multipoles_needed`.

    Returns
    -------
    Response
        Per Hartree, for all electrons of the subshell.

    Raises
    ------
    ModelError
        If the electron is not ejected, or a response is not a number.

    Examples
    --------
    >>> from nuem.models.atomic.scf import solve_atom
    >>> atom = solve_atom("Ge")
    >>> response = subshell_response(atom, atom.orbitals[0], 50.0, [4.0, 40.0], 6)
    >>> response.total_longitudinal.shape
    (2,)
    """
    if energy <= 0.0:
        raise ModelError(
            "the electron is not ejected",
            field="energy",
            found=f"{energy:g} Hartree",
            expected="above 0",
        )
    grid = atom.grid
    q = np.atleast_1d(np.asarray(momenta, dtype=np.float64))
    kappas, other, index, rank, even, odd = _pairs(orbital.shell.kappa, last)
    keep = int(np.searchsorted(grid.r, tail_radius(atom, orbital, 1e-14))) + 1
    large, small = continuum_orbitals(kappas, energy, keep, atom.field)
    p = orbital.p[:keep] * grid.weight[:keep]
    small_bound = orbital.q[:keep] * grid.weight[:keep]
    longitudinal = np.zeros((last + 1, q.size))
    transverse = np.zeros((last + 1, q.size))
    _integrate(
        q, grid.r[:keep], last, large * p + small * small_bound,
        large * small_bound + small * p, large * small_bound - small * p,
        orbital.shell.kappa, other.astype(np.int64), index.astype(np.int64),
        rank.astype(np.int64), even, odd, longitudinal, transverse,
    )  # fmt: skip
    each = orbital.shell.electrons / (orbital.shell.twice_j + 1.0)
    result = Response(each * longitudinal, each * transverse)
    if not (
        np.all(np.isfinite(result.longitudinal))
        and np.all(np.isfinite(result.transverse))
    ):
        raise ModelError(
            "a response is not a number",
            field=f"{atom.symbol} {orbital.shell.name}",
            found=f"ejected with {energy:g} Hartree",
            expected="a finite number: raise `last` or the end of the grid",
        )
    return result


def photoabsorption_cm2(transfer: ArrayLike, transverse: ArrayLike) -> FloatArray:
    """Photoabsorption cross section from R_T at q = T/c.

    Parameters
    ----------
    transfer : array_like
        Photon energy, Hartree.
    transverse : array_like
        R_T per Hartree.

    Returns
    -------
    ndarray
        2 pi^2 alpha R_T/T (natural units), in cm^2.

    Examples
    --------
    >>> f"{float(photoabsorption_cm2(1.0, 1e-6)):.2e}"
    '7.57e-20'
    """
    value = 2.0 * math.pi**2 * LIGHT * np.asarray(transverse) / np.asarray(transfer)
    return np.asarray(value * BOHR_CM2, dtype=np.float64)
