"""Several experiments as one workspace: what `nuem combine` and `nuem scan` give.

The counts are the expected ones of the backgrounds of the experiment files; workspaces,
combination and likelihood are those of any analysis.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from nuem.analysis.exchange.combination import combine
from nuem.analysis.exchange.workspace import Workspace
from nuem.analysis.exposure import stated_exposure
from nuem.analysis.inference.islands import rise_at
from nuem.analysis.inference.likelihood import Likelihood
from nuem.analysis.inference.profile import profile
from nuem.analysis.modelling import build_workspace
from nuem.analysis.prediction import predict
from nuem.analysis.reproduction.on_off import expected_background, implied
from nuem.analysis.reproduction.rows import Interval
from nuem.analysis.reproduction.task import Outcome, Task
from nuem.analysis.stages import set_limit
from nuem.inputs.backgrounds import Background
from nuem.inputs.catalogue import bin_edges, channels
from nuem.inputs.correlations import load_correlations
from nuem.inputs.errors import InputError
from nuem.inputs.schema import Experiment

__all__ = ["FORMULA", "expected_workspace", "joint"]

_Array = NDArray[np.float64]

#: The procedure in formulas, for `nuem reproduce --explain`.
FORMULA = """\
one workspace for each experiment: Poisson counts in ON and OFF, n_i ~ b_i + mu s_i, with
  mu = (q/1e-12)^2, b_i free in each bin (free-per-bin) or the shapes of the file, and a
  flux error that multiplies s_i; counts: the expectation without signal
combined by `nuem combine --correlations NAME`: mu is one, flux errors as the file says
q: where -2 ln(profile likelihood ratio) = 1.2816^2 (one-sided, 90 %), as `nuem scan` finds
beside it the median CLs limit of `nuem limit` (90 %: 1.6449 sigma)"""

_FREE = {"name": "any", "shape": {"kind": "free-per-bin"}, "time_law": {"kind": "constant"}}  # fmt: skip
_CL = 0.9


def expected_workspace(experiment: Experiment, *, free_bins: bool = False) -> Workspace:
    """The workspace of an experiment that counts what its backgrounds give.

    Parameters
    ----------
    experiment : Experiment
    free_bins : bool
        Fit a free content in each bin, one for ON and OFF, in place of the shapes of the
        file.

    Returns
    -------
    Workspace
    """
    edges = bin_edges(experiment.observables[0])
    exposures = {c.name: stated_exposure(c) for c in channels(experiment)}
    counts = {
        c.name: exposures[c.name].kg_day * expected_background(experiment, c, edges)
        for c in channels(experiment)
    }
    if free_bins:
        free = Background.model_validate(_FREE)
        experiment = experiment.model_copy(update={"backgrounds": [free]})
    return build_workspace(experiment, counts, exposures, predict(experiment))


def joint(task: Task) -> Outcome:
    """Limit of the experiments of a row as one workspace.

    Words: ``combination`` is the correlations file of the package, ``background`` is
    ``free-per-bin`` or ``file``.

    Raises
    ------
    InputError
        If the word is another, or the experiments do not fit together.
    """
    word = task.word("background", "file")
    if word not in ("file", "free-per-bin"):
        raise InputError(
            "unknown word", file=task.row.id, field="words.background", found=word,
            expected="file or free-per-bin",
        )  # fmt: skip
    parts = [
        expected_workspace(e, free_bins=word == "free-per-bin")
        for e in task.experiments
    ]
    made = combine(parts, load_correlations(task.word("combination", "chen-2014")))
    workspace = made.workspace
    values = [_one_sided(part) for part in parts]
    steps: dict[str, object] = {
        f"{e.name} alone, e": value
        for e, value in zip(task.experiments, values, strict=True)
    }
    steps["weights L^-4, e"] = float(np.sum(np.asarray(values) ** -4.0) ** -0.25)
    median = set_limit(workspace, cl=_CL).expected_coupling
    assert median is not None  # the definition has a reference
    steps["median CLs limit, e"] = median["0"]
    for group in made.report["correlated"]:
        steps[f"one parameter {group['name']}"] = (
            f"{', '.join(group['parameters'])} (rho {group['rho']:g})"
        )
    found: tuple[Interval, ...] = ((None, _one_sided(workspace)),)
    steps |= implied(task, found)
    return Outcome(
        found,
        "-2 ln(profile likelihood ratio) < 1.2816^2 in q^2 (one-sided, Asimov, 90 % CL)",
        steps,
    )


def _one_sided(workspace: Workspace) -> float:
    """Coupling at which -2 ln L is 1.2816^2 above its minimum."""
    critical = rise_at(_CL, "one")
    likelihood = Likelihood(workspace.spec)
    coarse = profile(likelihood, points=41, reach=3.0 * critical)
    end = coarse.intervals(critical)[-1][1]
    # once more around the end, so that what lies between two points is a straight line
    fine = profile(likelihood, values=end * np.linspace(0.98, 1.02, 9))
    found = fine.intervals(critical)[-1][1]
    meta = workspace.meta or {}
    return float(meta["definition"]["reference"] * np.sqrt(found))
