"""Another signal on a published workspace, without its events.

Backgrounds, data and their systematics stay as they were published; the signal comes
from a template of the user's.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from copy import deepcopy
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nuem.analysis.exchange.formats import signal_powers
from nuem.analysis.exchange.provenance import digest, provenance
from nuem.analysis.exchange.tabulated import Signal
from nuem.analysis.exchange.workspace import (
    Modifier,
    Workspace,
    histosys,
    measurement_name,
    normfactor,
    normsys,
    observed_counts,
    validate,
)
from nuem.inputs.errors import InputError

__all__ = ["recast"]

_Array = NDArray[np.float64]

#: Names of the samples and factors of each power of a coupling that interferes.
_SAMPLES = {0: "sm", 1: "int", 2: "em"}
_FACTORS = {1: "g_lin", 2: "g_quad"}
_LARGEST = 30.0


def recast(
    workspace: Workspace, signal: Signal, definition: Mapping[str, Any], *, source: str = ""
) -> Workspace:  # fmt: skip
    """Replace the signal of a workspace.

    Parameters
    ----------
    workspace : Workspace
        Any pyhf workspace with one measurement.
    signal : Signal
    definition : mapping
        Of the new coupling: ``reference``, ``processes``, ``symbol``, ``unit``, ...
    source : str
        sha256 of the template, for the provenance.

    Returns
    -------
    Workspace
        The parameter is mu = (g/g_ref)^2 or, with a term linear in g, g/g_ref itself.
        Factors on the old signal (normsys) act on the new one; a change of shape that the
        template does not give keeps its relative size in each bin, and is warned of.

    Raises
    ------
    InputError
        If channels or bins do not fit: it names no file, as a signal has none.
    """
    if len(workspace.spec["measurements"]) != 1:
        raise InputError("several measurements", file=workspace.name, expected="one")
    signal = _of_used_bins(workspace, signal)
    _check(workspace, signal)
    old = signal_powers(workspace)
    linear = any(1 in by_power for by_power in signal.counts.values())
    constant = any(0 in by_power for by_power in signal.counts.values())
    spec = deepcopy(workspace.spec)
    warnings: list[str] = []
    for channel in spec["channels"]:
        kept: list[dict[str, Any]] = []
        gone: list[dict[str, Any]] = []
        for sample in channel["samples"]:
            driven = any(m["name"] in old for m in sample["modifiers"])
            standard = constant and sample["name"].split("-")[0] == "sm"
            (gone if driven or standard else kept).append(sample)
        made = _samples(
            channel["name"], signal, definition, gone, linear, sorted(old), warnings
        )
        channel["samples"] = [*made, *kept]
        if not channel["samples"]:
            raise InputError(
                "no sample is left", file=workspace.name,
                field=f"channels.{channel['name']}",
            )  # fmt: skip
    _configure(spec, old, linear, definition)
    validate(spec, workspace.name)
    return Workspace(spec, _meta(workspace, spec, definition, linear, warnings, source))


def _of_used_bins(workspace: Workspace, signal: Signal) -> Signal:
    """A template without the bins that the workspace leaves out as masked."""
    known = (workspace.meta or {}).get("channels") or {}
    masks = {
        name: np.asarray(entry["used"], dtype=bool)
        for name, entry in known.items()
        if "used" in entry
    }

    def of_used(channel: str, values: _Array) -> _Array:
        used = masks.get(channel)
        whole = used is not None and values.shape == used.shape
        return np.asarray(values[used]) if whole else values

    return replace(
        signal,
        counts={
            channel: {power: of_used(channel, v) for power, v in by_power.items()}
            for channel, by_power in signal.counts.items()
        },
        variations={
            channel: {
                power: {
                    name: (of_used(channel, up), of_used(channel, down))
                    for name, (up, down) in varied.items()
                }
                for power, varied in by_power.items()
            }
            for channel, by_power in signal.variations.items()
        },
    )


def _check(workspace: Workspace, signal: Signal) -> None:
    observed = observed_counts(workspace)
    known = (workspace.meta or {}).get("channels") or {}
    if not signal.counts:
        raise InputError("a template without channels")
    for channel, by_power in signal.counts.items():
        where = f"template.{channel}"
        if channel not in observed:
            raise InputError(
                "no such channel", field=where,
                expected=f"one of {', '.join(observed)}, as in {workspace.name}",
            )  # fmt: skip
        if 2 not in by_power and 1 not in by_power:
            raise InputError("a template without c_1 and c_2", field=where)
        for power, values in by_power.items():
            if values.shape != observed[channel].shape:
                raise InputError(
                    "incompatible binning", field=f"{where}.c_{power}",
                    found=f"{values.size} bins", expected=f"{observed[channel].size} bins",
                )  # fmt: skip
            if not np.isfinite(values).all():
                raise InputError(
                    "expected counts are not finite", field=f"{where}.c_{power}"
                )
            if power != 1 and (values < 0).any():
                raise InputError("negative counts", field=f"{where}.c_{power}")
        edges = (known.get(channel) or {}).get("edges")
        if (
            edges is not None
            and channel in signal.edges
            and not (
                len(edges) == signal.edges[channel].size
                and np.allclose(edges, signal.edges[channel], rtol=1e-9)
            )
        ):
            raise InputError(
                "incompatible binning", field=where,
                found=f"{signal.edges[channel][0]:g} to {signal.edges[channel][-1]:g} in "
                f"{signal.edges[channel].size - 1} bins",
                expected=f"{edges[0]:g} to {edges[-1]:g} in {len(edges) - 1} bins",
            )  # fmt: skip


def _samples(
    channel: str, signal: Signal, definition: Mapping[str, Any],
    gone: list[dict[str, Any]], linear: bool, old: list[str], warnings: list[str],
) -> Iterator[dict[str, Any]]:  # fmt: skip
    name = "+".join(definition.get("processes") or ["signal"])
    for power, values in sorted(signal.counts.get(channel, {}).items()):
        modifiers: list[Modifier] = []
        if power:
            modifiers.append(normfactor(_FACTORS[power] if linear else "mu"))
        given = signal.variations.get(channel, {}).get(power, {})
        modifiers += [histosys(n, up, down) for n, (up, down) in given.items()]
        factors = signal.factors.get(channel, {})
        modifiers += [normsys(n, size) for n, size in factors.items()]
        for modifier in _carried(gone, old):
            if modifier["name"] in {*given, *factors}:
                continue
            if modifier["type"] == "normsys":
                modifiers.append(modifier)
                continue
            ratios = modifier["data"]
            modifiers.append(
                histosys(
                    modifier["name"], values * ratios["up"], values * ratios["down"]
                )
            )
            text = (
                f"{channel}: {modifier['name']} keeps the relative size in each bin that "
                "it had on the published signal"
            )
            if text not in warnings:
                warnings.append(text)
        yield {
            "name": _SAMPLES[power] if linear or not power else name,
            "data": values.tolist(),
            "modifiers": modifiers,
        }


def _carried(gone: list[dict[str, Any]], old: list[str]) -> Iterator[Modifier]:
    """Systematic effects on the old signal: of its largest sample."""
    driven = [s for s in gone if any(m["name"] in old for m in s["modifiers"])]
    if not driven:
        return
    largest = max(driven, key=lambda s: float(np.sum(np.abs(s["data"]))))
    nominal = np.asarray(largest["data"], float)
    for modifier in largest["modifiers"]:
        if modifier["type"] == "normsys":
            yield deepcopy(modifier)
        elif modifier["type"] == "histosys":
            there = nominal != 0
            ratios = {
                side: np.divide(
                    np.asarray(modifier["data"][key], float), nominal,
                    out=np.ones_like(nominal), where=there,
                )
                for side, key in (("up", "hi_data"), ("down", "lo_data"))
            }  # fmt: skip
            yield {"name": modifier["name"], "type": "histosys", "data": ratios}


def _configure(
    spec: dict[str, Any], old: Mapping[str, int], linear: bool, definition: Mapping[str, Any]
) -> None:  # fmt: skip
    measurement = spec["measurements"][0]
    used = {
        m["name"]
        for c in spec["channels"]
        for s in c["samples"]
        for m in s["modifiers"]
    }
    kept = [
        p for p in measurement["config"].get("parameters", [])
        if p["name"] not in old and p["name"] in used
    ]  # fmt: skip
    free: list[dict[str, Any]] = [
        {"name": "mu", "inits": [1.0], "bounds": [[0.0, 1000.0]]}
    ]
    if linear:
        free = [
            {"name": "g_lin", "inits": [0.0], "bounds": [[-_LARGEST, _LARGEST]]},
            {"name": "g_quad", "inits": [0.0], "bounds": [[0.0, _LARGEST**2]]},
        ]
    names = {f["name"] for f in free}
    measurement["config"] = {
        "poi": free[0]["name"],
        "parameters": [*free, *(p for p in kept if p["name"] not in names)],
    }
    measurement["name"] = measurement_name(
        "+".join(definition.get("processes") or ["signal"]), definition["reference"]
    )


def _meta(
    workspace: Workspace, spec: Mapping[str, Any], definition: Mapping[str, Any],
    linear: bool, warnings: list[str], source: str,
) -> dict[str, Any]:  # fmt: skip
    before = dict(workspace.meta or {})
    own = {k: v for k, v in definition.items() if k not in {"links", "power"}}
    own["power"] = 1 if linear else 2
    if linear:
        own["links"] = {
            name: {"parameter": "g", "power": power} for power, name in _FACTORS.items()
        }
    configuration = {
        "stage": "recast",
        "workspace": digest(workspace.spec),
        "template": source,
        "definition": dict(definition),
    }
    kept: dict[str, Any] = {
        k: before[k] for k in ("experiment", "channels", "cut_flow", "blind") if k in before
    }  # fmt: skip
    return {
        "schema": "nuem-workspace-meta-1",
        **kept,
        "definition": own,
        "measurement": spec["measurements"][0]["name"],
        "warnings": [*before.get("warnings", []), *warnings],
        "notes": ["recast: the signal is that of a template of the user's"],
        "recast_of": {
            "workspace_sha256": digest(workspace.spec),
            "definition": before.get("definition"),
        },
        "provenance": provenance(
            configuration,
            [
                {"file": workspace.name, "sha256": digest(workspace.spec)},
                *(before.get("provenance") or {}).get("inputs", []),
            ],
        ),
        "workspace_sha256": digest(spec),
    }  # fmt: skip
