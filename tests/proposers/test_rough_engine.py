"""What engines do to their process and to what they share with the search, over the real line."""

from __future__ import annotations

import json
import os
import random
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from discover.proposers.engines.channel import ADDRESS, Channel, ChannelError, Offer, connect
from discover.proposers.worker import PREFIX, EngineProcess, Worker

HERE = Path(__file__).parent
ROUGH, FAKE = HERE / "rough_engine.py", HERE / "fake_engine.py"
MEGABYTE = 1 << 20


@pytest.fixture
def rough(tmp_path):
    """Builds a worker on the rough engine, and its events."""
    built = []

    def make(warm_up=(), most_bytes=float("inf"), **plan):
        path = tmp_path / "plan.json"
        path.write_text(json.dumps(plan))
        events = []
        worker = Worker(
            (sys.executable, str(ROUGH), str(path)), start_s=300.0, on_event=events.append, warm_up=warm_up,
            most_bytes=most_bytes,
        )  # fmt: skip
        built.append(worker)
        return worker, events

    yield make
    for worker in built:
        pid, folder = worker.pid, worker.folder
        worker.close()
        assert folder is None or not folder.exists()
        assert pid is None or not Path(f"/proc/{pid}").exists()


def run(worker, limit_s=60.0):
    worker.submit({"x": []}, limit_s)
    reply = worker.reply(400.0)
    assert reply is not None
    return reply


def test_a_process_that_makes_everything_non_blocking_waits_for_its_next_job(rough):
    worker, events = rough()
    assert len(run(worker).rows) == 2
    pid = worker.pid
    for pause in (0.3, 0.0):
        time.sleep(pause)
        assert len(run(worker).rows) == 2
    assert (worker.pid, worker.starts) == (pid, 1)
    assert worker.facts == {"rough": "1.0", "stdin": 0}
    assert not events


def test_compiling_is_no_part_of_the_first_job(rough):
    worker, events = rough(compile_s=3.0, warm_up=({"x": [1.0]},))
    assert len(run(worker, limit_s=2.0).rows) == 2
    assert worker.starts == 1
    assert not events


def test_a_crash_in_c_is_told_with_the_error_and_not_with_the_warning_after_it(rough):
    worker, events = rough(moods=["abort", "answer"])
    assert len(run(worker).rows) == 2
    assert worker.starts == 2
    assert "ended by signal 6 (ERROR: LoadError: it broke)" in events[0]


def test_a_process_that_is_deaf_to_signals_is_ended_all_the_same(rough):
    worker, events = rough(moods=["hang", "error", "answer"])
    assert worker.ready(300.0) is None
    worker.submit({"x": []}, 2.0)
    for name in (signal.SIGINT, signal.SIGTERM):
        os.kill(worker.pid, name)
    reply = worker.reply(400.0)
    assert reply is not None
    assert reply.rows == ()
    assert "did not answer within 2 s" in events[0]
    assert run(worker).problem == "RuntimeError: JuliaError: no"
    assert len(run(worker).rows) == 2


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only Linux says how much memory a process has")
def test_a_process_that_takes_too_much_memory_is_ended(rough):
    worker, events = rough(moods=["grow", "answer"], most_bytes=600 * MEGABYTE, bytes=600 * MEGABYTE)
    assert "GB of memory" in (run(worker).problem or "")
    assert worker.pid is None
    assert len(run(worker).rows) == 2
    assert len(events) == 1


