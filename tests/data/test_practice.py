"""Tables as people have them: what is a feature, what a result, what a group, and which rows count."""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Sequence
from pathlib import Path

import pytest

from discover.data.guesses import guess_target, task_from_table
from discover.data.reading import read_table
from discover.data.tasks import Task
from discover.errors import InputError
from discover.law import laws_for

RUNS = [
    (n, d, round(1.72 + 420 * n**-0.33 + 980 * d**-0.30, 4))
    for n in (19_000_000, 57_000_000, 172_000_000, 512_000_000)
    for d in (800_000_000, 2_600_000_000, 9_800_000_000, 26_000_000_000)
]


def write(path: Path, header: Sequence[str], rows: Sequence[Sequence[object]], delimiter: str = ",") -> Path:
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file, delimiter=delimiter).writerows([header, *rows])
    return path


def guessed(path: Path, target: str = "") -> Task:
    return task_from_table(path, target or guess_target(read_table(path)))


def noted(task: Task, text: str) -> bool:
    return any(text in note for note in task.notes)


def test_products_of_other_columns_are_no_features(tmp_path: Path) -> None:
    rows = [(n, d, f"{6 * n * d * (1 + 0.02 * (i % 3)):.4g}", d / n, y) for i, (n, d, y) in enumerate(RUNS)]
    path = write(
        tmp_path / "a.csv", ["Model Size", "Training Tokens", "Training FLOP", "tokens_per_param", "loss"], rows
    )
    task = guessed(path)
    assert task.features == ("Model_Size", "Training_Tokens")
    assert noted(task, "'Training FLOP' is left out: it goes as Model Size * Training Tokens; --features takes it in")
    assert noted(task, "'tokens_per_param' is left out: it goes as Training Tokens / Model Size")
    by_compute = task_from_table(path, "loss", extrapolate=["Training FLOP"])
    assert "Training_FLOP" in by_compute.features
    logged = [(math.log10(n), math.log10(d), math.log10(6 * n * d), y) for n, d, y in RUNS]
    task = guessed(write(tmp_path / "b.csv", ["log10(N)", "log10(D)", "log10(C)", "loss"], logged))
    assert (task.features, task.logged) == (("log10_N", "log10_D"), {"log10_N", "log10_D"})
    assert noted(task, "'log10(C)' is left out: it goes as log10(N) + log10(D)")
    assert noted(task, "log10(N), log10(D) hold logarithms")
    assert not any(law.id.startswith(("chinchilla", "kaplan")) for law in laws_for(task.features))


def test_beside_compute_a_size_is_swept_and_no_axis(tmp_path: Path) -> None:
    """Curves of equal compute: at one compute some size is best, and larger ones do worse."""
    rows = [(f"{m * (c / 120) ** 0.5:.4g}", c, 3 + m) for c in (1e18, 1e19, 1e20) for m in (0.5, 1.0, 2.0, 4.0)]
    assert guessed(write(tmp_path / "a.csv", ["N", "C", "loss"], rows)).extrapolate == ("C",)
    assert guessed(write(tmp_path / "b.csv", ["D", "flops", "loss"], rows)).extrapolate == ("flops",)


def test_depth_is_a_scale_where_nothing_else_tells_the_size(tmp_path: Path) -> None:
    rows = [(k, d, 3 + k % 5) for k in (6, 12, 24, 48) for d in (1e9, 4e9, 2e10)]
    assert guessed(write(tmp_path / "a.csv", ["n_layer", "tokens", "loss"], rows)).extrapolate == ("tokens", "n_layer")
    sized = [(10 ** (7 + i / 4), *row) for i, row in enumerate(rows)]
    task = guessed(write(tmp_path / "b.csv", ["params", "n_layer", "tokens", "loss"], sized))
    assert task.extrapolate == ("params", "tokens")


