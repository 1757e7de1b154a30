"""All stages in a row: from events, real or simulated, to limit, files and figures."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from nuem.analysis import figures
from nuem.analysis.blinding import visible_cut_flow
from nuem.analysis.exchange.provenance import guard_output, input_files
from nuem.analysis.exchange.workspace import (
    Workspace,
    observed_counts,
    write_workspace,
)
from nuem.analysis.exposure import Exposure, measured_exposures
from nuem.analysis.grid import Given, Grid, read_given
from nuem.analysis.inference.diagnostics import goodness_of_fit
from nuem.analysis.inference.fit import best_fit
from nuem.analysis.inference.likelihood import Likelihood
from nuem.analysis.inference.limits import Limit
from nuem.analysis.prediction import Prediction
from nuem.analysis.processes import with_process
from nuem.analysis.resuming import histogram_resuming
from nuem.analysis.simulate import guard_events, simulate, write_events
from nuem.analysis.stages import (
    event_plan,
    make_spectra_workspace,
    make_template,
    make_workspace,
    reading_configuration,
    set_limit,
    stage_provenance,
)
from nuem.inputs.catalogue import (
    bin_edges,
    load_experiment,
    segment_edges,
    used_bins,
)
from nuem.inputs.errors import InputError
from nuem.inputs.expressions import parse
from nuem.inputs.files import make_folder, write_json
from nuem.inputs.schema import Experiment

if TYPE_CHECKING:
    from nuem.analysis.events.cutflow import CutFlow
    from nuem.analysis.events.execute import Reading
    from nuem.analysis.events.store import Histograms

__all__ = ["DEFAULT_EXPERIMENT", "RunResult", "run"]

#: What ``nuem run`` analyses when nothing is named.
DEFAULT_EXPERIMENT = "texono-pcge"
_FREE_POI = (-1000.0, 1000.0)
#: What is not replaced by another configuration; the ROOT file is guarded on its own.
_GUARDED = (
    "histograms.json", "template.json", "workspace.meta.json", "fit.json", "limit.json",
)  # fmt: skip


@dataclass(frozen=True)
class RunResult:
    """What an analysis came to.

    Attributes
    ----------
    experiment : Experiment
    limit : Limit
    paths : dict of str to Path
        What was written: ``events`` (if simulated), ``histograms``, ``template``,
        ``workspace``, ``meta``, ``fit``, ``limit`` and the figures.
    channels : dict
        Channel -> ``counts`` in the histogram, ``exposure_kg_day`` and mean ``rate``,
        counts/(kg keV day); of photoelectrons no rate.
    cut_flow : str
        Table of the selection.
    band : dict or None
        Search events on, off and beyond the band of the calibration.
    """

    experiment: Experiment
    limit: Limit
    paths: dict[str, Path]
    channels: dict[str, dict[str, float]]
    cut_flow: str
    band: dict[str, Any] | None

    def to_dict(self) -> dict[str, Any]:
        """The JSON document of ``nuem run``: that of the limit, and the paths."""
        return {
            **self.limit.to_dict(),
            "published": [p.model_dump(mode="json") for p in self.experiment.published],
            "channels": self.channels,
            "band": self.band,
            "paths": {name: str(path) for name, path in self.paths.items()},
        }


def run(
    experiment: str | Path = DEFAULT_EXPERIMENT,
    files: Sequence[str | Path] = (),
    reading: Reading | None = None,
    *,
    output: str | Path | None = None,
    process: str | None = None,
    settings: Iterable[str] = (),
    calibration: Sequence[str | Path] = (),
    cl: float = 0.9,
    method: str | None = None,
    toys: int | None = None,
    conditional: bool = False,
    seed: int = 1,
    unblind: bool = False,
    strict: bool = False,
    force: bool = False,
    progress: Callable[[str], None] | None = None,
) -> RunResult:
    """Analyse events, or simulated ones, and write everything into a folder.

    Parameters
    ----------
    experiment : str or Path
        Name of a shipped experiment, or a YAML file.
    files : sequence of str or Path
        ROOT files; without any, events are simulated. UHI files (``.json``) beside
        them have the histograms that the experiment file refers to.
    reading : Reading, optional
        How they are read: where, with what run list, manifest and power.
    output : str or Path, optional
        Folder; ``results/NAME`` by default.
    process : str, optional
        Process in place of those of the experiment file.
    settings : iterable of str
        Changes ``dotted.key=value`` of the experiment file.
    calibration : sequence of str or Path
        Files with calibration events: the search events are drawn over their band.
    cl : float
        Confidence level.
    method, toys, conditional : optional
        How the limit is set, as in `set_limit`.
    seed : int
        Seed of the simulation.
    unblind : bool
        Look at the source-on data of an experiment that is blind.
    strict : bool
        NaN and negative energies are an error instead of a warning.
    force : bool
        Replace the output of another configuration.
    progress : callable, optional
        Told how far it is.

    Returns
    -------
    RunResult

    Raises
    ------
    InputError
        If call, configuration or input is wrong.
    InferenceError
        If the analysis has no answer.
    """
    from nuem.analysis.events.execute import Reading

    say = progress or (lambda _: None)
    reading = Reading() if reading is None else reading
    loaded = load_experiment(experiment, settings)
    if process is not None:
        loaded = with_process(loaded, process)
    folder = Path(output) if output is not None else Path("results") / loaded.name
    make_folder(folder)  # before anything is read, let alone calculated
    configuration = {
        "stage": "run", "cl": cl, "method": method, "toys": toys,
        "conditional": conditional, "simulated": not files,
        "seed": None if files else seed, "unblind": unblind, "strict": strict,
        "files": [str(file) for file in files],
        "calibration": [str(file) for file in calibration],
        **reading_configuration(reading),
    }  # fmt: skip
    made = stage_provenance(loaded, configuration)
    base = made["configuration"]
    for name in _GUARDED:
        guard_output(folder / name, base, force)
    _check_calibration(loaded, calibration)
    if loaded.spectrum is not None:
        if reading != Reading():
            raise InputError(
                "choices of how events are read, but these are spectra",
                file=loaded.name, field="observation", found=loaded.observation,
                expected="none of the options of reading events",
            )  # fmt: skip
        data = _from_spectra(loaded, files, folder, configuration, unblind, say)
    else:
        data = _from_events(
            loaded, files, reading, folder, configuration, made, say, seed=seed,
            unblind=unblind, strict=strict, force=force, progress=progress,
        )  # fmt: skip
    workspace, paths, exposures = data.workspace, data.paths, data.exposures
    paths["workspace"], paths["meta"] = write_workspace(
        folder / "workspace.json", workspace
    )
    limit = set_limit(
        Workspace(workspace.spec, workspace.meta, str(paths["workspace"])),
        cl=cl, method=method, toys=toys, conditional=conditional, configuration=base,
        progress=progress,
    )  # fmt: skip
    blind = bool((workspace.meta or {}).get("blind"))
    say("fit")
    links = (limit.definition or {}).get("links")
    fit = best_fit(
        workspace.spec, poi_bounds=_FREE_POI, links=links, name=str(paths["workspace"])
    )
    if not blind:  # what is expected fits by construction
        likelihood = Likelihood(workspace.spec, links=links)
        limit = replace(limit, gof=goodness_of_fit(likelihood).to_dict())
    paths["fit"] = write_json(
        folder / "fit.json", {**fit.to_dict(), "provenance": made}
    )
    say("figures")
    drawn = figures.draw(
        loaded, folder / "figures", simulated="events" in paths,
        observed=observed_counts(workspace),
        exposures=exposures, fit=fit, workspace=workspace,
        limit=limit, cut_flow={} if data.flow is None else data.flow.channels,
        histograms=data.histograms, blind=blind,
    )  # fmt: skip
    band = None
    if calibration and not blind:
        say("calibration band")
        band, more = _band(loaded, data.files, reading, calibration, folder / "figures")
        drawn += more
    for path in drawn:
        paths[f"figures/{path.name}"] = path
    # the limit last: where it is, the analysis is complete
    result = RunResult(
        loaded, limit, paths, _rates(loaded, workspace, exposures),
        "" if data.flow is None else data.flow.table(), band,
    )  # fmt: skip
    paths["limit"] = folder / "limit.json"
    write_json(paths["limit"], result.to_dict())
    return result


@dataclass(frozen=True)
class _Data:
    """What was measured, by one way or the other, beside the prediction."""

    workspace: Workspace
    exposures: Mapping[str, Exposure]
    paths: dict[str, Path]
    files: Sequence[str | Path]
    flow: CutFlow | None
    histograms: Histograms | None


def _from_events(
    experiment: Experiment,
    files: Sequence[str | Path],
    reading: Reading,
    folder: Path,
    configuration: Mapping[str, Any],
    made: Mapping[str, Any],
    say: Callable[[str], None],
    *,
    seed: int,
    unblind: bool,
    strict: bool,
    force: bool,
    progress: Callable[[str], None] | None,
) -> _Data:
    """Workspace of events, simulated ones if there are no files."""
    from nuem.analysis.events.store import save

    paths: dict[str, Path] = {}
    given, inputs = read_given(f for f in files if Path(f).suffix == ".json")
    files = [f for f in files if Path(f).suffix != ".json"]
    if not files and inputs:
        raise InputError(
            "no events, but histograms beside them", file=experiment.name,
            expected="ROOT files as well",
        )  # fmt: skip
    if not files:
        say("simulate")
        guard_events(folder / "events.root", made, force)
        events = simulate(experiment, seed=seed, progress=progress)
        paths["events"] = write_events(folder / "events.root", events, made)
        files = [paths["events"]]
    paths["histograms"] = folder / "histograms.json"
    kept = folder / "histograms.json.part"
    histograms = histogram_resuming(
        experiment, files, reading, kept, strict=strict, force=force,
        configuration=configuration, progress=progress,
    )  # fmt: skip
    save(histograms, paths["histograms"])
    kept.unlink(missing_ok=True)
    prediction = _predict(experiment, folder, configuration, paths, say, given, inputs)
    # what is simulated may always be looked at
    workspace = make_workspace(
        experiment, histograms, prediction, given=given, inputs=inputs,
        unblind=unblind or "events" in paths, configuration=configuration,
    )  # fmt: skip
    blind = bool((workspace.meta or {}).get("blind"))
    flow = visible_cut_flow(experiment, histograms) if blind else histograms.cut_flow
    exposures = measured_exposures(experiment, histograms)
    read = [record.path for record in histograms.files]
    return _Data(workspace, exposures, paths, read, flow, histograms)


def _from_spectra(
    experiment: Experiment,
    files: Sequence[str | Path],
    folder: Path,
    configuration: Mapping[str, Any],
    unblind: bool,
    say: Callable[[str], None],
) -> _Data:
    """Workspace of binned values."""
    from nuem.analysis.spectra import read_spectra

    if not files:
        raise InputError(
            "no files: binned values are not simulated", file=experiment.name,
            expected="the files of the spectra",
        )  # fmt: skip
    say("spectra")
    spectra = read_spectra(experiment, files)
    paths: dict[str, Path] = {}
    prediction = _predict(
        experiment, folder, configuration, paths, say, spectra.given, spectra.files
    )
    workspace = make_spectra_workspace(
        experiment, spectra, prediction, unblind=unblind, configuration=configuration
    )
    return _Data(workspace, spectra.exposures(experiment), paths, files, None, None)


def _predict(
    experiment: Experiment,
    folder: Path,
    configuration: Mapping[str, Any],
    paths: dict[str, Path],
    say: Callable[[str], None],
    given: Mapping[str, Given],
    inputs: Iterable[Mapping[str, str]],
) -> Prediction:
    say("template")
    prediction = make_template(
        experiment, given=given, inputs=inputs, configuration=configuration
    )
    paths["template"] = write_json(folder / "template.json", prediction.to_dict())
    say("workspace: fit of the backgrounds")
    return prediction


def _rates(
    experiment: Experiment, workspace: Workspace, exposures: Mapping[str, Exposure]
) -> dict[str, dict[str, float]]:
    """Counts, exposure and mean rate of the channels."""
    observable = experiment.observables[0]
    width = float(np.diff(bin_edges(observable))[used_bins(observable)].sum())
    used = Grid.of(experiment).used
    rates = {}
    for name, measured in observed_counts(workspace).items():
        offset, scale = (
            np.broadcast_to(values, used.size)[used]
            for values in (exposures[name].offset, exposures[name].scale)
        )
        counts = measured - offset
        total, exposure = float(counts.sum()), exposures[name].kg_day
        collected = float((counts / scale).sum())
        rates[name] = {"counts": total, "exposure_kg_day": exposure}
        if observable.unit != "PE":
            rates[name]["rate"] = collected / width
    return rates


def _band(
    experiment: Experiment,
    files: Sequence[str | Path],
    reading: Reading,
    calibration_files: Sequence[str | Path],
    folder: Path,
) -> tuple[dict[str, Any], list[Path]]:
    """Draw the search events over the band of the calibration, and count them."""
    from nuem.analysis.events.scatter import band_of, scatter

    calibration = experiment.calibration
    assert calibration is not None  # checked before anything was calculated
    chosen = event_plan(experiment)
    # what the band is the measure of does not shape it
    plan = replace(
        chosen, cuts=tuple(c for c in chosen.cuts if c.name != calibration.cut)
    )
    x, y = parse(calibration.x), parse(calibration.y)
    events = scatter(plan, calibration_files, x, y)
    search = scatter(plan, files, x, y, reading)
    band = band_of(events, segment_edges(calibration.x_binning), calibration.quantiles)
    counts: dict[str, Any] = dict(band.place(search))
    counts["quantiles"] = list(calibration.quantiles)
    counts["calibration_events"] = int(events.x.size)
    counts["inputs"] = input_files(calibration_files)
    if calibration.cut is not None:
        kept = scatter(chosen, calibration_files, x, y).counts
        counts["acceptance"] = {
            channel: {"accepted": kept[channel], "of": number}
            for channel, number in events.counts.items()
        }
    drawing = figures.Drawing(experiment, folder, simulated=False)
    return counts, drawing.band(search, band)


def _check_calibration(experiment: Experiment, files: Sequence[str | Path]) -> None:
    if files and experiment.calibration is None:
        raise InputError(
            "calibration files, but no band to draw", file=experiment.name,
            field="calibration", expected="a calibration block in the experiment file",
        )  # fmt: skip
