"""A manifest of files of events: sha256, entries and live time of each.

Damage inside a compressed basket need not be noticed on reading: only LZ4 has a
checksum. A manifest that was made when the files were good finds it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from nuem.analysis.events.combine import check_runs
from nuem.analysis.events.rootfile import open_file
from nuem.analysis.events.runs import Layout, read_runs
from nuem.analysis.events.source import describe_tree
from nuem.analysis.events.store import FileRecord, RunRecord
from nuem.inputs.errors import InputError
from nuem.inputs.files import read_json, sha256_file
from nuem.inputs.grammar import shorten

__all__ = ["Manifest", "file_digest", "load_manifest", "make_manifest"]

_SCHEMA = "nuem-manifest-1"


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

    def find(self, file: str | Path) -> FileRecord | None:
        """Return the record of a file by its name, or None.

        The path as it was given counts first, then the name without folders, if only
        one file has it.
        """
        exact = [r for r in self.files if r.path == str(file)]
        named = [r for r in self.files if Path(r.path).name == Path(file).name]
        for found in (exact, named):
            if len(found) == 1:
                return found[0]
        return None

    def check(self, file: str | Path, sha256: str) -> None:
        """Check that the bytes of a file are those of the manifest.

        A file may have another name or folder, but not other bytes.

        Raises
        ------
        InputError
            If the file has changed, or is not in the manifest.
        """
        if any(record.sha256 == sha256 for record in self.files):
            return
        record = self.find(file)
        if record is None:
            raise InputError(
                "the file is not in the manifest", file=file, expected=self.path
            )
        raise InputError(
            "the file has changed since the manifest was made",
            file=file,
            field="sha256",
            found=f"{sha256[:16]}...",
            expected=f"{record.sha256[:16]}... ({self.path})",
        )

    def unread(self, digests: Sequence[str]) -> tuple[str, ...]:
        """Return the files of the manifest that are not among these sha256."""
        return tuple(r.path for r in self.files if r.sha256 not in set(digests))

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON document."""
        return {
            "schema": _SCHEMA,
            "files": [
                {
                    **{k: v for k, v in asdict(r).items() if k != "runs"},
                    "live_time_s": total_live_time(r.runs),
                    "runs": None
                    if r.runs is None
                    else [
                        {
                            "run": run.number,
                            "start_s": run.start_s,
                            "live_time_s": run.live_time_s,
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
    import math

    return None if runs is None else math.fsum(run.live_time_s for run in runs)


def file_digest(file: str | Path) -> str:
    """The sha256 of a file, with an error of one line.

    Raises
    ------
    InputError
        If the file cannot be read.
    """
    try:
        return sha256_file(file)
    except OSError as error:
        raise InputError(
            "cannot be read", file=file, found=(error.strerror or str(error)).lower()
        ) from error


def make_manifest(
    files: Sequence[str | Path],
    layout: Layout,
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
        for record in pool.map(lambda file: _record(file, layout), files):
            records.append(record)
            if progress is not None:
                progress(len(records), len(files))
    seen: dict[str, str] = {}
    for record in records:
        if record.sha256 in seen:
            raise InputError(
                "the same file is there twice", file=record.path,
                found=f"the bytes of {seen[record.sha256]}",
            )  # fmt: skip
        seen[record.sha256] = record.path
    check_runs(records)
    return Manifest(tuple(records))


def _record(file: str | Path, layout: Layout) -> FileRecord:
    digest = file_digest(file)
    with open_file(file) as opened:
        entries = {tree: describe_tree(opened, tree).entries for tree in opened.trees}
        runs = None
        if layout.runs in opened.trees:
            table = read_runs(opened, layout, ())
            columns = (
                table.number.tolist(), table.start_s.tolist(),
                table.live_time_s.tolist(), table.stream.tolist(),
            )  # fmt: skip
            runs = tuple(
                RunRecord(number, start, live, (), stream)
                for number, start, live, stream in zip(*columns, strict=True)
            )
    return FileRecord(str(file), digest, entries, runs)


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
        {str(tree): int(count) for tree, count in entry["entries"].items()},
        None
        if runs is None
        else tuple(
            RunRecord(
                int(r["run"]), float(r["start_s"]), float(r["live_time_s"]), (),
                int(r["stream"]),
            )
            for r in runs
        ),
    )  # fmt: skip
