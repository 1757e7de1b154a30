"""Calculated photoabsorption against measured: where a table holds, and how well."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from nuem.inputs.errors import ModelError
from nuem.models import photon
from nuem.models.arrays import FloatArray
from nuem.models.atomic.merging import polarised_weight
from nuem.models.atomic.response import photoabsorption_cm2, subshell_response
from nuem.models.atomic.scf import Atom
from nuem.models.atomic.table import AtomicTable
from nuem.models.atomic.units import HARTREE_KEV, LIGHT

__all__ = [
    "LOWEST_VALID",
    "compare",
    "deviation",
    "far_from",
    "independent_photoabsorption",
    "validity",
]

#: Points that are this near to an edge do not count in the comparison with data.
_NEAR_EDGE = 0.06
_TOLERANCE = 0.10
#: Energies at which tables are compared with data, by decade.
_SCAN_PER_DECADE = 1000
#: Below this energy a solid or a liquid is not a set of atoms, whatever the agreement.
LOWEST_VALID = 0.1


def compare(symbol: str, recoil: FloatArray, real: FloatArray) -> FloatArray:
    """Relative deviation of calculated photoabsorption from data.

    Parameters
    ----------
    symbol : str
        Element.
    recoil, real : ndarray, shape (n,)
        Energies, keV, and R_T at q = T per keV.

    Returns
    -------
    ndarray, shape (n,)
        From Henke up to 30 keV, from Elam above.
    """
    sigma = photoabsorption_cm2(recoil / HARTREE_KEV, real * HARTREE_KEV)
    end = photon.table_range(symbol, "henke")[1]
    low = recoil <= end
    data = np.empty(recoil.shape)
    data[low] = photon.photoabsorption(symbol, recoil[low], "henke")
    data[~low] = photon.photoabsorption(symbol, recoil[~low], "elam")
    return np.asarray(sigma / data - 1.0)


def far_from(edges: FloatArray, recoil: FloatArray) -> npt.NDArray[np.bool_]:
    """Whether energies are farther than 6 % from every edge.

    Nearer to an edge the data are smeared or shifted.

    Examples
    --------
    >>> far_from(np.array([1.0]), np.array([0.9, 1.05, 2.0]))
    array([ True, False,  True])
    """
    distance = np.abs(np.log(recoil[:, None] / edges))
    return np.asarray(np.all(distance > _NEAR_EDGE, axis=1))


def deviation(table: AtomicTable, layer: str) -> float:
    """Root mean square deviation from data where a table is polarised.

    Parameters
    ----------
    table : AtomicTable
        Its metadata need the thresholds.
    layer : str
        One of :data:`nuem.models.atomic.table.LAYERS`.

    Returns
    -------
    float
        Of :func:`compare` at energies that are even in the logarithm, farther than 6 %
        from edges, of 0.1 keV and above, with a weight of the polarised response; 0 if
        there is none.

    Examples
    --------
    >>> from nuem.models.atomic.table import load_table
    >>> 0.0 < deviation(load_table("Ge"), "merged") < 0.05
    True
    """
    recoil = _scan(table)
    weight = polarised_weight(recoil, table.metadata["thresholds in keV"].values())
    recoil = recoil[weight > 0.0]
    if recoil.size == 0:
        return 0.0
    real = table.at(recoil, layer=layer, outside=True)[7]
    found = compare(table.symbol, recoil, real)
    return float(np.sqrt(np.mean(found**2)))


def validity(table: AtomicTable) -> tuple[float, float]:
    """Where the photoabsorption of a table agrees with data to 10 %.

    Returns
    -------
    tuple of float
        From the energy above which it agrees everywhere, between the energies of the
        table too, if farther than 6 % from an edge, but not below 0.1 keV, to the end
        of the table, keV.

    Raises
    ------
    ModelError
        If that is nowhere.
    """
    low, high = table.range_kev
    recoil = _scan(table)
    if recoil.size == 0:
        raise ModelError(
            "no energy of the table is above 0.1 keV and farther than 6 % from edges, "
            "so that nothing can be compared with data", field="symbol",
            found=f"{table.symbol}, {low:g} to {high:g} keV", expected="a wider range",
        )  # fmt: skip
    found = compare(table.symbol, recoil, table.at(recoil, outside=True)[7])
    wrong = np.flatnonzero(~(abs(found) <= _TOLERANCE))
    if wrong.size == 0:
        return max(LOWEST_VALID, low), high
    if wrong[-1] + 1 >= recoil.size:
        raise ModelError(
            "photoabsorption agrees with data nowhere", field="symbol",
            found=table.symbol,
        )  # fmt: skip
    return float(recoil[wrong[-1] + 1]), high


def _scan(table: AtomicTable) -> FloatArray:
    """Energies far from edges, even in the logarithm, a quarter of a per cent apart."""
    low, high = table.range_kev
    low = max(low, LOWEST_VALID)
    count = int(_SCAN_PER_DECADE * np.log10(high / low)) + 2
    # inside the table whatever the rounding; whole 0.1 eV, to be read by people
    recoil = np.unique(np.round(np.geomspace(low, high, count), 4))
    recoil = recoil[(recoil >= low) & (recoil <= high)]
    return recoil[far_from(table.edges_kev, recoil)]


def independent_photoabsorption(
    atom: Atom, bindings_kev: FloatArray, recoil_kev: float
) -> float:
    """Photoabsorption of independent electrons at one energy, cm^2."""
    transfer = recoil_kev / HARTREE_KEV
    return sum(
        float(
            photoabsorption_cm2(
                transfer,
                subshell_response(
                    atom, orbital, transfer - binding, [transfer / LIGHT], 8
                ).total_transverse,
            )[0]
        )
        for orbital, binding in zip(
            atom.orbitals, bindings_kev / HARTREE_KEV, strict=True
        )
        if transfer > binding
    )
