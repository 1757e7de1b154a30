"""pyhf workspaces: put together from arrays, checked, written, read.

Beside ``NAME.json``, which is plain pyhf JSON 1.0.0, stands ``NAME.meta.json``:
what the parameter of interest means and what made the file. The schema of pyhf is
closed, so this cannot live inside.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nuem.analysis.exchange.hs3 import to_hs3
from nuem.analysis.exchange.hs3_reading import from_hs3, is_hs3
from nuem.analysis.exchange.provenance import digest
from nuem.analysis.exchange.surgery import check_bins
from nuem.inputs.errors import InputError
from nuem.inputs.files import parse_json, read_json, write_json
from nuem.inputs.modifiers import foreign_modifiers
from nuem.inputs.vocabulary import (
    COUPLING_SYMBOL,
    COUPLING_UNIT,
    INTERFERING_PROCESSES,
    Process,
)

__all__ = [
    "ChannelModel",
    "Sample",
    "Workspace",
    "assemble",
    "definition_of",
    "histosys",
    "hs3_path",
    "measurement_name",
    "meta_path",
    "normfactor",
    "normsys",
    "observed_counts",
    "read_workspace",
    "shapefactor",
    "validate",
    "with_measurement",
    "write_workspace",
]

Modifier = dict[str, Any]
_Array = NDArray[np.float64]


@dataclass(frozen=True)
class Sample:
    """Expected counts by bin, and the modifiers that act on them."""

    name: str
    data: _Array
    modifiers: tuple[Modifier, ...] = ()


@dataclass(frozen=True)
class ChannelModel:
    """A channel: observed counts and the samples that explain them."""

    name: str
    observed: _Array
    samples: tuple[Sample, ...]


@dataclass(frozen=True)
class Workspace:
    """A pyhf workspace with the meaning of its parameter of interest.

    Attributes
    ----------
    spec : dict
        The pyhf document.
    meta : dict or None
        The document beside it; None for a workspace from elsewhere without one.
    name : str
        Where it was read from, for messages.
    """

    spec: dict[str, Any]
    meta: dict[str, Any] | None = None
    name: str = field(default="workspace", compare=False)


def normfactor(name: str) -> Modifier:
    """A free factor on the sample."""
    return {"name": name, "type": "normfactor", "data": None}


def shapefactor(name: str) -> Modifier:
    """A free factor in each bin."""
    return {"name": name, "type": "shapefactor", "data": None}


def normsys(name: str, size: float) -> Modifier:
    """A constrained factor with a relative size at one sigma."""
    return {"name": name, "type": "normsys", "data": {"hi": 1 + size, "lo": 1 - size}}


def histosys(name: str, high: _Array, low: _Array) -> Modifier:
    """A constrained change of shape: expected counts at plus and minus one sigma."""
    return {
        "name": name,
        "type": "histosys",
        "data": {"hi_data": list(map(float, high)), "lo_data": list(map(float, low))},
    }


def measurement_name(process: str, reference: float) -> str:
    """Name of the measurement: the parameter is (g/g_ref)^2.

    Examples
    --------
    >>> measurement_name("electron-millicharge-transition", 1e-12)
    'electron-millicharge-transition@g_ref=1e-12'
    """
    return f"{process}@g_ref={float(reference)!r}"


def assemble(
    channels: Sequence[ChannelModel],
    *,
    measurement: str,
    poi: str,
    parameters: Mapping[str, Mapping[str, Any]],
) -> dict[str, Any]:
    """Put a pyhf document together and have pyhf check it.

    Parameters
    ----------
    channels : sequence of ChannelModel
        All arrays of a channel have the same length.
    measurement : str
        Name of the measurement.
    poi : str
        Name of the parameter of interest.
    parameters : mapping
        Parameter name -> configuration (``inits``, ``bounds``, ``fixed``).

    Returns
    -------
    dict
        A document of schema 1.0.0.

    Raises
    ------
    InputError
        If an array has the wrong length or a value that is not finite, or if pyhf
        refuses the document.
    """
    for channel in channels:
        _check(channel)
    spec = {
        "version": "1.0.0",
        "channels": [
            {
                "name": channel.name,
                "samples": [
                    {
                        "name": sample.name,
                        "data": [float(x) for x in sample.data],
                        "modifiers": list(sample.modifiers),
                    }
                    for sample in channel.samples
                ],
            }
            for channel in channels
        ],
        "observations": [
            {"name": channel.name, "data": [float(x) for x in channel.observed]}
            for channel in channels
        ],
        "measurements": [
            {
                "name": measurement,
                "config": {
                    "poi": poi,
                    "parameters": [
                        {"name": name, **config}
                        for name, config in sorted(parameters.items())
                    ],
                },
            }
        ],
    }
    validate(spec, "workspace")
    return spec


def write_workspace(path: str | Path, workspace: Workspace) -> tuple[Path, Path]:
    """Write ``NAME.json`` and ``NAME.meta.json``.

    Where factors are powers of a coupling, ``NAME.hs3.json`` states that as well.

    Returns
    -------
    tuple of Path

    Raises
    ------
    InputError
        If the name does not end in ``.json`` or the output cannot be written.
    """
    path = Path(path)
    if path.suffix != ".json":
        raise InputError("workspace name", found=path.name, expected="NAME.json")
    beside = meta_path(path)
    # the meta file first: a workspace is never there without its meaning
    write_json(beside, workspace.meta)
    definition = (workspace.meta or {}).get("definition") or {}
    if definition.get("links"):
        write_json(hs3_path(path), to_hs3(workspace.spec, definition))
    write_json(path, workspace.spec)
    return path, beside


def read_workspace(path: str | Path) -> Workspace:
    """Read and check any pyhf workspace, or an HS3 one; ``-`` is standard input.

    Raises
    ------
    InputError
        If the file is missing, not JSON, or not a pyhf workspace.
    """
    if str(path) == "-":
        spec, meta, name = parse_json(sys.stdin.read(), "-"), None, "-"
    else:
        path = Path(path)
        spec, name = read_json(path), str(path)
        beside = meta_path(path)
        meta = read_json(beside) if beside.exists() else None
        if meta is not None and not isinstance(meta, dict):
            raise InputError("not a meta document", file=beside)
        if meta is not None and meta.get("workspace_sha256") != digest(spec):
            raise InputError(
                "the document beside the workspace belongs to another one", file=beside,
                expected=f"that of {path.name}; remove it, or write both anew",
            )  # fmt: skip
    if is_hs3(spec):
        spec, definition = from_hs3(spec, name)
        if meta is None and definition is not None:
            meta = {"definition": definition}
    validate(spec, name)
    return Workspace(spec=spec, meta=meta, name=name)


def with_measurement(workspace: Workspace, measurement: str | None) -> Workspace:
    """A workspace with one measurement: that which was asked for, or the only one.

    Raises
    ------
    InputError
        If there are several and none was named, or it is not there.
    """
    there = {m["name"]: m for m in workspace.spec["measurements"]}
    if (measurement is None and len(there) > 1) or measurement not in (None, *there):
        raise InputError(
            "which measurement?", file=workspace.name, field="measurement",
            found=measurement, expected=f"one of {', '.join(there)}",
        )  # fmt: skip
    if len(there) == 1:
        return workspace
    spec = {**workspace.spec, "measurements": [there[str(measurement)]]}
    return Workspace(spec, workspace.meta, workspace.name)


def meta_path(path: Path) -> Path:
    """Name of the document that stands beside a workspace."""
    return path.with_name(f"{path.stem}.meta.json")


def hs3_path(path: Path) -> Path:
    """Name of the HS3 document of a workspace."""
    return path.with_name(f"{path.stem}.hs3.json")


def _check(channel: ChannelModel) -> None:
    shape = np.shape(channel.observed)
    arrays = {"observed": channel.observed}
    for sample in channel.samples:
        arrays[sample.name] = sample.data
        for modifier in sample.modifiers:
            if modifier["type"] == "histosys":
                for side, values in modifier["data"].items():
                    arrays[f"{sample.name}.{modifier['name']}.{side}"] = values
    for name, values in arrays.items():
        where = f"{channel.name}.{name}"
        if np.shape(values) != shape:
            raise InputError(
                "wrong number of bins", field=where, found=np.shape(values),
                expected=shape,
            )  # fmt: skip
        if not np.isfinite(values).all():
            raise InputError("expected counts are not finite", field=where)


def validate(spec: Any, name: str) -> None:
    """Have pyhf check a document.

    Raises
    ------
    InputError
        If it is not a pyhf workspace.
    """
    import pyhf.exceptions
    import pyhf.schema

    if not isinstance(spec, dict):
        raise InputError("not a pyhf workspace", file=name, expected="a JSON object")
    foreign = foreign_modifiers(spec, name)
    try:
        pyhf.schema.validate(_without(spec, foreign), "workspace.json")
    except pyhf.exceptions.InvalidSpecification as error:
        line = re.sub(r"\s+", " ", str(error).partition("\n")[0])
        raise InputError(f"not a pyhf workspace ({line[:200]})", file=name) from None
    there = [channel["name"] for channel in spec["channels"]]
    observed = [observation["name"] for observation in spec["observations"]]
    if sorted(there) != sorted(observed):
        raise InputError(
            "observations do not fit the channels", file=name,
            found=", ".join(observed), expected=", ".join(there),
        )  # fmt: skip
    check_bins(spec, name)
    _each_once([m["name"] for m in spec["measurements"]], "measurements", name)
    for channel in spec["channels"]:
        samples = [sample["name"] for sample in channel["samples"]]
        _each_once(samples, f"channels.{channel['name']}.samples", name)
    for observation in spec["observations"]:
        if min(observation["data"]) < 0:
            raise InputError(
                "negative counts", file=name, field=f"observations.{observation['name']}",
                found=min(observation["data"]), expected="0 or more",
            )  # fmt: skip


def _each_once(names: Sequence[str], where: str, file: str) -> None:
    """Of two entries of one name pyhf takes one, and does not say which."""
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise InputError("two of one name", file=file, field=where, found=repr(twice))


def _without(spec: dict[str, Any], foreign: frozenset[str]) -> dict[str, Any]:
    """The document less the modifiers of some types."""
    if not foreign:
        return spec
    less = deepcopy(spec)
    for channel in less["channels"]:
        for sample in channel["samples"]:
            sample["modifiers"] = [
                m for m in sample["modifiers"] if m["type"] not in foreign
            ]
    return less


def definition_of(
    workspace: Workspace, measurement: str | None = None
) -> dict[str, Any] | None:
    """What the parameter of interest means.

    Parameters
    ----------
    workspace : Workspace
        With a meta document, or with a measurement named ``PROCESS@g_ref=VALUE``.
    measurement : str, optional
        Which measurement; the only one by default.

    Returns
    -------
    dict or None
        None where the workspace does not say.
    """
    names = [m["name"] for m in workspace.spec["measurements"]]
    name = measurement or names[0]
    meta = workspace.meta or {}
    if "definition" in meta and meta.get("measurement", name) == name:
        return dict(meta["definition"])
    processes, _, value = name.partition("@g_ref=")
    try:
        reference = float(value)
        symbols = {COUPLING_SYMBOL[Process(p)] for p in processes.split("+")}
    except ValueError:
        return None
    symbol = symbols.pop()
    if symbols or symbol is None or not reference > 0:
        return None
    found: dict[str, Any] = {
        "processes": processes.split("+"),
        "symbol": symbol,
        "reference": reference,
        "unit": COUPLING_UNIT[symbol],
        "power": 2,
    }
    if set(found["processes"]) & set(INTERFERING_PROCESSES):
        # by convention of the names of the factors; the meta document says so too
        found["power"] = 1
        found["links"] = {
            "g_lin": {"parameter": "g", "power": 1},
            "g_quad": {"parameter": "g", "power": 2},
        }
    return found


def observed_counts(workspace: Workspace) -> dict[str, _Array]:
    """Observed counts by channel."""
    return {
        entry["name"]: np.array(entry["data"], dtype=float)
        for entry in workspace.spec["observations"]
    }
