"""Templates on a grid of one parameter, each evaluated anew, smooth in between.

Close to a threshold the signal of a recoiling nucleus depends so steeply on the
quenching that the usual interpolation between plus and minus one sigma is wrong. A grid
of templates with a curve through each bin is not.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Protocol, Self, TypeVar

import numpy as np

from nuem.inputs.errors import InputError
from nuem.models.quenching import Quenching
from nuem.models.template import Template

__all__ = ["TemplateGrid", "quenching_grid"]


class _Quenched(Protocol):
    """A response whose quenching can be varied."""

    @property
    def quenching(self) -> Quenching | None: ...

    def vary(self, *, quenching: float) -> Self: ...


_Response = TypeVar("_Response", bound=_Quenched)


@dataclass(frozen=True, eq=False)
class TemplateGrid:
    """Templates at rising values of a parameter.

    Attributes
    ----------
    values : tuple of float
        Values of the parameter.
    templates : tuple of Template
        One for each.
    """

    values: tuple[float, ...]
    templates: tuple[Template, ...]

    def at(self, value: float) -> Template:
        """Template at a value within the grid, from a cubic through each bin.

        Raises
        ------
        InputError
            Outside the grid: nothing is extrapolated.
        """
        from scipy.interpolate import PchipInterpolator

        low, high = self.values[0], self.values[-1]
        if not low <= value <= high:
            raise InputError(
                "outside the grid of templates",
                field="value",
                found=value,
                expected=f"{low:g} to {high:g}",
            )
        first = self.templates[0]
        coefficients = {
            name: PchipInterpolator(
                self.values, np.stack([t.coefficients[name] for t in self.templates])
            )(value)
            for name in first.coefficients
        }
        return replace(first, coefficients=coefficients, below_floor={})


def quenching_grid(
    predict: Callable[[_Response], Template],
    response: _Response,
    factors: Sequence[float],
) -> TemplateGrid:
    """Templates with the strength of the quenching times each of some factors.

    Parameters
    ----------
    predict : callable
        From a response to its template.
    response : Response or PhotoelectronResponse
        With a quenching.
    factors : sequence of float
        Rising factors on k (Lindhard) or on the quenching factor, at least two.

    Returns
    -------
    TemplateGrid

    Raises
    ------
    InputError
        If the factors do not rise, or there is no quenching to vary.

    Examples
    --------
    >>> from nuem.models.detector import Response
    >>> from nuem.models.flux import reactor_flux
    >>> from nuem.models.quenching import Lindhard
    >>> from nuem.models.template import template
    >>> flux = reactor_flux(flux=1e13)
    >>> grid = quenching_grid(
    ...     lambda r: template("nucleus-sm", "Ge", flux, r, [0.2, 0.3]),
    ...     Response(quenching=Lindhard(32, 0.157)), [0.9, 1.0, 1.1])
    >>> [float(grid.at(x).evaluate().round(3)[0]) for x in (0.9, 1.0, 1.1)]
    [0.122, 0.199, 0.294]
    """
    if response.quenching is None:
        raise InputError("no quenching to vary", field="response.quenching")
    values = tuple(float(x) for x in factors)
    if len(values) < 2 or any(b <= a for a, b in pairwise(values)):
        raise InputError("the factors do not rise", field="factors", found=values)
    return TemplateGrid(
        values, tuple(predict(response.vary(quenching=x)) for x in values)
    )
