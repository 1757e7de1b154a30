"""Polynomials of couplings: one array for each monomial.

A prediction is a mapping from monomials to arrays, such as ``{"1": standard
model, "q": interference, "q^2": electromagnetic}`` or, with a coupling for each
flavour, ``{"q_e^2": ..., "q_mu^2": ..., "q_e q_mu": ...}``. Factors are separated
by a blank, powers follow ``^``, and ``1`` is the constant term.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

import numpy as np

from nuem.inputs.errors import InputError
from nuem.models.arrays import FloatArray

__all__ = ["evaluate", "powers", "symbols"]

_FACTOR = re.compile(r"^([A-Za-z][A-Za-z0-9_]*)(?:\^([1-9][0-9]*))?$")


def powers(monomial: str) -> dict[str, int]:
    """Power of each coupling in a monomial.

    Parameters
    ----------
    monomial : str
        For example ``"q_e q_mu"`` or ``"q^2"``.

    Returns
    -------
    dict
        Symbol to power; empty for ``"1"``.

    Raises
    ------
    InputError
        If this is no monomial.

    Examples
    --------
    >>> powers("q_e^2 q_mu"), powers("1")
    ({'q_e': 2, 'q_mu': 1}, {})
    """
    if monomial == "1":
        return {}
    result: dict[str, int] = {}
    for factor in monomial.split():
        match = _FACTOR.match(factor)
        if match is None:
            break
        symbol, power = match.groups()
        result[symbol] = result.get(symbol, 0) + int(power or 1)
    else:
        if result:
            return result
    raise InputError(
        "not a monomial of couplings",
        found=repr(monomial),
        expected='for example "1", "q^2" or "q_e q_mu"',
    )


def symbols(coefficients: Mapping[str, object]) -> tuple[str, ...]:
    """Couplings that occur in a polynomial, sorted.

    Examples
    --------
    >>> symbols({"1": 0, "q": 0, "q^2": 0})
    ('q',)
    """
    return tuple(sorted({name for key in coefficients for name in powers(key)}))


def evaluate(
    coefficients: Mapping[str, FloatArray],
    coupling: float | Mapping[str, float] | None,
) -> FloatArray:
    """Value of a polynomial of couplings.

    Parameters
    ----------
    coefficients : mapping of str to ndarray
        Arrays of one shape, one for each monomial.
    coupling : float, mapping or None
        Value of the coupling, or of each coupling by symbol. A number serves where
        there is only one symbol; None where there is none.

    Returns
    -------
    ndarray
        Sum over the monomials, of the shape of the coefficients.

    Raises
    ------
    InputError
        If a value is missing, not finite, or belongs to no monomial.

    Examples
    --------
    >>> evaluate({"1": np.ones(2), "q^2": np.array([1.0, 2.0])}, 3.0)
    array([10., 19.])
    """
    names = symbols(coefficients)
    if coupling is None:
        values: Mapping[str, float] = {}
    elif isinstance(coupling, Mapping):
        values = coupling
    elif len(names) == 1:
        values = {names[0]: float(coupling)}
    elif not names:
        raise InputError("this prediction has no coupling", found=coupling)
    else:
        raise InputError(
            "one number for several couplings", expected="values of " + ", ".join(names)
        )
    if set(values) != set(names):
        raise InputError(
            "wrong couplings",
            field="coupling",
            found=", ".join(sorted(values)) or "none",
            expected=", ".join(names) or "none",
        )
    if not all(np.isfinite(value) for value in values.values()):
        raise InputError("not a finite number", field="coupling", found=dict(values))
    total: FloatArray | None = None
    with np.errstate(over="ignore", invalid="ignore"):
        for monomial, array in coefficients.items():
            factor = np.float64(1.0)
            for symbol, power in powers(monomial).items():
                factor *= np.float64(values[symbol]) ** power
            term = np.asarray(array, dtype=np.float64) * factor
            total = term if total is None else total + term
    if total is None:
        raise InputError("a polynomial without monomials")
    if not np.isfinite(total).all():
        raise InputError(
            "the prediction is beyond the numbers of a computer",
            field="coupling",
            found=", ".join(f"{name} = {value:g}" for name, value in values.items()),
        )
    return total
