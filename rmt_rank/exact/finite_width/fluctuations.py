r"""Limits of covariances of sums over the spectrum, from their kernel at any precision.

n_0, ..., n_L are the widths, N the smallest, nu_l = N/n_l, and zeta(x) = (1/x) prod_l (1 + x nu_l).
For the squared singular values s in units of their mean, whose law has the equation s = zeta(x),
and functions f and g of them,

    Cov(sum f, sum g) -> (2/beta) (1/(2 pi i))^2 oint oint f(zeta_1) g(zeta_2)/(x_1-x_2)^2 dx_1 dx_2

over two nested contours, x_1 on the outer one, beta = 1 for real and 2 for complex entries.  For
powers f = s^m, g = s^n it is a finite sum of rational numbers, the residues at 0:

    (2/beta) sum_(k=1)^n k [x^(m+k)] P^m [x^(n-k)] P^n,    P = prod_l (1 + x nu_l).

Contours.  With t = 1 + x the region outside the support contains the one of equal widths,
abs(t) < r(alpha) = sin((L+1) alpha)/sin(L alpha) at alpha = arg t.  So both contours may be curves
t = c r(alpha/kappa) exp(i alpha), L/(L+1) < c < 1, 0 < kappa < 1: r falls with alpha, and they
surround t = 1.  Their ends at t = 0, where s = 0, have different angles.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from fractions import Fraction
from typing import Any, NamedTuple

from flint import acb, arb, ctx, fmpq
from mpmath.libmp import from_man_exp

from rmt_rank.exact._numbers import Number, integer, members, positive, shown
from rmt_rank.exact._precision import mp, rounded, working_bits

__all__ = ["limit_trace_covariance", "limit_variance"]

MOST_POWER, MOST_FACTORS = 1000, 100
# (c - L/(L+1)) (L+1) and kappa of the outer contour and the inner one.
_CONTOURS = ((Fraction(9, 10), Fraction(9, 10)), (Fraction(1, 5), Fraction(3, 10)))
_MOST_DOUBLINGS = 5


def limit_trace_covariance(
    widths: Sequence[Number], m: int, n: int, *, field: str = "real"
) -> Fraction:
    """Return the limit of Cov(tr (W^H W)^m, tr (W^H W)^n) as all widths grow in proportion.

    Parameters
    ----------
    widths : sequence of number
        n_0, ..., n_L, positive; only their ratios matter.  The scale of the entries is that of
        E tr W^H W = N, N the smallest width.
    m, n : int
        From 1 to 1000.
    field : {"real", "complex"}
        Field of the entries.

    Returns
    -------
    Fraction
        The limit, exactly.

    Raises
    ------
    TypeError, ValueError
        If an argument is outside what is allowed.

    Examples
    --------
    >>> from rmt_rank.exact.finite_width.fluctuations import limit_trace_covariance
    >>> print(*(limit_trace_covariance((1, 1, 1), m, 1) for m in (1, 2, 3)))
    6 40 252
    """
    nu = _ratios(widths)
    m, n = integer("m", m, 1, MOST_POWER), integer("n", n, 1, MOST_POWER)
    first, second = _power(nu, m), _power(nu, n)
    total = sum(
        (k * first[m + k] * second[n - k] for k in range(1, n + 1) if m + k < len(first)),
        start=Fraction(0),
    )
    return _two_over_beta(field) * total


def limit_variance(
    widths: Sequence[Number], *, power: Number = 1, field: str = "real", digits: int = 12
) -> Any:
    """Return the limit of N^2 Var S, S the effective rank, from the double contour integral.

    Parameters
    ----------
    widths : sequence of number
        n_0, ..., n_L, positive; only their ratios matter.  N is the smallest.
    power : number
        > 0; the entropy is that of the normalised sigma^power.
    field : {"real", "complex"}
        Field of the entries.
    digits : int, default 12
        Significant decimal digits, at most 40.

    Returns
    -------
    mpf
        The limit.

    Raises
    ------
    TypeError, ValueError
        If an argument is outside what is allowed.
    ArithmeticError
        If the quadrature does not converge.

    Notes
    -----
    With u = s^z/E s^z, z = power/2, and rho = -E u log u, S moves by the sum over the spectrum of
    u (1 - rho) - u log u, over N.

    Examples
    --------
    >>> from rmt_rank.exact.finite_width.fluctuations import limit_variance
    >>> print(limit_variance((1, 1), digits=10))  # 5/32
    0.15625
    """
    nu, z = _ratios(widths), positive("power", power) / 2
    digits, scale = integer("digits", digits, 1, 40), _two_over_beta(field)
    previous, step = None, Fraction(1, 16)
    with working_bits(int(3.33 * digits) + 60):
        for _ in range(_MOST_DOUBLINGS):
            value = _double_integral([_arb(v) for v in nu], _arb(z), _arb(step)) * _arb(scale)
            # the error is about squared by every doubling; this asks for less
            if previous is not None and abs((value - previous) / value) ** 1.5 < arb(10) ** -digits:
                return rounded(_mpf(value.mid()), digits)
            previous, step = value, step / 2
    raise ArithmeticError(f"{_MOST_DOUBLINGS} doublings of the nodes do not give {digits} digits")


def _ratios(widths: Sequence[Number]) -> list[Fraction]:
    """The nu_l."""
    given = [positive("widths", n) for n in members("widths", widths, 2)]
    if len(given) > MOST_FACTORS + 1:
        raise ValueError(f"widths is {shown(widths)}; allowed: at most {MOST_FACTORS + 1} of them")
    return [min(given) / n for n in given]


def _two_over_beta(field: str) -> Fraction:
    if not isinstance(field, str) or field not in ("real", "complex"):
        raise ValueError(f"field is {shown(field)}; allowed: 'real' or 'complex'")
    return Fraction(2 if field == "real" else 1)


def _power(nu: list[Fraction], m: int) -> list[Fraction]:
    """Coefficients of prod_l (1 + x nu_l)^m."""
    coefficients = [Fraction(1)]
    for v in nu * m:
        coefficients = [
            a + v * b
            for a, b in zip([*coefficients, Fraction(0)], [Fraction(0), *coefficients], strict=True)
        ]
    return coefficients


class _Node(NamedTuple):
    """A node of a contour, with the weights of two integrals over it."""

    t: acb
    dt: acb
    log_power: acb  # z log zeta
    weight: acb  # (t/zeta) d zeta, since E f(s) = (1/2 pi i) oint f(zeta) (t/zeta) d zeta


def _double_integral(nu: list[arb], z: arb, step: arb) -> arb:
    """N^2 Var S for beta = 2, by the trapezoidal rule in a variable with the ends at infinity."""
    outer, inner = (_contour(nu, z, step, _arb(c), _arb(kappa)) for c, kappa in _CONTOURS)
    T = _mean(outer, [node.log_power.exp() for node in outer])
    Q = _mean(outer, [node.log_power * node.log_power.exp() for node in outer])
    rho = T.log() - Q / T

    def influence(node: _Node) -> acb:
        log_share = node.log_power - T.log()
        return log_share.exp() * (1 - rho - log_share) * node.dt

    second = [(node.t, influence(node)) for node in inner]
    total = arb(0)
    # the lower half of the outer contour gives the conjugate of the upper one
    for k, node in enumerate(outer[len(outer) // 2 :]):
        part = sum((g / (node.t - u) ** 2 for u, g in second), start=acb(0)) * influence(node)
        total += (2 if k else 1) * part.real
    return -total / (4 * arb.pi() ** 2)


def _contour(nu: list[arb], z: arb, step: arb, c: arb, kappa: arb) -> list[_Node]:
    """Nodes in ascending order of alpha, from -pi kappa/(L+1) to pi kappa/(L+1)."""
    L = len(nu) - 1
    scale, others = (L + c) / (L + 1), [v for v in nu if v != 1]
    equal = len(nu) - len(others)
    nodes = []
    # the integrand falls like exp(-pi sinh min(1, (L+1) z)) at both ends
    reach = math.asinh(0.7 * ctx.prec / (math.pi * min(1.0, (L + 1) * float(z))))
    last = int(reach / float(step)) + 1
    for k in range(-last, last + 1):
        v = k * step
        stretch = arb.pi() / 2 * v.sinh()
        # theta = (L+1) alpha/kappa, between -pi and pi, and its distance from the nearer end
        gap = 2 * arb.pi() / (1 + (2 * abs(stretch)).exp())
        side = (k > 0) - (k < 0)
        theta = side * (arb.pi() - gap)
        rate = arb.pi() ** 2 / 2 * v.cosh() / stretch.cosh() ** 2 * step
        phi = theta / (L + 1)
        r, slope = arb(L + 1) / L, arb(0)
        if k:
            sine = (L * phi).sin()
            r = side * gap.sin() / sine
            slope = ((L + 1) * theta.cos() - L * r * (L * phi).cos()) / sine
        phase = acb(0, kappa * phi).exp()
        t = scale * r * phase
        dt = scale * acb(slope, kappa * r) * phase * rate / (L + 1)
        # zeta = prod_l (1 - nu_l + nu_l t)/(t - 1)
        log_zeta, d_log = equal * t.log() - (t - 1).log(), equal / t - 1 / (t - 1)
        for ratio in others:
            log_zeta += (1 - ratio + ratio * t).log()
            d_log += ratio / (1 - ratio + ratio * t)
        nodes.append(_Node(t, dt, z * log_zeta, t * d_log * dt))
    return nodes


def _mean(nodes: list[_Node], values: list[acb]) -> arb:
    """The mean over the law; around the support the contour is clockwise in zeta."""
    terms = (value * node.weight for node, value in zip(nodes, values, strict=True))
    return -sum(terms, start=acb(0)).imag / (2 * arb.pi())


def _arb(number: Fraction) -> arb:
    return arb(fmpq(number.numerator, number.denominator))


def _mpf(point: arb) -> Any:
    mantissa, exponent = point.man_exp()
    return mp.make_mpf(from_man_exp(int(mantissa), int(exponent)))
