"""Several workspaces to one: channels side by side, parameters as declared."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nuem.analysis.exchange.couplings import (
    Signal,
    common_definition,
    rescaled,
    with_staterror,
)
from nuem.analysis.exchange.identity import channel_identities, same_data
from nuem.analysis.exchange.lumi import independent_lumi
from nuem.analysis.exchange.naming import (
    Part,
    Plan,
    label_inputs,
    plan_names,
    unique,
)
from nuem.analysis.exchange.provenance import digest, provenance
from nuem.analysis.exchange.pruning import fix, prune
from nuem.analysis.exchange.settings import merged_settings
from nuem.analysis.exchange.surgery import (
    check_bins,
    modifiers,
    parameter_kinds,
    rename,
    split_parameter,
    subset,
)
from nuem.analysis.exchange.workspace import (
    Workspace,
    definition_of,
    measurement_name,
    validate,
)
from nuem.inputs.correlations import Correlations, Input
from nuem.inputs.errors import InputError
from nuem.inputs.files import sha256_file

__all__ = ["Combination", "combine", "split"]


@dataclass(frozen=True)
class Combination:
    """A combined workspace, and what was done.

    Attributes
    ----------
    workspace : Workspace
        Its meta document holds the report as ``combination``.
    report : dict
        ``rule``, ``inputs``, ``correlated``, ``renamed``, ``coupling``, ``pruned``,
        ``fixed`` and ``warnings``.
    """

    workspace: Workspace
    report: dict[str, Any]


def split(workspace: Workspace, channels: Iterable[str]) -> Workspace:
    """Some channels of a workspace, as a workspace.

    Raises
    ------
    InputError
        If a channel is not there.
    """
    names = list(channels)
    spec = subset(workspace.spec, names)
    meta = workspace.meta
    if meta is not None:
        meta = {**meta, "workspace_sha256": digest(spec)}
        if "channels" in meta:
            meta["channels"] = {k: v for k, v in meta["channels"].items() if k in names}
    return Workspace(spec, meta, workspace.name)


def combine(
    workspaces: Sequence[Workspace], correlations: Correlations | None = None
) -> Combination:
    """Put workspaces together.

    Parameters
    ----------
    workspaces : sequence of Workspace
        Ours or others', one or more.
    correlations : Correlations, optional
        What is one, what independent, pruned or fixed. The parameters of interest are
        one in any case: that is what is combined.

    Returns
    -------
    Combination

    Raises
    ------
    InputError
        If couplings or regulators differ, the same data are there twice, binnings do
        not fit, or something declared is not there.

    Examples
    --------
    >>> def counting(name, n):
    ...     return Workspace({"version": "1.0.0", "channels": [{"name": name,
    ...         "samples": [{"name": "s", "data": [5.0], "modifiers": [
    ...             {"name": "mu", "type": "normfactor", "data": None}]}]}],
    ...         "observations": [{"name": name, "data": [n]}],
    ...         "measurements": [{"name": "m", "config": {"poi": "mu",
    ...             "parameters": []}}]}, name=name)
    >>> both = combine([counting("a", 4.0), counting("b", 7.0)])
    >>> [c["name"] for c in both.workspace.spec["channels"]]
    ['a', 'b']
    >>> both.report["correlated"][0]["parameters"]
    ['a:mu', 'b:mu']
    """
    told = correlations or Correlations()
    if not workspaces:
        raise InputError("nothing to combine", expected="one workspace or more")
    labelled = label_inputs(workspaces, told)
    for workspace in workspaces:
        check_bins(workspace.spec, workspace.name)
    pairs = _repeated(workspaces, told)
    parts, definition, report = _one_coupling(workspaces, labelled)
    parts, report["pruned"] = prune(parts, told.prune)
    powers = _powers(parts, definition, told)
    plan = plan_names(parts, told, powers)
    channels = _channel_names(parts)
    specs, partial = [], []
    for part in parts:
        own = rename(
            independent_lumi(part, plan),
            channels={old: new for (label, old), new in channels.items() if label == part.label},
            parameters={old: new for (label, old), new in plan.names.items()
                        if label == part.label},
        )  # fmt: skip
        for group in plan.groups:
            for label, name in group.members:
                if group.rho < 1 and label == part.label:
                    mine = plan.names[label, name]
                    partial.append((part, group, mine))
                    own = split_parameter(own, mine, group.name, mine, group.rho)
        _no_double(own, part.file)
        specs.append(own)
    spec = {
        "version": "1.0.0",
        "channels": [c for own in specs for c in own["channels"]],
        "observations": [o for own in specs for o in own["observations"]],
        "measurements": [],
    }
    spec["measurements"] = merged_settings(spec, specs, parts, partial, powers, report)
    if definition is not None and definition.get("reference") is not None:
        name = "+".join(definition.get("processes") or []) or "combination"
        spec["measurements"][0]["name"] = measurement_name(
            name, definition["reference"]
        )
    fix(spec, told.fix)
    validate(spec, told.name or "combination")
    report |= {
        "rule": plan.rule,
        "correlated": [g.to_dict() for g in plan.groups if len(g.members) > 1],
        "renamed": _renamed(plan, channels),
        "fixed": dict(told.fix),
        "same_data": [list(pair) for pair in pairs],
    }
    meta = _meta(parts, channels, definition, powers, told, spec, report)
    named = told.name or "combination"
    return Combination(Workspace(spec, meta, named), report)


def _repeated(
    workspaces: Sequence[Workspace], told: Correlations
) -> list[tuple[str, str]]:
    """Channels that hold the same data in two files; refused unless told."""
    pairs = []
    known = [(w.name, channel_identities(w.spec)) for w in workspaces]
    for (one, first), (other, second) in itertools.combinations(known, 2):
        for name, its in itertools.product(first, second):
            if not same_data(first[name], second[its]):
                continue
            if not told.allow_same_data:
                raise InputError(
                    "the same data twice", file=other, field=f"channels.{its}",
                    found=f"the counts of {one}: {name}",
                    expected="other data, or allow_same_data (--allow-same-data)",
                )  # fmt: skip
            pairs.append((f"{one}: {name}", f"{other}: {its}"))
    return pairs


def _measurements(
    workspace: Workspace, entry: Input, common: set[str] | None
) -> list[dict[str, Any]]:
    there = {m["name"]: m for m in workspace.spec["measurements"]}
    if entry.measurement is not None:
        if entry.measurement not in there:
            raise InputError(
                "no such measurement", file=workspace.name, found=repr(entry.measurement),
                expected=f"one of {', '.join(there)}",
            )  # fmt: skip
        return [there[entry.measurement]]
    if len(there) == 1 or common is not None:
        return [there[name] for name in there]
    raise InputError(
        "several measurements", file=workspace.name, field="inputs.*.measurement",
        expected=f"one of {', '.join(there)}, in the correlations file",
    )  # fmt: skip


def _one_coupling(
    workspaces: Sequence[Workspace],
    labelled: Sequence[tuple[str, Input]],
) -> tuple[list[Part], dict[str, Any] | None, dict[str, Any]]:
    """Inputs with their measurement, all referred to one value of one coupling."""
    names = [{m["name"] for m in w.spec["measurements"]} for w in workspaces]
    common = names[0] if all(n == names[0] for n in names) else None
    definitions: dict[str, dict[str, Any] | None] = {}
    raw: list[tuple[str, Workspace, dict[str, Any]]] = []
    for workspace, (label, entry) in zip(workspaces, labelled, strict=True):
        chosen = _measurements(workspace, entry, common)
        stated = definition_of(workspace, chosen[0]["name"])
        if stated is None and entry.reference is not None:
            stated = {"reference": entry.reference, "power": 2}
        definitions[label] = stated
        raw.append((label, workspace, {**workspace.spec, "measurements": chosen}))
    vouched = [label for label, entry in labelled if entry.reference is not None]
    definition, warnings = common_definition(definitions, vouched)
    reference = definition.get("reference") if definition is not None else None
    parts, scales = [], {}
    for label, workspace, spec in raw:
        own = definitions[label] or {}
        poi = spec["measurements"][0]["config"]["poi"]
        links = own.get("links") or {}
        powers = {name: int(link["power"]) for name, link in links.items()}
        if not powers and poi:
            powers = {poi: int(own.get("power", 2))}
        signal = Signal(powers, own.get("reference"))
        kinds = parameter_kinds(spec, workspace.name)
        if powers and not set(powers) & set(kinds):
            # right for a region without signal, and a slip otherwise
            absent = ", ".join(powers)
            warnings.append(
                f"{label}: no sample has its parameter of interest, {absent}"
            )
        if (
            definition is not None
            and signal.reference is None
            and reference is not None
        ):
            raise InputError(
                "no reference value of its coupling", file=workspace.name,
                expected="a definition with a reference, as of the other inputs",
            )  # fmt: skip
        if signal.reference not in (None, reference):
            scales[label] = {"from": signal.reference, "to": reference}
            if with_staterror(spec, signal):
                warnings.append(
                    f"{label}: the error of its signal's simulation refers to its own "
                    "reference value, and was not changed by the new one"
                )
        parts.append(Part(label, workspace, rescaled(spec, signal, reference), signal))
    if not any(set(p.signal.powers) & set(parameter_kinds(p.spec)) for p in parts):
        raise InputError(
            "no sample of any input has the parameter of interest",
            file=", ".join(p.file for p in parts), field="measurements",
            found=", ".join(dict.fromkeys(n for p in parts for n in p.signal.powers)),
        )  # fmt: skip
    report = {
        "inputs": [
            {
                "label": p.label, "file": p.file, "sha256": _sha256(p.workspace),
                "experiment": (p.workspace.meta or {}).get("experiment"),
                "measurements": [m["name"] for m in p.spec["measurements"]],
                "poi": p.spec["measurements"][0]["config"]["poi"],
                "reference": p.signal.reference,
            }
            for p in parts
        ],
        "coupling": {"reference": reference, "rescaled": scales},
        "warnings": warnings,
    }  # fmt: skip
    return parts, definition, report


def _powers(
    parts: Sequence[Part], definition: Mapping[str, Any] | None, told: Correlations
) -> dict[int, str]:
    """Name of the factor of each power of the coupling, the parameter of interest first."""
    if definition is not None and definition.get("power") == 1:
        names: dict[int, str] = {}
        for part in parts:
            if len(part.signal.powers) > 1 or 1 in part.signal.powers.values():
                for name, power in part.signal.powers.items():
                    names.setdefault(power, name)
        names.setdefault(2, "g_quad")
        if told.poi is not None:
            names[1] = told.poi
        return dict(sorted(names.items()))
    poi = next((name for p in parts for name in p.signal.powers), None)
    return {} if poi is None else {2: told.poi or poi}


def _channel_names(parts: Sequence[Part]) -> dict[tuple[str, str], str]:
    everyone = [c["name"] for p in parts for c in p.spec["channels"]]
    names: dict[tuple[str, str], str] = {}
    taken = {name for name in everyone if everyone.count(name) == 1}
    for part in parts:
        for channel in part.spec["channels"]:
            old = channel["name"]
            new = old
            if everyone.count(old) > 1:
                new = unique(f"{part.label}_{old}", taken)
                taken.add(new)
            names[part.label, old] = new
    return names


def _no_double(spec: Mapping[str, Any], file: str) -> None:
    """Two modifiers of one name and type on a sample: pyhf would apply the last only."""
    seen: set[tuple[str, str, str, str]] = set()
    for channel, sample, modifier in modifiers(spec):
        key = (channel, sample["name"], modifier["name"], modifier["type"])
        if key in seen:
            raise InputError(
                "two effects on one sample would be one parameter", file=file,
                field=".".join(key[:3]), found=f"two {key[3]}",
                expected="different parameters",
            )  # fmt: skip
        seen.add(key)


def _renamed(
    plan: Plan, channels: Mapping[tuple[str, str], str]
) -> dict[str, dict[str, str]]:
    return {
        "channels": {
            f"{label}:{old}": new
            for (label, old), new in channels.items()
            if old != new
        },
        "parameters": {
            f"{label}:{old}": new
            for (label, old), new in plan.names.items()
            if old != new
        },
    }


def _sha256(workspace: Workspace) -> str:
    path = Path(workspace.name)
    return sha256_file(path) if path.is_file() else digest(workspace.spec)


def _meta(
    parts: Sequence[Part], channels: Mapping[tuple[str, str], str],
    definition: Mapping[str, Any] | None, powers: Mapping[int, str], told: Correlations,
    spec: Mapping[str, Any], report: Mapping[str, Any],
) -> dict[str, Any]:  # fmt: skip
    metas = {p.label: p.workspace.meta or {} for p in parts}
    numbers: dict[str, int] = {}
    inputs = [{"file": i["file"], "sha256": i["sha256"]} for i in report["inputs"]]
    for meta in metas.values():
        made = meta.get("provenance") or {}
        inputs += made.get("inputs", [])
        for status, count in (made.get("numbers") or {}).items():
            numbers[status] = numbers.get(status, 0) + count
    configuration = {
        "stage": "combine",
        "correlations": told.model_dump(mode="json"),
        "workspaces": [digest(p.workspace.spec) for p in parts],
        "experiments": {
            label: (meta.get("provenance") or {}).get("configuration", {}).get("file")
            for label, meta in metas.items()
        },
    }
    meta = {
        "schema": "nuem-workspace-meta-1",
        "experiment": told.name
        or "+".join(dict.fromkeys(m.get("experiment") or k for k, m in metas.items())),
        "channels": {
            channels[p.label, name]: {"input": p.label, **entry}
            for p in parts
            for name, entry in (metas[p.label].get("channels") or {}).items()
            if (p.label, name) in channels
        },
        "measurement": spec["measurements"][0]["name"],
        "combination": dict(report),
        "warnings": [*report["warnings"], *_of_all(metas, "warnings")],
        "notes": _of_all(metas, "notes"),
        "blind": any(bool(m.get("blind")) for m in metas.values()),
        "provenance": {**provenance(configuration, inputs), "numbers": numbers},
        "workspace_sha256": digest(spec),
    }
    if definition is not None:
        own = {k: v for k, v in definition.items() if k != "links"}
        if own.get("power") == 1:
            own["links"] = {
                name: {"parameter": "g", "power": power}
                for power, name in powers.items()
            }
        meta["definition"] = own
    return meta


def _of_all(metas: Mapping[str, Mapping[str, Any]], key: str) -> list[str]:
    """What some inputs note, with their labels unless all do."""
    lines: dict[str, list[str]] = {}
    for label, meta in metas.items():
        for line in meta.get(key) or []:
            lines.setdefault(line, []).append(label)
    return [
        line if len(who) == len(metas) else f"{', '.join(who)}: {line}"
        for line, who in lines.items()
    ]
