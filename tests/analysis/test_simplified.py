"""The simplified likelihood against the full one."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nuem.analysis.exchange.workspace import Workspace
from nuem.analysis.inference.likelihood import Likelihood
from nuem.analysis.modelling import build_workspace
from nuem.analysis.prediction import predict
from nuem.analysis.simplified import Simplified, simplify
from nuem.inputs.errors import InputError

from .conftest import Load, Nuem, background_counts, stated_exposures


@pytest.fixture(scope="module")
def workspace(load: Load) -> Workspace:
    experiment = load()
    rng = np.random.default_rng(2)
    counts = {
        name: rng.poisson(n).astype(float)
        for name, n in background_counts(experiment).items()
    }
    return build_workspace(
        experiment, counts, stated_exposures(experiment), predict(experiment)
    )


def rises(workspace: Workspace, values: list[float]) -> np.ndarray[Any, Any]:
    full = Likelihood(workspace.spec)
    return np.array([full.fit(fixed={full.poi: v}).twice_nll for v in values])


def test_it_is_the_full_likelihood_near_the_best_fit(workspace: Workspace) -> None:
    values = [0.0, 1.0, 2.0, 4.0, 6.0]
    simple = simplify(workspace)
    ours = np.array([simple.profile(v) for v in values])
    theirs = rises(workspace, values)
    ours, theirs = ours - ours[0], theirs - theirs[0]
    assert theirs[-1] > 4  # the range goes beyond a limit
    np.testing.assert_allclose(ours, theirs, rtol=0.01, atol=0.01)


def test_the_expansion_meets_the_model(workspace: Workspace) -> None:
    """Second order: the remainder of a step falls with its third power."""
    full, simple = Likelihood(workspace.spec), simplify(workspace)
    null = full.fit(fixed={full.poi: 0.0}).values
    index = [full.index(n) for n in simple.parameters]
    direction = np.random.default_rng(4).standard_normal(len(index)) * 0.3
    remainders = []
    for size in (1.0, 0.5):
        point = null.copy()
        point[index] += size * direction * simple.step
        gap = full.expected(point) - simple.expected(0.0, size * direction)
        remainders.append(np.max(np.abs(gap)))
    assert remainders[0] < 1e-3 * full.observed.max()
    assert remainders[1] < remainders[0] / 5


def test_there_and_back(workspace: Workspace) -> None:
    simple = simplify(workspace)
    back = Simplified.from_dict(json.loads(json.dumps(simple.to_dict())))
    x = np.full(len(simple.parameters), 0.4)
    assert back.twice_nll(1.3, x) == pytest.approx(simple.twice_nll(1.3, x), rel=1e-12)
    document = simple.to_dict()
    for change in ({"schema": "other"}, {"linear": [[1.0]]}, {"observed": "x"}):
        with pytest.raises(InputError):
            Simplified.from_dict({**document, **change})


def test_the_command(nuem: Nuem, workspace: Workspace, tmp_path: Path) -> None:
    (tmp_path / "w.json").write_text(json.dumps(workspace.spec))
    assert nuem("export", "w.json", "--to", "simplified", "-o", "s.json").code == 0
    Simplified.from_dict(json.loads((tmp_path / "s.json").read_text()))
    made_by = json.loads((tmp_path / "s.json.provenance.json").read_text())
    assert [entry["file"] for entry in made_by["files"]] == ["s.json"]
    assert "Buckley:2018vdr" in nuem("cite", "s.json").out
    again = nuem("export", "w.json", "--to", "simplified", "-o", "s.json")
    assert (again.code, "output exists" in again.error) == (2, True)
    wanted = nuem("export", "w.json", "--to", "patchset", "-o", "p")
    assert (wanted.code, "--record" in wanted.error) == (2, True)
    for values in ("1:2", "a,b", "1:2:x"):
        answer = nuem("export", "w.json", "--to", "patchset", "-o", "p", "--record",
                      "ins1298262", "--coupling", values)  # fmt: skip
        assert (answer.code, "LOW:HIGH:N" in answer.error) == (2, True)
    made = nuem("export", "w.json", "--to", "patchset", "-o", "p", "--record",
                "ins1298262", "--coupling", "1e-12:3e-12:3", "--json")  # fmt: skip
    assert [Path(p).name for p in json.loads(made.out)["paths"]] == [
        "background.json", "patchset.json", "provenance.json",
    ]  # fmt: skip
