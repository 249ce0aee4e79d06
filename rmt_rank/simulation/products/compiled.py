"""Compiled loops for small real matrices (numba, the extra `fast`).

Entries of eight matrices, a group, stand side by side along the last axis; a loop computes with all
eight at once, see `vectors`.  A group of width 32 fits the first-level cache.
"""

from __future__ import annotations

import math

import numpy as np

from rmt_rank.simulation.products.compiled_bidiagonal import bidiagonal_singular_values
from rmt_rank.simulation.products.compiled_logarithms import log_singular_values, take_out_powers
from rmt_rank.simulation.products.compiled_loops import compiled
from rmt_rank.simulation.products.compiled_random import compiled_stream
from rmt_rank.simulation.products.compiled_rows import bidiagonal_forms, multiply_rows
from rmt_rank.simulation.products.vectors import (
    LANES,
    exponent,
    load,
    maximum,
    power_of_two,
    ratio,
    select,
    splat,
    square_root,
    store,
)

__all__ = [
    "bidiagonal_forms",
    "bidiagonal_singular_values",
    "bidiagonalise",
    "box_muller",
    "compiled_stream",
    "log_singular_values",
]
__all__ += ["multiply", "multiply_rows", "start", "take_out_powers"]

_compiled = compiled(nogil=True, error_model="numpy")

# A square of a length that counts as 0, where the largest entry is of order 1.
_NEGLIGIBLE = 1e-290
# Adding and subtracting it rounds to integers.
_ROUND = 1.5 * 2.0**52
# log(1 + f) = f - f^2/2 + s (f^2/2 + R), s = f/(2 + f), R a series in s^2: 2 s^(2k)/(2k + 1).
_LOG = tuple(2 / (2 * k + 1) for k in range(1, 12))
_LN2 = math.log(2)
# Taylor series of sin and cos; the angle is at most pi/2.
_SIN = tuple((-1) ** k / math.factorial(2 * k + 1) for k in range(1, 11))
_COS = tuple((-1) ** k / math.factorial(2 * k) for k in range(1, 12))


@_compiled
def _normal_pair(radius, turns, scale):
    """Box and Muller's transform of uniform numbers u: r cos, r sin of 2 pi turns."""
    u = 1.0 - radius
    power = exponent(u)
    m = u * power_of_two(0.0 - power)
    high = m > math.sqrt(2.0)
    m = select(high, 0.5 * m, m)
    power = select(high, power + 1.0, power)
    f = m - 1.0
    s = f / (2.0 + f)
    z = s * s
    series = splat(_LOG[10])
    for k in range(9, -1, -1):
        series = series * z + _LOG[k]
    half_square = 0.5 * f * f
    log = power * _LN2 + (f - (half_square - s * (half_square + z * series)))
    r = scale * square_root(-2.0 * log)
    x = 2.0 * turns
    half = (x + _ROUND) - _ROUND
    angle = (x - half) * math.pi
    z = angle * angle
    sine, cosine = splat(_SIN[9]), splat(_COS[10])
    for k in range(8, -1, -1):
        sine = sine * z + _SIN[k]
    for k in range(9, -1, -1):
        cosine = cosine * z + _COS[k]
    turned = maximum(half, 2.0 - half) < 1.5
    r = select(turned, 0.0 - r, r)
    return r * (1.0 + z * cosine), r * (angle + angle * z * sine)


@_compiled
def box_muller(uniform, scale):
    """Turn uniform numbers in place into normal ones of standard deviation scale; returns them.

    The same as `rmt_rank._lib.random` has, to rounding.
    """
    half = uniform.size // 2
    whole = half // LANES * LANES
    for i in range(0, whole, LANES):
        first, second = _normal_pair(load(uniform, i), load(uniform, half + i), scale)
        store(uniform, i, first)
        store(uniform, half + i, second)
    rest = np.zeros(2 * LANES)
    for i in range(whole, half):
        rest[i - whole], rest[LANES + i - whole] = uniform[i], uniform[half + i]
    first, second = _normal_pair(load(rest, 0), load(rest, LANES), scale)
    store(rest, 0, first)
    store(rest, LANES, second)
    for i in range(whole, half):
        uniform[i], uniform[half + i] = rest[i - whole], rest[LANES + i - whole]
    return uniform


