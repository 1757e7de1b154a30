"""ROOT reads our HS3 and has the same likelihood, interference included, and the same limits.

MC statistics (`staterror`) are left out of the comparison of numbers: ROOT 6.40 gives
them a Poisson constraint whatever the file says, and pyhf a normal one.
"""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nuem.analysis.exchange.hs3 import to_hs3
from nuem.analysis.inference.asymptotic import asymptotic_cls
from nuem.analysis.inference.likelihood import Likelihood

from .workspaces import LINKS, interfering

ROOT = pytest.importorskip("ROOT")


@pytest.mark.parametrize("seed", range(10))
def test_the_same_differences_of_the_likelihood(seed: int, tmp_path: Path) -> None:
    spec = interfering(seed)
    path = tmp_path / "w.hs3.json"
    path.write_text(json.dumps(to_hs3(spec, {"links": LINKS})))
    ROOT.RooMsgService.instance().setGlobalKillBelow(ROOT.RooFit.ERROR)
    theirs = ROOT.RooWorkspace("w")
    assert ROOT.RooJSONFactoryWSTool(theirs).importJSON(str(path))
    pdf, data = theirs.pdf("model_c"), theirs.data("observed_c")
    nll = pdf.createNLL(data, ROOT.RooFit.Extended(True))
    ours = Likelihood(spec, links=LINKS)
    found = []
    for g, flux, tilt in ((0.0, 0.0, 0.0), (0.8, 0.5, -0.4), (-1.1, -1.6, 1.8)):
        for name, value in (("g", g), ("alpha_flux", flux), ("alpha_tilt", tilt)):
            theirs.var(name).setVal(value)
        point = np.zeros(3)
        for name, value in (("g", g), ("flux", flux), ("tilt", tilt)):
            point[ours.index(name)] = value
        found.append((ours.twice_nll(point), 2 * nll.getVal()))
    differences = np.diff(np.array(found), axis=0)
    np.testing.assert_allclose(
        differences[:, 0], differences[:, 1], rtol=1e-6, atol=1e-6
    )


def without_interference(seed: int) -> dict[str, Any]:
    """Return one with a signal strength and errors of single bins instead."""
    spec = interfering(seed)
    signal, _, background = spec["channels"][0]["samples"]
    norm = {"name": "mu", "type": "normfactor", "data": None}
    signal["modifiers"] = [norm, signal["modifiers"][1]]
    errors = [0.05 * x for x in background["data"]]
    background["modifiers"].append(
        {"name": "single", "type": "shapesys", "data": errors}
    )
    spec["channels"][0]["samples"] = [signal, background]
    spec["measurements"][0]["config"] = {
        "poi": "mu",
        "parameters": [{"name": "mu", "bounds": [[0.0, 10.0]]}],
    }
    return spec


def root_limit(
    spec: dict[str, Any], path: Path, points: int, low: float, high: float
) -> tuple[float, float]:
    """Return the 90 % CLs limit of AsymptoticCalculator between two values, and the time."""
    path.write_text(json.dumps(to_hs3(spec)))
    there = ROOT.RooWorkspace("limit")
    assert ROOT.RooJSONFactoryWSTool(there).importJSON(str(path))
    ROOT.RooStats.AsymptoticCalculator.SetPrintLevel(-1)
    start = time.perf_counter()
    config, poi = there.obj("analysis"), there.var("mu")
    known = ROOT.RooArgSet()
    for variable in there.allVars():
        if variable.GetName().startswith("nom_"):
            variable.setConstant(True)
            known.add(variable)
    config.SetGlobalObservables(known)
    models = []
    for name, value in (("with", 1.0), ("without", 0.0)):
        model = config.Clone(name)
        poi.setVal(value)
        model.SetSnapshot(ROOT.RooArgSet(poi))
        models.append(model)
    calculator = ROOT.RooStats.AsymptoticCalculator(
        there.data("observed_c"), models[1], models[0]
    )
    calculator.SetOneSided(True)
    inverter = ROOT.RooStats.HypoTestInverter(calculator)
    inverter.SetConfidenceLevel(0.9)
    inverter.UseCLs(True)
    inverter.SetVerbose(0)
    inverter.SetFixedScan(points, low, high)
    limit = float(inverter.GetInterval().UpperLimit())
    return limit, time.perf_counter() - start


def make_quiet() -> None:
    ROOT.RooMsgService.instance().setGlobalKillBelow(ROOT.RooFit.FATAL)
    ROOT.Math.MinimizerOptions.SetDefaultMinimizer("Minuit2")
    ROOT.Math.MinimizerOptions.SetDefaultPrintLevel(-1)
    ROOT.Math.MinimizerOptions.SetDefaultTolerance(0.01)


@pytest.fixture(autouse=True)
def quiet() -> None:
    make_quiet()


@pytest.mark.parametrize("seed", range(10))
def test_the_same_limit(seed: int, tmp_path: Path) -> None:
    """ROOT scans three per cent to each side of our limit and interpolates."""
    spec = without_interference(seed)
    ours = asymptotic_cls(Likelihood(spec), cl=0.9, points=0).observed
    theirs, _ = root_limit(spec, tmp_path / "w.json", 5, 0.97 * ours, 1.03 * ours)
    print(f"\nlimit {ours:.6f}, ROOT {theirs:.6f}: {theirs / ours - 1:+.1e}")
    assert theirs == pytest.approx(ours, rel=1e-3)
