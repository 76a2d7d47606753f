"""The grammar proposer: random laws from the field's building blocks, mutation and crossover of elites.

The moves mirror how people improved laws: add a floor, put an effective size for a raw column, turn a sum into
an outer power, let one coefficient depend on another column, bend a power, tie or fix exponents, drop what does
not pay. Each move is a function in the table `MOVES`; a bandit pays those whose candidates enter the archive.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import numpy as np

from discover.arrays import Floats
from discover.errors import FormulaError
from discover.expressions import (
    Call,
    Constant,
    Expr,
    Feature,
    Number,
    add,
    call,
    complexity,
    constant_names,
    constants_in,
    features_in,
    mul,
    neg,
    power,
    reduce_constants,
    substitute,
    terms,
)
from discover.expressions.tree import ONE
from discover.fitting import Recipe, Structure
from discover.proposers.bandit import Bandit
from discover.proposers.base import Told
from discover.proposers.blocks import Maker, pick
from discover.proposers.candidate import Candidate, Origin
from discover.proposers.completed import first_formulas
from discover.proposers.surgery import (
    Names,
    Path,
    exponents,
    places,
    places_of,
    replaced,
    under_new_names,
    well_named,
    without,
)
from discover.scoring import Problem

MAX_COMPLEXITY = 100  # the description length keeps laws of small tables far below it
ATTEMPTS = 12  # tries of a move before another is drawn


class Grammar:
    """Proposes laws from the building blocks, and changes to the elites.

    Args:
        first: formulas to begin with, whose exponents groups share; without them those of `first_formulas`.
    """

    name = "grammar"

    def __init__(self, problem: Problem, first: Iterable[Expr] | None = None) -> None:
        self.problem = problem
        self.bandit = Bandit(tuple(MOVES))
        formulas = first_formulas(problem) if first is None else first
        structures = (finished(problem, expr, self._shared(expr)) for expr in formulas)
        self.first = [structure for structure in structures if structure is not None]

    def ask(self, n: int, elites: Sequence[Told], rng: np.random.Generator) -> list[Candidate]:
        out = [
            Candidate(structure, recipes(self.problem)[0], f"{self.name}:complete_law") for structure in self.first[:n]
        ]
        del self.first[:n]
        for _ in range(n * ATTEMPTS):
            if len(out) == n:
                break
            candidate = self._propose(elites, rng)
            if candidate is not None:
                out.append(candidate)
        return out

    def tell(self, results: Sequence[Told]) -> None:
        for told in results:
            proposer, move = Origin.of(told.candidate.origin)
            if proposer == self.name:
                self.bandit.reward(move, told.added)

    def drop(self, candidate: Candidate, reason: str) -> None:
        """A duplicate is a try that did not pay."""
        self.bandit.reward(Origin.of(candidate.origin).move, False)

    def close(self) -> None:
        """Nothing to end."""

    def __getstate__(self) -> dict[str, object]:
        """Without the problem: whoever gets a grammar from another process has it, and sets it."""
        return {name: value for name, value in self.__dict__.items() if name != "problem"}

    def _propose(self, elites: Sequence[Told], rng: np.random.Generator) -> Candidate | None:
        move = self.bandit.draw(rng) if elites else "random_law"
        parents: tuple[Told, ...] = ()
        if move == "crossover":
            parents = (_tournament(elites, rng), _tournament(elites, rng))
        elif move != "random_law":
            parents = (_tournament(elites, rng),)
        structures = [p.candidate.structure for p in parents]
        recipe = parents[0].candidate.recipe if parents else self._recipe(rng)
        if move == "change_recipe":
            return self._with_recipe(parents[0], rng)
        if move == "change_sharing":
            return self._with_sharing(parents[0], rng)
        names = Names((*self.problem.table.features, *(name for s in structures for name in s.constants)))
        maker = Maker(self.problem, rng, names)
        trees, values = _apart(parents, names)
        try:
            # where all other laws are refused the group means are the only elite, and they have nothing to change
            trees = [tree if features_in(tree) else random_law(maker, []) for tree in trees]
            changed = MOVES[move](maker, trees)
            shared = structures[0].shared if structures else frozenset[str]()
            if changed is None or self._far_over_budget(changed):
                return None
            found = renamed(self.problem, changed, shared)
        except FormulaError:  # a literal that cannot be worked out, such as 0**(-1)
            return None
        if found is None:
            return None
        structure, new = found
        inherited = under_new_names(values, new)
        return Candidate(structure, recipe, f"{self.name}:{move}", tuple(p.index for p in parents), inherited)

    def _shared(self, expr: Expr) -> frozenset[str]:
        """What groups have in common in a law nobody has fitted yet."""
        return frozenset(exponents(expr) if self.problem.table.n_groups > 1 else ())

    def _far_over_budget(self, expr: Expr) -> bool:
        """More constants than the task allows even if one is merged away; a move hardly ever lets two merge."""
        budget = self.problem.constants
        return budget is not None and len(constants_in(expr)) > budget + 1

    def _recipe(self, rng: np.random.Generator) -> Recipe:
        return pick(recipes(self.problem), rng) if positive(self.problem) else Recipe()

    def _with_recipe(self, parent: Told, rng: np.random.Generator) -> Candidate:
        old = parent.candidate.recipe
        new = pick([r for r in recipes(self.problem) if r != old], rng)
        return Candidate(parent.candidate.structure, new, f"{self.name}:change_recipe", (parent.index,), parent.values)

    def _with_sharing(self, parent: Told, rng: np.random.Generator) -> Candidate | None:
        structure = parent.candidate.structure
        if self.problem.table.n_groups < 2 or not structure.constants:
            return None
        shared = structure.shared ^ {pick(structure.constants, rng)}
        if shared >= set(structure.constants):
            return None
        found = renamed(self.problem, structure.expr, frozenset(shared))
        if found is None:
            return None
        changed, new = found
        inherited = under_new_names(parent.values, new)
        recipe = parent.candidate.recipe
        return Candidate(changed, recipe, f"{self.name}:change_sharing", (parent.index,), inherited)


def _apart(parents: Sequence[Told], names: Names) -> tuple[list[Expr], dict[str, Floats | float]]:
    """The parents' trees without a constant in common, and the values of all their constants."""
    trees: list[Expr] = []
    values: dict[str, Floats | float] = {}
    for parent in parents:
        structure = parent.candidate.structure
        renamed = {name: names.fresh() for name in structure.constants} if trees else {}
        trees.append(substitute(structure.expr, renamed))
        values |= {renamed[name].name if renamed else name: value for name, value in parent.values.items()}
    return trees, values


