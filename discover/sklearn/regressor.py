"""A scaling law as a scikit-learn regressor."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from joblib import effective_n_jobs
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.utils import check_array, check_random_state
from sklearn.utils.validation import _check_sample_weight, check_is_fitted, validate_data

from discover.api import fit as fit_law
from discover.arrays import Floats
from discover.data.aliases import is_logged
from discover.data.relations import scale_axes
from discover.data.table import Table
from discover.errors import DiscoverError
from discover.export.law import FittedLaw
from discover.expressions import Constant
from discover.fitting import FitFailure, FitResult, Structure, covariance
from discover.fitting import fit as fit_structure
from discover.fitting.document import from_fit
from discover.forecasts import DRAWS, with_uncertainty
from discover.law.document import LawDocument
from discover.proposers.surgery import well_named
from discover.scoring import Problem, column_kind
from discover.scoring.stacking import Stack
from discover.search import SearchConfig, search
from discover.sklearn.columns import Column, column, identifiers, position, without

ALL = "all"
EVALUATIONS = 64


class ScalingLawRegressor(RegressorMixin, BaseEstimator):  # type: ignore[misc]
    """Finds a law for the columns of X, or fits the constants of a given one.

    In formulas, columns go by their names in the data frame, with characters that a formula cannot use replaced
    ("Params (M)" is Params_M), or by `feature_names`, or else by x0, x1, ... Values are used in their own units;
    do not standardise them. Where there are too few rows to hold some out, a search warns and settles for the mean of
    y in every group. Rows that are equal in every column and in y count as one row with their weights added,
    rows of weight 0 do not count, and the order of rows does not matter.

    Args:
        law: a formula ("E + A*params**(-alpha)"; other names than columns are constants), the id of a law of the
            library ("chinchilla"), or None to search for the law.
        group: column, by name or number, each of whose values gets its own constants; it may hold text. It is part
            of X, so that it follows its rows through pipelines and splits.
        feature_names: names of the columns of X, where X has none.
        axes: columns that `predict` will reach beyond; the search holds out their largest values to judge laws. By
            default those whose names are the field's names of model size, data or compute, else all positive ones
            that span a decade.
        constants: most constants of a law per group; None for no limit. Only for a search.
        monotonic_cst: column name -> 1 where the target is known to rise with the column, -1 where it falls; beyond
            the data too. Only for a search.
        lower: a value that the target cannot fall below, such as 0 for a loss.
        loss: "squared", "huber" or "soft_l1", with "-log" for the residual of the logarithm; by default as the
            law's study did it, else squared. A search tries several.
        shared: constants with one value for all groups. A search decides for itself.
        evaluations: laws that a search tries. The default is for cross-validation and takes about a second; a
            search whose law is to be trusted should try thousands, as `discover run` does.
        n_jobs: processes that a search uses; -1 for one per processor.
        random_state: seed of the search and of the fit's starts.

    Attributes:
        law_ (FittedLaw): the law with its constants; `law_.latex()`, `law_.document` and the exporters take it.
        formula_ (str): its formula.
        n_features_in_ (int): columns of X, the group column included.
        feature_names_in_ (array): their names, if X had any.
    """

    def __init__(
        self,
        law: str | None = None,
        *,
        group: Column | None = None,
        feature_names: Sequence[str] | None = None,
        axes: Sequence[str] | None = None,
        constants: int | None = None,
        monotonic_cst: Mapping[str, int] | None = None,
        lower: float | None = None,
        loss: str | None = None,
        shared: Sequence[str] = (),
        evaluations: int = EVALUATIONS,
        n_jobs: int | None = None,
        random_state: Any = 0,
    ) -> None:
        self.law = law
        self.group = group
        self.feature_names = feature_names
        self.axes = axes
        self.constants = constants
        self.monotonic_cst = monotonic_cst
        self.lower = lower
        self.loss = loss
        self.shared = shared
        self.evaluations = evaluations
        self.n_jobs = n_jobs
        self.random_state = random_state

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> ScalingLawRegressor:
        """Searches or fits.

        Args:
            X: shape (n, features), numbers but for the group column.
            y: shape (n,), or (n, targets): the targets share the formula and have their own constants.
            sample_weight: weight of every row, shape (n,).

        Raises:
            ValueError: input or parameters are not as expected, the table is too small to judge laws on, or no
                constants can be found.
        """
        numbers, labels, y = self._training_input(X, y)
        weights = None if sample_weight is None else _check_sample_weight(
            sample_weight, numbers, dtype=np.float64, ensure_non_negative=True
        )  # fmt: skip
        table = _table(self._names(), numbers, labels, y, weights)
        seed = int(check_random_state(self.random_state).randint(np.iinfo(np.int32).max))
        try:
            problem = self._problem(table)
            fits, stack = self._searched(problem, seed) if self.law is None else self._fitted(problem, seed)
            document = self._document(fits[0], problem, seed)
        except DiscoverError as error:  # scikit-learn's callers expect a ValueError of bad input
            raise ValueError(str(error)) from error
        self.law_ = FittedLaw(document)
        self.formula_ = document.formula
        self._one_target = np.ndim(y) == 1
        self._problem_of_fit, self._fits, self._stack, self._seed = problem, fits, stack, seed
        self._forecasts: dict[int, FittedLaw] = {}
        return self

    def predict(self, X: Any, interval: float | None = None) -> Floats | tuple[Floats, Floats, Floats]:
        """Forecasts, shape (n,), or (n, targets) if y had two dimensions.

        A forecast is the average of the laws that the search could not tell apart; `law_` is the one that explains it.

        Args:
            X: as in `fit`; a value in the group column must be one that the fit has seen.
            interval: probability, such as 0.9, of prediction intervals as `discover predict` gives them: for a new
                measurement, with what the constants, near-tied laws of the search, the distance from the data and
                the noise leave open. The first call resamples the fit, which takes seconds.

        Returns:
            The values; with `interval` a tuple of the values and the lower and upper ends.

        Raises:
            ValueError: columns or groups are not those of the fit, or `interval` is not between 0 and 1.
        """
        check_is_fitted(self)
        if self.group is None:
            numbers, labels = validate_data(self, X, reset=False, dtype=np.float64), None
        else:
            numbers, labels = self._apart(X, reset=False)
        columns = dict(zip(self._names(), numbers.T, strict=True))
        try:
            law = self._forecasting(1 if interval is None else DRAWS)
            found = law.predict(columns, group=labels, interval=interval)
        except DiscoverError as error:
            raise ValueError(str(error)) from error
        if interval is None:
            return self._shaped(found, len(numbers))
        value, low, high = (self._shaped(part, len(numbers)) for part in (found.value, found.lower, found.upper))
        return value, low, high

    def __sklearn_is_fitted__(self) -> bool:
        """A fit that failed leaves the number of columns behind, and no law."""
        return hasattr(self, "law_")

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        # A given formula need not suit the data at hand.
        tags.regressor_tags.poor_score = self.law is not None
        return tags

    # -- input

    def _training_input(self, X: Any, y: Any) -> tuple[Floats, NDArray[Any] | None, Floats]:
        if self.group is None:
            numbers, y = validate_data(
                self, X, y, dtype=np.float64, multi_output=True, y_numeric=True, ensure_min_samples=2
            )
            return numbers, None, np.asarray(y, np.float64)
        numbers, labels = self._apart(X, reset=True)
        y = check_array(y, ensure_2d=False, dtype=np.float64, input_name="y")
        if len(y) != len(numbers):
            raise ValueError(f"y has {len(y)} entries; X has {len(numbers)} rows")
        return numbers, labels, y

    def _apart(self, X: Any, reset: bool) -> tuple[Floats, NDArray[Any]]:
        """The numeric columns, and the labels of the group column."""
        assert self.group is not None
        X = X if hasattr(X, "iloc") else check_array(X, dtype=None, input_name="X")
        validate_data(self, X, reset=reset, skip_check_array=True)
        place = position(self.group, self._headings(), X.shape[1], "group")
        numbers = check_array(without(X, place), dtype=np.float64, input_name="X", ensure_min_samples=2 if reset else 1)
        return numbers, column(X, place).astype(str)

    def _headings(self) -> list[str] | None:
        if hasattr(self, "feature_names_in_"):
            return [str(name) for name in self.feature_names_in_]
        return None if self.feature_names is None else list(self.feature_names)

    def _names(self) -> list[str]:
        """Names of the numeric columns in formulas."""
        headings = self._headings()
        n = self.n_features_in_
        if headings is not None and len(headings) != n:
            raise ValueError(f"feature_names has {len(headings)} names; X has {n} columns")
        kept = list(range(n))
        if self.group is not None:
            kept.remove(position(self.group, headings, n, "group"))
        return [f"x{i}" for i in kept] if headings is None else identifiers([headings[i] for i in kept])

    # -- work

    def _shaped(self, values: Any, n: int) -> Floats:
        """Values of the law at n points as y was given."""
        n_targets = len(self.law_.targets)
        # A law has no axis for a single target, and is a single value if it uses no column.
        wide = np.asarray(values)[..., None] if n_targets == 1 else np.asarray(values)
        out = np.array(np.broadcast_to(wide, (n, n_targets)))
        return out[:, 0] if self._one_target else out

    def _forecasting(self, draws: int) -> FittedLaw:
        """The law with its forecasts, of which so many draws of the constants say how sure they are."""
        if draws not in self._forecasts:
            self._forecasts[draws] = FittedLaw(
                with_uncertainty(
                    self._problem_of_fit, self.law_.document, self._fits, self._stack, draws=draws, seed=self._seed
                )
            )
        return self._forecasts[draws]

    def _fitted(self, problem: Problem, seed: int) -> tuple[list[FitResult], Stack | None]:
        assert self.law is not None
        found = fit_law(self.law, problem.table, loss=self.loss, shared=tuple(self.shared), seed=seed)
        if isinstance(found, FitFailure):
            raise ValueError(f"law={self.law!r} cannot be fitted: {found.text}")
        return [found], None

    def _searched(self, problem: Problem, seed: int) -> tuple[list[FitResult], Stack | None]:
        """The chosen law, then the others of the search's end, and their average."""
        if not problem.folds:
            warnings.warn(
                f"{len(problem.table)} different rows are too few to hold some out and judge laws; y's mean is used",
                stacklevel=3,
            )
            return [_means(problem.table)], None
        config = SearchConfig(
            seed=seed, evaluations=self.evaluations, seconds=None, workers=effective_n_jobs(self.n_jobs)
        )
        found = search(problem, config)
        return found.fits, found.stack

    def _problem(self, table: Table) -> Problem:
        axes = scale_axes(table.features) if self.axes is None else tuple(self.axes)
        trends = dict(self.monotonic_cst or {})
        for parameter, named in (("axes", axes), ("monotonic_cst", trends)):
            for name in named:
                position(name, list(table.features), len(table.features), parameter)
        return Problem(
            table=table,
            kinds={name: column_kind(values, is_logged(name), False) for name, values in table.features.items()},
            axes=axes,
            monotone={name: "increasing" if sign > 0 else "decreasing" for name, sign in trends.items() if sign},
            lower=self.lower,
            constants=self.constants,
        )

    def _document(self, found: FitResult, problem: Problem, seed: int) -> LawDocument:
        return from_fit(
            found,
            problem.table,
            errors=covariance(found, problem.table).errors,
            task="scikit-learn",
            group_column=None if self.group is None else str(self.group),
            seed=seed,
        )


