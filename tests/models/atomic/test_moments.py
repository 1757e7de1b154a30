"""Integrals over the momentum transfer: free electrons, direct integration, convergence."""

from __future__ import annotations

import numpy as np
import pytest

from nuem.inputs.errors import ModelError
from nuem.models import free_electron
from nuem.models.atomic import kinematics
from nuem.models.atomic.build import thresholds
from nuem.models.atomic.direct import cut_short, direct_moments
from nuem.models.atomic.moments import free_moments, subshell_moments
from nuem.models.atomic.scf import solve_atom
from nuem.models.atomic.table import load_table
from nuem.models.atomic.units import HARTREE_KEV
from nuem.models.couplings import ElectronCouplings
from nuem.models.kinematics import evaluate_expansion, minimum_energy
from nuem.models.process import coefficients
from nuem.models.scattering import ElectronScattering

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
    cut = direct_moments("Ge", energy, recoil, shells=(name,), count=80)
    at = np.array(recoil)
    found = evaluate_expansion(kinematics.charge_expansion(at, whole), energy)
    direct = evaluate_expansion(kinematics.charge_expansion(at, cut), energy)
    assert found == pytest.approx(direct, rel=tolerance)
    with pytest.raises(ModelError, match="neutrino energy"):
        direct_moments("Ge", 0.01, 20.0)


#: Everything that is made of the ten integrals.
EXPANSIONS = {
    "charge": kinematics.charge_expansion,
    "magnetic": kinematics.magnetic_expansion,
    "interference": kinematics.interference_expansion,
    "vector": kinematics.vector_expansion,
    "axial": kinematics.axial_expansion,
}


@pytest.mark.parametrize("recoil", [1.0, 5.0, 60.0])
def test_the_integrals_know_the_energy_where_it_says_so(recoil: float) -> None:
    """At the criterion a table is good to 2e-3 in every term, and far below it is not."""
    table = load_table("Ge")
    energies = np.geomspace(1.02, 40.0, 400) * minimum_energy(recoil)
    cut = cut_short(table, energies, np.full(energies.size, recoil))
    assert cut[0]
    assert not cut[-1]
    assert np.all(np.diff(cut.astype(int)) <= 0)
    # just outside, where the integrals of the table are taken
    outside, inside = float(energies[~cut][0]), float(energies[0])
    at = np.array(recoil)
    whole = table.at(at, layer="independent")
    for energy, low, high in ((outside, 0.0, 2e-3), (inside, 0.02, np.inf)):
        direct = direct_moments("Ge", energy, recoil)
        worst = max(
            abs(
                float(
                    evaluate_expansion(expansion(at, whole), energy)
                    / evaluate_expansion(expansion(at, direct), energy)
                )
                - 1.0
            )
            for expansion in EXPANSIONS.values()
        )
        assert low <= worst < high


def test_a_cross_section_near_the_largest_recoil_is_integrated_directly() -> None:
    """At E = 1.05 E_min the factorised weak cross section is far off; ours is not."""
    recoil = 20.0
    energy = 1.05 * float(minimum_energy(recoil))
    found = coefficients("electron-magnetic", "Ge", energy, recoil, method="atomic")
    direct = direct_moments("Ge", energy, recoil)
    expected = evaluate_expansion(
        kinematics.magnetic_expansion(np.array(recoil), direct), energy
    )
    assert found["mu^2"] == pytest.approx(float(expected), rel=1e-6)
    factorised = ElectronScattering("electron-magnetic", "Ge", "atomic").expansion(20.0)
    assert evaluate_expansion(factorised["mu^2"], energy) > 1.2 * expected


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
        expansion = kinematics.charge_expansion(np.array(recoil), moments)
        return float(evaluate_expansion(expansion, 1.0))

    from nuem.models.atomic.response import multipoles_needed

    last = multipoles_needed(atom, atom.orbitals[index], transfer)
    reference = value()
    assert value(count=80) == pytest.approx(reference, rel=1e-4)
    assert value(multipoles=int(1.4 * last)) == pytest.approx(reference, rel=1e-4)
    assert value(solve_atom("Ge", step=0.01)) == pytest.approx(reference, rel=1e-4)
