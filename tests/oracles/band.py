"""What the quantiles of the electronic-recoil band of XENON1T do to rate and limit.

The band is cut at two quantiles of the Rn220 events, parabolas in ln(cs1) by quantile
regression. Which ones is a choice: `python tests/oracles/band.py FOLDER` prints the
table of docs/data/xenon1t-sr1.md for several, from the release (`nuem fetch`).
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import numpy as np
import uproot
from scipy.optimize import linprog
from scipy.sparse import csr_matrix, hstack, identity

from nuem.analysis.stages import (
    histogram_events,
    make_template,
    make_workspace,
    set_limit,
)
from nuem.inputs.catalogue import load_experiment

Array = np.ndarray[Any, Any]
#: Share of the calibration below and above the band; None is no cut.
TAILS = (None, 0.001, 0.0025, 0.005, 0.01, 0.025)
#: The cut of the experiment file.
SHIPPED = 0.0025
TONNE_YEARS = 246.7 * 1245.543 / 365250


def calibration(path: Path) -> tuple[Array, Array]:
    """cs1 and log10(cs2) of the Rn220 events of all volumes, cs1 from 3 to 70 PE."""
    with uproot.open(path) as file:
        trees = [
            file[f"tree_{k}"].arrays(["cs1", "cs2"], library="np") for k in range(3)
        ]
    cs1, cs2 = (np.concatenate([t[n] for t in trees]).astype(float) for n in trees[0])
    chosen = (cs1 > 3) & (cs1 < 70)
    return cs1[chosen], cs2[chosen]


def quantile_parabola(x: Array, y: Array, level: float) -> list[float]:
    """Quantile regression: least sum of y - f(x), weighted by level and 1 - level."""
    columns = np.vander(np.asarray(x), 3, increasing=True)
    count = len(columns)
    cost = np.concatenate(
        [np.zeros(6), np.full(count, level), np.full(count, 1 - level)]
    )
    table = csr_matrix(columns)
    equations = hstack([table, -table, identity(count), -identity(count)]).tocsr()
    found = linprog(cost, A_eq=equations, b_eq=y, bounds=(0, None), method="highs").x
    return list(found[:3] - found[3:6])


def with_band(cs1: Array, cs2: Array, tail: float | None) -> tuple[list[str], float]:
    """Settings of the experiment file for a band, and the share that it keeps."""
    cut = 'events.cuts.er-band.expression="cs1 > 0"'
    kept = 1.0
    if tail is not None:
        x = np.log(cs1)
        low, high = (quantile_parabola(x, cs2, q) for q in (tail, 1 - tail))
        inside = (np.polyval(low[::-1], x) < cs2) & (cs2 < np.polyval(high[::-1], x))
        kept = float(inside.mean())
        text = [
            f"{a:.6f} + {b:.6f}*log(cs1) + {c:.6f}*log(cs1)**2"
            for a, b, c in (low, high)
        ]
        cut = f'events.cuts.er-band.expression="{text[0]} < cs2 and cs2 < {text[1]}"'
    response = "detectors.tpc.response.cut_efficiency.expression="
    return [
        cut, f'{response}"0.9*{kept:.4f}*0.5*(1 + erf((E - 1.447)/0.447))"',
    ], kept  # fmt: skip


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="with the release")
    folder = parser.parse_args().folder
    (search,) = folder.rglob("xephyr_none_*.root")
    (rn220,) = folder.rglob("xephyr_Rn220_*.root")
    cs1, cs2 = calibration(rn220)
    print("| band | kept | events | rate | over kept | CLs | expected | p0 |")
    print("| --- | --- | --- | --- | --- | --- | --- | --- |")
    for tail in TAILS:
        settings, kept = with_band(cs1, cs2, tail)
        experiment = load_experiment("xenon1t-sr1", settings)
        histograms = histogram_events(experiment, [search])
        workspace = make_workspace(experiment, histograms, make_template(experiment))
        limit = set_limit(workspace)
        assert limit.coupling is not None
        assert limit.expected_coupling is not None
        events = sum(sum(o["data"]) for o in workspace.spec["observations"])
        rate = events / TONNE_YEARS / 6
        name = "none" if tail is None else f"{tail:.2%} to {1 - tail:.2%}"
        print(
            f"| {name}{' (ours)' if tail == SHIPPED else ''} | {kept:.4f} | {events:.0f} |"
            f" {rate:.1f} | {rate / kept:.1f} | {limit.coupling.upper_limit / 1e-13:.2f} |"
            f" {limit.expected_coupling['0'] / 1e-13:.2f} | {limit.p0:.3f} |", flush=True,
        )  # fmt: skip


if __name__ == "__main__":
    main()
