"""Neutrino-electron scattering in matter: the methods, per atom.

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
from typing import TypeVar

import numpy as np

from nuem.inputs.errors import InputError, ModelError
from nuem.inputs.vocabulary import (
    Flavour,
    Method,
    Photoabsorption,
    Process,
    Regulator,
)
from nuem.models import free_electron, photon
from nuem.models.arrays import ArrayLike, FloatArray, positive
from nuem.models.atomic import kinematics as atomic
from nuem.models.atomic.table import AtomicTable, load_table
from nuem.models.constants import ELECTRON_MASS_KEV, SIN2_THETA_W
from nuem.models.couplings import (
    ElectronCouplings,
    as_flavour,
    electron_couplings,
)
from nuem.models.kinematics import evaluate_expansion, maximum_recoil
from nuem.models.targets import Element, element

__all__ = ["ElectronScattering"]

_Word = TypeVar("_Word", Process, Method, Regulator)
_MILLICHARGE = (Process.ELECTRON_MILLICHARGE, Process.ELECTRON_MILLICHARGE_TRANSITION)


@dataclass(frozen=True, init=False)
class ElectronScattering:
    """One process on one element by one method, ready to be evaluated.

    Parameters
    ----------
    process : Process or str
        An ``electron-`` process.
    target : Element or str
        Element or its symbol.
    method : Method or str
        How the electrons of the atom are treated.
    flavour : Flavour or str
        Neutrino at the detector.
    sin2_theta_w : float
        Weak mixing angle.
    photoabsorption : Photoabsorption or str
        Table for the equivalent photons.
    regulator : Regulator or str
        What ends the logarithm of the virtual photons: ln(E/m), ln(T/m), or that of
        the medium (:mod:`nuem.models.atomic.kinematics`).

    Raises
    ------
    InputError
        For an unknown word.
    ModelError
        If the method does not describe the process.

    Examples
    --------
    >>> ElectronScattering("electron-magnetic", "Ge", "free").monomials
    ('mu^2',)
    """

    process: Process
    target: Element
    method: Method
    flavour: Flavour = Flavour.ANTI_NU_E
    sin2_theta_w: float = SIN2_THETA_W
    photoabsorption: Photoabsorption = Photoabsorption.HENKE
    regulator: Regulator = Regulator.NEUTRINO_MASS

    #: Mass of the struck particle, keV; it sets the kinematics.
    mass_kev = ELECTRON_MASS_KEV
    #: Unit of the cross section.
    unit = "cm2/keV/atom"

    def __init__(
        self,
        process: Process | str,
        target: Element | str,
        method: Method | str,
        flavour: Flavour | str = Flavour.ANTI_NU_E,
        sin2_theta_w: float = SIN2_THETA_W,
        photoabsorption: Photoabsorption | str = Photoabsorption.HENKE,
        regulator: Regulator | str = Regulator.NEUTRINO_MASS,
    ) -> None:
        atom = target if isinstance(target, Element) else element(target)
        table = photon.as_photoabsorption(photoabsorption)
        set_ = object.__setattr__
        set_(self, "process", _word(Process, process, "process"))
        set_(self, "target", atom)
        set_(self, "method", _word(Method, method, "method"))
        set_(self, "flavour", as_flavour(flavour))
        set_(self, "sin2_theta_w", float(sin2_theta_w))
        set_(self, "photoabsorption", table)
        set_(self, "regulator", _word(Regulator, regulator, "regulator"))
        electron_couplings(self.flavour, self.sin2_theta_w)
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
            load_table(atom.symbol)

    @property
    def monomials(self) -> tuple[str, ...]:
        """Names of the terms, the leading one last."""
        return {
            Process.ELECTRON_SM: ("1",),
            Process.ELECTRON_MAGNETIC: ("mu^2",),
            Process.ELECTRON_MILLICHARGE: ("1", "q", "q^2"),
            Process.ELECTRON_MILLICHARGE_TRANSITION: ("q^2",),
            Process.ELECTRON_CHARGE_RADIUS: ("1", "r2", "r2^2"),
        }[self.process]

    @property
    def targets_per_kg(self) -> float:
        """Number of scatterers (atoms) in a kilogram."""
        return self.target.atoms_per_kg

    @property
    def uses_photons(self) -> bool:
        """Whether the photoabsorption table enters."""
        photons = self.method in (Method.EPA, Method.EPA_STEPPED)
        return photons and self.process in _MILLICHARGE

    @property
    def regulator_note(self) -> str | None:
        """The regulator in words, where the process depends on it."""
        if self.process not in _MILLICHARGE:
            return None
        if not self.uses_photons and self.method is not Method.ATOMIC:
            return None
        ends = {Regulator.MEDIUM: "medium"}
        return ends.get(self.regulator, f"{self.regulator} 0.29 eV")

    @property
    def _table(self) -> AtomicTable:
        return load_table(self.target.symbol)

    @property
    def lowest_recoil_kev(self) -> float:
        """Lowest energy transfer that the method covers, keV."""
        if self.method is Method.ATOMIC:
            return self._table.valid_kev[0]
        if not self.uses_photons:
            return 0.0
        return photon.table_range(self.target.symbol, self.photoabsorption)[0]

    def breakpoints(self, low_kev: float, high_kev: float) -> FloatArray:
        """Recoils inside a range where the cross section has a step or a kink."""
        points: list[FloatArray] = [np.empty(0)]
        if self.method is not Method.FREE:
            points.append(np.array(self.target.bindings_kev))
        if self.method is Method.ATOMIC:
            points.append(self._table.recoil_kev)
        if self.uses_photons:
            symbol, table = self.target.symbol, self.photoabsorption
            end = photon.table_range(symbol, table)[1]
            points.append(
                photon.absorption_breakpoints(symbol, table, low_kev, high_kev)
            )
            points.append(np.array([end]))
        every = np.unique(np.concatenate(points))
        return every[(every > low_kev) & (every < high_kev)]

    def notes(self, low_kev: float, high_kev: float) -> tuple[str, ...]:
        """What a reader has to know about the prediction in a range of recoils."""
        if self.method is Method.ATOMIC:
            low, high = self._table.valid_kev
            first = f"atomic responses of {self.target.symbol}, {low:g} to {high:g} keV"
            if self.regulator_note is None:
                return (first,)
            return (f"{first}; regulator {self.regulator_note}",)
        if not self.uses_photons:
            return ()
        table = self.photoabsorption
        log = {
            Regulator.NEUTRINO_MASS: "ln(E/0.29 eV)",
            Regulator.MOMENTUM_CUT: "ln(T/0.29 eV)",
            Regulator.MEDIUM: "the logarithm of the medium",
        }[self.regulator]
        lines = [f"equivalent photons with the {table} table and {log}"]
        end = photon.table_range(self.target.symbol, table)[1]
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
            self.method is Method.EPA_STEPPED
            and self.photoabsorption is Photoabsorption.HENKE
        )

    def _photons(self, recoil: FloatArray) -> FloatArray:
        result = self._vacuum_photons(recoil)
        if self.regulator is not Regulator.NEUTRINO_MASS:
            log = atomic.regulator_logarithm(
                recoil, self.regulator, symbol=self.target.symbol
            )
            result[0] = 0.5 * log * result[3]
            result[3] = 0.0
        return result

    def _vacuum_photons(self, recoil: FloatArray) -> FloatArray:
        symbol, table = self.target.symbol, self.photoabsorption
        if not self._goes_on_with_elam:
            return photon.epa_expansion(symbol, recoil, table)
        result = np.empty((4, *recoil.shape))
        above = recoil > photon.table_range(symbol, table)[1]
        result[:, ~above] = photon.epa_expansion(symbol, recoil[~above], table)
        if np.any(above):
            result[:, above] = photon.epa_expansion(
                symbol, recoil[above], Photoabsorption.ELAM
            )
        return result

    def expansion(self, recoil_kev: ArrayLike) -> dict[str, FloatArray]:
        """Each term as an expansion in the neutrino energy.

        Parameters
        ----------
        recoil_kev : array_like
            Energy transfer, keV, any shape.

        Returns
        -------
        dict of str to ndarray
            Monomial to factors of (1, 1/E, 1/E^2, ln E) with E in MeV, shape
            (4, ...), cm^2/keV/atom. The limit T_max is left to the caller.

        Raises
        ------
        ModelError
            If a recoil is outside the photoabsorption table.
        """
        recoil = positive(recoil_kev, "recoil_kev")
        if self.method is Method.ATOMIC:
            return self._atomic(recoil)
        if self.method is Method.FREE:
            electrons: FloatArray | float = float(self.target.number)
        else:
            electrons = self.target.bound_below(recoil)
        if self.process is Process.ELECTRON_MAGNETIC:
            return {"mu^2": electrons * free_electron.magnetic_expansion(recoil)}
        if self.process is Process.ELECTRON_MILLICHARGE_TRANSITION:
            return {"q^2": self._charge_squared(recoil, electrons)}
        g = electron_couplings(self.flavour, self.sin2_theta_w)
        terms = {"1": electrons * free_electron.sm_expansion(recoil, g)}
        if self.process is Process.ELECTRON_MILLICHARGE:
            shift = free_electron.millicharge_shift(recoil)
            terms["q"] = electrons * free_electron.linear_expansion(recoil, g, shift)
            terms["q^2"] = self._charge_squared(recoil, electrons)
        elif self.process is Process.ELECTRON_CHARGE_RADIUS:
            radius = free_electron.charge_radius_shift()
            terms["r2"] = electrons * free_electron.linear_expansion(recoil, g, radius)
            quadratic = free_electron.quadratic_expansion(recoil, radius)
            terms["r2^2"] = electrons * quadratic
        return terms

    def _atomic(self, recoil: FloatArray) -> dict[str, FloatArray]:
        moments = self._table.at(recoil)
        if self.process is Process.ELECTRON_MAGNETIC:
            return {"mu^2": atomic.magnetic_expansion(recoil, moments)}
        terms: dict[str, FloatArray] = {}
        g = electron_couplings(self.flavour, self.sin2_theta_w)
        # the products with g_A vanish with T/E: free electrons, as far as loose
        loose = self.target.bound_below(recoil)
        only_v, only_a = (
            ElectronCouplings(g.vector, 0.0),
            ElectronCouplings(0.0, g.axial),
        )

        def mixed(shift: FloatArray | float) -> FloatArray:
            return loose * free_electron.linear_expansion(recoil, only_a, shift)

        if self.process is not Process.ELECTRON_MILLICHARGE_TRANSITION:
            crossed = (
                free_electron.sm_expansion(recoil, g)
                - free_electron.sm_expansion(recoil, only_v)
                - free_electron.sm_expansion(recoil, only_a)
            )
            vector = atomic.vector_expansion(recoil, moments)
            axial = atomic.axial_expansion(recoil, moments)
            terms["1"] = g.vector**2 * vector + g.axial**2 * axial
            terms["1"][: len(crossed)] += loose * crossed
        if self.process in _MILLICHARGE:
            if self.process is Process.ELECTRON_MILLICHARGE:
                linear = atomic.interference_expansion(recoil, moments)
                terms["q"] = g.vector * linear
                extra = mixed(free_electron.millicharge_shift(recoil))
                terms["q"][: len(extra)] += extra
            terms["q^2"] = atomic.charge_expansion(
                recoil, moments, self.regulator, symbol=self.target.symbol
            )
        elif self.process is Process.ELECTRON_CHARGE_RADIUS:
            shift = free_electron.charge_radius_shift()
            terms["r2"] = 2.0 * g.vector * shift * vector
            extra = mixed(shift)
            terms["r2"][: len(extra)] += extra
            terms["r2^2"] = shift**2 * vector
        return terms

    def _charge_squared(
        self, recoil: FloatArray, electrons: FloatArray | float
    ) -> FloatArray:
        if self.method is Method.EPA:
            return self._photons(recoil)
        close = electrons * free_electron.transition_expansion(recoil)
        return close + self._photons(recoil) if self.uses_photons else close

    def coefficients(
        self, energy_mev: ArrayLike, recoil_kev: ArrayLike
    ) -> dict[str, FloatArray]:
        """Terms at given energies and recoils; see :mod:`nuem.models.electron`."""
        energy, recoil = np.broadcast_arrays(
            positive(energy_mev, "energy_mev"), positive(recoil_kev, "recoil_kev")
        )
        # recoils above T_max are left out before the tables are asked: there the
        # answer is 0, whatever the range of the table
        allowed = recoil < maximum_recoil(energy, self.mass_kev)
        result = {}
        for monomial, expansion in self.expansion(recoil[allowed]).items():
            array = np.zeros(recoil.shape)
            array[allowed] = evaluate_expansion(expansion, energy[allowed])
            result[monomial] = array
        return result


def _word(kind: type[_Word], value: str, field: str) -> _Word:
    try:
        return kind(value)
    except ValueError:
        raise InputError(
            f"unknown {field}",
            field=field,
            found=value,
            expected="one of " + ", ".join(kind),
        ) from None