def _means(table: Table) -> FitResult:
    mean, _ = well_named(Constant("E"), table.features)
    found = fit_structure(Structure(mean), table)
    assert isinstance(found, FitResult)  # a mean always exists
    return found


def _table(
    names: Sequence[str], numbers: Floats, labels: NDArray[Any] | None, y: Floats, weights: Floats | None
) -> Table:
    """Different rows in a fixed order, with weights unless all weigh the same."""
    targets = y[:, None] if y.ndim == 1 else y
    groups, codes = np.unique(np.full(len(y), ALL) if labels is None else labels, return_inverse=True)
    heavy = np.ones(len(y)) if weights is None else weights
    if not heavy.any():
        raise ValueError("sample_weight is 0 for every row")
    rows = np.column_stack([codes.ravel(), numbers, targets])[heavy > 0]
    distinct, place = np.unique(rows, axis=0, return_inverse=True)
    total = np.bincount(place.ravel(), heavy[heavy > 0]).astype(np.float64)
    present, codes = np.unique(distinct[:, 0].astype(np.int64), return_inverse=True)
    columns = np.ascontiguousarray(distinct[:, 1:].T)
    return Table(
        features=dict(zip(names, columns[: len(names)], strict=True)),
        targets=np.ascontiguousarray(columns[len(names) :].T),
        target_names=("y",) if y.ndim == 1 else tuple(f"y{t}" for t in range(targets.shape[1])),
        group=codes.ravel().astype(np.int64),
        group_names=tuple(str(groups[code]) for code in present),
        weights=None if np.ptp(total) == 0 else total,
    )
