"""Calculated photoabsorption against measured: where a table holds, and how well."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from nuem.inputs.errors import ModelError
from nuem.models import photon
from nuem.models.arrays import FloatArray
from nuem.models.atomic.response import photoabsorption_cm2, subshell_response
from nuem.models.atomic.scf import Atom
from nuem.models.atomic.units import HARTREE_KEV, LIGHT

__all__ = [
    "compare",
    "deviation",
    "far_from",
    "independent_photoabsorption",
    "validity",
]

#: Points that are this near to an edge do not count in the comparison with data.
_NEAR_EDGE = 0.06
_TOLERANCE = 0.10
#: Below this energy a solid or a liquid is not a set of atoms, whatever the agreement.
_LOWEST_VALID = 0.1


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


def deviation(
    symbol: str, recoil: FloatArray, edges: FloatArray, real: FloatArray
) -> float:
    """Root mean square of the deviation of :func:`compare`, far from edges.

    Only energies of 0.1 keV and above count; 0 if there is none.
    """
    used = far_from(edges, recoil) & (recoil >= _LOWEST_VALID)
    if not np.any(used):
        return 0.0
    found = compare(symbol, recoil[used], real[used])
    return float(np.sqrt(np.mean(found**2)))


def validity(
    symbol: str, recoil: FloatArray, edges: FloatArray, real: FloatArray
) -> tuple[float, float]:
    """Where the photoabsorption of a table agrees with data to 10 %.

    Parameters
    ----------
    symbol : str
        Element.
    recoil, edges, real : ndarray
        Of the table: energies, edges, R_T at q = T per keV.

    Returns
    -------
    tuple of float
        From the first energy above which all points far from edges agree, but not
        below 0.1 keV, to the end of the table, keV.

    Raises
    ------
    ModelError
        If that is nowhere.
    """
    far = far_from(edges, recoil) & (recoil > _LOWEST_VALID)
    wrong = np.flatnonzero(far & ~(abs(compare(symbol, recoil, real)) <= _TOLERANCE))
    if wrong.size == 0:
        return max(_LOWEST_VALID, float(recoil[0])), float(recoil[-1])
    start = wrong[-1] + 1
    if start >= recoil.size:
        raise ModelError(
            "photoabsorption agrees with data nowhere", field="symbol", found=symbol
        )
    return float(recoil[start]), float(recoil[-1])


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
