"""Runs that are hindered, for scripts/campaign: what is done to a search at a random moment, and what became of it."""

from __future__ import annotations

import contextlib
import json
import os
import random
import resource
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

import psutil

ROOT = Path(__file__).resolve().parent.parent
COMMAND = (sys.executable, "-m", "discover")
SIGNALS = (signal.SIGKILL, signal.SIGINT, signal.SIGTERM)
SCORED = ("--evaluations", "48")  # the law depends on nothing but seed and evaluations
TIMED = ("--budget", "8s")
STARTED = 150_000_000  # bytes
DEADLINE_S = 3600.0  # a machine that others use may give a run a hundredth of its time
GONE_S = 20.0  # that processes may take to end after the one that started them
KEY = "sk-campaign-0123456789abcdef"  # nothing that a run writes or says may hold it
SERVER = """
import sys, time
from tests.llm.servers import ScriptedServer, Step, chat, formulas, serve
useful = Step(chat(formulas("E + A*params**(-a) + B*tokens**(-b)", "E + A*(params*tokens)**(-a)")), delay_s=0.05)
useless = Step(chat("I would rather not."), delay_s=0.05)
with serve(ScriptedServer([], useful if sys.argv[2] == "useful" else useless), port=int(sys.argv[1])):
    time.sleep(3600)
"""


class Outcome(NamedTuple):
    """What became of a trial, and how many faults it had."""

    said: str
    faults: int = 1


def table(seed: int) -> str:
    """A table of 40 experiments."""
    rng = random.Random(seed)
    rows = []
    for _ in range(40):
        params, tokens = 10 ** rng.uniform(6, 9), 10 ** rng.uniform(8, 11)
        loss = 1.7 + 400 * params**-0.34 + 410 * tokens**-0.28 + rng.gauss(0, 0.01)
        rows.append(f"{params:.6g},{tokens:.6g},{loss:.6g}")
    return "\n".join(["params,tokens,loss", *rows]) + "\n"


def fresh(work: Path, name: str, seed: int) -> Path:
    """A folder with the table of a run, and nothing else."""
    folder = work / name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    (folder / "runs.csv").write_text(table(seed))
    return folder


def command(place: Path, seed: int, options: tuple[str, ...]) -> list[str]:
    """Begins the run `r` beside the table, or goes on with it once there is one."""
    folder = place / "r"
    if (folder / "run.toml").exists():
        return [*COMMAND, "resume", str(folder), "--quiet"]
    shutil.rmtree(folder, ignore_errors=True)
    given = ["--target", "loss", "--workers", "2", "--seed", str(seed), "--quiet", *options]
    return [*COMMAND, "run", str(place / "runs.csv"), *given, "--out", str(folder)]


def law_of(folder: Path) -> str:
    content = json.loads((folder / "law.json").read_text())
    return json.dumps([content["formula"], content["constants"]])


def undisturbed(work: Path, seed: int, options: tuple[str, ...]) -> tuple[Path, float]:
    """The folder of a run that was left alone, and the seconds of processor time that it took."""
    name = "-".join(("whole", str(seed), *options)).replace("--", "").replace(",", "+")
    place, taken = work / name, work / name / "seconds"
    if not taken.exists():
        fresh(work, name, seed)
        before = _spent_by_children()
        subprocess.run(command(place, seed, options), check=True, capture_output=True, timeout=DEADLINE_S)
        taken.write_text(str(_spent_by_children() - before))
    return place / "r", float(taken.read_text())


def _spent_by_children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _processes(pid: int) -> list[psutil.Process]:
    """A process and all that it started."""
    with contextlib.suppress(psutil.NoSuchProcess):
        first = psutil.Process(pid)
        return [first, *first.children(recursive=True)]
    return []


def _spent(processes: list[psutil.Process]) -> float:
    total = 0.0
    for one in processes:
        with contextlib.suppress(psutil.NoSuchProcess):
            total += sum(one.cpu_times()[:4])
    return total


def _runs(process: psutil.Process) -> bool:
    with contextlib.suppress(psutil.NoSuchProcess):
        return bool(process.is_running()) and process.status() != psutil.STATUS_ZOMBIE
    return False


