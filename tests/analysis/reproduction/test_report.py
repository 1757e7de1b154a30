"""The page of the documentation, the figures, and what is written."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from nuem.analysis.reproduction import figures
from nuem.analysis.reproduction.audit import find, reproduce
from nuem.analysis.reproduction.report import interval_text, markdown, summary, table
from nuem.analysis.reproduction.rows import KINDS, VERDICTS, Row
from nuem.analysis.reproduction.task import Bench
from nuem.analysis.reproduction.written import write
from nuem.inputs.errors import InputError

PAGE = Path(__file__).parents[3] / "docs" / "reproduction.md"
NUMBER = re.compile(r"(?<![\w.])-?\d+(?:\.\d+)?(?:e[-+]?\d+)?(?![\w.])")


@pytest.fixture(scope="module")
def rows() -> list[Row]:
    """Return every row there is."""
    return reproduce()


def test_the_page_is_made_from_the_rows(rows: list[Row]) -> None:
    written, made = PAGE.read_text(encoding="utf-8"), markdown(rows)
    # the same words, and numbers that agree to their last printed digit
    assert NUMBER.sub("#", written) == NUMBER.sub("#", made), "nuem reproduce -o DIR"
    for there, here in zip(NUMBER.findall(written), NUMBER.findall(made), strict=True):
        assert float(there) == pytest.approx(float(here), rel=0.011, abs=0)


def test_every_row_is_complete(rows: list[Row]) -> None:
    assert len(rows) == len(find())
    assert sum(summary(rows).values()) == len(rows)
    for row in rows:
        document = json.loads(json.dumps(row.to_dict(), allow_nan=False))
        assert document["kind"] in KINDS
        assert (document["verdict"] in VERDICTS) == (document["kind"] == "compared")
        assert document["document"] in ("journal", "preprint", "slides", "poster")
        assert document["place"]
        assert bool(row.published) or row.kind == "computed"
        # what needs an input that the document does not give is no reproduction
        assert (
            row.inputs == "nominal"
            or "reproduced" not in (row.verdict or "").split()[:1]
        )
        if row.verdict is not None:
            assert row.as_printed or row.physical
            assert row.statistic
            assert row.note, row.id


def test_figures_of_the_page_are_there(rows: list[Row]) -> None:
    names = re.findall(r"\]\((figures/[^)]+)\)", markdown(rows))
    assert len(names) == 13
    for name in names:
        assert (PAGE.parent / name).is_file(), name


def test_ladder_has_each_kind(rows: list[Row]) -> None:
    axes = figures.draw_ladder(rows).axes[0]
    labels = [text.get_text() for text in axes.get_yticklabels()]
    assert "neutrality of matter" in labels
    assert "combined (Parada 2020, nuclei)" in labels
    assert len(set(labels)) == len(labels)
    # each limit once, whoever quotes it
    assert labels.count("neutrality of matter") == 1
    with pytest.raises(InputError):
        figures.draw_ladder([row for row in rows if row.unit == "mu_B"])


def test_profiles_cross_the_level_at_the_limits(rows: list[Row]) -> None:
    values = {row.id: row for row in rows}
    fig = figures.draw_profiles("parada-2020-nuclei")
    curves = {line.get_label(): line for line in fig.axes[0].lines}
    row = values["parada-2020-nuclei/connie/statistical"]
    low, high = row.physical[0]
    x, y = curves["CONNIE"].get_data()
    inside = x[y <= 2.7055]
    step = x[1] - x[0]
    assert inside.min() == pytest.approx(low, abs=step)
    assert inside.max() == pytest.approx(high, abs=step)


def test_writing_one_group(tmp_path: Path) -> None:
    found = reproduce("basi-2025/quoted")
    paths = write(found, tmp_path / "out", Bench())
    assert {path.name for path in paths} == {
        "rows.json", "reproduction.md",
        *(
            f"reproduction-basi-2025-{name}.{kind}"
            for name in ("flavours", "e-mu", "e-tau", "mu-tau")
            for kind in ("pdf", "png")
        ),
    }  # fmt: skip
    assert len(json.loads(paths[0].read_text())["rows"]) == len(found)


def test_fresh_belts_are_written(tmp_path: Path) -> None:
    bench = Bench()
    bench.belts["x"] = {"values": [0.0]}
    paths = write(reproduce("nugen-2025/equation-1"), tmp_path, bench)
    assert "belts.json" in {path.name for path in paths}


def test_text_of_intervals() -> None:
    assert interval_text((1e-12, None)) == "> 1e-12"
    assert interval_text((None, None)) == "open"


def test_table_tells_of_islands(rows: list[Row]) -> None:
    krasnoyarsk = [r for r in rows if r.id == "parada-2020-electrons/krasnoyarsk"]
    assert "(+1)" in table(krasnoyarsk)
