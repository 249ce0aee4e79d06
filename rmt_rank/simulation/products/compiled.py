"""Compiled loops for small real matrices (numba, the extra `fast`).

Entries of many matrices stand side by side along the last axis, so that the innermost loops run
over matrices and become vector instructions; a block of them fits the second-level cache.
"""

from __future__ import annotations

import math

import numba
import numpy as np
from llvmlite import ir
from numba.extending import intrinsic

from rmt_rank.simulation.products.compiled_loops import compiled

__all__ = ["bidiagonal_singular_values", "bidiagonalise", "box_muller", "multiply", "start"]

# Multiplications and additions may be joined; nothing is reordered.
_compiled = compiled(nogil=True, error_model="numpy", fastmath={"contract"})

_NEGLIGIBLE = 1e-290
# Numbers that stay in the first-level cache while one is made of the other.
_CHUNK = 512
_MANTISSA = np.int64(0x000FFFFFFFFFFFFF)
_ONE = np.int64(0x3FF0000000000000)
_TWO_52 = np.int64(0x4330000000000000)
# log(1 + f) = f - f^2/2 + s (f^2/2 + R), s = f/(2 + f), R a series in s^2: 2 s^(2k)/(2k + 1).
_LOG = tuple(2 / (2 * k + 1) for k in range(1, 12))
_LN2 = math.log(2)
# Taylor series of sin and cos; the angle is at most pi/4.
_SIN = tuple((-1) ** k / math.factorial(2 * k + 1) for k in range(1, 9))
_COS = tuple((-1) ** k / math.factorial(2 * k) for k in range(1, 9))


@_compiled
def _radii(uniform, scale, out, bits, floats):
    """Write scale sqrt(-2 log(1 - u)); bits and floats share memory."""
    count = uniform.size
    for i in range(count):
        floats[i] = 1.0 - uniform[i]
    for i in range(count):
        out[i] = floats[i]
    # the exponent as a float: its bits behind those of 2^52
    for i in range(count):
        bits[i] = (bits[i] >> 52) | _TWO_52
    for i in range(count):
        uniform[i] = floats[i] - (4503599627370496.0 + 1023.0)
        floats[i] = out[i]
    for i in range(count):
        bits[i] = (bits[i] & _MANTISSA) | _ONE
    for i in range(count):
        m, exponent = floats[i], uniform[i]
        high = m > math.sqrt(2.0)
        m = 0.5 * m if high else m
        exponent = exponent + 1.0 if high else exponent
        f = m - 1.0
        s = f / (2.0 + f)
        z = s * s
        series = _LOG[10]
        series = series * z + _LOG[9]
        series = series * z + _LOG[8]
        series = series * z + _LOG[7]
        series = series * z + _LOG[6]
        series = series * z + _LOG[5]
        series = series * z + _LOG[4]
        series = series * z + _LOG[3]
        series = series * z + _LOG[2]
        series = series * z + _LOG[1]
        series = series * z + _LOG[0]
        half_square = 0.5 * f * f
        log = exponent * _LN2 + (f - (half_square - s * (half_square + z * series)))
        out[i] = scale * math.sqrt(-2.0 * log)


@_compiled
def _rotate(turns, cosine, sine):
    """Multiply radii, given in both, by cos and sin of 2 pi turns, 0 <= turns < 1."""
    for i in range(turns.size):
        x = 4.0 * turns[i]
        quarter = math.floor(x + 0.5)
        angle = (x - quarter) * (0.5 * math.pi)
        z = angle * angle
        s = _SIN[7]
        s = s * z + _SIN[6]
        s = s * z + _SIN[5]
        s = s * z + _SIN[4]
        s = s * z + _SIN[3]
        s = s * z + _SIN[2]
        s = s * z + _SIN[1]
        s = s * z + _SIN[0]
        s = angle + angle * z * s
        c = _COS[7]
        c = c * z + _COS[6]
        c = c * z + _COS[5]
        c = c * z + _COS[4]
        c = c * z + _COS[3]
        c = c * z + _COS[2]
        c = c * z + _COS[1]
        c = c * z + _COS[0]
        c = 1.0 + z * c
        odd = (quarter == 1.0) | (quarter == 3.0)
        first = s if odd else c
        second = c if odd else s
        first = -first if (quarter == 1.0) | (quarter == 2.0) else first
        second = -second if (quarter == 2.0) | (quarter == 3.0) else second
        cosine[i] *= first
        sine[i] *= second


@_compiled
def box_muller(uniform, scale):
    """Normal numbers of standard deviation scale, as `rmt_rank._lib.random` has them."""
    half = uniform.size // 2
    out = np.empty(uniform.size)
    bits = np.empty(_CHUNK, dtype=np.int64)
    floats = bits.view(np.float64)
    for begin in range(0, half, _CHUNK):
        end = min(begin + _CHUNK, half)
        cosine, sine = out[begin:end], out[half + begin : half + end]
        _radii(uniform[begin:end], scale, cosine, bits, floats)
        for i in range(end - begin):
            sine[i] = cosine[i]
        _rotate(uniform[half + begin : half + end], cosine, sine)
    return out


@_compiled
def start(diagonal, above, product):
    """Write a block of bidiagonal factors into product, shape (N, N, block)."""
    n = product.shape[0]
    product[:] = 0.0
    for i in range(n):
        product[i, i] = diagonal[i]
    for i in range(n - 1):
        product[i, i + 1] = above[i]


