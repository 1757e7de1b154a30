"""The methods of `upper_limit`: each takes what was asked for and gives a limit."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nuem.analysis.inference.asymptotic import Asymptotic, CLsCurve, asymptotic_cls
from nuem.analysis.inference.likelihood import Likelihood
from nuem.analysis.inference.parameters import pick_measurement
from nuem.analysis.inference.profile import Profile
from nuem.analysis.inference.results import (
    BANDS,
    Limit,
    Values,
    error_in_coupling,
    in_coupling,
    to_coupling,
)
from nuem.analysis.inference.toys import Countdown, Toys, auxiliary
from nuem.inputs.errors import InferenceError, InputError

__all__ = ["ALL", "BY_PYHF", "SHARDS", "Task", "enough_toys"]

_Array = NDArray[np.float64]
#: Fewer effective events without signal than this, and toys replace formulae.
_FEW = 8.0
#: Toys of the expected limits of ``profile``.
_PROFILE_TOYS = 400
#: Values at which experiments without signal are scanned, beside those of the belt.
_EXPECTED_POINTS = 61


def enough_toys(count: int, cl: float) -> None:
    """Refuse fewer toys than it takes to know where a level is.

    Raises
    ------
    InputError
        If fewer than ten are expected beyond the critical value.
    """
    # rounded, as 1 - 0.9 is not 0.1 in binary
    least = math.ceil(round(10 / (1 - cl), 6))
    if count < least:
        raise InputError(
            "too few toys for the confidence level", field="toys", found=count,
            expected=f"at least {least}",
        )  # fmt: skip


@dataclass(frozen=True)
class Task:
    """What was asked for, checked; see `upper_limit`."""

    spec: Mapping[str, Any]
    cl: float
    measurement: str | None
    definition: Mapping[str, Any] | None
    provenance: Mapping[str, Any]
    warnings: tuple[str, ...]
    name: str
    toys: int
    seed: int
    say: Callable[[str], None]
    belt: str | Path | None
    keep: str | Path | None
    conditional: bool

    def likelihood(
        self, bounds: Mapping[str, tuple[float, float]] | None = None
    ) -> Likelihood:
        links = (self.definition or {}).get("links")
        made = Likelihood(
            self.spec, measurement=self.measurement, links=links, bounds=bounds,
            name=self.name,
        )  # fmt: skip
        made.check_signal()
        return made

    @property
    def parameter(self) -> str:
        """Name of the parameter of interest; the coupling where factors are powers."""
        measurement = pick_measurement(self.spec, self.measurement, self.name)
        name = str(measurement["config"]["poi"])
        links = (self.definition or {}).get("links") or {}
        return str(links.get(name, {}).get("parameter", name))

    @property
    def throwing(self) -> dict[str, Any]:
        """What `throw` and all that call it are told."""
        return {
            "count": self.toys, "seed": self.seed, "keep": self.keep,
            "fluctuate_aux": not self.conditional,
        }  # fmt: skip

    def thrown(self, *, failed: int, read: int, thrown: int) -> dict[str, Any]:
        """What a result says of its toys; how many are new only where they are kept."""
        said = {"n": self.toys, "failed": failed, "seed": self.seed}
        return said if self.keep is None else {**said, "read": read, "thrown": thrown}

    def result(
        self,
        poi: Values,
        expected: Mapping[str, float],
        p0: float,
        *,
        expected_error: Mapping[str, float] | None = None,
        **more: Any,
    ) -> Limit:
        """The limit, in the unit of the coupling too where that is known."""
        warnings = (*self.warnings, *more.pop("warnings", ()))
        constrained = {"poi": max(poi.upper_limit, expected["-1"])}
        meaning = self.definition
        coupling = in_g = error_in_g = None
        if meaning is not None and meaning.get("reference") is not None:
            coupling = in_coupling(poi, meaning)
            in_g = {band: to_coupling(x, meaning) for band, x in expected.items()}
            constrained["coupling"] = to_coupling(constrained["poi"], meaning)
            if expected_error is not None:
                error_in_g = {
                    band: error_in_coupling(expected[band], error, meaning)
                    for band, error in expected_error.items()
                }
        return Limit(
            cl=self.cl, parameter=self.parameter, poi=poi, expected_poi=dict(expected),
            p0=p0, coupling=coupling, expected_coupling=in_g,
            definition=dict(meaning) if meaning is not None else None,
            warnings=warnings, provenance=dict(self.provenance),
            expected_poi_error=None if expected_error is None else dict(expected_error),
            expected_coupling_error=error_in_g, power_constrained=constrained, **more,
        )  # fmt: skip


def _bands(values: Iterable[float]) -> dict[str, float]:
    return dict(zip(BANDS, map(float, values), strict=True))


def _sparse(sparse: int, bins: int) -> tuple[str, ...]:
    if not sparse:
        return ()
    text = f"{sparse} of {bins} bins hold fewer than 5 events"
    return (f"{text}: the asymptotic limit is approximate",)


def _from_asymptotic(task: Task, found: Asymptotic, **more: Any) -> Limit:
    poi = Values(found.best_fit, found.observed, ((found.low, found.observed),))
    return task.result(
        poi, _bands(found.expected), found.p0, scan=found.scan,
        warnings=(*_sparse(found.sparse, found.bins), *more.pop("warnings", ())), **more,
    )  # fmt: skip


def _by_pyhf(task: Task) -> Limit:
    from nuem.analysis.inference.pyhf_engine import pyhf_asymptotic

    found = pyhf_asymptotic(
        task.spec, cl=task.cl, measurement=task.measurement, name=task.name,
        progress=task.say,
    )  # fmt: skip
    return _from_asymptotic(task, found, engine="pyhf")


def _profile_by_pyhf(task: Task) -> Limit:
    from nuem.analysis.inference.pyhf_engine import pyhf_profile

    if (task.definition or {}).get("links"):
        raise InputError(
            "pyhf cannot have one factor that is the square of another", file=task.name,
            field="engine", expected="nuem",
        )  # fmt: skip
    found = pyhf_profile(
        task.spec, cl=task.cl, measurement=task.measurement, name=task.name,
        progress=task.say,
    )  # fmt: skip
    return task.result(
        Values(found.best_fit, found.upper, (found.interval,)), _bands(found.expected),
        found.p0, scan={"poi": found.values, "rise": found.rise}, method="profile",
        statistic="profile likelihood ratio", sided="one", calibration="asymptotic",
        engine="pyhf", p0_sided=found.p0_sided,
        warnings=("one minimum was looked for", *_sparse(found.sparse, found.bins)),
    )  # fmt: skip


def _few(likelihood: Likelihood, null: Any) -> float | None:
    """Events under the signal, where they are too few for asymptotic formulae."""
    from nuem.analysis.inference.toy_limits import effective_counts

    few = effective_counts(likelihood, null.values)
    return few if few < _FEW else None


def _cls(task: Task) -> Limit:
    likelihood = _not_negative(task)
    few = _few(likelihood, _null(likelihood))
    said = _about(likelihood)
    if few is not None:
        text = f"{few:.2g} events are expected under the signal: "
        if task.toys:
            enough_toys(task.toys, task.cl)
            text += "toys in place of the asymptotic formulae"
            return _toys(replace(task, warnings=(*task.warnings, text)), "cls")
        said = (f"{text}the asymptotic formulae do not hold", *said)
    if task.keep is not None or task.conditional:
        said = ("no toys were thrown: none are kept or conditional", *said)
    return _from_asymptotic(
        task, asymptotic_cls(likelihood, cl=task.cl, progress=task.say), warnings=said
    )


def _not_negative(task: Task) -> Likelihood:
    likelihood = task.likelihood()
    low, high = likelihood.poi_bounds
    if high <= 0:
        raise InferenceError(
            "no positive value in the bounds", file=task.name, field=likelihood.poi_name
        )
    if low < 0:
        likelihood = task.likelihood({likelihood.poi_name: (0.0, high)})
    return likelihood


def _guided(task: Task, likelihood: Likelihood) -> tuple[CLsCurve, Asymptotic]:
    """Where toys of CLs are thrown: by the asymptotic limits."""
    task.say("CLs: where to throw toys")
    guide = asymptotic_cls(likelihood, cl=task.cl, points=0)
    return CLsCurve(likelihood), guide


def _toys(task: Task, method: str = "toys") -> Limit:
    from nuem.analysis.inference.toy_limits import toy_cls

    likelihood = _not_negative(task)
    curve, guide = _guided(task, likelihood)
    found = toy_cls(
        likelihood, curve, guide, cl=task.cl, progress=task.say, **task.throwing
    )
    low = max(likelihood.poi_bounds[0], 0.0)
    error = found.observed_error
    poi = Values(
        curve.best_fit, found.observed, ((low, found.observed),), error, ((0.0, error),)
    )
    return task.result(
        poi, _bands(found.expected), found.p0, scan=found.scan, method=method,
        expected_error=_bands(found.expected_error), p0_error=found.p0_error,
        calibration=_by_toys(task), p0_calibration=_by_toys(task),
        toys=task.thrown(failed=found.failed, read=found.read, thrown=found.thrown),
        warnings=(*_about(likelihood), *_failures(found.failed)),
    )  # fmt: skip


def _by_toys(task: Task) -> str:
    return f"toys ({auxiliary(not task.conditional)})"


def _throw_cls(task: Task, shard: tuple[int, int]) -> int:
    from nuem.analysis.inference.toy_limits import throw_cls

    likelihood = _not_negative(task)
    curve, guide = _guided(task, likelihood)
    return throw_cls(
        likelihood, curve, guide, progress=task.say, shard=shard, **task.throwing
    )


def _throw_if_few(task: Task, shard: tuple[int, int]) -> int:
    likelihood = _not_negative(task)
    if _few(likelihood, _null(likelihood)) is None:
        raise InputError(
            "no toys are thrown: the asymptotic formulae hold", file=task.name,
            field="shard", found="method cls", expected="toys or feldman-cousins",
        )  # fmt: skip
    enough_toys(task.toys, task.cl)
    return _throw_cls(task, shard)


def _throw_belt(task: Task, shard: tuple[int, int]) -> int:
    from nuem.analysis.inference.feldman_cousins import Calibration, scan_for_belt

    likelihood = task.likelihood()
    task.say("scan")
    scan = scan_for_belt(likelihood, task.cl)
    made = _discovery(task, likelihood, scan, shard=shard)[2].status.size
    calibration = Calibration(
        likelihood, scan, cl=task.cl, progress=task.say, shard=shard, **task.throwing
    )
    calibration.spread()
    return made * (1 + calibration.belt.values.size)


def _about(likelihood: Likelihood) -> tuple[str, ...]:
    """What is unusual about the parameter of interest."""
    name, (low, high) = likelihood.poi_name, likelihood.poi_bounds
    said = []
    if low > 0 or high < 0:
        said.append(
            f"the bounds of {name}, {low:g} to {high:g}, exclude 0: its value without "
            f"signal is taken to be {low if low > 0 else high:g}"
        )
    kind = {1: "normal", 2: "Poisson"}.get(int(likelihood.arrays.kind[likelihood.poi]))
    if kind is not None:
        said.append(
            f"{name} has a {kind} constraint, which acts on the limit beside the counts"
        )
    at_low = likelihood.init.copy()
    at_low[likelihood.poi] = low
    if low < 0 and (likelihood.expected(at_low) < 0).any():
        said.append(
            f"at {name} = {low:g}, its bound, bins expect less than nothing: toys without "
            "events in them are fitted there, and widen a belt; a narrower bound avoids it"
        )
    others = [likelihood.names[i] for i in likelihood.curved if i != likelihood.poi]
    if others:
        said.append(
            f"{', '.join(others)} may have several minima too, of which fits of toys find "
            "the one beside the data: nuem scan --against searches both"
        )
    return tuple(said)


def _failures(failed: int) -> tuple[str, ...]:
    return (f"the fits of {failed} toys did not converge",) if failed else ()


def _null(likelihood: Likelihood) -> Any:
    low, high = likelihood.poi_bounds
    return likelihood.fit(fixed={likelihood.poi: min(max(low, 0.0), high)})


def _discovery(
    task: Task, likelihood: Likelihood, scan: Profile, **shard: Any
) -> tuple[float, float, Toys]:
    """p0 by toys, its error, and the toys."""
    from nuem.analysis.inference.feldman_cousins import toy_starts
    from nuem.analysis.inference.toy_limits import discovery

    null = _null(likelihood)
    return discovery(
        likelihood, null.values, max(null.deviance - scan.best.deviance, 0.0),
        starts=toy_starts(likelihood, scan), **shard, **task.throwing,
        progress=Countdown(task.say, 1).at(0, "toys without signal"),
    )  # fmt: skip


def _p0_sided(likelihood: Likelihood) -> str:
    """Two-sided where less than no signal may be fitted, and counts as well."""
    return "one" if likelihood.poi_bounds[0] >= 0 else "two"


def _unified(task: Task) -> Limit:
    from nuem.analysis.inference.feldman_cousins import (
        Background,
        Calibration,
        scan_for_belt,
    )

    likelihood = task.likelihood()
    task.say("scan")
    scan = scan_for_belt(likelihood, task.cl)
    calibration = Calibration(
        likelihood, scan, cl=task.cl, progress=task.say, **task.throwing
    )
    calibration.spread()
    calibration.decide()
    p0, p0_error, zero = _discovery(task, likelihood, scan)
    task.say("toys without signal")
    background = Background(
        likelihood, scan, _null(likelihood).values,
        np.linspace(*calibration.null, _EXPECTED_POINTS), seed=task.seed,
        count=max(200, min(task.toys // 4, 2000)), fluctuate_aux=not task.conditional,
    )  # fmt: skip
    while background.limits(calibration.belt)[0].max() >= calibration.belt.values[-1]:
        if not calibration.further():
            break
    belt = calibration.decide(background.ends)
    expected, expected_error = background.limits(belt)
    scan = calibration.scan
    if task.belt is not None:
        belt.save(task.belt)
    intervals = belt.invert(scan)
    if not intervals:
        raise InferenceError(
            "no value is accepted", file=task.name, field=scan.parameter
        )
    ends = belt.interval_errors(scan)
    poi = Values(scan.best_fit, intervals[-1][1], intervals, ends[-1][1], ends)
    failed = background.failed + belt.failed + zero.failed
    more = [] if len(scan.minima) < 2 else [f"{len(scan.minima)} minima"]
    more += _at_bounds(likelihood, intervals, expected)
    if intervals[-1][1] >= scan.values[-1] or (
        intervals[0][0] <= scan.values[0] and scan.values[0] > likelihood.poi_bounds[0]
    ):
        more.append("an interval ends where the scan ends")
    if likelihood.poi_bounds[1] > belt.values[-1] <= np.max(expected):
        more.append("expected limits end where the belt ends: they are larger")
    everything = task.toys * (belt.values.size + 1)
    read = belt.read + zero.read
    return task.result(
        poi, _bands(expected), p0, expected_error=_bands(expected_error),
        p0_error=p0_error, p0_calibration=_by_toys(task), p0_sided=_p0_sided(likelihood),
        scan={
            "poi": scan.values.tolist(), "rise": scan.rise.tolist(),
            "critical": belt.at(scan.values).tolist(),
            "minima": [list(m) for m in scan.minima],
            "belt": {
                "values": belt.values.tolist(), "low": belt.low.tolist(),
                "high": belt.high.tolist(),
            },
        },
        method="feldman-cousins", statistic="profile likelihood ratio", sided="unified",
        calibration=_by_toys(task),
        toys=task.thrown(failed=failed, read=read, thrown=everything - read),
        warnings=(*_about(likelihood), *more, *_failures(failed)),
    )  # fmt: skip


def _at_bounds(
    likelihood: Likelihood, intervals: Sequence[tuple[float, float]], expected: Any
) -> list[str]:
    """Say where the bounds of the parameter end an interval, and not the data."""
    low, high = likelihood.poi_bounds
    near = 1e-6 * (high - low)
    said = []
    if max(end for _, end in intervals) >= high - near:
        said.append(f"the upper end is the bound of the parameter, {high:g}")
    if low < 0 and min(start for start, _ in intervals) <= low + near:
        said.append(f"the lower end is the bound of the parameter, {low:g}")
    if np.max(expected) >= high - near:
        said.append(f"expected limits end at the bound of the parameter, {high:g}")
    return said


def _profile(task: Task) -> Limit:
    from scipy.special import chdtri, ndtr, ndtri

    from nuem.analysis.inference.belts import Belt
    from nuem.analysis.inference.feldman_cousins import Background, null_range
    from nuem.analysis.inference.profile import profile

    likelihood = task.likelihood()
    critical = float(chdtri(1, 1 - task.cl))
    task.say("scan")
    scan = profile(likelihood, points=201, reach=max(9.0, 2 * critical))
    intervals = scan.intervals(critical)
    upper = scan.intervals(float(ndtri(task.cl)) ** 2)[-1][1]
    null = _null(likelihood)
    values = np.linspace(*null_range(likelihood, likelihood.poi, task.cl), 201)
    flat = Belt(
        parameter=scan.parameter, cl=task.cl, values=values,
        critical=np.full(values.size, float(ndtri(task.cl)) ** 2), low=values,
        high=values, toys=0, failed=0, seed=task.seed,
        auxiliary=auxiliary(not task.conditional),
    )  # fmt: skip
    task.say("toys without signal")
    background = Background(
        likelihood, scan, null.values, values, count=_PROFILE_TOYS, seed=task.seed,
        fluctuate_aux=not task.conditional,
    )  # fmt: skip
    expected, expected_error = background.limits(flat)
    warnings = [] if len(scan.minima) < 2 else [f"{len(scan.minima)} minima"]
    warnings += _at_bounds(likelihood, (*intervals, (0.0, upper)), expected)
    few = _few(likelihood, null)
    if few is not None:
        warnings.append(
            f"{few:.2g} events are expected under the signal: asymptotic critical values "
            "and p0 do not hold; feldman-cousins has those of toys"
        )
    if likelihood.poi_bounds[0] < 0:
        warnings.append("asymptotic interval of a signed coupling: a diagnostic only")
    sides = _p0_sided(likelihood)
    p0 = float(ndtr(-math.sqrt(max(null.deviance - scan.best.deviance, 0.0))))
    return task.result(
        Values(scan.best_fit, upper, intervals), _bands(expected),
        p0 * (1 if sides == "one" else 2), p0_sided=sides,
        expected_error=_bands(expected_error),
        scan={
            "poi": scan.values.tolist(), "rise": scan.rise.tolist(),
            "critical": [critical] * scan.values.size,
            "minima": [list(m) for m in scan.minima],
        },
        method="profile", statistic="profile likelihood ratio", sided="one",
        calibration=f"asymptotic (expected: {'conditional ' * task.conditional}toys)",
        warnings=[*_about(likelihood), *warnings, *_failures(background.failed)],
        toys={"n": _PROFILE_TOYS, "failed": background.failed, "seed": task.seed},
    )  # fmt: skip


#: By name, with the compiled likelihood and with pyhf.
ALL: dict[str, Callable[[Task], Limit]] = {
    "cls": _cls, "toys": _toys, "feldman-cousins": _unified, "profile": _profile,
}  # fmt: skip
BY_PYHF: dict[str, Callable[[Task], Limit]] = {
    "cls": _by_pyhf, "profile": _profile_by_pyhf,
}  # fmt: skip
#: Throw a shard of the toys, and say how many: methods of which toys can be kept.
SHARDS: dict[str, Callable[[Task, tuple[int, int]], int]] = {
    "cls": _throw_if_few, "toys": _throw_cls, "feldman-cousins": _throw_belt,
}  # fmt: skip
