"""Confidence belts from toys, as the poster of nuGeN (2025) makes them.

There is one OFF spectrum: it is drawn once and fitted with two exponentials and three
Gaussians. The fitted function is the background of the toys. ON spectra are drawn with a
signal, whose amplitude is estimated from ON - OFF, from ON less the fitted function, or
from ON less a function that is fitted anew to the OFF spectrum of each toy; the belt of the
likelihood ratio of this estimate is inverted where nothing but the expectation is measured.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from importlib import resources
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nuem.analysis.exposure import stated_exposure
from nuem.analysis.inference.feldman_cousins import Belt
from nuem.analysis.inference.profile import crossings
from nuem.analysis.reproduction.on_off import (
    expected_background,
    on_and_off,
    residual,
)
from nuem.analysis.reproduction.rows import Interval
from nuem.analysis.reproduction.spectrum_fit import OffModel, fit_off
from nuem.analysis.reproduction.task import Outcome, Task
from nuem.inputs.backgrounds import Constant, Exponential, Lines
from nuem.inputs.catalogue import Channel, bin_edges
from nuem.inputs.errors import InferenceError, InputError
from nuem.inputs.files import read_json
from nuem.inputs.schema import Experiment

__all__ = ["FORMULA", "Setting", "belt_of", "belts", "calibrated", "setting"]

_Array = NDArray[np.float64]

#: Toys, and their seed.
TOYS, SEED = 4000, 20250801
#: Toys whose OFF spectra are all fitted.
REFITTED = 1000
_POINTS = 33
#: Largest relative difference of the interval without toys at which a cached belt holds.
_SAME = 1e-3

#: The procedure in formulas, for `nuem reproduce --explain`.
FORMULA = f"""\
one OFF spectrum ~ Poisson(background of the file), seed {SEED}, fitted with iminuit:
  f = exp + exp + 3 Gauss, energies and widths of the lines held
toys ({TOYS}; {REFITTED} where each is fitted): ON ~ Poisson(r f + signal), r the ratio of exposures;
  off counted: OFF ~ Poisson(f), d = ON - r OFF;  fit: d = ON - r f;
  refit: OFF ~ Poisson(f), fitted anew, d = ON - r fit
