"""Damped Newton with bounds in the outer parameters."""

from __future__ import annotations

import math

from nuem.analysis.inference.compiling import inlined, kernel
from nuem.analysis.inference.groups import cholesky, solve
from nuem.analysis.inference.kernels import evaluate

__all__ = ["CONVERGED", "across", "lowest", "minimise"]

#: What `minimise` returns beside the value if all went well; 1 after too many steps,
#: 2 where no step leads down, 3 where the start has no finite value, 4 at the bar.
CONVERGED = 0
#: A minimum is looked for beyond a kink at least so many standard deviations from it.
_BEYOND = 0.7
#: Nearer to the kink than this, both sides of it are the other one.
_NEAR = 0.35
#: Part of the way to a minimum; a Newton step that ends nearer leads to that minimum.
_HOME = 0.3


@inlined
def _direction(A, th, grad, hess, free, damping, S):
    """Newton step in the parameters that are free to move; returns their number.

    At a bound, those that would leave it are held; the step is then taken without them.
    """
    # an attribute of a tuple counts references each time: once, outside the loops
    outer, low, high = A.outer, A.low, A.high
    touched, matrix, vector = S.touched, S.matrix, S.vector
    size = 0
    for a in range(grad.size):
        j = outer[a]
        out = (th[j] <= low[j] and grad[a] >= 0.0) or (
            th[j] >= high[j] and grad[a] <= 0.0
        )
        if free[a] and not out and low[j] < high[j]:
            touched[size] = a
            size += 1
    while size > 0:
        for a in range(size):
            p = touched[a]
            for b in range(size):
                matrix[a, b] = hess[p, touched[b]]
            matrix[a, a] += damping * (abs(matrix[a, a]) + 1e-10)
            vector[a] = -grad[p]
        if not cholesky(matrix, size):
            return -1
        solve(matrix, vector, size)
        left = 0
        for a in range(size):
            j = outer[touched[a]]
            out = (th[j] <= low[j] and vector[a] < 0.0) or (
                th[j] >= high[j] and vector[a] > 0.0
            )
            if not out:
                touched[left] = touched[a]
                left += 1
        if left == size:
            return size
        size = left
    return 0


@inlined
def _inside(A, th, size, S):
    """Make the last step if it stays in the bounds; False if it does not."""
    outer, low, high, touched, vector = A.outer, A.low, A.high, S.touched, S.vector
    for a in range(size):
        j = outer[touched[a]]
        if not low[j] <= th[j] + vector[a] <= high[j]:
            return False
    for a in range(size):
        th[outer[touched[a]]] += vector[a]
    return True


