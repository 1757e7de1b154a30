"""ROOT reads our XML and HS3, of single and combined workspaces: the same limits."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import numpy as np
import pytest

from nuem.analysis.exchange.formats import write_root, write_xml
from nuem.analysis.exchange.hs3 import to_hs3
from nuem.analysis.exchange.workspace import (
    Workspace,
    observed_counts,
    read_workspace,
)
from nuem.analysis.inference.likelihood import Likelihood
from nuem.analysis.inference.limits import upper_limit

from .workspaces import both, single, with_lumi

ROOT = pytest.importorskip("ROOT")


def cls_limit(config: Any, data: Any, guess: float) -> float:
    """Return the 90 % CLs limit of ROOT's asymptotic calculator, near a guess."""
    ROOT.Math.MinimizerOptions.SetDefaultMinimizer("Minuit2")
    ROOT.Math.MinimizerOptions.SetDefaultStrategy(1)
    ROOT.RooStats.AsymptoticCalculator.SetPrintLevel(-1)
    poi = config.GetParametersOfInterest().first()
    poi.setRange(0, 10)
    with_signal = config.Clone("with signal")
    poi.setVal(1.0)
    with_signal.SetSnapshot(ROOT.RooArgSet(poi))
    without = config.Clone("without")
    poi.setVal(0.0)
    without.SetSnapshot(ROOT.RooArgSet(poi))
    calculator = ROOT.RooStats.AsymptoticCalculator(data, without, with_signal)
    calculator.SetOneSided(True)
    calculator.SetQTilde(True)
    inverter = ROOT.RooStats.HypoTestInverter(calculator)
    inverter.SetConfidenceLevel(0.9)
    inverter.UseCLs(True)
    inverter.SetVerbose(False)
    grid = guess * np.array([0.97, 0.99, 1.01, 1.03])
    for mu in grid:
        assert inverter.RunOnePoint(float(mu))
    result = inverter.GetInterval()
    points = sorted(
        (result.GetXValue(i), result.CLs(i)) for i in range(result.ArraySize())
    )
    mus, cls = np.array(points).T
    return float(np.interp(np.log(0.1), np.log(cls[::-1]), mus[::-1]))


def one_set(theirs: Any, workspace: Workspace) -> Any:
    """Return the data of all channels as ROOT's simultaneous model wants them."""
    names = [c["name"] for c in workspace.spec["channels"]]
    if len(names) == 1:
        return theirs.data(f"observed_{names[0]}")
    category = theirs.cat("analysis_categoryIndex")
    seen = [theirs.var(f"obs_x_{name}") for name in names]
    row = ROOT.RooArgSet(*seen, category)
    made = ROOT.RooDataSet("combData", "", row, ROOT.RooFit.WeightVar("weight"))
    for name, own in zip(names, seen, strict=True):
        part = theirs.data(f"observed_{name}")
        category.setLabel(f"model_{name}")
        for i in range(part.numEntries()):
            own.setVal(part.get(i)[own.GetName()].getVal())
            made.add(row, part.weight())
    return made


def quiet() -> None:
    ROOT.RooMsgService.instance().setGlobalKillBelow(ROOT.RooFit.ERROR)
    ROOT.gErrorIgnoreLevel = ROOT.kError


def from_xml(folder: Path) -> Any:
    """Build ROOT's HistFactory model from our XML and ROOT files.

    The wheel of ROOT lacks `ConfigParser` (it is built without an XML library), so the
    elements are read here, and handed over one by one to the classes that it would fill.
    """
    factory = ROOT.RooStats.HistFactory
    top = ET.parse(folder / "FitConfig.xml").getroot()
    (own,) = top.findall("Measurement")
    measurement = factory.Measurement(own.get("Name"), own.get("Name"))
    measurement.SetPOI(own.findtext("POI").strip())
    measurement.SetLumi(1.0)
    measurement.SetLumiRelErr(0.1)
    measurement.AddConstantParam("Lumi")
    for entry in top.findall("Input"):
        tree = ET.parse(entry.text.strip()).getroot()
        file = tree.get("InputFile")
        channel = factory.Channel(tree.get("Name"))
        channel.SetData(tree.find("Data").get("HistoName"), file)
        for element in tree.findall("Sample"):
            channel.AddSample(sample_from_xml(element, file))
        measurement.AddChannel(channel)
    measurement.CollectHistograms()
    return factory.HistoToWorkspaceFactoryFast(measurement).MakeCombinedModel(
        measurement
    )


