"""The proof of Theorem 1 as printed, put to the test: where the derivative in L is positive.

The paper argues from the sign pattern of Eq. 11 over the angle. `integrand_derivative` gives that
integrand in three normalisations:

``"printed"``
    Eq. 11 as it stands, that is d/dL of h v^2 log(u) sqrt(u).
``"maximum"``
    The negative of that, the integrand of Eq. 7 with sigma_max instead of c. This restores the sign
    that Eq. 8 loses, but it is not an entropy, because c there is not the integral of sigma p.
``"mean"``
    The integrand of Eq. 7 with c = E sigma, which is what Definition 6 asks for. Its integral is
    d rho/dL. Both c and dc/dL come from quadrature.

Differentiating under the integral sign is allowed, but not for the paper's reason: the upper limit
pi/(L+1) depends on L, and the boundary term vanishes only because the integrand does so there.
"""

from __future__ import annotations

from fractions import Fraction
from typing import Any, Literal

from rmt_rank.exact._numbers import Number, as_mpf, check_digits, exact_depth, integer, shown
from rmt_rank.exact._precision import mp, rounded, working
from rmt_rank.exact.gaussian.angles import expectation, guard_digits, integrate, whole
from rmt_rank.exact.gaussian.printed import at_angle, equation_11, normalised_log_square

__all__ = [
    "Normalisation",
    "integrand_derivative",
    "integrand_derivative_area",
    "integrand_derivative_signs",
    "paper_integrand_derivative_area",
]

Normalisation = Literal["printed", "maximum", "mean"]


# Limits on depths, for which integrands are computed in seconds.
_LEAST, _MOST = Fraction(1, 10**6), 10**6


def _check(normalisation: str) -> None:
    if not isinstance(normalisation, str) or normalisation not in ("printed", "maximum", "mean"):
        raise ValueError(
            f"normalisation is {shown(normalisation)}; allowed: 'printed', 'maximum', 'mean'"
        )


