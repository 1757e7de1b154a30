"""Arrays like those of a germanium detector at a reactor, without randomness.

The counts are expectations moved by a fixed pattern of the size of their errors:
the same on every machine and with every version of a random generator.
"""

from __future__ import annotations

from copy import deepcopy
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from nuem.plots.ladder import Rung
from nuem.plots.points import difference, rate
from nuem.plots.runs import RunTable

EXPOSURES = {"ON": 124.2, "OFF": 70.3}
LINES = {"Zn-65 L": 1.10, "Ge-68 L": 1.30, "Zn-65 K": 8.98, "Ge-68 K": 10.37}
EDGES = np.concatenate(
    [
        np.linspace(0.3, 2.0, 35)[:-1],
        np.linspace(2.0, 8.4, 17)[:-1],
        np.linspace(8.4, 10.8, 25)[:-1],
        np.linspace(10.8, 12.0, 5),
    ]
)
_STRENGTH = {"Zn-65 L": 4.0, "Ge-68 L": 9.0, "Zn-65 K": 22.0, "Ge-68 K": 65.0}


def pattern(size: int, shift: float = 0.0) -> np.ndarray:
    """Numbers between about -1.4 and 1.4 that look like chance but are not."""
    index = np.arange(size)
    return 1.4 * np.sin(12.9898 * index + 78.233 * index**2 + shift)


def background() -> np.ndarray:
    """Rate in counts/(kg keV day): flat, a rise below 0.5 keV, and the lines."""
    middle = (EDGES[1:] + EDGES[:-1]) / 2
    result = 20 + 60 * np.exp(-(middle - 0.3) / 0.09)
    for name, energy in LINES.items():
        width = 0.05 + 0.006 * energy
        result = result + _STRENGTH[name] / (
            width * np.sqrt(2 * np.pi)
        ) * 0.35 * np.exp(-0.5 * ((middle - energy) / width) ** 2)
    return result


def signal() -> np.ndarray:
    """Rate of a millicharge signal at the limit: falling, with the L edge."""
    middle = (EDGES[1:] + EDGES[:-1]) / 2
    return 1.6 / middle + 1.1 * (middle > 1.25) / middle + 0.12 * (middle > 11.1)


def expected(period: str) -> np.ndarray:
    """Expected counts of the background."""
    return background() * np.diff(EDGES) * EXPOSURES[period]


def observed(period: str) -> np.ndarray:
    """Counts of a period, whole numbers."""
    mean = expected(period)
    moved = mean + np.sqrt(mean) * pattern(mean.size, 2.0 * (period == "ON"))
    return np.round(np.maximum(moved, 0))


def spectra_arguments() -> dict[str, Any]:
    """Arguments of `spectra` for two periods."""
    return {
        "edges": EDGES,
        "counts": {name: observed(name) for name in EXPOSURES},
        "exposures": EXPOSURES,
        "models": {"OFF": {"background": expected("OFF")}},
        "lines": LINES,
        "experiment": "TEXONO-PCGe",
        "status": "simulated",
        "note": "124.2 (70.3) kg day ON (OFF)",
    }


def projection_arguments() -> dict[str, Any]:
    """Arguments of `projection`: times after a trigger, bins of several widths."""
    edges = np.array([-0.1, 0.4, 0.65, 0.9, 1.4, 2.4, 3.4, 4.9])
    background = 40.0 * np.diff(edges)
    signal = np.array([1.0, 9.0, 14.0, 20.0, 25.0, 16.0, 14.0])
    return {
        "edges": edges,
        "counts": np.round(background + signal + 3 * pattern(signal.size)),
        "models": {"best fit": background + signal, "backgrounds": background},
        "quantity": "Time after the trigger",
        "unit": "us",
        "experiment": "CENNS-10",
        "status": "data",
    }


