"""Templates: flux times cross section times response, in bins.

A template holds counts per kg day in each bin for each monomial of the coupling,
so that the expectation at any coupling is a polynomial of arrays.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any, Unpack

import numpy as np

from nuem.inputs.errors import InputError, ModelError
from nuem.inputs.vocabulary import Method, Process
from nuem.models.arrays import (
    ArrayLike,
    FloatArray,
    bin_edges,
    finite,
    not_negative,
    read_only,
)
from nuem.models.detector import Response
from nuem.models.flux.spectrum import Flux
from nuem.models.fold import Fold, recoil_spectrum
from nuem.models.isotopes import Target
from nuem.models.monomials import evaluate
from nuem.models.options import OptionWords
from nuem.models.photoelectrons import PhotoelectronResponse
from nuem.models.quadrature import legendre, panels
from nuem.models.targets import Element

__all__ = ["Template", "recoil_spectrum", "template"]

_ORDER = 4
_RATIO = 1.25
#: Highest coefficient of a rate in a panel, relative to the rate, that four nodes
#: integrate to 1e-6; and the share of an integral that does not count.
_ROUGH = 3e-3
_NOTHING = 1e-13
_HALVINGS = 12
#: Lowest true recoil, keV, counted in the share that the floor removes: where the
#: Henke tables begin, and where a few-eV band gap ends all talk of free electrons.
#: Below a floor that is lower, or not far above, a decade of recoils is counted.
LEAK_FROM_KEV = 0.01


@dataclass(frozen=True, eq=False)
class Template:
    """Binned prediction as a polynomial of couplings.

    Attributes
    ----------
    coefficients : mapping of str to ndarray
        Monomial to values, shape = bins of each axis.
    edges : tuple of ndarray
        Bin edges, one array for each axis; the first is the energy.
    unit : str
        Unit of the values.
    below_floor : mapping of str to ndarray
        The same that true recoils below the floor would have added, from 10 eV or a
        tenth of the floor on; they are not in the coefficients. Without a floor
        there is none.
    leading : str
        Monomial that carries the coupling sought for.
    notes : tuple of str
        What a reader has to know: tables that end, kernels that are cut.
    metadata : mapping of str to object
        How it was made.

    Examples
    --------
    >>> t = Template({"1": [1.0, 2.0], "q^2": [3.0, 0.0]}, ([0.0, 1.0, 2.0],))
    >>> t.evaluate(2.0), (t + t.scale(2.0)).evaluate(0.0)
    (array([13.,  2.]), array([3., 6.]))
    """

    coefficients: Mapping[str, FloatArray]
    edges: tuple[FloatArray, ...]
    unit: str = "counts/(kg d)"
    below_floor: Mapping[str, FloatArray] = field(default_factory=dict)
    leading: str = ""
    notes: tuple[str, ...] = ()
    metadata: Mapping[str, object] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Check shapes, and take copies that cannot be written to."""
        edges = (
            read_only(bin_edges(self.edges[0], "edges")),
            *(read_only(_rising(axis)) for axis in self.edges[1:]),
        )
        shape = tuple(axis.size - 1 for axis in edges)
        if not self.coefficients:
            raise InputError("a template without terms", field="coefficients")
        values = {key: read_only(array) for key, array in self.coefficients.items()}
        below = {key: read_only(array) for key, array in self.below_floor.items()}
        for key, array in [*values.items(), *below.items()]:
            if array.shape != shape:
                raise InputError(
                    "values do not fit the bins",
                    field=f"coefficients.{key}",
                    found=f"shape {array.shape}",
                    expected=f"shape {shape}",
                )
            finite(array, f"coefficients.{key}")
        set_ = object.__setattr__
        set_(self, "edges", edges)
        set_(self, "coefficients", MappingProxyType(values))
        set_(self, "below_floor", MappingProxyType(below))
        set_(self, "leading", self.leading or list(values)[-1])
        set_(self, "notes", tuple(self.notes))
        set_(self, "metadata", MappingProxyType(dict(self.metadata)))

    def evaluate(
        self, coupling: float | Mapping[str, float] | None = None
    ) -> FloatArray:
        """Values at a coupling, or at couplings by symbol; shape of the bins."""
        return evaluate(self.coefficients, coupling)

    def below_floor_fraction(self, monomial: str | None = None) -> FloatArray:
        """Share of each bin that the floor removes.

        Parameters
        ----------
        monomial : str, optional
            Which term; by default the largest share that any term has.

        Returns
        -------
        ndarray
            Below the floor over all, from 0 to 1, of the moduli where a term has
            both signs; 0 where there is nothing.
        """
        names = list(self.coefficients) if monomial is None else [monomial]
        worst = np.zeros(tuple(axis.size - 1 for axis in self.edges))
        for name in names:
            kept = np.abs(self.coefficients[name])
            removed = np.abs(self.below_floor.get(name, np.zeros_like(kept)))
            total = kept + removed
            share = np.divide(
                removed, total, out=np.zeros_like(kept), where=total != 0.0
            )
            worst = np.maximum(worst, share)
        return worst

    def scale(self, factor: float | FloatArray) -> Template:
        """Template times a number from 0 on, or times such a number for each bin."""
        by = not_negative(factor, "factor")
        return replace(
            self,
            coefficients={k: v * by for k, v in self.coefficients.items()},
            below_floor={k: v * by for k, v in self.below_floor.items()},
        )

    def as_dict(self) -> dict[str, Any]:
        """Plain lists and strings, for a JSON document."""
        return {
            "coefficients": {k: v.tolist() for k, v in self.coefficients.items()},
            "edges": [axis.tolist() for axis in self.edges],
            "unit": self.unit,
            "below_floor": {k: v.tolist() for k, v in self.below_floor.items()},
            "leading": self.leading,
            "notes": list(self.notes),
            "metadata": dict(self.metadata),
        }

    def __add__(self, other: Template) -> Template:
        """Sum of two templates on the same bins, for couplings that are the same."""
        if not isinstance(other, Template):
            return NotImplemented
        same = len(self.edges) == len(other.edges) and all(
            np.array_equal(a, b) for a, b in zip(self.edges, other.edges, strict=True)
        )
        if not same or self.unit != other.unit:
            raise InputError("templates with different bins or units cannot be added")
        shared = {}
        for key in ("energy", "convention"):
            ours, theirs = self.metadata.get(key), other.metadata.get(key)
            if None not in (ours, theirs) and ours != theirs:
                raise InputError(
                    "templates cannot be added", field=key, found=theirs, expected=ours
                )
            shared[key] = theirs if ours is None else ours
        return Template(
            _sum(self.coefficients, other.coefficients),
            self.edges,
            self.unit,
            _sum(self.below_floor, other.below_floor),
            self.leading,
            tuple(dict.fromkeys(self.notes + other.notes)),
            {"sum of": (dict(self.metadata), dict(other.metadata)), **shared},
        )


