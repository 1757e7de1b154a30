"""Self-consistent field of an atom: Dirac-Hartree-Slater with Latter's tail.

The potential is that of the point nucleus, of the spherical charge of all electrons and
of the exchange -alpha_x (3/2) (3n/pi)^(1/3), with alpha_x = 1 (Slater 1951) unless asked
otherwise; where it would fall below -1/r, it is -1/r (Latter 1955), so that an ejected
electron leaves a singly charged ion behind. Bound and continuum orbitals belong to one
local potential and are therefore orthogonal.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np

from nuem.inputs.errors import ModelError
from nuem.models.arrays import FloatArray, read_only
from nuem.models.atomic.configuration import Subshell, configuration
from nuem.models.atomic.dirac import bound_state
from nuem.models.atomic.field import Field, field_of
from nuem.models.atomic.grid import RadialGrid, radial_grid
from nuem.models.atomic.units import LIGHT
from nuem.models.targets import element

__all__ = ["Atom", "Orbital", "bound_orbital", "solve_atom"]

_MIX = 0.35
_TOLERANCE = 1e-10
_ROUNDS = 400
#: Ends of the radial grid that are tried, Bohr radii.
_RADII = (40.0, 50.0, 60.0, 80.0, 100.0)
#: What an orbital may have left at the end of the grid. The overlap with an electron of
#: 1 eV is of this size, and must stay below 1e-8.
_TAIL = 5e-9


@dataclass(frozen=True, eq=False)
class Orbital:
    """A bound orbital.

    Attributes
    ----------
    shell : Subshell
        Quantum numbers and occupation.
    energy : float
        Eigenvalue without the rest mass, Hartree.
    p, q : ndarray, shape (n,)
        Large and small component, the integral of P^2 + Q^2 being 1.
    """

    shell: Subshell
    energy: float
    p: FloatArray
    q: FloatArray


@dataclass(frozen=True, eq=False)
class Atom:
    """An atom in its self-consistent field.

    Attributes
    ----------
    symbol : str
        Chemical symbol.
    number : int
        Atomic number.
    exchange : float
        alpha_x of the potential.
    light : float
        Speed of light in atomic units.
    grid : RadialGrid
        Radial points.
    potential, potential_half : ndarray
        Potential energy of an electron at the points and between them, Hartree.
    orbitals : tuple of Orbital
        Occupied orbitals, by n, l and j.
    density : ndarray
        Radial density of the electrons, integral Z.
    """

    symbol: str
    number: int
    exchange: float
    light: float
    grid: RadialGrid
    potential: FloatArray
    potential_half: FloatArray
    orbitals: tuple[Orbital, ...]
    density: FloatArray

    @cached_property
    def field(self) -> Field:
        """Potential and grid, as compiled loops take them."""
        return field_of(
            self.number, self.light, self.grid, self.potential, self.potential_half
        )


def bound_orbital(
    shell: Subshell,
    number: int,
    grid: RadialGrid,
    potential: FloatArray,
    potential_half: FloatArray,
    *,
    guess: float | None = None,
    light: float = LIGHT,
) -> Orbital:
    """Bound orbital in a given potential.

    Parameters
    ----------
    shell : Subshell
        Which orbital.
    number : int
        Charge of the nucleus, for the behaviour at the origin.
    grid, potential, potential_half
        As in :class:`Atom`.
    guess : float, optional
        Energy to start from, Hartree.
    light : float
        Speed of light; a larger one gives the nonrelativistic limit.

    Returns
    -------
    Orbital

    Raises
    ------
    ModelError
        If no such state is bound.

    Examples
    --------
    >>> grid = radial_grid(1)
    >>> orbital = bound_orbital(Subshell(1, -1, 1.0), 1, grid, -1 / grid.r, -1 / grid.r_half)
    >>> bool(abs(orbital.energy + 0.50000666) < 1e-8)
    True
    """
    p, q = np.zeros(grid.r.size), np.zeros(grid.r.size)
    start = -0.5 * (number / shell.n) ** 2 if guess is None else guess
    energy = bound_state(
        p, q, shell.nodes, shell.kappa, start,
        field_of(number, light, grid, potential, potential_half), grid.weight,
    )  # fmt: skip
    if energy > 0.0:
        raise ModelError("no such bound state in this potential", found=shell.name)
    return Orbital(shell, energy, read_only(p), read_only(q))


@lru_cache(maxsize=8)
def solve_atom(
    symbol: str,
    *,
    exchange: float = 1.0,
    light: float = LIGHT,
    step: float = 0.02,
    last: float | None = None,
) -> Atom:
    """Self-consistent field of a neutral atom in its ground state.

    Parameters
    ----------
    symbol : str
        Chemical symbol, 2 <= Z <= 60.
    exchange : float
        alpha_x: 1 for Slater's exchange, 2/3 for that of Kohn and Sham.
    light : float
        Speed of light.
    step : float
        Step of the radial grid.
    last : float, optional
        End of the radial grid, Bohr radii; by default 40, or as many tens as the
        outermost orbital needs to vanish there (60 for caesium).

    Returns
    -------
    Atom

    Raises
    ------
    ModelError
        If there is no configuration, or the field does not converge.

    Examples
    --------
    >>> atom = solve_atom("Ge")
    >>> f"{atom.orbitals[0].energy * 27.211386:.0f} eV"
    '-11067 eV'
    """
    if last is not None:
        grid = radial_grid(element(symbol).number, step=step, last=last)
        return _solve(symbol, exchange, light, grid)
    for radius in _RADII:
        grid = radial_grid(element(symbol).number, step=step, last=radius)
        atom = _solve(symbol, exchange, light, grid)
        tail = max(abs(float(orbital.p[-1])) for orbital in atom.orbitals)
        if tail < _TAIL:
            return atom
    raise ModelError(
        "an orbital does not vanish within the radial grid",
        field=symbol,
        found=f"{tail:.1e} at {radius:g} Bohr radii",
        expected=f"below {_TAIL:g}: report it, with the versions of `nuem info`",
    )


def _solve(symbol: str, exchange: float, light: float, grid: RadialGrid) -> Atom:
    """Self-consistent field on a given grid."""
    number = element(symbol).number
    shells = configuration(symbol)
    potential, half = _screened(number, grid)
    energies: list[float | None] = [None] * len(shells)
    for _ in range(_ROUNDS):
        orbitals = [
            bound_orbital(
                shell, number, grid, potential, half, guess=energy, light=light
            )
            for shell, energy in zip(shells, energies, strict=True)
        ]
        energies = [orbital.energy for orbital in orbitals]
        density = _density(orbitals)
        new, new_half = _field(number, grid, density, exchange)
        change = float(np.max(np.abs((new - potential) * grid.r)))
        if change < _TOLERANCE * number:
            return Atom(
                symbol, number, exchange, light, grid, read_only(potential),
                read_only(half), tuple(orbitals), read_only(density),
            )  # fmt: skip
        potential = potential + _MIX * (new - potential)
        half = half + _MIX * (new_half - half)
    raise ModelError(
        "the self-consistent field does not converge",
        found=f"{symbol}: r V still changes by {change:.1e} Hartree",
        expected=f"below {_TOLERANCE * number:.1e} in {_ROUNDS} rounds: give another "
        "`exchange` or `step`, or report it with the versions of `nuem info`",
    )


def _screened(number: int, grid: RadialGrid) -> tuple[FloatArray, FloatArray]:
    """A first potential: Green, Sellin and Zachor (1969), roughly."""

    def potential(r: FloatArray) -> FloatArray:
        growth = np.expm1(np.minimum(r / 0.75, 600.0)) * 0.75 * (number - 1) ** 0.4
        return np.asarray(-((number - 1.0) / (1.0 + growth) + 1.0) / r)

    return potential(grid.r), potential(grid.r_half)


def _density(orbitals: Sequence[Orbital]) -> FloatArray:
    density = np.zeros_like(orbitals[0].p)
    for orbital in orbitals:
        density += orbital.shell.electrons * (orbital.p**2 + orbital.q**2)
    return density


def _field(
    number: int, grid: RadialGrid, density: FloatArray, exchange: float
) -> tuple[FloatArray, FloatArray]:
    """Potential of a density, at the points and between them."""
    from scipy.interpolate import CubicSpline

    t = grid.t
    enclosed = CubicSpline(t, density * grid.rate).antiderivative()(t)
    outer = CubicSpline(t, density * grid.rate / grid.r).antiderivative()(t)
    hartree = enclosed / grid.r + (outer[-1] - outer)
    number_density = density / (4.0 * np.pi * grid.r**2)
    slater = -exchange * 1.5 * np.cbrt(3.0 * number_density / np.pi)
    # r V is smooth in t; the tail is joined afterwards, since it has a kink
    charge = CubicSpline(t, (hartree + slater) * grid.r - number)
    middle = charge(t[:-1] + 0.5 * grid.step)
    return (
        np.minimum(charge(t), -1.0) / grid.r,
        np.minimum(middle, -1.0) / grid.r_half,
    )
