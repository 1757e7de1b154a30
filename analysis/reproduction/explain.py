"""Where every number of a row comes from."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from nuem.analysis.reproduction.audit import find, recompute
from nuem.analysis.reproduction.procedures import procedure
from nuem.analysis.reproduction.report import interval_text
from nuem.analysis.reproduction.rows import Row
from nuem.analysis.reproduction.task import Bench, Task
from nuem.inputs.catalogue import bin_edges
from nuem.inputs.literature import Group, PublishedRow, Variant
from nuem.inputs.observation import Masked
from nuem.inputs.quantities import (
    Curve,
    NeutrinoRange,
    NumberTable,
    Quantity,
    statuses,
)
from nuem.inputs.schema import Experiment, Signal
from nuem.inputs.sources import ReactorSource, SolarSource, Source
from nuem.inputs.vocabulary import Convention, Method
from nuem.models.conventions import convention_notes
from nuem.models.tables import table

__all__ = ["explain"]


def explain(name: str, *, fresh: bool = False) -> str:
    """Inputs, formula, convention and sources of one row, or of several.

    Parameters
    ----------
    name : str
        As in `nuem.analysis.reproduction.audit.find`.
    fresh : bool
        Throw toys anew.

    Returns
    -------
    str

    Raises
    ------
    InputError
        If there is no such row.

    Examples
    --------
    >>> text = explain("parada-2020-nuclei/conus/statistical")
    >>> "convention parada-2020" in text, "signals.0.convention" in text
    (True, True)
    """
    bench = Bench(fresh=fresh)
    return "\n\n".join(
        "\n".join(_lines(group, row, recompute(group, row, bench), bench))
        for group, row in find(name)
    )


def _lines(
    group: Group, published: PublishedRow, row: Row, bench: Bench
) -> Iterator[str]:
    yield f"{row.id}: {row.system}, {row.quantity} [{row.unit}]"
    yield f"  document    {row.citation} ({row.document})"
    yield f"  place       {row.place}"
    yield f"  published   {_all(row.published)}, {row.published_statistic}"
    if group.document.arxiv:
        yield f"  preprint    arXiv:{group.document.arxiv}"
    for name, variant, values in (
        ("as printed", published.as_printed, row.as_printed),
        ("physical", published.physical, row.physical),
    ):
        if variant is not None:
            yield f"  {name:<12}{_all(values)}"
            yield from _variant(published, variant, bench)
            yield from (
                f"    {step}: {_value(value)}"
                for step, value in row.steps.get(name, {}).items()
            )
    if row.statistic:
        yield f"  statistic   {row.statistic}"
    if row.verdict is not None:
        limit = f"agreement within {row.tolerance:.2g} of the published value"
        yield f"  verdict     {row.verdict} ({limit}, {row.inputs} inputs)"
    elif published.procedure is None:
        yield "  verdict     none: quoted by the document, not recomputed"
        yield f"  inputs      none of ours; source: {row.citation}, {row.place}"
    else:
        yield f"  verdict     none: the document has no number ({row.inputs} inputs)"
    if row.note:
        yield f"  why         {row.note}"
    for text in row.assumptions:
        yield f"  assumed     {text}"
    if published.procedure is not None:
        yield f"  procedure   {published.procedure}"
        formula = procedure(published.procedure).formula
        yield from (f"    {line}" for line in formula.splitlines())
    for name, number in published.numbers.items():
        yield (
            f"  number      {name} = {number.value:g} {number.unit}, {number.status}: "
            f"{number.source}"
        )
    task = Task(published, published.physical or Variant(), bench)
    for experiment in task.experiments:
        yield f"  experiment  {experiment.name} ({experiment.document.citation})"
        yield from _inputs(experiment)


def _variant(row: PublishedRow, variant: Variant, bench: Bench) -> Iterator[str]:
    task = Task(row, variant, bench)
    for key, value in task.changes.items():
        yield f"    {key} = {json.dumps(value)}"
    for key, word in {**row.words, **variant.words}.items():
        yield f"    {key}: {word}"
    for experiment in task.experiments:
        for signal in experiment.signals:
            yield (
                f"    {experiment.name}: {signal.process}, {_choices(signal)}, "
                f"convention {signal.convention}"
            )
            for note in convention_notes(Convention(signal.convention), signal.process):
                yield f"      {note}"


def _choices(signal: Signal) -> str:
    """How electrons or nuclei are treated, as far as it matters to the process."""
    if signal.process.on_nuclei:
        return f"couplings {signal.couplings}, form factor {signal.form_factor}"
    words = [f"method {signal.method}", f"sin^2 theta_W {signal.sin2_theta_w:g}"]
    if signal.method in (Method.EPA, Method.EPA_STEPPED):
        words.append(f"photoabsorption {signal.photoabsorption}")
    if signal.method not in (Method.FREE, Method.STEPPED):
        words.append(f"regulator {signal.regulator}")
    return ", ".join(words)


def _source(source: Source) -> str:
    if isinstance(source, ReactorSource):
        below = (
            "as tabulated"
            if source.scaling == "tabulated"
            else "scaled to the total yields"
        )
        return (
            f"{source.name} (reactor): {source.conversion} above 2 MeV, Vogel-Engel below "
            f"{below}, {_captures(source)}"
        )
    if isinstance(source, SolarSource):
        return f"{source.name}: {source.model}, {', '.join(source.branches)}"
    return f"{source.name}: pions and muons at rest"


def _captures(source: ReactorSource) -> str:
    if source.captures is None:
        number = float(table("reactor-spectra")["capture"]["captures_per_fission"])
    else:
        number = source.captures.canonical
    return f"{number:g} captures in 238U per fission"


def _inputs(experiment: Experiment) -> Iterator[str]:
    observable = experiment.observables[0]
    edges = bin_edges(observable)
    yield (
        f"    observables.{observable.name}.binning = {edges[0]:g} to {edges[-1]:g} "
        f"{observable.unit}, bins: {edges.size - 1}"
    )
    for source in experiment.sources:
        yield f"    sources.{_source(source)}"
    for field, number in statuses(experiment):
        if field.startswith("simulation."):
            continue  # of simulated events, which no row has
        if isinstance(number, Quantity):
            value = f"{number.value:g} {number.unit}"
        elif isinstance(number, Curve):
            value = number.expression or f"{len(number.points or ())} points"
        elif isinstance(number, Masked):
            value = f"{number.start:g} to {number.stop:g} {observable.unit}"
        elif isinstance(number, NeutrinoRange):
            end = "all above" if number.high is None else f"{number.high:g}"
            value = f"{number.low:g} to {end} {number.unit}"
        elif isinstance(number, NumberTable):
            value = ", ".join(f"{k} {v:g}" for k, v in number.values.items())
        else:
            value = str(getattr(number, "value", "table"))
        yield f"    {field} = {value} ({number.status}: {number.source})"


def _all(values: Any) -> str:
    return " and ".join(interval_text(v, 4) for v in values) or "none"


def _value(value: Any) -> str:
    return f"{value:.6g}" if isinstance(value, float) else str(value)
