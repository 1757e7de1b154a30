"""Files on disk: regular ones, and the same bytes at each opening.

A file is opened many times: to look at it, for its sha256, for each chunk. What took its
place meanwhile would be a silent mixture of both.
"""

from __future__ import annotations

import hashlib
import os
import platform
import re
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import NamedTuple

from nuem.inputs.errors import InputError

__all__ = ["Stamp", "file_digest", "open_regular", "refuse_remote"]

_EXPECTED = "a ROOT file"
#: What opens like a file, but is none.
_KINDS = (
    (stat.S_ISDIR, "a directory"),
    (stat.S_ISFIFO, "a pipe"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
)
_URL = re.compile(r"([a-z][a-z0-9+.-]*):/+", re.IGNORECASE)


class Stamp(NamedTuple):
    """What tells a file from one that takes its place.

    Parameters
    ----------
    host : str
        The machine, on which device and inode have a meaning.
    device, inode, size, mtime_ns : int
        As `os.stat` gives them.

    Examples
    --------
    >>> here = Stamp("a", 1, 2, 300, 10**18)
    >>> here.same_as(here._replace(inode=3)), here.same_as(Stamp("b", 7, 8, 300, 10**18))
    (False, True)
    """

    host: str
    device: int
    inode: int
    size: int
    mtime_ns: int

    @classmethod
    def of(cls, status: os.stat_result) -> Stamp:
        """Take the stamp of what `os.stat` returned."""
        return cls(
            _host(), status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns
        )

    def same_as(self, other: Stamp) -> bool:
        """Whether both are of one file that did not change in between."""
        if self.host == other.host:
            return self == other
        return (self.size, self.mtime_ns) == (other.size, other.mtime_ns)

    def __str__(self) -> str:
        """Return what a reader can compare."""
        at = datetime.fromtimestamp(self.mtime_ns // 10**9, UTC)
        return (
            f"{self.size} bytes of {at:%Y-%m-%dT%H:%M:%S}"
            f".{self.mtime_ns % 10**9:09d}Z (inode {self.inode})"
        )


@cache
def _host() -> str:
    return platform.node()


def refuse_remote(name: str | Path) -> None:
    """Raise an InputError for the address of a remote file.

    Examples
    --------
    >>> refuse_remote("data/a.root")
    >>> refuse_remote("root://eos.example/a.root")
    Traceback (most recent call last):
    nuem.inputs.errors.InputError: root://eos.example/a.root: an address, and not a
    ...
    """
    if (match := _URL.match(str(name))) and len(match[1]) > 1:  # C:/ is a disk
        raise InputError(
            "an address, and not a file on a disk", file=name, found=f"{match[1]}://",
            expected="a path (a mounted folder, or a copy, such as xrdcp makes)",
        )  # fmt: skip


@contextmanager
def open_regular(
    file: str | Path, before: Stamp | None = None
) -> Iterator[tuple[int, Stamp]]:
    """Open a file for reading, with errors of one line.

    Parameters
    ----------
    file : str or Path
        On a local or mounted disk.
    before : Stamp, optional
        Of an earlier opening.

    Yields
    ------
    descriptor : int
        For reading at any place.
    stamp : Stamp
        For the next opening.

    Raises
    ------
    InputError
        If it is no file that can be read, is not the one of before, or changes while
        it is open.
    """
    refuse_remote(file)
    try:
        # to open a pipe would wait for its writer, and a tape would be wound back
        _check_regular(file, os.stat(file))  # noqa: PTH116
        descriptor = os.open(file, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0))
    except FileNotFoundError as error:
        raise InputError("no such file", file=file, expected=_EXPECTED) from error
    except OSError as error:
        raise InputError(
            "cannot be read", file=file, found=error.strerror, expected=_EXPECTED
        ) from error
    except ValueError as error:  # a zero byte in the name
        raise InputError("no such file", file=repr(file), found=error) from error
    try:
        status = os.fstat(descriptor)
        _check_regular(file, status)
        stamp = Stamp.of(status)
        _compare(file, stamp, stamp if before is None else before)
        try:
            yield descriptor, stamp
        except InputError:
            # a change explains what else may be wrong
            _compare(file, Stamp.of(os.fstat(descriptor)), stamp)
            raise
        _compare(file, Stamp.of(os.fstat(descriptor)), stamp)
    finally:
        os.close(descriptor)


def file_digest(file: str | Path, before: Stamp | None = None) -> str:
    """The sha256 of a file, in hexadecimal.

    Raises
    ------
    InputError
        As `open_regular`.
    """
    with (
        open_regular(file, before) as (descriptor, _),
        open(descriptor, "rb", buffering=0, closefd=False) as stream,
    ):
        try:
            return hashlib.file_digest(stream, "sha256").hexdigest()
        except OSError as error:
            raise InputError(
                "cannot be read", file=file, found=error.strerror, expected=_EXPECTED
            ) from error


def _check_regular(file: str | Path, status: os.stat_result) -> None:
    if stat.S_ISREG(status.st_mode):
        return
    found = next((kind for test, kind in _KINDS if test(status.st_mode)), "no file")
    raise InputError("cannot be read", file=file, found=found, expected=_EXPECTED)


def _compare(file: str | Path, found: Stamp, expected: Stamp) -> None:
    if not found.same_as(expected):
        raise InputError(
            "the file was changed or replaced while it was read", file=file,
            found=found, expected=expected,
        )  # fmt: skip
