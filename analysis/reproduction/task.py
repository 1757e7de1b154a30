"""What a procedure is given: experiments, numbers, and templates that are kept."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from nuem.analysis.channel_models import channel_flux, channel_response, signal_options
from nuem.analysis.reproduction.rows import Interval
from nuem.inputs.catalogue import Channel, bin_edges, channels, load_experiment
from nuem.inputs.errors import InputError
from nuem.inputs.literature import Number, PublishedRow, Variant
from nuem.inputs.schema import Experiment

if TYPE_CHECKING:
    from nuem.models.flux.spectrum import Flux
    from nuem.models.template import Template

__all__ = ["Bench", "Outcome", "Task", "channels_with_source", "experiment_of"]


@dataclass(frozen=True)
class Outcome:
    """What a procedure found.

    Attributes
    ----------
    values : tuple of (float or None, float or None)
        Intervals, in the unit of the row.
    statistic : str
        How they were set.
    steps : dict
        Numbers on the way.
    """

    values: tuple[Interval, ...]
    statistic: str
    steps: Mapping[str, Any] = field(default_factory=dict)


@dataclass
class Bench:
    """Templates that were calculated in one call, so that rows share them.

    Attributes
    ----------
    fresh : bool
        Throw toys anew instead of taking the cached ones.
    progress : callable
        Told what is being done.
    belts : dict
        Belts that were made anew, as the cache holds them.
    """

    fresh: bool = False
    progress: Callable[[str], None] = lambda _: None
    _templates: dict[str, Template] = field(default_factory=dict, repr=False)
    _experiments: dict[str, Experiment] = field(default_factory=dict, repr=False)
    belts: dict[str, dict[str, Any]] = field(default_factory=dict, repr=False)

    def experiment(self, name: str, changes: Mapping[str, Any]) -> Experiment:
        """A shipped experiment with changes by dotted key."""
        key = json.dumps([name, changes], sort_keys=True)
        if key not in self._experiments:
            self._experiments[key] = experiment_of(name, changes)
        return self._experiments[key]

    def template(
        self,
        experiment: Experiment,
        channel: Channel,
        *,
        by_flavour: bool = False,
        flux: Flux | None = None,
        name: str = "",
    ) -> Template:
        """The template of the first signal in a channel.

        Parameters
        ----------
        experiment : Experiment
        channel : Channel
        by_flavour : bool
            A coupling for each flavour.
        flux : Flux, optional
            In place of that of the experiment file; `name` tells fluxes apart.
        name : str
        """
        from nuem.models.template import template

        signal = experiment.signals[0]
        edges = bin_edges(experiment.observables[0])
        key = repr(
            (signal, channel.detector.target, channel.response, channel.period.name,
             experiment.sources, edges.tolist(), by_flavour, name)
        )  # fmt: skip
        if key not in self._templates:
            source = flux or channel_flux(experiment, channel)
            if source is None:
                raise InputError(
                    "no source shines", file=experiment.name,
                    field=f"channels.{channel.name}",
                )  # fmt: skip
            self._templates[key] = template(
                signal.process, channel.detector.target, source,
                channel_response(channel), edges, method=signal.method,
                by_flavour=by_flavour, diagnose=False, **signal_options(signal),
            )  # fmt: skip
        return self._templates[key]


def experiment_of(name: str, changes: Mapping[str, Any]) -> Experiment:
    """An experiment file with values in place of some of its own.

    Examples
    --------
    >>> experiment_of("connie", {"detectors.ccd.mass.value": 2}).detectors[0].mass.value
    2.0
    """
    return load_experiment(name, [f"{k}={json.dumps(v)}" for k, v in changes.items()])


@dataclass(frozen=True)
class Task:
    """One way to calculate one row.

    Attributes
    ----------
    row : PublishedRow
    variant : Variant
        As printed, or physical.
    bench : Bench
    """

    row: PublishedRow
    variant: Variant
    bench: Bench

    @property
    def changes(self) -> dict[str, Any]:
        """Values in place of those of the experiment files."""
        return {**self.row.changes, **self.variant.changes}

    def word(self, name: str, default: str) -> str:
        """A choice of the procedure."""
        return self.variant.words.get(name, self.row.words.get(name, default))

    def number(self, name: str) -> Number | None:
        """A number of the row, None if it is not given."""
        return self.row.numbers.get(name)

    def need(self, name: str) -> float:
        """The value of a number that the procedure cannot do without.

        Raises
        ------
        InputError
            If the row does not give it.
        """
        number = self.number(name)
        if number is None:
            raise InputError(
                "the procedure needs a number",
                file=self.row.id,
                field=f"numbers.{name}",
            )
        return number.value

    @property
    def experiments(self) -> tuple[Experiment, ...]:
        """The experiments of the row, with its changes; ``NAME:key`` is for one."""
        return tuple(
            self.bench.experiment(name, self._changes_of(name))
            for name in self.row.experiments
        )

    def _changes_of(self, name: str) -> dict[str, Any]:
        found = {}
        for key, value in self.changes.items():
            first, colon, rest = key.partition(":")
            if not colon:
                found[key] = value
            elif first == name:
                found[rest] = value
        return found

    @property
    def experiment(self) -> Experiment:
        """The only experiment of the row.

        Raises
        ------
        InputError
            If there are several or none.
        """
        found = self.experiments
        if len(found) != 1:
            raise InputError(
                "the procedure takes one experiment", file=self.row.id,
                field="experiments", found=len(found),
            )  # fmt: skip
        return found[0]


def channels_with_source(experiment: Experiment) -> list[Channel]:
    """Channels in which a source shines."""
    return [
        channel
        for channel in channels(experiment)
        if any(s.weights.values[channel.period.name] for s in experiment.sources)
    ]
