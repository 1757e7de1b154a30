"""A luminosity that several workspaces do not share."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

from nuem.analysis.exchange.naming import Part, Plan
from nuem.analysis.exchange.surgery import configuration, scale_sample
from nuem.inputs.errors import InputError

__all__ = ["independent_lumi"]

_LUMI = "lumi"


def independent_lumi(part: Part, plan: Plan) -> dict[str, Any]:
    """The document of an input, without a lumi if its name is another's.

    pyhf has one parameter ``lumi``. A second one, independent of it, is written as a
    histosys of the same relative size: linear in the parameter, as lumi is, and so the
    same for samples that no other histosys changes.

    Raises
    ------
    InputError
        If another histosys acts on the sample, or the lumi is not configured.
    """
    name = plan.names.get((part.label, _LUMI), _LUMI)
    spec = deepcopy(part.spec)
    there = any(
        m["type"] == _LUMI
        for c in spec["channels"]
        for s in c["samples"]
        for m in s["modifiers"]
    )
    if name == _LUMI or not there:
        return spec
    stated = [configuration(m, _LUMI, 1, part.file) for m in spec["measurements"]]
    if (
        len(stated) != 1
        or stated[0] is None
        or not {"auxdata", "sigmas"} <= set(stated[0])
    ):
        raise InputError(
            "a lumi without auxdata and sigmas in one measurement", file=part.file,
            field=_LUMI,
        )  # fmt: skip
    value, sigma = float(stated[0]["auxdata"][0]), float(stated[0]["sigmas"][0])
    fixed = stated[0].get("fixed", False)
    if fixed:
        value = float(stated[0].get("inits", [value])[0])
    for channel in spec["channels"]:
        channel["samples"] = [
            _without(sample, channel["name"], value, sigma, fixed, part.file)
            for sample in channel["samples"]
        ]
    config = spec["measurements"][0]["config"]
    config["parameters"] = [p for p in config["parameters"] if p["name"] != _LUMI]
    return spec  # fmt: skip


def _without(
    sample: dict[str, Any], channel: str, value: float, sigma: float, fixed: bool, file: str
) -> dict[str, Any]:  # fmt: skip
    if not any(m["type"] == _LUMI for m in sample["modifiers"]):
        return sample
    if any(m["type"] == "histosys" for m in sample["modifiers"]) and not fixed:
        raise InputError(
            "a second lumi beside a histosys cannot be written in pyhf", file=file,
            field=f"{channel}.{sample['name']}.{_LUMI}",
            expected="one lumi for all inputs: correlate it",
        )  # fmt: skip
    made = scale_sample(sample, value)
    made["modifiers"] = [m for m in made["modifiers"] if m["type"] != _LUMI]
    if not fixed:
        size = sigma / value
        made["modifiers"].append(
            {
                "name": _LUMI,
                "type": "histosys",
                "data": {
                    "hi_data": [x * (1 + size) for x in made["data"]],
                    "lo_data": [x * (1 - size) for x in made["data"]],
                },
            }
        )
    return made
