"""The compiled core: runs programs over rows and fits their constants.

Vocabulary. A *block* is a set of rows with its own constants: one group and one target. For the current
searched constants eta, the linear ones c of a block solve a small least-squares problem, so the search sees
only eta (variable projection). All linear algebra is by Householder reflections on blocks of rows: each block
of rows is stacked under the triangle of those before it, so memory does not grow with the rows and no normal
equations square the condition number. With the columns [phi | d f/d eta | y - phi_0] the triangle's lower right
corner is the projected Jacobian of Kaufman (1975, BIT 15, 49), and a damped step costs nothing that grows with
the rows. Damping is Levenberg-Marquardt with the gain-ratio rule of Nielsen (1999, IMM-REP-1999-05).

Everything works on preallocated arrays; no function below allocates while iterating.
"""

# ruff: noqa: E741, RUF059 - index l of the literature; tuples are unpacked whole
from __future__ import annotations

import math
from typing import Any

import numpy as np
from numba import njit

# NaN and infinity must keep their meaning: they are how a trial outside the domain is refused.
_FAST = {"reassoc", "contract", "arcp", "nsz"}
ROWS = 256  # rows per pass: a pass of some thirty slots stays in the second-level cache
VECTOR = 1 << 20

# A linear constant whose column lies within this angle of those before it is set to 0. Beyond, coefficients of
# 1e9 cancel and the fit follows rounding errors, as in E + A*x**(-a) for a -> 0, where it is a logarithm.
DEPENDENT = 1e-9

# Outcomes of a search for constants; the texts are `discover.fitting.result.Outcome`.
CONVERGED_COST, CONVERGED_STEP, CONVERGED_GRADIENT, ITERATIONS, NO_DESCENT, NOT_FINITE = range(6)


_OPTIONS: dict[str, Any] = {"cache": True, "nogil": True, "fastmath": _FAST, "error_model": "numpy"}


def _jit(function: Any) -> Any:
    return njit(**_OPTIONS)(function)


def _leaf(function: Any, fastmath: Any = None) -> Any:
    """For functions that create no array: without reference counts, which cost more than short loops."""
    options = _OPTIONS | {"fastmath": fastmath or _FAST}
    try:
        return njit(_nrt=False, **options)(function)
    except (KeyError, TypeError):  # the option is not part of Numba's promised interface
        return njit(**options)(function)


def _strict(function: Any) -> Any:
    """A leaf whose sums keep their order, because their rounding errors are meant to cancel."""
    return _leaf(function, {"contract", "nsz"})


@_strict
def _exp(out, x, n, bits, twos):  # type: ignore[no-untyped-def]
    """out = exp(x) in a form that vectorises: 2**k * exp(r), |r| <= log(2)/2, Taylor to r**13 (1e-15)."""
    for i in range(n):
        v = x[i]
        k = np.floor(min(max(v, -708.0), 709.0) * 1.4426950408889634 + 0.5)
        r = (min(max(v, -708.0), 709.0) - k * 6.93145751953125e-1) - k * 1.42860682030941723212e-6
        p = r * (1 / 6227020800.0) + 1 / 479001600.0
        p = p * r + 1 / 39916800.0
        p = p * r + 1 / 3628800.0
        p = p * r + 1 / 362880.0
        p = p * r + 1 / 40320.0
        p = p * r + 1 / 5040.0
        p = p * r + 1 / 720.0
        p = p * r + 1 / 120.0
        p = p * r + 1 / 24.0
        p = p * r + 1 / 6.0
        p = p * r + 0.5
        p = p * r + 1.0
        p = p * r + 1.0
        out[i] = np.inf if v > 709.0 else (p if v == v else v)
        bits[i] = (np.int64(k) + 1023) << 52
    for i in range(n):
        out[i] *= twos[i]


@_strict
def _log(out, x, n, bits, twos):  # type: ignore[no-untyped-def]
    """out = log(x) in a form that vectorises: k*log(2) + 2 artanh((m-1)/(m+1)), m = x/2**k near 1 (1e-15)."""
    for i in range(n):
        twos[i] = x[i]
    for i in range(n):
        out[i] = (bits[i] >> 52) - 1023
        bits[i] = (bits[i] & 0xFFFFFFFFFFFFF) | 0x3FF0000000000000
    for i in range(n):
        m = twos[i]
        k = out[i] + (1.0 if m > 1.4142135623730951 else 0.0)
        m = m * (0.5 if m > 1.4142135623730951 else 1.0)
        s = (m - 1.0) / (m + 1.0)
        z = s * s
        p = z * (1 / 21.0) + 1 / 19.0
        p = p * z + 1 / 17.0
        p = p * z + 1 / 15.0
        p = p * z + 1 / 13.0
        p = p * z + 1 / 11.0
        p = p * z + 1 / 9.0
        p = p * z + 1 / 7.0
        p = p * z + 1 / 5.0
        p = p * z + 1 / 3.0
        out[i] = k * 6.93147180369123816490e-1 + (2.0 * s + (2.0 * s * z * p + k * 1.90821492927058770002e-10))
    for i in range(n):
        v = x[i]
        if not (v >= 2.3e-308 and v < np.inf):
            out[i] = math.log(v) if v > 0.0 else np.nan


@_leaf
def _scalar_op(op, a, b):  # type: ignore[no-untyped-def]
    if op == 0:
        return a + b
    if op == 1:
        return a - b
    if op == 2:
        return a * b
    if op == 3:
        return a / b
    if op == 4:
        return min(a, b)
    if op == 5:
        return max(a, b)
    if op == 6:
        return a
    if op == 7:
        return math.exp(a) if a < 709.0 else np.inf
    if op == 8:
        return math.log(a) if a > 0.0 else np.nan
    if op == 9:
        return math.sqrt(a) if a >= 0.0 else np.nan
    if op == 10:
        return a * a
    if op == 11:
        return 1.0 / a
    if op == 12:
        return abs(a)
    if op == 13:
        return math.tanh(a)
    if op == 14:
        return math.sin(a)
    if op == 15:
        return math.cos(a)
    if op == 16:
        return math.atan(a)
    if op == 17:
        return np.sign(a)
    if op == 18:
        return 1.0 if a > 0.0 else (0.5 if a == 0.0 else 0.0)
    return a**b


