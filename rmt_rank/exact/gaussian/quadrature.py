"""Equations 4 to 7 by brute force: quadrature over the angle at any precision.

No moment, no distribution function and no derivative is taken from a closed form here: each is an
integral of the printed Jacobian (Appendix G, the display after Eq. 7). The rule and the change of
variable are those of `rmt_rank.exact.gaussian.angles`.
"""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Any

from rmt_rank.exact._numbers import (
    Number,
    as_mpf,
    bounded,
    check_digits,
    exact,
    exact_depth,
    positive,
    shown,
)
from rmt_rank.exact._precision import mp, rounded, working
from rmt_rank.exact.gaussian.angles import (
    Segment,
    expectation,
    guard_digits,
    integrate,
    solve_angle,
)
from rmt_rank.exact.gaussian.printed import (
    density,
    density_at,
    jacobian,
    jacobian_at,
    largest_log_square,
    singular_value,
)

__all__ = [
    "angle_of",
    "angles_of",
    "density",
    "differential_effective_rank",
    "differential_effective_rank_derivative",
    "jacobian",
    "law",
    "moment",
    "singular_value",
]


def _locate(x: Fraction, depth: Fraction, squared: bool, digits: int) -> tuple[int, int]:
    """Return the decimal digits to work with at x, and -1, 0, 1: below, inside, above the support.

    An x that agrees with the upper edge to more than 2 ``digits`` + 20 digits counts as the edge.
    """
    if x <= 0:
        return digits, -1
    extra = guard_digits(depth)
    with working(2 * digits + 30 + extra):
        log_s = mp.log(as_mpf(x)) * (1 if squared else 2)
        below = largest_log_square(as_mpf(depth)) - log_s
        if below < mp.mpf(10) ** (-2 * digits - 20):
            return digits, 1
        # Near the top log s_max - log s ~ phi^2, so that many digits cancel.
        return digits + extra + max(0, int(-mp.log10(below))), 0


def _log_square_of(x: Fraction, squared: bool) -> Any:
    return mp.log(as_mpf(x)) * (1 if squared else 2)


def angles_of(
    x: Number, depth: Number, *, squared: bool = True, digits: int = 40
) -> tuple[Any, Any]:
    """Return phi and pi/(L+1) - phi where s(phi) = x, each correct to ``digits`` digits.

    Parameters
    ----------
    x : number
        The value of sigma^2 (``squared``) or of sigma, strictly inside the support.
    depth : number
        L > 0.
    squared : bool
        Whether x is a squared singular value.
    digits : int
        Significant decimal digits.

    Returns
    -------
    tuple of two mpf
        In radians. They decrease and increase with the angle; their sum is pi/(depth + 1).

    Raises
    ------
    ValueError
        If x is not inside (0, x_max), or another argument is outside what is allowed.

    Examples
    --------
    >>> from mpmath import nstr
    >>> from rmt_rank.exact import angles_of
    >>> [nstr(angle, 15) for angle in angles_of(1, 2)]
    ['0.703857721301477', '0.343339829895121']
    """
    x_exact, L_exact, digits = exact("x", x), exact_depth(depth), check_digits(digits)
    if not isinstance(squared, bool):
        raise TypeError(f"squared is {shown(squared)}; allowed: True or False")
    work, side = _locate(x_exact, L_exact, squared, digits)
    if side:
        raise ValueError(f"x is {shown(x)}; allowed: strictly between 0 and the largest value")
    with working(work):
        phi, gap, _, _ = solve_angle(as_mpf(L_exact), _log_square_of(x_exact, squared))
    return rounded(phi, digits), rounded(gap, digits)


def angle_of(x: Number, depth: Number, *, squared: bool = True, digits: int = 40) -> Any:
    """Return the angle phi where s(phi) = x (or sigma(phi) = x), as one number.

    It carries as many digits as it takes for pi/(L+1) - phi, too, to be correct to ``digits``
    digits, once pi/(L+1) is computed in that precision; `angles_of` gives the two separately.

    Parameters
    ----------
    x : number
        As in `angles_of`.
    depth : number
        As in `angles_of`.
    squared : bool, default True
        As in `angles_of`.
    digits : int, default 40
        As in `angles_of`.

    Returns
    -------
    mpf
        The angle, in radians.

    Raises
    ------
    TypeError, ValueError
        As in `angles_of`.

    Examples
    --------
    >>> from mpmath import nstr
    >>> from rmt_rank.exact import angle_of
    >>> print(nstr(angle_of(1, 2), 15))
    0.703857721301477
    """
    phi, gap = angles_of(x, depth, squared=squared, digits=min(check_digits(digits) + 5, 2000))
    apart = abs(int(mp.mag(phi)) - int(mp.mag(gap)))
    carried = digits + 7 + math.ceil(apart / 3.32)
    if phi <= gap:  # phi determines the gap without loss of digits
        return rounded(phi, carried)
    with working(carried):
        return rounded(mp.pi / (as_mpf(exact_depth(depth)) + 1) - gap, carried)