class Hindered:
    """A run to which faults happen.

    Args:
        prepare: what every process does before it becomes the run, such as setting limits.
        environment: variables besides those of this process.
        like: options of the run left alone whose law this one must end in, if they are others.
    """

    def __init__(
        self, kind: str, trial: int, work: Path, options: tuple[str, ...] = SCORED, *,
        prepare: Callable[[], object] | None = None, environment: Mapping[str, str] | None = None,
        like: tuple[str, ...] | None = None,
    ) -> None:  # fmt: skip
        self.rng = random.Random(f"{kind} {trial}")
        self.seed, self.options, self.prepare = trial % 4, options, prepare
        self.environment = {**os.environ, **(environment or {})}
        self.whole, self.seconds = undisturbed(work, self.seed, options if like is None else like)
        self.place = fresh(work, f"{kind}-{trial}", self.seed)
        self.faults = 0
        self.said = ""
        self.journal = b""
        self.begun: list[psutil.Process] = []

    @property
    def folder(self) -> Path:
        return self.place / "r"

    def begin(self) -> None:
        """Starts the run, or goes on with it."""
        self.process = subprocess.Popen(
            command(self.place, self.seed, self.options), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            preexec_fn=self.prepare, env=self.environment,
        )  # fmt: skip

    def moment(self, until: Callable[[], object] = lambda: True) -> bool:
        """Waits for a random share of the processor time of a whole run, and for something; whether the run goes on."""
        wanted, late = self.rng.uniform(0.05, 0.95) * self.seconds, time.monotonic() + DEADLINE_S
        while self.process.poll() is None and time.monotonic() < late:
            self.begun = _processes(self.process.pid)
            if _spent(self.begun) >= wanted and until():
                return True
            time.sleep(0.05)
        return False

    def send(self, which: signal.Signals, to: psutil.Process | None = None) -> None:
        """A signal to a process of the run, by default to the first."""
        with contextlib.suppress(psutil.NoSuchProcess):
            (to or psutil.Process(self.process.pid)).send_signal(which)
            self.faults += 1

    def wrong(self, after: str) -> str:
        """Waits for the end of the process; what is wrong then, or nothing."""
        try:
            out, err = self.process.communicate(timeout=DEADLINE_S)
        except subprocess.TimeoutExpired:
            for one in _processes(self.process.pid):
                one.kill()
            return f"hung after {after}"
        self.said += out + err
        (self.place / "said").write_text(self.said)
        if "Traceback" in err or "internal error" in err:
            return f"traceback after {after}: {err.strip().splitlines()[-1][:80]}"
        late = time.monotonic() + GONE_S
        while (left := [one for one in self.begun if _runs(one)]) and time.monotonic() < late:
            time.sleep(0.1)
        for one in left:
            one.kill()
        return f"orphan after {after}" if left else self._lost(after)

    def _lost(self, after: str) -> str:
        """Whole lines of the journal stay as they were; a line that was cut off counts for nothing."""
        path = self.folder / "steps.jsonl"
        now = path.read_bytes() if path.exists() else b""
        before, self.journal = self.journal, now[: now.rfind(b"\n") + 1]
        return "" if now.startswith(before) else f"lost records after {after}"

    def outcome(self, after: str, like: str = "alone") -> Outcome:
        """What became of the run once it was resumed in peace.

        Args:
            like: whose law it must end in: of the run left `alone`, of a `replay` of its answers, or `any`.
        """
        self.prepare = None
        self.begin()
        problem = self.wrong(after) or self._judged(after, like)
        if not problem:
            shutil.rmtree(self.place)
        return Outcome(problem or ("a law" if like == "any" else "the same law"), self.faults)

    def _judged(self, after: str, like: str) -> str:
        if self.process.returncode:
            return f"not resumed after {after}: {(self.said.strip().splitlines() or ['?'])[-1][:80]}"
        whole = {"alone": lambda: self.whole, "replay": self._replayed, "any": lambda: self.folder}[like]()
        if law_of(self.folder) != law_of(whole):
            return f"another law after {after}"
        told = (path.read_text(errors="replace") for path in self.place.rglob("*") if path.is_file())
        return f"secret told after {after}" if any(KEY in text for text in told) else ""

    def _replayed(self) -> Path:
        """The folder of a run that asks the records of this one and no model."""
        place = fresh(self.place, "replayed", self.seed)
        again = command(place, self.seed, (*SCORED, "--llm-replay", str(self.folder)))
        subprocess.run(again, check=True, capture_output=True, timeout=DEADLINE_S)
        return place / "r"


def _killed(run: Hindered, most: int) -> str:
    """Kills a run, goes on with it and kills it again, up to so many times; what is wrong, or nothing."""
    for _ in range(run.rng.randint(1, most)):
        run.begin()
        which = run.rng.choice(SIGNALS)
        if run.moment():
            # Python's resource tracker says with a traceback of its own that it was killed.
            others = [one for one in run.begun if "resource_tracker" not in _line(one)]
            run.send(which, run.rng.choice(others) if others and run.rng.random() < 0.3 else None)
        problem = run.wrong(which.name)
        if problem or run.process.returncode == 0:
            return problem
    return ""


def kill(trial: int, work: Path) -> Outcome:
    """The run or one of its processes is ended by a signal; so is the one that goes on with it."""
    run = Hindered("kill", trial, work)
    problem = _killed(run, 8)
    return Outcome(problem, run.faults) if problem else run.outcome("kills")


