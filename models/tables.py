"""The tables of ``nuem.inputs``, read once."""

from __future__ import annotations

from functools import lru_cache
from importlib.resources import files
from typing import Any

__all__ = ["table"]


@lru_cache(maxsize=8)
def table(name: str) -> dict[str, Any]:
    """Content of ``inputs/tables/NAME.yaml``; treat it as read-only.

    Examples
    --------
    >>> table("reactor-spectra")["energy_per_fission_mev"]
    206.0
    """
    import yaml

    path = files("nuem.inputs") / "tables" / f"{name}.yaml"
    content: dict[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))
    return content
