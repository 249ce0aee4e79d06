"""Ball arithmetic for rho and d rho/dL: their formulas, and what an enclosure is (python-flint).

Ball arithmetic (arb; Johansson 2017, doi:10.1109/TC.2017.2690633) follows every rounding, so an
enclosure returned here is a theorem about the closed forms, which are, with z = power/2, x = L z,

    rho      = E(x+z) - E(z) - E(x) - log(x+1) + x/(x+1),      E(y) = log Gamma(y+1) - y psi(y+1),
    d rho/dL = -z [h(x+z) - h(x) + x/(x+1)^2],                 h(y) = y psi'(y+1) = -E'(y).

Both follow from rho = log M(z) - z (log M)'(z) by psi(y+1) = psi(y) + 1/y, and nothing large
cancels in them beyond E(x+z) - E(x).

arb has no polygamma function: psi'(y) = zeta(2, y) and psi''(y) = -2 zeta(3, y), Hurwitz zetas. On
an interval both are enclosed by their values at the two ends, since zeta(s, y) decreases in y.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from flint import arb, ctx, fmpq
from mpmath import libmp

from rmt_rank.exact._numbers import (
    Number,
    exact,
)
from rmt_rank.exact._precision import alone, mp, rounded, unrounded

__all__ = ["Enclosure"]


@dataclass(frozen=True)
class Enclosure:
    """A closed interval that contains the exact value.

    Attributes
    ----------
    lower, upper : mpf
        Exact binary numbers, rounded outward.

    Examples
    --------
    >>> from rmt_rank.exact import enclose_effective_rank
    >>> interval = enclose_effective_rank(2)
    >>> bool(interval.lower <= interval.upper)
    True
    """

    lower: Any
    upper: Any

    def __contains__(self, value: Number) -> bool:
        return _fraction(self.lower) <= exact("value", value) <= _fraction(self.upper)

    def __str__(self) -> str:
        with alone(), mp.workprec(4096):
            lower, upper = mp.convert(self.lower), mp.convert(self.upper)
            middle, radius = (lower + upper) / 2, (upper - lower) / 2
            if not mp.isfinite(radius):
                return f"[{lower}, {upper}]"
            if radius == 0:
                return f"{mp.nstr(middle, 17)} +/- 0"
            # Print one digit more than the radius leaves, and a radius that covers what this drops.
            digits = 17
            if middle != 0:
                digits = max(2, int(mp.log10(abs(middle) / radius)) + 2)
            shown = mp.mpf(text := mp.nstr(middle, digits))
            cover = (radius + abs(middle - shown)) * mp.mpf("1.01")
            return f"{text} +/- {mp.nstr(cover, 3)}"


def _arb(number: Fraction) -> arb:
    return arb(fmpq(number.numerator, number.denominator))


def _mpf(point: arb) -> Any:
    """Return the exact value of a ball of radius 0, printed at flint's precision."""
    mantissa, exponent = point.man_exp()
    value = mp.make_mpf(libmp.from_man_exp(int(mantissa), int(exponent)))
    return unrounded(value, libmp.prec_to_dps(ctx.prec))


def _fraction(number: Any) -> Fraction:
    return exact("bound", number)


def _enclosure(ball: arb) -> Enclosure:
    """Return the ends of a ball, rounded outward at flint's precision of the moment."""
    if not ball.is_finite():
        return Enclosure(rounded(-mp.inf, 15), rounded(mp.inf, 15))
    return Enclosure(_mpf(ball.lower()), _mpf(ball.upper()))


def _zeta(s: int, y: arb) -> arb:
    """Return zeta(s, y), from the two ends of the interval y > 0: it decreases in y."""
    if y.is_exact():
        return arb(s).zeta(y)
    return arb(s).zeta(y.lower()).union(arb(s).zeta(y.upper()))


def _rho(L: arb, z: arb) -> arb:
    def entropy_part(y: arb) -> arb:
        return (y + 1).lgamma() - y * (y + 1).digamma()

    x = L * z
    return entropy_part(x + z) - entropy_part(z) - entropy_part(x) - (x + 1).log() + x / (x + 1)


def _h_slope(y: arb) -> arb:
    """Return h'(y) of h(y) = y psi'(y+1), from the two ends of the interval y >= 0.

    h(y) = 1 - int_0^oo (-g'(t)) exp(-yt) dt with g(t) = t/(exp(t) - 1) decreasing, so h' is
    positive and decreases.
    """
    if not y.is_exact():
        return _h_slope(y.lower()).union(_h_slope(y.upper()))
    return _zeta(2, y + 1) - 2 * y * _zeta(3, y + 1)


def _parabola(x: arb) -> arb:
    """Return x/(1+x)^2 = y - y^2, y = 1/(1+x): between its values at the ends and 1/4."""
    if x.is_exact():
        return x / (x + 1) ** 2
    hull = _parabola(x.lower()).union(_parabola(x.upper()))
    return hull.union(arb(1) / 4) if x.contains(1) else hull


def _derivative(L: arb, z: arb) -> arb:
    """Return d rho/dL, using of h only its formula, so that a negative result is a proof."""

    def h(y: arb) -> arb:
        return y * _zeta(2, y + 1)

    x = L * z
    bracket = h(x + z) - h(x)
    if not L.is_exact():
        # The mean value theorem, h(x+z) - h(x) = z h'(y) with y between: for wide intervals at
        # large x this loses only a multiple of width/x^2, so intervals may widen with the depth.
        y = x.union(x + z)
        bracket = bracket.intersection(z * (_zeta(2, y + 1) - 2 * y * _zeta(3, y + 1)))
    return -z * (bracket + _parabola(x))


def _derivative_between(L: arb, z: arb) -> arb:
    """Return d rho/dL on an interval, using that h' is positive and decreases: tighter."""
    x = L * z
    tight = -z * (z * _h_slope(x.union(x + z)) + _parabola(x))
    return _derivative(L, z).intersection(tight)
