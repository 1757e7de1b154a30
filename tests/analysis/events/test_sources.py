"""Run lists, power histories, friends, halves, weights and variations."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nuem.analysis.events import (
    ChannelSpec,
    Chunking,
    Cut,
    Derived,
    EventPlan,
    Friend,
    Identity,
    Layout,
    Observable,
    Reading,
    Variation,
    expand,
    histogram,
    load,
    read_power,
    read_run_list,
    save,
)
from nuem.analysis.events.exact import ExactSum, to_float
from nuem.inputs.errors import InputError
from nuem.inputs.expressions import parse

from .conftest import EDGES, events, runs

Write = Callable[..., str]


def test_globs(tmp_path: Path) -> None:
    for name in ("b.root", "a.root", "sub/c.root", "odd[1].root"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    assert [Path(f).name for f in expand([tmp_path / "?.root"])] == ["a.root", "b.root"]
    assert len(expand([f"{tmp_path}/**/*.root"])) == 4
    assert expand([tmp_path / "odd[1].root"]) == (str(tmp_path / "odd[1].root"),)
    assert expand(["none.root"]) == ("none.root",)  # reading says what is wrong
    with pytest.raises(InputError, match=r"x\*.root: no such file"):
        expand([tmp_path / "x*.root"])


CSV = """\
# a comment
file,run,state,live_time_s,start,quality,gain
a.root,1,ON,100,0,good,1.1
a.root,2,off,200,1000,good,1.2
a.root,3,ON,300,2000,bad,1.3
"""
YAML = """\
- {file: a.root, run: 1, state: ON, live_time_s: 100, start: 0, gain: 1.1}
- {file: a.root, run: 2, state: off, live_time_s: 200, start: 1e3, gain: 1.2}
- {file: a.root, run: 3, state: "ON", live_time_s: 300, start: 2e3, quality: bad, gain: 1.3}
"""


@pytest.mark.parametrize(("name", "content"), [("r.csv", CSV), ("r.yaml", YAML)])
@pytest.mark.parametrize("tree", [True, False], ids=["with-tree", "without"])
@pytest.mark.parametrize("fused", [False, True])
def test_run_list(
    write: Write, plan: EventPlan, tmp_path: Path, name: str, content: str, tree: bool,
    fused: bool,
) -> None:  # fmt: skip
    """The list wins over the tree; its calibration is that of each event's run."""
    columns = events()
    columns["reactor_on"] = np.zeros(1000, bool)  # what the events say does not count
    path = write("a.root", {"events": columns, **({"runs": runs()} if tree else {})})
    if not tree:
        keep = columns["run"] <= 3
        columns = {key: column[keep] for key, column in columns.items()}
        path = write("a.root", {"events": columns})
    (tmp_path / name).write_text(content)
    listed = read_run_list(tmp_path / name)
    assert listed.files == (path,)
    plan = replace(
        plan,
        derived=(Derived("E", parse("gain*adc/500")),),
        layout=plan.layout if tree else Layout(runs=None),
        cuts=plan.cuts[:1],
    )
    reading = Reading(run_list=listed, chunking=Chunking(fused=fused))
    result = histogram(plan, listed.files, reading)
    assert result.live_time_s == {
        "d0_on": 100,
        "d1_on": 100,
        "d0_off": 200,
        "d1_off": 200,
    }
    assert result.runs["d0_off"] == ((1000.0, 200.0),)
    chosen = (columns["run"] == 2) & (columns["detector"] == 1) & ~columns["veto"]
    energy = 1.2 * columns["adc"][chosen].astype(float) / 500
    np.testing.assert_array_equal(
        result.hists["d1_off"].values(), np.histogram(energy, EDGES)[0]
    )
    left = int((columns["run"] > 2).sum())
    assert result.bad_runs == left
    assert f"{left} of {len(columns['run'])} events are in runs that" in str(
        result.warnings
    )
    other = write("other.root", {"events": events(), "runs": runs(11)})
    with pytest.raises(
        InputError, match=r"other.root: the file is not in the run list"
    ):
        histogram(plan, [other], reading)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("file,run\n", "no runs"),
        ("file,run\na.root,\n", "row 1: incomplete run: expected run"),
        ("file,run\na.root,1.5\n", r"run 1.5: run: bad value: found 1.5"),
        ("file,run,state\na.root,1,maybe\n", "state: bad value: .* expected ON or OFF"),
        ("file,run,quality\na.root,1,so-so\n", "expected good or bad"),
        ("file,run,live_time_s\na.root,1,.nan\n", "live_time_s: bad value"),
        ("file,run\na.root,1\na.root,1\n", "run 1: a run is there twice"),
        ("file,run,x\na.root,1,2\na.root,2,\n", "different columns"),
        ("file,run\na.root,1,2\n", "row 2: another number of columns"),
        ("file,run\nb*.root,1\n", "no such file"),
        ("file,run,gain, gain\na.root,1,2,3\n", "gain: a column is there twice"),
    ],
)
def test_bad_run_lists(tmp_path: Path, content: str, message: str) -> None:
    (tmp_path / "r.csv").write_text(content)
    with pytest.raises(InputError, match=message):
        read_run_list(tmp_path / "r.csv")


