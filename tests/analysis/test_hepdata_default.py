"""The HEPData folder of the default experiment, made as a user would, read by another program."""

from __future__ import annotations

import itertools
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from .conftest import Nuem

READER = Path(__file__).with_name("hepdata_reader.py")


def load(path: Path) -> Any:
    return json.loads(path.read_text())


def test_the_default_experiment(nuem: Nuem, tmp_path: Path) -> None:
    assert nuem("run", "texono-pcge").code == 0
    folder = tmp_path / "results" / "texono-pcge"
    assert nuem("limit", folder / "workspace.json", "--method", "feldman-cousins",
                "--toys", "100", "-o", folder / "limit-unified.json").code == 0  # fmt: skip
    answer = nuem("hepdata", folder, "-o", "submission", "--json")
    report = json.loads(answer.out)
    assert report["validated"] is True
    assert report["left_out"] == []

    done = subprocess.run(
        [sys.executable, "-I", READER, tmp_path / "submission"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    tables = json.loads(done.stdout)

    workspace, meta = (
        load(folder / "workspace.json"),
        load(folder / "workspace.meta.json"),
    )
    for entry in workspace["observations"]:
        assert tables[f"Counts, {entry['name']}"]["events"] == entry["data"]
    for channel in workspace["channels"]:
        for sample in channel["samples"]:
            found = tables[f"Counts, {channel['name']}"][f"nominal {sample['name']}"]
            assert found == sample["data"]
        edges = meta["channels"][channel["name"]]["edges"]
        bins = [list(pair) for pair in itertools.pairwise(edges)]
        assert tables[f"Counts, {channel['name']}"]["measured energy"] == bins
    live = load(folder / "histograms.json")["live_time_s"]
    collected = tables["Live time and exposure"]
    for name, days, exposure in zip(
        collected["channel"], collected["live time"], collected["exposure"], strict=True
    ):
        assert days * 86400 == live[name]
        assert exposure == meta["channels"][name]["exposure_kg_day"]
    fit = load(folder / "fit.json")
    for name, samples in fit["expected"].items():
        for sample, expected in samples.items():
            assert tables[f"Post-fit components, {name}"][sample] == expected
    parameters = tables["Parameters at the best fit"]
    assert dict(zip(parameters["parameter"], parameters["value"], strict=True)) == fit["values"]  # fmt: skip
    assert np.array_equal(
        tables["Correlations at the best fit"]["correlation"],
        np.ravel(fit["correlation"]),
    )
    assert set(tables["Impacts"]["parameter"]) < set(fit["values"])
    for name, flow in meta["cut_flow"].items():
        events = [flow["assigned"], *(c["passing"] for c in flow["cuts"]), flow["accepted"]]  # fmt: skip
        assert tables[f"Cut flow, {name}"]["events"] == events
    documents = [load(folder / f"{name}.json") for name in ("limit", "limit-unified")]
    for scale, what in (("poi", "parameter of interest"), ("coupling", "coupling")):
        rows = tables[f"Limits on the {what}"]
        for row, document in enumerate(documents):
            assert rows["observed"][row] == document["observed"][scale]["upper_limit"]
            assert rows["p0"][row] == document["observed"]["p0"]
            for band, expected in document["expected"][scale].items():
                assert rows[f"expected at {band} sigma"][row] == expected
    assert tables["p-values, limit"]["CLs"] == documents[0]["scan"]["observed"]
    critical = tables["Critical values, limit-unified"]
    assert critical["critical value"] == documents[1]["scan"]["critical"]
    assert critical["-2 Delta ln L"] == documents[1]["scan"]["rise"]

    images = list((tmp_path / "submission").glob("*.png"))
    assert (
        len(images) == 2 * len([p for p in images if p.name.startswith("thumb_")]) > 0
    )
    for path in images:
        with Image.open(path) as image:
            image.load()
