"""Unified intervals with nuisance parameters, calibrated by toys.

G. J. Feldman, R. D. Cousins, Phys. Rev. D 57 (1998) 3873: a value is accepted if the
ratio of its likelihood to that of the best fit is as large as in a share `cl` of
experiments with this value. Nuisance parameters are profiled, in data and toys; toys
are drawn with them at their best values for the data.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nuem.analysis.inference.belts import Belt, critical_value
from nuem.analysis.inference.likelihood import Likelihood
from nuem.analysis.inference.profile import Profile, crossings, profile, start_grid
from nuem.analysis.inference.regions import Region, region
from nuem.analysis.inference.toys import Countdown, auxiliary, throw, tidy
from nuem.inputs.errors import InferenceError

__all__ = [
    "Belt", "Region", "calibrate", "expected_edges", "region", "scan_for_belt",
    "toy_starts",
]  # fmt: skip

_Array = NDArray[np.float64]


def calibrate(
    likelihood: Likelihood,
    scan: Profile,
    *,
    cl: float = 0.9,
    count: int = 2000,
    seed: int = 1,
    points: int = 17,
    values: _Array | None = None,
    fluctuate_aux: bool = True,
    threads: int | None = None,
    progress: Callable[[str], None] | None = None,
    **keep: Any,
) -> Belt:
    """Find the critical values of the parameter of a scan with toys.

    Parameters
    ----------
    likelihood : Likelihood
    scan : Profile
        Scan of the data.
    cl : float
        Confidence level.
    count : int
        Toys at each value.
    seed : int
    points : int
        Number of values, spread over the scan; more follow at the same distance where
        the upper ends of experiments without signal lie beyond it.
    values : ndarray, optional
        The values instead.
    fluctuate_aux : bool
        Unconditional toys, which fluctuate auxiliary data, or conditional ones, which
        have those that were observed.
    threads : int, optional
        Number of threads.
    progress : callable, optional
        Told in a few words what is being done.
    **keep
        ``keep`` and ``shard`` of `throw`. The belt of a shard has the toys of that
        alone.

    Returns
    -------
    Belt

    Raises
    ------
    InferenceError
        If no toy can be fitted at a value.
    """
    index = likelihood.index(scan.parameter)
    beyond: list[float] = []
    if values is None:
        beyond = _beyond(likelihood, scan, cl, points)
        values = tidy(np.linspace(scan.values[0], scan.values[-1], points))
        if values[0] < 0 < values[-1]:
            values = np.unique([*values, 0.0])
        values = np.unique(
            np.clip(values, likelihood.arrays.low[index], likelihood.arrays.high[index])
        )
    values = np.array([*values, *beyond])
    starts = toy_starts(likelihood, scan)
    critical, error, low, high = (np.empty(len(values)) for _ in range(4))
    failed = read = 0
    countdown = Countdown(progress, len(values))
    truth = scan.best.values
    for k, value in enumerate(values):
        held = likelihood.fit(fixed={index: float(value)}, start=truth)
        if not held.converged:
            raise InferenceError(
                "the fit did not converge", file=likelihood.name,
                field=scan.parameter, found=f"{value:g}",
            )  # fmt: skip
        truth = held.values
        toys = throw(
            likelihood, truth, test=[float(value)], count=count, seed=seed,
            purpose=f"belt {k}", parameters=[index], starts=starts,
            fluctuate_aux=fluctuate_aux, threads=threads,
            progress=countdown.at(k, f"toys at {value:.3g}"), **keep,
        )  # fmt: skip
        good = toys.status == 0
        if not good.any():
            raise InferenceError(
                "no toy could be fitted", file=likelihood.name, field=scan.parameter
            )
        critical[k], error[k] = critical_value(toys.statistic[good], cl)
        accepted = toys.best_fit[good & (toys.statistic <= critical[k]), 0]
        low[k], high[k] = accepted.min(), accepted.max()
        failed += toys.failed
        read += toys.read
    order = np.argsort(values)
    return Belt(
        parameter=scan.parameter, cl=cl, values=values[order], critical=critical[order],
        error=error[order], low=low[order], high=high[order], toys=count, failed=failed,
        seed=seed, auxiliary=auxiliary(fluctuate_aux), read=read,
    )  # fmt: skip


def _beyond(
    likelihood: Likelihood, scan: Profile, cl: float, points: int
) -> list[float]:
    """Values of a belt beyond the scan of the data, for experiments without signal.

    As far as intervals of 2.5 standard deviations more than the median one reach, by the
    Asimov data, at most as many as there are in the scan.
    """
    from scipy.special import chdtri

    index = likelihood.index(scan.parameter)
    bounds = float(likelihood.arrays.low[index]), float(likelihood.arrays.high[index])
    null = likelihood.fit(fixed={index: min(max(0.0, bounds[0]), bounds[1])})
    counts, aux = likelihood.expected(null.values), likelihood.expected_aux(null.values)
    least = likelihood.fit(start=null.values, observed=counts, aux=aux).deviance
    reach = (float(np.sqrt(chdtri(1, 1 - cl))) + 2.5) ** 2
    width = scan.values[-1] - scan.values[0]
    found: list[float] = []
    for end, bound, side in (
        (scan.values[-1], bounds[1], 1.0),
        (scan.values[0], bounds[0], -1.0),
    ):
        start, place = null.values, float(end)
        for k in range(points + 1):
            if k:
                ahead = end + side * k * width / (points - 1)
                place = float(tidy(np.array([0.0, width, ahead]))[2])
                place = min(max(place, bounds[0]), bounds[1])
            held = likelihood.fit(
                fixed={index: place}, start=start, observed=counts, aux=aux
            )
            # a bin with events would expect none: there are no such experiments
            if not (held.converged and held.deviance < np.inf):
                break
            start = held.values
            if k:
                found.append(place)
            if held.deviance - least > reach or side * (bound - place) <= 0.0:
                break
    return found


def toy_starts(likelihood: Likelihood, scan: Profile) -> _Array | None:
    """Where fits of toys begin as well: several minima may be there.

    That is so where the coupling enters with a power above 1, or the data have them.
    """
    index = likelihood.index(scan.parameter)
    if len(scan.minima) > 1 or likelihood.curved:
        return start_grid(likelihood, index)
    return None


def expected_edges(
    likelihood: Likelihood,
    belt: Belt,
    null: _Array,
    *,
    count: int = 400,
    seed: int = 1,
    fluctuate_aux: bool = True,
    threads: int | None = None,
) -> tuple[_Array, _Array, int]:
    """Upper edges of the intervals of toys at a point.

    Parameters
    ----------
    likelihood : Likelihood
    belt : Belt
    null : ndarray, shape (p,)
        Values of all parameters, without signal.
    count, seed : int
    fluctuate_aux : bool
        Unconditional toys, or conditional ones.
    threads : int, optional

    Returns
    -------
    edges, errors : ndarray
        One for each toy that could be fitted, and its standard deviation by the number
        of toys of the belt.
    failed : int
    """
    from nuem.analysis.inference import ensemble, kernels

    arrays = likelihood.arrays
    index = likelihood.index(belt.parameter)
    slots = likelihood.outer_slots([index])
    starts = start_grid(likelihood, index) if likelihood.curved else np.zeros((0, 1))
    means = likelihood.expected(null)
    aux_means = likelihood.expected_aux(null) if fluctuate_aux else likelihood.aux
    values = np.unique(
        [*np.linspace(belt.values[0], belt.values[-1], 61), *belt.values]
    )
    critical = belt.at(values)
    rises, best = np.empty((count, values.size)), np.empty(count)
    status = np.zeros(count, dtype=np.int64)

    def block(first: int) -> None:
        last = min(first + 50, count)
        ensemble.run_scans(
            arrays, np.ascontiguousarray(null), values, means, aux_means, fluctuate_aux,
            likelihood.outer_free, slots, starts, 1e-4, seed, 7919, first,
            kernels.scratch(arrays), rises[first:last], best[first:last],
            status[first:last],
        )  # fmt: skip

    block(count)  # no toys, but compiled: two threads that compile at once may fail
    with ThreadPoolExecutor(threads or 2) as pool:
        list(pool.map(block, range(0, count, 50)))
    edges, errors = [], []
    for rise, bad in zip(rises, status, strict=True):
        if bad == 0 and (found := crossings(values, rise, critical)):
            edges.append(found[-1][1])
            errors.append(belt.edge_errors(values, rise)[-1][1])
    return np.array(edges), np.array(errors), int(np.count_nonzero(status))


def scan_for_belt(
    likelihood: Likelihood, cl: float = 0.9, points: int = 161
) -> Profile:
    """Scan of the parameter of interest as far as a belt can reach.

    Examples
    --------
    >>> spec = {
    ...     "channels": [{"name": "c", "samples": [
    ...         {"name": "s", "data": [1.0], "modifiers": [
    ...             {"name": "mu", "type": "normfactor", "data": None}]},
    ...         {"name": "b", "data": [3.0], "modifiers": []}]}],
    ...     "observations": [{"name": "c", "data": [5.0]}],
    ...     "measurements": [{"name": "m", "config": {"poi": "mu", "parameters": [
    ...         {"name": "mu", "bounds": [[0.0, 40.0]]}]}}],
    ... }
    >>> likelihood = Likelihood(spec)
    >>> scan = scan_for_belt(likelihood)
    >>> belt = calibrate(likelihood, scan, count=500, points=9)
    >>> (low, high), = belt.invert(scan)
    >>> low < 0.2, 6.0 < high < 8.0
    (True, True)
    """
    from scipy.special import chdtri

    return profile(
        likelihood, points=points, reach=3.0 + 2.2 * float(chdtri(1, 1 - cl))
    )
