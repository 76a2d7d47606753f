"""What goes wrong on a cluster, done to real schedulers and workers: the search goes on, or says what to do."""

from __future__ import annotations

import logging
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
from distributed import Client

from discover.errors import ClusterLostError, InputError
from discover.law.storage import read
from discover.runs.config import TaskSource
from discover.runs.session import Budget, begin, pursue, reopen
from discover.search import Step, cluster
from discover.search.cluster import connected
from tests.search.course import course, run
from tests.search.machines import ROOT, Line, descendants, machines, until

pytestmark = pytest.mark.slow

TEAM = ("library", "grammar")
BY_COMMAND = [sys.executable, "-m", "discover"]


@pytest.fixture(scope="module")
def alone() -> str:
    return course(*run(evaluations=80))


def running(client: Client) -> list[int]:
    """Process numbers of the workers of a cluster of this machine, without asking the workers."""
    found = sorted(nanny.pid for nanny in client.cluster.workers.values() if nanny.pid is not None)
    return [pid for pid in found if psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE]


@pytest.mark.parametrize("workers", [1, 2, 4])
def test_the_law_is_the_same_whatever_the_number_of_workers(alone, workers: int) -> None:
    with connected(f"local:{workers}") as client:
        client.wait_for_workers(workers)
        assert course(*run(evaluations=80, client=client)) == alone


def test_the_law_is_the_same_though_a_worker_is_killed_at_ten_random_moments() -> None:
    rng = random.Random(20)
    moments = set(rng.sample(range(5, 235), 10))
    killed = []

    with connected("local:2") as client:

        def kill(step: Step) -> None:
            if step.index in moments:
                assert until(lambda: bool(running(client)))
                killed.append(rng.choice(running(client)))
                os.kill(killed[-1], signal.SIGKILL)

        assert course(*run(evaluations=240, client=client, on_step=kill)) == course(*run(evaluations=240))
        assert len(killed) == 10


def test_a_worker_out_of_memory_is_started_again_and_the_search_goes_on(tmp_path, alone) -> None:
    with machines(tmp_path) as there:
        there.worker("--nanny", "--memory-limit", "700MB")
        there.worker()
        with connected(there.address) as client:
            client.wait_for_workers(2)
            limited = next(a for a, w in client.scheduler_info(n_workers=-1)["workers"].items() if w["nanny"])
            before = client.run(os.getpid, workers=[limited])[limited]
            hogs = []

            def hog(step: Step) -> None:
                if step.index == 20:
                    hogs.append(client.submit(_fill, 10**9, workers=[limited], allow_other_workers=False, retries=0))

            assert course(*run(evaluations=80, client=client, on_step=hog)) == alone
            assert until(lambda: not psutil.pid_exists(before))


