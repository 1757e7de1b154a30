"""The statistical model: samples and modifiers of every channel, as a workspace."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nuem.analysis.background import (
    grid_counts,
    norm_name,
    present,
    shape_parameters,
    time_factor,
)
from nuem.analysis.background_fit import BackgroundFit, fit_backgrounds
from nuem.analysis.channel_models import nuisance_name
from nuem.analysis.closure import closure_of_shapes
from nuem.analysis.exchange.provenance import digest
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
    shapefactor,
)
from nuem.analysis.exposure import Exposure
from nuem.analysis.grid import Given, Grid
from nuem.analysis.prediction import Prediction, SignalTemplate
from nuem.analysis.variations import alternatives, applies
from nuem.inputs.backgrounds import Background, Exponential, FreePerBin
from nuem.inputs.catalogue import Channel, channels
from nuem.inputs.errors import InferenceError, InputError
from nuem.inputs.schema import Experiment, Systematic
from nuem.inputs.variations import HistogramVariation
from nuem.inputs.vocabulary import STANDARD_PROCESSES
from nuem.models.monomials import powers

__all__ = [
    "HISTOGRAM_FIELDS",
    "LINKS",
    "PEDESTAL",
    "POI",
    "SHAPE_SIGMAS",
    "TEMPLATE_FIELDS",
    "build_workspace",
    "by_power",
    "check_made_from",
    "signal_at",
]

_Array = NDArray[np.float64]

#: Name of the parameter of interest, (g/g_ref)^2.
POI = "mu"
#: Factors of the samples of a coupling g that interferes, as powers of g/g_ref.
LINKS: dict[str, dict[str, Any]] = {
    "g_lin": {"parameter": "g", "power": 1},
    "g_quad": {"parameter": "g", "power": 2},
}
#: Sample of the counts that stand below Gaussian values, whatever the model says.
PEDESTAL = "pedestal"
#: A free parameter of a shape enters as a histosys at plus and minus this many of its
#: uncertainties: its unit constraint then adds 1/9 of what the data say.
SHAPE_SIGMAS = 3.0
_POI_BOUNDS = (0.0, 1000.0)
#: Parts of an experiment file that a template depends on.
TEMPLATE_FIELDS = (
    "coupling", "signals", "sources", "detectors", "periods", "regions", "overrides",
    "observables", "systematics", "variations",
)  # fmt: skip
#: Parts of an experiment file that histograms depend on.
HISTOGRAM_FIELDS = ("periods", "regions", "observables", "events")
_LARGEST_G = 30.0
_TERMS = {0: "sm", 1: "int", 2: "em"}
_FACTORS = {1: "g_lin", 2: "g_quad"}


def build_workspace(
    experiment: Experiment,
    observed: Mapping[str, _Array],
    exposures: Mapping[str, Exposure],
    prediction: Prediction,
    *,
    given: Mapping[str, Given] | None = None,
    provenance: Mapping[str, Any] | None = None,
) -> Workspace:
    """Put histograms, templates and systematics together.

    Parameters
    ----------
    experiment : Experiment
        Backgrounds, systematics and coupling.
    observed : mapping
        Channel -> counts by bin, of several axes in one row, the last one fastest.
    exposures : mapping
        Channel -> what was collected, and when.
    prediction : Prediction
        Templates of the signal.
    given : mapping, optional
        Histograms that the experiment file refers to.
    provenance : mapping, optional
        Goes into the meta document.

    Returns
    -------
    Workspace
        The measurement is ``PROCESS@g_ref=VALUE``, its parameter mu = (g/g_ref)^2. Where
        the coupling interferes with the Standard Model, samples ``sm``, ``int`` and
        ``em`` with the factors of `LINKS`, which the meta document holds as well.

    Raises
    ------
    InputError
        If histograms or templates do not fit the experiment.
    InferenceError
        If the backgrounds cannot be fitted or linearised.
    """
    grid = Grid.of(experiment, given)
    used = grid.used
    parts = channels(experiment)
    _check(experiment, parts, observed, exposures, prediction, grid)
    reference = experiment.coupling.reference.value
    if not any(counts[used].any() for counts in observed.values()):
        raise InferenceError("no events in any channel", file=experiment.name)
    standard, signal = (
        {
            channel.name: _signal_counts(
                prediction, channel, exposures[channel.name], reference, grid, power
            )
            for channel in parts
        }
        for power in (0, 2)
    )
    free_bins = any(isinstance(b.shape, FreePerBin) for b in experiment.backgrounds)
    fit = None
    if not free_bins:
        fit = fit_backgrounds(
            experiment, parts, exposures, observed, signal, grid, standard
        )
    models = []
    for channel in parts:
        samples = _signal_samples(experiment, prediction, channel, exposures, reference)
        if exposures[channel.name].pedestal is not None:
            pedestal = np.broadcast_to(exposures[channel.name].offset, grid.size)
            samples.append(Sample(PEDESTAL, pedestal[used], ()))
        for background in experiment.backgrounds:
            if not present(background, channel):
                continue
            if fit is None:
                samples.append(
                    _free_bins(
                        experiment,
                        background,
                        channel,
                        observed,
                        exposures,
                        grid.energy,
                    )
                )
            else:
                sample = _component(
                    experiment, background, channel, exposures[channel.name], fit, grid
                )
                if sample is not None:
                    samples.append(sample)
        if not samples:
            raise InputError("nothing is expected", field=f"channels.{channel.name}")
        models.append(
            ChannelModel(channel.name, observed[channel.name][used], tuple(samples))
        )
    processes = "+".join(
        signal.process
        for signal in experiment.signals
        if signal.process not in STANDARD_PROCESSES
    )
    spec = assemble(
        models,
        measurement=measurement_name(processes, reference),
        poi="g_lin" if _interferes(prediction) else POI,
        parameters=_parameters(models, fit, _interferes(prediction)),
    )
    meta = _meta(experiment, parts, exposures, prediction, grid)
    if fit is not None:
        meta["background_fit"] = fit.to_dict()
        meta["closure"] = closure_of_shapes(
            experiment, parts, exposures, fit, spec, grid, SHAPE_SIGMAS
        )
    meta["provenance"] = dict(provenance or {})
    meta["measurement"] = spec["measurements"][0]["name"]
    meta["workspace_sha256"] = digest(spec)
    return Workspace(spec=spec, meta=meta)


def _signal_counts(
    prediction: Prediction,
    channel: Channel,
    exposure: Exposure,
    reference: float,
    grid: Grid,
    power: int,
) -> _Array:
    """Counts of one power of the coupling, at its reference value."""
    total = np.zeros(grid.size)
    for signal in prediction.signals[channel.name]:
        found = by_power(signal.nominal.coefficients, signal.process)
        if power in found:
            counts = found[power].ravel() * reference**power
            total += counts * exposure.scale * exposure.power
    return total


def by_power(coefficients: Mapping[str, _Array], process: str) -> dict[int, _Array]:
    """Coefficients by power of the one coupling that they have.

    Raises
    ------
    InputError
        If there are several couplings, a higher power or no square.
    """
    result: dict[int, _Array] = {}
    for monomial, values in coefficients.items():
        there = powers(monomial)
        power = sum(there.values())
        if len(there) > 1 or power > 2:
            raise InputError(
                "several couplings, or a power above 2: no single parameter describes it",
                field="signals", found=f"{process}: {monomial}",
            )  # fmt: skip
        result[power] = values
    if 2 not in result and process not in STANDARD_PROCESSES:
        raise InputError("no square of a coupling", field="signals", found=process)
    return result


def _interferes(prediction: Prediction) -> bool:
    """Whether a signal has more than the square of the coupling."""
    return any(
        any(sum(powers(m).values()) == 1 for m in signal.nominal.coefficients)
        for signals in prediction.signals.values()
        for signal in signals
    )


def _signal_samples(
    experiment: Experiment,
    prediction: Prediction,
    channel: Channel,
    exposures: Mapping[str, Exposure],
    reference: float,
) -> list[Sample]:
    exposure = exposures[channel.name].scale * exposures[channel.name].power
    used = Grid.of(experiment).used
    interferes = _interferes(prediction)
    several = len(prediction.signals[channel.name]) > 1
    samples: list[Sample] = []
    for signal in prediction.signals[channel.name]:
        nominal = by_power(signal.nominal.coefficients, signal.process)
        for power, values in sorted(nominal.items()):
            scale = reference**power * exposure
            counts = (scale * values.ravel())[used]

            def sides(
                name: str,
                signal: SignalTemplate = signal,
                power: int = power,
                scale: Any = scale,
            ) -> Iterator[_Array]:
                for varied in signal.variations[name]:
                    terms = by_power(varied.coefficients, signal.process)
                    yield (scale * terms[power].ravel())[used]

            modifiers: list[Modifier] = []
            if power and not interferes:
                modifiers.append(normfactor(POI))
            elif power:
                modifiers.append(normfactor(_FACTORS[power]))
            for systematic in experiment.systematics:
                name = nuisance_name(systematic, channel)
                if systematic.effect == "flux":
                    modifiers.append(normsys(name, systematic.size.canonical))
                    continue
                if name not in signal.variations:
                    raise InputError(
                        "the template lacks a variation", field=f"{channel.name}.{name}",
                        expected="a template made from this experiment file",
                    )  # fmt: skip
                modifiers.append(histosys(name, *sides(name)))
            modifiers.extend(
                histosys(variation.name, *sides(variation.name))
                for variation in experiment.variations
                if variation.name in signal.variations
            )
            name = signal.process
            if interferes:
                name = f"{_TERMS[power]}-{signal.process}" if several else _TERMS[power]
            samples.append(Sample(name, counts, tuple(modifiers)))
    return samples


def signal_at(workspace: Workspace, value: float) -> dict[str, _Array]:
    """Expected counts of what the coupling adds, by channel, nuisances at nominal.

    Parameters
    ----------
    workspace : Workspace
        Made by `build_workspace`.
    value : float
        Parameter of interest: mu, or g/g_ref where the coupling interferes.

    Returns
    -------
    dict
        The Standard Model alone is not in it.
    """
    factor = {POI: 1} | {name: link["power"] for name, link in LINKS.items()}
    result = {}
    for channel in workspace.spec["channels"]:
        total = np.zeros(len(channel["samples"][0]["data"]))
        for sample in channel["samples"]:
            for modifier in sample["modifiers"]:
                if modifier["name"] in factor:
                    total += (
                        np.array(sample["data"]) * value ** factor[modifier["name"]]
                    )
        result[channel["name"]] = total
    return result


def _component(
    experiment: Experiment,
    background: Background,
    channel: Channel,
    exposure: Exposure,
    fit: BackgroundFit,
    grid: Grid,
) -> Sample | None:
    factor = time_factor(background, exposure, channel, experiment)
    if factor == 0:
        return None
    norm = norm_name(background, channel)
    scale = exposure.scale * factor * _nominal_norm(fit, norm, background)
    used = grid.used
    shape = next(
        (p for p in shape_parameters([background]) if p.name in fit.shapes), None
    )
    at = None if shape is None else fit.shapes[shape.name]

    def counts(
        parameter: float | None = at, *, energy: float = 1.0, width: float = 1.0
    ) -> _Array:
        return scale * grid_counts(
            background, channel, grid,
            parameter=parameter, energy_scale=energy, resolution_scale=width,
        )[used]  # fmt: skip

    nominal = counts()
    if background.constraint == "free":
        modifiers = [normfactor(norm)]
    else:
        modifiers = [normsys(norm, background.constraint.canonical)]
    if shape is not None and at is not None:
        step = SHAPE_SIGMAS * fit.shape_errors[shape.name]
        if at - step <= 0 and isinstance(background.shape, Exponential):
            raise InferenceError(
                "the data do not determine the shape of a background",
                file=experiment.name, field=shape.name,
                found=f"{at:.3g} +- {fit.shape_errors[shape.name]:.2g}",
                expected="a value three uncertainties above 0; fix it, or leave it out",
            )  # fmt: skip
        modifiers.append(histosys(shape.name, counts(at + step), counts(at - step)))
    for systematic in experiment.systematics:
        modifiers.extend(_detector_effect(systematic, channel, nominal, counts))
    modifiers += _histogram_effects(experiment, background, channel, nominal, grid)
    return Sample(background.name, nominal, tuple(modifiers))


def _histogram_effects(
    experiment: Experiment,
    background: Background,
    channel: Channel,
    nominal: _Array,
    grid: Grid,
) -> list[Modifier]:
    """Given alternatives of a background, in units of what it was made from."""
    found: list[Modifier] = []
    for variation in experiment.variations:
        if (
            isinstance(variation, HistogramVariation)
            and variation.sample == background.name
            and applies(variation, channel)
        ):
            base, up, down = (
                side.ravel()[grid.used] for side in alternatives(variation, grid)
            )
            scale = nominal.sum() / base.sum()
            high, low = (
                np.maximum(nominal + scale * (side - base), 0.0) for side in (up, down)
            )
            found.append(histosys(variation.name, high, low))
    return found


def _detector_effect(
    systematic: Systematic, channel: Channel, nominal: _Array, counts: Any
) -> list[Modifier]:
    """What the detector does to every sample, unless it does nothing to this one."""
    size = systematic.size.canonical
    if systematic.effect not in ("efficiency", "energy-scale", "resolution"):
        return []
    if systematic.effect == "efficiency":
        high, low = nominal * (1 + size), nominal * (1 - size)
    elif systematic.effect == "energy-scale":
        high, low = counts(energy=1 + size), counts(energy=1 - size)
    else:
        high, low = counts(width=1 + size), counts(width=1 - size)
    if np.array_equal(high, nominal) and np.array_equal(low, nominal):
        return []
    return [histosys(nuisance_name(systematic, channel), high, low)]


def _free_bins(
    experiment: Experiment,
    background: Background,
    channel: Channel,
    observed: Mapping[str, _Array],
    exposures: Mapping[str, Exposure],
    edges: _Array,
) -> Sample:
    """A free content in each bin, one for all periods of a detector and region."""
    mates = [
        c for c in channels(experiment)
        if (c.detector.name, c.region.name)
        == (channel.detector.name, channel.region.name)
    ]  # fmt: skip
    exposure = sum(exposures[c.name].kg_day for c in mates)
    # an empty bin keeps a content that its factor can move
    pooled = np.maximum(np.sum([observed[c.name] for c in mates], axis=0), 0.5)
    scale = exposures[channel.name].kg_day / exposure
    used = Grid.of(experiment).used
    nominal: _Array = scale * pooled[used]

    def counts(*, energy: float = 1.0, width: float = 1.0) -> _Array:
        if width != 1.0:  # no shape is known that could be smeared
            return nominal
        return scale * _stretched(pooled, edges, energy)[used]

    name = "_".join(
        ["bins", background.name]
        + ([channel.detector.name] if len(experiment.detectors) > 1 else [])
        + ([channel.region.name] if len(experiment.regions) > 1 else [])
    )
    modifiers = [shapefactor(name)]
    for systematic in experiment.systematics:
        modifiers.extend(_detector_effect(systematic, channel, nominal, counts))
    return Sample(background.name, nominal, tuple(modifiers))


def _stretched(counts: _Array, edges: _Array, energy_scale: float) -> _Array:
    """Counts after the measured energy was multiplied, from the running sum.

    The running sum is interpolated monotonically, so that no bin turns negative;
    beyond the ends the density of the outermost bin goes on.
    """
    from scipy.interpolate import PchipInterpolator

    width = np.diff(edges)
    reach = np.array([edges[0] - width[0], *edges, edges[-1] + width[-1]])
    total = np.concatenate([[0.0], np.cumsum([counts[0], *counts, counts[-1]])])
    return np.asarray(np.diff(PchipInterpolator(reach, total)(edges / energy_scale)))


def _nominal_norm(fit: BackgroundFit, norm: str, background: Background) -> float:
    """Scale of a free component: its fit, or its uncertainty where it fits to none."""
    if background.constraint != "free":
        return 1.0
    value = max(fit.norms[norm], fit.norm_errors[norm])
    if value <= 0:
        raise InferenceError(
            "the data do not determine the rate of a background", field=norm,
            found=f"{fit.norms[norm]:.3g} +- {fit.norm_errors[norm]:.2g}",
        )  # fmt: skip
    return value


def _parameters(
    models: Sequence[ChannelModel], fit: BackgroundFit | None, interferes: bool
) -> dict[str, dict[str, Any]]:
    """Starting values and bounds; pyhf's own bounds of (0, 10) would be reached."""
    parameters: dict[str, dict[str, Any]] = {
        POI: {"inits": [1.0], "bounds": [list(_POI_BOUNDS)]}
    }
    if interferes:
        parameters = {
            "g_lin": {"inits": [0.0], "bounds": [[-_LARGEST_G, _LARGEST_G]]},
            "g_quad": {"inits": [0.0], "bounds": [[0.0, _LARGEST_G**2]]},
        }
    for model in models:
        for sample in model.samples:
            for modifier in sample.modifiers:
                name = modifier["name"]
                signal = name == POI or name in LINKS
                if modifier["type"] == "normfactor" and not signal and fit is not None:
                    value = fit.norms[name]
                    scale = max(value, fit.norm_errors[name])
                    parameters[name] = {
                        "inits": [max(value / scale, 0.01)],
                        "bounds": [[0.0, 10.0]],
                    }
                elif modifier["type"] == "shapefactor":
                    bins = len(sample.data)
                    parameters[name] = {
                        "inits": [1.0] * bins,
                        "bounds": [[1e-6, 20.0]] * bins,
                    }
    return parameters


