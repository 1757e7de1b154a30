"""Solar neutrinos on germanium, Basi and Demirci (2025), on expectations."""

from __future__ import annotations

import numpy as np
import pytest

from nuem.analysis.reproduction.audit import find, reproduce
from nuem.analysis.reproduction.pulls import solar_plane
from nuem.analysis.reproduction.rows import Row
from nuem.analysis.reproduction.task import Bench, Task

#: 1e-7 e, counting errors, background of 2.5: an independent calculation without pulls.
PHYSICAL = {"e": (-4.87, 5.22), "mu": (-5.16, 5.51), "tau": (-4.44, 4.79)}


@pytest.fixture(scope="module")
def rows() -> dict[str, Row]:
    """Return the rows of the data analysis."""
    found = reproduce("basi-2025/cdex-10")
    return {row.id.partition("cdex-10/")[2]: row for row in found}


@pytest.mark.parametrize("flavour", PHYSICAL)
def test_expected_limits(rows: dict[str, Row], flavour: str) -> None:
    row = rows[flavour]
    assert [1e7 * end for end in row.physical[0]] == pytest.approx(
        list(PHYSICAL[flavour]), rel=0.02
    )
    # a single e in the amplitude, and the other sign: mirrored and 3.302 times stronger
    low, high = row.as_printed[0]
    assert (-low / row.physical[0][1], -high / row.physical[0][0]) == pytest.approx(
        (1 / 3.3024, 1 / 3.3024), rel=1e-3
    )
    assert row.verdict == "not reproduced"


def test_a_second_charge_widens_the_interval(rows: dict[str, Row]) -> None:
    ((low, high),) = rows["e"].physical
    ((wide_low, wide_high),) = rows["two-dimensional/e-mu"].physical
    assert wide_low < low < 0 < high < wide_high
    # the extent along one charge does not depend on which other one is free by much
    other = rows["two-dimensional/e-tau"].physical[0]
    assert other == pytest.approx((wide_low, wide_high), rel=0.01, abs=0)


def test_signal_of_the_published_charge_is_below_the_errors() -> None:
    _group, row = find("basi-2025/cdex-10/e")[0]
    assert row.physical is not None
    plane = solar_plane(Task(row, row.physical, Bench()))
    charge = row.published[0][1]
    signal = plane.terms["q_e^2"][0] * charge**2
    assert plane.error[0] / signal == pytest.approx(7.0, rel=0.35)
    assert plane.error == pytest.approx(np.sqrt(2.5 * 0.1 * 205.4 * np.ones(20)))
    # first bin: Standard Model 1.96e-3 and, at 1e-7, 2.185e-2 /(kg keVee d)
    assert plane.terms["1"][0] / 20.54 == pytest.approx(1.96e-3, rel=5e-3)
    assert plane.terms["q_e^2"][0] * 1e-14 / 20.54 == pytest.approx(2.185e-2, rel=5e-3)


SCENARIOS = ("realistic", "optimistic")
READINGS = {
    f"{share}-{energy}"
    for share in ("sm", "total", "common", "common-no-background")
    for energy in ("kevnr", "kevee")
}


@pytest.fixture(scope="module")
def readings() -> dict[str, Row]:
    """Return the rows of both scenarios, without their group."""
    found = [row for name in SCENARIOS for row in reproduce(f"basi-2025/{name}")]
    return {row.id.partition("/")[2]: row for row in found}


def test_every_reading_is_a_row_and_none_gives_the_published_values(
    readings: dict[str, Row],
) -> None:
    assert set(readings) == {
        f"{name}/{flavour}/{reading}"
        for name in SCENARIOS
        for flavour in PHYSICAL
        for reading in READINGS
    }
    for row in readings.values():
        assert row.verdict == "not reproduced", row.id
        assert row.assumptions[0].startswith("reading: "), row.id
    # each reading is one of its own
    for name in SCENARIOS:
        texts = {
            row.assumptions[0] for key, row in readings.items() if key.startswith(name)
        }
        assert len(texts) == len(READINGS)


def test_readings_rank_as_they_must(readings: dict[str, Row]) -> None:
    def upper(reading: str) -> float:
        high = readings[f"realistic/e/{reading}"].physical[0][1]
        assert high is not None
        return high

    # a share of the signal alone is a smaller error than one of signal and background
    assert upper("sm-kevnr") < upper("total-kevnr")
    # a known background adds to the errors of counting
    assert upper("common-no-background-kevnr") < upper("common-kevnr")
    # quenching raises the recoil at the threshold, where the charge acts most
    assert upper("total-kevnr") < upper("total-kevee")
