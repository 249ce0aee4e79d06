"""Appendix G of the paper, Equations 5 and 7 to 11, exactly as printed, one point at a time.

Notation: L is the depth, phi the angle, 0 < phi < pi/(L+1), p the density of the singular values
sigma (not of their squares), sigma' = d sigma / d phi. Where a printed equation is wrong (Eq. 8:
its sign and its normalisation) it is kept as printed, and the form that holds stands beside it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from rmt_rank.exact._numbers import (
    Number,
    as_mpf,
    check_digits,
    exact,
    exact_depth,
    positive,
    shown,
)
from rmt_rank.exact._precision import alone, mp, rounded

__all__ = ["density", "jacobian", "paper_equation_8_ratio", "singular_value"]


def lost_bits(phi: Any, L: Any) -> int:
    """Return how many bits the printed numerators can lose to cancellation at this angle.

    Near phi = 0 the cosine polynomial of Eq. 9 and of the Jacobian is 2 L^2 (L+1)^2 phi^4 + ...,
    while its terms are of the order 1 + L^2.
    """
    return int(4 * max(0, -mp.mag(phi)) + 2 * abs(mp.mag(L)) + 20)


def log_square(phi: Any, gap: Any, L: Any) -> Any:
    """Return log s, s = sigma^2 of Eq. 5; ``gap`` = pi/(L+1) - phi, with sin((L+1) gap) in use.

    Taking the gap as a second argument keeps the relative precision where s is close to 0.
    """
    return (
        (L + 1) * mp.log(mp.sin((L + 1) * gap)) - mp.log(mp.sin(phi)) - L * mp.log(mp.sin(L * phi))
    )


def density_at(phi: Any, gap: Any, L: Any) -> Any:
    """Return p(sigma(phi)), Eq. 5, at the working precision."""
    a, b, c = mp.sin(phi), mp.sin(L * phi), mp.sin((L + 1) * gap)
    return 2 / mp.pi * mp.sqrt(a**3 * b ** (L - 2) / c ** (L - 1))


def jacobian_at(phi: Any, L: Any) -> Any:
    """Return the display after Eq. 7, at the working precision plus what its numerator loses."""
    with mp.workprec(mp.prec + lost_bits(phi, L)):
        numerator = (
            1
            + L
            + L**2
            - L * (L + 1) * mp.cos(2 * phi)
            - (L + 1) * mp.cos(2 * L * phi)
            + L * mp.cos(2 * (1 + L) * phi)
        )
        return numerator * mp.csc(L * phi) ** 2 / (2 * mp.pi)


def largest_log_square(L: Any) -> Any:
    """Return log sigma_max^2 = (L+1) log(L+1) - L log L (below Eq. 5), at working precision."""
    return (L + 1) * mp.log(L + 1) - L * mp.log(L)


def normalised_log_square(phi: Any, gap: Any, L: Any) -> tuple[Any, Any]:
    """Return log u and its derivative in L, u = sigma^2 / sigma_max^2 of Eq. 10."""
    log_u = log_square(phi, gap, L) - largest_log_square(L)
    slope = square_slope(phi, gap, L) + mp.log(L / (L + 1))
    return log_u, slope


def square_slope(phi: Any, gap: Any, L: Any) -> Any:
    """Return d log s / dL at a fixed angle."""
    return (
        mp.log(mp.sin((L + 1) * gap) / mp.sin(L * phi))
        - (L + 1) * phi * mp.cot((L + 1) * gap)
        - L * phi * mp.cot(L * phi)
    )


def equation_9(phi: Any, L: Any) -> tuple[Any, Any, Any, Any]:
    """Return h, v of Eq. 9 and their derivatives h', v' in L."""
    h = (
        1
        + L * (L + 1) * (1 - mp.cos(2 * phi))
        - (1 + L) * mp.cos(2 * L * phi)
        + L * mp.cos(2 * (1 + L) * phi)
    ) / (4 * mp.pi)
    h_slope = (
        (2 * L + 1) * (1 - mp.cos(2 * phi))
        - mp.cos(2 * L * phi)
        + (1 + L) * 2 * phi * mp.sin(2 * L * phi)
        + mp.cos(2 * (1 + L) * phi)
        - L * 2 * phi * mp.sin(2 * (1 + L) * phi)
    ) / (4 * mp.pi)
    v = mp.csc(L * phi)
    v_slope = -phi * mp.cot(L * phi) * v
    return h, h_slope, v, v_slope


def equation_11(phi: Any, L: Any, log_u: Any, log_u_slope: Any) -> Any:
    """Return the right side of Eq. 11 as printed, for a given log u and its L-derivative.

    The caller gives the working precision; h and h' lose about `lost_bits` of it.
    """
    h, h_slope, v, v_slope = equation_9(phi, L)
    u = mp.exp(log_u)
    u_slope = u * log_u_slope
    bracket = h * (2 + log_u) * v * u_slope + 2 * log_u * u * (v * h_slope + 2 * h * v_slope)
    return v * bracket / (2 * mp.sqrt(u))


def at_angle(
    angle: Number, depth: Number, digits: int, formula: Callable[[Any, Any, Any], Any]
) -> Any:
    """Return formula(phi, gap, L) in a precision fit for the angle, rounded to ``digits``."""
    phi_exact, L_exact = exact("angle", angle), exact_depth(depth)
    digits = check_digits(digits)
    size = phi_exact.numerator.bit_length() + phi_exact.denominator.bit_length()
    with alone(), mp.workprec(64 + int(3.33 * digits) + size):
        phi, L = as_mpf(phi_exact), as_mpf(L_exact)
        gap = mp.pi / (L + 1) - phi
        if phi <= 0 or gap <= 0:
            raise ValueError(
                f"angle is {shown(angle)}; allowed: 0 < angle < pi/(depth + 1) = "
                f"{mp.nstr(mp.pi / (L + 1), 17)}"
            )
        with mp.workprec(mp.prec + lost_bits(phi, L)):
            # The same angle again, now that the precision its two distances need is known.
            phi, L = as_mpf(phi_exact), as_mpf(L_exact)
            value = formula(phi, mp.pi / (L + 1) - phi, L)
    return rounded(value, digits)


def singular_value(angle: Number, depth: Number, *, digits: int = 30) -> Any:
    """Return sigma(phi), the right half of Eq. 5.

    Parameters
    ----------
    angle : number
        phi, in radians, 0 < phi < pi/(depth + 1).
    depth : number
        L > 0, the number of factors; any real number.
    digits : int
        Significant decimal digits of the result.

    Returns
    -------
    mpf
        The singular value at the angle.

    Raises
    ------
    ValueError, TypeError
        If an argument is outside what is allowed.

    Examples
    --------
    >>> from mpmath import mpf, nstr
    >>> from rmt_rank.exact import singular_value
    >>> print(nstr(singular_value(mpf("0.5"), 2), 12))
    1.70988284278
    """
    return at_angle(angle, depth, digits, lambda p, g, L: mp.exp(log_square(p, g, L) / 2))


def density(angle: Number, depth: Number, *, digits: int = 30) -> Any:
    """Return p(sigma(phi)), the left half of Eq. 5: the density of sigma, not of sigma^2.

    Parameters
    ----------
    angle, depth : number
        As in `singular_value`.
    digits : int, default 30
        As in `singular_value`.

    Returns
    -------
    mpf
        The density of sigma at sigma(phi).

    Raises
    ------
    TypeError, ValueError
        As in `singular_value`.

    Examples
    --------
    >>> from mpmath import mpf, nstr
    >>> from rmt_rank.exact import density
    >>> print(nstr(density(mpf("0.5"), 2), 12))
    0.21159553999
    """
    return at_angle(angle, depth, digits, density_at)


def jacobian(angle: Number, depth: Number, *, digits: int = 30) -> Any:
    """Return -p(sigma(phi)) sigma'(phi), the display after Eq. 7: the density of the angle.

    Parameters
    ----------
    angle, depth : number
        As in `singular_value`.
    digits : int, default 30
        As in `singular_value`.

    Returns
    -------
    mpf
        The density of the angle.

    Raises
    ------
    TypeError, ValueError
        As in `singular_value`.

    Examples
    --------
    >>> from mpmath import mpf, nstr
    >>> from rmt_rank.exact import jacobian
    >>> print(nstr(jacobian(mpf("0.5"), 2), 12))
    0.680303725722
    """
    return at_angle(angle, depth, digits, lambda p, g, L: jacobian_at(p, L))


def paper_equation_8_ratio(angle: Number, depth: Number, c: Number, *, digits: int = 30) -> Any:
    """Return left side over right side of Eq. 8 as printed; 1 would mean that it holds.

    The left side is the integrand of Eq. 7 with the normalisation ``c``, the right side is
    h v^2 log(u) sqrt(u) of Eq. 9-10. With c = sigma_max the ratio is -1 at every angle: the sign
    is wrong. With the c of Definition 6, E sigma, it depends on the angle: so is u.

    Parameters
    ----------
    angle, depth : number
        As in `singular_value`.
    c : number
        The normalisation, > 0.
    digits : int, default 30
        As in `singular_value`.

    Returns
    -------
    mpf
        The ratio at the angle.

    Examples
    --------
    >>> from mpmath import mpf, nstr
    >>> from rmt_rank.exact import paper_equation_8_ratio
    >>> print(nstr(paper_equation_8_ratio(mpf("0.5"), 2, 1), 12))  # not 1
    3.33138438507
    """
    c_exact = positive("c", c)

    def ratio(phi: Any, gap: Any, L: Any) -> Any:
        relative = mp.exp(log_square(phi, gap, L) / 2) / as_mpf(c_exact)
        left = -relative * mp.log(relative) * jacobian_at(phi, L)
        h, _, v, _ = equation_9(phi, L)
        log_u, _ = normalised_log_square(phi, gap, L)
        return left / (h * v**2 * log_u * mp.exp(log_u / 2))

    return at_angle(angle, depth, digits, ratio)
