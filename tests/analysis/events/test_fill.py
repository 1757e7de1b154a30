from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import awkward as ak
import numpy as np
import pytest

from nuem.analysis.events import (
    ChannelSpec,
    Chunking,
    Cut,
    Derived,
    EventPlan,
    Histograms,
    Layout,
    Observable,
    Place,
    Reading,
    Variation,
    histogram,
    read_runs,
)
from nuem.analysis.events.fill import fill
from nuem.inputs.errors import InferenceError, InputError
from nuem.inputs.expressions import parse

from .conftest import EDGES, events, runs

Write = Callable[..., str]


def equal(a: Histograms, b: Histograms) -> bool:
    return (
        a.cut_flow == b.cut_flow
        and a.live_time_s == b.live_time_s
        and a.runs == b.runs
        and all(a.hists[name] == b.hists[name] for name in a.hists)
    )


@pytest.mark.parametrize("rntuple", [False, True], ids=["ttree", "rntuple"])
def test_counts_live_times_and_cut_flow(
    write: Write, plan: EventPlan, rntuple: bool
) -> None:
    columns = events()
    path = write("a.root", {"events": columns, "runs": runs()}, rntuple=rntuple)
    result = histogram(plan, [path])
    odd = columns["run"] % 2 == 1
    passing = ~columns["veto"] & np.asarray(ak.any(columns["hits"] > 0.5, axis=1))
    energy = columns["adc"].astype(float) / 500
    for detector in (0, 1):
        for period, on in (("on", odd), ("off", ~odd)):
            name = f"d{detector}_{period}"
            chosen = passing & (columns["detector"] == detector) & on
            expected = np.histogram(energy[chosen], EDGES)[0]
            values = result.hists[name].values()
            np.testing.assert_array_equal(values, expected)
            assert result.hists[name].sum(flow=True) == chosen.sum()
            assert result.cut_flow.channels[name].accepted == chosen.sum()
    assert result.live_time_s["d0_on"] == 1001 + 1003 + 1005
    assert result.live_time_s["d1_off"] == 1002 + 1004
    hours = {1: 0, 3: 2, 5: 4}
    assert result.runs["d1_on"] == tuple(
        (1.7e9 + 3600.0 * hour, 1000.0 + run) for run, hour in hours.items()
    )
    assert result.files[0].entries == {"events": 1000}
    outside = int((columns["detector"] == 2).sum())
    assert result.warnings == (f"{outside} of 1000 events are in no channel",)
    axis = result.hists["d0_on"].axes[0]
    assert axis.name == "energy"
    assert axis.label == "energy [keV]"
    assert tuple(axis.edges) == EDGES


@pytest.mark.parametrize("rntuple", [False, True], ids=["ttree", "rntuple"])
def test_any_chunks_and_threads_give_the_same(
    write: Write, plan: EventPlan, rntuple: bool
) -> None:
    one = write(
        "a.root", {"events": events(400), "runs": runs()}, rntuple=rntuple, basket=16
    )
    more = events(300, seed=8, first_run=11)
    two = write("b.root", {"events": more, "runs": runs(11)}, rntuple=rntuple)
    whole = Reading(Place(workers=1), Chunking(entries=10**9))
    reference = histogram(plan, [one, two], whole)
    seen: list[tuple[int, float]] = []
    for reading in (
        Reading(chunking=Chunking(entries=37)),
        Reading(Place(workers=3), Chunking(entries=399)),
        Reading(chunking=Chunking(memory=1000)),
        Reading(chunking=Chunking(entries=50, fused=True)),
        None,
    ):
        seen.clear()
        result = histogram(
            plan, [two, one], reading, progress=lambda *n: seen.append(n)
        )
        assert equal(result, reference)
        assert result == reference
        assert seen[-1] == (700, 1.0)
    parts = [fill(plan, one, i, i + 100, "events") for i in (300, 0, 200, 100)]
    total = parts[0] + parts[1] + parts[2] + parts[3]
    assert total.events == 400
    at_once = fill(plan, one, 0, 400, "events")
    assert total.cut_flow == at_once.cut_flow
    assert total.hists == at_once.hists


def test_several_trees_several_observables_and_no_runs(write: Write) -> None:
    rng = np.random.default_rng(0)
    trees = {
        name: {"E": rng.exponential(1, 500), "z": rng.normal(size=500)} for name in "ab"
    }
    path = write("a.root", trees)
    plan = EventPlan(
        channels=(ChannelSpec("A", tree="a"), ChannelSpec("B", "b", parse("z < 0"))),
        observables=(
            Observable("E", parse("E"), EDGES, "keV"),
            Observable("z", parse("z"), (-1.0, 0.0, 0.7, 1.0), "mm"),
        ),
        layout=Layout(runs=None),
    )
    result = histogram(plan, [path], Reading(chunking=Chunking(entries=77)))
    assert result.live_time_s == {"A": None, "B": None}
    expected = np.histogram2d(
        trees["a"]["E"], trees["a"]["z"], [EDGES, (-1.0, 0.0, 0.7, 1.0)]
    )[0]
    np.testing.assert_array_equal(result.hists["A"].values(), expected)
    assert result.hists["A"].sum(flow=True) == 500
    assert result.hists["B"].sum(flow=True) == (trees["b"]["z"] < 0).sum()


