"""-2 ln L against a parameter: global minimum, islands, profile intervals.

A coupling that enters as g and g^2 has mirror minima. A fit from one point finds one of
them; here the whole range is scanned, and every valley is followed to its bottom.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nuem.analysis.inference.likelihood import Likelihood, Minimum
from nuem.inputs.errors import InferenceError, InputError

__all__ = ["Profile", "crossings", "global_fit", "profile", "range_end", "start_grid"]

_Array = NDArray[np.float64]
#: Points of the scan of the data that looks for minima of a coupling that interferes.
_DENSE = 100


@dataclass(frozen=True)
class Profile:
    """-2 ln L over its minimum, against a parameter.

    Attributes
    ----------
    parameter : str
    values, rise : ndarray, shape (n,)
        Values of the parameter; -2 ln L there less that of the global minimum.
    best : Minimum
    best_fit : float
    minima : tuple of (float, float)
        Every local minimum: place and rise.
    """

    parameter: str
    values: _Array
    rise: _Array
    best: Minimum
    best_fit: float
    minima: tuple[tuple[float, float], ...]

    def intervals(self, critical: float | _Array) -> tuple[tuple[float, float], ...]:
        """Islands where the rise is at most a critical value, or a curve of them."""
        return crossings(self.values, self.rise, critical)


def start_grid(
    likelihood: Likelihood,
    parameter: int,
    points: int = 25,
    around: tuple[float, float] | None = None,
) -> _Array:
    """Points of a coarse scan within the bounds, denser towards 0, shape (m, 1).

    Parameters
    ----------
    likelihood : Likelihood
    parameter : int
    points : int
        How many.
    around : tuple of float, optional
        A range in which, and up to half of it beyond its ends, one and a half times as
        many are spread evenly: a valley can be narrow beside the bounds.
    """
    low, high = likelihood.arrays.low[parameter], likelihood.arrays.high[parameter]
    reach = max(abs(low), abs(high))
    steps = np.sinh(np.linspace(-5, 5, 4 * points)) / np.sinh(5) * reach
    inside = steps[(steps >= low) & (steps <= high)]
    chosen = inside[np.unique(np.linspace(0, inside.size - 1, points).astype(int))]
    if around is not None:
        half = 0.5 * (around[1] - around[0])
        near = np.linspace(around[0] - half, around[1] + half, 3 * points // 2)
        chosen = chosen[(chosen < near[0]) | (chosen > near[-1])]
        chosen = np.union1d(chosen, near[(near >= low) & (near <= high)])
    return np.asarray(chosen.reshape(-1, 1))


def global_fit(
    likelihood: Likelihood,
    parameter: int | None = None,
    *,
    observed: _Array | None = None,
    aux: _Array | None = None,
) -> list[Minimum]:
    """Every minimum that a scan of one parameter finds, the deepest first.

    Raises
    ------
    InferenceError
        If no fit converges.
    """
    index = likelihood.poi if parameter is None else parameter
    first = likelihood.fit(observed=observed, aux=aux)
    found = [first] if first.converged else []
    # another coupling has minima of its own, which a scan of this one does not leave
    for other in likelihood.curved:
        if other == index or likelihood.model.fixed[other]:
            continue
        for place in start_grid(likelihood, other)[:, 0]:
            point = first.values.copy()
            point[other] = place
            fit = likelihood.fit(start=point, observed=observed, aux=aux)
            if fit.converged:
                found.append(fit)
    start = min(found, key=lambda m: m.deviance, default=first).values.copy()
    grid = start_grid(likelihood, index)[:, 0]
    if index in likelihood.curved:
        # the mirror of a minimum lies about as far beyond 0, however wide the bounds are
        size = 2.0 * abs(float(start[index]))
        near = np.linspace(-size, size, _DENSE // 2)
        low, high = likelihood.arrays.low[index], likelihood.arrays.high[index]
        grid = np.union1d(
            start_grid(likelihood, index, _DENSE)[:, 0],
            near[(near >= low) & (near <= high)],
        )
    heights, places = [], []
    for value in grid:
        held = likelihood.fit(
            fixed={index: float(value)}, start=start, observed=observed, aux=aux
        )
        heights.append(held.deviance if held.converged else np.inf)
        places.append(held.values)
    padded = np.array([np.inf, *heights, np.inf])
    for k in np.flatnonzero(
        (padded[1:-1] <= padded[:-2]) & (padded[1:-1] <= padded[2:])
    ):
        # the bottom of this valley, and not the lowest of all
        fit = likelihood.fit(start=places[k], observed=observed, aux=aux, local=True)
        if fit.converged:
            found.append(fit)
    if not found:
        raise InferenceError("the fit did not converge", file=likelihood.name)
    found.sort(key=lambda m: m.deviance)
    span = float(np.ptp(grid)) or 1.0
    kept: list[Minimum] = []
    for fit in found:
        if all(abs(fit.values[index] - k.values[index]) > 1e-6 * span for k in kept):
            kept.append(fit)
    return kept


def profile(
    likelihood: Likelihood,
    *,
    parameter: str | None = None,
    values: _Array | None = None,
    points: int = 101,
    reach: float = 12.0,
) -> Profile:
    """Scan -2 ln L, all other parameters at their best.

    Parameters
    ----------
    likelihood : Likelihood
    parameter : str, optional
        Which one; the parameter of interest by default.
    values : ndarray, optional
        Where; by default as far as -2 ln L rises by `reach`, within the bounds.
    points : int
        Number of values by default.
    reach : float
        Rise at which the default range ends.

    Returns
    -------
    Profile

    Raises
    ------
    InputError
        If there is no such parameter, or the values are not rising.
    InferenceError
        If it is fixed, or the fits do not converge.
    """
    index = likelihood.index(parameter or likelihood.poi_name)
    likelihood.check_free(index)
    minima = global_fit(likelihood, index)
    best = minima[0]
    likelihood.check_expectation(best.values, "the best fit")
    low, high = (
        float(likelihood.arrays.low[index]),
        float(likelihood.arrays.high[index]),
    )

    def rise(at: float, start: _Array) -> tuple[float, _Array]:
        begins = np.vstack([start, *(m.values for m in minima[:3])])
        held = likelihood.fit(fixed={index: at}, start=begins)
        if not held.converged:
            return np.inf, start
        return held.deviance - best.deviance, held.values

    if values is None:
        places = [
            float(m.values[index]) for m in minima if m.deviance < best.deviance + reach
        ]
        left = range_end(rise, min(places), low, best.values, reach)
        right = range_end(rise, max(places), high, best.values, reach)
        values = np.unique([*np.linspace(left, right, points), *places])
    values = np.asarray(values, dtype=float)
    if values.ndim != 1 or not values.size or not (np.diff(values) > 0).all():
        raise InputError(
            "values of a scan", field=likelihood.names[index], found=values.size,
            expected="one or more, rising",
        )  # fmt: skip
    rises = np.full(values.size, np.inf)
    there = np.tile(best.values, (values.size, 1))
    # each from its neighbour, outwards from the best fit: others are nothing like it far
    # away; there and back where there can be several minima: no jumps
    size = values.size
    first = int(np.argmin(np.abs(values - best.values[index])))
    ways = [(first, range(first, size)), (first, range(first - 1, -1, -1))]
    if likelihood.several_minima:
        ways += [(0, range(size)), (size - 1, range(size - 1, -1, -1))]
    for begin, way in ways:
        start = there[begin]
        for k in way:
            height, here = rise(float(values[k]), start)
            if height < rises[k]:
                rises[k], there[k] = height, here
            if rises[k] < np.inf:
                start = there[k]
    return Profile(
        parameter=likelihood.names[index], values=values, rise=np.maximum(rises, 0.0),
        best=best, best_fit=float(best.values[index]),
        minima=tuple((float(m.values[index]), m.deviance - best.deviance) for m in minima),
    )  # fmt: skip


def range_end(
    rise: Callable[[float, _Array], tuple[float, _Array]], at: float, bound: float,
    start: _Array, reach: float,
) -> float:  # fmt: skip
    """Where the rise passes `reach` on the way to a bound, or the last place with a fit."""
    sign = 1.0 if bound > at else -1.0
    first = step = min(0.02 * max(abs(at), 1e-3), abs(bound - at) or 1.0)
    place = at
    while (bound - place) * sign > 0:
        ahead = place + sign * step
        if (bound - ahead) * sign <= 0:
            ahead = bound
        height, there = rise(ahead, start)
        if not height < np.inf:
            # as where a bin with events would expect none: nearer to the last place
            step *= 0.5
            if step < 1e-6 * max(abs(place - at), first):
                return place
            continue
        place, start = ahead, there
        if height > reach:
            return place
        step *= 1.5
    return bound


def crossings(
    values: _Array, rise: _Array, critical: float | _Array
) -> tuple[tuple[float, float], ...]:
    """Intervals in which a curve is at most a critical one, ends interpolated.

    Examples
    --------
    >>> crossings(np.array([0.0, 1.0, 2.0]), np.array([2.0, 0.0, 2.0]), 1.0)
    ((0.5, 1.5),)
    """
    gap = rise - np.broadcast_to(critical, rise.shape)
    inside = gap <= 0
    result = []
    k = 0
    while k < values.size:
        if not inside[k]:
            k += 1
            continue
        low = values[k]
        if k > 0:
            low = np.interp(0.0, [gap[k], gap[k - 1]], [values[k], values[k - 1]])
        while k + 1 < values.size and inside[k + 1]:
            k += 1
        high = values[k]
        if k + 1 < values.size:
            high = np.interp(0.0, [gap[k], gap[k + 1]], [values[k], values[k + 1]])
        result.append((float(low), float(high)))
        k += 1
    return tuple(result)
