"""Pseudo-experiments from simulated events to the unbounded fit.

Each draws a truth for every systematic from its uncertainty, then the events, applies
the cuts, builds the workspace anew (with its fit of the backgrounds) and fits mu
without bounds. `python
tests/oracles/injection.py --help` runs the study of docs/validation.md.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from functools import cache, partial
from typing import Any

import numpy as np

from nuem.analysis.exposure import Exposure
from nuem.analysis.inference.fit import best_fit
from nuem.analysis.modelling import build_workspace
from nuem.analysis.prediction import Prediction, predict
from nuem.analysis.simulate import Events, simulate
from nuem.analysis.stages import event_plan
from nuem.inputs.catalogue import bin_edges, channels, load_experiment
from nuem.inputs.errors import InferenceError
from nuem.inputs.schema import Experiment

NAME = "texono-pcge"
#: Nothing that the cuts take away to the last event need be drawn.
LIGHT = ("simulation.populations=[]",)
#: More events are drawn than the nominal efficiency would keep.
SURPLUS = 1.05


@dataclass(frozen=True)
class Study:
    """Bias and pull width of the fitted signal strength.

    Attributes
    ----------
    injected : float
        True mu.
    experiments, failed : int
    bias, bias_error : float
        Mean of (fit - truth)/error, and its uncertainty.
    width, width_error : float
        Standard deviation of the same.
    """

    injected: float
    experiments: int
    failed: int
    bias: float
    bias_error: float
    width: float
    width_error: float


def count(experiment: Experiment, events: Events) -> dict[str, np.ndarray[Any, Any]]:
    """Accepted events by channel and bin, by the expressions of the experiment."""
    plan = event_plan(experiment)
    edges = bin_edges(experiment.observables[0])
    accepted = np.ones(len(events.events["energy"]), bool)
    for cut in plan.cuts:
        accepted &= np.asarray(cut.expression(events.events), dtype=bool)
    energy = plan.observables[0].expression(events.events)
    counts = {}
    for channel in plan.channels:
        chosen = accepted
        if channel.select is not None:
            chosen = accepted & np.asarray(channel.select(events.events), dtype=bool)
        counts[channel.name] = np.histogram(energy[chosen], edges)[0].astype(float)
    return counts


def exposures_of(experiment: Experiment, events: Events) -> dict[str, Exposure]:
    """Exposure of each channel from the simulated runs."""
    plan = {c.name: c for c in event_plan(experiment).channels}
    result = {}
    for channel in channels(experiment):
        select = plan[channel.name].select
        chosen = np.ones(len(events.runs["run"]), bool)
        if select is not None:
            chosen = np.asarray(select(events.runs), dtype=bool)
        start, live = events.runs["start"][chosen], events.runs["live_time_s"][chosen]
        spans = tuple(
            zip((start / 86400).tolist(), (live / 86400).tolist(), strict=True)
        )
        result[channel.name] = Exposure(channel.mass_kg, spans)
    return result


@cache
def prepared(
    settings: tuple[str, ...], truth_settings: tuple[str, ...]
) -> tuple[Experiment, Experiment, Prediction]:
    """What is fitted, what is drawn, and the template: once in each process."""
    experiment = load_experiment(NAME, [*LIGHT, *settings])
    truth = load_experiment(NAME, [*LIGHT, *truth_settings])
    return experiment, truth, predict(experiment)


@dataclass(frozen=True)
class Nature:
    """True values of what the fit knows within its uncertainties."""

    experiment: Experiment
    flux: float
    efficiency: dict[bool, float]


def draw_truth(seed: int, experiment: Experiment, truth: Experiment) -> Nature:
    """Draw gain, resolution, efficiency and flux from the systematics of the fit."""
    generator = np.random.default_rng([seed, 1])
    size = {s.name: s.size.canonical for s in experiment.systematics}

    def factor(name: str) -> float:
        return 1 + size[name] * float(generator.normal())

    document = truth.model_dump(mode="json")
    gain = document["simulation"]["gain"]
    document["simulation"]["gain"] = {
        period: gain.get(period, 1.0) * factor("gain") for period in ("on", "off")
    }
    resolution = document["detectors"][0]["response"]["resolution"]
    resolution["expression"] = f"({resolution['expression']})*{factor('resolution')!r}"
    for background in document["backgrounds"]:
        background["rate"]["value"] *= SURPLUS
    efficiency = {on: factor("efficiency") / SURPLUS for on in (True, False)}
    return Nature(
        Experiment.model_validate(document), factor("reactor-flux"), efficiency
    )


def thinned(events: Events, nature: Nature, seed: int) -> Events:
    """Keep events with the efficiency of their period."""
    on = events.events["reactor_on"]
    share = np.where(on, nature.efficiency[True], nature.efficiency[False])
    kept = np.random.default_rng([seed, 2]).random(on.size) < share
    return Events({k: v[kept] for k, v in events.events.items()}, events.runs)


def pull(
    seed: int,
    *,
    settings: tuple[str, ...],
    truth_settings: tuple[str, ...],
    mu: float,
) -> float | None:
    """(fit - truth)/error of one pseudo-experiment; None if a fit failed."""
    experiment, truth, prediction = prepared(settings, truth_settings)
    nature = draw_truth(seed, experiment, truth)
    # more events than wanted are drawn, and thinned to the efficiency of each period
    strength = mu * nature.flux * SURPLUS
    coupling = experiment.coupling.reference.value * float(np.sqrt(max(strength, 0.0)))
    events = simulate(nature.experiment, seed=seed, coupling=coupling)
    try:
        workspace = build_workspace(
            experiment,
            count(experiment, thinned(events, nature, seed)),
            exposures_of(experiment, events),
            prediction,
        )
        fit = best_fit(workspace.spec, poi_bounds=(-1000.0, 1000.0))
    except InferenceError as error:
        print(f"seed {seed}: {error}", file=sys.stderr)
        return None
    return (fit.values["mu"] - mu) / fit.errors["mu"]


def study(
    mu: float,
    *,
    experiments: int,
    first_seed: int = 1,
    settings: Iterable[str] = (),
    truth_settings: Iterable[str] = (),
    processes: int = 1,
) -> Study:
    """Pulls of many pseudo-experiments."""
    one = partial(
        pull, settings=tuple(settings), truth_settings=tuple(truth_settings), mu=mu
    )
    seeds = range(first_seed, first_seed + experiments)
    found: Sequence[float | None]
    if processes == 1:
        found = [one(seed) for seed in seeds]
    else:
        with ProcessPoolExecutor(processes) as pool:
            found = list(pool.map(one, seeds, chunksize=10))
    pulls = np.array([p for p in found if p is not None])
    width = float(np.std(pulls, ddof=1))
    return Study(
        injected=mu,
        experiments=experiments,
        failed=experiments - pulls.size,
        bias=float(np.mean(pulls)),
        bias_error=width / float(np.sqrt(pulls.size)),
        width=width,
        width_error=width / float(np.sqrt(2 * (pulls.size - 1))),
    )


#: Truths that the fit of the shipped experiment, or one made blind to them, meets:
#: name -> (settings of the fit, settings of the truth).
WITHOUT_GAIN = "systematics.gain={name: gain, effect: energy-scale, scope: period, size: {value: 0.001, unit: '%', status: assumed, source: switched off}}"
FLAT_IN_TIME = (
    "backgrounds.ge68.time_law={kind: constant}",
    "backgrounds.zn65.time_law={kind: constant}",
)
DRIFT = ("simulation.gain={off: 1.005}",)
#: Electronic noise that rises steeply below 0.5 keV.
STEEP = (
    "backgrounds.rise.shape.decay_energy.value=0.1",
    "backgrounds.rise.rate.value=1100",
)
TRUTHS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "lines decay, fit constant in time": (FLAT_IN_TIME, ()),
    "lines decay, fit decays": ((), ()),
    "gain drift of 0.5 % in OFF, gain fixed": ((WITHOUT_GAIN,), DRIFT),
    "gain drift of 0.5 % in OFF, gain free": ((), DRIFT),
    "steep edge, gain drift of 0.5 % in OFF, gain fixed": (
        (*STEEP, WITHOUT_GAIN),
        (*STEEP, *DRIFT),
    ),
    "steep edge, gain drift of 0.5 % in OFF, gain free": (STEEP, (*STEEP, *DRIFT)),
}


def main() -> None:
    """Run the whole study and print it as JSON, one line a case."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--experiments", type=int, default=1000)
    parser.add_argument("--truth-experiments", type=int, default=500)
    parser.add_argument("--expected-limit", type=float, default=1.32, help="in mu")
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1)
    options = parser.parse_args()
    for factor in (0.0, 1.0, 3.0):
        result = study(
            factor * options.expected_limit,
            experiments=options.experiments,
            processes=options.processes,
        )
        print(json.dumps({"case": f"{factor:g} x expected limit", **asdict(result)}))
        sys.stdout.flush()
    for name, (settings, truth_settings) in TRUTHS.items():
        result = study(
            0.0,
            experiments=options.truth_experiments,
            settings=settings,
            truth_settings=truth_settings,
            processes=options.processes,
        )
        print(json.dumps({"case": name, **asdict(result)}))
        sys.stdout.flush()


if __name__ == "__main__":
    main()