def _rising(axis: ArrayLike) -> FloatArray:
    """Edges of an axis beyond the energy, which may begin below 0."""
    edges = finite(axis, "edges")
    if edges.ndim != 1 or edges.size < 2 or not (np.diff(edges) > 0.0).all():
        raise InputError("the edges do not rise", field="edges")
    return edges


def _sum(
    a: Mapping[str, FloatArray], b: Mapping[str, FloatArray]
) -> dict[str, FloatArray]:
    result = dict(a)
    for key, array in b.items():
        result[key] = result[key] + array if key in result else array
    return result


def template(
    process: Process | str,
    target: Target | Element | str,
    flux: Flux,
    response: Response | PhotoelectronResponse | None,
    edges_kev: ArrayLike,
    *,
    method: Method | str | None = None,
    by_flavour: bool = False,
    diagnose: bool = True,
    **options: Unpack[OptionWords],
) -> Template:
    """Counts per kg day in bins of the measured energy.

    Parameters
    ----------
    process, target, method
        See :func:`nuem.models.process.scattering`.
    flux : Flux
        Neutrinos at the detector; each flavour has its own couplings.
    response : Response, PhotoelectronResponse or None
        Detector; None for a perfect one without floor. Its quenching acts on nuclei
        alone: without one, the bins of a process on nuclei are in keVnr.
    edges_kev : array_like
        Bin edges in the measured energy, keV, or in photoelectrons.
    by_flavour : bool
        Give each flavour a coupling of its own (``q_e``, ``q_mu``, ``q_tau``)
        instead of one that all share.
    diagnose : bool
        Work out what lies below the floor; variations need not.
    **options
        See :class:`nuem.models.options.Options`.

    Returns
    -------
    Template
        In counts/(kg d).

    Raises
    ------
    InputError
        For unknown words, bad edges, or a range that begins at 0.
    ModelError
        If the method or the quenching does not cover a true recoil that the bins can
        see.

    Notes
    -----
    Composite Gauss-Legendre over true recoils, on panels that end at absorption
    edges, points of tables, subshell energies, end points of the flux and at the
    kinks of the response, are no wider than half a sigma, and are halved until the
    efficiencies are cubics in them to 1e-6.

    Examples
    --------
    >>> from nuem.models.flux import reactor_flux
    >>> t = template("electron-millicharge-transition", "Ge", reactor_flux(flux=6.4e12),
    ...              None, [0.3, 0.4, 0.5], method="free")
    >>> (t.evaluate(1e-12) * 1e3).round(1)
    array([31.1, 18.7])
    """
    edges = bin_edges(edges_kev)
    detector: Response | PhotoelectronResponse = (
        Response() if response is None else response
    )
    fold = Fold.build(
        process,
        target,
        flux,
        method=method,
        by_flavour=by_flavour,
        **options,
    )
    if not fold.on_nuclei:
        detector = replace(detector, quenching=None)
    detector.check_range(edges, fold.maximum_recoil_kev)
    highest = fold.maximum_recoil_kev
    low, high = detector.true_range(edges, highest)
    if low <= 0.0:
        raise InputError(
            "the lowest true recoil is 0",
            field="edges_kev",
            found="0 keV",
            expected="edges above 0, or a floor of the true recoil",
        )
    high = min(high, highest)
    values = _integrate(fold, detector, edges, low, high)
    below, said = _below_floor(fold, detector, edges) if diagnose else ({}, ())
    return Template(
        values,
        (edges,),
        below_floor=below,
        leading=fold.leading,
        notes=(*fold.notes(low, high), *detector.notes, *said),
        metadata={
            **fold.metadata,
            "floor in keV": detector.floor_kev,
            "energy": _energy_unit(fold, detector),
        },
    )


