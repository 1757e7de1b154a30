"""From a workspace document to flat arrays that compiled kernels can walk.

The expectation of bin i is a sum over samples of (nominal + shape changes) times
factors. Parameters that act on whole samples are *outer* (normfactor, lumi, normsys,
histosys); those with a component for each bin are *inner* (staterror, shapesys,
shapefactor). Inner ones that share bins form a cluster; given the outer ones, the
clusters are independent of each other, and the kernels solve each by itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from nuem.analysis.inference.parameters import (
    FREE,
    KNOWN,
    Layout,
    ParameterSet,
    layout_of,
    modifiers_in_order,
    pick_measurement,
)
from nuem.inputs.errors import InputError

__all__ = ["Arrays", "Compiled", "UnknownModifierError", "compile_workspace"]

_Array = NDArray[np.float64]
_Index = NDArray[np.int64]

#: Largest number of inner parameters that are solved together unless they form a star.
_LARGEST_CLUSTER = 10


class UnknownModifierError(InputError):
    """A modifier that the compiled likelihood does not know; pyhf may."""


class Arrays(NamedTuple):
    """Everything a kernel needs, as arrays (``p`` parameters, ``g`` outer ones).

    A *term* is a sample in a bin; a *block* the terms of a sample in a channel; a
    *combo* the terms of a bin that the same inner parameters multiply.
    """

    # parameters, shape (p,)
    low: _Array
    high: _Array
    kind: _Index
    width: _Array
    # outer parameters, shape (g,): index among all
    outer: _Index
    # blocks
    term_start: _Index
    base: _Array
    combo_of: _Index
    factor_start: _Index
    factor_type: _Index  # 0: power of the parameter, 1: normsys
    factor_outer: _Index
    factor_power: _Index
    factor_data: _Array  # (n, 8): ln hi, ln lo, six coefficients
    shape_start: _Index
    shape_outer: _Index
    shape_offset: _Index
    shape_up: _Array
    shape_down: _Array
    # bins and combos
    combo_start: _Index  # by bin
    inner_start: _Index  # by combo
    inner: _Index  # parameter index
    flag: _Index  # by combo in a star: 1 centre, 2 leaf
    # clusters
    star_centre: _Index  # parameter or -1
    star_start: _Index
    star_bin: _Index
    star_leaf: _Index  # parameter or -1
    group_start: _Index  # other clusters: their parameters
    group_inner: _Index
    group_bin_start: _Index
    group_bin: _Index
    lone: _Index  # bins without inner parameters


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
    builder = _Builder(spec, layout, powers, name)
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
            reach = max(float(size.high[0]), 1e-300) ** (1 / own[lead])
            low = float(size.low[0]) if own[lead] == 1 else -reach
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


class _Builder:
    """Walks samples and modifiers once and fills the arrays."""

    def __init__(
        self, spec: Mapping[str, Any], layout: Layout,
        powers: Mapping[str, tuple[str, int]], name: str,
    ) -> None:  # fmt: skip
        self.spec, self.layout, self.powers, self.name = spec, layout, powers, name
        self.terms: list[tuple[str, str]] = []
        self.base: list[_Array] = []
        self.bins: list[_Array] = []
        self.factors: list[list[tuple[int, int, int, _Array]]] = []
        self.shapes: list[list[tuple[int, _Array, _Array]]] = []
        self.locals: list[list[tuple[int, ...]]] = []

    def build(self) -> Arrays:
        """All arrays of the model."""
        by_channel = {c["name"]: c for c in self.spec["channels"]}
        for channel, where in self.layout.channels.items():
            for sample in sorted(
                by_channel[channel]["samples"], key=lambda s: s["name"]
            ):
                self._sample(channel, where, sample)
        sets = list(self.layout.sets.values())
        sizes = sum(s.init.size for s in sets)
        scalar = {i for s in sets if s.scalar for i in range(s.start, s.start + 1)}
        demoted = _too_tangled(self._bin_sets())
        outer = sorted(scalar | demoted)
        slot = np.full(sizes, -1, dtype=np.int64)
        slot[outer] = np.arange(len(outer))
        return self._arrays(outer, slot, demoted)

    def _sample(self, channel: str, where: slice, sample: Mapping[str, Any]) -> None:
        nominal = np.asarray(sample["data"], dtype=float)
        label = f"{channel}.{sample['name']}"
        if not np.isfinite(nominal).all():
            raise InputError(
                "expected counts are not finite", file=self.name, field=label
            )
        bins = np.arange(where.start, where.stop)
        factors: list[tuple[int, int, int, _Array]] = []
        shapes: list[tuple[int, _Array, _Array]] = []
        inner: list[_Index] = []
        own = {(m["name"], m["type"]): m for m in sample["modifiers"]}
        for (name, kind), modifier in sorted(own.items()):
            parameter, power = self.powers.get(name, (name, 1))
            found = self.layout.sets[parameter]
            if kind in {"normfactor", "lumi"}:
                factors.append((0, found.start, power, np.zeros(8)))
            elif kind == "normsys":
                data = _exponential(modifier["data"], self.name, f"{label}.{name}")
                factors.append((1, found.start, 1, data))
            elif kind == "histosys":
                up, down = (
                    np.asarray(modifier["data"][side], dtype=float)
                    for side in ("hi_data", "lo_data")
                )
                for side in (up, down):
                    if side.shape != nominal.shape or not np.isfinite(side).all():
                        raise InputError(
                            "shape that does not fit the sample", file=self.name,
                            field=f"{label}.{name}",
                        )  # fmt: skip
                shapes.append((found.start, up - nominal, nominal - down))
            elif kind == "staterror":
                mask = self.layout.masks[name]
                inner.append(found.start + np.cumsum(mask)[bins] - 1)
            else:
                inner.append(found.start + np.arange(nominal.size))
        self.terms.append((channel, sample["name"]))
        self.base.append(nominal)
        self.bins.append(bins)
        self.factors.append(factors)
        self.shapes.append(shapes)
        self.locals.append(
            [tuple(sorted(int(p[i]) for p in inner)) for i in range(bins.size)]
        )

    def _bin_sets(self) -> list[set[int]]:
        """Inner parameters of every bin."""
        total = max(s.stop for s in self.layout.channels.values())
        result: list[set[int]] = [set() for _ in range(total)]
        for bins, inner in zip(self.bins, self.locals, strict=True):
            for i, own in zip(bins, inner, strict=True):
                result[i].update(own)
        return result

    def _arrays(self, outer: list[int], slot: _Index, demoted: set[int]) -> Arrays:
        sets = list(self.layout.sets.values())

        def flat(key: str) -> Any:
            return np.concatenate([getattr(s, key) for s in sets])

        # a fixed component stays where it is
        init, fixed = flat("init"), flat("fixed")
        low, high = (
            np.where(fixed, init, flat("low")),
            np.where(fixed, init, flat("high")),
        )
        kinds = np.concatenate([np.full(s.init.size, s.kind) for s in sets])
        # demoted inner parameters multiply single bins: split their blocks
        blocks = list(self._blocks(demoted))
        combos: list[dict[tuple[int, ...], int]] = [{} for _ in self._bin_sets()]
        for _, bins, _, _, inner in blocks:
            for i, own in zip(bins, inner, strict=True):
                combos[i].setdefault(own, 0)
        inner_flat: list[int] = []
        combo_start, inner_start = [0], [0]
        for by_set in combos:
            for own in by_set:
                by_set[own] = len(inner_start) - 1
                inner_flat.extend(own)
                inner_start.append(len(inner_flat))
            combo_start.append(len(inner_start) - 1)
        combo_of = [
            combos[i][own]
            for _, bins, _, _, inner in blocks
            for i, own in zip(bins, inner, strict=True)
        ]
        factor_rows = [f for _, _, factors, _, _ in blocks for f in factors]
        shape_rows = [s for _, _, _, shapes, _ in blocks for s in shapes]
        sizes = [bins.size for _, bins, _, _, _ in blocks]
        clusters = _clusters(
            [set().union(*by_set) for by_set in combos], combos, len(inner_start) - 1
        )
        return Arrays(
            low=low, high=high, kind=kinds.astype(np.int64), width=flat("width"),
            outer=_index(outer),
            term_start=_index(np.cumsum([0, *sizes])),
            base=_join([base for base, *_ in blocks]),
            combo_of=_index(combo_of),
            factor_start=_index(np.cumsum([0, *(len(b[2]) for b in blocks)])),
            factor_type=_index([f[0] for f in factor_rows]),
            factor_outer=_index([slot[f[1]] for f in factor_rows]),
            factor_power=_index([f[2] for f in factor_rows]),
            factor_data=np.array([f[3] for f in factor_rows]).reshape(-1, 8),
            shape_start=_index(np.cumsum([0, *(len(b[3]) for b in blocks)])),
            shape_outer=_index([slot[s[0]] for s in shape_rows]),
            shape_offset=_index(np.cumsum([0, *(s[1].size for s in shape_rows)])),
            shape_up=_join([s[1] for s in shape_rows]),
            shape_down=_join([s[2] for s in shape_rows]),
            combo_start=_index(combo_start), inner_start=_index(inner_start),
            inner=_index(inner_flat), **clusters,
        )  # fmt: skip

    def _blocks(self, demoted: set[int]) -> Any:
        for base, bins, factors, shapes, inner in zip(
            self.base, self.bins, self.factors, self.shapes, self.locals, strict=True
        ):
            if not any(demoted.intersection(own) for own in inner):
                yield base, bins, factors, shapes, inner
                continue
            for k in range(bins.size):
                one = slice(k, k + 1)
                more = [(0, p, 1, np.zeros(8)) for p in inner[k] if p in demoted]
                yield (
                    base[one], bins[one], [*factors, *more],
                    [(p, up[one], down[one]) for p, up, down in shapes],
                    [tuple(p for p in inner[k] if p not in demoted)],
                )  # fmt: skip


def _exponential(data: Mapping[str, Any], file: str, where: str) -> _Array:
    """Interpolation code 4: exponential outside 1, a polynomial of sixth order inside."""
    high, low = float(data["hi"]), float(data["lo"])
    if not (high > 0 and low > 0):
        raise InputError(
            "factor of a normsys that is not above 0", file=file, field=where,
            found=f"{low:g} to {high:g}",
        )  # fmt: skip
    # value, slope and curvature are continuous at plus and minus 1
    powers = np.arange(1, 7)
    signs = (-1.0) ** powers
    rows = [
        np.ones(6), signs, 1.0 * powers, -signs * powers,
        1.0 * powers * (powers - 1), signs * powers * (powers - 1),
    ]  # fmt: skip
    up, down = np.log(high), np.log(low)
    right = [
        high - 1, low - 1, up * high, -down * low, up**2 * high, down**2 * low,
    ]  # fmt: skip
    return np.array([up, down, *np.linalg.solve(np.array(rows), np.array(right))])


def _components(bins: list[set[int]]) -> list[tuple[set[int], list[int]]]:
    """Connected inner parameters, and the bins that they share."""
    root: dict[int, int] = {}

    def find(p: int) -> int:
        while root[p] != p:
            root[p] = root[root[p]]
            p = root[p]
        return p

    for own in bins:
        members = sorted(own)
        for p in members:
            root.setdefault(p, p)
            root[find(p)] = find(members[0])
    groups: dict[int, tuple[set[int], list[int]]] = {}
    for i, own in enumerate(bins):
        if own:
            parameters, where = groups.setdefault(find(min(own)), (set(), []))
            parameters.update(own)
            where.append(i)
    return list(groups.values())


def _star(parameters: set[int], where: list[int], bins: list[set[int]]) -> int | None:
    """The centre of a star (every bin has it and at most one other), or -1 for one leaf.

    None where the parameters do not form a star.
    """
    if len(where) == 1 and len(parameters) == 1:
        return -1
    for centre in sorted(parameters):
        leaves = [bins[i] - {centre} for i in where]
        flat = [p for own in leaves for p in own]
        if (
            all(centre in bins[i] for i in where)
            and all(len(own) <= 1 for own in leaves)
            and len(flat) == len(set(flat))
        ):
            return centre
    return None


def _too_tangled(bins: list[set[int]]) -> set[int]:
    """Inner parameters that have to be treated as outer ones: the best connected."""
    demoted: set[int] = set()
    while True:
        left = [own - demoted for own in bins]
        large = [
            parameters
            for parameters, where in _components(left)
            if len(parameters) > _LARGEST_CLUSTER
            and _star(parameters, where, left) is None
        ]
        if not large:
            return demoted
        for parameters in large:
            demoted.add(
                max(sorted(parameters), key=lambda p: sum(p in b for b in left))
            )


def _clusters(
    bins: list[set[int]], combos: list[dict[tuple[int, ...], int]], n_combos: int
) -> dict[str, _Index]:
    flag = np.zeros(n_combos, dtype=np.int64)
    centres, star_start, star_bin, star_leaf = [], [0], [], []
    group_start, group_inner, group_bin_start, group_bin = [0], [], [0], []
    for parameters, where in _components(bins):
        centre = _star(parameters, where, bins)
        if centre is None:
            group_inner.extend(sorted(parameters))
            group_start.append(len(group_inner))
            group_bin.extend(where)
            group_bin_start.append(len(group_bin))
            continue
        centres.append(centre)
        for i in where:
            leaf = next(iter(bins[i] - {centre}), -1)
            star_bin.append(i)
            star_leaf.append(leaf)
            for own, combo in combos[i].items():
                flag[combo] = (1 if centre in own else 0) + (2 if leaf in own else 0)
        star_start.append(len(star_bin))
    return {
        "flag": flag,
        "star_centre": _index(centres), "star_start": _index(star_start),
        "star_bin": _index(star_bin), "star_leaf": _index(star_leaf),
        "group_start": _index(group_start), "group_inner": _index(group_inner),
        "group_bin_start": _index(group_bin_start), "group_bin": _index(group_bin),
        "lone": _index([i for i, own in enumerate(bins) if not own]),
    }  # fmt: skip


def _index(values: Any) -> _Index:
    return np.asarray(values, dtype=np.int64)


def _join(parts: list[_Array]) -> _Array:
    return np.concatenate(parts) if parts else np.zeros(0)
