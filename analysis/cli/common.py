"""What the commands share: options, progress on stderr, output."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from nuem.inputs.errors import InputError
from nuem.inputs.files import dump_json, write_json

if TYPE_CHECKING:
    from nuem.analysis.inference.limits import Limit

__all__ = [
    "conditional_option",
    "debug_option",
    "deliver",
    "force_option",
    "json_option",
    "parse_shard",
    "process_option",
    "progress",
    "set_option",
    "show_limit",
]

_Command = TypeVar("_Command", bound=Callable[..., Any])


def conditional_option(command: _Command) -> _Command:
    """``--conditional``: what toys do with auxiliary data."""
    return click.option(
        "--conditional", is_flag=True,
        help="Toys have the auxiliary data that were observed; else they fluctuate them.",
    )(command)  # fmt: skip


def debug_option(command: _Command) -> _Command:
    """``--debug``, which the entry point looks for itself."""
    return click.option(
        "--debug",
        is_flag=True,
        expose_value=False,
        help="Show the traceback of errors.",
    )(command)


def json_option(command: _Command) -> _Command:
    """``--json``: one document on stdout."""
    return click.option(
        "--json", "as_json", is_flag=True, help="Print one JSON document on stdout."
    )(command)


def force_option(command: _Command) -> _Command:
    """``--force``: replace the output of another configuration."""
    return click.option(
        "--force", is_flag=True, help="Replace an output of another configuration."
    )(command)


def set_option(command: _Command) -> _Command:
    """``--set``: change the experiment file for this call."""
    return click.option(
        "--set", "settings", multiple=True, metavar="KEY=VALUE",
        help="Change a value of the experiment file (dotted key); may be repeated.",
    )(command)  # fmt: skip


def process_option(command: _Command) -> _Command:
    """``--process``: another process than the experiment file names."""
    from nuem.inputs.vocabulary import INTERFERING_PROCESSES, SQUARED_PROCESSES

    names = [p.value for p in (*SQUARED_PROCESSES, *INTERFERING_PROCESSES)]
    return click.option(
        "--process", type=click.Choice(names),
        help="Process in place of those of the experiment file.",
    )(command)  # fmt: skip


def parse_shard(text: str | None, keep: str | None) -> tuple[int, int] | None:
    """Read ``I/N``; a part of the toys has to be kept somewhere.

    Raises
    ------
    InputError
        If it is something else.
    """
    if text is None:
        return None
    first, _, second = text.partition("/")
    if not (first.isdigit() and second.isdigit() and 1 <= int(first) <= int(second)):
        raise InputError("--shard", found=text, expected="I/N with 1 <= I <= N")
    if keep is None:
        raise InputError("--shard without a place for its toys", expected="--keep DIR")
    return int(first), int(second)


@contextlib.contextmanager
def progress() -> Iterator[Callable[[str], None]]:
    """A line on stderr that says what is being done; plain lines where no one looks."""
    from rich.console import Console

    console = Console(stderr=True, highlight=False)
    if not console.is_terminal:
        last = ""

        def say(text: str) -> None:
            nonlocal last
            stage = text.partition(":")[0]
            if stage != last:
                last = stage
                click.echo(f"nuem: {text}", err=True)

        yield say
        return
    with console.status("") as status:
        yield status.update


def deliver(document: Any, output: str | None) -> None:
    """Write a document to a file, or to stdout where the name is ``-``."""
    if output == "-":
        click.echo(dump_json(document), nl=False)
    elif output is not None:
        write_json(Path(output), document)
        click.echo(f"wrote {output}", err=True)


def show_limit(limit: Limit) -> None:
    """Print a limit for a reader."""
    from nuem.analysis.inference.results import percent

    definition = limit.definition or {}
    unit = definition.get("unit", "")
    if limit.coupling is not None and limit.expected_coupling is not None:
        symbol = definition.get("symbol", "g")
        name = symbol if definition.get("power") == 1 else f"|{symbol}|"
        observed, expected = limit.coupling.upper_limit, limit.expected_coupling
    else:
        name, unit = limit.parameter, ""
        observed, expected = limit.poi.upper_limit, limit.expected_poi
    what = "+".join(definition.get("processes", ()))
    click.echo(
        f"{percent(limit.cl)} CL upper limit on {name}{', ' if what else ''}{what}"
        f" ({limit.method}, {limit.calibration}, "
        f"{limit.sided if limit.sided == 'unified' else limit.sided + '-sided'})"
    )
    values = limit.coupling or limit.poi
    error = ""
    if values.upper_error is not None:
        error = f"   +- {values.upper_error:.2g} by the number of toys"
    click.echo(f"  observed   {observed:.3g} {unit}".rstrip() + error)
    click.echo(
        f"  expected   {expected['0']:.3g} {unit}".rstrip()
        + f"   68 %: {expected['-1']:.3g} to {expected['1']:.3g}"
        + f"   95 %: {expected['-2']:.3g} to {expected['2']:.3g}"
    )
    if limit.method in {"feldman-cousins", "profile"}:
        parts = (f"[{low:.3g}, {high:.3g}]" for low, high in values.intervals)
        sides = "" if limit.sided == "unified" else "   (two-sided)"
        click.echo(f"  interval   {' and '.join(parts)} {unit}".rstrip() + sides)
        if values.interval_errors is not None:
            ends = (f"[{a:.2g}, {b:.2g}]" for a, b in values.interval_errors)
            click.echo(f"  +- (toys)  {' and '.join(ends)} {unit}".rstrip())
    click.echo(f"  best fit   {values.best_fit:.3g} {unit}".rstrip())
    click.echo(
        f"  p0         {limit.p0:.3g}   ({limit.p0_sided}-sided, {limit.p0_calibration})"
    )
    if limit.gof is not None:
        gof = limit.gof
        text = (
            f"  fit        -2 ln L {gof['deviance']:.4g} (saturated),"
            f" {gof['ndf']} degrees of freedom, p {gof['p_asymptotic']:.2g}, asymptotic"
        )
        if gof["sparse"]:
            text += f": {gof['sparse']} of {gof['bins']} bins expect fewer than 5"
        click.echo(text)
    if limit.toys is not None:
        text = f"{limit.toys['n']} a value, {limit.toys['failed']} failed"
        if "read" in limit.toys:
            text += f"; {limit.toys['read']} were kept, {limit.toys['thrown']} thrown"
        click.echo(f"  toys       {text}")
    for warning in limit.warnings:
        click.echo(f"  note       {warning}")
