"""Numbers worked out independently, beside those that stand with their formulas.

They come from an evaluation of the same published inputs with another program; the
tests of single modules hold the rest of it.
"""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import brentq

from nuem.models import free_electron as free
from nuem.models import photon
from nuem.models.couplings import nucleon_couplings
from nuem.models.detector import Response
from nuem.models.flux import per_fission, reactor_flux, solar_flux
from nuem.models.fold import recoil_spectrum
from nuem.models.isotopes import target
from nuem.models.process import coefficients, cross_section
from nuem.models.quenching import Lindhard
from nuem.models.tables import table
from nuem.models.targets import element
from nuem.models.template import template

RECOIL = np.array([0.1, 0.3, 1.0, 1.3, 3.0, 10.0, 11.2, 20.0])
MUELLER = per_fission(
    {"235U": 0.58, "239Pu": 0.29, "238U": 0.08, "241Pu": 0.05},
    scaling="tabulated", conversion="mueller", captures=0.0,
).normalise(1e13)  # fmt: skip


def _half_digit(printed: str) -> float:
    digits = printed.partition("e")[0].replace("-", "").partition(".")[2]
    exponent = int(printed.partition("e")[2] or 0)
    return 0.5 * 10.0 ** (exponent - len(digits))


def _as_printed(values: object, printed: str) -> None:
    for found, text in zip(np.atleast_1d(values), printed.split(), strict=True):  # type: ignore[call-overload]
        assert abs(found - float(text)) <= 1.001 * _half_digit(text), text


def test_free_electrons_and_photons_of_germanium() -> None:
    free_electrons = 32 * free.fea(RECOIL, 1e-12)
    _as_printed(
        free_electrons,
        "8.159e-43 9.065e-44 8.159e-45 4.828e-45 9.065e-46 8.159e-47 6.504e-47 2.040e-47",
    )
    found = cross_section(
        "electron-millicharge-transition",
        "Ge",
        1.0,
        RECOIL,
        method="epa",
        coupling=1e-12,
    )
    _as_printed(
        found,
        "4.790e-42 7.555e-43 1.584e-44 4.642e-44 2.726e-45 3.039e-47 1.498e-46 1.796e-47",
    )
    _as_printed(found / free_electrons, "5.87 8.33 1.94 9.61 3.01 0.372 2.30 0.881")
    _as_printed(
        photon.photoabsorption("Ge", RECOIL, "henke"),
        "6.850e-18 3.241e-18 2.265e-19 8.629e-19 1.169e-19 4.345e-21 2.400e-20 5.138e-21",
    )
    _as_printed(
        photon.photoabsorption("Ge", RECOIL, "chantler"),
        "7.781e-18 2.493e-18 2.127e-19 8.157e-19 1.128e-19 4.117e-21 2.364e-20 4.959e-21",
    )
    _as_printed(
        photon.photoabsorption("Ge", RECOIL[:-1], "elam"),
        "6.530e-18 2.488e-18 2.276e-19 7.561e-19 1.155e-19 4.308e-21 2.320e-20",
    )


def test_edges_of_germanium() -> None:
    shells = {s.name: s.binding_kev for s in element("Ge").subshells}
    for name, expected in {
        "K": 11.103, "L1": 1.4146, "L2": 1.2481, "L3": 1.2170, "M1": 0.1801,
        "M2": 0.1249, "M3": 0.1208,
    }.items():  # fmt: skip
        assert shells[name] == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize(
    ("moment", "threshold", "charge"),
    [(2.9e-11, 2.8, 1.518e-12), (7.4e-11, 12.0, 8.02e-12)],
)
def test_charge_that_equals_a_moment_at_a_threshold(
    moment: float, threshold: float, charge: float
) -> None:
    """q^2 = (T/2 m_e) (mu/mu_B)^2, for energies far above the recoil."""
    ratio = free.magnetic(1e6, threshold, moment) / free.fea(threshold)
    assert np.sqrt(ratio) == pytest.approx(charge, rel=1e-3)


