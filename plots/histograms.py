"""Histograms as drawn: points with errors, step curves, and their energy axis."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from nuem.plots.labels import axis_label, energy_ticks

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes
    from numpy.typing import NDArray

    from nuem.plots.style import Series

__all__ = ["draw_points", "draw_step", "energy_axis", "log_floor", "outside", "shade"]


def energy_axis(
    ax: Axes, edges: list[NDArray[np.float64]], unit: str, log: bool
) -> None:
    """Set the limits to the outermost edges, so no bin is cut."""
    if log:
        ax.set_xscale("log")
    ax.set_xlim(min(where[0] for where in edges), max(where[-1] for where in edges))
    if log:
        energy_ticks(ax)
    ax.set_xlabel(axis_label("Measured energy", unit))


def outside(
    ranges: Sequence[tuple[float, float]], edges: NDArray[np.float64]
) -> NDArray[np.bool_]:
    """Which bins have their middle in none of some ranges.

    Examples
    --------
    >>> outside([(1.0, 2.0)], np.array([0.0, 1.0, 2.0, 3.0])).tolist()
    [True, False, True]
    """
    middle = 0.5 * (edges[1:] + edges[:-1])
    found = np.ones(middle.size, dtype=bool)
    for low, high in ranges:
        found &= (middle < low) | (middle > high)
    return found


def shade(ax: Axes, ranges: Sequence[tuple[float, float]]) -> None:
    """Shade ranges in grey, behind everything."""
    for low, high in ranges:
        ax.axvspan(low, high, facecolor="#ececec", edgecolor="none", zorder=0)


def log_floor(rates: list[NDArray[np.float64]]) -> float:
    """Lower end of a logarithmic axis: under the smallest rate above 0."""
    positive = np.concatenate(rates)
    positive = positive[positive > 0]
    return float(positive.min()) * 0.5 if positive.size else 1e-3


def draw_points(
    ax: Axes,
    edges: NDArray[np.float64],
    values: NDArray[np.float64],
    both: NDArray[np.float64],
    style: Series,
    shown: NDArray[np.bool_] | slice = slice(None),
) -> Any:
    """Draw points with errors; the horizontal bar is the bin."""
    return ax.errorbar(
        ((edges[1:] + edges[:-1]) / 2)[shown],
        values[shown],
        xerr=(np.diff(edges) / 2)[shown],
        yerr=both[:, shown],
        linestyle="none",
        marker=style.marker,
        color=style.colour,
        markerfacecolor=style.colour if style.filled else "white",
        markeredgewidth=0.9,
        elinewidth=0.9,
        zorder=2.5,
    )


def draw_step(
    ax: Axes,
    edges: NDArray[np.float64],
    values: NDArray[np.float64],
    style: Series,
    shown: NDArray[np.bool_] | None = None,
) -> Any:
    """Draw a curve as a step histogram, without walls down to the axis."""
    return ax.stairs(
        values if shown is None else np.where(shown, values, np.nan),
        edges,
        baseline=None,
        color=style.colour,
        linestyle=style.linestyle,
        linewidth=1.6,
        zorder=3,
    )