def test_flops_of_an_image_are_no_compute_of_training(tmp_path: Path) -> None:
    models = (("ViT-S", 22, 4.6), ("ViT-B", 86, 17.6), ("ViT-L", 304, 61.6), ("ViT-H", 632, 167.4))
    rows = [(name, n, f, r, 60 + r + k) for k, (name, n, f) in enumerate(models) for r in (1, 2, 3)]
    task = guessed(write(tmp_path / "a.csv", ["model", "params (M)", "FLOPs (G)", "recipe", "top-1 acc"], rows))
    assert task.extrapolate == ("params_M",)
    largest = {name: values.max() for name, values in task.train().features.items()}
    assert not any("FLOPs_G/6" in law.id for law in laws_for(task.features, largest=largest))
    paid = [(n, 6 * n * d, y) for n, d, y in RUNS]
    assert guessed(write(tmp_path / "b.csv", ["params", "FLOPs", "loss"], paid)).extrapolate == ("FLOPs",)
    units = [(n, c / 1e18, y) for n, c, y in paid]
    assert guessed(write(tmp_path / "c.csv", ["params", "FLOPs", "loss"], units)).extrapolate == ("FLOPs",)


def test_passes_over_stated_data_are_a_scale(tmp_path: Path) -> None:
    sizes = [(n, u, e) for n in (1e7, 1e8, 1e9) for u in (1e9, 4e9) for e in (1, 2, 4, 8)]
    rows = [(*size, 3 + i % 5) for i, size in enumerate(sizes)]
    task = guessed(write(tmp_path / "a.csv", ["params", "unique_tokens", "epochs", "loss"], rows))
    assert task.features == task.extrapolate == ("params", "unique_tokens", "epochs")
    seen = [(n, u * e, e, y) for n, u, e, y in rows]
    task = guessed(write(tmp_path / "b.csv", ["params", "tokens", "epochs", "loss"], seen))
    assert "epochs" not in task.features  # the tokens seen tell how long a run was


def test_letters_of_papers_beside_their_ratio(tmp_path: Path) -> None:
    rows = [(n, r, 3 + k % 5) for k, (n, r) in enumerate((n, r) for n in (1e7, 8e7, 6e8) for r in (5, 20, 80))]
    task = guessed(write(tmp_path / "a.csv", ["N", "D/N", "L"], rows))
    assert (task.target, task.extrapolate) == (("L",), ("N", "D_N"))
    assert noted(task, "L does not rise with N, D_N")


def test_compute_that_follows_from_a_square_is_no_feature(tmp_path: Path) -> None:
    rows = [
        (n, r, 6 * n * n * r, 3 + k % 5) for k, (n, r) in enumerate((n, r) for n in (1e7, 8e7, 6e8) for r in (5, 40))
    ]
    task = guessed(write(tmp_path / "a.csv", ["N", "tpp", "train_flops", "loss"], rows))
    assert (task.features, task.extrapolate) == (("N", "tpp"), ("N", "tpp"))
    assert noted(task, "'train_flops' is left out: it goes as N * N * tpp")


def test_a_batch_beside_steps_is_kept_though_each_size_has_one(tmp_path: Path) -> None:
    runs = [(f"r{i}", n, b) for i, (n, b) in enumerate(((1e7, 64), (8e7, 128), (6e8, 256)))]
    rows = [(*run, s, 3 + s % 7) for run in runs for s in range(100, 2600, 100)]
    task = guessed(write(tmp_path / "a.csv", ["run", "params", "batch_size", "step", "loss"], rows))
    assert {"params", "batch_size", "step"} <= set(task.features)


def test_the_rank_of_an_adapter_is_a_setting_and_a_place_in_an_order_is_none(tmp_path: Path) -> None:
    grid = [(r, n, 3 + k % 4) for k, (r, n) in enumerate((r, n) for r in (4, 16, 64) for n in (1e3, 8e3, 6e4, 5e5))]
    assert "rank" in guessed(write(tmp_path / "a.csv", ["rank", "examples", "loss"], grid)).features
    places = [(1 + (5 * k) % 12, n, y) for k, (_, n, y) in enumerate(grid)]
    assert "rank" not in guessed(write(tmp_path / "b.csv", ["rank", "examples", "loss"], places)).features


