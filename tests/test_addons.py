"""Proposers and export targets of other packages: the example installed by pip, and packages that fail."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLE = Path(__file__).parent.parent / "examples" / "addon"
BROKEN = {
    "raises": "def raises(problem):\n    raise RuntimeError('no key')\n",
    "odd": "class odd:\n    def __init__(self, problem): pass\n    def ask(self, n, elites, rng): return ['a*x']\n"
    "    def tell(self, results): pass\n    def drop(self, candidate, reason): pass\n    def close(self): pass\n",
}


def discover(*arguments: str | Path, packages: Path, folder: Path) -> subprocess.CompletedProcess[str]:
    """The command, with the packages of a folder beside those that are installed."""
    return subprocess.run(
        [sys.executable, "-m", "discover", *map(str, arguments)],
        cwd=folder, env=os.environ | {"PYTHONPATH": f"{packages}{os.pathsep}{Path.cwd()}"},
        capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the example, installed from its source."""
    pytest.importorskip("flit_core")
    folder = tmp_path_factory.mktemp("packages")
    options = ("--no-index", "--no-deps", "--no-build-isolation", "--quiet", "--target", str(folder))
    done = subprocess.run(
        [sys.executable, "-m", "pip", "install", *options, str(EXAMPLE)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return folder


def table(folder: Path) -> Path:
    rows = [
        f"{n:g},{d:g},{1.6 + 300 * n**-0.31 + 400 * d**-0.29:.6f}" for n in (1e7, 5e7, 2e8, 1e9) for d in (1e9, 1e10)
    ]
    (folder / "runs.csv").write_text("\n".join(["params,tokens,loss", *rows]) + "\n")
    return folder / "runs.csv"


def add(packages: Path, name: str, source: str) -> None:
    """A package as pip leaves it, with one entry point."""
    (packages / f"{name}_package.py").write_text(source)
    info = packages / f"{name}_package-0.3.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}-package\nVersion: 0.3\n")
    group = "discover.export_targets" if name.startswith("target") else "discover.proposers"
    (info / "entry_points.txt").write_text(f"[{group}]\n{name} = {name}_package:{name}\n")


def test_the_example_proposes_laws_and_exports_them(installed: Path, tmp_path: Path) -> None:
    done = discover(
        "run", table(tmp_path), "--target", "loss", "--proposers", "stretched,grammar", "--evaluations", "24",
        "--workers", "1", "--quiet", "--out", "run", packages=installed, folder=tmp_path,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    records = [json.loads(line) for line in (tmp_path / "run/steps.jsonl").read_text().splitlines()]
    origins = {record.get("origin") for record in records}
    assert {"stretched:params", "stretched:tokens"} <= origins
    law = json.loads((tmp_path / "run/law.json").read_text())
    done = discover("export", "run", "--to", "constants", packages=installed, folder=tmp_path)
    assert done.returncode == 0, done.stderr
    assert len(done.stdout.splitlines()) == 1 + sum(len(entry["values"]) for entry in law["constants"])
    assert "stretched" not in discover("run", "--help", packages=tmp_path, folder=tmp_path).stdout


@pytest.mark.parametrize(
    ("name", "source", "said"),
    [
        ("raises", BROKEN["raises"], "raises, which the package raises-package 0.3 adds, fails: RuntimeError: no key"),
        ("odd", BROKEN["odd"], "fails: it proposes a str; expected a Candidate"),
        ("absent", "import no_such_module\n", "fails: ModuleNotFoundError: No module named 'no_such_module'"),
    ],
)
def test_a_broken_proposer_is_named_in_one_sentence(name: str, source: str, said: str, tmp_path: Path) -> None:
    packages = tmp_path / "packages"
    packages.mkdir()
    add(packages, name, source)
    done = discover(
        "run", table(tmp_path), "--target", "loss", "--proposers", f"{name},grammar", "--evaluations", "12",
        "--workers", "1", "--quiet", "--out", "run", packages=packages, folder=tmp_path,
    )  # fmt: skip
    assert done.returncode != 0
    assert said in " ".join(done.stderr.split())
    assert "Traceback" not in done.stderr


def test_a_broken_target_is_named_in_one_sentence(tmp_path: Path) -> None:
    add(tmp_path, "target_none", "target_none = None\n")
    done = discover("export", "chinchilla", "--to", "target_none", packages=tmp_path, folder=tmp_path)
    assert done.returncode != 0
    assert "fails: it is a NoneType; expected a Target" in " ".join(done.stderr.split())
    assert "Traceback" not in done.stderr
    done = discover("export", "chinchilla", "--to", "pyton", packages=tmp_path, folder=tmp_path)
    assert "target_none" in done.stderr
