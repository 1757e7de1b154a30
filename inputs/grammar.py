"""From the text of an expression to its postfix steps.

Python's own parser is not used: it does not keep the parentheses, which are
needed to refuse ``E > 1 & E < 5`` (ROOT and Python read it differently), knows no
backquoted names, and its limits on deep texts are not ours. Meaning and
evaluation are in `nuem.inputs.expressions`.
"""

from __future__ import annotations

import math
import re
from typing import NamedTuple, NoReturn

from nuem.inputs.errors import InputError

__all__ = [
    "ARITHMETIC",
    "ATOM",
    "COMPARISONS",
    "FUNCTIONS",
    "MAX_DEPTH",
    "MAX_LENGTH",
    "NOT",
    "OPERATORS",
    "UNARY",
    "Step",
    "is_bare_name",
    "shorten",
    "to_steps",
]

#: Limits of a text: characters, and levels of nesting.
MAX_LENGTH = 10_000
MAX_DEPTH = 50

#: Functions of a number that give a number.
ARITHMETIC = ("abs", "sqrt", "exp", "log", "log10", "erf", "erfc")
#: The functions of the grammar, with their number of arguments.
FUNCTIONS: dict[str, int] = {
    **dict.fromkeys(ARITHMETIC, 1),
    **dict.fromkeys(("isfinite", "sum", "any", "all", "count"), 1),
    **dict.fromkeys(("minimum", "maximum"), 2),
    "where": 3,
}
COMPARISONS = ("<", "<=", ">", ">=", "==", "!=")
#: Binary operator -> (its level, lowest level of its right side); a higher
#: level binds tighter, and the left side has at least the operator's own level.
OPERATORS: dict[str, tuple[int, int]] = {
    "or": (1, 2),
    "and": (2, 3),
    **dict.fromkeys(COMPARISONS, (4, 7)),
    "|": (5, 6),
    "&": (6, 7),
    **dict.fromkeys("+-", (7, 8)),
    **dict.fromkeys("*/", (8, 9)),
    "**": (10, 9),
}
NOT, UNARY, ATOM = 3, 9, 11

_RELATIONS = range(4, 7)
_RESERVED = frozenset({"and", "or", "not", "true", "false", *FUNCTIONS})
_HINTS = {
    "&&": "'and'",
    "||": "'or'",
    "!": "'not'",
    "^": "'**' for a power",
    "=": "'==' for a comparison",
    ":=": "'==' for a comparison",
    ".": "a name with a dot to stand between backquotes",
    "[": "no subscripts, but sum, any, all, count for jagged branches",
}
_ALLOWED = (
    "numbers, names, `names in backquotes`, + - * / **, comparisons, and or not,"
    " & | ~, true false, parentheses, and the functions " + " ".join(sorted(FUNCTIONS))
)
_TOKEN = re.compile(
    r"(?P<space>[ \t\r\n]+)"
    r"|(?P<number>(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?(?![\w.]))"
    r"|(?P<name>[A-Za-z_][A-Za-z0-9_]*)"
    r"|`(?P<quoted>[^`\r\n]+)`"
    r"|(?P<symbol>\*\*|<=|>=|==|!=|&&|\|\||:=|[-+*/<>&|~(),!^=.\[\]])"
)


class Step(NamedTuple):
    """One step of an expression in postfix order: the operands come first.

    `kind` is integer, real, boolean, name, unary, binary, compare (the value is
    the tuple of operators of a chain) or call.
    """

    kind: str
    value: object


def to_steps(text: str, *, file: object = None, field: object = None) -> list[Step]:
    """Parse a text into postfix steps.

    Parameters
    ----------
    text : str
        The text of an expression.
    file, field : object, optional
        Where it stands; for the error.

    Returns
    -------
    list of Step

    Raises
    ------
    InputError
        If the text is not of the grammar.

    Examples
    --------
    >>> [step.value for step in to_steps("-x + 2 * y")]
    ['x', '-', 2, 'y', '*', '+']
    """
    return _Parser(text, file, field).parse()


def is_bare_name(name: str) -> bool:
    """Whether a name can stand without backquotes.

    Examples
    --------
    >>> is_bare_name("cs1"), is_bare_name("hits.e"), is_bare_name("sum")
    (True, False, False)
    """
    return re.fullmatch("[A-Za-z_][A-Za-z0-9_]*", name) is not None and (
        name not in _RESERVED
    )


def shorten(text: str, width: int = 80) -> str:
    """Cut a text to one line of at most `width` characters.

    Examples
    --------
    >>> shorten("a" * 100, 8)
    'aaaaa...'
    """
    line = " ".join(text.split())
    return line if len(line) <= width else line[: width - 3] + "..."


