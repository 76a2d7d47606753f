"""`discover engines`: who proposes laws, and whether each works here."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from discover.errors import DiscoverError, InputError
from discover.plain_data import duration_s

if TYPE_CHECKING:
    from discover.proposers.engines.probe import Probe
    from discover.proposers.worker import Worker

INSTALL_S = 3600.0
SILENCE_S = 15.0  # after which an installation says that it still goes on

JULIA_SIZE = "Julia itself, about 180 MB to download and 0.6 GB on the disk"
PACKAGES_SIZE = (
    "PySR's Julia packages, about 0.1 GB on the disk and two to three minutes of compiling; where they are there "
    "already, this takes half a minute"
)


def register(app: typer.Typer) -> None:
    app.command("engines", rich_help_panel="Look around")(engines)


def engines(
    install: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Install what an engine lacks. pysr: Julia and its packages, about 0.7 GB."),
    ] = None,
    timeout: Annotated[str, typer.Option(metavar="TIME", help="Longest start of an engine.")] = "5m",
    json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """List the proposers of laws: their versions, and whether each works here.

    Every engine is started for this in a process of its own, and must find a known law in some seconds. Nothing is
    downloaded without --install.
    """
    if install is not None:
        return _install(install)
    from discover.cli.output import print_json, stdout
    from discover.plain_data import table

    limit = duration_s(timeout, "--timeout")
    rows = [_row(name, limit) for name in _names()]
    if json:
        print_json({"engines": rows})
        return None
    headings = ("proposer", "version", "works here", "start", "self-test", "")
    stdout().print(table(headings, [_cells(row) for row in rows], right=(3, 4)))
    for row in rows:
        if row["reason"]:
            stdout().print(f"{row['name']}: {row['reason']}", markup=False, soft_wrap=True)
    return None


def _names() -> tuple[str, ...]:
    from discover.search.team import entries

    return tuple(entries())


def _cells(row: dict[str, Any]) -> tuple[str, ...]:
    works = "yes" if row["works"] else "no"
    return row["name"], row["versions"] or "-", works, _seconds(row["start_s"]), _seconds(row["test_s"]), row["about"]


def _seconds(value: float | None) -> str:
    return "-" if value is None else f"{value:.1f} s"


def _row(name: str, limit_s: float) -> dict[str, Any]:
    from discover._version import __version__
    from discover.search.team import entries

    entry = entries()[name]
    row: dict[str, Any] = {"name": name, "about": entry.about, "works": True, "start_s": 0.0, "test_s": None}
    row |= {"reason": entry.missing(), "versions": entry.package or f"discover {__version__}"}
    if row["reason"] is not None:
        return row | {"works": False, "start_s": None, "versions": entry.package or _installed(name)}
    found = _probe(name, limit_s)
    if found is None:
        return row
    row |= asdict(found)
    row["versions"] = _versions(found) or _installed(name)
    return row


def _versions(found: Probe) -> str:
    return ", ".join(f"{name} {version}" for name, version in found.versions.items())


def _installed(name: str) -> str:
    """Version of an engine's package, which may be there although the engine cannot work."""
    from importlib.metadata import PackageNotFoundError, version

    package = {"operon": "pyoperon"}.get(name, name)
    try:
        return f"{package} {version(package)}"
    except PackageNotFoundError:
        return ""


def _probe(name: str, limit_s: float) -> Probe | None:
    """An engine's start and self-test; None for proposers that are part of this program."""
    from discover.proposers import operon, pysr
    from discover.proposers.engines.probe import probe

    if name == "operon":
        return probe(*operon.prober(), limit_s)
    if name == "pysr":
        return probe(*pysr.prober(timeout_s=limit_s), limit_s)
    return None


# --- installation


def _install(name: str) -> None:
    from discover.cli.output import note
    from discover.proposers import operon, pysr
    from discover.proposers.engines.probe import probe

    if name == "operon":
        reason = operon.missing()
        note(reason or "operon has all that it needs")
        return
    if name != "pysr":
        raise InputError(f"--install takes pysr, got {name!r}; the other proposers need nothing")
    if pysr.missing() == pysr.NO_PACKAGE:
        raise InputError(pysr.NO_PACKAGE)
    for line in _beforehand():
        note(line)
    worker, test = pysr.prober(install=True, timeout_s=INSTALL_S)
    try:
        found = probe(worker, test, INSTALL_S, waiting=_progress(worker, note))
    except KeyboardInterrupt:
        note("stopped; what was fetched so far stays, and the same command goes on from there")
        raise
    if not found.works:
        raise DiscoverError(f"pysr cannot be installed: {found.reason}. {_advice()}")
    note(f"pysr works: {_versions(found)}")


def _beforehand() -> list[str]:
    """What is going to be fetched, from where, and how large it is."""
    from discover.proposers.engines.julia import OFFLINE, environment, find_julia

    julia = find_julia()
    lines = [f"Julia is here: {julia}"] if julia else []
    if environment(install=True).get(OFFLINE) == "yes":
        return [*lines, f"{OFFLINE} is yes: nothing is downloaded, only what is here is compiled and tried"]
    lines += [] if julia else [f"to fetch: {JULIA_SIZE}"]
    return [*lines, f"to fetch, as far as they are missing: {PACKAGES_SIZE}", *_proxy()]


def _proxy() -> list[str]:
    from urllib.request import getproxies

    proxy = getproxies().get("https")
    return [f"through the proxy {proxy.rpartition('@')[2]}"] if proxy else []


def _advice() -> str:
    from discover.proposers.engines.julia import EXE, OFFLINE

    return (
        f"Behind a proxy, set HTTPS_PROXY; without a network, name a Julia that has the packages with {EXE} and set "
        f"{OFFLINE}=yes"
    )


def _progress(worker: Worker, note: Callable[[str], None]) -> Callable[[], None]:
    """Shows what the engine's process prints, and that it goes on where it prints nothing."""
    import time

    begin = said = time.monotonic()
    place = 0

    def look() -> None:
        nonlocal place, said
        fresh = b""
        if worker.folder is not None and (log := worker.folder / "engine.log").is_file():
            with log.open("rb") as file:
                file.seek(place)
                fresh = file.read()
            fresh = fresh[: fresh.rfind(b"\n") + 1]
            place += len(fresh)
        lines = [line.rstrip() for line in fresh.decode("utf-8", errors="replace").splitlines() if line.strip()]
        for line in lines:
            note(f"  {line}")
        now = time.monotonic()
        if lines or now - said > SILENCE_S:
            if not lines:
                note(f"  still at it, {now - begin:.0f} s")
            said = now

    return look
