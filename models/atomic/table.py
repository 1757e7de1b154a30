"""Tables of moments of an atom: files, interpolation, range of validity.

A table holds the ten integrals of :data:`MOMENTS` at energy transfers that are dense
around the absorption edges, three times (:data:`LAYERS`): for independent electrons,
merged with the polarised response, and merged with the other polarised response, whose
difference is an error band. It knows nothing of the regulator of the photon propagator, of the
neutrino energy or of a coupling. Reading and evaluating it needs NumPy alone.
"""

from __future__ import annotations

import hashlib
import itertools
import json
import os
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from importlib import resources
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np

from nuem.inputs.errors import InputError, ModelError
from nuem.inputs.files import atomic_path
from nuem.models.arrays import ArrayLike, FloatArray, positive, read_only
from nuem.models.atomic.merging import INDEPENDENT_BAND, polarised_weight

__all__ = [
    "LAYERS",
    "MOMENTS",
    "SEARCH_PATH",
    "AtomicTable",
    "available",
    "load_table",
    "read_table",
]

#: Environment variable with folders of tables that go before those of the package.
SEARCH_PATH = "NUEM_ATOMIC_TABLES"

SCHEMA = "nuem-atomic-2"

#: Names of the integrals, in the order of their axis: see :mod:`nuem.models.atomic.moments`.
MOMENTS = (
    "l_0", "l_1", "l_2", "l_3", "t_1", "t_2", "t_3", "real", "near_a", "near_b",
)  # fmt: skip

#: What the first axis of the moments runs over.
LAYERS = ("independent", "merged", "alternative")

#: Integrals that are interpolated in their logarithm; the others, which may be
#: negative, as ratios to ``real``.
_POSITIVE = 8


