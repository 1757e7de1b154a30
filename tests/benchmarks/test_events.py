"""Throughput of reading, cutting and filling, beside peers in the same run.

``NUEM_BENCHMARK_EVENTS`` is the number of events (1e7; the files of 1e8 take 7 GB in
``NUEM_BENCHMARK_FOLDER``). coffea and ROOT are measured where they are installed, or
with the interpreters named by ``NUEM_COFFEA_PYTHON`` and ``NUEM_ROOT_PYTHON``.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import uproot

from nuem.analysis.events import Place, Reading, histogram
from nuem.analysis.events.source import read

HERE = Path(__file__).parent
EVENTS = int(float(os.environ.get("NUEM_BENCHMARK_EVENTS", "1e7")))
THREADS = 2
PEERS = {
    "coffea": os.environ.get("NUEM_COFFEA_PYTHON", sys.executable),
    "rdataframe": os.environ.get("NUEM_ROOT_PYTHON", sys.executable),
}

sys.path.insert(0, str(HERE))
import event_data


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    named = os.environ.get("NUEM_BENCHMARK_FOLDER")
    return Path(named) if named else tmp_path_factory.mktemp("events")


def measure(row: str, path: str, threads: int) -> dict[str, Any] | None:
    """Measure a row in a process of its own; None for a peer that is not there."""
    done = subprocess.run(
        [PEERS.get(row, sys.executable), str(HERE / "event_rows.py"), row, path, str(threads)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    if done.returncode and row in PEERS:
        print(f"  {row:12s} not measured: {done.stderr.strip().splitlines()[-1]}")
        return None
    assert not done.returncode, done.stderr
    measured: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    rate = EVENTS / measured["seconds"] / 1e6
    name = Path(path).name.partition("-")[0]
    print(
        f"  {row:12s} {name:8s} {threads} thread{'s' * (threads > 1)}"
        f" {measured['seconds']:8.2f} s {rate:7.1f} M/s {measured['peak_mb']:6.0f} MB"
        f" {measured['cpu_seconds']:8.2f} s of processors"
    )
    return measured


def test_throughput(folder: Path) -> None:
    """The same counts from all, in less memory; ratios are printed."""
    print(f"\n{EVENTS:.0e} events, 5 of 7 columns, 3 cuts, 2 channels of 120 bins")
    paths = {k: event_data.write(folder, k, EVENTS) for k in ("zstd", "lz4", "rntuple")}
    rows = {}
    order = [
        (row, kind, threads)
        for kind in paths
        for row, threads in (
            ("reading", THREADS), ("uproot-reading", THREADS), ("uproot-hist", 1),
            ("nuem", THREADS), ("nuem-sha256", THREADS),
        )
    ]  # fmt: skip
    # the peers on as many threads as they have: coffea's iterative executor has one
    order += [
        ("nuem", "zstd", 1), ("coffea", "zstd", 1),
        ("rdataframe", "zstd", 1), ("rdataframe", "zstd", THREADS),
    ]  # fmt: skip
    for row, kind, threads in order:
        if (found := measure(row, paths[kind], threads)) is not None:
            rows[row, kind, threads] = found
    for (row, kind, threads), found in rows.items():
        if "reading" not in row:
            assert found["counts"] == rows["nuem", kind, THREADS]["counts"], (row, kind)
        for own in (1, THREADS):
            # with the same threads, and all of ours beside a peer that has one
            ours = rows.get(("nuem", kind, own))
            if row != "nuem" and ours is not None and own >= threads:
                ratio = found["seconds"] / ours["seconds"]
                print(
                    f"  {kind:8s} nuem on {own} is {ratio:5.2f} times as fast as {row}"
                    f" on {threads}"
                )
        if row.startswith("nuem"):
            assert found["peak_mb"] < 500, (row, kind)


def test_many_small_files(tmp_path: Path) -> None:
    """Time by file over that of reading its columns alone."""
    rng = np.random.default_rng(0)
    count = 2000 if EVENTS >= 10**8 else 200
    files = []
    for number in range(1, count + 1):
        columns = event_data.block(rng, 10_000)
        columns["run"][:] = number
        path = tmp_path / f"{number:04d}.root"
        with uproot.recreate(path, compression=uproot.ZSTD(3)) as file:
            file.mktree("events", columns)
            file.mktree("runs", {
                "run": np.array([number], "i4"), "reactor_on": np.array([number % 2 == 0]),
                "start": np.array([1e5 * number]), "live_time_s": np.array([8e4]),
            })  # fmt: skip
        files.append(str(path))
    begun = time.perf_counter()
    for name in files:
        read(name, "events", event_data.COLUMNS, 0, 10_000)
    alone = 1e3 * (time.perf_counter() - begun) / count
    for threads in (1, THREADS):
        begun = time.perf_counter()
        result = histogram(event_data.plan(), files, Reading(Place(workers=threads)))
        ours = 1e3 * (time.perf_counter() - begun) / count
        print(
            f"\n{count} files of 1e4 events, {threads} threads: {ours:.1f} ms a file,"
            f" reading alone {alone:.1f} ms"
        )
        assert result.events == 10_000 * count
