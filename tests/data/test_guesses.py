"""A task from a bare table."""

from __future__ import annotations

from pathlib import Path

import pytest

from discover.data.aliases import QUANTITIES, recognise
from discover.data.guesses import guess_target, task_from_table
from discover.data.reading import read_table
from discover.data.task_writing import task_text
from discover.data.tasks import Bounds, Monotone, load_task
from discover.errors import InputError

ROWS = [
    (family, size, tokens, 1.7 + size**-0.3 + tokens**-0.3)
    for family in ("gpt", "llama")
    for size in (1e6, 1e7, 1e8)
    for tokens in (1e8, 1e9, 1e10)
]


def write(folder: Path, header: str, rows: list[str]) -> Path:
    path = folder / "my runs.csv"
    path.write_text("\n".join([header, *rows]) + "\n")
    return path


@pytest.fixture
def table(tmp_path: Path) -> Path:
    rows = [f"{f},{n},{d},{i},{i * 100 + 1},{y},{y + 1}" for i, (f, n, d, y) in enumerate(ROWS)]
    return write(tmp_path, "family,n_params,Tokens (total),seed,step,val_loss,train_loss", rows)


def test_columns_are_guessed_by_name_and_kind(table: Path) -> None:
    task = task_from_table(table, "val_loss")
    assert task.features == ("n_params", "Tokens_total")
    assert task.group == "family"
    assert task.extrapolate == task.features
    assert task.column("n_params").scale == "log"
    assert task.column("Tokens_total").meaning == "training tokens"
    assert task.train().group_names == ("gpt", "llama")
    directions = {item.feature: item.direction for item in task.knowledge if isinstance(item, Monotone)}
    assert directions == dict.fromkeys(task.features, "decreasing")
    assert Bounds(lower=0) in task.knowledge
    notes = " | ".join(task.notes)
    for part in (
        "'seed' is left out",
        "'step' is left out",
        "'train_loss' is left out",
        "called Tokens_total",
    ):
        assert part in notes


@pytest.mark.parametrize(
    ("heading", "factor", "upper"),
    [
        ("MMLU (%)", 100.0, 100.0),
        ("pass@8", 1.0, 1.0),
        ("exact_match", 1.0, 1.0),
        ("accuracy", 1.0, 1.0),
        ("accuracy", 100.0, 100.0),
        ("reward", 100.0, None),
    ],
)
def test_a_share_has_a_ceiling(tmp_path: Path, heading: str, factor: float, upper: float | None) -> None:
    rows = [f"{size},{factor * (0.9 - size**-0.1)}" for _, size, tokens, _ in ROWS if tokens == 1e8]
    task = task_from_table(write(tmp_path, f"params,{heading}", rows), heading)
    assert Bounds(lower=0, upper=upper) in task.knowledge
    assert upper is None or any(f"up to {upper:g}" in note for note in task.notes)


@pytest.mark.parametrize(
    ("heading", "expected"), [("accuracy", Bounds(lower=0, upper=1)), ("reward", None), ("val_loss", None)]
)
def test_a_share_of_nothing_is_a_share(tmp_path: Path, heading: str, expected: Bounds | None) -> None:
    rows = [f"{size},{max(0.0, 0.9 - 4 * size**-0.1)}" for _, size, tokens, _ in ROWS if tokens == 1e8]
    assert any(row.endswith(",0.0") for row in rows)
    task = task_from_table(write(tmp_path, f"params,{heading}", rows), heading)
    assert [item for item in task.knowledge if isinstance(item, Bounds)] == ([expected] if expected else [])
    assert expected is None or any("stays at or above 0 and up to 1" in note for note in task.notes)


def test_what_the_user_says_is_taken(table: Path) -> None:
    task = task_from_table(
        table,
        target=["val_loss", "train_loss"],
        features=["n_params", "Tokens (total)"],
        group="",
        extrapolate=["Tokens (total)"],
        target_scale={"Tokens (total)": 1e13},
        constants=5,
        holdout=0.3,
    )
    assert task.group is None
    assert task.target == ("val_loss", "train_loss")
    assert task.extrapolate == ("Tokens_total",)
    assert task.target_scale == {"Tokens_total": 1e13}
    assert task.constants == 5
    assert task.sealed().features["Tokens_total"].min() == 1e10
    assert task.train().features["Tokens_total"].max() == 1e9


