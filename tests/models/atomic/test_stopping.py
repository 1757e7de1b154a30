"""Which regulator is physics: the energy loss of muons has a plateau."""

from __future__ import annotations

import numpy as np
import pytest

from nuem.inputs.errors import ModelError
from nuem.models.atomic.stopping import fermi_plateau, loss_spectrum, restricted_loss
from nuem.models.atomic.table import load_table

#: Atomic mass and density (g/cm^3); four valence electrons lose below 50 eV.
CRYSTALS = {"Ge": (32, 72.63, 5.323), "Si": (14, 28.085, 2.329)}
GAMMAS = (1e3, 1e4, 1e5)


@pytest.mark.parametrize("symbol", CRYSTALS)
def test_the_medium_has_the_plateau_of_bethe_and_fermi(symbol: str) -> None:
    """Within 4 % of the formula of the Particle Data Group for losses up to 100 keV.

    The table starts at 50 eV; what the valence electrons lose below it is the same
    formula for four electrons with their own plasma energy (8.6 % of the whole in Ge,
    18.8 % in Si).
    """
    number, mass, density = CRYSTALS[symbol]
    whole = fermi_plateau(number, mass, density, 100.0)
    valence = fermi_plateau(4, mass, density, 0.05)
    loss = [restricted_loss(symbol, gamma, regulator="medium") for gamma in GAMMAS]
    assert loss[2] / loss[0] == pytest.approx(1.0, abs=0.002)
    assert (loss[1] + valence) / whole == pytest.approx(1.0, abs=0.04)


@pytest.mark.parametrize("symbol", CRYSTALS)
def test_the_vacuum_rises_with_the_logarithm(symbol: str) -> None:
    loss = [restricted_loss(symbol, g, regulator="neutrino-mass") for g in GAMMAS]
    # equal steps for equal factors of gamma, and 35 % from the first to the last
    assert loss[2] - loss[1] == pytest.approx(loss[1] - loss[0], rel=1e-3)
    assert loss[2] > 1.3 * loss[0]
    # a cut at 0.29 eV follows until gamma is T/0.29 eV
    cut = [restricted_loss(symbol, g, regulator="momentum-cut") for g in (1e2, *GAMMAS)]
    assert cut[1] > 1.15 * cut[0]
    assert 1.04 * cut[1] < cut[3] < 0.85 * loss[2]


def test_slow_particles_are_refused() -> None:
    with pytest.raises(ModelError, match="beta_gamma"):
        loss_spectrum(load_table("Ge"), np.array([1.0]), 1.0)
