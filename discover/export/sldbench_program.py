"""SLDBench: the benchmark's own two functions, `scaling_law_func` and `fit_scaling_law`.

The benchmark calls `fit_scaling_law` with the train rows of one group and `scaling_law_func` with its test
rows and the constants found (Lin et al., "Can Language Models Discover Scaling Laws?", arXiv 2507.21184).
"""

from __future__ import annotations

from string import Template

from discover.export.identifiers import PYTHON
from discover.export.layout import Layout, lay_out
from discover.export.numpy_module import lines
from discover.law.document import LawDocument

_PROGRAM = Template('''\
$heading

import numpy as np
from scipy.optimize import least_squares

COLUMNS = ($columns)  # of data_points
N_TARGETS = $n_targets
NAMES = ($names)  # of the constants
SHARED = ($shared)  # places of constants that are the same for all groups, and stay as they are

# Constants found on the train rows, [target][group][constant]: where a fit begins.
STARTS = np.array($starts, dtype=np.float64)


def scaling_law_func(data_points, params):
    """Predicted values: shape (n,), or (n, targets) if `params` has one row per target."""
    points = np.atleast_2d(np.asarray(data_points, dtype=np.float64))
    if points.shape[1] != len(COLUMNS):
        raise ValueError(f"data_points has {points.shape[1]} columns; expected {COLUMNS}")
    params = np.asarray(params, dtype=np.float64)
    if params.ndim == 2 and len(params) > 1:
        return np.stack([_value(points, row) for row in params], axis=1)
    return _value(points, params.ravel())


def fit_scaling_law(data_points, loss_values, initial_params=None):
    """Constants: shape (constants,), or (targets, constants) if there are several targets."""
    points = np.atleast_2d(np.asarray(data_points, dtype=np.float64))
    targets = np.asarray(loss_values, dtype=np.float64).reshape(len(points), -1)
    given = [None] * targets.shape[1] if initial_params is None else np.atleast_2d(initial_params)
    found = [_fit(points, y, STARTS[min(t, N_TARGETS - 1)], given[t]) for t, y in enumerate(targets.T)]
    return found[0] if len(found) == 1 else np.array(found)


def _value(points, params):
$lookups
    with np.errstate(all="ignore"):
        value = $text
    return np.broadcast_to(value, (len(points),)).copy()


def _fit(points, y, starts, given):
    """Least squares from every start (at most twelve and their median); the best is kept."""
    free = [i for i in range(len(NAMES)) if i not in SHARED]
    if not free:
        return starts[0].copy()
    some = starts[np.unique(np.linspace(0, len(starts) - 1, 12).astype(int))]
    some = np.vstack([some, np.median(starts, axis=0)] + ([] if given is None else [given]))
    best, lowest = some[0], np.inf
    for start in some:
        for loss in $losses:
            start, cost = _descend(points, y, start, free, loss)
        if cost < lowest:
            best, lowest = start, cost
    return best


def _descend(points, y, start, free, loss):
    def residual(free_values):
        params = start.copy()
        params[free] = free_values
        with np.errstate(all="ignore"):
            difference = $difference
        return np.where(np.isfinite(difference), difference, 1e6)

    scale = np.maximum(np.abs(start[free]), 1e-6)
    fit = least_squares(
        residual, start[free], x_scale=scale, loss=loss, f_scale=$scale, max_nfev=500,
        ftol=1e-13, xtol=1e-13, gtol=1e-13,
    )
    params = start.copy()
    params[free] = fit.x
    return params, fit.cost
''')

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
