"""Files as every room writes them: whole or not at all, and known by their sha256."""

from __future__ import annotations

import contextlib
import hashlib
import json
import math
import os
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from nuem.inputs.errors import InputError

__all__ = [
    "atomic_path",
    "cache_folder",
    "dump_json",
    "make_folder",
    "parse_json",
    "read_json",
    "sha256_file",
    "write_json",
]


def cache_folder() -> Path:
    """The folder of nuem in the user's cache.

    Examples
    --------
    >>> cache_folder().name
    'nuem'
    """
    cache = os.environ.get("XDG_CACHE_HOME", "")
    base = (
        Path(cache) if cache and Path(cache).is_absolute() else Path.home() / ".cache"
    )
    return base / "nuem"


@contextlib.contextmanager
def atomic_path(path: str | Path) -> Iterator[Path]:
    """A temporary name beside ``path`` that takes its place if all went well.

    Parameters
    ----------
    path : str or Path
        The file to be written; its folder is made.

    Yields
    ------
    Path
        Where to write.

    Raises
    ------
    InputError
        If the folder cannot be made or written to, or the disk is full.
    """
    path = Path(path)
    make_folder(path.parent)
    try:
        if path.is_dir():
            raise IsADirectoryError(21, "is a directory")
        handle, name = tempfile.mkstemp(
            dir=path.parent, prefix=f".{path.name}.", suffix=path.suffix
        )
    except OSError as error:
        raise _unwritable(path, error) from None
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        # mkstemp makes private files; results are as readable as any other file
        mask = os.umask(0)
        os.umask(mask)
        temporary.chmod(0o666 & ~mask)
        temporary.replace(path)
    except OSError as error:
        raise _unwritable(path, error) from error
    finally:
        temporary.unlink(missing_ok=True)


def make_folder(path: str | Path) -> Path:
    """Make a folder, and those above it, unless it is there.

    Raises
    ------
    InputError
        If it cannot be made or written to.
    """
    path = Path(path)
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise _unwritable(path, error) from None
    if not os.access(path, os.W_OK | os.X_OK):
        raise InputError("output cannot be written (permission denied)", file=path)
    return path


def dump_json(document: Any) -> str:
    """JSON text, with NaN and infinity refused and a newline at the end.

    Examples
    --------
    >>> dump_json({"a": 1})
    '{\\n "a": 1\\n}\\n'
    """
    return json.dumps(document, indent=1, allow_nan=False) + "\n"


def write_json(path: str | Path, document: Any) -> Path:
    """Write a JSON document atomically.

    Raises
    ------
    InputError
        If the output cannot be written.
    """
    text = dump_json(document)
    with atomic_path(path) as temporary:
        temporary.write_text(text, encoding="utf-8")
    return Path(path)


def read_json(path: str | Path) -> Any:
    """Read a JSON document, ``-`` from stdin; NaN and infinity are refused.

    Raises
    ------
    InputError
        If the file is missing, unreadable or not JSON.
    """
    if str(path) == "-":
        return parse_json(sys.stdin.read(), "-")
    path = Path(path)
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise InputError(f"cannot be read ({reason})", file=path) from None
    except UnicodeDecodeError:
        raise InputError("not JSON (not text)", file=path) from None
    return parse_json(text, path)


def parse_json(text: str, file: object) -> Any:
    """Parse JSON text that came from ``file``.

    Raises
    ------
    InputError
        If it is not JSON, or holds a number that is not finite.
    """
    try:
        return json.loads(
            text, parse_constant=_refuse, parse_float=_finite(float, file)
        )
    except (json.JSONDecodeError, RecursionError) as error:
        place = (
            f"line {error.lineno}" if isinstance(error, json.JSONDecodeError) else ""
        )
        raise InputError("not JSON", file=file, field=place or None) from None
    except _NotFiniteError as error:
        raise InputError("number is not finite", file=file, found=error) from None


def sha256_file(path: str | Path) -> str:
    """The sha256 of a file, in hexadecimal."""
    with Path(path).open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _unwritable(path: Path, error: OSError) -> InputError:
    reason = (error.strerror or str(error)).lower()
    return InputError(f"output cannot be written ({reason})", file=path)


class _NotFiniteError(ValueError):
    pass


def _refuse(word: str) -> Any:
    raise _NotFiniteError(word)


def _finite(convert: Callable[[str], float], file: object) -> Callable[[str], float]:
    def parse(text: str) -> float:
        value = convert(text)
        if not math.isfinite(value):
            raise InputError("number is not finite", file=file, found=text)
        return value

    return parse
