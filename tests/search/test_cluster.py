"""The same search on a Dask cluster, with real schedulers and workers, and what happens when they end."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from distributed import Client

from discover.errors import ClusterLostError, InputError
from discover.runs.config import TaskSource
from discover.runs.session import Budget, begin, pursue, reopen
from discover.scoring import Refused, Score, Scored
from discover.search import Step, cluster
from discover.search.cluster import connected, crew
from discover.search.tasks import LOST, Bench, Job, Setting
from tests.search.course import course, problem, run
from tests.search.test_pool import JOB

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def client() -> Iterator[Client]:
    with connected("local:2") as client:
        yield client


def pids(client: Client) -> list[int]:
    return list(client.run(os.getpid).values())


@pytest.mark.slow
def test_a_cluster_finds_what_one_process_finds_though_workers_are_killed(client: Client) -> None:
    alone, before = course(*run(evaluations=80)), pids(client)
    at = iter((3, 30, 55))
    due = next(at)

    def kill(step: Step) -> None:
        nonlocal due
        if step.index == due:
            os.kill(pids(client)[0], signal.SIGKILL)
            due = next(at, -1)

    assert course(*run(evaluations=80, client=client, on_step=kill)) == alone
    assert not set(before) <= set(pids(client))
    assert crew(client).endswith("on 1 machine")


def test_an_interrupted_search_gives_what_the_cluster_has_found(client: Client) -> None:
    def interrupt(step: Step) -> None:
        if step.index == 20:
            for pid in pids(client):  # as Ctrl-C in a terminal
                os.kill(pid, signal.SIGINT)
            raise KeyboardInterrupt

    before = pids(client)
    result, steps = run(evaluations=80, client=client, on_step=interrupt)
    assert (result.stopped, len(steps)) == ("interrupted", 21)
    assert set(before) <= set(pids(client))


def test_workers_of_another_version_are_refused_in_one_sentence(client: Client, monkeypatch) -> None:
    monkeypatch.setattr(cluster, "__version__", "99.0")
    with pytest.raises(InputError, match=r"worker at tcp://.* has discover .*search is of discover 99\.0; install"):
        run(client=client)


class Deadly(Job):
    """Takes its worker with it."""

    def run(self, bench: Bench) -> Score:
        os._exit(1)


def test_a_task_that_ends_one_worker_after_another_is_given_up_and_the_next_one_is_done(client: Client) -> None:
    allowed = client.run_on_scheduler(lambda dask_scheduler: dask_scheduler.allowed_failures)
    client.run_on_scheduler(lambda dask_scheduler: setattr(dask_scheduler, "allowed_failures", 0))
    with cluster.Cluster(Setting(problem()), client) as workers:
        lost, scored = (workers.submit(job).result() for job in (Deadly(JOB.candidate), JOB))
        assert lost == Refused(reason=LOST)
        assert isinstance(scored, Scored)
    client.run_on_scheduler(lambda dask_scheduler: setattr(dask_scheduler, "allowed_failures", allowed))


@pytest.mark.parametrize(
    ("address", "said"),
    [("local:none", "expected a number of processes"), ("tcp://127.0.0.1:9", "no Dask scheduler answers"),
     ("nonsense://x", "no Dask scheduler answers"), ("tls://127.0.0.1:9", "certificates that Dask's configuration")],
)  # fmt: skip
def test_an_address_where_nobody_answers_is_named(monkeypatch, address: str, said: str) -> None:
    monkeypatch.setattr(cluster, "CONNECT_S", 1.0)
    with pytest.raises(InputError, match=f"--cluster.*{address}.*{said}"), connected(address):
        pass


@pytest.fixture
def scheduler(tmp_path) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    """A scheduler and a worker, started as people start them."""
    place = tmp_path / "scheduler.json"
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    started = []
    for command in (["scheduler", "--port", "0", "--no-dashboard"], ["worker", "--nthreads", "1", "--no-dashboard"]):
        line = [sys.executable, "-m", "dask", *command, "--scheduler-file", str(place)]
        started.append(
            subprocess.Popen(line, cwd=tmp_path, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        )
    for _ in range(600):
        if place.is_file() and place.read_text().rstrip().endswith("}"):
            break
        time.sleep(0.1)
    with Client(scheduler_file=str(place)) as reader:
        address = reader.scheduler.address
    yield address, started[0]
    for process in reversed(started):
        process.kill()  # a worker whose scheduler is gone takes half a minute to end on its own
        process.wait(30)


@pytest.mark.slow
def test_a_scheduler_that_ends_before_the_search_began_is_told_in_one_sentence(tmp_path, scheduler) -> None:
    address, process = scheduler
    session = begin(TaskSource.of_task("vocab"), 0, Budget(None, 8, 1), tmp_path / "run", proposers=("library",))
    with connected(address) as client:
        process.kill()
        process.wait()
        with pytest.raises(ClusterLostError, match=f"the Dask cluster at {address} was lost"):
            pursue(session, lambda step, seconds: None, client=client)


@pytest.mark.slow
def test_a_run_goes_on_elsewhere_when_the_scheduler_is_killed(tmp_path, scheduler) -> None:
    address, process = scheduler
    source = TaskSource.of_task("vocab")
    budget = Budget(None, 64, 1)
    whole = pursue(begin(source, 0, budget, tmp_path / "whole", proposers=("library", "grammar")))
    session = begin(source, 0, budget, tmp_path / "run", proposers=("library", "grammar"))

    def kill(step: Step, _: float) -> None:
        if step.index == 20:
            process.kill()

    with connected(address) as client, pytest.raises(ClusterLostError, match=f"the Dask cluster at {address} was lost"):
        pursue(session, kill, client=client)
    assert 20 < len(session.folder.records()) < 64
    again = pursue(reopen(tmp_path / "run"))
    assert again.best.candidate == whole.best.candidate
    assert again.fit.constants.tolist() == whole.fit.constants.tolist()
