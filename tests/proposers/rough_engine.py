"""An engine's process that does to itself what Julia does, behind the real `serve`.

    python rough_engine.py PLAN.json

It makes descriptor 0 and every other descriptor that it holds non-blocking, prints to descriptors 1 and 2 beside
Python, takes over SIGINT and SIGTERM, and compiles: its first job takes `compile_s` longer. `moods` say what it does
with each job: "answer", "abort" (a crash in C), "hang" (deaf to SIGTERM), "grow" (takes `bytes` of memory, then works
on), "error".
"""

import ctypes
import json
import os
import signal
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from discover.proposers.engines.serve import serve

plan = json.loads(Path(sys.argv[1]).read_text())
held = []


def start():
    for descriptor in range(64):
        try:
            os.set_blocking(descriptor, False)
        except OSError:
            continue
    for name in (signal.SIGINT, signal.SIGTERM):
        signal.signal(name, lambda *_: chatter("signal"))
    chatter("Precompiling project...")
    return {"rough": "1.0", "stdin": len(os.read(0, 10))}, work


def chatter(text):
    ctypes.CDLL(None).puts(b"[ Info: from C")
    os.write(1, f"{text}\n".encode() * 3)
    os.write(2, b"\xff" + f"Warning: {text}\n".encode() * 3)


def work(job):
    chatter(f"job {job['id']}")
    path = Path(sys.argv[1] + ".log")
    done = len(path.read_text()) if path.exists() else 0
    if not held:
        time.sleep(plan.get("compile_s", 0.0))
        held.append(b"")
    if job["id"] < 0:
        return []
    path.write_text("x" * (done + 1))
    moods = plan.get("moods", [])
    mood = moods[done] if done < len(moods) else "answer"
    if mood == "abort":
        os.write(2, b"ERROR: LoadError: it broke\nStacktrace:\n [1] top-level scope\n| Warning: CHOLMOD version\n")
        os.abort()
    if mood == "grow":
        held.append(b"x" * plan["bytes"])
    if mood in ("grow", "hang"):
        time.sleep(600)
    if mood == "error":
        raise RuntimeError("JuliaError: no")
    return [[1, 0.5, "x0"], [3, 0.25, "x0 ^ -0.5"]]


serve(start)
