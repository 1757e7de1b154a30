"""The files that were read, and what they add up to."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any

from nuem.analysis.events.combine import combine, finish
from nuem.analysis.events.conflicts import Conflicts
from nuem.analysis.events.cutflow import ChannelFlow, CutCount, CutFlow
from nuem.analysis.events.exact import ExactSum
from nuem.analysis.events.localfile import file_digest, open_regular
from nuem.analysis.events.manifest import Manifest, total_live_time
from nuem.analysis.events.partial import PairwiseSum, Partial, empty_hist
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

__all__ = ["Account", "check_unchanged"]


class Account:
    """What was read so far, file by file.

    Parameters
    ----------
    plan : EventPlan
        Channels, cuts and observables.
    manifest : Manifest, optional
        What the files must be.
    skip_bad : bool
        Whether bad files are left out. Then a file is compared with those before it
        only when these were read: a bad one stands in the way of none.
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
        # the records count as far as their counts are in the sum: an interruption
        # between the two loses a file, and does not count it twice
        self._records: list[FileRecord] = []
        self._sum = PairwiseSum()
        self._skipped: list[SkippedFile] = []
        self._conflicts = Conflicts()
        self._before: Histograms | None = None

    @property
    def files(self) -> int:
        """Files that are taken into account."""
        before = 0 if self._before is None else len(self._before.files)
        return before + self._sum.count

    def resume(self, done: Histograms, names: Collection[str]) -> tuple[str, ...]:
        """Go on from what an interrupted call left.

        What it skipped is looked at again. A file that is not asked for any more may
        be missing if nothing came of it.

        Returns
        -------
        tuple of str
            The files that need not be read.

        Raises
        ------
        InputError
            If one of its files is not asked for now, and there is something of it in
            the counts.
        """
        asked = set(names)
        kept = tuple(record for record in done.files if record.path in asked)
        for record in done.files:
            if record.path not in asked and _adds(record):
                raise InputError(
                    "what was done before has a file that is not asked for now",
                    file=record.path, expected="--force, to begin again",
                )  # fmt: skip
        for record in kept:
            self._conflicts.add(record.path, record.types, record.runs)
            self._conflicts.add_digest(record.path, record.sha256)
        self._before = replace(done, files=kept, skipped=())
        return tuple(record.path for record in kept)

    def meet(self, name: str, found: Survey) -> None:
        """Compare a file with those before it.

        Raises
        ------
        InputError
            If a branch has another type, or a run is in another file or at the time of
            another run.
        """
        self._conflicts.add(name, found.info.types, found.runs)

    def take(
        self, name: str, found: Survey, part: Partial, digests: Mapping[str, str]
    ) -> None:
        """Add a file of which everything was read.

        Raises
        ------
        InputError
            If its bytes are not those of the manifest, or its events are not sound.
        """
        record = self._record(name, found, part, digests)
        if self._manifest is not None:
            self._manifest.check(record)
        if part.events != sum(record.entries.values()):
            raise InputError(
                "not all events were read", file=name, found=part.events,
                expected=sum(record.entries.values()),
            )  # fmt: skip
        self._check_counts(name, part)
        if self._skip_bad:  # only what is good can stand in the way of others
            self.meet(name, found)
        self._conflicts.add_digest(name, record.sha256)
        self._records.append(record)
        self._sum = self._sum.plus(replace(part, by_run={}))

    def _record(
        self, name: str, found: Survey, part: Partial, digests: Mapping[str, str]
    ) -> FileRecord:
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
        friends: dict[str, dict[str, int]] = {}
        entries = dict(found.info.entries)
        for friend in self._plan.friends:
            if friend.file is not None:
                trees = friends.setdefault(friend.path(name), {})
                trees[friend.tree] = sum(entries.values())

        def bytes_of(path: str) -> tuple[str, tuple[int, int] | None]:
            if path in digests:
                return digests[path], None
            stamp = found.info.stamps[path]
            return "", (stamp.size, stamp.mtime_ns)

        def beside(path: str, trees: dict[str, int]) -> FileRecord:
            sha256, stamp = bytes_of(path)
            return FileRecord(path, sha256, trees, size_and_mtime_ns=stamp)

        sha256, stamp = bytes_of(name)
        return FileRecord(
            name, sha256, entries, runs, dict(found.info.types),
            tuple(beside(*friend) for friend in friends.items()), stamp,
        )  # fmt: skip

    def skip(self, name: str, error: InputError, found: Survey | None) -> None:
        """Leave a bad file out, and note what goes with it."""
        runs: Sequence[RunRecord] | None = None if found is None else found.runs
        entries = None if found is None else sum(found.info.entries.values())
        record = None if self._manifest is None else self._manifest.find(name)
        if found is None and record is not None:
            runs = record.runs
            counts = [record.entries.get(tree) for tree in self._plan.trees]
            entries = sum(n for n in counts if n is not None)
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
        if not part and self._skipped and not self.files:
            raise InputError(f"all files are bad; the first: {self._skipped[0].reason}")
        total = _nothing(self._plan) + self._sum.total()
        records = self._records[: self._sum.count]
        hists: dict[str, dict[str, Any]] = {}
        for (variation, channel), histogram in total.hists.items():
            hists.setdefault(variation, {})[channel] = histogram
        weighted: dict[str, dict[str, WeightedBins]] = {}
        for (variation, channel), (weight, square) in total.sums.items():
            weighted.setdefault(variation, {})[channel] = WeightedBins(
                weight.integers(), square.integers()
            )
        result = Histograms(
            hists=hists.pop(""), live_time_s={}, cut_flow=total.cut_flow,
            files=tuple(records), provenance=self._provenance,
            skipped=tuple(self._skipped), variations=hists, weighted=weighted,
            events=total.events, unassigned=total.unassigned,
            bad_runs=total.bad_runs, other_half=total.other_half,
            fraction=self._plan.fraction,
        )  # fmt: skip
        if self._before is not None:
            result = replace(combine(self._before, result), provenance=self._provenance)
        there = {run.number for file in result.files for run in file.runs or ()}
        unread = None
        if self._manifest is not None:
            unread = self._manifest.unread(result.files, result.skipped)
        result = replace(
            result, unread=unread,
            absent_runs={
                c.name: tuple(sorted(c.runs - there))
                for c in self._plan.channels if c.runs is not None
            },
        )  # fmt: skip
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


def _adds(record: FileRecord) -> bool:
    """Whether there is something of a file in the counts or the live time."""
    return any(record.entries.values()) or any(r.live_time_s for r in record.runs or ())


def check_unchanged(record: FileRecord) -> None:
    """Check that a file that was read before is still the same.

    Raises
    ------
    InputError
        If it is gone or has changed, or one of its friends.
    """
    for file in (record, *record.friends):
        if file.sha256:
            same = file_digest(file.path) == file.sha256
        else:
            with open_regular(file.path) as (_, stamp):
                same = (stamp.size, stamp.mtime_ns) == file.size_and_mtime_ns
        if not same:
            raise InputError(
                "the file has changed since it was read", file=file.path,
                expected="--force, to begin again",
            )  # fmt: skip
