"""Integrals over the momentum transfer: free electrons, direct integration, convergence."""

from __future__ import annotations

import math

import numpy as np
import pytest

from nuem.inputs.errors import ModelError
from nuem.models import free_electron
from nuem.models.atomic import kinematics
from nuem.models.atomic.build import thresholds
from nuem.models.atomic.direct import charge_cross_section
from nuem.models.atomic.moments import free_moments, subshell_moments
from nuem.models.atomic.scf import solve_atom
from nuem.models.atomic.units import HARTREE_KEV
from nuem.models.constants import ALPHA, HBARC2_KEV2_CM2, REGULATOR_MASS_EV
from nuem.models.couplings import ElectronCouplings
from nuem.models.kinematics import evaluate_expansion

ENERGY = np.array([0.3, 1.0, 5.0])


@pytest.mark.parametrize("recoil", [0.1, 1.0, 50.0])
def test_free_electrons(recoil: float) -> None:
    """The moments of a free electron give the free cross sections to rounding."""
    moments, t = free_moments(recoil, 1.0), np.array(recoil)
    charge = evaluate_expansion(kinematics.charge_expansion(t, moments), ENERGY)
    np.testing.assert_allclose(
        charge, free_electron.transition(ENERGY, recoil), rtol=1e-12
    )
    magnetic = evaluate_expansion(kinematics.magnetic_expansion(t, moments), ENERGY)
    np.testing.assert_allclose(
        magnetic, free_electron.magnetic(ENERGY, recoil), rtol=1e-12
    )
    vector = evaluate_expansion(kinematics.vector_expansion(t, moments), ENERGY)
    only = free_electron.sm_expansion(t, ElectronCouplings(1.0, 0.0))
    np.testing.assert_allclose(vector, evaluate_expansion(only, ENERGY), rtol=1e-12)
    mixed = evaluate_expansion(kinematics.interference_expansion(t, moments), ENERGY)
    shift = free_electron.millicharge_shift(t)
    only = free_electron.linear_expansion(t, ElectronCouplings(1.0, 0.0), shift)
    np.testing.assert_allclose(mixed, evaluate_expansion(only, ENERGY), rtol=1e-12)
    # the axial term is the charge response: exact up to (T/E)^2
    axial = evaluate_expansion(kinematics.axial_expansion(t, moments), ENERGY)
    only = free_electron.sm_expansion(t, ElectronCouplings(0.0, 1.0))
    exact = evaluate_expansion(only, ENERGY)
    np.testing.assert_array_less(
        abs(axial / exact - 1.0), (recoil / 1e3 / ENERGY) ** 2 + 1e-9
    )


def _charge(moments: np.ndarray, recoil: float, energy_mev: float) -> float:
    """Cross section of integrals that were cut at q = 2E - T, with the whole logarithm."""
    energy = 1e3 * energy_mev
    k = (2.0 * energy - recoil) ** 2
    log = math.log(energy * (energy - recoil) / (REGULATOR_MASS_EV * 1e-3) ** 2)
    near_a = moments[8] + moments[7] / recoil**2 * log
    near_b = moments[9] + moments[7] * log
    whole = k * (moments[0] + 0.5 * near_a) + 0.5 * near_b - moments[1]
    return math.pi * ALPHA**2 / energy**2 * whole * HBARC2_KEV2_CM2


@pytest.mark.parametrize(
    ("name", "recoil", "energy", "tolerance"),
    [
        ("L3", 3.0, 0.3, 1e-5),
        ("M5", 1.0, 0.3, 1e-5),
        ("K", 20.0, 0.3, 1e-5),
        ("K", 100.0, 0.3, 3e-3),
    ],
)
def test_factorised_against_direct(
    name: str, recoil: float, energy: float, tolerance: float
) -> None:
    """The energy can be taken out of the integrals as long as 2E - T is far."""
    atom = solve_atom("Ge")
    index = [o.shell.name for o in atom.orbitals].index(name)
    binding = float(thresholds(atom)[index]) / HARTREE_KEV
    transfer = recoil / HARTREE_KEV
    orbital = atom.orbitals[index]
    whole = subshell_moments(atom, orbital, transfer, binding)[0]
    found = float(
        evaluate_expansion(kinematics.charge_expansion(np.array(recoil), whole), energy)
    )
    direct = charge_cross_section(atom, energy, recoil, shells=(name,), count=80)
    assert found == pytest.approx(direct, rel=tolerance)
    with pytest.raises(ModelError, match="neutrino energy"):
        charge_cross_section(atom, 0.01, 20.0)


@pytest.mark.parametrize(("name", "recoil"), [("L3", 2.0), ("M5", 0.5)])
def test_convergence(name: str, recoil: float) -> None:
    """Nodes in q, multipoles and the radial grid, each to 1e-4 of the charge term."""
    atom = solve_atom("Ge")
    index = [o.shell.name for o in atom.orbitals].index(name)
    binding = float(thresholds(atom)[index]) / HARTREE_KEV
    transfer = recoil / HARTREE_KEV

    def value(of: object = atom, **options: int) -> float:
        moments = subshell_moments(
            of,
            of.orbitals[index],
            transfer,
            binding,
            **options,  # type: ignore[attr-defined, arg-type]
        )[0]
        return _charge(moments, recoil, 1.0)

    from nuem.models.atomic.response import multipoles_needed

    last = multipoles_needed(atom, atom.orbitals[index], transfer)
    reference = value()
    assert value(count=80) == pytest.approx(reference, rel=1e-4)
    assert value(multipoles=int(1.4 * last)) == pytest.approx(reference, rel=1e-4)
    assert value(solve_atom("Ge", step=0.01)) == pytest.approx(reference, rel=1e-4)
