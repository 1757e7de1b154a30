"""Table I of Chen et al. (2014): ratios, and absolute values with assumed backgrounds."""

from __future__ import annotations

import pytest

from nuem.analysis.reproduction.audit import reproduce
from nuem.analysis.reproduction.rows import Row

#: Limits in 1e-12 e from an independent estimate with the same assumed backgrounds.
FREE = {"texono-hpge": 16.1, "gemma": 2.52, "texono-pcge": 2.56, "projected-pcge": 0.19}
PHOTONS = {
    "texono-hpge": 10.2,
    "gemma": 1.40,
    "texono-pcge": 0.95,
    "projected-pcge": 0.066,
}


@pytest.fixture(scope="module")
def rows() -> dict[str, Row]:
    """Return all rows of the group."""
    return {row.id.partition("/")[2]: row for row in reproduce("chen-2014")}


def upper(row: Row) -> float:
    """Return the physical limit in 1e-12 e."""
    high = row.physical[0][1]
    assert high is not None
    return 1e12 * high


@pytest.mark.parametrize("system", FREE)
def test_absolute_limits(rows: dict[str, Row], system: str) -> None:
    assert upper(rows[f"{system}/fea"]) == pytest.approx(FREE[system], rel=0.03)
    found = upper(rows[f"{system}/epa-stepped"])
    assert found == pytest.approx(PHOTONS[system], rel=0.02)


def test_other_assumptions(rows: dict[str, Row]) -> None:
    assert upper(rows["texono-hpge/fea-smooth-off"]) == pytest.approx(10.5, rel=0.01)
    assert upper(rows["gemma/fea-smooth-off"]) == pytest.approx(1.69, rel=0.01)
    free = upper(rows["texono-pcge/epa-stepped-free-residual"])
    assert free == pytest.approx(2.57, rel=0.02)


@pytest.mark.parametrize(
    ("system", "published"), [("texono-hpge", 1.59), ("gemma", 1.91)]
)
def test_ratios_tell_the_regulators_apart(
    rows: dict[str, Row], system: str, published: float
) -> None:
    atomic = rows[f"{system}/ratio-atomic"].physical[0][0]
    assert atomic == pytest.approx(published, rel=0.04)
    assert rows[f"{system}/ratio-epa-stepped"].physical[0][0] == pytest.approx(
        published, rel=0.10
    )
    for regulator in ("momentum-cut", "medium"):
        row = rows[f"{system}/ratio-{regulator}"]
        assert abs(row.physical[0][0] / published - 1) > 0.05  # type: ignore[operator]
        assert row.verdict == "not reproduced"


def test_rounded_combination_and_scalings(rows: dict[str, Row]) -> None:
    assert upper(rows["combined/rounded"]) == pytest.approx(1.080, abs=5e-4)
    weights = [
        upper(rows[f"{s}/atomic"]) ** -4
        for s in ("texono-hpge", "gemma", "texono-pcge")
    ]
    assert upper(rows["combined/ours"]) == pytest.approx(
        sum(weights) ** -0.25, rel=1e-6
    )
    assert rows["gemma/previous"].as_printed[0][1] == pytest.approx(
        1.518e-12, rel=1e-3, abs=0
    )
    assert rows["texono-hpge/previous"].as_printed[0][1] == pytest.approx(
        8.02e-12, rel=1e-3, abs=0
    )
    assert rows["texono-hpge/previous"].verdict == "not reproduced"


def test_interference_is_not_negligible(rows: dict[str, Row]) -> None:
    ((low, high),) = rows["gemma/diagonal"].physical
    assert [1e12 * low, 1e12 * high] == pytest.approx([-1.87, 3.28], rel=0.01)


def test_claimed_rate_is_met_in_part_of_its_range(rows: dict[str, Row]) -> None:
    ((low, high),) = rows["rates/epa-stepped"].physical
    assert (low, high) == pytest.approx((7.4e-4, 37.0), rel=0.02)


def test_factors_of_the_projection_multiply(rows: dict[str, Row]) -> None:
    values = {
        f: rows[f"projected-pcge/scaling-{f}"].physical[0][0]
        for f in ("all", "flux", "errors", "threshold")
    }
    assert values["flux"] == pytest.approx((0.64 / 2.7) ** 0.5, rel=1e-3)
    product = values["flux"] * values["errors"] * values["threshold"]
    assert product == pytest.approx(values["all"], rel=1e-9)
