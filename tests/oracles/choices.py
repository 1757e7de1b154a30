"""What moves which edge of the charges of COHERENT: one choice after another.

Each row is the shipped experiment with some settings changed; the release is read
anew, the workspace made, and the profile likelihood scanned for the 90 % intervals of
both charges. `python tests/oracles/choices.py FOLDER` prints the tables of
docs/data/coherent.md from the folder with both releases (`nuem fetch`).
"""

from __future__ import annotations

import argparse
import copy
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import numpy as np
from scipy.special import chdtri

from nuem.analysis.exchange.combination import combine
from nuem.analysis.exchange.workspace import Workspace, definition_of
from nuem.analysis.fetch import fetch
from nuem.analysis.grid import read_given
from nuem.analysis.inference.fit import best_fit
from nuem.analysis.inference.likelihood import Likelihood
from nuem.analysis.inference.profile import profile
from nuem.analysis.spectra import read_spectra
from nuem.analysis.stages import (
    histogram_events,
    make_spectra_workspace,
    make_template,
    make_workspace,
)
from nuem.analysis.standard_model import free_standard_model
from nuem.inputs.catalogue import load_experiment
from nuem.inputs.correlations import load_correlations

CL = 0.9
REFERENCE = 1e-7
CHARGES = {
    "q_e": ("coupling.flavours=[nu-e]", "coupling.neutral=[nu-mu, anti-nu-mu]"),
    "q_mu": (),
}
KLEIN = ("signals.0.form_factor=klein-nystrand",)
TREE = ("signals.0.couplings=tree",)
SHAPES = ("variations=[]",)
SIGNAL = (*SHAPES, "systematics.flux.size.value=12.5")
_EFFICIENCY = "detectors.csi.response.cut_efficiency.expression="
UP = (_EFFICIENCY + "1.3439/(1 + exp(-0.285366*(E - 9.84596))) - 0.356364",)
DOWN = (_EFFICIENCY + "1.297/(1 + exp(-0.286592*(E - 11.8832))) - 0.31028",)
TIMELESS = ("observables.time.binning=[{start: 0, stop: 6, width: 6}]",)
SHARP = ("detectors.csi.response.photoelectrons.shape.value=2000",)
KNOWN = ("systematics.flux.size.value=0.1",)
KNOWN_CSI = (
    "variations=[]", *KNOWN, "backgrounds.steady-state.constraint.value=0.01",
    "backgrounds.brn.constraint.value=0.1", "backgrounds.nin.constraint.value=0.1",
)  # fmt: skip
KNOWN_LAR = (
    "variations=[]", *KNOWN, "backgrounds.steady-state.constraint.value=0.01",
    "backgrounds.brn.constraint.value=0.1",
    "backgrounds.delayed-brn.constraint.value=0.1",
)  # fmt: skip


@dataclass(frozen=True)
class Choice:
    """A row: what is changed in the file of each experiment, or in the likelihood."""

    label: str
    csi: tuple[str, ...] = ()
    lar: tuple[str, ...] = ()
    gaussian: bool = False


CSI = (
    Choice("**ours**"),
    Choice("pulse 440 ± 150 ns", (
        "observables.time.signal.mean.value=0.44",
        "observables.time.signal.width.value=0.15",
    )),
    Choice("no efficiency in time", (
        "observables.time.signal.efficiency=null",
    )),
    Choice("steady state in two dimensions", (
        "backgrounds.steady-state.shape.factors=[{histogram: anticoincidence}]",
    )),
    Choice("Klein-Nystrand form factor", KLEIN),
    Choice("tree couplings", TREE),
    Choice("scintillation of the first variation", (
        "detectors.csi.response.quenching=first-up",
    )),
    Choice("efficiency +1 σ", UP),
    Choice("efficiency −1 σ", DOWN),
    Choice("χ² with errors √n", gaussian=True),
    Choice("no shape variations (a)", SHAPES),
    Choice("all nuisance parameters known", KNOWN_CSI),
    Choice("(a), 12.5 % on the signal (b)", SIGNAL),
    Choice("(b), no time (c)", (*SIGNAL, *TIMELESS)),
    Choice("(c), Klein-Nystrand (d)", (*SIGNAL, *TIMELESS, *KLEIN)),
    Choice("(d), photoelectrons not spread", (*SIGNAL, *TIMELESS, *KLEIN, *SHARP)),
    Choice("(b), efficiency +1 σ", (*SIGNAL, *UP)),
    Choice("(d), efficiency +1 σ", (*SIGNAL, *TIMELESS, *KLEIN, *UP)),
)  # fmt: skip
BOTH = (
    Choice("**ours**"),
    Choice("pulse of CsI 440 ± 150 ns", CSI[1].csi),
    Choice("no efficiency in time, CsI", CSI[2].csi),
    Choice("steady state of CsI in two dimensions", CSI[3].csi),
    Choice("Klein-Nystrand form factor", KLEIN, KLEIN),
    Choice("tree couplings", TREE, TREE),
    Choice("scintillation of the first variation", CSI[6].csi),
    Choice("efficiency of CsI +1 σ", UP),
    Choice("χ² with errors √n", gaussian=True),
    Choice("no shape variations", SHAPES, SHAPES),
    Choice("flux known", KNOWN, KNOWN),
    Choice("all nuisance parameters known", KNOWN_CSI, KNOWN_LAR),
    Choice("... and Klein-Nystrand", (*KNOWN_CSI, *KLEIN), (*KNOWN_LAR, *KLEIN)),
    Choice("... and efficiency of CsI +1 σ", (*KNOWN_CSI, *KLEIN, *UP),
           (*KNOWN_LAR, *KLEIN)),
)  # fmt: skip


