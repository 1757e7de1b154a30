"""``nuem export``: a workspace in the formats of other programs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click
import numpy as np

from nuem.analysis.cli.common import debug_option, deliver, force_option, json_option
from nuem.inputs.errors import InputError

if TYPE_CHECKING:
    from nuem.analysis.exchange.workspace import Workspace

__all__ = ["export"]

_FORMATS = ("patchset", "xml", "hs3", "uhi", "root", "csv", "simplified")


@click.command()
@click.argument("workspace_file", metavar="WORKSPACE")
@click.option(
    "--to", "form", required=True, type=click.Choice(_FORMATS),
    help="patchset: over the coupling; xml: HistFactory XML with its ROOT file; hs3; uhi,"
    " root, csv: histograms; simplified: best fit, covariance and quadratic terms.",
)  # fmt: skip
@click.option("-o", "--output", required=True, help="File; folder of patchset and xml.")
@click.option(
    "--coupling", metavar="LOW:HIGH:N or G,G,...",
    help="Values of the coupling in a patchset, in its unit.",
)  # fmt: skip
@click.option("--record", help="HEPData record of a patchset: ins and seven digits.")
@click.option("--measurement", help="Name of the measurement, if there are several.")
@force_option
@json_option
@debug_option
def export(
    workspace_file: str,
    form: str,
    output: str,
    coupling: str | None,
    record: str | None,
    measurement: str | None,
    force: bool,
    as_json: bool,
) -> None:
    """Write WORKSPACE in a format that other programs read.

    Few formats can say what made them: provenance.json in the folder of the output, or
    FILE.provenance.json beside it, does; nuem cite reads it.
    """
    from nuem.analysis.exchange.workspace import read_workspace, with_measurement

    workspace = with_measurement(read_workspace(workspace_file), measurement)
    path = Path(output)
    if not force and path.exists() and not (path.is_dir() and not any(path.iterdir())):
        raise InputError("output exists", file=path, expected="a new one, or --force")
    if form == "patchset":
        if coupling is None or record is None:
            raise InputError(
                "a patchset wants values and a record", expected="--coupling, --record"
            )
        from nuem.analysis.exchange.formats import write_patchset

        written = write_patchset(path, workspace, _values(coupling), record)
    else:
        written = _write(form, path, workspace)
    asked = {"stage": "export", "format": form, "coupling": coupling, "record": record}
    written.append(_provenance(path, written, workspace, asked))
    if as_json:
        deliver({"format": form, "paths": [str(p) for p in written]}, "-")
    else:
        for own in written:
            click.echo(f"wrote {own}")


def _write(form: str, path: Path, workspace: Workspace) -> list[Path]:
    from nuem.analysis.exchange import formats
    from nuem.analysis.exchange.hs3 import to_hs3
    from nuem.analysis.exchange.workspace import definition_of
    from nuem.inputs.files import write_json

    if form == "xml":
        return formats.write_xml(path, workspace)
    if form == "hs3":
        return [write_json(path, to_hs3(workspace.spec, definition_of(workspace)))]
    if form == "simplified":
        from nuem.analysis.simplified import simplify

        return [write_json(path, simplify(workspace).to_dict())]
    writers = {
        "uhi": formats.write_uhi,
        "root": formats.write_root,
        "csv": formats.write_csv,
    }
    return [writers[form](path, workspace)]


def _provenance(
    path: Path, written: list[Path], workspace: Workspace, asked: dict[str, str | None]
) -> Path:
    """Write what made an export."""
    from nuem.analysis.exchange.provenance import (
        digest,
        input_files,
        provenance,
        provenance_path,
    )
    from nuem.analysis.exchange.workspace import definition_of
    from nuem.inputs.files import write_json

    files = input_files(written)
    source = {"file": workspace.name, "sha256": digest(workspace.spec)}
    document = {
        "format": asked["format"],
        "files": files,
        "definition": definition_of(workspace),
        "provenance": {
            **provenance(asked, [source]),
            "workspace": (workspace.meta or {}).get("provenance"),
        },
    }
    return write_json(provenance_path(path), document)


def _values(text: str) -> list[float]:
    """Read ``LOW:HIGH:N`` or numbers with commas."""
    try:
        if ":" in text:
            low, high, count = text.split(":")
            return [float(x) for x in np.linspace(float(low), float(high), int(count))]
        return [float(x) for x in text.split(",")]
    except ValueError:
        raise InputError(
            "--coupling", found=text, expected="LOW:HIGH:N, or numbers with commas"
        ) from None