@kernel
def minimise(A, th, n, aux, free, most, tolerance, S, known, bar):
    """Minimise in place; returns half the deviance, status, steps, value at `S.theta`.

    Parameters
    ----------
    A : Arrays
    th : ndarray, shape (p,)
        Start, and then the minimum.
    n, aux : ndarray
        Counts by bin and auxiliary data by parameter.
    free : ndarray of bool, shape (g,)
        Outer parameters that may move.
    most : int
        Largest number of steps.
    tolerance : float
        Expected fall of the deviance at which to stop; the value then returned has
        half of it taken off, which leaves an error of a higher order.
    S : Scratch
        ``theta``, ``trial_grad`` and ``trial_hess`` hold the last point at which the
        likelihood was evaluated, and its derivatives there.
    known : float
        The value at the start, if these rooms hold it; nan if they do not.
    bar : float
        Give up where the way to a minimum leads to none below this, even if it goes
        down by four times what is expected; infinite to go to the end.
    """
    outer, low, high = A.outer, A.low, A.high
    touched, vector, theta = S.touched, S.vector, S.theta
    grad, hess, move = S.trial_grad, S.trial_hess, S.trial_step
    g = outer.size
    for a in range(g):
        j = outer[a]
        if free[a] and not low[j] <= th[j] <= high[j]:
            th[j] = min(max(th[j], low[j]), high[j])
            known = math.nan
    value = known
    if math.isnan(known):
        value = evaluate(A, th, n, aux, S)
        if not value < math.inf:
            return value, 3, 0, value
        grad[:] = S.grad
        hess[:] = S.hess
    theta[:] = th
    damping = 0.0
    stuck = 0
    for step in range(most):
        size = _direction(A, th, grad, hess, free, damping, S)
        while size < 0:
            damping = max(1e-3, 4.0 * damping)
            if damping > 1e14:
                return value, 2, step, value
            size = _direction(A, th, grad, hess, free, damping, S)
        if size == 0:
            return value, 0, step, value
        gain = 0.0
        for a in range(size):
            gain -= vector[a] * grad[touched[a]]
        if gain < tolerance * (1.0 + 1e-3 * abs(value)) and damping == 0.0:
            if _inside(A, th, size, S):
                return value - 0.5 * gain, 0, step, value
            if gain < 1e-13:
                return value, 0, step, value
        if damping == 0.0 and value - 2.0 * gain > bar:
            return value, 4, step, value
        # evaluate() works in the rooms `touched` and `vector`: keep the step aside
        for a in range(size):
            move[touched[a]] = vector[a]
        t = 1.0
        accepted = False
        for _ in range(25):
            fall = 0.0
            for a in range(g):
                if not free[a]:
                    continue
                j = outer[a]
                x = min(max(theta[j] + t * move[a], low[j]), high[j])
                th[j] = x
                fall += grad[a] * (x - theta[j])
            new = evaluate(A, th, n, aux, S)
            if new <= value + 1e-4 * min(fall, 0.0) or (
                gain < 1e-9 and new <= value + 1e-13 * (1.0 + abs(value))
            ):
                accepted = True
                break
            t *= 0.35
        for a in range(g):
            move[a] = 0.0
        if not accepted:
            th[:] = theta
            if gain < 1e-10:
                return value, 0, step, value
            damping = max(1e-2, 10.0 * damping)
            stuck += 1
            if stuck > 12:
                return value, 2, step, value
            continue
        if value - new < 1e-14 * (1.0 + abs(value)) and gain < 1e-10:
            return min(new, value), 0, step, value
        value = new
        theta[:] = th
        grad[:] = S.grad
        hess[:] = S.hess
        damping = 0.0 if t == 1.0 or damping < 1e-6 else 0.3 * damping
    return value, 1, most, value


@inlined
def _restart(A, th, kept, aux):
    """Go back to a minimum, but with groups, which can have several, where they start."""
    low, high, kind, width = A.low, A.high, A.kind, A.width
    th[:] = kept
    for q in range(A.group_inner.size):
        k = A.group_inner[q]
        centre = aux[k] if kind[k] == 1 else 1.0
        if kind[k] == 2:
            centre = aux[k] / width[k]
        th[k] = min(max(centre, low[k]), high[k])


@inlined
def _begin(A, e, th, kept, aux, free, may):
    """Go from a minimum to where a fit begins anew; False if that is no other place."""
    outer, low, high = A.outer, A.low, A.high
    a, b = A.turn_slot[e, 0], A.turn_slot[e, 1]
    if not (free[a] and may[a]) or (b >= 0 and not (free[b] and may[b])):
        return False
    _restart(A, th, kept, aux)
    j = outer[a]
    x = A.turn_value[e, 0]
    x = -kept[j] if math.isnan(x) else x
    th[j] = min(max(x, low[j]), high[j])
    moved = th[j] != kept[j]
    if b >= 0:
        k = outer[b]
        y, share = A.turn_value[e, 1], A.turn_value[e, 2]
        y = kept[k] + share * (kept[j] - th[j]) if share > 0.0 else y
        th[k] = min(max(y, low[k]), high[k])
        # of a pair both have to go elsewhere: one alone has been tried
        moved = moved and th[k] != kept[k]
    return moved


