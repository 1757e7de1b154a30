"""Sets of ROOT files with a hidden charge, from a generator of its own.

Nothing of `nuem.analysis` draws here: each event has a time, a true energy, noise and
the gain of its moment, one by one; only the cross section is that of `nuem.models`.
Gain drifts, lines decay, fluxes, efficiencies and rates of backgrounds differ from what
the experiment file says, and the reactor goes on and off. Each set is analysed as a
user would, from the files. `python tests/oracles/challenge.py --help` runs the study
of docs/validation.md.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass, field
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np
import uproot
from scipy.special import erf

from nuem.analysis.inference.likelihood import Likelihood
from nuem.analysis.inference.toys import throw
from nuem.analysis.prediction import Prediction
from nuem.analysis.stages import (
    histogram_events,
    make_template,
    make_workspace,
    set_limit,
)
from nuem.inputs.catalogue import load_experiment
from nuem.inputs.errors import NuemError
from nuem.inputs.schema import Experiment
from nuem.models.flux import reactor_flux
from nuem.models.fold import recoil_spectrum

Array = np.ndarray[Any, Any]

EXPERIMENT = "texono-pcge"
REFERENCE_E = 1e-12
MASS_KG = 0.5
RUN_DAYS = 2.0
FILES = 4
#: More events are drawn than the nominal efficiency would keep.
SURPLUS = 1.05
#: True energies, keV: below 0.1 keV the atomic response of the signal is not known,
#: and nothing from there is seen above 0.3 keV.
LOW_KEV, HIGH_KEV = 0.1, 12.5
#: Days from the first run; energy, activity per kg day at the start, half-life.
LINES = (
    (10.367, 6.0, 270.9),
    (1.298, 0.133 * 6.0, 270.9),
    (8.979, 3.0, 243.9),
    (1.096, 0.119 * 3.0, 243.9),
)


@dataclass(frozen=True)
class Case:
    """What nature does that the experiment file does not know of.

    Attributes
    ----------
    drift : float
        Change of the gain from the first run to the last, linear in time.
    cycles : int
        How often the reactor goes on and off.
    activated : float
        Activity of 71Ge (11.43 d) at the start, per kg day.
    steps : float
        Largest change of the gain from one tenth of the time to the next, drawn anew.
    measured : bool
        The analyst has the gain of each run from the line at 10.4 keV in the file
        itself (`line_gain`), of which nothing is known beforehand.
    settings : tuple of str
        What the analyst changes in the experiment file.
    """

    drift: float = 0.0
    cycles: int = 1
    activated: float = 0.0
    steps: float = 0.0
    measured: bool = False
    settings: tuple[str, ...] = field(default=())


CALIBRATED = "observables.energy.expression=energy/(1 + {0}*time_d/{1})"
#: The line by which a gain is measured, and parts of the time in which it is.
LINE_KEV, TENTHS = 10.367, 10
#: Days of data taking.
LIVE_ON, LIVE_OFF = 248.0, 140.0
SPAN = LIVE_ON + LIVE_OFF


def with_germanium() -> str:
    """The backgrounds of the file and lines of 71Ge, whose half-life is all that is known."""
    number = {"status": "assumed", "source": "nuclear data"}
    known = load_experiment(EXPERIMENT).backgrounds
    backgrounds = [b.model_dump(mode="json", exclude_none=True) for b in known]
    lines = [
        {"label": label, "energy": {"value": energy, "unit": "keV", **number},
         "intensity": {"value": share, "unit": "1", **number}}
        for label, energy, share in (("K", 10.367, 1.0), ("L", 1.298, 0.117))
    ]  # fmt: skip
    backgrounds.append(
        {"name": "ge71", "shape": {"kind": "lines", "lines": lines},
         "rate": {"value": 1.0, "unit": "/(kg d)", **number},
         "time_law": {"kind": "half-life",
                      "half_life": {"value": 11.43, "unit": "d", **number}}}
    )  # fmt: skip
    return f"backgrounds={json.dumps(backgrounds)}"


CASES = {
    "as stated": Case(),
    "on and off in five cycles": Case(cycles=5),
    "gain drifts by 1 %": Case(drift=0.01, cycles=5),
    "gain drifts by 1 %, one cycle": Case(drift=0.01),
    "gain drifts by 3 %, calibrated": Case(
        drift=0.03, cycles=5, settings=(CALIBRATED.format(0.03, SPAN),)
    ),
    "gain drifts by 3 %, unknown": Case(drift=0.03, cycles=5),
    "71Ge beside 68Ge": Case(cycles=5, activated=20.0),
    "71Ge in one cycle, unknown": Case(activated=40.0),
    "71Ge in one cycle, in the file": Case(
        activated=40.0, settings=(with_germanium(),)
    ),
    "gain in steps of 2 %, by the line": Case(
        cycles=5,
        steps=0.02,
        measured=True,
        settings=("observables.energy.expression=energy/gain",),
    ),
    "gain drifts by 3 %, by the line": Case(
        drift=0.03,
        cycles=5,
        measured=True,
        settings=("observables.energy.expression=energy/gain",),
    ),
}


@cache
def signal_density() -> tuple[Array, Array]:
    """Cumulative number of recoils per kg day at q = 1e-12 e, and their energies."""
    grid = np.geomspace(LOW_KEV * 1.0001, HIGH_KEV, 4000)
    flux = reactor_flux(
        flux=6.4e12,
        fractions={"235U": 0.55, "238U": 0.07, "239Pu": 0.32, "241Pu": 0.06},
    )
    rate = recoil_spectrum(
        "electron-millicharge-transition", "Ge", flux, grid, method="atomic"
    )["q^2"]
    rate = rate * REFERENCE_E**2
    steps = 0.5 * (rate[1:] + rate[:-1]) * np.diff(grid)
    return np.append(0.0, np.cumsum(steps)), grid


def run_list(cycles: int) -> dict[str, Array]:
    """Runs of two days, the reactor on and off in turns; live time 0.97 to 1 of them."""
    on = []
    for _ in range(cycles):
        on += [True] * round(LIVE_ON / RUN_DAYS / cycles)
        on += [False] * round(LIVE_OFF / RUN_DAYS / cycles)
    number = np.arange(len(on))
    return {
        "run": number.astype(np.int32) + 1,
        "reactor_on": np.array(on),
        "start": number * RUN_DAYS * 86400.0,
        "live_time_s": np.full(number.size, RUN_DAYS * 86400.0),
    }


def draw(seed: int, coupling: float, case: Case) -> tuple[dict[str, Array], Any]:
    """Events and runs of one set."""
    rng = np.random.default_rng([seed, 71])
    runs = run_list(case.cycles)
    starts = runs["start"] / 86400.0
    exposure = MASS_KG * RUN_DAYS
    width = 1 + 0.05 * rng.normal()
    flux = 1 + 0.03 * rng.normal()
    gain = {on: 1 + 0.005 * rng.normal() for on in (True, False)}
    efficiency = {on: 1 + 0.01 * rng.normal() for on in (True, False)}
    level = dict(
        zip(("flat", "rise", "ge", "zn"), rng.uniform(0.7, 1.3, 4), strict=True)
    )

    def noise(energy: Array) -> Array:
        sigma = width * np.sqrt(0.055**2 + 0.00085 * np.maximum(energy, 0.0))
        return energy + sigma * rng.normal(size=energy.size)

    columns: list[tuple[Array, Array]] = []  # energy before the gain, time in days

    def uniform_times(count: Array) -> Array:
        first = np.repeat(starts, count)
        return first + RUN_DAYS * rng.random(first.size)

    # signal: where the reactor is on
    cumulative, grid = signal_density()
    strength = (
        SURPLUS * (coupling / REFERENCE_E) ** 2 * flux * cumulative[-1] * exposure
    )
    times = uniform_times(rng.poisson(strength * runs["reactor_on"]))
    true = np.interp(rng.random(times.size) * cumulative[-1], cumulative, grid)
    seen = rng.random(times.size) < 0.5 * (1 + erf((true - 0.2) / 0.05))
    columns.append((noise(true[seen]), times[seen]))
    # backgrounds: rates after all cuts, which take 3.5 % away
    kept = 0.965 / SURPLUS
    flat = level["flat"] * 15.0 * (HIGH_KEV + 0.5) * exposure / kept
    times = uniform_times(rng.poisson(flat, starts.size))
    columns.append((rng.uniform(-0.5, HIGH_KEV, times.size), times))
    slope = 0.3 * rng.uniform(0.9, 1.1)
    rise = level["rise"] * 20.0 * slope * np.exp(0.3 / slope) * exposure / kept
    times = uniform_times(rng.poisson(rise, starts.size))
    columns.append((noise(rng.exponential(slope, times.size)), times))
    lines = [
        (energy, activity * level["ge" if days > 250 else "zn"], days)
        for energy, activity, days in LINES
    ]
    if case.activated:
        lines += [
            (10.367, case.activated, 11.43),
            (1.298, 0.117 * case.activated, 11.43),
        ]
    for energy, activity, half_life in lines:
        life = half_life / np.log(2)
        count = rng.poisson(
            activity / kept * MASS_KG * life * (1 - np.exp(-SPAN / life))
        )
        part = -np.expm1(-SPAN / life)
        times = -life * np.log1p(-rng.random(count) * part)
        columns.append((noise(np.full(count, energy)), times))

    energy, times = (np.concatenate(c) for c in zip(*columns, strict=True))
    run = np.minimum((times / RUN_DAYS).astype(int), starts.size - 1)
    on = runs["reactor_on"][run]
    share = np.where(on, efficiency[True], efficiency[False]) / SURPLUS
    survives = rng.random(energy.size) < share
    genuine = np.ones(energy.size, bool)
    surface = rng.poisson(40.0 * 0.8 * exposure, starts.size)
    more = uniform_times(surface)
    energy = np.append(energy, noise(rng.exponential(0.8, more.size)))
    run = np.append(run, np.minimum((more / RUN_DAYS).astype(int), starts.size - 1))
    times = np.append(times, more)
    genuine = np.append(genuine, np.zeros(more.size, bool))
    survives = np.append(survives, np.ones(more.size, bool))
    on = runs["reactor_on"][run]
    now = np.where(on, gain[True], gain[False]) * (1 + case.drift * times / SPAN)
    part = np.minimum((TENTHS * times / SPAN).astype(int), TENTHS - 1)
    if case.steps:
        now = now * (1 + case.steps * rng.uniform(-0.5, 0.5, TENTHS)[part])
    size = energy.size
    events = {
        "run": runs["run"][run],
        "time_d": times,
        "energy": energy * now,
        "reactor_on": on,
        "veto_time_us": rng.exponential(10000.0, size),
        "compton_kev": rng.exponential(4.62, size),
        "rise_time_us": np.where(
            genuine, rng.normal(0.8, 0.12, size), rng.normal(2.2, 0.3, size)
        ),
    }
    # the trigger does not see what is below
    kept_events = survives & (events["energy"] > 0.15)
    events = {name: values[kept_events] for name, values in events.items()}
    if case.measured:
        events["gain"] = line_gain(events["energy"], part[kept_events])
    order = np.argsort(events["time_d"])
    return {name: values[order] for name, values in events.items()}, runs


def line_gain(energy: Array, part: Array) -> Array:
    """Gain of each event as an analyst finds it, from the line of 10.37 keV in its tenth.

    The mean of a window about the median of what lies above 9.7 keV, iterated: nothing
    of how the events were drawn enters but the energy of the line.
    """
    gain = np.ones(energy.size)
    for k in np.unique(part):
        own = energy[part == k]
        middle = float(np.median(own[(own > 9.7) & (own < 11.1)]))
        for _ in range(20):
            near = own[np.abs(own - middle) < 0.3]
            middle = float(near.mean())
        gain[part == k] = middle / LINE_KEV
    return gain


def write(folder: Path, events: dict[str, Array], runs: dict[str, Array]) -> list[Path]:
    """Several files, each with the runs of its part of the time."""
    paths = []
    for k, part in enumerate(np.array_split(runs["run"], FILES)):
        path = folder / f"part{k}.root"
        with uproot.recreate(path) as file:
            for name, table in (("events", events), ("runs", runs)):
                chosen = np.isin(table["run"], part)
                rows = {branch: values[chosen] for branch, values in table.items()}
                file.mktree(name, {b: v.dtype for b, v in rows.items()})
                file[name].extend(rows)
        paths.append(path)
    return paths


@dataclass(frozen=True)
class Answer:
    """What one set gives: fit, upper limit, and whether the intervals hold the truth."""

    seed: int
    truth: float
    best_fit: float
    upper_limit: float
    expected: float
    p0: float
    p_truth: float | None
    goodness: float | None


@cache
def prepared(settings: tuple[str, ...]) -> tuple[Experiment, Prediction]:
    """The frozen analysis: once in each process."""
    experiment = load_experiment(EXPERIMENT, settings)
    return experiment, make_template(experiment)


def analyse(seed: int, coupling: float, case: Case, toys: int) -> Answer | None:
    """One set, by the stages of the library."""
    experiment, prediction = prepared(case.settings)
    mu = (coupling / REFERENCE_E) ** 2
    with tempfile.TemporaryDirectory() as folder:
        files = write(Path(folder), *draw(seed, coupling, case))
        try:
            histograms = histogram_events(experiment, files)
            workspace = make_workspace(experiment, histograms, prediction)
            limit = set_limit(workspace, cl=0.9)
        except NuemError as error:
            print(f"seed {seed}: {error}", file=sys.stderr)
            return None
    likelihood = Likelihood(workspace.spec)
    free = likelihood.fit()
    p_truth = None
    if toys:
        # the unified interval holds the truth where this is above 0.1
        held = likelihood.fit(fixed={likelihood.poi: mu})
        thrown = throw(
            likelihood, held.values, test=[mu], count=toys, seed=seed, threads=1
        )
        statistic = held.deviance - free.deviance
        p_truth = float(np.mean(thrown.statistic >= statistic - 1e-9))
    return Answer(
        seed, mu, limit.poi.best_fit, limit.poi.upper_limit, limit.expected_poi["0"],
        limit.p0, p_truth, goodness(likelihood, free.deviance),
    )  # fmt: skip


def goodness(likelihood: Likelihood, deviance: float) -> float:
    """p of the deviance with the number of bins less that of free parameters."""
    from scipy.stats import chi2

    bins = likelihood.expected(likelihood.init).size
    free = sum(1 for name in likelihood.names if name.startswith(("norm_", "mu")))
    return float(chi2.sf(deviance, bins - free))


def command(seed: int, coupling: float, case: Case, folder: Path) -> dict[str, Any]:
    """One set, by ``nuem run`` in a process of its own."""
    folder.mkdir(parents=True, exist_ok=True)
    files = write(folder, *draw(seed, coupling, case))
    changes = [text for s in case.settings for text in ("--set", s)]
    done = subprocess.run(
        [Path(sys.executable).with_name("nuem"), "run", EXPERIMENT, *map(str, files),
         *changes, "-o", folder / "out", "--json"],
        check=True, capture_output=True, text=True,
    )  # fmt: skip
    document: dict[str, Any] = json.loads(done.stdout)
    return document


def summary(answers: Sequence[Answer | None]) -> dict[str, Any]:
    """Coverage of 90 % limits and intervals, with the error of a share."""
    good = [a for a in answers if a is not None]
    above = np.array([a.upper_limit >= a.truth for a in good])
    found: dict[str, Any] = {
        "sets": len(answers), "failed": len(answers) - len(good),
        "upper limits above the truth": round(float(above.mean()), 3),
        "median limit": round(float(np.median([a.upper_limit for a in good])), 3),
        "median expected": round(float(np.median([a.expected for a in good])), 3),
        "mean fit": round(float(np.mean([a.best_fit for a in good])), 3),
        "median goodness": round(float(np.median([a.goodness or 0 for a in good])), 3),
    }  # fmt: skip
    tested = [a.p_truth for a in good if a.p_truth is not None]
    if tested:
        share = float(np.mean(np.array(tested) > 0.1))
        found["unified intervals with the truth"] = round(share, 3)
        found["error"] = round(float(np.sqrt(0.09 / len(tested))), 3)
    return found


def main() -> None:
    """Run the study and print it as JSON, one line a case and charge."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sets", type=int, default=200, help="of a case and charge")
    parser.add_argument("--first", type=int, default=1, help="first seed")
    parser.add_argument("--toys", type=int, default=1000)
    parser.add_argument("--case", action="append", choices=list(CASES))
    parser.add_argument("--charge", type=float, action="append", help="in e")
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1)
    options = parser.parse_args()
    charges = options.charge or [0.0, 1e-12, 3e-12]
    with ProcessPoolExecutor(options.processes) as pool:
        for name in options.case or CASES:
            for charge in charges:
                one = partial(
                    analyse, coupling=charge, case=CASES[name], toys=options.toys
                )
                seeds = range(options.first, options.first + options.sets)
                answers = list(pool.map(one, seeds))
                print(json.dumps({"case": name, "charge": charge, **summary(answers)}))
                sys.stdout.flush()
                if os.environ.get("NUEM_CHALLENGE"):
                    rows = [asdict(a) for a in answers if a is not None]
                    path = Path(os.environ["NUEM_CHALLENGE"])
                    with path.open("a") as stream:
                        stream.write(json.dumps([name, charge, rows]) + "\n")


if __name__ == "__main__":
    main()
