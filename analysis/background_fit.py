"""The fit of background components by iminuit, before the workspace is built.

The components of an experiment file are fitted together with the signal to the
histograms. The fit fixes where the workspace linearises the parameters of the shapes
and around which values the normalisations are free. What the energy scale and the
resolution do to lines and edges is fitted along, or a shape would stand in for it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nuem.analysis.background import (
    ShapeParameter,
    grid_counts,
    norm_name,
    present,
    shape_parameters,
    time_factor,
)
from nuem.analysis.channel_models import nuisance_name
from nuem.analysis.exposure import Exposure
from nuem.analysis.grid import Grid
from nuem.inputs.backgrounds import Background
from nuem.inputs.catalogue import Channel
from nuem.inputs.errors import InferenceError
from nuem.inputs.schema import Experiment

__all__ = ["BackgroundFit", "fit_backgrounds"]

_Array = NDArray[np.float64]


@dataclass(frozen=True)
class BackgroundFit:
    """Result of the fit of background components.

    Attributes
    ----------
    norms, norm_errors : dict
        Normalisation by name, relative to the rate of the experiment file.
    shapes, shape_errors : dict
        Free parameters of shapes, in keV or without unit.
    pulls : dict
        Nuisance parameters of energy scale and resolution, in units of one sigma.
    mu, mu_error : float
        Signal strength that was fitted along, unbounded.
    chi2, bins : float, int
        -2 ln L against the saturated model, and the number of bins.
    """

    norms: dict[str, float]
    norm_errors: dict[str, float]
    shapes: dict[str, float]
    shape_errors: dict[str, float]
    pulls: dict[str, float]
    mu: float
    mu_error: float
    chi2: float
    bins: int

    def to_dict(self) -> dict[str, Any]:
        """As a JSON object."""
        return dict(vars(self))


@dataclass(frozen=True)
class _Term:
    """One component in one channel."""

    norm: str
    background: Background
    channel: Channel
    bins: slice
    scale: _Array
    fixed: _Array | None


class _Expectation:
    """Counts of all channels in a row as a function of norms, shapes and mu."""

    def __init__(
        self,
        experiment: Experiment,
        channels: Sequence[Channel],
        exposures: Mapping[str, Exposure],
        signal: Mapping[str, _Array],
        grid: Grid,
        standard: Mapping[str, _Array] | None,
    ) -> None:
        self.grid = grid
        self.signal = np.concatenate([signal[c.name] for c in channels])
        self.known = np.concatenate(
            [
                np.broadcast_to(exposures[c.name].offset, grid.size)
                + (0.0 if standard is None else standard[c.name])
                for c in channels
            ]
        )
        self.parameters: tuple[ShapeParameter, ...] = shape_parameters(
            experiment.backgrounds
        )
        moving = {p.background for p in self.parameters}
        size = grid.size
        self.terms = []
        for background in experiment.backgrounds:
            for index, channel in enumerate(channels):
                exposure = exposures[channel.name]
                factor = time_factor(background, exposure, channel, experiment)
                # a source that is off leaves nothing to fit
                if not present(background, channel) or factor == 0:
                    continue
                fixed = None
                if background.name not in moving:
                    fixed = grid_counts(background, channel, grid)
                self.terms.append(
                    _Term(
                        norm=norm_name(background, channel),
                        background=background,
                        channel=channel,
                        bins=slice(index * size, (index + 1) * size),
                        scale=exposure.scale * factor,
                        fixed=fixed,
                    )
                )
        self.moves = _moves(experiment, [term.channel for term in self.terms])
        self.pulls = list(
            dict.fromkeys(name for moves in self.moves.values() for name, _, _ in moves)
        )
        self.norms = list(dict.fromkeys(term.norm for term in self.terms))
        self.widths = {
            term.norm: term.background.constraint.canonical
            for term in self.terms
            if term.background.constraint != "free"
        }

    def __call__(
        self, norms: _Array, shapes: _Array, pulls: _Array, mu: float
    ) -> _Array:
        pull = dict(zip(self.pulls, pulls, strict=True))
        total: _Array = mu * self.signal + self.known
        norm = dict(zip(self.norms, norms, strict=True))
        shape = {
            p.background: float(x) for p, x in zip(self.parameters, shapes, strict=True)
        }
        for term in self.terms:
            unit = term.fixed
            moves = self.moves[term.channel.name]
            if unit is None or any(pull[name] for name, _, _ in moves):
                factor = {"energy-scale": 1.0, "resolution": 1.0}
                for name, effect, size in moves:
                    factor[effect] *= max(1 + size * pull[name], 0.1)
                unit = grid_counts(
                    term.background, term.channel, self.grid,
                    parameter=shape.get(term.background.name),
                    energy_scale=factor["energy-scale"],
                    resolution_scale=factor["resolution"],
                )  # fmt: skip
            total[term.bins] += norm[term.norm] * term.scale * unit
        return total


def _moves(
    experiment: Experiment, channels: Sequence[Channel]
) -> dict[str, list[tuple[str, str, float]]]:
    """Energy scale and resolution by channel: nuisance parameter, effect, one sigma."""
    return {
        channel.name: [
            (nuisance_name(systematic, channel), systematic.effect,
             systematic.size.canonical)
            for systematic in experiment.systematics
            if systematic.effect in ("energy-scale", "resolution")
        ]
        for channel in channels
    }  # fmt: skip


def fit_backgrounds(
    experiment: Experiment,
    channels: Sequence[Channel],
    exposures: Mapping[str, Exposure],
    observed: Mapping[str, _Array],
    signal: Mapping[str, _Array],
    grid: Grid,
    standard: Mapping[str, _Array] | None = None,
) -> BackgroundFit:
    """Fit norms and shapes of the backgrounds, with the signal free and unbounded.

    Parameters
    ----------
    experiment : Experiment
        Its backgrounds, none of which may be free-per-bin.
    channels : sequence of Channel
    exposures, observed, signal : mapping
        By channel: exposure, counts by bin, counts by bin at mu = 1.
    grid : Grid
        Bins, and given histograms.
    standard : mapping, optional
        By channel: what the Standard Model gives, which stays.

    Returns
    -------
    BackgroundFit

    Raises
    ------
    InferenceError
        If the fit does not converge.
    """
    from iminuit import Minuit

    model = _Expectation(experiment, channels, exposures, signal, grid, standard)
    counts = np.concatenate([observed[c.name] for c in channels])
    used = np.tile(grid.used, len(channels))
    counts = counts[used]
    saturated = 2 * np.sum(counts * np.log(np.where(counts > 0, counts, 1.0)) - counts)
    names = [*model.norms, *(p.name for p in model.parameters), *model.pulls]
    split = np.cumsum([len(model.norms), len(model.parameters), len(model.pulls)])
    widths = [(model.norms.index(n), width) for n, width in model.widths.items()]

    def twice_nll(x: _Array) -> float:
        if not np.isfinite(x).all():  # Minuit has lost its way, and says so itself
            return float("nan")
        norm, shape, pull, _ = np.split(x, split)
        value = saturated + _twice_poisson(
            counts, model(norm, shape, pull, float(x[-1]))[used]
        )
        value += np.sum(pull**2)
        return float(value + sum(((x[i] - 1) / width) ** 2 for i, width in widths))

    shapes = [p.name for p in model.parameters]
    names = [*names, "mu"]
    start = [1.0] * len(model.norms) + [p.nominal for p in model.parameters]
    start += [0.0] * (len(model.pulls) + 1)
    minuit = Minuit(twice_nll, np.array(start), name=names)
    minuit.errordef = 1.0  # the function is -2 ln L
    for name in model.norms:
        minuit.limits[name] = (0, None)
    for parameter in model.parameters:
        if parameter.name.endswith("_index"):  # may be 0, and of either sign
            ends = parameter.nominal - 5, parameter.nominal + 5
        else:
            ends = parameter.nominal / 10, parameter.nominal * 10
        minuit.limits[parameter.name] = ends
    with_signal = bool(model.signal[used].any())
    minuit.fixed["mu"] = not with_signal
    minuit.strategy = 1
    minuit.migrad(ncall=20000)
    if not minuit.valid:
        minuit.simplex()
        minuit.migrad(ncall=20000)
    minuit.hesse()
    if not minuit.valid:
        raise InferenceError(
            "the fit of the backgrounds did not converge", file=experiment.name,
            field="backgrounds", found=f"EDM {minuit.fmin.edm:.2g}",
        )  # fmt: skip
    value = {name: float(minuit.values[name]) for name in names}
    error = {name: float(minuit.errors[name]) for name in names}
    return BackgroundFit(
        norms={n: value[n] for n in model.norms},
        norm_errors={n: error[n] for n in model.norms},
        shapes={n: value[n] for n in shapes},
        shape_errors={n: error[n] for n in shapes},
        pulls={n: value[n] for n in model.pulls},
        mu=value["mu"],
        mu_error=error["mu"] if with_signal else 0.0,
        chi2=float(minuit.fval),
        bins=int(counts.size),
    )


def _twice_poisson(counts: _Array, expected: _Array) -> float:
    """-2 ln L without its constant, and a way back from negative expectations."""
    # below a hundredth of an event the logarithm goes on as a parabola, steep enough
    # to lead a step with negative mu back
    floor = 0.01
    short = np.minimum(expected / floor - 1, 0.0)
    log = np.log(np.maximum(expected, floor)) + short - 0.5 * short**2
    return float(2 * np.sum(expected - counts * log) + 1e3 * np.sum(short**2))
