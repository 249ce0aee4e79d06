r"""Residual factors 1 + aP of free products, P a product of k Gaussian matrices, a the scale.

P is R-diagonal, so the symmetrised law of the singular values of 1 + aP is that of aP, freely added
to (delta_1 + delta_-1)/2 (Haagerup and Schultz). Both are known by their free cumulants c and b, as
functions of one variable, so that with t as in `factors`

    t - 1 = b + c,    b (1+b) = c (1+c)^(1-k)/a^2,    1/S = (1 + p (1+b)) (1 + p b),        (1)

p = a^2 (1+c)^(k-1). For k = 1 this is quadratic: a^2 (1+2b) + 1 = sqrt((1+a^2)^2 + 4 a^2 (t-1)).
If s > 0 is replaced by -s, b and c lie between t - 1 and 0 for 0 < t < 1; from there they are
followed to other t; the caller keeps the state from which this starts.  In a product of factors
the S-transforms are multiplied: equation (1) of `curve`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import scipy
from scipy import special

from rmt_rank._lib.validation import LARGEST_INTEGER, integer, real
from rmt_rank.theory.free_products.values import Array, Value, log1p, log_ratio

__all__ = ["ResidualFactor"]

# Limits on the scale, if it is not 0: fourth powers must be floats.
SMALLEST_SCALE, LARGEST_SCALE = 1e-100, 1e75
# The smallest log c at which the real branches of a block are searched.
_FIRST_LOG = -80.0
# Steps of Newton's method for a state, the last one that is allowed and how far all of them may
# lead, as parts of the state.
NEWTON_STEPS, LAST_STEP, NEAR = 5, 1e-6, 0.5
# Larger than logarithms of floats, and bisections of their range.
_LARGEST_LOG, BISECTIONS = 750.0, 75


@dataclass(frozen=True)
class ResidualFactor:
    """Residual block 1 + scale G_k...G_1, square Gaussian matrices with entries of variance 1/N.

    Parameters
    ----------
    scale : float
        Scale a of the branch: 0, or from 1e-100 to 1e75.
    layers : int, default 1
        Number k of matrices in the branch, from 1 to 2^53.

    Raises
    ------
    TypeError, ValueError
        If scale is not a real number in its range, or layers not an integer >= 1.

    References
    ----------
    .. [1] U. Haagerup, H. Schultz, "Brown measures of unbounded operators affiliated with a finite
       von Neumann algebra", arXiv:math/0605251.

    Examples
    --------
    >>> from rmt_rank.theory.free_products.factors import ResidualFactor
    >>> ResidualFactor(1).mean, ResidualFactor(1).relative_variance
    (2.0, 0.75)
    """

    scale: float
    layers: int = 1
    smallest_t = 1e-30

    def __post_init__(self) -> None:
        scale = real("scale", self.scale, at_least=0)
        if scale > 0 and not SMALLEST_SCALE <= scale <= LARGEST_SCALE:
            raise ValueError(
                f"scale must be 0 or from {SMALLEST_SCALE:g} to {LARGEST_SCALE:g}, got {scale!r}"
            )
        object.__setattr__(self, "scale", scale)
        object.__setattr__(
            self, "layers", integer("layers", self.layers, at_least=1, at_most=LARGEST_INTEGER)
        )

    @property
    def _square(self) -> float:
        return self.scale * self.scale

    @property
    def log_mean(self) -> float:
        """log E s."""
        return math.log1p(self._square)

    @property
    def mean(self) -> float:
        """E s."""
        return 1 + self._square

    @property
    def relative_variance(self) -> float:
        """Var(s)/E[s]^2 = (2 a^2 + k a^4)/(1 + a^2)^2."""
        share = self._square / (1 + self._square)
        return share * (2 + (self.layers - 2) * share)

    @property
    def exponent(self) -> float:
        """m, if F ~ m log t as t -> 0; 0 if it is finite there."""
        return 0.0 if self.scale < 1 else 0.5 if self.scale == 1 else 1.0

    def value(self, u: Array, t: Array, state: Array | None = None) -> Value:
        """F at t = 1 + u; the state of several layers is b or c."""
        if self.layers == 1:
            return self._one_layer(u, t)
        if state is None:
            state = self._real_state(u, t)
        state = self._followed(state, u, t)
        b, c, p, above, head, middle = self._cumulants(state, u, t)
        curved = (self.layers - 1) * c / (1 + c)
        total = middle - curved
        slope_b, slope_c = (1 - curved) / total, p * (1 + 2 * b) / total
        slope_p = (self.layers - 1) * p * slope_c / (1 + c)
        if self.scale > 1:
            head = np.where(np.abs(t) < np.abs(u), t / above, head)
        slope = (slope_p * above + p * slope_b) / (1 + p * above)
        slope = slope + (slope_p * b + p * slope_b) / head
        return Value(self._larger(b, c, p * above) + log_ratio(p * b, head), slope, state)

    def _larger(self, b: Array, c: Array, product: Array) -> Array:
        """log (1 + p (1+b))/(1+a^2), p (1+b) = product."""
        square = self._square
        grown = _grown(c, self.layers - 1)
        change = b + (1 + b) * grown
        ratio = (1 + product) / (1 + square)
        return log_ratio(square / (1 + square) * change, ratio)

    def _one_layer(self, u: Array, t: Array) -> Value:
        square = self._square
        below, above = (1 - self.scale) * (1 + self.scale), 1 + square
        near = np.abs(t) < np.abs(u)
        root = np.sqrt(np.where(near, below**2 + 4 * square * t, above**2 + 4 * square * u))
        change = 2 * square * u / (root + above)  # a^2 b
        head = (root + below) / 2 if below >= 0 else 2 * square * t / (root - below)
        log = log1p(change / above) + log_ratio(change, head)
        return Value(log, 2 * square / root * (1 / (root + above) + 0.5 / head), None)

    # --- several layers: the equations (1) ----------------------------------------------------

    @property
    def _keeps_c(self) -> bool:
        """Return whether the state is c; t - 1 - state is the other, and loses digits if small."""
        return self.scale <= 2

    def _cumulants(self, state: Array, u: Array, t: Array) -> tuple[Array, ...]:
        """b, c, p, 1 + b, 1 + p b and 1 + p (1+2b); the last ones tend to 0 with t if a = 1."""
        other = u - state
        b, c = (other, state) if self._keeps_c else (state, other)
        near = np.abs(t) < np.abs(u)
        above = np.where(near, t - c, 1 + b)
        if self._keeps_c:
            grown = self._square * _grown(c, self.layers - 1)
            p, rest = self._square + grown, (1 - self._square) - grown
        else:
            p = self._square * (t - b) ** (self.layers - 1)
            rest = 1 - p
        head = np.where(near, rest + p * above, 1 + p * b)
        return b, c, p, above, head, np.where(near, rest + 2 * p * above, 1 + p * (1 + 2 * b))

    def _newton(self, state: Array, u: Array, t: Array) -> tuple[Array, Array]:
        """The state by Newton's method, and the last step."""
        sign = 1 if self._keeps_c else -1
        for _ in range(NEWTON_STEPS):
            b, c, p, above, head, middle = self._cumulants(state, u, t)
            slope = (self.layers - 1) * p / (1 + c) * b * above - middle
            step = sign * (p * b * t - c * head) / slope
            state = state - step
        return state, step

    def _followed(self, start: Array, u: Array, t: Array) -> Array:
        """The state from one at a point near by; nan if that is not near enough."""
        state, step = self._newton(start, u, t)
        change = state - start
        followed = (np.abs(change) < NEAR * np.abs(state)) & (
            np.abs(step) < LAST_STEP * np.abs(state)
        )
        b, c, _, above, *_ = self._cumulants(state, u, t)
        if not self._keeps_c:
            # change of c, to first order
            fall = 1 / c - (self.layers - 1) / (1 + c)
            change = change * (1 / b + 1 / above) / fall
        # limit the relative change of (1+c)^(k-1)
        followed &= np.abs(change) < np.abs(1 + c) / self.layers
        return np.where(followed, state, np.nan)

    def _real_state(self, u: Array, t: Array) -> Array:
        """The state at real t, all on one side of 0 and 1; nan where F is no longer analytic."""
        if u[0] > 0 or t[0] < 0:
            return np.array(
                [self._beyond(x, y) for x, y in zip(u.tolist(), t.tolist(), strict=True)]
            )
        # c/b = a^2 (1+b) (1+c)^(k-1) at one c/u in (0, 1), of which x is the logit
        high = np.full(u.shape, 2 * abs(math.log(self.scale)) + self.layers * _LARGEST_LOG)
        low, log_square = -high, 2 * math.log(self.scale)
        for _ in range(BISECTIONS):
            x = (low + high) / 2
            in_c, in_b = special.expit(x), special.expit(-x)
            expected = log_square + np.log(t - in_c * u)
            expected = expected + (self.layers - 1) * np.log(t - in_b * u)
            low, high = np.where(expected < x, low, x), np.where(expected < x, x, high)
        return self._newton((in_c if self._keeps_c else in_b) * u, u, t)[0]

    def _beyond(self, u: float, t: float) -> float:
        """The same at t > 1 or t < 0."""
        sign, distance = (1, u) if u > 0 else (-1, -t)
        last = self._last[sign]

        def gap(log_c: float) -> float:
            return float(self._distance(math.exp(log_c), sign)) - distance

        if not gap(_FIRST_LOG) < 0 < gap(last):
            return math.nan
        root: float = scipy.optimize.brentq(gap, _FIRST_LOG, last, xtol=1e-15, rtol=1e-15)
        c = math.exp(root)
        return c if self._keeps_c else u - c

    @cached_property
    def _last(self) -> dict[int, float]:
        """The largest log c up to which the distance of t from 1 (1) and from 0 (-1) increases."""
        logs = np.linspace(_FIRST_LOG, 40, 4801)
        result = {}
        for sign in (1, -1):
            rises = np.diff(self._distance(np.exp(logs), sign)) > 0
            result[sign] = float(logs[-1 if rises.all() else np.argmin(rises)])
        return result

    def _distance(self, c: Any, sign: int) -> Any:
        """t - 1 (sign 1) or -t (sign -1) on the real branch that c > 0 starts."""
        product = c * (1 + c) ** (1 - self.layers) / self._square
        return 2 * product / (1 + np.sqrt(1 + 4 * product)) + sign * c


def _grown(c: Array, power: int) -> Array:
    """(1 + c)^power - 1."""
    change = np.zeros_like(c)
    for _ in range(power):
        change = change + (1 + change) * c
    return change
