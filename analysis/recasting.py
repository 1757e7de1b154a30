"""A document of ``nuem template`` as the signal of a published workspace."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from nuem.analysis.channel_models import nuisance_name
from nuem.analysis.exchange.provenance import digest
from nuem.analysis.exchange.recast import recast
from nuem.analysis.exchange.tabulated import Signal, read_signal
from nuem.analysis.exchange.workspace import Workspace
from nuem.analysis.modelling import by_power
from nuem.analysis.prediction import SCHEMA, Prediction
from nuem.inputs.catalogue import channels
from nuem.inputs.errors import InputError, naming_file
from nuem.inputs.files import read_json, sha256_file
from nuem.inputs.schema import Experiment
from nuem.inputs.vocabulary import COUPLING_SYMBOL, COUPLING_UNIT, Process

__all__ = ["recast_file"]


def recast_file(
    workspace: Workspace,
    template: str | Path,
    *,
    process: str | None = None,
    reference: float | None = None,
) -> Workspace:
    """Put the signal of a file into a workspace.

    Parameters
    ----------
    workspace : Workspace
    template : str or Path
        Document of ``nuem template``, which is multiplied by the exposures that the
        workspace states; or a table of counts (see `read_signal`).
    process : str, optional
        What a table of counts describes: a process of nuem, or a name of the user's.
    reference : float, optional
        Coupling at which a table of counts was calculated; that of the experiment file
        for a document of ``nuem template``.

    Returns
    -------
    Workspace

    Raises
    ------
    InputError
        If channels, bins or exposures are not there or do not fit.
    """
    path = Path(template)
    document = read_json(path) if path.suffix == ".json" else None
    if isinstance(document, dict) and document.get("schema") == SCHEMA:
        signal, definition = _of_prediction(
            Prediction.from_dict(document, path), workspace, path, reference
        )
        source = digest(document)
    else:
        if process is None or reference is None:
            raise InputError(
                "a table of counts does not say what it is", file=path,
                expected="--process and --reference",
            )  # fmt: skip
        signal = read_signal(path)
        definition = _stated(process, reference)
        source = sha256_file(path)
    with naming_file(path):
        return recast(workspace, signal, definition, source=source)


def _stated(process: str, reference: float) -> dict[str, Any]:
    if not reference > 0:
        raise InputError("--reference", found=reference, expected="above 0")
    definition: dict[str, Any] = {"processes": [process], "reference": reference}
    if process in set(Process):
        symbol = COUPLING_SYMBOL[Process(process)]
        if symbol is None:
            raise InputError("the process has no coupling", found=process)
        definition |= {"symbol": symbol, "unit": COUPLING_UNIT[symbol]}
    return definition


def _of_prediction(
    prediction: Prediction, workspace: Workspace, path: Path, reference: float | None
) -> tuple[Signal, dict[str, Any]]:
    file = prediction.provenance.get("configuration", {}).get("file")
    if file is None:
        raise InputError("template without its experiment file", file=path)
    experiment = Experiment.model_validate(file)
    coupling = experiment.coupling
    value = coupling.reference.value if reference is None else reference
    known = (workspace.meta or {}).get("channels") or {}
    signal = Signal({})
    for channel in channels(experiment):
        signal.factors[channel.name] = {
            nuisance_name(s, channel): s.size.canonical
            for s in experiment.systematics
            if s.effect == "flux"
        }
    notes: dict[str, Any] = {}
    for channel_name, signals in prediction.signals.items():
        if not signals:
            continue
        exposure = (known.get(channel_name) or {}).get("exposure_kg_day")
        if exposure is None:
            raise InputError(
                "the workspace does not state the exposure of a channel",
                file=workspace.name, field=f"channels.{channel_name}",
                expected="a meta document with it, or a table of counts",
            )  # fmt: skip
        for one in signals:
            notes = dict(one.nominal.metadata)
            signal.edges[channel_name] = one.nominal.edges[0]
            for power, rate in by_power(one.nominal.coefficients, one.process).items():
                scale = float(exposure) * value**power
                own = signal.counts.setdefault(channel_name, {})
                own[power] = own.get(power, 0.0) + scale * rate
                pairs = {
                    name: tuple(
                        by_power(t.coefficients, one.process)[power] * scale for t in pair
                    )
                    for name, pair in one.variations.items()
                }  # fmt: skip
                there = signal.variations.setdefault(channel_name, {}).setdefault(
                    power, {}
                )
                for name, (up, down) in pairs.items():
                    before = there.get(name, (0.0, 0.0))
                    there[name] = (before[0] + up, before[1] + down)
    return signal, {
        "processes": [str(s.process) for s in experiment.signals],
        "symbol": coupling.symbol,
        "reference": value,
        "unit": coupling.reference.unit,
        "flavours": [str(f) for f in coupling.flavours],
        "definition": coupling.definition,
        "sign": coupling.sign,
        "zero": coupling.zero,
        "methods": [None if s.method is None else str(s.method) for s in experiment.signals],
        "convention": notes.get("convention", "physical"),
        "regulator": notes.get("regulator", "none"),
    }  # fmt: skip
