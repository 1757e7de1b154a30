"""Photoabsorption and the equivalent-photon cross section of an atom.

At small momentum transfer a charge ionises an atom like a flux of real photons
(Weizsaecker and Williams), so that measured photoabsorption replaces a calculation
of the atom. Three tables are at hand: ``henke`` (from ``periodictable``, 10 eV to
30 keV: Henke, Gullikson and Davis 1993, sigma = 2 r_e lambda f2), ``elam`` and
``chantler`` (from ``xraydb``: Elam, Ravel and Sieber 2002; Chantler 1995, 2000).
Outside its range a table raises; nothing is extrapolated or clamped.
"""

from __future__ import annotations

import json
import math
from functools import lru_cache

import numpy as np

from nuem.inputs.errors import InputError, ModelError
from nuem.inputs.vocabulary import Photoabsorption
from nuem.models.arrays import (
    ArrayLike,
    FloatArray,
    finite,
    not_negative,
    positive,
    read_only,
)
from nuem.models.constants import (
    ALPHA,
    AVOGADRO,
    ELECTRON_RADIUS_CM,
    HC_KEV_CM,
    KEV_PER_MEV,
    REGULATOR_MASS_EV,
)
from nuem.models.kinematics import maximum_recoil
from nuem.models.targets import element

__all__ = [
    "absorption_breakpoints",
    "as_photoabsorption",
    "chantler_energies",
    "epa",
    "epa_expansion",
    "henke_factors",
    "photoabsorption",
    "table_range",
]

#: Range of the Elam tables in xraydb, keV: outside, xraydb holds the last value.
_ELAM_RANGE = (0.1, 800.0)


def as_photoabsorption(table: Photoabsorption | str) -> Photoabsorption:
    """Table of that name, or an InputError that lists the names."""
    try:
        return Photoabsorption(table)
    except ValueError:
        raise InputError(
            "unknown photoabsorption table",
            field="photoabsorption",
            found=table,
            expected="one of " + ", ".join(Photoabsorption),
        ) from None


@lru_cache(maxsize=64)
def henke_factors(symbol: str) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Table of Henke, Gullikson and Davis: straight lines in the logarithms.

    Parameters
    ----------
    symbol : str
        Element.

    Returns
    -------
    (ndarray, ndarray, ndarray)
        Energies in keV, f1 (NaN at the lowest) and f2.

    Raises
    ------
    ModelError
        If there is none for the element.

    Examples
    --------
    >>> energy, f1, f2 = henke_factors("Ge")
    >>> float(energy[0]), float(energy[-1])
    (0.01, 30.0)
    """
    import periodictable

    element(symbol)
    table = periodictable.elements.symbol(symbol).xray.sftable
    if table is None:
        raise ModelError("no Henke table for this element", found=symbol)
    energy, f1, f2 = np.asarray(table, dtype=np.float64)
    # two rows at the K edge of silicon have each other's energies: f2 rises there
    energy = np.sort(energy)
    good = np.isfinite(f2) & (f2 > 0.0)
    return read_only(energy[good]), read_only(f1[good]), read_only(f2[good])


@lru_cache(maxsize=64)
def chantler_energies(symbol: str) -> FloatArray:
    """Energies of the Chantler table, keV; log-log linear between them.

    Raises
    ------
    ModelError
        If there is none for the element.
    """
    import xraydb

    element(symbol)
    try:
        return read_only(np.asarray(xraydb.chantler_energies(symbol)) / 1e3)
    except Exception as error:  # xraydb lets the exception of its database through
        raise ModelError("no Chantler table for this element", found=symbol) from error


def table_range(
    symbol: str, table: Photoabsorption | str = Photoabsorption.HENKE
) -> tuple[float, float]:
    """Photon energies that a table covers, keV.

    Examples
    --------
    >>> table_range("Ge", "henke")
    (0.01, 30.0)
    """
    name = as_photoabsorption(table)
    if name is Photoabsorption.ELAM:
        element(symbol)
        return _ELAM_RANGE
    if name is Photoabsorption.HENKE:
        energies = henke_factors(symbol)[0]
    else:
        energies = chantler_energies(symbol)
    return float(energies[0]), float(energies[-1])


def photoabsorption(
    symbol: str,
    energy_kev: ArrayLike,
    table: Photoabsorption | str = Photoabsorption.HENKE,
) -> FloatArray:
    """Photoabsorption cross section of an atom.

    Parameters
    ----------
    symbol : str
        Element.
    energy_kev : array_like
        Photon energy, keV, any shape.
    table : Photoabsorption or str
        ``henke``, ``elam`` or ``chantler``.

    Returns
    -------
    ndarray
        cm^2/atom, of the same shape.

    Raises
    ------
    ModelError
        If an energy is outside the table, or there is no table for the element.

    Examples
    --------
    >>> f"{float(photoabsorption('Ge', 1.0)):.6e}"
    '2.264858e-19'
    """
    name = as_photoabsorption(table)
    energy = positive(energy_kev, "recoil_kev")
    low, high = table_range(symbol, name)
    outside = (energy < low) | (energy > high)
    if np.any(outside):
        raise ModelError(
            f"outside the {name} photoabsorption table of {symbol}",
            field="recoil_kev",
            found=f"{energy[outside].flat[0]:g} keV",
            expected=f"{low:g} to {high:g} keV",
        )
    if name is Photoabsorption.HENKE:
        grid, _, f2 = henke_factors(symbol)
        wavelength = HC_KEV_CM / energy
        # straight lines in the logarithms, as periodictable has it
        absorption = np.exp(np.interp(np.log(energy), np.log(grid), np.log(f2)))
        return 2.0 * ELECTRON_RADIUS_CM * wavelength * absorption
    return _from_xraydb(symbol, energy, name)


def _from_xraydb(symbol: str, energy: FloatArray, name: Photoabsorption) -> FloatArray:
    import xraydb

    if energy.size == 0:
        return np.zeros_like(energy)
    # a flat copy: xraydb writes into its argument, and wants one dimension
    flat = np.array(energy, dtype=np.float64).ravel() * 1e3
    if name is Photoabsorption.ELAM:
        # rounding must not take an energy at the end of the table outside of it
        flat = np.clip(flat, _ELAM_RANGE[0] * 1e3, _ELAM_RANGE[1] * 1e3)
        per_gram = xraydb.mu_elam(symbol, flat, kind="photo")
    else:
        per_gram = xraydb.mu_chantler(symbol, flat, photo=True)
    per_atom = np.asarray(per_gram, dtype=np.float64) * element(symbol).mass_u
    return np.reshape(per_atom / AVOGADRO, energy.shape)


@lru_cache(maxsize=64)
def _elam_knots(symbol: str) -> FloatArray:
    """Energies of Elam's table, keV: the pieces of its spline end there."""
    import xraydb

    database = xraydb.get_xraydb()
    row = database.get_cache("photoabsorption", column="element", value=symbol)[0]
    return read_only(np.exp(json.loads(row.log_energy)) / 1e3)


