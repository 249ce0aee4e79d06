r"""Log singular values of long products, of full accuracy at any depth.

The product W = A_l ... A_1 is kept as Q D T: Q has orthonormal columns, D is diagonal, positive and
kept as logarithms, and T has rows of moderate size and is well conditioned.  A new factor goes in
by A Q = Q' R and D' = |diag R| D:  A W = Q' D' (D'^-1 R D) T, and the entries R_ij D_j/D'_i stay
moderate since D decreases down the diagonal, as the Lyapunov exponents do (the stabilisation of
determinant Monte Carlo; see also Drmac, Veselic, doi:10.1137/050639193).

The singular values of W are those of D T.  One-sided Jacobi rotations make its rows orthogonal;
rows are kept as unit vectors and logarithms of lengths, so that lengths of any ratio can meet:
their rotation is computed from that ratio, which may underflow to 0.  Their lengths are then the
singular values, each to the accuracy that the condition of T allows (Demmel et al.,
doi:10.1016/S0024-3795(99)00134-2).
"""

from __future__ import annotations

from types import ModuleType
from typing import Any

import numpy as np

__all__ = ["LogProduct", "log_lengths_of_orthogonal_rows"]

# Jacobi's method converges quadratically, in 5 to 10 sweeps; this guards against failure only.
_MOST_SWEEPS = 60


class LogProduct:
    """A product of matrices that is never formed.

    Parameters
    ----------
    xp : module
        Array API namespace.
    triangular : bool
        Whether all factors are square and upper triangular, which saves their decomposition: Q is
        the identity.
    """

    def __init__(self, xp: ModuleType, *, triangular: bool = False) -> None:
        self.xp, self.triangular = xp, triangular
        self.Q: Any = None
        self.D: Any = None
        self.T: Any = None

    def multiply(self, factor: Any) -> None:
        """Multiply by a factor on the left, shape (block, k, m)."""
        xp = self.xp
        R = factor if self.Q is None else factor @ self.Q
        if not self.triangular:
            self.Q, R = xp.linalg.qr(R, mode="reduced")
        size = xp.abs(xp.linalg.diagonal(R))
        if self.D is None:
            self.D, self.T = xp.log(size), R / size[..., None]
            return
        new = xp.log(size) + self.D[..., : R.shape[-2]]
        # above the diagonal D_j/D'_i is moderate; below, R is 0, and the quotient might overflow
        upper = xp.asarray(np.triu(np.ones(R.shape[-2:], dtype=bool)))
        gap = xp.where(upper, self.D[..., None, :] - new[..., :, None], xp.zeros_like(xp.abs(R)))
        # the first factor may be real where the others are complex
        self.T = (R * xp.astype(xp.exp(gap), R.dtype)) @ xp.astype(self.T, R.dtype, copy=False)
        self.D = new

    def rescale(self) -> None:
        """Nothing: logarithms need none."""

    def singular_values(self) -> Any:
        """Log singular values, shape (block, k), in descending order."""
        logs = log_lengths_of_orthogonal_rows(self.xp, self.T, self.D)
        return self.xp.sort(logs, axis=-1, descending=True)


