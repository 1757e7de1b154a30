"""Events under selection: the calibration band they lie in, the cuts they pass."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from nuem.inputs.errors import InputError
from nuem.plots.checks import vector
from nuem.plots.labels import axis_label, experiment_label
from nuem.plots.layout import make_room
from nuem.plots.style import hep_style, new_figure, series

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from matplotlib.figure import Figure
    from numpy.typing import ArrayLike

__all__ = ["band", "cut_flow"]

#: More points than this are put into a PDF as one picture: it opens at once.
_RASTERISE_ABOVE = 5000


def band(
    *,
    x: ArrayLike,
    y: ArrayLike,
    band_x: ArrayLike,
    quantiles: Mapping[float, ArrayLike],
    x_quantity: str,
    y_quantity: str,
    x_unit: str = "",
    y_unit: str = "",
    band_name: str = "calibration",
    experiment: str = "",
    status: str = "",
    note: str = "",
) -> Figure:
    """Draw search events over the electronic-recoil band of the calibration.

    An event is off the band if it lies below the lowest or above the highest
    quantile curve (linear between the points of `band_x`). Events beyond the range
    of `band_x` are neither on nor off and are counted apart.

    Parameters
    ----------
    x, y : array_like, shape (events,)
        Observables of the events of the search.
    band_x : array_like, shape (n,)
        Rising values of the horizontal observable where the band is known.
    quantiles : mapping of float to array_like, shape (n,)
        Quantile of the calibration between 0 and 1, and its curve. 0.5 is drawn as
        the median; the others need their partner (0.1 and 0.9).
    x_quantity, y_quantity, x_unit, y_unit : str
        Axis labels, such as ``corrected S1`` and ``PE``.
    band_name : str
        What the calibration stands for.
    experiment, status, note : str
        The line above the axes.

    Returns
    -------
    Figure
        The legend counts the events on, off and beyond the band.

    Raises
    ------
    InputError
        For shapes that do not fit, quantiles without partner, or curves that
        cross.

    Examples
    --------
    >>> fig = band(x=[5.0, 20.0], y=[2.0, 0.5], band_x=[3.0, 70.0],
    ...            quantiles={0.1: [1.8, 1.8], 0.5: [2.0, 2.0], 0.9: [2.2, 2.2]},
    ...            x_quantity="corrected S1", x_unit="PE",
    ...            y_quantity=r"$\\log_{10}$(S2 / PE)")
    >>> [text.get_text() for text in fig.axes[0].get_legend().get_texts()][:2]
    ['on the band: 1', 'off the band: 1']
    """
    across = vector("x", x)
    up = vector("y", y, size=across.size)
    grid = vector("band_x", band_x)
    if grid.size < 2 or np.any(np.diff(grid) <= 0):
        raise InputError("not rising", field="band_x", expected="at least two, rising")
    levels = sorted(quantiles)
    partners = all(
        0 < low < 1 and abs(low + high - 1) < 1e-9
        for low, high in zip(levels, reversed(levels), strict=True)
    )
    if len(levels) < 2 or not partners:
        raise InputError(
            "not quantiles of a band",
            field="quantiles",
            found=levels,
            expected="pairs that add up to 1, such as 0.1 and 0.9",
        )
    curves = [vector(f"quantiles.{q}", quantiles[q], size=grid.size) for q in levels]
    if np.any(np.diff(curves, axis=0) < 0):
        raise InputError("quantile curves cross", field="quantiles")

    known = (across >= grid[0]) & (across <= grid[-1])
    inside = (up >= np.interp(across, grid, curves[0])) & (
        up <= np.interp(across, grid, curves[-1])
    )
    groups = (
        ("on the band", known & inside, ".", 3.5, "#5a5a5a"),
        ("off the band", known & ~inside, "D", 4.5, series(4).colour),
        ("beyond the calibration", ~known, "x", 4.0, series(2).colour),
    )
    with hep_style():
        fig, ax = new_figure()
        handles: list[Any] = []
        names: list[str] = []
        fills = ("#e3ebf7", "#c3d3ec", "#a3bbdf")
        for index in range(len(levels) // 2):
            fill = ax.fill_between(
                grid,
                curves[index],
                curves[-1 - index],
                color=fills[min(index, 2)],
                linewidth=0,
                zorder=0.4 + 0.1 * index,
            )
            handles.insert(0, fill)
            low, high = 100 * levels[index], 100 * levels[-1 - index]
            names.insert(0, f"{band_name} {low:g}\u2013{high:g}%")
        if len(levels) % 2:
            style = series(2)
            (line,) = ax.plot(grid, curves[len(levels) // 2], color=style.colour)
            handles.insert(0, line)
            names.insert(0, f"{band_name} median")
        for position, (label, chosen, marker, size, colour) in enumerate(groups):
            many = int(np.count_nonzero(chosen))
            if not many and label == "beyond the calibration":
                continue
            (points,) = ax.plot(
                across[chosen],
                up[chosen],
                linestyle="none",
                marker=marker,
                markersize=size,
                color=colour,
                markerfacecolor="white" if marker == "D" else colour,
                rasterized=many > _RASTERISE_ABOVE,
                zorder=2 + 0.1 * position,
            )
            handles.insert(position, points)
            names.insert(position, f"{label}: {many}")
        left = min(across.min(initial=grid[0]), grid[0])
        right = max(across.max(initial=grid[-1]), grid[-1])
        margin = 0.02 * (right - left)
        ax.set_xlim(left - margin, right + margin)
        ax.set_xlabel(axis_label(x_quantity, x_unit))
        ax.set_ylabel(axis_label(y_quantity, y_unit))
        highest = max(up.max(initial=curves[-1].max()), curves[-1].max())
        lowest = min(up.min(initial=curves[0].min()), curves[0].min())
        fine = np.linspace(grid[0], grid[-1], 200)
        edge = np.concatenate([across, fine])
        make_room(
            ax,
            handles=handles,
            names=names,
            left=edge,
            right=edge,
            tops=np.concatenate([up, np.interp(fine, grid, curves[-1])]),
            bottom=float(lowest - 0.06 * (highest - lowest)),
            columns=2,
        )
        experiment_label(ax, experiment=experiment, status=status, note=note)
        fig.draw_without_rendering()
    return fig


def cut_flow(
    *,
    cuts: Sequence[str],
    counts: Mapping[str, ArrayLike],
    unit: str = "events",
    experiment: str = "",
    status: str = "",
    note: str = "",
) -> Figure:
    """Draw how many events are left after each cut, as bars.

    Parameters
    ----------
    cuts : sequence of str
        Names of the cuts in order; the first row is usually ``all events``.
    counts : mapping of str to array_like, shape (len(cuts),)
        For each period the events left after each cut.
    unit : str
        What is counted.
    experiment, status, note : str
        The line above the axes.

    Returns
    -------
    Figure
        A bar with its number and its share of the first row; logarithmic.

    Raises
    ------
    InputError
        For shapes that do not fit, negative counts or no cut.

    Examples
    --------
    >>> fig = cut_flow(cuts=["all events", "no veto"], counts={"ON": [900, 108]})
    >>> [text.get_text() for text in fig.axes[0].texts][:2]
    ['900', '108 (12.0%)']
    """
    from matplotlib.ticker import NullFormatter

    rows = list(cuts)
    if not rows or not counts:
        raise InputError("an empty cut flow", field="cuts", expected="at least one")
    left = {
        name: vector(f"counts.{name}", value, size=len(rows), minimum=0)
        for name, value in counts.items()
    }
    thickness = 0.76 / len(left)
    longest = max(len(row) for row in rows)
    # A legend has a strip of its own below the bars, in units of rows.
    strip = 0.95 if len(left) > 1 else 0.0
    tall = max(1.3 + 0.2 * (len(rows) + strip) * (len(left) + 0.6), 2.2)
    with hep_style():
        fig, ax = new_figure(
            height_in=tall,
            # Names of cuts stand left of the axes: room by their length.
            left=min(0.06 + 0.0155 * longest, 0.5),
            bottom=0.55 / tall,
            top=1 - 0.32 / tall,
        )
        largest = max(float(value.max()) for value in left.values())
        ax.set_xscale("log", nonpositive="clip")
        # Numbers are written right of the bars: a third of the axis is for them.
        positive = [v[v > 0].min() for v in left.values() if np.any(v > 0)]
        begin = 0.5 * min(positive, default=1.0)
        begin = min(begin, largest / 10) if largest else 0.5
        ax.set_xlim(begin, max(largest, 10 * begin) * (max(largest, 1) / begin) ** 0.55)
        for index, (name, value) in enumerate(left.items()):
            style = series(index)
            offset = (index - (len(left) - 1) / 2) * thickness
            middles = np.arange(len(rows)) + offset
            ax.barh(
                middles,
                value,
                height=thickness * 0.86,
                color=style.colour if style.filled else "white",
                edgecolor=style.colour,
                hatch=None if style.filled else "////",
                linewidth=0.8,
                # Full black in such areas would outshout the numbers.
                alpha=0.75 if style.filled else None,
                label=name,
            )
            for row, (middle, many) in enumerate(zip(middles, value, strict=True)):
                ax.annotate(
                    _bar_text(many, value[0] if row else 0.0),
                    (max(many, begin), middle),
                    xytext=(4, 0),
                    textcoords="offset points",
                    verticalalignment="center",
                    fontsize=8.5,
                )
        ax.set_ylim(len(rows) - 0.5 + strip, -0.5)
        # Over little more than a decade labels of single units would collide.
        ax.xaxis.set_minor_formatter(NullFormatter())
        ax.set_yticks(np.arange(len(rows)), rows, fontsize=9.5)
        ax.tick_params(axis="y", which="both", left=False, right=False)
        ax.set_xlabel(f"Number of {unit} left")
        if len(left) > 1:
            ax.legend(loc="lower right")
        experiment_label(ax, experiment=experiment, status=status, note=note)
        fig.draw_without_rendering()
    return fig


def _bar_text(many: float, first: float) -> str:
    """Return a number in groups of three digits, and its share of the first row."""
    text = f"{many:,.10g}".replace(",", "\u2009")
    if first <= 0:
        return text
    share = f"{100 * many / first:#.3g}".rstrip(".")
    if many < first and share == "100":
        share = ">99.9"
    return f"{text} ({share}%)"
