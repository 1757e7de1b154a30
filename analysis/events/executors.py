"""Where the work is done: threads, processes, or a dask cluster."""

from __future__ import annotations

import contextlib
import multiprocessing
from collections.abc import Callable, Iterator
from concurrent.futures import (
    BrokenExecutor,
    CancelledError,
    Executor,
    Future,
    ProcessPoolExecutor,
    ThreadPoolExecutor,
    wait,
)
from dataclasses import dataclass
from typing import Any, Literal, Protocol
from weakref import WeakSet

from nuem.inputs.errors import InputError

__all__ = ["Place", "Workers", "attempt", "died", "executor", "outcome"]

#: A task that was on a worker that died is done again this many times.
RETRIES = 3
#: Seconds that answers of dask workers are waited for when the work is given up.
_PATIENCE = 5.0


@dataclass(frozen=True)
class Place:
    """Where chunks are worked on.

    Parameters
    ----------
    kind : {"threads", "processes", "dask"}
        Threads share the memory; processes do without Python's lock; dask reaches
        other machines, and does the work of a worker that dies again.
    workers : int
        How many; for dask only where the cluster is a local one.
    address : str, optional
        Scheduler of a dask cluster (``tcp://host:8786``), or ``local`` for one that is
        started here and ends with the work.
    """

    kind: Literal["threads", "processes", "dask"] = "threads"
    workers: int = 2
    address: str = "local"

    def __post_init__(self) -> None:
        """Check the number of workers."""
        if self.workers < 1:
            raise InputError(
                "no workers", field="workers", found=self.workers, expected="1 or more"
            )


def attempt(call: Callable[..., Any], *arguments: Any) -> Any:
    """Call a function for `outcome`, on a worker.

    What is wrong with a file is its result: dask would try again, and log a traceback.
    """
    try:
        return call(*arguments)
    except InputError as error:
        return error


def outcome(future: Future[Any]) -> Any:
    """Return the result of an `attempt`, or raise what was wrong.

    Examples
    --------
    >>> with ThreadPoolExecutor(1) as pool:
    ...     outcome(pool.submit(attempt, max, 1, 2))
    2
    """
    result = future.result()
    if isinstance(result, InputError):
        raise result
    return result


def died(error: BaseException) -> bool:
    """Whether an error is the end of a worker, and none of its work.

    Examples
    --------
    >>> died(BrokenExecutor()), died(ValueError())
    (True, False)
    """
    return isinstance(error, BrokenExecutor | CancelledError) or (
        isinstance(error, Exception)
        and type(error).__module__.partition(".")[0] == "distributed"
    )


class Workers(Protocol):
    """What takes work, and gives futures of the standard library for it."""

    def submit(self, call: Callable[..., Any], /, *arguments: Any) -> Future[Any]:
        """Have a call done."""
        ...


class _Cluster:
    """The workers of a dask cluster, and what they are still to answer."""

    def __init__(self, client: Any) -> None:
        self._pool = client.get_executor(retries=RETRIES)
        self._asked: WeakSet[Future[Any]] = WeakSet()

    def submit(self, call: Callable[..., Any], /, *arguments: Any) -> Future[Any]:
        future: Future[Any] = self._pool.submit(call, *arguments)
        self._asked.add(future)
        return future

    def stop(self) -> None:
        """Let the few chunks come that are under way, and give up what takes long.

        Work that is cancelled, and answers to nobody, would be logged as errors.
        """
        wait(list(self._asked), timeout=_PATIENCE)
        self._pool.shutdown(wait=False)


@contextlib.contextmanager
def executor(place: Place) -> Iterator[tuple[Workers, int]]:
    """Start the workers.

    Yields
    ------
    workers : Workers
        Give futures of the standard library.
    window : int
        How many tasks to have under way, so that no worker waits.

    Raises
    ------
    InputError
        If dask is not installed, or there is no such cluster.
    """
    pool: Executor
    if place.kind == "dask":
        with _client(place) as client:
            cores = sum(client.nthreads().values())
            cluster = _Cluster(client)
            try:
                yield cluster, 8 * max(cores, 1)
            finally:
                cluster.stop()
        return
    if place.kind == "processes":
        # threads of the parent and a fork do not go together
        context = multiprocessing.get_context("spawn")
        pool = ProcessPoolExecutor(place.workers, mp_context=context)
    else:
        pool = ThreadPoolExecutor(place.workers)
    try:
        yield pool, 4 * place.workers
    except BaseException:
        pool.shutdown(wait=True, cancel_futures=True)  # do not read on in vain
        raise
    pool.shutdown()


@contextlib.contextmanager
def _client(place: Place) -> Iterator[Any]:
    try:
        from distributed import Client, LocalCluster
    except ImportError as error:
        raise InputError(
            "dask is not installed", field="--dask", expected="pip install 'nuem[dask]'"
        ) from error
    if place.address == "local":
        with (
            # any free port, on this machine alone: the usual one may be taken
            LocalCluster(
                n_workers=place.workers,
                threads_per_worker=1,
                dashboard_address="127.0.0.1:0",
            ) as cluster,  # fmt: skip
            Client(cluster) as client,
        ):
            yield client
        return
    try:
        client = Client(place.address, timeout="10s", set_as_default=False)
    except (OSError, TimeoutError, ValueError) as error:
        raise InputError(
            "no dask scheduler there", field="--dask", found=place.address,
            expected="an address such as tcp://host:8786, or local",
        ) from error  # fmt: skip
    with client:
        yield client
