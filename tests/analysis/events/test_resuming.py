"""What an interrupted or failed call leaves, and how the next one goes on from it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nuem.analysis.events import (
    Chunking,
    EventPlan,
    Histograms,
    Place,
    Reading,
    histogram,
    load,
    save,
)
from nuem.inputs.errors import InputError

from .conftest import events, runs

Write = Callable[..., str]
CUT = Reading(Place(workers=1), Chunking(entries=60))
SKIP = replace(CUT, skip_bad=True)


@pytest.fixture
def files(write: Write) -> list[str]:
    return [
        write(
            f"{name}.root",
            {"events": events(200, seed, 1 + 10 * seed), "runs": runs(1 + 10 * seed)},
        )
        for seed, name in enumerate("abcdefghij")
    ]


class Fall(Exception):
    """What happens in the middle."""


def fallen(
    plan: EventPlan, files: list[str], after: int, reading: Reading, where: Path
) -> Histograms:
    """Return what a call leaves that ends in the middle."""
    kept: list[Histograms] = []

    def progress(events: int, part: float) -> None:
        if events >= after:
            raise Fall

    with pytest.raises(Fall):
        histogram(plan, files, reading, progress=progress, checkpoint=kept.append)
    save(kept[-1], where)
    return load(where)


def truncate(path: str) -> None:
    Path(path).write_bytes(Path(path).read_bytes()[:-50])


def test_what_was_skipped_is_not_reported_twice(
    plan: EventPlan, files: list[str], tmp_path: Path
) -> None:
    truncate(files[1])
    alone = histogram(plan, files, SKIP)
    done = fallen(plan, files, 450, SKIP, tmp_path / "h.part")
    assert [s.path for s in done.skipped] == [files[1]]
    result = histogram(plan, files, SKIP, done=done)
    assert len(result.skipped) == 1
    assert result == alone


def test_a_file_that_was_mended_counts_on_resuming(
    plan: EventPlan, files: list[str], tmp_path: Path
) -> None:
    whole = Path(files[1]).read_bytes()
    truncate(files[1])
    done = fallen(plan, files, 450, SKIP, tmp_path / "h.part")
    Path(files[1]).write_bytes(whole)
    assert histogram(plan, files, done=done) == histogram(plan, files)


@pytest.mark.parametrize("fault", ["truncated", "overlap", "type"])
def test_an_error_keeps_what_is_done(
    plan: EventPlan, files: list[str], write: Write, fault: str
) -> None:
    path = Path(files[8])
    whole = path.read_bytes()
    columns, table = events(200, 8, 81), runs(81)
    if fault == "overlap":
        table["start"] = runs(1)["start"] + 500
    if fault == "type":
        columns["adc"] = columns["adc"].astype("i4")
    write("i.root", {"events": columns, "runs": table})
    if fault == "truncated":
        truncate(files[8])
    kept: list[Histograms] = []
    with pytest.raises(InputError, match=r"i.root: "):
        histogram(plan, files, CUT, checkpoint=kept.append)
    assert kept
    done = kept[-1]
    assert files[8] not in [record.path for record in done.files]
    # without the bad file, and with it mended, the work goes on
    rest = [f for f in files if f != files[8]]
    assert histogram(plan, rest, CUT, done=done) == histogram(plan, rest)
    path.write_bytes(whole)
    assert histogram(plan, files, CUT, done=done) == histogram(plan, files)


def test_files_of_which_nothing_came_need_not_be_asked_for(
    plan: EventPlan, files: list[str], write: Write, tmp_path: Path
) -> None:
    table = runs(161)
    table["live_time_s"][:] = 0
    empty = write("0.root", {
        "events": {k: np.asarray(v[:0]) if k != "hits" else v[:0]
                   for k, v in events(5).items()},
        "runs": table,
    })  # fmt: skip
    truncate(files[0])
    done = fallen(plan, [empty, *files], 350, SKIP, tmp_path / "h.part")
    assert empty in [record.path for record in done.files]
    assert histogram(plan, files[1:], done=done) == histogram(plan, files[1:])
    with pytest.raises(InputError, match=r"b.root: .* not asked for now"):
        histogram(plan, files[2:], done=done)


@pytest.mark.parametrize("digest", [True, False])
@pytest.mark.parametrize("way", ["size", "time", "gone"])
def test_a_file_that_changed_since(
    plan: EventPlan, files: list[str], tmp_path: Path, digest: bool, way: str
) -> None:
    reading = replace(CUT, digest=digest)
    done = fallen(plan, files, 450, reading, tmp_path / "h.part")
    assert len(done.files) == 2
    assert (done.files[0].size_and_mtime_ns is None) == digest
    assert bool(done.files[0].sha256) == digest
    assert histogram(plan, files, reading, done=done) == histogram(plan, files, reading)
    path = Path(files[1])
    data = bytearray(path.read_bytes())
    if way == "size":
        path.write_bytes(data + b"\0")
    elif way == "time":
        data[-1] ^= 1
        path.write_bytes(data)
    else:
        path.unlink()
    message = "no such file" if way == "gone" else "the file has changed since it was"
    with pytest.raises(InputError, match=rf"b.root: {message}"):
        histogram(plan, files, reading, done=done)


def test_an_interrupt_between_counts_and_record(
    plan: EventPlan, files: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The moment at which a file would count twice after going on."""
    from nuem.analysis.events import account

    plus = account.PairwiseSum.plus
    kept: list[Histograms] = []

    def interrupt(self: Any, part: Any) -> Any:
        if self.count == 2 and part.events == 200:
            monkeypatch.setattr(account.PairwiseSum, "plus", plus)
            raise KeyboardInterrupt
        return plus(self, part)

    monkeypatch.setattr(account.PairwiseSum, "plus", interrupt)
    with pytest.raises(KeyboardInterrupt):
        histogram(plan, files, CUT, checkpoint=kept.append)
    assert kept[-1].events == 200 * len(kept[-1].files)
    assert histogram(plan, files, done=kept[-1]) == histogram(plan, files)


def test_many_files_are_compared_in_little_time() -> None:
    """What is done for each file does not grow with their number."""
    import time

    from nuem.analysis.events import Manifest
    from nuem.analysis.events.conflicts import check_files
    from nuem.analysis.events.store import FileRecord, RunRecord, SkippedFile

    count = 20_000
    records = [
        FileRecord(
            f"folder/{n}.root", f"{n:064x}", {"events": 1},
            (RunRecord(n, 10.0 * n, 9.0, ("on",)),), {"events: adc": "float"},
        )
        for n in range(count)
    ]  # fmt: skip
    manifest = Manifest(tuple(records))
    skipped = [SkippedFile(f"{n}.root", "bad") for n in range(0, count, 2)]
    begun = time.process_time()
    check_files(records[::-1])
    for record in records:
        manifest.check(record)
    assert not manifest.unread(records[1::2], skipped)
    assert time.process_time() - begun < 5
