"""Regulators of the equivalent photons, and conventions for electrons."""

from __future__ import annotations

import numpy as np
import pytest

from nuem.inputs.errors import InputError, ModelError
from nuem.models import free_electron as free
from nuem.models.atomic.kinematics import regulator_logarithm
from nuem.models.atomic.table import load_table
from nuem.models.constants import ALPHA, FERMI_KEV, HBARC2_KEV2_CM2, SECONDS_PER_DAY
from nuem.models.detector import Response
from nuem.models.flux import reactor_flux
from nuem.models.fold import recoil_spectrum
from nuem.models.isotopes import target
from nuem.models.options import Options
from nuem.models.photon import photoabsorption
from nuem.models.process import coefficients, cross_section
from nuem.models.regulators import (
    density,
    one_minus_epsilon,
    propagator_logarithm,
    scattering_factors,
)
from nuem.models.scattering import ElectronScattering
from nuem.models.template import template

TRANSITION, DIAGONAL = "electron-millicharge-transition", "electron-millicharge"
RECOIL = np.array([0.1, 0.3, 1.0, 3.0, 11.2, 20.0])


def _photons(**options: object) -> np.ndarray:
    terms = coefficients(TRANSITION, "Ge", 2.0, RECOIL, method="epa", **options)  # type: ignore[arg-type]
    return terms["q^2"]


def _log(value: np.ndarray) -> np.ndarray:
    return value / (2 * ALPHA / np.pi * photoabsorption("Ge", RECOIL) / RECOIL)


def test_logarithms() -> None:
    np.testing.assert_allclose(_log(_photons()), np.log(2e6 / 0.29), rtol=1e-12)
    cut = _log(_photons(regulator="momentum-cut"))
    np.testing.assert_allclose(cut, np.log(RECOIL * 1e3 / 0.29), rtol=1e-12)
    medium = _log(_photons(regulator="medium"))
    deviation = np.abs(one_minus_epsilon(target("Ge"), RECOIL, 5.323))
    np.testing.assert_allclose(medium, -0.5 * np.log(deviation), rtol=1e-12)
    thin = _log(_photons(regulator="medium", density_g_cm3=5.323e-3))
    np.testing.assert_allclose(thin - medium, 0.5 * np.log(1000.0), rtol=1e-9)


def test_medium_of_germanium() -> None:
    """T sqrt|1 - eps| is 25 to 44 eV; far above all edges the plasma energy."""
    recoil = np.array([0.1, 0.3, 1.0, 1.3, 3.0, 10.0, 20.0, 30.0])
    momentum = 1e3 * recoil * np.sqrt(np.abs(one_minus_epsilon(target("Ge"), recoil)))
    assert np.all((momentum > 24.0) & (momentum < 45.5))
    plasma = 28.816 * np.sqrt(5.323 * 32 / 72.63)
    assert momentum[-1] == pytest.approx(plasma, rel=0.02)


def test_scattering_factors() -> None:
    f1, f2 = scattering_factors("Ge", np.array([1.0, 29.0, 31.0]))
    sigma = photoabsorption("Ge", 1.0)
    assert f2[0] == pytest.approx(
        float(sigma) / (2 * 2.8179403e-13 * 1.23984198e-7), rel=1e-4
    )
    assert f1[2] == pytest.approx(f1[1], rel=0.02)
    chantler = scattering_factors("Ge", np.array([1.0]), "chantler")[0]
    assert chantler == pytest.approx(f1[0], rel=0.1)


@pytest.mark.parametrize("deviation", [1e-4, 2e-3 + 1e-3j, 1e-3j, -1e-4 + 1e-4j])
def test_the_propagator_logarithm_is_the_integral(deviation: complex) -> None:
    """Of x dx/|x + 1 - eps|^2 from 0 to 1, to the order of 1 - eps."""
    from scipy.integrate import quad

    expected, _ = quad(
        lambda y: np.exp(2.0 * y) / abs(np.exp(y) + deviation) ** 2,
        -40.0, 0.0, limit=400, epsabs=1e-10,
    )  # fmt: skip
    found = propagator_logarithm(np.array([deviation]))[0]
    assert found == pytest.approx(expected, abs=10 * abs(deviation))


