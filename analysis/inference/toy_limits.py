"""CLs from toys: where the asymptotic formulae fail, or to check them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nuem.analysis.inference.asymptotic import Asymptotic, CLsCurve
from nuem.analysis.inference.likelihood import Likelihood
from nuem.analysis.inference.toys import DIGITS, Countdown, Toys, throw
from nuem.inputs.errors import InferenceError

__all__ = ["ToyCLs", "discovery", "effective_counts", "throw_cls", "toy_cls"]

_Array = NDArray[np.float64]
_SIGMAS = (-2.0, -1.0, 0.0, 1.0, 2.0)


@dataclass(frozen=True)
class ToyCLs:
    """CLs limits from toys.

    Attributes
    ----------
    observed : float
        Upper limit.
    observed_error : float
        Standard deviation of the limit by the number of toys.
    expected : tuple of float
        Quantiles at -2, -1, 0, 1, 2 standard deviations.
    expected_error : tuple of float
    p0, p0_error : float
        Share of toys without signal that look at least as much like signal.
    scan : dict
        ``poi``, ``observed`` and ``expected`` CLs.
    count, failed, seed : int
    read, thrown : int
        Toys that were found in the folder of kept ones, and those that were not.
    """

    observed: float
    observed_error: float
    expected: tuple[float, ...]
    expected_error: tuple[float, ...]
    p0: float
    p0_error: float
    scan: dict[str, Any]
    count: int
    failed: int
    seed: int
    read: int
    thrown: int


def effective_counts(likelihood: Likelihood, null: _Array) -> float:
    """Events without signal under the signal: asymptotic formulae want many.

    The sum over bins of s divided by the sum of s^2 / b says how many events the bins
    that carry the weight s^2 / b hold: (sum s)^2 / sum(s^2 / b) with s the signal.
    """
    one = null.copy()
    base = likelihood.expected(null)
    low, high = likelihood.poi_bounds
    one[likelihood.poi] = null[likelihood.poi] + min(1.0, high - low)
    signal = np.abs(likelihood.expected(one) - base)
    where = (signal > 0) & (base > 0)
    if not where.any():
        return 0.0
    weight = signal[where] ** 2 / base[where]
    return float(np.sum(weight * base[where]) / np.sum(weight) * _participation(weight))


def _participation(weight: _Array) -> float:
    """How many bins share the weight."""
    return float(weight.sum() ** 2 / np.sum(weight**2))


@dataclass(frozen=True)
class _Point:
    """Toys at a tested value: with signal, and the same without signal at every value."""

    mu: float
    signal: Toys
    background: Toys


class _Thrower:
    """Throws the toys of CLs at one value after another."""

    def __init__(
        self,
        likelihood: Likelihood,
        null: _Array,
        steps: int,
        *,
        count: int,
        seed: int,
        progress: Callable[[str], None] | None = None,
        **how: Any,
    ) -> None:
        self._likelihood, self._null = likelihood, null
        self._how = {"count": count, "seed": seed, **how}
        self._countdown = Countdown(progress, 2 * steps + 1)
        self._steps = 0

    def _throw(self, truth: _Array, mu: float, purpose: str, what: str) -> Toys:
        told = self._countdown.at(self._steps, what)
        self._steps += 1
        return throw(
            self._likelihood, truth, test=[mu], purpose=purpose, progress=told,
            **self._how,
        )  # fmt: skip

    def at(self, mu: float, number: int) -> _Point:
        likelihood = self._likelihood
        held = likelihood.fit(fixed={likelihood.poi: mu}, start=self._null)
        if not held.converged:
            raise InferenceError(
                "the fit did not converge", file=likelihood.name,
                field=likelihood.poi_name, found=f"{mu:g}",
            )  # fmt: skip
        what = f"toys at {mu:.3g}"
        return _Point(
            mu, self._throw(held.values, mu, f"signal {number}", what),
            self._throw(self._null, mu, "background", what),
        )  # fmt: skip

    def without_signal(self) -> Toys:
        nothing = float(self._null[self._likelihood.poi])
        return self._throw(self._null, nothing, "discovery", "toys without signal")


def _grid(likelihood: Likelihood, guide: Asymptotic, points: int) -> _Array:
    """Values around the asymptotic limits."""
    low, high = likelihood.poi_bounds
    top = min(1.6 * max(guide.observed, *guide.expected), high)
    bottom = max(0.4 * min(guide.observed, *guide.expected), low)
    grid = [float(f"{mu:.4g}") for mu in np.geomspace(bottom, top, points)]
    return np.unique(np.clip(grid, low, high))


def throw_cls(
    likelihood: Likelihood,
    curve: CLsCurve,
    guide: Asymptotic,
    *,
    points: int = 13,
    **how: Any,
) -> int:
    """Throw a shard of the toys of `toy_cls`, without looking for a limit.

    Parameters
    ----------
    likelihood, curve, guide, points
        As for `toy_cls`.
    **how
        ``count``, ``seed``, ``shard`` and ``keep``, and what else `toy_cls` takes.

    Returns
    -------
    int
        Number of toys that are now kept.
    """
    grid = _grid(likelihood, guide, points)
    thrower = _Thrower(likelihood, curve.background.values, grid.size, **how)
    made = thrower.without_signal().status.size
    for k, mu in enumerate(grid):
        point = thrower.at(float(mu), k)
        made += point.signal.status.size + point.background.status.size
    return made


def toy_cls(
    likelihood: Likelihood,
    curve: CLsCurve,
    guide: Asymptotic,
    *,
    cl: float,
    count: int,
    seed: int,
    points: int = 13,
    progress: Callable[[str], None] | None = None,
    **how: Any,
) -> ToyCLs:
    """CLs upper limits from toys at values around the asymptotic limits.

    Every experiment without signal has a CLs at each value; the expected limits are
    where quantiles of these fall to 1 - cl, so that they are in order.

    Parameters
    ----------
    likelihood : Likelihood
        With a parameter of interest that is not negative.
    curve : CLsCurve
        Fits of the data.
    guide : Asymptotic
        Where to look.
    cl : float
    count : int
        Toys at each value with signal, and as many without.
    seed, points : int
    progress : callable, optional
        Told in a few words what is being done.
    **how
        ``fluctuate_aux``, ``threads`` and ``keep`` of `throw`.

    Returns
    -------
    ToyCLs

    Raises
    ------
    InferenceError
        If CLs does not fall to 1 - cl within the bounds.
    """
    grid = _grid(likelihood, guide, points)
    high = likelihood.poi_bounds[1]
    null = curve.background.values
    thrower = _Thrower(
        likelihood, null, grid.size, count=count, seed=seed, progress=progress, **how
    )
    zero = thrower.without_signal()
    observed: list[_Tested] = []
    expected: list[list[_Tested]] = []
    everything = [zero]
    k = 0
    while k < grid.size:
        mu = float(grid[k])
        point = thrower.at(mu, k)
        everything += [point.signal, point.background]
        ratio = _Ratio(one_sided(point.signal, mu), one_sided(point.background, mu))
        observed.append(ratio.at(curve.q(mu)))
        expected.append(ratio.expected())
        k += 1
        largest = max(observed[-1].cls, *(tested.cls for tested in expected[-1]))
        if k == grid.size and largest > 1 - cl and grid.size < 3 * points:
            if grid[-1] >= high:
                break
            grid = np.append(grid, min(float(f"{1.3 * grid[-1]:.4g}"), high))
    labels = ("observed", *(f"expected at {n:+g} sigma" for n in _SIGMAS))
    columns = [observed, *map(list, zip(*expected, strict=True))]
    limits, errors = zip(
        *(
            _limit(grid, column, 1 - cl, count, likelihood, which)
            for which, column in zip(labels, columns, strict=True)
        ),
        strict=True,
    )
    p0, p0_error = _share(zero, curve.q0)
    read = sum(toys.read for toys in everything)
    return ToyCLs(
        observed=limits[0], observed_error=errors[0], expected=tuple(limits[1:]),
        expected_error=tuple(errors[1:]), p0=p0, p0_error=p0_error,
        scan={
            "poi": [max(likelihood.poi_bounds[0], 0.0), *grid.tolist()],
            "observed": [1.0, *(tested.cls for tested in observed)],
            "expected": [[1.0] * 5, *([t.cls for t in five] for five in expected)],
        },
        count=count, failed=sum(toys.failed for toys in everything), seed=seed,
        read=read, thrown=sum(toys.status.size for toys in everything) - read,
    )  # fmt: skip


def discovery(
    likelihood: Likelihood,
    null: _Array,
    rise: float,
    *,
    starts: _Array | None = None,
    **how: Any,
) -> tuple[float, float, Toys]:
    """p-value of data without signal by toys of -2 ln L(no signal) / L(best fit).

    Parameters
    ----------
    likelihood : Likelihood
    null : ndarray, shape (p,)
        Values of all parameters without signal.
    rise : float
        The statistic of the data.
    starts : ndarray, optional
        As in `throw`.
    **how
        What else `throw` takes.

    Returns
    -------
    p0, error : float
        The share of toys with as large a statistic, and its standard deviation.
    toys : Toys
    """
    nothing = float(null[likelihood.poi])
    toys = throw(
        likelihood, null, test=[nothing], purpose="discovery", starts=starts, **how
    )
    return *_share(toys, rise), toys


def _share(toys: Toys, q: float) -> tuple[float, float]:
    """Share of toys at or above a value, the data counted as one; and its error."""
    good = toys.statistic[toys.status == 0]
    share = (np.count_nonzero(good >= q - DIGITS) + 1) / (good.size + 1)
    return float(share), float(np.sqrt(share * (1 - share) / (good.size + 1)))


def one_sided(toys: Toys, mu: float) -> _Array:
    """q-tilde of the toys, rising: 0 where more is seen than is tested."""
    good = toys.status == 0
    statistic = toys.statistic[good]
    return np.sort(np.where(toys.best_fit[good, 0] > mu, 0.0, statistic))


@dataclass(frozen=True)
class _Tested:
    """CLs at a value, with errors relative to it.

    `signal` and `background` are those by the toys of each kind; `low` and `high` what
    CLs would be if the quantile, which CLs of toys it is, were one of its errors lower
    or higher.
    """

    cls: float
    signal: float
    background: float
    low: float
    high: float


class _Ratio:
    """CLs against the statistic: shares of toys at or above it, with over without."""

    def __init__(self, with_signal: _Array, without: _Array) -> None:
        if not with_signal.size or not without.size:
            raise InferenceError("no toy could be fitted")
        self._signal, self._background = with_signal, without

    def _tail(self, ordered: _Array, q: _Array) -> _Array:
        below = np.searchsorted(ordered, q - DIGITS, side="left")
        return np.asarray((ordered.size - below) / ordered.size)

    def _cls(self, q: _Array) -> tuple[_Array, _Array, _Array]:
        """CLs, and the two shares that it is made of."""
        signal = self._tail(self._signal, q)
        # no toy at all: one is the most that there could have been
        background = np.maximum(
            self._tail(self._background, q), 1.0 / self._background.size
        )
        return np.minimum(signal / background, 1.0), signal, background

    def at(self, q: float) -> _Tested:
        """CLs of a statistic."""
        cls, signal, background = (float(x[0]) for x in self._cls(np.array([q])))
        return _Tested(cls, *self._errors(signal, background), cls, cls)

    def _errors(self, signal: float, background: float) -> tuple[float, float]:
        """Binomial errors of the two shares, relative to them."""
        n, m = self._signal.size, self._background.size
        signal = max(signal, 1.0 / n)
        return (
            float(np.sqrt((1 - signal) / (n * signal))),
            float(np.sqrt((1 - background) / (m * background))),
        )

    def expected(self) -> list[_Tested]:
        """Quantiles of CLs of experiments without signal, the smallest first."""
        from scipy.special import ndtr

        cls, signal, background = self._cls(self._background)
        order = np.argsort(cls, kind="stable")
        size = order.size

        def place(p: float) -> int:
            return int(np.clip(np.ceil(p * size - 1e-9) - 1, 0, size - 1))

        found = []
        for share in ndtr(np.array(_SIGMAS)):
            error = float(np.sqrt(share * (1 - share) / size))
            k = order[place(share)]
            low, high = (order[place(share + sign * error)] for sign in (-1, 1))
            found.append(
                _Tested(
                    float(cls[k]), *self._errors(float(signal[k]), float(background[k])),
                    float(cls[low]), float(cls[high]),
                )
            )  # fmt: skip
        return found


def _limit(
    grid: _Array,
    column: list[_Tested],
    alpha: float,
    count: int,
    likelihood: Likelihood,
    which: str,
) -> tuple[float, float]:
    """Where CLs falls to alpha for the last time, and the standard deviation of that.

    Toys with signal are others at each value, those without are the same.
    """
    cls, signal, background, low, high = (
        np.array(values)
        for values in zip(
            *((t.cls, t.signal, t.background, t.low, t.high) for t in column),
            strict=True,
        )
    )
    above = np.flatnonzero(cls > alpha)
    if above.size and above[-1] + 1 == cls.size:
        raise InferenceError(
            f"no upper limit in range ({which})", file=likelihood.name,
            field=likelihood.poi_name, found=f"CLs = {cls[-1]:.3g} at {grid[-1]:g}",
            expected=f"below {alpha:.3g}",
        )  # fmt: skip
    start = max(likelihood.poi_bounds[0], 0.0)
    # no toy with signal at all: half of one is what there may have been
    cls, low, high = (np.maximum(values, 0.5 / count) for values in (cls, low, high))
    x, slopes, ends = _crossing(grid, cls, alpha, start)
    relative = signal[ends[0] : ends[1]], background[ends[0] : ends[1]]
    weights = slopes[-relative[0].size :]
    variance = np.sum((weights * relative[0]) ** 2) + np.sum(weights * relative[1]) ** 2
    edges = []
    for shifted in (low, high):
        # beyond the values that were looked at there is no more to say than their end
        past = np.flatnonzero(shifted > alpha)
        beyond = past.size and past[-1] + 1 == cls.size
        edges.append(
            float(grid[-1]) if beyond else _crossing(grid, shifted, alpha, start)[0]
        )
    variance += (0.5 * (edges[1] - edges[0])) ** 2
    return x, float(np.sqrt(variance))


def _crossing(
    grid: _Array, cls: _Array, alpha: float, start: float
) -> tuple[float, _Array, tuple[int, int]]:
    """Where CLs crosses alpha, its logarithm interpolated; it is 1 at `start`.

    Returns
    -------
    x : float
    slopes : ndarray, shape (2,)
        Derivatives in the logarithms of the two values between which it lies.
    ends : tuple of int
        Range of these values; one alone where the first is the bound without signal.
    """
    above = np.flatnonzero(cls > alpha)
    k = int(above[-1]) if above.size else -1
    x0, y0 = (grid[k], cls[k]) if k >= 0 else (start, 1.0)
    x1, y1 = grid[k + 1], cls[k + 1]
    fall = np.log(y0 / y1)
    share = np.log(y0 / alpha) / fall
    slopes = (x1 - x0) / fall * np.array([1 - share, share])
    return float(x0 + share * (x1 - x0)), slopes, (max(k, 0), k + 2)
