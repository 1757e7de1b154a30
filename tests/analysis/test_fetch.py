"""Public data: downloaded from a server on the loopback, copied, converted."""

from __future__ import annotations

import hashlib
import http.server
import json
import re
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
import uproot
import yaml
from click.testing import CliRunner

from nuem.analysis.cli.fetching import fetch as command
from nuem.analysis.download import download
from nuem.analysis.fetch import fetch
from nuem.inputs.datasets import data_folder, dataset_names, load_dataset
from nuem.inputs.errors import InputError

CONTENT = bytes(range(256)) * 2000
SPECTRUM = "# keV on error off\n" + "".join(
    f"{0.205 + 0.01 * i:.5f} {10 - i} {1 + 0.1 * i} {5 - i}\n" for i in range(4)
)
SPECTRUM_SHA = hashlib.sha256(SPECTRUM.encode()).hexdigest()


class Handler(http.server.BaseHTTPRequestHandler):
    """A server of two files that can break off, and that does ranges or does not."""

    files: ClassVar[dict[str, bytes]] = {}
    requests: ClassVar[list[str | None]] = []
    cut_at: ClassVar[list[int]] = []
    ranges: ClassVar[bool] = True

    def do_GET(self) -> None:
        """Answer whole, in part, cut off or with 404."""
        asked = self.headers.get("Range")
        self.requests.append(asked)
        content = self.files.get(self.path)
        if content is None:
            self.send_error(404)
            return
        start = int(re.findall(r"\d+", asked)[0]) if asked and self.ranges else 0
        if start and start >= len(content):
            self.send_error(416)
            return
        self.send_response(206 if start else 200)
        if start:
            end = f"{len(content) - 1}/{len(content)}"
            self.send_header("Content-Range", f"bytes {start}-{end}")
        body = content[start:]
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body[: self.cut_at.pop(0)] if self.cut_at else body)

    def log_message(self, *args: Any) -> None:
        """Say nothing."""


