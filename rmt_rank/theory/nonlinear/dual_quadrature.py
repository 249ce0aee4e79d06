r"""Duals of activations without a closed form, by quadrature.

Smooth activations. With he_k the orthonormal Hermite polynomials and
c_k(a) = E phi(sqrt(a) x) he_k(x),

    E phi(u) phi(w) = sum_k c_k(a) c_k(b) r^k.

The c_k are sums over equidistant points, whose error for analytic functions is exponentially small
in the distance of the nearest singularity over the step.  The remainder of
E phi^2 = sum_k c_k^2 is measured, and refused if it is more than `TOLERANCE`.  The drop from r = 1
is d sum_j r^j sum_(k>j) c_k(a) c_k(b), d = 1 - r.

Activations with kinks. In the coordinates u = sqrt(a) (C p + S m), w = sqrt(b) (C p - S m), with
C and S the cosine and sine of half the angle arccos r, the mean of (phi(u) - phi(w))^2/2 is

    D = [E phi(u)^2 + E phi(w)^2]/2 - E phi(u) phi(w),

without cancellation.  The plane is cut along the kinks, which are lines, first in m, then in p; the
inner integral changes within S/C of the p where lines meet the axis, so that panels gather there.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from rmt_rank._lib.activations import Activation

__all__ = ["TOLERANCE", "HermiteDual", "KinkedDual"]

Array = npt.NDArray[np.float64]

# Share of E phi^2 that a Hermite series may leave out.
TOLERANCE = 1e-14
_TERMS = (64, 256, 1024, 4096)
# exp(-REACH^2/2) is 2e-37, its square root, to which Hermite functions are held, 4e-19
_REACH, _STEP = 13.0, 1 / 64

# Panels of 20 Legendre nodes; the angles at which equal variances are computed.
_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(20)
_ANGLES, _INTERPOLATED = (48, 96, 192), 1e-11
_LAYER = np.array([-9.0, -4.0, -1.5, 0.0, 1.5, 4.0, 9.0])
_REST = np.linspace(-_REACH, _REACH, 11)
_BLOCK = 2**21
_TINY = 1e-150


def _gaussian(x: Array) -> Array:
    return np.asarray(np.exp(-x * x / 2) / np.sqrt(2 * np.pi))


def _values(found: Activation, x: Array) -> Array:
    with np.errstate(over="ignore", invalid="ignore"):
        values = np.asarray(found.function(x), dtype=np.float64)
    if not np.isfinite(values).all():
        raise ValueError(
            f"activation {found.name!r} must be finite where the quadrature needs it, up to "
            f"{float(np.abs(x).max()):.3g}"
        )
    return values


@lru_cache(maxsize=1)
def _points() -> Array:
    count = round(_REACH / _STEP)
    return np.asarray(_STEP * np.arange(-count, count + 1), dtype=np.float64)


@lru_cache(maxsize=len(_TERMS))
def _hermite(terms: int) -> Array:
    """Values of he_k sqrt(density), one row per point and one column per k."""
    x = _points()
    table = np.empty((terms, x.size))
    table[0] = np.sqrt(_gaussian(x))
    table[1] = x * table[0]
    for k in range(1, terms - 1):
        table[k + 1] = (x * table[k] - np.sqrt(k) * table[k - 1]) / np.sqrt(k + 1)
    return table.T


@dataclass(frozen=True, eq=False)
class HermiteDual:
    """A smooth activation, by its Hermite series."""

    found: Activation
    homogeneous: bool = False

    def second_moment(self, variance: Array) -> Array:
        """E phi(u)^2."""
        values = self._roots(variance)
        return np.asarray(np.einsum("...i,...i->...", values, values))

    def slope_moment(self, variance: Array) -> Array:
        """E phi'(u)^2 = sum_k k c_k^2/a."""
        c = self._coefficients(variance)
        k = np.arange(len(c)).reshape(-1, *[1] * np.ndim(variance))
        return np.asarray(np.sum(k * c * c, axis=0) / variance)

    def gap(self, first: Array, second: Array, gap: Array) -> Array:
        """1 less the correlation of phi(u) and phi(w)."""
        c = self._coefficients(first)
        d = c if first is second else self._coefficients(second)
        x, y = np.sqrt(np.sum(c * c, axis=0)), np.sqrt(np.sum(d * d, axis=0))
        terms = min(len(c), len(d))
        r = 1 - gap
        tail, total = c[-1] * d[-1], np.zeros(np.broadcast(first, second, gap).shape)
        for k in range(terms - 1, 0, -1):
            total *= r
            total += tail
            tail += c[k - 1] * d[k - 1]
        mismatch = np.where(first == second, 0.0, x * y - tail)
        return np.asarray(np.clip((mismatch + gap * total) / (x * y), 0, 2))

    def _roots(self, variance: Array) -> Array:
        """Values of phi times the root of their weights, along a last axis."""
        x = _points()
        u = np.sqrt(variance)[..., None] * x
        values = _values(self.found, u) * np.sqrt(_STEP * _gaussian(x))
        total = np.einsum("...i,...i->...", values, values)
        ends = np.maximum(values[..., 0] ** 2, values[..., -1] ** 2) / _STEP
        if not ((total > 0) & (ends <= TOLERANCE * total)).all():
            raise ValueError(
                f"activation {self.found.name!r} must have a positive, finite mean square at the "
                f"variance {float(np.max(variance)):.6g}; it grows too fast, or is 0"
            )
        return values

    def _coefficients(self, variance: Array) -> Array:
        """c_k along the first axis, as many as matter."""
        values = self._roots(variance)
        total = np.einsum("...i,...i->...", values, values)
        for terms in _TERMS:
            c = np.moveaxis(values @ _hermite(terms), -1, 0) * np.sqrt(_STEP)
            left = np.max(np.abs(1 - np.sum(c * c, axis=0) / total))
            if left <= TOLERANCE:
                return _shortened(c)
        raise ValueError(
            f"activation {self.found.name!r} must be smooth on the scale of its argument, got "
            f"{_TERMS[-1]} terms of its Hermite series that leave {left:.1e} of its mean square at "
            f"the variance {float(np.max(variance)):.6g}; one with kinks must list them"
        )


