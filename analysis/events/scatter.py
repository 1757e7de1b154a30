"""Two quantities of every accepted event, and the band of a calibration."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from nuem.analysis.events.execute import Reading
from nuem.analysis.events.fill import accepted_values
from nuem.analysis.events.inspection import inspect_file
from nuem.analysis.events.observable import Observable
from nuem.analysis.events.plan import EventPlan
from nuem.inputs.errors import InferenceError
from nuem.inputs.expressions import Expression

__all__ = ["Band", "Scatter", "band_of", "scatter"]

#: Fewer calibration events than this in a slice do not give a quantile of 1 %.
MIN_EVENTS = 50


@dataclass(frozen=True, eq=False)
class Scatter:
    """Two quantities of the accepted events of all channels.

    Attributes
    ----------
    x, y : ndarray, shape (events,)
    counts : mapping of str to int
        Channel -> number of its events.
    """

    x: NDArray[np.float64]
    y: NDArray[np.float64]
    counts: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Band:
    """Quantiles of y in slices of x.

    Attributes
    ----------
    x : ndarray, shape (slices + 2,)
        Mean of x in each slice with enough events, and the ends of the outermost.
    levels : mapping of float to ndarray, shape (slices + 2,)
        Quantile -> y.
    """

    x: NDArray[np.float64]
    levels: Mapping[float, NDArray[np.float64]]

    def place(self, events: Scatter) -> dict[str, int]:
        """Count events on the band, above, below, and beyond its range.

        Returns
        -------
        dict
            ``on``, ``above``, ``below``, ``beyond``.
        """
        low, high = min(self.levels), max(self.levels)
        inside = (events.x >= self.x[0]) & (events.x <= self.x[-1])
        x, y = events.x[inside], events.y[inside]
        below = y < np.interp(x, self.x, self.levels[low])
        above = y > np.interp(x, self.x, self.levels[high])
        return {
            "on": int(np.sum(~below & ~above)),
            "above": int(np.sum(above)),
            "below": int(np.sum(below)),
            "beyond": int(np.sum(~inside)),
        }


def scatter(
    plan: EventPlan,
    files: Sequence[str | Path],
    x: Expression,
    y: Expression,
    reading: Reading | None = None,
) -> Scatter:
    """Read two quantities of all events that pass the cuts.

    Parameters
    ----------
    plan : EventPlan
        Channels and cuts; its observables are not used.
    files : sequence of str or Path
        ROOT files.
    x, y : Expression
        Of branches and derived quantities.
    reading : Reading, optional
        With a run list and a power history.

    Returns
    -------
    Scatter

    Raises
    ------
    InputError
        If a file does not hold what is needed.
    """
    # any range will do: nothing is filled, and no value is a negative energy
    axes = tuple(
        Observable(name, expression, (0.0, 1.0), "")
        for name, expression in (("x", x), ("y", y))
    )
    plan = replace(plan, observables=axes, variations=(), weight=None)
    reading = Reading() if reading is None else reading
    columns: tuple[list[NDArray[np.float64]], ...] = ([], [])
    counts = {channel.name: 0 for channel in plan.channels}
    for file in files:
        listed = reading.run_list.rows.get(str(file)) if reading.run_list else None
        info = inspect_file(plan, file, listed=listed, power=reading.power)
        for tree, entries in info.entries.items():
            values = accepted_values(plan, file, 0, entries, tree, info)
            for channel, by_channel in values.items():
                counts[channel] += by_channel[0].size
                for column, value in zip(columns, by_channel, strict=True):
                    column.append(value)
    first, second = (np.concatenate(column) for column in columns)
    return Scatter(first, second, counts)


def band_of(
    events: Scatter, edges: NDArray[np.float64], quantiles: tuple[float, float]
) -> Band:
    """Quantiles and median of y in slices of x.

    Parameters
    ----------
    events : Scatter
        Calibration events.
    edges : ndarray, shape (slices + 1,)
        Of x. Slices with fewer than `MIN_EVENTS` events are left out.
    quantiles : tuple of float
        Lower and upper.

    Returns
    -------
    Band

    Raises
    ------
    InferenceError
        If fewer than two slices hold enough events.

    Examples
    --------
    >>> x, y = np.repeat([0.5, 1.5], 101), np.tile(np.arange(101.0), 2)
    >>> b = band_of(Scatter(x, y), np.array([0.0, 1.0, 2.0]), (0.1, 0.9))
    >>> b.x.tolist(), b.levels[0.1].tolist(), b.levels[0.5].tolist()
    ([0.0, 0.5, 1.5, 2.0], [10.0, 10.0, 10.0, 10.0], [50.0, 50.0, 50.0, 50.0])
    """
    levels = (quantiles[0], 0.5, quantiles[1])
    slices = np.digitize(events.x, edges) - 1
    filled = [k for k in range(edges.size - 1) if np.sum(slices == k) >= MIN_EVENTS]
    rows = [
        (
            float(np.mean(events.x[slices == k])),
            *np.quantile(events.y[slices == k], levels),
        )
        for k in filled
    ]
    if len(rows) < 2:
        raise InferenceError(
            "too few calibration events for a band",
            field="calibration",
            found=f"{len(rows)} slices with {MIN_EVENTS} events",
            expected="at least 2",
        )
    # the outermost slices hold for all of their width
    rows = [
        (float(edges[filled[0]]), *rows[0][1:]),
        *rows,
        (float(edges[filled[-1] + 1]), *rows[-1][1:]),
    ]
    x, *curves = np.array(rows).T
    return Band(x, dict(zip(levels, curves, strict=True)))