@_leaf
def _run_scalars(code, lo, hi, S):  # type: ignore[no-untyped-def]
    for i in range(lo, hi):
        S[code[i, 1]] = _scalar_op(code[i, 0], S[code[i, 2]], S[code[i, 3]])


@_leaf
def _vector_vector(op, out, a, b, n):  # type: ignore[no-untyped-def]
    if op == 0:
        for i in range(n):
            out[i] = a[i] + b[i]
    elif op == 1:
        for i in range(n):
            out[i] = a[i] - b[i]
    elif op == 2:
        for i in range(n):
            out[i] = a[i] * b[i]
    elif op == 3:
        for i in range(n):
            out[i] = a[i] / b[i]
    else:
        for i in range(n):
            out[i] = _scalar_op(op, a[i], b[i])


@_leaf
def _vector_scalar(op, out, a, b, n):  # type: ignore[no-untyped-def]
    if op == 0:
        for i in range(n):
            out[i] = a[i] + b
    elif op == 1:
        for i in range(n):
            out[i] = a[i] - b
    elif op == 2:
        for i in range(n):
            out[i] = a[i] * b
    elif op == 3:
        for i in range(n):
            out[i] = a[i] / b
    else:
        for i in range(n):
            out[i] = _scalar_op(op, a[i], b)


@_leaf
def _scalar_vector(op, out, a, b, n):  # type: ignore[no-untyped-def]
    if op == 0:
        for i in range(n):
            out[i] = a + b[i]
    elif op == 1:
        for i in range(n):
            out[i] = a - b[i]
    elif op == 2:
        for i in range(n):
            out[i] = a * b[i]
    elif op == 3:
        for i in range(n):
            out[i] = a / b[i]
    else:
        for i in range(n):
            out[i] = _scalar_op(op, a, b[i])


@_leaf
def _unary(op, out, a, n, bits, twos):  # type: ignore[no-untyped-def]
    if op == 7:
        _exp(out, a, n, bits, twos)
    elif op == 8:
        _log(out, a, n, bits, twos)
    elif op == 9:
        for i in range(n):
            out[i] = math.sqrt(a[i]) if a[i] >= 0.0 else np.nan
    elif op == 10:
        for i in range(n):
            out[i] = a[i] * a[i]
    elif op == 11:
        for i in range(n):
            out[i] = 1.0 / a[i]
    else:
        for i in range(n):
            out[i] = _scalar_op(op, a[i], 0.0)


@_leaf
def _run_vectors(code, lo, hi, S, V, n, bits, twos):  # type: ignore[no-untyped-def]
    for i in range(lo, hi):
        op = code[i, 0]
        out = V[code[i, 1]]
        a, b = code[i, 2], code[i, 3]
        if op >= 6:
            _unary(op, out, V[a - VECTOR], n, bits, twos)
        elif a >= VECTOR:
            if b >= VECTOR:
                _vector_vector(op, out, V[a - VECTOR], V[b - VECTOR], n)
            else:
                _vector_scalar(op, out, V[a - VECTOR], S[b], n)
        else:
            _scalar_vector(op, out, S[a], V[b - VECTOR], n)


@_leaf
def _column(out, operand, S, V, n):  # type: ignore[no-untyped-def]
    if operand >= VECTOR:
        source = V[operand - VECTOR]
        for i in range(n):
            out[i] = source[i]
    else:
        value = S[operand]
        for i in range(n):
            out[i] = value


@_leaf
def _length2(x, n):  # type: ignore[no-untyped-def]
    total = 0.0
    for i in range(n):
        total += x[i] * x[i]
    return total


@_leaf
def _mirror(M, j, other, k, m, beta):  # type: ignore[no-untyped-def]
    """Applies the reflection I - beta v v', v = M[j, j:m], to M[other:k, j:m], two columns at a time.

    Loops run over slices from 0 with one array written in each: only these become vector instructions.
    """
    n = m - j
    v = M[j, j:m]
    while other + 1 < k:
        a, b = M[other, j:m], M[other + 1, j:m]
        s, t = 0.0, 0.0
        for i in range(n):
            s += v[i] * a[i]
            t += v[i] * b[i]
        s *= beta
        t *= beta
        for i in range(n):
            a[i] -= s * v[i]
        for i in range(n):
            b[i] -= t * v[i]
        other += 2
    if other < k:
        a = M[other, j:m]
        s = 0.0
        for i in range(n):
            s += v[i] * a[i]
        s *= beta
        for i in range(n):
            a[i] -= s * v[i]


@_leaf
def _reflect(M, k, m):  # type: ignore[no-untyped-def]
    """Triangle of the m by k matrix whose columns are M[:k, :m], by reflections, in place; False if not finite."""
    for j in range(k):
        norm2 = _length2(M[j, j:m], m - j)
        if not norm2 < np.inf:
            return False
        if j >= m or norm2 == 0.0:
            continue
        head = M[j, j]
        alpha = -math.sqrt(norm2) if head >= 0.0 else math.sqrt(norm2)
        M[j, j] = head - alpha
        _mirror(M, j, j + 1, k, m, 1.0 / (norm2 - alpha * head))  # 2 / v'v for v = (head - alpha, rest)
        M[j, j] = alpha
    return True


@_leaf
def _triangle(M, k, m):  # type: ignore[no-untyped-def]
    """Zeros below the diagonal, and in rows that the matrix did not have, of the first k rows."""
    for j in range(k):
        for i in range(min(j + 1, m), k):
            M[j, i] = 0.0


