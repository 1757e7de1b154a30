"""The stages of an analysis: events, template, workspace, limit; each a function."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nuem.analysis.blinding import BLIND_NOTE, blinded_counts, is_dark
from nuem.analysis.exchange.provenance import digest, provenance
from nuem.analysis.exchange.workspace import Workspace, definition_of
from nuem.analysis.exposure import measured_exposures
from nuem.analysis.grid import Given, Grid, describe_bins
from nuem.analysis.inference.limits import Limit, upper_limit
from nuem.analysis.modelling import (
    HISTOGRAM_FIELDS,
    build_workspace,
    check_made_from,
)
from nuem.analysis.prediction import Prediction, predict
from nuem.inputs.catalogue import bin_edges, channels
from nuem.inputs.errors import InputError
from nuem.inputs.expressions import parse
from nuem.inputs.files import sha256_file
from nuem.inputs.quantities import statuses
from nuem.inputs.schema import Experiment

if TYPE_CHECKING:
    from nuem.analysis.events.execute import Reading
    from nuem.analysis.events.plan import EventPlan, Variation
    from nuem.analysis.events.store import Histograms
    from nuem.analysis.spectra import Spectra
    from nuem.inputs.observation import EventLayout

__all__ = [
    "event_plan",
    "histogram_events",
    "limit_configuration",
    "make_spectra_workspace",
    "make_template",
    "make_workspace",
    "reading_configuration",
    "set_limit",
    "stage_provenance",
]

Progress = Callable[[str], None]
#: Seconds of reading of which nothing need be told.
_QUIET = 1.0


def event_plan(experiment: Experiment) -> EventPlan:
    """What to do with the events of an experiment.

    Raises
    ------
    InputError
        If it has none, but a published number in place of them.

    Examples
    --------
    >>> from nuem.inputs.catalogue import load_experiment
    >>> [c.name for c in event_plan(load_experiment("xenon1t-sr1")).channels]
    ['egg', 'u-volume', 'wall']
    """
    from nuem.analysis.events.identity import Identity
    from nuem.analysis.events.observable import Observable
    from nuem.analysis.events.plan import ChannelSpec, EventPlan, Friend
    from nuem.analysis.events.runs import Layout
    from nuem.analysis.events.selection import Cut, Derived

    layout = experiment.events
    if layout is None:
        raise InputError(
            "there are no events: a published number stands for them",
            file=experiment.name, field="observation", found=experiment.observation,
            expected="counts (nuem reproduce compares published numbers)",
        )  # fmt: skip
    specs = []
    for channel in channels(experiment):
        selects = [
            part.select
            for part in (channel.detector, channel.period, channel.region)
            if part.select is not None
        ]
        text = " and ".join(f"({select})" for select in selects)
        runs = channel.period.runs
        specs.append(
            ChannelSpec(
                name=channel.name,
                tree=channel.region.tree or layout.tree,
                select=parse(text) if selects else None,
                runs=None if runs is None else frozenset(runs),
            )
        )
    for name, sideband in layout.sidebands.items():
        if any(spec.name == name for spec in specs):
            raise InputError(
                "a sideband with the name of a channel", file=experiment.name,
                field="events.sidebands", found=name,
            )  # fmt: skip
        specs.append(
            ChannelSpec(
                name=name,
                tree=sideband.tree,
                select=None if sideband.select is None else parse(sideband.select),
            )
        )
    names: dict[str, Any] = {"runs": None, "run": layout.run}
    if layout.runs is not None:
        if layout.runs.run != layout.run:
            raise InputError(
                "events and runs name the run number differently",
                file=experiment.name, field="events.runs.run",
                found=layout.runs.run, expected=layout.run,
            )  # fmt: skip
        names |= {
            "runs": layout.runs.tree,
            "live_time": parse(layout.runs.live_time),
            "start": layout.runs.start,
            "parallel": layout.runs.parallel,
            "real_time": None
            if layout.runs.real_time is None
            else parse(layout.runs.real_time),
        }
    identity = layout.identity
    return EventPlan(
        channels=tuple(specs),
        observables=tuple(
            Observable(
                o.name, parse(o.expression), tuple(map(float, bin_edges(o))), o.unit
            )
            for o in experiment.observables
        ),
        derived=tuple(Derived(name, parse(t)) for name, t in layout.derived.items()),
        cuts=tuple(Cut(cut.name, parse(cut.expression)) for cut in layout.cuts),
        layout=Layout(**names),
        variations=_variations(experiment, layout),
        weight=None if layout.weight is None else parse(layout.weight),
        friends=tuple(Friend(f.name, f.tree, f.file) for f in layout.friends),
        identity=None
        if identity is None
        else Identity(tuple(identity.columns), identity.key, identity.half),
        power=None if layout.power is None else layout.power.column,
    )


def _variations(experiment: Experiment, layout: EventLayout) -> tuple[Variation, ...]:
    from nuem.analysis.events.plan import Variation
    from nuem.analysis.events.selection import Cut, Derived

    return tuple(
        Variation(
            variation.name,
            frozenset(
                c.name
                for c in channels(experiment)
                if c.detector.name in (variation.detectors or [c.detector.name])
                and c.period.name in (variation.periods or [c.period.name])
                and c.region.name in (variation.regions or [c.region.name])
            ),
            tuple(Derived(k, parse(text)) for k, text in variation.quantities.items()),
            tuple(Cut(k, parse(text)) for k, text in variation.cuts.items()),
        )
        for variation in layout.variations
    )


def histogram_events(
    experiment: Experiment,
    files: Sequence[str | Path],
    reading: Reading | None = None,
    *,
    strict: bool = False,
    configuration: Mapping[str, Any] | None = None,
    progress: Progress | None = None,
    done: Histograms | None = None,
    checkpoint: Callable[[Histograms], None] | None = None,
) -> Histograms:
    """Read events, cut and histogram them.

    Parameters
    ----------
    experiment : Experiment
        Says how the files are laid out, and what is cut and binned.
    files : sequence of str or Path
        ROOT files.
    reading : Reading, optional
        How they are read: where, with what run list, manifest and shard.
    strict : bool
        NaN and negative energies are an error instead of a warning.
    configuration : mapping, optional
        Goes into the provenance.
    progress : callable, optional
        Told how far it is.
    done, checkpoint : optional
        What an interrupted call left, and what is called with it.

    Returns
    -------
    Histograms

    Raises
    ------
    InputError
        If a file, tree or branch is missing or damaged.
    InferenceError
        If no event is selected, or there is no live time.
    """
    from nuem.analysis.events.execute import histogram

    say = progress or (lambda _: None)
    begun = time.monotonic()

    def tell(events: int, part: float) -> None:
        elapsed = time.monotonic() - begun
        if elapsed > _QUIET and part:
            left = elapsed * (1 / part - 1)
            say(f"events: {events}, {part:.0%}, {left:.0f} s left")

    return histogram(
        event_plan(experiment), files, reading, strict=strict, progress=tell,
        provenance=stage_provenance(experiment, configuration or {}),
        done=done, checkpoint=checkpoint,
    )  # fmt: skip


def reading_configuration(reading: Reading) -> dict[str, Any]:
    """What of the reading a result depends on, for its provenance.

    The place of the work is not in it: results are the same to the last bit.
    """
    listed, power, manifest = reading.run_list, reading.power, reading.manifest
    return {
        "skip_bad": reading.skip_bad,
        "sha256": reading.digest,
        "run_list": None if listed is None else listed.sha256,
        "power": None if power is None else power.sha256,
        "manifest": None if manifest is None else digest(manifest.to_dict()),
        **({} if reading.shard is None else {"shard": list(reading.shard)}),
    }


def make_template(
    experiment: Experiment,
    *,
    given: Mapping[str, Given] | None = None,
    inputs: Iterable[Mapping[str, Any]] = (),
    configuration: Mapping[str, Any] | None = None,
) -> Prediction:
    """Predict the signal in all channels, with provenance.

    Parameters
    ----------
    experiment : Experiment
    given : mapping, optional
        Histograms that the experiment file refers to; see `read_given`.
    inputs : iterable of mapping
        Name and sha256 of their files.
    configuration : mapping, optional
        Goes into the provenance.

    Raises
    ------
    ModelError, InferenceError
        If a model is asked outside its range, or the floor takes too much.
    """
    return predict(
        experiment, given=given,
        provenance=stage_provenance(experiment, configuration or {}, inputs),
    )  # fmt: skip


def make_workspace(
    experiment: Experiment,
    histograms: Histograms,
    prediction: Prediction,
    *,
    given: Mapping[str, Given] | None = None,
    inputs: Iterable[Mapping[str, Any]] = (),
    unblind: bool = False,
    configuration: Mapping[str, Any] | None = None,
) -> Workspace:
    """Put histograms and template together to a pyhf workspace.

    Parameters
    ----------
    experiment : Experiment
    histograms : Histograms
    prediction : Prediction
        Template of the signal.
    given, inputs : optional
        As for `make_template`. Histograms of sidebands are among those given, with no
        need to say so.
    unblind : bool
        Take the source-on counts of a blind experiment as they are.
    configuration : mapping, optional
        Goes into the provenance.

    Returns
    -------
    Workspace

    Raises
    ------
    InputError
        If they do not belong together.
    InferenceError
        If the backgrounds cannot be fitted.
    """
    check_made_from(experiment, histograms.provenance, HISTOGRAM_FIELDS, "histograms")
    if histograms.weighted:
        raise InputError(
            "weighted events are no counts that a likelihood could be made of",
            file=experiment.name, field="events.weight", expected="no weight",
        )  # fmt: skip
    layout = experiment.events
    assert layout is not None  # there would be no histograms without
    found = {
        name: Given.of(h, f"histograms: {name}") for name, h in histograms.hists.items()
    }
    grid = Grid.of(experiment)
    for name, histogram in found.items():
        if not grid.fits(histogram):
            raise InputError(
                "bins do not fit the experiment", field=f"histograms.{name}",
                found=describe_bins(histogram.edges),
                expected=describe_bins(dict(zip(grid.names, grid.edges, strict=True))),
            )  # fmt: skip
    sidebands = {name: found.pop(name) for name in layout.sidebands}
    for name in sidebands:
        if name in (given or {}):
            raise InputError("a histogram with the name of a sideband", found=name)
    read = [{"file": r.path, "sha256": r.sha256} for r in histograms.files]
    known = {**(given or {}), **sidebands}
    blind = experiment.blind and not unblind
    exposures = measured_exposures(experiment, histograms)
    counts = {name: h.values.ravel() for name, h in found.items()}
    if blind:
        counts = blinded_counts(experiment, counts, exposures, prediction, given=known)
    workspace = build_workspace(
        experiment, counts, exposures, prediction, given=known,
        provenance=stage_provenance(
            experiment, configuration or {}, [*read, *inputs]
        ),
    )  # fmt: skip
    assert workspace.meta is not None
    workspace.meta["cut_flow"] = histograms.cut_flow.to_dict()
    workspace.meta["warnings"] = [
        *histograms.warnings, *([BLIND_NOTE] if blind else [])
    ]  # fmt: skip
    workspace.meta["skipped"] = [asdict(file) for file in histograms.skipped]
    workspace.meta["blind"] = blind
    if experiment.blind and unblind:
        # what the analysis was frozen as when the box was opened
        workspace.meta["unblinded"] = digest(experiment.model_dump(mode="json"))
    return workspace


def make_spectra_workspace(
    experiment: Experiment,
    spectra: Spectra,
    prediction: Prediction,
    *,
    unblind: bool = False,
    configuration: Mapping[str, Any] | None = None,
) -> Workspace:
    """Put binned values and template together to a pyhf workspace.

    Parameters
    ----------
    experiment : Experiment
    spectra : Spectra
        Counts, or values with errors, scaled counts or Gaussian.
    prediction : Prediction
        Template of the signal.
    unblind : bool
        Take the source-on counts of a blind experiment as they are; needed for values
        with errors, whose weights in the likelihood would show them.
    configuration : mapping, optional
        Goes into the provenance.

    Returns
    -------
    Workspace
        Its meta document holds values, errors, and counts for each unit of them; not
        those that are blind.

    Raises
    ------
    InputError
        If they do not belong together, or values with errors are to be blind.
    InferenceError
        If the backgrounds cannot be fitted.
    """
    blind = experiment.blind and not unblind
    if blind and experiment.observation != "counts":
        raise InputError(
            "values with errors cannot be blind: their weights show them",
            file=experiment.name, field="blind", found=experiment.observation,
            expected="--unblind, once the analysis is frozen",
        )  # fmt: skip
    counts, exposures = spectra.counts, spectra.exposures(experiment)
    shown = spectra.to_dict()
    if blind:
        counts = blinded_counts(
            experiment, counts, exposures, prediction, given=spectra.given
        )
        hidden = [c.name for c in channels(experiment) if not is_dark(experiment, c)]
        shown = {name: s for name, s in shown.items() if name not in hidden}
    workspace = build_workspace(
        experiment, counts, exposures, prediction, given=spectra.given,
        provenance=stage_provenance(experiment, configuration or {}, spectra.files),
    )  # fmt: skip
    assert workspace.meta is not None
    workspace.meta["observation"] = experiment.observation
    workspace.meta["spectra"] = shown
    workspace.meta["warnings"] = [
        *spectra.warnings, *([BLIND_NOTE] if blind else [])
    ]  # fmt: skip
    workspace.meta["blind"] = blind
    if experiment.blind and unblind:
        workspace.meta["unblinded"] = digest(experiment.model_dump(mode="json"))
    return workspace


def set_limit(
    workspace: Workspace,
    *,
    cl: float = 0.9,
    method: str | None = None,
    engine: str = "nuem",
    toys: int | None = None,
    seed: int = 1,
    conditional: bool = False,
    measurement: str | None = None,
    configuration: Mapping[str, Any] | None = None,
    progress: Progress | None = None,
    **keep: Any,
) -> Limit:
    """Set the limit of a workspace, with the meaning its meta document gives.

    Parameters
    ----------
    workspace : Workspace
    cl : float
        Confidence level.
    method, engine : str, optional
        How the limit is set, and by what; see `upper_limit`.
    toys, seed : int, optional
        Number of toys at each value, and their seed.
    conditional : bool
        Toys have the auxiliary data that were observed.
    measurement : str, optional
        Name of the measurement; needed where there are several.
    configuration : mapping, optional
        What the limit was asked for with, if it is a part of something larger.
    progress : callable, optional
        Told how far it is.
    **keep
        ``belt`` and ``keep`` of `upper_limit`.

    Returns
    -------
    Limit

    Raises
    ------
    InputError
        If the workspace or the level is wrong.
    InferenceError
        If there is no limit within the bounds.
    """
    meta = workspace.meta or {}
    say = progress or (lambda _: None)
    # a workspace from elsewhere may have nothing to say of itself
    before: dict[str, Any] = meta.get("provenance") or {}
    stated = definition_of(workspace, measurement) or {}
    made_by = provenance(
        configuration
        or limit_configuration(
            workspace,
            cl,
            measurement,
            method=method,
            engine=engine,
            toys=toys,
            seed=seed,
            conditional=conditional,
        ),
        [
            {"file": workspace.name, "sha256": _sha256(workspace)},
            *before.get("inputs", []),
        ],
    )
    made_by |= {
        "numbers": before.get("numbers", {}),
        "convention": stated.get("convention"),
        "regulator": stated.get("regulator"),
        "seed": made_by["configuration"].get("seed"),
        "workspace": before,
    }
    return upper_limit(
        workspace.spec, cl=cl, measurement=measurement, method=method, engine=engine,
        toys=toys, seed=seed, conditional=conditional, **keep,
        definition=definition_of(workspace, measurement),
        provenance=made_by, name=workspace.name,
        warnings=[*meta.get("warnings", []), *meta.get("notes", [])],
        progress=lambda text: say(f"limit: {text}"),
    )  # fmt: skip


def _sha256(workspace: Workspace) -> str:
    """Of the file; of the document where it did not come from one."""
    path = Path(workspace.name)
    return sha256_file(path) if path.is_file() else digest(workspace.spec)


def stage_provenance(
    experiment: Experiment,
    configuration: Mapping[str, Any],
    inputs: Iterable[Mapping[str, Any]] = (),
) -> dict[str, Any]:
    """Provenance of a result of one experiment, with the status of its numbers."""
    count: dict[str, int] = {}
    for _, number in statuses(experiment):
        count[number.status] = count.get(number.status, 0) + 1
    document = provenance(
        {
            "experiment": experiment.name,
            "file": experiment.model_dump(mode="json"),
            **configuration,
        },
        inputs,
    )
    return {**document, "numbers": dict(sorted(count.items()))}


def limit_configuration(
    workspace: Workspace,
    cl: float,
    measurement: str | None,
    *,
    method: str | None = None,
    engine: str = "nuem",
    toys: int | None = None,
    seed: int = 1,
    conditional: bool = False,
) -> dict[str, Any]:
    """What a limit depends on."""
    return {
        "stage": "limit",
        "workspace_sha256": digest(workspace.spec),
        "cl": cl,
        "measurement": measurement,
        "method": method,
        "engine": engine,
        "toys": toys,
        "seed": seed,
        "conditional": conditional,
    }
