"""pyhf as the engine: model and data from a workspace document, fits with MINUIT.

pyhf keeps its tensor backend and optimizer in module state; they are set here for
the length of one calculation and put back afterwards.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from nuem.analysis.inference.parameters import check_yields
from nuem.inputs.errors import InferenceError, InputError
from nuem.inputs.modifiers import foreign_modifiers

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["build_model", "pyhf_numpy"]


@contextlib.contextmanager
def pyhf_numpy() -> Iterator[None]:
    """Use pyhf's NumPy backend with MINUIT inside the context."""
    import pyhf

    previous = pyhf.get_backend()
    pyhf.set_backend("numpy", pyhf.optimize.minuit_optimizer(strategy=1))
    try:
        # a fit that strays is judged by where it ends, not by what NumPy said there
        with np.errstate(all="ignore"):
            yield
    finally:
        pyhf.set_backend(*previous)


def build_model(
    spec: Mapping[str, Any], *, name: str = "workspace", measurement: str | None = None
) -> tuple[Any, NDArray[np.float64]]:
    """Build the pyhf model of a measurement and its data.

    Parameters
    ----------
    spec : mapping
        A pyhf workspace document.
    name : str
        Where it came from, for messages.
    measurement : str, optional
        Name of the measurement; needed where there are several.

    Returns
    -------
    model : pyhf.Model
    data : ndarray
        Observed counts and auxiliary data.

    Raises
    ------
    InputError
        If the measurement is not there, or pyhf refuses the model.
    InferenceError
        If the parameter of interest acts on nothing, or no events were expected.
    """
    import pyhf

    check_yields(spec, name)
    names = [m["name"] for m in spec["measurements"]]
    if measurement is None and len(names) > 1:
        raise InputError(
            "several measurements", file=name, field="measurement",
            expected=f"one of {', '.join(names)}",
        )  # fmt: skip
    if measurement is not None and measurement not in names:
        raise InputError(
            "no such measurement", file=name, field="measurement",
            found=repr(measurement), expected=f"one of {', '.join(names)}",
        )  # fmt: skip
    try:
        as_schema = not foreign_modifiers(spec, name)
        workspace = pyhf.Workspace(spec, validate=as_schema)
        model = workspace.model(measurement_name=measurement, validate=as_schema)
        data = np.asarray(workspace.data(model), dtype=float)
    except (pyhf.exceptions.InvalidModel, pyhf.exceptions.InvalidSpecification,
            pyhf.exceptions.InvalidModifier, KeyError) as error:  # fmt: skip
        line = " ".join(str(error).split())[:200]
        raise InputError(f"pyhf refuses the model ({line})", file=name) from None
    if model.config.poi_index is None:
        raise InputError("no parameter of interest", file=name, field="measurements")
    for parameter, start, (low, high) in zip(
        model.config.par_names, model.config.suggested_init(),
        model.config.suggested_bounds(), strict=True,
    ):  # fmt: skip
        if not low <= start <= high:
            raise InputError(
                "a parameter starts outside its bounds", file=name, field=parameter,
                found=f"{start:g}", expected=f"{low:g} to {high:g}",
            )  # fmt: skip
    _check_expectation(model, data, name)
    return model, data


def _check_expectation(model: Any, data: NDArray[np.float64], name: str) -> None:
    """A negative or empty expectation would give NaN far from its cause."""
    observed = data[: model.config.nmaindata]
    if (observed < 0).any():
        raise InputError("negative count", file=name, field="observations")
    pars = np.asarray(model.config.suggested_init(), dtype=float)
    expected = np.asarray(model.expected_data(pars, include_auxdata=False))
    for channel in model.config.channels:
        where = model.config.channel_slices[channel]
        if (expected[where] < 0).any():
            raise InputError(
                "negative expectation", file=name, field=f"channels.{channel}",
                found=f"{expected[where].min():g}",
            )  # fmt: skip
        if ((expected[where] == 0) & (observed[where] > 0)).any():
            raise InputError(
                "events where none are expected", file=name, field=f"channels.{channel}"
            )
    poi = model.config.poi_index
    low, high = model.config.suggested_bounds()[poi]
    if model.config.suggested_fixed()[poi] or low == high:
        raise InferenceError(
            "the parameter of interest is fixed", file=name,
            field=model.config.poi_name, found=f"{pars[poi]:g}",
            expected="a free parameter",
        )  # fmt: skip
    at = [pars.copy(), pars.copy()]
    at[0][poi], at[1][poi] = max(low, 0.0), min(high, 1.0)
    without, with_signal = (
        np.asarray(model.expected_data(p, include_auxdata=False)) for p in at
    )
    if np.array_equal(without, with_signal):
        raise InferenceError(
            "the parameter of interest acts on no expected event", file=name,
            field=model.config.poi_name,
        )  # fmt: skip
