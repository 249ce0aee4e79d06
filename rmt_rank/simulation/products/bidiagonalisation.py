"""Bidiagonal forms of a batch of matrices, in operations on arrays of any library.

Golub and Kahan's reduction by Householder reflections: every step is two products of the matrices
with vectors and an update of rank two, on the whole batch.  Phases of a bidiagonal matrix do not
change its singular values, so that moduli are returned and reflections are Hermitian.
"""

from __future__ import annotations

from types import ModuleType
from typing import Any

from rmt_rank._lib.array import matmul

__all__ = ["bidiagonalise"]


def bidiagonalise(xp: ModuleType, a: Any) -> tuple[Any, Any]:
    """Entries of upper bidiagonal matrices with the singular values of the given ones.

    Parameters
    ----------
    xp : module
        Array API namespace.
    a : array, shape (count, m, n)
        Real or complex, m >= n >= 1.  Squares of entries must be neither infinite nor, where they
        matter, below the smallest float.

    Returns
    -------
    diagonal, above : array, shape (n, count) and (n - 1, count)
        Real and non-negative.
    """
    n = a.shape[-1]
    diagonal, above = [], []
    for k in range(n):
        # the reflection I - f v v^H takes the first column to a multiple of the first unit vector
        v, f, length = _reflection(xp, a[:, :, 0])
        diagonal.append(length)
        if k + 1 == n:
            break
        rest = a[:, :, 1:]
        y = f[:, None] * _row_times(xp, v, rest)
        # I - g z z^H, on the right, does this to the conjugate of the new first row
        row = rest[:, 0, :] - v[:, 0, None] * y
        z, g, length = _reflection(xp, _conjugate(xp, row))
        above.append(length)
        inner = xp.sum(y * z, axis=-1)
        x = matmul(xp, rest, z[:, :, None])[:, :, 0] - v * inner[:, None]
        x = g[:, None] * x
        left = xp.stack([v[:, 1:], x[:, 1:]], axis=-1)
        right = xp.stack([y, _conjugate(xp, z)], axis=-2)
        a = rest[:, 1:, :] - matmul(xp, left, right)
    if not above:
        return xp.stack(diagonal), xp.zeros((0, a.shape[0]), dtype=diagonal[0].dtype)
    return xp.stack(diagonal), xp.stack(above)


def _reflection(xp: ModuleType, column: Any) -> tuple[Any, Any, Any]:
    """Vectors v and factors f of reflections of columns, (count, m), and the columns' lengths."""
    modulus = xp.abs(column)
    length = xp.sqrt(xp.sum(modulus * modulus, axis=-1))
    first, size = column[:, 0], modulus[:, 0]
    one = xp.ones_like(size)
    # first + length first/|first|, which does not cancel
    turned = size > 0
    phase = xp.where(turned, first / xp.where(turned, size, one), xp.astype(one, column.dtype))
    start = first + length * phase
    scale = length * (length + size)
    f = xp.where(scale > 0, 1 / xp.where(scale > 0, scale, one), xp.zeros_like(scale))
    return xp.concat([start[:, None], column[:, 1:]], axis=1), f, length


def _row_times(xp: ModuleType, v: Any, a: Any) -> Any:
    """v^H a."""
    return matmul(xp, _conjugate(xp, v)[:, None, :], a)[:, 0, :]


def _conjugate(xp: ModuleType, a: Any) -> Any:
    return xp.conj(a) if xp.isdtype(a.dtype, "complex floating") else a
