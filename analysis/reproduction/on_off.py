"""Bin-wise ON - OFF of a germanium detector at a reactor, without fluctuations.

The residual of ON and OFF is zero within errors that follow from the backgrounds of the
experiment file; what the charge adds is a polynomial in it. Chen et al. (2014) and the
poster of nuGeN (2025) set limits on the amplitude of the signal in such a residual.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from nuem.analysis.background import component_counts, present, time_factor
from nuem.analysis.exposure import stated_exposure
from nuem.analysis.inference.chisquare import ChiSquare, Pull
from nuem.analysis.inference.islands import allowed, rise_at
from nuem.analysis.reproduction.rows import Interval
from nuem.analysis.reproduction.task import Outcome, Task
from nuem.inputs.backgrounds import Lines
from nuem.inputs.catalogue import Channel, bin_edges, channels, used_bins
from nuem.inputs.errors import InputError
from nuem.inputs.literature import Variant
from nuem.inputs.schema import Experiment

__all__ = [
    "FORMULA",
    "RATIO_FORMULA",
    "Residual",
    "expected_background",
    "implied",
    "limit_of",
    "on_off",
    "ratio",
    "residual",
]

_Array = NDArray[np.float64]

#: The procedure in formulas, for `nuem reproduce --explain`.
FORMULA = """\
residual = ON/E_on - OFF/E_off in counts/(kg d) = s_1 q + s_2 q^2 (without SM)
variance = B (1/E_on + 1/E_off), B the expected background in counts/(kg d);
  a smooth OFF leaves 1/E_on alone
