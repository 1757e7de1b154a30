"""The methods of `upper_limit`: each takes what was asked for and gives a limit."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from nuem.analysis.inference.asymptotic import Asymptotic, CLsCurve, asymptotic_cls
from nuem.analysis.inference.likelihood import Likelihood
from nuem.analysis.inference.parameters import pick_measurement
from nuem.analysis.inference.results import (
    BANDS,
    Limit,
    Values,
    in_coupling,
    to_coupling,
)
from nuem.inputs.errors import InferenceError, InputError

__all__ = ["ALL", "BY_PYHF", "Task"]

#: Fewer effective events without signal than this, and toys replace formulae.
_FEW = 8.0


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
    keep: Mapping[str, Any]

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

    def result(
        self, poi: Values, expected: Mapping[str, float], p0: float, **more: Any
    ) -> Limit:
        coupling, expected_coupling = in_coupling(poi, expected, self.definition)
        warnings = (*self.warnings, *more.pop("warnings", ()))
        constrained = {"poi": max(poi.upper_limit, expected["-1"])}
        if self.definition is not None and coupling is not None:
            constrained["coupling"] = to_coupling(constrained["poi"], self.definition)
        return Limit(
            cl=self.cl, parameter=self.parameter, poi=poi, expected_poi=dict(expected),
            p0=p0, coupling=coupling, expected_coupling=expected_coupling,
            definition=dict(self.definition) if self.definition is not None else None,
            warnings=warnings, provenance=dict(self.provenance),
            power_constrained=constrained, **more,
        )  # fmt: skip


def _bands(values: Iterable[float]) -> dict[str, float]:
    return dict(zip(BANDS, map(float, values), strict=True))


def _sparse(found: Asymptotic) -> tuple[str, ...]:
    if not found.sparse:
        return ()
    text = f"{found.sparse} of {found.bins} bins hold fewer than 5 events"
    return (f"{text}: the asymptotic limit is approximate",)


def _from_asymptotic(task: Task, found: Asymptotic, **more: Any) -> Limit:
    poi = Values(found.best_fit, found.observed, ((found.low, found.observed),))
    return task.result(
        poi, _bands(found.expected), found.p0, scan=found.scan,
        warnings=(*_sparse(found), *more.pop("warnings", ())), **more,
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
        engine="pyhf", warnings=("one minimum was looked for",),
    )  # fmt: skip


def _cls(task: Task) -> Limit:
    from nuem.analysis.inference.toy_limits import effective_counts

    likelihood = _not_negative(task)
    null = likelihood.fit(fixed={likelihood.poi: likelihood.poi_bounds[0]})
    few = effective_counts(likelihood, null.values)
    if few < _FEW and task.toys:
        text = (
            f"{few:.2g} events are expected under the signal: toys in place of the "
            "asymptotic formulae"
        )
        return _toys(replace(task, warnings=(*task.warnings, text)), "cls")
    return _from_asymptotic(
        task, asymptotic_cls(likelihood, cl=task.cl, progress=task.say),
        warnings=_about(likelihood),
    )  # fmt: skip


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


def _toys(task: Task, method: str = "toys") -> Limit:
    from nuem.analysis.inference.toy_limits import toy_cls

    likelihood = _not_negative(task)
    task.say("CLs: where to throw toys")
    guide = asymptotic_cls(likelihood, cl=task.cl, points=0)
    curve = CLsCurve(likelihood)
    found = toy_cls(
        likelihood, curve, guide, cl=task.cl, count=task.toys, seed=task.seed,
        progress=task.say, **task.keep,
    )  # fmt: skip
    low = max(likelihood.poi_bounds[0], 0.0)
    poi = Values(curve.best_fit, found.observed, ((low, found.observed),))
    return task.result(
        poi, _bands(found.expected), found.p0, scan=found.scan, method=method,
        calibration="toys (unconditional)",
        toys={"n": found.count, "failed": found.failed, "seed": found.seed},
        warnings=(*_about(likelihood), *_failures(found.failed)),
    )  # fmt: skip


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
    return tuple(said)


def _failures(failed: int) -> tuple[str, ...]:
    return (f"the fits of {failed} toys did not converge",) if failed else ()


def _null(likelihood: Likelihood) -> Any:
    low, high = likelihood.poi_bounds
    return likelihood.fit(fixed={likelihood.poi: min(max(low, 0.0), high)})


def _unified(task: Task) -> Limit:
    from scipy.special import ndtr

    from nuem.analysis.inference.feldman_cousins import (
        calibrate,
        expected_edges,
        scan_for_belt,
    )

    likelihood = task.likelihood()
    task.say("scan")
    scan = scan_for_belt(likelihood, task.cl)
    belt = calibrate(
        likelihood, scan, cl=task.cl, count=task.toys, seed=task.seed, progress=task.say,
        **task.keep,
    )  # fmt: skip
    if task.belt is not None:
        belt.save(task.belt)
    intervals = belt.invert(scan)
    if not intervals:
        raise InferenceError(
            "no value is accepted", file=task.name, field=scan.parameter
        )
    task.say("toys without signal")
    null = _null(likelihood)
    edges, failed = expected_edges(
        likelihood,
        belt,
        null.values,
        count=max(200, min(task.toys // 4, 2000)),
        seed=task.seed,
    )
    if not edges.size:
        raise InferenceError("no toy could be fitted", file=task.name)
    expected = np.quantile(edges, ndtr(np.array([-2.0, -1.0, 0.0, 1.0, 2.0])))
    poi = Values(scan.best_fit, intervals[-1][1], intervals)
    more = [] if len(scan.minima) < 2 else [f"{len(scan.minima)} minima"]
    more += _at_bounds(likelihood, intervals, expected)
    if intervals[-1][1] >= scan.values[-1] or (
        intervals[0][0] <= scan.values[0] and scan.values[0] > likelihood.poi_bounds[0]
    ):
        more.append("an interval ends where the scan ends")
    return task.result(
        poi, _bands(expected), _discovery(likelihood, scan, null),
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
        calibration=f"toys ({belt.auxiliary})",
        toys={"n": belt.toys, "failed": belt.failed + failed, "seed": belt.seed},
        warnings=(*_about(likelihood), *more, *_failures(belt.failed + failed)),
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


def _discovery(likelihood: Likelihood, scan: Any, null: Any) -> float:
    """Asymptotic p0: one-sided where the parameter cannot be negative."""
    from scipy.special import ndtr

    rise = max(null.deviance - scan.best.deviance, 0.0)
    one_sided = likelihood.poi_bounds[0] >= 0
    return float(ndtr(-math.sqrt(rise)) * (1 if one_sided else 2))


def _profile(task: Task) -> Limit:
    from scipy.special import chdtri, ndtr, ndtri

    from nuem.analysis.inference.feldman_cousins import Belt, expected_edges
    from nuem.analysis.inference.profile import profile

    likelihood = task.likelihood()
    critical = float(chdtri(1, 1 - task.cl))
    task.say("scan")
    scan = profile(likelihood, points=201, reach=max(9.0, 2 * critical))
    intervals = scan.intervals(critical)
    upper = scan.intervals(float(ndtri(task.cl)) ** 2)[-1][1]
    null = _null(likelihood)
    flat = Belt(
        parameter=scan.parameter, cl=task.cl, values=scan.values,
        critical=np.full(scan.values.size, float(ndtri(task.cl)) ** 2),
        low=scan.values, high=scan.values, toys=0, failed=0, seed=task.seed,
    )  # fmt: skip
    task.say("toys without signal")
    edges, failed = expected_edges(
        likelihood, flat, null.values, count=400, seed=task.seed
    )
    if not edges.size:
        raise InferenceError("no toy could be fitted", file=task.name)
    expected = np.quantile(edges, ndtr(np.array([-2.0, -1.0, 0.0, 1.0, 2.0])))
    warnings = [] if len(scan.minima) < 2 else [f"{len(scan.minima)} minima"]
    warnings += _at_bounds(likelihood, (*intervals, (0.0, upper)), expected)
    if likelihood.poi_bounds[0] < 0:
        warnings.append("asymptotic interval of a signed coupling: a diagnostic only")
    return task.result(
        Values(scan.best_fit, upper, intervals), _bands(expected),
        _discovery(likelihood, scan, null),
        scan={
            "poi": scan.values.tolist(), "rise": scan.rise.tolist(),
            "critical": [critical] * scan.values.size,
            "minima": [list(m) for m in scan.minima],
        },
        method="profile", statistic="profile likelihood ratio", sided="one",
        calibration="asymptotic (expected: toys)",
        warnings=[*_about(likelihood), *warnings, *_failures(failed)],
        toys={"n": 400, "failed": failed, "seed": task.seed},
    )  # fmt: skip


#: By name, with the compiled likelihood and with pyhf.
ALL: dict[str, Callable[[Task], Limit]] = {
    "cls": _cls, "toys": _toys, "feldman-cousins": _unified, "profile": _profile,
}  # fmt: skip
BY_PYHF: dict[str, Callable[[Task], Limit]] = {
    "cls": _by_pyhf, "profile": _profile_by_pyhf,
}  # fmt: skip
