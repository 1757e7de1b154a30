"""Unified intervals with nuisance parameters, calibrated by toys.

G. J. Feldman, R. D. Cousins, Phys. Rev. D 57 (1998) 3873: a value is accepted if the
ratio of its likelihood to that of the best fit is as large as in a share `cl` of
experiments with this value. Nuisance parameters are profiled, in data and toys; toys
are drawn with them at their best values for the data.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nuem.analysis.inference.likelihood import Likelihood
from nuem.analysis.inference.profile import Profile, crossings, profile, start_grid
from nuem.analysis.inference.toys import DIGITS, throw
from nuem.inputs.errors import InferenceError, InputError
from nuem.inputs.files import read_json, write_json

__all__ = [
    "Belt", "Region", "calibrate", "expected_edges", "region", "scan_for_belt",
]  # fmt: skip

_Array = NDArray[np.float64]
_SCHEMA = "nuem-belt-1"


@dataclass(frozen=True)
class Belt:
    """Critical values of -2 ln of the likelihood ratio against a parameter.

    Attributes
    ----------
    parameter : str
    cl : float
    values, critical : ndarray, shape (n,)
        Values of the parameter, and what the ratio may be there.
    low, high : ndarray, shape (n,)
        Smallest and largest best fit among the accepted toys: the belt as it is drawn.
    toys, failed, seed : int
        Toys at each value, failed fits of all, seed.
    auxiliary : str
        ``unconditional`` where toys fluctuate auxiliary data, else ``conditional``.
    """

    parameter: str
    cl: float
    values: _Array
    critical: _Array
    low: _Array
    high: _Array
    toys: int
    failed: int
    seed: int
    auxiliary: str = "unconditional"

    def invert(self, scan: Profile) -> tuple[tuple[float, float], ...]:
        """Islands of accepted values of a measurement."""
        return crossings(scan.values, scan.rise, self.at(scan.values))

    def at(self, values: _Array) -> _Array:
        """Critical values between those of the belt."""
        return np.interp(values, self.values, self.critical)

    def save(self, path: str | Path) -> Path:
        """Write the belt as JSON."""
        document = {
            key: value.tolist() if isinstance(value, np.ndarray) else value
            for key, value in asdict(self).items()
        }
        return write_json(path, {"schema": _SCHEMA, **document})

    @classmethod
    def load(cls, path: str | Path) -> Belt:
        """Read a belt.

        Raises
        ------
        InputError
            If the file is something else.
        """
        document = read_json(path)
        if not isinstance(document, Mapping) or document.get("schema") != _SCHEMA:
            raise InputError("not a belt", file=path, expected=_SCHEMA)
        arrays = ("values", "critical", "low", "high")
        try:
            values: dict[str, Any] = {
                key: np.asarray(value, float) if key in arrays else value
                for key, value in document.items()
                if key != "schema"
            }
            return cls(**values)
        except (TypeError, ValueError) as error:
            raise InputError(f"damaged belt ({error})", file=path) from None


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
        Number of values, spread over the scan.
    values : ndarray, optional
        The values instead.
    fluctuate_aux : bool
        Unconditional toys, which fluctuate auxiliary data, or conditional ones.
    threads : int, optional
        Number of threads.
    progress : callable, optional
        Told in a few words what is being done.
    **keep
        ``keep`` and ``shard`` of `throw`.

    Returns
    -------
    Belt

    Raises
    ------
    InferenceError
        If no toy can be fitted at a value.
    """
    say = progress or (lambda _: None)
    index = likelihood.index(scan.parameter)
    if values is None:
        values = np.linspace(scan.values[0], scan.values[-1], points)
        if values[0] < 0 < values[-1]:
            values = np.unique([*values, 0.0])
    starts = (
        start_grid(likelihood, index)
        if len(scan.minima) > 1 or _curved(likelihood)
        else None
    )
    critical, low, high = (np.empty(len(values)) for _ in range(3))
    failed = 0
    truth = scan.best.values
    for k, value in enumerate(values):
        say(f"toys at {value:.3g} ({k + 1} of {len(values)})")
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
            fluctuate_aux=fluctuate_aux, threads=threads, **keep,
        )  # fmt: skip
        good = toys.status == 0
        if not good.any():
            raise InferenceError(
                "no toy could be fitted", file=likelihood.name, field=scan.parameter
            )
        critical[k] = _critical(toys.statistic[good], cl)
        accepted = toys.best_fit[good & (toys.statistic <= critical[k]), 0]
        low[k], high[k] = accepted.min(), accepted.max()
        failed += toys.failed
    return Belt(
        parameter=scan.parameter, cl=cl, values=np.asarray(values, float),
        critical=critical, low=low, high=high, toys=count, failed=failed, seed=seed,
        auxiliary="unconditional" if fluctuate_aux else "conditional",
    )  # fmt: skip


def _critical(statistic: _Array, cl: float) -> float:
    """What the ratio may be, and still be exceeded by a share of 1 - cl at most."""
    return float(np.quantile(statistic, cl, method="higher")) + DIGITS


