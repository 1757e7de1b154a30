"""Background shapes against numerical integrals."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import integrate

from nuem.inputs.errors import InputError
from nuem.models.background import (
    Constant,
    Exponential,
    Lines,
    PowerLaw,
    Shape,
    Tabulated,
)

EDGES = np.array([0.3, 0.4, 1.0, 1.35, 5.0])


def _width(energy: np.ndarray) -> np.ndarray:
    return 0.05 + 0.02 * np.sqrt(energy)


def _numerical(density: object, edges: np.ndarray) -> np.ndarray:
    pairs = itertools.pairwise(edges)
    return np.array(
        [integrate.quad(density, a, b, epsrel=1e-11, limit=200)[0] for a, b in pairs]
    )


@pytest.mark.parametrize(
    ("shape", "density"),
    [
        (Constant(), np.ones_like),
        (Exponential(0.3, 0.15), lambda e: np.exp(-(e - 0.3) / 0.15)),
        (Exponential(1.0, -2.0), lambda e: np.exp((e - 1.0) / 2.0)),
        (PowerLaw(0.5, 1.7), lambda e: (e / 0.5) ** -1.7),
        (PowerLaw(0.5, 1.0), lambda e: 0.5 / e),
        (PowerLaw(0.5, 1.0 + 1e-9), lambda e: 0.5 / e),
        (
            Tabulated((0.1, 0.9, 6.0), (4.0, 2.0, 1.0), 0.9),
            lambda e: np.interp(e, [0.1, 0.9, 6.0], [2.0, 1.0, 0.5]),
        ),
    ],
)
@pytest.mark.parametrize("scale", [1.0, 0.98, 1.03])
def test_continuous_shapes(shape: Shape, density: object, scale: float) -> None:
    found = shape.counts(EDGES, energy_scale=scale, resolution_scale=1.2)
    expected = _numerical(lambda e: density(e / scale) / scale, EDGES)  # type: ignore[operator]
    np.testing.assert_allclose(found, expected, rtol=1e-6)


@pytest.mark.parametrize(("scale", "width"), [(1.0, 1.0), (1.02, 0.8)])
def test_lines(scale: float, width: float) -> None:
    lines = Lines((1.0, 1.3), (1.0, 0.12), _width)

    def density(energy: float) -> float:
        total = 0.0
        for centre, ratio in ((1.0, 1.0), (1.3, 0.12)):
            sigma = float(_width(np.array(centre))) * width
            z = (energy - scale * centre) / sigma
            total += ratio * np.exp(-0.5 * z**2) / (sigma * np.sqrt(2 * np.pi))
        return total

    found = lines.counts(EDGES, energy_scale=scale, resolution_scale=width)
    np.testing.assert_allclose(found, _numerical(density, EDGES), rtol=1e-7, atol=1e-12)
    assert lines.counts([0.0, 50.0]).sum() == pytest.approx(1.12)


@given(st.floats(0.31, 4.9))
def test_bins_add_up(cut: float) -> None:
    for shape in (Constant(), Exponential(0.3, 0.2), PowerLaw(1.0, 2.5)):
        two = shape.counts([0.3, cut, 5.0]).sum()
        assert two == pytest.approx(shape.counts([0.3, 5.0])[0], rel=1e-10)


def test_scale_moves_the_table_beyond_its_end() -> None:
    table = Tabulated((1.0, 2.0), (3.0, 3.0))
    np.testing.assert_allclose(table.counts([1.0, 2.0], energy_scale=0.98), 3.0 / 0.98)


@pytest.mark.parametrize(
    "build",
    [
        lambda: Exponential(0.3, 0.0),
        lambda: Exponential(np.nan, 1.0),
        lambda: PowerLaw(0.0, 1.0),
        lambda: PowerLaw(1.0, np.inf),
        lambda: Lines((1.0, 2.0), (1.0,), _width),
        lambda: Lines((1.0, 2.0), (2.0, 1.0), _width),
        lambda: Lines((1.0, -2.0), (1.0, 1.0), _width),
        lambda: Lines((1.0,), (1.0,), lambda e: -e).counts([0.5, 2.0]),
        lambda: Tabulated((1.0, 2.0), (1.0,)),
        lambda: Tabulated((2.0, 1.0), (1.0, 1.0)),
        lambda: Tabulated((1.0, 2.0), (1.0, 1.0), 5.0),
        lambda: Tabulated((1.0, 2.0), (1.0, 1.0)).counts([0.5, 1.5]),
        lambda: PowerLaw(1.0, 2.0).counts([0.0, 1.0]),
        lambda: Constant().counts([0.0, 1.0], energy_scale=0.0),
        lambda: Constant().counts([1.0, 0.0]),
    ],
)
def test_bad_input(build: object) -> None:
    with pytest.raises(InputError):
        build()  # type: ignore[operator]
