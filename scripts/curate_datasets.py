"""Make datasets/<name>/data.csv, and the data-dependent end of card.toml, from the benchmark's eight tables.

    python scripts/curate_datasets.py --source FOLDER [--cards]

FOLDER holds one CSV per task (`<task>.csv` with the columns group, features, targets, split). Every file
is compared with a known checksum first, columns are renamed, and every number is written with the
shortest text that reads back to the same float. The text of the cards is written by hand; this script
writes only their last section, `[table]`.
"""

from __future__ import annotations

import argparse
import ast
import csv
import hashlib
import json
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

DATASETS = Path(__file__).resolve().parent.parent / "datasets"
SECTION = "# Everything below is written by scripts/curate_datasets.py.\n[table]\n"


@dataclass(frozen=True)
class Recipe:
    """How one benchmark table becomes a dataset.

    Attributes:
        source: file name of the benchmark's table.
        sha256: its checksum.
        columns: old heading -> new heading, in the new order; "group" and "split" included.
        rename_group: text of a group in the benchmark -> text here.
    """

    source: str
    sha256: str
    columns: dict[str, str]
    rename_group: Callable[[str], str] = str


def _pair(text: str) -> str:
    """`"('gpt2', 'flan')"` as `"gpt2/flan"`."""
    model, data = ast.literal_eval(text)
    return f"{model}/{data}"


RECIPES = {
    "parallel": Recipe(
        "parallel_scaling_law.csv",
        "5fbf5abb730d1300edae545747bb7a76299b0baf41d61ec983936ffa29e51275",
        {
            "group": "corpus",
            "num_params": "params",
            "parallel_size": "streams",
            "loss": "loss",
            "split": "split",
        },
    ),
    "vocab": Recipe(
        "vocab_scaling_law.csv",
        "ae45d7d0525e3b8fdad647e22600a5738405675d0e494405becae6baeb349d43",
        {
            "non_vocab_parameters": "params",
            "vocab_size": "vocab_size",
            "num_characters": "characters",
            "unigram_normalized_loss": "loss",
            "split": "split",
        },
    ),
    "sft": Recipe(
        "sft_scaling_law.csv",
        "29702ee8aaff7c87adc08b26fd20912179266a368b3fece96eb6fe9ffe300f7f",
        {"group": "pair", "sft_data_size": "examples", "sft_loss": "loss", "split": "split"},
        _pair,
    ),
    "domain_mixture": Recipe(
        "domain_mixture_scaling_law.csv",
        "4a580a4e770f15ff3466ec269579eb724169bfe6baee0f7b687ea52f740675e6",
        {"group": "model_size"}
        | {f"proportion_domain_{place}": f"p{place}" for place in range(1, 6)}
        | {f"loss_domain_{place}": f"loss{place}" for place in range(1, 6)}
        | {"split": "split"},
    ),
    "moe": Recipe(
        "moe_scaling_law.csv",
        "36a9c9ca72d4c44ca0c6bec702f6103fd18cf63cb8d70ad595cc6eff50f605f6",
        {
            "num_experts": "experts",
            "dense_parameter_count": "params",
            "loss_validation": "loss",
            "split": "split",
        },
    ),
    "data_constrained": Recipe(
        "data_constrained_scaling_law.csv",
        "950e3d2a480d2dc6bc6d007b62da54d1fe96967754082f358ab5f94b717c2720",
        {
            "unique_tokens": "unique_tokens",
            "params": "params",
            "tokens": "tokens",
            "loss": "loss",
            "split": "split",
        },
    ),
    "lr_bsz": Recipe(
        "lr_bsz_scaling_law.csv",
        "108b632184b9b8395f748954ea98d6de20d4668775130c56057d149f46879cc7",
        {
            "lr": "lr",
            "bsz": "batch_size",
            "data_size": "tokens",
            "non_embedding_param_size": "params",
            "lm_loss": "loss",
            "split": "split",
        },
    ),
    "easy_question": Recipe(
        "easy_question_scaling_law.csv",
        "b2f27128d180a5f959cf7547568f151ce9b9be20ff2c48f68365f84193cd2411",
        {"group": "benchmark", "log_flops": "log_flops", "brier_score": "score", "split": "split"},
    ),
}


def shortest(text: str) -> str:
    """The shortest text of the same 64-bit float; whole numbers without a decimal point."""
    value = float(text)
    short = repr(value)
    if value.is_integer() and abs(value) < 2**53:
        short = str(int(value))
    if float(short) != value:
        raise ValueError(f"{text} would be written as {short}, which is another number")
    return short


def convert(recipe: Recipe, rows: Sequence[dict[str, str]]) -> list[dict[str, str]]:
    """The rows under their new headings."""
    return [{new: _cell(recipe, old, row[old]) for old, new in recipe.columns.items()} for row in rows]


def _cell(recipe: Recipe, old: str, text: str) -> str:
    if old == "split":
        return text
    return recipe.rename_group(text) if old == "group" else shortest(text)


def write_csv(path: Path, rows: Sequence[dict[str, str]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def table_section(recipe: Recipe, rows: Sequence[dict[str, str]], data: Path) -> str:
    """The last section of the card: checksum, row counts and group names."""
    lines = [
        f'sha256 = "{hashlib.sha256(data.read_bytes()).hexdigest()}"',
        f"train_rows = {sum(row['split'] == 'train' for row in rows)}",
        f"test_rows = {sum(row['split'] == 'test' for row in rows)}",
    ]
    if "group" in recipe.columns:
        names = dict.fromkeys(row[recipe.columns["group"]] for row in rows)
        lines += ["groups = [", *(f"  {json.dumps(name)}," for name in names), "]"]
    return SECTION + "\n".join(lines) + "\n"


def write_card(path: Path, section: str, rewrite: bool) -> None:
    """Put the section at the end of the card, in place of an older one if `rewrite`."""
    text = path.read_text(encoding="utf-8") if path.exists() else ""
    head, mark, _ = text.partition(SECTION)
    if mark and not rewrite:
        return
    path.write_text(f"{head.rstrip()}\n\n{section}", encoding="utf-8")


def curate(name: str, recipe: Recipe, source: Path, rewrite_card: bool) -> str:
    """Make one dataset; the answer is one line about it."""
    content = (source / recipe.source).read_bytes()
    if hashlib.sha256(content).hexdigest() != recipe.sha256:
        raise ValueError(f"{source / recipe.source} is not the expected file: its SHA-256 differs")
    rows = convert(recipe, list(csv.DictReader(content.decode("utf-8").splitlines())))
    data = DATASETS / name / "data.csv"
    write_csv(data, rows)
    write_card(DATASETS / name / "card.toml", table_section(recipe, rows, data), rewrite_card)
    return f"{name}: {len(rows)} rows"


def main() -> int:
    parser = argparse.ArgumentParser(description="Make the shipped datasets from the benchmark's tables.")
    parser.add_argument("--source", type=Path, required=True, help="folder with the benchmark's eight CSV files")
    parser.add_argument("--cards", action="store_true", help="also rewrite the section [table] of existing cards")
    arguments = parser.parse_args()
    for name, recipe in RECIPES.items():
        try:
            print(curate(name, recipe, arguments.source, arguments.cards))
        except (OSError, ValueError) as problem:
            print(f"{name}: {problem}", file=sys.stderr)
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