def band_arguments() -> dict[str, Any]:
    """Arguments of `band`: a xenon time projection chamber."""
    x = 3 + 67 * (np.arange(420) * 0.6180339887 % 1)
    centre = 3.05 - 0.012 * x + 1.1 / (x + 3)
    y = centre + 0.075 * pattern(x.size) * (1 + 0.9 * (np.arange(x.size) % 29 == 3))
    grid = np.linspace(4.0, 70.0, 30)
    middle = 3.05 - 0.012 * grid + 1.1 / (grid + 3)
    return {
        "x": x,
        "y": y,
        "band_x": grid,
        "quantiles": {
            0.02: middle - 0.14,
            0.1: middle - 0.09,
            0.5: middle,
            0.9: middle + 0.09,
            0.98: middle + 0.14,
        },
        "x_quantity": "Corrected S1",
        "x_unit": "PE",
        "y_quantity": r"$\log_{10}$(corrected S2 / PE)",
        "experiment": "XENON1T",
        "status": "simulated",
        "note": "SR1, 3\u201370 PE",
    }


def rate_arguments() -> dict[str, Any]:
    """Arguments of `rates`: couplings in germanium at a reactor."""
    t = np.geomspace(0.01, 100.0, 160)
    atomic = 1 / t * (1 + 3.5 * (t > 1.25)) / (1 + (t / 3) ** 1.1)
    nuclear = np.where(t < 0.35, 3e3 * np.exp(-t / 0.035), 0.0)
    return {
        "recoil_kev": t,
        "curves": {
            r"millicharge, $\delta_\mathrm{Q} = 10^{-12}$": atomic,
            r"magnetic moment, $\mu_\nu = 10^{-11}\,\mu_\mathrm{B}$": 0.08 / t**0.9,
            r"SM, $\bar{\nu}_e$-e": 1.2e-3 * (1 - 0.5 * np.exp(-t / 4)),
            r"SM, $\bar{\nu}_e$-N": nuclear,
        },
        "threshold": 0.3,
        "experiment": "Ge",
        "note": r"$\phi$ = $10^{13}$ cm$^{-2}$ s$^{-1}$",
    }


def cross_section_arguments() -> dict[str, Any]:
    """Arguments of `cross_sections`: three methods, with absorption edges."""
    t = np.geomspace(0.01, 100.0, 160)
    free = 32 * 5e-46 / t**2 * 0.3
    edges = (1 + 4 * (t > 1.25)) * (1 + 7 * (t > 11.1))
    ratio = 25 / (1 + (t / 0.6) ** 1.5) * edges
    return {
        "recoil_kev": t,
        "curves": {
            "free electrons": free,
            "equivalent photons": free * ratio,
            "atomic response": free * (0.85 * ratio + 1),
        },
        "lines": {"K": 11.1, "L3": 1.22, "L1": 1.41},
        "note": r"Ge, $E_\nu$ = 1 MeV, $\delta_\mathrm{Q} = 10^{-12}$",
    }


def cross_section_band_arguments() -> dict[str, Any]:
    """Arguments of `cross_sections` with a band: one method, three regulators."""
    made = cross_section_arguments()
    atomic = made["curves"].pop("atomic response")
    t = made["recoil_kev"]
    names = (r"$\nu$ mass", "cut", "medium")
    for name, share in zip(names, (1.0, 0.7, 0.4), strict=True):
        made["curves"][name] = atomic * (share + (1 - share) * t / (t + 10.0))
    made["bands"] = {"atomic, all regulators": names}
    return made


def photoabsorption_arguments() -> dict[str, Any]:
    """Arguments of `photoabsorption`: three tables and a calculation."""
    t = np.geomspace(0.1, 30.0, 200)
    henke = 2e-19 / t**2.6 * (1 + 4 * (t > 1.25)) * (1 + 6 * (t > 11.1))
    elam = henke * (1 - 0.2 * np.exp(-((np.log(t / 0.3) / 0.6) ** 2)))
    chantler = np.where(t > 0.2, 0.95 * elam, np.nan)
    return {
        "energy_kev": t,
        "curves": {
            "Henke": henke,
            "calculated": henke * (1 + 0.03 * np.sin(3 * np.log(t))),
            "Chantler": chantler,
            "Elam": elam,
        },
        "reference": "Henke",
        "note": "Ge",
    }


