"""Histograms of events as a result: in memory, and as one JSON file."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nuem.analysis.events.cutflow import CutFlow
from nuem.analysis.events.weights import WeightedBins
from nuem.inputs.errors import InputError
from nuem.inputs.files import read_json, write_json
from nuem.inputs.grammar import shorten

if TYPE_CHECKING:
    import hist

__all__ = [
    "SCHEMA",
    "FileRecord",
    "Histograms",
    "RunRecord",
    "SkippedFile",
    "Spans",
    "load",
    "save",
    "to_document",
]

#: Name of the form of the files, with its version.
SCHEMA = "nuem-histograms-3"


#: Plain numbers of the result, the fraction last.
_NUMBERS = ("events", "unassigned", "bad_runs", "other_half", "fraction")

#: Runs of a channel: begin and live time of each, in seconds.
Spans = tuple[tuple[float, float], ...]


@dataclass(frozen=True)
class RunRecord:
    """A run of a file.

    Parameters
    ----------
    number : int
        Run number.
    start_s, live_time_s : float
        Begin and live time in seconds.
    channels : tuple of str
        Channels that it belongs to.
    stream : int
        The detector, where detectors take runs of their own.
    power : float, optional
        Mean power of the source, relative to the nominal one.
    accepted : tuple of int
        Events in the histogram of each of these channels.
    real_time_s : float, optional
        From begin to end in seconds; where nothing tells, it is taken to be the live
        time, and cannot be shorter.
    """

    number: int
    start_s: float
    live_time_s: float
    channels: tuple[str, ...]
    stream: int = 0
    power: float | None = None
    accepted: tuple[int, ...] = ()
    real_time_s: float | None = None

    @property
    def length_s(self) -> float:
        """From begin to end, in seconds."""
        return self.live_time_s if self.real_time_s is None else self.real_time_s

    @property
    def stop_s(self) -> float:
        """The end, in seconds."""
        return self.start_s + self.length_s


@dataclass(frozen=True)
class FileRecord:
    """A file that was read in full.

    Parameters
    ----------
    path : str
        As it was given.
    sha256 : str
        Of its bytes: damage in a ROOT file need not show otherwise. Empty if it was
        not asked for.
    entries : mapping of str to int
        Entries of each tree of events.
    runs : tuple of RunRecord, or None
        Its runs; None where neither the file nor a list tells.
    types : mapping of str to str
        Type of each branch that was read, by ``tree: branch``.
    friends : tuple of FileRecord
        The files of trees that are joined to it, with the entries of these.
    size_and_mtime_ns : (int, int), optional
        Without a sha256: bytes of the file, and when it was last written.
    """

    path: str
    sha256: str
    entries: Mapping[str, int]
    runs: tuple[RunRecord, ...] | None = None
    types: Mapping[str, str] = field(default_factory=dict)
    friends: tuple[FileRecord, ...] = ()
    size_and_mtime_ns: tuple[int, int] | None = None


@dataclass(frozen=True)
class SkippedFile:
    """A bad file that was left out.

    Parameters
    ----------
    path : str
        As it was given.
    reason : str
        What is wrong with it.
    live_time_s : float or None
        What its runs would have added, in seconds; None if nothing tells.
    entries : int or None
        Its events; None if nothing tells.
    """

    path: str
    reason: str
    live_time_s: float | None = None
    entries: int | None = None


@dataclass(frozen=True)
class Histograms:
    """Histograms of all channels, and how they came about.

    Parameters
    ----------
    hists : mapping of str to hist.Hist
        Counts by channel (Int64), under- and overflow included.
    live_time_s : mapping of str to float or None
        Live time by channel in seconds; None where the files do not tell.
    cut_flow : CutFlow
        Events at each cut.
    runs : mapping of str to tuple of (float, float), or None
        Begin and live time in seconds of the runs of each channel, in order of
        time; None where the files do not tell.
    files : tuple of FileRecord
        The files that were read, in alphabetical order.
    warnings : tuple of str
        What a reader of the result should know.
    provenance : mapping
        Whatever the caller wants to keep with it; JSON.
    skipped : tuple of SkippedFile
        The files that were not.
    power : mapping of str to float
        By channel, mean power of the source over the live time; empty if nothing
        is known of it.
    variations : mapping of str to mapping of str to hist.Hist
        Counts by variation and channel.
    weighted : mapping of str to mapping of str to WeightedBins
        Sums of weights by variation ("" for none) and channel; empty without weights.
    events, unassigned, bad_runs, other_half : int
        Events that were read; of these, in no channel, in runs that are not used,
        and in the half that is not asked for.
    absent_runs : mapping of str to tuple of int
        Runs that a channel asks for and no file has.
    fraction : float
        Part of the live time of the runs that the events stand for.
    unread : tuple of str, or None
        Files of the manifest that are not among those read or skipped; None without
        a manifest.
    """

    hists: Mapping[str, hist.Hist[Any]]
    live_time_s: Mapping[str, float | None]
    cut_flow: CutFlow
    runs: Mapping[str, Spans | None] = field(default_factory=dict)
    files: tuple[FileRecord, ...] = ()
    warnings: tuple[str, ...] = ()
    provenance: Mapping[str, Any] = field(default_factory=dict)
    skipped: tuple[SkippedFile, ...] = ()
    power: Mapping[str, float] = field(default_factory=dict)
    variations: Mapping[str, Mapping[str, hist.Hist[Any]]] = field(default_factory=dict)
    weighted: Mapping[str, Mapping[str, WeightedBins]] = field(default_factory=dict)
    events: int = 0
    unassigned: int = 0
    bad_runs: int = 0
    other_half: int = 0
    absent_runs: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    fraction: float = 1.0
    unread: tuple[str, ...] | None = None


def to_document(histograms: Histograms) -> dict[str, Any]:
    """Return the JSON document of histograms, with UHI JSON inside."""
    import uhi.io.json

    document = {
        "schema": SCHEMA,
        "histograms": dict(histograms.hists),
        "live_time_s": dict(histograms.live_time_s),
        "cut_flow": histograms.cut_flow.to_dict(),
        "runs": dict(histograms.runs),
        "files": [asdict(record) for record in histograms.files],
        "warnings": list(histograms.warnings),
        "provenance": dict(histograms.provenance),
        "skipped": [asdict(record) for record in histograms.skipped],
        "power": dict(histograms.power),
        "variations": {k: dict(v) for k, v in histograms.variations.items()},
        "weighted": {
            variation: {name: bins.to_dict() for name, bins in of.items()}
            for variation, of in histograms.weighted.items()
        },
        **{name: getattr(histograms, name) for name in _NUMBERS},
        "absent_runs": dict(histograms.absent_runs),
        "unread": None if histograms.unread is None else list(histograms.unread),
    }
    plain: dict[str, Any] = json.loads(
        json.dumps(document, default=uhi.io.json.default, allow_nan=False)
    )
    return plain


def save(histograms: Histograms, path: str | Path) -> None:
    """Write histograms to a JSON file, whole or not at all.

    Parameters
    ----------
    histograms : Histograms
        What to write; the histograms become UHI JSON.
    path : str or Path
        File; an existing one is replaced.

    Raises
    ------
    InputError
        If the file cannot be written.
    """
    write_json(path, to_document(histograms))


def load(path: str | Path) -> Histograms:
    """Read histograms that `save` wrote.

    Raises
    ------
    InputError
        If the file is missing or not of that form.
    """
    document = read_json(path)
    schema = document.get("schema") if isinstance(document, dict) else None
    if schema != SCHEMA:
        raise InputError(
            "not histograms of events",
            file=path,
            field="schema",
            found="none" if schema is None else shorten(repr(schema)),
            expected=repr(SCHEMA),
        )
    return _check(document, path)


def _check(document: Mapping[str, Any], path: str | Path) -> Histograms:
    """Turn a document into histograms, part by part."""
    part = ""
    try:
        part = "histograms"
        hists = {name: _histogram(h) for name, h in document[part].items()}
        part = "live_time_s"
        live = {name: _live_time(value) for name, value in document[part].items()}
        part = "cut_flow"
        flow = CutFlow.from_dict(document[part])
        if not (hists.keys() == live.keys() == flow.channels.keys()):
            raise ValueError("channels that differ from those of the other parts")
        for name, histogram in hists.items():
            if histogram.sum(flow=True) != flow.channels[name].accepted:
                raise ValueError(f"counts that differ from the histogram {name}")
        part = "runs"
        runs = {name: _spans(value) for name, value in document[part].items()}
        part = "files"
        files = tuple(_file(record) for record in document[part])
        part = "skipped"
        skipped = tuple(SkippedFile(**record) for record in document[part])
        part = "variations"
        variations = {
            variation: {name: _histogram(h) for name, h in of.items()}
            for variation, of in document[part].items()
        }
        part = "weighted"
        weighted = {
            variation: {name: WeightedBins.from_dict(w) for name, w in of.items()}
            for variation, of in document[part].items()
        }
        part = "absent_runs"
        absent = {k: tuple(map(int, v)) for k, v in document[part].items()}
        part = "power"
        power = {name: float(value) for name, value in document[part].items()}
        part = "unread"
        unread = None if document[part] is None else tuple(map(str, document[part]))
        part = "warnings"
        warnings = tuple(str(line) for line in document[part])
        part = "provenance"
        made = dict(document[part])
        part = ", ".join(_NUMBERS)
        numbers = {name: document[name] for name in _NUMBERS}
        if not all(type(n) is int and n >= 0 for n in [*numbers.values()][:-1]):
            raise ValueError("counts that are none")
        return Histograms(
            hists, live, flow, runs, files, warnings, made, skipped, power, variations,
            weighted, absent_runs=absent, unread=unread, **numbers,
        )  # fmt: skip
    # whatever a damaged document raises in hist and boost-histogram
    except Exception as error:
        raise InputError(
            "the histograms are damaged",
            file=path,
            field=part,
            found=shorten(f"{type(error).__name__} ({error})"),
            expected=f"the form {SCHEMA}",
        ) from error


def _histogram(document: Any) -> hist.Hist[Any]:
    import hist
    import uhi.io.json

    # arrays are decoded as JSON is read; the hook needs the text of this part
    decoded = json.loads(json.dumps(document), object_hook=uhi.io.json.object_hook)
    histogram = hist.Hist(decoded)
    if histogram.storage_type is not hist.storage.Int64:
        raise ValueError("a storage that does not hold counts")
    if (histogram.view(flow=True) < 0).any():
        raise ValueError("a negative count")
    return histogram


def _file(record: Any) -> FileRecord:
    runs, stamp = record["runs"], record["size_and_mtime_ns"]
    return FileRecord(
        str(record["path"]),
        str(record["sha256"]),
        dict(record["entries"]),
        None if runs is None else tuple(_run(run) for run in runs),
        {str(branch): str(kind) for branch, kind in record["types"].items()},
        tuple(_file(friend) for friend in record["friends"]),
        None if stamp is None else (int(stamp[0]), int(stamp[1])),
    )


def _run(record: Any) -> RunRecord:
    lists = {name: tuple(record[name]) for name in ("channels", "accepted")}
    return RunRecord(**{**record, **lists})


def _live_time(value: Any) -> float | None:
    if value is None:
        return None
    seconds = float(value)
    if not 0 <= seconds < float("inf"):
        raise ValueError(f"{seconds} s")
    return seconds


def _spans(value: Any) -> Spans | None:
    if value is None:
        return None
    return tuple((float(start), float(seconds)) for start, seconds in value)
