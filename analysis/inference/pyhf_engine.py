"""Intervals as pyhf calculates them: ``--engine pyhf``, and unknown modifiers."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nuem.analysis.inference.asymptotic import Asymptotic
from nuem.analysis.inference.backend import build_model, pyhf_numpy
from nuem.inputs.errors import InferenceError

__all__ = ["PyhfProfile", "pyhf_asymptotic", "pyhf_profile"]

_Array = NDArray[np.float64]
_WHICH = ("observed", *(f"expected at {n:+d} sigma" for n in (-2, -1, 0, 1, 2)))


def pyhf_asymptotic(
    spec: Mapping[str, Any],
    *,
    cl: float,
    measurement: str | None = None,
    name: str = "workspace",
    progress: Callable[[str], None] | None = None,
) -> Asymptotic:
    """CLs limits of a workspace with pyhf and MINUIT.

    Parameters
    ----------
    spec : mapping
        A pyhf workspace document.
    cl : float
        Confidence level.
    measurement : str, optional
        Name of the measurement.
    name : str
        Where the workspace came from, for messages.
    progress : callable, optional
        Told in a few words what is being calculated.

    Returns
    -------
    Asymptotic

    Raises
    ------
    InferenceError
        If a fit does not converge or there is no limit within the bounds.
    """
    say = progress or (lambda _: None)
    with pyhf_numpy():
        import pyhf

        model, data = build_model(spec, name=name, measurement=measurement)
        if model.config.npars - sum(model.config.suggested_fixed()) == 1:
            # with nothing to vary at a fixed value, pyhf's use of MINUIT fails
            pyhf.set_backend("numpy", pyhf.optimize.scipy_optimizer())
        say("best fit")
        try:
            best_fit = float(pyhf.infer.mle.fit(data, model)[model.config.poi_index])
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
    observed = data[: model.config.nmaindata]
    return Asymptotic(
        best_fit=best_fit, p0=p0,
        low=_not_negative(model)["par_bounds"][model.config.poi_index][0],
        observed=edges[0], expected=tuple(edges[1:]),
        scan=curve.scan(), sparse=int((observed < 5).sum()), bins=observed.size,
    )  # fmt: skip


@dataclass(frozen=True)
class PyhfProfile:
    """Asymptotic profile interval about one minimum.

    Attributes
    ----------
    best_fit, p0 : float
    interval : tuple of float
        Two-sided.
    upper, expected : float and tuple of float
        One-sided upper limit; expected ones at -2, -1, 0, 1, 2 standard deviations.
    values, rise : list of float
        -2 ln of the likelihood ratio where it was calculated.
    p0_sided : str
        ``two`` where the parameter may be negative, else ``one``.
    sparse, bins : int
        Bins with fewer than five events, and all.
    """

    best_fit: float
    p0: float
    interval: tuple[float, float]
    upper: float
    expected: tuple[float, ...]
    values: list[float]
    rise: list[float]
    p0_sided: str
    sparse: int
    bins: int


def pyhf_profile(
    spec: Mapping[str, Any],
    *,
    cl: float,
    measurement: str | None = None,
    name: str = "workspace",
    progress: Callable[[str], None] | None = None,
) -> PyhfProfile:
    """Profile interval of a workspace with pyhf and MINUIT; the arguments as above.

    One minimum is looked for, and the expected limits are those of the Asimov data
    without signal.

    Raises
    ------
    InferenceError
        If a fit does not converge or there is no limit within the bounds.
    """
    from scipy.special import chdtri, ndtr, ndtri

    say = progress or (lambda _: None)
    with pyhf_numpy():
        import pyhf

        model, data = build_model(spec, name=name, measurement=measurement)
        poi = model.config.poi_index
        low, high = model.config.suggested_bounds()[poi]
        say("best fit")
        try:
            curve = _Rise(model, data)
            null, _ = pyhf.infer.mle.fixed_poi_fit(
                max(low, 0.0), data, model, return_fitted_val=True
            )
            asimov = _Rise(model, np.asarray(model.expected_data(null)))
            say("profile")
            critical = float(chdtri(1, 1 - cl))
            left = curve.edge(critical, low, inside=True)
            right = curve.edge(critical, high)
            upper = curve.edge(float(ndtri(cl)) ** 2, high)
            wanted = [float(ndtri(cl)) + n for n in (-2, -1, 0, 1, 2)]
            expected = [
                asimov.edge(z * z, high) if z > 0 else asimov.best for z in wanted
            ]
            rise = curve(max(low, 0.0))
        except pyhf.exceptions.FailedMinimization as error:
            raise _failed(error, name) from None
        edges = dict(
            zip(("upper end", *_WHICH), (right, upper, *expected), strict=True)
        )
    beyond = [which for which, edge in edges.items() if not math.isfinite(edge)]
    if beyond:
        raise InferenceError(
            f"no upper limit in range ({beyond[0]})", file=name,
            field=model.config.poi_name, found=f"{high:g} not excluded",
            expected=f"wider bounds of the parameter for a level of {cl}",
        )  # fmt: skip
    p0 = float(ndtr(-math.sqrt(rise))) * (1 if low >= 0 else 2)
    values = sorted(curve.known)
    observed = data[: model.config.nmaindata]
    return PyhfProfile(
        best_fit=curve.best, p0=p0, interval=(left, right), upper=upper,
        expected=tuple(expected), values=values, rise=[curve.known[v] for v in values],
        p0_sided="one" if low >= 0 else "two", sparse=int((observed < 5).sum()),
        bins=observed.size,
    )  # fmt: skip


class _Rise:
    """-2 ln of the likelihood ratio against the parameter of interest."""

    def __init__(self, model: Any, data: _Array) -> None:
        import pyhf

        self._model, self._data = model, data
        best, least = pyhf.infer.mle.fit(data, model, return_fitted_val=True)
        self.best, self._least = float(best[model.config.poi_index]), float(least)
        self.known: dict[float, float] = {self.best: 0.0}

    def __call__(self, mu: float) -> float:
        import pyhf

        if mu not in self.known:
            _, value = pyhf.infer.mle.fixed_poi_fit(
                mu, self._data, self._model, return_fitted_val=True
            )
            self.known[mu] = max(float(value) - self._least, 0.0)
        return self.known[mu]

    def edge(self, level: float, bound: float, *, inside: bool = False) -> float:
        """Where the rise passes a level on the way to a bound.

        Without such a place it is the bound (`inside`) or infinite.
        """
        from scipy.optimize import toms748

        near, step = self.best, 0.1 * (bound - self.best)
        far = near + 0.1 * step
        while self(far) < level:
            if far == bound:
                return bound if inside else math.inf
            near, step = far, 2 * step
            far = bound if abs(far + step - self.best) > abs(bound - self.best) else (
                far + step
            )  # fmt: skip
        if near == far:
            return far
        return float(
            toms748(
                lambda mu: self(float(mu)) - level, near, far,
                xtol=1e-6 * abs(far - near), rtol=1e-6,
            )
        )  # fmt: skip


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
            roots.append(
                float(
                    toms748(
                        lambda mu, i=index: float(self(mu)[i] - alpha) if mu else 1 - alpha,
                        low, top, xtol=1e-6 * top, rtol=1e-6,
                    )
                )
            )  # fmt: skip
        return roots

    def scan(self) -> dict[str, Any]:
        """Every tested value in ascending order."""
        ordered = sorted(self._known)
        table = np.array([self._known[mu] for mu in ordered])
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
                values = self(mu)
                worst = int(np.argmax(values))
                raise InferenceError(
                    f"no upper limit in range ({_WHICH[worst]})", file=self._name,
                    field=self._model.config.poi_name,
                    found=f"CLs = {values[worst]:.3g} at {mu:g}",
                    expected=f"CLs below {alpha:.3g}; wider bounds of the parameter",
                )  # fmt: skip
            mu = min(2 * mu, bound)
        while (self(mu / 4) < alpha).all():
            mu /= 4
        return mu


def _failed(error: Exception, name: str) -> InferenceError:
    line = " ".join(str(error).split())[:200]
    return InferenceError(f"the fit did not converge ({line})", file=name)


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
