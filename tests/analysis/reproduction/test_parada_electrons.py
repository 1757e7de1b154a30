"""Scattering on electrons in Parada (2020), against an independent calculation."""

from __future__ import annotations

import pytest

from nuem.analysis.reproduction.audit import reproduce
from nuem.analysis.reproduction.rows import Row

#: Limits in 1e-12 e, calculated with adaptive integrals over a grid of energies.
PHYSICAL = {
    "rovno": [(-66.6, 295.0)],
    "krasnoyarsk": [(-125.0, 222.0), (448.0, 795.0)],
    "munu": [(-44.9, 76.0), (175.0, 295.0)],
    "texono-csi": [(-80.0, 108.0), (548.0, 736.0)],
}
AS_PRINTED = {
    "rovno": (-10.5, 8.0),
    "krasnoyarsk": (-24.0, 14.5),
    "munu": (-9.0, 6.2),
    "texono-csi": (-20.0, 10.4),
}


@pytest.fixture(scope="module")
def rows() -> dict[str, Row]:
    """Return all rows of the group."""
    found = reproduce("parada-2020-electrons")
    return {row.id.partition("/")[2]: row for row in found}


@pytest.mark.parametrize("system", PHYSICAL)
def test_physical_edges_islands_included(rows: dict[str, Row], system: str) -> None:
    found = rows[system].physical
    assert len(found) == len(PHYSICAL[system])
    for island, wanted in zip(found, PHYSICAL[system], strict=True):
        assert [1e12 * end for end in island] == pytest.approx(list(wanted), rel=0.02)


@pytest.mark.parametrize("system", AS_PRINTED)
def test_printed_formula(rows: dict[str, Row], system: str) -> None:
    found = [1e12 * end for end in rows[system].as_printed[0]]
    assert found == pytest.approx(list(AS_PRINTED[system]), rel=0.02)
    assert rows[system].verdict == "not reproduced"


def test_scaling_of_gemma_and_combination(rows: dict[str, Row]) -> None:
    assert rows["gemma"].as_printed[0][1] == pytest.approx(1.518e-12, rel=1e-3, abs=0)
    assert rows["gemma"].verdict == "reproduced as printed"
    # GEMMA alone decides: the others are forty times weaker
    ((low, high),) = rows["combined"].physical
    assert [1e12 * low, 1e12 * high] == pytest.approx([-1.518, 1.518], rel=2e-3)


def test_cross_sections_of_the_standard_model(rows: dict[str, Row]) -> None:
    value = rows["krasnoyarsk/cross-section"].physical[0][0]
    assert value == pytest.approx(5.6e-46, rel=0.01, abs=0)
    assert rows["krasnoyarsk/cross-section"].verdict == "not reproduced"
    assert rows["texono-csi/events"].physical[0][0] == pytest.approx(2.3, rel=0.02)