def test_a_listed_run_must_exist_and_have_a_live_time(
    write: Write, plan: EventPlan, tmp_path: Path
) -> None:
    path = write("a.root", {"events": events(), "runs": runs()})
    (tmp_path / "r.csv").write_text("file,run\na.root,1\na.root,9\n")
    listed = read_run_list(tmp_path / "r.csv")
    with pytest.raises(InputError, match=r"a.root: the run list has a run .* run 9"):
        histogram(plan, [path], Reading(run_list=listed))
    (tmp_path / "r.csv").write_text("file,run,start\na.root,1,0\n")
    listed = read_run_list(tmp_path / "r.csv")
    none = replace(plan, layout=Layout(runs=None))
    with pytest.raises(
        InputError, match=r"run list: .*no live time: found live_time_s"
    ):
        histogram(none, [path], Reading(run_list=listed))


def test_dead_time_and_pile_up(write: Write, plan: EventPlan) -> None:
    table = {
        "run": np.arange(1, 6), "reactor_on": np.arange(5) < 3,
        "start": 1e4 * np.arange(5.0), "real_s": np.full(5, 1000.0),
        "dead_s": 10.0 * np.arange(5), "rate_hz": np.full(5, 50.0),
    }  # fmt: skip
    path = write("a.root", {"events": events(), "runs": table})
    live = parse("(real_s - dead_s)*exp(-20e-6*rate_hz)")
    result = histogram(replace(plan, layout=Layout(live_time=live)), [path])
    expected = (3000 - 30) * math.exp(-1e-3)
    assert result.live_time_s["d0_on"] == pytest.approx(expected, rel=1e-15)


def test_power_history(write: Write, plan: EventPlan, tmp_path: Path) -> None:
    """Runs are ON or OFF by their mean power, and their power is averaged."""
    path = write("a.root", {"events": events(), "runs": runs()})
    hours = [0, 1, 1.1, 2, 4, 5]
    power = [1.0, 0.0, 0.0, 0.8, 0.9, 0.9]
    lines = [f"{1.7e9 + 3600 * h},{p}" for h, p in zip(hours, power, strict=True)]
    (tmp_path / "p.csv").write_text("\n".join(["time_s,power", *lines]))
    history = read_power(tmp_path / "p.csv")
    by_power = replace(
        plan, power="power",
        channels=(
            ChannelSpec("on", select=parse("power > 0.5")),
            ChannelSpec("off", select=parse("power < 0.01")),
        ),
    )  # fmt: skip
    result = histogram(by_power, [path], Reading(power=history))
    assert result.live_time_s == {"on": 1001 + 1003 + 1004 + 1005, "off": 1002}
    on = (1001 * 1.0 + 0.8 * (1003 + 1004) + 0.9 * 1005) / 4013
    assert result.power == {"on": pytest.approx(on, rel=1e-14), "off": 0.0}
    with pytest.raises(InputError, match=r"a.root: power: no power|found power"):
        histogram(by_power, [path])
    (tmp_path / "p.csv").write_text("time_s,power\n1.7e9,1\n1.7e9001,1\n")
    with pytest.raises(InputError, match=r"time_s: bad value|times do not ascend"):
        read_power(tmp_path / "p.csv")
    (tmp_path / "p.csv").write_text("time_s,power\n0,1\n1700000100,1\n")
    with pytest.raises(InputError, match=r"a.root: the power history does not cover"):
        histogram(by_power, [path], Reading(power=read_power(tmp_path / "p.csv")))
    for bad in ("time_s,power\n0,1\n", "time_s,power\n0,1\n1,-1\n", "t,p\n0,1\n"):
        (tmp_path / "p.csv").write_text(bad)
        with pytest.raises(InputError, match=r"p.csv: "):
            read_power(tmp_path / "p.csv")