def scan_arguments() -> dict[str, Any]:
    """Arguments of `cls_scan`: the parameter is the square of a millicharge."""
    tested = np.linspace(0.0, 8.0, 41)
    steps = np.array([-2.0, -1.0, 0.0, 1.0, 2.0])
    strength = 0.62 * tested[:, None]
    expected_cls = np.exp(-strength * np.exp(-0.32 * steps)[None, :])
    return {
        "tested": tested,
        "observed": np.exp(-0.52 * tested),
        "expected": expected_cls,
        "cl": 0.9,
        "observed_limit": float(np.log(10) / 0.52),
        "expected_limit": float(np.log(10) / 0.62),
        "parameter": r"$\mu = (\delta_\mathrm{Q} / 10^{-12}\,e)^2$",
        "coupling_reference": 1e-12,
        "coupling": r"$|\delta_\mathrm{Q}|$",
        "coupling_unit": "e",
        "experiment": "TEXONO-PCGe",
        "status": "simulated",
        "note": "asymptotic",
    }


def residual_arguments() -> dict[str, Any]:
    """Arguments of `residual`: ON - OFF with a fit and the signal at the limit."""
    (on, on_errors), (off, off_errors) = (
        rate(counts=observed(name), edges=EDGES, exposure=exposure)
        for name, exposure in EXPOSURES.items()
    )
    values, both = difference(
        minuend=on,
        minuend_errors=on_errors,
        subtrahend=off,
        subtrahend_errors=off_errors,
    )
    return {
        "edges": EDGES,
        "values": values,
        "value_errors": both,
        "best_fit": 0.2 * signal(),
        "best_fit_band": np.stack([-0.4 * signal(), 0.8 * signal()]),
        "excluded": signal(),
        "lines": LINES,
        "log_energy": True,
        "experiment": "TEXONO-PCGe",
        "status": "simulated",
        "note": "124.2 (70.3) kg day ON (OFF)",
    }


def cut_flow_arguments() -> dict[str, Any]:
    """Arguments of `cut_flow` for two periods."""
    return {
        "cuts": ["all events", "energy finite", "anti-Compton", "cosmic veto"],
        "counts": {
            "ON": [1203400, 1203388, 410223, 52120],
            "OFF": [703400, 703388, 231223, 29120],
        },
        "experiment": "TEXONO-PCGe",
        "status": "simulated",
    }


def inference_arguments() -> dict[str, dict[str, Any]]:
    """Arguments of the figures of an inference: a coupling with a mirror minimum."""
    g = np.linspace(-1.5, 1.8, 67)
    rise = 9.0 * (g * (g - 0.4) - 0.8) ** 2
    rise = rise - rise.min()
    critical = 2.7 - 0.8 * np.exp(-((g / 0.4) ** 2))
    a, b, c, d = g[1:][np.diff(np.sign(critical - rise)) != 0]
    header = {"experiment": "TEXONO-PCGe", "status": "simulated"}
    true = np.linspace(0.0, 4.0, 41)
    x, y = np.linspace(-3, 3, 61), np.linspace(-2, 2, 41)
    ring = (x[:, None] ** 2 + 2.0 * y[None, :] ** 2 - 1.5) ** 2
    names = ["gain", "flux", "efficiency of the trigger", "norm of the K lines"]
    values, errors = [0.4, -1.1, 0.1, 1.8], [0.9, 0.5, 1.0, 0.7]
    return {
        "likelihood_scan": {
            "values": g * 1e-12, "rise": rise, "critical": critical,
            "intervals": [(a * 1e-12, b * 1e-12), (c * 1e-12, d * 1e-12)],
            "parameter": r"$q_\nu$", "unit": "e", **header,
        },
        "belt": {
            "values": true, "low": true - 1.64 + 0.3 * np.exp(-true),
            "high": true + 1.64 - 0.36 * np.exp(-true), "measured": 1.0,
            "parameter": "True signal", "estimate": "Measured signal", **header,
        },
        "region": {
            "x": x * 1e-12, "y": y * 1e-12, "rise": ring, "critical": 1.2,
            "best_fit": (1.22e-12, 0.0), "names": (r"$q_e$", r"$q_\mu$"), "unit": "e",
            **header,
        },
        "pulls": {"names": names, "values": values, "errors": errors},
        "impacts": {
            "names": names, "up": [0.31, -0.22, 0.1, 0.02],
            "down": [-0.28, 0.2, -0.11, -0.03], "pulls": [0.4, -1.1, 0.1, None],
            "errors": [0.9, 0.5, 1.0, None],
        },
    }  # fmt: skip


