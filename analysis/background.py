"""Background components: names, time laws and expected counts by channel."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from nuem.analysis.exposure import Exposure, stated_exposure
from nuem.analysis.grid import Grid
from nuem.inputs import backgrounds as schema
from nuem.inputs.backgrounds import Background, HalfLife
from nuem.inputs.catalogue import Channel
from nuem.inputs.errors import InputError
from nuem.inputs.schema import Experiment

__all__ = [
    "ShapeParameter",
    "component_counts",
    "grid_counts",
    "norm_name",
    "present",
    "shape_parameters",
    "time_factor",
]

_Array = NDArray[np.float64]


class _Counts(Protocol):
    """What the shapes of the models have in common."""

    def counts(
        self, edges_kev: _Array, *, energy_scale: float, resolution_scale: float
    ) -> _Array: ...


@dataclass(frozen=True)
class ShapeParameter:
    """A parameter of a shape that the fit sets free."""

    name: str
    background: str
    nominal: float


def present(background: Background, channel: Channel) -> bool:
    """Whether a component is there in a channel."""
    return (
        background.detectors is None or channel.detector.name in background.detectors
    ) and (background.regions is None or channel.region.name in background.regions)


def norm_name(background: Background, channel: Channel) -> str:
    """Name of the normalisation that a component has in a channel."""
    parts = ["norm", background.name]
    if "detector" in background.independent_by:
        parts.append(channel.detector.name)
    if "region" in background.independent_by:
        parts.append(channel.region.name)
    if background.time_law.kind == "free":
        parts.append(channel.period.name)
    return "_".join(parts)


def shape_parameters(backgrounds: Iterable[Background]) -> tuple[ShapeParameter, ...]:
    """Free parameters of the shapes, in the order of the file."""
    found = []
    for background in backgrounds:
        shape = background.shape
        if isinstance(shape, schema.Exponential) and shape.decay_energy.free:
            name, value = "decay-energy", shape.decay_energy.canonical
        elif isinstance(shape, schema.PowerLaw) and shape.index.free:
            name, value = "index", shape.index.value
        else:
            continue
        found.append(
            ShapeParameter(f"{background.name}_{name}", background.name, value)
        )
    return tuple(found)


def time_factor(
    background: Background, exposure: Exposure, channel: Channel, experiment: Experiment
) -> float:
    """Mean rate in a channel relative to the rate of the file.

    A decaying component has the rate of the file at the first start of data taking;
    the mean is taken over the live time, which is spread evenly from the begin to the
    end of each run.
    """
    law = background.time_law
    if isinstance(law, HalfLife):
        return exposure.mean_decay(np.log(2) / law.half_life.canonical)
    if law.kind == "follows-power":
        weights = {s.name: s.weights.values for s in experiment.sources}
        return weights[law.source][channel.period.name] * exposure.power
    return 1.0


def component_counts(
    background: Background,
    channel: Channel,
    edges: _Array,
    *,
    parameter: float | None = None,
    energy_scale: float = 1.0,
    resolution_scale: float = 1.0,
) -> _Array:
    """Counts/(kg day) by bin at the rate of the file, before the time law.

    Parameters
    ----------
    background : Background
        A component with a shape.
    channel : Channel
        Where; gives the resolution of lines.
    edges : ndarray, shape (bins + 1,)
        In keV.
    parameter : float, optional
        Value of the free parameter of the shape in place of that of the file.
    energy_scale, resolution_scale : float
        Factors on the measured energy and on the resolution.

    Returns
    -------
    ndarray, shape (bins,)
    """
    from nuem.models import background as models

    shape = background.shape
    unit: _Counts
    if isinstance(shape, schema.Constant):
        unit = models.Constant()
    elif isinstance(shape, schema.Exponential):
        unit = models.Exponential(
            shape.reference_energy.canonical,
            shape.decay_energy.canonical if parameter is None else parameter,
        )
    elif isinstance(shape, schema.PowerLaw):
        unit = models.PowerLaw(
            shape.reference_energy.canonical,
            shape.index.value if parameter is None else parameter,
        )
    elif isinstance(shape, schema.Lines):
        assert channel.response.resolution is not None  # the schema asks for it
        unit = models.Lines(
            [line.energy.canonical for line in shape.lines],
            [line.intensity.canonical for line in shape.lines],
            channel.response.resolution,
        )
    elif isinstance(shape, schema.Tabulated):
        energies, values = np.array(shape.points).T
        unit = models.Tabulated(energies, values)
    else:
        raise InputError(
            f"a {shape.kind} background is no function of the energy",
            field=background.name,
        )
    assert background.rate is not None  # the schema asks for one with each shape
    counts: _Array = unit.counts(
        edges, energy_scale=energy_scale, resolution_scale=resolution_scale
    )
    return background.rate.canonical * counts


def grid_counts(
    background: Background,
    channel: Channel,
    grid: Grid,
    *,
    parameter: float | None = None,
    energy_scale: float = 1.0,
    resolution_scale: float = 1.0,
) -> _Array:
    """Counts/(kg day) in the bins of all axes, in one row, before the time law.

    Parameters
    ----------
    background, channel, parameter, energy_scale, resolution_scale
        As for `component_counts`; a given histogram is what the detector has recorded,
        and is not moved.
    grid : Grid
        Bins, and given histograms. A shape in the energy is evenly distributed on the
        other axes.

    Returns
    -------
    ndarray, shape (bins,)
    """
    if not isinstance(background.shape, schema.Histogram):
        return grid.spread(
            component_counts(
                background, channel, grid.energy, parameter=parameter,
                energy_scale=energy_scale, resolution_scale=resolution_scale,
            )
        )  # fmt: skip
    row = grid.product(background.shape.factors)
    if (row < 0).any():
        raise InputError("a content below 0", field=f"backgrounds.{background.name}")
    if background.events is not None:
        row = row * (background.events.value / row.sum())
    # the histogram is that of the whole exposure that the file states
    return row / stated_exposure(channel).kg_day
