"""Photoelectrons of a scintillator: mean, spread and efficiency."""

from __future__ import annotations

import numpy as np
import pytest

from nuem.inputs.errors import InputError, ModelError
from nuem.models.flux.sns import sns_flux
from nuem.models.fold import recoil_spectrum
from nuem.models.photoelectrons import PhotoelectronResponse
from nuem.models.quenching import Polynomial
from nuem.models.template import template

QUENCHING = Polynomial((0.08,), (0.0, 60.0))


def test_mean_and_variance_are_those_of_the_gamma_distribution() -> None:
    """Mean L E and variance (L E)^2/(1 + s E), from the bins alone."""
    response = PhotoelectronResponse(QUENCHING, 13.35, 9.56)
    edges = np.arange(0.0, 301.0, 1.0)
    recoils = np.array([5.0, 15.0, 40.0])
    matrix = response.matrix(edges, recoils)
    middle = 0.5 * (edges[1:] + edges[:-1])
    np.testing.assert_allclose(matrix.sum(axis=0), 1.0, atol=1e-9)
    mean = middle @ matrix
    energy = 0.08 * recoils
    np.testing.assert_allclose(mean, 13.35 * energy, rtol=2e-3)
    variance = (middle**2) @ matrix - mean**2 - 1 / 12
    np.testing.assert_allclose(
        variance, (13.35 * energy) ** 2 / (1 + 9.56 * energy), rtol=0.02
    )


def test_random_events_fall_into_the_same_bins() -> None:
    generator = np.random.default_rng(5)
    shape = 1 + 9.56 * 0.8
    drawn = generator.gamma(shape, 13.35 * 0.8 / shape, 400_000)
    kept = drawn[generator.random(drawn.size) < np.minimum(drawn / 30.0, 1.0)]
    response = PhotoelectronResponse(
        QUENCHING, 13.35, 9.56, lambda x: np.minimum(x / 30.0, 1.0)
    )
    edges = [4.0, 8.0, 12.0, 20.0, 40.0]
    expected = response.matrix(edges, [10.0])[:, 0] * drawn.size
    counts = np.histogram(kept, edges)[0]
    assert (np.abs(counts - expected) < 4.5 * np.sqrt(expected)).all()


@pytest.mark.parametrize("edges", [[8.0], [8.0, 4.0], [-1.0, 4.0], [0.0, np.nan]])
def test_edges_that_are_none(edges: list[float]) -> None:
    response = PhotoelectronResponse(QUENCHING, 13.35, 9.56)
    with pytest.raises(InputError, match="edges"):
        response.matrix(edges, [10.0])


@pytest.mark.parametrize("wrong", [0.0, -1.0, np.nan])
def test_numbers_that_are_out_of_range(wrong: float) -> None:
    with pytest.raises(InputError, match="light_yield"):
        PhotoelectronResponse(QUENCHING, wrong, 9.56)
    with pytest.raises(InputError, match="shape_per_kev"):
        PhotoelectronResponse(QUENCHING, 13.35, wrong)


def test_a_template_is_the_integral_of_the_matrix() -> None:
    """Against a fine trapezoid; electrons are not quenched."""
    response = PhotoelectronResponse(
        QUENCHING, 13.35, 9.56, lambda x: np.minimum(x / 30.0, 1.0), floor_kev=0.05
    )
    flux = sns_flux(neutrinos_per_flavour=1e7)
    edges = [8.0, 12.0, 20.0, 40.0]
    found = template(
        "nucleus-millicharge", "CsI", flux, response, edges, by_flavour=True
    )
    recoils = np.geomspace(0.05 / 0.08, 48.0, 4000)
    rates = recoil_spectrum(
        "nucleus-millicharge", "CsI", flux, recoils, by_flavour=True
    )
    matrix = response.matrix(edges, recoils)
    for name, rate in rates.items():
        expected = np.trapezoid(matrix * rate, recoils, axis=1)
        np.testing.assert_allclose(found.coefficients[name], expected, rtol=1e-4)
    assert found.metadata["energy"] == "PE"
    assert (found.below_floor_fraction() < 1e-6).all()
    electrons = template(
        "electron-millicharge", "CsI", flux, response, edges, method="stepped"
    )
    unquenched = PhotoelectronResponse(None, 13.35, 9.56, response.efficiency, 0.05)
    assert unquenched.true_range(edges)[1] < 10.0
    np.testing.assert_allclose(
        electrons.coefficients["q^2"],
        template(
            "electron-millicharge", "CsI", flux, unquenched, edges, method="stepped"
        ).coefficients["q^2"],
    )


def test_variations_of_the_response() -> None:
    response = PhotoelectronResponse(
        QUENCHING, 13.35, 9.56, trigger_efficiency=lambda e: np.minimum(e, 1.0)
    )
    edges = np.arange(0.0, 301.0, 1.0)
    middle = 0.5 * (edges[1:] + edges[:-1])
    assert response.matrix(edges, [10.0]).sum() == pytest.approx(0.8, abs=1e-6)

    def moments(varied: PhotoelectronResponse) -> tuple[float, float]:
        row = varied.matrix(edges, [20.0])[:, 0]
        mean = middle @ row / row.sum()
        return mean, np.sqrt((middle**2) @ row / row.sum() - mean**2)

    mean, width = moments(response)
    assert moments(response.vary(scale=1.1))[0] == pytest.approx(1.1 * mean, rel=1e-3)
    assert moments(response.vary(quenching=0.9))[0] == pytest.approx(
        0.9 * mean, rel=1e-2
    )
    assert moments(response.vary(resolution=1.1))[1] > 1.05 * width
    assert response.vary(cut=(-0.5, None)).matrix(edges, [20.0]).sum() == pytest.approx(
        0.5, abs=1e-6
    )
    short = PhotoelectronResponse(Polynomial((0.08,), (0.0, 20.0)), 13.35, 9.56)
    with pytest.raises(ModelError, match="above the range of the quenching"):
        short.check_range([8.0, 40.0], 45.0)
    short.check_range([8.0, 40.0], 19.0)


def test_the_response_is_tabulated() -> None:
    response = PhotoelectronResponse(QUENCHING, 13.35, 9.56)
    matrix = response.tabulate([0.0, 20.0, 300.0], [5.0, 10.0, 20.0])
    assert matrix.measured_unit == "PE"
    np.testing.assert_allclose(matrix.values.sum(axis=0), 1.0, atol=1e-6)
