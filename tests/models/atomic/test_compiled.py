"""Compilation where the cache cannot be written: a wheel in a read-only folder."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numba
import pytest

from nuem.models.atomic.compiled import compiled


def test_without_a_cache(monkeypatch: pytest.MonkeyPatch) -> None:
    original = numba.njit

    def njit(*arguments: Any, **options: Any) -> Callable[..., Any]:
        if options.get("cache"):
            raise RuntimeError("cannot cache function: no locator available")
        return original(*arguments, **options)

    monkeypatch.setattr(numba, "njit", njit)

    @compiled
    def double(x: float) -> float:
        return 2.0 * x

    assert double(1.5) == 3.0
