"""The PySR proposer without Julia: the true failure, recorded sessions over the same pipe, and its questions."""

from __future__ import annotations

import json
import math
import os
import signal
import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, ClassVar

import numpy as np
import pytest

from discover.data.table import Table
from discover.errors import InputError
from discover.proposers import pysr
from discover.proposers.engine_proposer import Circumstances
from discover.proposers.engines.julia import EXE, OFFLINE, environment, find_julia
from discover.proposers.engines.pysr import Engine
from discover.proposers.library import Library
from discover.proposers.logbook import Answer, Event, Logbook, Question, Ready
from discover.proposers.pysr import PySR, guesses, julia_text
from discover.proposers.views import PLAIN, make_view
from discover.proposers.worker import Worker
from discover.scoring import Problem
from discover.search import SearchConfig, search
from discover.search.tally import Tally
from tests.proposers.contract import ProposerContract, drive, grouped_problem, plain_problem

HERE = Path(__file__).parent
FAKE = HERE / "fake_engine.py"
RECORDINGS = sorted((HERE / "recordings").rglob("*.json"))


def front(name, version="1.5.10"):
    rows = json.loads((HERE / "recordings" / f"pysr-{version}" / f"{name}.json").read_text())["rows"]
    return [row for row in rows if "x2" not in row[2] and "x3" not in row[2]]


def replay(tmp_path, **plan):
    """The command of a process that answers from recordings."""
    path = tmp_path / f"plan{len(list(tmp_path.iterdir()))}.json"
    path.write_text(json.dumps(plan))
    return (sys.executable, "-S", str(FAKE), str(path))


def template_front(groups):
    """The recorded template, cut to fewer groups."""
    out = []
    for size, loss, text in front("sft_template"):
        body, *parts = text.split("; ")
        cut = [part.partition("[")[0] + "[" + ", ".join(part.partition("[")[2][:-1].split(", ")[:groups]) + "]"
               for part in parts]  # fmt: skip
        out.append([size, loss, "; ".join([body, *cut])])
    return out


class TestPySR(ProposerContract):
    @pytest.fixture
    def make(self, tmp_path):
        def build(problem):
            grouped = problem.table.n_groups > 1
            rows = [template_front(3)] if grouped else [front("moe"), front("vocab", "2.0.0a2"), front("lr_bsz")]
            proposer = PySR(problem, Circumstances(True, Logbook()), replay(tmp_path, rows=rows))
            if grouped:
                proposer.bandit = type(proposer.bandit)(("template",))
            return proposer

        return build


