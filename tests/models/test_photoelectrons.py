"""Photoelectrons of a scintillator: mean, spread and efficiency."""

from __future__ import annotations

import numpy as np
import pytest

from nuem.inputs.errors import InputError
from nuem.models.photoelectrons import PhotoelectronResponse
from nuem.models.quenching import Polynomial

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
