"""Each figure against its reference image, if pytest is run with ``--mpl``.

After a wanted change, with the version of matplotlib named below:
``pytest tests/plots --mpl-generate-path=tests/plots/baseline``. Look at the new
images before they are kept.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import matplotlib as mpl
import pytest
from matplotlib.text import Text

from nuem.plots.belts import belt, likelihood_scan, region
from nuem.plots.comparisons import belts, profiles, regions
from nuem.plots.cross_sections import cross_sections, rates
from nuem.plots.ladder import ladder
from nuem.plots.limits import cls_scan
from nuem.plots.photoabsorption import photoabsorption
from nuem.plots.projections import projection
from nuem.plots.pulls import impacts, pulls
from nuem.plots.runs import live_time_by_run, rate_against_time
from nuem.plots.spectra import band, cut_flow, residual, spectra

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import SimpleNamespace
    from typing import Any

    from matplotlib.figure import Figure

FIGURES: dict[str, tuple[Callable[..., Figure], str, dict[str, Any]]] = {
    "spectra": (spectra, "spectra", {}),
    "spectra-log": (spectra, "spectra", {"log": True, "log_energy": True}),
    "projection": (projection, "projection", {}),
    "residual": (residual, "residual", {}),
    "band": (band, "band", {}),
    "cut-flow": (cut_flow, "cut_flow", {}),
    "rates": (rates, "rates", {}),
    "cross-sections": (cross_sections, "cross_sections", {}),
    "cross-sections-band": (cross_sections, "cross_sections_band", {}),
    "photoabsorption": (photoabsorption, "photoabsorption", {}),
    "cls-scan": (cls_scan, "cls_scan", {}),
    "cls-scan-log": (cls_scan, "cls_scan", {"log": True}),
    "likelihood-scan": (likelihood_scan, "likelihood_scan", {}),
    "belt": (belt, "belt", {}),
    "region": (region, "region", {}),
    "pulls": (pulls, "pulls", {}),
    "impacts": (impacts, "impacts", {}),
    "ladder": (ladder, "ladder", {}),
    "profiles": (profiles, "profiles", {}),
    "belts": (belts, "belts", {}),
    "regions": (regions, "regions", {}),
    "rate-time": (rate_against_time, "rate_time", {}),
    "live-time": (live_time_by_run, "live_time", {}),
}

#: Limits that do not follow the height of the text in the legend.
LIMITS = {
    "spectra": (0, 130),
    "spectra-log": (8, 200),
    "projection": (0, 130),
    "residual": (-12, 24),
    "band": (2.0, 3.6),
    "rates": (3e-4, 5e3),
    "cross-sections": (1e-49, 1e-37),
    "cross-sections-band": (1e-49, 1e-37),
    "rate-time": (0, 400),
    "live-time": (0, 60),
    "cls-scan": (0, 1.05),
    "cls-scan-log": (1e-3, 10),
}

#: Version whose text is in the reference images; another sets letters otherwise.
REFERENCE = "3.11"


def compare(tolerance: float) -> pytest.MarkDecorator:
    """Compare with the reference image; the tolerance is a root mean square of 255."""
    return pytest.mark.mpl_image_compare(
        baseline_dir="baseline",
        style="default",
        savefig_kwargs={"dpi": 60, "metadata": {"Software": None}},
        tolerance=tolerance,
        deterministic=True,
    )


def make(name: str, examples: SimpleNamespace) -> Figure:
    """Make a figure from the example arrays."""
    function, arguments, more = FIGURES[name]
    return function(**getattr(examples, arguments), **more)


@compare(tolerance=8)
@pytest.mark.parametrize("name", FIGURES)
def test_figure(name: str, examples: SimpleNamespace) -> Figure:
    """The whole figure, with the version that made the reference image."""
    if not mpl.__version__.startswith(f"{REFERENCE}."):
        pytest.skip(f"the reference images are of matplotlib {REFERENCE}")
    return make(name, examples)


@compare(tolerance=3)
@pytest.mark.parametrize("name", FIGURES)
def test_drawing(name: str, examples: SimpleNamespace) -> Figure:
    """What is drawn, without text: the same with every version."""
    fig = make(name, examples)
    ax = fig.axes[0]
    if name in LIMITS:
        ax.set_ylim(*LIMITS[name])
    for text in fig.findobj(Text):
        text.set_visible(False)
    legend = ax.get_legend()
    if legend is not None:
        legend.remove()
    return fig


@pytest.mark.parametrize("name", FIGURES)
def test_nothing_is_clipped_or_covered(name: str, examples: SimpleNamespace) -> None:
    """All text lies in the figure, and no two texts overlap."""
    fig = make(name, examples)
    fig.draw_without_rendering()
    # matplotlib keeps ticks beyond the limits; it does not draw them.
    hidden = []
    for ax in fig.axes:
        frame = ax.get_window_extent().padded(1)
        hidden += [
            label
            for axis, place in ((ax.xaxis, 0), (ax.yaxis, 1))
            for tick in [*axis.get_major_ticks(), *axis.get_minor_ticks()]
            for label, x_or_y in ((tick.label1, tick.get_loc()), (tick.label2, None))
            if x_or_y is None
            or not getattr(frame, ("intervalx", "intervaly")[place])[0]
            <= ax.transData.transform((x_or_y, x_or_y))[place]
            <= getattr(frame, ("intervalx", "intervaly")[place])[1]
        ]
    boxes = [
        (text, text.get_window_extent())
        for text in fig.findobj(Text)
        if text.get_text().strip() and text.get_visible() and text not in hidden
    ]
    assert len(boxes) > 5
    for index, (text, box) in enumerate(boxes):
        assert box.x0 >= 0, text
        assert box.y0 >= 0, text
        assert box.x1 <= fig.bbox.width, text
        assert box.y1 <= fig.bbox.height, text
        for other, second in boxes[index + 1 :]:
            across = min(box.x1, second.x1) - max(box.x0, second.x0)
            up = min(box.y1, second.y1) - max(box.y0, second.y0)
            assert min(across, up) <= 1.0, (text, other)
