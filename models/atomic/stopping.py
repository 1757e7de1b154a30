"""Energy loss of a fast charged particle, by the responses that a neutrino meets.

A particle of charge e, velocity beta and mass far above the energy transfer loses::

    dsigma/dT = (4 pi alpha^2/beta^2) {int dQ^2 R_L/q^4
                + 1/2 int dq^2 (beta^2 - T^2/q^2) R_T/|q^2 - T^2 eps|^2},

the limit T << E of the formula of a neutrino with the mass put back. With eps = 1 the
second integral grows like ln(beta gamma)^2; with the eps of the medium it stops, which
is Fermi's density effect, seen in every silicon and germanium detector. So the loss
of muons tells which regulator of the logarithm is physics: the neutrino's virtual
photons travel in the same medium.
"""

from __future__ import annotations

import math

import numpy as np

from nuem.inputs.errors import ModelError
from nuem.inputs.vocabulary import Regulator
from nuem.models.arrays import FloatArray
from nuem.models.atomic.table import AtomicTable, load_table
from nuem.models.constants import (
    ALPHA,
    ELECTRON_MASS_KEV,
    HBARC2_KEV2_CM2,
    REGULATOR_MASS_EV,
)
from nuem.models.isotopes import target
from nuem.models.quadrature import nodes, panels
from nuem.models.regulators import one_minus_epsilon
from nuem.models.targets import element

__all__ = ["fermi_plateau", "loss_spectrum", "restricted_loss"]

#: K of the Bethe formula: 4 pi N_A r_e^2 m_e c^2 = 0.307075 MeV cm^2/mol (PDG), in keV.
_BETHE = 307.075
#: hbar omega_p = 28.816 eV sqrt(rho Z/A) (PDG).
_PLASMA_KEV = 28.816e-3


def _transverse_logarithm(
    recoil: FloatArray, symbol: str, beta_gamma: float, regulator: Regulator
) -> FloatArray:
    """T^2 int dq^2 (beta^2 - T^2/q^2)/|q^2 - T^2 eps|^2 for a constant R_T."""
    beta2 = beta_gamma**2 / (1.0 + beta_gamma**2)
    lowest = 1.0 / beta_gamma**2
    if regulator is Regulator.NEUTRINO_MASS:
        return np.full_like(recoil, math.log(beta_gamma**2) - beta2)
    if regulator is Regulator.MOMENTUM_CUT:
        cut = np.maximum(lowest, (REGULATOR_MASS_EV * 1e-3 / recoil) ** 2)
        # in y = Q^2/T^2: int dy (beta^2 - 1/(1 + y))/y^2 from the cut on
        return np.log1p(1.0 / cut) - (1.0 - beta2) / cut
    one_minus = one_minus_epsilon(target(symbol), recoil)
    edges = panels(
        math.log(lowest), math.log(1e8), np.empty(0), ratio=np.inf, width=0.4
    )
    x, weight = nodes(edges, 6)
    y = np.exp(x)
    front = weight * y * (beta2 - 1.0 / (1.0 + y))
    return np.asarray(
        np.sum(front / np.abs(y + one_minus[:, None]) ** 2, axis=1), dtype=np.float64
    )


def loss_spectrum(
    table: AtomicTable,
    recoil_kev: FloatArray,
    beta_gamma: float,
    regulator: Regulator | str = Regulator.MEDIUM,
) -> FloatArray:
    """Cross section dsigma/dT of a fast unit charge per atom.

    Parameters
    ----------
    table : AtomicTable
        Of the element.
    recoil_kev : ndarray, shape (n,)
        Energy transfer, keV; all of the table, valid or not, is used.
    beta_gamma : float
        Momentum over mass, above 10.
    regulator : Regulator or str
        ``medium``; ``neutrino-mass`` is the vacuum with the particle's own mass, and
        ``momentum-cut`` cuts Q at 0.29 eV besides.

    Returns
    -------
    ndarray
        cm^2/keV.

    Raises
    ------
    ModelError
        For a slow particle.

    Examples
    --------
    >>> value = loss_spectrum(load_table("Ge"), np.array([1.0]), 1e3)
    >>> f"{value[0]:.1e}"
    '1.3e-20'
    """
    if not beta_gamma >= 10.0:
        raise ModelError("too slow", field="beta_gamma", found=beta_gamma,
                         expected="at least 10")  # fmt: skip
    recoil = np.asarray(recoil_kev, dtype=np.float64)
    moments = table.at(recoil, outside=True)
    logarithm = _transverse_logarithm(
        recoil, table.symbol, beta_gamma, Regulator(regulator)
    )
    beta2 = beta_gamma**2 / (1.0 + beta_gamma**2)
    near = moments[8] + moments[7] / recoil**2 * logarithm
    front = 4.0 * math.pi * ALPHA**2 / beta2 * HBARC2_KEV2_CM2
    return np.asarray(front * (moments[0] + 0.5 * near))


def restricted_loss(
    symbol: str,
    beta_gamma: float,
    *,
    low_kev: float = 0.05,
    cut_kev: float = 100.0,
    regulator: Regulator | str = Regulator.MEDIUM,
) -> float:
    """Energy loss by transfers between two limits, keV cm^2/g.

    Parameters
    ----------
    symbol : str
        Element with a table.
    beta_gamma, regulator
        See :func:`loss_spectrum`.
    low_kev, cut_kev : float
        Limits of the transfer.

    Examples
    --------
    >>> round(restricted_loss("Ge", 1e3), -1)
    1070.0
    """
    table = load_table(symbol)
    points = table.recoil_kev
    edges = panels(low_kev, cut_kev, points, ratio=1.3)
    recoil, weight = nodes(edges, 4)
    spectrum = loss_spectrum(table, recoil, beta_gamma, regulator)
    per_gram = element(symbol).atoms_per_kg / 1e3
    return float(per_gram * np.sum(weight * recoil * spectrum))


def fermi_plateau(
    electrons: float, mass_u: float, density: float, cut_kev: float
) -> float:
    """Restricted loss of the Bethe formula at its Fermi plateau, keV cm^2/g.

    Parameters
    ----------
    electrons : float
        Electrons of an atom: all, or those of the valence shell alone.
    mass_u : float
        Atomic mass.
    density : float
        g/cm^3.
    cut_kev : float
        Largest transfer.

    Returns
    -------
    float
        K/2 Z/A ln(2 m T_cut/(hbar omega_p)^2): the formula of the Particle Data Group
        with its density effect, for beta = 1 and T_cut << T_max; the mean excitation
        energy has dropped out.

    Examples
    --------
    >>> round(fermi_plateau(32, 72.63, 5.323, 100.0))
    1202
    """
    plasma = _PLASMA_KEV * math.sqrt(density * electrons / mass_u)
    ratio = 2.0 * ELECTRON_MASS_KEV * cut_kev / plasma**2
    return 0.5 * _BETHE * electrons / mass_u * math.log(ratio)
