"""Reading TTrees and RNTuples into arrays, a range of entries at a time.

Plain functions of (file, tree, branches, first, last): each opens the file
itself, so that it runs alike in threads, in other processes and on other
machines. Within one thread an `OpenFile` can stand in place of the path; opening a
small file takes longer than reading it. uproot is imported inside, since it takes
long to import.
"""

from __future__ import annotations

import gc
import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from nuem.analysis.events.rootfile import (
    OpenFile,
    open_file,
    open_tree,
    reading,
)
from nuem.analysis.events.stored import Stored, locate, read_stored
from nuem.inputs.errors import InputError
from nuem.inputs.grammar import shorten

__all__ = ["TreeInfo", "column_types", "describe_tree", "read", "stored_columns"]


@dataclass(frozen=True)
class TreeInfo:
    """What a tree holds.

    Parameters
    ----------
    entries : int
        Number of entries.
    branches : frozenset of str
        Names under which its columns can be read.
    """

    entries: int
    branches: frozenset[str]


def describe_tree(file: str | Path | OpenFile, tree: str) -> TreeInfo:
    """Return the number of entries and the branches of a tree.

    Raises
    ------
    InputError
        If the file or the tree cannot be read.
    """
    with open_tree(file, tree) as opened, reading(file, tree):
        return TreeInfo(int(opened.num_entries), frozenset(_columns(opened)))


def column_types(
    file: str | Path | OpenFile, tree: str, branches: Collection[str]
) -> dict[str, str]:
    """Return the types of some columns: ``float``, ``int32_t``, ``double[]``, ...

    Raises
    ------
    InputError
        If the file, the tree or a branch cannot be read.
    """
    with open_tree(file, tree) as opened, reading(file, tree):
        columns = _columns(opened)
        return {
            name: _plain_type(str(columns[name].column.typename))
            for name in sorted(branches)
        }


def stored_columns(opened: Any, branches: Collection[str]) -> dict[str, Stored]:
    """Find out where columns of an open tree are stored, if uproot need not read them.

    Parameters
    ----------
    opened : uproot object
        TTree or RNTuple.
    branches : collection of str
        Columns; names that it does not have are passed over.
    """
    columns, entries = _columns(opened), int(opened.num_entries)
    there = [name for name in branches if name in columns]
    found = {n: locate(opened, columns[n].column, entries) for n in there}
    return {name: stored for name, stored in found.items() if stored is not None}


def read(
    file: str | Path | OpenFile,
    tree: str,
    branches: Collection[str],
    first: int,
    last: int,
) -> dict[str, Any]:
    """Read a range of entries.

    Parameters
    ----------
    file : str, Path or OpenFile
        ROOT file.
    tree : str
        Name of a TTree or RNTuple in it.
    branches : collection of str
        Names of the columns.
    first, last : int
        The entries ``first <= i < last``.

    Returns
    -------
    dict of str to array
        NumPy arrays (entries,) of columns with one number per entry, awkward
        arrays (entries, var) of all others.

    Raises
    ------
    InputError
        If the file, the tree or a branch is missing or cannot be read, or a
        branch does not hold numbers.

    """
    with open_file(file) as source:
        opened = source.tree(tree)
        with reading(file, tree):
            columns, is_rntuple = _columns(opened), "RNTuple" in opened.classname
        for name in branches:
            if name not in columns:
                raise InputError(
                    "no such branch",
                    file=file,
                    field=f"{tree}: {name}",
                    expected="one of " + ", ".join(sorted(columns)),
                )
        with reading(file, tree):
            stored = stored_columns(opened, branches)
        arrays: dict[str, Any] = dict(
            read_stored(source.descriptor, stored, first, last, file)
        )
        array: Any = None
        for name in sorted(set(branches) - set(arrays)):
            field = f"{tree}: {name}"
            with reading(file, field):
                array = columns[name](first, last)
            arrays[name] = _numbers(array, file, field)
            if len(array) != last - first:
                raise InputError(
                    "the branch is incomplete",
                    file=file,
                    field=field,
                    found=f"{len(array)} entries",
                    expected=f"{last - first} in {first}:{last}",
                )
    if is_rntuple:
        # uproot's RNTuple objects form cycles that hold the decompressed pages; they
        # are young, and a full collection would take longer than the reading
        del opened, columns, array
        gc.collect(1)
    return arrays


