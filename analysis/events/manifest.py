"""A manifest of files of events: sha256, entries and live time of each.

Damage inside a compressed basket need not be noticed on reading: only LZ4 has a
checksum. A manifest that was made when the files were good finds it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from nuem.analysis.events.conflicts import check_files
from nuem.analysis.events.localfile import file_digest
from nuem.analysis.events.plan import Friend
from nuem.analysis.events.rootfile import open_file
from nuem.analysis.events.runs import Layout, read_runs
from nuem.analysis.events.source import describe_tree
from nuem.analysis.events.store import FileRecord, RunRecord, SkippedFile
from nuem.inputs.errors import InputError
from nuem.inputs.files import read_json
from nuem.inputs.grammar import shorten

__all__ = ["Manifest", "load_manifest", "make_manifest", "total_live_time"]

_SCHEMA = "nuem-manifest-2"


@dataclass(frozen=True)
class Manifest:
    """What is known of the files.

    Parameters
    ----------
    files : tuple of FileRecord
        Their entries are those of all trees.
    path : str
        Where the manifest was read; for errors.
    """

    files: tuple[FileRecord, ...]
    path: str = "manifest"

    @cached_property
    def _by_path(self) -> dict[str, FileRecord]:
        return {r.path: r for r in self.files}

    @cached_property
    def _by_name(self) -> dict[str, list[FileRecord]]:
        named: dict[str, list[FileRecord]] = {}
        for record in self.files:
            named.setdefault(Path(record.path).name, []).append(record)
        return named

    @cached_property
    def _by_digest(self) -> dict[str, FileRecord]:
        return {r.sha256: r for r in self.files}

    def find(self, file: str | Path) -> FileRecord | None:
        """Return the record of a file by its name, or None.

        The path as it was given counts first, then the name without folders, if only
        one file has it.
        """
        if (exact := self._by_path.get(str(file))) is not None:
            return exact
        named = self._by_name.get(Path(file).name, [])
        return named[0] if len(named) == 1 else None

    def check(self, file: FileRecord) -> None:
        """Check that the bytes of a file and its friends are those of the manifest.

        A file may have another name or folder, but not other bytes.

        Raises
        ------
        InputError
            If one has changed, or is not in the manifest.
        """
        known = self._by_digest.get(file.sha256)
        if known is None:
            raise self._other(file, self.find(file.path))
        # a friend is in the manifest with the file that it belongs to, or by itself
        own = {friend.sha256 for friend in known.friends}
        for friend in file.friends:
            if friend.sha256 in own or (not own and friend.sha256 in self._by_digest):
                continue
            name = Path(friend.path).name
            then = [f for f in known.friends if Path(f.path).name == name]
            raise self._other(friend, then[0] if then else self.find(friend.path))

    def _other(self, file: FileRecord, then: FileRecord | None) -> InputError:
        if then is None:
            return InputError(
                "the file is not in the manifest", file=file.path, expected=self.path
            )
        return InputError(
            "the file has changed since the manifest was made",
            file=file.path,
            field="sha256",
            found=f"{file.sha256[:16]}...",
            expected=f"{then.sha256[:16]}... ({self.path})",
        )

    def unread(
        self, files: Iterable[FileRecord], skipped: Iterable[SkippedFile]
    ) -> tuple[str, ...]:
        """Return the files of the manifest that are neither read nor skipped."""
        read = {r.sha256 for record in files for r in (record, *record.friends)}
        found = (self.find(file.path) for file in skipped)
        left_out = {record.path for record in found if record is not None}
        return tuple(
            r.path
            for r in self.files
            if r.sha256 not in read and r.path not in left_out
        )

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON document."""
        return {
            "schema": _SCHEMA,
            "files": [
                {
                    **_bytes(r),
                    "friends": [_bytes(friend) for friend in r.friends],
                    "live_time_s": total_live_time(r.runs),
                    "runs": None
                    if r.runs is None
                    else [
                        {
                            "run": run.number,
                            "start_s": run.start_s,
                            "live_time_s": run.live_time_s,
                            "real_time_s": run.real_time_s,
                            "stream": run.stream,
                        }
                        for run in r.runs
                    ],
                }
                for r in self.files
            ],
        }


