"""The average of several laws as code, run by the tool it is made for, against `Ensemble.central`."""

from __future__ import annotations

import importlib.util
import json
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from discover.errors import InputError
from discover.export import TARGETS, export, file_name
from discover.expressions import constant_names, parse
from discover.forecasts import Draws, Ensemble, Noise, with_forecasts
from discover.forecasts.drift import Drift
from discover.forecasts.storing import runner_up
from discover.law.document import LawDocument
from discover.scoring.reach import Reach

from .laws import CASES, N_POINTS

CODE = [name for name, row in TARGETS.items() if row.forecast is not None and name != "json"]
OTHERS = {  # case -> other laws; one of them wild, one without a value at some points
    "streams": ["E + A*params**(-a)", "exp(5e-9*params)", "(A - params)**0.5 + E*log(streams)"],
    "mixture": ["c + k*p3", "c + log(p1 - 0.3)"],
    "words": ["E*_x**(-pow) + F*double", "for*group*int*np*N**(-0.1)"],
    "signs": ["a - x*b", "a + 1000*b*x**3"],
    "operators": ["a + tanh(x)*Max(b, x)"],
    "constant": ["E*params**(-a)"],
}
BOUNDS = {"streams": (0.5, 20.0)}


def forecast_of(name: str) -> LawDocument:
    """The case's law with others beside it."""
    rng = np.random.default_rng(7)
    document = CASES[name].document
    shape = (len(document.groups), len(document.targets))
    documents = [document]
    for formula in OTHERS[name]:
        size = len(constant_names(parse(formula, document.feature_names)))
        constants = rng.uniform(0.5, 1.5, (*shape, size))
        documents.append(runner_up(document, formula, constants, [], dict(document.recipe)))
    weights = np.arange(len(documents), 0, -1) / np.arange(len(documents) + 1).sum()
    laws = tuple(
        Draws(one, float(weight), {n: np.ones((2, *shape)) for n in one.constant_names})
        for one, weight in zip(documents, weights, strict=True)
    )
    scale = np.ones(shape)
    positive = bool(np.all(CASES[name].expected() > 0))
    noise, drift = Noise(scale, (positive,) * shape[1]), Drift(reach_of(name, shape[0]), scale, 1.0)
    return with_forecasts(Ensemble(laws, noise, drift, BOUNDS.get(name, (-np.inf, np.inf)), logs=positive))


def reach_of(name: str, groups: int) -> Reach:
    """Data that end in the middle of the points, by group a little farther; columns above 0 count by logarithm."""
    logged = frozenset(column for column, (low, _) in CASES[name].features.items() if low > 0)
    ends = {}
    for column, span in CASES[name].features.items():
        low, high = np.log10(span) if column in logged else span
        ends[column] = np.array([[low, low + (high - low) * (0.3 + 0.1 * g)] for g in range(groups)])
    return Reach.box(ends, logged)


def expected(document: LawDocument, name: str) -> np.ndarray:
    columns, groups = CASES[name].points()
    ensemble = Ensemble.from_document(document)
    with np.errstate(all="ignore"):
        found = [ensemble.central(columns, list(groups), target=target) for target in document.targets]
    out = np.stack(found, axis=-1)
    assert np.all(np.isfinite(out))
    return out


def write(document: LawDocument, target: str, path: Path) -> None:
    content = export(document, target, "forecast")
    assert isinstance(content, str)
    path.write_text(content, encoding="utf-8")


def run(command: list[str], folder: Path) -> None:
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]


def inputs(document: LawDocument) -> tuple[str, ...]:
    return Ensemble.from_document(document).inputs


def test_forecasts_beyond_the_data_are_restrained_in_most_cases() -> None:
    moved = []
    for name in OTHERS:
        document = forecast_of(name)
        ensemble, (columns, groups) = Ensemble.from_document(document), CASES[name].points()
        wide = replace(
            ensemble,
            drift=replace(
                ensemble.drift, reach=Reach.box({c: np.full((len(document.groups), 2), 1e300) for c in columns})
            ),
        )
        free = [wide.central(columns, list(groups), target=target) for target in document.targets]
        moved.append(np.mean(~np.isclose(np.stack(free, axis=-1), expected(document, name), rtol=1e-6)))
    assert sum(share > 0.1 for share in moved) >= 4, moved


