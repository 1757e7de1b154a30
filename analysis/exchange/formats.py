"""A workspace in the formats of other programs: patchset, XML and ROOT, histograms, CSV."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from copy import deepcopy
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from nuem.analysis.exchange.surgery import modifiers
from nuem.analysis.exchange.workspace import Workspace, definition_of, observed_counts
from nuem.inputs.errors import InputError
from nuem.inputs.files import atomic_path, make_folder, write_json

if TYPE_CHECKING:
    import hist

__all__ = [
    "histograms",
    "patchset",
    "signal_powers",
    "write_csv",
    "write_patchset",
    "write_root",
    "write_uhi",
    "write_xml",
]

_Array = NDArray[np.float64]


def signal_powers(
    workspace: Workspace, measurement: str | None = None
) -> dict[str, int]:
    """Normfactors that the coupling drives -> its power.

    Where the workspace does not say, the parameter of interest is taken to be the square
    of a coupling.
    """
    definition = definition_of(workspace, measurement) or {}
    links = definition.get("links") or {}
    if links:
        return {name: int(link["power"]) for name, link in links.items()}
    poi = workspace.spec["measurements"][0]["config"]["poi"]
    return {poi: int(definition.get("power", 2))} if poi else {}


def patchset(
    workspace: Workspace, couplings: Sequence[float], record: str
) -> tuple[dict[str, Any], dict[str, Any]]:
    """A workspace without signal, and patches that add it for values of the coupling.

    A patch tests one value, with the signal's strength ``mu`` as its parameter of interest
    (1: this coupling). That is a slightly different test from that of the workspace, in
    which the coupling is the parameter: at mu = 1 the likelihoods are the same.

    Parameters
    ----------
    workspace : Workspace
        With a definition of its coupling.
    couplings : sequence of float
        Values of the coupling, in its unit.
    record : str
        HEPData record as pyhf wants it, ``ins`` and seven digits.

    Returns
    -------
    background : dict
        The workspace without signal.
    patches : dict
        Patchset of pyhf, schema 1.0.0.

    Raises
    ------
    InputError
        If the workspace does not say what its parameter means, a channel is signal only,
        or pyhf refuses the result.
    """
    definition = definition_of(workspace)
    if definition is None or definition.get("reference") is None:
        raise InputError(
            "does not say what its parameter of interest means", file=workspace.name,
            expected="a definition with a reference value of the coupling",
        )  # fmt: skip
    if not len(couplings) or not np.isfinite(couplings).all():
        raise InputError("couplings", found=list(couplings), expected="finite numbers")
    powers = signal_powers(workspace)
    poi = workspace.spec["measurements"][0]["config"]["poi"]
    strength = "mu" if definition.get("power") == 1 else poi
    background, signals = _without_signal(workspace, powers, strength)
    symbol = str(definition.get("symbol", "g"))
    patches = []
    for value in couplings:
        relative = value / float(definition["reference"])
        patches.append(
            {
                "metadata": {"name": _patch_name(symbol, value), "values": [float(value)]},
                "patch": [
                    {
                        "op": "add",
                        "path": f"/channels/{channel}/samples/-",
                        "value": _at(sample, powers, relative, strength),
                    }
                    for channel, sample in signals
                ],
            }
        )  # fmt: skip
    from pyhf.utils import digest as pyhf_digest

    document = {
        "version": "1.0.0",
        "metadata": {
            "references": {"hepdata": record},
            "digests": {"sha256": pyhf_digest(background)},
            "labels": [symbol],
            "description": (
                f"Signals of {', '.join(definition.get('processes') or ['the coupling'])} at "
                f"values of {symbol} in {definition.get('unit', 'its unit')}; at {strength} = "
                "1 each is the likelihood of the full workspace at this coupling"
            ),
            "definition": {k: v for k, v in definition.items() if k != "links"},
        },
        "patches": patches,
    }
    _check_patchset(document, background)
    return background, document  # fmt: skip


def _without_signal(
    workspace: Workspace, powers: Mapping[str, int], strength: str
) -> tuple[dict[str, Any], list[tuple[int, dict[str, Any]]]]:
    background = deepcopy(workspace.spec)
    signals = []
    for index, channel in enumerate(background["channels"]):
        kept = []
        for sample in channel["samples"]:
            if any(m["name"] in powers for m in sample["modifiers"]):
                signals.append((index, sample))
            else:
                kept.append(sample)
        if not kept:
            raise InputError(
                "no sample is left without the signal", file=workspace.name,
                field=f"channels.{channel['name']}",
            )  # fmt: skip
        channel["samples"] = kept
    names = {m["name"] for _, _, m in modifiers(background)} | {
        m["name"] for _, sample in signals for m in sample["modifiers"]
    }
    if strength not in powers and strength in names:
        raise InputError(
            "name of a nuisance parameter is needed for the signal strength",
            file=workspace.name, field=strength,
        )  # fmt: skip
    config = background["measurements"][0]["config"]
    config["poi"] = strength
    config["parameters"] = [
        *(p for p in config["parameters"] if p["name"] not in powers),
        {"name": strength, "inits": [1.0], "bounds": [[0.0, 10.0]]},
    ]
    return background, signals


def _patch_name(symbol: str, value: float) -> str:
    # pyhf takes letters, digits and _ only
    number = f"{value:.9g}".replace("-", "m").replace("+", "").replace(".", "p")
    return f"{symbol}_{number}"


def _at(
    sample: Mapping[str, Any], powers: Mapping[str, int], relative: float, strength: str
) -> dict[str, Any]:
    from nuem.analysis.exchange.surgery import scale_sample

    factor = 1.0
    kept = []
    for modifier in sample["modifiers"]:
        if modifier["name"] in powers:
            factor *= relative ** powers[modifier["name"]]
        else:
            kept.append(modifier)
    made = scale_sample({**sample, "modifiers": kept}, factor)
    made["modifiers"].append({"name": strength, "type": "normfactor", "data": None})
    return made


def _check_patchset(document: Mapping[str, Any], background: Mapping[str, Any]) -> None:
    import pyhf
    import pyhf.exceptions

    try:
        made = pyhf.PatchSet(document)
        made.verify(pyhf.Workspace(background))
    except (
        pyhf.exceptions.InvalidSpecification,
        pyhf.exceptions.InvalidPatchSet,
    ) as error:
        line = " ".join(str(error).partition("\n")[0].split())
        raise InputError(f"pyhf refuses the patchset ({line[:160]})") from None  # fmt: skip


def write_patchset(
    folder: str | Path, workspace: Workspace, couplings: Sequence[float], record: str
) -> list[Path]:
    """Write ``background.json`` and ``patchset.json``.

    Raises
    ------
    InputError
        As `patchset`.
    """
    background, patches = patchset(workspace, couplings, record)
    folder = make_folder(folder)
    return [
        write_json(folder / "background.json", background),
        write_json(folder / "patchset.json", patches),
    ]


def write_xml(folder: str | Path, workspace: Workspace) -> list[Path]:
    """Write HistFactory XML with its ROOT file, by pyhf.

    ROOT's ``hist2workspace``, and ``pyhf xml2json`` with the folder above as base, read
    ``FitConfig.xml``.

    Raises
    ------
    InputError
        If a factor is the power of another parameter, which XML cannot say.
    """
    definition = definition_of(workspace) or {}
    if definition.get("links"):
        raise InputError(
            "HistFactory XML cannot say that a factor is the square of another",
            file=workspace.name, expected="HS3, or a patchset over the coupling",
        )  # fmt: skip
    from pyhf import writexml

    folder = make_folder(folder)
    config, data = make_folder(folder / "config"), make_folder(folder / "data")
    for old in data.glob("*.root"):
        old.unlink()
    text = writexml.writexml(deepcopy(workspace.spec), config, data, "FitConfig")
    top = folder / "FitConfig.xml"
    with atomic_path(top) as temporary:
        temporary.write_bytes(text)
    return [top, *sorted(config.iterdir()), *sorted(data.iterdir())]


def _edges(workspace: Workspace, channel: str, bins: int) -> tuple[_Array, str]:
    entry = ((workspace.meta or {}).get("channels") or {}).get(channel) or {}
    edges = entry.get("edges")
    if edges is None or len(edges) != bins + 1:
        return np.arange(bins + 1, dtype=float), "bin"
    return np.asarray(edges, float), f"measured energy [{entry.get('unit', 'keV')}]"


def _arrays(
    workspace: Workspace,
) -> Iterator[tuple[str, str, str, _Array, _Array | None]]:
    """Yield (channel, sample, variation, counts, errors of the simulation)."""
    observed = observed_counts(workspace)
    for channel in workspace.spec["channels"]:
        name = channel["name"]
        yield name, "observed", "nominal", observed[name], None
        for sample in channel["samples"]:
            data = np.asarray(sample["data"], float)
            errors = [
                np.asarray(m["data"], float)
                for m in sample["modifiers"]
                if m["type"] == "staterror"
            ]
            yield name, sample["name"], "nominal", data, errors[0] if errors else None
            for modifier in sample["modifiers"]:
                for side, values in _sides(modifier, data):
                    yield (
                        name,
                        sample["name"],
                        f"{modifier['name']}_{side}",
                        values,
                        None,
                    )


def _sides(modifier: Mapping[str, Any], data: _Array) -> Iterator[tuple[str, _Array]]:
    if modifier["type"] == "histosys":
        yield "up", np.asarray(modifier["data"]["hi_data"], float)
        yield "down", np.asarray(modifier["data"]["lo_data"], float)
    elif modifier["type"] == "normsys":
        yield "up", data * modifier["data"]["hi"]
        yield "down", data * modifier["data"]["lo"]


def histograms(workspace: Workspace) -> dict[str, hist.Hist[Any]]:
    """Histograms of a workspace: ``CHANNEL/SAMPLE/VARIATION``.

    Returns
    -------
    dict
        Observed counts with their own variance; samples with that of their simulation
        (staterror). A shape and a size of one parameter are two histograms.

    Examples
    --------
    >>> spec = {"channels": [{"name": "c", "samples": [
    ...     {"name": "s", "data": [1.0], "modifiers": []}]}],
    ...     "observations": [{"name": "c", "data": [3]}], "measurements": []}
    >>> list(histograms(Workspace(spec)))
    ['c/observed/nominal', 'c/s/nominal']
    """
    import hist

    made: dict[str, hist.Hist[Any]] = {}
    for channel, sample, variation, values, errors in _arrays(workspace):
        edges, label = _edges(workspace, channel, values.size)
        own: hist.Hist[Any] = hist.Hist(
            hist.axis.Variable(edges, name="x", label=label, underflow=False, overflow=False),
            storage=hist.storage.Weight(), name=sample, label=f"{channel}, {sample}",
        )  # fmt: skip
        variance = values if sample == "observed" else np.zeros(values.size)
        if errors is not None:
            variance = errors**2
        view: Any = own.view()
        view["value"], view["variance"] = values, variance
        key = f"{channel}/{sample}/{variation}"
        while key in made:
            key += "_norm"
        made[key] = own
    return made


def write_uhi(path: str | Path, workspace: Workspace) -> Path:
    """Write the histograms of a workspace as UHI JSON: name -> histogram."""
    import json

    import uhi.io.json

    made = histograms(workspace)
    text = json.dumps(made, default=uhi.io.json.default, indent=1, allow_nan=False)
    with atomic_path(path) as temporary:
        temporary.write_text(text + "\n", encoding="utf-8")
    return Path(path)


def write_root(path: str | Path, workspace: Workspace) -> Path:
    """Write the histograms of a workspace as TH1D into a ROOT file."""
    import uproot

    with atomic_path(path) as temporary, uproot.recreate(temporary) as file:
        for name, own in histograms(workspace).items():
            file[name] = own
    return Path(path)


def write_csv(path: str | Path, workspace: Workspace) -> Path:
    """Write the counts of a workspace as a table, one bin a row.

    Columns: channel, sample, variation, bin, low, high, value, error.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(
        ["channel", "sample", "variation", "bin", "low", "high", "value", "error"]
    )
    for channel, sample, variation, values, errors in _arrays(workspace):
        edges, _ = _edges(workspace, channel, values.size)
        for i, value in enumerate(values.tolist()):
            error = "" if errors is None else repr(float(errors[i]))
            low, high = float(edges[i]), float(edges[i + 1])
            writer.writerow([channel, sample, variation, i, low, high, value, error])
    with atomic_path(path) as temporary:
        temporary.write_text(text.getvalue(), encoding="utf-8")
    return Path(path)
