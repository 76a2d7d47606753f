"""Tables as people have them, through the command: what is read, what is told, and the constants that come of it."""

from __future__ import annotations

import csv
import io
import json
import math
import random
from collections.abc import Callable
from pathlib import Path

import pytest

from .commands import FEW, Outcome, assert_one_error


@pytest.fixture
def discover(mistaken: Callable[..., Outcome]) -> Callable[..., Outcome]:
    """The command in this process, so that the kernel is loaded once for all of these tables."""
    return mistaken


LAW = {"E": 1.72, "A": 420.0, "alpha": 0.33, "B": 980.0, "beta": 0.30}
SIZES = (19_000_000, 57_000_000, 172_000_000, 512_000_000, 1_400_000_000)
TOKENS = (800, 2_600, 9_800, 26_000, 130_000)  # millions


def rows() -> list[tuple[int, int, float]]:
    """Parameters, millions of tokens and loss, with noise of 0.004."""
    noise = random.Random(3)
    return [
        (n, d, round(1.72 + 420 * n**-0.33 + 980 * (d * 1e6) ** -0.30 + noise.gauss(0, 0.004), 4))
        for n in SIZES
        for d in TOKENS
    ]


def plain(header: str = "Parameter,Token (Mio.),Lernrate,val_loss") -> str:
    return header + "\n" + "".join(f"{n},{d},0.0003,{y}\n" for n, d, y in rows())


def german(value: float) -> str:
    """A number as a German Excel shows it."""
    whole, _, part = repr(value).partition(".")
    return f"{int(whole):,}".replace(",", ".") + (f",{part}" if part else "")


def constants(outcome) -> dict[str, float]:
    assert outcome.status == 0, outcome.err
    (found,) = outcome.json["constants"]
    return found["values"]


def task(discover, table: str, *options: str) -> dict:
    made = discover("task", "new", table, "--json", "--force", *options)
    assert made.status == 0, made.err
    shown = discover("tasks", Path(table).with_suffix(".toml").name, "--json")
    assert shown.status == 0, shown.err
    return shown.json | {"notes": made.json["notes"]}


def names(made: dict, role: str) -> list[str]:
    return [column["name"] for column in made["columns"] if column["role"] == role]


def test_a_german_table_gives_the_numbers_of_the_plain_one(discover) -> None:
    lines = [
        "Parameter;Token (Mio.);Lernrate;val_loss",
        *(f"{german(n)};{german(d)};0,0003;{german(y)}" for n, d, y in rows()),
    ]
    Path("de.csv").write_bytes(b"\xef\xbb\xbf" + "\r\n".join(lines).encode() + b"\r\n")
    Path("plain.csv").write_text(plain())
    made = {name: task(discover, f"{name}.csv", "--target", "val_loss") for name in ("de", "plain")}
    assert names(made["de"], "feature") == ["Parameter", "Token_Mio"]
    assert made["de"]["columns"] == made["plain"]["columns"]
    assert made["de"]["columns"][1]["range"] == [800.0, 130_000.0]
    assert "in Token (Mio.), 2.600 means 2600" in made["de"]["notes"]
    fits = [constants(discover("fit", "chinchilla", f"{name}.csv", "--target", "val_loss", "--json")) for name in made]
    assert fits[0] == pytest.approx(fits[1], rel=1e-12)
    assert fits[0]["alpha"] == pytest.approx(LAW["alpha"], abs=0.012)
    assert fits[0]["beta"] == pytest.approx(LAW["beta"], abs=0.012)
    assert fits[0]["E"] == pytest.approx(LAW["E"], abs=0.05)


def test_where_no_cell_tells_the_decimal_sign_a_cell_is_named(mistaken) -> None:
    Path("a.csv").write_text("Parameter;Token;x\n19.000;2.600;5.483\n57.000;9.800;4.842\n")
    outcome = mistaken("task", "new", "a.csv", "--target", "x")
    assert_one_error(outcome, "line 2, column", "may mean", "no cell of the file tells")