@pytest.fixture(params=OTHERS)
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.mark.parametrize("target", ["python", "jax"])
def test_python_and_jax_average_alike(name: str, target: str, tmp_path: Path) -> None:
    if target == "jax" and importlib.util.find_spec("jax") is None:
        pytest.skip("jax is not installed")
    document = forecast_of(name)
    write(document, target, tmp_path / "law.py")
    columns, groups = CASES[name].points()
    given = {"columns": [columns[c].tolist() for c in inputs(document)], "groups": list(groups)}
    (tmp_path / "points.json").write_text(json.dumps(given))
    exact = 'import jax\njax.config.update("jax_platforms", "cpu")\njax.config.update("jax_enable_x64", True)\n'
    who = "[law.GROUPS.index(g) for g in points['groups']]" if target == "jax" else "points['groups']"
    (tmp_path / "main.py").write_text(
        (exact if target == "jax" else "")
        + "import json, sys\nsys.path.insert(0, '.')\nimport law\nimport numpy as np\n"
        + "points = json.load(open('points.json'))\n"
        + "columns = [np.array(c) for c in points['columns']]\n"
        + f"values = law.predict(*columns, group={who})\n"
        + "one = law.predict(*(c[0] for c in columns), group=points['groups'][0])\n"
        + "assert np.allclose(one, values[0], rtol=1e-12)\nassert 'discover' not in sys.modules\n"
        + "json.dump(np.asarray(values).tolist(), open('out.json', 'w'))\n"
    )
    run([sys.executable, "-W", "error", "main.py"], tmp_path)
    found = np.array(json.loads((tmp_path / "out.json").read_text())).reshape(N_POINTS, -1)
    np.testing.assert_allclose(found, expected(document, name), rtol=1e-10)


def test_c_averages_alike(name: str, tmp_path: Path) -> None:
    compiler = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
    if compiler is None:
        pytest.skip("no C compiler on the PATH")
    document = forecast_of(name)
    write(document, "c", tmp_path / "law.h")
    columns, groups = CASES[name].points()
    calls = []
    for i, group in enumerate(groups):
        values = ", ".join(repr(float(columns[c][i])) for c in inputs(document))
        place = document.groups.index(group)
        calls += [
            f'    printf("%.17g\\n", {name}_forecast({place}, {t}, {values}));' for t in range(len(document.targets))
        ]
    body = "\n".join(calls)
    checks = f"if ({name}_group({name}_groups[0]) != 0) return 2;\nif (!{name}_targets[0]) return 3;"
    main = f'#include "law.h"\n#include <stdio.h>\nint main(void) {{\n{checks}\n{body}\nreturn 0;\n}}\n'
    (tmp_path / "main.c").write_text(main)
    run([compiler, "-std=c99", "-pedantic", "-Wall", "-Wextra", "-Werror", "main.c", "-o", "main", "-lm"], tmp_path)
    said = subprocess.run([str(tmp_path / "main")], capture_output=True, text=True, check=True).stdout
    found = np.array([float(line) for line in said.split()]).reshape(N_POINTS, -1)
    np.testing.assert_allclose(found, expected(document, name), rtol=1e-10)


