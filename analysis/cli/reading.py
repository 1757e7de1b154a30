"""How files of events are read: the options that commands share, and what they mean."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import click

from nuem.inputs.errors import InputError
from nuem.inputs.grammar import shorten

if TYPE_CHECKING:
    from nuem.analysis.events.execute import Reading

__all__ = ["OPTIONS", "place_options", "reading_of", "reading_options"]

_Command = TypeVar("_Command", bound=Callable[..., Any])
#: Names of the options, as click hands them on.
OPTIONS = (
    "run_list", "power", "manifest", "skip_bad", "no_sha256", "dask", "workers",
    "processes",
)  # fmt: skip


def place_options(command: _Command) -> _Command:
    """``--workers``, ``--processes``, ``--dask``: where the work is done."""
    for option in (
        click.option(
            "--dask", metavar="ADDRESS",
            help="Work on a dask cluster: tcp://HOST:PORT, or local.",
        ),
        click.option("--processes", is_flag=True, help="Processes in place of threads."),
        click.option(
            "--workers", default=2, show_default=True,
            help="Threads or processes (also of a local cluster).",
        ),
    ):  # fmt: skip
        command = option(command)
    return command


def reading_options(command: _Command) -> _Command:
    """Options of all commands that read events."""
    for option in (
        click.option(
            "--skip-bad", is_flag=True,
            help="Leave damaged files out, and report what exposure goes with them.",
        ),
        click.option(
            "--no-sha256", is_flag=True,
            help="Do not compute the sha256 of the files: faster, and less certain.",
        ),
        click.option(
            "--manifest", metavar="FILE", help="Check the files: see nuem manifest."
        ),
        click.option(
            "--power", metavar="FILE.csv",
            help="Reactor power against time (time_s,power): the column power of runs.",
        ),
        click.option(
            "--runs", "run_list", metavar="FILE",
            help="Run list, YAML or CSV: file, run, state, live time, quality.",
        ),
    ):  # fmt: skip
        command = option(command)
    return place_options(command)


def reading_of(
    files: tuple[str, ...],
    options: dict[str, Any],
    shard: tuple[int, int] | None = None,
) -> tuple[tuple[str, ...], Reading]:
    """Files, with patterns expanded, and how they are read.

    Parameters
    ----------
    files : tuple of str
        Paths and patterns; without any, the files of the run list.
    options : dict
        Those of `reading_options`, which are taken out of it.
    shard : (int, int), optional
        Number of the part, and of all parts.

    Returns
    -------
    files : tuple of str
    reading : Reading
    """
    from nuem.analysis.events.execute import Reading
    from nuem.analysis.events.executors import Place
    from nuem.analysis.events.manifest import load_manifest
    from nuem.analysis.events.runlist import expand, read_power, read_run_list

    run_list, power, manifest, skip_bad, fast, dask, workers, processes = (
        options.pop(name) for name in OPTIONS
    )
    if dask and processes:
        raise InputError("--dask and --processes", expected="one of them")
    runs = None if run_list is None else read_run_list(run_list)
    if runs is not None and not files:
        files = runs.files
    names = expand(files)
    if runs is not None and (absent := sorted(set(runs.files) - set(names))):
        click.echo(
            f"nuem: warning: {run_list}: {len(absent)} files of the run list are not read: "
            + shorten(", ".join(absent)),
            err=True,
        )
    place = Place("processes" if processes else "threads", workers)
    if dask:
        place = Place("dask", workers, dask)
    return names, Reading(
        place=place,
        run_list=runs,
        power=None if power is None else read_power(power),
        manifest=None if manifest is None else load_manifest(manifest),
        skip_bad=skip_bad,
        shard=shard,
        digest=not fast,
    )
