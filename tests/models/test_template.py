"""Folds and templates against adaptive quadrature, and their algebra."""

from __future__ import annotations

import itertools
import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import integrate
from scipy.special import ndtr

from nuem.inputs.errors import InputError, ModelError
from nuem.models.constants import SECONDS_PER_DAY
from nuem.models.detector import Response
from nuem.models.electron import coefficients
from nuem.models.flux import reactor_flux, solar_flux
from nuem.models.fold import recoil_spectrum
from nuem.models.kinematics import minimum_energy
from nuem.models.targets import element
from nuem.models.template import Template, template

TRANSITION = "electron-millicharge-transition"
DIAGONAL = "electron-millicharge"
CORE = reactor_flux(flux=6.4e12)


def _width(energy: np.ndarray) -> np.ndarray:
    return np.sqrt(0.0685**2 + 3e-4 * energy)


@pytest.mark.parametrize(
    ("process", "method"),
    [
        (DIAGONAL, "free"),
        (DIAGONAL, "epa+stepped"),
        (TRANSITION, "epa"),
        ("electron-magnetic", "stepped"),
        ("electron-charge-radius", "free"),
    ],
)
@pytest.mark.parametrize("recoil", [0.3, 1.3, 25.0])
def test_fold_against_adaptive_quadrature(
    process: str, method: str, recoil: float
) -> None:
    found = recoil_spectrum(process, "Ge", CORE, recoil, method=method)
    low = float(minimum_energy(recoil))
    ends = [low, *[p for p in CORE.breakpoints_mev if low < p < 12.0], 12.0]
    for monomial, value in found.items():
        total = 0.0
        for a, b in itertools.pairwise(ends):
            total += integrate.quad(
                lambda e, m=monomial: (
                    1e-6
                    * float(CORE(e))
                    * 1e40
                    * float(coefficients(process, "Ge", e, recoil, method=method)[m])
                ),
                a,
                b,
                epsrel=1e-9,
                epsabs=0.0,
                limit=200,
            )[0]
        expected = total * 1e-34 * element("Ge").atoms_per_kg * SECONDS_PER_DAY
        assert value == pytest.approx(expected, rel=1e-5)


def test_fold_of_lines_is_exact() -> None:
    sun = solar_flux(["7Be"])
    recoil = np.array([1.0, 300.0, 700.0])
    found = recoil_spectrum("electron-sm", "Xe", sun, recoil, method="free")["1"]
    expected = np.zeros(3)
    for line in sun.components:
        expected += (
            line.weight
            * coefficients(
                "electron-sm",
                "Xe",
                line.energy_mev,
                recoil,
                method="free",
                flavour=line.flavour,
            )["1"]
        )
    expected *= element("Xe").atoms_per_kg * SECONDS_PER_DAY
    np.testing.assert_allclose(found, expected, rtol=1e-12)
    assert found[2] == 0.0


@pytest.mark.parametrize("method", ["free", "stepped", "epa+stepped"])
def test_bins_of_a_perfect_detector(method: str) -> None:
    edges = np.array([0.3, 0.4, 1.1, 1.5, 8.0, 12.0])
    found = template(DIAGONAL, "Ge", CORE, None, edges, method=method)
    grid = np.concatenate(
        [np.geomspace(a, b, 20001)[:-1] for a, b in itertools.pairwise(edges)]
        + [edges[-1:]]
    )
    rate = recoil_spectrum(DIAGONAL, "Ge", CORE, grid, method=method)
    for monomial, values in rate.items():
        running = integrate.cumulative_trapezoid(values, grid, initial=0.0)
        expected = np.diff(np.interp(edges, grid, running))
        # the trapezoid smears the steps of the stepped electrons over one cell
        rtol = 1e-6 if method == "free" else 5e-5
        np.testing.assert_allclose(found.coefficients[monomial], expected, rtol=rtol)


@pytest.mark.parametrize("method", ["free", "epa+stepped"])
@pytest.mark.parametrize("cut", [2.0, 5.0])
def test_bins_of_a_real_detector(method: str, cut: float) -> None:
    response = Response(
        _width,
        floor_kev=0.1,
        kernel_sigma=cut,
        trigger_efficiency=lambda t: ndtr((t - 0.2) / 0.05),
        energy_scale=1.02,
        resolution_scale=0.9,
    )
    edges = np.array([0.2, 0.3, 0.45, 1.2, 1.3])
    found = template(TRANSITION, "Ge", CORE, response, edges, method=method)
    true = np.geomspace(0.1, 3.0, 200001)
    rate = recoil_spectrum(TRANSITION, "Ge", CORE, true, method=method)["q^2"]
    rate = rate * ndtr((true - 0.2) / 0.05)
    sigma = 0.9 * _width(true)
    for index, (a, b) in enumerate(itertools.pairwise(edges)):
        top = np.clip((b - 1.02 * true) / sigma, -cut, cut)
        bottom = np.clip((a - 1.02 * true) / sigma, -cut, cut)
        expected = np.trapezoid(rate * (ndtr(top) - ndtr(bottom)), true)
        value = found.coefficients["q^2"][index]
        assert value == pytest.approx(expected, rel=3e-5)


