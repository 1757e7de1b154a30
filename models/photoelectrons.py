"""Scintillators whose events are counted photoelectrons: gamma-shaped smearing.

A recoil leaves an ionisation E (keVee) by its quenching, and on average ``L E``
photoelectrons, with L the light yield. The number that is seen follows a gamma
distribution of that mean whose shape parameter grows with E (D. Akimov et al.
(COHERENT), release arXiv:2110.07730): ``P(x) ~ x^b exp(-(1 + b) x/(L E))``, ``b = s E``.
The efficiency acts on the photoelectrons.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from nuem.inputs.errors import InputError
from nuem.models.arrays import ArrayLike, FloatArray, positive
from nuem.models.quenching import Quenching

__all__ = ["PhotoelectronResponse"]

#: Cells of a bin, in photoelectrons, in which the efficiency is that of the middle.
_CELL_PE = 0.25


@dataclass(frozen=True)
class PhotoelectronResponse:
    """From the recoil of a nucleus to photoelectrons.

    Parameters
    ----------
    quenching : Quenching
        From keVnr to keVee.
    light_yield : float
        Photoelectrons per keVee.
    shape_per_kev : float
        Factor s of the shape parameter ``1 + s E``.
    efficiency : callable, optional
        Of photoelectrons, vectorised; None for 1.

    Raises
    ------
    InputError
        If a number is not above 0.

    Examples
    --------
    >>> from nuem.models.quenching import Polynomial
    >>> response = PhotoelectronResponse(Polynomial((0.08,), (0.0, 50.0)), 13.35, 9.56)
    >>> response.matrix([0.0, 10.0, 20.0, 40.0], [10.0, 20.0]).round(3)
    array([[0.469, 0.004],
           [0.516, 0.425],
           [0.015, 0.569]])
    """

    quenching: Quenching
    light_yield: float
    shape_per_kev: float
    efficiency: Callable[[FloatArray], FloatArray] | None = None

    def __post_init__(self) -> None:
        """Check the numbers."""
        positive(self.light_yield, "light_yield")
        positive(self.shape_per_kev, "shape_per_kev")

    def matrix(self, edges_pe: ArrayLike, recoil_kev: ArrayLike) -> FloatArray:
        """Probability that a recoil is seen in a bin, shape (bins, recoils).

        Parameters
        ----------
        edges_pe : array_like, shape (bins + 1,)
            Rising, in photoelectrons, from 0 on.
        recoil_kev : array_like, shape (recoils,)
            keVnr.
        """
        from scipy.special import gammainc

        edges = np.asarray(edges_pe, dtype=np.float64)
        if (
            edges.ndim != 1
            or edges.size < 2
            or edges[0] < 0
            or not (np.diff(edges) > 0).all()
        ):
            raise InputError(
                "the edges do not rise from 0 on",
                field="edges_pe",
                found=edges.tolist(),
            )
        ionisation = self.quenching.ionisation(recoil_kev)
        shape = 1.0 + self.shape_per_kev * ionisation
        rate = shape / (self.light_yield * ionisation)
        rows = []
        for low, high in itertools.pairwise(edges):
            cells = np.linspace(low, high, int(np.ceil((high - low) / _CELL_PE)) + 1)
            inside = np.diff(gammainc(shape, rate * cells[:, None]), axis=0)
            if self.efficiency is not None:
                middle = 0.5 * (cells[1:] + cells[:-1])
                inside = inside * self.efficiency(middle)[:, None]
            rows.append(inside.sum(axis=0))
        return np.array(rows)
