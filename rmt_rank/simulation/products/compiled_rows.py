"""Triangular products and bidiagonal forms of single matrices of some hundred columns.

Entries of a row stand side by side, eight to a vector.

Householder's reflections take column k, then row k to one entry: A - v y^T - x z^T, where
y = f v^T A and x = g (A - v y^T) z.  The change by v y^T and x z^T is made in the same pass that
computes the next y, so that a step reads the matrix twice.
"""

from __future__ import annotations

import numpy as np

from rmt_rank.simulation.products.compiled_loops import compiled
from rmt_rank.simulation.products.vectors import LANES, broadcast, load, splat, store

__all__ = ["bidiagonal_forms", "multiply_rows"]

_compiled = compiled(nogil=True, error_model="numpy")

# A sum of squares that counts as 0, where the largest entry is of order 1.
_NEGLIGIBLE = 1e-290


@_compiled
def multiply_rows(diagonal, above, product):
    """Multiply product in place by triangular factors on its left.

    Parameters
    ----------
    diagonal, above : ndarray, shape (m, N), (m, N(N-1)/2)
        The factors' entries.
    product : ndarray, shape (m, height, columns)
        Upper triangular; zeros beyond N.  height is a multiple of 4, columns of 8.
    """
    n = diagonal.shape[1]
    corner = np.empty((4, 4))
    for m in range(len(diagonal)):
        for j in range(0, n, LANES):
            for i in range(0, min(j + LANES, n), 4):
                for r in range(4):
                    corner[r] = 0.0
                    if i + r < n:
                        corner[r, r] = diagonal[m, i + r]
                        for k in range(i + r + 1, min(i + 4, n)):
                            corner[r, k - i] = above[m, _row(n, i + r) + k]
                _four_rows(corner, above[m], product[m], i, j, n)


@_compiled
def _row(n, i):
    """Place of the entry (i, 0) if row i of the entries above the diagonal began there."""
    return i * n - i * (i + 1) // 2 - i - 1


@_compiled
def _four_rows(corner, above, product, i, j, n):
    """Entries of rows i, ..., i + 3 and columns j, ..., j + 7."""
    columns = product.shape[1]
    a, b, c, d = splat(0.0), splat(0.0), splat(0.0), splat(0.0)
    at = i * columns + j
    for k in range(4):
        x = load(product, at + k * columns)
        a = a + broadcast(corner, k) * x
        b = b + broadcast(corner, 4 + k) * x
        c = c + broadcast(corner, 8 + k) * x
        d = d + broadcast(corner, 12 + k) * x
    to_a, to_b, to_c, to_d = _row(n, i), _row(n, i + 1), _row(n, i + 2), _row(n, i + 3)
    for k in range(i + 4, min(j + LANES, n)):
        x = load(product, k * columns + j)
        a = a + broadcast(above, to_a + k) * x
        b = b + broadcast(above, to_b + k) * x
        c = c + broadcast(above, to_c + k) * x
        d = d + broadcast(above, to_d + k) * x
    store(product, at, a)
    store(product, at + columns, b)
    store(product, at + 2 * columns, c)
    store(product, at + 3 * columns, d)


@_compiled
def bidiagonal_forms(product, n):
    """Diagonals, (m, N), and entries above them, (m, N - 1), of matrices reduced by reflections.

    product is as for `multiply_rows`; the largest entry of each matrix is of order 1.
    """
    count = len(product)
    a = np.empty(product.shape[1:])
    diagonal, above = np.empty((count, n)), np.empty((count, n - 1))
    for m in range(count):
        a[:] = product[m]
        _reduce(a, n, diagonal[m], above[m])
    return diagonal, above


