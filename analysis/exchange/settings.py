"""Measurements of a combination: starting values, bounds and constraints made one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from nuem.analysis.exchange.naming import Group, Part
from nuem.analysis.exchange.surgery import (
    configuration,
    defaults,
    modifiers,
    parameter_kinds,
    parameter_sizes,
)
from nuem.inputs.errors import InputError

__all__ = ["merged_settings"]


def merged_settings(
    spec: Mapping[str, Any],
    specs: Sequence[Mapping[str, Any]],
    parts: Sequence[Part],
    partial: Sequence[tuple[Part, Group, str]],
    powers: Mapping[int, str],
    report: dict[str, Any],
) -> list[dict[str, Any]]:
    """Measurements of a combination.

    Parameters
    ----------
    spec : mapping
        The combination, without measurements.
    specs : sequence of mapping
        Its inputs, with the names of the combination.
    parts : sequence of Part
        The same, as they came.
    partial : sequence
        (input, group, name) of parameters that were split.
    powers : mapping
        Power of the coupling -> name of its factor.
    report : dict
        Gets a warning where bounds or starting values were not the same.

    Returns
    -------
    list of dict
        All measurements if the inputs have the same; else one.

    Raises
    ------
    InputError
        If a parameter that is one is constrained in two ways.
    """
    kinds = parameter_kinds(spec)
    sizes = parameter_sizes(spec)
    there = [{m["name"] for _, _, m in modifiers(own)} for own in specs]
    for part, group, name in partial:
        _check_split(specs[parts.index(part)], part, group, name)
    count = max(len(own["measurements"]) for own in specs)
    made = []
    for index in range(count):
        chosen = [
            own["measurements"][min(index, len(own["measurements"]) - 1)]
            for own in specs
        ]
        entries = []
        for name, kind in kinds.items():
            stated = [
                (part.file, configuration(m, name, sizes[name], part.file))
                for part, names, m in zip(parts, there, chosen, strict=True)
                if name in names
            ]
            entry = _merge(name, kind, sizes[name], stated, report)
            if entry is not None:
                entries.append(entry)
        poi = next(iter(powers.values()), "")
        if index:  # of the further measurements, each its own
            poi = next((m["config"]["poi"] for m in chosen if m["config"]["poi"]), poi)
        named = {m["name"] for m in chosen}
        made.append(
            {
                "name": named.pop() if len(named) == 1 else "combination",
                "config": {"poi": poi, "parameters": entries},
            }
        )
    return made  # fmt: skip


def _check_split(spec: Mapping[str, Any], part: Part, group: Group, name: str) -> None:
    """A parameter that is split has the usual constraint: the parts have it too."""
    usual = defaults("normal", 1)
    for measurement in spec["measurements"]:
        own = configuration(measurement, name, 1, part.file) or {}
        for key, value in own.items():
            if key != "name" and value != usual.get(key):
                raise InputError(
                    "a parameter with settings of its own cannot be correlated in part",
                    file=part.file, field=f"{group.name}.{key}", found=value,
                    expected=usual.get(key),
                )  # fmt: skip


def _merge(
    name: str, kind: str, size: int,
    stated: Sequence[tuple[str, dict[str, Any] | None]], report: dict[str, Any],
) -> dict[str, Any] | None:  # fmt: skip
    """One configuration of several."""
    own = [entry for _, entry in stated if entry is not None]
    if not own:
        return None
    if all(entry == stated[0][1] for _, entry in stated):
        return own[0]
    usual = defaults(kind, size)
    full = [(file, {**usual, **(entry or {})}) for file, entry in stated]
    keys = list(dict.fromkeys(key for entry in own for key in entry if key != "name"))
    made: dict[str, Any] = {"name": name}
    for key in keys:
        values = [(file, entry.get(key)) for file, entry in full]
        first = values[0][1]
        if all(value == first for _, value in values):
            made[key] = first
        elif key == "bounds" and all(value is not None for _, value in values):
            made[key] = [
                [min(b[0] for b in bins), max(b[1] for b in bins)]
                for bins in zip(*(value for _, value in values), strict=True)
            ]
            _warn(report, f"{name}: bounds differ, the widest are taken")
        elif key == "inits":
            made[key] = next(entry[key] for entry in own if key in entry)
            _warn(report, f"{name}: starting values differ, the first is taken")
        else:
            file, value = next(v for v in values if v[1] != first)
            raise InputError(
                "one parameter cannot be constrained in two ways", file=file,
                field=f"{name}.{key}", found=value, expected=first,
            )  # fmt: skip
    return made


def _warn(report: dict[str, Any], text: str) -> None:
    if text not in report["warnings"]:
        report["warnings"].append(text)
