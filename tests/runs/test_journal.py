"""The journal survives torn lines, full disks and newer versions."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from discover.errors import InputError
from discover.runs.journal import FORMAT, Journal, JournalError, encode, read_journal

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


def filled(path: Path, n: int = 3) -> bytes:
    with Journal(path) as journal:
        for index in range(n):
            journal.append({"kind": "step", "index": index})
    return path.read_bytes()


@given(st.dictionaries(st.text(), values, max_size=4))
def test_a_record_reads_back_as_it_was(record) -> None:
    line = encode({**record, "kind": "step"})
    assert line.count(b"\n") == 1
    assert json.loads(line) == {"v": FORMAT, **record, "kind": "step"}


def test_a_missing_journal_is_empty(tmp_path) -> None:
    assert read_journal(tmp_path / "steps.jsonl") == []


@pytest.mark.parametrize("cut", [1, 5, 20])
def test_a_torn_last_line_is_left_out_and_then_cut_off(tmp_path, cut) -> None:
    path = tmp_path / "steps.jsonl"
    whole = filled(path)
    path.write_bytes(whole[:-cut])
    assert [record["index"] for record in read_journal(path)] == [0, 1]
    with Journal(path) as journal:
        journal.append({"kind": "step", "index": 2})
    assert path.read_bytes() == whole


def test_a_damaged_line_is_named(tmp_path) -> None:
    path = tmp_path / "steps.jsonl"
    filled(path)
    path.write_bytes(path.read_bytes().replace(b'"index":1', b'"index":'))
    with pytest.raises(InputError, match="line 2 is damaged"):
        read_journal(path)


def test_a_newer_format_is_refused(tmp_path) -> None:
    path = tmp_path / "steps.jsonl"
    path.write_text('{"v":2,"kind":"step"}\n')
    with pytest.raises(InputError, match="line 1 was written by a newer discover"):
        read_journal(path)


def test_a_journal_is_open_once(tmp_path) -> None:
    path = tmp_path / "steps.jsonl"
    with Journal(path), pytest.raises(InputError, match="in use by another process"):
        Journal(path)
    Journal(path).close()


def test_a_write_that_fails_half_way_leaves_whole_lines(tmp_path, monkeypatch) -> None:
    path = tmp_path / "steps.jsonl"
    whole = filled(path)
    real = os.write

    def half(file: int, data: bytes) -> int:
        if len(data) > 10:
            return real(file, data[:10])
        raise OSError(28, "No space left on device")

    with Journal(path) as journal:
        monkeypatch.setattr(os, "write", half)
        with pytest.raises(JournalError, match=r"No space left on device.*discover resume"):
            journal.append({"kind": "step", "index": 3, "formula": "E + A*params**(-alpha)"})
        monkeypatch.undo()
    assert path.read_bytes() == whole


def test_an_interrupt_half_way_leaves_whole_lines(tmp_path, monkeypatch) -> None:
    path = tmp_path / "steps.jsonl"
    whole = filled(path)
    real = os.write

    def interrupted(file: int, data: bytes) -> int:
        real(file, data[:10])
        raise KeyboardInterrupt

    with Journal(path) as journal:
        monkeypatch.setattr(os, "write", interrupted)
        with pytest.raises(KeyboardInterrupt):
            journal.append({"kind": "step", "index": 3})
        monkeypatch.undo()
    assert path.read_bytes() == whole
