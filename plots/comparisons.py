"""Several profiles, belts or regions in one figure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from nuem.inputs.errors import InputError
from nuem.plots.checks import array, number, vector
from nuem.plots.labels import experiment_label, scaled_axis
from nuem.plots.style import GREY, hep_style, new_figure, series

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from numpy.typing import ArrayLike

__all__ = ["belts", "profiles", "regions"]


def profiles(
    curves: Mapping[str, tuple[ArrayLike, ArrayLike]],
    *,
    critical: float = 2.706,
    critical_name: str = "90% CL",
    span: float | None = None,
    parameter: str = r"$q_\nu$",
    unit: str = "e",
    experiment: str = "",
    status: str = "",
    note: str = "",
) -> Figure:
    r"""Draw chi^2 over its minimum for several experiments.

    Parameters
    ----------
    curves : mapping of str to (array_like, array_like)
        Name to values of the parameter, rising, and rises of chi^2; the last one is
        drawn in bold (the combination).
    critical : float
        Level that is marked.
    critical_name : str
        Its name.
    span : float, optional
        The axis goes from -span to span; by default as far as the values.
    parameter, unit : str
        Horizontal axis.
    experiment, status, note : str
        The line above the axes.

    Returns
    -------
    Figure

    Raises
    ------
    InputError
        If there is no curve, or shapes do not fit.

    Examples
    --------
    >>> q = [-1e-12, 0.0, 1e-12]
    >>> fig = profiles({"A": (q, [4.0, 0.0, 4.0]), "B": (q, [9.0, 0.0, 9.0])})
    >>> fig.axes[0].get_ylabel()
    '$\\Delta\\chi^2$'
    """
    if not curves:
        raise InputError("nothing to draw", field="curves")
    known = {
        name: (vector(name, x), vector(name, y, size=np.size(x)))
        for name, (x, y) in curves.items()
    }
    reach = span or max(float(np.abs(x).max()) for x, _ in known.values())
    with hep_style():
        fig, ax = new_figure()
        for index, (name, (x, y)) in enumerate(known.items()):
            style = series(index)
            last = index == len(known) - 1 and len(known) > 1
            ax.plot(
                x, y, color=style.colour, linestyle="-" if last else style.linestyle,
                linewidth=2.2 if last else 1.4, label=name, zorder=3 + last,
            )  # fmt: skip
        ax.axhline(critical, color=GREY, linewidth=1.0, zorder=2)
        ax.annotate(
            critical_name, (1, critical), xycoords=("axes fraction", "data"),
            xytext=(-4, 3), textcoords="offset points", horizontalalignment="right",
            color=GREY, fontsize=9,
        )  # fmt: skip
        ax.set_xlim(-reach, reach)
        ax.set_ylim(0.0, 3.4 * critical)
        scaled_axis(ax.xaxis, parameter, unit, largest=reach)
        ax.set_ylabel(r"$\Delta\chi^2$")
        ax.legend(loc="upper center", ncols=3)
        experiment_label(ax, experiment=experiment, status=status, note=note)
        fig.draw_without_rendering()
    return fig


def belts(
    curves: Mapping[str, tuple[ArrayLike, ArrayLike, ArrayLike]],
    *,
    measured: float = 0.0,
    parameter: str = "True value",
    estimate: str = "Estimate",
    unit: str = "",
    experiment: str = "",
    status: str = "",
    note: str = "",
) -> Figure:
    """Draw confidence belts, the measured value a vertical line.

    Parameters
    ----------
    curves : mapping of str to (array_like, array_like, array_like)
        Name to true values, rising, and the low and high ends of the estimates.
    measured : float
        Where the belts are read.
    parameter, estimate, unit : str
        The axes.
    experiment, status, note : str
        The line above the axes.

    Returns
    -------
    Figure

    Raises
    ------
    InputError
        If there is no belt, or shapes do not fit.

    Examples
    --------
    >>> x = [0.0, 1.0, 2.0]
    >>> fig = belts({"fit": (x, [-1.0, 0.0, 1.0], [1.0, 2.0, 3.0])})
    >>> fig.axes[0].get_ylabel()
    'True value'
    """
    if not curves:
        raise InputError("nothing to draw", field="curves")
    known = {}
    for name, (values, low, high) in curves.items():
        y = vector(name, values)
        left, right = vector(name, low, size=y.size), vector(name, high, size=y.size)
        if np.any(left > right):
            raise InputError("not a belt", field=name, expected="low below high")
        known[name] = (y, left, right)
    with hep_style():
        fig, ax = new_figure()
        for index, (name, (y, left, right)) in enumerate(known.items()):
            style = series(index + 1)
            ax.fill_betweenx(
                y, left, right, color=style.colour, alpha=0.12, linewidth=0
            )
            ax.plot(left, y, color=style.colour, linestyle=style.linestyle)
            ax.plot(right, y, color=style.colour, linestyle=style.linestyle, label=name)
        ax.axvline(number("measured", measured), color=GREY, linewidth=1.0)
        ends = [end for _, left, right in known.values() for end in (left, right)]
        heights = [y for y, _, _ in known.values()]
        low, high = min(map(np.min, ends)), max(map(np.max, ends))
        ax.set_xlim(low, high)
        bottom, top = min(map(np.min, heights)), max(map(np.max, heights))
        ax.set_ylim(bottom, bottom + 1.25 * (top - bottom))
        scaled_axis(ax.xaxis, estimate, unit, largest=float(max(abs(low), abs(high))))
        scaled_axis(
            ax.yaxis, parameter, unit, largest=float(max(abs(bottom), abs(top)))
        )
        ax.legend(loc="upper left", ncols=1)
        experiment_label(ax, experiment=experiment, status=status, note=note)
        fig.draw_without_rendering()
    return fig


def regions(
    curves: Mapping[str, tuple[ArrayLike, ArrayLike, ArrayLike]],
    *,
    critical: float = 4.605,
    names: tuple[str, str] = ("x", "y"),
    unit: str = "e",
    experiment: str = "",
    status: str = "",
    note: str = "",
) -> Figure:
    """Draw the borders of several regions of two parameters.

    Parameters
    ----------
    curves : mapping of str to (array_like, array_like, array_like)
        Name to values of both parameters, shapes (n,) and (m,), and the rise of chi^2,
        shape (n, m).
    critical : float
        Rise at the border.
    names : tuple of str
        The axes.
    unit : str
        Of both.
    experiment, status, note : str
        The line above the axes.

    Returns
    -------
    Figure

    Raises
    ------
    InputError
        If there is no region, shapes do not fit, or a border leaves its grid.

    Examples
    --------
    >>> x = [-2.0, -1.0, 0.0, 1.0, 2.0]
    >>> rise = [[3 * (a * a + b * b) for b in x] for a in x]
    >>> fig = regions({"one": (x, x, rise)}, unit="")
    """
    if not curves:
        raise InputError("nothing to draw", field="curves")
    with hep_style():
        from matplotlib.lines import Line2D

        fig, ax = new_figure()
        handles, reach = [], 0.0
        for index, (name, (x, y, rise)) in enumerate(curves.items()):
            across, up, height = vector(name, x), vector(name, y), array(name, rise)
            if height.shape != (across.size, up.size):
                raise InputError(
                    "wrong shape", field=name, found=height.shape,
                    expected=(across.size, up.size),
                )  # fmt: skip
            inside = height <= critical
            edge = inside[[0, -1]].any() or inside[:, [0, -1]].any()
            if edge or not inside.any():
                raise InputError("no closed region on the grid", field=name)
            style = series(index + 1)
            ax.contour(
                across, up, height.T, levels=[critical], colors=[style.colour],
                linestyles=[style.linestyle],
            )  # fmt: skip
            handles.append(
                Line2D(
                    [], [], color=style.colour, linestyle=style.linestyle, label=name
                )
            )
            reach = max(
                reach,
                float(np.abs(across[inside.any(axis=1)]).max()),
                float(np.abs(up[inside.any(axis=0)]).max()),
            )
        ax.axhline(0.0, color=GREY, linewidth=0.6)
        ax.axvline(0.0, color=GREY, linewidth=0.6)
        ax.set_xlim(-1.2 * reach, 1.2 * reach)
        ax.set_ylim(-1.2 * reach, 1.6 * reach)
        scaled_axis(ax.xaxis, names[0], unit, largest=reach)
        scaled_axis(ax.yaxis, names[1], unit, largest=reach)
        ax.legend(handles=handles, loc="upper right")
        experiment_label(ax, experiment=experiment, status=status, note=note)
        fig.draw_without_rendering()
    return fig