def law(
    x: Number, depth: Number, *, squared: bool = True, digits: int = 40
) -> tuple[Any, Any, Any]:
    """Return density, distribution function and survival function at x.

    The density is Eq. 5 at the angle of x. The other two are each an integral of the printed
    Jacobian, over the angles beyond and before that of x, so that each keeps its relative precision
    however small it is.

    Parameters
    ----------
    x : number
        Where; any real number.
    depth : number
        L > 0.
    squared : bool
        Whether x is a squared singular value (the Fuss-Catalan law) or a singular value.
    digits : int
        Significant decimal digits of each result.

    Returns
    -------
    tuple of three mpf
        (pdf, cdf, sf). Outside the support the density is 0; at x = 0 it is its limit.

    Raises
    ------
    ValueError, TypeError
        If an argument is outside what is allowed.

    Examples
    --------
    >>> from mpmath import nstr
    >>> from rmt_rank.exact import law
    >>> [nstr(value, 10) for value in law(1, 3)]  # of the squared singular values
    ['0.1368777992', '0.7306499944', '0.2693500056']
    """
    x_exact, L_exact, digits = exact("x", x), exact_depth(depth), check_digits(digits)
    if not isinstance(squared, bool):
        raise TypeError(f"squared is {shown(squared)}; allowed: True or False")
    work, side = _locate(x_exact, L_exact, squared, digits)
    zero, one = rounded(0, digits), rounded(1, digits)
    if side > 0:
        return zero, one, zero
    if side < 0:
        return _density_at_zero(L_exact, squared, digits) if x_exact == 0 else zero, zero, one
    # round up to steps of 10 digits, so that all x share the nodes of the rule
    with working(10 * math.ceil((work + 12) / 10)):
        L = as_mpf(L_exact)
        phi, gap, y, eta = solve_angle(L, _log_square_of(x_exact, squared))
        pdf = density_at(phi, gap, L)
        if squared:
            pdf /= 2 * mp.sqrt(as_mpf(x_exact))
        cdf = integrate(lambda p, _: jacobian_at(p, L), L, Segment(mp.zero, y, eta))
        sf = integrate(lambda p, _: jacobian_at(p, L), L, Segment(y, eta, mp.zero, 1, 3))
    return rounded(pdf, digits), rounded(cdf, digits), rounded(sf, digits)


def _density_at_zero(depth: Fraction, squared: bool, digits: int) -> Any:
    """Return the limit of Eq. 5 at phi -> pi/(L+1), where p ~ gap^(-(L-1)/2)."""
    if squared or depth > 1:
        return rounded(mp.inf, digits)
    with working(digits):
        return rounded(2 / mp.pi if depth == 1 else 0, digits)


def _moment(z: Any, L: Any) -> Any:
    """Return E s^z at the working precision; s^z d phi ~ gap^((L+1) z) d gap at s = 0."""
    return expectation(lambda log_s: mp.exp(z * log_s), L, min(1, 1 + (L + 1) * z))


def moment(order: Number, depth: Number, *, digits: int = 30) -> Any:
    """Return the integral of s^order over the law, s = sigma^2.

    Parameters
    ----------
    order : number
        Any real number > -1/(depth + 1), below which the integral diverges, and at most 10^6.
    depth : number
        L > 0.
    digits : int
        Significant decimal digits.

    Returns
    -------
    mpf
        The moment E s^order.

    Raises
    ------
    ValueError, TypeError
        If an argument is outside what is allowed.

    Examples
    --------
    >>> from mpmath import nstr
    >>> from rmt_rank.exact import moment
    >>> print(nstr(moment(2, 3), 20))  # Fuss-Catalan: 4
    4.0
    """
    z, L_exact = bounded("order", order, -1, 10**6), exact_depth(depth)
    digits = check_digits(digits)
    if z * (L_exact + 1) <= -1:
        raise ValueError(f"order is {shown(order)}; allowed: > -1/(depth + 1), depth = {depth!r}")
    with working(digits + guard_digits(L_exact)):
        value = _moment(as_mpf(z), as_mpf(L_exact))
    return rounded(value, digits)


