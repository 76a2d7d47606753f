"""law.json: what is written is read back; what is not as expected is named."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from discover.data.table import Table
from discover.errors import InputError
from discover.expressions import parse
from discover.fitting import FitResult, Structure, fit
from discover.fitting.document import from_fit
from discover.law.document import LawDocument
from discover.law.storage import FORMAT, from_json, read, to_json, write

from .laws import CASES


@pytest.mark.parametrize("name", CASES)
def test_document_reads_back_equal(name: str, tmp_path: Path) -> None:
    document = CASES[name].document
    write(document, tmp_path / "law.json")
    assert read(tmp_path / "law.json") == document
    assert read(tmp_path) == document
    assert [path.name for path in tmp_path.iterdir()] == ["law.json"]


def test_fields_of_a_later_version_are_passed_over() -> None:
    document = CASES["streams"].document
    content = json.loads(to_json(document))
    content["later"] = {"anything": [1]}
    content["features"][0]["later"] = True
    assert from_json(json.dumps(content)) == document


def change(path: str, value: Any) -> str:
    """The text of a document with one key replaced, or removed where the value is ...."""
    content = json.loads(to_json(CASES["streams"].document))
    place: Any = content
    *way, last = [int(key) if key.isdigit() else key for key in path.split(".")]
    for key in way:
        place = place[key]
    if value is ...:
        del place[last]
    else:
        place[last] = value
    return json.dumps(content)


@pytest.mark.parametrize(
    ("path", "value", "key"),
    [
        ("format", ..., "key format: missing"),
        ("format", FORMAT + 1, "was written by a newer discover (format 2"),
        ("formula", ..., "key formula: missing"),
        ("formula", "E + (", "key formula: expected"),
        ("formula", "__import__('os')", "key formula"),
        ("features.0.name", ..., "key features[0].name: missing"),
        ("features.0.name", "import os", "key features: 'import os'"),
        ("features", "params", 'key features: "params"; expected a list'),
        ("groups", [], "key groups: empty"),
        ("groups", ["pile", "pile"], "key groups: a name is there twice"),
        ("group_column", None, "key groups: 2 groups, but group_column is null"),
        ("constants.1", ..., "group 'stack', target 'loss' is missing"),
        ("constants.0.values.A", ..., "group 'pile', target 'loss'"),
        ("constants.0.values.A", "1.0", "key constants[0].values.A"),
        ("constants.0.values.A", True, "key constants[0].values.A"),
        ("constants.0.values.A", 10**400, "key constants[0].values.A"),
        ("constants.0.errors", [0.1], "key constants[0].errors: [0.1]; expected an object"),
        ("shared", ["nothing"], "key shared: the formula has no constant 'nothing'"),
        ("n_constants", 1.5, "key n_constants: 1.5; expected a whole number"),
        ("domain.params", [1], "key domain.params[1]: missing"),
    ],
)
def test_wrong_key_is_named(path: str, value: Any, key: str, tmp_path: Path) -> None:
    file = tmp_path / "law.json"
    file.write_text(change(path, value))
    with pytest.raises(InputError) as caught:
        read(file)
    assert key in str(caught.value)
    assert str(file) in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("text", ["", "{", "[1]", '{"format": NaN}', "[" * 200_000, '{"format": 1e999}'])
def test_text_that_is_no_document_is_refused(text: str) -> None:
    with pytest.raises(InputError, match=r"law\.json"):
        from_json(text)


def test_missing_file_and_unwritable_folder_are_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such file"):
        read(tmp_path / "none.json")
    with pytest.raises(InputError, match="cannot be written"):
        write(CASES["bare"].document, tmp_path / "none" / "law.json")


def test_document_of_a_fit_predicts_as_the_fit() -> None:
    rng = np.random.default_rng(0)
    n = 40
    features = {"N": np.exp(rng.uniform(10, 20, n)), "D": np.exp(rng.uniform(12, 22, n))}
    group = np.arange(n) % 2
    y = np.stack([1.7 + group + 30 * features["N"] ** -0.3, 2 + 20 * features["N"] ** -0.25], axis=1)
    table = Table(features, y, ("loss", "error"), group, ("a", "b"))
    structure = Structure(parse("E + A*N**(-alpha)", features), shared=frozenset({"alpha"}))
    result = fit(structure, table)
    assert isinstance(result, FitResult)
    document = from_fit(result, table, task="made", group_column="family", inner_error=float("inf"))
    assert isinstance(document, LawDocument)
    assert from_json(to_json(document)) == document
    assert document.feature_names == ("N", "D")
    assert document.shared == ("alpha",)
    assert document.n_constants == 6
    assert document.inner_error is None
    assert document.domain["N"] == (features["N"].min(), features["N"].max())

    from discover.export import FittedLaw

    values = FittedLaw(document)(features, group=np.array(["a", "b"], dtype=object)[group])
    np.testing.assert_allclose(values, result.predict(features, group), rtol=1e-15)


def test_a_group_without_constants_is_refused() -> None:
    structure = Structure(parse("E + x", {"x"}))
    x = np.array([1.0, 2.0])
    table = Table({"x": x}, x[:, None], ("y",), np.zeros(2, dtype=np.int64), ("a", "b"))
    result = fit(structure, table)
    assert isinstance(result, FitResult)
    with pytest.raises(InputError, match="group 'b'"):
        from_fit(result, table, task="made", group_column="g")
