"""Regulators of the equivalent photons, and conventions for electrons."""

from __future__ import annotations

import numpy as np
import pytest

from nuem.inputs.errors import InputError, ModelError
from nuem.models import free_electron as free
from nuem.models.constants import ALPHA, FERMI_KEV, HBARC2_KEV2_CM2, SECONDS_PER_DAY
from nuem.models.flux import reactor_flux
from nuem.models.fold import recoil_spectrum
from nuem.models.isotopes import target
from nuem.models.photon import photoabsorption
from nuem.models.process import coefficients, cross_section
from nuem.models.regulators import density, dielectric_deviation, scattering_factors
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
    deviation = dielectric_deviation(target("Ge"), RECOIL, 5.323)
    np.testing.assert_allclose(medium, -0.5 * np.log(deviation), rtol=1e-12)
    thin = _log(_photons(regulator="medium", density_g_cm3=5.323e-3))
    np.testing.assert_allclose(thin - medium, 0.5 * np.log(1000.0), rtol=1e-9)


def test_medium_of_germanium() -> None:
    """T sqrt|1 - eps| is 25 to 44 eV; far above all edges the plasma energy."""
    recoil = np.array([0.1, 0.3, 1.0, 1.3, 3.0, 10.0, 20.0, 30.0])
    momentum = 1e3 * recoil * np.sqrt(dielectric_deviation(target("Ge"), recoil, 5.323))
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
