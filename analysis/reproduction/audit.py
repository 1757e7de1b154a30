"""Recompute published numbers: all of them, a group, or one row."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from nuem.analysis.reproduction.procedures import procedure
from nuem.analysis.reproduction.rows import Interval, Row, verdict
from nuem.analysis.reproduction.task import Bench, Outcome, Task
from nuem.inputs.errors import InputError
from nuem.inputs.literature import Group, PublishedRow, load_published, published_groups

__all__ = ["find", "recompute", "reproduce"]


def find(name: str | None = None) -> list[tuple[Group, PublishedRow]]:
    """The rows of a group, or one row, or all.

    Parameters
    ----------
    name : str, optional
        A group, or ``GROUP/ROW``; a beginning such as ``GROUP/SYSTEM`` gives all rows
        of it.

    Returns
    -------
    list of (Group, PublishedRow)

    Raises
    ------
    InputError
        If there is none.

    Examples
    --------
    >>> [row.id for _, row in find("parada-2020-nuclei/connie/statistical")]
    ['connie/statistical']
    """
    if name is None:
        groups = [load_published(group) for group in published_groups()]
        return [(group, row) for group in groups for row in group.rows]
    first, _, rest = name.strip("/").partition("/")
    if first not in published_groups():
        raise InputError(
            "no such group or row", found=repr(name),
            expected=f"GROUP or GROUP/ROW, with GROUP of {', '.join(published_groups())}",
        )  # fmt: skip
    group = load_published(first)
    rows = [row for row in group.rows if not rest or row.id == rest]
    rows = rows or [row for row in group.rows if row.id.startswith(f"{rest}/")]
    if not rows:
        raise InputError(
            "no such row", field=first, found=repr(rest),
            expected=", ".join(row.id for row in group.rows),
        )  # fmt: skip
    return [(group, row) for row in rows]


def recompute(group: Group, row: PublishedRow, bench: Bench) -> Row:
    """Recompute one row, by the formula as printed and by the correct one.

    Raises
    ------
    InputError, ModelError, InferenceError
        If the files do not fit the procedure, or there is no limit.
    """
    found: dict[str, Outcome] = {}
    for name, variant in (("as printed", row.as_printed), ("physical", row.physical)):
        if variant is not None and row.procedure is not None:
            task = Task(row, variant, bench)
            found[name] = procedure(row.procedure).run(task)

    def values(name: str) -> tuple[Interval, ...]:
        return found[name].values if name in found else ()

    statistics = list(dict.fromkeys(outcome.statistic for outcome in found.values()))
    published = tuple(row.published)
    return Row(
        id=f"{group.name}/{row.id}",
        group=group.name,
        system=row.system,
        quantity=row.quantity,
        unit=row.unit,
        document=group.document.kind,
        citation=group.document.citation,
        place=row.place,
        published=published,
        as_printed=values("as printed"),
        physical=values("physical"),
        published_statistic=f"{row.statistic} ({_SIDED[row.sided]})",
        statistic="; ".join(statistics),
        inputs=row.inputs,
        tolerance=row.tolerance,
        verdict=verdict(
            published, values("as printed"), values("physical"),
            tolerance=row.tolerance, inputs=row.inputs,
        ),
        assumptions=tuple(row.assumptions),
        note=row.note,
        steps={name: dict(outcome.steps) for name, outcome in found.items()},
    )  # fmt: skip


_SIDED: dict[str, Any] = {
    "one": "one-sided",
    "two": "two-sided",
    "unstated": "sidedness not stated",
    "none": "no interval",
}


def reproduce(
    name: str | None = None,
    *,
    fresh: bool = False,
    progress: Callable[[str], None] | None = None,
    bench: Bench | None = None,
) -> list[Row]:
    """Recompute published numbers.

    Parameters
    ----------
    name : str, optional
        A group or a row; all by default.
    fresh : bool
        Throw toys anew instead of taking the cached ones.
    progress : callable, optional
        Told what is being done.
    bench : Bench, optional
        In place of `fresh` and `progress`; holds fresh belts afterwards.

    Returns
    -------
    list of Row

    Raises
    ------
    InputError
        If there is no such group or row.

    Examples
    --------
    >>> row = reproduce("parada-2020-nuclei/conus/statistical")[0]
    >>> row.verdict, [round(1e12 * edge, 1) for edge in row.physical[0]]
    ('reproduced as printed', [-13.7, 13.8])
    """
    bench = bench or Bench(fresh=fresh, progress=progress or (lambda _: None))
    rows = []
    for group, row in find(name):
        bench.progress(f"{group.name}: {row.id}")
        rows.append(recompute(group, row, bench))
    return rows
