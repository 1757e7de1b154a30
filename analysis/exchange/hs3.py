"""HS3: the statistical model as other programs read it, interference included.

A pyhf document cannot say that one factor is the square of another parameter; HS3 can
(HEP Statistics Serialization Standard, version 0.2): the factor is a `generic_function`
of the coupling. HS3 has no modifier `lumi`: it is a `normfactor` with a `gaussian_dist` as
its constraint, as ROOT writes it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from nuem.analysis.exchange.provenance import versions
from nuem.inputs.errors import InputError

__all__ = ["to_hs3"]

_TYPES = (
    "normfactor", "normsys", "histosys", "lumi", "staterror", "shapesys", "shapefactor",
)  # fmt: skip

#: Of a parameter: value, lower and upper bound, whether it is held.
_Parameters = dict[str, tuple[float, float, float, bool]]


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
        If there are several measurements, a modifier without counterpart, or a lumi
        whose constraint the measurement does not give.

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
    parameters: _Parameters = {}
    constraints: dict[str, dict[str, Any]] = {}
    for channel in spec["channels"]:
        name, bins = channel["name"], len(channel["samples"][0]["data"])
        axes = [
            {"name": f"obs_x_{name}", "min": 0.0, "max": float(bins), "nbins": bins}
        ]
        samples = [
            _sample(sample, name, links, settings, parameters, constraints)
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
            "packages": [{"name": "nuem", "version": versions()["nuem"]}],
        },
        "distributions": [*distributions, *constraints.values()],
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
                # named by the modifier too: ROOT counts it once, pyhs3 wants it here
                **(
                    {"aux_distributions": [c["name"] for c in constraints.values()]}
                    if constraints
                    else {}
                ),
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
    settings: Mapping[str, Any], parameters: _Parameters,
    constraints: dict[str, dict[str, Any]],
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
        elif kind == "lumi":
            made = _lumi(name, own, parameters)
            constraints[name] = made
            entry |= {"type": "normfactor", "parameter": name}
            entry["constraint_name"] = made["name"]
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


def _lumi(
    name: str, settings: Mapping[str, Any], parameters: _Parameters
) -> dict[str, Any]:
    """Constraint of a lumi; the parameter and what was measured of it are noted."""
    try:
        (nominal,), (sigma,) = settings["auxdata"], settings["sigmas"]
        ((low, high),) = settings["bounds"]
    except (KeyError, ValueError):
        raise InputError(
            "a lumi without its constraint", field=name,
            found=", ".join(settings) or "nothing",
            expected="auxdata, sigmas and bounds in the measurement",
        ) from None  # fmt: skip
    (start,) = settings.get("inits") or [nominal]
    parameters[name] = (start, low, high, settings.get("fixed", False) is True)
    parameters[f"nom_{name}"] = (nominal, low, high, True)
    return {
        "name": f"{name}_constraint", "type": "gaussian_dist",
        "x": name, "mean": f"nom_{name}", "sigma": sigma,
    }  # fmt: skip
