"""Rows as text: the table of the command line, and the page of the documentation."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from nuem.analysis.reproduction.rows import KINDS, VERDICTS, Interval, Row
from nuem.inputs.literature import load_published

__all__ = ["interval_text", "markdown", "summary", "table"]


def interval_text(interval: Interval, digits: int = 3) -> str:
    """An interval, limit or number as it is printed.

    Examples
    --------
    >>> interval_text((-4.6e-14, 4.7e-14)), interval_text((None, 2.1e-12))
    ('-4.6e-14 to 4.7e-14', '< 2.1e-12')
    >>> interval_text((1.59, 1.59))
    '1.59'
    """
    low, high = interval
    if low is None and high is None:
        return "open"
    if low is None:
        return f"< {high:.{digits}g}"
    if high is None:
        return f"> {low:.{digits}g}"
    if low == high:
        return f"{low:.{digits}g}"
    return f"{low:.{digits}g} to {high:.{digits}g}"


def _values(intervals: Sequence[Interval], limit: int | None = None) -> str:
    shown = [interval_text(interval) for interval in intervals[:limit]]
    more = len(intervals) - len(shown)
    return " and ".join(shown) + (f" (+{more})" if more else "") if shown else "-"


def summary(rows: Iterable[Row]) -> dict[str, int]:
    """Number of rows of each verdict, and of those that compare nothing."""
    count = dict.fromkeys((*VERDICTS, *KINDS[1:]), 0)
    for row in rows:
        count[row.verdict or row.kind] += 1
    return {name: number for name, number in count.items() if number}


def table(rows: Sequence[Row]) -> str:
    """The rows as a table of plain text; further islands as their number."""
    head = ("row", "published", "as printed", "physical", "unit", "verdict")
    lines = [
        (
            row.id, _values(row.published, 1), _values(row.as_printed, 1),
            _values(row.physical, 1), row.unit, row.verdict or f"({row.kind})",
        )
        for row in rows
    ]  # fmt: skip
    widths = [max(len(line[k]) for line in [head, *lines]) for k in range(len(head))]
    text = [
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True))
        for line in [head, *lines]
    ]
    more = any("(+" in cell for line in lines for cell in line)
    legend = "(+N): and so many further intervals\n" if more else ""
    counted = ", ".join(f"{number} {name}" for name, number in summary(rows).items())
    return (
        "\n".join(line.rstrip() for line in text)
        + f"\n\n{legend}{len(rows)} rows: {counted}"
    )


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def markdown(rows: Sequence[Row]) -> str:
    """The page ``docs/reproduction.md``: every row, group by group."""
    lines = [_INTRODUCTION]
    for name, number in summary(rows).items():
        lines.append(f"| {name} | {number} |")
    for group in dict.fromkeys(row.group for row in rows):
        here = load_published(group)
        own = [row for row in rows if row.group == group]
        lines += [
            "", f"## {here.title}", "",
            f"{here.document.citation} ({here.document.kind}). {here.about}", "",
            f"`nuem reproduce {group}`", "",
        ]  # fmt: skip
        for name, caption in _FIGURES.get(group, {}).items():
            lines += [f"![{caption}](figures/reproduction-{name}.png)", ""]
        lines += [
            "| row | published | as printed | physical | unit | verdict | inputs | why |",
            "|---|---|---|---|---|---|---|---|",
        ]
        for row in own:
            cells = (
                f"`{row.id.partition('/')[2]}`", _values(row.published),
                _values(row.as_printed), _values(row.physical), row.unit,
                row.verdict or f"({row.kind})", row.inputs, row.note,
            )  # fmt: skip
            lines.append("| " + " | ".join(map(_cell, cells)) + " |")
        lines += ["", "What the rows assume, and how limits were set:", ""]
        for text in dict.fromkeys(_conditions(own)):
            lines.append(f"- {text}")
    return "\n".join(lines) + "\n"


def _conditions(rows: Sequence[Row]) -> Iterable[str]:
    for row in rows:
        yield from row.assumptions
    for row in rows:
        if row.statistic:
            there, here = row.published_statistic, row.statistic
            yield f"published: {there}; here: {here}"


_FIGURES = {
    "chen-2014": {
        "chen-2014": "Residual of ON and OFF (simulated), and the charge at its limit"
    },
    "parada-2020-electrons": {
        "parada-2020-electrons": "Profiles of chi^2 with the correct formula",
        "parada-2020-electrons-as-printed": "Profiles of chi^2 with the printed formula",
    },
    "parada-2020-nuclei": {
        "parada-2020-nuclei": "Profiles of chi^2 with the correct formula",
        "parada-2020-nuclei-as-printed": "Profiles of chi^2 with the printed formula",
    },
    "basi-2025": {
        "basi-2025-flavours": "Profiles of chi^2 of the charge of each flavour",
        "basi-2025-e-mu": "Regions of the charges of nu_e and nu_mu",
        "basi-2025-e-tau": "Regions of the charges of nu_e and nu_tau",
        "basi-2025-mu-tau": "Regions of the charges of nu_mu and nu_tau",
    },
    "nugen-2025": {
        "nugen-2025-magnetic": "Belts of the magnetic moment",
        "nugen-2025-transition": "Belts of the transition charge",
        "nugen-2025-diagonal": "Belts of the diagonal charge",
    },
}

_INTRODUCTION = """\
# Published numbers beside ours

This page is made by `nuem reproduce -o DIR` from the rows that `nuem reproduce --json`
prints; `nuem reproduce ROW --explain` shows inputs, formula and sources of one of them.

Each row has the published value, the value by the formula as it is printed, and the
value by the correct formula, with the same inputs. The verdict follows from the numbers:

reproduced
: the correct formula gives the published number within the tolerance of the row.

reproduced as printed
: the printed formula does, the correct one does not.

matched with fitted inputs
: one of them does, with an input that was fitted to a published number (`inputs` is
  `fitted`), or that the document does not give and we assume within a range that the
  tolerance of the row covers (`assumed`; `--explain` says what value would give the
  published number). This shows what the number would follow from, and is no confirmation.

not reproduced
: neither does. That says nothing of where the difference comes from.

Rows in brackets have no verdict: a number of others that the document quotes and that is
not recomputed (quoted); a number of ours for which the document has a plot at most
(computed).

An interval with several islands is several intervals: a coupling that interferes with the
weak amplitude has a mirror solution, where both amplitudes together come to the negative of
the weak one. Limits by different statistics are not the same limits: 1.2816 standard
deviations (one-sided) and 1.645 (two-sided) differ by 13 % in a charge, and each row
compares like with like.

![Limits on the charge of the neutrino](figures/reproduction-ladder.png)

| verdict | rows |
|---|---|"""