def test_hold_out_does_not_read_sealed_targets(tmp_path: Path) -> None:
    path = write(tmp_path, "N,loss", [f"{10**i},{3 - 0.1 * i}" for i in range(9)] + ["1e10,secret"])
    task = task_from_table(path, "loss", holdout=0.1)
    assert len(task.train()) == 9
    with pytest.raises(InputError, match=r"line 11, column 'loss': 'secret' is not a number"):
        task.sealed()


def test_a_column_that_most_rows_lack_is_no_feature(tmp_path: Path) -> None:
    rows = [
        f"{10**i},{10 ** (i % 3)},{'' if i % 3 else 0.1 * (i + 1)},{'ab'[i % 2] if i < 3 else ''},{3 - i / 9}"
        for i in range(9)
    ]
    path = write(tmp_path, "N,width,dropout,variant,loss", [*rows, ",100,,,2"])
    task = task_from_table(path, "loss")
    assert (task.features, task.group, len(task.train())) == (("N", "width"), None, 9)
    assert "the column 'dropout' is left out: more than half of the rows have no value there" in task.guesses
    assert "the column 'variant' is left out: more than half of the rows have no value there" in task.guesses
    assert "1 run is left out: no value in N (line 11)" in task.notes
    assert task.column("width").scale == "log"
    assert len(task_from_table(path, "loss", features=["N", "dropout"]).train()) == 3
    path = write(tmp_path, "N,empty,loss", ["1,,3", "2,,2"])
    with pytest.raises(InputError, match="has 0 train row"):
        task_from_table(path, "loss", features=["N", "empty"])


def test_a_blank_label_of_the_split_opens_no_test_row(tmp_path: Path) -> None:
    path = write(tmp_path, "N,loss,split", ["1,3,train", "10,2,train", "100,x,test", "100,x,"])
    with pytest.raises(InputError, match=r"line 5, column 'split': the cell is empty"):
        task_from_table(path, "loss")


def test_split_column_is_used(tmp_path: Path) -> None:
    path = write(tmp_path, "N,loss,split", ["1,3,train", "10,2,train", "100,x,test"])
    task = task_from_table(path, "loss")
    assert len(task.train()) == 2
    assert task.facts().n_test == 1


def test_second_table_holds_the_test_rows(tmp_path: Path) -> None:
    path = write(tmp_path, "N,loss", ["1,3", "10,2", "100,1.5"])
    (tmp_path / "test.csv").write_text("N,loss\n1000,1.2\n")
    task = task_from_table(path, "loss", test_rows=tmp_path / "test.csv")
    assert task.sealed().targets.tolist() == [[1.2]]


def test_of_several_text_columns_the_likeliest_is_the_group(tmp_path: Path) -> None:
    rows = [f"{'pqr'[i % 3]},{'st'[i % 2]},{i + 1},{3 - i / 9}" for i in range(12)]
    for header, group in (("a,b,N,loss", "b"), ("family,b,N,loss", "family")):
        task = task_from_table(write(tmp_path, header, rows), "loss")
        assert task.group == group
        other = ({"a", "b", "family"} & set(header.split(",")) - {group}).pop()
        assert f"the text column {other!r} is ignored; --group takes another column than {group!r}" in "".join(
            task.notes
        )
    assert task_from_table(write(tmp_path, "a,b,N,loss", rows), "loss", group="a").train().n_groups == 3


