"""Inner parameters whose bins form stars, and bins without any: solved and eliminated.

Given the outer parameters a star is one-dimensional, with a closed form for its leaves
and, without leaves, for the centre of two bins.
"""

from __future__ import annotations

import math

from nuem.analysis.inference import lanes
from nuem.analysis.inference.compiling import inlined, kernel
from nuem.analysis.inference.inner import bin_slope, constraint, leaf

__all__ = ["stars"]


@inlined
def _gather(A, n, aux, th, S):
    """Counts, observed and expected, and the leaves of each slot."""
    # an attribute of a tuple counts references each time: once, outside the loops
    R = S.slots
    parts, count, combo = R.parts, R.observed, S.combo
    bins, combo_slot, flag, leaves = A.slot_bin, A.combo_slot, A.combo_flag, A.slot_leaf
    best, leaf_aux, leaf_width = R.leaf, R.aux, R.width
    leaf_low, leaf_high = R.low, R.high
    width, low, high = A.width, A.low, A.high
    parts[:] = 0.0
    for t in range(count.size):
        count[t] = n[bins[t]]
    for c in range(combo.size):
        t = combo_slot[c]
        if t >= 0:
            parts[flag[c], t] += combo[c]
    for t in range(A.leaf_start[1], count.size):
        j = leaves[t]
        leaf_aux[t], leaf_width[t] = aux[j], width[j]
        leaf_low[t], leaf_high[t], best[t] = low[j], high[j], th[j]


@inlined
def _respond(A, R):
    """Leaves and means of all slots for the centres as they are, with derivatives."""
    start, slot_star = A.leaf_start, A.slot_star
    parts, count, mean, rise, tilt = R.parts, R.observed, R.mean, R.rise, R.tilt
    beta, centre, x, aux, width = R.beta, R.centre, R.leaf, R.aux, R.width
    low, high, u, w, own = R.low, R.high, R.u, R.w, R.work
    cross, inverse, fraction = R.cross, R.inverse, R.fraction
    for t in range(beta.size):
        beta[t] = centre[slot_star[t]]
    lanes.linear(mean, parts[0], parts[1], beta)
    first, last = start[1], start[4]
    tilt[:first] = parts[1, :first]
    if first == last:
        lanes.slopes(count, mean, u, w)
        return
    normal, poisson = slice(start[1], start[2]), slice(start[2], start[3])
    free, every = slice(start[3], last), slice(first, last)
    lanes.linear(rise[every], parts[2, every], parts[3, every], beta[every])
    if start[2] > start[1]:
        lanes.normal_leaves(
            x[normal], mean[normal], rise[normal], count[normal], aux[normal],
            width[normal],
        )  # fmt: skip
    if start[3] > start[2]:
        lanes.poisson_leaves(
            x[poisson], mean[poisson], rise[poisson], count[poisson], aux[poisson],
            width[poisson],
        )  # fmt: skip
    if last > start[3]:
        lanes.free_leaves(x[free], mean[free], rise[free], count[free])
    lanes.clip(x[every], low[every], high[every])
    lanes.add_products(mean[every], rise[every], x[every])
    lanes.linear(tilt[every], parts[1, every], parts[3, every], x[every])
    lanes.slopes(count, mean, u, w)
    # curvature in the leaves: of the constraint, and of the counts
    for t in range(start[1], start[2]):
        own[t] = 1.0 / (width[t] * width[t])
    for t in range(start[2], start[3]):
        own[t] = aux[t] / (x[t] * x[t]) if aux[t] > 0.0 else 0.0
    for t in range(start[3], last):
        own[t] = 0.0
    for t in range(first, last):
        own[t] += w[t] * rise[t] * rise[t]
    for t in range(first, last):
        own[t] = own[t] if low[t] < x[t] < high[t] else 0.0
    lanes.inverses(inverse[every], own[every])
    for t in range(first, last):
        cross[t] = w[t] * tilt[t] * rise[t] + u[t] * parts[3, t]
    lanes.products(fraction[every], cross[every], inverse[every])


@inlined
def _curvatures(A, aux, R):
    """Slope and curvature in each centre, the leaves at their best."""
    centres, slot_star = A.star_centre, A.slot_star
    kind, width, centre = A.kind, A.width, R.centre
    u, w, tilt, cross, fraction = R.u, R.w, R.tilt, R.cross, R.fraction
    slope, curve = R.star_slope, R.star_curve
    with_leaf = A.leaf_start[1]
    for k in range(centres.size):
        j = centres[k]
        _, slope[k], curve[k] = constraint(kind[j], centre[k], aux[j], width[j])
    for t in range(slot_star.size):
        k = slot_star[t]
        slope[k] += u[t] * tilt[t]
        curve[k] += w[t] * tilt[t] * tilt[t]
    for t in range(with_leaf, slot_star.size):
        curve[slot_star[t]] -= cross[t] * fraction[t]


