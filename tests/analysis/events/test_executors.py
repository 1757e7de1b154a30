"""The same result wherever the work is done, in how many parts, and after a fall."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from nuem.analysis.events import (
    Chunking,
    EventPlan,
    Histograms,
    Place,
    Reading,
    histogram,
    load,
    merge,
    save,
)
from nuem.inputs.errors import InferenceError, InputError
from nuem.inputs.expressions import parse

from .conftest import events, runs

Write = Callable[..., str]
CUT = Chunking(entries=60)


@pytest.fixture
def files(write: Write) -> list[str]:
    return [
        write(
            f"{name}.root",
            {"events": events(200, seed, 1 + 10 * seed), "runs": runs(1 + 10 * seed)},
            rntuple=seed % 2 == 1,
        )
        for seed, name in enumerate("abcde")
    ]


@pytest.fixture
def weighted(plan: EventPlan) -> EventPlan:
    return replace(plan, weight=parse("0.1 + adc/3"))


def test_processes(weighted: EventPlan, files: list[str]) -> None:
    alone = histogram(weighted, files)
    apart = Reading(Place("processes", 2), CUT)
    assert histogram(weighted, files[::-1], apart) == alone
    missing = [*files, "none.root"]
    with pytest.raises(InputError, match=r"^none.root: no such file"):
        histogram(weighted, missing, apart)


def test_a_dask_cluster(weighted: EventPlan, files: list[str]) -> None:
    distributed = pytest.importorskip("distributed")
    with (
        distributed.LocalCluster(
            n_workers=1, threads_per_worker=2, processes=False, dashboard_address=None
        ) as cluster,
    ):
        place = Place("dask", address=cluster.scheduler_address)
        result = histogram(weighted, files, Reading(place, CUT))
        assert result == histogram(weighted, files)
        Path(files[3]).write_bytes(b"")
        with pytest.raises(InputError, match=r"d.root: not a ROOT file"):
            histogram(weighted, files, Reading(place, CUT))


def test_an_error_on_a_cluster_is_one_line(files: list[str]) -> None:
    """Answers that come too late are not logged as errors."""
    pytest.importorskip("distributed")
    Path(files[2]).write_bytes(b"")
    script = f"""
from nuem.analysis.events import *
from nuem.analysis.events.runs import Layout
from nuem.inputs.errors import InputError
from nuem.inputs.expressions import parse
if __name__ == "__main__":
    plan = EventPlan(
        (ChannelSpec("all"),), (Observable("E", parse("adc"), (0.0, 1e3), "keV"),),
        layout=Layout(),
    )
    try:
        histogram(
            plan, {files!r}, Reading(Place("dask", workers=3), Chunking(entries=5))
        )
    except InputError as error:
        print(error)