@settings(max_examples=15, deadline=None)
@given(st.floats(0.35, 0.8), st.floats(0.9, 7.0))
def test_bins_add_up(inner: float, outer: float) -> None:
    response = Response(_width, floor_kev=0.1)
    for method in ("free", "epa+stepped"):
        fine = template(
            TRANSITION, "Ge", CORE, response, [0.3, inner, outer, 8.0], method=method
        )
        whole = template(TRANSITION, "Ge", CORE, response, [0.3, 8.0], method=method)
        assert fine.coefficients["q^2"].sum() == pytest.approx(
            whole.coefficients["q^2"][0], rel=2e-6
        )


@settings(max_examples=15, deadline=None)
@given(st.floats(-1e-10, 1e-10))
def test_diagonal_template_is_positive(charge: float) -> None:
    response = Response(_width, floor_kev=0.1)
    for method in ("free", "stepped", "epa+stepped"):
        t = template(
            DIAGONAL, "Ge", CORE, response, [0.3, 1.0, 5.0, 30.0], method=method
        )
        assert np.all(t.evaluate(charge) > 0.0)


@settings(max_examples=10, deadline=None)
@given(st.floats(0.01, 100.0))
def test_linear_in_the_flux(factor: float) -> None:
    one = template(DIAGONAL, "Ge", CORE, None, [0.3, 1.0, 5.0], method="free")
    scaled = template(
        DIAGONAL, "Ge", CORE.scale(factor), None, [0.3, 1.0, 5.0], method="free"
    )
    both = template(
        DIAGONAL, "Ge", CORE + CORE.scale(factor), None, [0.3, 1.0, 5.0], method="free"
    )
    for monomial, value in one.coefficients.items():
        np.testing.assert_allclose(scaled.coefficients[monomial], factor * value, 1e-10)
        np.testing.assert_allclose(
            both.coefficients[monomial], (1 + factor) * value, rtol=1e-10
        )


@pytest.mark.parametrize(
    ("method", "expected"), [("free", 2.55e-12), ("epa+stepped", 0.94e-12)]
)
def test_sensitivity_of_a_point_contact_detector(method: str, expected: float) -> None:
    """Counting in bins, ON minus OFF, flat background, no nuisances."""
    edges = np.linspace(0.3, 8.0, 78)
    t = template(TRANSITION, "Ge", CORE, None, edges, method=method)
    signal = t.coefficients["q^2"]
    variance = 20.0 * np.diff(edges) * (1 / 124.2 + 1 / 70.3)
    limit = np.sqrt(1.2816 / np.sqrt(np.sum(signal**2 / variance)))
    assert limit == pytest.approx(expected, rel=0.02)


def test_share_below_the_floor() -> None:
    edges = [0.2, 0.3, 0.5, 1.0, 2.0]
    high = template(
        TRANSITION, "Ge", CORE, Response(_width, floor_kev=0.15), edges, method="free"
    )
    low = template(
        TRANSITION, "Ge", CORE, Response(_width, floor_kev=0.01), edges, method="free"
    )
    share = high.below_floor_fraction()
    expected = 1.0 - high.coefficients["q^2"] / low.coefficients["q^2"]
    np.testing.assert_allclose(share, expected, rtol=1e-3, atol=1e-6)
    assert share[0] > 0.1
    assert share[-1] == 0.0
    # a floor of 10 eV hides two fifths of the first bin in the decade below it
    lower = template(
        TRANSITION, "Ge", CORE, Response(_width, floor_kev=1e-3), edges, method="free"
    )
    expected = 1.0 - low.coefficients["q^2"] / lower.coefficients["q^2"]
    np.testing.assert_allclose(
        low.below_floor_fraction(), expected, rtol=1e-3, atol=1e-6
    )
    assert low.below_floor_fraction()[0] > 0.1
    assert any("0.15 keV" in note for note in high.notes)


def test_share_below_the_floor_with_a_medium_does_not_stop_a_template() -> None:
    """The scattering factors begin at 29 eV, and the share says so."""
    found = template(
        TRANSITION,
        "Ge",
        CORE,
        Response(_width, floor_kev=0.1),
        [0.2, 0.3, 0.5],
        method="epa+stepped",
        regulator="medium",
    )
    assert 0.05 < found.below_floor_fraction()[0] < 1.0
    assert any("0.0293 keV" in note for note in found.notes)
    with pytest.raises(ModelError, match=r"expected 0\.0293\S* to \d+\S* keV"):
        template(
            TRANSITION,
            "Ge",
            CORE,
            Response(_width, floor_kev=0.015),
            [0.2, 0.3],
            method="epa+stepped",
            regulator="medium",
        )


