"""What a plan meets in a file, found out before its events are read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from nuem.analysis.events.identity import NORMAL
from nuem.analysis.events.plan import EventPlan
from nuem.analysis.events.rootfile import OpenFile, open_file, open_tree, reading
from nuem.analysis.events.runlist import PowerHistory
from nuem.analysis.events.runs import Runs, read_runs
from nuem.analysis.events.source import column_types, describe_tree, stored_columns
from nuem.analysis.events.stored import Stored
from nuem.inputs.errors import InputError
from nuem.inputs.grammar import shorten

__all__ = ["FileInfo", "inspect_file"]


@dataclass(frozen=True, eq=False)
class FileInfo:
    """What a plan meets in a file.

    Parameters
    ----------
    entries : mapping of str to int
        Entries of each tree of events.
    branches : mapping of str to frozenset of str
        Branches that the plan reads of each tree.
    runs : Runs or None
        The runs, if there is a tree or a list of them.
    friends : mapping of str to frozenset of str
        Columns that the plan reads of each friend.
    types : mapping of str to str
        Type of each branch that the plan reads, by ``tree: branch``.
    stored : mapping of str to mapping of str to Stored
        Where those branches of each tree lie that need not be read by uproot.
    """

    entries: Mapping[str, int]
    branches: Mapping[str, frozenset[str]]
    runs: Runs | None
    friends: Mapping[str, frozenset[str]] = field(default_factory=dict)
    types: Mapping[str, str] = field(default_factory=dict)
    stored: Mapping[str, Mapping[str, Stored]] = field(default_factory=dict)

    def within(self, tree: str, first: int, last: int) -> FileInfo:
        """Return what is needed to read a range of entries of one of the trees."""
        part = {n: s.within(first, last) for n, s in self.stored[tree].items()}
        return replace(self, stored={tree: part})


def inspect_file(
    plan: EventPlan,
    file: str | Path | OpenFile,
    *,
    listed: Sequence[Mapping[str, Any]] | None = None,
    power: PowerHistory | None = None,
) -> FileInfo:
    """Find out which branches a plan needs of a file, and read its runs.

    Parameters
    ----------
    plan : EventPlan
        Channels, cuts and observables.
    file : str, Path or OpenFile
        ROOT file.
    listed, power : optional
        Of a run list and of the reactor, as for `read_runs`.

    Returns
    -------
    FileInfo

    Raises
    ------
    InputError
        If the file, a tree or a branch is missing, a name is neither a branch
        nor a column of the runs, or a derived quantity has the name of a branch.
    """
    with open_file(file) as opened:
        return _inspect(plan, opened, listed, power)


def _inspect(
    plan: EventPlan,
    file: OpenFile,
    listed: Sequence[Mapping[str, Any]] | None,
    power: PowerHistory | None,
) -> FileInfo:
    runs = None
    if plan.layout.runs is not None or listed is not None:
        runs = read_runs(
            file, plan.layout, plan.run_columns(), listed=listed, power=power
        )
    told = set(listed[0]) - {"run", "good"} if listed else set()
    inherited = set() if runs is None else set(runs.columns) - {plan.layout.run}
    joined = {
        f"{friend.name}.{column}": (friend.name, column)
        for friend in plan.friends
        for column in describe_tree(friend.path(file.path), friend.tree).branches
    }
    entries, branches = {}, {}
    friends: dict[str, set[str]] = {friend.name: set() for friend in plan.friends}
    for tree in plan.trees:
        info = describe_tree(file, tree)
        needed = plan.branches(tree)
        if runs is not None:
            needed |= {plan.layout.run}
        taken = {quantity.name for quantity in plan.derived} | {NORMAL}
        if hidden := sorted(taken & info.branches):
            raise InputError(
                "a derived quantity has the name of a branch",
                file=file.path,
                field=f"derived.{hidden[0]}",
            )
        # what a run list says of a run wins over what its events say
        own = (needed & info.branches) - told
        if missing := sorted(needed - own - inherited - set(joined)):
            there = info.branches | inherited | set(joined)
            raise InputError(
                "no such branch or derived quantity",
                file=file.path,
                field=tree,
                found=", ".join(missing),
                expected="one of "
                + shorten(
                    ", ".join(sorted(there | {d.name for d in plan.derived})), 400
                ),
            )
        for name in sorted((needed - own - inherited) & set(joined)):
            friend, column = joined[name]
            friends[friend].add(column)
        entries[tree], branches[tree] = info.entries, own
    _check_friends(plan, file, entries)
    types = {
        f"{tree}: {name}": kind
        for tree, names in branches.items()
        for name, kind in column_types(file, tree, names).items()
    }
    used = {name: frozenset(columns) for name, columns in friends.items()}
    stored = {}
    for tree, names in branches.items():
        with open_tree(file, tree) as opened, reading(file, tree):
            stored[tree] = stored_columns(opened, names)
    return FileInfo(entries, branches, runs, used, types, stored)


def _check_friends(plan: EventPlan, file: OpenFile, entries: Mapping[str, int]) -> None:
    if plan.friends and len(plan.trees) > 1:
        raise InputError(
            "friends of several trees of events", field="events.friends",
            found=", ".join(plan.trees), expected="one tree",
        )  # fmt: skip
    for friend in plan.friends:
        path = friend.path(file.path)
        found = describe_tree(path, friend.tree).entries
        for tree, count in entries.items():
            if found != count:
                raise InputError(
                    "a friend has not one entry for each event", file=path,
                    field=friend.tree, found=f"{found} entries",
                    expected=f"{count}, as {tree} in {file}",
                )  # fmt: skip
