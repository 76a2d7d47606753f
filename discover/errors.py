"""Errors that are part of the interface.

    DiscoverError            anything a user caused and can mend; shown without a traceback
    ├── InputError           a file, row, column, key or option is wrong
    ├── FormulaError         the text of a formula is wrong (knows the position)
    ├── UnavailableError     something optional is not installed or not reachable
    └── InterruptedRunError  the user stopped a run; it can go on

A message says what is wrong, where, and what was expected, in one or two sentences.
A fit that does not succeed is not an error but a value: see `discover.fitting.FitFailure`.
"""

from __future__ import annotations


class DiscoverError(Exception):
    """Base of every error that a user can mend."""


class InputError(DiscoverError):
    """A file, row, column, key or option is not what was expected."""


class FormulaError(DiscoverError):
    """The text of a formula cannot be read; `position` counts characters from 0."""

    def __init__(self, message: str, position: int | None = None) -> None:
        super().__init__(message)
        self.position = position


class UnavailableError(DiscoverError):
    """An optional part is not installed, or an external service cannot be reached."""


class ClusterLostError(DiscoverError):
    """The cluster that worked for a search is gone; what was scored stands in the journal of the run."""


class InterruptedRunError(DiscoverError):
    """Somebody stopped a run before its end; the message says how to go on.

    Attributes:
        status: exit status of the command: 128 and the number of the signal, as shells have it.
    """

    def __init__(self, message: str, signal: int = 2) -> None:
        super().__init__(message)
        self.status = 128 + signal
