"""Islands of couplings that a chi^2 allows, solved in units of order one.

A coupling of 1e-14 is below the absolute tolerance of root finders (2e-12 in SciPy).
The polynomials of a chi^2 are therefore rewritten for x = g/scale, where the scale is
the coupling at which one term alone is worth one standard deviation, and every crossing
is solved in x.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from nuem.analysis.inference.chisquare import ChiSquare
from nuem.inputs.errors import InferenceError

__all__ = ["Scaled", "allowed", "lowest", "rise_at", "scaled"]

_Array = NDArray[np.float64]
#: Fine steps go this far around 0 and around each agreement, in scaled units.
_NEAR, _STEP = 20.0, 0.05
#: Agreements that are looked at: quantiles of those of the bins.
_CENTRES = 40
#: Couplings that are evaluated at once.
_BLOCK = 4000


@dataclass(frozen=True)
class Scaled:
    """A chi^2 as a function of x = g/scale.

    Attributes
    ----------
    model : ChiSquare
        In x.
    scale : float
        One unit of x, in the unit of the coupling.
    """

    model: ChiSquare
    scale: float

    def at(self, x: _Array) -> _Array:
        """chi^2 at scaled couplings, shape (n,)."""
        return np.concatenate(
            [self.model.at(x[k : k + _BLOCK]) for k in range(0, x.size, _BLOCK)]
        )


def rise_at(cl: float, sided: str) -> float:
    """Rise of chi^2 that bounds an interval of one parameter.

    Parameters
    ----------
    cl : float
        Confidence level.
    sided : str
        ``one``: the upper end is a one-sided limit; ``two``: a central interval.

    Examples
    --------
    >>> round(rise_at(0.9, "one") ** 0.5, 4), round(rise_at(0.9, "two"), 4)
    (1.2816, 2.7055)
    """
    from scipy.special import ndtri

    return float(ndtri(cl if sided == "one" else 0.5 + 0.5 * cl)) ** 2


def scaled(model: ChiSquare) -> Scaled:
    """Rewrite a chi^2 for a coupling of order one.

    Raises
    ------
    InferenceError
        If the prediction does not depend on the coupling.

    Examples
    --------
    >>> one = ChiSquare(np.zeros(1), np.ones((1, 1)), np.array([[0.0], [1e14]]))
    >>> f"{scaled(one).scale:.0e}"
    '1e-14'
    """
    weight = 1.0 / np.asarray(model.variance, dtype=float)[0]
    scales = []
    for power, terms in enumerate(np.asarray(model.prediction, dtype=float)):
        size = float(np.sum(terms**2 * weight))
        if power and size > 0.0:
            scales.append(size ** (-0.5 / power))
    if not scales:
        raise InferenceError("nothing depends on the coupling", field="prediction")
    scale = min(scales)

    def rewritten(coefficients: _Array) -> _Array:
        powers = scale ** np.arange(len(coefficients))
        return np.asarray(coefficients * powers[:, None], dtype=np.float64)

    return Scaled(
        ChiSquare(
            model.values,
            rewritten(model.variance),
            rewritten(model.prediction),
            [replace(pull, effect=rewritten(pull.effect)) for pull in model.pulls],
        ),
        scale,
    )


def lowest(model: ChiSquare) -> tuple[float, float]:
    """Where a chi^2 is lowest of all couplings, and its value there.

    Raises
    ------
    InferenceError
        If nothing depends on the coupling.

    Examples
    --------
    >>> model = ChiSquare(np.array([2.0]), np.ones((1, 1)), np.array([[0.0], [1e12]]))
    >>> place, height = lowest(model)
    >>> f"{place:.4e} {height:.1f}"
    '2.0000e-12 0.0'
    """
    unit = scaled(model)
    grid, height, least = _valley(unit)
    return unit.scale * float(grid[np.argmin(height)]), least


def allowed(model: ChiSquare, rise: float) -> tuple[tuple[float, float], ...]:
    """Islands of couplings whose chi^2 is at most its minimum plus `rise`.

    Parameters
    ----------
    model : ChiSquare
    rise : float

    Returns
    -------
    tuple of (float, float)
        In the unit of the coupling, ascending; every island, however far from zero
        its mirror minimum lies.

    Raises
    ------
    InferenceError
        If nothing depends on the coupling, or chi^2 does not rise so far.

    Examples
    --------
    >>> counts = ChiSquare(np.zeros(1), np.ones((1, 1)),
    ...                    np.array([[0.0], [-1e12], [1e24]]))
    >>> [tuple(f"{end:.3e}" for end in island) for island in allowed(counts, 0.05)]
    [('-1.882e-13', '3.375e-13'), ('6.625e-13', '1.188e-12')]
    """
    from scipy.optimize import brentq

    unit = scaled(model)
    grid, height, least = _valley(unit)
    top = least + rise
    if height[0] <= top or height[-1] <= top:
        raise InferenceError(
            "chi^2 does not exclude large couplings", field="coupling",
            found=f"a rise of {min(height[0], height[-1]) - least:.3g}",
            expected=f"{rise:.3g}",
        )  # fmt: skip
    inside = height <= top
    ends = [
        brentq(
            lambda x: float(unit.model.at([x])[0]) - top, grid[n], grid[n + 1],
            xtol=1e-12, rtol=1e-13,
        )
        for n in np.flatnonzero(inside[1:] != inside[:-1])
    ]  # fmt: skip
    return tuple(
        (unit.scale * a, unit.scale * b)
        for a, b in zip(ends[::2], ends[1::2], strict=True)
    )


def _valley(unit: Scaled) -> tuple[_Array, _Array, float]:
    """Scaled couplings, the bottom of the deepest valley among them; chi^2; its least."""
    from scipy.optimize import minimize_scalar

    grid = _grid(unit.model)
    height = unit.at(grid)
    k = int(np.argmin(height))
    low, high = grid[max(k - 1, 0)], grid[min(k + 1, grid.size - 1)]
    found = minimize_scalar(
        lambda x: float(unit.model.at([x])[0]), method="bounded", bounds=(low, high),
        options={"xatol": 1e-13 * max(abs(low), abs(high), 1.0)},
    )  # fmt: skip
    if float(found.fun) < height[k]:
        place = int(np.searchsorted(grid, found.x))
        grid = np.insert(grid, place, found.x)
        height = np.insert(height, place, found.fun)
    return grid, height, float(height.min())


def _grid(model: ChiSquare) -> _Array:
    """Where to look: finely where a bin agrees with its value, coarsely beyond."""
    fine = np.arange(-_NEAR, _NEAR + _STEP, _STEP)
    places = _agreements(model)
    shares = np.linspace(0.0, 1.0, min(_CENTRES, places.size))
    centres = np.unique([0.0, *np.quantile(places, shares)])
    reach = 2.0 * float(np.abs(centres).max()) + 10.0 * _NEAR
    coarse = np.sinh(np.linspace(-np.arcsinh(reach), np.arcsinh(reach), 4001))
    return np.unique(np.concatenate([coarse, (centres[:, None] + fine).ravel()]))


def _agreements(model: ChiSquare) -> _Array:
    """Couplings at which the prediction of a bin meets its value, or comes closest.

    With interference these are two: one, and its mirror.
    """
    terms = np.zeros((3, np.shape(model.prediction)[1]))
    own = np.asarray(model.prediction, dtype=float)[:3]
    terms[: len(own)] = own
    constant = terms[0] - np.asarray(model.values, dtype=float)
    square = terms[2] != 0.0
    line = (terms[1] != 0.0) & ~square
    middle = -0.5 * terms[1][square] / terms[2][square]
    away = np.sqrt(np.maximum(middle**2 - constant[square] / terms[2][square], 0.0))
    found = [middle - away, middle + away, -constant[line] / terms[1][line], [0.0]]
    return np.unique(np.concatenate(found))
