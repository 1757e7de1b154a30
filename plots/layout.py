"""Room for words: labels of lines that do not overlap, a legend off the data.

Both are placed by rule and not by search over pixels, so a figure changes no
more than its data do.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from nuem.plots.checks import number
from nuem.plots.style import GREY

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from matplotlib.axes import Axes
    from numpy.typing import ArrayLike, NDArray

__all__ = ["make_room", "mark_lines", "spread"]

_LABEL_PT = 8.5
#: Names start below the ticks of the upper edge.
_INSET_PT = 8.5


def spread(
    positions: ArrayLike, *, gap: float, low: float, high: float
) -> NDArray[np.float64]:
    """Move labels apart as little as possible (least squares), in an interval.

    Parameters
    ----------
    positions : array_like, shape (n,)
        Wanted positions, rising.
    gap : float
        Least distance between neighbours; reduced if the interval is too short.
    low, high : float
        The interval.

    Returns
    -------
    ndarray, shape (n,)
        Rising positions.

    Examples
    --------
    >>> spread([4.0, 5.0, 20.0], gap=3.0, low=0.0, high=30.0)
    array([ 3.,  6., 20.])
    """
    wanted = np.asarray(positions, dtype=np.float64)
    n = wanted.size
    if n > 1:
        gap = min(gap, (high - low) / (n - 1))
    # Less the gaps, "far enough apart" means "not falling": isotonic regression.
    steps = gap * np.arange(n)
    blocks: list[tuple[float, int]] = []
    for value in wanted - steps:
        mean, size = float(value), 1
        while blocks and blocks[-1][0] > mean:
            last, count = blocks.pop()
            mean = (last * count + mean * size) / (count + size)
            size += count
        blocks.append((mean, size))
    rising = np.repeat([mean for mean, _ in blocks], [size for _, size in blocks])
    last_place = high - gap * max(n - 1, 0)
    return np.asarray(np.clip(rising, low, last_place) + steps, dtype=np.float64)


def mark_lines(ax: Axes, lines: Mapping[str, float] | None) -> float:
    """Draw named lines at their energies, with names in a strip at the top.

    Parameters
    ----------
    ax : Axes
        Axes whose horizontal limits and scale are final.
    lines : mapping of str to float, or None
        Name and energy in the unit of the axis; those outside the limits are
        left out.

    Returns
    -------
    float
        Lower end of the strip as a fraction of the axes; 1 if there is no strip.

    Raises
    ------
    InputError
        If an energy is not a number.
    """
    low, high = ax.get_xlim()
    inside = sorted(
        (number(f"lines.{name}", energy), name)
        for name, energy in (lines or {}).items()
    )
    inside = [(energy, name) for energy, name in inside if low < energy < high]
    if not inside:
        return 1.0
    box = ax.get_window_extent()
    points = 72 / ax.figure.dpi
    width, height = box.width * points, box.height * points
    to_axes = ax.transAxes.inverted()
    wanted = [
        to_axes.transform(ax.transData.transform((energy, ax.get_ylim()[1])))[0] * width
        for energy, _ in inside
    ]
    gap = 1.35 * _LABEL_PT
    placed = spread(wanted, gap=gap, low=0.8 * gap, high=width - 0.8 * gap) / width
    across = ax.get_xaxis_transform()
    texts = [
        ax.text(
            x,
            1 - _INSET_PT / height,
            name,
            transform=ax.transAxes,
            rotation=90,
            rotation_mode="default",
            horizontalalignment="center",
            verticalalignment="top",
            fontsize=_LABEL_PT,
            color=GREY,
        )
        for x, (_, name) in zip(placed, inside, strict=True)
    ]
    longest = max(text.get_window_extent().height for text in texts) * points
    under = 1 - _coarse((_INSET_PT + longest + 3) / height)
    bottom = under - 9 / height
    for x, (energy, _), own in zip(placed, inside, wanted, strict=True):
        ax.plot(
            [energy, energy],
            [0, bottom],
            transform=across,
            color=GREY,
            linewidth=0.7,
            linestyle=(0, (1, 2)),
            zorder=0.5,
        )
        ax.plot(
            [own / width, x],
            [bottom, under],
            transform=ax.transAxes,
            color=GREY,
            linewidth=0.6,
            linestyle="-",
        )
    return bottom


def _coarse(share: float) -> float:
    """Round up to a fiftieth: text of a hair more height moves no axis limit."""
    return math.ceil(50 * share) / 50


def make_room(
    ax: Axes,
    *,
    handles: Sequence[Any],
    names: Sequence[str],
    left: ArrayLike,
    right: ArrayLike,
    tops: ArrayLike,
    bottom: float,
    ceiling: float = 1.0,
    columns: int = 1,
    avoid: Sequence[float] = (),
) -> None:
    """Set the vertical limits and put the legend where it covers no data.

    The legend stands under the ceiling at the place that needs the least room
    above the data.

    Parameters
    ----------
    ax : Axes
        Axes with final horizontal limits and vertical scale (linear or log).
    handles, names : sequence
        Entries of the legend; none for no legend.
    left, right, tops : array_like, shape (n,)
        Horizontal extent and upper end of what must stay free, in data units.
    bottom : float
        Lower limit of the vertical axis.
    ceiling : float
        Upper end of the free part of the axes, as a fraction of their height.
    columns : int
        Columns of the legend, as long as it fits in.
    avoid : sequence of float
        Horizontal places that the legend had better not cover, such as lines.
    """
    log = ax.get_yscale() == "log"
    box = ax.get_window_extent()
    pad = 0.025

    def height(values: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.log10(np.maximum(values, 1e-300)) if log else values

    def fraction(values: ArrayLike) -> NDArray[np.float64]:
        x = np.asarray(values, dtype=np.float64)
        pixels = ax.transData.transform(np.column_stack([x, np.full(x.size, bottom)]))
        return np.asarray((pixels[:, 0] - box.x0) / box.width)

    floor = float(height(np.asarray([bottom]))[0])
    rises = height(np.asarray(tops, dtype=np.float64)) - floor
    ax.set_ylim(bottom, None)
    begins, ends = fraction(left), fraction(right)
    needed = float(max(rises.max(initial=0.0) / (ceiling - pad), 0.0))
    if handles:
        for tries, size in ((columns, 9.0), (1, 9.0), (1, 8.0), (1, 7.0)):
            legend = ax.legend(
                handles,
                names,
                loc="upper left",
                bbox_to_anchor=(0.0, ceiling),
                borderaxespad=0.0,
                ncols=tries,
                fontsize=size,
            )
            extent = legend.get_window_extent()
            wide, high = extent.width / box.width, _coarse(extent.height / box.height)
            if wide < 1 - 2 * pad:
                break
        marks = fraction(avoid)
        free = max(ceiling - 2.5 * pad - high, 0.2)
        best, place, needed_here = np.inf, pad, needed
        # From the right, the habit of the field; another place must be better.
        for x in np.linspace(max(1 - pad - wide, pad), pad, 25):
            under = (ends > x - 0.01) & (begins < x + wide + 0.01)
            room = max(needed, float(rises[under].max(initial=0.0)) / free)
            crossed = np.count_nonzero((marks > x - 0.01) & (marks < x + wide + 0.01))
            if room * (1 + 0.04 * crossed) < best * 0.999:
                best, place = room * (1 + 0.04 * crossed), float(x)
                needed_here = room
        needed = needed_here
        legend.set_bbox_to_anchor((place, ceiling - pad), transform=ax.transAxes)
        legend.set_zorder(1.9)
    upper = floor + (needed or 1.0)
    ax.set_ylim(bottom, 10**upper if log else upper)
