"""Histograms of many files that an interruption does not lose."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nuem.analysis.stages import histogram_events, stage_provenance
from nuem.inputs.errors import InputError

if TYPE_CHECKING:
    from nuem.analysis.events.execute import Reading
    from nuem.analysis.events.store import Histograms
    from nuem.inputs.schema import Experiment

__all__ = ["histogram_resuming"]


def histogram_resuming(
    experiment: Experiment,
    files: Sequence[str | Path],
    reading: Reading,
    kept: Path,
    *,
    configuration: Mapping[str, Any],
    strict: bool = False,
    force: bool = False,
    progress: Callable[[str], None] | None = None,
) -> Histograms:
    """Read events, cut and histogram them, from where an interrupted call stopped.

    Parameters
    ----------
    experiment, files, reading, configuration, strict, progress
        As for `histogram_events`.
    kept : Path
        What is done is kept here when the work is interrupted or ended by an error,
        and now and then. The caller removes it once the result is on disk.
    force : bool
        Begin again, whatever is kept.

    Returns
    -------
    Histograms

    Raises
    ------
    InputError
        If a file is missing or damaged, or what is kept was made with other settings.
    InferenceError
        If no event is selected, or there is no live time.
    """
    from nuem.analysis.events.store import save

    base = stage_provenance(experiment, configuration)["configuration"]
    done = None if force or not kept.exists() else _left(kept, base)
    say = progress or (lambda _: None)
    if done is not None:
        say(f"going on after {len(done.files)} files in {kept}")
        asked = set(map(str, files))
        before = {r.path for r in done.files} | {s.path for s in done.skipped}
        for path in sorted(before - asked):
            say(f"{path}: not asked for any more, of no account in {kept}")
    try:
        return histogram_events(
            experiment, files, reading, strict=strict, configuration=configuration,
            progress=progress, done=done, checkpoint=lambda part: save(part, kept),
        )  # fmt: skip
    except KeyboardInterrupt as error:
        if kept.exists():
            error.add_note(f"what is done is in {kept}: call again")
        raise


def _left(kept: Path, base: Mapping[str, Any]) -> Histograms:
    """What an interrupted call with the same settings left."""
    from nuem.analysis.events.store import load

    done = load(kept)
    then = done.provenance.get("configuration", {})
    # good files are good whether or not bad ones are skipped
    if {**then, "skip_bad": None} != {**base, "skip_bad": None}:
        raise InputError(
            "an interrupted call with other settings left this", file=kept,
            expected="--force, to begin again",
        )  # fmt: skip
    return done
