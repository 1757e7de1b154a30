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
from scipy.special import ndtr

from nuem.analysis.inference.belts import Belt
from nuem.analysis.inference.calibration import Calibration, null_range, toy_starts
from nuem.analysis.inference.likelihood import Likelihood
from nuem.analysis.inference.profile import Profile, profile
from nuem.analysis.inference.regions import Region, region
from nuem.inputs.errors import InferenceError

__all__ = [
    "Background", "Belt", "Calibration", "Region", "calibrate",
    "null_range", "region", "scan_for_belt", "toy_starts",
]  # fmt: skip

_Array = NDArray[np.float64]
_BLOCK = 50


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
        Number of values, spread over the scan; more follow where experiments without
        signal have their upper ends, and around the ends of the intervals of the data
        until it is decided by toys where these are.
    values : ndarray, optional
        These values alone instead.
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
    InputError
        If there are fewer than two points, no values, or some outside of the bounds.
    InferenceError
        If no toy can be fitted at a value.
    """
    calibration = Calibration(
        likelihood, scan, cl=cl, count=count, seed=seed, fluctuate_aux=fluctuate_aux,
        threads=threads, progress=progress, **keep,
    )  # fmt: skip
    if values is not None:
        calibration.throw(values)
        return calibration.belt
    calibration.spread(points)
    if keep.get("shard") is not None:  # a part of the toys decides nothing
        return calibration.belt
    return calibration.decide()


class Background:
    """Scans of experiments without signal.

    Parameters
    ----------
    likelihood : Likelihood
    scan : Profile
        Scan of the data: its parameter is scanned.
    null : ndarray, shape (p,)
        Values of all parameters, without signal.
    values : ndarray
        Where they are scanned, beside the values of belts.
    count, seed : int
    fluctuate_aux : bool
        Unconditional toys, or conditional ones.
    threads : int, optional
    """

    def __init__(
        self,
        likelihood: Likelihood,
        scan: Profile,
        null: _Array,
        values: _Array,
        *,
        count: int = 400,
        seed: int = 1,
        fluctuate_aux: bool = True,
        threads: int | None = None,
    ) -> None:
        self._likelihood, self._index = likelihood, likelihood.index(scan.parameter)
        self._starts = toy_starts(likelihood, scan)
        self._null = np.ascontiguousarray(null, dtype=float)
        self._seed, self._with_aux = seed, fluctuate_aux
        self._threads = threads or 2
        self._values = np.empty(0)
        self._heights = np.empty((count, 0))
        self._least = np.full(count, np.inf)
        self._status = np.zeros(count, dtype=np.int64)
        self._scan(values)

    @property
    def failed(self) -> int:
        """Experiments that could not be fitted."""
        return int(np.count_nonzero(self._status))

    def limits(self, belt: Belt) -> tuple[_Array, _Array]:
        """Quantiles of the upper ends that a belt gives, at -2, -1, 0, 1 and 2 sigma.

        Parameters
        ----------
        belt : Belt

        Returns
        -------
        limits, errors : ndarray, shape (5,)
            Errors are standard deviations by the number of experiments, and by that of
            the toys of the belt.

        Raises
        ------
        InferenceError
            If no experiment could be fitted.
        """
        self._scan(belt.values)
        good = self._status == 0
        rises = self._heights[good] - self._least[good, None]
        ends, errors = belt.upper_ends(self._values, rises)
        if not np.isfinite(ends).any():
            raise InferenceError(
                "no toy without signal could be fitted, or has an end within the belt",
                file=self._likelihood.name,
            )
        # all of the interval lies below the belt
        ends, errors = np.nan_to_num(ends, nan=belt.values[0]), np.nan_to_num(errors)
        shares = ndtr(np.array([-2.0, -1.0, 0.0, 1.0, 2.0]))
        spread = np.sqrt(shares * (1 - shares) / ends.size)
        low, high = (
            np.quantile(ends, np.clip(shares + sign * spread, 0, 1)) for sign in (-1, 1)
        )
        ranked = np.argsort(ends, kind="stable")
        chosen = ranked[np.round(shares * (ends.size - 1)).astype(int)]
        return np.quantile(ends, shares), np.hypot(errors[chosen], 0.5 * (high - low))

    def ends(self, belt: Belt) -> list[tuple[float, float]]:
        """The same limits, and how well they shall be known, for `Calibration.decide`."""
        limits, errors = self.limits(belt)
        return [*zip(limits, 0.5 * errors, strict=True)]

    def _scan(self, values: _Array) -> None:
        """Scan the values at which it has not been done."""
        from nuem.analysis.inference import ensemble, kernels

        new = np.setdiff1d(values, self._values)
        if not new.size:
            return
        likelihood = self._likelihood
        arrays = likelihood.arrays
        slots = likelihood.outer_slots([self._index])
        starts = np.zeros((0, 1)) if self._starts is None else self._starts
        means, aux_means = likelihood.expected(self._null), likelihood.aux
        if self._with_aux:
            aux_means = likelihood.expected_aux(self._null)
        count = self._least.size
        heights, least = np.empty((count, new.size)), np.empty(count)
        status = np.zeros(count, dtype=np.int64)

        def block(first: int) -> None:
            part = slice(first, min(first + _BLOCK, count))
            ensemble.run_scans(
                arrays, self._null, new, means, aux_means, self._with_aux,
                likelihood.outer_free, slots, starts, 1e-4, self._seed, 7919, first,
                kernels.scratch(arrays), heights[part], least[part], status[part],
            )  # fmt: skip

        block(count)  # no toys, but compiled: two threads that compile at once may fail
        with ThreadPoolExecutor(self._threads) as pool:
            list(pool.map(block, range(0, count, _BLOCK)))
        order = np.argsort([*self._values, *new], kind="stable")
        self._values = np.concatenate([self._values, new])[order]
        self._heights = np.hstack([self._heights, heights])[:, order]
        self._least = np.minimum(self._least, least)
        self._status = np.maximum(self._status, status)


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
