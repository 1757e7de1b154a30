"""Dresden-II as released: backgrounds, the coherent rate and what it is compared with."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.special import erf
from scipy.stats import chi2

from nuem.analysis.background_fit import BackgroundFit, fit_backgrounds
from nuem.analysis.channel_models import channel_flux, channel_response
from nuem.analysis.fetch import fetch
from nuem.analysis.grid import Grid
from nuem.analysis.spectra import Spectra, read_spectra
from nuem.inputs.catalogue import channels, load_experiment
from nuem.inputs.schema import Experiment
from nuem.models.fold import recoil_spectrum
from nuem.models.process import cross_section
from nuem.models.template import template

pytestmark = pytest.mark.data

Array = np.ndarray[Any, Any]
QUENCHINGS = ("lindhard", "photo-neutron", "iron-filter")
#: Expected coherent events in the bins from 0.2 to 0.3 keVee, per 10 eV and 2.924 kg day,
#: as an author of JHEP 05 (2022) 037 keeps them beside the release
#: (github.com/LeireLarizgoitia/Reactor_CEnuNS, Counts_SMN_Fef_YBe.txt).
AUTHOR = {
    "iron-filter": [22.230, 18.458, 15.278, 12.603, 10.356, 8.4714, 6.8920, 5.5713, 4.4703, 3.5566],
    "photo-neutron": [15.373, 11.946, 9.2031, 7.0326, 5.3320, 4.0120, 2.9964, 2.2216, 1.6351, 1.1948],
}  # fmt: skip


@pytest.fixture(scope="module")
def release(data_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("dresden")
    result = fetch("dresden-ii", source=data_folder / "dresden2_2022", output=folder)
    assert [path.name for path in result.converted] == ["dresden-ii.json"]
    return folder


@pytest.fixture(scope="module")
def spectra(release: Path) -> Spectra:
    return read_spectra(load_experiment("dresden-ii"), [release / "dresden-ii.json"])


def fit(
    experiment: Experiment, spectra: Spectra, names: tuple[str, ...]
) -> BackgroundFit:
    parts = [c for c in channels(experiment) if c.name in names]
    grid = Grid.of(experiment)
    nothing = {c.name: np.zeros(grid.size) for c in parts}
    return fit_backgrounds(
        experiment, parts, spectra.exposures(experiment), spectra.counts, nothing, grid
    )


def test_the_values_are_not_counts(spectra: Spectra) -> None:
    """The errors join counting and acceptance: error^2/value from 0.02 to 7."""
    ratio = [
        s.errors**2 / s.values
        for s in spectra.channels.values()
        if s.errors is not None
    ]
    assert min(r.min() for r in ratio) == pytest.approx(0.024, abs=0.001)
    assert max(r.max() for r in ratio) == pytest.approx(7.1, abs=0.1)
    for spectrum in spectra.channels.values():
        assert spectrum.errors is not None
        np.testing.assert_allclose(
            spectrum.counts, (spectrum.values / spectrum.errors) ** 2, rtol=1e-12
        )
        np.testing.assert_allclose(
            spectrum.counts, spectrum.values * spectrum.factors, rtol=1e-12
        )


@pytest.mark.parametrize(("name", "expected"), [("off", 0.92), ("on", 0.85)])
def test_one_spectrum_alone(spectra: Spectra, name: str, expected: float) -> None:
    """p of the background, L1 at 1.297 keV within 1 %, and the width within 10 %."""
    found = fit(load_experiment("dresden-ii"), spectra, (name,))
    free = len(found.norms) + len(found.shapes)
    p = chi2.sf(found.chi2, found.bins - free)
    assert p > 0.01
    assert p == pytest.approx(expected, abs=0.05)
    (scale,) = (pull for key, pull in found.pulls.items() if key.startswith("energy"))
    assert 1.297 * (1 + 0.01 * scale) == pytest.approx(1.297, rel=0.01)
    assert abs(found.pulls["resolution"]) < 2  # 5 % each
    # the lines are there: more than ten standard deviations of L1 with the reactor on
    (line,) = (key for key in found.norms if "ge71" in key)
    assert found.norms[line] > (10 if name == "on" else 4) * found.norm_errors[line]


def forward(
    rate: Array, true: Array, ionisation: Array, *, floor: float, truncated: bool
) -> Array:
    """Events per 10 eV from 0.2 to 0.3 keVee and kg day, by sums over true recoils."""
    sigma = np.sqrt(0.0685**2 + 0.00296 * 0.11 * ionisation)
    weight = np.gradient(true) * rate * (ionisation > floor)
    if truncated:  # the noise of the author's code does not go below 0
        weight = weight * 2 / (1 + erf(ionisation / (np.sqrt(2) * sigma)))
    edges = np.linspace(0.2, 0.3, 11)[:, None]
    cumulative = (weight * 0.5 * erf((edges - ionisation) / (np.sqrt(2) * sigma))).sum(
        -1
    )
    return np.diff(cumulative)


@pytest.mark.parametrize(
    ("quenching", "total"),
    [("lindhard", 4.68), ("photo-neutron", 14.1), ("iron-filter", 27.5)],
)
def test_the_coherent_rate(quenching: str, total: float) -> None:
    """The template against sums of its own on a fine grid."""
    experiment = load_experiment(
        "dresden-ii", [f"detectors.ge.response.quenching={quenching}"]
    )
    (on,) = (c for c in channels(experiment) if c.name == "on")
    response, flux = channel_response(on), channel_flux(experiment, on)
    assert flux is not None
    assert response.quenching is not None
    edges = np.linspace(0.2, 0.3, 11)
    found = template("nucleus-sm", "Ge", flux, response, edges)
    counts = found.coefficients["1"]
    low, _ = response.quenching.range_kevnr
    true = np.geomspace(max(low, 0.01), 3.5, 20000)
    rate = recoil_spectrum("nucleus-sm", "Ge", flux, true)["1"]
    ionisation = response.quenching.ionisation(true)
    own = forward(rate, true, ionisation, floor=0.03, truncated=False)
    np.testing.assert_allclose(counts, own, rtol=5e-3)
    assert counts.sum() == pytest.approx(total, rel=5e-3)


@pytest.mark.parametrize("column", [1, 2])
def test_the_coherent_rate_of_an_author(release: Path, column: int) -> None:
    """With the choices of the phenomenological analysis its expectation comes out.

    They are: fission spectra up to 8 MeV without captures that carry all of the flux,
    couplings at tree level, recoils from 3 eVee on, and noise that does not go below 0.
    """
    table = np.loadtxt(release / "QF_Fef_YBe.txt")
    true, energy = np.geomspace(0.003, 2.2, 1500), np.linspace(0.02, 8.0, 2000)
    density = np.zeros_like(energy)
    for isotope, share in (
        ("U235", 0.58),
        ("U238", 0.08),
        ("Pu239", 0.29),
        ("Pu241", 0.05),
    ):
        x, y = np.loadtxt(release / f"spectraMeV{isotope}.txt").T
        fine = np.linspace(0.0, 8.0, 20000)
        density += (
            share * np.interp(energy, x, y) / np.trapezoid(np.interp(fine, x, y), fine)
        )
    sigma = cross_section(
        "nucleus-sm",
        "Ge",
        energy[:, None],
        true,
        couplings="tree",
        form_factor="klein-nystrand",
    )
    atoms = 6.02214076e26 / 72.63
    rate = (
        4.8e13 * 86400 * atoms * np.trapezoid(sigma * density[:, None], energy, axis=0)
    )
    ionisation = true * np.interp(true, table[:, 0], table[:, column])
    counts = 2.924 * forward(rate, true, ionisation, floor=0.003, truncated=True)
    author = AUTHOR["iron-filter" if column == 1 else "photo-neutron"]
    np.testing.assert_allclose(counts, author, rtol=0.01)
    assert counts.sum() == pytest.approx(sum(author), rel=0.005)


def test_what_the_even_rise_of_the_iron_filter_does(release: Path) -> None:
    """The ionisation of the table as it is needs no inverse here: 0.1 % in this range."""
    experiment = load_experiment("dresden-ii")
    (on,) = (c for c in channels(experiment) if c.name == "on")
    response, flux = channel_response(on), channel_flux(experiment, on)
    assert flux is not None
    assert response.quenching is not None
    table = np.loadtxt(release / "QF_Fef_YBe.txt")
    true = np.geomspace(0.01, 3.5, 20000)
    rate = recoil_spectrum("nucleus-sm", "Ge", flux, true)["1"]
    raw = true * np.interp(true, table[:, 0], table[:, 1])
    assert (np.diff(raw) < 0).any()
    even = response.quenching.ionisation(true)
    assert (np.diff(even) > 0).all()
    counts = [forward(rate, true, x, floor=0.03, truncated=False) for x in (raw, even)]
    np.testing.assert_allclose(counts[0], counts[1], rtol=2e-3)