def test_lines_and_cells_that_a_spreadsheet_adds_are_read(discover) -> None:
    body = [
        f"R{i:02};{n};{d * 1_000_000};{german(round(math.exp(y), 3))};{german(y)};"
        for i, (n, d, y) in enumerate(rows())
    ]
    body[6] = body[6].rsplit(";", 3)[0] + ";#DIV/0!;#NV;"
    Path("de.csv").write_text("\n".join(["sep=;", "Lauf;params;tokens;ppl;val_loss;", *body]) + "\n", encoding="utf-16")
    made = task(discover, "de.csv")
    assert names(made, "feature") == ["params", "tokens"]
    assert (names(made, "target"), made["train_rows"]) == (["val_loss"], 24)
    assert any("1 run is left out: no value in val_loss, but #NV (line 9)" in note for note in made["notes"])
    found = constants(discover("fit", "chinchilla", "de.csv", "--target", "val_loss", "--json"))
    assert found["alpha"] == pytest.approx(LAW["alpha"], abs=0.012)


def chart(grouped: bool = False) -> str:
    """A line chart: a column per run, each with the ends of its band; runs end at different steps."""
    noise = random.Random(5)
    runs = {"gpt-19M": (3.05, 14.0, 40), "gpt-57M": (2.71, 13.2, 34), "gpt-172M": (2.44, 12.5, 28)}
    label = "size: {} - eval/loss" if grouped else "{} - eval/loss"
    header, extra = ["Training step" if grouped else "Step"], []
    for name in runs:
        header += [label.format(name) + end for end in ("", "__MIN", "__MAX")]
        extra += [f"size: {name} - _step"] if grouped else []
    text = io.StringIO()
    write = csv.writer(text, quoting=csv.QUOTE_ALL, lineterminator="\n")
    write.writerow([*header, *extra])
    for k in range(1, 41):
        step, cells = 500 * k, []
        for floor, scale, last in runs.values():
            y = f"{floor + scale * step**-0.42 + noise.gauss(0, 0.002):.6f}" if k <= last else ""
            cells += [y, y, y]
        write.writerow([step, *cells, *[step] * len(extra)])
    return text.getvalue()


def test_a_chart_of_a_tracker_is_curves_of_runs(discover) -> None:
    Path("chart.csv").write_text(chart())
    made = task(discover, "chart.csv")
    assert (names(made, "feature"), names(made, "target"), made["group"]) == (["Step"], ["eval_loss"], "run")
    assert made["group_rows"] == {"gpt-19M": 40, "gpt-57M": 34, "gpt-172M": 28}
    law = ("fit", "E + A*Step**(-alpha)", "chart.csv", "--json", "--target")
    found = constants(discover(*law, "gpt-19M - eval/loss"))
    assert found["alpha"] == pytest.approx(0.42, abs=0.02)
    assert found["E"] == pytest.approx(3.05, abs=0.03)
    assert found["E"] + found["A"] * 80_000 ** -found["alpha"] == pytest.approx(3.05 + 14 * 80_000**-0.42, abs=0.02)
    notes = discover(*law, "gpt-172M - eval/loss").json["notes"]
    assert any("12 runs are left out: no value in gpt-172M - eval/loss" in note for note in notes)
    Path("grouped.csv").write_text(chart(grouped=True))
    made = task(discover, "grouped.csv", "--target", "size: gpt-19M - eval/loss")
    assert names(made, "feature") == ["Training_step"]
    assert any("_step columns, which repeat it" in note for note in made["notes"])


def mlflow(failed: bool) -> str:
    header = (
        ",run_id,experiment_id,status,artifact_uri,start_time,metrics.val_loss,metrics.train_loss,params.n_params,"
        "params.train_tokens,params.lr,params.seed,tags.mlflow.user,tags.mlflow.runName"
    )
    body = [
        f"{i},{i:04x}ab,3,FINISHED,mlflow-artifacts:/3/{i},2024-05-01 09:12:44.120000+00:00,{y},{y - 0.05},{n},"
        f"{d * 1_000_000},0.0003,{(i * 7919) % 5000},anna,gifted-crow-{i}"
        for i, (n, d, y) in enumerate(rows())
    ]
    bad = "25,ffab,3,FAILED,mlflow:/3/25,2024-05-26 09:12:44+00:00,,,1400000000,64000000000,0.0003,1,anna,sad-owl"
    return "\n".join([header, *body, *([bad] if failed else [])]) + "\n"


