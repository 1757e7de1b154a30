"""``nuem merge``: shards of toys to one file."""

from __future__ import annotations

import click

from nuem.analysis.cli.common import debug_option

__all__ = ["merge"]


@click.command()
@click.argument("parts", nargs=-1, required=True, metavar="PART...")
@click.option("-o", "--output", required=True, help="File of all toys (npz).")
@debug_option
def merge(parts: tuple[str, ...], output: str) -> None:
    """Put PARTs of toys together that were thrown with --shard."""
    from nuem.analysis.inference.toys import load_toys, merge_toys, save_toys

    merged = merge_toys(load_toys(part) for part in parts)
    save_toys(output, merged)
    click.echo(f"{merged.total} toys, {merged.failed} failed; wrote {output}")
