"""Sizes of models that stand in their names alone: `pythia-70m`, `pythia-1.4b`."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from discover.data.aliases import STEP_NAMES, recognise, squash, words
from discover.data.cells import is_empty, number, text_of
from discover.data.exports import path_of
from discover.data.vocabulary import word_list

FEWEST = 3  # different sizes
NAMING_WORDS = word_list("named_models")
"""Words of headings of such names; a run or a variant is named by whatever tells it from others."""
OTHER_WORDS = word_list("other_sizes")
"""Words of names whose numbers count something else: `gpt2-c4-10M`, `ViT-B-32 laion-80M`."""
_SIZE = re.compile(r"(?<![A-Za-z0-9.])([0-9]+(?:\.[0-9]+)?)[ ]?([MBmb])(?![A-Za-z0-9])")


def sizes_in_names(columns: Mapping[str, Sequence[object]]) -> tuple[str, list[float | None]] | None:
    """The column whose names tell sizes, and the number of parameters in each of its cells.

    None where a column tells sizes or compute already, where rows are points along steps, whose runs the names tell
    apart, where several columns hold such names, or where a name has no size, or two.

    Args:
        columns: heading -> cells.
    """
    found = [(heading, sizes) for heading in columns if (sizes := _sizes(heading, columns[heading])) is not None]
    if len(found) != 1:
        return None
    for heading, cells in columns.items():
        quantity = recognise(heading)
        sized = quantity is not None and quantity.kind in ("size", "compute")
        if squash(path_of(heading)[-1]) in STEP_NAMES or (sized and any(number(cell) is not None for cell in cells)):
            return None
    return found[0]


def _sizes(heading: str, cells: Sequence[object]) -> list[float | None] | None:
    if not words(heading) & NAMING_WORDS:
        return None
    sizes: list[float | None] = []
    for cell in cells:
        told = _SIZE.findall(text_of(cell))
        if not is_empty(cell) and (len(told) != 1 or words(text_of(cell)) & OTHER_WORDS):
            return None
        sizes.append(number("".join(told[0])) if told else None)
    return sizes if len(set(sizes) - {None}) >= FEWEST else None
