"""Rows of the tables of docs/data that scripts of this folder make."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from nuem.analysis.stages import (
    histogram_events,
    make_template,
    make_workspace,
    set_limit,
)
from nuem.inputs.catalogue import load_experiment

from .band import calibration, with_band
from .choices import Release, gaussian, rows

pytestmark = pytest.mark.data
PAGE = Path(__file__).parents[2] / "docs" / "data" / "coherent.md"


@pytest.fixture(scope="module")
def release(data_folder: Path) -> Release:
    return Release(data_folder)


@pytest.mark.parametrize(
    ("table", "only"),
    [("csi", "ours"), ("csi", "Klein-Nystrand form"), ("csi", "errors"),
     ("both", "ours"), ("both", "... and Klein-Nystrand")],
)  # fmt: skip
def test_rows_are_those_of_the_page(release: Release, table: str, only: str) -> None:
    _, row = rows(release, table, only)
    assert row in PAGE.read_text().splitlines()


def test_gaussian_errors_have_the_minimum_at_the_data(release: Release) -> None:
    """A model that is moved by one error in one bin is 1 worse."""
    workspace = release.csi(())
    changed = gaussian(workspace)
    (channel,) = changed.spec["channels"]
    total = np.sum([s["data"] for s in channel["samples"]], axis=0)
    (before,) = workspace.spec["channels"]
    model = np.sum([s["data"] for s in before["samples"]], axis=0)
    seen = np.array(workspace.spec["observations"][0]["data"])
    stands = np.array(changed.spec["observations"][0]["data"])
    z = (model - seen) / np.sqrt(np.maximum(seen, 1))
    rise = 2 * (total - stands - stands * np.log(total / stands))
    near = np.abs(z) < 2
    np.testing.assert_allclose(rise[near], z[near] ** 2, rtol=0.01, atol=1e-6)


def test_another_band_of_xenon(data_folder: Path) -> None:
    """The central 98 % of the calibration: the row of docs/data/xenon1t-sr1.md."""
    folder = data_folder / "xenon1t_sr1"
    (search,) = folder.glob("xephyr_none_*.root")
    (rn220,) = folder.glob("xephyr_Rn220_*.root")
    cs1, cs2 = calibration(rn220)
    settings, kept = with_band(cs1, cs2, 0.01)
    assert kept == pytest.approx(0.98, abs=0.002)
    experiment = load_experiment("xenon1t-sr1", settings)
    histograms = histogram_events(experiment, [search])
    limit = set_limit(
        make_workspace(experiment, histograms, make_template(experiment))
    )  # fmt: skip
    assert limit.coupling is not None
    assert limit.coupling.upper_limit == pytest.approx(8.82e-13, rel=0.005)
