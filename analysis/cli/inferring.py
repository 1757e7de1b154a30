"""``nuem workspace`` and ``nuem limit``."""

from __future__ import annotations

from pathlib import Path

import click

from nuem.analysis.cli.common import (
    debug_option,
    deliver,
    force_option,
    json_option,
    process_option,
    progress,
    set_option,
    show_limit,
)

__all__ = ["limit", "workspace"]


@click.command()
@click.argument("experiment")
@click.option(
    "--histograms", required=True, metavar="FILE", help="From nuem histogram."
)
@click.option("--template", required=True, metavar="FILE", help="From nuem template.")
@click.option("-o", "--output", help="File [default: results/NAME/workspace.json].")
@click.option("--unblind", is_flag=True, help="Look at the data of a blind experiment.")
@process_option
@set_option
@force_option
@json_option
@debug_option
def workspace(
    experiment: str,
    histograms: str,
    template: str,
    output: str | None,
    unblind: bool,
    process: str | None,
    settings: tuple[str, ...],
    force: bool,
    as_json: bool,
) -> None:
    """Put histograms and template of EXPERIMENT together to a pyhf workspace.

    Beside NAME.json stands NAME.meta.json, which says what its parameter means.
    """
    from nuem.analysis.events.store import load
    from nuem.analysis.exchange.provenance import guard_output
    from nuem.analysis.exchange.workspace import meta_path, write_workspace
    from nuem.analysis.prediction import Prediction, with_process
    from nuem.analysis.stages import make_workspace, stage_provenance
    from nuem.inputs.catalogue import load_experiment
    from nuem.inputs.files import read_json

    loaded = load_experiment(experiment, settings)
    if process is not None:
        loaded = with_process(loaded, process)
    path = output or f"results/{loaded.name}/workspace.json"
    configuration = {"stage": "workspace", "unblind": unblind}
    if path != "-":
        base = stage_provenance(loaded, configuration)["configuration"]
        guard_output(meta_path(Path(path)), base, force)
    with progress() as say:
        say("workspace: fit of the backgrounds")
        built = make_workspace(
            loaded, load(histograms),
            Prediction.from_dict(read_json(template), template),
            unblind=unblind, configuration=configuration,
        )  # fmt: skip
        if path != "-":
            write_workspace(path, built)
    if as_json or path == "-":
        deliver(built.spec, "-")
    else:
        for channel in built.spec["channels"]:
            names = ", ".join(sample["name"] for sample in channel["samples"])
            click.echo(f"{channel['name']}: {names}")
        click.echo(f"wrote {path}")


@click.command()
@click.argument("workspace_file", metavar="WORKSPACE")
@click.option("--cl", default=0.9, show_default=True, help="Confidence level.")
@click.option(
    "--method", type=click.Choice(["cls"]), default="cls", show_default=True,
    help="CLs with the asymptotic q-tilde statistic.",
)  # fmt: skip
@click.option(
    "--engine", type=click.Choice(["pyhf"]), default="pyhf", show_default=True,
    help="What evaluates and fits the likelihood.",
)  # fmt: skip
@click.option("--measurement", help="Name of the measurement, if there are several.")
@click.option("-o", "--output", help="Write the JSON document here; - is stdout.")
@force_option
@json_option
@debug_option
def limit(
    workspace_file: str,
    cl: float,
    method: str,
    engine: str,
    measurement: str | None,
    output: str | None,
    force: bool,
    as_json: bool,
) -> None:
    """Set an upper limit from any pyhf WORKSPACE (- is stdin)."""
    del method, engine  # one of each: the options name what the document states
    from nuem.analysis.exchange.provenance import guard_output
    from nuem.analysis.exchange.workspace import read_workspace
    from nuem.analysis.stages import limit_configuration, set_limit

    loaded = read_workspace(workspace_file)
    if output not in (None, "-"):
        assert output is not None
        guard_output(output, limit_configuration(loaded, cl, measurement), force)
    with progress() as say:
        result = set_limit(loaded, cl=cl, measurement=measurement, progress=say)
    if output is not None:
        deliver(result.to_dict(), output)
    if as_json and output != "-":
        deliver(result.to_dict(), "-")
    elif output != "-":
        show_limit(result)
