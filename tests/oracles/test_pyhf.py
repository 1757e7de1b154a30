"""pyhf and MINUIT on random workspaces of all modifiers: minima, best fits, CLs.

450 random ones, and 120 hard ones with several minima. MINUIT begins where pyhf does, and
stays in the minimum that it comes to; that ours is the lowest is checked by fits of our
own from many random starts.
"""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import numpy as np
import pyhf
import pytest
from scipy.stats import norm

from nuem.analysis.inference.asymptotic import CLsCurve
from nuem.analysis.inference.likelihood import Likelihood

pytestmark = pytest.mark.study

_PATH = Path(__file__).parents[1] / "analysis" / "inference" / "conftest.py"
_SPEC = importlib.util.spec_from_file_location("random_workspaces", _PATH)
assert _SPEC is not None
assert _SPEC.loader is not None
_MODULE = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(_MODULE)
SEEDS = [("random", seed) for seed in range(450)]
HARD = [("hard", seed) for seed in range(120)]


def made(which: tuple[str, int]) -> tuple[dict[str, Any], Any, Any] | None:
    """Return a workspace with its pyhf model and data; None without events."""
    kind, seed = which
    spec = getattr(_MODULE, f"{kind}_workspace")(seed)
    if not any(any(o["data"]) for o in spec["observations"]):
        return None
    workspace = pyhf.Workspace(spec)
    model = workspace.model()
    return spec, model, np.array(workspace.data(model))


def flat_directions(ours: Likelihood, at: Any) -> tuple[Any, Any, Any]:
    """Return which parameters move, their scales, and directions without curvature.

    The scale of a parameter is its standard deviation with all others held; directions
    are columns, in units of the scales.
    """
    arrays = ours.arrays
    moving = np.flatnonzero(~ours.model.fixed & (arrays.low < arrays.high))
    block = ours.hessian(at)[np.ix_(moving, moving)]
    scale = 1 / np.sqrt(np.maximum(np.diag(block), 1e-300))
    curvature, directions = np.linalg.eigh(block * scale[:, None] * scale[None, :])
    return moving, scale, directions[:, curvature < 1e-6]


def in_standard_deviations(ours: Likelihood, theirs: Any) -> tuple[float, int]:
    """Return the largest distance of our minimum from theirs, and the flat directions.

    Measured along the eigenvectors of the second derivatives, each in its own standard
    deviation. Along a flat direction, which may be curved, any place is as good: our fit
    begins at theirs, and what is left of that direction is taken off. Parameters at a
    bound have no standard deviation: they are left out.
    """
    arrays = ours.arrays
    found = ours.fit()
    moving, scale, flat = flat_directions(ours, found.values)
    if flat.shape[1]:
        beside = ours.fit(start=theirs, local=True)
        assert beside.converged
        assert abs(beside.twice_nll - found.twice_nll) < 1e-6
        found = beside
        moving, scale, flat = flat_directions(ours, found.values)
    a = found.values
    apart = (a - np.asarray(theirs))[moving] / scale
    apart -= flat @ (flat.T @ apart)
    inside = (a > arrays.low + 1e-8) & (a < arrays.high - 1e-8)
    free = np.flatnonzero(inside[moving])
    block = ours.hessian(a)[np.ix_(moving[free], moving[free])]
    curvature, directions = np.linalg.eigh(
        block * scale[free][:, None] * scale[free][None, :]
    )
    curved = curvature >= 1e-6
    sigmas = np.abs(directions.T @ apart[free])[curved] * np.sqrt(curvature[curved])
    return float(np.max(sigmas, initial=0.0)), flat.shape[1]


@pytest.mark.parametrize(("seeds", "least"), [(SEEDS, 300), (HARD, 60)])
def test_minima_and_best_fits(seeds: list[tuple[str, int]], least: int) -> None:
    """Never above MINUIT, and where MINUIT is as low, at the same place."""
    lower, apart, failed, compared, places, degenerate = 0, [], 0, 0, 0, 0
    tight = pyhf.optimize.minuit_optimizer(strategy=2, tolerance=1e-5)
    pyhf.set_backend("numpy", tight)
    try:
        for seed in seeds:
            there = made(seed)
            if there is None:
                continue
            spec, model, data = there
            ours = Likelihood(spec)
            found = ours.fit()
            assert found.converged
            try:
                theirs, value = pyhf.infer.mle.fit(data, model, return_fitted_val=True)
            except pyhf.exceptions.FailedMinimization:
                failed += 1
                continue
            compared += 1
            assert found.twice_nll <= float(value) + 1e-6, seed
            if found.twice_nll < float(value) - 1e-6:
                lower += 1
                continue
            distance, flat = in_standard_deviations(ours, theirs)
            degenerate += flat > 0
            places += 1
            if distance > 1e-3:
                apart.append((seed, distance, flat))
    finally:
        pyhf.set_backend("numpy", pyhf.optimize.scipy_optimizer())
    print(
        f"\n{compared} compared: MINUIT failed on {failed} more, is above us by more than "
        f"1e-6 on {lower}; of {places} best fits, {degenerate} with a flat direction, "
        f"further than 1e-3 sigma: {apart}"
    )
    assert compared >= least
    assert places >= least
    assert not apart


