"""Rates, their errors, and the placing of labels."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import poisson

from nuem.inputs.errors import InputError
from nuem.plots.labels import axis_label, number_text, unit_text
from nuem.plots.layout import spread
from nuem.plots.points import ONE_SIGMA, difference, poisson_errors, rate


def test_poisson_interval_has_its_tails() -> None:
    counts = np.array([1, 2, 5, 20, 300])
    down, up = poisson_errors(counts)
    tail = (1 - ONE_SIGMA) / 2
    np.testing.assert_allclose(poisson.cdf(counts, counts + up), tail, rtol=1e-9)
    np.testing.assert_allclose(poisson.sf(counts - 1, counts - down), tail, rtol=1e-9)


def test_poisson_errors_of_an_empty_bin() -> None:
    down, up = poisson_errors([0])
    assert down[0] == 0
    assert up[0] == pytest.approx(1.8410, abs=1e-4)


def test_poisson_errors_of_many_counts_are_square_roots() -> None:
    np.testing.assert_allclose(poisson_errors([1e8]), 1e4, rtol=1e-3)


def test_rate_divides_by_width_and_exposure() -> None:
    values, errors = rate(counts=[100, 100], edges=[1.0, 1.5, 3.5], exposure=4.0)
    np.testing.assert_allclose(values, [50.0, 12.5])
    np.testing.assert_allclose(errors, poisson_errors([100, 100]) / [2.0, 8.0])


def test_difference_crosses_the_errors() -> None:
    values, errors = difference(
        minuend=[10.0],
        minuend_errors=[[1.0], [2.0]],
        subtrahend=[4.0],
        subtrahend_errors=[[3.0], [5.0]],
    )
    assert values[0] == 6.0
    np.testing.assert_allclose(errors[:, 0], [np.hypot(1, 5), np.hypot(2, 3)])


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"counts": [1, -1]}, "counts: value too small"),
        ({"counts": [1]}, r"counts: wrong shape: found \(1,\), expected \(2,\)"),
        ({"counts": [1, np.nan]}, "counts: not finite"),
        ({"counts": ["a", "b"]}, "counts: not numbers"),
        ({"edges": [1.0, 1.0, 2.0]}, "edges: not bin edges"),
        ({"edges": [1.0]}, "edges: not bin edges"),
        ({"exposure": 0.0}, "exposure: not a fitting number"),
        ({"exposure": np.inf}, "exposure: not finite"),
    ],
)
def test_rate_refuses(arguments: dict, words: str) -> None:
    good = {"counts": [1, 2], "edges": [0.0, 1.0, 2.0], "exposure": 1.0}
    with pytest.raises(InputError, match=words):
        rate(**{**good, **arguments})


def test_difference_refuses_negative_errors() -> None:
    with pytest.raises(InputError, match="subtrahend_errors: negative error"):
        difference(
            minuend=[1.0],
            minuend_errors=[1.0],
            subtrahend=[1.0],
            subtrahend_errors=[-1.0],
        )


def test_spread_keeps_order_gap_and_limits() -> None:
    wanted = [1.0, 1.1, 1.2, 9.8, 9.9, 10.0]
    placed = spread(wanted, gap=1.0, low=0.5, high=10.0)
    assert np.all(np.diff(placed) >= 1.0 - 1e-12)
    assert placed[0] >= 0.5
    assert placed[-1] <= 10.0
    np.testing.assert_allclose(spread([2.0, 8.0], gap=1, low=0, high=10), [2.0, 8.0])


def test_spread_with_too_little_room_shares_it() -> None:
    placed = spread([5.0, 5.0, 5.0], gap=10.0, low=0.0, high=10.0)
    np.testing.assert_allclose(placed, [0.0, 5.0, 10.0])
    assert spread([], gap=1.0, low=0.0, high=1.0).size == 0


def test_units_as_printed() -> None:
    assert unit_text("e") == "$e$"
    assert unit_text("cm^2") == "cm$^2$"
    assert unit_text("cm2/keV/atom") == "cm$^2$/keV/atom"
    assert unit_text("counts/(kg keV day)") == "counts/(kg keV day)"
    assert axis_label("CLs", "") == "CLs"
    assert number_text(-2.1e-12) == r"$-2.1\times10^{-12}$"