@_leaf
def _assemble(program, data, work, block, c, with_slopes, reuse):  # type: ignore[no-untyped-def]
    """Triangle of [phi | d f/d eta | y - phi_0] over the rows of a block, into work.M.

    Constants are taken from work.S. Without slopes the middle columns are left out; with them, the linear
    constants c must have been written to work.S, and the free ones are named by work.free. With reuse, the
    vector slots hold the values at these constants already. Returns the number of columns, or -1 if a value is
    not finite.
    """
    code, bounds, outputs, p, q = program
    X, Y, W, spans = data
    S, V, M, bits, twos, free = work
    x_lo, x_hi, y_lo = spans[block, 0], spans[block, 1], spans[block, 2]
    _run_scalars(code, 0, bounds[0], S)
    if with_slopes:
        _run_scalars(code, bounds[1], bounds[2], S)
    n_free = 0
    for j in range(p):
        n_free += free[j]
    k = (n_free + q + 1) if with_slopes else p + 1
    top = 0
    for start in range(x_lo, x_hi, ROWS):
        n = min(ROWS, x_hi - start)
        if not reuse:
            for f in range(X.shape[0]):
                source = X[f, start : start + n]
                target = V[f]
                for i in range(n):
                    target[i] = source[i]
            _run_vectors(code, bounds[0], bounds[1], S, V, n, bits, twos)
        if with_slopes:
            _run_vectors(code, bounds[2], bounds[3], S, V, n, bits, twos)
        y0 = y_lo + start - x_lo
        end = top + n
        last = M[k - 1, top:end]
        y = Y[y0 : y0 + n]
        _column(last, outputs[p], S, V, n)
        for i in range(n):
            last[i] = y[i] - last[i]
        j = 0
        for column in range(p):
            if not with_slopes or free[column]:
                _column(M[j, top:end], outputs[column], S, V, n)
                j += 1
            elif c[column] != 0.0:
                _subtract(last, c[column], outputs[column], S, V, n)
        if with_slopes:
            for slope in range(q):
                _column(M[j, top:end], outputs[p + 1 + slope], S, V, n)
                j += 1
        if W.shape[0] > 0:
            w = W[y0 : y0 + n]
            for column in range(k):
                target = M[column, top:end]
                for i in range(n):
                    target[i] *= w[i]
        if not _reflect(M, k, top + n):
            return -1
        _triangle(M, k, top + n)
        top = k
    return k


@_leaf
def _subtract(out, factor, operand, S, V, n):  # type: ignore[no-untyped-def]
    if operand >= VECTOR:
        source = V[operand - VECTOR]
        for i in range(n):
            out[i] -= factor * source[i]
    else:
        value = factor * S[operand]
        for i in range(n):
            out[i] -= value


@_leaf
def _back_substitute(M, k, rhs, c):  # type: ignore[no-untyped-def]
    """c with R c = z, R = M[:k, :k] by columns, z = M[rhs, :k]; a column that adds nothing gets 0."""
    for j in range(k - 1, -1, -1):
        norm2 = 0.0
        for i in range(j + 1):
            norm2 += M[j, i] * M[j, i]
        if abs(M[j, j]) <= DEPENDENT * math.sqrt(norm2) or norm2 == 0.0:
            c[j] = 0.0
            continue
        s = M[rhs, j]
        for l in range(j + 1, k):
            s -= M[l, j] * c[l]
        c[j] = s / M[j, j]


@_leaf
def _bounded(M, p, lo, hi, c, free, T, d):  # type: ignore[no-untyped-def]
    """min |R c - z| with lo <= c <= hi, by an active set (Stark and Parker 1995, Comp. Stat. 10, 129).

    R and z are the triangle of _assemble without slopes; T, d are scratch. Sets c and the free flags.
    """
    _back_substitute(M, p, p, c)
    inside = True
    for j in range(p):
        free[j] = 1
        if c[j] < lo[j] or c[j] > hi[j]:
            inside = False
    if inside:
        return
    for j in range(p):  # start with every constant as near to zero as it may be
        c[j] = min(max(0.0, lo[j]), hi[j])
        free[j] = 1 if lo[j] < c[j] < hi[j] else 0
    for _ in range(4 * p + 4):
        for _inner in range(p + 1):
            k = 0
            for j in range(p):
                if free[j]:
                    for i in range(p):
                        T[k, i] = M[j, i]
                    k += 1
            for i in range(p):
                T[k, i] = M[p, i]
                for j in range(p):
                    if not free[j]:
                        T[k, i] -= M[j, i] * c[j]
            _reflect(T, k + 1, p)
            _triangle(T, k + 1, p)
            _back_substitute(T, k, k, d)
            share, blocking, k = 1.0, -1, 0
            for j in range(p):
                if free[j]:
                    room = (hi[j] - c[j]) if d[k] > hi[j] else (lo[j] - c[j]) if d[k] < lo[j] else np.nan
                    if room == room:
                        part = room / (d[k] - c[j])
                        if part < share:
                            share, blocking = part, j
                    k += 1
            k = 0
            for j in range(p):
                if free[j]:
                    c[j] += share * (d[k] - c[j])
                    k += 1
            if blocking < 0:
                break
            c[blocking] = hi[blocking] if c[blocking] - lo[blocking] > hi[blocking] - c[blocking] else lo[blocking]
            free[blocking] = 0
        best, chosen = 1e-12, -1
        for j in range(p):
            if not free[j]:
                gradient, scale = 0.0, 0.0
                for i in range(j + 1):
                    r = M[p, i]
                    for l in range(i, p):
                        r -= M[l, i] * c[l]
                    gradient += M[j, i] * r
                    scale += M[j, i] * M[j, i]
                gradient /= math.sqrt(scale) * (abs(M[p, p]) + 1e-300) + 1e-300
                if c[j] <= lo[j] and gradient > best:
                    best, chosen = gradient, j
                elif c[j] >= hi[j] and -gradient > best:
                    best, chosen = -gradient, j
        if chosen < 0:
            break
        free[chosen] = 1


