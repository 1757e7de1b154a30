"""Elements, photoabsorption tables, equivalent photons."""

from __future__ import annotations

import numpy as np
import pytest

from nuem.inputs.errors import InputError, ModelError
from nuem.models import free_electron, photon
from nuem.models.photon import henke_factors
from nuem.models.targets import element, occupations

RECOIL = np.array([0.1, 0.3, 1.0, 1.3, 3.0, 10.0, 11.2, 20.0])


def _as_printed(value: np.ndarray, printed: str) -> None:
    """Equal to the printed digits, or to 1e-3."""
    for found, text in zip(value, printed.split(), strict=True):
        expected = float(text)
        half_digit = 0.5 * 10.0 ** (np.floor(np.log10(expected)) - len(text[2:5]))
        assert abs(found - expected) < max(1.01 * half_digit, 1e-3 * expected), text


@pytest.mark.parametrize(
    ("table", "printed"),
    [
        (
            "henke",
            (
                "6.850e-18 3.241e-18 2.265e-19 8.629e-19 1.169e-19 4.345e-21 2.400e-20 "
                "5.138e-21"
            ),
        ),
        (
            "elam",
            (
                "6.530e-18 2.488e-18 2.276e-19 7.561e-19 1.155e-19 4.308e-21 2.320e-20 "
                "5.000e-21"
            ),
        ),
        (
            "chantler",
            (
                "7.781e-18 2.493e-18 2.127e-19 8.157e-19 1.128e-19 4.117e-21 2.364e-20 "
                "4.959e-21"
            ),
        ),
    ],
)
def test_photoabsorption_of_germanium(table: str, printed: str) -> None:
    _as_printed(photon.photoabsorption("Ge", RECOIL, table), printed)


def test_henke_value() -> None:
    sigma = float(photon.photoabsorption("Ge", 1.0))
    assert sigma == pytest.approx(2.264858e-19, rel=1e-6)
    epa = float(photon.epa("Ge", 1.0, 1.0, 1e-12))
    assert epa == pytest.approx(1.583874e-44, rel=1e-6)


def test_equivalent_photons() -> None:
    printed = (
        "4.790e-42 7.555e-43 1.584e-44 4.642e-44 2.726e-45 3.039e-47 1.498e-46 "
        "1.796e-47"
    )
    value = photon.epa("Ge", 1.0, RECOIL, 1e-12)
    _as_printed(value, printed)
    ratio = value / (32 * free_electron.fea(RECOIL, 1e-12))
    expected = [5.87, 8.33, 1.94, 9.62, 3.01, 0.372, 2.30, 0.881]
    np.testing.assert_allclose(ratio, expected, rtol=2.5e-3)


@pytest.mark.parametrize(
    ("table", "low", "high"), [("henke", 0.01, 30.0), ("elam", 0.1, 800.0)]
)
def test_outside_of_a_table_is_an_error(table: str, low: float, high: float) -> None:
    assert photon.table_range("Ge", table) == (low, high)
    assert np.all(photon.photoabsorption("Ge", [low, high], table) > 0.0)
    for bad in (low * 0.99, high * 1.01):
        with pytest.raises(ModelError, match=f"{table} photoabsorption"):
            photon.photoabsorption("Ge", [1.0, bad], table)


def test_empty_and_missing_tables() -> None:
    assert photon.photoabsorption("Ge", [], "elam").shape == (0,)
    for table in ("henke", "chantler"):
        with pytest.raises(ModelError, match="for this element"):
            photon.table_range("Cf", table)


def test_above_the_largest_recoil_no_table_is_asked() -> None:
    assert photon.epa("Ge", 0.05, 50.0) == 0.0


def test_unknown_words() -> None:
    with pytest.raises(InputError, match="photoabsorption"):
        photon.photoabsorption("Ge", 1.0, "nist")
    with pytest.raises(InputError, match="Xx"):
        photon.photoabsorption("Xx", 1.0)


@pytest.mark.parametrize("name", ["Xx", "", "ge", "n", "D", "Germanium", "Og"])
def test_unknown_elements(name: str) -> None:
    with pytest.raises(InputError, match="target"):
        element(name)


def test_germanium() -> None:
    ge = element("Ge")
    assert ge.atoms_per_kg == pytest.approx(8.292e24, rel=1e-4)
    assert ge.electrons_per_kg == pytest.approx(32 * ge.atoms_per_kg)
    # 12 M and N electrons below 0.12 keV, then M2/M3, M1, L3, L2, L1, K
    recoil = [0.001, 0.0295, 0.05, 0.122, 0.15, 0.2, 1.23, 1.3, 1.42, 11.2]
    expected = [0, 10, 14, 18, 20, 22, 26, 28, 30, 32]
    np.testing.assert_array_equal(ge.bound_below(recoil), expected)
    # an electron is not freed by exactly its binding energy
    assert ge.bound_below(11.103) == 30


def test_every_element_holds_its_electrons() -> None:
    import periodictable

    for number in range(1, 99):
        atom = element(str(periodictable.elements[number].symbol))
        assert atom.number == number
        assert sum(shell.electrons for shell in atom.subshells) == number
        assert atom.bound_below(1e3) == number
        bindings = [shell.binding_kev for shell in atom.subshells]
        assert bindings == sorted(bindings, reverse=True)
        assert min(bindings) >= 0.0


def test_occupations() -> None:
    """4f of cerium comes after 5s and 5p; 4p3/2 of germanium is empty."""
    cerium = occupations(58)
    assert (cerium["N6"], cerium["O1"], cerium["O2"], cerium["O3"]) == (2, 2, 2, 4)
    assert occupations(32)["N2"] == 2
    assert "N3" not in occupations(32)
    assert element("Ce").bound_below(0.03) < 58 - 2


@pytest.mark.parametrize("table", ["henke", "elam", "chantler"])
def test_breakpoints_contain_the_steps(table: str) -> None:
    points = photon.absorption_breakpoints("Ge", table, 1.0, 12.0)
    assert np.all((points > 1.0) & (points < 12.0))
    for edge in (1.217, 1.2481, 11.103):
        assert np.min(abs(points / edge - 1.0)) < 0.02


@pytest.mark.parametrize("symbol", ["Si", "Ge", "Ar", "Xe", "Na", "I", "Cs"])
def test_henke_energies_rise(symbol: str) -> None:
    """Two rows of silicon stand in the wrong order, at the K edge, in the table."""
    energy, _, f2 = henke_factors(symbol)
    assert np.all(np.diff(energy) > 0)
    if symbol == "Si":
        edge = (energy > 1.8385) & (energy < 1.8395)
        assert np.all(np.diff(f2[edge]) > 0)
