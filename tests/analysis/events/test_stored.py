"""Columns that are read past uproot: the same numbers, or none."""

from __future__ import annotations

import os
from pathlib import Path

import awkward as ak
import numpy as np
import numpy.typing as npt
import pytest
import uproot
import xxhash

from nuem.analysis.events.rootfile import open_file
from nuem.analysis.events.source import stored_columns
from nuem.analysis.events.stored import Memory, Stored, read_stored
from nuem.inputs.errors import InputError

TYPES = ("i1", "u1", "i2", "u2", "i4", "u4", "i8", "u8", "f4", "f8")
COMPRESSIONS = {
    "none": None, "zlib": uproot.ZLIB(4), "lz4": uproot.LZ4(4), "zstd": uproot.ZSTD(3),
}  # fmt: skip


def columns(size: int) -> dict[str, npt.NDArray[np.generic]]:
    rng = np.random.default_rng(size)
    return {t: rng.integers(0, 100, size).astype(t) for t in TYPES}


def write(path: Path, kind: str, compression: uproot.compression.Compression) -> str:
    with uproot.recreate(path, compression=compression) as file:
        types = {name: column.dtype for name, column in columns(1).items()}
        tree = (file.mktree if kind == "tree" else file.mkrntuple)("t", types)
        for size in (700, 1, 300, 999):
            tree.extend(columns(size))
    return str(path)


@pytest.mark.parametrize("kind", ["tree", "rntuple"])
@pytest.mark.parametrize("name", COMPRESSIONS)
def test_same_numbers_as_uproot(tmp_path: Path, kind: str, name: str) -> None:
    path = write(tmp_path / "f.root", kind, COMPRESSIONS[name])
    with uproot.open(path) as file:
        expected = file["t"].arrays(library="np")
    memory = Memory()
    with open_file(path) as file:
        stored = stored_columns(file.tree("t"), [*TYPES, "other"])
        assert set(stored) == set(TYPES)
        for first, last in ((0, 2000), (0, 0), (2000, 2000), (699, 702), (700, 701),
                            (10, 1100), (1999, 2000)):  # fmt: skip
            found = read_stored(file.descriptor, stored, first, last, path, memory)
            assert set(found) == set(TYPES)
            for column, values in found.items():
                assert values.dtype == expected[column].dtype
                np.testing.assert_array_equal(values, expected[column][first:last])
            part = {n: s.within(first, last) for n, s in stored.items()}
            again = read_stored(file.descriptor, part, first, last, path)
            assert all(np.array_equal(again[n], found[n]) for n in TYPES)


def test_other_columns_are_left_to_uproot(tmp_path: Path) -> None:
    path = tmp_path / "f.root"
    with uproot.recreate(path, compression=uproot.LZMA(1)) as file:
        jagged = ak.Array([[1.0], [], [2.0, 3.0]] * 100)
        fixed = np.ones((300, 3))
        file["t"] = {"x": np.arange(300) % 2, "hits": jagged, "fixed": fixed}
    with open_file(path) as opened:
        stored = stored_columns(opened.tree("t"), ["x", "hits", "fixed"])
        assert set(stored) == {"x"}
        assert read_stored(opened.descriptor, stored, 0, 300, path) == {}


def page(path: Path, content: bytes, encoding: str, checksum: bytes = b"") -> Stored:
    """One page at byte 3 of a file."""
    path.write_bytes(b"abc" + content + checksum)
    count = len(content) // np.dtype(encoding.split(maxsplit=1)[0]).itemsize
    return Stored(
        "page", encoding, np.array([0, count]), np.array([3]),
        np.array([len(content)]), np.array([bool(checksum)]),
    )  # fmt: skip


def read_page(path: Path, stored: Stored) -> dict[str, npt.NDArray[np.generic]]:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        last = int(stored.edges[-1])
        return read_stored(descriptor, {"x": stored}, 0, last, path)
    finally:
        os.close(descriptor)


def test_split_bytes_and_signs(tmp_path: Path) -> None:
    """As the Binary Format Specification has it: -1 is 1, 1 is 2, -2 is 3, ..."""
    values = np.array([0, -1, 1, -2, 2**31 - 1, -(2**31)], "<i4")
    zigzag = np.array([0, 1, 2, 3, 2**32 - 2, 2**32 - 1], "<u4")
    split = zigzag.view("u1").reshape(-1, 4).T.tobytes()
    stored = page(tmp_path / "p", split, "<i4 split zigzag")
    np.testing.assert_array_equal(read_page(tmp_path / "p", stored)["x"], values)
    energies = np.array([0.1, -2.5, np.inf, 1e300])
    split = energies.view("u1").reshape(-1, 8).T.tobytes()
    stored = page(tmp_path / "p", split, "<f8 split")
    np.testing.assert_array_equal(read_page(tmp_path / "p", stored)["x"], energies)


def test_checksum_of_a_page(tmp_path: Path) -> None:
    content = np.arange(5.0).tobytes()
    checksum = xxhash.xxh3_64_intdigest(content).to_bytes(8, "little")
    stored = page(tmp_path / "p", content, "<f8", checksum)
    assert read_page(tmp_path / "p", stored)["x"].tolist() == [0, 1, 2, 3, 4]
    damaged = bytearray((tmp_path / "p").read_bytes())
    damaged[20] ^= 1
    (tmp_path / "p").write_bytes(damaged)
    with pytest.raises(
        InputError, match=r"p: x: the file is damaged: found .*checksum"
    ):
        read_page(tmp_path / "p", stored)


@pytest.mark.parametrize("at", range(0, 400, 7))
def test_no_number_of_a_damaged_basket(tmp_path: Path, at: int) -> None:
    """With LZ4, whose blocks have a checksum, all bytes that matter are checked."""
    path = tmp_path / "f.root"
    values = np.arange(500, dtype="i4") // 7
    with uproot.recreate(path, compression=uproot.LZ4(4)) as file:
        file.mktree("t", {"x": "i4"}).extend({"x": values})
    with open_file(path) as opened:
        stored = stored_columns(opened.tree("t"), ["x"])
    begin, size = int(stored["x"].seek[0]), int(stored["x"].size[0])
    damaged = bytearray(path.read_bytes())
    damaged[begin + at % size] ^= 0x10
    path.write_bytes(damaged)
    descriptor = os.open(path, os.O_RDONLY)
    try:
        found = read_stored(descriptor, stored, 0, 500, path)
    finally:
        os.close(descriptor)
    assert not found or np.array_equal(found["x"], values)
