"""Two couplings in one workspace: what each adds to the same Standard Model."""

from __future__ import annotations

import copy
from typing import Any

from nuem.analysis.exchange.provenance import digest
from nuem.analysis.exchange.workspace import Workspace, definition_of
from nuem.inputs.errors import InputError

__all__ = ["with_two_couplings"]


def with_two_couplings(
    first: Workspace, second: Workspace, names: tuple[str, str]
) -> Workspace:
    """One workspace of two couplings that do not interfere with one another.

    Parameters
    ----------
    first, second : Workspace
        Of the same data and backgrounds, each for one coupling that interferes with
        the Standard Model, in units of the same reference.
    names : tuple of str
        Parameters of the two, such as ``q_e`` and ``q_mu``; to be scanned against one
        another with ``nuem scan WS --parameter q_e --against q_mu``.

    Returns
    -------
    Workspace
        The parameter of interest is the first one. What the couplings add to the rate
        adds up: that is so for diagonal couplings of two flavours.

    Raises
    ------
    InputError
        If one does not interfere, or they are not of the same data and backgrounds.
    """
    spec: dict[str, Any] = copy.deepcopy(dict(first.spec))
    other: dict[str, Any] = copy.deepcopy(dict(second.spec))
    links: dict[str, Any] = {}
    definitions = []
    for workspace, document, name in (
        (first, spec, names[0]), (second, other, names[1]),
    ):  # fmt: skip
        definition = definition_of(workspace) or {}
        own = definition.get("links")
        if not own:
            raise InputError("a coupling that does not interfere", file=workspace.name)
        definitions.append(definition)
        renamed = {factor: f"{name}_{factor}" for factor in own}
        links |= {
            renamed[factor]: {**link, "parameter": name} for factor, link in own.items()
        }
        _rename(document, renamed, name)
    if definitions[0]["reference"] != definitions[1]["reference"]:
        raise InputError(
            "couplings in units of other references", file=second.name,
            found=definitions[1]["reference"], expected=definitions[0]["reference"],
        )  # fmt: skip
    for ours, theirs in zip(spec["channels"], other["channels"], strict=True):
        known = [s for s in theirs["samples"] if not _is_driven(s, links)]
        if known != [s for s in ours["samples"] if not _is_driven(s, links)]:
            raise InputError(
                "workspaces of other data or backgrounds", file=second.name,
                field=theirs["name"],
            )  # fmt: skip
        ours["samples"] += [s for s in theirs["samples"] if _is_driven(s, links)]
    if spec["observations"] != other["observations"]:
        raise InputError("workspaces of other data", file=second.name)
    config = spec["measurements"][0]["config"]
    added = other["measurements"][0]["config"]["parameters"]
    there = {p["name"] for p in config["parameters"]}
    config["parameters"] += [p for p in added if p["name"] not in there]
    meta = copy.deepcopy(first.meta or {})
    meta["definition"] = {
        **definitions[0],
        "links": links,
        "definition": " and ".join(
            f"{name}: {d.get('definition')}"
            for name, d in zip(names, definitions, strict=True)
        ),
        "flavours": sorted({f for d in definitions for f in d.get("flavours", [])}),
        "neutral": [],
    }
    meta["measurement"] = spec["measurements"][0]["name"]
    meta["workspace_sha256"] = digest(spec)
    return Workspace(spec, meta, first.name)


def _is_driven(sample: dict[str, Any], links: dict[str, Any]) -> bool:
    return any(m["name"] in links for m in sample["modifiers"])


def _rename(document: dict[str, Any], renamed: dict[str, str], name: str) -> None:
    """Give factors and their samples the name of a coupling."""
    for channel in document["channels"]:
        for sample in channel["samples"]:
            for modifier in sample["modifiers"]:
                if modifier["name"] in renamed:
                    modifier["name"] = renamed[modifier["name"]]
                    sample["name"] = f"{sample['name']}-{name}"
    for measurement in document["measurements"]:
        config = measurement["config"]
        config["poi"] = renamed.get(config["poi"], config["poi"])
        for parameter in config["parameters"]:
            parameter["name"] = renamed.get(parameter["name"], parameter["name"])
