"""Stands in for the package PySR where there is no Julia: its regressor plays recorded sessions.

The files that it plays, one after the other, are named by PYSR_RECORDINGS, separated like a PATH. A template is played
from the ones whose names hold "template", for as many groups as are asked for. It checks what PySR and its engine
would check of their arguments. With PYSR_FETCHES it says so when it is imported, and takes so many seconds.
"""

import csv
import io
import itertools
import json
import os
import re
import time
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace

if "PYSR_FETCHES" in os.environ:
    print("[juliapkg] Downloading Julia")
    time.sleep(float(os.environ["PYSR_FETCHES"]))

_fits = itertools.count()
_seeds = []


def _seval(text):
    if text.startswith("Random.seed!"):
        _seeds.append(int(text.partition("(")[2][:-1]))
    return "1.10.8" if "VERSION" in text else "2.0.0"


jl = SimpleNamespace(seval=_seval)


@dataclass
class TemplateExpressionSpec:
    combine: str
    expressions: list
    variable_names: list
    parameters: dict


class PySRRegressor:
    def __init__(self, **settings):
        self.settings = settings
        assert not settings["deterministic"] or settings["parallelism"] == "serial"
        assert settings["maxsize"] >= 7
        if not {"constraints", "nested_constraints"} <= settings.keys():
            assert "expression_spec" in settings

    def fit(self, x, y):
        assert x.shape[0] == len(y)
        assert _seeds[-1] == self.settings["random_state"]
        spec = self.settings.get("expression_spec")
        warm = self.settings["niterations"] == 1
        paths = [
            p for p in os.environ["PYSR_RECORDINGS"].split(os.pathsep) if ("template" in Path(p).name) == bool(spec)
        ]
        if spec:
            assert len(spec.variable_names) == x.shape[1]
            groups = set(x[:, -1])
            assert warm or groups == set(range(1, spec.parameters["c"] + 1))
        rows = _front(paths[0 if warm else next(_fits) % len(paths)]) if paths else [("1", "1.0", "1.0")]
        rows = [row for row in rows if not any(f"x{i}" in row[2] for i in range(x.shape[1], 9))]
        if spec:
            rows = [(size, loss, _for_groups(text, spec.parameters["c"])) for size, loss, text in rows]
        self.equations_ = {
            "complexity": [int(size) for size, _, _ in rows],
            "loss": [float(loss) for _, loss, _ in rows],
            "equation": [text for _, _, text in rows],
        }


def _front(path):
    lines = csv.reader(io.StringIO(json.loads(Path(path).read_text())["hall_of_fame"]))
    return [tuple(line) for line in lines][1:]


def _for_groups(text, groups):
    def of(match):
        values = match[2].split(", ")
        return f"{match[1]} = [{', '.join(values[i % len(values)] for i in range(groups))}]"

    return re.sub(r"(\w+) = \[([^]]*)\]", of, text)
