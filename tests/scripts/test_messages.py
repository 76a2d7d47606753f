"""The list of messages: complete, and in plain words."""

from __future__ import annotations

import importlib.machinery
import importlib.util
import re
from pathlib import Path

SCRIPT = Path(__file__).parents[2] / "scripts" / "messages"
_loader = importlib.machinery.SourceFileLoader("messages_script", str(SCRIPT))
_spec = importlib.util.spec_from_loader("messages_script", _loader)
assert _spec is not None
script = importlib.util.module_from_spec(_spec)
import sys  # noqa: E402

sys.modules["messages_script"] = script
_loader.exec_module(script)
MESSAGES = script.messages()

JARGON = re.compile(
    r"\b(invalid|illegal|aborted|fatal|failed to|unable to|please|oops|sorry|TODO|FIXME|kwargs|NoneType|ndarray)\b",
    re.IGNORECASE,
)


def said(kind: str) -> list[str]:
    return [one.text for one in MESSAGES if one.kind == kind]


def test_messages_of_all_kinds_and_parts_are_found() -> None:
    found = {(one.path, one.kind) for one in MESSAGES}
    assert ("cli/predict_command.py", "error") in found
    assert ("data/checks.py", "note") in found
    assert ("cli/fit_command.py", "help") in found
    assert any("has no column {" in text for text in said("error"))


def test_messages_are_in_plain_words() -> None:
    odd = [f"{one.path}:{one.line}: {one.text}" for one in MESSAGES if JARGON.search(one.text)]
    assert odd == []


def test_errors_are_one_sentence_without_a_full_stop() -> None:
    odd = [text for text in said("error") if text.endswith(".") and not text.endswith("..")]
    assert odd == []
    assert max(len(re.sub(r"\{.*?\}", "x", text)) for text in said("error")) < 300
