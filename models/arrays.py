"""The array type of this room, and the checks that every formula makes."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from nuem.inputs.errors import InputError

__all__ = ["ArrayLike", "BoolArray", "FloatArray", "bin_edges", "finite"]
__all__ += ["not_negative", "positive", "read_only"]

#: Arrays of double precision, of any shape.
FloatArray = npt.NDArray[np.float64]
#: Arrays of conditions, of any shape.
BoolArray = npt.NDArray[np.bool_]
#: Whatever NumPy makes an array of.
ArrayLike = npt.ArrayLike


def _as_floats(value: ArrayLike, field: str) -> FloatArray:
    try:
        return np.asarray(value, dtype=np.float64)
    except (TypeError, ValueError):
        raise InputError(
            "not a number or an array of numbers", field=field, found=repr(value)
        ) from None


def positive(value: ArrayLike, field: str) -> FloatArray:
    """Array of finite numbers above zero.

    Parameters
    ----------
    value : array_like
        Energies, masses and the like, any shape.
    field : str
        Its name in the error message.

    Returns
    -------
    numpy.ndarray
        The same numbers as float64.

    Raises
    ------
    InputError
        If one of them is zero, negative, infinite or not a number.

    Examples
    --------
    >>> positive([1, 2], "recoil_kev")
    array([1., 2.])
    """
    array = _as_floats(value, field)
    good = np.isfinite(array) & (array > 0.0)
    return _checked(array, good, field, "finite numbers above 0")


def not_negative(value: ArrayLike, field: str) -> FloatArray:
    """Array of finite numbers from zero on; see :func:`positive`.

    Examples
    --------
    >>> not_negative([0, 2], "energy_mev")
    array([0., 2.])
    """
    array = _as_floats(value, field)
    good = np.isfinite(array) & (array >= 0.0)
    return _checked(array, good, field, "finite numbers from 0 on")


def finite(value: ArrayLike, field: str) -> FloatArray:
    """Array of finite numbers of either sign; see :func:`positive`.

    Examples
    --------
    >>> finite(-1e-12, "charge")
    array(-1.e-12)
    """
    array = _as_floats(value, field)
    return _checked(array, np.isfinite(array), field, "finite numbers")


def _checked(
    array: FloatArray, good: BoolArray, field: str, expected: str
) -> FloatArray:
    if not good.all():
        first: Any = array[~good].flat[0]
        raise InputError(
            "out of range", field=field, found=f"{first:g}", expected=expected
        )
    return array


def bin_edges(value: ArrayLike, field: str = "edges_kev") -> FloatArray:
    """Bin edges: one axis, at least two, finite, rising, none below zero.

    Examples
    --------
    >>> bin_edges([0.3, 0.4, 0.5])
    array([0.3, 0.4, 0.5])
    """
    edges = _as_floats(value, field)
    if edges.ndim != 1 or edges.size < 2:
        raise InputError(
            "no binning",
            field=field,
            found=f"shape {edges.shape}",
            expected="one axis of at least two edges",
        )
    if not np.all(np.isfinite(edges)) or not np.all(np.diff(edges) > 0.0):
        raise InputError("the edges do not rise", field=field)
    if edges[0] < 0.0:
        raise InputError("negative energy", field=field, found=f"{edges[0]:g} keV")
    return edges


def read_only(array: ArrayLike) -> FloatArray:
    """Copy of an array that nobody can write to, for frozen results.

    Examples
    --------
    >>> read_only([1.0]).flags.writeable
    False
    """
    copy = np.array(array, dtype=np.float64)
    copy.flags.writeable = False
    return copy
