"""Running a plan over files, wherever the work is done, with memory that stays bounded.

The work is plain functions of a file and a range of its entries; their results are
added up as a tree, chunk by chunk to a file and file by file to the whole. Counts are
integers, weights are added up exactly and live times come from the records of the files,
so that the result does not depend on the size of the chunks, on their order or on who
works on them. A file counts when all of its chunks came back, or not at all.

Files are taken into account in alphabetical order, each when those before it are
decided: which of two that do not go together is left out depends on their names alone.
Few have to wait, since what is begun is ended first.
"""

from __future__ import annotations

import time
from collections import Counter, deque
from collections.abc import Callable, Collection, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from nuem.analysis.events.account import Account, check_unchanged
from nuem.analysis.events.executors import (
    Place,
    Workers,
    attempt,
    died,
    executor,
    outcome,
)
from nuem.analysis.events.manifest import Manifest
from nuem.analysis.events.partial import PairwiseSum
from nuem.analysis.events.plan import EventPlan
from nuem.analysis.events.runlist import PowerHistory, RunList
from nuem.analysis.events.store import Histograms
from nuem.analysis.events.survey import (
    Chunking,
    Survey,
    count_task,
    digest_task,
    survey,
)
from nuem.inputs.errors import InferenceError, InputError

__all__ = ["Reading", "histogram"]

#: From this many bytes on, compiling the selection pays.
_COMPILE_FROM = 100_000_000
#: Seconds between two savings of what is done.
_CHECKPOINT = 30.0


@dataclass(frozen=True)
class Reading:
    """How files are read, beside what is made of them.

    Parameters
    ----------
    place : Place
        Threads, processes or a dask cluster.
    chunking : Chunking, optional
        Size of the chunks; by default, the selection is compiled for many events.
    run_list : RunList, optional
        What is known of the runs beside the files.
    power : PowerHistory, optional
        Of the reactor.
    manifest : Manifest, optional
        What the files must be.
    skip_bad : bool
        Leave bad files out, and say what exposure goes with them.
    shard : (int, int), optional
        Number of this part from 1, and of all parts: every so-many-th file.
    digest : bool
        Whether the sha256 of the files is computed and kept. Without, the result does
        not tell which bytes it was made of, and a copy of a file is not noticed by
        its bytes but by its runs.
    """

    place: Place = field(default_factory=Place)
    chunking: Chunking | None = None
    run_list: RunList | None = None
    power: PowerHistory | None = None
    manifest: Manifest | None = None
    skip_bad: bool = False
    shard: tuple[int, int] | None = None
    digest: bool = True

    def __post_init__(self) -> None:
        """Check that the bytes can be compared, if they are to be."""
        if self.manifest is not None and not self.digest:
            raise InputError(
                "a manifest is checked by sha256", field="--no-sha256",
                expected="--manifest without it",
            )  # fmt: skip


def histogram(
    plan: EventPlan,
    files: Sequence[str | Path],
    reading: Reading | None = None,
    *,
    strict: bool = False,
    progress: Callable[[int, float], None] | None = None,
    provenance: Mapping[str, Any] | None = None,
    done: Histograms | None = None,
    checkpoint: Callable[[Histograms], None] | None = None,
) -> Histograms:
    """Make the histograms of all channels from files of events.

    Parameters
    ----------
    plan : EventPlan
        Channels, cuts and observables.
    files : sequence of str or Path
        ROOT files.
    reading : Reading, optional
        How they are read.
    strict : bool
        Whether NaN and negative energies are an error, not a warning.
    progress : callable, optional
        Called in this thread as ``progress(events read, part of the bytes read)``.
    provenance : mapping, optional
        Kept with the result.
    done : Histograms, optional
        What an interrupted call left to `checkpoint`: its files are not read again.
    checkpoint : callable, optional
        Called with what is done now and then, and when the work is interrupted or
        ended by an error.

    Returns
    -------
    Histograms

    Raises
    ------
    InputError
        If a file is there twice or does not hold what the plan needs, an event
        is in two channels that must not overlap, a run is in two files, runs overlap
        in time, an event's run is not among the runs of its file; in strict mode also
        for NaN and negative energies.
    InferenceError
        If the live time is zero, or no event is selected.
    """
    reading = Reading() if reading is None else reading
    if not files:
        raise InputError("no files of events", expected="at least one")
    times = Counter(str(file) for file in files)
    names = sorted(times)
    if twice := [name for name in names if times[name] > 1]:
        raise InputError("the same file is there twice", file=twice[0])
    if reading.shard is not None:
        part, of = reading.shard
        names = names[part - 1 :: of]
    account = Account(plan, reading.manifest, reading.skip_bad, provenance or {})
    over = set() if done is None else set(account.resume(done, names))
    names = [name for name in names if name not in over]
    if names or over:
        with executor(reading.place) as (pool, window):
            for checked in _checked(done, over, pool):
                outcome(checked)
            work = _Work(plan, names, reading, account, pool, window)
            try:
                work.run(progress, checkpoint)
            except BaseException as error:
                if checkpoint is not None and account.files:
                    checkpoint(account.result(part=True))
                if died(error):
                    raise InferenceError(
                        "a worker died, more than once if it was of dask",
                        found=type(error).__name__,
                        expected="enough memory for all workers",
                    ) from error
                raise
    return account.result(strict=strict, part=reading.shard is not None)