def absorption_breakpoints(
    symbol: str, table: Photoabsorption | str, low_kev: float, high_kev: float
) -> FloatArray:
    """Energies at which a tabulated cross section has a step or a kink, keV.

    Henke and Chantler are straight lines in the logarithms, so each of their points
    is one, and the edges lie between points. Elam is a spline through its own points,
    with jumps at the edges.

    Parameters
    ----------
    symbol : str
        Element.
    table : Photoabsorption or str
        Table of cross sections.
    low_kev, high_kev : float
        Range wanted.

    Returns
    -------
    ndarray
        Rising energies inside the range.

    Examples
    --------
    >>> absorption_breakpoints("Ge", "elam", 9.0, 14.0).round(3)
    array([10.   , 11.103, 11.103])
    """
    name = as_photoabsorption(table)
    low_kev, high_kev = not_negative([low_kev, high_kev], "low_kev, high_kev")
    if name is Photoabsorption.HENKE:
        points = henke_factors(symbol)[0]
    elif name is Photoabsorption.CHANTLER:
        points = chantler_energies(symbol)
    else:
        points = np.concatenate([_elam_knots(symbol), element(symbol).bindings_kev])
    return np.unique(points[(points > low_kev) & (points < high_kev)])


def epa_expansion(
    symbol: str,
    recoil: FloatArray,
    table: Photoabsorption | str = Photoabsorption.HENKE,
) -> FloatArray:
    """Expansion (4, ...) in the neutrino energy of :func:`epa` for q = 1 e."""
    amplitude = 2.0 * ALPHA / math.pi * photoabsorption(symbol, recoil, table) / recoil
    zero = np.zeros_like(recoil)
    log_mev = math.log(1e6 / REGULATOR_MASS_EV)
    return np.stack([amplitude * log_mev, zero, zero, amplitude])


def epa(
    symbol: str,
    energy_mev: ArrayLike,
    recoil_kev: ArrayLike,
    charge: float = 1.0,
    *,
    table: Photoabsorption | str = Photoabsorption.HENKE,
    regulator_ev: float = REGULATOR_MASS_EV,
) -> FloatArray:
    """Ionisation of an atom by a millicharge in the equivalent-photon approximation.

    Parameters
    ----------
    symbol : str
        Element.
    energy_mev, recoil_kev : array_like
        Neutrino energy (MeV) and energy transfer (keV), broadcast together.
    charge : float
        Neutrino charge in e.
    table : Photoabsorption or str
        Photoabsorption cross sections.
    regulator_ev : float
        Mass in the logarithm ln(E/m), eV.

    Returns
    -------
    ndarray
        cm^2/keV/atom, 0 at and above the largest recoil of a free electron.

    Raises
    ------
    ModelError
        If an allowed recoil is outside the photoabsorption table.

    Notes
    -----
    q^2 (2 alpha/pi) sigma(T)/T ln(E/m): Chen et al., PRD 90 011301 (2014), eq. 6.

    Examples
    --------
    >>> f"{float(epa('Ge', 1.0, 1.0, 1e-12)):.6e}"
    '1.583874e-44'
    """
    energy, recoil = np.broadcast_arrays(
        positive(energy_mev, "energy_mev"), positive(recoil_kev, "recoil_kev")
    )
    mass = positive(regulator_ev, "regulator_ev")
    square = finite(charge, "charge") ** 2
    allowed = recoil < maximum_recoil(energy)
    result = np.zeros(recoil.shape)
    photons = np.log(energy[allowed] * 1e3 * KEV_PER_MEV / mass) / recoil[allowed]
    sigma = photoabsorption(symbol, recoil[allowed], table)
    result[allowed] = square * 2.0 * ALPHA / math.pi * sigma * photons
    return result