def test_vogel_engel_and_the_conversions() -> None:
    """Straight lines below 2 MeV, exponentials above, fission by fission."""
    below = {
        "235U": ".024 .092 .35 .61 1.98 2.16 2.66 2.66 2.41 1.69",
        "239Pu": ".14 .56 2.13 .64 1.99 2.08 2.63 2.58 2.32 1.48",
        "238U": ".089 .35 1.32 .65 2.02 2.18 2.91 2.96 2.75 1.97",
        "241Pu": ".20 .79 3.00 .59 1.85 2.14 2.82 2.90 2.63 1.75",
    }
    energy = np.array(
        [0.007813, 0.01563, 0.0312, 0.0625, 0.125, 0.25, 0.5, 0.75, 1.0, 1.5]
    )
    above = {
        "235U": (4.367, -4.577, 2.100, -0.5294, 0.06186, -0.002777),
        "239Pu": (4.757, -5.392, 2.563, -0.6596, 0.07820, -0.003536),
        "241Pu": (2.990, -2.882, 1.278, -0.3343, 0.03905, -0.001754),
        "238U": (0.4833, 0.1927, -0.1283, -0.006762, 0.002233, -0.0001536),
    }
    high = np.array([2.0, 3.3, 5.0, 8.0])
    for isotope, printed in below.items():
        unit = per_fission({isotope: 1.0}, scaling="tabulated", captures=0.0)
        values = np.array([float(text) for text in printed.split()])
        np.testing.assert_allclose(unit(energy), values, rtol=1e-12)
        middle = 0.5 * (energy[1:] + energy[:-1])
        np.testing.assert_allclose(
            unit(middle), 0.5 * (values[1:] + values[:-1]), rtol=1e-9
        )
        assert unit(0.0078) == 0.0
        expected = np.exp(sum(a * high**k for k, a in enumerate(above[isotope])))
        np.testing.assert_allclose(unit(high), expected, rtol=1e-12)


def test_parts_of_a_fission() -> None:
    bare = per_fission("texono", scaling="tabulated", captures=0.0)
    assert bare.integrate() == pytest.approx(5.60, rel=0.01)
    for isotope, total in {
        "235U": 6.14,
        "238U": 7.08,
        "239Pu": 5.58,
        "241Pu": 6.42,
    }.items():
        assert per_fission({isotope: 1.0}, captures=0.0).integrate() == pytest.approx(
            total, rel=1e-9
        )
    decays = table("reactor-spectra")["capture"]
    for name, ends in {
        "239U": {1.2615: 0.19, 1.1868: 0.73, 1.2304: 0.02, 0.60: 0.06},
        "239Np": {
            0.4372: 0.45,
            0.3308: 0.40,
            0.3924: 0.108,
            0.7146: 0.017,
            0.211: 0.016,
        },
    }.items():
        found = dict(
            zip(decays[name]["endpoint_mev"], decays[name]["intensity"], strict=True)
        )
        assert found == ends


def test_standard_model_at_krasnoyarsk() -> None:
    """Mean cross section of recoils from 3.15 to 5.175 MeV, per electron and fission."""
    core = per_fission({"235U": 1.0}, captures=0.0)
    found = template("electron-sm", "Ge", core, None, [3150.0, 5175.0], method="free")
    each = found.evaluate()[0] / target("Ge").electrons_per_kg / 86400.0
    _as_printed(each, "5.6e-46")


def test_size_of_the_rate_at_a_reactor() -> None:
    """q = 1e-12 on Ge at 1e13 /cm2/s, at 0.1 and 10 keV, counts/(kg keV d)."""
    rate = recoil_spectrum(
        "electron-millicharge-transition", "Ge", reactor_flux(flux=1e13), [0.1, 10.0],
        method="epa+stepped",
    )  # fmt: skip
    _as_printed(rate["q^2"] * 1e-24, "37 7e-4")


def test_modern_couplings_and_the_end_of_xenon() -> None:
    for flavour in ("nu-e", "nu-mu", "anti-nu-tau"):
        assert nucleon_couplings("flavoured", flavour).neutron == -0.5117
    for value in coefficients("nucleus-millicharge", "Xe136", 4.0, 0.3).values():
        assert value == 0.0


