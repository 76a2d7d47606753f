"""Every kind of bad input to `discover run` is answered by one sentence that names the place."""

from __future__ import annotations

import resource
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from discover.cli.table_options import TableOptions

from .commands import FEW, assert_one_error, command, table_text

TARGET = ("--target", "loss")


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a table and a finished run of it, `r`."""
    place = tmp_path_factory.mktemp("finished")
    (place / "runs.csv").write_text(table_text())
    done = command("run", "runs.csv", *TARGET, *FEW, "--out", "r", cwd=place)
    assert done.status == 0, done.err
    return place


@pytest.fixture
def run_r(finished: Path, tmp_path: Path) -> Path:
    """A copy of the table and of the run, to be changed."""
    shutil.copytree(finished, tmp_path, dirs_exist_ok=True)
    config = tmp_path / "r" / "run.toml"
    config.write_text(config.read_text().replace(str(finished), str(tmp_path)))
    return tmp_path / "r"


def edited(path: Path, line: int, column: int, cell: str) -> None:
    """Replaces a cell; lines count from 1, columns from 0."""
    lines = path.read_text().splitlines()
    cells = lines[line - 1].split(",")
    cells[column] = cell
    lines[line - 1] = ",".join(cells)
    path.write_text("\n".join(lines) + "\n")


def test_a_missing_column_is_named_with_those_there_are(mistaken, runs_csv) -> None:
    Path("two.csv").write_text("params,train_loss,eval_acc,test_acc\n1,2,3,4\n2,1,4,5\n")
    assert_one_error(mistaken("compare", "two.csv"), "two.csv", "eval_acc, test_acc", "--target")
    assert_one_error(mistaken("run", "runs.csv", "--target", "los"), "runs.csv", "'los'", "did you mean 'loss'")
    outcome = mistaken("run", "runs.csv", *TARGET, "--features", "params,data")
    assert_one_error(outcome, "runs.csv", "'data'", "params, tokens, loss")


@pytest.mark.parametrize(
    ("column", "name", "cell", "expected"),
    [
        (2, "loss", "high", "'high' is not a number"),
        (0, "params", "0", "above 0"),
        (1, "tokens", "-1e9", "above 0"),
        (0, "params", "7 bnx", "'7 bnx' is not a number"),
    ],
)
def test_a_bad_cell_is_named_by_file_line_and_column(mistaken, runs_csv, column, name, cell, expected) -> None:
    edited(runs_csv, 5, column, cell)
    outcome = mistaken("run", "runs.csv", *TARGET, "--features", "params,tokens", *FEW)
    assert_one_error(outcome, "runs.csv, line 5", f"column '{name}'", expected)


@pytest.mark.parametrize(("column", "cell"), [(0, ""), (1, "N/A"), (2, "nan"), (2, "")])
def test_a_run_without_a_value_is_left_out(mistaken, runs_csv, column, cell) -> None:
    edited(runs_csv, 5, column, cell)
    for arguments in (("fit", "chinchilla", "runs.csv"), ("task", "new", "runs.csv", *TARGET, "--json")):
        outcome = mistaken(*arguments)
        assert outcome.status == 0, outcome.err
        assert "1 run is left out: no value in" in outcome.out + outcome.err
        assert "(line 5)" in outcome.out + outcome.err


def test_one_row_is_too_few(mistaken, runs_csv) -> None:
    runs_csv.write_text(table_text(drop=29))
    outcome = mistaken("run", "runs.csv", *TARGET, "--features", "params,tokens")
    assert_one_error(outcome, "runs.csv", "1 train row")


def test_no_rows_and_no_header_are_told_apart(mistaken, runs_csv) -> None:
    runs_csv.write_text("params,tokens,loss\n")
    assert_one_error(mistaken("run", "runs.csv", *TARGET), "runs.csv", "no rows")
    runs_csv.write_text("")
    assert_one_error(mistaken("run", "runs.csv", *TARGET), "runs.csv", "empty")


def test_a_group_with_a_single_row_is_named(mistaken, runs_csv) -> None:
    lines = table_text().splitlines()
    grouped = [f"{lines[0]},family", *(f"{line},{'b' if n == 3 else 'a'}" for n, line in enumerate(lines[1:]))]
    runs_csv.write_text("\n".join(grouped) + "\n")
    outcome = mistaken("run", "runs.csv", *TARGET, "--group", "family")
    assert_one_error(outcome, "runs.csv", "'b'", "single train row")


@pytest.mark.parametrize("name", ["run", "compare"])
def test_a_target_that_never_changes_has_no_law(mistaken, runs_csv, name) -> None:
    runs_csv.write_text("params,loss\n" + "".join(f"1e{n},3.0\n" for n in range(6, 14)))
    outcome = mistaken(name, "runs.csv", *TARGET)
    assert_one_error(outcome, "runs.csv: loss is 3 on all 8 train rows", "expected a target that varies")
    assert outcome.status == 1
    assert not Path("runs").exists()


def test_a_group_with_fewer_rows_than_constants_is_named(mistaken, runs_csv) -> None:
    lines = table_text().splitlines()
    grouped = [f"{lines[0]},family", *(f"{line},{'b' if n < 3 else 'a'}" for n, line in enumerate(lines[1:]))]
    runs_csv.write_text("\n".join(grouped) + "\n")
    assert_one_error(mistaken("fit", "chinchilla", "runs.csv", "--groups", "family"), "runs.csv", "group b", "3 rows")


def test_an_empty_test_split_is_told_by_evaluate(discover, run_r) -> None:
    assert_one_error(discover("evaluate", "r"), "no test rows", "holdout")


def test_a_holdout_outside_0_to_1_is_refused(mistaken, runs_csv) -> None:
    assert_one_error(mistaken("run", "runs.csv", *TARGET, "--holdout", "1.5"), "holdout", "1.5")


@pytest.mark.parametrize(
    ("option", "value", "message"),
    [
        (
            "--holdout",
            "200%",
            "--holdout is 200%; expected a share of the rows above 0 and below 1, such as 0.2 or 20%",
        ),
        ("--workers", "0", "--workers is 0; expected at least 1"),
        ("--seed", "x", "--seed is x; expected a whole number"),
    ],
)
def test_a_value_out_of_range_is_told_with_what_was_expected(mistaken, runs_csv, option, value, message) -> None:
    outcome = mistaken("run", "runs.csv", *TARGET, option, value)
    assert (outcome.status, outcome.err) == (1, f"error: {message}\n")


def test_a_holdout_may_be_in_per_cent() -> None:
    assert TableOptions(holdout="20%").read()["holdout"] == 0.2


@pytest.mark.parametrize("options", [(), TARGET])
@pytest.mark.parametrize(("name", "what"), [("t.docx", "with the suffix '.docx'"), ("runs", "without a suffix")])
def test_a_table_with_another_suffix_is_no_task(mistaken, runs_csv, options, name, what) -> None:
    runs_csv.rename(name)
    assert_one_error(mistaken("compare", name, *options), f"{name}: tables {what} are not read", ".csv, .tsv")


def test_a_formula_without_a_column_is_told_with_its_names(mistaken, runs_csv) -> None:
    outcome = mistaken("fit", "E + A/Q**a", "runs.csv", *TARGET)
    assert_one_error(outcome, "no name in the formula (E, A, Q, a) is a column", "params, tokens, loss", "--columns")


def test_a_name_that_is_nearly_a_column_is_that_column_and_told(mistaken, runs_csv) -> None:
    outcome = mistaken("fit", "E + A/params**a*token", "runs.csv", *TARGET)
    assert "note: token of the formula is the column 'tokens'" in outcome.out


def test_an_unknown_task_lists_those_there_are(mistaken) -> None:
    assert_one_error(mistaken("run", "parallell"), "'parallell'", "parallel", "sft")


def test_an_unwritable_folder_is_named(mistaken, runs_csv) -> None:
    Path("file").write_text("not a folder")
    assert_one_error(mistaken("run", "runs.csv", *TARGET, "--out", "file"), "file is a file")
    assert_one_error(mistaken("run", "runs.csv", *TARGET, "--out", "file/r"), "file/r", "cannot be made")
    assert_one_error(mistaken("run", "runs.csv", *TARGET, "--out", "/proc/r"), "/proc/r", "--out")


def test_a_folder_with_other_things_is_left_alone(mistaken, runs_csv) -> None:
    Path("mine").mkdir()
    Path("mine/notes.txt").write_text("keep")
    assert_one_error(mistaken("run", "runs.csv", *TARGET, "--out", "mine"), "mine", "not empty")
    assert [path.name for path in Path("mine").iterdir()] == ["notes.txt"]


def test_a_folder_with_a_run_points_to_resume(discover, run_r) -> None:
    assert_one_error(discover("run", "runs.csv", *TARGET, *FEW, "--out", "r"), "discover resume r")


def test_a_run_of_a_newer_version_is_refused(discover, run_r) -> None:
    config = run_r / "run.toml"
    config.write_text(config.read_text().replace("format = 1", "format = 99"))
    for asked in ("resume", "evaluate", "show"):
        assert_one_error(discover(asked, "r"), "newer discover", "99")


def test_changed_train_rows_are_noticed_on_resume(discover, run_r) -> None:
    edited(Path("runs.csv"), 5, 2, "9.9")
    assert_one_error(discover("resume", "r"), "runs.csv", "changed")


@pytest.mark.slow
def test_a_full_disk_stops_the_run_and_leaves_the_journal_whole(discover, runs_csv) -> None:
    command = ("run", "runs.csv", *TARGET, "--evaluations", "64", "--workers", "1", "-q", "--out")
    assert discover(*command, "whole").status == 0
    room = Path("whole/steps.jsonl").stat().st_size // 2  # laws are written an epoch at a time, of which there are four

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (room, resource.RLIM_INFINITY))

    outcome = discover(*command, "r", preexec_fn=limit)
    assert_one_error(outcome, "steps.jsonl", "discover resume r")
    content = Path("r/steps.jsonl").read_bytes()
    assert 0 < len(content) <= room
    assert content.endswith(b"\n")
    assert not Path("r/law.json").exists()
    # With room again the run ends as if nothing had happened.
    assert discover("resume", "r", "-q").status == 0
    assert Path("r/law.json").read_bytes() == Path("whole/law.json").read_bytes()


def test_a_closed_pipe_is_no_error(runs_csv) -> None:
    done = subprocess.run(f"{sys.executable} -m discover laws | head -n 1", shell=True, capture_output=True, text=True)
    assert "Error" not in done.stderr
    assert done.stdout.count("\n") == 1
