"""Putting results of files together: of one pass, of shards, of what was interrupted.

All go through `combine` and `finish`, so that it does not matter how the files were
divided: counts and exact sums add up, and everything else follows from the records of
the files.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

from nuem.analysis.events.conflicts import check_files, mixed_types
from nuem.analysis.events.store import (
    FileRecord,
    Histograms,
    RunRecord,
    SkippedFile,
    Spans,
)
from nuem.inputs.errors import InferenceError, InputError
from nuem.inputs.grammar import shorten

__all__ = ["combine", "finish", "merge"]


def merge(parts: Sequence[Histograms], *, strict: bool = False) -> Histograms:
    """Put shards together: the same as from one pass over all of their files.

    Parameters
    ----------
    parts : sequence of Histograms
        Of different files, made with the same settings.
    strict : bool
        Whether NaN and negative energies are an error, not a warning.

    Returns
    -------
    Histograms

    Raises
    ------
    InputError
        If they were made with other settings, a file or run is in two of them, or a
        branch has another type in one of them.
    InferenceError
        If the live time is zero, or no event is selected.
    """
    if not parts:
        raise InputError("no parts to merge", expected="at least one")
    made = [dict(part.provenance.get("configuration", {})) for part in parts]
    numbers, counts = [], set()
    for number, configuration in enumerate(made, 1):
        shard = configuration.pop("shard", None)
        if configuration != made[0]:
            raise InputError(
                "made with other settings than the first part", field=f"part {number}"
            )
        if shard is not None:
            numbers.append(shard[0])
            counts.add(shard[1])
    if counts and (
        len(counts) > 1 or sorted(numbers) != list(range(1, max(counts) + 1))
    ):
        of = ", ".join(map(str, sorted(counts)))
        raise InputError(
            "not all shards, or one twice", field="--shard",
            found=f"{', '.join(map(str, sorted(numbers)))} of {of}",
            expected=f"each of 1 to {max(counts)}",
        )  # fmt: skip
    provenance: dict[str, Any] = dict(parts[0].provenance)
    if made[0]:
        provenance["configuration"] = made[0]
        # that of the first part, with its shard
        provenance.pop("configuration_sha256", None)
        provenance["merged"] = len(parts)
    total = parts[0]
    for part in parts[1:]:
        total = combine(total, part)
    return finish(replace(total, provenance=provenance), strict=strict)


def combine(one: Histograms, two: Histograms) -> Histograms:
    """Add the counts of two results; `finish` makes the rest of it.

    Raises
    ------
    InputError
        If their channels, bins or cuts differ.
    """
    for field in ("hists", "variations", "fraction"):
        a, b = (getattr(part, field) for part in (one, two))
        if (a != b) if field == "fraction" else (a.keys() != b.keys()):
            raise InputError("parts of different kinds", field=field)
    try:
        hists = {name: h + two.hists[name] for name, h in one.hists.items()}
        variations = {
            variation: {
                name: h + two.variations[variation][name] for name, h in of.items()
            }
            for variation, of in one.variations.items()
        }
        weighted = {
            variation: {
                name: w + two.weighted[variation][name] for name, w in of.items()
            }
            for variation, of in one.weighted.items()
        }
    except (KeyError, ValueError) as error:
        raise InputError("parts with other bins or channels", found=error) from error
    return replace(
        one,
        hists=hists,
        variations=variations,
        weighted=weighted,
        cut_flow=one.cut_flow + two.cut_flow,
        files=(*one.files, *two.files),
        skipped=(*one.skipped, *two.skipped),
        events=one.events + two.events,
        unassigned=one.unassigned + two.unassigned,
        bad_runs=one.bad_runs + two.bad_runs,
        other_half=one.other_half + two.other_half,
        absent_runs={
            name: tuple(sorted(set(runs) & set(two.absent_runs.get(name, ()))))
            for name, runs in one.absent_runs.items()
        },
        unread=_common(one.unread, two.unread),
    )


def _common(
    one: tuple[str, ...] | None, two: tuple[str, ...] | None
) -> tuple[str, ...] | None:
    """Return what neither of two parts has read."""
    if one is None or two is None:
        return None
    others = set(two)
    return tuple(path for path in one if path in others)


def finish(
    result: Histograms, *, strict: bool = False, part: bool = False
) -> Histograms:
    """Derive live times and warnings from the files, and judge the whole.

    Parameters
    ----------
    result : Histograms
        Counts, and the records of the files.
    strict : bool
        Whether NaN and negative energies are an error, not a warning.
    part : bool
        Whether more is to come: then nothing need be selected yet.

    Returns
    -------
    Histograms

    Raises
    ------
    InputError
        If a file or a run is there twice, runs overlap in time, a branch is of
        different types, or a run of zero live time has events in a channel that has
        some.
    InferenceError
        If the live time is zero, or no event is selected.
    """
    files = tuple(sorted(result.files, key=lambda record: record.path))
    skipped = tuple(sorted(result.skipped, key=lambda record: record.path))
    check_files(files)
    spans = _spans(result, files)
    live = {
        # fsum: the same to the last bit whatever the order of the runs
        name: None if rows is None else math.fsum(seconds for _, seconds in rows)
        for name, rows in spans.items()
    }
    result = replace(
        result, files=files, skipped=skipped, runs=spans, live_time_s=live,
        power=_power(result, files),
    )  # fmt: skip
    if strict and (broken := _excluded(result)):
        raise InputError("; ".join(broken), expected="none in strict mode")
    if not part:
        if not any(seconds is None or seconds > 0 for seconds in live.values()):
            raise InferenceError("the live time is zero", found="0 s in all channels")
        if not any(flow.accepted for flow in result.cut_flow.channels.values()):
            raise InferenceError(
                "no event is selected", found=f"{result.events} events, none passes"
            )
        _check_lived(result)
    return replace(result, warnings=_warnings(result, part))


def _spans(result: Histograms, files: Sequence[FileRecord]) -> dict[str, Spans | None]:
    """Return (start, live time) of the runs of each channel, in order of time."""
    if all(file.runs is None for file in files):
        return dict.fromkeys(result.hists)
    if silent := [file.path for file in files if file.runs is None]:
        raise InputError(
            "no runs, and so no live time", file=silent[0],
            expected="runs in all files, or in none",
        )  # fmt: skip
    return {
        name: tuple(
            sorted(
                (run.start_s, run.live_time_s * result.fraction)
                for run in _runs(files, name)
            )
        )
        for name in result.hists
    }


def _runs(files: Sequence[FileRecord], channel: str) -> Iterable[RunRecord]:
    return (run for f in files for run in f.runs or () if channel in run.channels)


def _check_lived(result: Histograms) -> None:
    """Check that no run adds events to a channel without adding to its live time."""
    for file in result.files:
        for run in file.runs or ():
            if run.live_time_s:
                continue
            for channel, count in zip(run.channels, run.accepted, strict=True):
                if count and result.live_time_s[channel]:
                    raise InputError(
                        "events of a run without live time", file=file.path,
                        field=f"run {run.number}",
                        found=f"{count} events in the histogram of {channel} in 0 s",
                        expected="a live time above 0, or a run list that leaves it out",
                    )  # fmt: skip


def _power(result: Histograms, files: Sequence[FileRecord]) -> dict[str, float]:
    """Return the mean power of each channel, weighted by live time."""
    means = {}
    for name in result.hists:
        known = [
            (run.power, run.live_time_s)
            for run in _runs(files, name)
            if run.power is not None
        ]
        if live := math.fsum(seconds for _, seconds in known):
            means[name] = math.fsum(p * seconds for p, seconds in known) / live
    return means


def _excluded(result: Histograms) -> list[str]:
    """Describe the events that are left out because of a value."""
    lines = []
    for name, counts in result.cut_flow.channels.items():
        steps = [(cut.nan, f"NaN in the cut {cut.name!r}") for cut in counts.cuts]
        steps += [
            (counts.nan, "NaN in an observable"),
            (counts.negative, "a negative energy"),
        ]
        lines += [f"{name}: {n} events with {what}" for n, what in steps if n]
    return lines


def _warnings(result: Histograms, part: bool) -> tuple[str, ...]:
    lines = _excluded(result)
    for count, where in (
        (result.unassigned, "in no channel"),
        (result.bad_runs, "in runs that the run list leaves out"),
    ):
        if count:
            lines.append(f"{count} of {result.events} events are {where}")
    if result.fraction != 1:
        lines.append(
            f"{result.other_half} of {result.events} events are in the other half;"
            f" live times are {result.fraction:g} of those of the runs"
        )
    for name, seconds in result.live_time_s.items():
        if seconds is not None and (missing := result.absent_runs.get(name)):
            numbers = shorten(", ".join(map(str, missing)))
            lines.append(f"{name}: no file has its run {numbers}")
        if seconds == 0:
            lines.append(f"{name}: the live time is zero")
    lines += [_lost(file) for file in result.skipped]
    lines += mixed_types(result.files)
    if result.unread and not part:
        lines.append(
            f"{len(result.unread)} files of the manifest were not read: "
            + shorten(", ".join(result.unread))
        )
    return tuple(lines)


def _lost(file: SkippedFile) -> str:
    """Describe a file that was left out, and what went with it."""
    live = "live time unknown"
    if file.live_time_s is not None:
        live = f"live time {file.live_time_s:.10g} s"
    events = "" if file.entries is None else f", {file.entries} events"
    return f"skipped {file.reason}; lost with it: {live}{events}"
