"""Selection and counting in one compiled loop over the events of a chunk.

NumPy passes over the events once for each operation; here all of it happens while an
event is in the registers. The loop is written for the plan at hand (`codegen`) and
compiled by numba; it gives the same counts as `select_events` and the filling beside
it, which the tests compare.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import combinations

import numpy as np
import numpy.typing as npt

from nuem.analysis.events.codegen import NotFusableError, Value, write_expression
from nuem.analysis.events.cutflow import CutFlow
from nuem.analysis.events.kernel import (
    HEADER,
    as_float,
    bin_table,
    compiled,
    flow_of,
    one_edge_near,
    run_table,
)
from nuem.analysis.events.loading import Loaded, whole_chunk
from nuem.analysis.events.partial import Partial, empty_hist
from nuem.analysis.events.plan import ChannelSpec, EventPlan, Key, Variation
from nuem.analysis.events.runs import Runs
from nuem.analysis.events.selection import Chunk, Cut, Derived
from nuem.inputs.expressions import Expression

__all__ = ["count"]


def count(plan: EventPlan, tree: str, loaded: Loaded, runs: Runs | None) -> Partial:
    """Count the events of a chunk.

    Parameters
    ----------
    plan : EventPlan
        Without weights.
    tree : str
        Tree of the events.
    loaded : Loaded
        Their arrays.
    runs : Runs, optional
        The runs of the file.

    Returns
    -------
    Partial

    Raises
    ------
    InputError
        If a quantity is not one value per event.
    """
    return _Loop(plan, tree, loaded, runs).count()


class _Scope(ABC):
    """Names and their values in the loop, nominal or under one variation."""

    def __init__(self, loop: _Loop, chunk: Chunk | None, tag: str) -> None:
        self.loop, self.tag = loop, tag
        self.values: dict[str, Value] = {}
        self.derived: dict[str, Expression] = {
            d.name: d.expression for d in loop.plan.derived
        }
        self._chunk = chunk

    @property
    def chunk(self) -> Chunk:
        """The events as NumPy arrays, for what the loop does not compute."""
        if self._chunk is None:
            self._chunk = self.make_chunk()
        return self._chunk

    @abstractmethod
    def make_chunk(self) -> Chunk:
        """Read the columns that NumPy needs."""

    def look_up(self, name: str) -> Value:
        if name in self.values:
            return self.values[name]
        if name in self.derived:
            value = self.expression(self.derived[name], f"derived.{name}")
            value = self.loop.assign(value)
        else:
            value = self.loop.column(name)
        self.values[name] = value
        return value

    def expression(self, expression: Expression, field: str) -> Value:
        """Write an expression, or have NumPy compute it."""
        try:
            return write_expression(expression, self.look_up)
        except NotFusableError:
            return self.loop.hoist(self.chunk.numbers(expression, field))

    def condition(self, expression: Expression, field: str) -> tuple[str, str]:
        """Write a condition, and whether a variable of it is NaN."""
        try:
            values = [self.look_up(name) for name in sorted(expression.names)]
            value = write_expression(expression, self.look_up)
        except NotFusableError:
            mask, nan = self.chunk.holds(expression, field)
            missing = "False" if nan is None else self.loop.hoist(nan).text
            return self.loop.hoist(mask).text, missing
        text = value.text if value.kind == "b" else f"({value.text} != 0)"
        floats = sorted({v.text for v in values if v.kind == "f"})
        return text, " or ".join(f"({x} != {x})" for x in floats) or "False"


class _Nominal(_Scope):
    def make_chunk(self) -> Chunk:
        loop = self.loop
        return whole_chunk(loop.plan, loop.tree, loop.loaded, loop.runs)[0]


class _Varied(_Scope):
    def __init__(
        self, nominal: _Scope, quantities: Sequence[Derived], tag: str
    ) -> None:
        super().__init__(nominal.loop, None, tag)
        self.nominal, self.quantities = nominal, quantities
        for quantity in quantities:
            value = nominal.expression(quantity.expression, f"variations.{tag}")
            self.values[quantity.name] = self.loop.assign(value)

    def make_chunk(self) -> Chunk:
        return self.nominal.chunk.varied(self.quantities)


class _Loop:
    """The source of the loop, and the arrays that it runs over."""

    def __init__(
        self, plan: EventPlan, tree: str, loaded: Loaded, runs: Runs | None
    ) -> None:
        self.plan, self.tree, self.loaded, self.runs = plan, tree, loaded, runs
        self.columns: list[npt.NDArray[np.generic]] = []
        self.run_columns: list[npt.NDArray[np.generic]] = []
        self.names: dict[str, Value] = {}
        self.lines: list[str] = []
        self.variables = 0
        self.indent = 2
        self.channels = plan.of_tree(tree)
        inside = {channel.name for channel in self.channels}
        self.keys: list[Key] = [key for key in plan.keys if key[1] in inside]

    def add(self, line: str) -> None:
        self.lines.append("    " * self.indent + line)

    def assign(self, value: Value) -> Value:
        """Give a value a name of its own."""
        self.variables += 1
        name = f"v{self.variables}"
        self.add(f"{name} = {value.text}")
        return Value(name, value.kind)

    def hoist(self, array: npt.NDArray[np.generic]) -> Value:
        """Take an array along that was computed before the loop."""
        self.columns.append(array)
        kind = {"b": "b", "f": "f"}.get(array.dtype.kind, "i")
        convert = {"b": "bool", "f": "float", "i": "int"}[kind]
        return self.assign(
            Value(f"{convert}(columns[{len(self.columns) - 1}][i])", kind)
        )

    def column(self, name: str) -> Value:
        """Load a branch, or a column of the runs."""
        if name in self.names:
            return self.names[name]
        array = self.loaded.arrays.get(name)
        if array is None and self.runs is not None and name in self.runs.columns:
            array = self.runs.columns[name]
            self.run_columns.append(array)
            place = f"run_columns[{len(self.run_columns) - 1}][row]"
        elif isinstance(array, np.ndarray):
            self.columns.append(array)
            place = f"columns[{len(self.columns) - 1}][i]"
        else:  # lists of hits
            raise NotFusableError(name)
        if array.dtype.name == "uint64":  # its values decide what it is widened to
            raise NotFusableError(name)
        kind = {"b": "b", "f": "f"}.get(array.dtype.kind, "i")
        convert = {"b": "bool", "f": "float", "i": "int"}[kind]
        self.names[name] = self.assign(Value(f"{convert}({place})", kind))
        return self.names[name]

    def count(self) -> Partial:
        """Write the loop, run it, and read what it counted."""
        plan, loaded, runs = self.plan, self.loaded, self.runs
        run, table, low, good = run_table(loaded, runs)
        if run is not None and table is None:  # run numbers too far apart
            assert runs is not None
            rows, known = runs.rows(run)
            if not known.all():
                return whole_chunk(plan, self.tree, loaded, runs)[2]
            run, table, low = rows, np.arange(len(runs.number)), 0
        self.head(run is not None)
        nominal = _Nominal(self, None, "")
        members = {c.name: self.member(nominal, c) for c in self.channels}
        self.overlaps(members)
        slots = {key: number for number, key in enumerate(self.keys)}
        self.body(nominal, None, plan.cuts, members, slots)
        for variation in plan.variations:
            chosen = [c for c in self.channels if c.name in variation.channels]
            if chosen:
                scope = _Varied(nominal, variation.quantities, variation.name)
                varied = {c.name: self.member(scope, c) for c in chosen}
                cuts = plan.cuts_of(variation)
                self.body(scope, variation, cuts, varied, slots)
        kernel = compiled("\n".join([HEADER, *self.lines]))
        bins = [bin_table(observable) for observable in plan.observables]
        shape = [len(observable.edges) + 1 for observable in plan.observables]
        cuts_and_fates = len(plan.cuts) + 3
        fate = np.zeros((len(self.keys), cuts_and_fates), np.int64)
        nan = np.zeros_like(fate)
        hists = np.zeros((len(self.keys), int(np.prod(shape))), np.int64)
        tally = np.zeros(4, np.int64)
        overlap = np.zeros((len(self.channels), len(self.channels)), np.int64)
        nothing = np.zeros(0, np.int64)
        run_count = 0 if runs is None else len(runs.number)
        by_run = np.zeros((len(self.channels), run_count), np.int64)
        kernel(
            loaded.size,
            tuple(self.columns) or (nothing,),
            nothing if run is None else run,
            nothing if table is None else table,
            low,
            tuple(self.run_columns) or (nothing,),
            good,
            np.zeros(0, bool) if loaded.half is None else loaded.half,
            tuple(x for table_of in bins for x in table_of),
            fate, nan, hists, tally, overlap, by_run,
        )  # fmt: skip
        fate[:, -1] = hists.sum(axis=1)
        if tally[0]:  # a run that is not known: the other way names it
            return whole_chunk(plan, self.tree, loaded, runs)[2]
        part = self.read(fate, nan, hists.reshape(-1, *shape), tally, overlap)
        if runs is None:
            return part
        counts = {
            (self.channels[c].name, int(runs.number[row])): int(by_run[c, row])
            for c, row in np.argwhere(by_run).tolist()
        }
        return replace(part, by_run=counts)

    def head(self, with_runs: bool) -> None:
        """Find the run of an event, and leave out what is not used."""
        if with_runs:
            self.add("place = run[i] - low")
            self.add("row = -1")
            self.add("if 0 <= place < table.size:")
            self.add("    row = table[place]")
            self.add("if row < 0:")
            self.add("    tally[0] += 1")
            self.add("    continue")
            self.add("if not good[row]:")
            self.add("    tally[1] += 1")
            self.add("    continue")
        if self.loaded.half is not None:
            self.add("if not half[i]:")
            self.add("    tally[2] += 1")
            self.add("    continue")

    def member(self, scope: _Scope, channel: ChannelSpec) -> str:
        """Write whether an event belongs to a channel."""
        text = "True"
        if channel.select is not None:
            field = f"channels.{channel.name}.select"
            holds, nan = scope.condition(channel.select, field)
            text = f"({holds}) and not ({nan})"
        if channel.runs is not None and self.loaded.run is not None:
            listed = np.isin(self.loaded.run, sorted(channel.runs))
            text = f"({text}) and {self.hoist(listed).text}"
        return self.assign(Value(text, "b")).text

    def overlaps(self, members: Mapping[str, str]) -> None:
        """Count events in no channel, and in two."""
        self.add("times = " + " + ".join(f"int({m})" for m in members.values()))
        self.add("if times == 0:")
        self.add("    tally[3] += 1")
        if len(members) < 2:
            return
        self.add("elif times > 1:")
        names = list(members)
        for a, b in combinations(range(len(names)), 2):
            self.add(f"    if {members[names[a]]} and {members[names[b]]}:")
            self.add(f"        overlap[{a}, {b}] += 1")

    def body(
        self,
        scope: _Scope,
        variation: Variation | None,
        cuts: Sequence[Cut],
        members: Mapping[str, str],
        slots: Mapping[Key, int],
    ) -> None:
        """Write the cuts, and where an event ends up: its fate."""
        conditions = [
            scope.condition(cut.expression, f"cuts.{cut.name}") for cut in cuts
        ]
        axes = [
            self.assign(
                Value(
                    as_float(scope.expression(o.expression, f"observables.{o.name}")),
                    "f",
                )
            ).text
            for o in self.plan.observables
        ]
        energies = [
            x for x, o in zip(axes, self.plan.observables, strict=True) if o.is_energy
        ]
        self.add(f"if {' or '.join(members.values())}:")
        self.indent += 1
        self.add("missing = False")
        self.add("bin = 0")
        word = "if"
        for number, (holds, nan) in enumerate(conditions):
            if nan != "False":
                self.add(f"{word} {nan}:")
                self.add(f"    fated = {number}")
                self.add("    missing = True")
                word = "elif"
            self.add(f"{word} not ({holds}):")
            self.add(f"    fated = {number}")
            word = "elif"
        last = len(conditions)
        nans = " or ".join(f"({x} != {x})" for x in axes)
        self.add(f"{word} {nans}:")
        self.add(f"    fated = {last}")
        if energies:
            self.add(f"elif {' or '.join(f'({x} < 0.0)' for x in energies)}:")
            self.add(f"    fated = {last + 1}")
        self.add("else:")
        self.add(f"    fated = {last + 2}")
        for number, (x, o) in enumerate(zip(axes, self.plan.observables, strict=True)):
            tables = ", ".join(f"bins[{3 * number + k}]" for k in range(3))
            find = "step" if one_edge_near(o) else "search"
            self.add(f"    bin = bin * {len(o.edges) + 1} + {find}({x}, {tables})")
        chosen = {
            slots["" if variation is None else variation.name, name]: inside
            for name, inside in members.items()
        }
        # most events end in a histogram: they are counted there alone
        self.add(f"if fated == {last + 2}:")
        for slot, inside in chosen.items():
            self.add(f"    if {inside}:")
            self.add(f"        hists[{slot}, np.uint64(bin)] += 1")
            if variation is None and self.runs is not None:
                self.add(f"        by_run[{slot}, np.uint64(row)] += 1")
        self.add("else:")
        for slot, inside in chosen.items():
            self.add(f"    if {inside}:")
            self.add(f"        fate[{slot}, fated] += 1")
            self.add("        if missing:")
            self.add(f"            nan[{slot}, fated] += 1")
        self.indent -= 1

    def read(
        self,
        fate: npt.NDArray[np.int64],
        nan: npt.NDArray[np.int64],
        hists: npt.NDArray[np.int64],
        tally: npt.NDArray[np.int64],
        overlap: npt.NDArray[np.int64],
    ) -> Partial:
        """Turn the arrays of the loop into counts."""
        flows, filled = {}, {}
        for slot, key in enumerate(self.keys):
            histogram = empty_hist(self.plan, key[1])
            histogram.view(flow=True)[...] = hists[slot]
            filled[key] = histogram
            if key[0] == "":
                flows[key[1]] = flow_of(self.plan.cuts, fate[slot], nan[slot])
        shared = {}
        for a, b in combinations(range(len(self.channels)), 2):
            one, two = self.channels[a], self.channels[b]
            if overlap[a, b] and not one.may_overlap(two):
                shared[one.name, two.name] = int(overlap[a, b])
        _, bad, other, unassigned = map(int, tally)
        return Partial(
            filled, CutFlow(flows), self.loaded.size, unassigned, bad, other, shared
        )
