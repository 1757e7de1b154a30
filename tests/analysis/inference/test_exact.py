"""Exact unified intervals, and chi^2 with pulls."""

from __future__ import annotations

import numpy as np
import pytest
from iminuit import Minuit
from scipy.stats import poisson

from nuem.analysis.inference.chisquare import ChiSquare, Pull
from nuem.analysis.inference.exact import (
    gaussian_interval,
    poisson_interval,
    poisson_pair_interval,
)
from nuem.analysis.inference.islands import allowed, lowest
from nuem.inputs.errors import InputError


# Table X of Feldman and Cousins, 90 %; printed to two digits
@pytest.mark.parametrize(
    ("x", "low", "high"),
    [
        (-3.0, 0.0, 0.26),
        (-1.0, 0.0, 0.81),
        (0.0, 0.0, 1.64),
        (1.0, 0.0, 2.64),
        (3.0, 1.37, 4.64),
    ],
)
def test_gaussian_table(x: float, low: float, high: float) -> None:
    assert gaussian_interval(x) == pytest.approx((low, high), abs=0.011)


# Table IV of the same, b = 0 and 3
@pytest.mark.parametrize(
    ("n", "b", "low", "high"),
    [
        (0, 0.0, 0.0, 2.44),
        (1, 0.0, 0.11, 4.36),
        (1, 3.0, 0.0, 1.88),
        (5, 3.0, 0.0, 6.99),
        (10, 3.0, 2.63, 13.50),
    ],
)
def test_poisson_table(n: int, b: float, low: float, high: float) -> None:
    assert poisson_interval(n, b) == pytest.approx((low, high), abs=0.011)


def test_the_one_known_difference_is_monotonicity_in_the_background() -> None:
    assert poisson_interval(0, 3.0)[1] == pytest.approx(0.95, abs=0.01)
    assert poisson_interval(0, 3.0, monotonic=True)[1] == pytest.approx(1.08, abs=0.015)


@pytest.mark.parametrize("count", [0, 1, 5, 10])
def test_pair_of_counts_reduces_to_one(count: int) -> None:
    single = poisson_interval(count, 3.0)
    # the second sees no signal: its count says nothing
    aside = poisson_pair_interval((count, 7), (1.0, 0.0), (3.0, 7.0))
    assert aside == pytest.approx(single, abs=1e-6)
    # equal shares: the sum says everything
    halves = poisson_pair_interval(
        (count // 2, count - count // 2), (0.5, 0.5), (1.5, 1.5)
    )
    assert halves == pytest.approx(single, abs=1e-6)


def test_pair_of_counts_covers() -> None:
    """By sums over all counts, at strengths between those that were looked at."""
    signal, background = (2.0, 0.5), (1.0, 2.0)
    counts = np.arange(22)
    found = {
        (int(a), int(b)): poisson_pair_interval((int(a), int(b)), signal, background)
        for a in counts
        for b in counts[:14]
    }
    for strength in (0.0, 0.37, 1.1, 2.3):
        covered = 0.0
        for (a, b), (low, high) in found.items():
            if low <= strength <= high:
                covered += float(
                    poisson.pmf(a, strength * signal[0] + background[0])
                    * poisson.pmf(b, strength * signal[1] + background[1])
                )
        assert 0.9 <= covered < 0.95


def test_wrong_arguments() -> None:
    with pytest.raises(InputError, match="negative"):
        poisson_interval(-1, 3.0)
    with pytest.raises(InputError, match="not two counts"):
        poisson_pair_interval((1, 2), (1.0, 1.0), (-1.0, 0.0))
    with pytest.raises(InputError, match="not two counts"):
        poisson_pair_interval((1, 2), (float("nan"), 1.0), (1.0, 0.0))
    with pytest.raises(InputError, match="confidence level"):
        gaussian_interval(0.0, cl=2.0)


def test_chi_square_with_pulls_is_that_of_a_minimiser() -> None:
    rng = np.random.default_rng(1)
    bins = 12
    signal = np.array(
        [rng.uniform(5, 10, bins), rng.uniform(-2, 0, bins), rng.uniform(0, 1, bins)]
    )
    variance = np.array([rng.uniform(1, 2, bins), np.zeros(bins), 0.1 * signal[2]])
    values = signal[0] + rng.normal(size=bins)
    pulls = [Pull("norm", 0.05 * signal), Pull("flat", np.ones((1, bins)), 2.0)]
    model = ChiSquare(values, variance, signal, pulls)

    def chi2(g: float, a: float, b: float) -> float:
        powers = g ** np.arange(3)
        mean = (1 + 0.05 * a) * (powers @ signal) + b
        return float(
            np.sum((values - mean) ** 2 / (powers @ variance)) + a**2 + b**2 / 4
        )

    minuit = Minuit(chi2, g=0.5, a=0, b=0)
    minuit.tol = 1e-8
    minuit.migrad()
    place, least = lowest(model)
    assert least <= minuit.fval + 1e-8
    fixed = Minuit(chi2, g=place, a=0, b=0)
    fixed.fixed["g"] = True
    fixed.tol = 1e-8
    fixed.migrad()
    assert least == pytest.approx(fixed.fval, abs=1e-6)
    assert model.solve([place])[1][0] == pytest.approx(list(fixed.values)[1:], abs=1e-3)


def test_chi_square_islands_and_errors() -> None:
    model = ChiSquare(np.array([4.0]), np.ones((1, 1)), np.array([[0.0], [0.0], [1.0]]))
    np.testing.assert_allclose(
        allowed(model, 1.0),
        [(-np.sqrt(5), -np.sqrt(3)), (np.sqrt(3), np.sqrt(5))],
        rtol=1e-9,
    )
    with pytest.raises(InputError, match="wrong shape"):
        ChiSquare(np.array([4.0]), np.ones(1), np.array([[1.0]]))
