"""Workspaces of COHERENT: one or several of its detectors, with a common flux.

The bins of all axes of a detector are one row of a channel, the last axis fastest. In
the count of coherent scattering (``coupling`` None) the Standard Model is multiplied by
the free parameter ``mu``; for a charge, samples ``sm``, ``int`` and ``em`` are those of
`nuem.analysis.modelling.LINKS`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from nuem.analysis.exchange.provenance import digest, provenance
from nuem.analysis.exchange.workspace import (
    ChannelModel,
    Modifier,
    Sample,
    Workspace,
    assemble,
    histosys,
    measurement_name,
    normfactor,
    normsys,
)
from nuem.analysis.modelling import LINKS
from nuem.inputs.errors import InputError
from nuem.models.monomials import powers

__all__ = ["Detector", "Variation", "by_power", "coherent_workspace"]

_Array = NDArray[np.float64]

#: Changed contents at plus and minus one sigma.
Variation = tuple[_Array, _Array]
_LARGEST_G = 100.0
_NAMES = {0: "sm", 1: "int", 2: "em"}
_FACTORS = {1: "g_lin", 2: "g_quad"}
_FLAVOURS = {"q_e": ["nu-e"], "q_mu": ["nu-mu", "anti-nu-mu"]}


class Detector(Protocol):
    """What a workspace needs of a release."""

    @property
    def name(self) -> str:
        """Name of the channel."""

    @property
    def files(self) -> tuple[dict[str, str], ...]:
        """Name and sha256 of what was read."""

    @property
    def settings(self) -> Mapping[str, Any]:
        """Choices, for the record."""

    @property
    def axes(self) -> Mapping[str, Sequence[float]]:
        """Edges of the bins by axis."""

    @property
    def observed(self) -> _Array:
        """Counts."""

    @property
    def flux_error(self) -> float:
        """Relative uncertainty of the neutrinos per proton."""

    def signal(self) -> Mapping[str, _Array]:
        """Expected coherent scattering by monomial."""

    def signal_variations(self) -> Mapping[str, tuple[Mapping[str, _Array], ...]]:
        """The same at plus and minus one sigma of what changes its shape."""

    def backgrounds(
        self,
    ) -> Mapping[str, tuple[_Array, float, Mapping[str, Variation]]]:
        """Contents, relative uncertainty and changes of shape."""


def by_power(signal: Mapping[str, _Array], coupling: str | None) -> dict[int, _Array]:
    """Terms of a signal by power of the one coupling that is not zero.

    Raises
    ------
    InputError
        If the signal has no such coupling.
    """
    terms: dict[int, _Array] = {}
    for monomial, values in signal.items():
        there = powers(monomial)
        if not there:
            terms[0] = values
        elif coupling is not None and set(there) == {coupling}:
            terms[there[coupling]] = values
    if coupling is not None and len(terms) != 3:
        raise InputError("no such coupling", found=coupling, expected="q_e or q_mu")
    return terms


def coherent_workspace(
    detectors: Sequence[Detector], coupling: str | None, reference: float = 1e-7
) -> Workspace:
    """Workspace for one charge, the other flavours neutral, or for a count.

    Parameters
    ----------
    detectors : sequence of Detector
        Each is a channel; they share the uncertainty of the flux and nothing else.
    coupling : str or None
        ``q_e`` or ``q_mu``; None for ``mu``, the signal over the Standard Model,
        without the uncertainty of the flux.
    reference : float
        Charge (e) of which the parameters are multiples.

    Returns
    -------
    Workspace

    Raises
    ------
    InputError
        If there is no such coupling.
    """
    models = [
        ChannelModel(
            detector.name, detector.observed.ravel(),
            (*_signal(detector, coupling, reference), *_backgrounds(detector)),
        )
        for detector in detectors
    ]  # fmt: skip
    parameters: dict[str, dict[str, Any]] = {
        "mu": {"inits": [1.0], "bounds": [[0.0, 10.0]]}
    }
    if coupling is not None:
        parameters = {
            "g_lin": {"inits": [0.0], "bounds": [[-_LARGEST_G, _LARGEST_G]]},
            "g_quad": {"inits": [0.0], "bounds": [[0.0, _LARGEST_G**2]]},
        }
    process = "nucleus-sm" if coupling is None else f"nucleus-millicharge-{coupling}"
    spec = assemble(
        models, measurement=measurement_name(process, reference),
        poi="mu" if coupling is None else "g_lin", parameters=parameters,
    )  # fmt: skip
    return Workspace(spec, _meta(spec, detectors, coupling, reference))


def _signal(detector: Detector, coupling: str | None, reference: float) -> list[Sample]:
    nominal = by_power(detector.signal(), coupling)
    varied = {
        name: tuple(by_power(signal, coupling) for signal in pair)
        for name, pair in detector.signal_variations().items()
    }
    samples = []
    for power, values in sorted(nominal.items()):
        scale = reference**power
        modifiers: list[Modifier] = [
            histosys(
                f"{detector.name}-{name}", scale * up[power].ravel(),
                scale * down[power].ravel(),
            )
            for name, (up, down) in varied.items()
        ]  # fmt: skip
        if coupling is None:
            modifiers.append(normfactor("mu"))
        else:
            modifiers.append(normsys("flux", detector.flux_error))
            if power:
                modifiers.append(normfactor(_FACTORS[power]))
        samples.append(Sample(_NAMES[power], scale * values.ravel(), tuple(modifiers)))
    return samples


def _backgrounds(detector: Detector) -> list[Sample]:
    samples = []
    for name, (values, error, shapes) in detector.backgrounds().items():
        modifiers = [normsys(f"{detector.name}-{name}", error)]
        modifiers += [
            histosys(f"{detector.name}-{shape}", up.ravel(), down.ravel())
            for shape, (up, down) in shapes.items()
        ]
        samples.append(Sample(name, values.ravel(), tuple(modifiers)))
    return samples


def _meta(
    spec: Mapping[str, Any],
    detectors: Sequence[Detector],
    coupling: str | None,
    reference: float,
) -> dict[str, Any]:
    made = provenance(
        {
            "stage": "coherent", "coupling": coupling,
            "detectors": {d.name: dict(d.settings) for d in detectors},
        },
        [file for detector in detectors for file in detector.files],
    )  # fmt: skip
    definition: dict[str, Any] = {
        "processes": ["nucleus-millicharge"], "symbol": "q", "reference": reference,
        "unit": "e", "power": 1, "links": LINKS,
        "flavours": _FLAVOURS.get(coupling or "", []),
        "definition": f"diagonal millicharge {coupling}, the other flavours neutral",
        "sign": "charge of the neutrino, for antineutrinos too",
        "zero": "no electric charge", "methods": [None], "convention": "physical",
        "regulator": "none",
    }  # fmt: skip
    return {
        "schema": "nuem-workspace-meta-1",
        "experiment": "+".join(f"coherent-{d.name}" for d in detectors),
        **({} if coupling is None else {"definition": definition}),
        "channels": {
            d.name: {"axes": {axis: list(edges) for axis, edges in d.axes.items()}}
            for d in detectors
        },
        "notes": [],
        "warnings": [],
        "provenance": made,
        "measurement": spec["measurements"][0]["name"],
        "workspace_sha256": digest(spec),
    }
