"""Folded spectra against adaptive quadrature, for efficiencies of every form."""

from __future__ import annotations

import itertools
from collections.abc import Callable

import numpy as np
import pytest
from scipy import integrate
from scipy.special import erf, ndtr

from nuem.models.curves import approximate
from nuem.models.detector import Response
from nuem.models.flux import reactor_flux
from nuem.models.fold import Fold, recoil_spectrum
from nuem.models.quenching import Lindhard
from nuem.models.smearing import smear
from nuem.models.template import template

CORE = reactor_flux(flux=6.4e12)
GERMANIUM = Lindhard(32, 0.157)
TABLE = (np.array([0.0, 0.25, 0.4, 0.9, 60.0]), np.array([0.02, 0.1, 0.7, 0.9, 0.95]))

Curve = Callable[[np.ndarray], np.ndarray]

#: Name -> curve, and where it has steps or kinks.
FORMS: dict[str, tuple[Curve, list[float]]] = {
    "erf": (lambda e: 0.5 * (1 + erf((e - 0.35) / 0.03)), []),
    "steep-erf": (lambda e: 0.5 * (1 + erf((e - 0.35) / 0.002)), [0.34, 0.35, 0.36]),
    "tanh": (lambda e: 0.5 * (1 + np.tanh((e - 0.4) / 0.05)), []),
    "step": (lambda e: np.where(e < 0.3777, 0.2, 0.9), [0.3777]),
    "table": (lambda e: np.interp(e, *TABLE), list(TABLE[0][1:-1])),
    "product": (
        lambda e: np.where(e < 0.45, 0.5, 1.0) * (1 - np.exp(-e / 0.2)),
        [0.45],
    ),
}
EDGES = {"narrow": [0.3, 0.32, 0.36], "wide": [0.25, 0.6, 3.0]}


def _noise(energy: np.ndarray) -> np.ndarray:
    return np.sqrt(0.02**2 + 3e-4 * energy)


def _expected(
    rate: Callable[[float], float],
    to_seen: Callable[[float], float],
    ends: list[float],
    response: Response,
    low: float,
    high: float,
    points: list[float],
    size: float,
) -> float:
    """Integral over the true energy of the integral over the measured energy."""
    cut, cut_points = response.cut_efficiency, points

    def inner(true: float) -> float:
        seen = to_seen(true)
        width = float(_noise(np.array(seen)))
        a = max(low, seen - response.kernel_sigma * width)
        b = min(high, seen + response.kernel_sigma * width)
        if b <= a:
            return 0.0
        if cut is None:
            return float(ndtr((b - seen) / width) - ndtr((a - seen) / width))
        stops = sorted({a, b, *(x for x in [*cut_points, seen] if a < x < b)})
        x, w = np.polynomial.legendre.leggauss(60)
        total = 0.0
        for p, q in itertools.pairwise(stops):
            e = 0.5 * (p + q) + 0.5 * (q - p) * x
            g = np.exp(-0.5 * ((e - seen) / width) ** 2) / width / np.sqrt(2 * np.pi)
            total += 0.5 * (q - p) * float(w @ (g * cut(e)))
        return total

    def integrand(true: float) -> float:
        weight = 1.0
        if response.trigger_efficiency is not None:
            weight = float(response.trigger_efficiency(np.array(to_seen(true))))
        return weight * rate(true) * inner(true) if weight else 0.0

    return sum(
        integrate.quad(integrand, p, q, epsrel=1e-7, epsabs=1e-8 * size, limit=200)[0]
        for p, q in itertools.pairwise(ends)
    )


@pytest.mark.parametrize("bins", list(EDGES))
@pytest.mark.parametrize("kind", ["electrons", "nuclei"])
@pytest.mark.parametrize("where", ["trigger", "cut"])
@pytest.mark.parametrize("form", list(FORMS))
def test_template_against_adaptive_quadrature(
    form: str, where: str, kind: str, bins: str
) -> None:
    curve, points = FORMS[form]
    nuclei = kind == "nuclei"
    response = Response(
        _noise,
        floor_kev=0.2,
        kernel_sigma=4.0,
        trigger_efficiency=curve if where == "trigger" else None,
        cut_efficiency=curve if where == "cut" else None,
        quenching=GERMANIUM if nuclei else None,
    )
    process = "nucleus-sm" if nuclei else "electron-magnetic"
    method = None if nuclei else "free"
    edges = EDGES[bins][:2]
    found = template(
        process, "Ge", CORE, response, edges, method=method, diagnose=False
    )
    name = found.leading

    def to_seen(true: float) -> float:
        return float(GERMANIUM.ionisation(true)) if nuclei else true

    def to_true(seen: float) -> float:
        return float(GERMANIUM.recoil(seen)) if nuclei else seen

    def rate(true: float) -> float:
        return float(
            recoil_spectrum(process, "Ge", CORE, np.array([true]), method=method)[name][
                0
            ]
        )

    kernel = 4.0 * float(_noise(np.array(edges[1] + 0.2)))
    stops = {0.2, edges[1] + kernel, *edges}
    stops |= {x for x in points if 0.2 < x < edges[1] + kernel}
    ends = [to_true(x) for x in sorted(stops)]
    value = found.coefficients[name][0]
    expected = _expected(
        rate, to_seen, ends, response, edges[0], edges[1], points, value
    )
    assert value == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("form", list(FORMS))
