"""The tables of a HEPData submission, each from the results of an analysis."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from nuem.analysis.exchange.hepdata import Column, Table, binned, column
from nuem.analysis.exchange.workspace import observed_counts
from nuem.analysis.inference.results import percent
from nuem.analysis.results_folder import NotThereError, Results

if TYPE_CHECKING:
    from nuem.analysis.inference.likelihood import Likelihood

__all__ = [
    "components",
    "counts",
    "curves",
    "cut_flow",
    "exposure",
    "impact",
    "limits",
    "parameters",
    "scan",
]

_Array = NDArray[np.float64]
_BANDS = ("-2", "-1", "0", "1", "2")
_SECONDS_PER_DAY = 86400.0


def _sides(sided: str) -> str:
    return sided if sided == "unified" else f"{sided}-sided"


def _bins(results: Results, channel: str, count: int) -> Column:
    entry = results.channels.get(channel) or {}
    edges = entry.get("edges")
    if edges is None:
        return column("bin", list(range(count)))
    made = binned("measured energy", edges, str(entry.get("unit", "")))
    used = entry.get("used") or [True] * len(made.values)
    kept = [value for value, use in zip(made.values, used, strict=True) if use]
    if len(kept) != count:
        return column("bin", list(range(count)))
    return replace(made, values=kept)


def counts(results: Results) -> Iterator[Table]:
    """Observed counts by channel and bin, with the nominal expectation."""
    observed = observed_counts(results.workspace)
    live = (results.histograms or {}).get("live_time_s") or {}
    for channel in results.workspace.spec["channels"]:
        name = channel["name"]
        n = observed[name]
        entry = results.channels.get(name) or {}
        qualifiers: dict[str, Any] = {
            key: entry[key]
            for key in ("detector", "period", "region", "exposure_kg_day")
            if key in entry
        }
        if live.get(name) is not None:
            qualifiers["live_time_day"] = live[name] / _SECONDS_PER_DAY
        yield Table(
            f"Counts, {name}"[:64],
            f"Observed counts in channel {name}, and the nominal expectation of all "
            "samples at the parameter of interest of 1.",
            [_bins(results, name, n.size)],
            [
                column("events", n, errors={"stat": np.sqrt(n)}, qualifiers=qualifiers),
                *(
                    column(f"nominal {s['name']}", s["data"])
                    for s in channel["samples"]
                ),
            ],
            observables=["N"],
            figure=results.figure("spectra"),
        )


def exposure(results: Results) -> Iterator[Table]:
    """Live time, exposure and events of each channel."""
    if not results.channels:
        raise NotThereError("the workspace does not say what its channels collected")
    names = list(results.channels)
    live = (results.histograms or {}).get("live_time_s") or {}
    observed = observed_counts(results.workspace)
    dependent = [
        column(
            "exposure",
            [results.channels[n].get("exposure_kg_day") for n in names],
            "kg day",
        ),
        column("events", [float(observed[n].sum()) for n in names]),
    ]
    if any(live.get(n) is not None for n in names):
        seconds = [live.get(n) for n in names]
        days = [None if s is None else s / _SECONDS_PER_DAY for s in seconds]
        dependent.insert(0, column("live time", days, "day"))
    yield Table(
        "Live time and exposure", "What each channel collected.",
        [column("channel", names)], dependent,
    )  # fmt: skip


def components(results: Results) -> Iterator[Table]:
    """Samples of each channel at the best fit."""
    if results.fit is None:
        raise NotThereError("fit.json is not there")
    observed = observed_counts(results.workspace)
    for name, samples in results.fit["expected"].items():
        n = observed[name]
        total = np.sum(list(samples.values()), axis=0)
        yield Table(
            f"Post-fit components, {name}"[:64],
            f"Expected counts of each sample in channel {name} at the best fit "
            f"({results.fit['poi']} = {results.fit['values'][results.fit['poi']]:.6g}).",
            [_bins(results, name, n.size)],
            [
                column("events", n, errors={"stat": np.sqrt(n)}),
                column("total", total),
                *(column(sample, values) for sample, values in samples.items()),
            ],
            figure=results.figure("residual"),
        )


def parameters(results: Results) -> Iterator[Table]:
    """Best-fit values and their correlations."""
    if results.fit is None:
        raise NotThereError("fit.json is not there")
    values, errors = results.fit["values"], results.fit["errors"]
    names = list(values)
    pulls, widths = results.fit["pulls"], results.fit["constraints"]
    yield Table(
        "Parameters at the best fit",
        "Values, errors from the second derivative of ln L, and for constrained "
        "parameters the pull and the error over the width of the constraint.",
        [column("parameter", names)],
        [
            column("value", [values[n] for n in names],
                   errors={"fit": [errors[n] for n in names]}),
            column("pull", [pulls.get(n) for n in names]),
            column("constraint", [widths.get(n) for n in names]),
        ],
    )  # fmt: skip
    matrix = np.asarray(results.fit["correlation"], float)
    yield Table(
        "Correlations at the best fit",
        "Correlation coefficients of all parameters; 0 with fixed ones.",
        [
            column("parameter (first)", [a for a in names for _ in names]),
            column("parameter (second)", [b for _ in names for b in names]),
        ],
        [column("correlation", matrix.ravel())],
    )


def _likelihood(results: Results) -> Likelihood:
    from nuem.analysis.inference.likelihood import Likelihood

    return Likelihood(
        results.workspace.spec, links=results.definition.get("links"),
        name=results.workspace.name,
    )  # fmt: skip


def impact(results: Results) -> Iterator[Table]:
    """What each nuisance parameter does to the result."""
    from nuem.analysis.inference.diagnostics import impacts

    found = impacts(_likelihood(results))
    if not found:
        raise NotThereError("no nuisance parameter")
    poi = _likelihood(results).poi_name
    yield Table(
        "Impacts",
        f"Shift of {poi} with a nuisance parameter held one post-fit error above and "
        "below its best fit.",
        [column("parameter", [i.name for i in found])],
        [
            column("shift up", [i.up for i in found]),
            column("shift down", [i.down for i in found]),
            column("pull", [i.pull for i in found]),
            column("constraint", [i.constraint for i in found]),
        ],
    )


def _coupling(values: Sequence[float], definition: Mapping[str, Any]) -> list[Column]:
    """The coupling beside the parameter of interest, if it is known what it means."""
    from nuem.analysis.inference.results import to_coupling

    if definition.get("reference") is None:
        return []
    own = [to_coupling(v, definition) if v >= 0 or definition.get("power") == 1 else None for v in values]  # fmt: skip
    return [column(str(definition.get("symbol", "coupling")), own, definition.get("unit", ""))]  # fmt: skip


def scan(results: Results, points: int) -> Iterator[Table]:
    """-2 ln L against the parameter of interest."""
    from nuem.analysis.inference.profile import profile

    found = profile(_likelihood(results), points=points)
    yield Table(
        "Scan of -2 ln L",
        f"-2 ln L over its minimum against {found.parameter}, all other parameters at "
        "their best.",
        [column(found.parameter, found.values)],
        [
            column("-2 Delta ln L", found.rise),
            *_coupling(found.values.tolist(), results.definition),
        ],
        observables=["-2lnL"],
        figure=results.figure("likelihood-scan"),
    )


def limits(results: Results) -> Iterator[Table]:
    """Limits by method, observed and expected, with p-values."""
    if not results.limits:
        raise NotThereError("limit.json is not there")
    for scale in ("poi", "coupling"):
        rows = {
            name: d for name, d in results.limits.items() if d["observed"][scale] is not None
        }  # fmt: skip
        if not rows:
            continue
        unit = results.definition.get("unit", "") if scale == "coupling" else ""
        what = "coupling" if scale == "coupling" else "parameter of interest"
        documents = list(rows.values())
        intervals = [
            "; ".join(f"[{a:.6g}, {b:.6g}]" for a, b in d["observed"][scale]["intervals"])
            for d in documents
        ]  # fmt: skip
        yield Table(
            f"Limits on the {what}",
            f"Upper limits on the {what}, observed, and expected without signal at the "
            "given number of standard deviations; intervals; best fit; and the p-value "
            "of the observation without signal.",
            [
                column("method", [
                    f"{d['method']} ({d['statistic']}, {_sides(d['sided'])}, "
                    f"{d['calibration']}, {percent(d['cl'])} CL)" for d in documents
                ])
            ],
            [
                column("observed", [d["observed"][scale]["upper_limit"] for d in documents], unit),
                *(
                    column(f"expected at {band} sigma", [d["expected"][scale][band] for d in documents], unit)
                    for band in _BANDS
                ),
                column("intervals", intervals, unit),
                column("best fit", [d["observed"][scale]["best_fit"] for d in documents], unit),
                column("p0", [d["observed"]["p0"] for d in documents]),
            ],
            observables=["CL"],
        )  # fmt: skip


def curves(results: Results) -> Iterator[Table]:
    """CLs against the coupling with its band; or the statistic and its critical values."""
    made = False
    for name, document in results.limits.items():
        found = document.get("scan") or {}
        values = found.get("poi") or []
        if not values:
            continue
        made = True
        beside = _coupling(values, results.definition)
        if "critical" in found:
            yield Table(
                f"Critical values, {name}"[:64],
                "-2 Delta ln L against the parameter of interest, and the critical value "
                f"that it has to stay below ({document['calibration']}, "
                f"{document['cl']:g} CL).",
                [column("parameter of interest", values)],
                [
                    column("-2 Delta ln L", found["rise"]),
                    column("critical value", found["critical"]),
                    *beside,
                ],
                figure=results.figure("likelihood-scan"),
            )
            continue
        expected = np.asarray(found["expected"], float)
        yield Table(
            f"p-values, {name}"[:64],
            "CLs against the parameter of interest, observed, and expected without "
            "signal at the given number of standard deviations.",
            [column("parameter of interest", values)],
            [
                column("CLs", found["observed"]),
                *(
                    column(f"expected CLs at {b} sigma", expected[:, i])
                    for i, b in enumerate(_BANDS)
                ),
                *beside,
            ],
            observables=["CLS"],
            figure=results.figure("cls-scan"),
        )
    if not made:
        raise NotThereError("no limit with a scan")


def cut_flow(results: Results) -> Iterator[Table]:
    """Events after each cut."""
    flow = (results.workspace.meta or {}).get("cut_flow")
    if not flow:
        raise NotThereError("the workspace was not made from events")
    for name, channel in flow.items():
        steps = [
            ("all", channel["assigned"]),
            *((cut["name"], cut["passing"]) for cut in channel["cuts"]),
            ("accepted", channel["accepted"]),
        ]
        yield Table(
            f"Cut flow, {name}"[:64],
            f"Events of channel {name} that are left after each cut; accepted are those "
            "with a valid energy, inside and outside of the bins.",
            [column("step", [s for s, _ in steps])],
            [column("events", [n for _, n in steps])],
            observables=["N"],
            figure=results.figure("cut-flow"),
        )
