"""The table of runs beside the events, and the live time of the channels."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import numpy as np
import numpy.typing as npt

from nuem.analysis.events.rootfile import OpenFile, open_file
from nuem.analysis.events.runlist import POWER, PowerHistory
from nuem.analysis.events.source import describe_tree, read
from nuem.inputs.errors import InputError
from nuem.inputs.expressions import Expression, parse
from nuem.inputs.grammar import shorten

__all__ = ["Layout", "Runs", "read_runs"]

#: Part by which a live time may be longer than the real time, as both are rounded.
_ROUNDING = 1e-6


@dataclass(frozen=True)
class Layout:
    """Names in the files; the defaults are those of simulated events.

    Parameters
    ----------
    runs : str or None
        Tree of the runs; None for files without one (no live time is known, unless a
        run list tells).
    run : str
        Branch of the run number, of the events and of the runs.
    live_time : Expression
        Of columns of the runs: the live time in seconds, with the corrections for
        dead time and pile-up (``real_s - dead_s``, ``live_s * exp(-2e-5 * rate_hz)``).
    start : str
        Branch of the runs with the begin in seconds since any fixed time.
    parallel : str, optional
        Column of the runs with the number of a detector that takes runs of its own:
        runs of different ones may have the same number and the same time.
    real_time : Expression, optional
        Of columns of the runs: seconds from begin to end (``stop - start``), in which
        runs must not overlap and the power is averaged. By default the live time,
        which is shorter by the dead time.
    """

    runs: str | None = "runs"
    run: str = "run"
    live_time: Expression = field(default_factory=lambda: parse("live_time_s"))
    start: str = "start"
    parallel: str | None = None
    real_time: Expression | None = None

    @property
    def columns(self) -> frozenset[str]:
        """Columns that the runs must have, beside the run number."""
        parallel = set() if self.parallel is None else {self.parallel}
        real = frozenset() if self.real_time is None else self.real_time.names
        return frozenset({self.start} | parallel | self.live_time.names | real)


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
    good : ndarray of bool, shape (runs,)
        Whether a run is used; what a run list leaves out or calls bad is not.
    stream : ndarray of int64, shape (runs,)
        Which of the detectors with runs of their own; 0 for all of them together.
    real_time_s : ndarray of float64, shape (runs,), or None
        From begin to end, in seconds; None where only the live time is known.
    """

    file: str
    number: npt.NDArray[np.int64]
    live_time_s: npt.NDArray[np.float64]
    start_s: npt.NDArray[np.float64]
    columns: Mapping[str, npt.NDArray[np.generic]]
    good: npt.NDArray[np.bool_]
    stream: npt.NDArray[np.int64]
    real_time_s: npt.NDArray[np.float64] | None = None

    def rows(
        self, run: npt.NDArray[np.signedinteger[Any]]
    ) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.bool_]]:
        """Find the row of each event's run.

        Parameters
        ----------
        run : ndarray of integers, shape (events,)
            Run numbers.

        Returns
        -------
        rows : ndarray of int64, shape (events,)
            Row in the columns; 0 where there is none.
        known : ndarray of bool, shape (events,)
            Whether the run is in the table.
        """
        run = run.astype(np.int64, copy=False)
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
    file: str | Path | OpenFile,
    layout: Layout,
    columns: Collection[str] | None = None,
    *,
    listed: Sequence[Mapping[str, Any]] | None = None,
    power: PowerHistory | None = None,
) -> Runs:
    """Read the table of runs of a file.

    Parameters
    ----------
    file : str, Path or OpenFile
        ROOT file.
    layout : Layout
        Names; `layout.runs` must not be None unless the runs are listed.
    columns : collection of str, optional
        Columns to read if they are there, beside those of the layout; default: all.
    listed : sequence of mapping, optional
        Rows of a run list for this file; they win over the columns of the tree, and
        runs that are not among them are not used.
    power : PowerHistory, optional
        Fills the column ``power``.

    Returns
    -------
    Runs

    Raises
    ------
    InputError
        If the tree or a column is missing, a run is there twice, or a live time
        is not a number >= 0.
    """
    with open_file(file) as opened:
        table, good = _table(opened, layout, columns, listed)
    where = layout.runs or "run list"
    for name, column in table.items():
        if not isinstance(column, np.ndarray):
            raise InputError(
                "a column of the runs is not one number per run",
                file=file,
                field=f"{where}: {name}",
            )
    number = run_numbers(table[layout.run], file, f"{where}: {layout.run}")
    number = number.astype(np.int64, copy=False)
    if missing := sorted(layout.columns - set(table)):
        raise InputError(
            "no such column of the runs, and so no live time", file=file, field=where,
            found=", ".join(missing),
            expected="one of " + shorten(", ".join(sorted(table)), 400),
        )  # fmt: skip
    start = table[layout.start].astype(np.float64)
    live = np.broadcast_to(
        np.asarray(layout.live_time(table), np.float64), number.shape
    )
    real = None
    if layout.real_time is not None:
        real = np.broadcast_to(
            np.asarray(layout.real_time(table), np.float64), number.shape
        )
        short = ~np.isfinite(real) | (real < live - _ROUNDING * (1 + np.abs(live)))
        if (short & good).any():
            first = np.flatnonzero(short & good)[0]
            raise InputError(
                "bad time", file=file, field=f"{where}: {layout.real_time}",
                found=f"{real[first]} in run {number[first]}",
                expected=f"the live time, {live[first]} s, or more",
            )  # fmt: skip
    for name, values, bad, expected in (
        (str(layout.live_time), live, ~(np.isfinite(live) & (live >= 0)), "seconds >= 0"),
        (layout.start, start, ~np.isfinite(start), "seconds"),
    ):  # fmt: skip
        if (bad & good).any():
            first = np.flatnonzero(bad & good)[0]
            raise InputError(
                "bad time",
                file=file,
                field=f"{where}: {name}",
                found=f"{values[first]} in run {number[first]}",
                expected=expected,
            )
    if power is not None:
        table[POWER] = np.zeros(len(number))
        try:
            table[POWER][good] = power.mean(
                start[good], (live if real is None else real)[good]
            )
        except InputError as error:
            raise InputError(str(error), file=file) from error
    stream = np.zeros(len(number), np.int64)
    if layout.parallel is not None:
        field_name = f"{where}: {layout.parallel}"
        stream = run_numbers(table[layout.parallel], file, field_name).astype(np.int64)
    order = np.argsort(number, kind="stable")
    number = number[order]
    twice = number[1:][np.diff(number) == 0]
    if len(twice):
        raise InputError(
            "a run is there twice",
            file=file,
            field=f"{where}: {layout.run}",
            found=str(twice[0]),
        )
    ordered = {name: column[order] for name, column in table.items()}
    return Runs(
        str(file), number, live[order], start[order], ordered, good[order],
        stream[order], None if real is None else real[order],
    )  # fmt: skip


