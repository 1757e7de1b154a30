"""Measured energy spectra with their models, and what is left after subtraction.

The other views of events, `band` and `cut_flow`, stand in `nuem.plots.selection`
and can be had from here too.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from nuem.inputs.errors import InputError
from nuem.plots.checks import array, bin_edges, by_name, errors, vector
from nuem.plots.histograms import (
    draw_points,
    draw_step,
    energy_axis,
    log_floor,
    outside,
    shade,
)
from nuem.plots.labels import axis_label, experiment_label, scaled_axis
from nuem.plots.layout import make_room, mark_lines
from nuem.plots.points import rate
from nuem.plots.selection import band, cut_flow
from nuem.plots.style import hep_style, new_figure, series

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from matplotlib.figure import Figure
    from numpy.typing import ArrayLike, NDArray

__all__ = ["band", "cut_flow", "residual", "spectra"]


def spectra(
    *,
    edges: ArrayLike | Mapping[str, ArrayLike],
    counts: Mapping[str, ArrayLike],
    exposures: float | Mapping[str, float],
    models: Mapping[str, Mapping[str, ArrayLike]] | None = None,
    lines: Mapping[str, float] | None = None,
    log: bool = False,
    log_energy: bool = False,
    energy_unit: str = "keVee",
    masked: Sequence[tuple[float, float]] = (),
    experiment: str = "",
    status: str = "",
    note: str = "",
) -> Figure:
    """Draw measured spectra as rates, with models as steps over them.

    Parameters
    ----------
    edges : array_like, shape (n + 1,), or mapping of name to such
        Bin edges in `energy_unit`, of any widths.
    counts : mapping of str to array_like, shape (n,)
        Counts of each period or region, in the order of drawing.
    exposures : float or mapping of str to float
        Exposure in kg day.
    models : mapping of str to mapping of str to array_like, optional
        For a period or region its curves: expected counts in the same bins.
    lines : mapping of str to float, optional
        Names and energies of lines to mark.
    log, log_energy : bool
        Logarithmic rate and energy.
    energy_unit : str
        ``keVee``, ``keVnr`` or ``keV``.
    masked : sequence of (float, float)
        Ranges that no fit uses, in grey.
    experiment, status, note : str
        The line above the axes: ``TEXONO-PCGe``, ``simulated``, right corner.

    Returns
    -------
    Figure
        Rates in counts/(kg keV day) with central 68.27 % Poisson errors.

    Raises
    ------
    InputError
        For shapes or names that do not fit, negative counts, no exposure, or a
        logarithmic energy from 0.

    Examples
    --------
    >>> fig = spectra(
    ...     edges=[1.0, 2.0, 4.0],
    ...     counts={"ON": [120, 230], "OFF": [70, 130]},
    ...     exposures={"ON": 12.0, "OFF": 7.0},
    ...     models={"OFF": {"background": [72.0, 128.0]}},
    ...     experiment="TEXONO-PCGe", status="simulated",
    ... )
    >>> fig.axes[0].get_ylabel()
    'Rate [counts/(kg keVee day)]'
    """
    names = list(counts)
    if not names:
        raise InputError("no spectrum", field="counts", expected="at least one")
    all_edges = {
        name: bin_edges(f"edges.{name}", value)
        for name, value in by_name("edges", names, edges).items()
    }
    exposure = by_name("exposures", names, exposures)
    if log_energy and min(value[0] for value in all_edges.values()) <= 0:
        raise InputError(
            "a logarithmic energy axis needs positive edges", field="edges"
        )
    unknown = sorted(set(models or {}) - set(names))
    if unknown:
        raise InputError(
            "model of an unknown spectrum",
            field="models",
            found=unknown,
            expected=f"one of {names}",
        )
    points = {
        name: rate(counts=counts[name], edges=all_edges[name], exposure=exposure[name])
        for name in names
    }
    curves: list[tuple[str, NDArray[np.float64], NDArray[np.float64]]] = []
    for name, wanted in (models or {}).items():
        for label, expected in wanted.items():
            value, _ = rate(
                counts=expected, edges=all_edges[name], exposure=exposure[name]
            )
            title = f"{name}: {label}" if len(names) > 1 else label
            curves.append((title, all_edges[name], value))

    with hep_style():
        fig, ax = new_figure()
        energy_axis(ax, list(all_edges.values()), energy_unit, log_energy)
        unit = f"counts/(kg {energy_unit} day)"
        largest = max(float(np.max(value)) for value, _ in points.values())
        if not log:
            scaled_axis(ax.yaxis, "Rate", unit, largest=largest)
        else:
            ax.set_ylabel(axis_label("Rate", unit))
            ax.set_yscale("log", nonpositive="clip")
        shade(ax, masked)
        handles: list[Any] = []
        titles: list[str] = []
        room: list[tuple[NDArray[np.float64], NDArray[np.float64]]] = []
        for index, (name, (value, error)) in enumerate(points.items()):
            where = all_edges[name]
            used = outside(masked, where)
            handles.append(draw_points(ax, where, value, error, series(index), used))
            titles.append(name)
            room.append((where, value + error[1]))
        for index, (title, where, value) in enumerate(curves):
            # Colours go on after the points', lines begin with the plain one.
            style = replace(
                series(index + len(names)), linestyle=series(index).linestyle
            )
            handles.append(draw_step(ax, where, value, style, outside(masked, where)))
            titles.append(title)
            room.append((where, value))
        values = np.concatenate([top for _, top in room])
        make_room(
            ax,
            handles=handles,
            names=titles,
            left=np.concatenate([where[:-1] for where, _ in room]),
            right=np.concatenate([where[1:] for where, _ in room]),
            tops=values,
            bottom=log_floor([value for value, _ in points.values()]) if log else 0.0,
            ceiling=mark_lines(ax, lines),
            avoid=list((lines or {}).values()),
        )
        experiment_label(ax, experiment=experiment, status=status, note=note)
        fig.draw_without_rendering()
    return fig


def residual(
    *,
    edges: ArrayLike,
    values: ArrayLike,
    value_errors: ArrayLike,
    best_fit: ArrayLike | None = None,
    best_fit_band: ArrayLike | None = None,
    excluded: ArrayLike | None = None,
    quantity: str = "ON \u2212 OFF rate",
    values_name: str = "ON \u2212 OFF",
    best_fit_name: str = "best fit",
    band_name: str = r"$\pm2\sigma$",
    excluded_name: str = "excluded at 90% CL",
    lines: Mapping[str, float] | None = None,
    log_energy: bool = False,
    energy_unit: str = "keVee",
    masked: Sequence[tuple[float, float]] = (),
    experiment: str = "",
    status: str = "",
    note: str = "",
) -> Figure:
    """Draw what is left after subtraction, with the best fit and the limit.

    Between periods this is ON - OFF (as figure 4 of Chen et al., Phys. Rev. D 90
    (2014) 011301); with one period, data minus fitted background: name it so in
    `quantity` and `values_name`.

    Parameters
    ----------
    edges : array_like, shape (n + 1,)
        Bin edges in `energy_unit`.
    values : array_like, shape (n,)
        Differences in counts/(kg keV day), of either sign.
    value_errors : array_like, shape (n,) or (2, n)
        Their errors; two rows: downward and upward.
    best_fit : array_like, shape (n,), optional
        Signal at the best fit, in the same unit.
    best_fit_band : array_like, shape (2, n), optional
        Its lower and upper end at two standard deviations.
    excluded : array_like, shape (n,), optional
        Signal at the upper limit.
    quantity, values_name, best_fit_name, band_name, excluded_name : str
        The vertical axis, and the entries of the legend.
    lines, log_energy, energy_unit, masked, experiment, status, note
        As in `spectra`.

    Returns
    -------
    Figure

    Raises
    ------
    InputError
        For shapes that do not fit, negative errors, or a band upside down.

    Examples
    --------
    >>> fig = residual(edges=[0.3, 0.5, 1.0], values=[0.4, -0.1],
    ...                value_errors=[0.3, 0.2], best_fit=[0.2, 0.1],
    ...                best_fit_band=[[-0.2, -0.1], [0.6, 0.3]])
    >>> fig.axes[0].get_xlabel()
    'Measured energy [keVee]'
    """
    where = bin_edges("edges", edges)
    size = where.size - 1
    value = vector("values", values, size=size)
    error = errors("value_errors", value_errors, size=size)
    if log_energy and where[0] <= 0:
        raise InputError(
            "a logarithmic energy axis needs positive edges", field="edges"
        )
    lows, highs = [value - error[0], np.zeros(size)], [value + error[1]]
    with hep_style():
        fig, ax = new_figure()
        energy_axis(ax, [where], energy_unit, log_energy)
        scaled_axis(
            ax.yaxis,
            quantity,
            f"counts/(kg {energy_unit} day)",
            largest=float(np.max(np.abs(value))),
        )
        ax.axhline(0, color=series(0).colour, linewidth=0.7)
        shade(ax, masked)
        used = outside(masked, where)
        handles: list[Any] = [draw_points(ax, where, value, error, series(0), used)]
        titles = [values_name]
        if best_fit_band is not None:
            ends = array("best_fit_band", best_fit_band)
            if ends.shape != (2, size) or np.any(ends[0] > ends[1]):
                raise InputError(
                    "not a band",
                    field="best_fit_band",
                    found=ends.shape,
                    expected=f"lower and upper ends, {(2, size)}",
                )
            fill = ax.stairs(
                ends[1], where, baseline=ends[0], fill=True, color="#c9d6ee", zorder=1
            )
            lows.append(ends[0])
            highs.append(ends[1])
        if best_fit is not None:
            fitted = vector("best_fit", best_fit, size=size)
            handles.append(draw_step(ax, where, fitted, series(2), used))
            titles.append(best_fit_name)
            lows.append(fitted)
            highs.append(fitted)
        if best_fit_band is not None:
            handles.append(fill)
            titles.append(band_name)
        if excluded is not None:
            limit = vector("excluded", excluded, size=size)
            handles.append(draw_step(ax, where, limit, series(1), used))
            titles.append(excluded_name)
            lows.append(limit)
            highs.append(limit)
        top, low = np.max(highs, axis=0), float(np.min(lows))
        make_room(
            ax,
            handles=handles,
            names=titles,
            left=where[:-1],
            right=where[1:],
            tops=top,
            bottom=low - 0.08 * (float(top.max()) - low or 1.0),
            ceiling=mark_lines(ax, lines),
            avoid=list((lines or {}).values()),
        )
        experiment_label(ax, experiment=experiment, status=status, note=note)
        fig.draw_without_rendering()
    return fig