@dataclass(frozen=True, eq=False)
class AtomicTable:
    """Moments of an atom against the energy transfer.

    Attributes
    ----------
    symbol : str
        Element.
    recoil_kev : ndarray, shape (n,)
        Energy transfers, rising; each edge inside the range stands twice, a hair below
        and above.
    edges_kev : ndarray
        Absorption edges inside the range.
    moments : ndarray, shape (3, n, 10)
        By layer, energy and integral; powers of keV.
    metadata : mapping
        How it was made: potential, thresholds, grids, rule of merging, validity.
    source : str
        Where it was read, with the beginning of the checksum; empty for a table of the
        package.

    Examples
    --------
    >>> table = load_table("Ge")
    >>> table.valid_kev[0] <= 0.1 and table.valid_kev[1] >= 100.0
    True
    """

    symbol: str
    recoil_kev: FloatArray
    edges_kev: FloatArray
    moments: FloatArray
    metadata: Mapping[str, Any]
    source: str = ""

    def __post_init__(self) -> None:
        """Prepare the interpolation: cubic between the edges."""
        set_ = object.__setattr__
        set_(self, "recoil_kev", read_only(self.recoil_kev))
        set_(self, "edges_kev", read_only(self.edges_kev))
        set_(self, "moments", read_only(self.moments))
        set_(self, "metadata", MappingProxyType(dict(self.metadata)))
        x = np.log(self.recoil_kev)
        values = np.array(self.moments)
        values[..., _POSITIVE:] /= values[..., 7:8]
        # a ratio of Q^2 in keV^2 to T^2 without its power law is flatter still
        values[..., 8] *= self.recoil_kev**2
        values[..., :_POSITIVE] = np.log(values[..., :_POSITIVE])
        starts = np.searchsorted(self.recoil_kev, self.edges_kev)
        slopes = np.empty_like(values)
        bounds = [0, *(int(s) for s in starts), x.size]
        for first, last in itertools.pairwise(bounds):
            slopes[:, first:last] = _slopes(x[first:last], values[:, first:last])
        set_(self, "_x", x)
        set_(self, "_values", values)
        set_(self, "_slopes", slopes)

    @property
    def range_kev(self) -> tuple[float, float]:
        """First and last energy transfer of the table."""
        return float(self.recoil_kev[0]), float(self.recoil_kev[-1])

    @property
    def valid_kev(self) -> tuple[float, float]:
        """Where photoabsorption agrees with the data to 10 %, and the table ends."""
        low, high = self.metadata["valid_kev"]
        return float(low), float(high)

    def at(
        self,
        recoil_kev: ArrayLike,
        *,
        layer: str = "merged",
        outside: bool = False,
        shift: float = 0.0,
    ) -> FloatArray:
        """Moments at energy transfers.

        Parameters
        ----------
        recoil_kev : array_like
            Energy transfers, keV, any shape.
        layer : str
            One of :data:`LAYERS`.
        outside : bool
            Allow what is in the table and outside the range of validity.
        shift : float
            Of the layer, in half-widths of the error band: half the difference between
            the layers ``alternative`` and ``merged``, and 5 % of what is of independent
            electrons, in the direction in which the two polarised responses differ.

        Returns
        -------
        ndarray, shape (10, ...)

        Raises
        ------
        ModelError
            If an energy is outside.
        InputError
            For an unknown layer.

        Examples
        --------
        >>> table = load_table("Ge")
        >>> low, high = (table.at(0.3, shift=s)[7] for s in (-1.0, 1.0))
        >>> f"{abs(high - low) / (high + low):.1%}"
        '1.7%'
        """
        if layer not in LAYERS:
            raise InputError("no such layer", field="layer", found=layer,
                             expected="one of " + ", ".join(LAYERS))  # fmt: skip
        which = LAYERS.index(layer)
        recoil = positive(recoil_kev, "recoil_kev")
        low, high = self.range_kev if outside else self.valid_kev
        wrong = (recoil < low) | (recoil > high)
        if np.any(wrong):
            found = float(recoil[wrong].flat[0])
            first, last = self.range_kev
            there = not outside and first <= found <= last
            raise ModelError(
                f"outside the atomic table of {self.symbol}"
                + (f" ({self.source})" if self.source else "")
                + ("" if outside else " (where photoabsorption is good to 10 %)"),
                field="recoil_kev",
                found=f"{found:g} keV",
                expected=f"{low:g} to {high:g} keV; method stepped or epa+stepped"
                + (", or beyond_validity" if there else ""),
            )
        result = self._interpolated(recoil, which)
        if shift:
            result = result + shift * self._half_band(recoil)
            if np.any(result[:_POSITIVE] <= 0.0):
                raise ModelError(
                    f"the shifted response of {self.symbol} is negative",
                    field="atomic_shift", found=shift, expected="nearer to 0",
                )  # fmt: skip
        return result

    def _half_band(self, recoil: FloatArray) -> FloatArray:
        """Half of the error band, shape (10, ...)."""
        merged, alternative = (
            self._interpolated(recoil, LAYERS.index(name)) for name in LAYERS[1:]
        )
        thresholds = self.metadata["thresholds in keV"].values()
        alone = 1.0 - polarised_weight(recoil, thresholds)
        # one direction for all energies, so that the two parts do not cancel
        nodes = polarised_weight(self.recoil_kev, thresholds)
        ratio = self.moments[2, :, 7] / self.moments[1, :, 7] - 1.0
        sign = 1.0 if float(nodes @ ratio) >= 0.0 else -1.0
        half = 0.5 * (alternative - merged) + sign * INDEPENDENT_BAND * alone * merged
        return np.asarray(half)

    def _interpolated(self, recoil: FloatArray, which: int) -> FloatArray:
        """One layer at energies inside the table, shape (10, ...)."""
        x = np.log(recoil)
        grid: FloatArray = self._x  # type: ignore[attr-defined]
        index = np.clip(np.searchsorted(grid, x, side="right") - 1, 0, grid.size - 2)
        width = grid[index + 1] - grid[index]
        s = np.clip((x - grid[index]) / width, 0.0, 1.0)[..., None]
        values: FloatArray = self._values[which]  # type: ignore[attr-defined]
        slopes: FloatArray = self._slopes[which]  # type: ignore[attr-defined]
        one, two = values[index], values[index + 1]
        d_one, d_two = (
            slopes[index] * width[..., None],
            slopes[index + 1] * width[..., None],
        )
        result = (
            (1.0 + 2.0 * s) * (1.0 - s) ** 2 * one
            + s * (1.0 - s) ** 2 * d_one
            + s * s * (3.0 - 2.0 * s) * two
            + s * s * (s - 1.0) * d_two
        )
        result[..., :_POSITIVE] = np.exp(result[..., :_POSITIVE])
        result[..., _POSITIVE:] *= result[..., 7:8]
        result[..., 8] /= recoil**2
        return np.moveaxis(result, -1, 0)

    def save(self, path: str | Path) -> Path:
        """Write the table: an npz of arrays and one JSON string, no pickles.

        Raises
        ------
        InputError
            If the file cannot be written.
        """
        text = json.dumps(dict(self.metadata), sort_keys=True, allow_nan=False)
        with atomic_path(path) as temporary, temporary.open("wb") as stream:
            np.savez_compressed(
                stream,
                schema=np.array(SCHEMA),
                symbol=np.array(self.symbol),
                recoil_kev=self.recoil_kev,
                edges_kev=self.edges_kev,
                moments=self.moments,
                metadata=np.array(text),
            )
        return Path(path)


