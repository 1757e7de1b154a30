"""Neutrino-electron cross sections of an atom, as functions.

The methods, and what they cover, are described in :mod:`nuem.models.scattering`.
"""

from __future__ import annotations

from collections.abc import Mapping

from nuem.inputs.vocabulary import Flavour, Method, Photoabsorption, Process, Regulator
from nuem.models.arrays import ArrayLike, FloatArray
from nuem.models.constants import SIN2_THETA_W
from nuem.models.monomials import evaluate
from nuem.models.scattering import ElectronScattering
from nuem.models.targets import Element

__all__ = ["coefficients", "cross_section"]


def coefficients(
    process: Process | str,
    target: Element | str,
    energy_mev: ArrayLike,
    recoil_kev: ArrayLike,
    *,
    method: Method | str,
    flavour: Flavour | str = Flavour.ANTI_NU_E,
    sin2_theta_w: float = SIN2_THETA_W,
    photoabsorption: Photoabsorption | str = Photoabsorption.HENKE,
    regulator: Regulator | str = Regulator.NEUTRINO_MASS,
) -> dict[str, FloatArray]:
    """Differential cross section per atom, term by term in the coupling.

    Parameters
    ----------
    process : Process or str
        ``electron-sm``, ``electron-magnetic``, ...
    target : Element or str
        Element or its symbol.
    energy_mev, recoil_kev : array_like
        Neutrino energy (MeV) and energy transfer (keV), broadcast together.
    method : Method or str
        ``free``, ``stepped``, ``epa``, ``epa+stepped`` or ``atomic``.
    flavour, sin2_theta_w, photoabsorption, regulator
        See :class:`nuem.models.scattering.ElectronScattering`.

    Returns
    -------
    dict of str to ndarray
        Monomial of the coupling (``1``, ``q``, ``q^2``; ``mu^2``; ``r2``,
        ``r2^2``) to cm^2/keV/atom; 0 at and above the largest recoil. Units: q in
        e, mu in mu_B, r2 in cm^2 as deviation from the Standard Model value.

    Raises
    ------
    InputError
        For an unknown word or an energy that is not above zero.
    ModelError
        If the method does not cover the process or a recoil.

    Examples
    --------
    >>> terms = coefficients("electron-millicharge", "Ge", 1.0, [1.0, 900.0],
    ...                      method="stepped")
    >>> sorted(terms), float(terms["1"][1])
    (['1', 'q', 'q^2'], 0.0)
    """
    scattering = ElectronScattering(
        process, target, method, flavour, sin2_theta_w, photoabsorption, regulator
    )
    return scattering.coefficients(energy_mev, recoil_kev)


def cross_section(
    process: Process | str,
    target: Element | str,
    energy_mev: ArrayLike,
    recoil_kev: ArrayLike,
    *,
    method: Method | str,
    coupling: float | Mapping[str, float] | None = None,
    flavour: Flavour | str = Flavour.ANTI_NU_E,
    sin2_theta_w: float = SIN2_THETA_W,
    photoabsorption: Photoabsorption | str = Photoabsorption.HENKE,
    regulator: Regulator | str = Regulator.NEUTRINO_MASS,
) -> FloatArray:
    """Differential cross section per atom at one value of the coupling.

    Parameters
    ----------
    coupling : float, mapping or None
        Value of the coupling (see :func:`coefficients` for the units); None for
        ``electron-sm``.
    process, target, energy_mev, recoil_kev, method
        See :func:`coefficients`.
    flavour, sin2_theta_w, photoabsorption, regulator
        See :class:`nuem.models.scattering.ElectronScattering`.

    Returns
    -------
    ndarray
        cm^2/keV/atom, of the broadcast shape.

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
    """
    terms = coefficients(
        process,
        target,
        energy_mev,
        recoil_kev,
        method=method,
        flavour=flavour,
        sin2_theta_w=sin2_theta_w,
        photoabsorption=photoabsorption,
        regulator=regulator,
    )
    return evaluate(terms, coupling)
