"""Elements as targets: mass, numbers per kilogram, and electron binding.

Masses of the natural mixture come from ``periodictable``; binding energies of
free atoms from the edges listed by ``xraydb`` (Elam, Ravel and Sieber 2002). Both
are imported when the first element is asked for.

Occupations are those of the aufbau (Madelung) rule: subshells are filled by n + l,
then n, and within a subshell the lower j first. Filling in the order of the list
would be wrong for the lanthanides, where 4f stands before 5s and 5p but is filled
after them: cerium would lose its eight electrons at 17 to 38 eV. A subshell that
is listed but empty in the ground state (4p3/2 of germanium) gets no electron, one
that is filled but not listed counts as valence with zero binding. The known
exceptions to the rule (Cr, Cu, Nb to Pd, La, ...) move one or two electrons
between subshells bound by less than about 10 eV and are left out.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from nuem.inputs.errors import InputError
from nuem.models.arrays import ArrayLike, FloatArray, positive
from nuem.models.constants import AVOGADRO

__all__ = ["Element", "Subshell", "element", "occupations"]

_SHELLS = "KLMNOPQ"


@dataclass(frozen=True, slots=True)
class Subshell:
    """Name, binding energy (keV) and electrons of one subshell."""

    name: str
    binding_kev: float
    electrons: int


@dataclass(frozen=True, slots=True)
class Element:
    """An element of natural composition.

    Attributes
    ----------
    symbol : str
        Chemical symbol.
    number : int
        Atomic number Z.
    mass_u : float
        Atomic mass of the natural mixture, u (= g/mol).
    subshells : tuple of Subshell
        By falling binding energy; together they hold Z electrons.

    Examples
    --------
    >>> ge = element("Ge")
    >>> f"{ge.atoms_per_kg:.3e}", ge.bound_below([0.5, 1.3, 20.0])
    ('8.292e+24', array([22., 28., 32.]))
    """

    symbol: str
    number: int
    mass_u: float
    subshells: tuple[Subshell, ...]

    @property
    def atoms_per_kg(self) -> float:
        """Atoms in a kilogram."""
        return 1000.0 * AVOGADRO / self.mass_u

    @property
    def electrons_per_kg(self) -> float:
        """Electrons in a kilogram."""
        return self.number * self.atoms_per_kg

    @property
    def bindings_kev(self) -> tuple[float, ...]:
        """Binding energies of the occupied subshells, rising, without valence."""
        return tuple(sorted({s.binding_kev for s in self.subshells} - {0.0}))

    def bound_below(self, recoil_kev: ArrayLike) -> FloatArray:
        """Number of electrons bound by less than an energy.

        Parameters
        ----------
        recoil_kev : array_like
            Energy transfer, keV, any shape.

        Returns
        -------
        ndarray
            Number of electrons, of the same shape.

        Raises
        ------
        InputError
            For an energy that is not a finite number above 0.
        """
        recoil = positive(recoil_kev, "recoil_kev")
        levels = sorted(self.subshells, key=lambda s: s.binding_kev)
        bindings = np.array([s.binding_kev for s in levels])
        counts = np.array([0, *np.cumsum([s.electrons for s in levels])], dtype=float)
        # side="left": a transfer of exactly the binding energy frees nothing yet
        return counts[np.searchsorted(bindings, recoil, side="left")]


def occupations(number: int) -> dict[str, int]:
    """Electrons in each X-ray subshell of a ground state by the aufbau rule.

    Parameters
    ----------
    number : int
        Atomic number.

    Returns
    -------
    dict
        X-ray name (K, L1, ...) to electrons, occupied subshells only.

    Examples
    --------
    >>> occupations(14)
    {'K': 2, 'L1': 2, 'L2': 2, 'L3': 4, 'M1': 2, 'M2': 2}
    """
    orbitals = [(n, angular) for n in range(1, 8) for angular in range(min(n, 4))]
    orbitals.sort(key=lambda o: (o[0] + o[1], o[0]))
    left = number
    filled: dict[str, int] = {}
    for n, angular in orbitals:
        here = min(left, 2 * (2 * angular + 1))
        left -= here
        shell = _SHELLS[n - 1]
        if n == 1:
            parts = {shell: here}
        elif angular == 0:
            parts = {f"{shell}1": here}
        else:
            low = min(here, 2 * angular)
            parts = {
                f"{shell}{2 * angular}": low,
                f"{shell}{2 * angular + 1}": here - low,
            }
        filled.update({name: count for name, count in parts.items() if count})
    order = sorted(filled, key=lambda name: (_SHELLS.index(name[0]), name))
    return {name: filled[name] for name in order}


@lru_cache(maxsize=128)
def element(symbol: str) -> Element:
    """Element of that symbol.

    Parameters
    ----------
    symbol : str
        Chemical symbol, as in the periodic table (``"Ge"``).

    Returns
    -------
    Element
        Mass, atomic number and subshells.

    Raises
    ------
    InputError
        If there is no such element, or no binding energies are known for it
        (``xraydb`` lists Z = 1 to 98).

    Examples
    --------
    >>> element("Si").number
    14
    """
    import periodictable
    import xraydb

    try:
        entry = periodictable.elements.symbol(symbol)
    except (ValueError, AttributeError, TypeError):
        raise _unknown(symbol) from None
    number = int(entry.number)
    # the neutron and deuterium have symbols of their own in periodictable
    if number < 1 or symbol != str(periodictable.elements[number].symbol):
        raise _unknown(symbol)
    try:
        edges = xraydb.xray_edges(symbol)
    except (ValueError, KeyError):
        edges = {}
    if not edges:
        raise InputError(
            "no binding energies for this element", field="target", found=symbol
        )
    bound: list[Subshell] = []
    valence = 0
    for name, electrons in occupations(number).items():
        if name in edges:
            bound.append(Subshell(name, float(edges[name].energy) / 1e3, electrons))
        else:
            valence += electrons
    bound.sort(key=lambda s: -s.binding_kev)
    if valence:
        bound.append(Subshell("valence", 0.0, valence))
    return Element(symbol, number, float(entry.mass), tuple(bound))


def _unknown(symbol: object) -> InputError:
    return InputError(
        "unknown element",
        field="target",
        found=symbol,
        expected="a chemical symbol such as Ge",
    )
