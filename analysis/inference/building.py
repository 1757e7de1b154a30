"""From the samples and modifiers of a workspace to the arrays of a model."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nuem.analysis.inference.arrays import Arrays, index_array
from nuem.analysis.inference.clusters import lay_out, too_tangled
from nuem.analysis.inference.parameters import Layout
from nuem.inputs.errors import InputError

__all__ = ["Builder"]

_Array = NDArray[np.float64]
_Index = NDArray[np.int64]


class Builder:
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
        demoted = too_tangled(self._bin_sets())
        poi = self.layout.sets.get(self.layout.poi or "")
        if poi is not None and not poi.scalar:
            demoted.add(poi.start)
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
        moved: list[set[int]] = [set() for _ in outer]
        ends = np.cumsum([0, *sizes])
        for block, first, last in zip(blocks, ends[:-1], ends[1:], strict=True):
            _, _, factors, shapes, _ = block
            own = combo_of[first:last]
            for p in (*(f[1] for f in factors), *(s[0] for s in shapes)):
                moved[slot[p]].update(own)
        return Arrays(
            low=low, high=high, kind=kinds.astype(np.int64), width=flat("width"),
            outer=index_array(outer),
            term_start=index_array(np.cumsum([0, *sizes])),
            base=_join([base for base, *_ in blocks]),
            combo_of=index_array(combo_of),
            factor_start=index_array(np.cumsum([0, *(len(b[2]) for b in blocks)])),
            factor_type=index_array([f[0] for f in factor_rows]),
            factor_outer=index_array([slot[f[1]] for f in factor_rows]),
            factor_power=index_array([f[2] for f in factor_rows]),
            factor_data=np.array([f[3] for f in factor_rows]).reshape(-1, 8),
            shape_start=index_array(np.cumsum([0, *(len(b[3]) for b in blocks)])),
            shape_outer=index_array([slot[s[0]] for s in shape_rows]),
            shape_offset=index_array(np.cumsum([0, *(s[1].size for s in shape_rows)])),
            shape_up=_join([s[1] for s in shape_rows]),
            shape_down=_join([s[2] for s in shape_rows]),
            combo_start=index_array(combo_start), inner_start=index_array(inner_start),
            inner=index_array(inner_flat),
            turn_slot=index_array(np.zeros((0, 2))), turn_value=np.zeros((0, 3)),
            **lay_out(
                [set().union(*by_set) for by_set in combos], combos, kinds,
                [sorted(own) for own in moved],
            ),
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


def _join(parts: list[_Array]) -> _Array:
    return np.concatenate(parts) if parts else np.zeros(0)
