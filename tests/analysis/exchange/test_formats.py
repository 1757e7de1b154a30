"""Other programs' formats: written, read back by the other program, the same numbers."""

from __future__ import annotations

import csv
import json
from copy import deepcopy
from pathlib import Path
from typing import Any

import boost_histogram
import hist
import numpy as np
import pyhf
import pyhf.readxml
import pytest
import uhi.io.json
import uproot

from nuem.analysis.exchange.formats import (
    histograms,
    patchset,
    write_csv,
    write_patchset,
    write_root,
    write_uhi,
    write_xml,
)
from nuem.analysis.exchange.workspace import Workspace
from nuem.analysis.inference.likelihood import Likelihood
from nuem.inputs.errors import InputError

from .conftest import random_workspace

MEANING = {
    "symbol": "q",
    "unit": "e",
    "reference": 1e-12,
    "power": 2,
    "processes": ["p"],
}


def one(seed: int = 1) -> Workspace:
    spec = random_workspace(seed)
    del spec["measurements"][1]
    edges = {
        c["name"]: {"edges": list(range(len(c["samples"][0]["data"]) + 1)), "unit": "keVee"}
        for c in spec["channels"]
    }  # fmt: skip
    return Workspace(spec, {"definition": MEANING, "channels": edges}, "w.json")


def interfering() -> Workspace:
    links = {"g_lin": {"parameter": "g", "power": 1}, "g_quad": {"parameter": "g", "power": 2}}  # fmt: skip
    flux = {"name": "flux", "type": "normsys", "data": {"hi": 1.1, "lo": 0.92}}

    def sample(name: str, data: list[float], factor: str | None) -> dict[str, Any]:
        own = [] if factor is None else [{"name": factor, "type": "normfactor", "data": None}, flux]  # fmt: skip
        return {"name": name, "data": data, "modifiers": own}

    spec = {
        "version": "1.0.0",
        "channels": [{"name": "c", "samples": [
            sample("b", [30.0, 20.0], None), sample("int", [-2.0, -1.0], "g_lin"),
            sample("em", [4.0, 3.0], "g_quad")]}],
        "observations": [{"name": "c", "data": [31.0, 22.0]}],
        "measurements": [{"name": "m", "config": {"poi": "g_lin", "parameters": [
            {"name": "g_lin", "bounds": [[-9.0, 9.0]], "inits": [0.0]}]}}],
    }  # fmt: skip
    return Workspace(spec, {"definition": {**MEANING, "power": 1, "links": links}}, "i")


def test_a_patch_is_the_workspace_at_its_coupling(tmp_path: Path) -> None:
    workspace = one()
    write_patchset(tmp_path, workspace, [0.5e-12, 1e-12, 2e-12], "ins1298262")
    background = pyhf.Workspace(json.loads((tmp_path / "background.json").read_text()))
    patches = pyhf.PatchSet(json.loads((tmp_path / "patchset.json").read_text()))
    patches.verify(background)
    assert [p.values for p in patches] == [(0.5e-12,), (1e-12,), (2e-12,)]
    whole = pyhf.Workspace(deepcopy(workspace.spec))
    full = whole.model()
    for patch in patches:
        made = patches.apply(background, patch.name)
        model = made.model()
        x = np.array(model.config.suggested_init())
        y = np.array(full.config.suggested_init())
        rng = np.random.default_rng(1)
        for name in full.config.par_order:
            shift = 0.05 * rng.standard_normal(full.config.param_set(name).n_parameters)
            x[model.config.par_slice(name)] += shift
            y[full.config.par_slice(name)] += shift
        x[model.config.poi_index] = 1.0
        y[full.config.poi_index] = (patch.values[0] / 1e-12) ** 2
        a = model.logpdf(x, made.data(model))[0]
        b = full.logpdf(y, whole.data(full))[0]
        assert -2 * (a - b) == pytest.approx(0.0, abs=1e-9)


def test_patches_of_a_coupling_that_interferes() -> None:
    workspace = interfering()
    background, patches = patchset(workspace, [-1e-12, 2e-12], "ins1298262")
    links = (workspace.meta or {})["definition"]["links"]
    ours = Likelihood(workspace.spec, links=links)
    for entry, g in zip(patches["patches"], (-1.0, 2.0), strict=True):
        made = pyhf.PatchSet(patches).apply(background, entry["metadata"]["name"])
        model = pyhf.Workspace(made).model()
        x = np.array(model.config.suggested_init())
        x[model.config.poi_index] = 1.0
        x[model.config.par_slice("flux")] = 0.7
        y = ours.init.copy()
        y[ours.poi], y[ours.index("flux")] = g, 0.7
        expected = ours.expected(y)
        np.testing.assert_allclose(model.expected_actualdata(x), expected, rtol=1e-12)


