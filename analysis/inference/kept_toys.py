"""Toys and their files: kept, found again, put together.

A file holds a range of the toys of one truth, whichever call or shard has thrown it.
What belongs together is said by a key of the model and the test. The best fit at which
toys are drawn is not part of it, for its last digits differ between machines: a file
has the expected data that its toys were drawn from, which have to agree.
"""

from __future__ import annotations

import hashlib
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from nuem.inputs.errors import InputError
from nuem.inputs.files import atomic_path

__all__ = ["Store", "Toys", "group_toys", "load_toys", "merge_toys", "save_toys"]

_Array = NDArray[np.float64]
#: Expectations that agree to this are those of the same fit on two machines.
_SAME = 1e-5
#: What reading a file of which bytes are missing or changed can raise.
_DAMAGE = (
    ValueError, KeyError, TypeError, EOFError, AttributeError, SyntaxError,
    NotImplementedError, RuntimeError, OverflowError, MemoryError, zlib.error,
    zipfile.BadZipFile,
)  # fmt: skip


@dataclass(frozen=True)
class Toys:
    """Results of toys of one truth.

    Attributes
    ----------
    statistic : ndarray, shape (t,)
        -2 ln of the ratio of likelihoods, tested point to best fit; or the deviance.
    best_fit : ndarray, shape (t, k)
        Best fit of the tested parameters.
    status : ndarray of int, shape (t,)
        0 where the fits converged.
    expectation : ndarray, shape (m,)
        What toys were drawn from: expected counts, then the auxiliary data about which
        they are drawn, or at which they are held.
    first, total : int
        Number of the first toy here; and of all, of which this may be a part.
    seed : int
    key : str
        Digest of model, test and purpose: parts of different ones are not merged.
    read : int
        How many of them were read from files and not thrown.
    """

    statistic: _Array
    best_fit: _Array
    status: NDArray[np.int64]
    expectation: _Array
    first: int
    total: int
    seed: int
    key: str
    read: int = 0

    @property
    def failed(self) -> int:
        """Number of toys whose fits did not converge."""
        return int(np.count_nonzero(self.status))

    @property
    def file_name(self) -> str:
        """Under which `Store` finds them."""
        last = self.first + self.status.size
        return f"{_stem(self.key, self.seed, self.total)}-{self.first}-{last}.npz"


class Store:
    """Folder in which the toys of one truth are looked for and kept.

    Parameters
    ----------
    folder : str or Path
    key : str
    seed, total : int
        As in `Toys`.
    expectation : ndarray
        What the toys are drawn from.
    """

    def __init__(
        self, folder: str | Path, key: str, seed: int, total: int, expectation: _Array
    ) -> None:
        self._folder, self._key = Path(folder), key
        self._seed, self._total, self._expectation = seed, total, expectation

    def parts(self, begin: int, end: int) -> Iterator[Toys]:
        """Kept toys of which some are between two numbers.

        Raises
        ------
        InputError
            If a file is damaged, or has toys of something else.
        """
        stem = _stem(self._key, self._seed, self._total)
        for path in sorted(self._folder.glob(f"{stem}-*-*.npz")):
            first, _, last = path.stem.removeprefix(f"{stem}-").partition("-")
            if not (first.isdigit() and last.isdigit()):
                continue
            # not even opened: another shard may be at work on it
            if int(first) >= end or int(last) <= begin:
                continue
            toys = load_toys(path)
            if toys.file_name != path.name or toys.key != self._key:
                raise InputError(
                    "toys of something else than the name of the file says", file=path,
                    expected=toys.file_name,
                )  # fmt: skip
            if not _agree(toys.expectation, self._expectation):
                raise InputError(
                    "kept toys were drawn at another fit of the same workspace",
                    file=path, expected="another folder, or that the file is removed",
                )  # fmt: skip
            yield toys

    def save(self, toys: Toys) -> Path:
        """Keep toys."""
        return save_toys(self._folder / toys.file_name, toys)


def _stem(key: str, seed: int, total: int) -> str:
    return f"toys-{key[:20]}-{seed}-{total}"


def _agree(one: _Array, other: _Array) -> bool:
    return one.shape == other.shape and np.allclose(one, other, rtol=_SAME, atol=1e-6)


def save_toys(path: str | Path, toys: Toys) -> Path:
    """Write toys (npz), whole or not at all.

    Raises
    ------
    InputError
        If the file cannot be written.
    """
    with atomic_path(path) as temporary, temporary.open("wb") as stream:
        np.savez_compressed(
            stream, statistic=toys.statistic, best_fit=toys.best_fit,
            status=toys.status, expectation=toys.expectation,
            about=np.array([toys.first, toys.total, toys.seed], dtype=np.int64),
            key=np.array(toys.key), sha256=np.array(_content(toys)),
        )  # fmt: skip
    return Path(path)


def load_toys(path: str | Path) -> Toys:
    """Read toys and check them.

    Raises
    ------
    InputError
        If the file is missing, no toys, or damaged.
    """
    try:
        with Path(path).open("rb") as stream, np.load(stream) as there:
            first, total, seed = map(int, there["about"])
            status = there["status"]
            toys = Toys(
                statistic=there["statistic"], best_fit=there["best_fit"],
                status=status, expectation=there["expectation"], first=first,
                total=total, seed=seed, key=str(there["key"]), read=status.size,
            )  # fmt: skip
            digest = str(there["sha256"])
    except OSError as error:
        reason = (error.strerror or "not a file of toys").lower()
        raise InputError(f"cannot be read ({reason})", file=path) from None
    except _DAMAGE as error:
        raise InputError(f"damaged toys ({type(error).__name__})", file=path) from None
    if digest != _content(toys):
        raise InputError("damaged toys (wrong checksum)", file=path)
    return toys


def merge_toys(shards: Iterable[Toys]) -> Toys:
    """Put shards together; all have to be there.

    Raises
    ------
    InputError
        If one is missing, there twice, or belongs to something else.
    """
    ordered = sorted(shards, key=lambda toys: toys.first)
    if not ordered:
        raise InputError("no shards")
    lead = ordered[0]
    at = 0
    for toys in ordered:
        if (toys.key, toys.seed, toys.total) != (lead.key, lead.seed, lead.total):
            raise InputError("shards of different toys")
        if not _agree(toys.expectation, lead.expectation):
            raise InputError("shards of toys that were drawn at different fits")
        if toys.first != at:
            raise InputError(
                "shard missing or there twice", found=f"toy {toys.first}",
                expected=f"toy {at}",
            )  # fmt: skip
        at += toys.status.size
    if at != lead.total:
        raise InputError("shard missing", found=f"{at} toys", expected=lead.total)
    return Toys(
        statistic=np.concatenate([t.statistic for t in ordered]),
        best_fit=np.concatenate([t.best_fit for t in ordered]),
        status=np.concatenate([t.status for t in ordered]),
        expectation=lead.expectation, first=0, total=lead.total, seed=lead.seed,
        key=lead.key, read=lead.total,
    )  # fmt: skip


def group_toys(shards: Iterable[Toys]) -> list[list[Toys]]:
    """Shards by what they are shards of: a limit throws toys at many values."""
    groups: dict[tuple[str, int, int], list[Toys]] = {}
    for toys in shards:
        groups.setdefault((toys.key, toys.seed, toys.total), []).append(toys)
    return list(groups.values())


def _content(toys: Toys) -> str:
    digest = hashlib.sha256(
        f"{toys.first} {toys.total} {toys.seed} {toys.key}".encode()
    )
    for array in (toys.statistic, toys.best_fit, toys.status, toys.expectation):
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()
