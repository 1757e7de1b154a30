"""The look of every figure: style sheet, series that survive grey print, saving.

The style is applied in a context and leaves the settings of the caller alone.
Fonts are those shipped with matplotlib, so a figure is the same on any machine.
"""

from __future__ import annotations

import os
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nuem.inputs.errors import InputError
from nuem.inputs.files import atomic_path

if TYPE_CHECKING:
    from collections.abc import Iterator

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["GREY", "SERIES", "Series", "hep_style", "new_figure", "save", "series"]


@dataclass(frozen=True)
class Series:
    """How one set of points or one curve is drawn."""

    colour: str
    linestyle: Any
    marker: str
    filled: bool


#: Luminance differs by at least a tenth between any two, and neighbours are far
#: apart, so that print without colour keeps them apart; line and marker do too.
SERIES: tuple[Series, ...] = (
    Series("#000000", "-", "o", True),
    Series("#e67e10", (0, (5, 1.5)), "s", False),
    Series("#14267a", (0, (4, 1.3, 1, 1.3)), "^", True),
    Series("#2c8f78", (0, (1.2, 1.2)), "D", False),
    Series("#bb2046", (0, (8, 1.5, 1, 1.5, 1, 1.5)), "v", True),
    Series("#7cc5ee", (0, (2.6, 1.3)), "P", False),
)

#: Guides and labels that must not compete with data.
GREY = "#5c5c5c"

# Sizes are for a figure 5.2 in wide; reduced to a journal column of 3.4 in, the
# smallest letters are still 6 pt.
_OVERRIDES: dict[str, Any] = {
    "figure.figsize": (5.2, 4.2),
    "figure.dpi": 100,
    "savefig.dpi": "figure",
    "savefig.bbox": None,
    "font.family": ["DejaVu Sans"],
    "mathtext.fontset": "dejavusans",
    "font.size": 11,
    "axes.labelsize": 12,
    "axes.linewidth": 0.9,
    "axes.unicode_minus": True,
    "axes.formatter.useoffset": False,
    "xtick.labelsize": 10.5,
    "ytick.labelsize": 10.5,
    "legend.fontsize": 9,
    "legend.frameon": True,
    "legend.fancybox": False,
    "legend.framealpha": 1.0,
    "legend.edgecolor": "none",
    "legend.handlelength": 2.4,
    "legend.borderpad": 0.3,
    "legend.labelspacing": 0.35,
    "legend.columnspacing": 1.2,
    "lines.linewidth": 1.5,
    "lines.markersize": 4.0,
    "errorbar.capsize": 0.0,
    "hatch.linewidth": 0.5,
    # Hinting moves letters to whole pixels, by rules that change with the version
    # of the font library.
    "text.hinting": "no_hinting",
    # TrueType keeps the text of a PDF searchable and editable.
    "pdf.fonttype": 42,
}


def series(index: int) -> Series:
    """Return the style of the curve or set of points at a position.

    Parameters
    ----------
    index : int
        Position, counted from 0; after the last style it begins again.

    Returns
    -------
    Series

    Examples
    --------
    >>> series(0).marker, series(1).marker
    ('o', 's')
    """
    return SERIES[index % len(SERIES)]


@contextmanager
def hep_style() -> Iterator[None]:
    """Apply the style inside a ``with`` block, and only there.

    It starts from the defaults of matplotlib, not from the settings of the
    caller: the same arrays give the same figure everywhere. matplotlib's settings
    are shared by threads, so figures are made in one thread.

    Examples
    --------
    >>> import matplotlib
    >>> before = matplotlib.rcParams["font.size"]
    >>> with hep_style():
    ...     inside = matplotlib.rcParams["font.size"]
    >>> inside, matplotlib.rcParams["font.size"] == before
    (11.0, True)
    """
    import matplotlib as mpl
    from mplhep.styles import ROOT

    # The letters of a formula as matplotlib sets them: italics for quantities.
    own = {"mathtext.default": mpl.rcParamsDefault["mathtext.default"], **_OVERRIDES}
    settings: Any = mpl.rcParams
    with mpl.rc_context():
        mpl.rcdefaults()
        settings.update(ROOT)
        settings.update(own)
        yield


def new_figure(
    *,
    width_in: float = 5.2,
    height_in: float = 4.2,
    left: float = 0.15,
    right: float = 0.97,
    bottom: float = 0.135,
    top: float = 0.925,
) -> tuple[Figure, Axes]:
    """Make a figure with one set of axes at a fixed place; call in `hep_style`.

    Parameters
    ----------
    width_in, height_in : float
        Size in inches.
    left, right, bottom, top : float
        Borders of the axes in fractions of the figure. Fixed, because a layout
        that follows the text would move with the version of the font library.

    Returns
    -------
    tuple of Figure and Axes
        A figure that pyplot does not know: nothing to close.
    """
    from matplotlib.figure import Figure

    fig = Figure(figsize=(width_in, height_in))
    fig.subplots_adjust(left=left, right=right, bottom=bottom, top=top)
    ax = fig.add_subplot()
    # matplotlib makes ticks when it draws, by the settings of that moment; said
    # here, they stay ours when the caller draws outside the style.
    for which, length in (("major", 6.0), ("minor", 3.0)):
        ax.tick_params(
            which=which, direction="in", length=length, width=0.9, top=True, right=True
        )
    return fig, ax


def save(fig: Figure, stem: str | os.PathLike[str]) -> tuple[Path, Path]:
    """Write a figure as vector PDF and as PNG; same figure, same bytes.

    Parameters
    ----------
    fig : Figure
        The figure.
    stem : path
        Path without extension; missing folders are made. A dot in the name is
        kept (``limit.v2`` gives ``limit.v2.pdf``).

    Returns
    -------
    tuple of Path
        The PDF and the PNG (200 dots per inch). Each appears whole or not at all.

    Raises
    ------
    InputError
        If the folder or the files cannot be written.

    Examples
    --------
    >>> import tempfile
    >>> with hep_style():
    ...     fig, ax = new_figure()
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     pdf, png = save(fig, f"{folder}/empty")
    >>> pdf.name, png.name
    ('empty.pdf', 'empty.png')
    """
    base = Path(stem)
    if not base.name:
        raise InputError(
            "a figure needs a name", found=repr(str(stem)), expected="folder/name"
        )
    # Both are made in memory first: a figure that cannot be drawn leaves no file.
    contents: dict[Path, bytes] = {}
    for extension, metadata in (
        ("pdf", {"Creator": "nuem", "CreationDate": None}),
        ("png", {"Software": "nuem"}),
    ):
        buffer = BytesIO()
        with hep_style():
            fig.savefig(buffer, format=extension, dpi=200, metadata=metadata)
        contents[base.with_name(f"{base.name}.{extension}")] = buffer.getvalue()
    for path, content in contents.items():
        with atomic_path(path) as temporary:
            temporary.write_bytes(content)
    pdf, png = contents
    return pdf, png
