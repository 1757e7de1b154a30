"""Photoabsorption of an atom: calculated and tabulated, with the relative difference."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from nuem.inputs.errors import InputError
from nuem.plots.checks import vector
from nuem.plots.labels import axis_label, energy_ticks, experiment_label
from nuem.plots.style import GREY, hep_style, new_figure, series

if TYPE_CHECKING:
    from collections.abc import Mapping

    from matplotlib.figure import Figure
    from numpy.typing import ArrayLike

__all__ = ["photoabsorption"]


def photoabsorption(
    *,
    energy_kev: ArrayLike,
    curves: Mapping[str, ArrayLike],
    reference: str,
    unit: str = "cm2/atom",
    shown_percent: float = 30.0,
    experiment: str = "",
    note: str = "",
) -> Figure:
    """Draw cross sections above and their difference from one of them below.

    Parameters
    ----------
    energy_kev : array_like, shape (n,)
        Photon energies, rising, above 0.
    curves : mapping of str to array_like, shape (n,)
        Name and cross section; NaN where a table ends.
    reference : str
        Name of the curve that the others are compared with.
    unit : str
        Unit of the cross sections.
    shown_percent : float
        Half of the range of the lower panel.
    experiment, note : str
        The line above the axes.

    Returns
    -------
    Figure
        Two axes: cross sections, differences in per cent.

    Raises
    ------
    InputError
        If the reference is not among the curves, or shapes do not fit.

    Examples
    --------
    >>> fig = photoabsorption(energy_kev=[0.1, 1.0, 10.0], reference="measured",
    ...     curves={"measured": [7e-18, 2e-19, 4e-21], "ours": [7e-18, 2.1e-19, 4e-21]})
    >>> len(fig.axes)
    2
    """
    if reference not in curves:
        raise InputError(
            "no such curve", field="reference", found=reference,
            expected=", ".join(curves),
        )  # fmt: skip
    energy = vector("energy_kev", energy_kev)
    values = {}
    for name, given in curves.items():
        value = np.asarray(given, dtype=np.float64)
        if value.shape != energy.shape:
            raise InputError("shapes do not fit", field=f"curves.{name}")
        values[name] = value
    with hep_style():
        fig, ax = new_figure(height_in=4.8, bottom=0.37, left=0.17)
        below = fig.add_axes((0.17, 0.12, 0.80, 0.23), sharex=ax)
        handles: list[Any] = []
        for index, (name, value) in enumerate(values.items()):
            style = series(index)
            line = {"color": style.colour, "linestyle": style.linestyle}
            handles += ax.plot(energy, value, **line)
            if name != reference:
                percent = 100.0 * (value / values[reference] - 1.0)
                below.plot(energy, percent, **line)
        ax.set_xscale("log")
        ax.set_yscale("log")
        ax.set_xlim(float(energy[0]), float(energy[-1]))
        ax.set_ylabel(axis_label(r"$\sigma_\gamma$", unit))
        ax.legend(handles, list(values), loc="lower left")
        ax.tick_params(labelbottom=False, which="both")
        below.axhline(0.0, color=GREY, linewidth=0.7)
        for level in (-5.0, 5.0):
            below.axhline(level, color=GREY, linewidth=0.5, linestyle=":")
        below.set_ylim(-shown_percent, shown_percent)
        below.set_ylabel("diff. [%]", loc="center")
        below.set_xlabel(axis_label("Energy", "keV"))
        for which, length in (("major", 4.0), ("minor", 2.0)):
            below.tick_params(
                which=which, direction="in", length=length, top=True, right=True
            )
        energy_ticks(below)
        experiment_label(ax, experiment=experiment, status="", note=note)
        fig.draw_without_rendering()
    return fig
