"""Python: the forecast of a run with NumPy or JAX, over arrays."""

from __future__ import annotations

from collections.abc import Sequence

from discover.averages import HALF
from discover.export import jax_module, numpy_module
from discover.export.forecast_code import INF, OWN_NAMES, ends_of, forecast_heading, laid_out, places_of, rules
from discover.export.identifiers import PYTHON
from discover.export.layout import lay_out, template
from discover.export.numpy_module import lines, tuple_text
from discover.forecasts import Ensemble
from discover.law.document import LawDocument


def numpy_forecast(document: LawDocument) -> str:
    """Source of a module with a function `predict`, which needs NumPy alone."""
    return _arrays(document, "python", "np", 'np.errstate(all="ignore")')


def jax_forecast(document: LawDocument) -> str:
    """Source of a module with a function `predict` for `jit`, `grad` and `vmap`."""
    return _arrays(document, "jax", "jnp", "")


_ARRAYS = template("forecast_arrays.py.tmpl")


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
    logged, highs, widths = ends_of(ensemble)
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
        **rules(),
        logged=logged,
        highs=_table(highs),
        widths=_table(widths),
        rows=jax_module.ROWS if jax else numpy_module.ROWS,
    )


def _table(numbers: Sequence[Sequence[float]]) -> str:
    return str(numbers).replace("inf", "np.inf")
