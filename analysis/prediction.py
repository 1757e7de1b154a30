"""From an experiment file to what it predicts: flux, response, templates by channel."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from nuem.analysis.interpolation import STEPS, closure_note, interpolation_error
from nuem.inputs.catalogue import Channel, bin_edges, channels
from nuem.inputs.errors import InferenceError, InputError, ModelError
from nuem.inputs.quenching import LindhardQuenching, PolynomialQuenching
from nuem.inputs.schema import Coupling, Experiment, Signal, Systematic
from nuem.inputs.sources import ReactorSource, SolarSource
from nuem.inputs.vocabulary import (
    COUPLING_DEFAULT,
    COUPLING_SYMBOL,
    COUPLING_UNIT,
    INTERFERING_PROCESSES,
    STANDARD_PROCESSES,
    Flavour,
    Process,
)

if TYPE_CHECKING:
    from nuem.inputs.quantities import NeutrinoRange, Quantity
    from nuem.inputs.sources import Source
    from nuem.models.detector import Response
    from nuem.models.flux.spectrum import Flux
    from nuem.models.grid import TemplateGrid
    from nuem.models.options import OptionWords
    from nuem.models.quenching import Quenching
    from nuem.models.response_matrix import ResponseMatrix
    from nuem.models.template import Template

__all__ = [
    "SCHEMA",
    "Prediction",
    "SignalTemplate",
    "channel_flux",
    "channel_response",
    "nuisance_name",
    "predict",
    "response_matrices",
    "signal_options",
    "with_process",
]

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
        Counts/(kg day) by bin for each monomial of the coupling.
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


def with_process(experiment: Experiment, process: Process | str) -> Experiment:
    """The experiment with another process in place of its own.

    The coupling that drives it takes over the flavours of the experiment's own, with
    a reference value of its own.

    Raises
    ------
    InputError
        If there is no such process or it has no coupling.
    """
    try:
        process = Process(process)
    except ValueError:
        raise InputError(
            "no such process", found=repr(process), expected=", ".join(Process)
        ) from None
    symbol = COUPLING_SYMBOL[process]
    if symbol is None:
        raise InputError("the process has no coupling to set a limit on", found=process)
    method = next((s.method for s in experiment.signals if s.method), None)
    if not process.on_nuclei and method is None:
        raise InputError(
            "the experiment file names no method for electrons", found=process,
            expected="a signal on electrons in the file",
        )  # fmt: skip
    if [s.process for s in experiment.signals] == [process]:
        return experiment
    signals = _with_standard_model(experiment, process)
    reference, definition, zero = COUPLING_DEFAULT[symbol]
    coupling = Coupling.model_validate(
        {
            "symbol": symbol,
            "reference": {
                "value": reference, "unit": COUPLING_UNIT[symbol],
                "status": "assumed", "source": "scale of the workspace",
            },
            "definition": (
                f"diagonal coupling, interference with the Standard Model included ({zero})"
                if process in INTERFERING_PROCESSES
                else definition
            ),
            "flavours": experiment.coupling.flavours,
            "sign": (
                "that of the monomials of the template: a + b g + c g^2"
                if process in INTERFERING_PROCESSES
                else "only the square enters"
            ),
            "zero": zero,
        }
    )  # fmt: skip
    changed = experiment.model_copy(update={"signals": signals, "coupling": coupling})
    try:
        return Experiment.model_validate(changed.model_dump())
    except ValueError as error:
        problem = str(error).partition("Value error, ")[2].partition(" [type=")[0]
        raise InputError(
            problem or "the process does not fit the experiment", field="--process",
            found=str(process),
        ) from None  # fmt: skip


def _with_standard_model(experiment: Experiment, process: Process) -> list[Signal]:
    """The signal of a process, and the Standard Model where the file has it as well."""

    def signal(wanted: Process) -> Signal:
        # tables and options of the file hold for its other processes too
        alike = [
            s for s in experiment.signals if s.process.on_nuclei == wanted.on_nuclei
        ]
        if not alike:
            return Signal(process=wanted)
        return alike[0].model_copy(update={"process": wanted})

    signals = [signal(process)]
    for standard in STANDARD_PROCESSES:
        there = any(
            s.process.on_nuclei == standard.on_nuclei
            and s.process in (*STANDARD_PROCESSES, *INTERFERING_PROCESSES)
            for s in experiment.signals
        )
        own = process.on_nuclei == standard.on_nuclei
        if there and not (own and process in INTERFERING_PROCESSES):
            signals.append(signal(standard))
    return signals


def channel_flux(experiment: Experiment, channel: Channel) -> Flux | None:
    """Neutrino flux in a channel, all sources with the weights of its period.

    Returns
    -------
    Flux or None
        None where no source shines.
    """
    total = None
    for source in experiment.sources:
        weight = source.weights.values[channel.period.name]
        if weight == 0:
            continue
        flux = _source_flux(source).scale(weight).named(source.name)
        total = flux if total is None else total + flux
    if total is not None:
        _check_flavours(experiment, total.flavours)
    return total


def _source_flux(source: Source) -> Flux:
    from nuem.models.flux import reactor_flux, sns_flux, solar_flux, spent_fuel_flux

    if isinstance(source, SolarSource):
        return solar_flux(source.branches, model=source.model)
    if isinstance(source, ReactorSource):
        core = reactor_flux(
            flux=_number(source.total_flux),
            normalisation_mev=_range(source.flux_range),
            power_gw=_number(source.power),
            distance_m=_number(source.distance),
            fractions=source.fission_fractions.values,
            conversion=source.conversion,
            non_equilibrium=float(source.non_equilibrium),
        )
        return spent_fuel_flux(core) if source.component == "spent-fuel" else core
    return sns_flux(
        neutrinos_per_flavour=_number(source.flux_per_flavour),
        protons_per_second=_number(source.protons),
        yield_per_proton=_number(source.yield_per_proton),
        distance_m=_number(source.distance),
    )


def _range(quoted: NeutrinoRange | None) -> tuple[float, float]:
    if quoted is None:
        return 0.0, np.inf
    return quoted.low, np.inf if quoted.high is None else quoted.high


def _number(quantity: Quantity | None) -> float | None:
    return None if quantity is None else quantity.canonical


def signal_options(signal: Signal) -> OptionWords:
    """The choices of a signal as keywords of the models.

    Examples
    --------
    >>> signal_options(Signal(process="nucleus-sm"))["form_factor"]
    <FormFactor.HELM: 'helm'>
    """
    return {
        "sin2_theta_w": signal.sin2_theta_w,
        "photoabsorption": signal.photoabsorption,
        "couplings": signal.couplings,
        "form_factor": signal.form_factor,
        "convention": signal.convention,
        "regulator": signal.regulator,
        "density_g_cm3": signal.density_g_cm3,
    }


def _quenching(channel: Channel) -> Quenching | None:
    from nuem.models.quenching import Lindhard, Polynomial, Tabulated

    asked = channel.response.quenching
    if asked is None:
        return None
    if isinstance(asked, LindhardQuenching):
        floor = 0.0 if asked.floor is None else asked.floor.canonical
        return Lindhard.of(channel.detector.target, asked.k.canonical, floor)
    if isinstance(asked, PolynomialQuenching):
        return Polynomial(tuple(asked.coefficients), asked.range_kevnr)
    recoils, factors = zip(*asked.points, strict=True)
    return Tabulated(recoils, factors)


def channel_response(channel: Channel) -> Response:
    """The response of a channel as the models take it."""
    from nuem.models.detector import Response

    response = channel.response
    return Response(
        resolution=response.resolution,
        floor_kev=response.floor.canonical,
        kernel_sigma=response.kernel_width,
        trigger_efficiency=response.trigger_efficiency,
        cut_efficiency=response.cut_efficiency,
        breakpoints_kev=tuple(x for x, _ in response.trigger_efficiency.points or ()),
        cut_breakpoints_kev=tuple(x for x, _ in response.cut_efficiency.points or ()),
        quenching=_quenching(channel),
    )


def response_matrices(experiment: Experiment) -> dict[str, ResponseMatrix]:
    """Response of each channel on a grid of true recoils, to publish.

    Returns
    -------
    dict
        Channel -> matrix. Cells grow by 2 per cent or less, from the floor (1 eV
        without one) to the highest recoil that the bins can see.

    Examples
    --------
    >>> from nuem.inputs.catalogue import load_experiment
    >>> matrices = response_matrices(load_experiment("texono-pcge"))
    >>> matrices["on"].measured_unit, matrices["on"].values.shape[0]
    ('keV', 39)
    """
    edges = bin_edges(experiment.observables[0])
    found = {}
    for channel in channels(experiment):
        response = channel_response(channel)
        low, high = response.true_range(edges)
        low = max(low, 1e-3)
        count = max(int(np.ceil(np.log(high / low) / np.log(1.02))), 1)
        found[channel.name] = response.tabulate(
            edges, np.geomspace(low, high, count + 1)
        )
    return found


def nuisance_name(systematic: Systematic, channel: Channel) -> str:
    """Name of the nuisance parameter: one for each member of the scope.

    Examples
    --------
    >>> from nuem.inputs.catalogue import load_experiment
    >>> e = load_experiment("texono-pcge")
    >>> [nuisance_name(s, channels(e)[0]) for s in e.systematics]
    ['reactor-flux', 'gain_on', 'resolution_pcge', 'efficiency_on']
    """
    suffix = {
        "all": None,
        "detector": channel.detector.name,
        "period": channel.period.name,
        "region": channel.region.name,
        "channel": channel.name,
    }[systematic.scope]
    return systematic.name if suffix is None else f"{systematic.name}_{suffix}"


def predict(
    experiment: Experiment, *, provenance: Mapping[str, Any] | None = None
) -> Prediction:
    """Templates of all signals in all channels, with their variations.

    Parameters
    ----------
    experiment : Experiment
        What to predict.
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
    edges = bin_edges(experiment.observables[0])
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
                 [name for name, _ in varied])
            )  # fmt: skip
            if key not in known:
                try:
                    known[key] = _calculate(signal, channel, flux, edges, varied)
                except InputError as error:  # the models do not know the file
                    raise InputError(
                        str(error), file=experiment.name,
                        field=f"detectors.{channel.detector.name}, {signal.process}",
                    ) from error  # fmt: skip
            found.append(known[key])
            _check_floor(channel, known[key], edges)
        signals[channel.name] = tuple(found)
    return Prediction(experiment.name, signals, dict(provenance or {}))