def _maximum_over_mean(L: Any, normalisation: str) -> tuple[Any, Any]:
    """Return log(sigma_max^2 / c^2) and its derivative in L; 0, 0 unless "mean".

    The mean c is a quadrature of Eq. 7's kind, the derivative a central difference of two of them
    with step 10^(-d/2) L, d the working digits: its truncation error is of the order 10^-d.
    """
    if normalisation != "mean":
        return mp.mpf(0), mp.mpf(0)
    step = mp.mpf(10) ** (-(mp.dps // 2))

    def log_relative_mean(depth: Any) -> Any:
        top = (depth + 1) * mp.log(depth + 1) - depth * mp.log(depth)
        return mp.log(expectation(lambda log_s: mp.exp((log_s - top) / 2), depth))

    with mp.workdps(2 * mp.dps):
        value = -2 * log_relative_mean(L)
        difference = log_relative_mean(L * (1 + step)) - log_relative_mean(L * (1 - step))
        slope = -difference / (L * step)
    return value, slope


def _integrand(phi: Any, gap: Any, L: Any, shift: tuple[Any, Any], sign: int) -> Any:
    """Return sign * d/dL [h v^2 log(u) sqrt(u)], where log u is that of Eq. 10 plus a shift."""
    # h and h' lose up to four powers of the angle: hence twice the digits.
    with mp.workprec(2 * mp.prec):
        log_u, slope = normalised_log_square(phi, gap, L)
        return sign * equation_11(phi, L, log_u + shift[0], slope + shift[1])


def integrand_derivative(
    angle: Number, depth: Number, *, normalisation: Normalisation = "mean", digits: int = 30
) -> Any:
    """Return d/dL, at a fixed angle, of the integrand of Eq. 7.

    Parameters
    ----------
    angle : number
        phi, in radians, 0 < phi < pi/(depth + 1).
    depth : number
        L > 0.
    normalisation : {"mean", "maximum", "printed"}
        See the head of this module.
    digits : int
        Decimal digits, relative to the larger terms of the sum it is.

    Returns
    -------
    mpf
        Nats per factor and radian.

    Raises
    ------
    ValueError, TypeError
        If an argument is outside what is allowed.

    Examples
    --------
    >>> from mpmath import mpf, nstr
    >>> from rmt_rank.exact import integrand_derivative
    >>> print(nstr(integrand_derivative(mpf("0.5"), 2, digits=15), 12))
    -0.733919946995
    """
    _check(normalisation)
    L_exact = exact_depth(depth, least=_LEAST, most=_MOST)
    sign = 1 if normalisation == "printed" else -1
    with working(check_digits(digits) + guard_digits(L_exact)):
        shift = _maximum_over_mean(as_mpf(L_exact), normalisation)
    return at_angle(angle, depth, digits, lambda p, g, L: _integrand(p, g, L, shift, sign))


def integrand_derivative_area(
    depth: Number, *, normalisation: Normalisation = "mean", digits: int = 30
) -> Any:
    """Return the integral of `integrand_derivative` over all angles.

    With "mean" this is d rho/dL, with the derivative taken under the integral sign rather than of
    rho; with "printed" it is what the end of Appendix G says is negative.

    Parameters
    ----------
    depth : number
        As in `integrand_derivative`.
    normalisation : {"mean", "maximum", "printed"}, default "mean"
        As in `integrand_derivative`.
    digits : int, default 30
        As in `integrand_derivative`.

    Returns
    -------
    mpf
        Nats per factor.

    Raises
    ------
    TypeError, ValueError
        As in `integrand_derivative`.

    Examples
    --------
    >>> from mpmath import nstr
    >>> from rmt_rank.exact import integrand_derivative_area
    >>> print(nstr(integrand_derivative_area(2, digits=15), 10))
    -0.1703012837
    """
    _check(normalisation)
    L_exact, digits = exact_depth(depth, least=_LEAST, most=_MOST), check_digits(digits)
    sign = 1 if normalisation == "printed" else -1
    # at least as many digits as for the signs, so that both share the cached law
    with working(max(digits, 15) + guard_digits(L_exact)):
        L = as_mpf(L_exact)
        shift = _maximum_over_mean(L, normalisation)
        # u' / sqrt(u) ~ gap^((L+1)/2 - 1) at s = 0
        segment = whole(L, min(mp.mpf(1), (L + 1) / 2))
        value = integrate(lambda p, g: _integrand(p, g, L, shift, sign), L, segment)
    return rounded(value, digits)


def paper_integrand_derivative_area(depth: Number, *, digits: int = 30) -> Any:
    """Return the integral of Eq. 11 exactly as printed over 0 < phi < pi/(L+1).

    The paper says that it is negative. It is positive at every whole depth tried (0.01050 at L = 1,
    0.03482 at L = 2) and negative for small real ones (-0.09789 at L = 1/2).

    Parameters
    ----------
    depth : number
        As in `integrand_derivative`.
    digits : int, default 30
        As in `integrand_derivative`.

    Returns
    -------
    mpf
        The integral.

    Raises
    ------
    TypeError, ValueError
        As in `integrand_derivative`.

    Examples
    --------
    >>> from mpmath import nstr
    >>> from rmt_rank.exact import paper_integrand_derivative_area
    >>> print(nstr(paper_integrand_derivative_area(2, digits=15), 10))
    0.03482199038
    """
    return integrand_derivative_area(depth, normalisation="printed", digits=digits)


def integrand_derivative_signs(
    depth: Number, *, normalisation: Normalisation = "mean", points: int = 60
) -> str:
    """Return the signs of `integrand_derivative` from small to large angles, runs merged.

    Parameters
    ----------
    depth : number
        As in `integrand_derivative`.
    normalisation : {"mean", "maximum", "printed"}, default "mean"
        As in `integrand_derivative`.
    points : int
        How many equidistant angles are looked at, at least 2; a sample, not a proof.

    Returns
    -------
    str
        Such as ``"-+-"``.

    Examples
    --------
    >>> from rmt_rank.exact import integrand_derivative_signs
    >>> integrand_derivative_signs(2, points=20)
    '-+-'
    """
    _check(normalisation)
    points = integer("points", points, 2, 10**6)
    L_exact = exact_depth(depth, least=_LEAST, most=_MOST)
    pattern = ""
    sign = 1 if normalisation == "printed" else -1
    with working(15 + guard_digits(L_exact)):
        L = as_mpf(L_exact)
        shift = _maximum_over_mean(L, normalisation)
        end = mp.pi / (L + 1)
        for k in range(points):
            phi = end * (2 * k + 1) / (2 * points)
            mark = "+" if _integrand(phi, end - phi, L, shift, sign) > 0 else "-"
            pattern += mark if not pattern.endswith(mark) else ""
    return pattern
