"""What a reader needs to repeat the fit or to compare it with another.

Surveys of published scaling laws find most of this missing, and refits of the same data then disagree: (Mis)Fitting,
Li et al. 2025, arXiv 2502.18969, whose checklist this follows.
"""

from __future__ import annotations

import numpy as np

from discover.fitting import Recipe
from discover.law import load_library
from discover.plain_data import counted
from discover.report.blocks import TableBlock
from discover.report.content import Content
from discover.report.texts import listed, percent, quantity, r_squared
from discover.runs.credit import credit_said
from discover.runs.verdict import verdict_of

LOSSES = {"squared": "squared", "huber": "Huber", "soft_l1": "soft-L1"}


def checklist(content: Content) -> TableBlock:
    """The checklist, a row per item."""
    rows = (
        *_data(content),
        *_fit(content),
        *_judgement(content),
        *_repetition(content),
    )
    return TableBlock(("item", "in this run"), rows)


def _data(content: Content) -> list[tuple[str, str]]:
    task = content.session.task
    facts = task.facts()
    card = task.card
    columns = [task.column(name) for name in (*task.features, *task.target)]
    meanings = [
        f"{c.name}: {c.meaning}{f' ({c.unit})' if c.unit not in ('', '1') else ''}" for c in columns if c.meaning
    ]
    source = (
        f"{card.study} (arXiv {card.arxiv}), licence: {card.licence}"
        if card
        else f"{task.table.name}, a table of one's own"
    )
    evaluation = f"as in the study: {card.study}" if card else "not stated in the table; say them beside this report"
    return [
        ("Data", source),
        ("One row", card.row if card else "one experiment"),
        ("Columns", "; ".join(meanings) or "no meanings or units are stated in the table; say them beside this report"),
        ("Tokeniser, evaluation set", evaluation),
        (
            "Rows",
            f"{counted(facts.n_train, 'train row')}, {counted(facts.n_test, 'sealed row')}; none dropped by discover",
        ),
        ("Groups", _groups(content)),
        ("Split", task.split.rule or _split(content)),
    ]


def _groups(content: Content) -> str:
    train = content.train
    if train.n_groups == 1:
        return "none"
    sizes = np.bincount(train.group, minlength=train.n_groups)
    each = f"{sizes.min()}" if sizes.min() == sizes.max() else f"{sizes.min()} to {sizes.max()}"
    return f"{train.n_groups} by {content.document.group_column}, {each} train rows each"


def _split(content: Content) -> str:
    split = content.session.task.split
    if split.column is not None:
        return f"by the column {split.column}"
    if split.holdout is not None:
        return f"the {split.holdout:.0%} of the rows with the largest scales are sealed".replace("%", " %")
    return "a second table holds the sealed rows" if split.test_rows else "no rows are sealed"


def _fit(content: Content) -> list[tuple[str, str]]:
    diagnosis, diagnostics = content.diagnosis, content.fit.diagnostics
    target = listed(content.document.targets)
    starts = "not recorded"
    if diagnostics.searches:
        starts = f"{diagnostics.searches:.0f} searches per block of constants; "
        starts += f"{diagnostics.agreed:.0%} of them ended in the best optimum".replace("%", " %")
    method = (
        "linear constants eliminated (variable projection), the others by damped Gauss–Newton steps from many starts"
    )
    task = content.session.task
    weights = f"column {task.weights}" if task.weights else "equal for all rows"
    if task.errors:
        weights = f"standard errors in {listed(task.errors)}"
    weights = "; ".join((weights, *content.session.problem.notes))
    return [
        ("Objective", objective(content.fit.recipe, target)),
        ("Weights", weights),
        ("Optimiser", method),
        ("Starts", starts),
        ("Bounds hit", listed(diagnosis.at_bound) or "none"),
        ("Points and free parameters", f"{diagnosis.n_rows:,} measured values, {diagnosis.n_constants:,} constants"),
        ("Condition number", f"{quantity(diagnosis.condition, 2)} of the searched constants, "
         f"{quantity(diagnosis.condition_full, 2)} of all; rank {diagnosis.rank} of {diagnosis.n_constants}"),
        ("Intervals", _intervals(content)),
    ]  # fmt: skip


def objective(recipe: Recipe, target: str) -> str:
    """What was minimised, in words."""
    of = f"log {target}" if recipe.space == "log" else target
    scale = "" if recipe.loss == "squared" else f" (linear beyond {quantity(recipe.scale)})"
    text = f"sum over rows of the {LOSSES[recipe.loss]} residual of {of}{scale}"
    if recipe.emphasis:
        text += f"; larger scales weigh more, tenfold to the power of {quantity(recipe.emphasis)} over the range"
    return text


def _intervals(content: Content) -> str:
    if content.ensemble is None:
        return "standard errors of the linearised law; this law holds no draws for intervals of forecasts"
    laws = content.ensemble.laws
    return (
        f"{sum(map(len, laws)):,} draws of the constants of {counted(len(laws), 'near-tied law')}, noise of a new "
        "measurement, and drift beyond the data"
    )


def _judgement(content: Content) -> list[tuple[str, str]]:
    result = content.result
    sealed = result.sealed
    inner = f"inner error {quantity(content.document.inner_error)} of the target's variance, on folds by scale"
    if sealed is None:
        judged = "not judged: the sealed rows are closed, or there are none"
    else:
        judged = (
            f"R² {r_squared(sealed.r2)}, RMSE {quantity(sealed.rmse)}, mean relative error "
            f"{percent(sealed.mare or 0.0).lstrip('+')} on {counted(sealed.n or 0, 'row')}"
        )
    return [
        ("Held-out scale inside the train rows", inner),
        ("Sealed rows", judged),
        ("Openings of the sealed rows", f"{result.opened}, counted in the journal"),
    ]


def _repetition(content: Content) -> list[tuple[str, str]]:
    config, result = content.session.config, content.result
    spent = f"{counted(result.evaluations, 'law')} scored in {result.seconds:.0f} s; {result.stopped}"
    asked = [f"{config.evaluations} evaluations"] if config.evaluations else []
    asked += [f"{config.budget_s:g} s"] if config.budget_s else []
    llm = result.llm
    model = "none" if llm is None else f"{llm['model']}, {counted(llm['calls'], 'call')}"
    model += f"; {said}" if llm is not None and (said := credit_said(llm)) else ""
    versions = ", ".join(f"{name} {version}" for name, version in config.versions.items())
    return [
        ("Seed", str(config.seed)),
        ("Search", f"{' or '.join(asked)} asked for; {spent}; {counted(config.workers, 'worker')}"),
        ("Proposers", ", ".join(config.proposers)),
        ("Language model", model),
        ("Versions", versions),
        ("Begun", config.started.replace("T", " ")),
        ("Train rows' SHA-256", config.train.sha256),
        ("To cite", _citation(content)),
    ]


def _citation(content: Content) -> str:
    """A sentence for a paper: the law's source, the rows, the program."""
    config, document = content.session.config, content.document
    published = verdict_of(content.result).law
    entry = load_library().get(published)
    arxiv = f", arXiv {entry.arxiv}" if entry is not None and entry.arxiv else ""
    source = f"The form is that of {entry.source}{arxiv}; its" if entry is not None else "Form and"
    card = content.session.task.card
    rows = card.study if card else content.session.task.table.name
    version = document.versions.get("discover", "")
    return (
        f"{source} constants were found by discover {version} (seed {config.seed}, "
        f"{counted(content.result.evaluations, 'law')} scored) on {counted(len(content.train), 'row')} of {rows}, "
        f"SHA-256 {config.train.sha256[:12]}."
    )
