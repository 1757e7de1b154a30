"""Unified regions of two parameters, calibrated by toys."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nuem.analysis.inference.belts import critical_value
from nuem.analysis.inference.likelihood import Likelihood, Minimum
from nuem.analysis.inference.profile import profile
from nuem.analysis.inference.toys import Countdown, auxiliary, throw
from nuem.inputs.errors import InferenceError, InputError

__all__ = ["Region", "region", "region_spans"]

_Array = NDArray[np.float64]
_Index = NDArray[np.int64]
#: How often the range of a region is widened by a quarter to each side that it touches.
_WIDENINGS = 20


@dataclass(frozen=True)
class Region:
    """A region of two parameters.

    Attributes
    ----------
    parameters : tuple of str
    x, y : ndarray
        Values of the first and of the second parameter.
    rise, critical : ndarray, shape (x, y)
        -2 ln of the likelihood ratio of the data, infinite where a bin would expect less
        than nothing, and its critical values.
    error : ndarray, shape (x, y)
        Standard deviation of the critical values by the number of toys; 0 without.
    best_fit : tuple of float
    cl : float
    toys, failed, seed : int
        Toys at each of the points that have toys, failed fits of all, seed.
    toy_points : tuple of int
        Number of values of each parameter that have toys; critical values of others are
        interpolated.
    auxiliary : str
        ``unconditional`` or ``conditional`` toys.
    read, thrown : int
        Toys that were found in the folder of kept ones, and those that were not.
    """

    parameters: tuple[str, str]
    x: _Array
    y: _Array
    rise: _Array
    critical: _Array
    error: _Array
    best_fit: tuple[float, float]
    cl: float
    toys: int
    failed: int
    seed: int
    toy_points: tuple[int, int]
    auxiliary: str
    read: int
    thrown: int

    @property
    def accepted(self) -> NDArray[np.bool_]:
        """Where both parameters are inside, shape (x, y)."""
        return self.rise <= self.critical

    @property
    def calibration(self) -> str:
        """Where the critical values come from."""
        if not self.toys:
            return "asymptotic"
        if self.toy_points == (self.x.size, self.y.size):
            return f"toys ({self.auxiliary})"
        across, up = self.toy_points
        return f"toys ({self.auxiliary}, at {across} x {up} points, interpolated)"


def region(
    likelihood: Likelihood,
    parameters: Sequence[str],
    x: _Array,
    y: _Array,
    *,
    cl: float = 0.9,
    count: int = 500,
    seed: int = 1,
    toy_points: int | None = None,
    fluctuate_aux: bool = True,
    threads: int | None = None,
    progress: Callable[[str], None] | None = None,
    **keep: Any,
) -> Region:
    """Unified region of two parameters, calibrated by toys at points of a grid.

    Parameters
    ----------
    likelihood : Likelihood
    parameters : sequence of str
        Two of them.
    x, y : ndarray
        Values that are tested, rising.
    cl : float
    count : int
        Toys at each point; 0 takes the asymptotic critical value of two parameters.
    seed : int
    toy_points : int, optional
        How many of the values of each parameter have toys, where these are dear: the
        first, the last, and some in between. Critical values of the other points are
        interpolated, bilinearly. All by default.
    fluctuate_aux : bool
        Unconditional toys, which fluctuate auxiliary data, or conditional ones, which
        have those that were observed.
    threads : int, optional
    progress : callable, optional
        Told in a few words what is being done.
    **keep
        ``keep`` and ``shard`` of `throw`. The region of a shard has its toys alone.

    Returns
    -------
    Region

    Raises
    ------
    InputError
        If there are not two such parameters, free ones of more than single bins, or the
        values are not rising.
    InferenceError
        If a fit of the data does not converge, no toy can be fitted at a point, or bins
        expect less than nothing at all points, or at all of those with toys.
    """
    from scipy.special import chdtri

    if len(parameters) != 2 or len(set(parameters)) != 2:
        raise InputError(
            "parameters", found=", ".join(parameters), expected="two different ones"
        )
    pair = [likelihood.index(name) for name in parameters]
    for i in pair:
        likelihood.check_free(i)
    if count:
        likelihood.outer_slots(pair)
    x, y = np.asarray(x, float), np.asarray(y, float)
    for name, values in zip(parameters, (x, y), strict=True):
        if values.ndim != 1 or values.size < 2 or not (np.diff(values) > 0).all():
            raise InputError(
                "values of a region", field=name, found=values.size,
                expected="two or more, rising",
            )  # fmt: skip
    best, held = _surface(likelihood, pair, x, y)
    rise = np.array([[m.deviance for m in row] for row in held]) - best.deviance
    if np.isinf(rise).all():
        raise InferenceError(
            "bins expect less than nothing at all points", file=likelihood.name,
            field=" and ".join(parameters), expected="other ranges",
        )  # fmt: skip
    critical = np.full(rise.shape, float(chdtri(2, 1 - cl)))
    error = np.zeros(rise.shape)
    places = _spread(x.size, toy_points), _spread(y.size, toy_points)
    failed = read = thrown = 0
    if count:
        coarse = np.empty((places[0].size, places[1].size))
        coarse_error = np.empty(coarse.shape)
        countdown = Countdown(progress, coarse.size)
        starts = _coarse(x, y) if likelihood.curved else None
        for step, (k, m) in enumerate(np.ndindex(*coarse.shape)):
            a, b = places[0][k], places[1][m]
            if not np.isfinite(rise[a, b]):
                coarse[k, m] = coarse_error[k, m] = np.nan
                continue
            toys = throw(
                likelihood, held[a][b].values, test=[float(x[a]), float(y[b])], count=count, seed=seed,
                purpose=f"region {a} {b}", parameters=pair, starts=starts,
                fluctuate_aux=fluctuate_aux, threads=threads,
                progress=countdown.at(step, f"toys at {x[a]:.3g}, {y[b]:.3g}"), **keep,
            )  # fmt: skip
            good = toys.status == 0
            if not good.any():
                raise InferenceError(
                    "no toy could be fitted", file=likelihood.name,
                    field=" and ".join(parameters), found=f"{x[a]:g}, {y[b]:g}",
                )  # fmt: skip
            failed += toys.failed
            read += toys.read
            thrown += toys.status.size - toys.read
            coarse[k, m], least, most = critical_value(toys.statistic[good], cl)
            coarse_error[k, m] = 0.5 * (most - least)
        if np.isnan(coarse).all():
            raise InferenceError(
                "bins expect less than nothing at all points with toys",
                file=likelihood.name, field=" and ".join(parameters),
                expected="other ranges, or toys at more points",
            )  # fmt: skip
        coarse, coarse_error = _filled(coarse), _filled(coarse_error)
        critical = _between(x, y, places, coarse)
        error = np.sqrt(_between(x, y, places, coarse_error**2))
    return Region(
        parameters=(parameters[0], parameters[1]), x=x, y=y, rise=np.maximum(rise, 0.0),
        critical=critical, error=error, cl=cl, toys=count, failed=failed, seed=seed,
        best_fit=(float(best.values[pair[0]]), float(best.values[pair[1]])),
        toy_points=(places[0].size, places[1].size), auxiliary=auxiliary(fluctuate_aux),
        read=read, thrown=thrown,
    )  # fmt: skip


def region_spans(
    likelihood: Likelihood, parameters: Sequence[str], reach: float, points: int = 15
) -> tuple[tuple[float, float], tuple[float, float]]:
    """Ranges of two parameters in which -2 ln L rises by less than `reach`.

    Parameters
    ----------
    likelihood : Likelihood
    parameters : sequence of str
        Two of them.
    reach : float
    points : int
        Values of each at which it is looked.

    Returns
    -------
    tuple of (float, float)
        Lowest and highest value of the first parameter, and of the second.

    Raises
    ------
    InferenceError
        If a fit does not converge.
    """
    pair = [likelihood.index(name) for name in parameters]
    bounds = [(likelihood.arrays.low[i], likelihood.arrays.high[i]) for i in pair]
    ends = []
    for name in parameters:
        alone = profile(likelihood, parameter=name, points=3, reach=reach)
        ends.append([float(alone.values[0]), float(alone.values[-1])])
    for _ in range(_WIDENINGS):
        x, y = (np.linspace(low, high, points) for low, high in ends)
        best, held = _surface(likelihood, pair, x, y, every=False)
        rise = np.array([[m.deviance for m in row] for row in held]) - best.deviance
        # lower than a side where the bottom of a valley lies between two points
        near = rise <= 2.0 * reach
        sides = [(near[0].any(), near[-1].any()), (near[:, 0].any(), near[:, -1].any())]
        wider = False
        for end, (low, high), (down, up) in zip(ends, bounds, sides, strict=True):
            step = 0.25 * (end[1] - end[0])
            if down and end[0] > low:
                end[0], wider = max(end[0] - step, float(low)), True
            if up and end[1] < high:
                end[1], wider = min(end[1] + step, float(high)), True
        if not wider:
            break
    level = max(2.0 * reach, float(rise.min()))
    return _span(x, rise.min(axis=1), level), _span(y, rise.min(axis=0), level)


def _span(values: _Array, rise: _Array, level: float) -> tuple[float, float]:
    """Range of the values below a level, and one more on either side."""
    at = np.flatnonzero(rise <= level)
    low, high = max(at[0] - 1, 0), min(at[-1] + 1, values.size - 1)
    return float(values[low]), float(values[high])


def _coarse(x: _Array, y: _Array) -> _Array:
    """Points from whose valleys fits of both parameters begin, shape (n, 2)."""
    return np.array(
        [(a, b) for a in x[:: max(x.size // 5, 1)] for b in y[:: max(y.size // 5, 1)]]
    )


def _surface(
    likelihood: Likelihood,
    pair: Sequence[int],
    x: _Array,
    y: _Array,
    *,
    every: bool = True,
) -> tuple[Minimum, list[list[Minimum]]]:
    """The best fit of all, and the fits with both parameters held at each point.

    Each point is fitted from the best fit and from its neighbours, there and back, and
    the lowest is taken. A point below the best fit is where that begins anew. A point
    where a bin would expect less than nothing is infinitely high; another one without a
    fit is an error, or as high where not `every` one is wanted.
    """
    best = likelihood.fit()
    for a, b in _coarse(x, y):
        best = _lower(best, likelihood.fit(start=_moved(best.values, pair, a, b)))
    held: list[list[Minimum | None]] = [[None] * y.size for _ in x]
    for order in (1, -1):
        for k, m in _snake(x.size, y.size, order):
            here = held[k][m]
            starts = [] if here is not None else [best.values]
            for p, q in ((k - 1, m), (k + 1, m), (k, m - 1), (k, m + 1)):
                beside = held[p][q] if 0 <= p < x.size and 0 <= q < y.size else None
                if beside is not None:
                    starts.append(beside.values)
            at = {pair[0]: float(x[k]), pair[1]: float(y[m])}
            for start in starts:
                found = likelihood.fit(fixed=at, start=start)
                here = found if here is None else _lower(here, found)
            held[k][m] = here
    whole = [[fit for fit in row if fit is not None] for row in held]
    for k, row in enumerate(whole):
        for m, fit in enumerate(row):
            possible = likelihood.possible(fit.values)
            if fit.converged and np.isfinite(fit.deviance) and possible:
                continue
            if every and possible:
                raise InferenceError(
                    "the fit did not converge", file=likelihood.name,
                    field=" and ".join(likelihood.names[i] for i in pair),
                    found=f"{x[k]:g}, {y[m]:g}",
                )  # fmt: skip
            row[m] = replace(fit, deviance=np.inf)
    lowest = min((fit for row in whole for fit in row), key=lambda fit: fit.deviance)
    if lowest.deviance < best.deviance or not best.converged:
        best = _lower(best, likelihood.fit(start=lowest.values))
        # the fit with both held is one that the free fit could have found
        best = _lower(best, lowest)
    if not best.converged:
        raise InferenceError("the fit did not converge", file=likelihood.name)
    likelihood.check_expectation(best.values, "the best fit")
    return best, whole


def _lower(one: Minimum, other: Minimum) -> Minimum:
    """The lower of two fits; one that converged before one that did not."""
    if other.converged and (not one.converged or other.deviance < one.deviance):
        return other
    return one


def _moved(values: _Array, pair: Sequence[int], a: float, b: float) -> _Array:
    moved = values.copy()
    moved[pair[0]], moved[pair[1]] = a, b
    return moved


def _snake(rows: int, columns: int, order: int) -> Iterator[tuple[int, int]]:
    """Points of a grid, each beside the one before, forwards or backwards."""
    path = [
        (k, m if k % 2 == 0 else columns - 1 - m)
        for k in range(rows)
        for m in range(columns)
    ]
    yield from path[::order]


def _spread(size: int, wanted: int | None) -> _Index:
    """Indices of the values that have toys: both ends, evenly in between."""
    if wanted is None:
        return np.arange(size)
    if wanted < 2:
        raise InputError("values with toys", found=wanted, expected="2 or more")
    return np.unique(np.linspace(0, size - 1, min(wanted, size)).round().astype(int))


def _filled(values: _Array) -> _Array:
    """Values of a grid, those that are not there taken from the nearest point."""
    from scipy.ndimage import distance_transform_edt

    missing = np.isnan(values)
    nearest = distance_transform_edt(
        missing, return_distances=False, return_indices=True
    )
    return np.asarray(values[tuple(nearest)])


def _between(
    x: _Array, y: _Array, places: tuple[_Index, _Index], coarse: _Array
) -> _Array:
    """Values at all points from those at some, bilinearly; shape (x, y)."""
    from scipy.interpolate import RegularGridInterpolator

    rule = RegularGridInterpolator((x[places[0]], y[places[1]]), coarse)
    return np.asarray(rule(tuple(np.meshgrid(x, y, indexing="ij"))))
