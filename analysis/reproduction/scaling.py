"""Limits from limits: of magnetic moments, of other exposures, of several experiments."""

from __future__ import annotations

import numpy as np

from nuem.analysis.channel_models import channel_flux
from nuem.analysis.reproduction.on_off import limit_of, on_and_off, residual
from nuem.analysis.reproduction.task import Outcome, Task
from nuem.inputs.schema import Experiment
from nuem.models.constants import ELECTRON_MASS_KEV, FERMI_KEV

__all__ = [
    "COMBINATION_FORMULA",
    "MOMENT_FORMULA",
    "NEUTRINO_FORMULA",
    "PROJECTION_FORMULA",
    "combination",
    "from_moment",
    "moment_of_a_massive_neutrino",
    "projection",
]

#: A charge from a magnetic moment, for `nuem reproduce --explain`.
MOMENT_FORMULA = """\
q^2 < (T_threshold / 2 m_e) (mu/mu_B)^2: both signals are equal at the threshold,
2 pi alpha^2 q^2/(m_e T^2) = pi alpha^2 mu^2/(m_e^2 T)"""
#: Several limits, for `nuem reproduce --explain`.
COMBINATION_FORMULA = """\
limits L_i on q are Gaussian in q^2 around zero: q^4 = 1 / sum of L_i^-4"""
#: A projection from another data set, for `nuem reproduce --explain`.
PROJECTION_FORMULA = """\
q goes with (flux)^(-1/2) and (variance of the residual)^(1/4); the rest of the ratio of the
two limits is what the threshold and the shape of the signal do"""
#: Moment of a Dirac neutrino, for `nuem reproduce --explain`.
NEUTRINO_FORMULA = """\
mu = 3 e G_F m/(8 sqrt2 pi^2) = 3 G_F m_e m/(4 sqrt2 pi^2) mu_B, for m = 1 eV"""


def from_moment(task: Task) -> Outcome:
    """Charge whose signal at the threshold is that of a magnetic moment.

    With the word ``scaling: no`` the full spectrum of the experiment instead.
    """
    if task.word("scaling", "yes") == "no":
        values, steps = limit_of(task, task.experiment)
        return Outcome(values, "q^2 < 1.2816 sigma (one-sided, Asimov, 90 % CL)", steps)
    moment, threshold = task.need("moment"), task.need("threshold")
    charge = float(np.sqrt(threshold / (2.0 * ELECTRON_MASS_KEV)) * moment)
    return Outcome(
        ((None, charge),), "that of the limit on the magnetic moment",
        {"limit on the moment, mu_B": moment, "threshold, keV": threshold},
    )  # fmt: skip


def combination(task: Task) -> Outcome:
    """Several limits on q as one: those given as numbers, or those of experiments."""
    limits = [n.value for k, n in task.row.numbers.items() if k.startswith("limit-")]
    steps = {k: n.value for k, n in task.row.numbers.items() if k.startswith("limit-")}
    for experiment in task.experiments:
        steps[experiment.name] = _upper(task, experiment)
        limits.append(steps[experiment.name])
    value = float(np.sum(np.asarray(limits) ** -4.0) ** -0.25)
    return Outcome(((None, value),), "weights L^-4, limits Gaussian in q^2", steps)


def _upper(task: Task, experiment: Experiment) -> float:
    values, _ = limit_of(task, experiment)
    upper = values[0][1]
    assert upper is not None  # limits on a square have an upper end
    return upper


def projection(task: Task) -> Outcome:
    """Limit of the second experiment over that of the first, or a factor of it.

    The word ``factor`` names the factor: ``flux``, ``errors`` (exposures and
    backgrounds), ``threshold`` (what is left), or ``all``.
    """
    first, second = task.experiments
    whole = _upper(task, second) / _upper(task, first)

    def flux(experiment: Experiment) -> float:
        total = channel_flux(experiment, on_and_off(experiment)[0])
        assert total is not None  # the reactor is on
        return total.integrate()

    def error(experiment: Experiment) -> float:
        # of the residual in a keV, at the upper end of the spectra
        found = residual(task, experiment)
        return float(found.variance[-1] / np.diff(found.edges)[-1])

    parts = {
        "flux": (flux(first) / flux(second)) ** 0.5,
        "errors": (error(second) / error(first)) ** 0.25,
    }
    parts["threshold"] = whole / parts["flux"] / parts["errors"]
    value = {**parts, "all": whole}[task.word("factor", "all")]
    return Outcome(
        ((value, value),), "ratio of limits q^2 < 1.2816 sigma",
        {f"factor {name}": part for name, part in parts.items()},
    )  # fmt: skip


def moment_of_a_massive_neutrino(task: Task) -> Outcome:
    """Magnetic moment of a Dirac neutrino in the minimally extended Standard Model."""
    mass_kev = 1e-3 * task.need("mass")
    moment = 3.0 * FERMI_KEV * ELECTRON_MASS_KEV * mass_kev
    moment /= 4.0 * np.sqrt(2.0) * np.pi**2
    return Outcome(
        ((float(moment), float(moment)),), "no interval", {"mass, keV": mass_kev}
    )