def test_run_lists(write: Write, plan: EventPlan) -> None:
    columns = events()
    path = write("a.root", {"events": columns, "runs": runs()})
    chosen = replace(
        plan,
        cuts=(),
        channels=(
            ChannelSpec("first", runs=frozenset({1, 2})),
            ChannelSpec(
                "second", select=parse("reactor_on"), runs=frozenset({4, 5, 9})
            ),
        ),
    )
    result = histogram(chosen, [path])
    assert result.live_time_s == {"first": 2003, "second": 1005}
    assert result.cut_flow.channels["first"].assigned == (columns["run"] <= 2).sum()
    assert result.cut_flow.channels["second"].assigned == (columns["run"] == 5).sum()
    assert "second: no file has its run 9" in result.warnings


def test_overlapping_channels(write: Write, plan: EventPlan) -> None:
    columns = events()
    path = write("a.root", {"events": columns, "runs": runs()})
    low = ChannelSpec("low", select=parse("E < 1"))
    high = ChannelSpec("high", select=parse("E > 0.5"))
    both = replace(plan, channels=(low, high))
    energy = columns["adc"].astype(float) / 500
    shared = int(((energy > 0.5) & (energy < 1)).sum())
    for size in (100, 1000):
        with pytest.raises(InputError) as caught:
            histogram(both, [path], Reading(chunking=Chunking(entries=size)))
        assert str(caught.value) == (
            f"{path}: channels.low, channels.high: channels overlap: found {shared} events in"
            " both, expected none, or the overlap declared"
        )
    declared = replace(high, overlaps=frozenset({"low"}))
    result = histogram(replace(plan, channels=(low, declared)), [path])
    assert result.cut_flow.channels["high"].assigned == (energy > 0.5).sum()


def test_live_time_needs_a_condition_on_runs_alone(
    write: Write, plan: EventPlan
) -> None:
    path = write("a.root", {"events": events(), "runs": runs()})
    mixed = ChannelSpec("a", select=parse("reactor_on or detector == 1"))
    with pytest.raises(
        InputError, match=r"the live time is not defined: .*detector == 1"
    ):
        histogram(replace(plan, channels=(mixed,)), [path])
    # a derived quantity of columns of the runs is one of them
    late = replace(
        plan,
        derived=(*plan.derived, Derived("hour", parse("(start - 1.7e9) / 3600"))),
        channels=(ChannelSpec("late", select=parse("hour > 2.5 and E < 9")),),
    )
    assert histogram(late, [path]).live_time_s == {"late": 1004 + 1005}


def test_an_energy_calibrated_by_run_is_one_of_the_events(
    write: Write, plan: EventPlan
) -> None:
    columns = events()
    table = runs()
    table["gain"] = 1 + 0.1 * np.arange(len(table["run"]))
    path = write("a.root", {"events": columns, "runs": table})
    derived = (
        Derived("energy", parse("gain*adc/500")),
        Derived("more", parse("energy + 1")),
        Derived("either", parse("reactor_on or adc > 3")),
        Derived("chosen", parse("where(reactor_on, adc, 0)")),
        Derived("doubled", parse("2*gain")),
    )

    def selected(condition: str) -> Histograms:
        channel = ChannelSpec("low", select=parse(condition))
        return histogram(
            replace(plan, cuts=(), derived=(*plan.derived, *derived), channels=(channel,)),
            [path],
        )  # fmt: skip

    calibrated = columns["adc"] * table["gain"][columns["run"] - 1] / 500
    for condition in ("energy < 1.2", "more < 2.2"):
        found = selected(condition)
        assert found.cut_flow.channels["low"].assigned == (calibrated < 1.2).sum()
        assert found.live_time_s == {"low": table["live_time_s"].sum()}
    for condition in ("either", "chosen > 0", "energy < doubled", "energy < gain"):
        with pytest.raises(InputError, match="the live time is not defined"):
            selected(condition)


