"""Releases that are text, as ROOT files of events and UHI histograms with provenance."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from nuem.analysis.exchange.provenance import provenance
from nuem.inputs.datasets import (
    Dataset,
    EventConversion,
    GridAxis,
    HistogramConversion,
    HistogramText,
)
from nuem.inputs.errors import InputError
from nuem.inputs.files import atomic_path
from nuem.inputs.texts import read_table

if TYPE_CHECKING:
    import hist

__all__ = ["convert"]

_Array = NDArray[np.float64]


def convert(dataset: Dataset, folder: str | Path) -> tuple[Path, ...]:
    """Make what the description of a release says from its text files.

    Parameters
    ----------
    dataset : Dataset
        Its ``converted`` says what becomes what.
    folder : str or Path
        Where its files are, and where the new ones go.

    Returns
    -------
    tuple of Path

    Raises
    ------
    InputError
        If a column or a bin is missing, or something is not a number.
    """
    folder = Path(folder)
    made_by = provenance(
        {"stage": "fetch", "dataset": dataset.name, "address": dataset.address,
         "citation": dataset.citation, "licence": dataset.licence},
        [{"file": file.name, "sha256": file.sha256} for file in dataset.files],
    )  # fmt: skip
    made = []
    for conversion in dataset.converted:
        path = folder / conversion.file
        if isinstance(conversion, EventConversion):
            _write_events(path, conversion, folder, made_by)
        else:
            _write_histograms(path, conversion, folder, made_by)
        made.append(path)
    return tuple(made)


def _write_events(
    path: Path, conversion: EventConversion, folder: Path, made_by: Mapping[str, Any]
) -> None:
    import uproot

    trees = {}
    for name, text in conversion.trees.items():
        table = read_table(folder / text.source)
        columns = table.columns(range(1, len(text.branches) + 1))
        trees[name] = dict(zip(text.branches, columns, strict=True))
    with atomic_path(path) as temporary, uproot.recreate(temporary) as file:
        for name, branches in trees.items():
            file.mktree(name, {b: values.dtype for b, values in branches.items()})
            file[name].extend(branches)
        file["provenance"] = json.dumps(made_by)


def _write_histograms(
    path: Path,
    conversion: HistogramConversion,
    folder: Path,
    made_by: Mapping[str, Any],
) -> None:
    import uhi.io.json

    histograms = {
        name: _grid(folder / text.source, text, conversion.axes)
        for name, text in conversion.histograms.items()
    }
    document = json.loads(
        json.dumps(histograms, default=uhi.io.json.default, allow_nan=False)
    )
    for histogram in document.values():
        histogram.setdefault("metadata", {})["provenance"] = json.dumps(made_by)
    from nuem.inputs.files import write_json

    write_json(path, document)


def _grid(path: Path, text: HistogramText, axes: list[GridAxis]) -> hist.Hist[Any]:
    """A histogram from lines of bin centres and contents, each bin once."""
    import hist

    table = read_table(path)
    centres = table.columns(text.centres)
    values = table.columns([text.value])[0]
    errors = None if text.error is None else table.columns([text.error])[0]
    grid, places = [], []
    for axis, centre in zip(axes, centres, strict=True):
        count = round((centre.max() - centre.min()) / axis.width) + 1
        low = centre.min() - 0.5 * axis.width
        place = (centre - low) / axis.width - 0.5
        if np.abs(place - np.rint(place)).max() > 1e-3:
            raise InputError(
                "bin centres are not evenly spaced", file=path, field=axis.name,
                expected=f"steps of {axis.width:g} {axis.unit}",
            )  # fmt: skip
        places.append(np.rint(place).astype(int))
        grid.append(
            hist.axis.Regular(
                count, round(low, 9), round(low + count * axis.width, 9),
                name=axis.name, label=f"{axis.title} [{axis.unit}]", flow=False,
            )
        )  # fmt: skip
    shape = tuple(axis.size for axis in grid)
    times = np.zeros(shape, dtype=int)
    np.add.at(times, tuple(places), 1)
    if not (times == 1).all():
        raise InputError(
            "bins are missing or there twice", file=path,
            found=f"{int((times != 1).sum())} of them", expected="each bin once",
        )  # fmt: skip
    result: hist.Hist[Any]
    if errors is None:
        result = hist.Hist(*grid, storage=hist.storage.Double())
        result.view()[tuple(places)] = values
    else:
        if (errors < 0).any():
            raise InputError("an error below 0", file=path, found=errors.min())
        result = hist.Hist(*grid, storage=hist.storage.Weight())
        content = np.stack([values, errors**2], axis=-1)
        result[...] = content[np.lexsort(places[::-1])].reshape(*shape, 2)
    return result
