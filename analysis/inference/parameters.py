"""Parameters of a HistFactory measurement: order, start, bounds, constraint, auxiliary data.

The rules are those of the pyhf 1.0.0 schema as pyhf applies them (L. Heinrich,
M. Feickert, G. Stark, K. Cranmer, J. Open Source Softw. 6 (2021) 2823), and the order
of the parameters is pyhf's, so that a vector of values means the same in both.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nuem.inputs.errors import InputError
from nuem.inputs.modifiers import KNOWN

__all__ = [
    "FREE", "NORMAL", "POISSON", "Layout", "ParameterSet", "check_yields", "layout_of",
    "modifiers_in_order", "pick_measurement",
]  # fmt: skip

_Array = NDArray[np.float64]

#: How a parameter is constrained: not at all, by a normal or by a Poisson term.
FREE, NORMAL, POISSON = 0, 1, 2


@dataclass
class ParameterSet:
    """One named parameter, scalar or with a component for each bin.

    Attributes
    ----------
    name : str
    scalar : bool
    kind : int
        ``FREE``, ``NORMAL`` or ``POISSON``.
    init, low, high : ndarray, shape (n,)
    fixed : ndarray of bool, shape (n,)
    aux, width : ndarray, shape (n,)
        Auxiliary data; and the standard deviation (normal) or the factor that turns
        the parameter into the expected auxiliary count (Poisson).
    start : int
        Index of the first component among all parameters.
    """

    name: str
    scalar: bool
    kind: int
    init: _Array
    low: _Array
    high: _Array
    fixed: NDArray[np.bool_]
    aux: _Array
    width: _Array
    start: int = 0

    @property
    def names(self) -> list[str]:
        """Names of the components: ``name``, or ``name[bin]``."""
        if self.scalar:
            return [self.name]
        return [f"{self.name}[{i}]" for i in range(self.init.size)]


@dataclass(frozen=True)
class Layout:
    """Channels and parameters of a measurement, in the order of pyhf.

    Attributes
    ----------
    channels : dict
        Channel -> slice of the bins; alphabetical.
    sets : dict
        Parameter name -> its set; in the order of the vector.
    masks : dict
        Name of a staterror -> bins (of all channels together) that it acts on.
    poi : str or None
    """

    channels: dict[str, slice]
    sets: dict[str, ParameterSet]
    masks: dict[str, NDArray[np.bool_]] = field(default_factory=dict)
    poi: str | None = None


def pick_measurement(
    spec: Mapping[str, Any], measurement: str | None, name: str
) -> Mapping[str, Any]:
    """The measurement that was asked for, or the only one.

    Raises
    ------
    InputError
        If there are several and none was named, or it is not there.
    """
    there: dict[str, Mapping[str, Any]] = {m["name"]: m for m in spec["measurements"]}
    if measurement is None and len(there) > 1:
        raise InputError(
            "several measurements", file=name, field="measurement",
            expected=f"one of {', '.join(there)}",
        )  # fmt: skip
    if measurement is not None and measurement not in there:
        raise InputError(
            "no such measurement", file=name, field="measurement",
            found=repr(measurement), expected=f"one of {', '.join(there)}",
        )  # fmt: skip
    return there[measurement] if measurement else next(iter(there.values()))


def layout_of(
    spec: Mapping[str, Any], config: Mapping[str, Any], name: str = "workspace"
) -> Layout:
    """Collect channels and parameters.

    Parameters
    ----------
    spec : mapping
        Document with ``channels``.
    config : mapping
        ``poi`` and ``parameters`` of a measurement.
    name : str
        Where it came from, for messages.

    Returns
    -------
    Layout

    Raises
    ------
    InputError
        If channels, modifiers or configurations contradict each other.

    Examples
    --------
    >>> spec = {"channels": [{"name": "c", "samples": [{"name": "s", "data": [1.0],
    ...     "modifiers": [{"name": "mu", "type": "normfactor", "data": None},
    ...                   {"name": "a", "type": "normsys",
    ...                    "data": {"hi": 1.1, "lo": 0.9}}]}]}]}
    >>> list(layout_of(spec, {"poi": "mu", "parameters": []}).sets)
    ['mu', 'a']
    """
    channels = _channel_slices(spec, name)
    total = max((s.stop for s in channels.values()), default=0)
    user: dict[str, Mapping[str, Any]] = {}
    for entry in config.get("parameters", []):
        if entry["name"] in user:
            raise InputError("configured twice", file=name, field=entry["name"])
        user[entry["name"]] = entry
    found: dict[str, dict[str, ParameterSet]] = {kind: {} for kind in KNOWN}
    seen: set[tuple[str, str]] = set()
    for channel, sample, data, modifier in modifiers_in_order(spec):
        kind, label = modifier["type"], modifier["name"]
        if kind == "staterror":
            found[kind].setdefault(label, _EMPTY)
            continue
        where = f"{channel}.{sample}.{label}"
        if kind == "shapesys" and (kind, label) in seen:
            raise InputError("a shapesys cannot be shared", file=name, field=where)
        if label not in found[kind]:
            found[kind][label] = _standard(kind, label, data, modifier)
        elif kind == "shapefactor" and len(data) > found[kind][label].init.size:
            raise InputError(
                "a shapefactor is shared by channels of unequal length",
                file=name, field=where,
                found=len(data), expected=f"at most {found[kind][label].init.size} bins",
            )  # fmt: skip
        seen.add((kind, label))
    masks = {}
    for label in sorted(found["staterror"]):
        found["staterror"][label], masks[label] = _staterror(
            label, spec, channels, total, name
        )
    found["staterror"] = {k: found["staterror"][k] for k in sorted(found["staterror"])}
    sets: dict[str, ParameterSet] = {}
    for kind in KNOWN:
        for label, new in found[kind].items():
            old = sets.get(label)
            if old is not None and not _alike(old, new):
                raise InputError(
                    "two modifiers of one name want different parameters",
                    file=name, field=label,
                )  # fmt: skip
            sets.setdefault(label, new)
    start = 0
    for label, chosen in sets.items():
        _configure(chosen, user.get(label, {}), name)
        chosen.start = start
        start += chosen.init.size
    if not sets:
        raise InputError("a model without parameters", file=name)
    poi = config.get("poi") or None
    if poi is not None and poi not in sets:
        raise InputError(
            "the parameter of interest acts on nothing", file=name, field=poi
        )
    if poi is not None and sets[poi].init.size != 1:
        raise InputError(
            "a parameter of interest with several components", file=name, field=poi
        )
    return Layout(channels=channels, sets=sets, masks=masks, poi=poi)


def check_yields(spec: Mapping[str, Any], name: str) -> None:
    """Refuse a channel in which no sample expects anything: it says nothing.

    Parameters
    ----------
    spec : mapping
        Document with ``channels``.
    name : str
        Where it came from, for messages.

    Raises
    ------
    InputError
        If there is such a channel.

    Examples
    --------
    >>> sample = {"name": "s", "data": [0.0], "modifiers": []}
    >>> check_yields({"channels": [{"name": "c", "samples": [sample]}]}, "w.json")
    Traceback (most recent call last):
    nuem.inputs.errors.InputError: w.json: channels.c: no sample has a yield
    """
    for channel in spec["channels"]:
        yields = [
            values
            for sample in channel["samples"]
            for values in (
                sample["data"],
                *(
                    modifier["data"][side]
                    for modifier in sample["modifiers"]
                    if modifier["type"] == "histosys"
                    for side in ("hi_data", "lo_data")
                ),
            )
        ]
        if not any(map(np.any, yields)):
            raise InputError(
                "no sample has a yield", file=name, field=f"channels.{channel['name']}"
            )


def modifiers_in_order(
    spec: Mapping[str, Any],
) -> Iterator[tuple[str, str, Sequence[float], Mapping[str, Any]]]:
    """Yield (channel, sample, counts, modifier) in the order in which pyhf walks."""
    by_channel = {c["name"]: c for c in spec["channels"]}
    for channel in sorted(by_channel):
        by_sample = {s["name"]: s for s in by_channel[channel]["samples"]}
        for sample in sorted(by_sample):
            entry = by_sample[sample]
            # the last of two with the same name and type wins, as in pyhf
            own = {(m["name"], m["type"]): m for m in entry["modifiers"]}
            for key in sorted(own):
                yield channel, sample, entry["data"], own[key]


def _channel_slices(spec: Mapping[str, Any], name: str) -> dict[str, slice]:
    lengths: dict[str, int] = {}
    for channel in spec["channels"]:
        label = channel["name"]
        if label in lengths:
            raise InputError("channel twice", file=name, field=label)
        sizes = {len(sample["data"]) for sample in channel["samples"]}
        if not sizes or sizes == {0}:
            raise InputError("empty channel", file=name, field=f"channels.{label}")
        if len(sizes) > 1:
            raise InputError(
                "samples of different length", file=name, field=f"channels.{label}",
                found=", ".join(map(str, sorted(sizes))), expected="one length",
            )  # fmt: skip
        lengths[label] = sizes.pop()
    slices, begin = {}, 0
    for label in sorted(lengths):
        slices[label] = slice(begin, begin + lengths[label])
        begin += lengths[label]
    return slices


def _make(
    name: str, kind: int, bounds: tuple[float, float], init: float, size: int,
    scalar: bool, aux: Any = 0.0, width: Any = 1.0, fixed: Any = False,
) -> ParameterSet:  # fmt: skip
    return ParameterSet(
        name=name, scalar=scalar, kind=kind,
        init=np.full(size, init), low=np.full(size, bounds[0]),
        high=np.full(size, bounds[1]),
        fixed=np.array(np.broadcast_to(fixed, size), dtype=bool),
        aux=np.array(np.broadcast_to(aux, size), dtype=float),
        width=np.array(np.broadcast_to(width, size), dtype=float),
    )  # fmt: skip


_EMPTY = _make("", FREE, (0.0, 0.0), 0.0, 0, False)


def _standard(
    kind: str, name: str, data: Sequence[float], modifier: Mapping[str, Any]
) -> ParameterSet:
    if kind in {"histosys", "normsys"}:
        return _make(name, NORMAL, (-5.0, 5.0), 0.0, 1, True)
    if kind == "normfactor":
        return _make(name, FREE, (0.0, 10.0), 1.0, 1, True)
    if kind == "shapefactor":
        return _make(name, FREE, (0.0, 10.0), 1.0, len(data), False)
    if kind == "lumi":
        nan = np.nan
        return _make(name, NORMAL, (nan, nan), nan, 1, True, aux=nan, width=nan)
    nominal = np.asarray(data, dtype=float)
    error = np.asarray(modifier["data"], dtype=float)
    if error.shape != nominal.shape:
        raise InputError(
            "wrong number of bins", field=name, found=error.size, expected=nominal.size
        )
    good = (nominal > 0) & (error > 0)
    factor = np.ones_like(nominal)
    factor[good] = (nominal[good] / error[good]) ** 2
    return _make(
        name, POISSON, (1e-10, 10.0), 1.0, nominal.size, False,
        aux=factor, width=factor, fixed=~good,
    )  # fmt: skip


def _staterror(
    name: str,
    spec: Mapping[str, Any],
    channels: dict[str, slice],
    total: int,
    file: str,
) -> tuple[ParameterSet, NDArray[np.bool_]]:
    """Width in each bin: errors of all samples in squares over the sum of their counts."""
    nominal: dict[str, _Array] = {}
    error: dict[str, _Array] = {}
    mask: dict[str, NDArray[np.bool_]] = {}
    for channel in spec["channels"]:
        where = channels[channel["name"]]
        for sample in channel["samples"]:
            label = sample["name"]
            nominal.setdefault(label, np.zeros(total))[where] = sample["data"]
            for modifier in sample["modifiers"]:
                if (modifier["type"], modifier["name"]) == ("staterror", name):
                    if len(modifier["data"]) != len(sample["data"]):
                        raise InputError(
                            "wrong number of bins", file=file,
                            field=f"{channel['name']}.{label}.{name}",
                            found=len(modifier["data"]), expected=len(sample["data"]),
                        )  # fmt: skip
                    error.setdefault(label, np.zeros(total))[where] = modifier["data"]
                    mask.setdefault(label, np.zeros(total, dtype=bool))[where] = True
    first = next(iter(mask.values()))
    if not all(np.array_equal(first, other) for other in mask.values()):
        raise InputError(
            "samples share a staterror in different channels", file=file, field=name
        )
    sum_nominal = np.sum([nominal[label] for label in mask], axis=0)
    square = np.sum([error[label] ** 2 for label in mask], axis=0)
    width = np.zeros(total)
    there = sum_nominal > 0
    width[there] = np.sqrt(square[there]) / sum_nominal[there]
    width = width[first]
    fixed = width == 0
    return (
        _make(
            name, NORMAL, (1e-10, 10.0), 1.0, width.size, False,
            aux=1.0, width=np.where(fixed, 1.0, width), fixed=fixed,
        ),
        first,
    )  # fmt: skip


def _alike(a: ParameterSet, b: ParameterSet) -> bool:
    return (a.kind, a.scalar, a.init.size) == (b.kind, b.scalar, b.init.size) and all(
        np.array_equal(getattr(a, key), getattr(b, key))
        for key in ("init", "low", "high", "fixed", "aux", "width")
    )


def _configure(chosen: ParameterSet, user: Mapping[str, Any], file: str) -> None:
    """Apply the configuration of a measurement to a set, and check the result."""
    size = chosen.init.size
    targets = {"inits": "init", "auxdata": "aux", "sigmas": "width", "factors": "width"}
    for key, target in targets.items():
        if key not in user:
            continue
        wrong = (key == "auxdata" and chosen.kind == FREE) or (
            key == "factors" and chosen.kind != POISSON
        ) or (key == "sigmas" and chosen.kind != NORMAL)  # fmt: skip
        if wrong:
            raise InputError(
                f"the parameter does not use {key}", file=file, field=chosen.name
            )
        setattr(chosen, target, _sized(user[key], size, file, f"{chosen.name}.{key}"))
    if "bounds" in user:
        bounds = np.asarray(user["bounds"], dtype=float)
        if bounds.shape != (size, 2) or not (bounds[:, 0] <= bounds[:, 1]).all():
            raise InputError(
                "wrong bounds", file=file, field=chosen.name,
                found=user["bounds"], expected=f"{size} pairs, low then high",
            )  # fmt: skip
        chosen.low, chosen.high = bounds[:, 0].copy(), bounds[:, 1].copy()
    if "fixed" in user:
        fixed = user["fixed"]
        chosen.fixed = np.array(np.broadcast_to(fixed, size), dtype=bool)
    values = (chosen.init, chosen.aux, chosen.width, chosen.low, chosen.high)
    if not all(np.isfinite(v).all() for v in values):
        raise InputError(
            "a parameter without starting value, bounds, auxiliary data and sigma",
            file=file, field=chosen.name,
            expected="all of them under measurements.config.parameters",
        )  # fmt: skip
    if chosen.kind != FREE and not (chosen.width > 0).all():
        raise InputError("a width that is not above 0", file=file, field=chosen.name)


def _sized(values: Any, size: int, file: str, where: str) -> _Array:
    result = np.asarray(values, dtype=float)
    if result.shape != (size,):
        raise InputError(
            "wrong number of values", file=file, field=where,
            found=result.size, expected=size,
        )  # fmt: skip
    return result.copy()