def _slopes(x: FloatArray, values: FloatArray) -> FloatArray:
    """Derivatives along axis 1 from parabolas through three neighbours."""
    step = np.diff(x)[:, None]
    secant = np.diff(values, axis=1) / step
    slopes = np.empty_like(values)
    if x.size == 2:
        slopes[:] = secant
        return slopes
    before, after = step[:-1], step[1:]
    middle = (secant[:, :-1] * after + secant[:, 1:] * before) / (before + after)
    slopes[:, 1:-1] = middle
    slopes[:, 0] = 2.0 * secant[:, 0] - middle[:, 0]
    slopes[:, -1] = 2.0 * secant[:, -1] - middle[:, -1]
    return slopes


def available() -> tuple[str, ...]:
    """Elements with a table: in the package, or in a folder of :data:`SEARCH_PATH`.

    Examples
    --------
    >>> "Ge" in available()
    True
    """
    names = [entry.name for folder in _folders() for entry in folder.iterdir()]
    return tuple(sorted({name[:-4] for name in names if name.endswith(".npz")}))


def load_table(symbol: str) -> AtomicTable:
    """Table of an element.

    From the folders that the environment variable of :data:`SEARCH_PATH` names, the
    first one that has ``SYMBOL.npz``, or else from the package.

    Raises
    ------
    InputError
        If a folder is not there, or a file is something else.
    ModelError
        If there is no table.

    Examples
    --------
    >>> load_table("Ge").symbol
    'Ge'
    """
    *own, shipped = _folders()
    for folder in own:
        if (folder / f"{symbol}.npz").is_file():
            path = folder / f"{symbol}.npz"
            table = _cached(path, path.stat().st_mtime_ns)
            if table.symbol != symbol:
                raise InputError(
                    "the table of another element", file=path, field="symbol",
                    found=table.symbol, expected=symbol,
                )  # fmt: skip
            return table
    path = shipped / f"{symbol}.npz"
    if not path.is_file():
        raise ModelError(
            "no atomic table for this element",
            field="target",
            found=symbol,
            expected="one of "
            + ", ".join(available())
            + f"; make one with `nuem atom {symbol} -o FOLDER/{symbol}.npz`, "
            f"found with {SEARCH_PATH}=FOLDER in the environment",
        )
    return _cached(path, None)


