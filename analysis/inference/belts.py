"""Belts: critical values of a likelihood ratio, saved, drawn and inverted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nuem.analysis.inference.profile import Profile, crossings
from nuem.analysis.inference.toys import DIGITS
from nuem.inputs.errors import InputError
from nuem.inputs.files import read_json, write_json

__all__ = ["Belt", "critical_value"]

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
    read : int
        How many of all toys were found in the folder of kept ones.
    error : ndarray, shape (n,), optional
        Standard deviations of the critical values by the number of toys; None where
        these are not from toys, or it is not known.
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
    read: int = 0
    error: _Array | None = None

    def invert(self, scan: Profile) -> tuple[tuple[float, float], ...]:
        """Islands of accepted values of a measurement."""
        return crossings(scan.values, scan.rise, self.at(scan.values))

    def at(self, values: _Array) -> _Array:
        """Critical values between those of the belt."""
        return np.interp(values, self.values, self.critical)

    def edge_errors(
        self, values: _Array, rise: _Array
    ) -> tuple[tuple[float, float], ...]:
        """Standard deviations of the ends of `invert` by the number of toys.

        That of the critical value over the slope of the rise less the critical value; 0
        where an interval ends with the scan, or the critical values have no error.

        Parameters
        ----------
        values, rise : ndarray, shape (n,)
            Of a scan.
        """
        gap, error = rise - self.at(values), self._error_at(values)

        def at(edge: float) -> float:
            k = int(np.searchsorted(values, edge)) - 1
            if k < 0 or edge >= values[-1]:
                return 0.0
            slope = (gap[k + 1] - gap[k]) / (values[k + 1] - values[k])
            return float(np.interp(edge, values, error) / max(abs(slope), 1e-300))

        ends = crossings(values, rise, self.at(values))
        return tuple((at(low), at(high)) for low, high in ends)

    def _error_at(self, values: _Array) -> _Array:
        """Errors of critical values between those of the belt, which are independent."""
        if self.error is None:
            return np.zeros(values.shape)
        if self.values.size < 2:
            return np.full(values.shape, self.error[0])
        k = np.clip(np.searchsorted(self.values, values) - 1, 0, self.values.size - 2)
        step = self.values[k + 1] - self.values[k]
        share = np.clip((values - self.values[k]) / step, 0.0, 1.0)
        return np.asarray(
            np.hypot((1 - share) * self.error[k], share * self.error[k + 1])
        )

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
        arrays = ("values", "critical", "error", "low", "high")
        try:
            values: dict[str, Any] = {
                key: np.asarray(value, float)
                if key in arrays and value is not None
                else value
                for key, value in document.items()
                if key != "schema"
            }
            return cls(**values)
        except (TypeError, ValueError) as error:
            raise InputError(f"damaged belt ({error})", file=path) from None


def critical_value(statistic: _Array, cl: float) -> tuple[float, float]:
    """What the ratio may be, and still be exceeded by a share of 1 - cl at most.

    Parameters
    ----------
    statistic : ndarray, shape (t,)
        Of toys.
    cl : float

    Returns
    -------
    value, error : float
        The error is the standard deviation by the number of toys: half of what lies
        between the quantiles one binomial deviation below and above.

    Examples
    --------
    >>> value, error = critical_value(np.linspace(0, 1, 901), 0.9)
    >>> round(value, 3), round(error, 3)
    (0.9, 0.009)
    """
    share = float(np.sqrt(cl * (1 - cl) / statistic.size))
    value, low, high = np.quantile(
        statistic, [cl, max(cl - share, 0.0), min(cl + share, 1.0)], method="higher"
    )
    return float(value) + DIGITS, 0.5 * float(high - low)
