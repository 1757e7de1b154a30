"""Form factors of nuclei, F(abs(q)) with F(0) = 1.

All are written without differences of nearly equal numbers, so that they keep
their digits down to q = 0. The momentum transfer of a recoil T is
``|q| = sqrt(2 M T + T^2)``.
"""

from __future__ import annotations

from math import pi, sqrt

import numpy as np

from nuem.inputs.errors import InputError
from nuem.inputs.vocabulary import FormFactor
from nuem.models.arrays import ArrayLike, FloatArray, not_negative, positive
from nuem.models.constants import HBARC_MEV_FM, KEV_PER_MEV
from nuem.models.options import word

__all__ = ["form_factor", "helm", "helm_rms", "klein_nystrand"]
__all__ += ["momentum_transfer", "symmetrised_fermi"]

#: Helm: skin (fm). Helm and Fermi: diffuseness (fm). Klein-Nystrand: range (fm).
_SKIN, _DIFFUSENESS, _RANGE = 0.9, 0.52, 0.7
_SMALL = 0.1


def _mass_number(value: float) -> float:
    if not np.isfinite(value) or value < 1.0:
        raise InputError(
            "not a mass number", field="mass_number", found=value, expected="1 or more"
        )
    return float(value)


def _momentum(q_mev: ArrayLike) -> FloatArray:
    return not_negative(q_mev, "q_mev") / HBARC_MEV_FM


def _half_density(mass_number: float) -> float:
    return float(1.23 * _mass_number(mass_number) ** (1.0 / 3.0) - 0.60)


def _helm_box(mass_number: float) -> float:
    c = _half_density(mass_number)
    return sqrt(c**2 + 7.0 / 3.0 * (pi * _DIFFUSENESS) ** 2 - 5.0 * _SKIN**2)


def _sphere(x: FloatArray) -> FloatArray:
    """3 j1(x)/x."""
    x2 = x**2
    series = 1.0 - x2 / 10.0 * (1.0 - x2 / 28.0 * (1.0 - x2 / 54.0))
    safe = np.where(x < _SMALL, 1.0, x)
    return np.where(
        x < _SMALL, series, 3.0 * (np.sin(safe) - safe * np.cos(safe)) / safe**3
    )


def helm(q_mev: ArrayLike, mass_number: float) -> FloatArray:
    """Form factor of Helm.

    Parameters
    ----------
    q_mev : array_like
        Momentum transfer, MeV, any shape.
    mass_number : float
        Number of nucleons.

    Returns
    -------
    ndarray
        F, of the shape of q.

    Raises
    ------
    InputError
        For a momentum below 0 or a mass number below 1.

    Notes
    -----
    R. H. Helm, Phys. Rev. 104, 1466 (1956), with the radii of J. D. Lewin and
    P. F. Smith, Astropart. Phys. 6, 87 (1996).

    Examples
    --------
    >>> round(float(helm(30.0, 72)), 6)
    0.939932
    """
    q = _momentum(q_mev)
    box = _sphere(q * _helm_box(mass_number))
    return np.asarray(box * np.exp(-0.5 * (q * _SKIN) ** 2))


def helm_rms(mass_number: float) -> float:
    """Rms radius of the Helm distribution, fm.

    Examples
    --------
    >>> round(helm_rms(72), 3)
    3.997
    """
    return sqrt(0.6 * _helm_box(mass_number) ** 2 + 3.0 * _SKIN**2)


def klein_nystrand(
    q_mev: ArrayLike, mass_number: float, rms_fm: float | None = None
) -> FloatArray:
    """Form factor of Klein and Nystrand.

    Parameters
    ----------
    q_mev, mass_number
        As in :func:`helm`.
    rms_fm : float, optional
        Rms radius that fixes the radius of the sphere; without it, that is
        1.23 A^(1/3) fm.

    Returns
    -------
    ndarray
        F, of the shape of q.

    Raises
    ------
    InputError
        As :func:`helm`, or for an rms radius smaller than that of the Yukawa range.

    Notes
    -----
    S. Klein and J. Nystrand, Phys. Rev. C 60, 014903 (1999).

    Examples
    --------
    >>> round(float(klein_nystrand(30.0, 72)), 6)
    0.930238
    """
    q = _momentum(q_mev)
    radius = 1.23 * _mass_number(mass_number) ** (1.0 / 3.0)
    if rms_fm is not None:
        rms = float(positive(rms_fm, "rms_fm"))
        square = 5.0 / 3.0 * (rms**2 - 6.0 * _RANGE**2)
        if not square > 0.0:
            raise InputError(
                "an rms radius too small for this form factor",
                field="rms_fm",
                found=rms_fm,
                expected=f"above {sqrt(6.0) * _RANGE:.3g} fm",
            )
        radius = sqrt(square)
    return np.asarray(_sphere(q * radius) / (1.0 + (q * _RANGE) ** 2))


