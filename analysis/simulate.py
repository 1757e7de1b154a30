"""Simulated ROOT events of an experiment, from its own description.

Signal and backgrounds are drawn in narrow cells of the measured energy in which the
expectation is flat. The rates of an experiment file are those after all cuts, so that
backgrounds are drawn at the rate divided by the cut efficiency, and the cuts on the
simulated branches take it away again.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nuem.analysis.background import component_counts, present, time_factor
from nuem.analysis.channel_models import (
    channel_flux,
    channel_response,
    signal_options,
    with_cut_efficiency,
)
from nuem.analysis.exposure import Exposure
from nuem.inputs.backgrounds import Background, FreePerBin, HalfLife
from nuem.inputs.catalogue import Channel, channels
from nuem.inputs.errors import InferenceError, InputError
from nuem.inputs.files import atomic_path
from nuem.inputs.quantities import Curve
from nuem.inputs.schema import Experiment
from nuem.inputs.simulation import Distribution, Simulation
from nuem.inputs.vocabulary import INTERFERING_PROCESSES, STANDARD_PROCESSES

__all__ = [
    "Events",
    "check_draw",
    "check_truth",
    "guard_events",
    "simulate",
    "write_events",
]

_Array = NDArray[Any]

#: Width of the cells in which the expectation is flat, keV: a small part of any
#: resolution, and so of the distance over which measured spectra change.
CELL_KEV = 0.01
#: The number of events approaches the wanted one by a factor of the decay each step.
_SCALE_STEPS = 6
#: Name of the run length branch and the reactor flag, as the default layout reads them.
_REACTOR_ON = "reactor_on"


@dataclass(frozen=True)
class Events:
    """Simulated events and runs, as they are written.

    Attributes
    ----------
    events, runs : dict of ndarray
        Branch -> values; events in order of time.
    """

    events: dict[str, _Array]
    runs: dict[str, _Array]


def simulate(
    experiment: Experiment,
    *,
    seed: int,
    coupling: float = 0.0,
    events: int | None = None,
    exposure_scale: float | None = None,
    progress: Callable[[str], None] | None = None,
) -> Events:
    """Draw the events of all channels.

    Parameters
    ----------
    experiment : Experiment
        With a ``simulation`` block.
    seed : int
        Same seed, same arrays.
    coupling : float
        Injected coupling, in its unit. What the signal has of the Standard Model is
        there without one too.
    events : int, optional
        Expected number of events, cut away ones included: scales all live times.
    exposure_scale : float, optional
        Factor on all live times; 1 if neither is given.
    progress : callable, optional
        Told what is being drawn.

    Returns
    -------
    Events

    Raises
    ------
    InputError
        If the experiment file does not say how to simulate, or both or wrong numbers
        are given.

    Examples
    --------
    >>> from nuem.inputs.catalogue import load_experiment
    >>> e = load_experiment("texono-pcge")
    >>> a, b = (simulate(e, seed=1, exposure_scale=0.01) for _ in range(2))
    >>> bool((a.events["energy"] == b.events["energy"]).all())
    True
    """
    simulation = _checked(experiment, seed, coupling, events, exposure_scale)
    say = progress or (lambda _: None)
    parts = channels(experiment)
    scale = 1.0 if exposure_scale is None else exposure_scale
    if events is not None:
        # what decays makes the number grow more slowly than the exposure
        for _ in range(_SCALE_STEPS):
            scale *= events / _expected_events(experiment, simulation, scale, coupling)
    exposures = _exposures(experiment, parts, scale)
    generator = np.random.default_rng(seed)
    runs, spans = _runs(experiment, simulation, parts, exposures)
    drawn = []
    for channel in parts:
        say(f"simulate: {channel.name}")
        for population, cells in _populations(
            experiment, simulation, channel, exposures[channel.name], coupling
        ):
            drawn.append(
                _draw(
                    generator, experiment, simulation, channel, population, cells,
                    spans[channel.period.name],
                )
            )  # fmt: skip
    merged = {key: np.concatenate([part[key] for part in drawn]) for key in drawn[0]}
    order = np.argsort(merged["time"], kind="stable")
    return Events({key: values[order] for key, values in merged.items()}, runs)


def write_events(
    path: str | Path, events: Events, provenance: Mapping[str, Any]
) -> Path:
    """Write the TTrees ``events`` and ``runs``, and the provenance, to a ROOT file.

    Raises
    ------
    InputError
        If the output cannot be written.
    """
    import uproot

    with (
        atomic_path(path) as temporary,
        uproot.recreate(temporary, compression=uproot.ZSTD(3)) as file,
    ):
        for name, branches in (("events", events.events), ("runs", events.runs)):
            tree = file.mktree(name, {key: v.dtype for key, v in branches.items()})
            tree.extend(branches)
        file["provenance"] = json.dumps(provenance)
    return Path(path)


def guard_events(path: str | Path, provenance: Mapping[str, Any], force: bool) -> None:
    """Refuse to replace a ROOT file that another configuration made.

    Raises
    ------
    InputError
        If something else is there.
    """
    path = Path(path)
    if force or not path.exists():
        return
    import uproot

    found = "something that nuem did not write"
    # whatever uproot raises on a file that is not ours, it is not ours
    with contextlib.suppress(Exception), uproot.open(path) as file:
        there = json.loads(str(file["provenance"]))["configuration_sha256"]
        if there == provenance["configuration_sha256"]:
            return
        found = f"configuration {there[:12]}"
    raise InputError(
        "output exists", file=path, found=found,
        expected=f"configuration {provenance['configuration_sha256'][:12]}, or --force",
    )  # fmt: skip


def check_truth(experiment: Experiment, truth: Experiment) -> None:
    """Check that events of another description can be analysed with this one.

    Raises
    ------
    InputError
        If their channels differ.
    """
    ours, theirs = ([c.name for c in channels(e)] for e in (experiment, truth))
    if ours != theirs:
        raise InputError(
            "the truth has other channels", file=truth.name,
            found=", ".join(theirs), expected=", ".join(ours),
        )  # fmt: skip


@dataclass(frozen=True)
class _Population:
    """What distinguishes the events of one origin."""

    branches: Mapping[str, Distribution]
    background: Background | None = None


def check_draw(experiment: Experiment, seed: int, coupling: float) -> None:
    """Check what every simulation draws from.

    Raises
    ------
    InputError
        If the seed is below 0, the coupling is none that the signals can have, or a
        background has no rate.
    """
    if seed < 0:
        raise InputError("seed", found=seed, expected="0 or above")
    signed = any(s.process in INTERFERING_PROCESSES for s in experiment.signals)
    if not np.isfinite(coupling) or (coupling < 0 and not signed):
        raise InputError(
            "coupling", found=coupling,
            expected="a finite number" if signed else "0 or above",
        )  # fmt: skip
    for background in experiment.backgrounds:
        if isinstance(background.shape, FreePerBin):
            raise InputError(
                "a free-per-bin background cannot be simulated: it has no rate",
                file=experiment.name, field=f"backgrounds.{background.name}",
            )  # fmt: skip


def _checked(
    experiment: Experiment,
    seed: int,
    coupling: float,
    events: int | None,
    exposure_scale: float | None,
) -> Simulation:
    where = experiment.name
    simulation = experiment.simulation
    if simulation is None:
        raise InputError("cannot be simulated", file=where, field="simulation",
                         expected="a simulation block in the experiment file")  # fmt: skip
    if events is not None and exposure_scale is not None:
        raise InputError("give either a number of events or an exposure scale")
    for name, number in (("events", events), ("exposure scale", exposure_scale)):
        if number is not None and not (np.isfinite(number) and number > 0):
            raise InputError(name, found=number, expected="above 0")
    check_draw(experiment, seed, coupling)
    if not simulation.low.canonical < simulation.high.canonical:
        raise InputError("empty range", file=where, field="simulation.low")
    if any(region.tree for region in experiment.regions):
        raise InputError("regions with trees of their own cannot be simulated",
                         file=where, field="regions")  # fmt: skip
    return simulation


def _exposures(
    experiment: Experiment, parts: tuple[Channel, ...], scale: float
) -> dict[str, Exposure]:
    """Exposures by channel; a period that others have grown into starts after them."""
    exposures = {}
    end = 0.0
    for period in sorted(experiment.periods, key=lambda p: p.start.canonical):
        start = max(end, period.start.canonical)
        for channel in parts:
            if channel.period.name == period.name:
                live = channel.live_time_d * scale
                exposures[channel.name] = Exposure(channel.mass_kg, ((start, live),))
                end = max(end, start + live)
    return exposures


def _expected_events(
    experiment: Experiment, simulation: Simulation, scale: float, coupling: float
) -> float:
    parts = channels(experiment)
    exposures = _exposures(experiment, parts, scale)
    return sum(
        float(np.sum(cells))
        for channel in parts
        for _, cells in _populations(
            experiment, simulation, channel, exposures[channel.name], coupling
        )
    )


def _populations(
    experiment: Experiment,
    simulation: Simulation,
    channel: Channel,
    exposure: Exposure,
    coupling: float,
) -> list[tuple[_Population, _Array]]:
    """Expected events by cell of each population of a channel."""
    edges = _cells(simulation)
    efficiency = _on_cells(channel.response.cut_efficiency, edges)
    found = []
    # a signal that has the Standard Model in it is there without a coupling
    if coupling != 0 or any(
        s.process in (*STANDARD_PROCESSES, *INTERFERING_PROCESSES)
        for s in experiment.signals
    ):
        cells = _signal_cells(experiment, channel, edges, coupling)
        if cells is not None:
            found.append((_Population({}), cells * exposure.kg_day))
    for background in experiment.backgrounds:
        if not present(background, channel):
            continue
        rate = exposure.kg_day * time_factor(background, exposure, channel, experiment)
        cells = rate * component_counts(background, channel, edges) / efficiency
        found.append((_Population({}, background), cells))
    for population in simulation.populations:
        constant = Background.model_validate(
            {
                "name": population.name, "shape": population.shape.model_dump(),
                "rate": population.rate.model_dump(), "time_law": {"kind": "constant"},
            }
        )  # fmt: skip
        cells = exposure.kg_day * component_counts(constant, channel, edges)
        found.append((_Population(population.branches, constant), cells))
    return found


def _signal_cells(
    experiment: Experiment, channel: Channel, edges: _Array, coupling: float
) -> _Array | None:
    from nuem.models.template import template

    flux = channel_flux(experiment, channel)
    if flux is None:
        return None
    # the cuts act on the simulated branches, not on the template
    response = with_cut_efficiency(channel_response(channel), None)
    total = np.zeros(edges.size - 1)
    for signal in experiment.signals:
        total += template(
            signal.process, channel.detector.target, flux, response, edges,
            method=signal.method, **signal_options(signal),
        ).evaluate(coupling)  # fmt: skip
    return total


def _runs(
    experiment: Experiment,
    simulation: Simulation,
    parts: tuple[Channel, ...],
    exposures: Mapping[str, Exposure],
) -> tuple[dict[str, _Array], dict[str, _Array]]:
    """Runs of all periods, and by period their numbers, starts and live times (d)."""
    length = simulation.run_length.canonical
    table: dict[str, list[float]] = {k: [] for k in ("run", "on", "start", "live")}
    spans = {}
    for period in experiment.periods:
        of_period = {
            exposures[c.name].spans for c in parts if c.period.name == period.name
        }
        if len(of_period) > 1:
            raise InputError(
                "channels of one period with unequal live times cannot be simulated",
                file=experiment.name, field=f"periods.{period.name}",
            )  # fmt: skip
        if not of_period:
            continue
        (((start, live),),) = of_period
        count = max(1, int(np.ceil(live / length)))
        starts = start + np.arange(count) * length
        lives = np.minimum(length, live - np.arange(count) * length)
        first = len(table["run"]) + 1
        numbers = np.arange(first, first + count)
        is_on = any(
            s.kind == "reactor" and s.weights.values[period.name] > 0
            for s in experiment.sources
        )
        table["run"].extend(numbers)
        table["on"].extend([is_on] * count)
        table["start"].extend(starts)
        table["live"].extend(lives)
        spans[period.name] = np.array([numbers, starts, lives])
    runs = {
        "run": np.array(table["run"], dtype=np.int32),
        _REACTOR_ON: np.array(table["on"], dtype=np.bool_),
        "start": np.array(table["start"]) * 86400.0,
        "live_time_s": np.array(table["live"]) * 86400.0,
    }
    return runs, spans


def _draw(
    generator: np.random.Generator,
    experiment: Experiment,
    simulation: Simulation,
    channel: Channel,
    population: _Population,
    cells: _Array,
    spans: _Array,
) -> dict[str, _Array]:
    edges = _cells(simulation)
    counts = generator.poisson(cells)
    size = int(counts.sum())
    cell = np.repeat(np.arange(cells.size), counts)
    energy = edges[cell] + np.diff(edges)[cell] * generator.random(size)
    energy *= simulation.gain.get(channel.period.name, 1.0)
    run, time = _times(generator, population, spans, size)
    on = any(
        s.kind == "reactor" and s.weights.values[channel.period.name] > 0
        for s in experiment.sources
    )
    drawn = {
        "energy": energy,
        "time": time,
        "run": run.astype(np.int32),
        _REACTOR_ON: np.full(size, on),
    }
    for key, names in (
        ("detector", [d.name for d in experiment.detectors]),
        ("region", [r.name for r in experiment.regions]),
    ):
        if len(names) > 1:
            index = names.index(getattr(channel, key).name)
            drawn[key] = np.full(size, index + 1, dtype=np.int32)
    for name, distribution in {**simulation.branches, **population.branches}.items():
        drawn[name] = _sample(generator, distribution, size).astype(np.float32)
    return drawn


def _times(
    generator: np.random.Generator, population: _Population, spans: _Array, size: int
) -> tuple[_Array, _Array]:
    """Run number and time (s from the first start) of each event."""
    numbers, starts, lives = spans
    law = population.background.time_law if population.background else None
    # flat in the expected number of events, then back to the time
    if isinstance(law, HalfLife):
        decay = np.log(2) / law.half_life.canonical
        weight = np.exp(-decay * starts) * -np.expm1(-decay * lives)
    else:
        decay, weight = 0.0, lives
    total = np.cumsum(weight)
    draw = generator.random(size) * total[-1]
    index = np.minimum(np.searchsorted(total, draw, side="right"), len(total) - 1)
    part = generator.random(size)
    if decay:
        within = -np.log1p(part * np.expm1(-decay * lives[index])) / decay
    else:
        within = part * lives[index]
    return numbers[index], (starts[index] + within) * 86400.0


def _sample(
    generator: np.random.Generator, distribution: Distribution, size: int
) -> _Array:
    if distribution.kind == "fixed":
        return np.full(size, distribution.value)
    if distribution.kind == "uniform":
        return generator.uniform(distribution.low, distribution.high, size)
    if distribution.kind == "normal":
        return generator.normal(distribution.mean, distribution.sigma, size)
    return generator.exponential(distribution.mean, size)


def _cells(simulation: Simulation) -> _Array:
    low, high = simulation.low.canonical, simulation.high.canonical
    return np.linspace(low, high, max(2, round((high - low) / CELL_KEV) + 1))


def _on_cells(curve: Curve, edges: _Array) -> _Array:
    values = curve(0.5 * (edges[1:] + edges[:-1]))
    if (values <= 0).any():
        raise InferenceError(
            "no event can be seen where the cut efficiency is 0", field="cut_efficiency"
        )
    return values
