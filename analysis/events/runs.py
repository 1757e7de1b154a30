"""The table of runs beside the events, and the live time of the channels."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from nuem.analysis.events.source import describe_tree, read
from nuem.inputs.errors import InputError

__all__ = ["Layout", "Runs", "read_runs"]


@dataclass(frozen=True)
class Layout:
    """Names in the files; the defaults are those of simulated events.

    Parameters
    ----------
    runs : str or None
        Tree of the runs; None for files without one (no live time is known).
    run : str
        Branch of the run number, of the events and of the runs.
    live_time : str
        Branch of the runs with the live time in seconds.
    start : str
        Branch of the runs with the begin in seconds since any fixed time.
    """

    runs: str | None = "runs"
    run: str = "run"
    live_time: str = "live_time_s"
    start: str = "start"


@dataclass(frozen=True, eq=False)
class Runs:
    """The runs of one file.

    Parameters
    ----------
    file : str
        Where they were read.
    number : ndarray of int64, shape (runs,)
        Run numbers, ascending.
    live_time_s, start_s : ndarray of float64, shape (runs,)
        Live time, and begin, in seconds.
    columns : mapping of str to ndarray, shape (runs,)
        All columns that were read, in the order of `number`.
    """

    file: str
    number: npt.NDArray[np.int64]
    live_time_s: npt.NDArray[np.float64]
    start_s: npt.NDArray[np.float64]
    columns: Mapping[str, npt.NDArray[np.generic]]

    def rows(
        self, run: npt.NDArray[np.int64]
    ) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.bool_]]:
        """Find the row of each event's run.

        Parameters
        ----------
        run : ndarray of int64, shape (events,)
            Run numbers.

        Returns
        -------
        rows : ndarray of int64, shape (events,)
            Row in the columns; 0 where there is none.
        known : ndarray of bool, shape (events,)
            Whether the run is in the table.
        """
        if not len(self.number):
            return np.zeros(len(run), np.int64), np.zeros(len(run), bool)
        low, high = int(self.number[0]), int(self.number[-1])
        if high - low > 1_000_000:
            rows = np.searchsorted(self.number, run)
            rows[rows == len(self.number)] = 0
        else:  # a table is several times faster than the search
            table = np.zeros(high - low + 1, np.int64)
            table[self.number - low] = np.arange(len(self.number))
            rows = table[np.clip(run, low, high) - low]
        return rows, self.number[rows] == run


def read_runs(
    file: str | Path, layout: Layout, columns: Collection[str] | None = None
) -> Runs:
    """Read the table of runs of a file.

    Parameters
    ----------
    file : str or Path
        ROOT file.
    layout : Layout
        Names; `layout.runs` must not be None.
    columns : collection of str, optional
        Columns to read if they are there, beside run number, live time and begin;
        default: all.

    Returns
    -------
    Runs

    Raises
    ------
    InputError
        If the tree or a column is missing, a run is there twice, or a live time
        is not a number >= 0.
    """
    if layout.runs is None:
        raise InputError("the layout names no tree of runs", file=file)
    info = describe_tree(file, layout.runs)
    names = {layout.run, layout.live_time, layout.start}
    names |= info.branches if columns is None else info.branches & set(columns)
    table = read(file, layout.runs, names, 0, info.entries)
    for name, column in table.items():
        if not isinstance(column, np.ndarray):
            raise InputError(
                "a column of the runs is not one number per run",
                file=file,
                field=f"{layout.runs}: {name}",
            )
    number = run_numbers(table[layout.run], file, f"{layout.runs}: {layout.run}")
    live = table[layout.live_time].astype(np.float64)
    start = table[layout.start].astype(np.float64)
    for name, bad, expected in (
        (layout.live_time, ~(np.isfinite(live) & (live >= 0)), "seconds >= 0"),
        (layout.start, ~np.isfinite(start), "seconds"),
    ):
        if bad.any():
            raise InputError(
                "bad time",
                file=file,
                field=f"{layout.runs}: {name}",
                found=f"{table[name][bad][0]} in run {number[bad][0]}",
                expected=expected,
            )
    order = np.argsort(number)
    number = number[order]
    twice = number[1:][np.diff(number) == 0]
    if len(twice):
        raise InputError(
            "a run is there twice",
            file=file,
            field=f"{layout.runs}: {layout.run}",
            found=str(twice[0]),
        )
    ordered = {name: column[order] for name, column in table.items()}
    return Runs(str(file), number, live[order], start[order], ordered)


def run_numbers(
    column: npt.NDArray[np.generic], file: object, field: str
) -> npt.NDArray[np.int64]:
    """Return run numbers as integers.

    Raises
    ------
    InputError
        If a value is not a whole number.
    """
    if not isinstance(column, np.ndarray):
        raise InputError("not one run number per entry", file=file, field=field)
    if column.dtype.kind == "f":
        broken = ~(np.abs(column) < 2.0**53) | (column != np.floor(column))
        if broken.any():
            raise InputError(
                "not a run number", file=file, field=field, found=column[broken][0]
            )
    return column.astype(np.int64)