def _integrate(
    fold: Fold,
    detector: Response | PhotoelectronResponse,
    edges: FloatArray,
    low: float,
    high: float,
) -> dict[str, FloatArray]:
    if not low < high:
        return {name: np.zeros(edges.size - 1) for name in fold.monomials}
    points = np.concatenate(
        [
            fold.breakpoints(low, high),
            detector.kinks(edges, fold.maximum_recoil_kev),
            [low, high],
        ]
    )
    points = np.unique(points[(points >= low) & (points <= high)])
    width: FloatArray | float = np.inf
    if isinstance(detector, PhotoelectronResponse) or detector.resolution is not None:
        width = 0.5 * detector.true_width(points)
    split = panels(low, high, points, ratio=_RATIO, width=width)
    true, weight, rates = _smooth(fold, detector.refine(split))
    matrix = detector.matrix(edges, true) * weight
    return {name: matrix @ rate for name, rate in rates.items()}


def _smooth(
    fold: Fold, edges: FloatArray
) -> tuple[FloatArray, FloatArray, dict[str, FloatArray]]:
    """Nodes, weights and rates, with panels halved until the rate is smooth in them.

    A rate falls steeply at the end of a spectrum and near resonances of a medium. Where
    the highest coefficient of its expansion in Legendre polynomials is not small, four
    nodes are not enough: only these panels are asked anew.
    """
    x, w = legendre(_ORDER)
    highest = w * np.polynomial.legendre.Legendre.basis(_ORDER - 1)(x) * (_ORDER - 0.5)
    low, high = edges[:-1], edges[1:]
    parts: list[tuple[FloatArray, FloatArray, FloatArray]] = []
    names = fold.monomials
    largest = np.zeros(len(names))
    for level in range(_HALVINGS + 1):
        half, middle = 0.5 * (high - low), 0.5 * (high + low)
        true = middle[:, None] + half[:, None] * x
        found = fold.rates(true.ravel())
        rate = np.stack([found[name].reshape(true.shape) for name in names])
        size = np.abs(rate).max(axis=2)
        # what a panel can contribute, beside the largest contribution of any
        share = size * (high - low)
        largest = np.maximum(largest, share.max(axis=1, initial=0.0))
        rough = np.abs(rate @ highest) > _ROUGH * size
        rough &= share > _NOTHING * largest[:, None]
        again = np.any(rough, axis=0) & (level < _HALVINGS)
        done = ~again
        parts.append((true[done], (half[:, None] * w)[done], rate[:, done]))
        if not again.any():
            break
        low, high = (
            np.concatenate([low[again], middle[again]]),
            np.concatenate([middle[again], high[again]]),
        )
    true = np.concatenate([part[0].ravel() for part in parts])
    weight = np.concatenate([part[1].ravel() for part in parts])
    rates = np.concatenate([p[2].reshape(len(names), -1) for p in parts], axis=1)
    order = np.argsort(true)
    return (
        true[order],
        weight[order],
        {name: rates[i, order] for i, name in enumerate(names)},
    )


def _energy_unit(fold: Fold, detector: Response | PhotoelectronResponse) -> str:
    if isinstance(detector, PhotoelectronResponse):
        return "PE"
    if fold.on_nuclei and detector.quenching is None:
        return "keVnr"
    return "keVee"


def _below_floor(
    fold: Fold, detector: Response | PhotoelectronResponse, edges: FloatArray
) -> tuple[dict[str, FloatArray], tuple[str, ...]]:
    """What the floor removes, and a note if it could not all be worked out."""
    floor = detector.true_floor_kev
    if floor <= 0.0:
        return {}, ()
    start = min(LEAK_FROM_KEV, 0.1 * floor)
    quenching = detector.quenching
    if quenching is not None:
        # below its range the quenching is a guess, good enough for this share
        quenching = quenching.opened()
        start = max(start, quenching.range_kevnr[0])
    # where the chosen table does not reach down, the diagnostic asks Henke's
    wide = fold.covering(start)
    covered = max(start, wide.lowest_recoil_kev)
    notes: tuple[str, ...] = ()
    if covered > start:
        notes = (f"share below the floor: of recoils from {covered:g} keV on (table)",)
    if covered >= floor:
        return {name: np.zeros(edges.size - 1) for name in fold.monomials}, notes
    open_ = replace(detector, quenching=quenching)
    open_ = replace(open_, floor_kev=float(open_.ionisation(covered)))
    low, high = open_.true_range(edges, floor)
    high = min(high, floor, fold.maximum_recoil_kev)
    try:
        return _integrate(wide, open_, edges, max(low, covered), high), notes
    except ModelError as error:
        # the prediction itself is valid: what cannot be said is said
        return {}, (f"the share below the floor could not be worked out: {error}",)
