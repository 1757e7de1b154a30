"""Belts of nuGeN (2025): cached and fresh toys, the fit of the OFF spectrum."""

from __future__ import annotations

import json
from dataclasses import replace
from importlib import resources

import numpy as np
import pytest

from nuem.analysis.reproduction import belts
from nuem.analysis.reproduction.audit import find, reproduce
from nuem.analysis.reproduction.rows import Row
from nuem.analysis.reproduction.spectrum_fit import OffModel, fit_off
from nuem.analysis.reproduction.task import Bench, Task
from nuem.inputs.errors import InferenceError, InputError

PUBLISHED = {
    "magnetic/without-fit": (None, 5.4e-11),
    "magnetic/with-fit": (None, 4.3e-11),
    "magnetic/755-days": (None, 2.7e-11),
    "transition/without-fit": (None, 1.7e-12),
    "transition/with-fit": (None, 1.3e-12),
    "diagonal/without-fit": (-1.6e-12, 1.9e-12),
    "diagonal/with-fit": (-1.3e-12, 1.6e-12),
}


@pytest.fixture(scope="module")
def rows() -> dict[str, Row]:
    """Return all rows of the group."""
    return {row.id.partition("/")[2]: row for row in reproduce("nugen-2025")}


@pytest.mark.parametrize("name", PUBLISHED)
def test_tuned_set(rows: dict[str, Row], name: str) -> None:
    row = rows[f"{name}-tuned"]
    tolerance = 0.15 if name == "diagonal/with-fit" else 0.10
    for ours, there in zip(row.physical[0], PUBLISHED[name], strict=True):
        if there is not None:
            assert ours == pytest.approx(there, rel=tolerance, abs=0)
    assert row.verdict == "matched with fitted inputs"
    # the untuned one stands beside it, under its own verdict
    assert rows[name].inputs == "assumed"


def test_a_fit_of_off_that_has_errors_gains_little(rows: dict[str, Row]) -> None:
    without, fit, refit = (
        rows[f"magnetic/{way}-tuned"].physical[0][1]
        for way in ("without-fit", "with-fit", "with-refit")
    )
    # noiseless: the fourth root of the ratio of variances, 1 + t_on/t_off
    assert fit / without == pytest.approx((69.2 / 209.4) ** 0.25, rel=0.03)
    assert refit / without > 0.9


def test_equation_1(rows: dict[str, Row]) -> None:
    assert rows["equation-1"].physical[0][0] == pytest.approx(3.2e-19, rel=0.01, abs=0)


def task(name: str) -> Task:
    """Return the task of a row."""
    _, row = find(f"nugen-2025/{name}")[0]
    assert row.physical is not None
    return Task(row, row.physical, Bench())


def test_critical_values_of_a_linear_amplitude_are_those_of_a_gaussian() -> None:
    made = belts.setting(task("transition/without-fit-tuned"))
    generator = np.random.default_rng(5)
    on = generator.poisson(made.on, size=(20000, made.on.size))
    off = generator.poisson(made.off, size=on.shape)
    rise, place = made.rise(on - made.ratio * off, np.array([0.0]))
    assert np.quantile(rise, 0.9) == pytest.approx(2.7055, rel=0.04)
    assert np.mean(place) == pytest.approx(0.0, abs=4 * np.std(place) / 20000**0.5)


def test_the_lowest_of_several_minima_is_found() -> None:
    made = belts.setting(task("diagonal/without-fit-tuned"))
    generator = np.random.default_rng(6)
    mean = made.on + made.signal[1] + made.signal[2]
    on = generator.poisson(mean, size=(50, mean.size))
    difference = on - made.ratio * generator.poisson(made.off, size=on.shape)
    grid = np.linspace(-6, 6, 4801)
    rise, place = made.rise(difference, grid)
    assert rise.min() > -1e-9
    assert rise.min(axis=1) == pytest.approx(np.zeros(50), abs=0.01)
    assert grid[rise.argmin(axis=1)] == pytest.approx(place, abs=0.003)


def test_few_fresh_toys_agree_with_the_cached_belt(
    monkeypatch: pytest.MonkeyPatch, rows: dict[str, Row]
) -> None:
    monkeypatch.setattr(belts, "TOYS", 1500)
    name = "diagonal/with-fit-tuned"
    fresh = belts.belts(replace(task(name), bench=Bench(fresh=True))).values[0]
    cached = rows[name].physical[0]
    assert fresh == pytest.approx(cached, rel=0.05, abs=0)


def test_a_belt_of_other_inputs_is_refused() -> None:
    made = task("magnetic/with-fit-tuned")
    changes = {**made.variant.changes, "sources.core.total_flux.value": 5e13}
    variant = made.variant.model_copy(update={"changes": changes})
    with pytest.raises(InferenceError, match="of other inputs"):
        belts.belts(replace(made, variant=variant))
    words = {**made.row.words, "belt": "none"}
    with pytest.raises(InputError, match="no such belt"):
        belts.belts(replace(made, row=made.row.model_copy(update={"words": words})))


def test_cached_belts_say_what_they_are_made_of() -> None:
    path = resources.files("nuem.analysis.reproduction") / "belts.json"
    for name, belt in json.loads(path.read_text()).items():
        assert belt["seed"] == belts.SEED
        assert belt["toys"] == (belts.REFITTED if "refit" in name else belts.TOYS)
        assert belt["failed"] <= 0.01 * belt["toys"], name


def off_model() -> tuple[OffModel, np.ndarray]:
    made = belts.setting(task("magnetic/with-fit-tuned"))
    return made.model, made.fitted


def test_derivatives_of_the_off_function() -> None:
    model, p = off_model()
    p = np.maximum(p, 0.02)
    total, derivative = model._parts(p)
    for k in range(7):
        step = np.zeros(7)
        step[k] = 1e-5 * p[k]
        numeric = (model.counts(p + step) - model.counts(p - step)) / (2 * step[k])
        assert derivative[k] == pytest.approx(numeric, rel=1e-5, abs=1e-7 * total.max())


def test_off_function_is_the_integral_of_its_shape_over_bins() -> None:
    model, p = off_model()
    fine = np.linspace(model.edges[3], model.edges[4], 20001) - model.edges[0]
    density = p[0] * np.exp(-p[2] * fine) + p[1] * np.exp(-p[3] * fine)
    integral = np.trapezoid(density, fine)
    assert model.counts(np.array([*p[:4], 0, 0, 0]))[3] == pytest.approx(
        integral, rel=1e-6
    )


def test_fit_finds_the_truth_again() -> None:
    model, truth = off_model()
    truth = np.array([2000.0, 1.0e5, 0.02, 9.0, 900.0, 120.0, 450.0])
    found, converged = fit_off(model, model.counts(truth), 1.15 * truth)
    assert converged
    assert found == pytest.approx(truth, rel=2e-3)
    with pytest.raises(InferenceError, match="no counts"):
        fit_off(model, model.counts(truth), np.zeros(7))
