"""Coherent scattering on nuclei: formulas, mixtures, conventions, rates."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import integrate

from nuem.inputs.errors import InputError, ModelError
from nuem.models.constants import (
    ALPHA,
    FERMI_KEV,
    HBARC2_KEV2_CM2,
    SECONDS_PER_DAY,
    SIN2_THETA_W,
)
from nuem.models.couplings import nucleon_couplings
from nuem.models.flux import Flux, per_fission, reactor_flux, sns_flux, solar_flux
from nuem.models.fold import recoil_spectrum
from nuem.models.form_factors import helm, momentum_transfer
from nuem.models.isotopes import target
from nuem.models.kinematics import maximum_recoil, minimum_energy
from nuem.models.process import coefficients, cross_section, scattering
from nuem.models.template import template

CHARGE, TRANSITION = "nucleus-millicharge", "nucleus-millicharge-transition"
FRACTIONS = {"235U": 0.58, "239Pu": 0.29, "238U": 0.08, "241Pu": 0.05}
PUBLISHED = per_fission(
    FRACTIONS, scaling="tabulated", conversion="mueller", captures=0.0
).normalise(1e13)


@pytest.mark.parametrize(
    ("name", "mass_gev", "energy", "recoil", "q", "form", "sm", "em", "mixed"),
    [
        ("Ge72", 66.9786375, 4, 0.3, 1e-10, 0.9972545, 1.600437e-40, 8.234466e-44, -7.260507e-42),
        ("Si28", 26.0531881, 4, 0.3, 1e-10, 0.9993556, 1.510620e-41, 8.230289e-44, -2.230053e-42),
        ("Xe136", 126.5691748, 4, 0.1, 1e-10, 0.9974666, 2.101383e-39, 1.814340e-42, -1.234929e-40),
        ("Ar40", 37.2155262, 30, 10, 1e-7, 0.9637839, 5.721960e-41, 8.997312e-41, -1.435023e-40),
        ("Cs133", 123.7725397, 30, 10, 1e-7, 0.7773157, 9.553448e-40, 9.946276e-41, -6.165103e-40),
    ],
)  # fmt: skip
def test_values(
    name: str, mass_gev: float, energy: float, recoil: float, q: float,
    form: float, sm: float, em: float, mixed: float,
) -> None:  # fmt: skip
    isotope = target(name).nuclei[0][0]
    assert isotope.mass_kev == pytest.approx(mass_gev * 1e6, abs=0.06)
    transfer = momentum_transfer(np.array(recoil), isotope.mass_kev)
    assert helm(transfer, isotope.mass_number) == pytest.approx(form, abs=1e-7)
    terms = coefficients(CHARGE, name, energy, recoil, form_factor="point")
    assert terms["1"] == pytest.approx(sm, rel=1e-6)
    assert terms["q^2"] * q**2 == pytest.approx(em, rel=1e-6)
    assert terms["q"] * q == pytest.approx(mixed, rel=1e-6)
    shaped = coefficients(CHARGE, name, energy, recoil)
    for monomial, value in terms.items():
        assert shaped[monomial] == pytest.approx(value * form**2, rel=1e-6)
    alone = coefficients(TRANSITION, name, energy, recoil)["q^2"]
    assert alone == pytest.approx(shaped["q^2"], rel=1e-12)


def test_other_values() -> None:
    point = {"form_factor": "point"}
    tree = coefficients(CHARGE, "Ge72", 4.0, 0.3, couplings="tree", **point)
    assert tree["1"] == pytest.approx(1.560764e-40, rel=1e-6)
    assert tree["q"] * 1e-10 == pytest.approx(-7.169954e-42, rel=1e-6)
    moment = cross_section(
        "nucleus-magnetic", "Ge72", 4.0, 0.3, coupling=1e-10, **point
    )
    assert moment == pytest.approx(8.514509e-42, rel=1e-6)
    for radius, value in ((1e-32, 1.727764e-40), (-1e-32, 1.477982e-40)):
        found = cross_section(
            "nucleus-charge-radius", "Ge72", 4.0, 0.3, coupling=radius, **point
        )
        assert found == pytest.approx(value, rel=1e-6)


@pytest.mark.parametrize("shift", [-0.1, 0.05])
def test_mixing_angle_is_another_angle_and_a_charge_radius(shift: float) -> None:
    recoil = np.array([0.05, 0.3, 1.0])
    found = cross_section(
        "nucleus-mixing-angle", "Ge", 8.0, recoil, coupling=shift, couplings="tree"
    )
    angle = cross_section(
        "nucleus-sm", "Ge", 8.0, recoil, couplings="tree",
        sin2_theta_w=SIN2_THETA_W + shift,
    )  # fmt: skip
    np.testing.assert_allclose(found, angle, rtol=1e-12)
    # sin^2 theta_W -> sin^2 theta_W + sqrt2 pi alpha <r^2>/(6 G_F): 1e-32 cm^2 is 0.0119
    found = cross_section("nucleus-mixing-angle", "Ge", 8.0, recoil, coupling=shift)
    radius = cross_section(
        "nucleus-charge-radius", "Ge", 8.0, recoil, coupling=shift / 0.011897795 * 1e-32
    )
    np.testing.assert_allclose(found, radius, rtol=1e-6)


def test_mixing_angle_by_hand() -> None:
    """72Ge, a point, at 0.3 keV and 4 MeV: the weak charge 40/2 - 32 (1/2 - 2 s)."""
    charge = -0.5 * 40 + 32 * (0.5 - 2 * (SIN2_THETA_W + 0.05))
    standard = -0.5 * 40 + 32 * (0.5 - 2 * SIN2_THETA_W)
    point = {"couplings": "tree", "form_factor": "point"}
    found = cross_section(
        "nucleus-mixing-angle", "Ge72", 4.0, 0.3, coupling=0.05, **point
    )
    plain = cross_section("nucleus-sm", "Ge72", 4.0, 0.3, **point)
    assert found / plain == pytest.approx((charge / standard) ** 2, rel=1e-12)


@pytest.mark.parametrize(
    ("name", "end"), [("Ge72", 0.477707), ("Si28", 1.227880), ("Xe136", 0.252810)]
)
def test_largest_recoil(name: str, end: float) -> None:
    mass = target(name).nuclei[0][0].mass_kev
    assert maximum_recoil(4.0, mass) == pytest.approx(end, rel=2e-6)
    for process in (CHARGE, "nucleus-magnetic", "nucleus-charge-radius", TRANSITION):
        for value in coefficients(
            process, name, 4.0, [0.999 * end, 1.001 * end]
        ).values():
            assert value[0] != 0.0
            assert value[1] == 0.0


def test_couplings() -> None:
    assert nucleon_couplings("tree") == pytest.approx((0.02274, -0.5))
    assert nucleon_couplings("radiative") == pytest.approx(
        (0.0303994, -0.5122125), abs=5e-8
    )
    assert nucleon_couplings("flavoured", "nu-e").proton == 0.0382
    assert nucleon_couplings("flavoured", "anti-nu-mu").proton == 0.0300
    one = cross_section("nucleus-sm", "Ar40", 30.0, 10.0, couplings="flavoured")
    other = cross_section(
        "nucleus-sm", "Ar40", 30.0, 10.0, couplings="flavoured", flavour="nu-mu"
    )
    assert one != other
    with pytest.raises(InputError, match="couplings"):
        nucleon_couplings("loop")


def test_every_natural_element_has_its_isotopes() -> None:
    """Mean mass of the isotopes and standard atomic weight agree."""
    import periodictable

    without = {"Tc", "Pm", "Po", "At", "Rn", "Fr", "Ra", "Ac"}
    for entry in periodictable.elements:
        if not 0 < entry.number <= 92 or entry.symbol in without:
            continue
        nuclei = target(entry.symbol).nuclei
        assert sum(share for _, share in nuclei) == pytest.approx(1.0, rel=1e-12)
        mean = sum(share * isotope.atomic_mass_u for isotope, share in nuclei)
        # lithium: the weight is a convention, the mixture varies in nature
        assert mean == pytest.approx(entry.mass, rel=5e-3), entry.symbol


@given(
    energy=st.floats(0.1, 100.0),
    part=st.floats(1e-6, 0.999999),
    q=st.floats(-1e-5, 1e-5),
    name=st.sampled_from(["Ge", "Si28", "CsI", "Xe", "CF4", "H1"]),
)
def test_the_whole_is_a_square(energy: float, part: float, q: float, name: str) -> None:
    heaviest = max(i.mass_kev for i, _ in target(name).nuclei)
    recoil = part * float(maximum_recoil(energy, heaviest))
    whole = cross_section(CHARGE, name, energy, recoil, coupling=q)
    expected = 0.0
    for isotope, count in target(name).nuclei:
        form = helm(
            momentum_transfer(np.array(recoil), isotope.mass_kev), isotope.mass_number
        )
        mass = isotope.mass_kev
        weak = nucleon_couplings().charge(isotope.number, isotope.neutrons)
        shift = (
            isotope.number
            * np.sqrt(2)
            * np.pi
            * ALPHA
            * q
            / (FERMI_KEV * mass * recoil)
        )
        kinematics = 1 - mass * recoil / (2 * (energy * 1e3) ** 2)
        factor = FERMI_KEV**2 * mass / np.pi * HBARC2_KEV2_CM2 * form**2 * kinematics
        expected += count * factor * (weak + shift) ** 2
    size = sum(abs(v) * abs(q) ** n for n, v in enumerate(
        coefficients(CHARGE, name, energy, recoil).values()))  # fmt: skip
    assert whole >= 0.0
    assert abs(whole - expected) <= 1e-9 * abs(expected) + 1e-12 * size


@given(angle=st.floats(0.2, 0.26), q=st.floats(-1e-9, 1e-9))
def test_charge_as_a_mixing_angle(angle: float, q: float) -> None:
    """sin^2 -> sin^2 (1 - pi alpha q/(sqrt2 sin^2 G_F M T)) does the same."""
    mass, recoil = target("Ge72").nuclei[0][0].mass_kev, 0.3
    moved = angle - np.pi * ALPHA * q / (np.sqrt(2) * FERMI_KEV * mass * recoil)
    if not 0.0 < moved < 1.0:
        return
    tree = {"couplings": "tree"}
    whole = cross_section(
        CHARGE, "Ge72", 4.0, recoil, coupling=q, sin2_theta_w=angle, **tree
    )
    shifted = cross_section(
        "nucleus-sm", "Ge72", 4.0, recoil, sin2_theta_w=moved, **tree
    )
    assert whole == pytest.approx(float(shifted), rel=1e-9)


def test_two_charges_cancel_or_repeat_the_standard_model() -> None:
    """The quadratic has a second zero of its difference: disjoint solutions."""
    terms = coefficients(CHARGE, "Ge72", 4.0, 0.3)
    mirror = float(-terms["q"] / terms["q^2"])
    assert mirror > 0.0
    again = cross_section(CHARGE, "Ge72", 4.0, 0.3, coupling=mirror)
    assert again == pytest.approx(float(terms["1"]), rel=1e-12)
    dark = cross_section(CHARGE, "Ge72", 4.0, 0.3, coupling=0.5 * mirror)
    assert 0.0 <= dark < 1e-14 * terms["1"]


def test_mixtures_and_compounds() -> None:
    recoil = np.array([0.01, 0.2, 0.45])
    mixed = cross_section("nucleus-sm", "Ge", 4.0, recoil)
    parts = sum(
        share * cross_section("nucleus-sm", isotope.symbol, 4.0, recoil)
        for isotope, share in target("Ge").nuclei
    )
    np.testing.assert_allclose(mixed, parts, rtol=1e-12)
    assert sum(share for _, share in target("Ge").nuclei) == pytest.approx(1.0)
    both = cross_section("nucleus-sm", "CsI", 30.0, recoil)
    single = [cross_section("nucleus-sm", name, 30.0, recoil) for name in ("Cs", "I")]
    np.testing.assert_allclose(both, single[0] + single[1], rtol=1e-12)
    electrons = [
        cross_section("electron-sm", name, 30.0, recoil, method="stepped")
        for name in ("CF4", "C", "F")
    ]
    np.testing.assert_allclose(electrons[0], electrons[1] + 4 * electrons[2])
    assert scattering("nucleus-sm", "CsI").unit == "cm2/keV/formula unit"
    assert scattering("nucleus-sm", "Ge72").unit == "cm2/keV/nucleus"
    assert scattering("electron-sm", "C9H10", "free").unit == "cm2/keV/formula unit"
    plastic = cross_section("electron-sm", "C9H10", 1.0, 1.0, method="free")
    assert plastic / 64 == pytest.approx(1.036265e-47, rel=1e-6)


@pytest.mark.parametrize(
    ("name", "threshold", "expected"),
    [("Si", 0.028, 47.604), ("Ge", 0.1, 71.619), ("Ge", 0.3, 20.383), ("Xe136", 0.5, 1.8104)],
)  # fmt: skip
def test_reactor_rates(name: str, threshold: float, expected: float) -> None:
    found = template("nucleus-sm", name, PUBLISHED, None, [threshold, 60.0])
    assert found.evaluate()[0] == pytest.approx(expected, rel=5e-3)
    assert found.metadata["energy"] == "keVnr"


def test_solar_rates() -> None:
    sun = solar_flux()
    recoil = [0.1, 0.5, 1.0, 2.0]
    rate = recoil_spectrum(CHARGE, "Ge", sun, recoil, couplings="tree")
    np.testing.assert_allclose(
        rate["1"], [1.468e-3, 8.71e-4, 4.815e-4, 1.450e-4], rtol=5e-3
    )
    np.testing.assert_allclose(
        rate["q^2"][[0, 2]] * 1e-16, [6.573e-2, 2.163e-4], rtol=5e-3
    )
    year = template("nucleus-sm", "Ge", sun, None, [1.0, 100.0], couplings="tree")
    assert year.evaluate()[0] * 1000 * 365.25 == pytest.approx(140.6, rel=5e-3)


@pytest.mark.parametrize(
    "process",
    [CHARGE, "nucleus-magnetic", "nucleus-charge-radius", "nucleus-mixing-angle"],
)
@pytest.mark.parametrize("name", ["Ge", "CsI"])
@pytest.mark.parametrize("recoil", [0.05, 0.4])
def test_fold_against_adaptive_quadrature(
    process: str, name: str, recoil: float
) -> None:
    core = reactor_flux(flux=1e13)
    found = recoil_spectrum(process, name, core, recoil)
    lows = sorted(
        float(minimum_energy(recoil, i.mass_kev)) for i, _ in target(name).nuclei
    )
    points = [p for p in core.breakpoints_mev if lows[0] < p < 12.0]
    ends = sorted({*lows, *points, 12.0})
    for monomial, value in found.items():
        total = sum(
            integrate.quad(
                lambda e, m=monomial: float(core(e)) * 1e40 * float(
                    coefficients(process, name, e, recoil)[m]),
                a, b, epsrel=1e-9, epsabs=0.0, limit=200,
            )[0]
            for a, b in itertools.pairwise(ends)
        )  # fmt: skip
        expected = total * 1e-40 * target(name).units_per_kg * SECONDS_PER_DAY
        assert value == pytest.approx(expected, rel=1e-5)


def test_bins_across_the_end_of_the_beryllium_line() -> None:
    """862 keV neutrinos reach 22 eVnr: the bin holds a jump, isotope by isotope."""
    sun = solar_flux(["7Be"])
    edges = np.array([0.015, 0.0215, 0.023, 0.04])
    found = template(TRANSITION, "Ge", sun, None, edges).coefficients["q^2"]
    expected = np.zeros(3)
    for isotope, share in target("Ge").nuclei:
        end = float(maximum_recoil(0.8613, isotope.mass_kev))
        for index, (a, b) in enumerate(itertools.pairwise(edges)):
            grid = np.geomspace(a, max(min(b, end), a * (1 + 1e-9)), 4001)
            middle = grid * (1 - 1e-13)
            sigma = coefficients(TRANSITION, isotope.symbol, 0.8613, middle)["q^2"]
            if a < end:
                flux = 0.897 * 4.93e9 * target("Ge").units_per_kg * SECONDS_PER_DAY
                expected[index] += flux * share * np.trapezoid(sigma, grid)
    assert found[2] == 0.0
    np.testing.assert_allclose(found[:2], expected[:2], rtol=1e-5)


def test_flavours_add_incoherently() -> None:
    sun = solar_flux(["8B"])
    recoil = np.array([0.2, 1.0])
    split = recoil_spectrum(CHARGE, "Ge", sun, recoil, by_flavour=True)
    assert set(split) == {"1"} | {
        f"q_{f}{p}" for f in ("e", "mu", "tau") for p in ("", "^2")
    }
    common = recoil_spectrum(CHARGE, "Ge", sun, recoil)
    np.testing.assert_allclose(
        split["q_e^2"] + split["q_mu^2"] + split["q_tau^2"], common["q^2"], rtol=1e-12
    )
    alone = recoil_spectrum(CHARGE, "Ge", sun.only("nu-e"), recoil)
    np.testing.assert_allclose(split["q_e"], alone["q"], rtol=1e-12)


@given(st.floats(0.1, 10.0), st.floats(0.0, 5.0))
def test_rates_are_linear_in_the_flux(a: float, b: float) -> None:
    core, source = reactor_flux(flux=1e13), sns_flux(neutrinos_per_flavour=1e7)
    recoil = np.array([0.1, 0.4])
    both: Flux = core.scale(a) + source.scale(b)
    found = recoil_spectrum(CHARGE, "Ar", both, recoil)
    for name, value in found.items():
        parts = [
            recoil_spectrum(CHARGE, "Ar", flux, recoil)[name] for flux in (core, source)
        ]
        np.testing.assert_allclose(value, a * parts[0] + b * parts[1], rtol=1e-9)


def test_conventions_on_nuclei() -> None:
    at = ("Ge72", 4.0, 0.3)
    right = coefficients(CHARGE, *at, form_factor="point")
    parada = coefficients(CHARGE, *at, form_factor="point", convention="parada-2020")
    q = 1e-12
    assert parada["q"] == pytest.approx(right["q"] * 137.035999, rel=1e-12)
    assert parada["q^2"] == pytest.approx(right["q^2"] * 137.035999**2, rel=1e-12)
    shaped = coefficients(CHARGE, *at, convention="parada-2020")
    assert shaped["q^2"] == parada["q^2"]
    assert shaped["1"] == coefficients(CHARGE, *at)["1"]
    basi = cross_section(CHARGE, *at, coupling=q, convention="basi-2025")
    same = cross_section(CHARGE, *at, coupling=-q / np.sqrt(4 * np.pi * ALPHA))
    assert basi == pytest.approx(float(same), rel=1e-12)
    assert 1 / np.sqrt(4 * np.pi * ALPHA) == pytest.approx(3.302, abs=5e-4)
    chen = cross_section(CHARGE, *at, coupling=q, convention="chen-2014")
    assert chen == cross_section(CHARGE, *at, coupling=q)
    core = reactor_flux(flux=1e13)
    t = template(CHARGE, "Ge", core, None, [0.1, 1.0], convention="parada-2020")
    assert t.metadata["convention"] == "parada-2020"
    assert any("alpha" in note for note in t.notes)


@pytest.mark.parametrize(
    ("error", "match", "call"),
    [
        (InputError, "method", lambda: scattering("nucleus-sm", "Ge", "free")),
        (InputError, "method", lambda: scattering("electron-sm", "Ge")),
        (ModelError, "isotope", lambda: scattering("nucleus-sm", "Tc")),
        (InputError, "isotope", lambda: scattering("nucleus-sm", "Ge999")),
        (InputError, "target", lambda: scattering("nucleus-sm", "Ge-72")),
        (InputError, "target", lambda: scattering("nucleus-sm", "Qq")),
        (InputError, "target", lambda: scattering("nucleus-sm", "")),
        (InputError, "process", lambda: scattering("nucleus-axion", "Ge")),
        (InputError, "energy_mev", lambda: cross_section("nucleus-sm", "Ge", np.nan, 1.0)),
        (InputError, "recoil_kev", lambda: cross_section("nucleus-sm", "Ge", 1.0, -1.0)),
        (InputError, "form", lambda: cross_section("nucleus-sm", "Ge", 1.0, 1.0, form_factor="x")),
        (InputError, "convention", lambda: cross_section("nucleus-sm", "Ge", 1.0, 1.0, convention="x")),
        (InputError, "sin2", lambda: cross_section("nucleus-sm", "Ge", 1.0, 1.0, sin2_theta_w=1.5)),
        (InputError, "coupling", lambda: cross_section(CHARGE, "Ge", 1.0, 1.0)),
    ],
)  # fmt: skip
def test_bad_input(error: type[Exception], match: str, call: object) -> None:
    with pytest.raises(error, match=match):
        call()  # type: ignore[operator]
