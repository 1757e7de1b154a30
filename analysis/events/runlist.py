"""Lists of runs (YAML or CSV), and the power of the reactor against time."""

from __future__ import annotations

import csv
import glob
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from nuem.analysis.events.localfile import refuse_remote
from nuem.inputs.errors import InputError
from nuem.inputs.files import sha256_file
from nuem.inputs.yaml import read_yaml, scalar

__all__ = ["POWER", "PowerHistory", "RunList", "expand", "read_power", "read_run_list"]

#: Column of the runs that a power history fills.
POWER = "power"
_STATES = {"on": True, "off": False}
_QUALITIES = {"good": True, "bad": False}


@dataclass(frozen=True)
class RunList:
    """What a list says of the runs of each file.

    Parameters
    ----------
    rows : mapping of str to tuple of mapping
        Path of a file -> its runs, each with ``run``, ``good`` and the columns of
        the list.
    sha256 : str
        Of the list.
    """

    rows: Mapping[str, tuple[Mapping[str, Any], ...]]
    sha256: str

    @property
    def files(self) -> tuple[str, ...]:
        """The files, in the order of the list."""
        return tuple(self.rows)


@dataclass(frozen=True, eq=False)
class PowerHistory:
    """Thermal power of a reactor against time, relative to its nominal power.

    Parameters
    ----------
    time_s : ndarray, shape (points,)
        Ascending; on the clock of the runs.
    power : ndarray, shape (points,)
        Each value holds until the next time; the last one is not used.
    sha256 : str
        Of the file.

    Examples
    --------
    >>> history = PowerHistory(np.array([0.0, 10.0, 20.0]), np.array([1.0, 0, 0]), "")
    >>> history.mean(np.array([0.0, 5.0, 12.0]), np.array([10.0, 10.0, 3.0])).tolist()
    [1.0, 0.5, 0.0]
    """

    time_s: npt.NDArray[np.float64]
    power: npt.NDArray[np.float64]
    sha256: str

    def mean(
        self, start_s: npt.NDArray[np.float64], length_s: npt.NDArray[np.float64]
    ) -> npt.NDArray[np.float64]:
        """Mean power over runs.

        Parameters
        ----------
        start_s, length_s : ndarray, shape (runs,)
            Begin and length of each run in seconds.

        Returns
        -------
        ndarray, shape (runs,)

        Raises
        ------
        InputError
            If the history does not cover a run.
        """
        stop = start_s + length_s
        out = (start_s < self.time_s[0]) | (stop > self.time_s[-1])
        if out.any():
            raise InputError(
                "the power history does not cover a run",
                found=f"{start_s[out][0]:.10g} to {stop[out][0]:.10g} s",
                expected=f"{self.time_s[0]:.10g} to {self.time_s[-1]:.10g} s",
            )
        steps = np.diff(self.time_s) * self.power[:-1]
        total = np.concatenate([[0.0], np.cumsum(steps)])
        within = np.interp(stop, self.time_s, total)
        within -= np.interp(start_s, self.time_s, total)
        now = np.searchsorted(self.time_s, start_s, side="right") - 1
        at_start = self.power[np.clip(now, 0, len(self.power) - 2)]
        return np.where(
            length_s > 0, within / np.where(length_s > 0, length_s, 1), at_start
        )


def expand(patterns: Sequence[str | Path]) -> tuple[str, ...]:
    """Replace patterns by the files that match, in alphabetical order.

    Raises
    ------
    InputError
        If nothing matches a pattern.
    """
    files: list[str] = []
    for pattern in map(str, patterns):
        refuse_remote(pattern)
        if Path(pattern).exists() or not glob.has_magic(pattern):
            files.append(pattern)
        elif found := sorted(glob.glob(pattern, recursive=True)):  # noqa: PTH207
            files += found
        else:
            raise InputError("no such file", file=pattern, expected="a file that fits")
    return tuple(files)


def read_run_list(path: str | Path) -> RunList:
    """Read a list of runs.

    Parameters
    ----------
    path : str or Path
        A CSV file with a line of names, or a YAML list of mappings. ``file`` is a
        path beside the list (or a pattern of one file), ``run`` a number, ``state``
        ON or OFF (the column `reactor_on` of the runs), ``quality`` good or bad.
        Other names are columns of the runs: ``live_time_s``, ``start``, a gain.

    Returns
    -------
    RunList

    Raises
    ------
    InputError
        If the list cannot be read, or a value is missing or not of its kind.
    """
    path = Path(path)
    rows: dict[str, list[Mapping[str, Any]]] = {}
    for number, entry in enumerate(_entries(path), 1):
        where = f"run {entry.get('run', f'in row {number}')}"
        for name in ("file", "run"):
            if entry.get(name) in (None, ""):
                raise InputError(
                    "incomplete run", file=path, field=where, expected=name
                )
        refuse_remote(str(entry["file"]))
        file = expand([path.parent / str(entry["file"])])
        if len(file) > 1:
            raise InputError(
                "several files fit", file=path, field=where, found=entry["file"]
            )
        row = _row(path, where, entry)
        mates = rows.setdefault(file[0], [])
        if any(mate["run"] == row["run"] for mate in mates):
            raise InputError("a run is there twice", file=path, field=where)
        if mates and mates[0].keys() != row.keys():
            raise InputError(
                "runs of one file have different columns", file=path, field=where,
                found=", ".join(sorted(row)), expected=", ".join(sorted(mates[0])),
            )  # fmt: skip
        mates.append(row)
    if not rows:
        raise InputError("no runs", file=path, expected="at least one")
    return RunList({k: tuple(v) for k, v in rows.items()}, sha256_file(path))


