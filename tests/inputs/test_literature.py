"""Files of published numbers: what they hold, and one line for what they may not."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from nuem.inputs.errors import InputError
from nuem.inputs.literature import load_published, published_groups


@pytest.mark.parametrize("name", published_groups())
def test_shipped_groups_are_valid(name: str) -> None:
    group = load_published(name)
    assert group.name == name
    for row in group.rows:
        assert row.place
        assert all(number.source for number in row.numbers.values())


SOUND = {
    "name": "one", "title": "One", "about": "a test",
    "document": {"kind": "slides", "citation": "A. Author"},
    "blocks": [{
        "unit": "e", "statistic": "limit", "sided": "two", "place": "p. 1",
        "quantity": "charge", "system": "X", "procedure": "counting", "physical": {},
        "numbers": {"p": {"value": 1, "unit": "1", "status": "assumed", "source": "x"}},
        "rows": [{"id": "a", "published": [[None, 1e-12]]}],
    }],
}  # fmt: skip


def write(folder: Path, **changes: object) -> Path:
    block = {**SOUND["blocks"][0], **changes}  # type: ignore[index]
    path = folder / "one.yaml"
    path.write_text(yaml.safe_dump({**SOUND, "blocks": [block]}))
    return path


def test_rows_take_over_what_their_block_says(tmp_path: Path) -> None:
    rows = [{"id": "a", "published": [[None, 1.0]],
             "numbers": {"r": {"value": 2, "unit": "1", "status": "assumed", "source": "y"}}}]  # fmt: skip
    (row,) = load_published(write(tmp_path, rows=rows)).rows
    assert set(row.numbers) == {"p", "r"}
    assert row.unit == "e"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"rows": [{"id": "a"}, {"id": "a"}]}, "there twice"),
        ({"rows": [{"id": "a", "published": [[2.0, 1.0]]}]}, "interval 2 to 1"),
        ({"rows": [{"id": "a b"}]}, "rows.0.id"),
        ({"rows": [{"id": "a", "published": [[None, float("nan")]]}]}, "published"),
        ({"rows": []}, "rows"),
        ({"procedure": None}, "belong together"),
        ({"physical": None}, "belong together"),
        ({"inputs": "fitted"}, "the numbers say otherwise"),
        ({"numbers": {"p": {"value": 1, "unit": "1", "status": "fitted", "source": "x"}}},
         "the numbers say otherwise"),
        ({"numbers": {"p": {"value": 1, "unit": "1", "source": "x"}}}, "status"),
        ({"tolerance": 0}, "tolerance"),
        ({"colour": "red"}, "unknown key"),
    ],
)  # fmt: skip
def test_faults_are_named(
    tmp_path: Path, changes: dict[str, object], message: str
) -> None:
    with pytest.raises(InputError, match=message):
        load_published(write(tmp_path, **changes))


def test_unknown_group_and_wrong_file(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such group"):
        load_published("nobody-1999")
    path = tmp_path / "x.yaml"
    path.write_text("a: 1\n")
    with pytest.raises(InputError, match="blocks"):
        load_published(path)