def total_live_time(runs: Sequence[RunRecord] | None) -> float | None:
    """Sum of the live times of runs, in seconds, exactly rounded."""
    return None if runs is None else math.fsum(run.live_time_s for run in runs)


def _bytes(record: FileRecord) -> dict[str, Any]:
    return {
        "path": record.path, "sha256": record.sha256, "entries": dict(record.entries),
    }  # fmt: skip


def make_manifest(
    files: Sequence[str | Path],
    layout: Layout,
    friends: Sequence[Friend] = (),
    *,
    threads: int = 2,
    progress: Callable[[int, int], None] | None = None,
) -> Manifest:
    """Make a manifest of files.

    Parameters
    ----------
    files : sequence of str or Path
        ROOT files.
    layout : Layout
        Where their runs are; files without such a tree have none.
    friends : sequence of Friend
        Trees that are joined to each of them: their files are checked as well.
    threads : int
        Files that are read at the same time.
    progress : callable, optional
        Called as ``progress(files done, files in all)``.

    Returns
    -------
    Manifest
        In the order of the files.

    Raises
    ------
    InputError
        If a file cannot be read, is there twice, or runs are there twice or overlap.
    """
    records = []
    with ThreadPoolExecutor(threads) as pool:
        for record in pool.map(lambda file: _record(file, layout, friends), files):
            records.append(record)
            if progress is not None:
                progress(len(records), len(files))
    check_files(records)
    return Manifest(tuple(records))


def _record(file: str | Path, layout: Layout, friends: Sequence[Friend]) -> FileRecord:
    with open_file(file) as opened:
        digest = file_digest(file, opened.stamp)
        entries = {tree: describe_tree(opened, tree).entries for tree in opened.trees}
        runs = None
        if layout.runs in opened.trees:
            table = read_runs(opened, layout, ())
            real = table.real_time_s
            columns = (
                table.number.tolist(), table.start_s.tolist(),
                table.live_time_s.tolist(), table.stream.tolist(),
                [None] * len(table.number) if real is None else real.tolist(),
            )  # fmt: skip
            runs = tuple(
                RunRecord(number, start, live, (), stream, real_time_s=real)
                for number, start, live, stream, real in zip(*columns, strict=True)
            )
    # several friends may lie in one file
    beside = {f.path(file): None for f in friends if f.file is not None}
    joined = tuple(_record(path, Layout(runs=None), ()) for path in beside)
    return FileRecord(str(file), digest, entries, runs, friends=joined)


def load_manifest(path: str | Path) -> Manifest:
    """Read a manifest that `nuem manifest` wrote.

    Raises
    ------
    InputError
        If the file is missing or not of that form.
    """
    document = read_json(path)
    schema = document.get("schema") if isinstance(document, dict) else None
    if schema != _SCHEMA:
        raise InputError(
            "not a manifest", file=path, field="schema",
            found="none" if schema is None else shorten(repr(schema)), expected=_SCHEMA,
        )  # fmt: skip
    try:
        return Manifest(tuple(_parsed(entry) for entry in document["files"]), str(path))
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise InputError("the manifest is damaged", file=path, found=error) from error


def _parsed(entry: Mapping[str, Any]) -> FileRecord:
    runs = entry["runs"]
    return FileRecord(
        str(entry["path"]),
        str(entry["sha256"]),
        _entries(entry),
        None
        if runs is None
        else tuple(
            RunRecord(
                int(r["run"]), float(r["start_s"]), float(r["live_time_s"]), (),
                int(r["stream"]),
                real_time_s=None if r["real_time_s"] is None
                else float(r["real_time_s"]),
            )
            for r in runs
        ),
        friends=tuple(
            FileRecord(str(f["path"]), str(f["sha256"]), _entries(f))
            for f in entry["friends"]
        ),
    )  # fmt: skip


def _entries(entry: Mapping[str, Any]) -> dict[str, int]:
    return {str(tree): int(count) for tree, count in entry["entries"].items()}
