"""Every exported file, run by the tool it is made for, against the law itself."""

from __future__ import annotations

import importlib.util
import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from discover.export import export

from .laws import CASES, Case

EXACT = 1e-12
SINGLE = 1e-5

PYTHON_DRIVER = """
import importlib.util, json, sys
spec = importlib.util.spec_from_file_location("law", "law.py")
law = importlib.util.module_from_spec(spec)
spec.loader.exec_module(law)
with open("points.json") as file:
    points = json.load(file)
columns, groups = points["columns"], points["groups"]
def finish(values):
    with open("out.json", "w") as file:
        json.dump(values, file)
"""


@pytest.fixture(params=CASES)
def case(request: pytest.FixtureRequest) -> Case:
    return CASES[request.param]


def points_of(case: Case, folder: Path) -> None:
    columns, groups = case.points()
    used = [columns[name].tolist() for name in used_features(case)]
    (folder / "points.json").write_text(json.dumps({"columns": used, "groups": list(groups)}))


def used_features(case: Case) -> list[str]:
    from discover.export.layout import inputs

    return list(inputs(case.document))


def write(case: Case, target: str, path: Path) -> None:
    content = export(case.document, target)
    path.write_bytes(content if isinstance(content, bytes) else content.encode())


def run(command: list[str], folder: Path) -> str:
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


def python(case: Case, target: str, driver: str, folder: Path) -> np.ndarray:
    """Values that a fresh interpreter gets from the exported module, (200, targets)."""
    write(case, target, folder / "law.py")
    points_of(case, folder)
    run([sys.executable, "-I", "-c", PYTHON_DRIVER + driver], folder)
    return np.array(json.loads((folder / "out.json").read_text())).reshape(len(case.expected()), -1)


def assert_close(found: np.ndarray, case: Case, tolerance: float = EXACT) -> None:
    expected = case.expected()
    assert np.all(np.isfinite(expected))
    np.testing.assert_allclose(found, expected, rtol=tolerance, atol=0)


def test_python_gives_the_same_values_with_numpy_alone(case: Case, tmp_path: Path) -> None:
    driver = """
finish(law.predict(*columns, group=groups).tolist())
single = law.predict(*(c[0] for c in columns), group=groups[0])
with open("out.json") as file:
    assert json.load(file)[0] == single.tolist(), single
for name in ("scipy", "pandas", "sympy", "discover"):
    assert name not in sys.modules, name
"""
    assert_close(python(case, "python", driver, tmp_path), case)


def test_sympy_rebuilds_every_group_and_target(case: Case, tmp_path: Path) -> None:
    driver = """
import numpy as np, sympy
names = NAMES
symbols = {s.name: s for e in [law.FORMULA, *law.LAWS.values()] for s in e.free_symbols}
out = np.empty((len(groups), len(law.TARGETS)))
for (group, target), expression in law.LAWS.items():
    assert expression.free_symbols <= {symbols.get(n) for n in names}, expression.free_symbols
    args = [symbols.get(n, sympy.Symbol("unused_" + n)) for n in names]
    rows = [i for i, g in enumerate(groups) if g == group]
    f = sympy.lambdify(args, expression, "numpy", dummify=True)
    out[rows, law.TARGETS.index(target)] = f(*(np.array(c)[rows] for c in columns))
finish(out.tolist())
""".replace("NAMES", repr(used_features(case)))
    assert_close(python(case, "sympy", driver, tmp_path), case)


