"""The angle of Eq. 5: a change of variable that suits every depth, quadrature, and its inverse.

The rule is the trapezoidal rule after a double-exponential change of variable (Takahasi & Mori
1974, doi:10.2977/prims/1195192451), with the step halved until two results agree.

The change of variable. The printed Jacobian has a pole at phi = pi/L, only pi/(L(L+1)) =: d beyond
the end pi/(L+1) of the interval, so for large L it is a spike. In

    y = log(1 + gap/d),  gap = pi/(L+1) - phi,   0 < y < Y = log(1 + L),

the pole has moved to minus infinity, at every depth. And both distances keep their relative
precision: gap = d (e^y - 1), phi = (pi/L) (1 - e^{-(Y-y)}), where y and Y - y are each known.

Everything here works at the current precision, which the callers set.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from rmt_rank.exact._numbers import expm1
from rmt_rank.exact._precision import mp
from rmt_rank.exact.gaussian.printed import jacobian_at, log_square

__all__ = ["Segment", "expectation", "guard_digits", "integrate", "solve_angle", "whole"]

FINEST = 12  # halvings of the step before giving up; 40 digits need about 5
# Steps of Newton's method beyond those that double the digits from the first to the last.
_MORE_STEPS = 3


def guard_digits(depth: Any) -> int:
    """Return the digits to add for a depth far from 1.

    log s is a difference of terms of the order L, sin(L phi) one of angles that agree to 1/L, and
    for a shallow product everything of interest is of the order L.
    """
    return 15 + 3 * len(str(int(max(depth, 1 / depth))))


@lru_cache(maxsize=64)
def _double_exponential(level: int, first: int, last: int, prec: int) -> list[tuple[Any, Any, Any]]:
    """Return u, 1 - u and the weight at the nodes k step of the rule on 0 < u < 1.

    After the first level, even k are left out, because coarser steps contain them. ``prec`` is the
    working precision, as part of the cache key.
    """
    step, nodes = mp.mpf(2) ** (-1 - level), []
    for k in range(first, last + 1):
        if level and k % 2 == 0:
            continue
        t = k * step
        e = mp.exp(mp.pi * mp.sinh(t))
        u, rest = e / (1 + e), 1 / (1 + e)  # each has full relative precision
        nodes.append((u, rest, step * u * rest * mp.pi * mp.cosh(t)))
    return nodes


@dataclass(frozen=True)
class Segment:
    """A range of angles: y from ``start`` to ``start + length``, Y - y from ... to ``stop``.

    ``start`` = 0 is the end s = 0, ``stop`` = 0 the end s = s_max. The integrand is taken to vanish
    at least like distance^(a - 1) at each end, a = ``power_start`` and ``power_stop``.
    """

    start: Any
    length: Any
    stop: Any
    power_start: Any = 1
    power_stop: Any = 1

    def nodes(self, L: Any, level: int) -> Iterator[tuple[Any, Any, Any]]:
        """Yield (phi, gap, weight) at step 2^(-1-level), those of the coarser steps left out."""
        step = mp.mpf(2) ** (-1 - level)
        reach = mp.prec * mp.log(2) + 5
        first = int(-mp.asinh(reach / self.power_start / mp.pi) / step) - 1
        last = int(mp.asinh(reach / self.power_stop / mp.pi) / step) + 1
        d = mp.pi / (L * (L + 1))
        for u, rest, speed in _double_exponential(level, first, last, mp.prec):
            y, eta = self.start + self.length * u, self.stop + self.length * rest
            stretch = mp.exp(y)
            gap = d * (stretch - 1 if y > 1 else expm1(y))
            # exp(-eta) = exp(y)/(1 + L)
            phi = mp.pi / L * (1 - stretch / (1 + L) if eta > 1 else -expm1(-eta))
            yield phi, gap, d * stretch * self.length * speed


def whole(L: Any, power_start: Any = 1) -> Segment:
    """Return the segment of all angles; the Jacobian vanishes like phi^2 at its end phi = 0."""
    return Segment(mp.mpf(0), mp.log1p(L), mp.mpf(0), power_start, 3)


def settle(terms: Callable[[int], list[Any]], L: Any) -> Any:
    """Return the limit of the trapezoidal sums; ``terms(k)`` are the new terms at step 2^(-1-k).

    Its error, relative to the sum of the absolute values, is about
    10^-(working digits - 2/3 of the guard digits).

    Halving the step of a double-exponential rule nearly squares its error e, to exp(-c N/log N)
    with N nodes, and the last change is the error of the previous sum.  So if two changes in a row
    show that halving reduces e to e^(3/2) or less, the remaining error is below the last change to
    the power 3/2.

    Raises
    ------
    ArithmeticError
        If the step has been halved `FINEST` times and two results still differ.
    """
    tolerance = mp.mpf(10) ** (2 * guard_digits(L) // 3 - mp.dps)
    total = size = mp.mpf(0)
    before = mp.inf  # the previous relative change
    for level in range(FINEST):
        new = terms(level)
        previous = total
        total = total / 2 + mp.fsum(new)
        size = size / 2 + mp.fsum(new, absolute=True)
        change = abs(total - previous) / size if size else mp.zero
        left = change * mp.sqrt(change)
        if level > 1 and (
            change <= tolerance or (change <= before * mp.sqrt(before) and left <= tolerance)
        ):
            return total
        before = change
    raise ArithmeticError(f"the quadrature at depth {mp.nstr(L, 17)} did not settle")


def integrate(f: Callable[[Any, Any], Any], L: Any, segment: Segment) -> Any:
    """Return the integral of f(phi, gap) d phi over the segment; errors as `settle`."""

    def terms(level: int) -> list[Any]:
        return [weight * f(phi, gap) for phi, gap, weight in segment.nodes(L, level)]

    return settle(terms, L)


@lru_cache(maxsize=64)
def _law_as_points(L: Any, power_start: Any, level: int, prec: int) -> list[tuple[Any, Any]]:
    """Return (log s, mass) at the nodes new at this level: the law, made discrete by the rule.

    ``prec`` is the working precision: a part of the key.
    """
    return [
        (log_square(phi, gap, L), weight * jacobian_at(phi, L))
        for phi, gap, weight in whole(L, power_start).nodes(L, level)
    ]


def expectation(f: Callable[[Any], Any], L: Any, power_start: Any = 1) -> Any:
    """Return E f(log s): the integral of f times the printed Jacobian over all angles.

    ``power_start`` as in `Segment`; errors as `settle`.
    """

    def terms(level: int) -> list[Any]:
        return [m * f(log_s) for log_s, m in _law_as_points(L, power_start, level, mp.prec)]

    return settle(terms, L)


def solve_angle(L: Any, log_s: Any) -> tuple[Any, Any, Any, Any]:
    """Return (phi, gap, y, Y - y) where log s(phi) = ``log_s``, at the working precision.

    Bisection, then Newton, in v = log(y/(Y - y)): log s increases with v, like (L+1) v at the lower
    end, and the two distances are again without cancellation.
    """
    Y, d = mp.log1p(L), mp.pi / (L * (L + 1))

    def point(v: Any) -> tuple[Any, Any, Any, Any]:
        y, eta = Y / (1 + mp.exp(-v)), Y / (1 + mp.exp(v))
        return -mp.pi / L * mp.expm1(-eta), d * mp.expm1(y), y, eta

    def excess(v: Any) -> Any:
        phi, gap, _, _ = point(v)
        return log_square(phi, gap, L) - log_s

    low = high = mp.mpf(1)
    while excess(-low) > 0:
        low *= 2
    while excess(high) < 0:
        high *= 2
    low = -low
    while high - low > mp.mpf(2) ** -10:
        middle = (low + high) / 2
        low, high = (low, middle) if excess(middle) > 0 else (middle, high)
    v = (low + high) / 2
    for _ in range(mp.prec.bit_length() + _MORE_STEPS):
        phi, gap, y, eta = point(v)
        slope = (
            mp.cot(phi) + L**2 * mp.cot(L * phi) + (L + 1) ** 2 * mp.cot((L + 1) * gap)
        )  # -d log s / d phi
        step = (log_square(phi, gap, L) - log_s) / (slope * d * mp.exp(y) * y * eta / Y)
        v -= step
    # the first step is up to 2^-10, and near an edge the last is rounding over a small slope
    if not (low <= v <= high and abs(step) < mp.mpf(2) ** -20):
        raise ArithmeticError(f"no angle found at depth {mp.nstr(L, 17)}")
    return point(v)