def time_budget(trial: int, work: Path) -> Outcome:
    """The same to a run with a budget of time, which need not end in the same law."""
    run = Hindered("time", trial, work, TIMED)
    problem = _killed(run, 3)
    return Outcome(problem, run.faults) if problem else run.outcome("kills", "any")


def engine(trial: int, work: Path, name: str = "operon") -> Outcome:
    """The process of an engine is killed, once or twice."""
    run = Hindered(name, trial, work, (*SCORED, "--proposers", name))

    def engines() -> list[psutil.Process]:
        return [one for one in _processes(run.process.pid)[1:] if f"engines.{name} import" in _line(one)]

    run.begin()
    for _ in range(run.rng.choice((1, 2))):
        if run.moment(engines):
            for one in engines():
                run.send(signal.SIGKILL, one)
    problem = run.wrong("kills of the engine")
    return Outcome(problem, run.faults) if problem else run.outcome("kills of the engine")


def pysr(trial: int, work: Path) -> Outcome:
    """The same to PySR, where it works."""
    seen = subprocess.run([*COMMAND, "engines", "--json"], capture_output=True, text=True, timeout=DEADLINE_S)
    works = {one["name"]: one["works"] for one in json.loads(seen.stdout)["engines"]}
    return engine(trial, work, "pysr") if works.get("pysr") else Outcome("not here", 0)


def _line(process: psutil.Process) -> str:
    with contextlib.suppress(psutil.NoSuchProcess, psutil.AccessDenied):
        return " ".join(process.cmdline())
    return ""


@contextlib.contextmanager
def _model(port: int, manner: str) -> Iterator[subprocess.Popen[bytes]]:
    """A server of a model that answers every question in one manner; it is ended afterwards."""
    started = subprocess.Popen(
        [sys.executable, "-c", SERVER, str(port), manner], cwd=ROOT, stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        yield started
    finally:
        started.kill()
        started.wait()


def model(trial: int, work: Path) -> Outcome:
    """The server of a language model is killed, or killed and started again, or the run that asks it is killed.

    A run whose model gave nothing of use ends in the law of a run without one; any other in that of its replay.
    """
    from tests.search.machines import free_port

    port, manner = free_port(), ("useful", "useless")[trial % 2]
    asked = ("--llm", "m", "--llm-url", f"http://127.0.0.1:{port}/v1", "--llm-key-env", "CAMPAIGN_KEY")
    run = Hindered("model", trial, work, (*SCORED, *asked), environment={"CAMPAIGN_KEY": KEY}, like=SCORED)
    what = run.rng.choice(("a kill of the server", "a restart of the server", "a kill of the run"))
    with _model(port, manner) as server:
        run.begin()
        if run.moment():
            run.send(run.rng.choice(SIGNALS), None if "run" in what else psutil.Process(server.pid))
        with _model(port, manner) if "restart" in what else contextlib.nullcontext():
            problem = run.wrong(what)
    if problem:
        return Outcome(problem, run.faults)
    return run.outcome(what, "alone" if manner == "useless" else "replay")


def cluster(trial: int, work: Path) -> Outcome:
    """A worker or the scheduler of a cluster is ended by a signal, or the process that drives the search."""
    from tests.search.machines import machines, until

    place = fresh(work, f"cluster-machines-{trial}", 0)
    with machines(place) as all_of_them:
        workers = [all_of_them.worker() for _ in range(2)]
        until(lambda: all("Registered to" in all_of_them.log(one) for one in workers))
        run = Hindered("cluster", trial, work, (*SCORED, "--cluster", all_of_them.address), like=SCORED)
        run.seconds *= 0.4  # the rest is of the workers
        victims = {"a worker": workers[0], "the scheduler": all_of_them.scheduler, "the driver": None}
        what = run.rng.choice(tuple(victims))
        run.begin()
        if run.moment():
            victim = victims[what]
            run.send(run.rng.choice(SIGNALS), None if victim is None else psutil.Process(victim.pid))
        problem = run.wrong(f"the end of {what}")
    shutil.rmtree(place)
    run.options = SCORED  # of a run that begins again, if its driver ended before it was written
    return Outcome(problem, run.faults) if problem else run.outcome(f"the end of {what}")


def _settled(run: Hindered, after: str) -> Outcome:
    """The end of a run whose one fault lies in how its process was started."""
    run.faults += 1
    run.begin()
    problem = run.wrong(after)
    return Outcome(problem, run.faults) if problem else run.outcome(after)


def disk(trial: int, work: Path) -> Outcome:
    """No file may grow beyond a random size, as on a disk that is full."""
    most = random.Random(trial).randrange(200_000)
    limit = lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))  # noqa: E731
    return _settled(Hindered("disk", trial, work, prepare=limit), f"a limit of {most} bytes")


