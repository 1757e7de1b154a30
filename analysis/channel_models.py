"""What the models need to know of a channel: its flux, response and choices."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from nuem.inputs import quenching as schema
from nuem.inputs.catalogue import Channel, bin_edges, channels
from nuem.inputs.errors import InputError
from nuem.inputs.quenching import LindhardQuenching, PolynomialQuenching
from nuem.inputs.schema import Experiment, Signal, Systematic
from nuem.inputs.sources import ReactorSource, SolarSource
from nuem.inputs.vocabulary import Flavour, Regulator

if TYPE_CHECKING:
    from nuem.inputs.quantities import Curve, NeutrinoRange, Quantity
    from nuem.inputs.sources import Source
    from nuem.models.detector import Response
    from nuem.models.flux.spectrum import Flux
    from nuem.models.options import OptionWords
    from nuem.models.photoelectrons import PhotoelectronResponse
    from nuem.models.quenching import Quenching
    from nuem.models.response_matrix import ResponseMatrix

    #: A response in energy, or in photoelectrons.
    AnyResponse = Response | PhotoelectronResponse

__all__ = [
    "channel_flux",
    "channel_response",
    "fission_yield",
    "nuisance_name",
    "quenching_model",
    "response_matrices",
    "signal_options",
    "with_cut_efficiency",
]


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


def fission_yield(experiment: Experiment) -> float:
    """Antineutrinos of one fission in the core of an experiment, captures included.

    Raises
    ------
    InputError
        If its only source is no reactor.

    Examples
    --------
    >>> from nuem.inputs.catalogue import load_experiment
    >>> round(fission_yield(load_experiment("texono-pcge")), 2)
    7.24
    """
    from nuem.models.flux import per_fission

    source = experiment.sources[0]
    if len(experiment.sources) > 1 or not isinstance(source, ReactorSource):
        raise InputError(
            "not one reactor", file=experiment.name, field="sources",
            found=", ".join(s.kind for s in experiment.sources),
        )  # fmt: skip
    return per_fission(
        source.fission_fractions.values, scaling=source.scaling,
        conversion=source.conversion, captures=_number(source.captures),
        non_equilibrium=float(source.non_equilibrium),
    ).integrate()  # fmt: skip


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
            scaling=source.scaling,
            conversion=source.conversion,
            captures=_number(source.captures),
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


def _check_flavours(experiment: Experiment, there: Iterable[Flavour]) -> None:
    stated = {*experiment.coupling.flavours, *experiment.coupling.neutral}
    for flavour in there:
        if flavour not in stated:
            raise InputError(
                "a source has a flavour that the coupling does not name",
                file=experiment.name, field="coupling.flavours",
                found=", ".join(experiment.coupling.flavours),
                expected=f"{flavour}, there or among coupling.neutral",
            )  # fmt: skip


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
        # a signal without one has no logarithm to cut off
        "regulator": signal.regulator or Regulator.NEUTRINO_MASS,
        "density_g_cm3": signal.density_g_cm3,
        "atomic_shift": signal.atomic_shift,
        "beyond_validity": signal.beyond_validity,
    }


def quenching_model(
    channel: Channel, asked: schema.Quenching | None
) -> Quenching | None:
    """A quenching of the experiment file as the models take it."""
    from nuem.models.quenching import Lindhard, Polynomial, Tabulated

    if asked is None:
        return None
    if isinstance(asked, LindhardQuenching):
        floor = 0.0 if asked.floor is None else asked.floor.canonical
        return Lindhard.of(channel.detector.target, asked.k.canonical, floor)
    if isinstance(asked, PolynomialQuenching):
        return Polynomial(tuple(asked.coefficients), asked.range_kevnr)
    recoils, factors = zip(*asked.points, strict=True)
    return Tabulated(recoils, factors)


def channel_response(channel: Channel) -> AnyResponse:
    """The response of a channel as the models take it."""
    from nuem.models.detector import Response
    from nuem.models.photoelectrons import PhotoelectronResponse

    response = channel.response
    quenching = quenching_model(channel, response.quenching)
    if response.photoelectrons is not None:
        return PhotoelectronResponse(
            quenching,
            response.photoelectrons.light_yield.canonical,
            response.photoelectrons.shape.canonical,
            efficiency=response.cut_efficiency,
            floor_kev=response.floor.canonical,
            trigger_efficiency=response.trigger_efficiency,
        )
    return Response(
        resolution=response.resolution,
        floor_kev=response.floor.canonical,
        kernel_sigma=response.kernel_width,
        trigger_efficiency=response.trigger_efficiency,
        cut_efficiency=response.cut_efficiency,
        breakpoints_kev=tuple(x for x, _ in response.trigger_efficiency.points or ()),
        cut_breakpoints_kev=tuple(x for x, _ in response.cut_efficiency.points or ()),
        quenching=quenching,
    )


def with_cut_efficiency(response: AnyResponse, curve: Curve | None) -> AnyResponse:
    """A response with another efficiency of the cuts, None for 1."""
    from nuem.models.detector import Response

    if isinstance(response, Response):
        return replace(
            response, cut_efficiency=curve,
            cut_breakpoints_kev=()
            if curve is None
            else tuple(x for x, _ in curve.points or ()),
        )  # fmt: skip
    return replace(response, efficiency=curve)


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
