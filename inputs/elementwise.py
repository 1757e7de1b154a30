"""The operations of the expression grammar on NumPy and awkward arrays.

Operands are float64, int64 or bool throughout (`widen`), events along the first
axis; one value per event broadcasts to each of the event's hits.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np

__all__ = ["binary", "call", "compare", "unary", "widen"]

_COMPARE: dict[str, Callable[[Any, Any], Any]] = {
    "<": np.less,
    "<=": np.less_equal,
    ">": np.greater,
    ">=": np.greater_equal,
    "==": np.equal,
    "!=": np.not_equal,
}


def unary(operator: str, x: Any) -> Any:
    """Compute ``- x``, ``~ x`` or ``not x``."""
    if operator == "-":
        return np.negative(_cast(x, "bool", "int64"))
    return np.logical_not(x) if operator == "not" else np.invert(x)


def compare(operator: str, x: Any, y: Any) -> Any:
    """Compute one comparison; False where either side is nan, except for !=."""
    return _COMPARE[operator](x, y)


def binary(operator: str, x: Any, y: Any) -> Any:
    """Compute a logical, bitwise or arithmetic operation of two operands."""
    logical = {
        "and": np.logical_and,
        "or": np.logical_or,
        "&": np.bitwise_and,
        "|": np.bitwise_or,
    }
    if operator in logical:
        return logical[operator](x, y)
    if operator in "+-":  # integers stay exact: timestamps are above 2**53
        x, y = _cast(x, "bool", "int64"), _cast(y, "bool", "int64")
        return np.add(x, y) if operator == "+" else np.subtract(x, y)
    # in double precision: an integer product or power would wrap around silently
    x, y = _cast(x, "bool int64", "float64"), _cast(y, "bool int64", "float64")
    arithmetic = {"*": np.multiply, "/": np.divide, "**": np.power}
    return arithmetic[operator](x, y)


def call(function: str, operands: list[Any]) -> Any:
    """Compute a function of the grammar."""
    if function in ("sum", "any", "all", "count"):
        return _reduce(function, operands[0])
    if function == "isfinite":
        return np.isfinite(operands[0])
    if function == "where":
        condition, x, y = operands
        if {_dtype(x), _dtype(y)} != {np.dtype(bool)}:
            x, y = _cast(x, "bool", "int64"), _cast(y, "bool", "int64")
        return _where(np.not_equal(condition, 0), x, y)
    if function in ("abs", "minimum", "maximum"):
        return getattr(np, function)(*(_cast(x, "bool", "int64") for x in operands))
    x = _cast(operands[0], "bool int64", "float64")
    if function in ("erf", "erfc"):
        from scipy import special

        return getattr(special, function)(x)
    return getattr(np, function)(x)


def _where(condition: Any, x: Any, y: Any) -> Any:
    """Choose between x and y, with one value per event beside lists of hits."""
    if not any(hasattr(array, "layout") for array in (condition, x, y)):
        return np.where(condition, x, y)
    import awkward as ak

    return ak.where(*ak.broadcast_arrays(condition, x, y))


def _reduce(function: str, x: Any) -> Any:
    """Reduce the hits of each event to one value."""
    if x.ndim < 2:
        raise TypeError(f"{function}() of one value per event, not of a list of hits")
    import awkward as ak

    return _flat(getattr(ak, function)(x, axis=-1))


def _flat(x: Any) -> Any:
    """Return an awkward array without structure as a NumPy array."""
    return np.asarray(x) if hasattr(x, "layout") and x.ndim == 1 else x


def _dtype(x: Any) -> np.dtype[Any]:
    """Return the type of the numbers in an array, jagged or not."""
    if not hasattr(x, "layout"):
        dtype: np.dtype[Any] = x.dtype
        return dtype
    layout = x.layout
    while not hasattr(layout, "dtype"):
        if not hasattr(layout, "content"):
            raise TypeError(f"not an array of numbers: {x.type}")
        layout = layout.content
    leaf: np.dtype[Any] = layout.dtype
    return leaf


@functools.cache
def _name(dtype: np.dtype[Any]) -> str:
    return dtype.name  # NumPy puts it together anew each time


def _cast(x: Any, kinds: str, to: str) -> Any:
    """Convert an array to the type `to` if its own type is one of `kinds`."""
    if _name(_dtype(x)) not in kinds.split():
        return x
    if not hasattr(x, "layout"):
        return x.astype(to)
    import awkward as ak

    return ak.values_astype(x, to)


def widen(value: Any) -> Any:
    """Convert a variable to float64, int64 or bool.

    Parameters
    ----------
    value : array_like
        NumPy array, or awkward array of one or more dimensions.

    Returns
    -------
    array
        The same values; a NumPy array if there is one value per event.

    Raises
    ------
    TypeError
        If it does not hold numbers.

    Examples
    --------
    >>> widen(np.array([1, 2], dtype="u2")).dtype
    dtype('int64')
    """
    x = _flat(value) if hasattr(value, "layout") else np.asarray(value)
    dtype = _dtype(x)
    if dtype.kind not in "biuf":
        raise TypeError(f"not an array of numbers: {dtype}")
    if dtype.name == "uint64":
        # ns timestamps fit in 63 bits; hashes and flags may not
        import awkward as ak

        top = ak.max(x, axis=None) if hasattr(x, "layout") else x.max(initial=0)
        return _cast(x, "uint64", "float64" if (top or 0) >= 2**63 else "int64")
    return _cast(x, dtype.name, {"b": "bool", "f": "float64"}.get(dtype.kind, "int64"))
