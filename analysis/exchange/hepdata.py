"""A HEPData submission: tables as YAML, figures with thumbnails, files beside them.

The format is that of HEPData's submission documents, schema 1.1
(E. Maguire, L. Heinrich, G. Watt, Journal of Physics: Conference Series 898 (2017) 102006).
"""

from __future__ import annotations

import itertools
import math
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from nuem.inputs.errors import InputError
from nuem.inputs.files import atomic_path, make_folder

__all__ = [
    "Column",
    "Figure",
    "Resource",
    "Table",
    "binned",
    "column",
    "read_table",
    "validate_submission",
    "write_submission",
]

#: HEPData cuts table names at this length.
_NAME = 64
_THUMBNAIL = 300


@dataclass(frozen=True)
class Column:
    """A variable of a table.

    Attributes
    ----------
    name, units : str
    values : list of dict
        Entries as HEPData has them: ``{"value": x}``, ``{"low": a, "high": b}``,
        with ``errors`` where there are any.
    qualifiers : dict
        What else identifies a dependent variable.
    """

    name: str
    units: str
    values: list[dict[str, Any]]
    qualifiers: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Table:
    """A table of a submission.

    Attributes
    ----------
    name, description : str
    independent, dependent : sequence of Column
        All of the same length.
    location : str
        Where in the publication.
    observables : sequence of str
        Keywords.
    figure : str, optional
        Name of the figure that shows it.
    """

    name: str
    description: str
    independent: Sequence[Column]
    dependent: Sequence[Column]
    location: str = "Data from the workspace and the files that made it"
    observables: Sequence[str] = ()
    figure: str | None = None


@dataclass(frozen=True)
class Figure:
    """An image (PNG) of a submission, attached to the tables that name it."""

    name: str
    path: Path
    description: str


@dataclass(frozen=True)
class Resource:
    """A file or an address that belongs to the submission.

    Attributes
    ----------
    description : str
    location : Path or str
        A file, which is copied; or an address.
    kind : str, optional
        ``HistFactory`` for a workspace.
    """

    description: str
    location: Path | str
    kind: str | None = None


def column(
    name: str,
    values: Sequence[Any] | np.ndarray[Any, Any],
    units: str = "",
    *,
    errors: Mapping[str, Any] | None = None,
    qualifiers: Mapping[str, Any] | None = None,
) -> Column:
    """A column of numbers or words.

    Parameters
    ----------
    name, units : str
    values : sequence
        Numbers that are not finite, and None, are written as ``-``.
    errors : mapping, optional
        Label -> one uncertainty, or a pair (plus, minus), for each value; where it is 0
        none is written, since HEPData takes no errors of 0.
    qualifiers : mapping, optional

    Examples
    --------
    >>> column("n", [4.0, 0.0], errors={"stat": [2.0, 0.0]}).values
    [{'value': 4.0, 'errors': [{'symerror': 2.0, 'label': 'stat'}]}, {'value': 0.0}]
    """
    entries: list[dict[str, Any]] = []
    for i, value in enumerate(values):
        entry: dict[str, Any] = {"value": _plain(value)}
        made = [
            e
            for label, sizes in (errors or {}).items()
            if (e := _error(sizes[i], label)) is not None
        ]
        if made and entry["value"] != "-":
            entry["errors"] = made
        entries.append(entry)
    return Column(name, units, entries, dict(qualifiers or {}))


def binned(name: str, edges: Sequence[float], units: str = "") -> Column:
    """A column of bins.

    Examples
    --------
    >>> binned("energy", [0.0, 1.0, 3.0]).values
    [{'low': 0.0, 'high': 1.0}, {'low': 1.0, 'high': 3.0}]
    """
    pairs = itertools.pairwise(edges)
    return Column(name, units, [{"low": float(a), "high": float(b)} for a, b in pairs])


def _plain(value: Any) -> Any:
    if value is None or isinstance(value, str):
        return "-" if value is None else value
    if isinstance(value, (bool, np.bool_)):
        return str(bool(value)).lower()
    if isinstance(value, (int, np.integer)):
        return int(value)
    number = float(value)
    return number if math.isfinite(number) else "-"


def _error(size: Any, label: str) -> dict[str, Any] | None:
    if isinstance(size, (tuple, list)):
        plus, minus = (float(x) for x in size)
        if plus == 0 and minus == 0:
            return None
        return {"asymerror": {"plus": plus, "minus": minus}, "label": label}
    return None if float(size) == 0 else {"symerror": float(size), "label": label}


