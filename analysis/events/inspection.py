"""What a plan meets in a file, found out before its events are read."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, NamedTuple

from nuem.analysis.events.identity import NORMAL
from nuem.analysis.events.localfile import Stamp
from nuem.analysis.events.plan import EventPlan, Friend
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
    stamps : mapping of str to Stamp
        What each later opening must find: by path, of the file itself and of those
        of its friends.
    """

    entries: Mapping[str, int]
    branches: Mapping[str, frozenset[str]]
    runs: Runs | None
    friends: Mapping[str, frozenset[str]] = field(default_factory=dict)
    types: Mapping[str, str] = field(default_factory=dict)
    stored: Mapping[str, Mapping[str, Stored]] = field(default_factory=dict)
    stamps: Mapping[str, Stamp] = field(default_factory=dict)

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
    stamps = {str(file.path): file.stamp}
    beside = {
        friend.name: _look_at(friend, file, plan.run_columns(), stamps)
        for friend in plan.friends
    }
    joined = {
        f"{name}.{column}": (name, column)
        for name, friend in beside.items()
        for column in friend.branches
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
    _check_friends(plan, file, entries, beside)
    types = {
        f"{tree}: {name}": kind
        for tree, names in branches.items()
        for name, kind in column_types(file, tree, names).items()
    }
    types |= {
        f"{name}.{column}": beside[name].types[column]
        for name, columns in friends.items()
        for column in columns
    }
    used = {name: frozenset(columns) for name, columns in friends.items()}
    stored = {}
    for tree, names in branches.items():
        with open_tree(file, tree) as opened, reading(file, tree):
            stored[tree] = stored_columns(opened, names)
    return FileInfo(entries, branches, runs, used, types, stored, stamps)


class _Beside(NamedTuple):
    """A friend: its file, and what is in it; types of what the plan asks for."""

    path: str
    entries: int
    branches: frozenset[str]
    types: Mapping[str, str]


def _look_at(
    friend: Friend, file: OpenFile, asked: Collection[str], stamps: dict[str, Stamp]
) -> _Beside:
    path = friend.path(file.path)
    source = file if friend.file is None else path
    with open_file(source, stamps.get(path)) as opened:
        stamps[path] = opened.stamp
        info = describe_tree(opened, friend.tree)
        own = {column for column in info.branches if f"{friend.name}.{column}" in asked}
        types = column_types(opened, friend.tree, own)
    return _Beside(path, info.entries, info.branches, types)


def _check_friends(
    plan: EventPlan,
    file: OpenFile,
    entries: Mapping[str, int],
    beside: Mapping[str, _Beside],
) -> None:
    if plan.friends and len(plan.trees) > 1:
        raise InputError(
            "friends of several trees of events", field="events.friends",
            found=", ".join(plan.trees), expected="one tree",
        )  # fmt: skip
    for friend in plan.friends:
        path, found = beside[friend.name].path, beside[friend.name].entries
        for tree, count in entries.items():
            if found != count:
                raise InputError(
                    "a friend has not one entry for each event", file=path,
                    field=friend.tree, found=f"{found} entries",
                    expected=f"{count}, as {tree} in {file}",
                )  # fmt: skip
