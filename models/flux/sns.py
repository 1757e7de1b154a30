"""Neutrinos of pions and muons that decay at rest, as at the SNS, and their times.

pi+ -> mu+ nu_mu gives a line at ``(m_pi^2 - m_mu^2)/(2 m_pi)``, the muon a spectrum
of anti-nu_mu and nu_e (Michel) up to half its mass. In time, the line follows the
beam with the lifetime of the pion, the rest with those of pion and muon.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from math import pi

import numpy as np

from nuem.inputs.errors import InputError
from nuem.inputs.vocabulary import Flavour
from nuem.models.arrays import ArrayLike, FloatArray, finite, positive
from nuem.models.constants import (
    MUON_LIFETIME_US,
    MUON_MASS_MEV,
    PION_LIFETIME_US,
    PION_MASS_MEV,
)
from nuem.models.flux.spectrum import Continuum, Flux, Line

__all__ = ["LINE_MEV", "BeamTime", "sns_flux"]

#: Energy of the prompt line, MeV.
LINE_MEV = (PION_MASS_MEV**2 - MUON_MASS_MEV**2) / (2.0 * PION_MASS_MEV)
_END_MEV = 0.5 * MUON_MASS_MEV


def _anti_nu_mu(energy: FloatArray) -> FloatArray:
    x = energy / MUON_MASS_MEV
    return 64.0 / MUON_MASS_MEV * x**2 * (0.75 - x)


def _nu_e(energy: FloatArray) -> FloatArray:
    x = energy / MUON_MASS_MEV
    return 192.0 / MUON_MASS_MEV * x**2 * (0.5 - x)


def sns_flux(
    *,
    neutrinos_per_flavour: float | None = None,
    protons_per_second: float | None = None,
    yield_per_proton: float | None = None,
    distance_m: float | None = None,
) -> Flux:
    """Flux of a source of pions at rest.

    Parameters
    ----------
    neutrinos_per_flavour : float, optional
        Flux of each of nu_mu, anti-nu_mu and nu_e, per cm^2 s.
    protons_per_second, yield_per_proton, distance_m : float, optional
        Instead: protons on target per second, neutrinos of each flavour for each
        of them, and the distance.

    Returns
    -------
    Flux
        nu_mu (line), anti-nu_mu and nu_e, per cm^2 s.

    Raises
    ------
    InputError
        If neither or both ways to fix the flux are given.

    Notes
    -----
    For exposures in protons, the flux times time is
    ``r N_POT/(4 pi L^2)`` per flavour.

    Examples
    --------
    >>> flux = sns_flux(neutrinos_per_flavour=1e7)
    >>> f"{flux.integrate():.6e}", round(LINE_MEV, 3)
    ('3.000000e+07', 29.792)
    """
    by_protons = (protons_per_second, yield_per_proton, distance_m)
    if neutrinos_per_flavour is not None and by_protons == (None, None, None):
        each = float(positive(neutrinos_per_flavour, "neutrinos_per_flavour"))
    elif neutrinos_per_flavour is None and None not in by_protons:
        rate = float(positive(protons_per_second or 0.0, "protons_per_second"))
        part = float(positive(yield_per_proton or 0.0, "yield_per_proton"))
        distance = 100.0 * float(positive(distance_m or 0.0, "distance_m"))
        each = rate * part / (4.0 * pi * distance**2)
    else:
        raise InputError(
            "the flux of the source is not fixed",
            field="neutrinos_per_flavour",
            expected="it, or protons_per_second, yield_per_proton and distance_m",
        )
    ends = (0.0, _END_MEV)
    parts = (
        Line("prompt", Flavour.NU_MU, LINE_MEV, each, uncertainties={"prompt": None}),
        Continuum(
            "delayed nu_mu",
            Flavour.ANTI_NU_MU,
            _anti_nu_mu,
            ends,
            each,
            uncertainties={"delayed": None},
        ),
        Continuum(
            "delayed nu_e",
            Flavour.NU_E,
            _nu_e,
            ends,
            each,
            uncertainties={"delayed": None},
        ),
    )
    made = {
        "neutrinos per flavour": each,
        "protons per second": protons_per_second,
        "yield per proton": yield_per_proton,
        "distance in m": distance_m,
    }
    return Flux(parts, "pions and muons at rest", made)


@dataclass(frozen=True)
class BeamTime:
    """Arrival times after a Gaussian pulse of protons.

    Parameters
    ----------
    mean_us, width_us : float
        Centre and one sigma of the pulse.

    Raises
    ------
    InputError
        If the width is not above 0.

    Examples
    --------
    >>> pulse = BeamTime(0.44, 0.15)
    >>> edges = [0.0, 1.0, 2.0, 6.0]
    >>> pulse.fractions("prompt", edges).round(3)
    array([0.999, 0.   , 0.   ])
    >>> pulse.fractions("delayed", edges).round(3)
    array([0.214, 0.287, 0.418])
    """

    mean_us: float = 0.44
    width_us: float = 0.15

    def __post_init__(self) -> None:
        """Check the numbers."""
        positive(self.width_us, "width_us")
        finite(self.mean_us, "mean_us")

    def cumulative(self, kind: str, time_us: ArrayLike) -> FloatArray:
        """Share that has arrived at a time (us): ``prompt`` or ``delayed``.

        The pulse is folded with one exponential (pion) or two (pion, muon).
        """
        if kind not in ("prompt", "delayed"):
            raise InputError(
                "unknown word", field="kind", found=kind, expected="prompt or delayed"
            )
        time = finite(time_us, "time_us") - self.mean_us
        fold = partial(_exponential_after_gaussian, time, self.width_us)
        if kind == "prompt":
            return fold(PION_LIFETIME_US)
        long, short = MUON_LIFETIME_US, PION_LIFETIME_US
        return (long * fold(long) - short * fold(short)) / (long - short)

    def fractions(self, kind: str, edges_us: ArrayLike) -> FloatArray:
        """Share of the neutrinos in bins of time (us), shape (n,)."""
        edges = finite(edges_us, "edges_us")
        if edges.ndim != 1 or edges.size < 2 or not np.all(np.diff(edges) > 0.0):
            raise InputError("the edges do not rise", field="edges_us")
        return np.diff(self.cumulative(kind, edges))


def _exponential_after_gaussian(
    time: FloatArray, width: float, lifetime: float
) -> FloatArray:
    """Cumulative distribution of a Gaussian time plus an exponential one."""
    from scipy.special import log_ndtr, ndtr

    ratio = width / lifetime
    z = time / width
    tail = np.exp(0.5 * ratio**2 - time / lifetime + log_ndtr(z - ratio))
    return np.asarray(ndtr(z) - tail)