KILLED = """
import os, sys, time
from discover.proposers.worker import Worker

for i in range(10):
    if os.fork() == 0:
        worker = Worker((sys.executable, "-S", {fake!r}, {plan!r}))
        print("up", os.getpid(), flush=True)
        while True:
            worker.submit({{}}, 600.0)
            worker.reply(600.0)
    os.wait()
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="looks for processes in /proc")
def test_ten_kills_of_the_search_at_random_moments_leave_no_process_and_no_folder(tmp_path):
    plan = tmp_path / "plan.json"
    plan.write_text(json.dumps({"rows": [[]], "moods": ["answer", "hang", "answer", "hang"] * 10}))
    program = KILLED.format(fake=str(FAKE), plan=str(plan))
    environ = {**os.environ, "TMPDIR": str(tmp_path), "PYTHONPATH": str(HERE.parents[1])}
    draw = random.Random(0)
    with subprocess.Popen([sys.executable, "-c", program], env=environ, stdout=subprocess.PIPE, text=True) as search:
        for i in range(10):
            assert search.stdout is not None
            pid = int(search.stdout.readline().split()[1])
            time.sleep(draw.uniform(0.0, 0.4))
            os.kill(pid, (signal.SIGTERM, signal.SIGKILL)[i % 2])
    until = time.monotonic() + 60.0
    while (left := [*tmp_path.glob(f"{PREFIX}*"), *processes_of(tmp_path)]) and time.monotonic() < until:
        time.sleep(0.05)
    assert not left


def processes_of(folder):
    """Processes that name the folder in their command, and are not this one; zombies have no command."""
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            command = path.read_text(errors="replace")
        except OSError:
            continue
        if str(folder) in command and int(path.parent.name) != os.getpid():
            yield command


def test_where_nothing_is_inherited_the_engine_connects_and_shows_its_secret(tmp_path, monkeypatch):
    monkeypatch.setattr("discover.proposers.worker.Offer", lambda: Offer(inherited=False))
    plan = tmp_path / "plan.json"
    plan.write_text(json.dumps({"rows": [[[1, 0.5, "x0"]]], "moods": ["answer", "die", "answer"]}))
    events = []
    worker = Worker((sys.executable, "-S", str(FAKE), str(plan)), on_event=events.append)
    assert [len(run(worker).rows) for _ in range(3)] == [1, 1, 1]
    worker.close()
    assert "signal 9" in events[0]


def test_who_does_not_know_the_secret_is_sent_away(monkeypatch):
    offer = Offer(inherited=False)
    kind, port, secret = offer.environ[ADDRESS].split(":")
    for said in (b"", b"wrong" * 20, secret[:-1].encode() + b"!"):
        stranger = socket.create_connection(("127.0.0.1", int(port)))
        stranger.sendall(said)
        stranger.shutdown(socket.SHUT_WR)
        assert offer.accept(5.0) is None
        stranger.close()
    monkeypatch.setenv(ADDRESS, f"{kind}:{port}:{secret}")
    theirs = connect()
    ours = offer.accept(5.0)
    assert ours is not None
    theirs.send({"ready": {}})
    assert ours.receive(5.0) == {"ready": {}}
    ours.close()
    theirs.close()
    assert ADDRESS not in os.environ


def pair():
    return tuple(map(Channel, socket.socketpair()))


def test_messages_in_pieces_in_heaps_and_of_any_size_arrive_whole():
    ours, theirs = pair()
    table = {"x": [[i / 7.0] * 20 for i in range(2000)], "text": "é\n"}
    sender = threading.Thread(target=lambda: [theirs.send(table), *(theirs.send({"id": i}) for i in range(50))])
    sender.start()
    assert ours.receive(60.0) == table
    assert [ours.receive(60.0) for _ in range(50)] == [{"id": i} for i in range(50)]
    sender.join()
    assert ours.receive(0.0) is None
    theirs.close()
    with pytest.raises(ChannelError, match="closed"):
        ours.receive(5.0)
    ours.close()


@pytest.mark.parametrize("text", [b"{ not json\n", b"[1]\n", b"\xff\n", b"3\n"])
def test_what_is_no_message_is_an_error(text):
    one, other = socket.socketpair()
    channel = Channel(one)
    other.sendall(text)
    with pytest.raises(ChannelError, match="no answer"):
        channel.receive(5.0)
    channel.close()
    other.close()


def test_nobody_waits_for_ever_for_one_who_does_not_read():
    ours, theirs = pair()
    with pytest.raises(ChannelError, match="does not read"):
        ours.send({"x": "x" * (8 * MEGABYTE)}, limit_s=0.2)
    ours.close()
    theirs.close()


def test_a_process_started_by_hand_says_what_it_is_for(monkeypatch):
    monkeypatch.delenv(ADDRESS, raising=False)
    with pytest.raises(ChannelError, match="started by a search"):
        connect()


@pytest.mark.parametrize(
    ("log", "words"),
    [
        ("", ""), ("one\ntwo\n", " (two)"), ("Warning: a\n", " (Warning: a)"), ("x\nWarning: a\n", " (x)"),
        ("JuliaError: no such\n  at line 3\n", " (JuliaError: no such)"),
        ("ERROR: LoadError: a\nERROR: b\nWarning: an error\nStacktrace:\n", " (ERROR: b)"),
        ("Out of memory: killed\n@ Base\n", " (Out of memory: killed)"),
        ("ValueError: old\n" + "chatter\n" * 20000, " (chatter)"),
    ],
)  # fmt: skip
def test_last_words_are_of_an_error_where_there_is_one(tmp_path, log, words):
    process = EngineProcess((sys.executable, "-S", "-c", ""), {}, tmp_path)
    process.process.wait()
    (tmp_path / "engine.log").write_text(log)
    assert process.end("ended") == f"the engine's process ended with status 0{words}"
    process.kill()
