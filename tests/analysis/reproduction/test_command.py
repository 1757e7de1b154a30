"""``nuem reproduce``: the rows as JSON, one row explained, and errors in one line."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner

from nuem.analysis.cli.reproducing import reproduce
from nuem.analysis.reproduction.audit import find
from nuem.analysis.reproduction.explain import explain
from nuem.analysis.reproduction.rows import VERDICTS, agree, verdict
from nuem.inputs.errors import InputError
from nuem.inputs.literature import published_groups

ROW = "parada-2020-nuclei/conus/statistical-fitted"
FIELDS = {
    "id", "system", "quantity", "unit", "document", "place", "published", "as_printed",
    "physical", "statistic", "verdict", "assumptions", "note",
}  # fmt: skip


def call(*arguments: str) -> str:
    result = CliRunner().invoke(reproduce, arguments, catch_exceptions=False)
    assert result.exit_code == 0
    return result.stdout


def test_one_row_as_json() -> None:
    document = json.loads(call(ROW, "--json"))
    (row,) = document["rows"]
    assert set(row) >= FIELDS
    assert row["id"] == ROW
    assert row["published"] == [[-9.8e-14, 9.8e-14]]
    assert row["verdict"] in VERDICTS
    assert row["document"] == "slides"
    assert all(len(interval) == 2 for interval in row["physical"])


def test_a_system_is_all_of_its_rows() -> None:
    rows = json.loads(call("parada-2020-nuclei/conus", "--json"))["rows"]
    assert len(rows) == 6


def test_explain_traces_every_number() -> None:
    text = call(ROW, "--explain")
    for part in (
        "convention parada-2020", "INT/SM per e", "sigma = sqrt(N_SM)", "fitted",
        "total.expected = 31200 events", "table of CEvNS limits", "2.7055",
        "sources.core.fission_fractions",
    ):  # fmt: skip
        assert part in text


@pytest.fixture(scope="module")
def explained() -> dict[str, str]:
    """Return what --explain says of every row."""
    texts: dict[str, str] = {}
    for group in published_groups():
        for text in explain(group).split("\n\n"):
            texts[text.partition(":")[0]] = text
    return texts


def test_every_row_is_explained(explained: dict[str, str]) -> None:
    assert len(explained) == len(find())
    for group, row in find():
        text = explained[f"{group.name}/{row.id}"]
        assert f"  document    {group.document.citation}" in text
        assert f"  place       {row.place}" in text
        assert "  verdict     " in text
        assert " = table (" not in text
        assert "simulation." not in text
        if row.procedure is None:
            assert "none: quoted" in text
            continue
        assert f"  procedure   {row.procedure}\n    " in text
        for name, number in row.numbers.items():
            assert f"number      {name} = {number.value:g} {number.unit}" in text
            assert number.source in text
        for name in row.experiments:
            assert f"  experiment  {name} (" in text
            assert f"    {name}: " in text
            assert "convention " in text
        if row.experiments:
            assert "sources." in text
            assert "binning = " in text


def test_explain_says_what_background_would_do(explained: dict[str, str]) -> None:
    text = explained["chen-2014/gemma/fea"]
    (line,) = [s for s in text.splitlines() if "factor on the background" in s][-1:]
    assert float(line.rpartition(" ")[2]) == pytest.approx((2.1 / 2.52) ** 4, rel=0.03)
    assert "mask.0 = 9.4 to 11.4 keVee (assumed: lines of cosmogenic isotopes)" in text


def test_table_counts_the_verdicts() -> None:
    text = call("parada-2020-nuclei/conus")
    assert text.rstrip().endswith(
        "6 rows: 3 reproduced as printed, 3 matched with fitted inputs"
    )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("nobody-1999",), "no such group or row"),
        (("parada-2020-nuclei/conus/none",), "no such row"),
        (("--explain",), "--explain is text"),
    ],
)
def test_errors(arguments: tuple[str, ...], message: str) -> None:
    with pytest.raises(InputError, match=message):
        CliRunner().invoke(reproduce, arguments, catch_exceptions=False)


def test_verdicts_follow_from_the_numbers() -> None:
    there, near, far = [(-1.0, 1.0)], [(-1.02, 0.98)], [(-1.3, 1.0)]

    def of(
        printed: list[tuple[float, float]], right: list[tuple[float, float]],
        *, inputs: str = "nominal",
    ) -> str | None:  # fmt: skip
        return verdict(there, printed, right, tolerance=0.05, inputs=inputs)

    assert of(near, near) == "reproduced"
    assert of(near, far) == "reproduced as printed"
    for inputs in ("fitted", "assumed"):
        assert of(near, near, inputs=inputs) == "matched with fitted inputs"
        assert of(far, far, inputs=inputs) == "not reproduced"
    assert of(far, []) == "not reproduced"
    assert of([], []) is None
    assert verdict([], near, near, tolerance=0.05, inputs="nominal") is None


def test_agreement_is_relative_and_both_ends_count() -> None:
    assert agree([(None, 1e-14)], [(None, 1.04e-14)], 0.05)
    assert not agree([(None, 1e-14)], [(None, 1.2e-14)], 0.05)
    assert not agree([(-1e-14, 1e-14)], [(None, 1e-14)], 0.05)
    # two published islands need two of ours
    assert not agree([(-1.0, 1.0), (8.0, 9.0)], [(-1.0, 1.0)], 0.05)
    assert agree([(-1.0, 1.0)], [(-1.0, 1.0), (8.0, 9.0)], 0.05)