def test_one_failed_run_does_not_change_the_task(discover) -> None:
    made = {}
    for failed in (False, True):
        Path("runs.csv").write_text(mlflow(failed))
        made[failed] = task(discover, "runs.csv", "--target", "val_loss")
        assert names(made[failed], "feature") == ["n_params", "train_tokens"]
        assert made[failed]["group"] is None
    told = set(made[True]["notes"]) - set(made[False]["notes"])
    assert told == {"1 of 26 runs did not finish and is left out: 1 failed (line 27)"}
    assert made[True]["columns"] == made[False]["columns"]
    found = constants(discover("fit", "chinchilla", "runs.csv", "--target", "metrics.val_loss", "--json"))
    assert found["alpha"] == pytest.approx(LAW["alpha"], abs=0.012)


@pytest.mark.parametrize(
    "header",
    [
        ",,loss,loss,loss\n,,mean,std,count\nparams,tokens,,,",
        "params,tokens,loss,loss,loss\n,,mean,std,count",
        "params,tokens,loss,,\n,,mean,std,count",
    ],
)
def test_several_heading_lines_are_one(discover, header: str) -> None:
    body = "".join(f"{n},{d}000000,{y},0.0{7 + i % 3},{2 + i % 4}\n" for i, (n, d, y) in enumerate(rows()))
    Path("seeds.csv").write_text(f"{header}\n{body}")
    made = task(discover, "seeds.csv", "--target", "loss")
    assert names(made, "feature") == ["params", "tokens"]
    assert names(made, "target") == ["loss_mean"]
    assert any("heading lines are joined, as in 'loss.std', 'loss.count'" in note for note in made["notes"])


def test_headings_behind_a_hash_and_comments(discover) -> None:
    body = "".join(f"{n},{d}e6,{y}\n" for n, d, y in rows())
    lines = body.splitlines(keepends=True)
    comments = ["# exported by sweep.py\n", "# D counts repeats; loss in nats\n", "N,D,loss\n"]
    texts = {"plain": "N,D,loss\n" + body, "hash": "# N,D,loss\n" + body}
    texts["comments"] = "".join([*comments, *lines[:7], "# second machine\n", *lines[7:]])
    found = {}
    for name, text in texts.items():
        Path(f"{name}.csv").write_text(text)
        found[name] = constants(discover("fit", "chinchilla", f"{name}.csv", "--target", "loss", "--json"))
    assert found["hash"] == found["plain"] == found["comments"]


def test_errors_and_weights_say_the_same_and_are_no_features(discover) -> None:
    repeats = {10.0: (1.4, 5), 20.0: (2.1, 3), 30.0: (2.6, 8), 40.0: (3.0, 15), 50.0: (3.3, 30)}
    body = [f"{h},{t},{0.2 / n**0.5!r},{n / 0.04!r},{n**0.5 / 0.2!r}" for h, (t, n) in repeats.items()]
    Path("fall.csv").write_text("\n".join(["h,t,sigma_t,w_inverse_variance,w_inverse_sigma", *body]) + "\n")
    law = ("fit", "sqrt(2*h/g)", "fall.csv", "--target", "t", "--json")
    assert constants(discover(*law))["g"] == pytest.approx(9.0879601, abs=1e-6)
    by_errors = constants(discover(*law, "--errors", "sigma_t"))["g"]
    assert by_errors == pytest.approx(9.0952532, abs=1e-6)
    assert constants(discover(*law, "--weights", "w_inverse_variance"))["g"] == pytest.approx(by_errors, abs=1e-9)
    assert constants(discover(*law, "--weights", "w_inverse_sigma"))["g"] == pytest.approx(9.0850293, abs=1e-6)
    assert names(task(discover, "fall.csv", "--target", "t"), "feature") == ["h"]


