from __future__ import annotations

import os
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import awkward as ak
import numpy as np
import pytest
import uproot

from nuem.analysis.events import expand, read_run_list
from nuem.analysis.events.chunks import chunk_edges
from nuem.analysis.events.rootfile import reading
from nuem.analysis.events.source import describe_tree, read
from nuem.inputs.errors import InputError

from .conftest import events

Write = Callable[..., str]
COMPRESSIONS = [None, uproot.ZLIB(1), uproot.LZ4(1), uproot.ZSTD(1), uproot.LZMA(1)]


@pytest.mark.parametrize("rntuple", [False, True], ids=["ttree", "rntuple"])
@pytest.mark.parametrize("compression", COMPRESSIONS, ids=str)
def test_what_was_written_is_read(
    write: Write, rntuple: bool, compression: Any
) -> None:
    columns = events(300)
    path = write("a.root", {"t": columns}, rntuple=rntuple, compression=compression)
    arrays = read(path, "t", list(columns), 20, 270)
    for name, column in columns.items():
        assert ak.to_list(arrays[name]) == ak.to_list(column[20:270]), name
    assert isinstance(arrays["adc"], np.ndarray)
    assert arrays["adc"].dtype.isnative
    assert describe_tree(path, "t").entries == 300


def test_assignment_writes_an_rntuple_that_is_read(tmp_path: Path) -> None:
    path = tmp_path / "a.root"
    with uproot.recreate(path) as file:
        file["folder/t"] = {"E": np.arange(3.0)}
    assert read(path, "folder/t", ["E"], 1, 3)["E"].tolist() == [1.0, 2.0]


@pytest.mark.parametrize("rntuple", [False, True], ids=["ttree", "rntuple"])
@pytest.mark.parametrize("name", ["hits.e/keV", "a b", "/r/", "*", "s.x"])
def test_odd_names(write: Write, rntuple: bool, name: str) -> None:
    columns = {name: np.arange(5.0), "q": -np.arange(5.0)}
    path = write("a.root", {"t": columns}, rntuple=rntuple)
    arrays = read(path, "t", [name], 0, 5)
    assert list(arrays) == [name]
    assert arrays[name].tolist() == [0, 1, 2, 3, 4]


def test_fixed_size_and_nested_and_optional_columns(tmp_path: Path) -> None:
    path = tmp_path / "a.root"
    records = ak.Array([[{"e": 1.5, "t": 2}], [], [{"e": 1.0, "t": 2}] * 2])
    with uproot.recreate(path) as file:
        file.mktree("t", {"pmt": np.arange(12.0).reshape(3, 4)})
        file.mkrntuple(
            "r",
            {
                "pmt": np.arange(12.0).reshape(3, 4),
                "vv": ak.Array([[[1.0, 2.0], []], [], [[3.0]]]),
                "hits": records,
                "maybe": ak.Array([1.0, None, 3.0]),
            },
        )
    for tree in ("t", "r"):
        pmt = read(path, tree, ["pmt"], 1, 3)["pmt"]
        assert pmt.tolist() == [[4, 5, 6, 7], [8, 9, 10, 11]]
        # one value per event broadcasts to the hits, as for jagged branches
        assert (pmt * np.array([1, 10])).tolist()[1] == [80, 90, 100, 110]
    arrays = read(path, "r", ["vv", "hits.e", "maybe"], 0, 3)
    assert arrays["vv"].tolist() == [[[1, 2], []], [], [[3]]]
    assert arrays["hits.e"].tolist() == [[1.5], [], [1, 1]]
    np.testing.assert_array_equal(arrays["maybe"], [1.0, np.nan, 3.0])
    with pytest.raises(
        InputError, match="t: r: hits: the branch does not hold numbers"
    ):
        read(path, "r", ["hits"], 0, 3)


def test_empty_tree(write: Write) -> None:
    path = write("a.root", {"t": {"E": np.zeros(0)}})
    assert read(path, "t", ["E"], 0, 0)["E"].shape == (0,)
    assert chunk_edges(path, "t", ["E"]) == (0,)


def one_line(path: object, *parts: str, tree: str = "t", branch: str = "E") -> None:
    with pytest.raises(InputError) as caught:
        read(str(path), tree, [branch], 0, 1)
    line = str(caught.value)
    assert line.startswith(f"{path}: ")
    assert "\n" not in line
    for part in parts:
        assert part in line


def test_files_that_cannot_be_read(tmp_path: Path, write: Write) -> None:
    one_line(tmp_path / "no.root", "no such file", "expected a ROOT file")
    one_line(tmp_path, "found a directory", "expected a ROOT file")
    path = tmp_path / "a.root"
    path.write_bytes(b"")
    one_line(path, "found an empty file")
    path.write_bytes(b"PK\x03\x04 a zip file")
    one_line(path, "not a ROOT file: found the first bytes b'PK")
    path.write_bytes(b"root")
    one_line(path, "truncated: found 4 bytes, expected 100 bytes or more")
    path.write_bytes(b"root of all evil" + bytes(200))
    one_line(path, "damaged")
    whole = Path(write("b.root", {"t": events(500)})).read_bytes()
    for size in (120, 400, len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole[:size])
        one_line(
            path, f"the file is truncated: found {size} bytes, expected the"
            f" {len(whole)} bytes that its header tells of",
        )  # fmt: skip
    path.write_bytes(whole[:60] + b"\xff" * 150 + whole[210:])
    one_line(path, "damaged", "expected a complete ROOT file")