def finished(problem: Problem, expr: Expr, shared: frozenset[str] = frozenset()) -> Structure | None:
    """A proposed tree as a structure: constants merged and well named; None if it is no law of this task."""
    found = renamed(problem, expr, shared)
    return None if found is None else found[0]


def renamed(problem: Problem, expr: Expr, shared: frozenset[str]) -> tuple[Structure, dict[str, str]] | None:
    """As `finished`, with the new name of every old constant."""
    reduced = reduce_constants(expr, shared)
    if not features_in(reduced) or complexity(reduced) > MAX_COMPLEXITY:
        return None
    if problem.constants is not None and len(constant_names(reduced)) > problem.constants:
        return None
    named, new = well_named(reduced, problem.table.features.keys())
    return Structure(named, shared=frozenset(new[n] for n in shared if n in new)), new


RECIPES = (
    Recipe("squared", "value"),
    Recipe("squared", "log"),
    Recipe("huber", "log", 1e-3),
    Recipe("squared", "value", emphasis=1.0),
    Recipe("squared", "log", emphasis=1.0),
    Recipe("huber", "log", 1e-2),
)


def positive(problem: Problem) -> bool:
    return bool(np.all(problem.table.targets > 0))


def recipes(problem: Problem) -> list[Recipe]:
    """The recipes that a problem allows: logarithms need positive targets, and where errors count in logarithms,
    fits are of logarithms."""
    if problem.error_scale == "log":
        return [recipe for recipe in RECIPES if recipe.space == "log"]
    if positive(problem):
        return list(RECIPES)
    scale = float(problem.table.targets.std(axis=0).mean())
    values = [Recipe(), Recipe("squared", "value", emphasis=1.0)]
    return [*values, Recipe("huber", "value", max(0.02 * scale, 1e-12))]


def _tournament(elites: Sequence[Told], rng: np.random.Generator) -> Told:
    """The best of two or three elites drawn at random."""
    picks = rng.integers(len(elites), size=int(rng.integers(2, 4)))
    return min((elites[int(i)] for i in picks), key=lambda told: told.penalty)


# -- moves: from the parents' trees to a new one, or None if the move does not apply ---------------------

Move = Callable[[Maker, list[Expr]], Expr | None]


def random_law(m: Maker, _parents: list[Expr]) -> Expr:
    """A law from scratch in one of the field's overall forms."""
    shares = m.problem.of_kind("share")
    if len(shares) > 1 and m.chance(0.8):
        return _mixture_law(m, shares)
    columns = _some_columns(m)
    form = m.rng.random()
    body = [m.term(column) for column in columns]
    if form < 0.45 or len(columns) == 1:
        if len(columns) == 1 and m.chance(0.5):
            body.append(m.term(columns[0]))
        return add(m.c(), *body)
    if form < 0.6:
        return add(m.c(), power(add(*body), m.c()))
    if form < 0.75:
        return add(m.c(), mul(m.c(), *(m.bare_power(column) for column in columns)))
    if form < 0.85:
        product = mul(m.c(), *(m.bare_power(column) for column in columns))
        return add(m.c(), *body, product)
    return _log_polynomial(m, columns)


