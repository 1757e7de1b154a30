"""Where the polarised response is used, and where independent electrons are.

The local density approximation of the polarisation is at its best below a kiloelectron-
volt, where it makes up the 10 to 20 per cent that independent electrons lack (and a
factor of three in the giant resonance of xenon). At higher energies it overestimates,
having no exact exchange, by up to 10 per cent, and just above the edge of a core subshell
it takes away as much. The weight of the polarised response is therefore

* 1 up to 0.8 keV, 0 from 1.6 keV on, and between them cos^2 in ln T;
* times, for each edge B above 0.24 keV, a window: 0 from the edge to 1.2 B, rising to 1
  at 1.5 B, and falling from 1 at 0.95 B to 0 at the edge, with cos^2 in ln T.

These numbers are one choice for all elements, made with a view to measured
photoabsorption of seven of them: in that sense they are fitted.

There are two polarised responses:

``slater``
    Slater's exchange (alpha_x = 1) in the potential and its derivative in the kernel;
    the ratios of polarised to independent response, multipole by multipole, applied to
    the independent electrons of the table, that is with measured thresholds;
``kohn-sham``
    the exchange of Kohn and Sham (alpha_x = 2/3), which is the derivative of an energy;
    with its own thresholds, since a giant resonance is where the potential has it, but
    measured ones for edges above 0.24 keV.

The one whose photoabsorption is nearer to Henke's between 0.1 and 1.6 keV is taken, as a
whole for an element: one bit that is fitted. The other is kept in the table, and the
difference between the two is the error band.
"""

from __future__ import annotations

import math
from collections.abc import Iterable

import numpy as np

from nuem.models.arrays import ArrayLike, FloatArray

__all__ = [
    "CORE_KEV",
    "INDEPENDENT_BAND",
    "KOHN_SHAM",
    "POLARISATIONS",
    "RULE",
    "polarised_weight",
]

#: Subshells bound by more than this have a window above their edge, keV.
CORE_KEV = 0.24

#: alpha_x of Kohn and Sham.
KOHN_SHAM = 2.0 / 3.0

#: Relative error of independent electrons, where no second response is calculated: what
#: their photoabsorption misses the data by, away from edges.
INDEPENDENT_BAND = 0.05

#: Names of the two polarised responses.
POLARISATIONS = ("slater", "kohn-sham")

#: The rule in words, for the metadata of a table.
RULE = (
    "weight of the polarised response: 1 below 0.8 keV, 0 above 1.6 keV, cos^2 in ln T "
    "between; for each edge B > 0.24 keV times a window, 0 from B to 1.2 B, 1 above 1.5 B "
    "and below 0.95 B (fitted: one choice for all elements)"
)


def _fall(recoil: FloatArray, low: float, high: float) -> FloatArray:
    """1 below ``low``, 0 above ``high``, smooth in the logarithm."""
    x = np.clip(np.log(recoil / low) / math.log(high / low), 0.0, 1.0)
    # exactly 0 at the end: there the polarised response is not calculated
    return np.where(x < 1.0, np.cos(0.5 * math.pi * x) ** 2, 0.0)


def polarised_weight(recoil_kev: ArrayLike, edges_kev: Iterable[float]) -> FloatArray:
    """Weight of the polarised response.

    Parameters
    ----------
    recoil_kev : array_like
        Energy transfer, keV.
    edges_kev : iterable of float
        Ionisation energies of the subshells, keV.

    Returns
    -------
    ndarray
        From 0 to 1, of the shape of the recoil.

    Examples
    --------
    >>> polarised_weight([0.3, 1.0, 1.3, 5.0], [1.217]).round(2)
    array([1.  , 0.77, 0.  , 0.  ])
    """
    recoil = np.asarray(recoil_kev, dtype=np.float64)
    weight = _fall(recoil, 0.8, 1.6)
    for edge in edges_kev:
        if edge > CORE_KEV:
            above = 1.0 - _fall(recoil, 1.2 * edge, 1.5 * edge)
            below = _fall(recoil, 0.95 * edge, edge)
            weight = weight * np.where(recoil < edge, below, above)
    return weight