chi^2(g) = sum (d - s(g))^2/variance, variance r f (1 + r) (counted), r f (fit, refit)
belt: Delta chi^2 at the true value below its 90 % quantile over toys; measured: d = 0"""


@dataclass(frozen=True)
class Setting:
    """What the toys of a row are made of.

    Attributes
    ----------
    on, off : ndarray, shape (bins,)
        Expected counts of the background: the function fitted to the OFF spectrum.
    signal : ndarray, shape (3, bins)
        Counts in ON that 1, x, x^2 add; x is the parameter over `unit`.
    variance : ndarray, shape (bins,)
        Of the estimate, counts.
    ratio : float
        Exposure of ON over that of OFF.
    unit : float
        Coupling (or its square) at x = 1.
    power : int
        2 where the parameter is the square of the coupling.
    model : OffModel
        The function of the OFF spectrum.
    fitted : ndarray, shape (7,)
        Its parameters.
    """

    on: _Array
    off: _Array
    signal: _Array
    variance: _Array
    ratio: float
    unit: float
    power: int
    model: OffModel
    fitted: _Array

    def rise(self, difference: _Array, x: _Array) -> tuple[_Array, _Array]:
        """chi^2 over its minimum, shape (toys, n), and where that is, shape (toys,).

        Parameters
        ----------
        difference : ndarray, shape (toys, bins)
        x : ndarray, shape (n,)
            Values of the parameter over `unit`.
        """
        a, b = _sums(self, difference)
        place = a[:, 0] / b[2] if self.power == 2 else _lowest(a, b)
        least = _quartic(a, b, place[:, None])
        return _quartic(a, b, x[None, :]) - least, place


def _lowest(a: _Array, b: _Array) -> _Array:
    """Where quartics are lowest: among the roots of their derivatives."""
    monic = np.array([3 * b[3], 2 * b[2], 0.0])[None] / (4 * b[4]) - np.stack(
        [np.zeros(len(a)), 4 * a[:, 1], 2 * a[:, 0]], axis=1
    ) / (4 * b[4])
    companion = np.zeros((len(a), 3, 3))
    companion[:, 0] = -monic
    companion[:, 1, 0] = companion[:, 2, 1] = 1.0
    roots = np.linalg.eigvals(companion)
    real = np.where(np.abs(roots.imag) < 1e-7 * (1 + np.abs(roots)), roots.real, 0.0)
    lowest = np.argmin(_quartic(a, b, real), axis=1)
    return np.asarray(np.take_along_axis(real, lowest[:, None], axis=1)[:, 0])


def _sums(setting: Setting, difference: _Array) -> tuple[_Array, _Array]:
    """Sums of which chi^2 is made: with the data (toys, 2), and without (5,)."""
    _, first, second = setting.signal
    weighted = difference / setting.variance
    a = np.stack([weighted @ first, weighted @ second], axis=1)
    v = setting.variance
    return a, np.array(
        [
            0.0,
            0.0,
            np.sum(first**2 / v),
            2 * np.sum(first * second / v),
            np.sum(second**2 / v),
        ]
    )


def _quartic(a: _Array, b: _Array, x: _Array) -> _Array:
    fixed = b[2] * x**2 + b[3] * x**3 + b[4] * x**4
    return np.asarray(fixed - 2.0 * (a[:, :1] * x + a[:, 1:] * x**2))


def setting(task: Task) -> Setting:
    """Expected counts and signal of a row; the word ``off``: counted, fit or refit.

    Raises
    ------
    InputError
        If the word is another.
    InferenceError
        If the fit of the OFF spectrum does not converge.
    """
    experiment = task.experiment
    word = task.word("off", "counted")
    if word not in ("counted", "fit", "refit"):
        raise InputError(
            "unknown word", file=task.row.id, field="words.off", found=word,
            expected="counted, fit or refit",
        )  # fmt: skip
    on, off = on_and_off(experiment)
    e_on, e_off = stated_exposure(on).kg_day, stated_exposure(off).kg_day
    model, start = _off_model(experiment)
    edges = bin_edges(experiment.observables[0])
    truth = e_off * expected_background(experiment, off, edges)
    drawn = np.random.default_rng(SEED).poisson(truth).astype(float)
    fitted, converged = fit_off(model, drawn, start)
    if not converged:
        raise InferenceError("the fit of OFF did not converge", file=experiment.name)
    ratio = e_on / e_off
    b_off = model.counts(fitted)
    b_on = ratio * b_off
    found = residual(task, experiment)
    # a bin without signal tells nothing of it: that is what a mask is
    signal = e_on * found.signal * found.used
    variance = b_on * (1.0 + ratio) if word == "counted" else b_on
    reference = experiment.coupling.reference.value
    if signal[1].any():
        unit, power = reference, 1
        terms = signal * reference ** np.arange(3)[:, None]
    else:
        # the parameter is the square of the coupling: linear
        unit, power = reference**2, 2
        terms = np.array([signal[0], signal[2] * reference**2, signal[0]])
    return Setting(b_on, b_off, terms, variance, ratio, unit, power, model, fitted)


def calibrated(task: Task, made: Setting) -> Belt:
    """Throw toys and find the critical values.

    Returns
    -------
    Belt
        Of the parameter over its unit; low and high ends are the smallest and largest
        estimates of accepted toys.
    """
    word = task.word("off", "counted")
    count, failed = (REFITTED if word == "refit" else TOYS), 0
    generator = np.random.default_rng([SEED, 1])
    subtracted = np.broadcast_to(made.off, (count, made.off.size))
    if word != "fit":
        subtracted = generator.poisson(made.off, size=subtracted.shape).astype(float)
    if word == "refit":
        fits = [fit_off(made.model, counts, made.fitted) for counts in subtracted]
        good = [p for p, converged in fits if converged]
        failed = count - len(good)
        subtracted = np.array([made.model.counts(p) for p in good])
    edges = _asimov(made)
    low, high = edges[0][0], edges[-1][1]
    reach = 3.5 if word == "refit" else 2.0
    values = np.linspace(reach * low if low < 0 else 0.0, reach * high, _POINTS)
    critical, left, right = (np.empty(_POINTS) for _ in range(3))
    for k, value in enumerate(values):
        mean = made.on + np.array([1.0, value, value**2]) @ made.signal
        on = generator.poisson(mean, size=(len(subtracted), mean.size))
        difference = on - made.ratio * subtracted
        rise, place = made.rise(difference, values[k : k + 1])
        critical[k] = np.quantile(rise[:, 0], 0.9, method="higher")
        accepted = place[rise[:, 0] <= critical[k]]
        left[k], right[k] = accepted.min(), accepted.max()
    return Belt(
        parameter="x", cl=0.9, values=values, critical=critical, low=left, high=right,
        toys=count, failed=failed, seed=SEED,
    )  # fmt: skip


def _asimov(made: Setting) -> tuple[tuple[float, float], ...]:
    """Interval of the expectation itself at 2.706, without toys, in x."""
    reach = 8.0 * _width(made)
    x = np.linspace(-reach if made.power == 1 else 0.0, reach, 20001)
    rise, _ = made.rise(np.zeros((1, made.on.size)), x)
    return crossings(x, rise[0], 2.7055434540954146)


def _width(made: Setting) -> float:
    _, b = _sums(made, np.zeros((1, made.on.size)))
    return float(
        max((2.7 / b[2]) ** 0.5 if made.power == 2 else (2.7 / b[4]) ** 0.25, 1e-9)
    )


def _off_model(experiment: Experiment) -> tuple[OffModel, _Array]:
    """The function of the poster for an experiment file, and where its fit starts."""
    _, channel = on_and_off(experiment)
    edges = bin_edges(experiment.observables[0])
    exposure = stated_exposure(channel).kg_day
    start = np.array([1.0, 1.0, 0.01, 4.0, 1.0, 1.0, 1.0])
    lines = []
    for background in experiment.backgrounds:
        shape, rate = background.shape, background.rate
        assert rate is not None  # no free bins in a spectrum that is drawn
        if isinstance(shape, Constant):
            start[0] = exposure * rate.canonical
        elif isinstance(shape, Exponential):
            start[1] = exposure * rate.canonical
            start[3] = 1.0 / shape.decay_energy.canonical
        elif isinstance(shape, Lines):
            lines += [
                (line.energy.canonical, rate.canonical * line.intensity.canonical)
                for line in shape.lines
            ]
    if len(lines) != 3:
        raise InputError(
            "the fit has three lines", file=experiment.name, field="backgrounds",
            found=len(lines),
        )  # fmt: skip
    start[4:] = [exposure * rate for _, rate in lines]
    shapes = [_line(channel, edges, energy) for energy, _ in lines]
    return OffModel(edges, np.array(shapes)), start


def _line(channel: Channel, edges: _Array, energy: float) -> _Array:
    from nuem.models.background import Lines as LineShape

    resolution = channel.response.resolution
    assert resolution is not None  # the schema asks for it where there are lines
    shape = LineShape([energy], [1.0], resolution)
    return shape.counts(edges, energy_scale=1.0, resolution_scale=1.0)


def belt_of(task: Task, made: Setting) -> tuple[Belt, tuple[tuple[float, float], ...]]:
    """The belt of a row, from the cache or made anew, and the interval without toys.

    Raises
    ------
    InferenceError
        If the cached belt was made of other inputs.
    """
    reference = _asimov(made)
    name = task.row.words["belt"]
    if not task.bench.fresh:
        return _cached(name, reference), reference
    task.bench.progress(f"toys: {name}")
    belt = calibrated(task, made)
    task.bench.belts[name] = _document(belt, reference)
    return belt, reference


def belts(task: Task) -> Outcome:
    """Interval of the coupling where the expectation without signal is measured."""
    made = setting(task)
    belt, reference = belt_of(task, made)
    x = np.linspace(belt.values[0], belt.values[-1], 8001)
    rise, _ = made.rise(np.zeros((1, made.on.size)), x)
    islands = crossings(x, rise[0], belt.at(x))
    if not islands or islands[-1][1] >= x[-1]:
        raise InferenceError("the belt ends before the interval", field=task.row.id)
    ends = [(a * made.unit, b * made.unit) for a, b in islands]
    values: tuple[Interval, ...] = tuple(ends)
    if made.power == 2:
        values = ((None, float(np.sqrt(ends[-1][1]))),)
    return Outcome(
        values, f"belt of the likelihood ratio, {belt.toys} toys, 90 % CL",
        {
            "toys": belt.toys, "seed": belt.seed, "failed fits": belt.failed,
            "critical value without signal": float(belt.at(np.array([0.0]))[0]),
            "without toys (Delta chi^2 = 2.706)": _text(reference, made),
        },
    )  # fmt: skip


def _text(islands: tuple[tuple[float, float], ...], made: Setting) -> str:
    if made.power == 2:
        return f"< {np.sqrt(islands[-1][1] * made.unit):.3g}"
    return ", ".join(f"{a * made.unit:.3g} to {b * made.unit:.3g}" for a, b in islands)


def _document(belt: Belt, reference: tuple[tuple[float, float], ...]) -> dict[str, Any]:
    document = {
        key: [float(f"{v:.6g}") for v in value]
        if isinstance(value, np.ndarray)
        else value
        for key, value in asdict(belt).items()
    }
    return {**document, "reference": [list(island) for island in reference]}


def _cached(name: str, reference: tuple[tuple[float, float], ...]) -> Belt:
    """The belt of that name, if it was made of the same inputs."""
    path = resources.files("nuem.analysis.reproduction") / "belts.json"
    document = read_json(str(path))
    if name not in document:
        raise InputError("no such belt", file=path, field=name, expected="--fresh")
    entry: dict[str, Any] = dict(document[name])
    there = np.array(entry.pop("reference"))
    now = np.array(reference)
    if there.shape != now.shape or not np.allclose(there, now, rtol=_SAME, atol=0.0):
        raise InferenceError(
            "the cached belt is of other inputs", file=path, field=name,
            found=json.dumps(now.tolist()), expected=json.dumps(there.tolist()),
        )  # fmt: skip
    for key in ("values", "critical", "low", "high"):
        entry[key] = np.array(entry[key])
    return Belt(**entry)
