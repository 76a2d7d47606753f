"""A "model" that obeys exactly the schema it is sent and knows nothing else: random text of a grammar."""

from __future__ import annotations

import json
import random
from typing import Any

import llguidance
import llguidance.numpy
import numpy as np

from .servers import Step, chat

_TOKENIZER = llguidance.LLTokenizer("byte")


class GrammarSampler:
    """Answers chat completions with random text of the grammar of their schema; a bad schema is a 400."""

    def __init__(self, seed: int) -> None:
        self._rng = random.Random(seed)
        self._mask = llguidance.numpy.allocate_token_bitmask(1, _TOKENIZER.vocab_size)

    def __call__(self, body: Any) -> Step:
        form = body.get("response_format", {})
        if form.get("type") != "json_schema":
            return Step({"error": {"message": "response_format must be json_schema"}}, 400)
        schema = dict(form["json_schema"]["schema"]) | {"x-guidance": {"whitespace_flexible": False}}
        limit = body.get("max_tokens") or body.get("max_completion_tokens") or 1024
        try:
            text, finish, used = self.sample(schema, limit)
        except ValueError as error:
            return Step({"error": {"message": str(error)}}, 400)
        prompt = sum(len(row["content"]) for row in body["messages"])
        return Step(chat(text, finish=finish, usage=(prompt, used)))

    def sample(self, schema: dict[str, Any], limit: int) -> tuple[str, str, int]:
        """Text, finish reason and tokens of one answer of at most `limit` bytes."""
        matcher = llguidance.LLMatcher(_TOKENIZER, llguidance.LLMatcher.grammar_from_json_schema(json.dumps(schema)))
        if matcher.is_error():
            raise ValueError(matcher.get_error())
        written = bytearray()
        for _ in range(limit):
            if matcher.is_stopped():
                return written.decode("utf-8", "replace"), "stop", len(written)
            llguidance.numpy.fill_next_token_bitmask(matcher, self._mask)
            bits = np.unpackbits(self._mask.view(np.uint8), bitorder="little")[: _TOKENIZER.vocab_size]
            allowed = np.flatnonzero(bits)
            token = int(allowed[self._rng.randrange(len(allowed))])
            matcher.consume_token(token)
            if token == _TOKENIZER.eos_token:
                return written.decode("utf-8", "replace"), "stop", len(written)
            written.append(token)
        return written.decode("utf-8", "replace"), "length", len(written)
