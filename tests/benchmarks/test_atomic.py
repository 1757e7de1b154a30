"""Time and memory of ``nuem atom``: 300 s of one core for germanium, and a gigabyte."""

from __future__ import annotations

import resource
import time

import pytest

from nuem.models.atomic.build import build_table
from nuem.models.atomic.table import load_table

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
    assert table.valid_kev == load_table(symbol).valid_kev
    assert peak < 1000
    if symbol == "Ge":
        assert seconds < 300
