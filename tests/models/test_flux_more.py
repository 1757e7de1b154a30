"""Solar models, decay at rest, corrections and variations of fluxes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nuem.inputs.errors import InputError
from nuem.models.flux import (
    BeamTime,
    Flux,
    per_fission,
    reactor_flux,
    sns_flux,
    solar_flux,
    spent_fuel_flux,
    vary,
)
from nuem.models.flux.variations import component_names

BRANCHES = ("pp", "7Be", "pep", "8B", "hep", "13N", "15O", "17F")


def test_solar_models() -> None:
    high, low = solar_flux(), solar_flux(model="B16-AGSS09")
    for name, expected in {
        "pp": 5.98e10, "7Be": 4.93e9, "pep": 1.44e8, "8B": 5.46e6, "hep": 7.98e3,
        "13N": 2.78e8, "15O": 2.05e8, "17F": 5.29e6,
    }.items():  # fmt: skip
        assert solar_flux([name]).integrate() == pytest.approx(expected, rel=1e-6)
    assert low.integrate() < high.integrate()
    assert low.metadata["model"] == "B16-AGSS09"
    assert component_names(high) == BRANCHES
    assert solar_flux(["hep"]).maximum_energy_mev == pytest.approx(18.773)


@pytest.mark.parametrize(
    ("energy", "density"), [(0.02, 8.6001e-6), (2.0, 0.040734), (7.0, 0.13056), (13.5, 0.005138)]
)  # fmt: skip
def test_boron_spectrum(energy: float, density: float) -> None:
    sun = solar_flux(["8B"])
    assert float(sun(energy)) / 5.46e6 == pytest.approx(density, rel=5e-3)
    middle = float(sun(energy * 1.02)) / float(sun(energy))
    assert 0.5 < middle < 1.1
    assert float(sun(0.01)) / float(sun(0.02)) == pytest.approx(0.25)
    assert float(sun(16.1)) == 0.0


def test_mean_survival_of_boron() -> None:
    sun = solar_flux(["8B"])
    share = sun.integrate(flavour="nu-e") / sun.integrate()
    assert share == pytest.approx(0.3654, abs=1e-4)


def test_decay_at_rest() -> None:
    source = sns_flux(protons_per_second=5e15, yield_per_proton=0.09, distance_m=27.5)
    each = 5e15 * 0.09 / (4 * np.pi * 2750.0**2)
    for flavour in ("nu-mu", "anti-nu-mu", "nu-e"):
        assert source.integrate(flavour=flavour) == pytest.approx(each, rel=1e-12)
    assert source.integrate(29.79, 29.80, "nu-mu") == pytest.approx(each)
    energy = np.linspace(0.01, 52.82918, 5001)
    means = {}
    for flavour in ("nu-e", "anti-nu-mu"):
        density = source.only(flavour)(energy)
        means[flavour] = np.trapezoid(energy * density, energy) / each
    # 3/10 and 7/20 of the mass of the muon
    assert means["nu-e"] == pytest.approx(0.3 * 105.6584, rel=1e-4)
    assert means["anti-nu-mu"] == pytest.approx(0.35 * 105.6584, rel=1e-4)


@pytest.mark.parametrize("kind", ["prompt", "delayed"])
def test_beam_time(kind: str) -> None:
    pulse = BeamTime(0.44, 0.15)
    random = np.random.default_rng(7)
    time = random.normal(0.44, 0.15, 400_000) + random.exponential(0.026033, 400_000)
    if kind == "delayed":
        time = time + random.exponential(2.1969811, 400_000)
    edges = np.array([-1.0, 0.2, 0.44, 0.7, 1.0, 2.0, 6.0])
    expected = np.histogram(time, edges)[0] / time.size
    np.testing.assert_allclose(pulse.fractions(kind, edges), expected, atol=3e-3)
    assert pulse.cumulative(kind, 60.0) == pytest.approx(1.0, abs=1e-9)
    assert pulse.cumulative(kind, -5.0) == pytest.approx(0.0, abs=1e-12)


def test_non_equilibrium_and_spent_fuel() -> None:
    bare, late = (per_fission("daya-bay", non_equilibrium=x) for x in (0.0, 1.0))
    ratio = late(np.array([2.1, 3.0, 5.0])) / bare(np.array([2.1, 3.0, 5.0]))
    assert 1.02 < ratio[0] < 1.06
    assert 1.0 < ratio[1] < ratio[0]
    assert ratio[2] == 1.0
    core = reactor_flux(flux=1e13)
    fuel = spent_fuel_flux(core, 2.0)
    assert fuel.integrate() == pytest.approx(2 * spent_fuel_flux(core).integrate())
    assert 1e-4 < spent_fuel_flux(core).integrate() / core.integrate() < 1e-2
    assert fuel.integrate(0.0, 1.7) == 0.0
    with pytest.raises(InputError, match="fission"):
        spent_fuel_flux(solar_flux(["pp"]))


@given(sigmas=st.floats(-2.0, 2.0), name=st.sampled_from(BRANCHES))
def test_solar_variations(sigmas: float, name: str) -> None:
    sun = solar_flux()
    size = sun.metadata["uncertainties"][name]  # type: ignore[index]
    change = vary(sun, name, sigmas).integrate() - sun.integrate()
    own = solar_flux([name]).integrate()
    assert change == pytest.approx(own * sigmas * size, abs=1e-9 * sun.integrate())


def test_reactor_variations() -> None:
    core = reactor_flux(flux=1e13)
    energy = np.array([1.0, 1.79, 1.81, 4.0, 7.0])
    below = vary(core, "below-1.8-mev", 1.0)(energy) / core(energy)
    np.testing.assert_allclose(below, [1.1, 1.1, 1.0, 1.0, 1.0])
    together = vary(core, "correlated", 1.0)(energy) / core(energy)
    assert np.all(np.diff(together[2:]) > 0.0)
    assert 1.01 < together[3] < 1.03
    alone = [
        vary(core, isotope, 1.0)(energy) - core(energy) for isotope in ("235U", "238U")
    ]
    assert np.all(alone[0] > 0.0)
    flat = vary(core, "239Pu", -1.0, 0.5)
    assert flat.integrate() < core.integrate()
    assert vary(core, "capture", 1.0).integrate(0.0, 1.2) > core.integrate(0.0, 1.2)
    both = vary(core, "235U", 1.0).integrate() + vary(core, "235U", -1.0).integrate()
    assert both == pytest.approx(2 * core.integrate(), rel=1e-12)


@pytest.mark.parametrize(
    "call",
    [
        lambda: solar_flux(["9B"]),
        lambda: solar_flux(["pp", "pp"]),
        lambda: solar_flux(model="BP98"),
        lambda: solar_flux(["pp"], fluxes={"8B": 1.0}),
        lambda: sns_flux(distance_m=20.0),
        lambda: sns_flux(neutrinos_per_flavour=1e7, distance_m=20.0),
        lambda: sns_flux(neutrinos_per_flavour=-1.0),
        lambda: BeamTime(0.4, 0.0),
        lambda: BeamTime(np.nan, 0.1),
        lambda: BeamTime().fractions("late", [0.0, 1.0]),
        lambda: BeamTime().fractions("prompt", [1.0, 0.0]),
        lambda: per_fission(non_equilibrium=-1.0),
        lambda: spent_fuel_flux(reactor_flux(flux=1.0), -1.0),
        lambda: vary(solar_flux(["pp"]), "8B", 1.0),
        lambda: vary(solar_flux(["pp"]), "pp", np.nan),
        lambda: vary(sns_flux(neutrinos_per_flavour=1.0), "prompt", 1.0),
    ],
)
def test_bad_input(call: object) -> None:
    with pytest.raises(InputError):
        call()  # type: ignore[operator]


def test_tables_of_daya_bay() -> None:
    """The spectra of their release are the same conversions, on a finer grid."""
    package = pytest.importorskip("dayabay_data_official")
    folder = Path(package.__file__).parent / "data" / "npz"
    energy = np.array([2.25, 3.0, 4.0, 5.0, 6.0])
    with np.load(folder / "reactor_antineutrino_spectra_hm.npz") as tables:
        for ours, theirs in (("235U", "U235"), ("238U", "U238"), ("239Pu", "Pu239")):
            table = tables[theirs]
            expected = np.interp(energy, table["E_MeV"], table["N_density"])
            found = per_fission({ours: 1.0}, captures=0.0)
            assert isinstance(found, Flux)
            # the fits of the papers follow their own tables to 5 %
            np.testing.assert_allclose(found(energy), expected, rtol=0.05)
