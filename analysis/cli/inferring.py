"""``nuem workspace`` and ``nuem limit``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from nuem.analysis.cli.common import (
    conditional_option,
    debug_option,
    deliver,
    force_option,
    json_option,
    parse_shard,
    process_option,
    progress,
    set_option,
    show_limit,
)

__all__ = ["limit", "workspace"]


@click.command()
@click.argument("experiment")
@click.argument("files", nargs=-1, metavar="[FILE]...")
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
    files: tuple[str, ...],
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

    Beside NAME.json stands NAME.meta.json, which says what its parameter means. FILEs
    (UHI JSON) have the histograms that the experiment file refers to, if it does.
    """
    from nuem.analysis.events.store import load
    from nuem.analysis.exchange.provenance import guard_output
    from nuem.analysis.exchange.workspace import meta_path, write_workspace
    from nuem.analysis.grid import read_given
    from nuem.analysis.prediction import Prediction
    from nuem.analysis.processes import with_process
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
        given, inputs = read_given(files)
        say("workspace: fit of the backgrounds")
        built = make_workspace(
            loaded, load(histograms),
            Prediction.from_dict(read_json(template), template),
            given=given, inputs=inputs, unblind=unblind, configuration=configuration,
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
    "--method", type=click.Choice(["cls", "toys", "feldman-cousins", "profile"]),
    help="cls: asymptotic q-tilde; toys: CLs with toys; feldman-cousins: unified, with "
    "toys; profile: asymptotic. [default: cls; feldman-cousins for a signed coupling]",
)  # fmt: skip
@click.option("--toys", type=click.IntRange(0), help="Number of toys at each value.")
@click.option(
    "--seed", default=1, show_default=True, type=click.IntRange(0), help="Of the toys."
)
@conditional_option
@click.option(
    "--engine", type=click.Choice(["nuem", "pyhf"]), default="nuem", show_default=True,
    help="What evaluates and fits the likelihood.",
)  # fmt: skip
@click.option("--measurement", help="Name of the measurement, if there are several.")
@click.option("--belt", metavar="FILE", help="Write the critical values here.")
@click.option(
    "--keep", metavar="DIR", help="Keep toys here, and go on from those that are there."
)
@click.option(
    "--shard",
    metavar="I/N",
    help="Throw the I-th of N parts of the toys; wants --keep.",
)
@click.option("-o", "--output", help="Write the JSON document here; - is stdout.")
@force_option
@json_option
@debug_option
def limit(
    workspace_file: str,
    cl: float,
    measurement: str | None,
    belt: str | None,
    keep: str | None,
    shard: str | None,
    output: str | None,
    force: bool,
    as_json: bool,
    **how: Any,
) -> None:
    """Set a limit from any pyhf WORKSPACE (- is stdin)."""
    from nuem.analysis.exchange.provenance import guard_output
    from nuem.analysis.exchange.workspace import definition_of, read_workspace
    from nuem.analysis.inference.limits import throw_shard
    from nuem.analysis.stages import limit_configuration, set_limit

    loaded = read_workspace(workspace_file)
    part = parse_shard(shard, keep)
    if part is not None:
        with progress() as say:
            made = throw_shard(
                loaded.spec, part, str(keep), cl=cl, measurement=measurement,
                definition=definition_of(loaded, measurement), name=loaded.name,
                progress=lambda text: say(f"limit: {text}"), **how,
            )  # fmt: skip
        click.echo(
            f"{made} toys of shard {shard} are in {keep}: run all without --shard"
        )
        return
    if output not in (None, "-"):
        assert output is not None
        guard_output(output, limit_configuration(loaded, cl, measurement, **how), force)
    with progress() as say:
        result = set_limit(
            loaded, cl=cl, measurement=measurement, progress=say, belt=belt, keep=keep,
            **how,
        )  # fmt: skip
    if output is not None:
        deliver(result.to_dict(), output)
    if as_json and output != "-":
        deliver(result.to_dict(), "-")
    elif output != "-":
        show_limit(result)
