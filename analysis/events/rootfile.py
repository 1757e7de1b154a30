"""Opening ROOT files, with errors of one line whatever is wrong with them."""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from nuem.analysis.events.localfile import Stamp, open_regular
from nuem.inputs.errors import InputError
from nuem.inputs.grammar import shorten

__all__ = ["OpenFile", "open_bytes", "open_file", "open_tree", "reading", "tree_names"]

_RNTUPLES = ("ROOT::RNTuple", "ROOT::Experimental::RNTuple")
_TREES = ("TTree", "TNtuple", "TNtupleD", "TChain", *_RNTUPLES)
#: Header of a file (ROOT, TFile): version, where the first record begins, and the end,
#: which large files have in 64 bits.
_HEADER = {False: struct.Struct(">4xiii"), True: struct.Struct(">4xiiq")}
_LARGE = 1_000_000
_BEGIN = 100


class OpenFile:
    """A ROOT file that is open, with the trees that were taken out of it.

    Parameters
    ----------
    path : str or Path
        As it was given; it names the file in errors.
    root : uproot object
        The directory at the top of the file.
    descriptor : int
        Of the file, for reading its bytes.
    stamp : Stamp
        What the next opening must find.
    """

    def __init__(
        self, path: str | Path, root: Any, descriptor: int, stamp: Stamp
    ) -> None:
        self.path = path
        self.descriptor = descriptor
        self.stamp = stamp
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
            there = sorted(f"{n} ({kind})" for n, kind in self.classes.items())
            raise InputError(
                "no such tree", file=self.path, field=name, expected=expected,
                found=None if self.trees else "no trees"
                + (f", but {shorten(', '.join(there), 200)}" if there else ""),
            )  # fmt: skip
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
    except InputError:
        raise
    except MemoryError as error:  # damaged sizes ask for more than any machine has
        raise InputError(
            "the file is damaged, or its pieces do not fit in memory", file=file,
            field=field, found=shorten(str(error) or "no memory", 160),
            expected="a complete ROOT file",
        ) from error  # fmt: skip
    except FileNotFoundError as error:  # it went since its first bytes were looked at
        raise InputError(
            "no such file", file=file, field=field, expected="a ROOT file"
        ) from error
    except Exception as error:
        raise InputError(
            "the file is damaged, or of a kind that uproot does not read",
            file=file,
            field=field,
            found=shorten(f"{type(error).__name__} ({error})", 160),
            expected="a complete ROOT file",
        ) from error


@contextmanager
def open_file(
    file: str | Path | OpenFile, before: Stamp | None = None
) -> Iterator[OpenFile]:
    """Open a ROOT file for reading, with errors of one line.

    Parameters
    ----------
    file : str, Path or OpenFile
        ROOT file on a local disk; one that is open is handed on as it is.
    before : Stamp, optional
        Of an earlier opening, which must have been of the same file.

    Yields
    ------
    OpenFile

    Raises
    ------
    InputError
        If there is no such file, it is not a complete ROOT file, or it changes.
    """
    if isinstance(file, OpenFile):
        yield file
        return
    import uproot

    with open_bytes(file, before) as (descriptor, stamp):
        _check_end(file, descriptor, stamp.size)
        with reading(file, None):
            # plain reads: a memory map of a file that shrinks would end the process;
            # no caches: each range is read once, and they would keep it in memory
            root = uproot.open(
                {Path(file): None},
                handler=uproot.MultithreadedFileSource,
                num_workers=1,
                object_cache=None,
                array_cache=None,
            )
        with root:
            # uproot has opened it by its name once more
            with open_regular(file, stamp):
                pass
            yield OpenFile(file, root, descriptor, stamp)


def _check_end(file: str | Path, descriptor: int, size: int) -> None:
    """Check that nothing is missing; uproot notices only if it needs it."""
    expected = f"{_BEGIN} bytes or more"
    if size >= _BEGIN:
        head = os.pread(descriptor, _BEGIN, 0)
        version, begin, end = _HEADER[False].unpack_from(head)
        if version >= _LARGE:
            *_, end = _HEADER[True].unpack_from(head)
        if size >= end or begin != _BEGIN:  # if it is no header, uproot will say so
            return
        expected = f"the {end} bytes that its header tells of"
    raise InputError(
        "the file is truncated", file=file, found=f"{size} bytes", expected=expected
    )


@contextmanager
def open_bytes(
    file: str | Path, before: Stamp | None = None
) -> Iterator[tuple[int, Stamp]]:
    """Open a file that begins like a ROOT file, with errors of one line.

    Yields
    ------
    descriptor : int
        For reading at any place.
    stamp : Stamp
        For the next opening.

    Raises
    ------
    InputError
        As `open_regular`, or if it does not begin like a ROOT file.
    """
    expected = "a ROOT file"
    with open_regular(file, before) as (descriptor, stamp):
        try:
            magic = os.pread(descriptor, 4, 0)
        except OSError as error:
            raise InputError(
                "cannot be read", file=file, found=error.strerror, expected=expected
            ) from error
        if magic != b"root":
            found = f"the first bytes {magic!r}" if magic else "an empty file"
            raise InputError(
                "not a ROOT file", file=file, found=found, expected=expected
            )
        yield descriptor, stamp


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