def test_runs_must_be_known_and_unique(write: Write, plan: EventPlan) -> None:
    stray = events(10, first_run=4)
    stray["run"] = np.array([1, 2, 3, 4, 5, 77, 88, 77, 1, 1], "i4")
    path = write("a.root", {"events": stray, "runs": runs()})
    for size in (3, 10):
        with pytest.raises(
            InputError, match=r"runs: events of runs .* found 3 events of run 77, 88"
        ):
            histogram(plan, [path], Reading(chunking=Chunking(entries=size)))
    one = write("b.root", {"events": events(), "runs": runs()})
    two = write("c.root", {"events": events(seed=9, first_run=4), "runs": runs(4)})
    with pytest.raises(InputError, match=r"c.root: a run is in two .* run 4.*b.root"):
        histogram(plan, [one, two])
    no_runs = replace(plan, layout=Layout(runs=None), channels=(ChannelSpec("all"),))
    same = Path(one).with_name("copy.root")
    same.write_bytes(Path(one).read_bytes())
    with pytest.raises(InputError, match=r"copy.root: the same file .* of .*b.root"):
        histogram(no_runs, [one, same])


def test_read_runs(write: Write) -> None:
    table = runs()
    shuffled = {name: column[::-1] for name, column in table.items()}
    path = write("a.root", {"runs": shuffled})
    result = read_runs(path, Layout())
    assert result.number.tolist() == [1, 2, 3, 4, 5]
    assert result.live_time_s.tolist() == table["live_time_s"].tolist()
    assert set(result.columns) == set(table)
    rows, known = result.rows(np.array([5, 9, -3, 1]))
    assert rows[[0, 3]].tolist() == [4, 0]
    assert known.tolist() == [True, False, False, True]
    far = write(
        "b.root", {"runs": {**table, "run": np.array([1, 5, 9, 10**7, 10**12])}}
    )
    assert read_runs(far, Layout()).rows(np.array([10**7, 7]))[1].tolist() == [
        True,
        False,
    ]


@pytest.mark.parametrize(
    ("column", "values", "message"),
    [
        ("run", [1, 2, 2, 3, 4], "runs: run: a run is there twice: found 2"),
        ("run", [1.0, 2.5, 3, 4, 5], "runs: run: not a run number: found 2.5"),
        ("run", [1.0, np.nan, 3, 4, 5], "runs: run: not a run number: found nan"),
        (
            "run",
            np.array([1, 2, 3, 4, 2**63], "u8"),
            r"runs: run: not a run number: found 9223372036854775808, expected below",
        ),
        (
            "live_time_s",
            [1.0, -2, 3, 4, 5],
            "live_time_s: bad time: found -2.0 in run 2",
        ),
        ("start", [1.0, np.inf, 3, 4, 5], "start: bad time: found inf in run 2"),
        (
            "live_time_s",
            [1.0, 2, np.nan, 4, 5],
            "live_time_s: bad time: found nan in run 3",
        ),
    ],
)
def test_bad_runs(write: Write, column: str, values: list[float], message: str) -> None:
    path = write("a.root", {"runs": {**runs(), column: np.array(values)}})
    with pytest.raises(InputError, match=message):
        read_runs(path, Layout())


@pytest.mark.parametrize("cut", ["run != 3", "not veto and start > 1.7e9", "odd"])
def test_a_cut_on_runs_would_leave_their_live_time(
    write: Write, plan: EventPlan, cut: str
) -> None:
    path = write("a.root", {"events": events(), "runs": runs()})
    odd = (*plan.derived, Derived("odd", parse("reactor_on == 1")))
    for change in (
        {"cuts": (Cut("late", parse(cut)),)},
        {
            "cuts": (Cut("late", parse("E > 0")),),
            "variations": (
                Variation("v", frozenset({"d0_on"}), cuts=(Cut("late", parse(cut)),)),
            ),
        },
    ):
        with pytest.raises(
            InputError, match=r"a.root: cuts.late: a cut on runs would leave their live"
        ):
            histogram(replace(plan, derived=odd, **change), [path])


def test_no_live_time_and_no_events(write: Write, plan: EventPlan) -> None:
    dead = {**runs(), "live_time_s": np.zeros(5)}
    path = write("a.root", {"events": events(), "runs": dead})
    with pytest.raises(InferenceError, match="the live time is zero") as caught:
        histogram(plan, [path])
    assert caught.value.exit_code == 1
    partly = {**runs(), "live_time_s": np.array([1.0, 0, 1, 0, 1])}
    path = write("b.root", {"events": events(), "runs": partly})
    assert "d0_off: the live time is zero" in histogram(plan, [path]).warnings
    one = {**runs(), "live_time_s": np.array([1.0, 1, 0, 1, 1])}
    path = write("d.root", {"events": events(), "runs": one})
    with pytest.raises(
        InputError,
        match=r"d.root: run 3: events of a run without live time: found \d+ events in the"
        r" histogram of d0_on in 0 s, expected a live time above 0",
    ):
        histogram(plan, [path])
    other = {**events(), "run": np.full(1000, 1, "i4")}
    path = write("e.root", {"events": other, "runs": one})
    assert histogram(plan, [path]).live_time_s["d0_on"] == 2
    path = write("c.root", {"events": events(), "runs": runs()})
    nothing = replace(plan, cuts=(Cut("none", parse("E > 1e6")),))
    with pytest.raises(InferenceError, match="no event is selected"):
        histogram(nothing, [path])
    empty = {name: column[:0] for name, column in events(5).items() if name != "hits"}
    path = write("d.root", {"events": empty, "runs": runs()})
    with pytest.raises(InferenceError, match="found 0 events"):
        histogram(replace(plan, cuts=()), [path])


