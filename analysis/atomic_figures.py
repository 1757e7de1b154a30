"""The two figures that a calculation of an atom is judged by.

The cross section of a millicharge against free electrons and equivalent photons, and
photoabsorption against measured tables: figures 1a and 2 of Chen et al.,
PRD 90 011301 (2014), for any element with an atomic table.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from nuem.inputs.errors import ModelError

__all__ = ["draw_atomic"]

_Array = NDArray[np.float64]
_TRANSITION = "electron-millicharge-transition"
_REGULATORS = {
    r"$\nu$ mass 0.29 eV": "neutrino-mass",
    "cut at 0.29 eV": "momentum-cut",
    "medium": "medium",
}


def draw_atomic(
    symbol: str, folder: str | Path, *, energy_mev: float = 1.0
) -> list[Path]:
    """Draw both figures of an element.

    Parameters
    ----------
    symbol : str
        Element with a table.
    folder : str or Path
        Where they go, as ``SYMBOL-cross-section`` and ``SYMBOL-photoabsorption``.
    energy_mev : float
        Neutrino energy.

    Returns
    -------
    list of Path
        Each figure as PDF and PNG.

    Raises
    ------
    ModelError
        If there is no table.
    """
    from nuem.models.atomic.table import load_table
    from nuem.plots.cross_sections import cross_sections
    from nuem.plots.photoabsorption import photoabsorption
    from nuem.plots.style import save

    table = load_table(symbol)
    low, high = table.valid_kev
    edges = [
        e for edge in table.edges_kev for e in (edge * (1 - 1e-5), edge * (1 + 1e-5))
    ]
    recoil = np.unique(np.append(np.geomspace(low, min(high, 100.0), 500), edges))
    recoil = recoil[(recoil >= low) & (recoil <= min(high, 100.0))]
    figure = cross_sections(
        recoil_kev=recoil, curves=_cross_sections(symbol, energy_mev, recoil),
        bands={"atomic, all regulators": tuple(_REGULATORS)},
        note=rf"{symbol}, $E_\nu$ = {energy_mev:g} MeV, $q_\nu = 10^{{-12}}\,e$",
    )  # fmt: skip
    paths = list(save(figure, Path(folder) / f"{symbol}-cross-section"))
    figure = photoabsorption(
        energy_kev=recoil[recoil <= 30.0], reference="Henke",
        curves=_photoabsorption(symbol, recoil[recoil <= 30.0]), note=symbol,
    )  # fmt: skip
    return [*paths, *save(figure, Path(folder) / f"{symbol}-photoabsorption")]


def _cross_sections(symbol: str, energy: float, recoil: _Array) -> dict[str, _Array]:
    from nuem.models.electron import cross_section
    from nuem.models.photon import epa

    def one(method: str, regulator: str = "neutrino-mass") -> _Array:
        return cross_section(
            _TRANSITION, symbol, energy, recoil, method=method, coupling=1e-12,
            regulator=regulator,
        )  # fmt: skip

    photons = np.zeros(recoil.size)
    inside = recoil <= 30.0
    photons[inside] = epa(symbol, energy, recoil[inside], 1e-12)
    return {
        "free electrons": one("free"),
        "equivalent photons": photons,
        **{name: one("atomic", key) for name, key in _REGULATORS.items()},
    }


def _photoabsorption(symbol: str, recoil: _Array) -> dict[str, _Array]:
    from nuem.models.atomic.table import load_table
    from nuem.models.constants import ALPHA, HBARC2_KEV2_CM2
    from nuem.models.photon import photoabsorption

    front = 2.0 * np.pi**2 * ALPHA / recoil * HBARC2_KEV2_CM2
    table = load_table(symbol)
    curves = {
        "Henke": photoabsorption(symbol, recoil, "henke"),
        "calculated": front * table.at(recoil)[7],
        "independent electrons": front * table.at(recoil, layer="independent")[7],
    }
    for name in ("Chantler", "Elam"):
        values = np.full(recoil.size, np.nan)
        inside = recoil >= 0.1
        try:
            values[inside] = photoabsorption(symbol, recoil[inside], name.lower())
        except ModelError:
            continue
        curves[name] = values
    return curves