def test_sldbench_program_predicts_and_fits(case: Case, tmp_path: Path) -> None:
    driver = """
import numpy as np
points = np.array(points["points"])
out = np.empty((len(groups), law.N_TARGETS))
for g, group in enumerate(GROUP_ORDER):
    rows = [i for i, name in enumerate(groups) if name == group]
    params = law.STARTS[:, g] if law.N_TARGETS > 1 else law.STARTS[0, g]
    truth = law.scaling_law_func(points[rows], params)
    out[rows] = truth.reshape(len(rows), -1)
    if law.NAMES:
        fitted = law.fit_scaling_law(points[rows], truth)
        assert np.shape(fitted) == np.shape(params), (np.shape(fitted), np.shape(params))
        again = law.scaling_law_func(points[rows], fitted)
        assert np.allclose(again, truth, rtol=1e-6), np.max(np.abs(again / truth - 1))
finish(out.tolist())
""".replace("GROUP_ORDER", repr(list(case.groups)))
    folder = tmp_path
    write(case, "sldbench", folder / "law.py")
    columns, groups = case.points()
    table = np.stack(list(columns.values()), axis=1)
    (folder / "points.json").write_text(json.dumps({"columns": [], "groups": list(groups), "points": table.tolist()}))
    run([sys.executable, "-I", "-c", PYTHON_DRIVER + driver], folder)
    assert_close(np.array(json.loads((folder / "out.json").read_text())), case)


# --- compiled and optional tools


def test_c_header_compiles_without_a_warning_and_agrees(case: Case, tmp_path: Path) -> None:
    compiler = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
    if compiler is None:
        pytest.skip("no C compiler on the PATH")
    write(case, "c", tmp_path / "law.h")
    columns, groups = case.points()
    used = [columns[name] for name in used_features(case)]
    prefix = case.name
    rows = []
    for i, group in enumerate(groups):
        place = case.groups.index(group)
        values = ", ".join(repr(float(column[i])) for column in used)
        rows += [f'    printf("%.17g\\n", {prefix}_predict({place}, {t}, {values}));' for t in range(len(case.targets))]
    body = "\n".join(rows)
    names = "\n".join(f"if ({prefix}_group({prefix}_groups[{g}]) != {g}) return 2;" for g in range(len(case.groups)))
    (tmp_path / "main.c").write_text(
        f'#include "law.h"\n#include <stdio.h>\nint main(void) {{\n{names}\n'
        f'if ({prefix}_group("no such group") != {prefix.upper()}_N_GROUPS) return 3;\n{body}\nreturn 0;\n}}\n'
    )
    strict = ["-std=c99", "-pedantic", "-Wall", "-Wextra", "-Werror"]
    run([compiler, *strict, "main.c", "-o", "main", "-lm"], tmp_path)
    found = np.array([float(line) for line in run([str(tmp_path / "main")], tmp_path).split()])
    assert_close(found.reshape(len(groups), -1), case)


@pytest.fixture
def jax_installed() -> None:
    if importlib.util.find_spec("jax") is None:
        pytest.skip("jax is not installed")


@pytest.mark.parametrize(("x64", "tolerance"), [(True, EXACT), (False, SINGLE)])
def test_jax_agrees_under_jit_and_has_gradients(
    case: Case, x64: bool, tolerance: float, tmp_path: Path, jax_installed: None
) -> None:
    driver = f"""
import jax
jax.config.update("jax_platforms", "cpu")
jax.config.update("jax_enable_x64", {x64})
import jax.numpy as jnp
import numpy as np
codes = jnp.array([law.GROUPS.index(g) for g in groups])
columns = [np.array(c) for c in columns]
values = jax.jit(lambda *c: law.predict(*c, group=codes))(*columns)
slopes = jax.grad(lambda c: law.predict(*columns, group=codes, constants=c).sum())(law.CONSTANTS)
assert all(np.all(np.isfinite(s)) for s in slopes.values())
one = law.predict(*(c[0] for c in columns), group=groups[0])
assert np.allclose(one, values[0], rtol=1e-5)
finish(values.tolist())
"""
    assert_close(python(case, "jax", driver, tmp_path), case, tolerance)


@pytest.fixture
def torch_installed() -> None:
    if importlib.util.find_spec("torch") is None:
        pytest.skip("torch is not installed")


