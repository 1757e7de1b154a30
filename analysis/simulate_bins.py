"""Simulated events and spectra of experiments with several axes, or with binned counts.

Their shapes are histograms that are given, of releases or sidebands, and know nothing
finer than bins: counts are drawn in the bins of the analysis, and events lie evenly
within each bin.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nuem.analysis.background import present
from nuem.analysis.expectation import background_expectation, signal_expectation
from nuem.analysis.exposure import stated_exposure
from nuem.analysis.grid import Given, Grid, read_given
from nuem.analysis.prediction import predict
from nuem.analysis.simulate import check_draw
from nuem.analysis.stages import histogram_events
from nuem.inputs.catalogue import channels
from nuem.inputs.errors import InputError
from nuem.inputs.files import atomic_path, read_json, write_json
from nuem.inputs.schema import Experiment

__all__ = [
    "SimulatedBins",
    "read_shapes",
    "simulate_bins",
    "simulated_in_bins",
    "write_simulated_events",
    "write_simulated_spectra",
]

_Array = NDArray[np.float64]
_PROVENANCE = "provenance"


@dataclass(frozen=True, eq=False)
class SimulatedBins:
    """Counts that were drawn.

    Attributes
    ----------
    channels, sidebands : dict of str to ndarray of int
        Name -> counts in the bins of all axes, in one row, the last axis fastest.
    seed : int
        Of the counts; the places of events in their bins follow from it.
    """

    channels: dict[str, NDArray[np.int64]]
    sidebands: dict[str, NDArray[np.int64]]
    seed: int


def simulated_in_bins(experiment: Experiment) -> bool:
    """Whether an experiment is simulated by bins, and not event by event."""
    return len(experiment.observables) > 1 or experiment.spectrum is not None


def read_shapes(
    experiment: Experiment, files: Sequence[str | Path]
) -> tuple[dict[str, Given], tuple[dict[str, str], ...]]:
    """Histograms that an experiment refers to: of UHI files, and of sidebands of events.

    Parameters
    ----------
    experiment : Experiment
    files : sequence of str or Path
        UHI files (``.json``); ROOT files, of whose events the sidebands alone are used.

    Returns
    -------
    dict
        Name -> histogram.
    tuple of dict
        Name and sha256 of the files.
    """
    given, inputs = read_given(f for f in files if Path(f).suffix == ".json")
    events = [f for f in files if Path(f).suffix != ".json"]
    if not events:
        return given, inputs
    if experiment.events is None:
        raise InputError(
            "events, but the experiment has none", file=events[0],
            expected="UHI histograms (.json)",
        )  # fmt: skip
    found = histogram_events(experiment, events)
    for name in experiment.events.sidebands:
        given[name] = Given.of(found.hists[name], f"sideband: {name}")
    read = [{"file": r.path, "sha256": r.sha256} for r in found.files]
    return given, (*inputs, *read)


def simulate_bins(
    experiment: Experiment,
    *,
    seed: int,
    coupling: float = 0.0,
    given: Mapping[str, Given] | None = None,
) -> SimulatedBins:
    """Draw the counts of all channels, and of sidebands, for the stated exposure.

    Parameters
    ----------
    experiment : Experiment
        With counts; nuisance parameters are where the file has them.
    seed : int
        Same seed, same counts.
    coupling : float
        Injected coupling, in its unit; what the signal has of the Standard Model is
        there without one too.
    given : mapping, optional
        Histograms that the experiment file refers to; see `read_shapes`.

    Returns
    -------
    SimulatedBins

    Raises
    ------
    InputError
        If the experiment does not say enough, or a histogram is missing.
    """
    _check(experiment, seed, coupling)
    given = dict(given or {})
    grid = Grid.of(experiment, given)
    prediction = predict(experiment, given=given)
    generator = np.random.default_rng(seed)
    counts = {}
    for channel in channels(experiment):
        exposure = stated_exposure(channel)
        expected = signal_expectation(prediction, channel, exposure, grid, coupling)
        for background in experiment.backgrounds:
            if present(background, channel):
                expected = expected + background_expectation(
                    experiment, background, channel, exposure, grid
                )
        counts[channel.name] = generator.poisson(expected)
    sidebands = {}
    for name in () if experiment.events is None else experiment.events.sidebands:
        sidebands[name] = generator.poisson(grid.histogram(name, grid.names).ravel())
    return SimulatedBins(counts, sidebands, seed)


def write_simulated_events(
    path: str | Path,
    experiment: Experiment,
    drawn: SimulatedBins,
    provenance: Mapping[str, Any],
) -> Path:
    """Write a TTree for each channel and sideband, as the experiment file names them.

    Raises
    ------
    InputError
        If its observables or trees are not such that events can be written.
    """
    import uproot

    layout = experiment.events
    assert layout is not None  # the caller has looked
    trees = {c.name: c.region.tree or layout.tree for c in channels(experiment)}
    trees |= {name: band.tree for name, band in layout.sidebands.items()}
    if len(set(trees.values())) < len(trees):
        raise InputError(
            "several channels in one tree cannot be simulated with several axes",
            file=experiment.name, field="events.tree",
            found=", ".join(f"{name}: {tree}" for name, tree in trees.items()),
            expected="a tree for each",
        )  # fmt: skip
    for axis in experiment.observables:
        if not axis.expression.isidentifier():
            raise InputError(
                "an observable that is no branch cannot be simulated",
                file=experiment.name, field=f"observables.{axis.name}.expression",
                found=axis.expression, expected="the name of a branch",
            )  # fmt: skip
    if layout.cuts or layout.runs is not None or layout.weight is not None:
        raise InputError(
            "cuts, runs and weights cannot be simulated with several axes",
            file=experiment.name, field="events", expected="none of them",
        )  # fmt: skip
    generator = np.random.default_rng([drawn.seed, 1])
    grid = Grid.of(experiment)
    with (
        atomic_path(path) as temporary,
        uproot.recreate(temporary, compression=uproot.ZSTD(3)) as file,
    ):
        for name, counts in {**drawn.channels, **drawn.sidebands}.items():
            columns = _places(generator, grid, counts)
            branches = {
                axis.expression: column
                for axis, column in zip(experiment.observables, columns, strict=True)
            }
            file.mktree(trees[name], {key: v.dtype for key, v in branches.items()})
            file[trees[name]].extend(branches)
        file[_PROVENANCE] = json.dumps(provenance)
    return Path(path)


def write_simulated_spectra(
    path: str | Path,
    experiment: Experiment,
    drawn: SimulatedBins,
    files: Sequence[str | Path],
    provenance: Mapping[str, Any],
    *,
    force: bool = False,
) -> Path:
    """Write UHI histograms: those of the channels, and all others of the given files.

    Raises
    ------
    InputError
        If another configuration made the output, or it cannot be written.
    """
    import hist
    import uhi.io.json

    path = Path(path)
    if not force:
        _guard(path, provenance)
    layout = experiment.spectrum
    assert layout is not None  # the caller has looked
    document: dict[str, Any] = {}
    for file in files:
        document |= read_json(Path(file))
    grid = Grid.of(experiment)
    axes = [
        hist.axis.Variable(edges, name=o.name, label=f"{o.title} [{o.unit}]", flow=False)
        for o, edges in zip(experiment.observables, grid.edges, strict=True)
    ]  # fmt: skip
    for name, counts in drawn.channels.items():
        stated = layout.channels[name].value
        histogram = hist.Hist(*axes, storage=hist.storage.Double())
        histogram.view()[...] = counts.reshape(grid.shape)
        text = json.dumps(histogram, default=uhi.io.json.default, allow_nan=False)
        entry = json.loads(text)
        entry.setdefault("metadata", {})[_PROVENANCE] = json.dumps(provenance)
        document[stated if isinstance(stated, str) else name] = entry
    return write_json(path, document)


def _places(
    generator: np.random.Generator, grid: Grid, counts: NDArray[np.int64]
) -> list[_Array]:
    """Events by axis, evenly within their bins and in no order."""
    cells = np.repeat(np.arange(grid.size), counts)
    generator.shuffle(cells)
    places = np.unravel_index(cells, grid.shape)
    found = []
    for edges, index in zip(grid.edges, places, strict=True):
        low, high = edges[index], edges[index + 1]
        found.append(low + (high - low) * generator.random(index.size))
    return found


def _check(experiment: Experiment, seed: int, coupling: float) -> None:
    where = experiment.name
    if experiment.observation != "counts":
        raise InputError(
            "only counts can be simulated", file=where, field="observation",
            found=experiment.observation, expected="counts",
        )  # fmt: skip
    layout = experiment.spectrum
    if layout is not None and (layout.exposure is not None or layout.per != "bin"):
        raise InputError(
            "only counts of the whole exposure can be simulated", file=where,
            field="spectrum", expected="no exposure, per bin",
        )  # fmt: skip
    check_draw(experiment, seed, coupling)


def _guard(path: Path, provenance: Mapping[str, Any]) -> None:
    """Refuse to replace a file that another configuration made."""
    if not path.exists():
        return
    wanted = provenance["configuration_sha256"]
    found = "something that nuem did not write"
    # whatever is wrong with a file that is not ours, it is not ours
    with contextlib.suppress(Exception):
        for entry in json.loads(path.read_text(encoding="utf-8")).values():
            made = json.loads(entry["metadata"][_PROVENANCE])
            if made["configuration"].get("stage") != "simulate":
                continue
            if made["configuration_sha256"] == wanted:
                return
            found = f"configuration {made['configuration_sha256'][:12]}"
    raise InputError(
        "output exists", file=path, found=found,
        expected=f"configuration {wanted[:12]}, or --force",
    )  # fmt: skip
