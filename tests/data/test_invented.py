"""Invented tables in the forms that people have them: what each column is taken for, and which value a cell has."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Sequence
from pathlib import Path

import openpyxl
import pytest

from discover.data.aliases import multiple_of, recognise
from discover.data.guesses import guess_target, task_from_table
from discover.data.reading import read_table
from discover.data.tasks import Task
from discover.errors import InputError
from discover.law import laws_for

SIZES = (70e6, 160e6, 410e6, 1e9, 1.4e9, 2.8e9)
KS = (1, 2, 4, 8, 16, 32, 64, 100, 200, 500)
DATA = (2e9, 6e9, 2e10, 6e10)
RUNS = [(n, d, 1.69 + 406.4 * n**-0.34 + 410.7 * d**-0.28) for n in SIZES for d in DATA]


def table(path: Path, head: str, rows: Sequence[str], encoding: str = "utf-8") -> Path:
    path.write_bytes("\n".join([head, *rows, ""]).encode(encoding))
    return path


def guessed(path: Path, target: str = "") -> Task:
    return task_from_table(path, target or guess_target(read_table(path)))


@pytest.mark.parametrize(
    ("heading", "name", "multiple"),
    [
        ("Anzahl Tokens", "tokens", 0),
        ("non-zero params", "params", 0),
        ("finetuning tokens", "tokens", 0),
        ("params, total", "params", 0),
        ("images seen", "examples", 0),
        ("Stichproben", "examples", 0),
        ("unique tokens", "unique_tokens", 0),
        ("params_active", "active_params", 0),
        ("nombre de jetons", "tokens", 0),
        ("zettaFLOPs", "flops", 0),
        ("PF-days", "flops", 0),
        ("A100 GPU hours", "flops", 0),
        ("M params", "params", 6),
        ("B tokens", "tokens", 9),
        ("Größe in Mio. Parametern", "params", 6),
        ("Millions of parameters", "params", 6),
        # a rate, a part of the model, and what others are made of are none of them
        ("tokens per param", "tokens_per_param", 0),
        ("tokens/s", None, 0),
        ("embedding params", None, 0),
        ("teacher params", None, 0),
        ("test samples", None, 0),
        ("TFLOPs", None, 0),
        ("size", None, 0),
    ],
)
def test_headings_with_words_around_a_quantity(heading: str, name: str | None, multiple: int) -> None:
    found = recognise(heading)
    assert (found and found.name) == name
    assert multiple_of(heading) == multiple


def test_short_headings_of_large_numbers_are_sizes_and_data(tmp_path: Path) -> None:
    rows = [f"{family},{n / 1e6:g}M,{d / 1e9:g}B,{y:.4f}" for family in ("GPT", "RWKV") for n, d, y in RUNS]
    task = guessed(table(tmp_path / "a.csv", "Architecture,Size,Data,Loss", rows))
    assert [task.column(name).meaning for name in task.features] == ["model parameters", "training tokens"]
    assert any("does not rise with Size, Data" in note for note in task.notes)


def test_what_the_target_can_be_computed_from_is_no_feature(tmp_path: Path) -> None:
    rows = [f"{n:g},{math.log10(n):.4f},{d:g},{y:.4f},{3.5 - y:.4f},{100 * y:.2f}" for n, d, y in RUNS]
    path = table(tmp_path / "a.csv", "N,log10_N,D,loss,gap_to_baseline,metric_a", rows)
    task = guessed(path, "loss")
    assert task.features == ("N", "D")
    assert "the column 'log10_N' is left out: it is the logarithm of 'N'" in task.notes
    assert "the column 'gap_to_baseline' is left out: it determines 'loss', as a copy of it does" in task.notes
    assert "the column 'metric_a' is left out: it determines 'loss', as a copy of it does" in task.notes
    assert "log10_N" in task_from_table(path, "loss", features=["log10_N", "D"]).features


def test_a_cause_on_a_noisy_line_is_no_copy(tmp_path: Path) -> None:
    rows = [f"{i},{2 + 0.5 * i + (-1) ** i * 0.02:.3f}" for i in range(1, 13)]
    assert guessed(table(tmp_path / "a.csv", "distance,loss", rows)).features == ("distance",)


def test_shapes_and_settings_that_go_with_the_size_are_left_out_and_told(tmp_path: Path) -> None:
    shapes = dict(zip(SIZES, ((6, 512), (12, 768), (16, 1024), (24, 1024), (24, 1536), (32, 2048)), strict=True))
    rows = [f"{shapes[n][0]},{shapes[n][1]},{n:g},{3e-4 if n < 1e9 else 2e-4},{d:g},{y:.4f}" for n, d, y in RUNS]
    path = table(tmp_path / "a.csv", "n_layers,d_model,n_params,lr,tokens,val loss", rows)
    task = guessed(path)
    assert task.features == ("n_params", "tokens")
    for heading in ("n_layers", "d_model", "lr"):
        said = f"the column {heading!r} is left out: all rows of one 'n_params' share its value"
        assert any(note.startswith(said) for note in task.notes)
    # what falls where the size rises tells more than the size: two shapes of nearly the same size differ in compute
    flops = dict(zip(SIZES, (1, 4, 3, 9, 7, 20), strict=True))
    mixed = [f"{flops[n]},{n:g},{d:g},{y:.4f}" for n, d, y in RUNS]
    assert "gflops" in guessed(table(tmp_path / "c.csv", "gflops,n_params,tokens,val loss", mixed)).features
    # where a size stands in one row only, nothing says that its learning rate goes with it
    alone = [f"{n:g},{1e-3 * n**-0.1:.6f},{y:.4f}" for n, d, y in RUNS[::4]]
    assert guessed(table(tmp_path / "b.csv", "n_params,lr,loss", alone)).features == ("n_params", "lr")


def test_a_list_of_logged_values_has_a_curve_for_each_run(tmp_path: Path) -> None:
    rows = [
        f"{run},{tag},{step},{value:.4f}"
        for run, size in (("small", 7e7), ("large", 1e9))
        for step in range(1000, 9000, 1000)
        for tag, value in (("eval/loss", 1.69 + 406 * size**-0.34 + 410 * (step * 5e5) ** -0.28), ("lr", 3e-4))
    ]
    task = guessed(table(tmp_path / "a.csv", "run,tag,step,value", rows), "eval/loss")
    assert (task.group, task.features, task.train().n_groups) == ("run", ("step",), 2)


def test_checkpoints_are_steps(tmp_path: Path) -> None:
    rows = [f"{name},{s},{2 + 40 * s**-0.4:.4f}" for name in ("a-70m", "a-410m") for s in range(1000, 9000, 1000)]
    task = guessed(table(tmp_path / "a.csv", "model,checkpoint,loss", rows))
    assert (task.group, task.features) == ("model", ("checkpoint",))


def test_headings_with_commas_are_named_in_options(tmp_path: Path) -> None:
    records = [
        {"config": {"params": n, "tokens": d}, "results": {"arc": {"acc,none": 1 / y, "acc_stderr,none": 0.01 * y}}}
        for n, d, y in RUNS
    ]
    path = tmp_path / "a.json"
    path.write_text(json.dumps(records))
    task = task_from_table(path, ("results.arc.acc", "none"))  # as a list of options is parted
    assert task.column(task.target[0]).heading == "results.arc.acc,none"
    rows = [f'"{n:g}",{d:g},{y:.4f}' for n, d, y in RUNS]
    csv = table(tmp_path / "b.csv", '"params, total",tokens,loss', rows)
    assert task_from_table(csv, "loss", features=["params", "total", "tokens"]).features == ("params_total", "tokens")


def test_a_heading_below_another_one_is_found_by_itself(tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    sheet.append(["", "Model", "Data", "Results", None])
    sheet.append(["Run", "Params (M)", "Tokens (B)", "Val loss", "PPL"])
    sheet.merge_cells("D1:E1")
    for i, (n, d, y) in enumerate(RUNS):
        sheet.append([f"R{i:02d}", n / 1e6, d / 1e9, y, math.exp(y)])
    sheet.append(["Mean", None, None, 2.9, None])
    sheet.append([])
    sheet.append(["* R07 was trained with the old tokenizer"])
    book.save(tmp_path / "a.xlsx")
    task = task_from_table(tmp_path / "a.xlsx", "Val loss")
    assert task.column(task.target[0]).heading == "Results.Val loss"
    assert (task.features, len(task.train())) == (("Model_Params_M", "Data_Tokens_B"), len(RUNS))


def ruled(rows: Sequence[Sequence[str]]) -> str:
    line = "+----------+----------+---------+"
    head = [line, "| params   | tokens   | loss    |", line.replace("-", "=")]
    return "\n".join([*head, *(f"| {a:8} | {b:8} | {c:7} |\n{line}" for a, b, c in rows)]) + "\n"


def from_database(rows: Sequence[Sequence[str]]) -> str:
    body = [f" {a:>10} | {b:>11} | {c:>7}" for a, b, c in rows]
    head = ["   params   |   tokens    |  loss  ", "------------+-------------+--------"]
    return "\n".join([*head, *body, f"({len(rows)} rows)", ""])


def printed_by_pandas(rows: Sequence[Sequence[str]]) -> str:
    return "\n".join(["        params      tokens     loss", *(f"{i:<3} {'  '.join(r)}" for i, r in enumerate(rows))])


def short_rule(rows: Sequence[Sequence[str]]) -> str:
    return "\n".join(["| params | tokens | loss |", "|:--|-|:-:|", *(f"| {' | '.join(row)} |" for row in rows)])


@pytest.mark.parametrize(
    ("draw", "suffix"),
    [(ruled, ".txt"), (from_database, ".txt"), (printed_by_pandas, ".txt"), (short_rule, ".txt"), (short_rule, ".md")],
)
def test_tables_that_are_drawn_with_lines(
    tmp_path: Path, draw: Callable[[Sequence[Sequence[str]]], str], suffix: str
) -> None:
    path = tmp_path / f"a{suffix}"
    path.write_text(draw([(f"{n:g}", f"{d:g}", f"{y:.4f}") for n, d, y in RUNS]))
    task = guessed(path)
    assert task.features == ("params", "tokens")
    found = task.train()
    assert found.features["params"].tolist() == [n for n, _, _ in RUNS]
    assert found.targets[:, 0].tolist() == [round(y, 4) for _, _, y in RUNS]


def test_french_numbers_in_latin_1(tmp_path: Path) -> None:
    def written(value: float) -> str:
        return f"{value:,.0f}".replace(",", "\u00a0")

    rows = [f"essai n°{i};{written(n)};{written(d)};{y:.4f}".replace(".", ",") for i, (n, d, y) in enumerate(RUNS)]
    task = guessed(table(tmp_path / "a.csv", "Expérience;Paramètres;Jetons;Perte", rows, "latin-1"))
    assert [task.column(name).heading for name in task.features] == ["Paramètres", "Jetons"]
    assert task.train().features["Parametres"].tolist() == [n for n, _, _ in RUNS]
    assert "the file is not UTF-8; it is read as cp1252" in task.notes


def test_a_page_is_refused_with_the_way_out(tmp_path: Path) -> None:
    (tmp_path / "a.html").write_text("<table></table>")
    with pytest.raises(InputError, match="read_html"):
        read_table(tmp_path / "a.html")


def test_steps_to_a_target_are_a_result(tmp_path: Path) -> None:
    rows = [f"{b},{4200 * (1 + 180 / b):.0f}" for b in (8, 16, 32, 64, 128, 256, 512)]
    task = guessed(table(tmp_path / "a.csv", "batch size,steps to target", rows))
    assert (task.target, task.features) == (("steps_to_target",), ("batch_size",))


def test_attempts_beside_pass_at_k_are_an_axis_and_two_models_are_groups(tmp_path: Path) -> None:
    rows = [f"{model},{k},{math.exp(-a * k**-0.35):.4f}" for model, a in (("8B", 1.9), ("70B", 1.1)) for k in KS]
    task = guessed(table(tmp_path / "a.csv", "model,k,pass@k", rows))
    assert (task.group, task.features, task.extrapolate, task.roles) == ("model", ("k",), ("k",), {"k": "samples"})
    laws = laws_for(task.features, heading="pass@k", roles=task.roles)
    assert "repeated_sampling(k)" in [law.id for law in laws]
    assert any("pass_k does not fall with k" in note for note in task.notes)


def test_curves_of_returns_are_predicted_from_their_steps(tmp_path: Path) -> None:
    rows = [
        f"{env},{seed},{50_000 * k},{9000 - 5000 * k**-0.5:.1f},{900 + k}"
        for env in ("HalfCheetah-v4", "Hopper-v4")
        for seed in range(3)
        for k in range(1, 12)
    ]
    head = "env_id,seed,global_step,charts/episodic_return,charts/episodic_length"
    task = guessed(table(tmp_path / "rl.csv", head, rows))
    assert (task.features, task.group, task.target) == (("global_step",), "env_id", ("charts_episodic_return",))


def test_latencies_are_results_of_tables_that_have_no_other(tmp_path: Path) -> None:
    rows = [f"{b},{n},{12 + 0.02 * b * n:.1f} ms" for b in (1, 4, 16, 64) for n in (128, 512, 2048)]
    task = guessed(table(tmp_path / "a.csv", "batch,prompt len,TTFT", rows))
    assert (task.features, task.target) == (("batch", "prompt_len"), ("TTFT",))
    assert task.train().targets[0, 0] == pytest.approx(14.6)
    both = table(tmp_path / "b.csv", "batch,prompt len,TTFT,throughput", [f"{row},{i}" for i, row in enumerate(rows)])
    with pytest.raises(InputError, match="several columns may be the result: TTFT, throughput"):
        guessed(both)
    assert guessed(both, "throughput").features == ("batch", "prompt_len")


def test_steps_to_a_target_are_the_result_and_the_target_a_cause(tmp_path: Path) -> None:
    rows = [f"{b},{y},{int(2000 * (1 + 700 / b) / (y - 2))}" for b in (32, 128, 512, 2048) for y in (3.5, 3.2, 3.0)]
    task = guessed(table(tmp_path / "a.csv", "batch size,target loss,steps to target", rows))
    assert (task.features, task.target) == (("batch_size", "target_loss"), ("steps_to_target",))


@pytest.mark.parametrize("cells", [("3-bit", "4-bit", "8-bit"), ("3", "4", "8")])
def test_bits_are_a_cause_and_the_precision_of_a_classifier_is_none(tmp_path: Path, cells: Sequence[str]) -> None:
    rows = [f"{n},{bits},{3 - i / 9 + n * 1e-10:.3f}" for n, *_ in RUNS for i, bits in enumerate(cells)]
    for heading in ("weight precision", "precision"):
        task = guessed(table(tmp_path / "a.csv", f"N,{heading},loss", rows))
        assert task.features == ("N", heading.replace(" ", "_"))
    rows = [f"{n},{0.5 + i / 999},{y}" for i, (n, _, y) in enumerate(RUNS)]
    assert guessed(table(tmp_path / "b.csv", "N,precision,loss", rows)).features == ("N",)


def test_errors_in_per_cent_are_results_and_errors_of_losses_are_not(tmp_path: Path) -> None:
    rows = [f"{n},{d},{30 * y / 4:.2f}" for n, d, y in RUNS]
    assert guessed(table(tmp_path / "a.csv", "N,D,IN-1k top-1 err. (%)", rows)).target == ("IN_1k_top_1_err",)
    rows = [f"{n},{d},{y},0.01{i}" for i, (n, d, y) in enumerate(RUNS)]
    assert guessed(table(tmp_path / "b.csv", "N,D,loss,loss err", rows)).features == ("N", "D")


@pytest.mark.parametrize("marks", [("True", "False"), ("yes", "no"), ("ja", "nein")])
def test_a_yes_or_no_is_said_to_be_one(tmp_path: Path, marks: Sequence[str]) -> None:
    rows = [f"{n},{d},{mark},{y}" for n, d, y in RUNS for mark in marks]
    task = guessed(table(tmp_path / "a.csv", "N,D,tied,loss", rows))
    assert task.group == "tied"
    assert any(f"'tied' says yes or no ({marks[0]}, {marks[1]})" in note for note in task.notes)
    as_numbers = [f"{n},{d},{i},{y}" for n, d, y in RUNS for i in (0, 1)]
    task = guessed(table(tmp_path / "b.csv", "N,D,tied,loss", as_numbers))
    assert task.features == ("N", "D", "tied")
    assert any("'tied' holds 0 and 1 alone, which are taken as numbers" in note for note in task.notes)


def test_names_of_blocks_hold_for_the_blank_cells_below_them(tmp_path: Path) -> None:
    rows = [f"{'' if i % 6 else 'ABCD'[i // 6]},{n},{d},{y}" for i, (n, d, y) in enumerate(RUNS)]
    task = guessed(table(tmp_path / "a.csv", "arch,N,D,loss", rows))
    assert (task.group, dict(task.facts().group_rows)) == ("arch", dict.fromkeys("ABCD", 6))
    assert any("blank cells of 'arch' mean the name above them" in note for note in task.notes)
    remarks = [f"{'a slow node' if i == 3 else ''},{n},{d},{y}" for i, (n, d, y) in enumerate(RUNS)]
    assert guessed(table(tmp_path / "b.csv", "remark,N,D,loss", remarks)).group is None


def test_settings_that_follow_a_schedule_along_tokens_are_left_out(tmp_path: Path) -> None:
    rows = [f"{n},{d},{(1e-4, 4e-4, 3e-4, 1e-4)[k]},{y}" for n in SIZES for k, (_, d, y) in enumerate(RUNS[:4])]
    task = guessed(table(tmp_path / "a.csv", "N,D,lr,loss", rows))
    assert task.features == ("N", "D")
    assert any("'lr' is left out: all rows of one 'D' share its value" in note for note in task.notes)


def test_headings_without_letters_have_speaking_names(tmp_path: Path) -> None:
    path = table(tmp_path / "a.csv", "参数量,训练词元,验证损失", [f"{n},{d},{y}" for n, d, y in RUNS], "gb18030")
    task = guessed(path)
    assert (task.features, task.target) == (("params", "tokens"), ("loss",))


def test_counts_that_may_be_thousands_are_refused_beside_a_loss(tmp_path: Path) -> None:
    rows = [f"{1.9 + i / 7:.3f};{1.2 + i / 3:.3f};{5.1 - i / 10:.3f}" for i in range(9)]
    with pytest.raises(InputError, match="may mean"):
        guessed(table(tmp_path / "a.csv", "Parameter;Token;Verlust", rows))
    task = guessed(table(tmp_path / "b.csv", "Breite;Hoehe;Verlust", rows))
    assert any("in Breite, 1.900 means 1.9, not 1900" in note for note in task.notes)


def test_a_column_for_each_value_of_a_setting_is_told_how_to_be_rows(tmp_path: Path) -> None:
    path = table(tmp_path / "a.csv", "model,pass@1,pass@8,pass@64", [f"m{i},0.{i},0.{i}5,0.9" for i in range(1, 6)])
    with pytest.raises(InputError, match="hold one result at several values of a setting"):
        guessed(path)
    path = table(tmp_path / "b.csv", "tp,p50_latency,p99_latency", [f"{i},{i}0,{i}5" for i in range(1, 6)])
    with pytest.raises(InputError, match="several columns may be the result"):
        guessed(path)


def test_powers_as_fortran_writes_them(tmp_path: Path) -> None:
    rows = [f"{n:.3E}\t{d:.3E}\t{y:.5E}".replace("E", "D") for n, d, y in RUNS]
    task = guessed(table(tmp_path / "a.tsv", "N\tD\tL", rows))
    assert task.target == ("L",)
    assert task.train().features["N"].max() == SIZES[-1]


def test_names_that_stand_one_to_one_for_a_size_are_its_labels(tmp_path: Path) -> None:
    vits = {"ViT-B": (86, 768), "ViT-L": (304, 1024), "ViT-H": (632, 1280)}
    rows = [(name, *sizes, d, 0.08 + 2 * sizes[0] ** -0.4 + d**-0.4) for name, sizes in vits.items() for d in SIZES]
    for place, heading in ((1, "size"), (2, "width"), (1, "GFLOPs")):
        lines = [f"{row[0]},{row[place]},{row[3]},{row[4]:.5f}" for row in rows]
        task = guessed(table(tmp_path / "a.csv", f"model,{heading},images seen,top-1 error", lines))
        assert (task.group, task.features) == (None, (heading, "images_seen"))
        assert any(f"'model' is no group: each of its names has a single value of '{heading}'" in n for n in task.notes)
        named = guessed(table(tmp_path / "b.csv", f"family,{heading},images seen,top-1 error", lines))
        assert named.group == "family"
    several = [f"{name[:5]},{w},{d},{y:.5f}" for name, _, w, d, y in rows for w in (w, 2 * w)]
    task = guessed(table(tmp_path / "c.csv", "model,width,images seen,top-1 error", several))
    assert task.group == "model"


def test_a_guessed_group_has_no_name_of_a_single_row(tmp_path: Path) -> None:
    rows = [f"{'branch_base' if i == 0 else 'branch_commit'},{n},{d},{y}" for i, (n, d, y) in enumerate(RUNS)]
    task = guessed(table(tmp_path / "a.csv", "typ,N,D,loss", rows))
    assert task.group is None
    assert any("'typ' is no group: 'branch_base' stands in one row alone; --group typ" in note for note in task.notes)


def test_headings_in_the_alphabets_of_latex(tmp_path: Path) -> None:
    rows = "".join(f"{n} & {d} & {y} \\\\\n" for n, d, y in RUNS)
    path = tmp_path / "a.tex"
    path.write_text(
        r"\begin{tabular}{rrr} $N$ & $\mathcal{D}$ & $\mathcal{L}$ \\ \midrule" + f"\n{rows}" + r"\end{tabular}"
    )
    task = guessed(path)
    assert (task.features, task.target) == (("N", "D"), ("L",))


def test_a_log_of_sentences_is_told_from_a_table(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("".join(f"iter {i}: loss {9 - i / 99:.3f}, time {i}ms\n" for i in range(0, 90, 9)))
    with pytest.raises(InputError, match="every line repeats the word 'loss', as those of a log do"):
        guessed(path)
