"""The workers of a Dask cluster, which do the tasks of a search.

Dask gives a task whose worker ended to another one. What a task needs besides itself, the setting and the island as the
last epoch left it, is the result of a task of Dask too, so that it can be made again wherever the worker that had it is
gone. To the driver goes what the journal and the choice of the law need. Needs the extra `cluster`.
"""

from __future__ import annotations

import logging
import pickle
import signal
import threading
import time
import zlib
from collections.abc import Iterator
from concurrent.futures import CancelledError
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from importlib.metadata import version
from typing import TYPE_CHECKING, Any, Generic, TypeVar, cast
from urllib.parse import urlsplit
from uuid import uuid4
from weakref import WeakKeyDictionary

from discover._version import __version__
from discover.errors import ClusterLostError, InputError
from discover.fitting.compilation import ensure_compiled
from discover.plain_data import counted
from discover.search.island import Epoch, EpochResult
from discover.search.pool import one_thread
from discover.search.processes import no_main
from discover.search.tasks import Bench, Setting, Task

if TYPE_CHECKING:
    from distributed import Client, Future

LOCAL = "local:"
CONNECT_S = 20.0
PATIENCE_S = 30.0  # without a result, after which the scheduler is asked whether it is there
ROUNDS = 2  # of a task whose workers end, each of as many as Dask allows
COUNT_EVERY_S = 5.0  # the workers, which come and go
BENCHES = 4  # that a thread of a worker keeps, of searches side by side
MOST_AGE = 8  # epochs of an island without its coming to the driver
LIBRARIES = ("numpy", "scipy", "numba")  # other versions of these may turn a last digit
SAME_VERSION = "install the same version on all machines"
NO_DISK = "name a folder that it can write to in its NUMBA_CACHE_DIR, such as /dev/shm/numba"

Result = TypeVar("Result")
_checked = WeakKeyDictionary[Any, tuple[object, tuple[str, ...]]]()  # client -> version and its workers, notes of them
_threads = WeakKeyDictionary[Any, dict[str, int]]()  # client -> address of a worker -> its threads, lately
_own = threading.local()  # of a worker: the benches of this thread, by search


@dataclass(frozen=True)
class Held:
    """An island that stays on the cluster.

    Attributes:
        future: what the epoch left.
        age: epochs since the island was last with the driver. Where its worker ends, so many are run again.
    """

    future: Future
    age: int


class ClusterTicket(Generic[Result]):
    """A task that the cluster has taken; `result` waits for it.

    Attributes:
        held: the island that an epoch leaves, until it is with the driver.
        back: what comes back to the driver, until it is there; None before the task is sent.
        packed: what came back.
    """

    def __init__(self, cluster: Cluster, task: Task[Result]) -> None:
        self.cluster, self.task = cluster, task
        self.held: Held | None = None
        self.back: Future = None
        self.packed: bytes | None = None

    def cancel(self) -> bool:
        """Never known to be in time; Dask drops a task that has not begun when its ticket is thrown away."""
        return False

    def result(self) -> Result:
        from distributed import KilledWorker

        with told_of_loss(self.cluster.client):
            for left in reversed(range(ROUNDS)):
                try:
                    packed = self.packed or self.cluster.fetch(self)
                    break
                except KilledWorker:  # it ended one worker after another, or waited for its turn where others did
                    if not left:
                        return self.task.lost()
                    self.cluster.unsent.append(self)
        found: Any = pickle.loads(zlib.decompress(packed))
        if isinstance(found, EpochResult) and found.island is None:
            found = replace(found, island=self.held)
        return cast(Result, found)


