"""Formulas as three papers print them, beside the correct ones.

``physical`` is the default. The others exist so that published numbers can be
traced, and every result records which one was used. A paper's convention changes
the terms that the paper prints, and leaves everything else as it is.

``chen-2014``
    Chen et al., PRD 90 011301 (2014). Free electrons: eq. 5, the limit
    ``2 pi alpha^2 q^2/(m_e T^2)`` of recoils far below the energy. Rates: eq. 7 has
    the number of *electrons* in a kilogram, which is right for free electrons; with
    the equivalent photons of eq. 6, which are per atom, it is Z times too large.
``parada-2020``
    Parada, Adv. High Energy Phys. 2020 5908904. Electrons: electromagnetic term
    ``2 pi alpha q^2/(m_e T^2)``, interference ``+2 sqrt2 alpha G_F q/T``. Nuclei:
    ``2 pi Z^2 q^2/(M T^2) K`` and ``2 sqrt2 G_F Q_W Z q/T K``, both without form
    factor. Compared with the correct formulas, powers of alpha are missing: the
    charge in nuclear formulas is alpha times that in units of e.
``basi-2025``
    Basi and Demirci (2025). Nuclei: the charge enters the amplitude as
    ``-sqrt2 Z e q/(4 G_F Q_W M T)`` with a single ``e = sqrt(4 pi alpha)`` where
    ``4 pi alpha`` is due, and with the other sign. The electromagnetic term alone
    has the kinematics ``1 - T/E - M T/(2 E^2)``.
"""

from __future__ import annotations

from math import pi, sqrt
from typing import Final

from nuem.inputs.vocabulary import Convention, Process
from nuem.models.constants import ALPHA

__all__ = ["SINGLE_E", "convention_notes"]

#: Factor on the charge when one e = sqrt(4 pi alpha) stands for 4 pi alpha.
SINGLE_E: Final = 1.0 / sqrt(4.0 * pi * ALPHA)

_CHARGES = ("millicharge", "millicharge-transition")
_NOTES = {
    (Convention.CHEN_2014, False): (
        "convention chen-2014: electromagnetic term of free electrons for T << E; "
        "equivalent photons counted per electron in rates"
    ),
    (Convention.PARADA_2020, False): (
        "convention parada-2020: alpha for alpha^2 in the electromagnetic term, "
        "interference with the other sign, without g_V and kinematics"
    ),
    (Convention.PARADA_2020, True): (
        "convention parada-2020: no alpha with the charge, form factor in the "
        "Standard Model term alone"
    ),
    (Convention.BASI_2025, True): (
        "convention basi-2025: a single e in the amplitude (charge times 3.302) "
        "with the other sign"
    ),
}


def convention_notes(convention: Convention, process: Process) -> tuple[str, ...]:
    """What a convention changes in a process; nothing if it changes nothing.

    Examples
    --------
    >>> convention_notes(Convention("basi-2025"), Process("electron-millicharge"))
    ()
    """
    note = _NOTES.get((convention, process.on_nuclei))
    return (note,) if note and process.kind in _CHARGES else ()
