"""Injected signals come back: a short form of the study in docs/validation.md.

The whole study (1000 pseudo-experiments a case) is `python tests/oracles/injection.py`.
The bounds here are those of the study widened by the statistics of fewer experiments.
"""

from __future__ import annotations

import pytest

from .injection import DRIFT, FLAT_IN_TIME, STEEP, WITHOUT_GAIN, Study, study

EXPERIMENTS = 60


def check(result: Study, largest_bias: float) -> None:
    assert result.failed == 0
    assert abs(result.bias) < largest_bias + 3 * result.bias_error
    assert abs(result.width - 1) < 0.05 + 3 * result.width_error


@pytest.mark.parametrize("mu", [0.0, 1.32, 3.96], ids=["none", "limit", "3 limits"])
def test_injected_signal_comes_back(mu: float) -> None:
    check(study(mu, experiments=EXPERIMENTS), 0.1)


def test_gain_drift_is_absorbed_by_its_nuisance() -> None:
    check(study(0.0, experiments=EXPERIMENTS, truth_settings=DRIFT), 0.2)


def test_lines_that_the_fit_holds_constant_fake_or_hide_a_signal() -> None:
    """Same events in both fits: the shift is free of their fluctuations."""
    wrong = study(0.0, experiments=EXPERIMENTS, settings=FLAT_IN_TIME)
    right = study(0.0, experiments=EXPERIMENTS)
    assert abs(wrong.bias - right.bias) > 0.05


def test_drift_on_a_steep_edge_shifts_a_fit_that_does_not_know_of_it() -> None:
    unknown, known = (
        study(
            0.0,
            experiments=EXPERIMENTS,
            settings=(*STEEP, *fixed),
            truth_settings=(*STEEP, *DRIFT),
        )
        for fixed in ((WITHOUT_GAIN,), ())
    )
    assert unknown.bias < -0.3 + 3 * unknown.bias_error
    check(known, 0.2)
