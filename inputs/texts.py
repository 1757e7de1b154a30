"""Tables of numbers in text files: columns apart by blanks or commas."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from nuem.inputs.errors import InputError

__all__ = ["Table", "read_table"]


@dataclass(frozen=True, eq=False)
class Table:
    """Numbers of a text file.

    Attributes
    ----------
    path : Path
        The file.
    names : tuple of str
        Names of the columns in a first line that is no numbers; or none.
    values : ndarray, shape (lines, columns)
    """

    path: Path
    names: tuple[str, ...]
    values: NDArray[np.float64]

    def columns(self, wanted: Iterable[int | str]) -> list[NDArray[np.float64]]:
        """Columns by number, from 1, or by name.

        Raises
        ------
        InputError
            If there is no such column.
        """
        count = self.values.shape[1]
        found = []
        for column in wanted:
            if isinstance(column, str):
                if column not in self.names:
                    raise InputError(
                        "no such column", file=self.path, found=repr(column),
                        expected=", ".join(self.names) or "a number: no header line",
                    )  # fmt: skip
                index = self.names.index(column)
            else:
                index = column - 1
            if not 0 <= index < count:
                raise InputError(
                    "no such column", file=self.path, found=column,
                    expected=f"1 to {count}",
                )  # fmt: skip
            found.append(self.values[:, index].copy())
        return found


def read_table(path: str | Path) -> Table:
    """Read a text file of numbers; ``#`` begins a comment.

    The first line that is neither empty nor a comment may name the columns.

    Parameters
    ----------
    path : str or Path
        Columns apart by blanks, tabulators, commas or semicolons.

    Returns
    -------
    Table

    Raises
    ------
    InputError
        If the file cannot be read, a line has another number of columns, or something
        is not a finite number.
    """
    path = Path(path)
    try:
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise InputError(f"cannot be read ({reason})", file=path) from None
    except UnicodeDecodeError:
        raise InputError("not a text file", file=path) from None
    names: tuple[str, ...] = ()
    rows: list[list[float]] = []
    for number, line in enumerate(text.splitlines(), start=1):
        content = line.partition("#")[0].strip()
        if not content:
            continue
        words = content.replace(";", ",")
        fields = (
            [w.strip() for w in words.split(",")] if "," in words else words.split()
        )
        if not rows and not names and not any(map(_is_float, fields)):
            names = tuple(fields)
            continue
        wrong = next((w for w in fields if not _is_number(w)), None)
        if wrong is not None:
            raise InputError(
                "not a finite number", file=path, field=f"line {number}",
                found=repr(wrong),
            )  # fmt: skip
        expected = len(rows[0]) if rows else len(names) or len(fields)
        if len(fields) != expected:
            raise InputError(
                "wrong number of columns", file=path, field=f"line {number}",
                found=len(fields), expected=expected,
            )  # fmt: skip
        rows.append([float(word) for word in fields])
    if not rows:
        raise InputError("no numbers", file=path)
    return Table(path, names, np.array(rows))


def _is_float(word: str) -> bool:
    """Whether a word means a number, be it ``nan``: no name of a column does."""
    try:
        float(word)
    except ValueError:
        return False
    return True


def _is_number(word: str) -> bool:
    return _is_float(word) and bool(np.isfinite(float(word)))
