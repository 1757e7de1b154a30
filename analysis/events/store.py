"""Histograms of events as a result: in memory, and as one JSON file."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nuem.analysis.events.cutflow import CutFlow
from nuem.inputs.errors import InputError
from nuem.inputs.files import read_json, write_json
from nuem.inputs.grammar import shorten

if TYPE_CHECKING:
    import hist

__all__ = ["SCHEMA", "FileRecord", "Histograms", "Spans", "load", "save", "to_document"]

#: Name of the form of the files, with its version.
SCHEMA = "nuem-histograms-1"


#: Runs of a channel: begin and live time of each, in seconds.
Spans = tuple[tuple[float, float], ...]


@dataclass(frozen=True)
class FileRecord:
    """A file that was read in full.

    Parameters
    ----------
    path : str
        As it was given.
    sha256 : str
        Of its bytes: damage in a ROOT file need not show otherwise.
    entries : mapping of str to int
        Entries of each tree of events.
    """

    path: str
    sha256: str
    entries: Mapping[str, int]


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
        The files, in the order in which they were given.
    warnings : tuple of str
        What a reader of the result should know.
    provenance : mapping
        Whatever the caller wants to keep with it; JSON.
    """

    hists: Mapping[str, hist.Hist[Any]]
    live_time_s: Mapping[str, float | None]
    cut_flow: CutFlow
    runs: Mapping[str, Spans | None] = field(default_factory=dict)
    files: tuple[FileRecord, ...] = ()
    warnings: tuple[str, ...] = ()
    provenance: Mapping[str, Any] = field(default_factory=dict)


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
        files = tuple(
            FileRecord(str(r["path"]), str(r["sha256"]), dict(r["entries"]))
            for r in document[part]
        )
        part = "warnings"
        warnings = tuple(str(warning) for warning in document[part])
        part = "provenance"
        return Histograms(
            hists, live, flow, runs, files, warnings, dict(document[part])
        )
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
