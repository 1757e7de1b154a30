"""The likelihood of a workspace, compiled: values, fits, uncertainties."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nuem.analysis.inference.arrays import Arrays
from nuem.analysis.inference.compiled import Compiled, compile_workspace
from nuem.analysis.inference.parameters import check_yields
from nuem.analysis.inference.turning import turning_starts
from nuem.inputs.errors import InferenceError, InputError

__all__ = ["Likelihood", "Minimum"]

_Array = NDArray[np.float64]


@dataclass(frozen=True)
class Minimum:
    """A minimum of -2 ln L.

    Attributes
    ----------
    values : ndarray, shape (p,)
    twice_nll : float
        -2 ln L, with the constants of pyhf.
    deviance : float
        -2 ln L less that of a model that meets every datum.
    converged : bool
    """

    values: _Array
    twice_nll: float
    deviance: float
    converged: bool


class Likelihood:
    """A measurement of a workspace, ready to be fitted.

    Parameters
    ----------
    spec : mapping
        A pyhf workspace document.
    measurement : str, optional
        Name of the measurement; needed where there are several.
    links : mapping, optional
        Normfactor -> ``{"parameter": name, "power": k}``.
    bounds : mapping, optional
        Parameter -> bounds, in place of those of the workspace.
    name : str
        Where it came from, for messages.

    Raises
    ------
    InputError
        If the document contradicts itself, or nothing is expected where events are.
    InferenceError
        If the parameter of interest acts on no expected event, or no bin has events.

    Examples
    --------
    >>> spec = {
    ...     "channels": [{"name": "c", "samples": [
    ...         {"name": "s", "data": [10.0], "modifiers": [
    ...             {"name": "mu", "type": "normfactor", "data": None}]},
    ...         {"name": "b", "data": [50.0], "modifiers": []}]}],
    ...     "observations": [{"name": "c", "data": [55.0]}],
    ...     "measurements": [{"name": "m", "config": {"poi": "mu", "parameters": []}}],
    ... }
    >>> Likelihood(spec).fit().values.round(6)
    array([0.5])
    """

    def __init__(
        self,
        spec: Mapping[str, Any],
        *,
        measurement: str | None = None,
        links: Mapping[str, Mapping[str, Any]] | None = None,
        bounds: Mapping[str, tuple[float, float]] | None = None,
        name: str = "workspace",
    ) -> None:
        self.name = name
        self._made_of = (spec, measurement, links)
        model = compile_workspace(spec, measurement=measurement, links=links, name=name)
        self.model: Compiled = model
        self.arrays = model.arrays
        self.names = model.names
        self.init = model.init.copy()
        self.poi = model.poi
        self.observed = model.observed
        self.aux = model.aux
        self._index = {n: i for i, n in enumerate(self.names)}
        outer = self.arrays.outer
        self.outer_free = ~model.fixed[outer]
        for label, start, low, high in zip(
            self.names, self.init, self.arrays.low, self.arrays.high, strict=True
        ):
            if not low <= start <= high:
                raise InputError(
                    "a parameter starts outside its bounds", file=name, field=label,
                    found=f"{start:g}", expected=f"{low:g} to {high:g}",
                )  # fmt: skip
        for label, (low, high) in (bounds or {}).items():
            i = self.index(label)
            self.arrays.low[i], self.arrays.high[i] = low, high
            self.init[i] = min(max(self.init[i], low), high)
        from nuem.analysis.inference import kernels

        slots, values = turning_starts(self.arrays, self.init, self.poi)
        self.arrays = self.arrays._replace(turn_slot=slots, turn_value=values)
        self._scratch = kernels.scratch(self.arrays)
        check_yields(spec, name)
        self._check()

    @cached_property
    def digest(self) -> str:
        """sha256 of the workspace, its measurement and links: what names kept toys."""
        text = json.dumps(self._made_of, sort_keys=True, default=list)
        return hashlib.sha256(text.encode()).hexdigest()

    def outer_slots(self, parameters: Sequence[int]) -> NDArray[np.int64]:
        """Places of parameters among the outer ones, which a toy can be tested at.

        Raises
        ------
        InputError
            If a parameter is solved together with its bins within each fit.
        """
        outer = list(self.arrays.outer)
        for i in parameters:
            if i not in outer:
                raise InputError(
                    "toys cannot test a parameter of single bins: it is solved within "
                    "each fit", file=self.name, field=self.names[i],
                    expected=", ".join(self.names[k] for k in outer[:20]),
                )  # fmt: skip
        return np.array([outer.index(i) for i in parameters], dtype=np.int64)

    @property
    def curved(self) -> list[int]:
        """Couplings that enter with a power above 1: they may have several minima."""
        arrays = self.arrays
        slots = np.unique(arrays.factor_outer[arrays.factor_power > 1])
        return [int(arrays.outer[slot]) for slot in slots]

    def check_free(self, parameter: int) -> None:
        """Refuse to scan a parameter that cannot move.

        Raises
        ------
        InferenceError
            If it is fixed.
        """
        low, high = self.arrays.low[parameter], self.arrays.high[parameter]
        if self.model.fixed[parameter] or low == high:
            raise InferenceError(
                "the parameter is fixed", file=self.name, field=self.names[parameter],
                found=f"{self.init[parameter]:g}", expected="a free parameter",
            )  # fmt: skip

    @property
    def several_minima(self) -> bool:
        """Whether -2 ln L can have several minima, so that fits begin at many points."""
        return self.arrays.turn_slot.size > 0

    @property
    def poi_name(self) -> str:
        """Name of the parameter of interest."""
        if self.poi < 0:
            raise InputError(
                "no parameter of interest", file=self.name, field="measurements"
            )
        return self.names[self.poi]

    @property
    def poi_bounds(self) -> tuple[float, float]:
        """Bounds of the parameter of interest."""
        return float(self.arrays.low[self.poi]), float(self.arrays.high[self.poi])

    def index(self, parameter: str) -> int:
        """Index of a parameter.

        Raises
        ------
        InputError
            If there is none of this name.
        """
        if parameter not in self._index:
            raise InputError(
                "no such parameter", file=self.name, found=repr(parameter),
                expected=", ".join(self.names[:20]),
            )  # fmt: skip
        return self._index[parameter]

    def expected(self, values: _Array) -> _Array:
        """Expected counts by bin, channels in alphabetical order."""
        from nuem.analysis.inference import kernels

        values = np.ascontiguousarray(values, dtype=float)
        kernels.expectation(self.arrays, values, self._scratch)
        return self._scratch.means.copy()

    def expected_aux(self, values: _Array) -> _Array:
        """Expected auxiliary data by parameter; 0 where there are none."""
        kind = self.arrays.kind
        values = np.asarray(values, dtype=float)
        return np.where(
            kind == 2, values * self.arrays.width, np.where(kind == 1, values, 0.0)
        )

    def twice_nll(
        self, values: _Array, observed: _Array | None = None, aux: _Array | None = None
    ) -> float:
        """-2 ln L at a point, as pyhf defines it."""
        n = self.observed if observed is None else np.asarray(observed, dtype=float)
        x = self.aux if aux is None else np.asarray(aux, dtype=float)
        values = np.asarray(values, dtype=float)
        return 2 * self.constant(n, x) + self._deviance(values, n, x)

    def constant(
        self, observed: _Array | None = None, aux: _Array | None = None
    ) -> float:
        """-ln L of the model that meets every datum."""
        from nuem.analysis.inference import kernels

        n = self.observed if observed is None else observed
        x = self.aux if aux is None else aux
        return float(kernels.saturated(self.arrays, n, x))

    def _deviance(self, values: _Array, n: _Array, x: _Array) -> float:
        from scipy.special import xlogy

        mean = self.expected(values)
        with np.errstate(invalid="ignore", divide="ignore"):
            bins = (
                mean
                - n
                - np.where(n > 0, xlogy(n, mean / np.where(n > 0, n, 1.0)), 0.0)
            )
            kind, width = self.arrays.kind, self.arrays.width
            pulls = np.where(kind == 1, ((values - x) / width) ** 2 / 2, 0.0)
            rate = values * width
            counts = rate - x - xlogy(x, rate / np.where(x > 0, x, 1.0))
        total = bins.sum() + pulls.sum() + np.where(kind == 2, counts, 0.0).sum()
        return 2 * float(total) if np.isfinite(total) else np.inf

    def fit(
        self,
        *,
        fixed: Mapping[int, float] | None = None,
        observed: _Array | None = None,
        aux: _Array | None = None,
        start: _Array | None = None,
        most: int = 200,
        local: bool = False,
    ) -> Minimum:
        """Minimise -2 ln L.

        Where there can be several minima, fits begin anew at several points, and the
        lowest minimum is given.

        Parameters
        ----------
        fixed : mapping of int to float, optional
            Parameters held at a value, by index.
        observed, aux : ndarray, optional
            Data in place of those of the workspace.
        start : ndarray, shape (p,) or (m, p), optional
            Where to begin, or several such points; the starting values of the workspace
            by default.
        most : int
            Largest number of Newton steps.
        local : bool
            Give the minimum at which the way down from `start` ends.

        Returns
        -------
        Minimum
        """
        from nuem.analysis.inference import newton

        n = self.observed if observed is None else np.ascontiguousarray(observed, float)
        x = self.aux if aux is None else np.ascontiguousarray(aux, float)
        free = self.outer_free.copy()
        arrays = self.arrays
        begins = np.array(self.init if start is None else start, dtype=float, ndmin=2)
        if start is not None and not local and self.several_minima:
            begins = np.vstack([begins, self.init])
        for i, value in (fixed or {}).items():
            begins[:, i] = value
            where = np.flatnonzero(arrays.outer == i)
            if where.size:
                free[where] = False
            else:  # an inner parameter is held by its bounds
                if arrays is self.arrays:
                    arrays = arrays._replace(
                        low=arrays.low.copy(), high=arrays.high.copy()
                    )
                arrays.low[i] = arrays.high[i] = value

        def descend(point: _Array) -> tuple[float, int, float]:
            height, ended, _, known = newton.minimise(
                arrays, point, n, x, free, most, 1e-15, self._scratch, np.nan, np.inf
            )
            return height, ended, known

        values = begins[0]
        value, status, known = descend(values)
        for point in begins[1:]:
            height, ended, _ = descend(point)
            if status or (not ended and height < value):
                value, status, values = height, ended, point
        if len(begins) > 1 and not status:
            # the rooms have held another fit since
            value, status, known = descend(values)
        if status and start is not None:
            return self.fit(
                fixed=fixed, observed=observed, aux=aux, most=most, local=local
            )
        if not status and not local and self.several_minima:
            value, known = newton.lowest(
                arrays, values, value, n, x, free, free, 1e-15, self._scratch, known
            )
        if not status:
            self._settle(arrays, values, value, n, x)
        return Minimum(
            values=values, twice_nll=2 * (value + self.constant(n, x)),
            deviance=2 * value, converged=status == 0,
        )  # fmt: skip

    def _settle(
        self, arrays: Arrays, values: _Array, value: float, n: _Array, x: _Array
    ) -> None:
        """Solve the inner parameters for the outer ones after a long last step, in place.

        The last step is that of the outer parameters alone. It is tiny, but not along
        a flat direction; if it leads up there, it is taken back.
        """
        from nuem.analysis.inference import kernels

        before = self._scratch.theta
        if np.all(np.abs(values - before) <= 1e-7 * (1.0 + np.abs(before))):
            return
        there = kernels.evaluate(arrays, values, n, x, self._scratch)
        if not there <= value + 1e-10 * (1.0 + abs(value)):
            values[:] = before

    def hessian(self, values: _Array, observed: _Array | None = None) -> _Array:
        """Second derivatives of -ln L in all parameters, shape (p, p)."""
        from nuem.analysis.inference.dense import dense_hessian

        n = self.observed if observed is None else observed
        return np.asarray(
            dense_hessian(
                self.arrays,
                np.ascontiguousarray(values, float),
                n,
                self.aux,
                self._scratch,
            )
        )

    def gradient(self, values: _Array, observed: _Array | None = None) -> _Array:
        """First derivatives of -ln L in all parameters, shape (p,)."""
        from nuem.analysis.inference.dense import dense_gradient

        n = self.observed if observed is None else observed
        return np.asarray(
            dense_gradient(
                self.arrays,
                np.ascontiguousarray(values, float),
                n,
                self.aux,
                self._scratch,
            )
        )

    def _check(self) -> None:
        """Refuse what would give a number without meaning far from its cause."""
        expected = self.expected(self.init)
        self._refuse_negative(expected, "negative expectation")
        for channel, where in self.model.layout.channels.items():
            field = f"channels.{channel}"
            if ((expected[where] == 0) & (self.observed[where] > 0)).any():
                raise InputError(
                    "events where none are expected", file=self.name, field=field
                )

    def possible(self, values: _Array) -> bool:
        """Whether no bin expects less than nothing, or nothing where it has events.

        Parameters
        ----------
        values : ndarray, shape (p,)
        """
        expected = self.expected(values)
        emptied = (expected <= 0.0) & (self.observed > 0.0)
        return not bool(((expected < -1e-9) | emptied).any())

    def check_expectation(self, values: _Array, where: str) -> None:
        """Refuse a point at which a bin expects less than nothing.

        A bin with events has none such; one without has, as in pyhf, and even gains
        by it. What is reported may not rest on that.

        Parameters
        ----------
        values : ndarray, shape (p,)
        where : str
            What the point is, for the message.

        Raises
        ------
        InferenceError
            If an expectation is below 0.
        """
        expected = self.expected(values)
        for channel, bins in self.model.layout.channels.items():
            if (expected[bins] < -1e-9).any():
                k = int(np.argmin(expected[bins]))
                raise InferenceError(
                    f"negative expectation at {where}", file=self.name,
                    field=f"channels.{channel}[{k}]", found=f"{expected[bins][k]:.3g}",
                    expected="bounds of the parameters within which no bin is negative",
                )  # fmt: skip

    def signal_counts(self) -> float:
        """What all expected counts change by, at most, within the bounds of the parameter.

        From the slopes of the bins: a signal that is lost in the digits of a background
        is seen.
        """
        from nuem.analysis.inference import kernels

        slot = int(np.flatnonzero(self.arrays.outer == self.poi)[0])
        low, high = self.poi_bounds
        point = self.init.copy()
        largest = 0.0
        # a power is flat at 0, but not at the ends
        for end in (low, high):
            point[self.poi] = end
            kernels.evaluate(self.arrays, point, self.observed, self.aux, self._scratch)
            largest = max(largest, float(np.abs(self._scratch.slopes[slot]).sum()))
        return largest * (high - low)

    def check_signal(self) -> None:
        """Refuse a parameter of interest of which the data can say nothing.

        Raises
        ------
        InputError
            If a bin expects less than nothing without signal.
        InferenceError
            If the parameter is fixed, moves no expected count, or moves them by less
            than the digits of the background.
        """
        low, high = self.poi_bounds
        if self.model.fixed[self.poi] or low == high:
            raise InferenceError(
                "the parameter of interest is fixed", file=self.name,
                field=self.poi_name, found=f"{self.init[self.poi]:g}",
                expected="a free parameter",
            )  # fmt: skip
        point = self.init.copy()
        point[self.poi] = nothing = min(max(low, 0.0), high)
        without = self.expected(point)
        self._refuse_negative(without, "negative expectation without signal")
        point[self.poi] = min(nothing + 1.0, high) if nothing < high else low
        if not np.array_equal(without, self.expected(point)):
            return
        counts = self.signal_counts()
        if counts == 0.0:
            raise InferenceError(
                "the parameter of interest acts on no expected event", file=self.name,
                field=self.poi_name,
            )  # fmt: skip
        raise InferenceError(
            "the signal is too small beside the background to change a sum",
            file=self.name, field=self.poi_name,
            found=f"{counts:.3g} events within the bounds of the parameter",
        )  # fmt: skip

    def _refuse_negative(self, expected: _Array, problem: str) -> None:
        for channel, where in self.model.layout.channels.items():
            if not (expected[where] >= 0).all():
                raise InputError(
                    problem, file=self.name, field=f"channels.{channel}",
                    found=f"{expected[where].min():g}",
                )  # fmt: skip
