"""The integrals of one neutrino energy, up to q = 2E - T.

Tables take the neutrino energy out of the integrals, which needs responses that have
died out at q = 2E - T. Near the largest recoil of a free electron they have not: there
the integrals are done anew for each energy, with the orbitals of the atom. It needs the
compiler, and a second for each pair of energies.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import numpy.typing as npt

from nuem.inputs.errors import ModelError
from nuem.models.arrays import FloatArray, read_only
from nuem.models.atomic.table import MOMENTS, AtomicTable
from nuem.models.constants import ELECTRON_MASS_KEV, KEV_PER_MEV

__all__ = ["SPREADS", "cut_short", "direct_moments", "exact_moments"]

#: The responses have died out this many momentum spreads of the most tightly bound
#: electron that can be ejected beyond the Bethe ridge.
SPREADS = 5.0
_POSITIVE = MOMENTS.index("near_a")


def cut_short(
    table: AtomicTable, energy_mev: FloatArray, recoil_kev: FloatArray
) -> npt.NDArray[np.bool_]:
    """Whether q = 2E - T cuts into the responses of a table.

    Parameters
    ----------
    table : AtomicTable
        Of the element.
    energy_mev, recoil_kev : ndarray
        Neutrino energy and energy transfer, broadcast together.

    Returns
    -------
    ndarray of bool
        2E - T below the momentum of the Bethe ridge, sqrt(2mT + T^2), plus five times
        the root mean square momentum of any subshell that can be ionised.

    Examples
    --------
    >>> from nuem.models.atomic.table import load_table
    >>> cut_short(load_table("Ge"), np.array([0.1, 1.0]), np.array([20.0, 20.0]))
    array([ True, False])
    """
    recoil = np.asarray(recoil_kev, dtype=np.float64)
    edges = np.array(list(table.metadata["thresholds in keV"].values()))
    spreads = np.array(list(table.metadata["momentum spreads in keV"].values()))
    spread = np.max(np.where(recoil[..., None] > edges, spreads, 0.0), axis=-1)
    ridge = np.sqrt(2.0 * ELECTRON_MASS_KEV * recoil + recoil**2)
    end = 2.0 * KEV_PER_MEV * np.asarray(energy_mev) - recoil
    return np.asarray(end < ridge + SPREADS * spread)


@lru_cache(maxsize=4096)
def direct_moments(
    symbol: str,
    energy_mev: float,
    recoil_kev: float,
    *,
    shells: tuple[str, ...] | None = None,
    count: int = 60,
    exchange: float = 1.0,
    bindings_kev: tuple[float, ...] | None = None,
) -> FloatArray:
    """The ten integrals of independent electrons up to q = 2E - T.

    Parameters
    ----------
    symbol : str
        Element.
    energy_mev, recoil_kev : float
        Neutrino energy and energy transfer.
    shells : tuple of str, optional
        X-ray names of the subshells to count; all by default.
    count : int
        Nodes in the momentum transfer.
    exchange : float
        alpha_x of the potential.
    bindings_kev : tuple of float, optional
        Ionisation energies of the subshells; by default the measured ones.

    Returns
    -------
    ndarray, shape (10,)
        In the order of :data:`nuem.models.atomic.table.MOMENTS`.

    Raises
    ------
    ModelError
        If the neutrino has not that much energy.

    Notes
    -----
    Subshells beyond the multipole limit count as free electrons, which the cut does not
    touch below their largest recoil.

    Examples
    --------
    >>> value = direct_moments("Ge", 1.0, 3.0, shells=("L1",))
    >>> f"{value[0]:.3e}"
    '6.018e-04'
    """
    from nuem.models.atomic.build import thresholds
    from nuem.models.atomic.moments import subshell_moments
    from nuem.models.atomic.scf import solve_atom
    from nuem.models.atomic.units import HARTREE_KEV, MOMENTUM_KEV

    energy = energy_mev * KEV_PER_MEV
    if not 0.0 < recoil_kev < energy:
        raise ModelError(
            "the energy transfer is not below the neutrino energy",
            field="recoil_kev",
            found=f"{recoil_kev:g} keV",
            expected=f"above 0 and below {energy:g} keV",
        )
    atom = solve_atom(symbol, exchange=exchange)
    bindings = thresholds(atom) if bindings_kev is None else bindings_kev
    total = np.zeros(len(MOMENTS))
    for orbital, binding in zip(atom.orbitals, bindings, strict=True):
        if shells is None or orbital.shell.name in shells:
            total += subshell_moments(
                atom, orbital, recoil_kev / HARTREE_KEV, float(binding) / HARTREE_KEV,
                count=count, largest=(2.0 * energy - recoil_kev) / MOMENTUM_KEV,
            )[0]  # fmt: skip
    return read_only(total)


def exact_moments(
    table: AtomicTable,
    energy_mev: FloatArray,
    recoil_kev: FloatArray,
    *,
    outside: bool = False,
    shift: float = 0.0,
) -> FloatArray:
    """Integrals of a table, done anew where they know the neutrino energy.

    Parameters
    ----------
    table : AtomicTable
        Of the element.
    energy_mev, recoil_kev : ndarray
        Neutrino energies and energy transfers, broadcast together.
    outside, shift
        As in :meth:`nuem.models.atomic.table.AtomicTable.at`.

    Returns
    -------
    ndarray, shape (10, ...)
        Polarisation is carried over from the table: as a factor for each integral, and
        as a difference for those that may be negative.

    Examples
    --------
    >>> from nuem.models.atomic.table import load_table
    >>> table, recoil = load_table("Ge"), np.array([20.0])
    >>> bool(np.all(exact_moments(table, np.array([1.0]), recoil) == table.at(recoil)))
    True
    """
    energy, recoil = np.broadcast_arrays(energy_mev, recoil_kev)
    moments = table.at(recoil.ravel(), outside=outside, shift=shift)
    alone = table.at(recoil.ravel(), layer="independent", outside=outside)
    # of the atom that the table was made with
    exchange = float(table.metadata["potential"]["exchange alpha_x"])
    bindings = tuple(map(float, table.metadata["thresholds in keV"].values()))
    for i in np.flatnonzero(cut_short(table, energy, recoil)):
        fresh = direct_moments(
            table.symbol, float(energy.flat[i]), float(recoil.flat[i]),
            exchange=exchange, bindings_kev=bindings,
        )  # fmt: skip
        moments[:, i] = np.where(
            np.arange(len(MOMENTS)) < _POSITIVE,
            fresh * moments[:, i] / alone[:, i],
            fresh + moments[:, i] - alone[:, i],
        )
    return moments.reshape(len(MOMENTS), *recoil.shape)
