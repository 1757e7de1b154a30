"""``nuem merge``: shards of toys to one file."""

from __future__ import annotations

import click

from nuem.analysis.cli.common import debug_option, deliver, json_option

__all__ = ["merge"]


@click.command()
@click.argument("parts", nargs=-1, required=True, metavar="PART...")
@click.option("-o", "--output", required=True, help="File of all toys (npz).")
@json_option
@debug_option
def merge(parts: tuple[str, ...], output: str, as_json: bool) -> None:
    """Put PARTs of toys together that were thrown with --shard."""
    from nuem.analysis.inference.toys import load_toys, merge_toys, save_toys

    merged = merge_toys(load_toys(part) for part in parts)
    save_toys(output, merged)
    if as_json:
        document = {"toys": merged.total, "failed": merged.failed, "path": output}
        deliver(document, "-")
        return
    click.echo(f"{merged.total} toys, {merged.failed} failed; wrote {output}")
