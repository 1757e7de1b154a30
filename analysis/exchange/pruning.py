"""Leaving out and holding fixed, with an account of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from nuem.analysis.exchange.naming import Part, expand
from nuem.analysis.exchange.surgery import (
    drop_parameters,
    drop_samples,
    parameter_kinds,
    parameter_sizes,
    subset,
)
from nuem.inputs.correlations import Prune
from nuem.inputs.errors import InputError

__all__ = ["fix", "prune"]


def prune(parts: Sequence[Part], told: Prune) -> tuple[list[Part], list[str]]:
    """Leave out channels, samples, parameters and small effects.

    Parameters
    ----------
    parts : sequence of Part
    told : Prune

    Returns
    -------
    parts : list of Part
    account : list of str
        What went.

    Raises
    ------
    InputError
        If something is not there, or nothing would be left.
    """
    account: list[str] = []
    channels = {p.label: [c["name"] for c in p.spec["channels"]] for p in parts}
    gone = {key for text in told.channels for key in expand(text, channels, "channel")}
    own = [
        _channels(p, [c for c in channels[p.label] if (p.label, c) not in gone])
        for p in parts
    ]
    account += [f"channel {label}:{name}" for label, name in sorted(gone)]
    for name in told.samples:
        if not any(
            s["name"] == name
            for p in own
            for c in p.spec["channels"]
            for s in c["samples"]
        ):
            raise InputError("no such sample", field="prune.samples", found=repr(name))  # fmt: skip
    if told.samples:
        own = [
            replace(p, spec=drop_samples(p.spec, lambda _, s: s["name"] in told.samples))
            for p in own
        ]  # fmt: skip
        account += [f"sample {name}" for name in told.samples]
    kinds = {p.label: parameter_kinds(p.spec, p.file) for p in own}
    unwanted = {key for text in told.parameters for key in expand(text, kinds)}
    result = []
    for part in own:
        spec = part.spec
        mine = {name for label, name in unwanted if label == part.label}
        signal = mine & set(part.signal.powers)
        if signal:
            raise InputError(
                "the parameter of interest cannot be pruned", field="prune.parameters",
                found=f"{part.label}:{signal.pop()}",
            )  # fmt: skip
        if mine:
            spec = drop_parameters(spec, lambda _, m, mine=mine: m["name"] in mine)  # type: ignore[misc]  # mypy does not infer lambdas with defaults
            account += [f"parameter {part.label}:{name}" for name in sorted(mine)]
        if told.below is not None:
            spec, small = _small(spec, told.below)
            account += [f"{part.label}:{where}" for where in small]
        result.append(replace(part, spec=spec))
    return result, account


def _channels(part: Part, names: Sequence[str]) -> Part:
    if len(names) == len(part.spec["channels"]):
        return part
    return replace(part, spec=subset(part.spec, names))


def _small(spec: Mapping[str, Any], below: float) -> tuple[dict[str, Any], list[str]]:
    """Without normsys and histosys that change nothing by more than a relative size."""
    small = []
    for channel in spec["channels"]:
        for sample in channel["samples"]:
            small += [
                (channel["name"], sample["name"], m["name"], m["type"])
                for m in sample["modifiers"]
                if _size(sample, m) < below
            ]
    own = drop_parameters(spec, lambda s, m: _size(s, m) < below)
    return own, [".".join(key[:3]) + f" ({key[3]})" for key in small]


def _size(sample: Mapping[str, Any], modifier: Mapping[str, Any]) -> float:
    data = modifier["data"]
    if modifier["type"] == "normsys":
        return float(max(abs(data["hi"] - 1), abs(data["lo"] - 1)))
    if modifier["type"] != "histosys":
        return float("inf")
    sizes = [0.0]
    for side in ("hi_data", "lo_data"):
        for varied, nominal in zip(data[side], sample["data"], strict=True):
            if varied != nominal:
                sizes.append(abs(varied / nominal - 1) if nominal else float("inf"))
    return max(sizes)


def fix(spec: dict[str, Any], told: Mapping[str, float]) -> None:
    """Hold parameters of a document at a value, in all measurements.

    Raises
    ------
    InputError
        If one is not there.
    """
    kinds, sizes = parameter_kinds(spec), parameter_sizes(spec)
    for name, value in told.items():
        if name not in kinds:
            raise InputError(
                "no such parameter", field=f"fix.{name}",
                expected=f"one of {', '.join(list(kinds)[:12])}",
            )  # fmt: skip
        for measurement in spec["measurements"]:
            entries = measurement["config"]["parameters"]
            entry = next((e for e in entries if e["name"] == name), None)
            if entry is None:
                entry = {"name": name}
                entries.append(entry)
            entry["inits"] = [value] * sizes[name]
            entry["fixed"] = True
