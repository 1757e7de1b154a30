"""The commands on top: each answers in JSON, and a run with interference works."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

from nuem.analysis.cli.main import cli
from nuem.inputs.errors import InputError


def spec() -> dict[str, Any]:
    gain = {"name": "gain", "type": "normsys", "data": {"hi": 1.1, "lo": 0.9}}
    norm = {"name": "mu", "type": "normfactor", "data": None}
    return {
        "version": "1.0.0",
        "channels": [
            {
                "name": "c",
                "samples": [
                    {"name": "s", "data": [9.0, 3.0], "modifiers": [norm]},
                    {"name": "b", "data": [50.0, 60.0], "modifiers": [gain]},
                ],
            }
        ],
        "observations": [{"name": "c", "data": [55.0, 58.0]}],
        "measurements": [{"name": "m", "config": {"poi": "mu", "parameters": []}}],
    }


@pytest.fixture
def workspace(tmp_path: Path) -> str:
    path = tmp_path / "w.json"
    path.write_text(json.dumps(spec()))
    return str(path)


def answer(*arguments: str) -> dict[str, Any]:
    result = CliRunner().invoke(cli, [*arguments, "--json"], catch_exceptions=False)
    assert result.exit_code == 0
    document: dict[str, Any] = json.loads(result.stdout)
    return document


def test_limits_by_each_method(workspace: str) -> None:
    for method, sided in (
        ("cls", "one"),
        ("toys", "one"),
        ("feldman-cousins", "unified"),
        ("profile", "one"),  # of the limit; its interval has two sides
    ):
        found = answer("limit", workspace, "--method", method, "--toys", "200")
        assert (found["method"], found["sided"], found["engine"]) == (
            method,
            sided,
            "nuem",
        )
        assert set(found["expected"]["poi"]) == {"-2", "-1", "0", "1", "2"}
        assert found["observed"]["coupling"] is None
        assert 0 < found["observed"]["poi"]["upper_limit"] < 10


def test_fit_scan_gof_impacts(workspace: str, tmp_path: Path) -> None:
    stem = str(tmp_path / "figure")
    fit = answer("fit", workspace, "--figure", stem)
    assert set(fit["pulls"]) == {"gain"}
    assert Path(f"{stem}.png").exists()
    scan = answer("scan", workspace, "--figure", f"{stem}2")
    assert min(scan["rise"]) == pytest.approx(0.0, abs=1e-9)
    gof = answer("gof", workspace, "--toys", "200")
    assert 0 <= gof["p_toys"] <= 1
    impacts = answer("impacts", workspace, "--figure", f"{stem}3")
    assert [i["name"] for i in impacts["impacts"]] == ["gain"]
    assert impacts["notes"] == []


def test_impacts_at_a_bound_say_why_they_are_zero(tmp_path: Path) -> None:
    low = spec()
    low["observations"][0]["data"] = [30.0, 58.0]
    path = tmp_path / "low.json"
    path.write_text(json.dumps(low))
    found = answer("impacts", str(path))
    assert [i["up"] for i in found["impacts"]] == [0.0]
    said = "mu is at its lower bound, 0: it cannot move past it, and all impacts are 0"
    assert said in found["notes"][0]
    shown = CliRunner().invoke(cli, ["impacts", str(path)]).output
    assert said in shown


def test_a_region_of_two_parameters(workspace: str, tmp_path: Path) -> None:
    stem = str(tmp_path / "region")
    call = ["scan", workspace, "--against", "gain", "--points", "9"]
    found = answer(*call, "--figure", stem)
    assert found["parameters"] == ["mu", "gain"]
    assert Path(f"{stem}.png").exists()
    rise, critical = np.array(found["rise"]), np.array(found["critical"])
    # two degrees of freedom; both inside and outside are there
    np.testing.assert_allclose(critical, -2 * np.log(0.1), rtol=1e-6)
    assert 0.05 < np.mean(rise < critical) < 0.9
    toys = answer(*call, "--toys", "100")
    assert toys["toys"] == {"n": 100, "failed": 0, "seed": 1}
    assert np.median(toys["critical"]) == pytest.approx(4.605, rel=0.35)


def test_shards_and_merging(workspace: str, tmp_path: Path) -> None:
    keep = tmp_path / "keep"
    call = ["gof", workspace, "--toys", "200", "--keep", str(keep)]
    for i in (1, 2):
        result = CliRunner().invoke(cli, [*call, "--shard", f"{i}/2"])
        assert result.exit_code == 0
    parts = sorted(map(str, keep.glob("*.npz")))
    assert len(parts) == 2
    merged = tmp_path / "all.npz"
    result = CliRunner().invoke(cli, ["merge", *parts, "-o", str(merged)])
    assert result.exit_code == 0
    assert "200 toys, 0 failed" in result.stdout
    assert (
        answer(*call)["p_toys"] == answer("gof", workspace, "--toys", "200")["p_toys"]
    )
    with pytest.raises(InputError, match="--keep DIR"):
        CliRunner().invoke(cli, [*call[:-2], "--shard", "1/2"], catch_exceptions=False)


def test_a_run_with_interference(tmp_path: Path) -> None:
    from nuem.analysis.exchange.workspace import read_workspace
    from nuem.analysis.pipeline import run
    from nuem.analysis.stages import set_limit

    result = run(
        "texono-pcge",
        output=tmp_path / "out",
        process="electron-millicharge",
        settings=["signals.0.method=stepped"],
    )
    assert result.limit.method == "feldman-cousins"
    for name in ("likelihood-scan", "belt"):
        assert next((tmp_path / "out").rglob(f"{name}.png")).stat().st_size > 5000
    assert result.limit.coupling is not None
    assert result.limit.coupling.intervals[0][0] < 0 < result.limit.coupling.upper_limit
    loaded = read_workspace(tmp_path / "out" / "workspace.hs3.json")
    again = set_limit(loaded, method="profile")
    assert again.coupling is not None
    assert again.coupling.best_fit == pytest.approx(
        result.limit.coupling.best_fit, rel=1e-3
    )
    names = {s["name"] for s in loaded.spec["channels"][0]["samples"]}
    assert {"sm", "int", "em"} <= names


@pytest.mark.parametrize(
    "arguments", [("--cl", "2"), ("--cl", "nan"), ("--against", "mu")]
)
def test_scans_that_make_no_sense(workspace: str, arguments: tuple[str, str]) -> None:
    with pytest.raises(InputError, match=arguments[0]):
        CliRunner().invoke(cli, ["scan", workspace, *arguments], catch_exceptions=False)