@_compiled
def multiply(diagonal, above, product, bidiagonal):
    """Multiply product in place by triangular factors on its left; it is upper triangular."""
    n, _, block = product.shape
    row = 0
    for i in range(n):
        factor = diagonal[i]
        for j in range(i, n):
            y = product[i, j]
            for m in range(block):
                y[m] *= factor[m]
        # two rows at a time, so that the sums are read and written half as often
        for k in range(i + 1, n - 1, 2):
            first, second = above[row], above[row + 1]
            row += 2
            x, y = product[k, k], product[i, k]
            for m in range(block):
                y[m] += first[m] * x[m]
            end = min(k + 3, n) if bidiagonal else n
            for j in range(k + 1, end):
                x, z, y = product[k, j], product[k + 1, j], product[i, j]
                for m in range(block):
                    y[m] += first[m] * x[m] + second[m] * z[m]
        if (n - 1 - i) % 2 == 1:  # the last row, one entry
            factor = above[row]
            row += 1
            x, y = product[n - 1, n - 1], product[i, n - 1]
            for m in range(block):
                y[m] += factor[m] * x[m]


@_compiled
def _reflector(first, rest, out):
    """Householder's vector of (first, ...), rest being the others' sum of squares.

    Its first entry replaces `first`, 2/|v|^2 replaces `rest`, and the entry that remains goes to
    out.
    """
    for m in range(first.size):
        length = math.copysign(math.sqrt(first[m] * first[m] + rest[m]), -first[m])
        out[m] = length
        first[m] -= length
        square = first[m] * first[m] + rest[m]
        # the largest entry is of order 1: what is so small is 0, and 2/square must not overflow
        rest[m] = 2.0 / square if square > _NEGLIGIBLE else 0.0


@_compiled
def bidiagonalise(a, diagonal, above):
    """Reduce a, shape (N, N, block), to bidiagonal form by Householder reflections; destroys a.

    Writes the bidiagonals into diagonal, (N, block), and above, (N - 1, block).
    """
    n, _, block = a.shape
    row = np.empty((n, block))
    factor = np.empty(block)
    for k in range(n):
        factor[:] = 0.0
        for i in range(k + 1, n):
            x = a[i, k]
            for m in range(block):
                factor[m] += x[m] * x[m]
        _reflector(a[k, k], factor, diagonal[k])
        if k + 1 == n:
            break
        row[k + 1 :] = 0.0
        for i in range(k, n):
            x = a[i, k]
            for j in range(k + 1, n):
                y, z = row[j], a[i, j]
                for m in range(block):
                    y[m] += x[m] * z[m]
        for j in range(k + 1, n):
            y = row[j]
            for m in range(block):
                y[m] *= factor[m]
        x = a[k, k]
        for j in range(k + 1, n):
            y, z = row[j], a[k, j]
            for m in range(block):
                z[m] -= x[m] * y[m]
        factor[:] = 0.0
        for j in range(k + 2, n):
            x = a[k, j]
            for m in range(block):
                factor[m] += x[m] * x[m]
        _reflector(a[k, k + 1], factor, above[k])
        # both reflections of a row while it is in the cache
        inner = row[0]
        for i in range(k + 1, n):
            inner[:] = 0.0
            x = a[i, k]
            for j in range(k + 1, n):
                v, y, z = a[k, j], row[j], a[i, j]
                for m in range(block):
                    z[m] -= x[m] * y[m]
                    inner[m] += v[m] * z[m]
            for m in range(block):
                inner[m] *= factor[m]
            for j in range(k + 1, n):
                v, z = a[k, j], a[i, j]
                for m in range(block):
                    z[m] -= inner[m] * v[m]


@intrinsic
def _call(_context, function, n, d, e, work, info):
    """Call function(n, d, e, work, info); all are addresses."""

    def generate(_context, builder, _signature, arguments):
        byte = ir.IntType(8).as_pointer()
        kind = ir.FunctionType(ir.VoidType(), [byte] * 5).as_pointer()
        pointers = [builder.inttoptr(argument, byte) for argument in arguments[1:]]
        builder.call(builder.inttoptr(arguments[0], kind), pointers)

    # an address that comes in as an argument keeps the compiled code cacheable
    return numba.types.void(*[numba.types.intp] * 6), generate


@_compiled
def bidiagonal_singular_values(dlasq1, diagonal, above):
    """Singular values, (block, N), as `bidiagonal.bidiagonal_singular_values`; nan if that fails.

    Parameters
    ----------
    dlasq1 : int
        Address of LAPACK's function.
    diagonal, above : ndarray, shape (N, block), (N - 1, block)
        The bidiagonal matrices.
    """
    n, block = diagonal.shape
    values = np.empty((block, n))
    e, work = np.zeros(n), np.empty(4 * n)
    size, info = np.array([n], dtype=np.int32), np.zeros(1, dtype=np.int32)
    for m in range(block):
        finite = True
        for i in range(n):
            values[m, i] = diagonal[i, m]
            finite &= math.isfinite(diagonal[i, m])
        for i in range(n - 1):
            e[i] = above[i, m]
            finite &= math.isfinite(above[i, m])
        if finite:
            _call(
                dlasq1,
                size.ctypes.data,
                values[m].ctypes.data,
                e.ctypes.data,
                work.ctypes.data,
                info.ctypes.data,
            )
        if not finite or info[0] != 0:
            values[m] = np.nan
    return values