@inlined
def _newton(A, aux, R):
    """A few Newton steps in all centres at once; what does not settle becomes nan."""
    centres, low, high = A.star_centre, A.low, A.high
    centre, settled, slope, curve = R.centre, R.settled, R.star_slope, R.star_curve
    for step in range(5):
        _respond(A, R)
        _curvatures(A, aux, R)
        moving = False
        for k in range(centres.size):
            if settled[k]:
                continue
            new = centre[k] - slope[k] / curve[k]
            j = centres[k]
            if not (curve[k] > 0.0 and low[j] < new < high[j]):
                centre[k], settled[k] = math.nan, True
                continue
            # the next step would be of the order of the square
            settled[k] = abs(new - centre[k]) <= 1e-5 * abs(centre[k])
            centre[k] = new
            if not settled[k]:
                moving = True
                if step == 4:
                    centre[k] = math.nan
        if not moving:
            return


@kernel
def _safe_centre(k, A, th, aux, R):
    """Solve for one centre: Newton steps inside a shrinking bracket."""
    kind, width, lows, highs = A.kind, A.width, A.low, A.high
    slots, leaves, parts, count = A.star_slot, A.slot_leaf, R.parts, R.observed
    first, last = A.star_start[k], A.star_start[k + 1]
    j = A.star_centre[k]
    low, high = lows[j], highs[j]
    beta = min(max(th[j], low), high)
    for _ in range(80):
        _, slope, curve = constraint(kind[j], beta, aux[j], width[j])
        for s in range(first, last):
            t = slots[s]
            i = leaves[t]
            tilt, mean = parts[1, t], parts[0, t] + parts[1, t] * beta
            rise, x = 0.0, 0.0
            if i >= 0:
                rise = parts[2, t] + parts[3, t] * beta
                x = leaf(
                    mean, rise, count[t], kind[i], aux[i], width[i], lows[i], highs[i],
                    th[i],
                )  # fmt: skip
                th[i] = x
                mean += rise * x
                tilt += parts[3, t] * x
            v, u, w = bin_slope(count[t], mean)
            if v == math.inf:
                slope, curve = -math.inf if tilt > 0.0 else math.inf, 1.0
                break
            slope += u * tilt
            curve += w * tilt * tilt
            if i >= 0 and lows[i] < x < highs[i]:
                _, _, own = constraint(kind[i], x, aux[i], width[i])
                cross = w * tilt * rise + u * parts[3, t]
                bend = w * rise * rise + own
                if bend > 0.0:
                    curve -= cross * cross / bend
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
            new = high if high == highs[j] and beta != high else 0.5 * (beta + high)
        elif new <= low:
            new = low if low == lows[j] and beta != low else 0.5 * (beta + low)
        close = abs(new - beta) <= 1e-5 * abs(beta)
        beta = new
        if close or high <= low:
            break
    return beta


@inlined
def _closed_forms(A, R):
    """Centres of two bins without leaves; nan elsewhere."""
    centre, parts, count, room = R.centre, R.parts, R.observed, R.pair
    pair_star, pair_slot = A.pair_star, A.pair_slot
    size = pair_star.size
    for k in range(centre.size - 1):
        centre[k] = math.nan
    for side in range(2):
        for q in range(size):
            t = pair_slot[side, q]
            room[3 * side, q], room[3 * side + 1, q] = parts[0, t], parts[1, t]
            room[3 * side + 2, q] = count[t]
    lanes.pairs(room[6], room[0], room[1], room[2], room[3], room[4], room[5])
    for q in range(size):
        centre[pair_star[q]] = room[6, q]


@inlined
def _centres(A, th, aux, R):
    """Best content of each star; half the deviance of their constraints."""
    centre, settled, centres = R.centre, R.settled, A.star_centre
    kind, width, low, high = A.kind, A.width, A.low, A.high
    size = centres.size
    _closed_forms(A, R)
    moving = False
    for k in range(size):
        j = centres[k]
        settled[k] = low[j] == high[j] or not math.isnan(centre[k])
        if not settled[k]:
            moving = True
        if math.isnan(centre[k]):
            centre[k] = min(max(th[j], low[j]), high[j])
    centre[size] = 1.0  # of the slots without centre
    if moving:
        _newton(A, aux, R)
    value = 0.0
    for k in range(size):
        j = centres[k]
        x = centre[k]
        x = _safe_centre(k, A, th, aux, R) if math.isnan(x) else x
        x = min(max(x, low[j]), high[j])
        centre[k] = th[j] = x
        v, _, _ = constraint(kind[j], x, aux[j], width[j])
        value += v
    return value


