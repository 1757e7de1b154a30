"""Tables of a HEPData submission that come from the model: efficiency, response, templates."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nuem.analysis.exchange.hepdata import Column, Table, binned, column
from nuem.analysis.results_folder import NotThereError, Results
from nuem.inputs.schema import Experiment

__all__ = ["bin_columns", "efficiency", "response", "templates"]

_Array = NDArray[np.float64]
#: Systematic effects that change the efficiency, by the part that they change.
_EFFICIENCIES = {
    "efficiency": ("trigger", "cut"),
    "trigger-efficiency": ("trigger",),
    "cut-efficiency": ("cut",),
}


def _experiment(results: Results) -> Experiment:
    if results.experiment is None:
        raise NotThereError("the workspace does not hold its experiment file")
    return results.experiment


def efficiency(results: Results) -> Iterator[Table]:
    """Trigger and cut efficiency of each detector, and their covariance."""
    from nuem.inputs.catalogue import bin_edges, channels

    experiment = _experiment(results)
    edges = bin_edges(experiment.observables[0])
    energy = np.sqrt(edges[:-1] * edges[1:]) if edges[0] > 0 else edges[:-1]
    unit = experiment.observables[0].unit
    seen: set[str] = set()
    for channel in channels(experiment):
        label = channel.detector.name
        if label in seen:
            continue
        seen.add(label)
        values, errors = {}, {}
        shifts: dict[str, list[_Array]] = {"trigger": [], "cut": []}
        for part, curve in (
            ("trigger", channel.response.trigger_efficiency),
            ("cut", channel.response.cut_efficiency),
        ):
            base = np.broadcast_to(np.asarray(curve(energy), float), energy.shape)
            values[part] = base
            for systematic in experiment.systematics:
                parts = _EFFICIENCIES.get(systematic.effect, ())
                if part != (parts[-1] if parts else None):
                    continue
                shape = 1.0 if systematic.shape is None else systematic.shape(energy)
                shifts[part].append(systematic.size.canonical * shape * base)
            errors[part] = np.sqrt(np.sum([s**2 for s in shifts[part]], axis=0)) * np.ones(energy.size)  # fmt: skip
        dependent = [
            column(f"{part} efficiency", values[part], errors={"sys": errors[part]})
            for part in ("trigger", "cut")
        ]
        title = channel.detector.title
        yield Table(
            f"Efficiency, {label}"[:64],
            f"Efficiencies of {title} at the (geometric) middle of each bin: trigger, "
            "which acts on the energy before noise, and cuts, which act on the measured "
            "energy. Errors are correlated between bins; see the covariance.",
            [column("energy", energy, unit)], dependent, observables=["EFF"],
        )  # fmt: skip
        for part in ("trigger", "cut"):
            if not shifts[part]:
                continue
            matrix = np.sum([np.outer(s, s) for s in shifts[part]], axis=0)
            yield Table(
                f"Covariance of the {part} efficiency, {label}"[:64],
                f"Covariance between bins of the {part} efficiency of {title}.",
                _pairs("energy", energy, energy, unit),
                [column("covariance", matrix.ravel())],
            )


def _pairs(name: str, first: _Array, second: _Array, unit: str) -> list[Column]:
    return [
        column(f"{name} (first)", np.repeat(first, second.size), unit),
        column(f"{name} (second)", np.tile(second, first.size), unit),
    ]


def response(results: Results) -> Iterator[Table]:
    """Response matrix of each detector: fold, never unfold."""
    from nuem.analysis.channel_models import channel_response
    from nuem.inputs.catalogue import bin_edges, channels

    experiment = _experiment(results)
    edges = bin_edges(experiment.observables[0])
    seen: set[str] = set()
    for channel in channels(experiment):
        label = channel.detector.name
        if label in seen:
            continue
        seen.add(label)
        model = channel_response(channel)
        low, high = model.true_range(edges)
        low = max(low, 1e-3)
        cells = np.geomspace(low, high, 61)
        made = model.tabulate(edges, cells)
        rows, columns = np.nonzero(made.values > 0)
        yield Table(
            f"Response, {label}"[:64],
            f"Probability that a true recoil in a cell is seen in a bin of the measured "
            f"energy of {channel.detector.title}, efficiencies included; pairs that are "
            "not listed are 0.",
            [
                _ranges("measured energy", edges, rows, made.measured_unit),
                _ranges("true recoil energy", cells, columns, made.true_unit),
            ],
            [column("probability", made.values[rows, columns])],
        )


def _ranges(name: str, edges: _Array, which: NDArray[np.intp], unit: str) -> Column:
    pairs = zip(edges[which], edges[which + 1], strict=True)
    return Column(name, unit, [{"low": float(a), "high": float(b)} for a, b in pairs])


def bin_columns(edges: Sequence[_Array], channel: Mapping[str, Any]) -> list[Column]:
    """Columns of bins, one for each axis, the last axis fastest.

    Parameters
    ----------
    edges : sequence of ndarray
    channel : mapping
        Of the meta document: ``unit``, and ``axes`` where there are several.
    """
    if len(edges) == 1:
        return [binned("measured energy", edges[0].tolist(), channel.get("unit", ""))]
    places = np.indices([axis.size - 1 for axis in edges]).reshape(len(edges), -1)
    axes = channel.get("axes", {})
    named = [(name, axis.get("unit", "")) for name, axis in axes.items()]
    if len(named) != len(edges):
        named = [(f"axis {number}", "") for number in range(1, len(edges) + 1)]
    return [
        _ranges(name, axis, place, unit)
        for (name, unit), axis, place in zip(named, edges, places, strict=True)
    ]


def templates(results: Results) -> Iterator[Table]:
    """Templates c_k of the coupling: the signal is the sum of c_k g^k."""
    from nuem.analysis.modelling import by_power
    from nuem.analysis.prediction import Prediction

    if results.template is None:
        raise NotThereError("template.json is not there")
    unit = results.definition.get("unit", "")
    for channel, signals in Prediction.from_dict(results.template).signals.items():
        for signal in signals:
            made = []
            nominal = by_power(signal.nominal.coefficients, signal.process)
            for power, values in sorted(nominal.items()):
                units = f"/(kg day {unit}^{power})" if power else "/(kg day)"
                made.append(column(f"c_{power}", values.ravel(), units))
                for name, pair in signal.variations.items():
                    for side, varied in zip(("up", "down"), pair, strict=True):
                        made.append(
                            column(
                                f"c_{power}, {name} {side}",
                                by_power(varied.coefficients, signal.process)[power].ravel(),
                                units,
                            )
                        )  # fmt: skip
            yield Table(
                f"Template, {channel}, {signal.process}"[:64],
                "Expected counts for each kg and day as a polynomial of the coupling g: "
                f"c_0 + c_1 g + c_2 g^2 (those that are not listed are 0), "
                f"{signal.process}, method {signal.method or 'of nuclei'}; nominal, and "
                "at plus and minus one standard deviation of each nuisance parameter. "
                + "; ".join(signal.nominal.notes),
                bin_columns(signal.nominal.edges, results.channels.get(channel, {})),
                made,
                figure=results.figure("rates"),
            )  # fmt: skip
