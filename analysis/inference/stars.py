"""Inner parameters whose bins form a star, and bins without any: solved and eliminated.

A *star* is a free content shared by several bins (the centre), each of which may have
one parameter of its own (a leaf); a bin with one parameter is a star without centre.
Given the outer parameters it is one-dimensional, with a closed form for the leaves.
"""

from __future__ import annotations

import math

from nuem.analysis.inference.compiling import inlined, kernel
from nuem.analysis.inference.inner import bin_slope, constraint, leaf, pair

__all__ = ["rank_one", "stars"]


@inlined
def rank_one(hess, row, factor, touched):
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
def _slope(
    beta, centre, first, last, bins, leaves, parts, th, n, aux, kind, width, low, high
):
    """Slope and curvature in the centre, the leaves at their best."""
    _, slope, curve = constraint(kind[centre], beta, aux[centre], width[centre])
    for s in range(first, last):
        i, j = bins[s], leaves[s]
        tilt = parts[s, 1]
        mean = parts[s, 0] + tilt * beta
        cross = 0.0
        bend = 0.0
        if j >= 0:
            rise = parts[s, 2] + parts[s, 3] * beta
            x = leaf(
                mean, rise, n[i], kind[j], aux[j], width[j], low[j], high[j], th[j]
            )
            th[j] = x
            mean += rise * x
            tilt += parts[s, 3] * x
        u, w = 1.0, 0.0
        if n[i] > 0.0:
            if not mean > 0.0:
                return -math.inf if tilt > 0.0 else math.inf, 1.0
            u = 1.0 - n[i] / mean
            w = n[i] / (mean * mean)
        slope += u * tilt
        curve += w * tilt * tilt
        if j >= 0 and low[j] < th[j] < high[j]:
            _, _, own = constraint(kind[j], th[j], aux[j], width[j])
            cross = w * tilt * rise + u * parts[s, 3]
            bend = w * rise * rise + own
            if bend > 0.0:
                curve -= cross * cross / bend
    return slope, curve


@kernel
def _centre(
    centre, first, last, bins, leaves, parts, th, n, aux, kind, width, lows, highs
):
    """Solve for the centre: Newton steps inside a shrinking bracket."""
    low, high = lows[centre], highs[centre]
    beta = min(max(th[centre], low), high)
    if low == high:
        return beta
    for _ in range(80):
        slope, curve = _slope(
            beta, centre, first, last, bins, leaves, parts, th, n, aux, kind, width,
            lows, highs,
        )  # fmt: skip
        if slope > 0.0:
            high = beta
        elif slope < 0.0:
            low = beta
        else:
            return beta
        new = beta - slope / curve if curve > 0.0 else math.nan
        if math.isnan(new) or abs(new) == math.inf:
            new = 0.5 * (low + high)
        elif new >= high:
            new = (
                high if high == highs[centre] and beta != high else 0.5 * (beta + high)
            )
        elif new <= low:
            new = low if low == lows[centre] and beta != low else 0.5 * (beta + low)
        close = abs(new - beta) <= 1e-5 * abs(beta)
        beta = new
        if close or high <= low:  # the next step would be of the order of the square
            break
    return beta


