"""pyhf and MINUIT on 330 random workspaces of all modifiers: minima, best fits, CLs."""

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
SEEDS = range(330)


def made(seed: int) -> tuple[dict[str, Any], Any, Any] | None:
    """Return a workspace with its pyhf model and data; None without events."""
    spec = _MODULE.random_workspace(seed)
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
        beside = ours.fit(start=theirs)
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


def test_minima_and_best_fits() -> None:
    """Never above MINUIT, and where MINUIT is as low, at the same place."""
    lower, apart, failed, compared, places, degenerate = 0, [], 0, 0, 0, 0
    tight = pyhf.optimize.minuit_optimizer(strategy=2, tolerance=1e-5)
    pyhf.set_backend("numpy", tight)
    try:
        for seed in SEEDS:
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
    assert compared >= 300
    assert places >= 300
    assert not apart


def test_cls_at_our_optimum() -> None:
    compared, worst = 0, 0.0
    for seed in SEEDS:
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
        theirs = norm.sf(shift + root) / norm.sf(shift)
        worst = max(worst, abs(curve.observed(mu) - theirs))
        compared += 1
    print(f"\nCLs of {compared} workspaces: largest difference {worst:.2g}")
    assert compared >= 300
    assert worst < 1e-6
