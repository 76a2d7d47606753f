#!/usr/bin/env python3
"""Packs the nonlinear regression problems of NIST's Statistical Reference Datasets into one test file.

Usage: scripts/convert_nist.py FOLDER [OUTPUT]

FOLDER holds one JSON per problem (name, difficulty, target, formula, columns, parameters with both starts,
certified value and its standard deviation, residual_sum_of_squares, rows). The data are in the public domain:
https://www.itl.nist.gov/div898/strd/nls/nls_main.shtml
"""

from __future__ import annotations

import json
import math
import re
import sys
from pathlib import Path
from typing import Any

OUTPUT = Path(__file__).parent.parent / "tests" / "fitting" / "nist_strd.json"


def problem(raw: dict[str, Any]) -> dict[str, Any]:
    """One problem: columns by name, starts and certified values by constant."""
    columns = {name: [row[i] for row in raw["rows"]] for i, name in enumerate(raw["columns"])}
    parameters = raw["parameters"]
    return {
        "name": raw["name"],
        "difficulty": raw["difficulty"],
        "formula": re.sub(r"\bpi\b", repr(math.pi), raw["formula"]),
        "log_of_target": raw["target"] == "log(y)",
        "target": columns.pop("y"),
        "features": columns,
        "starts": [{p["name"]: p[key] for p in parameters} for key in ("start1", "start2")],
        "certified": {p["name"]: p["certified"] for p in parameters},
        "standard_errors": {p["name"]: p["sd"] for p in parameters},
        "residual_sum_of_squares": raw["residual_sum_of_squares"],
    }


def main(folder: str, output: str = str(OUTPUT)) -> None:
    problems = [problem(json.loads(path.read_text())) for path in sorted(Path(folder).glob("*.json"))]
    lines = ",\n".join(json.dumps(p, separators=(",", ":")) for p in problems)
    Path(output).write_text(f"[\n{lines}\n]\n")
    print(f"{len(problems)} problems in {output}")


if __name__ == "__main__":
    main(*sys.argv[1:])
