"""A correlations file: which parameters of which workspaces are one.

Small YAML beside a combination. What it does not say is decided by a rule, which the
combination states and reports.
"""

from __future__ import annotations

from importlib import resources
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, ValidationError, model_validator

from nuem.inputs.errors import InputError
from nuem.inputs.fields import Text
from nuem.inputs.quantities import Strict
from nuem.inputs.yaml import read_yaml

__all__ = [
    "Correlated",
    "Correlations",
    "Input",
    "Prune",
    "Reference",
    "combination_names",
    "load_correlations",
]

#: ``LABEL:PARAMETER`` of one input, or ``*:PARAMETER`` of all that have it.
Reference = Annotated[str, Field(pattern=r"^(\*|[_A-Za-z0-9.-]+):.+$")]
_References = Annotated[list[Reference], Field(min_length=1)]


class Input(Strict):
    """Which file a label stands for, and what the file does not say of itself.

    Attributes
    ----------
    experiment : str, optional
        Name of the experiment that the workspace is of; else the file's name counts.
    file : str, optional
        Name of the file, without folder.
    measurement : str, optional
        Which measurement of it; needed where there are several.
    reference : float, optional
        Value of the coupling at which the parameter of interest is 1, for a workspace
        that does not say what its parameter means; that it is the coupling of the
        others is then the responsibility of who writes this.
    """

    experiment: Text | None = None
    file: Text | None = None
    measurement: Text | None = None
    reference: Annotated[float, Field(gt=0, allow_inf_nan=False)] | None = None


class Correlated(Strict):
    """Parameters that are one, wholly or in a part.

    Attributes
    ----------
    name : str
        Name of the common parameter.
    parameters : list of str
        ``LABEL:PARAMETER``, or ``*:PARAMETER``.
    rho : float
        Coefficient of correlation. Below 1 each parameter is replaced by a common one,
        with the effect times sqrt(rho), and one of its own, times sqrt(1 - rho).
    reason : str, optional
        Why; goes into the report.
    """

    name: Text
    parameters: _References
    rho: Annotated[float, Field(ge=0, le=1)] = 1.0
    reason: Text | None = None


class Prune(Strict):
    """What is left out.

    Attributes
    ----------
    channels : list of str
        ``LABEL:CHANNEL``.
    samples : list of str
        Sample names, in all channels.
    parameters : list of str
        ``LABEL:PARAMETER``; its modifiers go.
    below : float, optional
        normsys and histosys that change no bin of their sample by more than this
        relative size go.
    """

    channels: list[Reference] = Field(default_factory=list)
    samples: list[Text] = Field(default_factory=list)
    parameters: list[Reference] = Field(default_factory=list)
    below: Annotated[float, Field(gt=0, lt=1)] | None = None


class Correlations(Strict):
    """How workspaces are combined.

    Attributes
    ----------
    name, title : str, optional
        Of the combination.
    inputs : dict
        Label -> which file it is. Without it, a label is the experiment's name or that
        of the file.
    default : {"same-name", "independent"}, optional
        Rule for constrained and free parameters that nothing is said of: those of the
        same name are one; or none are.
    correlate : list of Correlated
    independent : list of str
        ``LABEL:PARAMETER`` that share their name only.
    prune : Prune
    fix : dict
        Parameter of the combination -> value at which it is held.
    poi : str, optional
        Name of the parameter of interest of the combination.
    allow_same_data : bool
        Do not refuse channels with the same data.
    """

    name: Text | None = None
    title: Text | None = None
    inputs: dict[Annotated[str, Field(pattern=r"^[_A-Za-z0-9.-]+$")], Input] = Field(
        default_factory=dict
    )
    default: Literal["same-name", "independent"] | None = None
    correlate: list[Correlated] = Field(default_factory=list)
    independent: list[Reference] = Field(default_factory=list)
    prune: Prune = Field(default_factory=Prune)
    fix: dict[Text, Annotated[float, Field(allow_inf_nan=False)]] = Field(
        default_factory=dict
    )
    poi: Text | None = None
    allow_same_data: bool = False

    @model_validator(mode="after")
    def _each_once(self) -> Correlations:
        seen: set[str] = set()
        for reference in [
            *(p for c in self.correlate for p in c.parameters),
            *self.independent,
        ]:
            if reference in seen:
                msg = f"{reference} is named twice"
                raise ValueError(msg)
            seen.add(reference)
        names = [c.name for c in self.correlate]
        twice = {n for n in names if names.count(n) > 1}
        if twice:
            msg = f"two correlations are named {min(twice)}"
            raise ValueError(msg)
        return self


def combination_names() -> tuple[str, ...]:
    """Names of the correlations files in the package.

    Examples
    --------
    >>> "kuo-sheng" in combination_names()
    True
    """
    folder = resources.files("nuem.inputs") / "combinations"
    names = (entry.name for entry in folder.iterdir())
    return tuple(sorted(n[:-5] for n in names if n.endswith(".yaml")))


def load_correlations(correlations: str | Path) -> Correlations:
    """Read and check a correlations file.

    Parameters
    ----------
    correlations : str or Path
        Name of a shipped one, or path of a YAML file.

    Returns
    -------
    Correlations

    Raises
    ------
    InputError
        If there is no such file or it breaks the schema.

    Examples
    --------
    >>> load_correlations("kuo-sheng").correlate[0].name
    'reactor-flux'
    """
    text = str(correlations)
    if text.endswith((".yaml", ".yml")) or "/" in text:
        path = Path(text)
    elif text in combination_names():
        folder = resources.files("nuem.inputs") / "combinations"
        path = Path(str(folder / f"{text}.yaml"))
    else:
        raise InputError(
            "no such correlations", found=repr(text),
            expected=f"a .yaml file or one of {', '.join(combination_names())}",
        )  # fmt: skip
    document: Any = read_yaml(path)
    if not isinstance(document, dict):
        raise InputError("not a correlations file", file=path, expected="a mapping")
    try:
        return Correlations.model_validate(document)
    except ValidationError as error:
        first = error.errors()[0]
        raise InputError(
            first["msg"].removeprefix("Value error, "), file=path,
            field=".".join(map(str, first["loc"])) or None,
            found=repr(first["input"])[:60] if first["loc"] else None,
        ) from None  # fmt: skip
