"""``nuem figures``: figures of the literature, drawn anew from the models."""

from __future__ import annotations

import click

from nuem.analysis.cli.common import debug_option, deliver, json_option, progress

__all__ = ["figures"]


@click.command()
@click.argument("names", nargs=-1, metavar="[NAME]...")
@click.option(
    "-o", "--output", default="results/figures", show_default=True, help="Folder."
)
@json_option
@debug_option
def figures(names: tuple[str, ...], output: str, as_json: bool) -> None:
    """Draw figures of the literature anew, as PDF and PNG; without NAME all of them.

    \b
    chen-2014-figure-1a, chen-2014-figure-1b   Ge: cross sections, rates
    nugen-2025-figure-1                        free electrons at 5 MeV
    parada-2020-electrons, parada-2020-nuclei  terms, correct and as printed
    basi-2025-rates, basi-2025-total-rates     solar neutrinos on Ge
    basi-2025-mixing-angle                     the charge as a mixing angle
    """
    from nuem.analysis.figures_literature import draw_literature

    with progress() as say:
        paths = [str(path) for path in draw_literature(output, names, say)]
    if as_json:
        deliver({"paths": paths}, "-")
        return
    for path in paths:
        click.echo(path)