def test_headings_that_are_words_of_a_language_keep_their_meaning(discover) -> None:
    body = [
        f"{n},{e},{s},3e-4,{1.55 + 310 * n**-0.34 + 0.35 * e**-0.4 + 0.5 * s**0.6:.6f}"
        for n in (2e7, 6e7, 2e8, 6e8)
        for e in (2, 8, 32, 128)
        for s in (0.01, 0.1, 0.3)
    ]
    Path("reserved.csv").write_text("\n".join(["N,E,lambda,learning rate,test loss", *body]) + "\n")
    made = task(discover, "reserved.csv")
    assert names(made, "feature") == ["N", "E", "lambda"]
    assert names(made, "target") == ["test_loss"]
    law = "floor + A*N**(-alpha) + B*E**(-beta) + C*lambda**gamma"
    found = constants(discover("fit", law, "reserved.csv", "--target", "test loss", "--json"))
    wanted = {"floor": 1.55, "alpha": 0.34, "beta": 0.4, "gamma": 0.6}
    assert {name: found[name] for name in wanted} == pytest.approx(wanted, abs=0.002)


def test_step_is_no_second_feature_beside_tokens(discover) -> None:
    body = [
        f"{n},{k},{k * 524288},{1.7 + n**-0.1 + (k + 1) ** -0.3}" for n in (1e7, 1e8, 1e9) for k in (0, 50, 100, 400)
    ]
    Path("curves.csv").write_text("\n".join(["params,step,tokens,loss", *body]) + "\n")
    assert names(task(discover, "curves.csv"), "feature") == ["params", "tokens"]


def test_rows_can_be_chosen_and_sheets_named(discover, mistaken) -> None:
    openpyxl = pytest.importorskip("openpyxl")
    book = openpyxl.Workbook()
    book.active.append(["Notes of March"])
    sheet = book.create_sheet("Runs")
    sheet.append(["Runs of the spring"])
    sheet.append(["params", "tokens", "optimizer", "val_loss"])
    for i, (n, d, y) in enumerate(rows()):
        sheet.append([n, d * 1_000_000, "lion" if i % 5 == 4 else "adam", y])
    other = book.create_sheet("Old")
    other.append(["params", "val_loss"])
    for n, _, y in rows():
        other.append([n, y])
    book.save("runs.xlsx")
    made = task(discover, "runs.xlsx", "--where", "optimizer == adam and tokens < 1e11")
    assert (names(made, "feature"), made["train_rows"]) == (["params", "tokens"], 20)
    assert any("5 of 25 rows are left out by --where" in note for note in made["notes"])
    text = Path("runs.toml").read_text()
    assert 'where = "optimizer == adam and tokens < 1e11"' in text
    assert discover("tasks", "runs.toml", "--json").json["train_rows"] == 20
    assert names(task(discover, "runs.xlsx", "--sheet", "Old"), "feature") == ["params"]
    assert_one_error(
        mistaken("task", "new", "runs.xlsx", "--force", "--sheet", "Olt"), "no sheet 'Olt'; did you mean 'Old'?"
    )
    assert_one_error(mistaken("task", "new", "runs.xlsx", "--force", "--where", "params"), "'params' is no condition")
    asked = mistaken("run", "runs.xlsx", "--target", "val_loss", "--holdout", "0.2", "--where", "val_loss < 4")
    assert_one_error(asked, "asks about 'val_loss', which is the target")


def test_a_printed_command_can_be_pasted_whatever_the_file_is_called(discover) -> None:
    Path("a b;c$(id).csv").write_text(plain())
    shown = discover("task", "new", "a b;c$(id).csv", "--target", "val_loss")
    assert "  discover run 'a b;c$(id).toml'" in shown.out


def test_problems_are_told_once_and_at_most_five() -> None:
    from discover.report.terminal import problem_lines

    assert problem_lines(["a", "b"]) == ["a", "b"]
    assert problem_lines(list("abcdefg")) == [*"abcde", "2 more; --json lists all of them"]


