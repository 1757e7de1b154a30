"""From counts to points: rates with Poisson errors, and their differences."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from nuem.plots.checks import bin_edges, errors, number, vector

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

__all__ = ["difference", "poisson_errors", "rate"]

#: Probability of the interval of plus or minus one standard deviation.
ONE_SIGMA = 0.6826894921370859


def poisson_errors(counts: ArrayLike) -> NDArray[np.float64]:
    """Return the errors of Poisson counts: the central 68.27 % interval.

    Parameters
    ----------
    counts : array_like, shape (n,)
        Counts, at least 0; effective counts need not be whole.

    Returns
    -------
    ndarray, shape (2, n)
        Errors downward and upward, from the interval of Garwood (1936). An empty
        bin has the errors 0 and 1.84.

    Raises
    ------
    InputError
        For negative or missing counts.

    Examples
    --------
    >>> poisson_errors([0, 100]).round(2)
    array([[ 0.  ,  9.98],
           [ 1.84, 11.03]])
    """
    from scipy.special import gammaincinv

    n = vector("counts", counts, minimum=0)
    tail = (1 - ONE_SIGMA) / 2
    # The inverse is not defined at n = 0, where the lower end is 0.
    low = np.where(n > 0, gammaincinv(np.maximum(n, 1e-300), tail), 0.0)
    high = gammaincinv(n + 1, 1 - tail)
    return np.stack([n - low, high - n])


def rate(
    *, counts: ArrayLike, edges: ArrayLike, exposure: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return counts as rates per exposure and width of the bin.

    Parameters
    ----------
    counts : array_like, shape (n,)
        Counts in each bin.
    edges : array_like, shape (n + 1,)
        Bin edges in keV, of any widths.
    exposure : float
        Exposure in kg day.

    Returns
    -------
    values : ndarray, shape (n,)
        Rates in counts/(kg keV day).
    errors : ndarray, shape (2, n)
        Poisson errors downward and upward in the same unit.

    Raises
    ------
    InputError
        For shapes that do not fit, negative counts or no exposure.

    Examples
    --------
    >>> values, _ = rate(counts=[20, 40], edges=[1.0, 1.5, 2.5], exposure=10.0)
    >>> values
    array([4., 4.])
    """
    widths = np.diff(bin_edges("edges", edges))
    n = vector("counts", counts, size=widths.size, minimum=0)
    scale = 1 / (widths * number("exposure", exposure, above=0))
    return n * scale, poisson_errors(n) * scale


def difference(
    *,
    minuend: ArrayLike,
    minuend_errors: ArrayLike,
    subtrahend: ArrayLike,
    subtrahend_errors: ArrayLike,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the difference of two independent spectra, such as ON - OFF.

    Parameters
    ----------
    minuend, subtrahend : array_like, shape (n,)
        Rates in the same unit.
    minuend_errors, subtrahend_errors : array_like, shape (n,) or (2, n)
        Their errors, downward and upward if there are two rows.

    Returns
    -------
    values : ndarray, shape (n,)
    errors : ndarray, shape (2, n)
        Added in squares; upward, the one's upward error meets the other's
        downward error.

    Raises
    ------
    InputError
        For shapes that do not fit.

    Examples
    --------
    >>> values, both = difference(minuend=[5.0], minuend_errors=[3.0],
    ...                           subtrahend=[4.0], subtrahend_errors=[4.0])
    >>> values, both[1]
    (array([1.]), array([5.]))
    """
    a = vector("minuend", minuend)
    b = vector("subtrahend", subtrahend, size=a.size)
    da = errors("minuend_errors", minuend_errors, size=a.size)
    db = errors("subtrahend_errors", subtrahend_errors, size=a.size)
    return a - b, np.hypot(da, db[::-1])
