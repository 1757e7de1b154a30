"""Files that change while they are read, and files that do not go together."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import uproot

from nuem.analysis.events import (
    Chunking,
    Derived,
    EventPlan,
    Friend,
    Histograms,
    Manifest,
    Place,
    Reading,
    histogram,
    load,
    load_manifest,
    make_manifest,
    merge,
    save,
)
from nuem.analysis.events.runs import Layout
from nuem.inputs.errors import InputError
from nuem.inputs.expressions import parse
from nuem.inputs.files import sha256_file, write_json

from .conftest import events, runs

Write = Callable[..., str]
#: Ways to do the same work.
PLACES = [
    Reading(Place(workers=1), skip_bad=True),
    Reading(chunking=Chunking(entries=1000), skip_bad=True),
    Reading(Place(workers=2), Chunking(entries=40), skip_bad=True),
    Reading(Place(workers=1), Chunking(entries=25, fused=True), skip_bad=True),
    Reading(Place("processes", 2), Chunking(entries=40), skip_bad=True),
]


def one_file(write: Write, name: str, seed: int, first: int, **columns: Any) -> str:
    return write(
        name,
        {"events": events(300, seed, first) | columns, "runs": runs(first)},
        compression=uproot.LZ4(1),
        basket=50,
    )


@pytest.fixture
def files(write: Write) -> list[str]:
    return [one_file(write, f"{n}.root", s, 1 + 10 * s) for s, n in enumerate("abc")]


def damage(path: str) -> None:
    """Overwrite the begin of the last basket of a branch: noticed when it is read."""
    with uproot.open(path) as file:
        branch = file["events"]["adc"]
        at = int(branch.member("fBasketSeek")[branch.num_baskets - 1])
    data = bytearray(Path(path).read_bytes())
    data[at : at + 20] = b"\xff" * 20
    Path(path).write_bytes(data)


def interfering(change: Callable[[], None], after: int) -> Callable[[int, float], None]:
    """Do something once when so many events were read."""
    done: list[bool] = []

    def progress(events: int, part: float) -> None:
        if events >= after and not done:
            done.append(True)
            change()

    return progress


@pytest.mark.parametrize("way", ["replaced", "rewritten"])
@pytest.mark.parametrize("digest", [True, False])
def test_a_file_that_changes_while_it_is_read(
    plan: EventPlan, write: Write, files: list[str], way: str, digest: bool
) -> None:
    other = Path(one_file(write, "other.root", 9, 11)).read_bytes()

    def change() -> None:
        if way == "replaced":
            Path(files[1]).with_name("new").write_bytes(other)
            Path(files[1]).with_name("new").replace(files[1])
        else:
            Path(files[1]).write_bytes(other)

    whole = Path(files[1]).read_bytes()
    cut = Reading(Place(workers=1), Chunking(entries=10), digest=digest)
    with pytest.raises(InputError) as caught:
        histogram(plan, files, cut, progress=interfering(change, 400))
    line = str(caught.value)
    assert line.startswith(
        f"{files[1]}: the file was changed or replaced while it was read: found"
    )
    assert f", expected {len(whole)} bytes of 20" in line
    Path(files[1]).write_bytes(whole)
    skip = replace(cut, skip_bad=True)
    result = histogram(plan, files, skip, progress=interfering(change, 400))
    alone = histogram(plan, [files[0], files[2]], cut)
    assert result.hists == alone.hists
    assert result.live_time_s == alone.live_time_s
    assert result.events == 600
    (lost,) = result.skipped
    assert (lost.path, lost.entries, lost.live_time_s) == (files[1], 300, 5065)


def test_a_small_file_that_changes_before_its_digest(
    plan: EventPlan, write: Write, files: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from nuem.analysis.events import survey

    other = Path(one_file(write, "other.root", 9, 11)).read_bytes()
    fill = survey.fill

    def change(plan: Any, file: Any, *args: Any, **kwargs: Any) -> Any:
        part = fill(plan, file, *args, **kwargs)
        if str(file) == files[1]:
            Path(files[1]).write_bytes(other)
        return part

    monkeypatch.setattr(survey, "fill", change)
    with pytest.raises(InputError, match=r"b.root: the file was changed or replaced"):
        histogram(plan, files)
    monkeypatch.setattr(survey, "fill", fill)
    histogram(plan, files)


def everywhere(plan: EventPlan, files: list[str]) -> Histograms:
    """The one result of all ways to read the files."""
    results = [
        histogram(plan, order, place)
        for order in (files, files[::-1])
        for place in PLACES
    ]
    first = results[0]
    for result in results[1:]:
        assert [s.path for s in result.skipped] == [s.path for s in first.skipped]
        assert [s.live_time_s for s in result.skipped] == [
            s.live_time_s for s in first.skipped
        ]
        plain = [replace(r, skipped=(), warnings=()) for r in (result, first)]
        assert plain[0] == plain[1]
    return first


def test_the_good_copy_of_a_run_takes_the_place_of_a_damaged_one(
    plan: EventPlan, write: Write, files: list[str]
) -> None:
    copy = one_file(write, "d.root", 5, 11)
    result = everywhere(plan, [*files, copy])
    assert [s.path for s in result.skipped] == [copy]
    assert f"run 11, which is also in {files[1]}" in result.skipped[0].reason
    assert result.skipped[0].live_time_s == 5065
    damage(files[1])
    result = everywhere(plan, [*files, copy])
    assert [s.path for s in result.skipped] == [files[1]]
    assert [f.path for f in result.files] == [files[0], files[2], copy]


def test_a_file_that_is_left_out_rules_no_types(plan: EventPlan, write: Write) -> None:
    integer = (events(300)["adc"]).astype("i4")
    odd = one_file(write, "a.root", 0, 1, adc=integer)
    good = [one_file(write, f"{n}.root", s, 10 * s) for s, n in ((1, "b"), (2, "c"))]
    assert [s.path for s in everywhere(plan, [odd, *good]).skipped] == good
    damage(odd)
    result = everywhere(plan, [odd, *good])
    assert [s.path for s in result.skipped] == [odd]


def test_overlapping_runs_are_left_out_alike(
    plan: EventPlan, write: Write, files: list[str]
) -> None:
    late = runs(41)
    late["start"] = runs(11)["start"] + 500
    other = write("d.root", {"events": events(300, 7, 41), "runs": late}, basket=50)
    result = everywhere(plan, [*files, other])
    assert [s.path for s in result.skipped] == [other]
    assert "runs overlap in time" in result.skipped[0].reason


def test_the_same_bytes_twice_are_left_out(plan: EventPlan, write: Write) -> None:
    runless = replace(plan, layout=Layout(runs=None), channels=plan.channels[:1])
    runless = replace(
        runless,
        channels=(replace(plan.channels[0], select=parse("detector == 0")),),
    )
    one = one_file(write, "a.root", 0, 1)
    two = Path(one).with_name("b.root")
    two.write_bytes(Path(one).read_bytes())
    with pytest.raises(
        InputError, match=r"b.root: the same file is there twice: found"
    ):
        histogram(runless, [one, two])
    assert [s.path for s in everywhere(runless, [one, str(two)]).skipped] == [str(two)]


def test_runs_that_overlap_end_the_work_before_the_events_are_read(
    plan: EventPlan, write: Write, files: list[str]
) -> None:
    late = runs(41)
    late["start"] = runs()["start"] + 500
    other = write("aa.root", {"events": events(300, 7, 41), "runs": late}, basket=50)
    seen: list[int] = []
    with pytest.raises(InputError, match=r"aa.root: run 41: runs overlap in time"):
        histogram(
            plan, [*files, other], Reading(Place(workers=1), Chunking(entries=10)),
            progress=lambda n, _: seen.append(n),
        )  # fmt: skip
    assert max(seen, default=0) < 300


def test_an_end_within_another_run(plan: EventPlan, write: Write) -> None:
    early = runs(11)
    early["start"] = runs()["start"] - 500
    one = write("a.root", {"events": events(), "runs": runs()})
    two = write("b.root", {"events": events(first_run=11), "runs": early})
    with pytest.raises(InputError) as caught:
        histogram(plan, [one, two])
    assert str(caught.value) == (
        f"{two}: run 11: runs overlap in time: a clock runs back, or runs are there"
        f" twice: found an end 511 s after the begin of run 1 of {one}, expected one"
        " run after the other"
    )


def test_what_is_known_of_a_refused_file_is_reported(
    plan: EventPlan, files: list[str], write: Write
) -> None:
    copy = one_file(write, "d.root", 5, 11)
    result = histogram(plan, [*files, copy], Reading(skip_bad=True))
    assert result.warnings[-1].endswith(
        "expected each run in one file; lost with it: live time 5065 s, 300 events"
    )
    damage(files[2])
    result = histogram(plan, files, Reading(skip_bad=True))
    assert result.warnings[-1].endswith("lost with it: live time 5115 s, 300 events")


def test_types_are_compared_between_parts(
    plan: EventPlan, write: Write, tmp_path: Path
) -> None:
    one = one_file(write, "a.root", 0, 1)
    odd = one_file(write, "b.root", 1, 11, adc=np.arange(300, dtype="i4"))
    parts = []
    for number in (1, 2):
        part = histogram(plan, [one, odd], Reading(shard=(number, 2)))
        save(part, tmp_path / f"{number}.json")
        parts.append(load(tmp_path / f"{number}.json"))
    message = r"b.root: events: adc: a branch is of another type .* found int32_t"
    with pytest.raises(InputError, match=message):
        merge(parts)
    done = histogram(plan, [one])
    with pytest.raises(InputError, match=message):
        histogram(plan, [one, odd], done=done)
    wide = one_file(write, "c.root", 2, 21, adc=np.ones(300))
    warned = "events: adc is double and float in different files"
    assert histogram(plan, [one, wide], done=done).warnings[-1] == warned
    assert merge([done, histogram(plan, [wide])]).warnings[-1] == warned


def test_files_of_a_manifest_that_no_shard_reads(
    plan: EventPlan, files: list[str], tmp_path: Path
) -> None:
    manifest = make_manifest(files, Layout())
    parts = []
    for number in (1, 2):
        part = histogram(plan, files[:2], Reading(manifest=manifest, shard=(number, 2)))
        assert not any("manifest" in line for line in part.warnings)
        save(part, tmp_path / f"{number}.json")
        parts.append(load(tmp_path / f"{number}.json"))
    alone = histogram(plan, files[:2], Reading(manifest=manifest))
    assert alone.warnings[-1] == f"1 files of the manifest were not read: {files[2]}"
    assert merge(parts) == alone
    assert not histogram(plan, files, Reading(manifest=manifest)).unread


def test_a_skipped_file_in_another_folder_is_not_unread(
    plan: EventPlan, files: list[str], tmp_path: Path
) -> None:
    manifest = make_manifest(files, Layout())
    (tmp_path / "new").mkdir()
    moved = [Path(f).replace(tmp_path / "new" / Path(f).name) for f in files]
    damage(str(moved[1]))
    result = histogram(plan, moved, Reading(manifest=manifest, skip_bad=True))
    assert [s.path for s in result.skipped] == [str(moved[1])]
    assert not any("of the manifest" in line for line in result.warnings)


@pytest.fixture
def joined(plan: EventPlan, write: Write) -> tuple[EventPlan, list[str]]:
    """A plan with a calibration in files of its own, and two files."""
    names = []
    for seed, name in enumerate("ab"):
        columns = events(300, seed, 1 + 10 * seed)
        del columns["adc"]
        names.append(
            write(f"{name}.root", {"events": columns, "runs": runs(1 + 10 * seed)})
        )
        shift = np.random.default_rng(seed).exponential(400, 300).astype("f4")
        write(f"{name}_cal.root", {"shifts": {"adc": shift}})
    made = replace(
        plan,
        friends=(Friend("cal", "shifts", "{stem}_cal.root"),),
        derived=(Derived("E", parse("`cal.adc` / 500")),),
    )
    return made, names


def test_friends_have_a_digest_of_their_own(
    joined: tuple[EventPlan, list[str]], write: Write, tmp_path: Path
) -> None:
    plan, files = joined
    cal = files[1].replace("b.root", "b_cal.root")
    manifest = make_manifest(files, Layout(), plan.friends)
    write_json(tmp_path / "m.json", manifest.to_dict())
    manifest = load_manifest(tmp_path / "m.json")
    assert manifest.files[1].friends[0].sha256 == sha256_file(cal)
    result = histogram(plan, files, Reading(manifest=manifest))
    (record,) = result.files[1].friends
    assert (record.path, record.entries) == (cal, {"shifts": 300})
    assert record.sha256 == sha256_file(cal)
    save(result, tmp_path / "h.json")
    assert load(tmp_path / "h.json") == result
    # friends may be in the manifest by themselves
    beside = [files[0].replace("a.root", "a_cal.root"), cal]
    flat = make_manifest([*files, *beside], Layout())
    assert histogram(plan, files, Reading(manifest=flat)).unread == ()
    bare = Manifest(tuple(replace(f, friends=()) for f in manifest.files))
    with pytest.raises(InputError, match=r"cal.root: the file is not in the manifest"):
        histogram(plan, files, Reading(manifest=bare))
    # the friend of another file is no friend
    whole = Path(cal).read_bytes()
    Path(cal).write_bytes(Path(beside[0]).read_bytes())
    with pytest.raises(InputError, match=r"b_cal.root: sha256: the file has changed"):
        histogram(plan, files, Reading(manifest=manifest))
    with pytest.raises(InputError, match=r"b_cal.root: the file has changed since it"):
        histogram(plan, files, done=result)
    Path(cal).write_bytes(whole)
    assert histogram(plan, files, Reading(manifest=manifest), done=result) == result


def test_a_friend_that_changes_while_it_is_read(
    joined: tuple[EventPlan, list[str]],
) -> None:
    plan, files = joined
    cal = Path(files[0].replace("a.root", "a_cal.root"))
    other = Path(files[1].replace("b.root", "b_cal.root"))
    cut = Reading(Place(workers=1), Chunking(entries=10))
    progress = interfering(lambda: cal.write_bytes(other.read_bytes()) and None, 100)
    with pytest.raises(InputError, match=r"a_cal.root: the file was changed or repl"):
        histogram(plan, files, cut, progress=progress)


def test_types_of_friends_are_compared(
    joined: tuple[EventPlan, list[str]], write: Write
) -> None:
    plan, files = joined
    write("b_cal.root", {"shifts": {"adc": np.arange(300, dtype="i4")}})
    with pytest.raises(InputError, match=r"b.root: cal.adc: a branch is of another"):
        histogram(plan, files)


def test_times_of_runs_with_dead_time(plan: EventPlan, write: Write) -> None:
    """Runs overlap if their real times do, not only their live times."""
    table = runs()
    table["stop"] = table["start"] + 3500.0
    path = write("a.root", {"events": events(), "runs": table})
    real = replace(plan, layout=Layout(real_time=parse("stop - start")))
    assert histogram(real, [path]).live_time_s == histogram(plan, [path]).live_time_s
    (record,) = histogram(real, [path]).files
    assert record.runs is not None
    assert record.runs[0].stop_s == table["start"][0] + 3500
    table["start"][2] -= 1000
    table["stop"][2] -= 1000
    path = write("b.root", {"events": events(), "runs": table})
    assert histogram(plan, [path]).events == 1000
    with pytest.raises(InputError, match=r"found a begin 900 s before run 2 is over"):
        histogram(real, [path])
    with pytest.raises(InputError, match=r"run 2 is over"):
        make_manifest([path], real.layout)
    table["stop"][4] = table["start"][4] + 900
    path = write("c.root", {"events": events(), "runs": table})
    with pytest.raises(
        InputError,
        match=r"bad time: found 900.0 in run 5, expected the live time, 1005",
    ):
        histogram(real, [path])
    for value in (np.inf, np.nan):
        table["stop"][4] = value
        path = write("d.root", {"events": events(), "runs": table})
        with pytest.raises(InputError, match=rf"bad time: found {value} in run 5"):
            histogram(real, [path])


def test_a_file_is_never_counted_in_part(plan: EventPlan, files: list[str]) -> None:
    """Two faults at once: one file vanishes, another has damage."""
    damage(files[0])

    def vanish() -> None:
        os.unlink(files[2])  # noqa: PTH108

    cut = Reading(Place(workers=1), Chunking(entries=10), skip_bad=True)
    result = histogram(plan, files, cut, progress=interfering(vanish, 600))
    alone = histogram(plan, [files[1]])
    assert result.hists == alone.hists
    assert result.live_time_s == alone.live_time_s
    assert result.events == 300
    assert [s.path for s in result.skipped] == [files[0], files[2]]
    assert [s.entries for s in result.skipped] == [300, 300]
