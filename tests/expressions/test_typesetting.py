"""Formulas for pages: MathML that an XML parser takes, Typst that the compiler takes, and how names look."""

from __future__ import annotations

import xml.etree.ElementTree as ET

import pytest
from hypothesis import given, settings

from discover.expressions import Expr, parse, to_mathml, to_typst
from discover.expressions.typesetting import mathml_name, typst_name

from .test_formulas import formulas

FEATURES = ("params", "tokens", "x")


def text_of(markup: str) -> str:
    """What a reader of MathML sees, without spaces."""
    return "".join(ET.fromstring(f"<math>{markup}</math>").itertext())


@given(formulas)
@settings(max_examples=150, deadline=None)
def test_mathml_is_well_formed_and_shows_every_term(expr: Expr) -> None:
    pieces = to_mathml(expr)
    assert all(text_of(piece) for piece in pieces)


@pytest.mark.parametrize(
    ("formula", "terms"),
    [
        ("E + A*params**(-alpha)", ["E", "+A\u2062params−α"]),
        ("E - 2*x", ["E", "−2\u2062x"]),
        ("-x", ["−x"]),
        ("3*2**x", ["3×2x"]),
        ("A/tokens", ["Atokens"]),
        ("1.5e-7*x", ["1.5×10−7\u2062x"]),
        ("E*(x + 1)**2", ["E\u2062(x+1)2"]),
    ],
)
def test_terms_stand_apart_so_that_lines_can_break_between_them(formula: str, terms: list[str]) -> None:
    assert [text_of(piece) for piece in to_mathml(parse(formula, FEATURES))] == terms


@pytest.mark.parametrize(
    ("name", "mathml", "typst"),
    [
        ("alpha", "<mi>α</mi>", "α"),
        ("N", "<mi>N</mi>", "N"),
        ("N_0", "<msub><mi>N</mi><mn>0</mn></msub>", "N_(0)"),
        ("R_D", '<msub><mi>R</mi><mi mathvariant="normal">D</mi></msub>', 'R_(upright("D"))'),
        ("x2", "<msub><mi>x</mi><mn>2</mn></msub>", "x_(2)"),
        ("unique_tokens", "<mi>unique_tokens</mi>", 'upright("unique_tokens")'),
        ("_hidden", "<mi>_hidden</mi>", 'upright("_hidden")'),
        ("_", '<mi mathvariant="normal">_</mi>', 'upright("_")'),
    ],
)
def test_names_are_letters_with_subscripts_or_words(name: str, mathml: str, typst: str) -> None:
    assert (mathml_name(name), typst_name(name)) == (mathml, typst)


@given(formulas)
@settings(max_examples=25, deadline=None)
def test_typst_compiles(expr: Expr) -> None:
    typst = pytest.importorskip("typst", reason="typst is not installed")
    assert typst.compile(f"${to_typst(expr)}$".encode()).startswith(b"%PDF")
