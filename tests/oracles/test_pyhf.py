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


def in_standard_deviations(ours: Likelihood, a: Any, b: Any) -> float | None:
    """Return the largest distance of two points; None where the place is not unique.

    Parameters at a bound have no standard deviation: they are left out, but belong to
    the directions in which the place may not be unique.
    """
    arrays = ours.arrays
    moving = ~ours.model.fixed & (arrays.low < arrays.high)
    hessian = ours.hessian(a)

    def scaled(which: Any) -> tuple[Any, Any]:
        block = hessian[np.ix_(which, which)]
        scale = np.sqrt(np.maximum(np.diag(block), 1e-300))
        return block / scale[:, None] / scale[None, :], scale

    if np.linalg.eigvalsh(scaled(np.flatnonzero(moving))[0])[0] < 1e-6:
        return None
    free = np.flatnonzero(moving & (a > arrays.low + 1e-8) & (a < arrays.high - 1e-8))
    block, scale = scaled(free)
    error = np.sqrt(np.diag(np.linalg.inv(block))) / scale
    return float(np.max(np.abs(a - np.asarray(b))[free] / error))


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
            distance = in_standard_deviations(ours, found.values, theirs)
            if distance is None:
                degenerate += 1
                continue
            places += 1
            if distance > 1e-3:
                apart.append((seed, distance))
    finally:
        pyhf.set_backend("numpy", pyhf.optimize.scipy_optimizer())
    print(
        f"\n{compared} compared: MINUIT failed on {failed} more, is above us by more than "
        f"1e-6 on {lower}; {degenerate} have a direction without any curvature; "
        f"of {places} best fits, further than 1e-3 sigma: {apart}"
    )
    assert compared + failed >= 300
    assert places >= 230
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
