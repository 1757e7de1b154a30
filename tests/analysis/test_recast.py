"""Another signal on a published workspace."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import boost_histogram as bh
import numpy as np
import pytest
import uhi.io.json
import uproot

from nuem.analysis.exchange.difference import differences
from nuem.analysis.exchange.provenance import digest
from nuem.analysis.exchange.workspace import Workspace, read_workspace, write_workspace
from nuem.analysis.modelling import build_workspace
from nuem.analysis.prediction import Prediction, predict
from nuem.analysis.recasting import recast_file
from nuem.analysis.stages import make_template, set_limit
from nuem.inputs.errors import InputError
from nuem.inputs.schema import Experiment

from .conftest import Load, Nuem, background_counts, stated_exposures


def published(
    experiment: Experiment, prediction: Prediction | None = None
) -> Workspace:
    rng = np.random.default_rng(8)
    counts = {
        name: rng.poisson(n).astype(float)
        for name, n in background_counts(experiment).items()
    }
    return build_workspace(
        experiment,
        counts,
        stated_exposures(experiment),
        prediction or predict(experiment),
    )


@pytest.fixture(scope="module")
def workspace(small: Experiment, prediction: Prediction) -> Workspace:
    return published(small, prediction)


def template(experiment: Experiment, path: Path) -> Path:
    path.write_text(json.dumps(make_template(experiment).to_dict()))
    return path


def test_its_own_template_changes_nothing(
    small: Experiment, workspace: Workspace, tmp_path: Path
) -> None:
    made = recast_file(workspace, template(small, tmp_path / "t.json"))
    assert differences(workspace, made) == []


def test_another_flux_is_the_analysis_with_that_flux(
    load: Load, workspace: Workspace, tmp_path: Path
) -> None:
    """The same limit as if the workspace had been made with it from the beginning."""
    other = load("sources.core.total_flux.value=1.28e13")
    made = recast_file(workspace, template(other, tmp_path / "t.json"))
    limits = [set_limit(w).coupling for w in (workspace, made, published(other))]
    values = [found.upper_limit for found in limits if found is not None]
    # twice the flux, half the q^2
    assert values[1] == pytest.approx(values[0] / np.sqrt(2), rel=1e-6)
    assert values[1] == pytest.approx(values[2], rel=1e-3)


def test_another_coupling(load: Load, workspace: Workspace, tmp_path: Path) -> None:
    moment = load(
        "signals=[{process: electron-magnetic, method: free}]",
        "coupling.symbol=mu", "coupling.reference={value: 1e-10, unit: mu_B, status: assumed, source: test}",
    )  # fmt: skip
    made = recast_file(workspace, template(moment, tmp_path / "t.json"))
    assert made.meta is not None
    assert made.meta["definition"]["unit"] == "mu_B"
    assert made.spec["measurements"][0]["name"] == "electron-magnetic@g_ref=1e-10"
    ours, theirs = (set_limit(w).coupling for w in (made, published(moment)))
    assert ours is not None
    assert theirs is not None
    assert ours.upper_limit == pytest.approx(theirs.upper_limit, rel=1e-3)
    assert made.meta["recast_of"]["definition"]["symbol"] == "q"


def test_a_coupling_that_interferes(
    load: Load, workspace: Workspace, tmp_path: Path
) -> None:
    both = load("signals=[{process: electron-millicharge, method: free}]")
    made = recast_file(workspace, template(both, tmp_path / "t.json"))
    assert made.meta is not None
    assert made.meta["definition"]["power"] == 1
    expected = published(both)
    names = [s["name"] for s in made.spec["channels"][0]["samples"]]
    assert set(names) >= {"sm", "int", "em"}
    lines = [c for c in differences(expected, made) if c.where.startswith("on.") and c.where.split(".")[1] in {"sm", "int", "em"}]  # fmt: skip
    assert lines == []


def table(workspace: Workspace, path: Path, **columns: Any) -> Path:
    edges = (workspace.meta or {})["channels"]["on"]["edges"]
    with path.open("w", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(["channel", "low", "high", *columns])
        for i in range(len(edges) - 1):
            row = [values[i] for values in columns.values()]
            writer.writerow(["on", edges[i], edges[i + 1], *row])
    return path


def test_a_table_of_the_users_own(workspace: Workspace, tmp_path: Path) -> None:
    """CSV, ROOT and UHI JSON give the same workspace."""
    bins = len((workspace.meta or {})["channels"]["on"]["edges"]) - 1
    counts = np.linspace(30, 5, bins)
    up, down = 1.1 * counts, 0.92 * counts
    path = table(workspace, tmp_path / "t.csv", c_2=counts, c_2__gain_on_up=up, c_2__gain_on_down=down)  # fmt: skip
    made = recast_file(workspace, path, process="dark-photon", reference=1e-6)
    (sample,) = [
        s for s in made.spec["channels"][0]["samples"] if s["name"] == "dark-photon"
    ]
    assert sample["data"] == counts.tolist()
    own = {m["name"]: m for m in sample["modifiers"]}
    assert own["gain_on"]["data"] == {"hi_data": up.tolist(), "lo_data": down.tolist()}
    assert own["reactor-flux"]["type"] == "normsys"
    assert made.meta is not None
    assert any("keeps the relative size" in w for w in made.meta["warnings"])
    edges = (workspace.meta or {})["channels"]["on"]["edges"]
    hists = {}
    for label, values in (("c_2", counts), ("c_2__gain_on_up", up), ("c_2__gain_on_down", down)):  # fmt: skip
        hists[f"on/{label}"] = bh.Histogram(bh.axis.Variable(edges))
        hists[f"on/{label}"].view()[:] = values
    (tmp_path / "t.json").write_text(json.dumps(hists, default=uhi.io.json.default))
    with uproot.recreate(tmp_path / "t.root") as file:
        for name, h in hists.items():
            file[name] = h
    for name in ("t.json", "t.root"):
        again = recast_file(workspace, tmp_path / name, process="dark-photon", reference=1e-6)  # fmt: skip
        assert differences(made, again) == []


def test_what_does_not_fit_is_refused(
    load: Load, workspace: Workspace, tmp_path: Path
) -> None:
    other = load("observables.energy.binning=[{start: 0.5, stop: 2.5, width: 0.5}]")
    with pytest.raises(InputError, match="incompatible binning"):
        recast_file(workspace, template(other, tmp_path / "t.json"))
    bins = len((workspace.meta or {})["channels"]["on"]["edges"]) - 1
    good = np.ones(bins)
    stated: dict[str, Any] = {"process": "x", "reference": 1.0}
    bad = {
        "not finite": {"c_2": good * np.nan},
        "negative counts": {"c_2": -good},
        "not a coefficient": {"c_3": good},
        "one side": {"c_2": good, "c_2__gain_on_up": good},
        "not a variation": {"c_2": good, "c_2__gain": good},
        "without c_1 and c_2": {"c_0": good},
    }
    for text, columns in bad.items():
        path = table(workspace, tmp_path / "t.csv", **columns)
        with pytest.raises(InputError, match=rf"^{path}: .*{text}"):
            recast_file(workspace, path, **stated)
    path = table(workspace, tmp_path / "t.csv", c_2=good)
    with pytest.raises(InputError, match="does not say what it is"):
        recast_file(workspace, path)
    path.write_text(path.read_text().replace("on,", "moon,"))
    with pytest.raises(InputError, match=rf"^{path}: template.moon: no such channel"):
        recast_file(workspace, path, **stated)
    path.write_text("a,b\n1,2\n")
    with pytest.raises(InputError, match="not a template"):
        recast_file(workspace, path, **stated)
    with pytest.raises(InputError, match="unknown kind"):
        recast_file(workspace, tmp_path / "t.txt", **stated)


def test_the_commands(
    nuem: Nuem, small: Experiment, workspace: Workspace, tmp_path: Path
) -> None:
    assert workspace.meta is not None
    write_workspace(tmp_path / "w.json", Workspace(workspace.spec, {**workspace.meta, "workspace_sha256": digest(workspace.spec)}))  # fmt: skip
    template(small, tmp_path / "t.json")
    assert nuem("recast", "w.json", "--template", "t.json", "-o", "n.json").code == 0
    assert json.loads(nuem("diff", "w.json", "n.json", "--json").out)["identical"]
    assert read_workspace(tmp_path / "n.json").meta is not None
    answer = json.loads(nuem("digest", "w.json", "--json").out)
    assert set(answer["channels"]) == {"on", "off"}
    cited = nuem("cite", "n.json")
    assert cited.code == 0
    assert "@software{nuem," in cited.out
    both = nuem("combine", "w.json", "n.json", "-o", "c.json")
    assert (both.code, "the same data twice" in both.error) == (2, True)
    both = nuem(
        "combine", "w.json", "n.json", "-o", "c.json", "--allow-same-data", "--json"
    )
    assert json.loads(both.out)["path"] == "c.json"
    assert nuem("limit", "c.json").code == 0
    wrong = nuem("combine", "w.json", "--correlations", "nowhere", "-o", "d.json")
    assert (wrong.code, "no such correlations" in wrong.error) == (2, True)