def _some_columns(m: Maker) -> list[str]:
    columns = [name for name, kind in m.problem.kinds.items() if kind != "share" or m.chance(0.5)]
    kept = [name for name in columns if m.chance(0.85)]
    return kept or [m.pick(columns or list(m.problem.kinds))]


def _log_polynomial(m: Maker, columns: Sequence[str]) -> Expr:
    """exp of a polynomial in logarithms, with products of pairs."""
    logs = {column: m.log(column) for column in columns}
    inside = [m.c(), *(mul(m.c(), u) for u in logs.values())]
    pairs = [(a, b) for i, a in enumerate(columns) for b in columns[i + 1 :]]
    inside += [mul(m.c(), logs[a], logs[b]) for a, b in pairs if m.chance(0.5)]
    inside += [mul(m.c(), power(u, Number(2.0))) for u in logs.values() if m.chance(0.25)]
    inner = add(*inside)
    return call("exp", inner) if positive(m.problem) else inner


def _mixture_law(m: Maker, shares: Sequence[str]) -> Expr:
    """Laws of mixtures: exponential, linear, harmonic or power in an inner sum over shares."""
    inner = add(*(mul(m.c(), Feature(p)) for p in shares))
    form = m.rng.random()
    if form < 0.35:
        law = add(m.c(), call("exp", inner))
    elif form < 0.5:
        law = add(m.c(), power(inner, m.c()))
    elif form < 0.6:
        law = add(m.c(), power(inner, Number(-1.0)))
    elif form < 0.7:
        law = add(m.c(), call("log", inner))
    elif form < 0.85:
        law = add(m.c(), *(m.term(p) for p in shares if m.chance(0.8)))
    else:
        law = call("exp", inner)
    return add(law, m.term(m.pick(shares))) if m.chance(0.3) else law


def add_term(m: Maker, parents: list[Expr]) -> Expr:
    return add(parents[0], m.term(m.pick(list(m.problem.kinds))))


def add_product_term(m: Maker, parents: list[Expr]) -> Expr | None:
    """An interaction: a product of powers of two columns."""
    columns = list(m.problem.of_kind("scale", "logged"))
    if len(columns) < 2:
        return None
    pair = m.rng.choice(len(columns), size=2, replace=False)
    return add(parents[0], mul(m.c(), *(m.bare_power(columns[int(i)]) for i in pair)))


def drop(m: Maker, parents: list[Expr]) -> Expr | None:
    """Leave out a term or factor."""
    paths = [path for path, _ in places(parents[0]) if path]
    if not paths:
        return None
    return without(parents[0], m.pick(paths))


def add_floor(m: Maker, parents: list[Expr]) -> Expr:
    """A floor inside or outside of an overall exponential."""
    return add(m.c(), parents[0])


def replace_term(m: Maker, parents: list[Expr]) -> Expr | None:
    """Another term in the same column in place of one of the terms."""
    spots = _term_places(parents[0])
    if not spots:
        return None
    path, node = m.pick(spots)
    columns = [column.name for _, column in places_of(node, Feature)]
    if not columns:
        return None
    return replaced(parents[0], path, m.term(m.pick(columns)))


def _term_places(expr: Expr) -> list[tuple[tuple[int, ...], Expr]]:
    """Terms with features, of the outermost sums."""
    out: list[tuple[tuple[int, ...], Expr]] = []
    for path, node in places(expr):
        if isinstance(node, Call) and node.op == "add":
            out += [((*path, i), arg) for i, arg in enumerate(node.args) if features_in(arg)]
    return out or [((), expr)]


def _scale_places(m: Maker, expr: Expr) -> list[tuple[Path, Feature]]:
    return [(path, column) for path, column in places_of(expr, Feature) if m.problem.kinds[column.name] == "scale"]


def effective_size(m: Maker, parents: list[Expr]) -> Expr | None:
    """An effective size in place of one use of a scale column."""
    spots = _scale_places(m, parents[0])
    if not spots:
        return None
    path, column = m.pick(spots)
    return replaced(parents[0], path, m.effective(column.name))


def outer_power(m: Maker, parents: list[Expr]) -> Expr | None:
    """A sum of terms raised to a power: E + (t1 + t2)**k."""
    inside = [t for t in terms(parents[0]) if features_in(t)]
    outside = [t for t in terms(parents[0]) if not features_in(t)]
    if len(inside) < 2:
        return None
    if len(inside) > 2:
        chosen = set(m.rng.choice(len(inside), size=2, replace=False).tolist())
        outside += [t for i, t in enumerate(inside) if i not in chosen]
        inside = [t for i, t in enumerate(inside) if i in chosen]
    return add(*outside, power(add(*inside), m.c()))