def write_submission(
    folder: str | Path,
    tables: Sequence[Table],
    *,
    comment: str,
    figures: Sequence[Figure] = (),
    resources: Sequence[Resource] = (),
    keywords: Mapping[str, Sequence[Any]] | None = None,
) -> list[Path]:
    """Write a submission into a folder.

    Parameters
    ----------
    folder : str or Path
    tables : sequence of Table
    comment : str
        What applies to all tables: abstract, how it was made.
    figures : sequence of Figure
        PNG files, copied, with thumbnails.
    resources : sequence of Resource
        Attached to the submission as a whole.
    keywords : mapping, optional
        ``reactions``, ``phrases``, ``cmenergies`` of all tables.

    Returns
    -------
    list of Path
        What was written, ``submission.yaml`` last.

    Raises
    ------
    InputError
        If a table has columns of unequal length, names are used twice or a file is
        missing.
    """
    folder = make_folder(folder)
    _check(tables, figures)
    written: list[Path] = []
    drawn = {}
    for figure in figures:
        drawn[figure.name] = _figure(folder, figure)
        written += [folder / str(r["location"]) for r in drawn[figure.name]]
    head: dict[str, Any] = {"comment": comment}
    attached = []
    for resource in resources:
        location = str(resource.location)
        if isinstance(resource.location, Path):
            location = resource.location.name
            written.append(_copy(resource.location, folder / location))
        entry = {"description": resource.description, "location": location}
        attached.append(entry | ({"type": resource.kind} if resource.kind else {}))
    if attached:
        head["additional_resources"] = attached
    documents: list[dict[str, Any]] = [head]
    for index, table in enumerate(tables, start=1):
        file = f"table-{index:02d}-{_slug(table.name)}.yaml"
        _dump(folder / file, [_data(table)])
        written.append(folder / file)
        own: dict[str, Any] = {
            "name": table.name,
            "location": table.location,
            "description": table.description,
            "keywords": _keywords(table, keywords or {}),
            "data_file": file,
        }
        if table.figure in drawn:
            own["additional_resources"] = drawn[table.figure]
        documents.append(own)
    _dump(folder / "submission.yaml", documents)
    return [*written, folder / "submission.yaml"]


def _check(tables: Sequence[Table], figures: Sequence[Figure]) -> None:
    names = [table.name for table in tables]
    for table in tables:
        columns = [*table.independent, *table.dependent]
        lengths = {len(c.values) for c in columns}
        if len(lengths) != 1 or not table.dependent:
            raise InputError(
                "columns of unequal length", field=table.name,
                found=", ".join(f"{c.name} {len(c.values)}" for c in columns),
            )  # fmt: skip
        if len(table.name) > _NAME or names.count(table.name) > 1:
            raise InputError(
                "table name", field=table.name,
                expected=f"at most {_NAME} characters, and no name twice",
            )  # fmt: skip
        if table.figure is not None and table.figure not in {f.name for f in figures}:
            raise InputError("no such figure", field=table.name, found=table.figure)


def _slug(name: str) -> str:
    kept = "".join(c if c.isalnum() else "-" for c in name.lower())
    return "-".join(part for part in kept.split("-") if part)[:48]


def _keywords(table: Table, more: Mapping[str, Sequence[Any]]) -> list[dict[str, Any]]:
    found = [{"name": name, "values": list(values)} for name, values in more.items()]
    if table.observables:
        found.append({"name": "observables", "values": list(table.observables)})
    return found


def _data(table: Table) -> dict[str, Any]:
    def header(own: Column) -> dict[str, str]:
        return {"name": own.name} | ({"units": own.units} if own.units else {})

    return {
        "independent_variables": [
            {"header": header(c), "values": c.values} for c in table.independent
        ],
        "dependent_variables": [
            {
                "header": header(c),
                "qualifiers": [
                    {"name": name, "value": value} for name, value in c.qualifiers.items()
                ],
                "values": c.values,
            }
            for c in table.dependent
        ],
    }  # fmt: skip


class _Plain(yaml.SafeDumper):
    """No anchors: HEPData reads each value where it stands."""

    def ignore_aliases(self, data: Any) -> bool:
        del data
        return True


def _dump(path: Path, documents: Sequence[Any]) -> None:
    with atomic_path(path) as temporary:
        text = yaml.dump_all(
            documents, Dumper=_Plain, sort_keys=False, explicit_start=True, width=100
        )
        temporary.write_text(text, encoding="utf-8")


def _copy(source: Path, target: Path) -> Path:
    if not source.is_file():
        raise InputError("no such file", file=source)
    if source.resolve() != target.resolve():
        with atomic_path(target) as temporary:
            shutil.copyfile(source, temporary)
    return target


def _figure(folder: Path, figure: Figure) -> list[dict[str, str]]:
    from PIL import Image

    file = f"{_slug(figure.name)}.png"
    _copy(figure.path, folder / file)
    small = f"thumb_{file}"
    with Image.open(figure.path) as image:
        image.thumbnail((_THUMBNAIL, _THUMBNAIL))
        with atomic_path(folder / small) as temporary:
            image.save(temporary, format="PNG")
    return [
        {"description": "Image file", "location": file},
        {"description": "Thumbnail image file", "location": small},
    ]


def read_table(path: str | Path) -> dict[str, list[Any]]:
    """Columns of a data file: values, or pairs of the edges of bins.

    Raises
    ------
    InputError
        If it is not a data file of HEPData.
    """
    from nuem.inputs.yaml import read_yaml

    document = read_yaml(Path(path))
    try:
        return {
            own["header"]["name"]: [
                v["value"] if "value" in v else (v["low"], v["high"])
                for v in own["values"]
            ]
            for key in ("independent_variables", "dependent_variables")
            for own in document[key]
        }
    except (KeyError, TypeError) as error:
        raise InputError(f"not a data file of HEPData ({error})", file=path) from None


def validate_submission(folder: str | Path) -> bool:
    """Have HEPData's own validator check a folder, without the network.

    Returns
    -------
    bool
        False if the package ``hepdata-validator`` is not installed.

    Raises
    ------
    InputError
        If it finds fault.
    """
    try:
        from hepdata_validator.full_submission_validator import (
            FullSubmissionValidator,
        )
    except ImportError:
        return False
    validator = FullSubmissionValidator()
    if not validator.validate(directory=str(folder)):
        found = [
            f"{file}: {error.message}"
            for file, errors in validator.get_messages().items()
            for error in errors
        ]
        raise InputError(
            "HEPData refuses it", file=folder, found="; ".join(found)[:300]
        )
    return True
