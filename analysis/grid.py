"""The bins of an experiment on all its axes, and histograms that are given for them.

Counts of several axes are kept in one row, the last axis fastest, as the bins of a
workspace. A given histogram, of a release or of a sideband, has the names of the axes
that it is of; it is brought to the bins of the analysis and summed over the axes that
are not asked for.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from nuem.inputs.backgrounds import HistogramFactor
from nuem.inputs.catalogue import bin_edges, used_bins
from nuem.inputs.errors import InputError
from nuem.inputs.files import read_json, sha256_file
from nuem.inputs.schema import Experiment

if TYPE_CHECKING:
    import hist

__all__ = ["Given", "Grid", "describe_bins", "read_given"]

_Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Given:
    """A histogram with the names of its axes.

    Attributes
    ----------
    edges : mapping of str to ndarray
        Axis -> edges, in the order of the axes.
    values : ndarray
        Contents, of that shape.
    source : str
        Where it is from.
    variances : ndarray or None
        None where the file has none.
    """

    edges: Mapping[str, _Array]
    values: _Array
    source: str
    variances: _Array | None = None

    @classmethod
    def of(cls, histogram: hist.Hist[Any], source: str) -> Given:
        """From a histogram of hist."""
        edges = {axis.name: np.asarray(axis.edges, float) for axis in histogram.axes}
        variances = histogram.variances()
        return cls(
            edges, np.asarray(histogram.values(), dtype=float), source,
            None if variances is None else np.asarray(variances, dtype=float),
        )  # fmt: skip


def read_given(
    files: Iterable[str | Path],
) -> tuple[dict[str, Given], tuple[dict[str, str], ...]]:
    """Read all histograms of UHI JSON files.

    Returns
    -------
    dict
        Name -> histogram.
    tuple of dict
        Name and sha256 of the files.

    Raises
    ------
    InputError
        If a file is not of UHI histograms, or a name is there twice.
    """
    import hist
    import uhi.io.json

    found: dict[str, Given] = {}
    hashes = []
    for file in files:
        document = read_json(Path(file))
        hashes.append({"file": str(file), "sha256": sha256_file(Path(file))})
        if not isinstance(document, dict):
            raise InputError("not a file of histograms", file=file)
        for name, entry in document.items():
            if name in found:
                raise InputError("a histogram is there twice", file=file, field=name)
            try:
                text = json.dumps(entry)
                h = hist.Hist(json.loads(text, object_hook=uhi.io.json.object_hook))
                found[name] = Given.of(h, f"{file}: {name}")
            # whatever a damaged document raises in hist and boost-histogram
            except Exception as error:
                raise InputError(
                    f"not a UHI histogram ({type(error).__name__})", file=file,
                    field=name,
                ) from error  # fmt: skip
            if not np.isfinite(found[name].values).all():
                raise InputError("a content that is no number", file=file, field=name)
    return found, tuple(hashes)


@dataclass(frozen=True, eq=False)
class Grid:
    """Bins on all axes, and the given histograms.

    Attributes
    ----------
    names, units : tuple of str
        Of the axes; the first is the energy.
    edges : tuple of ndarray
    given : mapping of str to Given
    unmasked : tuple of ndarray
        By axis, which bins are used; all where it is empty.

    Examples
    --------
    >>> from nuem.inputs.catalogue import load_experiment
    >>> Grid.of(load_experiment("texono-pcge")).shape
    (39,)
    """

    names: tuple[str, ...]
    units: tuple[str, ...]
    edges: tuple[_Array, ...]
    given: Mapping[str, Given] = field(default_factory=dict)
    unmasked: tuple[NDArray[np.bool_], ...] = ()

    @classmethod
    def of(
        cls, experiment: Experiment, given: Mapping[str, Given] | None = None
    ) -> Grid:
        """The bins of an experiment."""
        return cls(
            tuple(o.name for o in experiment.observables),
            tuple(o.unit for o in experiment.observables),
            tuple(bin_edges(o) for o in experiment.observables),
            dict(given or {}),
            tuple(used_bins(o) for o in experiment.observables),
        )

    @property
    def used(self) -> NDArray[np.bool_]:
        """Which bins of the one row are not masked on any axis."""
        total = np.ones((), dtype=bool)
        for axis in self.unmasked or tuple(np.ones(n, dtype=bool) for n in self.shape):
            total = np.logical_and.outer(total, axis)
        return np.asarray(total.ravel())

    @property
    def shape(self) -> tuple[int, ...]:
        """Number of bins on each axis."""
        return tuple(axis.size - 1 for axis in self.edges)

    @property
    def size(self) -> int:
        """Number of bins."""
        return int(np.prod(self.shape))

    @property
    def energy(self) -> _Array:
        """Edges of the first axis."""
        return self.edges[0]

    def spread(self, counts: _Array) -> _Array:
        """Counts by energy, evenly distributed on the other axes, in one row."""
        result = counts
        for axis in self.edges[1:]:
            share = np.diff(axis) / (axis[-1] - axis[0])
            result = result[..., None] * share
        return result.ravel()

    def project(self, row: _Array, axis: int) -> _Array:
        """Counts of one axis, from those of all bins in one row."""
        others = tuple(k for k in range(len(self.edges)) if k != axis)
        return np.asarray(np.asarray(row).reshape(self.shape).sum(axis=others))

    def fits(self, given: Given) -> bool:
        """Whether a histogram has exactly these axes and bins."""
        return list(given.edges) == list(self.names) and all(
            theirs.shape == ours.shape
            and np.allclose(theirs, ours, rtol=1e-9, atol=1e-9)
            for theirs, ours in zip(given.edges.values(), self.edges, strict=True)
        )

    def histogram(self, name: str, axes: Sequence[str] | None = None) -> _Array:
        """A given histogram in the bins of the analysis.

        Parameters
        ----------
        name : str
        axes : sequence of str, optional
            What is not summed over, in the order of the result; all by default.

        Returns
        -------
        ndarray
            Cells across an edge of the analysis are shared in proportion.

        Raises
        ------
        InputError
            If there is no such histogram or axis, or it does not cover the bins.
        """
        if name not in self.given:
            raise InputError(
                "no such histogram", field=name,
                expected=f"a UHI file with it; there are: {', '.join(sorted(self.given)) or 'none'}",
            )  # fmt: skip
        given = self.given[name]
        own = list(given.edges)
        asked = own if axes is None else list(axes)
        for axis in asked:
            if axis not in own or axis not in self.names:
                raise InputError(
                    "no such axis",
                    file=given.source,
                    found=axis,
                    expected=", ".join(own),
                )
        values = given.values
        # what lies beyond the analysis on an axis that is summed over does not count
        for place, axis in enumerate(own):
            if axis in self.names:
                edges = self.edges[self.names.index(axis)]
                values = _rebinned(
                    values, place, given.edges[axis], edges, given.source
                )
        rest = tuple(k for k, axis in enumerate(own) if axis not in asked)
        values = values.sum(axis=rest)
        kept = [axis for axis in own if axis in asked]
        return np.asarray(values.transpose([kept.index(axis) for axis in asked]))

    def _efficient(self, factor: HistogramFactor) -> Grid:
        """The same with the efficiency of a factor in its histogram."""
        self.histogram(factor.histogram, factor.axes)  # which says what is wrong
        given = self.given[factor.histogram]
        if len(given.edges) != 1:
            raise InputError(
                "an efficiency against the time is that of one axis", file=given.source,
                found=", ".join(given.edges),
            )  # fmt: skip
        assert factor.efficiency is not None
        (edges,) = given.edges.values()
        kept = factor.efficiency(0.5 * (edges[1:] + edges[:-1]))
        changed = replace(given, values=given.values * kept, variances=None)
        return replace(self, given={**self.given, factor.histogram: changed})

    def product(self, factors: Sequence[HistogramFactor]) -> _Array:
        """Product of given histograms in one row, with the sum of the first factor.

        Raises
        ------
        InputError
            If an axis is in none of them, or in two.
        """
        order: list[str] = []
        total = np.ones(())
        norm = 0.0
        for factor in factors:
            grid = self if factor.efficiency is None else self._efficient(factor)
            values = grid.histogram(factor.histogram, factor.axes)
            given = self.given[factor.histogram]
            order += list(given.edges if factor.axes is None else factor.axes)
            if not values.sum() > 0:
                raise InputError("an empty histogram", file=given.source)
            norm = norm or float(values.sum())
            total = np.multiply.outer(total, values / values.sum())
        if sorted(order) != sorted(self.names):
            raise InputError(
                "the histograms do not have each axis once between them",
                field=", ".join(f.histogram for f in factors), found=", ".join(order),
                expected=", ".join(self.names),
            )  # fmt: skip
        placed = total.transpose([order.index(name) for name in self.names])
        return np.asarray(norm * placed.ravel())


def _rebinned(
    values: _Array, place: int, fine: _Array, edges: _Array, source: str
) -> _Array:
    """Sums in coarser bins along one axis; cells across an edge are shared."""
    slack = 1e-6 * (edges[-1] - edges[0])
    if fine[0] > edges[0] + slack or fine[-1] < edges[-1] - slack:
        raise InputError(
            "a histogram does not cover the bins of the analysis", file=source,
            found=f"{fine[0]:g} to {fine[-1]:g}",
            expected=f"{edges[0]:g} to {edges[-1]:g}",
        )  # fmt: skip
    if fine.shape == edges.shape and np.allclose(fine, edges, rtol=0, atol=slack):
        return values  # to the last digit
    rows = np.moveaxis(values, place, -1)
    total = np.concatenate(
        [np.zeros((*rows.shape[:-1], 1)), np.cumsum(rows, axis=-1)], axis=-1
    )
    at = np.interp(edges, fine, np.arange(fine.size, dtype=float))
    low = np.minimum(at.astype(int), fine.size - 2)
    part = at - low
    ends = total[..., low] * (1 - part) + total[..., low + 1] * part
    return np.asarray(np.moveaxis(np.diff(ends, axis=-1), -1, place))


def describe_bins(edges: Mapping[str, _Array]) -> str:
    """Number and range of the bins of each axis, for messages."""
    return " x ".join(
        f"{name} {axis.size - 1} bins from {axis[0]:g} to {axis[-1]:g}"
        for name, axis in edges.items()
    )
