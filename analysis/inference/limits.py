"""Upper limits by CLs with the asymptotic q-tilde statistic, observed and expected.

Formulae: Cowan, Cranmer, Gross, Vitells, Eur. Phys. J. C 71 (2011) 1554; CLs:
A. L. Read, J. Phys. G 28 (2002) 2693. Calculated by pyhf.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nuem.analysis.inference.backend import build_model, pyhf_numpy
from nuem.inputs.errors import InferenceError, InputError

__all__ = ["BANDS", "Limit", "Values", "upper_limit"]

#: Quantiles of the expected limit, in standard deviations.
BANDS = ("-2", "-1", "0", "1", "2")

_Array = NDArray[np.float64]


@dataclass(frozen=True)
class Values:
    """What was measured, in the parameter of interest or in the coupling."""

    best_fit: float
    upper_limit: float
    intervals: tuple[tuple[float, float], ...]

    def to_dict(self) -> dict[str, Any]:
        """As a JSON object."""
        return {
            "best_fit": self.best_fit,
            "upper_limit": self.upper_limit,
            "intervals": [list(interval) for interval in self.intervals],
        }


@dataclass(frozen=True)
class Limit:
    """An upper limit with its expectation and all that is needed to read it.

    Attributes
    ----------
    cl : float
        Confidence level.
    poi : Values
        Observed, in the parameter of interest.
    expected_poi : dict
        Upper limit expected without signal, by number of standard deviations.
    p0 : float
        p-value of the observation without signal.
    coupling, expected_coupling : Values, dict or None
        The same in the unit of the coupling; None where its meaning is unknown.
    definition : dict or None
        Definition of the coupling.
    scan : dict
        Tested values with observed CLs and, shape (n, 5), expected CLs.
    warnings : tuple of str
    provenance : dict
    """

    cl: float
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
    engine: str = "pyhf"

    def to_dict(self) -> dict[str, Any]:
        """The JSON document of ``nuem limit``."""
        coupling = self.coupling.to_dict() if self.coupling else None
        return {
            "cl": self.cl,
            "method": self.method,
            "statistic": self.statistic,
            "sided": self.sided,
            "calibration": self.calibration,
            "engine": self.engine,
            "definition": self.definition,
            "observed": {
                "poi": self.poi.to_dict(),
                "coupling": coupling,
                "p0": self.p0,
            },
            "expected": {
                "poi": self.expected_poi,
                "coupling": self.expected_coupling,
            },
            "toys": None,
            "gof": None,
            "scan": self.scan,
            "warnings": list(self.warnings),
            "provenance": self.provenance,
        }


def upper_limit(
    spec: Mapping[str, Any],
    *,
    cl: float = 0.9,
    measurement: str | None = None,
    definition: Mapping[str, Any] | None = None,
    provenance: Mapping[str, Any] | None = None,
    warnings: Sequence[str] = (),
    name: str = "workspace",
    progress: Callable[[str], None] | None = None,
) -> Limit:
    """Set an upper limit on the parameter of interest of a pyhf workspace.

    Parameters
    ----------
    spec : mapping
        A pyhf workspace document.
    cl : float
        Confidence level, between 0 and 1.
    measurement : str, optional
        Name of the measurement; needed where there are several.
    definition : mapping, optional
        What the parameter means; with ``reference`` and ``unit`` and a ``power`` of 2
        the limit is also given in the coupling g = g_ref sqrt(mu).
    provenance : mapping, optional
        What made the workspace; goes into the result.
    warnings : sequence of str
        What is known of the workspace and belongs beside its limit.
    name : str
        Where the workspace came from, for messages.
    progress : callable, optional
        Told in a few words what is being calculated.

    Returns
    -------
    Limit

    Raises
    ------
    InputError
        If the confidence level or the workspace is wrong.
    InferenceError
        If there is no limit within the bounds of the parameter.

    Examples
    --------
    >>> spec = {
    ...     "version": "1.0.0",
    ...     "channels": [{"name": "c", "samples": [
    ...         {"name": "s", "data": [10.0], "modifiers": [
    ...             {"name": "mu", "type": "normfactor", "data": None}]},
    ...         {"name": "b", "data": [50.0], "modifiers": [
    ...             {"name": "bkg", "type": "normsys",
    ...              "data": {"hi": 1.05, "lo": 0.95}}]}]}],
    ...     "observations": [{"name": "c", "data": [50.0]}],
    ...     "measurements": [{"name": "m", "config": {"poi": "mu", "parameters": []}}],
    ... }
    >>> limit = upper_limit(spec, cl=0.9)
    >>> round(limit.poi.upper_limit, 2)
    1.32
    """
    if not 0 < cl < 1:
        raise InputError("confidence level", found=f"{cl:g}", expected="0 to 1")
    say = progress or (lambda _: None)
    with pyhf_numpy():
        import pyhf

        model, data = build_model(spec, name=name, measurement=measurement)
        poi = model.config.poi_index
        if model.config.npars - sum(model.config.suggested_fixed()) == 1:
            # with nothing to vary at a fixed value, pyhf's use of MINUIT fails
            pyhf.set_backend("numpy", pyhf.optimize.scipy_optimizer())
        say("best fit")
        try:
            best_fit = float(pyhf.infer.mle.fit(data, model)[poi])
            # hypotest would ask for bounds that reach up to 1
            q0 = pyhf.infer.test_statistics.q0(
                0.0, data, model, **_not_negative(model),
                fixed_params=model.config.suggested_fixed(),
            )  # fmt: skip
            p0 = 0.5 * math.erfc(math.sqrt(float(q0) / 2))
        except pyhf.exceptions.FailedMinimization as error:
            raise _failed(error, name) from None
        curve = _CLsCurve(model, data, name, say)
        edges = curve.solve(1 - cl)
        curve.fill(1.3 * max(edges))
        warnings = (*warnings, *_warnings(model, data))
    observed = Values(
        best_fit=best_fit, upper_limit=edges[0], intervals=((0.0, edges[0]),)
    )
    expected = dict(zip(BANDS, edges[1:], strict=True))
    reference = (definition or {}).get("reference")
    coupling = expected_coupling = None
    if definition is not None and reference is not None:
        coupling = Values(
            best_fit=reference * math.sqrt(max(best_fit, 0.0)),
            upper_limit=reference * math.sqrt(edges[0]),
            intervals=((0.0, reference * math.sqrt(edges[0])),),
        )
        expected_coupling = {
            band: reference * math.sqrt(mu) for band, mu in expected.items()
        }
    return Limit(
        cl=cl,
        poi=observed,
        expected_poi=expected,
        p0=p0,
        coupling=coupling,
        expected_coupling=expected_coupling,
        definition=dict(definition) if definition is not None else None,
        scan=curve.scan(),
        warnings=tuple(warnings),
        provenance=dict(provenance or {}),
    )


class _CLsCurve:
    """CLs against the tested value; every value is calculated once."""

    def __init__(
        self, model: Any, data: _Array, name: str, say: Callable[[str], None]
    ) -> None:
        self._model, self._data, self._name, self._say = model, data, name, say
        self._known: dict[float, _Array] = {}
        self._start = _not_negative(model)

    def __call__(self, mu: float) -> _Array:
        """Observed CLs and the five expected ones, shape (6,)."""
        import pyhf

        if mu not in self._known:
            self._say(f"CLs at {mu:.4g} ({len(self._known) + 1} values tested)")
            try:
                observed, expected = pyhf.infer.hypotest(
                    mu, self._data, self._model, test_stat="qtilde",
                    return_expected_set=True, **self._start,
                )  # fmt: skip
            except pyhf.exceptions.FailedMinimization as error:
                raise _failed(error, self._name) from None
            self._known[mu] = np.array([float(observed), *map(float, expected)])
        return self._known[mu]

    def solve(self, alpha: float) -> list[float]:
        """Where each of the six curves falls to ``alpha``."""
        from scipy.optimize import toms748

        high = self._bracket(alpha)
        roots = []
        for index in range(6):
            # pyhf's own `upper_limit` ignores the level when it scans by itself
            # (pyhf issue 2563), so the root is sought here
            ordered = sorted(self._known)
            above = [mu for mu in ordered if self(mu)[index] > alpha]
            low = above[-1] if above else 0.0
            top = min(mu for mu in [*ordered, high] if mu > low)

            def excess(mu: float, index: int = index) -> float:
                return float(self(mu)[index]) - alpha if mu else 1 - alpha

            roots.append(float(toms748(excess, low, top, xtol=1e-6 * top, rtol=1e-6)))
        return roots

    def fill(self, high: float) -> None:
        """Test values in even steps, so that the curve can be drawn."""
        for mu in np.linspace(0.0, high, 13)[1:]:
            self(float(mu))

    def scan(self) -> dict[str, Any]:
        """Every tested value in ascending order; CLs is 1 at 0 by definition."""
        ordered = sorted({0.0, *self._known})
        table = np.array([self._known.get(mu, np.ones(6)) for mu in ordered])
        return {
            "poi": ordered,
            "observed": table[:, 0].tolist(),
            "expected": table[:, 1:].tolist(),
        }

    def _bracket(self, alpha: float) -> float:
        """A value at which all six curves are below ``alpha``."""
        bound = float(
            self._model.config.suggested_bounds()[self._model.config.poi_index][1]
        )
        mu = min(1.0, bound)
        while not (self(mu) < alpha).all():
            if mu >= bound:
                raise InferenceError(
                    "no upper limit in range", file=self._name,
                    field=self._model.config.poi_name,
                    found=f"CLs = {self(mu).max():.3g} at {mu:g}",
                    expected=f"CLs below {alpha:.3g}; wider bounds of the parameter",
                )  # fmt: skip
            mu = min(2 * mu, bound)
        while (self(mu / 4) < alpha).all():
            mu /= 4
        return mu


def _not_negative(model: Any) -> dict[str, Any]:
    """Start and bounds with the parameter of interest at 0 or above.

    The asymptotic formulae of q-tilde hold for that bound; with the lower one of
    some workspaces a deficit would give too strong a limit.
    """
    poi = model.config.poi_index
    init, bounds = model.config.suggested_init(), model.config.suggested_bounds()
    bounds[poi] = (max(bounds[poi][0], 0.0), bounds[poi][1])
    init[poi] = max(init[poi], bounds[poi][0])
    return {"init_pars": init, "par_bounds": bounds}


def _warnings(model: Any, data: _Array) -> tuple[str, ...]:
    observed = data[: model.config.nmaindata]
    if not observed.sum():
        return ("no event was observed: the asymptotic limit is approximate",)
    few = int((observed < 5).sum())
    if few:
        return (
            (
                f"{few} of {observed.size} bins hold fewer than 5 events: "
                "the asymptotic limit is approximate"
            ),
        )
    return ()


def _failed(error: Exception, name: str) -> InferenceError:
    line = " ".join(str(error).split())[:200]
    return InferenceError(f"the fit did not converge ({line})", file=name)
