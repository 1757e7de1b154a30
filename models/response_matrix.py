"""A response on a grid of true recoils, to apply or to publish."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from nuem.models.arrays import ArrayLike, FloatArray

__all__ = ["ResponseMatrix"]


@dataclass(frozen=True, eq=False)
class ResponseMatrix:
    """A response on a grid, built once, to apply or to publish.

    Attributes
    ----------
    edges_kev : ndarray, shape (n + 1,)
        Bins of the measured energy.
    true_edges_kev : ndarray, shape (m + 1,)
        Cells of the true recoil.
    values : ndarray, shape (n, m)
        Probability that a recoil, evenly distributed in a cell, is seen in a bin.
    measured_unit, true_unit : str
        ``keVee`` or ``keVnr``.

    Examples
    --------
    >>> from nuem.models.detector import Response
    >>> Response().tabulate([0.0, 1.0, 2.0], [0.0, 0.5, 1.5]).values
    array([[1. , 0.5],
           [0. , 0.5]])
    """

    edges_kev: FloatArray
    true_edges_kev: FloatArray
    values: FloatArray
    measured_unit: str
    true_unit: str
    notes: tuple[str, ...] = ()

    def apply(self, counts: ArrayLike) -> FloatArray:
        """Counts in the bins, from counts in the cells of the true recoil."""
        return np.asarray(self.values @ np.asarray(counts, dtype=np.float64))

    def as_dict(self) -> dict[str, Any]:
        """Plain lists and strings, for a JSON document."""
        return {
            "edges": self.edges_kev.tolist(),
            "true_edges": self.true_edges_kev.tolist(),
            "values": self.values.tolist(),
            "measured_unit": self.measured_unit,
            "true_unit": self.true_unit,
            "notes": list(self.notes),
        }
