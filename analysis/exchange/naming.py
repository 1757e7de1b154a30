"""Names in a combination: which parameters are one, and what each is called."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from nuem.analysis.exchange.couplings import Signal
from nuem.analysis.exchange.surgery import BINWISE, parameter_kinds
from nuem.analysis.exchange.workspace import Workspace
from nuem.inputs.correlations import Correlations, Input
from nuem.inputs.errors import InputError

__all__ = ["Group", "Part", "Plan", "expand", "label_inputs", "plan_names", "unique"]

#: A parameter of an input: label and name.
Key = tuple[str, str]


@dataclass(frozen=True)
class Part:
    """One input of a combination.

    Attributes
    ----------
    label : str
    workspace : Workspace
    spec : dict
        The document as it enters: one measurement or those of all, pruned, rescaled.
    signal : Signal
    """

    label: str
    workspace: Workspace
    spec: dict[str, Any]
    signal: Signal

    @property
    def file(self) -> str:
        """Where it came from, for messages."""
        return self.workspace.name


@dataclass(frozen=True)
class Group:
    """Parameters that are one in the combination, wholly or in a part."""

    name: str
    members: tuple[Key, ...]
    kind: str
    by: str
    rho: float = 1.0
    reason: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """As a JSON object of the report."""
        return {
            "name": self.name,
            "parameters": [f"{label}:{name}" for label, name in self.members],
            "kind": self.kind,
            "rho": self.rho,
            "by": self.by,
            "reason": self.reason,
        }


@dataclass
class Plan:
    """What becomes of each parameter.

    Attributes
    ----------
    groups : list of Group
    names : dict
        (label, parameter) -> name in the combination; of a parameter that is correlated
        in part, the name of its own part.
    rule : str
        What was done with parameters that nothing was said of.
    """

    groups: list[Group] = field(default_factory=list)
    names: dict[Key, str] = field(default_factory=dict)
    rule: str = ""


def label_inputs(
    workspaces: Sequence[Workspace], correlations: Correlations
) -> list[tuple[str, Input]]:
    """Label of each workspace, and what the correlations file says of it.

    Raises
    ------
    InputError
        If the file names an input that is not there, or two for one label.
    """
    labels: list[str] = []
    found: list[Input] = []
    taken: dict[str, str] = {}
    for workspace in workspaces:
        experiment = (workspace.meta or {}).get("experiment")
        path = Path(workspace.name)
        chosen = next(
            (
                label
                for label, entry in correlations.inputs.items()
                if label not in taken
                and (
                    (entry.experiment is not None and entry.experiment == experiment)
                    or (entry.file is not None and entry.file == path.name)
                    or (
                        entry.experiment is None
                        and entry.file is None
                        and label in (experiment, path.stem)
                    )
                )
            ),
            None,
        )
        found.append(correlations.inputs.get(chosen or "", Input()))
        if chosen is not None:
            taken[chosen] = workspace.name
        labels.append(chosen or _clean(str(experiment or path.stem)))
    missing = [label for label in correlations.inputs if label not in taken]
    if missing:
        raise InputError(
            "no workspace fits an input", field=f"inputs.{missing[0]}",
            expected="its experiment or file among the workspaces",
        )  # fmt: skip
    result = []
    for index, label in enumerate(labels):
        twice = labels.count(label) > 1 and label not in correlations.inputs
        own = f"{label}-{labels[: index + 1].count(label)}" if twice else label
        result.append((own, found[index]))
    return result


def _clean(text: str) -> str:
    return re.sub(r"[^A-Za-z0-9_.-]+", "-", text).strip("-") or "input"


def unique(name: str, taken: Iterable[str]) -> str:
    """A name that is not taken, with a number if need be.

    Examples
    --------
    >>> unique("a", ["a", "a_2"])
    'a_3'
    """
    there = set(taken)
    own, number = name, 1
    while own in there:
        number += 1
        own = f"{name}_{number}"
    return own


def expand(
    reference: str, there: Mapping[str, Iterable[str]], what: str = "parameter"
) -> list[Key]:
    """Turn ``LABEL:NAME`` or ``*:NAME`` into what it stands for.

    Raises
    ------
    InputError
        If it stands for nothing.

    Examples
    --------
    >>> expand("*:x", {"a": ["x"], "b": ["x", "y"]})
    [('a', 'x'), ('b', 'x')]
    """
    label, _, name = reference.partition(":")
    if label == "*":
        keys = [(own, name) for own, names in there.items() if name in names]
        if not keys:
            raise InputError(f"no input has such a {what}", found=repr(reference))
        return keys
    if label not in there:
        raise InputError(
            f"no such input, of a {what}",
            found=repr(reference),
            expected=f"one of {', '.join(there)}",
        )
    if name not in there[label]:
        raise InputError(
            f"no such {what}", found=repr(reference),
            expected=f"one of {', '.join(list(there[label])[:12])}",
        )  # fmt: skip
    return [(label, name)]


def plan_names(
    parts: Sequence[Part], correlations: Correlations, powers: Mapping[int, str]
) -> Plan:
    """Decide which parameters are one, and name all.

    Parameters
    ----------
    parts : sequence of Part
    correlations : Correlations
    powers : mapping
        Power of the coupling -> name of its factor in the combination.

    Returns
    -------
    Plan

    Raises
    ------
    InputError
        If what was declared cannot be.
    """
    kinds = {p.label: parameter_kinds(p.spec, p.file) for p in parts}
    plan = Plan()
    for power, name in powers.items():
        members = tuple(
            (p.label, own)
            for p in parts
            for own, its in p.signal.powers.items()
            if its == power and own in kinds[p.label]
        )
        if members:
            text = "the parameter of interest, or a power of it"
            plan.groups.append(Group(name, members, "normfactor", text))
    taken = {key for group in plan.groups for key in group.members}
    for declared in correlations.correlate:
        group = _declared(declared, kinds)
        signal = [key for key in group.members if key in taken]
        if signal:
            raise InputError(
                "is the parameter of interest, or correlated already",
                field=f"correlate.{declared.name}", found=":".join(signal[0]),
            )  # fmt: skip
        taken |= set(group.members)
        plan.groups.append(group)
    alone = {
        key for text in correlations.independent for key in expand(text, kinds)
    } - taken
    plan.rule, shared = _rule(parts, correlations)
    if shared:
        plan.groups += _same_names(kinds, taken | alone)
    _give_names(plan, kinds)
    return plan


def _declared(declared: Any, kinds: Mapping[str, Mapping[str, str]]) -> Group:
    where = f"correlate.{declared.name}"
    members = tuple(
        dict.fromkeys(key for text in declared.parameters for key in expand(text, kinds))
    )  # fmt: skip
    if len(members) < 2:
        raise InputError("a correlation of one parameter", field=where,
                         found=", ".join(declared.parameters), expected="two or more")  # fmt: skip
    sorts = {key: kinds[key[0]][key[1]] for key in members}
    first = sorts[members[0]]
    for key, sort in sorts.items():
        if sort != first:
            raise InputError(
                "parameters of different sorts cannot be one", field=where,
                found=f"{':'.join(key)} is {sort}",
                expected=f"{first} like {':'.join(members[0])}",
            )  # fmt: skip
    if first in BINWISE:
        raise InputError(
            "statistical errors of two simulations cannot be one", field=where,
            found=first,
        )  # fmt: skip
    if declared.rho < 1 and first != "normal":
        raise InputError(
            "only parameters with a normal constraint can be correlated in part",
            field=where, found=first, expected="normsys or histosys",
        )  # fmt: skip
    return Group(
        declared.name, members, first, "declared", declared.rho, declared.reason
    )


def _rule(parts: Sequence[Part], correlations: Correlations) -> tuple[str, bool]:
    """What is done with parameters that nothing was said of."""
    if correlations.default is not None:
        shared = correlations.default == "same-name"
        text = "one" if shared else "independent"
        return f"parameters of the same name are {text} (declared)", shared
    experiments = {(p.workspace.meta or {}).get("experiment") for p in parts}
    if len(experiments) == 1:
        why = (
            "no input says of which experiment it is"
            if experiments == {None}
            else "all inputs are of one experiment"
        )
        text = (
            f"parameters of the same name and sort are one, as pyhf has it ({why}); "
            "errors by bin of the simulation are independent"
        )
        return text, True
    text = (
        "parameters of the same name are independent (the inputs are of different "
        "experiments), the parameter of interest is one"
    )
    return text, False


def _same_names(kinds: Mapping[str, Mapping[str, str]], taken: set[Key]) -> list[Group]:
    by_name: dict[tuple[str, str], list[Key]] = {}
    for label, own in kinds.items():
        for name, kind in own.items():
            if (label, name) not in taken and kind not in BINWISE:
                by_name.setdefault((name, kind), []).append((label, name))
    return [
        Group(name, tuple(members), kind, "same name")
        for (name, kind), members in by_name.items()
        if len(members) > 1
    ]


def _give_names(plan: Plan, kinds: Mapping[str, Mapping[str, str]]) -> None:
    """Names of groups first; whatever clashes gets the label of its input."""
    whole = {key: g.name for g in plan.groups if g.rho == 1 for key in g.members}
    partial = {key: g.name for g in plan.groups if g.rho < 1 for key in g.members}
    taken = {g.name for g in plan.groups}
    plan.names.update(whole)
    rest = [
        (label, name)
        for label, own in kinds.items()
        for name in own
        if (label, name) not in whole
    ]
    counts: dict[str, int] = {}
    for _, name in rest:
        counts[name] = counts.get(name, 0) + 1
    for label, name in rest:
        wanted = name
        if counts[name] > 1 or name in taken or (label, name) in partial:
            wanted = f"{label}_{name}"
        own_name = unique(wanted, taken)
        taken.add(own_name)
        plan.names[label, name] = own_name