def ladder_arguments() -> dict[str, Any]:
    """Arguments of `ladder`: limits of three kinds over many decades."""
    return {
        "rungs": [
            Rung("reactor, electrons", 2.1e-12, 2.5e-12),
            Rung("reactor, nuclei as printed", 1.8e-14, 2.1e-12),
            Rung("spallation source", 3.9e-7),
            Rung("projection", None, 6.3e-14),
            Rung("cooling of stars", 2e-14, cited=True),
            Rung("neutrality of matter", 3e-21, cited=True),
        ],
        "note": "90% CL",
    }


def profiles_arguments() -> dict[str, Any]:
    """Arguments of `profiles`: parabolas and their sum."""
    q = np.linspace(-3e-12, 3e-12, 61)
    one, two = 2.7 * (q / 1.6e-12) ** 2, 2.7 * ((q + 2e-13) / 1.1e-12) ** 2
    return {
        "curves": {"one": (q, one), "two": (q, two), "combined": (q, one + two)},
        "note": "statistical errors",
    }


def belts_arguments() -> dict[str, Any]:
    """Arguments of `belts`: two straight belts."""
    y = np.linspace(0.0, 8.0, 33)
    return {
        "curves": {
            "without fit": (y, y - 3.0, y + 3.0),
            "with fit": (y, y - 1.8, y + 1.8),
        },
        "parameter": "True amplitude",
        "estimate": "Estimated amplitude",
        "experiment": "nuGeN",
        "status": "toys",
    }


def regions_arguments() -> dict[str, Any]:
    """Arguments of `regions`: two ellipses, one of them off centre."""
    x = np.linspace(-9e-7, 9e-7, 91)
    a, b = np.meshgrid(x, x, indexing="ij")
    wide = 4.6 * ((a / 6e-7) ** 2 + (b / 6.5e-7) ** 2 + 0.3 * a * b / 4e-13)
    narrow = 4.6 * (((a + 2e-8) / 1.8e-7) ** 2 + (b / 1.9e-7) ** 2)
    return {
        "curves": {"correct formula": (x, x, wide), "as printed": (x, x, narrow)},
        "names": (r"$q_{\nu_e}$", r"$q_{\nu_\mu}$"),
        "experiment": "CDEX-10",
    }


def run_arguments() -> dict[str, Any]:
    """Arguments of the figures of data taking: ON, then OFF, then ON again."""
    rng = np.random.default_rng(5)
    number = np.arange(1, 61)
    off = (number > 25) & (number <= 45)
    live = np.where(number % 9 == 0, 0.7, 1.9) + 0.05 * rng.random(60)
    counts = rng.poisson(np.where(off, 210.0, 240.0) * live)
    return {
        "periods": {
            name: RunTable(number[p], 2.0 * number[p], live[p], counts[p])
            for name, p in (("ON", ~off), ("OFF", off))
        },
        "experiment": "TEXONO-PCGe",
        "status": "simulated",
    }


@pytest.fixture
def examples() -> SimpleNamespace:
    """Arguments for every figure, made anew so that a test may change them."""
    made = SimpleNamespace(
        spectra=spectra_arguments(),
        projection=projection_arguments(),
        residual=residual_arguments(),
        band=band_arguments(),
        cut_flow=cut_flow_arguments(),
        rates=rate_arguments(),
        cross_sections=cross_section_arguments(),
        cross_sections_band=cross_section_band_arguments(),
        photoabsorption=photoabsorption_arguments(),
        cls_scan=scan_arguments(),
        **inference_arguments(),
        ladder=ladder_arguments(),
        profiles=profiles_arguments(),
        belts=belts_arguments(),
        regions=regions_arguments(),
        rate_time={**run_arguments(), "shaded": ["ON"]},
        live_time=run_arguments(),
    )
    return deepcopy(made)