def _calculate(
    signal: Signal,
    channel: Channel,
    flux: Flux,
    edges: NDArray[np.float64],
    varied: Iterable[tuple[str, Systematic]],
) -> SignalTemplate:
    from nuem.models.flux import variation_names, vary
    from nuem.models.template import template

    options = signal_options(signal)

    def at(
        response: Response, source: Flux = flux, *, diagnose: bool = False
    ) -> Template:
        return template(
            signal.process, channel.detector.target, source, response, edges,
            method=signal.method, diagnose=diagnose, **options,
        )  # fmt: skip

    response = channel_response(channel)
    nominal = at(response, diagnose=True)
    variations = {}
    said: list[str] = []
    for name, systematic in varied:
        size = systematic.size.canonical
        if systematic.effect == "quenching" and signal.process.on_nuclei:
            variations[name], note = _quenched(
                name, signal, channel, flux, edges, systematic
            )
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
    nominal = replace(nominal, notes=(*nominal.notes, *said))
    method = None if signal.method is None else str(signal.method)
    return SignalTemplate(str(signal.process), method, nominal, variations)


def _quenched(
    name: str,
    signal: Signal,
    channel: Channel,
    flux: Flux,
    edges: NDArray[np.float64],
    systematic: Systematic,
) -> tuple[tuple[Template, Template], tuple[str, ...]]:
    """Templates at plus and minus one sigma of the quenching, and what to know of them."""
    from nuem.models.grid import quenching_grid

    size = systematic.size.canonical

    def grid(pulls: Sequence[float]) -> TemplateGrid:
        return quenching_grid(
            signal.process, channel.detector.target, flux, channel_response(channel),
            edges, [1.0 + pull * size for pull in pulls], **signal_options(signal),
        )  # fmt: skip

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
    share = signal.nominal.below_floor_fraction()
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


def _check_flavours(experiment: Experiment, there: Iterable[Flavour]) -> None:
    stated = set(experiment.coupling.flavours)
    for flavour in there:
        if flavour not in stated:
            raise InputError(
                "a source has a flavour that the coupling does not name",
                file=experiment.name, field="coupling.flavours",
                found=", ".join(experiment.coupling.flavours), expected=flavour,
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
