"""How far a fit can be trusted: conditioning, redundant constants, and every reason for doubt by name."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum

import numpy as np

from discover.arrays import Floats, Mask
from discover.data.relations import ranges_of, rounding_of
from discover.data.table import Table
from discover.fitting.linearise import Component, linearise
from discover.fitting.program import compile_program, log_formula
from discover.fitting.result import FitResult
from discover.plain_data import counted, lettered

SINGULAR = 1e-9
"""A direction of the scaled Jacobian below this share of the largest is taken as undetermined."""
ILL = 1e6
OUTLIER = 8.0
SURE = 3  # degrees of freedom by which an exact fit is told from chance
EXACT = 1e-9  # of the largest target: residuals that come of a computer's digits alone
CHANCE = 1e-4  # of residuals that depend so much on a column by accident
FAR = 3.0  # robust deviations
FREE = 10  # degrees of freedom below which residuals say nothing of a column
RANGES = 5  # of a column, to say where
FINE = 1e-4  # of the target's spread: what no measurement is as good as
ROUNDING = 1e-12  # of the largest target: residuals no larger are those of an exact fit


class Concern(Enum):
    """Reasons for doubt; the values are the messages."""

    NOT_CONVERGED = "the search for constants did not converge"
    LONELY_OPTIMUM = "few searches ended in the best optimum; there may be a better one"
    AT_BOUND = "constants lie at a bound of their domain"
    REDUNDANT = "the rows determine these constants only together, not each alone"
    ILL_CONDITIONED = "the constants are nearly redundant: small changes of the rows move them far"
    EXACT = "the columns determine the target, as in data made by a formula or with a copy of the result"
    NO_FREEDOM = "there are as many constants as different rows, so the fit cannot be checked"
    CONSTANT_COLUMN = "a column that the formula uses has one value only"
    OUTLIERS = "some residuals are far larger than the others"
    LEFT_OUT = "the residuals depend on columns that the law does not use"
    SCALE = "a column or the target spans sizes near the limits of 64-bit numbers"


@dataclass(frozen=True)
class Diagnosis:
    """What `diagnose` finds.

    Attributes:
        n_rows: measured values (rows times targets).
        n_constants: constants fitted, over groups and targets.
        condition: largest condition number, over components, of the Jacobian of the searched constants after
            the linear ones are eliminated, columns scaled to length one; 1 if nothing is searched.
        condition_full: the same of the Jacobian of all constants.
        rank: rank of the Jacobian of all constants, summed over components.
        redundant: sets of constants that are determined only together.
        at_bound: constants at a bound in some group.
        slope: largest cosine between the residuals and a column of the Jacobian; 0 at an exact optimum
            (squared loss; free constants only).
        outliers: rows with residuals beyond 8 robust standard deviations, counted from 0.
        concerns: reasons for doubt, each with the names or numbers that it is about.
    """

    n_rows: int
    n_constants: int
    condition: float
    condition_full: float
    rank: int
    redundant: tuple[tuple[str, ...], ...]
    at_bound: tuple[str, ...]
    slope: float
    outliers: tuple[int, ...]
    concerns: tuple[tuple[Concern, str], ...]

    @property
    def identifiable(self) -> bool:
        return not self.redundant


def diagnose(result: FitResult, table: Table) -> Diagnosis:
    """Names every reason to doubt the constants of a fit to the rows of a table."""
    parts = linearise(result, table)
    linear = _linear(result)
    findings = [_examine(part, linear) for part in parts]
    redundant = tuple(dict.fromkeys(names for f in findings for names in f.redundant))
    at_bound = tuple(dict.fromkeys(n for p in parts for n, free in zip(p.names, p.free, strict=True) if not free))
    outliers = _outliers(parts)
    slope = max(f.slope for f in findings) if result.recipe.loss == "squared" else 0.0
    condition_full = max(f.condition_full for f in findings)
    return Diagnosis(
        n_rows=sum(len(p.rows) for p in parts),
        n_constants=sum(len(p.labels) for p in parts),
        condition=max(f.condition for f in findings),
        condition_full=condition_full,
        rank=sum(f.rank for f in findings),
        redundant=redundant,
        at_bound=at_bound,
        slope=slope,
        outliers=outliers,
        concerns=tuple(_concerns(result, table, parts, redundant, at_bound, condition_full, outliers)),
    )


def _linear(result: FitResult) -> frozenset[str]:
    """Constants that the fit eliminates; a loss of the logarithm keeps those of the value, rows reweighted."""
    value = compile_program(result.structure.expr, result.structure.shared).linear
    if result.recipe.space == "value":
        return frozenset(value)
    logged = compile_program(log_formula(result.structure.expr), result.structure.shared).linear
    return frozenset(value if len(value) > len(logged) else logged)


@dataclass(frozen=True)
class _Finding:
    condition: float
    condition_full: float
    rank: int
    redundant: tuple[tuple[str, ...], ...]
    slope: float


def _examine(part: Component, linear: frozenset[str]) -> _Finding:
    scaled = _unit_columns(part.weighted)
    searched = np.array([name not in linear for name in part.names], bool)
    reduced = _reduced(scaled, searched)
    sizes, null = _spectrum(scaled)
    residuals = part.residuals * part.factors
    length = float(np.linalg.norm(residuals))
    cosines = np.abs(scaled[:, part.free].T @ residuals) / length if length > 0 else np.zeros(1)
    return _Finding(
        condition=_condition(_spectrum(_unit_columns(reduced))[0]) if reduced.shape[1] else 1.0,
        condition_full=_condition(sizes),
        rank=int((sizes > SINGULAR * max(sizes.max(initial=0.0), 1e-300)).sum()),
        redundant=_redundant_sets(part, null),
        slope=float(cosines.max(initial=0.0)),
    )


def _unit_columns(matrix: Floats) -> Floats:
    """The columns at length one; one of zeros stays."""
    size = np.abs(matrix).max(axis=0, initial=0.0)
    safe = np.where(size > 0, size, 1.0)
    norms = np.linalg.norm(matrix / safe, axis=0) * safe
    scaled: Floats = matrix / np.where(norms > 0, norms, 1.0)
    return scaled


def _reduced(scaled: Floats, searched: Mask) -> Floats:
    """Columns of the searched constants without what the linear ones can do."""
    kept, fixed = scaled[:, searched], scaled[:, ~searched]
    if not fixed.shape[1] or not kept.shape[1]:
        return kept
    q, r = np.linalg.qr(fixed)
    q = q[:, np.abs(np.diag(r)) > 1e-13]
    for _ in range(2):  # twice is enough for orthogonality to rounding
        kept = kept - q @ (q.T @ kept)
    return kept


def _spectrum(scaled: Floats) -> tuple[Floats, Floats]:
    """Singular values, k of them, and right singular vectors of the undetermined directions, (k, m)."""
    if not scaled.shape[1]:
        return np.empty(0), np.empty((0, 0))
    triangle = np.linalg.qr(scaled, mode="r") if scaled.shape[0] > scaled.shape[1] else scaled
    _, sizes, right = np.linalg.svd(triangle, full_matrices=True)
    sizes = np.concatenate([sizes, np.zeros(scaled.shape[1] - len(sizes))])
    return sizes, right[sizes <= SINGULAR * max(float(sizes[0]), 1e-300)].T


def _condition(sizes: Floats) -> float:
    if not sizes.size:
        return 1.0
    return float(sizes.max() / sizes.min()) if sizes.min() > 0 else np.inf


def _redundant_sets(part: Component, null: Floats) -> tuple[tuple[str, ...], ...]:
    """Constants that move along each undetermined direction; a constant without effect stands alone."""
    sets: list[tuple[str, ...]] = []
    for direction in _sparse_basis(null).T:
        moved = np.abs(direction) > 1e-3 * np.abs(direction).max()
        sets.append(tuple(dict.fromkeys(n for n, m in zip(part.names, moved, strict=True) if m)))
    return tuple(dict.fromkeys(sets))


def _sparse_basis(null: Floats) -> Floats:
    """The same space spanned by vectors with few entries, by elimination with pivoting."""
    basis = null.copy()
    for j in range(basis.shape[1]):
        pivot = int(np.argmax(np.abs(basis[:, j:]).max(axis=1)))
        column = j + int(np.argmax(np.abs(basis[pivot, j:])))
        basis[:, [j, column]] = basis[:, [column, j]]
        basis[:, j] /= basis[pivot, j]
        for other in range(basis.shape[1]):
            if other != j:
                basis[:, other] -= basis[pivot, other] * basis[:, j]
    return basis


def _outliers(parts: Iterable[Component]) -> tuple[int, ...]:
    rows: list[int] = []
    for part in parts:
        r = part.residuals * part.factors
        if len(r) <= len(part.labels) + 1:
            continue
        spread = 1.4826 * float(np.median(np.abs(r - np.median(r))))
        if spread > 1e-9 * float(np.abs(r).max()):
            rows += part.rows[np.abs(r) > OUTLIER * spread].tolist()
    return tuple(sorted(set(rows)))


def _concerns(
    result: FitResult,
    table: Table,
    parts: tuple[Component, ...],
    redundant: tuple[tuple[str, ...], ...],
    at_bound: tuple[str, ...],
    condition_full: float,
    outliers: tuple[int, ...],
) -> list[tuple[Concern, str]]:
    found: list[tuple[Concern, str]] = []
    diagnostics = result.diagnostics
    # Where nothing is left to make small, the searches have found all there is, however they ended.
    exact = _fits_to_rounding(result, table)
    if not diagnostics.converged and not exact:
        texts = {o.text for o in diagnostics.outcomes if not o.converged}
        found.append((Concern.NOT_CONVERGED, "; ".join(sorted(texts))))
    if not exact and diagnostics.searches >= 3 and diagnostics.agreed * diagnostics.searches < 1.5:
        found.append((Concern.LONELY_OPTIMUM, f"{diagnostics.agreed:.0%} of {diagnostics.searches:.0f} searches"))
    if at_bound:
        found.append((Concern.AT_BOUND, ", ".join(at_bound)))
    if redundant:
        found.append((Concern.REDUNDANT, "; ".join(", ".join(names) for names in redundant)))
    elif condition_full > ILL:
        found.append((Concern.ILL_CONDITIONED, f"condition number {condition_full:.1e}"))
    tight = sorted({part.target for part in parts if _different_rows(result, table, part) <= len(part.labels)})
    if tight:
        found.append((Concern.NO_FREEDOM, ", ".join(table.target_names[t] for t in tight)))
    told = _determined(result, table, _freedom(result, table, parts)) if not tight else ""
    if told:
        found.append((Concern.EXACT, told))
    still = [n for n in result.structure.features if np.ptp(table.features[n]) == 0.0]
    if still:
        found.append((Concern.CONSTANT_COLUMN, ", ".join(still)))
    if outliers:
        if table.lines is None:
            first = f"the first is row {outliers[0] + 1} of the {len(table)} used, counted from 1"
        else:
            first = f"the first in {table.unit} {min(int(table.lines[row]) for row in outliers)}"
        found.append((Concern.OUTLIERS, f"{counted(len(outliers), 'row')}, {first}"))
    if not exact and (left := _left_out(result, table, parts)):
        found.append((Concern.LEFT_OUT, "; ".join(left)))
    extreme = [n for n in result.structure.features if _extreme(table.features[n])]
    if extreme or _extreme(table.targets):
        found.append((Concern.SCALE, ", ".join(extreme) or "the target"))
    return found


def _left_out(result: FitResult, table: Table, parts: tuple[Component, ...]) -> list[str]:
    """Columns that the law does not use and on which its residuals depend, with the range that shows it most."""
    unused = [name for name in table.features if name not in result.structure.features]
    found = []
    for target, title in enumerate(table.target_names) if unused else ():
        residuals = np.full(len(table), np.nan)
        for part in parts:
            if part.target == target:
                residuals[part.rows] = part.residuals
        title = f"{title} over " if table.n_targets > 1 else ""
        found += [
            f"{title}{name} ({told})" for name in unused if (told := _dependence(residuals, table.features[name]))
        ]
    return found


def _dependence(residuals: Floats, column: Floats) -> str:
    """Where residuals differ most over the ranges of a column; "" if they differ by no more than chance.

    The F-test of a cubic in the column's ranks, with residuals cut at `FAR` deviations, so that no single run decides.
    """
    from scipy.special import fdtrc
    from scipy.stats import rankdata

    residuals = residuals - np.median(residuals)
    reach = FAR * 1.4826 * float(np.median(np.abs(residuals)))
    cut = np.clip(residuals, -reach, reach)
    cut -= cut.mean()
    places = 2 * (rankdata(column) - 0.5) / len(column) - 1
    basis = np.polynomial.legendre.legvander(places, 3)
    factors, _, rank, _ = np.linalg.lstsq(basis, cut, rcond=None)
    total, left = float(cut @ cut), float(((cut - basis @ factors) ** 2).sum())
    free = len(column) - rank
    if rank < 2 or free < FREE or left <= 0 or fdtrc(rank - 1, free, (total / left - 1) * free / (rank - 1)) > CHANCE:
        return ""
    most = max(ranges_of(column, RANGES), key=lambda rows: abs(float(cut[rows].mean())))
    side = "above" if cut[most].mean() > 0 else "below"
    ends = dict.fromkeys(lettered(end, 3) or f"{end:.3g}" for end in (column[most].min(), column[most].max()))
    return f"rows with {' to '.join(ends)} lie {side} the law on average"


def freedom(result: FitResult, table: Table) -> int:
    """Different rows beyond the constants, over all parts that are fitted apart: what errors are judged by."""
    return _freedom(result, table, linearise(result, table))


def _freedom(result: FitResult, table: Table, parts: tuple[Component, ...]) -> int:
    return sum(max(_different_rows(result, table, part) - len(part.labels), 0) for part in parts)


def no_freedom(result: FitResult, table: Table) -> str:
    """Why no error of this fit can be known; empty where it can."""
    parts = linearise(result, table)
    if _freedom(result, table, parts):
        return ""
    constants = sum(len(part.labels) for part in parts)
    return (
        f"{counted(len(table), 'row')} and {counted(constants, 'constant')} leave no degree of freedom, so neither R2 "
        "nor residuals tell how far the law is off; add runs, or fix constants"
    )


def _different_rows(result: FitResult, table: Table, part: Component) -> int:
    columns = [table.features[name][part.rows] for name in result.structure.features]
    if not columns:
        return len(part.rows)  # each checks the mean
    return len(np.unique(np.column_stack([*columns, table.group[part.rows]]), axis=0))


def _fits_to_rounding(result: FitResult, table: Table) -> bool:
    return bool(np.abs(result.residuals(table)).max(initial=0.0) <= ROUNDING * np.abs(table.targets).max(initial=0.0))


def _determined(result: FitResult, table: Table, left: int) -> str:
    """What a law says that meets each value to its last digit, though runs are left that could contradict it; or "".

    No measurement does: one run repeated differs in the third or fourth digit.

    Args:
        left: degrees of freedom, see `freedom`.
    """
    away, spread = np.abs(result.residuals(table)).max(axis=0), np.ptp(table.targets, axis=0)
    rounding = np.array([rounding_of(column) for column in table.targets.T])
    allowed = np.minimum(1.5 * rounding + EXACT * np.abs(table.targets).max(axis=0), FINE * spread)
    if not result.structure.features or left < SURE or (spread == 0).any() or (away > allowed).any():
        return ""
    return (
        f"{', '.join(result.structure.features)} give {', '.join(table.target_names)} to the last digit, with "
        f"{counted(left, 'degree')} of freedom left; no error or interval tells how far a measured run would be off"
    )


def _extreme(values: Floats) -> bool:
    sizes = np.abs(values[values != 0])
    return bool(sizes.size and (sizes.max() > 1e100 or sizes.min() < 1e-100))
