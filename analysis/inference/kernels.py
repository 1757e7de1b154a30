"""The likelihood compiled: expectation, value, gradient and Hessian.

The value is half the deviance: the negative log likelihood less that of a model that
meets every count and every auxiliary datum, so that small differences keep their
digits. The gradient and the Hessian are those of the profile in the outer parameters;
the inner ones are eliminated by Schur complements.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from nuem.analysis.inference.arrays import Arrays
from nuem.analysis.inference.compiling import inlined, kernel
from nuem.analysis.inference.groups import cholesky, group, holds, product
from nuem.analysis.inference.inner import bin_slope, constraint
from nuem.analysis.inference.stars import stars

__all__ = ["Scratch", "evaluate", "expectation", "saturated", "scratch"]

_Array = NDArray[np.float64]


class SlotRoom(NamedTuple):
    """What belongs to slots, shape (t,), and stars, shape (s + 1,)."""

    parts: _Array  # (4, t) counts: alone, with centre, with leaf, with both
    observed: _Array  # counts
    mean: _Array
    u: _Array  # slope and curvature of half the deviance in the mean
    w: _Array
    work: _Array
    beta: _Array  # centre
    leaf: _Array
    aux: _Array  # of the leaf, as its width and bounds
    width: _Array
    low: _Array
    high: _Array
    rise: _Array  # slope of the mean in the leaf
    tilt: _Array  # and in the centre
    cross: _Array  # mixed derivative of the value in leaf and centre
    inverse: _Array  # of the curvature in the leaf; 0 where the leaf is at a bound
    fraction: _Array  # their product
    row: _Array  # (g, t) derivatives of the mean by outer parameters
    by_leaf: _Array
    by_centre: _Array
    pair: _Array  # (7, q)
    centre: _Array  # best contents; the last one is for slots without
    star_slope: _Array
    star_curve: _Array
    star_row: _Array  # (g, s + 1)
    settled: NDArray[np.bool_]


class Scratch(NamedTuple):
    """Room to work in, one for each thread."""

    combo: _Array  # (c,) counts of each combo
    slopes: _Array  # (g, c) and their derivatives
    grad: _Array
    hess: _Array
    factor: _Array  # (f, 3) each factor: value, slope, curvature
    shape: _Array  # (s, 6) see `_shapes`
    content: _Array  # counts of each term before its factors
    means: _Array  # (b,)
    weight: _Array  # (c,) derivative of the value by each combo
    row: _Array  # (g,)
    matrix: _Array
    vector: _Array
    trial_grad: _Array
    trial_hess: _Array
    trial_step: _Array
    theta: _Array
    kept: _Array  # (p,)
    touched: NDArray[np.int64]
    slots: SlotRoom


def scratch(arrays: Arrays) -> Scratch:
    """Room for a model of this size.

    One piece of memory holds all of it: small arrays made one by one come from a store
    that threads share, and two threads that write to one line of the cache wait for each
    other.
    """
    g, c = arrays.outer.size, arrays.inner_start.size - 1
    t, s = arrays.slot_bin.size, arrays.star_centre.size + 1
    b, p = arrays.combo_start.size - 1, arrays.low.size
    f, shapes, terms = (
        arrays.factor_outer.size,
        arrays.shape_outer.size,
        arrays.base.size,
    )
    slots: list[tuple[int, ...]] = [
        (4, t), *([(t,)] * 16), *([(g, t)] * 3), (7, arrays.pair_star.size),
        *([(s,)] * 3), (g, s), (s,),
    ]  # fmt: skip
    own: list[tuple[int, ...]] = [
        (c,), (g, c), (g,), (g, g), (f, 3), (shapes, 6), (terms,), (b,), (c,), (g,),
        (g, g), (g,), (g,), (g, g), (g,), (p,), (p,), (g,),
    ]  # fmt: skip
    rooms = _lines([*slots, *own])
    *of_slots, settled = rooms[: len(slots)]
    *others, touched = rooms[len(slots) :]
    return Scratch._make([
        *others, touched.view(np.int64),
        SlotRoom._make([*of_slots, settled.view(np.bool_)[:s]]),
    ])  # fmt: skip


def _lines(shapes: list[tuple[int, ...]]) -> list[_Array]:
    """Arrays of zeros in one piece of memory, each from the start of a cache line."""
    line = 8  # numbers of 8 bytes
    sizes = [math.prod(shape) for shape in shapes]
    starts = np.cumsum([line, *(line * -(-size // line) for size in sizes)])
    memory = np.zeros(int(starts[-1]) + 2 * line)
    shift = -(memory.ctypes.data // 8) % line
    return [
        memory[start + shift : start + shift + size].reshape(shape)
        for start, size, shape in zip(starts[:-1], sizes, shapes, strict=True)
    ]


@inlined
def _factors(A, th, factor):
    """Value, slope and curvature of every factor on a sample."""
    outer, factor_outer, factor_power = A.outer, A.factor_outer, A.factor_power
    factor_type, d = A.factor_type, A.factor_data
    for f in range(factor_outer.size):
        x = th[outer[factor_outer[f]]]
        if factor_type[f] == 0:
            k = factor_power[f]
            p, s, h = x, 1.0, 0.0
            if k > 1:
                p = x**k
                s = k * x ** (k - 1)
                h = k * (k - 1) * x ** (k - 2)
        elif x >= 1.0:
            p = math.exp(d[f, 0] * x)
            s = d[f, 0] * p
            h = d[f, 0] * s
        elif x <= -1.0:
            p = math.exp(-d[f, 1] * x)
            s = -d[f, 1] * p
            h = -d[f, 1] * s
        else:
            p, s, h = d[f, 7], 0.0, 0.0
            for q in range(6, 1, -1):
                h = h * x + 2.0 * s
                s = s * x + p
                p = p * x + d[f, q]
            h = h * x + 2.0 * s
            s = s * x + p
            p = p * x + 1.0
        factor[f, 0], factor[f, 1], factor[f, 2] = p, s, h


@inlined
def _shapes(A, th, shape):
    """Shape changes (code 4p) are u times the one up plus d times the one down.

    Columns: u and d, their slopes, their curvatures.
    """
    outer, shape_outer = A.outer, A.shape_outer
    for s in range(shape_outer.size):
        x = th[outer[shape_outer[s]]]
        if x > 1.0:
            even, odd, slope, curve = x, x, 1.0, 0.0
        elif x < -1.0:
            even, odd, slope, curve = x, -x, -1.0, 0.0
        else:
            y = x * x
            even = x
            odd = 0.125 * y * (15.0 + y * (3.0 * y - 10.0))
            slope = 0.125 * x * (30.0 + y * (18.0 * y - 40.0))
            curve = 0.125 * (30.0 + y * (90.0 * y - 120.0))
        shape[s, 0], shape[s, 1] = 0.5 * (even + odd), 0.5 * (even - odd)
        shape[s, 2], shape[s, 3] = 0.5 * (1.0 + slope), 0.5 * (1.0 - slope)
        shape[s, 4], shape[s, 5] = 0.5 * curve, -0.5 * curve


@inlined
def _combos(A, th, S, order):
    """Counts of every combo, and their derivatives if `order` is above 0."""
    # an attribute of a tuple counts references each time: once, outside the loops
    outer, base, combo_of = A.outer, A.base, A.combo_of
    term_start, factor_start, shape_start = A.term_start, A.factor_start, A.shape_start
    factor_outer, shape_outer, shape_offset = (
        A.factor_outer, A.shape_outer, A.shape_offset,
    )  # fmt: skip
    shape_up, shape_down = A.shape_up, A.shape_down
    combo, slopes, factor, shape, content = (
        S.combo, S.slopes, S.factor, S.shape, S.content,
    )  # fmt: skip
    combo[:] = 0.0
    if order > 0:
        moved_start, moved = A.moved_start, A.moved
        for a in range(outer.size):
            for m in range(moved_start[a], moved_start[a + 1]):
                slopes[a, moved[m]] = 0.0
    _factors(A, th, factor)
    _shapes(A, th, shape)
    for b in range(term_start.size - 1):
        first, last = term_start[b], term_start[b + 1]
        f0, f1 = factor_start[b], factor_start[b + 1]
        scale = 1.0
        for f in range(f0, f1):
            scale *= factor[f, 0]
        content[first:last] = base[first:last]
        for s in range(shape_start[b], shape_start[b + 1]):
            u, d = shape[s, 0], shape[s, 1]
            shift = shape_offset[s] - first
            for t in range(first, last):
                content[t] += u * shape_up[t + shift] + d * shape_down[t + shift]
            if order > 0:
                u, d, k = scale * shape[s, 2], scale * shape[s, 3], shape_outer[s]
                for t in range(first, last):
                    slopes[k, combo_of[t]] += (
                        u * shape_up[t + shift] + d * shape_down[t + shift]
                    )
        for t in range(first, last):
            combo[combo_of[t]] += content[t] * scale
        if order == 0:
            continue
        for f in range(f0, f1):
            others = factor[f, 1]
            for e in range(f0, f1):
                if e != f:
                    others *= factor[e, 0]
            k = factor_outer[f]
            for t in range(first, last):
                slopes[k, combo_of[t]] += content[t] * others


@inlined
def _curvature(A, S):
    """Add the second derivatives of the combos, weighted, to the Hessian."""
    combo_of, content = A.combo_of, S.content
    term_start, factor_start, shape_start = A.term_start, A.factor_start, A.shape_start
    factor_outer, shape_outer, shape_offset = (
        A.factor_outer, A.shape_outer, A.shape_offset,
    )  # fmt: skip
    shape_up, shape_down = A.shape_up, A.shape_down
    hess, factor, shape, weights = S.hess, S.factor, S.shape, S.weight
    for b in range(term_start.size - 1):
        first, last = term_start[b], term_start[b + 1]
        f0, f1 = factor_start[b], factor_start[b + 1]
        s0, s1 = shape_start[b], shape_start[b + 1]
        if f0 == f1 and s0 == s1:
            continue
        if f1 - f0 == 1 and s0 == s1 and factor[f0, 2] == 0.0:
            continue
        scale = 1.0
        for f in range(f0, f1):
            scale *= factor[f, 0]
        total = 0.0
        for t in range(first, last):
            total += weights[combo_of[t]] * content[t]
        for s in range(s0, s1):
            k = shape_outer[s]
            shift = shape_offset[s] - first
            up, down = 0.0, 0.0
            for t in range(first, last):
                weight = weights[combo_of[t]]
                up += weight * shape_up[t + shift]
                down += weight * shape_down[t + shift]
            slopes = up * shape[s, 2] + down * shape[s, 3]
            hess[k, k] += (up * shape[s, 4] + down * shape[s, 5]) * scale
            for f in range(f0, f1):
                part = factor[f, 1]
                for e in range(f0, f1):
                    if e != f:
                        part *= factor[e, 0]
                j = factor_outer[f]
                hess[k, j] += slopes * part
                hess[j, k] += slopes * part
        for f in range(f0, f1):
            j = factor_outer[f]
            for e in range(f0, f1):
                part = factor[f, 2] if e == f else factor[f, 1] * factor[e, 1]
                for d in range(f0, f1):
                    if d not in (f, e):
                        part *= factor[d, 0]
                hess[j, factor_outer[e]] += total * part


@kernel
def expectation(A, th, S):
    """Expected counts by bin, in ``S.means``."""
    _combos(A, th, S, 0)
    for i in range(S.means.size):
        mean = 0.0
        for c in range(A.combo_start[i], A.combo_start[i + 1]):
            mean += S.combo[c] * product(A, c, th, -1, -1)
        S.means[i] = mean


@inlined
def _rank_one(hess, row, factor, touched):
    """Add factor * row row^T, where the row is not 0."""
    size = 0
    for a in range(hess.shape[0]):
        if row[a] != 0.0:
            touched[size] = a
            size += 1
    for p in range(size):
        a = touched[p]
        x = factor * row[a]
        for q in range(size):
            hess[a, touched[q]] += x * row[touched[q]]


@inlined
def _bin(A, i, th, n, S):
    """Value of a bin; adds to gradient, Hessian and the weights of its combos."""
    mean = 0.0
    for c in range(A.combo_start[i], A.combo_start[i + 1]):
        S.weight[c] = product(A, c, th, -1, -1)
        mean += S.combo[c] * S.weight[c]
    value, u, w = bin_slope(n[i], mean)
    if value == math.inf:
        return value, u, w
    S.row[:] = 0.0
    for c in range(A.combo_start[i], A.combo_start[i + 1]):
        for a in range(S.row.size):
            S.row[a] += S.weight[c] * S.slopes[a, c]
        S.weight[c] *= u
    for a in range(S.row.size):
        S.grad[a] += u * S.row[a]
    _rank_one(S.hess, S.row, w, S.touched)
    return value, u, w


@inlined
def _mixed(A, i, j, th, u, w, rise, S, out):
    """Add the mixed derivatives of a bin by an inner parameter and the outer ones."""
    for a in range(out.size):
        out[a] += w * rise * S.row[a]
    for c in range(A.combo_start[i], A.combo_start[i + 1]):
        if holds(A, c, j):
            part = u * product(A, c, th, j, -1)
            for a in range(out.size):
                out[a] += part * S.slopes[a, c]


@inlined
def _rise(A, i, j, th, S):
    """Slope of the mean of a bin in an inner parameter."""
    total = 0.0
    for c in range(A.combo_start[i], A.combo_start[i + 1]):
        if holds(A, c, j):
            total += S.combo[c] * product(A, c, th, j, -1)
    return total


@inlined
def _free(A, j, th):
    return A.low[j] < th[j] < A.high[j]


@kernel
def _add_group(A, k, th, n, aux, S):
    """Value and derivatives of a group, its free parameters eliminated."""
    first, last = A.group_start[k], A.group_start[k + 1]
    m = last - first
    g = S.row.size
    own = np.zeros((m, m))
    mixed = np.zeros((m, g))
    rises = np.zeros(m)
    value = 0.0
    for a in range(m):
        j = A.group_inner[first + a]
        v, _, h = constraint(A.kind[j], th[j], aux[j], A.width[j])
        value += v
        own[a, a] += h
    for s in range(A.group_bin_start[k], A.group_bin_start[k + 1]):
        i = A.group_bin[s]
        v, u, w = _bin(A, i, th, n, S)
        if v == math.inf:
            return v
        value += v
        for a in range(m):
            j = A.group_inner[first + a]
            rises[a] = _rise(A, i, j, th, S)
            if rises[a] != 0.0:
                _mixed(A, i, j, th, u, w, rises[a], S, mixed[a])
        for a in range(m):
            for b in range(m):
                own[a, b] += w * rises[a] * rises[b]
                if a == b:
                    continue
                j, l = A.group_inner[first + a], A.group_inner[first + b]
                for c in range(A.combo_start[i], A.combo_start[i + 1]):
                    if holds(A, c, j) and holds(A, c, l):
                        own[a, b] += u * S.combo[c] * product(A, c, th, j, l)
    size = 0
    for a in range(m):
        if _free(A, A.group_inner[first + a], th) and own[a, a] > 0.0:
            for b in range(g):
                mixed[size, b] = mixed[a, b]
            rises[size] = a
            size += 1
    factor = np.zeros((size, size))
    for a in range(size):
        for b in range(size):
            factor[a, b] = own[int(rises[a]), int(rises[b])]
    if size == 0 or not cholesky(factor, size):
        return value
    for b in range(g):
        for a in range(size):
            rest = mixed[a, b]
            for c in range(a):
                rest -= factor[a, c] * mixed[c, b]
            mixed[a, b] = rest / factor[a, a]
    for a in range(size):
        _rank_one(S.hess, mixed[a], -1.0, S.touched)
    return value


@kernel
def evaluate(A, th, n, aux, S):
    """Half the deviance at the outer values of `th`; the inner ones are set to their best.

    Fills ``S.grad`` and ``S.hess`` (outer parameters). Infinite where events meet an expectation that is not above 0.
    """
    _combos(A, th, S, 1)
    S.grad[:] = 0.0
    S.hess[:] = 0.0
    value = 0.0
    value += stars(A, th, n, aux, S)
    if value == math.inf:
        return value
    for k in range(A.group_start.size - 1):
        group(A, k, th, n, aux, S.combo)
        value += _add_group(A, k, th, n, aux, S)
        if value == math.inf:
            return value
    _curvature(A, S)
    outer, kind, width, grad, hess = A.outer, A.kind, A.width, S.grad, S.hess
    for a in range(outer.size):
        j = outer[a]
        v, s, h = constraint(kind[j], th[j], aux[j], width[j])
        value += v
        grad[a] += s
        hess[a, a] += h
    return value


@kernel
def saturated(A, n, aux):
    """Negative log likelihood of the model that meets everything, pyhf's constants in."""
    value = 0.0
    for i in range(n.size):
        value += math.lgamma(n[i] + 1.0)
        if n[i] > 0.0:
            value += n[i] - n[i] * math.log(n[i])
    for j in range(A.kind.size):
        if A.kind[j] == 1:
            value += 0.5 * math.log(2.0 * math.pi) + math.log(A.width[j])
        elif A.kind[j] == 2:
            value += math.lgamma(aux[j] + 1.0)
            if aux[j] > 0.0:
                value += aux[j] - aux[j] * math.log(aux[j])
    return value