def _folders() -> list[Path]:
    """Where tables lie: those of the environment first, the package last."""
    named = os.environ.get(SEARCH_PATH, "")
    folders = [Path(part) for part in named.split(os.pathsep) if part]
    for folder in folders:
        if not folder.is_dir():
            raise InputError(
                "no such folder of atomic tables", field=SEARCH_PATH, found=folder,
                expected=f"folders, with {os.pathsep!r} between",
            )  # fmt: skip
    package = resources.files("nuem.inputs") / "tables" / "atomic"
    return [*folders, Path(str(package))]


@lru_cache(maxsize=32)
def _cached(path: Path, changed: int | None) -> AtomicTable:
    """A table read once, and again if the time of a file of the user has changed."""
    table = read_table(path)
    if changed is None:
        return table
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    return replace(table, source=f"{path}, sha256 {digest[:12]}")


def read_table(path: str | Path) -> AtomicTable:
    """Read a table from a file.

    Raises
    ------
    InputError
        If the file cannot be read or is something else.
    """
    try:
        with np.load(Path(path), allow_pickle=False) as data:
            if str(data["schema"]) != SCHEMA:
                raise InputError(
                    "not an atomic table of this version",
                    file=path,
                    field="schema",
                    found=str(data["schema"]),
                    expected=SCHEMA,
                )
            symbol = str(data["symbol"])
            recoil, edges, moments = (
                np.asarray(data[name], dtype=np.float64)
                for name in ("recoil_kev", "edges_kev", "moments")
            )
            metadata = json.loads(str(data["metadata"]))
    except (OSError, KeyError, TypeError, ValueError, zipfile.BadZipFile) as error:
        raise InputError(
            f"not an atomic table ({type(error).__name__})", file=path
        ) from None
    for field, problem in _problems(recoil, edges, moments, metadata):
        raise InputError(f"a damaged atomic table: {problem}", file=path, field=field)
    return AtomicTable(symbol, recoil, edges, moments, metadata)


def _problems(
    recoil: FloatArray, edges: FloatArray, moments: FloatArray, metadata: Any
) -> Iterator[tuple[str, str]]:
    """What is wrong in the content of a table: field and words."""
    if recoil.ndim != 1 or recoil.size < 2 or not np.all(np.isfinite(recoil)):
        yield "recoil_kev", "energies that are no numbers"
    elif recoil[0] <= 0.0 or np.any(np.diff(recoil) <= 0.0):
        yield "recoil_kev", "energies that do not rise"
    elif moments.shape != (len(LAYERS), recoil.size, len(MOMENTS)):
        yield "moments", f"the shape {moments.shape}"
    elif not np.all(np.isfinite(moments)) or np.any(moments[..., :_POSITIVE] <= 0.0):
        yield "moments", "a response that is negative or no number"
    # between two edges the interpolation needs two energies
    places = np.searchsorted(recoil, edges)
    if edges.ndim != 1 or np.any(np.diff([0, *places, recoil.size]) < 2):
        yield "edges_kev", "edges that the energies do not stand on both sides of"
    if not isinstance(metadata, dict):
        yield "metadata", "not a JSON object"
        return
    for key in ("thresholds in keV", "momentum spreads in keV", "potential"):
        if not isinstance(metadata.get(key), dict) or not metadata[key]:
            yield f"metadata.{key}", "missing"
    if not isinstance(metadata.get("potential", {}).get("exchange alpha_x"), float):
        yield "metadata.potential.exchange alpha_x", "missing"
    valid = metadata.get("valid_kev")
    numbers = isinstance(valid, list) and all(isinstance(v, float) for v in valid)
    if not isinstance(valid, list) or not numbers or len(valid) != 2:
        yield "metadata.valid_kev", "missing"
    elif not recoil[0] <= valid[0] < valid[1] <= recoil[-1]:
        yield "metadata.valid_kev", f"{valid} is not inside the table"
