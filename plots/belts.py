"""Belts, regions and scans: how an interval comes about."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from nuem.inputs.errors import InputError
from nuem.plots.checks import array, number, vector
from nuem.plots.labels import experiment_label, scaled_axis
from nuem.plots.style import hep_style, new_figure, series

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from numpy.typing import ArrayLike

__all__ = ["belt", "likelihood_scan", "region"]

_BAND = "#cfe3f3"


def likelihood_scan(
    *,
    values: ArrayLike,
    rise: ArrayLike,
    critical: ArrayLike,
    intervals: Sequence[tuple[float, float]] = (),
    cl: float = 0.9,
    parameter: str = "Coupling",
    unit: str = "",
    experiment: str = "",
    status: str = "",
    note: str = "",
) -> Figure:
    r"""Draw -2 ln of the likelihood ratio against a parameter, with its islands.

    Parameters
    ----------
    values, rise : array_like, shape (n,)
        Values of the parameter, rising; and how far -2 ln L is above its minimum.
    critical : array_like, shape (n,), or float
        Critical values: an asymptotic number, or the curve of toys.
    intervals : sequence of (float, float)
        Islands that are accepted.
    cl : float
        Confidence level, for the legend.
    parameter, unit : str
        Horizontal axis.
    experiment, status, note : str
        The line above the axes.

    Returns
    -------
    Figure

    Raises
    ------
    InputError
        For shapes that do not fit.

    Examples
    --------
    >>> fig = likelihood_scan(values=[-1.0, 0.0, 1.0], rise=[4.0, 0.0, 4.0],
    ...                       critical=2.71, intervals=[(-0.7, 0.7)])
    >>> len(fig.axes[0].lines)
    2
    """
    x = vector("values", values)
    y = vector("rise", rise, size=x.size)
    level = np.broadcast_to(array("critical", critical), x.shape)
    if x.size < 2 or np.any(np.diff(x) < 0):
        raise InputError("not rising", field="values", expected="at least two, rising")
    with hep_style():
        fig, ax = new_figure()
        scaled_axis(ax.xaxis, parameter, unit, largest=float(np.abs(x).max()))
        ax.set_xlim(x[0], x[-1])
        for k, (low, high) in enumerate(intervals):
            ax.axvspan(
                low, high, color=_BAND, linewidth=0, zorder=0,
                label=f"accepted at {100 * cl:.4g}% CL" if k == 0 else None,
            )  # fmt: skip
        ax.plot(x, y, color=series(0).colour, label="data", zorder=3)
        style = series(4)
        ax.plot(
            x, level, color=style.colour, linestyle=(0, (5, 2)), zorder=2,
            label=f"critical value, {100 * cl:.4g}% CL",
        )  # fmt: skip
        top = 1.25 * min(float(y.max()), 3.0 * float(level.max()))
        ax.set_ylim(0.0, max(top, 1.6 * float(level.max())))
        ax.set_ylabel(r"$-2\,\ln\,L/L_\mathrm{max}$")
        ax.legend(loc="upper center", ncols=1)
        experiment_label(ax, experiment=experiment, status=status, note=note)
        fig.draw_without_rendering()
    return fig


def belt(
    *,
    values: ArrayLike,
    low: ArrayLike,
    high: ArrayLike,
    measured: float | None = None,
    intervals: Sequence[tuple[float, float]] | None = None,
    cl: float = 0.9,
    parameter: str = "True value",
    estimate: str = "Measured value",
    unit: str = "",
    experiment: str = "",
    status: str = "",
    note: str = "",
) -> Figure:
    """Draw a confidence belt with the measured value and the interval that it gives.

    Parameters
    ----------
    values : array_like, shape (n,)
        True values, rising: vertical axis.
    low, high : array_like, shape (n,)
        Ends of the accepted measured values.
    measured : float, optional
        Measured value: a vertical line; the interval where it crosses the belt.
    intervals : sequence of (float, float), optional
        The interval instead: with nuisance parameters, or several minima, the data are
        more than the measured value, and what is accepted is not where it crosses.
    cl : float
    parameter, estimate, unit : str
        The axes.
    experiment, status, note : str
        The line above the axes.

    Returns
    -------
    Figure

    Raises
    ------
    InputError
        For shapes that do not fit, or ends in the wrong order.

    Examples
    --------
    >>> fig = belt(values=[0.0, 1.0], low=[-1.0, 0.0], high=[1.0, 2.0], measured=0.5)
    >>> fig.axes[0].get_ylabel()
    'True value'
    """
    y = vector("values", values)
    left, right = vector("low", low, size=y.size), vector("high", high, size=y.size)
    if y.size < 2 or np.any(np.diff(y) <= 0) or np.any(left > right):
        raise InputError(
            "not a belt", field="values", expected="rising, low below high"
        )
    with hep_style():
        fig, ax = new_figure()
        ax.fill_betweenx(y, left, right, color=_BAND, linewidth=0, zorder=1)
        ax.plot(left, y, color=series(2).colour, zorder=2)
        ax.plot(
            right,
            y,
            color=series(2).colour,
            zorder=2,
            label=f"belt, {100 * cl:.4g}% CL",
        )
        reach = max(float(np.abs(left).max()), float(np.abs(right).max()))
        scaled_axis(ax.xaxis, estimate, unit, largest=reach)
        scaled_axis(ax.yaxis, parameter, unit, largest=float(np.abs(y).max()))
        ax.set_ylim(y[0], y[-1])
        if measured is not None:
            _mark(ax, number("measured", measured), y, left, right, intervals)
        ax.legend(loc="upper left")
        experiment_label(ax, experiment=experiment, status=status, note=note)
        fig.draw_without_rendering()
    return fig


def _mark(
    ax: Axes, measured: float, y: ArrayLike, left: ArrayLike, right: ArrayLike,
    intervals: Sequence[tuple[float, float]] | None,
) -> None:  # fmt: skip
    values, low, high = (np.asarray(a, dtype=float) for a in (y, left, right))
    style = series(4)
    ax.axvline(measured, color=style.colour, linestyle=(0, (5, 2)), label="measured")
    if intervals is None:
        inside = (low <= measured) & (measured <= high)
        pieces = [np.where(inside, values, np.nan)] if inside.any() else []
    else:
        pieces = [np.array(piece, dtype=float) for piece in intervals]
    for k, accepted in enumerate(pieces):
        ax.plot(
            np.full(accepted.size, measured), accepted, color=style.colour, linewidth=4,
            solid_capstyle="butt", label="interval" if k == 0 else None, zorder=4,
        )  # fmt: skip


def region(
    *,
    x: ArrayLike,
    y: ArrayLike,
    rise: ArrayLike,
    critical: ArrayLike,
    best_fit: tuple[float, float] | None = None,
    cl: float = 0.9,
    names: tuple[str, str] = ("x", "y"),
    unit: str = "",
    experiment: str = "",
    status: str = "",
    note: str = "",
) -> Figure:
    """Draw the region of two parameters that is accepted.

    Parameters
    ----------
    x, y : array_like
        Values of the first and second parameter, rising.
    rise : array_like, shape (x, y)
        -2 ln of the likelihood ratio.
    critical : array_like, shape (x, y), or float
        What it may be.
    best_fit : tuple of float, optional
    cl : float
    names : tuple of str
        Labels of the axes.
    unit : str
        Of both.
    experiment, status, note : str
        The line above the axes.

    Returns
    -------
    Figure

    Raises
    ------
    InputError
        For shapes that do not fit.

    Examples
    --------
    >>> grid = [-1.0, 0.0, 1.0]
    >>> rise = [[4.0, 3.0, 4.0], [2.0, 0.0, 2.0], [4.0, 3.0, 4.0]]
    >>> fig = region(x=grid, y=grid, rise=rise, critical=2.5, best_fit=(0.0, 0.0))
    """
    across, up = vector("x", x), vector("y", y)
    height = array("rise", rise)
    if height.shape != (across.size, up.size):
        raise InputError(
            "wrong shape", field="rise", found=height.shape,
            expected=(across.size, up.size),
        )  # fmt: skip
    gap = height - np.broadcast_to(array("critical", critical), height.shape)
    with hep_style():
        from matplotlib.lines import Line2D
        from matplotlib.patches import Patch

        fig, ax = new_figure()
        scaled_axis(ax.xaxis, names[0], unit, largest=float(np.abs(across).max()))
        scaled_axis(ax.yaxis, names[1], unit, largest=float(np.abs(up).max()))
        if gap.min() < 0 < gap.max():
            ax.contourf(across, up, gap.T, levels=[gap.min(), 0.0], colors=[_BAND])
            ax.contour(across, up, gap.T, levels=[0.0], colors=[series(2).colour])
        handles = [
            Patch(
                facecolor=_BAND, edgecolor=series(2).colour, label=f"{100 * cl:.4g}% CL"
            )
        ]
        more: list[Line2D] = []
        if best_fit is not None:
            more = ax.plot(
                [best_fit[0]], [best_fit[1]], linestyle="none", marker="P",
                color=series(4).colour, markersize=7, label="best fit",
            )  # fmt: skip
        ax.set_xlim(across[0], across[-1])
        ax.set_ylim(up[0], up[-1])
        ax.legend(handles=[*handles, *more], loc="upper right")
        experiment_label(ax, experiment=experiment, status=status, note=note)
        fig.draw_without_rendering()
    return fig