class Cluster:
    """Workers of a Dask cluster.

    Args:
        setting: of the search.
        client: connected to the cluster; stays open.

    Raises:
        InputError: a worker has another version of this package, or none.
        ClusterLostError: the scheduler is gone.
    """

    def __init__(self, setting: Setting, client: Client) -> None:
        self.client = client
        self.search = uuid4().hex
        self.unsent: list[ClusterTicket[Any]] = []
        self.sent: list[ClusterTicket[Any]] = []
        self.counted = -COUNT_EVERY_S
        with told_of_loss(client):
            client.wait_for_workers(1)
            check_versions(client)
            client.run(_prepare)
            self.setting = client.submit(_keep, setting, key=f"discover-setting-{self.search}")

    def __enter__(self) -> Cluster:
        return self

    def __exit__(self, *error: object) -> None:
        self.setting.release()

    def submit(self, task: Task[Result]) -> ClusterTicket[Result]:
        ticket = ClusterTicket(self, task)
        self.unsent.append(ticket)
        return ticket

    def send(self) -> None:
        """Gives Dask what was submitted, in one message: one for every task would cost it four times as much."""
        tickets, self.unsent = self.unsent, []
        if not tickets:
            return
        if time.monotonic() - self.counted > COUNT_EVERY_S:
            self.counted = time.monotonic()
            self.client.loop.add_callback(_count, self.client)
        islands = [getattr(ticket.task, "island", None) for ticket in tickets]
        ages = [island.age + 1 if isinstance(island, Held) else 1 for island in islands]
        left = self.client.map(
            _work,
            *([one] * len(tickets) for one in (self.setting, self.search, __version__)),
            [replace(t.task, island=None) if isinstance(t.task, Epoch) else t.task for t in tickets],
            [island.future if isinstance(island, Held) else island for island in islands],
            [age >= MOST_AGE for age in ages],
            pure=False,
        )
        back = self.client.map(_for_driver, left, pure=False, priority=1)
        for ticket, stays, comes, age in zip(tickets, left, back, ages, strict=True):
            ticket.held, ticket.back = Held(stays, age), comes
        self.sent += tickets

    def fetch(self, wanted: ClusterTicket[Any]) -> bytes:
        """Waits for a task, and fetches with it what else has come to its end."""
        from distributed import wait

        self.send()
        while True:
            try:
                wait(wanted.back, timeout=PATIENCE_S)
                break
            except TimeoutError:  # a long task, or nobody there any more: a connection can stand still without an end
                self.client.sync(self.client.scheduler.identity, callback_timeout=PATIENCE_S)
        done = [ticket for ticket in self.sent if ticket.back.status == "finished"]
        self.sent = [ticket for ticket in self.sent if ticket.back.status == "pending"]
        for ticket, packed in zip(done, self.client.gather([ticket.back for ticket in done]), strict=True):
            ticket.packed, ticket.back = packed, None
        return wanted.packed or wanted.back.result()


@contextmanager
def told_of_loss(client: Client) -> Iterator[None]:
    """Whatever Dask says of a scheduler that is gone, it is one error."""
    address = str(client.scheduler.address)
    try:
        yield
    except (CancelledError, OSError, TimeoutError) as problem:
        raise ClusterLostError(f"the Dask cluster at {address} was lost while it worked") from problem


async def _count(client: Client) -> None:
    with suppress(OSError, AttributeError):  # who waits for a result hears of it; or the client was closed
        _threads[client] = await client.scheduler.ncores()


def crew(client: Client) -> str:
    """How many workers there are, and on how many machines; empty before anything was done."""
    there = _threads.get(client, {})
    machines = {urlsplit(address).hostname for address in there}
    return f"{counted(len(there), 'worker')} on {counted(len(machines), 'machine')}" if there else ""


@contextmanager
def connected(address: str) -> Iterator[Client]:
    """A client of the cluster that `--cluster` names: an address, or `local:4` for four processes of this machine.

    Raises:
        InputError: Dask is not installed, the text is no address, or nobody answers there.
    """
    try:
        from distributed import Client, LocalCluster, WorkerPlugin
    except ImportError:
        raise InputError("--cluster needs Dask's distributed; install discover with its extra `cluster`") from None
    if address.startswith(LOCAL):
        number = address.removeprefix(LOCAL)
        if not number.isdecimal() or int(number) < 1:
            raise InputError(f"--cluster is {address!r}; expected a number of processes, as in local:4")
        with (
            no_main(),  # nannies start processes anew whenever one ends
            LocalCluster(n_workers=int(number), threads_per_worker=1, dashboard_address=":0", silence_logs=50) as local,
            Client(local) as client,
        ):

            class Undisturbed(WorkerPlugin):  # type: ignore[misc]
                """Ctrl-C reaches all processes of a terminal; it is the driver's to handle."""

                def setup(self, worker: object) -> None:
                    signal.signal(signal.SIGINT, signal.SIG_IGN)

            client.register_plugin(Undisturbed())
            yield client
        return
    try:
        client = Client(address, timeout=CONNECT_S)
    except (OSError, ValueError, TypeError) as problem:
        tls = "an address tls:// needs the certificates that Dask's configuration names; " * address.startswith("tls:")
        raise InputError(
            f"--cluster {address}: no Dask scheduler answers there ({problem}); {tls}expected an address such as"
            " tcp://host:8786, or local:4"
        ) from None
    with _without_log(), client:
        yield client


