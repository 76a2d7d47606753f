"""Judging laws by how they extrapolate inside the train rows."""

from discover.scoring.beyond import broken_promises, implausible, points_beyond, predict_beyond
from discover.scoring.folds import Fold, make_folds
from discover.scoring.metrics import Metrics, metrics, r_squared
from discover.scoring.problem import Problem, column_kind, problem_of
from discover.scoring.score import Figures, Refused, Score, Scored, Scorer, fold_logs, inner_error, penalty

__all__ = [
    "Figures",
    "Fold",
    "Metrics",
    "Problem",
    "Refused",
    "Score",
    "Scored",
    "Scorer",
    "broken_promises",
    "column_kind",
    "fold_logs",
    "implausible",
    "inner_error",
    "make_folds",
    "metrics",
    "penalty",
    "points_beyond",
    "predict_beyond",
    "problem_of",
    "r_squared",
]
