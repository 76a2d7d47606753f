"""What commands that run long have in common: the cluster that works for them, and the signals that end them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from discover.plain_data import counted

if TYPE_CHECKING:
    from distributed import Client


@contextmanager
def on_cluster(address: str | None, quiet: bool) -> Iterator[Client | None]:
    """A client of the cluster that was named, of which the user is told; none for the processes of this machine."""
    if address is None:
        yield None
        return
    from discover.cli.output import note
    from discover.search.cluster import check_versions, connected, told_of_loss

    with connected(address) as client:
        with told_of_loss(client):
            if not quiet:
                shown = "dashboard" in client.scheduler_info(n_workers=0)["services"]
                dashboard = f"its dashboard is at {client.dashboard_link}" if shown else "it has no dashboard"
                note(f"cluster {client.scheduler.address}: {dashboard}")
                if not client.nthreads():
                    note("waiting for its first worker")
            client.wait_for_workers(1)
            for text in () if quiet else check_versions(client):
                note(text)
            if not quiet:
                threads = client.nthreads()
                note(f"{counted(len(threads), 'worker')} with {counted(sum(threads.values()), 'thread')}")
        yield client


def count_interrupts() -> list[int]:
    """From now on interrupts are noted in the returned list, and SIGTERM is one of them.

    A cluster that ends a job sends SIGTERM first: the run then ends with the result so far, as with Ctrl-C.
    """
    import signal

    noted: list[int] = []

    def interrupt(number: int, _frame: object) -> None:
        noted.append(number)
        raise KeyboardInterrupt

    signal.signal(signal.SIGTERM, interrupt)
    signal.signal(signal.SIGINT, interrupt)
    return noted
