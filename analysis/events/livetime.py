"""Which runs belong to a channel: their sum is its live time."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np
import numpy.typing as npt

from nuem.analysis.events.plan import ChannelSpec, EventPlan
from nuem.analysis.events.runs import Runs
from nuem.analysis.events.selection import Chunk, branches_of
from nuem.inputs.errors import InputError
from nuem.inputs.grammar import shorten

__all__ = ["check_cuts", "runs_of"]


def runs_of(plan: EventPlan, channel: ChannelSpec, runs: Runs) -> npt.NDArray[np.bool_]:
    """Return which runs of one file belong to a channel.

    The parts of `channel.select` joined by ``and`` are taken one by one: a part
    of columns of the runs (``reactor_on``) selects runs, a part of quantities of
    the events (``detector == 2``) does not. A number derived from branches of the
    events is one of these, whatever calibrates it: ``gain*adc < 1.2``.

    Parameters
    ----------
    plan : EventPlan
        For the derived quantities.
    channel : ChannelSpec
        The channel.
    runs : Runs
        Runs of a file, with the columns that the plan names.

    Returns
    -------
    ndarray of bool, shape (runs,)

    Raises
    ------
    InputError
        If a part mixes columns of the runs with branches of the events.
    """
    mask = runs.good.copy()
    if channel.runs is not None:
        mask &= np.isin(runs.number, sorted(channel.runs))
    table = Chunk(runs.columns, len(runs.number), plan.derived)
    for part in channel.select.conjuncts if channel.select is not None else ():
        names = branches_of(part.names, plan.derived)
        if names <= set(runs.columns):
            mask &= table.holds(part, f"channels.{channel.name}.select")[0]
        elif not all(_of_events(n, plan, runs) for n in part.names):
            raise InputError(
                "the live time is not defined: a condition mixes columns of the runs"
                " with branches of the events",
                file=runs.file,
                field=f"channels.{channel.name}.select",
                found=shorten(str(part)),
                expected="conditions on runs and on events joined by 'and'",
            )
    return mask


def _of_events(name: str, plan: EventPlan, runs: Runs) -> bool:
    """Whether a name is a branch of the events, or a number that is derived from some."""
    derived = {quantity.name: quantity.expression for quantity in plan.derived}
    if name not in derived:
        return name not in runs.columns
    if branches_of([name], plan.derived) <= set(runs.columns):
        return False
    todo = [name]
    while todo:
        expression = derived[todo.pop()]
        if not expression.is_arithmetic:
            return branches_of([name], plan.derived).isdisjoint(runs.columns)
        todo += expression.names & derived.keys()
    return True


def check_cuts(plan: EventPlan, runs: Runs, branches: Collection[str]) -> None:
    """Check that no cut takes the events of whole runs, whose live time would stay.

    Parameters
    ----------
    plan : EventPlan
        With the cuts, also those of variations.
    runs : Runs
        Runs of a file, with the columns that the plan names.
    branches : collection of str
        What the events have themselves; the run number is of the runs nevertheless.

    Raises
    ------
    InputError
        If a cut, or a part of one joined by ``and``, is of columns of the runs alone.
    """
    of_runs = set(runs.columns) - set(branches) | {plan.layout.run}
    varied = (cut for variation in plan.variations for cut in variation.cuts)
    for cut in (*plan.cuts, *varied):
        for part in cut.expression.conjuncts:
            names = branches_of(part.names, plan.derived)
            if names and names <= of_runs:
                raise InputError(
                    "a cut on runs would leave their live time", file=runs.file,
                    field=f"cuts.{cut.name}", found=shorten(str(part)),
                    expected="a cut on events; periods (select) and run lists choose"
                    " runs",
                )  # fmt: skip
