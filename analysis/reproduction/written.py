"""The comparison as files: rows, page, figures and fresh belts."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from nuem.analysis.reproduction.figures import draw
from nuem.analysis.reproduction.report import markdown
from nuem.analysis.reproduction.rows import Row
from nuem.analysis.reproduction.task import Bench
from nuem.inputs.files import atomic_path, write_json

__all__ = ["write"]


def write(rows: Sequence[Row], folder: str | Path, bench: Bench) -> list[Path]:
    """Write ``rows.json``, ``reproduction.md``, figures and fresh belts.

    Parameters
    ----------
    rows : sequence of Row
    folder : str or Path
        It is made if it is not there.
    bench : Bench
        Holds the belts that were made anew, which go into ``belts.json``.

    Returns
    -------
    list of Path
        The files.

    Raises
    ------
    InputError
        If the folder cannot be written.
    """
    folder = Path(folder)
    found = [
        write_json(folder / "rows.json", {"rows": [row.to_dict() for row in rows]})
    ]
    with atomic_path(folder / "reproduction.md") as temporary:
        temporary.write_text(markdown(rows), encoding="utf-8")
    found.append(folder / "reproduction.md")
    if bench.belts:
        found.append(write_json(folder / "belts.json", bench.belts))
    return found + draw(rows, folder / "figures")
