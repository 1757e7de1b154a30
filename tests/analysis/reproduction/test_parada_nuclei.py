"""Coherent scattering in Parada (2020): the tables as printed, and the correct limits."""

from __future__ import annotations

import pytest

from nuem.analysis.reproduction.audit import find, reproduce
from nuem.analysis.reproduction.counting import fit_threshold
from nuem.analysis.reproduction.rows import Row
from nuem.analysis.reproduction.task import Bench, Task

GROUP = "parada-2020-nuclei"

#: Correct limits at nominal thresholds, 1e-12 e, from an independent calculation on a
#: grid of energies: statistical, p = 1 %, p = 3 %.
PHYSICAL = {
    "connie": ((-6.51, 6.65), (-8.26, 8.33), (-16.8, 16.2)),
    "conus": ((-13.7, 13.8), (-28.1, 27.6), (-76.6, 71.7)),
    "miner": ((-2.27, 2.29), (-5.83, 5.79), (-16.5, 16.0)),
    "red-100": ((-27.0, 27.0), (-169, 165), (-514, 477)),
    "texono-cevns": ((-14.5, 14.5), (-28.5, 28.0), (-76.7, 71.8)),
    "combined": ((-2.09, 2.11), (-4.63, 4.62), (-11.4, 11.2)),
}
COLUMNS = ("statistical", "p1", "p3")


@pytest.fixture(scope="module")
def rows() -> dict[str, Row]:
    """Return all rows of the group."""
    return {row.id.partition("/")[2]: row for row in reproduce(GROUP)}


@pytest.mark.parametrize("system", PHYSICAL)
def test_physical_limits_at_nominal_thresholds(
    rows: dict[str, Row], system: str
) -> None:
    for column, wanted in zip(COLUMNS, PHYSICAL[system], strict=True):
        found = [1e12 * end for end in rows[f"{system}/{column}"].physical[0]]
        assert found == pytest.approx(list(wanted), rel=0.01), (system, column)


@pytest.mark.parametrize("system", PHYSICAL)
def test_all_edges_as_printed_with_fitted_thresholds(
    rows: dict[str, Row], system: str
) -> None:
    for column in COLUMNS:
        row = rows[f"{system}/{column}-fitted"]
        assert row.as_printed[0] == pytest.approx(row.published[0], rel=0.06, abs=0)
        assert row.verdict == "matched with fitted inputs"
        assert row.inputs == "fitted"


def test_what_nominal_thresholds_give_is_said(rows: dict[str, Row]) -> None:
    verdicts = {system: rows[f"{system}/statistical"].verdict for system in PHYSICAL}
    assert verdicts == {
        "connie": "reproduced as printed",
        "conus": "reproduced as printed",
        "miner": "not reproduced",
        "red-100": "reproduced as printed",
        "texono-cevns": "not reproduced",
        "combined": "not reproduced",
    }


def test_printed_charges_are_alpha_times_smaller(rows: dict[str, Row]) -> None:
    # form factors are 1 within 1 % where silicon recoils with tens of eV
    row = rows["connie/statistical"]
    ratio = row.physical[0][1] / row.as_printed[0][1]
    assert ratio == pytest.approx(137.036, rel=0.002)


def test_mirror_solutions_are_there_as_two_islands(rows: dict[str, Row]) -> None:
    for system in ("connie", "conus", "miner", "red-100", "texono-cevns"):
        row = rows[f"{system}/statistical"]
        assert len(row.physical) == 2
        (_, first), (second, last) = row.physical
        assert 0 < first < second < last
    # different targets have different mirrors: together they leave none
    assert len(rows["combined/statistical"].physical) == 1


@pytest.mark.parametrize(
    ("system", "low", "high"),
    [("connie", 0.015, 0.05), ("conus", 0.07, 0.15), ("miner", 0.008, 0.03),
     ("red-100", 0.4, 0.6), ("texono-cevns", 0.08, 0.2)],
)  # fmt: skip
def test_fitted_thresholds_are_those_of_the_statistical_column(
    system: str, low: float, high: float
) -> None:
    _, plain = find(f"{GROUP}/{system}/statistical")[0]
    assert plain.as_printed is not None
    threshold = fit_threshold(Task(plain, plain.as_printed, Bench()), low, high)
    for column in COLUMNS:
        _, row = find(f"{GROUP}/{system}/{column}-fitted")[0]
        number = row.numbers[f"threshold-{system}"]
        assert number.status == "fitted"
        assert number.value == pytest.approx(threshold, rel=2e-3)
