"""COHERENT CsI: events in photoelectrons and time, and what is expected of them.

Signal: the
neutrinos of pions and muons at rest on CsI, each flavour with its own charge, folded
with scintillation, photoelectron statistics and efficiency, times the arrival times of
the prompt and the delayed neutrinos. Backgrounds: steady state with the shape of the
anti-coincidence (photoelectrons and time taken as independent), beam-related and
neutrino-induced neutrons with the shapes of the release.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nuem.analysis.reproduction.coherent import Variation
from nuem.inputs.errors import InputError
from nuem.inputs.files import sha256_file
from nuem.inputs.texts import read_table
from nuem.inputs.yaml import read_yaml
from nuem.models.flux.sns import BeamTime, sns_flux
from nuem.models.flux.spectrum import Flux
from nuem.models.fold import recoil_spectrum
from nuem.models.photoelectrons import PhotoelectronResponse
from nuem.models.quenching import Polynomial

__all__ = ["PE_EDGES", "TIME_EDGES_US", "Choices", "CsI", "read_csi"]

_Array = NDArray[np.float64]

#: Bins of the analysis in photoelectrons, and in us after the trigger of the beam.
PE_EDGES = (8.0, 12.0, 16.0, 20.0, 24.0, 32.0, 40.0, 50.0, 60.0)
TIME_EDGES_US = (0.0, 0.125, 0.25, 0.375, 0.5, 0.625, 0.75, 0.875, 1.0, 2.0, 4.0, 6.0)
#: Range of recoils that the release fits its scintillation curve in, keVnr.
_RECOILS_KEV = (0.05, 50.0)
_FILES = (
    "dataBeamOnC.txt", "dataBeamOnAC.txt", "brnPE.txt", "brnTrec.txt", "ninPE.txt",
    "ninTrec.txt", "effCoefficients.txt", "scintRespCoefficients.txt",
)  # fmt: skip


@dataclass(frozen=True)
class Choices:
    """What moves the result, one choice at a time.

    Attributes
    ----------
    couplings, form_factor : str
        Of the nuclei; see `nuem.models.options.Options`.
    pulse_us : (float, float) or None
        Mean and width of the proton pulse; None for those fitted to the release.
    efficiency, scintillation : int
        Row of the file of coefficients: 0 the nominal one, 1 and 2 the variations.
    shape_systematics : bool
        Let efficiency and scintillation vary within their one-sigma curves.
    steady_state : str
        ``factorised``: photoelectrons and time of the anti-coincidence apart;
        ``binned``: its counts in two dimensions.
    use_time : bool
        Whether the arrival time is a second axis.
    flux_error : float or None
        Relative uncertainty of the signal in place of that of the flux.
    """

    couplings: str = "flavoured"
    form_factor: str = "helm"
    pulse_us: tuple[float, float] | None = None
    efficiency: int = 0
    scintillation: int = 0
    shape_systematics: bool = True
    steady_state: str = "factorised"
    use_time: bool = True
    flux_error: float | None = None


@dataclass(frozen=True, eq=False)
class CsI:
    """The release, ready for a workspace.

    Attributes
    ----------
    numbers : mapping
        Numbers by name, from ``inputs/tables/coherent-csi.yaml``.
    tables : mapping
        File -> its numbers.
    files : tuple of dict
        Name and sha256.
    choices : Choices
    """

    numbers: Mapping[str, float]
    tables: Mapping[str, _Array]
    files: tuple[dict[str, str], ...]
    choices: Choices = Choices()

    @property
    def name(self) -> str:
        """Name of the channel."""
        return "csi"

    @property
    def settings(self) -> dict[str, Any]:
        """The choices, for the record."""
        return dict(vars(self.choices))

    @property
    def axes(self) -> dict[str, tuple[float, ...]]:
        """Edges of the bins by axis."""
        return {"photoelectrons": PE_EDGES, "time in us": self.time_edges}

    @property
    def time_edges(self) -> tuple[float, ...]:
        """Bins in time; one where the choice is not to use it."""
        ends = TIME_EDGES_US[0], TIME_EDGES_US[-1]
        return TIME_EDGES_US if self.choices.use_time else ends

    @property
    def flux_error(self) -> float:
        """Relative uncertainty of the neutrinos per proton."""
        chosen = self.choices.flux_error
        return self.numbers["flux_error"] if chosen is None else chosen

    def choose(self, **changes: Any) -> CsI:
        """The same with other choices."""
        return CsI(
            self.numbers, self.tables, self.files, replace(self.choices, **changes)
        )

    @cached_property
    def observed(self) -> _Array:
        """Counts in coincidence with the beam, shape (photoelectrons, time)."""
        return self._histogram("dataBeamOnC.txt")

    @cached_property
    def steady_state(self) -> _Array:
        """Expected steady state, from the anti-coincidence."""
        counts = self._histogram("dataBeamOnAC.txt")
        if self.choices.steady_state == "binned":
            return np.maximum(counts, 0.5)
        product = np.outer(counts.sum(axis=1), counts.sum(axis=0))
        return np.asarray(product / counts.sum())

    def neutrons(self, kind: str) -> _Array:
        """Neutrons of the beam (``brn``) or of neutrinos (``nin``)."""
        shape = np.outer(
            _rebinned(self.tables[f"{kind}PE.txt"], PE_EDGES),
            _rebinned(self.tables[f"{kind}Trec.txt"], self.time_edges),
        )
        return np.asarray(self.numbers[kind] * shape / shape.sum())

    def signal(self, process: str = "nucleus-millicharge") -> dict[str, _Array]:
        """Expected signal by monomial of the couplings, one of each flavour.

        Parameters
        ----------
        process : str
            A process on nuclei.

        Returns
        -------
        dict
            ``1`` is the Standard Model; arrays of shape (photoelectrons, time).
        """
        numbers, choices = self.numbers, self.choices
        # all protons in one day, so that rates per day are those of the exposure
        flux = sns_flux(
            protons_per_second=numbers["protons"] / 86400.0,
            yield_per_proton=numbers["yield_per_proton"],
            distance_m=numbers["distance_m"],
        )
        recoils = np.geomspace(_RECOILS_KEV[0], 48.0, 700)
        matrix = self._response().matrix(PE_EDGES, recoils)
        total: dict[str, _Array] = {}
        for component in flux.components:
            kind = "prompt" if component.name == "prompt" else "delayed"
            rates = recoil_spectrum(
                process, "CsI", Flux((component,), flux.description), recoils,
                by_flavour=True, couplings=choices.couplings,
                form_factor=choices.form_factor,
            )  # fmt: skip
            for monomial, rate in rates.items():
                counts = numbers["mass_kg"] * np.trapezoid(
                    matrix * rate, recoils, axis=1
                )
                shape = np.outer(counts, self._times(kind))
                total[monomial] = total.get(monomial, 0.0) + shape
        return total

    def signal_variations(self) -> dict[str, tuple[dict[str, _Array], ...]]:
        """The signal with the varied curves of efficiency and scintillation."""
        if not self.choices.shape_systematics:
            return {}
        return {
            name: tuple(self.choose(**{name: row}).signal() for row in (1, 2))
            for name in ("efficiency", "scintillation")
        }

    def backgrounds(self) -> dict[str, tuple[_Array, float, dict[str, Variation]]]:
        """Steady state and neutrons, with their relative uncertainties."""
        steady = self.steady_state, self.numbers["steady_error"]
        found: dict[str, tuple[_Array, float, dict[str, Variation]]] = {
            "steady-state": (*steady, {})
        }
        for kind in ("brn", "nin"):
            found[kind] = (self.neutrons(kind), self.numbers[f"{kind}_error"], {})
        return found

    def _response(self) -> PhotoelectronResponse:
        scintillation = self.tables["scintRespCoefficients.txt"]
        # MeV to keV, power by power
        factors = [
            c * 1e3**-k for k, c in enumerate(scintillation[self.choices.scintillation])
        ]
        a, b, c, d = self.tables["effCoefficients.txt"][self.choices.efficiency]

        def efficiency(pe: _Array) -> _Array:
            return np.asarray(np.clip(a / (1 + np.exp(-b * (pe - c))) + d, 0.0, 1.0))

        return PhotoelectronResponse(
            Polynomial(tuple(factors), (0.0, _RECOILS_KEV[1])),
            self.numbers["light_yield"], self.numbers["shape_per_kev"], efficiency,
        )  # fmt: skip

    def _times(self, kind: str) -> _Array:
        """Share of prompt or delayed neutrinos in the bins of time, with efficiency."""
        numbers = self.numbers
        mean, width = self.choices.pulse_us or (
            numbers["pulse_mean_us"], numbers["pulse_width_us"],
        )  # fmt: skip
        fine = np.linspace(TIME_EDGES_US[0], TIME_EDGES_US[-1], 4801)
        middle = 0.5 * (fine[1:] + fine[:-1])
        late = np.maximum(middle - numbers["time_start_us"], 0.0)
        share = BeamTime(mean, width).fractions(kind, fine)
        share = share * np.exp(-numbers["time_slope"] * late)
        return np.asarray(np.histogram(middle, self.time_edges, weights=share)[0])

    def _histogram(self, file: str) -> _Array:
        pe, time = self.tables[file].T
        return np.asarray(np.histogram2d(pe, time, (PE_EDGES, self.time_edges))[0])


def read_csi(folder: str | Path) -> CsI:
    """Read the release from its folder; see ``nuem fetch coherent-csi``.

    Raises
    ------
    InputError
        If a file is missing or is not what it should be.
    """
    folder = Path(folder)
    columns = {"effCoefficients.txt": 4, "scintRespCoefficients.txt": 4}
    tables = {}
    for name in _FILES:
        table = read_table(folder / name)
        tables[name] = np.array(table.columns(range(1, columns.get(name, 2) + 1))).T
        if name in columns and len(tables[name]) < 3:
            raise InputError(
                "expected a nominal line and two variations", file=folder / name,
                found=f"{len(tables[name])} lines",
            )  # fmt: skip
    path = resources.files("nuem.inputs") / "tables" / "coherent-csi.yaml"
    numbers = {
        name: float(entry["value"])
        for name, entry in read_yaml(Path(str(path))).items()
    }
    files = tuple(
        {"file": str(folder / name), "sha256": sha256_file(folder / name)}
        for name in _FILES
    )
    return CsI(numbers, tables, files)


def _rebinned(table: _Array, edges: Sequence[float]) -> _Array:
    """Sums of a fine shape (centre, value) in bins; cells at an edge are shared."""
    centre, value = table.T
    half = 0.5 * (centre[1] - centre[0])
    total = np.concatenate([[0.0], np.cumsum(value)])
    ends = np.concatenate([centre - half, [centre[-1] + half]])
    return np.diff(np.interp(edges, ends, total))
