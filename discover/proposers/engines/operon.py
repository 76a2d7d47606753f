"""The engine's side of Operon: genetic programming on one table, bounded by generations, on one thread.

Burlacu, Kronberger, Kommenda 2020, "Operon C++", GECCO '20 companion. One thread and a seed make it repeatable.
"""

from __future__ import annotations

import math
from itertools import groupby
from operator import itemgetter
from typing import Any

import numpy as np

from discover.proposers.engines.serve import Job, Work, serve

DIGITS = 17
UNBOUNDED = 1 << 40
OF_A_LENGTH = 2  # trees of every length that are read: what is a little worse in training may extrapolate
SAME = 1e-3  # relative difference of errors below which two trees count as one law


def main() -> None:
    """Serves jobs until the search is over."""
    serve(_start)


def _start() -> tuple[dict[str, Any], Work]:
    from importlib.metadata import version

    import pyoperon

    assert pyoperon.NSGA2Algorithm
    return {"pyoperon": version("pyoperon")}, work


def work(job: Job) -> list[list[Any]]:
    """The best trees of every length for a job: `x` (n rows of k columns), `y` (n), `symbols`, `population`,
    `generations`, `max_length`, `local_iterations`, `seed`."""
    import pyoperon as op

    x, y = np.asarray(job["x"], dtype=np.float64), np.asarray(job["y"], dtype=np.float64)
    data = op.Dataset(np.asfortranarray(np.column_stack([x, y])))
    variables = sorted(data.Variables, key=lambda v: v.Index)
    names = {v.Hash: f"x{i}" for i, v in enumerate(variables[:-1])}
    rows = op.Range(0, data.Rows)
    evolution = Evolution(op, job, data, variables[-1], list(names), rows)
    table = op.DispatchTable()
    trees = (individual.Genotype for individual in evolution.last_generation())
    scaled = (_scaled(op, tree, table, data, rows, y, names) for tree in trees)
    return best_of_lengths([equation for equation in scaled if equation is not None])


def best_of_lengths(equations: list[list[Any]]) -> list[list[Any]]:
    """The equations of least error of every length; of those with one error, which are one law, the first.

    Args:
        equations: [length, mean squared error, text] each.
    """
    out: list[list[Any]] = []
    for _, alike in groupby(sorted(equations), key=itemgetter(0)):
        last, taken = -math.inf, 0
        for equation in alike:
            if taken < OF_A_LENGTH and equation[1] > last * (1.0 + SAME):
                out.append(equation)
                last, taken = equation[1], taken + 1
    return out


class Evolution:
    """One run with two goals: squared error after linear scaling, and length (NSGA-II).

    The library holds its parts by bare pointers, so each is an attribute here and lives as long as the run.
    """

    def __init__(self, op: Any, job: Job, data: Any, target: Any, inputs: list[int], rows: Any) -> None:
        self.op, self.job, self.data, self.inputs = op, job, data, inputs
        self.problem = op.Problem(data)
        self.problem.TrainingRange = rows
        self.problem.TestRange = op.Range(data.Rows - 1, data.Rows)
        self.problem.Target = target
        self.problem.InputHashes = inputs
        config = 0
        for symbol in job["symbols"]:
            config |= int(getattr(op.NodeType, symbol))
        self.problem.ConfigurePrimitiveSet(config)
        self.primitives = self.problem.PrimitiveSet
        self.table = op.DispatchTable()
        self._goals()
        self._variation()
        self._algorithm()

    def _goals(self) -> None:
        op = self.op
        self.metric = op.R2()
        self.goals = [op.Evaluator(self.problem, self.table, self.metric, True), op.LengthEvaluator(self.problem)]
        self.evaluator = op.MultiEvaluator(self.problem)
        for goal in self.goals:
            goal.Budget = UNBOUNDED
            self.evaluator.Add(goal)
        self.evaluator.Budget = UNBOUNDED

    def _variation(self) -> None:
        op, depth, length = self.op, self.job["max_depth"], self.job["max_length"]
        self.creator = op.BalancedTreeCreator(self.primitives, self.inputs, 0.0)
        self.coefficients = op.NormalCoefficientInitializer()
        self.coefficients.ParameterizeDistribution(0, 1)
        self.moves = [
            op.NormalOnePointMutation(),
            op.NormalMultiPointMutation(),
            op.ChangeVariableMutation(self.inputs),
            op.ChangeFunctionMutation(self.primitives),
            op.ReplaceSubtreeMutation(self.creator, self.coefficients, depth, length),
            op.InsertSubtreeMutation(self.creator, self.coefficients, depth, length),
            op.RemoveSubtreeMutation(self.primitives),
        ]
        self.mutation = op.MultiMutation()
        for move in self.moves:
            self.mutation.Add(move, 1.0)
        for move in self.moves[:2]:
            move.ParameterizeDistribution(0, 1)
        self.crossover = op.SubtreeCrossover(0.9, depth, length)
        least, _ = self.primitives.FunctionArityLimits()
        self.trees = op.UniformLengthTreeInitializer(self.creator)
        self.trees.ParameterizeDistribution(least + 1, min(10, length))
        self.trees.MinDepth, self.trees.MaxDepth = 1, 1000

    def _algorithm(self) -> None:
        op, job = self.op, self.job
        self.comparison = op.CrowdedComparison()
        self.selector = op.TournamentSelector(self.comparison)
        self.selector.TournamentSize = 5
        self.optimiser = op.LMOptimizer(self.table, self.problem, job["local_iterations"], 0)
        self.local = op.CoefficientOptimizer(self.optimiser)
        self.generator = op.BasicOffspringGenerator(
            self.evaluator, self.crossover, self.mutation, self.selector, self.selector, self.local
        )
        self.reinserter = op.KeepBestReinserter(self.comparison)
        self.sorter = op.RankSorter()
        self.settings = op.GeneticAlgorithmConfig(
            generations=job["generations"], max_evaluations=UNBOUNDED, local_iterations=job["local_iterations"],
            population_size=job["population"], pool_size=job["population"], p_crossover=1.0, p_mutation=0.25,
            epsilon=1e-6, seed=job["seed"],
        )  # fmt: skip
        self.algorithm = op.NSGA2Algorithm(
            self.settings, self.problem, self.trees, self.coefficients, self.generator, self.reinserter, self.sorter
        )
        self.random = op.RandomGenerator(np.uint64(job["seed"]))

    def last_generation(self) -> list[Any]:
        """Runs; the individuals of the last generation, parents and offspring."""
        self.algorithm.Run(self.random, None, 1, False)
        return list(self.algorithm.Individuals)


def _scaled(op: Any, tree: Any, table: Any, data: Any, rows: Any, y: Any, names: dict[int, str]) -> list[Any] | None:
    """[length, mean squared error, text] of a tree with the scale and offset that the first goal implies."""
    values = np.asarray(op.Evaluate(table, tree, data, rows), dtype=np.float64).reshape(-1)
    if not np.all(np.isfinite(values)):
        return None
    centred = values - values.mean()
    spread = float(centred @ centred)
    scale = float(centred @ (y - y.mean())) / spread if spread > 0 else 0.0
    offset = float(y.mean() - scale * values.mean())
    loss = float(np.mean((scale * values + offset - y) ** 2))
    text = op.InfixFormatter.Format(tree, names, DIGITS)
    if scale == 0.0 or not np.isfinite(loss):
        return None
    return [len(tree.Nodes), loss, f"{offset!r} + {scale!r} * ({text})"]


if __name__ == "__main__":
    main()
