"""The choices behind a cross section, in one object that every layer hands on."""

from __future__ import annotations

from dataclasses import dataclass, fields
from enum import StrEnum
from typing import TypedDict, TypeVar

from nuem.inputs.errors import InputError
from nuem.inputs.vocabulary import (
    Convention,
    FormFactor,
    Photoabsorption,
    Regulator,
    WeakCouplings,
)
from nuem.models.arrays import positive
from nuem.models.constants import SIN2_THETA_W

__all__ = ["OptionWords", "Options", "word"]

#: Farther from the best atomic response than the other one is nothing calculated.
LARGEST_SHIFT = 2.0

_Word = TypeVar("_Word", bound=StrEnum)


class OptionWords(TypedDict, total=False):
    """Keywords that become :class:`Options`."""

    sin2_theta_w: float
    photoabsorption: Photoabsorption | str
    couplings: WeakCouplings | str
    form_factor: FormFactor | str
    convention: Convention | str
    regulator: Regulator | str
    density_g_cm3: float | None
    atomic_shift: float
    beyond_validity: bool


@dataclass(frozen=True)
class Options:
    """Choices that a cross section depends on besides process, target and method.

    Parameters
    ----------
    sin2_theta_w : float
        Weak mixing angle, for electrons and for tree-level couplings of nuclei.
    photoabsorption : Photoabsorption or str
        Table for the equivalent photons.
    couplings : WeakCouplings or str
        Vector couplings of the nucleons.
    form_factor : FormFactor or str
        Form factor of nuclei.
    convention : Convention or str
        Whose formulas: see :mod:`nuem.models.conventions`.
    regulator : Regulator or str
        What cuts off the logarithm of the equivalent photons.
    density_g_cm3 : float, optional
        Density for the regulator ``medium``; by default that of the element.
    atomic_shift : float
        Of the atomic response, in half-widths of its error band (see
        :meth:`nuem.models.atomic.table.AtomicTable.at`): 0 is the best estimate, plus
        and minus 1 are the ends of the band.
    beyond_validity : bool
        Use atomic tables outside the energies where their photoabsorption agrees with
        data to 10 %.

    Raises
    ------
    InputError
        For an unknown word or a number out of range.

    Examples
    --------
    >>> Options(form_factor="point").form_factor
    <FormFactor.POINT: 'point'>
    """

    sin2_theta_w: float = SIN2_THETA_W
    photoabsorption: Photoabsorption | str = Photoabsorption.HENKE
    couplings: WeakCouplings | str = WeakCouplings.RADIATIVE
    form_factor: FormFactor | str = FormFactor.HELM
    convention: Convention | str = Convention.PHYSICAL
    regulator: Regulator | str = Regulator.NEUTRINO_MASS
    density_g_cm3: float | None = None
    atomic_shift: float = 0.0
    beyond_validity: bool = False

    def __post_init__(self) -> None:
        """Check the words and turn them into members of their enumerations."""
        kinds: dict[str, type[StrEnum]] = {
            "photoabsorption": Photoabsorption,
            "couplings": WeakCouplings,
            "form_factor": FormFactor,
            "convention": Convention,
            "regulator": Regulator,
        }
        for name, kind in kinds.items():
            object.__setattr__(self, name, word(kind, getattr(self, name), name))
        if not 0.0 < self.sin2_theta_w < 1.0:
            raise InputError(
                "out of range",
                field="sin2_theta_w",
                found=self.sin2_theta_w,
                expected="a number between 0 and 1",
            )
        if self.density_g_cm3 is not None:
            positive(self.density_g_cm3, "density_g_cm3")
        if not abs(self.atomic_shift) <= LARGEST_SHIFT:
            raise InputError(
                "out of range", field="atomic_shift", found=self.atomic_shift,
                expected=f"a number from {-LARGEST_SHIFT:g} to {LARGEST_SHIFT:g}",
            )  # fmt: skip

    def as_dict(self) -> dict[str, object]:
        """Plain words and numbers, for a JSON document."""
        values = {f.name: getattr(self, f.name) for f in fields(self)}
        return {k: str(v) if isinstance(v, StrEnum) else v for k, v in values.items()}


def word(kind: type[_Word], value: str, field: str) -> _Word:
    """Member of an enumeration, or an InputError that lists the members.

    Examples
    --------
    >>> word(Regulator, "medium", "regulator")
    <Regulator.MEDIUM: 'medium'>
    """
    try:
        return kind(value)
    except ValueError:
        raise InputError(
            f"unknown {field.replace('_', ' ')}",
            field=field,
            found=value,
            expected="one of " + ", ".join(kind),
        ) from None
