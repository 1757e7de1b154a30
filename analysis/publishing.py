"""From the folder of an analysis to the tables of a HEPData submission."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nuem.analysis import publishing_model as model
from nuem.analysis import publishing_tables as tables
from nuem.analysis.exchange.hepdata import (
    Figure,
    Resource,
    Table,
    validate_submission,
    write_submission,
)
from nuem.analysis.exchange.workspace import hs3_path, meta_path
from nuem.analysis.results_folder import NotThereError, Results
from nuem.inputs.errors import InputError

__all__ = ["Published", "publish"]

#: Table -> the figure of ``nuem run`` that shows it.
_FIGURES = {
    "spectra": "Spectra with the best fit",
    "residual": "ON less OFF with the best fit",
    "cls-scan": "CLs against the coupling",
    "likelihood-scan": "-2 ln L against the coupling",
    "cut-flow": "Events after each cut",
    "rates": "Predicted rates",
}


@dataclass(frozen=True)
class Published:
    """A submission.

    Attributes
    ----------
    folder : Path
    tables : tuple of str
    paths : tuple of Path
    validated : bool
        Whether HEPData's validator was there to check it.
    left_out : tuple of str
        Tables that could not be made, and why.
    """

    folder: Path
    tables: tuple[str, ...]
    paths: tuple[Path, ...]
    validated: bool
    left_out: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """As a JSON object."""
        return {
            "folder": str(self.folder),
            "tables": list(self.tables),
            "paths": [str(path) for path in self.paths],
            "validated": self.validated,
            "left_out": list(self.left_out),
        }


def publish(
    results: Results,
    output: str | Path,
    *,
    scan_points: int = 101,
    progress: Callable[[str], None] | None = None,
) -> Published:
    """Write a HEPData submission of an analysis, and have it validated.

    Parameters
    ----------
    results : Results
    output : str or Path
        Folder of the submission.
    scan_points : int
        Number of values in the scan of -2 ln L.
    progress : callable, optional
        Told what is being calculated.

    Returns
    -------
    Published

    Raises
    ------
    InputError
        If the folder of the submission holds something else, or HEPData refuses it.
    """
    say = progress or (lambda _: None)
    folder = Path(output)
    if (
        folder.exists()
        and any(folder.iterdir())
        and not (folder / "submission.yaml").exists()
    ):
        raise InputError(
            "output exists, and is no submission", file=folder, expected="a new folder"
        )  # fmt: skip
    if folder.exists():  # tables of an earlier one would not be in the new list
        for old in folder.glob("table-*.yaml"):
            old.unlink()
    made, left_out = [], []
    for name, tables_of in _makers(results, scan_points):
        say(f"{name}")
        try:
            made += list(tables_of())
        except NotThereError as error:
            left_out.append(f"{name}: {error}")
    figures = _figures(results, made)
    paths = write_submission(
        folder, made, comment=_comment(results, left_out), figures=figures,
        resources=_resources(results),
        keywords={
            "reactions": _reactions(results),
            "phrases": ["Neutrino electromagnetic properties", "Upper limit"],
        },
    )  # fmt: skip
    say("validate")
    validated = validate_submission(folder)
    return Published(
        folder, tuple(t.name for t in made), tuple(paths), validated, tuple(left_out)
    )


def _reactions(results: Results) -> list[str]:
    flavours = results.definition.get("flavours") or []
    neutrino = "NUBAR" if all(f.startswith("anti-") for f in flavours) else "NU"
    processes = results.definition.get("processes") or []
    targets = {"electron": "E-", "nucleus": "NUCLEUS"}
    return [
        f"{neutrino} {target} --> {neutrino} {target}"
        for word, target in targets.items()
        if any(p.startswith(word) for p in processes)
    ]


def _makers(
    results: Results, points: int
) -> Iterator[tuple[str, Callable[[], Iterator[Table]]]]:
    yield "counts", lambda: tables.counts(results)
    yield "exposure", lambda: tables.exposure(results)
    yield "efficiency", lambda: model.efficiency(results)
    yield "response", lambda: model.response(results)
    yield "templates", lambda: model.templates(results)
    yield "post-fit", lambda: tables.components(results)
    yield "parameters", lambda: tables.parameters(results)
    yield "impacts", lambda: tables.impact(results)
    yield "scan of -2 ln L", lambda: tables.scan(results, points)
    yield "limits", lambda: tables.limits(results)
    yield "p-values and critical values", lambda: tables.curves(results)
    yield "cut flow", lambda: tables.cut_flow(results)


def _figures(results: Results, made: list[Table]) -> list[Figure]:
    """The figures that are there; each has a table that names it."""
    wanted = {table.figure for table in made if table.figure is not None}
    return [
        Figure(name, results.folder / "figures" / f"{name}.png", _FIGURES[name])
        for name in _FIGURES
        if name in wanted
    ]


def _resources(results: Results) -> list[Resource]:
    path = results.folder / "workspace.json"
    found = [
        Resource("Full statistical model, pyhf JSON", path, "HistFactory"),
    ]
    for own, text in (
        (meta_path(path), "Meaning of the parameter of interest, and provenance"),
        (hs3_path(path), "Full statistical model with interference, HS3"),
        (results.folder / "template.json", "Predicted templates with their variations"),
    ):
        if own.is_file():
            found.append(Resource(text, own))
    if results.experiment is not None:
        document = results.experiment.document
        for what, address in (
            (document.doi, "https://doi.org/{}"),
            (document.arxiv, "https://arxiv.org/abs/{}"),
        ):
            if what is not None:
                found.append(Resource(document.citation, address.format(what)))
    return found


def _comment(results: Results, left_out: list[str]) -> str:
    meta = results.workspace.meta or {}
    definition = results.definition
    symbol = definition.get("symbol", "of the parameter of interest")
    lines = [f"{meta.get('experiment', 'Analysis')}: limit on the coupling {symbol}."]
    if definition.get("definition"):
        lines.append(f"Definition: {' '.join(definition['definition'].split())}.")
    lines += [
        f"{key.capitalize()}: {definition[key]}."
        for key in ("sign", "zero", "convention", "regulator")
        if definition.get(key)
    ]
    numbers = (meta.get("provenance") or {}).get("numbers") or {}
    if numbers:
        stated = ", ".join(f"{count} {status}" for status, count in numbers.items())
        lines.append(f"Status of the input numbers: {stated}.")
    if "events" in ((results.limits.get("limit") or {}).get("paths") or {}):
        lines.append("The events are simulated: this is a test, not a measurement.")
    version = ((meta.get("provenance") or {}).get("versions") or {}).get("nuem")
    if version:
        lines.append(f"Made by nuem {version}.")
    lines += [f"Not included: {line}." for line in left_out]
    return " ".join(lines)