def expected_edges(
    likelihood: Likelihood,
    belt: Belt,
    null: _Array,
    *,
    count: int = 400,
    seed: int = 1,
    threads: int | None = None,
) -> tuple[_Array, int]:
    """Upper edges of the intervals of toys at a point, and the number of failed fits.

    Parameters
    ----------
    likelihood : Likelihood
    belt : Belt
    null : ndarray, shape (p,)
        Values of all parameters, without signal.
    count, seed : int
    threads : int, optional

    Returns
    -------
    edges : ndarray
        One for each toy that could be fitted.
    failed : int
    """
    from nuem.analysis.inference import ensemble, kernels

    arrays = likelihood.arrays
    index = likelihood.index(belt.parameter)
    slots = np.array([list(arrays.outer).index(index)], dtype=np.int64)
    starts = start_grid(likelihood, index) if _curved(likelihood) else np.zeros((0, 1))
    means, aux_means = likelihood.expected(null), likelihood.expected_aux(null)
    values = np.unique(
        [*np.linspace(belt.values[0], belt.values[-1], 61), *belt.values]
    )
    critical = belt.at(values)
    rises, best = np.empty((count, values.size)), np.empty(count)
    status = np.zeros(count, dtype=np.int64)

    def block(first: int) -> None:
        last = min(first + 50, count)
        ensemble.run_scans(
            arrays, np.ascontiguousarray(null), values, means, aux_means, True,
            likelihood.outer_free, slots, starts, 1e-4, seed, 7919, first,
            kernels.scratch(arrays), rises[first:last], best[first:last],
            status[first:last],
        )  # fmt: skip

    block(count)  # no toys, but compiled: two threads that compile at once may fail
    with ThreadPoolExecutor(threads or 2) as pool:
        list(pool.map(block, range(0, count, 50)))
    edges = [
        found[-1][1]
        for rise, bad in zip(rises, status, strict=True)
        if bad == 0 and (found := crossings(values, rise, critical))
    ]
    return np.array(edges), int(np.count_nonzero(status))


def _curved(likelihood: Likelihood) -> bool:
    """Whether the coupling enters with a power above 1: several minima may be there."""
    return bool((likelihood.arrays.factor_power > 1).any())


@dataclass(frozen=True)
class Region:
    """A region of two parameters.

    Attributes
    ----------
    parameters : tuple of str
    x, y : ndarray
        Values of the first and of the second parameter.
    rise, critical : ndarray, shape (x, y)
        -2 ln of the likelihood ratio of the data, and its critical values.
    best_fit : tuple of float
    cl : float
    toys, failed, seed : int
    """

    parameters: tuple[str, str]
    x: _Array
    y: _Array
    rise: _Array
    critical: _Array
    best_fit: tuple[float, float]
    cl: float
    toys: int
    failed: int
    seed: int

    @property
    def accepted(self) -> NDArray[np.bool_]:
        """Where both parameters are inside, shape (x, y)."""
        return self.rise <= self.critical


def region(
    likelihood: Likelihood,
    parameters: Sequence[str],
    x: _Array,
    y: _Array,
    *,
    cl: float = 0.9,
    count: int = 500,
    seed: int = 1,
    threads: int | None = None,
) -> Region:
    """Unified region of two parameters, calibrated by toys at each point of a grid.

    Parameters
    ----------
    likelihood : Likelihood
    parameters : sequence of str
        Two of them.
    x, y : ndarray
        Values that are tested.
    cl : float
    count : int
        Toys at each point; 0 takes the asymptotic critical value of two parameters.
    seed : int
    threads : int, optional

    Returns
    -------
    Region

    Raises
    ------
    InputError
        If there are not two such parameters.
    """
    from scipy.special import chdtri

    if len(parameters) != 2:
        raise InputError("parameters", found=len(parameters), expected=2)
    i, j = (likelihood.index(name) for name in parameters)
    x, y = np.asarray(x, float), np.asarray(y, float)
    heights = np.empty((x.size, y.size))
    critical = np.full((x.size, y.size), float(chdtri(2, 1 - cl)))
    points = np.array(
        [(a, b) for a in x[:: max(x.size // 5, 1)] for b in y[:: max(y.size // 5, 1)]]
    )
    best = likelihood.fit()
    for a, b in points:
        start = best.values.copy()
        start[i], start[j] = a, b
        other = likelihood.fit(start=start)
        if other.converged and other.deviance < best.deviance:
            best = other
    failed = 0
    curved = _curved(likelihood)
    for k, a in enumerate(x):
        for m, b in enumerate(y):
            held = likelihood.fit(fixed={i: float(a), j: float(b)}, start=best.values)
            heights[k, m] = held.deviance - best.deviance
            if not count:
                continue
            toys = throw(
                likelihood, held.values, test=[float(a), float(b)], count=count,
                seed=seed, purpose=f"region {k} {m}", parameters=[i, j],
                starts=points if curved else None, threads=threads,
            )  # fmt: skip
            good = toys.status == 0
            failed += toys.failed
            critical[k, m] = _critical(toys.statistic[good], cl)
    return Region(
        parameters=(parameters[0], parameters[1]), x=x, y=y,
        rise=np.maximum(heights, 0.0), critical=critical,
        best_fit=(float(best.values[i]), float(best.values[j])), cl=cl, toys=count,
        failed=failed, seed=seed,
    )  # fmt: skip


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
