"""Limits on the parameter of interest of a workspace, by each of the methods."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from nuem.analysis.inference.compiled import UnknownModifierError
from nuem.analysis.inference.methods import ALL, BY_PYHF, SHARDS, Task, enough_toys
from nuem.analysis.inference.results import BANDS, Limit, Values, is_signed
from nuem.analysis.inference.toys import shard_range
from nuem.inputs.errors import InputError
from nuem.inputs.modifiers import foreign_modifiers

__all__ = [
    "BANDS", "ENGINES", "METHODS", "Limit", "Values", "throw_shard", "upper_limit",
]  # fmt: skip

#: Methods by which an interval is found.
METHODS = ("cls", "toys", "feldman-cousins", "profile")
#: What evaluates and fits the likelihood.
ENGINES = ("nuem", "pyhf")
_TOYS = {"cls": 4000, "toys": 4000, "feldman-cousins": 2000, "profile": 0}


def upper_limit(
    spec: Mapping[str, Any],
    *,
    cl: float = 0.9,
    method: str | None = None,
    engine: str = "nuem",
    toys: int | None = None,
    seed: int = 1,
    measurement: str | None = None,
    definition: Mapping[str, Any] | None = None,
    provenance: Mapping[str, Any] | None = None,
    warnings: Sequence[str] = (),
    name: str = "workspace",
    progress: Callable[[str], None] | None = None,
    belt: str | Path | None = None,
    keep: str | Path | None = None,
    conditional: bool = False,
) -> Limit:
    """Set a limit on the parameter of interest of a pyhf workspace.

    Parameters
    ----------
    spec : mapping
        A pyhf workspace document.
    cl : float
        Confidence level, between 0 and 1.
    method : str, optional
        ``cls`` (asymptotic), ``toys`` (CLs with toys), ``feldman-cousins`` (unified,
        toys) or ``profile`` (asymptotic, a diagnostic for a signed coupling). By default
        ``cls``, and ``feldman-cousins`` where the parameter is a signed coupling.
    engine : str
        ``nuem``, or ``pyhf`` for ``cls`` and ``profile``.
    toys : int, optional
        Number of toys at each value; of the method by default.
    seed : int
        Seed of the toys.
    measurement : str, optional
        Name of the measurement; needed where there are several.
    definition : mapping, optional
        What the parameter means: ``reference``, ``unit``, ``power`` (2: the parameter is
        (g/g_ref)^2; 1: it is g/g_ref) and ``links`` of factors to powers of it.
    provenance : mapping, optional
        What made the workspace; goes into the result.
    warnings : sequence of str
        What is known of the workspace and belongs beside its limit.
    name : str
        Where the workspace came from, for messages.
    progress : callable, optional
        Told in a few words what is being calculated.
    belt : str or Path, optional
        Where to keep the critical values of ``feldman-cousins``; other methods refuse it.
    keep : str or Path, optional
        Folder in which toys are kept: an interrupted run goes on from there, and shards
        that `throw_shard` has put there are not thrown again.
    conditional : bool
        Toys have the auxiliary data that were observed; by default they fluctuate them
        (unconditional toys).

    Returns
    -------
    Limit

    Raises
    ------
    InputError
        If an argument or the workspace is wrong.
    InferenceError
        If there is no limit within the bounds of the parameter.

    Examples
    --------
    >>> spec = {
    ...     "version": "1.0.0",
    ...     "channels": [{"name": "c", "samples": [
    ...         {"name": "s", "data": [10.0], "modifiers": [
    ...             {"name": "mu", "type": "normfactor", "data": None}]},
    ...         {"name": "b", "data": [50.0], "modifiers": [
    ...             {"name": "bkg", "type": "normsys",
    ...              "data": {"hi": 1.05, "lo": 0.95}}]}]}],
    ...     "observations": [{"name": "c", "data": [50.0]}],
    ...     "measurements": [{"name": "m", "config": {"poi": "mu", "parameters": []}}],
    ... }
    >>> limit = upper_limit(spec, cl=0.9)
    >>> round(limit.poi.upper_limit, 2)
    1.32
    """
    chosen, task = _asked(
        spec, cl=cl, method=method, engine=engine, toys=toys, seed=seed,
        measurement=measurement, definition=definition, provenance=provenance,
        warnings=warnings, name=name, progress=progress, belt=belt, keep=keep,
        conditional=conditional,
    )  # fmt: skip
    if engine == "pyhf":
        return BY_PYHF[chosen](task)
    try:
        return ALL[chosen](task)
    except UnknownModifierError as error:
        if chosen not in BY_PYHF:
            foreign_modifiers(spec, name)
            raise UnknownModifierError(
                f"{error}; pyhf has no method {chosen} that works",
                expected=" or ".join(BY_PYHF),
            ) from None
        handed = f"handed over to pyhf: {error}"
        return BY_PYHF[chosen](replace(task, warnings=(*task.warnings, handed)))


def throw_shard(
    spec: Mapping[str, Any],
    shard: tuple[int, int],
    keep: str | Path,
    **asked: Any,
) -> int:
    """Throw a part of the toys of a limit, on this computer or another, and keep them.

    Parameters
    ----------
    spec : mapping
        A pyhf workspace document.
    shard : tuple of int
        (i, N): the i-th of N parts, counted from 1.
    keep : str or Path
        Folder in which they are kept. `upper_limit` with the same folder takes those of
        all shards, and throws those that are missing.
    **asked
        What else `upper_limit` is asked for.

    Returns
    -------
    int
        Number of toys of this shard that are now kept.

    Raises
    ------
    InputError
        If an argument or the workspace is wrong, or the method has no toys to keep.
    InferenceError
        If a fit of the data does not converge.
    """
    chosen, task = _asked(spec, keep=keep, **asked)
    if chosen not in SHARDS or asked.get("engine") == "pyhf":
        raise InputError(
            "no toys of this method can be kept", field="shard",
            found=f"method {chosen}, engine {asked.get('engine') or ENGINES[0]}",
            expected="toys or feldman-cousins by nuem",
        )  # fmt: skip
    shard_range(task.toys, shard)
    return SHARDS[chosen](task, shard)


def _asked(
    spec: Mapping[str, Any],
    *,
    cl: float = 0.9,
    method: str | None = None,
    engine: str = "nuem",
    toys: int | None = None,
    seed: int = 1,
    definition: Mapping[str, Any] | None = None,
    provenance: Mapping[str, Any] | None = None,
    warnings: Sequence[str] = (),
    progress: Callable[[str], None] | None = None,
    measurement: str | None = None,
    name: str = "workspace",
    belt: str | Path | None = None,
    keep: str | Path | None = None,
    conditional: bool = False,
) -> tuple[str, Task]:
    """Method and task, checked."""
    if not 0 < cl < 1:
        raise InputError("confidence level", found=f"{cl:.15g}", expected="0 to 1")
    chosen = method or ("feldman-cousins" if is_signed(definition) else "cls")
    for what, found, known in (
        ("method", chosen, METHODS),
        ("engine", engine, ENGINES),
    ):
        if found not in known:
            raise InputError(what, found=repr(found), expected=", ".join(known))
    count = _TOYS[chosen] if toys is None else toys
    if chosen in {"toys", "feldman-cousins"}:
        enough_toys(count, cl)
    if belt is not None and (chosen != "feldman-cousins" or engine == "pyhf"):
        raise InputError(
            "no critical values of toys to write", field="belt",
            found=f"method {chosen}", expected="feldman-cousins",
        )  # fmt: skip
    if chosen == "profile" and cl < 0.5:
        raise InputError(
            "an upper limit of a profile lies above the best fit", field="cl", found=cl,
            expected="at least 0.5",
        )  # fmt: skip
    if not 0 <= seed < 2**63:
        raise InputError("seed", found=seed, expected="0 to 2^63 - 1")
    if chosen in {"cls", "toys"} and is_signed(definition):
        raise InputError(
            "q-tilde assumes one minimum and no negative values", field="method",
            found=chosen, expected="feldman-cousins or profile for a signed coupling",
        )  # fmt: skip
    if engine == "pyhf" and chosen not in BY_PYHF:
        raise InputError(
            "pyhf is not an engine of this method", field="engine", found=chosen,
            expected=" or ".join(BY_PYHF),
        )  # fmt: skip
    return chosen, Task(
        spec=spec, cl=cl, measurement=measurement, definition=definition,
        provenance=dict(provenance or {}), warnings=tuple(warnings), name=name,
        toys=count, seed=seed, say=progress or (lambda _: None), belt=belt, keep=keep,
        conditional=conditional,
    )  # fmt: skip