def test_equivalent_photons_and_responses_agree_in_the_leading_logarithm() -> None:
    """-1/2 ln|1 - eps| is half of what the propagator gives, up to a constant.

    The constant is between -1 and 0 in ln Q^2, and the same in a thin gas, where the
    logarithm is large: there the transverse part of the atomic cross section is that of
    equivalent photons with its own photoabsorption.
    """
    germanium = target("Ge")
    recoil = np.array([0.1, 0.3, 1.0, 3.0, 10.0])
    constants = []
    for thinner in (1.0, 1e-3, 1e-6, 1e-30):
        terms = coefficients(
            TRANSITION, "Ge", 2.0, recoil, method="epa", regulator="medium",
            density_g_cm3=5.323 * thinner,
        )  # fmt: skip
        photons = terms["q^2"] / (
            2 * ALPHA / np.pi * photoabsorption("Ge", recoil) / recoil
        )
        whole = regulator_logarithm(
            recoil, "medium", medium=germanium, density_g_cm3=5.323 * thinner
        )
        constants.append(whole - 2.0 * photons)
        assert np.all((constants[-1] > -1.0) & (constants[-1] < 0.1))
    np.testing.assert_allclose(constants[1:], [constants[0]] * 3, rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(whole / (2.0 * photons), 1.0, atol=0.02)
    # and the cross sections: what the density changes is the same in both
    change = {}
    for method in ("epa", "atomic"):
        dense, thin = (
            coefficients(
                TRANSITION, "Ge", 100.0, recoil, method=method, regulator="medium",
                density_g_cm3=value,
            )["q^2"]
            for value in (5.323, 5.323e-6)
        )  # fmt: skip
        change[method] = thin - dense
    ours = load_table("Ge").at(recoil)[7] * 2 * np.pi**2 * ALPHA / recoil
    ratio = ours * HBARC2_KEV2_CM2 / photoabsorption("Ge", recoil)
    np.testing.assert_allclose(change["atomic"] / change["epa"], ratio, rtol=1e-3)


@pytest.mark.parametrize("method", ["atomic", "epa+stepped"])
def test_the_medium_below_the_floor(method: str) -> None:
    """What leaks from below the floor is estimated as far as there are constants."""
    smear = Response(lambda e: np.sqrt(0.055**2 + 0.00085 * e), floor_kev=0.1)
    found = template(
        TRANSITION, "Ge", reactor_flux(flux=1e13), smear, [0.2, 0.5, 1.0],
        method=method, regulator="medium",
    )  # fmt: skip
    assert found.below_floor["q^2"][0] > 0.0
    one = ElectronScattering(
        TRANSITION, "Ge", "epa+stepped", options=Options(regulator="medium")
    )
    assert one.lowest_recoil_kev == pytest.approx(0.0293, rel=1e-3)


def test_the_medium_is_the_target() -> None:
    """Iodine in CsI and in NaI has the optical constants of the crystal."""
    for name in ("CsI", "NaI"):
        parts = target(name).components
        recoil = np.array([1.0])
        whole = coefficients(
            TRANSITION, name, 2.0, recoil, method="atomic", regulator="medium"
        )["q^2"]
        log = regulator_logarithm(recoil, "medium", medium=target(name))
        mass = coefficients(TRANSITION, name, 2.0, recoil, method="atomic")["q^2"]
        vacuum = np.log(2e6 * (2e6 - 1e3) / 0.29**2)
        photons = sum(
            p.count * load_table(p.element.symbol).at(recoil)[7] for p in parts
        )
        front = np.pi * ALPHA**2 / 2e3**2 * HBARC2_KEV2_CM2
        k = (4e3 - recoil) ** 2
        expected = front * 0.5 * (k / recoil**2 + 1.0) * photons * (vacuum - log)
        np.testing.assert_allclose(mass - whole, expected, rtol=1e-4)
    thick, thin = (
        coefficients(
            TRANSITION, "Ge", 2.0, 1.0, method="atomic", regulator="medium",
            density_g_cm3=value,
        )["q^2"]
        for value in (5.323, 0.5)
    )  # fmt: skip
    assert thin > 1.05 * thick


def test_densities() -> None:
    assert density(target("Ge")) == 5.323
    assert density(target("CsI")) == 4.51
    with pytest.raises(InputError, match="density"):
        density(target("CaF2"))


def test_no_room_below_the_cut() -> None:
    with pytest.raises(ModelError, match="cut-off"):
        cross_section(
            TRANSITION, "Ge", 1.0, 0.04, method="epa", coupling=1e-12,
            regulator="medium", density_g_cm3=500.0,
        )  # fmt: skip


@pytest.mark.parametrize("regulator", ["neutrino-mass", "momentum-cut", "medium"])
def test_the_regulator_is_recorded(regulator: str) -> None:
    core = reactor_flux(flux=1e13)
    t = template(
        DIAGONAL,
        "Ge",
        core,
        None,
        [1.0, 35.0],
        method="epa+stepped",
        regulator=regulator,
    )
    assert str(t.metadata["regulator"]).startswith(regulator)
    assert any(regulator in note for note in t.notes)
    fine = template(
        DIAGONAL, "Ge", core, None, np.linspace(1.0, 35.0, 60), method="epa+stepped",
        regulator=regulator,
    )  # fmt: skip
    assert fine.coefficients["q^2"].sum() == pytest.approx(
        t.coefficients["q^2"][0], rel=1e-5
    )


def test_chen_2014() -> None:
    """Eq. 5 for free electrons; eq. 7 counts equivalent photons per electron."""
    value = cross_section(
        TRANSITION,
        "Ge",
        1.0,
        [1.0, 10.0],
        method="free",
        coupling=1e-12,
        convention="chen-2014",
    )
    np.testing.assert_allclose(
        value, 32 * np.array([2.549550e-46, 2.549550e-48]), rtol=1e-6
    )
    np.testing.assert_array_equal(_photons(convention="chen-2014"), _photons())
    core = reactor_flux(flux=1e13)
    for method, factor in (("epa", 32.0), ("free", 1.0)):
        plain, printed = (
            recoil_spectrum(TRANSITION, "Ge", core, 0.1, method=method, convention=c)[
                "q^2"
            ]
            for c in ("physical", "chen-2014")
        )
        assert printed / plain == pytest.approx(factor, rel=1e-3)


def test_parada_2020() -> None:
    q, at = 1e-12, (1.0, RECOIL)
    terms = coefficients(DIAGONAL, "Ge72", *at, method="free", convention="parada-2020")
    np.testing.assert_allclose(terms["q^2"], 32 * free.fea(RECOIL) / ALPHA, rtol=1e-12)
    printed = 2 * np.sqrt(2) * ALPHA * FERMI_KEV / RECOIL * HBARC2_KEV2_CM2
    np.testing.assert_allclose(terms["q"], 32 * printed, rtol=1e-12)
    np.testing.assert_allclose(terms["1"], 32 * free.sm(*at), rtol=1e-12)
    right = cross_section(DIAGONAL, "Ge", *at, method="free", coupling=q)
    assert np.all(cross_section(
        DIAGONAL, "Ge", *at, method="free", coupling=q, convention="parada-2020") > right
    )  # fmt: skip


def test_isotopes_change_the_number_of_atoms_only() -> None:
    core = reactor_flux(flux=1e13)
    one, other = (
        recoil_spectrum("electron-sm", name, core, 1.0, method="free")["1"]
        for name in ("Ge", "Ge76")
    )
    assert one / other == pytest.approx(75.9214 / 72.63, rel=1e-5)
    assert target("Ge").electrons_per_kg * SECONDS_PER_DAY > 0.0
