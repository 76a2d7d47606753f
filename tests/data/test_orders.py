"""Which column is a part of which."""

from __future__ import annotations

import numpy as np

from discover.data.orders import meet, parts_of

TOKENS = np.array([1e9, 4e9, 2e10])
UNIQUE = np.array([1e9, 1e9, 5e9])


def test_a_part_exceeds_its_whole_in_no_row() -> None:
    assert parts_of({"tokens": TOKENS, "unique": UNIQUE}, {}) == (("unique", "tokens"),)
    assert parts_of({"tokens": TOKENS, "unique": UNIQUE[::-1]}, {}) == ()


def test_what_is_counted_in_another_unit_is_no_part() -> None:
    units = {"tokens": "tokens", "params": "parameters"}
    assert parts_of({"tokens": TOKENS, "params": UNIQUE}, units) == ()
    assert parts_of({"tokens": TOKENS, "params": UNIQUE}, {"tokens": "tokens"}) == (("params", "tokens"),)


def test_ranges_that_do_not_reach_each_other_and_copies_are_no_parts() -> None:
    assert parts_of({"rate": TOKENS * 1e-12, "batch": TOKENS}, {}) == ()
    assert parts_of({"one": TOKENS, "copy": TOKENS.copy()}, {}) == ()


def test_a_part_meets_its_whole_where_they_are_equal() -> None:
    assert meet(UNIQUE, TOKENS)
    assert meet(TOKENS, UNIQUE)
    assert not meet(UNIQUE / 2, TOKENS)
