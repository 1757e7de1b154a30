from __future__ import annotations

import pickle
import re
import time

import awkward as ak
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nuem.inputs.errors import InputError
from nuem.inputs.expressions import parse
from nuem.inputs.grammar import FUNCTIONS, MAX_DEPTH, MAX_LENGTH

ARRAYS = {
    "x": np.array([-1.5, 0.0, 2.0, np.nan, np.inf]),
    "n": np.array([0, 1, 2, 3, 4], dtype=np.int64),
    "b": np.array([True, False, True, False, True]),
}


WORDS = [
    *("x", "n", "b", "1", "2.5", "1e999", "`a.b`", "true", "where(", "sqrt(", "sum("),
    *("(", ")", "+", "-", "*", "/", "**", "<", "<=", "==", "and", "or", "not", "&"),
    *("|", "~", ",", ".", "[", "]", "'", ":", ":=", "=", "lambda", "__import__", "^"),
    *("!", "\u00e9", "\x00", "\u2028"),
]


def numeric() -> st.SearchStrategy[str]:
    """Texts of numbers, valid in this grammar and in Python with NumPy."""
    leaf = st.sampled_from(["x", "n", "1.0", "2.5", ".5", "1e-3", "3."])
    return st.recursive(
        leaf,
        lambda inner: st.one_of(
            st.tuples(inner, st.sampled_from("+-*/"), inner).map(
                lambda t: f"({t[0]}) {t[1]} ({t[2]})"
            ),
            st.tuples(inner, st.sampled_from("+-*/"), inner).map(" ".join),
            inner.map(lambda t: f"({t}) ** (2.0)"),
            inner.map(lambda t: f"{t} ** 2.0"),
            inner.map(lambda t: f"-({t})"),
            inner.map(lambda t: f"-{t}"),
            st.tuples(inner, inner).map(lambda t: f"minimum({t[0]}, {t[1]})"),
            inner.map(lambda t: f"sqrt({t})"),
            inner.map(lambda t: f"abs({t})"),
            st.tuples(inner, inner).map(lambda t: f"where(n > 1, {t[0]}, {t[1]})"),
        ),
        max_leaves=8,
    )


def logical() -> st.SearchStrategy[str]:
    compared = st.tuples(
        numeric(), st.sampled_from(["<", "<=", ">", ">=", "==", "!="]), numeric()
    ).map(" ".join)
    return st.recursive(
        st.one_of(compared, st.just("b")),
        lambda inner: st.one_of(
            st.tuples(inner, inner).map(lambda t: f"({t[0]}) & ({t[1]})"),
            st.tuples(inner, inner).map(lambda t: f"({t[0]}) | ({t[1]})"),
            inner.map(lambda t: f"~({t})"),
        ),
        max_leaves=4,
    )


@given(st.one_of(numeric(), logical()))
def test_agrees_with_numpy(text: str) -> None:
    names = {f: getattr(np, f) for f in ("minimum", "sqrt", "abs", "where", "float64")}
    # integers follow other rules (no -0): all in doubles
    values = {k: v.astype(float) if k != "b" else v for k, v in ARRAYS.items()}
    reference = re.sub(r"(?<![\w.])([0-9.]+(?:e-[0-9]+)?)", r"float64(\1)", text)
    with np.errstate(all="ignore"):
        expected = eval(reference, {**names, **values})
    result = parse(text)(values)
    np.testing.assert_allclose(
        np.asarray(result, float), np.asarray(expected, float), rtol=1e-13
    )


@given(st.one_of(numeric(), logical()))
def test_text_of_an_expression_parses_to_it(text: str) -> None:
    expression = parse(text)
    again = parse(str(expression))
    assert again == expression
    assert hash(again) == hash(expression)
    assert str(again) == str(expression)
    assert pickle.loads(pickle.dumps(expression)) == expression


