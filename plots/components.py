"""Measured values with errors of their own over the components that were fitted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from nuem.inputs.errors import InputError
from nuem.plots.checks import bin_edges, errors, vector
from nuem.plots.histograms import draw_points, draw_step, energy_axis
from nuem.plots.labels import experiment_label, scaled_axis
from nuem.plots.layout import make_room, mark_lines
from nuem.plots.style import hep_style, new_figure, series

if TYPE_CHECKING:
    from collections.abc import Mapping

    from matplotlib.figure import Figure
    from numpy.typing import ArrayLike

__all__ = ["components"]

#: Part of the fit's highest point below which a component would lie on the axis.
_SMALLEST = 0.005


def components(
    *,
    edges: ArrayLike,
    values: ArrayLike,
    value_errors: ArrayLike,
    parts: Mapping[str, ArrayLike],
    values_name: str = "data",
    total_name: str = "fit",
    lines: Mapping[str, float] | None = None,
    energy_unit: str = "keVee",
    experiment: str = "",
    status: str = "",
    note: str = "",
) -> Figure:
    """Draw one spectrum of values with errors, its fit, and what the fit is made of.

    Parameters
    ----------
    edges : array_like, shape (n + 1,)
        Bin edges in `energy_unit`.
    values : array_like, shape (n,)
        Rates in counts/(kg keV day).
    value_errors : array_like, shape (n,) or (2, n)
        Their errors; two rows: downward and upward.
    parts : mapping of str to array_like, shape (n,)
        Name and rates of each component; their sum is drawn as the fit. What stays
        below half a percent of its highest point is in the sum alone.
    values_name, total_name : str
        Entries of the legend.
    lines, energy_unit, experiment, status, note
        As in `nuem.plots.spectra.spectra`.

    Returns
    -------
    Figure

    Raises
    ------
    InputError
        For shapes that do not fit, negative errors, or no component.

    Examples
    --------
    >>> fig = components(edges=[0.2, 0.3, 0.4], values=[3.0, 2.0],
    ...                  value_errors=[0.3, 0.2],
    ...                  parts={"flat": [1.0, 1.0], "rise": [2.0, 1.0]})
    >>> fig.axes[0].get_xlabel()
    'Measured energy [keVee]'
    """
    where = bin_edges("edges", edges)
    size = where.size - 1
    value = vector("values", values, size=size)
    error = errors("value_errors", value_errors, size=size)
    if not parts:
        raise InputError("no component", field="parts", expected="at least one")
    drawn = {
        name: vector(f"parts.{name}", part, size=size) for name, part in parts.items()
    }
    total = np.sum(list(drawn.values()), axis=0)
    least = _SMALLEST * float(np.abs(total).max())
    drawn = {name: part for name, part in drawn.items() if np.abs(part).max() > least}
    with hep_style():
        fig, ax = new_figure()
        energy_axis(ax, [where], energy_unit, False)
        top = np.maximum(value + error[1], total)
        scaled_axis(
            ax.yaxis, "Rate", f"counts/(kg {energy_unit} day)", largest=float(top.max())
        )
        handles: list[Any] = [draw_points(ax, where, value, error, series(0))]
        handles.append(draw_step(ax, where, total, series(0)))
        for index, part in enumerate(drawn.values()):
            handles.append(draw_step(ax, where, part, series(index + 1)))
        low = min([0.0, *(float(part.min()) for part in drawn.values())])
        make_room(
            ax, handles=handles, names=[values_name, total_name, *drawn],
            left=where[:-1], right=where[1:], tops=top, bottom=low,
            ceiling=mark_lines(ax, lines), avoid=list((lines or {}).values()),
        )  # fmt: skip
        experiment_label(ax, experiment=experiment, status=status, note=note)
        fig.draw_without_rendering()
    return fig
