"""Commands that do not search: help, tasks, laws, fit; and the shape of what they print."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from discover.cli.app import app, main


def test_without_arguments_shows_help_with_an_example(discover) -> None:
    shown = discover()
    assert shown.status == 0
    assert "discover run data_constrained" in shown.out
    assert shown.err == ""


def test_version_is_printed(discover) -> None:
    from discover import __version__

    assert discover("--version").out == f"discover {__version__}\n"


SLOW = {
    "httpx", "jinja2", "juliacall", "llguidance", "matplotlib", "mistralrs", "numba", "numpy", "openai", "pandas",
    "plotly", "pyarrow", "pyoperon", "pysr", "scipy", "sklearn", "sympy", "typst",
}  # fmt: skip
HELPERS = ("discover._version", "discover.errors", "discover.plain_data", "discover.cli", "discover.llm.defaults")
"""All of discover that a help text and the values of options need; the package of the last one is but a name."""


@pytest.mark.parametrize(
    ("commands", "slow"),
    [([[]], SLOW | {"pydantic"}), ([["run"], ["predict"], ["report"], ["task", "new"]], SLOW)],
    ids=["discover", "commands"],
)  # typer itself may import pydantic for a command
def test_help_imports_nothing_slow(commands, slow) -> None:
    code = f"""
import sys
from discover.cli import main
for command in {commands}:
    main([*command, "--help"])
slow = {slow} & set(sys.modules)
own = [name for name in sys.modules if name.startswith("discover.") and not name.startswith({HELPERS})]
own = [name for name in own if name != "discover.llm"]
sys.exit(f"imported {{slow}} {{own}}" if slow or own else 0)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_tasks_are_listed(discover) -> None:
    shown = discover("tasks")
    assert shown.status == 0
    for name in ("parallel", "vocab", "sft", "domain_mixture", "moe", "data_constrained", "lr_bsz"):
        assert name in shown.out


def test_a_task_is_shown_with_ranges_and_split(discover) -> None:
    shown = discover("tasks", "moe", "--json").json
    assert (shown["task"], shown["train_rows"], shown["test_rows"]) == ("moe", 193, 28)
    experts = next(column for column in shown["columns"] if column["name"] == "experts")
    assert experts["range"] == [1, 512]
    assert "28 sealed" in discover("tasks", "moe").out


def test_a_law_is_explained(discover) -> None:
    shown = discover("laws", "chinchilla")
    assert shown.status == 0
    assert "params**(-alpha)" in shown.out.replace(" ", "")
    assert discover("laws", "chinchilla", "--json").json["n_constants"] == 5


def test_laws_for_columns_are_listed(discover) -> None:
    found = discover("laws", "--columns", "params,tokens", "--json").json["laws"]
    assert "chinchilla" in [law["law"] for law in found]


def test_fit_finds_the_constants_of_a_users_table(discover, runs_csv: Path) -> None:
    found = discover("fit", "chinchilla", runs_csv, "--json").json
    (constants,) = found["constants"]
    assert constants["values"]["E"] == pytest.approx(1.7, abs=0.1)
    assert found["law"] == "chinchilla"
    assert found["fit"]["r2"] > 0.999
    assert found["converged"]


def test_fit_takes_a_formula_and_other_headings(discover, runs_csv: Path) -> None:
    runs_csv.write_text(runs_csv.read_text().replace("params,tokens,loss", "N,D,final"))
    by_law = discover("fit", "chinchilla", runs_csv, "--target", "final", "--json").json
    formula = "E + A*N**(-alpha) + B*D**(-beta)"
    by_formula = discover("fit", formula, runs_csv, "--target", "final", "--json").json
    assert by_formula["objective"] <= by_law["objective"] * 50
    assert "N**(-alpha)" in by_law["formula"]


def test_a_formula_may_use_the_names_of_the_field(mistaken, runs_csv: Path) -> None:
    found = mistaken("fit", "E + A*N**(-alpha) + B*D**(-beta)", "runs.csv", "--json").json
    assert found["formula"] == mistaken("fit", "chinchilla", "runs.csv", "--json").json["formula"]
    assert "N of the formula is the column 'params'" in found["notes"]


def test_fit_writes_the_law_that_export_takes(discover, runs_csv: Path, tmp_path: Path) -> None:
    assert discover("fit", "chinchilla", runs_csv, "--out", "law.json").status == 0
    exported = discover("export", "law.json", "--to", "python")
    assert exported.status == 0
    (tmp_path / "exported.py").write_text(exported.out)
    code = "import exported; print(float(exported.predict(1e8, 1e10)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=tmp_path)
    assert float(done.stdout) == pytest.approx(3.108, abs=0.02), done.stderr


@pytest.mark.parametrize(
    ("arguments", "parts"),
    [
        (("tasks", "moee"), ("moee", "moe")),
        (("laws", "chinchila"), ("chinchila", "chinchilla")),
        (("fit", "chinchilla", "none.csv"), ("none.csv", "no such file")),
        (("run", "nothing"), ("nothing", "parallel")),
        (("run", "moe", "--budget", "soon"), ("--budget", "soon", "60s")),
        (("run", "moe", "--budget", "0s"), ("--budget", "above zero")),
        (("run", "moe", "--target", "loss"), ("--target", "moe")),
        (("run", "runs.csv"), ("runs.csv",)),
        (("run", "moe", "--workers", "0"), ("--workers",)),
        (("nonsense",), ("nonsense",)),
        (("run", "runs.csv", "--target", "loss", "--holdout", "20"), ("--holdout is 20", "above 0 and below 1")),
        (("compare", "none.xlsx", "--target", "loss"), ("no such file", "none.xlsx")),
        (("tasks", "--nonsense"), ("--nonsense", "discover tasks --help")),
        (("resume", "nowhere"), ("nowhere", "no folder")),
        (("show", "."), ("run.toml",)),
        (("evaluate", "."), ("run.toml",)),
        (("export", ".", "--to", "python"), ("run.toml",)),
    ],
    ids=lambda value: " ".join(value),
)
def test_mistakes_are_told_in_one_line(capfd, tmp_path, monkeypatch, arguments, parts) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(list(arguments)) not in (0, None)
    shown = capfd.readouterr()
    assert shown.out == ""
    assert shown.err.startswith("error: ")
    assert len(shown.err.splitlines()) == 1
    for part in parts:
        assert part in shown.err
    assert list(tmp_path.iterdir()) == []


def test_debug_shows_the_traceback(discover) -> None:
    shown = discover("tasks", "nothing", "--debug")
    assert shown.status != 0
    assert "Traceback" in shown.err
    assert "InputError" in shown.err


def test_the_usual_options_of_run_fit_on_a_screen_and_a_half():
    shown = CliRunner().invoke(app, ["run", "--help"], env={"COLUMNS": "80", "TERMINAL_WIDTH": "80"}).output
    usual, heading, rare = shown.partition("rarely needed")
    assert heading
    assert len(usual.strip().splitlines()) <= 61  # with the heading of what follows
    assert all(option in usual for option in ("--target ", "--holdout", "--evaluations", "--out"))
    assert all(option in rare for option in ("--islands", "--weights", "--llm-calls"))
