"""``nuem atom`` and ``nuem cross-section --method atomic``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from nuem.analysis.cli.atomic import atom
from nuem.analysis.cli.predicting import cross_section
from nuem.inputs.errors import InputError, ModelError
from nuem.models.atomic import build
from nuem.models.atomic.table import AtomicTable, load_table, read_table


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take the table of the package in place of minutes of calculation."""

    def build_table(symbol: str, **_: Any) -> AtomicTable:
        return load_table(symbol)

    monkeypatch.setattr(build, "build_table", build_table)


@pytest.mark.usefixtures("quick")
def test_a_table_is_written(tmp_path: Path) -> None:
    path = tmp_path / "new" / "ge.npz"
    done = CliRunner().invoke(
        atom, ["Ge", "-o", str(path), "--json"], catch_exceptions=False
    )
    document = json.loads(done.stdout)
    assert document["symbol"] == "Ge"
    assert document["valid_kev"][0] == 0.1
    assert read_table(path).recoil_kev.size == document["energies"]
    # the table of another element is replaced on request alone
    with pytest.raises(InputError, match="another element"):
        CliRunner().invoke(atom, ["Si", "-o", str(path)], catch_exceptions=False)
    CliRunner().invoke(atom, ["Si", "-o", str(path), "--force"], catch_exceptions=False)
    assert read_table(path).symbol == "Si"


@pytest.mark.parametrize("arguments", [["Xx"], ["Ge", "-o", "ge.json"]])
def test_wrong_calls(arguments: list[str]) -> None:
    with pytest.raises(InputError):
        CliRunner().invoke(atom, arguments, catch_exceptions=False)


def test_cross_section_with_a_regulator() -> None:
    values = {}
    for regulator in ("neutrino-mass", "momentum-cut", "medium"):
        done = CliRunner().invoke(
            cross_section,
            [
                "electron-millicharge-transition", "--target", "Ge", "--energy", "1",
                "--recoil", "0.3", "--method", "atomic", "--coupling", "1e-12",
                "--regulator", regulator, "--json",
            ],
            catch_exceptions=False,
        )  # fmt: skip
        values[regulator] = json.loads(done.stdout)["value"][0]
    assert values["neutrino-mass"] > values["momentum-cut"] > values["medium"] > 0.0
    with pytest.raises(ModelError, match="atomic table of Ge"):
        CliRunner().invoke(
            cross_section,
            [
                "electron-sm", "--target", "Ge", "--energy", "1", "--recoil", "0.09",
                "--method", "atomic",
            ],
            catch_exceptions=False,
        )  # fmt: skip


def _cross_section(*more: str) -> Any:
    done = CliRunner().invoke(
        cross_section,
        [
            "electron-magnetic", "--target", "Xe", "--energy", "1", "--coupling",
            "1e-11", "--json", *more,
        ],
        catch_exceptions=False,
    )  # fmt: skip
    return json.loads(done.stdout)


def test_the_band_and_the_range_of_a_table() -> None:
    """Options that act on atomic tables, and are refused where there is none."""
    base, up = (
        _cross_section("--recoil", "0.3", "--method", "atomic", *more)
        for more in ((), ("--atomic-shift", "1"))
    )
    assert up["value"][0] != base["value"][0]
    assert up["value"][0] == pytest.approx(base["value"][0], rel=0.05)
    assert any("shifted by +1" in note for note in up["notes"])
    low = ("--recoil", "0.11", "--method", "atomic")
    with pytest.raises(ModelError, match="beyond_validity"):
        _cross_section(*low)
    assert _cross_section(*low, "--beyond-validity")["value"][0] > 0.0
    for option in (("--atomic-shift", "1"), ("--beyond-validity",)):
        with pytest.raises(InputError, match="--method atomic"):
            _cross_section("--recoil", "0.3", "--method", "free", *option)
