"""A ladder of limits: published and recomputed ones, and those of other kinds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from nuem.inputs.errors import InputError
from nuem.plots.checks import number
from nuem.plots.labels import axis_label, experiment_label
from nuem.plots.style import GREY, hep_style, new_figure, series

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["Rung", "ladder"]

_SHADE = "#e3e3e3"
_RUNG_IN = 0.17


@dataclass(frozen=True)
class Rung:
    """One line of a ladder.

    Attributes
    ----------
    label : str
    published, recomputed : float or None
        Upper limits on the magnitude; at least one of them.
    cited : bool
        A limit of another kind (astrophysics, cosmology, neutrality of matter), which is
        shaded and not recomputed.
    """

    label: str
    published: float | None = None
    recomputed: float | None = None
    cited: bool = False

    @property
    def key(self) -> float:
        """What the ladder is sorted by: the published limit, else ours."""
        for value in (self.published, self.recomputed):
            if value is not None:
                return value
        raise InputError("a rung without a limit", field=self.label)


def ladder(
    rungs: Sequence[Rung],
    *,
    quantity: str = r"Upper limit on $|q_\nu|$",
    unit: str = "e",
    experiment: str = "",
    status: str = "",
    note: str = "",
) -> Figure:
    """Draw limits one above the other, sorted, the strongest at the top.

    Parameters
    ----------
    rungs : sequence of Rung
        Published limits are open points, recomputed ones filled, and a line joins the
        two; cited limits are shaded from the limit on.
    quantity, unit : str
        Horizontal axis, logarithmic.
    experiment, status, note : str
        The line above the axes.

    Returns
    -------
    Figure

    Raises
    ------
    InputError
        If there is no rung, or a limit that is not above 0.

    Examples
    --------
    >>> fig = ladder([Rung("A", 2.1e-12, 2.5e-12), Rung("sun", 6e-14, cited=True)])
    >>> [text.get_text() for text in fig.axes[0].get_yticklabels()]
    ['sun', 'A']
    """
    if not rungs:
        raise InputError("nothing to draw", field="rungs", expected="at least one rung")
    ordered = sorted(rungs, key=lambda rung: rung.key)
    values = [
        number(rung.label, value, above=0)
        for rung in ordered
        for value in (rung.published, rung.recomputed)
        if value is not None
    ]
    low, high = min(values) / 6.0, max(values) * 6.0
    height = 1.1 + _RUNG_IN * len(ordered)
    with hep_style():
        fig, ax = new_figure(
            width_in=7.0, height_in=height, left=0.43, right=0.97,
            bottom=0.62 / height, top=1.0 - 0.33 / height,
        )  # fmt: skip
        ax.set_xscale("log")
        ax.set_xlim(low, high)
        ax.set_ylim(len(ordered) - 0.4, -0.6)
        ours, theirs = series(2), series(1)
        for y, rung in enumerate(ordered):
            if rung.cited:
                ax.barh(y, high, left=rung.key, height=0.8, color=_SHADE, zorder=1)
                ax.plot([rung.key] * 2, [y - 0.4, y + 0.4], color=GREY, zorder=2)
                continue
            if rung.published is not None and rung.recomputed is not None:
                ax.plot(
                    [rung.published, rung.recomputed], [y, y], color=GREY,
                    linewidth=0.8, zorder=2,
                )  # fmt: skip
            if rung.published is not None:
                ax.plot(
                    [rung.published], [y], linestyle="none", marker="o", zorder=4,
                    markerfacecolor="none", markeredgecolor=theirs.colour, markersize=6,
                )  # fmt: skip
            if rung.recomputed is not None:
                ax.plot(
                    [rung.recomputed], [y], linestyle="none", marker="o", zorder=3,
                    color=ours.colour, markersize=5,
                )  # fmt: skip
        ax.set_yticks(range(len(ordered)), [rung.label for rung in ordered])
        ax.tick_params(axis="y", which="both", length=0, labelsize=7.5)
        ax.set_xlabel(axis_label(quantity, unit))
        _legend(ax, ours.colour, theirs.colour, any(rung.cited for rung in ordered))
        experiment_label(ax, experiment=experiment, status=status, note=note)
        fig.draw_without_rendering()
    return fig


def _legend(ax: Axes, ours: str, theirs: str, cited: bool) -> None:
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    handles: list[Line2D | Patch] = [
        Line2D(
            [], [], linestyle="none", marker="o", markerfacecolor="none",
            markeredgecolor=theirs, markersize=6, label="published",
        ),
        Line2D(
            [], [], linestyle="none", marker="o", color=ours, markersize=5,
            label="recomputed",
        ),
    ]  # fmt: skip
    if cited:
        handles.append(Patch(facecolor=_SHADE, edgecolor=GREY, label="cited"))
    ax.legend(handles=handles, loc="lower left")
