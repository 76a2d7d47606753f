"""Engine processes that die, hang, lie or never start: the search goes on, nothing is left behind."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from discover.proposers.hall_of_fame import parse_hall_of_fame, read_hall_of_fame
from discover.proposers.worker import PREFIX, Worker, sweep

FAKE = Path(__file__).parent / "fake_engine.py"
ROWS = [[1, 0.5, "x0"], [3, 0.25, "x0 ^ -0.5"]]


@pytest.fixture
def engine(tmp_path):
    """Builds a worker on a fake engine; afterwards checks that no process and no folder is left."""
    built: list[tuple[Worker, list[str], list[int]]] = []

    def make(start_s=20.0, rescue=None, **plan):
        path = tmp_path / "plan.json"
        path.write_text(json.dumps({"rows": [ROWS], **plan}))
        events: list[str] = []
        extra = {} if rescue is None else {"rescue": rescue}
        worker = Worker((sys.executable, "-S", str(FAKE), str(path)), start_s=start_s, on_event=events.append, **extra)
        built.append((worker, events, []))
        return worker, events

    yield make
    for worker, _, _ in built:
        pid, folder = worker.pid, worker.folder
        worker.close()
        assert folder is None or not folder.exists()
        assert pid is None or not alive(pid)
    assert not zombies()


def zombies():
    """Processes that this one started, that have ended and were not waited for; none where the system does not say."""
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            state, parent = path.read_text().rpartition(")")[2].split()[:2]
        except OSError:
            continue
        if state == "Z" and int(parent) == os.getpid():
            found.append(path.parent.name)
    return found


def alive(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def run(worker, limit_s=20.0):
    worker.submit({"x": []}, limit_s)
    reply = worker.reply(60.0)
    assert reply is not None
    return reply


def test_jobs_are_answered_in_turn_by_one_process(engine):
    worker, events = engine()
    first, pid = run(worker), worker.pid
    assert [row.equation for row in first.rows] == ["x0", "x0 ^ -0.5"]
    assert run(worker) == first
    assert worker.pid == pid
    assert worker.facts == {"fake": "1.0"}
    assert not events


def test_a_process_that_dies_is_started_again_and_given_its_job_again(engine):
    worker, events = engine(moods=["die", "die", "answer"])
    assert len(run(worker).rows) == 2
    assert worker.starts == 3
    assert len(events) == 2
    assert "signal 9" in events[0]


def test_a_job_that_kills_its_process_three_times_is_given_up_and_the_next_one_works(engine):
    worker, events = engine(moods=["die", "die", "die", "answer"])
    reply = run(worker)
    assert reply.rows == ()
    assert "given up after 3 tries" in events[-1]
    assert len(run(worker).rows) == 2


def test_a_hung_process_is_killed_and_the_next_job_works(engine):
    worker, events = engine(moods=["hang", "answer"])
    begin = time.monotonic()
    assert run(worker, limit_s=0.5).rows == ()
    assert time.monotonic() - begin < 120  # it hangs for ten minutes
    assert "did not answer within 0.5 s" in events[0]
    assert len(run(worker).rows) == 2


def test_nonsense_from_a_process_counts_as_its_death(engine):
    worker, events = engine(moods=["nonsense", "answer"])
    assert len(run(worker).rows) == 2
    assert "answered another question" in events[0]


def test_an_error_of_the_engine_ends_the_job_alone(engine):
    worker, events = engine(moods=["error", "answer"])
    assert run(worker).problem == "JuliaError: no"
    assert len(run(worker).rows) == 2
    assert len(events) == 1


@pytest.mark.parametrize(
    ("start", "reason"),
    [("fail", "could not find Julia"), ("die", "signal 9"), ("hang", "not ready"), ("nonsense", "no answer")],
)
def test_an_engine_that_never_starts_is_left_out_with_one_reason(engine, start, reason):
    worker, events = engine(start=start, start_s=0.5 if start == "hang" else 20.0)
    assert run(worker).rows == ()
    assert reason in (worker.dead or "")
    assert events[-1].endswith("the search goes on without this engine")
    count = len(events)
    assert run(worker).rows == ()
    assert len(events) == count


def test_a_command_that_does_not_exist_is_left_out(tmp_path):
    events: list[str] = []
    worker = Worker((str(tmp_path / "nothing"),), on_event=events.append)
    assert run(worker).rows == ()
    assert "cannot be started" in events[0]
    worker.close()


def test_what_a_killed_search_had_written_is_kept(engine):
    text = 'Complexity,Loss,Equation\n1,0.5,"x0"\n3,0.25,"x0 ^ -0.5"\n5,0.1,"x0 ^ -0'
    worker, events = engine(
        moods=["files"], hall_of_fame=text, rescue=lambda folder, job: read_hall_of_fame(folder / f"job{job}")
    )
    reply = run(worker, limit_s=1.5)
    assert [row.equation for row in reply.rows] == ["x0", "x0 ^ -0.5"]
    assert "2 equations" in events[0]


def test_the_pipe_of_a_process_that_is_killed_between_jobs(engine):
    worker, events = engine()
    run(worker)
    for _ in range(10):
        os.kill(worker.pid, signal.SIGKILL)
        assert len(run(worker).rows) == 2
    assert len(events) == 10


def test_folders_of_searches_that_were_killed_are_swept(tmp_path):
    dead = subprocess.run([sys.executable, "-c", "import os; print(os.getpid())"], capture_output=True, text=True)
    names = {"gone": f"{PREFIX}{dead.stdout.strip()}-a", "mine": f"{PREFIX}{os.getpid()}-b", "other": f"{PREFIX}x-c"}
    for name in names.values():
        (tmp_path / name).mkdir()
        os.utime(tmp_path / name, (0, 0))
    sweep(tmp_path)
    assert sorted(p.name for p in tmp_path.iterdir()) == sorted((names["mine"], names["other"]))


@pytest.mark.parametrize(
    ("text", "n"),
    [
        ("", 0), ("Complexity,Loss,Equation\n", 0), ('Complexity,Loss,Equation\n1,0.5,"x0"\n', 1),
        ('Complexity,Loss,Equation\n1,0.5,"x0"\n2,nan,"x1"\n3,inf,"x1"\n', 1), ('1,0.5,"x0"\n', 0),
        ('Complexity,Loss,Equation\n1,0.5,"x0"\n2,0.', 1), ("\0\0\0\0", 0),
        ('Complexity,Loss,Equation\n1,0.5,"x0\n', 0),
        ('Complexity,Loss,Equation\none,0.5,"x0"\n1,0.5,"f = #1; c = [1.0, 2.0]; e = [0.5]"\n', 1),
    ],
)  # fmt: skip
def test_damaged_halls_of_fame_give_what_is_whole(text, n):
    assert len(parse_hall_of_fame(text)) == n


def test_of_the_file_and_its_copy_the_better_counts(tmp_path):
    assert read_hall_of_fame(tmp_path) == ()
    (tmp_path / "hall_of_fame.csv").write_text('Complexity,Loss,Equation\n1,0.5,"x0"\n')
    (tmp_path / "hall_of_fame.csv.bak").write_bytes(b"")
    assert len(read_hall_of_fame(tmp_path)) == 1
    (tmp_path / "hall_of_fame.csv.bak").write_text('Complexity,Loss,Equation\n1,0.5,"x0"\n2,0.4,"x1"\n')
    assert len(read_hall_of_fame(tmp_path)) == 2
    (tmp_path / "hall_of_fame.csv.bak").write_bytes(os.urandom(400))
    assert len(read_hall_of_fame(tmp_path)) == 1
