"""Figures of the literature, drawn anew from the models.

Each function returns one figure and says what it stands for. Curves are predictions of
this package by the method that the legend names, not readings of the originals.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np

from nuem.inputs.errors import InputError
from nuem.inputs.vocabulary import Convention
from nuem.models.constants import SIN2_THETA_W

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from numpy.typing import NDArray

    from nuem.models.flux.spectrum import Flux

__all__ = [
    "FIGURES",
    "basi_2025_mixing_angle",
    "basi_2025_rates",
    "basi_2025_total_rates",
    "chen_2014_cross_sections",
    "chen_2014_rates",
    "draw_literature",
    "effective_mixing_angle",
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


def basi_2025_total_rates() -> Figure:
    """Draw the whole rates with charges of both signs, interference included."""
    from nuem.models.fold import recoil_spectrum
    from nuem.plots.cross_sections import rates

    sun, recoil = _sun(), np.geomspace(0.1, 6.0, 600)
    found = recoil_spectrum("nucleus-millicharge", "Ge", sun, recoil, couplings="tree")
    curves = {"SM": found["1"]}
    for charge in (-1e-7, -1e-8, 1e-8, 1e-7):
        curves[_charge_label(charge)] = _with_charge(found, charge)
    return rates(
        recoil_kev=recoil,
        curves=curves,
        recoil_unit="keVnr",
        y_range=(1e-8, 1e3),
        note="Ge, solar neutrinos, B16-GS98",
    )


def basi_2025_mixing_angle() -> Figure:
    """Draw a millicharge as what it does to the weak mixing angle.

    At each recoil: the angle at which the Standard Model alone has the rate that it has
    together with the charge, ``sin^2 - pi alpha q/(sqrt2 G_F M T)`` for one nucleus.
    """
    from nuem.plots.cross_sections import mixing_angles

    recoil = np.geomspace(0.1, 6.0, 600)
    curves = {"SM": np.full_like(recoil, SIN2_THETA_W)}
    for charge in (-1e-9, -3e-10, 3e-10, 1e-9):
        curves[_charge_label(charge)] = effective_mixing_angle(recoil, charge)
    return mixing_angles(
        recoil_kev=recoil,
        curves=curves,
        y_range=(0.0, 0.55),
        note="Ge, solar neutrinos, B16-GS98",
    )


def effective_mixing_angle(
    recoil_kev: NDArray[np.float64], charge: float, target: str = "Ge"
) -> NDArray[np.float64]:
    """Squared sine that gives the Standard Model the rate it has with a millicharge.

    Parameters
    ----------
    recoil_kev : ndarray
        Recoils that solar neutrinos give, keVnr.
    charge : float
        Charge that all flavours share, e.
    target : str
        What recoils.

    Returns
    -------
    ndarray
        sin^2 theta_W of the tree-level couplings, of the same shape; NaN where no real
        angle does it (close to complete cancellation, in a mixture of isotopes).

    Notes
    -----
    The rate at tree level is a quadratic of the squared sine: three values fix it, and
    of the two solutions the one is taken that goes over into the mixing angle for a
    vanishing charge.

    Examples
    --------
    >>> effective_mixing_angle(np.array([0.5, 1.0]), 1e-9).round(4)
    array([0.1976, 0.2181])
    """
    from nuem.models.fold import recoil_spectrum

    sun = _sun()
    grid = (0.1, 0.2, 0.3)
    low, middle, high = (
        recoil_spectrum(
            "nucleus-sm", target, sun, recoil_kev, couplings="tree", sin2_theta_w=s
        )["1"]
        for s in grid
    )
    step = grid[1] - grid[0]
    curvature = (high - 2.0 * middle + low) / (2.0 * step**2)
    slope = (high - low) / (2.0 * step)
    # rate = middle + slope x + curvature x^2 with x = sin^2 - grid[1]
    terms = recoil_spectrum(
        "nucleus-millicharge", target, sun, recoil_kev, couplings="tree"
    )
    excess = _with_charge(terms, charge) - middle
    lowest = -slope / (2.0 * curvature)
    square = lowest**2 + excess / curvature
    distance = np.sqrt(np.where(square >= 0.0, square, np.nan))
    # beyond the charge at which the rate is lowest, weak charge and charge change roles
    turning = -terms["q"] / (2.0 * terms["q^2"])
    side = np.where(charge < turning, 1.0, -1.0)
    return np.asarray(grid[1] + lowest + side * distance)


def _with_charge(
    terms: dict[str, NDArray[np.float64]], charge: float
) -> NDArray[np.float64]:
    return terms["1"] + charge * terms["q"] + charge**2 * terms["q^2"]


def _charge_label(charge: float) -> str:
    factor, power = f"{charge:+.0e}".split("e")
    number = factor[0] if factor[1:] == "1" else rf"{factor}\times"
    return rf"$q_\nu = {number}10^{{{int(power)}}}\,e$"


#: Name of each figure, also that of its files.
FIGURES: Final[Mapping[str, Callable[[], Figure]]] = {
    "chen-2014-figure-1a": chen_2014_cross_sections,
    "chen-2014-figure-1b": chen_2014_rates,
    "nugen-2025-figure-1": nugen_2025_cross_sections,
    "parada-2020-electrons": parada_2020_electrons,
    "parada-2020-nuclei": parada_2020_nuclei,
    "basi-2025-rates": basi_2025_rates,
    "basi-2025-total-rates": basi_2025_total_rates,
    "basi-2025-mixing-angle": basi_2025_mixing_angle,
}


def draw_literature(
    folder: str | Path,
    names: Iterable[str] = (),
    say: Callable[[str], None] = lambda _: None,
) -> list[Path]:
    """Draw figures of the literature as PNG and PDF.

    Parameters
    ----------
    folder : str or Path
        Where to write; it is made if it is not there.
    names : iterable of str
        Which of `FIGURES`; none for all.
    say : callable
        Told the name of each before it is drawn.

    Returns
    -------
    list of Path
        The files.

    Raises
    ------
    InputError
        For a name that is not there; nothing is drawn then.
    """
    from nuem.plots.style import save

    chosen = list(dict.fromkeys(names)) or list(FIGURES)
    for name in chosen:
        if name not in FIGURES:
            raise InputError(
                "no such figure", found=name, expected="one of " + ", ".join(FIGURES)
            )
    found: list[Path] = []
    for name in chosen:
        say(name)
        found += save(FIGURES[name](), Path(folder) / name)
    return found