READ_ONLY = """
import builtins, errno, io, os
real, replace, left = io.open, os.replace, [int(os.environ["CAMPAIGN_WRITES"])]
def refuse(path):
    if "read-only" in str(path):
        left[0] -= 1
        if left[0] < 0:
            raise OSError(errno.EROFS, os.strerror(errno.EROFS), str(path))
def opened(path, mode="r", *rest, **named):
    if set(mode) & set("wax+"):
        refuse(path)
    return real(path, mode, *rest, **named)
def replaced(old, new, **named):
    refuse(new)
    return replace(old, new, **named)
io.open = builtins.open = opened
os.replace = replaced
"""
JUMPS = """
import random, time
real, jump = time.time, random.Random(0)
time.time = lambda: real() + (jump.uniform(-3e7, 3e7) if jump.random() < 0.1 else 0.0)
"""


def _patched(work: Path, kind: str, code: str) -> dict[str, str]:
    """The variable by which every Python below runs some code first."""
    folder = work / f"{kind}-site"
    folder.mkdir(exist_ok=True)
    (folder / "sitecustomize.py").write_text(code)
    return {"PYTHONPATH": os.pathsep.join(filter(None, (str(folder), os.environ.get("PYTHONPATH"))))}


def read_only(trial: int, work: Path) -> Outcome:
    """The run's folder cannot be written to from the n-th write on."""
    allowed = random.Random(trial).randrange(30)
    patched = _patched(work, "readonly", READ_ONLY) | {"CAMPAIGN_WRITES": str(allowed)}
    run = Hindered("read-only", trial, work, environment=patched)
    run.faults += 1
    run.begin()
    problem = run.wrong(f"{allowed} writes")
    run.environment = dict(os.environ)
    return Outcome(problem, run.faults) if problem else run.outcome(f"{allowed} writes")


def clock(trial: int, work: Path) -> Outcome:
    """The clock jumps by up to a year at every tenth look."""
    patched = _patched(work, "clock", JUMPS)
    return _settled(Hindered("clock", trial, work, environment=patched), "jumps of the clock")


def closed(trial: int, work: Path) -> Outcome:
    """Standard output, error or both are closed from the start."""
    which = random.Random(trial).choice(((1,), (2,), (1, 2)))

    def close() -> None:
        for number in which:
            os.close(number)

    return _settled(Hindered("closed", trial, work, prepare=close), f"{which} was closed")


def _started(one: psutil.Process) -> bool:
    """Whether a worker holds what it needs; its imports alone take more than this."""
    try:
        return bool(one.memory_info().rss > STARTED)
    except psutil.Error:
        return False


def memory(trial: int, work: Path) -> Outcome:
    """Workers that have started get no more memory at a random moment; of one that has not, Python itself tells it."""
    run = Hindered("memory", trial, work)
    run.begin()
    if run.moment(until=lambda: any(_started(one) for one in run.begun[1:])):
        run.faults += 1
        for one in filter(_started, run.begun[1:]):
            with contextlib.suppress(psutil.Error):
                most = one.memory_info().vms + 100_000
                one.rlimit(psutil.RLIMIT_AS, (most, most))
    problem = run.wrong("want of memory")
    return Outcome(problem, run.faults) if problem else run.outcome("want of memory")


def moved(trial: int, work: Path) -> Outcome:
    """The run is stopped, its folder and table are moved, and it is resumed there."""
    run = Hindered("moved", trial, work)
    run.begin()
    if run.moment():
        run.send(signal.SIGINT)
    problem = run.wrong("a stop")
    if problem:
        return Outcome(problem, run.faults)
    elsewhere = work / f"moved-{trial}-elsewhere"
    shutil.rmtree(elsewhere, ignore_errors=True)
    run.place = run.place.rename(elsewhere)
    return run.outcome("a move")


def twice(trial: int, work: Path) -> Outcome:
    """A second process wants to go on with a run that is under way."""
    run = Hindered("twice", trial, work)
    run.begin()
    if run.moment((run.folder / "run.toml").exists):
        run.faults += 1
        second = command(run.place, run.seed, run.options)
        other = subprocess.run(second, capture_output=True, text=True, timeout=DEADLINE_S)
        if "Traceback" in other.stderr or "internal error" in other.stderr or other.returncode not in (0, 1, 2):
            run.process.kill()
            return Outcome(f"traceback or status {other.returncode} of the second process", run.faults)
    problem = run.wrong("a second process")
    return Outcome(problem, run.faults) if problem else run.outcome("a second process")


KINDS: dict[str, Callable[[int, Path], Outcome]] = {
    "kill": kill, "time": time_budget, "operon": engine, "pysr": pysr, "model": model, "cluster": cluster,
    "disk": disk, "read-only": read_only, "memory": memory, "clock": clock, "closed": closed, "moved": moved,
    "twice": twice,
}  # fmt: skip
