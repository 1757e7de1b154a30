"""Spectra of values with errors over the components of a fit."""

from __future__ import annotations

import numpy as np
import pytest

from nuem.inputs.errors import InputError
from nuem.plots.components import components

EDGES = np.linspace(0.2, 1.2, 11)
FLAT = np.full(10, 2.0)
RISE = 8.0 * np.exp(-np.arange(10) / 2.0)
TINY = np.full(10, 1e-3)


def test_points_the_fit_and_its_parts() -> None:
    values = FLAT + RISE + 0.1
    figure = components(
        edges=EDGES, values=values, value_errors=np.full(10, 0.3),
        parts={"flat": FLAT, "rise": RISE, "nearly nothing": TINY},
        values_name="reactor ON", lines={"L1": 0.7}, experiment="Ge",
    )  # fmt: skip
    (ax,) = figure.axes
    legend = ax.get_legend()
    assert legend is not None
    names = [text.get_text() for text in legend.get_texts()]
    assert names == ["reactor ON", "fit", "flat", "rise"]
    steps = [
        patch.get_data().values for patch in ax.patches if hasattr(patch, "get_data")
    ]
    np.testing.assert_allclose(steps[0], FLAT + RISE + TINY)
    np.testing.assert_allclose(steps[1], FLAT)
    np.testing.assert_allclose(steps[2], RISE)
    assert ax.get_ylim()[0] <= 0 < (values + 0.3).max() < ax.get_ylim()[1]


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"parts": {}}, "parts"),
        ({"parts": {"flat": FLAT[:-1]}}, "parts.flat"),
        ({"value_errors": np.full(10, -1.0)}, "value_errors"),
        ({"values": FLAT[:-1]}, "values"),
    ],
)
def test_what_does_not_fit(change: dict[str, object], field: str) -> None:
    arguments = {
        "edges": EDGES, "values": FLAT, "value_errors": FLAT, "parts": {"flat": FLAT},
    }  # fmt: skip
    with pytest.raises(InputError, match=field):
        components(**{**arguments, **change})  # type: ignore[arg-type]
