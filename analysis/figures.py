"""The figures of an analysis, from its results."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from nuem.analysis.blinding import is_dark
from nuem.analysis.channel_models import channel_flux
from nuem.analysis.exchange.workspace import Workspace
from nuem.analysis.exposure import Exposure
from nuem.analysis.inference.fit import Fit
from nuem.analysis.inference.limits import Limit
from nuem.analysis.inference.results import is_signed
from nuem.analysis.modelling import signal_at
from nuem.inputs.backgrounds import Lines
from nuem.inputs.catalogue import Channel, bin_edges, channels, used_bins
from nuem.inputs.schema import Experiment
from nuem.inputs.vocabulary import COUPLING_UNIT, Method, Process

if TYPE_CHECKING:
    from nuem.analysis.events.scatter import Band, Scatter
    from nuem.analysis.events.store import Histograms

__all__ = ["Drawing", "draw"]

_Array = NDArray[np.float64]
_LATEX = {"q": r"$|q_\nu|$", "mu": r"$\mu_\nu$", "r2": r"$\langle r^2_\nu\rangle$"}
#: Couplings at which the rates of the couplings not asked for are drawn.
_TYPICAL: dict[Process, tuple[float | None, str]] = {
    Process.ELECTRON_MILLICHARGE_TRANSITION: (1e-12, r"$q_\nu = 10^{-12}\,e$"),
    Process.ELECTRON_MAGNETIC: (1e-11, r"$\mu_\nu = 10^{-11}\,\mu_\mathrm{B}$"),
    Process.ELECTRON_SM: (None, "Standard Model"),
}


class Drawing:
    """Writes the figures of one analysis into one folder."""

    def __init__(
        self, experiment: Experiment, folder: Path, *, simulated: bool
    ) -> None:
        self._experiment = experiment
        self._folder = folder
        self._header: dict[str, Any] = {
            "experiment": experiment.title,
            "status": "simulated" if simulated else "data",
        }
        self._edges = bin_edges(experiment.observables[0])
        self._used = used_bins(experiment.observables[0])
        self._unit = experiment.observables[0].unit
        self._header_of_spectra: dict[str, Any] = {
            **self._header,
            "masked": [(m.start, m.stop) for m in experiment.observables[0].mask],
        }
        self._lines = {
            line.label: line.energy.canonical
            for background in experiment.backgrounds
            if isinstance(background.shape, Lines)
            for line in background.shape.lines
            if self._edges[0] < line.energy.canonical < self._edges[-1]
        }

    def spectra(
        self,
        observed: Mapping[str, _Array],
        exposures: Mapping[str, Exposure],
        fit: Fit,
    ) -> list[Path]:
        """Spectra of all channels with the best fit."""
        from nuem.plots.spectra import spectra

        titles = self._titles()
        ratio = self._edges[-1] / max(self._edges[0], 1e-9)
        width = np.diff(self._edges)[self._used]
        # a decade needs a logarithmic axis, less is better seen on a linear one
        rates = [
            np.sum(list(samples.values()), axis=0) / (exposures[name].kg_day * width)
            for name, samples in fit.expected.items()
        ]
        steep = bool(np.max(rates) > 10 * max(np.min(rates), 1e-9))
        figure = spectra(
            edges=self._edges,
            counts={titles[name]: self._all(n) for name, n in observed.items()},
            exposures={titles[name]: exposures[name].kg_day for name in observed},
            models={
                titles[name]: {
                    "best fit": self._all(np.sum(list(samples.values()), axis=0))
                }
                for name, samples in fit.expected.items()
            },
            lines=self._lines, log_energy=bool(ratio > 10), log=steep,
            energy_unit=self._unit, **self._header_of_spectra,
        )  # fmt: skip
        return self._save(figure, "spectra")

    def residual(
        self,
        observed: Mapping[str, _Array],
        exposures: Mapping[str, Exposure],
        fit: Fit,
        workspace: Workspace,
        limit: Limit,
    ) -> list[Path]:
        """Data less background with the signal at the best fit and at the limit.

        With source-on and source-off channels the difference of their rates; without,
        the data less the fitted background, all channels together.
        """
        from nuem.plots.spectra import residual

        on, off = self._on_and_off()
        width = np.diff(self._edges)
        on_kgd = sum(exposures[name].kg_day for name in on)

        def signal(value: float) -> _Array:
            there = signal_at(workspace, value)
            total = self._all(np.sum([there[name] for name in on], axis=0))
            return total / (on_kgd * width)

        counts_on = self._all(np.sum([observed[name] for name in on], axis=0))
        if off:
            off_kgd = sum(exposures[name].kg_day for name in off)
            counts_off = self._all(np.sum([observed[name] for name in off], axis=0))
            # backgrounds that decay differ between the periods: the fit says by how
            # much, so that lines do not pose as signal
            decay = self._background(fit, on) / (on_kgd * width) - self._background(
                fit, off
            ) / (off_kgd * width)
            values = (counts_on / on_kgd - counts_off / off_kgd) / width - decay
            errors = np.sqrt(counts_on / on_kgd**2 + counts_off / off_kgd**2) / width
            text: dict[str, Any] = {
                "quantity": "ON \u2212 OFF rate",
                "values_name": "ON \u2212 OFF, decay corrected",
            }
        else:
            values = (counts_on - self._background(fit, on)) / (on_kgd * width)
            errors = np.sqrt(np.maximum(counts_on, 1.0)) / (on_kgd * width)
            text = {
                "quantity": "Residual rate",
                "values_name": "data \u2212 fitted background",
            }
        mu, error = fit.values[fit.poi], fit.errors[fit.poi]
        spread = [signal(x) for x in np.linspace(mu - 2 * error, mu + 2 * error, 21)]
        figure = residual(
            edges=self._edges, values=values, value_errors=errors,
            best_fit=signal(mu),
            best_fit_band=np.array([np.min(spread, axis=0), np.max(spread, axis=0)]),
            excluded=signal(limit.poi.upper_limit),
            excluded_name=f"excluded at {limit.cl:.0%} CL",
            lines=self._lines,
            log_energy=bool(self._edges[-1] > 10 * max(self._edges[0], 1e-9)),
            energy_unit=self._unit, **text, **self._header_of_spectra,
        )  # fmt: skip
        return self._save(figure, "residual")

    def rates(self) -> list[Path]:
        """Recoil rates of the couplings and of the Standard Model, before response."""
        from nuem.models.fold import recoil_spectrum
        from nuem.models.monomials import evaluate
        from nuem.plots.cross_sections import rates

        channel = self._brightest()
        flux = channel_flux(self._experiment, channel)
        assert flux is not None
        signal = self._experiment.signals[0]
        high = min(2 * float(self._edges[-1]), 30.0)
        # a floor of 0 is that of a perfect resolution: the bins begin at their first edge
        floor = channel.response.floor.canonical or float(self._edges[0])
        # an atomic table need not reach below the floor
        low = floor if signal.method is Method.ATOMIC else max(0.05, floor / 2)
        recoil = np.geomspace(low, high, 600)
        curves = {}
        for process, (coupling, label) in _TYPICAL.items():
            spectrum = recoil_spectrum(
                process, channel.detector.target, flux, recoil,
                method=signal.method or "free", photoabsorption=signal.photoabsorption,
            )  # fmt: skip
            curves[label] = evaluate(spectrum, coupling)
        figure = rates(
            recoil_kev=recoil, curves=curves, threshold=float(self._edges[0]),
            experiment=self._experiment.title,
            note=f"{channel.detector.target}, {signal.method or 'free'}",
        )  # fmt: skip
        return self._save(figure, "rates")

    def scan(self, limit: Limit) -> list[Path]:
        """CLs against the parameter and the coupling, with the expected band."""
        if "rise" in limit.scan:
            return self._likelihood_scan(limit)
        from nuem.plots.limits import cls_scan

        tested = np.array(limit.scan["poi"])
        shown = tested <= 1.3 * max(limit.poi.upper_limit, *limit.expected_poi.values())
        definition = limit.definition or {}
        symbol = str(definition.get("symbol", ""))
        figure = cls_scan(
            tested=tested[shown],
            observed=np.array(limit.scan["observed"])[shown],
            expected=np.array(limit.scan["expected"])[shown],
            cl=limit.cl, observed_limit=limit.poi.upper_limit,
            expected_limit=limit.expected_poi["0"],
            coupling_reference=definition.get("reference"),
            coupling=_LATEX.get(symbol, ""),
            coupling_unit=COUPLING_UNIT.get(symbol, ""), **self._header,
        )  # fmt: skip
        return self._save(figure, "cls-scan")

    def _likelihood_scan(self, limit: Limit) -> list[Path]:
        """-2 ln L against the coupling, its critical values and islands; and the belt."""
        from nuem.plots.belts import belt, likelihood_scan

        definition = limit.definition or {}
        symbol = str(definition.get("symbol", ""))
        signed = is_signed(definition)
        scale = float(definition["reference"]) if signed else 1.0
        name = _LATEX.get(symbol, "").replace("|", "") if signed else r"$\mu$"
        unit = COUPLING_UNIT.get(symbol, "") if signed else ""
        chosen = limit.coupling if signed and limit.coupling else limit.poi
        figure = likelihood_scan(
            values=np.array(limit.scan["poi"]) * scale, rise=limit.scan["rise"],
            critical=limit.scan["critical"], intervals=chosen.intervals, cl=limit.cl,
            parameter=name, unit=unit, **self._header,
        )  # fmt: skip
        paths = self._save(figure, "likelihood-scan")
        ends = limit.scan.get("belt")
        if ends is None:
            return paths
        figure = belt(
            values=np.array(ends["values"]) * scale, low=np.array(ends["low"]) * scale,
            high=np.array(ends["high"]) * scale, measured=chosen.best_fit,
            intervals=chosen.intervals, cl=limit.cl, parameter=f"{name}, true",
            estimate=f"{name}, best fit", unit=unit, **self._header,
        )  # fmt: skip
        return [*paths, *self._save(figure, "belt")]

    def cut_flow(self, flow: Mapping[str, Any]) -> list[Path]:
        """Events left after each cut."""
        from nuem.plots.selection import cut_flow

        titles = self._titles()
        layout = self._experiment.events
        assert layout is not None  # nothing was selected without one
        names = [cut.title for cut in layout.cuts]
        figure = cut_flow(
            cuts=["all events", *names, "in the histogram"],
            counts={
                titles[name]: [
                    channel.assigned, *(cut.passing for cut in channel.cuts),
                    channel.accepted,
                ]
                for name, channel in flow.items()
            },
            **self._header,
        )  # fmt: skip
        return self._save(figure, "cut-flow")

    def runs(self, histograms: Histograms, *, blind: bool) -> list[Path]:
        """Rate against time, and live time by run, of one detector after another.

        The rates of periods that nobody may look at yet are left out.
        """
        from nuem.plots.runs import RunTable, live_time_by_run, rate_against_time

        dark = set(self._on_and_off()[1])
        titles = self._titles()
        written = []
        parts = channels(self._experiment)
        for detector in self._experiment.detectors:
            own = [c for c in parts if c.detector.name == detector.name]
            tables: dict[str, RunTable] = {}
            taken: dict[str, RunTable] = {}
            first: dict[str, str] = {}
            for channel in own:
                rows = [
                    (r.number, r.start_s / 86400, r.live_time_s / 86400,
                     r.accepted[r.channels.index(channel.name)])
                    for file in histograms.files
                    for r in file.runs or ()
                    if channel.name in r.channels
                ]  # fmt: skip
                if not sum(live for _, _, live, _ in rows):
                    continue
                number, start, live_time, counts = np.array(rows).T
                mass_kg = histograms.fraction * channel.mass_kg
                table = RunTable(number, start, live_time, counts, mass_kg)
                # regions of a period share its runs
                if first.setdefault(channel.period.name, channel.name) == channel.name:
                    taken[channel.period.title] = table
                if not blind or channel.name in dark:
                    tables[titles[channel.name]] = table
            suffix = f"-{detector.name}" if len(self._experiment.detectors) > 1 else ""
            if tables:
                figure = rate_against_time(
                    periods=tables,
                    shaded=[titles[c.name] for c in own if c.name not in dark],
                    **self._header,
                )  # fmt: skip
                written += self._save(figure, f"rate-against-time{suffix}")
            if taken:
                figure = live_time_by_run(periods=taken, **self._header)
                written += self._save(figure, f"live-time{suffix}")
        return written

    def band(self, search: Scatter, band: Band) -> list[Path]:
        """Search events over the band of the calibration events."""
        from nuem.plots.selection import band as draw_band

        calibration = self._experiment.calibration
        assert calibration is not None
        x_name, _, x_unit = calibration.x_title.partition(" [")
        y_name, _, y_unit = calibration.y_title.partition(" [")
        figure = draw_band(
            x=search.x, y=search.y, band_x=band.x, quantiles=band.levels,
            x_quantity=x_name, y_quantity=y_name,
            x_unit=x_unit.rstrip("]"), y_unit=y_unit.rstrip("]"),
            band_name=calibration.title, **self._header,
        )  # fmt: skip
        return self._save(figure, "band")

    def _save(self, figure: Any, name: str) -> list[Path]:
        from nuem.plots.style import save

        return list(save(figure, self._folder / name))

    def _titles(self) -> dict[str, str]:
        """Titles of the channels from those of their parts, where these differ."""
        experiment = self._experiment
        return {
            channel.name: ", ".join(
                part.title
                for part, group in (
                    (channel.detector, experiment.detectors),
                    (channel.period, experiment.periods),
                    (channel.region, experiment.regions),
                )
                if len(group) > 1
            )
            or channel.period.title
            for channel in channels(experiment)
        }

    def _on_and_off(self) -> tuple[list[str], list[str]]:
        on: list[str] = []
        off: list[str] = []
        for channel in channels(self._experiment):
            dark = is_dark(self._experiment, channel)
            (off if dark else on).append(channel.name)
        return on, off

    def _brightest(self) -> Channel:
        return max(
            channels(self._experiment),
            key=lambda c: sum(
                s.weights.values[c.period.name] for s in self._experiment.sources
            ),
        )

    def _background(self, fit: Fit, names: list[str]) -> _Array:
        processes = {str(signal.process) for signal in self._experiment.signals}
        processes |= {"int", "em"}
        total = np.zeros(self._edges.size - 1)
        for name in names:
            for sample, counts in fit.expected[name].items():
                if sample not in processes:
                    total += self._all(counts)
        return total

    def _all(self, values: _Array) -> _Array:
        """Values of the bins that are used among those of all bins, else 0."""
        total = np.zeros(self._used.size)
        total[self._used] = values
        return total


def draw(
    experiment: Experiment,
    folder: Path,
    *,
    simulated: bool,
    observed: Mapping[str, _Array],
    exposures: Mapping[str, Exposure],
    fit: Fit,
    workspace: Workspace,
    limit: Limit,
    cut_flow: Mapping[str, Any],
    histograms: Histograms | None,
    blind: bool,
) -> list[Path]:
    """Draw every figure of an analysis.

    Returns
    -------
    list of Path
        Each figure as PDF and PNG.
    """
    drawing = Drawing(experiment, folder, simulated=simulated)
    # the errors of values that stand for counts are not their square roots
    counted = all(exposure.factors is None for exposure in exposures.values())
    return [
        *(drawing.spectra(observed, exposures, fit) if counted else []),
        *(
            drawing.residual(observed, exposures, fit, workspace, limit)
            if counted
            else []
        ),
        *drawing.rates(),
        *drawing.scan(limit),
        *(drawing.cut_flow(cut_flow) if cut_flow else []),
        *(drawing.runs(histograms, blind=blind) if histograms is not None else []),
    ]
