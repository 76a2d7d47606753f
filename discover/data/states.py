"""Runs that did not finish: known by the words of a column of states, whatever the scheduler or tracker calls them."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence

from discover.data.cells import text_of
from discover.data.exports import path_of

FINISHED = frozenset(
    (
        "finished", "finish", "completed", "complete", "success", "succeeded", "successful", "done", "ok", "passed",
        "inactive", "published", "closed", "converged", "terminated",
    )
)  # fmt: skip
"""States of runs that came to their end; `inactive` is Neptune's word, `published` and `closed` are ClearML's."""

UNFINISHED = frozenset(
    (
        "crashed", "failed", "killed", "running", "preempted", "preempting", "pending", "queued", "diverged", "oom",
        "nan", "cancelled", "canceled", "timeout", "aborted", "error", "stopped", "scheduled", "unfinished",
        "incomplete", "interrupted", "active", "created", "in progress", "inprogress", "out of memory", "node fail",
        "boot fail", "suspended", "pruned", "fail", "waiting", "requeued", "lost", "unknown", "draft", "paused",
    )
)  # fmt: skip
STATE_HEADINGS = frozenset(
    ("state", "runstate", "status", "runstatus", "jobstate", "jobstatus", "exitstatus", "outcome", "completion")
)
_FLAGS = {
    "finished": True, "completed": True, "complete": True, "done": True, "converged": True, "success": True,
    "succeeded": True, "failed": False, "crashed": False, "diverged": False, "oom": False, "killed": False,
    "hascrashed": False,
}  # fmt: skip
"""Headings of yes-or-no columns -> whether a yes is a run that finished."""
TRUTHS = {
    "true": True, "yes": True, "1": True, "y": True, "ja": True, "oui": True, "si": True, "是": True,
    "false": False, "no": False, "0": False, "n": False, "nein": False, "non": False, "否": False,
}  # fmt: skip
"""Words of yes and no."""
MOST_OTHER = 0.2  # share of the rows with other words, where the heading does not say that these are states


def unfinished(columns: Mapping[str, Sequence[object]], except_for: Collection[str] = ()) -> dict[int, str]:
    """Rows of runs that did not finish, with their state; none where no column tells.

    One word that is not known does not make the column something else: its run is taken for unfinished, and told.

    Args:
        columns: heading -> cells.
        except_for: headings that the user looks after.
    """
    for heading, cells in columns.items():
        if heading not in except_for:
            found = _flagged(heading, cells) or _by_words(heading, cells)
            if found:
                return found
    return {}


def is_state(heading: str, cells: Sequence[object]) -> bool:
    """Whether a column tells the states of runs."""
    words = [_word(cell) for cell in cells]
    known = sum(word in FINISHED or word in UNFINISHED for word in words)
    return known > 0 and (_last(heading) in STATE_HEADINGS or known >= (1 - MOST_OTHER) * len(words))


def _by_words(heading: str, cells: Sequence[object]) -> dict[int, str]:
    texts = {cell for cell in cells if isinstance(cell, str) and cell.lstrip()[:1].isalpha()}
    if not any(_word(text) in FINISHED for text in texts) or not is_state(heading, cells):
        return {}
    words = [_word(cell) for cell in cells]
    return {row: word or "without a state" for row, word in enumerate(words) if word not in FINISHED}


def _flagged(heading: str, cells: Sequence[object]) -> dict[int, str]:
    name = _last(heading)
    if name not in _FLAGS:
        return {}
    truths = [TRUTHS.get(text_of(cell).lower()) for cell in cells]
    if any(truth is None for truth in truths) or len(set(truths)) < 2:
        return {}
    state = f"not {name}" if _FLAGS[name] else name.removeprefix("has")
    return {row: state for row, truth in enumerate(truths) if truth is not _FLAGS[name]}


def _last(heading: str) -> str:
    return re.sub(r"[^a-z]", "", path_of(heading)[-1].lower())


def _word(cell: object) -> str:
    """The state in lower case; Slurm writes `CANCELLED by 1000`."""
    text = re.sub(r"[ _-]+", " ", text_of(cell).lower()).rstrip(".!+")
    return re.sub(r" by \w+$", "", text)