def _meta(
    experiment: Experiment,
    parts: Sequence[Channel],
    exposures: Mapping[str, Exposure],
    prediction: Prediction,
    grid: Grid,
) -> dict[str, Any]:
    coupling = experiment.coupling
    driven = [s for s in experiment.signals if s.process not in STANDARD_PROCESSES]
    first = next(
        (signals[0].nominal for signals in prediction.signals.values() if signals), None
    )
    metadata = dict(first.metadata) if first is not None else {}
    return {
        "schema": "nuem-workspace-meta-1",
        "experiment": experiment.name,
        "definition": {
            "processes": [str(signal.process) for signal in driven],
            "symbol": coupling.symbol,
            "reference": coupling.reference.value,
            "unit": coupling.reference.unit,
            "power": 1 if _interferes(prediction) else 2,
            **({"links": LINKS} if _interferes(prediction) else {}),
            "flavours": [str(flavour) for flavour in coupling.flavours],
            **(
                {"neutral": [str(flavour) for flavour in coupling.neutral]}
                if coupling.neutral
                else {}
            ),
            "definition": coupling.definition,
            "sign": coupling.sign,
            "zero": coupling.zero,
            "methods": [
                None if signal.method is None else str(signal.method)
                for signal in driven
            ],
            "convention": metadata.get("convention", "physical"),
            "regulator": metadata.get("regulator", "none"),
        },
        "channels": {
            channel.name: {
                "detector": channel.detector.name,
                "period": channel.period.name,
                "region": channel.region.name,
                "exposure_kg_day": exposures[channel.name].kg_day,
                "edges": grid.energy.tolist(),
                "unit": grid.units[0],
                **({} if grid.used.all() else {"used": grid.used.tolist()}),
                **(
                    {}
                    if len(grid.names) == 1
                    else {
                        "axes": {
                            name: {"unit": unit, "edges": edges.tolist()}
                            for name, unit, edges in zip(
                                grid.names, grid.units, grid.edges, strict=True
                            )
                        }
                    }
                ),
            }
            for channel in parts
        },
        "notes": list(first.notes) if first is not None else [],
    }


