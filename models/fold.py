"""Fold of a flux with a cross section: rates against the true recoil.

At each recoil the cross section is an expansion in functions of the neutrino
energy (:mod:`nuem.models.kinematics`); the rate is that expansion with the moments
of the flux above E_min(T) in place of the functions. There is no grid in the
energy, lines of the flux are exact, and each flavour has its own couplings.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Unpack

import numpy as np

from nuem.inputs.errors import InputError
from nuem.inputs.vocabulary import Flavour, Method, Photoabsorption, Process
from nuem.models.arrays import ArrayLike, FloatArray, positive
from nuem.models.constants import SECONDS_PER_DAY
from nuem.models.couplings import flavour_symbol
from nuem.models.flux.spectrum import Flux
from nuem.models.isotopes import Target
from nuem.models.kinematics import maximum_recoil, minimum_energy
from nuem.models.monomials import powers
from nuem.models.options import Options, OptionWords
from nuem.models.process import Scattering, scattering
from nuem.models.targets import Element

__all__ = ["Fold", "recoil_spectrum"]


@dataclass(frozen=True)
class Fold:
    """A flux and, for each of its flavours, the scattering.

    Attributes
    ----------
    flux : Flux
        Neutrinos at the detector.
    scatterings : mapping of Flavour to Scattering
        The process as each flavour has it.
    by_flavour : bool
        Whether each flavour has a coupling of its own.
    """

    flux: Flux
    scatterings: Mapping[Flavour, Scattering]
    by_flavour: bool = False

    @classmethod
    def build(
        cls,
        process: Process | str,
        target: Target | Element | str,
        flux: Flux,
        *,
        method: Method | str | None = None,
        by_flavour: bool = False,
        **options: Unpack[OptionWords],
    ) -> Fold:
        """Fold of a process; arguments as in :func:`recoil_spectrum`."""
        if not isinstance(flux, Flux):
            raise InputError("not a flux", field="flux", found=type(flux).__name__)
        chosen = Options(**options)
        scatterings = {
            flavour: scattering(process, target, method, flavour, chosen)
            for flavour in flux.flavours
        }
        return cls(flux, scatterings, by_flavour)

    @property
    def _any(self) -> Scattering:
        return next(iter(self.scatterings.values()))

    def _rename(self, monomial: str, flavour: Flavour) -> str:
        if not self.by_flavour or monomial == "1":
            return monomial
        letter = flavour_symbol(flavour)
        return " ".join(
            f"{symbol}_{letter}" + (f"^{power}" if power > 1 else "")
            for symbol, power in powers(monomial).items()
        )

    @property
    def monomials(self) -> tuple[str, ...]:
        """Names of the terms."""
        names = [
            self._rename(monomial, flavour)
            for flavour, scattering in self.scatterings.items()
            for monomial in scattering.monomials
        ]
        return tuple(dict.fromkeys(names))

    @property
    def leading(self) -> str:
        """Term with the highest power of the coupling (of the first flavour)."""
        flavour, scattering = next(iter(self.scatterings.items()))
        return self._rename(scattering.monomials[-1], flavour)

    @property
    def on_nuclei(self) -> bool:
        """Whether nuclei recoil."""
        return self._any.process.on_nuclei

    @property
    def maximum_recoil_kev(self) -> float:
        """Largest recoil that the flux can give, keV."""
        energy = self.flux.maximum_energy_mev
        return float(np.max(maximum_recoil(energy, self._any.masses_kev)))

    @property
    def metadata(self) -> dict[str, object]:
        """How the prediction is made, in words and numbers."""
        one = self._any
        return {
            "process": str(one.process),
            "target": one.target.name,
            "method": None if one.method is None else str(one.method),
            "flavours": [str(flavour) for flavour in self.scatterings],
            "couplings": "by flavour" if self.by_flavour else "common",
            **one.metadata,
            "flux": self.flux.description,
            "flux metadata": dict(self.flux.metadata),
        }

    def notes(self, low_kev: float, high_kev: float) -> tuple[str, ...]:
        """Notes of the method in a range of recoils."""
        return self._any.notes(low_kev, high_kev)

    def breakpoints(self, low_kev: float, high_kev: float) -> FloatArray:
        """Recoils where the rate has a step or a kink, keV."""
        one = self._any
        energies = self.flux.breakpoints_mev
        ends = maximum_recoil(energies[energies > 0.0], one.masses_kev)
        both = np.concatenate([one.breakpoints(low_kev, high_kev), ends.ravel()])
        return np.unique(both[(both > low_kev) & (both < high_kev)])

    @property
    def lowest_recoil_kev(self) -> float:
        """Lowest recoil that the method covers, keV."""
        return self._any.lowest_recoil_kev

    def covering(self, recoil_kev: float) -> Fold:
        """The same with Henke's photons, if the present tables begin higher up."""
        if self._any.lowest_recoil_kev <= recoil_kev:
            return self
        henke = {
            flavour: scattering(
                s.process,
                s.target,
                Method.EPA_STEPPED if s.method is Method.ATOMIC else s.method,
                s.flavour,
                replace(s.options, photoabsorption=Photoabsorption.HENKE),
            )
            for flavour, s in self.scatterings.items()
        }
        return replace(self, scatterings=henke)

    def rates(self, recoil_kev: FloatArray) -> dict[str, FloatArray]:
        """Rates per kg, day and keV at recoils of one axis."""
        result = {name: np.zeros(recoil_kev.shape) for name in self.monomials}
        limit = minimum_energy(recoil_kev, self._any.masses_kev)
        for flavour, one in self.scatterings.items():
            moments = self.flux.moments(limit, flavour)
            # no neutrino, no question to the tables
            reached = moments[0] > 0.0
            if reached.ndim > 1:
                reached = np.any(reached, axis=0)
            factor = one.targets_per_kg * SECONDS_PER_DAY
            weight = moments[..., reached]
            for monomial, expansion in one.rate_expansion(recoil_kev[reached]).items():
                # most expansions end before the last functions of the basis
                used = weight[: len(expansion)]
                rate = (expansion * used).sum(axis=tuple(range(used.ndim - 1)))
                result[self._rename(monomial, flavour)][reached] += factor * rate
        return result


