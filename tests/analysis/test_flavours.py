"""Two charges of coherent scattering at a source of pions at rest, q_e against q_mu."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from scipy.optimize import minimize_scalar

from nuem.analysis.cli.main import cli
from nuem.analysis.exchange.provenance import digest
from nuem.analysis.exchange.workspace import (
    ChannelModel,
    Sample,
    Workspace,
    assemble,
    normfactor,
    normsys,
    read_workspace,
    write_workspace,
)
from nuem.analysis.flavours import join_charges
from nuem.analysis.inference.feldman_cousins import region
from nuem.analysis.inference.likelihood import Likelihood
from nuem.inputs.errors import InputError
from nuem.models.flux.sns import sns_flux
from nuem.models.fold import recoil_spectrum

REFERENCE, FLUX_ERROR = 1e-7, 0.1
EDGES = np.linspace(5.0, 45.0, 9)
FLAVOURS = {"q_e": ["nu-e"], "q_mu": ["nu-mu", "anti-nu-mu"]}
LINKS = {
    "g_lin": {"parameter": "g", "power": 1},
    "g_quad": {"parameter": "g", "power": 2},
}


@pytest.fixture(scope="module")
def counts() -> Mapping[str, Any]:
    """Return expected counts by monomial of the charges, 5-45 keV of recoil."""
    flux = sns_flux(protons_per_second=5e15, yield_per_proton=0.09, distance_m=19.3)
    recoils = np.linspace(EDGES[0], EDGES[-1], 81)
    rates = recoil_spectrum(
        "nucleus-millicharge", "CsI", flux, recoils, by_flavour=True
    )
    inside = np.digitize(recoils[:-1] + 0.25, EDGES) - 1
    step = recoils[1] - recoils[0]
    return {
        monomial: 14.6
        * 300
        * np.bincount(inside, 0.5 * step * (rate[1:] + rate[:-1]))
        * REFERENCE ** (0 if monomial == "1" else 1 + monomial.endswith("^2"))
        for monomial, rate in rates.items()
    }


def of_one(counts: Mapping[str, Any], charge: str) -> Workspace:
    flux = normsys("flux", FLUX_ERROR)
    background = np.full(EDGES.size - 1, 20.0)
    samples = (
        Sample("sm", counts["1"], (flux,)),
        Sample("int", counts[charge], (normfactor("g_lin"), flux)),
        Sample("em", counts[f"{charge}^2"], (normfactor("g_quad"), flux)),
        Sample("flat", background),
    )
    spec = assemble(
        [ChannelModel("csi", np.round(counts["1"] + background), samples)],
        measurement=f"nucleus-millicharge@g_ref={REFERENCE}",
        poi="g_lin",
        parameters={
            "g_lin": {"inits": [0.0], "bounds": [[-30.0, 30.0]]},
            "g_quad": {"inits": [0.0], "bounds": [[0.0, 900.0]]},
        },
    )
    definition = {
        "processes": ["nucleus-millicharge"],
        "symbol": "q",
        "reference": REFERENCE,
        "unit": "e",
        "power": 1,
        "links": LINKS,
        "flavours": FLAVOURS[charge],
    }
    return Workspace(spec, {"definition": definition}, f"{charge}.json")


def joined(counts: Mapping[str, Any]) -> tuple[Workspace, Likelihood]:
    both = join_charges({name: of_one(counts, name) for name in FLAVOURS})
    assert both.meta is not None
    return both, Likelihood(both.spec, links=both.meta["definition"]["links"])


def test_each_charge_alone_is_what_it_was(counts: Mapping[str, Any]) -> None:
    both, likelihood = joined(counts)
    assert likelihood.names.count("q_e") == likelihood.names.count("q_mu") == 1
    assert likelihood.poi_name == "q_e"
    assert both.meta is not None
    assert both.meta["definition"]["flavours"] == ["anti-nu-mu", "nu-e", "nu-mu"]
    for charge in FLAVOURS:
        alone = Likelihood(of_one(counts, charge).spec, links=LINKS)
        for value, flux in ((0.0, 0.0), (0.7, -0.4), (-1.3, 1.1)):
            one, two = alone.init.copy(), likelihood.init.copy()
            two[[likelihood.index("q_e"), likelihood.index("q_mu")]] = 0.0
            one[alone.index("g")], one[alone.index("flux")] = value, flux
            two[likelihood.index(charge)] = value
            two[likelihood.index("flux")] = flux
            assert likelihood.twice_nll(two) == pytest.approx(
                alone.twice_nll(one), abs=1e-9
            )


def test_a_region_of_two_flavours(counts: Mapping[str, Any]) -> None:
    """Profiled over the flux by another minimiser, and calibrated by toys."""
    both, likelihood = joined(counts)
    x, y = np.linspace(-3.0, 3.0, 7), np.linspace(-2.0, 2.0, 5)
    found = region(likelihood, ["q_e", "q_mu"], x, y, count=100)
    assert found.failed == 0
    data = np.array(both.spec["observations"][0]["data"])

    def deviance(q_e: float, q_mu: float) -> float:
        signal = (
            counts["1"]
            + q_e * counts["q_e"]
            + q_e**2 * counts["q_e^2"]
            + q_mu * counts["q_mu"]
            + q_mu**2 * counts["q_mu^2"]
        )

        def at(flux: float) -> float:
            point = likelihood.init.copy()  # without charges
            point[likelihood.index("flux")] = flux
            factor = (likelihood.expected(point)[0] - 20.0) / counts["1"][0]
            mean = factor * signal + 20.0
            return float(2 * np.sum(mean - data * np.log(mean)) + flux**2)

        return float(
            minimize_scalar(
                at, bounds=(-5, 5), method="bounded", options={"xatol": 1e-9}
            ).fun
        )

    heights = np.array([[deviance(a, b) for b in y] for a in x])
    np.testing.assert_allclose(
        found.rise - found.rise[3, 2], heights - heights[3, 2], atol=1e-4
    )
    assert found.accepted[3, 2]
    assert not found.accepted[0, 0]
    # two parameters: 4.6 far from other minima, less on the ridge of equal rates
    assert np.median(found.critical) == pytest.approx(4.6, abs=1.5)


def test_what_does_not_belong_together(counts: Mapping[str, Any]) -> None:
    one = of_one(counts, "q_e")
    with pytest.raises(InputError, match="flavours that do not belong"):
        join_charges({"q_e": one, "q_x": one})
    other = of_one(counts, "q_mu")
    other.spec["observations"][0]["data"][0] += 1
    with pytest.raises(InputError, match=r"q_mu\.json: observations: other data"):
        join_charges({"q_e": one, "q_mu": other})
    other = of_one(counts, "q_mu")
    other.spec["channels"][0]["samples"][0]["data"][0] += 1
    with pytest.raises(InputError, match=r"csi\.sm: a sample without charge"):
        join_charges({"q_e": one, "q_mu": other})
    with pytest.raises(InputError, match="flavours that do not belong"):
        join_charges({"q_e": Workspace(one.spec), "q_mu": of_one(counts, "q_mu")})
    one.spec["measurements"][0]["name"] = "m"
    plain = Workspace(one.spec, None, "w.json")
    with pytest.raises(InputError, match="not a workspace of one charge"):
        join_charges({"q_e": plain, "q_mu": of_one(counts, "q_mu")})


def test_the_command_that_joins_charges(
    counts: Mapping[str, Any], tmp_path: Path
) -> None:
    files = []
    for name in FLAVOURS:
        one = of_one(counts, name)
        meta = {
            **(one.meta or {}), "measurement": one.spec["measurements"][0]["name"],
            "workspace_sha256": digest(one.spec),
        }  # fmt: skip
        files.append(str(tmp_path / f"{name}.json"))
        write_workspace(files[-1], Workspace(one.spec, meta, files[-1]))
    both = str(tmp_path / "both.json")

    def call(*arguments: str) -> str:
        asked = ["combine", *files, "--couplings", *arguments]
        return CliRunner().invoke(cli, asked, catch_exceptions=False).stdout

    assert "q_e: charge of nu-e; q_mu: charge of nu-mu" in call("q_e,q_mu", "-o", both)
    loaded = read_workspace(both)
    assert loaded.meta is not None
    configuration = loaded.meta["provenance"]["configuration"]
    assert configuration["couplings"] == ["q_e", "q_mu"]
    assert set(loaded.meta["definition"]["links"]) == {
        "q_e_lin", "q_e_quad", "q_mu_lin", "q_mu_quad",
    }  # fmt: skip
    # HS3 says the same
    exact = read_workspace(str(tmp_path / "both.hs3.json"))
    joint = [
        Likelihood(w.spec, links=(w.meta or {})["definition"]["links"])
        for w in (loaded, exact)
    ]
    assert joint[0].names == joint[1].names
    point = joint[0].init + 0.3
    assert joint[0].twice_nll(point) == pytest.approx(joint[1].twice_nll(point))
    asked = ["scan", both, "--against", "q_mu", "--points", "5", "--json"]
    found = json.loads(CliRunner().invoke(cli, asked, catch_exceptions=False).stdout)
    assert found["parameters"] == ["q_e", "q_mu"]
    assert found["units"] == [{"reference": REFERENCE, "unit": "e"}] * 2
    for arguments, message in (
        (("q_e", "-o", both), "one name for each WORKSPACE: found q_e, expected 2"),
        (("q_e,q_e", "-o", both), "one name for each WORKSPACE"),
        (("q_e,q_mu", "--correlations", "coherent", "-o", both), "no --correlations"),
        (("q_mu,q_e", "-o", both), "--force"),
    ):
        with pytest.raises(InputError, match=message):
            call(*arguments)
