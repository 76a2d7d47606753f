"""The published schemas: in step with the code, and what commands print with --json is as they say."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer
from jsonschema import Draft202012Validator

from discover.cli.app import app

from ..cli.commands import FEW, command, inside
from .test_pages import ROOT, run

LOSS = ("runs.csv", "--target", "loss")
LIBRARY = ("--proposers", "library", *FEW)
COST = ("--cost", "6*params*tokens")
SAMPLES = {
    "allocate": ("allocate", ("run", *COST, "--budget", "1e22")),
    "bench": ("bench", ("easy_question", "--seeds", "1", *FEW, "--out", "bench")),
    "compare": ("compare", (*LOSS, "--features", "params", "--workers", "1")),
    "engines": ("engines", ("--timeout", "20s")),
    "evaluate": ("result", ("run",)),
    "fit": ("fit", ("chinchilla", *LOSS, "--group", "mix", "--bootstrap", "3")),
    "import": ("result", ("E + A/params**alpha", "--data", *LOSS, "--out", "imported")),
    "laws": ("laws", ()),
    "laws chinchilla": ("laws", ()),
    "llm check": ("llm-check", ("--llm-url", "http://127.0.0.1:9", "--llm", "none")),
    "llm models": ("llm-models", ()),
    "predict": ("predict", ("run", "--at", "params=7B,tokens=140B")),
    "report": ("report", ("run", "--format", "md", "--out", "report.md")),
    "resume": ("result", ("run",)),
    "run": ("result", (*LOSS, *LIBRARY, "--holdout", "0.2", "--out", "new")),
    "show": ("result", ("run",)),
    "suggest": ("suggest", ("run", *COST, "--n", "1")),
    "task new": ("task-new", LOSS),
    "tasks": ("tasks", ()),
    "tasks moe": ("tasks", ()),
}
IN_PROCESSES = {"bench", "engines", "run"}  # which start processes of their own


def schema(name: str) -> dict[str, Any]:
    text = (ROOT / "docs" / "schemas" / f"{name}.schema.json").read_text(encoding="utf-8")
    found = json.loads(text)
    assert isinstance(found, dict)
    return found


def faults(name: str, value: Any) -> list[str]:
    return [f"{list(e.absolute_path)}: {e.message}" for e in Draft202012Validator(schema(name)).iter_errors(value)]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run, as `run`, beside its table."""
    place = tmp_path_factory.mktemp("schemas")
    golden = ROOT / "tests" / "golden"
    shutil.copy(golden / "runs.csv", place)
    shutil.copytree(golden / "run-2", place / "run")
    return place


def names(node: Any, above: tuple[str, ...] = ()) -> Iterator[str]:
    """Commands that have --json."""
    for name, child in getattr(node, "commands", {}).items():
        yield from names(child, (*above, name))
    if any("--json" in option.opts for option in node.params):
        yield " ".join(above)


def test_schemas_are_in_step_with_the_code() -> None:
    done = run(ROOT / "scripts" / "schemas", "--check")
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_command_with_json_has_a_sample() -> None:
    found = set(names(typer.main.get_command(app)))
    assert found == {name for name in SAMPLES if name not in ("laws chinchilla", "tasks moe")}


@pytest.mark.parametrize("name", SAMPLES)
def test_output_of_a_command_is_as_its_schema_says(name: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    kind, arguments = SAMPLES[name]
    ask = command if name in IN_PROCESSES else inside
    outcome = ask(*name.split(), *arguments, "--json")
    assert outcome.status == (1 if name == "llm check" else 0), outcome.err
    assert faults(kind, outcome.json) == []


@pytest.mark.parametrize("golden", ["run-1", "run-2"])
@pytest.mark.parametrize("kind", ["law", "result"])
def test_files_of_a_run_are_as_their_schemas_say(golden: str, kind: str) -> None:
    value = json.loads((ROOT / "tests" / "golden" / golden / f"{kind}.json").read_text(encoding="utf-8"))
    assert faults(kind, value) == []
    del value["formula"]
    assert faults(kind, value) == ["[]: 'formula' is a required property"]