def test_javascript_averages_alike(name: str, tmp_path: Path) -> None:
    node = shutil.which("node")
    if node is None:
        pytest.skip("Node is not on the PATH")
    document = forecast_of(name)
    write(document, "javascript", tmp_path / "law.mjs")
    columns, groups = CASES[name].points()
    rows = [{c: float(v[i]) for c, v in columns.items()} for i in range(len(groups))]
    (tmp_path / "points.json").write_text(json.dumps({"rows": rows, "groups": list(groups)}))
    (tmp_path / "main.mjs").write_text(
        'import { readFileSync, writeFileSync } from "node:fs";\nimport { TARGETS, predict } from "./law.mjs";\n'
        'const { rows, groups } = JSON.parse(readFileSync("points.json", "utf8"));\n'
        "const out = rows.map((row, i) => TARGETS.map(target => predict(row, { group: groups[i], target })));\n"
        'writeFileSync("out.json", JSON.stringify(out));\n'
    )
    run([node, "main.mjs"], tmp_path)
    found = np.array(json.loads((tmp_path / "out.json").read_text()))
    np.testing.assert_allclose(found, expected(document, name), rtol=1e-10)


def test_r_averages_alike(name: str, tmp_path: Path) -> None:
    rscript = shutil.which("Rscript")
    if rscript is None:
        pytest.skip("R is not on the PATH")
    document = forecast_of(name)
    write(document, "r", tmp_path / "law.R")
    columns, groups = CASES[name].points()
    used = ", ".join("c(" + ", ".join(map(repr, columns[c].tolist())) + ")" for c in inputs(document))
    places = ", ".join(str(document.groups.index(g) + 1) for g in groups)
    (tmp_path / "main.R").write_text(
        f'source("law.R")\nvalues <- predict_law({used}, group = law_groups[c({places})])\n'
        'write(sprintf("%.17g", t(values)), "out.txt", ncolumns = 1)\n'
    )
    run([rscript, "--vanilla", "main.R"], tmp_path)
    found = np.loadtxt(tmp_path / "out.txt").reshape(N_POINTS, -1)
    np.testing.assert_allclose(found, expected(document, name), rtol=1e-10)


def test_julia_averages_alike(name: str, tmp_path: Path) -> None:
    julia = shutil.which("julia")
    if julia is None:
        pytest.skip("Julia is not on the PATH")
    document = forecast_of(name)
    write(document, "julia", tmp_path / "law.jl")
    columns, groups = CASES[name].points()
    used = ", ".join("Float64" + repr(columns[c].tolist()) for c in inputs(document))
    places = ", ".join(str(document.groups.index(g) + 1) for g in groups)
    (tmp_path / "main.jl").write_text(
        f'include("law.jl")\nusing .ScalingForecast: predict, GROUPS, TARGETS\ncolumns = ({used},)\n'
        f'groups = GROUPS[[{places}]]\nopen("out.txt", "w") do file\n    for target in TARGETS\n'
        "        for value in predict(columns...; group=groups, target=target)\n"
        "            println(file, value)\n        end\n    end\nend\n"
    )
    run([julia, "--startup-file=no", "main.jl"], tmp_path)
    found = np.loadtxt(tmp_path / "out.txt").reshape(-1, N_POINTS).T
    np.testing.assert_allclose(found, expected(document, name), rtol=1e-10)


@pytest.mark.parametrize("target", CODE)
def test_every_law_is_there_with_its_weight(name: str, target: str) -> None:
    document = forecast_of(name)
    text = export(document, target, "forecast")
    for law in Ensemble.from_document(document).laws:
        assert repr(law.weight) in str(text)
        for entry in law.document.constants:
            assert all(repr(value).partition("e")[0] in str(text) for value in entry.values.values())


def test_json_is_the_document_with_its_forecasts() -> None:
    document = forecast_of("streams")
    held = json.loads(str(export(document, "json", "forecast")))
    assert len(held["forecasts"]["laws"]) == 1 + len(OTHERS["streams"])


def test_what_holds_one_law_says_so() -> None:
    with pytest.raises(InputError, match="holds one law, not an average; forecasts go to json, python, jax, c"):
        export(forecast_of("streams"), "latex", "forecast")
    with pytest.raises(InputError, match="no uncertainty beside it"):
        export(CASES["streams"].document, "python", "forecast")
    assert file_name(CASES["streams"].document, "c", "forecast") == "streams_forecast.h"