@inlined
def _value(A, th, R):
    """Half the deviance of counts and leaves, which are put in their places."""
    count, mean, work, x, leaves = R.observed, R.mean, R.work, R.leaf, A.slot_leaf
    start, aux, width = A.leaf_start, R.aux, R.width
    for t in range(count.size):
        if count[t] > 0.0 and not mean[t] > 0.0:
            return math.inf
    lanes.rise_of_deviance(count, mean, work)
    value = lanes.total(work)
    for t in range(start[1], start[4]):
        th[leaves[t]] = x[t]
    normal, poisson = slice(start[1], start[2]), slice(start[2], start[3])
    value += lanes.half_squares(x[normal], aux[normal], width[normal])
    if start[3] > start[2]:
        mean_aux = R.cross[poisson]
        lanes.products(mean_aux, x[poisson], width[poisson])
        lanes.rise_of_deviance(aux[poisson], mean_aux, work[poisson])
        value += lanes.total(work[poisson])
    return value


@inlined
def _rows(A, S):
    """Derivatives of means, and of the slopes in leaf and centre, by outer parameters."""
    R = S.slots
    row, by_leaf, by_centre, slopes = R.row, R.by_leaf, R.by_centre, S.slopes
    span, moved_start, moved = A.span, A.moved_start, A.moved
    combo_slot, combo_flag, leaf_of, beta_of = (
        A.combo_slot,
        A.combo_flag,
        R.leaf,
        R.beta,
    )
    for a in range(row.shape[0]):
        first, last = span[a, 0], span[a, 1]
        row[a, first:last] = 0.0
        by_leaf[a, first:last] = 0.0
        by_centre[a, first:last] = 0.0
        for m in range(moved_start[a], moved_start[a + 1]):
            c = moved[m]
            t = combo_slot[c]
            if t < 0:
                continue
            flag = combo_flag[c]
            slope = slopes[a, c]
            if flag == 0:
                row[a, t] += slope
                continue
            x, beta = leaf_of[t], beta_of[t]
            if flag == 1:
                row[a, t] += beta * slope
                by_centre[a, t] += slope
            elif flag == 2:
                row[a, t] += x * slope
                by_leaf[a, t] += slope
            else:
                row[a, t] += beta * x * slope
                by_centre[a, t] += x * slope
                by_leaf[a, t] += beta * slope


@inlined
def _schur(A, S):
    """Add the slots to gradient and Hessian; leaves and centres are eliminated."""
    R = S.slots
    u, w, row, by_leaf, by_centre = R.u, R.w, R.row, R.by_leaf, R.by_centre
    rise, tilt, fraction, inverse = R.rise, R.tilt, R.fraction, R.inverse
    centres, curve, centre, star_row = A.star_centre, R.star_curve, R.centre, R.star_row
    span, slot_star, low, high = A.span, A.slot_star, A.low, A.high
    grad, hess = S.grad, S.hess
    with_leaf = A.leaf_start[1]
    g, size = row.shape[0], centres.size
    for a in range(g):
        first, last = span[a, 0], span[a, 1]
        grad[a] += lanes.total_2(u[first:last], row[a, first:last])
        for t in range(max(first, with_leaf), last):
            by_leaf[a, t] = w[t] * rise[t] * row[a, t] + u[t] * by_leaf[a, t]
        if size == 0:
            continue
        for t in range(first, last):
            by_centre[a, t] = w[t] * tilt[t] * row[a, t] + u[t] * by_centre[a, t]
        for t in range(max(first, with_leaf), last):
            by_centre[a, t] -= fraction[t] * by_leaf[a, t]
        star_row[a] = 0.0
        for t in range(first, last):
            star_row[a, slot_star[t]] += by_centre[a, t]
    for k in range(size):
        j = centres[k]
        free = low[j] < centre[k] < high[j] and curve[k] > 0.0
        curve[k] = -1.0 / curve[k] if free else 0.0
    curve[size] = 0.0
    for a in range(g):
        for b in range(a + 1):
            first, last = max(span[a, 0], span[b, 0]), min(span[a, 1], span[b, 1])
            entry = 0.0
            if first < last:
                entry = lanes.total_3(
                    w[first:last], row[a, first:last], row[b, first:last]
                )
            start = max(first, with_leaf)
            if start < last:
                entry -= lanes.total_3(
                    inverse[start:last], by_leaf[a, start:last], by_leaf[b, start:last]
                )
            if size > 0:
                entry += lanes.total_3(curve, star_row[a], star_row[b])
            hess[a, b] += entry
            if a != b:
                hess[b, a] += entry


@kernel
def stars(A, th, n, aux, S):
    """Solve all slots; value, with gradient and Hessian added to `S`."""
    R = S.slots
    _gather(A, n, aux, th, S)
    value = _centres(A, th, aux, R)
    _respond(A, R)
    _curvatures(A, aux, R)
    value += _value(A, th, R)
    if not value < math.inf:
        return math.inf
    _rows(A, S)
    _schur(A, S)
    weight, combo_slot, combo_flag = S.weight, A.combo_slot, A.combo_flag
    u, beta, best = R.u, R.beta, R.leaf
    for c in range(weight.size):
        t = combo_slot[c]
        if t >= 0:
            flag = combo_flag[c]
            factor = (beta[t] if flag & 1 else 1.0) * (best[t] if flag & 2 else 1.0)
            weight[c] = u[t] * factor
    return value
