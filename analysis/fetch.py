"""Public data releases on the user's disk: fetched, checked, converted."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nuem.analysis.download import download
from nuem.analysis.releases import convert
from nuem.inputs.datasets import Dataset, DatasetFile, data_folder, load_dataset
from nuem.inputs.errors import InputError
from nuem.inputs.files import atomic_path, make_folder, sha256_file

__all__ = ["Fetched", "fetch"]


@dataclass(frozen=True)
class Fetched:
    """A release on disk.

    Attributes
    ----------
    dataset : Dataset
    folder : Path
    files : dict
        Name of each file of the release -> ``there`` (it was), ``copied`` or
        ``downloaded``.
    converted : tuple of Path
        What was made of its text files.
    """

    dataset: Dataset
    folder: Path
    files: dict[str, str]
    converted: tuple[Path, ...]

    def to_dict(self) -> dict[str, Any]:
        """The JSON document of ``nuem fetch``."""
        return {
            "dataset": self.dataset.name,
            "citation": self.dataset.citation,
            "licence": self.dataset.licence,
            "address": self.dataset.address,
            "folder": str(self.folder),
            "files": {
                file.name: {"sha256": file.sha256, "state": self.files[file.name]}
                for file in self.dataset.files
            },
            "converted": [str(path) for path in self.converted],
        }


def fetch(
    dataset: str | Path,
    *,
    source: str | Path | None = None,
    output: str | Path | None = None,
    progress: Callable[[str], None] | None = None,
) -> Fetched:
    """Bring a release to the disk, each file checked by its sha256.

    Parameters
    ----------
    dataset : str or Path
        A name (see `nuem.inputs.datasets.dataset_names`), or a YAML file.
    source : str or Path, optional
        A folder with the release in place of its address: as its authors lay it out,
        or with all files side by side.
    output : str or Path, optional
        Folder for the files; by default that of the release in
        `nuem.inputs.datasets.data_folder`.
    progress : callable, optional
        Told how far it is.

    Returns
    -------
    Fetched

    Raises
    ------
    InputError
        If a file is missing, broken off or not that of the pinned release.
    """
    known = load_dataset(dataset)
    local = None if source is None else Path(source)
    if local is not None and not local.is_dir():
        raise InputError("no such folder", file=local, field="--from")
    base = data_folder() / known.folder if output is None else Path(output)
    folder = make_folder(base)
    states = {}
    for file in known.files:
        path = folder / file.name
        if path.is_file() and sha256_file(path) == file.sha256:
            states[file.name] = "there"
        elif local is not None:
            _copy(local, known, file, path)
            states[file.name] = "copied"
        else:
            download(known.address + file.path, file.sha256, path, progress=progress)
            states[file.name] = "downloaded"
    if known.converted and progress is not None:
        progress("convert")
    return Fetched(known, folder, states, convert(known, folder))


def _copy(local: Path, dataset: Dataset, file: DatasetFile, path: Path) -> None:
    places = (local / file.path, local / file.name, local / dataset.folder / file.name)
    found = next((place for place in places if place.is_file()), None)
    if found is None:
        raise InputError(
            "a file of the release is missing", file=local, field=file.name,
            expected=" or ".join(dict.fromkeys((file.path, file.name))),
        )  # fmt: skip
    there = sha256_file(found)
    if there != file.sha256:
        raise InputError(
            "not the pinned release: the sha256 differs", file=found,
            found=there, expected=file.sha256,
        )  # fmt: skip
    with atomic_path(path) as temporary:
        shutil.copyfile(found, temporary)