@pytest.fixture
def server() -> Iterator[str]:
    Handler.files = {"/v1/data.bin": CONTENT, "/v1/spectrum.txt": SPECTRUM.encode()}
    Handler.requests.clear()
    Handler.cut_at.clear()
    Handler.ranges = True
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as http_server:
        thread = threading.Thread(target=http_server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{http_server.server_port}/v1/"
        http_server.shutdown()
        thread.join()


SHA = hashlib.sha256(CONTENT).hexdigest()


def test_a_good_download(server: str, tmp_path: Path) -> None:
    path = download(server + "data.bin", SHA, tmp_path / "data.bin")
    assert path.read_bytes() == CONTENT
    assert list(tmp_path.iterdir()) == [path]


def test_a_download_that_is_cut_off_goes_on_where_it_stopped(
    server: str, tmp_path: Path
) -> None:
    Handler.cut_at[:] = [100_000, 50_000]
    path = download(server + "data.bin", SHA, tmp_path / "data.bin")
    assert path.read_bytes() == CONTENT
    assert Handler.requests == [None, "bytes=100000-", "bytes=150000-"]


def test_a_download_that_stays_broken_is_resumed_by_the_next_call(
    server: str, tmp_path: Path
) -> None:
    Handler.cut_at[:] = [1000, 1000, 1000]
    with pytest.raises(InputError, match=r"broke off.*goes on.*3000 bytes"):
        download(server + "data.bin", SHA, tmp_path / "data.bin")
    assert not (tmp_path / "data.bin").exists()
    assert (tmp_path / "data.bin.part").read_bytes() == CONTENT[:3000]
    path = download(server + "data.bin", SHA, tmp_path / "data.bin")
    assert Handler.requests[-1] == "bytes=3000-"
    assert path.read_bytes() == CONTENT


def test_a_server_without_ranges_begins_anew(server: str, tmp_path: Path) -> None:
    Handler.ranges = False
    Handler.cut_at[:] = [1000]
    path = download(server + "data.bin", SHA, tmp_path / "data.bin")
    assert path.read_bytes() == CONTENT


@pytest.mark.parametrize("left", [b"another version", CONTENT + b"more"])
def test_the_rest_of_another_version_is_thrown_away(
    server: str, tmp_path: Path, left: bytes
) -> None:
    (tmp_path / "data.bin.part").write_bytes(left)
    path = download(server + "data.bin", SHA, tmp_path / "data.bin")
    assert path.read_bytes() == CONTENT


def test_a_wrong_checksum_leaves_nothing(server: str, tmp_path: Path) -> None:
    with pytest.raises(
        InputError, match=rf"sha256 differs: found {SHA}, expected 0000"
    ):
        download(server + "data.bin", "0" * 64, tmp_path / "data.bin")
    assert list(tmp_path.iterdir()) == []


def test_a_missing_file(server: str, tmp_path: Path) -> None:
    with pytest.raises(
        InputError, match=r"nothing\.bin: the server does not.*HTTP 404"
    ):
        download(server + "nothing.bin", SHA, tmp_path / "x")
    assert list(tmp_path.iterdir()) == []


def test_no_server_at_all(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="broke off"):
        download("http://127.0.0.1:9/x", SHA, tmp_path / "x")


@pytest.fixture
def release(server: str, tmp_path: Path) -> Path:
    """Description of a release of text on the server."""
    path = tmp_path / "mine.yaml"
    document = {
        "name": "mine", "title": "A release", "citation": "nobody", "licence": "none",
        "folder": "mine_1", "address": server,
        "files": [
            {"path": "data.bin", "sha256": SHA},
            {"path": "spectrum.txt", "sha256": SPECTRUM_SHA},
        ],
        "converted": [
            {"kind": "events", "file": "events.root",
             "trees": {"all": {"from": "spectrum.txt", "branches": ["energy", "on"]}}},
            {"kind": "histograms", "file": "spectra.json",
             "axes": [{"name": "energy", "title": "E", "unit": "keV", "width": 0.01}],
             "histograms": {"on": {"from": "spectrum.txt", "centres": [1],
                                   "value": 2, "error": 3}}},
        ],
    }  # fmt: skip
    path.write_text(yaml.safe_dump(document))
    return path


def test_a_release_is_fetched_converted_and_not_fetched_again(
    release: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NUEM_DATA", str(tmp_path / "cache"))
    result = fetch(release)
    assert result.folder == tmp_path / "cache" / "mine_1"
    assert set(result.files.values()) == {"downloaded"}
    with uproot.open(result.folder / "events.root") as file:
        assert file["all"].num_entries == 4
        np.testing.assert_allclose(file["all"]["energy"].array(library="np")[0], 0.205)
        assert (
            json.loads(str(file["provenance"]))["inputs"][1]["sha256"] == SPECTRUM_SHA
        )
    document = json.loads((result.folder / "spectra.json").read_text())
    assert json.loads(document["on"]["metadata"]["provenance"])["versions"]["nuem"]
    import hist
    import uhi.io.json

    text = (result.folder / "spectra.json").read_text()
    on = hist.Hist(json.loads(text, object_hook=uhi.io.json.object_hook)["on"])
    np.testing.assert_allclose(on.axes[0].edges, [0.2, 0.21, 0.22, 0.23, 0.24])
    np.testing.assert_allclose(on.values(), [10, 9, 8, 7])
    np.testing.assert_allclose(on.variances(), np.array([1, 1.1, 1.2, 1.3]) ** 2)
    asked = len(Handler.requests)
    assert set(fetch(release).files.values()) == {"there"}
    assert len(Handler.requests) == asked


def test_a_damaged_copy_on_disk_is_replaced(release: Path, tmp_path: Path) -> None:
    fetch(release, output=tmp_path / "out")
    (tmp_path / "out" / "data.bin").write_bytes(b"damaged")
    states = fetch(release, output=tmp_path / "out").files
    assert states == {"data.bin": "downloaded", "spectrum.txt": "there"}


def test_a_local_copy_of_another_version(release: Path, tmp_path: Path) -> None:
    local = tmp_path / "local"
    local.mkdir()
    (local / "data.bin").write_bytes(CONTENT)
    with pytest.raises(
        InputError, match=r"spectrum\.txt: a file of the release is miss"
    ):
        fetch(release, source=local, output=tmp_path / "out")
    (local / "spectrum.txt").write_text(SPECTRUM + "\n")
    with pytest.raises(InputError, match=r"spectrum\.txt: not the pinned release"):
        fetch(release, source=local, output=tmp_path / "out")
    (local / "spectrum.txt").write_text(SPECTRUM)
    result = fetch(release, source=local, output=tmp_path / "out")
    assert result.files == {"data.bin": "there", "spectrum.txt": "copied"}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("0.21500 9 ", "0.21500 nan "), r"spectrum\.txt: line 3: not a finite number"),
        (("0.21500 9 1.1 4", "0.21500 9"), r"line 3: wrong number of columns.*2.*4"),
        (("0.21500", "0.21700"), "not evenly spaced"),
        (("0.21500", "0.22500"), "missing or there twice"),
    ],
)
def test_text_that_is_not_what_it_should_be(
    release: Path, tmp_path: Path, change: tuple[str, str], message: str
) -> None:
    text = SPECTRUM.replace(*change)
    assert text != SPECTRUM
    Handler.files["/v1/spectrum.txt"] = text.encode()
    sha = hashlib.sha256(text.encode()).hexdigest()
    release.write_text(release.read_text().replace(SPECTRUM_SHA, sha))
    with pytest.raises(InputError, match=message):
        fetch(release, output=tmp_path / "out")


