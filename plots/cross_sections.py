"""Predictions against recoil energy: cross sections, event rates, mixing angles."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from nuem.inputs.errors import InputError
from nuem.plots.checks import by_name, number, vector
from nuem.plots.labels import axis_label, energy_ticks, experiment_label
from nuem.plots.layout import make_room, mark_lines
from nuem.plots.style import GREY, hep_style, new_figure, series

if TYPE_CHECKING:
    from collections.abc import Mapping

    from matplotlib.figure import Figure
    from numpy.typing import ArrayLike, NDArray

__all__ = ["cross_sections", "mixing_angles", "rates"]


def cross_sections(
    *,
    recoil_kev: ArrayLike | Mapping[str, ArrayLike],
    curves: Mapping[str, ArrayLike],
    unit: str = "cm2/keV/atom",
    recoil_unit: str = "keV",
    bands: Mapping[str, tuple[str, ...]] | None = None,
    lines: Mapping[str, float] | None = None,
    x_range: tuple[float, float] | None = None,
    y_range: tuple[float, float] | None = None,
    experiment: str = "",
    status: str = "",
    note: str = "",
) -> Figure:
    r"""Draw differential cross sections, one curve per method; both axes log.

    Parameters
    ----------
    recoil_kev : array_like, shape (n,), or mapping of name to such
        Rising energies above 0, of all curves or of each.
    curves : mapping of str to array_like, shape (n,)
        Name and values in `unit`, at least 0; at 0 (above the kinematic end)
        nothing is drawn.
    unit : str
        As the cross sections are given: ``cm2/keV/atom``, ``cm2/keV/nucleus``.
    recoil_unit : str
        ``keV``, ``keVee`` or ``keVnr``.
    bands : mapping of str to tuple of str, optional
        Name, and names of the curves of the same energies whose range is shaded.
    lines : mapping of str to float, optional
        Names and energies to mark, such as absorption edges.
    x_range, y_range : tuple of float, optional
        Limits of the axes. By default all energies, and ten decades at most.
    experiment, status, note : str
        The line above the axes.

    Returns
    -------
    Figure

    Raises
    ------
    InputError
        For shapes or names that do not fit, energies not rising above 0, or
        negative values (an interference is drawn by its magnitude, named so).

    Examples
    --------
    >>> energy = [0.1, 1.0, 10.0]
    >>> fig = cross_sections(recoil_kev=energy,
    ...                      curves={"free": [1e-42, 1e-44, 1e-46]},
    ...                      note=r"Ge, $E_\nu$ = 1 MeV")
    >>> fig.axes[0].get_ylabel()
    'd$\\sigma$/d$T$ [cm$^2$/keV/atom]'
    """
    return _curves(
        recoil_kev=recoil_kev,
        curves=curves,
        quantity=r"d$\sigma$/d$T$",
        unit=unit,
        recoil_unit=recoil_unit,
        bands=bands,
        lines=lines,
        threshold=None,
        x_range=x_range,
        y_range=y_range,
        header=(experiment, status, note),
    )


def rates(
    *,
    recoil_kev: ArrayLike | Mapping[str, ArrayLike],
    curves: Mapping[str, ArrayLike],
    unit: str = "counts/(kg keV day)",
    recoil_unit: str = "keV",
    lines: Mapping[str, float] | None = None,
    threshold: float | None = None,
    x_range: tuple[float, float] | None = None,
    y_range: tuple[float, float] | None = None,
    experiment: str = "",
    status: str = "",
    note: str = "",
) -> Figure:
    """Draw predicted event rates, one curve per coupling; both axes log.

    Parameters
    ----------
    recoil_kev, curves, recoil_unit, lines, x_range, y_range
        As in `cross_sections`, the values in counts/(kg keV day).
    unit : str
        Unit of the rates.
    threshold : float, optional
        Analysis threshold in `recoil_unit`; what lies below is shaded.
    experiment, status, note : str
        The line above the axes.

    Returns
    -------
    Figure

    Raises
    ------
    InputError
        As in `cross_sections`.

    Examples
    --------
    >>> fig = rates(recoil_kev=[0.1, 1.0, 10.0], threshold=0.3,
    ...             curves={"millicharge": [9.0, 0.8, 0.3]})
    >>> fig.axes[0].get_xlabel()
    'Recoil energy $T$ [keV]'
    """
    return _curves(
        recoil_kev=recoil_kev,
        curves=curves,
        quantity="Event rate",
        unit=unit,
        recoil_unit=recoil_unit,
        bands=None,
        lines=lines,
        threshold=threshold,
        x_range=x_range,
        y_range=y_range,
        header=(experiment, status, note),
    )


def mixing_angles(
    *,
    recoil_kev: ArrayLike | Mapping[str, ArrayLike],
    curves: Mapping[str, ArrayLike],
    recoil_unit: str = "keVnr",
    x_range: tuple[float, float] | None = None,
    y_range: tuple[float, float] | None = None,
    experiment: str = "",
    status: str = "",
    note: str = "",
) -> Figure:
    """Draw squared sines of a weak mixing angle that depends on the recoil.

    Parameters
    ----------
    recoil_kev, curves, recoil_unit, x_range, y_range
        As in `cross_sections`, the values from 0 to 1; the vertical axis is linear.
    experiment, status, note : str
        The line above the axes.

    Returns
    -------
    Figure

    Raises
    ------
    InputError
        As in `cross_sections`.

    Examples
    --------
    >>> fig = mixing_angles(recoil_kev=[0.1, 1.0], curves={"SM": [0.239, 0.239]})
    >>> fig.axes[0].get_yscale()
    'linear'
    """
    return _curves(
        recoil_kev=recoil_kev,
        curves=curves,
        quantity=r"Effective $\sin^2\theta_W$",
        unit="",
        recoil_unit=recoil_unit,
        bands=None,
        lines=None,
        threshold=None,
        x_range=x_range,
        y_range=y_range,
        header=(experiment, status, note),
        log=False,
    )


#: Decades below the largest value that are shown when no range is given.
_DECADES = 10
#: With more entries the legend gets a second column, not half of the figure.
_MANY = 5


def _curves(
    *,
    recoil_kev: ArrayLike | Mapping[str, ArrayLike],
    curves: Mapping[str, ArrayLike],
    quantity: str,
    unit: str,
    recoil_unit: str,
    bands: Mapping[str, tuple[str, ...]] | None,
    lines: Mapping[str, float] | None,
    threshold: float | None,
    x_range: tuple[float, float] | None,
    y_range: tuple[float, float] | None,
    header: tuple[str, str, str],
    log: bool = True,
) -> Figure:
    """Draw named curves; the horizontal axis logarithmic, the vertical one if asked."""
    if not curves:
        raise InputError("no curve", field="curves", expected="at least one")
    energies: dict[str, NDArray[np.float64]] = {}
    values: dict[str, NDArray[np.float64]] = {}
    for name, given in by_name("recoil_kev", list(curves), recoil_kev).items():
        energy = vector(f"recoil_kev.{name}", given)
        if energy.size < 2 or energy[0] <= 0 or np.any(np.diff(energy) <= 0):
            raise InputError(
                "not energies of a curve",
                field=f"recoil_kev.{name}",
                expected="at least two, rising, above 0",
            )
        energies[name] = energy
        values[name] = vector(
            f"curves.{name}", curves[name], size=energy.size, minimum=0
        )
    for name, members in (bands or {}).items():
        for member in members:
            if member not in values or not np.array_equal(
                energies[member], energies[members[0]]
            ):
                raise InputError(
                    "not curves of the same energies", field=f"bands.{name}",
                    found=member, expected=", ".join(values),
                )  # fmt: skip
    for field, limits, least in (
        ("x_range", x_range, "0 <"),
        ("y_range", y_range, "0 <" if log else "0 <="),
    ):
        if limits is None:
            continue
        low, high = limits
        if not (0 <= low < high) or (low == 0 and least == "0 <"):
            raise InputError(
                "not a range", field=field, found=limits,
                expected=f"{least} low < high",
            )  # fmt: skip
    x_low, x_high = x_range or (
        min(energy[0] for energy in energies.values()),
        max(energy[-1] for energy in energies.values()),
    )
    with hep_style():
        fig, ax = new_figure(left=0.17)
        ax.set_xscale("log")
        ax.set_yscale("log" if log else "linear")
        ax.set_xlim(x_low, x_high)
        energy_ticks(ax)
        ax.set_xlabel(axis_label("Recoil energy $T$", recoil_unit))
        ax.set_ylabel(axis_label(quantity, unit))
        handles: list[Any] = []
        shown: list[tuple[NDArray[np.float64], NDArray[np.float64]]] = []
        for index, (name, value) in enumerate(values.items()):
            style = series(index)
            handles += ax.plot(
                energies[name],
                np.where(value > 0, value, np.nan),
                color=style.colour,
                linestyle=style.linestyle,
            )
            seen = (value > 0) & (energies[name] >= x_low) & (energies[name] <= x_high)
            shown.append((energies[name][seen], value[seen]))
        names = list(values)
        for index, (name, members) in enumerate((bands or {}).items()):
            among = np.array([values[member] for member in members])
            handles.append(
                ax.fill_between(
                    energies[members[0]],
                    among.min(axis=0),
                    among.max(axis=0),
                    color=series(len(values) + index).colour,
                    alpha=0.25,
                    linewidth=0,
                    zorder=0.5,
                )
            )
            names.append(name)
        where = np.concatenate([energy for energy, _ in shown])
        tops = np.concatenate([value for _, value in shown])
        if threshold is not None:
            limit = number("threshold", threshold, above=0)
            ax.axvspan(x_low, max(limit, x_low), color="#ececec", zorder=0.2)
            handles.append(ax.axvline(limit, color=GREY, linewidth=0.9))
        floor = 1e-3 if log else 0.0
        if log and tops.size:
            floor = max(float(tops.min()) * 0.5, float(tops.max()) / 10.0**_DECADES)
        if threshold is not None:
            names.append(f"threshold {threshold:g} {recoil_unit}")
        make_room(
            ax,
            handles=handles,
            names=names,
            left=where,
            right=where,
            tops=tops,
            bottom=y_range[0] if y_range else floor,
            ceiling=mark_lines(ax, lines),
            columns=2 if len(names) > _MANY else 1,
            avoid=[*(lines or {}).values(), *([threshold] if threshold else [])],
        )
        if y_range:
            ax.set_ylim(*y_range)
        experiment, status, note = header
        experiment_label(ax, experiment=experiment, status=status, note=note)
        fig.draw_without_rendering()
    return fig
