"""From a table to a law: `discover.run`, and what every command that searches calls.

A run is a session (`discover.runs.session.begin`, or `reopen` for an interrupted one) that is conducted to its end:
the table is inspected, laws are searched for, and what was found is judged and written.
"""

from discover.discovery.conducting import (
    Course,
    Watcher,
    conduct,
    processors,
    search_beside,
    usual_budget,
    usual_workers,
)
from discover.discovery.results import RunResult
from discover.discovery.running import compare, resume, run, suggest
from discover.discovery.tables import TableOptions

__all__ = [
    "Course", "RunResult", "TableOptions", "Watcher", "compare", "conduct", "processors", "resume", "run",
    "search_beside", "suggest", "usual_budget", "usual_workers",
]  # fmt: skip
