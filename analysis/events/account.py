"""The files that were read, and what they add up to."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from nuem.analysis.events.combine import combine, finish
from nuem.analysis.events.cutflow import ChannelFlow, CutCount, CutFlow
from nuem.analysis.events.exact import ExactSum
from nuem.analysis.events.manifest import Manifest, file_digest, total_live_time
from nuem.analysis.events.partial import Partial, empty_hist
from nuem.analysis.events.plan import EventPlan
from nuem.analysis.events.store import (
    FileRecord,
    Histograms,
    RunRecord,
    SkippedFile,
)
from nuem.analysis.events.survey import Survey
from nuem.analysis.events.weights import WeightedBins
from nuem.inputs.errors import InputError
from nuem.inputs.grammar import shorten

__all__ = ["Account"]


class Account:
    """What was read so far, file by file.

    Parameters
    ----------
    plan : EventPlan
        Channels, cuts and observables.
    manifest : Manifest, optional
        What the files must be.
    skip_bad : bool
        Whether bad files are left out.
    provenance : mapping
        Kept with the result.
    """

    def __init__(
        self,
        plan: EventPlan,
        manifest: Manifest | None,
        skip_bad: bool,
        provenance: Mapping[str, Any],
    ) -> None:
        self._plan, self._manifest, self._skip_bad = plan, manifest, skip_bad
        self._provenance = dict(provenance)
        self._total = _nothing(plan)
        self._records: list[FileRecord] = []
        self._skipped: list[SkippedFile] = []
        self._types: dict[str, tuple[str, str]] = {}
        self._owner: dict[tuple[int, int], str] = {}
        self._notes: set[str] = set()
        self._before: Histograms | None = None
        self.finished: set[str] = set()

    def resume(self, done: Histograms, names: Sequence[str]) -> None:
        """Go on from what an interrupted call left.

        Raises
        ------
        InputError
            If one of its files is not asked for now, or has changed since.
        """
        for record in done.files:
            if record.path not in names:
                raise InputError(
                    "what was done before has a file that is not asked for now",
                    file=record.path, expected="--force, to begin again",
                )  # fmt: skip
            if record.sha256 and file_digest(record.path) != record.sha256:
                raise InputError(
                    "the file has changed since it was read", file=record.path,
                    expected="--force, to begin again",
                )  # fmt: skip
            for run in record.runs or ():
                self._owner[run.stream, run.number] = record.path
            self.finished.add(record.path)
        self._before = done

    def meet(self, name: str, found: Survey) -> None:
        """Compare a file with those before it.

        Raises
        ------
        InputError
            If a branch has another type, or a run is in another file.
        """
        for branch, kind in found.info.types.items():
            first, expected = self._types.setdefault(branch, (name, kind))
            if kind == expected:
                continue
            if _family(kind) != _family(expected):
                raise InputError(
                    "a branch is of another type than in another file", file=name,
                    field=branch, found=kind, expected=f"{expected}, as in {first}",
                )  # fmt: skip
            pair = " and ".join(sorted((kind, expected)))
            self._notes.add(f"{branch} is {pair} in different files")
        for run in found.runs or ():
            other = self._owner.setdefault((run.stream, run.number), name)
            if other != name:
                raise InputError(
                    "a run is in two files",
                    file=name,
                    found=f"run {run.number}, which is also in {other}",
                    expected="each run in one file",
                )

    def take(self, name: str, found: Survey, part: Partial, sha256: str) -> None:
        """Add a file of which everything was read.

        Raises
        ------
        InputError
            If its bytes are not those of the manifest, or its events are not sound.
        """
        entries = found.info.entries
        if self._manifest is not None:
            self._manifest.check(name, sha256)
        if part.events != sum(entries.values()):
            raise InputError(
                "not all events were read", file=name, found=part.events,
                expected=sum(entries.values()),
            )  # fmt: skip
        self._check_counts(name, part)
        self._total += replace(part, by_run={})
        runs = None
        if found.runs is not None:
            counts = part.by_run
            runs = tuple(
                replace(
                    run,
                    accepted=tuple(
                        counts.get((c, run.number), 0) for c in run.channels
                    ),
                )
                for run in found.runs
            )
        self._records.append(FileRecord(name, sha256, dict(entries), runs))
        self.finished.add(name)

    def skip(self, name: str, error: InputError, found: Survey | None) -> None:
        """Leave a bad file out, and note what goes with it."""
        runs: Sequence[RunRecord] | None = None if found is None else found.runs
        entries = None if found is None else sum(found.info.entries.values())
        record = None if self._manifest is None else self._manifest.find(name)
        if found is None and record is not None:
            runs = record.runs
            counts = [record.entries.get(tree) for tree in self._plan.trees]
            entries = sum(n for n in counts if n is not None)
        if found is not None:  # its runs are free for another file
            self._owner = {k: v for k, v in self._owner.items() if v != name}
        self._skipped.append(
            SkippedFile(name, str(error), total_live_time(runs), entries)
        )

    def result(self, *, strict: bool = False, part: bool = False) -> Histograms:
        """Return the result of the files so far, checked as `finish` does.

        Raises
        ------
        InputError, InferenceError
            As `finish`; also if all files were skipped.
        """
        if not part and self._skipped and not self.finished:
            raise InputError(f"all files are bad; the first: {self._skipped[0].reason}")
        notes = set(self._notes)
        total = self._total
        hists: dict[str, dict[str, Any]] = {}
        for (variation, channel), histogram in total.hists.items():
            hists.setdefault(variation, {})[channel] = histogram
        weighted: dict[str, dict[str, WeightedBins]] = {}
        for (variation, channel), (weight, square) in total.sums.items():
            weighted.setdefault(variation, {})[channel] = WeightedBins(
                weight.integers(), square.integers()
            )
        there = {run.number for file in self._records for run in file.runs or ()}
        result = Histograms(
            hists=hists.pop(""), live_time_s={}, cut_flow=total.cut_flow,
            files=tuple(self._records), provenance=self._provenance,
            skipped=tuple(self._skipped), variations=hists, weighted=weighted,
            events=total.events, unassigned=total.unassigned,
            bad_runs=total.bad_runs, other_half=total.other_half,
            absent_runs={
                c.name: tuple(sorted(c.runs - there))
                for c in self._plan.channels if c.runs is not None
            },
            fraction=self._plan.fraction, notes=tuple(sorted(notes)),
        )  # fmt: skip
        if self._before is not None:
            result = replace(combine(self._before, result), provenance=self._provenance)
        if not part and self._manifest is not None:
            unread = self._manifest.unread([r.sha256 for r in result.files])
            unread = tuple(
                p for p in unread if p not in {s.path for s in self._skipped}
            )
            if unread:
                notes.add(
                    f"{len(unread)} files of the manifest were not read: "
                    + shorten(", ".join(unread))
                )
                result = replace(result, notes=tuple(sorted({*result.notes, *notes})))
        return finish(result, strict=strict, part=part)

    def _check_counts(self, name: str, part: Partial) -> None:
        if part.unknown_runs:
            runs = sorted(part.unknown_runs)
            raise InputError(
                "events of runs that are not in the tree of runs",
                file=name,
                field=self._plan.layout.runs,
                found=f"{sum(part.unknown_runs.values())} events of run "
                + shorten(", ".join(map(str, runs))),
            )
        for (a, b), count in sorted(part.overlaps.items()):
            raise InputError(
                "channels overlap",
                file=name,
                field=f"channels.{a}, channels.{b}",
                found=f"{count} events in both",
                expected="none, or the overlap declared",
            )


def _nothing(plan: EventPlan) -> Partial:
    """Return counts of zero in all channels, in their order."""
    cuts = tuple(CutCount(cut.name, 0, 0) for cut in plan.cuts)
    flow = CutFlow({c.name: ChannelFlow(0, cuts, 0, 0, 0) for c in plan.channels})
    hists = {key: empty_hist(plan, key[1]) for key in plan.keys}
    sums = {}
    if plan.weight is not None:
        sums = {k: (ExactSum(h.size), ExactSum(h.size)) for k, h in hists.items()}
    return Partial(hists, flow, sums=sums)


def _family(kind: str) -> str:
    """Return what a type of numbers is, whatever its width."""
    text = re.sub(r"\b(unsigned |u)?(int|short|long|char)\d*(_t)?\b", "int", kind)
    return text.replace("double", "float")
