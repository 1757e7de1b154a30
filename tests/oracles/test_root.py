"""ROOT reads our HS3 and has the same likelihood, interference included, and the same limits."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nuem.analysis.exchange.hs3 import to_hs3
from nuem.analysis.inference.asymptotic import asymptotic_cls
from nuem.analysis.inference.likelihood import Likelihood

from .workspaces import LINKS, interfering

ROOT = pytest.importorskip("ROOT")
_SPEC = importlib.util.spec_from_file_location(
    "root_limit", Path(__file__).with_name("root_limit.py")
)
assert _SPEC is not None
assert _SPEC.loader is not None
ROOT_LIMIT = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(ROOT_LIMIT)


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


def without_interference(seed: int, kind: str) -> dict[str, Any]:
    """Return one with a signal strength, and errors of single bins of a kind."""
    spec = interfering(seed)
    signal, _, background = spec["channels"][0]["samples"]
    norm = {"name": "mu", "type": "normfactor", "data": None}
    signal["modifiers"] = [norm, signal["modifiers"][1]]
    errors = [0.05 * x for x in background["data"]]
    background["modifiers"].append({"name": "single", "type": kind, "data": errors})
    spec["channels"][0]["samples"] = [signal, background]
    spec["measurements"][0]["config"] = {
        "poi": "mu",
        "parameters": [{"name": "mu", "bounds": [[0.0, 10.0]]}],
    }
    return spec


@pytest.fixture(autouse=True)
def quiet() -> None:
    ROOT_LIMIT.make_quiet()


@pytest.mark.parametrize("kind", ["shapesys", "staterror"])
@pytest.mark.parametrize("seed", range(10))
def test_the_same_limit(seed: int, kind: str, tmp_path: Path) -> None:
    """ROOT scans three per cent to each side of our limit and interpolates."""
    spec = without_interference(seed, kind)
    ours = asymptotic_cls(Likelihood(spec), cl=0.9, points=0).observed
    path = tmp_path / "w.json"
    path.write_text(json.dumps(to_hs3(spec)))
    theirs = ROOT_LIMIT.limit(ROOT_LIMIT.opened(str(path)), 5, 0.97 * ours, 1.03 * ours)
    print(f"\n{kind}: limit {ours:.6f}, ROOT {theirs:.6f}: {theirs / ours - 1:+.1e}")
    assert theirs == pytest.approx(ours, rel=1e-3)
