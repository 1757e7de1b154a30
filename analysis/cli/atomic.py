"""``nuem atom``: calculate the table of an element."""

from __future__ import annotations

from pathlib import Path

import click

from nuem.analysis.cli.common import (
    debug_option,
    deliver,
    force_option,
    json_option,
    progress,
)
from nuem.inputs.errors import InputError

__all__ = ["atom"]


@click.command()
@click.argument("symbol")
@click.option("-o", "--output", help="File [default: results/atomic/SYMBOL.npz].")
@force_option
@json_option
@debug_option
def atom(symbol: str, output: str | None, force: bool, as_json: bool) -> None:
    """Calculate the atomic ionisation table of the element SYMBOL (minutes)."""
    from nuem.models.atomic.table import read_table
    from nuem.models.targets import element

    name = element(symbol).symbol
    path = Path(output or f"results/atomic/{name}.npz")
    if path.suffix != ".npz":
        raise InputError("not a name of a table", field="-o", found=path,
                         expected="a name that ends in .npz")  # fmt: skip
    if path.exists() and not force and read_table(path).symbol != name:
        raise InputError(
            "the output is the table of another element", file=path,
            found=read_table(path).symbol, expected=f"{name}, or --force",
        )  # fmt: skip
    # the compiler is imported here, when it is known that there is work for it
    from nuem.models.atomic.build import build_table

    with progress() as say:
        table = build_table(name, say=say)
    table.save(path)
    low, high = table.range_kev
    document = {
        "symbol": name,
        "path": str(path),
        "energies": int(table.recoil_kev.size),
        "range_kev": [low, high],
        "valid_kev": list(table.valid_kev),
        "code": table.metadata["code"],
    }
    if as_json:
        deliver(document, "-")
        return
    click.echo(
        f"{path}: {name}, {table.recoil_kev.size} energies, {low:g} to {high:g} keV, "
        f"valid from {table.valid_kev[0]:g} keV"
    )