def forms() -> dict[str, str]:
    """The same runs in other files: text by name."""
    records = [{"params": n, "tokens": d * 1_000_000, "val_loss": y} for n, d, y in rows()]
    mixed = random.Random(1).sample(records, len(records))
    columns = {name: [record[name] for record in records] for name in records[0]}
    wandb = "\n".join(
        ["Name,State,Created,Runtime,Sweep,n_params,n_tokens,eval/val_loss",
         *(f"run-{i},finished,2024-05-01,{60 + i},,{','.join(map(str, r.values()))}" for i, r in enumerate(mixed))]
    )  # fmt: skip
    return {
        "csv.csv": "params,tokens,val_loss\n" + "".join(f"{n},{d}000000,{y}\n" for n, d, y in rows()),
        "de.csv": "tokens;val_loss;params\n"
        + "".join(f"{german(d * 10**6)};{german(y)};{german(n)}\n" for n, d, y in rows()),
        "tab.tsv": "params\ttokens\tval_loss\n" + "".join(f"{n}\t{d / 1000}B\t{y}\n" for n, d, y in rows()),
        "records.json": json.dumps(mixed),
        "columns.json": json.dumps(columns),
        "lines.jsonl": "".join(json.dumps(record) + "\n" for record in mixed),
        "short.csv": "D,N,val_loss\n" + "".join(f"{d}000000,{n},{y}\n" for n, d, y in rows()),
        "words.csv": "val_loss,Model size,Trained tokens\n" + "".join(f"{y},{n},{d}000000\n" for n, d, y in rows()),
        "units.csv": "Params (M),Tokens [B],val_loss\n" + "".join(f"{n / 1e6},{d / 1e3},{y}\n" for n, d, y in rows()),
        "mlflow.csv": mlflow(True),
        "wandb.csv": wandb,
    }


def files() -> list[str]:
    """The same runs in all kinds of files, written into this folder."""
    pytest.importorskip("pyarrow")
    import pandas as pd

    texts = forms()
    for name, text in texts.items():
        Path(name).write_text(text, encoding="utf-8")
    frame = pd.read_csv("csv.csv").sample(frac=1, random_state=0)
    frame.to_excel("sheet.xlsx", index=False)
    frame.to_parquet("binary.parquet")
    return [*texts, "sheet.xlsx", "binary.parquet"]


@pytest.mark.slow
def test_a_law_does_not_depend_on_the_form_of_its_table(discover) -> None:
    leaders, errors = set(), {}
    for name in files():
        outcome = discover("compare", name, "--target", "val_loss", "--json", "--quiet", "--workers", "1")
        assert outcome.status == 0, (name, outcome.err)
        first = outcome.json["laws"][0]
        leaders.add(first["law"].split("(")[0])
        errors[name] = first["inner_error"]
    assert len(leaders) == 1
    # Drawn starts follow the units of the columns, and may end in other optima of a fold with two scales.
    assert errors.pop("units.csv") == pytest.approx(errors["csv.csv"], rel=0.5)
    assert list(errors.values()) == pytest.approx([errors["csv.csv"]] * len(errors), rel=1e-9)


@pytest.mark.slow
def test_a_search_does_not_depend_on_the_form_of_its_table(discover) -> None:
    found = {}
    for name in files():
        options = ("--target", "val_loss", "--evaluations", "48", "--proposers", "library,grammar", "--workers", "1")
        outcome = discover("run", name, *options, "--json", "--quiet", "--out", f"run-{name}")
        shown = discover("predict", f"run-{name}", "--at", "N=7e9,D=2e11", "--json").json["points"][0]["forecasts"][0]
        found[name] = constants(outcome) | {"forecast": shown["value"], "inner error": outcome.json["inner_error"]}
    other = found.pop("units.csv")  # other constants, and other drawn starts
    assert other["forecast"] == pytest.approx(found["csv.csv"]["forecast"], rel=5e-3)
    assert len(found["csv.csv"]) > 4
    usual = found["csv.csv"].pop("forecast")
    for name, values in found.items():
        assert values.pop("forecast", usual) == pytest.approx(usual, rel=1e-4), name  # other laws of the average
        assert values == pytest.approx(found["csv.csv"], rel=1e-9), name


def test_a_changed_sealed_row_is_told(discover, runs_csv) -> None:
    done = discover("run", runs_csv, "--target", "loss", "--holdout", "0.2", *FEW, "--out", "r")
    assert done.status == 0, done.err
    assert "changed since" not in discover("evaluate", "r").out
    # the last row has the largest scales
    runs_csv.write_text(runs_csv.read_text().removesuffix("\n") + "1\n")
    assert "some have changed since the run began" in discover("evaluate", "r").out
