"""Integrals of the responses over the momentum transfer, one set for each transfer T.

For a neutrino of energy E, with Q^2 = q^2 - T^2 from its smallest value to (2E - T)^2,
every cross section of :mod:`nuem.models.atomic.kinematics` is a combination of ten
integrals that do not know E, as long as the responses have died out before q = 2E - T:

``l_0 ... l_3``
    int dQ^2 R_L q^(2n - 4)
``t_1 ... t_3``
    int dQ^2 R_T q^(2n - 4), n = 1 to 3
``real``
    R_T at q = T, the response to real photons
``near_a``, ``near_b``
    the finite parts of int dQ^2 R_T / (Q^2 q^2) and int dQ^2 R_T / Q^2, what is left
    after ``real``/T^2 and ``real`` times ln(T^2/Q^2_min): the only place where the
    regulator of the photon propagator enters, so that the integrals are free of it.

A free electron at rest has R_L = (2m + T) delta(Q^2 - 2mT) and R_T = 2T delta(...): it
gives the cross sections of free electrons to rounding, and stands for subshells beyond
the multipole limit, with the real photons of that subshell added.
"""

from __future__ import annotations

import math

import numpy as np

from nuem.models.arrays import FloatArray
from nuem.models.atomic.response import (
    KEPT,
    Response,
    multipoles_needed,
    own_momenta,
    subshell_response,
)
from nuem.models.atomic.scf import Atom, Orbital
from nuem.models.atomic.table import MOMENTS
from nuem.models.atomic.units import HARTREE_KEV, LIGHT, MOMENTUM_KEV
from nuem.models.constants import ELECTRON_MASS_KEV
from nuem.models.quadrature import legendre

__all__ = [
    "MULTIPOLE_LIMIT",
    "free_moments",
    "moments_of",
    "momentum_nodes",
    "subshell_moments",
]

#: Subshells that would need more multipoles count as free electrons plus real photons.
MULTIPOLE_LIMIT = 200

#: Multipoles of a response to real photons.
_PHOTON = 8


def momentum_nodes(
    transfer: float,
    own: float,
    spread: float,
    count: int,
    largest: float = math.inf,
) -> tuple[FloatArray, FloatArray]:
    """Nodes and weights of an integral over q, atomic units.

    Gauss-Legendre in a variable that is logarithmic in q and dense at the Bethe ridge,
    from q = T/c to six times the spread of the momentum beyond the ridge. The first
    node that is returned is q = T/c itself, with weight 0: the real photon.

    Parameters
    ----------
    transfer : float
        Energy transfer, Hartree.
    own, spread : float
        Momentum of the bound electron at its tail, and its root mean square.
    count : int
        Number of nodes.
    largest : float
        Largest momentum transfer, 2E - T of the neutrino.

    Returns
    -------
    tuple of ndarray, shape (count + 2,)
        The last node is the end of the range, with weight 0.

    Examples
    --------
    >>> q, weight = momentum_nodes(100.0, 5.0, 7.0, 40)
    >>> bool(abs(weight.sum() / (q[-1] - q[0]) - 1.0) < 0.05)
    True
    """
    low = transfer / LIGHT
    ridge = math.sqrt(2.0 * transfer + low**2)
    high = min(ridge + 6.0 * spread, largest)
    width = 0.7 * own + 0.15

    def coordinate(q: FloatArray) -> FloatArray:
        return np.log(q) + 1.5 * np.arctan((q - ridge) / width)

    ends = coordinate(np.array([low, high]))
    x, w = legendre(count)
    half = 0.5 * (ends[1] - ends[0])
    u = ends[0] + half * (x + 1.0)
    left, right = np.full(count, low), np.full(count, high)
    for _ in range(70):
        middle = 0.5 * (left + right)
        below = coordinate(middle) < u
        left, right = np.where(below, middle, left), np.where(below, right, middle)
    q = 0.5 * (left + right)
    slope = 1.0 / q + 1.5 / width / (1.0 + ((q - ridge) / width) ** 2)
    return np.r_[low, q, high], np.r_[0.0, w * half / slope, 0.0]


