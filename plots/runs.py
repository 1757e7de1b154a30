"""Data taking: the rate against time, and the live time of each run."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from nuem.inputs.errors import InputError
from nuem.plots.checks import vector
from nuem.plots.labels import axis_label, experiment_label
from nuem.plots.layout import make_room
from nuem.plots.style import hep_style, new_figure, series

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from matplotlib.figure import Figure
    from numpy.typing import ArrayLike, NDArray

__all__ = ["RunTable", "live_time_by_run", "rate_against_time"]

#: More points than this are put together: neighbouring runs of one period.
_MOST_POINTS = 60
_SHADE = "#f6e3bf"


@dataclass(frozen=True)
class RunTable:
    """The runs of one period.

    Parameters
    ----------
    number : array_like, shape (runs,)
        Run numbers.
    start_d : array_like, shape (runs,)
        Begin in days since any fixed time.
    live_time_d : array_like, shape (runs,)
        Live time in days.
    counts : array_like, shape (runs,)
        Events in the histogram.
    mass_kg : float
        Divides the rates.
    """

    number: ArrayLike
    start_d: ArrayLike
    live_time_d: ArrayLike
    counts: ArrayLike
    mass_kg: float = 1.0


def rate_against_time(
    *,
    periods: Mapping[str, RunTable],
    shaded: Collection[str] = (),
    rate_unit: str = "/(kg d)",
    experiment: str = "",
    status: str = "",
    note: str = "",
) -> Figure:
    """Draw the rate of accepted events against time, with source-on times shaded.

    Parameters
    ----------
    periods : mapping of str to RunTable
        Runs by name of their period. Neighbouring runs are put together where there
        are many; runs without live time are left out.
    shaded : collection of str
        Periods in which the source is on.
    rate_unit : str
        Unit of the rates.
    experiment, status, note : str
        The line above the axes.

    Returns
    -------
    Figure
        Points with Poisson errors (square root of the counts, at least 1), and the
        mean of each period.

    Raises
    ------
    InputError
        For shapes that do not fit, or no live time.

    Examples
    --------
    >>> runs = RunTable([1, 2], [0.0, 1.0], [0.9, 0.8], [90, 88])
    >>> fig = rate_against_time(periods={"ON": runs}, shaded=["ON"])
    >>> fig.axes[0].get_xlabel()
    'Time since the first run [d]'
    """
    tables = {name: _checked(name, table) for name, table in periods.items()}
    if not tables or not any(live.sum() > 0 for _, _, live, _ in tables.values()):
        raise InputError(
            "no live time", field="periods", expected="runs with live time"
        )
    origin = min(float(start.min()) for _, start, _, _ in tables.values() if start.size)
    last = max(
        float((start + live).max())
        for _, start, live, _ in tables.values()
        if start.size
    )
    with hep_style():
        fig, ax = new_figure()
        handles: list[Any] = []
        names: list[str] = []
        tops = []
        for index, (name, (_, start, live, counts)) in enumerate(tables.items()):
            if not live.sum():
                continue
            style = series(index)
            mass_kg = periods[name].mass_kg
            groups = _groups(start, live, counts)
            middle, half, rate, error = _rates(groups, origin, mass_kg)
            points = ax.errorbar(
                middle,
                rate,
                xerr=half,
                yerr=error,
                linestyle="none",
                marker=style.marker,
                color=style.colour,
                markerfacecolor=style.colour if style.filled else "white",
                elinewidth=0.9,
                zorder=2.5,
            )
            mean = counts.sum() / live.sum() / mass_kg
            ax.hlines(
                mean, middle[0] - half[0], middle[-1] + half[-1],
                color=style.colour, linestyle=style.linestyle, linewidth=1.0, zorder=2,
            )  # fmt: skip
            handles.append(points)
            names.append(f"{name}, mean {mean:.4g}")
            tops.append(np.column_stack([middle, rate + error]))
        shade = None
        for begin, end in _source_on(tables, shaded):
            shade = ax.axvspan(
                begin - origin, end - origin, color=_SHADE, linewidth=0, zorder=0
            )
        if shade is not None:
            handles.append(shade)
            names.append("source on")
        margin = 0.02 * (last - origin)
        ax.set_xlim(-margin, last - origin + margin)
        ax.set_xlabel(axis_label("Time since the first run", "d"))
        ax.set_ylabel(axis_label("Rate", rate_unit))
        place = np.concatenate(tops)
        make_room(
            ax, handles=handles, names=names, left=place[:, 0], right=place[:, 0],
            tops=place[:, 1], bottom=0.0,
        )  # fmt: skip
        experiment_label(ax, experiment=experiment, status=status, note=note)
        fig.draw_without_rendering()
    return fig


def live_time_by_run(
    *,
    periods: Mapping[str, RunTable],
    experiment: str = "",
    status: str = "",
    note: str = "",
) -> Figure:
    """Draw the live time of each run as a bar.

    Parameters
    ----------
    periods : mapping of str to RunTable
        Runs by name of their period.
    experiment, status, note : str
        The line above the axes.

    Returns
    -------
    Figure
        The legend gives the sum of each period.

    Raises
    ------
    InputError
        For shapes that do not fit, or no run.

    Examples
    --------
    >>> runs = RunTable([1, 2], [0.0, 1.0], [0.9, 0.8], [90, 88])
    >>> fig = live_time_by_run(periods={"ON": runs})
    >>> fig.axes[0].get_legend().get_texts()[0].get_text()
    'ON: 1.7 d in 2 runs'
    """
    from matplotlib.ticker import MaxNLocator

    tables = {name: _checked(name, table) for name, table in periods.items()}
    if not any(number.size for number, _, _, _ in tables.values()):
        raise InputError("no runs", field="periods", expected="at least one")
    with hep_style():
        fig, ax = new_figure()
        handles: list[Any] = []
        names: list[str] = []
        for index, (name, (number, _, live, _)) in enumerate(tables.items()):
            style = series(index)
            bars = ax.bar(
                number,
                live * 24,
                width=0.86,
                color=style.colour if style.filled else "white",
                edgecolor=style.colour,
                hatch=None if style.filled else "////",
                linewidth=0.6,
                alpha=0.75 if style.filled else None,
            )
            handles.append(bars)
            names.append(f"{name}: {live.sum():.4g} d in {number.size} runs")
        every = np.concatenate([number for number, _, _, _ in tables.values()])
        hours = np.concatenate([24 * live for _, _, live, _ in tables.values()])
        ax.set_xlim(every.min() - 0.7, every.max() + 0.7)
        ax.xaxis.set_major_locator(MaxNLocator(integer=True, steps=[1, 2, 5, 10]))
        ax.set_xlabel("Run")
        ax.set_ylabel(axis_label("Live time", "h"))
        make_room(
            ax, handles=handles, names=names, left=every, right=every, tops=hours,
            bottom=0.0,
        )  # fmt: skip
        experiment_label(ax, experiment=experiment, status=status, note=note)
        fig.draw_without_rendering()
    return fig


def _checked(name: str, table: RunTable) -> tuple[NDArray[np.float64], ...]:
    """Return number, start, live time and counts, in order of time."""
    number = vector(f"periods.{name}.number", table.number)
    start = vector(f"periods.{name}.start_d", table.start_d, size=number.size)
    live, counts = (
        vector(f"periods.{name}.{what}", values, size=number.size, minimum=0)
        for what, values in (
            ("live_time_d", table.live_time_d), ("counts", table.counts),
        )
    )  # fmt: skip
    order = np.argsort(start, kind="stable")
    return number[order], start[order], live[order], counts[order]


def _groups(
    start: NDArray[np.float64],
    live: NDArray[np.float64],
    counts: NDArray[np.float64],
) -> list[tuple[NDArray[np.float64], ...]]:
    """Neighbouring runs with live time, not too many groups of them."""
    alive = live > 0
    many = min(_MOST_POINTS, int(alive.sum()))
    parts = np.array_split(np.flatnonzero(alive), many)
    return [(start[p], live[p], counts[p]) for p in parts]


def _rates(
    groups: list[tuple[NDArray[np.float64], ...]], origin: float, mass_kg: float
) -> NDArray[np.float64]:
    """Middle, half width, rate and error of each group."""
    rows = []
    for start, live, counts in groups:
        begin, end = float(start[0]) - origin, float((start + live).max()) - origin
        exposure, total = float(live.sum()) * mass_kg, float(counts.sum())
        rows.append(
            (
                (begin + end) / 2, (end - begin) / 2, total / exposure,
                max(total, 1.0) ** 0.5 / exposure,
            )
        )  # fmt: skip
    return np.array(rows).T


def _source_on(
    tables: Mapping[str, tuple[NDArray[np.float64], ...]], shaded: Collection[str]
) -> list[tuple[float, float]]:
    """Times of runs in the shaded periods, joined where no other run lies between."""
    rows = sorted(
        (float(begin), float(begin + length), name in shaded)
        for name, (_, start, live, _) in tables.items()
        for begin, length in zip(start, live, strict=True)
    )
    spans: list[tuple[float, float]] = []
    joined = False
    for begin, end, on in rows:
        if on and joined:
            spans[-1] = (spans[-1][0], max(end, spans[-1][1]))
        elif on:
            spans.append((begin, end))
        joined = on
    return spans
