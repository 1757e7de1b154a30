"""``nuem combine``: several workspaces to one."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from nuem.analysis.cli.common import (
    debug_option,
    deliver,
    force_option,
    json_option,
)
from nuem.inputs.errors import InputError, naming_file

if TYPE_CHECKING:
    from collections.abc import Mapping

    from nuem.inputs.correlations import Correlations

__all__ = ["combine"]


@click.command()
@click.argument("workspaces", nargs=-1, metavar="[WORKSPACE]...")
@click.option(
    "--correlations", metavar="FILE",
    help="YAML: which parameters are one; or the name of a shipped one.",
)  # fmt: skip
@click.option(
    "--couplings", metavar="NAME,NAME",
    help="WORKSPACEs are of the same data, each for the charge of other flavours: give "
    "these names to the charges (nuem scan --against makes regions of two).",
)  # fmt: skip
@click.option(
    "--allow-same-data", is_flag=True, help="Do not refuse channels with the same data."
)
@click.option("-o", "--output", required=True, help="File, or - for stdout.")
@force_option
@json_option
@debug_option
def combine(
    workspaces: tuple[str, ...],
    correlations: str | None,
    couplings: str | None,
    allow_same_data: bool,
    output: str,
    force: bool,
    as_json: bool,
) -> None:
    """Put WORKSPACEs together to one, and report what was correlated.

    Without WORKSPACEs, those of the experiments that the correlations name as inputs,
    where nuem run has left them: results/EXPERIMENT/workspace.json.

    Beside NAME.json stands NAME.meta.json with the report; --json prints the report.
    """
    if couplings is not None:
        if correlations is not None or allow_same_data:
            raise InputError(
                "charges of one experiment share all their parameters and data",
                field="--couplings", expected="no --correlations or --allow-same-data",
            )  # fmt: skip
        _join(workspaces, couplings, output, force, as_json)
        return
    from nuem.analysis.exchange.combination import combine as put_together
    from nuem.analysis.exchange.provenance import guard_output
    from nuem.analysis.exchange.workspace import (
        meta_path,
        read_workspace,
        write_workspace,
    )
    from nuem.inputs.correlations import Correlations, load_correlations

    told = load_correlations(correlations) if correlations else Correlations()
    if allow_same_data:
        told = told.model_copy(update={"allow_same_data": True})
    files = workspaces or _workspaces_of(told)
    inputs = [read_workspace(file) for file in files]
    with naming_file(correlations):
        made = put_together(inputs, told)
    if output == "-":
        deliver(made.workspace.spec, "-")
        return
    assert made.workspace.meta is not None
    configuration = made.workspace.meta["provenance"]["configuration"]
    guard_output(meta_path(Path(output)), configuration, force)
    write_workspace(output, made.workspace)
    if as_json:
        deliver({**made.report, "path": output}, "-")
        return
    for line in _lines(made.report):
        click.echo(line)
    click.echo(f"wrote {output} and {meta_path(Path(output))}")


def _join(
    workspaces: tuple[str, ...], couplings: str, output: str, force: bool, as_json: bool
) -> None:
    """Charges of several flavours of one experiment to one workspace."""
    from nuem.analysis.exchange.provenance import guard_output
    from nuem.analysis.exchange.workspace import (
        meta_path,
        read_workspace,
        write_workspace,
    )
    from nuem.analysis.flavours import join_charges

    names = [name.strip() for name in couplings.split(",")]
    if len(names) != len(workspaces) or len(set(names)) != len(names) or "" in names:
        raise InputError(
            "one name for each WORKSPACE", field="--couplings", found=couplings,
            expected=f"{len(workspaces)} different names",
        )  # fmt: skip
    made = join_charges(
        {n: read_workspace(w) for n, w in zip(names, workspaces, strict=True)}
    )
    if output == "-":
        deliver(made.spec, "-")
        return
    assert made.meta is not None
    guard_output(
        meta_path(Path(output)), made.meta["provenance"]["configuration"], force
    )
    write_workspace(output, made)
    if as_json:
        definition = made.meta["definition"]
        deliver({"couplings": names, "definition": definition, "path": output}, "-")
        return
    click.echo(made.meta["definition"]["definition"])
    click.echo(f"wrote {output} and {meta_path(Path(output))}")


def _workspaces_of(told: Correlations) -> list[str]:
    """Where the workspaces of the inputs are, if nobody says."""
    names = [entry.experiment for entry in told.inputs.values()]
    if not names or None in names:
        raise InputError(
            "nothing to combine", field="WORKSPACE",
            expected="files, or --correlations whose inputs name experiments",
        )  # fmt: skip
    files = {str(name): Path("results", str(name), "workspace.json") for name in names}
    for name, file in files.items():
        if not file.is_file():
            raise InputError(
                "no such file", file=file,
                expected=f"that which nuem run {name} leaves there, or WORKSPACEs",
            )  # fmt: skip
    return [str(file) for file in files.values()]


def _lines(report: Mapping[str, Any]) -> list[str]:
    lines = [f"{len(report['inputs'])} workspaces; {report['rule']}"]
    lines += [f"  input       {i['label']}: {i['file']}" for i in report["inputs"]]
    for group in report["correlated"]:
        how = "one" if group["rho"] == 1 else f"correlated by {group['rho']:g}"
        who = ", ".join(group["parameters"])
        lines.append(f"  {how:11s} {group['name']} ({group['by']}): {who}")
    for label, scale in report["coupling"]["rescaled"].items():
        lines.append(f"  rescaled    {label}: {scale['from']:g} to {scale['to']:g}")
    for old, new in report["renamed"]["channels"].items():
        lines.append(f"  renamed     channel {old} to {new}")
    names = report["renamed"]["parameters"]
    lines += [f"  renamed     {old} to {new}" for old, new in list(names.items())[:12]]
    if len(names) > 12:
        lines.append(f"  renamed     and {len(names) - 12} more (see the meta file)")
    lines += [f"  pruned      {line}" for line in report["pruned"]]
    lines += [f"  fixed       {name} at {v:g}" for name, v in report["fixed"].items()]
    lines += [f"  same data   {a} and {b}" for a, b in report["same_data"]]
    return lines + [f"  warning     {line}" for line in report["warnings"]]
