"""Neutrino-electron cross sections of an atom, as functions.

The methods, and what they cover, are described in :mod:`nuem.models.scattering`; the
functions serve processes on nuclei as well and live in :mod:`nuem.models.process`.
"""

from __future__ import annotations

from nuem.models.process import coefficients, cross_section

__all__ = ["coefficients", "cross_section"]
