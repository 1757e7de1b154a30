"""COHERENT liquid argon: binned data in energy, pulse shape and time.

The signal in energy and time is predicted; its distribution in the prompt fraction F90
at each energy is that of the release, whose own shapes, with their variations, are the
backgrounds. A variation that the release gives on one side only is mirrored.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
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
from nuem.models.detector import Response
from nuem.models.flux.sns import BeamTime, sns_flux
from nuem.models.flux.spectrum import Flux
from nuem.models.quenching import Polynomial
from nuem.models.template import template

__all__ = ["ENERGY_EDGES_KEVEE", "F90_EDGES", "TIME_EDGES_US", "LAr", "read_lar"]

_Array = NDArray[np.float64]

#: Bins of the release.
ENERGY_EDGES_KEVEE = tuple(10.0 * i for i in range(13))
F90_EDGES = tuple(round(0.5 + 0.05 * i, 2) for i in range(9))
TIME_EDGES_US = tuple(round(-0.1 + 0.5 * i, 1) for i in range(11))
_SHAPE = (12, 8, 10)
#: Below, the efficiency of the release is zero; keVee.
_FLOOR_KEVEE = 0.3
_EFFICIENCY = "CENNS10AnlAEfficiency.txt"
_SHAPES = {
    "data": "datanobkgsub", "steady-state": "bkgpdf", "brn": "brnpdf",
    "delayed-brn": "delbrnpdf", "cevns": "cevnspdf",
    "brn-energy-up": "brnpdf+1sigEnergy", "brn-energy-down": "brnpdf-1sigEnergy",
    "brn-mean-up": "brnpdf+1sigBRNTimingMean", "brn-mean-down": "brnpdf-1sigBRNTimingMean",
    "brn-width": "brnpdfBRNTimingWidthSyst",
    "f90-up": "cevnspdf+1sigF90", "f90-down": "cevnspdf-1sigF90",
    "timing": "cevnspdfCEvNSTimingMeanSyst",
}  # fmt: skip


@dataclass(frozen=True, eq=False)
class LAr:
    """The release, ready for a workspace.

    Attributes
    ----------
    numbers : mapping
        Numbers by name, from ``inputs/tables/coherent-lar.yaml``.
    shapes : mapping
        Contents by name, of shape (energy, F90, time).
    efficiency : ndarray, shape (n, 2)
        Energy (keVee) and efficiency.
    files : tuple of dict
        Name and sha256.
    couplings, form_factor : str
        Of the nuclei; see `nuem.models.options.Options`.
    """

    numbers: Mapping[str, float]
    shapes: Mapping[str, _Array]
    efficiency: _Array
    files: tuple[dict[str, str], ...]
    couplings: str = "flavoured"
    form_factor: str = "helm"

    @property
    def name(self) -> str:
        """Name of the channel."""
        return "lar"

    @property
    def settings(self) -> dict[str, Any]:
        """The choices, for the record."""
        return {"couplings": self.couplings, "form_factor": self.form_factor}

    @property
    def axes(self) -> dict[str, tuple[float, ...]]:
        """Edges of the bins by axis."""
        return {
            "energy in keVee": ENERGY_EDGES_KEVEE, "F90": F90_EDGES,
            "time in us": TIME_EDGES_US,
        }  # fmt: skip

    @property
    def observed(self) -> _Array:
        """Counts."""
        return self.shapes["data"]

    @property
    def flux_error(self) -> float:
        """Relative uncertainty of the neutrinos per proton."""
        return self.numbers["flux_error"]

    def signal(self) -> dict[str, _Array]:
        """Expected coherent scattering by monomial, shape (energy, F90, time)."""
        return dict(self._signal)

    @cached_property
    def _signal(self) -> dict[str, _Array]:
        numbers = self.numbers
        flux = sns_flux(
            protons_per_second=numbers["protons"] / 86400.0,
            yield_per_proton=numbers["yield_per_proton"],
            distance_m=numbers["distance_m"],
        )
        energy, part = self.efficiency.T
        response = Response(
            resolution=lambda e: numbers["resolution"] * np.sqrt(e),
            floor_kev=_FLOOR_KEVEE, kernel_sigma=4.0,
            trigger_efficiency=lambda e: np.interp(e, energy, part),
            quenching=Polynomial(
                (numbers["quenching"], numbers["quenching_slope"]),
                (0.0, 170.0),  # 166 keV is the end of 36Ar, with 0.3 % of the nuclei
            ),
        )  # fmt: skip
        edges = np.array(ENERGY_EDGES_KEVEE)
        edges[0] = 1e-3  # nothing is measured at 0
        of_energy = self.shapes["cevns"].sum(axis=2)
        norm = of_energy.sum(axis=1, keepdims=True)
        f90 = np.divide(of_energy, norm, out=np.zeros_like(of_energy), where=norm > 0)
        pulse = BeamTime(numbers["pulse_mean_us"], numbers["pulse_width_us"])
        total: dict[str, _Array] = {}
        for component in flux.components:
            kind = "prompt" if component.name == "prompt" else "delayed"
            found = template(
                "nucleus-millicharge", "Ar", Flux((component,), flux.description),
                response, edges, by_flavour=True, diagnose=False,
                couplings=self.couplings, form_factor=self.form_factor,
            )  # fmt: skip
            share = pulse.fractions(kind, TIME_EDGES_US)
            for monomial, rate in found.coefficients.items():
                grid = (
                    numbers["mass_kg"] * rate[:, None, None] * f90[:, :, None] * share
                )
                total[monomial] = total.get(monomial, 0.0) + grid
        return total

    def signal_variations(self) -> dict[str, tuple[dict[str, _Array], ...]]:
        """The signal with the relative changes of the shapes of the release."""
        nominal = self.shapes["cevns"]
        timing = self._ratio(self.shapes["timing"], nominal)
        pairs = {
            "f90": (
                self._ratio(self.shapes["f90-up"], nominal),
                self._ratio(self.shapes["f90-down"], nominal),
            ),
            "timing": (timing, np.maximum(2.0 - timing, 0.0)),
        }
        return {
            name: tuple(
                {monomial: values * ratio for monomial, values in self._signal.items()}
                for ratio in pair
            )
            for name, pair in pairs.items()
        }

    def backgrounds(self) -> dict[str, tuple[_Array, float, dict[str, Variation]]]:
        """Steady state and neutrons, with their variations."""
        shapes, numbers = self.shapes, self.numbers
        brn = shapes["brn"]
        variations = {
            "brn-energy": (shapes["brn-energy-up"], shapes["brn-energy-down"]),
            "brn-mean": (shapes["brn-mean-up"], shapes["brn-mean-down"]),
            "brn-width": (
                shapes["brn-width"], np.maximum(2 * brn - shapes["brn-width"], 0.0),
            ),
        }  # fmt: skip
        return {
            "steady-state": (shapes["steady-state"], numbers["steady_state_error"], {}),
            "brn": (brn, numbers["brn_error"], variations),
            "delayed-brn": (shapes["delayed-brn"], numbers["delayed_brn_error"], {}),
        }

    @staticmethod
    def _ratio(varied: _Array, nominal: _Array) -> _Array:
        return np.divide(varied, nominal, out=np.ones_like(nominal), where=nominal > 0)


def read_lar(folder: str | Path) -> LAr:
    """Read the release from its folder; see ``nuem fetch coherent-lar``.

    Raises
    ------
    InputError
        If a file is missing or is not what it should be.
    """
    folder = Path(folder)
    shapes = {}
    names = [_EFFICIENCY]
    for name, stem in _SHAPES.items():
        path = folder / f"{stem}.txt"
        energy, f90, time, values = read_table(path).columns([1, 2, 3, 4])
        if values.size != np.prod(_SHAPE):
            raise InputError(
                "wrong number of bins", file=path, found=values.size,
                expected=int(np.prod(_SHAPE)),
            )  # fmt: skip
        if (np.lexsort((time, f90, energy)) != np.arange(values.size)).any():
            raise InputError(
                "bins out of order", file=path, expected="energy, then F90, then time"
            )
        shapes[name] = values.reshape(_SHAPE)
        names.append(path.name)
    efficiency = np.array(read_table(folder / _EFFICIENCY).columns([1, 3])).T
    path = Path(str(resources.files("nuem.inputs") / "tables" / "coherent-lar.yaml"))
    numbers = {name: float(entry["value"]) for name, entry in read_yaml(path).items()}
    files = tuple(
        {"file": str(folder / name), "sha256": sha256_file(folder / name)}
        for name in names
    )
    return LAr(numbers, shapes, efficiency, files)