@_leaf
def _constrained_cost(M, p, c):  # type: ignore[no-untyped-def]
    """|y - phi_0 - phi c|^2 from the triangle."""
    cost = M[p, p] * M[p, p]
    for i in range(p):
        r = M[p, i]
        for l in range(i, p):
            r -= M[l, i] * c[l]
        cost += r * r
    return cost


@_leaf
def _set_constants(S, p, own, shared, logs):  # type: ignore[no-untyped-def]
    """Searched constants from their coordinates: exp(u) where logs says so."""
    q = own.shape[0]
    for k in range(q + shared.shape[0]):
        u = own[k] if k < q else shared[k - q]
        S[p + k] = math.exp(min(u, 700.0)) if logs[k] else u


@_leaf
def _project(program, data, work, block, own, shared, logs, lo, hi, c, scratch):  # type: ignore[no-untyped-def]
    """Cost of a block at these searched constants with the best linear ones, which are set."""
    S, V, M, bits, twos, free = work
    p = program[3]
    _set_constants(S, p, own, shared, logs)
    if _assemble(program, data, work, block, c, False, False) < 0:
        return np.inf
    _bounded(M, p, lo, hi, c, free, scratch[0], scratch[1][0])
    cost = _constrained_cost(M, p, c)
    return cost if np.isfinite(cost) else np.inf


@_leaf
def _slopes(program, data, work, block, own, shared, logs, c, R, reuse):  # type: ignore[no-untyped-def]
    """Triangle R (by columns) of the projected [J_own | J_shared | residual] of a block; False if not finite."""
    S, V, M, bits, twos, free = work
    p, q = program[3], program[4]
    _set_constants(S, p, own, shared, logs)
    for j in range(p):
        S[j] = c[j]
    k = _assemble(program, data, work, block, c, True, reuse)
    if k < 0:
        return False
    skip = k - q - 1
    for column in range(q + 1):
        scale = S[p + column] if column < q and logs[column] else 1.0
        for i in range(q + 1):
            R[column, i] = M[skip + column, skip + i] * scale if i <= column else 0.0
            if not np.isfinite(R[column, i]):
                return False
    return True


@_leaf
def _damped_step(R, q_own, q_shared, nb, D_own, D_shared, damping, frozen_own, frozen_shared,  # type: ignore[no-untyped-def]
                 step_own, step_shared, T, U, d):
    """min sum_b |R_b (own_b, shared) - z_b|^2 + damping |D step|^2 by elimination of the own parts.

    U keeps, per block, the rows that give own_b once the shared part is known. Returns the predicted
    decrease of the cost.
    """
    q = q_own + q_shared
    # T gathers the rows of the shared constants over blocks: columns shared, z.
    for j in range(q_shared + 1):
        for i in range(q_shared + 1):
            T[j, i] = 0.0
    before = 0.0
    for b in range(nb):
        A = U[b]
        for j in range(q + 1):
            dead = (j < q_own and frozen_own[b, j]) or (q_own <= j < q and frozen_shared[j - q_own])
            for i in range(q + 1):
                A[j, i] = 0.0 if dead else R[b, j, i]
            for i in range(q + 1, q + 1 + q_own):
                A[j, i] = 0.0
        for i in range(q):
            before += R[b, q, i] * R[b, q, i]
        A[q, q] = 0.0  # the part of the residual that no step reaches
        for j in range(q_own):
            A[j, q + 1 + j] = math.sqrt(damping) * D_own[b, j]
        # eliminate the own columns; what is left below concerns the shared constants
        m = q + 1 + q_own
        _reflect_first(A, q_own, q + 1, m)
        if q_shared > 0:
            for j in range(q_shared + 1):
                for i in range(q_own, m):
                    T[j, q_shared + 1 + i - q_own] = A[q_own + j, i]
            rows = q_shared + 1 + m - q_own
            _reflect(T, q_shared + 1, rows)
            _triangle(T, q_shared + 1, rows)
    if q_shared > 0:
        for j in range(q_shared + 1):
            for i in range(q_shared):
                T[j, q_shared + 1 + i] = 0.0
            if j < q_shared:
                T[j, q_shared + 1 + j] = math.sqrt(damping) * D_shared[j]
        _reflect(T, q_shared + 1, 2 * q_shared + 1)
        _back_substitute(T, q_shared, q_shared, step_shared)
        for j in range(q_shared):
            if frozen_shared[j]:
                step_shared[j] = 0.0
    after = 0.0
    for b in range(nb):
        A = U[b]
        for j in range(q_own - 1, -1, -1):
            s = A[q, j]
            for l in range(q_shared):
                s -= A[q_own + l, j] * step_shared[l]
            for l in range(j + 1, q_own):
                s -= A[l, j] * step_own[b, l]
            step_own[b, j] = s / A[j, j] if A[j, j] != 0.0 and not frozen_own[b, j] else 0.0
        for i in range(q):
            r = R[b, q, i]
            for l in range(q_own):
                r -= R[b, l, i] * step_own[b, l]
            for l in range(q_shared):
                r -= R[b, q_own + l, i] * step_shared[l]
            after += r * r
    return before - after


@_leaf
def _reflect_first(A, first, k, m):  # type: ignore[no-untyped-def]
    """Reflections that clear the first columns of A[:k, :m] below the diagonal, applied to all."""
    for j in range(first):
        norm2 = _length2(A[j, j:m], m - j)
        if not norm2 > 0.0:
            continue
        head = A[j, j]
        alpha = -math.sqrt(norm2) if head >= 0.0 else math.sqrt(norm2)
        A[j, j] = head - alpha
        _mirror(A, j, j + 1, k, m, 1.0 / (norm2 - alpha * head))
        A[j, j] = alpha
        for i in range(j + 1, m):
            A[j, i] = 0.0