def test_the_worst_term_decides() -> None:
    t = Template(
        {"1": [9.0], "q": [-1.0], "q^2": [9.0]},
        (np.array([0.0, 1.0]),),
        below_floor={"1": [1.0], "q": [-1.0], "q^2": [1.0]},
    )
    assert t.below_floor_fraction("q^2")[0] == pytest.approx(0.1)
    assert t.below_floor_fraction()[0] == pytest.approx(0.5)


def test_share_below_the_floor_where_the_table_ends() -> None:
    """Elam begins at 0.1 keV: the share is then taken from Henke's table."""
    response = Response(_width, floor_kev=0.12)
    shares = [
        template(
            TRANSITION,
            "Ge",
            CORE,
            response,
            [0.2, 0.3],
            method="epa+stepped",
            photoabsorption=table,
        ).below_floor_fraction()[0]
        for table in ("elam", "henke")
    ]
    assert shares[0] == pytest.approx(shares[1], rel=0.3)
    assert shares[0] > 0.05


def test_notes_and_metadata() -> None:
    t = template(TRANSITION, "Ge", CORE, None, [12.0, 20.0, 60.0], method="epa+stepped")
    assert any("elam" in note for note in t.notes)
    assert t.metadata["target"] == "Ge"
    assert t.metadata["regulator"] == "neutrino-mass: ln(E/0.29 eV)"
    with pytest.raises(ModelError, match="30 keV"):
        template(TRANSITION, "Ge", CORE, None, [12.0, 20.0, 60.0], method="epa")


def test_solar_mixture() -> None:
    sun = solar_flux(["pp", "7Be"])
    edges = [1.0, 5.0, 30.0]
    common = template(DIAGONAL, "Xe", sun, None, edges, method="free")
    split = template(DIAGONAL, "Xe", sun, None, edges, method="free", by_flavour=True)
    assert set(split.coefficients) == {
        "1",
        "q_e",
        "q_e^2",
        "q_mu",
        "q_mu^2",
        "q_tau",
        "q_tau^2",
    }
    q = 1e-12
    all_ = split.evaluate({"q_e": q, "q_mu": q, "q_tau": q})
    np.testing.assert_allclose(all_, common.evaluate(q), rtol=1e-12)


def test_beyond_the_end_of_the_flux() -> None:
    sun = solar_flux(["pp"])
    t = template("electron-sm", "Xe", sun, None, [250.0, 280.0, 300.0], method="free")
    assert t.coefficients["1"][0] > 0.0
    assert t.coefficients["1"][1] == 0.0
    t = template("electron-sm", "Xe", sun, None, [280.0, 300.0], method="free")
    assert t.coefficients["1"][0] == 0.0


def test_algebra() -> None:
    a = Template({"1": [1.0, 2.0], "q": [0.0, 1.0]}, ([0.0, 1.0, 2.0],))
    b = Template({"q": [1.0, 1.0], "q^2": [5.0, 5.0]}, ([0.0, 1.0, 2.0],))
    total = (a + b.scale(2.0)).evaluate(2.0)
    np.testing.assert_allclose(total, a.evaluate(2.0) + 2.0 * b.evaluate(2.0))
    with pytest.raises(InputError, match="different bins"):
        a + Template({"1": [1.0]}, ([0.0, 1.0],))
    with pytest.raises(InputError, match="coupling"):
        a.evaluate()
    with pytest.raises(InputError, match="fit the bins"):
        Template({"1": [1.0]}, ([0.0, 1.0, 2.0],))
    with pytest.raises(ValueError, match="read-only"):
        a.coefficients["1"][0] = 3.0


def test_as_dict() -> None:
    """The document is plain JSON and holds the numbers."""
    t = template(TRANSITION, "Ge", CORE, None, [0.3, 0.4, 1.0], method="epa+stepped")
    document = json.loads(json.dumps(t.as_dict()))
    assert document["coefficients"]["q^2"] == t.coefficients["q^2"].tolist()
    assert document["metadata"]["flux metadata"]["quoted flux"] == 6.4e12


def test_bad_ranges() -> None:
    with pytest.raises(InputError, match="lowest true recoil"):
        template(TRANSITION, "Ge", CORE, None, [0.0, 1.0], method="free")
    with pytest.raises(InputError, match="edges_kev"):
        template(TRANSITION, "Ge", CORE, None, [1.0, 0.5], method="free")
    with pytest.raises(ModelError, match="photoabsorption"):
        template(TRANSITION, "Ge", CORE, None, [0.005, 1.0], method="epa+stepped")
    with pytest.raises(InputError, match="flux"):
        template(TRANSITION, "Ge", 1e13, None, [0.3, 1.0], method="free")  # type: ignore[arg-type]


@pytest.mark.parametrize("key", ["energy", "convention"])
def test_templates_of_different_meaning_are_not_added(key: str) -> None:
    one, two = (
        Template({"q^2": [1.0]}, ([0.0, 1.0],), metadata={key: word})
        for word in ("keVee", "keVnr")
    )
    with pytest.raises(InputError, match=f"{key}: templates cannot be added"):
        one + two
    assert (one + one).metadata[key] == "keVee"
