"""What a limit is: values observed and expected, and all that is needed to read them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

__all__ = [
    "BANDS", "Limit", "Values", "error_in_coupling", "in_coupling", "is_signed",
    "percent", "to_coupling",
]  # fmt: skip

#: Quantiles of the expected limit, in standard deviations.
BANDS = ("-2", "-1", "0", "1", "2")


@dataclass(frozen=True)
class Values:
    """What was measured, in the parameter of interest or in the coupling.

    Attributes
    ----------
    best_fit, upper_limit : float
    intervals : tuple of (float, float)
    upper_error : float or None
        Standard deviation of the upper limit by the number of toys; None without toys.
    interval_errors : tuple of (float, float) or None
        Those of the ends of the intervals; 0 where an end is a bound.
    """

    best_fit: float
    upper_limit: float
    intervals: tuple[tuple[float, float], ...]
    upper_error: float | None = None
    interval_errors: tuple[tuple[float, float], ...] | None = None

    def to_dict(self) -> dict[str, Any]:
        """As a JSON object; ``toys_error`` only where there are toys."""
        document: dict[str, Any] = {
            "best_fit": self.best_fit,
            "upper_limit": self.upper_limit,
            "intervals": [list(interval) for interval in self.intervals],
        }
        if self.upper_error is not None:
            document["toys_error"] = {
                "upper_limit": self.upper_error,
                "intervals": [list(e) for e in self.interval_errors or ()],
            }
        return document


@dataclass(frozen=True)
class Limit:
    """An upper limit with its expectation and all that is needed to read it.

    Attributes
    ----------
    cl : float
        Confidence level.
    parameter : str
        Name of the parameter of interest.
    poi : Values
        Observed, in the parameter of interest.
    expected_poi : dict
        Upper limit expected without signal, by number of standard deviations.
    p0 : float
        p-value of the observation without signal.
    p0_calibration : str
        ``asymptotic``, or by which ``toys``.
    p0_sided : str
        ``one``: only more signal than none counts against no signal; ``two``: less
        counts too, where the parameter of interest may be negative.
    p0_error : float or None
        Standard deviation by the number of toys.
    coupling, expected_coupling : Values, dict or None
        The same in the unit of the coupling; None where its meaning is unknown.
    definition : dict or None
        Definition of the coupling.
    scan : dict
        Tested values with what was found there: CLs observed and, shape (n, 5),
        expected; or the statistic and its critical values.
    warnings : tuple of str
    provenance : dict
    method, statistic, sided, calibration, engine : str
        How it was found. `sided` is that of the upper limit: ``one``, or ``unified``
        where the limit is the upper end of the interval. Intervals of ``profile`` have
        two sides.
    toys : dict or None
        Number, failures and seed of the toys.
    expected_poi_error, expected_coupling_error : dict or None
        Standard deviations of the expected limits by the number of toys.
    gof : dict or None
        Goodness of fit, where `nuem run` has set the limit; see `goodness_of_fit`.
    power_constrained : dict or None
        Upper limit not below what is expected at minus one standard deviation.
    """

    cl: float
    parameter: str
    poi: Values
    expected_poi: dict[str, float]
    p0: float
    coupling: Values | None
    expected_coupling: dict[str, float] | None
    definition: dict[str, Any] | None
    scan: dict[str, Any]
    warnings: tuple[str, ...]
    provenance: dict[str, Any]
    method: str = "cls"
    statistic: str = "q-tilde"
    sided: str = "one"
    calibration: str = "asymptotic"
    engine: str = "nuem"
    p0_calibration: str = "asymptotic"
    p0_sided: str = "one"
    p0_error: float | None = None
    expected_poi_error: dict[str, float] | None = None
    expected_coupling_error: dict[str, float] | None = None
    toys: dict[str, Any] | None = None
    gof: dict[str, Any] | None = None
    power_constrained: dict[str, float] | None = None

    def to_dict(self) -> dict[str, Any]:
        """The JSON document of ``nuem limit``."""
        coupling = self.coupling.to_dict() if self.coupling else None
        observed: dict[str, Any] = {
            "poi": self.poi.to_dict(),
            "coupling": coupling,
            "p0": self.p0,
            "p0_calibration": self.p0_calibration,
            "p0_sided": self.p0_sided,
        }
        if self.p0_error is not None:
            observed["p0_toys_error"] = self.p0_error
        expected: dict[str, Any] = {
            "poi": self.expected_poi,
            "coupling": self.expected_coupling,
        }
        if self.expected_poi_error is not None:
            expected["toys_error"] = {
                "poi": self.expected_poi_error,
                "coupling": self.expected_coupling_error,
            }
        return {
            "cl": self.cl,
            "parameter": self.parameter,
            "method": self.method,
            "statistic": self.statistic,
            "sided": self.sided,
            "calibration": self.calibration,
            "engine": self.engine,
            "definition": self.definition,
            "observed": observed,
            "expected": expected,
            "toys": self.toys,
            "gof": self.gof,
            "power_constrained": self.power_constrained,
            "scan": self.scan,
            "warnings": list(self.warnings),
            "provenance": self.provenance,
        }


def percent(level: float) -> str:
    """A confidence level for a reader, none of its digits rounded away.

    Examples
    --------
    >>> percent(0.9), percent(0.9999999), percent(0.9999999999999999)
    ('90%', '99.99999%', '99.99999999999999%')
    """
    text = f"{100 * Decimal(repr(float(level))):f}"
    return f"{text.rstrip('0').rstrip('.') if '.' in text else text}%"


def is_signed(definition: Mapping[str, Any] | None) -> bool:
    """Whether the parameter of interest is the coupling itself, which may be negative."""
    return definition is not None and definition.get("power") == 1


def to_coupling(value: float, definition: Mapping[str, Any]) -> float:
    """A value of the parameter of interest in the unit of the coupling.

    Examples
    --------
    >>> to_coupling(4.0, {"reference": 1e-12, "power": 2})
    2e-12
    """
    reference = float(definition["reference"])
    if is_signed(definition):
        return reference * value
    return reference * math.sqrt(max(value, 0.0))


def error_in_coupling(
    value: float, error: float, definition: Mapping[str, Any]
) -> float:
    """Error of a value of the parameter of interest, in the unit of the coupling.

    Examples
    --------
    >>> round(error_in_coupling(4.0, 0.4, {"reference": 1.0, "power": 2}), 3)
    0.1
    """
    ends = (to_coupling(value + sign * error, definition) for sign in (-1, 1))
    low, high = ends
    return 0.5 * (high - low)


def in_coupling(values: Values, definition: Mapping[str, Any]) -> Values:
    """Values in the unit of the coupling."""

    def g(value: float) -> float:
        return to_coupling(value, definition)

    def of(value: float, error: float) -> float:
        return error_in_coupling(value, error, definition)

    errors = None
    if values.interval_errors is not None:
        errors = tuple(
            (of(low, below), of(high, above))
            for (low, high), (below, above) in zip(
                values.intervals, values.interval_errors, strict=True
            )
        )
    upper = values.upper_error
    return Values(
        g(values.best_fit), g(values.upper_limit),
        tuple((g(low), g(high)) for low, high in values.intervals),
        None if upper is None else of(values.upper_limit, upper), errors,
    )  # fmt: skip
