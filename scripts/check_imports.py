"""Check that imports go down the layers and that only a few parts touch files, network, clock or environment.

    python scripts/check_imports.py [FOLDER]

A module may import its own layer and those above it in LAYERS. Imports under `if TYPE_CHECKING` and inside
functions count too: the rule is about knowledge, not about start-up time.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

LAYERS = (
    "errors", "files", "plain_data", "rules", "averages", "expressions", "data", "law", "fitting", "scoring",
    "llm", "proposers", "search", "forecasts", "export", "api", "runs", "decisions", "sklearn", "report",
    "board", "discovery", "cli",
)  # fmt: skip

OUTSIDE_MODULES = frozenset((
    "concurrent", "datetime", "getpass", "glob", "http", "httpx", "io", "multiprocessing", "openai", "os", "pathlib",
    "random", "shutil", "signal", "socket", "ssl", "subprocess", "tempfile", "threading", "time", "urllib",
))  # fmt: skip
"""Modules by which code reaches files, network, clock, environment, other processes or hidden state."""

MAY_REACH_OUTSIDE = frozenset(("data", "files", "llm", "runs", "report", "board", "discovery", "cli"))

EXCEPTIONS: dict[str, tuple[frozenset[str], str]] = {
    "law/library.py": (frozenset(("pathlib",)), "names the files of the library, which are part of the package"),
    "law/storage.py": (frozenset(("pathlib",)), "names the file that the document is read from"),
    "api.py": (frozenset(("pathlib",)), "names the file that a table is read from"),
    "forecasts/ensemble.py": (frozenset(("pathlib",)), "names the file that the document is read from"),
    "forecasts/reading.py": (frozenset(("pathlib",)), "names the file that points are read from"),
    "decisions/allocation.py": (frozenset(("pathlib",)), "names the file that a law is read from"),
    "decisions/next_runs.py": (frozenset(("pathlib",)), "names the file that candidates are read from"),
    "export/law.py": (frozenset(("pathlib",)), "names the file that the document is read from"),
    "export/spreadsheet.py": (frozenset(("io",)), "a file in memory"),
    "fitting/compilation.py": (
        frozenset(("os", "pathlib", "subprocess")),
        "looks for the kernel's code, and compiles it in another process",
    ),
    "fitting/uncertainty.py": (frozenset(("concurrent",)), "threads around compiled code"),
    "search/loop.py": (frozenset(("time",)), "the default of the argument `clock`"),
    "search/pool.py": (OUTSIDE_MODULES, "worker processes"),
    "search/processes.py": (frozenset(("multiprocessing",)), "how these are started"),
    "search/cluster.py": (
        frozenset(("concurrent", "signal", "threading")),
        "its workers, and a bench for each of their threads",
    ),
    "search/island.py": (frozenset(("time",)), "an epoch ends when time is up"),
    "proposers/worker.py": (OUTSIDE_MODULES, "engines of other projects run in processes of their own"),
    "proposers/engines/": (OUTSIDE_MODULES, "the other side of these processes"),
}
"""Module or folder -> what it may import besides, and why."""


def main(arguments: list[str]) -> int:
    """Prints the violations and returns 1 if there are any."""
    package = Path(arguments[0] if arguments else Path(__file__).parent.parent / "discover")
    problems = [problem for path in sorted(package.rglob("*.py")) for problem in check(package, path)]
    print("\n".join(problems) or "imports: all go down the layers")
    return 1 if problems else 0


def check(package: Path, path: Path) -> Iterator[str]:
    """The violations of one module."""
    own = _layer(path.relative_to(package).with_suffix("").parts)
    if own is None:
        return
    if own not in LAYERS:
        yield f"{path}: the part {own!r} has no place among the layers"
        return
    for line, name in imports(ast.parse(path.read_text(encoding="utf-8"))):
        yield from _judge(package, path, own, line, name.split("."))


def _judge(package: Path, path: Path, own: str, line: int, name: list[str]) -> Iterator[str]:
    if name[0] == package.name:
        other = _layer(tuple(name[1:]))
        if other in LAYERS and LAYERS.index(other) > LAYERS.index(own):
            yield f"{path}:{line}: {own} imports {other}, which lies after it"
        return
    outside = name[0] in OUTSIDE_MODULES and own not in MAY_REACH_OUTSIDE
    if outside and not _excepted(path.relative_to(package).as_posix(), name[0]):
        yield f"{path}:{line}: {own} imports {name[0]}; only {', '.join(sorted(MAY_REACH_OUTSIDE))} may"


def _excepted(module: str, name: str) -> bool:
    return any(module.startswith(place) and name in names for place, (names, _) in EXCEPTIONS.items())


def _layer(parts: tuple[str, ...]) -> str | None:
    """Layer of a module inside the package; None for the public interface at its top."""
    if not parts or parts[0] in ("__init__", "__main__", "_version", "__version__"):
        return None
    return parts[0]


def imports(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Line and full name of everything imported."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield node.lineno, alias.name
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.lineno, node.module
            # `from discover import fitting` names a part, not an object.
            if node.module == "discover":
                for alias in node.names:
                    yield node.lineno, f"discover.{alias.name}"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
