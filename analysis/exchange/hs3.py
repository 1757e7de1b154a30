"""HS3: the statistical model as other programs read it, interference included.

A pyhf document cannot say that one factor is the square of another parameter; HS3 can
(HEP Statistics Serialization Standard, version 0.2): the factor is a `generic_function`
of the coupling.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from nuem.inputs.errors import InputError

__all__ = ["from_hs3", "is_hs3", "to_hs3"]

_TYPES = ("normfactor", "normsys", "histosys", "staterror", "shapesys", "shapefactor")


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


def to_hs3(
    spec: Mapping[str, Any], definition: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """Turn a pyhf document into an HS3 one.

    Parameters
    ----------
    spec : mapping
        A pyhf workspace with one measurement.
    definition : mapping, optional
        With ``links`` of factors to powers of a parameter.

    Returns
    -------
    dict
        The pyhf names of measurement and parameter, and the definition, are in ``misc``.

    Raises
    ------
    InputError
        If there are several measurements or a modifier without counterpart.

    Examples
    --------
    >>> spec = {"channels": [{"name": "c", "samples": [{"name": "em", "data": [4.0],
    ...     "modifiers": [{"name": "g_quad", "type": "normfactor", "data": None}]}]}],
    ...     "observations": [{"name": "c", "data": [3.0]}],
    ...     "measurements": [{"name": "m", "config": {"poi": "g_quad", "parameters": []}}],
    ...     "version": "1.0.0"}
    >>> to_hs3(spec, {"links": {"g_quad": {"parameter": "g", "power": 2}}})["functions"]
    [{'name': 'g_quad', 'type': 'generic_function', 'expression': 'g*g'}]
    """
    if len(spec["measurements"]) != 1:
        raise InputError("several measurements", field="measurements", expected="one")
    measurement = spec["measurements"][0]
    links = dict((definition or {}).get("links", {}))
    settings = {p["name"]: p for p in measurement["config"].get("parameters", [])}
    distributions: list[dict[str, Any]] = []
    data: list[dict[str, Any]] = []
    parameters: dict[str, tuple[float, float, float, bool]] = {}
    for channel in spec["channels"]:
        name, bins = channel["name"], len(channel["samples"][0]["data"])
        axes = [
            {"name": f"obs_x_{name}", "min": 0.0, "max": float(bins), "nbins": bins}
        ]
        samples = [
            _sample(sample, name, links, settings, parameters)
            for sample in channel["samples"]
        ]
        distributions.append(
            {
                "name": f"model_{name}",
                "type": "histfactory_dist",
                "axes": axes,
                "samples": samples,
            }
        )
        if any(m["type"] == "staterror" for s in samples for m in s["modifiers"]):
            # ROOT looks for the constraint of MC statistics here, under a name that
            # depends on its version, and takes a Poisson one where there is none
            distributions[-1]["staterror"] = {
                "relThreshold": 0.0, "constraint_type": "Gauss", "constraint": "Gauss",
            }  # fmt: skip
        counts = next(o["data"] for o in spec["observations"] if o["name"] == name)
        data.append(
            {
                "name": f"observed_{name}",
                "type": "binned",
                "axes": axes,
                "contents": list(counts),
            }
        )
    poi = measurement["config"]["poi"]
    poi = links[poi]["parameter"] if poi in links else poi
    return {
        "metadata": {
            "hs3_version": "0.2",
            "packages": [{"name": "nuem", "version": "1"}],
        },
        "distributions": distributions,
        "functions": [
            {
                "name": factor,
                "type": "generic_function",
                "expression": "*".join([link["parameter"]] * link["power"]),
            }
            for factor, link in links.items()
            if link["power"] > 1
        ],
        "data": data,
        "likelihoods": [
            {
                "name": "likelihood",
                "distributions": [d["name"] for d in distributions],
                "data": [d["name"] for d in data],
            }
        ],
        "domains": [
            {
                "name": "default_domain",
                "type": "product_domain",
                "axes": [
                    {"name": n, "min": low, "max": high}
                    for n, (_, low, high, _) in parameters.items()
                ],
            }
        ],
        "parameter_points": [
            {
                "name": "default_values",
                "parameters": [
                    {"name": n, "value": value, **({"const": True} if const else {})}
                    for n, (value, _, _, const) in parameters.items()
                ],
            }
        ],
        "analyses": [
            {
                "name": "analysis",
                "likelihood": "likelihood",
                "parameters_of_interest": [poi],
                "domains": ["default_domain"],
                "init": "default_values",
            }
        ],
        "misc": {
            "nuem": {
                "measurement": measurement,
                "definition": dict(definition) if definition is not None else None,
            }
        },
    }


def _sample(
    sample: Mapping[str, Any], channel: str, links: Mapping[str, Any],
    settings: Mapping[str, Any], parameters: dict[str, tuple[float, float, float, bool]],
) -> dict[str, Any]:  # fmt: skip
    contents = list(sample["data"])
    data: dict[str, Any] = {"contents": contents}
    modifiers = []
    for modifier in sample["modifiers"]:
        name, kind = modifier["name"], modifier["type"]
        if kind not in _TYPES:
            raise InputError(
                "modifier without counterpart in HS3", field=f"{channel}.{name}",
                found=kind, expected=", ".join(_TYPES),
            )  # fmt: skip
        entry: dict[str, Any] = {"name": name, "type": kind}
        own = settings.get(name, {})
        start = (own.get("inits") or [1.0])[0]
        const = own.get("fixed", False) is True
        if kind == "normfactor":
            link = links.get(name)
            low, high = (own.get("bounds") or [[0.0, 10.0]])[0]
            if link is None:
                entry["parameter"] = name
                parameters[name] = (start, low, high, const)
            elif link["power"] == 1:
                # ROOT takes the name of the modifier for that of the parameter
                entry["name"] = entry["parameter"] = link["parameter"]
                parameters[link["parameter"]] = (start, low, high, const)
            else:
                entry["parameter"] = name
        elif kind in {"normsys", "histosys"}:
            entry |= {"parameter": f"alpha_{name}", "constraint": "Gauss"}
            low, high = (own.get("bounds") or [[-5.0, 5.0]])[0]
            parameters[f"alpha_{name}"] = (
                (own.get("inits") or [0.0])[0],
                low,
                high,
                const,
            )
            entry["data"] = (
                {"hi": modifier["data"]["hi"], "lo": modifier["data"]["lo"]}
                if kind == "normsys"
                else {
                    "hi": {"contents": modifier["data"]["hi_data"]},
                    "lo": {"contents": modifier["data"]["lo_data"]},
                }
            )
        else:
            names = [f"gamma_{name}_bin_{k}" for k in range(len(contents))]
            entry["parameters"] = names
            given = own.get("bounds")
            for k, gamma in enumerate(names):
                lowest = 0.0 if kind == "shapefactor" else 1e-10
                low, high = given[k] if given else (lowest, 10.0)
                value = (own.get("inits") or [1.0] * len(names))[k]
                parameters[gamma] = (value, low, high, const)
            if kind == "staterror":
                entry["constraint"] = "Gauss"
                data["errors"] = list(modifier["data"])
            elif kind == "shapesys":
                entry["constraint"] = "Poisson"
                entry["data"] = {
                    "vals": [
                        e / c if c > 0 else 0.0
                        for e, c in zip(modifier["data"], contents, strict=True)
                    ]
                }
        modifiers.append(entry)
    if "errors" not in data:
        data["errors"] = [0.0] * len(contents)
    return {"name": sample["name"], "data": data, "modifiers": modifiers}


def from_hs3(document: Mapping[str, Any], name: str) -> tuple[dict[str, Any], Any]:
    """Turn an HS3 document of `to_hs3`, or a like one, into a pyhf one.

    Parameters
    ----------
    document : mapping
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
    except (KeyError, TypeError, IndexError, StopIteration) as error:
        raise InputError(
            f"HS3 that is not understood ({type(error).__name__}: {error})", file=name
        ) from None


