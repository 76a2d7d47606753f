"""The journal of a run: one JSON object per line, only ever appended to.

A line counts when its newline is there. A process killed while writing leaves a torn last line, which
reading leaves out and the next opening cuts off; no earlier line is touched.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

from discover.errors import DiscoverError, InputError
from discover.plain_data import quoted

FORMAT = 1
SYNC_EVERY_S = 1.0
"""A killed process loses nothing that was appended; a power cut loses at most this much."""

Record = dict[str, Any]


class JournalError(DiscoverError):
    """A line could not be appended; the lines before it are whole."""


def encode(record: Mapping[str, Any]) -> bytes:
    """The line of a record; equal records give equal bytes."""
    return b"{" + encode_part({"v": FORMAT, **record}) + b"}\n"


def encode_part(record: Mapping[str, Any]) -> bytes:
    """The keys of a record, or of a part of one, as in its line."""
    text = json.dumps(record, separators=(",", ":"), ensure_ascii=True, allow_nan=False)
    return text.encode("ascii")[1:-1]


def read_journal(path: Path) -> list[Record]:
    """All whole lines.

    Raises:
        InputError: no such file, a line that is not a record, or a record of a newer version.
    """
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return []
    except OSError as problem:
        raise InputError(f"{path} cannot be read: {problem.strerror}") from None
    return list(_records(path, content[: whole_length(content)]))


def whole_length(content: bytes) -> int:
    """Number of bytes up to the end of the last whole line."""
    return content.rfind(b"\n") + 1


def _records(path: Path, content: bytes) -> Iterator[Record]:
    for line, text in enumerate(content.splitlines(), start=1):
        try:
            record = json.loads(text)
            version = record["v"]
            if not isinstance(version, int) or not isinstance(record["kind"], str):
                raise TypeError
        except (ValueError, TypeError, KeyError):
            raise InputError(f"{path}, line {line} is damaged; expected a record of a run") from None
        if version > FORMAT:
            raise InputError(
                f"{path}, line {line} was written by a newer discover (format {version}, this one reads "
                f"up to {FORMAT}); update discover"
            )
        yield record


class Journal:
    """The journal of a run, open for appending by one process at a time.

    Args:
        path: the file; made if missing, a torn last line is cut off.

    Raises:
        InputError: not writable, or open in another process.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o644)
        except OSError as problem:
            raise InputError(f"{path} cannot be written: {problem.strerror}") from None
        try:
            _lock(self._file, path)
            self._length = self._cut()
        except BaseException:
            os.close(self._file)
            raise
        self._synced = time.monotonic()

    def _cut(self) -> int:
        length = whole_length(self.path.read_bytes())
        os.ftruncate(self._file, length)
        return length

    def append(self, record: Mapping[str, Any]) -> None:
        """Adds a record as one line.

        Raises:
            JournalError: the disk is full or failed; the lines before are whole.
        """
        self.write(encode(record))

    def write(self, lines: bytes) -> None:
        """Adds lines that were encoded before, all or none; raises what `append` does."""
        try:
            _write(self._file, lines)
            if time.monotonic() - self._synced > SYNC_EVERY_S:
                self.sync()
        except BaseException as problem:
            # An interrupt may come between the bytes, too.
            os.ftruncate(self._file, self._length)
            if not isinstance(problem, OSError):
                raise
            raise JournalError(
                f"{self.path} cannot grow: {problem.strerror or problem}. What it holds is whole: make room, "
                f"then continue with: discover resume {quoted(self.path.parent)}"
            ) from None
        self._length += len(lines)

    def sync(self) -> None:
        """Waits until everything appended is on the disk."""
        os.fsync(self._file)
        self._synced = time.monotonic()

    def close(self) -> None:
        """Closes the file; appending afterwards is an error."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1

    def __enter__(self) -> Journal:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _write(file: int, line: bytes) -> None:
    rest = memoryview(line)
    while rest:
        rest = rest[os.write(file, rest) :]


def _lock(file: int, path: Path) -> None:
    """Takes the file for this process until it is closed; the system lets go when the process dies."""
    try:
        import fcntl
    except ImportError:  # no such locks on this system
        return
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        raise InputError(f"the run {path.parent} is in use by another process") from None
