"""Neutrino-electron scattering in matter: the methods, per atom or formula unit.

``free``
    All Z electrons free.
``stepped``
    Free electrons, those bound by less than the energy transfer.
``epa``
    Equivalent photons: the electromagnetic millicharge term alone.
``epa+stepped``
    Equivalent photons plus stepped for the electromagnetic millicharge term,
    stepped for everything else. The sum stands for distant plus close collisions;
    it gives the ratio of free-electron to atomic limits of Chen et al. (2014) to a
    few per cent, while the larger of the two does not. Binding raises only the
    millicharge term: weak and magnetic scattering are never given to photons.
``atomic``
    Responses calculated from the Dirac equation of the atom, from a table
    (:mod:`nuem.models.atomic`): every electromagnetic and vector term; the weak axial
    term from the charge response; the products of g_V or the charge with g_A, smaller
    by T/E, stepped.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from nuem.inputs.errors import InputError, ModelError
from nuem.inputs.vocabulary import (
    Convention,
    Flavour,
    Method,
    Photoabsorption,
    Process,
    Regulator,
)
from nuem.models import free_electron, regulators
from nuem.models.arrays import ArrayLike, FloatArray, positive
from nuem.models.atomic.table import load_table
from nuem.models.atomic_terms import (
    atomic_notes,
    atomic_terms,
    check_atomic,
    regulator_note,
)
from nuem.models.constants import ALPHA, ELECTRON_MASS_KEV
from nuem.models.conventions import convention_notes
from nuem.models.couplings import as_flavour, electron_couplings
from nuem.models.isotopes import Target, as_target
from nuem.models.options import Options, word
from nuem.models.photon import absorption_breakpoints, photoabsorption, table_range
from nuem.models.targets import Element

__all__ = ["ElectronScattering"]

_MILLICHARGE = (Process.ELECTRON_MILLICHARGE, Process.ELECTRON_MILLICHARGE_TRANSITION)


@dataclass(frozen=True, init=False)
class ElectronScattering:
    """One process on the electrons of a target by one method, ready to be evaluated.

    Parameters
    ----------
    process : Process or str
        An ``electron-`` process.
    target : Target, Element or str
        What scatters: element, isotope or compound.
    method : Method or str
        How the electrons of the atoms are treated.
    flavour : Flavour or str
        Neutrino at the detector.
    options : Options
        Mixing angle, photoabsorption, regulator, convention.

    Raises
    ------
    InputError
        For an unknown word or target.
    ModelError
        If the method does not describe the process.

    Examples
    --------
    >>> ElectronScattering("electron-magnetic", "Ge", "free").monomials
    ('mu^2',)
    """

    process: Process
    target: Target
    method: Method
    flavour: Flavour
    options: Options

    #: Mass of the struck particle, keV; it sets the kinematics.
    masses_kev = ELECTRON_MASS_KEV

    def __init__(
        self,
        process: Process | str,
        target: Target | Element | str,
        method: Method | str,
        flavour: Flavour | str = Flavour.ANTI_NU_E,
        options: Options | None = None,
    ) -> None:
        set_ = object.__setattr__
        set_(self, "process", word(Process, process, "process"))
        set_(self, "target", as_target(target))
        set_(self, "method", word(Method, method, "method"))
        set_(self, "flavour", as_flavour(flavour))
        set_(self, "options", options or Options())
        if self.process.on_nuclei:
            raise InputError(
                "not a process on electrons", field="process", found=str(self.process)
            )
        if (
            self.method is Method.EPA
            and self.process is not Process.ELECTRON_MILLICHARGE_TRANSITION
        ):
            raise ModelError(
                "equivalent photons describe the transition millicharge alone",
                field="method",
                found=f"epa for {self.process}",
                expected="epa+stepped, stepped or free",
            )
        if self.method is Method.ATOMIC:
            check_atomic(self._symbols, self.options)

    @property
    def monomials(self) -> tuple[str, ...]:
        """Names of the terms, the leading one last."""
        return {
            Process.ELECTRON_SM: ("1",),
            Process.ELECTRON_MAGNETIC: ("mu^2",),
            Process.ELECTRON_MILLICHARGE: ("1", "q", "q^2"),
            Process.ELECTRON_MILLICHARGE_TRANSITION: ("q^2",),
            Process.ELECTRON_CHARGE_RADIUS: ("1", "r2", "r2^2"),
            Process.ELECTRON_MIXING_ANGLE: ("1", "ds2", "ds2^2"),
        }[self.process]

    @property
    def unit(self) -> str:
        """Unit of the cross section."""
        return self.target.unit("atom")

    @property
    def targets_per_kg(self) -> float:
        """Number of scatterers (atoms, or formula units) in a kilogram."""
        return self.target.units_per_kg

    @property
    def uses_photons(self) -> bool:
        """Whether the photoabsorption table enters."""
        photons = self.method in (Method.EPA, Method.EPA_STEPPED)
        return photons and self.process in _MILLICHARGE

    @property
    def _table(self) -> Photoabsorption:
        return Photoabsorption(self.options.photoabsorption)

    @property
    def _symbols(self) -> tuple[str, ...]:
        return tuple(part.element.symbol for part in self.target.components)

    @property
    def _table_range(self) -> tuple[float, float]:
        ranges = [table_range(symbol, self._table) for symbol in self._symbols]
        return max(low for low, _ in ranges), min(high for _, high in ranges)

    @property
    def lowest_recoil_kev(self) -> float:
        """Lowest energy transfer that the method covers, keV."""
        if self.method is Method.ATOMIC:
            tables = [load_table(symbol) for symbol in self._symbols]
            if self.options.beyond_validity:
                lows = [table.range_kev[0] for table in tables]
            else:
                lows = [table.valid_kev[0] for table in tables]
            if self.process in _MILLICHARGE:
                lows.append(self._regulator.lowest_kev())
            return max(lows)
        if not self.uses_photons:
            return 0.0
        return max(self._table_range[0], self._regulator.lowest_kev(self._table))

    @property
    def metadata(self) -> dict[str, object]:
        """The choices that matter here."""
        photons = self.uses_photons
        regulator = self._regulator.description if photons else None
        if self.method is Method.ATOMIC and self.process in _MILLICHARGE:
            regulator = regulator_note(self.options, self.target)
        return {
            "sin2_theta_w": self.options.sin2_theta_w,
            "photoabsorption": str(self._table) if photons else None,
            "regulator": regulator,
            "convention": str(self.options.convention),
        }

    @property
    def _regulator(self) -> regulators.Logarithm:
        return regulators.Logarithm(
            Regulator(self.options.regulator), self.target, self.options.density_g_cm3
        )

    def breakpoints(self, low_kev: float, high_kev: float) -> FloatArray:
        """Recoils inside a range where the cross section has a step or a kink."""
        points: list[FloatArray] = [np.empty(0)]
        if self.method is not Method.FREE:
            points.append(np.array(self.target.bindings_kev))
        if self.method is Method.ATOMIC:
            points.extend(load_table(symbol).recoil_kev for symbol in self._symbols)
            if self.process in _MILLICHARGE:
                # the medium of atoms is that of Henke's table, as in kinematics
                henke = Photoabsorption.HENKE
                points.append(self._regulator.breakpoints(henke, low_kev, high_kev))
        if self.uses_photons:
            for symbol in self._symbols:
                points.append(
                    absorption_breakpoints(symbol, self._table, low_kev, high_kev)
                )
                if self._goes_on_with_elam:
                    points.append(
                        absorption_breakpoints(symbol, "elam", low_kev, high_kev)
                    )
            points.append(np.array([self._table_range[1]]))
            points.append(self._regulator.breakpoints(self._table, low_kev, high_kev))
        every = np.unique(np.concatenate(points))
        return every[(every > low_kev) & (every < high_kev)]

    def notes(self, low_kev: float, high_kev: float) -> tuple[str, ...]:
        """What a reader has to know about the prediction in a range of recoils."""
        lines = list(
            convention_notes(Convention(self.options.convention), self.process)
        )
        if self.method is Method.ATOMIC:
            lines.extend(atomic_notes(self._symbols, self.options))
            if self.process in _MILLICHARGE:
                lines.append(f"regulator {regulator_note(self.options, self.target)}")
        if not self.uses_photons:
            return tuple(lines)
        table = self._table
        lines.append(
            f"equivalent photons with the {table} table and "
            f"{self._regulator.description}"
        )
        end = self._table_range[1]
        if self._goes_on_with_elam and high_kev > end:
            start = max(low_kev, end)
            lines.append(
                f"from {start:g} keV on elam is used: the {table} table ends at "
                f"{end:g} keV"
            )
        return tuple(lines)

    @property
    def _goes_on_with_elam(self) -> bool:
        return (
            self.method is Method.EPA_STEPPED and self._table is Photoabsorption.HENKE
        )

    def _absorption(self, recoil: FloatArray) -> FloatArray:
        """Photoabsorption of a formula unit, cm^2."""
        total = np.zeros_like(recoil)
        above = recoil > self._table_range[1]
        for part in self.target.components:
            symbol = part.element.symbol
            if self._goes_on_with_elam and np.any(above):
                total[above] += part.count * photoabsorption(
                    symbol, recoil[above], Photoabsorption.ELAM
                )
                total[~above] += part.count * photoabsorption(
                    symbol, recoil[~above], self._table
                )
            else:
                total += part.count * photoabsorption(symbol, recoil, self._table)
        return total

    def _photons(self, recoil: FloatArray) -> FloatArray:
        amplitude = 2.0 * ALPHA / np.pi * self._absorption(recoil) / recoil
        return amplitude * self._regulator.expansion(recoil, self._table)

    def rate_expansion(self, recoil_kev: ArrayLike) -> dict[str, FloatArray]:
        """The expansion that rates are made of: :meth:`expansion`, but for one case.

        The convention ``chen-2014`` counts equivalent photons per electron.
        """
        terms = self.expansion(recoil_kev)
        if self.uses_photons and self.options.convention is Convention.CHEN_2014:
            extra = self.target.electrons - 1.0
            photons = self._photons(positive(recoil_kev, "recoil_kev"))
            terms["q^2"] = terms["q^2"] + extra * photons
        return terms

    def expansion(
        self, recoil_kev: ArrayLike, energy_mev: ArrayLike | None = None
    ) -> dict[str, FloatArray]:
        """Each term as an expansion in the neutrino energy.

        Parameters
        ----------
        recoil_kev : array_like
            Energy transfer, keV, any shape.
        energy_mev : array_like, optional
            Neutrino energy at which the expansion is asked for, of the same shape. The
            factors of ``atomic`` depend on it near the largest recoil of a free
            electron, where the responses have not died out at q = 2E - T; without it
            they are those of high energies, as a fold with a flux takes them.

        Returns
        -------
        dict of str to ndarray
            Monomial to factors of (1, 1/E, 1/E^2, ln E) with E in MeV, shape
            (4, ...), for ``atomic`` with (ln E)/E and (ln E)/E^2 shape (6, ...),
            cm^2/keV per formula unit. The limit T_max is left to the
            caller.

        Raises
        ------
        ModelError
            If a recoil is outside the photoabsorption or atomic table.
        """
        recoil = positive(recoil_kev, "recoil_kev")
        if self.method is Method.ATOMIC:
            energy = None
            if energy_mev is not None:
                energy = positive(energy_mev, "energy_mev")
            return self._atomic(recoil, energy)
        if self.method is Method.FREE:
            electrons: FloatArray | float = self.target.electrons
        else:
            electrons = self.target.bound_below(recoil)
        if self.process is Process.ELECTRON_MAGNETIC:
            return {"mu^2": electrons * free_electron.magnetic_expansion(recoil)}
        if self.process is Process.ELECTRON_MILLICHARGE_TRANSITION:
            return {"q^2": self._charge_squared(recoil, electrons)}
        g = electron_couplings(self.flavour, self.options.sin2_theta_w)
        terms = {"1": electrons * free_electron.sm_expansion(recoil, g)}
        if self.process is Process.ELECTRON_MILLICHARGE:
            if self.options.convention is Convention.PARADA_2020:
                mixed = free_electron.parada_interference_expansion(recoil)
            else:
                shift = free_electron.millicharge_shift(recoil)
                mixed = free_electron.linear_expansion(recoil, g, shift)
            terms["q"] = electrons * mixed
            terms["q^2"] = self._charge_squared(recoil, electrons)
        elif self.process in free_electron.VECTOR_SHIFT:
            symbol, move = free_electron.VECTOR_SHIFT[self.process]
            terms[symbol] = electrons * free_electron.linear_expansion(recoil, g, move)
            quadratic = free_electron.quadratic_expansion(recoil, move)
            terms[f"{symbol}^2"] = electrons * quadratic
        return terms

    def _atomic(
        self, recoil: FloatArray, energy: FloatArray | None
    ) -> dict[str, FloatArray]:
        total: dict[str, FloatArray] = {}
        for part in self.target.components:
            terms = atomic_terms(
                self.process, part.element, self.flavour, self.options, recoil,
                self.target, energy,
            )  # fmt: skip
            for name, values in terms.items():
                total[name] = total.get(name, 0.0) + part.count * values
        return total

    def _charge_squared(
        self, recoil: FloatArray, electrons: FloatArray | float
    ) -> FloatArray:
        if self.method is Method.EPA:
            return self._photons(recoil)
        if self.options.convention is Convention.CHEN_2014:
            one = free_electron.fea_expansion(recoil)
        elif self.options.convention is Convention.PARADA_2020:
            one = free_electron.fea_expansion(recoil) / ALPHA
        else:
            one = free_electron.transition_expansion(recoil)
        close = electrons * one
        return close + self._photons(recoil) if self.uses_photons else close