@pytest.mark.parametrize("inside", [True, False], ids=["same-file", "beside"])
@pytest.mark.parametrize("rntuple", [False, True], ids=["ttree", "rntuple"])
def test_friends(write: Write, plan: EventPlan, inside: bool, rntuple: bool) -> None:
    columns = events()
    energy = {"keV": columns["adc"].astype(float) / 500}
    trees: dict[str, Any] = {"events": columns, "runs": runs()}
    if inside:
        trees["calibrated"] = energy
    path = write("a.root", trees, rntuple=rntuple)
    if not inside:
        write("a_cal.root", {"calibrated": energy}, rntuple=rntuple)
    file = None if inside else "{stem}_cal.root"
    joined = replace(
        plan, derived=(Derived("E", parse("`cal.keV`")),),
        friends=(Friend("cal", "calibrated", file),),
    )  # fmt: skip
    result = histogram(joined, [path], Reading(chunking=Chunking(entries=77)))
    assert result.hists == histogram(plan, [path]).hists
    short = {"keV": energy["keV"][:-1]}
    trees |= {"calibrated": short} if inside else {}
    write("a.root", trees, rntuple=rntuple)
    if not inside:
        write("a_cal.root", {"calibrated": short}, rntuple=rntuple)
    with pytest.raises(InputError, match=r"a friend has not one entry .* found 999"):
        histogram(joined, [path])


def test_halves(write: Write, plan: EventPlan) -> None:
    path = write("a.root", {"events": events(), "runs": runs()})
    whole = histogram(plan, [path])
    halves = [
        histogram(
            replace(plan, identity=Identity(("run", "adc"), "key", half)),
            [path], Reading(chunking=Chunking(entries=size)),
        )
        for half, size in (("first", 99), ("second", 1000))
    ]  # fmt: skip
    for name, both in whole.hists.items():
        assert halves[0].hists[name] + halves[1].hists[name] == both
        assert halves[0].live_time_s[name] == whole.live_time_s[name] / 2
    assert halves[0].other_half + halves[1].other_half == 1000
    assert 400 < halves[0].other_half < 600
    assert "live times are 0.5 of those of the runs" in str(halves[0].warnings)
    other = Identity(("run", "adc"), "another", "first")
    assert histogram(replace(plan, identity=other), [path]).hists != halves[0].hists
    with pytest.raises(InputError, match=r"events.identity: .* found reactor_on"):
        histogram(replace(plan, identity=Identity(("reactor_on",), "k")), [path])


@pytest.mark.parametrize("fused", [False, True])
def test_variations_in_one_pass(write: Write, plan: EventPlan, fused: bool) -> None:
    path = write("a.root", {"events": events(), "runs": runs()})
    identity = Identity(("run", "adc"), "smear")
    changes = (
        Variation("gain", frozenset({"d0_on"}), (Derived("E", parse("1.05*E")),)),
        Variation("raw", frozenset({"d1_off"}), (Derived("adc", parse("adc + 30")),)),
        Variation(
            "width", frozenset({"d0_on", "d0_off"}),
            (Derived("E", parse("E + 0.05*normal_deviate")),),
        ),
        Variation(
            "threshold", frozenset({"d1_on"}), (), (Cut("veto", parse("E > 0.4")),)
        ),
    )  # fmt: skip
    varied = replace(plan, variations=changes, identity=identity)
    cut = Chunking(entries=123, fused=fused)
    result = histogram(varied, [path], Reading(chunking=cut))
    assert result.hists == histogram(plan, [path]).hists
    assert {k: set(v) for k, v in result.variations.items()} == {
        v.name: set(v.channels) for v in changes
    }
    one_by_one = {
        "gain": replace(plan, derived=(Derived("E", parse("1.05*(adc/500)")),)),
        "raw": replace(plan, derived=(Derived("E", parse("(adc + 30)/500")),)),
        "width": replace(
            plan, derived=(Derived("E", parse("adc/500 + 0.05*normal_deviate")),),
            identity=identity,
        ),
        "threshold": replace(plan, cuts=(Cut("veto", parse("E > 0.4")), plan.cuts[1])),
    }  # fmt: skip
    for name, other in one_by_one.items():
        alone = histogram(other, [path])
        for channel, histo in result.variations[name].items():
            assert histo == alone.hists[channel], name
            assert histo != result.hists[channel]


