from __future__ import annotations

from dataclasses import replace
from typing import Any

import awkward as ak
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nuem.analysis.events import (
    ChannelSpec,
    Cut,
    Derived,
    EventPlan,
    Identity,
    Layout,
    Observable,
    Variation,
)
from nuem.analysis.events.fill import _fill
from nuem.analysis.events.fused import count
from nuem.analysis.events.loading import Loaded
from nuem.analysis.events.runs import Runs
from nuem.inputs.expressions import parse

SPECIAL = [0.0, -0.0, 0.3, 0.5, 1.0, -1.0, np.nan, np.inf, -np.inf, 1e300]
CONDITIONS = [
    "x > 0.3", "not veto", "n == 2 or x < y", "0.1 < x <= y < 2", "veto & (n > 1)",
    "~veto | (x*y > 0.2)", "n & 1", "sqrt(x) < 0.9", "abs(x - y) < 0.5",
    "where(veto, x, n) > 0.4", "isfinite(x) and x/y < 3", "any(hits > 0.5)",
    "log(x) < 0.1", "x**2 + y**2 < 1.5", "E > 0.2", "-n < x", "veto", "n - 1",
    "x / n > 0.1", "gain > 1.05 or x < 1", "stamp - 9007199254740993 > 0", "true",
    "minimum(x, y) < 0.7",
]  # fmt: skip
DERIVED = ["x*gain", "x + y", "13.7e-3*(x/0.142 + 10**y/11.4)", "n", "sum(hits)"]


def arrays(rng: np.random.Generator, size: int) -> dict[str, Any]:
    def floats(kind: str) -> Any:
        x = rng.exponential(0.7, size)
        odd = rng.random(size) < 0.3
        x[odd] = rng.choice(SPECIAL, odd.sum())
        with np.errstate(over="ignore"):
            return x.astype(kind)

    return {
        "x": floats("f4"),
        "y": floats("f8"),
        "n": rng.integers(-3, 4, size).astype("i2"),
        "stamp": rng.integers(9007199254740990, 9007199254740996, size),
        "veto": rng.random(size) < 0.3,
        "hits": ak.unflatten(rng.random(2 * size), np.full(size, 2)),
        "run": rng.integers(1, 6, size).astype("i4"),
        "time": rng.random(size),
    }


def table(good: bool) -> Runs:
    number = np.arange(1, 6)
    columns = {
        "run": number,
        "reactor_on": number % 2 == 1,
        "gain": 1 + 0.03 * number,
    }
    used = np.ones(5, bool)
    used[1] = good
    return Runs(
        "f", number, np.ones(5), 10.0 * number, columns, used, np.zeros(5, np.int64)
    )


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    seed=st.integers(0, 10**6),
    conditions=st.lists(st.sampled_from(CONDITIONS), max_size=3, unique=True),
    derived=st.sampled_from(DERIVED),
    select=st.sampled_from(["reactor_on", "x > 0.5", "reactor_on and n > 0", "veto"]),
    uniform=st.booleans(),
    half=st.sampled_from([None, "first"]),
    good=st.booleans(),
    vary=st.booleans(),
    spread=st.booleans(),
)
def test_the_same_counts_as_numpy(
    seed: int,
    conditions: list[str],
    derived: str,
    select: str,
    uniform: bool,
    half: Any,
    good: bool,
    vary: bool,
    spread: bool,
) -> None:
    rng = np.random.default_rng(seed)
    edges = np.linspace(0, 2, 9) if uniform else np.array([0.0, 0.1, 0.3, 1, 5])
    plan = EventPlan(
        channels=(
            ChannelSpec("a", select=parse(select), overlaps=frozenset({"c"})),
            ChannelSpec("b", select=parse(f"not ({select})")),
            ChannelSpec("c", runs=frozenset({1, 2})),
        ),
        observables=(
            Observable("E", parse("E"), tuple(edges.tolist()), "keV"),
            Observable("y", parse("y"), (-1.0, 0.0, 0.7, 1.0), ""),
        ),
        derived=(Derived("E", parse(derived)),),
        cuts=tuple(Cut(f"c{i}", parse(t)) for i, t in enumerate(conditions)),
        identity=Identity(("run", "time"), "key", half),
    )
    if vary:
        scaled = Variation("up", frozenset("ac"), (Derived("x", parse("1.1*x")),))
        harder = Variation(
            "E", frozenset("b"), (Derived("E", parse("E + 0.01")),),
            tuple(Cut(cut.name, parse("x > 0.6")) for cut in plan.cuts[:1]),
        )  # fmt: skip
        plan = replace(plan, variations=(scaled, harder))
    columns = arrays(rng, 300)
    runs = table(good)
    if spread:
        columns["run"] = columns["run"].astype("i8") * 10**9
        runs = replace(runs, number=runs.number * 10**9)
        plan = replace(
            plan,
            channels=(*plan.channels[:2], ChannelSpec("c", runs=frozenset({10**9}))),
        )
    chosen = None
    if half:
        assert plan.identity is not None
        chosen = plan.identity.chosen([columns["run"], columns["time"]])
    for size in (300, 0):
        part = {name: column[:size] for name, column in columns.items()}
        run = part["run"].astype("i8")
        loaded = [
            Loaded(dict(part), size, run, None if chosen is None else chosen[:size])
            for _ in range(2)
        ]
        assert count(plan, "events", loaded[0], runs) == _fill(
            plan, "events", loaded[1], runs
        )


