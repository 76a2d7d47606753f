"""An engine's process for tests: answers from a file, or misbehaves as told.

    python fake_engine.py PLAN.json

The plan: `start` ("ready", "fail", "die", "hang", "nonsense"), `rows` (lists of [complexity, loss, equation], one per
job, the last repeated), `moods` (what to do with each job: "answer", "die", "hang", "nonsense", "error", "files").
What it did is counted in the file PLAN.json.log, one letter per act, so that it survives a kill. It needs nothing but
the standard library, and starts at once.
"""

import json
import os
import signal
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "discover" / "proposers" / "engines"))
import channel as lines


def main(path):
    channel = lines.connect()
    with open(path, encoding="utf-8") as file:
        plan = json.load(file)
    log = path + ".log"
    start = plan.get("start", "ready")
    if start == "die":
        os.kill(os.getpid(), signal.SIGKILL)
    if start == "hang":
        time.sleep(600)
    if start == "nonsense":
        channel.send({"Precompiling": "project..."})
        time.sleep(600)
    if start == "fail":
        channel.send({"failed": "Exception: could not find Julia"})
        return
    channel.send({"ready": {"fake": "1.0"}})
    try:
        while (job := channel.receive(None)) is not None:
            with open(log, "a+", encoding="utf-8") as file:
                file.seek(0)
                done = len(file.read())
                file.write("x" if job["id"] >= 0 else "")
            moods = plan.get("moods", [])
            mood = moods[done] if done < len(moods) and job["id"] >= 0 else "answer"
            act(mood, job, plan, channel)
    except lines.ChannelError:
        return


def act(mood, job, plan, channel):
    fronts = plan.get("rows") or [[]]
    rows = fronts[min(max(job["id"], 0), len(fronts) - 1)]
    if mood == "die":
        os.kill(os.getpid(), signal.SIGKILL)
    if mood == "hang":
        time.sleep(600)
    if mood == "nonsense":
        channel.send({"id": "nobody"})
        time.sleep(600)
    if mood == "files":  # what PySR leaves behind when it is killed while it writes
        folder = os.path.join(job["folder"], f"job{job['id']}")
        os.makedirs(folder)
        with open(os.path.join(folder, "hall_of_fame.csv"), "w", encoding="utf-8") as file:
            file.write(plan["hall_of_fame"])
        with open(os.path.join(folder, "hall_of_fame.csv.bak"), "w", encoding="utf-8"):
            pass
        time.sleep(600)
    if mood == "error":
        channel.send({"id": job["id"], "error": "JuliaError: no"})
        return
    channel.send({"id": job["id"], "rows": rows})


if __name__ == "__main__":
    main(sys.argv[1])
