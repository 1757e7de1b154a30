"""Words on a figure: axis labels with units, and the line above the axes."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, Any, Literal

from nuem.plots.style import GREY

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.text import Annotation

__all__ = [
    "axis_label",
    "energy_ticks",
    "experiment_label",
    "number_text",
    "scaled_axis",
    "unit_text",
]

_SHORT_DECADES = 2.5
_UNITS = {"e": "$e$", "mu_B": r"$\mu_\mathrm{B}$", "us": r"$\mu$s", "1": ""}


def unit_text(unit: str) -> str:
    """Return a unit as it is printed; the units of nuem's files are understood.

    Examples
    --------
    >>> unit_text("cm2/keV/atom"), unit_text("mu_B")
    ('cm$^2$/keV/atom', '$\\\\mu_\\\\mathrm{B}$')
    """
    if unit in _UNITS:
        return _UNITS[unit]
    return re.sub(r"\b(cm|m|s)\^?(-?\d+)", r"\1$^{\2}$", unit).replace("$^{2}$", "$^2$")


def number_text(value: float, *, digits: int = 3) -> str:
    """Return a number as it is printed, with powers of ten written out.

    Examples
    --------
    >>> number_text(4.4281), number_text(2.1e-12)
    ('4.43', '$2.1\\\\times10^{-12}$')
    """
    plain = f"{value:.{digits}g}"
    if "e" not in plain:
        return plain
    mantissa, exponent = plain.split("e")
    return rf"${mantissa}\times10^{{{int(exponent)}}}$"


def axis_label(quantity: str, unit: str, *, exponent: int = 0) -> str:
    """Return the label of an axis: the quantity, and its unit in brackets.

    Parameters
    ----------
    quantity : str
        What is drawn.
    unit : str
        Its unit; empty for a number without one.
    exponent : int
        Power of ten taken out of the numbers at the ticks.

    Examples
    --------
    >>> axis_label("Recoil energy $T$", "keV")
    'Recoil energy $T$ [keV]'
    >>> axis_label("|q|", "e", exponent=-12)
    '|q| [$10^{-12}$ $e$]'
    """
    factor = f"$10^{{{exponent}}}$" if exponent else ""
    inside = " ".join(part for part in (factor, unit_text(unit)) if part)
    return f"{quantity} [{inside}]" if inside else quantity


def scaled_axis(axis: Any, quantity: str, unit: str, *, largest: float) -> int:
    """Label a linear axis and take a power of ten out of its ticks into the unit.

    The power belongs beside the unit: matplotlib writes it at the end of the axis,
    where it collides with other text.

    Parameters
    ----------
    axis : XAxis or YAxis
        The axis.
    quantity, unit : str
        As in `axis_label`.
    largest : float
        Largest magnitude on the axis; powers from 1e-2 to 1e4 stay in the ticks.

    Returns
    -------
    int
        The exponent.
    """
    from matplotlib.ticker import FuncFormatter

    exponent = math.floor(math.log10(largest)) if largest > 0 else 0
    if -2 <= exponent < 4:
        exponent = 0
    label = axis_label(quantity, unit, exponent=exponent)
    # Through the axes: they put the label at the end of the axis, as the style says.
    if axis.axis_name == "x":
        axis.axes.set_xlabel(label)
    else:
        axis.axes.set_ylabel(label)
    if exponent:
        scale = 10.0**exponent
        axis.set_major_formatter(
            FuncFormatter(
                lambda value, _: f"{value / scale:.6g}".replace("-", "\u2212")
            )
        )
    return exponent


def energy_ticks(ax: Axes) -> None:
    """Write plain numbers on a logarithmic energy axis with final limits.

    Over less than two and a half decades, 2, 3 and 5 are written too: a spectrum
    from 0.3 to 12 keV would have only two numbers.
    """
    from matplotlib.ticker import FuncFormatter, NullFormatter

    low, high = ax.get_xlim()
    ax.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    short = math.log10(high / low) < _SHORT_DECADES

    def some(value: float, _: object) -> str:
        return f"{value:g}" if f"{value:e}"[0] in "235" else ""

    ax.xaxis.set_minor_formatter(FuncFormatter(some) if short else NullFormatter())


def experiment_label(
    ax: Axes,
    *,
    experiment: str = "",
    status: str = "",
    note: str = "",
    rise_pt: float = 4.0,
) -> None:
    """Write the line above the axes: who, what kind of data, and a note at the right.

    Parameters
    ----------
    ax : Axes
        The axes; the line stands above the upper left corner.
    experiment : str
        Such as ``TEXONO-PCGe``.
    status : str
        Such as ``simulated`` or ``data``; set in italics.
    note : str
        At the right, such as the exposure.
    rise_pt : float
        Distance from the axes in points; more where an axis is drawn on top.
    """
    left = ax.annotate(
        "nuem",
        (0, 1),
        xycoords="axes fraction",
        xytext=(0, rise_pt),
        textcoords="offset points",
        fontweight="bold",
        fontsize=11,
        annotation_clip=False,
    )
    where: Literal["normal", "italic"]
    for text, where in ((experiment, "normal"), (status, "italic")):
        if text:
            left = ax.annotate(
                text,
                (1, 0),
                xycoords=left,
                xytext=(6, 0),
                textcoords="offset points",
                fontstyle=where,
                fontsize=10,
                verticalalignment="bottom",
                annotation_clip=False,
            )
    if note:
        right = ax.annotate(
            note,
            (1, 1),
            xycoords="axes fraction",
            xytext=(0, rise_pt),
            textcoords="offset points",
            horizontalalignment="right",
            fontsize=9,
            color=GREY,
            annotation_clip=False,
        )
        _fit(right, left.get_window_extent().x1 + 6 * ax.figure.dpi / 72)


def _fit(note: Annotation, begin: float) -> None:
    """Make a long note smaller, then break it, before it runs into the line's left."""
    words = note.get_text().split()
    for size, broken in ((9.0, False), (8.0, False), (7.5, True), (6.0, True)):
        if broken and len(words) > 1:
            # Where the halves come out most alike.
            cut = min(
                range(1, len(words)),
                key=lambda k: abs(len(" ".join(words[:k])) - len(" ".join(words[k:]))),
            )
            note.set_text(" ".join(words[:cut]) + "\n" + " ".join(words[cut:]))
        note.set_fontsize(size)
        if note.get_window_extent().x0 >= begin:
            return
