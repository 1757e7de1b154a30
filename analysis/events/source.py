"""Reading TTrees and RNTuples into arrays, a range of entries at a time.

Plain functions of (file, tree, branches, first, last): each opens the file
itself, so that it runs alike in threads, in other processes and on other
machines. uproot is imported inside, since it takes long to import.
"""

from __future__ import annotations

import gc
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from nuem.inputs.errors import InputError
from nuem.inputs.grammar import shorten

__all__ = ["TreeInfo", "describe_tree", "open_tree", "read", "reading"]

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


@contextmanager
def reading(file: str | Path, field: str | None) -> Iterator[None]:
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
def open_file(file: str | Path) -> Iterator[Any]:
    """Open a ROOT file for reading, with errors of one line.

    Raises
    ------
    InputError
        If there is no such file, or it is not a complete ROOT file.
    """
    import uproot

    path = Path(file)
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
        yield root


@contextmanager
def open_tree(file: str | Path, tree: str) -> Iterator[Any]:
    """Open a TTree or RNTuple of a ROOT file.

    Parameters
    ----------
    file : str or Path
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
    with open_file(file) as root:
        with reading(file, tree):
            classes = root.classnames(cycle=False)
        trees = sorted(name for name, kind in classes.items() if kind in _TREES)
        expected = "one of " + ", ".join(trees) if trees else "a file that holds trees"
        kind = classes.get(tree)
        if kind is None:
            raise InputError("no such tree", file=file, field=tree, expected=expected)
        if kind not in _TREES:
            raise InputError(
                "not a tree", file=file, field=tree, found=kind, expected=expected
            )
        with reading(file, tree):
            opened = root[tree]
        yield opened


def describe_tree(file: str | Path, tree: str) -> TreeInfo:
    """Return the number of entries and the branches of a tree.

    Raises
    ------
    InputError
        If the file or the tree cannot be read.
    """
    with open_tree(file, tree) as opened, reading(file, tree):
        return TreeInfo(int(opened.num_entries), frozenset(_columns(opened)))


def read(
    file: str | Path, tree: str, branches: Collection[str], first: int, last: int
) -> dict[str, Any]:
    """Read a range of entries.

    Parameters
    ----------
    file, tree : str
        ROOT file, and the name of a TTree or RNTuple in it.
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


def _columns(opened: Any) -> dict[str, Callable[[int, int], Any]]:
    """Return a reader of (first, last) for each column, by name.

    uproot's own look-up by name reads slashes as paths and brackets or stars as
    patterns, and RNTuples pass over unknown names; the objects have no such
    trouble.
    """
    if "RNTuple" in opened.classname:
        return dict(_fields(opened, opened))
    columns = {}
    for path, branch in opened.iteritems(recursive=True, full_paths=True):
        columns[path] = _branch_reader(branch)
        columns.setdefault(branch.name, columns[path])
    return columns


def _branch_reader(branch: Any) -> Callable[[int, int], Any]:
    return lambda first, last: branch.array(entry_start=first, entry_stop=last)


def _fields(
    parent: Any, ntuple: Any, prefix: str = ""
) -> Iterator[tuple[str, Callable[[int, int], Any]]]:
    """Walk the fields of an RNTuple, with those of records as ``record.field``."""
    for field in parent.fields:
        # RField.array() would take such a name for a path
        if not prefix and ("/" in field.name or "." in field.name):
            yield field.name, _whole_reader(ntuple, field)
        else:
            yield prefix + field.name, _branch_reader(field)
            yield from _fields(field, ntuple, f"{prefix}{field.name}.")


def _whole_reader(ntuple: Any, field: Any) -> Callable[[int, int], Any]:
    def reader(first: int, last: int) -> Any:
        arrays = ntuple.arrays(
            filter_field=lambda other: other is field,
            entry_start=first,
            entry_stop=last,
        )
        return arrays[field.name]

    return reader


def _numbers(array: Any, file: str | Path, field: str) -> Any:
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
    if optional:  # a missing value is counted like a NaN
        array = ak.fill_none(ak.values_astype(array, "float64"), np.nan, axis=None)
    if array.ndim == 1:
        return np.asarray(array)
    # fixed-size arrays as lists: NumPy rules would align them with the events
    return ak.from_regular(array, axis=None)
