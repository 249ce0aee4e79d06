"""Log singular values of long products by compiled loops: what `logarithms` does, eight at a time.

A product's rows are kept over powers of two.  At the end reflections from the right make it lower
triangular, L; the rows of L^T, graded as those of the product are, are nearly orthogonal, so that
few sweeps of Jacobi's rotations are left (Drmac, Veselic, doi:10.1137/050639193).
"""

from __future__ import annotations

import numpy as np

from rmt_rank.simulation.products.compiled_loops import compiled
from rmt_rank.simulation.products.vectors import (
    LANES,
    any_lane,
    exponent,
    load,
    maximum,
    ratio,
    select,
    splat,
    square_root,
    store,
)

__all__ = ["log_singular_values", "take_out_powers"]

_compiled = compiled(nogil=True, error_model="numpy")

# Jacobi's method converges quadratically, in 3 to 8 sweeps; this guards against failure only.
_MOST_SWEEPS = 60
_EPS = float(np.finfo(float).eps)
# Adding and subtracting it rounds to integers.
_ROUND = 1.5 * 2.0**52


@_compiled
def take_out_powers(product, powers):
    """Take a power of two out of every row of product, (groups, N, N, 8), into powers.

    powers has the shape (groups, N, 8).
    """
    groups, n = product.shape[:2]
    for g in range(groups):
        for i in range(n):
            row = (g * n + i) * n * LANES
            largest = splat(0.0)
            for j in range(i, n):
                x = load(product, row + j * LANES)
                largest = maximum(largest, maximum(x, 0.0 - x))
            power = exponent(largest)
            scale = ratio(splat(0.0), power)
            for j in range(i, n):
                at = row + j * LANES
                store(product, at, load(product, at) * scale)
            at = (g * n + i) * LANES
            store(powers, at, load(powers, at) + power)


@_compiled
def log_singular_values(product, powers):
    """Log singular values, (groups, N, 8), of 2^powers product in any order; nan without success.

    product is upper triangular, shape (groups, N, N, 8), and lost.
    """
    groups, n = product.shape[:2]
    logs = np.empty((groups, n, LANES))
    for g in range(groups):
        rows, power = product[g], powers[g].copy()
        _lower_triangular(rows)
        for j in range(n):
            for i in range(j + 1, n):
                scale = ratio(load(power, i * LANES), load(power, j * LANES))
                below = (i * n + j) * LANES
                store(rows, (j * n + i) * LANES, load(rows, below) * scale)
                store(rows, below, splat(0.0))
        squares = _squares_of_orthogonal_rows(rows, power)
        for i in range(n):
            for m in range(LANES):
                logs[g, i, m] = 0.5 * np.log(squares[i, m]) + power[i, m] * np.log(2.0)
    return logs


@_compiled
def _lower_triangular(a):
    """Reflect upper triangular matrices, (N, N, 8), from the right until they are lower ones."""
    n = a.shape[0]
    for i in range(n - 1):
        first = (i * n + i) * LANES
        square = splat(0.0)
        for j in range(i, n):
            x = load(a, (i * n + j) * LANES)
            square = square + x * x
        length, alpha = square_root(square), load(a, first)
        signed = select(alpha < 0.0, 0.0 - length, length)
        factor = 1.0 / (length * (length + maximum(alpha, 0.0 - alpha)))
        store(a, first, alpha + signed)
        for k in range(i + 1, n):
            inner = splat(0.0)
            for j in range(i, n):
                inner = inner + load(a, (i * n + j) * LANES) * load(a, (k * n + j) * LANES)
            inner = inner * factor
            for j in range(i, n):
                at = (k * n + j) * LANES
                store(a, at, load(a, at) - inner * load(a, (i * n + j) * LANES))
        store(a, first, 0.0 - signed)


