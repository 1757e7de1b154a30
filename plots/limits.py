"""Limits: CLs against the parameter, observed and expected."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from nuem.inputs.errors import InputError
from nuem.plots.checks import array, number, vector
from nuem.plots.labels import (
    axis_label,
    experiment_label,
    number_text,
    scaled_axis,
    unit_text,
)
from nuem.plots.layout import make_room
from nuem.plots.style import hep_style, new_figure, series

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from numpy.typing import ArrayLike, NDArray

__all__ = ["cls_scan"]

# The colours of these bands are a habit of the field; these two also differ in
# grey, and the curves over them stay readable.
_ONE_SIGMA, _TWO_SIGMA = "#7fc58a", "#f6e6a0"


def cls_scan(
    *,
    tested: ArrayLike,
    observed: ArrayLike | None = None,
    expected: ArrayLike | None = None,
    cl: float = 0.9,
    observed_limit: float | None = None,
    expected_limit: float | None = None,
    parameter: str = r"Signal strength $\mu$",
    unit: str = "",
    coupling_reference: float | None = None,
    coupling: str = "",
    coupling_unit: str = "",
    log: bool = False,
    experiment: str = "",
    status: str = "",
    note: str = "",
) -> Figure:
    r"""Draw CLs against the tested parameter, with the limits marked.

    Parameters
    ----------
    tested : array_like, shape (n,)
        Tested values of the parameter, rising.
    observed : array_like, shape (n,), optional
        Observed CLs; absent for a blind analysis.
    expected : array_like, shape (n, 5), optional
        Expected CLs at -2, -1, 0, 1 and 2 standard deviations.
    cl : float
        Confidence level: the line is drawn at 1 - `cl`.
    observed_limit, expected_limit : float, optional
        Upper limits on the parameter, marked where they meet the line. The legend
        gives them as couplings if there is a `coupling_reference`.
    parameter, unit : str
        Horizontal axis.
    coupling_reference : float, optional
        Coupling at parameter 1, if the parameter is the square of a coupling over
        this reference: a second axis on top shows the coupling.
    coupling, coupling_unit : str
        Label of the second axis, such as ``$|\delta_\mathrm{Q}|$`` and ``e``.
    log : bool
        Logarithmic CLs; values below a hundredth of 1 - `cl` are not shown.
    experiment, status, note : str
        The line above the axes.

    Returns
    -------
    Figure

    Raises
    ------
    InputError
        For shapes that do not fit, CLs outside 0 to 1, a `cl` that is none, or
        nothing to draw.

    Examples
    --------
    >>> fig = cls_scan(tested=[0.0, 1.0, 2.0], observed=[1.0, 0.2, 0.02], cl=0.9,
    ...                observed_limit=1.4, coupling_reference=1e-12,
    ...                coupling=r"$|\delta_\mathrm{Q}|$", coupling_unit="e")
    >>> fig.axes[0].get_ylabel()
    '$\\mathrm{CL_s}$'
    """
    grid = vector("tested", tested)
    if grid.size < 2 or np.any(np.diff(grid) <= 0):
        raise InputError("not rising", field="tested", expected="at least two, rising")
    if observed is None and expected is None:
        raise InputError("nothing to draw", expected="observed or expected CLs")
    size = 1 - number("cl", cl)
    if not 0 < size < 1:
        raise InputError("not a level", field="cl", found=cl, expected="0 < cl < 1")
    seen = None if observed is None else _cls("observed", observed, (grid.size,))
    bands = None if expected is None else _cls("expected", expected, (grid.size, 5))
    second = coupling_reference is not None
    if second:
        number("coupling_reference", coupling_reference or 0.0, above=0)
        if grid[0] < 0:
            raise InputError(
                "a squared coupling below 0",
                field="tested",
                found=f"{grid[0]:g}",
                expected="at least 0 with coupling_reference",
            )

    with hep_style():
        fig, ax = new_figure(top=0.825 if second else 0.925)
        ax.set_xlim(grid[0], grid[-1])
        scaled_axis(ax.xaxis, parameter, unit, largest=float(np.abs(grid).max()))
        ax.set_ylabel(r"$\mathrm{CL_s}$")
        if log:
            ax.set_yscale("log", nonpositive="clip")
        handles: list[Any] = []
        names: list[str] = []
        tops: list[NDArray[np.float64]] = [np.full(grid.size, size)]
        if seen is not None:
            style = series(0)
            handles += ax.plot(grid, seen, color=style.colour, zorder=4)
            names.append("observed")
            tops.append(seen)
        if bands is not None:
            handles += ax.plot(
                grid,
                bands[:, 2],
                color=series(2).colour,
                linestyle=(0, (4, 2)),
                zorder=3,
            )
            for (low, high), colour in (((1, 3), _ONE_SIGMA), ((0, 4), _TWO_SIGMA)):
                handles.append(
                    ax.fill_between(
                        grid,
                        bands[:, low],
                        bands[:, high],
                        color=colour,
                        linewidth=0,
                        zorder=1 if low == 0 else 2,
                    )
                )
            names += ["expected median", r"expected $\pm1\sigma$"]
            names.append(r"expected $\pm2\sigma$")
            tops.append(bands.max(axis=1))
        ax.axhline(size, color=series(4).colour, linewidth=1.0, zorder=3.5)
        ax.annotate(
            f"{100 * cl:.4g}% CL",
            (1, size),
            xycoords=("axes fraction", "data"),
            xytext=(-4, 3),
            textcoords="offset points",
            horizontalalignment="right",
            color=series(4).colour,
            fontsize=9,
            zorder=5,
        )
        for label, value, index in (
            ("observed limit", observed_limit, 0),
            ("expected limit", expected_limit, 2),
        ):
            if value is None:
                continue
            place = number(label.replace(" ", "_"), value)
            if second and place < 0:
                raise InputError(
                    "a squared coupling below 0",
                    field=label.replace(" ", "_"),
                    found=f"{place:g}",
                    expected="at least 0 with coupling_reference",
                )
            seen_here = grid[0] <= place <= grid[-1]
            style = series(index)
            ax.plot(
                [place, place], [0, size], color=style.colour, lw=0.9, ls=(0, (2, 2))
            )
            handles += ax.plot(
                [place],
                [size],
                linestyle="none",
                marker=style.marker,
                markersize=6,
                color=style.colour,
                # Whole at the edge of the axes, but not drawn outside them.
                clip_on=not seen_here,
                zorder=6,
            )
            # The physical quantity, where the parameter stands for one.
            told, told_unit = place, unit
            if coupling_reference is not None:
                told, told_unit = coupling_reference * place**0.5, coupling_unit
            text = f"{label} {number_text(told)} {unit_text(told_unit)}".strip()
            names.append(text if seen_here else f"{text} (beyond the axis)")
        make_room(
            ax,
            handles=handles,
            names=names,
            left=grid,
            right=grid,
            tops=np.max(tops, axis=0),
            bottom=size / 100 if log else 0.0,
            # There is room at the right of a falling curve, unless the axis is log.
            columns=2 if log else 1,
        )
        if log:
            _no_ticks_above_one(ax)
        if second:
            _coupling_axis(ax, coupling_reference or 1.0, coupling, coupling_unit)
        experiment_label(
            ax,
            experiment=experiment,
            status=status,
            note=note,
            rise_pt=38.0 if second else 4.0,
        )
        fig.draw_without_rendering()
    return fig


def _cls(name: str, values: ArrayLike, shape: tuple[int, ...]) -> NDArray[np.float64]:
    """Check CLs: their shape, and that they are probabilities."""
    result = array(name, values)
    if result.shape != shape:
        raise InputError("wrong shape", field=name, found=result.shape, expected=shape)
    if np.any((result < 0) | (result > 1)):
        raise InputError(
            "not CLs",
            field=name,
            found=f"{result.min():g} to {result.max():g}",
            expected="0 to 1",
        )
    return result


def _no_ticks_above_one(ax: Axes) -> None:
    """Leave the room above 1 without numbers: there are no CLs there."""
    from matplotlib.ticker import FixedLocator

    low, high = ax.get_ylim()
    for axis_locator, put in (
        (ax.yaxis.get_major_locator(), ax.yaxis.set_major_locator),
        (ax.yaxis.get_minor_locator(), ax.yaxis.set_minor_locator),
    ):
        places = np.asarray(axis_locator.tick_values(low, high))
        put(FixedLocator(list(places[places <= 1])))


def _coupling_axis(ax: Axes, reference: float, coupling: str, unit: str) -> None:
    """Draw the coupling on top, with round numbers at the square of their place."""
    from matplotlib.ticker import MaxNLocator

    low, high = ax.get_xlim()
    largest = reference * float(np.sqrt(high))
    exponent = int(np.floor(np.log10(largest)))
    exponent = 0 if -2 <= exponent < 4 else exponent
    scale = 10.0**exponent
    ticks = np.asarray(
        MaxNLocator(nbins=8, steps=[1, 2, 5, 10]).tick_values(0, largest / scale)
    )
    places = (ticks * scale / reference) ** 2
    inside = (ticks >= 0) & (places >= low) & (places <= high * (1 + 1e-9))
    kept: list[int] = []
    # Squares crowd at the low end: from the top downward, keep what has room.
    for index in np.flatnonzero(inside)[::-1]:
        if not kept or places[kept[-1]] - places[index] > 0.055 * (high - low):
            kept.append(int(index))
    ax.tick_params(top=False, which="both")
    top = ax.secondary_xaxis("top")
    top.set_xticks(places[kept], [f"{ticks[index]:.6g}" for index in kept])
    top.tick_params(which="major", direction="in", length=6.0, width=0.9)
    top.tick_params(which="minor", top=False)
    top.set_xlabel(axis_label(coupling or "Coupling", unit, exponent=exponent))
