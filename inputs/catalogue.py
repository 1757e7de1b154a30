"""The experiments that are there, read and checked: by name, or from a file."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import ValidationError

from nuem.inputs.detectors import Detector, Period, Region, Response
from nuem.inputs.errors import InputError
from nuem.inputs.observation import Observable, Segment
from nuem.inputs.schema import Experiment
from nuem.inputs.texts import read_table
from nuem.inputs.validation import one_line
from nuem.inputs.yaml import read_yaml, scalar

__all__ = [
    "Channel",
    "bin_edges",
    "channels",
    "experiment_names",
    "experiment_schema",
    "load_experiment",
    "segment_edges",
    "used_bins",
]


@dataclass(frozen=True)
class Channel:
    """A detector in a period in a region, with all defaults and overrides applied.

    Attributes
    ----------
    name : str
        Names of detector, period and region, as far as there are several.
    detector, period, region : Detector, Period, Region
        The parts of the experiment file.
    mass_kg, live_time_d : float
        What is exposed, and for how long by the experiment file.
    response : Response
        From true recoil to measured energy.
    """

    name: str
    detector: Detector
    period: Period
    region: Region
    mass_kg: float
    live_time_d: float
    response: Response


def experiment_names() -> tuple[str, ...]:
    """Names of the experiments in the package.

    Examples
    --------
    >>> "texono-pcge" in experiment_names()
    True
    """
    folder = resources.files("nuem.inputs") / "experiments"
    names = (entry.name for entry in folder.iterdir())
    return tuple(sorted(n[:-5] for n in names if n.endswith(".yaml")))


def load_experiment(experiment: str | Path, settings: Iterable[str] = ()) -> Experiment:
    """Read and check an experiment file.

    Where points are wanted, a text file beside the experiment file may hold them:
    ``table: {file: efficiency.csv, x: energy, y: efficiency}``, columns by name in the
    header or by number, from 1.

    Parameters
    ----------
    experiment : str or Path
        Name of a shipped experiment, or path of a YAML file (``.yaml``, ``.yml``).
    settings : iterable of str
        Changes ``dotted.key=value``; members of lists by name or by number.

    Returns
    -------
    Experiment

    Raises
    ------
    InputError
        If there is no such experiment or the file breaks the schema.

    Examples
    --------
    >>> e = load_experiment("texono-pcge", ["detectors.pcge.mass.value=1.0"])
    >>> e.detectors[0].mass.canonical
    1.0
    """
    text = str(experiment)
    if text.endswith((".yaml", ".yml")) or "/" in text:
        path = Path(text)
    elif text in experiment_names():
        path = Path(
            str(resources.files("nuem.inputs") / "experiments" / f"{text}.yaml")
        )
    else:
        raise InputError(
            "no such experiment",
            found=repr(text),
            expected=f"a .yaml file or one of {', '.join(experiment_names())}",
        )
    document = read_yaml(path)
    if not isinstance(document, dict):
        raise InputError("not an experiment file", file=path, expected="a mapping")
    for setting in settings:
        document = _with_setting(document, setting)
    document = _with_tables(document, path.parent)
    try:
        return Experiment.model_validate(document)
    except ValidationError as error:
        raise one_line(error, document, path) from None


def experiment_schema() -> dict[str, Any]:
    """JSON schema of an experiment file.

    Examples
    --------
    >>> experiment_schema()["title"]
    'Experiment'
    """
    return Experiment.model_json_schema()


def bin_edges(observable: Observable) -> NDArray[np.float64]:
    """Edges of the bins of an observable, in its unit.

    Returns
    -------
    ndarray, shape (bins + 1,)
    """
    first, *others = (segment_edges(segment) for segment in observable.binning)
    return np.concatenate([first, *(edges[1:] for edges in others)])


def used_bins(observable: Observable) -> NDArray[np.bool_]:
    """Which bins of an observable are not masked.

    Returns
    -------
    ndarray of bool, shape (bins,)

    Raises
    ------
    InputError
        If a masked range does not end at edges of bins, or nothing is left.

    Examples
    --------
    >>> gemma = load_experiment("gemma").observables[0]
    >>> int(used_bins(gemma).sum()), bin_edges(gemma).size - 1
    (502, 522)
    """
    edges = bin_edges(observable)
    used = np.ones(edges.size - 1, dtype=bool)
    for number, masked in enumerate(observable.mask):
        for end in (masked.start, masked.stop):
            if not np.isclose(edges, end, rtol=0.0, atol=1e-9).any():
                raise InputError(
                    "a mask that ends inside a bin",
                    field=f"observables.{observable.name}.mask.{number}", found=end,
                    expected="edges of bins",
                )  # fmt: skip
        used &= (edges[1:] < masked.start + 1e-9) | (edges[:-1] > masked.stop - 1e-9)
    if not used.any():
        raise InputError(
            "no bin is left", field=f"observables.{observable.name}.mask"
        )  # fmt: skip
    return used


def segment_edges(segment: Segment) -> NDArray[np.float64]:
    """Edges of the bins of one segment.

    Returns
    -------
    ndarray, shape (bins + 1,)

    Examples
    --------
    >>> segment_edges(Segment(start=0, stop=0.3, width=0.1)).tolist()
    [0.0, 0.1, 0.2, 0.3]
    """
    bins = round((segment.stop - segment.start) / segment.width)
    # 0.30000000000000004 would be a bin edge that no reader expects
    return np.round(np.linspace(segment.start, segment.stop, bins + 1), 12)


def channels(experiment: Experiment) -> tuple[Channel, ...]:
    """Detectors x periods x regions, less what is excluded.

    Returns
    -------
    tuple of Channel
        In the order of the file: detectors, then periods, then regions.

    Raises
    ------
    InputError
        If the overrides leave no channel.

    Examples
    --------
    >>> [c.name for c in channels(load_experiment("texono-pcge"))]
    ['on', 'off']
    """
    found = []
    for detector in experiment.detectors:
        for period in experiment.periods:
            for region in experiment.regions:
                channel = _channel(experiment, detector, period, region)
                if channel is not None:
                    found.append(channel)
    if not found:
        raise InputError("no channel is left", file=experiment.name, field="overrides")
    return tuple(found)


def _channel(
    experiment: Experiment, detector: Detector, period: Period, region: Region
) -> Channel | None:
    mass = region.mass or detector.mass
    live_time = period.live_time
    response = detector.response
    for override in experiment.overrides:
        if (
            override.detector in (None, detector.name)
            and override.period in (None, period.name)
            and override.region in (None, region.name)
        ):
            if override.exclude:
                return None
            mass = override.mass or mass
            live_time = override.live_time or live_time
            response = override.response or response
    if live_time is not None:
        days = live_time.canonical
    else:
        assert period.exposure is not None  # the schema asks for one of the two
        days = period.exposure.canonical / mass.canonical
    parts = [
        part.name
        for part, group in (
            (detector, experiment.detectors),
            (period, experiment.periods),
            (region, experiment.regions),
        )
        if len(group) > 1
    ]
    return Channel(
        name="_".join(parts) or period.name,
        detector=detector,
        period=period,
        region=region,
        mass_kg=mass.canonical,
        live_time_d=days,
        response=response,
    )


def _with_tables(part: Any, folder: Path) -> Any:
    """Points in place of ``table: {file: NAME, x: COLUMN, y: COLUMN}``.

    The file stands beside the experiment file.
    """
    if isinstance(part, list):
        return [_with_tables(member, folder) for member in part]
    if not isinstance(part, dict):
        return part
    table = part.get("table")
    if not (isinstance(table, dict) and set(table) == {"file", "x", "y"}):
        return {key: _with_tables(value, folder) for key, value in part.items()}
    x, y = read_table(folder / str(table["file"])).columns([table["x"], table["y"]])
    source = f"{part.get('source', '')} [{table['file']}]".strip()
    rest = {key: value for key, value in part.items() if key != "table"}
    return {**rest, "points": np.column_stack([x, y]).tolist(), "source": source}


def _with_setting(document: dict[str, Any], setting: str) -> dict[str, Any]:
    key, separator, value = setting.partition("=")
    if not separator or not key:
        raise InputError("--set", found=repr(setting), expected="dotted.key=value")
    document = copy.deepcopy(document)
    node: Any = document
    *path, last = key.split(".")
    for depth, step in enumerate(path):
        node = _member(node, step, ".".join(path[: depth + 1]))
    if isinstance(node, list):
        node[_index(node, last, key)] = scalar(value)
    elif isinstance(node, dict):
        node[last] = scalar(value)
    else:
        raise InputError("--set: no such key", field=key)
    return document


def _member(node: Any, step: str, path: str) -> Any:
    if isinstance(node, list):
        return node[_index(node, step, path)]
    if isinstance(node, dict) and step in node:
        return node[step]
    there = ", ".join(map(str, node)) if isinstance(node, dict) else "no keys"
    raise InputError("--set: no such key", field=path, expected=there)


def _index(node: Sequence[Any], step: str, path: str) -> int:
    names = [m.get("name") if isinstance(m, dict) else None for m in node]
    if step in names:
        return names.index(step)
    if step.isdigit() and int(step) < len(node):
        return int(step)
    named = ", ".join(str(n) for n in names if n) or f"0 to {len(node) - 1}"
    raise InputError("--set: no such member", field=path, expected=named)
