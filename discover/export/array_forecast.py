"""Python: the forecast of a run with NumPy or JAX, over arrays."""

from __future__ import annotations

from string import Template

from discover.averages import HALF
from discover.export import jax_module, numpy_module
from discover.export.forecast_code import INF, OWN_NAMES, forecast_heading, laid_out, places_of
from discover.export.identifiers import PYTHON
from discover.export.layout import lay_out
from discover.export.numpy_module import lines, tuple_text
from discover.forecasts import Ensemble
from discover.law.document import LawDocument
from discover.rules import RULES


def numpy_forecast(document: LawDocument) -> str:
    """Source of a module with a function `predict`, which needs NumPy alone."""
    return _arrays(document, "python", "np", 'np.errstate(all="ignore")')


def jax_forecast(document: LawDocument) -> str:
    """Source of a module with a function `predict` for `jit`, `grad` and `vmap`."""
    return _arrays(document, "jax", "jnp", "")


_ARRAYS = Template('''\
$heading

$imports

GROUPS = $groups
TARGETS = $targets

# Of every law: constant -> value, [group][target].
CONSTANTS = [
$constants
]
WEIGHTS = np.array($weights)


$functions


LAWS = [$laws]


${quiet}def predict($arguments, *, group=None):
    """The average of the laws.

    Features are numbers or arrays that broadcast together. `group` is one of GROUPS$codes;
    it may be left out if there is a single group. With several TARGETS the values have one more
    axis at the end, in their order.
    """
    columns = [$columns]
    rows = _rows(group)
    shape = $np.broadcast_shapes(*(one.shape for one in columns), rows.shape)
    values = []
    for column in range(len(TARGETS)):
        said = [law(*(columns[place] for place in places), rows, column) for law, places in LAWS]
        values.append($np.clip(average($np.stack([$np.broadcast_to(one, shape) for one in said])), $low, $high))
    return $np.stack(values, axis=-1) if len(TARGETS) > 1 else values[0]


def average(said$logs):
    """The weighted mean of what laws say, shape (laws, ...); a law far from the median counts as less far."""
    moved = $np.log($np.where(said > 0, said, $np.nan)) if logs else said
    known = $np.isfinite(moved)
    shares = $np.where(known, $np.reshape($np.asarray(WEIGHTS, dtype=float), (-1,) + (1,) * (said.ndim - 1)), 0.0)
    moved = $np.where(known, moved, $np.inf)
    order = $np.argsort(moved, axis=0)
    ranked = $np.take_along_axis(moved, order, axis=0)
    passed = $np.cumsum($np.take_along_axis(shares, order, axis=0), axis=0)
    passed = passed / $np.maximum(passed[-1], 1e-30)
    low, middle, high = (
        $np.take_along_axis(ranked, $np.argmax(passed >= q - $slack, axis=0)[None], axis=0)[0] for q in $quantiles
    )
    reach = $reach * (high - low) / 2
    held = $np.where(known, $np.clip(moved, middle - reach, middle + reach), 0.0)
    mean = $np.sum(shares * held, axis=0) / $np.sum(shares, axis=0)
    if not logs:
        return mean
    mean = $np.exp(mean)
    return $np.where($np.isnan(mean), average(said, False), mean)


$rows
''')


def _arrays(document: LawDocument, language: str, np: str, quiet: str) -> str:
    ensemble = Ensemble.from_document(document)
    layouts, arguments = laid_out(ensemble, lambda one: lay_out(one, language, PYTHON | OWN_NAMES), PYTHON | OWN_NAMES)
    jax = np == "jnp"
    constants, functions, laws = [], [], []
    for i, layout in enumerate(layouts):
        entries = ", ".join(f"{name!r}: np.array({layout.values(name)})" for name in layout.constants)
        constants.append(f"    {{{entries}}},")
        table = f"CONSTANTS[{i}]"
        wide = "jnp.asarray({}, dtype=float)" if jax else "{}"
        found = [
            f"{layout.names[name]} = {wide.format(f'{table}[{name!r}]')}[rows, column]" for name in layout.constants
        ]
        head = ", ".join([*layout.arguments, "rows", "column"])
        functions.append(f"def law_{i + 1}({head}):\n{lines(found)}\n    return {layout.text}")
        laws.append(f"(law_{i + 1}, {places_of(ensemble, layout)})")
    low, high = ensemble.bounds
    return _ARRAYS.substitute(
        heading=forecast_heading(ensemble, "#"),
        imports="import jax.numpy as jnp\nimport numpy as np" if jax else "import numpy as np",
        groups=tuple_text(document.groups),
        targets=tuple_text(document.targets),
        constants="\n".join(constants),
        weights=ensemble.weights.tolist(),
        functions="\n\n\n".join(functions),
        laws=", ".join(laws),
        quiet=f"@{quiet}\n" if quiet else "",
        arguments=", ".join(arguments),
        codes=", or an integer array of places in GROUPS" if jax else ", or an array of them",
        columns=", ".join(f"{np}.asarray({name}, dtype=float)" for name in arguments),
        low="None" if low == -INF else repr(low),
        high="None" if high == INF else repr(high),
        np=np,
        logs=f", logs={ensemble.logs}",
        slack="1e-6" if jax else "1e-12",
        quantiles=HALF,
        reach=RULES.average.reach,
        rows=jax_module.ROWS if jax else numpy_module.ROWS,
    )
