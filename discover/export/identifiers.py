"""Names and texts of a law made safe for a programming language."""

from __future__ import annotations

import keyword
from collections.abc import Collection, Iterable

PYTHON = frozenset(keyword.kwlist) | {
    "np", "jnp", "jax", "torch", "sympy", "least_squares", "abs", "len", "max", "min", "range", "isinstance",
    "str", "float", "int", "zip", "enumerate", "list", "tuple", "group", "target", "self", "constants", "value",
    "values", "rows", "column", "shape", "predict", "codes", "data_points", "print", "dtype", "GROUPS",
    "TARGETS", "CONSTANTS", "scaling_law_func", "fit_scaling_law",
}  # fmt: skip

C = frozenset(
    (
        "auto", "break", "case", "char", "const", "continue", "default", "do", "double", "else", "enum",
        "extern", "float", "for", "goto", "if", "inline", "int", "long", "register", "restrict", "return",
        "short", "signed", "sizeof", "static", "struct", "switch", "typedef", "union", "unsigned", "void",
        "volatile", "while", "exp", "log", "pow", "fabs", "fmin", "fmax", "tanh", "sin", "cos", "atan", "size_t",
        "asm", "typeof", "bool", "true", "false", "nullptr", "class", "new", "delete", "this", "template",
        "namespace", "operator", "private", "public", "protected", "try", "catch", "throw", "using", "virtual",
        "linux", "unix", "errno", "group", "target", "constants", "NULL", "NAN", "INFINITY", "HUGE_VAL", "EOF",
        "MATH_ERRNO", "and", "or", "not", "xor", "assert",
    )
)  # fmt: skip

R = frozenset(
    (
        "if", "else", "repeat", "while", "function", "for", "next", "break", "in", "TRUE", "FALSE", "NULL", "Inf",
        "NaN", "NA", "NA_integer_", "NA_real_", "NA_character_", "group", "target", "rows", "columns", "T", "F",
    )
)  # fmt: skip

JULIA = frozenset(
    (
        "baremodule", "begin", "break", "catch", "const", "continue", "do", "else", "elseif", "end", "export",
        "false", "finally", "for", "function", "global", "if", "import", "let", "local", "macro", "module",
        "quote", "return", "struct", "true", "try", "using", "while", "in", "isa", "where", "abstract", "mutable",
        "primitive", "type", "pi", "im", "exp", "log", "abs", "min", "max", "tanh", "sin", "cos", "atan",
        "group", "target", "rows", "column", "predict", "Inf", "NaN",
    )
)  # fmt: skip

JAVASCRIPT = frozenset(
    (
        "abstract", "arguments", "as", "async", "await", "boolean", "break", "byte", "case", "catch", "char", "class",
        "const", "continue", "debugger", "default", "delete", "do", "double", "else", "enum", "eval", "export",
        "extends", "false", "final", "finally", "float", "for", "from", "function", "get", "goto", "if", "implements",
        "import", "in", "instanceof", "int", "interface", "let", "long", "native", "new", "null", "of", "package",
        "private", "protected", "public", "return", "set", "short", "static", "super", "switch", "synchronized",
        "this", "throw", "throws", "transient", "true", "try", "typeof", "undefined", "var", "void", "volatile",
        "while", "with", "yield", "Math", "NaN", "Infinity", "GROUPS", "TARGETS", "FEATURES", "CONSTANTS", "predict",
        "law", "place", "step",
    )
)  # fmt: skip


def safe_names(names: Iterable[str], reserved: Collection[str]) -> dict[str, str]:
    """name -> identifier that is not reserved and not taken by another name.

    A leading underscore is not portable and gets a letter before it; a reserved or taken name gets
    underscores after it. All other names stay as they are.
    """
    chosen: dict[str, str] = {}
    listed = list(names)
    for name in listed:
        safe = f"x{name}" if name.startswith("_") else name
        while safe in reserved or safe in chosen.values() or (safe != name and safe in listed):
            safe += "_"
        chosen[name] = safe
    return chosen


def one_line(text: str) -> str:
    """Text for a comment: printable, on one line, without an end of comment in any language."""
    shown = "".join(character if character.isprintable() else " " for character in text)
    return " ".join(shown.replace("*/", "* /").replace("=#", "= #").replace("??", "? ?").split()).rstrip("\\")


def quoted(text: str, language: str = "") -> str:
    """A string literal of a language with double quotes; everything but plain ASCII is escaped."""
    if language == "c":
        return _quoted_c(text)
    if language == "python":
        return ascii(text)
    escaped = "".join(_escape(character) for character in text)
    return f'"{escaped}"'


def _escape(character: str) -> str:
    code = ord(character)
    if character in '"\\$':  # $ interpolates in Julia
        return f"\\u{code:04x}" if character == "$" else "\\" + character
    if 32 <= code < 127:
        return character
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def _quoted_c(text: str) -> str:
    parts = []
    for byte in text.encode("utf-8", "replace"):
        character = chr(byte)
        plain = 32 <= byte < 127 and character not in '"\\?'  # ?? begins a trigraph
        parts.append(character if plain else f"\\{byte:03o}")
    return '"' + "".join(parts) + '"'
