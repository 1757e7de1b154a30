"""The commands on top: each answers in JSON, and a run with interference works."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

from nuem.analysis.cli.main import cli
from nuem.analysis.inference.likelihood import Likelihood
from nuem.inputs.errors import InferenceError, InputError


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


@pytest.mark.parametrize("command", ["limit", "scan", "gof", "impacts"])
def test_a_parameter_of_interest_that_says_nothing(
    workspace: str, command: str, tmp_path: Path
) -> None:
    path = tmp_path / "other.json"
    silent, fixed = spec(), spec()
    silent["channels"][0]["samples"][0]["data"] = [0.0, 0.0]
    fixed["measurements"][0]["config"]["parameters"] = [{"name": "mu", "fixed": True}]
    for document, message in (
        (silent, "mu: the parameter of interest acts on no expected event"),
        (fixed, "mu: the parameter of interest is fixed"),
    ):
        path.write_text(json.dumps(document))
        with pytest.raises(InferenceError, match=message):
            answer(command, str(path))


def test_goodness_of_fit_of_backgrounds_alone(tmp_path: Path) -> None:
    document = spec()
    del document["channels"][0]["samples"][0]
    document["measurements"][0]["config"]["poi"] = ""
    path = tmp_path / "b.json"
    path.write_text(json.dumps(document))
    assert answer("gof", str(path), "--toys", "100")["ndf"] == 2


def test_a_scan_of_a_parameter_of_a_single_bin(tmp_path: Path) -> None:
    """It is solved in closed form within other fits; held, by their minimum."""
    document = spec()
    sample = document["channels"][0]["samples"][1]
    sample["modifiers"].append({"name": "sf", "type": "shapefactor", "data": None})
    off = {**sample, "data": [55.0, 66.0]}
    document["channels"].append({"name": "off", "samples": [off]})
    document["observations"].append({"name": "off", "data": [57.0, 60.0]})
    path = tmp_path / "sf.json"
    path.write_text(json.dumps(document))
    found = answer("scan", str(path), "--parameter", "sf[0]", "--points", "5")
    likelihood = Likelihood(document)
    index = likelihood.index("sf[0]")
    best = likelihood.fit().deviance
    for value, rise in zip(found["values"], found["rise"], strict=True):
        held = likelihood.fit(fixed={index: value})
        assert held.values[index] == value
        assert rise == pytest.approx(held.deviance - best, abs=1e-7)
    assert max(found["rise"]) > 2
    with pytest.raises(InputError, match=r"sf\[0\]: toys cannot test a parameter of single"):  # fmt: skip
        answer("scan", str(path), "--against", "sf[0]", "--points", "3", "--toys", "50")
    document["measurements"][0]["config"]["parameters"] = [
        {"name": "gain", "fixed": True}
    ]
    path.write_text(json.dumps(document))
    with pytest.raises(InferenceError, match="gain: the parameter is fixed"):
        answer("scan", str(path), "--parameter", "gain")


@pytest.mark.parametrize("method", ["toys", "feldman-cousins"])
def test_merging_the_shards_of_a_limit(
    workspace: str, tmp_path: Path, method: str
) -> None:
    call = ["limit", workspace, "--method", method, "--toys", "200"]
    folders = [str(tmp_path / str(i)) for i in (1, 2)]
    for i, folder in enumerate(folders, start=1):
        result = CliRunner().invoke(
            cli, [*call, "--keep", folder, "--shard", f"{i}/2"], catch_exceptions=False
        )
        assert result.exit_code == 0
        assert "toys of shard" in result.stdout
    merged = str(tmp_path / "merged")
    said = answer("merge", *folders, "-o", merged)
    assert said["sets"] > 5
    assert said["toys"] == 200 * said["sets"]
    found = answer(*call, "--keep", merged)
    assert found["toys"]["read"] == said["toys"]
    assert found["toys"]["thrown"] == 0
    plain = answer(*call)
    assert found["observed"] == plain["observed"]
    assert found["expected"] == plain["expected"]
    parts = [str(path) for path in Path(folders[0]).glob("*.npz")]
    with pytest.raises(InputError, match="shard missing"):
        answer("merge", *parts, "-o", merged)
    with pytest.raises(InputError, match="do not fit in one file"):
        answer("merge", *folders, "-o", str(tmp_path / "all.npz"))
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="no toys in this folder"):
        answer("merge", str(tmp_path / "empty"), "-o", merged)


def test_shards_without_toys(tmp_path: Path) -> None:
    document = spec()
    for sample in document["channels"][0]["samples"]:
        sample["data"] = [10 * x for x in sample["data"]]
    document["observations"][0]["data"] = [500.0, 600.0]
    path = str(tmp_path / "many.json")
    Path(path).write_text(json.dumps(document))
    keep = ["--keep", str(tmp_path / "keep"), "--shard", "1/2"]
    with pytest.raises(InputError, match="no toys are thrown: the asymptotic"):
        answer("limit", path, *keep)
    with pytest.raises(InputError, match="no toys of this method can be kept"):
        answer("limit", path, "--method", "profile", *keep)
    with pytest.raises(InputError, match="a shard of no toys"):
        answer("gof", path, "--toys", "0", *keep)
    assert not (tmp_path / "keep").exists()


def test_conditional_toys_are_stated(workspace: str) -> None:
    for method in ("toys", "feldman-cousins", "profile"):
        found = answer(
            "limit", workspace, "--method", method, "--toys", "200", "--conditional"
        )
        assert "conditional" in found["calibration"].replace("unconditional", "")
    found = answer("gof", workspace, "--toys", "100", "--conditional")
    assert found["auxiliary"] == "conditional"


def test_what_a_reader_is_told_of_toys_and_p0(workspace: str) -> None:
    call = ["limit", workspace, "--method", "feldman-cousins", "--toys", "200"]
    text = CliRunner().invoke(cli, call).stdout
    assert "by the number of toys" in text
    assert "-sided, toys (unconditional))" in text
    assert "+- (toys)  [" in text
    text = CliRunner().invoke(cli, ["limit", workspace, "--method", "profile"]).stdout
    assert "(one-sided, asymptotic)" in text
