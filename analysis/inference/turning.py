"""Which parameters can give -2 ln L several minima, and where else fits have to begin.

As long as the expected counts are linear in a constrained parameter, -2 ln L is convex in
it and has one minimum. It can have several where the counts of a bin turn round (both
sides of a variation go the same way, or one of them nowhere), where they have a kink, or
where the parameter moves samples of a bin against each other and is not linear. Such a
parameter is said to turn. So is one of which counts are a polynomial.

Fits of a model with such parameters begin at several points: see `lowest` in `newton`.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from itertools import combinations, permutations

import numpy as np
from numpy.typing import NDArray

from nuem.analysis.inference.arrays import Arrays, index_array
from nuem.analysis.inference.parameters import FREE, NORMAL

__all__ = ["turning_starts"]

_Array = NDArray[np.float64]
_Index = NDArray[np.int64]
#: Slopes of the two sides that differ by more than this factor make a kink.
_KINK = 2.0
#: Kinks of all bins together, in standard deviations of their counts, that cannot outweigh
#: the constraint, as no fit is off by the inverse of this.
_NOTHING = 0.02
#: The signal is looked at where it has this many standard deviations.
_STRONG = 10.0
_SIDES = np.linspace(-2.0, 2.0, 17)
_DOWN, _CENTRE, _UP = 4, 8, 12
#: Points at which fits begin for a parameter that enters as a polynomial.
_POINTS = 9
#: Parameters of which each pair is moved together: those with the largest kinks.
_PAIRED = 6


@dataclass
class _Effect:
    """What a parameter does to bins, one row for each of `_SIDES`."""

    bins: _Index
    counts: _Array


@dataclass
class _Move:
    """Blocks that a parameter moves: by a common factor, by its key; each by itself."""

    common: dict[bytes, list[tuple[_Index, _Array]]] = field(
        default_factory=lambda: defaultdict(list)
    )
    own: list[_Effect] = field(default_factory=list)


def turning_starts(arrays: Arrays, init: _Array, poi: int) -> tuple[_Index, _Array]:
    """Where fits begin anew, from a minimum: one or two outer parameters elsewhere.

    Parameters
    ----------
    arrays : Arrays
    init : ndarray, shape (p,)
        Where parameters start.
    poi : int
        Parameter of interest, -1 without one.

    Returns
    -------
    slots : ndarray of int, shape (r, 2)
        Numbers among the outer parameters; -1 for no second one.
    values : ndarray, shape (r, 3)
        Values of the two, nan for the mirror image of where the first is. Where the third
        is above 0, the second grows by so much of what is taken off the first.
    """
    kinks = _turned(arrays, init, poi)
    curved = _polynomials(arrays)
    rows: list[tuple[int, int, float, float, float]] = []
    for a in sorted(kinks):
        # the ends of the interpolation regions, and the other side of the kink
        rows += [(a, -1, x, 0.0, 0.0) for x in (-1.0, 1.0, np.nan)]
    for a in curved:
        rows += [(a, -1, x, 0.0, 0.0) for x in _over(arrays, a)]
    if kinks:
        rows += _exchanges(arrays, init, set(curved))
    strongest = sorted(sorted(kinks, key=lambda a: -kinks[a])[:_PAIRED])
    rows += [
        (a, b, x, y, 0.0)
        for a, b in combinations(strongest, 2)
        for x in (-1.0, 1.0)
        for y in (-1.0, 1.0)
    ]
    table = np.array(rows, dtype=np.float64).reshape(-1, 5)
    return index_array(table[:, :2]), table[:, 2:].copy()


def _turned(arrays: Arrays, init: _Array, poi: int) -> dict[int, float]:
    """Constrained outer parameters that turn, and the sizes of their kinks."""
    outer = arrays.outer
    bins = _bins(arrays)
    able = (arrays.low[outer] < arrays.high[outer]) & (arrays.kind[outer] == NORMAL)
    found: dict[int, float] = {}
    for sign in (1.0, -1.0):
        scales = _scales(arrays, init, poi, sign, bins)
        if scales is None:
            continue
        content = np.repeat(scales, np.diff(arrays.term_start)) * arrays.base
        total = np.bincount(bins, content, minlength=arrays.combo_start.size - 1)
        error = np.sqrt(np.maximum(np.abs(total), 1.0))
        for a, move in _moves(arrays, scales, bins, able).items():
            kinks = _kinks(move, total.size) / error
            size = float(np.sqrt(kinks @ kinks))
            if size > _NOTHING:
                found[a] = max(size, found.get(a, 0.0))
    return found


def _polynomials(arrays: Arrays) -> list[int]:
    """Free outer parameters of which counts are a polynomial."""
    powers = arrays.factor_outer[(arrays.factor_type == 0) & (arrays.factor_power > 1)]
    outer = arrays.outer
    able = (arrays.low[outer] < arrays.high[outer]) & (arrays.kind[outer] == FREE)
    return [int(a) for a in np.unique(powers) if able[a]]


def _over(arrays: Arrays, a: int) -> list[float]:
    """Points over the bounds of a parameter, denser towards 0."""
    low, high = arrays.low[arrays.outer[a]], arrays.high[arrays.outer[a]]
    steps = np.sinh(np.linspace(-4.0, 4.0, _POINTS)) / np.sinh(4.0)
    places = np.unique(np.clip(steps * max(abs(low), abs(high)), low, high))
    return [float(x) for x in places]


def _exchanges(
    arrays: Arrays, init: _Array, without: set[int]
) -> list[tuple[int, int, float, float, float]]:
    """Free factors at their ends, each alone and with another that takes over its counts."""
    outer = arrays.outer
    plain = arrays.factor_type == 0
    blocks = np.repeat(
        np.arange(arrays.term_start.size - 1), np.diff(arrays.factor_start)
    )
    sizes = np.add.reduceat(np.append(arrays.base, 0.0), arrays.term_start[:-1])
    free: dict[int, float] = {}
    for a in np.flatnonzero(arrays.kind[outer] == FREE):
        j = outer[a]
        if arrays.low[j] < arrays.high[j] and a not in without:
            own = plain & (arrays.factor_outer == a)
            free[int(a)] = float(np.abs(sizes[blocks[own]]).sum())
    rows = [
        (a, -1, x, 0.0, 0.0)
        for a in free
        for x in (max(arrays.low[outer[a]], 0.0), float(init[outer[a]]))
    ]
    if len(free) <= _PAIRED:
        rows += [
            (a, b, max(arrays.low[outer[a]], 0.0), 0.0, free[a] / free[b])
            for a, b in permutations(free, 2)
            if free[a] > 0.0 and free[b] > 0.0
        ]
    return rows


def _bins(arrays: Arrays) -> _Index:
    """Bin of every term."""
    combos = np.diff(arrays.combo_start)
    return np.repeat(np.arange(combos.size), combos)[arrays.combo_of]


def _scales(
    arrays: Arrays, init: _Array, poi: int, sign: float, bins: _Index
) -> _Array | None:
    """Factor on each block without its interpolations, the signal strong.

    None where the parameter of interest cannot have this sign.
    """
    at = init.copy()
    if poi < 0:
        return _products(arrays, at) if sign > 0 else None
    end = arrays.high[poi] if sign > 0 else arrays.low[poi]
    if not end * sign > 0.0:
        return None
    counts = []
    for value in (0.0, sign):
        at[poi] = value
        terms = np.repeat(_products(arrays, at), np.diff(arrays.term_start))
        counts.append(np.bincount(bins, terms * arrays.base))
    signal = counts[1] - counts[0]
    strength = np.sqrt(np.sum(signal**2 / np.maximum(np.abs(counts[0]), 1.0)))
    reach = _STRONG / strength if strength > 0.0 else 1.0
    at[poi] = sign * min(max(reach, 0.0), abs(end))
    return _products(arrays, at)


def _products(arrays: Arrays, at: _Array) -> _Array:
    """Product of the powers on each block."""
    result = np.ones(arrays.term_start.size - 1)
    plain = arrays.factor_type == 0
    values = np.where(
        plain, at[arrays.outer[arrays.factor_outer]] ** arrays.factor_power, 1.0
    )
    block = np.repeat(np.arange(result.size), np.diff(arrays.factor_start))
    np.multiply.at(result, block, values)
    return result


def _moves(
    arrays: Arrays, scales: _Array, bins: _Index, able: NDArray[np.bool_]
) -> dict[int, _Move]:
    """By outer parameter that is `able`: what it does to the blocks that it moves."""
    found: dict[int, _Move] = defaultdict(_Move)
    up_share, down_share = _shares(_SIDES)
    for b, scale in enumerate(scales):
        first, last = arrays.term_start[b], arrays.term_start[b + 1]
        own, base = bins[first:last], scale * arrays.base[first:last]
        factors = {
            int(arrays.factor_outer[f]): f
            for f in range(arrays.factor_start[b], arrays.factor_start[b + 1])
            if arrays.factor_type[f] == 1 and able[arrays.factor_outer[f]]
        }
        shapes = {
            int(arrays.shape_outer[s]): arrays.shape_offset[s]
            for s in range(arrays.shape_start[b], arrays.shape_start[b + 1])
            if able[arrays.shape_outer[s]]
        }
        for a in factors.keys() - shapes.keys():
            row = arrays.factor_data[factors[a]]
            found[a].common[row.tobytes()].append((own, base))
        for a, offset in shapes.items():
            here = slice(offset, offset + last - first)
            counts = base + scale * (
                np.outer(up_share, arrays.shape_up[here])
                + np.outer(down_share, arrays.shape_down[here])
            )
            if a in factors:
                counts *= _factor(arrays.factor_data[factors[a]])[:, None]
            found[a].own.append(_Effect(own, counts))
    return found


def _shares(x: _Array) -> tuple[_Array, _Array]:
    """How much of each side there is at x, by interpolation code 4p."""
    y = x * x
    odd = np.where(y > 1.0, np.abs(x), 0.125 * y * (15.0 + y * (3.0 * y - 10.0)))
    return 0.5 * (x + odd), 0.5 * (x - odd)


def _factor(row: _Array) -> _Array:
    """A factor at `_SIDES`, by interpolation code 4."""
    inside = 1.0 + sum(row[2 + k] * _SIDES ** (k + 1) for k in range(6))
    outside = np.exp(np.where(_SIDES > 0.0, row[0], -row[1]) * _SIDES)
    return np.asarray(np.where(np.abs(_SIDES) < 1.0, inside, outside))


def _kinks(move: _Move, size: int) -> _Array:
    """Change of slope of the counts of bins where that may make a second minimum."""
    effects = list(move.own)
    for key, blocks in move.common.items():
        total = np.zeros(size)
        for bins, base in blocks:
            np.add.at(total, bins, base)
        where = index_array(np.flatnonzero(total))
        row = np.frombuffer(key)
        effects.append(_Effect(where, _factor(row)[:, None] * total[where]))
    result, bends = np.zeros(size), np.zeros(size)
    rising, falling = np.zeros(size, dtype=bool), np.zeros(size, dtype=bool)
    step = _SIDES[1] - _SIDES[0]
    for effect in effects:
        slopes = np.diff(effect.counts, axis=0) / step
        least, most = slopes.min(axis=0), slopes.max(axis=0)
        bend = 0.5 * (most - least)
        sides = np.abs(np.diff(effect.counts[[_DOWN, _CENTRE, _UP]], axis=0))
        kinked = (least * most <= 0.0) | (sides.max(axis=0) > _KINK * sides.min(axis=0))
        noise = 1e-9 * np.abs(effect.counts).max(axis=0)
        np.add.at(result, effect.bins, np.where(kinked & (bend > noise), bend, 0.0))
        np.add.at(bends, effect.bins, np.where(bend > noise, bend, 0.0))
        rising[effect.bins] |= most > noise
        falling[effect.bins] |= least < -noise
    return np.where(rising & falling, np.maximum(result, bends), result)
