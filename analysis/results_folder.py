"""What ``nuem run`` left in its folder, read back."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nuem.analysis.exchange.provenance import digest
from nuem.analysis.exchange.workspace import Workspace, definition_of, read_workspace
from nuem.inputs.errors import InputError
from nuem.inputs.files import read_json, sha256_file
from nuem.inputs.schema import Experiment

__all__ = ["NotThereError", "Results", "read_results"]


class NotThereError(Exception):
    """What a table is made of is not there; the submission says so."""


@dataclass(frozen=True)
class Results:
    """What an analysis left in its folder.

    Attributes
    ----------
    folder : Path
    workspace : Workspace
    experiment : Experiment or None
        The experiment file; None of a workspace from elsewhere or a combination.
    limits : dict
        Name of the file -> document of ``nuem limit``.
    fit, template, histograms : dict or None
        Documents of the stages, as far as they are there.
    """

    folder: Path
    workspace: Workspace
    experiment: Experiment | None
    limits: dict[str, dict[str, Any]]
    fit: dict[str, Any] | None
    template: dict[str, Any] | None
    histograms: dict[str, Any] | None

    @property
    def definition(self) -> dict[str, Any]:
        """Definition of the coupling; empty if the workspace does not say."""
        return definition_of(self.workspace) or {}

    @property
    def channels(self) -> dict[str, dict[str, Any]]:
        """What the meta document says of the channels."""
        return dict((self.workspace.meta or {}).get("channels") or {})

    def figure(self, name: str) -> str | None:
        """The name of a figure, if the folder has it."""
        path = self.folder / "figures" / f"{name}.png"
        return name if path.is_file() else None


def read_results(folder: str | Path) -> Results:
    """Read the folder of an analysis.

    Raises
    ------
    InputError
        If there is no workspace in it, or a file is damaged.
    """
    folder = Path(folder)
    path = folder / "workspace.json"
    if not path.is_file():
        raise InputError(
            "not the folder of an analysis", file=folder,
            expected="workspace.json in it, as nuem run leaves it",
        )  # fmt: skip
    workspace = read_workspace(path)
    configuration = ((workspace.meta or {}).get("provenance") or {}).get(
        "configuration", {}
    )
    file = configuration.get("file")

    def there(name: str) -> dict[str, Any] | None:
        own = folder / name
        document = read_json(own) if own.is_file() else None
        if document is not None and not isinstance(document, dict):
            raise InputError("not a result of nuem", file=own)
        return document

    limits = {
        own.stem: document
        for own in sorted(folder.glob("limit*.json"), key=lambda path: path.stem)
        if (document := there(own.name)) is not None
    }
    for name, document in limits.items():
        made = document.get("provenance", {}).get("inputs") or [{}]
        known = {digest(workspace.spec), sha256_file(path)}
        if "observed" not in document or made[0].get("sha256") not in known:
            raise InputError(
                "limit of another workspace", file=folder / f"{name}.json",
                expected="a limit set from workspace.json",
            )  # fmt: skip
    return Results(
        folder, workspace, None if file is None else Experiment.model_validate(file),
        limits, there("fit.json"), there("template.json"), there("histograms.json"),
    )  # fmt: skip
