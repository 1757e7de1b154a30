"""Form factors of nuclei."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import integrate

from nuem.inputs.errors import InputError
from nuem.models.form_factors import (
    form_factor,
    helm,
    helm_rms,
    klein_nystrand,
    momentum_transfer,
    symmetrised_fermi,
)

NAMES = ("helm", "klein-nystrand", "klein-nystrand-rms", "symmetrised-fermi", "point")


@pytest.mark.parametrize(
    ("mass_number", "q", "values"),
    [
        (72, 10.0, (0.993179, 0.992043, 0.993180)),
        (72, 30.0, (0.939932, 0.930238, 0.939982)),
        (72, 60.0, (0.776581, 0.744220, 0.777262)),
        (72, 100.0, (0.475942, 0.417818, 0.479466)),
        (136, 10.0, (0.990021, 0.988518, 0.990022)),
        (136, 30.0, (0.912913, 0.900328, 0.912969)),
        (136, 60.0, (0.685794, 0.646460, 0.686510)),
        (136, 100.0, (0.312538, 0.253629, 0.315679)),
    ],
)
def test_values(mass_number: int, q: float, values: tuple[float, ...]) -> None:
    found = [f(q, mass_number) for f in (helm, klein_nystrand, symmetrised_fermi)]
    np.testing.assert_allclose(found, values, rtol=0.0, atol=6e-7)


def test_symmetrised_fermi_is_the_transform_of_the_density() -> None:
    c, a = 1.23 * 72 ** (1 / 3) - 0.60, 0.52
    r = np.linspace(1e-6, 40.0, 200001)
    density = np.sinh(c / a) / (np.cosh(r / a) + np.cosh(c / a))
    norm = integrate.simpson(density * r**2, x=r)
    for q in (15.0, 80.0, 150.0):
        k = q / 197.3269804
        wave = integrate.simpson(density * r * np.sin(k * r) / k, x=r) / norm
        assert symmetrised_fermi(q, 72) == pytest.approx(wave, rel=1e-8)


@pytest.mark.parametrize("name", NAMES)
@given(a=st.integers(1, 250))
def test_no_momentum_no_form_factor(name: str, a: int) -> None:
    q = np.array([0.0, 1e-12, 1e-8, 1e-4])
    np.testing.assert_allclose(form_factor(name, q, a), 1.0, rtol=1e-8)


@pytest.mark.parametrize("name", NAMES)
@given(a=st.integers(1, 250), q=st.floats(0.0, 500.0))
def test_between_minus_one_and_one(name: str, a: int, q: float) -> None:
    assert abs(float(form_factor(name, q, a))) <= 1.0


@pytest.mark.parametrize("name", NAMES[:4])
def test_no_step_where_the_series_ends(name: str) -> None:
    q = np.linspace(0.1, 15.0, 30001)
    curve = form_factor(name, q, 72)
    assert np.max(np.abs(np.diff(curve, 2))) < 1e-9


@pytest.mark.parametrize("a", [12, 72, 208])
def test_radius_of_the_matched_form_factor(a: int) -> None:
    """At small q all that counts is the rms radius: F = 1 - q^2 <r^2>/6."""
    q = 0.5
    rms = np.sqrt(6.0 * (1.0 - float(klein_nystrand(q, a, helm_rms(a))))) * 197.327 / q
    assert rms == pytest.approx(helm_rms(a), rel=1e-4)
    assert form_factor("klein-nystrand-rms", 60.0, a) == klein_nystrand(
        60.0, a, helm_rms(a)
    )


def test_momentum_transfer() -> None:
    q = momentum_transfer(np.array([0.3]), 66978637.5)
    assert helm(q, 72)[0] == pytest.approx(0.9972545, abs=1e-7)


@pytest.mark.parametrize(
    "call",
    [
        lambda: helm(10.0, -72),
        lambda: helm(10.0, 0),
        lambda: helm(10.0, np.nan),
        lambda: helm(np.nan, 72),
        lambda: helm(-1.0, 72),
        lambda: klein_nystrand(10.0, 72, 1.0),
        lambda: klein_nystrand(10.0, 72, np.nan),
        lambda: form_factor("point", 10.0, -1),
        lambda: form_factor("woods", 10.0, 72),
    ],
)
def test_bad_input(call: object) -> None:
    with pytest.raises(InputError):
        call()  # type: ignore[operator]
