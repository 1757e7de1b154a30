"""A fit and a 90 % CLs limit by ROOT, of an HS3 file: needs nothing but ROOT.

    python tests/oracles/root_limit.py FILE POINTS LOW HIGH [TIMES]

prints JSON: ``limit``, and the processor times ``fit_ms`` and ``limit_ms`` of each of
TIMES rounds. It can be run by another interpreter than that of the tests.
"""

from __future__ import annotations

import json
import sys
import time
from typing import Any

import ROOT

__all__ = ["fit", "limit", "make_quiet", "opened"]


def make_quiet() -> None:
    """Set MINUIT and its tolerance; nothing is printed."""
    ROOT.RooMsgService.instance().setGlobalKillBelow(ROOT.RooFit.FATAL)
    ROOT.Math.MinimizerOptions.SetDefaultMinimizer("Minuit2")
    ROOT.Math.MinimizerOptions.SetDefaultPrintLevel(-1)
    ROOT.Math.MinimizerOptions.SetDefaultTolerance(0.01)


def opened(path: str) -> Any:
    """Return the workspace of a file with one channel ``c``."""
    workspace = ROOT.RooWorkspace("limit")
    assert ROOT.RooJSONFactoryWSTool(workspace).importJSON(path)
    config = workspace.obj("analysis")
    known = ROOT.RooArgSet()
    for variable in workspace.allVars():
        if variable.GetName().startswith("nom_"):
            variable.setConstant(True)
            known.add(variable)
    config.SetGlobalObservables(known)
    return workspace


def fit(workspace: Any) -> None:
    """Fit all parameters, as the limit does at each of its values."""
    workspace.pdf("model_c").fitTo(
        workspace.data("observed_c"),
        ROOT.RooFit.GlobalObservables(workspace.obj("analysis").GetGlobalObservables()),
        ROOT.RooFit.PrintLevel(-1),
        ROOT.RooFit.Hesse(False),
    )


def limit(workspace: Any, points: int, low: float, high: float) -> float:
    """Return the 90 % CLs limit of AsymptoticCalculator between two values."""
    ROOT.RooStats.AsymptoticCalculator.SetPrintLevel(-1)
    config, poi = workspace.obj("analysis"), workspace.var("mu")
    models = []
    for name, value in (("with", 1.0), ("without", 0.0)):
        model = config.Clone(name)
        poi.setVal(value)
        model.SetSnapshot(ROOT.RooArgSet(poi))
        models.append(model)
    calculator = ROOT.RooStats.AsymptoticCalculator(
        workspace.data("observed_c"), models[1], models[0]
    )
    calculator.SetOneSided(True)
    inverter = ROOT.RooStats.HypoTestInverter(calculator)
    inverter.SetConfidenceLevel(0.9)
    inverter.UseCLs(True)
    inverter.SetVerbose(0)
    inverter.SetFixedScan(points, low, high)
    return float(inverter.GetInterval().UpperLimit())


def _main(path: str, points: str, low: str, high: str, times: str = "3") -> None:
    make_quiet()
    found: dict[str, Any] = {"version": ROOT.__version__, "fit_ms": [], "limit_ms": []}
    for _ in range(int(times)):
        workspace = opened(path)
        start = time.process_time()
        fit(workspace)
        found["fit_ms"].append(1e3 * (time.process_time() - start))
        workspace = opened(path)
        start = time.process_time()
        found["limit"] = limit(workspace, int(points), float(low), float(high))
        found["limit_ms"].append(1e3 * (time.process_time() - start))
    print(json.dumps(found))


if __name__ == "__main__":
    _main(*sys.argv[1:])