"""
    path = Path(files[0]).with_name("script.py")
    path.write_text(script)
    done = subprocess.run(
        [sys.executable, str(path)], capture_output=True, text=True, check=True
    )
    assert done.stdout.startswith(f"{files[2]}: not a ROOT file")
    assert done.stderr == ""


def test_no_cluster(plan: EventPlan, files: list[str]) -> None:
    pytest.importorskip("distributed")
    for address in ("tcp://127.0.0.1:1", "nonsense://x"):
        with pytest.raises(InputError, match="--dask: no dask scheduler there"):
            histogram(plan, files, Reading(Place("dask", address=address)))
    with pytest.raises(InputError, match="workers: no workers: found 0"):
        Place(workers=0)


@pytest.mark.parametrize("count", [1, 2, 5, 7])
def test_shards(
    weighted: EventPlan, files: list[str], tmp_path: Path, count: int
) -> None:
    alone = histogram(weighted, files, provenance={"configuration": {"stage": "h"}})
    parts = []
    for number in range(1, count + 1):
        part = histogram(
            weighted, files, Reading(chunking=CUT, shard=(number, count)),
            provenance={"configuration": {"stage": "h", "shard": [number, count]}},
        )  # fmt: skip
        save(part, tmp_path / f"{number}.json")
        parts.append(load(tmp_path / f"{number}.json"))
    merged = merge(parts[::-1])
    assert merged.provenance == {"configuration": {"stage": "h"}, "merged": count}
    assert replace(merged, provenance=alone.provenance) == alone
    if count > 1:
        with pytest.raises(InputError, match="--shard: not all shards"):
            merge(parts[1:])
        with pytest.raises(InputError, match="not all shards, or one twice"):
            merge([*parts, parts[0]])


def test_parts_that_do_not_belong_together(plan: EventPlan, files: list[str]) -> None:
    one = histogram(plan, files[:2])
    with pytest.raises(InputError, match=r"b.root: the same file is there twice"):
        merge([one, histogram(plan, files[1:])])
    other = replace(plan, channels=plan.channels[:2])
    with pytest.raises(InputError, match="hists: parts of different kinds"):
        merge([one, histogram(other, files[2:])])
    wide = replace(plan, observables=(replace(plan.observables[0], edges=(0.0, 1.0)),))
    with pytest.raises(InputError, match="parts with other bins"):
        merge([one, histogram(wide, files[2:])])
    with pytest.raises(InputError, match="no parts"):
        merge([])
    settings = histogram(plan, files[2:], provenance={"configuration": {"a": 1}})
    with pytest.raises(InputError, match="part 2: made with other settings"):
        merge([one, settings])
    nothing = replace(plan, cuts=(replace(plan.cuts[0], expression=parse("E > 1e9")),))
    shard = Reading(shard=(1, 1))
    with pytest.raises(InferenceError, match="no event is selected"):
        merge([histogram(nothing, files, shard)])


class Fall(Exception):
    """What happens in the middle."""


def interrupted(
    plan: EventPlan, files: list[str], after: int, kept: list[Histograms], what: Any
) -> None:
    def progress(events: int, part: float) -> None:
        if events >= after:
            raise what

    with pytest.raises(what):
        histogram(
            plan, files, Reading(Place(workers=1), CUT), progress=progress,
            checkpoint=kept.append,
        )  # fmt: skip


@pytest.mark.parametrize("what", [KeyboardInterrupt, Fall])
def test_what_is_done_is_kept_and_gone_on_from(
    weighted: EventPlan, files: list[str], tmp_path: Path, what: Any
) -> None:
    kept: list[Histograms] = []
    interrupted(weighted, files, 650, kept, what)
    save(kept[-1], tmp_path / "h.part")
    done = load(tmp_path / "h.part")
    assert [f.path for f in done.files] == files[:3]
    seen: list[int] = []
    result = histogram(weighted, files, done=done, progress=lambda n, _: seen.append(n))
    assert seen[-1] == 400
    assert result == histogram(weighted, files)
    # with all of it done, nothing is left to read
    assert histogram(weighted, files, done=result) == result


def test_what_changed_since_is_named(plan: EventPlan, files: list[str]) -> None:
    kept: list[Histograms] = []
    interrupted(plan, files, 450, kept, Fall)
    with pytest.raises(InputError, match=r"a.root: .* not asked for now"):
        histogram(plan, files[1:], done=kept[-1])
    path = Path(files[1])
    path.write_bytes(path.read_bytes() + b"\0")
    with pytest.raises(InputError, match=r"b.root: the file has changed since"):
        histogram(plan, files, done=kept[-1])


def test_a_checkpoint_now_and_then(
    plan: EventPlan, files: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from nuem.analysis.events import execute

    monkeypatch.setattr(execute, "_CHECKPOINT", 0.0)
    kept: list[Histograms] = []
    result = histogram(plan, files, checkpoint=kept.append)
    assert [len(h.files) for h in kept] == [1, 2, 3, 4, 5]
    assert kept[-1].hists == result.hists


@pytest.mark.parametrize("time", [1, 2])
def test_a_worker_that_is_killed_loses_nothing(
    plan: EventPlan, files: list[str], time: int
) -> None:
    """One of four worker processes is killed midway; its work is done again."""
    distributed = pytest.importorskip("distributed")
    import os
    import signal

    alone = histogram(plan, files)
    with distributed.LocalCluster(
        n_workers=4, threads_per_worker=1, dashboard_address=None
    ) as cluster:
        victims = [worker.pid for worker in cluster.workers.values()]
        killed: list[int] = []

        def kill(events: int, part: float) -> None:
            if events >= 300 and not killed:
                killed.append(victims[time])
                os.kill(victims[time], signal.SIGKILL)

        place = Place("dask", address=cluster.scheduler_address)
        result = histogram(
            plan, files, Reading(place, Chunking(entries=10)), progress=kill
        )
    assert killed
    assert result == alone


def test_a_process_that_dies_is_one_line_and_what_is_done_is_kept(
    plan: EventPlan, files: list[str]
) -> None:
    import multiprocessing

    kept: list[Histograms] = []

    def kill(events: int, part: float) -> None:
        if events >= 450:
            for process in multiprocessing.active_children():
                process.kill()

    with pytest.raises(InferenceError, match="a worker died"):
        histogram(
            plan, files, Reading(Place("processes", 1), Chunking(entries=5)),
            progress=kill, checkpoint=kept.append,
        )  # fmt: skip
    assert kept
    done = histogram(plan, files, done=kept[-1])
    assert done == histogram(plan, files)