def test_sizes_may_be_written_with_a_letter(tmp_path: Path) -> None:
    path = write(tmp_path, "model,tokens,loss", ["70M,1B,3.1", "160M,2B,2.9", "70M,4B,2.6", "160M,8B,2.4"])
    task = task_from_table(path, "loss")
    assert task.train().features["model"].tolist() == [7e7, 1.6e8, 7e7, 1.6e8]
    assert task.extrapolate == ("model", "tokens")
    assert "in model, 70M means 70000000" in task.notes
    assert task_from_table(path, "loss", group="model").train().group_names == ("70M", "160M")


def test_sizes_may_be_written_with_commas(tmp_path: Path) -> None:
    rows = [f'"{size:,.0f}",{tokens:g},{loss}' for family, size, tokens, loss in ROWS if family == "gpt"]
    task = task_from_table(write(tmp_path, "params,tokens,loss", rows), "loss")
    assert (task.features, task.group) == (("params", "tokens"), None)
    assert task.train().features["params"].max() == 1e8
    assert "in params, 1,000,000 means 1000000" in task.notes


def test_commas_in_a_result_are_told(tmp_path: Path) -> None:
    losses = ["3.395", "3.139", "2.869", '"2,560"']
    task = task_from_table(write(tmp_path, "N,loss", [f"{10.0**i},{y}" for i, y in enumerate(losses)]), "loss")
    assert "in loss, 2,560 means 2560" in task.notes
    assert not any("2,560" in note for note in task_from_table(task.table, "loss", holdout=0.25).notes)


def test_a_loss_of_thousands_is_not_believed(tmp_path: Path) -> None:
    losses = ['"3,395"', '"3,139"', '"2,869"', '"2,560"']
    rows = [f"{1.5 * 10**i},{y}" for i, y in enumerate(losses)]
    with pytest.raises(InputError, match=r"line 2, column 'loss': 3,395 may mean 3.395 or 3395"):
        task_from_table(write(tmp_path, "N,loss", rows), "loss")
    task = task_from_table(write(tmp_path, "N,elo", rows), "elo")
    assert "in elo, 3,395 means 3395" in task.notes


def test_names_of_runs_are_no_group(tmp_path: Path) -> None:
    path = write(tmp_path, "run,label,N,loss", [f"r{i},l{i},{2**i},{3 - i / 9}" for i in range(6)])
    assert task_from_table(path, "loss").group is None


def test_times_and_books_of_runs_are_no_group(tmp_path: Path) -> None:
    rows = [f"2025-03-0{i % 2 + 1} 12:00:00,t{i % 2},s{i % 2},{2**i},{3 - i / 9}" for i in range(6)]
    task = task_from_table(write(tmp_path, "began,meta.Created,meta.job,N,loss", rows), "loss")
    assert task.group is None
    notes = " | ".join(task.notes)
    assert "'began' is left out: it tells the time" in notes
    assert "'meta.Created' is left out: it tells the time" in notes
    assert "'meta.job' is left out: it numbers runs" in notes


def test_a_guessed_group_that_fails_is_told_as_a_guess(tmp_path: Path) -> None:
    path = write(tmp_path, "family,N,loss", ["a,1,3", "a,2,2.9", "a,4,2.8", "a,8,2.7", "b,16,2.6"])
    with pytest.raises(InputError, match=r"single train row.*'family' is a guess; --group '' takes none"):
        task_from_table(path, "loss")
    with pytest.raises(InputError, match=r"expected at least 2$"):
        task_from_table(path, "loss", group="family").train()


def test_standard_errors_are_no_feature_and_not_larger_than_the_target(tmp_path: Path) -> None:
    path = write(tmp_path, "N,se,loss", [f"{10**i},{0.01 + i / 1000},{3 - i / 9}" for i in range(6)])
    task = task_from_table(path, "loss", errors="se")
    assert task.features == ("N",)
    assert "the column 'se' holds standard errors and is no feature" in task.notes
    with pytest.raises(InputError, match=r"column 'N': the standard errors of loss are .* loss itself varies by 0.556"):
        task_from_table(path, "loss", errors="N")


def test_steps_serve_when_nothing_else_is_left(tmp_path: Path) -> None:
    path = write(tmp_path, "seed,step,loss", ["1,10,3", "2,100,2", "3,1000,1"])
    assert task_from_table(path, "loss").features == ("step",)


