"""The limit law of one layer after least squares, by quadrature in the subordinated variable.

With b_i the eigenvalues of B = W* P W*^T and g(w) = mean 1/(b_i + w), the resolvent of the limit
law of B + G G^T, G Gaussian of m x (n - q) entries of variance v = scale^2/n, is g(w) at -t,

    t(w) = w - (n - q) v/(1 + m v g(w)).

Here t is explicit: integrals over t > 0 are taken over w above the largest zero of t(w), and no
equation is solved on the way.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from fractions import Fraction
from typing import Any

from rmt_rank.exact._numbers import Number, as_mpf, check_digits, exact, integer, members, shown
from rmt_rank.exact._precision import mp, rounded, working

__all__ = ["one_layer_effective_rank"]

FINEST = 12  # doublings of the nodes of the quadrature before giving up


def _begin(t: Callable[[Any], Any], above: Any) -> Any:
    """The zero of t(w)/w in w > 0, or 0 where there is none; t(above) > 0."""
    low, high = mp.mpf(10) ** (-mp.dps // 2), above
    if t(low) > 0:
        return mp.mpf(0)
    return mp.findroot(t, (low, high), solver="anderson", tol=mp.eps**2, maxsteps=10**4)


def one_layer_effective_rank(
    singular_values: Sequence[Number],
    features: int,
    examples: int,
    *,
    scale: Number = 1,
    power: int = 1,
    digits: int = 30,
) -> Any:
    """Return the effective rank of one layer, of infinite width, fitted to few examples, in nats.

    Parameters
    ----------
    singular_values : sequence of number
        Those of W* P, one for each output; >= 0.
    features, examples : int
        n > q >= 0.
    scale : number
        > 0; initial entries have variance scale^2/n.
    power : {1, 2}
        Power of the singular values that is normalised.
    digits : int
        Decimal digits after the point.

    Returns
    -------
    mpf
        The effective rank in nats.

    Raises
    ------
    ValueError, TypeError
        If an argument is outside what is allowed.
    ArithmeticError
        If the quadrature does not converge.

    Examples
    --------
    >>> from mpmath import nstr
    >>> from rmt_rank.exact import one_layer_effective_rank
    >>> print(nstr(one_layer_effective_rank([2, 1], 4, 2, digits=8), 7))
    0.6511224
    """
    values = members("singular_values", singular_values)
    squares = [exact("singular_values", value) ** 2 for value in values]
    features = integer("features", features, 1, 10**9)
    examples, power = integer("examples", examples, 0, 10**9), integer("power", power, 1, 2)
    g, digits = exact("scale", scale), check_digits(digits)
    if g <= 0 or examples >= features:
        raise ValueError(
            f"singular_values, features, examples, scale, power are {shown(singular_values)}, "
            f"{features!r}, {examples!r}, {scale!r}, {power!r}; allowed: at least one value, "
            "features > examples >= 0, scale > 0, power 1 or 2"
        )
    variance, m = g**2 / features, len(squares)
    mean = sum(squares, Fraction(0)) / m + (features - examples) * variance
    with working(2 * digits + 15):  # at a hard edge t falls like w^2, down to w = 10^(-2 digits)
        # in units of E s
        counts = {value: squares.count(value) for value in squares}
        b = [(as_mpf(value / mean), as_mpf(Fraction(k, m))) for value, k in counts.items()]
        free = as_mpf((features - examples) * variance / mean)
        ratio = as_mpf(m * variance / mean)
        entropy = mp.log(m) + _less_log_size(b, free, ratio, power, digits)
    return rounded(entropy, digits + 1 + int(math.log10(m)))


def _less_log_size(b: list[tuple[Any, Any]], free: Any, ratio: Any, power: int, digits: int) -> Any:
    """Effective rank less log m."""

    def g(w: Any) -> Any:
        return mp.fsum(k / (value + w) for value, k in b)

    def shift(w: Any) -> Any:
        return free / (1 + ratio * g(w))

    start = _begin(lambda w: w - shift(w), free + 1)

    def t_of(above: Any) -> Any:
        """t at w = start + above, as a difference to the 0 at start that does not cancel."""
        w = start + above
        if start == 0:
            return w - shift(w)
        fall = mp.fsum(k / (value + w) / (value + start) for value, k in b)
        return above * (1 - shift(w) * ratio * fall / (1 + ratio * g(start)))

    def slope(w: Any) -> Any:
        fall = mp.fsum(k / (value + w) ** 2 for value, k in b)
        return 1 - shift(w) * ratio * fall / (1 + ratio * g(w))

    def over(function: Callable[[Any, Any], Any]) -> Any:
        """Integral of function(t, E[s/(s + t)]) dt over t > 0."""

        def integrand(y: Any) -> Any:
            above = mp.exp(y)
            w = start + above
            c = shift(w)
            share = mp.fsum(k * (value + c) / (value + w) for value, k in b)
            return function(t_of(above), share) * slope(w) * above

        end = (2 * digits + 5) * mp.log(10)
        ends = mp.linspace(-end, end, 13)
        value, error = mp.quad(integrand, ends, error=True, maxdegree=FINEST)
        if error > mp.mpf(10) ** -(digits + 1) * abs(value):
            raise ArithmeticError(f"quadrature has not converged: {value}, error {error}")
        return value

    if power == 2:
        return -over(lambda t, share: 1 / (1 + t) - share)
    total = over(lambda t, share: share / mp.sqrt(t))
    slope_of_log = over(lambda t, share: share * mp.log(t) / mp.sqrt(t)) / total
    return mp.log(total / mp.pi) - slope_of_log / 2
