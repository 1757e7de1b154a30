"""One coupling for several workspaces: definitions compared, reference values made one."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

from nuem.analysis.exchange.surgery import defaults, modifiers, scale_sample
from nuem.inputs.errors import InputError

__all__ = ["COMPARED", "Signal", "common_definition", "rescaled", "with_staterror"]

#: What has to be equal in the definitions of workspaces that are combined.
COMPARED = (
    "symbol", "unit", "definition", "flavours", "sign", "zero", "convention", "regulator",
)  # fmt: skip


@dataclass(frozen=True)
class Signal:
    """How the coupling enters one workspace.

    Attributes
    ----------
    powers : dict
        Normfactor -> power of the coupling that it is.
    reference : float or None
        Coupling at which the parameter is 1; None where it is not known.
    """

    powers: dict[str, int]
    reference: float | None


def _comparable(value: Any) -> Any:
    if isinstance(value, str):
        return " ".join(value.split())
    if isinstance(value, list):
        return sorted(value)
    return value


def common_definition(
    definitions: Mapping[str, Mapping[str, Any] | None],
    vouched: Collection[str] = (),
) -> tuple[dict[str, Any] | None, list[str]]:
    """Check that all mean the same coupling, and say what the combination's is.

    Parameters
    ----------
    definitions : mapping
        Label of an input -> its definition, or None where it does not say.
    vouched : collection of str
        Labels of inputs for which the correlations file vouches, by a reference value.

    Returns
    -------
    definition : dict or None
        That of the first, with the processes of all; None if none says anything.
    notes : list of str
        What some did not state.

    Raises
    ------
    InputError
        If two differ, or one does not say what others do and nobody vouches for it.

    Examples
    --------
    >>> common_definition({"a": None, "b": None})
    (None, [])
    """
    stated = {k: v for k, v in definitions.items() if v is not None}
    if not stated:
        return None, []
    silent = [k for k in definitions if k not in stated]
    if silent:
        raise InputError(
            "does not say what its parameter of interest means", file=silent[0],
            expected=f"a definition like that of {next(iter(stated))}, or a reference "
            "value in the correlations file",
        )  # fmt: skip
    first, *others = stated
    notes = []
    for key in COMPARED:
        said = {label: d[key] for label, d in stated.items() if d.get(key) is not None}
        if not said:
            continue
        start, *rest = said
        for label in rest:
            if _comparable(said[label]) != _comparable(said[start]):
                what = "regulators" if key == "regulator" else "coupling definitions"
                raise InputError(
                    f"unequal {what}: {label} and {start}", file=label,
                    field=f"definition.{key}",
                    found=repr(said[label]), expected=repr(said[start]),
                )  # fmt: skip
        missing = [label for label in stated if label not in said]
        for label in missing:
            if label not in vouched:
                raise InputError(
                    f"does not say the {key} of its coupling", file=label,
                    field=f"definition.{key}",
                    expected=f"{said[start]!r}, as {start} has it, in its meta document, "
                    "or a reference value in the correlations file",
                )  # fmt: skip
        if missing:
            notes.append(
                f"{key} of the coupling not stated by {', '.join(missing)}: taken to be "
                f"that of {start}"
            )
    combined = dict(stated[first])
    for key in ("processes", "methods"):
        values = [v for d in stated.values() for v in d.get(key) or []]
        if values:
            combined[key] = list(dict.fromkeys(values))
    for label in others:
        for key in COMPARED:
            if combined.get(key) is None and stated[label].get(key) is not None:
                combined[key] = stated[label][key]
    if any(d.get("power") == 1 for d in stated.values()):
        combined["power"] = 1
    return combined, notes


def rescaled(
    spec: Mapping[str, Any], signal: Signal, reference: float | None
) -> dict[str, Any]:
    """A document whose parameter refers to another value of the coupling.

    Parameters
    ----------
    spec : mapping
    signal : Signal
    reference : float or None
        Coupling at which the parameter shall be 1; None leaves the scale as it is.

    Returns
    -------
    dict
        Samples multiplied by (reference / own reference)^power; starting values and
        bounds of the factors divided by it.

    Examples
    --------
    >>> spec = {"channels": [{"name": "c", "samples": [{"name": "s", "data": [4.0],
    ...     "modifiers": [{"name": "mu", "type": "normfactor", "data": None}]}]}],
    ...     "observations": [], "measurements": []}
    >>> rescaled(spec, Signal({"mu": 2}, 1.0), 0.5)["channels"][0]["samples"][0]["data"]
    [1.0]
    """
    own = deepcopy(dict(spec))
    if reference is None or signal.reference is None or reference == signal.reference:
        return own
    ratio = reference / signal.reference
    factors = {name: ratio**power for name, power in signal.powers.items()}
    for channel in own["channels"]:
        channel["samples"] = [
            scale_sample(sample, _factor(sample["modifiers"], factors))
            for sample in channel["samples"]
        ]
    for measurement in own["measurements"]:
        entries = measurement["config"].setdefault("parameters", [])
        there = {entry["name"]: entry for entry in entries}
        for name, factor in factors.items():
            if name not in there:
                there[name] = {"name": name}
                entries.append(there[name])
            entry = there[name]
            usual = defaults("normfactor", 1)
            entry["inits"] = [x / factor for x in entry.get("inits", usual["inits"])]
            entry["bounds"] = [
                [x / factor for x in pair]
                for pair in entry.get("bounds", usual["bounds"])
            ]
    return own


def _factor(there: Sequence[Mapping[str, Any]], factors: Mapping[str, float]) -> float:
    result = 1.0
    for name in {m["name"] for m in there if m["type"] == "normfactor"}:
        result *= factors.get(name, 1.0)
    return result


def with_staterror(spec: Mapping[str, Any], signal: Signal) -> bool:
    """Whether an error of the Monte Carlo of the signal depends on its nominal size."""
    for _, sample, modifier in modifiers(spec):
        if modifier["type"] == "staterror" and any(
            m["name"] in signal.powers for m in sample["modifiers"]
        ):
            return True
    return False