def recoil_spectrum(
    process: Process | str,
    target: Target | Element | str,
    flux: Flux,
    recoil_kev: ArrayLike,
    *,
    method: Method | str | None = None,
    by_flavour: bool = False,
    **options: Unpack[OptionWords],
) -> dict[str, FloatArray]:
    """Rate against the true recoil, term by term in the coupling.

    Parameters
    ----------
    process, target, method
        See :func:`nuem.models.process.scattering`.
    flux : Flux
        Neutrinos at the detector.
    recoil_kev : array_like
        True recoils, keV, any shape.
    by_flavour : bool
        Give each flavour a coupling of its own.
    **options
        See :class:`nuem.models.options.Options`.

    Returns
    -------
    dict of str to ndarray
        Monomial to counts/(kg keV d), of the shape of the recoils.

    Raises
    ------
    InputError
        For unknown words or recoils that are not above zero.
    ModelError
        If the method does not cover a recoil that the flux can give.

    Examples
    --------
    >>> from nuem.models.flux import reactor_flux
    >>> rate = recoil_spectrum("electron-magnetic", "Ge", reactor_flux(flux=1e13),
    ...                        [1.0, 10.0], method="free")
    >>> (rate["mu^2"] * 1e-20).round(3)
    array([0.571, 0.056])
    """
    recoil = positive(recoil_kev, "recoil_kev")
    fold = Fold.build(
        process,
        target,
        flux,
        method=method,
        by_flavour=by_flavour,
        **options,
    )
    rates = fold.rates(recoil.ravel())
    return {name: rate.reshape(recoil.shape) for name, rate in rates.items()}