def _fill(size: int) -> int:
    """Takes memory until it is taken away."""
    import time

    held = []
    for _ in range(size // 10**7):
        held.append(b"x" * 10**7)
        time.sleep(0.02)
    time.sleep(60)
    return len(held)


def test_a_worker_that_hangs_is_left_and_the_search_goes_on(tmp_path, alone) -> None:
    with machines(tmp_path, DASK_DISTRIBUTED__SCHEDULER__WORKER_TTL="5s") as there:
        hanging, _ = there.worker(), there.worker()
        with connected(there.address) as client:
            client.wait_for_workers(2)

            def hang(step: Step) -> None:
                if step.index == 20:
                    hanging.send_signal(signal.SIGSTOP)

            assert course(*run(evaluations=80, client=client, on_step=hang)) == alone


def test_a_line_to_the_scheduler_that_is_cut_ends_the_run_which_goes_on_later(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(cluster, "PATIENCE_S", 10.0)
    source, budget = TaskSource.of_task("vocab"), Budget(None, 64, 1)
    with machines(tmp_path) as there:
        there.worker()
        line = Line(there.port)
        session = begin(source, 0, budget, tmp_path / "run", proposers=TEAM)

        def cut(step: Step, _: float) -> None:
            line.cut = line.cut or step.index == 20

        with (
            pytest.raises(ClusterLostError, match=r"the Dask cluster at .* was lost while it worked"),
            connected(f"tcp://127.0.0.1:{line.port}") as client,
        ):
            pursue(session, cut, client=client)
        line.close()
        held = len(session.folder.records())
        assert 20 < held < 64
        with connected(there.address) as client:
            again = pursue(reopen(tmp_path / "run"), client=client)
    whole = pursue(begin(source, 0, budget, tmp_path / "whole", proposers=TEAM))
    assert again.fit.constants.tolist() == whole.fit.constants.tolist()


@pytest.mark.parametrize("place", ["local:2", "there"])
def test_a_driver_that_is_killed_leaves_nothing_running_and_goes_on(tmp_path, place: str) -> None:
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    asked = ["vocab", "--evaluations", "96", "--proposers", "library,grammar", "--no-sealed", "--quiet"]
    with machines(tmp_path) as there:
        there.worker()
        address = there.address if place == "there" else place
        line = [*BY_COMMAND, "run", *asked, "--out", "run", "--cluster", address]
        driver = subprocess.Popen(line, cwd=tmp_path, env=environment)
        journal = tmp_path / "run/steps.jsonl"
        assert until(lambda: journal.exists() and journal.read_bytes().count(b"\n") > 16)
        own = descendants(driver.pid)
        driver.kill()
        driver.wait()
        assert until(lambda: not any(p.is_running() and p.status() != psutil.STATUS_ZOMBIE for p in own))
        held = journal.read_bytes()
        subprocess.run(
            [*BY_COMMAND, "resume", "run", "--cluster", address, "--quiet"],
            cwd=tmp_path, env=environment, check=True, stdout=subprocess.DEVNULL, timeout=300,
        )  # fmt: skip
        with Client(there.address) as client:
            assert until(lambda: not any(client.processing().values()))
    assert journal.read_bytes().startswith(held[: held.rfind(b"\n") + 1])
    subprocess.run(
        [*BY_COMMAND, "run", *asked, "--out", "whole", "--workers", "1"],
        cwd=tmp_path, env=environment, check=True, stdout=subprocess.DEVNULL, timeout=300,
    )  # fmt: skip
    assert read(tmp_path / "run").formula == read(tmp_path / "whole").formula
    assert journal.read_bytes() == (tmp_path / "whole/steps.jsonl").read_bytes()


def test_a_scheduler_that_ends_when_all_is_done_is_no_news_to_the_user(tmp_path, caplog) -> None:
    logging.getLogger("distributed.client").addHandler(caplog.handler)
    with machines(tmp_path) as there, connected(there.address) as client:
        there.scheduler.kill()
        there.scheduler.wait()
        assert until(lambda: client.status != "running")
        time.sleep(0.5)  # Dask tries to connect again, and is told to stop
    assert caplog.records == []


def test_a_worker_without_a_disk_to_write_to_is_named_with_what_to_do(tmp_path) -> None:
    sealed = 'mount --rbind / / && mount -o remount,ro,bind / && exec "$@"'
    cage = ["unshare", "--mount", "sh", "-c", sealed, "sh"]
    if subprocess.run([*cage, "true"], capture_output=True).returncode:
        pytest.skip("this system does not let a test mount a disk for reading only")
    with machines(tmp_path) as there:
        there.worker(before=cage, TMPDIR="/dev/shm")  # without one Dask's worker does not begin
        with (
            connected(there.address) as client,
            pytest.raises(InputError, match=r"the Dask worker at tcp.* cannot use discover.*NUMBA_CACHE_DIR"),
        ):
            run(evaluations=80, client=client)


def test_encrypted_connections_need_nothing_but_the_configuration_of_dask(tmp_path: Path, alone) -> None:
    import dask

    made = "openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=here -keyout key.pem -out cert.pem"
    subprocess.run(made, shell=True, cwd=tmp_path, check=True, capture_output=True)
    key, cert = str(tmp_path / "key.pem"), str(tmp_path / "cert.pem")
    files = ("--tls-ca-file", cert, "--tls-cert", cert, "--tls-key", key)
    with machines(tmp_path, ("--host", "tls://127.0.0.1", *files)) as there:
        there.worker()
        tls = "distributed.comm.tls"
        ours = {f"{tls}.ca-file": cert, f"{tls}.client.cert": cert, f"{tls}.client.key": key}
        with dask.config.set(ours), connected(there.address) as client:
            assert course(*run(evaluations=80, client=client)) == alone