def test_perfect_detector_with_efficiencies(form: str) -> None:
    curve, points = FORMS[form]
    trigger, kinks = FORMS["step"]
    response = Response(cut_efficiency=curve, trigger_efficiency=trigger)
    edges = [0.3, 0.36, 2.0]
    found = template(
        "electron-magnetic", "Ge", CORE, response, edges, method="free"
    ).coefficients["mu^2"]

    def rate(t: float) -> float:
        one = np.array([t])
        dn = recoil_spectrum("electron-magnetic", "Ge", CORE, one, method="free")
        return float((dn["mu^2"] * curve(one) * trigger(one))[0])

    for index, (a, b) in enumerate(itertools.pairwise(edges)):
        stops = sorted({a, b, *(x for x in [*points, *kinks] if a < x < b)})
        expected = sum(
            integrate.quad(
                rate, p, q, epsrel=1e-8, epsabs=1e-9 * found[index], limit=300
            )[0]
            for p, q in itertools.pairwise(stops)
        )
        assert found[index] == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("relative", [0.05, 0.2, 0.3, 0.6])
def test_range_of_any_resolution(relative: float) -> None:
    """The kernel of 4 sigma may be wider than the energy: then all recoils count."""
    response = Response(lambda t: relative * t, floor_kev=0.1, kernel_sigma=4.0)
    edges = np.array([1.0, 1.5])
    low, high = response.true_range(edges, 500.0)
    assert low == pytest.approx(1.0 / (1 + 4 * relative), rel=1e-4)
    top = 1.5 / (1 - 4 * relative) if 4 * relative < 1 else 500.0
    assert high == pytest.approx(top, rel=1e-4)
    found = response.matrix(edges, [min(0.999 * high, 490.0)])
    assert found[0, 0] > 0.0


@pytest.mark.parametrize("sigma", [1e-3, 0.02, 0.5])
@pytest.mark.parametrize("form", list(FORMS))
def test_smeared_pieces(form: str, sigma: float) -> None:
    curve, points = FORMS[form]
    edges = np.array([0.3, 0.5])
    pieces = approximate(curve, edges)
    mean, width = 0.37, sigma
    found = smear(edges, np.array([mean]), np.array([width]), 5.0, pieces)[0, 0]
    a, b = max(0.3, mean - 5 * width), min(0.5, mean + 5 * width)
    stops = sorted({a, b, *(x for x in [*points, mean] if a < x < b)})
    expected = sum(
        integrate.quad(
            lambda e: (
                float(curve(np.array(e)))
                * np.exp(-0.5 * ((e - mean) / width) ** 2)
                / (width * np.sqrt(2 * np.pi))
            ),
            p,
            q,
            epsrel=1e-10,
            limit=300,
        )[0]
        for p, q in itertools.pairwise(stops)
    )
    assert found == pytest.approx(expected, rel=1e-5)


def _by_small_panels(
    rate: Callable[[np.ndarray], np.ndarray],
    low: float,
    high: float,
    points: np.ndarray,
) -> float:
    """Integral by many panels of high order between the points of the tables."""
    x, w = np.polynomial.legendre.leggauss(8)
    ends = np.unique([low, *points[(points > low) & (points < high)], high])
    total = 0.0
    for a, b in itertools.pairwise(ends):
        edges = np.linspace(a, b, max(5, int(2000 * (b - a) / (high - low)) + 1))
        half, middle = 0.5 * np.diff(edges), 0.5 * (edges[1:] + edges[:-1])
        true = middle[:, None] + half[:, None] * x
        total += float(
            (half[:, None] * w * rate(true.ravel()).reshape(true.shape)).sum()
        )
    return total


@pytest.mark.parametrize("symbol", ["Ge", "Xe", "Si"])
@pytest.mark.parametrize(
    "options",
    [
        {"method": "epa+stepped", "photoabsorption": "elam"},
        {"method": "epa+stepped", "regulator": "medium"},
        {"method": "atomic", "regulator": "medium"},
    ],
    ids=["elam", "medium", "atomic-medium"],
)
def test_steep_between_the_points_of_tables(
    symbol: str, options: dict[str, str]
) -> None:
    """Splines and logarithms of tables bend inside of panels, near edges most."""
    process = "electron-millicharge-transition"
    edges = np.array([0.5, 0.6, 0.9, 1.1, 1.2, 1.3, 1.5, 3.0, 6.0])
    found = template(process, symbol, CORE, None, edges, **options)
    fold = Fold.build(process, symbol, CORE, **options)
    points = fold.breakpoints(0.5, 6.0)
    for index, (low, high) in enumerate(itertools.pairwise(edges)):
        expected = _by_small_panels(lambda t: fold.rates(t)["q^2"], low, high, points)
        assert found.coefficients["q^2"][index] == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize(
    ("process", "edges", "method"),
    [
        ("electron-sm", [1.0, 1e3, 9e3, 1e4, 1.3e4], "free"),
        ("electron-magnetic", [1.0, 1e3, 9e3, 1e4, 1.3e4], "free"),
        ("nucleus-sm", [0.1, 1.0, 2.5, 3.5, 4.0], None),
    ],
)
def test_up_to_the_end_of_the_spectrum(
    process: str, edges: list[float], method: str | None
) -> None:
    found = template(process, "Ge", CORE, None, edges, method=method)
    fold = Fold.build(process, "Ge", CORE, method=method)
    points = fold.breakpoints(edges[0], fold.maximum_recoil_kev)
    for name, counts in found.coefficients.items():
        for index, (low, high) in enumerate(itertools.pairwise(edges)):
            end = min(high, fold.maximum_recoil_kev)
            expected = _by_small_panels(
                lambda t, n=name: fold.rates(t)[n], low, end, points
            )
            assert counts[index] == pytest.approx(expected, rel=1e-5)
