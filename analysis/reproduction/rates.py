"""Rates and cross sections that a document states beside its limits."""

from __future__ import annotations

import numpy as np

from nuem.analysis.channel_models import channel_flux, signal_options
from nuem.analysis.reproduction.counting import polynomial
from nuem.analysis.reproduction.task import Outcome, Task, channels_with_source
from nuem.inputs.observation import FissionTotal

__all__ = ["SM_FORMULA", "SPECTRUM_FORMULA", "sm_rate", "spectrum_range"]

#: The Standard Model in a bin, for `nuem reproduce --explain`.
SM_FORMULA = """\
integral of flux x Standard Model cross section over the bin of the experiment file:
of one electron per fission in cm^2, or events a day in the whole mass"""
#: A rate over a range of energies, for `nuem reproduce --explain`.
SPECTRUM_FORMULA = """\
dR/dT = n integral dE dPhi/dE dsigma/dT at the coupling of the row;
smallest and largest value between two energies"""


def sm_rate(task: Task) -> Outcome:
    """What the Standard Model gives: cm^2 per fission and electron, or events a day."""
    experiment = task.experiment
    if isinstance(experiment.total, FissionTotal):
        value = float(polynomial(task, experiment)[0])
        return Outcome(((value, value),), "no interval")
    value = 0.0
    for channel in channels_with_source(experiment):
        terms = task.bench.template(experiment, channel)
        value += channel.mass_kg * float(terms.coefficients["1"].sum())
    return Outcome(((value, value),), "no interval")


def spectrum_range(task: Task) -> Outcome:
    """Smallest and largest rate, counts/(kg keV d), between two recoils."""
    from nuem.models.fold import recoil_spectrum

    experiment = task.experiment
    signal, channel = experiment.signals[0], channels_with_source(experiment)[0]
    flux = channel_flux(experiment, channel)
    assert flux is not None  # channels_with_source saw one
    total = flux.normalise(task.need("flux"))
    low, high = task.need("low"), task.need("high")
    recoil = np.geomspace(low, high, 400)
    rates = recoil_spectrum(
        signal.process, channel.detector.target, total, recoil, method=signal.method,
        **signal_options(signal),
    )  # fmt: skip
    rate = rates[f"{experiment.coupling.symbol}^2"] * task.need("coupling") ** 2
    steps = {
        f"rate at {energy:g} keV": float(np.interp(energy, recoil, rate))
        for energy in (low, 1.0, high)
    }
    return Outcome(((float(rate.min()), float(rate.max())),), "no interval", steps)
