"""``nuem histogram``, ``manifest`` and ``merge`` on several files."""

from __future__ import annotations

import json
import os
import signal
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import uproot
from scipy.integrate import quad

from nuem.analysis.background import time_factor
from nuem.analysis.exposure import measured_exposures
from nuem.analysis.stages import event_plan, histogram_events
from nuem.inputs.catalogue import channels
from nuem.inputs.errors import InputError

from .conftest import SMALL, Load, Nuem

FILES = 4


@pytest.fixture
def experiment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The small experiment, in a folder with four files of events."""
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "quick.yaml"
    path.write_text(SMALL)
    rng = np.random.default_rng(1)
    for number in range(FILES):
        run = 2 * number + np.array([1, 2])
        with uproot.recreate(f"e{number}.root") as file:
            file.mktree("runs", {
                "run": run, "reactor_on": run % 2 == 1, "start": 1e5 * run,
                "live_time_s": np.full(2, 8e4) + run,
            })  # fmt: skip
            size = 300
            file.mktree("events", {
                "run": rng.choice(run, size), "energy": rng.uniform(0.3, 5, size),
                "score": rng.random(size), "time": rng.random(size),
            })  # fmt: skip
    return path


def read(path: str) -> Any:
    return json.loads(Path(path).read_text())


def counts(document: Any) -> Any:
    """What does not depend on how the files were divided."""
    return {k: v for k, v in document.items() if k != "provenance"}


def test_manifest_and_patterns(nuem: Nuem, experiment: Path) -> None:
    answer = nuem("manifest", "e?.root", "-o", "m.json", "--experiment", experiment)
    assert answer.code == 0, answer.err
    files = read("m.json")["files"]
    assert [f["path"] for f in files] == [f"e{n}.root" for n in range(FILES)]
    assert files[1]["live_time_s"] == 160007
    assert files[0]["entries"] == {"events": 300, "runs": 2}
    assert len(files[0]["sha256"]) == 64
    assert json.loads(nuem("manifest", "e0.root").out)["files"] == files[:1]
    assert "--workers" in nuem("manifest", "e0.root", "--workers", "0").error
    answer = nuem(
        "histogram", experiment, "e*.root", "--manifest", "m.json", "-o", "h.json"
    )
    assert answer.code == 0, answer.err
    with Path("e2.root").open("r+b") as file:
        file.seek(-3, 2)
        file.write(b"!")
    answer = nuem(
        "histogram", experiment, "e*.root", "--manifest", "m.json", "-o", "h2.json"
    )
    assert answer.code == 2
    assert "e2.root: sha256: the file has changed since the manifest" in answer.error
    assert not Path("h2.json").exists()


def test_skip_bad(nuem: Nuem, experiment: Path) -> None:
    Path("e1.root").write_bytes(Path("e1.root").read_bytes()[:-50])
    answer = nuem("histogram", experiment, "e*.root", "-o", "h.json")
    assert answer.code == 2
    assert "e1.root: the file is truncated" in answer.err
    answer = nuem("histogram", experiment, "e*.root", "-o", "h.json", "--skip-bad")
    assert answer.code == 0
    assert "warning: skipped e1.root: the file is truncated" in answer.err
    assert "live time unknown" in answer.err
    document = read("h.json")
    assert [f["path"] for f in document["skipped"]] == ["e1.root"]
    assert document["live_time_s"]["on"] == 3 * 8e4 + 1 + 5 + 7
    answer = nuem("run", experiment, "e*.root", "-o", "run", "--skip-bad", "--json")
    assert answer.code == 0, answer.err
    assert any("skipped e1.root" in w for w in json.loads(answer.out)["warnings"])


@pytest.mark.parametrize("place", [(), ("--processes",), ("--dask", "local")])
def test_the_place_does_not_matter(
    nuem: Nuem, experiment: Path, place: tuple[str, ...]
) -> None:
    if place[:1] == ("--dask",):
        pytest.importorskip("distributed")
    assert nuem("histogram", experiment, "e*.root", "-o", "h.json").code == 0
    before = Path("h.json").read_bytes()
    answer = nuem(
        "histogram", experiment, "e*.root", "-o", "h.json", "--workers", "1", *place
    )
    assert answer.code == 0, answer.err
    assert Path("h.json").read_bytes() == before


def test_shards_and_merge(nuem: Nuem, experiment: Path) -> None:
    assert nuem("histogram", experiment, "e*.root", "-o", "h.json").code == 0
    for part in (1, 2, 3):
        answer = nuem(
            "histogram",
            experiment,
            "e*.root",
            "--shard",
            f"{part}/3",
            "-o",
            f"s{part}.json",
        )
        assert answer.code == 0, answer.err
    assert nuem("merge", "s2.json", "s3.json", "s1.json", "-o", "all.json").code == 0
    assert counts(read("all.json")) == counts(read("h.json"))
    made, whole = (read(path)["provenance"] for path in ("all.json", "h.json"))
    assert made == {**whole, "merged": 3}
    assert nuem("template", experiment, "-o", "t.json").code == 0
    answer = nuem(
        "workspace", experiment, "--histograms", "all.json", "--template", "t.json",
        "-o", "ws.json",
    )  # fmt: skip
    assert answer.code == 0, answer.err
    answer = nuem("merge", "s1.json", "s1.json", "s3.json", "-o", "no.json")
    assert answer.code == 2
    assert "not all shards, or one twice" in answer.error
    assert nuem("histogram", experiment, "e0.root", "--shard", "3/2").code == 2


def test_an_interrupted_call_goes_on(
    nuem: Nuem, experiment: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert nuem("histogram", experiment, "e*.root", "-o", "h.json").code == 0
    whole = read("h.json")
    Path("h.json").unlink()
    from nuem.analysis.events import execute

    meet = execute.Account.take
    calls = []

    def interrupt(self: Any, *arguments: Any) -> None:
        calls.append(arguments[0])
        if len(calls) == 3:
            raise KeyboardInterrupt
        meet(self, *arguments)

    monkeypatch.setattr(execute.Account, "take", interrupt)
    answer = nuem("histogram", experiment, "e*.root", "-o", "h.json")
    assert answer.code == 130
    assert "what is done is in h.json.part: call again" in answer.err
    assert not Path("h.json").exists()
    other = nuem("histogram", experiment, "e*.root", "-o", "h.json", "--strict")
    assert other.code == 2
    assert "h.json.part: an interrupted call with other settings" in other.error
    answer = nuem("histogram", experiment, "e*.root", "-o", "h.json")
    assert "going on after 2 files" in answer.err
    assert calls[3:] == ["e2.root", "e3.root"]
    assert read("h.json") == whole
    assert not Path("h.json.part").exists()


def test_a_terminated_call_goes_on(
    nuem: Nuem, experiment: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A batch system that ends the job loses what is under way, and no more."""
    assert nuem("histogram", experiment, "e*.root", "-o", "h.json").code == 0
    whole = Path("h.json").read_bytes()
    Path("h.json").unlink()
    from nuem.analysis.events import execute

    take = execute.Account.take
    calls = []

    def terminate(self: Any, *arguments: Any) -> None:
        calls.append(arguments[0])
        if len(calls) == 3:
            os.kill(os.getpid(), signal.SIGTERM)
            time.sleep(60)
        take(self, *arguments)

    monkeypatch.setattr(execute.Account, "take", terminate)
    answer = nuem("histogram", experiment, "e*.root", "-o", "h.json")
    assert answer.code == 143
    assert "what is done is in h.json.part: call again" in answer.err
    assert answer.err.splitlines()[-1] == "nuem: terminated"
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
    answer = nuem("histogram", experiment, "e*.root", "-o", "h.json")
    assert "going on after 2 files" in answer.err
    assert Path("h.json").read_bytes() == whole


