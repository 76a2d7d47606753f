"""What a notebook shows while a search is under way: the kernel of Jupyter, asked over its own protocol."""

from __future__ import annotations

import pytest

from discover.discovery.telling import in_notebook

from ..cli.commands import table_text

nbformat = pytest.importorskip("nbformat", reason="the extra `notebook` is not installed")
nbclient = pytest.importorskip("nbclient", reason="the extra `notebook` is not installed")

CELL = """
import discover
discover.run("runs.csv", target="loss", holdout=0.2, evaluations=24, proposers=["library"], workers=1{more})
"""


@pytest.mark.slow
@pytest.mark.filterwarnings("default")  # of Jupyter's own
def test_a_notebook_follows_the_search_in_one_output(tmp_path, monkeypatch):
    for name in ("JUPYTER_RUNTIME_DIR", "JUPYTER_CONFIG_DIR", "IPYTHONDIR", "MPLCONFIGDIR", "TMPDIR"):
        monkeypatch.setenv(name, str(tmp_path))
    (tmp_path / "runs.csv").write_text(table_text())
    sources = (CELL.format(more=""), CELL.format(more=", on_step=lambda course: None"))
    book = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source) for source in sources])
    told = []

    def hear(cell, cell_index, execute_reply):
        told.append([output for output in cell.outputs if output.output_type != "stream"])

    client = nbclient.NotebookClient(book, timeout=240, resources={"metadata": {"path": str(tmp_path)}})
    client.on_cell_executed = hear
    client.execute()
    (progress, result), quiet = told
    assert "24 of 24 laws" in progress.data["text/plain"]
    assert "<th>best law</th>" in progress.data["text/html"]
    assert all(part in result.data["text/html"] for part in ("<math", "<table", "<svg"))
    assert [output.output_type for output in quiet] == ["execute_result"]


def test_a_script_is_no_notebook():
    assert not in_notebook()
