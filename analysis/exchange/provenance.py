"""What made a result: versions, inputs, configuration; and whose output may go."""

from __future__ import annotations

import hashlib
import json
import platform
from collections.abc import Iterable, Mapping
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any

from nuem.inputs.errors import InputError
from nuem.inputs.files import sha256_file

__all__ = [
    "digest",
    "guard_output",
    "input_files",
    "provenance",
    "provenance_path",
    "versions",
]

_PACKAGES = (
    "nuem", "numpy", "scipy", "uproot", "awkward", "hist", "boost-histogram",
    "iminuit", "numba", "pyhf", "matplotlib", "mplhep", "xraydb", "periodictable",
)  # fmt: skip


@cache
def _installed() -> tuple[tuple[str, str], ...]:
    return tuple((name, metadata.version(name)) for name in _PACKAGES)


def versions() -> dict[str, str]:
    """Version of Python, of nuem and of the packages that numbers come from."""
    return {"python": platform.python_version(), **dict(_installed())}


def digest(document: Mapping[str, Any]) -> str:
    """The sha256 of a JSON document, independent of its layout on disk.

    Examples
    --------
    >>> digest({"a": 1, "b": 2}) == digest({"b": 2, "a": 1})
    True
    """
    text = json.dumps(document, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def input_files(files: Iterable[str | Path]) -> list[dict[str, str]]:
    """Names and sha256 of input files, for the provenance."""
    return [{"file": str(file), "sha256": sha256_file(file)} for file in files]


def provenance(
    configuration: Mapping[str, Any], inputs: Iterable[Mapping[str, Any]] = ()
) -> dict[str, Any]:
    """Provenance of one result.

    Parameters
    ----------
    configuration : mapping
        All that was asked for: stage, experiment, options, seed.
    inputs : iterable of mapping
        Name and sha256 of each input file.

    Returns
    -------
    dict
        ``versions``, ``configuration``, its ``configuration_sha256``, ``inputs``.
    """
    return {
        "versions": versions(),
        "configuration": dict(configuration),
        "configuration_sha256": digest(configuration),
        "inputs": [dict(entry) for entry in inputs],
    }


def provenance_path(path: Path) -> Path:
    """Where it stands what made an exported file, or a folder of them."""
    if path.is_dir():
        return path / "provenance.json"
    return path.with_name(f"{path.name}.provenance.json")


def guard_output(
    path: str | Path, configuration: Mapping[str, Any], force: bool
) -> None:
    """Refuse to replace a JSON result of another configuration.

    Parameters
    ----------
    path : str or Path
        Where the result will be written.
    configuration : mapping
        Configuration of the result to come.
    force : bool
        Replace it all the same.

    Raises
    ------
    InputError
        If something else is there.
    """
    path = Path(path)
    if force or not path.exists():
        return
    found = "something that nuem did not write"
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        there = document["provenance"]["configuration_sha256"]
        if there == digest(configuration):
            return
        found = f"configuration {there[:12]}"
    except (OSError, ValueError, KeyError, TypeError):
        pass
    raise InputError(
        "output exists", file=path, found=found,
        expected=f"configuration {digest(configuration)[:12]}, or --force",
    )  # fmt: skip
