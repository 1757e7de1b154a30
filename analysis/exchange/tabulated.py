"""A signal of the user's own: expected counts from CSV, ROOT or UHI JSON."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from nuem.inputs.errors import InputError

__all__ = ["Signal", "read_signal"]

_Array = NDArray[np.float64]


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
