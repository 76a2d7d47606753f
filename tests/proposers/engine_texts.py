"""Random equations as PySR and Operon print them, each with a function that computes its values directly."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

Values = Callable[[np.ndarray], np.ndarray]  # columns of shape (k, n) to values of shape (n,)


def seen(values: np.ndarray) -> np.ndarray:
    """Values with NaN where a number became too large or too small to go on with."""
    size = np.abs(values)
    return np.where((size < 1e100) & ((size > 1e-100) | (size == 0)), values, np.nan)


def pysr_equation(rng: np.random.Generator, size: int, columns: int, odd: bool = False) -> tuple[str, Values]:
    """In Julia's spelling; `odd` adds what PySR may print and our language has not."""
    if size <= 1:
        return _pysr_leaf(rng, columns, odd)
    if rng.random() < 0.3:
        text, values = pysr_equation(rng, size - 1, columns, odd)
        names = list(_UNARY) + (["sinh", "erf", "round", "my_op"] if odd else [])
        name = names[int(rng.integers(len(names)))]
        function = _UNARY.get(name, lambda x: x)
        return f"{name}({text})", lambda x: seen(function(values(x)))
    left_size = int(rng.integers(1, size))
    left, a = pysr_equation(rng, left_size, columns, odd)
    right, b = pysr_equation(rng, max(1, size - 1 - left_size), columns, odd)
    operator = "+-*/^"[int(rng.integers(5))]
    function2 = _BINARY[operator]
    if rng.random() < 0.1:
        name = {"+": "plus", "-": "sub", "*": "mult", "/": "div", "^": "safe_pow"}[operator]
        return f"{name}({left}, {right})", lambda x: seen(function2(a(x), b(x)))
    left = f"({left})" if " " in left or left.startswith("-") else left
    right = f"({right})" if " " in right or right.startswith("-") else right
    return f"{left} {operator} {right}", lambda x: seen(function2(a(x), b(x)))


def _pysr_leaf(rng: np.random.Generator, columns: int, odd: bool) -> tuple[str, Values]:
    if rng.random() < 0.5:
        i = int(rng.integers(columns))
        return f"x{i}", lambda x: x[i]
    if odd and rng.random() < 0.1:
        return str(rng.choice(_BROKEN)), lambda x: x[0]
    value = float(np.float32(rng.normal() * 10.0 ** rng.uniform(-3, 3)))
    text = repr(value)
    if rng.random() < 0.3:
        mantissa, _, exponent = f"{value:.8e}".partition("e")
        value = float(f"{mantissa}e{exponent}")
        text = f"{mantissa}f{int(exponent)}"
    return text, lambda x: np.full(x.shape[1], value)


def operon_equation(rng: np.random.Generator, size: int, columns: int) -> tuple[str, Values]:
    """In Operon's spelling: every variable has a weight, every operation its parentheses."""
    if size <= 1:
        value = float(np.float32(rng.normal() * 10.0 ** rng.uniform(-2, 2)))
        shown = f"{value:.17f}" if value >= 0 else f"({value:.17f})"
        if rng.random() < 0.3:
            return shown, lambda x: np.full(x.shape[1], value)
        i = int(rng.integers(columns))
        return f"({shown} * x{i})", lambda x: value * x[i]
    if rng.random() < 0.35:
        text, values = operon_equation(rng, size - 1, columns)
        kind = int(rng.integers(8))
        if kind == 0:
            return f"({text} ^ 2)", lambda x: seen(values(x) ** 2)
        if kind == 1:
            return f"log({text}+1)", lambda x: seen(np.log(values(x) + 1))
        if kind == 2:
            return f"log(abs({text}))", lambda x: seen(np.log(np.abs(values(x))))
        if kind == 3:
            return f"sqrt(abs({text}))", lambda x: seen(np.sqrt(np.abs(values(x))))
        name = ("exp", "log", "sqrt", "tanh")[kind - 4]
        function = _UNARY[name]
        return f"{name}({text})", lambda x: seen(function(values(x)))
    left_size = int(rng.integers(1, size))
    left, a = operon_equation(rng, left_size, columns)
    right, b = operon_equation(rng, max(1, size - 1 - left_size), columns)
    kind = int(rng.integers(7))
    if kind == 5:
        return f"(abs({left}) ^ {right})", lambda x: seen(np.abs(a(x)) ** b(x))
    if kind == 6:
        return f"({left} / (sqrt(1 + {right} ^ 2)))", lambda x: seen(a(x) / np.sqrt(1 + b(x) ** 2))
    operator = "+-*/^"[kind]
    function2 = _BINARY[operator]
    return f"({left} {operator} {right})", lambda x: seen(function2(a(x), b(x)))


_BROKEN = ("NaN", "Inf", "y", "x99", "#1", "1.0f40", "9e999", "", "(", "2 3", "[1]")
_UNARY: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "exp": np.exp, "log": np.log, "sqrt": np.sqrt, "abs": np.abs, "square": np.square, "inv": lambda x: 1 / x,
    "cube": lambda x: x**3, "neg": lambda x: -x, "tanh": np.tanh, "log1p": np.log1p, "safe_log": np.log,
    "log10": np.log10, "log2": np.log2, "safe_sqrt": np.sqrt, "cbrt": lambda x: x ** (1 / 3),
    "sigmoid": lambda x: 1 / (1 + np.exp(-x)),
}  # fmt: skip
_BINARY: dict[str, Callable[[np.ndarray, np.ndarray], np.ndarray]] = {
    "+": np.add, "-": np.subtract, "*": np.multiply, "/": np.divide, "^": lambda a, b: np.power(a, b),
}  # fmt: skip


def junk(rng: np.random.Generator) -> str:
    """Text that no engine prints, or prints when it breaks."""
    pieces = ["x0", "(", ")", "^", "+", "*", "exp(", "1.5", ",", "#1", ";", "f = ", "[", "]", "-", "e", "\0", "é", "//"]
    return " ".join(str(rng.choice(pieces)) for _ in range(int(rng.integers(1, 60))))


def deep(rng: np.random.Generator) -> str:
    """Towers and long chains."""
    depth = int(10 ** rng.uniform(0, 3.5))
    kind = int(rng.integers(4))
    if kind == 0:
        return "exp(" * depth + "x0" + ")" * depth
    if kind == 1:
        return "(" * depth + "x0" + " + x1)" * depth
    if kind == 2:
        return " ^ ".join(["x0"] * depth)
    return " * ".join(["(x0 + 1.5)"] * depth)


def stable(values: Values, x: np.ndarray) -> np.ndarray:
    """Rows on which the values are finite, moderate, and do not hang on the last digits of the columns."""
    with np.errstate(all="ignore"):
        first, again = values(x), values(x * (1 + 1e-11))
        change = np.abs(first - again)
        return (
            np.isfinite(first) & np.isfinite(again) & (np.abs(first) < 1e8) & (change <= 1e-7 * (np.abs(first) + 1e-3))
        )
