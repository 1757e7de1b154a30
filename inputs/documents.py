"""Documents that numbers are read in, and the limits that they publish."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from nuem.inputs.fields import Text
from nuem.inputs.quantities import Strict
from nuem.inputs.vocabulary import Process

__all__ = ["Document", "Published"]


class Document(Strict):
    """Where the experiment is described."""

    kind: Literal["journal", "preprint", "slides", "poster"]
    citation: Text
    doi: str | None = None
    arxiv: str | None = None


class Published(Strict):
    """A published interval on a coupling, for comparison."""

    process: Process
    interval: tuple[float | None, float | None]
    unit: Literal["e", "mu_B", "cm^2", "1"]
    cl: Annotated[float, Field(gt=0, lt=1)]
    statistic: Text
    sided: Literal["one", "two", "unstated"]
    place: Text
