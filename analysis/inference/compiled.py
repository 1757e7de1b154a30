"""From a workspace document to the arrays of a model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nuem.analysis.inference.arrays import Arrays
from nuem.analysis.inference.building import Builder
from nuem.analysis.inference.parameters import (
    FREE,
    Layout,
    ParameterSet,
    layout_of,
    modifiers_in_order,
    pick_measurement,
)
from nuem.inputs.errors import InputError
from nuem.inputs.modifiers import KNOWN

__all__ = ["Compiled", "UnknownModifierError", "compile_workspace"]

_Array = NDArray[np.float64]


class UnknownModifierError(InputError):
    """A modifier that the compiled likelihood does not know; pyhf may."""


@dataclass(frozen=True)
class Compiled:
    """A measurement in arrays.

    Attributes
    ----------
    arrays : Arrays
    layout : Layout
    names : list of str
        Parameters, in the order of pyhf unless some are linked.
    init : ndarray, shape (p,)
    fixed : ndarray of bool, shape (p,)
    aux : ndarray, shape (p,)
        Auxiliary data by parameter; 0 where there are none.
    observed : ndarray, shape (b,)
    poi : int
        Index of the parameter of interest, -1 without one.
    terms : list of tuple
        (channel, sample) of each block.
    links : dict
        Normfactor -> (parameter, power).
    """

    arrays: Arrays
    layout: Layout
    names: list[str]
    init: _Array
    fixed: NDArray[np.bool_]
    aux: _Array
    observed: _Array
    poi: int
    terms: list[tuple[str, str]]
    links: dict[str, tuple[str, int]]


def compile_workspace(
    spec: Mapping[str, Any],
    *,
    measurement: str | None = None,
    links: Mapping[str, Mapping[str, Any]] | None = None,
    name: str = "workspace",
) -> Compiled:
    """Compile a measurement of a workspace.

    Parameters
    ----------
    spec : mapping
        A pyhf workspace document.
    measurement : str, optional
        Name of the measurement; needed where there are several.
    links : mapping, optional
        Normfactor -> ``{"parameter": name, "power": k}``: the factor is the k-th power
        of another parameter. This is how a coupling enters as g and g^2.
    name : str
        Where it came from, for messages.

    Returns
    -------
    Compiled

    Raises
    ------
    InputError
        If the document contradicts itself.
    UnknownModifierError
        If a type of modifier is not one of pyhf's own.
    """
    for _, _, _, modifier in modifiers_in_order(spec):
        if modifier["type"] not in KNOWN:
            raise UnknownModifierError(
                "modifier that is not compiled", file=name, field=modifier["name"],
                found=modifier["type"], expected=", ".join(KNOWN),
            )  # fmt: skip
    config = pick_measurement(spec, measurement, name)["config"]
    layout = layout_of(spec, config, name)
    powers = _link(layout, links or {}, name)
    poi = layout.poi
    if poi is not None and poi in powers:
        poi = powers[poi][0]
    names = [n for s in layout.sets.values() for n in s.names]
    builder = Builder(spec, layout, powers, name)
    arrays = builder.build()

    def flat(key: str) -> Any:
        return np.concatenate([getattr(s, key) for s in layout.sets.values()])

    observed = np.zeros(sum(s.stop - s.start for s in layout.channels.values()))
    for entry in spec["observations"]:
        counts = np.asarray(entry["data"], dtype=float)
        where = layout.channels.get(entry["name"])
        if where is None or counts.size != where.stop - where.start:
            raise InputError(
                "observations do not fit the channel", file=name,
                field=f"observations.{entry['name']}", found=counts.size,
            )  # fmt: skip
        if not np.isfinite(counts).all() or (counts < 0).any():
            raise InputError(
                "count that is negative or not finite", file=name,
                field=f"observations.{entry['name']}",
            )  # fmt: skip
        observed[where] = counts
    aux = np.where(arrays.kind == FREE, 0.0, flat("aux"))
    return Compiled(
        arrays=arrays, layout=layout, names=names, init=flat("init"),
        fixed=flat("fixed"), aux=aux, observed=observed,
        poi=-1 if poi is None else layout.sets[poi].start, terms=builder.terms,
        links=dict(powers),
    )  # fmt: skip


def _link(
    layout: Layout, links: Mapping[str, Mapping[str, Any]], file: str
) -> dict[str, tuple[str, int]]:
    """Replace linked normfactors by their parameter; bounds follow from the linear one."""
    powers: dict[str, tuple[str, int]] = {}
    for factor, link in links.items():
        parameter, power = str(link["parameter"]), int(link["power"])
        if factor not in layout.sets:
            continue
        if power < 1 or layout.sets[factor].kind != FREE:
            raise InputError("wrong link", file=file, field=factor, found=dict(link))
        powers[factor] = (parameter, power)
    for parameter in {p for p, _ in powers.values()}:
        own = {f: k for f, (p, k) in powers.items() if p == parameter}
        if parameter not in layout.sets:
            lead = min(own, key=own.__getitem__)
            size = layout.sets[lead]
            low, reach = float(size.low[0]), float(size.high[0])
            if own[lead] > 1:
                reach = max(reach, 1e-300) ** (1 / own[lead])
                low = -reach
            layout.sets[parameter] = ParameterSet(
                name=parameter, scalar=True, kind=FREE, init=size.init.copy(),
                low=np.array([low]), high=np.array([reach]), fixed=size.fixed.copy(),
                aux=np.zeros(1), width=np.ones(1),
            )  # fmt: skip
    for factor in powers:
        if factor not in {p for p, _ in powers.values()}:
            del layout.sets[factor]
    start = 0
    for entry in layout.sets.values():
        entry.start = start
        start += entry.init.size
    return powers
