"""Every experiment of the package: run on simulated events, or told why it is not."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from nuem.inputs.catalogue import experiment_names, load_experiment

from .conftest import Nuem

EXPERIMENTS = {name: load_experiment(name) for name in experiment_names()}
SIMULATED = [n for n, e in EXPERIMENTS.items() if e.simulation is not None]
#: Wide bins and no figure of merit: a run takes seconds.
QUICK = {
    "texono-hpge": ["observables.energy.binning=[{start: 12, stop: 60, width: 8}]"],
    "gemma": ["observables.energy.binning=[{start: 3.4, stop: 55.4, width: 2}]"],
    "projected-pcge": [
        "observables.energy.binning=[{start: 0.1, stop: 8.1, width: 0.5}]"
    ],
    "cdex-10": ["observables.energy.binning=[{start: 0.16, stop: 2.16, width: 0.5}]"],
}


def test_all_that_counts_events_can_be_simulated() -> None:
    assert set(SIMULATED) == {
        "texono-hpge", "gemma", "texono-pcge", "projected-pcge", "nugen", "cdex-10",
    }  # fmt: skip
    for name, experiment in EXPERIMENTS.items():
        if name not in SIMULATED:
            # measured events, or a published number in place of events
            released = name == "xenon1t-sr1" or name.startswith("coherent-")
            assert experiment.observation != "counts" or released, name


@pytest.mark.parametrize("name", SIMULATED)
def test_run_on_simulated_events(nuem: Nuem, name: str, tmp_path: Path) -> None:
    settings = [text for s in QUICK.get(name, ()) for text in ("--set", s)]
    answer = nuem("run", name, "-o", tmp_path / "out", *settings, "--json")
    assert answer.code == 0, answer.err
    document = json.loads(answer.out)
    upper = document["observed"]["coupling"]["upper_limit"]
    low, high = (document["expected"]["coupling"][k] for k in ("-2", "2"))
    # nothing is injected: further out in one of 400
    assert 0.8 * low < upper < 1.25 * high
    assert all(Path(path).is_file() for path in document["paths"].values())


@pytest.mark.parametrize("name", sorted(set(EXPERIMENTS) - set(SIMULATED)))
def test_what_cannot_be_simulated_says_so(nuem: Nuem, name: str) -> None:
    answer = nuem("run", name)
    assert answer.code == 2
    lines = [line for line in answer.err.splitlines() if "error" in line]
    assert len(lines) == 1
    assert name in lines[0]


@pytest.mark.parametrize("name", sorted(EXPERIMENTS))
def test_list_tells_every_input(nuem: Nuem, name: str) -> None:
    answer = nuem("list", name, "--json")
    assert answer.code == 0
    assert json.loads(answer.out)
