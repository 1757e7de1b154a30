"""Derivatives in all parameters, inner ones included: for uncertainties and checks."""

from __future__ import annotations

import numpy as np

from nuem.analysis.inference.compiling import kernel
from nuem.analysis.inference.groups import holds, product
from nuem.analysis.inference.inner import bin_slope, constraint
from nuem.analysis.inference.kernels import _combos, _curvature

__all__ = ["dense_gradient", "dense_hessian"]


@kernel
def _bin_row(A, i, th, S, row):
    """Derivatives of the mean of a bin in all parameters; returns the mean."""
    row[:] = 0.0
    mean = 0.0
    for c in range(A.combo_start[i], A.combo_start[i + 1]):
        factor = product(A, c, th, -1, -1)
        mean += S.combo[c] * factor
        for a in range(A.outer.size):
            row[A.outer[a]] += factor * S.slopes[a, c]
        for q in range(A.inner_start[c], A.inner_start[c + 1]):
            j = A.inner[q]
            row[j] += S.combo[c] * product(A, c, th, j, -1)
    return mean


@kernel
def dense_gradient(A, th, n, aux, S):
    """Gradient of the negative log likelihood, shape (p,)."""
    _combos(A, th, S, 1)
    grad, row = np.zeros(th.size), np.zeros(th.size)
    for i in range(n.size):
        mean = _bin_row(A, i, th, S, row)
        _, u, _ = bin_slope(n[i], mean)
        grad += u * row
    for j in range(th.size):
        grad[j] += constraint(A.kind[j], th[j], aux[j], A.width[j])[1]
    return grad


@kernel
def dense_hessian(A, th, n, aux, S):
    """Hessian of the negative log likelihood, shape (p, p)."""
    _combos(A, th, S, 1)
    p = th.size
    hess, row = np.zeros((p, p)), np.zeros(p)
    S.hess[:] = 0.0
    for i in range(n.size):
        mean = _bin_row(A, i, th, S, row)
        _, u, w = bin_slope(n[i], mean)
        where = np.flatnonzero(row)
        for x in where:
            for y in where:
                hess[x, y] += w * row[x] * row[y]
        for c in range(A.combo_start[i], A.combo_start[i + 1]):
            S.weight[c] = u * product(A, c, th, -1, -1)
            for q in range(A.inner_start[c], A.inner_start[c + 1]):
                j = A.inner[q]
                part = u * product(A, c, th, j, -1)
                for a in range(A.outer.size):
                    k = A.outer[a]
                    hess[j, k] += part * S.slopes[a, c]
                    hess[k, j] += part * S.slopes[a, c]
                for r in range(A.inner_start[c], A.inner_start[c + 1]):
                    k = A.inner[r]
                    if k != j and holds(A, c, k):
                        hess[j, k] += u * S.combo[c] * product(A, c, th, j, k)
    _curvature(A, S)
    for a in range(A.outer.size):
        for b in range(A.outer.size):
            hess[A.outer[a], A.outer[b]] += S.hess[a, b]
    for j in range(p):
        hess[j, j] += constraint(A.kind[j], th[j], aux[j], A.width[j])[2]
    return hess
