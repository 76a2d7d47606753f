"""Formulas as people, papers and programs write them, in the notation that `parse` reads.

Python (`np.power(N, -a)`, `p[0] + p[1]*x**p[2]`), LaTeX (`E + \\frac{A}{N^\\alpha}`), and signs of a text processor
(`E + A·N^(−α)`). Only the notation changes; what has no place in a formula is refused by `parse`, or here in words.
"""

from __future__ import annotations

import re

from discover.errors import FormulaError

LONGEST = 20_000
GREEK = {
    "alpha": "α", "beta": "β", "gamma": "γ", "delta": "δ", "epsilon": "ε", "zeta": "ζ", "eta": "η", "theta": "θ",
    "iota": "ι", "kappa": "κ", "lambda": "λ", "mu": "μ", "nu": "ν", "xi": "ξ", "omicron": "ο", "pi": "π", "rho": "ρ",
    "sigma": "σ", "tau": "τ", "upsilon": "υ", "phi": "φ", "chi": "χ", "psi": "ψ", "omega": "ω",
}  # fmt: skip
_GREEK_LETTERS = {sign: name for name, sign in GREEK.items()} | {
    "ϵ": "epsilon", "ϕ": "phi", "Δ": "Delta", "Σ": "Sigma", "Ω": "Omega", "Γ": "Gamma", "Λ": "Lambda", "Θ": "Theta",
    "Φ": "Phi",
}  # fmt: skip
_SIGNS = {
    "·": "*", "⋅": "*", "∙": "*", "×": "*", "∗": "*", "÷": "/", "∕": "/", "⁄": "/",
    "−": "-", "–": "-", "—": "-", "‐": "-", "‑": "-", "ˆ": "^",
    "\u00a0": " ", "\u2009": " ", "\u202f": " ", "\u2062": "*",
}  # fmt: skip
_RAISED_POINT = re.compile("(?<=[⁰¹²³⁴⁵⁶⁷⁸⁹])[·⋅.˙](?=[⁰¹²³⁴⁵⁶⁷⁸⁹])")
_RAISED = {sign: str(digit) for digit, sign in enumerate("⁰¹²³⁴⁵⁶⁷⁸⁹")} | {"⁻": "-", "⁺": "+", "ꞏ": "."}
_LOWERED = {sign: str(digit) for digit, sign in enumerate("₀₁₂₃₄₅₆₇₈₉")}

_MODULE = re.compile(r"(?<![\w.])(?:np|numpy|math|jnp|torch|sp|sympy)\.(?=[A-Za-z])")
_INDEX = re.compile(r"(?<=[^\W\d])\[\s*([0-9]{1,3})\s*\]|(?<=\w)\[\s*([0-9]{1,3})\s*\]")
_CONDITION = re.compile(r"[<>≤≥]=?|==|!=|(?<!\w)(?:if|else|where|piecewise|Piecewise|cases)(?!\w)")
_LEFT_SIDE = re.compile(r"\s*\$*\s*\\?[^\W\d]\w*\s*(?:\([^()=]*\))?\s*(?:=|≈|\\approx)(?!=)\s*")
_WRAPPERS = re.compile(
    r"\\(?:left|right|bigl?|bigr|Bigl?|Bigr|displaystyle|,|;|!|:|quad|qquad|mathrm|mathit|mathbf|mathcal|text|textrm|"
    r"operatorname)(?![A-Za-z])"
)
_SUBSCRIPT = re.compile(r"_\s*\{([^{}]*)\}|_\s*\\?([A-Za-z0-9]+)|_\s*\\([A-Za-z]+)")
_COMMANDS = {
    "cdot": "*", "times": "*", "ast": "*", "div": "/", "log": " log ", "ln": " log ", "exp": " exp ", "tanh": " tanh ",
    "sin": " sin ", "cos": " cos ", "min": " min ", "max": " max ", "infty": " inf ",
}  # fmt: skip
_LATEX_TOKEN = re.compile(r"\\([A-Za-z]+)|[0-9]*\.?[0-9]+(?:[eE][+-]?[0-9]+)?|[^\W\d]\w*|\*\*|\s+|.", re.DOTALL)
_RAISED_GROUP = re.compile(r"\s*(?:\^|\*\*)\s*(?=\{)")
_ROOT = re.compile(r"√\s*(?:(?=\()|([^\W\d]\w*|\d+\.?\d*))")
_INFINITE = re.compile(r"(?<=[^\W\d])_?∞")
_FUNCTION_WORDS = frozenset(("log", "exp", "tanh", "sin", "cos", "min", "max", "sqrt"))


