"""A model whose answers were written beforehand, as a strong one would answer the prompts of a task."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from discover.data.tasks import load_task

from .servers import ScriptedServer, Step, chat

FOLDER = Path(__file__).parent / "strong"
TASKS = tuple(sorted(path.stem for path in FOLDER.glob("*.json")))
NOTHING_MORE: dict[str, Any] = {"insight": "", "proposals": []}


class StrongModel:
    """Gives the answers of the task that a prompt is of, from the first where there are no laws yet, in their order."""

    def __init__(self) -> None:
        self.titles = {load_task(name).title: name for name in TASKS}
        self.left: list[dict[str, Any]] = []

    def __call__(self, body: Any) -> Step:
        prompt = body["messages"][1]["content"]
        if "Laws so far" not in prompt:
            (task,) = [name for title, name in self.titles.items() if f"Task: {title}." in prompt]
            self.left = json.loads((FOLDER / f"{task}.json").read_text("utf-8"))
        return Step(chat(json.dumps(self.left.pop(0) if self.left else NOTHING_MORE)))


def strong_model() -> ScriptedServer:
    """A server for one run at a time."""
    return ScriptedServer(StrongModel())
