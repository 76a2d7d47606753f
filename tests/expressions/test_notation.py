"""Formulas as people, papers and programs write them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from discover.errors import FormulaError
from discover.expressions import parse, plain_notation, read_formula, to_latex, to_text

CHINCHILLA = "E + A*N**(-alpha) + B*D**(-beta)"
WRITTEN = {
    "base of logarithms": (r"E + A e^{-k N}", "E + A*exp(-k*N)"),
    "a constant e": ("E + e*N**(-a)", "E + e*N**(-a)"),
    "sign of a root": ("E + A*√N + B/√(D)", "E + A*sqrt(N) + B/sqrt(D)"),
    "as here": (CHINCHILLA, CHINCHILLA),
    "carets": ("E + A*N^-alpha + B*D^-beta", CHINCHILLA),
    "numpy": ("E + A*np.power(N, -alpha) + B*np.power(D, -beta)", CHINCHILLA),
    "math": ("E + A*math.pow(N, -alpha) + B*math.pow(D, -beta)", CHINCHILLA),
    "Greek": ("E + A·N^(−α) + B·D^(−β)", CHINCHILLA),
    "left side": ("L(N, D) = E + A*N**(-alpha) + B*D**(-beta)", CHINCHILLA),
    "LaTeX": (r"L(N,D) = E + A N^{-\alpha} + B \cdot D^{-\beta}", CHINCHILLA),
    "LaTeX in dollars": (r"$E + A \, N^{-\alpha} + B \, D^{-\beta}$", CHINCHILLA),
    "fractions": (r"E + \frac{A}{N^\alpha} + \dfrac{B}{D^{\beta}}", "E + A/N**alpha + B/D**beta"),
    "brackets": (r"\left(\frac{N_c}{N}\right)^{\alpha_N}", "(N_c/N)**alpha_N"),
    "roots and logarithms": (r"a - b\log_{10} N + c\sqrt{D} + d\ln(N)", "a - b*log10(N) + c*D**0.5 + d*log(N)"),
    "numbered": ("p[0] + p[1]*N**p[2]", "p_0 + p_1*N**p_2"),
    "subscripts": ("E₀ + A·N²", "E0 + A*N**2"),
    "raised fractions": ("A*N⁻⁰·⁵*D²·B", "A*N**(-0.5)*D**2*B"),
    "infinity in a name": ("L∞ + A/N + E_∞", "L_inf + A/N + E_inf"),
    "raised signs": ("A*N⁻²", "A*N**(-2)"),
    "Python's functions": ("a*np.log1p(N) + np.maximum(N, D)", "a*log(1 + N) + Max(N, D)"),
    "no-break space": ("E\u00a0+ A*N", "E + A*N"),
}


@pytest.mark.parametrize(("text", "meant"), WRITTEN.values(), ids=WRITTEN.keys())
def test_a_formula_is_read_however_it_is_written(text: str, meant: str) -> None:
    assert read_formula(text, ("N", "D")) == parse(meant, ("N", "D"))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("E if N < 1e9 else A", "condition ('if' at character 3)"),
        ("np.where(N > 1e9, E, A)", "condition ('where' at character 4)"),
        ("N <= D", "condition ('<=' at character 3)"),
        (r"\hat{L} + N", r"\hat has no place in a formula"),
        (r"\frac{A", "ends inside of a group"),
        (r"E + A N^{-\alpha} + ", "read as 'E + A * N ^ ( - alpha ) +'"),
        ("x.__class__", "unexpected '.'"),
        ("E = A = N", "unexpected '='"),
    ],
)
def test_what_is_no_formula_is_refused_in_words(text: str, said: str) -> None:
    with pytest.raises(FormulaError) as caught:
        read_formula(text, ("N", "x"))
    assert said in str(caught.value)


@given(st.text(max_size=60))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        read_formula(text, ("N",))
    except FormulaError:
        return


@given(st.text("0123456789.eE+-*/^() NDabαβ_{}\\", max_size=30))
def test_what_the_language_reads_means_the_same_afterwards(text: str) -> None:
    try:
        expected = parse(text, ("N", "D"))
    except FormulaError:
        return
    assert parse(plain_notation(text), ("N", "D")) == expected


@pytest.mark.parametrize(
    "text", ["log10(N)", "a - b*log10(N)", "N**log2(D)", "a*log2(N)**2/D", "log10(N)*log10(D)", "a/log10(N)"]
)
def test_logarithms_of_base_ten_and_two_are_printed_as_such(text: str) -> None:
    tree = parse(text, ("N", "D"))
    assert parse(to_text(tree), ("N", "D")) == tree
    if text.count("log") == 1:
        assert "0.43" not in to_text(tree)
        assert "1.44" not in to_text(tree)
        assert r"\log_{" in to_latex(tree)


def test_latex_says_that_a_logarithm_is_the_natural_one() -> None:
    assert to_latex(parse("a*log(x)", ("x",))) == r"a \, \ln\left(x\right)"


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("E + 0.4343*log(N)", "E + log10(N)"),
        ("E - 0.4342944819*b*log(N)", "E - b*log10(N)"),
        ("log(D)/2.302585", "log10(D)"),
        ("1.4427*log(N)", "log2(N)"),
        ("0.434*log(N)", "0.434*log(N)"),
        ("0.4343*N + log(D)", "0.4343*N + log(D)"),
    ],
)
def test_logarithms_of_another_base_are_known_by_their_factor(text: str, read: str) -> None:
    assert to_text(read_formula(text, ("N", "D"))) == read
