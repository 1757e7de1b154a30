"""Electron configurations of free atoms in their ground state, up to Z = 60.

Subshells are filled by the Madelung rule, with the exceptions of the ground levels in
the NIST Atomic Spectra Database (Kramida et al., version 5). An open subshell is spread
over its two values of j in proportion to 2j + 1: the average of the configuration.
"""

from __future__ import annotations

from dataclasses import dataclass

from nuem.inputs.errors import ModelError
from nuem.models.targets import element

__all__ = ["Subshell", "configuration", "xray_name"]

#: Largest atomic number for which a configuration is kept.
_LAST = 60
_SHELLS = "KLMNOPQ"

#: Subshells (n, l) of ground states that break the Madelung rule: Z -> electrons.
_EXCEPTIONS: dict[int, dict[tuple[int, int], int]] = {
    24: {(3, 2): 5, (4, 0): 1},
    29: {(3, 2): 10, (4, 0): 1},
    41: {(4, 2): 4, (5, 0): 1},
    42: {(4, 2): 5, (5, 0): 1},
    44: {(4, 2): 7, (5, 0): 1},
    45: {(4, 2): 8, (5, 0): 1},
    46: {(4, 2): 10, (5, 0): 0},
    47: {(4, 2): 10, (5, 0): 1},
    57: {(4, 3): 0, (5, 2): 1},
    58: {(4, 3): 1, (5, 2): 1},
}


@dataclass(frozen=True, slots=True)
class Subshell:
    """A relativistic subshell: n, kappa and the electrons in it (a mean number).

    Examples
    --------
    >>> shell = Subshell(3, -3, 6.0)
    >>> shell.angular, shell.twice_j, shell.name
    (2, 5, 'M5')
    """

    n: int
    kappa: int
    electrons: float

    @property
    def angular(self) -> int:
        """Orbital angular momentum of the large component."""
        return self.kappa if self.kappa > 0 else -self.kappa - 1

    @property
    def twice_j(self) -> int:
        """Twice the total angular momentum."""
        return 2 * abs(self.kappa) - 1

    @property
    def nodes(self) -> int:
        """Nodes of the large component."""
        return self.n - self.angular - 1

    @property
    def name(self) -> str:
        """X-ray name: K, L1, ..."""
        return xray_name(self.n, self.kappa)


def xray_name(n: int, kappa: int) -> str:
    """X-ray name of a subshell.

    Examples
    --------
    >>> xray_name(1, -1), xray_name(2, 1), xray_name(3, -3)
    ('K', 'L2', 'M5')
    """
    if n == 1:
        return "K"
    if n > len(_SHELLS):
        return f"n = {n}, kappa = {kappa}"
    index = 2 * kappa if kappa > 0 else -2 * kappa - 1
    return f"{_SHELLS[n - 1]}{index}"


def configuration(symbol: str) -> tuple[Subshell, ...]:
    """Subshells of the ground state of an atom.

    Parameters
    ----------
    symbol : str
        Chemical symbol of an element with 2 <= Z <= 60.

    Returns
    -------
    tuple of Subshell
        By n, l and j; the electrons add up to Z.

    Raises
    ------
    InputError
        If there is no such element.
    ModelError
        If its configuration is not kept here.

    Examples
    --------
    >>> [(s.name, round(s.electrons, 2)) for s in configuration("Ge")[-3:]]
    [('N1', 2.0), ('N2', 0.67), ('N3', 1.33)]
    >>> sum(s.electrons for s in configuration("Cs"))
    55.0
    """
    number = element(symbol).number
    if not 2 <= number <= _LAST:
        raise ModelError(
            "no electron configuration is kept for this element",
            field="symbol",
            found=f"{symbol} (Z = {number})",
            expected=f"an element with 2 <= Z <= {_LAST}",
        )
    levels = sorted(
        ((n, angular) for n in range(1, 8) for angular in range(min(n, 4))),
        key=lambda level: (level[0] + level[1], level[0]),
    )
    filled: dict[tuple[int, int], int] = {}
    left = number
    for n, angular in levels:
        filled[n, angular] = min(left, 2 * (2 * angular + 1))
        left -= filled[n, angular]
    filled.update(_EXCEPTIONS.get(number, {}))
    shells = []
    for (n, angular), electrons in sorted(filled.items()):
        if electrons == 0:
            continue
        for kappa in ([angular] if angular else []) + [-angular - 1]:
            share = abs(kappa) / (2 * angular + 1)
            shells.append(Subshell(n, kappa, electrons * share))
    return tuple(shells)
