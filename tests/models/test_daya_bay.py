"""Reactor spectra, uncertainties and corrections against the release of Daya Bay.

The package ``dayabay-data-official`` (CC BY 4.0) holds the tables of the conversions by
Huber and Mueller on a grid of 50 keV; ours are the fits that these papers print.
"""

from __future__ import annotations

from pathlib import Path

import dayabay_data_official
import numpy as np
import pytest

from nuem.models.flux import per_fission
from nuem.models.tables import table

FOLDER = Path(dayabay_data_official.__file__).parent / "data" / "npz"
ISOTOPES = {"235U": "U235", "238U": "U238", "239Pu": "Pu239", "241Pu": "Pu241"}


def _release(file: str, name: str, column: str) -> tuple[np.ndarray, np.ndarray]:
    with np.load(FOLDER / f"{file}.npz") as tables:
        return tables[name]["E_MeV"], tables[name][column]


def _inverse_beta_decay(energy: np.ndarray) -> np.ndarray:
    """Approximation of Strumia and Vissani (2003), eq. 25, cm^2."""
    positron = energy - 1.293
    log = np.log(energy)
    power = -0.07056 + 0.02018 * log - 0.001953 * log**3
    return 1e-43 * np.sqrt(positron**2 - 0.511**2) * positron * energy**power


@pytest.mark.parametrize("isotope", ISOTOPES)
def test_spectra(isotope: str) -> None:
    energy, expected = _release(
        "reactor_antineutrino_spectra_hm", ISOTOPES[isotope], "N_density"
    )
    here = (energy >= 2.0) & (energy <= 8.0)
    energy, expected = energy[here], expected[here]
    found = per_fission({isotope: 1.0}, captures=0.0)(energy)
    # antineutrinos and inverse beta decays of a fission between 2 and 8 MeV
    for weight in (np.ones_like(energy), _inverse_beta_decay(energy)):
        ours, theirs = (np.trapezoid(weight * y, energy) for y in (found, expected))
        assert ours / theirs == pytest.approx(1.0, abs=0.011)
    # point by point the fits of the papers scatter about their own tables, by 3 per cent
    # at most in the mean of squares, and by 10 for 239Pu at 5.75 MeV
    middle = energy <= 6.0
    deviation = found[middle] / expected[middle] - 1.0
    assert np.sqrt(np.mean(deviation**2)) < 0.03
    assert np.max(np.abs(deviation)) < 0.11


@pytest.mark.parametrize("isotope", ISOTOPES)
@pytest.mark.parametrize(
    ("ours", "theirs"), [("correlated", "corr"), ("isotope", "uncorr")]
)
def test_uncertainties(isotope: str, ours: str, theirs: str) -> None:
    energy, expected = _release(
        "reactor_antineutrino_spectra_hm_uncertainties",
        f"{theirs}_{ISOTOPES[isotope]}", "sigma_rel",
    )  # fmt: skip
    known = table("reactor-spectra")["uncertainties"]
    grid, values = known["energy_mev"], known[ours][isotope]
    assert (grid[0], grid[-1]) == (energy[0], energy[-1])
    at = np.interp(grid, energy, expected)
    np.testing.assert_allclose(values, at, rtol=1e-3)


def test_corrections() -> None:
    known = table("reactor-spectra")["corrections"]
    late = known["non-equilibrium"]
    for isotope in ("235U", "239Pu", "241Pu"):
        energy, expected = _release("nonequilibrium_correction", ISOTOPES[isotope], "C")
        # theirs ends 10 keV below our last point
        np.testing.assert_allclose(
            late[isotope],
            np.interp(late["energy_mev"], energy, expected),
            atol=1e-6,
            rtol=1e-3,
        )
    fuel = known["spent-fuel"]
    cores = [_release("snf_correction", f"R{n}", "C") for n in range(1, 7)]
    mean = np.mean([y for _, y in cores], axis=0)
    at = np.interp(fuel["energy_mev"], cores[0][0], mean)
    np.testing.assert_allclose(fuel["ratio"], at, atol=1e-6, rtol=1e-3)
