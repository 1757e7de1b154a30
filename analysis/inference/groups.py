"""Inner parameters that share bins in other ways: a small damped Newton problem."""

from __future__ import annotations

import math

import numpy as np

from nuem.analysis.inference.compiling import inlined, kernel
from nuem.analysis.inference.inner import bin_slope, constraint

__all__ = ["cholesky", "group", "solve"]


@kernel
def cholesky(matrix, size):
    """Lower factor in place; False where the matrix is not positive definite."""
    for j in range(size):
        rest = matrix[j, j]
        for k in range(j):
            rest -= matrix[j, k] * matrix[j, k]
        if not rest > 1e-14 * abs(matrix[j, j]):
            return False
        pivot = math.sqrt(rest)
        matrix[j, j] = pivot
        for i in range(j + 1, size):
            rest = matrix[i, j]
            for k in range(j):
                rest -= matrix[i, k] * matrix[j, k]
            matrix[i, j] = rest / pivot
    return True


@kernel
def solve(factor, vector, size):
    """Solve with a lower Cholesky factor, in place."""
    for i in range(size):
        rest = vector[i]
        for k in range(i):
            rest -= factor[i, k] * vector[k]
        vector[i] = rest / factor[i, i]
    for i in range(size - 1, -1, -1):
        rest = vector[i]
        for k in range(i + 1, size):
            rest -= factor[k, i] * vector[k]
        vector[i] = rest / factor[i, i]


@inlined
def product(A, c, th, without_a, without_b):
    """Product of the inner parameters of a combo, one or two of them left out."""
    result = 1.0
    for q in range(A.inner_start[c], A.inner_start[c + 1]):
        j = A.inner[q]
        if j not in (without_a, without_b):
            result *= th[j]
    return result


@inlined
def holds(A, c, j):
    """Whether an inner parameter multiplies a combo."""
    for q in range(A.inner_start[c], A.inner_start[c + 1]):  # noqa: SIM110
        if A.inner[q] == j:
            return True
    return False


@kernel
def group_value(A, k, th, n, aux, combo, grad, hess):
    """Value, gradient and Hessian of one group in its own parameters."""
    first, last = A.group_start[k], A.group_start[k + 1]
    m = last - first
    value = 0.0
    for a in range(m):
        j = A.group_inner[first + a]
        v, s, h = constraint(A.kind[j], th[j], aux[j], A.width[j])
        value += v
        grad[a] = s
        for b in range(m):
            hess[a, b] = 0.0
        hess[a, a] = h
    slopes = np.zeros(m)
    for s in range(A.group_bin_start[k], A.group_bin_start[k + 1]):
        i = A.group_bin[s]
        mean = 0.0
        slopes[:] = 0.0
        for c in range(A.combo_start[i], A.combo_start[i + 1]):
            mean += combo[c] * product(A, c, th, -1, -1)
            for a in range(m):
                j = A.group_inner[first + a]
                if holds(A, c, j):
                    slopes[a] += combo[c] * product(A, c, th, j, -1)
        v, u, w = bin_slope(n[i], mean)
        value += v
        for a in range(m):
            grad[a] += u * slopes[a]
            for b in range(m):
                hess[a, b] += w * slopes[a] * slopes[b]
        for c in range(A.combo_start[i], A.combo_start[i + 1]):
            for a in range(m):
                j = A.group_inner[first + a]
                if not holds(A, c, j):
                    continue
                for b in range(m):
                    l = A.group_inner[first + b]
                    if a != b and holds(A, c, l):
                        hess[a, b] += u * combo[c] * product(A, c, th, j, l)
    return value


@kernel
def group(A, k, th, n, aux, combo):
    """Solve a group: Newton steps, damped where needed, kept in the bounds."""
    first, last = A.group_start[k], A.group_start[k + 1]
    m = last - first
    grad, new_grad, step = np.zeros(m), np.zeros(m), np.zeros(m)
    hess, new_hess, factor = np.zeros((m, m)), np.zeros((m, m)), np.zeros((m, m))
    old = np.zeros(m)
    free = np.zeros(m, dtype=np.int64)
    for a in range(m):
        j = A.group_inner[first + a]
        th[j] = min(max(th[j], A.low[j]), A.high[j])
    value = group_value(A, k, th, n, aux, combo, grad, hess)
    damping = 0.0
    for _ in range(100):
        size = 0
        for a in range(m):
            j = A.group_inner[first + a]
            x = th[j]
            if A.low[j] == A.high[j]:
                continue
            if (x <= A.low[j] and grad[a] > 0) or (x >= A.high[j] and grad[a] < 0):
                continue
            free[size] = a
            size += 1
        if size == 0:
            return
        while True:
            for a in range(size):
                for b in range(size):
                    factor[a, b] = hess[free[a], free[b]]
                factor[a, a] += damping * (abs(factor[a, a]) + 1e-8)
                step[a] = -grad[free[a]]
            if cholesky(factor, size):
                break
            damping = max(1e-3, 4.0 * damping)
            if damping > 1e12:
                return
        solve(factor, step, size)
        gain = 0.0
        for a in range(size):
            gain -= step[a] * grad[free[a]]
        if gain < 1e-22:
            return
        for a in range(m):
            old[a] = th[A.group_inner[first + a]]
        t = 1.0
        better = False
        for _try in range(40):
            for a in range(size):
                j = A.group_inner[first + free[a]]
                th[j] = min(max(old[free[a]] + t * step[a], A.low[j]), A.high[j])
            new = group_value(A, k, th, n, aux, combo, new_grad, new_hess)
            if new <= value + 1e-15 * abs(value):
                better = new < value
                break
            t *= 0.3
        else:
            for a in range(m):
                th[A.group_inner[first + a]] = old[a]
            damping = max(1e-3, 10.0 * damping)
            if damping > 1e6:
                return
            continue
        value = new
        grad[:] = new_grad
        hess[:] = new_hess
        damping = 0.0 if t == 1.0 else damping
        if not better and gain < 1e-14:
            return
