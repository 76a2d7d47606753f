"""Who may ask the board, and what it never gives away."""

from __future__ import annotations

import json
import os
import shutil
import stat
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote, urlsplit

import pytest

from discover.board.guard import is_loopback
from discover.board.tables import usual_name
from discover.errors import InputError

from .conftest import HOSTILE, Client, close, serve, table

SECRET = "what lies outside of the folder"


@pytest.fixture(scope="module")
def outside(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("outside")
    (home / "secret").write_text(SECRET)
    (home / "elsewhere").mkdir()
    (home / "elsewhere" / "run.toml").write_text(SECRET)
    return home


@pytest.fixture(scope="module")
def board(finished: Path, outside: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    home = tmp_path_factory.mktemp("guarded")
    shutil.copytree(finished, home / "first")
    shutil.copytree(finished, home / HOSTILE)
    (home / "linked").symlink_to(outside / "elsewhere", target_is_directory=True)
    (home / "first" / "report.html").unlink(missing_ok=True)
    (home / "first" / "report.html").symlink_to(outside / "secret")
    client = serve(home)
    yield client
    close(client)


def test_nothing_is_shown_without_the_token(board: Client) -> None:
    for path in ("/", "/new", "/rows", "/run?run=first", "/live?run=first", "/?token=wrong", "/static/list.js"):
        status, _, content = board.ask("GET", path, Cookie="")
        assert status == 403, path
        assert b"first" not in content
    status, _, _ = board.ask("POST", "/api/stop", {"run": "first"}, Cookie="")
    assert status == 403


def test_the_link_leaves_a_cookie_that_scripts_and_other_sites_do_not_get(board: Client) -> None:
    status, headers, content = board.ask("GET", "/?" + urlsplit(board.link).query, Cookie="")
    assert status == 200
    assert "HttpOnly" in headers["set-cookie"]
    assert "samesite=strict" in headers["set-cookie"].lower()
    assert b"token" not in content
    again, _, content = board.ask("GET", "/?" + urlsplit(board.link).query)  # opened once more: it leaves the address
    assert (again, b"first" in content) == (200, False)
    assert "first" in board.page("/")


@pytest.mark.parametrize("host", ["evil.example", "evil.example:80", "127.0.0.1.evil.example", "0.0.0.0", ""])
def test_other_host_names_are_refused_as_dns_can_point_them_here(board: Client, host: str) -> None:
    status, _, content = board.ask("GET", "/", Host=host or " ")
    assert status in (400, 421)
    assert b"first" not in content


def test_a_tunnel_from_another_port_is_let_in(board: Client) -> None:
    assert board.ask("GET", "/", Host="localhost:9999")[0] == 200


@pytest.mark.parametrize("origin", ["", "null", "http://evil.example", "http://127.0.0.1:1", "https://localhost"])
def test_actions_from_other_pages_are_refused(board: Client, origin: str) -> None:
    status, _, _ = board.ask("POST", "/api/stop", {"run": "first"}, Origin=origin)
    assert status == 403
    status, _, _ = board.ask("PUT", "/api/tables?name=x.csv", table().encode(), Origin=origin)
    assert status == 403


def test_every_answer_forbids_other_scripts_and_frames(board: Client) -> None:
    for path in ("/", "/new", "/run?run=first", "/nothing", "/static/board.js"):
        _, headers, _ = board.ask("GET", path)
        rules = dict(rule.strip().partition(" ")[::2] for rule in headers["content-security-policy"].split(";"))
        assert rules["default-src"] == "'none'"
        assert rules["script-src"] == rules["style-src"] == "'self'"
        assert rules["frame-ancestors"] == "'none'"
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "no-referrer"


@pytest.mark.parametrize(
    "run",
    [
        "..",
        "../outside/elsewhere",
        "first/../../outside",
        "/etc",
        "linked",
        "first/.",
        "",
        "first\0",
        "%2e%2e",
        "C:\\x",
    ],
)
def test_no_path_leads_out_of_the_folder(board: Client, run: str) -> None:
    for page in ("run", "live", "export", "report", "compare"):
        status, _, content = board.ask("GET", f"/{page}?run={quote(run, safe='')}&to=json")
        assert status == 400, (page, content)
        assert SECRET.encode() not in content
    assert "there is no run" in board.refused("resume", run=run)


def test_a_link_in_a_run_is_not_followed_out_of_the_folder(board: Client) -> None:
    status, _, content = board.ask("GET", "/report?run=first")
    assert status == 400
    assert SECRET.encode() not in content
    assert "linked" not in board.page("/")


def test_hostile_names_are_text_on_every_page(board: Client) -> None:
    for path in ("/", f"/run?run={quote(HOSTILE, safe='')}", f"/compare?run=first&run={quote(HOSTILE, safe='')}"):
        page = board.page(path)
        assert "<script>alert" not in page
        assert "&lt;script&gt;alert(1)" in page
        assert '"d"' not in page.replace("&#34;", "")


def test_a_report_runs_apart_from_the_board(board: Client) -> None:
    (_tables(board).parent / HOSTILE / "report.html").write_text("<h1>of somebody else's making</h1>")
    status, headers, content = board.ask("GET", f"/report?run={quote(HOSTILE, safe='')}")
    assert status == 200
    policy = headers["content-security-policy"]
    assert policy.startswith("sandbox allow-scripts")
    assert "allow-same-origin" not in policy
    assert "connect-src" not in policy  # the default forbids it
    assert b"<h1>" in content


# -- uploads


def test_a_table_is_kept_as_data_below_the_folder(board: Client, tmp_path: Path) -> None:
    status, _, content = board.ask("PUT", f"/api/tables?name={quote('../../$(id) <b>.csv', safe='')}", table().encode())
    found = json.loads(content)
    assert status == 200, found
    assert found["table"] == "$(id) <b>.csv"
    assert found["rows"] == 48
    assert {one["name"]: one["role"] for one in found["headings"]} == {
        "family": "group", "params": "feature", "tokens": "feature", "loss": "target",
    }  # fmt: skip
    assert not stat.S_IMODE(os.stat(_tables(board) / found["table"]).st_mode) & 0o111


def _tables(board: Client) -> Path:
    folder = board.process.args[board.process.args.index("board") + 1]  # type: ignore[union-attr,arg-type,index]
    return Path(folder) / "tables"


def test_a_table_that_is_too_large_is_refused_before_it_is_read(board: Client) -> None:
    status, _, content = board.ask("PUT", "/api/tables?name=x.csv", b"", **{"Content-Length": str(1 << 30)})
    assert status == 413
    assert "64 MB" in json.loads(content)["error"]


@pytest.mark.parametrize(("name", "said"), [("x.py", "are not read"), ("x.pkl", ""), ("", "without a suffix")])
def test_other_files_are_refused(board: Client, name: str, said: str) -> None:
    status, _, content = board.ask("PUT", f"/api/tables?name={name}", b"import os")
    assert status == 400
    assert said in json.loads(content)["error"]
    assert not (_tables(board) / name).is_file()


def test_a_file_that_is_no_table_is_told_about(board: Client) -> None:
    status, _, content = board.ask("PUT", "/api/tables?name=bytes.csv", bytes(range(256)) * 40)
    assert status in (200, 400)
    found = json.loads(content)
    assert found.get("error") or found["trouble"]


@pytest.mark.parametrize("path", ["../first/run.toml", ".hidden.csv", "no.csv", "a/b.csv", "x\0.csv"])
def test_only_uploaded_tables_can_be_asked_for(board: Client, path: str) -> None:
    assert "there is no table" in board.refused("guess", table=path)
    assert "there is no table" in board.refused("start", table=path)


def test_requests_that_are_no_objects_are_refused(board: Client) -> None:
    for body in (b"", b"[]", b"{", b"\xff"):
        status, _, content = board.ask("POST", "/api/stop", body)
        assert status == 400
        assert "no JSON" in json.loads(content)["error"]


# -- names


@pytest.mark.parametrize(
    ("name", "own"),
    [("127.0.0.1", True), ("localhost", True), ("[::1]", True), ("127.9.9.9", True), ("10.0.0.1", False),
     ("localhost.evil", False), ("", False)],
)  # fmt: skip
def test_loopback_is_told_from_other_names(name: str, own: bool) -> None:
    assert is_loopback(name) is own


@pytest.mark.parametrize(
    ("given", "kept"),
    [("runs.csv", "runs.csv"), ("C:\\data\\runs.csv", "runs.csv"), ("../../runs.csv", "runs.csv"),
     ("..csv", "csv"), ("a\nb\u202e.csv", "ab.csv"), ("x" * 400 + ".csv", "x" * 120 + ".csv")],
)  # fmt: skip
def test_the_name_of_a_file_is_kept_without_folders_and_unseen_signs(given: str, kept: str) -> None:
    if kept == "csv":
        with pytest.raises(InputError, match="without a suffix"):
            usual_name(given)
    else:
        assert usual_name(given) == kept
