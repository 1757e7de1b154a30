"""Neutrino-nucleus scattering on a target: all its isotopes, per formula unit."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from nuem.inputs.errors import InputError
from nuem.inputs.vocabulary import Convention, Flavour, Process, WeakCouplings
from nuem.models import nucleus as one
from nuem.models.arrays import ArrayLike, FloatArray, positive
from nuem.models.constants import ALPHA
from nuem.models.conventions import SINGLE_E, convention_notes
from nuem.models.couplings import as_flavour, nucleon_couplings
from nuem.models.form_factors import form_factor, momentum_transfer
from nuem.models.isotopes import Isotope, Target, as_target
from nuem.models.options import Options, word
from nuem.models.targets import Element

__all__ = ["NucleusScattering"]


@dataclass(frozen=True, init=False)
class NucleusScattering:
    """One process on the nuclei of a target, ready to be evaluated.

    Parameters
    ----------
    process : Process or str
        A ``nucleus-`` process.
    target : Target, Element or str
        What scatters.
    flavour : Flavour or str
        Neutrino at the detector.
    options : Options
        Couplings, form factor, convention, mixing angle.

    Raises
    ------
    InputError
        For an unknown word or target.
    ModelError
        For an element without natural isotopes.

    Examples
    --------
    >>> NucleusScattering("nucleus-millicharge", "CsI").monomials
    ('1', 'q', 'q^2')
    """

    process: Process
    target: Target
    flavour: Flavour
    options: Options

    #: Lowest recoil that is covered, keV.
    lowest_recoil_kev = 0.0
    #: Nuclei have no method.
    method = None

    def __init__(
        self,
        process: Process | str,
        target: Target | Element | str,
        flavour: Flavour | str = Flavour.ANTI_NU_E,
        options: Options | None = None,
    ) -> None:
        chosen = word(Process, process, "process")
        if not chosen.on_nuclei:
            raise InputError(
                "not a process on nuclei", field="process", found=str(chosen)
            )
        set_ = object.__setattr__
        set_(self, "process", chosen)
        set_(self, "target", as_target(target))
        set_(self, "flavour", as_flavour(flavour))
        set_(self, "options", options or Options())
        _ = self.target.nuclei  # an element without isotopes is an error here

    @property
    def monomials(self) -> tuple[str, ...]:
        """Names of the terms, the leading one last."""
        return {
            "sm": ("1",),
            "magnetic": ("mu^2",),
            "millicharge": ("1", "q", "q^2"),
            "millicharge-transition": ("q^2",),
            "charge-radius": ("1", "r2", "r2^2"),
            "mixing-angle": ("1", "ds2", "ds2^2"),
        }[self.process.kind]

    @property
    def unit(self) -> str:
        """Unit of the cross section."""
        return self.target.unit("nucleus")

    @property
    def masses_kev(self) -> FloatArray:
        """Masses of the isotopes, shape (isotopes, 1)."""
        return np.array([[isotope.mass_kev] for isotope, _ in self.target.nuclei])

    @property
    def targets_per_kg(self) -> float:
        """Formula units in a kilogram."""
        return self.target.units_per_kg

    @property
    def metadata(self) -> dict[str, object]:
        """The choices that matter here."""
        choices = self.options
        tree = choices.couplings is WeakCouplings.TREE
        return {
            "couplings of nucleons": str(choices.couplings),
            "sin2_theta_w": choices.sin2_theta_w if tree else None,
            "form factor": str(choices.form_factor),
            "convention": str(choices.convention),
        }

    def breakpoints(self, low_kev: float, high_kev: float) -> FloatArray:  # noqa: ARG002
        """Recoils where the cross section has a step: none."""
        return np.empty(0)

    def notes(self, low_kev: float, high_kev: float) -> tuple[str, ...]:  # noqa: ARG002
        """What a reader has to know about the prediction."""
        assert isinstance(self.options.convention, Convention)
        return convention_notes(self.options.convention, self.process)

    def expansion(self, recoil_kev: ArrayLike) -> dict[str, FloatArray]:
        """Each term as an expansion in the neutrino energy, isotope by isotope.

        Parameters
        ----------
        recoil_kev : array_like
            Recoils, keV, shape (n,).

        Returns
        -------
        dict of str to ndarray
            Monomial to factors of (1, 1/E, 1/E^2, ln E) with E in MeV, shape
            (4, isotopes, n), cm^2/keV per formula unit. The limit T_max, which
            differs between isotopes, is left to the caller.
        """
        recoil = positive(recoil_kev, "recoil_kev")
        terms = [
            {name: count * term for name, term in self._terms(recoil, isotope).items()}
            for isotope, count in self.target.nuclei
        ]
        return {name: np.stack([t[name] for t in terms], axis=1) for name in terms[0]}

    rate_expansion = expansion

    def _terms(self, recoil: FloatArray, isotope: Isotope) -> dict[str, FloatArray]:
        choices, kind = self.options, self.process.kind
        q = momentum_transfer(recoil, isotope.mass_kev)
        square = form_factor(choices.form_factor, q, isotope.mass_number) ** 2
        if kind == "magnetic":
            return {"mu^2": one.magnetic_expansion(recoil, isotope, square)}
        couplings = nucleon_couplings(
            choices.couplings, self.flavour, choices.sin2_theta_w
        )
        charge = couplings.charge(isotope.number, isotope.neutrons)
        linear, quadratic = 1.0, 1.0
        charged = square
        if choices.convention is Convention.PARADA_2020:
            linear, quadratic = 1.0 / ALPHA, 1.0 / ALPHA**2
            charged = np.ones_like(square)
        elif choices.convention is Convention.BASI_2025:
            linear, quadratic = -SINGLE_E, SINGLE_E**2
        if kind == "millicharge-transition":
            helicity = choices.convention is Convention.BASI_2025
            em = one.charge_squared_expansion(
                recoil, isotope, charged, helicity=helicity
            )
            return {"q^2": quadratic * em}
        terms = {"1": one.sm_expansion(recoil, isotope, charge, square)}
        if kind == "millicharge":
            mixed = one.interference_expansion(recoil, isotope, charge, charged)
            terms["q"] = linear * mixed
            em = one.charge_squared_expansion(recoil, isotope, charged)
            terms["q^2"] = quadratic * em
        elif kind == "charge-radius":
            terms["r2"], terms["r2^2"] = one.charge_radius_expansion(
                recoil, isotope, charge, square
            )
        elif kind == "mixing-angle":
            terms["ds2"], terms["ds2^2"] = one.mixing_angle_expansion(
                recoil, isotope, charge, square
            )
        return terms
