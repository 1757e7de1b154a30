"""The style: grey print, isolation, saving."""

from __future__ import annotations

import subprocess
import sys
from itertools import combinations
from typing import TYPE_CHECKING

import matplotlib as mpl
import pytest
from matplotlib.colors import to_rgb

from nuem.inputs.errors import InputError
from nuem.plots.cross_sections import rates
from nuem.plots.style import SERIES, hep_style, new_figure, save, series

if TYPE_CHECKING:
    from pathlib import Path
    from types import SimpleNamespace


def grey(colour: str) -> float:
    """Luminance as a printer without colours shows it (ITU-R BT.601)."""
    red, green, blue = to_rgb(colour)
    return 0.299 * red + 0.587 * green + 0.114 * blue


def test_series_differ_in_grey() -> None:
    shades = [grey(one.colour) for one in SERIES]
    assert min(abs(a - b) for a, b in combinations(shades, 2)) > 0.09
    # Readable on white.
    assert max(shades) < 0.72


def test_series_differ_without_any_shade() -> None:
    assert len({one.marker for one in SERIES}) == len(SERIES)
    assert len({str(one.linestyle) for one in SERIES}) == len(SERIES)
    assert series(len(SERIES)) == series(0)


def test_style_stays_inside() -> None:
    before = dict(mpl.rcParams)
    with hep_style():
        assert mpl.rcParams["font.family"] == ["DejaVu Sans"]
    assert dict(mpl.rcParams) == before


def test_style_is_taken_back_after_an_error() -> None:
    before = dict(mpl.rcParams)
    with pytest.raises(RuntimeError), hep_style():
        raise RuntimeError
    assert dict(mpl.rcParams) == before


def test_settings_of_the_caller_do_not_change_a_figure(
    examples: SimpleNamespace, tmp_path: Path
) -> None:
    plain = save(rates(**examples.rates), tmp_path / "plain")
    with mpl.rc_context({"font.size": 30, "lines.linewidth": 9, "axes.grid": True}):
        other = save(rates(**examples.rates), tmp_path / "other")
    for one, two in zip(plain, other, strict=True):
        assert one.read_bytes() == two.read_bytes()


def test_pyplot_knows_no_figure(examples: SimpleNamespace) -> None:
    import matplotlib.pyplot as plt

    before = plt.get_fignums()
    rates(**examples.rates)
    assert plt.get_fignums() == before


def test_same_figure_same_bytes(
    examples: SimpleNamespace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = save(rates(**examples.rates), tmp_path / "first")
    # A date in the file would show: matplotlib takes it from here.
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1000000000")
    second = save(rates(**examples.rates), tmp_path / "second")
    for one, two in zip(first, second, strict=True):
        assert one.read_bytes() == two.read_bytes()
    assert b"CreationDate" not in first[0].read_bytes()


def test_saving_twice_changes_nothing(
    examples: SimpleNamespace, tmp_path: Path
) -> None:
    fig = rates(**examples.rates)
    first = [path.read_bytes() for path in save(fig, tmp_path / "a")]
    second = [path.read_bytes() for path in save(fig, tmp_path / "a")]
    assert first == second


def test_pdf_is_vector_with_its_fonts(
    examples: SimpleNamespace, tmp_path: Path
) -> None:
    pdf, png = save(rates(**examples.rates), tmp_path / "rates")
    content = pdf.read_bytes()
    assert content.startswith(b"%PDF")
    assert b"/FontFile2" in content
    assert b"/Subtype /Image" not in content
    assert png.read_bytes().startswith(b"\x89PNG")


def test_save_makes_the_folder_keeps_dots_and_leaves_no_parts(tmp_path: Path) -> None:
    with hep_style():
        fig, _ = new_figure()
    written = save(fig, tmp_path / "new" / "limit.v2")
    assert [path.name for path in written] == ["limit.v2.pdf", "limit.v2.png"]
    assert sorted(path.name for path in (tmp_path / "new").iterdir()) == [
        "limit.v2.pdf",
        "limit.v2.png",
    ]


def test_save_where_nothing_can_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    with hep_style():
        fig, _ = new_figure()
    with pytest.raises(InputError, match="cannot be written") as caught:
        save(fig, tmp_path / "file" / "figure")
    assert "\n" not in str(caught.value)
    with pytest.raises(InputError, match="needs a name"):
        save(fig, "")


def test_failed_write_leaves_the_old_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with hep_style():
        fig, _ = new_figure()
    pdf, _ = save(fig, tmp_path / "figure")
    before = pdf.read_bytes()

    def full(self: Path, content: bytes) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("pathlib.Path.write_bytes", full)
    with pytest.raises(InputError, match="no space left"):
        save(fig, tmp_path / "figure")
    assert pdf.read_bytes() == before
    assert not list(tmp_path.glob(".figure*"))


def test_a_figure_that_cannot_be_drawn_leaves_no_file(tmp_path: Path) -> None:
    with hep_style():
        fig, ax = new_figure()
        ax.set_xlabel(r"$\nosuchcommand$")
    with pytest.raises(ValueError, match="nosuchcommand"):
        save(fig, tmp_path / "figure")
    assert not list(tmp_path.iterdir())


def test_import_is_light() -> None:
    """matplotlib is loaded when a figure is made, not when the package is."""
    code = (
        "import sys, nuem.plots.spectra, nuem.plots.limits, nuem.plots.cross_sections\n"
        "print([m for m in ('matplotlib', 'mplhep', 'scipy') if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"