def sample_from_xml(element: Any, file: str) -> Any:
    """Build one sample with its modifiers."""
    own = element.get("InputFile", file)
    sample = ROOT.RooStats.HistFactory.Sample(
        element.get("Name"), element.get("HistoName"), own
    )
    sample.SetNormalizeByTheory(element.get("NormalizeByTheory") == "True")
    for m in element.findall("NormFactor"):
        values = (float(m.get(key)) for key in ("Val", "Low", "High"))
        sample.AddNormFactor(m.get("Name"), *values)
    for m in element.findall("OverallSys"):
        sample.AddOverallSys(m.get("Name"), float(m.get("Low")), float(m.get("High")))
    for m in element.findall("HistoSys"):
        sample.AddHistoSys(
            m.get("Name"), m.get("HistoNameLow"), own, "", m.get("HistoNameHigh"), own, ""
        )  # fmt: skip
    return sample


@pytest.mark.parametrize(
    "make", [lambda: single("a", 1), both], ids=["one", "combined"]
)
def test_the_limit_from_xml(
    make: Callable[[], Workspace], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    quiet()
    workspace = make()
    monkeypatch.chdir(tmp_path)  # the files name each other from here
    write_xml("xml", workspace)
    theirs = from_xml(Path("xml"))
    ours = upper_limit(workspace.spec, cl=0.9).poi.upper_limit
    found = cls_limit(theirs.obj("ModelConfig"), theirs.data("obsData"), ours)
    assert found == pytest.approx(ours, rel=1e-3)


@pytest.mark.parametrize(
    "make",
    [lambda: single("a", 1), both, lambda: with_lumi(single("a", 1)), lambda: both(lumi=True)],
    ids=["one", "combined", "lumi", "lumi combined"],
)  # fmt: skip
def test_the_limit_and_the_likelihood_from_hs3(
    make: Callable[[], Workspace], tmp_path: Path
) -> None:
    quiet()
    workspace = make()
    path = tmp_path / "w.hs3.json"
    path.write_text(json.dumps(to_hs3(workspace.spec)))
    theirs = ROOT.RooWorkspace("w")
    assert ROOT.RooJSONFactoryWSTool(theirs).importJSON(str(path))
    ours = Likelihood(workspace.spec)
    terms = []
    for channel in workspace.spec["channels"]:
        name = channel["name"]
        pdf, data = theirs.pdf(f"model_{name}"), theirs.data(f"observed_{name}")
        terms.append(pdf.createNLL(data, ROOT.RooFit.Extended(True)))
    shared = [n for n in ours.names if n != "mu"]
    found = []
    rng = np.random.default_rng(5)
    for _ in range(4):
        point = ours.init.copy()
        for name in shared:
            i = ours.index(name)
            factor = name == "lumi" or ours.arrays.kind[i] == 0
            point[i] = rng.uniform(0.8, 1.2) if factor else rng.uniform(-1.5, 1.5)
            theirs.var(name if factor else f"alpha_{name}").setVal(point[i])
        point[ours.poi] = rng.uniform(0, 2)
        theirs.var("mu").setVal(point[ours.poi])
        # a constraint is a factor of each channel that its parameter acts on
        pulls = 0.0
        for name in shared:
            i = ours.index(name)
            if ours.arrays.kind[i]:
                pull = (point[i] - 1) / 0.03 if name == "lumi" else point[i]
                users = sum(
                    any(m["name"] == name for s in c["samples"] for m in s["modifiers"])
                    for c in workspace.spec["channels"]
                )
                pulls += (users - 1) * pull**2
        found.append(
            (ours.twice_nll(point), sum(2 * t.getVal() for t in terms) - pulls)
        )
    differences = np.diff(np.array(found), axis=0)
    np.testing.assert_allclose(
        differences[:, 0], differences[:, 1], rtol=1e-6, atol=1e-6
    )
    config = theirs.obj("analysis")
    # HS3 does not say which data are auxiliary; the calculator has to know
    auxiliary = [v for v in theirs.allVars() if v.GetName().startswith("nom_")]
    for own in auxiliary:
        own.setConstant(True)
    config.SetGlobalObservables(ROOT.RooArgSet(*auxiliary))
    data = one_set(theirs, workspace)
    limit = upper_limit(workspace.spec, cl=0.9).poi.upper_limit
    assert cls_limit(config, data, limit) == pytest.approx(limit, rel=1e-3)


@pytest.mark.parametrize("fixed", [False, True], ids=["lumi", "lumi fixed"])
def test_what_root_writes_is_read(fixed: bool, tmp_path: Path) -> None:
    """A HistFactory model made by ROOT, lumi included: the same likelihood and limit."""
    quiet()
    factory = ROOT.RooStats.HistFactory
    measurement = factory.Measurement("m", "m")
    measurement.SetPOI("mu")
    measurement.SetLumi(1.0)
    measurement.SetLumiRelErr(0.04)
    if fixed:
        measurement.AddConstantParam("Lumi")
    kept = []
    for number, counts in enumerate(([108.0, 91.0, 80.0], [61.0, 55.0])):
        channel = factory.Channel(f"c{number}")
        hists = []
        for own in (counts, [9.0, 12.0, 10.0], [100.0, 80.0, 75.0]):
            hist = ROOT.TH1D("h", "h", len(counts), 0, len(counts))
            hist.SetDirectory(ROOT.nullptr)
            ROOT.SetOwnership(hist, False)  # HistFactory takes them
            for i in range(len(counts)):
                hist.SetBinContent(i + 1, own[i] * (1 - 0.4 * number * (own[0] == 100)))
            hists.append(hist)
        channel.SetData(hists[0])
        samples = [factory.Sample("em"), factory.Sample("flat")]
        for sample, hist in zip(samples, hists[1:], strict=True):
            sample.SetHisto(hist)
            sample.SetNormalizeByTheory(True)
        samples[0].AddNormFactor("mu", 1, 0, 10)
        samples[1].AddOverallSys("rate", 0.93, 1.06)
        for sample in samples:
            channel.AddSample(sample)
        measurement.AddChannel(channel)
        kept += [channel, *samples, *hists]
    theirs = factory.HistoToWorkspaceFactoryFast(measurement).MakeCombinedModel(
        measurement
    )
    path = tmp_path / "root.json"
    assert ROOT.RooJSONFactoryWSTool(theirs).exportJSON(str(path))
    workspace = read_workspace(path)
    ours = Likelihood(workspace.spec)
    assert set(ours.names) == {"mu", "lumi", "rate"}
    config = theirs.obj("ModelConfig")
    nll = config.GetPdf().createNLL(
        theirs.data("obsData"),
        ROOT.RooFit.GlobalObservables(config.GetGlobalObservables()),
    )
    found = []
    for mu, lumi, rate in ((1.0, 1.0, 0.0), (0.3, 1.02, 0.7), (2.1, 0.97, -1.2)):
        values = {"mu": mu, "lumi": 1.0 if fixed else lumi, "rate": rate}
        for name, own in (("mu", "mu"), ("Lumi", "lumi"), ("alpha_rate", "rate")):
            theirs.var(name).setVal(values[own])
        point = np.array([values[name] for name in ours.names])
        found.append((ours.twice_nll(point), 2 * nll.getVal()))
    differences = np.diff(np.array(found), axis=0)
    np.testing.assert_allclose(
        differences[:, 0], differences[:, 1], rtol=1e-6, atol=1e-6
    )
    limit = upper_limit(workspace.spec, cl=0.9).poi.upper_limit
    assert cls_limit(config, theirs.data("obsData"), limit) == pytest.approx(
        limit, rel=1e-3
    )


def test_histograms_of_our_root_file(tmp_path: Path) -> None:
    workspace = single("a", 1)
    write_root(tmp_path / "h.root", workspace)
    file = ROOT.TFile.Open(str(tmp_path / "h.root"))
    counts = observed_counts(workspace)["a"]
    seen = file.Get("a/observed/nominal")
    assert [seen.GetBinContent(i + 1) for i in range(counts.size)] == counts.tolist()
    em = file.Get("a/em/gain_up")
    sample = workspace.spec["channels"][0]["samples"][0]
    shape = sample["modifiers"][2]["data"]["hi_data"]
    assert [em.GetBinContent(i + 1) for i in range(counts.size)] == shape
    file.Close()
