"""A response on a grid of true recoils, to apply or to publish."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from nuem.models.arrays import ArrayLike, FloatArray, bin_edges, read_only
from nuem.models.quenching import Quenching

__all__ = ["ResponseMatrix", "tabulated"]


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
        ``keV``, ``keVee``, ``keVnr`` or ``PE``.

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


class _Response(Protocol):
    """What is tabulated."""

    @property
    def quenching(self) -> Quenching | None: ...

    @property
    def units(self) -> tuple[str, str]: ...

    @property
    def notes(self) -> tuple[str, ...]: ...

    def matrix(self, edges: ArrayLike, true_kev: ArrayLike, /) -> FloatArray: ...


def tabulated(
    response: _Response, edges: ArrayLike, true_edges_kev: ArrayLike, points: int = 32
) -> ResponseMatrix:
    """A response on cells of the true recoil, to apply or to publish.

    Parameters
    ----------
    response : Response or PhotoelectronResponse
    edges : array_like
        Bins of what is measured, shape (n + 1,).
    true_edges_kev : array_like
        Cells of the true recoil, shape (m + 1,).
    points : int
        Recoils in each cell, at the middles of equal parts, that are averaged.

    Returns
    -------
    ResponseMatrix
        Shape (n, m); nothing where the quenching does not reach.

    Examples
    --------
    >>> from nuem.models.photoelectrons import PhotoelectronResponse
    >>> made = tabulated(PhotoelectronResponse(None, 13.35, 9.56), [0, 20], [1.0, 2.0])
    >>> made.values.round(2), made.measured_unit
    (array([[0.53]]), 'PE')
    """
    bins = bin_edges(edges)
    cells = bin_edges(true_edges_kev, "true_edges_kev")
    part = (np.arange(points) + 0.5) / points
    true = (cells[:-1, None] + np.diff(cells)[:, None] * part).ravel()
    inside = np.ones(true.size, dtype=bool)
    if response.quenching is not None:
        low, high = response.quenching.range_kevnr
        inside = (true >= low) & (true <= high)
    matrix = np.zeros((bins.size - 1, true.size))
    matrix[:, inside] = response.matrix(bins, true[inside])
    mean = matrix.reshape(bins.size - 1, -1, points).mean(axis=2)
    measured, recoil = response.units
    return ResponseMatrix(
        read_only(bins), read_only(cells), read_only(mean), measured, recoil,
        response.notes,
    )  # fmt: skip