def _entries(path: Path) -> list[dict[str, Any]]:
    if path.suffix.lower() in (".yaml", ".yml"):
        document = read_yaml(path)
        if not isinstance(document, list) or not all(
            isinstance(entry, dict) for entry in document
        ):
            raise InputError("not a run list", file=path, expected="a list of mappings")
        return document
    return [
        {name: scalar(text) for name, text in row.items() if text != ""}
        for row in _table(path)
    ]


def _table(path: Path) -> list[dict[str, str]]:
    """Return the rows of a CSV file, by the names in its first line."""
    try:
        with path.open(newline="", encoding="utf-8-sig") as stream:
            lines = [line for line in stream if not line.startswith("#")]
        reader = csv.DictReader(lines, skipinitialspace=True, strict=True)
        rows, header = list(reader), [name.strip() for name in reader.fieldnames or ()]
    except OSError as error:
        raise InputError(
            "cannot be read", file=path, found=(error.strerror or str(error)).lower()
        ) from error
    except (csv.Error, UnicodeDecodeError) as error:
        raise InputError("not a CSV file", file=path, found=error) from error
    if twice := [name for name in header if header.count(name) > 1]:
        raise InputError("a column is there twice", file=path, field=twice[0])
    for number, row in enumerate(rows, 2):
        if None in row or None in row.values():
            raise InputError(
                "another number of columns than names", file=path, field=f"row {number}"
            )
    return [{k.strip(): v.strip() for k, v in row.items()} for row in rows]


def _row(path: Path, where: str, entry: Mapping[str, Any]) -> dict[str, Any]:
    row: dict[str, Any] = {"good": True}
    for name, value in entry.items():
        wrong = InputError(
            "bad value", file=path, field=f"{where}: {name}", found=repr(value),
            expected={
                "state": "ON or OFF", "quality": "good or bad", "run": "a whole number",
            }.get(name, "a number"),
        )  # fmt: skip
        word = str(value).lower()
        if name == "file":
            continue
        if name == "run":
            if type(value) is not int:
                raise wrong
            row["run"] = value
        elif name == "state":
            # YAML reads ON and OFF as true and false
            word = {"true": "on", "false": "off"}.get(word, word)
            if word not in _STATES:
                raise wrong
            row["reactor_on"] = _STATES[word]
        elif name == "quality":
            if word not in _QUALITIES:
                raise wrong
            row["good"] = _QUALITIES[word]
        elif not isinstance(value, bool | int | float) or not math.isfinite(value):
            raise wrong
        else:
            row[name] = value
    return row


def read_power(path: str | Path) -> PowerHistory:
    """Read the power of a reactor against time.

    Parameters
    ----------
    path : str or Path
        A CSV file with the names ``time_s`` and ``power`` in its first line; the power
        is relative to the nominal one.

    Returns
    -------
    PowerHistory

    Raises
    ------
    InputError
        If it cannot be read, the times do not ascend, or a power is not a number >= 0.
    """
    path = Path(path)
    rows = _table(path)
    columns: dict[str, npt.NDArray[np.float64]] = {}
    for name in ("time_s", POWER):
        values = []
        for number, row in enumerate(rows, 2):
            value = scalar(row.get(name, ""))
            if isinstance(value, bool) or not isinstance(value, int | float):
                raise InputError(
                    "bad value", file=path, field=f"row {number}: {name}",
                    found=repr(row.get(name)), expected="a number",
                )  # fmt: skip
            values.append(float(value))
        columns[name] = np.array(values)
    time, power = columns["time_s"], columns[POWER]
    if len(time) < 2 or not np.all(np.isfinite(time)) or np.any(np.diff(time) <= 0):
        raise InputError(
            "times do not ascend", file=path, field="time_s", expected="two or more"
        )
    if not np.all(np.isfinite(power)) or np.any(power < 0):
        raise InputError("bad power", file=path, field=POWER, expected="numbers >= 0")
    return PowerHistory(time, power, sha256_file(path))
