"""pyhs3 has the likelihood of our HS3: interference, combinations, a lumi."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from nuem.analysis.exchange.hs3 import to_hs3
from nuem.analysis.exchange.workspace import Workspace, observed_counts
from nuem.analysis.inference.likelihood import Likelihood

from .workspaces import LINKS, both, interfering, single, with_lumi

pyhs3 = pytest.importorskip("pyhs3")


@pytest.mark.parametrize("seed", range(3))
def test_the_same_differences_with_interference(seed: int, tmp_path: Path) -> None:
    spec = interfering(seed)
    path = tmp_path / "w.hs3.json"
    path.write_text(json.dumps(to_hs3(spec, {"links": LINKS})))
    model = pyhs3.Workspace.load(path).model(
        "analysis", mode="FAST_COMPILE", progress=False
    )
    ours = Likelihood(spec, links=LINKS)
    counts = np.array(spec["observations"][0]["data"])
    found = []
    for g, flux, tilt in ((0.0, 0.0, 0.0), (0.8, 0.5, -0.4), (-1.1, -1.6, 1.8)):
        point = np.zeros(3)
        for name, value in (("g", g), ("flux", flux), ("tilt", tilt)):
            point[ours.index(name)] = value
        values = {"g": g, "alpha_flux": flux, "alpha_tilt": tilt}
        theirs = model.logpdf(
            "model_c",
            model_c_observed=counts,
            **{name: np.array(value) for name, value in values.items()},
        )
        found.append((ours.twice_nll(point), -2 * float(theirs)))
    differences = np.diff(np.array(found), axis=0)
    np.testing.assert_allclose(differences[:, 0], differences[:, 1], rtol=1e-6)


@pytest.mark.parametrize(
    "make",
    [lambda: single("a", 1), both, lambda: with_lumi(single("a", 1)), lambda: both(lumi=True)],
    ids=["one", "combined", "lumi", "lumi combined"],
)  # fmt: skip
def test_the_same_differences(make: Callable[[], Workspace], tmp_path: Path) -> None:
    workspace = make()
    path = tmp_path / "w.hs3.json"
    document = to_hs3(workspace.spec)
    path.write_text(json.dumps(document))
    model = pyhs3.Workspace.load(path).model(
        "analysis", mode="FAST_COMPILE", progress=False
    )
    ours = Likelihood(workspace.spec)
    counts = observed_counts(workspace)
    # the lumi: what pyhf has inside is a distribution of its own here
    more = document["likelihoods"][0].get("aux_distributions", [])
    assert bool(more) == ("lumi" in ours.names)
    rng = np.random.default_rng(6)
    found = []
    for _ in range(4):
        point = ours.init.copy()
        values = {"nom_lumi": np.array(1.0)} if more else {}
        pulls = 0.0
        for i, name in enumerate(ours.names):
            free = name == "lumi" or ours.arrays.kind[i] == 0
            point[i] = rng.uniform(0.8, 1.2) if free else rng.uniform(-1.5, 1.5)
            values[name if free else f"alpha_{name}"] = np.array(point[i])
            # a constraint is a factor of each channel that its parameter acts on
            users = sum(
                any(m["name"] == name for s in c["samples"] for m in s["modifiers"])
                for c in workspace.spec["channels"]
            )
            pulls += 0.0 if free else (users - 1) * point[i] ** 2
        total = 0.0
        for name, own in counts.items():
            args = {**values, f"model_{name}_observed": own}
            total += float(model.logpdf(f"model_{name}", **args))
        for name in more:
            total += float(model.logpdf(name, **values))
        found.append((ours.twice_nll(point), -2 * total - pulls))
    differences = np.diff(np.array(found), axis=0)
    np.testing.assert_allclose(
        differences[:, 0], differences[:, 1], rtol=1e-6, atol=1e-6
    )
