"""Which laws of the library apply to a table: by the names, the roles and the sizes of its columns."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterator, Mapping, Sequence
from itertools import permutations

from discover.data.aliases import EPOCH_NAMES, STEP_NAMES, by_quantity, is_logged, recognise, squash, words
from discover.data.results import OUTCOME_WORDS
from discover.errors import InputError
from discover.expressions import skeleton
from discover.law.library import known_variables, load_library
from discover.law.published import FOLLOWS, GENERIC, IDENTIFIER, Law, glossary

ANY_TARGET = "any"
RESULTS = frozenset(("loss", "error", "accuracy", "score", "reward"))
"""What a law may predict that is a result; the others predict sizes or settings."""

ABOUT = 10.0  # factor by which a column may leave the range that a variable is meant for

_SCALE_ROLES = {"params", "data", "unique_data", "compute", "multiplicity", "batch", "steps", "scale"}


def laws_for(
    columns: Collection[str],
    target: str | None = None,
    largest: Mapping[str, float] | None = None,
    heading: str | None = None,
    roles: Mapping[str, str] | None = None,
) -> list[Law]:
    """Laws that can be fitted to a table with these feature columns.

    A law applies if the table has all its variables, under their own names or under others by which the field knows
    them (`n_params` or `N` for `params`), as long as it is clear which column is meant. A variable that no column
    holds may follow from others, see `FOLLOWS`. Generic laws are bound to every column of their kind: those over `x`
    to sizes, data, compute, counts and to names that the glossary does not know, those over `z` to logarithms (role
    "log_scale", or an unknown name that begins with ``log_``). Where no law speaks of all sizes of the table together,
    surfaces over as many sizes are bound to them, in every order.

    Args:
        columns: names of the table's features.
        target: keep laws for this target ("loss", "error", ...) and for any; None keeps all.
        largest: column -> its largest value, which tells apart what a heading such as `P` may mean.
        heading: of the column to predict; a law of learning rates is none of a loss, nor the other way round.
        roles: column -> the variable that it is, whatever it is called.

    Returns:
        Laws that use the most columns first, otherwise in the order of the library.
    """
    names = list(dict.fromkeys(columns))
    places = _places(names, largest or {}, roles or {})
    result: list[Law] = []
    whole: list[Law] = []  # laws that tell all their columns apart, as one of batch_size*steps does not
    for law in load_library().values():
        if (target is None or law.target in (target, ANY_TARGET)) and predicts(law, heading):
            applied = _applied(law, names, places)
            result += applied
            whole += [bound for bound in applied if len(bound.variables) == len(law.variables)]
    result.extend(_surfaces(names, whole, target, heading))
    return sorted(result, key=lambda law: -len(law.variables))


def columns_for(law: Law, columns: Collection[str]) -> dict[str, str]:
    """Variable of a law -> the column of that name, or the only one by whose heading the field means it.

    A variable that no column is known to hold is left out.
    """
    places = _places(list(columns), {}, {})
    return {name: places[name] for name in law.variables if name in places}


def over_columns(law: Law, columns: Collection[str]) -> Law:
    """The law with what columns tell of its variables in place of those that none holds, see `FOLLOWS`.

    It stays as it is where some are still missing.
    """
    places = _places(list(columns), {}, {})
    told = {name: _following(law, name, places) for name in law.variables if name not in places}
    return law.bind(told) if told and all(told.values()) else law


def told_by(name: str, columns: Collection[str]) -> str:
    """A size that is no column as a formula of sizes that are, by their names in the field; "" where none tell it.

    Formulas in which sizes stand up to a factor, such as steps for tokens, count for nothing here.
    """
    places, quantity = _places(list(columns), {}, {}), recognise(name)
    places = {word: column for word, column in places.items() if word != "steps" and "chinchilla" not in squash(column)}
    return _first_told(name if quantity is None else _GLOSSARY_NAMES.get(quantity.name, quantity.name), places)


def told_in(name: str, columns: Collection[str]) -> str:
    """The same over the columns as they are called, in whatever they count."""
    return _over(_places(list(columns), {}, {}), told_by(name, columns))


def predicts(law: Law, heading: str | None) -> bool:
    """Whether a law may predict a column of this heading: the quantity that it names, or a result of training."""
    if heading is None or law.target == ANY_TARGET:
        return True
    quantity = recognise(heading)
    if quantity is not None:
        return law.target == _GLOSSARY_NAMES.get(quantity.name, quantity.name)
    return law.target in RESULTS or not words(heading) & OUTCOME_WORDS


_GLOSSARY_NAMES = {"flops": "compute"}


def check_roles(roles: Mapping[str, str], where: str) -> None:
    """Refuses roles that no law knows.

    Args:
        roles: column -> variable of the library.
        where: head of the message.

    Raises:
        InputError: no law has such a variable, or two columns are to be the same one.
    """
    for column, role in roles.items():
        if role not in known_variables():
            near = difflib.get_close_matches(role, known_variables(), n=3)
            hint = f"; did you mean {' or '.join(near)}?" if near else f" ({', '.join(sorted(known_variables()))})"
            raise InputError(f"{where}: {column} is to be {role!r}, a variable that no law has{hint}")
    twice = [role for role in roles.values() if list(roles.values()).count(role) > 1]
    if twice:
        raise InputError(f"{where}: two columns are to be {twice[0]!r}; expected one")


def nameable(
    ranges: Mapping[str, tuple[float, float]], heading: str | None = None, roles: Mapping[str, str] | None = None
) -> list[tuple[Law, dict[str, str]]]:
    """Laws that would apply if columns whose names say nothing were named, and how: column -> variable.

    All such columns must find a place, where their values are about as large as the law is meant for.

    Args:
        ranges: column -> its smallest and largest value.
        heading: of the column to predict.
        roles: column -> the variable that it is, where that was told.

    Returns:
        Laws of most columns first.
    """
    names = list(ranges)
    places = _places(names, {name: high for name, (_, high) in ranges.items()}, roles or {})
    known = {column for name, column in places.items() if name in known_variables()}
    unknown = [column for column in names if column not in known]
    found = []
    for law in load_library().values() if unknown else ():
        missing = [name for name in law.variables if name not in places]
        if law.generic is not None or len(missing) != len(unknown) or not predicts(law, heading):
            continue
        orders = (dict(zip(unknown, order, strict=True)) for order in permutations(missing))
        suited = (o for o in orders if all(_is_about(ranges[c], law.variables[name].range) for c, name in o.items()))
        named = next(suited, None)
        if named is not None:
            found.append((law, named))
    return sorted(found, key=lambda pair: -len(pair[0].variables))


def _is_about(found: tuple[float, float], meant: tuple[float, float]) -> bool:
    """Whether values that go from here to there are about those that a variable is meant for."""
    return found[0] >= meant[0] / ABOUT and meant[0] <= found[1] <= meant[1] * ABOUT


def _places(columns: list[str], largest: Mapping[str, float], roles: Mapping[str, str]) -> dict[str, str]:
    """Name of the glossary -> its column: the one told, the one so called, or the only one known by its heading."""
    told = {role: column for column, role in roles.items()}
    columns = [column for column in columns if column not in roles]
    alike: dict[str, list[str]] = {}
    for quantity, found in by_quantity(columns, largest).items():
        for column in found:
            name = f"log_{quantity}" if is_logged(column) else _GLOSSARY_NAMES.get(quantity, quantity)
            alike.setdefault(name, []).append(column)
    steps = [column for column in columns if squash(column) in STEP_NAMES - EPOCH_NAMES]
    alike.setdefault("steps", []).extend(steps)
    alike["epochs"] = [column for column in columns if squash(column) in EPOCH_NAMES]
    alone = {name: found[0] for name, found in alike.items() if len(found) == 1}
    return alone | {name: name for name in columns} | told


def _applied(law: Law, columns: list[str], places: Mapping[str, str]) -> list[Law]:
    generic = law.generic
    if generic is None:
        found = {name: places.get(name) or _over(places, _following(law, name, places)) for name in law.variables}
        if not all(found.values()):
            return []
        other = any(name != column for name, column in found.items())
        return [law.bind(found)] if other and len(set(found.values())) == len(found) else [] if other else [law]
    kind = GENERIC[generic]
    return [law.bind({generic: name}) for name in columns if _kind(name) == kind]


def _following(law: Law, name: str, places: Collection[str]) -> str:
    """A variable that no column holds, from those that tell it, or "".

    A law of one size alone asks for its column, and one that means a special kind of it, such as the tokens after
    upcycling, for that kind.
    """
    usual = name == "params" or law.variables[name].meaning == glossary().get(name, {}).get("meaning")
    return _first_told(name, places) if usual and len(law.variables) > 1 else ""


def _first_told(name: str, places: Collection[str]) -> str:
    texts = FOLLOWS.get(name, ())
    return next((text for text in texts if all(word in places for word in IDENTIFIER.findall(text))), "")


def _over(places: Mapping[str, str], text: str) -> str:
    """The same over columns; "" where a heading is no name that a formula may hold."""
    if not all(IDENTIFIER.fullmatch(places[word]) for word in IDENTIFIER.findall(text)):
        return ""
    return IDENTIFIER.sub(lambda match: places[match[0]], text)


def _surfaces(columns: Sequence[str], found: Sequence[Law], target: str | None, heading: str | None) -> Iterator[Law]:
    """Surfaces over all sizes among the columns, one per function, if no law that was found holds them all."""
    sizes = [name for name in columns if _kind(name) == "scale"]
    if len(sizes) < 2 or any(set(sizes) <= set(law.variables) for law in found):
        return
    seen: set[str] = set()
    for law in load_library().values():
        if not law.surface or len(law.variables) != len(sizes) or target not in (None, law.target):
            continue
        if not predicts(law, heading):
            continue
        for order in permutations(sizes):
            bound = law.bind(dict(zip(law.variables, order, strict=True)))
            key = skeleton(bound.expr)
            if key not in seen:
                seen.add(key)
                yield bound


def _kind(column: str) -> str | None:
    """Whether a column is a scale, the logarithm of one, or neither."""
    entry = glossary().get(column)
    if entry is None:
        return "log_scale" if is_logged(column) else "scale"
    if entry["role"] == "log_scale":
        return "log_scale"
    return "scale" if entry["role"] in _SCALE_ROLES else None
