"""Another signal on a published workspace, without its events.

Backgrounds, data and their systematics stay as they were published; the signal comes
from a template of the user's.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator, Mapping
from copy import deepcopy
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nuem.analysis.exchange.formats import signal_powers
from nuem.analysis.exchange.provenance import digest, provenance
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

__all__ = ["Signal", "read_signal", "recast"]

_Array = NDArray[np.float64]

#: Names of the samples and factors of each power of a coupling that interferes.
_SAMPLES = {0: "sm", 1: "int", 2: "em"}
_FACTORS = {1: "g_lin", 2: "g_quad"}
_LARGEST = 30.0


@dataclass
class Signal:
    """Expected counts of a signal in the bins of a workspace.

    Attributes
    ----------
    counts : dict
        Channel -> power of g/g_ref -> counts by bin, for the whole exposure.
    variations : dict
        Channel -> power -> nuisance parameter -> counts at plus and minus one standard
        deviation.
    factors : dict
        Channel -> nuisance parameter -> relative size of a factor on the whole signal.
    edges : dict
        Channel -> edges of its bins; only where they are known.
    """

    counts: dict[str, dict[int, _Array]]
    variations: dict[str, dict[int, dict[str, tuple[_Array, _Array]]]] = field(
        default_factory=dict
    )
    factors: dict[str, dict[str, float]] = field(default_factory=dict)
    edges: dict[str, _Array] = field(default_factory=dict)


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
        If channels or bins do not fit.
    """
    if len(workspace.spec["measurements"]) != 1:
        raise InputError("several measurements", file=workspace.name, expected="one")
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


def _check(workspace: Workspace, signal: Signal) -> None:
    observed = observed_counts(workspace)
    known = (workspace.meta or {}).get("channels") or {}
    if not signal.counts:
        raise InputError("a template without channels", file=workspace.name)
    for channel, by_power in signal.counts.items():
        where = f"template.{channel}"
        if channel not in observed:
            raise InputError(
                "no such channel", file=workspace.name, field=where,
                expected=f"one of {', '.join(observed)}",
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


def read_signal(path: str | Path) -> Signal:
    """Read a template of expected counts from CSV, ROOT or UHI JSON.

    Parameters
    ----------
    path : str or Path
        ``.csv`` with columns channel, low, high and ``c_0``, ``c_1``, ``c_2`` as far as
        there are (counts at g = g_ref for the whole exposure), and for systematic
        variations ``c_2__NAME_up`` and ``c_2__NAME_down``. Or ``.root`` or ``.json`` (UHI)
        with histograms ``CHANNEL/c_2`` and ``CHANNEL/c_2__NAME_up``.

    Returns
    -------
    Signal

    Raises
    ------
    InputError
        If the file is none of these, or damaged.
    """
    path = Path(path)
    readers = {".csv": _from_csv, ".root": _from_root, ".json": _from_uhi}
    if path.suffix not in readers:
        raise InputError(
            "template of an unknown kind", file=path, expected=".csv, .root or .json"
        )
    if not path.is_file():
        raise InputError("no such file", file=path)
    signal = Signal({})
    sides: dict[tuple[str, int, str], dict[str, _Array]] = {}
    for channel, label, edges, values in readers[path.suffix](path):
        term, _, variation = label.partition("__")
        if term not in {"c_0", "c_1", "c_2"}:
            raise InputError(
                "not a coefficient", file=path, field=f"{channel}.{label}",
                expected="c_0, c_1 or c_2, or c_2__NAME_up and c_2__NAME_down",
            )  # fmt: skip
        power = int(term[-1])
        signal.edges[channel] = edges
        if not variation:
            signal.counts.setdefault(channel, {})[power] = values
            continue
        name, _, side = variation.rpartition("_")
        if side not in {"up", "down"} or not name:
            raise InputError(
                "not a variation", file=path, field=f"{channel}.{label}",
                expected="NAME_up and NAME_down",
            )  # fmt: skip
        sides.setdefault((channel, power, name), {})[side] = values
    for (channel, power, name), pair in sides.items():
        if set(pair) != {"up", "down"} or power not in signal.counts.get(channel, {}):
            raise InputError(
                "a variation with one side, or without its nominal", file=path,
                field=f"{channel}.c_{power}__{name}",
            )  # fmt: skip
        by_power = signal.variations.setdefault(channel, {}).setdefault(power, {})
        by_power[name] = (pair["up"], pair["down"])
    return signal


_Read = Iterator[tuple[str, str, _Array, _Array]]


def _from_csv(path: Path) -> _Read:
    with path.open(newline="", encoding="utf-8") as stream:
        rows = list(csv.DictReader(line for line in stream if not line.startswith("#")))
    if not rows or not {"channel", "low", "high"} <= set(rows[0]):
        raise InputError(
            "not a template", file=path, expected="columns channel, low, high, c_2"
        )
    terms = [key for key in rows[0] if key not in {"channel", "low", "high"}]
    for channel in dict.fromkeys(row["channel"] for row in rows):
        own = [row for row in rows if row["channel"] == channel]
        try:
            low = np.array([float(row["low"]) for row in own])
            high = np.array([float(row["high"]) for row in own])
            columns = {
                t: np.array([float(row[t]) for row in own])
                for t in terms
                if any(row[t] not in (None, "") for row in own)
            }
        except (TypeError, ValueError):
            raise InputError(
                "not a number", file=path, field=channel, expected="numbers in all rows"
            ) from None
        if not np.array_equal(low[1:], high[:-1]) or not (high > low).all():
            raise InputError(
                "bins with gaps, or not in order", file=path, field=channel
            )
        for term, values in columns.items():
            yield channel, term, np.append(low, high[-1]), values


def _from_root(path: Path) -> _Read:
    import uproot

    with uproot.open(path) as file:
        for key, kind in file.classnames(cycle=False).items():
            if kind.startswith("TH1"):
                values, edges = file[key].to_numpy()
                channel, _, label = key.rpartition("/")
                yield (
                    channel,
                    label,
                    np.asarray(edges, float),
                    np.asarray(values, float),
                )


def _from_uhi(path: Path) -> _Read:
    import hist
    import uhi.io.json

    try:
        document = json.loads(
            path.read_text(encoding="utf-8"), object_hook=uhi.io.json.object_hook
        )
        for key, entry in document.items():
            own = hist.Hist(entry)
            channel, _, label = key.rpartition("/")
            yield (
                channel,
                label,
                np.asarray(own.axes[0].edges),
                np.asarray(own.values()),
            )
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError(f"not UHI histograms ({error})", file=path) from None