def check_made_from(
    experiment: Experiment,
    made: Mapping[str, Any],
    fields: Sequence[str],
    what: str,
) -> None:
    """Refuse a stage's result that was made with other settings.

    Parameters
    ----------
    experiment : Experiment
        The settings of now.
    made : mapping
        Provenance of the result; without a configuration nothing is compared.
    fields : sequence of str
        Parts of the experiment file that the result depends on.
    what : str
        Name of the result, for messages.

    Raises
    ------
    InputError
        If one of the parts differs.
    """
    then = made.get("configuration", {}).get("file")
    if then is None:
        return
    now = experiment.model_dump(mode="json")
    for field in fields:
        if then.get(field) != now[field]:
            raise InputError(
                f"the {what} was made with other settings of {field!r}",
                file=experiment.name, field=what, expected=f"a new {what}",
            )  # fmt: skip


def _check(
    experiment: Experiment,
    parts: Sequence[Channel],
    observed: Mapping[str, _Array],
    exposures: Mapping[str, Exposure],
    prediction: Prediction,
    grid: Grid,
) -> None:
    names = [channel.name for channel in parts]
    for what, there in (
        ("histograms", observed), ("exposures", exposures), ("template", prediction.signals),
    ):  # fmt: skip
        if set(there) != set(names):
            raise InputError(
                "channels do not fit the experiment", file=experiment.name, field=what,
                found=", ".join(sorted(there)), expected=", ".join(names),
            )  # fmt: skip
    if prediction.experiment != experiment.name:
        raise InputError(
            "template of another experiment", field="template",
            found=prediction.experiment, expected=experiment.name,
        )  # fmt: skip
    check_made_from(experiment, prediction.provenance, TEMPLATE_FIELDS, "template")
    wanted = [signal.process for signal in experiment.signals]
    for channel in names:
        if observed[channel].shape != (grid.size,):
            raise InputError(
                "bins do not fit the experiment", field=f"histograms.{channel}",
                found=observed[channel].shape, expected=(grid.size,),
            )  # fmt: skip
        if not exposures[channel].kg_day > 0:
            raise InferenceError("no live time", field=f"channels.{channel}")
        found = [signal.process for signal in prediction.signals[channel]]
        if found and found != wanted:
            raise InputError(
                "template of other processes", field=f"template.{channel}",
                found=", ".join(found), expected=", ".join(wanted),
            )  # fmt: skip
        for signal in prediction.signals[channel]:
            made = signal.nominal.edges
            if len(made) != len(grid.edges) or not all(
                map(np.array_equal, made, grid.edges)
            ):
                raise InputError(
                    "bins do not fit the experiment", field=f"template.{channel}"
                )
    if not any(prediction.signals.values()):
        raise InferenceError(
            "no source shines in any channel", file=experiment.name, field="sources"
        )
