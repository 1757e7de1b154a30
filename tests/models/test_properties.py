"""Limits, units and scaling of cross sections and rates, over the physical range.

Formulas are written here once more in MeV and fm, with constants of their own.
"""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nuem.inputs.vocabulary import Flavour
from nuem.models import free_electron as free
from nuem.models.couplings import nucleon_couplings
from nuem.models.detector import Response
from nuem.models.flux import Flux, reactor_flux, solar_flux
from nuem.models.fold import recoil_spectrum
from nuem.models.isotopes import target
from nuem.models.kinematics import maximum_recoil, minimum_energy
from nuem.models.process import coefficients, cross_section
from nuem.models.template import template

# MeV, MeV^-2, MeV^2 cm^2
MASS, FERMI, ALPHA = 0.51099895, 1.1663788e-11, 1.0 / 137.035999
AREA = 197.3269804**2 * 1e-26
CORE, SUN = reactor_flux(flux=1e13), solar_flux(["7Be", "8B"])

energies = st.floats(0.02, 60.0)
parts = st.floats(1e-6, 0.9999)
factors = st.floats(1e-3, 1e3)
flavours = st.sampled_from(list(Flavour))
bodies = st.sampled_from(["H1", "C12", "Ar40", "Ge72", "Xe136", "Pb208"])
ELECTRON_PROCESSES = (
    "electron-sm", "electron-magnetic", "electron-millicharge",
    "electron-millicharge-transition", "electron-charge-radius",
)  # fmt: skip
NUCLEUS_PROCESSES = tuple(p.replace("electron", "nucleus") for p in ELECTRON_PROCESSES)


def _electron_mev(
    energy: float, recoil: float, flavour: Flavour, charge: float
) -> float:
    """cm^2/MeV by left and right couplings, the charge as a shift of both."""
    s2 = 0.23863
    left = s2 - 0.5 + (1.0 if flavour.value.endswith("-e") else 0.0)
    right = s2
    # g_V = g_L + g_R moves by delta, g_A stays: half of it for each
    delta = -np.sqrt(2.0) * np.pi * ALPHA * charge / (FERMI * MASS * recoil)
    left, right = left + 0.5 * delta, right + 0.5 * delta
    if flavour.is_antineutrino:
        left, right = right, left
    rest = 1.0 - recoil / energy
    bracket = left**2 + right**2 * rest**2 - left * right * MASS * recoil / energy**2
    return 2.0 * FERMI**2 * MASS / np.pi * bracket * AREA


@given(energies, parts, flavours, st.floats(-1e-10, 1e-10))
def test_electrons_in_mev(
    energy: float, part: float, flavour: Flavour, charge: float
) -> None:
    recoil = part * 2.0 * energy**2 / (2.0 * energy + MASS)
    expected = 1e-3 * _electron_mev(energy, recoil, flavour, charge)
    found = free.diagonal(energy, 1e3 * recoil, charge, flavour=flavour)
    size = free.sm(energy, 1e3 * recoil, flavour=flavour) + free.fea(
        1e3 * recoil, charge
    )
    assert abs(found - expected) <= 1e-9 * size


@given(energies, parts, bodies, st.floats(-1e-7, 1e-7))
def test_nuclei_in_mev(energy: float, part: float, name: str, charge: float) -> None:
    isotope = target(name).nuclei[0][0]
    mass = isotope.mass_kev * 1e-3
    recoil = part * 2.0 * energy**2 / (2.0 * energy + mass)
    weak = nucleon_couplings().charge(isotope.number, isotope.neutrons)
    shift = (
        np.sqrt(2.0) * np.pi * ALPHA * charge * isotope.number / (FERMI * mass * recoil)
    )
    kinematics = 1.0 - mass * recoil / (2.0 * energy**2)
    factor = 1e-3 * FERMI**2 * mass / np.pi * AREA * kinematics
    found = cross_section(
        "nucleus-millicharge",
        name,
        energy,
        1e3 * recoil,
        coupling=charge,
        form_factor="point",
    )
    assert abs(found - factor * (weak + shift) ** 2) <= 1e-8 * factor * (
        weak**2 + shift**2
    )


@given(energies, bodies)
def test_kinematics_in_mev(energy: float, name: str) -> None:
    mass = target(name).nuclei[0][0].mass_kev
    expected = 2e3 * energy**2 / (2.0 * energy + mass * 1e-3)
    assert maximum_recoil(energy, mass) == pytest.approx(expected, rel=1e-12)
    assert minimum_energy(expected, mass) == pytest.approx(energy, rel=1e-9)


