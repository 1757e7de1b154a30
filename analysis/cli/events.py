"""``nuem simulate``, ``histogram`` and ``manifest``: events, and what is in them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from nuem.analysis.cli.common import (
    debug_option,
    deliver,
    force_option,
    json_option,
    parse_shard,
    process_option,
    progress,
    set_option,
)
from nuem.analysis.cli.reading import reading_of, reading_options
from nuem.inputs.errors import InputError

if TYPE_CHECKING:
    from nuem.analysis.events.plan import Friend
    from nuem.analysis.events.store import Histograms
    from nuem.inputs.schema import Experiment

__all__ = ["histogram", "manifest", "show_histograms", "simulate"]


@click.command()
@click.argument("experiment")
@click.argument("files", nargs=-1, metavar="[FILE]...")
@click.option(
    "-o", "--output",
    help="File [default: results/NAME/events.root; spectra.json for binned counts].",
)  # fmt: skip
@click.option("--events", type=int, help="Expected number of events: scales exposure.")
@click.option("--exposure-scale", type=float, help="Factor on the exposure.")
@click.option("--seed", default=1, show_default=True, help="Same seed, same arrays.")
@click.option("--coupling", default=0.0, help="Coupling to inject, in its unit.")
@click.option(
    "--truth", metavar="FILE.yaml",
    help="Draw events from this description in place of the EXPERIMENT's own;"
    " --set then changes this one.",
)  # fmt: skip
@process_option
@set_option
@force_option
@json_option
@debug_option
def simulate(
    experiment: str,
    files: tuple[str, ...],
    output: str | None,
    events: int | None,
    exposure_scale: float | None,
    seed: int,
    coupling: float,
    truth: str | None,
    process: str | None,
    settings: tuple[str, ...],
    force: bool,
    as_json: bool,
) -> None:
    """Write ROOT events of EXPERIMENT: TTrees `events` and `runs`.

    With several axes the FILEs are those of nuem run, without the measured counts being
    used: histograms that the experiment file refers to, and events whose sidebands show
    a shape. Binned counts become UHI histograms, with the others of the FILEs.
    """
    from nuem.analysis.processes import with_process
    from nuem.analysis.simulate import check_truth, guard_events, write_events
    from nuem.analysis.simulate import simulate as draw
    from nuem.analysis.simulate_bins import simulated_in_bins
    from nuem.analysis.stages import stage_provenance
    from nuem.inputs.catalogue import load_experiment

    loaded = load_experiment(experiment, () if truth else settings)
    source = loaded
    if truth is not None:
        source = load_experiment(truth, settings)
        check_truth(loaded, source)
    if process is not None:
        source = with_process(source, process)
    if output == "-":
        raise InputError(
            "a ROOT file cannot be written to stdout", field="--output", found="-"
        )
    if simulated_in_bins(source):
        for option, value in (("events", events), ("exposure-scale", exposure_scale)):
            if value is not None:
                raise InputError(
                    "these counts say nothing of their exposure", field=f"--{option}",
                    found=value, expected="the exposure of the experiment file",
                )  # fmt: skip
        document = _simulate_bins(
            source, loaded.name, files, output, seed, coupling, force=force
        )
        if as_json:
            deliver(document, "-")
        else:
            click.echo(f"{document['events']} events: {document['path']}")
        return
    if files:
        raise InputError(
            "histograms, but the experiment refers to none", field="FILE",
            found=files[0], expected="no files",
        )  # fmt: skip
    path = Path(output or f"results/{loaded.name}/events.root")
    provenance = stage_provenance(
        source,
        {
            "stage": "simulate", "seed": seed, "coupling": coupling,
            "events": events, "exposure_scale": exposure_scale,
        },
    )  # fmt: skip
    guard_events(path, provenance, force)
    with progress() as say:
        drawn = draw(
            source, seed=seed, coupling=coupling, events=events,
            exposure_scale=exposure_scale, progress=say,
        )  # fmt: skip
        write_events(path, drawn, provenance)
    document = {
        "path": str(path),
        "events": len(drawn.events["energy"]),
        "runs": len(drawn.runs["run"]),
        "live_time_s": float(drawn.runs["live_time_s"].sum()),
        "provenance": provenance,
    }
    if as_json:
        deliver(document, "-")
    else:
        click.echo(f"{document['events']} events in {document['runs']} runs: {path}")


def _simulate_bins(
    experiment: Experiment,
    name: str,
    files: tuple[str, ...],
    output: str | None,
    seed: int,
    coupling: float,
    *,
    force: bool,
) -> dict[str, Any]:
    """Several axes, or binned counts: what was written."""
    from nuem.analysis import simulate_bins as bins
    from nuem.analysis.simulate import guard_events
    from nuem.analysis.stages import stage_provenance

    spectra = experiment.spectrum is not None
    default = "spectra.json" if spectra else "events.root"
    path = Path(output or f"results/{name}/{default}")
    with progress() as say:
        say("simulate: shapes")
        given, inputs = bins.read_shapes(experiment, files)
        provenance = stage_provenance(
            experiment,
            {"stage": "simulate", "seed": seed, "coupling": coupling},
            inputs,
        )
        if not spectra:
            guard_events(path, provenance, force)
        say("simulate: counts")
        drawn = bins.simulate_bins(
            experiment, seed=seed, coupling=coupling, given=given
        )
        if spectra:
            bins.write_simulated_spectra(
                path, experiment, drawn, files, provenance, force=force
            )
        else:
            bins.write_simulated_events(path, experiment, drawn, provenance)
    return {
        "path": str(path),
        "events": int(sum(counts.sum() for counts in drawn.channels.values())),
        "sidebands": {k: int(counts.sum()) for k, counts in drawn.sidebands.items()},
        "provenance": provenance,
    }


@click.command()
@click.argument("experiment")
@click.argument("files", nargs=-1, metavar="[FILE]...")
@click.option("-o", "--output", help="File [default: results/NAME/histograms.json].")
@click.option("--strict", is_flag=True, help="NaN and negative energies are errors.")
@click.option(
    "--shard", metavar="I/N",
    help="Read this part of the files alone; nuem merge puts the parts together.",
)  # fmt: skip
@reading_options
@set_option
@force_option
@json_option
@debug_option
def histogram(
    experiment: str,
    files: tuple[str, ...],
    output: str | None,
    strict: bool,
    shard: str | None,
    settings: tuple[str, ...],
    force: bool,
    as_json: bool,
    **options: Any,
) -> None:
    """Read events of EXPERIMENT, cut them and fill histograms (UHI JSON).

    FILEs may be patterns; without any, the run list names them. What an interrupted
    call has done is kept beside the output, and the same call goes on from there.
    """
    from nuem.analysis.events.store import save
    from nuem.analysis.exchange.provenance import guard_output
    from nuem.analysis.resuming import histogram_resuming
    from nuem.analysis.stages import (
        histogram_events,
        reading_configuration,
        stage_provenance,
    )
    from nuem.inputs.catalogue import load_experiment

    loaded = load_experiment(experiment, settings)
    path = output or f"results/{loaded.name}/histograms.json"
    part = parse_shard(shard, path)
    files, reading = reading_of(files, options, part)
    configuration = {
        "stage": "histogram", "strict": strict, **reading_configuration(reading),
    }  # fmt: skip
    base = stage_provenance(loaded, configuration)["configuration"]
    kept = Path(f"{path}.part")
    how: dict[str, Any] = {"strict": strict, "configuration": configuration}
    if path != "-":
        guard_output(path, base, force)
    with progress() as say:
        if path == "-":
            result = histogram_events(loaded, files, reading, progress=say, **how)
        else:
            result = histogram_resuming(
                loaded, files, reading, kept, force=force, progress=say, **how
            )
            save(result, path)
            kept.unlink(missing_ok=True)
    show_histograms(result, loaded, path, as_json)


def show_histograms(
    result: Histograms, experiment: Experiment | None, path: str, as_json: bool
) -> None:
    """Print warnings, and the cut flow or the document."""
    from nuem.analysis.blinding import visible_cut_flow
    from nuem.analysis.events.store import to_document

    for warning in result.warnings:
        click.echo(f"nuem: warning: {warning}", err=True)
    if as_json or path == "-":
        deliver(to_document(result), "-")
        return
    flow = result.cut_flow
    if experiment is not None and experiment.blind:
        flow = visible_cut_flow(experiment, result)
    click.echo(flow.table())
    click.echo(f"wrote {path}")


@click.command()
@click.argument("files", nargs=-1, required=True, metavar="FILE...")
@click.option(
    "-o", "--output", default="-", show_default=True, help="JSON file; - is stdout."
)
@click.option(
    "--experiment", help="Experiment that says where the runs are [default: runs]."
)
@click.option(
    "--workers", type=click.IntRange(1), default=2, show_default=True,
    help="Files at the same time.",
)  # fmt: skip
@set_option
@json_option
@debug_option
def manifest(
    files: tuple[str, ...],
    output: str,
    experiment: str | None,
    workers: int,
    settings: tuple[str, ...],
    as_json: bool,
) -> None:
    """Write sha256, entries and live time of FILEs, to check them on reading."""
    from nuem.analysis.events.manifest import make_manifest
    from nuem.analysis.events.runlist import expand
    from nuem.analysis.events.runs import Layout
    from nuem.analysis.stages import event_plan
    from nuem.inputs.catalogue import load_experiment

    layout = Layout()
    friends: tuple[Friend, ...] = ()
    if experiment is not None:
        plan = event_plan(load_experiment(experiment, settings))
        layout, friends = plan.layout, plan.friends
    elif settings:
        raise InputError("--set", expected="--experiment, whose file it changes")
    with progress() as say:
        made = make_manifest(
            expand(files), layout, friends, threads=workers,
            progress=lambda done, of: say(f"manifest: {done} of {of} files"),
        )  # fmt: skip
    deliver(made.to_dict(), output)
    if as_json and output != "-":
        deliver(made.to_dict(), "-")
