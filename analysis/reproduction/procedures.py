"""Every procedure by the name that files of published numbers use."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from nuem.analysis.reproduction import counting
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
    "counting": Entry(counting.counting, counting.FORMULA),
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
