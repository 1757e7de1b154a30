"""``nuem fetch``: public data releases, checked by their sha256."""

from __future__ import annotations

import click

from nuem.analysis.cli.common import debug_option, deliver, json_option, progress

__all__ = ["fetch"]


@click.command()
@click.argument("dataset")
@click.option(
    "--from", "source", metavar="DIR",
    help="Folder with the release, as its authors lay it out, instead of a download.",
)  # fmt: skip
@click.option(
    "-o", "--output", metavar="DIR",
    help="Folder for the files [default: in NUEM_DATA, or in the user's cache].",
)  # fmt: skip
@json_option
@debug_option
def fetch(dataset: str, source: str | None, output: str | None, as_json: bool) -> None:
    """Bring the public release DATASET (a name or a YAML file) to the disk."""
    from nuem.analysis.fetch import fetch as fetch_release

    with progress() as say:
        result = fetch_release(dataset, source=source, output=output, progress=say)
    if as_json:
        deliver(result.to_dict(), "-")
        return
    click.echo(f"{result.dataset.title}\n  {result.dataset.citation}")
    click.echo(f"  licence: {result.dataset.licence}")
    for name, state in result.files.items():
        click.echo(f"  {state:<10} {name}")
    for path in result.converted:
        click.echo(f"  {'made':<10} {path.name}")
    click.echo(f"  in {result.folder}/")
