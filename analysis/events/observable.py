"""What is histogrammed: an expression, its bins and its unit."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from nuem.inputs.errors import InputError
from nuem.inputs.expressions import Expression
from nuem.inputs.vocabulary import UNITS

__all__ = ["Observable"]


@dataclass(frozen=True)
class Observable:
    """One axis of the histograms.

    Parameters
    ----------
    name : str
        Name of the axis.
    expression : Expression
        Of branches and derived quantities; one number per event.
    edges : tuple of float
        Bin edges, ascending, in `unit`; a value on an edge belongs to the bin
        above it.
    unit : str
        Unit. Values of a unit of energy must not be negative.

    Raises
    ------
    InputError
        If the edges are not at least two ascending finite numbers.

    Examples
    --------
    >>> from nuem.inputs.expressions import parse
    >>> energy = Observable("E", parse("E"), (0.0, 1.0, 3.0), "keV")
    >>> energy.index(np.array([-1.0, 0.0, 1.0, 2.9, 3.0, np.inf]))
    array([0, 1, 2, 2, 3, 3])
    """

    name: str
    expression: Expression
    edges: tuple[float, ...]
    unit: str = ""

    def __post_init__(self) -> None:
        """Check the edges."""
        edges = np.asarray(self.edges, dtype=np.float64)
        if len(edges) < 2 or not (
            np.isfinite(edges).all() and (np.diff(edges) > 0).all()
        ):
            raise InputError(
                "bad bin edges",
                field=self.name,
                found=self.edges,
                expected="two or more finite numbers in ascending order",
            )
        if not self.name:
            raise InputError("an observable without a name")

    @property
    def is_energy(self) -> bool:
        """Whether the unit is one of energy."""
        return self.unit in UNITS["energy"]

    def axis(self) -> Any:
        """Return the axis of the histograms, with exactly these edges."""
        import hist

        label = f"{self.name} [{self.unit}]" if self.unit else self.name
        return hist.axis.Variable(self.edges, name=self.name, label=label)

    def index(self, values: npt.NDArray[np.float64]) -> npt.NDArray[np.int64]:
        """Find the bin of each value.

        Parameters
        ----------
        values : ndarray, shape (events,)
            Values without NaN.

        Returns
        -------
        ndarray of int64, shape (events,)
            0 for underflow, 1 for the first bin, bins + 1 for overflow.
        """
        edges = np.asarray(self.edges, dtype=np.float64)
        bins = len(edges) - 1
        width = (edges[-1] - edges[0]) / bins
        uniform = np.linspace(edges[0], edges[-1], bins + 1)
        if not np.allclose(edges, uniform, rtol=0, atol=1e-3 * width):
            return np.searchsorted(edges, values, side="right").astype(np.int64)
        # ten times faster than the search; a guess that rounding puts one bin off is
        # mended with the edges themselves, so that both ways agree exactly
        with np.errstate(over="ignore"):
            guess = np.clip((values - edges[0]) * (1 / width), -1.0, float(bins))
        index: npt.NDArray[np.int64] = np.floor(guess).astype(np.int64) + 1
        padded = np.concatenate(([-np.inf], edges, [np.inf]))
        index -= values < padded[index]
        index += values >= padded[index + 1]
        index[index > bins + 1] = bins + 1
        return index
