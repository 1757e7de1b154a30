"""Speed of predictions, beside peers that are measured in the same run."""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np
import pytest

from nuem.analysis.prediction import predict
from nuem.inputs.catalogue import load_experiment
from nuem.models.arrays import FloatArray
from nuem.models.detector import Response
from nuem.models.flux import reactor_flux
from nuem.models.fold import recoil_spectrum
from nuem.models.isotopes import target
from nuem.models.process import coefficients

RECOIL = np.geomspace(0.01, 3.0, 500)


def best_ms(call: Callable[[], object], repeat: int = 30) -> float:
    """Shortest of several times, in ms, after one call that loads tables."""
    call()
    times = []
    for _ in range(repeat):
        start = time.perf_counter()
        call()
        times.append(time.perf_counter() - start)
    return 1e3 * min(times)


def test_recoil_spectrum() -> None:
    """500 recoils of natural Ge in the full reactor flux, and products of matrices.

    The products are what a fold on grids costs once its matrices are there: response
    (500 x 500), cross section (500 x 500), flux (500), from the left (matrix times
    matrix first, dear) and from the right (matrix times vector twice, cheap). With the
    response, our own time is that of the spectrum and of the same matrix on it.
    """
    core = reactor_flux(flux=1e13)

    def spectrum() -> FloatArray:
        return recoil_spectrum("nucleus-sm", "Ge", core, RECOIL)["1"]

    energy = np.linspace(0.05, 12.0, 500)
    matrix = np.zeros((RECOIL.size, energy.size))
    for isotope, share in target("Ge").nuclei:
        one = coefficients(
            "nucleus-sm", isotope.symbol, energy[None, :], RECOIL[:, None]
        )
        matrix += share * one["1"]
    response = Response(lambda e: 0.05 + 0.0 * e, floor_kev=0.01)
    smear = response.matrix(np.linspace(0.05, 3.0, 501), RECOIL)
    flux = core(energy)
    ours = best_ms(spectrum)
    seen = best_ms(lambda: smear @ spectrum())
    dear = best_ms(lambda: (smear @ matrix) @ flux)
    cheap = best_ms(lambda: smear @ (matrix @ flux))
    print(
        f"recoil spectrum {ours:.3f} ms, with the response {seen:.3f} ms; "
        f"(response cross-section) flux {dear:.3f} ms, "
        f"response (cross-section flux) {cheap:.3f} ms"
    )
    assert ours < 2.0
    assert seen < 2.0


def test_faster_than_wimprates() -> None:
    """A recoil of ours against one of theirs; `nox -s benchmarks` installs it."""
    import wimprates

    core = reactor_flux(flux=1e13)
    ours = best_ms(lambda: recoil_spectrum("nucleus-sm", "Ge", core, RECOIL)) / 500
    energies = np.geomspace(1.0, 20.0, 20)
    peer = best_ms(lambda: wimprates.rate_wimp_std(energies, 50.0, 1e-45), 3) / 20
    print(f"a point: {1e3 * ours:.3f} us, wimprates {1e3 * peer:.1f} us")
    assert peer > 50.0 * ours


@pytest.mark.parametrize("regulator", ["neutrino-mass", "medium"])
def test_atomic_spectrum(regulator: str) -> None:
    """200 energy transfers of germanium in the full reactor flux, from the table."""
    core, recoil = reactor_flux(flux=1e13), np.geomspace(0.1, 100.0, 200)
    ours = best_ms(
        lambda: recoil_spectrum(
            "electron-millicharge-transition",
            "Ge",
            core,
            recoil,
            method="atomic",
            regulator=regulator,
        )
    )
    print(f"atomic recoil spectrum, {regulator}: {ours:.3f} ms")
    assert ours < 2.0


@pytest.mark.parametrize("name", ["texono-pcge", "xenon1t-sr1"])
def test_template_set(name: str) -> None:
    """All channels, signals and variations of an experiment."""
    experiment = load_experiment(name)
    ours = best_ms(lambda: predict(experiment), 10)
    print(f"templates of {name} with variations: {ours:.1f} ms")
    assert ours < 50.0
