"""`discover engines`: who proposes laws, and whether each works here."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from discover.cli.options import duration_s
from discover.errors import DiscoverError, InputError

if TYPE_CHECKING:
    from discover.proposers.engines.probe import Probe

INSTALL_S = 3600.0


def register(app: typer.Typer) -> None:
    """Adds the commands of this module."""
    app.command("engines", rich_help_panel="Look around")(engines)


def engines(
    install: Annotated[
        str | None,
        typer.Option(
            metavar="NAME", help="Fetch what an engine lacks: pysr fetches Julia and its packages (about 0.7 GB)."
        ),
    ] = None,
    timeout: Annotated[str, typer.Option(metavar="TIME", help="Longest time that an engine may take to start.")] = "2m",
    json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """List who proposes laws: version, whether it works here, and what its start costs.

    Engines are started for this, each in a process of its own. Nothing is downloaded without --install.
    """
    if install is not None:
        return _install(install)
    from discover.cli.output import print_json, stdout, table

    limit = duration_s(timeout, "--timeout")
    rows = [_row(name, limit) for name in _names()]
    if json:
        print_json({"engines": rows})
        return None
    headings = ("proposer", "version", "works here", "start", "")
    stdout().print(table(headings, [_cells(row) for row in rows], right=(3,)))
    for row in rows:
        if row["reason"]:
            stdout().print(f"{row['name']}: {row['reason']}", markup=False, soft_wrap=True)
    return None


def _names() -> tuple[str, ...]:
    from discover.search.team import PROPOSERS

    return tuple(PROPOSERS)


def _cells(row: dict[str, Any]) -> tuple[str, ...]:
    works = "yes" if row["works"] else "no"
    return row["name"], row["versions"] or "-", works, _seconds(row["start_s"]), row["about"]


def _seconds(value: float | None) -> str:
    return "-" if value is None else f"{value:.1f} s"


def _row(name: str, limit_s: float) -> dict[str, Any]:
    from discover._version import __version__
    from discover.search.team import PROPOSERS

    entry = PROPOSERS[name]
    row: dict[str, Any] = {"name": name, "about": entry.about, "works": True, "start_s": 0.0, "reason": entry.missing()}
    row["versions"] = f"discover {__version__}"
    if row["reason"] is not None:
        return row | {"works": False, "start_s": None, "versions": _installed(name)}
    found = _probe(name, limit_s)
    if found is None:
        return row
    row |= asdict(found)
    row["versions"] = ", ".join(f"{k} {v}" for k, v in found.versions.items()) or _installed(name)
    return row


def _installed(name: str) -> str:
    """Version of an engine's package, which may be there although the engine cannot work."""
    from importlib.metadata import PackageNotFoundError, version

    package = {"operon": "pyoperon"}.get(name, name)
    try:
        return f"{package} {version(package)}"
    except PackageNotFoundError:
        return ""


def _probe(name: str, limit_s: float, install: bool = False) -> Probe | None:
    """The engine's start; None for proposers that are part of this program."""
    from discover.proposers import operon, pysr
    from discover.proposers.engines.julia import environment
    from discover.proposers.engines.probe import probe

    if name == "operon":
        return probe(operon.command(), operon.ONE_THREAD, limit_s)
    if name == "pysr":
        return probe(pysr.command(), environment(install=install), limit_s)
    return None


def _install(name: str) -> None:
    from discover.cli.output import note
    from discover.proposers import operon, pysr

    if name == "operon":
        reason = operon.missing()
        note(reason or "operon has all that it needs")
        return
    if name != "pysr":
        raise InputError(f"--install takes pysr, got {name!r}; the other proposers need nothing")
    if pysr.missing() == pysr.NO_PACKAGE:
        raise InputError(pysr.NO_PACKAGE)
    note("fetching Julia and its packages if they are missing, and compiling them; this takes some minutes")
    found = _probe("pysr", INSTALL_S, install=True)
    assert found is not None
    if not found.works:
        raise DiscoverError(f"pysr cannot be installed: {found.reason}")
    note(f"pysr works: {', '.join(f'{k} {v}' for k, v in found.versions.items())}")