@_compiled
def _squares_of_orthogonal_rows(rows, powers):
    """Turn rows, (N, N, 8), until they are orthogonal; their squared lengths over 4^powers."""
    n = rows.shape[0]
    # a row's true length squared is factor * norm * 4^power, where norm is that of its entries
    factors, norms = np.ones((n, LANES)), np.empty((n, LANES))
    for _ in range(_MOST_SWEEPS):
        _unit_rows(rows, norms, factors, powers)
        turns = 0
        for p in range(n - 1):
            for q in range(p + 1, n):
                turns += _rotate(rows, norms, factors, powers, p, q)
        if turns == 0:
            return factors
    factors[:] = np.nan
    return factors


@_compiled
def _unit_rows(rows, norms, factors, powers):
    n = rows.shape[0]
    for i in range(n):
        square = splat(0.0)
        for j in range(n):
            x = load(rows, (i * n + j) * LANES)
            square = square + x * x
        scale = 1.0 / square_root(square)
        for j in range(n):
            at = (i * n + j) * LANES
            store(rows, at, load(rows, at) * scale)
        at = i * LANES
        factor = load(factors, at) * square
        half = (exponent(factor) * 0.5 - 0.25 + _ROUND) - _ROUND
        store(factors, at, factor * ratio(splat(0.0), half + half))
        store(powers, at, load(powers, at) + half)
        store(norms, at, splat(1.0))


@_compiled
def _rotate(rows, norms, factors, powers, p, q):
    """Make rows p and q orthogonal; returns 1 if that changed any."""
    n = rows.shape[0]
    first, second = p * n * LANES, q * n * LANES
    inner, other = splat(0.0), splat(0.0)
    for j in range(0, n - 1, 2):
        at = j * LANES
        inner = inner + load(rows, first + at) * load(rows, second + at)
        at += LANES
        other = other + load(rows, first + at) * load(rows, second + at)
    if n % 2:
        at = (n - 1) * LANES
        inner = inner + load(rows, first + at) * load(rows, second + at)
    inner = inner + other
    p, q = p * LANES, q * LANES
    norm_p, norm_q, factor_p, factor_q = (
        load(norms, p),
        load(norms, q),
        load(factors, p),
        load(factors, q),
    )
    gap = load(powers, q) - load(powers, p)
    scaled_q = factor_q * ratio(gap + gap, splat(0.0))
    swapped = scaled_q * norm_q > factor_p * norm_p
    longer, shorter = select(swapped, norm_q, norm_p), select(swapped, norm_p, norm_q)
    # r^2, r <= 1 the ratio of the factors: the rows have squares u and r^2 v, the product r g
    r2 = select(swapped, factor_p, scaled_q) / select(swapped, scaled_q, factor_p)
    difference = maximum(longer - r2 * shorter, splat(0.0))
    square = inner * inner
    # Either the cosine is a rounding error of n terms, or the rotation would change the shorter
    # one's square, by a part of square/(shorter difference), by less than eps/n.
    least = maximum(longer * (n * _EPS * _EPS), difference * (_EPS / n))
    turn = square > shorter * least
    if not any_lane(turn):
        return 0
    root = square_root(difference * difference + 4.0 * (r2 * square))
    up = select(turn, 2.0 * inner / (difference + root), splat(0.0))
    down = up * r2
    growth = 1.0 + up * down
    longer = (longer + down * inner) * growth
    # a guess if all digits cancel; the next sweep starts from the right one
    shorter = maximum(shorter - up * inner, shorter * _EPS) * growth
    store(norms, p, select(swapped, shorter, longer))
    store(norms, q, select(swapped, longer, shorter))
    store(factors, p, factor_p / growth)
    store(factors, q, factor_q / growth)
    to_p, to_q = select(swapped, 0.0 - up, down), select(swapped, down, 0.0 - up)
    for j in range(n):
        at = j * LANES
        x, y = load(rows, first + at), load(rows, second + at)
        store(rows, first + at, x + to_p * y)
        store(rows, second + at, y + to_q * x)
    return 1