def test_what_is_best_besides_the_target_is_a_result(tmp_path: Path) -> None:
    rows = [(c, 0.1 * c**0.5 * (1 + k % 2 / 50), 1.7 * c**0.5) for k, c in enumerate(10.0**p for p in range(17, 23))]
    task = task_from_table(write(tmp_path / "a.csv", ["compute", "N_opt", "D_opt"], rows), "N_opt")
    assert task.features == ("compute",)


def test_epochs_that_cross_the_other_settings_are_a_scale(tmp_path: Path) -> None:
    grid = [(n, e, 3 + k % 4) for k, (n, e) in enumerate((n, e) for n in (500, 4000, 32000) for e in (1, 3, 10))]
    task = guessed(write(tmp_path / "a.csv", ["train examples", "epochs", "loss"], grid))
    assert task.features == task.extrapolate == ("train_examples", "epochs")
    stopped = [(n, 3 + (7 * k + seed) % 11, 3 + k % 4) for k, n in enumerate(range(500, 9000, 500)) for seed in (0, 5)]
    task = guessed(write(tmp_path / "b.csv", ["train examples", "epochs", "loss"], stopped))
    assert task.features == ("train_examples",)  # runs that ended when they got no better


def test_compute_of_runs_at_fixed_tokens_per_parameter_is_no_feature(tmp_path: Path) -> None:
    rows = [(n, 20 * n, f"{120 * n * n:.4g}", y) for n, y in {n: y for n, _, y in RUNS}.items()]
    task = guessed(write(tmp_path / "a.csv", ["N", "D", "C", "loss"], rows))
    assert task.features == ("N",)
    assert noted(task, "'D' is left out: it is 'N' again, up to a factor")
    assert noted(task, "'C' is left out: it goes as N * N; --features takes it in")


def test_the_letter_of_a_loss_beside_those_of_sizes_is_known_to_fall(tmp_path: Path) -> None:
    task = guessed(write(tmp_path / "a.csv", ["N", "D", "L"], RUNS))
    assert noted(task, "assuming that L does not rise with N, D")
    assert not noted(guessed(write(tmp_path / "b.csv", ["width", "D", "L"], RUNS), "L"), "does not rise")


def test_compute_beside_sizes_alone_is_a_feature(tmp_path: Path) -> None:
    rows = [(n, 6 * n * d, y) for n, d, y in RUNS]
    assert guessed(write(tmp_path / "a.csv", ["params", "flops", "loss"], rows)).features == ("params", "flops")


def test_second_columns_and_row_numbers_that_pandas_writes_are_no_features(tmp_path: Path) -> None:
    rows = [(i, n, d, y, y + 0.01 * (i % 3), i) for i, (n, d, y) in enumerate(RUNS)]
    task = guessed(write(tmp_path / "a.csv", ["", "params", "tokens", "loss", "loss.1", "Unnamed: 0.1"], rows))
    assert (task.target, task.features) == (("loss",), ("params", "tokens"))
    assert noted(task, "'loss.1' is left out: it is a result")
    counted = [(i + 1, n, d, y) for i, (n, d, y) in enumerate(RUNS)]
    task = guessed(write(tmp_path / "b.csv", ["#", "params", "tokens", "loss"], counted))
    assert task.features == ("params", "tokens")
    assert noted(task, "'#' is left out: it numbers the rows")


def test_names_that_stand_for_a_size_are_no_groups(tmp_path: Path) -> None:
    rows = [(f"pythia-{n // 10**6}m", f"step{d // 2097152}", n, d, y) for n, d, y in RUNS]
    task = guessed(write(tmp_path / "a.csv", ["model", "revision", "params", "tokens", "loss"], rows))
    assert (task.group, task.features) == (None, ("params", "tokens"))
    assert noted(task, "'model' is no group: each of its names has a single value of 'params'")
    assert noted(task, "'revision' is no group: each of its names has a single value of 'tokens'")
    rows = [(("adam", "lion")[i % 2], n, d, y) for i, (n, d, y) in enumerate(RUNS + RUNS[::-1])]
    assert guessed(write(tmp_path / "b.csv", ["optimizer", "params", "tokens", "loss"], rows)).group == "optimizer"


