"""Nuisance parameters: pulls, and their impacts on the result."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from nuem.inputs.errors import InputError
from nuem.plots.checks import vector
from nuem.plots.style import GREY, hep_style, new_figure, series

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from numpy.typing import ArrayLike

__all__ = ["impacts", "pulls"]

_ONE, _TWO = "#7fc58a", "#f6e6a0"


def pulls(*, names: Sequence[str], values: ArrayLike, errors: ArrayLike) -> Figure:
    """Draw pulls with their uncertainties over bands of one and two deviations.

    Parameters
    ----------
    names : sequence of str
    values, errors : array_like, shape (n,)
        (Best fit - auxiliary datum) and uncertainty, over the width of the constraint.

    Returns
    -------
    Figure

    Raises
    ------
    InputError
        For shapes that do not fit, or no parameters.

    Examples
    --------
    >>> fig = pulls(names=["gain", "flux"], values=[0.4, -1.0], errors=[0.9, 0.5])
    """
    if not names:
        raise InputError("no constrained parameter to draw")
    x = vector("values", values, size=len(names))
    dx = vector("errors", errors, size=len(names), minimum=0)
    with hep_style():
        fig, ax = _rows(names, left=0.30)
        _pull_panel(ax, list(x), list(dx))
        fig.draw_without_rendering()
    return fig


def impacts(
    *,
    names: Sequence[str],
    up: ArrayLike,
    down: ArrayLike,
    pulls: Sequence[float | None],
    errors: Sequence[float | None],
    parameter: str = "parameter of interest",
) -> Figure:
    """Draw the ranking of parameters: shifts of the result at the left, pulls right.

    Parameters
    ----------
    names : sequence of str
        The largest first.
    up, down : array_like, shape (n,)
        Shift of the result with the parameter one uncertainty up and down.
    pulls, errors : sequence of float or None
        None for a parameter without constraint.
    parameter : str
        What is shifted.

    Returns
    -------
    Figure

    Raises
    ------
    InputError
        For shapes that do not fit, or no parameters.

    Examples
    --------
    >>> fig = impacts(names=["gain", "norm"], up=[0.3, -0.1], down=[-0.2, 0.1],
    ...               pulls=[0.2, None], errors=[0.9, None])
    >>> len(fig.axes)
    2
    """
    if not names:
        raise InputError("no parameter to draw")
    high, low = (vector(n, v, size=len(names)) for n, v in (("up", up), ("down", down)))
    with hep_style():
        fig, ax = _rows(names, left=0.27, right=0.63, width=6.6)
        y = np.arange(len(names))
        for shift, style, label, hatch in (
            (high, series(2), "up", None), (low, series(5), "down", "////"),
        ):  # fmt: skip
            ax.barh(
                y, shift, height=0.66, facecolor=style.colour if hatch is None else "none",
                edgecolor=style.colour, hatch=hatch, label=label,
            )  # fmt: skip
        reach = 1.15 * max(float(np.abs([high, low]).max()), 1e-300)
        ax.set_xlim(-reach, reach)
        ax.axvline(0.0, color=GREY, linewidth=0.8)
        ax.set_xlabel(f"Shift of {parameter}")
        ax.legend(
            loc="lower right", ncols=2, bbox_to_anchor=(1.0, 1.0), borderaxespad=0.2
        )
        side = fig.add_axes(
            (0.66, ax.get_position().y0, 0.31, ax.get_position().height)
        )
        side.set_ylim(*ax.get_ylim())
        side.tick_params(labelleft=False, which="both", left=False, right=False)
        side.tick_params(axis="x", direction="in", top=True, which="both")
        _pull_panel(side, list(pulls), list(errors))
        fig.draw_without_rendering()
    return fig


def _rows(
    names: Sequence[str], *, left: float, right: float = 0.97, width: float = 5.2
) -> tuple[Figure, Axes]:
    height = max(2.2, 1.1 + 0.24 * len(names))
    fig, ax = new_figure(
        width_in=width, height_in=height, left=left, right=right, bottom=0.62 / height,
        top=1 - 0.34 / height,
    )  # fmt: skip
    ax.set_yticks(np.arange(len(names)), list(names), fontsize=8.5)
    ax.tick_params(axis="y", which="both", left=False, right=False)
    ax.set_ylim(len(names) - 0.4, -0.6)
    return fig, ax


def _pull_panel(
    ax: Axes, values: Sequence[float | None], errors: Sequence[float | None]
) -> None:
    ax.axvspan(-2, 2, color=_TWO, linewidth=0, zorder=0)
    ax.axvspan(-1, 1, color=_ONE, linewidth=0, zorder=0)
    ax.axvline(0.0, color=GREY, linewidth=0.8, zorder=1)
    there = [
        (k, v, e)
        for k, (v, e) in enumerate(zip(values, errors, strict=True))
        if v is not None and e is not None
    ]
    if there:
        rows, x, dx = (np.array(column) for column in zip(*there, strict=True))
        ax.errorbar(x, rows, xerr=dx, fmt="o", color=series(0).colour, zorder=3)
    reach = max([2.5, *(abs(v) + e + 0.3 for _, v, e in there)])
    ax.set_xlim(-reach, reach)
    ax.set_xlabel("Pull")
