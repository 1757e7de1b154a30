"""One file from a pinned address: resumed where it broke off, accepted by its sha256."""

from __future__ import annotations

import http.client
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

from nuem.inputs.errors import InputError
from nuem.inputs.files import make_folder, sha256_file

__all__ = ["download"]

_BLOCK = 1 << 16
_TRIES = 3
_TIMEOUT_S = 30.0
#: What a server says to a range that begins at or beyond the end of the file.
_RANGE_NOT_SATISFIABLE = 416
_PARTIAL = 206


def download(
    address: str,
    sha256: str,
    path: str | Path,
    *,
    progress: Callable[[str], None] | None = None,
) -> Path:
    """Get a file, going on where an earlier attempt broke off.

    Parameters
    ----------
    address : str
        ``https://`` or ``http://``.
    sha256 : str
        Of the whole file, hexadecimal.
    path : str or Path
        Where it goes. Until it is complete and its sha256 fits, its bytes are in
        ``path`` with ``.part`` appended, and nothing is at ``path``.
    progress : callable, optional
        Told how far it is.

    Returns
    -------
    Path

    Raises
    ------
    InputError
        If the server does not have it or breaks off three times (what came stays, for
        the next call), or if the sha256 differs (nothing stays).
    """
    path = Path(path)
    make_folder(path.parent)
    part = path.with_name(path.name + ".part")
    say = progress or (lambda _: None)
    for attempt in range(_TRIES):
        there = part.stat().st_size if part.is_file() else 0
        if there and sha256_file(part) == sha256:
            break
        resumed = f", from byte {there}" if there else ""
        say(f"download: {path.name}{resumed}")
        try:
            _receive(address, part, there)
        except urllib.error.HTTPError as error:
            if error.code != _RANGE_NOT_SATISFIABLE or not there:
                raise InputError(
                    "the server does not have the file", file=address,
                    found=f"HTTP {error.code} {error.reason}",
                    expected="the pinned release (or --from with a local copy)",
                ) from None  # fmt: skip
            # longer than the file: what is there is none of it
            part.unlink()
            continue
        except (OSError, http.client.HTTPException) as error:
            if attempt < _TRIES - 1:
                continue
            there = part.stat().st_size if part.is_file() else 0
            reason = getattr(error, "reason", None) or type(error).__name__
            raise InputError(
                "the download broke off; the same call goes on from there",
                file=address, found=f"{there} bytes, {reason}",
            ) from None  # fmt: skip
        if sha256_file(part) == sha256:
            break
        if not there:
            _refuse(part, address, sha256)
        # a file that was put together may be of two versions: once more, in one piece
        part.unlink()
    else:
        _refuse(part, address, sha256)
    part.replace(path)
    return path


def _refuse(part: Path, address: str, sha256: str) -> None:
    found = sha256_file(part) if part.is_file() else "nothing"
    part.unlink(missing_ok=True)
    raise InputError(
        "not the pinned release: the sha256 differs", file=address,
        found=found, expected=sha256,
    )  # fmt: skip


def _receive(address: str, part: Path, there: int) -> None:
    """Append to what is there, or begin anew where the server does not do ranges."""
    request = urllib.request.Request(address, headers={"User-Agent": "nuem"})
    if there:
        request.add_header("Range", f"bytes={there}-")
    with urllib.request.urlopen(request, timeout=_TIMEOUT_S) as answer:
        wanted = f"bytes {there}-"
        goes_on = (
            there > 0
            and answer.status == _PARTIAL
            and str(answer.headers.get("Content-Range", "")).startswith(wanted)
        )
        length = answer.headers.get("Content-Length")
        with part.open("ab" if goes_on else "wb") as stream:
            received = _copy(answer, stream)
    if length is not None and received != int(length):
        raise http.client.IncompleteRead(b"", int(length) - received)


def _copy(answer: http.client.HTTPResponse, stream: BinaryIO) -> int:
    received = 0
    while block := answer.read(_BLOCK):
        stream.write(block)
        received += len(block)
    return received
