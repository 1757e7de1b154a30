from __future__ import annotations

import itertools
import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError
from scipy.integrate import quad
from scipy.stats import norm

from nuem.analysis.background import (
    component_counts,
    norm_name,
    present,
    shape_parameters,
    time_factor,
)
from nuem.analysis.background_fit import fit_backgrounds
from nuem.analysis.exposure import Exposure, stated_exposure
from nuem.analysis.grid import Grid
from nuem.analysis.prediction import Prediction
from nuem.inputs.backgrounds import Background
from nuem.inputs.catalogue import Channel, bin_edges, channels
from nuem.inputs.errors import InferenceError, InputError
from nuem.inputs.schema import Experiment

from .conftest import FREE_BINS, Array, Load, background_counts, stated_exposures

TEST = {"status": "assumed", "source": "test"}
EDGES = np.array([0.5, 0.6, 1.0, 1.7, 2.5])


def quantity(value: float, unit: str, **more: Any) -> dict[str, Any]:
    return {"value": value, "unit": unit, **TEST, **more}


def background(
    shape: dict[str, Any], name: str = "b", rate: float = 3.0, **more: Any
) -> Background:
    unit = "/(kg d)" if shape["kind"] == "lines" else "/(kg keV d)"
    document = {"name": name, "shape": shape, "rate": quantity(rate, unit)}
    document["time_law"] = {"kind": "constant"}
    return Background.model_validate({**document, **more})


CONSTANT = {"kind": "constant"}
EXPONENTIAL = {
    "kind": "exponential",
    "reference_energy": quantity(500, "eV"),
    "decay_energy": quantity(0.3, "keV"),
}
POWER_LAW = {
    "kind": "power-law",
    "reference_energy": quantity(1, "keV"),
    "index": {"value": 1.5, **TEST},
}
LINES = {
    "kind": "lines",
    "lines": [
        {"label": "K", "energy": quantity(2, "keV"), "intensity": quantity(1, "1")},
        {"label": "L", "energy": quantity(1.1, "keV"), "intensity": quantity(25, "%")},
    ],
}
TABULATED = {"kind": "tabulated", "points": [[0.2, 1], [1.0, 4], [3.0, 2]], **TEST}


def density(kind: str, energy: float, scale: float, width: float) -> float:
    """Counts/(kg keV day) of the shapes above, from their definitions."""
    before = energy / scale
    if kind == "lines":
        return 3 * sum(
            part * norm.pdf(energy, scale * line, width * (0.05 + 0.01 * line))
            for line, part in ((2.0, 1.0), (1.1, 0.25))
        )
    shape = {
        "constant": 1.0,
        "exponential": np.exp(-(before - 0.5) / 0.3),
        "power-law": before**-1.5,
        "tabulated": np.interp(before, [0.2, 1.0, 3.0], [1, 4, 2]),
    }[kind]
    return float(3 * shape / scale)