def test_nan_and_negative_energies_are_counted(write: Write, plan: EventPlan) -> None:
    columns = events()
    columns["adc"][:10] = np.nan
    columns["adc"][10:30] = -1
    path = write("a.root", {"events": columns, "runs": runs()})
    everything = replace(plan, channels=(ChannelSpec("all"),), cuts=())
    result = histogram(everything, [path])
    assert result.warnings == (
        "all: 10 events with NaN in an observable",
        "all: 20 events with a negative energy",
    )
    assert result.hists["all"].sum(flow=True) == 970
    with pytest.raises(InputError, match=r"10 events with NaN .* 20 events with a neg"):
        histogram(everything, [path], strict=True)
    cut = replace(everything, cuts=(Cut("t", parse("E < 1e9")),))
    assert (
        histogram(cut, [path]).warnings[0] == "all: 10 events with NaN in the cut 't'"
    )


def test_names_that_are_not_there(write: Write, plan: EventPlan) -> None:
    columns: dict[str, Any] = {**events(), "E": np.zeros(1000)}
    path = write("a.root", {"events": columns, "runs": runs()})
    with pytest.raises(InputError, match=r"derived.E: a derived quantity has the name"):
        histogram(plan, [path])
    path = write("b.root", {"events": events(), "runs": runs()})
    other = replace(plan, cuts=(Cut("a", parse("psd > 0 or trigger")),))
    with pytest.raises(
        InputError, match=r"b.root: events: .* found psd, trigger.*veto"
    ):
        histogram(other, [path])
    jagged = replace(plan, cuts=(Cut("a", parse("hits > 0")),))
    with pytest.raises(InputError, match=r"b.root: cuts.a: not one value per event"):
        histogram(jagged, [path])
    with pytest.raises(InputError, match=r"b.root: nope: no such tree"):
        histogram(replace(plan, layout=Layout(runs="nope")), [path])
    with pytest.raises(InputError, match="no files"):
        histogram(plan, [])


def test_plans_that_make_no_sense(plan: EventPlan) -> None:
    for change, message in (
        ({"channels": ()}, "channels: there are none"),
        ({"observables": ()}, "observables: there are none"),
        ({"channels": plan.channels[:1] * 2}, "channels: named twice: found d0_on"),
        ({"cuts": plan.cuts[:1] * 2}, "cuts: named twice: found veto"),
        ({"derived": (Derived("a", parse("a")),)}, "derived.a: a derived quantity"),
        (
            {"channels": (ChannelSpec("a", overlaps=frozenset("b")),)},
            "channels.a.overlaps: no such channel: found b",
        ),
    ):
        with pytest.raises(InputError, match=message):
            replace(plan, **change)  # type: ignore[arg-type]


def test_a_bad_file_among_good_ones_is_named(write: Write, plan: EventPlan) -> None:
    good = write("a.root", {"events": events(), "runs": runs()})
    bad = Path(write("b.root", {"events": events(), "runs": runs(11)}))
    bad.write_bytes(bad.read_bytes()[:-10])
    with pytest.raises(InputError, match=r"b.root: the file is truncated"):
        histogram(plan, [good, bad])


@pytest.mark.data
def test_xenon1t_calibration_free_data(data_folder: Path) -> None:
    (path,) = (data_folder / "xenon1t_sr1").glob("*none_SR1*.root")
    plan = EventPlan(
        channels=tuple(ChannelSpec(f"r{i}", tree=f"tree_{i}") for i in range(3)),
        observables=(
            Observable("E", parse("E"), tuple(float(e) for e in range(13)), "keV"),
        ),
        derived=(Derived("E", parse("13.7e-3 * (cs1/0.142 + 10**cs2/11.4)")),),
        layout=Layout(runs=None),
    )
    result = histogram(plan, [path])
    assert result.files[0].entries == {"tree_0": 269, "tree_1": 150, "tree_2": 123}
    inner = [0, 11, 43, 29, 32, 35, 34, 25, 32, 22, 5, 1]
    assert result.hists["r0"].values(flow=True).tolist() == [0, *inner, 0]
    assert [int(h.sum(flow=True)) for h in result.hists.values()] == [269, 150, 123]
