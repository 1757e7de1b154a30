"""Toys in compiled code: draw, fit with the parameter held, fit with it free."""

from __future__ import annotations

import math

import numpy as np

from nuem.analysis.inference.compiling import kernel
from nuem.analysis.inference.kernels import evaluate
from nuem.analysis.inference.newton import across, minimise
from nuem.analysis.inference.streams import fluctuate, seed_stream

__all__ = ["fit_globally", "run_toys"]


@kernel
def fit_globally(
    A, th, n, aux, free, tied, slots, starts, tolerance, S, known, best, trial
):  # fmt: skip
    """Fit from `th` and from the valleys of a coarse scan; `best` holds the minimum.

    Parameters
    ----------
    free, tied : ndarray of bool, shape (g,)
        Outer parameters that are fitted; those of them that the scan does not move.
    slots : ndarray of int, shape (k,)
        Outer parameters that the scan moves.
    starts : ndarray, shape (m, k)
        Points of the scan, in order along one line where k is 1; may be empty.
    known : float
        The value at ``S.theta`` where the first fit then begins; nan to begin at `th`.

    Returns
    -------
    tuple
        Half the deviance, status.
    """
    status = 1
    if not math.isnan(known):
        best[:] = S.theta
        value, status, _, _ = minimise(
            A, best, n, aux, free, 100, tolerance, S, known, math.inf
        )  # fmt: skip
    if status != 0:
        best[:] = th
        value, status, _, _ = minimise(
            A, best, n, aux, free, 100, tolerance, S, math.nan, math.inf
        )  # fmt: skip
    m = starts.shape[0]
    if m == 0:
        if status == 0 and A.turn_slot.size > 0:
            value = across(A, best, value, n, aux, free, free, tolerance, S)
        return value, status
    heights = np.empty(m)
    for p in range(m):
        trial[:] = th
        for k in range(slots.size):
            trial[A.outer[slots[k]]] = starts[p, k]
        heights[p] = evaluate(A, trial, n, aux, S)
    for p in range(m):
        if slots.size == 1:
            if (p > 0 and heights[p - 1] < heights[p]) or (
                p + 1 < m and heights[p + 1] <= heights[p]
            ):
                continue
        elif heights[p] > heights.min() + 4.0:
            continue
        if not heights[p] < math.inf:
            continue
        trial[:] = th
        for k in range(slots.size):
            trial[A.outer[slots[k]]] = starts[p, k]
        new, new_status, _, _ = minimise(
            A, trial, n, aux, free, 100, tolerance, S, math.nan, math.inf
        )  # fmt: skip
        if new_status == 0 and (new < value or status != 0):
            value, status = new, 0
            best[:] = trial
    if status == 0 and A.turn_slot.size > 0:
        value = across(A, best, value, n, aux, free, tied, tolerance, S)
    return value, status


@kernel
def run_toys(
    A, truth, test, held, means, aux_means, with_aux, free, slots, starts, tolerance,
    seed, stream, first, S, statistic, best_fit, status,
):  # fmt: skip
    """Fill the results of a range of toys.

    Parameters
    ----------
    truth : ndarray, shape (p,)
        Where the toys are drawn, and where the fits begin.
    test : ndarray, shape (k,)
        Values of the tested parameters in the fit with them held.
    held : bool
        Whether to make the fit with the parameters held; else the statistic is the
        deviance of the free fit.
    means, aux_means : ndarray
        Expectation of counts and auxiliary data.
    first : int
        Number of the first toy; it names the stream of random numbers.
    statistic, status : ndarray, shape (t,)
        -2 ln of the ratio of likelihoods; 0 where both fits converged.
    best_fit : ndarray, shape (t, k)
    """
    state = np.empty(4, dtype=np.uint64)
    n, aux = np.empty(means.size), np.empty(aux_means.size)
    th, best, trial = np.empty(truth.size), np.empty(truth.size), np.empty(truth.size)
    tied = free.copy()
    for k in range(slots.size):
        tied[slots[k]] = False
    for t in range(statistic.size):
        seed_stream(state, seed, stream, first + t)
        fluctuate(state, A.kind, A.width, means, aux_means, n, aux, with_aux)
        th[:] = truth
        fixed_value, bad, known = 0.0, 0, math.nan
        if held:
            for k in range(slots.size):
                th[A.outer[slots[k]]] = test[k]
            fixed_value, bad, _, known = minimise(
                A, th, n, aux, tied, 100, tolerance, S, math.nan, math.inf
            )  # fmt: skip
            if bad:
                known = math.nan
            elif A.turn_slot.size > 0:
                fixed_value = across(
                    A, th, fixed_value, n, aux, tied, tied, tolerance, S
                )
                known = math.nan  # the rooms have held other points since
        value, worse = fit_globally(
            A, th, n, aux, free, tied, slots, starts, tolerance, S, known, best, trial
        )
        for k in range(slots.size):
            best_fit[t, k] = best[A.outer[slots[k]]]
        status[t] = max(bad, worse)
        if held:
            # the held fit is one of those that the free fit could have found
            statistic[t] = max(2.0 * (fixed_value - value), 0.0)
        else:
            statistic[t] = 2.0 * value


@kernel
def run_scans(
    A, truth, values, means, aux_means, with_aux, free, slots, starts, tolerance, seed,
    stream, first, S, heights, lowest, status,
):  # fmt: skip
    """Draw toys and scan one parameter in each.

    Parameters
    ----------
    heights : ndarray, shape (t, values)
        -2 ln L with the parameter held.
    lowest : ndarray, shape (t,)
        The least of those, and of the free fit.
    """
    state = np.empty(4, dtype=np.uint64)
    n, aux = np.empty(means.size), np.empty(aux_means.size)
    th, best, trial = np.empty(truth.size), np.empty(truth.size), np.empty(truth.size)
    tied = free.copy()
    tied[slots[0]] = False
    parameter = A.outer[slots[0]]
    for t in range(status.size):
        seed_stream(state, seed, stream, first + t)
        fluctuate(state, A.kind, A.width, means, aux_means, n, aux, with_aux)
        th[:] = truth
        least, bad = fit_globally(
            A, th, n, aux, free, tied, slots, starts, tolerance, S, math.nan, best, trial
        )  # fmt: skip
        trial[:] = best
        for k in range(values.size):
            trial[parameter] = values[k]
            height, worse, _, _ = minimise(
                A, trial, n, aux, tied, 100, tolerance, S, math.nan, math.inf
            )  # fmt: skip
            if worse == 3:
                # a bin with events would expect none: excluded, and no failure
                heights[t, k] = math.inf
                continue
            bad = max(bad, worse)
            if worse == 0 and A.turn_slot.size > 0:
                height = across(A, trial, height, n, aux, tied, tied, tolerance, S)
            heights[t, k] = 2.0 * height
            least = min(least, height)
        lowest[t] = 2.0 * least
        status[t] = bad