@pytest.mark.parametrize("seeds", [SEEDS[2::3], HARD])
def test_no_start_leads_lower(seeds: list[tuple[str, int]]) -> None:
    """30 random starts each: free, held, and held with Asimov data."""
    rng = np.random.default_rng(11)
    compared, stuck, above = 0, 0, []
    for seed in seeds:
        there = made(seed)
        if there is None:
            continue
        ours = Likelihood(there[0])
        free, null = ours.fit(), ours.fit(fixed={ours.poi: 0.0})
        asimov = {
            "observed": ours.expected(null.values),
            "aux": ours.expected_aux(null.values),
        }
        high = min(ours.poi_bounds[1], free.values[ours.poi] + 2.0)
        for fixed, data in (
            ({}, {}), ({ours.poi: 0.0}, {}), ({ours.poi: high}, {}),
            ({ours.poi: high}, asimov),
        ):  # fmt: skip
            here = ours.fit(fixed=fixed, start=null.values, **data)
            assert here.converged
            first = ours.fit(fixed=fixed, start=null.values, local=True, **data)
            stuck += first.deviance > here.deviance + 1e-6
            compared += 1
            lowest = min(elsewhere(ours, fixed, data, rng) for _ in range(30))
            if here.deviance > lowest + 1e-6:
                above.append((seed, fixed, here.deviance - lowest))
    print(
        f"\n{compared} fits: from one start alone {stuck} would be above the lowest "
        f"minimum by more than 1e-6; above a random start: {above}"
    )
    assert not above


def elsewhere(ours: Likelihood, fixed: Any, data: Any, rng: Any) -> float:
    """Return the deviance to which a fit from a random start goes down."""
    arrays = ours.arrays
    start = ours.init.copy()
    for j in arrays.outer[~ours.model.fixed[arrays.outer]]:
        if arrays.kind[j] == 1:
            start[j] += rng.normal(0.0, 2.0) * min(arrays.width[j], 1.0)
        else:
            start[j] *= np.exp(rng.normal(0.0, 0.7))
    start = np.clip(start, arrays.low, arrays.high)
    found = ours.fit(fixed=fixed, start=start, local=True, **data)
    return found.deviance if found.converged else np.inf


@pytest.mark.parametrize(("seeds", "least"), [(SEEDS, 300), (HARD, 100)])
def test_cls_at_our_optimum(seeds: list[tuple[str, int]], least: int) -> None:
    compared, worst = 0, 0.0
    for seed in seeds:
        there = made(seed)
        if there is None:
            continue
        spec, model, data = there
        ours = Likelihood(spec)
        curve = CLsCurve(ours)
        step = 0.1
        while curve.root_asimov(curve.best_fit + step) < 1 and step < 6:
            step *= 2
        mu = min(curve.best_fit + step, 0.5 * (curve.best_fit + curve.high))
        start = curve.background.values
        n, aux = ours.expected(start), ours.expected_aux(start)
        held = ours.fit(fixed={ours.poi: mu}, start=curve.background.values).values
        at_mu = ours.fit(fixed={ours.poi: mu}, start=start, observed=n, aux=aux).values
        asimov = np.asarray(model.expected_data(start))

        def deviance(point: Any, counts: Any, model: Any = model) -> float:
            return -2 * float(model.logpdf(point, counts)[0])

        q = max(deviance(held, data) - deviance(curve.best.values, data), 0.0)
        asimov_q = max(deviance(at_mu, asimov) - deviance(start, asimov), 0.0)
        root = np.sqrt(asimov_q)
        if root < 1e-3:
            continue
        shift = np.sqrt(q) - root if q <= asimov_q else (q - asimov_q) / (2 * root)
        theirs = np.exp(norm.logsf(shift + root) - norm.logsf(shift))
        worst = max(worst, abs(curve.observed(mu) - theirs))
        compared += 1
    print(f"\nCLs of {compared} workspaces: largest difference {worst:.2g}")
    assert compared >= least
    assert worst < 1e-6
