"""Figures of the literature: that they are drawn, with the curves they name."""

from __future__ import annotations

import pytest

from nuem.analysis import figures_literature as literature


@pytest.mark.parametrize(
    ("name", "curves"),
    [
        ("chen_2014_cross_sections", 3),
        ("chen_2014_rates", 6),
        ("nugen_2025_cross_sections", 6),
        ("parada_2020_electrons", 5),
        ("parada_2020_nuclei", 5),
        ("basi_2025_rates", 4),
        ("basi_2025_mixing_angle", 5),
    ],
)
def test_figures(name: str, curves: int) -> None:
    figure = getattr(literature, name)()
    lines = [line for line in figure.axes[0].lines if len(line.get_xdata()) > 2]
    assert len(lines) == curves
