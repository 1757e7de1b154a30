"""Public data releases: where they are, and the sha256 of each of their files.

A release is one YAML file in ``inputs/releases/``; the data themselves are never part
of the package. ``nuem fetch`` brings them into a folder on the user's disk.
"""

from __future__ import annotations

import os
from importlib import resources
from pathlib import Path, PurePosixPath
from typing import Annotated, Literal

from pydantic import Field, ValidationError, field_validator, model_validator

from nuem.inputs.backgrounds import Name
from nuem.inputs.errors import InputError
from nuem.inputs.fields import Text
from nuem.inputs.files import cache_folder
from nuem.inputs.quantities import Strict
from nuem.inputs.yaml import read_yaml

__all__ = [
    "Dataset",
    "DatasetFile",
    "EventConversion",
    "GridAxis",
    "HistogramConversion",
    "HistogramText",
    "TreeText",
    "data_folder",
    "dataset_names",
    "load_dataset",
]

_Column = Annotated[int, Field(ge=1)]
_FileName = Annotated[str, Field(pattern=r"^[_A-Za-z0-9+][_A-Za-z0-9.+-]*$")]


class DatasetFile(Strict):
    """A file of a release: its path there, and its sha256."""

    path: Text
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]

    @field_validator("path")
    @classmethod
    def _stays_inside(cls, path: str) -> str:
        parts = PurePosixPath(path).parts
        if ".." in parts or path.startswith("/") or "\\" in path:
            msg = "a path inside the release is needed"
            raise ValueError(msg)
        return path

    @property
    def name(self) -> str:
        """Its last part: the name of the file on the user's disk."""
        return PurePosixPath(self.path).name


class TreeText(Strict):
    """A text file with one event a line; the columns become branches in this order."""

    source: _FileName = Field(alias="from")
    branches: list[Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")]] = Field(
        min_length=1
    )


class EventConversion(Strict):
    """Text files of events to one ROOT file, one TTree each."""

    kind: Literal["events"]
    file: _FileName
    trees: dict[Name, TreeText] = Field(min_length=1)


class GridAxis(Strict):
    """Equal bins whose centres the text file names."""

    name: Name
    title: Text
    unit: Text
    width: Annotated[float, Field(gt=0)]


class HistogramText(Strict):
    """Columns of a text file, counted from 1: bin centres, value, error."""

    source: _FileName = Field(alias="from")
    centres: list[_Column] = Field(min_length=1)
    value: _Column
    error: _Column | None = None


class HistogramConversion(Strict):
    """Text files of bins to one UHI JSON file, one histogram each."""

    kind: Literal["histograms"]
    file: _FileName
    axes: list[GridAxis] = Field(min_length=1)
    histograms: dict[Name, HistogramText] = Field(min_length=1)

    @model_validator(mode="after")
    def _has_a_column_for_each_axis(self) -> HistogramConversion:
        for name, text in self.histograms.items():
            if len(text.centres) != len(self.axes):
                msg = (
                    f"histograms.{name}: one column of centres for each axis is needed"
                )
                raise ValueError(msg)
        return self


_Conversion = Annotated[
    EventConversion | HistogramConversion, Field(discriminator="kind")
]


class Dataset(Strict):
    """A release: what it is, where it is pinned, its files and what is made of them.

    Attributes
    ----------
    folder : str
        Name of the folder under the folder of all releases.
    address : str
        What the paths of the files are appended to; of one pinned version.
    converted : list
        Text becomes ROOT (events) or UHI JSON (histograms) after a fetch.
    """

    name: Name
    title: Text
    citation: Text
    licence: Text
    folder: _FileName
    address: Annotated[str, Field(pattern=r"^https?://.*/$")]
    files: list[DatasetFile] = Field(min_length=1)
    converted: list[_Conversion] = Field(default_factory=list)

    @model_validator(mode="after")
    def _names_fit(self) -> Dataset:
        names = [file.name for file in self.files]
        made = [conversion.file for conversion in self.converted]
        for name in names + made:
            if (names + made).count(name) > 1:
                msg = f"the file {name!r} is there twice"
                raise ValueError(msg)
        for conversion in self.converted:
            texts: dict[str, TreeText] | dict[str, HistogramText]
            if isinstance(conversion, EventConversion):
                texts = conversion.trees
            else:
                texts = conversion.histograms
            for text in texts.values():
                if text.source not in names:
                    msg = f"converted: {text.source!r} is not among the files"
                    raise ValueError(msg)
        return self


def dataset_names() -> tuple[str, ...]:
    """Names of the releases that are known.

    Examples
    --------
    >>> dataset_names()
    ('coherent-csi', 'coherent-lar', 'dresden-ii', 'xenon1t-sr1')
    """
    folder = resources.files("nuem.inputs") / "releases"
    names = (entry.name for entry in folder.iterdir())
    return tuple(sorted(n[:-5] for n in names if n.endswith(".yaml")))


def load_dataset(dataset: str | Path) -> Dataset:
    """Read and check the description of a release.

    Parameters
    ----------
    dataset : str or Path
        A name, or the path of a YAML file.

    Raises
    ------
    InputError
        If there is no such release, or its file is wrong.

    Examples
    --------
    >>> load_dataset("coherent-csi").files[0].name
    'brnPE.txt'
    """
    text = str(dataset)
    if text.endswith((".yaml", ".yml")) or "/" in text:
        path = Path(text)
    elif text in dataset_names():
        path = Path(str(resources.files("nuem.inputs") / "releases" / f"{text}.yaml"))
    else:
        raise InputError(
            "no such data set", found=repr(text),
            expected=f"a .yaml file or one of {', '.join(dataset_names())}",
        )  # fmt: skip
    document = read_yaml(path)
    try:
        return Dataset.model_validate(document)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        raise InputError(
            first["msg"].removeprefix("Value error, "), file=path,
            field=".".join(str(step) for step in first["loc"]) or None,
        ) from None  # fmt: skip


def data_folder() -> Path:
    """The folder of all releases: that of ``NUEM_DATA``, else in the user's cache.

    Examples
    --------
    >>> data_folder().is_absolute()
    True
    """
    named = os.environ.get("NUEM_DATA", "")
    if named:
        return Path(named).absolute()
    return cache_folder() / "data"
