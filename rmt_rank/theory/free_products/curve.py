r"""The law of the singular values of a product of free factors, from their S-transforms.

s is a squared singular value of the product in the limit of infinite width, over its mean, and
t = E[s/(s - s')], the mean over s' of the law. S-transforms multiply, so with eta = (t-1)/t = e^w

    log s = -w + sum_j F_j(t),    F_j = log 1/S_j(t-1) less its value at t = 1,              (1)

and on the lower side of the support the density of log s is Im t/pi (Voiculescu).

Path to the support. w is analytic and injective for -pi < Im log s < 0, since (1) is its
inverse. At Im log s = -pi, s < 0, both t and w are known by real numbers: t falls from 1 to 0 along
that line. From there Im log s rises to 0 in steps that are fixed parts of the rest: w is
analytic on discs of that size and, by Koebe's theorem, so is its inverse around their images. That
Newton's method has followed is not proved but checked: steps are halved, in their logarithm, where
it or the state of a factor does not converge, and the law must have mass 1.

Edges. Beyond the support t is real, and log s falls as t falls from infinity or rises to 0; it ends
where d log s/dw = 0, or where an F_j is no longer analytic. If F_j ~ m_j log t at 0 there is no
lower edge, and t ~ s^(1/(1+m)), m = sum_j m_j.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, get_args

import numpy as np
import numpy.typing as npt
from scipy import special

from rmt_rank._lib.validation import shown
from rmt_rank.theory.free_products.factors import Factor

__all__ = ["FreeProductCurve", "curve_of"]

Array = npt.NDArray[Any]

# Part of Im log s that remains after a step, and the part of the distance to the next edge from
# which the last step is made.
STEP, LAST = 0.7, 0.25
# Relative error of t - 1 or t at an edge, where log s is stationary.
EDGE = 1e-9
# The smallest t that is needed.
SMALLEST_T = 1e-280
# Steps of Newton's method at each: errors of a part in 10 become 1e-2, 1e-4, 1e-8.
NEWTON_STEPS = 4
# The last change of w that is allowed, over w, on the way and at its end.
FOLLOWED, LAST_CHANGE = 1e-2, 1e-7
# Largest number of steps on the path; the most are needed where a law nearly has atoms.
MOST_STEPS = 400
# If the smallest t is larger than this, a user's S-transform limits it; it is rounded, and so its
# changes carry no information.
NOISELESS = 1e-20


@dataclass(frozen=True)
class FreeProductCurve:
    """Equation (1) and the law that follows."""

    factors: tuple[tuple[Factor, int], ...]  # distinct non-trivial factors, how often
    log_mean: float = 0.0  # log E s, including the trivial factors

    @cached_property
    def depth(self) -> float:
        """Sum of Var(s)/E[s]^2 over the factors."""
        return math.fsum(count * factor.relative_variance for factor, count in self.factors)

    @cached_property
    def exponent(self) -> float:
        """m of the product."""
        return math.fsum(count * factor.exponent for factor, count in self.factors)

    @property
    def smallest_t(self) -> float:
        """The smallest t at which all factors can be evaluated."""
        return max([SMALLEST_T, *(factor.smallest_t for factor, _ in self.factors)])

    def _sums(self, u: Array, t: Array, states: list[Any]) -> tuple[Array, Array, list[Any]]:
        """Sums of F_j and t (t-1) F_j', and the states of the factors."""
        log, slope, new = np.zeros_like(u), np.zeros_like(u), []
        with np.errstate(all="ignore"):
            for (factor, count), state in zip(self.factors, states, strict=True):
                value = factor.value(u, t, state)
                log, slope = log + count * value.log, slope + count * value.slope
                new.append(value.state)
        return log, slope * t * u, new

    def _at(self, w: Array, states: list[Any]) -> tuple[Array, Array, list[Any]]:
        """log s at w, its derivative, states."""
        with np.errstate(all="ignore"):
            u, t = 1 / np.expm1(-w), -1 / np.expm1(w)
        log, slope, states = self._sums(u, t, states)
        return log - w, slope - 1, states

    def real(self, u: Array, t: Array) -> tuple[Array, Array, list[Any]]:
        """The same at real t = 1 + u, all on one side of 0 and 1."""
        return self._sums(u, t, [None] * len(self.factors))

    # --- edges --------------------------------------------------------------------------------

    @cached_property
    def log_edges(self) -> tuple[float, float]:
        """log(s/mean) at the ends of the support."""
        # t (t-1) sum F' = 1/2 if F' did not change
        guess = 1 / self.depth / (1 + math.sqrt(1 + 2 / self.depth))
        u = _last_inside(lambda x: self._advance(x, 1 + x), guess)
        high = float(self.real(np.array([u]), np.array([1 + u]))[0][0]) + math.log1p(1 / u)
        if self.exponent > 0:
            return -math.inf, high
        d = _last_inside(lambda x: self._advance(-1 - x, -x), guess)
        low = float(self.real(np.array([-1 - d]), np.array([-d]))[0][0]) - math.log1p(1 / d)
        return low, high

    def _advance(self, u: float, t: float) -> float:
        """t (t-1) sum_j F_j' at real t; nan where a factor is not analytic."""
        log, slope, _ = self.real(np.array([u]), np.array([t]))
        return float(slope[0]) if math.isfinite(log[0]) else math.nan

    # --- from log s to w ----------------------------------------------------------------------

    def solve(self, drop: Array, rise: Array) -> Array:
        """The w at log s = high - drop = low + rise."""
        target = self.log_edges[1] - drop
        near = LAST * np.minimum(drop, rise)
        w, states = self._start(target)
        active, done = np.arange(drop.size), []
        phi, step = np.full(drop.size, math.pi), np.full(drop.size, STEP)
        here = [w, *states]
        for _ in range(MOST_STEPS):
            to = step * phi
            last = to < near[active]
            to[last] = 0
            moved, good = self._moved(here, target[active] - 1j * to)
            here = [
                None if v is None else np.where(good, new, v)
                for v, new in zip(here, moved, strict=True)
            ]
            step = np.where(good, np.maximum(step * step, STEP), np.sqrt(step))
            near[active[last & ~good]] /= 2
            phi = np.where(good, to, phi)
            last &= good
            done.append((active[last], here[0][last]))
            here, active = [_part(v, ~last) for v in here], active[~last]
            phi, step = phi[~last], step[~last]
            if not active.size:
                break
        done.append((active, np.full(active.size, np.nan)))
        order = np.argsort(np.concatenate([index for index, _ in done]))
        result: Array = np.concatenate([values for _, values in done])[order]
        return result

    def _start(self, target: Array) -> tuple[Array, list[Any]]:
        """w and states where s = -exp(target): Im w = pi, t between 0 and 1."""

        def at(x: Array) -> tuple[Array, list[Any]]:
            log, _, states = self.real(-special.expit(x), special.expit(-x))
            return log - x, states

        low, high = -1.0, 1.0
        while at(np.array([low]))[0][0] < target.max():
            low *= 2
        while at(np.array([high]))[0][0] > target.min():
            high *= 2
        nodes = np.linspace(low, high, 400)
        guess = np.interp(-target, -at(nodes)[0], nodes)
        w: Array = guess + 1j * np.pi
        return w, at(guess)[1]

    def _moved(self, here: list[Any], target: Array) -> tuple[list[Any], Array]:
        """Newton's method, started along a tangent, and where it has converged."""
        w, states = here[0], here[1:]
        for _ in range(NEWTON_STEPS):
            log, slope, states = self._at(w, states)
            with np.errstate(all="ignore"):
                change = (target - log) / slope
                # not further than half way to the real axis
                w = w + change / np.maximum(1, 2 * np.abs(change) / w.imag)
        if self.smallest_t > NOISELESS:
            return [w, *states], np.ones(w.shape, dtype=bool)
        allowed = np.where(target.imag < 0, FOLLOWED, LAST_CHANGE) * np.abs(w)
        good = np.abs(change) <= allowed
        return [w, *states], good


