"""Counts of several axes, seen along one of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from nuem.plots.checks import bin_edges, vector
from nuem.plots.histograms import draw_points, draw_step
from nuem.plots.labels import axis_label, experiment_label, scaled_axis, unit_text
from nuem.plots.layout import make_room
from nuem.plots.points import poisson_errors
from nuem.plots.style import hep_style, new_figure, series

if TYPE_CHECKING:
    from collections.abc import Mapping

    from matplotlib.figure import Figure
    from numpy.typing import ArrayLike

__all__ = ["projection"]


def projection(
    *,
    edges: ArrayLike,
    counts: ArrayLike,
    models: Mapping[str, ArrayLike],
    quantity: str,
    unit: str = "",
    values_name: str = "data",
    experiment: str = "",
    status: str = "",
    note: str = "",
) -> Figure:
    """Draw counts along one axis, with models as steps over them.

    Parameters
    ----------
    edges : array_like, shape (n + 1,)
        Bin edges in `unit`, of any widths.
    counts : array_like, shape (n,)
        Counts in the bins, all other axes summed.
    models : mapping of str to array_like, shape (n,)
        Expected counts.
    quantity, unit : str
        What the axis is.
    values_name, experiment, status, note : str
        Name of the counts; the line above the axes.

    Returns
    -------
    Figure
        Counts for each unit of the axis, with central 68.27 % Poisson errors.

    Raises
    ------
    InputError
        For shapes that do not fit, or negative counts.

    Examples
    --------
    >>> fig = projection(
    ...     edges=[0.0, 1.0, 3.0], counts=[20, 30], models={"best fit": [22, 28]},
    ...     quantity="Time", unit="us",
    ... )
    >>> fig.axes[0].get_xlabel()
    'Time [$\\\\mu$s]'
    """
    axis = np.asarray(edges, dtype=np.float64)
    # the check of the edges of energies would refuse a time before the trigger
    bin_edges("edges", axis - min(float(np.min(axis, initial=0.0)), 0.0))
    widths = np.diff(axis)
    seen = vector("counts", counts, size=widths.size, minimum=0)
    value, error = seen / widths, poisson_errors(seen) / widths
    curves = {
        name: vector(f"models.{name}", model, size=widths.size) / widths
        for name, model in models.items()
    }
    with hep_style():
        fig, ax = new_figure()
        ax.set_xlim(axis[0], axis[-1])
        ax.set_xlabel(axis_label(quantity, unit))
        scaled_axis(
            ax.yaxis,
            "Counts",
            f"/{unit_text(unit)}" if unit else "",
            largest=float(value.max()),
        )
        handles: list[Any] = [draw_points(ax, axis, value, error, series(0))]
        room = [value + error[1]]
        for index, curve in enumerate(curves.values(), start=1):
            handles.append(draw_step(ax, axis, curve, series(index)))
            room.append(curve)
        make_room(
            ax,
            handles=handles,
            names=[values_name, *curves],
            left=np.tile(axis[:-1], len(room)),
            right=np.tile(axis[1:], len(room)),
            tops=np.concatenate(room),
            bottom=0.0,
        )
        experiment_label(ax, experiment=experiment, status=status, note=note)
        fig.draw_without_rendering()
    return fig