@given(
    st.lists(
        st.sampled_from(WORDS),
        max_size=20,
    ).map(" ".join)
    | st.text(max_size=40)
)
@settings(max_examples=300)
def test_any_text_parses_or_is_an_input_error(text: str) -> None:
    try:
        expression = parse(text, file="f.yaml", field="cuts.a")
    except InputError as error:
        line = str(error)
        assert line.startswith("f.yaml: cuts.a: not a valid expression: found ")
        assert ", expected " in line
        assert "\n" not in line
        return
    assert parse(str(expression)) == expression
    try:
        expression(dict.fromkeys(expression.names, ARRAYS["x"]))
    except InputError as error:
        assert "\n" not in str(error)  # noqa: PT017


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("-n ** 2", [0, -1, -4, -9, -16]),
        ("2 ** 3 ** 2", 512),
        ("(2 ** 3) ** 2", 64),
        ("2 ** -1", 0.5),
        ("n - 1 - 1", [-2, -1, 0, 1, 2]),
        ("8 / 2 / 2", 2),
        ("not n > 1", [True, True, False, False, False]),
        ("not b and b or b", ARRAYS["b"]),
        ("b or b and not b", ARRAYS["b"]),
        ("0 < n <= 3 != 2", [False, True, True, True, False]),
        ("n & 1 | 2", [2, 3, 2, 3, 2]),
        ("true + true", 2),
        ("~true", False),
        ("isfinite(x)", [True, True, True, False, False]),
        ("erf(0) + erfc(0)", 1),
        ("log10(100) + log(1) + exp(0)", 3),
        ("maximum(n, 2)", [2, 2, 2, 3, 4]),
        ("9 ** 9 ** 9", np.inf),
        ("1 / 0", np.inf),
    ],
)
def test_meaning(text: str, expected: object) -> None:
    np.testing.assert_array_equal(parse(text)(ARRAYS), expected)


def test_unsigned_and_narrow_columns_do_not_wrap_around() -> None:
    adc = {"a": np.array([1], "u2"), "b": np.array([2], "u2")}
    assert parse("a - b")(adc) == -1
    assert parse("-b")(adc) == -2
    assert parse("i * i")({"i": np.array([2**31 - 1], "i4")}) == (2.0**31 - 1) ** 2
    assert parse("i * i * i")({"i": np.array([2**40])}) == 2.0**120
    assert parse("u + 0")({"u": np.array([2**64 - 1], "u8")}) == 2.0**64
    # nanosecond timestamps stay exact
    stamps = {"t": np.array([1_700_000_000_000_000_001], "u8")}
    assert parse("t - 1700000000000000000")(stamps) == 1
    single = {"E": np.array([0.7], "f4")}
    assert parse("E * 1")(single) == np.float64(np.float32(0.7))


def test_jagged_arrays() -> None:
    arrays = {
        "e": ak.Array([[1.0, 5.0], [], [np.nan]]),
        "v": ak.Array([[True, False], [], [True]]),
        "n": np.array([2, 3, 4]),
    }
    assert parse("sum(e)")({"e": arrays["e"][:2]}).tolist() == [6.0, 0.0]
    assert parse("count(e)")(arrays).tolist() == [2, 0, 1]
    assert parse("any(e > n)")(arrays).tolist() == [True, False, False]
    assert parse("all(e > 0)")(arrays).tolist() == [True, True, False]
    assert parse("sum(e > 0)")(arrays).tolist() == [2, 0, 0]
    assert parse("sum(where(isfinite(e), e, n))")(arrays).tolist() == [6, 0, 4]
    assert parse("sum(where(n > 3, 1, e))")(arrays).tolist() == [6, 0, 1]
    assert parse("e * n + 1")(arrays).tolist()[:2] == [[3.0, 11.0], []]
    assert parse("not v")(arrays).tolist() == [[False, True], [], [False]]
    assert parse("v + v")(arrays).tolist() == [[2, 0], [], [2]]
    assert isinstance(parse("sum(e)")(arrays), np.ndarray)
    nested = {"w": ak.Array([[[1, 2], []], [], [[3]]])}
    assert parse("sum(w)")(nested).tolist() == [[3, 0], [], [3]]
    with pytest.raises(InputError, match="do not fit"):
        parse("e + f")({**arrays, "f": ak.Array([[1.0], [], [2.0]])})


def test_names_functions_and_conjuncts() -> None:
    expression = parse("sqrt(`hits.e/keV`) > a and (b or not c) and `sum` == 1")
    assert expression.names == {"hits.e/keV", "a", "b", "c", "sum"}
    assert expression.functions == {"sqrt"}
    parts = [str(part) for part in expression.conjuncts]
    assert parts == ["sqrt(`hits.e/keV`) > a", "b or not c", "`sum` == 1"]
    assert parse("a or b").conjuncts == (parse("a or b"),)
    nested = parse("(a and (b and c)) and not (d and e)").conjuncts
    assert [str(part) for part in nested] == ["a", "b", "c", "not (d and e)"]