@kernel
def stars(A, th, n, aux, S):
    """Solve all stars and lone bins; value, with gradient and Hessian added to `S`."""
    # an attribute of a tuple counts references each time: once, outside the loops
    kind, width, low, high = A.kind, A.width, A.low, A.high
    combo_start, flags = A.combo_start, A.flag
    centres, starts, bins, leaves = A.star_centre, A.star_start, A.star_bin, A.star_leaf
    lone = A.lone
    combo, slopes, weights, means = S.combo, S.slopes, S.weight, S.means
    grad, hess, parts, touched = S.grad, S.hess, S.parts, S.touched
    row, row_centre, row_leaf = S.row, S.row_b, S.row_c
    g = grad.size
    value = 0.0
    for q in range(lone.size):
        i = lone[q]
        mean = 0.0
        for a in range(g):
            row[a] = 0.0
        for c in range(combo_start[i], combo_start[i + 1]):
            mean += combo[c]
            for a in range(g):
                row[a] += slopes[c, a]
        v, u, w = bin_slope(n[i], mean)
        if v == math.inf:
            return v
        means[i] = mean
        value += v
        for c in range(combo_start[i], combo_start[i + 1]):
            weights[c] = u
        for a in range(g):
            grad[a] += u * row[a]
        rank_one(hess, row, w, touched)
    for k in range(centres.size):
        first, last, centre = starts[k], starts[k + 1], centres[k]
        for s in range(first, last):
            for p in range(4):
                parts[s, p] = 0.0
            for c in range(combo_start[bins[s]], combo_start[bins[s] + 1]):
                parts[s, flags[c]] += combo[c]
        beta, curve = 1.0, 0.0
        if centre >= 0:
            beta = math.nan
            if (
                last - first == 2 and kind[centre] == 0 and low[centre] < high[centre]
                and leaves[first] < 0 and leaves[first + 1] < 0
            ):  # fmt: skip
                beta = pair(
                    parts[first, 0], parts[first, 1], n[bins[first]],
                    parts[first + 1, 0], parts[first + 1, 1], n[bins[first + 1]],
                )  # fmt: skip
                beta = min(max(beta, low[centre]), high[centre])
            if math.isnan(beta):
                beta = _centre(
                    centre, first, last, bins, leaves, parts, th, n, aux, kind, width,
                    low, high,
                )  # fmt: skip
            th[centre] = beta
            v, _, curve = constraint(kind[centre], beta, aux[centre], width[centre])
            value += v
            for a in range(g):
                row_centre[a] = 0.0
        for s in range(first, last):
            i, j = bins[s], leaves[s]
            mean = parts[s, 0] + parts[s, 1] * beta
            rise = parts[s, 2] + parts[s, 3] * beta
            x = 0.0
            if j >= 0:
                x = leaf(
                    mean, rise, n[i], kind[j], aux[j], width[j], low[j], high[j], th[j]
                )
                th[j] = x
                mean += rise * x
            v, u, w = bin_slope(n[i], mean)
            if v == math.inf:
                return v
            means[i] = mean
            value += v
            tilt = parts[s, 1] + parts[s, 3] * x
            for a in range(g):
                row[a] = 0.0
                row_leaf[a] = 0.0
            for c in range(combo_start[i], combo_start[i + 1]):
                flag = flags[c]
                factor = (beta if flag & 1 else 1.0) * (x if flag & 2 else 1.0)
                weights[c] = u * factor
                by_centre = u * (x if flag & 2 else 1.0) if flag & 1 else 0.0
                by_leaf = u * (beta if flag & 1 else 1.0) if flag & 2 else 0.0
                for a in range(g):
                    slope = slopes[c, a]
                    row[a] += factor * slope
                    row_leaf[a] += by_leaf * slope
                    if centre >= 0:
                        row_centre[a] += by_centre * slope
            for a in range(g):
                grad[a] += u * row[a]
                row_leaf[a] += w * rise * row[a]
            rank_one(hess, row, w, touched)
            if centre >= 0:
                curve += w * tilt * tilt
                for a in range(g):
                    row_centre[a] += w * tilt * row[a]
            if j < 0:
                continue
            v, _, own = constraint(kind[j], x, aux[j], width[j])
            value += v
            bend = own + w * rise * rise
            if not (low[j] < x < high[j] and bend > 0.0):
                continue
            if centre >= 0:
                cross = w * tilt * rise + u * parts[s, 3]
                curve -= cross * cross / bend
                for a in range(g):
                    row_centre[a] -= cross / bend * row_leaf[a]
            rank_one(hess, row_leaf, -1.0 / bend, touched)
        if centre >= 0 and curve > 0.0 and low[centre] < beta < high[centre]:
            rank_one(hess, row_centre, -1.0 / curve, touched)
    return value
