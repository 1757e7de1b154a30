"""Combinations of experiments: the rule of the fourth root, and the shipped examples."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import numpy as np
import pytest

from nuem.analysis.exchange.combination import combine
from nuem.analysis.exchange.provenance import digest
from nuem.analysis.exchange.workspace import Workspace
from nuem.analysis.modelling import build_workspace
from nuem.analysis.prediction import predict
from nuem.analysis.stages import set_limit
from nuem.inputs.catalogue import load_experiment
from nuem.inputs.correlations import Correlations, combination_names, load_correlations

from .conftest import Load, background_counts, stated_exposures


def made(experiment: Any) -> Workspace:
    """Return the workspace of an experiment with simulated counts of its backgrounds."""
    rng = np.random.default_rng(3)
    counts = {
        name: rng.poisson(expected).astype(float)
        for name, expected in background_counts(experiment).items()
    }
    return build_workspace(
        experiment, counts, stated_exposures(experiment), predict(experiment),
        provenance={},
    )  # fmt: skip


@pytest.fixture(scope="module")
def quick(load: Load) -> Workspace:
    return made(load("systematics=[]"))


@pytest.mark.parametrize("copies", [2, 4])
def test_the_limit_falls_with_the_fourth_root_of_the_number(
    quick: Workspace, copies: int
) -> None:
    """The signal goes as q^2 and its error as the root of the exposure.

    Without systematics N copies, each with its own background, are N measurements of
    the same q^2: its limit falls as N^-1/2, that of q as N^-1/4.
    """
    told = Correlations(default="independent", allow_same_data=True)
    both = combine([quick] * copies, told).workspace
    alone, together = (set_limit(w).expected_coupling for w in (quick, both))
    assert alone is not None
    assert together is not None
    assert together["0"] / alone["0"] == pytest.approx(copies**-0.25, rel=0.01)


def test_a_shared_flux_error_does_not_average_out(load: Load) -> None:
    """A measured signal with a flux error that dominates: sharing it matters."""
    setting = (
        "systematics=[{name: reactor-flux, effect: flux, scope: all,"
        " size: {value: 30, unit: '%', status: assumed, source: test}}]"
    )
    one = made(load(setting))
    signal = 4000.0  # far above the background
    spec = deepcopy(one.spec)
    for channel, entry in zip(spec["channels"], spec["observations"], strict=True):
        for sample in channel["samples"]:
            if sample["modifiers"][0]["name"] == "mu":
                entry["data"] = [n + signal * s for n, s in zip(entry["data"], sample["data"], strict=True)]  # fmt: skip
    one = Workspace(spec, {**(one.meta or {}), "workspace_sha256": digest(spec)}, "one")
    widths = {}
    for rho in (0.0, 1.0):
        told = Correlations.model_validate(
            {
                "default": "independent",
                "allow_same_data": True,
                "correlate": [
                    {"name": "f", "parameters": ["*:reactor-flux"], "rho": rho}
                ],
            }
        )
        spec = combine([one, one], told).workspace.spec
        spec["measurements"][0]["config"]["parameters"][0]["bounds"] = [[0.0, 1e6]]
        from nuem.analysis.inference.fit import best_fit

        fit = best_fit(spec)
        widths[rho] = fit.errors[fit.poi] / fit.values[fit.poi]
    assert widths[1.0] == pytest.approx(0.3, rel=0.05)
    assert widths[0.0] == pytest.approx(0.3 / np.sqrt(2), rel=0.05)


CHANGES = {
    "texono-pcge": (),
    "texono-hpge": (
        "detectors.pcge.mass.value=1.0", "periods.on.exposure.value=570.7",
        "periods.off.exposure.value=127.8",
        "observables.energy.binning=[{start: 12, stop: 30, width: 2}]",
        "sources.core.total_flux.value=6.4e12",
    ),
    "gemma": (
        "detectors.pcge.mass.value=1.5", "periods.on.exposure.value=1133.4",
        "periods.off.exposure.value=280.4",
        "observables.energy.binning=[{start: 2.8, stop: 8.8, width: 0.5}]",
        "sources.core.total_flux.value=2.7e13",
    ),
}  # fmt: skip


@pytest.fixture(scope="module")
def three() -> list[Workspace]:
    """Return three workspaces like those of Chen et al. 2014, flat backgrounds only."""
    result = []
    for name, settings in CHANGES.items():
        flat = (
            "backgrounds=[{name: flat, shape: {kind: constant}, time_law: {kind: constant},"
            " rate: {value: 15, unit: /(kg keV d), status: assumed, source: test}}]"
        )
        experiment = load_experiment("texono-pcge", [f"name={name}", flat, *settings])
        result.append(made(experiment))
    return result


def test_the_shipped_combinations(three: list[Workspace]) -> None:
    limits = {}
    assert "coherent" in combination_names()
    for name in combination_names():
        if name == "coherent":  # of other data: tests/analysis/test_coherent.py
            continue
        told = load_correlations(name)
        used = three[:2] if name == "kuo-sheng" else three
        both = combine(used, told)
        limits[name] = set_limit(both.workspace).expected_coupling
        shared = [g for g in both.report["correlated"] if g["by"] == "declared"]
        assert len(shared) == (name != "chen-2014-independent")
        assert both.workspace.meta is not None
        assert both.workspace.meta["experiment"] == name
    best = min(
        found["0"] for w in three if (found := set_limit(w).expected_coupling) is not None
    )  # fmt: skip
    medians = {name: found["0"] for name, found in limits.items() if found is not None}
    assert len(medians) == 4
    # three are better than the best of them, and what is shared is no better than not
    assert medians["chen-2014"] < best
    assert medians["chen-2014-independent"] <= medians["chen-2014"] * (1 + 1e-6)
