"""Expressions as lines of a compiled loop over events.

Only operations whose result is rounded the same way everywhere are written out:
arithmetic, comparisons, logic, square roots. Powers, logarithms and the like differ in
the last digit between libraries, and hits per event have no place in a loop over
numbers; where one occurs, `NotFusableError` says so, and NumPy computes the quantity.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

from nuem.inputs.expressions import Expression
from nuem.inputs.grammar import FUNCTIONS, Step

__all__ = ["NotFusableError", "Value", "write_expression"]


class NotFusableError(Exception):
    """An expression that the compiled loop does not compute."""


class Value(NamedTuple):
    """Text of a value, and its kind: "f" for double, "i" for 64-bit integer, "b"."""

    text: str
    kind: str


def write_expression(expression: Expression, look_up: Callable[[str], Value]) -> Value:
    """Write an expression as source text.

    Parameters
    ----------
    expression : Expression
        What to compute.
    look_up : callable
        Name -> its value; raises `NotFusableError` if there is none in the loop.

    Returns
    -------
    Value

    Raises
    ------
    NotFusableError
        If it cannot be written so that it gives the same bits as NumPy.

    Examples
    --------
    >>> from nuem.inputs.expressions import parse
    >>> write_expression(parse("2*n + 1 < x"), lambda name: Value(name, "f"))
    Value(text='((((2.0 * n) + 1.0) < x))', kind='b')
    """
    stack: list[Value] = []
    for step in expression.steps:
        if step.kind == "name":
            stack.append(look_up(str(step.value)))
            continue
        split = len(stack) - _arity(step)
        stack[split:] = [_write(step, stack[split:])]
    return stack[0]


def _arity(step: Step) -> int:
    if step.kind == "call":
        return FUNCTIONS[str(step.value)]
    if step.kind == "compare":
        assert isinstance(step.value, tuple)
        return len(step.value) + 1
    return {"unary": 1, "binary": 2}.get(step.kind, 0)


def _write(step: Step, operands: list[Value]) -> Value:
    if step.kind in _CONSTANTS:
        return _CONSTANTS[step.kind](step.value)
    if step.kind == "compare":
        assert isinstance(step.value, tuple)
        links = [
            _compare(operator, operands[i], operands[i + 1])
            for i, operator in enumerate(step.value)
        ]
        return Value("(" + " and ".join(links) + ")", "b")
    name = str(step.value)
    if step.kind == "unary":
        return _unary(name, operands[0])
    if step.kind == "binary":
        return _binary(name, *operands)
    return _call(name, operands)


def _integer(value: object) -> Value:
    assert isinstance(value, int)
    if not -(2**63) < value < 2**63:
        raise NotFusableError(str(value))
    return Value(str(value), "i")


_CONSTANTS: Mapping[str, Callable[[object], Value]] = {
    "integer": _integer,
    "real": lambda value: Value(repr(float(str(value))), "f"),
    "boolean": lambda value: Value(str(bool(value)), "b"),
}


def _number(x: Value) -> Value:
    """Integers where there were true and false."""
    return Value(f"int({x.text})", "i") if x.kind == "b" else x


def _float(x: Value) -> str:
    if x.kind == "f":
        return x.text
    if x.kind == "i" and x.text.lstrip("-").isdigit():
        return repr(float(x.text))
    return f"float({_number(x).text})"


def _true(x: Value) -> str:
    return x.text if x.kind == "b" else f"({x.text} != 0)"


def _compare(operator: str, x: Value, y: Value) -> str:
    if x.kind == y.kind:
        return f"({x.text} {operator} {y.text})"
    if "f" in (x.kind, y.kind):
        return f"({_float(x)} {operator} {_float(y)})"
    return f"({_number(x).text} {operator} {_number(y).text})"


def _unary(name: str, x: Value) -> Value:
    if name == "-":
        x = _number(x)
        return Value(f"(-{x.text})", x.kind)
    if name == "not" or x.kind == "b":
        return Value(f"(not {_true(x)})", "b")
    if x.kind == "i":
        return Value(f"(~{x.text})", "i")
    raise NotFusableError(name)


def _binary(name: str, x: Value, y: Value) -> Value:
    if name in ("and", "or"):
        return Value(f"({_true(x)} {name} {_true(y)})", "b")
    if name in "&|":
        if x.kind == y.kind == "b":
            return Value(f"({x.text} {'and' if name == '&' else 'or'} {y.text})", "b")
        if "f" in (x.kind, y.kind):
            raise NotFusableError(name)
        return Value(f"({_number(x).text} {name} {_number(y).text})", "i")
    if name == "**":
        raise NotFusableError(name)
    if name in "+-" and "f" not in (x.kind, y.kind):
        return Value(f"({_number(x).text} {name} {_number(y).text})", "i")
    return Value(f"({_float(x)} {name} {_float(y)})", "f")


def _call(name: str, operands: list[Value]) -> Value:
    if name == "sqrt":
        return Value(f"math.sqrt({_float(operands[0])})", "f")
    if name == "abs":
        x = _number(operands[0])
        return Value(f"abs({x.text})", x.kind)
    if name == "isfinite":
        x = operands[0]
        return Value(f"math.isfinite({x.text})" if x.kind == "f" else "True", "b")
    if name == "where":
        test, x, y = operands
        if x.kind != "b" or y.kind != "b":
            x, y = _number(x), _number(y)
        kind = x.kind if x.kind == y.kind else "f"
        one, two = (_float(x), _float(y)) if kind == "f" else (x.text, y.text)
        return Value(f"({one} if {_true(test)} else {two})", kind)
    raise NotFusableError(name)