def differential_effective_rank(
    depth: Number, *, power: Number = 1, order: Number = 1, digits: int = 30
) -> Any:
    """Return the differential effective rank rho of a product of ``depth`` factors, in nats.

    Eq. 7, for t = sigma^power in place of sigma, c = E t:  rho = -E[(t/c) log(t/c)]; its Renyi
    version of order a is log(E[(t/c)^a]) / (1 - a). power = 1, order = 1 is Definition 6.

    Parameters
    ----------
    depth : number
        L >= 0; at 0 the matrix is orthogonal and rho = 0.
    power : number
        > 0; 2 is the Gram matrix.
    order : number or inf
        a >= 0; 1 is Shannon, 0 Hartley (always 0), ``math.inf`` the min-entropy.
    digits : int
        Significant decimal digits, at most 2000.  At depth 8, 100 take 1 s, 250 take 4 s, 500 take
        28 s, and 1000 more than 5 minutes.

    Returns
    -------
    mpf
        In nats; <= 0.

    Raises
    ------
    ValueError, TypeError
        If an argument is outside what is allowed.

    Examples
    --------
    >>> from mpmath import nstr
    >>> from rmt_rank.exact import differential_effective_rank
    >>> print(nstr(differential_effective_rank(8, digits=50), 40))
    -1.116099045429474383639305613634544673945
    """
    L_exact = exact_depth(depth, zero_allowed=True)
    z_exact, digits = positive("power", power) / 2, check_digits(digits)
    minimum = (isinstance(order, float) or hasattr(order, "_mpf_")) and order == mp.inf
    a_exact = Fraction(0) if minimum else exact("order", order)
    if a_exact < 0:
        raise ValueError(f"order is {shown(order)}; allowed: a number >= 0, or inf")
    if L_exact == 0 or (a_exact == 0 and not minimum):
        return rounded(0, digits)
    with working(digits + guard_digits(L_exact)):
        L, z, a = as_mpf(L_exact), as_mpf(z_exact), as_mpf(a_exact)
        log_c = mp.log(_moment(z, L))

        def shannon(log_s: Any) -> Any:
            log_share = z * log_s - log_c  # log(t/c)
            return -mp.exp(log_share) * log_share

        def renyi(log_s: Any) -> Any:
            return mp.exp(a * (z * log_s - log_c))

        if minimum:
            value = log_c - z * largest_log_square(L)
        elif a_exact == 1:
            value = expectation(shannon, L)
        else:
            value = mp.log(expectation(renyi, L)) / (1 - a)
    return rounded(value, digits)


def differential_effective_rank_derivative(
    depth: Number, *, power: Number = 1, order: Number = 1, digits: int = 30
) -> Any:
    """Return d rho / dL in nats per factor, by a central difference of the quadrature.

    The step is h = L 10^-(digits/2 + 2), so the truncation error h^2 rho'''/6 is below
    10^-(digits + 3) of the result where abs(L^2 rho''') <= 60 abs(rho'), which holds by a wide
    margin (rho' is smooth at 0 and about -1/L at infinity); the two values carry
    3/2 ``digits`` + 12 digits.

    Parameters
    ----------
    depth : number
        As in `differential_effective_rank`, but > 0.
    power, order : number, default 1
        As in `differential_effective_rank`.
    digits : int, default 30
        As in `differential_effective_rank`.

    Returns
    -------
    mpf
        The derivative, in nats per factor.

    Raises
    ------
    TypeError, ValueError
        As in `differential_effective_rank`, and if depth is 0.

    Examples
    --------
    >>> from mpmath import nstr
    >>> from rmt_rank.exact import differential_effective_rank_derivative
    >>> print(nstr(differential_effective_rank_derivative(2, digits=15), 12))
    -0.170301283651
    """
    L, digits = exact_depth(depth), check_digits(digits)
    half = digits // 2 + 2
    h = L / 10**half
    above, below = (
        differential_effective_rank(x, power=power, order=order, digits=digits + half + 10)
        for x in (L + h, L - h)
    )
    with working(digits + half + 10):
        value = (above - below) / (2 * as_mpf(h))
    return rounded(value, digits)
