"""Text from anywhere: refused with a sentence and a position, or read; always within a bounded time."""

from __future__ import annotations

import math
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from discover.errors import FormulaError
from discover.expressions import Call, Constant, Expr, Number, parse, simplify, skeleton, to_text, walk

HANG_S = 30.0
"""Seconds of the processor that only an endless or exponential course takes."""

HOSTILE = {
    "ten megabytes": "x+" * 5_000_000 + "x",
    "a hundred thousand parentheses": "(" * 100_000 + "x" + ")" * 100_000,
    "parentheses within the length": "(" * 9_000 + "x" + ")" * 9_000,
    "tower of powers": "9**9**9**9",
    "tower of carets": "9^9^9^9^9",
    "huge literal": "1e999",
    "huge whole number": "9" * 5_000,
    "overflow of literals": "1e308*1e308*x",
    "division by zero": "x/0",
    "zero to a negative power": "0**(-1)",
    "complex literal": "(-8)**0.5",
    "dunder name": "__import__",
    "dunder call": "__import__('os').system('id')",
    "dunder inside": "a__b + x",
    "attribute": "x.__class__",
    "subscript": "x[0]",
    "lambda": "lambda: 1",
    "string": "'x'",
    "comparison": "x < 1",
    "assignment": "x = 1",
    "semicolon": "x; y",
    "comment": "x # y",
    "newline call": "exec\n(x)",
    "nan": "nan*x",
    "NaN": "NaN",
    "infinity": "Infinity + x",
    "inf": "-inf",
    "None": "None",
    "True": "True*x",
    "Cyrillic a": "\u0430*x",
    "Greek alpha": "\u03b1*x",
    "full-width digit": "\uff11 + x",
    "Arabic digit": "\u0663*x",
    "minus sign": "x \u2212 1",
    "zero-width joiner": "x\u200d + 1",
    "no-break space": "x\u00a0+ 1",
    "NUL": "x\x00",
    "surrogate": "\ud800",
    "empty": "",
    "blank": "  \n\t",
    "bare function": "exp",
    "unknown function": "eval(x)",
    "missing argument": "exp()",
    "too many arguments": "exp(x, x)",
    "missing operand": "x +",
    "unbalanced": "(x",
    "closing": "x)",
    "two names": "x y",
    "hexadecimal": "0x10",
    "underscored number": "1_000",
    "imaginary": "1j",
}


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE.keys())
def test_hostile_text_is_refused(text: str) -> None:
    begin = time.process_time()
    with pytest.raises(FormulaError) as caught:
        parse(text, ["x"])
    assert time.process_time() - begin < HANG_S
    assert 10 < len(str(caught.value)) < 300
    assert "\n" not in str(caught.value)


LONG = {
    "deep signs": "-" * 15_000 + "x",
    "deep signs in powers": "x**" * 45 + "x",
    "long sum": " + ".join(f"a{i}*x" for i in range(700)),
    "long product": "*".join(["x", "a"] * 900),
    "nested functions": "exp(" * 45 + "x" + ")" * 45,
    "nested minima": "Min(" * 45 + "x" + ",x)" * 45,
    "doubling": "(" * 45 + "x" + "*x+a)" * 45,
    "long quotient": "/".join(["x"] * 1500),
}


@pytest.mark.parametrize("text", LONG.values(), ids=LONG.keys())
def test_legal_monsters_are_handled_in_bounded_time(text: str) -> None:
    begin = time.process_time()
    try:
        tree = parse(text, ["x"])
        assert parse(to_text(tree), ["x"]) == tree
        simplify(tree)
        skeleton(tree)
    except FormulaError:
        pass
    assert time.process_time() - begin < HANG_S


@given(st.text(max_size=60))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        tree = parse(text, ["x"])
    except FormulaError:
        return
    assert parse(to_text(tree), ["x"]) == tree


@given(st.text(alphabet="x1ae.+-*/^(), \n0expmlogMin", max_size=40))
def test_nearly_formulas_are_read_or_refused(text: str) -> None:
    try:
        tree = parse(text, ["x"])
    except FormulaError:
        return
    assert parse(to_text(tree), ["x"]) == tree
    assert all(math.isfinite(node.value) for node in walk(tree) if isinstance(node, Number))


@pytest.mark.parametrize(
    ("text", "shown"),
    [("-x**2", "-x**2"), ("2**-1", "0.5"), ("a^b^c", "a**(b**c)"), ("-(-x)", "x"), ("+x", "x"),
     ("a - -x", "a + x"), ("a/b/c", "a/b/c"), ("a/(b/c)", "a*c/b"), ("sqrt(x)", "x**0.5"),
     ("1.5e3*x", "1500*x"), (".5*x", "0.5*x"), ("x*1", "x"), ("0*x", "0"), ("ln(x)", "log(x)"),
     ("min(x,a)", "Min(x, a)")],
)  # fmt: skip
def test_precedence_and_normal_form(text: str, shown: str) -> None:
    assert _same(parse(text, ["x"]), parse(shown, ["x"]))
    assert parse(to_text(parse(text, ["x"])), ["x"]) == parse(text, ["x"])


def _same(one: Expr, other: Expr) -> bool:
    return simplify(one) == simplify(other)


def test_a_name_is_a_feature_only_when_the_table_has_it() -> None:
    tree = parse("E*x", ["x"])
    assert isinstance(tree, Call)
    assert tree.args[0] == Constant("E")
    assert parse("E*x", []) != tree


def test_position_points_at_the_fault() -> None:
    with pytest.raises(FormulaError) as caught:
        parse("a + $x", ["x"])
    assert caught.value.position == 4
