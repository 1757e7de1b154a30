"""Terms of neutrino-electron scattering from the tables of atomic responses."""

from __future__ import annotations

from collections.abc import Iterable

from nuem.inputs.errors import ModelError
from nuem.inputs.vocabulary import Convention, Flavour, Process, Regulator
from nuem.models import free_electron
from nuem.models.arrays import FloatArray
from nuem.models.atomic import kinematics as atomic
from nuem.models.atomic.direct import exact_moments
from nuem.models.atomic.table import load_table
from nuem.models.constants import REGULATOR_MASS_EV
from nuem.models.couplings import ElectronCouplings, electron_couplings
from nuem.models.isotopes import Target
from nuem.models.options import Options
from nuem.models.regulators import density
from nuem.models.targets import Element

__all__ = ["atomic_notes", "atomic_terms", "check_atomic", "regulator_note"]


def check_atomic(symbols: Iterable[str], options: Options) -> None:
    """Refuse atoms without a table and formulas that the responses do not have.

    Raises
    ------
    ModelError
        Naming what to run, or what to choose.
    """
    for symbol in symbols:
        load_table(symbol)
    if options.convention is not Convention.PHYSICAL:
        raise ModelError(
            "atomic responses have the physical formulas alone", field="convention",
            found=str(options.convention), expected="physical, or another method",
        )  # fmt: skip


def regulator_note(options: Options, target: Target) -> str:
    """The regulator in words: what stands for ln(T^2/Q^2_min)."""
    regulator = Regulator(options.regulator)
    if regulator is Regulator.NEUTRINO_MASS:
        return f"{regulator}: ln(E E'/m^2), m = {REGULATOR_MASS_EV:g} eV"
    if regulator is Regulator.MOMENTUM_CUT:
        return f"{regulator}: 2 ln(T/{REGULATOR_MASS_EV:g} eV)"
    value = options.density_g_cm3 or density(target)
    return f"{regulator}: photon propagator with eps(T), {value:g} g/cm3"


def atomic_notes(symbols: Iterable[str], options: Options) -> list[str]:
    """Which tables were used, and from where to where they hold."""
    lines = []
    for symbol in symbols:
        table = load_table(symbol)
        low, high = table.valid_kev
        line = f"atomic responses of {symbol}, valid from {low:g} to {high:g} keV"
        if options.beyond_validity:
            line += ", used from {:g} to {:g} keV".format(*table.range_kev)
        if options.atomic_shift:
            line += f", shifted by {options.atomic_shift:+g} of the error band"
        if table.source:
            line += f", {table.source}"
        lines.append(line)
    return lines


def atomic_terms(
    process: Process,
    element: Element,
    flavour: Flavour,
    options: Options,
    recoil: FloatArray,
    medium: Target,
    energy_mev: FloatArray | None = None,
) -> dict[str, FloatArray]:
    """Each term as an expansion in the neutrino energy, per atom.

    Parameters
    ----------
    process : Process
        An ``electron-`` process.
    element : Element
        The atom; it needs a table.
    flavour : Flavour
        Neutrino at the detector.
    options : Options
        Mixing angle and regulator.
    recoil : ndarray
        Energy transfer, keV.
    medium : Target
        What the atom is part of.
    energy_mev : ndarray, optional
        Neutrino energy of each recoil: where the integrals over q know it, they are
        done anew (:mod:`nuem.models.atomic.direct`).

    Returns
    -------
    dict of str to ndarray
        Monomial to the factors of the basis of :mod:`nuem.models.kinematics`.

    Raises
    ------
    ModelError
        If there is no table, or a recoil is outside it.
    """
    table = load_table(element.symbol)
    outside, shift = options.beyond_validity, options.atomic_shift
    if energy_mev is None:
        moments = table.at(recoil, outside=outside, shift=shift)
    else:
        moments = exact_moments(table, energy_mev, recoil, outside=outside, shift=shift)
    if process is Process.ELECTRON_MAGNETIC:
        return {"mu^2": atomic.magnetic_expansion(recoil, moments)}
    terms: dict[str, FloatArray] = {}
    g = electron_couplings(flavour, options.sin2_theta_w)
    # the products with g_A vanish with T/E: free electrons, as far as loose
    loose = element.bound_below(recoil)
    only_v = ElectronCouplings(g.vector, 0.0)
    only_a = ElectronCouplings(0.0, g.axial)

    def mixed(shift: FloatArray | float) -> FloatArray:
        return loose * free_electron.linear_expansion(recoil, only_a, shift)

    vector = atomic.vector_expansion(recoil, moments)
    if process is not Process.ELECTRON_MILLICHARGE_TRANSITION:
        crossed = (
            free_electron.sm_expansion(recoil, g)
            - free_electron.sm_expansion(recoil, only_v)
            - free_electron.sm_expansion(recoil, only_a)
        )
        axial = atomic.axial_expansion(recoil, moments)
        terms["1"] = g.vector**2 * vector + g.axial**2 * axial
        terms["1"][: len(crossed)] += loose * crossed
    if process is Process.ELECTRON_MILLICHARGE:
        terms["q"] = g.vector * atomic.interference_expansion(recoil, moments)
        extra = mixed(free_electron.millicharge_shift(recoil))
        terms["q"][: len(extra)] += extra
    if process in free_electron.VECTOR_SHIFT:
        symbol, shift = free_electron.VECTOR_SHIFT[process]
        terms[symbol] = 2.0 * g.vector * shift * vector
        extra = mixed(shift)
        terms[symbol][: len(extra)] += extra
        terms[f"{symbol}^2"] = shift**2 * vector
    elif process is not Process.ELECTRON_SM:
        terms["q^2"] = atomic.charge_expansion(
            recoil, moments, options.regulator, medium=medium,
            density_g_cm3=options.density_g_cm3,
        )  # fmt: skip
    return terms
