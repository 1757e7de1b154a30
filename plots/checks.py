"""Check the arrays of a figure before anything is drawn.

A wrong shape would draw a wrong figure or fail deep inside matplotlib; here it
is one line that names the argument.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from nuem.inputs.errors import InputError

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

__all__ = ["array", "bin_edges", "by_name", "errors", "number", "vector"]


def array(name: str, values: ArrayLike) -> NDArray[np.float64]:
    """Return finite numbers as an array of any shape.

    Examples
    --------
    >>> array("counts", [1, 2])
    array([1., 2.])
    """
    try:
        result = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError):
        raise InputError(
            "not numbers", field=name, found=repr(values)[:60], expected="numbers"
        ) from None
    if not np.all(np.isfinite(result)):
        bad = int(np.count_nonzero(~np.isfinite(result)))
        raise InputError(
            "not finite",
            field=name,
            found=f"{bad} infinite or missing values",
            expected="finite numbers",
        )
    return result


def vector(
    name: str,
    values: ArrayLike,
    *,
    size: int | None = None,
    minimum: float | None = None,
) -> NDArray[np.float64]:
    """Return one finite number per entry, of a given length and not too small.

    Examples
    --------
    >>> vector("counts", [3, 4], size=2, minimum=0)
    array([3., 4.])
    """
    result = array(name, values)
    if result.ndim != 1 or (size is not None and result.size != size):
        raise InputError(
            "wrong shape",
            field=name,
            found=result.shape,
            expected="one dimension" if size is None else (size,),
        )
    if minimum is not None and result.size and result.min() < minimum:
        raise InputError(
            "value too small",
            field=name,
            found=f"{result.min():g}",
            expected=f"at least {minimum:g}",
        )
    return result


def bin_edges(name: str, values: ArrayLike) -> NDArray[np.float64]:
    """Return the edges of at least one bin, strictly rising.

    Examples
    --------
    >>> bin_edges("edges", [0.3, 0.5, 1.0])
    array([0.3, 0.5, 1. ])
    """
    result = vector(name, values)
    if result.size < 2 or np.any(np.diff(result) <= 0):
        raise InputError(
            "not bin edges",
            field=name,
            found=f"{result.size} values",
            expected="at least two, strictly rising",
        )
    return result


def errors(name: str, values: ArrayLike, *, size: int) -> NDArray[np.float64]:
    """Return errors downward and upward, shape (2, size), from one or two rows.

    Examples
    --------
    >>> errors("errors", [1.0, 2.0], size=2)
    array([[1., 2.],
           [1., 2.]])
    """
    result = array(name, values)
    if result.shape not in ((size,), (2, size)):
        raise InputError(
            "wrong shape",
            field=name,
            found=result.shape,
            expected=f"{(size,)} or {(2, size)}",
        )
    if np.any(result < 0):
        raise InputError(
            "negative error", field=name, found=f"{result.min():g}", expected=">= 0"
        )
    return np.array(np.broadcast_to(result, (2, size)))


def number(name: str, value: float, *, above: float | None = None) -> float:
    """Return one finite number, above a bound if there is one.

    Examples
    --------
    >>> number("exposure", 124.2, above=0)
    124.2
    """
    result = array(name, value)
    if result.ndim != 0 or (above is not None and result <= above):
        raise InputError(
            "not a fitting number",
            field=name,
            found=repr(value)[:60],
            expected="one number" if above is None else f"a number above {above:g}",
        )
    return float(result)


def by_name(field: str, names: list[str], value: Any) -> dict[str, Any]:
    """Give each name its own value: one for all, or a mapping that has them all.

    Examples
    --------
    >>> by_name("exposures", ["ON", "OFF"], 10.0)
    {'ON': 10.0, 'OFF': 10.0}
    """
    if not isinstance(value, Mapping):
        return dict.fromkeys(names, value)
    if set(value) != set(names):
        raise InputError(
            "names do not match",
            field=field,
            found=sorted(value),
            expected=sorted(names),
        )
    return {name: value[name] for name in names}