def _shortened(c: Array) -> Array:
    """The coefficients without those that together are below rounding."""
    shares = np.max((c * c).reshape(len(c), -1), axis=1)
    left = np.cumsum(shares[::-1])[::-1]
    return c[: max(2, int(np.sum(left > 1e-18 * np.sum(shares))))]


@dataclass(frozen=True, eq=False)
class KinkedDual:
    """An activation with kinks, by quadrature between them."""

    found: Activation
    homogeneous: bool = False

    def second_moment(self, variance: Array) -> Array:
        """E phi(u)^2."""
        found = self._mean_square(self.found, variance)
        if not (found > 0).all():
            raise ValueError(f"activation {self.found.name!r} must have a positive mean square")
        return found

    def slope_moment(self, variance: Array) -> Array:
        """E phi'(u)^2."""
        if self.found.derivative is None:
            raise ValueError(f"activation {self.found.name!r} must have a derivative")
        slope = Activation(f"derivative of {self.found.name}", self.found.derivative)
        return self._mean_square(slope, variance)

    def gap(self, first: Array, second: Array, gap: Array) -> Array:
        """1 less the correlation of phi(u) and phi(w)."""
        if (
            gap.size > _ANGLES[0]
            and np.size(first) == np.size(second) == 1
            and np.all(first == second)
        ):
            return self._interpolated(np.reshape(first, ()), gap)
        shape = np.broadcast(first, second, gap).shape
        a, b, g = (np.broadcast_to(v, shape).ravel() for v in (first, second, gap))
        return np.clip(self._direct(a, b, g), 0, 2).reshape(shape)

    def _mean_square(self, function: Activation, variance: Array) -> Array:
        v = np.sqrt(variance)[..., None]
        x, weights = _panels(np.array(self.found.kinks) / v)
        values = _values(function, v * x)
        return np.asarray(np.sum(weights * _gaussian(x) * values**2, axis=-1))

    def _interpolated(self, variance: Array, gap: Array) -> Array:
        """Chebyshev interpolation of the ratio of gaps in the angle."""
        for count in _ANGLES:
            nodes = np.polynomial.chebyshev.chebpts1(count)
            at = 2 * np.sin(np.pi * (1 + nodes) / 4) ** 2
            v = np.full(count, variance)
            table = np.polynomial.chebyshev.chebvander(nodes, count - 1)
            series = 2 / count * (table.T @ (self._direct(v, v, at) / at))
            series[0] /= 2
            left = np.abs(series[-8:]).max() / np.abs(series).max()
            if left <= _INTERPOLATED:
                break
        else:
            raise ValueError(
                f"activation {self.found.name!r} must be smooth between its kinks, got a dual that "
                f"is known to {left:.1e} only at the variance {float(variance):.6g}"
            )
        angle = 2 * np.arcsin(np.sqrt(gap / 2))
        value = np.polynomial.chebyshev.chebval(2 * angle / np.pi - 1, series)
        return np.asarray(np.clip(gap * value, 0, 2))

    def _direct(self, first: Array, second: Array, gap: Array) -> Array:
        """One integral over the plane for each element of flat arrays."""
        x, y = np.sqrt(self.second_moment(first)), np.sqrt(self.second_moment(second))
        kinks = len(self.found.kinks)
        panels = (_LAYER.size * kinks * (kinks + 2) + _REST.size) * (2 * kinks + _REST.size)
        size = max(1, _BLOCK // (_NODES.size**2 * panels))
        parts = [slice(i, i + size) for i in range(0, gap.size, size)]
        half = np.concatenate([self._half_square(first[s], second[s], gap[s]) for s in parts])
        return np.asarray((half - (x - y) ** 2 / 2) / (x * y))

    def _half_square(self, first: Array, second: Array, gap: Array) -> Array:
        """E (phi(u) - phi(w))^2/2."""
        S = np.sqrt(gap / 2)[:, None]
        C = np.sqrt(np.maximum(1 - gap / 2, 0))[:, None]
        x, y = np.sqrt(first)[:, None], np.sqrt(second)[:, None]
        kinks = np.array(self.found.kinks)
        on_u, on_w = kinks / x, kinks / y
        meet = (on_u[:, :, None] + on_w[:, None, :]).reshape(gap.size, -1) / 2
        centres = np.concatenate([on_u, on_w, meet], axis=1)
        cuts = (centres[:, :, None] + S[:, :, None] * _LAYER).reshape(gap.size, -1)
        p, p_weights = _panels(cuts / np.maximum(C, _TINY))
        p_part = C * p
        lines = np.concatenate(
            [
                on_u[:, None, :] - p_part[:, :, None],
                p_part[:, :, None] - on_w[:, None, :],
            ],
            axis=2,
        )
        m, m_weights = _panels(lines / np.maximum(S, _TINY)[:, :, None])
        m_part = S[:, :, None] * m
        u = x[:, :, None] * (p_part[:, :, None] + m_part)
        w = y[:, :, None] * (p_part[:, :, None] - m_part)
        square = (_values(self.found, u) - _values(self.found, w)) ** 2 / 2
        inner = np.sum(m_weights * _gaussian(m) * square, axis=2)
        return np.asarray(np.sum(p_weights * _gaussian(p) * inner, axis=1))


def _panels(cuts: Array) -> tuple[Array, Array]:
    """Legendre nodes and weights between the cuts along the last axis, and additional cuts."""
    rest = np.broadcast_to(_REST, (*cuts.shape[:-1], _REST.size))
    cuts = np.concatenate([np.clip(cuts, -_REACH, _REACH), rest], axis=-1)
    cuts = np.sort(cuts, axis=-1)
    half = np.diff(cuts)[..., None] / 2
    middle = (cuts[..., 1:] + cuts[..., :-1])[..., None] / 2
    shape = (*cuts.shape[:-1], -1)
    return (middle + half * _NODES).reshape(shape), (half * _WEIGHTS).reshape(shape)