def coefficient_of_column(m: Maker, parents: list[Expr]) -> Expr | None:
    """Let a constant depend on another column, by a power or a logarithm."""
    spots = places_of(parents[0], Constant)
    columns = list(m.problem.kinds)
    if not spots or not columns:
        return None
    path, node = m.pick(spots)
    column = m.pick(columns)
    kind = m.problem.kinds[column]
    if kind == "scale" and m.chance(0.5):
        return replaced(parents[0], path, mul(node, power(Feature(column), m.c())))
    if kind in ("scale", "logged"):
        return replaced(parents[0], path, add(node, mul(m.c(), m.log(column))))
    return replaced(parents[0], path, add(node, mul(m.c(), Feature(column))))


def bend(m: Maker, parents: list[Expr]) -> Expr | None:
    """Multiply a term by a smooth break, a saturation or a decay."""
    spots = [(p, n) for p, n in _term_places(parents[0]) if features_in(n)]
    if not spots:
        return None
    path, node = m.pick(spots)
    x = Feature(m.pick([column.name for _, column in places_of(node, Feature)]))
    if m.problem.kinds[x.name] == "scale":
        factor = (
            power(add(ONE, mul(m.c(), power(x, m.c()))), Number(-1.0))
            if m.chance(0.5)
            else power(add(ONE, mul(m.c(), x)), neg(m.c()))
        )
    else:
        factor = call("exp", mul(m.c(), x))
    return replaced(parents[0], path, mul(node, factor))


def fix_constant(m: Maker, parents: list[Expr]) -> Expr | None:
    """A simple fraction in place of an exponent; other constants carry units and cannot be guessed."""
    names = exponents(parents[0])
    if not names:
        return None
    values = (1.0, 0.5, 1.0 / 3.0, 0.25, 2.0)
    return substitute(parents[0], {m.pick(names): Number(m.pick(values))})


def tie_constants(m: Maker, parents: list[Expr]) -> Expr | None:
    """One exponent for two columns."""
    names = exponents(parents[0])
    if len(names) < 2:
        return None
    first, second = (names[int(i)] for i in m.rng.choice(len(names), size=2, replace=False))
    return substitute(parents[0], {second: Constant(first)})


def free_number(m: Maker, parents: list[Expr]) -> Expr | None:
    """A fitted constant in place of a number."""
    spots = [path for path, number in places_of(parents[0], Number) if number.value != -1.0]
    if not spots:
        return None
    return replaced(parents[0], m.pick(spots), m.c())


def swap_column(m: Maker, parents: list[Expr]) -> Expr | None:
    """Another column of the same kind in one place."""
    spots = places_of(parents[0], Feature)
    if not spots:
        return None
    path, column = m.pick(spots)
    same = [name for name in m.problem.of_kind(m.problem.kinds[column.name]) if name != column.name]
    return replaced(parents[0], path, Feature(m.pick(same))) if same else None


def ratio_column(m: Maker, parents: list[Expr]) -> Expr | None:
    """The ratio or product of two scale columns in place of one, such as tokens per parameter."""
    spots = _scale_places(m, parents[0])
    if not spots or len(m.scales) < 2:
        return None
    path, column = m.pick(spots)
    z = Feature(m.pick([name for name in m.scales if name != column.name]))
    return replaced(parents[0], path, mul(column, power(z, Number(-1.0 if m.chance(0.7) else 1.0))))


def crossover(m: Maker, parents: list[Expr]) -> Expr | None:
    """A term of the second parent in place of a term of the first, or added to it."""
    donor = [t for t in terms(parents[1]) if features_in(t)]
    if not donor:
        return None
    term = m.pick(donor)
    if m.chance(0.5):
        return add(parents[0], term)
    spots = _term_places(parents[0])
    return replaced(parents[0], m.pick(spots)[0], term)


def _placeholder(_m: Maker, _parents: list[Expr]) -> Expr | None:
    return None


MOVES: dict[str, Move] = {
    "random_law": random_law,
    "add_term": add_term,
    "add_product_term": add_product_term,
    "drop": drop,
    "add_floor": add_floor,
    "replace_term": replace_term,
    "effective_size": effective_size,
    "outer_power": outer_power,
    "coefficient_of_column": coefficient_of_column,
    "bend": bend,
    "fix_constant": fix_constant,
    "tie_constants": tie_constants,
    "free_number": free_number,
    "swap_column": swap_column,
    "ratio_column": ratio_column,
    "crossover": crossover,
    "change_recipe": _placeholder,  # these two change what is beside the tree, see `Grammar._propose`
    "change_sharing": _placeholder,
}
