"""Every procedure by the name that files of published numbers use."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from nuem.analysis.reproduction import (
    belts,
    counting,
    joint,
    on_off,
    pulls,
    rates,
    scaling,
)
from nuem.analysis.reproduction.task import Outcome, Task
from nuem.inputs.errors import InputError

__all__ = ["PROCEDURES", "Entry", "procedure"]


@dataclass(frozen=True)
class Entry:
    """A procedure and its formula in words."""

    run: Callable[[Task], Outcome]
    formula: str


#: Name -> procedure.
PROCEDURES: dict[str, Entry] = {
    "belts": Entry(belts.belts, belts.FORMULA),
    "combination": Entry(scaling.combination, scaling.COMBINATION_FORMULA),
    "counting": Entry(counting.counting, counting.FORMULA),
    "from-moment": Entry(scaling.from_moment, scaling.MOMENT_FORMULA),
    "joint-workspace": Entry(joint.joint, joint.FORMULA),
    "massive-neutrino": Entry(
        scaling.moment_of_a_massive_neutrino, scaling.NEUTRINO_FORMULA
    ),
    "on-off": Entry(on_off.on_off, on_off.FORMULA),
    "projection": Entry(scaling.projection, scaling.PROJECTION_FORMULA),
    "pulls": Entry(pulls.pulls, pulls.FORMULA),
    "ratio": Entry(on_off.ratio, on_off.RATIO_FORMULA),
    "sm-rate": Entry(rates.sm_rate, rates.SM_FORMULA),
    "spectrum-range": Entry(rates.spectrum_range, rates.SPECTRUM_FORMULA),
}


def procedure(name: str) -> Entry:
    """The procedure of that name.

    Raises
    ------
    InputError
        If there is none.

    Examples
    --------
    >>> procedure("counting").formula.splitlines()[0][:8]
    'chi^2(q)'
    """
    if name not in PROCEDURES:
        raise InputError(
            "no such procedure", found=repr(name), expected=", ".join(PROCEDURES)
        )
    return PROCEDURES[name]
