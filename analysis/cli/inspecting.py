"""``nuem list`` and ``nuem info``: what is there."""

from __future__ import annotations

import click

from nuem.analysis.cli.common import debug_option, deliver, json_option

__all__ = ["info", "list_"]


@click.command("list")
@click.argument("experiment", required=False)
@click.option(
    "--schema", is_flag=True, help="Print the JSON schema of an experiment file."
)
@json_option
@debug_option
def list_(experiment: str | None, schema: bool, as_json: bool) -> None:
    """List experiments, processes and methods; or the numbers of one EXPERIMENT."""
    from nuem.analysis.catalogue import describe, overview

    if schema:
        from nuem.inputs.catalogue import experiment_schema

        deliver(experiment_schema(), "-")
        return
    document = overview() if experiment is None else describe(experiment)
    if as_json:
        deliver(document, "-")
        return
    if experiment is None:
        click.echo("Experiments")
        for row in document["experiments"]:
            click.echo(f"  {row['name']:<18} {row['title']}  [{row['citation']}]")
        click.echo("Processes")
        for row in document["processes"]:
            unit = f"coupling in {row['unit']}" if row["unit"] else "no coupling"
            click.echo(f"  {row['name']:<34} {unit}")
        click.echo("Methods")
        click.echo("  " + ", ".join(document["methods"]))
        return
    click.echo(f"{document['title']}: {document['citation']}")
    for row in document["numbers"]:
        value = "" if row["value"] is None else f"{row['value']:g} {row['unit']}"
        click.echo(f"  {row['status']:<12} {row['field']}: {value}  ({row['source']})")


@click.command()
@json_option
@debug_option
def info(as_json: bool) -> None:
    """Show versions, threads and tables."""
    from nuem.analysis.catalogue import installation

    document = installation()
    if as_json:
        deliver(document, "-")
        return
    for name, version in document["versions"].items():
        click.echo(f"{name:<16} {version}")
    click.echo(f"{'threads':<16} {document['threads']}")
    click.echo(f"{'tables':<16} {', '.join(document['tables'])}")
