"""Quenching: values, inverse, derivative, and templates through it."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import integrate
from scipy.special import ndtr

from nuem.inputs.errors import InputError, ModelError
from nuem.models.detector import Response
from nuem.models.flux import reactor_flux, solar_flux
from nuem.models.fold import recoil_spectrum
from nuem.models.grid import quenching_grid
from nuem.models.quenching import Lindhard, Polynomial, Quenching, Tabulated
from nuem.models.template import Template, template

GERMANIUM = Lindhard(32, 0.157)
#: Scintillation of CsI for nuclei, in keV (Akimov et al., 2021).
IODIDE = Polynomial((0.0554628, 4.30681e-3, -1.11707e-4, 8.40384e-7), (0.0, 60.0))
FORMS = (GERMANIUM, Tabulated((0.2, 0.5, 2.0, 50.0), (0.1, 0.18, 0.2, 0.3)), IODIDE)
CORE = reactor_flux(flux=1e13)
CHARGE = "nucleus-millicharge"


def test_lindhard() -> None:
    found = GERMANIUM.factor([0.1, 0.5, 1.0, 2.0, 5.0])
    expected = [0.125863, 0.155955, 0.170991, 0.187562, 0.2124]
    np.testing.assert_allclose(found, expected, atol=6e-7, rtol=1e-5)
    assert GERMANIUM.recoil(0.16) == pytest.approx(0.943, abs=5e-4)
    assert Lindhard.of("Ge").k == pytest.approx(0.157, abs=5e-4)


@pytest.mark.parametrize("form", FORMS)
@given(part=st.floats(0.001, 0.999))
def test_there_and_back(form: Quenching, part: float) -> None:
    low, high = max(form.range_kevnr[0], 0.01), min(form.range_kevnr[1], 200.0)
    recoil = low + part * (high - low)
    energy = form.ionisation(recoil)
    assert form.recoil(energy) == pytest.approx(recoil, rel=1e-9)
    assert form.factor(recoil) * recoil == pytest.approx(float(energy))
    step = 1e-6 * recoil
    slope = (form.ionisation(recoil + step) - form.ionisation(recoil - step)) / (
        2 * step
    )
    if min(abs(recoil - x) for x in (*form.breakpoints_kevnr, -1.0)) > 2 * step:
        assert form.derivative(recoil) == pytest.approx(float(slope), rel=1e-5)


@pytest.mark.parametrize("form", FORMS)
def test_rate_per_kevee_is_the_rate_per_kevnr_over_the_derivative(
    form: Quenching,
) -> None:
    response = Response(quenching=form)
    edges = np.array([0.1, 0.1002])
    counts = template("nucleus-sm", "Ge", CORE, response, edges).evaluate()[0]
    recoil = float(form.recoil(edges.mean()))
    rate = recoil_spectrum("nucleus-sm", "Ge", CORE, recoil)["1"]
    assert counts / 2e-4 == pytest.approx(
        float(rate / form.derivative(recoil)), rel=1e-4
    )


def test_bins_through_quenching_and_resolution() -> None:
    response = Response(
        lambda e: np.sqrt(0.03**2 + 1e-3 * e),
        floor_kev=0.05,
        kernel_sigma=4.0,
        trigger_efficiency=lambda e: ndtr((e - 0.1) / 0.03),
        energy_scale=1.01,
        quenching=GERMANIUM,
    )
    edges = np.array([0.1, 0.16, 0.3])
    found = template(CHARGE, "Ge", CORE, response, edges)
    assert found.metadata["energy"] == "keVee"
    true = np.geomspace(float(GERMANIUM.recoil(0.05)), 5.0, 400001)
    energy = GERMANIUM.ionisation(true)
    sigma = np.sqrt(0.03**2 + 1e-3 * energy)
    rates = recoil_spectrum(CHARGE, "Ge", CORE, true)
    for index in range(2):
        z = [
            np.clip((e - 1.01 * energy) / sigma, -4, 4)
            for e in edges[index : index + 2]
        ]
        seen = (ndtr(z[1]) - ndtr(z[0])) * ndtr((energy - 0.1) / 0.03)
        for monomial, rate in rates.items():
            expected = np.trapezoid(rate * seen, true)
            assert found.coefficients[monomial][index] == pytest.approx(
                expected, rel=1e-5
            )


def test_first_bin_of_a_solar_search() -> None:
    response = Response(quenching=GERMANIUM)
    found = template(
        CHARGE,
        "Ge",
        solar_flux(),
        response,
        [0.16, 0.26],
        couplings="tree",
        by_flavour=True,
    ).coefficients
    assert found["1"][0] / 0.1 == pytest.approx(1.96e-3, rel=5e-3)
    assert found["q_e^2"][0] * 1e-14 / 0.1 == pytest.approx(2.185e-2, rel=5e-3)


def test_electrons_are_not_quenched() -> None:
    edges = [0.3, 0.5]
    with_, without = (
        template("electron-sm", "Ge", CORE, Response(quenching=q), edges, method="free")
        for q in (GERMANIUM, None)
    )
    np.testing.assert_array_equal(with_.evaluate(), without.evaluate())
    assert with_.metadata["energy"] == "keVee"


def test_share_below_the_range_of_the_quenching() -> None:
    response = Response(
        lambda e: 0.05 + 0.0 * e, floor_kev=0.02, quenching=Lindhard(32, 0.157, 0.6)
    )
    assert response.true_floor_kev == 0.6
    share = template(
        "nucleus-sm", "Ge", CORE, response, [0.1, 0.2, 0.5]
    ).below_floor_fraction()
    assert share[0] > 0.1
    assert share[0] > share[1] > 0.0


def test_variation_of_k_is_evaluated_anew() -> None:
    response = Response(quenching=GERMANIUM)
    varied = response.vary(quenching=1.1)
    assert varied.quenching == Lindhard(32, 0.157 * 1.1)
    edges = [0.2, 0.3]
    up = template("nucleus-sm", "Ge", CORE, varied, edges).evaluate()[0]
    assert up > template("nucleus-sm", "Ge", CORE, response, edges).evaluate()[0]


def test_recoils_above_the_table_are_an_error() -> None:
    table = Tabulated((0.2, 3.0), (0.15, 0.19))
    with pytest.raises(ModelError, match="above the range"):
        template("nucleus-sm", "Ge", CORE, Response(quenching=table), [0.1, 1.0])
    # a bin that ends below the table sees above it, through the resolution
    smeared = Response(lambda e: 0.05 + 0.0 * e, 0.05, quenching=table)
    with pytest.raises(ModelError, match="above the range"):
        template("nucleus-sm", "Ge", CORE, smeared, [0.1, 0.5])
    narrow = template("nucleus-sm", "Ge", CORE, Response(quenching=table), [0.1, 0.5])
    assert narrow.evaluate()[0] > 0.0


def test_grid_of_templates() -> None:
    response = Response(quenching=GERMANIUM)
    edges = [0.2, 0.3, 0.4]

    def predict(varied: Response) -> Template:
        return template(CHARGE, "Ge", CORE, varied, edges, couplings="tree")

    grid = quenching_grid(predict, response, [0.8, 0.9, 1.0, 1.1, 1.2])
    direct = template(
        CHARGE, "Ge", CORE, response.vary(quenching=1.04), edges, couplings="tree"
    )
    for name, value in grid.at(1.04).coefficients.items():
        np.testing.assert_allclose(value, direct.coefficients[name], rtol=5e-3)
    with pytest.raises(InputError, match="grid"):
        grid.at(1.3)
    with pytest.raises(InputError, match="factors"):
        quenching_grid(predict, response, [1.0, 0.9])
    with pytest.raises(InputError, match="quenching"):
        quenching_grid(predict, Response(), [1.0, 1.1])


def test_matrix_to_export() -> None:
    response = Response(lambda e: 0.03 + 0.0 * e, floor_kev=0.02, quenching=GERMANIUM)
    edges, cells = np.array([0.1, 0.2, 0.4]), np.geomspace(0.15, 6.0, 801)
    matrix = response.tabulate(edges, cells)
    assert (matrix.measured_unit, matrix.true_unit) == ("keVee", "keVnr")
    rate = recoil_spectrum("nucleus-sm", "Ge", CORE, np.sqrt(cells[1:] * cells[:-1]))[
        "1"
    ]
    expected = template("nucleus-sm", "Ge", CORE, response, edges).evaluate()
    np.testing.assert_allclose(matrix.apply(rate * np.diff(cells)), expected, rtol=2e-3)
    assert np.all(matrix.values.sum(axis=0) <= 1.0)
    assert matrix.as_dict()["true_unit"] == "keVnr"


def test_integral_is_kept() -> None:
    """A perfect detector sees all recoils somewhere."""
    edges = np.geomspace(0.01, 2.0, 30)
    seen = template(
        "nucleus-sm", "Ge", CORE, Response(quenching=GERMANIUM), edges
    ).evaluate()
    low, high = GERMANIUM.recoil(edges[[0, -1]])
    grid = np.geomspace(low, min(high, 4.0), 200001)
    rate = recoil_spectrum("nucleus-sm", "Ge", CORE, grid)["1"]
    assert seen.sum() == pytest.approx(float(integrate.simpson(rate, x=grid)), rel=1e-5)


@pytest.mark.parametrize(
    ("error", "call"),
    [
        (InputError, lambda: Lindhard(32, 0.0)),
        (InputError, lambda: Lindhard(-32, 0.1)),
        (InputError, lambda: Lindhard(32, 0.1, -1.0)),
        (InputError, lambda: Tabulated((1.0,), (0.2,))),
        (InputError, lambda: Tabulated((1.0, 2.0), (0.5, 0.1))),
        (InputError, lambda: Tabulated((2.0, 1.0), (0.1, 0.1))),
        (InputError, lambda: Tabulated((1.0, 2.0), (0.1, np.nan))),
        (InputError, lambda: Polynomial((1.0, -1.0), (0.0, 2.0))),
        (InputError, lambda: Polynomial((), (0.0, 2.0))),
        (InputError, lambda: GERMANIUM.factor(-1.0)),
        (ModelError, lambda: FORMS[1].ionisation(0.1)),
        (ModelError, lambda: FORMS[1].recoil(100.0)),
        (ModelError, lambda: Lindhard(32, 0.157, 0.2).ionisation(0.1)),
    ],
)
def test_bad_input(error: type[Exception], call: object) -> None:
    with pytest.raises(error):
        call()  # type: ignore[operator]
