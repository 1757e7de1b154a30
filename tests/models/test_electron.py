"""Methods for electrons in atoms."""

from __future__ import annotations

import numpy as np
import pytest

from nuem.inputs.errors import InputError, ModelError
from nuem.models import free_electron as free
from nuem.models.constants import SIN2_THETA_W
from nuem.models.electron import coefficients, cross_section
from nuem.models.photon import epa
from nuem.models.scattering import ElectronScattering

TRANSITION = "electron-millicharge-transition"
DIAGONAL = "electron-millicharge"
ENERGY = np.array([[0.5], [1.0], [4.0]])
RECOIL = np.array([0.15, 0.5, 1.3, 5.0, 20.0, 300.0])


def test_free_is_z_electrons() -> None:
    terms = coefficients(DIAGONAL, "Ge", ENERGY, RECOIL, method="free")
    assert set(terms) == {"1", "q", "q^2"}
    q = 3e-12
    single = free.diagonal(ENERGY, RECOIL, q)
    whole = cross_section(DIAGONAL, "Ge", ENERGY, RECOIL, method="free", coupling=q)
    np.testing.assert_allclose(whole, 32 * single, rtol=1e-12)
    np.testing.assert_allclose(terms["1"], 32 * free.sm(ENERGY, RECOIL), rtol=1e-12)


@pytest.mark.parametrize(
    ("process", "coupling", "single"),
    [
        ("electron-sm", None, free.sm(ENERGY, RECOIL)),
        ("electron-magnetic", 1e-10, free.magnetic(ENERGY, RECOIL, 1e-10)),
        ("electron-charge-radius", -4e-32, free.charge_radius(ENERGY, RECOIL, -4e-32)),
        (
            "electron-mixing-angle",
            -0.05,
            free.sm(ENERGY, RECOIL, sin2_theta_w=SIN2_THETA_W - 0.05),
        ),
        (TRANSITION, 1e-12, free.transition(ENERGY, RECOIL, 1e-12)),
    ],
)
def test_stepped_counts_loose_electrons(
    process: str, coupling: float | None, single: np.ndarray
) -> None:
    value = cross_section(
        process, "Ge", ENERGY, RECOIL, method="stepped", coupling=coupling
    )
    electrons = np.array([20, 22, 28, 30, 32, 32])
    np.testing.assert_allclose(value, electrons * single, rtol=1e-12)


@pytest.mark.parametrize("method", ["stepped", "atomic"])
def test_mixing_angle_is_another_angle(method: str) -> None:
    found = cross_section(
        "electron-mixing-angle", "Ge", ENERGY, RECOIL[:5], method=method, coupling=0.1
    )
    angle = cross_section(
        "electron-sm", "Ge", ENERGY, RECOIL[:5], method=method,
        sin2_theta_w=SIN2_THETA_W + 0.1,
    )  # fmt: skip
    np.testing.assert_allclose(found, angle, rtol=1e-10)


def test_epa_and_sum() -> None:
    recoil = RECOIL[:5]
    photons = coefficients(TRANSITION, "Ge", 1.0, recoil, method="epa")["q^2"]
    np.testing.assert_allclose(photons, epa("Ge", 1.0, recoil), rtol=1e-12)
    both = coefficients(DIAGONAL, "Ge", 1.0, recoil, method="epa+stepped")
    close = coefficients(DIAGONAL, "Ge", 1.0, recoil, method="stepped")
    np.testing.assert_allclose(both["q^2"], photons + close["q^2"], rtol=1e-12)
    for monomial in ("1", "q"):
        np.testing.assert_array_equal(both[monomial], close[monomial])


@pytest.mark.parametrize(
    "process",
    ["electron-sm", "electron-magnetic", DIAGONAL, "electron-charge-radius"],
)
def test_epa_is_for_the_transition_alone(process: str) -> None:
    with pytest.raises(ModelError, match="transition"):
        coefficients(process, "Ge", 1.0, 1.0, method="epa")


@pytest.mark.parametrize(
    "process",
    [
        "electron-sm",
        "electron-magnetic",
        "electron-charge-radius",
        "electron-mixing-angle",
    ],
)
def test_photons_do_not_touch_weak_and_magnetic(process: str) -> None:
    both = coefficients(process, "Ge", 1.0, RECOIL, method="epa+stepped")
    stepped = coefficients(process, "Ge", 1.0, RECOIL, method="stepped")
    for monomial, value in stepped.items():
        np.testing.assert_array_equal(both[monomial], value)


def test_above_thirty_kev() -> None:
    with pytest.raises(ModelError, match="30 keV"):
        coefficients(TRANSITION, "Ge", 1.0, [1.0, 31.0], method="epa")
    sum_ = coefficients(TRANSITION, "Ge", 1.0, [29.0, 31.0], method="epa+stepped")
    close = coefficients(TRANSITION, "Ge", 1.0, [29.0, 31.0], method="stepped")
    expected = [
        float(epa("Ge", 1.0, 29.0, table="henke")),
        float(epa("Ge", 1.0, 31.0, table="elam")),
    ]
    np.testing.assert_allclose(sum_["q^2"] - close["q^2"], expected, rtol=1e-10)
    scattering = ElectronScattering(TRANSITION, "Ge", "epa+stepped")
    assert any("elam" in note for note in scattering.notes(1.0, 31.0))
    assert not any("elam" in note for note in scattering.notes(1.0, 30.0))


def test_below_the_table() -> None:
    with pytest.raises(ModelError, match=r"0\.01"):
        coefficients(TRANSITION, "Ge", 1.0, 0.005, method="epa+stepped")


def test_zero_above_the_largest_recoil_for_every_term() -> None:
    for method in ("free", "stepped", "epa+stepped"):
        terms = coefficients(DIAGONAL, "Ge", 0.1, [28.0, 29.0], method=method)
        for value in terms.values():
            assert value[0] != 0.0
            assert value[1] == 0.0
    terms = coefficients(TRANSITION, "Ge", 0.1, [28.0, 29.0], method="epa")
    assert terms["q^2"][1] == 0.0


@pytest.mark.parametrize(
    ("process", "coupling"),
    [
        (TRANSITION, None),
        ("electron-sm", 1.0),
        (TRANSITION, {"mu": 1.0}),
        (TRANSITION, float("nan")),
    ],
)
def test_wrong_coupling(process: str, coupling: object) -> None:
    with pytest.raises(InputError):
        cross_section(process, "Ge", 1.0, 1.0, method="free", coupling=coupling)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("word", "arguments"),
    [
        ("process", ("electron-anapole", "Ge", "free")),
        ("target", ("electron-sm", "Gx", "free")),
        ("method", ("electron-sm", "Ge", "guess")),
        ("flavour", ("electron-sm", "Ge", "free", "nu-x")),
    ],
)
def test_unknown_words(word: str, arguments: tuple[object, ...]) -> None:
    with pytest.raises(InputError, match=word):
        ElectronScattering(*arguments)  # type: ignore[arg-type]
