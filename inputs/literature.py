"""Published numbers, as printed, and what it takes to recompute them.

One file in ``inputs/published/`` is one group of rows: the numbers of a document, each
with its place, the procedure that recomputes it, and the numbers that the procedure
needs besides the experiment files, each with its status.
"""

from __future__ import annotations

from importlib import resources
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, ValidationError, model_validator

from nuem.inputs.documents import Document
from nuem.inputs.errors import InputError
from nuem.inputs.fields import Text
from nuem.inputs.quantities import Attributed, Strict
from nuem.inputs.validation import one_line
from nuem.inputs.yaml import read_yaml

__all__ = [
    "Group",
    "Number",
    "PublishedRow",
    "Variant",
    "load_published",
    "published_groups",
]

_Finite = Annotated[float, Field(allow_inf_nan=False)]
_Id = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9+.-]*(/[a-z0-9][a-z0-9+.-]*)*$")]
#: Fields of a block that its rows take over one by one.
_MERGED = ("numbers", "words", "changes")


class Number(Attributed):
    """A number that a procedure needs, with its unit."""

    value: _Finite
    unit: Text


class Variant(Strict):
    """One way to calculate: what differs from the row.

    Attributes
    ----------
    changes : dict
        Dotted keys of the experiment files and their values.
    words : dict
        Choices of the procedure.
    """

    changes: dict[str, Any] = Field(default_factory=dict)
    words: dict[str, str] = Field(default_factory=dict)


class PublishedRow(Strict):
    """A published number and how it is recomputed.

    Attributes
    ----------
    id : str
        Within the group.
    system, quantity, unit : str
        What the number is.
    place : str
        Where it stands in the document.
    published : list of (float or None, float or None)
        Intervals as printed; a number is an interval without length, an open end None.
    statistic, sided : str
        What the document says of them.
    bound : "laboratory" or "indirect"
        Whether a quoted limit is one of the laboratory, or of astrophysics, cosmology or
        the neutrality of matter.
    inputs : "nominal", "assumed" or "fitted"
        Whether a number below was fitted to a published one; or one that decides is not
        in the document, and we assume it.
    procedure : str or None
        What recomputes it; None for a number that is only quoted.
    experiments : list of str
        Names of experiment files.
    numbers, words, changes : dict
        What the procedure needs; dotted keys of the experiment files.
    as_printed, physical : Variant or None
        The formula of the document, and the correct one.
    tolerance : float
        Largest relative difference that is called reproduced.
    assumptions : list of str
    note : str
        One line: why.
    """

    id: _Id
    system: Text
    quantity: Text
    unit: Text
    place: Text
    published: list[tuple[_Finite | None, _Finite | None]] = Field(default_factory=list)
    statistic: Text
    sided: Literal["one", "two", "unstated", "none"]
    bound: Literal["laboratory", "indirect"] = "laboratory"
    inputs: Literal["nominal", "assumed", "fitted"] = "nominal"
    procedure: str | None = None
    experiments: list[str] = Field(default_factory=list)
    numbers: dict[str, Number] = Field(default_factory=dict)
    words: dict[str, str] = Field(default_factory=dict)
    changes: dict[str, Any] = Field(default_factory=dict)
    as_printed: Variant | None = None
    physical: Variant | None = None
    tolerance: Annotated[float, Field(gt=0, lt=1)] = 0.05
    assumptions: list[Text] = Field(default_factory=list)
    note: str = ""

    @model_validator(mode="after")
    def _is_quoted_or_recomputed(self) -> PublishedRow:
        ways = self.as_printed is not None or self.physical is not None
        if ways != (self.procedure is not None):
            msg = f"{self.id}: a procedure and a way to calculate belong together"
            raise ValueError(msg)
        if not ways and not self.published:
            msg = f"{self.id}: nothing published and nothing to calculate"
            raise ValueError(msg)
        fitted = any(n.status == "fitted" for n in self.numbers.values()) or any(
            "fitted" in _statuses(changes)
            for changes in (
                self.changes,
                *(v.changes for v in (self.as_printed, self.physical) if v),
            )
        )
        if fitted != (self.inputs == "fitted"):
            msg = f"{self.id}: inputs are {self.inputs!r}, the numbers say otherwise"
            raise ValueError(msg)
        for low, high in self.published:
            if low is not None and high is not None and low > high:
                msg = f"{self.id}: interval {low:g} to {high:g}"
                raise ValueError(msg)
        return self


class Group(Strict):
    """The rows of a document, or of a part of it."""

    name: _Id
    title: Text
    document: Document
    about: Text
    rows: list[PublishedRow] = Field(min_length=1)

    @model_validator(mode="after")
    def _ids_are_unique(self) -> Group:
        names = [row.id for row in self.rows]
        for name in names:
            if names.count(name) > 1:
                msg = f"rows: {name!r} is there twice"
                raise ValueError(msg)
        return self


def published_groups() -> tuple[str, ...]:
    """Names of the groups of published numbers.

    Examples
    --------
    >>> "parada-2020-nuclei" in published_groups()
    True
    """
    folder = resources.files("nuem.inputs") / "published"
    names = (entry.name for entry in folder.iterdir())
    return tuple(sorted(name[:-5] for name in names if name.endswith(".yaml")))


def load_published(group: str | Path) -> Group:
    """Read and check the published numbers of a group.

    Parameters
    ----------
    group : str or Path
        A name of `published_groups`, or a YAML file. The file has ``blocks``: a block
        gives what its rows have in common, which each row may change.

    Returns
    -------
    Group

    Raises
    ------
    InputError
        If there is no such group, or the file breaks the schema.

    Examples
    --------
    >>> load_published("parada-2020-nuclei").rows[0].published
    [(-4.6e-14, 4.7e-14)]
    """
    text = str(group)
    if text.endswith((".yaml", ".yml")):
        path = Path(text)
    elif text in published_groups():
        path = Path(str(resources.files("nuem.inputs") / "published" / f"{text}.yaml"))
    else:
        raise InputError(
            "no such group of published numbers", found=repr(text),
            expected=", ".join(published_groups()),
        )  # fmt: skip
    document = read_yaml(path)
    if not isinstance(document, dict) or not isinstance(document.get("blocks"), list):
        raise InputError("not a group of published numbers", file=path, field="blocks")
    rows = [
        _merged(block, row)
        for block in document.pop("blocks")
        for row in block.get("rows", [])
    ]
    document["rows"] = rows
    try:
        return Group.model_validate(document)
    except ValidationError as error:
        raise one_line(error, document, path) from None


def _statuses(node: Any) -> set[str]:
    """Statuses of all numbers in the values of experiment files."""
    if isinstance(node, dict):
        found = {node["status"]} if isinstance(node.get("status"), str) else set()
        return found.union(*(_statuses(value) for value in node.values()))
    if isinstance(node, list):
        return set().union(*(_statuses(value) for value in node))
    return set()


def _merged(block: dict[str, Any], row: dict[str, Any]) -> dict[str, Any]:
    shared = {key: value for key, value in block.items() if key != "rows"}
    result = {**shared, **row}
    for key in _MERGED:
        if key in shared and key in row:
            result[key] = {**shared[key], **row[key]}
    return result