def test_unnamed_scale_is_recognised_by_its_span(tmp_path: Path) -> None:
    path = write(tmp_path, "scale,share,accuracy", ["1,.1,.3", "30,.2,.5", "900,.4,.7"])
    task = task_from_table(path, "accuracy")
    assert task.extrapolate == ("scale",)
    assert not [item for item in task.knowledge if isinstance(item, Monotone)]


@pytest.mark.parametrize(
    ("header", "falling"),
    [
        ("N,C,loss", ["C"]),
        ("N,lr,loss", []),
        ("N,U,loss", ["U"]),
        ("log10 flops,lr2,loss", ["log10_flops"]),
    ],
)
def test_monotone_guess_heeds_the_other_columns(tmp_path: Path, header: str, falling: list[str]) -> None:
    task = task_from_table(write(tmp_path, header, ["1,1,3", "2,3,2", "3,2,2"]), "loss")
    assert [item.feature for item in task.knowledge if isinstance(item, Monotone)] == falling


def test_runs_without_examples_leave_the_axis(tmp_path: Path) -> None:
    rows = [f"{x},{3 - 0.1 * i}" for i, x in enumerate([0, 100, 1000, 10000, 50000])]
    for heading in ("finetune_examples", "amount"):
        task = task_from_table(write(tmp_path, f"{heading},loss", rows), "loss")
        assert task.extrapolate == (heading,)
        assert task.train().features[heading][0] == 0
    with pytest.raises(InputError, match="out of range; expected a number above 0"):
        task_from_table(write(tmp_path, "params,loss", rows), "loss").train()


def test_the_loss_of_a_teacher_is_a_cause(tmp_path: Path) -> None:
    rows = [f"{n},{t},{3 - 0.1 * i}" for i, (n, t) in enumerate([(1e7, 2.5), (1e8, 2.4), (1e9, 2.2), (2e9, 2.5)])]
    path = write(tmp_path, "student_params,teacher_loss,student_loss", rows)
    task = task_from_table(path, guess_target(read_table(path)))
    assert task.target == ("student_loss",)
    assert task.features == ("student_params", "teacher_loss")
    assert task.extrapolate == ("student_params",)


def test_shares_of_a_mixture_are_no_axes(tmp_path: Path) -> None:
    rows = ["0.98,0.01,0.01,3", "0.5,0.3,0.2,2.8", "0.05,0.35,0.6,2.7", "0.333,0.333,0.333,2.6"]
    task = task_from_table(write(tmp_path, "web,code,books,loss", rows), "loss")
    assert task.extrapolate == ()
    assert [task.column(name).domain for name in task.features] == ["fraction"] * 3
    assert any("web, code, books are the shares of a mixture" in note for note in task.guesses)
    apart = task_from_table(write(tmp_path, "web,code,loss", ["0.9,0.01,3", "0.05,0.5,2", "0.4,0.2,2.4"]), "loss")
    assert apart.extrapolate == ("web", "code")


def test_logged_column_is_marked(tmp_path: Path) -> None:
    task = task_from_table(write(tmp_path, "log_flops,loss", ["-1,3", "2,2", "3,2"]), "loss")
    assert task.logged == {"log_flops"}
    assert task.extrapolate == ("log_flops",)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"target": "los"}, "no column 'los'; did you mean 'loss'"),
        ({"target": ()}, "no column to predict is given"),
        ({"target": "loss", "features": ["M"]}, "no column 'M'"),
        ({"target": "loss", "group": "M"}, "no column 'M'"),
        ({"target": "loss", "holdout": 2.0}, "holdout"),
        ({"target": "loss", "holdout": 0.2, "extrapolate": ()}, "extrapolate must name"),
        ({"target": "loss", "holdout": 0.2, "test_rows": "x.csv"}, "one of column, holdout and test_rows"),
        ({"target": "loss", "target_scale": {"loss": 1.0}}, "target_scale names 'loss'"),
        ({"target": "loss", "features": ["loss"]}, "used more than once"),
    ],
)
def test_wrong_options_are_named(tmp_path: Path, arguments: dict[str, object], message: str) -> None:
    path = write(tmp_path, "N,loss", ["1,3", "10,2", "100,1.5"])
    with pytest.raises(InputError) as caught:
        task_from_table(path, **arguments)  # type: ignore[arg-type]
    assert message in str(caught.value)


