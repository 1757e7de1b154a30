"""``nuem run``: all stages in a row."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from nuem.analysis.cli.common import (
    conditional_option,
    debug_option,
    deliver,
    force_option,
    json_option,
    process_option,
    progress,
    set_option,
    show_limit,
)
from nuem.analysis.cli.reading import reading_of, reading_options

if TYPE_CHECKING:
    from nuem.analysis.pipeline import RunResult

__all__ = ["run"]

KG_DAYS_PER_TONNE_YEAR = 1000 * 365.25
#: Below this rate, in counts/(kg keV day), the field speaks of tonnes and years.
SMALL_RATE = 0.01


@click.command()
@click.argument("experiment", default="texono-pcge")
@click.argument("files", nargs=-1, metavar="[FILE]...")
@click.option("-o", "--output", help="Folder [default: results/NAME].")
@process_option
@set_option
@click.option(
    "--calibration", multiple=True, metavar="FILE",
    help="Calibration events to draw the search events over; may be repeated.",
)  # fmt: skip
@click.option("--cl", default=0.9, show_default=True, help="Confidence level.")
@click.option(
    "--method", type=click.Choice(["cls", "toys", "feldman-cousins", "profile"]),
    help="Of the limit.  [default: as nuem limit]",
)  # fmt: skip
@click.option("--toys", type=int, help="Toys at each value, for methods with toys.")
@conditional_option
@click.option("--seed", default=1, show_default=True, help="Seed of simulated events.")
@click.option("--unblind", is_flag=True, help="Look at the data of a blind experiment.")
@click.option("--strict", is_flag=True, help="NaN and negative energies are errors.")
@reading_options
@force_option
@json_option
@debug_option
def run(experiment: str, files: tuple[str, ...], as_json: bool, **options: Any) -> None:
    """Take events of EXPERIMENT to a limit, a workspace and figures.

    EXPERIMENT is a name (see `nuem list`) or a YAML file. Without FILEs, events are
    simulated from the experiment's own description.
    """
    from nuem.analysis import pipeline

    files, reading = reading_of(files, options)
    with progress() as say:
        result = pipeline.run(experiment, files, reading, progress=say, **options)
    if as_json:
        deliver(result.to_dict(), "-")
        return
    _show(result)


def _show(result: RunResult) -> None:
    click.echo(f"{result.experiment.title}: {result.experiment.document.citation}\n")
    if result.cut_flow:
        click.echo(result.cut_flow + "\n")
    # values with errors have as many counts as have their relative error
    counted = result.experiment.observation in ("counts", "total")
    word = "events" if counted else "effective counts"
    for name, channel in result.channels.items():
        text = (
            f"{name}: {channel['counts']:.0f} {word} in {channel['exposure_kg_day']:.1f}"
            " kg day"
        )
        if "rate" in channel:
            rate, unit = channel["rate"], "/(kg keV d)"
            if rate < SMALL_RATE:
                rate, unit = rate * KG_DAYS_PER_TONNE_YEAR, "/(t keV yr)"
            text += f", {rate:.4g} {unit}"
        click.echo(text)
    click.echo()
    show_limit(result.limit)
    for published in result.experiment.published:
        low, high = published.interval
        text = f"below {high:g}" if low is None else f"{low:g} to {high:g}"
        click.echo(
            f"  published  {text} {published.unit} at {published.cl:.0%} CL"
            f" ({published.place}; {published.statistic})"
        )
    if result.band is not None:
        low, high = result.band["quantiles"]
        click.echo(
            f"  band       {low:.0%} to {high:.0%} of the calibration:"
            f" {result.band['on']} events on it, {result.band['below']} below,"
            f" {result.band['above']} above, {result.band['beyond']} beyond its range"
        )
        kept = result.band.get("acceptance", {}).values()
        calibration = result.experiment.calibration
        if kept and calibration is not None:
            share = sum(k["accepted"] for k in kept) / sum(k["of"] for k in kept)
            click.echo(
                f"  acceptance {share:.4f} of the calibration (cut {calibration.cut})"
            )
    numbers = result.limit.provenance.get("numbers", {})
    stated = ", ".join(f"{count} {status}" for status, count in numbers.items())
    click.echo(f"  inputs     {stated} (nuem list {result.experiment.name})")
    click.echo(f"  written    {result.paths['limit'].parent}/")
