"""Figures of the comparison: a ladder of all limits, and one in the style of each document."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from fnmatch import fnmatch
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from nuem.analysis.exposure import stated_exposure
from nuem.analysis.inference.islands import allowed, rise_at, scaled
from nuem.analysis.reproduction.audit import find
from nuem.analysis.reproduction.belts import belt_of, setting
from nuem.analysis.reproduction.counting import counting_chi2
from nuem.analysis.reproduction.on_off import expected_background, on_and_off, residual
from nuem.analysis.reproduction.pulls import solar_plane
from nuem.analysis.reproduction.rows import Interval, Row
from nuem.analysis.reproduction.task import Bench, Task
from nuem.inputs.errors import InputError

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = [
    "draw",
    "draw_belts",
    "draw_flavours",
    "draw_ladder",
    "draw_profiles",
    "draw_regions",
    "draw_residual",
]

_Array = NDArray[np.float64]

#: Rows of the ladder: one for each system, at nominal inputs.
_LADDER = (
    "chen-2014/*/atomic", "chen-2014/combined/rounded",
    "parada-2020-electrons/*", "parada-2020-nuclei/*/statistical",
    "basi-2025/cdex-10/e", "basi-2025/cdex-10/mu", "basi-2025/cdex-10/tau",
    "nugen-2025/transition/without-fit", "nugen-2025/diagonal/without-fit",
    "*/quoted/*",
)  # fmt: skip
#: Groups as the ladder names them.
_DOCUMENTS = {
    "chen-2014": "Chen 2014", "nugen-2025": "nuGeN 2025", "basi-2025": "Basi 2025",
    "parada-2020-electrons": "Parada 2020, electrons",
    "parada-2020-nuclei": "Parada 2020, nuclei",
}  # fmt: skip
_TWO_PARAMETERS = 4.605170185988092
_NEUTRINOS = {"e": r"\nu_e", "mu": r"\nu_\mu", "tau": r"\nu_\tau"}
#: Seed of the counts that the residual shows.
_SEED = 4


def _task(name: str, bench: Bench, *, printed: bool = False) -> Task:
    _, row = find(name)[0]
    variant = row.as_printed if printed else row.physical
    if variant is None:
        raise InputError("the row has no such variant", field=name)
    return Task(row, variant, bench)


def _magnitude(islands: Sequence[Interval]) -> float | None:
    """Largest magnitude in the island around zero."""
    for low, high in islands:
        ends = [abs(end) for end in (low, high) if end is not None]
        if ends and (low is None or high is None or low <= 0.0 <= high):
            return max(ends)
    return None


def _named(system: str) -> str:
    """The name of a system with its neutrinos as symbols."""
    for flavour, symbol in _NEUTRINOS.items():
        system = re.sub(rf"\bnu_{flavour}\b", lambda _, s=symbol: f"${s}$", system)  # type: ignore[misc]
    return system


def draw_ladder(rows: Sequence[Row]) -> Figure:
    """All limits on the charge, sorted.

    Raises
    ------
    InputError
        If no row is a limit on the charge.
    """
    from nuem.plots.ladder import Rung, ladder

    indirect = {
        f"{group.name}/{row.id}" for group, row in find() if row.bound == "indirect"
    }
    rungs: dict[str, Rung] = {}
    for row in rows:
        if row.unit != "e" or not any(fnmatch(row.id, pattern) for pattern in _LADDER):
            continue
        published = _magnitude(row.published)
        ours = _magnitude(row.physical)
        if ours is None and any(published == rung.published for rung in rungs.values()):
            continue  # quoted by several documents, or recomputed already
        where = _DOCUMENTS[row.group]
        source = _named(row.system)
        if row.id not in indirect:
            source += f" ({where})"
        rungs[row.id] = Rung(source, published, ours, row.id in indirect)
    return ladder(
        list(rungs.values()), note="published limits, and ours with the correct formula"
    )


def draw_profiles(
    group: str, *, printed: bool = False, bench: Bench | None = None
) -> Figure:
    """Profiles of chi^2 of the experiments of Parada (2020) and their combination.

    Parameters
    ----------
    group : str
        ``parada-2020-electrons`` or ``parada-2020-nuclei`` (statistical errors).
    printed : bool
        The formula as printed instead of the correct one.
    bench : Bench, optional
    """
    from nuem.plots.comparisons import profiles

    bench = bench or Bench()
    nuclei = group.endswith("nuclei")
    rows = [
        row for _, row in find(group)
        if row.procedure == "counting" and (row.id.endswith("/statistical") or not nuclei)
    ]  # fmt: skip
    models = {}
    for row in rows:
        model, _ = counting_chi2(_task(f"{group}/{row.id}", bench, printed=printed))
        models[row.system] = (model, allowed(model, rise_at(0.9, "two"))[0])
    widest = sorted(max(abs(a), abs(b)) for _, (a, b) in models.values())
    span = 1.6 * widest[len(widest) // 2]
    grid = np.linspace(-span, span, 1201)
    curves = {}
    for name, (model, _) in models.items():
        unit = scaled(model)
        rise = unit.at(grid / unit.scale)
        curves[name] = (grid, rise - min(0.0, float(rise.min())))
    return profiles(
        curves, span=span,
        note=("as printed" if printed else "correct formula")
        + (", statistical errors" if nuclei else ""),
    )  # fmt: skip


def draw_belts(kind: str, *, bench: Bench | None = None) -> Figure:
    """Belts of nuGeN (2025) without and with fit, tuned background.

    Parameters
    ----------
    kind : str
        ``magnetic``, ``transition`` or ``diagonal``.
    bench : Bench, optional
    """
    from nuem.plots.comparisons import belts

    bench = bench or Bench()
    curves = {}
    for way in ("without-fit", "with-refit", "with-fit"):
        task = _task(f"nugen-2025/{kind}/{way}-tuned", bench)
        belt, _ = belt_of(task, setting(task))
        inside = np.abs(belt.values) <= 4.0 * (1.0 if kind == "diagonal" else 10.0)
        name = {"with-refit": "with fit, anew in each toy", "with-fit": "with fit"}
        curves[name.get(way, "without fit")] = (
            belt.values[inside], belt.low[inside], belt.high[inside],
        )  # fmt: skip
    what = {
        "magnetic": r"$\mu_\nu^2$ [$10^{-22}\,\mu_\mathrm{B}^2$]",
        "transition": r"$q_{e\ell}^2$ [$10^{-24}\,e^2$]",
        "diagonal": r"$q_{ee}$ [$10^{-12}\,e$]",
    }[kind]
    return belts(
        curves, parameter=f"True {what}", estimate=f"Estimated {what}",
        experiment="nuGeN", status="toys", note="tuned background, 90% CL",
    )  # fmt: skip


def draw_regions(
    first: str = "e", second: str = "mu", *, bench: Bench | None = None
) -> Figure:
    """Regions of two charges at CDEX-10, correct and as printed.

    Parameters
    ----------
    first, second : str
        Two of the flavours ``e``, ``mu`` and ``tau``.
    bench : Bench, optional
    """
    from nuem.plots.comparisons import regions

    bench = bench or Bench()
    curves = {}
    for name, printed in (("correct formula", False), ("as printed", True)):
        plane = solar_plane(_task("basi-2025/cdex-10/e", bench, printed=printed))
        reach = 1.4 * max(
            abs(end)
            for flavour in (first, second)
            for island in allowed(plane.chi2(flavour), _TWO_PARAMETERS)
            for end in island
        )
        grid = np.linspace(-reach, reach, 81)
        rise = np.array([plane.chi2(second, {first: x}).at(grid) for x in grid])
        curves[name] = (grid, grid, rise)
    return regions(
        curves, critical=_TWO_PARAMETERS,
        names=(f"$q_{{{_NEUTRINOS[first]}}}$", f"$q_{{{_NEUTRINOS[second]}}}$"),
        experiment="CDEX-10", status="expectation", note="90% CL, two parameters",
    )  # fmt: skip


def draw_flavours(*, printed: bool = False, bench: Bench | None = None) -> Figure:
    """Profiles of chi^2 of the charge of each flavour at CDEX-10.

    Parameters
    ----------
    printed : bool
        The formula as printed instead of the correct one.
    bench : Bench, optional
    """
    from nuem.plots.comparisons import profiles

    bench = bench or Bench()
    plane = solar_plane(_task("basi-2025/cdex-10/e", bench, printed=printed))
    models = {flavour: plane.chi2(flavour) for flavour in _NEUTRINOS}
    span = 1.3 * max(
        abs(end)
        for model in models.values()
        for island in allowed(model, _TWO_PARAMETERS)
        for end in island
    )
    grid = np.linspace(-span, span, 401)
    return profiles(
        {f"${_NEUTRINOS[f]}$": (grid, model.at(grid)) for f, model in models.items()},
        span=span, note="CDEX-10, " + ("as printed" if printed else "correct formula"),
    )  # fmt: skip


def draw_residual(*, bench: Bench | None = None) -> Figure:
    """ON - OFF of the point-contact detector of Chen et al. (2014), simulated counts."""
    from nuem.plots.spectra import residual as residual_figure

    bench = bench or Bench()
    task = _task("chen-2014/texono-pcge/atomic", bench)
    experiment = task.experiment
    found = residual(task, experiment)
    generator = np.random.default_rng(_SEED)
    rate = np.zeros(found.variance.size)
    for channel, sign in zip(on_and_off(experiment), (1.0, -1.0), strict=True):
        exposure = stated_exposure(channel).kg_day
        mean = exposure * expected_background(experiment, channel, found.edges)
        rate += sign * generator.poisson(mean) / exposure
    weight = found.signal[2] / found.variance
    error = float(np.sum(found.signal[2] * weight)) ** -0.5
    best = float(np.sum(rate * weight)) * error**2
    limit = max(best, 0.0) + rise_at(0.9, "one") ** 0.5 * error
    width = np.diff(found.edges)
    shape = found.signal[2] / width
    return residual_figure(
        edges=found.edges, values=rate / width,
        value_errors=np.sqrt(found.variance) / width, best_fit=best * shape,
        best_fit_band=np.stack([(best - 2 * error) * shape, (best + 2 * error) * shape]),
        excluded=limit * shape, log_energy=True,
        experiment="TEXONO point contact", status="simulated",
        note="124.2 (70.3) kg day ON (OFF)",
    )  # fmt: skip


def draw(rows: Sequence[Row], folder: str | Path) -> list[Path]:
    """Draw the figures of the groups that rows are of, as PNG and PDF.

    Parameters
    ----------
    rows : sequence of Row
    folder : str or Path
        Where to write; it is made if it is not there.

    Returns
    -------
    list of Path
        The files.
    """
    from nuem.plots.style import save

    bench = Bench()
    there = {row.group for row in rows}
    made: dict[str, Callable[[], Figure]] = {}
    if "chen-2014" in there:
        made["chen-2014"] = lambda: draw_residual(bench=bench)
    for group in ("parada-2020-electrons", "parada-2020-nuclei"):
        if group in there:
            made[group] = lambda g=group: draw_profiles(g, bench=bench)  # type: ignore[misc]
            made[f"{group}-as-printed"] = lambda g=group: draw_profiles(  # type: ignore[misc]
                g, printed=True, bench=bench
            )
    if "basi-2025" in there:
        made["basi-2025-flavours"] = lambda: draw_flavours(bench=bench)
        for one, other in (("e", "mu"), ("e", "tau"), ("mu", "tau")):
            made[f"basi-2025-{one}-{other}"] = lambda a=one, b=other: draw_regions(  # type: ignore[misc]
                a, b, bench=bench
            )
    if "nugen-2025" in there:
        for kind in ("magnetic", "transition", "diagonal"):
            made[f"nugen-2025-{kind}"] = lambda k=kind: draw_belts(k, bench=bench)  # type: ignore[misc]
    if len(there) > 1:
        made["ladder"] = lambda: draw_ladder(rows)
    found: list[Path] = []
    for name, function in made.items():
        found += save(function(), Path(folder) / f"reproduction-{name}")
    return found