def test_without_julia_the_reason_names_the_command_that_fetches_it(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv(EXE, str(tmp_path / "julia"))
    assert find_julia() is None
    with pytest.raises(InputError, match="discover engines --install pysr"):
        PySR(plain_problem(), Circumstances(True, Logbook()))


def test_the_real_package_without_julia_is_left_out_with_its_own_reason(tmp_path):
    environ = {**environment(environ={}), EXE: str(tmp_path / "no-julia"), "PATH": str(tmp_path), OFFLINE: "yes"}
    events: list[str] = []
    worker = Worker(pysr.command(), environ=environ, on_event=events.append)
    worker.submit({}, 10.0)
    reply = worker.reply(60.0)
    worker.close()
    assert reply is not None
    assert reply.rows == ()
    assert "ulia" in events[0]
    assert events[0].endswith("the search goes on without this engine")
    assert "pysr" not in sys.modules


def test_nothing_is_downloaded_unless_asked():
    assert environment(environ={})[OFFLINE] == "yes"
    assert environment(environ={OFFLINE: "no"})[OFFLINE] == "yes"
    assert OFFLINE not in environment(install=True, environ={})
    assert environment(install=True, environ={OFFLINE: "yes"})[OFFLINE] == "yes"


def test_julia_is_looked_for_where_juliapkg_looks(tmp_path, monkeypatch):
    program = tmp_path / "env" / "pyjuliapkg" / "install" / "bin" / "julia"
    program.parent.mkdir(parents=True)
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    assert find_julia({"PYTHON_JULIAPKG_PROJECT": str(tmp_path / "env"), "PATH": "/nowhere"}) == str(program)
    assert find_julia({"PATH": str(program.parent)}) == str(program)
    assert find_julia({EXE: str(program), "PATH": "/nowhere"}) == str(program)
    assert find_julia({EXE: "/nowhere/julia", "PATH": str(program.parent)}) is None


def test_a_search_with_recorded_fronts_uses_them(tmp_path):
    problem = plain_problem()
    command = replay(tmp_path, rows=[front("moe"), front("vocab"), front("lr_bsz", "2.0.0a2")])
    logbook = Logbook()
    proposer = PySR(problem, Circumstances(True, logbook), command)
    found = search(problem, SearchConfig(0, 30, None), proposers=[proposer])
    assert found.stopped in ("budget of evaluations reached", "no more candidates")
    assert any(t.candidate.origin.startswith("pysr:") for t in found.finalists)
    assert math.isfinite(found.best.penalty)


@pytest.mark.parametrize("mood", ["die", "hang", "nonsense", "error"])
def test_a_search_goes_on_when_the_engine_does_not(tmp_path, mood, monkeypatch):
    problem, events = plain_problem(), list[Event]()
    command = replay(tmp_path, rows=[front("moe")], moods=["answer", *[mood] * 50])
    proposer = PySR(problem, Circumstances(True, Logbook(on_event=events.append)), command)
    proposer.limit_s = 0.4
    monkeypatch.setattr("discover.proposers.engine_proposer.MOST_FRUITLESS", 2)
    found = search(problem, SearchConfig(0, 40, None), proposers=[proposer])
    assert math.isfinite(found.best.penalty)
    assert events
    assert {event.proposer for event in events} == {"pysr"}


def test_killed_ten_times_the_search_ends_as_if_it_had_not_been(tmp_path):
    problem = plain_problem()
    fronts = [front("moe"), front("vocab"), front("lr_bsz"), front("moe", "2.0.0a2"), front("vocab", "2.0.0a2")]
    results = []
    for kills in (0, 10):
        command = replay(tmp_path, rows=fronts, moods=["answer", *["die", "die", "answer"] * (kills // 2)])
        proposer = PySR(problem, Circumstances(True, Logbook()), command)
        found = search(problem, SearchConfig(0, 40, None), proposers=[proposer])
        folder = proposer._worker.folder
        assert folder is None or not folder.exists()
        results.append(([t.candidate.key for t in found.finalists], found.evaluations))
    assert results[0] == results[1]


def test_answers_of_an_earlier_session_are_used_again_without_an_engine(tmp_path):
    problem, answers = plain_problem(), list[Answer]()
    command = replay(tmp_path, rows=[front("moe"), front("vocab")])
    first = PySR(problem, Circumstances(True, Logbook(on_answer=answers.append)), command)
    told = drive(first, problem, batches=4)
    first.close()
    assert answers
    again = PySR(problem, Circumstances(True, Logbook(known=answers)), ("/nowhere/engine",))
    repeated = drive(again, problem, batches=4)
    again.close()
    n = min(len(told), sum(len(a.rows) for a in answers) // 2)
    assert [t.candidate.key for t in repeated][:n] == [t.candidate.key for t in told][:n]


def test_settings_fit_either_version(tmp_path):
    job = {"seed": 1, "maxsize": 20, "niterations": 5, "populations": 8, "deterministic": True, "guesses": ["x0"]}
    old, new = (Engine(None, v).settings(job, tmp_path / "job0") for v in ("1.5.10", "2.7.2"))
    assert "guesses" not in old
    assert new["guesses"] == ["x0"]
    assert old["parallelism"] == "serial"
    assert old["precision"] == 64
    assert (old["output_directory"], old["run_id"]) == (str(tmp_path), "job0")


@pytest.mark.parametrize(
    ("version", "guesses", "of_templates"),
    [("1.5.10", False, False), ("2.0.0a2", True, False), ("2.7.2", True, True), ("unknown", True, True)],
)
def test_versions_get_what_they_can_take(tmp_path, version, guesses, of_templates):
    engine = Engine(fake_package(), version)
    job = {"seed": 1, "maxsize": 20, "niterations": 5, "populations": 8, "deterministic": True}
    template = {"combine": "c[g] * f(x0) + e[g]", "expressions": ["f"], "variables": ["x0", "g"],
                "parameters": {"c": 2, "e": 2}}  # fmt: skip
    assert ("guesses" in engine.settings({**job, "guesses": ["x0"]}, tmp_path / "j")) == guesses
    asked = {**job, "guesses": [{"f": "#1", "c": [1.0, 1.0], "e": [0.0, 0.0]}], "template": template}
    assert ("guesses" in engine.settings(asked, tmp_path / "j")) == of_templates


@pytest.mark.parametrize("version", ["1.4.0", "0.19.4", "3.0.0"])
def test_versions_that_nobody_looked_at_are_refused_with_those_that_can_be_used(version):
    with pytest.raises(ValueError, match=r"from 1\.5 and below 3\.0"):
        Engine(fake_package(), version)


def test_the_table_of_versions_is_true_of_the_installed_one():
    from importlib.metadata import version

    from discover.proposers.engines.pysr_versions import manners

    arguments = arguments_of_the_installed_regressor()
    assert manners(version("pysr")).guesses == ("guesses" in arguments)


class FakeRegressor:
    """Answers a front; refuses guesses like a version that cannot read them."""

    made: ClassVar[list[dict[str, Any]]] = []

    def __init__(self, **settings):
        self.settings = settings
        self.made.append(settings)

    def fit(self, x, y):
        if self.settings.get("guesses"):
            raise RuntimeError("JuliaError: cannot parse\nStacktrace:")
        self.equations_ = {"complexity": [1, 3], "loss": [0.5, float("nan")], "equation": ["x0", "x0 + 1.0"]}


def fake_package(said=None):
    said = [] if said is None else said
    FakeRegressor.made.clear()
    return SimpleNamespace(
        PySRRegressor=FakeRegressor, TemplateExpressionSpec=dict, jl=SimpleNamespace(seval=said.append)
    )  # fmt: skip


def test_guesses_that_the_engine_refuses_cost_the_guesses_and_not_the_answer(tmp_path):
    said: list[str] = []
    job = {"seed": 7, "maxsize": 20, "niterations": 5, "populations": 8, "deterministic": True, "guesses": ["x0"],
           "x": [[1.0]], "y": [1.0], "folder": str(tmp_path), "id": 0}  # fmt: skip
    assert Engine(fake_package(said), "2.7.2").work(job) == [[1, 0.5, "x0"]]
    assert job["notes"] == [
        "a job was done without its guesses, which PySR refused: RuntimeError: JuliaError: cannot parse"
    ]
    assert ["guesses" in settings for settings in FakeRegressor.made] == [True, False]
    assert said.count("Random.seed!(7)") == 2


def arguments_of_the_installed_regressor():
    import ast
    from importlib.util import find_spec

    found = find_spec("pysr")
    assert found is not None
    assert found.origin is not None
    tree = ast.parse((Path(found.origin).parent / "sr.py").read_text())
    inits = [f for c in ast.walk(tree) if isinstance(c, ast.ClassDef) and c.name == "PySRRegressor"
             for f in c.body if isinstance(f, ast.FunctionDef) and f.name == "__init__"]  # fmt: skip
    return {a.arg for a in (*inits[0].args.args, *inits[0].args.kwonlyargs)}


def test_settings_are_arguments_that_the_installed_version_has(tmp_path):
    job = {"seed": 1, "maxsize": 20, "niterations": 5, "populations": 8, "deterministic": False, "guesses": ["x0"],
           "timeout_s": 5}  # fmt: skip
    assert set(Engine(None, "2.7.2").settings(job, tmp_path / "j")) <= arguments_of_the_installed_regressor()


@pytest.mark.parametrize(("label", "kind"), [("table", "scale"), ("table", "other"), ("logs", "scale")])
def test_guesses_have_the_values_of_the_elites_in_the_columns_of_the_view(label, kind):
    problem = plain_problem()
    elites = sorted(
        (t for t in drive(Library(problem), problem, 2) if math.isfinite(t.penalty)), key=lambda t: t.penalty
    )
    shown = replace(problem, kinds=dict.fromkeys(problem.kinds, kind))
    view = make_view(label, shown, elites, np.random.default_rng(0))
    assert view is not None
    assert view.recipe == PLAIN
    texts = guesses(elites, view)
    assert texts
    with np.errstate(all="ignore"):
        values = eval(texts[0].replace("^", "**"), {"exp": np.exp, "log": np.log, **dict(zip(view.names, view.x.T))})  # noqa: B905
    best = next(t for t in elites if julia_text_of(t) is not None)
    wanted = best.score.fit.predict(problem.table.features)[:, 0]
    offset, scale = problem.table.targets.mean(), problem.table.targets.std()
    assert values == pytest.approx((wanted - offset) / scale, abs=1e-6)


def julia_text_of(told):
    from discover.expressions import Number, substitute

    numbers = {n: Number(v) for n, v in told.score.fit.named().items()}
    return julia_text(substitute(told.candidate.structure.expr, numbers), {"params": "a", "tokens": "b"})


def test_template_questions_carry_the_groups_as_a_column():
    problem = grouped_problem()
    proposer = PySR(problem, Circumstances(True, Logbook()), ("unused",))
    view = make_view("template", problem, [], np.random.default_rng(0))
    assert view is not None
    job = proposer.question(view, 1)
    assert {row[-1] for row in job["x"]} == {1.0, 2.0, 3.0}
    assert job["template"]["combine"] == "c[g] * f(x0) + e[g]"
    assert job["template"]["parameters"] == {"c": 3, "e": 3}
    assert job["guesses"] == []


def many_groups(n):
    """Groups of one power law; every second of them has three rows and not six."""
    group = np.repeat(np.arange(n), [(6, 3)[g % 2] for g in range(n)])
    x = 10 ** np.random.default_rng(0).uniform(1, 4, len(group))
    loss = 1.0 + group / n + (1 + group % 3) * x**-0.3
    table = Table({"n": x}, loss[:, None], ("loss",), group, tuple(f"g{i}" for i in range(n)))
    return Problem(table, {"n": "scale"}, ("n",), constants=4)


@pytest.mark.parametrize(("groups", "asked"), [(2, 2), (42, 42), (400, 60)])
def test_a_template_is_asked_for_whatever_the_number_of_groups(groups, asked):
    problem, events = many_groups(groups), list[Event]()
    proposer = PySR(problem, Circumstances(True, Logbook(on_event=events.append)), ("unused",))
    proposer.worker()
    assert [event.text for event in events] == [f"templates are asked for 60 of the {groups} groups at a time"] * (
        groups > asked
    )
    view = make_view("template", problem, [], np.random.default_rng(0))
    assert view is not None
    job = proposer.question(view, 1)
    assert {row[-1] for row in job["x"]} == set(range(1, asked + 1))
    assert job["template"]["parameters"] == {"c": asked, "e": asked}
    if groups > asked:  # those with more rows
        assert len(job["x"]) == 6 * asked


def test_a_process_warms_up_on_small_tables_of_every_kind_of_question():
    for problem, kinds in ((plain_problem(), [False]), (many_groups(42), [False, True])):
        jobs = PySR(problem, Circumstances(True, Logbook()), ("unused",)).warm_up()
        assert ["template" in job for job in jobs] == kinds
        assert all(job["niterations"] == 1 and len(job["x"]) <= 100 for job in jobs)


def test_template_guesses_are_functions_of_numbered_arguments():
    problem = grouped_problem()
    elites = sorted(
        (t for t in drive(Library(problem), problem, 2) if math.isfinite(t.penalty)), key=lambda t: t.penalty
    )
    view = make_view("template", problem, elites, np.random.default_rng(0))
    assert view is not None
    proposer = PySR(problem, Circumstances(True, Logbook()), ("unused",))
    proposer._elites = elites
    found = proposer.question(view, 1)["guesses"]
    assert found
    for guess in found:
        assert guess["c"] == [1.0] * 3
        assert guess["e"] == [0.0] * 3
        with np.errstate(all="ignore"):
            text = guess["f"].replace("^", "**").replace("#1", "x0")
            values = eval(text, {"exp": np.exp, "log": np.log, "x0": view.x[:, 0]})
        assert np.isfinite(values).all()


@pytest.mark.parametrize(("seconds", "timeout"), [(10.0, 4.0), (120.0, 10.0), (3600.0, 60.0)])
def test_a_question_gets_a_share_of_the_time_within_bounds(seconds, timeout):
    proposer = PySR(plain_problem(), Circumstances(False, Logbook(), 0, seconds), ("unused",))
    view = make_view("table", plain_problem(), [], np.random.default_rng(0))
    assert view is not None
    assert proposer.question(view, 1)["timeout_s"] == timeout


def test_what_was_asked_is_known_though_the_engine_never_answers(tmp_path, monkeypatch):
    questions, events, ready = list[Question](), list[Event](), list[Ready]()
    book = Logbook(on_question=questions.append, on_event=events.append, on_ready=ready.append)
    proposer = PySR(plain_problem(), Circumstances(True, book), replay(tmp_path, rows=[[]], moods=["hang"]))
    proposer.limit_s = 0.4
    monkeypatch.setattr("discover.proposers.engine_proposer.MOST_FRUITLESS", 2)
    found = search(plain_problem(), SearchConfig(0, 4, None), proposers=[proposer])
    assert found.evaluations == 1  # the group means
    assert found.proposers == (Tally("pysr", len(questions), 0, 0, 0, math.inf),)
    assert [(q.job, q.view, q.rows, q.columns, q.groups) for q in questions][:2] == [
        (0, "table", 60, 2, 1), (1, "logs", 60, 2, 1),
    ]  # fmt: skip
    assert questions[0].engine.startswith("pysr 2.")
    assert [r.versions for r in ready] == [{"fake": "1.0"}]
    assert "did not answer within 0.4 s" in events[0].text
    assert events[1].text == "question 1 (logs): the engine found no equation"


def test_an_interrupt_while_waiting_ends_the_search_with_what_it_has(tmp_path):
    problem = plain_problem()
    command = replay(tmp_path, rows=[front("moe")], moods=["answer", "hang"])
    proposer = PySR(problem, Circumstances(True, Logbook()), command)
    previous = signal.signal(signal.SIGALRM, lambda *_: os.kill(os.getpid(), signal.SIGINT))
    signal.setitimer(signal.ITIMER_REAL, 6.0)
    try:
        found = search(problem, SearchConfig(0, 400, None), proposers=[proposer])
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, previous)
    assert found.stopped == "interrupted"
    assert proposer._worker.pid is None
