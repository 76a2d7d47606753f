"""An answer in pieces, put together: events of a stream, or one JSON object a line. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

_DONE = "[DONE]"
_TEXTS = ("content", "reasoning_content", "reasoning", "thinking", "refusal")


def joined(body: bytes) -> tuple[dict[str, Any] | None, bool]:
    """The chat completion that the pieces of a body come to, None if it has none, and whether it came to its end."""
    whole: dict[str, Any] = {}
    message: dict[str, Any] = {"role": "assistant"}
    finish: Any = None
    ended = False
    for piece in _pieces(body):
        if piece == _DONE:
            ended = True
            break
        if piece.get("error"):
            return piece, True
        whole |= {key: value for key, value in piece.items() if value and key not in ("choices", "message")}
        choice = _choice(piece)
        _add(message, choice.get("delta") or choice.get("message") or {"content": choice.get("text")})
        finish = choice.get("finish_reason") or choice.get("done_reason") or finish
        ended = ended or choice.get("done") is True
    if not whole and len(message) == 1:
        return None, False
    whole["choices"] = [{"index": 0, "finish_reason": finish, "message": message}]
    return whole, ended or finish is not None


def _pieces(body: bytes) -> Iterator[Any]:
    """Objects of the lines that hold one, and the word that ends a stream."""
    for line in body.decode("utf-8", "replace").splitlines():
        text = line.removeprefix("data:").strip()
        if text == _DONE:
            yield _DONE
        try:
            value = json.loads(text) if text.startswith("{") else None
        except (ValueError, RecursionError):
            continue
        if isinstance(value, dict):
            yield value


def _choice(piece: dict[str, Any]) -> dict[str, Any]:
    """The first choice of a piece; servers without choices give the message at the top."""
    choices = piece.get("choices", [piece])
    first = choices[0] if isinstance(choices, list) and choices else None
    return first if isinstance(first, dict) else {}


def _add(message: dict[str, Any], delta: Any) -> None:
    """Appends the texts of a piece, and the arguments of the tool that it calls."""
    if not isinstance(delta, dict):
        return
    for key in _TEXTS:
        if isinstance(text := delta.get(key), str) and text:
            message[key] = message.get(key, "") + text
    for call in delta.get("tool_calls") or ():
        function = call.get("function") if isinstance(call, dict) else None
        if isinstance(function, dict) and isinstance(arguments := function.get("arguments"), str):
            known = message.setdefault("function_call", {"arguments": ""})
            known["arguments"] += arguments