def _read(document: Mapping[str, Any], name: str) -> tuple[dict[str, Any], Any]:
    about = (document.get("misc") or {}).get("nuem") or {}
    definition = about.get("definition")
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
    linear = {link["parameter"] for link in links.values()}
    likelihood = document["likelihoods"][0]
    distributions = {d["name"]: d for d in document["distributions"]}
    data = {d["name"]: d for d in document["data"]}
    channels, observations = [], []
    for own, seen in zip(likelihood["distributions"], likelihood["data"], strict=True):
        distribution = distributions[own]
        if distribution["type"] != "histfactory_dist":
            raise InputError(
                "not a histfactory_dist",
                file=name,
                field=own,
                found=distribution["type"],
            )
        label = own.removeprefix("model_")
        samples = []
        for sample in distribution["samples"]:
            contents = [float(x) for x in sample["data"]["contents"]]
            modifiers = []
            for modifier in sample["modifiers"]:
                made = _modifier(modifier, sample["data"], contents, name)
                parameter = modifier.get("parameter")
                if modifier["type"] == "normfactor" and parameter in linear:
                    made["name"] = _linear_name(parameter, definition)
                    links[made["name"]] = {"parameter": parameter, "power": 1}
                modifiers.append(made)
            samples.append(
                {"name": sample["name"], "data": contents, "modifiers": modifiers}
            )
        channels.append({"name": label, "samples": samples})
        counts = [float(x) for x in data[seen]["contents"]]
        observations.append({"name": label, "data": counts})
    measurement = about.get("measurement")
    if measurement is None:
        poi = document["analyses"][0]["parameters_of_interest"][0]
        poi = next(
            (f for f, k in links.items() if k == {"parameter": poi, "power": 1}), poi
        )
        measurement = {
            "name": document["analyses"][0]["name"],
            "config": {"poi": poi, "parameters": _bounds(document, channels, links)},
        }
    if links:
        definition = {"power": 1, **(definition or {}), "links": links}
    spec = {
        "version": "1.0.0",
        "channels": channels,
        "observations": observations,
        "measurements": [measurement],
    }
    return spec, definition


