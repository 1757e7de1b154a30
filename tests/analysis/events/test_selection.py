from __future__ import annotations

import awkward as ak
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nuem.analysis.events import (
    ChannelFlow,
    Cut,
    CutCount,
    CutFlow,
    Derived,
    Observable,
)
from nuem.analysis.events.selection import (
    Chunk,
    branches_of,
    check_derived,
    select_events,
)
from nuem.inputs.errors import InputError
from nuem.inputs.expressions import parse

ENERGY = Observable("E", parse("E"), (0.0, 1.0, 2.0), "keV")


def test_cuts_in_their_order_with_nan_and_negative_energies() -> None:
    nan = np.nan
    arrays = {
        "E": np.array([0.5, -0.5, nan, 1.5, 1.5, 1.5]),
        "psd": np.array([0.0, 0.0, 0.0, nan, 3.0, 0.0]),
        "hits": ak.Array([[1.0], [2.0], [1.0], [1.0], [1.0], [nan]]),
    }
    cuts = [Cut("shape", parse("psd < 2")), Cut("hits", parse("any(hits > 0)"))]
    members = {"a": np.ones(6, bool), "b": np.arange(6) < 1, "c": np.zeros(6, bool)}
    accepted, flow = select_events(Chunk(arrays, 6), members, cuts, [ENERGY])
    assert accepted["a"][0].tolist() == [0.5]
    assert flow.channels["a"] == ChannelFlow(
        6, (CutCount("shape", 6, 4, 1), CutCount("hits", 4, 3, 1)), 1, 1, 1
    )
    assert flow.channels["b"].accepted == 1
    assert flow.channels["c"].assigned == 0
    assert accepted["c"][0].shape == (0,)


def test_nan_fails_a_cut_that_would_hold() -> None:
    chunk = Chunk({"x": np.array([np.nan, 1.0])}, 2)
    mask, nan = chunk.holds(parse("not x < 0"), "cuts.a")
    assert mask.tolist() == [False, True]
    assert nan is not None
    assert nan.tolist() == [True, False]
    derived = Chunk({"x": np.array([-1.0, 1.0])}, 2, [Derived("l", parse("log(x)"))])
    assert derived.holds(parse("l != 3"), "cuts.a")[0].tolist() == [False, True]


def test_only_energies_must_not_be_negative() -> None:
    chunk = Chunk({"E": np.array([-1.0, 1.0])}, 2)
    for unit, left in (("keV", 1), ("eVee", 1), ("", 2), ("mm", 2)):
        observable = Observable("E", parse("E"), (-2.0, 2.0), unit)
        _, flow = select_events(chunk, {"a": np.ones(2, bool)}, [], [observable])
        assert flow.channels["a"].accepted == left


def test_an_event_is_left_out_once() -> None:
    arrays = {"E": np.array([-1.0, 1.0, 1.0]), "z": np.array([np.nan, np.nan, 0.0])}
    other = Observable("z", parse("z"), (-1.0, 1.0), "mm")
    everything = {"a": np.ones(3, bool)}
    accepted, flow = select_events(Chunk(arrays, 3), everything, [], [ENERGY, other])
    assert flow.channels["a"] == ChannelFlow(3, (), nan=2, negative=0, accepted=1)
    assert [column.tolist() for column in accepted["a"]] == [[1.0], [0.0]]


def test_derived_quantities() -> None:
    steps = [Derived("E", parse("2 * adc")), Derived("T", parse("E + t"))]
    check_derived(steps)
    chunk = Chunk({"adc": np.array([1, 2]), "t": np.array([0.5, 0.5])}, 2, steps)
    assert chunk.values(parse("T * 2")).tolist() == [5.0, 9.0]
    assert branches_of(["T"], steps) == {"adc", "t"}
    assert branches_of(["E", "x"], steps) == {"adc", "x"}
    for bad in (
        [Derived("a", parse("a + 1"))],
        [Derived("a", parse("b")), Derived("b", parse("c"))],
        [Derived("a", parse("b")), Derived("b", parse("a"))],
    ):
        with pytest.raises(InputError, match=r"derived.a: .* uses itself or one"):
            check_derived(bad)
    with pytest.raises(InputError, match=r"derived.a: derived twice"):
        check_derived([Derived("a", parse("x")), Derived("a", parse("y"))])