def test_solar_spectra() -> None:
    for name, end in {
        "pp": 0.42341, "13N": 1.1982, "15O": 1.7317, "17F": 1.7364, "hep": 18.773,
    }.items():  # fmt: skip
        flux = solar_flux([name])
        assert flux.maximum_energy_mev == end
        assert flux(end) == pytest.approx(0.0, abs=1e-6 * float(flux(0.6 * end)))
    assert solar_flux(["pep"]).breakpoints_mev.tolist() == [1.442]
    printed = (
        ".02:8.6001e-6 .5:.0037756 1:.01302 2:.040734 3:.072207 4:.10038 5:.12079 6:.13109 "
        "7:.13056 8:.11997 9:.10126 10:.07731 11:.05167 12:.028241 13:.010741 13.5:.005138 "
        "14:.0018433 14.5:4.7801e-4 15:9.6301e-5 15.5:1.35e-5"
    )
    pairs = [pair.split(":") for pair in printed.split()]
    energy, density = np.array(pairs, dtype=float).T
    # the spline through the table is normalised to 1: 5e-5 lower
    ratio = solar_flux(["8B"])(energy) / 5.46e6 / density
    np.testing.assert_allclose(ratio, ratio[0], rtol=1e-9)
    assert ratio[0] == pytest.approx(1.0, abs=1e-4)


@pytest.mark.parametrize(
    ("convention", "limits"),
    [
        ("physical", {"e": (-4.87, 5.22), "mu": (-5.16, 5.51), "tau": (-4.44, 4.79)}),
        # a single e, with the other sign
        ("basi-2025", {"e": (-1.58, None), "mu": (-1.67, None), "tau": (-1.45, None)}),
    ],
)
def test_sensitivity_of_cdex(
    convention: str, limits: dict[str, tuple[float, float | None]]
) -> None:
    """Asimov: 20 bins of 0.1 keVee, 205.4 kg d, 2.5 counts/(kg keV d), Poisson errors."""
    edges = np.linspace(0.16, 2.16, 21)
    terms = template(
        "nucleus-millicharge", "Ge", solar_flux(), Response(quenching=Lindhard(32, 0.157)),
        edges, couplings="tree", by_flavour=True, convention=convention,
    ).coefficients  # fmt: skip
    expected = 205.4 * (terms["1"] + 2.5 * np.diff(edges))

    for flavour, (low, high) in limits.items():

        def rise(q: float, f: str = flavour) -> float:
            change = 1e-7 * q * terms[f"q_{f}"] + 1e-14 * q**2 * terms[f"q_{f}^2"]
            return float(((205.4 * change) ** 2 / expected).sum()) - 2.706

        assert brentq(rise, -20.0, 0.0) == pytest.approx(low, rel=5e-3)
        if high is not None:
            assert brentq(rise, 0.0, 20.0) == pytest.approx(high, rel=5e-3)


@pytest.mark.parametrize(
    ("mixture", "threshold", "events", "limits"),
    [
        ({"Si": 1.0}, 0.028, 5876, ((-6.51, 6.65), (-8.26, 8.33), (-16.8, 16.2))),
        ({"Ge": 1.0}, 0.1, 31200, ((-13.7, 13.8), (-28.1, 27.6), (-76.6, 71.7))),
        (
            {"Ge72": 2 / 3, "Si28": 1 / 3}, 0.01, 54750,
            ((-2.27, 2.29), (-5.83, 5.79), (-16.5, 16.0)),
        ),
        ({"Xe136": 1.0}, 0.5, 372300, ((-27.0, 27.0), (-169, 165), (-514, 477))),
        ({"Ge": 1.0}, 0.1, 27962, ((-14.5, 14.5), (-28.5, 28.0), (-76.7, 71.8))),
    ],
    ids=["CONNIE", "CONUS", "MINER", "RED100", "TEXONO"],
)  # fmt: skip
def test_counting_experiments(
    mixture: dict[str, float], threshold: float, events: int,
    limits: tuple[tuple[float, float], ...],
) -> None:  # fmt: skip
    """Intervals on q (1e-12 e) of one bin, with 0, 1 and 3 per cent of systematic error."""
    total = {"1": 0.0, "q": 0.0, "q^2": 0.0}
    for name, share in mixture.items():
        terms = template("nucleus-millicharge", name, MUELLER, None, [threshold, 60.0])
        for monomial, value in terms.coefficients.items():
            total[monomial] += share * value[0]

    for part, (low, high) in zip((0.0, 0.01, 0.03), limits, strict=True):

        def rise(q: float, p: float = part) -> float:
            change = (1e-12 * q * total["q"] + 1e-24 * q**2 * total["q^2"]) / total["1"]
            error = events + (p * events * (1.0 + change)) ** 2
            return float((events * change) ** 2 / error) - 2.706

        assert brentq(rise, 3.0 * low, 0.0) == pytest.approx(low, rel=5e-3)
        assert brentq(rise, 0.0, 1.5 * high) == pytest.approx(high, rel=5e-3)
