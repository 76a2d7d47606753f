"""SLDBench: the benchmark's own two functions, `scaling_law_func` and `fit_scaling_law`.

The benchmark calls `fit_scaling_law` with the train rows of one group and `scaling_law_func` with its test
rows and the constants found (Lin et al., "Can Language Models Discover Scaling Laws?", arXiv 2507.21184).
"""

from __future__ import annotations

from discover.export.identifiers import PYTHON
from discover.export.layout import Layout, lay_out, template
from discover.export.numpy_module import lines
from discover.law.document import LawDocument

_PROGRAM = template("sldbench.py.tmpl")

_RESERVED = PYTHON | {"points", "params", "COLUMNS", "N_TARGETS", "NAMES", "SHARED", "STARTS", "fit", "y"}


def sldbench_program(document: LawDocument) -> str:
    """Source of a program in the benchmark's form; columns of the data in the order of the task's features."""
    layout = lay_out(document, "python", _RESERVED)
    recipe = document.recipe
    loss = str(recipe.get("loss", "squared"))
    logged = recipe.get("space") == "log"
    scale = recipe.get("scale", 1.0) if loss in ("huber", "soft_l1") else 1.0
    return _PROGRAM.substitute(
        heading=layout.heading("#"),
        columns=_tuple(document.feature_names),
        n_targets=len(document.targets),
        names=_tuple(layout.constants),
        shared="".join(f"{i}, " for i, name in enumerate(layout.constants) if name in document.shared).strip(),
        starts=_starts(layout),
        lookups=lines(_lookups(layout)),
        text=layout.text,
        # A robust loss from afar ends in poor optima; the squared loss goes before it.
        losses=repr(("linear", loss) if loss in ("huber", "soft_l1") else ("linear",)),
        difference="np.log(_value(points, params)) - np.log(y)" if logged else "_value(points, params) - y",
        scale=repr(float(scale)),
    )


def _tuple(names: tuple[str, ...]) -> str:
    return "".join(f"{name!r}, " for name in names).strip()


def _starts(layout: Layout) -> str:
    document = layout.document
    sets = [[document.constant_set(g, t).values for g in document.groups] for t in document.targets]
    return repr([[[values[name] for name in layout.constants] for values in of_target] for of_target in sets])


def _lookups(layout: Layout) -> list[str]:
    columns = layout.document.feature_names
    found = [f"{layout.names[name]} = points[:, {columns.index(name)}]" for name in layout.inputs]
    return found + [f"{layout.names[name]} = params[{i}]" for i, name in enumerate(layout.constants)]