@_leaf
def _freeze(u, slope, lo, hi):  # type: ignore[no-untyped-def]
    """At a bound, with the descent direction pointing outwards (slope is that of half the cost)."""
    return (u <= lo and slope > 0.0) or (u >= hi and slope < 0.0)


@_leaf
def _rounding(data, blocks, cost):  # type: ignore[no-untyped-def]
    """Size of the rounding error of a cost: that of residuals of values as large as the targets."""
    X, Y, W, spans = data
    total = 0.0
    for k in range(blocks.shape[0]):
        b = blocks[k]
        y_lo = spans[b, 2]
        for i in range(y_lo, y_lo + spans[b, 1] - spans[b, 0]):
            y = Y[i] * W[i] if W.shape[0] > 0 else Y[i]
            total += y * y
    return 1e-15 * math.sqrt(cost * total)


@_leaf
def search(program, data, work, blocks, own, shared, logs, u_lo, u_hi, c, c_lo, c_hi, state,  # type: ignore[no-untyped-def]
           tolerance, max_iterations):
    """Levenberg-Marquardt on the searched constants of these blocks, from `own` and `shared`, in place.

    Args:
        program: (code, bounds, outputs, p, q).
        data: columns X (nx, n), targets Y (ny,), row factors W (ny,) or (0,), spans (nb_all, 3).
        work: scratch (S, V, M, bits, twos, free) of `workspace`.
        blocks: numbers of the nb blocks that are fitted together.
        own: coordinates of the own constants, (nb, q_own); shared: (q_shared,).
        logs: which coordinates are logarithms, (q,); u_lo, u_hi: their bounds.
        c: linear constants, (nb, p), set; c_lo, c_hi: their bounds (p,).
        state: scratch of `lm_state`.
        tolerance: relative change of the cost at which the search stops.

    Returns:
        (cost, outcome, iterations).
    """
    p, q = program[3], program[4]
    nb, q_own = own.shape
    q_shared = shared.shape[0]
    R, D_own, D_shared, f_own, f_shared, s_own, s_shared, t_own, t_shared, t_c, T, U, d, scratch, flags, memory = state
    free = work[5]
    cost = 0.0
    for b in range(nb):
        cost += _project(program, data, work, blocks[b], own[b], shared, logs, c_lo, c_hi, c[b], scratch)
        for j in range(p):
            flags[b, j] = free[j]
    if not np.isfinite(cost):
        return np.inf, NOT_FINITE, 0
    if q == 0:
        return cost, CONVERGED_COST, 0
    D_own[:] = 0.0
    D_shared[:] = 0.0
    # With one block in one pass, the last projection left its values in the slots.
    reuse = nb == 1 and data[3][blocks[0], 1] - data[3][blocks[0], 0] <= ROWS
    exact = tolerance < 1e-13
    noise = _rounding(data, blocks, cost) if exact else 0.0
    polished = 0
    damping, growth = memory[0], 2.0
    fresh = True
    outcome, iteration = ITERATIONS, 0
    while iteration < max_iterations:
        iteration += 1
        if fresh:
            steepest = 0.0
            for j in range(q_shared):
                d[j] = 0.0
            for b in range(nb):
                for j in range(p):
                    free[j] = flags[b, j]
                if not _slopes(program, data, work, blocks[b], own[b], shared, logs, c[b], R[b], reuse):
                    return cost, NOT_FINITE, iteration
                for j in range(q):
                    norm2, slope = 0.0, 0.0
                    for i in range(j + 1):
                        norm2 += R[b, j, i] * R[b, j, i]
                        slope -= R[b, j, i] * R[b, q, i]
                    if j < q_own:
                        D_own[b, j] = max(D_own[b, j], math.sqrt(norm2), 1e-150)
                        f_own[b, j] = _freeze(own[b, j], slope, u_lo[j], u_hi[j])
                        if not f_own[b, j] and norm2 > 0.0:
                            steepest = max(steepest, abs(slope) / math.sqrt(norm2))
                    else:
                        T[0, j - q_own] = norm2 if b == 0 else T[0, j - q_own] + norm2
                        d[j - q_own] += slope
            for j in range(q_shared):
                D_shared[j] = max(D_shared[j], math.sqrt(T[0, j]), 1e-150)
                f_shared[j] = _freeze(shared[j], d[j], u_lo[q_own + j], u_hi[q_own + j])
                if not f_shared[j] and T[0, j] > 0.0:
                    steepest = max(steepest, abs(d[j]) / math.sqrt(T[0, j]))
            if steepest <= 1e-13 * math.sqrt(cost) or cost == 0.0:
                outcome = CONVERGED_GRADIENT
                break
            fresh = False
        predicted = _damped_step(R, q_own, q_shared, nb, D_own, D_shared, damping, f_own, f_shared,
                                 s_own, s_shared, T, U, d)  # fmt: skip
        moved, size = 0.0, 0.0
        for j in range(q_shared):
            t_shared[j] = min(max(shared[j] + s_shared[j], u_lo[q_own + j]), u_hi[q_own + j])
            moved += (t_shared[j] - shared[j]) ** 2 / (abs(shared[j]) + 1e-3) ** 2
        for b in range(nb):
            for j in range(q_own):
                t_own[b, j] = min(max(own[b, j] + s_own[b, j], u_lo[j]), u_hi[j])
                moved += (t_own[b, j] - own[b, j]) ** 2 / (abs(own[b, j]) + 1e-3) ** 2
        size = math.sqrt(moved / (nb * q_own + q_shared))
        trial = 0.0
        for b in range(nb):
            trial += _project(program, data, work, blocks[b], t_own[b], t_shared, logs, c_lo, c_hi, t_c[b], scratch)
            for j in range(p):
                flags[nb + b, j] = free[j]
            if not trial < np.inf:
                break
        gain = (cost - trial) / predicted if predicted > 0.0 and trial < np.inf else -1.0
        if exact and not trial < cost and trial <= cost + noise and predicted <= noise and polished < 8:
            polished += 1  # below the rounding of the cost; the step is still known, from the residuals
            gain, trial = 1.0, min(trial, cost)
        if trial < cost or gain == 1.0:
            decrease = (cost - trial) / cost
            for j in range(q_shared):
                shared[j] = t_shared[j]
            for b in range(nb):
                for j in range(q_own):
                    own[b, j] = t_own[b, j]
                for j in range(p):
                    c[b, j] = t_c[b, j]
                    flags[b, j] = flags[nb + b, j]
            cost = trial
            fresh = True
            damping *= max(1.0 / 3.0, 1.0 - (2.0 * gain - 1.0) ** 3) if gain < 1.5 else 1.0 / 3.0
            damping = max(damping, 1e-15)
            growth = 2.0
            if not exact and decrease < tolerance and predicted < tolerance * cost:
                outcome = CONVERGED_COST
                break
            if size < 1e-11:
                outcome = CONVERGED_STEP
                break
        else:
            if predicted <= max(1e-15 * cost, noise) or size < 1e-11:
                outcome = CONVERGED_STEP if size < 1e-11 else CONVERGED_COST
                break
            damping *= growth
            growth *= 2.0
            if damping > 1e20:
                outcome = NO_DESCENT
                break
    memory[1] = damping
    return cost, outcome, iteration