def _plain_type(name: str) -> str:
    """Write a C++ type alike for TTrees and RNTuples, lists of any kind as ``[]``."""
    text = name.replace("std::", "").replace("ROOT::VecOps::", "").strip()
    text, lists = re.subn(r"\[[^]]*\]", "", text)
    while match := re.fullmatch(r"(?:R?[Vv]ec(?:tor)?|array)<(.*?)(?:,\s*\d+)?>", text):
        text, lists = match[1].strip(), lists + 1
    return text + "[]" * lists


@dataclass(frozen=True)
class _Column:
    """A branch of a TTree, or a field of an RNTuple.

    Parameters
    ----------
    column : uproot object
    whole : uproot object, optional
        RNTuple to read the field from, where its own ``array()`` takes its name for a
        path.
    """

    column: Any
    whole: Any = None

    def __call__(self, first: int, last: int) -> Any:
        if self.whole is None:
            return self.column.array(entry_start=first, entry_stop=last)
        arrays = self.whole.arrays(
            filter_field=lambda other: other is self.column,
            entry_start=first,
            entry_stop=last,
        )
        return arrays[self.column.name]


def _columns(opened: Any) -> dict[str, _Column]:
    """Return the columns by name.

    uproot's own look-up by name reads slashes as paths and brackets or stars as
    patterns, and RNTuples pass over unknown names; the objects have no such
    trouble.
    """
    if "RNTuple" in opened.classname:
        return dict(_fields(opened, opened))
    columns = {}
    for path, branch in opened.iteritems(recursive=True, full_paths=True):
        columns[path] = _Column(branch)
        columns.setdefault(branch.name, columns[path])
    return columns


def _fields(
    parent: Any, ntuple: Any, prefix: str = ""
) -> Iterator[tuple[str, _Column]]:
    """Walk the fields of an RNTuple, with those of records as ``record.field``."""
    for field in parent.fields:
        if not prefix and ("/" in field.name or "." in field.name):
            yield field.name, _Column(field, ntuple)
        else:
            yield prefix + field.name, _Column(field)
            yield from _fields(field, ntuple, f"{prefix}{field.name}.")


def _numbers(array: Any, file: str | Path | OpenFile, field: str) -> Any:
    """Check that a column holds numbers; flat ones become NumPy arrays."""
    import awkward as ak

    layout = array.layout
    optional = False
    while not layout.is_numpy:
        optional = optional or layout.is_option
        # a string is a list of characters for awkward
        if layout.is_record or layout.is_union or layout.parameter("__array__"):
            break
        if layout.is_unknown:  # a vector of vectors without entries
            return array
        layout = layout.content
    if not layout.is_numpy or layout.dtype.kind not in "biuf":
        raise InputError(
            "the branch does not hold numbers",
            file=file,
            field=field,
            found=shorten(str(array.type.content)),
            expected="integers, floats or booleans, or lists of them",
        )
    if array.ndim > 1 and (damage := ak.validity_error(array)):
        # awkward's kernels trust the offsets: wrong ones would end the process
        raise InputError(
            "the branch is damaged",
            file=file,
            field=field,
            found=shorten(str(damage), 160),
            expected="lists within their content",
        )
    if optional:  # a missing value is counted like a NaN
        array = ak.fill_none(ak.values_astype(array, "float64"), np.nan, axis=None)
    if array.ndim == 1:
        return np.asarray(array)
    # fixed-size arrays as lists: NumPy rules would align them with the events
    return ak.from_regular(array, axis=None)
