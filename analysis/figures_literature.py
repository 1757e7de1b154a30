"""Figures of the literature, drawn anew from the models.

Each function returns one figure and says what it stands for. Curves are predictions of
this package by the method that the legend names, not readings of the originals.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from nuem.inputs.vocabulary import Convention

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from numpy.typing import NDArray

    from nuem.models.flux.spectrum import Flux

__all__ = [
    "basi_2025_mixing_angle",
    "basi_2025_rates",
    "chen_2014_cross_sections",
    "chen_2014_rates",
    "draw_literature",
    "nugen_2025_cross_sections",
    "parada_2020_electrons",
    "parada_2020_nuclei",
]

_TRANSITION = "electron-millicharge-transition"


def chen_2014_cross_sections() -> Figure:
    """Draw figure 1a of Chen et al. (2014): charge 1e-12 on Ge, 1 MeV.

    The atomic many-body curve of the paper is stood in for by the sum of equivalent
    photons and stepped free electrons.

    Examples
    --------
    >>> chen_2014_cross_sections().axes[0].get_xlabel()
    'Recoil energy $T$ [keV]'
    """
    from nuem.models.process import cross_section
    from nuem.plots.cross_sections import cross_sections

    recoil = np.geomspace(0.08, 100.0, 1200)
    low = recoil[recoil <= 30.0]

    def value(at: NDArray[np.float64], method: str) -> NDArray[np.float64]:
        return cross_section(_TRANSITION, "Ge", 1.0, at, method=method, coupling=1e-12)

    return cross_sections(
        recoil_kev={"free electrons": recoil, "EPA": low, "EPA + stepped": recoil},
        curves={
            "free electrons": value(recoil, "free"),
            "EPA": value(low, "epa"),
            "EPA + stepped": value(recoil, "epa+stepped"),
        },
        lines={"K": 11.103, "L": 1.2170},
        note=r"Ge, $E_\nu$ = 1 MeV, $q_\nu = 10^{-12}\,e$",
    )


def chen_2014_rates() -> Figure:
    """Draw figure 1b of Chen et al. (2014): rates on Ge at 1e13 /cm2/s.

    Recoils of nuclei are converted to ionisation with Lindhard's quenching, k = 0.157.
    """
    from nuem.models.flux import reactor_flux
    from nuem.models.fold import recoil_spectrum
    from nuem.models.quenching import Lindhard
    from nuem.plots.cross_sections import rates

    core = reactor_flux(flux=1e13)
    energy = np.geomspace(0.08, 50.0, 1200)

    def electrons(process: str, coupling: float, method: str) -> NDArray[np.float64]:
        found = recoil_spectrum(process, "Ge", core, energy, method=method)
        return next(iter(found.values())) * coupling**2

    quenching = Lindhard.of("Ge", 0.157)
    recoil = quenching.recoil(energy)
    slope = quenching.derivative(recoil)

    def nuclei(process: str, coupling: float) -> NDArray[np.float64]:
        found = recoil_spectrum(process, "Ge", core, recoil)
        return next(iter(found.values())) * coupling**2 / slope

    charge, moment = r"$q_\nu = 10^{-12}\,e$", r"$\mu_\nu = 10^{-11}\,\mu_\mathrm{B}$"
    return rates(
        recoil_kev=energy,
        curves={
            f"e, {charge}, EPA + stepped": electrons(_TRANSITION, 1e-12, "epa+stepped"),
            f"e, {charge}, free": electrons(_TRANSITION, 1e-12, "free"),
            f"e, {moment}": electrons("electron-magnetic", 1e-11, "stepped"),
            "e, SM": electrons("electron-sm", 1.0, "stepped"),
            "N, SM": nuclei("nucleus-sm", 1.0),
            f"N, {moment}": nuclei("nucleus-magnetic", 1e-11),
        },
        recoil_unit="keVee",
        y_range=(1e-6, 1e5),
        note=r"Ge, reactor, $10^{13}$ cm$^{-2}$ s$^{-1}$",
    )


def nugen_2025_cross_sections() -> Figure:
    """Draw figure 1 of the nuGeN poster (Ignatov 2025): free electrons, 5 MeV."""
    from nuem.models import free_electron as free
    from nuem.plots.cross_sections import cross_sections

    energy, recoil = 5.0, np.geomspace(0.1, 5000.0, 1500)
    return cross_sections(
        recoil_kev=recoil,
        curves={
            "SM": free.sm(energy, recoil),
            r"$\mu_\nu = 5\times10^{-11}\,\mu_\mathrm{B}$": free.magnetic(
                energy, recoil, 5e-11
            ),
            r"$\mu_\nu = 10^{-11}\,\mu_\mathrm{B}$": free.magnetic(
                energy, recoil, 1e-11
            ),
            r"SM and $q_{ee} = +10^{-12}\,e$": free.diagonal(energy, recoil, 1e-12),
            r"SM and $q_{ee} = -10^{-12}\,e$": free.diagonal(energy, recoil, -1e-12),
            r"$|q_{e\ell}| = 10^{-12}\,e$": free.transition(energy, recoil, 1e-12),
        },
        unit="cm2/keV/electron",
        y_range=(1e-49, 1e-42),
        note=r"free electron, $E_\nu$ = 5 MeV",
    )


def _parada(process: str, target: str, energy: float, recoil: NDArray[np.float64],
            charge: float, method: str | None) -> Figure:  # fmt: skip
    from nuem.models.process import coefficients
    from nuem.plots.cross_sections import cross_sections

    curves: dict[str, NDArray[np.float64]] = {}
    for convention, name in (
        (Convention.PHYSICAL, "physical"),
        (Convention.PARADA_2020, "as printed"),
    ):
        terms = coefficients(
            process, target, energy, recoil, method=method, convention=convention
        )
        curves.setdefault("SM", terms["1"])
        curves[f"EM, {name}"] = terms["q^2"] * charge**2
        curves[f"|interference|, {name}"] = np.abs(terms["q"]) * charge
    exponent = round(np.log10(charge))
    return cross_sections(
        recoil_kev=recoil,
        curves=curves,
        unit="cm2/keV/nucleus" if method is None else "cm2/keV/atom",
        recoil_unit="keVnr" if method is None else "keV",
        note=rf"{target}, $E_\nu$ = {energy:g} MeV, $q_\nu = 10^{{{exponent}}}\,e$",
    )


def parada_2020_electrons() -> Figure:
    """Draw the terms on electrons of Parada (2020), correct and as printed."""
    recoil = np.geomspace(1.0, 4000.0, 800)
    return _parada("electron-millicharge", "Ge", 4.0, recoil, 1e-12, "free")


def parada_2020_nuclei() -> Figure:
    """Draw the terms on nuclei of Parada (2020), correct and as printed."""
    recoil = np.geomspace(0.01, 0.5, 800)
    return _parada("nucleus-millicharge", "Ge", 4.0, recoil, 1e-12, None)


def _sun() -> Flux:
    from nuem.models.flux import solar_flux

    return solar_flux()


def basi_2025_rates() -> Figure:
    """Draw event rates of solar neutrinos on Ge against the recoil of the nucleus.

    Basi and Demirci (2025) show the Standard Model and the part of the millicharge,
    by flavour.
    """
    from nuem.models.fold import recoil_spectrum
    from nuem.plots.cross_sections import rates

    recoil, charge = np.geomspace(0.01, 6.0, 900), 1e-8
    found = recoil_spectrum(
        "nucleus-millicharge", "Ge", _sun(), recoil, couplings="tree", by_flavour=True
    )
    return rates(
        recoil_kev=recoil,
        curves={
            "SM": found["1"],
            r"$q_{\nu_e} = 10^{-8}\,e$": found["q_e^2"] * charge**2,
            r"$q_{\nu_\mu} = 10^{-8}\,e$": found["q_mu^2"] * charge**2,
            r"$q_{\nu_\tau} = 10^{-8}\,e$": found["q_tau^2"] * charge**2,
        },
        recoil_unit="keVnr",
        y_range=(1e-8, 1e4),
        note="Ge, solar neutrinos, B16-GS98",
    )


def basi_2025_mixing_angle() -> Figure:
    """Draw the same millicharge as a mixing angle that runs with the recoil.

    ``sin^2 -> sin^2 - pi alpha q/(sqrt2 G_F M T)``: rates with and without it.
    """
    from nuem.models.fold import recoil_spectrum
    from nuem.plots.cross_sections import rates

    sun, recoil = _sun(), np.geomspace(0.1, 6.0, 600)
    found = recoil_spectrum("nucleus-millicharge", "Ge", sun, recoil, couplings="tree")
    curves = {"SM": found["1"]}
    for charge in (-1e-7, -1e-8, 1e-8, 1e-7):
        value, power = (f"{charge:+.0e}").split("e")
        name = rf"$q_\nu = {value[0]}10^{{{int(power)}}}\,e$"
        curves[name] = found["1"] + charge * found["q"] + charge**2 * found["q^2"]
    return rates(
        recoil_kev=recoil,
        curves=curves,
        recoil_unit="keVnr",
        y_range=(1e-8, 1e3),
        note=r"Ge, solar neutrinos, running $\sin^2\theta_W$",
    )


#: Name of the file of each figure.
_FIGURES: dict[str, Callable[[], Figure]] = {
    "chen-2014-figure-1a": chen_2014_cross_sections,
    "chen-2014-figure-1b": chen_2014_rates,
    "nugen-2025-figure-1": nugen_2025_cross_sections,
    "parada-2020-electrons": parada_2020_electrons,
    "parada-2020-nuclei": parada_2020_nuclei,
    "basi-2025-rates": basi_2025_rates,
    "basi-2025-mixing-angle": basi_2025_mixing_angle,
}


def draw_literature(folder: str | Path) -> list[Path]:
    """Draw all of them as PNG and PDF.

    Parameters
    ----------
    folder : str or Path
        Where to write; it is made if it is not there.

    Returns
    -------
    list of Path
        The files.

    """
    from nuem.plots.style import save

    found: list[Path] = []
    for name, draw in _FIGURES.items():
        found += save(draw(), Path(folder) / name)
    return found