@_jit
def multi_start(program, data, work, state, given, drawn, chained, logs, u_lo, u_hi, c_lo, c_hi,  # type: ignore[no-untyped-def]
                agree, tolerance, rough_iterations, max_iterations, best_u, best_c, report):
    """Every block on its own, from many starts.

    The given starts (the law's guess and the parent's constants) are always tried; drawn ones are scored by their
    projected cost and tried in order of score until `agree` searches have ended in the best optimum. The best is
    then polished.

    Args:
        given: coordinates of the own constants, (n_given, nb, q).
        drawn: starts that are the same for all blocks, (n_drawn, q).
        chained: whether the optimum of a block is a start of the next one.
        best_u, best_c: results, (nb, q) and (nb, p).
        report: (nb, 5): cost, outcome, iterations, searches made, searches that reached the best.
    """
    p, q = program[3], program[4]
    nb = best_u.shape[0]
    n_keep = given.shape[0]
    n_starts = n_keep + drawn.shape[0]
    shared = np.empty(0)
    u = np.empty((1, max(q, 1)))[:, :q]
    c = np.zeros((1, max(p, 1)))[:, :p]
    block = np.zeros(1, dtype=np.int64)
    starts = np.empty((n_starts, q))
    starts[n_keep:] = drawn
    score = np.empty(n_starts + 1)
    found = np.empty(n_starts + 1)
    for b in range(nb):
        block[0] = b
        starts[:n_keep] = given[:, b]
        best = np.inf
        outcome, iterations, tried, hits = NOT_FINITE, 0, 0, 0
        for s in range(n_starts):
            score[s] = -np.inf
            if s >= n_keep:
                score[s] = _project(program, data, work, b, starts[s], shared, logs, c_lo, c_hi, c[0], state[13])
        score[n_starts] = -np.inf if chained and b > 0 else np.inf  # the optimum of the block before
        order = np.argsort(score)
        for place in range(n_starts + 1):
            s = order[place]
            if not score[s] < np.inf:
                break
            if s == n_starts:
                u[0] = best_u[b - 1]
            else:
                u[0] = starts[s]
            cost, code, steps = search(program, data, work, block, u, shared, logs, u_lo, u_hi, c, c_lo, c_hi,
                                       state, 1e-6, rough_iterations)  # fmt: skip
            iterations += steps
            found[tried] = cost
            tried += 1
            if cost < best:
                best = cost
                outcome = code
                best_u[b] = u[0]
                best_c[b] = c[0]
            hits = 0
            for t in range(tried):
                if found[t] <= best * (1.0 + 1e-4) + 1e-300:
                    hits += 1
            if hits >= agree and s != n_starts and score[s] > -np.inf:
                break
            if q == 0:
                break
        if best < np.inf and q > 0:
            u[0] = best_u[b]
            cost, code, steps = search(program, data, work, block, u, shared, logs, u_lo, u_hi, c, c_lo, c_hi,
                                       state, tolerance, max_iterations)  # fmt: skip
            iterations += steps
            if cost <= best:
                best, outcome = cost, code
                best_u[b] = u[0]
                best_c[b] = c[0]
        report[b, 0] = best
        report[b, 1] = outcome
        report[b, 2] = iterations
        report[b, 3] = tried
        report[b, 4] = hits


@_leaf
def predict(program, data, work, block, theta, out):  # type: ignore[no-untyped-def]
    """Values of the formula at the rows of a block for constants theta in slot order, into out."""
    code, bounds, outputs, p, q = program
    X, Y, W, spans = data
    S, V, M, bits, twos, free = work
    for j in range(p + q):
        S[j] = theta[j]
    _run_scalars(code, 0, bounds[0], S)
    x_lo, x_hi = spans[block, 0], spans[block, 1]
    for start in range(x_lo, x_hi, ROWS):
        n = min(ROWS, x_hi - start)
        for f in range(X.shape[0]):
            source, target = X[f, start : start + n], V[f]
            for i in range(n):
                target[i] = source[i]
        _run_vectors(code, bounds[0], bounds[1], S, V, n, bits, twos)
        part = out[start - x_lo : start - x_lo + n]
        _column(part, outputs[p], S, V, n)
        for j in range(p):
            _subtract(part, -theta[j], outputs[j], S, V, n)


