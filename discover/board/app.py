"""The board as a web application: what is asked for, from the run folders and by the `discover` command."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Callable
from dataclasses import asdict
from importlib.resources import files
from pathlib import Path
from typing import Any
from urllib.parse import quote

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route

from discover.board import comparing, tables
from discover.board.guard import REPORT_POLICY, Guard
from discover.board.live import NOTHING, Follower
from discover.board.pages import Pages, counts
from discover.board.processes import Processes
from discover.board.shelf import Shelf
from discover.errors import DiscoverError, InputError
from discover.export import export, file_name
from discover.export import targets as export_targets
from discover.law.storage import read
from discover.plain_data import counted, plain
from discover.runs.folder import RunFolder
from discover.runs.result import Result
from discover.runs.verdict import doubts_of

LARGEST = 64 << 20  # bytes of a table that is uploaded
MOST_SAID = 1 << 20  # bytes of any other request
BEGIN_S = 120.0  # the command needs seconds to start, more on a busy machine
REPORT_S = 600.0
MOST_COMPARED = 8
FOLLOWED = 16  # runs whose journals are kept read
SEARCH = ("evaluations", "budget", "seed", "workers", "proposers", "llm", "llm-cost")
"""Options of `discover run` that the form of a new run has."""
STATIC = {
    "board.css": ("discover.board", "static/board.css", "text/css"),
    "report.css": ("discover.report", "templates/report.css", "text/css"),
    "board.js": ("discover.board", "static/board.js", "text/javascript"),
    "list.js": ("discover.board", "static/list.js", "text/javascript"),
    "run.js": ("discover.board", "static/run.js", "text/javascript"),
    "compare.js": ("discover.board", "static/compare.js", "text/javascript"),
    "new.js": ("discover.board", "static/new.js", "text/javascript"),
    "plotly.js": ("plotly", "package_data/plotly.min.js", "text/javascript"),
}
"""Name -> package, place in it, media type."""


class Board:
    """Answers requests about the runs below a folder.

    Args:
        folder: exists.
    """

    def __init__(self, folder: Path) -> None:
        self.processes = Processes(folder.resolve())
        self.shelf = Shelf(folder, lambda path: self.processes.child(path) is not None)
        self.pages = Pages(self.shelf.folder.name or str(self.shelf.folder))
        self._followers: dict[str, Follower] = {}
        self._reports = threading.Lock()

    # -- pages

    def index(self, request: Request) -> Response:
        """All runs."""
        rows = self.shelf.rows()
        return HTMLResponse(self.pages.render("list.html", rows=rows, counts=counts(rows), version=_version(rows)))

    def rows(self, request: Request) -> Response:
        """The rows of the list, or nothing if they are those that the page has."""
        rows = self.shelf.rows()
        version = _version(rows)
        if request.query_params.get("known") == version:
            return Response(status_code=204)
        text = self.pages.render("rows.html", rows=rows, counts=counts(rows), version=version)
        return HTMLResponse(text, headers={"x-version": version})

    def run(self, request: Request) -> Response:
        """One run."""
        key, folder = self._asked(request)
        row = self.shelf.row(key)
        result = self._result(folder)
        law = self.shelf.confined(folder.law_path) is not None
        targets = [(target.name, target.summary) for target in export_targets().values()] if law else []
        failure = self.processes.failure(folder.path) if row.status != "running" else ""
        page = self.pages.render(
            "run.html", row=row, targets=targets, failure=failure, law=law and result is not None,
            budget=self._budget(folder), doubts=doubts_of(result) if result else (),
            problems=[one.text for one in result.problems] if result else (), notes=result.notes if result else (),
        )  # fmt: skip
        return HTMLResponse(page)

    def live(self, request: Request) -> Response:
        """How far a run has come."""
        key, folder = self._asked(request)
        row = self.shelf.row(key)
        readable = self.shelf.confined(folder.journal_path) is not None
        state = self._follower(key, folder).state() if readable else dict(NOTHING)
        state |= {"status": row.status, "seconds": row.seconds, "noted": row.evaluations, "said": ""}
        if row.status == "running":
            state["said"] = self._said(folder)
        return JSONResponse(plain(state))

    def compare(self, request: Request) -> Response:
        """Several runs side by side."""
        keys = _distinct(request.query_params.getlist("run"))
        sides = self._sides(keys)
        rows = [self.shelf.row(key) for key in keys]
        point = comparing.usual_point(sides)
        columns = {name: value * comparing.multiple(name, sides) for name, value in point.items()}
        groups = _distinct(group for side in sides for group in side.law.groups if len(side.law.groups) > 1)
        targets = _distinct(target for side in sides for target in side.law.targets)
        page = self.pages.render(
            "compare.html", rows=rows, keys=keys, columns=columns, groups=groups,
            targets=targets if len(targets) > 1 else [],
        )  # fmt: skip
        return HTMLResponse(page)

    def new(self, request: Request) -> Response:
        """The form of a new run."""
        return HTMLResponse(self.pages.render("new.html", roles=tables.ROLES, scales=tables.SCALES, most=LARGEST >> 20))

    def report(self, request: Request) -> Response:
        """The report of a run, whose scripts run apart from the board."""
        _, folder = self._asked(request)
        place = self.shelf.confined(folder.path / "report.html")
        if place is None:
            raise InputError(f"{folder.path.name} has no report yet; make one on its page")
        return HTMLResponse(place.read_bytes(), headers={"content-security-policy": REPORT_POLICY})

    def export(self, request: Request) -> Response:
        """The law of a run as a file."""
        _, folder = self._asked(request)
        document = read(self._law(folder))
        target = request.query_params.get("to", "")
        content, name = export(document, target), file_name(document, target)
        return Response(
            content,
            media_type="application/octet-stream",
            headers={"content-disposition": f"attachment; filename*=UTF-8''{quote(name)}"},
        )

    def static(self, request: Request) -> Response:
        """A part of the pages."""
        found = STATIC.get(request.path_params["name"])
        if found is None:
            raise HTTPException(404)
        package, place, kind = found
        content = files(package).joinpath(*place.split("/")).read_bytes()
        return Response(content, media_type=kind, headers={"cache-control": "private, max-age=600"})

    # -- actions

    def do_compare(self, given: dict[str, Any]) -> Any:
        """Forecasts and curves of several runs."""
        sides = self._sides(_distinct(given.get("runs") or []))
        return comparing.compare(sides, comparing.Asked.of(given, sides))

    def do_guess(self, given: dict[str, Any]) -> Any:
        """What a table is taken for."""
        return asdict(tables.guess(tables.find(self.shelf, str(given.get("table"))), tables.Wishes.of(given)))

    def do_start(self, given: dict[str, Any]) -> Any:
        """A new run of a table."""
        table, wishes = tables.find(self.shelf, str(given.get("table"))), tables.Wishes.of(given)
        options = _options(given.get("search") or {})
        task = tables.write_task(table, wishes)
        path = self._new_folder(task.stem)
        try:
            self.processes.start(path, ["run", str(task), f"--out={path}", *options])
            self.processes.wait(RunFolder(path), BEGIN_S)
        except InputError:
            if not any(path.iterdir()):
                path.rmdir()
            raise
        return {"run": path.name}

    def do_stop(self, given: dict[str, Any]) -> Any:
        """Asks a run to end with the law it has."""
        self.processes.stop(self.shelf.run(str(given.get("run"))))
        return {}

    def do_resume(self, given: dict[str, Any]) -> Any:
        """Goes on with a run that was stopped."""
        key = str(given.get("run"))
        folder, row = self.shelf.run(key), self.shelf.row(key)
        if row.status != "interrupted":
            raise InputError(f"{row.name} is {row.status}; only a run that was stopped can go on")
        self.processes.start(folder.path, ["resume", str(folder.path)])
        return {}

    def do_report(self, given: dict[str, Any]) -> Any:
        """Writes the report of a run if there is none that is newer than its result."""
        folder = self.shelf.run(str(given.get("run")))
        place = folder.path / "report.html"
        with self._reports:
            if self.shelf.confined(place) is None or place.stat().st_mtime < folder.result_path.stat().st_mtime:
                done = subprocess.run(
                    [sys.executable, "-m", "discover", "report", str(folder.path)],
                    cwd=self.shelf.folder, stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace",
                    timeout=REPORT_S, check=False,
                )  # fmt: skip
                if done.returncode:
                    said = (done.stderr.strip().splitlines() or ["no report was written"])[-1]
                    raise InputError(said.removeprefix("error: "))
        return {}

    async def upload(self, request: Request) -> Response:
        """Takes a table; nothing of it is run."""
        content = await _body(request, LARGEST)

        def take() -> Any:
            name = tables.keep(self.shelf, request.query_params.get("name", ""), content)
            return asdict(tables.guess(tables.find(self.shelf, name), tables.Wishes()))

        return JSONResponse(plain(await run_in_threadpool(take)))

    # -- parts

    def _asked(self, request: Request) -> tuple[str, RunFolder]:
        key = request.query_params.get("run", "")
        return key, self.shelf.run(key)

    def _said(self, folder: RunFolder) -> str:
        """What a reader of a run under way must know besides its laws."""
        if stopped := folder.progress().stopped:
            return f"The search is over ({stopped}). How sure its law is, is being worked out."
        said = self.processes.said(folder.path).splitlines()
        return " ".join(line for line in said if line.startswith("problem: "))

    def _law(self, folder: RunFolder) -> Path:
        place = self.shelf.confined(folder.law_path)
        if place is None:
            raise InputError(f"{folder.path.name} has no law yet")
        return place

    def _result(self, folder: RunFolder) -> Result | None:
        if self.shelf.confined(folder.result_path) is None:
            return None
        try:
            return folder.found()
        except DiscoverError:
            return None

    def _budget(self, folder: RunFolder) -> dict[str, Any]:
        try:
            config = folder.config()
        except DiscoverError:
            return {"seconds": None, "evaluations": None, "seed": None, "proposers": ()}
        return {
            "seconds": config.budget_s,
            "evaluations": config.evaluations,
            "seed": config.seed,
            "proposers": config.proposers,
        }

    def _sides(self, keys: list[str]) -> list[comparing.Side]:
        if not 2 <= len(keys) <= MOST_COMPARED:
            raise InputError(f"{counted(len(keys), 'run')} to compare; expected 2 to {MOST_COMPARED}")
        return [comparing.Side.of(key, self._law(self.shelf.run(key))) for key in keys]

    def _follower(self, key: str, folder: RunFolder) -> Follower:
        if key not in self._followers and len(self._followers) >= FOLLOWED:
            self._followers.pop(next(iter(self._followers)), None)
        return self._followers.setdefault(key, Follower(folder))

    def _new_folder(self, stem: str) -> Path:
        number = 1
        while True:
            path = self.shelf.folder / f"{stem}-{number}"
            try:
                path.mkdir()
            except FileExistsError:
                number += 1
            except OSError as problem:
                raise InputError(f"{path} cannot be made: {problem.strerror or problem}") from None
            else:
                return path


def application(folder: Path, token: str, cookie: str, allowed: frozenset[str]) -> Guard:
    """The board behind its guard."""
    board = Board(folder)

    def refused(text: str) -> str:
        return board.pages.render("message.html", title="No entry", text=text, known=False)

    routes = [
        Route("/", board.index),
        Route("/rows", board.rows),
        Route("/run", board.run),
        Route("/live", board.live),
        Route("/compare", board.compare),
        Route("/new", board.new),
        Route("/report", board.report),
        Route("/export", board.export),
        Route("/static/{name}", board.static),
        Route("/api/tables", board.upload, methods=["PUT"]),
        *(
            Route(f"/api/{name}", _action(act), methods=["POST"])
            for name, act in (
                ("compare", board.do_compare), ("guess", board.do_guess), ("start", board.do_start),
                ("stop", board.do_stop), ("resume", board.do_resume), ("report", board.do_report),
            )
        ),
    ]  # fmt: skip

    def told(request: Request, problem: Exception) -> Response:
        status, text = _status_and_text(problem)
        if request.url.path.startswith(("/api/", "/live")):
            return JSONResponse({"error": text}, status)
        return HTMLResponse(board.pages.render("message.html", title="Not found", text=text, known=True), status)

    handlers: dict[Any, Any] = {DiscoverError: told, HTTPException: told, Exception: told}
    return Guard(Starlette(routes=routes, exception_handlers=handlers), token, cookie, allowed, refused)


def _action(act: Callable[[dict[str, Any]], Any]) -> Callable[[Request], Any]:
    async def endpoint(request: Request) -> Response:
        import json

        try:
            given = json.loads(await _body(request, MOST_SAID))
        except ValueError:
            raise InputError("the request is no JSON") from None
        if not isinstance(given, dict):
            raise InputError("the request is no JSON object")
        return JSONResponse(plain(await run_in_threadpool(act, given)))

    return endpoint


async def _body(request: Request, most: int) -> bytes:
    """The content of a request.

    Raises:
        HTTPException: it is larger than so many bytes.
    """
    large = HTTPException(413, f"the file is larger than {most >> 20} MB; leave out what is not needed")
    told = request.headers.get("content-length", "0")
    if not told.isdigit() or int(told) > most:
        raise large
    content = bytearray()
    async for chunk in request.stream():
        content += chunk
        if len(content) > most:
            raise large
    return bytes(content)


def _options(given: Any) -> list[str]:
    """Options of `discover run`, each with its value in the same word, so that no value is taken for an option."""
    if not isinstance(given, dict) or not set(given) <= set(SEARCH):
        raise InputError(f"a search has the settings {', '.join(SEARCH)}")
    found = {name: str(value).strip() for name, value in given.items()}
    return [f"--{name}={value}" for name, value in found.items() if value]


def _status_and_text(problem: Exception) -> tuple[int, str]:
    if isinstance(problem, HTTPException):
        return problem.status_code, problem.detail
    if isinstance(problem, DiscoverError):
        return 400, str(problem)
    return 500, f"internal error: {type(problem).__name__}: {problem}. This is a mistake in discover."


def _distinct(values: Any) -> list[str]:
    return list(dict.fromkeys(str(value) for value in values))


def _version(rows: Any) -> str:
    return f"{hash(tuple(rows)) & (1 << 63) - 1:x}-{os.getpid()}"
