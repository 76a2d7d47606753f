"""PySR with a real Julia. Skipped, with the reason, unless a start of the engine succeeds here.

A machine's own Julia is named by the variables that juliapkg reads: PYTHON_JULIAPKG_EXE, PYTHON_JULIAPKG_PROJECT,
PYTHON_JULIAPKG_OFFLINE.
"""

from __future__ import annotations

import math
import os
import signal
import subprocess
import sys
import threading
import time
from functools import cache

import numpy as np
import pytest

from discover.proposers import pysr
from discover.proposers.engine_proposer import Circumstances
from discover.proposers.engines.julia import environment, find_julia
from discover.proposers.engines.probe import Probe, probe
from discover.proposers.hall_of_fame import read_hall_of_fame
from discover.proposers.logbook import Event, Logbook
from discover.proposers.pysr import PySR
from discover.proposers.worker import Worker
from discover.search import SearchConfig, search
from tests.proposers.contract import ProposerContract, grouped_problem, plain_problem

pytestmark = [pytest.mark.pysr, pytest.mark.slow]


@cache
def live() -> Probe:
    reason = pysr.missing()
    if reason is not None or find_julia() is None:
        return Probe(False, {}, None, None, reason or pysr.NO_JULIA)
    return probe(*pysr.prober(timeout_s=600.0), 600.0)


@pytest.fixture(autouse=True)
def _julia():
    if not live().works:
        pytest.skip(f"no working PySR: {live().reason}")


@pytest.fixture(scope="module")
def worker():
    events: list[str] = []
    built = Worker(
        pysr.command(), environ=environment(), start_s=600.0, on_event=events.append,
        rescue=lambda folder, job: read_hall_of_fame(folder / f"job{job}"),
    )  # fmt: skip
    yield built
    folder = built.folder
    built.close()
    assert folder is None or not folder.exists()


def power_law(n=60):
    x = np.exp(np.linspace(-3, 3, n))
    return x[:, None], 0.5 + 1.2 * x**-0.34


def job(x, y, **settings):
    base = {"seed": 0, "maxsize": 12, "populations": 8, "niterations": 20, "deterministic": True, "timeout_s": None}
    return {"x": x.tolist(), "y": y.tolist(), **base, **settings}


def ask(worker, question, limit_s=600.0):
    worker.submit(question, limit_s)
    reply = worker.reply(limit_s + 700.0)
    assert reply is not None
    return reply


def best(reply):
    assert reply.rows, reply.problem
    return min(row.loss for row in reply.rows)


def test_it_starts_and_tells_its_versions():
    assert set(live().versions) == {"pysr", "julia", "SymbolicRegression"}
    assert live().start_s is not None


def test_two_fits_in_a_row_are_equal_and_take_one_process(worker):
    x, y = power_law()
    first = ask(worker, job(x, y))
    second = ask(worker, job(x, y))
    assert best(first) < 1e-3
    assert first.rows == second.rows
    assert worker.starts == 1


def test_a_template_recovers_what_groups_share(worker):
    n = np.tile(np.exp(np.linspace(-2, 2, 16)), 3)
    group = np.repeat([1.0, 2.0, 3.0], 16)
    y = np.array([1.0, 1.5, 2.0])[group.astype(int) - 1] + np.array([0.5, 1.0, 2.0])[group.astype(int) - 1] * n**-0.3
    template = {
        "combine": "c[g] * f(x0) + e[g]", "expressions": ["f"], "variables": ["x0", "g"],
        "parameters": {"c": 3, "e": 3},
    }  # fmt: skip
    reply = ask(worker, job(np.column_stack([n, group]), y, template=template))
    assert best(reply) < 1e-3
    assert all("f = " in row.equation and "c = [" in row.equation for row in reply.rows)


def test_a_guess_is_used_where_the_version_takes_it(worker):
    x, y = power_law()
    if not live().versions["pysr"].startswith("1."):
        guessed = ask(worker, job(x, y, niterations=5, guesses=["(2.0 + (3.0 * (x0 ^ (-0.3))))"]))
        assert best(guessed) < 1e-4
    else:
        assert best(ask(worker, job(x, y, guesses=["(2.0 + x0)"]))) < 1.0


def test_a_guess_that_cannot_be_read_costs_the_guess_and_not_the_answer(worker):
    x, y = power_law()
    assert best(ask(worker, job(x, y, guesses=["nonsense(x0"]))) < 1e-2


def template_job(groups, each=8, **settings):
    """Groups that share an exponent, from one process after the other the same front for the same seed."""
    n = np.tile(np.exp(np.linspace(-2, 2, each)), groups)
    group = np.repeat(np.arange(groups), each)
    y = (1.0 + group / groups) + (0.5 + 1.5 * group / groups) * n**-0.3
    template = {
        "combine": "c[g] * f(x0) + e[g]", "expressions": ["f"], "variables": ["x0", "g"],
        "parameters": {"c": groups, "e": groups},
    }  # fmt: skip
    return job(np.column_stack([n, group + 1.0]), y, template=template, **settings)


