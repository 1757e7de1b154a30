"""A small experiment, quick to predict and to fit, and its Asimov counts."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from nuem.analysis.background import component_counts, present, time_factor
from nuem.analysis.cli.main import main
from nuem.analysis.exposure import Exposure, stated_exposure
from nuem.analysis.prediction import Prediction, predict
from nuem.inputs.catalogue import bin_edges, channels, load_experiment
from nuem.inputs.schema import Experiment

Array = NDArray[np.float64]
Load = Callable[..., Experiment]

#: Two periods, one detector, eight bins; rates are after cuts, which keep 80 %.
SMALL = """\
name: toy-ge
title: Toy Ge
document: {kind: preprint, citation: "a test"}
blind: false
coupling:
  symbol: q
  reference: {value: 2e-12, unit: e, status: assumed, source: test}
  definition: a test
  flavours: [anti-nu-e]
  sign: only q^2 enters
  zero: no charge
signals:
  - {process: electron-millicharge-transition, method: free}
sources:
  - name: core
    kind: reactor
    total_flux: {value: 6.4e12, unit: /cm2/s, status: assumed, source: test}
    fission_fractions:
      values: {235U: 0.55, 238U: 0.07, 239Pu: 0.32, 241Pu: 0.06}
      status: assumed
      source: test
    weights: {values: {on: 1, off: 0}, status: assumed, source: test}
detectors:
  - name: pcge
    title: Ge
    target: Ge
    mass: {value: 2, unit: kg, status: assumed, source: test}
    response:
      resolution: {expression: "0.05 + 0.01*E", status: assumed, source: test}
      kernel_width: 5
      floor: {value: 0.2, unit: keV, status: assumed, source: test}
      trigger_efficiency: {expression: "0.95", status: assumed, source: test}
      cut_efficiency: {expression: "0.8", status: assumed, source: test}
periods:
  - name: on
    title: ON
    live_time: {value: 100, unit: d, status: assumed, source: test}
    start: {value: 0, unit: d, status: assumed, source: test}
    select: reactor_on
  - name: off
    title: OFF
    live_time: {value: 50, unit: d, status: assumed, source: test}
    start: {value: 120, unit: d, status: assumed, source: test}
    select: not reactor_on
regions:
  - {name: all, title: all}
observation: counts
observables:
  - name: energy
    title: Energy
    expression: energy
    unit: keVee
    binning: [{start: 0.5, stop: 2.5, width: 0.25}]
events:
  cuts:
    - {name: quality, title: quality, expression: score > 0.2}
backgrounds:
  - name: flat
    shape: {kind: constant}
    rate: {value: 20, unit: /(kg keV d), status: assumed, source: test}
    time_law: {kind: constant}
  - name: line
    shape:
      kind: lines
      lines:
        - label: K
          energy: {value: 2.0, unit: keV, status: assumed, source: test}
          intensity: {value: 1, unit: "1", status: assumed, source: test}
        - label: L
          energy: {value: 1.125, unit: keV, status: assumed, source: test}
          intensity: {value: 0.25, unit: "1", status: assumed, source: test}
    rate: {value: 12, unit: /(kg d), status: assumed, source: test}
    time_law:
      kind: half-life
      half_life: {value: 60, unit: d, status: assumed, source: test}
systematics:
  - name: reactor-flux
    effect: flux
    size: {value: 3, unit: "%", status: assumed, source: test}
    scope: all
  - name: gain
    effect: energy-scale
    size: {value: 0.5, unit: "%", status: assumed, source: test}
    scope: period
  - name: width
    effect: resolution
    size: {value: 5, unit: "%", status: assumed, source: test}
    scope: detector
  - name: efficiency
    effect: efficiency
    size: {value: 1, unit: "%", status: assumed, source: test}
    scope: channel
simulation:
  run_length: {value: 8, unit: d, status: assumed, source: test}
  low: {value: 0.25, unit: keV, status: assumed, source: test}
  high: {value: 3.0, unit: keV, status: assumed, source: test}
  branches:
    score: {kind: uniform, low: 0, high: 1, status: assumed, source: test}
  populations:
    - name: junk
      shape: {kind: constant}
      rate: {value: 10, unit: /(kg keV d), status: assumed, source: test}
      branches:
        score: {kind: fixed, value: 0.1, status: assumed, source: test}
"""

#: Settings that leave one nuisance parameter and one background: a quick limit.
QUICK = (
    """systematics=[{name: reactor-flux, effect: flux, scope: all,
    size: {value: 3, unit: "%", status: assumed, source: test}}]""",
    """backgrounds=[{name: flat, shape: {kind: constant}, time_law: {kind: constant},
    rate: {value: 20, unit: /(kg keV d), status: assumed, source: test}}]""",
    "observables.energy.binning=[{start: 0.5, stop: 2.5, width: 0.5}]",
)
#: The setting that makes the background free in each bin.
FREE_BINS = (
    "backgrounds=[{name: any, shape: {kind: free-per-bin}, time_law: {kind: constant}}]"
)


def stated_exposures(experiment: Experiment) -> dict[str, Exposure]:
    """Return the exposures of the experiment file."""
    return {c.name: stated_exposure(c) for c in channels(experiment)}


def background_counts(experiment: Experiment) -> dict[str, Array]:
    """Return the counts that the rates of the experiment file give."""
    edges = bin_edges(experiment.observables[0])
    result = {}
    for channel in channels(experiment):
        exposure = stated_exposure(channel)
        total = np.zeros(edges.size - 1)
        for background in experiment.backgrounds:
            if present(background, channel):
                factor = time_factor(background, exposure, channel, experiment)
                shape = component_counts(background, channel, edges)
                total += exposure.kg_day * factor * shape
        result[channel.name] = total
    return result


@pytest.fixture(scope="session")
def small_yaml(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the file of the small experiment."""
    path = tmp_path_factory.mktemp("experiment") / "toy-ge.yaml"
    path.write_text(SMALL, encoding="utf-8")
    return path


@pytest.fixture(scope="session")
def load(small_yaml: Path) -> Load:
    """Return a function that loads the small experiment with settings."""
    return lambda *settings: load_experiment(small_yaml, settings)


@pytest.fixture(scope="session")
def small(load: Load) -> Experiment:
    """Return the small experiment."""
    return load()


@pytest.fixture(scope="session")
def prediction(small: Experiment) -> Prediction:
    """Return the templates of the small experiment."""
    return predict(small)


@dataclass(frozen=True)
class Answer:
    """What a command came to."""

    code: int
    out: str
    err: str

    @property
    def error(self) -> str:
        """The only line on stderr, which is an error."""
        (line,) = self.err.splitlines()
        assert line.startswith("nuem: error: ")
        return line


Nuem = Callable[..., Answer]


@pytest.fixture
def nuem(
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> Nuem:
    """Return a function that calls the entry point in an empty folder."""
    monkeypatch.chdir(tmp_path)

    def call(*arguments: Any) -> Answer:
        monkeypatch.setattr(sys, "argv", ["nuem", *map(str, arguments)])
        capsys.readouterr()
        code = 0
        try:
            # the group takes its arguments from sys.argv, as the script does
            main()
        except SystemExit as leave:
            code = int(leave.code or 0)
        out, err = capsys.readouterr()
        return Answer(code, out, err)

    return call