def test_what_a_patchset_needs() -> None:
    workspace = one()
    with pytest.raises(InputError, match="does not say"):
        patchset(Workspace(workspace.spec), [1.0], "ins1298262")
    with pytest.raises(InputError, match="pyhf refuses"):
        patchset(workspace, [1e-12], "1298262")
    with pytest.raises(InputError, match="couplings"):
        patchset(workspace, [], "ins1298262")
    with pytest.raises(InputError, match="couplings"):
        patchset(workspace, [float("nan")], "ins1298262")


def test_xml_there_and_back_by_pyhf(tmp_path: Path) -> None:
    """The names of statistical errors change on the way; the likelihood does not."""
    workspace = one(2)
    for channel in workspace.spec["channels"]:
        for sample in channel["samples"]:
            # XML knows no second type under one name, and pyhf renames staterror
            sample["modifiers"] = [
                m for m in sample["modifiers"]
                if (m["name"], m["type"]) != ("jes", "normsys") and m["type"] != "staterror"
            ]  # fmt: skip
    write_xml(tmp_path, workspace)
    back = pyhf.readxml.parse(
        str(tmp_path / "FitConfig.xml"), str(tmp_path.parent), [], False
    )
    first = pyhf.Workspace(deepcopy(workspace.spec))
    second = pyhf.Workspace(back)
    a, b = first.model(), second.model()
    rng = np.random.default_rng(3)
    for _ in range(3):
        x, y = np.array(a.config.suggested_init()), np.array(b.config.suggested_init())
        for name in a.config.par_order:
            shift = 0.1 * rng.uniform(-1, 1, a.config.param_set(name).n_parameters)
            x[a.config.par_slice(name)] += shift
            y[b.config.par_slice(name)] += shift
        one_, other = (m.logpdf(v, w.data(m))[0] for m, v, w in ((a, x, first), (b, y, second)))  # fmt: skip
        assert -2 * (one_ - other) == pytest.approx(0.0, abs=1e-6)
    with pytest.raises(InputError, match="XML cannot say"):
        write_xml(tmp_path, interfering())


def test_histograms_as_uhi_json_and_root(tmp_path: Path) -> None:
    workspace = one(3)
    made = histograms(workspace)
    write_uhi(tmp_path / "h.json", workspace)
    text = (tmp_path / "h.json").read_text()
    back = json.loads(text, object_hook=uhi.io.json.object_hook)
    write_root(tmp_path / "h.root", workspace)
    with uproot.open(tmp_path / "h.root") as file:
        for name, own in made.items():
            assert hist.Hist(boost_histogram.Histogram(back[name])) == own
            values, edges = file[name].to_numpy()
            assert values.tolist() == own.values().tolist()
            assert edges.tolist() == own.axes[0].edges.tolist()
            np.testing.assert_allclose(file[name].variances(), own.variances(), rtol=1e-15)  # fmt: skip
    channel = workspace.spec["channels"][0]
    top = next(s for s in channel["samples"] if s["name"] == "top")
    shape = next(m for m in top["modifiers"] if m["type"] == "histosys")
    size = next(m for m in top["modifiers"] if m["name"] == "jes" and m["type"] == "normsys")  # fmt: skip
    key = f"{channel['name']}/top/jes_up"
    both = {tuple(made[k].values().tolist()) for k in (key, f"{key}_norm")}
    assert both == {
        tuple(shape["data"]["hi_data"]),
        tuple((np.array(top["data"]) * size["data"]["hi"]).tolist()),
    }


def test_csv(tmp_path: Path) -> None:
    workspace = one(3)
    write_csv(tmp_path / "w.csv", workspace)
    with (tmp_path / "w.csv").open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    for channel in workspace.spec["channels"]:
        for sample in channel["samples"]:
            found = [
                float(r["value"]) for r in rows
                if (r["channel"], r["sample"], r["variation"])
                == (channel["name"], sample["name"], "nominal")
            ]  # fmt: skip
            assert found == sample["data"]
