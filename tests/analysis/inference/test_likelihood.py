"""The compiled likelihood against pyhf, on random workspaces of all modifiers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pyhf
import pytest

from nuem.analysis.inference.likelihood import Likelihood
from nuem.inputs.errors import InferenceError, InputError

Maker = Callable[[int], dict[str, Any]]


def in_pyhf(spec: dict[str, Any]) -> tuple[Any, Any]:
    workspace = pyhf.Workspace(spec)
    model = workspace.model()
    return model, np.array(workspace.data(model))


def some_point(model: Any, seed: int) -> Any:
    rng = np.random.default_rng(seed)
    config = model.config
    return np.array(
        [
            x
            if fixed
            else np.clip(x + rng.normal() * (1.0 if x == 0 else 0.15), lo, hi)
            for x, fixed, (lo, hi) in zip(
                config.suggested_init(),
                config.suggested_fixed(),
                config.suggested_bounds(),
                strict=True,
            )
        ]
    )


def with_events(spec: dict[str, Any]) -> bool:
    return any(any(o["data"]) for o in spec["observations"])


def test_the_same_point_has_the_same_likelihood(make_workspace: Maker) -> None:
    compared = 0
    for seed in range(330):
        spec = make_workspace(seed)
        if not with_events(spec):
            continue
        model, data = in_pyhf(spec)
        ours = Likelihood(spec)
        assert ours.names == model.config.par_names
        point = some_point(model, seed)
        theirs = -2 * float(model.logpdf(point, data)[0])
        assert ours.twice_nll(point) == pytest.approx(theirs, abs=1e-9, rel=1e-13)
        compared += 1
    assert compared >= 300


def test_derivatives_are_those_of_the_value(make_workspace: Maker) -> None:
    step = 1e-6
    for seed in range(40):
        spec = make_workspace(seed)
        if not with_events(spec):
            continue
        ours = Likelihood(spec)
        point = ours.fit().values + 1e-3
        shifts = step * np.eye(point.size)
        slopes = [
            (ours.twice_nll(point + s) - ours.twice_nll(point - s)) / (4 * step)
            for s in shifts
        ]
        np.testing.assert_allclose(ours.gradient(point), slopes, rtol=1e-4, atol=2e-3)
        curves = [
            (ours.gradient(point + s) - ours.gradient(point - s)) / (2 * step)
            for s in shifts
        ]
        np.testing.assert_allclose(ours.hessian(point), curves, rtol=1e-4, atol=2e-2)


def test_our_minimum_is_never_above_that_of_minuit(make_workspace: Maker) -> None:
    pyhf.set_backend("numpy", pyhf.optimize.minuit_optimizer(strategy=1))
    compared = 0
    try:
        for seed in range(25):
            spec = make_workspace(seed)
            if not with_events(spec):
                continue
            model, data = in_pyhf(spec)
            try:
                _, theirs = pyhf.infer.mle.fit(data, model, return_fitted_val=True)
            except pyhf.exceptions.FailedMinimization:
                continue
            found = Likelihood(spec).fit()
            assert found.converged
            assert found.twice_nll <= float(theirs) + 1e-6
            compared += 1
    finally:
        pyhf.set_backend("numpy", pyhf.optimize.scipy_optimizer())
    assert compared >= 20


def test_the_minimum_is_the_value_at_its_place(make_workspace: Maker) -> None:
    for seed in range(150):
        spec = make_workspace(seed)
        if with_events(spec):
            ours = Likelihood(spec)
            found = ours.fit()
            assert found.converged
            assert ours.twice_nll(found.values) == pytest.approx(
                found.twice_nll, abs=1e-8
            )


def simple(**changes: Any) -> dict[str, Any]:
    spec: dict[str, Any] = {
        "version": "1.0.0",
        "channels": [
            {
                "name": "c",
                "samples": [
                    {
                        "name": "s",
                        "data": [5.0, 5.0],
                        "modifiers": [
                            {"name": "mu", "type": "normfactor", "data": None}
                        ],
                    },
                    {"name": "b", "data": [50.0, 40.0], "modifiers": []},
                ],
            }
        ],
        "observations": [{"name": "c", "data": [52.0, 41.0]}],
        "measurements": [{"name": "m", "config": {"poi": "mu", "parameters": []}}],
    }
    spec.update(changes)
    return spec


def test_bad_input_has_a_name() -> None:
    spec = simple()
    spec["channels"][0]["samples"][1]["data"] = [-50.0, 40.0]
    with pytest.raises(InputError, match="negative expectation"):
        Likelihood(spec)
    spec = simple()
    spec["channels"][0]["samples"] = []
    with pytest.raises(InputError, match="empty channel"):
        Likelihood(spec)
    spec = simple(observations=[{"name": "c", "data": [float("nan"), 1.0]}])
    with pytest.raises(InputError, match="not finite"):
        Likelihood(spec)
    spec = simple()
    spec["channels"][0]["samples"][0]["data"] = [0.0, 0.0]
    with pytest.raises(InferenceError, match="acts on no expected event"):
        Likelihood(spec).check_signal()
    spec = simple()
    spec["channels"][0]["samples"][0]["modifiers"][0]["type"] = "own"
    with pytest.raises(InputError, match="not compiled"):
        Likelihood(spec)
    with pytest.raises(InputError, match="no such measurement"):
        Likelihood(simple(), measurement="other")


def test_a_coupling_that_enters_twice_has_two_minima() -> None:
    spec = simple()
    spec["channels"][0]["samples"] = [
        {
            "name": "int",
            "data": [-2.0, -2.0],
            "modifiers": [{"name": "g_lin", "type": "normfactor", "data": None}],
        },
        {
            "name": "em",
            "data": [10.0, 10.0],
            "modifiers": [{"name": "g_quad", "type": "normfactor", "data": None}],
        },
        {"name": "b", "data": [50.0, 40.0], "modifiers": []},
    ]
    spec["measurements"][0]["config"] = {
        "poi": "g_lin",
        "parameters": [{"name": "g_lin", "bounds": [[-10.0, 10.0]]}],
    }
    links = {
        "g_lin": {"parameter": "g", "power": 1},
        "g_quad": {"parameter": "g", "power": 2},
    }
    ours = Likelihood(spec, links=links)
    assert ours.names == ["g"]
    expected = ours.expected(np.array([3.0]))
    np.testing.assert_allclose(expected, [50 - 6 + 90, 40 - 6 + 90])


def test_a_best_fit_has_the_value_that_is_reported(make_workspace: Maker) -> None:
    """Along a flat direction, too, where the last step of a fit can be a long one."""
    # signal and free bins share their bins in fixed proportions
    likelihood = Likelihood(make_workspace(27))
    constrained = [likelihood.index(name) for name in ("alpha_1", "alpha_2")]
    for mu in np.linspace(0.1, 3.0, 30):
        for size in (1e-3, 1e-4, 1e-5):
            start = likelihood.fit(fixed={likelihood.poi: float(mu)}).values
            start[constrained] = size
            found = likelihood.fit(start=start)
            assert found.converged
            assert likelihood.twice_nll(found.values) == pytest.approx(
                found.twice_nll, abs=1e-8
            )
