"""HS3 there and back: the same likelihood."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nuem.analysis.exchange.hs3 import to_hs3
from nuem.analysis.exchange.hs3_reading import from_hs3, is_hs3
from nuem.analysis.exchange.workspace import (
    Workspace,
    definition_of,
    read_workspace,
    write_workspace,
)
from nuem.analysis.inference.likelihood import Likelihood
from nuem.inputs.errors import InputError

LINKS = {
    "g_lin": {"parameter": "g", "power": 1},
    "g_quad": {"parameter": "g", "power": 2},
}


def interfering() -> dict[str, Any]:
    flux = {"name": "flux", "type": "normsys", "data": {"hi": 1.1, "lo": 0.9}}
    shape = {"hi_data": [55.0, 42.0], "lo_data": [45.0, 38.0]}
    return {
        "version": "1.0.0",
        "channels": [
            {
                "name": "c",
                "samples": [
                    {"name": name, "data": data, "modifiers": modifiers}
                    for name, data, modifiers in (
                        (
                            "em",
                            [9.0, 4.0],
                            [
                                {"name": "g_quad", "type": "normfactor", "data": None},
                                flux,
                            ],
                        ),
                        (
                            "int",
                            [-2.0, -1.0],
                            [
                                {"name": "g_lin", "type": "normfactor", "data": None},
                                flux,
                            ],
                        ),
                        (
                            "b",
                            [50.0, 40.0],
                            [
                                {"name": "tilt", "type": "histosys", "data": shape},
                                {"name": "mc", "type": "staterror", "data": [2.0, 1.0]},
                            ],
                        ),
                    )
                ],
            }
        ],
        "observations": [{"name": "c", "data": [52.0, 41.0]}],
        "measurements": [
            {
                "name": "electron-millicharge@g_ref=1e-12",
                "config": {
                    "poi": "g_lin",
                    "parameters": [
                        {"name": "g_lin", "bounds": [[-30.0, 30.0]], "inits": [0.5]}
                    ],
                },
            }
        ],
    }


def test_there_and_back(tmp_path: Path) -> None:
    spec = interfering()
    definition = {
        "reference": 1e-12,
        "power": 1,
        "symbol": "q",
        "unit": "e",
        "links": LINKS,
    }
    write_workspace(tmp_path / "w.json", Workspace(spec, {"definition": definition}))
    back = read_workspace(tmp_path / "w.hs3.json")
    assert back.spec == spec
    assert definition_of(back) == definition


def test_the_constraint_of_mc_statistics_stands_at_the_channel() -> None:
    """Where ROOT looks for it; without, it takes a Poisson one."""
    (model,) = to_hs3(interfering(), {"links": LINKS})["distributions"]
    assert model["staterror"]["constraint_type"] == "Gauss"
    spec = interfering()
    del spec["channels"][0]["samples"][2]["modifiers"][1]
    (model,) = to_hs3(spec, {"links": LINKS})["distributions"]
    assert "staterror" not in model


def test_a_document_of_another_program_is_read() -> None:
    document = to_hs3(interfering(), {"links": LINKS})
    del document["misc"]
    assert is_hs3(document)
    spec, definition = from_hs3(document, "other")
    assert definition["links"] == LINKS
    ours = Likelihood(interfering(), links=LINKS)
    theirs = Likelihood(spec, links=definition["links"])
    point = ours.init + 0.1
    assert ours.names == theirs.names
    assert ours.twice_nll(point) == theirs.twice_nll(point)
    assert np.isfinite(ours.twice_nll(point))


def with_lumi() -> dict[str, Any]:
    spec = interfering()
    for sample in spec["channels"][0]["samples"]:
        sample["modifiers"].append({"name": "lumi", "type": "lumi", "data": None})
    spec["measurements"][0]["config"]["parameters"].append(
        {"name": "lumi", "auxdata": [0.9], "sigmas": [0.03], "bounds": [[0.5, 1.5]], "inits": [0.9]}
    )  # fmt: skip
    return spec


@pytest.mark.parametrize("ours", [True, False], ids=["ours", "of another program"])
def test_a_lumi_there_and_back(ours: bool) -> None:
    spec = with_lumi()
    document = json.loads(json.dumps(to_hs3(spec, {"links": LINKS})))
    (own,) = (d for d in document["distributions"] if d["type"] == "gaussian_dist")
    assert (own["x"], own["mean"], own["sigma"]) == ("lumi", "nom_lumi", 0.03)
    assert document["likelihoods"][0]["aux_distributions"] == [own["name"]]
    if not ours:
        del document["misc"]
    back, definition = from_hs3(document, "other")
    if ours:
        assert back == spec
    one = Likelihood(spec, links=LINKS)
    other = Likelihood(back, links=definition["links"])
    point = one.init + 0.05
    assert one.names == other.names
    assert one.twice_nll(point) == other.twice_nll(point)


def test_a_parameter_that_is_held_stays_so() -> None:
    spec = with_lumi()
    settings = spec["measurements"][0]["config"]["parameters"]
    settings[1]["fixed"] = True
    settings.append({"name": "tilt", "inits": [0.5], "fixed": True})
    document = to_hs3(spec, {"links": LINKS})
    del document["misc"]
    back, _ = from_hs3(document, "other")
    held = {
        p["name"]: p["inits"]
        for p in back["measurements"][0]["config"]["parameters"]
        if p.get("fixed")
    }
    assert held == {"lumi": [0.9], "tilt": [0.5]}


def test_one_parameter_under_two_names_is_one() -> None:
    document = to_hs3(interfering(), {"links": LINKS})
    del document["misc"]
    samples = document["distributions"][0]["samples"]
    samples[1]["modifiers"][1]["name"] = "flux_of_int"
    spec, _ = from_hs3(document, "other")
    assert spec["channels"] == interfering()["channels"]


def test_an_asimov_data_set_is_not_the_observed_one() -> None:
    document = json.loads(json.dumps(to_hs3(interfering(), {"links": LINKS})))
    asimov = {**document["data"][0], "name": "asimovData_c", "contents": [1.0, 1.0]}
    document["data"].insert(0, asimov)
    document["likelihoods"].insert(
        0, {**document["likelihoods"][0], "name": "l2", "data": ["asimovData_c"]}
    )
    document["analyses"].insert(
        0, {**document["analyses"][0], "name": "a2", "likelihood": "l2"}
    )
    assert (
        from_hs3(document, "other")[0]["observations"] == interfering()["observations"]
    )
    document["likelihoods"][0]["data"] = ["observed_c"]
    with pytest.raises(InputError, match="not one analysis: found a2, analysis"):
        from_hs3(document, "other")


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"constraint": "Poisson"}, "constraint that pyhf does not have: found Poisson"),
        ({"interpolation": 0}, "interpolation that pyhf does not have: found 0"),
        ({"constraint_name": "lumi_constraint"}, "found gaussian_dist, sigma 0.03"),
        ({"type": "custom"}, "modifier that is not known: found custom"),
    ],
)  # fmt: skip
def test_what_pyhf_cannot_say_is_refused(change: dict[str, Any], text: str) -> None:
    document = json.loads(json.dumps(to_hs3(with_lumi(), {"links": LINKS})))
    document["distributions"][0]["samples"][0]["modifiers"][1] |= change
    with pytest.raises(InputError, match=text):
        from_hs3(document, "other")


def test_what_cannot_be_said_is_refused() -> None:
    spec = interfering()
    spec["channels"][0]["samples"][2]["modifiers"].append(
        {"name": "lumi", "type": "lumi", "data": None}
    )
    with pytest.raises(InputError, match="lumi without its constraint"):
        to_hs3(spec)
    spec = interfering()
    spec["channels"][0]["samples"][2]["modifiers"][0]["type"] = "custom"
    with pytest.raises(InputError, match="without counterpart"):
        to_hs3(spec)
    document = json.loads(json.dumps(to_hs3(interfering(), {"links": LINKS})))
    document["functions"][0]["expression"] = "exp(g)"
    with pytest.raises(InputError, match="not a power"):
        from_hs3(document, "other")
    del document["functions"], document["likelihoods"]
    with pytest.raises(InputError, match="not understood"):
        from_hs3(document, "other")
