"""The exceptions of nuem: one tree, one line per error.

A message names the file, the field, what was found and what was expected, in
this order and as far as they apply, so that the line alone is enough to mend
the input. The exit code of the command line belongs to the class.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import ClassVar

__all__ = ["InferenceError", "InputError", "ModelError", "NuemError", "naming_file"]


class NuemError(Exception):
    """Base class of every error that nuem raises on purpose.

    Parameters
    ----------
    problem : str
        What is wrong, in one line.
    file, field : str, optional
        Where it is wrong.
    found, expected : object, optional
        What stood there, and what could have stood there.

    Examples
    --------
    >>> print(InputError("negative mass", file="ge.yaml", field="detectors.0.mass",
    ...                  found="-1 kg", expected="a mass above 0"))
    ge.yaml: detectors.0.mass: negative mass: found -1 kg, expected a mass above 0
    """

    exit_code: ClassVar[int] = 2

    def __init__(
        self,
        problem: str,
        *,
        file: object = None,
        field: object = None,
        found: object = None,
        expected: object = None,
    ) -> None:
        self.problem = problem
        self.found, self.expected = found, expected
        self.file = None if file is None else str(file)
        self.field = None if field is None else str(field)
        where = [part for part in (self.file, self.field) if part is not None]
        what = [
            f"{label} {value}"
            for label, value in (("found", found), ("expected", expected))
            if value is not None
        ]
        line = ": ".join([*where, problem])
        if what:
            line += ": " + ", ".join(what)
        super().__init__(" ".join(line.split()))


class InputError(NuemError):
    """The call, the configuration or an input file is wrong (exit code 2)."""


class ModelError(NuemError):
    """A prediction was asked for outside the validity of its model (exit code 2)."""


class InferenceError(NuemError):
    """The input is sound, but the analysis has no answer (exit code 1)."""

    exit_code: ClassVar[int] = 1


@contextmanager
def naming_file(file: object) -> Iterator[None]:
    """Name a file in the errors of the block that name none.

    For checks of what a file declares, made where its path is not known.

    Examples
    --------
    >>> with naming_file("flux.yaml"):
    ...     raise InputError("no such parameter", field="correlate.flux")
    Traceback (most recent call last):
    nuem.inputs.errors.InputError: flux.yaml: correlate.flux: no such parameter
    """
    try:
        yield
    except NuemError as error:
        if error.file is not None:
            raise
        raise type(error)(
            error.problem, file=file, field=error.field, found=error.found,
            expected=error.expected,
        ) from error.__cause__  # fmt: skip
