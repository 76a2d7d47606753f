"""The workers of a Dask cluster, which do the tasks of a search.

Dask gives a task whose worker ended to another one. What a task needs besides itself, the setting, is a task of Dask
too, so that it can be made again wherever the worker that had it is gone. Needs the extra `cluster`.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from concurrent.futures import CancelledError
from contextlib import contextmanager
from importlib.metadata import version
from types import TracebackType
from typing import TYPE_CHECKING, Generic, TypeVar
from uuid import uuid4

from discover._version import __version__
from discover.errors import ClusterLostError, InputError
from discover.fitting.compilation import ensure_compiled
from discover.search.pool import one_thread
from discover.search.processes import no_main
from discover.search.tasks import Bench, Setting, Task

if TYPE_CHECKING:
    from distributed import Client, Future

LOCAL = "local:"
CONNECT_S = 20.0
LIBRARIES = ("numpy", "scipy", "numba")  # other versions of these may turn a last digit
SAME_VERSION = "install the same version on all machines"

Result = TypeVar("Result")
_own = threading.local()  # the bench of this thread of a worker, and the search that it is of


class ClusterTicket(Generic[Result]):
    """A task that the cluster has taken; `result` waits for it."""

    def __init__(self, cluster: Cluster, task: Task[Result], future: Future) -> None:
        self.cluster, self.task, self.future = cluster, task, future

    def cancel(self) -> bool:
        """Never known to be in time; Dask drops a task that has not begun when its ticket is thrown away."""
        return False

    def result(self) -> Result:
        from distributed import KilledWorker

        try:
            found: Result = self.future.result()
        except KilledWorker:  # the task ended one worker after another
            return self.task.lost()
        except (CancelledError, OSError, TimeoutError) as problem:
            raise ClusterLostError(f"the Dask cluster at {self.cluster.address} was lost while it worked") from problem
        return found


class Cluster:
    """Workers of a Dask cluster.

    Args:
        setting: of the search.
        client: connected to the cluster; stays open.

    Raises:
        InputError: a worker has another version of this package, or none.
    """

    def __init__(self, setting: Setting, client: Client) -> None:
        self.client, self.address = client, str(client.scheduler.address)
        self.search = uuid4().hex
        client.wait_for_workers(1)
        check_versions(client)
        client.run(_prepare)
        self.setting = client.submit(_keep, setting, key=f"discover-setting-{self.search}")

    def __enter__(self) -> Cluster:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.setting.release()

    def submit(self, task: Task[Result]) -> ClusterTicket[Result]:
        future = self.client.submit(_work, self.setting, self.search, __version__, task, pure=False)
        return ClusterTicket(self, task, future)


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
        raise InputError(
            f"--cluster {address}: no Dask scheduler answers there ({problem}); expected an address such as"
            " tcp://host:8786, or local:4"
        ) from None
    with client:
        yield client


def check_versions(client: Client) -> tuple[str, ...]:
    """Notes of workers whose libraries are of other versions than here.

    Raises:
        InputError: a worker has another version of this package, or none.
    """
    here, notes = _versions(), dict[str, str]()
    for worker, there in client.run(_versions, on_error="return").items():
        if isinstance(there, Exception):
            raise InputError(f"the Dask worker at {worker} cannot use discover {__version__}: {there}; {SAME_VERSION}")
        _check_same(there["discover"], f"the Dask worker at {worker}", __version__)
        for name in LIBRARIES:
            if there[name] != here[name]:
                notes[name] = f"the Dask worker at {worker} has {name} {there[name]}, and here is {here[name]}"
    return tuple(f"{note}: last digits may differ" for note in notes.values())


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


def _work(setting: Setting, search: str, of: str, task: Task[Result]) -> Result:
    _check_same(__version__, "a Dask worker that came later", of)
    if getattr(_own, "search", None) != search:
        _prepare()
        _own.bench, _own.search = Bench(setting), search
    bench: Bench = _own.bench
    return task.run(bench)
