"""Solar neutrinos on germanium: chi^2 of binned rates with pulls, flavour by flavour.

chi^2 = min over xi of sum_i ((R_obs - R_exp - B - sum_j xi_j c_j)/Delta)_i^2 + sum xi_j^2,
as Basi and Demirci (2025) have it. Their data are not printed: the observed rates are
those of the Standard Model and the background, without fluctuations.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nuem.analysis.channel_models import channel_flux
from nuem.analysis.exposure import stated_exposure
from nuem.analysis.inference.chisquare import ChiSquare, Pull
from nuem.analysis.inference.islands import allowed, lowest, rise_at
from nuem.analysis.reproduction.on_off import expected_background
from nuem.analysis.reproduction.task import Outcome, Task
from nuem.inputs.catalogue import bin_edges, channels
from nuem.inputs.errors import InputError
from nuem.models.flux import vary

__all__ = ["FORMULA", "Plane", "extent", "pulls", "solar_plane"]

_Array = NDArray[np.float64]
#: Rise of chi^2 that bounds a region of two parameters at 90 %.
_TWO_PARAMETERS = 4.605170185988092

#: The procedure in formulas, for `nuem reproduce --explain`.
FORMULA = """\
chi^2(q) = min over xi of sum over bins ((R_obs - R(q) - B - sum xi_j c_j)/Delta)^2 + sum xi_j^2
R(q): rates of each flavour with [Q_W + Z eps(T) q_a]^2, weighted with its share of the flux
R_obs: Standard Model and background; Delta: error of counting, or a share of a rate
one charge at a time: Delta chi^2 <= 2.7055; two: the extent of Delta chi^2 <= 4.6052"""


@dataclass(frozen=True)
class Plane:
    """Rates as polynomials of the charges of the three flavours.

    Attributes
    ----------
    terms : dict of str to ndarray, shape (bins,)
        ``1``, ``q_e``, ``q_e^2``, ...: counts in each bin.
    error : ndarray, shape (bins,)
    pulls : dict of str to dict
        Effect of one standard deviation of each pull on each term.
    free : ndarray or None
        Shape of a free background.
    """

    terms: dict[str, _Array]
    error: _Array
    pulls: dict[str, dict[str, _Array]]
    free: _Array | None

    def chi2(self, flavour: str, others: dict[str, float] | None = None) -> ChiSquare:
        """chi^2 against the charge of one flavour, those of others held."""
        held = others or {}

        def polynomial(terms: dict[str, _Array]) -> _Array:
            zero = np.zeros_like(self.error)
            constant = terms.get("1", zero).copy()
            for name, charge in held.items():
                constant = constant + charge * terms.get(f"q_{name}", zero)
                constant += charge**2 * terms.get(f"q_{name}^2", zero)
            return np.array(
                [
                    constant,
                    terms.get(f"q_{flavour}", zero),
                    terms.get(f"q_{flavour}^2", zero),
                ]
            )

        moved = [Pull(name, polynomial(terms)) for name, terms in self.pulls.items()]
        if self.free is not None:
            moved.append(Pull("background", self.free[None], np.inf))
        return ChiSquare(
            self.terms["1"], self.error[None] ** 2, polynomial(self.terms), moved
        )


def solar_plane(task: Task) -> Plane:
    """Rates and errors of a row.

    Words: ``error`` is ``counting``, or ``sm`` or ``total`` for the share
    ``uncertainty`` of the rate of the Standard Model, or of this and the background, in
    each bin; or ``common`` for counting errors and the share as one factor on the
    predicted rate of all bins. ``background`` is ``known``, ``free`` or ``none``.
    """
    experiment = task.experiment
    (channel,) = channels(experiment)
    edges = bin_edges(experiment.observables[0])
    exposure = stated_exposure(channel).kg_day
    flux = channel_flux(experiment, channel)
    assert flux is not None  # the Sun shines in every period
    nominal = task.bench.template(experiment, channel, by_flavour=True)
    terms = {name: exposure * v for name, v in nominal.coefficients.items()}
    pulls = {}
    for systematic in experiment.systematics:
        component, size = systematic.component or "", systematic.size.canonical
        moved = task.bench.template(
            experiment, channel, by_flavour=True,
            flux=vary(flux, component, 1.0, size), name=f"{component} {size:g}",
        )  # fmt: skip
        pulls[systematic.name] = {
            name: exposure * v - terms[name] for name, v in moved.coefficients.items()
        }
    background = exposure * expected_background(experiment, channel, edges)
    if task.word("background", "known") == "none":
        background = np.zeros_like(background)
    word = task.word("error", "counting")
    if word == "counting":
        error = np.sqrt(background)
    elif word == "common":
        error = np.sqrt(terms["1"] + background)
        share = task.need("uncertainty")
        pulls["uncertainty"] = {name: share * v for name, v in terms.items()}
    elif word == "sm":
        error = task.need("uncertainty") * terms["1"]
    elif word == "total":
        error = task.need("uncertainty") * (terms["1"] + background)
    else:
        raise InputError(
            "unknown error", file=task.row.id, field="words.error", found=word,
            expected="counting, sm, total or common",
        )  # fmt: skip
    free = np.diff(edges) if task.word("background", "known") == "free" else None
    return Plane(terms, error, pulls, free)


def pulls(task: Task) -> Outcome:
    """Islands of the charge of one flavour (word ``flavour``), or its extent in a region.

    With the word ``with`` the charge of a second flavour is free as well.
    """
    flavour = task.word("flavour", "e")
    plane = solar_plane(task)
    second = task.word("with", "none")
    if second == "none":
        islands = allowed(plane.chi2(flavour), rise_at(0.9, "two"))
        return Outcome(
            islands, "Delta chi^2 < 2.706 in q (two-sided, Asimov, 90 % CL)",
            {"counts of the Standard Model": float(plane.terms["1"].sum()),
             "smallest error, counts": float(plane.error.min())},
        )  # fmt: skip
    low, high = extent(plane, flavour, second)
    return Outcome(
        ((low, high),), "extent of Delta chi^2 < 4.605 in two charges (Asimov, 90 % CL)"
    )


def extent(plane: Plane, flavour: str, second: str) -> tuple[float, float]:
    """Smallest and largest charge in the region of two charges at 90 %.

    Without fluctuations chi^2 is 0 without charges, and this is its minimum.
    """
    from scipy.optimize import brentq

    single = allowed(plane.chi2(flavour), _TWO_PARAMETERS)
    low, high = single[0][0], single[-1][1]
    unit = max(abs(low), abs(high))

    def height(x: float) -> float:
        return lowest(plane.chi2(second, {flavour: x * unit}))[1] - _TWO_PARAMETERS

    ends = []
    for start in (low / unit, high / unit):
        far = start
        while height(far) < 0.0:
            far *= 1.2
        ends.append(unit * float(brentq(height, 0.0, far, xtol=1e-6)))
    return ends[0], ends[1]