@_jit
def multi_start_shared(program, data, work, state, own_starts, shared_starts, n_screened, logs, u_lo, u_hi,  # type: ignore[no-untyped-def]
                       c_lo, c_hi, agree, tolerance, rough_iterations, max_iterations,
                       best_own, best_shared, best_c, report):
    """All blocks together, with the shared constants common to them; otherwise as `multi_start`.

    Args:
        own_starts: (n_starts, nb, q_own); shared_starts: (n_starts, q_shared).
        report: (5,): cost, outcome, iterations, searches made, searches that reached the best.
    """
    nb = best_own.shape[0]
    p = program[3]
    n_starts = own_starts.shape[0]
    n_keep = n_starts - n_screened
    blocks = np.arange(nb)
    own = best_own.copy()
    shared = best_shared.copy()
    c = best_c.copy()
    score = np.empty(n_starts)
    found = np.empty(n_starts)
    best = np.inf
    outcome, iterations, tried, hits = NOT_FINITE, 0, 0, 0
    for s in range(n_starts):
        score[s] = -np.inf
        if s >= n_keep:
            total = 0.0
            for b in range(nb):
                total += _project(program, data, work, b, own_starts[s, b], shared_starts[s], logs,
                                  c_lo, c_hi, c[0] if p == 0 else c[b], state[13])  # fmt: skip
            score[s] = total
    order = np.argsort(score)
    for place in range(n_starts):
        s = order[place]
        if not score[s] < np.inf:
            break
        own[:] = own_starts[s]
        shared[:] = shared_starts[s]
        cost, code, steps = search(program, data, work, blocks, own, shared, logs, u_lo, u_hi, c, c_lo, c_hi,
                                   state, 1e-6, rough_iterations)  # fmt: skip
        iterations += steps
        found[tried] = cost
        tried += 1
        if cost < best:
            best, outcome = cost, code
            best_own[:] = own
            best_shared[:] = shared
            best_c[:] = c
        hits = 0
        for t in range(tried):
            if found[t] <= best * (1.0 + 1e-3) + 1e-300:
                hits += 1
        if hits >= agree and score[s] > -np.inf:
            break
    if best < np.inf:
        own[:] = best_own
        shared[:] = best_shared
        cost, code, steps = search(program, data, work, blocks, own, shared, logs, u_lo, u_hi, c, c_lo, c_hi,
                                   state, tolerance, max_iterations)  # fmt: skip
        iterations += steps
        if cost <= best:
            best, outcome = cost, code
            best_own[:] = own
            best_shared[:] = shared
            best_c[:] = c
    report[0] = best
    report[1] = outcome
    report[2] = iterations
    report[3] = tried
    report[4] = hits


@_leaf
def _rho(kind, r, scale):  # type: ignore[no-untyped-def]
    """Loss of a residual, and psi(r)/r and psi'(r): 0 squared, 1 Huber, 2 soft-L1 (all r^2 for small r)."""
    a = abs(r)
    if kind == 1:
        if a <= scale:
            return r * r, 1.0, 1.0
        return 2.0 * scale * a - scale * scale, scale / a, 0.0
    if kind == 2:
        z = math.sqrt(1.0 + (r / scale) ** 2)
        return 2.0 * scale * scale * (r / scale) ** 2 / (z + 1.0), 1.0 / z, 1.0 / (z * z * z)
    return r * r, 1.0, 1.0


@_leaf
def _residual(link, y, f):  # type: ignore[no-untyped-def]
    """y - f, or log(y/f) with link 1, where y and f must be positive."""
    if link == 0:
        return y - f
    return math.log(y / f) if f > 0.0 else np.nan


@_leaf
def _robust_cost(program, data, work, blocks, own, shared, logs, c, kind, scale, link, base, F, theta):  # type: ignore[no-untyped-def]
    """Robust cost at these constants; the predictions go to F, (ny,)."""
    X, Y, W, spans = data
    p, q = program[3], program[4]
    S = work[0]
    total = 0.0
    for k in range(blocks.shape[0]):
        b = blocks[k]
        _set_constants(S, p, own[k], shared, logs)
        for j in range(p):
            theta[j] = c[k, j]
        for j in range(q):
            theta[p + j] = S[p + j]
        y_lo = spans[b, 2]
        n = spans[b, 1] - spans[b, 0]
        predict(program, data, work, b, theta, F[y_lo : y_lo + n])
        for i in range(y_lo, y_lo + n):
            total += base[i] * base[i] * _rho(kind, _residual(link, Y[i], F[i]), scale)[0]
    return total if total < np.inf else np.inf


@_leaf
def _pseudo_rows(data, blocks, kind, scale, link, base, F, mix, pseudo):  # type: ignore[no-untyped-def]
    """Row factors W and targets of the quadratic model of the robust loss at the predictions F.

    mix = 1 gives reweighted least squares (curvature psi/r, an upper bound of the loss), mix = 0 Newton's
    method (curvature psi'). In between the factor is sqrt(m), m = psi' + mix*(psi/r - psi'), and the target
    F + psi/m, so that the gradient is exact. Residuals of the logarithm (link 1) are those of the value over
    F, to first order in the step: a Gauss-Newton model that stays linear in the linear constants.
    """
    X, Y, W, spans = data
    for k in range(blocks.shape[0]):
        b = blocks[k]
        y_lo = spans[b, 2]
        for i in range(y_lo, y_lo + spans[b, 1] - spans[b, 0]):
            r = _residual(link, Y[i], F[i])
            unit = F[i] if link else 1.0
            loss, weight, curvature = _rho(kind, r, scale)
            m = curvature + mix * (weight - curvature)
            W[i] = base[i] * math.sqrt(m) / unit
            pseudo[i] = F[i] + unit * r * (weight / m)


