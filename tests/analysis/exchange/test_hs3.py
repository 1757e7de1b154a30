"""HS3 there and back: the same likelihood."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nuem.analysis.exchange.hs3 import from_hs3, is_hs3, to_hs3
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


def test_what_cannot_be_said_is_refused() -> None:
    spec = interfering()
    spec["channels"][0]["samples"][2]["modifiers"].append(
        {"name": "lumi", "type": "lumi", "data": None}
    )
    with pytest.raises(InputError, match="without counterpart"):
        to_hs3(spec)
    document = json.loads(json.dumps(to_hs3(interfering(), {"links": LINKS})))
    document["functions"][0]["expression"] = "exp(g)"
    with pytest.raises(InputError, match="not a power"):
        from_hs3(document, "other")
    del document["functions"], document["likelihoods"]
    with pytest.raises(InputError, match="not understood"):
        from_hs3(document, "other")
