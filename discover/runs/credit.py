"""What the law of a run owes to its language model, in a sentence."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def credit_said(llm: Mapping[str, Any]) -> str:
    """Who proposed the law, and how many finalists are the model's; "" for runs that did not note it.

    Args:
        llm: of `result.json`.
    """
    if "finalists" not in llm:
        return ""
    counts = llm["finalists"]
    shares = f"{counts['own']} of {counts['all']} finalists are the model's, {counts['bred']} descend from its laws"
    law = llm.get("law")
    if law is None:
        return f"the law is not the model's; {shares}"
    what = "descends from a law proposed" if law["bred"] else "was proposed"
    reason = f": {law['rationale']}" if law["rationale"] else ""
    return f"the law {what} by {llm['model']}, call {law['call']}{reason} ({shares})"