def test_a_condition_is_one_value_per_event() -> None:
    chunk = Chunk({"hits": ak.Array([[1.0], []]), "n": np.array([0, 2])}, 2)
    with pytest.raises(
        InputError, match=r"cuts.a: not one value per event: found hits"
    ):
        chunk.holds(parse("hits > 0"), "cuts.a")
    assert chunk.holds(parse("n"), "cuts.a")[0].tolist() == [False, True]
    assert chunk.holds(parse("true"), "cuts.a")[0].tolist() == [True, True]


counts = st.integers(0, 10**12)
flows = st.builds(
    lambda n: CutFlow(
        {c: ChannelFlow(i, (CutCount("x", i, i, 0),), i, 0, i) for c, i in n.items()}
    ),
    st.dictionaries(st.sampled_from("abc"), counts),
)


@given(flows, flows, flows)
def test_cut_flows_add_up(a: CutFlow, b: CutFlow, c: CutFlow) -> None:
    assert (a + b) + c == a + (b + c)
    assert (a + b).to_dict() == {
        key: (b + a).to_dict()[key] for key in (a + b).to_dict()
    }
    assert CutFlow() + a == a
    assert CutFlow.from_dict(a.to_dict()) == a


def test_cut_flows_that_are_none() -> None:
    good = ChannelFlow(1, (CutCount("x", 1, 1),), 0, 0, 1)
    for document in (3, {"a": {}}, {"a": {"cuts": 1}}, {"a": 1}, {"a": {"cuts": [1]}}):
        with pytest.raises(InputError, match="not a cut flow"):
            CutFlow.from_dict(document)  # type: ignore[arg-type]
    wrong = CutFlow({"a": good}).to_dict()
    wrong["a"]["nan"] = -1
    with pytest.raises(InputError, match="counts >= 0"):
        CutFlow.from_dict(wrong)
    other = ChannelFlow(1, (CutCount("y", 1, 1),), 0, 0, 1)
    with pytest.raises(InputError, match="different cuts"):
        good + other


def test_table() -> None:
    flow = CutFlow({"on": ChannelFlow(9, (CutCount("veto", 9, 7, 1),), 2, 1, 4)})
    lines = [line.split() for line in flow.table().splitlines()]
    assert lines[1] == ["on", "veto", "9", "7", "1"]
    assert lines[2] == ["on", "NaN", "observable", "7", "5", "2"]
    assert lines[3] == ["on", "negative", "energy", "5", "4", "0"]


@given(
    st.lists(st.floats(allow_nan=False), max_size=30),
    st.integers(1, 40),
    st.floats(-10, 10),
    st.floats(1e-3, 1e3),
    st.booleans(),
)
def test_bins_are_those_of_the_edges(
    values: list[float], bins: int, low: float, width: float, uniform: bool
) -> None:
    edges = np.linspace(low, low + width, bins + 1)
    if not uniform:
        edges = np.append(edges, edges[-1] + 3 * width)
    observable = Observable("x", parse("x"), tuple(edges.tolist()))
    around = np.concatenate(
        [
            np.array(values),
            edges,
            np.nextafter(edges, -np.inf),
            np.nextafter(edges, np.inf),
        ]
    )
    expected = np.searchsorted(edges, around, side="right")
    np.testing.assert_array_equal(observable.index(around), expected)


def test_bad_edges() -> None:
    for edges in ((), (1.0,), (1.0, 1.0), (2.0, 1.0), (0.0, np.inf), (np.nan, 1.0)):
        with pytest.raises(InputError, match="E: bad bin edges"):
            Observable("E", parse("E"), edges)