def _linear_name(parameter: str, definition: Mapping[str, Any] | None) -> str:
    """Name in the pyhf document of the factor that is the parameter itself."""
    for factor, link in ((definition or {}).get("links") or {}).items():
        if link == {"parameter": parameter, "power": 1}:
            return str(factor)
    return f"{parameter}_lin"


def _bounds(
    document: Mapping[str, Any],
    channels: list[dict[str, Any]],
    links: Mapping[str, Any],
) -> list[dict[str, Any]]:
    """Bounds of the normfactors; the others keep the defaults of pyhf."""
    axes = {
        a["name"]: [a["min"], a["max"]]
        for domain in document.get("domains") or []
        for a in domain["axes"]
    }
    factors = {
        m["name"]
        for c in channels
        for s in c["samples"]
        for m in s["modifiers"]
        if m["type"] == "normfactor"
    }
    result = []
    for factor in sorted(factors):
        link = links.get(factor)
        if link is not None and link["power"] > 1:
            continue
        label = factor if link is None else link["parameter"]
        if label in axes:
            result.append({"name": factor, "bounds": [axes[label]]})
    return result


def _modifier(
    modifier: Mapping[str, Any],
    data: Mapping[str, Any],
    contents: list[float],
    name: str,
) -> dict[str, Any]:
    kind = modifier["type"]
    made: dict[str, Any] = {"name": modifier["name"], "type": kind, "data": None}
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
    elif kind not in {"normfactor", "shapefactor"}:
        raise InputError("modifier that is not known", file=name, found=kind)
    return made
