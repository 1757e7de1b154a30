"""Ladders, profiles, belts and regions: what is drawn, and what is refused."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from nuem.inputs.errors import InputError
from nuem.plots.comparisons import belts, profiles, regions
from nuem.plots.ladder import Rung, ladder


def test_ladder_is_sorted_and_keeps_the_kinds_apart(examples: SimpleNamespace) -> None:
    fig = ladder(**examples.ladder)
    labels = [text.get_text() for text in fig.axes[0].get_yticklabels()]
    assert labels[0] == "neutrality of matter"
    assert labels[-1] == "spallation source"
    points = [line for line in fig.axes[0].lines if line.get_marker() == "o"]
    is_open = [line.get_markerfacecolor() == "none" for line in points]
    assert (is_open.count(True), is_open.count(False)) == (3, 3)
    assert len(fig.axes[0].patches) == 2


def test_profiles_draw_every_curve(examples: SimpleNamespace) -> None:
    fig = profiles(**examples.profiles)
    drawn = {line.get_label(): line for line in fig.axes[0].lines}
    for name, (x, y) in examples.profiles["curves"].items():
        assert drawn[name].get_xdata() == pytest.approx(x)
        assert drawn[name].get_ydata() == pytest.approx(y)


def test_belts_have_two_sides_each(examples: SimpleNamespace) -> None:
    lines = belts(**examples.belts).axes[0].lines
    assert len(lines) == 5


@pytest.mark.parametrize(
    "draw",
    [
        lambda: ladder([]),
        lambda: ladder([Rung("none")]),
        lambda: ladder([Rung("negative", -1.0)]),
        lambda: profiles({}),
        lambda: profiles({"a": ([0.0, 1.0], [0.0])}),
        lambda: belts({}),
        lambda: belts({"a": ([0.0, 1.0], [1.0, 1.0], [0.0, 0.0])}),
        lambda: regions({}),
        lambda: regions({"a": ([0.0, 1.0], [0.0, 1.0], [[1.0]])}),
        lambda: regions({"open": ([0.0, 1.0], [0.0, 1.0], np.zeros((2, 2)))}),
    ],
)
def test_what_cannot_be_drawn_is_refused(draw: object) -> None:
    with pytest.raises(InputError):
        draw()  # type: ignore[operator]
