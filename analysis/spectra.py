"""Data that come as binned values: read from text or UHI JSON, and what they weigh.

Gaussian values and pyhf
------------------------
A likelihood of pyhf is one of counts. Values v with errors s that no counts stand for,
0 and negative ones among them, are put on a pedestal: of n counts in a bin the model
expects ``k m + p`` with ``k = sqrt(n)/s`` and ``p = n - k v`` for a model value m. The
Poisson likelihood has its minimum at m = v and the curvature 1/s^2 there exactly; at
z errors from it -2 ln L differs from z^2 by a part z/(3 sqrt(n)), a third of a per cent
at three errors for the n = 10^5 that are taken (or 4 (v/s)^2, if that is more).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nuem.analysis.exposure import Exposure, stated_exposure
from nuem.analysis.grid import Given, Grid, describe_bins, read_given
from nuem.inputs.catalogue import bin_edges, channels
from nuem.inputs.errors import InferenceError, InputError
from nuem.inputs.files import sha256_file
from nuem.inputs.observation import SpectrumLayout
from nuem.inputs.schema import Experiment
from nuem.inputs.texts import read_table

__all__ = ["Spectra", "Spectrum", "read_spectra"]

_Array = NDArray[np.float64]
#: Least counts that a Gaussian value stands on.
_PEDESTAL = 1e5


@dataclass(frozen=True, eq=False)
class Spectrum:
    """Values of one channel in the bins of the analysis.

    Attributes
    ----------
    values : ndarray, shape (bins,)
        In one row, the last axis fastest.
    errors : ndarray, shape (bins,), or None
        None for counts.
    gaussian : bool
        Values with errors are Gaussian, and do not stand for counts.
    """

    values: _Array
    errors: _Array | None
    gaussian: bool = False

    @property
    def counts(self) -> _Array:
        """Counts of the likelihood.

        Where there are errors as many as have the same relative error, or as many as
        a Gaussian value stands on.
        """
        if self.errors is None:
            return self.values
        relative = (self.values / self.errors) ** 2
        if self.gaussian:
            return np.asarray(np.maximum(4.0 * relative, _PEDESTAL))
        return np.asarray(relative)

    @property
    def factors(self) -> _Array:
        """Counts for each unit of the value."""
        if self.errors is None:
            return np.ones_like(self.values)
        if self.gaussian:
            return np.asarray(np.sqrt(self.counts) / self.errors)
        return np.asarray(self.values / self.errors**2)

    @property
    def pedestal(self) -> _Array | None:
        """Counts that are expected whatever the model says; None without."""
        if not self.gaussian:
            return None
        return np.asarray(self.counts - self.factors * self.values)


@dataclass(frozen=True, eq=False)
class Spectra:
    """Values of all channels.

    Attributes
    ----------
    channels : mapping of str to Spectrum
    files : tuple of dict
        Name and sha256 of what was read.
    given : mapping of str to Given
        All histograms of the UHI files, those of channels too.
    warnings : tuple of str
        What a reader of the result should know.
    """

    channels: Mapping[str, Spectrum]
    files: tuple[dict[str, str], ...]
    given: Mapping[str, Given]
    warnings: tuple[str, ...] = ()

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
            spectrum = self.channels[channel.name]
            factors = spectrum.factors * _unit(experiment, layout, stated)
            below = spectrum.pedestal
            result[channel.name] = Exposure(
                stated.mass_kg, stated.spans, factors=tuple(map(float, factors)),
                pedestal=None if below is None else tuple(map(float, below)),
            )  # fmt: skip
        return result

    def to_dict(self) -> dict[str, Any]:
        """What was read, as a JSON object."""
        return {
            name: {
                "values": s.values.tolist(),
                "errors": None if s.errors is None else s.errors.tolist(),
                "counts": s.counts.tolist(),
                "factors": s.factors.tolist(),
                **({} if s.pedestal is None else {"pedestal": s.pedestal.tolist()}),
            }
            for name, s in self.channels.items()
        }


def _unit(
    experiment: Experiment, layout: SpectrumLayout, stated: Exposure
) -> _Array | float:
    """Value for one count of the whole exposure in each bin."""
    per: _Array | float = 1.0
    if layout.per == "keV":
        per = 1.0 / np.diff(bin_edges(experiment.observables[0]))
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
        If a file, column, channel or bin is missing, bins overlap or straddle an edge
        of the analysis, a count or an error is negative, or a value or an error of
        scaled counts is not above 0.
    InferenceError
        If no single energy lies in the bins.
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
    grid = Grid.of(experiment)
    tables = [Path(file) for file in files if Path(file).suffix != ".json"]
    given, hashes = read_given(f for f in files if Path(f).suffix == ".json")
    found: dict[str, Spectrum] = {}
    where: dict[str, str] = {}
    warnings: list[str] = []
    for path in tables:
        wanted = [
            name for name in names if layout.channels[name].file in (None, path.name)
        ]
        there = _from_text(
            path, wanted, grid, layout, experiment, warnings, single=len(tables) == 1
        )
        for name, spectrum in there.items():
            if name in found:
                raise InputError("a channel is there twice", file=path, field=name)
            found[name] = spectrum
            where[name] = f"{path}: {name}"
        hashes = (*hashes, {"file": str(path), "sha256": sha256_file(path)})
    for name in names:
        value = layout.channels[name].value
        histogram = value if isinstance(value, str) and value in given else name
        if name not in found and histogram in given:
            found[name] = _from_histogram(given[histogram], grid, layout, experiment)
            where[name] = given[histogram].source
        if name not in found:
            raise InputError(
                "no file has the channel", file=experiment.name, field=name,
                found=", ".join(map(str, files)) or "no files",
            )  # fmt: skip
        _check(found[name], experiment, grid, where[name])
    return Spectra(
        {name: found[name] for name in names}, hashes, given, tuple(warnings)
    )


def _from_text(
    path: Path,
    names: Sequence[str],
    grid: Grid,
    layout: SpectrumLayout,
    experiment: Experiment,
    warnings: list[str],
    *,
    single: bool,
) -> dict[str, Spectrum]:
    table = read_table(path)
    edges = grid.energy
    result = {}
    for name in names:
        columns = layout.channels[name]
        wanted = [c for c in (columns.value, columns.error) if c is not None]
        missing = [c for c in wanted if isinstance(c, str) and c not in table.names]
        if missing and not single and columns.file is None:
            continue  # another of the files may have it
        values, *errors = table.columns(wanted)
        if layout.unbinned:
            result[name] = _counted(values, edges, path, name)
            negative = int((values < 0).sum())
            if negative:
                warnings.append(f"{name}: {negative} energies below 0 are left out")
            continue
        if layout.centre is not None and layout.width is not None:
            (centre,) = table.columns([layout.centre])
            half = 0.5 * layout.width.canonical
            low, high = centre - half, centre + half
        elif layout.low is not None and layout.high is not None:
            low, high = table.columns([layout.low, layout.high])
        else:
            raise InputError(
                "nothing says which bins the lines are", file=path, field="spectrum",
                expected="centre and width, low and high, or unbinned",
            )  # fmt: skip
        result[name] = _rebin(
            low, high, values, errors[0] if errors else None, edges, layout,
            experiment, path,
        )  # fmt: skip
    return result


def _counted(values: _Array, edges: _Array, path: Path, name: str) -> Spectrum:
    """Single energies in the bins of the analysis."""
    counts = np.histogram(values, edges)[0].astype(float)
    # as everywhere, an event on the last edge is above the bins
    counts[-1] -= np.count_nonzero(values == edges[-1])
    if not counts.any():
        raise InferenceError(
            "no energy lies in the bins", file=path, field=name,
            found=f"{values.min():g} to {values.max():g}",
            expected=f"energies in keV, some of {edges[0]:g} to {edges[-1]:g}",
        )  # fmt: skip
    return Spectrum(counts, None)


def _from_histogram(
    histogram: Given, grid: Grid, layout: SpectrumLayout, experiment: Experiment
) -> Spectrum:
    errors = None
    if experiment.observation != "counts":
        if histogram.variances is None:
            raise InputError("a histogram without errors", file=histogram.source)
        errors = np.sqrt(histogram.variances)
    if len(grid.names) == 1 and len(histogram.edges) == 1:
        (bins,) = histogram.edges.values()
        return _rebin(
            bins[:-1], bins[1:], histogram.values, errors, grid.energy, layout,
            experiment, histogram.source,
        )  # fmt: skip
    if not grid.fits(histogram):
        raise InputError(
            "bins do not fit the experiment", file=histogram.source,
            found=describe_bins(histogram.edges),
            expected=describe_bins(dict(zip(grid.names, grid.edges, strict=True))),
        )  # fmt: skip
    return Spectrum(
        histogram.values.ravel(),
        None if errors is None else errors.ravel(),
        experiment.observation == "gaussian",
    )


def _rebin(
    low: _Array,
    high: _Array,
    values: _Array,
    errors: _Array | None,
    edges: _Array,
    layout: SpectrumLayout,
    experiment: Experiment,
    path: Path | str,
) -> Spectrum:
    """Values in the bins of the analysis, from bins that are as fine or finer."""
    tolerance = 1e-6 * float(np.diff(edges).min())
    _check_lines(low, high, values, errors, path)
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
    order = np.argsort(start, kind="stable")
    onto = np.flatnonzero(start[order[1:]] < stop[order[:-1]])
    if onto.size:
        k, under = order[onto[0] + 1], order[onto[0]]
        raise InputError(
            "bins overlap", file=path,
            field=f"{low[inside][k]:g} to {high[inside][k]:g}",
            found=f"{low[inside][under]:g} to {high[inside][under]:g} as well",
            expected="each energy once",
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
    return Spectrum(
        total / norm, None if errors is None else np.sqrt(variance) / norm,
        experiment.observation == "gaussian",
    )  # fmt: skip


def _check_lines(
    low: _Array,
    high: _Array,
    values: _Array,
    errors: _Array | None,
    path: Path | str,
) -> None:
    """Refuse lines that adding up would hide."""

    def refuse(bad: NDArray[np.bool_], what: str, found: str, hope: str) -> None:
        if bad.any():
            k = int(np.flatnonzero(bad)[0])
            numbers = {"low": low[k], "high": high[k], "value": values[k]}
            if errors is not None:
                numbers["error"] = errors[k]
            raise InputError(
                what, file=path, field=f"{low[k]:g} to {high[k]:g}",
                found=found.format(**numbers), expected=hope,
            )  # fmt: skip

    refuse(
        high <= low, "a bin without width", "{low:g} to {high:g}",
        "a lower edge below the upper one",
    )  # fmt: skip
    if errors is not None:
        refuse(errors < 0, "an error below 0", "{error:g}", "an error above 0")
        refuse(
            (errors == 0) & (values != 0), "a value without error",
            "{value:g} with error 0", "an error above 0",
        )  # fmt: skip


def _check(spectrum: Spectrum, experiment: Experiment, grid: Grid, where: str) -> None:
    def refuse(bad: NDArray[np.bool_], what: str, numbers: _Array, hope: str) -> None:
        if bad.any():
            k = int(np.flatnonzero(bad)[0])
            place = np.unravel_index(k, grid.shape)
            bins = ", ".join(
                f"{edges[n]:g} to {edges[n + 1]:g} {unit}"
                for n, edges, unit in zip(place, grid.edges, grid.units, strict=True)
            )
            raise InputError(
                what, file=where, field=bins,
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