@given(energies, bodies, st.sampled_from(NUCLEUS_PROCESSES))
def test_largest_recoil_of_a_nucleus(energy: float, name: str, process: str) -> None:
    end = float(maximum_recoil(energy, target(name).nuclei[0][0].mass_kev))
    for value in coefficients(
        process, name, energy, [end, 1.1 * end, 50.0 * end]
    ).values():
        np.testing.assert_array_equal(value, 0.0)
    inside = coefficients(process, name, energy, [0.3 * end, 0.99 * end])
    assert all(np.all(value != 0.0) for value in inside.values())


@given(energies, flavours)
def test_small_recoils_of_electrons(energy: float, flavour: Flavour) -> None:
    """T -> 0: the weak term is flat, the magnetic one 1/T, the charge 1/T^2."""
    recoil = 1e-7 * float(maximum_recoil(energy))
    weak = free.sm(energy, recoil, flavour=flavour)
    s2, own = 0.23863, flavour.value.endswith("-e")
    vector, axial = 2 * s2 + (0.5 if own else -0.5), 0.5
    level = FERMI**2 * MASS / np.pi * (vector**2 + axial**2) * AREA
    assert weak == pytest.approx(1e-3 * level, rel=1e-5)
    moment = np.pi * ALPHA**2 / MASS**2 * AREA
    assert free.magnetic(energy, recoil) * recoil == pytest.approx(moment, rel=1e-5)
    charge = 2e3 * np.pi * ALPHA**2 / MASS * AREA
    assert free.transition(energy, recoil) * recoil**2 == pytest.approx(
        charge, rel=1e-5
    )
    assert free.transition(energy, recoil) == pytest.approx(free.fea(recoil), rel=1e-5)


@given(
    energies, bodies, st.sampled_from(["helm", "klein-nystrand", "symmetrised-fermi"])
)
def test_small_recoils_of_nuclei(energy: float, name: str, form: str) -> None:
    """T -> 0: all nucleons act together, F = 1 and K = 1."""
    isotope = target(name).nuclei[0][0]
    mass = isotope.mass_kev * 1e-3
    recoil = 1e-9 * float(maximum_recoil(energy, isotope.mass_kev))
    terms = coefficients("nucleus-millicharge", name, energy, recoil, form_factor=form)
    weak = nucleon_couplings().charge(isotope.number, isotope.neutrons)
    assert terms["1"] == pytest.approx(
        1e-3 * FERMI**2 * mass / np.pi * weak**2 * AREA, rel=1e-6
    )
    squared = 2e3 * np.pi * ALPHA**2 * isotope.number**2 / mass * AREA
    assert terms["q^2"] * recoil**2 == pytest.approx(squared, rel=1e-6)
    moment = coefficients("nucleus-magnetic", name, energy, recoil, form_factor=form)
    coherent = np.pi * ALPHA**2 * isotope.number**2 / MASS**2 * AREA
    assert moment["mu^2"] * recoil == pytest.approx(coherent, rel=1e-6)


@given(
    energies, parts, st.floats(-1e-6, 1e-6), flavours,
    st.sampled_from(["electron-millicharge", "electron-charge-radius"]),
    st.sampled_from(["free", "stepped", "epa+stepped"]),
)  # fmt: skip
def test_whole_cross_sections_are_not_negative(
    energy: float,
    part: float,
    charge: float,
    flavour: Flavour,
    process: str,
    method: str,
) -> None:
    # the tables of photons reach from 10 eV to 800 keV
    recoil = min(max(part * float(maximum_recoil(energy)), 0.011), 750.0)
    coupling = charge * (1e-20 if process.endswith("radius") else 1e-4)
    value = cross_section(
        process, "Ge", energy, recoil, coupling=coupling, flavour=flavour, method=method
    )
    assert value >= 0.0
    mass = max(isotope.mass_kev for isotope, _ in target("Ge").nuclei)
    value = cross_section(
        process.replace("electron", "nucleus"), "Ge", energy,
        part * float(maximum_recoil(energy, mass)), coupling=1e4 * coupling, flavour=flavour,
    )  # fmt: skip
    assert value >= 0.0


