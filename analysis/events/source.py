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
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from nuem.inputs.errors import InputError
from nuem.inputs.grammar import shorten

__all__ = [
    "OpenFile",
    "TreeInfo",
    "column_types",
    "describe_tree",
    "open_file",
    "open_tree",
    "read",
    "reading",
    "tree_names",
]

_RNTUPLES = ("ROOT::RNTuple", "ROOT::Experimental::RNTuple")
_TREES = ("TTree", "TNtuple", "TNtupleD", "TChain", *_RNTUPLES)


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


class OpenFile:
    """A ROOT file that is open, with the trees that were taken out of it.

    Parameters
    ----------
    path : str or Path
        As it was given; it names the file in errors.
    root : uproot object
        The directory at the top of the file.
    """

    def __init__(self, path: str | Path, root: Any) -> None:
        self.path = path
        self._root = root
        self._trees: dict[str, Any] = {}
        with reading(path, None):
            self.classes: dict[str, str] = root.classnames(cycle=False)

    def __str__(self) -> str:
        """Return the path."""
        return str(self.path)

    @property
    def trees(self) -> tuple[str, ...]:
        """Names of the TTrees and RNTuples, sorted."""
        return tuple(sorted(n for n, kind in self.classes.items() if kind in _TREES))

    def tree(self, name: str) -> Any:
        """Return a tree of the file, as uproot has it.

        Raises
        ------
        InputError
            If there is no such tree, or it cannot be read.
        """
        if name in self._trees:
            return self._trees[name]
        expected = "a file that holds trees"
        if self.trees:
            expected = "one of " + shorten(", ".join(self.trees), 400)
        kind = self.classes.get(name)
        if kind is None:
            raise InputError(
                "no such tree", file=self.path, field=name, expected=expected
            )
        if kind not in _TREES:
            raise InputError(
                "not a tree", file=self.path, field=name, found=kind, expected=expected
            )
        with reading(self.path, name):
            self._trees[name] = self._root[name]
        return self._trees[name]


@contextmanager
def reading(file: str | Path | OpenFile, field: str | None) -> Iterator[None]:
    """Turn what uproot raises on damaged files into an InputError.

    Damage shows as OSError, ValueError, TypeError, KeyError, AssertionError,
    struct.error, DeserializationError, DecompressionError and others, depending
    on the byte that is wrong; hence the wide net around each call of uproot.
    """
    try:
        yield
    except (InputError, MemoryError):
        raise
    except Exception as error:
        raise InputError(
            "the file is damaged, or of a kind that uproot does not read",
            file=file,
            field=field,
            found=shorten(f"{type(error).__name__} ({error})", 160),
            expected="a complete ROOT file",
        ) from error


@contextmanager
def open_file(file: str | Path | OpenFile) -> Iterator[OpenFile]:
    """Open a ROOT file for reading, with errors of one line.

    Parameters
    ----------
    file : str, Path or OpenFile
        ROOT file on a local disk; one that is open is handed on as it is.

    Yields
    ------
    OpenFile

    Raises
    ------
    InputError
        If there is no such file, or it is not a complete ROOT file.
    """
    if isinstance(file, OpenFile):
        yield file
        return
    import uproot

    path = Path(file)
    size = _checked_size(path, file)
    with reading(file, None):
        # plain reads: a memory map of a file that shrinks would end the process;
        # no caches: each range is read once, and they would keep it in memory
        root = uproot.open(
            {path: None},
            handler=uproot.MultithreadedFileSource,
            num_workers=1,
            object_cache=None,
            array_cache=None,
        )
    with root:
        end = root.file.fEND
        if size < end:  # uproot notices only if it needs what is missing
            raise InputError(
                "the file is truncated",
                file=file,
                found=f"{size} bytes",
                expected=f"{end} bytes",
            )
        yield OpenFile(file, root)


def _checked_size(path: Path, file: str | Path) -> int:
    """Return the bytes of a file that begins like a ROOT file."""
    expected = "a ROOT file"
    try:
        if path.is_dir():
            raise InputError(
                "cannot be read", file=file, found="a directory", expected=expected
            )
        with path.open("rb") as stream:
            magic = stream.read(4)
            size = path.stat().st_size
    except FileNotFoundError as error:
        raise InputError("no such file", file=file, expected=expected) from error
    except OSError as error:
        raise InputError(
            "cannot be read", file=file, found=error.strerror, expected=expected
        ) from error
    if magic != b"root":
        found = f"the first bytes {magic!r}" if magic else "an empty file"
        raise InputError("not a ROOT file", file=file, found=found, expected=expected)
    return size


@contextmanager
def open_tree(file: str | Path | OpenFile, tree: str) -> Iterator[Any]:
    """Open a TTree or RNTuple of a ROOT file.

    Parameters
    ----------
    file : str, Path or OpenFile
        ROOT file on a local disk.
    tree : str
        Name, with folders (``raw/events``).

    Yields
    ------
    uproot object
        With `num_entries`, and columns by name.

    Raises
    ------
    InputError
        If the file or the tree cannot be read.
    """
    with open_file(file) as opened:
        yield opened.tree(tree)


def tree_names(file: str | Path | OpenFile) -> tuple[str, ...]:
    """Return the names of all trees of a file, sorted.

    Raises
    ------
    InputError
        If the file cannot be read.
    """
    with open_file(file) as opened:
        return opened.trees


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
    with open_tree(file, tree) as opened:
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
        arrays = {}
        for name in sorted(branches):
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