@pytest.mark.parametrize("width", [1.0, 1.2])
@pytest.mark.parametrize("scale", [1.0, 1.03])
@pytest.mark.parametrize(
    "shape",
    [CONSTANT, EXPONENTIAL, POWER_LAW, LINES, TABULATED],
    ids=lambda shape: shape["kind"],
)
def test_counts_are_integrals_of_the_shape(
    small: Experiment, shape: dict[str, Any], scale: float, width: float
) -> None:
    counts = component_counts(
        background(shape), channels(small)[0], EDGES,
        energy_scale=scale, resolution_scale=width,
    )  # fmt: skip
    expected = [
        quad(
            lambda e: density(shape["kind"], e, scale, width), low, high,
            points=[p * scale for p in (1.0, 1.1, 2.0) if low < p * scale < high],
            epsabs=1e-10,
        )[0]
        for low, high in itertools.pairwise(EDGES)
    ]  # fmt: skip
    np.testing.assert_allclose(counts, expected, rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize(
    ("shape", "value"),
    [(EXPONENTIAL, 0.5), (POWER_LAW, 0.5)],
    ids=["decay-energy", "index"],
)
def test_the_free_parameter_takes_the_place_of_the_file(
    small: Experiment, shape: dict[str, Any], value: float
) -> None:
    counts = component_counts(
        background(shape), channels(small)[0], EDGES, parameter=value
    )
    exponent = -(EDGES - 0.5) / value
    integral = -value * np.exp(exponent) if shape is EXPONENTIAL else 2 * np.sqrt(EDGES)
    np.testing.assert_allclose(counts, 3 * np.diff(integral))


def test_free_bins_have_no_shape(load: Load) -> None:
    experiment = load(FREE_BINS)
    with pytest.raises(InputError, match="any: a free-per-bin background"):
        component_counts(experiment.backgrounds[0], channels(experiment)[0], EDGES)


SPANS = ((0.0, 20.0), (25.0, 3.0), (90.0, 40.0))


def test_decay_is_averaged_over_the_live_time(small: Experiment) -> None:
    line = small.backgrounds[1]
    exposure = Exposure(2.0, SPANS)
    lived = sum(
        quad(lambda t: 2 ** (-t / 60), start, start + live)[0] for start, live in SPANS
    )
    factor = time_factor(line, exposure, channels(small)[0], small)
    assert factor == pytest.approx(lived / 63.0, rel=1e-9)
    assert exposure.live_time_d == 63.0
    assert exposure.kg_day == 126.0


@pytest.mark.parametrize(
    ("law", "on", "off"),
    [
        ({"kind": "constant"}, 1.0, 1.0),
        ({"kind": "free"}, 1.0, 1.0),
        ({"kind": "follows-power", "source": "core"}, 0.8, 0.1),
        # an hour is short against both periods: the rate has gone
        ({"kind": "half-life", "half_life": quantity(1, "h")}, 1 / np.log(2) / 2400, 0),
    ],
    ids=lambda law: law["kind"] if isinstance(law, dict) else "",
)
def test_time_laws(load: Load, law: dict[str, Any], on: float, off: float) -> None:
    experiment = load("sources.core.weights.values={on: 0.8, off: 0.1}")
    component = background(CONSTANT, time_law=law)
    factors = [
        time_factor(component, stated_exposure(c), c, experiment)
        for c in channels(experiment)
    ]
    assert factors == pytest.approx([on, off], rel=1e-9, abs=1e-12)


def grid(load: Load) -> tuple[Experiment, dict[str, Channel]]:
    """Two detectors, periods and regions."""
    small = load().model_dump(mode="json")
    detector, region = small["detectors"][0], small["regions"][0]
    experiment = load(
        f"detectors={json.dumps([detector, {**detector, 'name': 'second'}])}",
        f"regions={json.dumps([region, {**region, 'name': 'edge'}])}",
    )
    return experiment, {c.name: c for c in channels(experiment)}


@pytest.mark.parametrize(
    ("more", "name"),
    [
        ({}, "norm_b"),
        ({"independent_by": ["detector"]}, "norm_b_second"),
        ({"independent_by": ["region"]}, "norm_b_edge"),
        ({"independent_by": ["region", "detector"]}, "norm_b_second_edge"),
        ({"time_law": {"kind": "free"}}, "norm_b_off"),
        (
            {"time_law": {"kind": "free"}, "independent_by": ["detector"]},
            "norm_b_second_off",
        ),
    ],
    ids=["one", "detector", "region", "both", "period", "detector-and-period"],
)
def test_names_of_normalisations(load: Load, more: dict[str, Any], name: str) -> None:
    _, there = grid(load)
    component = background(CONSTANT, **more)
    assert norm_name(component, there["second_off_edge"]) == name


def test_components_are_where_they_are_said_to_be(load: Load) -> None:
    _, there = grid(load)
    component = background(CONSTANT, detectors=["second"], regions=["edge"])
    found = {name for name, channel in there.items() if present(component, channel)}
    assert found == {"second_on_edge", "second_off_edge"}


def free(shape: dict[str, Any], key: str) -> dict[str, Any]:
    return {**shape, key: {**shape[key], "free": True}}


def test_free_parameters_of_shapes() -> None:
    components = [
        background(CONSTANT, "flat"),
        background(free(EXPONENTIAL, "decay_energy"), "rise"),
        background(EXPONENTIAL, "fixed"),
        background(free(POWER_LAW, "index"), "tail"),
    ]
    assert [
        (p.name, p.background, p.nominal) for p in shape_parameters(components)
    ] == [
        ("rise_decay-energy", "rise", 0.3),
        ("tail_index", "tail", 1.5),
    ]


def fitted(load: Load, *components: Background) -> Experiment:
    """Return the small experiment with other backgrounds."""
    documents = [component.model_dump(mode="json") for component in components]
    return load(f"backgrounds={json.dumps(documents)}")


def signal_counts(prediction: Prediction, mu: float = 1.0) -> dict[str, Array]:
    template = prediction.signals["on"][0].nominal.evaluate(2e-12)
    return {"on": mu * 200 * template, "off": np.zeros(template.size)}


def test_fit_comes_back_to_what_was_put_in(load: Load, prediction: Prediction) -> None:
    rise = background(free(EXPONENTIAL, "decay_energy"), "rise", 20.0)
    line = load().backgrounds[1]
    experiment = fitted(load, background(CONSTANT, "flat", 20.0), rise, line)
    edges = bin_edges(experiment.observables[0])
    signal = signal_counts(prediction)
    # rates 26 and 14 /(kg keV d), a slope of 0.36 keV, lines of 8.4 /(kg d), mu of 3
    decay = 60 / np.log(2)
    observed = {}
    for name, start, live in (("on", 0.0, 100.0), ("off", 120.0, 50.0)):
        slope = -0.36 * np.diff(np.exp(-(edges - 0.5) / 0.36))
        lines = 1.0 * np.diff(norm.cdf(edges, 2.0, 0.07))
        lines += 0.25 * np.diff(norm.cdf(edges, 1.125, 0.06125))
        lived = decay * np.exp(-start / decay) * -np.expm1(-live / decay)
        observed[name] = 2 * (
            live * (26 * np.diff(edges) + 14 * slope) + 8.4 * lived * lines
        )
        observed[name] += 3 * signal[name]
    fit = fit_backgrounds(
        experiment, channels(experiment), stated_exposures(experiment), observed,
        signal, Grid.of(experiment),
    )  # fmt: skip
    assert fit.norms == pytest.approx(
        {"norm_flat": 1.3, "norm_rise": 0.7, "norm_line": 0.7}, rel=1e-3
    )
    assert fit.shapes == pytest.approx({"rise_decay-energy": 0.36}, rel=1e-3)
    assert fit.mu == pytest.approx(3.0, abs=1e-3 * fit.mu_error + 1e-3)
    assert fit.chi2 == pytest.approx(0.0, abs=1e-4)
    assert fit.bins == 16
    assert json.loads(json.dumps(fit.to_dict()))["mu"] == fit.mu


def test_uncertainties_are_those_of_the_information_matrix(
    small: Experiment, prediction: Prediction
) -> None:
    # two rates and a signal, with the detector known
    small = small.model_copy(update={"systematics": []})
    edges = bin_edges(small.observables[0])
    observed = background_counts(small)
    signal = signal_counts(prediction)
    fit = fit_backgrounds(
        small,
        channels(small),
        stated_exposures(small),
        observed,
        signal,
        Grid.of(small),
    )
    flat = np.concatenate([40 * live * np.diff(edges) for live in (100, 50)])
    total = np.concatenate([observed["on"], observed["off"]])
    slopes = np.array([flat, total - flat, np.concatenate([*signal.values()])])
    covariance = np.linalg.inv(slopes / total @ slopes.T)
    errors = [fit.norm_errors["norm_flat"], fit.norm_errors["norm_line"], fit.mu_error]
    np.testing.assert_allclose(errors, np.sqrt(np.diag(covariance)), rtol=0.01)
    assert fit.mu == pytest.approx(0.0, abs=0.01 * fit.mu_error)


def test_a_deficit_gives_a_negative_signal(
    small: Experiment, prediction: Prediction
) -> None:
    signal = signal_counts(prediction)
    observed = background_counts(small)
    observed = {name: observed[name] - 2 * signal[name] for name in observed}
    fit = fit_backgrounds(
        small, channels(small), stated_exposures(small), observed, signal,
        Grid.of(small),
    )  # fmt: skip
    assert fit.mu == pytest.approx(-2.0, abs=0.01)


@pytest.mark.parametrize("index", [0.0, 0.2, -1.0])
def test_an_index_may_change_its_sign(
    load: Load, prediction: Prediction, index: float
) -> None:
    shape = {**POWER_LAW, "index": {"value": index, "free": True, **TEST}}
    experiment = fitted(load, background(shape, "tail", 20.0))
    edges = bin_edges(experiment.observables[0])
    # an index of -0.5: 20 sqrt(E) integrated over the bins
    counts = 20 * 2 / 3 * np.diff(edges**1.5)
    fit = fit_backgrounds(
        experiment, channels(experiment), stated_exposures(experiment),
        {"on": 200 * counts, "off": 100 * counts}, signal_counts(prediction), Grid.of(experiment),
    )  # fmt: skip
    assert fit.shapes == pytest.approx({"tail_index": -0.5}, abs=1e-3)
    assert fit.norms == pytest.approx({"norm_tail": 1.0}, rel=1e-3)
    assert fit.shape_errors["tail_index"] < 0.05


@pytest.mark.parametrize("percent", [0, 100, 150])
def test_constraints_that_are_none(percent: float) -> None:
    with pytest.raises(ValidationError, match="between 0 and 100 %"):
        background(CONSTANT, constraint=quantity(percent, "%"))


def test_a_constraint_pulls_the_normalisation_back(load: Load) -> None:
    known = background(CONSTANT, "flat", 20.0, constraint=quantity(2, "%"))
    # the detector known: a gain would take up a part of the excess
    experiment = fitted(load, known).model_copy(update={"systematics": []})
    edges = bin_edges(experiment.observables[0])
    expected = background_counts(experiment)
    nothing = {name: np.zeros(edges.size - 1) for name in expected}
    fit = fit_backgrounds(
        experiment, channels(experiment), stated_exposures(experiment),
        {name: 1.1 * counts for name, counts in expected.items()}, nothing, Grid.of(experiment),
    )  # fmt: skip
    total = sum(float(counts.sum()) for counts in expected.values())
    # where the derivative of x B - 1.1 B ln x + (x - 1)^2/(2 w^2) vanishes
    information = 1 / 0.02**2
    roots = np.roots([information, total - information, -1.1 * total])
    assert fit.norms["norm_flat"] == pytest.approx(max(roots), rel=1e-5)
    assert 1.0 < fit.norms["norm_flat"] < 1.1
    assert (fit.mu, fit.mu_error) == (0.0, 0.0)


def test_a_gain_is_fitted_along_with_the_lines(
    small: Experiment, prediction: Prediction
) -> None:
    """Lines that were moved by half a sigma of the gain are found moved by as much."""
    gain = next(s for s in small.systematics if s.effect == "energy-scale")
    edges = bin_edges(small.observables[0])
    exposures = stated_exposures(small)
    # enough counts that the data outweigh the prior of the gain
    many = {
        name: replace(exposure, factors=(1e4,) * (edges.size - 1))
        for name, exposure in exposures.items()
    }
    observed = {
        channel.name: many[channel.name].scale
        * np.sum(
            [
                time_factor(b, many[channel.name], channel, small)
                * component_counts(
                    b, channel, edges, energy_scale=1 + 0.5 * gain.size.canonical
                )
                for b in small.backgrounds
            ],
            axis=0,
        )
        for channel in channels(small)
    }
    nothing = {name: np.zeros(edges.size - 1) for name in observed}
    fit = fit_backgrounds(
        small, channels(small), many, observed, nothing, Grid.of(small)
    )
    found = [v for name, v in fit.pulls.items() if name.startswith(gain.name)]
    assert found == pytest.approx([0.5] * len(found), abs=0.02)
    assert fit.norms["norm_line"] == pytest.approx(1.0, rel=1e-3)
    assert found


def test_each_period_is_free_on_its_own(load: Load, prediction: Prediction) -> None:
    experiment = fitted(
        load, background(CONSTANT, "flat", 20.0, time_law={"kind": "free"})
    )
    observed = background_counts(experiment)
    observed = {"on": 1.2 * observed["on"], "off": 0.9 * observed["off"]}
    fit = fit_backgrounds(
        experiment, channels(experiment), stated_exposures(experiment), observed,
        signal_counts(prediction), Grid.of(experiment),
    )  # fmt: skip
    assert fit.norms == pytest.approx(
        {"norm_flat_on": 1.2, "norm_flat_off": 0.9}, rel=1e-3
    )


def test_a_component_of_the_source_is_not_fitted_where_it_is_off(
    load: Load, prediction: Prediction
) -> None:
    law = {"kind": "follows-power", "source": "core"}
    experiment = fitted(
        load,
        background(CONSTANT, "flat", 20.0),
        background(EXPONENTIAL, "neutrons", 5.0, time_law=law),
    )
    fit = fit_backgrounds(
        experiment, channels(experiment), stated_exposures(experiment),
        background_counts(experiment), signal_counts(prediction),
        Grid.of(experiment),
    )  # fmt: skip
    assert fit.norms == pytest.approx(
        {"norm_flat": 1.0, "norm_neutrons": 1.0}, rel=0.01
    )


def test_a_fit_that_does_not_converge_names_the_experiment(
    load: Load, prediction: Prediction
) -> None:
    experiment = fitted(load, background(CONSTANT, "flat", 20.0))
    observed = {name: np.full(8, np.nan) for name in ("on", "off")}
    with pytest.raises(InferenceError, match=r"toy-ge: backgrounds: .*not converge"):
        fit_backgrounds(
            experiment, channels(experiment), stated_exposures(experiment), observed,
            signal_counts(prediction), Grid.of(experiment),
        )  # fmt: skip
