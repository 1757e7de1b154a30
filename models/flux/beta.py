"""Allowed beta spectra, as seen by the (anti)neutrino.

The density in the neutrino energy is ``E^2 p W F(Z, W)`` with the momentum p and
total energy W of the electron in units of its mass. The factor with the nuclear
radius in the Fermi function is constant up to p^(2 gamma - 2), and the spectrum is
normalised to one decay, so that the radius drops out.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from nuem.inputs.errors import InputError
from nuem.models.arrays import ArrayLike, FloatArray, not_negative, positive
from nuem.models.constants import ALPHA, ELECTRON_MASS_MEV
from nuem.models.quadrature import nodes

__all__ = ["AllowedSpectrum", "fermi_function"]


def fermi_function(charge: int, momentum: FloatArray) -> FloatArray:
    """Fermi function up to a constant factor.

    Parameters
    ----------
    charge : int
        Charge of the daughter nucleus, negative for the emission of a positron.
    momentum : ndarray
        Momentum of the electron in units of its mass, above 0.

    Returns
    -------
    ndarray
        ``p^(2 gamma - 2) exp(pi eta) |Gamma(gamma + i eta)|^2`` with
        ``eta = alpha Z W/p``.

    Raises
    ------
    InputError
        For a momentum that is not above 0, or a charge of 137 or more.

    Notes
    -----
    Behrens and Buehring, "Electron Radial Wave Functions and Nuclear Beta-decay"
    (1982), eq. 4.5 ff., without the factors that do not depend on the energy.

    Examples
    --------
    >>> [float(round(f, 2)) for f in fermi_function(1, np.array([0.01, 1.0]))]
    [4.63, 1.03]
    """
    from scipy.special import loggamma

    momentum = positive(momentum, "momentum")
    if not abs(charge) < 1.0 / ALPHA:
        raise InputError(
            "no Fermi function for this charge",
            field="charge",
            found=charge,
            expected="between -137 and 137",
        )
    gamma = np.sqrt(1.0 - (ALPHA * charge) ** 2)
    eta = ALPHA * charge * np.sqrt(momentum**2 + 1.0) / momentum
    log = np.pi * eta + 2.0 * loggamma(gamma + 1j * eta).real
    return np.asarray(momentum ** (2.0 * gamma - 2.0) * np.exp(log), dtype=np.float64)


@dataclass(frozen=True)
class AllowedSpectrum:
    """Spectrum of the neutrino of an allowed decay, per MeV and decay.

    Parameters
    ----------
    endpoint_mev : float
        Largest energy of the neutrino.
    charge : int
        Charge of the daughter nucleus, negative for positrons.

    Raises
    ------
    InputError
        If the largest energy is not above 0.

    Examples
    --------
    >>> spectrum = AllowedSpectrum(1.0, 94)
    >>> x, w = nodes(np.linspace(0.0, 1.0, 21), 8)
    >>> round(float((w * spectrum(x)).sum()), 6)
    1.0
    """

    endpoint_mev: float
    charge: int

    def __post_init__(self) -> None:
        """Check the end point."""
        positive(self.endpoint_mev, "endpoint_mev")

    def _shape(self, energy: FloatArray) -> FloatArray:
        kinetic = (self.endpoint_mev - energy) / ELECTRON_MASS_MEV
        # at the end point itself p is 0 and p F finite: step just inside
        kinetic = np.maximum(kinetic, 1e-12)
        momentum = np.sqrt(kinetic * (kinetic + 2.0))
        fermi = fermi_function(self.charge, momentum)
        return energy**2 * momentum * (kinetic + 1.0) * fermi

    @cached_property
    def _norm(self) -> float:
        # finer towards the end point, where a positron is held back
        part = 1.0 - np.geomspace(1.0, 1e-5, 40)
        edges = self.endpoint_mev * np.append(part, 1.0)
        x, w = nodes(edges, 10)
        return float((w * self._shape(x)).sum())

    def __call__(self, energy_mev: ArrayLike) -> FloatArray:
        """Density per MeV, 0 above the end point.

        Raises
        ------
        InputError
            For an energy below 0 or not finite.
        """
        energy = not_negative(energy_mev, "energy_mev")
        inside = self._shape(np.minimum(energy, self.endpoint_mev)) / self._norm
        return np.where(energy <= self.endpoint_mev, inside, 0.0)
