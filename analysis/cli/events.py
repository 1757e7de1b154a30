"""``nuem simulate`` and ``nuem histogram``: events, and what is counted of them."""

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
)
from nuem.inputs.errors import InputError

__all__ = ["histogram", "simulate"]


@click.command()
@click.argument("experiment")
@click.option("-o", "--output", help="ROOT file [default: results/NAME/events.root].")
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
    """Write ROOT events of EXPERIMENT: TTrees `events` and `runs`."""
    from nuem.analysis.prediction import with_process
    from nuem.analysis.simulate import check_truth, guard_events, write_events
    from nuem.analysis.simulate import simulate as draw
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


@click.command()
@click.argument("experiment")
@click.argument("files", nargs=-1, required=True, metavar="FILE...")
@click.option("-o", "--output", help="File [default: results/NAME/histograms.json].")
@click.option("--strict", is_flag=True, help="NaN and negative energies are errors.")
@set_option
@force_option
@json_option
@debug_option
def histogram(
    experiment: str,
    files: tuple[str, ...],
    output: str | None,
    strict: bool,
    settings: tuple[str, ...],
    force: bool,
    as_json: bool,
) -> None:
    """Read events of EXPERIMENT, cut them and fill histograms (UHI JSON)."""
    from nuem.analysis.blinding import visible_cut_flow
    from nuem.analysis.events.store import save, to_document
    from nuem.analysis.exchange.provenance import guard_output
    from nuem.analysis.stages import histogram_events, stage_provenance
    from nuem.inputs.catalogue import load_experiment

    loaded = load_experiment(experiment, settings)
    path = output or f"results/{loaded.name}/histograms.json"
    configuration = {"stage": "histogram", "strict": strict}
    if path != "-":
        base = stage_provenance(loaded, configuration)["configuration"]
        guard_output(path, base, force)
    with progress() as say:
        result = histogram_events(
            loaded, files, strict=strict, configuration=configuration, progress=say
        )
        if path != "-":
            save(result, path)
    for warning in result.warnings:
        click.echo(f"nuem: warning: {warning}", err=True)
    if as_json or path == "-":
        deliver(to_document(result), "-")
    else:
        flow = visible_cut_flow(loaded, result) if loaded.blind else result.cut_flow
        click.echo(flow.table())
        click.echo(f"wrote {path}")
