"""CLs from toys: where the asymptotic formulae fail, or to check them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nuem.analysis.inference.asymptotic import Asymptotic, CLsCurve
from nuem.analysis.inference.likelihood import Likelihood
from nuem.analysis.inference.toys import DIGITS, Toys, throw
from nuem.inputs.errors import InferenceError

__all__ = ["ToyCLs", "effective_counts", "toy_cls"]

_Array = NDArray[np.float64]
_SIGMAS = (2.0, 1.0, 0.0, -1.0, -2.0)


@dataclass(frozen=True)
class ToyCLs:
    """CLs limits from toys.

    Attributes
    ----------
    observed : float
        Upper limit.
    expected : tuple of float
        Quantiles at -2, -1, 0, 1, 2 standard deviations.
    p0 : float
        Share of toys without signal that look at least as much like signal.
    scan : dict
        ``poi``, ``observed`` and ``expected`` CLs.
    count, failed, seed : int
    """

    observed: float
    expected: tuple[float, ...]
    p0: float
    scan: dict[str, Any]
    count: int
    failed: int
    seed: int


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


def toy_cls(
    likelihood: Likelihood,
    curve: CLsCurve,
    guide: Asymptotic,
    *,
    cl: float,
    count: int,
    seed: int,
    points: int = 13,
    threads: int | None = None,
    progress: Callable[[str], None] | None = None,
    **keep: Any,
) -> ToyCLs:
    """CLs upper limits from toys at values around the asymptotic limits.

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
    threads : int, optional
    progress : callable, optional
    **keep
        ``keep`` and ``shard`` of `throw`.

    Returns
    -------
    ToyCLs

    Raises
    ------
    InferenceError
        If CLs does not fall to 1 - cl within the bounds.
    """
    say = progress or (lambda _: None)
    null = curve.background.values
    top = min(1.6 * max(guide.observed, *guide.expected), likelihood.poi_bounds[1])
    low = 0.4 * min(guide.observed, *guide.expected)
    grid = np.geomspace(low, top, points)
    observed: list[float] = []
    expected: list[_Array] = []
    failed = 0
    k = 0
    while k < grid.size:
        mu = float(grid[k])
        say(f"toys at {mu:.3g} ({k + 1} of {grid.size})")
        held = likelihood.fit(fixed={likelihood.poi: mu}, start=null)
        signal = throw(
            likelihood, held.values, test=[mu], count=count, seed=seed,
            purpose=f"signal {k}", threads=threads, **keep,
        )  # fmt: skip
        without = throw(
            likelihood, null, test=[mu], count=count, seed=seed,
            purpose=f"background {k}", threads=threads, **keep,
        )  # fmt: skip
        failed += signal.failed + without.failed
        q_signal, q_null = one_sided(signal, mu), one_sided(without, mu)
        tail = _Tail(q_signal), _Tail(q_null)
        q = curve.q(mu)
        observed.append(tail[0](q) / max(tail[1](q), 1.0 / count))
        levels = _quantiles(q_null)
        expected.append(
            np.array([tail[0](x) / max(tail[1](x), 1.0 / count) for x in levels])
        )
        k += 1
        if (
            k == grid.size
            and max(observed[-1], *expected[-1]) > 1 - cl
            and grid.size < 3 * points
        ):
            if grid[-1] >= likelihood.poi_bounds[1]:
                break
            grid = np.append(grid, min(1.3 * grid[-1], likelihood.poi_bounds[1]))
    table = np.array(expected)
    labels = ("observed", *(f"expected at {-n:+g} sigma" for n in _SIGMAS))
    limits = [
        _crossing(grid, column, 1 - cl, likelihood, which)
        for which, column in zip(labels, (np.array(observed), *table.T), strict=True)
    ]
    zero = throw(
        likelihood, null, test=[float(null[likelihood.poi])], count=count, seed=seed,
        purpose="discovery", threads=threads, **keep,
    )  # fmt: skip
    good = zero.statistic[zero.status == 0]
    p0 = (np.count_nonzero(good >= curve.q0 - DIGITS) + 1) / (good.size + 1)
    return ToyCLs(
        observed=limits[0], expected=tuple(limits[1:]), p0=float(min(p0, 1.0)),
        scan={
            "poi": [0.0, *grid.tolist()],
            "observed": [1.0, *np.clip(observed, 0, 1).tolist()],
            "expected": [[1.0] * 5, *np.clip(table, 0, 1).tolist()],
        },
        count=count, failed=failed + zero.failed, seed=seed,
    )  # fmt: skip


def one_sided(toys: Toys, mu: float) -> _Array:
    """q-tilde of the toys: 0 where more is seen than is tested."""
    good = toys.status == 0
    statistic = toys.statistic[good]
    return np.sort(np.where(toys.best_fit[good, 0] > mu, 0.0, statistic))


class _Tail:
    """Share of toys at or above a value."""

    def __init__(self, ordered: _Array) -> None:
        self._ordered = ordered
        if not ordered.size:
            raise InferenceError("no toy could be fitted")

    def __call__(self, q: float) -> float:
        below = np.searchsorted(self._ordered, q - DIGITS, side="left")
        return float((self._ordered.size - below) / self._ordered.size)


def _quantiles(q_null: _Array) -> _Array:
    """Statistic that experiments without signal see; most excluding ones first."""
    from scipy.special import ndtr

    return np.quantile(q_null, ndtr(np.array(_SIGMAS)))


def _crossing(
    grid: _Array, cls: _Array, alpha: float, likelihood: Likelihood, which: str
) -> float:
    """Where CLs falls to alpha for the last time, its logarithm interpolated."""
    above = np.flatnonzero(cls > alpha)
    if above.size and above[-1] + 1 == grid.size:
        raise InferenceError(
            f"no upper limit in range ({which})", file=likelihood.name,
            field=likelihood.poi_name, found=f"CLs = {cls[-1]:.3g} at {grid[-1]:g}",
            expected=f"below {alpha:.3g}",
        )  # fmt: skip
    k = int(above[-1]) if above.size else -1
    x0, y0 = (grid[k], cls[k]) if k >= 0 else (0.0, 1.0)
    x1, y1 = grid[k + 1], max(float(cls[k + 1]), 1e-12)
    share = np.log(y0 / alpha) / np.log(y0 / y1)
    return float(x0 + share * (x1 - x0))