def log_lengths_of_orthogonal_rows(xp: ModuleType, rows: Any, logs: Any) -> Any:
    """Log singular values, in any order, of diag(exp(logs)) rows by one-sided Jacobi rotations.

    Parameters
    ----------
    xp : module
        Array API namespace.
    rows : array, shape (block, k, n)
        Real or complex, k <= n.
    logs : array, shape (block, k)
        Logarithms of factors of the rows.

    Returns
    -------
    array, shape (block, k)
    """
    k, n = rows.shape[1:]
    if k % 2:  # a row of zeros is orthogonal to all others, and the last to be dropped
        rows = xp.concat([rows, xp.zeros_like(rows[:, :1, :])], axis=1)
        logs = xp.concat([logs, xp.full_like(logs[:, :1], -np.inf)], axis=1)
    h = rows.shape[1] // 2
    # every row meets every other: all but the first move on by one place on a circle
    circle = np.r_[np.arange(h), np.arange(2 * h - 1, h - 1, -1)]
    circle[1:] = np.roll(circle[1:], 1)
    places = np.r_[np.arange(h), np.arange(2 * h - 1, h - 1, -1)]
    move = np.empty(2 * h, dtype=np.intp)
    move[places] = circle
    move = xp.asarray(move)
    tolerance = n**0.5 * float(xp.finfo(logs.dtype).eps)
    rows, logs = _unit(xp, rows, logs)
    for _ in range(_MOST_SWEEPS):
        largest = 0.0
        for _ in range(2 * h - 1):
            rows, logs, cosine = _rotate(xp, rows, logs, h, tolerance)
            largest = max(largest, float(xp.max(cosine)))
            rows, logs = xp.take(rows, move, axis=1), xp.take(logs, move, axis=1)
        if largest <= tolerance:
            break
    else:
        raise ArithmeticError(
            f"Jacobi's method did not make {k} rows orthogonal in {_MOST_SWEEPS} sweeps: the "
            f"largest cosine left is {largest:.1e}"
        )
    if k % 2:
        logs = xp.sort(logs, axis=-1, descending=True)[:, :k]
    return logs


def _unit(xp: ModuleType, rows: Any, logs: Any) -> tuple[Any, Any]:
    square = xp.sum(xp.abs(rows) ** 2, axis=-1)
    length = xp.sqrt(xp.where(square > 0, square, xp.ones_like(square)))
    return rows / length[..., None], logs + xp.log(length)


def _rotate(xp: ModuleType, rows: Any, logs: Any, h: int, tolerance: float) -> tuple[Any, Any, Any]:
    """Make the rows i and h + i orthogonal; also returns the cosines of their angles before."""
    first, second = rows[:, :h, :], rows[:, h:, :]
    ordered = logs[:, :h] >= logs[:, h:]
    longer = xp.where(ordered, logs[:, :h], logs[:, h:])
    shorter = xp.where(ordered, logs[:, h:], logs[:, :h])
    p = xp.where(ordered[..., None], first, second)
    q = xp.where(ordered[..., None], second, first)
    inner = xp.sum((xp.conj(p) if xp.isdtype(p.dtype, "complex floating") else p) * q, axis=-1)
    cosine = xp.abs(inner)
    # rotate rows p and r q, r <= 1: the smaller root t of t^2 g - t d - g = 0, g = r |cos|,
    # d = 1 - r^2, over r
    r = xp.exp(xp.where(shorter > -np.inf, shorter - longer, xp.full_like(shorter, -np.inf)))
    d = (1 - r) * (1 + r)
    divisor = d + xp.sqrt(d * d + 4 * (r * cosine) ** 2)
    turn = (cosine > tolerance) & (divisor > 0)
    divisor = xp.where(turn, divisor, xp.ones_like(divisor))
    t_over_r = xp.where(
        turn[..., None], (2 * inner / divisor)[..., None], xp.zeros_like(p[..., :1])
    )
    conjugate = xp.conj(t_over_r) if xp.isdtype(p.dtype, "complex floating") else t_over_r
    new_p = p + conjugate * (r * r)[..., None] * q
    new_q = q - t_over_r * p
    new_p, longer = _unit(xp, new_p, longer)
    new_q, shorter = _unit(xp, new_q, shorter)
    # both were divided by the cosine of the rotation's angle, 1/sqrt(1 + |t|^2)
    shrink = 0.5 * xp.log1p((xp.abs(t_over_r[..., 0]) * r) ** 2)
    # back to their places, so that in a sweep every row meets every other
    new = [xp.where(ordered[..., None], *pair) for pair in ((new_p, new_q), (new_q, new_p))]
    lengths = [xp.where(ordered, *pair) - shrink for pair in ((longer, shorter), (shorter, longer))]
    return xp.concat(new, axis=1), xp.concat(lengths, axis=1), cosine