class Release:
    """Both releases on disk, and the workspaces of choices."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    @cache  # noqa: B019 - one release in a process
    def files(self, name: str) -> tuple[Path, ...]:
        """What `nuem fetch` makes of a release."""
        kept = tempfile.mkdtemp(prefix=name)
        return tuple(fetch(name, source=self._folder, output=kept).converted)

    @cache  # noqa: B019
    def csi(self, settings: tuple[str, ...]) -> Workspace:
        """Workspace of CsI."""
        experiment = load_experiment("coherent-csi", settings)
        events, *histograms = self.files("coherent-csi")
        given, _ = read_given(histograms)
        return make_workspace(
            experiment, histogram_events(experiment, [events]),
            make_template(experiment, given=given), given=given,
        )  # fmt: skip

    @cache  # noqa: B019
    def lar(self, settings: tuple[str, ...]) -> Workspace:
        """Workspace of argon."""
        experiment = load_experiment("coherent-lar", settings)
        spectra = read_spectra(experiment, self.files("coherent-lar"))
        return make_spectra_workspace(
            experiment, spectra, make_template(experiment, given=spectra.given)
        )


def gaussian(workspace: Workspace) -> Workspace:
    """Gaussian errors √n (1 for no count) in place of Poisson counts.

    Each bin stands on so many counts that a Poisson likelihood is a parabola:
    k m + p with k = √N/s and p = N − k n, as for values with errors.
    """
    spec = copy.deepcopy(workspace.spec)
    counts = {o["name"]: np.array(o["data"]) for o in spec["observations"]}
    for channel in spec["channels"]:
        seen = counts[channel["name"]]
        stands = 1e5 + 4 * seen
        k = np.sqrt(stands / np.maximum(seen, 1.0))
        for sample in channel["samples"]:
            sample["data"] = (k * sample["data"]).tolist()
            for modifier in sample["modifiers"]:
                if modifier["type"] == "histosys":
                    sides = modifier["data"]
                    modifier["data"] = {s: (k * sides[s]).tolist() for s in sides}
        pedestal = (stands - k * seen).tolist()
        channel["samples"].append({"name": "p", "data": pedestal, "modifiers": []})
        counts[channel["name"]] = stands
    for observation in spec["observations"]:
        observation["data"] = counts[observation["name"]].tolist()
    return replace(workspace, spec=spec)


def intervals(workspace: Workspace) -> tuple[tuple[float, float], ...]:
    """Where -2 ln L is below the critical value, in 1e-7 e."""
    definition = definition_of(workspace) or {}
    likelihood = Likelihood(workspace.spec, links=definition["links"])
    critical = float(chdtri(1, 1 - CL))
    scan = profile(likelihood, points=201, reach=max(9.0, 2 * critical))
    unit = definition["reference"] / REFERENCE
    return tuple((unit * low, unit * high) for low, high in scan.intervals(critical))


def counted(workspace: Workspace) -> tuple[float, float, float]:
    """Count of the Standard Model, fitted count and its error, flux known."""
    free = free_standard_model(workspace, without=("flux",))
    (channel,) = free.spec["channels"]
    expected = sum(sum(s["data"]) for s in channel["samples"] if s["name"] == "sm")
    fit = best_fit(free.spec)
    return expected, fit.values["mu"] * expected, fit.errors["mu"] * expected


def text(found: tuple[tuple[float, float], ...]) -> str:
    """Intervals as the page has them."""
    return ", ".join(
        f"({low:.2f}, {high:.2f})".replace("-", "−") for low, high in found
    )


def rows(release: Release, table: str, only: str | None) -> Iterator[str]:
    """Lines of one table, as they come."""
    if table == "csi":
        yield "| CsI | q_e | q_mu | SM | fitted |\n| --- | --- | --- | --- | --- |"
    else:
        yield "| CsI and argon | q_e | q_mu |\n| --- | --- | --- |"
    for choice in CSI if table == "csi" else BOTH:
        if only is not None and only not in choice.label:
            continue
        cells = [choice.label]
        for charge in CHARGES.values():
            workspace = release.csi((*choice.csi, *charge))
            if table == "both":
                argon = release.lar((*choice.lar, *charge))
                inputs = [workspace, argon]
                workspace = combine(inputs, load_correlations("coherent")).workspace
            if choice.gaussian:
                workspace = gaussian(workspace)
            cells.append(text(intervals(workspace)))
        if table == "csi" and choice.gaussian:
            cells += ["", ""]
        elif table == "csi":
            expected, fitted, error = counted(release.csi(choice.csi))
            cells += [f"{expected:.1f}", f"{fitted:.1f} ± {error:.1f}"]
        yield "| " + " | ".join(cells) + " |"


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="with both releases")
    parser.add_argument("--table", choices=["csi", "both"], action="append")
    parser.add_argument("--only", help="rows with this in their label")
    options = parser.parse_args()
    release = Release(options.folder)
    for table in options.table or ["csi", "both"]:
        for line in rows(release, table, options.only):
            print(line, flush=True)
        print()


if __name__ == "__main__":
    main()