def test_equality_is_of_the_meaning() -> None:
    assert parse("(a) + b*c") == parse("a+(b * c)")
    assert parse("a - (b - c)") != parse("a - b - c")
    assert str(parse("(a ** b) ** c")) == "(a ** b) ** c"
    assert str(parse("a ** (b ** c)")) == "a ** b ** c"
    assert parse("1") != parse("1.0")
    assert parse("1") != parse("true")


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("os.system('ls')", "at character 11"),
        ("a.b", "backquotes"),
        ("hits.e > 3", "backquotes"),
        ("x[0]", "no subscripts"),
        ("eval(x)", "'eval' at character 1"),
        ("exp (x).real", "backquotes"),
        ("lambda: 1", "':'"),
        ("(y := 1)", "'=='"),
        ("[i for i in x]", "no subscripts"),
        ("f'{x}'", "functions abs all any"),
        ("E > 1 & E < 5", "parentheses around the comparisons"),
        ("a | b == c", "parentheses around the comparisons"),
        ("a < b | c", "parentheses around the comparisons"),
        ("a && b", "'and'"),
        ("a || b", "'or'"),
        ("!a", "'not'"),
        ("a = 1", "'=='"),
        ("E^2", "'\\*\\*'"),
        ("sum", "`sum` for a branch"),
        ("where(a, b)", "3 arguments of where"),
        ("sqrt(a, b)", "1 argument"),
        ("1_000", "numbers, names"),
        ("0x10", "numbers, names"),
        ("1e999", "below 1.8e308"),
        ("a == not b", "parentheses around 'not'"),
        ("a b", "numbers, names"),
        ("", "a number, a name or a parenthesis"),
        ("(a", "'\\)'"),
        ("a)", "an operator or the end"),
        ("(" * 1000 + "a" + ")" * 1000, f"{MAX_DEPTH} levels"),
        ("-" * 5000 + "a", f"{MAX_DEPTH} levels"),
        ("2**" * 3000 + "2", f"{MAX_DEPTH} levels"),
        ("a" * 100_000, f"at most {MAX_LENGTH}"),
        ("a+" * 4999 + "a", f"at most {MAX_LENGTH}"),
    ],
)
def test_what_is_not_of_the_grammar(text: str, hint: str) -> None:
    with pytest.raises(InputError, match=hint) as caught:
        parse(text)
    assert len(str(caught.value)) < 600


def test_deep_and_long_texts_within_the_limits() -> None:
    depth = MAX_DEPTH - 2
    assert parse("(" * depth + "1" + ")" * depth)({}) == 1
    assert parse("+".join(["1"] * 2000))({}) == 2000
    assert len(parse(" and ".join(["a"] * 1000)).conjuncts) == 1000


def test_a_tower_of_powers_is_quick() -> None:
    start = time.perf_counter()
    assert parse("**".join(["9"] * 20))({}) == np.inf
    assert time.perf_counter() - start < 1


def test_not_a_text() -> None:
    with pytest.raises(InputError, match="found 3, expected a text"):
        parse(3)  # type: ignore[arg-type]


def test_errors_of_evaluation() -> None:
    with pytest.raises(InputError, match="unknown name: found E, m, expected one of x"):
        parse("E + m * x")({"x": 1})
    for text in ("x & b", "~x", "sum(x)", "count(n)"):
        with pytest.raises(InputError, match="do not fit") as caught:
            parse(text)(ARRAYS)
        assert text in str(caught.value)
    with pytest.raises(InputError, match="do not fit"):
        parse("a + b")({"a": np.ones(2), "b": np.ones(3)})
    with pytest.raises(InputError, match="not an array of numbers"):
        parse("a")({"a": np.array(["text"])})
    with pytest.raises(InputError, match="not an array of numbers"):
        parse("a")({"a": ak.Array([{"x": 1}])})


def test_every_function_can_be_called() -> None:
    arrays = {"e": ak.Array([[1.0], []]), "x": np.array([0.5, 2.0])}
    for name, arity in FUNCTIONS.items():
        variable = "e" if name in ("sum", "any", "all", "count") else "x"
        result = parse(f"{name}({', '.join([variable] * arity)})")(arrays)
        assert len(result) == 2, name
