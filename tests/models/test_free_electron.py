"""Cross sections of one free electron: numbers, identities, limits."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nuem.inputs.errors import InputError
from nuem.inputs.vocabulary import Flavour
from nuem.models import free_electron as free
from nuem.models.couplings import electron_couplings
from nuem.models.kinematics import maximum_recoil, minimum_energy

RECOIL = np.array([1.0, 10.0, 100.0])

energies = st.floats(0.05, 20.0)
parts = st.floats(1e-6, 0.999)
charges = st.floats(-1e-10, 1e-10)
flavours = st.sampled_from(list(Flavour))


def test_standard_model() -> None:
    expected = [1.036265e-47, 1.018038e-47, 8.441463e-48]
    np.testing.assert_allclose(free.sm(1.0, RECOIL), expected, rtol=1e-6)


def test_magnetic() -> None:
    expected = [2.492177e-47, 2.469725e-48]
    np.testing.assert_allclose(free.magnetic(1.0, RECOIL[:2], 1e-11), expected, 1e-6)


def test_free_electron_approximation() -> None:
    expected = [2.549550e-46, 2.549550e-48]
    np.testing.assert_allclose(free.fea(RECOIL[:2], 1e-12), expected, rtol=1e-6)


def test_transition() -> None:
    expected = [2.546350e-46, 2.517667e-48, 0.879450 * 2.549550e-50]
    np.testing.assert_allclose(free.transition(1.0, RECOIL, 1e-12), expected, 1e-6)


@pytest.mark.parametrize(
    ("charge", "expected"),
    [
        (1e-12, [1.735515e-46, 3.698449e-48, 7.702766e-48]),
        (-1e-12, [3.564437e-46, 2.169765e-47, 9.225005e-48]),
    ],
)
def test_diagonal(charge: float, expected: list[float]) -> None:
    value = free.diagonal(1.0, RECOIL, charge)
    np.testing.assert_allclose(value, expected, rtol=1e-6)


def test_charge_radius() -> None:
    up, down = (float(free.charge_radius(1.0, 1.0, r)) for r in (1e-32, -1e-32))
    assert up == pytest.approx(1.076755e-47, rel=1e-6)
    assert down == pytest.approx(9.967495e-48, rel=1e-6)
    assert free.charge_radius_shift() * 1e-32 == pytest.approx(0.02379559, rel=1e-6)


@given(energies, parts, charges, flavours)
def test_sum_of_terms_is_the_diagonal(
    energy: float, part: float, charge: float, flavour: Flavour
) -> None:
    recoil = part * float(maximum_recoil(energy))
    terms = [
        free.sm(energy, recoil, flavour=flavour),
        free.transition(energy, recoil, charge),
        free.interference(energy, recoil, charge, flavour=flavour),
    ]
    whole = free.diagonal(energy, recoil, charge, flavour=flavour)
    # rounding is that of the largest number that enters, before E-dependent
    # cancellation near the largest recoil
    scale = sum(abs(term) for term in terms) + free.fea(recoil, charge)
    assert abs(sum(terms) - whole) <= 1e-13 * scale + 1e-61


@given(energies, parts, st.floats(-1e-9, 1e-9), flavours)
def test_diagonal_is_not_negative(
    energy: float, part: float, charge: float, flavour: Flavour
) -> None:
    recoil = part * float(maximum_recoil(energy))
    assert free.diagonal(energy, recoil, charge, flavour=flavour) >= -1e-60


@given(energies)
def test_zero_at_and_above_the_largest_recoil(energy: float) -> None:
    top = float(maximum_recoil(energy))
    below, above = top * (1 - 1e-9), np.array([top, 1.5 * top])
    for term in (free.sm, free.magnetic, free.transition):
        assert np.all(term(energy, above) == 0.0)
    assert np.all(free.diagonal(energy, above, 1e-12) == 0.0)
    assert np.all(free.interference(energy, above, 1e-12) == 0.0)
    assert free.sm(energy, below) > 0.0


@given(st.floats(1e-2, 1e5))
def test_kinematics_invert(recoil: float) -> None:
    assert maximum_recoil(minimum_energy(recoil)) == pytest.approx(recoil, rel=1e-10)


def test_couplings() -> None:
    s2 = 0.23863
    assert electron_couplings("anti-nu-e") == pytest.approx((0.5 + 2 * s2, -0.5))
    assert electron_couplings("nu-e") == pytest.approx((0.5 + 2 * s2, 0.5))
    assert electron_couplings("nu-tau") == pytest.approx((-0.5 + 2 * s2, -0.5))
    assert electron_couplings("anti-nu-mu") == pytest.approx((-0.5 + 2 * s2, 0.5))


def test_neutrino_and_antineutrino() -> None:
    """At vanishing recoil both scatter alike, charge and interference included."""
    for pair in (("nu-e", "anti-nu-e"), ("nu-mu", "anti-nu-mu")):
        values = [free.diagonal(5.0, 0.1, 1e-13, flavour=name) for name in pair]
        assert values[0] == pytest.approx(values[1], rel=1e-3)
    # the electron neutrino loses less at large recoil: gV + gA is the large coupling
    assert free.sm(5.0, 4000.0, flavour="nu-e") > free.sm(5.0, 4000.0)
    # the sign of the interference is that of -q gV: it flips from e to mu
    assert free.interference(5.0, 0.1, 1e-12, flavour="nu-e") < 0
    assert free.interference(5.0, 0.1, 1e-12, flavour="nu-mu") > 0


def test_broadcasting() -> None:
    assert free.sm(np.ones((3, 1)), np.ones(4)).shape == (3, 4)


@pytest.mark.parametrize("bad", [0.0, -1.0, np.nan, np.inf, "one"])
def test_bad_energies(bad: object) -> None:
    with pytest.raises(InputError, match="energy_mev"):
        free.sm(bad, 1.0)  # type: ignore[arg-type]
    with pytest.raises(InputError, match="recoil_kev"):
        free.sm(1.0, bad)  # type: ignore[arg-type]


def test_bad_words() -> None:
    with pytest.raises(InputError, match="flavour"):
        free.sm(1.0, 1.0, flavour="sterile")
    with pytest.raises(InputError, match="sin2_theta_w"):
        free.sm(1.0, 1.0, sin2_theta_w=1.5)
