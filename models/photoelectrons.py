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
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from nuem.inputs.errors import InputError, ModelError
from nuem.models.arrays import ArrayLike, FloatArray, positive
from nuem.models.curves import approximate
from nuem.models.detector import changed_efficiency
from nuem.models.quenching import Quenching
from nuem.models.response_matrix import ResponseMatrix, tabulated

__all__ = ["PhotoelectronResponse"]

_Curve = Callable[[FloatArray], FloatArray]
#: Cells of a bin, in photoelectrons, in which the efficiency is that of the middle.
_CELL_PE = 0.25
#: Probabilities of reaching a bin that do not count, and the ionisations (keVee)
#: among which those that do are looked for.
_NOTHING = 1e-12
_SEARCH_KEVEE = (1e-4, 1e3, 2001)


@dataclass(frozen=True)
class PhotoelectronResponse:
    """From a recoil to photoelectrons.

    Parameters
    ----------
    quenching : Quenching or None
        From keVnr to keVee; None for electrons.
    light_yield : float
        Photoelectrons per keVee.
    shape_per_kev : float
        Factor s of the shape parameter ``1 + s E``.
    efficiency : callable, optional
        Of photoelectrons, vectorised; None for 1.
    floor_kev : float
        Ionisations below are not modelled, keVee.
    trigger_efficiency : callable, optional
        Of the ionisation (keVee), before it is counted; None for 1.

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

    quenching: Quenching | None
    light_yield: float
    shape_per_kev: float
    efficiency: _Curve | None = None
    floor_kev: float = 0.0
    trigger_efficiency: _Curve | None = None

    def __post_init__(self) -> None:
        """Check the numbers."""
        positive(self.light_yield, "light_yield")
        positive(self.shape_per_kev, "shape_per_kev")
        if not (np.isfinite(self.floor_kev) and self.floor_kev >= 0.0):
            raise InputError(
                "out of range", field="floor_kev", found=self.floor_kev,
                expected="an energy from 0 keV on",
            )  # fmt: skip

    @property
    def units(self) -> tuple[str, str]:
        """Units of what is measured and of the true recoil."""
        return "PE", "keV" if self.quenching is None else "keVnr"

    def vary(
        self,
        *,
        scale: float = 1.0,
        resolution: float = 1.0,
        quenching: float = 1.0,
        trigger: tuple[float, _Curve | None] | None = None,
        cut: tuple[float, _Curve | None] | None = None,
    ) -> PhotoelectronResponse:
        """Response with its parts moved; see `nuem.models.detector.Response.vary`.

        The scale is that of the light yield; a relative width larger by a factor f
        is one of f^2 fewer quanta, s/f^2.
        """
        varied = self.quenching
        if varied is not None and quenching != 1.0:
            varied = varied.vary(quenching)
        return replace(
            self,
            quenching=varied,
            light_yield=self.light_yield * scale,
            shape_per_kev=self.shape_per_kev / resolution**2,
            trigger_efficiency=changed_efficiency(self.trigger_efficiency, trigger),
            efficiency=changed_efficiency(self.efficiency, cut),
        )

    def ionisation(self, true_kev: ArrayLike) -> FloatArray:
        """Ionisation of true recoils, keVee."""
        if self.quenching is None:
            return positive(true_kev, "true_kev")
        return self.quenching.ionisation(true_kev)

    def check_range(self, edges_pe: ArrayLike, highest_kev: float) -> None:
        """Refuse bins that see recoils above the range of the quenching.

        Raises
        ------
        ModelError
            If there are such recoils.
        """
        if self.quenching is None:
            return
        end = self.quenching.range_kevnr[1]
        if (
            highest_kev > end
            and self._seen(edges_pe)[1] > self.quenching.range_kevee[1]
        ):
            raise ModelError(
                "bins see recoils above the range of the quenching", field="quenching",
                found=f"recoils to {highest_kev:g} keVnr",
                expected=f"recoils to {end:g} keVnr ({self.quenching.description})",
            )  # fmt: skip

    @property
    def true_floor_kev(self) -> float:
        """Lowest true recoil that is modelled, keV (keVnr with a quenching)."""
        if self.quenching is None:
            return self.floor_kev
        low, high = self.quenching.range_kevee
        if self.floor_kev <= max(low, 0.0):
            return self.quenching.range_kevnr[0]
        return float(self.quenching.recoil(min(self.floor_kev, high)))

    def true_range(
        self, edges_pe: ArrayLike, highest_kev: float = np.inf
    ) -> tuple[float, float]:
        """True recoils that can be seen in the bins, floor included, keV.

        Parameters
        ----------
        edges_pe : array_like
            In photoelectrons.
        highest_kev : float
            Largest recoil that occurs.

        Returns
        -------
        (float, float)
            Equal if nothing can be seen.
        """
        ends = np.array(self._seen(edges_pe))
        if self.quenching is not None:
            low, high = self.quenching.range_kevee
            ends = self.quenching.recoil(np.clip(ends, max(low, 1e-9), high))
        start = max(float(ends[0]), self.true_floor_kev)
        return start, max(min(float(ends[1]), highest_kev), start)

    def _seen(self, edges_pe: ArrayLike) -> tuple[float, float]:
        """Ionisations that reach the bins, keVee."""
        from scipy.special import gammainc, gammaincc

        edges = _pe_edges(edges_pe)
        low, high, count = _SEARCH_KEVEE
        energy = np.geomspace(low, high, int(count))
        shape, rate = self._gamma(energy)
        there = (gammaincc(shape, rate * edges[0]) > _NOTHING) & (
            gammainc(shape, rate * edges[-1]) > _NOTHING
        )
        inside = energy[there]
        return (float(inside[0]), float(inside[-1])) if inside.size else (low, low)

    def _gamma(self, ionisation: FloatArray) -> tuple[FloatArray, FloatArray]:
        shape = 1.0 + self.shape_per_kev * ionisation
        return shape, shape / (self.light_yield * ionisation)

    def kinks(self, edges_pe: ArrayLike, highest_kev: float = np.inf) -> FloatArray:
        """True recoils where the probability of a bin has a kink, keV."""
        del edges_pe, highest_kev  # a gamma distribution has none
        points = () if self.quenching is None else self.quenching.breakpoints_kevnr
        return np.asarray(points, dtype=np.float64)

    def true_width(self, true_kev: FloatArray) -> FloatArray:
        """One sigma of what is counted, in units of the true recoil."""
        energy = self.ionisation(true_kev)
        width = energy / np.sqrt(1.0 + self.shape_per_kev * energy)
        if self.quenching is not None:
            width = width / self.quenching.derivative(true_kev)
        return width

    def refine(self, panels_kev: FloatArray) -> FloatArray:
        """Panels of true recoils, split where the trigger efficiency is steep."""
        curve = self.trigger_efficiency
        if curve is None:
            return panels_kev
        return approximate(partial(self._triggered, curve), panels_kev).edges

    def _triggered(self, curve: _Curve, true_kev: FloatArray) -> FloatArray:
        return curve(self.ionisation(true_kev))

    def matrix(self, edges_pe: ArrayLike, recoil_kev: ArrayLike) -> FloatArray:
        """Probability that a recoil is seen in a bin, shape (bins, recoils).

        Parameters
        ----------
        edges_pe : array_like, shape (bins + 1,)
            Rising, in photoelectrons, from 0 on.
        recoil_kev : array_like, shape (recoils,)
            keVnr; keV for electrons.
        """
        from scipy.special import gammainc

        edges = _pe_edges(edges_pe)
        ionisation = self.ionisation(recoil_kev)
        shape, rate = self._gamma(ionisation)
        rows = []
        for low, high in itertools.pairwise(edges):
            cells = np.linspace(low, high, int(np.ceil((high - low) / _CELL_PE)) + 1)
            inside = np.diff(gammainc(shape, rate * cells[:, None]), axis=0)
            if self.efficiency is not None:
                middle = 0.5 * (cells[1:] + cells[:-1])
                inside = inside * self.efficiency(middle)[:, None]
            rows.append(inside.sum(axis=0))
        result = np.array(rows)
        if self.trigger_efficiency is not None:
            result = result * self.trigger_efficiency(ionisation)
        return result

    def tabulate(
        self, edges_pe: ArrayLike, true_edges_kev: ArrayLike, points: int = 32
    ) -> ResponseMatrix:
        """The response on cells of the true recoil; see `tabulated`."""
        return tabulated(self, edges_pe, true_edges_kev, points)

    @property
    def notes(self) -> tuple[str, ...]:
        """What a reader has to know about the model."""
        lines = [
            (
                f"photoelectrons: {self.light_yield:g} per keVee, gamma distribution of "
                f"shape 1 + {self.shape_per_kev:g} E"
            )
        ]
        if self.quenching is not None:
            lines.append(f"quenching: {self.quenching.description}")
        if self.true_floor_kev > 0.0:
            lines.append(f"recoils below {self.true_floor_kev:g} keV are not modelled")
        return tuple(lines)


def _pe_edges(edges_pe: ArrayLike) -> FloatArray:
    edges = np.asarray(edges_pe, dtype=np.float64)
    if (
        edges.ndim != 1
        or edges.size < 2
        or not edges[0] >= 0
        or not (np.diff(edges) > 0).all()
    ):
        raise InputError(
            "the edges do not rise from 0 on", field="edges_pe", found=edges.tolist()
        )
    return edges
