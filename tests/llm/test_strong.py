"""Good proposals, written beforehand from the prompts and the literature, through the whole path to the law."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from discover.cli.app import main
from discover.data.tasks import load_task
from discover.llm.schema import read_answer
from discover.proposers.validation import structure_of_text
from discover.scoring import problem_of

from .servers import serve
from .strong_model import FOLDER, TASKS, strong_model


@pytest.mark.parametrize("name", TASKS)
def test_strong_proposals_are_all_read_and_have_a_value_on_the_rows(name: str) -> None:
    problem = problem_of(load_task(name))
    for answer in json.loads((FOLDER / f"{name}.json").read_text("utf-8")):
        reading = read_answer(json.dumps(answer))
        assert reading.refused == ()
        assert reading.insight == answer["insight"]
        for proposal in reading.proposals:
            structure, _ = structure_of_text(problem, proposal.formula, proposal.shared, proposal.constants)
            assert set(structure.guess) | set(structure.domains) <= set(structure.constants)
            assert len(structure.shared) == (len(proposal.shared) if problem.table.n_groups > 1 else 0)


@pytest.mark.slow
def test_powers_of_shares_that_are_zero_win_the_mixture_and_are_credited(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    arguments = ["domain_mixture", "--evaluations", "48", "--workers", "1", "--quiet"]
    with serve(strong_model()) as server:
        assert main(["run", *arguments, "--out", "with", "--llm", "strong", "--llm-url", server.url]) == 0
    said = capsys.readouterr().out
    assert main(["run", *arguments, "--out", "without"]) == 0
    alone, together = (json.loads((Path(out) / "result.json").read_text()) for out in ("without", "with"))
    assert together["inner_error"] < alone["inner_error"]
    assert together["evaluations"] == alone["evaluations"] == 48
    llm = together["llm"]
    assert llm["refused"].keys() <= {"duplicate", "search"}
    assert "**alpha" in llm["law"]["formula"].replace("**a", "**alpha")
    assert f"by {llm['model']}, call {llm['law']['call']}: {llm['law']['rationale']}" in said
    assert main(["report", "with", "--format", "md", "--out", "report.md"]) == 0
    assert llm["law"]["rationale"] in Path("report.md").read_text()
