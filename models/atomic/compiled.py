"""Compilation of loops with numba, with types that survive it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

import numba

__all__ = ["compiled", "compiled_sums"]

_Function = TypeVar("_Function", bound=Callable[..., Any])

#: Sums may be reordered, which vectorises them; infinities and NaN keep their meaning.
_SUMS = {"reassoc", "contract", "nsz"}


def _compile(function: _Function, **options: Any) -> _Function:
    try:
        return cast(_Function, numba.njit(cache=True, **options)(function))
    except RuntimeError:
        # no folder that numba could write its cache to: compile in every process
        return cast(_Function, numba.njit(**options)(function))


def compiled(function: _Function) -> _Function:
    """Compile a function at its first call, and keep the result where possible.

    Examples
    --------
    >>> @compiled
    ... def twice(x):
    ...     return 2.0 * x
    >>> twice(1.5)
    3.0
    """
    return _compile(function)


def compiled_sums(function: _Function) -> _Function:
    """Compile, allowing the order of a sum to change.

    The result is the same in every run on one machine, and the same to rounding on
    others.
    """
    return _compile(function, fastmath=_SUMS)