def test_a_template_of_42_groups_is_answered(worker):
    rows = ask(worker, template_job(42)).rows
    assert min(row.loss for row in rows) < 1e-2
    assert all(row.equation.count(",") == 2 * 41 for row in rows)


def test_templates_of_one_seed_have_one_front_in_one_process_and_in_two(worker):
    question = template_job(3, niterations=4)
    first, second = ask(worker, question).rows, ask(worker, question).rows
    other = Worker(pysr.command(), environ=environment(), start_s=600.0)
    third = ask(other, question).rows
    other.close()
    assert first == second == third


def test_the_hall_of_fame_of_a_search_can_be_imported(worker, tmp_path):
    x, y = power_law()
    rows = ask(worker, job(x, y)).rows
    lines = [f'{row.complexity},{row.loss},"{row.equation}"' for row in rows]
    (tmp_path / "hall_of_fame.csv").write_text("\n".join(["Complexity,Loss,Equation", *lines]))
    table = "\n".join(["x0,y", *(f"{a!r},{b!r}" for a, b in zip(x[:, 0].tolist(), y.tolist(), strict=True))])
    (tmp_path / "table.csv").write_text(table)
    done = subprocess.run(
        [sys.executable, "-m", "discover", "import", "hall_of_fame.csv", "--data", "table.csv", "--target", "y"],
        cwd=tmp_path, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr


def test_a_time_limit_ends_a_search(worker):
    x, y = power_law()
    begin = time.monotonic()
    settings = {"niterations": 10_000_000, "timeout_s": 4.0, "deterministic": False, "maxsize": 25}
    assert best(ask(worker, job(x, y, **settings))) < 1.0
    assert time.monotonic() - begin < 300  # without the limit it would take days


def test_a_hung_search_is_ended_and_its_files_are_read(worker):
    x, y = power_law()
    settings = {"niterations": 10_000_000, "deterministic": False, "maxsize": 25}
    reply = ask(worker, job(x, y, **settings), limit_s=30.0)
    assert "did not answer" in (reply.problem or "")
    assert reply.rows
    assert best(ask(worker, job(x, y))) < 1e-2


def test_a_killed_process_is_started_again_and_answers(worker):
    x, y = power_law()
    ask(worker, job(x, y, niterations=2))
    pid = worker.pid
    worker.submit(job(x, y, niterations=40), 600.0)
    os.kill(pid, signal.SIGKILL)
    reply = worker.reply(1200.0)
    assert reply is not None
    assert best(reply) < 1e-2
    assert worker.pid != pid


def test_an_unknown_operator_is_an_error_of_the_job_alone(worker):
    x, y = power_law()
    template = {"combine": "nonsense(", "expressions": ["f"], "variables": ["x0"], "parameters": {"c": 1}}
    assert ask(worker, job(x, y, template=template)).problem
    assert best(ask(worker, job(x, y))) < 1e-2


def test_an_interrupt_leaves_the_engine_alone_and_ends_the_search():
    events: list[Event] = []
    proposer = PySR(plain_problem(), Circumstances(True, Logbook(on_event=events.append)))
    threading.Timer(45.0, lambda: os.kill(os.getpid(), signal.SIGINT)).start()
    try:
        found = search(plain_problem(), SearchConfig(0, 100_000, None, ("grammar",)), proposers=[proposer])
    except KeyboardInterrupt:
        pytest.fail("the interrupt was not handled")
    assert found.stopped in ("interrupted", "no more candidates")
    assert proposer._worker is None or proposer._worker.pid is None


@pytest.mark.parametrize("make_problem", [plain_problem, grouped_problem])
def test_a_search_by_time_finds_a_law(make_problem):
    found = search(make_problem(), SearchConfig(0, None, 120.0, ("pysr",), 1))
    assert math.isfinite(found.best.penalty)
    assert any(told.candidate.origin.startswith("pysr:") for told in found.finalists)


def test_every_equation_of_a_front_is_read(worker):
    from discover.expressions import Feature
    from discover.proposers.equations import read_equation
    from discover.proposers.untangling import untangle

    x, y = power_law()
    rows = ask(worker, job(x, y, maxsize=25)).rows
    assert rows
    for row in rows:
        untangle(read_equation(row.equation, {"x0": Feature("n")}), frozenset(("n",)))


class TestLivePySR(ProposerContract):
    @pytest.fixture
    def make(self):
        return lambda problem: PySR(problem, Circumstances(True, Logbook()))
