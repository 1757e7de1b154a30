"""The Standard Model as what is measured: its count from a workspace of a coupling."""

from __future__ import annotations

import copy
from typing import Any

from nuem.analysis.exchange.workspace import Workspace, measurement_name
from nuem.analysis.modelling import LINKS, POI
from nuem.inputs.errors import InputError

__all__ = ["free_standard_model"]

_STANDARD = "sm"
_BOUNDS = [0.0, 10.0]


def free_standard_model(
    workspace: Workspace, without: tuple[str, ...] = ()
) -> Workspace:
    """The workspace with coupling 0 and the Standard Model times a free parameter.

    Parameters
    ----------
    workspace : Workspace
        Of a coupling that interferes.
    without : tuple of str
        Nuisance parameters that the Standard Model loses: the uncertainty of the flux
        scales what is counted, and is no part of the error of a count.

    Returns
    -------
    Workspace
        Its parameter ``mu`` is the measured over the predicted count. It has no meta
        document, as it is one of no coupling.

    Raises
    ------
    InputError
        If the workspace has no sample of the Standard Model.
    """
    spec: dict[str, Any] = copy.deepcopy(dict(workspace.spec))
    free = {"name": POI, "type": "normfactor", "data": None}
    there = False
    for channel in spec["channels"]:
        kept = []
        for sample in channel["samples"]:
            modifiers = sample["modifiers"]
            if any(m["name"] in LINKS for m in modifiers):
                continue
            if sample["name"].partition("-")[0] == _STANDARD:
                there = True
                kept_modifiers = [m for m in modifiers if m["name"] not in without]
                sample["modifiers"] = [*kept_modifiers, free]
            kept.append(sample)
        channel["samples"] = kept
    if not there:
        raise InputError(
            "no Standard Model to measure", file=workspace.name, field="samples",
            expected=f"a sample {_STANDARD!r}",
        )  # fmt: skip
    (measurement, *_) = spec["measurements"]
    parameters = [
        p for p in measurement["config"]["parameters"] if p["name"] not in (*LINKS, POI)
    ]
    parameters.append({"name": POI, "inits": [1.0], "bounds": [_BOUNDS]})
    spec["measurements"] = [
        {
            "name": measurement_name("nucleus-sm", 1.0),
            "config": {"poi": POI, "parameters": parameters},
        }
    ]
    return Workspace(spec, None, workspace.name)
