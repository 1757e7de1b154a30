"""Types of modifiers that a workspace may hold: those of pyhf, and further ones of its users."""

from __future__ import annotations

from typing import Any

from nuem.inputs.errors import InputError

__all__ = ["KNOWN", "foreign_modifiers"]

#: The types of pyhf's schema, in the order in which pyhf walks through them.
KNOWN = (
    "histosys", "lumi", "normfactor", "normsys", "shapefactor", "shapesys", "staterror",
)  # fmt: skip


def foreign_modifiers(spec: Any, name: str = "workspace") -> frozenset[str]:
    """Types of modifiers beyond those of the schema that are registered with pyhf.

    A program registers one in ``pyhf.modifiers.histfactory_set``. The compiled likelihood
    hands a model with such modifiers over to pyhf; its schema, which is closed, has to be
    asked about the rest.

    Parameters
    ----------
    spec : any
        What may be a pyhf workspace document.
    name : str
        Where it came from, for messages.

    Returns
    -------
    frozenset of str
        Empty as well for what is no document with modifiers.

    Raises
    ------
    InputError
        If a modifier is of a type that pyhf does not know either.

    Examples
    --------
    >>> foreign_modifiers({"channels": []})
    frozenset()
    """
    from pyhf.modifiers import histfactory_set

    found = set()
    try:
        for channel in spec["channels"]:
            for sample in channel["samples"]:
                for modifier in sample["modifiers"]:
                    if modifier["type"] in KNOWN:
                        continue
                    if modifier["type"] not in histfactory_set:
                        where = (channel["name"], sample["name"], modifier["name"])
                        raise InputError(
                            "modifier that neither nuem nor pyhf knows", file=name,
                            field=".".join(map(str, where)), found=modifier["type"],
                            expected=", ".join(histfactory_set),
                        )  # fmt: skip
                    found.add(str(modifier["type"]))
    except (KeyError, TypeError):  # for the schema to complain of
        return frozenset()
    return frozenset(found)