@pytest.mark.parametrize(("dtype", "tolerance"), [("float64", EXACT), ("float32", SINGLE)])
def test_torch_module_agrees_and_has_gradients(
    case: Case, dtype: str, tolerance: float, tmp_path: Path, torch_installed: None
) -> None:
    driver = f"""
import torch
module = law.Law(dtype=torch.{dtype})
columns = [torch.tensor(c, dtype=torch.{dtype}) for c in columns]
codes = torch.tensor([law.GROUPS.index(g) for g in groups])
values = module(*columns, group=codes)
assert values.dtype == torch.{dtype}
assert len(list(module.parameters())) == len(law.CONSTANTS)
if law.CONSTANTS:
    values.sum().backward()
    assert all(torch.isfinite(p.grad).all() for p in module.parameters())
one = module(*(c[0] for c in columns), group=groups[0])
assert torch.allclose(one, values[0], rtol=1e-5)
finish(values.tolist())
"""
    assert_close(python(case, "torch", driver, tmp_path), case, tolerance)


def test_r_script_agrees(case: Case, tmp_path: Path) -> None:
    rscript = shutil.which("Rscript")
    if rscript is None:
        pytest.skip("R is not on the PATH")
    write(case, "r", tmp_path / "law.R")
    columns, groups = case.points()
    used = ", ".join("c(" + ", ".join(map(repr, columns[n].tolist())) + ")" for n in used_features(case))
    places = ", ".join(str(case.groups.index(g) + 1) for g in groups)
    (tmp_path / "main.R").write_text(
        f'source("law.R")\nvalues <- predict_law({used}, group = law_groups[c({places})])\n'
        'write(sprintf("%.17g", t(values)), "out.txt", ncolumns = 1)\n'
    )
    run([rscript, "--vanilla", "main.R"], tmp_path)
    assert_close(np.loadtxt(tmp_path / "out.txt").reshape(len(groups), -1), case)


def test_julia_module_agrees(case: Case, tmp_path: Path) -> None:
    julia = shutil.which("julia")
    if julia is None:
        pytest.skip("Julia is not on the PATH")
    write(case, "julia", tmp_path / "law.jl")
    columns, groups = case.points()
    used = ", ".join("Float64" + repr(columns[n].tolist()) for n in used_features(case))
    places = ", ".join(str(case.groups.index(g) + 1) for g in groups)
    (tmp_path / "main.jl").write_text(
        f'include("law.jl")\ncolumns = ({used},)\ngroups = ScalingLaw.GROUPS[[{places}]]\n'
        'open("out.txt", "w") do file\n'
        "    for target in ScalingLaw.TARGETS\n"
        "        for value in ScalingLaw.predict(columns...; group=groups, target=target)\n"
        "            println(file, value)\n        end\n    end\nend\n"
    )
    run([julia, "--startup-file=no", "main.jl"], tmp_path)
    assert_close(np.loadtxt(tmp_path / "out.txt").reshape(-1, len(groups)).T, case)


def test_javascript_module_agrees_in_node(case: Case, tmp_path: Path) -> None:
    node = shutil.which("node")
    if node is None:
        pytest.skip("Node is not on the PATH")
    write(case, "javascript", tmp_path / "law.mjs")
    columns, groups = case.points()
    rows = [{name: float(values[i]) for name, values in columns.items()} for i in range(len(groups))]
    (tmp_path / "points.json").write_text(json.dumps({"rows": rows, "groups": list(groups)}))
    (tmp_path / "main.mjs").write_text("""
import assert from "node:assert";
import { readFileSync } from "node:fs";
import { FEATURES, GROUPS, TARGETS, predict } from "./law.mjs";
const { rows, groups } = JSON.parse(readFileSync("points.json", "utf8"));
const values = rows.map((row, i) => TARGETS.map(target => predict(row, { group: groups[i], target })));
assert.throws(() => predict(rows[0], { group: "no such group", target: TARGETS[0] }), RangeError);
const lacking = { ...rows[0], [FEATURES[0]]: undefined };
assert.throws(() => predict(lacking, { group: GROUPS[0], target: TARGETS[0] }), TypeError);
if (GROUPS.length > 1) assert.throws(() => predict(rows[0], { target: TARGETS[0] }), RangeError);
console.log(JSON.stringify(values));
""")
    assert_close(np.array(json.loads(run([node, "main.mjs"], tmp_path))), case)