def _last_inside(advance: Callable[[float], float], guess: float) -> float:
    """The largest x > 0 up to which advance, which starts at 0, is below 1."""
    low = guess
    while not advance(low) < 1:
        low /= 2
    high = 2 * low
    while advance(high) < 1:
        low, high = high, 2 * high
    while high - low > EDGE * low:
        middle = (low + high) / 2
        low, high = (middle, high) if advance(middle) < 1 else (low, middle)
    return low


def _part(values: Array | None, which: Array) -> Array | None:
    return None if values is None else values[which]


def curve_of(factors: Sequence[Factor], *, point_allowed: bool = True) -> FreeProductCurve:
    """The curve of some factors; ValueError if the law is a point, unless that is allowed."""
    if isinstance(factors, get_args(Factor)) or not isinstance(factors, Sequence):
        raise TypeError(f"factors must be a sequence of factors, got {shown(factors)}")
    for factor in factors:
        if not isinstance(factor, get_args(Factor)):
            raise TypeError(
                "factors must be GaussianFactor, ResidualFactor, OrthogonalFactor or FreeFactor, "
                f"got {shown(factor)}"
            )
    if not factors:
        raise ValueError("factors must not be empty")
    counts = Counter(factor for factor in factors if factor.relative_variance > 0)
    if not counts and not point_allowed:
        raise ValueError(
            "factors must have one whose singular values vary: all of these are orthogonal, or of "
            "scale 0, and the law is a point"
        )
    log_mean = math.fsum(factor.log_mean for factor in factors)
    return FreeProductCurve(tuple(counts.items()), log_mean)
