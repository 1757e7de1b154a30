"""Charges of several flavours in one workspace, for regions such as q_e against q_mu.

A diagonal charge acts on neutrinos of its own flavour, so that charges of different
flavours have no term in common: the samples ``int`` and ``em`` of one stand beside those
of the other, above the same Standard Model and the same backgrounds.
"""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from typing import Any

import numpy as np

from nuem.analysis.exchange.provenance import digest, provenance
from nuem.analysis.exchange.workspace import (
    Workspace,
    definition_of,
    measurement_name,
    validate,
)
from nuem.inputs.errors import InputError

__all__ = ["join_charges"]

_ENDS = {1: "lin", 2: "quad"}


def join_charges(workspaces: Mapping[str, Workspace]) -> Workspace:
    """Put workspaces of one experiment, each for the charge of one flavour, together.

    Parameters
    ----------
    workspaces : mapping
        Name of the parameter (``q_e``) -> workspace in which this charge is free and all
        other flavours are neutral. The first is the parameter of interest.

    Returns
    -------
    Workspace
        With a parameter of each name, in units of the common reference;
        `nuem.analysis.inference.feldman_cousins.region` and
        ``nuem scan --parameter q_e --against q_mu`` make regions of two of them.
        ``nuem combine --couplings q_e,q_mu`` writes it.

    Raises
    ------
    InputError
        If there are not two, two have a flavour in common, or they differ in more than
        their charge.
    """
    if len(workspaces) < 2:
        raise InputError(
            "charges of several flavours", found=", ".join(workspaces) or None,
            expected="two or more workspaces",
        )  # fmt: skip
    (lead_name, lead), *_ = workspaces.items()
    definitions = {name: _signed(name, w) for name, w in workspaces.items()}
    shared = definitions[lead_name]
    seen: set[str] = set()
    spec = deepcopy(lead.spec)
    for channel in spec["channels"]:
        channel["samples"] = [s for s in channel["samples"] if not _factor(s, shared)]
    config = spec["measurements"][0]["config"]
    config["parameters"] = [
        p for p in config["parameters"] if p["name"] not in shared["links"]
    ]
    links: dict[str, dict[str, Any]] = {}
    for name, workspace in workspaces.items():
        own = definitions[name]
        for key in ("symbol", "reference", "unit"):
            if own.get(key) != shared.get(key):
                raise InputError(
                    "charges of different meaning", file=workspace.name, field=key,
                    found=own.get(key), expected=shared.get(key),
                )  # fmt: skip
        flavours = own.get("flavours") or []
        common = seen.intersection(flavours)
        if common or not flavours:
            raise InputError(
                "flavours that do not belong to one charge alone", file=workspace.name,
                field="definition.flavours", found=", ".join(sorted(common)) or None,
            )  # fmt: skip
        seen.update(flavours)
        rename = {
            factor: f"{name}_{_ENDS[link['power']]}"
            for factor, link in own["links"].items()
        }
        _check_rest(spec, workspace, own)
        for channel in spec["channels"]:
            samples = _channel(workspace.spec, channel["name"])["samples"]
            channel["samples"] += [
                _renamed(sample, name, rename)
                for sample in samples
                if _factor(sample, own)
            ]
        there = {p["name"] for p in config["parameters"]}
        settings = workspace.spec["measurements"][0]["config"]["parameters"]
        config["parameters"] += [
            {**p, "name": rename.get(p["name"], p["name"])}
            for p in settings
            if p["name"] not in there
        ]
        links |= {
            rename[factor]: {"parameter": name, "power": link["power"]}
            for factor, link in own["links"].items()
        }
    config["poi"] = f"{lead_name}_lin"
    process = "+".join(shared["processes"]) + "-" + "-".join(workspaces)
    spec["measurements"][0]["name"] = measurement_name(process, shared["reference"])
    validate(spec, lead.name)
    # what one charge leaves neutral is charged by another
    neutral = [set(own.get("neutral") or []) for own in definitions.values()]
    definition = {
        **shared, "links": links, "flavours": sorted(seen),
        "neutral": sorted(set.intersection(*neutral) - seen),
        "definition": "; ".join(
            f"{name}: charge of {', '.join(own['flavours'])}"
            for name, own in definitions.items()
        ),
    }  # fmt: skip
    inputs = [
        {"file": workspace.name, "coupling": name, "sha256": digest(workspace.spec)}
        for name, workspace in workspaces.items()
    ]
    before = (lead.meta or {}).get("provenance") or {}
    meta = {
        **(lead.meta or {}), "definition": definition, "workspace_sha256": digest(spec),
        "measurement": spec["measurements"][0]["name"],
        "provenance": {
            **provenance(
                {
                    "stage": "combine", "couplings": list(workspaces),
                    "inputs": {i["coupling"]: i["sha256"] for i in inputs},
                },
                inputs,
            ),
            "numbers": before.get("numbers", {}),
        },
    }  # fmt: skip
    return Workspace(spec, meta, lead.name)


def _signed(name: str, workspace: Workspace) -> dict[str, Any]:
    found = definition_of(workspace) or {}
    powers = sorted(link["power"] for link in found.get("links", {}).values())
    if powers != [1, 2]:
        raise InputError(
            "not a workspace of one charge that interferes", file=workspace.name,
            field=name, expected="factors that are a charge and its square",
        )  # fmt: skip
    return found


def _factor(sample: Mapping[str, Any], definition: Mapping[str, Any]) -> bool:
    return any(m["name"] in definition["links"] for m in sample["modifiers"])


def _channel(spec: Mapping[str, Any], name: str) -> dict[str, Any]:
    found: list[dict[str, Any]] = [c for c in spec["channels"] if c["name"] == name]
    return found[0] if found else {"samples": []}


def _renamed(
    sample: Mapping[str, Any], name: str, rename: Mapping[str, str]
) -> dict[str, Any]:
    changed = deepcopy(dict(sample))
    changed["name"] = f"{sample['name']}-{name}"
    for modifier in changed["modifiers"]:
        modifier["name"] = rename.get(modifier["name"], modifier["name"])
    return changed


def _check_rest(
    spec: Mapping[str, Any], workspace: Workspace, definition: Mapping[str, Any]
) -> None:
    """Data, Standard Model and backgrounds have to be those of the first workspace."""
    other = workspace.spec
    observed = [
        {o["name"]: o["data"] for o in s["observations"]} for s in (spec, other)
    ]
    if observed[0] != observed[1]:
        raise InputError("other data", file=workspace.name, field="observations")
    for channel in other["channels"]:
        rest = {s["name"]: s for s in channel["samples"] if not _factor(s, definition)}
        ours = {s["name"]: s for s in _channel(spec, channel["name"])["samples"]}
        for name, sample in rest.items():
            own = ours.get(name)
            if own is None or not _same(own, sample):
                raise InputError(
                    "a sample without charge that differs", file=workspace.name,
                    field=f"{channel['name']}.{name}",
                )  # fmt: skip


def _same(one: Any, other: Any) -> bool:
    """Whether documents are the same, but for the last digits of numbers."""
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        return one.keys() == other.keys() and all(_same(one[k], other[k]) for k in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(_same, one, other))
    if isinstance(one, int | float) and isinstance(other, int | float):
        return bool(np.isclose(one, other, rtol=1e-9, atol=0.0))
    return bool(one == other)