def test_a_text_column_with_gaps_is_no_group_that_costs_rows(tmp_path: Path) -> None:
    rows = [(("a", "b", "", "a")[(i // 4 + i) % 4], n, d, y) for i, (n, d, y) in enumerate(RUNS)]
    task = guessed(write(tmp_path / "a.csv", ["dataset", "params", "tokens", "loss"], rows))
    assert (task.group, len(task.train())) == (None, 16)
    assert noted(task, "'dataset' is no group: 4 of 16 rows have no name there; --group dataset takes it")


def test_rows_that_sum_up_the_others_are_left_out_and_told(tmp_path: Path) -> None:
    body = [(f"M{i}", n, d, y) for i, (n, d, y) in enumerate(RUNS)]
    sums = [(word, sum(n for n, _, _ in RUNS), 1e10, 3.1) for word in ("Mittelwert", "Std. Dev.")]
    task = guessed(write(tmp_path / "a.csv", ["Modell", "Parameter", "Token", "Verlust"], [*body, *sums], ";"))
    assert len(task.train()) == 16
    assert noted(task, "2 rows sum up the others and are left out: 'Mittelwert', 'Std. Dev.' (lines 18, 19)")
    words = [("mean" if i % 2 else "max", n, d, y) for i, (n, d, y) in enumerate(RUNS)]
    assert len(guessed(write(tmp_path / "b.csv", ["pooling", "params", "tokens", "loss"], words)).train()) == 16


@pytest.mark.parametrize(
    ("header", "mark"),
    [
        (("Modell", "Parameter", "Tokens", "Validierungsverlust"), "."),
        (("Modèle", "Nb paramètres", "Jetons d'entraînement", "Perte de validation"), "\u202f"),
        (("模型", "模型参数量", "训练数据量", "验证损失"), ","),
        (("Model", "Model parameters", "Training tokens", "valloss"), ","),
    ],
)
def test_headings_and_numbers_of_other_countries(tmp_path: Path, header: Sequence[str], mark: str) -> None:
    rows = [
        (
            f"m{i}",
            f"{n:,}".replace(",", mark),
            f"{d:,}".replace(",", mark),
            f"{y}".replace(".", "." if mark == "," else ","),
        )
        for i, (n, d, y) in enumerate(RUNS)
    ]
    task = guessed(write(tmp_path / "a.csv", header, rows, ";"))
    table = task.train()
    assert [list(column) for column in table.features.values()] == [[n for n, _, _ in RUNS], [d for _, d, _ in RUNS]]
    assert [knowledge.kind for knowledge in task.knowledge].count("monotone") == 2
    assert len(task.extrapolate) == 2
    assert len(set(task.features) - {"x"}) == 2 or not header[1].isascii()


def test_indian_groups_and_units_are_read(tmp_path: Path) -> None:
    rows = [
        ("1,90,00,000", "8,00,00,000", "4.1"),
        ("57,00,000", "50,000", "3.2"),
        ("1,00,000", "2,60,00,00,000", "2.9"),
    ]
    table = guessed(write(tmp_path / "a.csv", ["params", "tokens", "loss"], rows)).train()
    assert table.features["params"].tolist() == [19_000_000, 5_700_000, 100_000]
    assert table.features["tokens"].tolist() == [80_000_000, 50_000, 2_600_000_000]
    rows = [("1.9 crore", "8 lakh", "4.1"), ("5.7 Cr", "9.5 lakhs", "3.2"), ("0.2 crore", "0.5亿", "2.9")]
    table = guessed(write(tmp_path / "b.csv", ["params", "tokens", "loss"], rows)).train()
    assert table.features["params"].tolist() == [19_000_000, 57_000_000, 2_000_000]
    assert table.features["tokens"].tolist() == [800_000, 950_000, 50_000_000]


@pytest.mark.parametrize("form", ["{}% ± 0.4", "{}% ± 0.4%", "{} ± 0.4%", "{}% (±0.4)"])
def test_shares_in_per_cent_with_their_uncertainty(tmp_path: Path, form: str) -> None:
    rows = [(f"{n / 1e6:g}M", f"{d / 1e9:g}B", form.format(round(80 - 10 * y, 1))) for n, d, y in RUNS]
    task = guessed(write(tmp_path / "a.csv", ["Size", "Data", "Accuracy"], rows))
    assert (task.target, task.features) == (("Accuracy",), ("Size", "Data"))
    assert task.train().targets[0, 0] == pytest.approx((80 - 10 * RUNS[0][2]) / 100, abs=1e-3)
    assert read_table(tmp_path / "a.csv").numbers("Accuracy_error", [0, 1]).tolist() == [0.004, 0.004]


MARKDOWN = """# Results

We trained **sixteen** models | see below.

| Model | #Params | Tokens | Val loss ↓ |
|:------|--------:|-------:|-----------:|
{}

Other | table
--|--
a | b
"""

LATEX = r"""\begin{{table}}[t] % the runs
\begin{{tabular}}{{l@{{}}rrr}}
\toprule
 & \multicolumn{{2}}{{c}}{{Scale}} & \\ \cmidrule(lr){{2-3}}
Size & Params & Tokens & Loss $\downarrow$ \\
\midrule
{}
\bottomrule
\end{{tabular}}
\end{{table}}
"""


def test_tables_pasted_from_papers_are_read(tmp_path: Path) -> None:
    wanted = [(float(f"{n:.3g}"), float(d), y) for n, d, y in RUNS]
    lines = [f"| **M{i}** | {n / 1e6:.0f}M | {d / 1e9:g}B | {y} |" for i, (n, d, y) in enumerate(RUNS)]
    (tmp_path / "a.md").write_text(MARKDOWN.format("\n".join(lines)), encoding="utf-8")
    task = guessed(tmp_path / "a.md")
    table = task.train()
    assert list(zip(*table.features.values(), table.targets[:, 0], strict=True)) == wanted
    assert noted(task, "of 2 tables in the text the first is read")
    assert table.lines[0] == 7
    rows = []
    for i, (n, d, y) in enumerate(RUNS):
        exponent = math.floor(math.log10(d))
        size = rf"\multirow{{4}}{{*}}{{{n // 10**6}}}" if i % 4 == 0 else ""
        best = rf"\textbf{{{y}}}" if i == 15 else f"{y}"
        rows.append(rf"{size} & {n / 1e6:.0f}M & ${d / 10**exponent:g} \times 10^{{{exponent}}}$ & {best} \\")
    for name in ("a.tex", "b.txt"):
        (tmp_path / name).write_text(LATEX.format("\n".join(rows)), encoding="utf-8")
        task = guessed(tmp_path / name)
        table = task.train()
        assert task.target == ("Loss",)
        assert list(zip(*table.features.values(), table.targets[:, 0], strict=True)) == wanted


def test_a_text_without_a_table_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.md").write_text("# Nothing\n\n1 | 2\n")
    with pytest.raises(InputError, match="holds no table; expected one of Markdown, or a tabular of LaTeX"):
        read_table(tmp_path / "a.md")


def test_a_study_of_trials_is_an_export(tmp_path: Path) -> None:
    header = [
        "",
        "number",
        "value",
        "datetime_start",
        "duration",
        "params_batch_size",
        "params_lr",
        "params_width",
        "state",
    ]
    rows = [
        (
            i,
            i,
            2.5 + 20 * w**-0.5 + 0.1 * k,
            "2024-05-01 09:12:44.12",
            "0 days 00:10:00",
            32 * (1 + i % 2),
            1e-4 * 3**k,
            w,
            state,
        )
        for i, (w, k, state) in enumerate(
            (w, k, "PRUNED" if (w, k) == (256, 2) else "COMPLETE") for w in (128, 256, 512) for k in (0, 1, 2)
        )
    ]
    task = guessed(write(tmp_path / "a.csv", header, rows))
    assert (task.target, task.features) == (("value",), ("batch_size", "lr", "width"))
    assert len(task.train()) == 8


def test_points_of_a_curve_are_predicted_from_its_steps(tmp_path: Path) -> None:
    history: list[dict[str, float]] = []
    for k in range(1, 41):
        base = {"epoch": round(k / 13, 2), "step": 100 * k}
        history.append({"grad_norm": 1 + k % 3, "learning_rate": 3e-4 * (1 - k / 50), "loss": 2.4 + k**-0.4} | base)
        if k % 5 == 0:
            history.append(
                {"eval_loss": 2.5 + k**-0.4, "eval_runtime": 12 + k % 2, "eval_samples_per_second": 88.1} | base
            )
    (tmp_path / "trainer_state.json").write_text(json.dumps({"epoch": 3.0, "max_steps": 4000, "log_history": history}))
    task = task_from_table(tmp_path / "trainer_state.json", "eval_loss")
    assert task.features == ("step",)
    assert noted(task, "'learning_rate' is left out: it follows a schedule along the steps of each run")
    assert len(task.train()) == 8
    curve = [(1714554764.1 + 60 * k, 500 * k, 2.7 + k**-0.4) for k in range(1, 30)]
    task = guessed(write(tmp_path / "scalar.csv", ["Wall time", "Step", "Value"], curve))
    assert (task.target, task.features) == (("Value",), ("Step",))


def test_steps_are_the_data_where_nothing_else_counts_them(tmp_path: Path) -> None:
    rows = [(n, d // 524288, 1e-3 / (1 + i % 3), y) for i, (n, d, y) in enumerate(RUNS)]
    task = guessed(write(tmp_path / "a.csv", ["params", "train_steps", "lr", "loss"], rows))
    assert task.features == ("params", "lr", "train_steps")
    assert task.extrapolate == ("params", "train_steps")


def test_results_in_a_long_list_of_scores(tmp_path: Path) -> None:
    rows = [
        (f"m{n}", n, d, task, "acc", 0.9 - y / 10 + off)
        for n, d, y in RUNS
        for task, off in (("arc", 0), ("piqa", 0.1))
    ]
    rows += [(f"m{n}", n, d, "wikitext", "ppl", math.exp(y)) for n, d, y in RUNS]
    task = task_from_table(
        write(tmp_path / "a.csv", ["model", "params", "tokens", "task", "metric", "value"], rows), "acc"
    )
    assert (task.group, task.features, len(task.train())) == ("task", ("params", "tokens"), 32)
    assert noted(task, "16 runs are left out: no value in acc")


@pytest.mark.parametrize(
    ("header", "rows", "said"),
    [
        (["params", "0.8B", "2.6B", "9.8B"], [["19M", 3, 2.9, 2.8], ["57M", 2.9, 2.8, 2.7]], "a column per value"),
        (["params", "D=1e9", "D=4e9", "D=2e10"], [["19M", 3, 2.9, 2.8], ["57M", 2.9, 2.8, 2.7]], "a column per value"),
        (["params", "accuracy"], [["19M", "0.4 or so"], ["57M", "0.5 or so"]], "'0.4 or so' is no number"),
        (["params", "x"], [["19M", 1], ["57M", 2]], "no column is named like a result; say with --target"),
    ],
)
def test_a_target_that_cannot_be_guessed_is_asked_for_with_the_cause(
    tmp_path: Path, header: Sequence[str], rows: Sequence[Sequence[object]], said: str
) -> None:
    path = write(tmp_path / "a.csv", header, rows)
    with pytest.raises(InputError) as told:
        guess_target(read_table(path))
    assert said in str(told.value)


def test_a_name_in_another_script_is_not_taken_for_another_one(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", ["params", "损失"], [[1, 2], [2, 1.5], [3, 1.2]])
    with pytest.raises(InputError, match="no column '精度'"):
        read_table(path).heading("精度")


def test_numbers_that_cannot_be_read_are_named_where_nothing_else_is_left(tmp_path: Path) -> None:
    rows = [("12,34,5", "3.1"), ("13,44,5", "3.0"), ("14,54,5", "2.9")]
    with pytest.raises(InputError, match=r"line 2, column 'params': '12,34,5' cannot be read as a number"):
        guessed(write(tmp_path / "a.csv", ["params", "loss"], rows))


def test_settings_are_no_times(tmp_path: Path) -> None:
    rows = [(n, 2 ** (i % 4), i * 0.7, y) for i, (n, _, y) in enumerate(RUNS)]
    task = guessed(write(tmp_path / "a.csv", ["params", "test_time_compute", "step_time_ms", "loss"], rows))
    assert task.features == ("params", "test_time_compute")


def test_sizes_that_stand_in_names_alone_are_read(tmp_path: Path) -> None:
    models = ("pythia-70m", "pythia-160M", "pythia-1.4b")
    rows = [(model, d, 3 + k % 4) for k, (model, d) in enumerate((m, d) for m in models for d in (1e9, 4e9, 2e10))]
    task = guessed(write(tmp_path / "a.csv", ["model", "tokens", "loss"], rows))
    assert (task.group, set(task.features), set(task.extrapolate)) == (None, {"params", "tokens"}, {"params", "tokens"})
    assert sorted(set(task.train().features["params"])) == [7e7, 1.6e8, 1.4e9]
    assert noted(task, "'params' is read from the names in 'model': pythia-70m has 7e+07")
    assert len(read_table(tmp_path / "a.csv", where="params > 1e8")) == 6
    for name, heading, names in (
        ("mixture", "model", ("mix-8x7b", "mix-8x22b", "mix-7b")),
        ("context", "model", ("rope-4m", "rope-8m", "rope-16m")),
        ("images", "model", ("ViT-B-32 laion-80M", "ViT-B-32 laion-400M", "ViT-H-14 laion-2B")),
        ("run", "run_name", ("a-70m", "a-160m", "a-1b")),
        ("two", "model", ("pythia-70m-30b", "pythia-1b-300b", "pythia-7b-3b")),
        ("data", "dataset", ("c4-10B", "c4-20B", "c4-40B")),
    ):
        other = [(names[models.index(model)], d, y) for model, d, y in rows]
        assert "params" not in guessed(write(tmp_path / f"{name}.csv", [heading, "tokens", "loss"], other)).features
    stepped = [(model, k, d / 1e6, y) for k, (model, d, y) in enumerate(rows)]
    assert "params" not in guessed(write(tmp_path / "c.csv", ["model", "id", "step", "loss"], stepped)).features
    told = [(model, 5e7, d, y) for model, d, y in rows]
    columns = guessed(write(tmp_path / "d.csv", ["model", "params", "tokens", "loss"], told)).train().features
    assert set(columns.get("params", [5e7])) == {5e7}  # a column of sizes goes before their names


def test_curves_read_from_a_figure_have_a_row_per_point(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(
        "70M,,1.4B,\nX,Y,X,Y\n1e9,3.1,1e9,2.8\n4e9,2.9,4e9,2.6\n1.6e10,2.8,1.6e10,2.5\n6e10,2.7,,\n"
    )
    raw = read_table(tmp_path / "a.csv")
    assert list(raw.columns) == ["curve", "X", "Y"]
    assert raw.lines == [3, 4, 5, 6, 3, 4, 5]
    task = guessed(tmp_path / "a.csv")
    assert (task.target, set(task.features)) == (("Y",), {"curve", "X"})
    assert sorted(set(task.train().features["curve"])) == [7e7, 1.4e9]
    (tmp_path / "b.csv").write_text((tmp_path / "a.csv").read_text().replace("70M", "Adam").replace("1.4B", "Muon"))
    assert guessed(tmp_path / "b.csv").group == "curve"
