"""Sums of weights as a result: exact, and so the same from any parts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from nuem.analysis.events.exact import to_float

if TYPE_CHECKING:
    import hist

__all__ = ["WeightedBins"]


@dataclass(frozen=True)
class WeightedBins:
    """Sums of the weights of all bins, under- and overflow included.

    Parameters
    ----------
    weight, square : tuple of int
        Sum of the weights and of their squares in each bin, as `ExactSum.integers`.

    Examples
    --------
    >>> one = WeightedBins((2**1126,), (2**1125,))
    >>> (one + one).rounded()
    ([2.0], [1.0])
    """

    weight: tuple[int, ...]
    square: tuple[int, ...]

    def __add__(self, other: WeightedBins) -> WeightedBins:
        """Add bin by bin."""
        return WeightedBins(
            tuple(a + b for a, b in zip(self.weight, other.weight, strict=True)),
            tuple(a + b for a, b in zip(self.square, other.square, strict=True)),
        )

    def rounded(self) -> tuple[list[float], list[float]]:
        """Return the sums as the nearest doubles."""
        return [to_float(n) for n in self.weight], [to_float(n) for n in self.square]

    def histogram(self, like: hist.Hist[Any]) -> hist.Hist[Any]:
        """Return a histogram of the weights, with the axes of another."""
        import hist

        result = hist.Hist(*like.axes, storage=hist.storage.Weight(), name=like.name)
        values, variances = map(np.array, self.rounded())
        view = result.view(flow=True)
        view["value"] = values.reshape(view.shape)
        view["variance"] = variances.reshape(view.shape)
        return result

    def to_dict(self) -> dict[str, list[str]]:
        """Return hexadecimal integers in units of 2**-1126, for JSON."""
        return {
            "weight": [hex(n) for n in self.weight],
            "square": [hex(n) for n in self.square],
        }

    @classmethod
    def from_dict(cls, document: Mapping[str, Any]) -> WeightedBins:
        """Make sums of what `to_dict` returned."""
        weight, square = (
            tuple(int(n, 16) for n in document[name]) for name in ("weight", "square")
        )
        return cls(weight, square)
