from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import hist
import pytest
import uhi.io.json

from nuem.analysis.events import EventPlan, Histograms, histogram, load, save
from nuem.inputs.errors import InputError

from .conftest import events, runs


@pytest.fixture
def result(write: Callable[..., str], plan: EventPlan) -> Histograms:
    path = write("a.root", {"events": events(), "runs": runs()})
    return histogram(plan, [path], provenance={"versions": {"nuem": "0.1"}})


def test_round_trip(result: Histograms, tmp_path: Path) -> None:
    path = tmp_path / "h.json"
    save(result, path)
    again = load(path)
    assert again == result
    assert list(again.hists) == list(result.hists)
    for name, one in result.hists.items():
        assert again.hists[name].axes == one.axes
        assert again.hists[name].axes[0].label == one.axes[0].label
        assert again.hists[name].name == name
    other = replace(result, provenance={"other": [1, 2.5, None]})
    save(other, path)
    assert load(path) == other
    assert [p.name for p in tmp_path.iterdir() if p.suffix != ".root"] == ["h.json"]


def test_the_histograms_are_uhi_json(result: Histograms, tmp_path: Path) -> None:
    path = tmp_path / "h.json"
    save(result, path)
    document = json.loads(path.read_text(), object_hook=uhi.io.json.object_hook)
    assert document["schema"] == "nuem-histograms-3"
    assert hist.Hist(document["histograms"]["d0_on"]) == result.hists["d0_on"]
    assert document["live_time_s"]["d0_on"] == 3009


def test_nothing_is_half_written(result: Histograms, tmp_path: Path) -> None:
    path = tmp_path / "h.json"
    save(result, path)
    before = path.read_bytes()
    with pytest.raises(TypeError):
        save(replace(result, provenance={"no": object()}), path)
    assert path.read_bytes() == before
    with pytest.raises(InputError, match="cannot be written"):
        save(result, path / "h.json")
    folder = tmp_path / "folder"
    folder.mkdir()
    with pytest.raises(InputError, match="folder: output cannot be written"):
        save(result, folder)
    assert not list(tmp_path.glob(".h.json*"))


def broken(document: dict[str, Any], *keys: str, value: Any = None) -> dict[str, Any]:
    copy: dict[str, Any] = json.loads(json.dumps(document))
    inner = copy
    for key in keys[:-1]:
        inner = inner[key]
    if value is None:
        del inner[keys[-1]]
    else:
        inner[keys[-1]] = value
    return copy


def test_damaged_and_foreign_files(result: Histograms, tmp_path: Path) -> None:
    path = tmp_path / "h.json"
    save(result, path)
    text = path.read_text()
    good = json.loads(text)
    for content, message in (
        (b"", "not JSON"),
        (text[:-20].encode(), "not JSON"),
        (b"\xff\xfe\x00", "not JSON"),
        (b"[" * 100_000, "not JSON"),
        (b"[1, 2]", "schema: not histograms of events: found none"),
        (b'{"schema": "other-2"}', "found 'other-2', expected 'nuem-histograms-3'"),
    ):
        path.write_bytes(content)
        with pytest.raises(InputError, match=message):
            load(path)
    storage = ("histograms", "d0_on", "storage")
    for document, field in (
        (broken(good, "histograms"), "histograms"),
        (broken(good, "histograms", "d0_on"), "cut_flow"),
        (broken(good, *storage), "histograms"),
        (broken(good, *storage, "type", value="double"), "histograms"),
        (broken(good, *storage, "values", value=[1, 2]), "histograms"),
        (broken(good, *storage, "values", value=[0] * 6), "cut_flow"),
        (broken(good, *storage, "values", value=[-1] * 6), "histograms"),
        (broken(good, "live_time_s", "d0_on", value="long"), "live_time_s"),
        (broken(good, "live_time_s", "d0_on", value=-1), "live_time_s"),
        (broken(good, "cut_flow", "d0_on", "nan", value="x"), "cut_flow"),
        (broken(good, "runs", "d0_on", value=[1, 2]), "runs"),
        (broken(good, "files", value=[{"path": "a"}]), "files"),
        (broken(good, "warnings", value=3), "warnings"),
        (broken(good, "provenance"), "provenance"),
    ):
        path.write_text(json.dumps(document))
        with pytest.raises(InputError) as caught:
            load(path)
        assert f"h.json: {field}: the histograms are damaged" in str(caught.value)
        assert "\n" not in str(caught.value)
    with pytest.raises(InputError, match=r"cannot be read \(no such file"):
        load(tmp_path / "none.json")
