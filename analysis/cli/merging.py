"""``nuem merge``: shards of toys, or of histograms, to one file."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import click

from nuem.analysis.cli.common import debug_option, deliver, json_option
from nuem.analysis.cli.events import show_histograms

__all__ = ["merge"]


@click.command()
@click.argument("parts", nargs=-1, required=True, metavar="PART...")
@click.option("-o", "--output", required=True, help="File: npz of toys, or JSON.")
@click.option("--strict", is_flag=True, help="NaN and negative energies are errors.")
@json_option
@debug_option
def merge(parts: tuple[str, ...], output: str, strict: bool, as_json: bool) -> None:
    """Put PARTs together that were made with --shard: of toys, or of histograms."""
    if _is_json(parts[0]):
        _merge_histograms(parts, output, strict, as_json)
        return
    from nuem.analysis.inference.toys import load_toys, merge_toys, save_toys

    merged = merge_toys(load_toys(part) for part in parts)
    save_toys(output, merged)
    if as_json:
        document = {"toys": merged.total, "failed": merged.failed, "path": output}
        deliver(document, "-")
        return
    click.echo(f"{merged.total} toys, {merged.failed} failed; wrote {output}")


def _is_json(part: str) -> bool:
    try:
        with Path(part).open("rb") as stream:
            return stream.read(64).lstrip().startswith(b"{")
    except OSError:  # the reader of toys says what is wrong
        return False


def _merge_histograms(
    parts: tuple[str, ...], output: str, strict: bool, as_json: bool
) -> None:
    from nuem.analysis.events.combine import merge as merge_histograms
    from nuem.analysis.events.store import load, save
    from nuem.analysis.exchange.provenance import digest
    from nuem.inputs.schema import Experiment

    merged = merge_histograms([load(part) for part in parts], strict=strict)
    if "configuration" in merged.provenance:
        sha256 = digest(merged.provenance["configuration"])
        made_of = {**merged.provenance, "configuration_sha256": sha256}
        merged = replace(merged, provenance=made_of)
    if output != "-":
        save(merged, output)
    made = merged.provenance.get("configuration", {}).get("file")
    experiment = None if made is None else Experiment.model_validate(made)
    show_histograms(merged, experiment, output, as_json)
