"""The table of targets, and the targets that are text for people."""

from __future__ import annotations

import ast
import json
import math
import re
from dataclasses import replace

import pytest

from discover.errors import InputError
from discover.export import TARGETS, export, file_name
from discover.export.identifiers import safe_names
from discover.expressions import parse
from discover.law.document import ConstantSet, LawDocument

from .laws import CASES

ALL = [
    "json", "python", "sympy", "latex", "jax", "torch", "c", "xlsx", "r", "julia", "javascript", "markdown", "sldbench",
]  # fmt: skip


def test_every_row_is_complete() -> None:
    assert sorted(TARGETS) == sorted(ALL)
    for name, row in TARGETS.items():
        assert row.name == name
        assert row.summary
        assert re.fullmatch(r"[a-z_]*\.[a-zA-Z]+", row.extension)
    names = {file_name(CASES["streams"].document, name) for name in TARGETS}
    assert len(names) == len(TARGETS)
    assert file_name(CASES["streams"].document, "python") == "streams_law.py"


def test_unknown_target_names_the_near_one() -> None:
    with pytest.raises(InputError, match="did you mean 'python'"):
        export(CASES["bare"].document, "pyhton")


@pytest.mark.parametrize("target", [name for name in ALL if name != "xlsx"])
@pytest.mark.parametrize("name", CASES)
def test_every_constant_is_there_with_all_digits(name: str, target: str) -> None:
    text = export(CASES[name].document, target)
    assert isinstance(text, str)
    assert text.endswith("\n")
    for entry in CASES[name].document.constants:
        for constant, value in entry.values.items():
            mantissa = repr(value).partition("e")[0]
            assert mantissa in text, (constant, value)


def hostile() -> LawDocument:
    """A law whose free texts try to leave their place in every language."""
    bad = 'x"""\n*/ */\nimport os; os.abort() #{}$(rm)\\'
    document = CASES["streams"].document
    sets = tuple(ConstantSet(bad, bad, s.values, s.errors) for s in document.constants[:1])
    features = tuple(replace(f, meaning=bad, unit=bad) for f in document.features)
    return replace(
        document, task=bad, groups=(bad,), targets=(bad,), group_column=None, constants=sets, features=features,
        target_range={bad: (0.0, 1.0)}, versions={bad: bad},
    )  # fmt: skip


@pytest.mark.parametrize("target", ["python", "sympy", "jax", "torch", "sldbench"])
def test_free_text_stays_text_in_python(target: str) -> None:
    text = export(hostile(), target)
    tree = ast.parse(text)
    calls = {
        node.func.attr for node in ast.walk(tree) if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)
    }
    assert "abort" not in calls
    imported = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    assert "os" not in imported


@pytest.mark.parametrize(
    ("target", "comment"), [("c", "//"), ("r", "#"), ("julia", "#"), ("javascript", "//"), ("latex", "%")]
)
def test_free_text_stays_on_its_comment_line(target: str, comment: str) -> None:
    text = export(hostile(), target)
    assert isinstance(text, str)
    for line in text.splitlines():
        code = re.sub(r'"(?:\\.|[^"\\])*"', '""', line).partition(comment)[0]
        assert target == "latex" or "abort()" not in code, line
        assert not line.endswith("\\") or target == "latex"


def test_json_is_the_document() -> None:
    document = CASES["streams"].document
    content = json.loads(export(document, "json"))
    assert content["format"] == 1
    assert content["constants"][0]["values"] == dict(document.constants[0].values)


def test_latex_has_balanced_braces_and_a_table_with_errors() -> None:
    for case in CASES.values():
        text = export(case.document, "latex")
        assert isinstance(text, str)
        plain = text.replace(r"\{", "").replace(r"\}", "")
        assert plain.count("{") == plain.count("}")
        assert text.count(r"\begin{") == text.count(r"\end{")
    text = export(CASES["streams"].document, "latex")
    assert isinstance(text, str)
    assert r"\toprule" in text
    assert "--" in text  # the error that is not known
    many = replace(CASES["streams"], groups=tuple(f"g_{i}" for i in range(42))).document
    assert "longtable" in str(export(many, "latex"))


def test_latex_says_which_logarithm() -> None:
    text = str(export(CASES["operators"].document, "latex"))
    assert r"\log_{10}" in text
    assert r"\ln" in text
    assert repr(1 / math.log(10)) not in text


def test_markdown_escapes_cells() -> None:
    text = export(CASES["signs"].document, "markdown")
    assert isinstance(text, str)
    assert "Größe 2" in text
    rows = [line for line in text.splitlines() if line.startswith("| it's")]
    assert {len(re.findall(r"(?<!\\)\|", row)) for row in rows} == {6}


def test_names_stay_distinct_and_free_of_reserved_words() -> None:
    names = ["in", "in_", "_a", "x_a", "b"]
    chosen = safe_names(names, {"in"})
    assert chosen["b"] == "b"
    assert chosen["in_"] == "in_"
    assert len(set(chosen.values())) == len(names)
    assert "in" not in chosen.values()
    assert parse("b", {"b"})


@pytest.mark.parametrize("target", ["latex", "markdown", "python", "julia"])
def test_a_column_that_formulas_call_otherwise_comes_with_its_heading(target: str) -> None:
    document = CASES["streams"].document
    features = tuple(replace(feature, source=f"config.{feature.name} (M)") for feature in document.features)
    text = export(replace(document, features=features), target)
    for feature in features:
        assert f"the column '{feature.source}'" in str(text).replace("\\", "")