def test_variations_that_make_no_sense(plan: EventPlan) -> None:
    for change, message in (
        (Variation("a", frozenset({"no"})), "channels that are not there: found no"),
        (
            Variation("a", frozenset({"d0_on"}), (), (Cut("no", parse("E > 1")),)),
            "cuts that are not there: found no",
        ),
        (
            Variation(
                "a", frozenset({"d0_on"}), (Derived("E", parse("normal_deviate")),)
            ),
            "needs to know what tells the events apart",
        ),
    ):
        with pytest.raises(InputError, match=message):
            replace(plan, variations=(change,))


def test_weights(write: Write, plan: EventPlan, tmp_path: Path) -> None:
    columns = events()
    rng = np.random.default_rng(1)
    columns["w"] = rng.normal(size=1000) * 10.0 ** rng.integers(-12, 12, 1000)
    columns["w"][3] = np.nan
    one = write("a.root", {"events": columns, "runs": runs()})
    two = write(
        "b.root",
        {"events": {**events(first_run=11), "w": np.ones(1000)}, "runs": runs(11)},
    )
    everything = replace(
        plan, channels=(ChannelSpec("all"),), cuts=(), weight=parse("w"),
        observables=(Observable("E", parse("E"), EDGES, "keV"),),
    )  # fmt: skip
    results = [
        histogram(everything, files, Reading(chunking=Chunking(entries=size)))
        for files, size in (([one, two], 10**6), ([two, one], 37))
    ]
    assert results[0] == results[1]
    result = results[0]
    energy = columns["adc"].astype(float) / 500
    values, squares = (
        np.array(x).reshape(-1) for x in result.weighted[""]["all"].rounded()
    )
    for number in range(4):
        inside = (energy >= EDGES[number]) & (energy < EDGES[number + 1])
        weights = columns["w"][inside & ~np.isnan(columns["w"])]
        extra = events(first_run=11)["adc"].astype(float) / 500
        ones = int(((extra >= EDGES[number]) & (extra < EDGES[number + 1])).sum())
        assert values[number + 1] == math.fsum([*weights, *[1.0] * ones])
        assert squares[number + 1] == math.fsum([*weights**2, *[1.0] * ones])
    assert result.cut_flow.channels["all"].nan == 1
    assert result.hists["all"].sum(flow=True) == 1999
    filled = result.weighted[""]["all"].histogram(result.hists["all"])
    assert filled.variances(flow=True).tolist() == squares.tolist()
    save(result, tmp_path / "h.json")
    assert load(tmp_path / "h.json") == result


numbers = st.floats(allow_nan=False, allow_infinity=False, width=64)


@given(st.lists(st.tuples(st.integers(0, 2), numbers), max_size=30), st.integers(0, 30))
def test_sums_are_exact(terms: list[tuple[int, float]], split: int) -> None:
    parts = []
    for chosen in (terms[:split], terms[split:]):
        part = ExactSum(3)
        part.add(
            np.array([i for i, _ in chosen], np.int64),
            np.array([w for _, w in chosen], np.float64),
        )
        parts.append(part)
    for total in (parts[0] + parts[1], parts[1] + parts[0]):
        for number, integer in enumerate(total.integers()):
            exact = sum((Fraction(w) for i, w in terms if i == number), Fraction(0))
            assert Fraction(integer, 2**1126) == exact
    half = ExactSum(1)
    half.add(np.zeros(3, np.int64), np.array([1.0, 2.0**-53, 2.0**-1074]))
    assert to_float(half.integers()[0]) == 1 + 2.0**-52  # rounded up, by the last bit
