"""Any process on any target: the object that predicts it, and its cross section."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol, Unpack

import numpy as np

from nuem.inputs.errors import InputError
from nuem.inputs.vocabulary import Flavour, Method, Process
from nuem.models.arrays import ArrayLike, FloatArray, positive
from nuem.models.isotopes import Target
from nuem.models.kinematics import evaluate_expansion, maximum_recoil
from nuem.models.monomials import evaluate, powers, symbols
from nuem.models.nucleus_scattering import NucleusScattering
from nuem.models.options import Options, OptionWords, word
from nuem.models.scattering import ElectronScattering
from nuem.models.targets import Element

__all__ = [
    "HIGHEST_ENERGY_MEV",
    "LOWEST_RECOIL_KEV",
    "Scattering",
    "coefficients",
    "cross_section",
    "scattering",
]


#: A contact interaction needs momentum transfers far below the mass of the W: at 1 TeV
#: 2 m_e E is 1 GeV^2, and what nuclei take is cut off by their form factors.
HIGHEST_ENERGY_MEV = 1e6
#: Far below anything that means something: 1/T^2 of smaller recoils ends beyond the
#: numbers of a computer.
LOWEST_RECOIL_KEV = 1e-30


class Scattering(Protocol):
    """What a process on a target has to know about itself.

    ``masses_kev`` is one mass, or shape (bodies, 1) where bodies of several masses
    scatter; expansions then have shape (4, bodies, n) for n recoils, else (4, n).
    """

    @property
    def process(self) -> Process: ...
    @property
    def target(self) -> Target: ...
    @property
    def method(self) -> Method | None: ...
    @property
    def flavour(self) -> Flavour: ...
    @property
    def options(self) -> Options: ...
    @property
    def masses_kev(self) -> float | FloatArray: ...
    @property
    def unit(self) -> str: ...
    @property
    def monomials(self) -> tuple[str, ...]: ...
    @property
    def targets_per_kg(self) -> float: ...
    @property
    def lowest_recoil_kev(self) -> float: ...
    @property
    def metadata(self) -> dict[str, object]: ...

    def breakpoints(self, low_kev: float, high_kev: float) -> FloatArray: ...
    def notes(self, low_kev: float, high_kev: float) -> tuple[str, ...]: ...
    def expansion(self, recoil_kev: ArrayLike) -> dict[str, FloatArray]: ...
    def rate_expansion(self, recoil_kev: ArrayLike) -> dict[str, FloatArray]: ...


def scattering(
    process: Process | str,
    target: Target | Element | str,
    method: Method | str | None = None,
    flavour: Flavour | str = Flavour.ANTI_NU_E,
    options: Options | None = None,
) -> Scattering:
    """Object that predicts a process on a target.

    Parameters
    ----------
    process : Process or str
        ``electron-sm``, ``nucleus-millicharge``, ...
    target : Target, Element or str
        Element, isotope or compound.
    method : Method or str, optional
        How electrons of an atom are treated; for electrons, and for them alone.
    flavour : Flavour or str
        Neutrino at the detector.
    options : Options
        All other choices.

    Returns
    -------
    Scattering

    Raises
    ------
    InputError
        For an unknown word, a method for nuclei, or none for electrons.

    Examples
    --------
    >>> scattering("nucleus-sm", "Ge").unit
    'cm2/keV/nucleus'
    """
    chosen = word(Process, process, "process")
    if chosen.on_nuclei:
        if method is not None:
            raise InputError(
                "nuclei have no method: it is about electrons in atoms",
                field="method",
                found=str(method),
                expected=f"none for {chosen}",
            )
        return NucleusScattering(chosen, target, flavour, options)
    if method is None:
        raise InputError(
            "the process needs a method",
            field="method",
            found="none",
            expected="one of " + ", ".join(Method),
        )
    return ElectronScattering(chosen, target, method, flavour, options)


def coefficients(
    process: Process | str,
    target: Target | Element | str,
    energy_mev: ArrayLike,
    recoil_kev: ArrayLike,
    *,
    method: Method | str | None = None,
    flavour: Flavour | str = Flavour.ANTI_NU_E,
    **options: Unpack[OptionWords],
) -> dict[str, FloatArray]:
    """Differential cross section, term by term in the coupling.

    Parameters
    ----------
    process, target, method, flavour
        See :func:`scattering`.
    energy_mev, recoil_kev : array_like
        Neutrino energy (MeV) and recoil (keV), broadcast together.
    **options
        See :class:`nuem.models.options.Options`.

    Returns
    -------
    dict of str to ndarray
        Monomial of the coupling (``1``, ``q``, ``q^2``; ``mu^2``; ``r2``,
        ``r2^2``) to cm^2/keV per atom, nucleus or formula unit; 0 at and above
        the largest recoil. Units: q in e, mu in mu_B, r2 in cm^2 as deviation from
        the Standard Model value.

    Raises
    ------
    InputError
        For an unknown word, an energy that is not above zero or above 1 TeV, or a
        recoil below 1e-30 keV.
    ModelError
        If the method does not cover the process or a recoil.

    Examples
    --------
    >>> terms = coefficients("electron-millicharge", "Ge", 1.0, [1.0, 900.0],
    ...                      method="stepped")
    >>> sorted(terms), float(terms["1"][1])
    (['1', 'q', 'q^2'], 0.0)
    """
    one = scattering(process, target, method, flavour, Options(**options))
    energy, recoil = np.broadcast_arrays(
        positive(energy_mev, "energy_mev"), positive(recoil_kev, "recoil_kev")
    )
    _check_range(energy, "energy_mev", 0.0, HIGHEST_ENERGY_MEV, "MeV")
    _check_range(recoil, "recoil_kev", LOWEST_RECOIL_KEV, np.inf, "keV")
    # recoils above T_max are left out before the tables are asked: there the
    # answer is 0, whatever the range of the table
    limit = maximum_recoil(energy.ravel(), one.masses_kev)
    allowed = recoil.ravel() < limit
    asked = allowed if allowed.ndim == 1 else np.any(allowed, axis=0)
    here, there = energy.ravel()[asked], recoil.ravel()[asked]
    if isinstance(one, ElectronScattering):
        expansions = one.expansion(there, here)
    else:
        expansions = one.expansion(there)
    result = {}
    for monomial, expansion in expansions.items():
        value = evaluate_expansion(expansion, here)
        if value.ndim > 1:
            value = np.where(allowed[:, asked], value, 0.0).sum(axis=0)
        array = np.zeros(recoil.size)
        array[asked] = value
        result[monomial] = array.reshape(recoil.shape)
    return result


def cross_section(
    process: Process | str,
    target: Target | Element | str,
    energy_mev: ArrayLike,
    recoil_kev: ArrayLike,
    *,
    method: Method | str | None = None,
    coupling: float | Mapping[str, float] | None = None,
    flavour: Flavour | str = Flavour.ANTI_NU_E,
    **options: Unpack[OptionWords],
) -> FloatArray:
    """Differential cross section at one value of the coupling.

    Parameters
    ----------
    coupling : float, mapping or None
        Value of the coupling (see :func:`coefficients` for the units); None for
        the Standard Model processes.
    process, target, energy_mev, recoil_kev, method, flavour
        See :func:`coefficients`.
    **options
        See :class:`nuem.models.options.Options`.

    Returns
    -------
    ndarray
        cm^2/keV per atom, nucleus or formula unit, of the broadcast shape.

    Raises
    ------
    InputError, ModelError
        As :func:`coefficients`; InputError also if the coupling is missing.

    Examples
    --------
    >>> value = cross_section("electron-millicharge-transition", "Ge", 1.0, 1.0,
    ...                       method="epa", coupling=1e-12)
    >>> f"{float(value):.6e}"
    '1.583874e-44'
    >>> value = cross_section("nucleus-sm", "Ge72", 4.0, 0.3, form_factor="point")
    >>> f"{float(value):.6e}"
    '1.600437e-40'
    """
    terms = coefficients(
        process,
        target,
        energy_mev,
        recoil_kev,
        method=method,
        flavour=flavour,
        **options,
    )
    total = evaluate(terms, coupling)
    return _without_rounding(total, terms, coupling)


def _check_range(
    value: FloatArray, field: str, low: float, high: float, unit: str
) -> None:
    outside = (value < low) | (value > high)
    if np.any(outside):
        raise InputError(
            "the formulas do not hold there",
            field=field,
            found=f"{value[outside].flat[0]:g} {unit}",
            expected=f"{low:g} to {high:g} {unit}",
        )


def _without_rounding(
    total: FloatArray,
    terms: Mapping[str, FloatArray],
    coupling: float | Mapping[str, float] | None,
) -> FloatArray:
    """Zero where a complete cancellation of terms leaves a negative last digit."""
    if not np.any(total < 0.0):
        return total
    names = symbols(terms)
    values = coupling if isinstance(coupling, Mapping) else {names[0]: coupling or 0.0}
    size = sum(
        np.abs(array) * np.prod([abs(values[s]) ** n for s, n in powers(k).items()])
        for k, array in terms.items()
    )
    return np.where((total < 0.0) & (total > -1e-12 * size), 0.0, total)
