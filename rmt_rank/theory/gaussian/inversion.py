r"""From a value, or a probability, of the Fuss-Catalan law to its angle.

See :mod:`rmt_rank.theory.gaussian.angle` for the angle.  The unknown is log(eps/theta), and
Newton's method acts on the log-odds of w = (s/s_max)^(1/(L+1)), or of the cdf.  Both run from minus
to plus infinity and are nearly proportional to the unknown, so that the closed-form first guess
converges in two to four steps at every depth and every angle, and no bracketing is needed.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from rmt_rank.theory.gaussian.angle import (
    W_SWITCH,
    Angle,
    Array,
    Constants,
    density_factor,
    largest_value,
    minus_log_w,
    point,
    sf,
    slope,
)

__all__ = ["angle_from_tails", "angle_from_value", "angle_from_w"]

# After a step d Newton's error is below 0.14 d^2 (tests/theory/gaussian/test_inversion.py), so a
# step smaller than this leaves an error below 1.4e-15.
LAST_STEP = 1e-7
MAX_STEPS = 40
# Below these the guess would divide by zero, or x / x_max has lost digits.
SMALLEST_W, SMALLEST_U, SMALLEST_TAIL, SMALLEST_RATIO = 1e-100, 1e-140, 1e-300, 1e-300


def angle_from_value(x: Array, c: Constants, exponent: float) -> Angle:
    """Angle at which s**exponent equals x, for 0 <= x <= largest_value(L, exponent).

    Below w = SMALLEST_W, where the law is a power law to all digits, the angle is that of
    SMALLEST_W; at the upper edge it is that of U = SMALLEST_U.
    """
    # a power of x itself, not of s = x^(1/exponent), which may lie below the smallest float
    power = c.a / exponent
    w = x**power * c.scale
    ratio = x / largest_value(c.L, exponent)
    if c.xp is not np:
        return _from_w(w, c) if w < W_SWITCH else _from_minus_log_w(-power * c.xp.log(ratio), c)
    with np.errstate(divide="ignore"):  # x = 0
        U = -power * np.log(ratio)
    lost = ratio.real < SMALLEST_RATIO
    if lost.any():
        with np.errstate(divide="ignore"):
            U = np.where(lost, -power * np.log(x) - np.log(c.scale), U)
    # keep 0 and the edge itself away from where the guess divides by them
    w = np.where(np.abs(w) < SMALLEST_W, SMALLEST_W, w)
    U = np.where(np.abs(U) < SMALLEST_U, SMALLEST_U, U)
    return angle_from_w(w, U, c)


def angle_from_tails(lower: Array, upper: Array, c: Constants) -> Angle:
    """Angle at which cdf = lower and sf = upper, where lower + upper = 1."""
    if c.xp is not np:
        return _from_tails(lower, upper, c)
    # eps ~ pi a lower must be a float; beyond, eps and the cube of theta are as good as linear
    lower, upper = np.asarray(lower, np.float64), np.asarray(upper, np.float64)
    least = SMALLEST_TAIL * (1 + c.L)
    beyond_lower = np.where(lower > 0, np.minimum(lower / least, 1), 1)
    beyond_upper = np.where(upper > 0, np.minimum(upper / SMALLEST_TAIL, 1), 1)
    lower, upper = np.maximum(lower, least), np.maximum(upper, SMALLEST_TAIL)
    angle = _from_tails(lower, upper, c)
    return Angle(angle.theta * np.cbrt(beyond_upper), angle.eps * beyond_lower)


def _from_tails(lower: Array, upper: Array, c: Constants) -> Angle:
    odds = upper / lower

    def step(angle: Angle) -> Array:
        p = point(angle, c)
        K = density_factor(angle, c)
        below, above = (p.eps + c.L * K) / np.pi, sf(p, c)
        # pi dF/deps = K (L+1) dU/dtheta
        derivative = K * (c.L + 1) * slope(p, c) * (p.theta * p.eps / np.pi**2)
        change: Array = c.xp.log(above / (below * odds)) * (below * above) / derivative
        return change

    # sf/cdf is a theta^3 / (3 pi) at one end and a pi / eps at the other; u = theta/pi
    with np.errstate(over="ignore"):
        u3 = c.xp.minimum(3 / np.pi**2 * odds / c.a, 1 / SMALLEST_TAIL)
    u = c.xp.cbrt(u3 / (1 + u3))
    return _newton(1 / (1 + u3) / (u * (1 + u + u * u)), step, c)


def angle_from_w(w: Array, U: Array, c: Constants) -> Angle:
    """Angle from w, and from U = -log(w) where w is large."""
    low = w.real < W_SWITCH
    if low.all():
        return _from_w(w, c)
    if not low.any():
        return _from_minus_log_w(U, c)
    theta, eps = np.empty_like(w), np.empty_like(w)
    theta[low], eps[low] = _from_w(w[low], c.at(low))
    theta[~low], eps[~low] = _from_minus_log_w(U[~low], c.at(~low))
    return Angle(theta, eps)


def _from_minus_log_w(target: Array, c: Constants) -> Angle:
    odds = c.xp.expm1(target)  # (1-w)/w

    def step(angle: Angle) -> Array:
        p = point(angle, c)
        here = c.xp.expm1(minus_log_w(p, c))
        # d log(here) / d log(eps/theta) = -(1 + 1/here) dU/dtheta (theta eps / pi)
        rate = (1 + 1 / here) * slope(p, c) * (p.theta * p.eps / np.pi)
        change: Array = c.xp.log(here / odds) / rate
        return change

    if c.xp is not np or not np.iscomplexobj(target):
        return _newton(_guess(1 / odds, c), step, c)
    theta, eps = _from_minus_log_w(target.real, c)
    return _newton(eps / theta, step, c, least=2)


def _from_w(target: Array, c: Constants) -> Angle:
    """Solve w = scale sin(eps) / (sin(m theta)^m sin(M theta)^M)."""

    def step(angle: Angle) -> Array:
        theta, eps = angle
        sin_eps, cot_eps = _sin_cot(eps, c)
        sin_x, cot_x = _sin_cot(c.m * theta, c)
        sin_X, minus_cot_X = _sin_cot(np.pi * c.m + c.M * eps, c)
        excess = c.scale * sin_eps / (target * (sin_x**c.m * sin_X**c.M))
        derivative = cot_eps + c.m**2 * cot_x - c.M**2 * minus_cot_X
        change: Array = -c.xp.log(excess) / (derivative * (theta * eps / np.pi))
        return change

    if c.xp is not np or not np.iscomplexobj(target):
        return _newton(_guess(target / (1 - target), c), step, c)
    theta, eps = _from_w(target.real, c)
    return _newton(eps / theta, step, c, least=2)


def _sin_cot(x: Array, c: Constants) -> tuple[Array, Array]:
    half = c.xp.tan(x / 2)
    half2 = half * half
    return 2 * half / (1 + half2), (1 - half2) / (2 * half)


def _newton(ratio: Array, step: Callable[[Angle], Array], c: Constants, least: int = 1) -> Angle:
    """Add steps to log(eps/theta) until all are below LAST_STEP; at least `least` of them."""
    for count in range(1, MAX_STEPS + 1):
        change = step(_angle(ratio))
        ratio = ratio * c.xp.exp(change)
        # fmax and `not >=`: nan in one place neither stops the others nor prevents convergence
        largest = np.fmax.reduce(np.abs(change), axis=None) if c.xp is np else abs(change)
        if count >= least and not largest >= LAST_STEP:
            break
    if largest >= LAST_STEP:
        raise ArithmeticError(
            f"the angle at depth {c.L} was not found in {MAX_STEPS} steps of Newton's method, the "
            f"last of which was {float(largest):.1e}"
        )
    return _angle(ratio)


def _angle(ratio: Array) -> Angle:
    """Theta and eps from eps/theta."""
    theta = np.pi / (1 + ratio)
    return Angle(theta, ratio * theta)


def _guess(w_odds: Array, c: Constants) -> Array:
    """eps/theta from w/(1-w), within 12 % for every depth.

    With y = (theta/pi)^2, (1-w)/w = G y (1 - k y)/(1 - y) has the right limits at both ends:
    G = pi^2 m M / 2 from the Taylor expansion at theta = 0, and k from w = eps scale / sin(m pi)
    at theta = pi.  The quadratic is solved for y and, without cancellation, for 1 - y.
    """
    G = np.pi**2 / 2 * c.m * c.M
    k_gap = 2 * c.xp.sin(np.pi * c.m) / (np.pi * c.scale * G)
    k = 1 - k_gap
    g = G * w_odds
    root = c.xp.sqrt((g + 1) ** 2 - 4 * k * g)
    y = 2 / (g + 1 + root)
    y_gap = 2 * g * k_gap / (g + 1 - 2 * k * g + root)
    u = c.xp.sqrt(y)
    ratio: Array = y_gap / (u * (1 + u))
    return ratio