def test_a_missing_column(release: Path, tmp_path: Path) -> None:
    release.write_text(release.read_text().replace("error: 3", "error: 7"))
    with pytest.raises(InputError, match="no such column: found 7, expected 1 to 4"):
        fetch(release, output=tmp_path / "out")


def test_the_command(release: Path, tmp_path: Path) -> None:
    answer = CliRunner().invoke(
        command, [str(release), "-o", str(tmp_path / "out"), "--json"]
    )
    assert answer.exit_code == 0
    document = json.loads(answer.stdout)
    assert document["files"]["data.bin"] == {"sha256": SHA, "state": "downloaded"}
    assert len(document["converted"]) == 2
    answer = CliRunner().invoke(command, ["nothing-of-that-name"])
    assert isinstance(answer.exception, InputError)


def test_the_descriptions_are_pinned() -> None:
    for name in dataset_names():
        dataset = load_dataset(name)
        assert dataset.name == name
        # a commit, not a branch that moves
        assert re.search(r"/[0-9a-f]{40}/", dataset.address)


def test_the_default_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("NUEM_DATA", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert data_folder() == tmp_path / "nuem" / "data"


@pytest.mark.data
@pytest.mark.parametrize("name", dataset_names())
def test_the_real_releases(name: str, data_folder: Path, tmp_path: Path) -> None:
    dataset = load_dataset(name)
    result = fetch(name, source=data_folder / dataset.folder, output=tmp_path)
    assert set(result.files.values()) == {"copied"}
    for path in result.converted:
        assert path.is_file()
    if name == "coherent-csi":
        with uproot.open(result.converted[0]) as file:
            assert file["coincidence"].num_entries == 5142
            assert file["anticoincidence"].num_entries == 4890
    if name == "coherent-lar":
        document = json.loads(result.converted[0].read_text())
        assert len(document) == 13
        shape = [axis["bins"] for axis in document["data"]["axes"]]
        assert shape == [12, 8, 10]
        # the numbers of events that the release states beside its shapes
        for part, total in (
            ("cevns", 128),
            ("brn", 497),
            ("delayed-brn", 33),
            ("steady-state", 3154),
        ):
            there = np.sum(document[part]["storage"]["values"])
            assert there == pytest.approx(total, rel=0.01)
