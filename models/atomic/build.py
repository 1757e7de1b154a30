"""From an element to its table: all energies, all subshells, with and without polarisation.

One thread, a few minutes. The numbers are rounded to ten digits, so that a table is the
same bit for bit when it is made again on the same machine.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import replace
from importlib.metadata import version
from typing import Any

import numpy as np

from nuem.inputs.errors import InputError, ModelError
from nuem.models.arrays import FloatArray
from nuem.models.atomic.comparison import LOWEST_VALID, deviation, validity
from nuem.models.atomic.merging import (
    CORE_KEV,
    KOHN_SHAM,
    POLARISATIONS,
    RULE,
    polarised_weight,
)
from nuem.models.atomic.moments import MULTIPOLE_LIMIT, subshell_moments
from nuem.models.atomic.response import KEPT, own_momenta
from nuem.models.atomic.rpa import polarisation_factors
from nuem.models.atomic.scf import Atom, solve_atom
from nuem.models.atomic.table import LAYERS, AtomicTable
from nuem.models.atomic.units import HARTREE_KEV, LIGHT, MOMENTUM_KEV

__all__ = ["build_table", "energy_grid", "thresholds"]

_LOW, _HIGH = 0.05, 200.0
_PER_DECADE = 24
#: Points just above an edge, as fractions of its energy.
_ABOVE = (0.01, 0.04)
#: The same for a d or f subshell, whose electrons meet a centrifugal barrier: the
#: response rises to a resonance and falls again within a tenth of the edge.
_ABOVE_BARRIER = (0.01, 0.02, 0.03, 0.04, 0.05, 0.06, 0.07, 0.085, 0.1, 0.125, 0.16)
#: Regular points nearer than this to one of them, in the logarithm, are left out.
_CROWD = 0.02
#: Half of the gap that an edge leaves in the grid, relative.
_HAIR = 1e-6


def thresholds(atom: Atom) -> FloatArray:
    """Ionisation energies of the subshells, keV: measured, or else calculated.

    Measured ones are the edges listed by ``xraydb`` (Elam, Ravel and Sieber 2002); a
    subshell without one has the eigenvalue of its orbital.

    Examples
    --------
    >>> from nuem.models.atomic.scf import solve_atom
    >>> thresholds(solve_atom("Ge"))[:3]
    array([11.103 ,  1.4146,  1.2481])
    """
    import xraydb

    edges = xraydb.xray_edges(atom.symbol)
    return np.array(
        [
            float(edges[orbital.shell.name].energy) / 1e3
            if orbital.shell.name in edges
            else -orbital.energy * HARTREE_KEV
            for orbital in atom.orbitals
        ]
    )


def energy_grid(
    edges_kev: FloatArray,
    low: float = _LOW,
    high: float = _HIGH,
    *,
    barrier: FloatArray | None = None,
) -> tuple[FloatArray, FloatArray]:
    """Energy transfers of a table: even in the logarithm, every edge on both sides.

    Parameters
    ----------
    edges_kev : ndarray
        Ionisation energies, keV.
    low, high : float
        Range of the table, keV.
    barrier : ndarray, optional
        Those of the edges above which more energies are needed: of d and f subshells.

    Returns
    -------
    recoil, edges : ndarray
        Rising, keV; the edges inside the range.

    Examples
    --------
    >>> recoil, inside = energy_grid(np.array([0.01, 1.0]), 0.5, 2.0)
    >>> inside, int(np.sum(recoil < 1.0))
    (array([1.]), 9)
    """
    inside = np.unique(edges_kev[(edges_kev > low) & (edges_kev < high)])
    bounds = [low, *(float(edge) for edge in inside), high]
    parts = []
    for index in range(len(bounds) - 1):
        start, end = bounds[index], bounds[index + 1]
        if index:
            start *= 1.0 + _HAIR
        if index < len(bounds) - 2:
            end *= 1.0 - _HAIR
        count = max(2, math.ceil(_PER_DECADE * math.log10(end / start))) + 1
        part = np.geomspace(start, end, count)
        if index:
            steep = barrier is not None and np.any(barrier == bounds[index])
            above = _ABOVE_BARRIER if steep else _ABOVE
            extra = np.array([bounds[index] * (1.0 + f) for f in above])
            extra = extra[extra < 0.97 * end]
            # the regular points that would crowd the extra ones go
            far = np.array(
                [i in (0, count - 1) or np.all(abs(np.log(x / extra)) > _CROWD)
                 for i, x in enumerate(part)]
            )  # fmt: skip
            part = np.unique(np.concatenate([part[far], extra]))
        parts.append(part)
    return np.concatenate(parts), inside


def build_table(
    symbol: str,
    *,
    exchange: float = 1.0,
    low_kev: float = _LOW,
    high_kev: float = _HIGH,
    polarisation: str | None = None,
    say: Callable[[str], None] | None = None,
) -> AtomicTable:
    """Calculate the table of an element.

    Parameters
    ----------
    symbol : str
        Chemical symbol, 2 <= Z <= 60.
    exchange : float
        alpha_x of the potential.
    low_kev, high_kev : float
        Range of the energy transfer.
    polarisation : str, optional
        One of :data:`nuem.models.atomic.merging.POLARISATIONS`; by default the one
        whose photoabsorption is nearer to Henke's.
    say : callable, optional
        Told what is going on, a line at a time.

    Returns
    -------
    AtomicTable

    Raises
    ------
    InputError
        For an unknown polarisation, or a range that does not reach above 0.1 keV, below
        which nothing is compared with data.
    ModelError
        If the atom does not converge, or a response is negative.
    """
    if polarisation not in (None, *POLARISATIONS):
        raise InputError(
            "no such polarisation", field="polarisation", found=polarisation,
            expected="one of " + ", ".join(POLARISATIONS),
        )  # fmt: skip
    if not 0.0 < low_kev < high_kev or high_kev <= LOWEST_VALID:
        raise InputError(
            "no such range of energies", field="low_kev, high_kev",
            found=f"{low_kev:g}, {high_kev:g}",
            expected=f"positive, rising, and an end above {LOWEST_VALID:g} keV",
        )  # fmt: skip
    atom = solve_atom(symbol, exchange=exchange)
    local = solve_atom(symbol, exchange=KOHN_SHAM)
    bindings = thresholds(atom)
    own = np.array([-orbital.energy * HARTREE_KEV for orbital in local.orbitals])
    own = np.where(bindings > CORE_KEV, bindings, own)
    steep = np.array([orbital.shell.angular >= 2 for orbital in atom.orbitals])
    recoil, edges = energy_grid(bindings, low_kev, high_kev, barrier=bindings[steep])
    weights = polarised_weight(recoil, bindings)
    rows = []
    for index, (energy, weight) in enumerate(zip(recoil, weights, strict=True)):
        if say is not None and index % 10 == 0:
            say(f"{symbol}: {index} of {recoil.size} energies")
        alone, one = _moments(atom, bindings, float(energy), weight > 0.0, None)
        two = alone
        if weight > 0.0:
            two = _moments(local, own, float(energy), True, own / HARTREE_KEV)[1]
        rows.append([alone, *(alone + weight * (p - alone) for p in (one, two))])
    moments = _rounded(np.array(rows).transpose(1, 0, 2))
    if not np.all(np.isfinite(moments)) or np.any(moments[..., :8] <= 0.0):
        raise ModelError(
            "a response is negative or not a number",
            field=symbol,
            expected="positive: report it, with the versions of `nuem info`",
        )
    metadata = _metadata(atom, bindings)
    table = AtomicTable(symbol, _rounded(recoil, 14), edges, moments, metadata)
    deviations = {
        name: deviation(table, layer)
        for name, layer in zip(POLARISATIONS, LAYERS[1:], strict=True)
    }
    chosen = polarisation or min(POLARISATIONS, key=lambda name: deviations[name])
    if chosen != POLARISATIONS[0]:
        table = replace(table, moments=moments[[0, 2, 1]])
    notes = {
        "chosen": chosen,
        "alpha_x": exchange if chosen == POLARISATIONS[0] else round(KOHN_SHAM, 6),
        "rms deviation of photoabsorption from Henke": {
            name: round(value, 4) for name, value in deviations.items()
        },
        "fitted": _why(polarisation, deviations),
    }
    valid = list(validity(table))
    return replace(
        table, metadata={**metadata, "valid_kev": valid, "polarisation": notes}
    )


def _why(asked: str | None, deviations: Mapping[str, float]) -> str:
    """How the polarised response was chosen."""
    if asked is not None:
        return "asked for"
    if not any(deviations.values()):  # no energy that is polarised and compared
        return "not compared"
    return "the nearer of the two"


def _moments(
    atom: Atom,
    bindings: FloatArray,
    recoil: float,
    polarised: bool,
    field: FloatArray | None,
) -> FloatArray:
    """Moments of all subshells at one energy: independent and polarised, (2, 10).

    ``field`` are the ionisation energies of the polarisation, Hartree, if they are not
    those of the potential.
    """
    transfer = recoil / HARTREE_KEV
    factors = None
    momenta = None
    if polarised:
        momenta = np.geomspace(transfer / LIGHT, math.sqrt(2.0 * transfer) + 3.0, 12)
        factors = polarisation_factors(atom, transfer, momenta, KEPT, bindings=field)
    parts = [
        subshell_moments(
            atom, orbital, transfer, float(binding) / HARTREE_KEV,
            factors=factors, factor_momenta=momenta,
        )
        for orbital, binding in zip(atom.orbitals, bindings, strict=True)
    ]  # fmt: skip
    return np.asarray(np.sum(parts, axis=0))


def _rounded(values: FloatArray, digits: int = 10) -> FloatArray:
    """Values with so many significant digits."""
    scale = 10.0 ** (digits - 1 - np.floor(np.log10(np.abs(values) + 1e-300)))
    return np.asarray(np.round(values * scale) / scale)


def _metadata(atom: Atom, bindings: FloatArray) -> dict[str, Any]:
    return {
        "code": f"nuem {version('nuem')}",
        "method": (
            "Dirac-Hartree-Slater, all multipoles; polarisation by the time-dependent "
            "local density approximation"
        ),
        "potential": {
            "exchange alpha_x": atom.exchange,
            "tail": "Latter",
            "configuration": {
                o.shell.name: round(o.shell.electrons, 6) for o in atom.orbitals
            },
            "eigenvalues in keV": {
                o.shell.name: round(-o.energy * HARTREE_KEV, 7) for o in atom.orbitals
            },
        },
        "thresholds in keV": {
            o.shell.name: float(b) for o, b in zip(atom.orbitals, bindings, strict=True)
        },
        "momentum spreads in keV": {
            o.shell.name: round(own_momenta(atom, o)[1] * MOMENTUM_KEV, 6)
            for o in atom.orbitals
        },
        "threshold source": "xraydb (Elam, Ravel, Sieber 2002); else the eigenvalue",
        "grid": {
            "step": atom.grid.step,
            "last radius": round(float(atom.grid.r[-1]), 6),
            "energies per decade": _PER_DECADE,
            "multipole limit": MULTIPOLE_LIMIT,
            "polarised multipoles": KEPT,
        },
        "merging": RULE,
        "units": "integrals in powers of keV, see nuem.models.atomic.moments",
        "regulator": "none: it is applied at evaluation",
        "validity": (
            "photoabsorption within 10 % of Henke (above 30 keV: Elam), farther than 6 % "
            "from edges, at all energies from here on; not below 0.1 keV"
        ),
    }
