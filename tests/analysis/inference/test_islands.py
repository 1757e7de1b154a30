"""Ends of intervals against closed forms, at couplings far below the tolerances."""

# pytest.approx has an absolute tolerance of 1e-12 unless told otherwise: abs=0 here.
from __future__ import annotations

import numpy as np
import pytest

from nuem.analysis.inference.chisquare import ChiSquare, Pull
from nuem.analysis.inference.islands import allowed, lowest, rise_at, scaled
from nuem.inputs.errors import InferenceError


def counting(n: float, a: float, b: float) -> ChiSquare:
    """N events, N (1 + a q + b q^2) expected, counting errors."""
    return ChiSquare(np.array([n]), np.array([[n]]), np.array([[n], [n * a], [n * b]]))


@pytest.mark.parametrize("size", [1e-14, 1e-21, 1e-7, 1.0, 1e12])
def test_a_limit_is_right_to_a_millionth_whatever_its_size(size: float) -> None:
    # q^2 < 1.2816 sigma in closed form; brentq in q itself would stop at 2e-12
    model = ChiSquare(
        np.zeros(1), np.ones((1, 1)), np.array([[0.0], [0.0], [size**-2]])
    )
    ((low, high),) = allowed(model, rise_at(0.9, "one"))
    assert high == pytest.approx(1.2815515655446004**0.5 * size, rel=1e-9, abs=0)
    assert low == pytest.approx(-high, rel=1e-9, abs=0)


@pytest.mark.parametrize(
    ("n", "m"), [(5876.5, 4.3e-12), (31200.0, 3.5e-11), (40.0, 1e-14)]
)
def test_both_islands_against_the_roots_of_the_quadratic(n: float, m: float) -> None:
    # a q + b q^2 = +- 1.6449/sqrt(n), with the mirror of q = 0 at q = m
    a = -3e9
    b = -a / m
    model = counting(n, a, b)
    target = 1.6448536269514722 / np.sqrt(n)
    outer = np.sort(np.roots([b, a, -target]).real)
    inner = np.roots([b, a, target])
    islands = allowed(model, rise_at(0.9, "two"))
    if np.isreal(inner).all():
        first, second = np.sort(inner.real)
        wanted = [(outer[0], first), (second, outer[1])]
    else:
        wanted = [(outer[0], outer[1])]
    assert len(islands) == len(wanted)
    for got, edge in zip(islands, wanted, strict=True):
        assert got == pytest.approx(edge, rel=1e-6, abs=0)


def test_a_distant_mirror_is_found() -> None:
    (_, _), (low, high) = allowed(counting(1e6, -1e3, 1.0), rise_at(0.9, "two"))
    assert 0.5 * (low + high) == pytest.approx(1e3, rel=1e-6, abs=0)


def test_an_excess_far_from_zero_is_found() -> None:
    # 1e8 standard deviations of q^2: the island lies 1e4 scaled units from zero
    model = ChiSquare(
        np.array([1e8]), np.ones((1, 1)), np.array([[0.0], [0.0], [1e28]])
    )
    (low, high), (mirror, last) = allowed(model, 1.0)
    assert (mirror, last) == pytest.approx((-high, -low), rel=1e-12, abs=0)
    assert last == pytest.approx((1e8 + 1) ** 0.5 * 1e-14, rel=1e-12, abs=0)
    place, least = lowest(model)
    assert abs(place) == pytest.approx(1e-10, rel=1e-9, abs=0)
    assert least == pytest.approx(0.0, abs=1e-6)


def test_pulls_are_rescaled_too() -> None:
    # a free normalisation of the shape of q^2 itself leaves nothing to exclude
    shape = np.array([[3e28, 1e28]])
    model = ChiSquare(
        np.zeros(2), np.ones((1, 2)), np.vstack([np.zeros((2, 2)), shape]),
        [Pull("flat", np.ones((1, 2)), np.inf)],
    )  # fmt: skip
    # one degree of freedom is left, the difference of the bins: 2e28 q^2 < z sqrt(2)
    ((_, high),) = allowed(model, rise_at(0.9, "two"))
    assert high == pytest.approx(
        (1.6448536269514722 * 2**0.5 / 2e28) ** 0.5, rel=1e-6, abs=0
    )
    relative = ChiSquare(
        np.zeros(2), np.ones((1, 2)), np.vstack([np.zeros((2, 2)), shape]),
        [Pull("flux", np.vstack([np.zeros((2, 2)), 0.1 * shape]), 1.0)],
    )  # fmt: skip
    assert scaled(relative).model.pulls[0].effect[2] == pytest.approx(
        0.1 * scaled(relative).model.prediction[2]
    )


def test_no_dependence_and_no_limit_are_errors() -> None:
    with pytest.raises(InferenceError, match="nothing depends"):
        allowed(counting(10.0, 0.0, 0.0), 1.0)
    growing = ChiSquare(
        np.array([1.0]),
        np.array([[1.0], [0.0], [9.0]]),
        np.array([[1.0], [0.0], [1.0]]),
    )
    with pytest.raises(InferenceError, match="does not exclude"):
        allowed(growing, 1e4)