@_jit
def robust_search(program, data, work, state, blocks, own, shared, logs, u_lo, u_hi, c, c_lo, c_hi,  # type: ignore[no-untyped-def]
                  kind, scale, link, base, scratch, theta, kept, tolerance, rounds):
    """Robust fit from these constants, in place: reweighted least squares that turns into Newton's method.

    Reweighted least squares always descends (Holland and Welsch 1977, Comm. Stat. A6, 813) but slowly when most
    rows are in the linear part of the loss; there psi' is zero and Newton's method is exact (Madsen and Nielsen
    1990, BIT 30, 682). The mixture of both curvatures moves towards Newton while the cost falls and back
    otherwise. On return the row factors W are those of reweighted least squares.

    Args:
        kind, scale: see `_rho`; link: see `_residual`; base: row factors from weights and errors, (ny,).
        scratch: (2, ny); theta: scratch (p + q,); kept: copies of (own, shared, c).

    Returns:
        (cost, outcome, rounds used).
    """
    X, Y, W, spans = data
    F, pseudo = scratch[0], scratch[1]
    own_kept, shared_kept, c_kept = kept
    model = (X, pseudo, W, spans)
    state[15][0] = 1e-3
    cost = _robust_cost(program, data, work, blocks, own, shared, logs, c, kind, scale, link, base, F, theta)
    used, calm, mix = 0, 0, 1.0
    outcome = ITERATIONS if cost < np.inf else NOT_FINITE
    while used < rounds and cost < np.inf:
        used += 1
        own_kept[:] = own
        shared_kept[:] = shared
        c_kept[:] = c
        _pseudo_rows(data, blocks, kind, scale, link, base, F, mix, pseudo)
        search(program, model, work, blocks, own, shared, logs, u_lo, u_hi, c, c_lo, c_hi, state, 1e-13, 4)
        state[15][0] = min(max(state[15][1], 1e-12), 1e-3)
        trial = _robust_cost(program, data, work, blocks, own, shared, logs, c, kind, scale, link, base, F, theta)
        if trial < cost:
            calm = calm + 1 if cost - trial <= tolerance * cost else 0
            cost = trial
            mix = max(mix * 0.3, 1e-4)
        else:
            own[:] = own_kept
            shared[:] = shared_kept
            c[:] = c_kept
            state[15][0] = 1e-3
            _robust_cost(program, data, work, blocks, own, shared, logs, c, kind, scale, link, base, F, theta)
            if mix >= 1.0 or kind == 0:
                settled = link == 0 or trial - cost <= 1e-9 * cost + 1e-28 * base.shape[0]
                outcome = CONVERGED_COST if settled else NO_DESCENT
                break
            mix = min(1.0, mix * 5.0)
        if calm >= 2:
            outcome = CONVERGED_COST
            break
    state[15][0] = 1e-3
    _pseudo_rows(data, blocks, kind, scale, link, base, F, 1.0, pseudo)
    return cost, outcome, used


@_jit
def robust_blocks(program, data, work, state, own, logs, u_lo, u_hi, c, c_lo, c_hi, kind, scale, link, base,  # type: ignore[no-untyped-def]
                  scratch, theta, tolerance, rounds, report):
    """`robust_search` for every block on its own, from own (nb, q) and c (nb, p), in place.

    Args:
        report: (nb, 5), as of `multi_start`.
    """
    shared = np.empty(0)
    u, c_b = np.empty((1, own.shape[1])), np.empty((1, c.shape[1]))
    kept = (u.copy(), shared.copy(), c_b.copy())
    block = np.zeros(1, dtype=np.int64)
    for b in range(own.shape[0]):
        block[0] = b
        u[0] = own[b]
        c_b[0] = c[b]
        cost, outcome, used = robust_search(
            program, data, work, state, block, u, shared, logs, u_lo, u_hi, c_b, c_lo, c_hi, kind, scale, link, base,
            scratch, theta, kept, tolerance, rounds
        )  # fmt: skip
        own[b] = u[0]
        c[b] = c_b[0]
        report[b, 0] = cost
        report[b, 1] = outcome
        report[b, 2] = used
        report[b, 3] = 1
        report[b, 4] = 1


def workspace(n_scalars: int, n_vectors: int, p: int, q: int) -> tuple[Any, ...]:
    """Scratch arrays for one program: scalar slots, vector slots, matrix, exponent bits, free flags."""
    k = p + q + 1
    bits = np.zeros(ROWS, dtype=np.int64)
    return (
        np.zeros(n_scalars),
        np.zeros((max(n_vectors, 1), ROWS)),
        np.zeros((k, k + ROWS)),
        bits,
        bits.view(np.float64),
        np.zeros(max(p, 1), dtype=np.int64),
    )


def lm_state(nb: int, p: int, q_own: int, q_shared: int) -> tuple[Any, ...]:
    """Scratch arrays of `search` for nb blocks fitted together."""
    q = q_own + q_shared
    tall = q + q_own + q_shared + 4
    return (
        np.zeros((nb, q + 1, q + 1)),
        np.zeros((nb, q_own)), np.zeros(q_shared),
        np.zeros((nb, q_own), dtype=np.bool_), np.zeros(q_shared, dtype=np.bool_),
        np.zeros((nb, q_own)), np.zeros(q_shared),
        np.zeros((nb, q_own)), np.zeros(q_shared),
        np.zeros((nb, p)),
        np.zeros((q_shared + 1, tall + q_shared)),
        np.zeros((nb, q + 1, q + 1 + q_own)),
        np.zeros(max(p, q) + 1),
        np.zeros((2, p + 2, p + 2)),
        np.zeros((2 * nb, max(p, 1)), dtype=np.int64),
        np.array([1e-3, 1e-3]),
    )  # fmt: skip
