"""An engine's process for tests: answers from a file, or misbehaves as told.

    python fake_engine.py PLAN.json

The plan: `start` ("ready", "fail", "die", "hang", "nonsense"), `rows` (lists of [complexity, loss, equation], one per
job, the last repeated), `moods` (what to do with each job: "answer", "die", "hang", "nonsense", "error", "files").
What it did is counted in the file PLAN.json.log, one letter per act, so that it survives a kill.
"""

import json
import os
import signal
import sys
import time


def main(path):
    with open(path, encoding="utf-8") as file:
        plan = json.load(file)
    log = path + ".log"
    start = plan.get("start", "ready")
    if start == "die":
        os.kill(os.getpid(), signal.SIGKILL)
    if start == "hang":
        time.sleep(600)
    if start == "nonsense":
        print("Precompiling project...", flush=True)
        time.sleep(600)
    if start == "fail":
        print(json.dumps({"failed": "Exception: could not find Julia"}), flush=True)
        return
    print(json.dumps({"ready": {"fake": "1.0"}}), flush=True)
    for line in sys.stdin:
        job = json.loads(line)
        with open(log, "a+", encoding="utf-8") as file:
            file.seek(0)
            done = len(file.read())
            file.write("x")
        moods = plan.get("moods", [])
        mood = moods[done] if done < len(moods) else "answer"
        act(mood, job, plan)


def act(mood, job, plan):
    fronts = plan.get("rows") or [[]]
    rows = fronts[min(job["id"], len(fronts) - 1)]
    if mood == "die":
        os.kill(os.getpid(), signal.SIGKILL)
    if mood == "hang":
        time.sleep(600)
    if mood == "nonsense":
        print("{ not json", flush=True)
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
        print(json.dumps({"id": job["id"], "error": "JuliaError: no"}), flush=True)
        return
    print(json.dumps({"id": job["id"], "rows": rows}), flush=True)


if __name__ == "__main__":
    main(sys.argv[1])