@kernel
def lowest(A, th, value, n, aux, free, may, tolerance, S, known):
    """Go from a minimum to the lowest that is found from where fits begin anew.

    One parameter after the other, and one pair after the other, is moved; the fit begins
    there, and a lower minimum is kept at once. It ends when none of them leads lower.

    Parameters
    ----------
    th : ndarray, shape (p,)
        A minimum, of half the deviance `value`; then the lowest.
    free, may : ndarray of bool, shape (g,)
        Outer parameters that are fitted, and those that may be moved.
    known : float
        The value at ``S.theta``, as `minimise` gave it.

    Returns
    -------
    tuple
        Half the deviance; the value at ``S.theta``, nan where that is elsewhere.
    """
    kept = S.kept
    kept[:] = th
    count = A.turn_slot.shape[0]
    # a fit from elsewhere that ends in the same minimum differs in the last digits
    margin = max(1e-7, 0.01 * tolerance)
    stale, tries, fits = 0, 0, 0
    while stale < count and tries < 20 * count:
        e = tries % count
        tries += 1
        stale += 1
        if not _begin(A, e, th, kept, aux, free, may):
            continue
        fits += 1
        new, status, _, _ = minimise(
            A, th, n, aux, free, 100, max(tolerance, 1e-6), S, math.nan, value
        )  # fmt: skip
        if status == 0 and new < value - margin:
            value = new
            kept[:] = th
            stale = 1
    th[:] = kept
    if fits == 0:
        return value, known
    new, status, _, at = minimise(
        A, th, n, aux, free, 100, tolerance, S, math.nan, math.inf
    )  # fmt: skip
    if status == 0:
        return new, at
    th[:] = kept
    return value, math.nan


@inlined
def _leaves(A, th, kept, a, n, aux, free, S):
    """Whether the Newton step from here leads elsewhere than to the minimum `kept`."""
    j = A.outer[a]
    start = th[j]
    if not evaluate(A, th, n, aux, S) < math.inf:
        return False
    size = _direction(A, th, S.grad, S.hess, free, 0.0, S)
    if size < 0:
        return True
    step = 0.0
    for k in range(size):
        if S.touched[k] == a:
            step = S.vector[k]
    return abs(start + step - kept[j]) > _HOME * abs(start - kept[j])


@kernel
def across(A, th, value, n, aux, free, may, tolerance, S):
    """Go from a minimum to a lower one beyond the kink of a parameter, if there is one.

    What toys do in place of `lowest`, for a tenth of its cost: each parameter that turns is
    moved beyond its kink, and a fit begins there unless its Newton step leads back.

    Parameters
    ----------
    th : ndarray, shape (p,)
        A minimum, of half the deviance `value`; then the lowest.
    free, may : ndarray of bool, shape (g,)
        Outer parameters that are fitted, and those that may be moved.

    Returns
    -------
    float
        Half the deviance.
    """
    outer, low, high = A.outer, A.low, A.high
    kept = S.kept
    kept[:] = th
    lower = False
    for e in range(A.turn_slot.shape[0]):
        a = A.turn_slot[e, 0]
        # one row of each parameter that turns asks for its mirror image
        if not (math.isnan(A.turn_value[e, 0]) and free[a] and may[a]):
            continue
        j = outer[a]
        for side in (-1.0, 1.0):
            at = kept[j]
            if abs(at) > _NEAR and side * at > 0.0:
                continue
            x = min(max(side * max(abs(at), _BEYOND), low[j]), high[j])
            if x == at:
                continue
            _restart(A, th, kept, aux)
            th[j] = x
            if not _leaves(A, th, kept, a, n, aux, free, S):
                continue
            new, status, _, _ = minimise(
                A, th, n, aux, free, 100, max(tolerance, 1e-6), S, math.nan, value
            )  # fmt: skip
            if status == 0 and new < value - max(1e-7, 0.01 * tolerance):
                value = new
                kept[:] = th
                lower = True
    th[:] = kept
    if lower:
        new, status, _, _ = minimise(
            A, th, n, aux, free, 100, tolerance, S, math.nan, math.inf
        )  # fmt: skip
        if status == 0:
            return new
        th[:] = kept
    return value