class _Parser:
    """Precedence climbing over the tokens of one text."""

    def __init__(self, text: str, file: object, field: object) -> None:
        self.file, self.field, self.text = file, field, text
        if not isinstance(text, str):
            self.fail(shorten(repr(text)), "a text")
        if len(text) > MAX_LENGTH:
            self.fail(f"{len(text)} characters", f"at most {MAX_LENGTH}")
        self.steps: list[Step] = []
        self.tokens = self.tokenise()
        self.position = 0

    def fail(self, found: str, expected: str = _ALLOWED) -> NoReturn:
        raise InputError(
            "not a valid expression",
            file=self.file,
            field=self.field,
            found=found,
            expected=expected,
        )

    def unexpected(self, expected: str = _ALLOWED) -> NoReturn:
        kind, token, at = self.tokens[self.position]
        text = shorten(self.text)
        if kind == "end":
            self.fail(f"the end of {text!r}", expected)
        found = f"{shorten(token)!r} at character {at} of {text!r}"
        self.fail(found, _HINTS.get(token, expected))

    def tokenise(self) -> list[tuple[str, str, int]]:
        tokens, at = [], 0
        while at < len(self.text):
            match = _TOKEN.match(self.text, at)
            if match is None or match.lastgroup is None:
                # the whole word, so that the message shows what is wrong
                word = re.compile(r"[\w.]+|.", re.DOTALL).match(self.text, at)
                found = shorten(word[0] if word else "")
                self.fail(f"{found!r} at character {at + 1} of {shorten(self.text)!r}")
            if match.lastgroup != "space":
                tokens.append((match.lastgroup, match[match.lastgroup], at + 1))
            at = match.end()
        return [*tokens, ("end", "", len(self.text) + 1)]

    def peek(self) -> str:
        """Return the operator, keyword or symbol that comes next, or ''."""
        kind, token, _ = self.tokens[self.position]
        return token if kind in ("symbol", "name") else ""

    def expect(self, token: str, meant: str | None = None) -> None:
        if self.peek() != token:
            self.unexpected(meant or repr(token))
        self.position += 1

    def parse(self) -> list[Step]:
        self.expression(1, 1)
        if self.tokens[self.position][0] != "end":
            self.unexpected(
                "an operator or the end" if self.peek() == ")" else _ALLOWED
            )
        return self.steps

    def expression(self, level: int, depth: int) -> None:
        """Parse what binds at least as tightly as `level`."""
        if depth > MAX_DEPTH:
            self.fail(
                f"deeper nesting in {shorten(self.text)!r}", f"{MAX_DEPTH} levels"
            )
        top = self.operand(level, depth)
        while (operator := self.peek()) in OPERATORS:
            own, right = OPERATORS[operator]
            if own < level:
                return
            # C binds & looser than a comparison, Python tighter: let them say it
            if own in _RELATIONS and top in _RELATIONS and 4 in (own, top):
                self.unexpected("parentheses around the comparisons beside & and |")
            chain = [operator]
            self.position += 1
            self.expression(right, depth + 1)
            while operator in COMPARISONS and self.peek() in COMPARISONS:
                chain.append(self.peek())
                self.position += 1
                self.expression(right, depth + 1)
            compare = operator in COMPARISONS
            self.steps.append(
                Step("compare", tuple(chain)) if compare else Step("binary", operator)
            )
            top = own

    def operand(self, level: int, depth: int) -> int:
        """Parse what an operator acts on; return how tightly it binds."""
        kind, token, _ = self.tokens[self.position]
        if kind == "end" or (kind == "name" and token in OPERATORS):
            self.unexpected("a number, a name or a parenthesis")
        if token in ("-", "~") and kind == "symbol":
            return self.prefix(token, UNARY, level, depth)
        if token == "not" and kind == "name":
            return self.prefix(token, NOT, level, depth)
        self.position += 1
        if kind == "number":
            self.number(token)
        elif kind == "quoted":
            self.steps.append(Step("name", token))
        elif token == "(":
            self.expression(1, depth + 1)
            self.expect(")")
        elif kind == "name" and token in ("true", "false"):
            self.steps.append(Step("boolean", token == "true"))
        elif kind == "name" and token in FUNCTIONS:
            self.call(token, depth)
        elif kind == "name" and self.peek() != "(":
            self.steps.append(Step("name", token))
        else:
            self.position -= 1
            self.unexpected()
        return ATOM

    def prefix(self, token: str, own: int, level: int, depth: int) -> int:
        if own < level:
            self.unexpected(f"parentheses around {token!r} and what follows")
        self.position += 1
        self.expression(own, depth + 1)
        self.steps.append(Step("unary", token))
        return own

    def call(self, function: str, depth: int) -> None:
        self.expect("(", f"'(' after a function, or `{function}` for a branch")
        arity = FUNCTIONS[function]
        for argument in range(arity):
            if argument:
                self.expect(",", f"{arity} arguments of {function}")
            self.expression(1, depth + 1)
        self.expect(")", f"')' after {arity} argument(s) of {function}")
        self.steps.append(Step("call", function))

    def number(self, token: str) -> None:
        value = float(token)
        if not math.isfinite(value):
            self.position -= 1
            self.unexpected("a number below 1.8e308")
        # beyond 64 bits an integer would be an object and slow; a float is exact
        # enough there
        if token.isdigit() and value < 2.0**63:
            self.steps.append(Step("integer", int(token)))
        else:
            self.steps.append(Step("real", value))
