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
_SCHEMA = "nuem-belt-2"
#: A rise between two islands that is no higher than this above both is no barrier.
_FLAT = 1e-3


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
    least, most : ndarray, shape (n,), optional
        Critical values that are one standard deviation by the number of toys smaller
        and larger; None where they are not from toys, or it is not known.
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
    least: _Array | None = None
    most: _Array | None = None

    def invert(self, scan: Profile) -> tuple[tuple[float, float], ...]:
        """Islands of accepted values of a measurement.

        With few counts critical values jump, and leave out short stretches of values
        on a slope of the likelihood: what lies between accepted values there is taken as
        accepted. Islands are what a rise above the critical value separates.
        """
        return self._islands(scan.values, scan.rise, self.critical)

    def at(self, values: _Array) -> _Array:
        """Critical values between those of the belt."""
        return np.interp(values, self.values, self.critical)

    def interval_errors(self, scan: Profile) -> tuple[tuple[float, float], ...]:
        """Standard deviations of the ends of `invert` by the number of toys.

        Half of what lies between the ends for critical values that are one deviation
        larger and smaller.
        """
        outer = self._islands(scan.values, scan.rise, self._most)
        inner = self._islands(scan.values, scan.rise, self._least)
        values, rise = self._merged(scan.values, scan.rise)
        errors = []
        for low, high in self.invert(scan):
            around = [(a, b) for a, b in outer if a <= high and b >= low]
            within = [(a, b) for a, b in inner if a <= high and b >= low]
            own = (values >= low) & (values <= high)
            middle = np.clip(values[np.argmin(np.where(own, rise, np.inf))], low, high)
            bottom, top = (within[0][0], within[-1][1]) if within else (middle, middle)
            errors.append(
                (0.5 * float(bottom - around[0][0]), 0.5 * float(around[-1][1] - top))
            )
        return tuple(errors)

    def upper_ends(self, values: _Array, rises: _Array) -> tuple[_Array, _Array]:
        """Upper ends of the uppermost islands of many measurements.

        Parameters
        ----------
        values : ndarray, shape (n,)
            Of the scans.
        rises : ndarray, shape (m, n)

        Returns
        -------
        ends, errors : ndarray, shape (m,)
            nan without an island. Errors as in `interval_errors`.
        """
        ends = self._last(values, rises, self.critical)
        most, least = (self._last(values, rises, c) for c in (self._most, self._least))
        return ends, 0.5 * (most - np.where(np.isnan(least), values[0], least))

    @property
    def _least(self) -> _Array:
        return self.critical if self.least is None else self.least

    @property
    def _most(self) -> _Array:
        return self.critical if self.most is None else self.most

    def _islands(
        self, values: _Array, rise: _Array, critical: _Array
    ) -> tuple[tuple[float, float], ...]:
        merged, heights = self._merged(values, rise)
        found = crossings(merged, heights, np.interp(merged, self.values, critical))
        islands = list(found[:1])
        for low, high in found[1:]:
            last = islands[-1][1]
            between = heights[(merged > last) & (merged < low)]
            ends = np.interp([last, low], merged, heights)
            if between.size and between.max() > ends.max() + _FLAT:
                islands.append((low, high))
            else:
                islands[-1] = (islands[-1][0], high)
        return tuple(islands)

    def _last(self, values: _Array, rises: _Array, critical: _Array) -> _Array:
        merged, heights = self._merged(values, rises)
        gap = heights - np.interp(merged, self.values, critical)
        inside = gap <= 0.0
        last = merged.size - 1 - np.argmax(inside[:, ::-1], axis=1)
        after = np.minimum(last + 1, merged.size - 1)
        rows = np.arange(len(gap))
        with np.errstate(invalid="ignore"):  # both infinite: a row without an island
            climb = gap[rows, after] - gap[rows, last]
        share = np.divide(
            -gap[rows, last], climb, where=climb > 0, out=np.zeros(len(gap))
        )
        ends = merged[last] + share * (merged[after] - merged[last])
        return np.where(inside.any(axis=1), ends, np.nan)

    def _merged(self, values: _Array, rise: _Array) -> tuple[_Array, _Array]:
        """A scan with the values of the belt in between, where its rise is interpolated.

        The rise is smooth and the critical values need not be.
        """
        if values.size < 2:
            return values, rise
        inner = self.values[(self.values > values[0]) & (self.values < values[-1])]
        merged = np.union1d(values, inner)
        k = np.clip(
            np.searchsorted(values, merged, side="right") - 1, 0, values.size - 2
        )
        share = (merged - values[k]) / (values[k + 1] - values[k])
        left, right = rise[..., k], rise[..., k + 1]
        with np.errstate(invalid="ignore"):  # 0 times infinity, which is not chosen
            between = (1 - share) * left + share * right
        return merged, np.where(
            share <= 0.0, left, np.where(share >= 1.0, right, between)
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
        arrays = ("values", "critical", "least", "most", "low", "high")
        try:
            values: dict[str, Any] = {
                key: np.asarray(value, float)
                if key in arrays and value is not None
                else value
                for key, value in document.items()
                if key != "schema"
            }
            belt = cls(**values)
        except (TypeError, ValueError) as error:
            raise InputError(f"damaged belt ({error})", file=path) from None
        for key in arrays:
            found = getattr(belt, key)
            if found is not None and found.shape != belt.values.shape:
                raise InputError(
                    "damaged belt", file=path, field=key, found=f"{found.size} values",
                    expected=belt.values.size,
                )  # fmt: skip
        return belt


def critical_value(statistic: _Array, cl: float) -> tuple[float, float, float]:
    """What the ratio may be, and still be exceeded by a share of 1 - cl at most.

    Parameters
    ----------
    statistic : ndarray, shape (t,)
        Of toys.
    cl : float

    Returns
    -------
    value, least, most : float
        The quantile, and those one binomial deviation below and above.

    Examples
    --------
    >>> [round(value, 3) for value in critical_value(np.linspace(0, 1, 901), 0.9)]
    [0.9, 0.891, 0.91]
    """
    share = float(np.sqrt(cl * (1 - cl) / statistic.size))
    shares = [cl, max(cl - share, 0.0), min(cl + share, 1.0)]
    value, least, most = np.quantile(statistic, shares, method="higher") + DIGITS
    return float(value), float(least), float(most)
