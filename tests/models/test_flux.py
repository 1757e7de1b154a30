"""Fluxes of reactors and of the Sun."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import integrate

from nuem.inputs.errors import InputError
from nuem.inputs.vocabulary import Flavour
from nuem.models.flux import (
    Continuum,
    Flux,
    Line,
    Oscillation,
    fission_fractions,
    per_fission,
    reactor_flux,
    solar_flux,
)

FAR = (1.806, np.inf)


def _inverse_beta_decay(energy: np.ndarray) -> np.ndarray:
    """Approximation of Strumia and Vissani (2003), eq. 25, cm^2."""
    positron = energy - 1.293
    momentum = np.sqrt(np.maximum(positron**2 - 0.51099895**2, 0.0))
    log = np.log(energy)
    power = -0.07056 + 0.02018 * log - 0.001953 * log**3
    return 1e-43 * momentum * positron * energy**power


def _mean_ibd(flux: Flux) -> float:
    energy = np.linspace(1.8061, 12.0, 40001)
    return float(np.trapezoid(flux(energy) * _inverse_beta_decay(energy), energy))


def test_tabulated_total() -> None:
    unit = per_fission("texono", scaling="tabulated")
    assert unit.integrate() == pytest.approx(6.81, rel=0.01)
    decays = tuple(part for part in unit.components if "end point" in part.name)
    capture = Flux(decays).integrate()
    assert capture == pytest.approx(1.20, rel=1e-6)
    assert unit.integrate(*FAR) / unit.integrate() == pytest.approx(0.270, rel=0.01)


def test_scaled_total() -> None:
    unit = per_fission("texono")
    assert unit.integrate() == pytest.approx(7.243, rel=1e-3)
    assert unit.metadata["factor below 2 MeV"] == pytest.approx(1.109, rel=1e-3)
    assert unit.integrate(*FAR) / unit.integrate() == pytest.approx(0.258, rel=0.01)
    # only the fission part below 2 MeV is scaled
    bare = per_fission("texono", scaling="tabulated")
    assert unit.integrate(2.0) == pytest.approx(bare.integrate(2.0), rel=1e-12)
    assert per_fission("daya-bay").integrate() > 7.0


def test_mean_inverse_beta_decay() -> None:
    assert _mean_ibd(per_fission("texono")) == pytest.approx(6.11e-43, rel=0.01)
    assert _mean_ibd(per_fission("daya-bay")) == pytest.approx(6.17e-43, rel=0.01)


@pytest.mark.parametrize(
    ("power", "distance", "expected"),
    [(2.9, 28.0, 6.46e12), (3.0, 13.9, 2.71e13), (3.1, 11.0, 4.47e13)],
)
def test_flux_from_power(power: float, distance: float, expected: float) -> None:
    flux = reactor_flux(power_gw=power, distance_m=distance)
    assert flux.integrate() == pytest.approx(expected, rel=0.01)


def test_normalisation_range() -> None:
    whole = reactor_flux(flux=1e13)
    assert whole.integrate() == pytest.approx(1e13, rel=1e-12)
    far = reactor_flux(flux=1e13, normalisation_mev=(1.806, 12.0))
    assert far.integrate(*FAR) == pytest.approx(1e13, rel=1e-12)
    # the wrong range is a factor of four
    assert far.integrate() / whole.integrate() == pytest.approx(1 / 0.258, rel=0.01)


def test_reactor_support() -> None:
    flux = per_fission(captures=0.0)
    assert flux.integrate(0.0, 0.0078) == 0.0
    assert flux(np.array([0.005, 12.0, 15.0])).tolist() == [0.0, 0.0, 0.0]
    assert flux.maximum_energy_mev == 12.0
    assert flux.flavours == (Flavour.ANTI_NU_E,)


def test_mueller_differs() -> None:
    one = per_fission("typical", scaling="tabulated").integrate(2.0)
    other = per_fission("typical", scaling="tabulated", conversion="mueller")
    assert 0.001 < abs(other.integrate(2.0) / one - 1.0) < 0.05


@pytest.mark.parametrize("flavour", [Flavour.ANTI_NU_E])
@pytest.mark.parametrize("lower", [0.02, 0.3, 1.234, 1.9999, 5.0])
def test_moments_against_adaptive_quadrature(flavour: Flavour, lower: float) -> None:
    flux = reactor_flux(flux=1.0)
    found = flux.moments([lower], flavour)[:, 0]
    points = [p for p in flux.breakpoints_mev if lower < p < 12.0]
    ends = [lower, *points, 12.0]
    for index, weight in enumerate(
        (
            np.ones_like,
            np.reciprocal,
            lambda e: 1 / e**2,
            np.log,
            lambda e: np.log(e) / e,
            lambda e: np.log(e) / e**2,
        )
    ):
        expected = sum(
            integrate.quad(
                lambda e, w=weight: float(flux(e)) * w(e), a, b, epsrel=1e-10
            )[0]
            for a, b in itertools.pairwise(ends)
        )
        assert found[index] == pytest.approx(expected, rel=1e-7)


def test_solar_fluxes() -> None:
    sun = solar_flux(["pp", "7Be"])
    assert sun.integrate() == pytest.approx(5.98e10 + 4.93e9, rel=1e-6)
    assert solar_flux(["pp"]).integrate() == pytest.approx(5.98e10, rel=1e-6)
    beryllium = solar_flux(["7Be"])
    assert beryllium.integrate(0.8, 0.9) == pytest.approx(0.897 * 4.93e9)
    assert beryllium.integrate(0.3, 0.4) == pytest.approx(0.103 * 4.93e9)
    assert beryllium.integrate(0.8613, 1.0) == pytest.approx(0.897 * 4.93e9)
    assert beryllium.integrate(0.5, 0.8613) == 0.0
    assert set(sun.flavours) == {Flavour.NU_E, Flavour.NU_MU, Flavour.NU_TAU}


def test_pp_shape() -> None:
    """Mean energy 0.267 MeV (Bahcall 1997), end at 0.4234 MeV."""
    pp = solar_flux(["pp"])
    energy = np.linspace(1e-6, 0.42341, 20001)
    density = pp(energy)
    mean = np.trapezoid(energy * density, energy) / np.trapezoid(density, energy)
    assert mean == pytest.approx(0.267, abs=0.001)
    assert pp(0.4235) == 0.0


def test_survival_probability() -> None:
    mixing = Oscillation(0.303, 0.02225, 0.572, 7.41e-5)
    expected = [0.520013, 0.383450, 0.318850]
    found = mixing.survival([1.0, 5.0, 10.0], 92.5)
    np.testing.assert_allclose(found, expected, rtol=1e-5)
    shares = mixing.shares(np.array([0.3, 5.0]), 67.9)
    np.testing.assert_allclose(sum(shares.values()), 1.0)
    assert shares[Flavour.NU_TAU][0] > shares[Flavour.NU_MU][0]
    # vacuum: the averaged two-flavour formula
    c13 = 1 - 0.02225
    vacuum = c13**2 * (1 - 0.5 * 4 * 0.303 * 0.697) + 0.02225**2
    assert mixing.survival(1e-6, 92.5) == pytest.approx(vacuum, rel=1e-6)


def test_matter_potential() -> None:
    """Mixing in matter by diagonalising the Hamiltonian; the constant of SciPy."""
    from scipy import constants

    fermi = constants.value("Fermi coupling constant") * 1e-18  # eV^-2
    per_ev3 = (constants.value("reduced Planck constant times c in MeV fm") * 1e-7) ** 3
    exact = np.sqrt(2.0) * fermi * constants.N_A * per_ev3  # eV, per mol/cm^3
    usual = 1.526e-7 / 2e6
    assert usual == pytest.approx(exact, rel=4e-4)
    potential = 92.5 * usual
    mixing = Oscillation(0.303, 0.02225, 0.572, 7.41e-5)
    angle, c13 = np.arcsin(np.sqrt(0.303)), 1.0 - 0.02225
    turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    for energy in (0.5, 5.0, 15.0):
        vacuum = turn @ np.diag([0.0, 7.41e-5 / (2e6 * energy)]) @ turn.T
        _, states = np.linalg.eigh(vacuum + np.diag([c13 * potential, 0.0]))
        # what leaves the Sun adiabatically: each state in matter becomes one in vacuum
        stays = (states[0] ** 2 * turn[0] ** 2).sum()
        expected = c13**2 * stays + 0.02225**2
        assert mixing.survival(energy, 92.5) == pytest.approx(expected, rel=1e-6)


@given(st.floats(1e-3, 1e3), st.floats(0.0, 3.0), st.floats(0.0, 3.0))
def test_linear(factor: float, a: float, b: float) -> None:
    low, high = sorted((a, b))
    flux = reactor_flux(flux=1.0)
    part = flux.integrate(low, high)
    assert flux.scale(factor).integrate(low, high) == pytest.approx(
        factor * part, rel=1e-9, abs=1e-12
    )
    assert (flux + flux.scale(factor)).integrate(low, high) == pytest.approx(
        (1 + factor) * part, rel=1e-9, abs=1e-12
    )
    assert flux.integrate(0.0, low) + part + flux.integrate(high) == pytest.approx(1.0)


def test_values_and_lines() -> None:
    flat = Continuum("flat", Flavour.NU_E, np.ones_like, (1.0, 2.0), 3.0)
    line = Line("line", Flavour.NU_MU, 1.5, 7.0)
    flux = Flux((flat, line), "a flux", {"made": "here"})
    assert flux([0.5, 1.0, 1.5, 2.0]).tolist() == [0.0, 3.0, 3.0, 0.0]
    assert flux.integrate() == pytest.approx(10.0)
    assert flux.integrate(flavour="nu-mu") == pytest.approx(7.0)
    assert flux.integrate(flavour="nu-tau") == 0.0
    assert flux.metadata == {"made": "here"}
    assert flux.normalise(20.0).integrate(1.4, 1.6) == pytest.approx(2 * 7.6)


@pytest.mark.parametrize(
    "arguments",
    [
        {},
        {"flux": 1e13, "power_gw": 3.0, "distance_m": 10.0},
        {"power_gw": 3.0},
        {"flux": -1.0},
        {"flux": np.nan},
        {"power_gw": 3.0, "distance_m": 0.0},
        {"flux": 1e13, "fractions": "pwr"},
        {"flux": 1e13, "fractions": {"235U": 0.5}},
        {"flux": 1e13, "fractions": {"235U": 1.5, "238U": -0.5}},
        {"flux": 1e13, "fractions": {"233U": 1.0}},
        {"flux": 1e13, "conversion": "ill"},
        {"flux": 1e13, "scaling": "no"},
        {"flux": 1e13, "captures": -0.1},
        {"flux": 1e13, "normalisation_mev": (13.0, 20.0)},
        {"flux": 1e13, "normalisation_mev": (3.0, 2.0)},
    ],
)
def test_bad_reactor(arguments: dict[str, object]) -> None:
    with pytest.raises(InputError):
        reactor_flux(**arguments)  # type: ignore[arg-type]


def test_bad_solar() -> None:
    with pytest.raises(InputError, match="9B"):
        solar_flux(["pp", "9B"])
    with pytest.raises(InputError, match="7Be"):
        solar_flux(["pp"], fluxes={"7Be": 1.0})
    with pytest.raises(InputError):
        Flux(())
    with pytest.raises(InputError):
        solar_flux().scale(-1.0)


def test_named_fractions_sum_to_one() -> None:
    for name in ("texono", "typical", "daya-bay"):
        assert sum(fission_fractions(name).values()) == pytest.approx(1.0)