def test_every_kind_of_expression_counts_the_same() -> None:
    """One loop with a channel for each condition, compiled once."""
    names = [f"k{i}" for i in range(len(CONDITIONS))]
    plan = EventPlan(
        tuple(
            ChannelSpec(name, select=parse(text), overlaps=frozenset(names) - {name})
            for name, text in zip(names, CONDITIONS, strict=True)
        ),
        (Observable("x", parse("x"), (0.0, 0.25, 0.5, 0.75, 1.0), "keV"),),
        derived=(Derived("E", parse("x*gain")),),
    )
    columns = arrays(np.random.default_rng(3), 4000)
    run = columns["run"].astype("i8")
    one, two = (Loaded(dict(columns), 4000, run, None) for _ in range(2))
    fused = count(plan, "events", one, table(True))
    assert fused == _fill(plan, "events", two, table(True))
    assert all(fused.cut_flow.channels[n].assigned > 0 for n in names)


@pytest.mark.parametrize("kind", ["?", "i2", "u4", "f4"])
def test_any_number_is_an_observable(kind: str) -> None:
    values = np.array([0, 1, 1, 1], kind)
    edges = (0.0, 0.5, 0.75, 3.0)
    plan = EventPlan(
        (ChannelSpec("a"),), (Observable("x", parse("x"), edges),), layout=Layout()
    )
    one, two = (Loaded({"x": values}, 4, None, None) for _ in range(2))
    fused = count(plan, "events", one, None)
    assert fused == _fill(plan, "events", two, None)
    assert fused.hists["", "a"].view().tolist() == [1, 0, 3]


@pytest.mark.parametrize(
    "edges", [(0.0, 1.0, 2.0, 3.0), (0.0, 1e-3, 2e-3, 3.0), (-1.0, 1.0)]
)
def test_values_on_edges_and_beyond(edges: tuple[float, ...]) -> None:
    near = [np.nextafter(edges, -9.0), edges, np.nextafter(edges, 9.0)]
    values = np.concatenate([*near, [np.inf, -np.inf, 1e300, -1e300]])
    plan = EventPlan(
        (ChannelSpec("a"),), (Observable("x", parse("x"), edges),), layout=Layout()
    )
    one, two = (Loaded({"x": values}, len(values), None, None) for _ in range(2))
    assert count(plan, "events", one, None) == _fill(plan, "events", two, None)


def test_unknown_runs_are_named_by_both() -> None:
    rng = np.random.default_rng(0)
    plan = EventPlan(
        (ChannelSpec("a"),), (Observable("x", parse("x"), (0.0, 1.0)),), layout=Layout()
    )
    columns = arrays(rng, 10)
    columns["run"][3:5] = 77
    loaded = Loaded(columns, 10, columns["run"].astype("i8"), None)
    for way in (count, _fill):
        part = way(plan, "events", loaded, table(True))
        assert part.unknown_runs == {77: 2}
        assert not part.hists


@pytest.mark.parametrize("text", ["hits > 1", "1 & 2.5"])
def test_what_is_wrong_is_said_by_both(text: str) -> None:
    from nuem.inputs.errors import InputError

    plan = EventPlan(
        (ChannelSpec("a"),),
        (Observable("x", parse("x"), (0.0, 1.0)),),
        cuts=(Cut("c", parse(text)),),
        layout=Layout(runs=None),
    )
    loaded = Loaded(arrays(np.random.default_rng(0), 10), 10, None, None)
    messages = []
    for way in (count, _fill):
        with pytest.raises(InputError) as caught:
            way(plan, "events", loaded, None)
        messages.append(str(caught.value))
    assert messages[0] == messages[1]
