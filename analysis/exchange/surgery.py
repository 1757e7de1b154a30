"""Operations on pyhf documents: copies come back, what went in stays as it was."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from copy import deepcopy
from typing import Any

from nuem.inputs.errors import InputError

__all__ = [
    "BINWISE",
    "check_bins",
    "configuration",
    "defaults",
    "drop_parameters",
    "drop_samples",
    "kind_of",
    "modifiers",
    "parameter_kinds",
    "parameter_sizes",
    "rename",
    "scale_sample",
    "split_parameter",
    "subset",
]

_Document = dict[str, Any]

#: Modifiers whose parameters belong to the Monte Carlo of one workspace.
BINWISE = ("staterror", "shapesys")


def modifiers(spec: Mapping[str, Any]) -> Iterator[tuple[str, _Document, _Document]]:
    """Yield (channel, sample, modifier) of a document."""
    for channel in spec["channels"]:
        for sample in channel["samples"]:
            for modifier in sample["modifiers"]:
                yield channel["name"], sample, modifier


def kind_of(modifier: Mapping[str, Any], bins: int) -> str:
    """What sort of parameter a modifier has: those of one sort can be one parameter.

    Examples
    --------
    >>> kind_of({"type": "histosys"}, 3), kind_of({"type": "shapefactor"}, 3)
    ('normal', 'shapefactor of 3 bins')
    """
    kind = str(modifier["type"])
    if kind in {"normsys", "histosys"}:
        return "normal"
    if kind == "shapefactor":
        return f"shapefactor of {bins} bins"
    return kind


def parameter_kinds(spec: Mapping[str, Any], file: object = None) -> dict[str, str]:
    """Parameters of a document with their sort.

    Raises
    ------
    InputError
        If a name stands for two sorts.
    """
    kinds: dict[str, str] = {}
    for channel, sample, modifier in modifiers(spec):
        kind = kind_of(modifier, len(sample["data"]))
        there = kinds.setdefault(modifier["name"], kind)
        if there != kind:
            raise InputError(
                "one name for two sorts of parameters", file=file,
                field=f"{channel}.{sample['name']}.{modifier['name']}",
                found=kind, expected=there,
            )  # fmt: skip
    return kinds


def rename(
    spec: Mapping[str, Any],
    *,
    channels: Mapping[str, str] | None = None,
    parameters: Mapping[str, str] | None = None,
    samples: Mapping[str, str] | None = None,
) -> _Document:
    """Rename, everywhere that a name stands.

    Raises
    ------
    InputError
        If a lumi modifier would get another name: pyhf knows one only.

    Examples
    --------
    >>> spec = {"channels": [{"name": "c", "samples": []}],
    ...         "observations": [{"name": "c", "data": []}], "measurements": []}
    >>> rename(spec, channels={"c": "d"})["observations"]
    [{'name': 'd', 'data': []}]
    """
    own = deepcopy(dict(spec))
    channels, parameters, samples = channels or {}, parameters or {}, samples or {}
    for entry in (*own["channels"], *own["observations"]):
        entry["name"] = channels.get(entry["name"], entry["name"])
    for _, _, modifier in modifiers(own):
        new = parameters.get(modifier["name"], modifier["name"])
        if modifier["type"] == "lumi" and new != "lumi":
            raise InputError(
                "pyhf has one lumi only", field=modifier["name"], found=repr(new)
            )
        modifier["name"] = new
    for channel in own["channels"]:
        for sample in channel["samples"]:
            sample["name"] = samples.get(sample["name"], sample["name"])
    for measurement in own["measurements"]:
        config = measurement["config"]
        config["poi"] = parameters.get(config["poi"], config["poi"])
        for entry in config.get("parameters", []):
            entry["name"] = parameters.get(entry["name"], entry["name"])
    return own


def subset(spec: Mapping[str, Any], channels: Iterable[str]) -> _Document:
    """Some channels of a document, with the configuration of all parameters.

    Raises
    ------
    InputError
        If one is not there, or none is left.
    """
    wanted = list(channels)
    there = [c["name"] for c in spec["channels"]]
    for name in wanted:
        if name not in there:
            raise InputError(
                "no such channel", field=f"channels.{name}", expected=", ".join(there)
            )
    if not wanted:
        raise InputError("no channel is left", field="channels")
    own = deepcopy(dict(spec))
    for key in ("channels", "observations"):
        own[key] = [entry for entry in own[key] if entry["name"] in wanted]
    return own


def drop_samples(
    spec: Mapping[str, Any], unwanted: Callable[[str, Mapping[str, Any]], bool]
) -> _Document:
    """A document without those samples for which ``unwanted(channel, sample)`` holds.

    Raises
    ------
    InputError
        If a channel is left without any.
    """
    own = deepcopy(dict(spec))
    for channel in own["channels"]:
        name = channel["name"]
        channel["samples"] = [s for s in channel["samples"] if not unwanted(name, s)]
        if not channel["samples"]:
            raise InputError("no sample is left", field=f"channels.{name}")
    return own


def drop_parameters(
    spec: Mapping[str, Any],
    unwanted: Callable[[Mapping[str, Any], Mapping[str, Any]], bool],
) -> _Document:
    """A document without those modifiers for which ``unwanted(sample, modifier)`` holds."""
    own = deepcopy(dict(spec))
    for channel in own["channels"]:
        for sample in channel["samples"]:
            sample["modifiers"] = [
                m for m in sample["modifiers"] if not unwanted(sample, m)
            ]
    return own


def scale_sample(sample: Mapping[str, Any], factor: float) -> _Document:
    """A sample with its counts, variations and errors multiplied.

    Examples
    --------
    >>> scale_sample({"name": "s", "data": [2.0], "modifiers": [
    ...     {"name": "e", "type": "staterror", "data": [0.5]}]}, 4.0)["modifiers"]
    [{'name': 'e', 'type': 'staterror', 'data': [2.0]}]
    """
    own = deepcopy(dict(sample))
    own["data"] = [factor * x for x in own["data"]]
    for modifier in own["modifiers"]:
        if modifier["type"] == "histosys":
            modifier["data"] = {
                side: [factor * x for x in values]
                for side, values in modifier["data"].items()
            }
        elif modifier["type"] in BINWISE:
            modifier["data"] = [factor * x for x in modifier["data"]]
    return own


def split_parameter(
    spec: Mapping[str, Any], parameter: str, common: str, own_name: str, rho: float
) -> _Document:
    """Replace a unit-normal parameter by a common one and one of its own.

    The effect is that of sqrt(rho) common + sqrt(1 - rho) own: of the same variance, and
    correlated by rho with another one that was split in the same way. Factors are raised
    to that power, changes of shape multiplied by it.

    Raises
    ------
    InputError
        If the parameter is of another sort.
    """
    own = deepcopy(dict(spec))
    for channel in own["channels"]:
        for sample in channel["samples"]:
            made = []
            for modifier in sample["modifiers"]:
                if modifier["name"] != parameter:
                    made.append(modifier)
                    continue
                for name, weight in (
                    (common, math.sqrt(rho)),
                    (own_name, math.sqrt(1 - rho)),
                ):
                    made.append(_weakened(modifier, sample, name, weight))
            sample["modifiers"] = made
    return own


def _weakened(
    modifier: Mapping[str, Any], sample: Mapping[str, Any], name: str, weight: float
) -> _Document:
    data = modifier["data"]
    if modifier["type"] == "normsys":
        if not (data["hi"] > 0 and data["lo"] > 0):
            raise InputError(
                "a factor that is not above 0 cannot be split",
                field=f"{sample['name']}.{modifier['name']}", found=data,
            )  # fmt: skip
        made: Any = {side: data[side] ** weight for side in ("hi", "lo")}
    elif modifier["type"] == "histosys":
        made = {
            side: [n + weight * (x - n) for x, n in zip(data[side], sample["data"], strict=True)]
            for side in ("hi_data", "lo_data")
        }  # fmt: skip
    else:
        raise InputError(
            "only a parameter with a normal constraint can be correlated in part",
            field=f"{sample['name']}.{modifier['name']}", found=modifier["type"],
            expected="normsys or histosys",
        )  # fmt: skip
    return {"name": name, "type": modifier["type"], "data": made}


def defaults(kind: str, size: int) -> _Document:
    """What pyhf takes for a parameter that is not configured.

    Examples
    --------
    >>> defaults("normfactor", 1)
    {'inits': [1.0], 'bounds': [[0.0, 10.0]], 'fixed': False}
    """
    if kind == "normal":
        made: _Document = {"inits": [0.0], "bounds": [[-5.0, 5.0]], "auxdata": [0.0]}
        return made | {"sigmas": [1.0], "fixed": False}
    if kind == "lumi":
        return {"fixed": False}
    low = 1e-10 if kind in BINWISE else 0.0
    return {"inits": [1.0] * size, "bounds": [[low, 10.0]] * size, "fixed": False}


def configuration(
    measurement: Mapping[str, Any], parameter: str, size: int, file: object
) -> _Document | None:
    """What a measurement says of a parameter, or None.

    A part of a workspace keeps what was said of all bins of the whole: equal values are
    then those of the bins that are there.

    Raises
    ------
    InputError
        If it says something else for a number of bins that is not there.
    """
    for entry in measurement["config"].get("parameters", []):
        if entry["name"] != parameter:
            continue
        own = deepcopy(dict(entry))
        for key in ("inits", "bounds", "auxdata", "sigmas", "factors"):
            values = own.get(key)
            if values is None or len(values) == size:
                continue
            if any(value != values[0] for value in values):
                raise InputError(
                    "wrong number of values", file=file, field=f"{parameter}.{key}",
                    found=len(values), expected=size,
                )  # fmt: skip
            own[key] = [values[0]] * size
        return own
    return None


def parameter_sizes(spec: Mapping[str, Any]) -> dict[str, int]:
    """Number of components of each parameter.

    Examples
    --------
    >>> parameter_sizes({"channels": [{"name": "c", "samples": [{"data": [1.0, 2.0],
    ...     "modifiers": [{"name": "e", "type": "staterror", "data": [0.1, 0.1]}]}]}]})
    {'e': 2}
    """
    sizes: dict[str, int] = {}
    seen: set[tuple[str, str]] = set()
    for channel, sample, modifier in modifiers(spec):
        name, kind = modifier["name"], modifier["type"]
        if kind in BINWISE and (channel, name) not in seen:
            seen.add((channel, name))
            sizes[name] = sizes.get(name, 0) + len(sample["data"])
        elif kind == "shapefactor":
            sizes[name] = len(sample["data"])
        elif kind not in BINWISE:
            sizes[name] = 1
    return sizes


def check_bins(spec: Mapping[str, Any], file: object) -> None:
    """Refuse arrays of unequal length in one channel.

    Raises
    ------
    InputError
        If there are any, or channels and observations are not the same.
    """
    observed: dict[str, Sequence[float]] = {
        o["name"]: o["data"] for o in spec["observations"]
    }
    names = [c["name"] for c in spec["channels"]]
    if len(set(names)) < len(names):
        twice = next(n for n in names if names.count(n) > 1)
        raise InputError("channel twice", file=file, field=f"channels.{twice}")
    for channel, sample, modifier in modifiers(spec):
        data = modifier["data"]
        arrays = [data] if isinstance(data, list) else []
        if modifier["type"] == "histosys":
            arrays = [data["hi_data"], data["lo_data"]]
        for values in arrays:
            _same_bins(
                values, sample["data"], file, f"{channel}.{sample['name']}.{modifier['name']}"
            )  # fmt: skip
    for channel in spec["channels"]:
        for sample in channel["samples"]:
            _same_bins(
                sample["data"], observed[channel["name"]], file,
                f"{channel['name']}.{sample['name']}",
            )  # fmt: skip


def _same_bins(
    found: Sequence[float], expected: Sequence[float], file: object, where: str
) -> None:
    if len(found) != len(expected):
        raise InputError(
            "incompatible binning", file=file, field=where,
            found=f"{len(found)} bins", expected=f"{len(expected)} bins",
        )  # fmt: skip
