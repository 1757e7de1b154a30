"""Data that come as binned values: read from text or UHI JSON, and what they weigh."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nuem.analysis.exposure import Exposure, stated_exposure
from nuem.inputs.catalogue import bin_edges, channels
from nuem.inputs.errors import InferenceError, InputError
from nuem.inputs.files import sha256_file
from nuem.inputs.observation import SpectrumLayout
from nuem.inputs.schema import Experiment
from nuem.inputs.texts import read_table

__all__ = ["Spectra", "Spectrum", "read_spectra"]

_Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Spectrum:
    """Values of one channel in the bins of the analysis.

    Attributes
    ----------
    values : ndarray, shape (bins,)
    errors : ndarray, shape (bins,), or None
        None for counts.
    """

    values: _Array
    errors: _Array | None

    @property
    def counts(self) -> _Array:
        """Counts, or where there are errors as many as have the same relative error."""
        if self.errors is None:
            return self.values
        return np.asarray((self.values / self.errors) ** 2)

    @property
    def factors(self) -> _Array:
        """Counts for each unit of the value."""
        if self.errors is None:
            return np.ones_like(self.values)
        return np.asarray(self.values / self.errors**2)


@dataclass(frozen=True, eq=False)
class Spectra:
    """Values of all channels.

    Attributes
    ----------
    channels : mapping of str to Spectrum
    files : tuple of dict
        Name and sha256 of what was read.
    """

    channels: Mapping[str, Spectrum]
    files: tuple[dict[str, str], ...]

    @property
    def counts(self) -> dict[str, _Array]:
        """Counts by channel; see `Spectrum.counts`."""
        return {name: spectrum.counts for name, spectrum in self.channels.items()}

    def exposures(self, experiment: Experiment) -> dict[str, Exposure]:
        """Exposure of each channel, with what one count of the model is in each bin.

        Raises
        ------
        InferenceError
            If there is no live time.
        """
        layout = experiment.spectrum
        assert layout is not None  # there would be no spectra without
        result = {}
        for channel in channels(experiment):
            stated = stated_exposure(channel)
            if not stated.kg_day > 0:
                raise InferenceError("no live time", field=f"channels.{channel.name}")
            factors = self.channels[channel.name].factors * _unit(
                experiment, layout, stated
            )
            result[channel.name] = Exposure(
                stated.mass_kg, stated.spans, factors=tuple(map(float, factors))
            )
        return result

    def to_dict(self) -> dict[str, Any]:
        """What was read, as a JSON object."""
        return {
            name: {
                "values": s.values.tolist(),
                "errors": None if s.errors is None else s.errors.tolist(),
                "counts": s.counts.tolist(),
                "factors": s.factors.tolist(),
            }
            for name, s in self.channels.items()
        }


def _unit(experiment: Experiment, layout: SpectrumLayout, stated: Exposure) -> _Array:
    """Value for one count of the whole exposure in each bin."""
    width = np.diff(bin_edges(experiment.observables[0]))
    per = 1.0 / width if layout.per == "keV" else np.ones_like(width)
    if layout.exposure is None:
        return per
    return per * layout.exposure.canonical / stated.kg_day


def read_spectra(experiment: Experiment, files: Sequence[str | Path]) -> Spectra:
    """Read the spectra of all channels from one or several files.

    Parameters
    ----------
    experiment : Experiment
        Its ``spectrum`` says how the files are laid out; bins of a file that are finer
        than those of the analysis are added up, errors in quadrature.
    files : sequence of str or Path
        Text, or UHI JSON (``.json``). A channel is looked for in each of them and has
        to be in one.

    Returns
    -------
    Spectra

    Raises
    ------
    InputError
        If a file, column, channel or bin is missing, a bin straddles an edge of the
        analysis, a count is negative, or a value or an error of scaled counts is not
        above 0.
    """
    layout = experiment.spectrum
    if layout is None:
        raise InputError(
            "not an experiment with spectra", file=experiment.name, field="spectrum"
        )
    names = [channel.name for channel in channels(experiment)]
    for name in names:
        if name not in layout.channels:
            raise InputError(
                "a channel without columns", file=experiment.name,
                field="spectrum.channels", found=", ".join(layout.channels), expected=name,
            )  # fmt: skip
    edges = bin_edges(experiment.observables[0])
    found: dict[str, Spectrum] = {}
    for file in files:
        path = Path(file)
        if path.suffix == ".json":
            there = _from_json(path, names, edges, layout, experiment)
        else:
            there = _from_text(path, names, edges, layout, single=len(files) == 1)
        for name, spectrum in there.items():
            if name in found:
                raise InputError("a channel is there twice", file=path, field=name)
            _check(spectrum, experiment, edges, f"{path}: {name}")
            found[name] = spectrum
    for channel in channels(experiment):
        if channel.name not in found:
            raise InputError(
                "no file has the channel", file=experiment.name, field=channel.name,
                found=", ".join(map(str, files)) or "no files",
            )  # fmt: skip
    hashes = tuple({"file": str(f), "sha256": sha256_file(f)} for f in files)
    return Spectra({name: found[name] for name in names}, hashes)


def _from_text(
    path: Path,
    names: Sequence[str],
    edges: _Array,
    layout: SpectrumLayout,
    *,
    single: bool,
) -> dict[str, Spectrum]:
    table = read_table(path)
    if layout.centre is not None and layout.width is not None:
        (centre,) = table.columns([layout.centre])
        half = 0.5 * layout.width.canonical
        low, high = centre - half, centre + half
    else:
        assert layout.low is not None
        assert layout.high is not None
        low, high = table.columns([layout.low, layout.high])
    result = {}
    for name in names:
        columns = layout.channels[name]
        wanted = [c for c in (columns.value, columns.error) if c is not None]
        missing = [c for c in wanted if isinstance(c, str) and c not in table.names]
        if missing and not single:  # another of the files may have it
            continue
        values, *errors = table.columns(wanted)
        result[name] = _rebin(
            low, high, values, errors[0] if errors else None, edges, layout, path
        )
    return result


def _from_json(
    path: Path,
    names: Sequence[str],
    edges: _Array,
    layout: SpectrumLayout,
    experiment: Experiment,
) -> dict[str, Spectrum]:
    import hist
    import uhi.io.json

    from nuem.inputs.files import read_json

    document = read_json(path)
    result = {}
    for name in names:
        if not isinstance(document, dict) or name not in document:
            continue
        try:
            text = json.dumps(document[name])
            h = hist.Hist(json.loads(text, object_hook=uhi.io.json.object_hook))
            bins = np.asarray(h.axes[0].edges, dtype=float)
            values = np.asarray(h.values(), dtype=float)
            variances = h.variances()
        # whatever a damaged document raises in hist and boost-histogram
        except Exception as error:
            raise InputError(
                f"not a UHI histogram ({type(error).__name__})", file=path, field=name
            ) from error
        errors = None
        if experiment.observation != "counts":
            if variances is None:
                raise InputError("a histogram without errors", file=path, field=name)
            errors = np.sqrt(np.asarray(variances, dtype=float))
        result[name] = _rebin(bins[:-1], bins[1:], values, errors, edges, layout, path)
    return result


def _rebin(
    low: _Array,
    high: _Array,
    values: _Array,
    errors: _Array | None,
    edges: _Array,
    layout: SpectrumLayout,
    path: Path,
) -> Spectrum:
    """Values in the bins of the analysis, from bins that are as fine or finer."""
    tolerance = 1e-6 * float(np.diff(edges).min())
    if (high <= low).any():
        raise InputError("a bin without width", file=path)
    inside = (high > edges[0] + tolerance) & (low < edges[-1] - tolerance)
    start, stop = low[inside] + tolerance, high[inside] - tolerance
    index = np.searchsorted(edges, start, side="right") - 1
    straddles = (index < 0) | (stop > edges[np.clip(index + 1, 0, edges.size - 1)])
    if straddles.any():
        k = int(np.flatnonzero(straddles)[0])
        raise InputError(
            "a bin straddles an edge of the analysis", file=path,
            found=f"{low[inside][k]:g} to {high[inside][k]:g}",
            expected=f"bins within {edges[0]:g} to {edges[-1]:g} that end at its edges",
        )  # fmt: skip
    covered = np.zeros(edges.size - 1)
    widths = (high - low)[inside]
    np.add.at(covered, index, widths)
    wrong = np.flatnonzero(np.abs(covered - np.diff(edges)) > 1e-4 * np.diff(edges))
    if wrong.size:
        k = int(wrong[0])
        raise InputError(
            "a bin of the analysis is not filled once", file=path,
            field=f"{edges[k]:g} to {edges[k + 1]:g}",
            found=f"bins that cover {covered[k]:g}", expected=f"{edges[k + 1] - edges[k]:g}",
        )  # fmt: skip
    # densities are averaged, contents are added
    weight = widths if layout.per == "keV" else np.ones_like(widths)
    total = np.zeros(edges.size - 1)
    np.add.at(total, index, weight * values[inside])
    variance = np.zeros(edges.size - 1)
    if errors is not None:
        np.add.at(variance, index, (weight * errors[inside]) ** 2)
    norm = np.diff(edges) if layout.per == "keV" else np.ones(edges.size - 1)
    return Spectrum(total / norm, None if errors is None else np.sqrt(variance) / norm)


def _check(
    spectrum: Spectrum, experiment: Experiment, edges: _Array, where: str
) -> None:
    def refuse(bad: NDArray[np.bool_], what: str, numbers: _Array, hope: str) -> None:
        if bad.any():
            k = int(np.flatnonzero(bad)[0])
            raise InputError(
                what, file=where, field=f"{edges[k]:g} to {edges[k + 1]:g} keV",
                found=f"{numbers[k]:g}", expected=hope,
            )  # fmt: skip

    values, errors = spectrum.values, spectrum.errors
    if errors is None:
        refuse(values < 0, "a negative count", values, "counts from 0 on")
        return
    refuse(errors <= 0, "an error that is not above 0", errors, "an error above 0")
    if experiment.observation == "scaled-counts":
        refuse(
            values <= 0, "scaled counts cannot be 0 or negative", values,
            "values above 0 (wider bins)",
        )  # fmt: skip