def test_slip_in_a_numeric_column_does_not_make_it_a_group(tmp_path: Path) -> None:
    path = write(tmp_path, "N,D,loss", ["1,5,3", "10,six,2", "100,7,1.5"])
    with pytest.raises(InputError, match=r"line 3, column 'D': 'six' is not a number"):
        task_from_table(path, "loss")


def test_headings_of_the_table_of_names_are_distinct() -> None:
    headings = [heading for quantity in QUANTITIES for heading in quantity.headings.split()]
    assert len(headings) == len(set(headings))


@pytest.mark.parametrize(
    "name", ["params", "active_params", "tokens", "examples", "streams", "unique_tokens", "experts", "vocab_size"]
)
def test_shipped_names_are_recognised(name: str) -> None:
    quantity = recognise(name)
    assert quantity is not None
    assert quantity.name == name


def test_large_values_of_p_are_parameters(tmp_path: Path) -> None:
    rows = [f"{2**k}e8,{n}e7,{4 - k / 9 - n / 90}" for k in range(4) for n in (2, 5, 8)]
    task = task_from_table(write(tmp_path, "P,N_active,loss", rows), "loss")
    assert [task.column(name).unit for name in task.features] == ["parameters", "parameters"]
    assert task.extrapolate == ("P", "N_active")
    streams = task_from_table(write(tmp_path, "N,P,loss", ["1e8,1,4", "1e8,2,3.8", "9e9,1,3", "9e9,8,2.5"]), "loss")
    assert streams.column("P").unit == "streams"


def test_shipped_table_gives_nearly_the_shipped_task() -> None:
    shipped = load_task("parallel")
    guessed = task_from_table(shipped.table, "loss")
    assert set(guessed.features) == set(shipped.features)
    assert guessed.group == shipped.group
    assert len(guessed.sealed()) == len(shipped.sealed())


def test_numbers_under_the_heading_of_a_group_are_groups(tmp_path: Path) -> None:
    rows = [f"{size},{lr},{lr**0.5 + place}" for place, size in enumerate(("25M", "100M")) for lr in (1, 2, 4, 8, 16)]
    path = tmp_path / "runs.csv"
    path.write_text("group,width,loss\n" + "\n".join(rows) + "\n")
    task = task_from_table(path, "loss")
    assert (task.group, task.features) == ("group", ("width",))
    assert "each value of 'group' gets its own constants" in task.notes


def test_numbers_under_another_heading_are_no_groups(tmp_path: Path) -> None:
    rows = [f"{size},{lr},{lr**0.5 + size}" for size in (25, 100) for lr in (1, 2, 4, 8, 16)]
    path = tmp_path / "runs.csv"
    path.write_text("experts,width,loss\n" + "\n".join(rows) + "\n")
    assert task_from_table(path, "loss").group is None


def test_a_column_of_runs_is_no_feature_and_stands_in_the_task_file(tmp_path: Path) -> None:
    table = tmp_path / "curves.csv"
    rows = [f"{d:g},{2 + d**-0.3:.6g},{run}" for run in ("cosine", "wsd", "linear") for d in (1e8, 1e9, 1e10)]
    table.write_text("tokens,loss,schedule\n" + "\n".join(rows) + "\n")
    task = task_from_table(table, "loss", run="schedule")
    assert task.features == ("tokens",)
    written = tmp_path / "task.toml"
    written.write_text(task_text(task, tmp_path))
    for one in (task, load_task(written)):
        runs = one.train().runs
        assert runs is not None
        assert runs.tolist() == [0, 0, 0, 2, 2, 2, 1, 1, 1]
