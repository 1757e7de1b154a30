"""The response of a detector: from the true recoil to the measured energy.

A recoil T passes the trigger with an efficiency that depends on T, before noise.
It is then seen at ``s T`` (s: energy scale) with a Gaussian of width
``r sigma(T)`` (r: resolution factor), and kept by the cuts with an efficiency that
depends on the measured energy.

Two limits belong to the model and are recorded with it. True recoils below
``floor_kev`` are not modelled: under a 1/T^2 signal the Gaussian lets them leak up
without end. And the Gaussian is cut at ``kernel_sigma`` widths. The cut Gaussian is
*not* normalised again: what it loses is lost. To scale it up would raise the
signal, by 46 per cent for a cut at one sigma, where a cut is made to stay on the
safe side; from four sigma on the difference is below 1e-4.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from nuem.inputs.errors import InputError, ModelError
from nuem.models.arrays import ArrayLike, FloatArray, bin_edges, positive
from nuem.models.curves import Curve, Pieces, approximate
from nuem.models.quenching import Quenching
from nuem.models.response_matrix import ResponseMatrix, tabulated
from nuem.models.smearing import smear
from nuem.models.visibility import crossings, search_grid, visible_range

__all__ = ["Response", "changed_efficiency"]


@dataclass(frozen=True)
class Response:
    """Resolution, efficiencies and limits of one detector in one period.

    Parameters
    ----------
    resolution : callable, optional
        Width (one sigma, keV) of the Gaussian at true energies (keV), vectorised;
        None for a perfect detector.
    floor_kev : float
        True recoils below are not modelled. Has to be above 0 with a resolution.
    kernel_sigma : float
        The Gaussian is cut at this number of sigma.
    trigger_efficiency : callable, optional
        Efficiency at true energies (keV), before noise.
    cut_efficiency : callable, optional
        Efficiency at measured energies (keV).
    energy_scale, resolution_scale : float
        Factors on the measured energy and on the width, for variations.
    breakpoints_kev : tuple of float
        True energies where the trigger efficiency is known to have steps or kinks;
        others are searched for.
    cut_breakpoints_kev : tuple of float
        The same of the cut efficiency, measured energies.
    quenching : Quenching, optional
        From recoils of nuclei (keVnr) to ionisation (keVee).

    Raises
    ------
    InputError
        If a number is out of range.

    Examples
    --------
    >>> response = Response(lambda t: 0.07 + 0.0 * t, floor_kev=0.1)
    >>> response.matrix([0.2, 0.3, 0.4], [0.05, 0.25, 0.30]).round(3)
    array([[0.   , 0.525, 0.423],
           [0.   , 0.221, 0.423]])
    """

    resolution: Curve | None = None
    floor_kev: float = 0.0
    kernel_sigma: float = 5.0
    trigger_efficiency: Curve | None = None
    cut_efficiency: Curve | None = None
    energy_scale: float = 1.0
    resolution_scale: float = 1.0
    breakpoints_kev: tuple[float, ...] = ()
    cut_breakpoints_kev: tuple[float, ...] = ()
    quenching: Quenching | None = None

    def __post_init__(self) -> None:
        """Check the numbers."""
        for name in ("kernel_sigma", "energy_scale", "resolution_scale"):
            positive(getattr(self, name), name)
        if not (np.isfinite(self.floor_kev) and self.floor_kev >= 0.0):
            raise InputError(
                "out of range",
                field="floor_kev",
                found=self.floor_kev,
                expected="an energy from 0 keV on",
            )
        if self.resolution is not None and self.floor_kev == 0.0:
            raise InputError(
                "a resolution needs a floor of the true recoil",
                field="floor_kev",
                found="0 keV",
                expected="an energy above 0 keV",
            )

    def vary(
        self,
        *,
        scale: float = 1.0,
        resolution: float = 1.0,
        quenching: float = 1.0,
        trigger: tuple[float, Curve | None] | None = None,
        cut: tuple[float, Curve | None] | None = None,
    ) -> Response:
        """Response with its parts moved.

        Parameters
        ----------
        scale, resolution, quenching : float
            Factors. The quenching is evaluated anew: for Lindhard's it is k that is
            varied.
        trigger, cut : (float, callable or None), optional
            Size and shape of a relative change of an efficiency, correlated over all
            energies; None for the same at all. The result is kept within 0 to 1.

        Returns
        -------
        Response

        Examples
        --------
        >>> Response().vary(scale=1.01).energy_scale
        1.01
        """
        varied = self.quenching
        if varied is not None and quenching != 1.0:
            varied = varied.vary(quenching)
        return replace(
            self,
            energy_scale=self.energy_scale * scale,
            resolution_scale=self.resolution_scale * resolution,
            quenching=varied,
            trigger_efficiency=changed_efficiency(self.trigger_efficiency, trigger),
            cut_efficiency=changed_efficiency(self.cut_efficiency, cut),
        )

    def ionisation(self, true_kev: ArrayLike) -> FloatArray:
        """What noise, trigger and resolution act on, at true recoils, keV."""
        if self.quenching is None:
            return np.asarray(true_kev, dtype=np.float64)
        return self.quenching.ionisation(true_kev)

    def _recoils(self, ionisation: FloatArray) -> FloatArray:
        """True recoils of ionisations, the ends of the quenching for those outside."""
        if self.quenching is None:
            return ionisation
        low, high = self.quenching.range_kevee
        inside = np.clip(ionisation, max(low, 1e-9), high)
        return self.quenching.recoil(inside)

    def check_range(self, edges_kev: ArrayLike, highest_kev: float) -> None:
        """Refuse bins that see recoils above the range of the quenching.

        Parameters
        ----------
        edges_kev : array_like
            Bin edges in the measured energy.
        highest_kev : float
            Largest recoil that occurs.

        Raises
        ------
        ModelError
            If bins reach recoils that occur and that the quenching does not cover.
        """
        if self.quenching is None:
            return
        end = self.quenching.range_kevnr[1]
        seen = self._ionisation_range(bin_edges(edges_kev), highest_kev)[1]
        if highest_kev > end and seen > self.quenching.range_kevee[1] * (1 + 1e-9):
            raise ModelError(
                "bins see recoils above the range of the quenching",
                field="quenching",
                found=f"recoils to {highest_kev:g} keVnr, seen to {seen:g} keVee",
                expected=f"recoils to {end:g} keVnr ({self.quenching.description})",
            )

    @property
    def units(self) -> tuple[str, str]:
        """Units of the measured energy and of the true recoil."""
        return ("keV", "keV") if self.quenching is None else ("keVee", "keVnr")

    @property
    def true_floor_kev(self) -> float:
        """Lowest true recoil that is modelled, keV (keVnr with a quenching)."""
        if self.quenching is None:
            return self.floor_kev
        low = self.quenching.range_kevnr[0]
        start = max(self.floor_kev, self.quenching.range_kevee[0])
        if start <= 0.0:
            return low
        return max(low, float(self._recoils(np.array(start))))

    def true_width(self, true_kev: FloatArray) -> FloatArray:
        """One sigma of the resolution, in units of the true recoil."""
        width = self.sigma(self.ionisation(true_kev)) / self.energy_scale
        if self.quenching is not None:
            width = width / self.quenching.derivative(true_kev)
        return width

    def sigma(self, true_kev: ArrayLike) -> FloatArray:
        """Width of the Gaussian at true energies, keV; 0 for a perfect detector."""
        true = np.asarray(true_kev, dtype=np.float64)
        if self.resolution is None:
            return np.zeros_like(true)
        width = np.broadcast_to(
            np.asarray(self.resolution(true), dtype=np.float64), true.shape
        )
        return self.resolution_scale * positive(width, "resolution")

    def _reach(self, true: FloatArray) -> FloatArray:
        return self.kernel_sigma * self.sigma(true)

    def _search_grid(self, edges: FloatArray, highest_kev: float) -> FloatArray:
        highest = highest_kev
        if self.quenching is not None:
            # beyond the quenching the grid goes on, so that bins that see recoils
            # there are found out
            low, end = self.quenching.range_kevnr
            covered = np.isfinite(highest_kev) and highest_kev <= end
            highest = np.inf
            if covered:
                highest = float(self.quenching.ionisation(max(highest_kev, low)))
        return search_grid(
            edges, self.energy_scale, self._reach, self.floor_kev, highest
        )

    def true_range(
        self, edges_kev: ArrayLike, highest_kev: float = np.inf
    ) -> tuple[float, float]:
        """True energies that can be seen in the bins, floor included, keV.

        Parameters
        ----------
        edges_kev : array_like
            Bin edges in the measured energy.
        highest_kev : float
            Largest recoil that occurs.

        Returns
        -------
        (float, float)
            Lowest and highest true energy; equal if nothing can be seen.

        Raises
        ------
        ModelError
            If the kernel of every energy reaches the bins and no largest is given.

        Examples
        --------
        >>> Response(floor_kev=0.4).true_range([0.3, 1.0])
        (0.4, 1.0)
        """
        low, high = self._ionisation_range(bin_edges(edges_kev), highest_kev)
        if self.quenching is None:
            return low, high
        if high <= max(self.quenching.range_kevee[0], 0.0):
            return self.true_floor_kev, self.true_floor_kev
        ends = self._recoils(np.array([max(low, 1e-9), high]))
        start = max(float(ends[0]) if low > 0.0 else 0.0, self.true_floor_kev)
        return start, max(float(ends[1]), start)

    def _ionisation_range(
        self, edges: FloatArray, highest_kev: float
    ) -> tuple[float, float]:
        if self.resolution is None:
            low = max(edges[0] / self.energy_scale, self.floor_kev)
            return float(low), float(max(edges[-1] / self.energy_scale, low))
        grid = self._search_grid(edges, highest_kev)
        return visible_range(edges, self.energy_scale, self._reach, grid)

    def kinks(self, edges_kev: ArrayLike, highest_kev: float = np.inf) -> FloatArray:
        """True energies where the probability of a bin has a step or a kink, keV.

        With a perfect detector these are the bin edges, else the energies from
        which the end of the kernel just reaches an edge, or a step of the cut
        efficiency. Those of the trigger efficiency are here if they were named.
        """
        points = self._ionisation_kinks(bin_edges(edges_kev), highest_kev)
        if self.quenching is None:
            return points
        low, high = self.quenching.range_kevee
        inside = points[(points > max(low, 0.0)) & (points < high)]
        own = np.array(self.quenching.breakpoints_kevnr)
        return np.unique(np.concatenate([self._recoils(inside), own]))

    def _ionisation_kinks(self, edges: FloatArray, highest_kev: float) -> FloatArray:
        own = np.asarray(self.breakpoints_kev, dtype=np.float64)
        levels = np.concatenate([edges, self.cut_breakpoints_kev])
        kept = self._kept(edges)
        if kept is not None:
            levels = np.concatenate([levels, kept.sharp])
        levels = np.unique(levels)
        if self.resolution is None:
            return np.unique(np.concatenate([levels / self.energy_scale, own]))
        grid = self._search_grid(edges, highest_kev)
        ends = crossings(levels, self.energy_scale, self._reach, grid)
        return np.unique(np.concatenate([ends, own]))

    def refine(self, panels_kev: FloatArray) -> FloatArray:
        """Panels of true recoils, split where a curve is steep inside of them.

        Parameters
        ----------
        panels_kev : ndarray
            Rising edges of panels, within what the quenching covers.

        Returns
        -------
        ndarray
            The same edges and more, so that each of the curves that act on the true
            energy is a cubic in every panel, to 1e-6: the trigger efficiency, the
            resolution and, without a resolution, the cut efficiency.
        """
        curves: list[Curve] = []
        if self.trigger_efficiency is not None:
            curves.append(self.trigger_efficiency)
        if self.resolution is not None:
            curves.append(self.sigma)
        elif (cut := self.cut_efficiency) is not None:
            curves.append(lambda energy: cut(self.energy_scale * energy))
        for curve in curves:
            panels_kev = approximate(partial(self._at_recoil, curve), panels_kev).edges
        return panels_kev

    def _at_recoil(self, curve: Curve, true_kev: FloatArray) -> FloatArray:
        return curve(self.ionisation(true_kev))

    def matrix(self, edges_kev: ArrayLike, true_kev: ArrayLike) -> FloatArray:
        """Probability that a true recoil is seen in a bin, efficiencies included.

        Parameters
        ----------
        edges_kev : array_like
            Bin edges in the measured energy, shape (n + 1,).
        true_kev : array_like
            True recoils, shape (m,).

        Returns
        -------
        ndarray
            Shape (n, m). Bins are integrated: exactly for a constant cut
            efficiency, else to about 1e-6 of a bin.

        Raises
        ------
        InputError
            For edges that do not rise, or an efficiency outside 0 to 1.
        """
        edges = bin_edges(edges_kev)
        recoil = positive(np.atleast_1d(np.asarray(true_kev, dtype=float)), "true_kev")
        true = self.ionisation(recoil)
        # rounding on the way through the quenching must not lose the floor itself
        weight = (true >= self.floor_kev * (1.0 - 1e-12)).astype(np.float64)
        if self.trigger_efficiency is not None:
            weight *= _efficiency(self.trigger_efficiency, true, "trigger_efficiency")
        seen = self.energy_scale * true
        if self.resolution is None:
            bins = (seen >= edges[:-1, None]) & (seen < edges[1:, None])
            if self.cut_efficiency is not None:
                weight *= _efficiency(self.cut_efficiency, seen, "cut_efficiency")
            return bins * weight
        kept = self._kept(edges)
        if kept is not None and kept.is_constant:  # a constant needs no cells
            weight *= kept.coefficients[0, 0]
            kept = None
        return smear(edges, seen, self.sigma(true), self.kernel_sigma, kept) * weight

    def _kept(self, edges: FloatArray) -> Pieces | None:
        """The cut efficiency in pieces, or None for none."""
        if self.cut_efficiency is None:
            return None
        points = np.asarray(self.cut_breakpoints_kev, dtype=np.float64)
        curve = self.cut_efficiency
        return approximate(
            lambda energy: _efficiency(curve, energy, "cut_efficiency"), edges, points
        )

    def tabulate(
        self, edges_kev: ArrayLike, true_edges_kev: ArrayLike, points: int = 32
    ) -> ResponseMatrix:
        """The response on cells of the true recoil, to apply or to publish.

        Parameters
        ----------
        edges_kev : array_like
            Bins of the measured energy, shape (n + 1,).
        true_edges_kev : array_like
            Cells of the true recoil, shape (m + 1,).
        points : int
            Recoils in each cell, at the middles of equal parts, that are averaged.

        Returns
        -------
        ResponseMatrix
            Shape (n, m).
        """
        return tabulated(self, edges_kev, true_edges_kev, points)

    @property
    def notes(self) -> tuple[str, ...]:
        """What a reader has to know about the model."""
        lines = []
        if self.quenching is not None:
            lines.append(f"quenching: {self.quenching.description}")
            if self.true_floor_kev > 0.0:
                lines.append(
                    f"recoils below {self.true_floor_kev:g} keVnr are not modelled"
                )
        elif self.floor_kev > 0.0:
            lines.append(f"true recoils below {self.floor_kev:g} keV are not modelled")
        if self.resolution is not None:
            lines.append(
                f"resolution kernel cut at {self.kernel_sigma:g} sigma,"
                " not renormalised"
            )
        return tuple(lines)


def changed_efficiency(
    efficiency: Curve | None, change: tuple[float, Curve | None] | None
) -> Curve | None:
    """An efficiency times 1 + size * shape, within 0 to 1.

    Parameters
    ----------
    efficiency : callable or None
        None for 1 everywhere.
    change : (float, callable or None) or None
        Size and shape; None for no change, a shape of None for the same everywhere.

    Examples
    --------
    >>> varied = changed_efficiency(None, (-0.1, None))
    >>> varied(np.array([1.0, 2.0]))
    array([0.9, 0.9])
    """
    if change is None:
        return efficiency
    size, shape = change

    def changed(energy: FloatArray) -> FloatArray:
        base = np.ones_like(energy) if efficiency is None else efficiency(energy)
        factor = 1.0 + size * (1.0 if shape is None else shape(energy))
        return np.clip(base * factor, 0.0, 1.0)

    return changed


def _efficiency(curve: Curve, energy: FloatArray, field: str) -> FloatArray:
    value = np.broadcast_to(np.asarray(curve(energy), dtype=np.float64), energy.shape)
    if not np.all((value >= 0.0) & (value <= 1.0 + 1e-12)):
        raise InputError(
            "an efficiency outside 0 to 1",
            field=field,
            found=f"{float(np.min(value)):g} to {float(np.max(value)):g}",
        )
    return np.asarray(value, dtype=np.float64)
