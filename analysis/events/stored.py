"""Columns of plain numbers, taken from the file straight into arrays.

uproot reads everything, with several Python objects and fresh memory for each basket:
for columns of one number per entry that takes longer than the decompression. Here uproot
says once where the numbers of such a column lie in the file, and they are decompressed
into memory that is used again. Whatever is not quite as expected is left to uproot,
and so are the errors.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from nuem.analysis.events.rootfile import reading
from nuem.inputs.errors import InputError

__all__ = ["Memory", "Stored", "locate", "read_stored"]

_Bytes = npt.NDArray[np.uint8]

#: Begin and end of what precedes the content of a basket (ROOT, TKey and TBasket).
_KEY = struct.Struct(">ihiIhh")
_BASKET = struct.Struct(">Hiiiib")
#: Compressed blocks: algorithm, method, compressed and uncompressed size.
_BLOCK = 9
_CHECKSUM = 8

#: Numbers of columns of RNTuples (its Binary Format Specification, "Column Types") that
#: are one number per entry: how they are stored, and in which encoding.
_ENCODINGS = {
    0x03: "<i1", 0x04: "<u1", 0x05: "<i2", 0x06: "<u2", 0x07: "<i4", 0x08: "<u4",
    0x09: "<i8", 0x0A: "<u8", 0x0C: "<f4", 0x0D: "<f8",
    0x11: "<i2 split zigzag", 0x12: "<u2 split", 0x13: "<i4 split zigzag",
    0x14: "<u4 split", 0x15: "<i8 split zigzag", 0x16: "<u8 split",
    0x18: "<f4 split", 0x19: "<f8 split",
}  # fmt: skip


class _OddError(Exception):
    """Something is not as expected: uproot is to read it, or to say what is wrong."""


class Memory:
    """Memory that is used again: to take it fresh costs as much as to decompress.

    Examples
    --------
    >>> memory = Memory()
    >>> first = memory.room("energy", 8)
    >>> np.shares_memory(first, memory.room("energy", 4))
    True
    """

    def __init__(self) -> None:
        self._rooms: dict[str, _Bytes] = {}

    def room(self, name: str, size: int) -> _Bytes:
        """Return so many bytes; those that had this name before are overwritten."""
        room = self._rooms.get(name)
        if room is None or len(room) < size:
            room = self._rooms[name] = np.empty(size, np.uint8)
        return room[:size]


#: What damaged places and sizes lead to.
_LEFT_TO_UPROOT = (
    _OddError, OSError, ValueError, OverflowError, MemoryError, struct.error,
)  # fmt: skip


@dataclass(frozen=True, eq=False)
class Stored:
    """Where the numbers of a column lie in a file.

    Parameters
    ----------
    kind : {"basket", "page"}
        Of a TTree or of an RNTuple.
    encoding : str
        Type of a number as it is stored (``>f4``), and what was done with the bytes:
        ``split`` (all first bytes, all second ones, ...), ``zigzag`` (signs last).
    edges : ndarray of int64, shape (baskets + 1,)
        Basket i holds the entries ``edges[i] <= entry < edges[i + 1]``.
    seek, size : ndarray of int64, shape (baskets,)
        Place and number of bytes in the file.
    checksum : ndarray of bool, shape (baskets,)
        Whether a checksum follows.
    """

    kind: Literal["basket", "page"]
    encoding: str
    edges: npt.NDArray[np.int64]
    seek: npt.NDArray[np.int64]
    size: npt.NDArray[np.int64]
    checksum: npt.NDArray[np.bool_]

    def within(self, first: int, last: int) -> Stored:
        """Return the part that holds a range of entries."""
        part = self._part(first, last)
        return replace(
            self,
            edges=self.edges[part.start : part.stop + 1],
            seek=self.seek[part],
            size=self.size[part],
            checksum=self.checksum[part],
        )

    def _part(self, first: int, last: int) -> slice:
        start = int(np.searchsorted(self.edges, first, "right")) - 1
        stop = int(np.searchsorted(self.edges, last, "left"))
        return slice(start, max(start, stop))


def locate(tree: Any, column: Any, entries: int) -> Stored | None:
    """Find out where a column is stored.

    Parameters
    ----------
    tree, column : uproot objects
        TTree and branch, or RNTuple and field.
    entries : int
        Of the tree.

    Returns
    -------
    Stored or None
        None if it is not one plain number per entry, or unusual in any way.
    """
    try:
        with reading(tree.file.file_path, tree.name):
            found = _pages if "RNTuple" in tree.classname else _baskets
            stored = found(tree, column)
    except InputError:  # it will come again when uproot reads
        return None
    if stored is None or stored.edges[-1] != entries:
        return None
    return None if (np.diff(stored.edges) < 0).any() else stored


def _baskets(_: Any, branch: Any) -> Stored | None:
    how = branch.interpretation
    if type(how).__name__ != "AsDtype" or how.from_dtype.kind not in "biuf":
        return None
    # baskets inside of the branch itself: its writer was stopped
    if how.to_dtype != how.from_dtype.newbyteorder("=") or branch.embedded_baskets:
        return None
    edges = np.array(branch.entry_offsets, np.int64)
    count = len(edges) - 1
    seek = np.array(branch.member("fBasketSeek")[:count], np.int64)
    size = np.array(branch.member("fBasketBytes")[:count], np.int64)
    if len(seek) != count or len(size) != count:
        return None
    encoding = str(how.from_dtype.str)
    return Stored("basket", encoding, edges, seek, size, np.zeros(count, bool))


def _pages(ntuple: Any, field: Any) -> Stored | None:
    number = field.field_id
    records = [c for c in ntuple.column_records if c.field_id == number]
    if ntuple.field_records[number].parent_field_id != number or len(records) != 1:
        return None
    encoding = _ENCODINGS.get(records[0].type)
    if encoding is None or records[0].flags or ntuple.field_records[number].repetition:
        return None
    edges, pages = [0], []
    clusters = zip(ntuple.cluster_summaries, ntuple.page_link_list, strict=True)
    for cluster, links in clusters:
        link = links[records[0].idx]
        if cluster.num_first_entry != edges[-1] or link.suppressed:
            return None
        for page in link.pages:
            edges.append(edges[-1] + page.num_elements)
            pages.append(
                (page.locator.offset, page.locator.num_bytes, page.has_checksum)
            )
        if edges[-1] != cluster.num_first_entry + cluster.num_entries:
            return None
    table = np.array(pages, np.int64).reshape(-1, 3)
    where = table[:, 0], table[:, 1], table[:, 2].astype(bool)
    return Stored("page", encoding, np.array(edges, np.int64), *where)


def read_stored(
    descriptor: int,
    columns: Mapping[str, Stored],
    first: int,
    last: int,
    file: object,
    memory: Memory | None = None,
) -> dict[str, npt.NDArray[np.generic]]:
    """Read a range of entries.

    Parameters
    ----------
    descriptor : int
        Of the open file.
    columns : mapping of str to Stored
        Columns.
    first, last : int
        The entries ``first <= i < last``.
    file : object
        Names the file in errors.
    memory : Memory, optional
        Where the arrays are made: they hold until it is used again.

    Returns
    -------
    dict of str to ndarray, shape (entries,)
        Without columns that are better left to uproot.

    Raises
    ------
    InputError
        If bytes are not those of their checksum.
    """
    memory = Memory() if memory is None else memory
    arrays = {}
    for name, stored in columns.items():
        try:
            part = stored.within(first, last)
            dtype = np.dtype(stored.encoding.partition(" ")[0])
            room = memory.room(f"column {name}", (last - first) * dtype.itemsize)
            array = room.view(dtype.newbyteorder("="))
            _read_column(descriptor, part, first, array, memory)
            arrays[name] = array
        except _DamagedError as error:
            raise InputError(
                "the file is damaged", file=file, field=name, found=str(error),
                expected="the checksum of the page",
            ) from error  # fmt: skip
        except _LEFT_TO_UPROOT:
            continue
    return arrays


class _DamagedError(Exception):
    """Bytes that are not those of their checksum."""


def _read_column(
    descriptor: int,
    stored: Stored,
    first: int,
    out: npt.NDArray[np.generic],
    memory: Memory,
) -> None:
    """Read the entries from the first one on into an array."""
    encoding, *steps = stored.encoding.split()
    dtype = np.dtype(encoding)
    last = first + len(out)
    rows = zip(
        stored.edges[:-1].tolist(), stored.edges[1:].tolist(), stored.seek.tolist(),
        stored.size.tolist(), stored.checksum.tolist(), strict=True,
    )  # fmt: skip
    unpack = _basket if stored.kind == "basket" else _page
    done = 0
    for begin, end, seek, size, checksum in rows:
        raw = memory.room("compressed", size + checksum * _CHECKSUM)
        if os.preadv(descriptor, [raw.data], seek) != len(raw):
            raise _OddError("a file that is too short")
        content = unpack(raw, (end - begin) * dtype.itemsize, checksum, memory)
        values = _decoded(content, dtype, steps)
        low, high = max(begin, first), min(end, last)
        out[low - first : high - first] = values[low - begin : high - begin]
        done += high - low
    if done != len(out):
        raise _OddError("entries that are in no basket")


def _basket(raw: _Bytes, expected: int, _: bool, memory: Memory) -> _Bytes:
    total, _version, content, _date, key, _cycle = _KEY.unpack_from(raw.data)
    if total != len(raw) or not _KEY.size + _BASKET.size <= key <= len(raw):
        raise _OddError("another key")
    *_rest, end, _flag = _BASKET.unpack_from(raw.data, key - _BASKET.size)
    # where each entry begins may follow the numbers
    if end - key != expected or content < expected:
        raise _OddError("another number of bytes")
    return _uncompressed(raw[key:], content, memory)[:expected]


def _page(raw: _Bytes, expected: int, checksum: bool, memory: Memory) -> _Bytes:
    import xxhash

    page = raw[: len(raw) - checksum * _CHECKSUM]
    if checksum:
        found = xxhash.xxh3_64_intdigest(page.data)
        if found.to_bytes(_CHECKSUM, "little") != raw[len(page) :].tobytes():
            raise _DamagedError(f"{found:016x}")
    return _uncompressed(page, expected, memory)


def _uncompressed(raw: _Bytes, size: int, memory: Memory) -> _Bytes:
    """Decompress blocks until there are so many bytes."""
    if len(raw) == size:
        return raw
    content = memory.room("content", size)
    place = filled = 0
    while filled < size:
        head = raw[place : place + _BLOCK].tolist()
        if len(head) < _BLOCK:
            raise _OddError("no more blocks")
        packed = head[3] | head[4] << 8 | head[5] << 16
        unpacked = head[6] | head[7] << 8 | head[8] << 16
        place += _BLOCK
        block = raw[place : place + packed]
        room = content[filled : filled + unpacked]
        if len(block) != packed or len(room) != unpacked or not unpacked:
            raise _OddError("blocks of another size")
        if _unpack(bytes(head[:2]), block, room) != unpacked:
            raise _OddError("a block of another size")
        place += packed
        filled += unpacked
    if place != len(raw):
        raise _OddError("more blocks than expected")
    return content


def _unpack(algorithm: bytes, block: _Bytes, room: _Bytes) -> int:
    """Decompress a block, and return the number of bytes."""
    import cramjam

    try:
        if algorithm == b"ZS":
            return int(cramjam.zstd.decompress_into(block.data, room.data))
        if algorithm == b"ZL":
            return int(cramjam.zlib.decompress_into(block.data, room.data))
        if algorithm == b"L4":
            import xxhash

            found = xxhash.xxh64_intdigest(block[_CHECKSUM:].data)
            if found.to_bytes(_CHECKSUM, "big") != block[:_CHECKSUM].tobytes():
                raise _OddError("another checksum")
            content = block[_CHECKSUM:].data
            size = len(room)
            return int(
                cramjam.lz4.decompress_block_into(content, room.data, output_len=size)
            )
    except cramjam.DecompressionError as error:
        raise _OddError(str(error)) from error
    raise _OddError("another algorithm")


def _decoded(
    content: _Bytes, dtype: np.dtype[np.generic], steps: list[str]
) -> npt.NDArray[np.generic]:
    """Undo what was done with the bytes."""
    if "split" in steps:
        count = len(content) // dtype.itemsize
        joined = np.empty((count, dtype.itemsize), np.uint8)
        joined[...] = content.reshape(dtype.itemsize, count).T
        content = joined.reshape(-1)
    if "zigzag" in steps:
        bits = content.view(dtype.str.replace("i", "u"))
        content = ((bits >> 1) ^ (0 - (bits & 1))).view(np.uint8)
    return content.view(dtype)