def _table(
    opened: OpenFile,
    layout: Layout,
    columns: Collection[str] | None,
    listed: Sequence[Mapping[str, Any]] | None,
) -> tuple[dict[str, Any], npt.NDArray[np.bool_]]:
    """Return the columns of the runs, of tree and list, and which runs are good."""
    table: dict[str, Any] = {}
    if layout.runs is not None:
        info = describe_tree(opened, layout.runs)
        given: set[str] = set(listed[0]) if listed else set()
        names = {layout.run} | (layout.columns - given)
        names |= info.branches if columns is None else info.branches & set(columns)
        table = read(opened, layout.runs, names, 0, info.entries)
    elif listed is None:
        raise InputError("the layout names no tree of runs", file=opened.path)
    if listed is None:
        return table, np.ones(len(table[layout.run]), bool)
    numbers = np.array([row["run"] for row in listed], np.int64)
    if layout.runs is None:
        table[layout.run] = numbers
    there = run_numbers(table[layout.run], opened.path, f"{layout.runs}: {layout.run}")
    if missing := sorted(set(numbers.tolist()) - set(there.tolist())):
        raise InputError(
            "the run list has a run that the file does not have",
            file=opened.path,
            found=f"run {missing[0]}",
        )
    position = {run: i for i, run in enumerate(numbers.tolist())}
    place = np.array([position.get(run, -1) for run in there.tolist()], np.int64)
    known = place >= 0
    for name in listed[0]:
        if name in ("run", "good"):
            continue
        values = np.array([row[name] for row in listed])
        column = np.zeros(len(there), values.dtype)
        column[known] = values[place[known]]
        table[name] = column
    good = known.copy()
    good[known] = np.array([row["good"] for row in listed])[place[known]]
    return table, good


def run_numbers(
    column: npt.NDArray[np.generic], file: object, field: str
) -> npt.NDArray[np.signedinteger[Any]]:
    """Return run numbers as signed integers, as wide as they are stored.

    Raises
    ------
    InputError
        If a value is not a whole number, or does not fit into 64 bits with a sign.
    """
    if not isinstance(column, np.ndarray):
        raise InputError("not one run number per entry", file=file, field=field)
    if column.dtype.kind == "f":
        broken = ~(np.abs(column) < 2.0**53) | (column != np.floor(column))
        if broken.any():
            raise InputError(
                "not a run number", file=file, field=field, found=column[broken][0]
            )
    if column.dtype == np.uint64:
        top = column.astype(np.uint64).max(initial=0)
        if top > np.iinfo(np.int64).max:  # it would become a negative number
            raise InputError(
                "not a run number", file=file, field=field, found=top,
                expected="below 2**63",
            )  # fmt: skip
    if column.dtype.kind == "i":
        return cast("npt.NDArray[np.signedinteger[Any]]", column)
    return column.astype(np.int64)
