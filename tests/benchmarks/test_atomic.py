"""Time of ``nuem atom``: wanted are 300 s of one core, for germanium."""

from __future__ import annotations

import resource
import time

import pytest

from nuem.models.atomic.build import build_table

pytestmark = pytest.mark.benchmark


@pytest.mark.parametrize("symbol", ["Ge", "Cs"])
def test_a_whole_table(symbol: str) -> None:
    began = time.process_time()
    table = build_table(symbol)
    seconds = time.process_time() - began
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3
    print(
        f"\ntable of {symbol}: {table.recoil_kev.size} energies, {seconds:.0f} s of "
        f"one core (wanted: 300), at most {peak:.0f} MB (wanted: 1000)"
    )
    assert table.valid_kev[0] < 0.5
