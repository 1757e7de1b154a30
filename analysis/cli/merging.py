"""``nuem merge``: shards of toys, or of histograms, to one file."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import click

from nuem.analysis.cli.common import debug_option, deliver, json_option
from nuem.analysis.cli.events import show_histograms
from nuem.inputs.errors import InputError

__all__ = ["merge"]


@click.command()
@click.argument("parts", nargs=-1, required=True, metavar="PART...")
@click.option(
    "-o", "--output", required=True,
    help="npz of toys, or the folder for --keep where they are of several values; JSON.",
)  # fmt: skip
@click.option("--strict", is_flag=True, help="NaN and negative energies are errors.")
@json_option
@debug_option
def merge(parts: tuple[str, ...], output: str, strict: bool, as_json: bool) -> None:
    """Put PARTs together that were made with --shard: of toys, or of histograms.

    A folder stands for all toys in it. A limit throws toys at many values: these are
    merged value by value, into a folder that --keep takes.
    """
    if _is_json(parts[0]):
        _merge_histograms(parts, output, strict, as_json)
        return
    _merge_toys(parts, output, as_json)


def _merge_toys(parts: tuple[str, ...], output: str, as_json: bool) -> None:
    from nuem.analysis.inference.kept_toys import (
        group_toys,
        load_toys,
        merge_toys,
        save_toys,
    )

    files: list[Path] = []
    for part in map(Path, parts):
        found = sorted(part.glob("*.npz")) if part.is_dir() else [part]
        if not found:
            raise InputError("no toys in this folder", file=part, expected="*.npz")
        files += found
    merged = [merge_toys(g) for g in group_toys(load_toys(file) for file in files)]
    if len(merged) == 1 and not Path(output).is_dir():
        save_toys(output, merged[0])
    elif Path(output).suffix == ".npz":
        raise InputError(
            "toys of several values do not fit in one file", field="--output",
            found=f"{output} for {len(merged)} of them", expected="a folder",
        )  # fmt: skip
    else:
        for toys in merged:
            save_toys(Path(output) / toys.file_name, toys)
    total, failed = (
        sum(values)
        for values in zip(*((t.total, t.failed) for t in merged), strict=True)
    )
    if as_json:
        document = {"toys": total, "failed": failed, "path": output}
        deliver({**document, "sets": len(merged)}, "-")
        return
    of = "" if len(merged) == 1 else f" in {len(merged)} sets"
    click.echo(f"{total} toys{of}, {failed} failed; wrote {output}")


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
