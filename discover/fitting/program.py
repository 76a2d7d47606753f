"""From a formula to a program for the kernel.

The formula is split by what changes when: subtrees of features alone are columns, computed once per table;
subtrees of constants alone are scalars, computed once per evaluation; the rest runs over rows. Equal subtrees
share one slot, also between the value and its derivatives, which are the operator table's and so exact.

Constants that enter linearly (jointly) are separated: f = phi0 + sum_j c_j phi_j(eta), so that the kernel can
eliminate them (variable projection; Golub and Pereyra 1973, SIAM J. Numer. Anal. 10, 413).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from discover.arrays import Floats, Ints
from discover.expressions import (
    Call,
    Constant,
    Expr,
    Number,
    call,
    constant_names,
    constants_in,
    differentiate,
    features_in,
    simplify,
    substitute,
)
from discover.expressions.tree import ZERO

# Instruction codes; the kernel's interpreter switches on these numbers.
ADD, SUB, MUL, DIV, MIN, MAX = range(6)
(COPY, EXP, LOG, SQRT, SQUARE, RECIP, ABS, TANH, SIN, COS, ATAN, SIGN, STEP, POW) = range(6, 20)
OPCODES = {
    "exp": EXP, "log": LOG, "abs": ABS, "tanh": TANH, "sin": SIN, "cos": COS, "atan": ATAN,
    "sign": SIGN, "step": STEP, "min": MIN, "max": MAX,
}  # fmt: skip
VECTOR = 1 << 20  # operands at or above this are vectors, below it scalars

_SMALLEST = 1e-300


def guarded_log(x: Floats) -> Floats:
    """The logarithm with 0 taken as 1e-300: then 0**a = exp(a*log(0)) is 0 and its derivative finite.

    A formula that takes the logarithm of 0 itself is caught when the fitted law is evaluated.
    """
    return np.log(np.where(x == 0.0, _SMALLEST, x))


@dataclass(frozen=True)
class Program:
    """What the kernel runs.

    Attributes:
        linear, own, shared: names of the constants by how they are found: eliminated, searched per block,
            searched across blocks. Their order is the order of the scalar slots 0, 1, 2, ...
        columns: feature-only trees whose values fill the first vector slots.
        code: instructions (opcode, destination, operand, operand), shape (m, 4), in four runs:
            scalars of the value, rows of the value, scalars of the derivatives, rows of the derivatives.
        bounds: where the four runs end in `code`, shape (4,).
        scalars: initial scalar slots: constants (0), literals, working slots.
        n_vectors: number of vector slots.
        outputs: operands of phi_1..phi_p, phi_0, d f/d eta_1..q, shape (p + 1 + q,).
    """

    linear: tuple[str, ...]
    own: tuple[str, ...]
    shared: tuple[str, ...]
    columns: tuple[Expr, ...]
    code: NDArray[np.int32]
    bounds: Ints
    scalars: Floats
    n_vectors: int
    outputs: Ints

    @property
    def constants(self) -> tuple[str, ...]:
        return self.linear + self.own + self.shared


def compile_program(expr: Expr, shared: Iterable[str] = (), nonlinear: Iterable[str] = ()) -> Program:
    """The program of a formula.

    Args:
        expr: the formula of the fitted quantity (already the logarithm if fitted there).
        shared: constants with one value for all blocks; they are searched, never eliminated.
        nonlinear: constants that must not be eliminated (such as those with a finite upper bound).
    """
    return _compile(expr, tuple(sorted(shared)), tuple(sorted(nonlinear)))


@lru_cache(maxsize=4096)
def _compile(expr: Expr, shared: tuple[str, ...], nonlinear: tuple[str, ...]) -> Program:
    names = constant_names(expr)
    slopes = {name: differentiate(expr, name) for name in names}
    linear = linear_constants(slopes, [n for n in names if n not in shared and n not in nonlinear])
    own = tuple(n for n in names if n not in linear and n not in shared)
    common = tuple(n for n in names if n in shared)
    offset = substitute(expr, dict.fromkeys(linear, ZERO))
    values = [slopes[name] for name in linear] + [offset]
    derivatives = [slopes[name] for name in own + common]
    return _Lowering(linear + own + common).program(linear, own, common, values, derivatives)


def linear_constants(slopes: Mapping[str, Expr], candidates: Sequence[str]) -> tuple[str, ...]:
    """The largest set of constants in which the formula is jointly linear, given its derivatives."""
    uses = {name: constants_in(slope) for name, slope in slopes.items()}
    single = [name for name in candidates if name not in uses[name]]
    for size in range(len(single), 0, -1):
        for chosen in combinations(single, size):
            if not any(uses[name] & set(chosen) for name in chosen):
                return chosen
        if len(single) > 12 and size < len(single) - 2:
            break
    return _greedy(uses, single)


def _greedy(uses: Mapping[str, frozenset[str]], single: Sequence[str]) -> tuple[str, ...]:
    chosen: list[str] = []
    for name in sorted(single, key=lambda n: len(uses[n] & set(single))):
        if not uses[name] & set(chosen) and not any(name in uses[other] for other in chosen):
            chosen.append(name)
    return tuple(name for name in single if name in chosen)


class _Lowering:
    """Gives every distinct subtree a slot and writes the instructions that fill it."""

    def __init__(self, constants: Sequence[str]) -> None:
        self.slots: dict[Expr, int] = {Constant(name): i for i, name in enumerate(constants)}
        self.scalars: list[float] = [0.0] * len(constants)
        self.columns: dict[Expr, int] = {}
        self.n_vectors = 0
        self.collected: set[Expr] = set()
        self.gathered: dict[Expr, tuple[Expr, ...]] = {}
        self.scalar_code: list[tuple[int, int, int, int]] = []
        self.vector_code: list[tuple[int, int, int, int]] = []

    def program(
        self,
        linear: tuple[str, ...],
        own: tuple[str, ...],
        shared: tuple[str, ...],
        values: list[Expr],
        derivatives: list[Expr],
    ) -> Program:
        for tree in values + derivatives:  # columns come first among the vector slots
            self._collect(tree)
        self.n_vectors = len(self.columns)
        outputs, code, bounds = [], list[tuple[int, int, int, int]](), []
        for group in (values, derivatives):
            outputs += [self.slot(tree) for tree in group]
            for run in (self.scalar_code, self.vector_code):
                code += run
                bounds.append(len(code))
                run.clear()
        return Program(
            linear, own, shared, tuple(self.columns),
            np.array(code, dtype=np.int32).reshape(-1, 4), np.array(bounds, dtype=np.int64),
            np.array(self.scalars, dtype=np.float64), self.n_vectors, np.array(outputs, dtype=np.int64),
        )  # fmt: skip

    def kind(self, node: Expr) -> str:
        """What a node depends on: "features", "constants", "both" or "number"."""
        if features_in(node):
            return "both" if constants_in(node) else "features"
        return "constants" if constants_in(node) else "number"

    def _collect(self, node: Expr) -> None:
        if node in self.collected:
            return
        self.collected.add(node)
        kind = self.kind(node)
        if kind == "features":
            self.columns.setdefault(node, len(self.columns))
        elif kind == "both" and isinstance(node, Call):
            for arg in self._arguments(node):
                self._collect(arg)

    def _arguments(self, node: Call) -> tuple[Expr, ...]:
        """The operands after lowering: powers go through logarithms, feature factors are gathered."""
        if node.op == "pow":
            base, exponent = node.args
            if isinstance(exponent, Number) and _direct(exponent.value):
                return (base,)
            return (call("log", base), exponent)
        if node.op in ("add", "mul"):
            return self._gathered(node)
        return node.args

    def _gathered(self, node: Call) -> tuple[Expr, ...]:
        """n-ary arguments with the scalar ones and the feature-only ones each made one subtree."""
        if node in self.gathered:
            return self.gathered[node]
        groups: dict[str, list[Expr]] = {"scalar": [], "features": [], "both": []}
        for arg in node.args:
            kind = self.kind(arg)
            groups["scalar" if kind in ("number", "constants") else kind].append(arg)
        merged = [call(node.op, *groups[k]) for k in ("scalar", "features") if groups[k]]
        self.gathered[node] = (*merged, *groups["both"])
        return self.gathered[node]

    def slot(self, node: Expr) -> int:
        """The operand that holds the value of this tree."""
        if node in self.slots:
            return self.slots[node]
        kind = self.kind(node)
        if isinstance(node, Number):
            operand = self._scalar(node.value)
        elif kind == "features":
            operand = VECTOR + self.columns[node]
        elif isinstance(node, Call):
            operand = self._call(node, vector=kind == "both")
        else:
            raise AssertionError(f"no slot for {node!r}")
        self.slots[node] = operand
        return operand

    def _scalar(self, value: float = 0.0) -> int:
        self.scalars.append(value)
        return len(self.scalars) - 1

    def _emit(self, op: int, left: int, right: int = 0, *, vector: bool) -> int:
        if vector:
            target = self.n_vectors
            self.n_vectors += 1
            self.vector_code.append((op, target, left, right))
            return VECTOR + target
        target = self._scalar()
        self.scalar_code.append((op, target, left, right))
        return target

    def _call(self, node: Call, *, vector: bool) -> int:
        if node.op == "pow":
            return self._power(node, vector=vector)
        if node.op in ("add", "mul"):
            return self._chain(node, vector=vector)
        operands = [self.slot(arg) for arg in node.args]
        return self._emit(OPCODES[node.op], *operands, vector=vector)

    def _power(self, node: Call, *, vector: bool) -> int:
        base, exponent = node.args
        if isinstance(exponent, Number) and _direct(exponent.value):
            return self._literal_power(base, exponent.value, vector=vector)
        if not vector:
            return self._emit(POW, self.slot(base), self.slot(exponent), vector=False)
        logarithm = call("log", base)
        scaled = self._emit(MUL, self.slot(exponent), self.slot(logarithm), vector=True)
        return self._emit(EXP, scaled, vector=True)

    def _literal_power(self, base: Expr, exponent: float, *, vector: bool) -> int:
        operand = self.slot(base)
        if abs(exponent) == 0.5:
            result = self._emit(SQRT, operand, vector=vector)
        else:
            result = operand
            for bit in bin(int(abs(exponent)))[3:]:
                result = self._emit(SQUARE, result, vector=vector)
                if bit == "1":
                    result = self._emit(MUL, result, operand, vector=vector)
        return self._emit(RECIP, result, vector=vector) if exponent < 0 else result

    def _chain(self, node: Call, *, vector: bool) -> int:
        """Sums and products, with differences and quotients in one instruction each."""
        args = self._gathered(node) if vector else node.args
        combine, invert = (ADD, SUB) if node.op == "add" else (MUL, DIV)
        result: int | None = None
        for arg in args:
            inverse = self._inverse(node.op, arg) if result is not None and arg not in self.slots else None
            if result is None:
                result = self.slot(arg)
            elif inverse is not None:
                result = self._emit(invert, result, self.slot(inverse), vector=vector and self._wide(result, inverse))
            else:
                operand = self.slot(arg)
                wide = vector and (result >= VECTOR or operand >= VECTOR)
                result = self._emit(combine, result, operand, vector=wide)
        assert result is not None
        return result

    def _wide(self, result: int, arg: Expr) -> bool:
        return result >= VECTOR or self.slot(arg) >= VECTOR

    def _inverse(self, op: str, arg: Expr) -> Expr | None:
        """x for an argument -x of a sum or 1/x of a product, where x is not a feature-only column."""
        if not isinstance(arg, Call) or self.kind(arg) == "features":
            return None
        if op == "add" and arg.op == "mul" and arg.args[0] == Number(-1.0):
            rest = call("mul", *arg.args[1:])
            return None if self.kind(rest) == "features" else rest
        if op == "mul" and arg.op == "pow" and arg.args[1] == Number(-1.0):
            return None if self.kind(arg.args[0]) == "features" else arg.args[0]
        return None


def _direct(exponent: float) -> bool:
    """Powers done by products and roots rather than through logarithms."""
    return abs(exponent) == 0.5 or (exponent.is_integer() and 0 < abs(exponent) <= 16)


@lru_cache(maxsize=4096)
def log_formula(expr: Expr) -> Expr:
    """The logarithm of a formula, simplified: products become sums, exp disappears."""
    if isinstance(expr, Call) and expr.op == "mul" and not any(_negative(arg) for arg in expr.args):
        return simplify(call("add", *(log_formula(arg) for arg in expr.args)))
    return simplify(call("log", expr))


def _negative(arg: Expr) -> bool:
    return isinstance(arg, Number) and arg.value < 0