def moments_of(
    transfer: float,
    momenta: FloatArray,
    weights: FloatArray,
    longitudinal: FloatArray,
    transverse: FloatArray,
) -> FloatArray:
    """The ten integrals of responses given at nodes, in powers of keV.

    Parameters
    ----------
    transfer : float
        Energy transfer, Hartree.
    momenta, weights : ndarray, shape (n + 2,)
        From :func:`momentum_nodes`.
    longitudinal, transverse : ndarray, shape (n + 2,)
        R_L and R_T per Hartree.

    Returns
    -------
    ndarray, shape (10,)
        In the order of :data:`nuem.models.atomic.table.MOMENTS`.
    """
    t = transfer * HARTREE_KEV
    q = momenta[1:-1] * MOMENTUM_KEV
    measure = 2.0 * q * weights[1:-1] * MOMENTUM_KEV
    r_l = longitudinal[1:-1] / HARTREE_KEV
    r_t = transverse[1:-1] / HARTREE_KEV
    real = transverse[0] / HARTREE_KEV
    square = q * q
    virtual = square - t * t
    end = (momenta[-1] * MOMENTUM_KEV) ** 2
    # what the integrals of the subtracted terms leave beyond the last node
    rest = real * math.log1p(-min(t * t / end, 1.0 - 1e-12))
    return np.array(
        [
            *(np.sum(measure * r_l * square ** (n - 2.0)) for n in range(4)),
            *(np.sum(measure * r_t * square ** (n - 2.0)) for n in range(1, 4)),
            real,
            np.sum(measure * (r_t - real) / (virtual * square)) + rest / t**2,
            np.sum(measure * (r_t - real * t * t / square) / virtual) + rest,
        ]
    )


def free_moments(recoil_kev: float, electrons: float) -> FloatArray:
    """The ten integrals of free electrons at rest.

    Examples
    --------
    >>> float(round(free_moments(1.0, 2.0)[0] * 1e3, 6))
    1.955038
    """
    square = recoil_kev**2 + 2.0 * ELECTRON_MASS_KEV * recoil_kev
    virtual = 2.0 * ELECTRON_MASS_KEV * recoil_kev
    charge = 2.0 * ELECTRON_MASS_KEV + recoil_kev
    current = 2.0 * recoil_kev
    return electrons * np.array(
        [
            *(charge * square ** (n - 2.0) for n in range(4)),
            *(current * square ** (n - 2.0) for n in range(1, 4)),
            0.0,
            current / (virtual * square),
            current / virtual,
        ]
    )


def subshell_moments(
    atom: Atom,
    orbital: Orbital,
    transfer: float,
    binding: float,
    *,
    count: int = 40,
    factors: FloatArray | None = None,
    factor_momenta: FloatArray | None = None,
    multipoles: int | None = None,
    largest: float = math.inf,
) -> FloatArray:
    """The ten integrals of one subshell, for independent electrons and polarised.

    Parameters
    ----------
    atom, orbital
        The atom and one of its orbitals.
    transfer, binding : float
        Energy transfer and ionisation energy, Hartree; the electron leaves with the
        difference.
    count : int
        Nodes in the momentum transfer.
    factors : ndarray, shape (KEPT + 1, nq), optional
        Ratios of the polarised to the independent response by multipole.
    factor_momenta : ndarray, shape (nq,)
        Momenta of the factors, rising; constant beyond their ends.
    multipoles : int, optional
        Largest multipole instead of the converged one.
    largest : float
        Largest momentum transfer, for the direct integration at one neutrino energy.

    Returns
    -------
    ndarray, shape (2, 10)
        Independent electrons, and with the factors; 0 below the threshold.
    """
    if transfer <= binding:
        return np.zeros((2, len(MOMENTS)))
    last = multipoles or multipoles_needed(atom, orbital, transfer)
    own, spread = own_momenta(atom, orbital)
    momenta, weights = momentum_nodes(transfer, own, spread, count, largest)
    far = last > MULTIPOLE_LIMIT
    if far:
        momenta, last = momenta[:1], _PHOTON
    response = subshell_response(
        atom, orbital, transfer - binding, momenta, max(last, KEPT)
    )
    rows = []
    for polarised in (False, True):
        r_l, r_t = _summed(response, momenta, factors, factor_momenta, polarised)
        if far:
            row = free_moments(transfer * HARTREE_KEV, orbital.shell.electrons)
            row[MOMENTS.index("real")] = r_t[0] / HARTREE_KEV
        else:
            row = moments_of(transfer, momenta, weights, r_l, r_t)
        rows.append(row)
    return np.stack(rows)


def _summed(
    response: Response,
    momenta: FloatArray,
    factors: FloatArray | None,
    factor_momenta: FloatArray | None,
    polarised: bool,
) -> tuple[FloatArray, FloatArray]:
    """R_L and R_T of all multipoles, the first ones scaled where asked for."""
    if not polarised or factors is None or factor_momenta is None:
        return response.total_longitudinal, response.total_transverse
    extra = np.stack(
        [
            np.interp(np.log(momenta), np.log(factor_momenta), row) - 1.0
            for row in factors
        ]
    )
    kept = slice(0, KEPT + 1)
    return (
        response.total_longitudinal + np.sum(extra * response.longitudinal[kept], 0),
        response.total_transverse + np.sum(extra * response.transverse[kept], 0),
    )
