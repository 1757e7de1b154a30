"""Photoabsorption with the panel of differences, and the figures of an atom."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from nuem.analysis.atomic_figures import draw_atomic
from nuem.inputs.errors import InputError, ModelError
from nuem.plots.cross_sections import cross_sections
from nuem.plots.photoabsorption import photoabsorption


def test_the_panel_below_is_the_difference_in_per_cent() -> None:
    fig = photoabsorption(
        energy_kev=[0.1, 1.0, 10.0], reference="a",
        curves={"a": [4.0, 2.0, 1.0], "b": [4.4, 2.0, np.nan]},
    )  # fmt: skip
    above, below = fig.axes
    assert len(above.lines) == 2
    np.testing.assert_allclose(below.lines[0].get_ydata(), [10.0, 0.0, np.nan])


def test_a_band_is_the_range_of_its_curves() -> None:
    fig = cross_sections(
        recoil_kev=[1.0, 2.0, 3.0],
        curves={"a": [3.0, 2.0, 1.0], "b": [1.0, 2.0, 3.0], "c": [9.0, 9.0, 9.0]},
        bands={"a to b": ("a", "b")},
    )
    (band,) = fig.axes[0].collections
    corners = band.get_paths()[0].vertices
    assert corners[:, 1].min() == 1.0
    assert corners[:, 1].max() == 3.0
    with pytest.raises(InputError, match="bands"):
        cross_sections(
            recoil_kev=[1.0, 2.0], curves={"a": [1.0, 1.0]}, bands={"x": ("a", "b")}
        )


def test_wrong_arguments() -> None:
    with pytest.raises(InputError, match="reference"):
        photoabsorption(energy_kev=[1.0, 2.0], reference="c", curves={"a": [1.0, 2.0]})
    with pytest.raises(InputError, match=r"curves\.a"):
        photoabsorption(energy_kev=[1.0, 2.0], reference="a", curves={"a": [1.0]})


def test_figures_of_germanium(tmp_path: Path) -> None:
    paths = draw_atomic("Ge", tmp_path)
    assert [p.name for p in paths] == [
        "Ge-cross-section.pdf",
        "Ge-cross-section.png",
        "Ge-photoabsorption.pdf",
        "Ge-photoabsorption.png",
    ]
    assert all(p.stat().st_size > 5000 for p in paths)
    with pytest.raises(ModelError, match="nuem atom Pb"):
        draw_atomic("Pb", tmp_path)
