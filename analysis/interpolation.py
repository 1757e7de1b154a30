"""How well the fit's interpolation between plus and minus one sigma describes quenching.

Close to a threshold a signal on nuclei depends steeply on the quenching. The fit moves
a template between its variations at one sigma, and beyond along straight lines. Here
templates are calculated in between and beyond, and compared with that.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from nuem.models.grid import TemplateGrid

__all__ = ["CLOSURE_BOUND", "STEPS", "closure_note", "interpolation_error"]

#: Pulls at which templates are calculated anew, in sigma.
STEPS = (-2.0, -1.5, -1.0, -0.5, 0.0, 0.5, 1.0, 1.5, 2.0)
#: Largest error, relative to the content of a bin as calculated anew, without a note.
CLOSURE_BOUND = 0.02


def _interpolate(
    pull: float,
    down: NDArray[np.float64],
    nominal: NDArray[np.float64],
    up: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Interpolation of shapes in pyhf (``code4p``): a polynomial, lines outside."""
    rise, fall = up - nominal, nominal - down
    if abs(pull) > 1.0:
        return nominal + pull * (rise if pull > 0 else fall)
    even = pull**2 * (15.0 + pull**2 * (3.0 * pull**2 - 10.0)) / 16.0
    return nominal + 0.5 * pull * (rise + fall) + even * (rise - fall)


def interpolation_error(
    grid: TemplateGrid, steps: Sequence[float] = STEPS
) -> Mapping[float, float]:
    """Largest error of the fit's interpolation, over bins and terms, at each pull.

    Parameters
    ----------
    grid : TemplateGrid
        Templates at the pulls, one for each.
    steps : sequence of float
        The pulls in sigma; -1, 0 and 1 have to be among them.

    Returns
    -------
    mapping of float to float
        Pull to error, relative to the largest of the templates in the bin at that
        pull and in the nominal one; bins below 1e-3 of the largest are left out.

    Examples
    --------
    >>> from nuem.models.grid import TemplateGrid
    >>> from nuem.models.template import Template
    >>> pulls = (-1.0, 0.0, 1.0, 2.0)
    >>> line = TemplateGrid(
    ...     pulls, tuple(Template({"1": [2.0 + p]}, ([0.0, 1.0],)) for p in pulls)
    ... )
    >>> interpolation_error(line, pulls)[2.0]
    0.0
    """
    by_pull = dict(zip(steps, grid.templates, strict=True))
    errors = {}
    for pull, exact in by_pull.items():
        worst = 0.0
        for name, value in exact.coefficients.items():
            down, nominal, up = (
                by_pull[x].coefficients[name] for x in (-1.0, 0.0, 1.0)
            )
            found = _interpolate(pull, down, nominal, up)
            size = np.maximum(np.abs(value), np.abs(nominal))
            counted = size > 1e-3 * size.max()
            if np.any(counted):
                off = np.abs(found - value)[counted] / size[counted]
                worst = max(worst, float(off.max()))
        errors[pull] = worst
    return errors


def closure_note(name: str, errors: Mapping[float, float]) -> str | None:
    """Sentence for the notes of a template, if the interpolation is not good enough.

    Examples
    --------
    >>> closure_note("quenching", {-2.0: 0.3, 1.0: 0.0})
    'quenching: interpolation between one-sigma templates is off by up to 30 % (at -2 sigma); bound 2 %'
    >>> closure_note("quenching", {-2.0: 0.01, 1.0: 0.0})
    """
    pull, error = max(errors.items(), key=lambda item: item[1])
    if error <= CLOSURE_BOUND:
        return None
    return (
        f"{name}: interpolation between one-sigma templates is off by up to"
        f" {100 * error:.2g} % (at {pull:g} sigma); bound {100 * CLOSURE_BOUND:g} %"
    )
