"""Critical values of a parameter, from toys that are thrown where they are asked for."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nuem.analysis.inference.belts import Belt, critical_value
from nuem.analysis.inference.likelihood import Likelihood, Minimum
from nuem.analysis.inference.profile import Profile, start_grid
from nuem.analysis.inference.toys import DIGITS, Countdown, auxiliary, throw, tidy
from nuem.inputs.errors import InferenceError, InputError

__all__ = ["Calibration", "toy_starts"]

_Array = NDArray[np.float64]
#: Ends of intervals are looked for to this part of the range of a belt.
_FINEST = 1.0 / 5000.0
#: A belt with more than so many times the values of the scan goes no further.
_MOST = 6


@dataclass(frozen=True)
class _Value:
    """What is known at a value of the parameter.

    Attributes
    ----------
    data : Minimum
        Fit of the data there, from which the toys are drawn.
    critical, least, most, low, high : float
        As in `Belt`.
    jumps : bool
        Whether the critical value is that of an outcome that many toys share.
    """

    data: Minimum
    critical: float
    least: float
    most: float
    low: float
    high: float
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
        self._points = 2

    def spread(self, points: int = 17) -> None:
        """Throw toys over the scan, and beyond it for experiments without signal.

        Parameters
        ----------
        points : int
            Number of values, at least 2; more follow at the same distance where the
            upper ends of experiments without signal lie beyond them.

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
        values = np.unique(np.clip(values, low, high))
        beyond = _beyond(self._likelihood, scan, self._cl, points)
        self._countdown.steps = values.size + len(beyond)
        self.throw([*values, *beyond])

    def further(self) -> bool:
        """Throw toys at one more value above the others; False where there is none."""
        step = (self._scan.values[-1] - self._scan.values[0]) / (self._points - 1)
        top, bound = max(self._known), float(self._likelihood.arrays.high[self._index])
        value = min(top + float(tidy(np.array([0.0, step]))[1]), bound)
        if value <= top or len(self._known) > _MOST * self._points:
            return False
        held = self._held(value)
        if not (self._likelihood.expected(held.values) >= 0.0).all():
            return False
        self.throw([value])
        return True

    def throw(self, values: Iterable[float]) -> None:
        """Find the critical values there.

        Raises
        ------
        InferenceError
            If a fit of the data does not converge, or no toy can be fitted.
        """
        for value in map(float, values):
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
            # more toys share an outcome than the error of a share counts
            alike = np.count_nonzero(np.abs(statistic + DIGITS - critical) <= DIGITS)
            noise = 0.3 * np.sqrt(self._cl * (1 - self._cl) * statistic.size)
            accepted = toys.best_fit[good & (toys.statistic <= critical), 0]
            self._known[value] = _Value(
                data, critical, least, most, accepted.min(), accepted.max(),
                jumps=bool(alike > max(noise, 1.0)),
            )  # fmt: skip
            self._failed += toys.failed
            self._read += toys.read

    def _held(self, value: float) -> Minimum:
        """The other parameters at their best for the data, from those nearest by."""
        starts = [self._scan.best.values]
        if self._known:
            nearest = min(self._known, key=lambda v: abs(v - value))
            starts.append(self._known[nearest].data.values)
        held = self._likelihood.fit(fixed={self._index: value}, start=np.vstack(starts))
        if not held.converged:
            raise InferenceError(
                "the fit did not converge", file=self._likelihood.name,
                field=self._scan.parameter, found=f"{value:g}",
            )  # fmt: skip
        return held

    @property
    def belt(self) -> Belt:
        """The belt of all values so far."""
        values = sorted(self._known)
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
        while missing := self._undecided((ends or self._ends)(self.belt)):
            self.throw(missing)
        return self.belt

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
