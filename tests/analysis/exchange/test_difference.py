"""Digest and diff: the order does not matter, everything else is named."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from typing import Any

import pytest

from nuem.analysis.exchange.difference import describe, differences
from nuem.analysis.exchange.workspace import Workspace

from .conftest import random_workspace


def test_order_is_no_difference() -> None:
    spec = random_workspace(1)
    turned = deepcopy(spec)
    turned["channels"].reverse()
    for channel in turned["channels"]:
        channel["samples"].reverse()
        for sample in channel["samples"]:
            sample["modifiers"].reverse()
    turned["measurements"].reverse()
    a, b = Workspace(spec), Workspace(turned)
    assert differences(a, b) == []
    assert describe(a)["content"] == describe(b)["content"]
    assert describe(a)["sha256"] != describe(b)["sha256"]


def test_the_digest_of_pyhf(tmp_path: Any) -> None:
    import json
    import subprocess
    import sys
    from pathlib import Path

    spec = random_workspace(2)
    path = tmp_path / "w.json"
    path.write_text(json.dumps(spec))
    theirs = subprocess.run(
        # the command of this environment, which need not be on the path
        [Path(sys.executable).with_name("pyhf"), "digest", str(path)],
        capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    assert describe(Workspace(spec))["pyhf"] in theirs


def drop_channel(spec: Any) -> None:
    del spec["channels"][0], spec["observations"][0]


def scale(spec: Any) -> None:
    spec["channels"][1]["samples"][1]["data"][0] *= 1.25


def observe(spec: Any) -> None:
    spec["observations"][1]["data"][0] += 3


def widen(spec: Any) -> None:
    for modifier in spec["channels"][0]["samples"][1]["modifiers"]:
        if modifier["type"] == "normsys" and modifier["name"] == "jes":
            modifier["data"]["hi"] = 1.5


def drop_modifier(spec: Any) -> None:
    sample = spec["channels"][0]["samples"][1]
    sample["modifiers"] = [m for m in sample["modifiers"] if m["type"] != "histosys"]


def fixed(spec: Any) -> None:
    spec["measurements"][0]["config"]["parameters"][0]["fixed"] = True


def another_poi(spec: Any) -> None:
    spec["measurements"][0]["config"]["poi"] = "jes"


@pytest.mark.parametrize(
    ("change", "line"),
    [
        (drop_channel, "region_0: removed"),
        (scale, "region_1.top: counts in bin 0"),
        (observe, "region_1: observed counts in bin 0"),
        (widen, "region_0.top.jes (normsys): hi in bin 0 1.02 to 1.5"),
        (drop_modifier, "region_0.top.jes (histosys): removed"),
        (fixed, "parameters.lumi: fixed None to True"),
        (another_poi, "measurements.first: poi mu to jes"),
    ],
)
def test_a_change_is_named(change: Callable[[Any], None], line: str) -> None:
    spec = random_workspace(1)
    other = deepcopy(spec)
    change(other)
    lines = [str(c) for c in differences(Workspace(spec), Workspace(other))]
    assert any(text.startswith(line) for text in lines), lines
    assert describe(Workspace(spec))["content"] != describe(Workspace(other))["content"]


def test_a_change_of_meaning() -> None:
    spec = random_workspace(1)
    stated = {"regulator": "medium", "reference": 1e-12}
    (change,) = differences(
        Workspace(spec, {"definition": stated}),
        Workspace(spec, {"definition": {**stated, "regulator": "momentum-cut"}}),
    )
    assert change.where == "definition.regulator"
