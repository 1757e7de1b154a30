"""Cuts, derived quantities and response curves as expressions of named arrays.

An expression is parsed and interpreted here and never reaches Python's own
evaluation, so that a configuration file cannot run code. Everything is computed
in double precision and 64-bit integers, as ROOT's formulas are: differences of
unsigned ADC values do not wrap around, and an energy does not depend on the
width of its branch.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np

from nuem.inputs.elementwise import binary, call, compare, unary, widen
from nuem.inputs.errors import InputError
from nuem.inputs.grammar import (
    ARITHMETIC,
    ATOM,
    FUNCTIONS,
    MAX_LENGTH,
    NOT,
    OPERATORS,
    UNARY,
    Step,
    is_bare_name,
    shorten,
    to_steps,
)

__all__ = ["Expression", "parse"]

_T = TypeVar("_T")


@dataclass(frozen=True)
class Expression:
    """A parsed expression; made by `parse`.

    Expressions are equal if they mean the same steps, whatever the spacing and
    the superfluous parentheses of their texts.

    Parameters
    ----------
    steps : tuple of Step
        Postfix program. Being flat, it is compared, hashed, pickled and
        evaluated without recursion.

    Examples
    --------
    >>> e = parse("0 < x <= 5 and isfinite(y)")
    >>> sorted(e.names), sorted(e.functions)
    (['x', 'y'], ['isfinite'])
    >>> e({"x": [-1.0, 5.0], "y": [0.0, 0.0]})
    array([False,  True])
    >>> print(parse("a+b *(c)"))
    a + b * c
    """

    steps: tuple[Step, ...]

    @property
    def names(self) -> frozenset[str]:
        """Names of the variables."""
        return frozenset(str(s.value) for s in self.steps if s.kind == "name")

    @property
    def functions(self) -> frozenset[str]:
        """Names of the functions that are called."""
        return frozenset(str(s.value) for s in self.steps if s.kind == "call")

    @property
    def is_arithmetic(self) -> bool:
        """Whether it is calculated with numbers alone, without conditions.

        Examples
        --------
        >>> parse("sqrt(a) + 2*b").is_arithmetic, parse("where(a > 1, a, b)").is_arithmetic
        (True, False)
        """
        return all(
            step.kind in ("integer", "real", "name")
            or (step.kind == "unary" and step.value == "-")
            or (step.kind == "binary" and step.value in ("+", "-", "*", "/", "**"))
            or (step.kind == "call" and step.value in ARITHMETIC)
            for step in self.steps
        )

    @property
    def conjuncts(self) -> tuple[Expression, ...]:
        """The parts that ``and`` joins: the expression alone, if there is none.

        Examples
        --------
        >>> [str(c) for c in parse("a and (b or c) and d > 1").conjuncts]
        ['a', 'b or c', 'd > 1']
        """
        parts: list[Expression] = []
        todo = [self.steps]
        while todo:
            steps = todo.pop()
            if steps[-1] != Step("binary", "and"):
                parts.append(Expression(steps))
                continue
            starts: list[int] = []  # where each value on the stack begins
            for position, step in enumerate(steps[:-1]):
                operands = _pop(starts, _arity(step))
                starts.append(operands[0] if operands else position)
            todo += [steps[: starts[1]], steps[starts[1] : -1]]
        return tuple(reversed(parts))

    def evaluate(self, arrays: Mapping[str, Any]) -> Any:
        """Evaluate elementwise on arrays.

        Parameters
        ----------
        arrays : mapping of str to array_like
            NumPy arrays of shape (events,), or awkward arrays (events, var).

        Returns
        -------
        array
            float64, int64 or bool, of the shape to which the variables
            broadcast; a scalar if there are none. Divisions by zero and logs of
            negative numbers give inf and nan, without a warning.

        Raises
        ------
        InputError
            If a name is missing, or the arrays do not fit the operations.
        """
        if missing := sorted(self.names - set(arrays)):
            raise InputError(
                "unknown name",
                field=shorten(str(self)),
                found=", ".join(missing),
                expected="one of " + shorten(", ".join(sorted(arrays)), 400),
            )
        stack: list[Any] = []
        try:
            with np.errstate(all="ignore"):
                values = {name: widen(arrays[name]) for name in self.names}
                for step in self.steps:
                    operands = _pop(stack, _arity(step))
                    stack.append(_apply(step, operands, values))
        except (TypeError, ValueError) as error:
            raise InputError(
                "the arrays do not fit the expression",
                field=shorten(str(self)),
                found=shorten(str(error)),
                expected="numbers of equal lengths, true or false beside & | ~",
            ) from error
        return stack[0]

    __call__ = evaluate

    def __str__(self) -> str:
        """Return the canonical text, which parses to an equal expression."""
        stack: list[tuple[str, int]] = []
        for step in self.steps:
            stack.append(_write(step, _pop(stack, _arity(step))))
        return stack[0][0]


def parse(text: str, *, file: object = None, field: object = None) -> Expression:
    """Parse the text of an expression.

    Parameters
    ----------
    text : str
        At most 10 000 characters, nested at most 50 levels deep. Names with
        dots, slashes or spaces stand between backquotes.
    file, field : object, optional
        Where the text stands; for the error.

    Returns
    -------
    Expression

    Raises
    ------
    InputError
        If the text is not of the grammar.

    Examples
    --------
    >>> parse("0.31*sqrt(E) + 0.0037*E")({"E": [1.0, 4.0]})
    array([0.3137, 0.6348])
    >>> parse("`hits.e/keV` > 3").names
    frozenset({'hits.e/keV'})
    """
    expression = Expression(tuple(to_steps(text, file=file, field=field)))
    if (length := len(str(expression))) > MAX_LENGTH:  # it must parse again
        raise InputError(
            "not a valid expression",
            file=file,
            field=field,
            found=f"{length} characters in its canonical form",
            expected=f"at most {MAX_LENGTH}",
        )
    return expression


def _arity(step: Step) -> int:
    """Return how many operands a step takes from the stack."""
    if step.kind == "call":
        return FUNCTIONS[str(step.value)]
    if step.kind == "compare":
        assert isinstance(step.value, tuple)
        return len(step.value) + 1
    return {"unary": 1, "binary": 2}.get(step.kind, 0)


def _pop(stack: list[_T], count: int) -> list[_T]:
    """Take the last `count` items from the stack, in their order."""
    split = len(stack) - count
    operands = stack[split:]
    del stack[split:]
    return operands


def _write(step: Step, operands: list[tuple[str, int]]) -> tuple[str, int]:
    """Write a step: the text, and how tightly it binds."""

    def wrap(operand: tuple[str, int], level: int) -> str:
        text, own = operand
        return text if own >= level else f"({text})"

    value = str(step.value)
    if step.kind == "name":
        return (value if is_bare_name(value) else f"`{value}`"), ATOM
    if step.kind == "call":
        return f"{value}({', '.join(text for text, _ in operands)})", ATOM
    if step.kind == "unary":
        own = NOT if value == "not" else UNARY
        return value + " " * (own == NOT) + wrap(operands[0], own), own
    if step.kind == "binary":
        own, right = OPERATORS[value]
        # a power on the left of a power needs its parentheses: ** binds rightwards
        left = own + 1 if value == "**" else own
        return f"{wrap(operands[0], left)} {value} {wrap(operands[1], right)}", own
    if step.kind == "compare":
        assert isinstance(step.value, tuple)
        own, level = OPERATORS["<"]
        words = [wrap(operands[0], level)]
        for comparison, operand in zip(step.value, operands[1:], strict=True):
            words += [comparison, wrap(operand, level)]
        return " ".join(words), own
    return value.lower(), ATOM


def _apply(step: Step, operands: list[Any], values: Mapping[str, Any]) -> Any:
    """Compute one step."""
    if step.kind == "name":
        return values[str(step.value)]
    if step.kind == "unary":
        return unary(str(step.value), operands[0])
    if step.kind == "binary":
        return binary(str(step.value), operands[0], operands[1])
    if step.kind == "call":
        return call(str(step.value), operands)
    if step.kind == "compare":
        assert isinstance(step.value, tuple)
        result: Any = None
        for i, comparison in enumerate(step.value):
            link = compare(comparison, operands[i], operands[i + 1])
            result = link if result is None else np.logical_and(result, link)
        return result
    kinds = {"integer": np.int64, "boolean": np.bool_, "real": np.float64}
    return kinds[step.kind](step.value)
