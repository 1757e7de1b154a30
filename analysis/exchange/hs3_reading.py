"""HS3 documents read: our own, and those of other programs as far as pyhf can say them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from nuem.inputs.errors import InputError

__all__ = ["from_hs3", "is_hs3"]

#: ROOT's numbers of the interpolations that pyhf has by default: exponentials and lines
#: beyond one standard deviation, joined by a polynomial.
_INTERPOLATION = {"normsys": 5, "histosys": 4}
_CONSTRAINT = {
    "normsys": "Gauss", "histosys": "Gauss", "staterror": "Gauss", "shapesys": "Poisson",
}  # fmt: skip


def is_hs3(document: Any) -> bool:
    """Whether a JSON document is an HS3 one.

    Examples
    --------
    >>> is_hs3({"metadata": {"hs3_version": "0.2"}}), is_hs3({"channels": []})
    (True, False)
    """
    return (
        isinstance(document, Mapping)
        and isinstance(document.get("metadata"), Mapping)
        and "hs3_version" in document["metadata"]
    )


def from_hs3(document: Mapping[str, Any], name: str) -> tuple[dict[str, Any], Any]:
    """Turn an HS3 document of `to_hs3`, or a like one, into a pyhf one.

    Parameters
    ----------
    document : mapping
        With one analysis; those of ROOT's ``asimovData`` do not count.
    name : str
        Where it came from, for messages.

    Returns
    -------
    spec : dict
        A pyhf workspace.
    definition : dict or None
        With ``links`` for functions that are powers of a parameter.

    Raises
    ------
    InputError
        If it says something that a pyhf workspace with links cannot.
    """
    try:
        return _read(document, name)
    except (AttributeError, KeyError, TypeError, ValueError, IndexError) as error:
        raise InputError(
            f"HS3 that is not understood ({type(error).__name__}: {error})", file=name
        ) from None


@dataclass
class _Seen:
    """What is there, and what the modifiers make of it."""

    name: str
    distributions: dict[str, Mapping[str, Any]]
    definition: Mapping[str, Any] | None
    links: dict[str, dict[str, Any]]
    #: parameter of the pyhf document -> what it is called here
    called: dict[str, str] = field(default_factory=dict)
    lumi: Mapping[str, Any] | None = None

    def refuse(self, message: str, where: str, found: Any, expected: Any) -> InputError:
        return InputError(
            message, file=self.name, field=where, found=found, expected=expected
        )


def _read(document: Mapping[str, Any], name: str) -> tuple[dict[str, Any], Any]:
    about = (document.get("misc") or {}).get("nuem") or {}
    analysis, likelihood = _analysis(document, name)
    distributions = {d["name"]: d for d in document["distributions"]}
    seen = _Seen(name, distributions, about.get("definition"), _links(document, name))
    data = {d["name"]: d for d in document["data"]}
    channels, observations = [], []
    for own, counts in zip(
        likelihood["distributions"], likelihood["data"], strict=True
    ):
        label = own.removeprefix("model_")
        channels.append({"name": label, "samples": _samples(distributions[own], seen)})
        values = [float(x) for x in data[counts]["contents"]]
        observations.append({"name": label, "data": values})
    measurement = about.get("measurement") or {
        "name": analysis["name"],
        "config": _configuration(document, analysis, seen),
    }
    definition = seen.definition
    if seen.links:
        definition = {"power": 1, **(definition or {}), "links": seen.links}
    spec = {
        "version": "1.0.0",
        "channels": channels,
        "observations": observations,
        "measurements": [measurement],
    }
    return spec, definition


def _analysis(
    document: Mapping[str, Any], name: str
) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
    """The analysis of the document, and its likelihood."""
    likelihoods = {own["name"]: own for own in document["likelihoods"]}
    found = [
        (own, likelihoods[own["likelihood"]])
        for own in document["analyses"]
        if not all(
            data.startswith("asimovData")
            for data in likelihoods[own["likelihood"]]["data"]
        )
    ]
    if len(found) != 1:
        raise InputError(
            "not one analysis", file=name, field="analyses",
            found=", ".join(own["name"] for own, _ in found) or "none", expected="one",
        )  # fmt: skip
    return found[0]


def _links(document: Mapping[str, Any], name: str) -> dict[str, dict[str, Any]]:
    """Functions that are powers of a parameter."""
    links: dict[str, dict[str, Any]] = {}
    for function in document.get("functions") or []:
        factors = [f.strip() for f in str(function.get("expression", "")).split("*")]
        power = len(set(factors)) == 1 and factors[0].isidentifier()
        if function["type"] != "generic_function" or not power:
            raise InputError(
                "function that is not a power of a parameter", file=name,
                field=function["name"], found=function.get("expression"),
            )  # fmt: skip
        links[function["name"]] = {"parameter": factors[0], "power": len(factors)}
    return links


def _samples(distribution: Mapping[str, Any], seen: _Seen) -> list[dict[str, Any]]:
    if distribution["type"] != "histfactory_dist":
        raise seen.refuse(
            "not a histfactory_dist", distribution["name"], distribution["type"], None
        )
    made = []
    for sample in distribution["samples"]:
        contents = [float(x) for x in sample["data"]["contents"]]
        modifiers = [
            _modifier(modifier, sample["data"], contents, seen)
            for modifier in sample.get("modifiers") or []
        ]
        made.append({"name": sample["name"], "data": contents, "modifiers": modifiers})
    return made


def _modifier(
    modifier: Mapping[str, Any], data: Mapping[str, Any], contents: list[float], seen: _Seen
) -> dict[str, Any]:  # fmt: skip
    kind = modifier["type"]
    if kind == "normfactor":
        return _factor(modifier, seen)
    if kind not in {*_CONSTRAINT, "shapefactor"}:
        raise seen.refuse("modifier that is not known", modifier["name"], kind, None)
    made: dict[str, Any] = {"name": modifier["name"], "type": kind, "data": None}
    _check(modifier, seen)
    if kind in {"normsys", "histosys"}:
        # one parameter is one, whatever the effects of it are called
        parameter = modifier.get("parameter") or f"alpha_{modifier['name']}"
        made["name"] = parameter.removeprefix("alpha_")
        seen.called[made["name"]] = parameter
    if kind == "normsys":
        made["data"] = {"hi": modifier["data"]["hi"], "lo": modifier["data"]["lo"]}
    elif kind == "histosys":
        made["data"] = {
            "hi_data": list(modifier["data"]["hi"]["contents"]),
            "lo_data": list(modifier["data"]["lo"]["contents"]),
        }
    elif kind == "staterror":
        made["data"] = list(data["errors"])
    elif kind == "shapesys":
        made["data"] = [
            v * c for v, c in zip(modifier["data"]["vals"], contents, strict=True)
        ]
    return made


def _factor(modifier: Mapping[str, Any], seen: _Seen) -> dict[str, Any]:
    """A free factor; the coupling itself, if others are powers of it; or a lumi."""
    parameter = modifier.get("parameter") or modifier["name"]
    made = {"name": parameter, "type": "normfactor", "data": None}
    if any(link["parameter"] == parameter for link in seen.links.values()):
        made["name"] = _linear_name(parameter, seen.definition)
        seen.links[made["name"]] = {"parameter": parameter, "power": 1}
    elif "constraint_name" in modifier:
        constraint = seen.distributions[modifier["constraint_name"]]
        pair = {constraint.get("x"), constraint.get("mean")}
        another = seen.lumi is not None and constraint != seen.lumi
        if constraint["type"] != "gaussian_dist" or parameter not in pair or another:
            raise seen.refuse(
                "constraint of a factor that pyhf does not have", parameter,
                constraint["type"], "one factor with a gaussian_dist: pyhf's lumi",
            )  # fmt: skip
        seen.lumi = constraint
        made |= {"name": "lumi", "type": "lumi"}
    seen.called[made["name"]] = parameter
    return made


def _linear_name(parameter: str, definition: Mapping[str, Any] | None) -> str:
    """Name in the pyhf document of the factor that is the parameter itself."""
    for factor, link in ((definition or {}).get("links") or {}).items():
        if link == {"parameter": parameter, "power": 1}:
            return str(factor)
    return f"{parameter}_lin"


def _check(modifier: Mapping[str, Any], seen: _Seen) -> None:
    """Refuse constraints and interpolations that pyhf does not have."""
    kind, name = modifier["type"], modifier["name"]
    wanted = _CONSTRAINT.get(kind)
    stated = modifier.get("constraint_type", modifier.get("constraint", wanted))
    if stated != wanted:
        raise seen.refuse("constraint that pyhf does not have", name, stated, wanted)
    unit = seen.distributions.get(modifier.get("constraint_name", ""), {})
    if unit and (unit["type"] != "gaussian_dist" or unit["sigma"] != 1.0):
        raise seen.refuse(
            "constraint that pyhf does not have", name,
            f"{unit['type']}, sigma {unit.get('sigma')}", "gaussian_dist, sigma 1",
        )  # fmt: skip
    code = _INTERPOLATION.get(kind)
    if modifier.get("interpolation", code) != code:
        raise seen.refuse(
            "interpolation that pyhf does not have", name, modifier["interpolation"], code
        )  # fmt: skip


def _configuration(
    document: Mapping[str, Any], analysis: Mapping[str, Any], seen: _Seen
) -> dict[str, Any]:
    """Parameter of interest, and settings where they are not those of pyhf."""
    (poi,) = analysis["parameters_of_interest"]
    points = document.get("parameter_points") or []
    start = analysis.get("init", "default_values")
    values = {
        p["name"]: p for own in points if own["name"] == start for p in own["parameters"]
    }  # fmt: skip
    axes = {p: [v["min"], v["max"]] for p, v in values.items() if "max" in v}
    axes |= {
        a["name"]: [a["min"], a["max"]]
        for domain in document.get("domains") or []
        for a in domain["axes"]
    }
    settings = []
    for name, parameter in sorted(seen.called.items()):
        if seen.links.get(name, {}).get("power", 1) > 1:
            continue
        entry: dict[str, Any] = {"name": name}
        free = name in seen.links or name in (parameter, "lumi")
        if free and parameter in axes:
            entry["bounds"] = [axes[parameter]]
        own = values.get(parameter, {})
        if name == "lumi":
            entry |= _measured(parameter, seen, values)
        if own.get("const"):
            entry |= {"inits": [own["value"]], "fixed": True}
        if len(entry) > 1:
            settings.append(entry)
    names = {parameter: name for name, parameter in seen.called.items()}
    return {"poi": names.get(poi, poi), "parameters": settings}


def _measured(parameter: str, seen: _Seen, values: Mapping[str, Any]) -> dict[str, Any]:
    """What the constraint of a lumi was measured to be."""
    assert seen.lumi is not None
    other = seen.lumi["mean" if seen.lumi["x"] == parameter else "x"]
    nominal = values[other]["value"] if isinstance(other, str) else float(other)
    start = values.get(parameter, {}).get("value", nominal)
    return {"auxdata": [nominal], "sigmas": [seen.lumi["sigma"]], "inits": [start]}
