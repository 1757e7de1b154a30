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


def test_one_workspace_gives_what_the_weights_give(rows: dict[str, Row]) -> None:
    row = rows["combined/workspace"]
    assert upper(row) == pytest.approx(upper(rows["combined/ours"]), rel=0.01)
    steps = row.steps["physical"]
    # flux errors of 3 % and Poisson counts move it by less than 1 %
    assert 1e12 * steps["weights L^-4, e"] == pytest.approx(upper(row), rel=0.005)
    # CLs without signal: 1.6449 standard deviations instead of 1.2816, in q^2
    ratio = steps["median CLs limit, e"] / steps["weights L^-4, e"]
    assert ratio == pytest.approx((1.6449 / 1.2816) ** 0.5, rel=0.005)
    assert "texono-hpge:reactor-flux" in steps["one parameter kuo-sheng-flux"]
    assert "gemma" not in steps["one parameter kuo-sheng-flux"]
    # shapes that are known tell more than bins that are free
    assert upper(rows["combined/workspace-shapes"]) < upper(row)
    stepped = rows["combined/workspace-epa-stepped"]
    assert upper(stepped) == pytest.approx(upper(row), rel=0.15)
    printed = stepped.as_printed[0][1]
    assert printed is not None
    # nearly all of the signal is counted per electron: 32 times too often
    assert 1e12 * printed == pytest.approx(upper(stepped) / 32**0.5, rel=0.08)


def test_absolute_limits_claim_no_more_than_a_match(rows: dict[str, Row]) -> None:
    for system, published in (("texono-hpge", 8.8), ("gemma", 1.1)):
        for name in ("fea", "atomic", "epa-stepped", "fea-smooth-off"):
            assert rows[f"{system}/{name}"].inputs == "assumed"
            assert rows[f"{system}/{name}"].verdict == "matched with fitted inputs"
        # the published limit lies between a counted and a smooth OFF
        high = rows[f"{system}/fea"].published[0][1]
        assert high is not None
        smooth = upper(rows[f"{system}/fea-smooth-off"])
        assert smooth < 1e12 * high < upper(rows[f"{system}/fea"])
        # the background that one column implies gives the other one
        fitted = rows[f"{system}/atomic-fitted"]
        assert fitted.verdict == "matched with fitted inputs"
        assert upper(fitted) == pytest.approx(published, rel=0.04)
    assert rows["texono-pcge/atomic"].verdict == "not reproduced"