@_compiled
def _reduce(a, n, diagonal, above):
    height, columns = a.shape
    v, x, new_v = np.zeros(height), np.zeros(height), np.zeros(height)
    y, z, new_y = np.zeros(columns), np.zeros(columns), np.zeros(columns)
    for k in range(n):
        for i in range(k, n):
            new_v[i] = a[i, k] - v[i] * y[k] - x[i] * z[k]
        new_v[:k] = 0.0
        diagonal[k], f = _reflector(new_v, k, n)
        if k + 1 == n:
            break
        first = (k + 1) // LANES * LANES
        top = k // 4 * 4
        _change(a, v, x, y, z, new_v, new_y, top, first)
        inner = 0.0
        for j in range(k + 1, n):
            y[j] = new_y[j] * f
            z[j] = a[k, j] - new_v[k] * y[j]
        y[first : k + 1] = 0.0
        z[first : k + 1] = 0.0
        above[k], g = _reflector(z, k + 1, n)
        for j in range(k + 1, n):
            inner += y[j] * z[j]
        v, new_v = new_v, v
        _times(a, v, x, z, inner, g, (k + 1) // 4 * 4, first)


@_compiled
def _reflector(v, k, n):
    """Householder's vector of v[k:n]; the entry that remains, and 2 over the vector's square."""
    square = 0.0
    for i in range(k, n):
        square += v[i] * v[i]
    length, first = np.sqrt(square), v[k]
    if square < _NEGLIGIBLE:
        return -length, 0.0
    signed = length if first >= 0 else -length
    v[k] = first + signed
    return -signed, 1.0 / (length * (length + abs(first)))


@_compiled
def _change(a, v, x, y, z, new_v, new_y, top, first):
    """Subtract v y^T + x z^T from a, and write new_v^T a to new_y; four rows at a time."""
    height, columns = a.shape
    new_y[first:] = 0.0
    for i in range(top, height, 4):
        v0, v1, v2, v3 = splat(v[i]), splat(v[i + 1]), splat(v[i + 2]), splat(v[i + 3])
        x0, x1, x2, x3 = splat(x[i]), splat(x[i + 1]), splat(x[i + 2]), splat(x[i + 3])
        w0, w1 = splat(new_v[i]), splat(new_v[i + 1])
        w2, w3 = splat(new_v[i + 2]), splat(new_v[i + 3])
        at = i * columns + first
        for j in range(first, columns, LANES):
            y_j, z_j = load(y, j), load(z, j)
            a0 = load(a, at) - v0 * y_j - x0 * z_j
            a1 = load(a, at + columns) - v1 * y_j - x1 * z_j
            a2 = load(a, at + 2 * columns) - v2 * y_j - x2 * z_j
            a3 = load(a, at + 3 * columns) - v3 * y_j - x3 * z_j
            store(a, at, a0)
            store(a, at + columns, a1)
            store(a, at + 2 * columns, a2)
            store(a, at + 3 * columns, a3)
            store(new_y, j, load(new_y, j) + (w0 * a0 + w1 * a1) + (w2 * a2 + w3 * a3))
            at += LANES


@_compiled
def _times(a, v, x, z, inner, g, top, first):
    """Write g (a z - inner v) to x; four rows at a time."""
    height, columns = a.shape
    sums = np.empty((4, LANES))
    for i in range(top, height, 4):
        s0, s1, s2, s3 = splat(0.0), splat(0.0), splat(0.0), splat(0.0)
        at = i * columns + first
        for j in range(first, columns, LANES):
            z_j = load(z, j)
            s0 = s0 + load(a, at) * z_j
            s1 = s1 + load(a, at + columns) * z_j
            s2 = s2 + load(a, at + 2 * columns) * z_j
            s3 = s3 + load(a, at + 3 * columns) * z_j
            at += LANES
        store(sums, 0, s0)
        store(sums, LANES, s1)
        store(sums, 2 * LANES, s2)
        store(sums, 3 * LANES, s3)
        for row in range(4):
            total = 0.0
            for lane in range(LANES):
                total += sums[row, lane]
            x[i + row] = g * (total - inner * v[i + row])
