"""What a workspace holds, and what changed between two: by channel and by parameter."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from nuem.analysis.exchange.identity import channel_identities, content_digest
from nuem.analysis.exchange.provenance import digest
from nuem.analysis.exchange.surgery import (
    configuration,
    parameter_kinds,
    parameter_sizes,
)
from nuem.analysis.exchange.workspace import Workspace, definition_of

__all__ = ["Change", "describe", "differences"]


@dataclass(frozen=True)
class Change:
    """One difference.

    Attributes
    ----------
    where : str
        ``channel``, ``channel.sample``, ``channel.sample.parameter``,
        ``parameters.NAME``, ``measurements`` or ``definition.KEY``.
    what : str
        ``added``, ``removed`` or what was changed.
    before, after : object
        What stood there; of arrays, the first bin that differs.
    size : float or None
        Largest relative change of an array.
    """

    where: str
    what: str
    before: Any = None
    after: Any = None
    size: float | None = None

    def to_dict(self) -> dict[str, Any]:
        """As a JSON object."""
        return {
            "where": self.where, "what": self.what, "before": self.before,
            "after": self.after, "size": self.size,
        }  # fmt: skip

    def __str__(self) -> str:
        """One line."""
        if self.what in {"added", "removed"}:
            return f"{self.where}: {self.what}"
        size = "" if self.size is None else f" (up to {self.size:.3g} of it)"
        return f"{self.where}: {self.what} {self.before} to {self.after}{size}"


def describe(workspace: Workspace) -> dict[str, Any]:
    """Digests of a workspace and its parts.

    Returns
    -------
    dict
        ``sha256`` of the document, ``pyhf`` digest as ``pyhf digest`` prints it,
        ``content`` (the same for two workspaces that differ in the order of their
        entries only), ``channels``, ``parameters``, ``measurements``, ``definition``.

    Examples
    --------
    >>> spec = {"channels": [{"name": "c", "samples": [
    ...     {"name": "s", "data": [1.0], "modifiers": []}]}],
    ...     "observations": [{"name": "c", "data": [3]}], "measurements": []}
    >>> describe(Workspace(spec))["channels"]["c"]["events"]
    3.0
    """
    from pyhf.utils import digest as pyhf_digest

    spec = workspace.spec
    channels = channel_identities(spec)
    contents = {name: content_digest(spec, name) for name in sorted(channels)}
    measurements = {m["name"]: m["config"] for m in spec["measurements"]}
    stated = {
        "channels": contents,
        "measurements": {
            name: {
                "poi": config["poi"],
                "parameters": sorted(
                    digest(p) for p in config.get("parameters", [])
                ),
            }
            for name, config in sorted(measurements.items())
        },
    }  # fmt: skip
    definition = definition_of(workspace) if measurements else None
    return {
        "sha256": digest(spec),
        "pyhf": pyhf_digest(spec),
        "content": digest(stated),
        "channels": {
            name: {**c.to_dict(), "content": contents[name]}
            for name, c in channels.items()
        },
        "parameters": parameter_kinds(spec, workspace.name),
        "measurements": {name: config["poi"] for name, config in measurements.items()},
        "definition": definition,
    }


def differences(before: Workspace, after: Workspace) -> list[Change]:
    """What changed from one workspace to another.

    Returns
    -------
    list of Change
        Empty if they say the same, in whatever order.

    Examples
    --------
    >>> def one(n):
    ...     return Workspace({"channels": [{"name": "c", "samples": [
    ...         {"name": "s", "data": [2.0, n], "modifiers": []}]}],
    ...         "observations": [{"name": "c", "data": [3, 3]}], "measurements": []})
    >>> print(differences(one(4.0), one(5.0))[0])
    c.s: counts in bin 1 4.0 to 5.0 (up to 0.25 of it)
    """
    return [
        *_channels(before.spec, after.spec),
        *_parameters(before, after),
        *_measurements(before.spec, after.spec),
        *_definitions(before, after),
    ]


def _channels(a: Mapping[str, Any], b: Mapping[str, Any]) -> Iterator[Change]:
    first = {c["name"]: c for c in a["channels"]}
    second = {c["name"]: c for c in b["channels"]}
    seen = [{o["name"]: o["data"] for o in spec["observations"]} for spec in (a, b)]
    yield from _keys(first, second, "")
    for name in first:
        if name not in second:
            continue
        yield from _array(name, "observed counts", seen[0][name], seen[1][name])
        ours = {s["name"]: s for s in first[name]["samples"]}
        theirs = {s["name"]: s for s in second[name]["samples"]}
        yield from _keys(ours, theirs, f"{name}.")
        for sample, entry in ours.items():
            other = theirs.get(sample)
            if other is not None:
                where = f"{name}.{sample}"
                yield from _array(where, "counts", entry["data"], other["data"])
                yield from _modifiers(where, entry, other)


def _modifiers(
    where: str, a: Mapping[str, Any], b: Mapping[str, Any]
) -> Iterator[Change]:
    first = {(m["name"], m["type"]): m["data"] for m in a["modifiers"]}
    second = {(m["name"], m["type"]): m["data"] for m in b["modifiers"]}
    labels = {key: f"{key[0]} ({key[1]})" for key in (*first, *second)}
    yield from _keys(
        {labels[k]: None for k in first}, {labels[k]: None for k in second}, f"{where}."
    )
    for key, data in first.items():
        other = second.get(key)
        if other is None or data is None:
            continue
        place = f"{where}.{labels[key]}"
        if isinstance(data, list):
            yield from _array(place, "errors", data, other)
            continue
        for side in sorted({*data, *other}):
            values = [
                x if isinstance(x, list) else [x]
                for x in (data.get(side, []), other.get(side, []))
            ]
            yield from _array(place, side, *values)


def _parameters(before: Workspace, after: Workspace) -> Iterator[Change]:
    kinds = [parameter_kinds(w.spec, w.name) for w in (before, after)]
    sizes = [parameter_sizes(w.spec) for w in (before, after)]
    yield from _keys(kinds[0], kinds[1], "parameters.")
    there = [{m["name"]: m for m in w.spec["measurements"]} for w in (before, after)]
    pairs = [(m, there[1][name]) for name, m in there[0].items() if name in there[1]]
    if not pairs and len(there[0]) == len(there[1]) == 1:
        pairs = [(next(iter(there[0].values())), next(iter(there[1].values())))]
    for name in kinds[0]:
        if name not in kinds[1]:
            continue
        if kinds[0][name] != kinds[1][name]:
            yield Change(f"parameters.{name}", "sort", kinds[0][name], kinds[1][name])
            continue
        for first, second in pairs:
            entries = [
                configuration(m, name, own[name], w.name) or {}
                for m, own, w in (
                    (first, sizes[0], before),
                    (second, sizes[1], after),
                )
            ]
            for key in sorted({*entries[0], *entries[1]} - {"name"}):
                if entries[0].get(key) != entries[1].get(key):
                    yield Change(
                        f"parameters.{name}", key, entries[0].get(key),
                        entries[1].get(key),
                    )  # fmt: skip


def _measurements(a: Mapping[str, Any], b: Mapping[str, Any]) -> Iterator[Change]:
    first, second = ({m["name"]: m["config"]["poi"] for m in x["measurements"]} for x in (a, b))  # fmt: skip
    yield from _keys(first, second, "measurements.")
    for name, poi in first.items():
        if name in second and second[name] != poi:
            yield Change(f"measurements.{name}", "poi", poi, second[name])


def _definitions(before: Workspace, after: Workspace) -> Iterator[Change]:
    first, second = (
        (definition_of(w) if w.spec["measurements"] else None) or {}
        for w in (before, after)
    )
    for key in sorted({*first, *second}):
        if first.get(key) != second.get(key):
            yield Change(
                f"definition.{key}", "meaning", first.get(key), second.get(key)
            )


def _keys(
    first: Mapping[str, Any], second: Mapping[str, Any], where: str
) -> Iterator[Change]:
    for name in first:
        if name not in second:
            yield Change(f"{where}{name}", "removed")
    for name in second:
        if name not in first:
            yield Change(f"{where}{name}", "added")


def _array(where: str, what: str, a: list[float], b: list[float]) -> Iterator[Change]:
    if len(a) != len(b):
        yield Change(where, f"number of bins of {what}", len(a), len(b))
        return
    unequal = [i for i, (x, y) in enumerate(zip(a, b, strict=True)) if x != y]
    if not unequal:
        return
    sizes = [abs(b[i] / a[i] - 1) for i in unequal if a[i]]
    first = unequal[0]
    yield Change(
        where, f"{what} in bin {first}", a[first], b[first], max(sizes, default=None)
    )
