"""Files that are not what they should be: named, and nothing is lost silently."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import uproot

from nuem.analysis.events import (
    Chunking,
    EventPlan,
    Histograms,
    Manifest,
    Reading,
    histogram,
    load,
    load_manifest,
    make_manifest,
    save,
)
from nuem.analysis.events.runs import Layout
from nuem.inputs.errors import InputError

from .conftest import events, runs

Write = Callable[..., str]
SKIP = Reading(skip_bad=True)


@pytest.fixture
def files(write: Write) -> list[str]:
    return [
        write(
            f"{name}.root",
            {"events": events(300, seed, 1 + 10 * seed), "runs": runs(1 + 10 * seed)},
            compression=uproot.ZSTD(1),
        )
        for seed, name in enumerate("abc")
    ]


def good(plan: EventPlan, files: list[str], result: Histograms) -> None:
    """The result is that of the files alone, and the bad one is reported."""
    alone = histogram(plan, files)
    assert result.hists == alone.hists
    assert result.live_time_s == alone.live_time_s
    assert [f.path for f in result.files] == files
    (lost,) = result.skipped
    (line,) = [w for w in result.warnings if w.startswith("skipped")]
    assert lost.reason in line
    assert lost.path in line


def truncated(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-100])


def emptied(path: Path) -> None:
    path.write_bytes(b"")


def directory(path: Path) -> None:
    path.unlink()
    path.mkdir()


def vanished(path: Path) -> None:
    path.unlink()


def text(path: Path) -> None:
    path.write_text("not a ROOT file")


def renamed_branch(path: Path) -> None:
    columns = events(300)
    columns["energy"] = columns.pop("adc")
    with uproot.recreate(path) as file:
        file.mktree("events", columns)
        file.mktree("runs", runs(11))


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (truncated, "the file is truncated: found"),
        (emptied, "not a ROOT file: found an empty file"),
        (directory, "cannot be read: found a directory"),
        (vanished, "no such file"),
        (text, "not a ROOT file: found the first bytes b'not '"),
        (renamed_branch, "no such branch or derived quantity: found adc"),
    ],
)
def test_a_bad_file_stops_the_analysis_or_is_skipped(
    plan: EventPlan, files: list[str], spoil: Callable[[Path], None], message: str
) -> None:
    manifest = make_manifest(files, Layout())
    spoil(Path(files[1]))
    with pytest.raises(InputError) as caught:
        histogram(plan, files)
    assert str(caught.value).startswith(f"{files[1]}: ")
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)
    result = histogram(plan, files, SKIP)
    good(plan, [files[0], files[2]], result)
    assert result.skipped[0].live_time_s is None
    assert "live time unknown" in result.warnings[-1]
    # the manifest knows what is gone
    result = histogram(plan, files, Reading(skip_bad=True, manifest=manifest))
    good(plan, [files[0], files[2]], result)
    assert result.skipped[0].live_time_s == 5000 + 11 + 12 + 13 + 14 + 15
    assert result.skipped[0].entries == 300
    assert "live time 5065 s, 300 events" in result.warnings[-1]


def test_all_files_bad(plan: EventPlan, files: list[str]) -> None:
    for file in files:
        truncated(Path(file))
    with pytest.raises(InputError, match=r"all files are bad; the first: .*truncated"):
        histogram(plan, files, SKIP)


def test_a_file_that_vanishes_while_it_is_read(
    plan: EventPlan, files: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from nuem.analysis.events import execute

    count = execute.count_task

    def vanish(plan: Any, task: Any, info: Any, chunking: Any) -> Any:
        if task.file == files[1] and task.first >= 100:
            Path(task.file).unlink(missing_ok=True)
        return count(plan, task, info, chunking)

    monkeypatch.setattr(execute, "count_task", vanish)
    cut = Chunking(entries=50)
    result = histogram(plan, files, Reading(chunking=cut, skip_bad=True))
    good(plan, [files[0], files[2]], result)
    assert result.skipped[0].reason.startswith(f"{files[1]}: ")
    assert "no such file" in result.skipped[0].reason
    # what was known of it before it went is reported
    assert result.skipped[0].live_time_s == 5065
    assert result.skipped[0].entries == 300


def test_permission(
    plan: EventPlan, files: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    opened = os.open

    def refuse(path: Any, *args: Any, **kwargs: Any) -> int:
        if str(path) == files[2]:
            raise PermissionError(13, "Permission denied")
        return opened(path, *args, **kwargs)

    monkeypatch.setattr(os, "open", refuse)  # root may read everything
    with pytest.raises(InputError, match=r"c.root: cannot be read: found Permission"):
        histogram(plan, files)
    good(plan, files[:2], histogram(plan, files, SKIP))


def flipped(path: Path, branch: str) -> None:
    """Change a bit in the last basket of a branch."""
    with uproot.open(path) as file:
        tree = file["events"]
        key = tree[branch].basket_key(0)
        at = key.data_cursor.index + key.data_uncompressed_bytes // 2
    data = bytearray(path.read_bytes())
    data[at] ^= 0x10
    path.write_bytes(data)


def test_flipped_bytes_are_caught_by_the_manifest(
    plan: EventPlan, write: Write, tmp_path: Path
) -> None:
    files = [
        write(
            f"{n}.root", {"events": events(300, s, 1 + 9 * s), "runs": runs(1 + 9 * s)}
        )
        for s, n in enumerate("ab")
    ]
    path = tmp_path / "manifest.json"
    path.write_text(json.dumps(make_manifest(files, Layout()).to_dict()))
    manifest = load_manifest(path)
    assert manifest == Manifest(make_manifest(files, Layout()).files, str(path))
    before = histogram(plan, files, Reading(manifest=manifest))
    flipped(Path(files[1]), "adc")
    after = histogram(plan, files)  # nothing shows, and this is why there are manifests
    assert after.events == before.events
    with pytest.raises(
        InputError, match=r"b.root: sha256: the file has changed since the manifest"
    ):
        histogram(plan, files, Reading(manifest=manifest))
    result = histogram(plan, files, Reading(manifest=manifest, skip_bad=True))
    good(plan, files[:1], result)
    assert result.skipped[0].live_time_s == 5000 + sum(range(10, 15))


def test_files_the_manifest_does_not_have(plan: EventPlan, files: list[str]) -> None:
    manifest = make_manifest(files[:2], Layout())
    with pytest.raises(InputError, match=r"c.root: the file is not in the manifest"):
        histogram(plan, files, Reading(manifest=manifest))
    result = histogram(plan, files[:1], Reading(manifest=manifest))
    assert result.warnings[-1] == (f"1 files of the manifest were not read: {files[1]}")
    moved = Path(files[0]).with_name("moved.root")
    Path(files[0]).rename(moved)
    assert histogram(plan, [moved], Reading(manifest=manifest)).events == 300


def test_manifests_that_are_none(tmp_path: Path) -> None:
    path = tmp_path / "m.json"
    for document, message in (
        ([], "schema: not a manifest: found none"),
        ({"schema": "other"}, "found 'other', expected nuem-manifest-2"),
        ({"schema": "nuem-manifest-2"}, "the manifest is damaged"),
        ({"schema": "nuem-manifest-2", "files": [{"path": "a"}]}, "damaged"),
    ):
        path.write_text(json.dumps(document))
        with pytest.raises(InputError, match=message):
            load_manifest(path)


def test_a_manifest_of_bad_files(files: list[str], write: Write) -> None:
    copy = Path(files[0]).with_name("copy.root")
    copy.write_bytes(Path(files[0]).read_bytes())
    with pytest.raises(InputError, match=r"copy.root: the same file .* of .*a.root"):
        make_manifest([files[0], copy], Layout())
    again = write("again.root", {"events": events(5), "runs": runs()})
    with pytest.raises(InputError, match=r"again.root: a run is in two files"):
        make_manifest([files[0], again], Layout())


@pytest.mark.parametrize("rntuple", [False, True], ids=["ttree", "rntuple"])
def test_a_branch_of_another_type(write: Write, plan: EventPlan, rntuple: bool) -> None:
    one = write("a.root", {"events": events(), "runs": runs()}, rntuple=rntuple)
    for kind, message in (
        ("i4", "events: adc: a branch is of another type than in another file"),
        ("f8", None),
    ):
        other = events(first_run=11)
        other["adc"] = other["adc"].astype(kind)
        two = write("b.root", {"events": other, "runs": runs(11)}, rntuple=rntuple)
        if message is None:
            assert histogram(plan, [one, two]).warnings[-1] == (
                "events: adc is double and float in different files"
            )
            continue
        with pytest.raises(InputError, match=message) as caught:
            histogram(plan, [one, two])
        assert f"found int32_t, expected float, as in {one}" in str(caught.value)
    strings = events(5, first_run=11)
    strings["adc"] = np.array([[1.0], [2], [3], [4], [5]])
    two = write("b.root", {"events": strings, "runs": runs(11)}, rntuple=rntuple)
    with pytest.raises(InputError, match=r"another type|not one value per event"):
        histogram(plan, [one, two])


def test_a_clock_that_runs_back(write: Write, plan: EventPlan) -> None:
    table = runs()
    table["start"][3] = table["start"][1] + 10
    path = write("a.root", {"events": events(), "runs": table})
    with pytest.raises(InputError) as caught:
        histogram(plan, [path])
    assert str(caught.value) == (
        f"{path}: run 4: runs overlap in time: a clock runs back, or runs are there"
        " twice: found a begin 992 s before run 2 is over, expected one run after the"
        " other"
    )
    # detectors that take runs of their own may do so at the same time
    table["crate"] = np.array([0, 0, 0, 1, 1], "i4")
    path = write("b.root", {"events": events(), "runs": table})
    from dataclasses import replace

    apart = replace(plan, layout=Layout(parallel="crate"))
    assert histogram(apart, [path]).live_time_s["d0_off"] == 1002 + 1004


def test_runs_that_overlap_in_two_files(write: Write, plan: EventPlan) -> None:
    one = write("a.root", {"events": events(), "runs": runs()})
    late = runs(11)
    late["start"] = runs()["start"] + 500
    two = write("b.root", {"events": events(first_run=11), "runs": late})
    with pytest.raises(
        InputError, match=rf"b.root: run 11: .* before run 1 of {one} is"
    ):
        histogram(plan, [one, two])


def test_a_run_without_live_time(write: Write, plan: EventPlan) -> None:
    table = runs()
    del table["live_time_s"]
    path = write("a.root", {"events": events(), "runs": table})
    with pytest.raises(InputError, match=r"live_time_s"):
        histogram(plan, [path])


def test_what_was_skipped_is_kept_in_the_file(
    plan: EventPlan, files: list[str], tmp_path: Path
) -> None:
    truncated(Path(files[2]))
    result = histogram(plan, files, SKIP)
    save(result, tmp_path / "h.json")
    assert load(tmp_path / "h.json") == result
    assert math.isclose(sum(map(len, (result.files, result.skipped))), 3)


@pytest.mark.parametrize("level", ["ttree", "rntuple"])
@pytest.mark.parametrize("seed", range(3))
def test_damage_is_an_error_or_unseen(
    write: Write, plan: EventPlan, level: str, seed: int
) -> None:
    """Nothing but an InputError comes out of a damaged file, whatever is hit."""
    path = Path(
        write(
            "a.root", {"events": events(), "runs": runs()}, rntuple=level == "rntuple",
            compression=uproot.LZ4(1),
        )
    )  # fmt: skip
    data = bytearray(path.read_bytes())
    rng = np.random.default_rng(seed)
    whole = histogram(plan, [path])
    for _ in range(10):
        broken = data.copy()
        at = int(rng.integers(4, len(data) - 8))
        broken[at : at + 8] = rng.bytes(8)
        path.write_bytes(broken)
        try:
            result = histogram(plan, [path])
        except InputError as error:
            assert "\n" not in str(error)  # noqa: PT017
        else:
            assert result.events == whole.events
            assert result.files[0].sha256 != whole.files[0].sha256
