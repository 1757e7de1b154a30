"""A few sets with a hidden charge, and one of them by the command line."""

from __future__ import annotations

from pathlib import Path

import pytest

from .challenge import CASES, REFERENCE_E, analyse, command

SETS = 6


@pytest.mark.parametrize("name", ["as stated", "gain drifts by 3 %, calibrated"])
@pytest.mark.parametrize("charge", [0.0, 3e-12])
def test_hidden_charges(name: str, charge: float) -> None:
    """No interval misses by much, and of six at most three at all (chance 0.1 %)."""
    answers = [analyse(seed, charge, CASES[name], 200) for seed in range(1, SETS + 1)]
    chances = [a.p_truth for a in answers if a is not None and a.p_truth is not None]
    assert len(chances) == SETS
    assert min(chances) > 0.002
    assert sum(p <= 0.1 for p in chances) <= 3
    for answer in answers:
        assert answer is not None
        assert answer.goodness is not None
        assert answer.goodness > 1e-3
        if charge == 0:
            assert answer.upper_limit > 0
        else:
            assert answer.p0 < 1e-4


def test_the_command_gives_what_the_library_gives(tmp_path: Path) -> None:
    case, charge = CASES["gain drifts by 3 %, calibrated"], REFERENCE_E
    document = command(3, charge, case, tmp_path)
    answer = analyse(3, charge, case, 0)
    assert answer is not None
    found = document["observed"]["poi"]
    assert found["upper_limit"] == pytest.approx(answer.upper_limit, rel=1e-6)
    assert found["best_fit"] == pytest.approx(answer.best_fit, rel=1e-6)