@_compiled
def start(diagonal, above, product):
    """Write bidiagonal factors, (N, m) and (N - 1, m), into product, shape (m/8, N, N, 8)."""
    groups, n = product.shape[:2]
    product[:] = 0.0
    for g in range(groups):
        for i in range(n):
            product[g, i, i] = diagonal[i, LANES * g : LANES * (g + 1)]
        for i in range(n - 1):
            product[g, i, i + 1] = above[i, LANES * g : LANES * (g + 1)]


@_compiled
def multiply(diagonal, above, product, bidiagonal, powers):
    """Multiply 2^powers product in place by triangular factors on its left; it is triangular.

    Parameters
    ----------
    diagonal, above : ndarray, shape (N, m), (N(N-1)/2, m)
        The factors' entries.
    product : ndarray, shape (m/8, N, N, 8)
        Upper triangular.
    bidiagonal : bool
        Whether it is bidiagonal, too.
    powers : ndarray, shape (m/8, N, 8) or (0, 0, 0)
        Powers of two of the product's rows; the empty array for none.
    """
    groups, n = product.shape[:2]
    count = groups * LANES
    row = np.empty((n, LANES))
    for g in range(groups):
        start = g * n * n * LANES
        place = g * LANES
        for i in range(n):
            store(row, i * LANES, load(diagonal, i * count + g * LANES))
            for k in range(i + 1, n):
                store(row, k * LANES, load(above, place))
                place += count
            if powers.size > 0:
                own = load(powers, (g * n + i) * LANES)
                for k in range(i + 1, n):
                    scale = ratio(load(powers, (g * n + k) * LANES), own)
                    store(row, k * LANES, load(row, k * LANES) * scale)
            if bidiagonal:
                _times_bidiagonal(row, product, start, i, n)
            else:
                _times_triangular(row, product, start, i, n)


@_compiled
def _times_bidiagonal(row, product, start, i, n):
    before = splat(0.0)
    for j in range(i, n):
        factor, column = load(row, j * LANES), start + j * LANES
        total = factor * load(product, column + j * n * LANES)
        if j > i:
            total = total + before * load(product, column + (j - 1) * n * LANES)
        before = factor
        store(product, column + i * n * LANES, total)


@_compiled
def _times_triangular(row, product, start, i, n):
    """Row i of the product, four columns at a time; entries below the diagonal are 0."""
    step = n * LANES
    j = i
    while j + 4 <= n:
        a, b, c, d = splat(0.0), splat(0.0), splat(0.0), splat(0.0)
        at = start + i * step + j * LANES
        for k in range(i, j + 4):
            factor = load(row, k * LANES)
            a = a + factor * load(product, at)
            b = b + factor * load(product, at + LANES)
            c = c + factor * load(product, at + 2 * LANES)
            d = d + factor * load(product, at + 3 * LANES)
            at += step
        at = start + i * step + j * LANES
        store(product, at, a)
        store(product, at + LANES, b)
        store(product, at + 2 * LANES, c)
        store(product, at + 3 * LANES, d)
        j += 4
    while j < n:
        a = splat(0.0)
        at = start + i * step + j * LANES
        for k in range(i, j + 1):
            a = a + load(row, k * LANES) * load(product, at)
            at += step
        store(product, start + i * step + j * LANES, a)
        j += 1


