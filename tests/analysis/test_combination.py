"""Combinations of experiments: the rule of the fourth root, and the shipped examples."""

from __future__ import annotations

import json
from copy import deepcopy
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nuem.analysis.exchange.combination import combine
from nuem.analysis.exchange.provenance import digest
from nuem.analysis.exchange.workspace import Workspace, write_workspace
from nuem.analysis.modelling import build_workspace
from nuem.analysis.prediction import predict
from nuem.analysis.stages import set_limit
from nuem.inputs.catalogue import load_experiment
from nuem.inputs.correlations import Correlations, combination_names, load_correlations

from .conftest import Load, Nuem, background_counts, stated_exposures


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


#: Shipped combinations of simulated germanium; that of COHERENT needs its data
#: (test_coherent.py).
GERMANIUM = [name for name in combination_names() if name != "coherent"]


@pytest.fixture(scope="module")
def three() -> dict[str, Workspace]:
    """Return the workspaces of Chen et al. 2014, from the files that are shipped."""
    names = ("gemma", "texono-hpge", "texono-pcge")
    return {name: made(load_experiment(name)) for name in names}


def median(workspace: Workspace) -> float:
    """Return the expected limit on the charge."""
    found = set_limit(workspace).expected_coupling
    assert found is not None
    return found["0"]


def used(name: str, three: dict[str, Workspace]) -> list[Workspace]:
    """Return the workspaces that a shipped correlations file is for."""
    return [three[label] for label in load_correlations(name).inputs]


def test_the_shipped_combinations(three: dict[str, Workspace]) -> None:
    limits = {}
    for name in GERMANIUM:
        both = combine(used(name, three), load_correlations(name))
        limits[name] = median(both.workspace)
        shared = [g for g in both.report["correlated"] if g["by"] == "declared"]
        assert len(shared) == (name != "chen-2014-independent")
        assert all(p.endswith(":reactor-flux") for g in shared for p in g["parameters"])
        assert both.workspace.meta is not None
        assert both.workspace.meta["experiment"] == name
    assert set(limits) == {
        "chen-2014", "chen-2014-common-flux", "chen-2014-independent", "kuo-sheng",
    }  # fmt: skip
    assert limits["chen-2014"] < min(median(w) for w in three.values())
    # what is shared does not average out: no better than independent
    for name in ("chen-2014", "chen-2014-common-flux"):
        assert limits["chen-2014-independent"] <= limits[name] * (1 + 1e-6)


@pytest.mark.parametrize("name", GERMANIUM)
def test_weights_are_the_inverse_fourth_powers(
    name: str, three: dict[str, Workspace]
) -> None:
    """Limits on q^2 are errors of one amplitude: 1/L^4 adds up.

    A flux error of 3 %, shared or not, is nothing beside the errors of the counts.
    """
    parts = used(name, three)
    expected = sum(median(w) ** -4 for w in parts) ** -0.25
    found = median(combine(parts, load_correlations(name)).workspace)
    assert found == pytest.approx(expected, rel=0.01)


def test_a_shipped_combination_by_name(
    nuem: Nuem, three: dict[str, Workspace], tmp_path: Path
) -> None:
    """Workspaces are found where `nuem run` leaves them."""
    call = ("combine", "--correlations", "kuo-sheng", "-o", "both.json", "--json")
    assert "nuem run texono-hpge" in nuem(*call).error
    for name in ("texono-hpge", "texono-pcge"):
        folder = tmp_path / "results" / name
        folder.mkdir(parents=True)
        write_workspace(folder / "workspace.json", three[name])
    report = json.loads(nuem(*call).out)
    assert [i["label"] for i in report["inputs"]] == ["texono-hpge", "texono-pcge"]
    assert "nothing to combine" in nuem("combine", "-o", "x.json").error


def test_errors_of_what_is_declared_name_the_file(
    nuem: Nuem, three: dict[str, Workspace], tmp_path: Path
) -> None:
    for name in ("texono-hpge", "texono-pcge"):
        write_workspace(tmp_path / f"{name}.json", three[name])
    declared = tmp_path / "mine.yaml"
    declared.write_text(
        "correlate: [{name: flux, parameters: [texono-hpge:no, texono-pcge:such]}]\n"
    )
    call = ("combine", "texono-hpge.json", "texono-pcge.json", "-o", "both.json")
    error = nuem(*call, "--correlations", declared).error
    assert error.startswith(f"nuem: error: {declared}: "), error
    assert "no such" in error
