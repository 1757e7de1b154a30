"""Critical values of a parameter, from toys that are thrown where they are asked for."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nuem.analysis.inference.belts import Belt, critical_value
from nuem.analysis.inference.likelihood import Likelihood, Minimum
from nuem.analysis.inference.profile import Profile, range_end, start_grid
from nuem.analysis.inference.toys import DIGITS, Countdown, auxiliary, throw, tidy
from nuem.inputs.errors import InferenceError, InputError

__all__ = ["Calibration", "null_range", "toy_starts"]

_Array = NDArray[np.float64]
#: Ends of intervals are looked for to this part of the range of a belt.
_FINEST = 1.0 / 5000.0
#: Parts of the distance between two of the first values in which values are looked for
#: that are accepted again beyond an end.
_TEETH = 10
#: A belt goes no further than by so many times the values of the scan.
_MOST = 5


@dataclass(frozen=True)
class _Value:
    """What is known at a value of the parameter.

    Attributes
    ----------
    data : Minimum
        Fit of the data there, from which the toys are drawn.
    critical, least, most, low, high : float
        As in `Belt`.
    share : float
        Share of toys whose statistic is as large as that of the data.
    atom : float
        Largest share of toys that are one outcome, of those above the median.
    jumps : bool
        Whether the critical value is that of an outcome that many toys share.
    """

    data: Minimum
    critical: float
    least: float
    most: float
    low: float
    high: float
    share: float
    atom: float
    jumps: bool


class Calibration:
    """Throws toys at values of a parameter, and has the belt of those thrown so far.

    All values share their random numbers, so that what is accepted changes from one to
    the next because the value does.

    Parameters
    ----------
    likelihood : Likelihood
    scan : Profile
        Scan of the data.
    cl : float
    count : int
        Toys at each value.
    seed : int
    fluctuate_aux : bool
        Unconditional toys, or conditional ones.
    progress : callable, optional
        Told in a few words what is being done.
    **how
        ``threads``, ``keep`` and ``shard`` of `throw`.
    """

    def __init__(
        self,
        likelihood: Likelihood,
        scan: Profile,
        *,
        cl: float,
        count: int,
        seed: int,
        fluctuate_aux: bool = True,
        progress: Callable[[str], None] | None = None,
        **how: Any,
    ) -> None:
        self._likelihood, self._scan, self._cl = likelihood, scan, cl
        self._index = likelihood.index(scan.parameter)
        self._how = {
            "count": count, "seed": seed, "fluctuate_aux": fluctuate_aux,
            "starts": toy_starts(likelihood, scan), **how,
        }  # fmt: skip
        self._countdown = Countdown(progress, 0)
        self._known: dict[float, _Value] = {}
        self._failed = self._read = 0
        self._points, self._further = 2, 0

    @cached_property
    def null(self) -> tuple[float, float]:
        """The range of experiments without signal, of `null_range`."""
        return null_range(self._likelihood, self._index, self._cl)

    def spread(self, points: int = 17) -> None:
        """Throw toys over the scan, and beyond it for experiments without signal.

        Parameters
        ----------
        points : int
            Number of values, at least 2; as many are spread over the range of
            experiments without signal, those that lie outside of the scan.

        Raises
        ------
        InputError
            If there are fewer values.
        """
        if points < 2:
            raise InputError("values with toys", found=points, expected="2 or more")
        self._points = points
        arrays, scan = self._likelihood.arrays, self._scan
        low, high = arrays.low[self._index], arrays.high[self._index]
        values = tidy(np.linspace(scan.values[0], scan.values[-1], points))
        if values[0] < 0 < values[-1]:
            values = np.append(values, 0.0)
        beyond = _beyond(self.null, scan, points)
        values = np.unique(np.clip([*values, *beyond], low, high))
        self._countdown.steps = values.size
        # outwards from the best fit, as each fit begins at the one beside it
        for value in sorted(values, key=lambda v: abs(v - scan.best_fit)):
            if self._possible(value):
                self.throw([value])

    def further(self) -> bool:
        """Throw toys at one more value above the others; False where there is none."""
        top, bound = max(self._known), float(self._likelihood.arrays.high[self._index])
        value = min(top + float(tidy(np.array([0.0, self._step]))[1]), bound)
        if value <= top or self._further == _MOST * self._points:
            return False
        if not self._possible(value):
            return False
        self._further += 1
        self.throw([value])
        return True

    @property
    def _step(self) -> float:
        """Distance of the first values."""
        scan = self._scan.values
        return float(scan[-1] - scan[0]) / (self._points - 1)

    def throw(self, values: Iterable[float]) -> None:
        """Find the critical values there.

        Raises
        ------
        InputError
            If a value is outside of the bounds of the parameter.
        InferenceError
            If a fit of the data does not converge, or no toy can be fitted.
        """
        arrays = self._likelihood.arrays
        low, high = float(arrays.low[self._index]), float(arrays.high[self._index])
        for value in map(float, values):
            if value in self._known:
                continue
            if not low <= value <= high:
                raise InputError(
                    "value with toys", file=self._likelihood.name,
                    field=self._scan.parameter, found=f"{value:g}",
                    expected=f"{low:g} to {high:g}",
                )  # fmt: skip
            data = self._held(value)
            toys = throw(
                self._likelihood, data.values, test=[value], purpose="belt",
                parameters=[self._index],
                progress=self._countdown.at(len(self._known), f"toys at {value:.3g}"),
                **self._how,
            )  # fmt: skip
            good = toys.status == 0
            if not good.any():
                raise InferenceError(
                    "no toy could be fitted", file=self._likelihood.name,
                    field=self._scan.parameter, found=f"{value:g}",
                )  # fmt: skip
            statistic = toys.statistic[good]
            critical, least, most = critical_value(statistic, self._cl)
            alike, atom = _outcomes(statistic, critical - DIGITS)
            noise = 0.3 * np.sqrt(self._cl * (1 - self._cl) * statistic.size)
            rise = data.deviance - self._scan.best.deviance
            accepted = toys.best_fit[good & (toys.statistic <= critical), 0]
            self._known[value] = _Value(
                data, critical, least, most, accepted.min(), accepted.max(),
                share=float(np.mean(statistic >= rise - DIGITS)),
                atom=atom / statistic.size,
                # more than the error of a share counts
                jumps=alike > max(noise, 1.0),
            )  # fmt: skip
            self._failed += toys.failed
            self._read += toys.read

    def _fit(self, value: float) -> Minimum:
        """Fit of the other parameters to the data, from those nearest by too."""
        starts = [self._scan.best.values]
        if self._known:
            nearest = min(self._known, key=lambda v: abs(v - value))
            starts.append(self._known[nearest].data.values)
        return self._likelihood.fit(fixed={self._index: value}, start=np.vstack(starts))

    def _possible(self, value: float) -> bool:
        """Whether there are such experiments; a fit that fails though is left to fail."""
        return self._likelihood.possible(self._fit(value).values)

    def _held(self, value: float) -> Minimum:
        held = self._fit(value)
        if not held.converged:
            raise InferenceError(
                "the fit did not converge", file=self._likelihood.name,
                field=self._scan.parameter, found=f"{value:g}",
            )  # fmt: skip
        return held

    @property
    def belt(self) -> Belt:
        """The belt of all values so far.

        Raises
        ------
        InputError
            If there are none.
        """
        values = sorted(self._known)
        if not values:
            raise InputError("no values with toys", file=self._likelihood.name)
        critical, least, most, low, high = np.array([
            (v.critical, v.least, v.most, v.low, v.high)
            for v in map(self._known.__getitem__, values)
        ]).T  # fmt: skip
        return Belt(
            parameter=self._scan.parameter, cl=self._cl, values=np.array(values),
            critical=critical, least=least, most=most, low=low, high=high,
            toys=self._how["count"], failed=self._failed, seed=self._how["seed"],
            auxiliary=auxiliary(self._how["fluctuate_aux"]), read=self._read,
        )  # fmt: skip

    @property
    def scan(self) -> Profile:
        """The scan of the data with the values that have toys, not interpolated.

        With few counts many toys are the same outcome as the data, and a rise that is
        interpolated would decide whether they count as equal.
        """
        scan = self._scan
        rises = dict(zip(scan.values.tolist(), scan.rise.tolist(), strict=True))
        for value, known in self._known.items():
            if scan.values[0] <= value <= scan.values[-1]:
                rises[value] = max(known.data.deviance - scan.best.deviance, 0.0)
        values = np.array(sorted(rises))
        return replace(scan, values=values, rise=np.array([rises[v] for v in values]))

    def decide(
        self, ends: Callable[[Belt], Iterable[tuple[float, float]]] | None = None
    ) -> Belt:
        """Throw toys around ends of intervals until it is decided where these are.

        Parameters
        ----------
        ends : callable, optional
            Gives the ends by a belt, and how well each is known; by default those of
            the intervals of the data, and half of their errors.

        Returns
        -------
        Belt
        """
        while True:
            missing = self._undecided((ends or self._ends)(self.belt))
            if ends is None:
                missing += [value for value in self._hidden() if value not in missing]
            if not missing:
                return self.belt
            self.throw(missing)

    def _hidden(self) -> list[float]:
        """The middle between refused values beside which there can be accepted ones.

        With few counts the share of toys as extreme as the data jumps by that of an
        outcome: beyond an end it can be larger than the level once more.
        """
        values = sorted(self._known)
        wanted = []
        for low, high in pairwise(values):
            pair = self._known[low], self._known[high]
            refused = max(v.share for v in pair) <= 1 - self._cl
            near = max(v.share + v.atom for v in pair) > 1 - self._cl
            jumps = any(v.jumps for v in pair)
            if refused and near and jumps and high - low > self._step / _TEETH:
                wanted.append(0.5 * (low + high))
        return wanted

    def _undecided(self, ends: Iterable[tuple[float, float]]) -> list[float]:
        """The middle between the values of the belt around each end.

        Unless these are as near to each other as the end is known, or their critical
        values differ by no more than twice what the toys leave open. That says nothing
        with few counts, where critical values are those of outcomes, and jump.
        """
        values = sorted(self._known)
        finest = _FINEST * (values[-1] - values[0])
        wanted: dict[float, None] = {}
        for end, error in ends:
            k = bisect_left(values, end)
            if not 0 < k < len(values):
                continue
            low, high = values[k - 1 : k + 1]
            one, other = self._known[low], self._known[high]
            noise = min(one.most - one.least, other.most - other.least)
            smooth = abs(one.critical - other.critical) <= noise
            if high - low > max(finest, error) and (
                one.jumps or other.jumps or not smooth
            ):
                wanted[0.5 * (low + high)] = None
        return [*wanted]

    def _ends(self, belt: Belt) -> list[tuple[float, float]]:
        scan, found = self.scan, []
        for ends, errors in zip(
            belt.invert(scan), belt.interval_errors(scan), strict=True
        ):
            # where the scan ends there is nothing to be decided
            found += [
                (end, 0.5 * error)
                for end, error in zip(ends, errors, strict=True)
                if end not in (scan.values[0], scan.values[-1])
            ]
        return found


def _outcomes(statistic: _Array, critical: float) -> tuple[int, int]:
    """How many toys are the outcome at the critical value, and the most that are one.

    The latter of those above the median.
    """
    ordered = np.sort(statistic)
    alike = int(np.count_nonzero(np.abs(ordered - critical) <= DIGITS))
    upper = ordered[ordered.size // 2 :]
    ends = np.flatnonzero(np.diff(upper, append=np.inf) > DIGITS)
    return alike, int(np.diff(ends, prepend=-1).max())


def null_range(likelihood: Likelihood, index: int, cl: float) -> tuple[float, float]:
    """Where experiments without signal have the ends of their intervals.

    As far as intervals of 2.5 standard deviations more than the median one reach, by the
    Asimov data, or where a bin would expect less than nothing.

    Parameters
    ----------
    likelihood : Likelihood
    index : int
        Of the parameter.
    cl : float

    Returns
    -------
    tuple of float
    """
    from scipy.special import chdtri

    low, high = (
        float(x[index]) for x in (likelihood.arrays.low, likelihood.arrays.high)
    )
    nothing = min(max(0.0, low), high)
    null = likelihood.fit(fixed={index: nothing})
    counts, aux = likelihood.expected(null.values), likelihood.expected_aux(null.values)
    least = likelihood.fit(start=null.values, observed=counts, aux=aux).deviance

    def rise(at: float, start: _Array) -> tuple[float, _Array]:
        held = likelihood.fit(fixed={index: at}, start=start, observed=counts, aux=aux)
        if not held.converged or (likelihood.expected(held.values) < -1e-9).any():
            return np.inf, start
        return held.deviance - least, held.values

    reach = (float(np.sqrt(chdtri(1, 1 - cl))) + 2.5) ** 2
    return (
        range_end(rise, nothing, low, null.values, reach) if low < nothing else nothing,
        range_end(rise, nothing, high, null.values, reach)
        if high > nothing
        else nothing,
    )


def _beyond(null: tuple[float, float], scan: Profile, points: int) -> _Array:
    """Values of a belt for experiments without signal, where a scan has none.

    That is outside of it, or all over it where its values are further from each other.
    """
    if not null[1] > null[0]:
        return np.array(null[:1])
    values = np.clip(tidy(np.linspace(*null, points)), *null)
    if np.ptp(scan.values) > 1.5 * (null[1] - null[0]):
        return values
    return np.asarray(values[(values < scan.values[0]) | (values > scan.values[-1])])


def toy_starts(likelihood: Likelihood, scan: Profile) -> _Array | None:
    """Where fits of toys begin as well: several minima may be there.

    That is so where the coupling enters with a power above 1, or the data have them.
    """
    index = likelihood.index(scan.parameter)
    if len(scan.minima) > 1 or likelihood.curved:
        ends = float(scan.values[0]), float(scan.values[-1])
        return start_grid(likelihood, index, around=ends)
    return None
