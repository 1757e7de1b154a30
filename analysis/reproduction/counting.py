"""One bin: a number of events, a cross section or a ratio against a charge.

chi^2 = (N_SM - N(q))^2 / (sigma^2 + (p N(q))^2), as Parada (2020) has it, with the
prediction N(q) = N_SM (1 + a q + b q^2); several experiments add up.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from nuem.analysis.channel_models import channel_flux, fission_yield
from nuem.analysis.inference.chisquare import ChiSquare
from nuem.analysis.inference.islands import allowed, rise_at
from nuem.analysis.reproduction.task import Outcome, Task, channels_with_source
from nuem.inputs.catalogue import Channel
from nuem.inputs.errors import InputError
from nuem.inputs.literature import Number
from nuem.inputs.observation import EventTotal, FissionTotal, Segment
from nuem.inputs.schema import Experiment

__all__ = [
    "FORMULA",
    "counting",
    "counting_chi2",
    "fit_threshold",
    "polynomial",
    "with_threshold",
]

_Array = NDArray[np.float64]

#: The procedure in formulas, for `nuem reproduce --explain`.
FORMULA = """\
chi^2(q) = sum over experiments of (N_SM - N(q))^2 / (sigma^2 + (p N(q))^2)
N(q) = N_SM [1 + (INT/SM) q + (EM/SM) q^2], terms integrated over the recoils of the bin
sigma = sqrt(N_SM) for events, else the error of the measurement; p the systematic part
allowed: chi^2 <= minimum + 2.7055 (90 %, one parameter), all islands"""


def with_threshold(experiment: Experiment, threshold_kev: float) -> Experiment:
    """The experiment with its one bin starting at another energy.

    Examples
    --------
    >>> from nuem.inputs.catalogue import bin_edges, load_experiment
    >>> bin_edges(with_threshold(load_experiment("conus"), 0.2).observables[0])
    array([ 0.2, 20.1])
    """
    observable = experiment.observables[0]
    stop = observable.binning[-1].stop
    segment = Segment(start=threshold_kev, stop=stop, width=stop - threshold_kev)
    changed = observable.model_copy(update={"binning": [segment]})
    return experiment.model_copy(update={"observables": [changed]})


def polynomial(task: Task, experiment: Experiment) -> _Array:
    """Coefficients of 1, q, q^2 of the rate in the bin, all channels, shape (3,).

    For a cross section per fission in cm^2 of one electron, else in counts a day.
    """
    total = np.zeros(3)
    for channel in channels_with_source(experiment):
        coefficients = task.bench.template(experiment, channel).coefficients
        total += _weight(experiment, channel) * np.array(
            [coefficients["1"][0], coefficients["q"][0], coefficients["q^2"][0]]
        )
    return total


def _weight(experiment: Experiment, channel: Channel) -> float:
    from nuem.models.constants import SECONDS_PER_DAY
    from nuem.models.isotopes import target

    if isinstance(experiment.total, FissionTotal):
        flux = channel_flux(experiment, channel)
        assert flux is not None  # channels_with_source saw one
        per_fission = fission_yield(experiment) / flux.integrate()
        electrons = target(channel.detector.target).electrons_per_kg
        return per_fission / (electrons * SECONDS_PER_DAY)
    return channel.mass_kg


def counting_chi2(task: Task) -> tuple[ChiSquare, dict[str, float]]:
    """The chi^2 of a row, one bin for each experiment, and the numbers in it.

    Raises
    ------
    InputError
        If an experiment is not one published number.
    """
    systematic = task.number("systematic")
    p = 0.0 if systematic is None else systematic.value
    values, variances, predictions = [], [], []
    steps: dict[str, float] = {}
    for shipped in task.experiments:
        threshold = task.number(f"threshold-{shipped.name}")
        experiment = shipped
        if threshold is not None:
            experiment = with_threshold(shipped, threshold.value)
        total = experiment.total
        if total is None:
            raise InputError(
                "not one published number", file=experiment.name, field="observation",
                found=experiment.observation, expected="total",
            )  # fmt: skip
        terms = polynomial(task, experiment)
        sm = float(terms[0])
        variance = np.zeros(5)
        if isinstance(total, EventTotal):
            terms = total.expected.canonical * terms / sm
            variance = p**2 * np.convolve(terms, terms)
            variance[0] += total.expected.canonical
        elif isinstance(total, FissionTotal):
            variance[0] = total.error.canonical**2
        else:
            terms = terms / sm
            variance[0] = total.error.canonical**2
        # in units of the error, so that cross sections of 1e-44 add to events
        unit = float(np.sqrt(variance[0]))
        values.append(terms[0] / unit)
        variances.append(variance / unit**2)
        predictions.append(terms / unit)
        steps |= {
            f"{experiment.name}: bin from, keV": experiment.observables[0]
            .binning[0]
            .start,
            f"{experiment.name}: Standard Model": float(terms[0]),
            f"{experiment.name}: error": unit,
            f"{experiment.name}: INT/SM per e": float(terms[1] / terms[0]),
            f"{experiment.name}: EM/SM per e^2": float(terms[2] / terms[0]),
        }
    other = task.number("gaussian-limit")
    if other is not None:
        # a limit on q^2 alone, as a Gaussian measurement of q^2 that saw nothing
        z = rise_at(0.9, "two") ** 0.5
        values.append(0.0)
        variances.append(np.array([1.0, 0.0, 0.0, 0.0, 0.0]))
        predictions.append(np.array([0.0, 0.0, z / other.value**2]))
    model = ChiSquare(np.array(values), np.array(variances).T, np.array(predictions).T)
    return model, steps


def counting(task: Task) -> Outcome:
    """All islands of the charge at 90 % CL."""
    model, steps = counting_chi2(task)
    islands = allowed(model, rise_at(0.9, "two"))
    return Outcome(
        islands, "Delta chi^2 < 2.706 in q (two-sided, Asimov, 90 % CL)", steps
    )


def fit_threshold(task: Task, low_kev: float, high_kev: float) -> float:
    """Threshold at which the interval comes closest to the published one, keV.

    The sum of squares of ln(ours/published) over both ends is minimised.

    Parameters
    ----------
    task : Task
        A row of one experiment, with one published interval.
    low_kev, high_kev : float
        Where to look.

    Returns
    -------
    float

    Raises
    ------
    InputError
        If the row has several experiments or no published interval.
    """
    from scipy.optimize import minimize_scalar

    experiment = task.experiment
    if len(task.row.published) != 1:
        raise InputError("no published interval", file=task.row.id, field="published")
    wanted = task.row.published[0]

    def distance(threshold: float) -> float:
        number = Number(value=threshold, unit="keV", status="fitted", source="trial")
        numbers = {**task.row.numbers, f"threshold-{experiment.name}": number}
        trial = replace(task, row=task.row.model_copy(update={"numbers": numbers}))
        model, _ = counting_chi2(trial)
        ends = allowed(model, rise_at(0.9, "two"))[0]
        return sum(
            float(np.log(end / there)) ** 2
            for end, there in zip(ends, wanted, strict=True)
            if there is not None
        )

    found = minimize_scalar(
        distance, method="bounded", bounds=(low_kev, high_kev),
        options={"xatol": 1e-4 * low_kev},
    )  # fmt: skip
    return float(found.x)
