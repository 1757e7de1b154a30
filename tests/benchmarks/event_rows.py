"""One measurement of reading events: ``python event_rows.py ROW FILE THREADS``.

Prints seconds, those of the processors, peak memory and counts as JSON. The work is done twice and the second
time counts: files are in the page cache, and what is compiled is compiled. The peers
run in this file too, without nuem, so that they can live in an environment of their own.
"""

from __future__ import annotations

import json
import resource
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

import numpy as np

COLUMNS = ("run", "energy", "veto_time_us", "compton_kev", "rise_time_us")
EDGES = np.linspace(0.2, 12.2, 121)
LAST_ON = 60


def accepted(part: Any) -> Any:
    """Three cuts."""
    return (
        (part["veto_time_us"] > 200)
        & (part["compton_kev"] < 20)
        & (abs(part["rise_time_us"] - 0.8) < 0.36)
    )


def reading(path: str, threads: int) -> list[int]:
    """Read the five columns as nuem does, and do nothing with them."""
    from concurrent.futures import ThreadPoolExecutor

    from nuem.analysis.events.chunks import chunk_edges
    from nuem.analysis.events.rootfile import open_file
    from nuem.analysis.events.source import stored_columns
    from nuem.analysis.events.stored import Memory, read_stored

    of_thread = threading.local()
    with open_file(path) as file, ThreadPoolExecutor(threads) as pool:
        edges = chunk_edges(file, "events", COLUMNS)
        stored = stored_columns(file.tree("events"), COLUMNS)

        def size(first: int, last: int) -> int:
            if not hasattr(of_thread, "memory"):
                of_thread.memory = Memory()
            read = read_stored(
                file.descriptor, stored, first, last, path, of_thread.memory
            )
            return min(map(len, (read[name] for name in COLUMNS)))

        return [sum(pool.map(size, edges[:-1], edges[1:]))]


def uproot_reading(path: str, threads: int) -> list[int]:
    """uproot reads the five columns, and nothing is done with them."""
    from concurrent.futures import ThreadPoolExecutor

    import uproot

    with uproot.open(path) as file, ThreadPoolExecutor(threads) as pool:
        own = "RNTuple" not in file["events"].classname
        more = {"decompression_executor": pool, "interpretation_executor": pool}
        parts = file["events"].iterate(
            list(COLUMNS), step_size="64 MB", library="np", **(more if own else {})
        )
        return [sum(len(part["run"]) for part in parts)]


def nuem(path: str, threads: int, digest: bool = False) -> list[int]:
    """Histograms of both periods."""
    from event_data import plan

    from nuem.analysis.events import Chunking, Place, Reading, histogram

    how = Reading(Place(workers=threads), Chunking(fused=True), digest=digest)
    result = histogram(plan(), [path], how)
    return [int(h.sum()) for h in result.hists.values()]


def nuem_sha256(path: str, threads: int) -> list[int]:
    """The same with the sha256 of the file."""
    return nuem(path, threads, digest=True)


def uproot_hist(path: str, threads: int) -> list[int]:
    """uproot, a NumPy mask and `hist`, one thread."""
    import hist
    import uproot

    hists = [hist.Hist(hist.axis.Regular(120, 0.2, 12.2)) for _ in range(2)]
    with uproot.open(path) as file:
        parts = file["events"].iterate(list(COLUMNS), step_size="64 MB", library="np")
        for part in parts:
            mask = accepted(part)
            on = part["run"] <= LAST_ON
            hists[0].fill(part["energy"][mask & on])
            hists[1].fill(part["energy"][mask & ~on])
    return [int(h.sum()) for h in hists]


def coffea(path: str, threads: int) -> list[int]:
    """coffea with its iterative executor."""
    import hist
    from coffea import processor
    from coffea.nanoevents import BaseSchema

    class Cuts(processor.ProcessorABC):  # type: ignore[misc]
        def process(self, events: Any) -> Any:
            mask = accepted(events)
            on = events["run"] <= LAST_ON
            made = []
            for chosen in (mask & on, mask & ~on):
                made.append(hist.Hist(hist.axis.Regular(120, 0.2, 12.2)))
                made[-1].fill(events["energy"][chosen])
            return {"on": made[0], "off": made[1]}

        def postprocess(self, accumulator: Any) -> Any:
            return accumulator

    run = processor.Runner(
        executor=processor.IterativeExecutor(status=False),
        schema=BaseSchema,
        chunksize=1_000_000,
    )
    found = run({"data": {"files": {path: "events"}}}, processor_instance=Cuts())
    return [int(found[name].sum()) for name in ("on", "off")]


#: Typed functions: compiled once, where strings would be compiled in each call.
_RDATAFRAME = """
#include <ROOT/RDataFrame.hxx>
#include <cmath>
#include <vector>
std::vector<double> nuem_rows(const std::string& path, int last_on) {
  ROOT::RDataFrame frame("events", path);
  auto accepted = frame.Filter([](float veto, float compton, float rise) {
    return veto > 200 && compton < 20 && std::abs(rise - 0.8) < 0.36;
  }, {"veto_time_us", "compton_kev", "rise_time_us"});
  auto on = accepted.Filter([last_on](int run) { return run <= last_on; }, {"run"})
    .Histo1D<float>({"on", "", 120, 0.2, 12.2}, "energy");
  auto off = accepted.Filter([last_on](int run) { return run > last_on; }, {"run"})
    .Histo1D<float>({"off", "", 120, 0.2, 12.2}, "energy");
  return {on->Integral(), off->Integral()};
}
"""


def rdataframe(path: str, threads: int) -> list[int]:
    """ROOT's RDataFrame, cuts compiled by its interpreter in the first call."""
    import ROOT

    if threads > 1:
        ROOT.EnableImplicitMT(threads)
    if not hasattr(ROOT, "nuem_rows"):
        ROOT.gInterpreter.Declare(f"#pragma cling optimize(3)\n{_RDATAFRAME}")
    return [int(count) for count in ROOT.nuem_rows(path, LAST_ON)]


ROWS: dict[str, Callable[[str, int], list[int]]] = {
    "reading": reading,
    "uproot-reading": uproot_reading,
    "nuem": nuem,
    "nuem-sha256": nuem_sha256,
    "uproot-hist": uproot_hist,
    "coffea": coffea,
    "rdataframe": rdataframe,
}


def main() -> None:
    """Measure one row."""
    name, path, threads = sys.argv[1], sys.argv[2], int(sys.argv[3])
    counts: list[int] = []
    seconds = processor = 0.0
    for _ in range(2):
        begun = time.perf_counter(), time.process_time()
        counts = ROWS[name](path, threads)
        seconds = time.perf_counter() - begun[0]
        processor = time.process_time() - begun[1]
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    measured = {"seconds": seconds, "cpu_seconds": processor, "peak_mb": peak}
    print(json.dumps({**measured, "counts": counts}))


if __name__ == "__main__":
    main()
