"""A neutrino flux: a sum of continuous components and of lines.

Each component has a flavour. Nothing here knows where neutrinos come from; the
modules beside this one build fluxes of reactors and of the Sun.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from types import MappingProxyType

import numpy as np

from nuem.inputs.errors import InputError
from nuem.inputs.vocabulary import Flavour
from nuem.models.arrays import ArrayLike, FloatArray, not_negative, positive
from nuem.models.couplings import as_flavour
from nuem.models.flux.moments import MomentTable
from nuem.models.flux.uncertainty import Uncertainty
from nuem.models.kinematics import BASIS

__all__ = ["Continuum", "Flux", "Line"]


@dataclass(frozen=True)
class Continuum:
    """A continuous component.

    Attributes
    ----------
    name : str
        What it is, for provenance.
    flavour : Flavour
        Flavour at the detector.
    density : callable
        Vectorised function of the energy (MeV); it is asked only inside its
        support.
    breakpoints_mev : tuple of float
        Rising: start of the support, points where the density or its derivative
        jumps, end of the support.
    weight : float
        Factor on the density, so that the product is per cm^2 s MeV.
    source : str
        Name of the source in an experiment; empty for none.
    uncertainties : mapping of str to Uncertainty or None
        Parameters that move it, with their published sizes if there are any
        (:func:`nuem.models.flux.vary`).
    """

    name: str
    flavour: Flavour
    density: Callable[[FloatArray], FloatArray]
    breakpoints_mev: tuple[float, ...]
    weight: float = 1.0
    source: str = ""
    uncertainties: Mapping[str, Uncertainty | None] = field(default_factory=dict)

    def __call__(self, energy_mev: ArrayLike) -> FloatArray:
        """Density, per cm^2 s MeV; 0 outside the support (end excluded)."""
        energy = not_negative(energy_mev, "energy_mev")
        inside = (energy >= self.breakpoints_mev[0]) & (
            energy < self.breakpoints_mev[-1]
        )
        result = np.zeros(energy.shape)
        result[inside] = self.weight * self.density(energy[inside])
        return result


@dataclass(frozen=True)
class Line:
    """A monochromatic component: energy in MeV, weight per cm^2 s.

    ``source`` and ``uncertainties`` are those of :class:`Continuum`.
    """

    name: str
    flavour: Flavour
    energy_mev: float
    weight: float = 1.0
    source: str = ""
    uncertainties: Mapping[str, Uncertainty | None] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Flux:
    """Sum of components, per cm^2 s.

    Parameters
    ----------
    components : tuple of Continuum or Line
        The terms.
    description : str
        One line for provenance.
    metadata : mapping of str to object
        How it was made: numbers, sources, choices.

    Examples
    --------
    >>> line = Flux((Line("7Be", Flavour.NU_E, 0.8613, 4.4e9),))
    >>> line.scale(0.5).integrate(0.8, 0.9)
    2200000000.0
    >>> (line + line).integrate()
    8800000000.0
    """

    components: tuple[Continuum | Line, ...]
    description: str = ""
    metadata: Mapping[str, object] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not self.components:
            raise InputError("a flux without components", field="components")
        for part in self.components:
            not_negative(part.weight, f"{part.name}: weight")
            if isinstance(part, Line):
                positive(part.energy_mev, f"{part.name}: energy_mev")
                continue
            ends = not_negative(part.breakpoints_mev, f"{part.name}: breakpoints_mev")
            if ends.size < 2 or np.any(np.diff(ends) <= 0.0):
                raise InputError(
                    "no support",
                    field=f"{part.name}: breakpoints_mev",
                    found=part.breakpoints_mev,
                    expected="at least two rising energies",
                )
        object.__setattr__(self, "components", tuple(self.components))
        object.__setattr__(self, "metadata", MappingProxyType(dict(self.metadata)))

    @property
    def flavours(self) -> tuple[Flavour, ...]:
        """Flavours that occur, in the order of their first component."""
        return tuple(dict.fromkeys(part.flavour for part in self.components))

    @property
    def maximum_energy_mev(self) -> float:
        """Largest energy of a neutrino, MeV."""
        return max(
            part.energy_mev if isinstance(part, Line) else part.breakpoints_mev[-1]
            for part in self.components
        )

    @property
    def breakpoints_mev(self) -> FloatArray:
        """Energies of lines and of jumps of the density, MeV, rising."""
        points: set[float] = set()
        for part in self.components:
            if isinstance(part, Line):
                points.add(part.energy_mev)
            else:
                points.update(part.breakpoints_mev)
        return np.array(sorted(points))

    def __call__(self, energy_mev: ArrayLike) -> FloatArray:
        """Continuous density, per cm^2 s MeV, without the lines.

        Parameters
        ----------
        energy_mev : array_like
            Energy, MeV, any shape.

        Returns
        -------
        ndarray
            Sum over flavours, of the same shape.

        Raises
        ------
        InputError
            For an energy below 0 or not finite.
        """
        energy = not_negative(energy_mev, "energy_mev")
        total = np.zeros(energy.shape)
        for part in self.components:
            if isinstance(part, Continuum):
                total += part(energy)
        return total

    def only(self, flavour: Flavour | str) -> Flux:
        """The components of one flavour."""
        wanted = as_flavour(flavour)
        kept = tuple(part for part in self.components if part.flavour == wanted)
        return replace(self, components=kept)

    def scale(self, factor: float) -> Flux:
        """Flux times a factor."""
        if not np.isfinite(factor) or factor < 0.0:
            raise InputError(
                "no factor for a flux", found=factor, expected="a number from 0 on"
            )
        return replace(
            self,
            components=tuple(
                replace(part, weight=part.weight * factor) for part in self.components
            ),
        )

    def named(self, source: str) -> Flux:
        """The same flux with the name of its source on every component.

        In a sum the name tells sources apart: see :func:`nuem.models.flux.vary`.
        """
        if not source or ":" in source:
            raise InputError(
                "no name for a source", field="source", found=repr(source),
                expected="a word without colon",
            )  # fmt: skip
        return replace(
            self,
            components=tuple(replace(part, source=source) for part in self.components),
        )

    def __add__(self, other: Flux) -> Flux:
        """Sum of two fluxes.

        Components keep their names, sources and uncertainties; descriptions and
        metadata are kept side by side.
        """
        if not isinstance(other, Flux):
            return NotImplemented
        parts = [text for text in (self.description, other.description) if text]
        return Flux(
            self.components + other.components,
            " + ".join(parts),
            {"sum of": (dict(self.metadata), dict(other.metadata))},
        )

    @cached_property
    def _tables(self) -> dict[Flavour, MomentTable]:
        tables = {}
        for flavour in self.flavours:
            flux = self.only(flavour)
            smooth = [p for p in flux.components if isinstance(p, Continuum)]
            lines = [p for p in flux.components if isinstance(p, Line)]
            tables[flavour] = MomentTable(
                flux,
                [x for part in smooth for x in part.breakpoints_mev],
                [(line.energy_mev, line.weight) for line in lines],
            )
        return tables

    def moments(
        self, lower_mev: ArrayLike, flavour: Flavour | str | None = None
    ) -> FloatArray:
        """Integrals above a lower limit, weighted with 1, 1/E, 1/E^2 and ln E.

        Parameters
        ----------
        lower_mev : array_like
            Lower limits, MeV, any shape. A line counts if it lies above.
        flavour : Flavour, str or None
            One flavour, or the sum.

        Returns
        -------
        ndarray
            Shape (6, ...), per cm^2 s times the weight with E in MeV.

        Raises
        ------
        InputError
            For a limit below 0 or not finite, or an unknown flavour.
        """
        return self._above(not_negative(lower_mev, "lower_mev"), flavour)

    def _above(self, lower: FloatArray, flavour: Flavour | str | None) -> FloatArray:
        chosen = self.flavours if flavour is None else (as_flavour(flavour),)
        total = np.zeros((len(BASIS), *lower.shape))
        for name in chosen:
            if name in self._tables:
                total += self._tables[name](lower)
        return total

    def integrate(
        self,
        low_mev: float = 0.0,
        high_mev: float = np.inf,
        flavour: Flavour | str | None = None,
    ) -> float:
        """Number of neutrinos between two energies, per cm^2 s.

        Lines count from the lower limit (included) to the upper one (excluded).

        Examples
        --------
        >>> flat = Continuum("flat", Flavour.NU_E, np.ones_like, (1.0, 3.0), 5.0)
        >>> round(Flux((flat,)).integrate(1.0, 2.0), 9)
        5.0
        """
        if not 0.0 <= low_mev <= high_mev:
            raise InputError(
                "no range of energies", found=f"{low_mev} to {high_mev} MeV"
            )
        # a line at the limit itself belongs to the side above
        limits = np.nextafter([low_mev, min(high_mev, 1e9)], -1.0)
        low, high = self._above(limits, flavour)[0]
        return float(low - high)

    def normalise(
        self, total: float, low_mev: float = 0.0, high_mev: float = np.inf
    ) -> Flux:
        """Scale so that the integral over a range is a given flux.

        Parameters
        ----------
        total : float
            Neutrinos per cm^2 s in the range, all flavours.
        low_mev, high_mev : float
            The range to which the quoted flux refers.

        Returns
        -------
        Flux
            The scaled flux.
        """
        positive(total, "flux")
        here = self.integrate(low_mev, high_mev)
        if here <= 0.0:
            raise InputError(
                "no neutrinos in the range of normalisation",
                found=f"{low_mev:g} to {high_mev:g} MeV",
            )
        return self.scale(total / here)
