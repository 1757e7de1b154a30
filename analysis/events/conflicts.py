"""What files must not share, and what they must have in common.

A run belongs to one file, and no two runs to the same time: exposure would be counted
twice. A branch means the same in all files only if it is of the same type. All of this
is asked of each file and those before it, so that files of which one is left out decide
nothing.
"""

from __future__ import annotations

import itertools
import re
from bisect import bisect_left, insort
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from nuem.analysis.events.store import FileRecord, RunRecord
from nuem.inputs.errors import InputError

__all__ = ["Conflicts", "check_files", "mixed_types"]

#: Clocks and live times are rounded: less than this, in seconds, is no overlap.
_CLOCK = 1e-3


class _Span(NamedTuple):
    """When a run was taken, by the order of its begin."""

    start_s: float
    number: int
    stop_s: float
    file: str


class Conflicts:
    """The files so far, for the judgement of the next one.

    Examples
    --------
    >>> files = Conflicts()
    >>> files.add("a.root", {}, [RunRecord(1, 0.0, 10.0, ())])
    >>> files.add("b.root", {}, [RunRecord(2, 9.0, 10.0, ())])
    Traceback (most recent call last):
    nuem.inputs.errors.InputError: b.root: run 2: runs overlap in time: a clock runs ...
    """

    def __init__(self) -> None:
        self._files: set[str] = set()
        self._types: dict[str, tuple[str, str]] = {}
        self._owner: dict[tuple[int, int], str] = {}
        self._spans: dict[int, list[_Span]] = {}
        self._digests: dict[str, str] = {}

    def add(
        self, file: str, types: Mapping[str, str], runs: Sequence[RunRecord] | None
    ) -> None:
        """Add a file, unless it does not go with those before it.

        Parameters
        ----------
        file : str
            Its path.
        types : mapping of str to str
            Types of its branches.
        runs : sequence of RunRecord, or None
            Its runs.

        Raises
        ------
        InputError
            If it is there already, a branch has another type, a run is in another
            file, or runs overlap in time. It is not added then.
        """
        runs = runs or ()
        if file in self._files:
            raise InputError("the same file is there twice", file=file)
        for branch, kind in types.items():
            first, expected = self._types.get(branch, (file, kind))
            if _family(kind) != _family(expected):
                raise InputError(
                    "a branch is of another type than in another file", file=file,
                    field=branch, found=kind, expected=f"{expected}, as in {first}",
                )  # fmt: skip
        for run in runs:
            if (other := self._owner.get((run.stream, run.number))) is not None:
                raise InputError(
                    "a run is in two files", file=file,
                    found=f"run {run.number}, which is also in {other}",
                    expected="each run in one file",
                )  # fmt: skip
        spans = [
            (run.stream, _Span(run.start_s, run.number, run.stop_s, file))
            for run in runs
        ]
        spans.sort()
        for (one, before), (two, after) in itertools.pairwise(spans):
            if one == two:
                _check_order(file, before, after)
        for stream, span in spans:
            there = self._spans.get(stream, [])
            # those there do not overlap: the neighbours alone can
            place = bisect_left(there, span)
            for neighbour in there[max(place - 1, 0) : place + 1]:
                _check_order(file, *sorted((neighbour, span)))
        self._files.add(file)
        for branch, kind in types.items():
            self._types.setdefault(branch, (file, kind))
        for run in runs:
            self._owner[run.stream, run.number] = file
        for stream, span in spans:
            insort(self._spans.setdefault(stream, []), span)

    def add_digest(self, file: str, sha256: str) -> None:
        """Add the sha256 of a file, empty if it is not known.

        Raises
        ------
        InputError
            If another file has these bytes.
        """
        if sha256 and (other := self._digests.setdefault(sha256, file)) != file:
            raise InputError(
                "the same file is there twice", file=file,
                found=f"the bytes of {other}",
            )  # fmt: skip


def check_files(files: Iterable[FileRecord]) -> None:
    """Check that files go together.

    Raises
    ------
    InputError
        As `Conflicts`.
    """
    conflicts = Conflicts()
    for record in files:
        conflicts.add_digest(record.path, record.sha256)
        conflicts.add(record.path, record.types, record.runs)


def mixed_types(files: Iterable[FileRecord]) -> tuple[str, ...]:
    """Describe the branches that are wider in some of the files."""
    kinds: dict[str, set[str]] = {}
    for record in files:
        for branch, kind in record.types.items():
            kinds.setdefault(branch, set()).add(kind)
    return tuple(
        f"{branch} is {' and '.join(sorted(found))} in different files"
        for branch, found in sorted(kinds.items())
        if len(found) > 1
    )


def _check_order(file: str, before: _Span, after: _Span) -> None:
    """Check that a run is over when the next one begins."""
    if (over := before.stop_s - after.start_s) <= _CLOCK:
        return
    new, old = (after, before) if after.file == file else (before, after)
    where = "" if old.file == file else f" of {old.file}"
    found = f"a begin {over:.6g} s before run {old.number}{where} is over"
    if new is before:
        found = f"an end {over:.6g} s after the begin of run {old.number}{where}"
    raise InputError(
        "runs overlap in time: a clock runs back, or runs are there twice", file=file,
        field=f"run {new.number}", found=found, expected="one run after the other",
    )  # fmt: skip


def _family(kind: str) -> str:
    """Return what a type of numbers is, whatever its width."""
    text = re.sub(r"\b(unsigned |u)?(int|short|long|char)\d*(_t)?\b", "int", kind)
    return text.replace("double", "float")
