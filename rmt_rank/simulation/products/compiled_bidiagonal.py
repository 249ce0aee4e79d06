"""Singular values of bidiagonal matrices, eight at a time, by compiled loops.

The differential quotient difference algorithm (Fernando, Parlett, doi:10.1007/s002110050024).  q
and e are the squares of the diagonal and of the entries above it.  A sweep takes them to those of a
matrix whose squared singular values are less by a shift; the last row converges to the smallest
one.  The shift is Laguerre's lower bound of that, from the traces of the inverse of B B^T and of
its square; both are sums of positive terms, and are found during the sweep before.  So no value is
taken below 0, and no sweep is repeated.
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
    power_of_two,
    select,
    splat,
    square_root,
    store,
)

__all__ = ["bidiagonal_singular_values"]

_compiled = compiled(nogil=True, error_model="numpy")

_EPS = float(np.finfo(float).eps)
# Largest number of sweeps for one value, 3 on average; beyond it the value is nan.
_MOST_SWEEPS = 100


@_compiled
def bidiagonal_singular_values(diagonal, above):
    """Singular values, (m, N), descending; nan of a matrix that does not converge.

    Each has an error of about eps times the largest one, not of eps times itself as LAPACK's.

    Parameters
    ----------
    diagonal, above : ndarray, shape (N, m), (N - 1, m), m a multiple of 8
        The bidiagonal matrices.
    """
    n, count = diagonal.shape
    values = np.empty((count, n))
    q, e, shifts = np.empty((n, LANES)), np.zeros((n, LANES)), np.empty((n, LANES))
    for m in range(0, count, LANES):
        largest = splat(0.0)
        for k in range(n):
            x = load(diagonal, k * count + m)
            largest = maximum(largest, maximum(x, 0.0 - x))
            store(q, k * LANES, x)
        for k in range(n - 1):
            x = load(above, k * count + m)
            largest = maximum(largest, maximum(x, 0.0 - x))
            store(e, k * LANES, x)
        power = maximum(exponent(largest), splat(-1022.0))
        scale, scale_back = power_of_two(0.0 - power), power_of_two(power)
        total = splat(0.0)
        for k in range(n):
            d, a = load(q, k * LANES) * scale, load(e, k * LANES) * scale
            store(q, k * LANES, d * d)
            store(e, k * LANES, a * a)
            store(shifts, k * LANES, splat(0.0))
            total = total + (d * d + a * a)
        _squares(q, e, shifts, total)
        for k in range(n):
            store(q, k * LANES, square_root(load(q, k * LANES)) * scale_back)
        for k in range(n):
            for lane in range(LANES):
                values[m + lane, k] = q[k, lane]
    return values


@_compiled
def _squares(q, e, shifts, total):
    """Replace q by the squared singular values, descending; their sum is total."""
    n = q.shape[0]
    # entries of (eps sigma_1/8)^2 and less change singular values by eps sigma_1/8 at most
    negligible, tiny = total * (_EPS * _EPS / 64 / n), total * 1e-150
    for k in range(n):
        store(q, k * LANES, maximum(load(q, k * LANES), negligible))
    # the part of the matrix that ends at the last row: where it starts, and the traces
    zero, one = splat(0.0), splat(1.0)
    start, inverse, inverse_squares, shift = zero, one, zero, zero
    for last in range(n - 1, 0, -1):
        active = load(e, (last - 1) * LANES) > negligible
        given = active
        before_start, before_inverse, before_squares = start, inverse, inverse_squares
        sweeps = 0
        while any_lane(active):
            # one sweep
            found_start, found_inverse, found_squares = zero, zero, zero
            ended_start, ended_inverse, ended_squares = zero, zero, zero
            u, w, e_before = zero, zero, zero
            d = load(q, 0) - select(start <= 0.0, shift, zero)
            for k in range(last):
                at = k * LANES
                q_k, e_k, sum_of_shifts = load(q, at), load(e, at), load(shifts, at)
                q_new = d + e_k
                over = 1.0 / q_new
                t = load(q, at + LANES) * over
                e_new = e_k * t
                # u and w + u^2: entries of the inverse's diagonal, and what a row adds to the trace
                # of its square
                w = e_before * (2.0 * u * u + w) * over
                u = (e_before * u + 1.0) * over
                found_inverse = found_inverse + u
                found_squares = found_squares + (u * u + w)
                place = splat(float(k))
                d = maximum(d * t - select(start <= place + 1.0, shift, zero), tiny)
                splits = e_new <= negligible
                if k + 1 == last:
                    # its off-diagonal entry may also be small next to the last row's value
                    value = _EPS / 16 * (load(shifts, at + LANES) + shift + d)
                    splits = splits | ((e_new <= value) & (e_new * d <= value * value))
                e_new = select(splits, zero, e_new)
                ended_start = select(splits, found_start, ended_start)
                ended_inverse = select(splits, found_inverse, ended_inverse)
                ended_squares = select(splits, found_squares, ended_squares)
                found_start = select(splits, place + 1.0, found_start)
                found_inverse = select(splits, zero, found_inverse)
                found_squares = select(splits, zero, found_squares)
                u, w = select(splits, zero, u), select(splits, zero, w)
                e_before = e_new
                store(q, at, select(active, q_new, q_k))
                store(e, at, select(active, e_new, e_k))
                shifted = sum_of_shifts + shift
                store(shifts, at, select(active & (start <= place), shifted, sum_of_shifts))
            at = last * LANES
            store(q, at, select(active, d, load(q, at)))
            store(shifts, at, load(shifts, at) + select(active, shift, zero))
            over = 1.0 / d
            w = e_before * (2.0 * u * u + w) * over
            u = (e_before * u + 1.0) * over
            found_inverse = found_inverse + u
            found_squares = found_squares + (u * u + w)
            before_start = select(active, ended_start, before_start)
            before_inverse = select(active, ended_inverse, before_inverse)
            before_squares = select(active, ended_squares, before_squares)
            start = select(active, found_start, start)
            inverse = select(active, found_inverse, inverse)
            inverse_squares = select(active, found_squares, inverse_squares)
            shift = select(active, _lower_bound(start, inverse, inverse_squares, last), shift)
            active = active & (load(e, at - LANES) > 0.0)
            sweeps += 1
            if sweeps > _MOST_SWEEPS and any_lane(active):
                store(q, at, select(active, splat(np.nan), load(q, at)))
                active = active & (zero > one)
        # the row before, if a sweep reached it; otherwise a sweep without a shift follows
        start = select(given, before_start, zero)
        inverse = select(given, before_inverse, one)
        inverse_squares = select(given, before_squares, zero)
        bound = _lower_bound(start, inverse, inverse_squares, last - 1)
        shift = select(given, bound, zero)
        _insert(q, shifts, last)
    _insert(q, shifts, 0)


@_compiled
def _lower_bound(start, inverse, inverse_squares, last):
    """Laguerre's bound below the least of the squares of rows start, ..., last."""
    rows = splat(float(last + 1)) - start
    squares = rows * inverse_squares
    # plus rounding: the traces have relative errors of a few eps for each row
    spread = maximum(squares - inverse * inverse, splat(0.0)) + 16 * _EPS * rows * squares
    bound = rows / (inverse + square_root((rows - 1.0) * spread))
    # 0, too, if a sum has overflowed
    return maximum(bound * (1.0 - 8 * _EPS * rows), splat(0.0))


@_compiled
def _insert(q, shifts, last):
    """Add the value of row `last` to those behind it, which are in descending order."""
    n = q.shape[0]
    value = load(q, last * LANES) + load(shifts, last * LANES)
    k = last
    while k + 1 < n:
        behind = load(q, (k + 1) * LANES)
        less = value < behind
        if not any_lane(less):
            break
        store(q, k * LANES, select(less, behind, value))
        value = select(less, value, behind)
        k += 1
    store(q, k * LANES, value)
