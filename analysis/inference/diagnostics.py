"""Does the model describe the data, and which parameters matter: goodness of fit, impacts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from nuem.analysis.inference.fit import covariance
from nuem.analysis.inference.likelihood import Likelihood
from nuem.analysis.inference.profile import global_fit
from nuem.analysis.inference.toys import DIGITS, Countdown, auxiliary, throw
from nuem.inputs.errors import InferenceError

__all__ = ["Goodness", "Impact", "goodness_of_fit", "impact_notes", "impacts"]


#: Expected events of a bin below which its deviance follows no chi-squared law.
_SPARSE = 5.0


@dataclass(frozen=True)
class Goodness:
    """Goodness of fit: the deviance from the saturated model.

    Attributes
    ----------
    deviance : float
        -2 ln of the likelihood over that of a model that meets every datum.
    ndf : int
        Bins less free parameters; a constraint is a datum and a parameter.
    p_asymptotic : float
    p_toys : float or None
        Share of toys at the best fit that are described as badly or worse.
    toys, failed, seed : int
    auxiliary : str
        ``unconditional`` toys, or ``conditional`` ones.
    bins, sparse : int
        Bins, and those of them in which fewer than 5 events are expected: with many of
        these the asymptotic p is approximate.
    """

    deviance: float
    ndf: int
    p_asymptotic: float
    p_toys: float | None
    toys: int
    failed: int
    seed: int
    auxiliary: str
    bins: int
    sparse: int

    @property
    def calibration(self) -> str:
        """What stands behind the p."""
        return "asymptotic" if self.p_toys is None else "toys"

    def to_dict(self) -> dict[str, Any]:
        """As a JSON object."""
        return {
            "statistic": "saturated", "calibration": self.calibration, **asdict(self)
        }  # fmt: skip


@dataclass(frozen=True)
class Impact:
    """What a parameter does to the parameter of interest.

    Attributes
    ----------
    name : str
    up, down : float
        Shift of the parameter of interest with this one held one uncertainty (after the
        fit) above and below its best fit.
    before_up, before_down : float or None
        The same with the uncertainty of the constraint.
    pull, constraint : float or None
        Shift from the auxiliary datum and uncertainty, over the width of the constraint.
    """

    name: str
    up: float
    down: float
    before_up: float | None
    before_down: float | None
    pull: float | None
    constraint: float | None

    @property
    def size(self) -> float:
        """Larger of the two shifts, without sign."""
        return max(abs(self.up), abs(self.down))

    def to_dict(self) -> dict[str, Any]:
        """As a JSON object."""
        return asdict(self)


def goodness_of_fit(
    likelihood: Likelihood,
    *,
    toys: int = 0,
    seed: int = 1,
    fluctuate_aux: bool = True,
    threads: int | None = None,
    progress: Callable[[str], None] | None = None,
    **keep: Any,
) -> Goodness:
    """Goodness of fit with the saturated model, and by toys.

    Parameters
    ----------
    likelihood : Likelihood
    toys : int
        Number of toys at the best fit; 0 for none.
    seed : int
    fluctuate_aux : bool
        Unconditional toys, or conditional ones, which have the observed auxiliary data.
    threads : int, optional
    progress : callable, optional
    **keep
        ``keep`` and ``shard`` of `throw`.

    Returns
    -------
    Goodness

    Examples
    --------
    >>> spec = {
    ...     "channels": [{"name": "c", "samples": [
    ...         {"name": "b", "data": [50.0, 50.0], "modifiers": [
    ...             {"name": "norm", "type": "normfactor", "data": None}]}]}],
    ...     "observations": [{"name": "c", "data": [40.0, 60.0]}],
    ...     "measurements": [{"name": "m", "config": {"poi": "norm", "parameters": []}}],
    ... }
    >>> found = goodness_of_fit(Likelihood(spec))
    >>> found.ndf, round(found.deviance, 2), round(found.p_asymptotic, 3)
    (1, 4.03, 0.045)
    """
    from scipy.special import chdtrc

    several = likelihood.several_minima
    best = global_fit(likelihood)[0] if several else likelihood.fit()
    if not best.converged:
        raise InferenceError("the fit did not converge", file=likelihood.name)
    arrays = likelihood.arrays
    free = (arrays.low < arrays.high) & ~likelihood.model.fixed & (arrays.kind == 0)
    ndf = likelihood.observed.size - int(free.sum())
    asymptotic = float(chdtrc(ndf, max(best.deviance, 0.0))) if ndf > 0 else 1.0
    by_toys, failed = None, 0
    if toys:
        thrown = throw(
            likelihood, best.values, test=None, count=toys, seed=seed,
            purpose="goodness of fit", parameters=None if likelihood.poi >= 0 else [],
            threads=threads, fluctuate_aux=fluctuate_aux,
            progress=Countdown(progress, 1).at(0, "toys at the best fit"), **keep,
        )  # fmt: skip
        good = thrown.statistic[thrown.status == 0]
        failed = thrown.failed
        if not good.size:
            raise InferenceError("no toy could be fitted", file=likelihood.name)
        by_toys = float(np.mean(good >= best.deviance - DIGITS))
    return Goodness(
        deviance=float(best.deviance), ndf=ndf, p_asymptotic=asymptotic, p_toys=by_toys,
        toys=toys, failed=failed, seed=seed, bins=likelihood.observed.size,
        auxiliary=auxiliary(fluctuate_aux),
        sparse=int((likelihood.expected(best.values) < _SPARSE).sum()),
    )  # fmt: skip


def impact_notes(likelihood: Likelihood, found: Sequence[Impact]) -> tuple[str, ...]:
    """What has to be known to read impacts: a best fit at a bound does not move past it.

    Parameters
    ----------
    likelihood : Likelihood
    found : sequence of Impact
        Those of its parameters.
    """
    name, (low, high) = likelihood.poi_name, likelihood.poi_bounds
    at = float(global_fit(likelihood)[0].values[likelihood.poi])
    near = 1e-9 * (high - low)
    if low + near < at < high - near:
        return ()
    side, bound = ("lower", low) if at <= low + near else ("upper", high)
    said = f"the best fit of {name} is at its {side} bound, {bound:g}: it cannot move past it"
    if all(impact.size <= near for impact in found):
        return (f"{said}, and all impacts are 0",)
    return (f"{said}, and shifts that would lead there are 0",)


def impacts(likelihood: Likelihood, *, most: int = 300) -> list[Impact]:
    """Shifts of the parameter of interest by each other parameter, the largest first.

    Parameters
    ----------
    likelihood : Likelihood
    most : int
        Parameters of single bins are left out if there are more than this.

    Returns
    -------
    list of Impact

    Raises
    ------
    InferenceError
        If a fit does not converge.
    """
    best = global_fit(likelihood)[0]
    errors = np.sqrt(
        np.maximum(
            np.diag(covariance(likelihood, best, likelihood.observed, set())), 0.0
        )
    )
    arrays = likelihood.arrays
    free = [i for i in np.flatnonzero(arrays.low < arrays.high) if i != likelihood.poi]
    if len(free) > most:
        free = [i for i in free if i in arrays.outer]
    found = []

    def shift(i: int, to: float) -> float:
        to = float(np.clip(to, arrays.low[i], arrays.high[i]))
        held = likelihood.fit(fixed={i: to}, start=best.values)
        if not held.converged:
            raise InferenceError(
                "the fit did not converge",
                file=likelihood.name,
                field=likelihood.names[i],
            )
        return float(held.values[likelihood.poi] - best.values[likelihood.poi])

    for i in map(int, free):
        if likelihood.model.fixed[i]:
            continue
        value, kind = best.values[i], arrays.kind[i]
        before: tuple[float | None, float | None] = (None, None)
        pull = constraint = None
        if kind:
            width = arrays.width[i] if kind == 1 else 1 / np.sqrt(arrays.width[i])
            centre = (
                likelihood.aux[i] if kind == 1 else likelihood.aux[i] / arrays.width[i]
            )
            pull, constraint = float((value - centre) / width), float(errors[i] / width)
            before = shift(i, value + width), shift(i, value - width)
        found.append(
            Impact(
                name=likelihood.names[i], up=shift(i, value + errors[i]),
                down=shift(i, value - errors[i]), before_up=before[0],
                before_down=before[1], pull=pull, constraint=constraint,
            )
        )  # fmt: skip
    return sorted(found, key=lambda impact: -impact.size)
