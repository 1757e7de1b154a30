"""The HEPData submission: valid, complete, and read back to the same numbers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from PIL import Image

from nuem.analysis.exchange.hepdata import (
    Column,
    Table,
    column,
    read_table,
    validate_submission,
    write_submission,
)
from nuem.analysis.inference.likelihood import Likelihood
from nuem.analysis.pipeline import RunResult, run
from nuem.analysis.publishing import Published, publish
from nuem.analysis.results_folder import read_results
from nuem.inputs.errors import InputError

from .conftest import QUICK, Nuem


@pytest.fixture(scope="module")
def result(small_yaml: Path, tmp_path_factory: pytest.TempPathFactory) -> RunResult:
    folder = tmp_path_factory.mktemp("run") / "toy"
    settings = [s for s in QUICK if not s.startswith("systematics")]
    return run(small_yaml, output=folder, settings=settings, seed=5)


@pytest.fixture(scope="module")
def made(result: RunResult, tmp_path_factory: pytest.TempPathFactory) -> Published:
    folder = result.paths["workspace"].parent
    return publish(read_results(folder), tmp_path_factory.mktemp("hd") / "out")


def documents(folder: Path) -> dict[str, Any]:
    """Read a submission with nothing but PyYAML: name of a table -> its document."""
    _, *tables = yaml.safe_load_all((folder / "submission.yaml").read_text())
    return {
        t["name"]: t | {"data": yaml.safe_load((folder / t["data_file"]).read_text())}
        for t in tables
    }


def values(document: Any, name: str) -> list[Any]:
    (found,) = [
        c for c in document["data"]["dependent_variables"] if c["header"]["name"] == name
    ]  # fmt: skip
    return [entry["value"] for entry in found["values"]]


def test_the_validator_of_hepdata_agrees(made: Published) -> None:
    assert made.validated
    assert made.left_out == ()
    # and it can find fault
    file = next(made.folder.glob("table-01*.yaml"))
    text = file.read_text()
    file.write_text(text.replace("dependent_variables", "variables", 1))
    with pytest.raises(InputError, match="HEPData refuses"):
        validate_submission(made.folder)
    file.write_text(text)


def test_what_a_submission_holds(made: Published) -> None:
    there = " | ".join(made.tables)
    for word in (
        "Counts, on", "Counts, off", "Live time", "Efficiency", "Covariance", "Response",
        "Template", "Post-fit", "Parameters", "Correlations", "Impacts", "Scan of -2 ln L",
        "Limits on the parameter", "Limits on the coupling", "p-values", "Cut flow",
    ):  # fmt: skip
        assert word in there
    head = next(yaml.safe_load_all((made.folder / "submission.yaml").read_text()))
    kinds = [r.get("type") for r in head["additional_resources"]]
    assert kinds.count("HistFactory") == 1
    assert "simulated" in head["comment"]


def test_numbers_are_those_of_the_results(result: RunResult, made: Published) -> None:
    tables = documents(made.folder)
    workspace = json.loads(result.paths["workspace"].read_text())
    observed = {o["name"]: o["data"] for o in workspace["observations"]}
    for name, counts in observed.items():
        assert values(tables[f"Counts, {name}"], "events") == counts
    fit = json.loads(result.paths["fit"].read_text())
    for sample, expected in fit["expected"]["on"].items():
        assert values(tables["Post-fit components, on"], sample) == expected
    limit = result.limit
    assert limit.coupling is not None
    table = tables["Limits on the coupling"]
    assert values(table, "observed") == [limit.coupling.upper_limit]
    found = values(tables["p-values, limit"], "CLs")
    assert found == limit.scan["observed"]
    scan = tables["Scan of -2 ln L"]
    mu = [v["value"] for v in scan["data"]["independent_variables"][0]["values"]]
    likelihood = Likelihood(workspace)
    best = likelihood.fit().twice_nll
    for at in (5, 60):
        held = likelihood.fit(fixed={likelihood.poi: mu[at]}).twice_nll
        assert values(scan, "-2 Delta ln L")[at] == pytest.approx(held - best, abs=1e-6)


def test_response_times_flux_is_the_template(made: Published) -> None:
    """Rows of the response: below the efficiency, and near it far above threshold."""
    tables = documents(made.folder)
    data = tables["Response, pcge"]["data"]
    probability = np.array(
        [v["value"] for v in data["dependent_variables"][0]["values"]]
    )
    true = [(v["low"], v["high"]) for v in data["independent_variables"][1]["values"]]
    sums: dict[Any, float] = {}
    for cell, p in zip(true, probability, strict=True):
        sums[cell] = sums.get(cell, 0.0) + float(p)
    inside = [s for (low, high), s in sums.items() if low > 0.9 and high < 2.0]
    # 0.95 (trigger) x 0.8 (cuts) in the small experiment
    assert inside == pytest.approx([0.76] * len(inside), rel=1e-3)
    assert max(sums.values()) < 0.76 * 1.001


def test_covariance_of_the_efficiency(made: Published) -> None:
    tables = documents(made.folder)
    matrix = np.array(
        values(tables["Covariance of the cut efficiency, pcge"], "covariance")
    )
    # 1 % of 0.8, the same at all energies
    np.testing.assert_allclose(matrix, (0.01 * 0.8) ** 2, rtol=1e-12)


def test_figures_have_thumbnails(made: Published) -> None:
    named = {
        r["location"]
        for table in documents(made.folder).values()
        for r in table.get("additional_resources", [])
    }
    assert any(n.startswith("thumb_") for n in named)
    for name in named:
        with Image.open(made.folder / name) as image:
            image.load()
            if name.startswith("thumb_"):
                assert max(image.size) <= 300


def test_there_and_back(tmp_path: Path) -> None:
    x = [0.1, 1 / 3, 1e-300, -2.5e-13]
    table = Table("t", "d", [column("i", [0, 1, 2, 3])], [column("x", x)])
    write_submission(tmp_path, [table], comment="a test")
    assert read_table(next(tmp_path.glob("table-*.yaml")))["x"] == x


def test_bad_tables_are_refused(tmp_path: Path) -> None:
    short = Table("t", "d", [column("i", [0, 1])], [column("x", [1.0])])
    with pytest.raises(InputError, match="unequal length"):
        write_submission(tmp_path, [short], comment="")
    one = Table("t", "d", [column("i", [0])], [Column("x", "", [{"value": 1.0}])])
    with pytest.raises(InputError, match="no name twice"):
        write_submission(tmp_path, [one, one], comment="")
    assert not (tmp_path / "submission.yaml").exists()


def test_the_command(nuem: Nuem, result: RunResult, tmp_path: Path) -> None:
    folder = result.paths["workspace"].parent
    answer = nuem("hepdata", folder, "-o", "hd", "--points", "21", "--json")
    document = json.loads(answer.out)
    assert document["validated"] is True
    assert Path(document["folder"], "submission.yaml").is_file()
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "thesis.tex").touch()
    assert nuem("hepdata", folder, "-o", "other").code == 2
    assert "not the folder of an analysis" in nuem("hepdata", tmp_path, "-o", "x").err


def test_a_limit_of_another_workspace_is_refused(
    result: RunResult, tmp_path: Path
) -> None:
    folder = tmp_path / "copy"
    folder.mkdir()
    for key in ("workspace", "meta", "limit"):
        path = result.paths[key]
        (folder / path.name).write_text(path.read_text())
    read_results(folder)
    document = json.loads((folder / "limit.json").read_text())
    document["provenance"]["inputs"][0]["sha256"] = "0" * 64
    (folder / "limit.json").write_text(json.dumps(document))
    with pytest.raises(InputError, match="limit of another workspace"):
        read_results(folder)
