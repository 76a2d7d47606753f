"""Why a column of a bare table is not taken, as notes say it."""

from __future__ import annotations

import re
from collections.abc import Sequence

from discover.data.names import listed

SPARSE = "more than half of the rows have no value there"
CLOCK = "it tells the time of a run"
NUMBERED = "it numbers runs"
RESULT = "it is a result, not a cause"
COST = "it is what a run takes, not a cause"
CERTAINTY = "it tells how sure a result is, or how many runs it stands for"
CONSTANT = "its value never changes"
BOOKS = "the tracker keeps its books there"
STATE = "it tells the states of runs"
TIME_STAMP = re.compile(
    r"\d{4}[-/]\d{1,2}[-/]\d{1,2}([T ,].*)?|\d{1,2}[./]\d{1,2}[./]\d{2,4}([ ,].*)?"
    r"|((\d+ ?d(ays?)?,? ?)?\d{1,3}:\d{2}(:\d{2})?(\.\d+)?)"
    r"|(\d+([.,]\d+)? ?(d|days?|h|hrs?|hours?|m|min|mins|minutes?|s|secs?|seconds?|ms)[, ]*)+"
)
"""Dates, times of day and durations, such as 2024-05-01 09:12, 1:02:33 and 3h 12m."""
NUMBER_LIKE = re.compile(r"[+-]?[0-9][0-9.,'’ \u00a0\u202f]*( ?%)?")
STEPS = "it counts steps of a run"
COUNTS = "it numbers the rows"
SCHEDULE = "it follows a schedule along the steps of each run"
SPARE = (STEPS, COUNTS, CERTAINTY, COST, RESULT)
"""Reasons against a column that count only while another is left to predict from."""


def left_out_note(headings: list[str], reason: str) -> str:
    """The note on columns that are left out for this reason."""
    if len(headings) == 1:
        return f"the column {headings[0]!r} is left out: {reason}"
    each = re.sub(r"\bit\b", "each of them", reason, count=1).replace("its value", "the value of each")
    each = each.replace("by its name", "by the name")
    return f"the columns {listed([repr(h) for h in headings], 8)} are left out: {each}"


def odd_number(cells: Sequence[str]) -> str:
    """The first cell that looks like a number, where most of these texts do; else ""."""
    like = [cell for cell in cells if NUMBER_LIKE.fullmatch(cell)]
    return like[0] if 2 * len(like) > len(cells) else ""
