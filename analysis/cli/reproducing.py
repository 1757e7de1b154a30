"""``nuem reproduce``: published numbers beside ours."""

from __future__ import annotations

import click

from nuem.analysis.cli.common import debug_option, deliver, json_option, progress
from nuem.inputs.errors import InputError

__all__ = ["reproduce"]


@click.command()
@click.argument("name", metavar="[GROUP or ROW]", required=False)
@click.option(
    "--explain", is_flag=True, help="Inputs, formula, convention and sources of a row."
)
@click.option(
    "--fresh", is_flag=True, help="Throw toys anew instead of taking cached belts."
)
@click.option(
    "-o", "--output", metavar="DIR",
    help="Write rows, page and figures (and, with --fresh, the belts) into a folder.",
)  # fmt: skip
@json_option
@debug_option
def reproduce(
    name: str | None, explain: bool, fresh: bool, output: str | None, as_json: bool
) -> None:
    """Recompute published numbers, as printed and with the correct formulas.

    GROUP is a document (nuem reproduce without arguments takes all), ROW one of its
    rows, GROUP/ROW.
    """
    from nuem.analysis.reproduction import audit
    from nuem.analysis.reproduction import explain as explaining
    from nuem.analysis.reproduction.report import table
    from nuem.analysis.reproduction.task import Bench
    from nuem.analysis.reproduction.written import write

    if explain:
        if name is None or as_json:
            raise InputError(
                "--explain is text about some rows", found="--json" if as_json else None,
                expected="nuem reproduce GROUP/ROW --explain",
            )  # fmt: skip
        click.echo(explaining.explain(name, fresh=fresh))
        return
    with progress() as say:
        bench = Bench(fresh=fresh, progress=say)
        rows = audit.reproduce(name, bench=bench)
        if output is not None:
            for path in write(rows, output, bench):
                say(f"wrote {path}")
    if as_json:
        deliver({"rows": [row.to_dict() for row in rows]}, "-")
        return
    click.echo(table(rows))