@given(energies, parts, factors, flavours)
def test_scaling_with_the_coupling(
    energy: float, part: float, factor: float, flavour: Flavour
) -> None:
    """What has one coupling goes with its square; the interference with the coupling."""
    for body, mass in (
        ("electron", 511.0),
        ("nucleus", target("Ar").nuclei[0][0].mass_kev),
    ):
        recoil = part * float(maximum_recoil(energy, mass))
        words = {"method": "free" if body == "electron" else None, "flavour": flavour}
        for kind, one in (("magnetic", 1e-10), ("millicharge-transition", 1e-12)):
            low, high = (
                cross_section(
                    f"{body}-{kind}", "Ar", energy, recoil, coupling=g, **words
                )  # type: ignore[arg-type]
                for g in (one, factor * one)
            )
            assert high == pytest.approx(factor**2 * float(low), rel=1e-9, abs=0.0)
        none, plus, minus, large, small = (
            float(
                cross_section(
                    f"{body}-millicharge",
                    "Ar",
                    energy,
                    recoil,
                    coupling=g,
                    **words,  # type: ignore[arg-type]
                )
            )
            for g in (0.0, 1e-12, -1e-12, factor * 1e-12, -factor * 1e-12)
        )
        size = 1e-9 * max(none, plus, minus, large, small)
        even, odd = plus + minus - 2.0 * none, plus - minus
        assert abs(large + small - 2.0 * none - factor**2 * even) <= size * (
            1 + factor**2
        )
        assert abs(large - small - factor * odd) <= size * (1 + factor)


@given(factors, factors)
def test_scaling_of_a_reactor(power: float, distance: float) -> None:
    one = reactor_flux(power_gw=1.0, distance_m=10.0).integrate()
    far = reactor_flux(power_gw=power, distance_m=10.0 * distance).integrate()
    assert far == pytest.approx(one * power / distance**2, rel=1e-9)


@given(
    factor=factors,
    process=st.sampled_from([*ELECTRON_PROCESSES, *NUCLEUS_PROCESSES]),
    source=st.sampled_from([CORE, SUN]),
)
@settings(max_examples=40)
def test_rates_scale_with_the_flux(factor: float, process: str, source: Flux) -> None:
    method = "stepped" if process.startswith("electron") else None
    recoil = [0.05, 0.3, 1.0, 20.0]
    one, more = (
        recoil_spectrum(process, "Ge", flux, recoil, method=method)
        for flux in (source, source.scale(factor))
    )
    for name, value in one.items():
        np.testing.assert_allclose(more[name], factor * value, rtol=1e-9)


@pytest.mark.parametrize("process", [*ELECTRON_PROCESSES, *NUCLEUS_PROCESSES])
def test_a_larger_formula_is_the_same_material(process: str) -> None:
    method = "stepped" if process.startswith("electron") else None
    coupling = None if process.endswith("sm") else 1e-12
    single, double = (
        cross_section(process, name, 4.0, [0.02, 0.1], method=method, coupling=coupling)
        for name in ("CsI", "Cs2I2")
    )
    np.testing.assert_allclose(double, 2.0 * single, rtol=1e-12)
    rates = [
        recoil_spectrum(process, name, CORE, [0.02, 0.1], method=method)
        for name in ("CsI", "Cs2I2")
    ]
    for name, value in rates[0].items():
        np.testing.assert_allclose(rates[1][name], value, rtol=1e-12)


@given(
    scale=st.floats(0.2, 5.0),
    process=st.sampled_from(["electron-magnetic", "nucleus-sm"]),
)
@settings(max_examples=25)
def test_unit_of_the_measured_energy(scale: float, process: str) -> None:
    """Counts do not depend on the unit that measured energies are written in."""
    response = Response(lambda t: 0.05 + 0.01 * t, floor_kev=0.1)
    edges = np.array([0.3, 0.5, 0.8, 1.5])
    method = "stepped" if process.startswith("electron") else None
    found = template(
        process, "Ge", CORE, response.vary(scale=scale, resolution=scale), scale * edges,
        method=method, diagnose=False,
    )  # fmt: skip
    expected = template(
        process, "Ge", CORE, response, edges, method=method, diagnose=False
    )
    for name, value in expected.coefficients.items():
        np.testing.assert_allclose(found.coefficients[name], value, rtol=1e-5)


@given(st.floats(0.05, 0.5), st.floats(0.5, 1.5))
@settings(max_examples=25)
def test_bins_of_nuclear_recoils_add_up(low: float, middle: float) -> None:
    edges = [0.03, low, middle, 2.0] if low < middle else [0.03, middle, 2.0]
    for flux in (CORE, SUN):
        fine = template("nucleus-millicharge", "Ge", flux, None, edges)
        whole = template("nucleus-millicharge", "Ge", flux, None, [0.03, 2.0])
        for name, value in whole.coefficients.items():
            assert fine.coefficients[name].sum() == pytest.approx(value[0], rel=1e-6)