def symmetrised_fermi(q_mev: ArrayLike, mass_number: float) -> FloatArray:
    """Form factor of the symmetrised Fermi distribution.

    Arguments, shape and errors as in :func:`helm`.

    Notes
    -----
    D. W. L. Sprung and J. Martorell, J. Phys. A 30, 6525 (1997); half-density
    radius 1.23 A^(1/3) - 0.60 fm and diffuseness 0.52 fm.

    Examples
    --------
    >>> round(float(symmetrised_fermi(30.0, 72)), 6)
    0.939982
    """
    q = _momentum(q_mev)
    y = q * _half_density(mass_number)
    p = np.pi * q * _DIFFUSENESS
    p2 = p**2
    # p coth p - 1 = p^2/3 h(p) and p/sinh p, without cancellation
    series = 1.0 - p2 / 15.0 * (1.0 - 2.0 * p2 / 21.0 * (1.0 - p2 / 10.0))
    safe = np.where(p < _SMALL, 1.0, p)
    h = np.where(p < _SMALL, series, 3.0 * (safe / np.tanh(safe) - 1.0) / safe**2)
    decay = np.where(
        p < 1e-8, 1.0, 2.0 * _off_zero(p) * np.exp(-p) / -np.expm1(-2.0 * _off_zero(p))
    )
    square = y**2 + p2
    mean = (y**2 * _sphere(y) + p2 * h * np.sinc(y / np.pi)) / np.where(
        square > 0.0, square, 1.0
    )
    return np.asarray(np.where(square > 0.0, decay * mean, 1.0))


def _off_zero(p: FloatArray) -> FloatArray:
    """The argument kept away from 0, where the caller has the limit."""
    return np.maximum(p, 1e-9)


def form_factor(
    name: FormFactor | str, q_mev: ArrayLike, mass_number: float
) -> FloatArray:
    """Form factor by name.

    Parameters
    ----------
    name : FormFactor or str
        ``helm``, ``klein-nystrand``, ``klein-nystrand-rms``,
        ``symmetrised-fermi`` or ``point``.
    q_mev, mass_number
        As in :func:`helm`.

    Returns
    -------
    ndarray
        F, of the shape of q.

    Raises
    ------
    InputError
        For an unknown name, and as :func:`helm`.

    Examples
    --------
    >>> float(form_factor("point", 30.0, 72))
    1.0
    """
    chosen = word(FormFactor, name, "form_factor")
    if chosen is FormFactor.POINT:
        _mass_number(mass_number)
        return np.ones_like(_momentum(q_mev))
    if chosen is FormFactor.HELM:
        return helm(q_mev, mass_number)
    if chosen is FormFactor.SYMMETRISED_FERMI:
        return symmetrised_fermi(q_mev, mass_number)
    rms = helm_rms(mass_number) if chosen is FormFactor.KLEIN_NYSTRAND_RMS else None
    return klein_nystrand(q_mev, mass_number, rms)


def momentum_transfer(recoil_kev: ArrayLike, mass_kev: ArrayLike) -> FloatArray:
    """Momentum transfer of a recoil, sqrt(2 M T + T^2), MeV.

    Parameters
    ----------
    recoil_kev : array_like
        Recoil, keV, from 0 on.
    mass_kev : array_like
        Mass of the nucleus, keV, above 0, broadcast against the recoil.

    Returns
    -------
    ndarray
        Of the broadcast shape.

    Raises
    ------
    InputError
        For a number out of range.

    Examples
    --------
    >>> round(float(momentum_transfer(np.array(10.0), 66978637.5)), 4)
    36.6002
    """
    recoil = not_negative(recoil_kev, "recoil_kev")
    mass = positive(mass_kev, "mass_kev")
    q: FloatArray = np.sqrt(recoil * (2.0 * mass + recoil)) / KEV_PER_MEV
    return q