def test_what_is_no_regular_file_does_not_hang(tmp_path: Path) -> None:
    pipe, plug = tmp_path / "pipe.root", tmp_path / "plug.root"
    os.mkfifo(pipe)
    one_line(pipe, "cannot be read: found a pipe, expected a ROOT file")
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(plug))
        one_line(plug, "cannot be read: found a socket")
    one_line("/dev/zero", "cannot be read: found a device")


def test_addresses_are_refused_by_name(tmp_path: Path) -> None:
    for address in ("root://eos.cern.ch//eos/a.root", "https://example.org/a.root?x=1"):
        scheme = address.partition("//")[0] + "//"
        one_line(address, f"an address, and not a file on a disk: found {scheme}")
        with pytest.raises(InputError, match="an address, and not a file"):
            expand([address])
        runs = tmp_path / "runs.csv"
        runs.write_text(f"file,run\n{address},1\n")
        with pytest.raises(InputError, match="an address, and not a file"):
            read_run_list(runs)


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="root reads all")
def test_file_without_permission(write: Write) -> None:
    path = Path(write("a.root", {"t": {"E": np.zeros(3)}}))
    path.chmod(0)
    one_line(path, "cannot be read: found Permission denied")


def test_trees_and_branches_that_are_not_there(tmp_path: Path, write: Write) -> None:
    path = write("a.root", {"t": {"E": np.zeros(3)}, "u": {"x": np.zeros(3)}})
    one_line(path, "zz: no such tree: expected one of t, u", tree="zz")
    one_line(path, "t: x: no such branch: expected one of E", branch="x")
    other = tmp_path / "b.root"
    with uproot.recreate(other) as file:
        file["h"] = np.histogram([1.0])
        file["s"] = {"name": ak.Array(["a", "b"]), "E": np.zeros(2)}
    one_line(other, "h: not a tree: found TH1D, expected one of s", tree="h")
    one_line(
        other, "s: zz: no such branch: expected one of E, name", tree="s", branch="zz"
    )
    one_line(
        other,
        "name: the branch does not hold numbers: found string",
        tree="s",
        branch="name",
    )
    with uproot.recreate(other):
        pass
    one_line(other, "no such tree: found no trees, expected a file that holds trees")
    with uproot.recreate(other) as file:
        file["h"] = np.histogram([1.0])
    one_line(other, "t: no such tree: found no trees, but h (TH1D), expected a file")
    with pytest.raises(InputError, match="incomplete: found 3 entries, expected 9"):
        read(path, "t", ["E"], 0, 9)


def test_a_size_beyond_all_memory_is_one_line() -> None:
    with (
        pytest.raises(
            InputError, match=r"^a.root: t: the file is damaged, or its pieces"
        ),
        reading("a.root", "t"),
    ):
        np.empty(2**50, np.int64)


@pytest.mark.parametrize("rntuple", [False, True], ids=["ttree", "rntuple"])
def test_damage_is_an_input_error_or_unseen(write: Write, rntuple: bool) -> None:
    path = Path(
        write("a.root", {"t": events(200)}, rntuple=rntuple, compression=uproot.ZSTD(1))
    )
    whole = bytearray(path.read_bytes())
    rng = np.random.default_rng(5)
    noticed = 0
    for _ in range(25):
        damaged = whole.copy()
        at = int(rng.integers(len(whole)))
        damaged[at : at + 8] = rng.bytes(8)
        path.write_bytes(damaged[: len(whole)])
        try:
            read(path, "t", ["adc", "hits"], 0, 200)
        except InputError as error:
            assert "\n" not in str(error)  # noqa: PT017
            noticed += 1
    assert noticed


def test_chunks_fit_the_memory_and_end_where_baskets_do(write: Write) -> None:
    columns = {"E": np.zeros(1000), "x": np.zeros(1000)}
    path = write("a.root", {"t": columns}, basket=100)
    assert chunk_edges(path, "t", ["E"]) == (0, 1000)
    assert chunk_edges(path, "t", ["E", "x"], memory=4000) == (
        0,
        200,
        400,
        600,
        800,
        1000,
    )
    assert chunk_edges(path, "t", ["E"], memory=10) == tuple(range(0, 1001, 100))
    assert chunk_edges(path, "t", ["E"], entries=400) == (0, 400, 800, 1000)
    one = write("b.root", {"t": columns})
    # a basket is decompressed as a whole: cutting it saves nothing
    assert chunk_edges(one, "t", ["E"], memory=10) == (0, 1000)
    ntuple = write("c.root", {"t": columns}, rntuple=True, basket=100)
    edges = chunk_edges(ntuple, "t", ["E"], memory=4000)
    assert edges[0] == 0
    assert edges[-1] == 1000
    assert 3 <= len(edges) <= 6
