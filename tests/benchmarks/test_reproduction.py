"""How long all rows of ``nuem reproduce`` take, from cached belts."""

from __future__ import annotations

import time

from nuem.analysis.reproduction.audit import reproduce


def test_all_rows_in_a_minute() -> None:
    start = time.perf_counter()
    rows = reproduce()
    elapsed = time.perf_counter() - start
    print(f"nuem reproduce: {len(rows)} rows in {elapsed:.1f} s")
    assert elapsed < 60.0
