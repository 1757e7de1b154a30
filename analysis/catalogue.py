"""What the installed package offers, as plain documents."""

from __future__ import annotations

import os
from importlib import metadata, resources
from pathlib import Path
from typing import Any

from nuem.analysis.exchange.provenance import versions
from nuem.inputs.catalogue import experiment_names, load_experiment
from nuem.inputs.quantities import Quantity, statuses
from nuem.inputs.vocabulary import COUPLING_SYMBOL, COUPLING_UNIT, Method, Process

__all__ = ["describe", "installation", "overview"]


def overview() -> dict[str, Any]:
    """Experiments, processes and methods.

    Returns
    -------
    dict
        ``experiments`` (name, title, document, citation), ``processes`` (name,
        coupling, unit) and ``methods``.

    Examples
    --------
    >>> [p["unit"] for p in overview()["processes"] if p["name"] == "electron-magnetic"]
    ['mu_B']
    """
    experiments = []
    for name in experiment_names():
        experiment = load_experiment(name)
        experiments.append(
            {
                "name": name,
                "title": experiment.title,
                "document": experiment.document.kind,
                "citation": experiment.document.citation,
            }
        )
    processes = []
    for process in Process:
        symbol = COUPLING_SYMBOL[process]
        processes.append(
            {
                "name": process.value,
                "coupling": symbol,
                "unit": COUPLING_UNIT[symbol] if symbol else None,
            }
        )
    return {
        "experiments": experiments,
        "processes": processes,
        "methods": [method.value for method in Method],
    }


def describe(experiment: str | Path) -> dict[str, Any]:
    """Every number of an experiment file with its status and source.

    Parameters
    ----------
    experiment : str or Path
        Name or file of an experiment.

    Returns
    -------
    dict
        ``name``, ``title``, ``citation`` and ``numbers`` (field, value, unit, status,
        source; value and unit are None for tables and curves).

    Raises
    ------
    InputError
        If there is no such experiment.
    """
    loaded = load_experiment(experiment)
    numbers = []
    for field, number in statuses(loaded):
        value, unit = None, None
        if isinstance(number, Quantity):
            value, unit = number.value, number.unit
        numbers.append(
            {
                "field": field,
                "value": value,
                "unit": unit,
                "status": number.status,
                "source": number.source,
            }
        )
    return {
        "name": loaded.name,
        "title": loaded.title,
        "citation": loaded.document.citation,
        "numbers": numbers,
    }


def installation() -> dict[str, Any]:
    """Versions, usable processors and shipped tables."""
    folder = resources.files("nuem.inputs") / "tables"
    tables = sorted(entry.name for entry in folder.iterdir() if entry.is_file())
    return {
        "nuem": metadata.version("nuem"),
        "versions": versions(),
        "threads": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity")
        else os.cpu_count(),
        "tables": tables,
    }  # fmt: skip
