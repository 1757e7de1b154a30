"""Files for others: ``nuem hepdata``, ``recast``, ``digest``, ``diff`` and ``cite``."""

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

__all__ = ["cite", "diff", "digest", "hepdata", "recast"]


@click.command()
@click.argument("workspace_file", metavar="WORKSPACE")
@json_option
@debug_option
def digest(workspace_file: str, as_json: bool) -> None:
    """Print digests of WORKSPACE, its channels and its parameters.

    `content` does not depend on the order of the entries, `data` of a channel on the
    observed counts only: whoever holds the same data finds the same one.
    """
    from nuem.analysis.exchange.difference import describe
    from nuem.analysis.exchange.workspace import read_workspace

    found = describe(read_workspace(workspace_file))
    if as_json:
        deliver(found, "-")
        return
    for key in ("sha256", "pyhf", "content"):
        click.echo(f"{key:8s} {found[key]}")
    for name, channel in found["channels"].items():
        click.echo(
            f"channel  {name}: {channel['bins']} bins, {channel['events']:g} events, "
            f"data {channel['observed'][:16]}, content {channel['content'][:16]}"
        )
    for name, poi in found["measurements"].items():
        click.echo(f"measured {poi} ({name})")
    kinds = list(found["parameters"].values())
    for kind in dict.fromkeys(kinds):
        click.echo(f"has      {kinds.count(kind)} {kind}")


@click.command()
@click.argument("before")
@click.argument("after")
@json_option
@debug_option
def diff(before: str, after: str, as_json: bool) -> None:
    """Print what changed from workspace BEFORE to AFTER, by channel and parameter."""
    from nuem.analysis.exchange.difference import differences
    from nuem.analysis.exchange.workspace import read_workspace

    found = differences(read_workspace(before), read_workspace(after))
    if as_json:
        deliver({"identical": not found, "changes": [c.to_dict() for c in found]}, "-")
        return
    for change in found:
        click.echo(str(change))
    if not found:
        click.echo("no difference")


@click.command()
@click.argument("folder", metavar="DIR")
@click.option("-o", "--output", required=True, metavar="DIR", help="The submission.")
@click.option(
    "--points", default=101, show_default=True, type=click.IntRange(11),
    help="Values in the scan of -2 ln L.",
)  # fmt: skip
@json_option
@debug_option
def hepdata(folder: str, output: str, points: int, as_json: bool) -> None:
    """Write a HEPData submission of the analysis in DIR (of nuem run).

    It is checked by hepdata-validator where that is installed (nuem[hepdata]).
    """
    from nuem.analysis.publishing import publish
    from nuem.analysis.results_folder import read_results

    with progress() as say:
        made = publish(read_results(folder), output, scan_points=points, progress=say)
    if as_json:
        deliver(made.to_dict(), "-")
        return
    for name in made.tables:
        click.echo(f"  {name}")
    for line in made.left_out:
        click.echo(f"  not there   {line}")
    state = "valid" if made.validated else "not validated: pip install 'nuem[hepdata]'"
    click.echo(f"{len(made.tables)} tables in {made.folder}/ ({state})")


@click.command()
@click.argument("workspace_file", metavar="WORKSPACE")
@click.option(
    "--template", required=True, metavar="FILE",
    help="From nuem template; or expected counts as .csv, .root or .json (UHI).",
)  # fmt: skip
@click.option("--process", help="What a table of counts describes.")
@click.option(
    "--reference", type=float, help="Coupling at which a table of counts holds."
)
@click.option("-o", "--output", required=True, help="File, or - for stdout.")
@force_option
@json_option
@debug_option
def recast(
    workspace_file: str,
    template: str,
    process: str | None,
    reference: float | None,
    output: str,
    force: bool,
    as_json: bool,
) -> None:
    """Put another signal into a published WORKSPACE, without its events."""
    from nuem.analysis.exchange.provenance import guard_output
    from nuem.analysis.exchange.workspace import (
        meta_path,
        read_workspace,
        write_workspace,
    )
    from nuem.analysis.recasting import recast_file

    made = recast_file(
        read_workspace(workspace_file), template, process=process, reference=reference
    )
    assert made.meta is not None
    if output == "-":
        deliver(made.spec, "-")
        return
    guard_output(
        meta_path(Path(output)), made.meta["provenance"]["configuration"], force
    )
    write_workspace(output, made)
    for line in made.meta["warnings"]:
        click.echo(f"nuem: warning: {line}", err=True)
    if as_json:
        deliver({"path": output, "definition": made.meta["definition"]}, "-")
    else:
        click.echo(f"wrote {output}: {made.meta['measurement']}")


@click.command()
@click.argument("result", metavar="RESULT")
@json_option
@debug_option
def cite(result: str, as_json: bool) -> None:
    """Print BibTeX for the data, methods and packages of RESULT.

    RESULT is a JSON document of nuem, a workspace with its meta document beside it, or
    what nuem export wrote.
    """
    from nuem.analysis.exchange.citation import bibtex, references
    from nuem.analysis.exchange.provenance import provenance_path
    from nuem.analysis.exchange.workspace import meta_path
    from nuem.inputs.files import read_json

    path = Path(result)
    for beside in (meta_path(path), provenance_path(path)):
        if beside.is_file():
            document = read_json(beside)
            break
    else:
        document = read_json(path)
    if as_json:
        found = [
            {"key": r.key, "kind": r.kind, "why": r.why, **r.fields}
            for r in references(document)
        ]
        deliver({"references": found}, "-")
    else:
        click.echo(bibtex(document), nl=False)
