"""All stages in a row: from events, real or simulated, to limit, files and figures."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nuem.analysis import figures
from nuem.analysis.exchange.provenance import guard_output
from nuem.analysis.exchange.workspace import (
    Workspace,
    observed_counts,
    write_workspace,
)
from nuem.analysis.exposure import measured_exposures
from nuem.analysis.inference.fit import best_fit
from nuem.analysis.inference.limits import Limit
from nuem.analysis.prediction import with_process
from nuem.analysis.simulate import simulate, write_events
from nuem.analysis.stages import (
    histogram_events,
    make_template,
    make_workspace,
    set_limit,
    stage_provenance,
)
from nuem.inputs.catalogue import load_experiment
from nuem.inputs.errors import InputError
from nuem.inputs.files import write_json
from nuem.inputs.schema import Experiment

__all__ = ["DEFAULT_EXPERIMENT", "RunResult", "run"]

#: What ``nuem run`` analyses when nothing is named.
DEFAULT_EXPERIMENT = "texono-pcge"
_FREE_POI = (-1000.0, 1000.0)


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
    cut_flow : str
        Table of the selection.
    band : dict or None
        Search events on, off and beyond the band of the calibration.
    """

    experiment: Experiment
    limit: Limit
    paths: dict[str, Path]
    cut_flow: str
    band: dict[str, Any] | None

    def to_dict(self) -> dict[str, Any]:
        """The JSON document of ``nuem run``: that of the limit, and the paths."""
        return {
            **self.limit.to_dict(),
            "published": [p.model_dump(mode="json") for p in self.experiment.published],
            "band": self.band,
            "paths": {name: str(path) for name, path in self.paths.items()},
        }


def run(
    experiment: str | Path = DEFAULT_EXPERIMENT,
    files: Sequence[str | Path] = (),
    *,
    output: str | Path | None = None,
    process: str | None = None,
    settings: Iterable[str] = (),
    calibration: Sequence[str | Path] = (),
    cl: float = 0.9,
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
        ROOT files; without any, events are simulated.
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
    say = progress or (lambda _: None)
    loaded = load_experiment(experiment, settings)
    if process is not None:
        loaded = with_process(loaded, process)
    folder = Path(output) if output is not None else Path("results") / loaded.name
    if folder.exists() and not folder.is_dir():
        raise InputError("output cannot be written (not a folder)", file=folder)
    configuration = {
        "stage": "run", "cl": cl, "simulated": not files,
        "seed": None if files else seed, "unblind": unblind,
    }  # fmt: skip
    base = stage_provenance(loaded, configuration)["configuration"]
    guard_output(folder / "limit.json", base, force)
    _check_calibration(loaded, calibration)
    paths: dict[str, Path] = {}
    if not files:
        say("simulate")
        events = simulate(loaded, seed=seed, progress=progress)
        paths["events"] = write_events(
            folder / "events.root", events, stage_provenance(loaded, configuration)
        )
        files = [paths["events"]]
    histograms = histogram_events(
        loaded, files, strict=strict, configuration=configuration, progress=progress
    )
    from nuem.analysis.events.store import save

    paths["histograms"] = folder / "histograms.json"
    save(histograms, paths["histograms"])
    say("template")
    prediction = make_template(loaded, configuration=configuration)
    paths["template"] = write_json(folder / "template.json", prediction.to_dict())
    say("workspace: fit of the backgrounds")
    # what is simulated may always be looked at
    workspace = make_workspace(
        loaded, histograms, prediction, unblind=unblind or "events" in paths,
        configuration=configuration,
    )  # fmt: skip
    paths["workspace"], paths["meta"] = write_workspace(
        folder / "workspace.json", workspace
    )
    limit = set_limit(
        Workspace(workspace.spec, workspace.meta, str(paths["workspace"])),
        cl=cl, progress=progress,
    )  # fmt: skip
    say("fit")
    links = (limit.definition or {}).get("links")
    fit = best_fit(
        workspace.spec, poi_bounds=_FREE_POI, links=links, name=str(paths["workspace"])
    )
    paths["fit"] = write_json(folder / "fit.json", fit.to_dict())
    say("figures")
    drawn = figures.draw(
        loaded, folder / "figures", simulated="events" in paths,
        observed=observed_counts(workspace),
        exposures=measured_exposures(loaded, histograms), fit=fit, workspace=workspace,
        limit=limit, cut_flow=histograms.cut_flow.channels,
    )  # fmt: skip
    band = None
    if calibration:
        from nuem.analysis.events.scatter import compare_with_band

        say("calibration band")
        band, more = compare_with_band(loaded, files, calibration, folder / "figures")
        drawn += more
    for path in drawn:
        paths[f"figures/{path.name}"] = path
    # the limit last: where it is, the analysis is complete
    result = RunResult(loaded, limit, paths, histograms.cut_flow.table(), band)
    paths["limit"] = folder / "limit.json"
    write_json(paths["limit"], result.to_dict())
    return result


def _check_calibration(experiment: Experiment, files: Sequence[str | Path]) -> None:
    if files and experiment.calibration is None:
        raise InputError(
            "calibration files, but no band to draw", file=experiment.name,
            field="calibration", expected="a calibration block in the experiment file",
        )  # fmt: skip
