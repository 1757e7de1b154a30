"""Damped Newton with bounds in the outer parameters."""

from __future__ import annotations

import math

from nuem.analysis.inference.compiling import kernel
from nuem.analysis.inference.groups import cholesky, solve
from nuem.analysis.inference.kernels import evaluate

__all__ = ["CONVERGED", "minimise"]

#: What `minimise` returns beside the value if all went well; 1 after too many steps,
#: 2 where no step leads down, 3 where the start has no finite value.
CONVERGED = 0


@kernel
def _direction(A, th, grad, hess, free, damping, S):
    """Newton step in the parameters that are free to move; returns their number.

    At a bound, those that would leave it are held; the step is then taken without them.
    """
    g = grad.size
    size = 0
    for a in range(g):
        j = A.outer[a]
        out = (th[j] <= A.low[j] and grad[a] >= 0.0) or (
            th[j] >= A.high[j] and grad[a] <= 0.0
        )
        if free[a] and not out and A.low[j] < A.high[j]:
            S.touched[size] = a
            size += 1
    while size > 0:
        for a in range(size):
            p = S.touched[a]
            for b in range(size):
                S.matrix[a, b] = hess[p, S.touched[b]]
            S.matrix[a, a] += damping * (abs(S.matrix[a, a]) + 1e-10)
            S.vector[a] = -grad[p]
        if not cholesky(S.matrix, size):
            return -1
        solve(S.matrix, S.vector, size)
        left = 0
        for a in range(size):
            j = A.outer[S.touched[a]]
            out = (th[j] <= A.low[j] and S.vector[a] < 0.0) or (
                th[j] >= A.high[j] and S.vector[a] > 0.0
            )
            if not out:
                S.touched[left] = S.touched[a]
                left += 1
        if left == size:
            return size
        size = left
    return 0


@kernel
def _inside(A, th, size, S):
    """Make the last step if it stays in the bounds; False if it does not."""
    for a in range(size):
        j = A.outer[S.touched[a]]
        if not A.low[j] <= th[j] + S.vector[a] <= A.high[j]:
            return False
    for a in range(size):
        th[A.outer[S.touched[a]]] += S.vector[a]
    return True


@kernel
def minimise(A, th, n, aux, free, most, tolerance, S):
    """Minimise in place; returns (half the deviance, status, steps).

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
    """
    g = A.outer.size
    for a in range(g):
        if free[a]:
            j = A.outer[a]
            th[j] = min(max(th[j], A.low[j]), A.high[j])
    value = evaluate(A, th, n, aux, S)
    if not value < math.inf:
        return value, 3, 0
    S.trial_grad[:] = S.grad
    S.trial_hess[:] = S.hess
    damping = 0.0
    stuck = 0
    for step in range(most):
        size = _direction(A, th, S.trial_grad, S.trial_hess, free, damping, S)
        while size < 0:
            damping = max(1e-3, 4.0 * damping)
            if damping > 1e14:
                return value, 2, step
            size = _direction(A, th, S.trial_grad, S.trial_hess, free, damping, S)
        if size == 0:
            return value, 0, step
        gain = 0.0
        for a in range(size):
            gain -= S.vector[a] * S.trial_grad[S.touched[a]]
        if gain < tolerance * (1.0 + 1e-3 * abs(value)) and damping == 0.0:
            if _inside(A, th, size, S):
                return value - 0.5 * gain, 0, step
            if gain < 1e-13:
                return value, 0, step
        S.theta[:] = th
        # evaluate() works in the rooms `touched` and `vector`: keep the step aside
        for a in range(size):
            S.trial_step[S.touched[a]] = S.vector[a]
        t = 1.0
        accepted = False
        for _ in range(25):
            fall = 0.0
            for a in range(g):
                if not free[a]:
                    continue
                j = A.outer[a]
                x = min(max(S.theta[j] + t * S.trial_step[a], A.low[j]), A.high[j])
                th[j] = x
                fall += S.trial_grad[a] * (x - S.theta[j])
            new = evaluate(A, th, n, aux, S)
            if new <= value + 1e-4 * min(fall, 0.0) or (
                gain < 1e-9 and new <= value + 1e-13 * (1.0 + abs(value))
            ):
                accepted = True
                break
            t *= 0.35
        for a in range(g):
            S.trial_step[a] = 0.0
        if not accepted:
            th[:] = S.theta
            if gain < 1e-10:
                return value, 0, step
            damping = max(1e-2, 10.0 * damping)
            stuck += 1
            if stuck > 12:
                return value, 2, step
            continue
        if value - new < 1e-14 * (1.0 + abs(value)) and gain < 1e-10:
            return min(new, value), 0, step
        value = new
        S.trial_grad[:] = S.grad
        S.trial_hess[:] = S.hess
        damping = 0.0 if t == 1.0 or damping < 1e-6 else 0.3 * damping
    return value, 1, most