@_compiled
def bidiagonalise(product, diagonal, above):
    """Reduce matrices, (m/8, N, N, 8), to bidiagonal form by Householder reflections.

    Writes the bidiagonals into diagonal, (N, m), and above, (N - 1, m); the largest entry of a
    matrix is of order 1.
    """
    groups, n = product.shape[:2]
    count = groups * LANES
    a, v = np.empty((n, n, LANES)), np.empty((3, n, LANES))
    for g in range(groups):
        a[:] = product[g]
        for k in range(n):
            at = k * count + g * LANES
            for i in range(k, n):
                store(v, i * LANES, load(a, (i * n + k) * LANES))
            length, f = _reflector(v, 0, k, n)
            store(diagonal, at, length)
            if k + 1 < n:
                _column_times(a, v, f, k, n)
                length, f = _reflector(v, 2 * n * LANES, k + 1, n)
                store(above, at, length)
                _update(a, v, f, k, n)


@_compiled
def _reflector(v, row, k, n):
    """Householder's vector of v[k:]; the entry that remains, and 2 over the vector's square."""
    square = splat(0.0)
    for i in range(k, n):
        x = load(v, row + i * LANES)
        square = square + x * x
    length, first = square_root(square), load(v, row + k * LANES)
    down = first < 0.0
    store(v, row + k * LANES, first + select(down, 0.0 - length, length))
    # the largest entry is of order 1: what is so small is 0, and 2/square must not overflow
    small = square < _NEGLIGIBLE
    divisor = length * (length + maximum(first, 0.0 - first))
    factor = select(small, splat(0.0), 1.0 / select(small, splat(1.0), divisor))
    return select(down, length, 0.0 - length), factor


@_compiled
def _column_times(a, v, f, k, n):
    """Write y = f v^T a to v[1], and row k of a - v y^T to v[2]."""
    step = n * LANES
    first = load(v, k * LANES)
    j = k + 1
    while j < n:
        last = min(j + 4, n)
        # the last columns twice if their number is not a multiple of four
        j = max(last - 4, k + 1)
        if last - j == 4:
            y0, y1, y2, y3 = splat(0.0), splat(0.0), splat(0.0), splat(0.0)
            at = k * step + j * LANES
            for i in range(k, n):
                x = load(v, i * LANES)
                y0 = y0 + x * load(a, at)
                y1 = y1 + x * load(a, at + LANES)
                y2 = y2 + x * load(a, at + 2 * LANES)
                y3 = y3 + x * load(a, at + 3 * LANES)
                at += step
            to = step + j * LANES
            store(v, to, y0 * f)
            store(v, to + LANES, y1 * f)
            store(v, to + 2 * LANES, y2 * f)
            store(v, to + 3 * LANES, y3 * f)
        else:
            for each in range(j, last):
                y0 = splat(0.0)
                for i in range(k, n):
                    y0 = y0 + load(v, i * LANES) * load(a, i * step + each * LANES)
                store(v, step + each * LANES, y0 * f)
        j = last
    for j in range(k + 1, n):
        y0 = load(v, step + j * LANES)
        store(v, 2 * step + j * LANES, load(a, k * step + j * LANES) - first * y0)


@_compiled
def _update(a, v, f, k, n):
    """a - v y^T, and of that a - x z^T with x = f a z; v, y, z are the rows of v."""
    step = n * LANES
    inner = splat(0.0)
    for j in range(k + 1, n):
        inner = inner + load(v, step + j * LANES) * load(v, 2 * step + j * LANES)
    for i in range(k + 1, n):
        factor = load(v, i * LANES)
        x, other = splat(0.0), splat(0.0)
        row = i * step
        j = k + 1
        while j + 2 <= n:
            at = j * LANES
            x = x + load(a, row + at) * load(v, 2 * step + at)
            other = other + load(a, row + at + LANES) * load(v, 2 * step + at + LANES)
            j += 2
        if j < n:
            x = x + load(a, row + j * LANES) * load(v, 2 * step + j * LANES)
        x = (x + other - factor * inner) * f
        for j in range(k + 1, n):
            at = j * LANES
            y, z = load(v, step + at), load(v, 2 * step + at)
            store(a, row + at, load(a, row + at) - factor * y - x * z)
