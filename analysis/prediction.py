"""From an experiment file to what it predicts: flux, response, templates by channel."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from nuem.analysis.channel_models import (
    channel_flux,
    channel_response,
    nuisance_name,
    quenching_model,
    signal_options,
    with_cut_efficiency,
)
from nuem.analysis.grid import Given, Grid
from nuem.analysis.interpolation import STEPS, closure_note, interpolation_error
from nuem.analysis.signal_axes import charged_terms, on_all_axes
from nuem.analysis.variations import alternatives, applies
from nuem.inputs.catalogue import Channel, channels
from nuem.inputs.errors import InferenceError, InputError, ModelError
from nuem.inputs.schema import Experiment, Signal, Systematic
from nuem.inputs.variations import (
    CurveVariation,
    HistogramVariation,
    QuenchingVariation,
)
from nuem.inputs.vocabulary import Method

if TYPE_CHECKING:
    from nuem.analysis.channel_models import AnyResponse
    from nuem.models.flux.spectrum import Flux
    from nuem.models.grid import TemplateGrid
    from nuem.models.options import OptionWords
    from nuem.models.template import Template

__all__ = ["SCHEMA", "Prediction", "SignalTemplate", "predict"]

#: Of the document of ``nuem template``.
SCHEMA = "nuem-template-1"


@dataclass(frozen=True)
class SignalTemplate:
    """The template of one signal in one channel, with its variations.

    Attributes
    ----------
    process, method : str
        What was calculated, and how (None for nuclei).
    nominal : Template
        Counts/(kg day) in the bins of all axes, for each monomial of the coupling.
    variations : dict
        Nuisance parameter -> templates at plus and minus one sigma.
    """

    process: str
    method: str | None
    nominal: Template
    variations: Mapping[str, tuple[Template, Template]]


@dataclass(frozen=True)
class Prediction:
    """Templates of all signals in all channels.

    Attributes
    ----------
    experiment : str
        Name of the experiment.
    signals : dict
        Channel -> its signals; empty where the source does not shine.
    provenance : dict
    """

    experiment: str
    signals: Mapping[str, tuple[SignalTemplate, ...]]
    provenance: Mapping[str, Any]

    def to_dict(self) -> dict[str, Any]:
        """The JSON document of ``nuem template``."""
        return {
            "schema": SCHEMA,
            "experiment": self.experiment,
            "channels": {
                channel: [
                    {
                        "process": signal.process,
                        "method": signal.method,
                        "nominal": signal.nominal.as_dict(),
                        "variations": {
                            name: {"up": up.as_dict(), "down": down.as_dict()}
                            for name, (up, down) in signal.variations.items()
                        },
                    }
                    for signal in signals
                ]
                for channel, signals in self.signals.items()
            },
            "provenance": dict(self.provenance),
        }

    @classmethod
    def from_dict(cls, document: Any, file: object = None) -> Prediction:
        """Read the document of ``nuem template``.

        Raises
        ------
        InputError
            If it is something else.
        """
        if not isinstance(document, dict) or document.get("schema") != SCHEMA:
            found = document.get("schema") if isinstance(document, dict) else None
            raise InputError(
                "not a template document", file=file, field="schema",
                found=repr(found), expected=repr(SCHEMA),
            )  # fmt: skip
        try:
            return cls(
                experiment=document["experiment"],
                signals={
                    channel: tuple(_signal(entry) for entry in entries)
                    for channel, entries in document["channels"].items()
                },
                provenance=document["provenance"],
            )
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise InputError(
                f"damaged template document ({type(error).__name__}: {error})",
                file=file,
            ) from None


def predict(
    experiment: Experiment,
    *,
    given: Mapping[str, Given] | None = None,
    provenance: Mapping[str, Any] | None = None,
) -> Prediction:
    """Templates of all signals in all channels, with their variations.

    Parameters
    ----------
    experiment : Experiment
        What to predict.
    given : mapping, optional
        Histograms that the experiment file refers to.
    provenance : mapping, optional
        Goes into the result.

    Returns
    -------
    Prediction

    Raises
    ------
    ModelError
        If a model is asked outside its range.
    InferenceError
        If more of a bin comes from below the floor than the experiment file allows.

    Examples
    --------
    >>> from nuem.inputs.catalogue import load_experiment
    >>> p = predict(load_experiment("texono-pcge"))
    >>> {name: len(signals) for name, signals in p.signals.items()}
    {'on': 1, 'off': 0}
    """
    grid = Grid.of(experiment, given)
    fluxes = {c.name: channel_flux(experiment, c) for c in channels(experiment)}
    _check_components(experiment, fluxes.values())
    signals: dict[str, tuple[SignalTemplate, ...]] = {}
    known: dict[str, SignalTemplate] = {}
    for channel in channels(experiment):
        flux = fluxes[channel.name]
        if flux is None:
            signals[channel.name] = ()
            continue
        weights = [s.weights.values[channel.period.name] for s in experiment.sources]
        found = []
        for signal in experiment.signals:
            varied = [
                (nuisance_name(systematic, channel), systematic)
                for systematic in experiment.systematics
                if systematic.effect != "flux"
            ]
            # three regions of one detector need not be calculated three times
            key = repr(
                (signal, channel.detector.target, channel.response, weights,
                 [name for name, _ in varied],
                 [v.name for v in experiment.variations if applies(v, channel)])
            )  # fmt: skip
            if key not in known:
                try:
                    known[key] = _calculate(
                        experiment, signal, channel, flux, grid, varied
                    )
                except InputError as error:  # the models do not know the file
                    raise InputError(
                        str(error), file=experiment.name,
                        field=f"detectors.{channel.detector.name}, {signal.process}",
                    ) from error  # fmt: skip
            found.append(known[key])
            _check_floor(channel, known[key], grid.energy)
        signals[channel.name] = tuple(found)
    return Prediction(experiment.name, signals, dict(provenance or {}))


def _calculate(
    experiment: Experiment,
    signal: Signal,
    channel: Channel,
    flux: Flux,
    grid: Grid,
    varied: Iterable[tuple[str, Systematic]],
) -> SignalTemplate:
    from nuem.models.flux import variation_names, vary
    from nuem.models.template import template

    options = signal_options(signal)
    coupling = experiment.coupling

    def at(
        response: AnyResponse,
        source: Flux = flux,
        *,
        diagnose: bool = False,
        shift: float = 0.0,
    ) -> Template:
        choices: OptionWords = {**options, "atomic_shift": signal.atomic_shift + shift}

        def energy(part: Flux) -> Template:
            found = template(
                signal.process, channel.detector.target, part, response, grid.energy,
                method=signal.method, diagnose=diagnose,
                by_flavour=bool(coupling.neutral), **choices,
            )  # fmt: skip
            return charged_terms(found, coupling) if coupling.neutral else found

        return on_all_axes(experiment, grid, source, energy)

    response = channel_response(channel)
    nominal = at(response, diagnose=True)
    variations = {}
    said: list[str] = []
    for name, systematic in varied:
        size = systematic.size.canonical
        if systematic.effect == "quenching" and signal.process.on_nuclei:
            variations[name], note = _quenched(name, channel, systematic, at)
            said.extend(note)
            continue
        pair: list[Template] = []
        for step in (size, -size):
            match systematic.effect:
                case "efficiency":
                    found = nominal.scale(1 + step)
                case "energy-scale":
                    found = at(response.vary(scale=1 + step))
                case "resolution":
                    found = at(response.vary(resolution=1 + step))
                case "quenching":  # of electrons there is none
                    found = nominal
                case "atomic-response" if signal.method is Method.ATOMIC:
                    found = at(response, shift=step)
                case "atomic-response":  # of another signal
                    found = nominal
                case "trigger-efficiency":
                    found = at(response.vary(trigger=(step, systematic.shape)))
                case "cut-efficiency":
                    found = at(response.vary(cut=(step, systematic.shape)))
                case _:
                    component = systematic.component or ""
                    if component not in variation_names(flux):
                        found = nominal  # it shines in another channel
                    elif systematic.energy_dependence == "published":
                        found = at(response, vary(flux, component, step))
                    else:
                        sign = float(np.sign(step))
                        found = at(response, vary(flux, component, sign, size))
            pair.append(found)
        variations[name] = (pair[0], pair[1])
    for variation in experiment.variations:
        if not applies(variation, channel):
            continue
        if isinstance(variation, HistogramVariation):
            if variation.sample == "signal":
                variations[variation.name] = _reshaped(nominal, variation, grid)
        elif isinstance(variation, CurveVariation):
            up, down = (
                at(with_cut_efficiency(response, curve))
                for curve in (variation.up, variation.down)
            )
            variations[variation.name] = up, down
        elif signal.process.on_nuclei:
            assert isinstance(variation, QuenchingVariation)
            up, down = (
                at(replace(response, quenching=quenching_model(channel, asked)))
                for asked in (variation.up, variation.down)
            )
            variations[variation.name] = up, down
        else:  # of electrons there is none
            variations[variation.name] = nominal, nominal
    nominal = replace(nominal, notes=(*nominal.notes, *said))
    method = None if signal.method is None else str(signal.method)
    return SignalTemplate(str(signal.process), method, nominal, variations)


def _reshaped(
    nominal: Template, variation: HistogramVariation, grid: Grid
) -> tuple[Template, Template]:
    """The signal times what given alternatives are relative to one another."""
    base, up, down = alternatives(variation, grid)

    def times(side: NDArray[np.float64]) -> Template:
        ratio = np.divide(side, base, out=np.ones_like(base), where=base > 0)
        return nominal.scale(ratio)

    return times(up), times(down)


def _quenched(
    name: str,
    channel: Channel,
    systematic: Systematic,
    at: Callable[[AnyResponse], Template],
) -> tuple[tuple[Template, Template], tuple[str, ...]]:
    """Templates at plus and minus one sigma of the quenching, and what to know of them."""
    from nuem.models.grid import quenching_grid

    size = systematic.size.canonical

    def grid(pulls: Sequence[float]) -> TemplateGrid:
        return quenching_grid(
            at, channel_response(channel), [1.0 + pull * size for pull in pulls]
        )

    # far pulls may leave no quenching
    pulls = [pull for pull in STEPS if 1.0 + pull * size > 0.0]
    note: str | None
    try:
        found = grid(pulls)
    except ModelError as error:
        # beyond one sigma is for the note alone, and must not stop a prediction
        pulls = [-1.0, 0.0, 1.0]
        found = grid(pulls)
        note = f"{name}: the interpolation could not be checked: {error}"
    else:
        if -1.0 not in pulls:
            raise InputError(
                "one sigma of the quenching leaves none", field=f"systematics.{name}",
                found=f"{size:g}", expected="below 1",
            )  # fmt: skip
        note = closure_note(name, interpolation_error(found, pulls))
    up, down = (found.templates[pulls.index(pull)] for pull in (1.0, -1.0))
    return (up, down), (() if note is None else (note,))


def _check_floor(
    channel: Channel, signal: SignalTemplate, edges: NDArray[np.float64]
) -> None:
    share = (
        signal.nominal.below_floor_fraction().reshape(edges.size - 1, -1).max(axis=1)
    )
    allowed = channel.response.max_below_floor
    worst = int(np.argmax(share))
    if share[worst] > allowed:
        raise InferenceError(
            "too much of a bin comes from recoils below the floor of the model",
            field=f"{channel.name}, {edges[worst]:g} to {edges[worst + 1]:g} keV",
            found=f"{share[worst]:.0%}",
            expected=f"at most {allowed:.0%} (response.max_below_floor)",
        )


def _check_components(experiment: Experiment, fluxes: Iterable[Flux | None]) -> None:
    from nuem.models.flux import variation_names

    there = {n: None for f in fluxes if f is not None for n in variation_names(f)}
    for systematic in experiment.systematics:
        if systematic.effect == "spectrum" and systematic.component not in there:
            raise InputError(
                "no source has this component", file=experiment.name,
                field=f"systematics.{systematic.name}.component",
                found=systematic.component, expected="one of " + ", ".join(there),
            )  # fmt: skip


def _signal(entry: Mapping[str, Any]) -> SignalTemplate:
    return SignalTemplate(
        process=str(entry["process"]),
        method=entry["method"],
        nominal=_template(entry["nominal"]),
        variations={
            name: (_template(pair["up"]), _template(pair["down"]))
            for name, pair in entry["variations"].items()
        },
    )


def _template(entry: Mapping[str, Any]) -> Template:
    from nuem.models.template import Template

    def arrays(values: Mapping[str, Any]) -> dict[str, NDArray[np.float64]]:
        return {name: np.asarray(v, dtype=float) for name, v in values.items()}

    return Template(
        coefficients=arrays(entry["coefficients"]),
        edges=tuple(np.asarray(axis, dtype=float) for axis in entry["edges"]),
        unit=entry["unit"],
        below_floor=arrays(entry["below_floor"]),
        leading=entry["leading"],
        notes=tuple(entry["notes"]),
        metadata=entry["metadata"],
    )
