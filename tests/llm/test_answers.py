"""What is read from an answer, however it is wrapped, cut or damaged, and always in bounded time."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from discover.llm.schema import (
    MAX_FORMULA,
    MAX_RATIONALE,
    Proposals,
    answer_in_thoughts,
    answer_patterns,
    answer_schema,
    clip,
    read_answer,
    strip_wrapping,
    tidy_formula,
    without_patterns,
)
from discover.llm.session import Settings

from .servers import formulas

ONE = "E + A*n**(-a)"
TWO = "E + b/log(n)"

WRAPPED = {
    "plain": formulas(ONE, TWO),
    "fenced": f"```json\n{formulas(ONE, TWO)}\n```",
    "in prose": f"Here you are: {formulas(ONE, TWO)} Good luck {{}}!",
    "after a thought": f'<think>maybe {{"formula": "x"}}</think>\n{formulas(ONE, TWO)}',
    "after an end of a thought": f'{{"formula": "x"}}</think>{formulas(ONE, TWO)}',
    "after a channel": f"<|channel|>analysis<|message|>hm<|channel|>final<|message|>{formulas(ONE, TWO)}",
    "a list": json.dumps([{"formula": ONE}, {"formula": TWO}]),
    "a list of answers": json.dumps([{"proposals": [{"formula": ONE}]}, {"proposals": [{"formula": TWO}]}]),
    "other keys": json.dumps({"proposals": [{"expression": ONE, "score": 1}, {"equation": TWO}]}),
    "strings": json.dumps({"proposals": [ONE, TWO]}),
    "two objects": json.dumps({"formula": ONE}) + "\n" + json.dumps({"formula": TWO}),
    "left-hand sides": formulas(f"loss = {ONE}", f"L(n, d) = {TWO}"),
    "typography": formulas("E + A·n**(−a)", "`E + b/log(n)`"),
    "before a thought": f"{formulas(ONE, TWO)}<think>was that right?</think>",
    "cut": formulas(ONE, TWO, "E + C*n")[:-20],
    "no JSON": f"1. **Formula:** `{ONE}`\n2. formula: {TWO}\n",
    "wrapped": json.dumps({"answer": json.loads(formulas(ONE, TWO))}),
    "in an echo of the schema": json.dumps({"type": "object", "properties": json.loads(formulas(ONE, TWO))}),
    "JSON in a JSON string": json.dumps(formulas(ONE, TWO)),
    "a list in a JSON string": json.dumps({"proposals": json.dumps([{"formula": ONE}, {"formula": TWO}])}),
    "another container": json.dumps({"laws": [{"law": ONE}, {"expr": TWO}]}),
    "a container of texts": json.dumps({"Formulas": [ONE, TWO]}),
    "a list of texts": json.dumps([ONE, TWO]),
    "capitals": json.dumps({"Proposals": [{"Formula": ONE}, {"FORMULA": TWO}]}),
    "numbered": json.dumps({"proposals": {"1": {"formula": ONE}, "2": {"formula": TWO}}}),
    "numbered texts": json.dumps({"proposals": {"1": ONE, "2": TWO}}),
    "broken lines": formulas(ONE, TWO).replace("because", "be\ncause"),
    "typographic quotes": formulas(ONE, TWO).replace('"', "”"),
    "tags": f"<formula>{ONE}</formula> <formula> {TWO} </formula>",
    "code in prose": f"I propose `{ONE}` first, and then `{TWO}`, with `E` the floor.",
    "displayed": f"First $$L = {ONE}$$, then \\[{TWO}\\]",
    "a tool call": f'<tool_call>{{"name": "answer", "arguments": {formulas(ONE, TWO)}}}</tool_call>',
    "brackets around a thought": f'[THINK]say {{"formula": "x"}}[/THINK]{formulas(ONE, TWO)}',
    "marks around a thought": f'<|START_THINKING|>{{"formula": "x"}}<|END_THINKING|>{formulas(ONE, TWO)}',
    "comments": formulas(ONE, TWO, "E + C*n").replace("}, {", "}, // next\n{")[:-45],
    "comments and last commas": "```json\n// laws\n"
    + formulas(ONE, TWO).replace("}, {", "}, /* the\n second */ {").replace("}]}", "}, // last\n]}")
    + "\n```",
    "code": f"```python\ndef one(n, E, A, a):\n    return {ONE}\n\ndef two(n):\n    return {TWO}\n```",
    "single quotes": f"{{'proposals': [{{'formula': '{ONE}'}}, {{'formula': '{TWO}'}},]}}",
}


@pytest.mark.parametrize("name", WRAPPED)
def test_proposals_are_found_in_any_wrapping(name: str) -> None:
    reading = read_answer(WRAPPED[name])
    assert [proposal.formula for proposal in reading.proposals] == [ONE, TWO]


@pytest.mark.parametrize("command", ["\\alpha", "\\beta", "\\frac{1}{n}", "\\tau", "\\nu", "\\rho", "\\times n"])
def test_a_backslash_that_json_has_no_escape_for_is_one_of_latex(command: str) -> None:
    (proposal,) = read_answer(f'{{"proposals": [{{"formula": "E + A*n**{command}", "rationale": "a\\nb"}}]}}').proposals
    assert proposal.formula == f"E + A*n**{command}"
    assert proposal.rationale == "a b"
    (proposal,) = read_answer(formulas(f"E + A*n**{command}")).proposals  # with the escapes that it should have
    assert proposal.formula == f"E + A*n**{command}"


@pytest.mark.parametrize(
    "text",
    ["return E + A*n**(-a)", "\\hat{L} = E + A*n**(-a)", "L ≈ E + A*n**(-a)", "\\(E + A*n**(-a)\\)", "E + A*n**(-a),",
     "E + A*n**(-a)  # the floor first", "`loss = E + A*n**(-a)`", "L(n) := E + A*n**(-a)"],
)  # fmt: skip
def test_what_stands_around_a_formula_is_dropped(text: str) -> None:
    assert tidy_formula(text) == ONE


def test_an_answer_among_thoughts_is_the_last_whole_one() -> None:
    thoughts = f"Maybe {formulas('x')}? No. {formulas(ONE, TWO)} is better. {formulas(ONE)[:-9]}"
    assert [p.formula for p in read_answer(answer_in_thoughts(thoughts)).proposals] == [ONE, TWO]
    assert answer_in_thoughts('Perhaps {"formula": "x"}, {"a": 1}') == ""


NOTHING = [
    "", "   ", "Sorry, I cannot.", "{}", "[]", "null", "42", "{", "[", '{"proposals": []}',
    "<think>{\"formula\": \"x\"}", "\x00\ufffd", '{"a":', "formula",
]  # fmt: skip


@pytest.mark.parametrize("text", NOTHING, ids=lambda text: text[:12])
def test_an_answer_without_proposals_says_so(text: str) -> None:
    reading = read_answer(text)
    assert reading.proposals == ()
    assert [refused.reason for refused in reading.refused] == ["no proposals found in the answer"]


def test_good_siblings_of_bad_proposals_are_kept() -> None:
    rows = [
        {"formula": ONE},
        {"formula": 7},
        {"formula": ""},
        {"rationale": "no formula"},
        3,
        None,
        {"formula": "x" * (MAX_FORMULA + 1)},
        {"formula": ONE, "shared": ["a b", "E", "x" * 99, 7]},
        {"formula": TWO, "shared": "a, b", "rationale": "r" * 5000},
    ]
    reading = read_answer(json.dumps({"proposals": rows}))
    assert [proposal.formula for proposal in reading.proposals] == [ONE, ONE, TWO]
    assert reading.proposals[1].shared == ("E",)  # one odd name voids neither the others nor the formula
    assert reading.proposals[2].shared == ("a", "b")
    assert len(reading.proposals[2].rationale) == MAX_RATIONALE
    assert len(reading.refused) == 6
    assert all(len(refused.text) <= 200 and refused.reason for refused in reading.refused)


def test_sharing_is_bounded_and_asked_for_only_where_there_are_groups() -> None:
    asked = answer_schema(2)["properties"]["proposals"]["items"]
    assert asked["properties"]["shared"]["maxItems"] > 0
    plain = answer_schema(2, groups=False)["properties"]["proposals"]["items"]
    assert plain["required"] == ["rationale", "formula"]
    assert "shared" not in plain["properties"]


def test_no_more_than_the_limit_is_read() -> None:
    assert len(read_answer(formulas(*[ONE] * 500), limit=5).proposals) == 5


@pytest.mark.parametrize(
    "text",
    ['{"a":' * 20_000, '[{"formula":' * 10_000, "<think>" * 15_000, "<think></think>" * 7_000, '"' * 100_000,
     "formula: " * 11_000, "{\"proposals\": " * 7_000, "= " * 50_000, "</think>" * 12_000],
    ids=lambda text: text[:14],
)  # fmt: skip
def test_reading_takes_bounded_time(text: str) -> None:
    started = time.process_time()
    read_answer(text)
    tidy_formula(text)
    assert time.process_time() - started < 30.0  # a hang


@settings(max_examples=300, deadline=None)
@given(st.text(max_size=300))
def test_any_text_is_read_without_an_error(text: str) -> None:
    reading = read_answer(text)
    assert reading.proposals or reading.refused
    strip_wrapping(text)


KEYS = st.sampled_from(["proposals", "formula", "shared", "rationale", "x"])
JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(max_size=10),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=12,
)


@settings(max_examples=300, deadline=None)
@given(JSON)
def test_any_json_is_read_without_an_error(value: object) -> None:
    reading = read_answer(json.dumps(value))
    assert reading.proposals or reading.refused


# --- the schema ----------------------------------------------------------------------------------------


def test_the_schema_keeps_to_the_common_dialect() -> None:
    text = json.dumps(answer_schema(4, answer_patterns(["n"], ["E", "a"])))
    assert "\\" not in text
    assert not any(word in text for word in ("$ref", "anyOf", "patternProperties", "format"))

    def walk(node: object) -> None:
        if isinstance(node, dict):
            if node.get("type") == "object":
                assert node["additionalProperties"] is False
                assert node["required"] == list(node["properties"])
            if node.get("type") == "array" and "minItems" in node:
                assert node["maxItems"] == 4
            if isinstance(pattern := node.get("pattern"), str):
                assert pattern.startswith("^")
                assert pattern.endswith("$")
                assert "{1," in pattern or "+" not in pattern.replace("[+", "").replace("[ ]?[+", "")
            for value in node.values():
                walk(value)

    walk(json.loads(text))


def test_without_patterns_drops_expressions_and_lengths_only() -> None:
    plain = without_patterns(answer_schema(3))
    assert without_patterns(answer_schema(3, answer_patterns(["n"], ["E"]))) == plain
    assert '"pattern"' not in json.dumps(plain)
    assert "maxLength" not in json.dumps(plain)
    schema = {"properties": {"pattern": {"type": "string", "pattern": "^a$", "maxLength": 3}}}
    assert without_patterns(schema) == {"properties": {"pattern": {"type": "string"}}}


@pytest.mark.parametrize("hints", [False, True])
def test_the_longest_answer_of_a_decoder_that_obeys_fits_into_its_room(hints: bool) -> None:
    """Of a model that repeats itself, since every text and every list has an end."""

    def longest(node: dict[str, Any]) -> Any:
        if node["type"] == "object":
            return {name: longest(inner) for name, inner in node["properties"].items()}
        if node["type"] == "array":
            return [longest(node["items"])] * node["maxItems"]
        return "a" * node["maxLength"]

    text = json.dumps(longest(answer_schema(4, hints=hints)), indent=1)
    assert len(text) / 2.4 < Settings().max_tokens
    assert len(read_answer(text).proposals) == 4


def test_what_obeys_the_schema_is_valid() -> None:
    Proposals.model_validate_json(formulas(ONE, TWO))


def test_clip_keeps_one_printable_line() -> None:
    assert clip("a\n\tb\x1b\u202ec  d", 99) == "a b c d"
    assert clip("abcdef", 4) == "abc…"
    assert clip(None, 4) == ""