def test_an_error_keeps_what_is_done(
    nuem: Nuem, experiment: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same call goes on when the input is mended, and without a file of nothing."""
    whole = Path("e2.root").read_bytes()
    Path("e2.root").write_bytes(whole[:-50])
    from nuem.analysis.events import execute

    take, taken = execute.Account.take, []

    def once(self: Any, name: str, *arguments: Any) -> None:
        taken.append(name)
        take(self, name, *arguments)

    monkeypatch.setattr(execute.Account, "take", once)
    how = ("histogram", experiment, "e*.root", "-o", "h.json", "--workers", "1")
    answer = nuem(*how)
    assert answer.code == 2
    assert "e2.root: the file is truncated" in answer.error
    assert Path("h.json.part").exists()
    assert taken == ["e0.root", "e1.root"]
    Path("e2.root").unlink()
    answer = nuem(*how)
    assert answer.code == 0, answer.err
    assert "going on after 2 files" in answer.err
    assert taken == ["e0.root", "e1.root", "e3.root"]
    assert [f["path"] for f in read("h.json")["files"]] == taken


def test_what_is_not_asked_for_any_more_is_said(
    nuem: Nuem, experiment: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from nuem.analysis.events import execute

    Path("e1.root").write_bytes(Path("e1.root").read_bytes()[:-50])
    take = execute.Account.take

    def interrupt(self: Any, name: str, *arguments: Any) -> None:
        if name == "e3.root":
            raise KeyboardInterrupt
        take(self, name, *arguments)

    monkeypatch.setattr(execute.Account, "take", interrupt)
    how = ("histogram", experiment, "-o", "h.json", "--skip-bad")
    assert nuem(*how, "e*.root").code == 130
    monkeypatch.setattr(execute.Account, "take", take)
    answer = nuem(*how, "e0.root", "e2.root", "e3.root")
    assert answer.code == 0, answer.err
    assert (
        "nuem: e1.root: not asked for any more, of no account in h.json" in answer.err
    )
    assert read("h.json")["skipped"] == []


def test_an_interrupted_run_goes_on(
    nuem: Nuem, experiment: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from nuem.analysis.events import execute

    take = execute.Account.take
    calls = []

    def interrupt(self: Any, *arguments: Any) -> None:
        calls.append(arguments[0])
        if len(calls) == 3:
            raise KeyboardInterrupt
        take(self, *arguments)

    monkeypatch.setattr(execute.Account, "take", interrupt)
    answer = nuem("run", experiment, "e*.root", "-o", "r")
    assert answer.code == 130
    assert "what is done is in r/histograms.json.part: call again" in answer.err
    answer = nuem("run", experiment, "e*.root", "-o", "r")
    assert answer.code == 0, answer.err
    assert "going on after 2 files" in answer.err
    assert calls[3:] == ["e2.root", "e3.root"]
    assert not Path("r/histograms.json.part").exists()


def test_run_list_and_power(nuem: Nuem, experiment: Path, load: Load) -> None:
    rows = ["file,run,state,quality"]
    rows += [f"e0.root,{n},{s},good" for n, s in ((1, "OFF"), (2, "ON"))]
    rows += ["e1.root,3,ON,bad", "e1.root,4,OFF,good"]
    Path("runs.csv").write_text("\n".join(rows))
    answer = nuem("histogram", experiment, "--runs", "runs.csv", "-o", "h.json")
    assert answer.code == 0, answer.err
    assert read("h.json")["live_time_s"] == {"on": 80002, "off": 80001 + 80004}
    assert "of the run list" not in answer.err
    answer = nuem(
        "histogram", experiment, "e0.root", "--runs", "runs.csv", "-o", "x.json"
    )
    assert answer.code == 0, answer.err
    assert "runs.csv: 1 files of the run list are not read: e1.root" in answer.err
    Path("p.csv").write_text("time_s,power\n0,0.5\n2.5e5,0.9\n1e6,0\n")
    answer = nuem(
        "histogram", experiment, "e*.root", "--power", "p.csv", "-o", "p.json",
        "--set", "events.power={source: core}",
    )  # fmt: skip
    assert answer.code == 0, answer.err
    on = read("p.json")["power"]["on"]
    assert on == pytest.approx((0.5 * 80001 + 0.9 * (80003 + 80005 + 80007)) / 320016)


def test_power_scales_the_signal(experiment: Path, load: Load) -> None:
    from nuem.analysis.events import Reading, read_power
    from nuem.analysis.stages import make_template, make_workspace

    Path("p.csv").write_text("time_s,power\n0,0.5\n1e6,0\n")
    reading = Reading(power=read_power("p.csv"))
    files = [f"e{n}.root" for n in range(FILES)]
    signal = []
    for settings in ([], ["events.power={source: core}"]):
        loaded = load(*settings)
        histograms = histogram_events(loaded, files, reading)
        exposure = measured_exposures(loaded, histograms)["on"]
        assert exposure.power == (0.5 if settings else 1.0)
        spec = make_workspace(loaded, histograms, make_template(loaded)).spec
        (channel,) = [c for c in spec["channels"] if c["name"] == "on"]
        (sample,) = [
            s for s in channel["samples"]
            if any(m["name"] == "mu" for m in s["modifiers"])
        ]  # fmt: skip
        signal.append(np.array(sample["data"]))
    np.testing.assert_allclose(signal[1], 0.5 * signal[0], rtol=1e-12)


def test_decay_between_begin_and_end_of_the_runs(experiment: Path, load: Load) -> None:
    """Neither dead time nor half of the events makes a run end sooner."""
    files = [f"e{n}.root" for n in range(FILES)]
    layout = (
        "events.runs={tree: runs, live_time: 0.25*live_time_s, real_time: live_time_s}"
    )
    identity = "events.identity={columns: [run, time], key: a, half: first}"
    factors, live = [], []
    for settings in ((), (layout,), (identity,), (layout, identity)):
        loaded = load(*settings)
        found = histogram_events(loaded, files)
        exposures = measured_exposures(loaded, found)
        live.append([exposures[c.name].live_time_d for c in channels(loaded)])
        factors.append(
            [
                time_factor(loaded.backgrounds[1], exposures[c.name], c, loaded)
                for c in channels(loaded)
            ]
        )
    whole, dead, half, both = np.array(live)
    np.testing.assert_allclose([dead / whole, half / whole, both / whole],
                               [[0.25] * 2, [0.5] * 2, [0.125] * 2])  # fmt: skip
    np.testing.assert_allclose(factors[1:], factors[:1] * 3, rtol=1e-12)
    # the runs that are off are 2, 4, 6 and 8; the first of all begins at 1e5 s
    run = np.array([2, 4, 6, 8])
    start, length = 1e5 * (run - 1) / 86400, (8e4 + run) / 86400
    mean = [
        quad(lambda t: 2 ** (-t / 60), a, a + b)[0] / b
        for a, b in zip(start, length, strict=True)
    ]
    assert factors[1][1] == pytest.approx(np.average(mean, weights=length), rel=1e-9)


def test_weights_are_no_counts(nuem: Nuem, experiment: Path) -> None:
    weight = ("--set", "events.weight=1 + score")
    assert nuem("histogram", experiment, "e*.root", "-o", "h.json", *weight).code == 0
    assert nuem("template", experiment, "-o", "t.json", *weight).code == 0
    answer = nuem(
        "workspace", experiment, "--histograms", "h.json", "--template", "t.json",
        "-o", "ws.json", *weight,
    )  # fmt: skip
    assert answer.code == 2
    assert "events.weight: weighted events are no counts" in answer.err


def test_variations_of_an_experiment_file(load: Load) -> None:
    plan = event_plan(
        load(
            "events.variations=[{name: up, periods: [on], quantities: {energy: 1.1*energy}}]"
        )
    )
    assert plan.variations[0].channels == {"on"}
    with pytest.raises(InputError, match=r"events.variations.up.periods: no 'dawn'"):
        load(
            "events.variations=[{name: up, periods: [dawn], cuts: {score: score > 0}}]"
        )
    with pytest.raises(InputError, match="a variation of nothing"):
        load("events.variations=[{name: up}]")
    with pytest.raises(InputError, match=r"events.power.source: no 'sun'"):
        load("events.power={source: sun}")
