"""Energies with exact exchange, of the orbitals of a local potential.

The energy functional of Dirac, Hartree and Fock for the average of a configuration, at
the orbitals of :mod:`nuem.models.atomic.scf`. By the variational principle the total lies
above that of a Dirac-Hartree-Fock calculation, by the square of what the orbitals lack:
a check of orbitals, angular factors and Coulomb integrals that knows nothing of the local
exchange. Not used for thresholds, which relaxation makes smaller by up to a half.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from nuem.models.arrays import FloatArray
from nuem.models.atomic.angular import angular_l, strength
from nuem.models.atomic.grid import RadialGrid
from nuem.models.atomic.scf import Atom, Orbital

__all__ = ["ExactExchange", "exact_exchange"]


@dataclass(frozen=True)
class ExactExchange:
    """Energies of an atom with exact exchange, Hartree.

    Attributes
    ----------
    levels : ndarray
        Expectation values of the Fock operator, in the order of the orbitals.
    total : float
        Expectation value of the Dirac-Coulomb Hamiltonian.
    """

    levels: FloatArray
    total: float


def _coulomb(grid: RadialGrid, rank: int, charge: FloatArray) -> FloatArray:
    """Potential of rank L of a radial charge density: int r_<^L/r_>^(L+1) rho."""
    from scipy.interpolate import CubicSpline

    t, r = grid.t, grid.r
    inside = CubicSpline(t, charge * r**rank * grid.rate).antiderivative()(t)
    outside = CubicSpline(t, charge * grid.rate / r ** (rank + 1)).antiderivative()(t)
    return np.asarray(
        inside / r ** (rank + 1) + (outside[-1] - outside) * r**rank, dtype=np.float64
    )


def _pair(grid: RadialGrid, one: Orbital, two: Orbital) -> float:
    """Direct minus exchange integral of two orbitals, averaged over projections."""
    kappa, other = one.shell.kappa, two.shell.kappa
    density = one.p**2 + one.q**2
    direct = (two.p**2 + two.q**2) * grid.weight @ _coulomb(grid, 0, density)
    product = one.p * two.p + one.q * two.q
    pairs = (one.shell.twice_j + 1.0) * (two.shell.twice_j + 1.0)
    exchange = sum(
        factor / pairs * (product * grid.weight @ _coulomb(grid, rank, product))
        for rank in range(abs(kappa) + abs(other))
        if (factor := strength(kappa, rank, other)) > 0.0
    )
    return float(direct - exchange)


def _own(one: Orbital, orbitals: tuple[Orbital, ...]) -> float:
    """Pairs in the average of an open shell nl, relative to independent filling."""
    n, l_value = one.shell.n, angular_l(one.shell.kappa)
    places = 4.0 * l_value + 2.0
    filled = sum(
        o.shell.electrons
        for o in orbitals
        if o.shell.n == n and angular_l(o.shell.kappa) == l_value
    )
    return (filled - 1.0) * places / (filled * (places - 1.0))


def exact_exchange(atom: Atom) -> ExactExchange:
    """Levels and total energy with exact exchange.

    Parameters
    ----------
    atom : Atom
        In its self-consistent field.

    Returns
    -------
    ExactExchange

    Examples
    --------
    >>> from nuem.models.atomic.scf import solve_atom
    >>> found = exact_exchange(solve_atom("Ne"))
    >>> round(found.total, 1), round(float(found.levels[0]), 1)
    (-128.6, -32.4)
    """
    grid, orbitals = atom.grid, atom.orbitals
    counts = np.array([o.shell.electrons for o in orbitals])
    alone = np.array(
        [
            o.energy
            - (o.p**2 + o.q**2)
            @ (grid.weight * (atom.potential + atom.number / grid.r))
            for o in orbitals
        ]
    )
    interaction = np.zeros((len(orbitals), len(orbitals)))
    for i, one in enumerate(orbitals):
        for j, two in enumerate(orbitals[: i + 1]):
            value = _pair(grid, one, two)
            same = one.shell.n == two.shell.n and (
                angular_l(one.shell.kappa) == angular_l(two.shell.kappa)
            )
            value *= _own(one, orbitals) if same else 1.0
            interaction[i, j] = interaction[j, i] = value
    levels = alone + interaction @ counts
    return ExactExchange(levels, float(counts @ (0.5 * (alone + levels))))
