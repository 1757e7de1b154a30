"""Two ways to compile: kernels, cached on disk where that is possible; and their parts."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

import numba

__all__ = ["inlined", "kernel", "summing"]

_Function = TypeVar("_Function", bound=Callable[..., Any])
# infinities and nan mean something here: only what keeps them is relaxed
_OPTIONS: dict[str, Any] = {
    "nogil": True, "error_model": "numpy", "fastmath": {"contract", "arcp", "nsz"},
}  # fmt: skip


def kernel(function: _Function) -> _Function:
    """Compile a function when it is first called; it runs without the GIL.

    The machine code is kept beside the source, or in the cache folder of the user. A
    place where neither can be written is no error: the code is then made again by each
    process.

    Examples
    --------
    >>> @kernel
    ... def double(x):
    ...     return 2 * x
    >>> double(2.0)
    4.0
    """
    return _compile(function, {})


def inlined(function: _Function) -> _Function:
    """Compile a small function into its callers: a call would count references.

    Examples
    --------
    >>> @inlined
    ... def half(x):
    ...     return x / 2
    >>> half(3.0)
    1.5
    """
    return _compile(function, {"forceinline": True})


def summing(function: _Function) -> _Function:
    """Compile a sum into its callers; its terms may be added in any order.

    Examples
    --------
    >>> import numpy as np
    >>> @summing
    ... def total(x):
    ...     result = 0.0
    ...     for i in range(x.size):
    ...         result += x[i]
    ...     return result
    >>> float(total(np.ones(9)))
    9.0
    """
    relaxed = {*_OPTIONS["fastmath"], "reassoc"}
    return _compile(function, {"forceinline": True, "fastmath": relaxed})


def _compile(function: _Function, more: dict[str, Any]) -> _Function:
    options = {**_OPTIONS, **more}
    try:
        compiled = numba.njit(cache=True, **options)(function)
        # numba looks at the file of a function only, not at those of what it calls:
        # machine code is stale once any file of this folder has changed
        compiled._cache._cache_file._source_stamp = _stamp()
    except (RuntimeError, AttributeError):  # no folder for the cache, or another numba
        compiled = numba.njit(**options)(function)
    result: _Function = compiled
    return result


@cache
def _stamp() -> tuple[tuple[str, int, int], ...]:
    """What the kernels are made from: files, times and sizes."""
    files = [
        file
        for file in sorted(Path(__file__).parent.glob("*.py"))
        if b"inference.compiling import" in file.read_bytes()
    ]
    return tuple((f.name, f.stat().st_mtime_ns, f.stat().st_size) for f in files)
