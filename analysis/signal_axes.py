"""A signal on all axes: templates in the energy, spread over time and other observables.

Prompt and delayed neutrinos of a beam arrive at different times and are of different
flavours, so that each has a template of its own; a given histogram spreads each bin in
energy as its own contents are spread.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from nuem.analysis.grid import Grid
from nuem.inputs.axes import BeamShares, HistogramShares
from nuem.inputs.errors import InputError
from nuem.inputs.schema import Coupling, Experiment

if TYPE_CHECKING:
    from nuem.models.flux.spectrum import Flux
    from nuem.models.template import Template

__all__ = ["charged_terms", "on_all_axes"]

_Array = NDArray[np.float64]

#: Parts of a bin in time in which the efficiency is that of the middle.
_PARTS = 40


def charged_terms(found: Template, coupling: Coupling) -> Template:
    """The terms of the flavours that have the coupling, as those of one coupling.

    Parameters
    ----------
    found : Template
        With a coupling for each flavour (``q_e``, ``q_mu``).
    coupling : Coupling
        Says which of them have it.
    """
    from nuem.models.couplings import flavour_symbol
    from nuem.models.monomials import powers

    letters = {flavour_symbol(flavour) for flavour in coupling.flavours}

    def merged(terms: dict[str, _Array]) -> dict[str, _Array]:
        result: dict[str, _Array] = {}
        for monomial, values in terms.items():
            there = powers(monomial)
            if any(name.rsplit("_", 1)[-1] not in letters for name in there):
                continue
            name = monomial
            if there:
                power = sum(there.values())
                name = coupling.symbol + (f"^{power}" if power > 1 else "")
            result[name] = result[name] + values if name in result else values
        return result

    coefficients = merged(dict(found.coefficients))
    leading = max(coefficients, key=lambda m: sum(powers(m).values()))
    return replace(
        found, coefficients=coefficients, below_floor=merged(dict(found.below_floor)),
        leading=leading,
        metadata={**found.metadata, "couplings": "common, of " + ", ".join(coupling.flavours)},
    )  # fmt: skip


def on_all_axes(
    experiment: Experiment, grid: Grid, flux: Flux, energy: Callable[[Flux], Template]
) -> Template:
    """The template of a signal in the bins of all axes.

    Parameters
    ----------
    experiment : Experiment
        Says how its signal is spread on each axis.
    grid : Grid
    flux : Flux
    energy : callable
        From a part of the flux to its template in the energy.

    Returns
    -------
    Template

    Raises
    ------
    InputError
        If a given histogram is missing or says nothing where there is signal.
    """
    axes = experiment.observables[1:]
    if not axes:
        return energy(flux)
    beam = any(isinstance(axis.signal, BeamShares) for axis in axes)
    total: Template | None = None
    for kind, part in _parts(flux) if beam else (("", flux),):
        found = energy(part)
        for place, axis in enumerate(axes, start=1):
            if isinstance(axis.signal, BeamShares):
                share = np.broadcast_to(
                    _arrivals(axis.signal, kind, grid.edges[place]),
                    (grid.shape[0], grid.shape[place]),
                )
            else:
                assert isinstance(
                    axis.signal, HistogramShares
                )  # the schema asks for one
                share = _shares(axis.signal, grid, axis.name)
            found = _spread(found, grid.edges[place], share)
        total = found if total is None else total + found
    assert total is not None
    return total


def _parts(flux: Flux) -> tuple[tuple[str, Flux], ...]:
    """Prompt and delayed neutrinos of pions and muons at rest."""
    parts = []
    for kind in ("prompt", "delayed"):
        own = tuple(c for c in flux.components if kind in c.uncertainties)
        parts.append((kind, replace(flux, components=own)))
    return tuple(parts)


def _arrivals(shares: BeamShares, kind: str, edges: _Array) -> _Array:
    from nuem.models.flux.sns import BeamTime

    pulse = BeamTime(shares.mean.canonical, shares.width.canonical)
    if shares.efficiency is None:
        return pulse.fractions(kind, edges)
    fine = np.concatenate(
        [
            np.linspace(low, high, _PARTS, endpoint=False)
            for low, high in itertools.pairwise(edges)
        ]
        + [edges[-1:]]
    )
    kept = shares.efficiency(0.5 * (fine[1:] + fine[:-1]))
    if ((kept < 0) | (kept > 1)).any():
        raise InputError(
            "an efficiency outside 0 to 1", field="observables.signal.efficiency",
            found=f"{kept.min():g} to {kept.max():g}",
        )  # fmt: skip
    parts = pulse.fractions(kind, fine) * kept
    return np.asarray(parts.reshape(-1, _PARTS).sum(axis=1))


def _shares(shares: HistogramShares, grid: Grid, name: str) -> _Array:
    """Share of each bin of an axis at each energy, shape (energies, bins)."""
    values = grid.histogram(shares.histogram, (grid.names[0], name))
    if (values < 0).any():
        raise InputError(
            "a content below 0", field=shares.histogram, found=f"{values.min():g}"
        )
    norm = values.sum(axis=1, keepdims=True)
    # where the histogram is empty there is nothing to be spread
    share: _Array = np.divide(values, norm, out=np.zeros_like(values), where=norm > 0)
    return share


def _spread(found: Template, edges: _Array, share: _Array) -> Template:
    shape = (share.shape[0], *([1] * (len(found.edges) - 1)), share.shape[1])
    by = share.reshape(shape)
    return replace(
        found,
        coefficients={k: v[..., None] * by for k, v in found.coefficients.items()},
        below_floor={k: v[..., None] * by for k, v in found.below_floor.items()},
        edges=(*found.edges, edges),
    )