without interference: q^2 < z/sqrt(sum s_2^2/variance), z = 1.2816 (one-sided) or 1.6449;
with it: Delta chi^2 <= z^2 in q, all islands; free residuals are profiled"""

#: The ratio of two limits, for `nuem reproduce --explain`.
RATIO_FORMULA = FORMULA + "\nratio = limit with free electrons / limit with the atom"


@dataclass(frozen=True, eq=False)
class Residual:
    """Signal and error of the residual in each bin.

    Attributes
    ----------
    edges : ndarray, shape (bins + 1,)
    signal : ndarray, shape (3, bins)
        Coefficients of 1, q, q^2, counts/(kg d); the first is zero.
    variance : ndarray, shape (bins,)
        Of the residual.
    used : ndarray of bool, shape (bins,)
        Bins that are not masked.
    """

    edges: _Array
    signal: _Array
    variance: _Array
    used: NDArray[np.bool_]


def sharp(experiment: Experiment) -> Experiment:
    """The experiment with a perfect detector: lines are left out."""
    detectors = [
        d.model_copy(
            update={"response": d.response.model_copy(update={"resolution": None})}
        )
        for d in experiment.detectors
    ]
    smooth = [b for b in experiment.backgrounds if not isinstance(b.shape, Lines)]
    return experiment.model_copy(update={"detectors": detectors, "backgrounds": smooth})


def expected_background(
    experiment: Experiment, channel: Channel, edges: _Array
) -> _Array:
    """Background of the experiment file in a channel, counts/(kg d) by bin."""
    exposure = stated_exposure(channel)
    total = np.zeros(edges.size - 1)
    for background in experiment.backgrounds:
        if present(background, channel):
            factor = time_factor(background, exposure, channel, experiment)
            total += factor * component_counts(background, channel, edges)
    return total


def on_and_off(experiment: Experiment) -> tuple[Channel, Channel]:
    """The channel with the reactor on, and that without.

    Raises
    ------
    InputError
        If there are others.
    """
    found = channels(experiment)
    shining = [
        any(s.weights.values[c.period.name] for s in experiment.sources) for c in found
    ]
    if sorted(shining) != [False, True]:
        raise InputError(
            "not one channel ON and one OFF", file=experiment.name, field="periods",
            found=", ".join(c.name for c in found),
        )  # fmt: skip
    on = shining.index(True)
    return found[on], found[1 - on]


def residual(task: Task, experiment: Experiment) -> Residual:
    """The residual of an experiment.

    The word ``off`` says whether OFF counts fluctuate (``counted``) or are a ``smooth``
    model, ``response`` whether the signal is that of the ``file`` or of a ``perfect``
    detector.
    """
    on, off = on_and_off(experiment)
    edges = bin_edges(experiment.observables[0])
    counted = task.word("off", "counted") == "counted"
    background = expected_background(experiment, on, edges)
    variance = background / stated_exposure(on).kg_day
    if counted:
        variance += (
            expected_background(experiment, off, edges) / stated_exposure(off).kg_day
        )
    seen = (
        sharp(experiment) if task.word("response", "file") == "perfect" else experiment
    )
    channel, _ = on_and_off(seen)
    terms = task.bench.template(seen, channel).coefficients
    symbol = experiment.coupling.symbol
    zero = np.zeros(edges.size - 1)
    signal = np.array([zero, terms.get(symbol, zero), terms[f"{symbol}^2"]])
    used = used_bins(experiment.observables[0])
    return Residual(edges, signal, variance, used)


def limit_of(
    task: Task, experiment: Experiment
) -> tuple[tuple[Interval, ...], dict[str, float]]:
    """Limit or islands of an experiment, and the numbers on the way."""
    found = residual(task, experiment)
    cl, sided = 0.9, task.word("sided", "one")
    used = found.used
    signal, variance = found.signal[:, used], found.variance[used]
    interferes = bool(signal[1].any())
    # without interference the parameter is q^2, in which the limit is one of a Gaussian
    prediction = signal if interferes else signal[[0, 2]]
    pulls = _free(task, found)
    model = ChiSquare(np.zeros(variance.size), variance[None], prediction, pulls)
    islands = allowed(model, rise_at(cl, sided))
    steps = {
        "bins": float(variance.size),
        "background, counts/(kg d)": float(
            expected_background(experiment, on_and_off(experiment)[0], found.edges)[
                used
            ].sum()
        ),
        "signal of the square in the first bin, counts/(kg d) at 1e-12": float(
            signal[2, 0] * 1e-24
        ),
        "z": rise_at(cl, sided) ** 0.5,
    }
    if interferes:
        return islands, steps
    return ((None, float(np.sqrt(islands[-1][1]))),), steps


def _free(task: Task, found: Residual) -> list[Pull]:
    """Shapes that the residual may have besides the signal."""
    word = task.word("residual", "none")
    edges, pulls = found.edges, []
    width = np.diff(edges)
    if word in ("flat", "flat+exponential"):
        pulls.append(Pull("flat", width[None, found.used], np.inf))
    if word == "flat+exponential":
        decay = task.need("residual-decay")
        start = edges[0]
        running = -decay * np.exp(-(edges - start) / decay)
        pulls.append(Pull("rise", np.diff(running)[None, found.used], np.inf))
    return pulls


def _statistic(task: Task, values: tuple[Interval, ...]) -> str:
    sided = task.word("sided", "one")
    z = rise_at(0.9, sided) ** 0.5
    if values[0][0] is None:
        return f"q^2 < {z:.4f} sigma ({sided}-sided, Asimov, 90 % CL)"
    return f"Delta chi^2 < {z * z:.4f} in q ({sided}-sided z, Asimov, 90 % CL)"


def on_off(task: Task) -> Outcome:
    """Limit on the coupling from the residual."""
    values, steps = limit_of(task, task.experiment)
    return Outcome(values, _statistic(task, values), steps | implied(task, values))


def implied(task: Task, values: tuple[Interval, ...]) -> dict[str, float]:
    """Factor on all backgrounds with which an upper limit would be the published one.

    The variance is proportional to the background, and the limit goes with its fourth
    root.
    """
    limits = [v[0] for v in (task.row.published, values) if v and v[0][0] is None]
    if len(limits) < 2 or task.row.inputs != "assumed":
        return {}
    there, here = limits[0][1], limits[1][1]
    assert there is not None
    assert here is not None
    return {
        "factor on the background that gives the published limit": (there / here) ** 4
    }


def ratio(task: Task) -> Outcome:
    """Limit with free electrons over the limit of the row."""
    own, _ = limit_of(task, task.experiment)
    free = [{"process": "electron-millicharge-transition", "method": "free"}]
    changes = {**task.variant.changes, "signals": free}
    plain = replace(task, variant=Variant(changes=changes, words=task.variant.words))
    reference, _ = limit_of(plain, plain.experiment)
    above, below = reference[0][1], own[0][1]
    assert above is not None
    assert below is not None
    value = above / below
    return Outcome(
        ((value, value),), _statistic(task, own),
        {"free electrons, e": above, "the row, e": below},
    )  # fmt: skip
