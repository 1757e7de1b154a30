"""Ionisation of atoms by neutrinos, calculated from the Dirac equation.

The way from an element to a table: ``scf`` (self-consistent field), ``continuum``
(ejected electrons), ``response`` (charge and current responses by multipole), ``rpa``
(polarisation of the atom), ``build`` (moments over the momentum transfer, merged into
a table), ``comparison`` (with measured photoabsorption). The way from a table to a cross
section: ``table`` and ``kinematics``, which need no compiler and are fast to import, and
``direct`` near the largest recoil. ``docs/atomic.md`` has the derivation.
"""

from __future__ import annotations