def _checked(
    done: Histograms | None, names: Collection[str], pool: Workers
) -> list[Future[None]]:
    """Look whether what was read before has changed."""
    records = () if done is None else done.files
    return [
        pool.submit(attempt, check_unchanged, r) for r in records if r.path in names
    ]


class _Job(NamedTuple):
    """A call for a worker, and the file that it is for."""

    what: str
    file: str
    call: Callable[..., Any]
    arguments: tuple[Any, ...]


class _Work:
    """The files on their way through the workers."""

    def __init__(
        self,
        plan: EventPlan,
        names: Sequence[str],
        reading: Reading,
        account: Account,
        pool: Workers,
        window: int,
    ) -> None:
        self.plan, self.reading, self.account = plan, reading, account
        self.pool, self.window = pool, window
        self.size = {name: _bytes(name) for name in names}
        chunking = reading.chunking
        if chunking is None:
            chunking = Chunking(fused=sum(self.size.values()) > _COMPILE_FROM)
        self.chunking = chunking
        # what is begun is ended before a new file is opened
        self.begun: deque[_Job] = deque()
        self.todo: deque[_Job] = deque()
        self.open: dict[str, _OpenFile] = {}
        # taken in the order of submission: the same error is the first one each time
        self.under_way: deque[tuple[str, str, Future[Any]]] = deque()
        for name in names:
            rows = reading.run_list.rows.get(name) if reading.run_list else None
            if reading.run_list is not None and rows is None:
                raise InputError("the file is not in the run list", file=name)
            arguments = (plan, name, chunking, rows, reading.power, reading.digest)
            self.todo.append(_Job("survey", name, survey, arguments))

    def run(
        self,
        progress: Callable[[int, float], None] | None,
        checkpoint: Callable[[Histograms], None] | None,
    ) -> None:
        """Work until nothing is left; the first error ends it."""
        saved = time.monotonic()
        everything = max(sum(self.size.values()), 1)
        bytes_done, events = 0.0, 0
        while self.begun or self.todo or self.under_way:
            while (self.begun or self.todo) and len(self.under_way) < self.window:
                job = (self.begun or self.todo).popleft()
                future = self.pool.submit(attempt, job.call, *job.arguments)
                self.under_way.append((job.what, job.file, future))
            what, name, future = self.under_way.popleft()
            before = self.account.files
            try:
                read, share = self._take(what, name, future)
            except InputError as error:
                read, share = 0, 0.0
                self._drop(name, error)
            self._settle()
            events += read
            bytes_done += share * self.size[name]
            if progress is not None:
                over = not (self.begun or self.todo or self.under_way)
                progress(events, 1.0 if over else min(bytes_done / everything, 1.0))
            if (
                checkpoint is not None
                and self.account.files > before
                and time.monotonic() - saved > _CHECKPOINT
            ):
                checkpoint(self.account.result(part=True))
                saved = time.monotonic()

    def _take(self, what: str, name: str, future: Future[Any]) -> tuple[int, float]:
        """Use what a worker returned: the events, and their part of the file."""
        if name not in self.open and what != "survey":
            future.exception()  # of a file that was dropped meanwhile
            return 0, 0.0
        result = outcome(future)
        if what == "survey":
            return self._surveyed(name, result)
        file = self.open[name]
        if what == "digest":
            file.digests = result
            return 0, 0.0
        file.sum = file.sum.plus(result)
        file.chunks -= 1
        return result.events, result.events / max(file.entries, 1)

    def _surveyed(self, name: str, found: Survey) -> tuple[int, float]:
        file = _OpenFile(found, sum(found.info.entries.values()))
        self.open[name] = file
        if not self.reading.skip_bad:  # as soon as it is known
            self.account.meet(name, found)
        if found.error is not None:
            raise found.error
        if found.part is not None:
            file.sum, file.digests = file.sum.plus(found.part), found.digests
            return found.part.events, 1.0
        file.chunks = len(found.tasks)
        # beside the events, or the disk would be waited for twice
        if self.reading.digest:
            job = _Job("digest", name, digest_task, (found.info.stamps,))
            self.begun.append(job)
        else:
            file.digests = {}
        for task in found.tasks:
            info = found.info.within(task.tree, task.first, task.last)
            arguments = (self.plan, task, info, self.chunking)
            self.begun.append(_Job("count", name, count_task, arguments))
        return 0, 0.0

    def _settle(self) -> None:
        """Take files into account that are there in full, and whose turn it is."""
        while self.open:
            name, file = next(iter(self.open.items()))
            if file.chunks or file.digests is None:
                return
            try:
                self.account.take(name, file.found, file.sum.total(), file.digests)
            except InputError as error:
                self._drop(name, error)
                continue
            del self.open[name]

    def _drop(self, name: str, error: InputError) -> None:
        """Leave a bad file out, or stop."""
        if not self.reading.skip_bad:
            raise error
        file = self.open.pop(name, None)
        self.account.skip(name, error, None if file is None else file.found)
        self.begun = deque(job for job in self.begun if job.file != name)


@dataclass
class _OpenFile:
    """A file of which a part was read."""

    found: Survey
    entries: int
    sum: PairwiseSum = field(default_factory=PairwiseSum)
    digests: Mapping[str, str] | None = None
    chunks: int = 0


def _bytes(name: str) -> int:
    try:
        return Path(name).stat().st_size
    except OSError:  # the survey will say what is wrong
        return 0
