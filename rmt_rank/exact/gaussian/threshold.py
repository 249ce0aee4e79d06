r"""Share of singular values above t times their mean: where its change with depth turns.

With P_L(t) = P(sigma >= t E sigma) at depth L, a = 1/(L+1), the angles phi = a theta and
X = (1-a) theta, 0 < theta < pi, and delta(L) = psi((L+4)/2) - psi((L+3)/2), where t has the angle
phi,

    dP_L/dL = (K/pi) E,    E = phi cot phi - 1 + delta + log(sin theta/sin X),

and E falls in theta from a positive value to -infinity; docs/limit-measures.md has the proof.  The
threshold t*(L) of the root is where the change of the share turns, and along the root

    2 (1+L) d(log t*)/dL = theta [G + P - S] + [S - (2-a) P + cos phi/(theta sinc phi)]
                           [abs(delta')/a^2 + theta S]/[S - P + J],

P = cot X, S = theta sinc phi/(sin X sin theta), G = (1 - phi cot phi)/phi, and
J = (phi - sin phi cos phi)/sin^2 phi.  Every term has a limit as a -> 0, so that balls cover the
deep end, too.  delta = 2 int_0^1 v^(L+2)/(1+v) dv and 1/2 <= 1/(1+v) <= 1/(2 sqrt v) give

    1/(L+3) <= delta <= 1/(L+5/2),    abs(delta') >= 1/(L+3)^2,

which is all that the certificate uses of delta.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from typing import Any

from flint import arb, fmpq

from rmt_rank.exact._numbers import Number, as_mpf, check_digits, exact_depth, integer
from rmt_rank.exact._precision import mp, rounded, working, working_bits
from rmt_rank.exact.gaussian.angles import solve_angle
from rmt_rank.exact.gaussian.printed import largest_log_square
from rmt_rank.exact.gaussian.quadrature import moment

__all__ = ["TurningCertificate", "certify_turning", "turning_threshold"]

LEAST_CERTIFIED = Fraction(1, 200)
"""Depth from which the certificate covers; below it the argument on paper does."""

# Steps of the secant method, which takes about ten.
_MOST_STEPS = 100

_BITS = 64
# Distance, in theta, of the angles at which signs are tested from the estimated root, and the
# longest piece of the interval between them: chosen for few boxes.
_MARGIN, _PIECE = 0.01, 0.02


@dataclass(frozen=True)
class TurningCertificate:
    """The outcome of `certify_turning`.

    Attributes
    ----------
    least : Fraction
        The smallest depth that was examined; there is no largest.
    boxes : int
        How many intervals of 1/(depth + 1) were examined, undecided ones included.
    smallest_lower_bound : float
        The smallest lower bound of 2 (1 + L) d(log t*)/dL over the final intervals.
    holds : bool
        Whether t* is proved to increase with depth, from `least` on.

    Examples
    --------
    >>> from rmt_rank.exact import certify_turning
    >>> certify_turning().holds
    True
    """

    least: Fraction
    boxes: int
    smallest_lower_bound: float
    holds: bool

    def __str__(self) -> str:
        verdict = "proved" if self.holds else "NOT proved"
        return (
            f"d t*/dL > 0 {verdict} for depths from {self.least} on: {self.boxes} intervals, "
            f"2 (1 + L) d(log t*)/dL above {self.smallest_lower_bound:.4f}"
        )


def turning_threshold(depth: Number, *, digits: int = 15) -> Any:
    """Return t*, at which the share of sigma >= t E sigma has derivative 0 in the depth.

    Parameters
    ----------
    depth : number
        L, from 1/1000 to 1000.
    digits : int, default 15
        Significant decimal digits.

    Returns
    -------
    mpf
        The threshold, over the mean singular value.

    Raises
    ------
    TypeError, ValueError
        If an argument is outside what is allowed.

    Notes
    -----
    It is the root of a central difference in the depth of the share itself, by bisection and
    secants, with the mean by quadrature and the angle of the threshold by root-finding: nothing is
    differentiated on paper.

    Examples
    --------
    >>> from rmt_rank.exact.gaussian.threshold import turning_threshold
    >>> print(turning_threshold(1, digits=8))
    1.2730696
    """
    L = exact_depth(depth, least=Fraction(1, 1000), most=1000)
    digits = check_digits(digits)
    # the difference has a relative error of about (step/L)^2, and loses half of the working digits
    step = L / 10 ** (digits // 2 + 2)
    work = 2 * digits + 15
    means = [(x, moment(Fraction(1, 2), x, digits=work)) for x in (L - step, L + step)]
    with working(work):
        ends = [(as_mpf(x), mp.log(mp.convert(c))) for x, c in means]
        edge = mp.exp(min(largest_log_square(x) / 2 - log_c for x, log_c in ends))

        def change(t: Any) -> Any:
            below, above = (_share(x, 2 * (mp.log(t) + log_c)) for x, log_c in ends)
            return above - below

        # the share falls at the mean, and rises below the largest value
        low, high = mp.one, 1 + (edge - 1) * (1 - mp.mpf(10) ** -6)
        while high - low > (low - 1) / 100:
            middle = (low + high) / 2
            low, high = (middle, high) if change(middle) < 0 else (low, middle)
        first, second = change(low), change(high)
        for _ in range(_MOST_STEPS):
            if abs(high - low) <= mp.mpf(10) ** (-digits - 5) * high:
                return rounded(high, digits)
            low, high = high, high - second * (high - low) / (second - first)
            first, second = second, change(high)
    raise ArithmeticError(f"the secant method found no threshold in {_MOST_STEPS} steps")


def _share(L: Any, log_s: Any) -> Any:
    """P(s >= the given value), from the distribution function at its angle."""
    phi, _, _, _ = solve_angle(L, log_s)
    K = mp.sin(phi) * mp.sin((L + 1) * phi) / mp.sin(L * phi)
    return ((L + 1) * phi - L * K) / mp.pi


def certify_turning(*, most_boxes: int = 20000) -> TurningCertificate:
    """Prove, by covering them with intervals, that t* increases at all depths from 1/200 on.

    On each interval of a = 1/(L+1), from 0 on, the angle of t* is enclosed between two at which E
    has opposite signs on the whole interval, and between these the derivative is enclosed.

    Parameters
    ----------
    most_boxes : int, default 20000
        After so many intervals the attempt ends, with ``holds`` False.

    Returns
    -------
    TurningCertificate
        ``holds`` is False where the proof did not succeed; this never raises for that.

    Raises
    ------
    TypeError, ValueError
        If most_boxes is not an int from 1 to 10^9.

    Examples
    --------
    >>> from rmt_rank.exact.gaussian.threshold import certify_turning
    >>> certify_turning().holds
    True
    """
    most_boxes = integer("most_boxes", most_boxes, 1, 10**9)
    smallest, count = math.inf, 0
    todo = [(Fraction(0), 1 / (1 + LEAST_CERTIFIED))]
    with working_bits(_BITS):
        while todo:
            low, high = todo.pop()
            count += 1
            bound = _slope_bound(low, high)
            if bound > 0:
                smallest = min(smallest, bound)
            elif count + len(todo) >= most_boxes:
                return TurningCertificate(LEAST_CERTIFIED, count, min(smallest, bound), False)
            else:
                middle = (low + high) / 2
                todo += [(low, middle), (middle, high)]
    return TurningCertificate(LEAST_CERTIFIED, count, smallest, True)


def _slope_bound(low: Fraction, high: Fraction) -> float:
    """A lower bound of 2 (1+L) d(log t*)/dL for a from low to high; -infinity if there is none."""
    a = _arb(low).union(_arb(high))
    ends = [float(x) for x in (low, high)]
    first = min(_root(x, 2) for x in ends) - _MARGIN
    last = max(_root(x, 1.5) for x in ends) + _MARGIN
    if not (_sign(a, arb(first), 2) > 0 and _sign(a, arb(last), 1.5) < 0):
        return -math.inf
    pieces = max(1, math.ceil((last - first) / _PIECE))
    cuts = [first + (last - first) * k / pieces for k in range(pieces)] + [last]
    bound = math.inf
    for left, right in pairwise(cuts):
        slope = _slope(low, high, left, right)
        if not slope.is_finite():
            return -math.inf
        # the nearest float may be above the bound; only its sign is used, and it is printed
        bound = min(bound, float(slope.lower()))
    return bound


def _arb(number: Fraction) -> arb:
    return arb(fmpq(number.numerator, number.denominator))


def _root(a: float, shift: float) -> float:
    """Estimate of the theta where E = 0 with 1/(L + 1 + shift) for delta; nothing rests on it."""
    low, high = 1.5, math.pi
    a = max(a, 1e-9)
    for _ in range(40):
        theta = (low + high) / 2
        phi, X = a * theta, (1 - a) * theta
        ratio = 2 * math.cos(theta - phi / 2) * math.sin(phi / 2) / math.sin(X)
        value = -phi * phi / 3 if phi < 1e-3 else phi / math.tan(phi) - 1
        value += a / (1 + shift * a) + (math.log1p(ratio) if ratio > -1 else -math.inf)
        low, high = (theta, high) if value > 0 else (low, theta)
    return (low + high) / 2


def _sign(a: arb, theta: arb, shift: float) -> arb:
    """E/a at one theta, with a/(1 + shift a), a bound of delta, for delta."""
    phi = a * theta
    # (sin theta - sin X)/(a sin X)
    ratio = theta * (phi / 2).sinc() * (theta - phi / 2).cos() / ((1 - a) * theta).sin()
    # log(1 + y)/y is between 1 and 1/(1 + y)
    log = ratio / (1 + arb(0).union(arb(1)) * a * ratio)
    if not a.contains(0):
        log = log.intersection((1 + a * ratio).log() / a)
    return -theta * _between(_cotangent_gap, phi) + 1 / (1 + arb(shift) * a) + log


def _slope(low: Fraction, high: Fraction, left: float, right: float) -> arb:
    """Enclosure of a lower bound of 2 (1+L) d(log t*)/dL, for theta from left to right."""
    a, theta = _arb(low).union(_arb(high)), arb(left).union(arb(right))
    phi, X = a * theta, (1 - a) * theta
    P = X.cot()
    S = theta * phi.sinc() / (X.sin() * theta.sin())
    G, J = _between(_cotangent_gap, phi), _between(_sine_gap, phi)
    # a lower bound, so that the result is one where what it is multiplied by is positive
    factor = 1 / (1 + 2 * a) ** 2 + theta * S
    if low < Fraction(1, 2):
        first = theta * (G + P - S)
        second, third = S - (2 - a) * P + phi.cos() / (theta * phi.sinc()), S - P + J
    else:
        # the same with k = cot phi - cot theta = sin X/(sin phi sin theta), without cancellation
        # where X is small
        A, k = phi.cot(), X.sin() / (phi.sin() * theta.sin())
        first = (X * _between(_cotangent_gap, X) + X * A - theta * k) / a
        second = k + (1 - a) ** 2 * P - (1 - a**2) * A
        third = a * J + (1 - a) * P - A + k
        second, third = second / a, third / a
    if not (second > 0 and third > 0):
        return arb("nan")
    return first + second * factor / third


def _between(function: Any, phi: arb) -> arb:
    """An increasing function on an interval of phi >= 0, from its ends; it is 0 at 0."""
    low, high = phi.lower(), phi.upper()
    first = function(low) if low > 0 else arb(0)
    enclosure: arb = first.union(function(high))
    return enclosure


def _cotangent_gap(phi: arb) -> arb:
    """G = (1 - phi cot phi)/phi; its power series has positive coefficients."""
    return (1 - phi * phi.cot()) / phi


def _sine_gap(phi: arb) -> arb:
    """J = (phi - sin phi cos phi)/sin^2 phi; its derivative is 2 (1 - phi cot phi)/sin^2 phi."""
    sine = phi.sin()
    return (phi - sine * phi.cos()) / sine**2