def plain_notation(text: str) -> str:
    """The formula in the notation that `parse` reads; a left side such as ``L(N, D) =`` falls away.

    Raises:
        FormulaError: a condition, or LaTeX that cannot be read.
    """
    if not isinstance(text, str) or len(text) > LONGEST:
        return text  # refused by `parse`
    condition = _CONDITION.search(text)
    if condition is not None:
        raise FormulaError(
            f"the formula has a condition ({condition[0]!r} at character {condition.start() + 1}), and a law holds for "
            "all rows; write Min(a, b) or Max(a, b), or fit the parts to tables of their own",
            condition.start(),
        )
    text = _LEFT_SIDE.sub("", text, count=1) if text.count("=") == 1 or "approx" in text or "≈" in text else text
    if "\\" in text or ("{" in text and "^" in text) or "$" in text:
        text = _from_latex(text)
    text = _RAISED_POINT.sub("ꞏ", text)
    text = "".join(_SIGNS.get(sign, sign) for sign in text)
    text = re.sub(f"[{''.join(_RAISED)}]+", lambda m: "**(" + "".join(_RAISED[s] for s in m[0]) + ")", text)
    text = "".join(_LOWERED.get(sign, sign) for sign in text)
    text = _INFINITE.sub("_inf", text)
    text = "".join(_GREEK_LETTERS.get(sign, sign) for sign in text)
    text = _ROOT.sub(lambda m: f"sqrt({m[1]})" if m[1] else "sqrt", text)
    text = _MODULE.sub("", text)
    return _INDEX.sub(lambda m: f"_{m[1] or m[2]}", text)


def _from_latex(text: str) -> str:
    """LaTeX as a formula: fractions, roots, powers in braces, indices, and products without a sign."""
    text = text.replace("$", " ").replace("~", " ").replace("\\\\", " ")
    text = _WRAPPERS.sub(" ", text)
    text = text.replace("\\%", " ").replace("\\_", "_")
    text = re.sub(r"\\log\s*_\s*\{?\s*(2|10)\s*\}?", r" log\1 ", text)
    text = _SUBSCRIPT.sub(lambda m: "_" + re.sub(r"\W+", "", (m[1] or m[2] or m[3])), text)
    text = re.sub(r"\\[dt]?frac\s*(\d)\s*(\d)", r"\\frac{\1}{\2}", text)
    return _joined(_Latex(text).all())


class _Latex:
    """Reads commands and groups from left to right."""

    def __init__(self, text: str) -> None:
        self.text, self.at, self.depth = text, 0, 0

    def all(self, end: str = "") -> list[str]:
        """The tokens up to a closing brace."""
        self.depth += 1
        if self.depth > 50:
            raise FormulaError("the formula is nested more than 50 levels deep")
        tokens: list[str] = []
        while self.at < len(self.text):
            if end and self.text[self.at] == end:
                self.at += 1
                self.depth -= 1
                return tokens
            tokens += self.one()
        if end:
            raise FormulaError(f"the formula ends inside of a group; expected {end!r}")
        self.depth -= 1
        return tokens

    def one(self) -> list[str]:
        match = _LATEX_TOKEN.match(self.text, self.at)
        assert match is not None
        self.at = match.end()
        word, command = match[0], match[1]
        if command is not None:
            return self.command(command)
        if word == "{":
            return ["(", *self.all("}"), ")"]
        if word == "e" and (
            raised := _RAISED_GROUP.match(self.text, self.at)
        ):  # the base of logarithms, not a constant
            self.at = raised.end()
            return ["exp", "(", *self.group("e"), ")"]
        return [] if word.isspace() else [word]

    def command(self, name: str) -> list[str]:
        if name in ("frac", "dfrac", "tfrac"):
            above, below = self.group(name), self.group(name)
            return ["(", "(", *above, ")", "/", "(", *below, ")", ")"]
        if name == "sqrt":
            return ["sqrt", "(", *self.group(name), ")"]
        if name in _COMMANDS:
            return [_COMMANDS[name].strip()]
        if name.lower() in GREEK or name.removeprefix("var") in GREEK:
            suffix = re.compile(r"_\w+").match(self.text, self.at)
            self.at = suffix.end() if suffix else self.at
            return [name.removeprefix("var") + (suffix[0] if suffix else "")]
        raise FormulaError(f"the LaTeX command \\{name} has no place in a formula; write it in plain notation")

    def group(self, name: str) -> list[str]:
        while self.at < len(self.text) and self.text[self.at].isspace():
            self.at += 1
        if self.at >= len(self.text):
            raise FormulaError(f"\\{name} lacks a part in braces")
        if self.text[self.at] != "{":
            return self.one()
        self.at += 1
        return self.all("}")


def _joined(tokens: list[str]) -> str:
    """The tokens as text, with a sign between factors that LaTeX sets side by side."""
    out: list[str] = []
    for token in tokens:
        if out and _is_end(out[-1]) and _is_begin(token):
            function = out[-1] in _FUNCTION_WORDS or re.fullmatch(r"log(2|10)", out[-1])
            if function and token != "(":
                out += ["(", token, ")"]  # \log N
                continue
            if not (token == "(" and function):
                out.append("*")
        out.append(token)
    return " ".join(out)


def _is_end(token: str) -> bool:
    return token == ")" or token[0].isalnum() or token[0] == "."


def _is_begin(token: str) -> bool:
    return token == "(" or token[0].isalnum() or token[0] in "._"
