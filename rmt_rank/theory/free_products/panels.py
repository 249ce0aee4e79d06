r"""The law of the singular values of a free product, as polynomials on panels.

The panels divide the range of a variable y that stretches both ends of the support,

    log(s_max/s) = B/(1 + e^-y),  or (1+m) log(1 + e^y) if s_min = 0,    B = log(s_max/s_min),

in which densities fall like exponentials; m is that of `curve`. Sums of positive parts
from either end keep the relative accuracy of tails.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from numpy.polynomial import legendre
from scipy import special

from rmt_rank.theory.free_products.curve import FreeProductCurve
from rmt_rank.theory.free_products.factors import Factor, ResidualFactor

__all__ = ["PanelLaw", "panel_law"]

Array = npt.NDArray[Any]
Index = npt.NDArray[np.intp]

# Densities fall like exp(-1.5 abs(y)) at soft edges: exp(-36) here.
SOFT_END = 24.0
# Panels: initial width, degree + 1 of the polynomials, and tolerance of these.
WIDTH, NODES, TOLERANCE, MAX_SPLITS = 2.0, 20, 1e-13, 40
# After FREE_SPLITS splits, only panels whose missing mass exceeds LOST_MASS are split.
FREE_SPLITS, LOST_MASS = 7, 1e-15
BISECTIONS = 52
ROUNDING = 1e-14
# Where t F' differs from m by less than this, the law is a power law.
POWER_LAW = 1e-15
# Tolerance on the total mass and the mean of a law.
ALLOWED = 1e-7
# Numbers of layers of residual factors tested at scales from 0.1 to 30, and at some scales only.
SAFE_LAYERS, MOST_LAYERS = 5, 12

_XI, _WEIGHTS = legendre.leggauss(NODES)
_TO_SERIES = (np.arange(NODES) + 0.5)[:, None] * legendre.legvander(_XI, NODES - 1).T * _WEIGHTS


class Panels(NamedTuple):
    """The density in y, by Legendre series on panels that follow each other from s_max to s_min."""

    start: Array
    width: Array
    series: Array  # one column per panel
    above: Array  # probability of values above those of the panel
    below: Array  # probability of values below those of the panel


class Quadrature(NamedTuple):
    """Means over the law are weights @ values."""

    log_ratio: Array  # log(s/mean)
    weights: Array
    end: tuple[float, float, float] | None  # nodes of the panels: log_ratio, density in y, 1 + m

    def log_moment(self, z: float) -> float:
        """log E[(s/mean)^z]."""
        logs = z * self.log_ratio
        top = float(logs.max())
        total = float(self.weights @ np.exp(logs - top))
        if self.end is not None:
            last, density, decay = self.end
            total += density * math.exp(z * last - top) / (1 + z * decay)
        return top + math.log(total)


@dataclass(frozen=True)
class PanelLaw:
    """The law of s, values being log(s/mean)."""

    curve: FreeProductCurve

    def coordinate(self, drop: Array, rise: Array) -> Array:
        """The y of log s = high - drop = low + rise."""
        with np.errstate(divide="ignore"):
            if self.curve.exponent > 0:
                x = drop / (1 + self.curve.exponent)
                y: Array = x + np.log(-np.expm1(-x))
            else:
                y = np.log(drop) - np.log(rise)
        return y

    def drop(self, y: Array) -> Any:
        """log(s_max/s)."""
        if self.curve.exponent > 0:
            return (1 + self.curve.exponent) * np.logaddexp(0, y)
        low, high = self.curve.log_edges
        return (high - low) * special.expit(y)

    def _rise(self, y: Array) -> Array:
        low, high = self.curve.log_edges
        if self.curve.exponent:
            return np.full(y.shape, np.inf)
        return (high - low) * np.asarray(special.expit(-y))

    def stretch(self, y: Array) -> Array:
        """The derivative of drop."""
        if self.curve.exponent > 0:
            return (1 + self.curve.exponent) * np.asarray(special.expit(y))
        low, high = self.curve.log_edges
        return (high - low) * np.asarray(special.expit(y) * special.expit(-y))

    def _edge_side(self, y: Array) -> Array:
        """-log of the distance from a soft edge, against which log s is rounded."""
        return np.maximum(-y, 0) if self.curve.exponent else np.abs(y)

    @property
    def _soft_end(self) -> float:
        low, high = self.curve.log_edges
        scale = 1 + self.curve.exponent if self.curve.exponent else high - low
        return SOFT_END + math.log(max(1.0, scale))

    @cached_property
    def last_y(self) -> float:
        """The end of the panels at the lower end of the support."""
        if not self.curve.exponent:
            return self._soft_end
        t = 1e-15
        while t > self.curve.smallest_t:
            t /= 10
            _, slope, _ = self.curve.real(np.array([t - 1]), np.array([t]))
            if (
                abs(float(slope[0]) / (t - 1) - self.curve.exponent)
                < POWER_LAW * self.curve.exponent
            ):
                break
        log = float(self.curve.real(np.array([t - 1]), np.array([t]))[0][0]) + math.log(t)
        return (self.curve.log_edges[1] - log) / (1 + self.curve.exponent)

    @cached_property
    def panels(self) -> Panels:
        """Panels, halved until their polynomials are accurate."""
        if any(_layers(factor) > MOST_LAYERS for factor, _ in self.curve.factors):
            raise ValueError(self._unfollowed("too many"))
        last = self.last_y
        ends = np.linspace(-self._soft_end, last, 1 + math.ceil((last + self._soft_end) / WIDTH))
        start, width = ends[:-1], np.diff(ends)
        found = []
        for split in range(MAX_SPLITS + 1):
            y = start + width * (_XI[:, None] + 1) / 2
            w = self.curve.solve(self.drop(y.ravel()), self._rise(y.ravel())).reshape(y.shape)
            density = _imaginary_t(w) / np.pi * self.stretch(y)
            series = _TO_SERIES @ density
            allowed = TOLERANCE + ROUNDING * np.exp(self._edge_side(y))
            allowed = allowed + 10 * self.curve.smallest_t**2 * np.abs(np.expm1(w))
            missed = np.abs(series[-2:]).max(axis=0) > (allowed * density).min(axis=0)
            if split >= FREE_SPLITS:
                missed &= np.abs(series[-2:]).max(axis=0) * width > LOST_MASS
            if split == MAX_SPLITS and missed.any():
                raise ArithmeticError(
                    f"the density of the product of {self.curve.factors} is not a polynomial to "
                    f"{TOLERANCE:g} on {int(missed.sum())} panels halved {MAX_SPLITS} times"
                )
            found.append((start[~missed], width[~missed], series[:, ~missed]))
            start, width = start[missed], width[missed] / 2
            start, width = np.concatenate([start, start + width]), np.tile(width, 2)
            if not start.size:
                break
        return self._summed(*(np.concatenate(v, axis=-1) for v in zip(*found, strict=True)))

    def _unfollowed(self, found: str) -> str:
        most = max((factor for factor, _ in self.curve.factors), key=_layers)
        return (
            "scale and layers of residual factors must let their product be followed: up to "
            f"{SAFE_LAYERS} layers, for some scales up to {MOST_LAYERS}; got {most!r}, {found}"
        )

    def _summed(self, start: Array, width: Array, series: Array) -> Panels:
        order = np.argsort(start)
        start, width, series = start[order], width[order], series[:, order]
        mass = series[0] * width
        first = float(legendre.legval(-1, series[:, 0])) / 1.5
        last = float(legendre.legval(1, series[:, -1])) / (1 if self.curve.exponent else 1.5)
        above = np.cumsum(np.concatenate([[first], mass]))
        below = np.cumsum(np.concatenate([[last], mass[::-1]]))[::-1]
        total = above[-1] + last
        if not abs(total - 1) < ALLOWED:
            if any(_layers(factor) > 1 for factor, _ in self.curve.factors):
                raise ValueError(self._unfollowed(f"which come to a law of mass {total:g}"))
            raise ArithmeticError(
                f"the factors have a product with a law of mass {total:g}: S-transforms of laws "
                "with a density are needed"
            )
        return Panels(start, width, series / total, above[:-1] / total, below[1:] / total)

    def _place(self, log_ratio: Array) -> tuple[Array, Index, Array]:
        """y, the panel and where in it, from -1 to 1, of values inside the support."""
        low, high = self.curve.log_edges
        y = self.coordinate(high - log_ratio, log_ratio - low)
        start, width, *_ = self.panels
        index = np.clip(np.searchsorted(start, y) - 1, 0, start.size - 1)
        return y, index, np.clip(2 * (y - start[index]) / width[index] - 1, -1, 1)

    def _beyond(self, y: Array) -> Array:
        """Ratio of the density at y beyond the panels to that at their end."""
        first, last = self.panels.start[0], self.last_y
        fall = 1.0 if self.curve.exponent else 1.5
        gone = 1.5 * np.maximum(first - y, 0) + fall * np.maximum(y - last, 0)
        result: Array = np.exp(-gone)
        return result

    def density(self, log_ratio: Array) -> Array:
        """Density of log s."""
        y, index, xi = self._place(log_ratio)
        inside = legendre.legval(xi, self.panels.series[:, index], tensor=False)
        return inside * self._beyond(y) / self.stretch(y)

    def above(self, log_ratio: Array) -> Array:
        """Probability of larger values."""
        y, index, xi = self._place(log_ratio)
        return self._above(index, xi) * np.where(y < self.panels.start[0], self._beyond(y), 1)

    def below(self, log_ratio: Array) -> Array:
        """Probability of smaller values."""
        y, index, xi = self._place(log_ratio)
        return self._below(index, xi) * np.where(y > self.last_y, self._beyond(y), 1)

    def _above(self, index: Index, xi: Array) -> Array:
        left, _ = self._integrals
        part = legendre.legval(xi, left[:, index], tensor=False)
        result: Array = self.panels.above[index] + part
        return result

    def _below(self, index: Index, xi: Array) -> Array:
        _, right = self._integrals
        part = legendre.legval(xi, right[:, index], tensor=False)
        result: Array = self.panels.below[index] - part
        return result

    @cached_property
    def _integrals(self) -> tuple[Array, Array]:
        """Series of the integrals from the left and the right end of the panels."""
        scaled = self.panels.series * self.panels.width / 2
        return legendre.legint(scaled, lbnd=-1), legendre.legint(scaled, lbnd=1)

    def from_tails(self, lower: Array, upper: Array) -> Array:
        """log(s/mean) where lower lies below and upper above, lower + upper = 1, both positive."""
        start, width, _, above, below = self.panels
        small = np.where(upper < lower, upper, lower)
        by_above = np.searchsorted(above, upper) - 1
        by_below = above.size - np.searchsorted(below[::-1], lower)
        index = np.clip(np.where(upper < lower, by_above, by_below), 0, above.size - 1)
        left, right = -np.ones(lower.shape), np.ones(lower.shape)
        for _ in range(BISECTIONS):
            xi = (left + right) / 2
            further = np.where(
                upper < lower, self._above(index, xi) < upper, self._below(index, xi) > lower
            )
            left, right = np.where(further, xi, left), np.where(further, right, xi)
        y = start[index] + width[index] * (xi + 1) / 2
        fall = 1.0 if self.curve.exponent else 1.5
        ends = above[0], below[-1]
        y = np.where(
            (upper < lower) & (small < ends[0]), start[0] + np.log(small / ends[0]) / 1.5, y
        )
        y = np.where(
            (upper >= lower) & (small < ends[1]), self.last_y - np.log(small / ends[1]) / fall, y
        )
        result: Array = self.curve.log_edges[1] - self.drop(y)
        return result

    @cached_property
    def quadrature(self) -> Quadrature:
        """Gauss's rule on the panels."""
        start, width, series, _, below = self.panels
        y = start + width * (_XI[:, None] + 1) / 2
        weights = legendre.legvander(_XI, NODES - 1) @ series * width * _WEIGHTS[:, None] / 2
        log_ratio = (self.curve.log_edges[1] - self.drop(y)).ravel(order="F")
        end = None
        if self.curve.exponent:
            last = self.curve.log_edges[1] - float(self.drop(np.array(self.last_y)))
            end = (last, float(below[-1]), 1 + self.curve.exponent)
        return Quadrature(log_ratio, weights.ravel(order="F"), end)


@lru_cache(maxsize=16)
def panel_law(curve: FreeProductCurve) -> PanelLaw:
    """The law of a curve; the latest ones are cached."""
    return PanelLaw(curve)


def _layers(factor: Factor) -> int:
    return factor.layers if isinstance(factor, ResidualFactor) else 1


def _imaginary_t(w: Array) -> Array:
    """Im t = Im -1/(e^w - 1), without cancellation."""
    size = np.sinh(w.real / 2) ** 2 + np.sin(w.imag / 2) ** 2
    result: Array = np.sin(w.imag) / (4 * size)
    return result
