"""What pydantic finds wrong in a file, in the one line that users see."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from nuem.inputs.errors import InputError

if TYPE_CHECKING:
    from pydantic import ValidationError

__all__ = ["one_line"]


def one_line(
    error: ValidationError, document: dict[str, Any], path: Path
) -> InputError:
    """The first fault of a document as an error that names file, field and value.

    Parameters
    ----------
    error : ValidationError
        What pydantic found.
    document : dict
        What was checked.
    path : Path
        Its file.

    Returns
    -------
    InputError
    """
    details = error.errors(include_url=False)
    first = details[0]
    if first["type"] == "missing":  # a slip of the pen is better shown than missed
        unknown = (
            d for d in details
            if d["type"] == "extra_forbidden" and d["loc"][:-1] == first["loc"][:-1]
        )  # fmt: skip
        first = next(unknown, first)
    # in a union of kinds the location names the model tried, which is not a key
    field: list[str] = []
    node: Any = document
    for step in first["loc"]:
        if isinstance(node, list) and isinstance(step, int) and step < len(node):
            node = node[step]
            name = node.get("name") if isinstance(node, dict) else None
            field.append(str(name if isinstance(name, str) else step))
        elif isinstance(node, dict) and step in node:
            node = node[step]
            field.append(str(step))
        elif first["type"] == "missing" and step == first["loc"][-1]:
            field.append(str(step))
    problem = first["msg"].removeprefix("Value error, ")
    problem = problem[:1].lower() + problem[1:]
    found = None
    if first["type"] == "extra_forbidden":
        problem = "unknown key"
    elif not isinstance(first["input"], dict | list):
        found = repr(first["input"])
    if len(details) > 1:
        problem += f" (and {len(details) - 1} more)"
    return InputError(problem, file=path, field=".".join(field) or None, found=found)