@contextmanager
def _without_log() -> Iterator[None]:
    """What Dask's client logs of a lost scheduler, with a traceback, the run says in a sentence of its own."""
    log = logging.getLogger("distributed.client")
    before = log.level
    log.setLevel(logging.CRITICAL + 1)
    try:
        yield
    finally:
        log.setLevel(before)


def check_versions(client: Client) -> tuple[str, ...]:
    """Notes of workers whose libraries are of other versions than here.

    Raises:
        InputError: a worker has another version of this package, or none.
    """
    asked = __version__, frozenset(client.nthreads())
    if client in _checked and _checked[client][0] == asked:
        return _checked[client][1]
    here, notes = _versions(), dict[str, str]()
    for worker, there in client.run(_versions, on_error="return").items():
        if isinstance(there, Exception):
            raise InputError(
                f"the Dask worker at {worker} cannot use discover {__version__}: {there}; {_advice(there)}"
            )
        _check_same(there["discover"], f"the Dask worker at {worker}", __version__)
        for name in LIBRARIES:
            if there[name] != here[name]:
                notes[name] = f"the Dask worker at {worker} has {name} {there[name]}, and here is {here[name]}"
    found = tuple(f"{note}: last digits may differ" for note in notes.values())
    _checked[client] = asked, found
    return found


def _advice(problem: Exception) -> str:
    """What to do about a worker that cannot import the package; the second case is numba's."""
    return NO_DISK if "cannot cache" in str(problem) else SAME_VERSION


def _check_same(there: str, who: str, here: str) -> None:
    if there != here:
        raise InputError(f"{who} has discover {there}, and the search is of discover {here}; {SAME_VERSION}")


def _versions() -> dict[str, str]:
    return {"discover": __version__, **{name: version(name) for name in LIBRARIES}}


def _keep(setting: Setting) -> Setting:
    return setting


def _prepare() -> None:
    """A worker gets ready: the kernel is compiled where that was never done."""
    one_thread()
    ensure_compiled()


def _work(
    setting: Setting, search: str, of: str, task: Task[Any], before: Any, keep: bool
) -> tuple[bytes | None, bytes]:
    """What stays here of a task's result, and what goes back to the driver."""
    _check_same(__version__, "a Dask worker that came later", of)
    bench = _bench(setting, search)
    if isinstance(task, Epoch):
        task = replace(task, island=before if isinstance(before, bytes) else before[0])
    found, stays = task.run(bench), None
    if isinstance(found, EpochResult) and not keep:
        found, stays = replace(found, island=None), found.island
    return stays, packed(found)


def _bench(setting: Setting, search: str) -> Bench:
    """The bench of a search; those of the searches that were here last are kept."""
    benches: dict[str, Bench] = _own.__dict__.setdefault("benches", {})
    if search not in benches:
        _prepare()
        benches[search] = Bench(setting)
        while len(benches) > BENCHES:
            del benches[next(iter(benches))]
    return benches[search]


def packed(found: object) -> bytes:
    """A result as it goes back; laws of an epoch apart, since the driver unpacks few of them."""
    for step in found.steps if isinstance(found, EpochResult) else ():
        step.law = pickle.dumps(step.law, pickle.HIGHEST_PROTOCOL) if step.law is not None else None
    return zlib.compress(pickle.dumps(found, pickle.HIGHEST_PROTOCOL), 1)


def _for_driver(left: tuple[bytes | None, bytes]) -> bytes:
    return left[1]
