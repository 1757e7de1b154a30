"""Closure of the interpolation in the quenching, and the response matrix to publish."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from nuem.analysis.cli.main import cli
from nuem.analysis.interpolation import STEPS, interpolation_error
from nuem.analysis.prediction import predict
from nuem.inputs.catalogue import load_experiment
from nuem.inputs.schema import Experiment
from nuem.models.grid import TemplateGrid
from nuem.models.template import Template

NUMBER = {"status": "assumed", "source": "test"}


def test_interpolation_is_that_of_pyhf() -> None:
    pyhf = pytest.importorskip("pyhf")
    down, nominal, up = 1.0, 2.0, 4.5
    code = pyhf.interpolators.code4p([[[[down], [nominal], [up]]]])
    deltas = np.asarray(code(pyhf.tensorlib.astensor([list(STEPS)]))).ravel()
    # templates that are what pyhf interpolates have no error
    templates = tuple(
        Template({"1": [nominal + d]}, (np.array([0.0, 1.0]),)) for d in deltas
    )
    errors = interpolation_error(TemplateGrid(STEPS, templates))
    assert max(errors.values()) < 1e-12


@pytest.mark.parametrize(("size", "noted"), [(0.5, False), (20, True)])
def test_a_steep_quenching_is_noted(size: float, noted: bool) -> None:
    document = load_experiment("texono-pcge").model_dump(exclude_unset=True)
    response = document["detectors"][0]["response"]
    response["quenching"] = {
        "kind": "lindhard", "k": {"value": 0.157, "unit": "1", **NUMBER},
    }  # fmt: skip
    response["max_below_floor"] = 1.0
    document["systematics"] = [
        {
            "name": "quenching", "effect": "quenching", "scope": "all",
            "size": {"value": size, "unit": "%", **NUMBER},
        }
    ]  # fmt: skip
    document["signals"] = [{"process": "nucleus-millicharge-transition"}]
    (signal,) = predict(Experiment.model_validate(document)).signals["on"]
    found = [n for n in signal.nominal.notes if "interpolation" in n]
    assert bool(found) is noted


def test_a_table_that_ends_beyond_one_sigma_does_not_stop_a_prediction() -> None:
    document = load_experiment("texono-pcge").model_dump(exclude_unset=True)
    document["signals"] = [{"process": "nucleus-millicharge-transition"}]
    document["observables"][0]["binning"] = [{"start": 0.3, "stop": 0.5, "width": 0.1}]
    response = document["detectors"][0]["response"]
    # the bins see 0.74 keVee; the table ends at 0.82 at one sigma, at 0.67 at two
    response["quenching"] = {
        "kind": "tabulated", "points": [[0.05, 0.24], [4.0, 0.24]], **NUMBER,
    }  # fmt: skip
    response["max_below_floor"] = 1.0
    document["systematics"] = [
        {
            "name": "quenching", "effect": "quenching", "scope": "all",
            "size": {"value": 15, "unit": "%", **NUMBER},
        }
    ]  # fmt: skip
    (signal,) = predict(Experiment.model_validate(document)).signals["on"]
    assert "quenching" in signal.variations
    assert any("could not be checked" in note for note in signal.nominal.notes)


def test_response_matrix_of_an_experiment(tmp_path: Path) -> None:
    path, matrix = tmp_path / "t.json", tmp_path / "r.json"
    result = CliRunner().invoke(
        cli, ["template", "texono-pcge", "-o", str(path), "--response", str(matrix)]
    )
    assert result.exit_code == 0, result.output
    channel = json.loads(matrix.read_text())["channels"]["on"]
    values = np.array(channel["values"])
    assert values.shape == (len(channel["edges"]) - 1, len(channel["true_edges"]) - 1)
    assert 0.9 < values.sum(axis=0).max() <= 1.0
