"""Isotopes, and targets made of elements, isotopes or compounds.

A target is what one formula unit holds: an element of natural composition (``Ge``),
one isotope (``Ge72``), or a compound by its formula (``CsI``, ``CF4``, ``C9H10``
for a plastic scintillator). Inside a compound, ``Xe[136]`` names an isotope. Masses
and abundances come from ``periodictable``; the mass of a nucleus is that of the atom
less its electrons (their binding, 14 keV of 67 GeV for germanium, is left out).
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import numpy as np

from nuem.inputs.errors import InputError, ModelError
from nuem.models.arrays import ArrayLike, FloatArray
from nuem.models.constants import ATOMIC_MASS_UNIT_KEV, AVOGADRO, ELECTRON_MASS_KEV
from nuem.models.tables import table
from nuem.models.targets import Element, element

__all__ = ["Component", "Isotope", "Target", "target"]

_ISOTOPE = re.compile(r"^([A-Z][a-z]?)([1-9][0-9]{0,2})$")
_ATOM = r"[A-Z][a-z]?(?:\[[1-9][0-9]{0,2}\])?"
_NUMBER = r"(?:[1-9][0-9]*(?:\.[0-9]+)?|0\.[0-9]*[1-9])?"
_FORMULA = re.compile(rf"^(?:{_ATOM}{_NUMBER}|\((?:{_ATOM}{_NUMBER})+\){_NUMBER})+$")


@dataclass(frozen=True, slots=True)
class Isotope:
    """A nucleus.

    Attributes
    ----------
    symbol : str
        Chemical symbol and mass number.
    number, neutrons : int
        Protons and neutrons.
    atomic_mass_u : float
        Mass of the neutral atom.

    Examples
    --------
    >>> ge72 = target("Ge72").nuclei[0][0]
    >>> ge72.neutrons, round(ge72.mass_kev / 1e6, 7)
    (40, 66.9786375)
    """

    symbol: str
    number: int
    neutrons: int
    atomic_mass_u: float

    @property
    def mass_number(self) -> int:
        """Number of nucleons."""
        return self.number + self.neutrons

    @property
    def mass_kev(self) -> float:
        """Mass of the nucleus, keV."""
        electrons = self.number * ELECTRON_MASS_KEV
        return self.atomic_mass_u * ATOMIC_MASS_UNIT_KEV - electrons


@dataclass(frozen=True, slots=True)
class Component:
    """An element in a formula unit: so many atoms, with shares of isotopes.

    ``isotopes`` is empty for an element that nature does not have.
    """

    element: Element
    count: float
    isotopes: tuple[tuple[Isotope, float], ...]


@dataclass(frozen=True, slots=True)
class Target:
    """What one formula unit of the target is made of.

    Attributes
    ----------
    name : str
        As it was asked for.
    components : tuple of Component
        The elements.

    Examples
    --------
    >>> csi = target("CsI")
    >>> csi.electrons, f"{csi.units_per_kg:.4e}", csi.unit("nucleus")
    (108.0, '2.3179e+24', 'cm2/keV/formula unit')
    >>> [(isotope.symbol, round(share, 4)) for isotope, share in target("Cu").nuclei]
    [('Cu63', 0.6915), ('Cu65', 0.3085)]
    """

    name: str
    components: tuple[Component, ...]

    @property
    def mass_u(self) -> float:
        """Mass of a formula unit, u (= g/mol)."""
        return sum(part.count * part.element.mass_u for part in self.components)

    @property
    def electrons(self) -> float:
        """Electrons in a formula unit."""
        return sum(part.count * part.element.number for part in self.components)

    @property
    def atoms(self) -> float:
        """Atoms, and nuclei, in a formula unit."""
        return sum(part.count for part in self.components)

    @property
    def units_per_kg(self) -> float:
        """Formula units in a kilogram."""
        return 1000.0 * AVOGADRO / self.mass_u

    @property
    def atoms_per_kg(self) -> float:
        """Atoms, and nuclei, in a kilogram."""
        return self.atoms * self.units_per_kg

    @property
    def electrons_per_kg(self) -> float:
        """Electrons in a kilogram."""
        return self.electrons * self.units_per_kg

    @property
    def is_compound(self) -> bool:
        """Whether a formula unit is more than one atom."""
        return len(self.components) > 1 or self.components[0].count != 1.0

    def unit(self, body: str) -> str:
        """Unit of a cross section on this target; body is ``atom`` or ``nucleus``."""
        return f"cm2/keV/{'formula unit' if self.is_compound else body}"

    @property
    def bindings_kev(self) -> tuple[float, ...]:
        """Binding energies of all subshells of all elements, rising."""
        every = {b for part in self.components for b in part.element.bindings_kev}
        return tuple(sorted(every))

    def bound_below(self, recoil_kev: ArrayLike) -> FloatArray:
        """Electrons of a formula unit bound by less than an energy (keV)."""
        total = np.zeros(np.shape(recoil_kev))
        for part in self.components:
            total = total + part.count * part.element.bound_below(recoil_kev)
        return np.asarray(total)

    @property
    def nuclei(self) -> tuple[tuple[Isotope, float], ...]:
        """Isotopes and how many of each a formula unit holds, on average.

        Raises
        ------
        ModelError
            If nature has no isotopes of an element: one has to be named.
        """
        found = []
        for part in self.components:
            if not part.isotopes:
                raise ModelError(
                    "no natural mixture of isotopes",
                    field="target",
                    found=part.element.symbol,
                    expected="one isotope, as in Tc99",
                )
            found += [(nucleus, part.count * share) for nucleus, share in part.isotopes]
        return tuple(found)


@lru_cache(maxsize=256)
def target(name: str) -> Target:
    """Target of that name.

    Parameters
    ----------
    name : str
        ``Ge`` (natural mixture), ``Ge72`` (one isotope) or a formula (``CsI``,
        ``CF4``, ``Bi4Ge3O12``, ``Xe[136]F2``). A symbol with a number alone is an
        isotope, never a molecule.

    Returns
    -------
    Target

    Raises
    ------
    InputError
        For an unknown element or isotope, or what is no formula.

    Examples
    --------
    >>> target("C9H10").electrons
    64.0
    """
    if not isinstance(name, str):
        raise _unknown(name)
    single = _ISOTOPE.match(name)
    if single is not None:
        symbol, number = single.groups()
        return Target(name, (_isotope(symbol, int(number), 1.0, name),))
    if re.fullmatch(r"[A-Z][a-z]?", name):
        return Target(name, (_natural(name, 1.0),))
    if not _FORMULA.match(name):
        raise _unknown(name)
    return Target(name, _compound(name))


def as_target(value: Target | Element | str) -> Target:
    """A target, from itself, an element or a name."""
    if isinstance(value, Target):
        return value
    if isinstance(value, Element):
        return Target(
            value.symbol, (replace(_natural(value.symbol, 1.0), element=value),)
        )
    return target(value)


def _compound(name: str) -> tuple[Component, ...]:
    import periodictable

    try:
        atoms: dict[Any, float] = periodictable.formula(name).atoms
    except Exception as error:  # its parser has exceptions of its own
        raise _unknown(name) from error
    parts = []
    for atom, count in atoms.items():
        number = getattr(atom, "isotope", None)
        symbol = str(periodictable.elements[int(atom.number)].symbol)
        if number is None:
            parts.append(_natural(symbol, float(count)))
        else:
            parts.append(_isotope(symbol, int(number), float(count), name))
    return tuple(parts)


def _natural(symbol: str, count: float) -> Component:
    import periodictable

    atom = element(symbol)
    entry = periodictable.elements.symbol(symbol)
    shares = {i.isotope: float(i.abundance) for i in entry if i.abundance}
    if not shares:
        shares = table("abundances").get(symbol, {})
    total = sum(shares.values())
    isotopes = tuple(
        (_nucleus(symbol, atom.number, entry[number]), share / total)
        for number, share in shares.items()
    )
    return Component(atom, count, isotopes)


def _isotope(symbol: str, mass_number: int, count: float, name: str) -> Component:
    import periodictable

    atom = element(symbol)
    entry = periodictable.elements.symbol(symbol)
    try:
        isotope = entry[mass_number]
    except KeyError:
        known = [str(i.isotope) for i in entry]
        raise InputError(
            "unknown isotope",
            field="target",
            found=name,
            expected=f"{symbol} with one of {known[0]} to {known[-1]} nucleons",
        ) from None
    atom = replace(atom, mass_u=float(isotope.mass))
    return Component(atom, count, ((_nucleus(symbol, atom.number, isotope), 1.0),))


def _nucleus(symbol: str, number: int, isotope: Any) -> Isotope:
    mass_number = int(isotope.isotope)
    return Isotope(
        f"{symbol}{mass_number}", number, mass_number - number, float(isotope.mass)
    )


def _unknown(name: object) -> InputError:
    return InputError(
        "unknown target",
        field="target",
        found=repr(name),
        expected="an element (Ge), an isotope (Ge72) or a formula (CsI)",
    )
