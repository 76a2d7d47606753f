"""What differs between the versions of PySR, as far as the adapter must know.

| | 1.5 | 2.0 (pre-releases) | 2.7 |
| --- | --- | --- | --- |
| Python, juliacall | 3.9, 0.9.24 to 0.9.26 | 3.9, 0.9.28 | 3.10, 0.9.36 |
| SymbolicRegression.jl | ~1.11 | 2.0.0-alpha | ~2.7.2, not compiled for 64 bit beforehand |
| Julia | 1.10.0 or from 1.10.3 | = | = |
| `guesses`, a list of texts | no | yes | yes |
| `guesses` of a template | no | functions | functions, vectors of parameters |
| `operators={arity: [...]}` | no | instead of `binary_operators`, `unary_operators` | = |
| template: `expressions`, `variable_names`, `parameters` | or `function_symbols` | or `function_symbols` | only |
| `fit(category=)` and its specification | yes | yes | no |
| `batching` by default | no | "auto" | "auto" |
| `annealing`, `crossover_probability` by default | no, 0.026 | no, 0.026 | yes, 0.2 |
| `weight_*` by default | numbers | numbers | none: adapted while it searches |
| `input_stream` by default | "stdin" | "stdin" | "devnull" without a terminal |
| SIGINT in a fit | ends the process | ends the process | `fit` returns, `interrupted_` is true |
| columns of `equations_` | complexity, loss, score, equation, ... | = | =, no score with a linear `loss_scale` |
| a template's fit repeats | if Julia's own generator is seeded | = | not tried; it is seeded |

So the adapter passes both operator lists, the new call of the template, and everything else that has a default by
name, reads the first, second and fourth column by name, and keeps signals away from the process.

From the sources of 1.5.10, 2.0.0a2 and 2.7.2. Seen running, with Julia 1.10.8: 1.5.10 and 2.0.0a2. Of 2.7.2 only the
Python part was run.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

OLDEST, BEYOND = (1, 5), (3, 0)  # versions from, and up to but without


@dataclass(frozen=True)
class Manners:
    """What a version can do.

    Attributes:
        guesses: it takes formulas to start from.
        template_guesses: it takes them for templates, with their parameters.
    """

    guesses: bool
    template_guesses: bool


def manners(version: str) -> Manners:
    """What this version of the package, such as "2.7.2", can do; an unknown one counts as the newest.

    Raises:
        ValueError: the version is outside those that the adapter knows.
    """
    found = re.match(r"(\d+)\.(\d+)", version)
    release = (int(found[1]), int(found[2])) if found else (2, 7)
    if not OLDEST <= release < BEYOND:
        known = f"from {_text(OLDEST)} and below {_text(BEYOND)}"
        raise ValueError(f"PySR {version} cannot be used here; install one {known}: pip install 'pysr>=1.5,<3'")
    return Manners(guesses=release >= (2, 0), template_guesses=release >= (2, 1))


def _text(release: tuple[int, int]) -> str:
    return ".".join(map(str, release))
